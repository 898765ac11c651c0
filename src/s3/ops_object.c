/* The wire: PutObject, DeleteObject, DeleteObjects. */
#include "s3/ops.h"

/* ---- PutObject ---- */

static void put_open(struct protocol_call *call)
{
    struct s3_change change = {0};
    struct s3_meta meta = {0};
    if (s3_check_bucket(call) != MR_OK || s3_check_key(call, s3_in(call, "Key")) != MR_OK ||
        s3_check_unsupported(call) != MR_OK || s3_conditions_read(call, &change) != MR_OK ||
        s3_headers_read(call, &meta) != MR_OK || s3_headers_tags(call, &meta) != MR_OK)
        return;
    (void)s3_incoming_open(call, S3_PUT_BYTES_MAX);
}

static void put_abandon(struct protocol_call *call)
{
    s3_incoming_abandon(call->stream);
}

static enum mr_status put_commit(struct protocol_call *call, struct s3_incoming *incoming,
                                 struct s3_meta *meta)
{
    struct s3_change change = s3_change_of(call);
    change.meta = meta;
    change.body = &incoming->body;
    change.event = incoming->event;
    s3_meta_set_body(meta, &incoming->body);
    meta->modified_ms = store_now(incoming->s3->options.store);
    memcpy(meta->md5, incoming->sums.md5, sizeof meta->md5);
    meta->sum = incoming->sums.of[incoming->checks.kept];
    /* Checked by `open` already; read again because they point into the input. */
    if (s3_headers_read(call, meta) != MR_OK || s3_headers_tags(call, meta) != MR_OK ||
        s3_conditions_read(call, &change) != MR_OK)
        return MR_FAULT;
    s3_sealing_end(&incoming->sealing, incoming->s3, call->arena, MR_S(""), meta);
    s3_sse_etag(incoming->s3, meta->sse, meta);
    const enum mr_status status =
        s3_fail_change(call, s3_change_apply(incoming->s3, call->arena, &change, &call->ticket));
    if (status == MR_OK)
        s3_write_made(call, &change);
    return status;
}

static void put_run(struct protocol_call *call)
{
    struct s3_incoming *incoming = call->stream;
    struct s3_meta meta = {0};
    if (s3_incoming_finish(call, incoming) != MR_OK)
        return;
    const enum mr_status status = put_commit(call, incoming, &meta);
    if (status != MR_OK) {
        s3_body_discard(incoming->s3->bodies, &incoming->body);
        return;
    }
    atomic_fetch_add(&incoming->s3->bytes_in, meta.size);
    mr_json_key_string(&call->out, "ETag", s3_quoted_etag(call, &meta));
    s3_write_sum(call, &meta);
    s3_sse_write(call, &meta);
    s3_write_expiration(call, s3_in(call, "Key"), &meta);
}

void s3_put_whole(struct protocol_call *call, struct mr_slice body, const char *event)
{
    call->payload_length = body.len;
    put_open(call);
    if (protocol_failed(call))
        return;
    struct s3_incoming *incoming = call->stream;
    incoming->event = event;
    if (body.len > 0 && call->sink.on_data(call->sink.ctx, body) != MR_OK) {
        put_abandon(call);
        protocol_fail_internal(call, MR_FAIL_IO);
        return;
    }
    put_run(call);
}

/* ---- DeleteObject ---- */

/* AWS: conditions on size and time are for directory buckets, which there are none of. */
static enum mr_status check_conditions(struct protocol_call *call)
{
    if (mr_json_get(call->in, "IfMatchSize") != NULL)
        return s3_fail_header(call, "x-amz-if-match-size", NULL);
    if (mr_json_get(call->in, "IfMatchLastModifiedTime") != NULL)
        return s3_fail_header(call, "x-amz-if-match-last-modified-time", NULL);
    return MR_OK;
}

static void delete_object(struct protocol_call *call)
{
    struct s3_change change = s3_change_of(call);
    struct s3_version version;
    yyjson_val *if_match = mr_json_get(call->in, "IfMatch");
    if (s3_check_owner(call) != MR_OK || s3_check_key(call, change.key) != MR_OK ||
        check_conditions(call) != MR_OK ||
        s3_version_in(call, mr_json_get(call->in, "VersionId"), &change.version, &version) != MR_OK)
        return;
    if (if_match != NULL)
        change.if_match = mr_json_text(if_match);
    change.bypass = mr_json_get_bool(call->in, "BypassGovernanceRetention", false);
    if (s3_fail_change(call, s3_change_apply(s3_of(call), call->arena, &change, &call->ticket)) !=
        MR_OK)
        return;
    s3_write_made(call, &change);
    if (change.marker)
        mr_json_key_bool(&call->out, "DeleteMarker", true);
}

/* ---- DeleteObjects ---- */

struct delete_error {
    struct delete_error *next;
    struct mr_slice key, version;
    const char *code, *message; /* the latter NULL: */
    struct mr_slice refusal;
};

static void delete_fails(struct delete_error *error, const char *code, const char *message)
{
    error->code = code;
    error->message = message;
}

static void write_deleted(struct protocol_call *call, const struct delete_error *asked,
                          const struct s3_change *change)
{
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "Key", asked->key);
    if (asked->version.len > 0)
        mr_json_key_string(&call->out, "VersionId", asked->version);
    if (change->marker) {
        mr_json_key_bool(&call->out, "DeleteMarker", true);
        mr_json_key_string(&call->out, "DeleteMarkerVersionId",
                           s3_version_print(call, &change->made));
    }
    mr_json_object_end(&call->out);
}

static void delete_refused(struct delete_error *error, enum mr_status status)
{
    if (status == MR_INVALID)
        delete_fails(error, "PreconditionFailed",
                     "At least one of the pre-conditions you specified did not hold");
    else if (status == MR_END)
        delete_fails(error, "NoSuchKey", "The specified key does not exist.");
    else if (status == MR_FULL)
        delete_fails(error, "AccessDenied",
                     "Access Denied because object protected by object lock.");
    else
        delete_fails(error, "InternalError", "We encountered an internal error. Please try again.");
}

/* True when it is gone; otherwise `error` says why not. */
static bool delete_one(struct protocol_call *call, yyjson_val *object, struct delete_error *error,
                       struct s3_change *change)
{
    struct s3_version *version = MR_NEW(call->arena, struct s3_version); /* for `change` */
    yyjson_val *etag = mr_json_get(object, "ETag");
    int64_t ticket = 0;
    *change = s3_change_of(call);
    change->key = error->key;
    if (error->version.len > 0 && s3_version_parse(error->version, version) != MR_OK) {
        delete_fails(error, "NoSuchVersion", "The specified version does not exist.");
        return false;
    }
    if (mr_json_get(object, "Size") != NULL || mr_json_get(object, "LastModifiedTime") != NULL) {
        delete_fails(error, "NotImplemented",
                     "A header you provided implies functionality that is not implemented");
        return false;
    }
    if (error->key.len > S3_KEY_BYTES_MAX) {
        delete_fails(error, "KeyTooLongError", "Your key is too long");
        return false;
    }
    if (error->version.len > 0)
        change->version = version;
    if (etag != NULL)
        change->if_match = mr_json_text(etag);
    change->bypass = mr_json_get_bool(call->in, "BypassGovernanceRetention", false);
    error->refusal = s3_delete_refusal(call, change);
    if (error->refusal.len > 0) {
        delete_fails(error, "AccessDenied", NULL);
        return false;
    }
    const enum mr_status status = s3_change_apply(s3_of(call), call->arena, change, &ticket);
    if (status != MR_OK) {
        delete_refused(error, status);
        return false;
    }
    call->ticket = ticket > call->ticket ? ticket : call->ticket;
    return true;
}

static void write_errors(struct protocol_call *call, const struct delete_error *error)
{
    if (error == NULL)
        return;
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    for (; error != NULL; error = error->next) {
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "Key", error->key);
        if (error->version.len > 0)
            mr_json_key_string(&call->out, "VersionId", error->version);
        mr_json_key_cstr(&call->out, "Code", error->code);
        mr_json_key_string(&call->out, "Message",
                           error->message != NULL ? mr_slice_cstr(error->message) : error->refusal);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

static void delete_objects(struct protocol_call *call)
{
    yyjson_val *request = mr_json_get(call->in, "Delete");
    yyjson_val *objects = mr_json_get(request, "Objects");
    const bool quiet = mr_json_get_bool(request, "Quiet", false);
    const size_t total = yyjson_arr_size(objects);
    if (s3_check_bucket(call) != MR_OK || s3_body_check(call, true) != MR_OK)
        return;
    size_t at, count;
    yyjson_val *object;
    bool whole = total > 0 && total <= S3_PAGE_MAX;
    yyjson_arr_foreach(objects, at, count, object) whole =
        whole && mr_json_get_text(object, "Key").len > 0;
    if (!whole) {
        s3_fail_malformed(call);
        return;
    }
    struct delete_error *errors = NULL, **end = &errors;
    mr_json_key(&call->out, "Deleted");
    mr_json_array(&call->out);
    yyjson_arr_foreach(objects, at, count, object)
    {
        struct delete_error *error = MR_NEW(call->arena, struct delete_error);
        error->key = mr_json_get_text(object, "Key");
        error->version = mr_json_get_text(object, "VersionId");
        struct s3_change change;
        if (!delete_one(call, object, error, &change)) {
            *end = error;
            end = &error->next;
        } else if (!quiet) {
            write_deleted(call, error, &change);
        }
    }
    mr_json_array_end(&call->out);
    write_errors(call, errors);
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteObject", .run = delete_object},
    {.operation = "DeleteObjects", .run = delete_objects},
    {.operation = "PutObject",
     .run = put_run,
     .open = put_open,
     .abandon = put_abandon,
     .flags = PROTOCOL_STREAM},
};
const struct s3_handlers s3_object_handlers = {handlers, MR_COUNT(handlers)};
