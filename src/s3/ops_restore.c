/* The wire: objects in archive classes. They are kept like others, and answer no read until they
 * are restored, which takes a moment here. The copy that can be read is the object itself, and can
 * be for as many days as were asked for. */
#include "s3/ops.h"

static const int64_t day_ms = INT64_C(86400000);

static void tell_class(struct protocol_call *call, const struct s3_meta *meta)
{
    const struct mr_slice class = meta->headers[S3_STORAGE_CLASS];
    protocol_fail_member(call, "StorageClass", class.len > 0 ? class : MR_S("STANDARD"));
}

enum mr_status s3_check_readable(struct protocol_call *call, const struct s3_meta *meta)
{
    if (s3_meta_is_readable(meta, store_now(s3_of(call)->options.store)))
        return MR_OK;
    tell_class(call, meta);
    return protocol_fail(call, &s3_invalid_object_state,
                         "The operation is not valid for the object's storage class");
}

void s3_write_restore(struct protocol_call *call, const struct s3_meta *meta)
{
    char date[32];
    if (meta->restored_until_ms <= store_now(s3_of(call)->options.store))
        return;
    mr_json_key_string(&call->out, "Restore",
                       mr_arena_printf(call->arena,
                                       "ongoing-request=\"false\", expiry-date=\"%.*s\"",
                                       MR_ARG(mr_date_http(meta->restored_until_ms, date))));
}

void s3_write_restore_status(struct protocol_call *call, const struct s3_meta *meta)
{
    if (meta->restored_until_ms <= store_now(s3_of(call)->options.store))
        return;
    mr_json_key(&call->out, "RestoreStatus");
    mr_json_object(&call->out);
    mr_json_key_bool(&call->out, "IsRestoreInProgress", false);
    mr_json_key_timestamp(&call->out, "RestoreExpiryDate", meta->restored_until_ms);
    mr_json_object_end(&call->out);
}

/* ---- RestoreObject ---- */

struct restoring {
    int64_t now_ms, days;
    bool expedited;
    bool was_readable; /* results */
    struct s3_meta meta;
};

static enum mr_status request_read(struct protocol_call *call, struct restoring *restoring)
{
    static const char *const tiers[] = {"Standard", "Bulk", "Expedited"};
    yyjson_val *request = mr_json_get(call->in, "RestoreRequest");
    struct mr_slice tier = mr_json_get_text(mr_json_get(request, "GlacierJobParameters"), "Tier");
    size_t at = 0;
    if (mr_json_get(request, "Type") != NULL || mr_json_get(request, "SelectParameters") != NULL ||
        mr_json_get(request, "OutputLocation") != NULL)
        return protocol_fail(call, &s3_not_implemented, "millrace does not query archived objects");
    if (mr_json_get(request, "Days") == NULL)
        return s3_fail_malformed(call);
    if (tier.len == 0)
        tier = mr_json_get_text(request, "Tier");
    while (tier.len > 0 && at < MR_COUNT(tiers) && !mr_slice_equal(tier, mr_slice_cstr(tiers[at])))
        at++;
    restoring->days = mr_json_get_i64(request, "Days", 0);
    restoring->expedited = at == 2;
    if (at == MR_COUNT(tiers))
        return s3_fail_malformed(call);
    if (restoring->days < 1)
        return s3_fail_argument(call, "Days", mr_json_get_text(request, "Days"),
                                "restoration days should be at least 1");
    return MR_OK;
}

static enum mr_status restore(void *ctx, struct s3_meta *meta)
{
    struct restoring *restoring = ctx;
    restoring->meta = *meta;
    if (meta->marker)
        return MR_END;
    if (!s3_meta_is_archive(meta))
        return MR_INVALID;
    if (restoring->expedited &&
        mr_slice_equal(meta->headers[S3_STORAGE_CLASS], MR_S("DEEP_ARCHIVE")))
        return MR_FULL;
    restoring->was_readable = s3_meta_is_readable(meta, restoring->now_ms);
    /* AWS: so many days later, and then the next midnight. */
    const int64_t until_ms = restoring->now_ms + restoring->days * day_ms;
    meta->restored_until_ms = (until_ms / day_ms + 1) * day_ms;
    return MR_OK;
}

/* Nothing more to change: it is told that it is done. */
static enum mr_status complete(void *ctx, struct s3_meta *meta)
{
    (void)ctx;
    return meta->restored_until_ms > 0 ? MR_OK : MR_END; /* replaced meanwhile */
}

static void restore_object(struct protocol_call *call)
{
    struct s3_which which;
    struct s3_version version;
    struct restoring restoring = {.now_ms = store_now(s3_of(call)->options.store)};
    struct s3_event event = {.name = "ObjectRestore:Post",
                             .request_id = call->request_id,
                             .access_key = call->access_key};
    if (s3_check_bucket(call) != MR_OK || s3_body_check(call, false) != MR_OK ||
        s3_which_in(call, &which, &version) != MR_OK || request_read(call, &restoring) != MR_OK)
        return;
    const enum mr_status status =
        s3_amend(s3_of(call), call->arena, &which, restore, &restoring, &event, &call->ticket);
    if (status == MR_INVALID) {
        tell_class(call, &restoring.meta);
        protocol_fail(call, &s3_invalid_object_state,
                      "Restore is not allowed for the object's current storage class");
    } else if (status == MR_FULL) {
        s3_fail_argument(call, "Tier", MR_S("Expedited"),
                         "Retrieval option is not supported by this storage class");
    } else if (s3_fail_missing(call, &which, status == MR_END ? MR_OK : status, &restoring.meta) ==
               MR_OK) {
        call->status = restoring.was_readable ? 200 : 202; /* AWS: only prolonged, or begun */
        event.name = "ObjectRestore:Completed";
        protocol_fail_internal(call, s3_amend(s3_of(call), call->arena, &which, complete, NULL,
                                              &event, &call->ticket));
    }
}

static const struct protocol_handler handlers[] = {
    {.operation = "RestoreObject", .run = restore_object},
};
const struct s3_handlers s3_restore_handlers = {handlers, MR_COUNT(handlers)};
