/* view/store.h: journal and view as one: commit an entry, read state, recover. What services use.
 *
 * A commit appends one entry to the journal and applies it to the view under a shared lock, so that
 * a flush (exclusive lock) always stands at a position below which everything is applied. Callers
 * order their own commits: whoever reads, decides and commits holds the lock of what it decides
 * about (a lane, a shard, a service's mutex) across both.
 *
 * Durable: not yet when store_commit returns; when store_wait(ticket) returns MR_OK or
 * journal_durable() >= ticket. A reply carries the ticket and leaves when it is durable. A failed
 * fsync is final: commits return MR_FAIL_IO. */
#pragma once
#include "base/arena.h"
#include "base/clock.h"
#include "journal/journal.h"
#include "view/view.h"

struct store;
struct store_options {
    const char *folder; /* data folder; holds journal/, view/, objects/... ; locked against a second
                           process */
    struct mr_clock clock;
    size_t memtable_bytes;  /* 0: the view's default */
    uint64_t segment_bytes; /* of the journal; 0: the default */
};
/* MR_EXISTS: another process has the folder. Replays what the view lacks. */
MR_MUST_USE enum mr_status store_open(struct store **ret_store,
                                      const struct store_options *options);
void store_close(struct store *store); /* makes all durable, flushes the view */

struct journal *store_journal(struct store *store);
struct view *store_view(struct store *store);
const char *store_folder(const struct store *store);
/* Makes a folder of the data folder, where it is not there yet, in a way that lasts. */
MR_MUST_USE enum mr_status store_folder_make(const struct store *store, const char *name);
int64_t store_now(const struct store *store); /* the clock */

/* Who wants to know that the durable position moved (syncer thread; must not block). At most 8;
 * before threads start. */
void store_on_durable(struct store *store, void (*fn)(void *ctx, int64_t position), void *ctx);
/* Who knows for how long it is worth while to let a group of commits grow: journal_options.gather.
 * At most one. */
void store_on_gather(struct store *store, void (*fn)(void *ctx, int64_t us), void *ctx);
/* Who wants to know that a window can be read further (syncer thread; must not block). At most 8.
 */
void store_on_window(struct store *store, void (*fn)(void *ctx, uint32_t window), void *ctx);

/* Who wants to know that nothing can be committed any more (syncer or flusher thread; may end the
 * process). At most one; when it has happened already, called at once. */
void store_on_failure(struct store *store, void (*fn)(void *ctx), void *ctx);

/* An entry in the making. Slices are borrowed until the commit. A zeroed struct with `arena` set is
 * empty. */
struct store_entry {
    struct mr_arena *arena; /* ops grow here */
    struct journal_op *ops;
    size_t count, capacity;
    /* Whoever commits it waits for it soon: until then nothing is synced on its account. */
    bool waits;
};
struct store_entry store_entry_make(struct mr_arena *arena);
/* Each returns the op, valid until the next add, so that callers may set window, old, meta. */
struct journal_op *store_entry_put(struct store_entry *entry, enum view_space space,
                                   struct mr_slice key, struct mr_slice value);
struct journal_op *store_entry_delete(struct store_entry *entry, enum view_space space,
                                      struct mr_slice key);
struct journal_op *store_entry_append(struct store_entry *entry, uint32_t window,
                                      struct mr_slice key, struct mr_slice value);
/* A remark in the entry: no state, read by audits alone (src/verify). */
struct journal_op *store_entry_note(struct store_entry *entry, struct mr_slice key,
                                    struct mr_slice value);
/* Commits; op positions are set in entry->ops. An empty entry gives the present tail as ticket.
 * MR_FULL: the entry has more than 32 MiB; nothing changed. */
MR_MUST_USE enum mr_status store_commit(struct store *store, struct store_entry *entry,
                                        int64_t *ret_ticket);
/* Commit, then wait until it is durable. */
MR_MUST_USE enum mr_status store_commit_wait(struct store *store, struct store_entry *entry);
MR_MUST_USE enum mr_status store_wait(struct store *store, int64_t ticket);
/* The same, but for grace_us microseconds it is left to others to begin the sync. */
MR_MUST_USE enum mr_status store_wait_after(struct store *store, int64_t ticket, int64_t grace_us);

/* A fresh window id (the counter is kept in VIEW_META; the id is durable with the entry that the op
 * joins). */
uint32_t store_window_new(struct store *store, struct store_entry *entry);

/* Documents: JSON texts of resources in VIEW_META under "<service>/<kind>/<name>". */
struct mr_slice store_doc_key(struct mr_arena *arena, const char *service, const char *kind,
                              struct mr_slice name);
void store_doc_put(struct store_entry *entry, const char *service, const char *kind,
                   struct mr_slice name, struct mr_slice json);
void store_doc_delete(struct store_entry *entry, const char *service, const char *kind,
                      struct mr_slice name);
/* The text, copied into the arena: MR_OK, MR_NOT_FOUND, < 0. */
MR_MUST_USE enum mr_status store_doc_get(struct store *store, struct mr_arena *arena,
                                         const char *service, const char *kind,
                                         struct mr_slice name, struct mr_slice *ret_json);
/* The same of a view's snapshot. */
MR_MUST_USE enum mr_status store_doc_get_at(struct view_snapshot *snapshot, struct mr_arena *arena,
                                            const char *service, const char *kind,
                                            struct mr_slice name, struct mr_slice *ret_json);
/* Calls fn for each document of a kind in byte order of names, until fn returns other than MR_OK
 * (MR_END stops quietly). */
MR_MUST_USE enum mr_status store_doc_each(
    struct store *store, const char *service, const char *kind, struct mr_slice name_prefix,
    enum mr_status (*fn)(void *ctx, struct mr_slice name, struct mr_slice json), void *ctx);

/* Cursors: 8-byte positions in VIEW_CURSOR. */
void store_cursor_put(struct store_entry *entry, struct mr_slice name, int64_t position);
MR_MUST_USE enum mr_status store_cursor_get(struct store *store, struct mr_slice name,
                                            int64_t *ret_position);

/* ---- retention ----
 * The journal keeps every position from the lowest floor on. A floor is the oldest position that
 * its owner still needs to read: INT64_MAX when it needs none. Whole segments below all floors, and
 * below what the view has flushed, go when store_retain is called (main's maintenance, every
 * minute).
 *
 * Who needs the past registers a function that tells its floor. It is called on a worker, under a
 * lock of this folder alone: it may take its owner's locks and read the store, and must neither
 * register nor unregister, nor be slow. What it tells may be answered from state that is applied
 * and not yet durable; store_retain waits for that before it drops anything. A floor rises as its
 * owner moves on; who begins to need positions begins at or above the lowest floor of that moment,
 * or, when nobody needs any, at or above the journal's tail; or else finds them gone (MR_NOT_FOUND
 * of journal_next), as a reader does who comes too late. */
enum {
    /* A cursor that does not move holds the journal for so long, and no longer. */
    STORE_CURSOR_HELD_MS = 7 * 24 * 3600 * 1000,
};
/* `name` tells whoever looks at the status page who holds the journal; it must live as long. */
void store_floor_register(struct store *store, const char *name, int64_t (*fn)(void *ctx),
                          void *ctx);
/* Afterwards no function registered with this ctx is called any more. */
void store_floor_unregister(struct store *store, const void *ctx);
/* The lowest floor now and who told it; "view" for what is not flushed, where nobody else needs the
 * oldest segment. INT64_MAX, "": nobody. */
int64_t store_floor_lowest(struct store *store, const char **ret_name);
/* A floor for owners of cursors: the oldest stored position among those whose name begins with
 * `prefix`, at most STORE_CURSOR_HELD_MS old. INT64_MAX: there is none, or all are at their end
 * (INT64_MAX is what they hold). */
int64_t store_cursor_floor(struct store *store, struct mr_slice prefix);
/* Drops what nobody needs. Blocks for a flush and a sync: not on an I/O loop. */
MR_MUST_USE enum mr_status store_retain(struct store *store);

/* The view as it is when everything before *ret_position is applied and nothing behind it; the
 * caller frees it. Commits wait for a moment. */
struct view_snapshot *store_snapshot(struct store *store, int64_t *ret_position);

/* Removes every document, item, object and cursor (testing only): the caller has stopped everything
 * else. */
MR_MUST_USE enum mr_status store_reset(struct store *store);
/* Flushes the view when its memtables are large; called by a maintenance pump and by store_commit
 * itself. */
MR_MUST_USE enum mr_status store_flush(struct store *store, bool wait);
