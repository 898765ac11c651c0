/* s3/body.h: the files that hold objects' bodies: <data>/objects/<2 hex>/<30 hex>, named by random
 * ids of ours. Nothing of a user's key is ever part of a file's name.
 *
 * A body is written, then synced (file and folder), and only then may a record name it. It is
 * dropped through s3_body_drop, which unlinks it once the entry that ended its use is durable;
 * whoever has it open reads on.
 *
 * Every id carries the tag of the run that made it, so that the collector of bodies that no record
 * names (a crash between sync and commit leaves them) can tell this run's from earlier ones.
 *
 * Threads: any. A writer belongs to one thread at a time. */
#pragma once
#include "base/rng.h"
#include "s3/meta.h"
#include "view/store.h"

struct s3_bodies;
MR_MUST_USE enum mr_status s3_bodies_open(struct s3_bodies **ret_bodies, struct store *store,
                                          struct mr_rng *rng);
void s3_bodies_close(struct s3_bodies *bodies); /* accepts NULL */

struct s3_writer {
    int fd; /* -1: not open */
    struct s3_id id;
    uint64_t size;
};
/* Creates the file. Short: it may run on an I/O loop. */
MR_MUST_USE enum mr_status s3_writer_open(struct s3_bodies *bodies, struct s3_writer *writer);
MR_MUST_USE enum mr_status s3_writer_append(struct s3_writer *writer, struct mr_slice bytes);
/* Appends `len` bytes of fd from `offset`, in the kernel where it can. */
MR_MUST_USE enum mr_status s3_writer_copy(struct s3_writer *writer, int fd, uint64_t offset,
                                          uint64_t len);
/* Makes it durable and closes it; a failure removes it. */
MR_MUST_USE enum mr_status s3_writer_finish(struct s3_bodies *bodies, struct s3_writer *writer);
/* Closes and removes it; harmless when it is not open. */
void s3_writer_abandon(struct s3_bodies *bodies, struct s3_writer *writer);

/* A read-only descriptor. MR_NOT_FOUND: the body was dropped meanwhile (read the record again). */
MR_MUST_USE enum mr_status s3_body_open(struct s3_bodies *bodies, const struct s3_id *id,
                                        int *ret_fd);
/* A body that no record ever named: gone at once. */
void s3_body_remove(struct s3_bodies *bodies, const struct s3_id *id);
/* Queues a body that the entry with `ticket` made useless. */
void s3_body_drop(struct s3_bodies *bodies, const struct s3_id *id, int64_t ticket);
/* Unlinks what is queued, waiting until it may. False: nothing was queued. A worker. */
bool s3_bodies_sweep(struct s3_bodies *bodies);
/* Called when the queue gets its first entry. Set before any thread uses the bodies. */
void s3_bodies_on_drop(struct s3_bodies *bodies, void (*fn)(void *ctx), void *ctx);

/* Ids of bodies that earlier runs made, at most `max` from one or several folders from *folder on;
 * sets *folder to where to go on (256: all seen). Returns how many. When one folder alone holds
 * more than `max`, the rest waits for a later call of the whole walk. */
size_t s3_bodies_old(struct s3_bodies *bodies, unsigned *folder, struct s3_id *ids, size_t max);
/* This run's bodies become "old" as well: after a reset of the store. */
void s3_bodies_new_run(struct s3_bodies *bodies);
