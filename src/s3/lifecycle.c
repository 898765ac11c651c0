#include "s3/lifecycle.h"
#include <math.h>

enum { MOVED_BYTES_MIN = 128 << 10 }; /* AWS: smaller ones stay, unless a filter names a size */
static const int64_t day_ms = INT64_C(86400000);
static const int64_t days_max = INT64_C(36500000);

int64_t s3_lifecycle_next_ms(int64_t now_ms)
{
    return (now_ms / day_ms + 1) * day_ms;
}

/* AWS: so many days later, and then the next midnight. */
static int64_t days_after(int64_t from_ms, int64_t days)
{
    const int64_t due_ms = from_ms + (days < days_max ? days : days_max) * day_ms;
    return (due_ms + day_ms - 1) / day_ms * day_ms;
}

/* ---- filters ---- */

static bool has_tag(struct mr_slice tags, yyjson_val *tag)
{
    struct mr_slice name, value;
    while (s3_pairs_next(&tags, &name, &value))
        if (mr_slice_equal(name, mr_json_get_text(tag, "Key")))
            return mr_slice_equal(value, mr_json_get_text(tag, "Value"));
    return false;
}

static bool conditions_fit(yyjson_val *conditions, struct mr_slice key, const struct s3_meta *meta)
{
    yyjson_val *tag = mr_json_get(conditions, "Tag");
    size_t at, count;
    if (!mr_slice_starts_with(key, mr_json_get_text(conditions, "Prefix")))
        return false;
    if (meta == NULL) /* an upload has no size and no tags yet */
        return true;
    if (tag != NULL && !has_tag(meta->tags, tag))
        return false;
    yyjson_arr_foreach(mr_json_get(conditions, "Tags"), at, count, tag)
    {
        if (!has_tag(meta->tags, tag))
            return false;
    }
    const int64_t above = mr_json_get_i64(conditions, "ObjectSizeGreaterThan", -1);
    const int64_t below = mr_json_get_i64(conditions, "ObjectSizeLessThan", INT64_MAX);
    return (int64_t)meta->size > above && (int64_t)meta->size < below;
}

bool s3_rule_fits(yyjson_val *rule, struct mr_slice key, const struct s3_meta *meta)
{
    if (!mr_slice_equal(mr_json_get_text(rule, "Status"), MR_S("Enabled")) ||
        !mr_slice_starts_with(key, mr_json_get_text(rule, "Prefix")))
        return false;
    yyjson_val *filter = mr_json_get(rule, "Filter");
    return conditions_fit(filter, key, meta) &&
           conditions_fit(mr_json_get(filter, "And"), key, meta);
}

static bool names_size(yyjson_val *rule)
{
    yyjson_val *filter = mr_json_get(rule, "Filter");
    yyjson_val *both[] = {filter, mr_json_get(filter, "And")};
    for (size_t i = 0; i < MR_COUNT(both); i++)
        if (mr_json_get(both[i], "ObjectSizeGreaterThan") != NULL ||
            mr_json_get(both[i], "ObjectSizeLessThan") != NULL)
            return true;
    return false;
}

/* ---- when ---- */

/* "Days" or "Date" of an action; INT64_MAX: neither. */
static int64_t due_of(yyjson_val *action, int64_t from_ms)
{
    yyjson_val *date = mr_json_get(action, "Date");
    if (date != NULL)
        return (int64_t)llround(mr_json_double(date, 0) * 1000);
    const int64_t days = mr_json_get_i64(action, "Days", -1);
    return days < 0 ? INT64_MAX : days_after(from_ms, days);
}

/* A version that is not the latest: long enough, and with enough newer ones that stay. */
static bool past_is_due(yyjson_val *action, const struct s3_subject *subject, int64_t now_ms)
{
    const int64_t days = mr_json_get_i64(action, "NoncurrentDays", -1);
    const int64_t kept = mr_json_get_i64(action, "NewerNoncurrentVersions", 0);
    return days >= 0 && days_after(subject->past_since_ms, days) <= now_ms &&
           (int64_t)subject->newer_past >= kept;
}

static bool expires(yyjson_val *rule, const struct s3_subject *subject, int64_t now_ms)
{
    yyjson_val *action = mr_json_get(rule, "Expiration");
    if (!subject->latest)
        return past_is_due(mr_json_get(rule, "NoncurrentVersionExpiration"), subject, now_ms);
    if (!subject->meta->marker)
        return due_of(action, subject->meta->modified_ms) <= now_ms;
    /* AWS: a marker that hides nothing any more goes by its own setting, or when it is as old. */
    return subject->alone && (mr_json_get_bool(action, "ExpiredObjectDeleteMarker", false) ||
                              due_of(action, subject->meta->modified_ms) <= now_ms);
}

/* AWS: objects move down this list alone. */
enum { RANK_ARCHIVE = 5 };
static int rank(struct mr_slice class)
{
    static const char *const classes[] = {"STANDARD_IA", "INTELLIGENT_TIERING",
                                          "ONEZONE_IA",  "GLACIER_IR",
                                          "GLACIER",     "DEEP_ARCHIVE"};
    for (size_t i = 0; i < MR_COUNT(classes); i++)
        if (mr_slice_equal(class, mr_slice_cstr(classes[i])))
            return (int)i + 1;
    return 0;
}

static bool moves(yyjson_val *rule, const struct s3_subject *subject, int64_t now_ms,
                  int64_t *latest_ms, struct mr_slice *ret_class)
{
    size_t at, count;
    yyjson_val *action;
    bool found = false;
    const bool small = subject->meta->size < MOVED_BYTES_MIN && !names_size(rule);
    if (subject->meta->marker || (small && !subject->archives_small))
        return false;
    yyjson_arr_foreach(
        mr_json_get(rule, subject->latest ? "Transitions" : "NoncurrentVersionTransitions"), at,
        count, action)
    {
        const int64_t due_ms =
            subject->latest ? due_of(action, subject->meta->modified_ms)
                            : days_after(subject->past_since_ms,
                                         mr_json_get_i64(action, "NoncurrentDays", days_max));
        const bool due = subject->latest ? due_ms <= now_ms : past_is_due(action, subject, now_ms);
        const struct mr_slice class = mr_json_get_text(action, "StorageClass");
        if (!due || due_ms < *latest_ms || (small && rank(class) < RANK_ARCHIVE))
            continue;
        *latest_ms = due_ms; /* the last one that was due decides */
        *ret_class = class;
        found = true;
    }
    return found;
}

enum s3_fate s3_lifecycle_judge(yyjson_val *rules, const struct s3_subject *subject, int64_t now_ms,
                                struct mr_slice *ret_class)
{
    size_t at, count;
    yyjson_val *rule;
    bool moved = false;
    int64_t latest_ms = INT64_MIN;
    /* AWS: what is not replicated yet, or could not be, stays. */
    if (subject->meta->replication == S3_REPLICATION_PENDING ||
        subject->meta->replication == S3_REPLICATION_FAILED)
        return S3_FATE_STAYS;
    yyjson_arr_foreach(rules, at, count, rule)
    {
        if (!s3_rule_fits(rule, subject->key, subject->meta))
            continue;
        if (expires(rule, subject, now_ms))
            return S3_FATE_EXPIRES;
        moved = moves(rule, subject, now_ms, &latest_ms, ret_class) || moved;
    }
    return moved && rank(*ret_class) > rank(subject->meta->headers[S3_STORAGE_CLASS])
               ? S3_FATE_MOVES
               : S3_FATE_STAYS;
}

bool s3_lifecycle_expiry(yyjson_val *rules, struct mr_slice key, const struct s3_meta *meta,
                         int64_t *ret_due_ms, struct mr_slice *ret_rule)
{
    size_t at, count;
    yyjson_val *rule;
    *ret_due_ms = INT64_MAX;
    yyjson_arr_foreach(rules, at, count, rule)
    {
        const int64_t due_ms = due_of(mr_json_get(rule, "Expiration"), meta->modified_ms);
        if (due_ms >= *ret_due_ms || !s3_rule_fits(rule, key, meta))
            continue;
        *ret_due_ms = due_ms;
        *ret_rule = mr_json_get_text(rule, "ID");
    }
    return *ret_due_ms != INT64_MAX;
}

bool s3_lifecycle_abort(yyjson_val *rules, struct mr_slice key, int64_t begun_ms,
                        int64_t *ret_due_ms, struct mr_slice *ret_rule)
{
    size_t at, count;
    yyjson_val *rule;
    *ret_due_ms = INT64_MAX;
    yyjson_arr_foreach(rules, at, count, rule)
    {
        const int64_t days = mr_json_get_i64(mr_json_get(rule, "AbortIncompleteMultipartUpload"),
                                             "DaysAfterInitiation", -1);
        if (days < 0 || !s3_rule_fits(rule, key, NULL) || days_after(begun_ms, days) >= *ret_due_ms)
            continue;
        *ret_due_ms = days_after(begun_ms, days);
        *ret_rule = mr_json_get_text(rule, "ID");
    }
    return *ret_due_ms != INT64_MAX;
}

bool s3_lifecycle_gives_up(yyjson_val *rules, struct mr_slice key, int64_t begun_ms, int64_t now_ms)
{
    int64_t due_ms;
    struct mr_slice rule;
    return s3_lifecycle_abort(rules, key, begun_ms, &due_ms, &rule) && due_ms <= now_ms;
}
