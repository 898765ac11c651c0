/* The destination: completed with AWS's defaults, described, and read back. */
#include "firehose/config.h"
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>

enum {
    SIZE_MB_DEFAULT = 5,
    SIZE_MB_DEFAULT_LARGE = 128, /* with dynamic partitioning or format conversion */
    INTERVAL_S_DEFAULT = 300,
    RETRY_S_DEFAULT = 300,
    DESCRIPTION_DEPTH = 32,
};

enum mr_status delivery_refuse(char message[static 512], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, 512, format, args);
    va_end(args);
    return MR_INVALID;
}

bool is_enabled(yyjson_val *in, const char *name)
{
    return mr_json_get_bool(mr_json_get(in, name), "Enabled", false);
}

/* ---- the description ---- */

/* A member of the change, or what the destination had. */
static yyjson_val *pick(yyjson_val *in, yyjson_val *before, const char *name)
{
    yyjson_val *value = mr_json_get(in, name);
    return value != NULL ? value : mr_json_get(before, name);
}

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

static void write_hints(struct mr_json *json, yyjson_val *hints, int64_t size_mb)
{
    mr_json_key(json, "BufferingHints");
    mr_json_object(json);
    mr_json_key_int(json, "SizeInMBs", mr_json_get_i64(hints, "SizeInMBs", size_mb));
    mr_json_key_int(json, "IntervalInSeconds",
                    mr_json_get_i64(hints, "IntervalInSeconds", INTERVAL_S_DEFAULT));
    mr_json_object_end(json);
}

/* What the plain and the extended destination have in common. */
static void write_plain(struct mr_json *json, yyjson_val *in, yyjson_val *before, int64_t size_mb)
{
    mr_json_key_value(json, "RoleARN", pick(in, before, "RoleARN"));
    mr_json_key_value(json, "BucketARN", pick(in, before, "BucketARN"));
    mr_json_key_value(json, "Prefix", pick(in, before, "Prefix"));
    mr_json_key_value(json, "ErrorOutputPrefix", pick(in, before, "ErrorOutputPrefix"));
    write_hints(json, pick(in, before, "BufferingHints"), size_mb);
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
}

static void write_partitioning(struct mr_json *json, yyjson_val *value)
{
    if (value == NULL)
        return;
    mr_json_key(json, "DynamicPartitioningConfiguration");
    mr_json_object(json);
    yyjson_val *retry = mr_json_get(value, "RetryOptions");
    const bool enabled = mr_json_get_bool(value, "Enabled", false);
    if (retry != NULL || enabled) {
        mr_json_key(json, "RetryOptions");
        mr_json_object(json);
        mr_json_key_int(json, "DurationInSeconds",
                        mr_json_get_i64(retry, "DurationInSeconds", RETRY_S_DEFAULT));
        mr_json_object_end(json);
    }
    mr_json_key_bool(json, "Enabled", enabled);
    mr_json_object_end(json);
}

static void write_backup(struct mr_json *json, yyjson_val *in, yyjson_val *before)
{
    yyjson_val *given = mr_json_get(in, "S3BackupConfiguration");
    given = given != NULL ? given : mr_json_get(in, "S3BackupUpdate");
    yyjson_val *had = mr_json_get(before, "S3BackupDescription");
    write_text(json, "S3BackupMode", pick(in, before, "S3BackupMode"), MR_S("Disabled"));
    if (given == NULL && had == NULL)
        return;
    mr_json_key(json, "S3BackupDescription");
    mr_json_object(json);
    write_plain(json, given, had, SIZE_MB_DEFAULT);
    mr_json_object_end(json);
}

static void write_description(struct mr_json *json, yyjson_val *in, yyjson_val *before)
{
    yyjson_val *partitioning = pick(in, before, "DynamicPartitioningConfiguration");
    yyjson_val *conversion = pick(in, before, "DataFormatConversionConfiguration");
    const bool large = mr_json_get_bool(partitioning, "Enabled", false) ||
                       mr_json_get_bool(conversion, "Enabled", false);
    mr_json_object(json);
    write_plain(json, in, before, large ? SIZE_MB_DEFAULT_LARGE : SIZE_MB_DEFAULT);
    mr_json_key_value(json, "ProcessingConfiguration", pick(in, before, "ProcessingConfiguration"));
    write_backup(json, in, before);
    write_enabled(json, "DataFormatConversionConfiguration", conversion);
    write_partitioning(json, partitioning);
    mr_json_key_value(json, "FileExtension", pick(in, before, "FileExtension"));
    mr_json_key_value(json, "CustomTimeZone", pick(in, before, "CustomTimeZone"));
    mr_json_object_end(json);
}

static void write_iceberg(struct mr_json *json, yyjson_val *in, yyjson_val *before)
{
    mr_json_object(json);
    iceberg_destination_write(json, in, before);
    write_hints(json, pick(in, before, "BufferingHints"), SIZE_MB_DEFAULT);
    write_enabled(json, "CloudWatchLoggingOptions", pick(in, before, "CloudWatchLoggingOptions"));
    mr_json_key(json, "S3DestinationDescription");
    mr_json_object(json);
    write_plain(json, mr_json_get(in, "S3Configuration"),
                mr_json_get(before, "S3DestinationDescription"), SIZE_MB_DEFAULT);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

/* Size and interval come both or not at all. */
static enum mr_status check_hints(yyjson_val *in, char message[static 512])
{
    yyjson_val *hints = mr_json_get(in, "BufferingHints");
    const bool size = mr_json_get(hints, "SizeInMBs") != NULL;
    const bool interval = mr_json_get(hints, "IntervalInSeconds") != NULL;
    if (size != interval)
        return delivery_refuse(message,
                               "BufferingHints must specify both SizeInMBs and IntervalInSeconds");
    return MR_OK;
}

/* What an update may not do. */
static enum mr_status check_change(yyjson_val *in, yyjson_val *before, char message[static 512])
{
    if (before == NULL)
        return MR_OK;
    const struct mr_slice mode = mr_json_get_text(in, "S3BackupMode");
    if (mr_slice_equal(mode, MR_S("Disabled")) &&
        mr_slice_equal(mr_json_get_text(before, "S3BackupMode"), MR_S("Enabled")))
        return delivery_refuse(message, "S3 backup cannot be disabled once it is enabled.");
    if (mr_json_get(in, "DynamicPartitioningConfiguration") != NULL &&
        is_enabled(in, "DynamicPartitioningConfiguration") !=
            is_enabled(before, "DynamicPartitioningConfiguration"))
        return delivery_refuse(message, "Dynamic Partitioning can only be enabled or disabled when "
                                        "the delivery stream is created.");
    return MR_OK;
}

enum mr_status delivery_destination(struct zones *zones, struct mr_arena *arena, yyjson_val *in,
                                    yyjson_val *before, struct mr_slice *ret_json,
                                    char message[static 512])
{
    enum mr_status status = check_hints(in, message);
    if (status == MR_OK)
        status = check_hints(mr_json_get(in, "S3BackupConfiguration"), message);
    if (status == MR_OK)
        status = check_hints(mr_json_get(in, "S3BackupUpdate"), message);
    if (status == MR_OK)
        status = check_hints(mr_json_get(in, "S3Configuration"), message);
    const bool iceberg = delivery_is_iceberg(in) || delivery_is_iceberg(before);
    if (status == MR_OK)
        status = iceberg ? iceberg_destination_check(in, before, message)
                         : check_change(in, before, message);
    if (status != MR_OK)
        return status;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    if (iceberg)
        write_iceberg(&json, in, before);
    else
        write_description(&json, in, before);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    status = delivery_check(zones, arena, mr_json_parse(arena, text, DESCRIPTION_DEPTH), message);
    if (status == MR_OK)
        *ret_json = text;
    return status;
}

/* ---- reading it back ---- */

static struct delivery_target read_target(struct zones *zones, yyjson_val *in, yyjson_val *doc)
{
    struct delivery_target target = {0};
    const struct mr_slice bucket = mr_json_get_text(in, "BucketARN");
    const size_t at = mr_slice_search(bucket, MR_S(":::"));
    target.bucket = at == SIZE_MAX ? bucket : mr_slice_sub(bucket, at + 3, SIZE_MAX);
    target.prefix = mr_json_get_text(in, "Prefix");
    target.error_prefix = mr_json_get_text(in, "ErrorOutputPrefix");
    yyjson_val *encryption = mr_json_get(in, "EncryptionConfiguration");
    target.kms_key =
        mr_json_get_text(mr_json_get(encryption, "KMSEncryptionConfig"), "AWSKMSKeyARN");
    target.compression = compression_named(mr_json_get_text(in, "CompressionFormat"));
    yyjson_val *hints = mr_json_get(in, "BufferingHints");
    target.size_bytes = (uint64_t)mr_json_get_i64(hints, "SizeInMBs", SIZE_MB_DEFAULT) << 20;
    target.interval_ms =
        mr_json_get_i64(hints, "IntervalInSeconds", INTERVAL_S_DEFAULT) * (int64_t)1000;
    if (zones_find(zones, mr_json_get_text(doc, "CustomTimeZone"), &target.zone) != MR_OK)
        mr_log(MR_LOG_WARN, "firehose", "a delivery stream's time zone has gone; UTC is used");
    return target;
}

/* Failures go to the S3 destination; it is also where all of the source is backed up. */
static int64_t read_retry_ms(yyjson_val *doc)
{
    yyjson_val *retry = mr_json_get(doc, "RetryOptions");
    return mr_json_get_i64(retry, "DurationInSeconds", RETRY_S_DEFAULT) * 1000;
}

static void read_iceberg(struct zones *zones, struct mr_arena *arena, yyjson_val *doc,
                         struct delivery_config *ret_config)
{
    struct delivery_config config = {.iceberg = true};
    yyjson_val *hints = mr_json_get(doc, "BufferingHints");
    config.backup = read_target(zones, mr_json_get(doc, "S3DestinationDescription"), doc);
    config.data = config.backup;
    config.data.size_bytes = (uint64_t)mr_json_get_i64(hints, "SizeInMBs", SIZE_MB_DEFAULT) << 20;
    config.data.interval_ms =
        mr_json_get_i64(hints, "IntervalInSeconds", INTERVAL_S_DEFAULT) * (int64_t)1000;
    config.has_backup = mr_slice_equal(mr_json_get_text(doc, "S3BackupMode"), MR_S("AllData"));
    config.append_only = mr_json_get_bool(doc, "AppendOnly", false);
    config.retry_ms = read_retry_ms(doc);
    config.tables = mr_json_get(doc, "DestinationTableConfigurationList");
    processors_read(arena, doc, &config);
    *ret_config = config;
}

enum mr_status delivery_config_read(struct zones *zones, struct mr_arena *arena,
                                    struct mr_slice description, struct delivery_config *ret_config)
{
    yyjson_val *doc = mr_json_parse(arena, description, DESCRIPTION_DEPTH);
    if (doc == NULL)
        return MR_RAISE(MR_FAIL_DATA, "a delivery stream's destination is damaged");
    struct delivery_config config = {0};
    if (delivery_is_iceberg(doc)) {
        read_iceberg(zones, arena, doc, ret_config);
        return MR_OK;
    }
    config.data = read_target(zones, doc, doc);
    config.data.extension = mr_json_get_text(doc, "FileExtension");
    config.has_backup = mr_slice_equal(mr_json_get_text(doc, "S3BackupMode"), MR_S("Enabled"));
    config.backup = read_target(zones, mr_json_get(doc, "S3BackupDescription"), doc);
    config.partitioned = is_enabled(doc, "DynamicPartitioningConfiguration");
    config.retry_ms = read_retry_ms(mr_json_get(doc, "DynamicPartitioningConfiguration"));
    conversion_read(doc, &config.conversion);
    processors_read(arena, doc, &config);
    *ret_config = config;
    return MR_OK;
}
