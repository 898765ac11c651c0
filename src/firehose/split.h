/* firehose/split.h: one record that holds many, taken apart before anything else is done with it.
 *
 * In this order: KPL aggregation (Kinesis sources, always), Decompression, CloudWatchLogProcessing,
 * RecordDeAggregation. Pure. */
#pragma once
#include "base/json.h"

enum split_kind { SPLIT_NONE, SPLIT_JSON, SPLIT_DELIMITED };
enum { SPLIT_UNPACKED_MAX = 64 << 20 }; /* bytes of a record when it is decompressed */

struct split_options {
    bool aggregated;           /* look for the KPL's form */
    bool decompress;           /* gzip */
    bool extract;              /* the messages of a CloudWatch Logs record */
    enum split_kind kind;      /* RecordDeAggregation */
    struct mr_slice delimiter; /* SPLIT_DELIMITED: its bytes, not empty */
};
struct split_piece {
    struct mr_slice data, key;
    struct mr_slice original; /* what an error object shows of it */
    bool failed;              /* it could not be decompressed; data is the original */
};
/* Calls fn for each piece, at least once unless the record is but delimiters. Slices live in the
 * arena or in `data`. A record that is not of the form looked for is one piece. */
void split_record(struct mr_arena *arena, const struct split_options *options, struct mr_slice data,
                  struct mr_slice key, void (*fn)(void *ctx, const struct split_piece *piece),
                  void *ctx);
