/* Faults as each protocol and service writes them. */
#include "base/codec.h"
#include "protocol/internal.h"
#include "protocol/xml.h"

/* Faults that every service words alike, for what is ours and not a handler's. */
struct generic_faults {
    const char *service;
    struct protocol_fault validation, internal, busy;
};
static const struct generic_faults generic_faults[] = {
    {"athena",
     {"InvalidRequestException", 400, false},
     {"InternalServerException", 500, true},
     {"TooManyRequestsException", 400, false}},
    {"cloudformation",
     {"ValidationError", 400, false},
     {"InternalFailure", 500, true},
     {"Throttling", 400, false}},
    {"cloudwatch",
     {"ValidationError", 400, false},
     {"InternalServiceError", 500, true},
     {"Throttling", 400, false}},
    {"dynamodb",
     {"ValidationException", 400, false},
     {"InternalServerError", 500, true},
     {"ThrottlingException", 400, false}},
    {"dynamodbstreams",
     {"ValidationException", 400, false},
     {"InternalServerError", 500, true},
     {"ThrottlingException", 400, false}},
    {"firehose",
     {"ValidationException", 400, false},
     {"InternalFailure", 500, true},
     {"ServiceUnavailableException", 503, true}},
    {"glue",
     {"ValidationException", 400, false},
     {"InternalServiceException", 500, true},
     {"ThrottlingException", 400, false}},
    {"iam",
     {"ValidationError", 400, false},
     {"ServiceFailure", 500, true},
     {"Throttling", 400, false}},
    {"kinesis",
     {"ValidationException", 400, false},
     {"InternalFailure", 500, true},
     {"LimitExceededException", 400, false}},
    {"lambda",
     {"ValidationException", 400, false},
     {"ServiceException", 500, true},
     {"TooManyRequestsException", 429, false}},
    {"logs",
     {"InvalidParameterException", 400, false},
     {"InternalFailure", 500, true},
     {"ThrottlingException", 400, false}},
    {"pipes",
     {"ValidationException", 400, false},
     {"InternalException", 500, true},
     {"ThrottlingException", 429, false}},
    {"s3", {"InvalidArgument", 400, false}, {"InternalError", 500, true}, {"SlowDown", 503, true}},
    {"ssm",
     {"ValidationException", 400, false},
     {"InternalServerError", 500, true},
     {"ThrottlingException", 400, false}},
    {"sts",
     {"ValidationError", 400, false},
     {"InternalFailure", 500, true},
     {"Throttling", 400, false}},
};
static const struct generic_faults fallback = {
    "",
    {"ValidationException", 400, false},
    {"InternalFailure", 500, true},
    {"ThrottlingException", 400, false},
};

static const struct generic_faults *generic_of(const struct model_service *service)
{
    for (size_t i = 0; service != NULL && i < MR_COUNT(generic_faults); i++)
        if (strcmp(generic_faults[i].service, service->name) == 0)
            return &generic_faults[i];
    return &fallback;
}

const struct protocol_fault *fault_internal(const struct model_service *service)
{
    return &generic_of(service)->internal;
}

const struct protocol_fault *fault_busy(const struct model_service *service)
{
    return &generic_of(service)->busy;
}

const struct protocol_fault *fault_validation(const struct model_service *service)
{
    return &generic_of(service)->validation;
}

/* A handler names protocol_validation whatever its service calls the same thing. */
static const struct protocol_fault *fault_effective(const struct protocol_call *call)
{
    const struct protocol_fault *fault = call->priv->fault;
    if (fault == &protocol_validation && call->priv->service != NULL)
        return fault_validation(call->priv->service->model);
    return fault;
}

/* AWS: DynamoDB alone puts a namespace before the code, and which one depends on the layer of the
 * service that refused: validator, framework or service. */
static const char *type_prefix(const struct protocol_call *call, const struct protocol_fault *fault)
{
    const struct protocol_service *service = call->priv->service;
    if (service == NULL || service->model->name[0] != 'd')
        return "";
    if (strcmp(fault->code, "ValidationException") == 0)
        return "com.amazon.coral.validate#";
    static const char *const framework[] = {
        "SerializationException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "IncompleteSignatureException",
        "MissingAuthenticationTokenException",
        "ExpiredTokenException",
        "AccessDeniedException",
        "NotImplemented",
    };
    for (size_t i = 0; i < MR_COUNT(framework); i++)
        if (strcmp(fault->code, framework[i]) == 0)
            return "com.amazon.coral.service#";
    return "com.amazonaws.dynamodb.v20120810#";
}

static struct mr_slice message_name(const struct protocol_call *call,
                                    const struct protocol_fault *fault)
{
    const struct protocol_service *service = call->priv->service;
    if (strcmp(fault->code, "SerializationException") == 0)
        return MR_S("Message");
    const struct model_error *error =
        service == NULL ? NULL : model_error_find(service->model, mr_slice_cstr(fault->code));
    if (error == NULL || error->message == 0)
        return strcmp(fault->code, "AccessDeniedException") == 0 ? MR_S("Message")
                                                                 : MR_S("message");
    return model_text(service->model, error->message);
}

void fault_members(const struct protocol_call *call, struct mr_json *json)
{
    for (struct protocol_member *member = call->priv->members; member != NULL;
         member = member->next) {
        mr_json_name(json, member->name);
        mr_json_raw(json, member->value);
    }
}

static void render_json(struct protocol_call *call, const struct protocol_fault *fault,
                        struct mr_buf *body)
{
    const bool rest = call->priv->wire == MODEL_REST_JSON;
    struct mr_json json = mr_json_make(body);
    mr_json_object(&json);
    if (rest) {
        reply_header(call, "x-amzn-errortype", mr_slice_cstr(fault->code));
        if (call->priv->service != NULL && strcmp(call->priv->service->model->name, "lambda") == 0)
            mr_json_key_cstr(&json, "Type", fault->server_side ? "Service" : "User");
    } else {
        const struct mr_slice type =
            mr_arena_printf(call->arena, "%s%s", type_prefix(call, fault), fault->code);
        mr_json_key_string(&json, "__type", type);
        if (strcmp(call->priv->service == NULL ? "" : call->priv->service->model->name, "athena") ==
                0 &&
            strcmp(fault->code, "InvalidRequestException") == 0 && call->priv->members == NULL)
            mr_json_key_cstr(&json, "AthenaErrorCode", "INVALID_INPUT");
    }
    if (call->priv->message.len > 0) {
        mr_json_name(&json, message_name(call, fault));
        mr_json_string(&json, call->priv->message);
    }
    fault_members(call, &json);
    mr_json_object_end(&json);
}

static void render_query(struct protocol_call *call, const struct protocol_fault *fault,
                         struct mr_buf *body)
{
    const struct protocol_service *service = call->priv->service;
    mr_buf_printf(body,
                  "<ErrorResponse xmlns=\"%s\">\n  <Error>\n    <Type>%s</Type>\n    "
                  "<Code>%s</Code>\n    <Message>",
                  service == NULL ? "http://webservices.amazon.com/AWSFault/2005-15-09"
                                  : service->model->xml_namespace,
                  fault->server_side ? "Receiver" : "Sender", fault->code);
    xml_escape(body, call->priv->message);
    mr_buf_append(body, MR_S("</Message>\n"));
    for (struct protocol_member *member = call->priv->members; member != NULL;
         member = member->next)
        xml_element(body, member->name, member->value);
    mr_buf_printf(body, "  </Error>\n  <RequestId>%.*s</RequestId>\n</ErrorResponse>\n",
                  MR_ARG(call->request_id));
}

static void render_s3(struct protocol_call *call, const struct protocol_fault *fault,
                      struct mr_buf *body)
{
    mr_buf_printf(body,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>",
                  fault->code);
    xml_escape(body, call->priv->message);
    mr_buf_append(body, MR_S("</Message>"));
    for (struct protocol_member *member = call->priv->members; member != NULL;
         member = member->next)
        xml_element(body, member->name, member->value);
    mr_buf_printf(body, "<RequestId>%.*s</RequestId><HostId>%.*s</HostId></Error>",
                  MR_ARG(call->request_id), MR_ARG(call->request_id));
}

static void page_item(struct mr_buf *body, struct mr_slice name, struct mr_slice value)
{
    mr_buf_append(body, MR_S("<li>"));
    xml_escape(body, name);
    mr_buf_append(body, MR_S(": "));
    xml_escape(body, value);
    mr_buf_append(body, MR_S("</li>\n"));
}

/* As the endpoints of websites tell people. */
static void render_page(struct protocol_call *call, const struct protocol_fault *fault,
                        struct mr_buf *body)
{
    const char *reason = http_reason(fault->status);
    mr_buf_printf(body, "<html>\n<head><title>%d %s</title></head>\n<body>\n<h1>%d %s</h1>\n<ul>\n",
                  fault->status, reason, fault->status, reason);
    page_item(body, MR_S("Code"), mr_slice_cstr(fault->code));
    page_item(body, MR_S("Message"), call->priv->message);
    for (struct protocol_member *member = call->priv->members; member != NULL;
         member = member->next)
        page_item(body, member->name, member->value);
    page_item(body, MR_S("RequestId"), call->request_id);
    page_item(body, MR_S("HostId"), call->request_id);
    mr_buf_append(body, MR_S("</ul>\n<hr/>\n</body>\n</html>\n"));
    reply_header(call, "content-type", MR_S("text/html; charset=utf-8"));
    call->priv->content_type_sent = true;
}

void fault_render(struct protocol_call *call)
{
    const struct protocol_fault *fault = fault_effective(call);
    struct mr_buf *body = &call->exchange->reply_body;
    mr_buf_reset(body);
    call->exchange->status = fault->status;
    if (call->priv->bare) {
        mr_buf_append(body, call->priv->message);
        return;
    }
    call->priv->content_type_sent = false;
    if (call->priv->page && fault->status != 304) {
        render_page(call, fault, body);
        return;
    }
    if (mr_slice_equal(call->exchange->method, MR_S("HEAD")) || fault->status == 304) {
        /* AWS: S3 says what the text would be that a HEAD does not get. */
        if (call->priv->wire == MODEL_REST_XML && fault->status != 304)
            reply_header(call, "content-type", MR_S("application/xml"));
        return;
    }
    switch (call->priv->wire) {
    case MODEL_CBOR:
        render_json(call, fault, body);
        encode_cbor(false, NULL, NULL, body);
        break;
    case MODEL_JSON:
    case MODEL_REST_JSON: render_json(call, fault, body); break;
    case MODEL_QUERY: render_query(call, fault, body); break;
    case MODEL_REST_XML: render_s3(call, fault, body); break;
    }
}
