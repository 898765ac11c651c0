/* s3/version.h: versions of an object: their order, their ids, the keys of those that are not
 * current. Pure.
 *
 * A version with an id of its own has a place in the order of its key's versions and 16 random
 * bytes; the id's text carries both, so an id leads to its record without a search. A key has at
 * most one version without: "null". */
#pragma once
#include "base/arena.h"

enum { S3_VERSION_RANDOM = 16, S3_VERSION_TAIL = 8 + S3_VERSION_RANDOM, S3_VERSION_TEXT = 32 };

struct s3_version {
    bool own;       /* has an id of its own; zeroed: the version "null" */
    uint64_t order; /* grows from version to version of a key; 0: from before it had versions */
    uint8_t random[S3_VERSION_RANDOM];
};

/* The id, 32 letters, digits, dots and underscores as AWS's, or "null". */
struct mr_slice s3_version_text(const struct s3_version *version,
                                char ret[static S3_VERSION_TEXT + 1]);
/* MR_INVALID: no id. The order of "null" is not known from its text. */
MR_MUST_USE enum mr_status s3_version_parse(struct mr_slice text, struct s3_version *ret_version);
bool s3_version_same(const struct s3_version *a, const struct s3_version *b);

/* ---- keys in VIEW_OBJECT: 0x04 "<bucket>" NUL "<key>" NUL, 24 bytes ---- */
/* The 24 bytes: all zero for "null", which comes first, then the newest first. */
struct mr_slice s3_version_key(struct mr_arena *arena, struct mr_slice bucket, struct mr_slice key,
                               const struct s3_version *version);
/* Of all versions of a key that are older than `order`, the smallest key they can have. */
struct mr_slice s3_version_key_below(struct mr_arena *arena, struct mr_slice bucket,
                                     struct mr_slice key, uint64_t order);
struct mr_slice s3_versions_prefix(struct mr_arena *arena, struct mr_slice bucket);
/* The object's key in such a key; `stored` begins with the prefix of its bucket. */
struct mr_slice s3_version_key_name(struct mr_slice stored, size_t prefix_len);
