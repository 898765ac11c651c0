/* The wire: PutBucketLogging, GetBucketLogging; the line that a request leaves in an access log. */
#include "s3/ops.h"
#include "s3/access_log.h"

/* ---- configurations ---- */

static void get_logging(struct protocol_call *call)
{
    yyjson_val *enabled = mr_json_get(s3_config_document(call), "logging");
    if (enabled != NULL)
        mr_json_key_value(&call->out, "LoggingEnabled", enabled);
}

static enum mr_status check_grants(struct protocol_call *call, yyjson_val *enabled)
{
    size_t at, count;
    yyjson_val *grant;
    yyjson_arr_foreach(mr_json_get(enabled, "TargetGrants"), at, count, grant)
    {
        const struct mr_slice what = mr_json_get_text(grant, "Permission");
        if (!mr_slice_equal(what, MR_S("FULL_CONTROL")) && !mr_slice_equal(what, MR_S("READ")) &&
            !mr_slice_equal(what, MR_S("WRITE")))
            return s3_fail_malformed(call);
    }
    return MR_OK;
}

static enum mr_status check_naming(struct protocol_call *call, yyjson_val *enabled)
{
    yyjson_val *format = mr_json_get(enabled, "TargetObjectKeyFormat");
    yyjson_val *parts = mr_json_get(format, "PartitionedPrefix");
    const struct mr_slice by = mr_json_get_text(parts, "PartitionDateSource");
    const bool simple = mr_json_get(format, "SimplePrefix") != NULL;
    if (format != NULL && (simple == (parts != NULL)))
        return s3_fail_malformed(call);
    if (parts != NULL && !mr_slice_equal(by, MR_S("EventTime")) &&
        !mr_slice_equal(by, MR_S("DeliveryTime")))
        return s3_fail_malformed(call);
    return MR_OK;
}

/* AWS: logs stay in the region. */
static enum mr_status check_target(struct protocol_call *call, yyjson_val *document,
                                   yyjson_val *enabled)
{
    const struct mr_slice target = mr_json_get_text(enabled, "TargetBucket");
    yyjson_val *other;
    const enum mr_status status = s3_bucket_get(s3_of(call), call->arena, target, &other);
    if (status == MR_NOT_FOUND) {
        protocol_fail_member(call, "TargetBucket", target);
        return protocol_fail(call, &s3_invalid_target,
                             "The target bucket for logging does not exist");
    }
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return MR_FAULT;
    if (yyjson_arr_size(mr_json_get(enabled, "TargetGrants")) > 0 && s3_acl_disabled(other))
        return s3_fail_no_acl(call);
    const struct mr_slice region = mr_json_get_text(other, "region");
    if (mr_slice_equal(region, mr_json_get_text(document, "region")))
        return MR_OK;
    protocol_fail_member(call, "TargetBucketLocation", region);
    return protocol_fail(call, &s3_cross_location, "Cross S3 location logging not allowed. ");
}

static void put_logging(struct protocol_call *call)
{
    yyjson_val *enabled =
        mr_json_get(mr_json_get(call->in, "BucketLoggingStatus"), "LoggingEnabled");
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    if (enabled != NULL && (mr_json_get(enabled, "TargetBucket") == NULL ||
                            mr_json_get(enabled, "TargetPrefix") == NULL)) {
        s3_fail_malformed(call);
        return;
    }
    if (enabled != NULL &&
        (check_naming(call, enabled) != MR_OK || check_grants(call, enabled) != MR_OK ||
         check_target(call, document, enabled) != MR_OK))
        return;
    s3_config_store(call, "logging", enabled != NULL ? s3_config_json(call, enabled) : MR_S(""));
    if (!protocol_failed(call))
        s3_access_log_set(s3_of(call)->log, s3_in(call, "Bucket"), enabled);
}

static enum mr_status load(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct s3 *s3 = ctx;
    struct mr_arena arena;
    if (mr_slice_search(json, MR_S("\"logging\"")) == SIZE_MAX)
        return MR_OK;
    mr_arena_init(&arena);
    yyjson_val *document = mr_json_parse(&arena, json, MR_JSON_DEPTH_MAX);
    if (mr_json_get(document, "logging") != NULL)
        s3_access_log_set(s3->log, name, mr_json_get(document, "logging"));
    mr_arena_fini(&arena);
    return MR_OK;
}

enum mr_status s3_logging_load(struct s3 *s3)
{
    return store_doc_each(s3->options.store, "s3", "bucket", MR_S(""), load, s3);
}

/* ---- what AWS calls an operation ---- */

/* By the names of the model; what is not there is "<METHOD>.<the model's name>" in capitals. */
static const struct {
    const char *operation, *name;
} names[] = {
    {"AbortMultipartUpload", "DELETE.UPLOAD"},
    {"CompleteMultipartUpload", "POST.UPLOAD"},
    {"CopyObject", "COPY.OBJECT"},
    {"CreateBucket", "PUT.BUCKET"},
    {"CreateMultipartUpload", "POST.UPLOADS"},
    {"DeleteBucket", "DELETE.BUCKET"},
    {"DeleteBucketCors", "DELETE.CORS"},
    {"DeleteBucketEncryption", "DELETE.ENCRYPTION"},
    {"DeleteBucketLifecycle", "DELETE.LIFECYCLE"},
    {"DeleteBucketMetricsConfiguration", "DELETE.METRICS"},
    {"DeleteBucketOwnershipControls", "DELETE.OWNERSHIP_CONTROLS"},
    {"DeleteBucketPolicy", "DELETE.BUCKETPOLICY"},
    {"DeleteBucketReplication", "DELETE.REPLICATION"},
    {"DeleteBucketTagging", "DELETE.TAGGING"},
    {"DeleteBucketWebsite", "DELETE.WEBSITE"},
    {"DeleteObject", "DELETE.OBJECT"},
    {"DeleteObjects", "POST.MULTI_OBJECT_DELETE"},
    {"DeleteObjectTagging", "DELETE.OBJECT_TAGGING"},
    {"DeletePublicAccessBlock", "DELETE.PUBLIC_ACCESS_BLOCK"},
    {"GetBucketAccelerateConfiguration", "GET.ACCELERATE"},
    {"GetBucketAcl", "GET.ACL"},
    {"GetBucketCors", "GET.CORS"},
    {"GetBucketEncryption", "GET.ENCRYPTION"},
    {"GetBucketLifecycleConfiguration", "GET.LIFECYCLE"},
    {"GetBucketLocation", "GET.LOCATION"},
    {"GetBucketLogging", "GET.LOGGING_STATUS"},
    {"GetBucketMetricsConfiguration", "GET.METRICS"},
    {"GetBucketNotificationConfiguration", "GET.NOTIFICATION"},
    {"GetBucketOwnershipControls", "GET.OWNERSHIP_CONTROLS"},
    {"GetBucketPolicy", "GET.BUCKETPOLICY"},
    {"GetBucketPolicyStatus", "GET.POLICY_STATUS"},
    {"GetBucketReplication", "GET.REPLICATION"},
    {"GetBucketRequestPayment", "GET.REQUEST_PAYMENT"},
    {"GetBucketTagging", "GET.TAGGING"},
    {"GetBucketVersioning", "GET.VERSIONING"},
    {"GetBucketWebsite", "GET.WEBSITE"},
    {"GetObject", "GET.OBJECT"},
    {"GetObjectAcl", "GET.ACL"},
    {"GetObjectAttributes", "GET.OBJECT_ATTRIBUTES"},
    {"GetObjectLegalHold", "GET.LEGAL_HOLD"},
    {"GetObjectLockConfiguration", "GET.OBJECT_LOCK_CONFIGURATION"},
    {"GetObjectRetention", "GET.OBJECT_LOCK_RETENTION"},
    {"GetObjectTagging", "GET.OBJECT_TAGGING"},
    {"GetPublicAccessBlock", "GET.PUBLIC_ACCESS_BLOCK"},
    {"HeadBucket", "HEAD.BUCKET"},
    {"HeadObject", "HEAD.OBJECT"},
    {"ListMultipartUploads", "GET.UPLOADS"},
    {"ListObjects", "GET.BUCKET"},
    {"ListObjectsV2", "GET.BUCKET"},
    {"ListObjectVersions", "GET.BUCKETVERSIONS"},
    {"ListParts", "GET.UPLOAD"},
    {"PutBucketAcl", "PUT.ACL"},
    {"PutBucketCors", "PUT.CORS"},
    {"PutBucketEncryption", "PUT.ENCRYPTION"},
    {"PutBucketLifecycleConfiguration", "PUT.LIFECYCLE"},
    {"PutBucketLogging", "PUT.LOGGING_STATUS"},
    {"PutBucketMetricsConfiguration", "PUT.METRICS"},
    {"PutBucketNotificationConfiguration", "PUT.NOTIFICATION"},
    {"PutBucketOwnershipControls", "PUT.OWNERSHIP_CONTROLS"},
    {"PutBucketPolicy", "PUT.BUCKETPOLICY"},
    {"PutBucketReplication", "PUT.REPLICATION"},
    {"PutBucketRequestPayment", "PUT.REQUEST_PAYMENT"},
    {"PutBucketTagging", "PUT.TAGGING"},
    {"PutBucketVersioning", "PUT.VERSIONING"},
    {"PutBucketWebsite", "PUT.WEBSITE"},
    {"PutBucketAccelerateConfiguration", "PUT.ACCELERATE"},
    {"PutObject", "PUT.OBJECT"},
    {"PutObjectAcl", "PUT.ACL"},
    {"PutObjectLegalHold", "PUT.LEGAL_HOLD"},
    {"PutObjectLockConfiguration", "PUT.OBJECT_LOCK_CONFIGURATION"},
    {"PutObjectRetention", "PUT.OBJECT_LOCK_RETENTION"},
    {"PutObjectTagging", "PUT.OBJECT_TAGGING"},
    {"PutPublicAccessBlock", "PUT.PUBLIC_ACCESS_BLOCK"},
    {"RestoreObject", "POST.RESTORE"},
    {"UploadPart", "PUT.PART"},
    {"UploadPartCopy", "COPY.PART"},
};

static struct mr_slice operation_text(struct protocol_call *call, bool of_object)
{
    const char *operation = call->operation_name == NULL ? "" : call->operation_name;
    const struct mr_slice method = call->exchange->method;
    const bool site = mr_slice_search(call->exchange->host, MR_S(".s3-website")) != SIZE_MAX;
    if (site)
        return mr_arena_printf(call->arena, "WEBSITE.%.*s.OBJECT", MR_ARG(method));
    for (size_t i = 0; i < MR_COUNT(names); i++)
        if (strcmp(names[i].operation, operation) == 0)
            return mr_arena_printf(call->arena, "REST.%s", names[i].name);
    if (mr_slice_equal(method, MR_S("OPTIONS")))
        return MR_S("REST.OPTIONS.PREFLIGHT");
    return mr_arena_printf(call->arena, "REST.%.*s.%s", MR_ARG(method),
                           of_object || mr_slice_equal(method, MR_S("POST")) ? "OBJECT" : "BUCKET");
}

/* ---- a line ---- */

struct request {
    struct s3 *s3; /* the call's own service is not known when its signature was wrong */
    struct protocol_call *call;
    struct mr_slice bucket, owner, requester;
    struct mr_slice signature, authentication; /* version and kind; "-" */
};
struct about { /* what differs between the lines that one request leaves */
    struct mr_slice bucket, operation, key, uri;
    int status;
    struct mr_slice error, version;
    uint64_t sent, size; /* 0: "-" */
    bool whole;          /* with what the request as a whole has: times, headers */
};

static void put_text(struct mr_buf *line, struct mr_slice text)
{
    mr_buf_append(line, text.len > 0 ? text : MR_S("-"));
    mr_buf_byte(line, ' ');
}

static void put_number(struct mr_buf *line, uint64_t number)
{
    if (number == 0)
        mr_buf_append(line, MR_S("- "));
    else
        mr_buf_printf(line, "%llu ", (unsigned long long)number);
}

/* In quotes, which the text cannot end. */
static void put_quoted(struct mr_buf *line, struct mr_slice text)
{
    mr_buf_byte(line, '"');
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c < ' ' || c == '"' || c == 127)
            mr_buf_printf(line, "%%%02X", c);
        else
            mr_buf_byte(line, (char)c);
    }
    mr_buf_append(line, text.len > 0 ? MR_S("\" ") : MR_S("-\" "));
}

static void put_time(struct mr_buf *line, int64_t now_ms)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const struct mr_date at = mr_date_from_ms(now_ms);
    mr_buf_printf(line, "[%02d/%s/%04d:%02d:%02d:%02d +0000] ", at.day, months[at.month - 1],
                  at.year, at.hour, at.minute, at.second);
}

static void put_key(struct mr_buf *line, struct mr_slice key)
{
    if (key.len == 0)
        mr_buf_byte(line, '-');
    else
        mr_percent_encode(line, key, true);
    mr_buf_byte(line, ' ');
}

static void put_request(struct mr_buf *line, const struct request *request,
                        const struct about *about)
{
    struct protocol_call *call = request->call;
    const uint64_t took_us = (uint64_t)(mr_monotonic_us() - call->exchange->began_us);
    if (about->whole)
        put_quoted(line,
                   mr_arena_printf(call->arena, "%.*s %.*s HTTP/%s", MR_ARG(call->exchange->method),
                                   MR_ARG(call->exchange->target),
                                   call->exchange->http2 ? "2.0" : "1.1"));
    else
        mr_buf_append(line, MR_S("- "));
    mr_buf_printf(line, "%d ", about->status);
    put_text(line, about->error);
    put_number(line, about->sent);
    put_number(line, about->size);
    if (about->whole)
        mr_buf_printf(line, "%llu %llu ", (unsigned long long)(took_us / 1000),
                      (unsigned long long)(took_us / 1000));
    else
        mr_buf_append(line, MR_S("- - "));
    put_quoted(line, about->whole ? protocol_header(call, "referer") : MR_S(""));
    put_quoted(line, about->whole ? protocol_header(call, "user-agent") : MR_S(""));
}

static void write_line(const struct request *request, const struct about *about)
{
    struct protocol_call *call = request->call;
    struct s3_access_log *log = request->s3->log;
    struct mr_buf line = {0};
    yyjson_val *document;
    char peer[HTTP_PEER_TEXT];
    if (!s3_access_log_wants(log, about->bucket) ||
        s3_bucket_get(request->s3, call->arena, about->bucket, &document) != MR_OK)
        return;
    const struct mr_slice region = mr_json_get_text(document, "region");
    http_peer_text(call->exchange, peer);
    put_text(&line, request->owner);
    put_text(&line, about->bucket);
    put_time(&line, call->now_ms);
    put_text(&line, mr_slice_cstr(peer));
    put_text(&line, request->requester);
    put_text(&line, call->request_id);
    put_text(&line, about->operation);
    put_key(&line, about->key);
    put_request(&line, request, about);
    put_text(&line, about->version);
    put_text(&line, call->request_id);
    put_text(&line, request->signature);
    put_text(&line, MR_S("-"));
    put_text(&line, request->authentication);
    put_text(&line, call->exchange->host);
    /* TLS, access point, whether a list was needed; and where the request came from. */
    mr_buf_append(&line, MR_S("- - - "));
    mr_buf_append(&line, region);
    const struct s3_log_line made = {.bucket = about->bucket,
                                     .text = mr_buf_slice(&line),
                                     .account = call->account,
                                     .region = region,
                                     .now_ms = call->now_ms};
    s3_access_log_add(log, &made);
    mr_buf_fini(&line);
}

/* ---- what is known of the request ---- */

static void read_signature(struct request *request)
{
    struct protocol_call *call = request->call;
    const struct mr_slice header = protocol_header(call, "authorization");
    request->signature = request->authentication = MR_S("-");
    if (header.len > 0) {
        request->authentication = MR_S("AuthHeader");
        request->signature =
            mr_slice_starts_with(header, MR_S("AWS4-")) ? MR_S("SigV4") : MR_S("SigV2");
    } else if (protocol_query_value(call, "X-Amz-Signature").ptr != NULL) {
        request->authentication = MR_S("QueryString");
        request->signature = MR_S("SigV4");
    } else if (protocol_query_value(call, "Signature").ptr != NULL) {
        request->authentication = MR_S("QueryString");
        request->signature = MR_S("SigV2");
    }
}

static void read_requester(struct request *request)
{
    struct protocol_call *call = request->call;
    struct mr_slice id, session;
    char owner[S3_OWNER_ID_TEXT];
    s3_owner_id(call->account, owner);
    request->owner = mr_arena_copy(call->arena, mr_slice_cstr(owner));
    if (call->anonymous || call->access_key.len == 0)
        request->requester = MR_S("-");
    else if (protocol_session_of(call, &id, &session))
        request->requester = session;
    else
        request->requester = request->owner;
}

/* The size of the object that the request reads or makes. */
static uint64_t object_size(const struct request *request, const struct about *about)
{
    static const char *const operations[] = {
        "GetObject", "HeadObject", "PutObject", "CopyObject", "CompleteMultipartUpload",
    };
    const struct s3_which which = {.bucket = about->bucket, .key = about->key};
    const struct protocol_call *call = request->call;
    struct s3_meta meta;
    int64_t ticket;
    if (about->status >= 300 || call->operation_name == NULL)
        return 0;
    if (strcmp(call->operation_name, "UploadPart") == 0)
        return call->payload_length == UINT64_MAX ? 0 : call->payload_length;
    for (size_t i = 0; i < MR_COUNT(operations); i++)
        if (strcmp(operations[i], call->operation_name) == 0 &&
            s3_find(request->s3, call->arena, &which, &meta, &ticket) == MR_OK)
            return meta.size;
    return 0;
}

/* ---- requests that leave more than one line ---- */

/* What became of one object of several. */
static void read_outcome(yyjson_val *errors, struct about *about)
{
    size_t at, count;
    yyjson_val *error;
    about->status = 204;
    about->error = MR_S("");
    yyjson_arr_foreach(errors, at, count, error)
    {
        if (!mr_slice_equal(mr_json_get_text(error, "Key"), about->key) ||
            !mr_slice_equal(mr_json_get_text(error, "VersionId"), about->version))
            continue;
        about->error = mr_json_get_text(error, "Code");
        about->status = mr_slice_equal(about->error, MR_S("AccessDenied")) ? 403 : 400;
    }
}

static void log_batch(const struct request *request)
{
    struct protocol_call *call = request->call;
    yyjson_val *errors = mr_json_get(protocol_output(call), "Errors");
    size_t at, count;
    yyjson_val *object;
    yyjson_arr_foreach(mr_json_get(mr_json_get(call->in, "Delete"), "Objects"), at, count, object)
    {
        struct about about = {.bucket = request->bucket,
                              .operation = MR_S("BATCH.DELETE.OBJECT"),
                              .key = mr_json_get_text(object, "Key"),
                              .version = mr_json_get_text(object, "VersionId")};
        read_outcome(errors, &about);
        write_line(request, &about);
    }
}

static void log_source(const struct request *request, int status)
{
    struct protocol_call *call = request->call;
    struct mr_slice text = s3_in(call, "CopySource");
    text = mr_slice_sub(text, 0, mr_slice_search(text, MR_S("?versionId=")));
    text = mr_percent_decode(call->arena, text, false);
    if (mr_slice_starts_with(text, MR_S("/")))
        text = mr_slice_sub(text, 1, SIZE_MAX);
    struct about about = {.status = status};
    about.key = text;
    (void)mr_slice_split(&about.key, '/', &about.bucket);
    const bool part = s3_in(call, "UploadId").len > 0;
    about.operation = part ? MR_S("REST.COPY.PART_GET") : MR_S("REST.COPY.OBJECT_GET");
    write_line(request, &about);
}

void s3_log_answered(struct s3 *s3, struct protocol_call *call)
{
    struct s3_access_log *log = s3->log;
    if (!s3_access_log_works(log))
        return;
    struct request request = {.s3 = s3, .call = call, .bucket = protocol_label(call, "Bucket")};
    const char *operation = call->operation_name == NULL ? "" : call->operation_name;
    const int status = call->exchange->status;
    read_signature(&request);
    read_requester(&request);
    struct about about = {.bucket = request.bucket,
                          .key = mr_percent_decode(call->arena, protocol_label(call, "Key"), false),
                          .status = status,
                          .error = mr_slice_cstr(protocol_fault_code(call)),
                          .version = protocol_query_value(call, "versionId"),
                          .sent = protocol_reply_bytes(call),
                          .whole = true};
    if (s3_access_log_wants(log, about.bucket)) {
        about.operation = operation_text(call, about.key.len > 0);
        about.size = object_size(&request, &about);
        write_line(&request, &about);
        if (strcmp(operation, "DeleteObjects") == 0 && status == 200)
            log_batch(&request);
    }
    if (strcmp(operation, "CopyObject") == 0 || strcmp(operation, "UploadPartCopy") == 0)
        log_source(&request, status);
}

static const struct protocol_handler handlers[] = {
    {.operation = "GetBucketLogging", .run = get_logging},
    {.operation = "PutBucketLogging", .run = put_logging},
};
const struct s3_handlers s3_logging_handlers = {handlers, MR_COUNT(handlers)};
