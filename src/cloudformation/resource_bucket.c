/* What a template says about a bucket in words of its own, in the words of S3's operations: rules
 * for browsers, lifecycle, notifications, replication, object lock, access logs, websites. */
#include "cloudformation/resource_bucket.h"
#include "base/clock.h"
#include "cloudformation/members.h"

/* ---- building blocks ---- */

struct renamed {
    const char *from, *to;
};

/* The members of `object` that the list names, under their other names. */
static void write_renamed(struct mr_json *json, yyjson_val *object, const struct renamed *names,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        yyjson_val *value = mr_json_get(object, names[i].from);
        if (value != NULL)
            mr_json_key_value(json, names[i].to, value);
    }
}

/* A member that is in none of the lists fails the resource: nothing is dropped. */
static void check_members(struct resource_call *call, yyjson_val *object, const char *const *known)
{
    size_t at, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(members_of(object), at, count, name, value)
    {
        size_t i = 0;
        while (known[i] != NULL && !mr_slice_equal(mr_json_text(name), mr_slice_cstr(known[i])))
            i++;
        if (known[i] == NULL)
            resource_fail(call, "Encountered unsupported property %.*s",
                          MR_ARG(mr_json_text(name)));
    }
}

/* A value that is a list, or one of such. */
static size_t count_of(yyjson_val *value)
{
    return yyjson_is_arr(value) ? yyjson_arr_size(value) : value != NULL;
}

static yyjson_val *item_of(yyjson_val *value, size_t at)
{
    return yyjson_is_arr(value) ? yyjson_arr_get(value, at) : value;
}

/* A list of objects, or one: each with its members, which are all in `known`, under other names. */
static void write_each(struct resource_call *call, struct mr_json *json, yyjson_val *list,
                       const struct renamed *names, size_t count, const char *const *known)
{
    mr_json_array(json);
    for (size_t i = 0; i < count_of(list); i++) {
        yyjson_val *item = item_of(list, i);
        check_members(call, item, known);
        mr_json_object(json);
        write_renamed(json, item, names, count);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

/* Sends what `write` makes of the property, or the operation that takes it away. */
static bool set(struct resource_call *call, const char *property, const char *put,
                const char *member, const char *take_away,
                void (*write)(struct resource_call *call, struct mr_json *json, yyjson_val *value))
{
    struct request request;
    yyjson_val *value = resource_property(call, property);
    if (!resource_changed(call, property))
        return true;
    bucket_request(&request, call, value != NULL ? put : take_away);
    if (value != NULL) {
        struct mr_buf buf = {0};
        struct mr_json json = mr_json_make(&buf);
        mr_json_object(&json);
        write(call, &json, value);
        mr_json_object_end(&json);
        request_value(&request, member,
                      mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX));
        mr_buf_fini(&buf);
        if (strcmp(member, "LifecycleConfiguration") == 0)
            request_value(&request, "TransitionDefaultMinimumObjectSize",
                          mr_json_get(value, "TransitionDefaultMinimumObjectSize"));
    }
    if (call->reason.len > 0) {
        mr_buf_fini(&request.buf);
        return false;
    }
    return request_done(&request);
}

/* ---- CorsConfiguration ---- */

static void write_cors(struct resource_call *call, struct mr_json *json, yyjson_val *value)
{
    static const struct renamed names[] = {{"AllowedHeaders", "AllowedHeaders"},
                                           {"AllowedMethods", "AllowedMethods"},
                                           {"AllowedOrigins", "AllowedOrigins"},
                                           {"ExposedHeaders", "ExposeHeaders"},
                                           {"Id", "ID"},
                                           {"MaxAge", "MaxAgeSeconds"}};
    static const char *const whole[] = {"CorsRules", NULL};
    static const char *const known[] = {"AllowedHeaders",
                                        "AllowedMethods",
                                        "AllowedOrigins",
                                        "ExposedHeaders",
                                        "Id",
                                        "MaxAge",
                                        NULL};
    check_members(call, value, whole);
    mr_json_key(json, "CORSRules");
    write_each(call, json, mr_json_get(value, "CorsRules"), names, MR_COUNT(names), known);
}

bool bucket_set_cors(struct resource_call *call)
{
    return set(call, "CorsConfiguration", "PutBucketCors", "CORSConfiguration", "DeleteBucketCors",
               write_cors);
}

/* ---- LifecycleConfiguration ---- */

static void write_date(struct mr_json *json, yyjson_val *date)
{
    int64_t epoch_ms;
    if (date == NULL)
        return;
    if (mr_date_parse(mr_json_text(date), &epoch_ms) == MR_OK)
        mr_json_key_timestamp(json, "Date", epoch_ms);
    else
        mr_json_key_value(json, "Date", date); /* S3 says what is wrong with it */
}

static void write_filter(struct mr_json *json, yyjson_val *rule)
{
    static const struct renamed names[] = {{"Prefix", "Prefix"},
                                           {"TagFilters", "Tags"},
                                           {"ObjectSizeGreaterThan", "ObjectSizeGreaterThan"},
                                           {"ObjectSizeLessThan", "ObjectSizeLessThan"}};
    yyjson_val *tags = mr_json_get(rule, "TagFilters");
    size_t given = 0;
    for (size_t i = 0; i < MR_COUNT(names); i++)
        given += mr_json_get(rule, names[i].from) != NULL;
    const bool one_tag = given == 1 && count_of(tags) == 1;
    const bool joined = !one_tag && (given > 1 || tags != NULL);
    mr_json_key(json, "Filter");
    mr_json_object(json);
    if (joined) {
        mr_json_key(json, "And");
        mr_json_object(json);
    }
    if (one_tag)
        mr_json_key_value(json, "Tag", item_of(tags, 0));
    else if (given == 0)
        mr_json_key_cstr(json, "Prefix", "");
    else
        write_renamed(json, rule, names, MR_COUNT(names));
    if (joined)
        mr_json_object_end(json);
    mr_json_object_end(json);
}

static void write_expiration(struct mr_json *json, yyjson_val *rule)
{
    static const struct renamed names[] = {
        {"ExpirationInDays", "Days"}, {"ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"}};
    yyjson_val *date = mr_json_get(rule, "ExpirationDate");
    if (date == NULL && mr_json_get(rule, names[0].from) == NULL &&
        mr_json_get(rule, names[1].from) == NULL)
        return;
    mr_json_key(json, "Expiration");
    mr_json_object(json);
    write_date(json, date);
    write_renamed(json, rule, names, MR_COUNT(names));
    mr_json_object_end(json);
}

/* A list, and the one action that older templates have instead. */
static void write_transitions(struct resource_call *call, struct mr_json *json, yyjson_val *rule,
                              const char *one, const char *list, const char *days)
{
    static const char *const known[] = {"StorageClass", "TransitionDate", "TransitionInDays",
                                        "NewerNoncurrentVersions", NULL};
    const struct renamed names[] = {{"StorageClass", "StorageClass"},
                                    {"TransitionInDays", days},
                                    {"NewerNoncurrentVersions", "NewerNoncurrentVersions"}};
    yyjson_val *places[] = {mr_json_get(rule, one), mr_json_get(rule, list)};
    if (places[0] == NULL && places[1] == NULL)
        return;
    mr_json_key(json, list);
    mr_json_array(json);
    for (size_t p = 0; p < MR_COUNT(places); p++)
        for (size_t i = 0; i < count_of(places[p]); i++) {
            yyjson_val *action = item_of(places[p], i);
            check_members(call, action, known);
            mr_json_object(json);
            write_date(json, mr_json_get(action, "TransitionDate"));
            write_renamed(json, action, names, MR_COUNT(names));
            mr_json_object_end(json);
        }
    mr_json_array_end(json);
}

static void write_rule(struct resource_call *call, struct mr_json *json, yyjson_val *rule)
{
    static const char *const known[] = {"Id",
                                        "Status",
                                        "AbortIncompleteMultipartUpload",
                                        "NoncurrentVersionExpiration",
                                        "NoncurrentVersionExpirationInDays",
                                        "Prefix",
                                        "TagFilters",
                                        "ObjectSizeGreaterThan",
                                        "ObjectSizeLessThan",
                                        "ExpirationDate",
                                        "ExpirationInDays",
                                        "ExpiredObjectDeleteMarker",
                                        "Transition",
                                        "Transitions",
                                        "NoncurrentVersionTransition",
                                        "NoncurrentVersionTransitions",
                                        NULL};
    static const struct renamed names[] = {
        {"Id", "ID"},
        {"Status", "Status"},
        {"AbortIncompleteMultipartUpload", "AbortIncompleteMultipartUpload"},
        {"NoncurrentVersionExpiration", "NoncurrentVersionExpiration"}};
    yyjson_val *days = mr_json_get(rule, "NoncurrentVersionExpirationInDays");
    check_members(call, rule, known);
    mr_json_object(json);
    write_renamed(json, rule, names, MR_COUNT(names));
    if (days != NULL && mr_json_get(rule, "NoncurrentVersionExpiration") == NULL) {
        mr_json_key(json, "NoncurrentVersionExpiration");
        mr_json_object(json);
        mr_json_key_value(json, "NoncurrentDays", days);
        mr_json_object_end(json);
    }
    write_filter(json, rule);
    write_expiration(json, rule);
    write_transitions(call, json, rule, "Transition", "Transitions", "Days");
    write_transitions(call, json, rule, "NoncurrentVersionTransition",
                      "NoncurrentVersionTransitions", "NoncurrentDays");
    mr_json_object_end(json);
}

static void write_lifecycle(struct resource_call *call, struct mr_json *json, yyjson_val *value)
{
    static const char *const whole[] = {"Rules", "TransitionDefaultMinimumObjectSize", NULL};
    yyjson_val *rules = mr_json_get(value, "Rules");
    check_members(call, value, whole);
    mr_json_key(json, "Rules");
    mr_json_array(json);
    for (size_t i = 0; i < yyjson_arr_size(rules); i++)
        write_rule(call, json, yyjson_arr_get(rules, i));
    mr_json_array_end(json);
}

bool bucket_set_lifecycle(struct resource_call *call)
{
    return set(call, "LifecycleConfiguration", "PutBucketLifecycleConfiguration",
               "LifecycleConfiguration", "DeleteBucketLifecycle", write_lifecycle);
}

/* ---- NotificationConfiguration ---- */

static void write_events(struct resource_call *call, struct mr_json *json, yyjson_val *value,
                         const char *list, const char *from, const char *member, const char *to)
{
    const char *const known[] = {"Event", "Filter", from, NULL};
    yyjson_val *all = mr_json_get(value, list);
    if (all == NULL)
        return;
    mr_json_key(json, member);
    mr_json_array(json);
    for (size_t i = 0; i < yyjson_arr_size(all); i++) {
        yyjson_val *one = yyjson_arr_get(all, i);
        yyjson_val *key = mr_json_get(mr_json_get(one, "Filter"), "S3Key");
        check_members(call, one, known);
        mr_json_object(json);
        mr_json_key_value(json, to, mr_json_get(one, from));
        mr_json_key(json, "Events");
        mr_json_array(json);
        mr_json_string(json, mr_json_get_text(one, "Event"));
        mr_json_array_end(json);
        if (key != NULL) {
            mr_json_key(json, "Filter");
            mr_json_object(json);
            mr_json_key(json, "Key");
            mr_json_object(json);
            mr_json_key_value(json, "FilterRules", mr_json_get(key, "Rules"));
            mr_json_object_end(json);
            mr_json_object_end(json);
        }
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void write_notifications(struct resource_call *call, struct mr_json *json, yyjson_val *value)
{
    static const char *const whole[] = {"LambdaConfigurations", "QueueConfigurations",
                                        "TopicConfigurations", "EventBridgeConfiguration", NULL};
    check_members(call, value, whole);
    write_events(call, json, value, "LambdaConfigurations", "Function",
                 "LambdaFunctionConfigurations", "LambdaFunctionArn");
    write_events(call, json, value, "QueueConfigurations", "Queue", "QueueConfigurations",
                 "QueueArn");
    write_events(call, json, value, "TopicConfigurations", "Topic", "TopicConfigurations",
                 "TopicArn");
    if (mr_json_get(value, "EventBridgeConfiguration") != NULL)
        mr_json_key_raw(json, "EventBridgeConfiguration", MR_S("{}"));
}

bool bucket_set_notifications(struct resource_call *call)
{
    struct request request;
    if (resource_property(call, "NotificationConfiguration") != NULL ||
        !resource_changed(call, "NotificationConfiguration"))
        return set(call, "NotificationConfiguration", "PutBucketNotificationConfiguration",
                   "NotificationConfiguration", "", write_notifications);
    bucket_request(&request, call, "PutBucketNotificationConfiguration"); /* there is no delete */
    mr_json_key_raw(&request.json, "NotificationConfiguration", MR_S("{}"));
    return request_done(&request);
}

/* ---- ReplicationConfiguration ---- */

static void write_replication_filter(struct resource_call *call, struct mr_json *json,
                                     yyjson_val *filter)
{
    static const char *const known[] = {"Prefix", "TagFilter", "And", NULL};
    static const char *const joined[] = {"Prefix", "TagFilters", NULL};
    static const struct renamed names[] = {{"Prefix", "Prefix"}, {"TagFilter", "Tag"}};
    static const struct renamed both[] = {{"Prefix", "Prefix"}, {"TagFilters", "Tags"}};
    yyjson_val *all = mr_json_get(filter, "And");
    check_members(call, filter, known);
    check_members(call, all, joined);
    mr_json_key(json, "Filter");
    mr_json_object(json);
    write_renamed(json, filter, names, MR_COUNT(names));
    if (all != NULL) {
        mr_json_key(json, "And");
        mr_json_object(json);
        write_renamed(json, all, both, MR_COUNT(both));
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
}

static void write_replication_rule(struct resource_call *call, struct mr_json *json,
                                   yyjson_val *rule)
{
    static const char *const known[] = {
        "DeleteMarkerReplication", "Destination", "Filter", "Id", "Prefix", "Priority",
        "SourceSelectionCriteria", "Status",      NULL};
    static const struct renamed names[] = {{"DeleteMarkerReplication", "DeleteMarkerReplication"},
                                           {"Destination", "Destination"},
                                           {"Id", "ID"},
                                           {"Prefix", "Prefix"},
                                           {"Priority", "Priority"},
                                           {"SourceSelectionCriteria", "SourceSelectionCriteria"},
                                           {"Status", "Status"}};
    yyjson_val *filter = mr_json_get(rule, "Filter");
    check_members(call, rule, known);
    mr_json_object(json);
    write_renamed(json, rule, names, MR_COUNT(names));
    if (filter != NULL)
        write_replication_filter(call, json, filter);
    mr_json_object_end(json);
}

static void write_replication(struct resource_call *call, struct mr_json *json, yyjson_val *value)
{
    static const char *const whole[] = {"Role", "Rules", NULL};
    static const struct renamed names[] = {{"Role", "Role"}};
    yyjson_val *rules = mr_json_get(value, "Rules");
    check_members(call, value, whole);
    write_renamed(json, value, names, MR_COUNT(names));
    mr_json_key(json, "Rules");
    mr_json_array(json);
    for (size_t i = 0; i < count_of(rules); i++)
        write_replication_rule(call, json, item_of(rules, i));
    mr_json_array_end(json);
}

bool bucket_set_replication(struct resource_call *call)
{
    return set(call, "ReplicationConfiguration", "PutBucketReplication", "ReplicationConfiguration",
               "DeleteBucketReplication", write_replication);
}

/* ---- ObjectLockConfiguration ---- */

static void write_lock(struct resource_call *call, struct mr_json *json, yyjson_val *value)
{
    static const struct renamed names[] = {{"Rule", "Rule"}};
    static const char *const known[] = {"ObjectLockEnabled", "Rule", NULL};
    check_members(call, value, known);
    mr_json_key_cstr(json, "ObjectLockEnabled", "Enabled");
    write_renamed(json, value, names, MR_COUNT(names));
}

bool bucket_set_lock(struct resource_call *call)
{
    struct request request;
    if (resource_property(call, "ObjectLockConfiguration") != NULL ||
        !resource_changed(call, "ObjectLockConfiguration"))
        return set(call, "ObjectLockConfiguration", "PutObjectLockConfiguration",
                   "ObjectLockConfiguration", "", write_lock);
    bucket_request(&request, call, "PutObjectLockConfiguration"); /* the rule alone can go */
    mr_json_key_raw(&request.json, "ObjectLockConfiguration",
                    MR_S("{\"ObjectLockEnabled\":\"Enabled\"}"));
    return request_done(&request);
}

/* ---- LoggingConfiguration ---- */

static void write_logging(struct resource_call *call, struct mr_json *json, yyjson_val *value)
{
    static const char *const known[] = {"DestinationBucketName", "LogFilePrefix",
                                        "TargetObjectKeyFormat", NULL};
    yyjson_val *bucket = mr_json_get(value, "DestinationBucketName");
    yyjson_val *prefix = mr_json_get(value, "LogFilePrefix");
    yyjson_val *format = mr_json_get(value, "TargetObjectKeyFormat");
    check_members(call, value, known);
    mr_json_key(json, "LoggingEnabled");
    mr_json_object(json);
    if (bucket != NULL)
        mr_json_key_value(json, "TargetBucket", bucket);
    else
        mr_json_key_string(json, "TargetBucket", call->physical); /* AWS: its own logs */
    if (prefix != NULL)
        mr_json_key_value(json, "TargetPrefix", prefix);
    else
        mr_json_key_cstr(json, "TargetPrefix", "");
    if (format != NULL)
        mr_json_key_value(json, "TargetObjectKeyFormat", format);
    mr_json_object_end(json);
}

bool bucket_set_logging(struct resource_call *call)
{
    struct request request;
    if (resource_property(call, "LoggingConfiguration") != NULL ||
        !resource_changed(call, "LoggingConfiguration"))
        return set(call, "LoggingConfiguration", "PutBucketLogging", "BucketLoggingStatus", "",
                   write_logging);
    bucket_request(&request, call, "PutBucketLogging"); /* there is no delete */
    mr_json_key_raw(&request.json, "BucketLoggingStatus", MR_S("{}"));
    return request_done(&request);
}

/* ---- WebsiteConfiguration ---- */

/* A text that S3 has as an object of one member. */
static void write_wrapped(struct mr_json *json, const char *name, const char *member,
                          yyjson_val *text)
{
    if (text == NULL)
        return;
    mr_json_key(json, name);
    mr_json_object(json);
    mr_json_key_value(json, member, text);
    mr_json_object_end(json);
}

static void write_website(struct resource_call *call, struct mr_json *json, yyjson_val *value)
{
    static const struct renamed whole[] = {{"RedirectAllRequestsTo", "RedirectAllRequestsTo"}};
    static const struct renamed rule[] = {{"RoutingRuleCondition", "Condition"},
                                          {"RedirectRule", "Redirect"}};
    static const char *const known[] = {"IndexDocument", "ErrorDocument", "RedirectAllRequestsTo",
                                        "RoutingRules", NULL};
    static const char *const of_rule[] = {"RoutingRuleCondition", "RedirectRule", NULL};
    yyjson_val *rules = mr_json_get(value, "RoutingRules");
    check_members(call, value, known);
    write_wrapped(json, "IndexDocument", "Suffix", mr_json_get(value, "IndexDocument"));
    write_wrapped(json, "ErrorDocument", "Key", mr_json_get(value, "ErrorDocument"));
    write_renamed(json, value, whole, MR_COUNT(whole));
    if (rules == NULL)
        return;
    mr_json_key(json, "RoutingRules");
    write_each(call, json, rules, rule, MR_COUNT(rule), of_rule);
}

bool bucket_set_website(struct resource_call *call)
{
    return set(call, "WebsiteConfiguration", "PutBucketWebsite", "WebsiteConfiguration",
               "DeleteBucketWebsite", write_website);
}
