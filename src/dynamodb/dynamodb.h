/* dynamodb/dynamodb.h: tables of items, and the operations of the DynamoDB API.
 *
 * A table is a set of lanes (partitions), chosen by a hash of the partition key. A lane has one
 * lock, under which a write reads the old item, evaluates its condition and commits one journal
 * entry: the item, its index entries and its stream record are that one entry. See README.md for
 * keys and states.
 *
 * Threads: everything may be called from any thread. Durability: a reply leaves when what it wrote
 * or read is durable. */
#pragma once
#include "base/meters.h"
#include "base/json.h"
#include "base/rng.h"
#include "view/hop.h"
#include "view/store.h"

struct dynamodb;
struct protocol;
struct runtime;
struct s3;
struct streams;
struct kinesis;

struct dynamodb_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct meters *meters; /* NULL: nothing is measured */
    struct streams *streams;
    struct kinesis *kinesis;
    struct s3 *s3; /* for exports and imports */
    /* Where imports tell of rows that are no items; may be NULL. */
    void (*log)(void *ctx, struct mr_slice group, struct mr_slice stream, int64_t time_ms,
                struct mr_slice text);
    void *log_ctx;
    bool testing;
};
/* Loads the tables; goes on with deletions that were under way. */
MR_MUST_USE enum mr_status dynamodb_open(struct dynamodb **ret_dynamodb,
                                         const struct dynamodb_options *options);
void dynamodb_register(struct dynamodb *dynamodb, struct protocol *protocol);
void dynamodb_close(struct dynamodb *dynamodb); /* accepts NULL; no operation may run any more */

/* For `status`: an object for each table, by name, into the array that is open: name, state,
 * changes, changes by kind, view type, last error. Changes count since the start of the process. */
void dynamodb_status(struct dynamodb *dynamodb, struct mr_json *json);
/* The same for each Kinesis streaming destination: name (the table's), stream, state, records. */
void dynamodb_destinations_status(struct dynamodb *dynamodb, struct mr_json *json);
/* The Kinesis streaming destinations that carry changes. */
void dynamodb_hops(struct dynamodb *dynamodb, struct hop_list *list);
