/* firehose/prefix.h: the folder part of object keys, with its expressions.
 *
 * !{timestamp:pattern} (pattern.h), !{firehose:random-string}, !{firehose:error-output-type} in
 * error prefixes, !{partitionKeyFromQuery:k} and !{partitionKeyFromLambda:k} with dynamic
 * partitioning. AWS: a prefix without any expression gets yyyy/MM/dd/HH/ appended, without a slash
 * in between; any expression switches that off. Pure, but for the random strings. */
#pragma once
#include "base/buf.h"
#include "base/rng.h"
#include "firehose/zone.h"

enum { PREFIX_EVALUATED_MAX = 512 };
enum prefix_kind { PREFIX_DATA, PREFIX_PARTITIONED, PREFIX_ERROR };
enum prefix_space { PREFIX_FROM_QUERY, PREFIX_FROM_LAMBDA, PREFIX_SPACES };

/* Values of partition keys, by name: as partition_keys_add writes them. */
void partition_keys_add(struct mr_buf *keys, enum prefix_space space, struct mr_slice name,
                        struct mr_slice value);
/* Empty when it is not among them. */
struct mr_slice partition_keys_get(struct mr_slice keys, enum prefix_space space,
                                   struct mr_slice name);

struct prefix_values {
    int64_t time_ms;
    const struct zone *zone;    /* NULL: UTC */
    struct mr_slice error_type; /* empty in a data prefix */
    struct mr_slice keys;       /* partition keys; may be empty */
    struct mr_rng *rng;
};
bool prefix_has_expression(struct mr_slice prefix);
/* Does it use partition keys of that kind? */
bool prefix_has_space(struct mr_slice prefix, enum prefix_space space);
/* Calls fn for each use of a partition key, until it returns false; returns what it did. */
bool prefix_each_key(struct mr_slice prefix,
                     bool (*fn)(void *ctx, enum prefix_space space, struct mr_slice name),
                     void *ctx);
/* MR_INVALID: `message` says what is wrong, in AWS's words. */
MR_MUST_USE enum mr_status prefix_check(struct mr_slice prefix, enum prefix_kind kind,
                                        const struct zone *zone, char message[static 512]);
/* The folder part of a key, with yyyy/MM/dd/HH/ where AWS adds it. */
void prefix_write(struct mr_buf *buf, struct mr_slice prefix, const struct prefix_values *values);
/* The folder part of an error object's key: by the error prefix, or, when there is none, below the
 * data prefix. */
void prefix_write_error(struct mr_buf *buf, struct mr_slice error_prefix, struct mr_slice prefix,
                        const struct prefix_values *values);
