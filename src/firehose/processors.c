/* ProcessingConfiguration: checked and read. */
#include "base/codec.h"
#include "firehose/config.h"
#include "firehose/extract.h"

enum { PROCESSORS_MAX = 5, RETRIES_DEFAULT = 3, RETRIES_MAX = 300, FUNCTION_INTERVAL_S = 60 };

/* A parameter's value; the last of that name. Empty: none. */
static struct mr_slice parameter(yyjson_val *processor, const char *name)
{
    struct mr_slice value = {0};
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(mr_json_get(processor, "Parameters"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL)
        if (mr_slice_equal(mr_json_get_text(item, "ParameterName"), mr_slice_cstr(name)))
            value = mr_json_get_text(item, "ParameterValue");
    return value;
}

static yyjson_val *processor_of(yyjson_val *doc, const char *type)
{
    yyjson_val *processing = mr_json_get(doc, "ProcessingConfiguration"), *item;
    yyjson_arr_iter items;
    if (!mr_json_get_bool(processing, "Enabled", false))
        return NULL;
    yyjson_arr_iter_init(mr_json_get(processing, "Processors"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL)
        if (mr_slice_equal(mr_json_get_text(item, "Type"), mr_slice_cstr(type)))
            return item;
    return NULL;
}

/* ---- checks ---- */

/* Which parameters a processor takes. */
static const struct {
    const char *type;
    const char *names[6];
} takes[] = {
    {"Lambda",
     {"LambdaArn", "NumberOfRetries", "RoleArn", "BufferSizeInMBs", "BufferIntervalInSeconds"}},
    {"MetadataExtraction", {"MetadataExtractionQuery", "JsonParsingEngine"}},
    {"RecordDeAggregation", {"SubRecordType", "Delimiter"}},
    {"AppendDelimiterToRecord", {"Delimiter"}},
    {"Decompression", {"CompressionFormat"}},
    {"CloudWatchLogProcessing", {"DataMessageExtraction"}},
};

static bool is_taken(struct mr_slice type, struct mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT(takes); i++) {
        if (!mr_slice_equal(type, mr_slice_cstr(takes[i].type)))
            continue;
        for (size_t j = 0; j < MR_COUNT(takes[i].names) && takes[i].names[j] != NULL; j++)
            if (mr_slice_equal(name, mr_slice_cstr(takes[i].names[j])))
                return true;
        return false;
    }
    return true; /* an unknown type is refused as a whole */
}

/* What would have no effect is refused. */
static enum mr_status check_parameters(yyjson_val *processor, char message[static 512])
{
    const struct mr_slice type = mr_json_get_text(processor, "Type");
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(mr_json_get(processor, "Parameters"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        const struct mr_slice name = mr_json_get_text(item, "ParameterName");
        if (!is_taken(type, name))
            return delivery_refuse(message, "Parameter %.*s is not valid for the %.*s processor.",
                                   MR_ARG(name), MR_ARG(type));
    }
    return MR_OK;
}

/* A number that is written as text: "0.2". */
static bool read_number(struct mr_arena *arena, struct mr_slice text, double *ret_number)
{
    yyjson_val *number = mr_json_parse(arena, mr_slice_trim(text), 1);
    *ret_number = mr_json_double(number, 0);
    return mr_json_is_number(number);
}

static bool is_outside(struct mr_arena *arena, struct mr_slice text, double least, double most)
{
    double number;
    return text.len > 0 && (!read_number(arena, text, &number) || number < least || number > most);
}

static enum mr_status check_function(struct mr_arena *arena, yyjson_val *processor,
                                     char message[static 512])
{
    const struct mr_slice size = parameter(processor, "BufferSizeInMBs");
    const struct mr_slice interval = parameter(processor, "BufferIntervalInSeconds");
    if (parameter(processor, "LambdaArn").len == 0)
        return delivery_refuse(message, "LambdaArn is required when Lambda processor is used.");
    if (!mr_slice_starts_with(parameter(processor, "LambdaArn"), MR_S("arn:")) ||
        mr_slice_search(parameter(processor, "LambdaArn"), MR_S(":function:")) == SIZE_MAX)
        return delivery_refuse(message, "LambdaArn %.*s is not the ARN of a Lambda function.",
                               MR_ARG(parameter(processor, "LambdaArn")));
    if (is_outside(arena, parameter(processor, "NumberOfRetries"), 0, RETRIES_MAX))
        return delivery_refuse(message, "Number of retries for lambda must be between 0 and 300.");
    if (is_outside(arena, size, 0.2, 3))
        return delivery_refuse(message,
                               "BufferSizeInMBs for lambda processor must be between 0.2 and 3.");
    if (is_outside(arena, interval, 0, 900))
        return delivery_refuse(
            message, "BufferIntervalInSeconds for lambda processor must be between 0 and 900.");
    if ((size.len == 0) != (interval.len == 0))
        return delivery_refuse(message, "Both BufferSizeInMBs and BufferIntervalInSeconds are "
                                        "required to configure buffering for lambda processor.");
    return MR_OK;
}

static enum mr_status check_split(struct mr_arena *arena, yyjson_val *processor,
                                  char message[static 512])
{
    const struct mr_slice type = parameter(processor, "SubRecordType");
    const struct mr_slice delimiter = parameter(processor, "Delimiter");
    struct mr_slice bytes;
    if (mr_slice_equal(type, MR_S("JSON")))
        return MR_OK;
    if (!mr_slice_equal(type, MR_S("DELIMITED")))
        return delivery_refuse(message, "SubRecordType has to be one of JSON, DELIMITED");
    if (delimiter.len == 0)
        return delivery_refuse(message, "Delimiter should be present for DELIMITED");
    if (mr_base64_decode(arena, delimiter, &bytes) != MR_OK || bytes.len == 0)
        return delivery_refuse(message, "Delimiter should be base64 encoded for DELIMITED");
    return MR_OK;
}

static enum mr_status check_decompression(yyjson_val *processor, char message[static 512])
{
    if (mr_slice_equal(parameter(processor, "CompressionFormat"), MR_S("GZIP")))
        return MR_OK;
    return delivery_refuse(message,
                           "Invalid parameter value for CompressionFormat. Allowed value is GZIP.");
}

static enum mr_status check_extraction(yyjson_val *doc, yyjson_val *processor,
                                       char message[static 512])
{
    const struct mr_slice value = parameter(processor, "DataMessageExtraction");
    if (processor_of(doc, "Decompression") == NULL)
        return delivery_refuse(message, "CloudWatchLogProcessingProcessor can only be enabled with "
                                        "DecompressionProcessor");
    if (!mr_slice_equal_nocase(value, MR_S("true")) && !mr_slice_equal_nocase(value, MR_S("false")))
        return delivery_refuse(message,
                               "Invalid parameter value for DataMessageExtraction. Allowed "
                               "values are True and False.");
    return MR_OK;
}

struct key_search {
    struct mr_slice key, query, prefix;
    bool found;
};

static bool is_not_in_prefix(void *ctx, enum prefix_space space, struct mr_slice name)
{
    struct key_search *search = ctx;
    search->found =
        search->found || (space == PREFIX_FROM_QUERY && mr_slice_equal(name, search->key));
    return !search->found;
}

/* A key of the query: the prefix has to use it. */
static bool is_used(void *ctx, struct mr_slice key)
{
    struct key_search *search = ctx;
    search->key = key;
    search->found = false;
    (void)prefix_each_key(search->prefix, is_not_in_prefix, search);
    return search->found;
}

static bool is_other_key(void *ctx, struct mr_slice key)
{
    return !mr_slice_equal(((struct key_search *)ctx)->key, key);
}

/* A key of the prefix: the query has to give it. */
static bool is_given(void *ctx, enum prefix_space space, struct mr_slice name)
{
    struct key_search *search = ctx;
    search->key = name;
    return space != PREFIX_FROM_QUERY || !query_each_key(search->query, is_other_key, search);
}

static enum mr_status check_query(yyjson_val *doc, yyjson_val *processor, char message[static 512])
{
    struct key_search search = {.query = parameter(processor, "MetadataExtractionQuery"),
                                .prefix = mr_json_get_text(doc, "Prefix")};
    if (!mr_slice_equal(parameter(processor, "JsonParsingEngine"), MR_S("JQ-1.6")))
        return delivery_refuse(message,
                               "MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6");
    if (search.query.len == 0)
        return delivery_refuse(message, "MetadataExtractionQuery is required when "
                                        "MetadataExtraction processor is used.");
    if (delivery_is_iceberg(doc)) /* its keys are the routing's */
        return MR_OK;
    if (!query_each_key(search.query, is_used, &search))
        return delivery_refuse(message, "MetaDataExtraction JQ Query can't contain keys that are "
                                        "not present in the S3 Prefix expression");
    if (mr_slice_starts_with(mr_slice_trim(search.query), MR_S("{")) &&
        !prefix_each_key(search.prefix, is_given, &search))
        return delivery_refuse(message,
                               "S3 Prefix can't contain keys that are not present in the "
                               "MetaDataExtraction JQ Query: %.*s",
                               MR_ARG(search.key));
    return MR_OK;
}

static enum mr_status check_partitioned_only(yyjson_val *doc, struct mr_slice type,
                                             char message[static 512])
{
    if (is_enabled(doc, "DynamicPartitioningConfiguration") || delivery_is_iceberg(doc))
        return MR_OK;
    return delivery_refuse(message,
                           "class com.amazonaws.services.firehose.internal.model.%.*sProcessor can "
                           "only be present when Dynamic Partitioning is enabled.",
                           MR_ARG(type));
}

static enum mr_status check_one(struct mr_arena *arena, yyjson_val *doc, yyjson_val *processor,
                                char message[static 512])
{
    const struct mr_slice type = mr_json_get_text(processor, "Type");
    if (check_parameters(processor, message) != MR_OK)
        return MR_INVALID;
    if (mr_slice_equal(type, MR_S("Lambda")))
        return check_function(arena, processor, message);
    if (mr_slice_equal(type, MR_S("Decompression")))
        return check_decompression(processor, message);
    if (mr_slice_equal(type, MR_S("CloudWatchLogProcessing")))
        return check_extraction(doc, processor, message);
    if (mr_slice_equal(type, MR_S("AppendDelimiterToRecord")))
        return MR_OK;
    const enum mr_status status = check_partitioned_only(doc, type, message);
    if (status == MR_OK && mr_slice_equal(type, MR_S("RecordDeAggregation")))
        return check_split(arena, processor, message);
    if (status == MR_OK && mr_slice_equal(type, MR_S("MetadataExtraction")))
        return check_query(doc, processor, message);
    if (status == MR_OK)
        return delivery_refuse(message, "The processor type %.*s is not supported by millrace.",
                               MR_ARG(type));
    return status;
}

/* Where the partition keys of the prefix come from. */
static enum mr_status check_partitioning(yyjson_val *doc, char message[static 512])
{
    const struct mr_slice prefix = mr_json_get_text(doc, "Prefix");
    const bool query = prefix_has_space(prefix, PREFIX_FROM_QUERY);
    const bool function = prefix_has_space(prefix, PREFIX_FROM_LAMBDA);
    if (!query && !function)
        return delivery_refuse(message, "S3 Prefix should contain Dynamic Partitioning namespaces "
                                        "when Dynamic Partitioning is enabled");
    if (!is_enabled(doc, "ProcessingConfiguration"))
        return delivery_refuse(
            message, "Processing Configuration is not enabled when DataPartitioning is enabled");
    if (function && processor_of(doc, "Lambda") == NULL)
        return delivery_refuse(message,
                               "Lambda should be present when S3 Prefix contains keys from "
                               "partitionKeyFromLambda namespace");
    if (query && processor_of(doc, "MetadataExtraction") == NULL)
        return delivery_refuse(message, "MetadataExtraction processor should be present when S3 "
                                        "Prefix has partitionKeyFromQuery namespace");
    return MR_OK;
}

enum mr_status processors_check(struct mr_arena *arena, yyjson_val *doc, char message[static 512])
{
    yyjson_val *processing = mr_json_get(doc, "ProcessingConfiguration");
    yyjson_val *list = mr_json_get(processing, "Processors"), *item, *other;
    if (is_enabled(doc, "DynamicPartitioningConfiguration")) {
        const enum mr_status status = check_partitioning(doc, message);
        if (status != MR_OK)
            return status;
    }
    if (!mr_json_get_bool(processing, "Enabled", false))
        return MR_OK;
    const size_t count = yyjson_arr_size(list);
    if (count < 1 || count > PROCESSORS_MAX)
        return delivery_refuse(message,
                               "A maximum of %d and a minimum of 1 processor needs to be "
                               "supplied when processing is enabled.",
                               PROCESSORS_MAX);
    for (size_t i = 0; i < count; i++) {
        item = yyjson_arr_get(list, i);
        const struct mr_slice type = mr_json_get_text(item, "Type");
        for (size_t j = 0; j < i; j++) {
            other = yyjson_arr_get(list, j);
            if (mr_slice_equal(type, mr_json_get_text(other, "Type")))
                return delivery_refuse(message, "Cannot have more than 1 %.*s processor.",
                                       MR_ARG(type));
        }
        const enum mr_status status = check_one(arena, doc, item, message);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

/* ---- reading ---- */

/* "\n" as backslash and n is how it is written; other text is taken as it is. */
static struct mr_slice unescape_delimiter(struct mr_arena *arena, struct mr_slice text)
{
    char *out = mr_arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\\' && i + 1 < text.len) {
            const char next = text.ptr[++i];
            c = next == 'n' ? '\n' : next == 't' ? '\t' : next == 'r' ? '\r' : next;
        }
        out[len++] = c;
    }
    return mr_slice_make(out, len);
}

static void read_function(struct mr_arena *arena, yyjson_val *processor,
                          struct delivery_config *config)
{
    double number;
    config->function = parameter(processor, "LambdaArn");
    config->retries = RETRIES_DEFAULT;
    config->function_bytes = 1 << 20;
    config->function_interval_ms = FUNCTION_INTERVAL_S * 1000;
    if (read_number(arena, parameter(processor, "NumberOfRetries"), &number))
        config->retries = (int64_t)number;
    if (read_number(arena, parameter(processor, "BufferSizeInMBs"), &number) && number > 0)
        config->function_bytes = (uint64_t)(number * (1 << 20));
    if (read_number(arena, parameter(processor, "BufferIntervalInSeconds"), &number))
        config->function_interval_ms = (int64_t)(number * 1000);
}

static void read_split(struct mr_arena *arena, yyjson_val *doc, struct split_options *split)
{
    yyjson_val *processor = processor_of(doc, "RecordDeAggregation");
    yyjson_val *extraction = processor_of(doc, "CloudWatchLogProcessing");
    if (mr_slice_equal(parameter(processor, "SubRecordType"), MR_S("JSON")))
        split->kind = SPLIT_JSON;
    else if (processor != NULL &&
             mr_base64_decode(arena, parameter(processor, "Delimiter"), &split->delimiter) == MR_OK)
        split->kind = SPLIT_DELIMITED;
    split->decompress = processor_of(doc, "Decompression") != NULL;
    split->extract =
        mr_slice_equal_nocase(parameter(extraction, "DataMessageExtraction"), MR_S("true"));
}

struct mr_slice processors_query(yyjson_val *in)
{
    return parameter(processor_of(in, "MetadataExtraction"), "MetadataExtractionQuery");
}

void processors_read(struct mr_arena *arena, yyjson_val *doc, struct delivery_config *config)
{
    yyjson_val *function = processor_of(doc, "Lambda");
    yyjson_val *append = processor_of(doc, "AppendDelimiterToRecord");
    read_split(arena, doc, &config->split);
    config->query = processors_query(doc);
    if (function != NULL)
        read_function(arena, function, config);
    if (append != NULL) {
        const struct mr_slice delimiter = parameter(append, "Delimiter");
        config->delimiter = delimiter.len == 0 ? MR_S("\n") : unescape_delimiter(arena, delimiter);
    }
}
