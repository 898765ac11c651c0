/* The wire: event source mappings. */
#include "lambda/mapping.h"
#include <stdlib.h>

enum { LIST_MAX = 100, DEPTH_MAX = 16, AGE_S_MIN = 60, FILTERS_MAX = 5 };

static const struct protocol_fault too_many = {"TooManyRequestsException", 429, false};

/* ---- checks ---- */

static bool is_kinesis(struct mr_slice arn)
{
    return mr_slice_starts_with(arn, MR_S("arn:aws:kinesis:"));
}

static void check_source(struct protocol_call *call)
{
    const struct mr_slice arn = mr_json_get_text(call->in, "EventSourceArn");
    const struct mr_slice start = mr_json_get_text(call->in, "StartingPosition");
    const bool at_time = mr_slice_equal(start, MR_S("AT_TIMESTAMP"));
    const bool is_stream = is_kinesis(arn) || mr_slice_starts_with(arn, MR_S("arn:aws:dynamodb:"));
    if (arn.len == 0)
        protocol_fail(call, &lambda_invalid_parameter, "Unrecognized event source.");
    else if (!is_stream)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Unrecognized event source. millrace maps Kinesis streams and DynamoDB "
                      "streams.");
    else if (start.len == 0)
        protocol_fail(call, &lambda_invalid_parameter,
                      "1 validation error detected: Value null at 'startingPosition' failed to "
                      "satisfy constraint: Member must not be null.");
    else if (at_time && !is_kinesis(arn))
        protocol_fail(call, &lambda_invalid_parameter,
                      "Unsupported starting position for arn type: %.*s", MR_ARG(arn));
    else if (at_time && mr_json_get(call->in, "StartingPositionTimestamp") == NULL)
        protocol_fail(call, &lambda_invalid_parameter,
                      "StartingPositionTimestamp must be provided when StartingPosition is "
                      "AT_TIMESTAMP.");
    else if (at_time && mr_json_get_double(call->in, "StartingPositionTimestamp", 0) * 1000 >
                            (double)call->now_ms)
        protocol_fail(call, &lambda_invalid_parameter,
                      "StartingPositionTimestamp cannot be in the future.");
}

static bool has_members(yyjson_val *value)
{
    return yyjson_is_ctn(value) ? yyjson_get_len(value) > 0 : value != NULL;
}

/* What would be a pretence if it were accepted, or belongs to other sources. */
static void check_supported(struct protocol_call *call)
{
    static const char *const refused[] = {
        "Topics",
        "Queues",
        "SourceAccessConfigurations",
        "SelfManagedEventSource",
        "AmazonManagedKafkaEventSourceConfig",
        "SelfManagedKafkaEventSourceConfig",
        "ScalingConfig",
        "DocumentDBEventSourceConfig",
        "KMSKeyArn",
        "MetricsConfig",
        "LoggingConfig",
        "ProvisionedPollerConfig",
    };
    for (size_t i = 0; i < MR_COUNT(refused); i++)
        if (has_members(mr_json_get(call->in, refused[i])))
            protocol_fail(call, &lambda_invalid_parameter,
                          "millrace does not implement %s for streams; leave it out", refused[i]);
}

/* A window's state is one a shard, so its batches come one after the other. */
static void check_window(struct protocol_call *call, yyjson_val *before)
{
    static const char *const names[] = {"TumblingWindowInSeconds", "ParallelizationFactor"};
    int64_t values[MR_COUNT(names)];
    for (size_t i = 0; i < MR_COUNT(names); i++)
        values[i] = mr_json_get_i64(mr_json_get(call->in, names[i]) != NULL ? call->in : before,
                                    names[i], 0);
    if (values[0] > 0 && values[1] > 1)
        protocol_fail(call, &lambda_invalid_parameter,
                      "millrace does not implement a ParallelizationFactor above 1 together with "
                      "TumblingWindowInSeconds");
}

static void check_destination(struct protocol_call *call)
{
    yyjson_val *config = mr_json_get(call->in, "DestinationConfig");
    const struct mr_slice success =
        mr_json_get_text(mr_json_get(config, "OnSuccess"), "Destination");
    const struct mr_slice arn = mr_json_get_text(mr_json_get(config, "OnFailure"), "Destination");
    struct lambda *lambda = call->service;
    if (success.len > 0)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Unsupported DestinationConfig parameter for given event source mapping "
                      "type.");
    else if (arn.len > 0 && lambda_bucket_of(arn).len == 0)
        protocol_fail(call, &lambda_invalid_parameter,
                      "millrace does not implement the destination %.*s; an S3 bucket can be one",
                      MR_ARG(arn));
    else if (arn.len > 0 && !s3_bucket_exists(lambda->options.s3, lambda_bucket_of(arn)))
        protocol_fail(call, &lambda_invalid_parameter, "The destination ARN %.*s is invalid.",
                      MR_ARG(arn));
}

static void check_settings(struct protocol_call *call, yyjson_val *before)
{
    struct event_filter *filter = NULL;
    char message[EVENT_MESSAGE_MAX];
    const int64_t age = mr_json_get_i64(call->in, "MaximumRecordAgeInSeconds", -1);
    yyjson_val *criteria = mr_json_get(call->in, "FilterCriteria");
    if (criteria != NULL && event_filter_new(criteria, &filter, message) != MR_OK)
        protocol_fail(call, &lambda_invalid_parameter, "Invalid filter pattern definition.");
    event_filter_free(filter);
    if (yyjson_arr_size(mr_json_get(criteria, "Filters")) > FILTERS_MAX)
        protocol_fail(call, &lambda_invalid_parameter,
                      "An event source mapping has at most %d filters.", (int)FILTERS_MAX);
    if (age != -1 && age < AGE_S_MIN)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Invalid request provided: MaximumRecordAgeInSeconds must be -1 or between "
                      "60 and 604800.");
    check_supported(call);
    check_window(call, before);
    check_destination(call);
}

/* ---- the document ---- */

/* The ARN of the function that the request names, with its qualifier; empty with the fault set. */
static struct mr_slice function_arn(struct protocol_call *call)
{
    const struct mr_slice text = mr_json_get_text(call->in, "FunctionName");
    struct mr_slice name, qualifier;
    lambda_name_split(text, &name, &qualifier);
    struct lambda_function *function = lambda_function_find(call->service, name);
    if (function == NULL || !lambda_exists(call->service, text)) {
        protocol_fail(call, &lambda_invalid_parameter, "Function does not exist");
        lambda_function_unref(function);
        return (struct mr_slice){0};
    }
    const struct mr_slice arn = mr_arena_printf(call->arena, "%s%s%.*s", function->arn,
                                                qualifier.len > 0 ? ":" : "", MR_ARG(qualifier));
    lambda_function_unref(function);
    return arn;
}

/* AWS: OnFailure is always there. */
static void put_destination(struct mr_json *json, struct protocol_call *call, yyjson_val *before)
{
    yyjson_val *config = mr_json_get(call->in, "DestinationConfig");
    config = config != NULL ? config : mr_json_get(before, "DestinationConfig");
    const struct mr_slice arn = mr_json_get_text(mr_json_get(config, "OnFailure"), "Destination");
    mr_json_key(json, "DestinationConfig");
    mr_json_object(json);
    mr_json_key(json, "OnFailure");
    mr_json_object(json);
    if (arn.len > 0)
        mr_json_key_string(json, "Destination", arn);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

static void put_filter(struct mr_json *json, struct protocol_call *call, yyjson_val *before)
{
    yyjson_val *given = mr_json_get(call->in, "FilterCriteria");
    yyjson_val *criteria = given != NULL ? given : mr_json_get(before, "FilterCriteria");
    if (yyjson_arr_size(mr_json_get(criteria, "Filters")) > 0)
        mr_json_key_value(json, "FilterCriteria", criteria);
}

/* The request's members over those of `before` (NULL: defaults). */
static struct mr_slice document(struct protocol_call *call, struct mr_slice uuid,
                                struct mr_slice function, yyjson_val *before)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "UUID", uuid);
    mr_json_key_string(&json, "EventSourceMappingArn",
                       mr_arena_printf(call->arena,
                                       "arn:aws:lambda:%.*s:%.*s:event-source-mapping:%.*s",
                                       MR_ARG(call->region), MR_ARG(call->account), MR_ARG(uuid)));
    lambda_ops_put(&json, call, before, "EventSourceArn", NULL);
    mr_json_key_string(&json, "FunctionArn", function);
    lambda_ops_put(&json, call, before, "StartingPosition", NULL);
    lambda_ops_put(&json, call, before, "StartingPositionTimestamp", NULL);
    lambda_ops_put(&json, call, before, "BatchSize", "100");
    lambda_ops_put(&json, call, before, "MaximumBatchingWindowInSeconds", "0");
    lambda_ops_put(&json, call, before, "ParallelizationFactor", "1");
    lambda_ops_put(&json, call, before, "BisectBatchOnFunctionError", "false");
    lambda_ops_put(&json, call, before, "MaximumRecordAgeInSeconds", "-1");
    lambda_ops_put(&json, call, before, "MaximumRetryAttempts", "-1");
    lambda_ops_put(&json, call, before, "TumblingWindowInSeconds", "0");
    lambda_ops_put(&json, call, before, "FunctionResponseTypes", "[]");
    put_filter(&json, call, before);
    put_destination(&json, call, before);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* ---- showing ---- */

/* `state` NULL: as it is. The reply to a change shows what AWS shows while it is made. */
static void write(struct protocol_call *call, struct mapping *mapping, const char *state)
{
    struct mr_json *json = &call->out;
    pthread_mutex_lock(&mapping->lock);
    yyjson_val *shown = mr_json_parse(call->arena, mr_slice_cstr(mapping->locked.shown), DEPTH_MAX);
    size_t i, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(shown, i, count, name, value)
    {
        mr_json_name(json, mr_json_text(name));
        mr_json_value(json, value);
    }
    mr_json_key_timestamp(json, "LastModified", mapping->locked.modified_ms);
    mr_json_key_cstr(json, "LastProcessingResult", mapping->locked.result);
    mr_json_key_cstr(json, "State",
                     state != NULL ? state : mapping_state_name(mapping->locked.state));
    mr_json_key_cstr(json, "StateTransitionReason", "User action");
    pthread_mutex_unlock(&mapping->lock);
}

static struct mapping *find(struct protocol_call *call)
{
    struct mapping *mapping = mapping_find(call->service, mr_json_get_text(call->in, "UUID"));
    if (mapping == NULL)
        protocol_fail(call, &lambda_not_found, "The resource you requested does not exist.");
    return mapping;
}

/* ---- create ---- */

struct same {
    struct protocol_call *call;
    struct mr_slice source, function;
};

static bool refuse_same(void *ctx, struct mapping *mapping)
{
    struct same *same = ctx;
    pthread_mutex_lock(&mapping->lock);
    yyjson_val *shown =
        mr_json_parse(same->call->arena, mr_slice_cstr(mapping->locked.shown), DEPTH_MAX);
    pthread_mutex_unlock(&mapping->lock);
    if (!mr_slice_equal(mr_json_get_text(shown, "EventSourceArn"), same->source) ||
        !mr_slice_equal(mr_json_get_text(shown, "FunctionArn"), same->function))
        return true;
    struct mr_slice name, qualifier;
    lambda_name_split(same->function, &name, &qualifier);
    protocol_fail(same->call, &lambda_conflict,
                  "The event source arn (\" %.*s \") and function (\" %.*s \") provided mapping "
                  "already exists. Please update or delete the existing mapping with UUID %s",
                  MR_ARG(same->source), MR_ARG(name), mapping->uuid);
    return false;
}

static void create(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    const struct mr_slice source = mr_json_get_text(call->in, "EventSourceArn");
    check_source(call);
    check_settings(call, NULL);
    const struct mr_slice function =
        protocol_failed(call) ? (struct mr_slice){0} : function_arn(call);
    if (!protocol_failed(call) && !mapping_source_exists(lambda, source))
        protocol_fail(call, &lambda_invalid_parameter, "Stream not found: %.*s", MR_ARG(source));
    struct same same = {.call = call, .source = source, .function = function};
    if (!protocol_failed(call))
        mappings_each(lambda, refuse_same, &same);
    if (protocol_failed(call))
        return;
    char uuid[LAMBDA_ID_TEXT];
    mr_rng_uuid(lambda->options.rng, uuid);
    const struct mapping_create create = {
        .uuid = mr_slice_cstr(uuid),
        .shown = document(call, mr_slice_cstr(uuid), function, NULL),
        .tags = lambda_tags_text(call),
        .enabled = mr_json_get_bool(call->in, "Enabled", true),
        .now_ms = call->now_ms,
    };
    struct mapping *mapping = NULL;
    const enum mr_status status = mapping_create(lambda, &create, &mapping);
    if (status == MR_FULL)
        protocol_fail(call, &too_many, "millrace keeps at most %d event source mappings",
                      (int)MAPPINGS_MAX);
    protocol_fail_internal(call, status);
    if (status == MR_OK)
        write(call, mapping, "Creating");
    mapping_unref(mapping);
}

/* ---- get, list ---- */

static void get(struct protocol_call *call)
{
    struct mapping *mapping = find(call);
    if (mapping != NULL)
        write(call, mapping, NULL);
    mapping_unref(mapping);
}

struct listing {
    struct protocol_call *call;
    struct mr_slice source, function; /* empty: all */
    struct mr_slice after;            /* UUID of the last one on the page before; empty: none */
    bool started, more;
    int64_t limit, count;
    char last[LAMBDA_ID_TEXT];
};

static bool is_listed(struct listing *list, struct mapping *mapping)
{
    pthread_mutex_lock(&mapping->lock);
    yyjson_val *shown =
        mr_json_parse(list->call->arena, mr_slice_cstr(mapping->locked.shown), DEPTH_MAX);
    pthread_mutex_unlock(&mapping->lock);
    struct mr_slice name, wanted, qualifier, other;
    lambda_name_split(mr_json_get_text(shown, "FunctionArn"), &name, &other);
    lambda_name_split(list->function, &wanted, &qualifier);
    return (list->source.len == 0 ||
            mr_slice_equal(list->source, mr_json_get_text(shown, "EventSourceArn"))) &&
           (list->function.len == 0 ||
            (mr_slice_equal(name, wanted) && mr_slice_equal(other, qualifier)));
}

static bool list_one(void *ctx, struct mapping *mapping)
{
    struct listing *list = ctx;
    if (!list->started) {
        list->started = mr_slice_equal(list->after, mr_slice_cstr(mapping->uuid));
        return true;
    }
    if (!is_listed(list, mapping))
        return true;
    if (list->count == list->limit) {
        list->more = true;
        return false;
    }
    list->count++;
    memcpy(list->last, mapping->uuid, sizeof list->last);
    mr_json_object(&list->call->out);
    write(list->call, mapping, NULL);
    mr_json_object_end(&list->call->out);
    return true;
}

static void list(struct protocol_call *call)
{
    const int64_t wanted = mr_json_get_i64(call->in, "MaxItems", LIST_MAX);
    struct listing list = {
        .call = call,
        .source = mr_json_get_text(call->in, "EventSourceArn"),
        .function = mr_json_get_text(call->in, "FunctionName"),
        .after = mr_json_get_text(call->in, "Marker"),
        .limit = wanted < LIST_MAX ? wanted : LIST_MAX,
    };
    list.started = list.after.len == 0;
    mr_json_key(&call->out, "EventSourceMappings");
    mr_json_array(&call->out);
    mappings_each(call->service, list_one, &list);
    mr_json_array_end(&call->out);
    if (list.more)
        mr_json_key_string(&call->out, "NextMarker",
                           mr_arena_copy(call->arena, mr_slice_cstr(list.last)));
}

/* ---- update, delete ---- */

static void update(struct protocol_call *call)
{
    struct mapping *mapping = find(call);
    if (mapping == NULL)
        return;
    pthread_mutex_lock(&mapping->lock);
    yyjson_val *before =
        mr_json_parse(call->arena, mr_slice_cstr(mapping->locked.shown), DEPTH_MAX);
    const bool was = mapping->locked.enabled;
    pthread_mutex_unlock(&mapping->lock);
    check_settings(call, before);
    struct mr_slice function = mr_json_get_text(before, "FunctionArn");
    if (!protocol_failed(call) && mr_json_get(call->in, "FunctionName") != NULL)
        function = function_arn(call);
    const bool enabled = mr_json_get_bool(call->in, "Enabled", was);
    if (!protocol_failed(call)) {
        const struct mr_slice shown =
            document(call, mr_slice_cstr(mapping->uuid), function, before);
        const enum mr_status status =
            mapping_update(mapping, shown, (struct mr_slice){0}, enabled, call->now_ms);
        if (status == MR_NOT_FOUND)
            protocol_fail(call, &lambda_not_found, "The resource you requested does not exist.");
        protocol_fail_internal(call, status);
        write(call, mapping, was == enabled ? "Updating" : enabled ? "Enabling" : "Disabling");
    }
    mapping_unref(mapping);
}

static void delete (struct protocol_call *call)
{
    struct mapping *mapping = find(call);
    if (mapping == NULL)
        return;
    const enum mr_status status = mapping_delete(mapping);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &lambda_not_found, "The resource you requested does not exist.");
    protocol_fail_internal(call, status);
    write(call, mapping, "Deleting");
    mapping_unref(mapping);
}

/* ---- tags ---- */

bool lambda_mapping_tags(struct protocol_call *call, yyjson_val *added, yyjson_val *removed)
{
    struct mr_slice arn = mr_json_get_text(call->in, "Resource");
    const size_t at = mr_slice_search(arn, MR_S(":event-source-mapping:"));
    if (at == SIZE_MAX)
        return false;
    struct mapping *mapping = mapping_find(call->service, mr_slice_sub(arn, at + 22, SIZE_MAX));
    if (mapping == NULL) {
        protocol_fail(call, &lambda_not_found, "The resource you requested does not exist.");
        return true;
    }
    pthread_mutex_lock(&mapping->lock);
    const struct mr_slice old = mr_arena_copy(call->arena, mr_slice_cstr(mapping->locked.tags));
    const bool enabled = mapping->locked.enabled;
    pthread_mutex_unlock(&mapping->lock);
    if (added == NULL && removed == NULL) {
        mr_json_key_raw(&call->out, "Tags", old);
    } else {
        const struct mr_slice tags = lambda_tags_change(call, old, added, removed);
        protocol_fail_internal(
            call, mapping_update(mapping, (struct mr_slice){0}, tags, enabled, call->now_ms));
    }
    mapping_unref(mapping);
    return true;
}

const struct protocol_handler lambda_mapping_handlers[] = {
    {.operation = "CreateEventSourceMapping", .run = create},
    {.operation = "GetEventSourceMapping", .run = get},
    {.operation = "ListEventSourceMappings", .run = list},
    {.operation = "UpdateEventSourceMapping", .run = update},
    {.operation = "DeleteEventSourceMapping", .run = delete},
};
const size_t lambda_mapping_handler_count = MR_COUNT(lambda_mapping_handlers);
