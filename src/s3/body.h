/* s3/body.h: where objects' bodies are.
 *
 * A body of more than S3_SMALL_BYTES_MAX is a file, <data>/objects/<2 hex>/<30 hex>, named by a
 * random id of ours; nothing of a user's key is ever part of a file's name. It is written, then
 * synced (file and folder), and only then may a record name it. It is dropped through s3_body_drop,
 * which unlinks it once the entry that ended its use is durable; whoever has it open reads on.
 *
 * A smaller one is a value in the view under that id, put and deleted by the very entries that put
 * and delete the record that names it.
 *
 * Every id carries the tag of the run that made it, so that the collector of files that no record
 * names (a crash between sync and commit leaves them) can tell this run's from earlier ones.
 *
 * Threads: any. A writer belongs to one thread at a time. */
#pragma once
#include "base/rng.h"
#include "s3/meta.h"
#include "s3/seal.h"
#include "view/store.h"

struct s3_bodies;
MR_MUST_USE enum mr_status s3_bodies_open(struct s3_bodies **ret_bodies, struct store *store,
                                          struct mr_rng *rng);
void s3_bodies_close(struct s3_bodies *bodies); /* accepts NULL */

enum { S3_SMALL_BYTES_MAX = 16 << 10 };

/* A whole body that no record names yet. */
struct s3_body {
    enum s3_place place;
    struct s3_id id;
    uint64_t size;
    struct mr_slice bytes; /* in the view: what the entry has to put */
};
/* A body of the caller's bytes, at most S3_SMALL_BYTES_MAX of them. */
struct s3_body s3_body_small(struct s3_bodies *bodies, struct mr_slice bytes);
void s3_meta_set_body(struct s3_meta *meta, const struct s3_body *body);
/* No record will name it. */
void s3_body_discard(struct s3_bodies *bodies, const struct s3_body *body);

struct s3_writer {
    struct s3_bodies *bodies;
    struct mr_arena *arena;
    struct s3_id id;
    uint64_t size;
    int fd;                   /* -1 while all is in `small` */
    char *small;              /* in the arena */
    struct s3_cipher *cipher; /* the caller's, set after open: what is appended is encrypted */
};
/* Small bytes are kept in the arena. */
void s3_writer_open(struct s3_bodies *bodies, struct mr_arena *arena, struct s3_writer *writer);
/* May create the file; short enough for an I/O loop. */
MR_MUST_USE enum mr_status s3_writer_append(struct s3_writer *writer, struct mr_slice bytes);
/* Makes it durable, unless the entry will, and closes it; a failure removes it. */
MR_MUST_USE enum mr_status s3_writer_finish(struct s3_writer *writer, struct s3_body *ret_body);
/* Closes and removes it; harmless when it was finished. */
void s3_writer_abandon(struct s3_writer *writer);

/* ---- reading ---- */
struct s3_source {
    int fd;                /* -1: `bytes` has it all */
    struct mr_slice bytes; /* in the arena */
    /* Set by whoever has the key of a body that is encrypted: copies are of what it hides. */
    const struct s3_customer_key *key;
    struct mr_slice seal;
};
/* The body that the record names. MR_NOT_FOUND: it was dropped meanwhile (read the record again).
 */
MR_MUST_USE enum mr_status s3_source_open(struct s3_bodies *bodies, struct mr_arena *arena,
                                          const struct s3_meta *meta, struct s3_source *ret_source);
void s3_source_close(struct s3_source *source);
/* Appends `len` bytes from `offset`, in the kernel where it can; into `digest` too when it is not
 * NULL. */
MR_MUST_USE enum mr_status s3_source_copy(const struct s3_source *source, uint64_t offset,
                                          uint64_t len, struct s3_writer *writer,
                                          struct s3_digest *digest);

/* ---- the ops that go with a record ---- */
/* Adds what a new body needs. */
void s3_entry_body(struct store_entry *entry, const struct s3_body *body);
/* Adds what ends the old record's body; s3_body_drop follows when the entry is committed. */
void s3_entry_drop(struct store_entry *entry, const struct s3_meta *old);
/* Queues the file, if any, that the entry with `ticket` made useless. */
void s3_body_drop(struct s3_bodies *bodies, const struct s3_meta *old, int64_t ticket);
/* Unlinks what is queued, waiting until it may. False: nothing was queued. A worker. */
bool s3_bodies_sweep(struct s3_bodies *bodies);
/* Called when the queue gets its first entry. Set before any thread uses the bodies. */
void s3_bodies_on_drop(struct s3_bodies *bodies, void (*fn)(void *ctx), void *ctx);

/* While there are pins nothing is unlinked. */
void s3_bodies_pin(struct s3_bodies *bodies);
void s3_bodies_unpin(struct s3_bodies *bodies);
bool s3_bodies_pinned(struct s3_bodies *bodies);

void s3_file_remove(struct s3_bodies *bodies, const struct s3_id *id);
/* Ids of files that earlier runs made, at most `max` from one or several folders from *folder on;
 * sets *folder to where to go on (256: all seen). Returns how many. When one folder alone holds
 * more than `max`, the rest waits for a later call of the whole walk. */
size_t s3_bodies_old(struct s3_bodies *bodies, unsigned *folder, struct s3_id *ids, size_t max);
