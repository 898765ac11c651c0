/* s3/s3.h: buckets and objects. The wire handlers are in ops_*.c; other services use the functions
 * below.
 *
 * An object's body is a file <data>/objects/<2 hex>/<id>, named by an id of ours and never by the
 * user's key, or, up to 16 KiB, a value beside its record; the record is in VIEW_OBJECT under
 * "<bucket>\0<key>". A file is written and fsynced first (stage); one journal entry then makes it
 * the object (commit), and a small body is part of that entry. Until then nothing is visible. A
 * replaced or deleted body is unlinked after the entry that dropped it is durable and nobody has it
 * open.
 *
 * Threads: all functions may be called from any worker; they may block on disk. */
#pragma once
#include "base/meters.h"
#include "base/rng.h"
#include "protocol/protocol.h"
#include "runtime/runtime.h"
#include "view/store.h"

struct s3;
struct s3_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct meters *meters; /* NULL: nothing is measured */
};
MR_MUST_USE enum mr_status s3_open(struct s3 **ret_s3, const struct s3_options *options);
void s3_register(struct s3 *s3, struct protocol *protocol);
void s3_close(struct s3 *s3);

bool s3_bucket_exists(struct s3 *s3, struct mr_slice bucket);

/* What S3 tells of an object that a client's key encrypts, to whoever comes without. */
#define S3_SEALED_TEXT                                                                      \
    "The object was stored using a form of Server Side Encryption. The correct parameters " \
    "must be provided to retrieve the object."

struct s3_body_name { /* of a body, for s3_snapshot_read */
    unsigned char id[16];
    bool small;
    bool sealed; /* encrypted with a key of a client's: nobody else can read it */
};
struct s3_object {
    struct mr_slice key;
    uint64_t size;
    int64_t modified_ms;
    struct mr_slice etag;     /* without quotes */
    struct s3_body_name body; /* of a listing by snapshot */
};
/* Objects whose keys begin with `prefix`, in byte order of keys, as of one moment. fn: MR_OK goes
 * on, MR_END stops quietly, others are returned. MR_NOT_FOUND: no such bucket. */
MR_MUST_USE enum mr_status s3_list(struct s3 *s3, struct mr_slice bucket, struct mr_slice prefix,
                                   enum mr_status (*fn)(void *ctx, const struct s3_object *object),
                                   void *ctx);
/* A read-only descriptor of the body at position 0; the caller closes it. It stays readable when
 * the object is replaced. MR_NOT_FOUND also for what is archived and not restored. MR_INVALID: it
 * is encrypted with a key of a client's. */
MR_MUST_USE enum mr_status s3_open_object(struct s3 *s3, struct mr_slice bucket,
                                          struct mr_slice key, int *ret_fd, uint64_t *ret_size);
/* Stores a whole object; durable when it returns. MR_NOT_FOUND: no such bucket. */
MR_MUST_USE enum mr_status s3_put(struct s3 *s3, struct mr_slice bucket, struct mr_slice key,
                                  struct mr_slice content_type, struct mr_slice body);
enum { S3_PUT_ETAG = 33 }; /* 32 digits and a NUL */
struct s3_put_options;
/* ret_etag: S3_PUT_ETAG bytes, or NULL. */
MR_MUST_USE enum mr_status s3_put_as(struct s3 *s3, const struct s3_put_options *options,
                                     struct mr_slice body, char *ret_etag);
/* MR_OK also when it was not there. Durable when it returns. */
MR_MUST_USE enum mr_status s3_delete(struct s3 *s3, struct mr_slice bucket, struct mr_slice key);

/* ---- what stood in all buckets at one moment ----
 * Readers see it whatever is put or deleted meanwhile; bodies in files that are replaced stay on
 * disk until the last snapshot is closed. */
struct s3_snapshot;
struct s3_snapshot *s3_snapshot_open(struct s3 *s3);
void s3_snapshot_close(struct s3_snapshot *snapshot); /* after its readers; accepts NULL */
/* All else that was there at that moment. */
struct view_snapshot *s3_snapshot_view(struct s3_snapshot *snapshot);
/* As s3_list; any thread. AWS: queries pass over what is archived and not restored; so does this.
 */
MR_MUST_USE enum mr_status s3_snapshot_list(
    struct s3_snapshot *snapshot, struct mr_slice bucket, struct mr_slice prefix,
    enum mr_status (*fn)(void *ctx, const struct s3_object *object), void *ctx);
struct s3_snapshot_reader; /* of one thread */
struct s3_snapshot_reader *s3_snapshot_reader_new(struct s3_snapshot *snapshot);
void s3_snapshot_reader_free(struct s3_snapshot_reader *reader); /* accepts NULL */
/* The body of an object that the snapshot listed (size and body are looked at): a descriptor, which
 * the caller closes, or, when that is -1, its bytes, valid until the reader's next call.
 * MR_INVALID: it is encrypted with a key of a client's. */
MR_MUST_USE enum mr_status s3_snapshot_read(struct s3_snapshot_reader *reader,
                                            const struct s3_object *object, int *ret_fd,
                                            struct mr_slice *ret_bytes);

/* ---- two steps, for deliveries that commit an object together with their cursors ---- */
struct s3_staged; /* a body on disk that no object names yet */
struct s3_put_options {
    struct mr_slice bucket, key, content_type, content_encoding; /* the last may be empty */
    struct mr_slice acl;     /* a JSON array of grants; empty: the owner has all */
    struct mr_slice kms_key; /* of KMS, an ARN; empty: encrypted by the bucket's default */
};
struct s3_owner {
    struct mr_slice region, account;
};
/* AWS: a key is told by its ARN, however it was named; empty: the key that AWS manages itself. */
struct mr_slice s3_kms_arn(struct mr_arena *arena, struct s3_owner owner, struct mr_slice key);
/* Writes and fsyncs the body (and its folder), or keeps a copy of a small one. MR_NOT_FOUND: no
 * such bucket. */
MR_MUST_USE enum mr_status s3_stage(struct s3 *s3, const struct s3_put_options *options,
                                    struct mr_slice body, struct s3_staged **ret_staged);
/* Adds the ops that make the staged body the object to the caller's entry; the caller commits it,
 * then calls s3_staged_done with whether the commit succeeded. MR_NOT_FOUND: the bucket has gone
 * meanwhile (nothing added); s3_staged_done still has to be called. Between the two calls, which
 * are made by one thread, the object's lock is held: call store_commit there and wait for the
 * ticket afterwards. Several objects may join one entry. */
MR_MUST_USE enum mr_status s3_commit_staged(struct s3 *s3, struct s3_staged *staged,
                                            struct store_entry *entry);
/* Frees it; removes the body when it was not committed. */
void s3_staged_done(struct s3 *s3, struct s3_staged *staged, bool committed);

/* ---- notifications: whoever knows functions is told, once it is there ---- */
struct s3_notify_options {
    bool (*exists)(void *ctx, struct mr_slice function_arn);
    /* Takes the event for the function, to be tried until it succeeds or is given up there.
     * MR_AGAIN: not now. MR_NOT_FOUND: no such function. On a worker. */
    enum mr_status (*invoke)(void *ctx, struct mr_slice function_arn, struct mr_slice event);
    void *ctx;
};
void s3_notify_start(struct s3 *s3, const struct s3_notify_options *options);
/* Before whoever is told goes. Accepts NULL. */
void s3_notify_stop(struct s3 *s3);

struct s3_stats {
    uint64_t puts, gets, deletes, bytes_in, bytes_out;
};
void s3_stats_get(struct s3 *s3, struct s3_stats *ret_stats);
