/* What a pipe's document asks for, checked whole when the pipe is made or changed: what millrace
 * does not do is refused here, by name, instead of being stored and ignored. */
#include "pipes/internal.h"
#include <stdarg.h>
#include <stdio.h>

static enum mr_status refuse(char message[static 256], const char *format, ...) MR_PRINTF(2, 3);
static enum mr_status refuse(char message[static 256], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, 256, format, args);
    va_end(args);
    return MR_INVALID;
}

static enum mr_status refuse_unsupported(yyjson_val *doc, char message[static 256])
{
    static const char *const names[] = {"Enrichment", "EnrichmentParameters", "LogConfiguration",
                                        "KmsKeyIdentifier"};
    for (size_t i = 0; i < MR_COUNT(names); i++)
        if (mr_json_get(doc, names[i]) != NULL)
            return refuse(message, "%s is not supported by millrace.", names[i]);
    yyjson_val *filters = mr_json_get(mr_json_get(doc, "SourceParameters"), "FilterCriteria");
    if (yyjson_arr_size(mr_json_get(filters, "Filters")) > 0)
        return refuse(message, "FilterCriteria is not supported by millrace.");
    if (mr_json_get(mr_json_get(doc, "TargetParameters"), "InputTemplate") != NULL)
        return refuse(message, "InputTemplate is not supported by millrace.");
    return MR_OK;
}

static enum mr_status read_source(yyjson_val *doc, struct pipe_config *config,
                                  char message[static 256])
{
    config->source = mr_json_get_text(doc, "Source");
    if (mr_slice_search(config->source, MR_S(":dynamodb:")) == SIZE_MAX ||
        mr_slice_search(config->source, MR_S("/stream/")) == SIZE_MAX)
        return refuse(message,
                      "Source %.*s is not supported by millrace: it takes the ARN of a "
                      "DynamoDB table's stream.",
                      MR_ARG(config->source));
    yyjson_val *in = mr_json_get(mr_json_get(doc, "SourceParameters"), "DynamoDBStreamParameters");
    const struct mr_slice start = mr_json_get_text(in, "StartingPosition");
    if (start.len == 0)
        return refuse(message, "SourceParameters.DynamoDBStreamParameters.StartingPosition is "
                               "required for a DynamoDB stream source.");
    config->latest = mr_slice_equal(start, MR_S("LATEST"));
    config->batch_size = mr_json_get_i64(in, "BatchSize", 100);
    config->window_ms = mr_json_get_i64(in, "MaximumBatchingWindowInSeconds", 0) * 1000;
    config->retries = mr_json_get_i64(in, "MaximumRetryAttempts", -1);
    config->record_age_s = mr_json_get_i64(in, "MaximumRecordAgeInSeconds", -1);
    if (mr_json_get_text(mr_json_get(in, "DeadLetterConfig"), "Arn").len > 0)
        return refuse(message, "DeadLetterConfig is not supported by millrace.");
    if (mr_json_get_i64(in, "ParallelizationFactor", 1) > 1)
        return refuse(message, "A ParallelizationFactor above 1 is not supported by millrace: a "
                               "shard's batches are carried one after the other.");
    if (config->batch_size > PIPE_BATCH_MAX)
        return refuse(message, "BatchSize %lld exceeds the target's maximum of %d.",
                      (long long)config->batch_size, PIPE_BATCH_MAX);
    if (config->record_age_s != -1 && config->record_age_s < 60)
        return refuse(message, "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800.");
    return MR_OK;
}

static enum mr_status read_target(yyjson_val *doc, struct pipe_config *config,
                                  char message[static 256])
{
    config->target = mr_json_get_text(doc, "Target");
    if (mr_slice_search(config->target, MR_S(":kinesis:")) == SIZE_MAX)
        return refuse(message,
                      "Target %.*s is not supported by millrace: it takes the ARN of a "
                      "Kinesis stream.",
                      MR_ARG(config->target));
    yyjson_val *in = mr_json_get(mr_json_get(doc, "TargetParameters"), "KinesisStreamParameters");
    config->partition_key = mr_json_get_text(in, "PartitionKey");
    if (config->partition_key.len == 0)
        return refuse(message, "TargetParameters.KinesisStreamParameters.PartitionKey is required "
                               "for a Kinesis stream target.");
    if (mr_slice_starts_with(config->partition_key, MR_S("$")) &&
        !pipe_path_is_valid(config->partition_key))
        return refuse(message, "PartitionKey %.*s is not a valid path.",
                      MR_ARG(config->partition_key));
    return MR_OK;
}

enum mr_status pipe_config_read(struct mr_arena *arena, yyjson_val *doc,
                                struct pipe_config *ret_config, char message[static 256])
{
    struct pipe_config config = {0};
    enum mr_status status = refuse_unsupported(doc, message);
    if (status == MR_OK)
        status = read_source(doc, &config, message);
    if (status == MR_OK)
        status = read_target(doc, &config, message);
    if (status != MR_OK)
        return status;
    config.source = mr_arena_copy(arena, config.source);
    config.target = mr_arena_copy(arena, config.target);
    config.partition_key = mr_arena_copy(arena, config.partition_key);
    *ret_config = config;
    return MR_OK;
}
