/* What items were: the history that point-in-time recovery needs.
 *
 *   VIEW_HISTORY   history number u32 | key of VIEW_ITEM behind its table number | stamp u64
 *                  -> the item before the change with that stamp; empty: there was none
 *
 * Big-endian. A version is part of the entry of its change, so it is there exactly when the change
 * is. A stamp is the commit's time in milliseconds, shifted by STAMP_BITS, and a count within the
 * millisecond: no two commits have the same, and under a lane they rise. All changes of one entry
 * have one stamp, so a transaction is never seen by half.
 *
 * Why undo and not images with the journal behind them: a state of any millisecond costs one walk
 * over the table and its history, whatever happened since; nothing has to be copied in advance, and
 * the journal, which all tables, streams and shards share, need not be kept for 35 days because one
 * table wants to be restorable. The price is one more key a write, paid by tables that ask for it.
 *
 * Each time that recovery is enabled the history begins under a new number (window ids and table
 * numbers come from the same counter), so what lay under the old one can go in the background
 * (drop.c). What is older than the recovery period goes slice by slice, in the pump below. */
#include "dynamodb/recovery.h"
#include "base/point.h"
#include "base/log.h"
#include "runtime/runtime.h"
#include <stdlib.h>

enum { SLICE_VERSIONS = 2000, EVERY_MS = 3600000, STAMP_BYTES = 8 };

/* ---- stamps ---- */

uint64_t dynamodb_stamp_of(int64_t time_ms)
{
    if (time_ms <= 0)
        return 0;
    return time_ms >= INT64_MAX >> DYNAMODB_STAMP_BITS ? dynamodb_now - 1
                                                       : (uint64_t)time_ms << DYNAMODB_STAMP_BITS;
}

uint64_t dynamodb_stamp_next(struct dynamodb *dynamodb)
{
    _Atomic uint64_t *last = &dynamodb->recovery->stamp;
    uint64_t now = dynamodb_stamp_of(store_now(dynamodb->store)), seen = atomic_load(last), next;
    do
        next = now > seen ? now : seen + 1;
    while (!atomic_compare_exchange_weak(last, &seen, next));
    return next;
}

/* ---- writing ---- */

static void write_stamp(char *to, uint64_t stamp)
{
    for (size_t i = 0; i < STAMP_BYTES; i++)
        to[i] = (char)(stamp >> (56 - 8 * i));
}

static uint64_t read_stamp(struct mr_slice key)
{
    uint64_t stamp = 0;
    for (size_t i = key.len - STAMP_BYTES; i < key.len; i++)
        stamp = stamp << 8 | (uint8_t)key.ptr[i];
    return stamp;
}

void dynamodb_history_add(uint32_t number, struct mr_slice key, struct mr_slice old,
                          struct store_entry *entry)
{
    char *name = mr_arena_alloc(entry->arena, key.len + STAMP_BYTES);
    memcpy(name, key.ptr, key.len);
    for (int i = 0; i < 4; i++)
        name[i] = (char)(number >> (24 - 8 * i));
    write_stamp(name + key.len, 0); /* known when it is committed */
    if (old.ptr == NULL)
        old = MR_S("");
    store_entry_put(entry, VIEW_HISTORY, mr_slice_make(name, key.len + STAMP_BYTES), old);
}

enum mr_status dynamodb_commit_locked(struct dynamodb *dynamodb, struct store_entry *entry,
                                      int64_t *ret_ticket)
{
    uint64_t stamp = 0;
    for (size_t i = 0; i < entry->count; i++) {
        struct journal_op *op = &entry->ops[i];
        if (op->space != VIEW_HISTORY || op->kind != JOURNAL_PUT)
            continue;
        if (stamp == 0)
            stamp = dynamodb_stamp_next(dynamodb);
        /* made by dynamodb_history_add, in this entry's arena */
        write_stamp((char *)(uintptr_t)op->key.ptr + op->key.len - STAMP_BYTES, stamp);
    }
    mr_point(MR_POINT_DYNAMODB_COMMIT);
    const enum mr_status status = store_commit(dynamodb->store, entry, ret_ticket);
    mr_point(MR_POINT_DYNAMODB_COMMITTED);
    return status;
}

/* ---- what is too old ---- */

struct dynamodb_history {
    struct dynamodb *dynamodb;
    struct runtime_pump *pump;
    /* the pump's own */
    struct dynamodb_table *table; /* being swept; NULL: between sweeps */
    struct mr_buf from;           /* where the next slice begins */
};

static bool has_history(const struct dynamodb_table *table)
{
    return table->locked.history.number != 0;
}

/* Deletes what no state that can be asked for needs; true at the end of the history. */
static bool add_deletions(struct dynamodb_history *history, struct store_entry *entry)
{
    struct dynamodb_history_state state = dynamodb_history_state(history->table);
    int64_t now_ms = store_now(history->dynamodb->store);
    uint64_t kept = dynamodb_stamp_of(dynamodb_earliest_ms(&state, now_ms) + 1);
    const char prefix[4] = {(char)(state.number >> 24), (char)(state.number >> 16),
                            (char)(state.number >> 8), (char)state.number};
    struct mr_slice head = mr_slice_make(prefix, sizeof(prefix));
    if (state.number == 0)
        return true;
    struct view_iterator *iterator =
        view_iterate(store_view(history->dynamodb->store), VIEW_HISTORY, head);
    bool begun = history->from.len > 0 && mr_slice_starts_with(mr_buf_slice(&history->from), head);
    view_iterator_seek(iterator, begun ? mr_buf_slice(&history->from) : head);
    size_t versions = 0;
    for (; view_iterator_valid(iterator) && versions < SLICE_VERSIONS; versions++) {
        struct mr_slice key = view_iterator_key(iterator);
        if (read_stamp(key) < kept)
            store_entry_delete(entry, VIEW_HISTORY, mr_arena_copy(entry->arena, key));
        mr_buf_reset(&history->from);
        mr_buf_append(&history->from, key);
        view_iterator_next(iterator);
    }
    bool done = !view_iterator_valid(iterator);
    view_iterator_free(iterator);
    return done;
}

static enum runtime_pump_next history_step(void *ctx, int64_t *ret_wake_ms)
{
    struct dynamodb_history *history = ctx;
    struct dynamodb *dynamodb = history->dynamodb;
    struct mr_arena arena;
    *ret_wake_ms = store_now(dynamodb->store) + EVERY_MS;
    if (history->table == NULL)
        history->table = dynamodb_table_after(dynamodb, 0, has_history);
    if (history->table == NULL)
        return RUNTIME_PUMP_WAIT;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    bool done = add_deletions(history, &entry);
    enum mr_status status = store_commit_wait(dynamodb->store, &entry);
    mr_arena_fini(&arena);
    if (status < 0) {
        mr_log(MR_LOG_ERROR, "dynamodb", "history that is too old stays until the restart");
        return RUNTIME_PUMP_DONE;
    }
    if (!done)
        return RUNTIME_PUMP_AGAIN;
    struct dynamodb_table *next =
        dynamodb_table_after(dynamodb, history->table->number, has_history);
    dynamodb_table_unref(history->table);
    history->table = next;
    mr_buf_reset(&history->from);
    return next != NULL ? RUNTIME_PUMP_AGAIN : RUNTIME_PUMP_WAIT;
}

void dynamodb_history_open(struct dynamodb *dynamodb)
{
    struct dynamodb_history *history = mr_calloc(1, sizeof(*history));
    history->dynamodb = dynamodb;
    dynamodb->recovery->history = history;
    history->pump =
        runtime_pump_start(dynamodb->runtime, "dynamodb history", history_step, history);
}

void dynamodb_history_close(struct dynamodb *dynamodb)
{
    struct dynamodb_history *history = dynamodb->recovery->history;
    if (history == NULL)
        return;
    runtime_pump_stop(history->pump);
    dynamodb_table_unref(history->table);
    mr_buf_fini(&history->from);
    free(history);
}
