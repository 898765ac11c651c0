/* kinesis/kinesis.h: Kinesis data streams. A shard is a window of the journal; a record is one
 * JOURNAL_APPEND op whose key is the partition key and whose value is the data; its journal
 * position gives the sequence number, its entry's time the arrival.
 *
 * Locks: a shard's lock orders its appends; kinesis_put takes the locks of all shards it touches in
 * ascending order. Threads: any; kinesis_put does not wait for the disk (the ticket tells). */
#pragma once
#include "base/meters.h"
#include "base/rng.h"
#include "protocol/protocol.h"
#include "runtime/runtime.h"
#include "view/store.h"

struct kinesis;
struct kinesis_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct meters *meters; /* NULL: nothing is measured */
    bool testing;
    bool limits; /* PutRecord, PutRecords and GetRecords keep to AWS's throughput of a shard */
};
MR_MUST_USE enum mr_status kinesis_open(struct kinesis **ret_kinesis,
                                        const struct kinesis_options *options);
void kinesis_register(struct kinesis *kinesis, struct protocol *protocol);
/* Ends what streams to clients (SubscribeToShard), so that a server can finish its work in hand;
 * nothing new begins. Accepts NULL. */
void kinesis_stop(struct kinesis *kinesis);
void kinesis_close(struct kinesis *kinesis);

enum { KINESIS_SHARDS_MAX = 4096, KINESIS_ID_TEXT = 24, KINESIS_SEQUENCE_TEXT = 64 };

/* A reference to a stream, counted: the stream's data stays valid until kinesis_release, also after
 * DeleteStream. */
struct kinesis_stream;
/* By name or ARN. NULL: there is none that can be used. */
struct kinesis_stream *kinesis_find(struct kinesis *kinesis, struct mr_slice name_or_arn);
/* Is a consumer of that ARN registered with the stream? */
bool kinesis_consumer_exists(struct kinesis_stream *stream, struct mr_slice arn);
void kinesis_release(struct kinesis *kinesis, struct kinesis_stream *stream);
struct mr_slice kinesis_stream_name(const struct kinesis_stream *stream);
struct mr_slice kinesis_stream_arn(const struct kinesis_stream *stream);
bool kinesis_stream_deleted(const struct kinesis_stream *stream);
int64_t kinesis_retention_ms(struct kinesis_stream *stream);

struct kinesis_shard_info {
    char id[KINESIS_ID_TEXT]; /* "shardId-000000000000" */
    uint32_t window;
    int64_t start;        /* first position that belongs to it */
    int64_t end;          /* INT64_MAX while open; else the position behind its last record */
    int parent, adjacent; /* index in this stream's shards, -1: none */
};
size_t kinesis_shard_count(
    const struct kinesis_stream *stream); /* closed ones included; only grows */
MR_MUST_USE enum mr_status kinesis_shard_get(const struct kinesis_stream *stream, size_t index,
                                             struct kinesis_shard_info *ret_info);

/* One record to put. */
struct kinesis_record {
    struct mr_slice partition_key; /* 1-256 characters */
    struct mr_slice data;
    struct mr_slice explicit_hash; /* decimal, checked by the caller; empty: by the partition key */
    /* results */
    size_t shard;       /* index */
    int64_t position;   /* of its op; kinesis_sequence_text makes the sequence number of it ... */
    int64_t arrival_ms; /* ... and of its entry's time */
};
/* Routes the records to their shards and commits them in ONE entry, in the given order, together
 * with the ops that `entry` already holds (a pipe's cursor). `entry` is consumed. MR_NOT_FOUND: the
 * stream is gone (nothing committed). Sizes were checked by the caller: at most 1 MiB a record
 * (data and key), 10,000 records and 30 MiB in all. */
MR_MUST_USE enum mr_status kinesis_put(struct kinesis *kinesis, struct kinesis_stream *stream,
                                       struct kinesis_record *records, size_t count,
                                       struct store_entry *entry, int64_t *ret_ticket);
/* Largest data + key of one record of this stream, in bytes. */
size_t kinesis_record_bytes_max(const struct kinesis_stream *stream);

/* Decimal text of a record's sequence number. Returns the slice over `ret`. */
struct mr_slice kinesis_sequence_text(const struct kinesis_stream *stream, size_t shard,
                                      int64_t position, int64_t arrival_ms,
                                      char ret[static KINESIS_SEQUENCE_TEXT]);

/* The position that a sequence number stands for. MR_INVALID: it is none of ours. */
MR_MUST_USE enum mr_status kinesis_sequence_position(struct mr_slice text, int64_t *ret_position);

/* Reading: use journal_next over info.window with a journal_cursor; op.key is the partition key,
 * op.value the data, op.position the position, op.time_ms the arrival. */

struct kinesis_stats {
    uint64_t records_in, bytes_in;
};
void kinesis_stats_get(const struct kinesis_stream *stream, struct kinesis_stats *ret_stats);
/* Calls fn for each stream (a reference it may not keep) in order of names. */
void kinesis_each(struct kinesis *kinesis, void (*fn)(void *ctx, struct kinesis_stream *stream),
                  void *ctx);
