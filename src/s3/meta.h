/* s3/meta.h: what is stored about an object, an upload in progress or a part of one, and the keys
 * it is stored under in VIEW_OBJECT. The stored form heads meta.c. Pure. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "s3/digest.h"
#include "s3/version.h"

enum { S3_ID_BYTES = 16, S3_ETAG_TEXT = 48, S3_UPLOAD_ID_TEXT = 32 };

struct s3_id { /* names a body file */
    uint8_t bytes[S3_ID_BYTES];
};

/* Headers that are stored and given back as they came. */
enum s3_header {
    S3_CONTENT_TYPE,
    S3_CONTENT_ENCODING,
    S3_CONTENT_DISPOSITION,
    S3_CONTENT_LANGUAGE,
    S3_CACHE_CONTROL,
    S3_EXPIRES,
    S3_REDIRECT,
    S3_STORAGE_CLASS, /* empty: STANDARD */
    S3_HEADERS
};

/* Where a body is. Small ones are kept in the view, beside their record: they are durable with the
 * entry itself, one fsync for many, where a file of its own costs two. */
enum s3_place { S3_NO_BODY /* an upload */, S3_IN_FILE, S3_IN_VIEW };

/* How an object is said to be encrypted: stored and given back. */
enum s3_sse { S3_SSE_AES256, S3_SSE_KMS, S3_SSE_DSSE };
enum s3_hold { S3_NEVER_HELD, S3_NOT_HELD, S3_HELD };
enum s3_retention { S3_NOT_RETAINED, S3_GOVERNANCE, S3_COMPLIANCE };
/* Where a version stands that a replication rule is about; S3_REPLICA: it came from elsewhere. */
enum s3_replication {
    S3_NOT_REPLICATED,
    S3_REPLICATION_PENDING,
    S3_REPLICATION_COMPLETED,
    S3_REPLICATION_FAILED,
    S3_REPLICA
};

struct s3_meta {
    enum s3_place place;
    struct s3_id body;
    uint64_t size;
    int64_t modified_ms;
    uint8_t md5[S3_MD5_BYTES]; /* the ETag */
    uint32_t part_count;       /* 0: not made of parts */
    bool composite;            /* the sum is one over the parts' sums */
    bool marker;               /* a delete marker: a version without a body; of an upload: an
                                  object of its key was deleted since it began */
    struct s3_version version; /* zeroed in a bucket that never kept versions */
    struct s3_sum sum;         /* of an upload: the algorithm alone */
    enum s3_retention retention;
    int64_t retain_until_ms; /* when it is retained */
    enum s3_hold hold;
    enum s3_sse sse;
    enum s3_replication replication;
    bool bucket_key;           /* with S3_SSE_KMS */
    struct mr_slice kms_key;   /* an ARN; not with S3_SSE_AES256 */
    int64_t restored_until_ms; /* of an archive class: when it stops to be readable; 0: never was */
    struct mr_slice headers[S3_HEADERS];
    struct mr_slice user;  /* pairs: metadata; names in lower case */
    struct mr_slice tags;  /* pairs */
    struct mr_slice acl;   /* a JSON array of grants; empty: the owner has all */
    struct mr_slice seal;  /* of a body encrypted by a client's key (s3/seal.h); empty: it is not */
    struct mr_slice parts; /* of a finished upload: struct s3_parts reads it */
};

void s3_meta_encode(struct mr_buf *buf, const struct s3_meta *meta);
/* Slices point into `value`. MR_FAIL_DATA (raised): not of our making. */
MR_MUST_USE enum mr_status s3_meta_decode(struct mr_slice value, struct s3_meta *ret_meta);
/* Hex MD5, with "-<parts>" when it is made of parts; no quotes. */
struct mr_slice s3_meta_etag(const struct s3_meta *meta, char ret[static S3_ETAG_TEXT]);

/* Is it in a class whose objects have to be restored before they are read? */
bool s3_meta_is_archive(const struct s3_meta *meta);
bool s3_meta_is_readable(const struct s3_meta *meta, int64_t now_ms);

/* ---- pairs: name and value, one after the other ---- */
void s3_pairs_add(struct mr_buf *pairs, struct mr_slice name, struct mr_slice value);
/* False at the end. `*rest` starts as the whole. */
bool s3_pairs_next(struct mr_slice *rest, struct mr_slice *ret_name, struct mr_slice *ret_value);

/* ---- the parts of a finished upload, in order ---- */
struct s3_part {
    uint32_t number; /* as the client numbered it */
    uint64_t size;
    struct s3_sum sum;
};
void s3_parts_add(struct mr_buf *parts, const struct s3_part *part);
bool s3_parts_next(struct mr_slice *rest, struct s3_part *ret_part);

/* ---- keys ---- */
struct mr_slice s3_object_key(struct mr_arena *arena, struct mr_slice bucket, struct mr_slice key);
/* Everything in a bucket: the prefix of its objects' keys. */
struct mr_slice s3_bucket_prefix(struct mr_arena *arena, struct mr_slice bucket);
struct mr_slice s3_upload_key(struct mr_arena *arena, struct mr_slice bucket, struct mr_slice key,
                              struct mr_slice upload_id);
struct mr_slice s3_uploads_prefix(struct mr_arena *arena, struct mr_slice bucket);
/* Takes the key of an upload apart; `stored` begins with `prefix`. */
void s3_upload_key_split(struct mr_slice stored, struct mr_slice prefix, struct mr_slice *ret_key,
                         struct mr_slice *ret_upload_id);
struct mr_slice s3_part_key(struct mr_arena *arena, struct mr_slice upload_id, uint32_t number);
struct mr_slice s3_body_key(struct mr_arena *arena, const struct s3_id *id);
bool s3_is_body_key(struct mr_slice stored);
struct mr_slice s3_parts_prefix(struct mr_arena *arena, struct mr_slice upload_id);
uint32_t s3_part_key_number(struct mr_slice stored);
