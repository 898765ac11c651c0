/* view/view.h: current state, applied from the journal.
 *
 * Spaces are ranges of one sorted map, so that a flush is atomic over all of them (view.c says
 * more). The newest changes are in memory; the view remembers the journal position up to which it
 * is flushed, and opening replays the journal from there (view/store.h). Reads see every applied
 * commit, and never wait for a writer. Any thread, except where said; an iterator by one thread at
 * a time. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"

struct view;
struct view_iterator;
struct journal_op;

enum view_space {
    VIEW_META = 0, /* resource documents: "<service>/<kind>/<name>" */
    VIEW_ITEM,     /* DynamoDB items */
    VIEW_INDEX,    /* DynamoDB index entries */
    VIEW_OBJECT,   /* S3 object metadata, multipart parts */
    VIEW_CURSOR,   /* pump cursors */
    VIEW_HISTORY,  /* DynamoDB items as they were before each change */
    VIEW_SPACES
};

struct view_options {
    const char *folder;
    size_t memtable_bytes; /* the store flushes beyond it; 0: 32 MiB */
};
MR_MUST_USE enum mr_status view_open(struct view **ret_view, const struct view_options *options);
void view_close(struct view *view); /* does not flush: the journal has it all; accepts NULL */

/* Appends the value to buf. MR_OK, MR_NOT_FOUND, or < 0. */
MR_MUST_USE enum mr_status view_get(struct view *view, enum view_space space, struct mr_slice key,
                                    struct mr_buf *buf);
/* Applies PUTs and DELETEs of one entry, for readers all at once; other ops are skipped.
 * Idempotent. Memory grows by what is applied until a flush: the caller bounds it. */
void view_apply(struct view *view, const struct journal_op *ops, size_t count);
/* Position of the last flush that is on disk; 0 in a fresh view. */
int64_t view_flushed(const struct view *view);
/* Memory taken by what was applied since the last flush began. */
size_t view_unflushed_bytes(const struct view *view);
size_t view_memtable_bytes(const struct view *view); /* the option, or its default */
/* Removes every key of every space at once, remembers `position`, the end of an entry, as the place
 * where that happened, and applies that entry's ops. On MR_OK it is on the disk, and
 * view_flushed() is `position`: the journal must be durable up to there. Takes no memory. The
 * caller holds writers and flushes off. */
MR_MUST_USE enum mr_status view_clear(struct view *view, int64_t position,
                                      const struct journal_op *ops, size_t count);
int64_t view_cleared(const struct view *view); /* position of the last view_clear; 0: never */
/* Flushes all spaces at once, in two steps that alternate, both by one thread at a time. Begin:
 * what is applied is sealed together with `position`; the caller holds writers off, and has made
 * the journal durable up to `position`. End: what was sealed is written and synced; view_flushed()
 * is then `position`. It takes as long as the disk does, reads and writes go on. A failure is
 * final: the view goes on answering from memory, and a restart replays the journal. */
void view_flush_begin(struct view *view, int64_t position);
MR_MUST_USE enum mr_status view_flush_end(struct view *view);

/* What the view holds at one moment, kept readable until it is freed, before view_close. Writers do
 * not notice; what they replace meanwhile stays on disk as long. */
struct view_snapshot;
struct view_snapshot *view_snapshot_new(struct view *view);
void view_snapshot_free(struct view_snapshot *snapshot); /* accepts NULL */
/* As view_iterate, over the snapshot; freed before it. */
struct view_iterator *view_snapshot_iterate(struct view_snapshot *snapshot, enum view_space space,
                                            struct mr_slice prefix);

/* A snapshot iterator over keys with `prefix` (may be empty). Keys in byte order. Slices are valid
 * until the next move. */
struct view_iterator *view_iterate(struct view *view, enum view_space space,
                                   struct mr_slice prefix);
void view_iterator_free(struct view_iterator *iterator); /* accepts NULL */
/* Positions on the first key >= key (seek) or the last key <= key (seek_back). */
void view_iterator_seek(struct view_iterator *iterator, struct mr_slice key);
void view_iterator_seek_back(struct view_iterator *iterator, struct mr_slice key);
void view_iterator_first(struct view_iterator *iterator);
void view_iterator_last(struct view_iterator *iterator);
bool view_iterator_valid(
    const struct view_iterator *iterator); /* false also when the prefix is left */
void view_iterator_next(struct view_iterator *iterator);
void view_iterator_prev(struct view_iterator *iterator);
/* MR_OK, or the failure that ended the iteration early: ask when valid turned false. */
MR_MUST_USE enum mr_status view_iterator_status(const struct view_iterator *iterator);
struct mr_slice view_iterator_key(const struct view_iterator *iterator);
struct mr_slice view_iterator_value(const struct view_iterator *iterator);
