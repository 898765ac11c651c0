/* The wire: lifecycle rules. */
#include "s3/ops.h"
#include "s3/lifecycle.h"
#include <math.h>

enum {
    RULES_MAX = 1000,
    RULE_ID_MAX = 255,
    NEWER_PAST_MAX = 100,
    PREFIX_MAX = 1024,
    RARE_DAYS_MIN = 30 /* in a class of infrequent access */
};

static enum mr_status fail_positive(struct protocol_call *call, const char *name,
                                    const char *action)
{
    return protocol_fail(call, &s3_invalid_argument,
                         "'%s' for %s action must be a positive integer", name, action);
}

/* ---- filters ---- */

static enum mr_status check_conditions(struct protocol_call *call, yyjson_val *conditions)
{
    const int64_t above = mr_json_get_i64(conditions, "ObjectSizeGreaterThan", -1);
    const int64_t below = mr_json_get_i64(conditions, "ObjectSizeLessThan", INT64_MAX);
    size_t i, j, count, more;
    yyjson_val *tag, *other;
    if (above >= 0 && below != INT64_MAX && below <= above)
        return protocol_fail(call, &s3_invalid_request,
                             "'ObjectSizeLessThan' has to be a value greater than "
                             "'ObjectSizeGreaterThan'.");
    yyjson_val *tags = mr_json_get(conditions, "Tags");
    yyjson_arr_foreach(tags, i, count, tag)
    {
        yyjson_arr_foreach(tags, j, more, other)
        {
            if (j > i &&
                mr_slice_equal(mr_json_get_text(tag, "Key"), mr_json_get_text(other, "Key")))
                return protocol_fail(call, &s3_invalid_request,
                                     "Duplicate Tag Keys are not allowed.");
        }
    }
    return MR_OK;
}

/* Of two conditions or more. */
static bool is_and(yyjson_val *both)
{
    static const char *const one_of[] = {"Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan"};
    size_t given = yyjson_arr_size(mr_json_get(both, "Tags"));
    for (size_t i = 0; i < MR_COUNT(one_of); i++)
        given += mr_json_get(both, one_of[i]) != NULL;
    return given >= 2;
}

static struct mr_slice prefix_of(yyjson_val *rule)
{
    yyjson_val *filter = mr_json_get(rule, "Filter");
    yyjson_val *both = mr_json_get(filter, "And");
    if (filter == NULL)
        return mr_json_get_text(rule, "Prefix");
    return mr_json_get_text(both != NULL ? both : filter, "Prefix");
}

static enum mr_status check_filter(struct protocol_call *call, yyjson_val *rule)
{
    static const char *const one_of[] = {"Prefix", "Tag", "And", "ObjectSizeGreaterThan",
                                         "ObjectSizeLessThan"};
    yyjson_val *filter = mr_json_get(rule, "Filter");
    yyjson_val *both = mr_json_get(filter, "And");
    size_t given = 0;
    if ((filter == NULL) == (mr_json_get(rule, "Prefix") == NULL))
        return s3_fail_malformed(call);
    for (size_t i = 0; i < MR_COUNT(one_of); i++)
        given += mr_json_get(filter, one_of[i]) != NULL;
    if (given > 1 || (both != NULL && !is_and(both)))
        return s3_fail_malformed(call);
    if (prefix_of(rule).len > PREFIX_MAX)
        return protocol_fail(call, &s3_invalid_request, "The maximum size of a prefix is 1024.");
    return check_conditions(call, both);
}

static bool has_tags(yyjson_val *rule)
{
    yyjson_val *filter = mr_json_get(rule, "Filter");
    return mr_json_get(filter, "Tag") != NULL ||
           mr_json_get(mr_json_get(filter, "And"), "Tags") != NULL;
}

/* ---- actions ---- */

static enum mr_status check_date(struct protocol_call *call, yyjson_val *action)
{
    yyjson_val *date = mr_json_get(action, "Date");
    if (date != NULL && llround(mr_json_double(date, 0)) % 86400 != 0)
        return protocol_fail(call, &s3_invalid_argument, "'Date' must be at midnight GMT");
    return MR_OK;
}

static enum mr_status check_expiration(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *action = mr_json_get(rule, "Expiration");
    yyjson_val *days = mr_json_get(action, "Days");
    yyjson_val *marker = mr_json_get(action, "ExpiredObjectDeleteMarker");
    if (action == NULL)
        return MR_OK;
    if ((days != NULL) + (mr_json_get(action, "Date") != NULL) + (marker != NULL) != 1)
        return s3_fail_malformed(call);
    if (days != NULL && mr_json_get_i64(action, "Days", 0) <= 0)
        return fail_positive(call, "Days", "Expiration");
    if (marker != NULL && has_tags(rule))
        return protocol_fail(call, &s3_invalid_request,
                             "ExpiredObjectDeleteMarker cannot be specified with tags.");
    return check_date(call, action);
}

static enum mr_status check_newer(struct protocol_call *call, yyjson_val *action, const char *name)
{
    const int64_t kept = mr_json_get_i64(action, "NewerNoncurrentVersions", 1);
    if (kept >= 1 && kept <= NEWER_PAST_MAX)
        return MR_OK;
    return protocol_fail(call, &s3_invalid_argument,
                         "'NewerNoncurrentVersions' for %s action must be between 1 and 100", name);
}

static enum mr_status check_past(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *action = mr_json_get(rule, "NoncurrentVersionExpiration");
    if (action == NULL)
        return MR_OK;
    if (mr_json_get(action, "NoncurrentDays") == NULL)
        return s3_fail_malformed(call);
    if (mr_json_get_i64(action, "NoncurrentDays", 0) <= 0)
        return fail_positive(call, "NoncurrentDays", "NoncurrentVersionExpiration");
    return check_newer(call, action, "NoncurrentVersionExpiration");
}

static enum mr_status check_abort(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *action = mr_json_get(rule, "AbortIncompleteMultipartUpload");
    if (action == NULL)
        return MR_OK;
    if (mr_json_get_i64(action, "DaysAfterInitiation", 0) <= 0)
        return fail_positive(call, "DaysAfterInitiation", "AbortIncompleteMultipartUpload");
    if (has_tags(rule))
        return protocol_fail(call, &s3_invalid_request,
                             "AbortIncompleteMultipartUpload cannot be specified with Tags");
    return MR_OK;
}

static enum mr_status check_class(struct protocol_call *call, yyjson_val *action, const char *name,
                                  const char *days_name)
{
    static const char *const classes[] = {"STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
                                          "GLACIER_IR",  "GLACIER",    "DEEP_ARCHIVE"};
    const struct mr_slice class = mr_json_get_text(action, "StorageClass");
    const int64_t days = mr_json_get_i64(action, days_name, -1);
    size_t i = 0;
    while (i < MR_COUNT(classes) && !mr_slice_equal(class, mr_slice_cstr(classes[i])))
        i++;
    if (i == MR_COUNT(classes))
        return s3_fail_malformed(call);
    if (mr_json_get(action, days_name) != NULL && i < 2 && days < 30)
        return protocol_fail(call, &s3_invalid_argument,
                             "'%s' in %s action must be greater than or equal to 30 for "
                             "storageClass '%.*s'",
                             days_name, name, MR_ARG(class));
    if (mr_json_get(action, days_name) != NULL && days < 0)
        return protocol_fail(call, &s3_invalid_argument, "'%s' in %s action must be nonnegative",
                             days_name, name);
    return check_date(call, action);
}

static enum mr_status check_transitions(struct protocol_call *call, yyjson_val *rule)
{
    size_t at, count;
    yyjson_val *action;
    yyjson_arr_foreach(mr_json_get(rule, "Transitions"), at, count, action)
    {
        if ((mr_json_get(action, "Days") == NULL) == (mr_json_get(action, "Date") == NULL))
            return s3_fail_malformed(call);
        if (check_class(call, action, "Transition", "Days") != MR_OK)
            return MR_FAULT;
    }
    yyjson_arr_foreach(mr_json_get(rule, "NoncurrentVersionTransitions"), at, count, action)
    {
        if (mr_json_get(action, "NoncurrentDays") == NULL)
            return s3_fail_malformed(call);
        if (check_class(call, action, "NoncurrentVersionTransition", "NoncurrentDays") != MR_OK ||
            check_newer(call, action, "NoncurrentVersionTransition") != MR_OK)
            return MR_FAULT;
    }
    return MR_OK;
}

/* ---- actions beside each other ---- */

/* How AWS names a rule's filter in what it says about it. */
static const char *filter_text(struct protocol_call *call, yyjson_val *rule)
{
    const struct mr_slice prefix = prefix_of(rule);
    return mr_arena_cstr(call->arena, mr_arena_printf(call->arena,
                                                      mr_json_get(rule, "Filter") != NULL
                                                          ? "filter '(prefix=%.*s)'"
                                                          : "prefix '%.*s'",
                                                      MR_ARG(prefix)));
}

static enum mr_status check_classes(struct protocol_call *call, yyjson_val *rule, const char *list,
                                    const char *name)
{
    yyjson_val *actions = mr_json_get(rule, list);
    size_t i, j, count, more;
    yyjson_val *action, *other;
    yyjson_arr_foreach(actions, i, count, action)
    {
        yyjson_arr_foreach(actions, j, more, other)
        {
            if (j > i && mr_slice_equal(mr_json_get_text(action, "StorageClass"),
                                        mr_json_get_text(other, "StorageClass")))
                return protocol_fail(call, &s3_invalid_request,
                                     "'StorageClass' must be different for '%s' actions in same "
                                     "'Rule' with %s",
                                     name, filter_text(call, rule));
        }
    }
    return MR_OK;
}

/* AWS: an object moves by its age or at dates, not by both. */
static enum mr_status check_mixed(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *actions = mr_json_get(rule, "Transitions"), *action;
    size_t at, count, dated = 0;
    yyjson_arr_foreach(actions, at, count, action)
    {
        dated += mr_json_get(action, "Date") != NULL;
    }
    if (dated == 0 || dated == yyjson_arr_size(actions))
        return MR_OK;
    return protocol_fail(call, &s3_invalid_request,
                         "Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule "
                         "for %s",
                         filter_text(call, rule));
}

static bool is_rare(struct mr_slice class)
{
    return mr_slice_equal(class, MR_S("STANDARD_IA")) || mr_slice_equal(class, MR_S("ONEZONE_IA"));
}

/* Does an object stay where it is rarely read for as long as it has to, or move on too soon? */
static bool moves_on_too_soon(struct mr_slice class, int64_t days, yyjson_val *other)
{
    const struct mr_slice next = mr_json_get_text(other, "StorageClass");
    const bool on = (!is_rare(next) && !mr_slice_equal(next, MR_S("INTELLIGENT_TIERING"))) ||
                    (mr_slice_equal(class, MR_S("STANDARD_IA")) && is_rare(next));
    return on && !mr_slice_equal(class, next) && mr_json_get(other, "Days") != NULL &&
           mr_json_get_i64(other, "Days", 0) < days + RARE_DAYS_MIN;
}

static enum mr_status check_stays(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *actions = mr_json_get(rule, "Transitions");
    size_t i, j, count, more;
    yyjson_val *action, *other;
    yyjson_arr_foreach(actions, i, count, action)
    {
        const struct mr_slice class = mr_json_get_text(action, "StorageClass");
        if (!is_rare(class) || mr_json_get(action, "Days") == NULL)
            continue;
        yyjson_arr_foreach(actions, j, more, other)
        {
            if (!moves_on_too_soon(class, mr_json_get_i64(action, "Days", 0), other))
                continue;
            return protocol_fail(
                call, &s3_invalid_argument,
                "'Days' in the 'Transition' action for StorageClass '%s' for %s must be 30 days "
                "more than '%s' in the 'Transition' action for StorageClass '%.*s'",
                mr_arena_cstr(call->arena, mr_json_get_text(other, "StorageClass")),
                filter_text(call, rule), filter_text(call, rule), MR_ARG(class));
        }
    }
    return MR_OK;
}

/* An object has to live to be moved. */
static enum mr_status check_order(struct protocol_call *call, yyjson_val *rule)
{
    yyjson_val *expiration = mr_json_get(rule, "Expiration");
    yyjson_val *past = mr_json_get(rule, "NoncurrentVersionExpiration");
    const int64_t past_days = mr_json_get_i64(past, "NoncurrentDays", INT64_MAX);
    const bool by_days = mr_json_get(expiration, "Days") != NULL;
    const bool by_date = mr_json_get(expiration, "Date") != NULL;
    size_t at, count;
    yyjson_val *action;
    yyjson_arr_foreach(mr_json_get(rule, "Transitions"), at, count, action)
    {
        if (mr_json_get(action, by_days ? "Date" : "Days") != NULL && (by_days || by_date))
            return protocol_fail(call, &s3_invalid_request,
                                 "Found mixed 'Date' and 'Days' based Expiration and Transition "
                                 "actions in lifecycle rule for %s",
                                 filter_text(call, rule));
        if ((by_days &&
             mr_json_get_i64(expiration, "Days", 0) <= mr_json_get_i64(action, "Days", 0)) ||
            (by_date && mr_json_double(mr_json_get(expiration, "Date"), 0) <=
                            mr_json_double(mr_json_get(action, "Date"), 0)))
            return protocol_fail(call, &s3_invalid_argument,
                                 "'%s' in the Expiration action for %s must be greater than '%s' "
                                 "in the Transition action",
                                 by_days ? "Days" : "Date", filter_text(call, rule),
                                 by_days ? "Days" : "Date");
    }
    yyjson_arr_foreach(mr_json_get(rule, "NoncurrentVersionTransitions"), at, count, action)
    {
        if (past_days <= mr_json_get_i64(action, "NoncurrentDays", 0))
            return protocol_fail(call, &s3_invalid_argument,
                                 "'NoncurrentDays' in the NoncurrentVersionExpiration action for "
                                 "%s must be greater than 'NoncurrentDays' in the "
                                 "NoncurrentVersionTransition action",
                                 filter_text(call, rule));
    }
    return MR_OK;
}

/* ---- rules ---- */

static enum mr_status check_rule(struct protocol_call *call, yyjson_val *rule)
{
    static const char *const actions[] = {"Expiration", "NoncurrentVersionExpiration",
                                          "AbortIncompleteMultipartUpload", "Transitions",
                                          "NoncurrentVersionTransitions"};
    const struct mr_slice status = mr_json_get_text(rule, "Status");
    bool any = false;
    if (!mr_slice_equal(status, MR_S("Enabled")) && !mr_slice_equal(status, MR_S("Disabled")))
        return s3_fail_malformed(call);
    if (mr_json_get_text(rule, "ID").len > RULE_ID_MAX)
        return protocol_fail(call, &s3_invalid_argument,
                             "ID length should not exceed allowed limit of 255");
    for (size_t i = 0; i < MR_COUNT(actions); i++)
        any = any || mr_json_get(rule, actions[i]) != NULL;
    if (check_filter(call, rule) != MR_OK)
        return MR_FAULT;
    if (!any)
        return protocol_fail(call, &s3_invalid_request,
                             "At least one action needs to be specified in a rule");
    if (check_expiration(call, rule) != MR_OK || check_past(call, rule) != MR_OK ||
        check_abort(call, rule) != MR_OK)
        return MR_FAULT;
    if (check_transitions(call, rule) != MR_OK ||
        check_classes(call, rule, "Transitions", "Transition") != MR_OK ||
        check_classes(call, rule, "NoncurrentVersionTransitions", "NoncurrentVersionTransition") !=
            MR_OK ||
        check_mixed(call, rule) != MR_OK || check_stays(call, rule) != MR_OK)
        return MR_FAULT;
    return check_order(call, rule);
}

/* AWS: rules are all of the old form, with a prefix, or all have filters. */
static enum mr_status check_kind(struct protocol_call *call, yyjson_val *rules, yyjson_val *rule)
{
    yyjson_val *first = yyjson_arr_get_first(rules);
    return (mr_json_get(first, "Filter") == NULL) == (mr_json_get(rule, "Filter") == NULL)
               ? MR_OK
               : protocol_fail(call, &s3_invalid_request,
                               "Base level prefix cannot be used in Lifecycle V2, prefixes are "
                               "only supported in the Filter.");
}

static enum mr_status check_rules(struct protocol_call *call, yyjson_val *rules)
{
    size_t i, j, count, more;
    yyjson_val *rule, *other;
    if (yyjson_arr_size(rules) == 0 || yyjson_arr_size(rules) > RULES_MAX)
        return s3_fail_malformed(call);
    yyjson_arr_foreach(rules, i, count, rule)
    {
        if (check_rule(call, rule) != MR_OK || check_kind(call, rules, rule) != MR_OK)
            return MR_FAULT;
        yyjson_arr_foreach(rules, j, more, other)
        {
            const struct mr_slice id = mr_json_get_text(rule, "ID");
            if (j < i && id.len > 0 && mr_slice_equal(id, mr_json_get_text(other, "ID")))
                return s3_fail_argument(call, "RuleId", id,
                                        "Rule ID must be unique. Found same ID for more than one "
                                        "rule");
        }
    }
    return MR_OK;
}

/* AWS: who names no rule gets a name for it. */
static void write_rule(struct protocol_call *call, struct mr_json *json, yyjson_val *rule)
{
    uint8_t random[36];
    mr_rng_fill(s3_of(call)->options.rng, random, sizeof random);
    s3_config_write_named(json, rule, "ID",
                          mr_base64(call->arena, mr_slice_make(random, sizeof random)));
}

/* AWS: below which size nothing is moved; by class, archives take everything. */
static const char everywhere[] = "all_storage_classes_128K";
static const char by_class[] = "varies_by_storage_class";

static void put_lifecycle(struct protocol_call *call)
{
    yyjson_val *rules = mr_json_get(mr_json_get(call->in, "LifecycleConfiguration"), "Rules");
    const struct mr_slice minimum = s3_in(call, "TransitionDefaultMinimumObjectSize");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t at, count;
    yyjson_val *rule;
    if (s3_check_bucket(call) != MR_OK || check_rules(call, rules) != MR_OK)
        return;
    const bool varies = mr_slice_equal(minimum, mr_slice_cstr(by_class));
    if (minimum.len > 0 && !varies && !mr_slice_equal(minimum, mr_slice_cstr(everywhere))) {
        protocol_fail(call, &s3_invalid_request,
                      "Invalid TransitionDefaultMinimumObjectSize found: %.*s", MR_ARG(minimum));
        return;
    }
    mr_json_object(&json);
    mr_json_key(&json, "Rules");
    mr_json_array(&json);
    yyjson_arr_foreach(rules, at, count, rule)
    {
        write_rule(call, &json, rule);
    }
    mr_json_array_end(&json);
    mr_json_key_cstr(&json, "Minimum", varies ? by_class : everywhere);
    mr_json_object_end(&json);
    s3_config_store(call, "lifecycle", mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    if (protocol_failed(call))
        return;
    mr_json_key_cstr(&call->out, "TransitionDefaultMinimumObjectSize",
                     varies ? by_class : everywhere);
    s3_expiry_wake(s3_of(call));
}

static void get_lifecycle(struct protocol_call *call)
{
    yyjson_val *document = s3_config_document(call);
    yyjson_val *lifecycle = mr_json_get(document, "lifecycle");
    yyjson_val *rules = mr_json_get(lifecycle, "Rules");
    const struct mr_slice minimum = mr_json_get_text(lifecycle, "Minimum");
    if (document == NULL)
        return;
    if (rules == NULL) {
        protocol_fail_member(call, "BucketName", s3_in(call, "Bucket"));
        protocol_fail(call, &s3_no_lifecycle, "The lifecycle configuration does not exist");
        return;
    }
    mr_json_key_value(&call->out, "Rules", rules);
    mr_json_key_string(&call->out, "TransitionDefaultMinimumObjectSize",
                       minimum.len > 0 ? minimum : mr_slice_cstr(everywhere));
}

static void delete_lifecycle(struct protocol_call *call)
{
    s3_config_store(call, "lifecycle", MR_S(""));
}

/* ---- x-amz-expiration ---- */

void s3_write_expiration(struct protocol_call *call, struct mr_slice key,
                         const struct s3_meta *meta)
{
    yyjson_val *document;
    int64_t due_ms;
    struct mr_slice rule = {0};
    if (s3_bucket_get(s3_of(call), call->arena, s3_in(call, "Bucket"), &document) != MR_OK ||
        !s3_lifecycle_expiry(mr_json_get(mr_json_get(document, "lifecycle"), "Rules"), key, meta,
                             &due_ms, &rule))
        return;
    char date[32];
    struct mr_buf text = {0};
    mr_buf_printf(&text, "expiry-date=\"%.*s\", rule-id=\"", MR_ARG(mr_date_http(due_ms, date)));
    mr_percent_encode(&text, rule, false);
    mr_buf_byte(&text, '"');
    mr_json_key_string(&call->out, "Expiration", mr_buf_slice(&text));
    mr_buf_fini(&text);
}

void s3_write_abort(struct protocol_call *call, const struct s3_upload *upload)
{
    yyjson_val *document;
    int64_t due_ms;
    struct mr_slice rule = {0};
    if (s3_bucket_get(s3_of(call), call->arena, upload->bucket, &document) != MR_OK ||
        !s3_lifecycle_abort(mr_json_get(mr_json_get(document, "lifecycle"), "Rules"), upload->key,
                            upload->meta.modified_ms, &due_ms, &rule))
        return;
    struct mr_buf text = {0};
    mr_percent_encode(&text, rule, false);
    mr_json_key_timestamp(&call->out, "AbortDate", due_ms);
    mr_json_key_string(&call->out, "AbortRuleId", mr_buf_slice(&text));
    mr_buf_fini(&text);
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketLifecycle", .run = delete_lifecycle},
    {.operation = "GetBucketLifecycleConfiguration", .run = get_lifecycle},
    {.operation = "PutBucketLifecycleConfiguration", .run = put_lifecycle},
};
const struct s3_handlers s3_lifecycle_handlers = {handlers, MR_COUNT(handlers)};
