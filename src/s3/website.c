/* Websites: GET and HEAD at "<bucket>.s3-website..." find an object by the bucket's configuration,
 * or go elsewhere. Errors are pages; what is served is answered by GetObject and HeadObject. Nobody
 * signs such a request, so where signatures are required it may read what anybody may. */
#include "s3/ops.h"
#include "base/clock.h"

enum { RULES_MAX = 50 };

/* ---- the configuration ---- */

static void get_website(struct protocol_call *call)
{
    static const char *const members[] = {"ErrorDocument", "IndexDocument", "RedirectAllRequestsTo",
                                          "RoutingRules"};
    yyjson_val *document = s3_config_document(call);
    yyjson_val *website = mr_json_get(document, "website");
    if (document != NULL && website == NULL) {
        protocol_fail_member(call, "BucketName", s3_in(call, "Bucket"));
        protocol_fail(call, &s3_no_website,
                      "The specified bucket does not have a website configuration");
    }
    for (size_t i = 0; i < MR_COUNT(members); i++)
        if (mr_json_get(website, members[i]) != NULL)
            mr_json_key_value(&call->out, members[i], mr_json_get(website, members[i]));
}

static void delete_website(struct protocol_call *call)
{
    s3_config_store(call, "website", MR_S(""));
}

static enum mr_status check_protocol(struct protocol_call *call, yyjson_val *redirect)
{
    const struct mr_slice protocol = mr_json_get_text(redirect, "Protocol");
    if (protocol.len == 0 || mr_slice_equal(protocol, MR_S("http")) ||
        mr_slice_equal(protocol, MR_S("https")))
        return MR_OK;
    return protocol_fail(call, &s3_invalid_request,
                         "Invalid protocol, protocol can be http or https. If not defined the "
                         "protocol will be selected automatically.");
}

static bool is_code(struct mr_slice code, int first, int last)
{
    uint64_t number;
    return mr_slice_to_u64(code, &number) == MR_OK && number >= (uint64_t)first &&
           number <= (uint64_t)last;
}

static enum mr_status check_rule(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *redirect = mr_json_get(rule, "Redirect");
    yyjson_val *condition = mr_json_get(rule, "Condition");
    yyjson_val *code = mr_json_get(redirect, "HttpRedirectCode");
    yyjson_val *error = mr_json_get(condition, "HttpErrorCodeReturnedEquals");
    if (yyjson_obj_size(redirect) == 0)
        return s3_fail_malformed(call);
    if (mr_json_get(redirect, "ReplaceKeyWith") != NULL &&
        mr_json_get(redirect, "ReplaceKeyPrefixWith") != NULL)
        return protocol_fail(call, &s3_invalid_request,
                             "You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
    if (condition != NULL && yyjson_obj_size(condition) == 0)
        return protocol_fail(call, &s3_invalid_request,
                             "Condition cannot be empty. To redirect all requests without a "
                             "condition, the condition element shouldn't be present.");
    if (code != NULL && !is_code(mr_json_text(code), 301, 399))
        return protocol_fail(call, &s3_invalid_request,
                             "The provided HTTP redirect code (%.*s) is not valid. Valid codes are "
                             "3XX except 300.",
                             MR_ARG(mr_json_text(code)));
    if (error != NULL && !is_code(mr_json_text(error), 400, 599))
        return protocol_fail(call, &s3_invalid_request,
                             "The provided HTTP error code (%.*s) is not valid. Valid codes are "
                             "4XX or 5XX.",
                             MR_ARG(mr_json_text(error)));
    return check_protocol(call, redirect);
}

static enum mr_status check_rules(struct protocol_call *call, yyjson_val *rules)
{
    size_t at, count;
    yyjson_val *rule;
    if (rules != NULL && yyjson_arr_size(rules) == 0)
        return s3_fail_malformed(call);
    if (yyjson_arr_size(rules) > RULES_MAX)
        return protocol_fail(call, &s3_invalid_request,
                             "%zu routing rules provided, the number of routing rules in a website "
                             "configuration is limited to 50.",
                             yyjson_arr_size(rules));
    yyjson_arr_foreach(rules, at, count, rule)
    {
        if (check_rule(call, rule) != MR_OK)
            return MR_FAULT;
    }
    return MR_OK;
}

static enum mr_status check_documents(struct protocol_call *call, yyjson_val *website)
{
    yyjson_val *index = mr_json_get(website, "IndexDocument");
    yyjson_val *error = mr_json_get(website, "ErrorDocument");
    const struct mr_slice suffix = mr_json_get_text(index, "Suffix");
    if (index == NULL)
        return s3_fail_argument(call, "IndexDocument", MR_S("null"),
                                "A value for IndexDocument Suffix must be provided if "
                                "RedirectAllRequestsTo is empty");
    if (suffix.len == 0 || mr_slice_find(suffix, '/') != SIZE_MAX)
        return s3_fail_argument(call, "IndexDocument", suffix,
                                "The IndexDocument Suffix is not well formed");
    if (error != NULL && mr_json_get_text(error, "Key").len == 0)
        return s3_fail_malformed(call);
    return MR_OK;
}

static enum mr_status check_redirect_all(struct protocol_call *call, yyjson_val *website)
{
    yyjson_val *all = mr_json_get(website, "RedirectAllRequestsTo");
    if (yyjson_obj_size(website) > 1)
        return s3_fail_argument(call, "RedirectAllRequestsTo", MR_S("not null"),
                                "RedirectAllRequestsTo cannot be provided in conjunction with "
                                "other Routing Rules.");
    if (mr_json_get_text(all, "HostName").len == 0)
        return s3_fail_malformed(call);
    return check_protocol(call, all);
}

static void put_website(struct protocol_call *call)
{
    yyjson_val *website = mr_json_get(call->in, "WebsiteConfiguration");
    if (s3_check_bucket(call) != MR_OK)
        return;
    const enum mr_status status = mr_json_get(website, "RedirectAllRequestsTo") != NULL
                                      ? check_redirect_all(call, website)
                                  : check_documents(call, website) != MR_OK
                                      ? MR_FAULT
                                      : check_rules(call, mr_json_get(website, "RoutingRules"));
    if (status == MR_OK)
        s3_config_store(call, "website", s3_config_json(call, website));
}

/* ---- a request ---- */

struct site {
    struct protocol_call *call;
    struct mr_slice bucket, key; /* as the path says, decoded */
    yyjson_val *website;
};

static struct mr_slice encoded(struct protocol_call *call, struct mr_slice key)
{
    struct mr_buf buf = {0};
    mr_percent_encode(&buf, key, true);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void go_to(struct protocol_call *call, int status, struct mr_slice where)
{
    call->status = status;
    protocol_reply_header(call, MR_S("location"), where);
}

/* By a rule, or by the redirection of all, which has no key of its own. */
static void redirect_by(const struct site *site, yyjson_val *redirect, struct mr_slice prefix)
{
    struct protocol_call *call = site->call;
    struct mr_slice host = mr_json_get_text(redirect, "HostName"), key = site->key;
    const struct mr_slice protocol = mr_json_get_text(redirect, "Protocol");
    yyjson_val *whole = mr_json_get(redirect, "ReplaceKeyWith");
    yyjson_val *part = mr_json_get(redirect, "ReplaceKeyPrefixWith");
    uint64_t status = 301;
    if (mr_json_get(redirect, "HttpRedirectCode") != NULL &&
        mr_slice_to_u64(mr_json_get_text(redirect, "HttpRedirectCode"), &status) != MR_OK)
        status = 301;
    if (host.len == 0)
        host = call->exchange->host;
    if (whole != NULL)
        key = mr_json_text(whole);
    else if (part != NULL)
        key = mr_arena_printf(call->arena, "%.*s%.*s", MR_ARG(mr_json_text(part)),
                              MR_ARG(mr_slice_sub(key, prefix.len, SIZE_MAX)));
    go_to(call, (int)status,
          mr_arena_printf(call->arena, "%.*s://%.*s/%.*s",
                          MR_ARG(protocol.len > 0 ? protocol : MR_S("http")), MR_ARG(host),
                          MR_ARG(encoded(call, key))));
}

/* The first rule that fits goes; status 0: of a request that was not looked at yet. */
static bool redirect_by_rules(const struct site *site, int status)
{
    size_t at, count;
    yyjson_val *rule;
    yyjson_arr_foreach(mr_json_get(site->website, "RoutingRules"), at, count, rule)
    {
        yyjson_val *condition = mr_json_get(rule, "Condition");
        yyjson_val *error = mr_json_get(condition, "HttpErrorCodeReturnedEquals");
        const struct mr_slice prefix = mr_json_get_text(condition, "KeyPrefixEquals");
        uint64_t wanted = 0;
        if (error != NULL && mr_slice_to_u64(mr_json_text(error), &wanted) != MR_OK)
            continue;
        if (wanted != (uint64_t)status || !mr_slice_starts_with(site->key, prefix))
            continue;
        redirect_by(site, mr_json_get(rule, "Redirect"), prefix);
        return true;
    }
    return false;
}

static void write_time(struct protocol_call *call, struct mr_json *json, const char *header,
                       const char *member)
{
    int64_t ms;
    if (mr_date_parse(protocol_header(call, header), &ms) == MR_OK)
        mr_json_key_timestamp(json, member, ms);
}

/* The input of GetObject; conditions and ranges are for what the path itself means. */
static void input_make(const struct site *site, struct mr_slice key, bool plain)
{
    static const char *const headers[][2] = {
        {"range", "Range"}, {"if-match", "IfMatch"}, {"if-none-match", "IfNoneMatch"}};
    struct protocol_call *call = site->call;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Bucket", site->bucket);
    mr_json_key_string(&json, "Key", key);
    for (size_t i = 0; i < MR_COUNT(headers) && plain; i++)
        if (protocol_header(call, headers[i][0]).len > 0)
            mr_json_key_string(&json, headers[i][1], protocol_header(call, headers[i][0]));
    if (plain) {
        write_time(call, &json, "if-modified-since", "IfModifiedSince");
        write_time(call, &json, "if-unmodified-since", "IfUnmodifiedSince");
    }
    mr_json_object_end(&json);
    call->in = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
}

/* Sets the input for the key. 200: it is there, and may be read; else the fault is set, and this is
 * its status. */
static int look(const struct site *site, struct mr_slice key, bool plain, struct s3_meta *ret_meta)
{
    struct protocol_call *call = site->call;
    const struct s3_which which = {.bucket = site->bucket, .key = key};
    input_make(site, key, plain);
    s3_authorize_as(call, "GetObject");
    if (protocol_failed(call))
        return 403;
    const enum mr_status found = s3_find(s3_of(call), call->arena, &which, ret_meta, &call->ticket);
    if (found == MR_OK)
        return 200;
    (void)s3_fail_missing(call, &which, found, ret_meta);
    return found == MR_NOT_FOUND ? 404 : 500;
}

static bool is_folder(struct mr_slice key)
{
    return key.len == 0 || key.ptr[key.len - 1] == '/';
}

static bool is_there(const struct site *site, struct mr_slice key)
{
    struct s3_meta meta;
    const struct s3_which which = {.bucket = site->bucket, .key = key};
    int64_t ticket;
    return s3_find(s3_of(site->call), site->call->arena, &which, &meta, &ticket) == MR_OK;
}

/* A path without the slash that its index lies behind; the fault is set, and taken if so. AWS: also
 * where nobody may list, and so a missing object is only refused, when the index may be read. */
static bool leads_to_index(const struct site *site, struct mr_slice suffix, int status)
{
    struct protocol_call *call = site->call;
    struct s3_meta meta;
    const struct mr_slice index =
        mr_arena_printf(call->arena, "%.*s/%.*s", MR_ARG(site->key), MR_ARG(suffix));
    if (is_folder(site->key) || (status != 403 && status != 404) || is_there(site, site->key) ||
        !is_there(site, index))
        return false;
    const struct mr_slice message = protocol_fault_take(call);
    if (status == 404 || look(site, index, true, &meta) == 200)
        return true;
    (void)protocol_fault_take(call);
    protocol_fail_slice(call, &s3_access_denied, message);
    return false;
}

/* The fault is set: a rule for it, the document for errors, or its page. */
static const char *answer_error(const struct site *site, const char *operation, int status)
{
    struct protocol_call *call = site->call;
    struct s3_meta meta;
    yyjson_val *error = mr_json_get(site->website, "ErrorDocument");
    if (redirect_by_rules(site, status)) {
        (void)protocol_fault_take(call);
        return NULL;
    }
    if (error == NULL || status >= 500)
        return NULL;
    const char *code = protocol_fault_code(call);
    const struct mr_slice message = protocol_fault_take(call);
    if (look(site, mr_json_get_text(error, "Key"), false, &meta) == 200) {
        call->status = status;
        return operation;
    }
    /* AWS: the error that there was first. */
    (void)protocol_fault_take(call);
    protocol_fail_slice(call, strcmp(code, "NoSuchKey") == 0 ? &s3_no_such_key : &s3_access_denied,
                        message);
    return NULL;
}

static const char *answer(const struct site *site, const char *operation)
{
    struct protocol_call *call = site->call;
    struct s3_meta meta;
    yyjson_val *all = mr_json_get(site->website, "RedirectAllRequestsTo");
    const struct mr_slice suffix =
        mr_json_get_text(mr_json_get(site->website, "IndexDocument"), "Suffix");
    if (all != NULL) {
        redirect_by(site, all, MR_S(""));
        return NULL;
    }
    if (redirect_by_rules(site, 0))
        return NULL;
    struct mr_slice key = site->key;
    if (is_folder(key))
        key = mr_arena_printf(call->arena, "%.*s%.*s", MR_ARG(key), MR_ARG(suffix));
    const int status = look(site, key, true, &meta);
    if (status == 200 && meta.headers[S3_REDIRECT].len > 0) {
        go_to(call, 301, meta.headers[S3_REDIRECT]);
        return NULL;
    }
    if (status == 200)
        return operation;
    if (leads_to_index(site, suffix, status)) {
        go_to(call, 302, mr_arena_printf(call->arena, "/%.*s/", MR_ARG(encoded(call, site->key))));
        return NULL;
    }
    return answer_error(site, operation, status);
}

const char *s3_website(struct protocol_call *call, struct mr_slice bucket, struct mr_slice path)
{
    const struct mr_slice method = call->exchange->method;
    const bool head = mr_slice_equal(method, MR_S("HEAD"));
    struct site site = {.call = call, .bucket = bucket};
    yyjson_val *document;
    site.key = mr_percent_decode(call->arena, path, false);
    if (!head && !mr_slice_equal(method, MR_S("GET"))) {
        protocol_fail_member(call, "Method", method);
        protocol_fail_member(call, "ResourceType", MR_S("OBJECT"));
        protocol_fail(call, &s3_method_not_allowed,
                      "The specified method is not allowed against this resource.");
        return NULL;
    }
    const enum mr_status status = s3_bucket_get(s3_of(call), call->arena, bucket, &document);
    if (status == MR_NOT_FOUND)
        s3_fail_no_bucket(call, bucket);
    protocol_fail_internal(call, status);
    if (protocol_failed(call))
        return NULL;
    site.website = mr_json_get(document, "website");
    if (site.website == NULL) {
        protocol_fail_member(call, "BucketName", bucket);
        protocol_fail(call, &s3_no_website,
                      "The specified bucket does not have a website configuration");
        return NULL;
    }
    return answer(&site, head ? "HeadObject" : "GetObject");
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketWebsite", .run = delete_website},
    {.operation = "GetBucketWebsite", .run = get_website},
    {.operation = "PutBucketWebsite", .run = put_website},
};
const struct s3_handlers s3_website_handlers = {handlers, MR_COUNT(handlers)};
