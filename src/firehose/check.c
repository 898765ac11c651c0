/* What AWS refuses about a destination, in its words, and what millrace does not do, by name. */
#include "firehose/config.h"

enum { LARGE_MB_MIN = 64 }; /* AWS: with dynamic partitioning or format conversion */

static enum mr_status check_zone(struct zones *zones, yyjson_val *doc, const struct zone **ret_zone,
                                 char message[static 512])
{
    const struct mr_slice name = mr_json_get_text(doc, "CustomTimeZone");
    const enum mr_status status = zones_find(zones, name, ret_zone);
    if (status == MR_INVALID)
        return delivery_refuse(message,
                               "Provided custom time zone is not supported. Custom time "
                               "zones are limited to UTC and non-3-letter IANA time zones.");
    if (status == MR_NOT_FOUND)
        return delivery_refuse(message,
                               "millrace finds no usable zone file of CustomTimeZone %.*s in "
                               "/usr/share/zoneinfo: install tzdata (and tzdata-legacy)",
                               MR_ARG(name));
    return status;
}

static enum mr_status check_prefixes(yyjson_val *in, bool partitioned, const struct zone *zone,
                                     char message[static 512])
{
    const struct mr_slice prefix = mr_json_get_text(in, "Prefix");
    const struct mr_slice error_prefix = mr_json_get_text(in, "ErrorOutputPrefix");
    enum mr_status status =
        prefix_check(prefix, partitioned ? PREFIX_PARTITIONED : PREFIX_DATA, zone, message);
    if (status == MR_OK && prefix_has_expression(prefix) && error_prefix.len == 0)
        return delivery_refuse(message, "ErrorOutputPrefix cannot be null or empty when Prefix "
                                        "contains expressions");
    if (status == MR_OK)
        status = prefix_check(error_prefix, PREFIX_ERROR, zone, message);
    return status;
}

/* What the destination and its backup have in common. */
static enum mr_status check_plain(yyjson_val *in, char message[static 512])
{
    yyjson_val *encryption = mr_json_get(in, "EncryptionConfiguration");
    yyjson_val *logging = mr_json_get(in, "CloudWatchLoggingOptions");
    if ((mr_json_get(encryption, "NoEncryptionConfig") != NULL) ==
        (mr_json_get(encryption, "KMSEncryptionConfig") != NULL))
        return delivery_refuse(message, "Exactly one of NoEncryptionConfig or KMSEncryptionConfig "
                                        "must be specified");
    if (mr_json_get_bool(logging, "Enabled", false)) {
        if (mr_json_get_text(logging, "LogGroupName").len == 0)
            return delivery_refuse(message, "CloudWatch Log Group Name is required if CloudWatch "
                                            "Logging is enabled");
        if (mr_json_get_text(logging, "LogStreamName").len == 0)
            return delivery_refuse(message, "CloudWatch Log Stream Name is required if CloudWatch "
                                            "Logging is enabled");
    }
    return MR_OK;
}

static enum mr_status check_backup(yyjson_val *doc, const struct zone *zone,
                                   char message[static 512])
{
    yyjson_val *backup = mr_json_get(doc, "S3BackupDescription");
    if (!mr_slice_equal(mr_json_get_text(doc, "S3BackupMode"), MR_S("Enabled")))
        return MR_OK;
    if (backup == NULL)
        return delivery_refuse(message, "S3 backup destination configuration is required when "
                                        "enabling S3 backup.");
    const enum mr_status status = check_plain(backup, message);
    return status == MR_OK ? check_prefixes(backup, false, zone, message) : status;
}

enum mr_status delivery_check(struct zones *zones, struct mr_arena *arena, yyjson_val *doc,
                              char message[static 512])
{
    const bool partitioned = is_enabled(doc, "DynamicPartitioningConfiguration");
    const struct zone *zone;
    if (delivery_is_iceberg(doc)) {
        yyjson_val *s3 = mr_json_get(doc, "S3DestinationDescription");
        enum mr_status fine = check_prefixes(s3, false, NULL, message);
        if (fine == MR_OK)
            fine = check_plain(s3, message);
        return fine == MR_OK ? processors_check(arena, doc, message) : fine;
    }
    enum mr_status status = check_zone(zones, doc, &zone, message);
    if (status == MR_OK)
        status = check_prefixes(doc, partitioned, zone, message);
    if (status == MR_OK)
        status = check_plain(doc, message);
    if (status == MR_OK)
        status = check_backup(doc, zone, message);
    if (status == MR_OK)
        status = processors_check(arena, doc, message);
    if (status == MR_OK)
        status = conversion_check(doc, message);
    const int64_t size_mb = mr_json_get_i64(mr_json_get(doc, "BufferingHints"), "SizeInMBs", 0);
    if (status == MR_OK && partitioned && size_mb < LARGE_MB_MIN)
        return delivery_refuse(message,
                               "BufferingHints.SizeInMBs must be at least %d when Dynamic "
                               "Partitioning is enabled.",
                               LARGE_MB_MIN);
    if (status == MR_OK && is_enabled(doc, "DataFormatConversionConfiguration") &&
        size_mb < LARGE_MB_MIN)
        return delivery_refuse(message,
                               "BufferingHints.SizeInMBs must be at least %d when data format "
                               "conversion is enabled.",
                               LARGE_MB_MIN);
    return status;
}
