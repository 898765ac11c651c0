/* The wire: registration, faults and what all operations check. */
#include "s3/ops.h"
#include <ctype.h>

#define S3_FAULT_DEFINE(name, code, status, server) \
    const struct protocol_fault s3_##name = {code, status, server};
S3_FAULTS(S3_FAULT_DEFINE)
#undef S3_FAULT_DEFINE

void s3_register(struct s3 *s3, struct protocol *protocol)
{
    const struct s3_handlers *const all[] = {
        &s3_bucket_handlers,    &s3_config_handlers,  &s3_object_handlers,
        &s3_read_handlers,      &s3_list_handlers,    &s3_copy_handlers,
        &s3_multipart_handlers, &s3_tag_handlers,     &s3_upload_list_handlers,
        &s3_cors_handlers,      &s3_sse_handlers,     &s3_policy_handlers,
        &s3_lifecycle_handlers, &s3_lock_handlers,    &s3_notify_handlers,
        &s3_metrics_handlers,   &s3_acl_handlers,     &s3_restore_handlers,
        &s3_logging_handlers,   &s3_website_handlers, &s3_replication_handlers};
    protocol_set_browser(protocol, &s3_browser, s3);
    protocol_on_call(protocol, "s3", s3_authorize, s3);
    protocol_on_answer(protocol, "s3", s3_on_answer, s3);
    for (size_t i = 0; i < MR_COUNT(all); i++)
        protocol_register(protocol, "s3", all[i]->list, all[i]->count, s3);
}

/* ---- faults ---- */

enum mr_status s3_fail_no_bucket(struct protocol_call *call, struct mr_slice bucket)
{
    protocol_fail_member(call, "BucketName", bucket);
    return protocol_fail(call, &s3_no_such_bucket, "The specified bucket does not exist");
}

enum mr_status s3_fail_no_key(struct protocol_call *call, struct mr_slice key)
{
    protocol_fail_member(call, "Key", key);
    return protocol_fail(call, &s3_no_such_key, "The specified key does not exist.");
}

enum mr_status s3_fail_no_upload(struct protocol_call *call, struct mr_slice upload_id)
{
    protocol_fail_member(call, "UploadId", upload_id);
    return protocol_fail(call, &s3_no_such_upload,
                         "The specified upload does not exist. The upload ID may be invalid, or "
                         "the upload may have been aborted or completed.");
}

/* AWS: who asks for what was deleted is told by headers that it was. */
static void tell_marker(struct protocol_call *call, const struct s3_version *version)
{
    protocol_reply_header(call, MR_S("x-amz-delete-marker"), MR_S("true"));
    protocol_reply_header(call, MR_S("x-amz-version-id"), s3_version_print(call, version));
}

static enum mr_status fail_marker(struct protocol_call *call, const struct s3_meta *meta)
{
    char date[32];
    tell_marker(call, &meta->version);
    protocol_reply_header(call, MR_S("last-modified"),
                          mr_arena_copy(call->arena, mr_date_http(meta->modified_ms, date)));
    protocol_reply_header(call, MR_S("allow"), MR_S("DELETE"));
    if (call->exchange != NULL)
        protocol_fail_member(call, "Method", call->exchange->method);
    protocol_fail_member(call, "ResourceType", MR_S("DeleteMarker"));
    return protocol_fail(call, &s3_method_not_allowed,
                         "The specified method is not allowed against this resource.");
}

static enum mr_status fail_no_version(struct protocol_call *call, const struct s3_which *which)
{
    protocol_fail_member(call, "Key", which->key);
    protocol_fail_member(call, "VersionId", s3_version_print(call, which->version));
    return protocol_fail(call, &s3_no_such_version, "The specified version does not exist.");
}

enum mr_status s3_fail_missing(struct protocol_call *call, const struct s3_which *which,
                               enum mr_status status, const struct s3_meta *meta)
{
    struct s3_meta newest;
    if (status == MR_OK && meta->marker)
        return fail_marker(call, meta);
    if (status == MR_OK)
        return MR_OK;
    if (status != MR_NOT_FOUND) {
        protocol_fail_internal(call, status);
        return MR_FAULT;
    }
    if (!s3_bucket_exists(s3_of(call), which->bucket))
        return s3_fail_no_bucket(call, which->bucket);
    if (which->version != NULL)
        return fail_no_version(call, which);
    if (s3_newest_version(s3_of(call), call->arena, which->bucket, which->key, NULL, &newest) ==
            MR_OK &&
        newest.marker)
        tell_marker(call, &newest.version);
    return s3_fail_no_key(call, which->key);
}

enum mr_status s3_fail_condition(struct protocol_call *call, const char *condition)
{
    protocol_fail_member(call, "Condition", mr_slice_cstr(condition));
    return protocol_fail(call, &s3_precondition_failed,
                         "At least one of the pre-conditions you specified did not hold");
}

enum mr_status s3_fail_malformed(struct protocol_call *call)
{
    if (call->exchange != NULL && call->stream == NULL && call->exchange->body.len == 0)
        return protocol_fail(call, &s3_missing_body, "Request Body is empty");
    return protocol_fail(call, &s3_malformed_xml,
                         "The XML you provided was not well-formed or did not validate against "
                         "our published schema");
}

enum mr_status s3_fail_argument(struct protocol_call *call, const char *name, struct mr_slice value,
                                const char *message)
{
    protocol_fail_member(call, "ArgumentName", mr_slice_cstr(name));
    protocol_fail_member(call, "ArgumentValue", value);
    return protocol_fail(call, &s3_invalid_argument, "%s", message);
}

enum mr_status s3_fail_header(struct protocol_call *call, const char *header, const char *more)
{
    protocol_fail_member(call, "Header", mr_slice_cstr(header));
    if (more != NULL)
        protocol_fail_member(call, "additionalMessage", mr_slice_cstr(more));
    return protocol_fail(call, &s3_not_implemented,
                         "A header you provided implies functionality that is not implemented");
}

struct s3_change s3_change_of(struct protocol_call *call)
{
    return (struct s3_change){
        .bucket = s3_in(call, "Bucket"),
        .key = s3_in(call, "Key"),
        .request_id = call->request_id,
        .access_key = call->access_key,
    };
}

enum mr_status s3_fail_change(struct protocol_call *call, enum mr_status status)
{
    switch (status) {
    case MR_OK: return MR_OK;
    case MR_NOT_FOUND: return s3_fail_no_bucket(call, s3_in(call, "Bucket"));
    case MR_EXISTS: return s3_fail_condition(call, "If-None-Match");
    case MR_INVALID: return s3_fail_condition(call, "If-Match");
    case MR_END: return s3_fail_no_key(call, s3_in(call, "Key"));
    case MR_FULL:
        return protocol_fail(call, &s3_access_denied,
                             "Access Denied because object protected by object lock.");
    case MR_FAULT: return MR_FAULT;
    default: protocol_fail_internal(call, status < 0 ? status : MR_FAIL); return MR_FAULT;
    }
}

/* ---- checks ---- */

/* A body that sets something is held against its digests. AWS: some have to have one. */
static enum mr_status check_settings(struct protocol_call *call)
{
    static const char *const required[] = {"PutBucketCors", "PutBucketLifecycleConfiguration",
                                           "PutObjectLegalHold", "PutObjectLockConfiguration",
                                           "PutObjectRetention"};
    if (call->exchange == NULL || call->operation_name == NULL || call->stream != NULL ||
        strncmp(call->operation_name, "Put", 3) != 0 ||
        strcmp(call->operation_name, "PutObject") == 0)
        return MR_OK;
    bool must = false;
    for (size_t i = 0; i < MR_COUNT(required); i++)
        must = must || strcmp(call->operation_name, required[i]) == 0;
    return s3_body_check(call, must);
}

enum mr_status s3_check_owner(struct protocol_call *call)
{
    if (check_settings(call) != MR_OK)
        return MR_FAULT;
    return s3_check_account(call, s3_in(call, "ExpectedBucketOwner"));
}

enum mr_status s3_check_account(struct protocol_call *call, struct mr_slice owner)
{
    bool digits = owner.len == call->account.len;
    for (size_t i = 0; i < owner.len; i++)
        digits = digits && owner.ptr[i] >= '0' && owner.ptr[i] <= '9';
    if (owner.len > 0 && !digits)
        return protocol_fail(call, &s3_invalid_owner,
                             "The value of the expected bucket owner parameter must be an AWS "
                             "Account ID... [%.*s]",
                             MR_ARG(owner));
    if (owner.len > 0 && !mr_slice_equal(owner, call->account))
        return protocol_fail(call, &s3_access_denied, "Access Denied");
    return MR_OK;
}

enum mr_status s3_check_bucket(struct protocol_call *call)
{
    const struct mr_slice bucket = s3_in(call, "Bucket");
    if (!s3_bucket_exists(s3_of(call), bucket))
        return s3_fail_no_bucket(call, bucket);
    return s3_check_owner(call);
}

enum mr_status s3_check_key(struct protocol_call *call, struct mr_slice key)
{
    if (key.len <= S3_KEY_BYTES_MAX)
        return MR_OK;
    protocol_fail_member(call, "Size", mr_arena_printf(call->arena, "%zu", key.len));
    protocol_fail_member(call, "MaxSizeAllowed", MR_S("1024"));
    return protocol_fail(call, &s3_key_too_long, "Your key is too long");
}

enum mr_status s3_version_in(struct protocol_call *call, yyjson_val *value,
                             const struct s3_version **ret_version, struct s3_version *room)
{
    *ret_version = NULL;
    if (value == NULL)
        return MR_OK;
    const struct mr_slice text = mr_json_text(value);
    if (text.len == 0)
        return s3_fail_argument(call, "versionId", text, "Version id cannot be the empty string");
    if (s3_version_parse(text, room) != MR_OK)
        return s3_fail_argument(call, "versionId", text, "Invalid version id specified");
    *ret_version = room;
    return MR_OK;
}

enum mr_status s3_which_in(struct protocol_call *call, struct s3_which *ret_which,
                           struct s3_version *room)
{
    ret_which->bucket = s3_in(call, "Bucket");
    ret_which->key = s3_in(call, "Key");
    if (s3_check_key(call, ret_which->key) != MR_OK)
        return MR_FAULT;
    return s3_version_in(call, mr_json_get(call->in, "VersionId"), &ret_which->version, room);
}

static bool has_query(struct protocol_call *call, const char *name)
{
    const struct mr_slice query = call->exchange->query;
    struct mr_slice rest = query, pair;
    while (rest.len > 0 && mr_slice_split(&rest, '&', &pair))
        if (mr_slice_equal(mr_slice_sub(pair, 0, mr_slice_find(pair, '=')), mr_slice_cstr(name)))
            return true;
    return false;
}

/* AWS: a request is about one part of a bucket or an object. */
static enum mr_status check_parts(struct protocol_call *call)
{
    static const char *const parts[] = {
        "accelerate", "acl",          "analytics",         "cors",        "delete",
        "encryption", "inventory",    "legal-hold",        "lifecycle",   "location",
        "logging",    "metrics",      "notification",      "object-lock", "ownershipControls",
        "policy",     "policyStatus", "publicAccessBlock", "replication", "requestPayment",
        "restore",    "retention",    "tagging",           "torrent",     "uploadId",
        "uploads",    "versioning",   "versions",          "website"};
    const char *first = NULL, *second = NULL;
    for (size_t i = 0; i < MR_COUNT(parts) && second == NULL; i++) {
        if (!has_query(call, parts[i]))
            continue;
        if (first == NULL)
            first = parts[i];
        else
            second = parts[i];
    }
    if (second == NULL)
        return MR_OK;
    return s3_fail_argument(
        call, "ResourceType", mr_slice_cstr(first),
        mr_arena_cstr(call->arena,
                      mr_arena_printf(call->arena, "Conflicting query string parameters: %s, %s",
                                      first, second)));
}

/* AWS: half of a part's name is none of an object. */
static enum mr_status check_part_name(struct protocol_call *call)
{
    const bool number = has_query(call, "partNumber"), upload = has_query(call, "uploadId");
    if (number == upload || !mr_slice_equal(call->exchange->method, MR_S("PUT")))
        return MR_OK;
    if (number)
        return s3_fail_argument(call, "partNumber", MR_S("partNumber"),
                                "This operation does not accept partNumber without uploadId");
    protocol_reply_header(call, MR_S("allow"), MR_S("DELETE, POST, GET"));
    protocol_fail_member(call, "Method", call->exchange->method);
    protocol_fail_member(call, "ResourceType", MR_S("UPLOAD"));
    return protocol_fail(call, &s3_method_not_allowed,
                         "The specified method is not allowed against this resource.");
}

static bool is_hex(struct mr_slice text, size_t at)
{
    return at < text.len && isxdigit((unsigned char)text.ptr[at]);
}

static enum mr_status check_path(struct protocol_call *call)
{
    const struct mr_slice path = call->exchange->path;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '%' && (!is_hex(path, i + 1) || !is_hex(path, i + 2)))
            return protocol_fail(call, &s3_invalid_uri, "Couldn't parse the specified URI.");
    return MR_OK;
}

/* AWS: how an object is encrypted is said when it is begun, nowhere else. */
static enum mr_status check_encryption(struct protocol_call *call)
{
    static const char *const takers[] = {"CopyObject", "CreateMultipartUpload", "PutObject"};
    static const char header[] = "x-amz-server-side-encryption";
    const struct mr_slice value = protocol_header(call, header);
    if (value.ptr == NULL || call->operation_name == NULL)
        return MR_OK;
    for (size_t i = 0; i < MR_COUNT(takers); i++)
        if (strcmp(call->operation_name, takers[i]) == 0)
            return MR_OK;
    return s3_fail_argument(
        call, header, value,
        "x-amz-server-side-encryption header is not supported for this operation.");
}

static enum mr_status check_size(struct protocol_call *call)
{
    enum { HEAD_BYTES_MAX = 8192, LINE_SIGNS = 4 /* ": ", line end */ };
    size_t bytes = 0;
    for (size_t i = 0; i < call->exchange->header_count; i++)
        bytes +=
            call->exchange->headers[i].name.len + call->exchange->headers[i].value.len + LINE_SIGNS;
    if (bytes <= HEAD_BYTES_MAX)
        return MR_OK;
    protocol_fail_member(call, "MaxSizeAllowed",
                         mr_arena_printf(call->arena, "%d", HEAD_BYTES_MAX));
    return protocol_fail(call, &s3_headers_too_large,
                         "Your request header section exceeds the maximum allowed size.");
}

/* AWS: what makes a version cannot say which. */
static enum mr_status check_no_version(struct protocol_call *call)
{
    static const char *const makers[] = {"CompleteMultipartUpload", "CopyObject", "PutObject"};
    const struct mr_slice version = protocol_query_value(call, "versionId");
    for (size_t i = 0; version.ptr != NULL && i < MR_COUNT(makers); i++)
        if (call->operation_name != NULL && strcmp(call->operation_name, makers[i]) == 0)
            return s3_fail_argument(call, "versionId", version,
                                    "This operation does not accept a version-id.");
    return MR_OK;
}

enum mr_status s3_check_request(struct protocol_call *call)
{
    if (call->exchange == NULL)
        return MR_OK;
    if (check_size(call) != MR_OK || check_path(call) != MR_OK || check_encryption(call) != MR_OK)
        return MR_FAULT;
    if (call->exchange->query.len == 0)
        return MR_OK;
    if (check_parts(call) != MR_OK || check_no_version(call) != MR_OK)
        return MR_FAULT;
    return check_part_name(call);
}

enum mr_status s3_check_unsupported(struct protocol_call *call)
{
    static const struct {
        const char *member, *header;
    } refused[] = {
        {"WriteOffsetBytes", "x-amz-write-offset-bytes"},
    };
    for (size_t i = 0; i < MR_COUNT(refused); i++)
        if (mr_json_get(call->in, refused[i].member) != NULL)
            return s3_fail_header(call, refused[i].header, NULL);
    return MR_OK;
}

enum mr_status s3_conditions_read(struct protocol_call *call, struct s3_change *change)
{
    yyjson_val *if_match = mr_json_get(call->in, "IfMatch");
    yyjson_val *if_none = mr_json_get(call->in, "IfNoneMatch");
    if (if_match != NULL && if_none != NULL)
        return s3_fail_header(call, "If-Match,If-None-Match",
                              "Multiple conditional request headers present in the request");
    if (if_none != NULL && !mr_slice_equal(mr_json_text(if_none), MR_S("*")))
        return s3_fail_header(call, "If-None-Match",
                              "We don't accept the provided value of If-None-Match header for "
                              "this API");
    if (if_match != NULL)
        change->if_match = mr_json_text(if_match);
    change->if_absent = if_none != NULL;
    return MR_OK;
}

/* ---- parts of replies ---- */

int64_t s3_read_ticket(struct s3 *s3)
{
    struct journal *journal = store_journal(s3->options.store);
    const int64_t tail = journal_tail(journal);
    return journal_durable(journal) >= tail ? 0 : tail;
}

struct mr_slice s3_version_print(struct protocol_call *call, const struct s3_version *version)
{
    char text[S3_VERSION_TEXT + 1];
    return mr_arena_copy(call->arena, s3_version_text(version, text));
}

void s3_write_version(struct protocol_call *call, struct mr_slice bucket,
                      const struct s3_meta *meta)
{
    struct s3_bucket_state state;
    if (!meta->version.own && (s3_bucket_state(s3_of(call), call->arena, bucket, &state) != MR_OK ||
                               state.versioning == S3_VERSIONS_NEVER))
        return;
    mr_json_key_string(&call->out, "VersionId", s3_version_print(call, &meta->version));
}

void s3_write_made(struct protocol_call *call, const struct s3_change *change)
{
    if (change->versioned)
        mr_json_key_string(&call->out, "VersionId", s3_version_print(call, &change->made));
}

void s3_owner_id(struct mr_slice account, char ret[static S3_OWNER_ID_TEXT])
{
    /* AWS: the canonical id is 64 hex digits that belong to the account for ever. */
    uint8_t digest[32];
    mr_sha256(account, digest);
    mr_hex(digest, sizeof digest, ret);
}

void s3_write_owner(struct protocol_call *call, const char *member, bool with_name)
{
    char id[S3_OWNER_ID_TEXT];
    s3_owner_id(call->account, id);
    mr_json_key(&call->out, member);
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "ID", id);
    if (with_name)
        mr_json_key_string(&call->out, "DisplayName", call->account);
    mr_json_object_end(&call->out);
}

void s3_write_time(struct protocol_call *call, const char *member, int64_t ms)
{
    mr_json_key_timestamp(&call->out, member, ms / 1000 * 1000);
}

struct mr_slice s3_quoted_etag(struct protocol_call *call, const struct s3_meta *meta)
{
    char text[S3_ETAG_TEXT];
    return mr_arena_printf(call->arena, "\"%.*s\"", MR_ARG(s3_meta_etag(meta, text)));
}

struct mr_slice s3_sum_text(struct protocol_call *call, const struct s3_meta *meta)
{
    const struct mr_slice base64 = s3_sum_base64(call->arena, &meta->sum);
    if (!meta->composite)
        return base64;
    return mr_arena_printf(call->arena, "%.*s-%u", MR_ARG(base64), meta->part_count);
}

void s3_write_sum(struct protocol_call *call, const struct s3_meta *meta)
{
    if (meta->sum.algorithm == S3_NO_SUM)
        return;
    mr_json_key_string(&call->out, s3_algorithm_member(meta->sum.algorithm),
                       s3_sum_text(call, meta));
    mr_json_key_cstr(&call->out, "ChecksumType", meta->composite ? "COMPOSITE" : "FULL_OBJECT");
}
