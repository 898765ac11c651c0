/* firehose/config.h: what a delivery stream does with its records; made from its description.
 *
 * What is stored is the description itself (ExtendedS3DestinationDescription); the pump's
 * delivery_config is made from it. Slices live in the arena given to delivery_config_read. */
#pragma once
#include "base/json.h"
#include "firehose/convert.h"
#include "firehose/pack.h"
#include "firehose/prefix.h"
#include "firehose/split.h"

/* A bucket that objects are landed in: of the data, or of the source's backup. */
struct delivery_target {
    struct mr_slice bucket, prefix, error_prefix;
    struct mr_slice kms_key;   /* its ARN; empty: objects are encrypted as the bucket says */
    struct mr_slice extension; /* FileExtension; empty: by the compression */
    enum compression compression;
    const struct zone *zone; /* NULL: UTC */
    uint64_t size_bytes;
    int64_t interval_ms;
};
struct delivery_config {
    struct delivery_target data, backup;
    bool has_backup;
    struct split_options split;
    struct conversion conversion;
    bool partitioned;
    bool iceberg; /* rows of Iceberg tables; `data` is where failures go */
    bool append_only;
    int64_t retry_ms;         /* so long a table or partition is tried that cannot be written */
    yyjson_val *tables;       /* DestinationTableConfigurationList, or NULL */
    struct mr_slice query;    /* of MetadataExtraction; empty: none */
    struct mr_slice function; /* ARN; empty: no transformation */
    uint64_t function_bytes;  /* raw bytes per invocation */
    int64_t function_interval_ms;
    int64_t retries;
    struct mr_slice delimiter; /* AppendDelimiterToRecord, unescaped */
};

/* Checks a destination as Create and Update give it and writes its description, AWS's defaults
 * filled in; `before` (NULL when made) lends what `in` leaves out. MR_INVALID: `message` says what
 * is wrong, in AWS's words, or not supported. */
MR_MUST_USE enum mr_status delivery_destination(struct zones *zones, struct mr_arena *arena,
                                                yyjson_val *in, yyjson_val *before,
                                                struct mr_slice *ret_json,
                                                char message[static 512]);
/* From a description made by delivery_destination. */
MR_MUST_USE enum mr_status delivery_config_read(struct zones *zones, struct mr_arena *arena,
                                                struct mr_slice description,
                                                struct delivery_config *ret_config);

/* ---- check.c, processors.c ---- */
/* The whole description that an update would give. MR_INVALID with `message`. */
MR_MUST_USE enum mr_status delivery_check(struct zones *zones, struct mr_arena *arena,
                                          yyjson_val *description, char message[static 512]);
MR_MUST_USE enum mr_status processors_check(struct mr_arena *arena, yyjson_val *description,
                                            char message[static 512]);
/* The MetadataExtractionQuery of a destination as Create and Update give it; empty: none. */
struct mr_slice processors_query(yyjson_val *in);
void processors_read(struct mr_arena *arena, yyjson_val *description,
                     struct delivery_config *config);
bool is_enabled(yyjson_val *in, const char *name); /* member {"Enabled": true} */
enum mr_status delivery_refuse(char message[static 512], const char *format, ...) MR_PRINTF(2, 3);
/* ---- iceberg.c ---- */
bool delivery_is_iceberg(yyjson_val *description);
/* MR_INVALID with `message`. */
MR_MUST_USE enum mr_status iceberg_destination_check(yyjson_val *in, yyjson_val *before,
                                                     char message[static 512]);
/* The members of its description that an S3 destination does not have. */
void iceberg_destination_write(struct mr_json *json, yyjson_val *in, yyjson_val *before);
