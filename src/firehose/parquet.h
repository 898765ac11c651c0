/* firehose/parquet.h: writes Parquet files: PLAIN values, RLE levels, pages of version 1, every
 * column nullable, nested types in the three-level form. Timestamps are INT96, as Hive writes them.
 * Pure: bytes in memory. */
#pragma once
#include "firehose/hive.h"

enum parquet_codec {
    PARQUET_UNCOMPRESSED = 0,
    PARQUET_SNAPPY = 1,
    PARQUET_GZIP = 2,
    PARQUET_ZSTD = 6,
};
struct parquet_options {
    enum parquet_codec codec;
    int level;                        /* of PARQUET_ZSTD */
    uint64_t group_bytes, page_bytes; /* of values, before they are packed */
};
/* Where a value of JSON is found for a member of a struct. NULL: there is none. */
typedef yyjson_val *(*parquet_member)(void *ctx, yyjson_val *object, const struct hive_type *type,
                                      bool top);
struct parquet_writer;
/* `columns` is borrowed and lives as long as the writer. */
struct parquet_writer *parquet_open(const struct hive_type *columns, size_t count,
                                    const struct parquet_options *options, parquet_member member,
                                    void *ctx);
/* Adds a row from a JSON object. MR_INVALID: it does not fit (`message`), and nothing is added. */
MR_MUST_USE enum mr_status parquet_add(struct parquet_writer *writer, struct mr_arena *arena,
                                       yyjson_val *row, char message[static 512]);
/* Whether it could be added. MR_INVALID: as above. */
MR_MUST_USE enum mr_status parquet_check(struct parquet_writer *writer, struct mr_arena *arena,
                                         yyjson_val *row, char message[static 512]);
/* What the values of a leaf are that is in no list or map; of text the bytes belong to the writer.
 */
struct parquet_stats {
    const struct hive_type *type;
    int64_t values, nulls, nans; /* values: nulls, too */
    bool known;                  /* there are bounds: */
    struct hive_value least, most;
};
/* By number from 0. False: there is none. Before parquet_close. */
bool parquet_stats(const struct parquet_writer *writer, size_t number,
                   struct parquet_stats *ret_stats);
uint64_t parquet_rows(const struct parquet_writer *writer);
/* Appends the file and frees the writer. */
void parquet_close(struct parquet_writer *writer, struct mr_buf *file);
