/* The destination: read, checked, completed with AWS's defaults, described.
 *
 * What is stored is the description itself (ExtendedS3DestinationDescription); the pump's
 * delivery_config is made from it. What millrace does not do is refused by name when the delivery
 * stream is made or changed. */
#include "firehose/internal.h"
#include <stdarg.h>
#include <stdio.h>

static enum mr_status refuse(char message[static 512], const char *format, ...) MR_PRINTF(2, 3);
static enum mr_status refuse(char message[static 512], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, 512, format, args);
    va_end(args);
    return MR_INVALID;
}

/* A member of the change, or what the destination had. */
static yyjson_val *pick(yyjson_val *in, yyjson_val *before, const char *name)
{
    yyjson_val *value = mr_json_get(in, name);
    return value != NULL ? value : mr_json_get(before, name);
}

static bool is_enabled(yyjson_val *in, const char *name)
{
    return mr_json_get_bool(mr_json_get(in, name), "Enabled", false);
}

/* ---- processors ---- */

static struct mr_slice parameter(yyjson_val *processor, const char *name)
{
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(mr_json_get(processor, "Parameters"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL)
        if (mr_slice_equal(mr_json_get_text(item, "ParameterName"), mr_slice_cstr(name)))
            return mr_json_get_text(item, "ParameterValue");
    return (struct mr_slice){0};
}

static enum mr_status check_processors(yyjson_val *processing, char message[static 512])
{
    yyjson_val *item;
    yyjson_arr_iter items;
    size_t functions = 0;
    yyjson_arr_iter_init(mr_json_get(processing, "Processors"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        const struct mr_slice type = mr_json_get_text(item, "Type");
        if (mr_slice_equal(type, MR_S("Lambda"))) {
            if (parameter(item, "LambdaArn").len == 0)
                return refuse(message, "The Lambda processor needs the parameter LambdaArn.");
            if (functions++ > 0)
                return refuse(message, "Only one Lambda processor is allowed.");
        } else if (!mr_slice_equal(type, MR_S("AppendDelimiterToRecord"))) {
            return refuse(message, "The processor type %.*s is not supported by millrace.",
                          MR_ARG(type));
        }
    }
    return MR_OK;
}

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

static void read_processors(struct mr_arena *arena, yyjson_val *processing,
                            struct delivery_config *config)
{
    config->function_bytes = 1 << 20;
    config->retries = 3;
    if (!mr_json_get_bool(processing, "Enabled", false))
        return;
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(mr_json_get(processing, "Processors"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        if (mr_slice_equal(mr_json_get_text(item, "Type"), MR_S("Lambda"))) {
            config->function = parameter(item, "LambdaArn");
            (void)!mr_slice_to_i64(parameter(item, "NumberOfRetries"), &config->retries);
            const struct mr_slice size = parameter(item, "BufferSizeInMBs");
            yyjson_val *number = mr_json_parse(arena, size, 1);
            const double megabytes = mr_json_double(number, 1.0);
            if (megabytes > 0 && megabytes <= 3)
                config->function_bytes = (uint64_t)(megabytes * (1 << 20));
        } else {
            const struct mr_slice delimiter = parameter(item, "Delimiter");
            config->delimiter =
                delimiter.len == 0 ? MR_S("\n") : unescape_delimiter(arena, delimiter);
        }
    }
}

/* ---- checks ---- */

static enum mr_status check_unsupported(yyjson_val *in, char message[static 512])
{
    static const char *const switches[] = {"DynamicPartitioningConfiguration",
                                           "DataFormatConversionConfiguration"};
    for (size_t i = 0; i < MR_COUNT(switches); i++)
        if (is_enabled(in, switches[i]))
            return refuse(message, "%s is not supported by millrace.", switches[i]);
    if (mr_slice_equal(mr_json_get_text(in, "S3BackupMode"), MR_S("Enabled")))
        return refuse(message, "S3BackupMode Enabled is not supported by millrace.");
    const struct mr_slice zone = mr_json_get_text(in, "CustomTimeZone");
    if (zone.len > 0 && !mr_slice_equal(zone, MR_S("UTC")))
        return refuse(message, "CustomTimeZone %.*s is not supported by millrace: it uses UTC.",
                      MR_ARG(zone));
    const struct mr_slice compression = mr_json_get_text(in, "CompressionFormat");
    if (compression.len > 0 && !mr_slice_equal(compression, MR_S("UNCOMPRESSED")) &&
        !mr_slice_equal(compression, MR_S("GZIP")))
        return refuse(message, "CompressionFormat %.*s is not supported by millrace.",
                      MR_ARG(compression));
    return MR_OK;
}

static enum mr_status check_prefixes(struct mr_slice prefix, struct mr_slice error_prefix,
                                     char message[static 512])
{
    enum mr_status status = prefix_check(prefix, false, message);
    if (status == MR_OK)
        status = prefix_check(error_prefix, true, message);
    if (status == MR_OK && prefix_has_expression(prefix) && error_prefix.len == 0)
        status =
            refuse(message, "ErrorOutputPrefix can't be null when Prefix contains expressions");
    return status;
}

/* Size and interval come both or not at all. */
static enum mr_status check_hints(yyjson_val *hints, char message[static 512])
{
    const bool size = mr_json_get(hints, "SizeInMBs") != NULL;
    const bool interval = mr_json_get(hints, "IntervalInSeconds") != NULL;
    if (size != interval)
        return refuse(message, "BufferingHints must specify both SizeInMBs and IntervalInSeconds");
    return MR_OK;
}

/* ---- the description ---- */

static void write_enabled(struct mr_json *json, const char *name, yyjson_val *value)
{
    if (value != NULL) {
        mr_json_key_value(json, name, value);
        return;
    }
    mr_json_key(json, name);
    mr_json_object(json);
    mr_json_key_bool(json, "Enabled", false);
    mr_json_object_end(json);
}

static void write_text(struct mr_json *json, const char *name, yyjson_val *value,
                       struct mr_slice fallback)
{
    const struct mr_slice text = mr_json_text(value);
    mr_json_key_string(json, name, text.len > 0 ? text : fallback);
}

static void write_description(struct mr_json *json, yyjson_val *in, yyjson_val *before)
{
    mr_json_object(json);
    mr_json_key_value(json, "RoleARN", pick(in, before, "RoleARN"));
    mr_json_key_value(json, "BucketARN", pick(in, before, "BucketARN"));
    mr_json_key_value(json, "Prefix", pick(in, before, "Prefix"));
    mr_json_key_value(json, "ErrorOutputPrefix", pick(in, before, "ErrorOutputPrefix"));
    yyjson_val *hints = pick(in, before, "BufferingHints");
    mr_json_key(json, "BufferingHints");
    mr_json_object(json);
    mr_json_key_int(json, "SizeInMBs", mr_json_get_i64(hints, "SizeInMBs", 5));
    mr_json_key_int(json, "IntervalInSeconds", mr_json_get_i64(hints, "IntervalInSeconds", 300));
    mr_json_object_end(json);
    write_text(json, "CompressionFormat", pick(in, before, "CompressionFormat"),
               MR_S("UNCOMPRESSED"));
    yyjson_val *encryption = pick(in, before, "EncryptionConfiguration");
    mr_json_key(json, "EncryptionConfiguration");
    if (encryption != NULL) {
        mr_json_value(json, encryption);
    } else {
        mr_json_object(json);
        mr_json_key_cstr(json, "NoEncryptionConfig", "NoEncryption");
        mr_json_object_end(json);
    }
    write_enabled(json, "CloudWatchLoggingOptions", pick(in, before, "CloudWatchLoggingOptions"));
    mr_json_key_value(json, "ProcessingConfiguration", pick(in, before, "ProcessingConfiguration"));
    write_text(json, "S3BackupMode", pick(in, before, "S3BackupMode"), MR_S("Disabled"));
    write_enabled(json, "DataFormatConversionConfiguration",
                  pick(in, before, "DataFormatConversionConfiguration"));
    mr_json_key_value(json, "FileExtension", pick(in, before, "FileExtension"));
    mr_json_key_value(json, "CustomTimeZone", pick(in, before, "CustomTimeZone"));
    mr_json_object_end(json);
}

enum mr_status delivery_destination(struct mr_arena *arena, yyjson_val *in, yyjson_val *before,
                                    struct mr_slice *ret_json, char message[static 512])
{
    enum mr_status status = check_unsupported(in, message);
    if (status == MR_OK)
        status = check_prefixes(mr_json_text(pick(in, before, "Prefix")),
                                mr_json_text(pick(in, before, "ErrorOutputPrefix")), message);
    if (status == MR_OK)
        status = check_hints(mr_json_get(in, "BufferingHints"), message);
    if (status == MR_OK)
        status = check_processors(pick(in, before, "ProcessingConfiguration"), message);
    if (status != MR_OK)
        return status;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    write_description(&json, in, before);
    *ret_json = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return MR_OK;
}

enum mr_status delivery_config_read(struct mr_arena *arena, struct mr_slice description,
                                    struct delivery_config *ret_config)
{
    yyjson_val *doc = mr_json_parse(arena, description, 32);
    if (doc == NULL)
        return MR_RAISE(MR_FAIL_DATA, "a delivery stream's destination is damaged");
    struct delivery_config config = {0};
    const struct mr_slice bucket = mr_json_get_text(doc, "BucketARN");
    const size_t at = mr_slice_search(bucket, MR_S(":::"));
    config.bucket = at == SIZE_MAX ? bucket : mr_slice_sub(bucket, at + 3, SIZE_MAX);
    config.prefix = mr_json_get_text(doc, "Prefix");
    config.error_prefix = mr_json_get_text(doc, "ErrorOutputPrefix");
    config.extension = mr_json_get_text(doc, "FileExtension");
    config.gzip = mr_slice_equal(mr_json_get_text(doc, "CompressionFormat"), MR_S("GZIP"));
    yyjson_val *hints = mr_json_get(doc, "BufferingHints");
    config.size_bytes = (uint64_t)mr_json_get_i64(hints, "SizeInMBs", 5) << 20;
    config.interval_ms = mr_json_get_i64(hints, "IntervalInSeconds", 300) * 1000;
    read_processors(arena, mr_json_get(doc, "ProcessingConfiguration"), &config);
    *ret_config = config;
    return MR_OK;
}
