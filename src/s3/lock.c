/* Object lock: the bucket's configuration, retention and legal hold of versions. What is retained
 * or held is protected where versions end (change.c). */
#include "s3/ops.h"
#include <math.h>

static enum mr_status mode_of(struct mr_slice text, enum s3_retention *ret_mode)
{
    if (mr_slice_equal(text, MR_S("GOVERNANCE")))
        *ret_mode = S3_GOVERNANCE;
    else if (mr_slice_equal(text, MR_S("COMPLIANCE")))
        *ret_mode = S3_COMPLIANCE;
    else
        return MR_INVALID;
    return MR_OK;
}

static const char *mode_name(enum s3_retention mode)
{
    return mode == S3_GOVERNANCE ? "GOVERNANCE" : "COMPLIANCE";
}

static int64_t date_of(yyjson_val *value)
{
    return (int64_t)llround(mr_json_double(value, 0) * 1000);
}

static enum mr_status check_locks(struct protocol_call *call)
{
    struct s3_bucket_state state;
    if (s3_check_bucket(call) != MR_OK)
        return MR_FAULT;
    if (s3_bucket_state(s3_of(call), call->arena, s3_in(call, "Bucket"), &state) == MR_OK &&
        !state.locks)
        return protocol_fail(call, &s3_invalid_request,
                             "Bucket is missing Object Lock Configuration");
    return MR_OK;
}

static enum mr_status check_date(struct protocol_call *call, int64_t until_ms)
{
    if (until_ms > store_now(s3_of(call)->options.store))
        return MR_OK;
    return protocol_fail(call, &s3_invalid_argument,
                         "The retain until date must be in the future!");
}

/* ---- headers of a new object ---- */

static bool lacks_digest(struct protocol_call *call)
{
    if (call->exchange == NULL || call->operation_name == NULL ||
        (strcmp(call->operation_name, "PutObject") != 0 &&
         strcmp(call->operation_name, "UploadPart") != 0) ||
        protocol_header(call, "content-md5").ptr != NULL ||
        protocol_header(call, "x-amz-trailer").ptr != NULL)
        return false;
    for (int i = S3_NO_SUM + 1; i < S3_ALGORITHMS; i++)
        if (protocol_header(call, s3_algorithm_header((enum s3_algorithm)i)).ptr != NULL)
            return false;
    return true;
}

/* AWS: what is to be locked must have come whole. */
static enum mr_status check_digest(struct protocol_call *call)
{
    if (!lacks_digest(call))
        return MR_OK;
    return protocol_fail(call, &s3_invalid_request,
                         "Content-MD5 OR x-amz-checksum- HTTP header is required for Put %s "
                         "requests with Object Lock parameters",
                         strcmp(call->operation_name, "PutObject") == 0 ? "Object" : "Part");
}

/* The bucket retains what is put into it. */
static bool retains(struct protocol_call *call)
{
    struct s3_bucket_state state;
    return s3_bucket_state(s3_of(call), call->arena, s3_in(call, "Bucket"), &state) == MR_OK &&
           state.retention != S3_NOT_RETAINED;
}

enum mr_status s3_lock_check_part(struct protocol_call *call, const struct s3_meta *upload)
{
    const bool locked = upload->retention != S3_NOT_RETAINED || upload->hold == S3_HELD;
    return lacks_digest(call) && (locked || retains(call)) ? check_digest(call) : MR_OK;
}

enum mr_status s3_lock_read(struct protocol_call *call, struct s3_meta *meta)
{
    const struct mr_slice mode = s3_in(call, "ObjectLockMode");
    const struct mr_slice hold = s3_in(call, "ObjectLockLegalHoldStatus");
    yyjson_val *until = mr_json_get(call->in, "ObjectLockRetainUntilDate");
    /* What is no date does not come as one. */
    const struct mr_slice date = protocol_header(call, "x-amz-object-lock-retain-until-date");
    if (until == NULL && date.len > 0)
        return s3_fail_argument(call, "x-amz-object-lock-retain-until-date", date,
                                "The retain until date must be provided in ISO 8601 format");
    if (mode.len == 0 && until == NULL && hold.len == 0)
        return lacks_digest(call) && retains(call) ? check_digest(call) : MR_OK;
    if (check_locks(call) != MR_OK || check_digest(call) != MR_OK)
        return MR_FAULT;
    if ((mode.len == 0) != (until == NULL))
        return protocol_fail(call, &s3_invalid_argument,
                             "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must "
                             "both be supplied");
    if (mode.len > 0 && mode_of(mode, &meta->retention) != MR_OK)
        return s3_fail_argument(call, "x-amz-object-lock-mode", mode,
                                "Unknown wormMode directive.");
    if (until != NULL) {
        meta->retain_until_ms = date_of(until);
        if (check_date(call, meta->retain_until_ms) != MR_OK)
            return MR_FAULT;
    }
    if (mr_slice_equal(hold, MR_S("ON")))
        meta->hold = S3_HELD;
    else if (mr_slice_equal(hold, MR_S("OFF")))
        meta->hold = S3_NOT_HELD;
    else if (hold.len > 0)
        return s3_fail_argument(call, "x-amz-object-lock-legal-hold", hold,
                                "Legal Hold must be either of 'ON' or 'OFF'");
    return MR_OK;
}

void s3_lock_write(struct protocol_call *call, const struct s3_meta *meta)
{
    if (meta->retention != S3_NOT_RETAINED) {
        mr_json_key_cstr(&call->out, "ObjectLockMode", mode_name(meta->retention));
        mr_json_key_timestamp(&call->out, "ObjectLockRetainUntilDate", meta->retain_until_ms);
    }
    if (meta->hold != S3_NEVER_HELD)
        mr_json_key_cstr(&call->out, "ObjectLockLegalHoldStatus",
                         meta->hold == S3_HELD ? "ON" : "OFF");
}

/* ---- the bucket ---- */

static void get_configuration(struct protocol_call *call)
{
    s3_config_give(call, "lock", "ObjectLockConfiguration", NULL, &s3_no_object_lock,
                   "Object Lock configuration does not exist for this bucket");
}

static enum mr_status check_default(struct protocol_call *call, yyjson_val *wanted)
{
    yyjson_val *rule = mr_json_get(wanted, "Rule");
    yyjson_val *retention = mr_json_get(rule, "DefaultRetention");
    yyjson_val *days = mr_json_get(retention, "Days"), *years = mr_json_get(retention, "Years");
    enum s3_retention mode;
    if (!mr_slice_equal(mr_json_get_text(wanted, "ObjectLockEnabled"), MR_S("Enabled")))
        return s3_fail_malformed(call);
    if (rule == NULL)
        return MR_OK;
    if ((days == NULL) == (years == NULL) ||
        mode_of(mr_json_get_text(retention, "Mode"), &mode) != MR_OK)
        return s3_fail_malformed(call);
    const int64_t span = mr_json_get_i64(retention, days != NULL ? "Days" : "Years", 0);
    if (span <= 0)
        return protocol_fail(call, &s3_invalid_argument,
                             "Default retention period must be a positive integer value.");
    if (span > (days != NULL ? 36500 : 100))
        return protocol_fail(call, &s3_invalid_argument,
                             "Default retention period too large: 36500 days or 100 years at most");
    return MR_OK;
}

static void put_configuration(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "ObjectLockConfiguration");
    struct s3_bucket_state state;
    if (s3_check_bucket(call) != MR_OK || check_default(call, wanted) != MR_OK)
        return;
    if (s3_bucket_state(s3_of(call), call->arena, s3_in(call, "Bucket"), &state) == MR_OK &&
        state.versioning != S3_VERSIONS_ENABLED) {
        protocol_fail(call, &s3_invalid_bucket_state,
                      "Versioning must be 'Enabled' on the bucket to apply a Object Lock "
                      "configuration");
        return;
    }
    s3_config_store(call, "lock", s3_config_json(call, wanted));
}

/* ---- retention and hold of one version ---- */

struct wish {
    enum s3_retention retention;
    int64_t until_ms, now_ms;
    enum s3_hold hold;
    bool bypass;
    struct s3_meta meta; /* result: what was there */
};

/* Under the lock. MR_END: a delete marker. MR_FULL: the old retention forbids it. */
static enum mr_status retain(void *ctx, struct s3_meta *meta)
{
    struct wish *wish = ctx;
    wish->meta = *meta;
    if (meta->marker)
        return MR_END;
    const bool strong =
        meta->retention == S3_COMPLIANCE || (meta->retention == S3_GOVERNANCE && !wish->bypass);
    const bool weaker =
        wish->retention != meta->retention || wish->until_ms < meta->retain_until_ms;
    /* AWS: a governed version may be kept longer, or more strictly, without leave. */
    const bool stricter = meta->retention == S3_GOVERNANCE && wish->retention == S3_COMPLIANCE &&
                          wish->until_ms >= meta->retain_until_ms;
    if (strong && meta->retain_until_ms > wish->now_ms && weaker && !stricter)
        return MR_FULL;
    meta->retention = wish->retention;
    meta->retain_until_ms = wish->until_ms;
    return MR_OK;
}

static enum mr_status hold(void *ctx, struct s3_meta *meta)
{
    struct wish *wish = ctx;
    wish->meta = *meta;
    if (meta->marker)
        return MR_END;
    meta->hold = wish->hold;
    return MR_OK;
}

static void amend(struct protocol_call *call, enum mr_status (*fn)(void *ctx, struct s3_meta *meta),
                  struct wish *wish)
{
    struct s3_which which;
    struct s3_version version;
    if (s3_which_in(call, &which, &version) != MR_OK)
        return;
    const enum mr_status status =
        s3_amend(s3_of(call), call->arena, &which, fn, wish, NULL, &call->ticket);
    if (status == MR_FULL)
        protocol_fail(call, &s3_access_denied,
                      "Access Denied because object protected by object lock.");
    else
        (void)s3_fail_missing(call, &which, status == MR_END ? MR_OK : status, &wish->meta);
}

static void put_retention(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "Retention");
    yyjson_val *until = mr_json_get(wanted, "RetainUntilDate");
    const struct mr_slice mode = mr_json_get_text(wanted, "Mode");
    struct wish wish = {
        .now_ms = store_now(s3_of(call)->options.store),
        .bypass = mr_json_get_bool(call->in, "BypassGovernanceRetention", false),
    };
    if (check_locks(call) != MR_OK)
        return;
    if (wanted == NULL || (mode.len == 0) != (until == NULL) ||
        (mode.len > 0 && mode_of(mode, &wish.retention) != MR_OK)) {
        s3_fail_malformed(call);
        return;
    }
    if (until != NULL) {
        wish.until_ms = date_of(until);
        if (check_date(call, wish.until_ms) != MR_OK)
            return;
    }
    amend(call, retain, &wish);
}

static void put_hold(struct protocol_call *call)
{
    const struct mr_slice status = mr_json_get_text(mr_json_get(call->in, "LegalHold"), "Status");
    struct wish wish = {.hold = mr_slice_equal(status, MR_S("ON")) ? S3_HELD : S3_NOT_HELD};
    if (check_locks(call) != MR_OK)
        return;
    if (wish.hold != S3_HELD && !mr_slice_equal(status, MR_S("OFF")))
        s3_fail_malformed(call);
    else
        amend(call, hold, &wish);
}

/* The record to tell from; false: a fault is set. */
static bool found(struct protocol_call *call, struct s3_meta *ret_meta)
{
    struct s3_which which;
    struct s3_version version;
    if (check_locks(call) != MR_OK || s3_which_in(call, &which, &version) != MR_OK)
        return false;
    const enum mr_status status =
        s3_find(s3_of(call), call->arena, &which, ret_meta, &call->ticket);
    return s3_fail_missing(call, &which, status, ret_meta) == MR_OK;
}

static void fail_none(struct protocol_call *call)
{
    protocol_fail(call, &s3_no_lock_of_object,
                  "The specified object does not have a ObjectLock configuration");
}

static void get_retention(struct protocol_call *call)
{
    struct s3_meta meta;
    if (!found(call, &meta))
        return;
    if (meta.retention == S3_NOT_RETAINED) {
        fail_none(call);
        return;
    }
    mr_json_key(&call->out, "Retention");
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "Mode", mode_name(meta.retention));
    mr_json_key_timestamp(&call->out, "RetainUntilDate", meta.retain_until_ms);
    mr_json_object_end(&call->out);
}

static void get_hold(struct protocol_call *call)
{
    struct s3_meta meta;
    if (!found(call, &meta))
        return;
    if (meta.hold == S3_NEVER_HELD) {
        fail_none(call);
        return;
    }
    mr_json_key(&call->out, "LegalHold");
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "Status", meta.hold == S3_HELD ? "ON" : "OFF");
    mr_json_object_end(&call->out);
}

static const struct protocol_handler handlers[] = {
    {.operation = "GetObjectLegalHold", .run = get_hold},
    {.operation = "GetObjectLockConfiguration", .run = get_configuration},
    {.operation = "GetObjectRetention", .run = get_retention},
    {.operation = "PutObjectLegalHold", .run = put_hold},
    {.operation = "PutObjectLockConfiguration", .run = put_configuration},
    {.operation = "PutObjectRetention", .run = put_retention},
};
const struct s3_handlers s3_lock_handlers = {handlers, MR_COUNT(handlers)};
