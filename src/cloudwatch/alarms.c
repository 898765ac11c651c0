/* The wire: alarms on one metric.
 *
 * Nothing runs in the background: whoever asks for an alarm has it evaluated, and a state that
 * changed is stored then, with its reason. Actions are kept and shown; there is nobody here whom
 * they could notify. */
#include "cloudwatch/alarm_state.h"
#include "cloudwatch/internal.h"
#include "protocol/document.h"

enum {
    ALARMS_MAX = 5000,
    RECORDS_DEFAULT = 50,
    DAY_S = 86400,
    HELD_MS = 60000, /* what SetAlarmState says holds until the next evaluation */
};

static const struct protocol_fault validation = {"ValidationError", 400, false};
static const struct protocol_fault not_found = {"ResourceNotFound", 404, false};
static const struct protocol_fault limit = {"LimitExceeded", 400, false};

/* What a request gives and DescribeAlarms tells as it is. */
static const char *const members[] = {"AlarmName",
                                      "AlarmDescription",
                                      "OKActions",
                                      "AlarmActions",
                                      "InsufficientDataActions",
                                      "MetricName",
                                      "Namespace",
                                      "Statistic",
                                      "ExtendedStatistic",
                                      "Dimensions",
                                      "Period",
                                      "Unit",
                                      "EvaluationPeriods",
                                      "DatapointsToAlarm",
                                      "Threshold",
                                      "ComparisonOperator",
                                      "TreatMissingData",
                                      "EvaluateLowSampleCountPercentile"};

static struct cloudwatch *of(struct protocol_call *call)
{
    return call->service;
}

static yyjson_val *find(struct protocol_call *call, struct mr_slice name)
{
    return protocol_document(call, of(call)->options.store, "cloudwatch", "alarm", name);
}

static void put(struct protocol_call *call, struct mr_slice name, struct mr_slice json)
{
    protocol_document_put(call, of(call)->options.store, "cloudwatch", "alarm", name, json);
}

/* ---- PutMetricAlarm ---- */

static bool is_one_of(struct mr_slice word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (mr_slice_equal(word, mr_slice_cstr(words[i])))
            return true;
    return false;
}

static void check_statistic(struct protocol_call *call)
{
    const struct mr_slice plain = mr_json_get_text(call->in, "Statistic");
    const struct mr_slice extended = mr_json_get_text(call->in, "ExtendedStatistic");
    struct cw_stat stat;
    if (plain.len > 0 && extended.len > 0)
        protocol_fail(call, &cw_combination,
                      "Exactly one of Statistic and ExtendedStatistic must be given.");
    else if (plain.len + extended.len == 0)
        protocol_fail(call, &cw_missing, "The parameter Statistic is required.");
    else if (extended.len > 0 && !cw_stat_parse(extended, &stat))
        protocol_fail(call, &cw_invalid,
                      "The value %.*s for parameter ExtendedStatistic is not supported.",
                      MR_ARG(extended));
}

static void check_periods(struct protocol_call *call)
{
    const int64_t period_s = mr_json_get_i64(call->in, "Period", 0);
    const int64_t periods = mr_json_get_i64(call->in, "EvaluationPeriods", 0);
    const int64_t datapoints = mr_json_get_i64(call->in, "DatapointsToAlarm", periods);
    if (period_s < 60 || period_s % 60 != 0)
        protocol_fail(call, &cw_invalid,
                      "The parameter Period must be a multiple of 60: millrace keeps minutes.");
    else if (periods <= 0)
        protocol_fail(call, &cw_missing, "The parameter EvaluationPeriods is required.");
    else if (datapoints > periods)
        protocol_fail(call, &validation,
                      "The value for DatapointsToAlarm must be less than or equal to the value for "
                      "EvaluationPeriods.");
    else if (periods > DAY_S || period_s > DAY_S || period_s * periods > DAY_S)
        protocol_fail(call, &validation,
                      "Metrics cannot be checked across more than a day (EvaluationPeriods * "
                      "Period must be <= 86400).");
}

static void check_words(struct protocol_call *call)
{
    static const char *const treatments[] = {"", "breaching", "notBreaching", "ignore", "missing"};
    static const char *const plain[] = {"GreaterThanOrEqualToThreshold", "GreaterThanThreshold",
                                        "LessThanThreshold", "LessThanOrEqualToThreshold"};
    static const char *const refused[] = {"Metrics", "ThresholdMetricId", "EvaluationCriteria",
                                          "EvaluationInterval"};
    static const char *const required[] = {"MetricName", "Namespace", "Threshold",
                                           "ComparisonOperator"};
    for (size_t i = 0; i < MR_COUNT(refused); i++)
        if (mr_json_get(call->in, refused[i]) != NULL)
            protocol_fail(call, &cw_invalid,
                          "millrace does not implement %s of alarms; leave it out", refused[i]);
    for (size_t i = 0; i < MR_COUNT(required); i++)
        if (mr_json_get(call->in, required[i]) == NULL)
            protocol_fail(call, &cw_missing, "The parameter %s is required.", required[i]);
    if (!is_one_of(mr_json_get_text(call->in, "TreatMissingData"), treatments,
                   MR_COUNT(treatments)))
        protocol_fail(call, &validation,
                      "TreatMissingData must be one of breaching, notBreaching, ignore and "
                      "missing.");
    const struct mr_slice operator= mr_json_get_text(call->in, "ComparisonOperator");
    if (!is_one_of(operator, plain, MR_COUNT(plain)))
        protocol_fail(call, &cw_invalid,
                      "millrace does not detect anomalies: the ComparisonOperator %.*s",
                      MR_ARG(operator));
}

static enum mr_status count_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    size_t *count = ctx;
    (void)name;
    (void)json;
    ++*count;
    return MR_OK;
}

static struct mr_slice arn_of(struct protocol_call *call, struct mr_slice name)
{
    return mr_arena_printf(call->arena, "arn:aws:cloudwatch:%.*s:%.*s:alarm:%.*s",
                           MR_ARG(call->region), MR_ARG(call->account), MR_ARG(name));
}

/* The state that the alarm has, or the one that a new one begins with. */
static void write_state(struct protocol_call *call, struct mr_json *json, yyjson_val *before)
{
    static const char *const kept[] = {"state",    "reason",    "data",
                                       "state_ms", "turned_ms", "held_ms"};
    for (size_t i = 0; i < MR_COUNT(kept) && before != NULL; i++)
        mr_json_key_value(json, kept[i], mr_json_get(before, kept[i]));
    if (before != NULL)
        return;
    mr_json_key_cstr(json, "state", "INSUFFICIENT_DATA");
    mr_json_key_cstr(json, "reason", "Unchecked: Initial alarm creation");
    mr_json_key_int(json, "state_ms", call->now_ms);
    mr_json_key_int(json, "turned_ms", call->now_ms);
}

static void store_alarm(struct protocol_call *call, struct mr_slice name, yyjson_val *before)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        mr_json_key_value(&json, members[i], mr_json_get(call->in, members[i]));
    mr_json_key_bool(&json, "ActionsEnabled", mr_json_get_bool(call->in, "ActionsEnabled", true));
    mr_json_key_int(&json, "configured_ms", call->now_ms);
    /* AWS: tags of an alarm that exists are changed by TagResource alone. */
    mr_json_key_value(&json, "Tags", mr_json_get(before != NULL ? before : call->in, "Tags"));
    write_state(call, &json, before);
    mr_json_object_end(&json);
    put(call, name, mr_arena_copy(call->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static void put_alarm(struct protocol_call *call)
{
    struct cloudwatch *cloudwatch = of(call);
    const struct mr_slice name = mr_json_get_text(call->in, "AlarmName");
    size_t count = 0;
    check_words(call);
    if (!protocol_failed(call))
        check_statistic(call);
    if (!protocol_failed(call))
        check_periods(call);
    if (protocol_failed(call))
        return;
    pthread_mutex_lock(&cloudwatch->alarms_lock);
    yyjson_val *before = find(call, name);
    protocol_fail_internal(call, store_doc_each(cloudwatch->options.store, "cloudwatch", "alarm",
                                                MR_S(""), count_one, &count));
    if (before == NULL && count >= ALARMS_MAX)
        protocol_fail(call, &limit, "millrace keeps at most %d alarms", ALARMS_MAX);
    if (!protocol_failed(call))
        store_alarm(call, name, before);
    pthread_mutex_unlock(&cloudwatch->alarms_lock);
}

/* ---- states ---- */

/* The document with another state; `held` is SetAlarmState's. */
static struct mr_slice with_state(struct protocol_call *call, yyjson_val *alarm,
                                  const struct alarm_state *state, bool held)
{
    static const char *const replaced[] = {"state",    "reason",    "data",
                                           "state_ms", "turned_ms", "held_ms"};
    const bool turned = !mr_slice_equal(mr_json_get_text(alarm, "state"), state->value);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_obj_iter iter = yyjson_obj_iter_with(alarm);
    yyjson_val *key;
    mr_json_object(&json);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        if (is_one_of(mr_json_text(key), replaced, MR_COUNT(replaced)))
            continue;
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, yyjson_obj_iter_get_val(key));
    }
    mr_json_key_string(&json, "state", state->value);
    mr_json_key_string(&json, "reason", state->reason);
    if (state->data.len > 0)
        mr_json_key_string(&json, "data", state->data);
    mr_json_key_int(&json, "state_ms", call->now_ms);
    mr_json_key_int(&json, "turned_ms",
                    turned ? call->now_ms : mr_json_get_i64(alarm, "turned_ms", call->now_ms));
    if (held)
        mr_json_key_int(&json, "held_ms", call->now_ms);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* The alarm as it is now: evaluated, and stored if its state changed. */
static yyjson_val *current(struct protocol_call *call, yyjson_val *alarm)
{
    struct alarm_state state;
    const int64_t held_ms = mr_json_get_i64(alarm, "held_ms", 0);
    if ((held_ms != 0 && call->now_ms - held_ms < HELD_MS) ||
        !alarm_evaluate(call, alarm, &state) ||
        (held_ms == 0 && mr_slice_equal(state.value, mr_json_get_text(alarm, "state"))))
        return alarm;
    const struct mr_slice text = with_state(call, alarm, &state, false);
    put(call, mr_json_get_text(alarm, "AlarmName"), text);
    return mr_json_parse(call->arena, text, PROTOCOL_DOCUMENT_DEPTH_MAX);
}

static void set_state(struct protocol_call *call)
{
    struct cloudwatch *cloudwatch = of(call);
    const struct mr_slice name = mr_json_get_text(call->in, "AlarmName");
    const struct alarm_state state = {
        .value = mr_json_get_text(call->in, "StateValue"),
        .reason = mr_json_get_text(call->in, "StateReason"),
        .data = mr_json_get_text(call->in, "StateReasonData"),
    };
    pthread_mutex_lock(&cloudwatch->alarms_lock);
    yyjson_val *alarm = find(call, name);
    if (alarm == NULL)
        protocol_fail(call, &not_found, "Alarm %.*s does not exist", MR_ARG(name));
    else
        put(call, name, with_state(call, alarm, &state, true));
    pthread_mutex_unlock(&cloudwatch->alarms_lock);
}

/* ---- descriptions ---- */

static void write_alarm(struct protocol_call *call, yyjson_val *alarm)
{
    static const char *const lists[] = {"OKActions", "AlarmActions", "InsufficientDataActions",
                                        "Dimensions"};
    struct mr_json *json = &call->out;
    mr_json_object(json);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        mr_json_key_value(json, members[i], mr_json_get(alarm, members[i]));
    for (size_t i = 0; i < MR_COUNT(lists); i++)
        if (mr_json_get(alarm, lists[i]) == NULL)
            mr_json_key_raw(json, lists[i], MR_S("[]"));
    mr_json_key_string(json, "AlarmArn", arn_of(call, mr_json_get_text(alarm, "AlarmName")));
    mr_json_key_value(json, "ActionsEnabled", mr_json_get(alarm, "ActionsEnabled"));
    mr_json_key_timestamp(json, "AlarmConfigurationUpdatedTimestamp",
                          mr_json_get_i64(alarm, "configured_ms", 0));
    mr_json_key_value(json, "StateValue", mr_json_get(alarm, "state"));
    mr_json_key_value(json, "StateReason", mr_json_get(alarm, "reason"));
    mr_json_key_value(json, "StateReasonData", mr_json_get(alarm, "data"));
    mr_json_key_timestamp(json, "StateUpdatedTimestamp", mr_json_get_i64(alarm, "state_ms", 0));
    mr_json_key_timestamp(json, "StateTransitionedTimestamp",
                          mr_json_get_i64(alarm, "turned_ms", 0));
    mr_json_object_end(json);
}

struct names {
    struct mr_arena *arena;
    struct mr_slice *items;
    size_t count;
};

static enum mr_status note_name(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct names *names = ctx;
    (void)json;
    if (names->count < ALARMS_MAX)
        names->items[names->count++] = mr_arena_copy(names->arena, name);
    return MR_OK;
}

/* All alarms' names, in order. */
static struct names names_of(struct protocol_call *call)
{
    struct names names = {.arena = call->arena,
                          .items = MR_NEW_ARRAY(call->arena, struct mr_slice, ALARMS_MAX)};
    protocol_fail_internal(call, store_doc_each(of(call)->options.store, "cloudwatch", "alarm",
                                                MR_S(""), note_name, &names));
    return names;
}

static bool has_action(yyjson_val *alarm, struct mr_slice prefix)
{
    static const char *const lists[] = {"OKActions", "AlarmActions", "InsufficientDataActions"};
    for (size_t i = 0; i < MR_COUNT(lists); i++) {
        yyjson_val *list = mr_json_get(alarm, lists[i]);
        for (size_t j = 0; j < yyjson_arr_size(list); j++)
            if (mr_slice_starts_with(mr_json_text(yyjson_arr_get(list, j)), prefix))
                return true;
    }
    return prefix.len == 0;
}

static bool is_named(yyjson_val *list, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(list, i)), name))
            return true;
    return list == NULL;
}

static bool wants_metric_alarms(struct protocol_call *call)
{
    return is_named(mr_json_get(call->in, "AlarmTypes"), MR_S("MetricAlarm")) &&
           mr_json_get(call->in, "ChildrenOfAlarmName") == NULL &&
           mr_json_get(call->in, "ParentsOfAlarmName") == NULL;
}

static void describe_locked(struct protocol_call *call)
{
    const struct mr_slice prefix = mr_json_get_text(call->in, "AlarmNamePrefix");
    const struct mr_slice wanted = mr_json_get_text(call->in, "StateValue");
    const struct mr_slice after = mr_json_get_text(call->in, "NextToken");
    int64_t room = mr_json_get_i64(call->in, "MaxRecords", RECORDS_DEFAULT);
    struct names names = names_of(call);
    struct mr_slice last = MR_S("");
    bool more = false;
    for (size_t i = 0; i < names.count && wants_metric_alarms(call) && !more; i++) {
        const struct mr_slice name = names.items[i];
        if (mr_slice_compare(name, after) <= 0 || !mr_slice_starts_with(name, prefix) ||
            !is_named(mr_json_get(call->in, "AlarmNames"), name))
            continue;
        yyjson_val *alarm = current(call, find(call, name));
        if ((wanted.len > 0 && !mr_slice_equal(mr_json_get_text(alarm, "state"), wanted)) ||
            !has_action(alarm, mr_json_get_text(call->in, "ActionPrefix")))
            continue;
        more = room-- == 0;
        if (!more)
            write_alarm(call, alarm);
        last = more ? last : name;
    }
    mr_json_array_end(&call->out);
    if (more)
        mr_json_key_string(&call->out, "NextToken", last);
}

static void describe(struct protocol_call *call)
{
    struct cloudwatch *cloudwatch = of(call);
    if (mr_json_get(call->in, "AlarmNames") != NULL &&
        mr_json_get(call->in, "AlarmNamePrefix") != NULL) {
        protocol_fail(call, &validation,
                      "AlarmNamePrefix and AlarmNames cannot be specified together");
        return;
    }
    mr_json_key_raw(&call->out, "CompositeAlarms", MR_S("[]"));
    mr_json_key(&call->out, "MetricAlarms");
    mr_json_array(&call->out);
    pthread_mutex_lock(&cloudwatch->alarms_lock);
    describe_locked(call);
    pthread_mutex_unlock(&cloudwatch->alarms_lock);
}

static bool is_of_metric(struct protocol_call *call, yyjson_val *alarm)
{
    static const char *const texts[] = {"MetricName",        "Namespace", "Statistic",
                                        "ExtendedStatistic", "Period",    "Unit"};
    for (size_t i = 0; i < MR_COUNT(texts); i++) {
        const struct mr_slice asked = mr_json_get_text(call->in, texts[i]);
        if (asked.len > 0 && !mr_slice_equal(asked, mr_json_get_text(alarm, texts[i])))
            return false;
    }
    return mr_slice_equal(cw_dimensions(call->arena, mr_json_get(call->in, "Dimensions")),
                          cw_dimensions(call->arena, mr_json_get(alarm, "Dimensions")));
}

static void describe_for_metric(struct protocol_call *call)
{
    struct cloudwatch *cloudwatch = of(call);
    mr_json_key(&call->out, "MetricAlarms");
    mr_json_array(&call->out);
    pthread_mutex_lock(&cloudwatch->alarms_lock);
    struct names names = names_of(call);
    for (size_t i = 0; i < names.count; i++) {
        yyjson_val *alarm = find(call, names.items[i]);
        if (is_of_metric(call, alarm))
            write_alarm(call, current(call, alarm));
    }
    pthread_mutex_unlock(&cloudwatch->alarms_lock);
    mr_json_array_end(&call->out);
}

/* ---- what is done to several ---- */

static void delete_alarms(struct protocol_call *call)
{
    struct cloudwatch *cloudwatch = of(call);
    yyjson_val *names = mr_json_get(call->in, "AlarmNames");
    pthread_mutex_lock(&cloudwatch->alarms_lock);
    for (size_t i = 0; i < yyjson_arr_size(names); i++) /* all or none */
        if (find(call, mr_json_text(yyjson_arr_get(names, i))) == NULL)
            protocol_fail(call, &not_found, "Alarm %.*s does not exist",
                          MR_ARG(mr_json_text(yyjson_arr_get(names, i))));
    for (size_t i = 0; i < yyjson_arr_size(names) && !protocol_failed(call); i++)
        protocol_document_drop(call, cloudwatch->options.store, "cloudwatch", "alarm",
                               mr_json_text(yyjson_arr_get(names, i)));
    pthread_mutex_unlock(&cloudwatch->alarms_lock);
}

/* AWS: names that are none are passed over. */
static void set_actions(struct protocol_call *call, struct mr_slice enabled)
{
    struct cloudwatch *cloudwatch = of(call);
    yyjson_val *names = mr_json_get(call->in, "AlarmNames");
    pthread_mutex_lock(&cloudwatch->alarms_lock);
    for (size_t i = 0; i < yyjson_arr_size(names); i++) {
        const struct mr_slice name = mr_json_text(yyjson_arr_get(names, i));
        yyjson_val *alarm = find(call, name);
        if (alarm != NULL)
            put(call, name, protocol_document_with(call->arena, alarm, "ActionsEnabled", enabled));
    }
    pthread_mutex_unlock(&cloudwatch->alarms_lock);
}

static void enable_actions(struct protocol_call *call)
{
    set_actions(call, MR_S("true"));
}

static void disable_actions(struct protocol_call *call)
{
    set_actions(call, MR_S("false"));
}

/* ---- tags ---- */

static const struct protocol_fault no_resource = {"ResourceNotFoundException", 404, false};

/* The alarm that ResourceARN names; NULL: the fault is set. */
static yyjson_val *tagged(struct protocol_call *call)
{
    const struct mr_slice arn = mr_json_get_text(call->in, "ResourceARN");
    const size_t at = mr_slice_search(arn, MR_S(":alarm:"));
    yyjson_val *alarm = at == SIZE_MAX ? NULL : find(call, mr_slice_sub(arn, at + 7, SIZE_MAX));
    if (alarm == NULL)
        protocol_fail(call, &no_resource, "Unknown resource: %.*s", MR_ARG(arn));
    return alarm;
}

static bool has_key(yyjson_val *list, struct mr_slice key)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++) {
        yyjson_val *one = yyjson_arr_get(list, i);
        if (mr_slice_equal(yyjson_is_str(one) ? mr_json_text(one) : mr_json_get_text(one, "Key"),
                           key))
            return true;
    }
    return false;
}

static void change_tags(struct protocol_call *call)
{
    struct cloudwatch *cloudwatch = of(call);
    yyjson_val *added = mr_json_get(call->in, "Tags"), *gone = mr_json_get(call->in, "TagKeys");
    pthread_mutex_lock(&cloudwatch->alarms_lock);
    yyjson_val *alarm = tagged(call), *before = mr_json_get(alarm, "Tags");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    for (size_t i = 0; i < yyjson_arr_size(before); i++) {
        const struct mr_slice key = mr_json_get_text(yyjson_arr_get(before, i), "Key");
        if (!has_key(added, key) && !has_key(gone, key))
            mr_json_value(&json, yyjson_arr_get(before, i));
    }
    for (size_t i = 0; i < yyjson_arr_size(added); i++)
        mr_json_value(&json, yyjson_arr_get(added, i));
    mr_json_array_end(&json);
    if (alarm != NULL)
        put(call, mr_json_get_text(alarm, "AlarmName"),
            protocol_document_with(call->arena, alarm, "Tags", mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    pthread_mutex_unlock(&cloudwatch->alarms_lock);
}

static void list_tags(struct protocol_call *call)
{
    yyjson_val *alarm = tagged(call), *tags = mr_json_get(alarm, "Tags");
    mr_json_key(&call->out, "Tags");
    mr_json_array(&call->out);
    for (size_t i = 0; i < yyjson_arr_size(tags); i++)
        mr_json_value(&call->out, yyjson_arr_get(tags, i));
    mr_json_array_end(&call->out);
}

const struct protocol_handler cw_alarm_handlers[] = {
    {.operation = "PutMetricAlarm", .run = put_alarm},
    {.operation = "DescribeAlarms", .run = describe},
    {.operation = "DescribeAlarmsForMetric", .run = describe_for_metric},
    {.operation = "DeleteAlarms", .run = delete_alarms},
    {.operation = "SetAlarmState", .run = set_state},
    {.operation = "EnableAlarmActions", .run = enable_actions},
    {.operation = "DisableAlarmActions", .run = disable_actions},
    {.operation = "TagResource", .run = change_tags},
    {.operation = "UntagResource", .run = change_tags},
    {.operation = "ListTagsForResource", .run = list_tags},
};
const size_t cw_alarm_handler_count = MR_COUNT(cw_alarm_handlers);
