#include "pipes/config.h"
#include <stdarg.h>
#include <stdio.h>

static enum mr_status refuse(char *message, const char *format, ...) MR_PRINTF(2, 3);
static enum mr_status refuse(char *message, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, PIPE_MESSAGE_MAX, format, args);
    va_end(args);
    return MR_INVALID;
}

/* Part `index` of an ARN, counted from "arn" = 0; the last part has all that follows. */
static struct mr_slice arn_part(struct mr_slice arn, int index)
{
    struct mr_slice part = arn;
    for (int i = 0; i < index; i++) {
        const size_t colon = mr_slice_find(part, ':');
        if (colon == SIZE_MAX)
            return (struct mr_slice){0};
        part = mr_slice_sub(part, colon + 1, SIZE_MAX);
    }
    return index == 5 ? part : mr_slice_sub(part, 0, mr_slice_find(part, ':'));
}

static bool is_arn_of(struct mr_slice arn, const char *service, const char *resource)
{
    return mr_slice_equal(arn_part(arn, 0), MR_S("arn")) &&
           mr_slice_equal(arn_part(arn, 2), mr_slice_cstr(service)) &&
           mr_slice_starts_with(arn_part(arn, 5), mr_slice_cstr(resource));
}

/* ---- the source ---- */

static bool is_table_stream(struct mr_slice arn)
{
    return is_arn_of(arn, "dynamodb", "table/") &&
           mr_slice_search(arn, MR_S("/stream/")) != SIZE_MAX;
}

const char *pipe_source_member(struct mr_slice arn)
{
    return is_table_stream(arn)                   ? "DynamoDBStreamParameters"
           : is_arn_of(arn, "kinesis", "stream/") ? "KinesisStreamParameters"
                                                  : NULL;
}

static enum mr_status read_start(yyjson_val *in, struct pipe_config *config, char *message)
{
    const struct mr_slice start = mr_json_get_text(in, "StartingPosition");
    yyjson_val *time = mr_json_get(in, "StartingPositionTimestamp");
    if (start.len == 0)
        return refuse(message,
                      "SourceParameters.%s.StartingPosition is required for a %s stream source.",
                      pipe_source_member(config->source),
                      config->source_kind == PIPE_SOURCE_TABLE ? "DynamoDB" : "Kinesis");
    config->start = mr_slice_equal(start, MR_S("LATEST"))         ? PIPE_LATEST
                    : mr_slice_equal(start, MR_S("AT_TIMESTAMP")) ? PIPE_AT_TIMESTAMP
                                                                  : PIPE_TRIM_HORIZON;
    if (config->start == PIPE_AT_TIMESTAMP && time == NULL)
        return refuse(message, "StartingPositionTimestamp is required when StartingPosition is "
                               "AT_TIMESTAMP.");
    if (config->start != PIPE_AT_TIMESTAMP && time != NULL)
        return refuse(message, "StartingPositionTimestamp can only be used when StartingPosition "
                               "is AT_TIMESTAMP.");
    config->start_time_ms = (int64_t)(mr_json_double(time, 0) * 1000.0 + 0.01);
    return MR_OK;
}

static enum mr_status read_failure(yyjson_val *in, struct pipe_config *config, char *message)
{
    config->retries = mr_json_get_i64(in, "MaximumRetryAttempts", -1);
    config->record_age_s = mr_json_get_i64(in, "MaximumRecordAgeInSeconds", -1);
    config->bisect =
        mr_slice_equal(mr_json_get_text(in, "OnPartialBatchItemFailure"), MR_S("AUTOMATIC_BISECT"));
    if (config->record_age_s != -1 && config->record_age_s < 60)
        return refuse(message, "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800.");
    const struct mr_slice letters = mr_json_get_text(mr_json_get(in, "DeadLetterConfig"), "Arn");
    if (letters.len > 0)
        return refuse(message,
                      "DeadLetterConfig %.*s is not supported by millrace: it has neither SQS nor "
                      "SNS. What is given up is counted, logged and shown in the status.",
                      MR_ARG(letters));
    return MR_OK;
}

static enum mr_status read_source(yyjson_val *doc, struct pipe_config *config, char *message)
{
    config->source = mr_json_get_text(doc, "Source");
    yyjson_val *parameters = mr_json_get(doc, "SourceParameters");
    const char *member = pipe_source_member(config->source);
    if (member == NULL)
        return refuse(message,
                      "Source %.*s is not supported by millrace: it takes the ARN of a DynamoDB "
                      "table's stream or of a Kinesis stream.",
                      MR_ARG(config->source));
    yyjson_obj_iter members = yyjson_obj_iter_with(parameters);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members)) != NULL;)
        if (strcmp(yyjson_get_str(key), member) != 0 &&
            strcmp(yyjson_get_str(key), "FilterCriteria") != 0)
            return refuse(message, "SourceParameters.%s does not belong to the source %.*s.",
                          yyjson_get_str(key), MR_ARG(config->source));
    yyjson_val *in = mr_json_get(parameters, member);
    config->source_kind = is_table_stream(config->source) ? PIPE_SOURCE_TABLE : PIPE_SOURCE_KINESIS;
    config->batch_size = mr_json_get_i64(in, "BatchSize", 100);
    config->window_ms = mr_json_get_i64(in, "MaximumBatchingWindowInSeconds", 0) * 1000;
    config->factor = (int)mr_json_get_i64(in, "ParallelizationFactor", 1);
    if (config->factor < 1 || config->factor > PIPE_FACTOR_MAX)
        return refuse(message, "ParallelizationFactor must be between 1 and %d.", PIPE_FACTOR_MAX);
    const enum mr_status status = read_start(in, config, message);
    return status == MR_OK ? read_failure(in, config, message) : status;
}

static enum mr_status read_filter(yyjson_val *doc, struct pipe_config *config, char *message)
{
    char reason[EVENT_MESSAGE_MAX];
    yyjson_val *criteria = mr_json_get(mr_json_get(doc, "SourceParameters"), "FilterCriteria");
    const enum mr_status status = event_filter_new(criteria, &config->filter, reason);
    return status == MR_INVALID
               ? refuse(message, "Event pattern is not valid. Reason: %.200s", reason)
               : status;
}

/* ---- templates, enrichment ---- */

/* An empty template is none. */
static enum mr_status read_template(struct mr_arena *arena, yyjson_val *parameters,
                                    struct pipe_template **ret_template, char *message)
{
    const struct mr_slice text = mr_json_get_text(parameters, "InputTemplate");
    if (text.len == 0)
        return MR_OK;
    return pipe_template_parse(arena, mr_arena_copy(arena, text), ret_template, message);
}

static enum mr_status read_enrichment(struct mr_arena *arena, yyjson_val *doc,
                                      struct pipe_config *config, char *message)
{
    config->enrichment = mr_json_get_text(doc, "Enrichment");
    yyjson_val *parameters = mr_json_get(doc, "EnrichmentParameters");
    if (config->enrichment.len > 0 && !is_arn_of(config->enrichment, "lambda", "function:"))
        return refuse(message,
                      "Enrichment %.*s is not supported by millrace: it takes the ARN of a Lambda "
                      "function.",
                      MR_ARG(config->enrichment));
    if (mr_json_get(parameters, "HttpParameters") != NULL)
        return refuse(message, "EnrichmentParameters.HttpParameters does not belong to a Lambda "
                               "function.");
    if (config->enrichment.len == 0)
        return MR_OK;
    return read_template(arena, parameters, &config->enrichment_template, message);
}

/* ---- the target ---- */

static const struct {
    const char *service, *resource, *member; /* of TargetParameters; NULL: none */
    enum pipe_target kind;
} targets[] = {
    {"kinesis", "stream/", "KinesisStreamParameters", PIPE_TARGET_KINESIS},
    {"firehose", "deliverystream/", NULL, PIPE_TARGET_FIREHOSE},
    {"lambda", "function:", "LambdaFunctionParameters", PIPE_TARGET_LAMBDA},
    {"logs", "log-group:", "CloudWatchLogsParameters", PIPE_TARGET_LOGS},
};

static size_t target_of(struct mr_slice arn)
{
    size_t i = 0;
    while (i < MR_COUNT(targets) && !is_arn_of(arn, targets[i].service, targets[i].resource))
        i++;
    return i;
}

const char *pipe_target_member(struct mr_slice arn)
{
    const size_t i = target_of(arn);
    return i < MR_COUNT(targets) ? targets[i].member : NULL;
}

static enum mr_status read_text(struct mr_arena *arena, struct mr_slice text, const char *name,
                                struct pipe_text *ret, char *message)
{
    *ret = (struct pipe_text){.literal = mr_arena_copy(arena, text)};
    ret->is_path = mr_slice_starts_with(text, MR_S("$"));
    if (ret->is_path && (text.len < 2 || pipe_path_parse(arena, ret->literal, &ret->path) != MR_OK))
        return refuse(message, "%s %.*s is not a valid path.", name, MR_ARG(text));
    return MR_OK;
}

static enum mr_status read_target_members(struct mr_arena *arena, yyjson_val *in,
                                          struct pipe_config *config, char *message)
{
    enum mr_status status = MR_OK;
    switch (config->target_kind) {
    case PIPE_TARGET_KINESIS:
        if (mr_json_get_text(in, "PartitionKey").len == 0)
            return refuse(message, "TargetParameters.KinesisStreamParameters.PartitionKey is "
                                   "required for a Kinesis stream target.");
        return read_text(arena, mr_json_get_text(in, "PartitionKey"), "PartitionKey",
                         &config->partition_key, message);
    case PIPE_TARGET_LAMBDA:
        config->later =
            mr_slice_equal(mr_json_get_text(in, "InvocationType"), MR_S("FIRE_AND_FORGET"));
        return MR_OK;
    case PIPE_TARGET_LOGS:
        status = read_text(arena, mr_json_get_text(in, "LogStreamName"), "LogStreamName",
                           &config->log_stream, message);
        return status == MR_OK ? read_text(arena, mr_json_get_text(in, "Timestamp"), "Timestamp",
                                           &config->log_time, message)
                               : status;
    default: return MR_OK;
    }
}

/* "log-group:NAME" or "log-group:NAME:*" */
static struct mr_slice group_name(struct mr_slice arn)
{
    struct mr_slice name = mr_slice_sub(arn_part(arn, 5), sizeof "log-group:" - 1, SIZE_MAX);
    return mr_slice_sub(name, 0, mr_slice_find(name, ':'));
}

static enum mr_status read_target(struct mr_arena *arena, yyjson_val *doc,
                                  struct pipe_config *config, char *message)
{
    config->target = mr_json_get_text(doc, "Target");
    const size_t i = target_of(config->target);
    if (i == MR_COUNT(targets))
        return refuse(message,
                      "Target %.*s is not supported by millrace: it takes the ARN of a Kinesis "
                      "stream, a Firehose stream, a Lambda function or a CloudWatch log group.",
                      MR_ARG(config->target));
    yyjson_val *parameters = mr_json_get(doc, "TargetParameters");
    yyjson_obj_iter members = yyjson_obj_iter_with(parameters);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members)) != NULL;) {
        const char *name = yyjson_get_str(key);
        if (strcmp(name, "InputTemplate") != 0 &&
            (targets[i].member == NULL || strcmp(name, targets[i].member) != 0))
            return refuse(message, "TargetParameters.%s does not belong to the target %.*s.", name,
                          MR_ARG(config->target));
    }
    config->target_kind = targets[i].kind;
    if (config->target_kind == PIPE_TARGET_LOGS)
        config->log_group = mr_arena_copy(arena, group_name(config->target));
    const int64_t most =
        config->target_kind == PIPE_TARGET_KINESIS || config->target_kind == PIPE_TARGET_FIREHOSE
            ? PIPE_PUT_MAX
            : PIPE_BATCH_MAX;
    if (config->batch_size > most)
        return refuse(message, "BatchSize %lld exceeds the target's maximum of %lld.",
                      (long long)config->batch_size, (long long)most);
    yyjson_val *in = targets[i].member == NULL ? NULL : mr_json_get(parameters, targets[i].member);
    const enum mr_status status = read_target_members(arena, in, config, message);
    return status == MR_OK ? read_template(arena, parameters, &config->target_template, message)
                           : status;
}

/* ---- logs, and the rest ---- */

static enum mr_status read_logs(struct mr_arena *arena, yyjson_val *doc, struct pipe_config *config,
                                char *message)
{
    static const char *const levels[] = {"OFF", "ERROR", "INFO", "TRACE"};
    yyjson_val *in = mr_json_get(doc, "LogConfiguration");
    const struct mr_slice level = mr_json_get_text(in, "Level");
    for (size_t i = 0; i < MR_COUNT(levels); i++)
        if (mr_slice_equal(level, mr_slice_cstr(levels[i])))
            config->level = (enum pipe_log_level)i;
    static const char *const refused[] = {"S3LogDestination", "FirehoseLogDestination"};
    for (size_t i = 0; i < MR_COUNT(refused); i++)
        if (mr_json_get(in, refused[i]) != NULL)
            return refuse(message,
                          "LogConfiguration.%s is not supported by millrace: a pipe logs to "
                          "CloudwatchLogsLogDestination.",
                          refused[i]);
    const struct mr_slice group =
        mr_json_get_text(mr_json_get(in, "CloudwatchLogsLogDestination"), "LogGroupArn");
    if (group.len > 0 && !is_arn_of(group, "logs", "log-group:"))
        return refuse(message, "LogGroupArn %.*s is not the ARN of a log group.", MR_ARG(group));
    if (group.len == 0 && config->level != PIPE_LOG_OFF)
        return refuse(message, "LogConfiguration needs a log destination for level %.*s.",
                      MR_ARG(level));
    config->level_group = mr_arena_copy(arena, group_name(group));
    config->log_data = yyjson_arr_size(mr_json_get(in, "IncludeExecutionData")) > 0;
    if (mr_json_get_text(doc, "KmsKeyIdentifier").len > 0)
        return refuse(message, "KmsKeyIdentifier is not supported by millrace.");
    return MR_OK;
}

enum mr_status pipe_config_read(struct mr_arena *arena, yyjson_val *doc,
                                struct pipe_config *ret_config,
                                char message[static PIPE_MESSAGE_MAX])
{
    struct pipe_config config = {0};
    enum mr_status status = read_source(doc, &config, message);
    if (status == MR_OK)
        status = read_enrichment(arena, doc, &config, message);
    if (status == MR_OK)
        status = read_target(arena, doc, &config, message);
    if (status == MR_OK)
        status = read_logs(arena, doc, &config, message);
    if (status == MR_OK)
        status = read_filter(doc, &config, message);
    if (status != MR_OK)
        return status;
    config.source = mr_arena_copy(arena, config.source);
    config.target = mr_arena_copy(arena, config.target);
    config.enrichment = mr_arena_copy(arena, config.enrichment);
    *ret_config = config;
    return MR_OK;
}

void pipe_config_fini(struct pipe_config *config)
{
    event_filter_free(config->filter);
    config->filter = NULL;
}
