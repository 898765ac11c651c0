/* Writes: under the lane's lock read the old item, decide, commit one entry. */
#include "dynamodb/internal.h"
#include <assert.h>

static struct dynamodb_lane *lane_lock(struct dynamodb_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    return lane;
}

void dynamodb_lane_unlock(struct dynamodb_lane *lane)
{
    enum { BUFFER_KEPT = 64 << 10 };
    if (lane->locked.old.cap > BUFFER_KEPT)
        mr_buf_fini(&lane->locked.old);
    pthread_mutex_unlock(&lane->lock);
}

/* The old item into the lane's buffer; *ret_old has ptr NULL when there is none. */
static enum mr_status read_old_locked(struct dynamodb_table *table, struct dynamodb_lane *lane,
                                      struct mr_slice key, struct mr_slice *ret_old)
{
    struct view *view = store_view(table->dynamodb->store);
    mr_buf_reset(&lane->locked.old);
    enum mr_status status = view_get(view, VIEW_ITEM, key, &lane->locked.old);
    *ret_old = (struct mr_slice){0};
    if (status == MR_OK)
        *ret_old = mr_buf_slice(&lane->locked.old);
    return status < 0 ? status : MR_OK;
}

/* ---- what the entry holds ---- */

/* While an index is filled, an item may not have its entry yet. */
static bool has_entry(const struct dynamodb_table *table, const struct dynamodb_index *index,
                      struct mr_slice key)
{
    struct mr_buf value MR_CLEANUP(mr_buf_fini) = {0};
    if (index->state != DYNAMODB_INDEX_CREATING)
        return true;
    return view_get(store_view(table->dynamodb->store), VIEW_INDEX, key, &value) == MR_OK;
}

/* What is to be added to an index and its counters for one item. */
struct index_change {
    bool had, has;
    struct mr_slice old_key, new_key, old_value, new_value;
};

static void add_index_change(const struct dynamodb_table *table, struct dynamodb_index *index,
                             const struct index_change *change, struct store_entry *entry,
                             struct dynamodb_units *units)
{
    bool same_key = change->had && change->has && mr_slice_equal(change->old_key, change->new_key);
    if (same_key && mr_slice_equal(change->old_value, change->new_value))
        return;
    bool counted = change->had && has_entry(table, index, change->old_key);
    uint64_t old_size = change->had ? item_size(change->old_value) : 0;
    uint64_t new_size = change->has ? item_size(change->new_value) : 0;
    if (change->had && !same_key) {
        store_entry_delete(entry, VIEW_INDEX, change->old_key);
        units->indexes[index->slot] += dynamodb_write_units(old_size);
    }
    if (change->has) {
        store_entry_put(entry, VIEW_INDEX, change->new_key, change->new_value);
        units->indexes[index->slot] += dynamodb_write_units(new_size);
    }
    dynamodb_count_add(&index->count, (int64_t)change->has - (int64_t)counted,
                       (int64_t)new_size - (counted ? (int64_t)old_size : 0));
}

/* Index entries that go, come or change. */
static void add_index_ops(struct mr_arena *arena, const struct dynamodb_table *table,
                          struct mr_slice old, struct mr_slice new_item, struct store_entry *entry,
                          struct dynamodb_units *units)
{
    for (size_t i = 0; i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        struct index_change change = {.had = false};
        if (index == NULL || index->state == DYNAMODB_INDEX_DELETING)
            continue;
        change.had =
            old.ptr != NULL && dynamodb_index_key(arena, table, index, old, &change.old_key);
        change.has = new_item.ptr != NULL &&
                     dynamodb_index_key(arena, table, index, new_item, &change.new_key);
        if (change.had)
            change.old_value = dynamodb_index_value(arena, table, index, old);
        if (change.has)
            change.new_value = dynamodb_index_value(arena, table, index, new_item);
        add_index_change(table, index, &change, entry, units);
    }
}

static void count_change(struct dynamodb_table *table, enum streams_event event)
{
    _Atomic uint64_t *counter = event == STREAMS_INSERT   ? &table->inserts
                                : event == STREAMS_MODIFY ? &table->modifies
                                                          : &table->removes;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* The change of one item: its op, which is its stream record as well, and those of its index
 * entries. */
static void add_ops_locked(struct mr_arena *arena, struct dynamodb_table *table,
                           struct dynamodb_lane *lane, struct mr_slice key, struct mr_slice old,
                           struct mr_slice new_item, bool by_service, struct store_entry *entry,
                           struct dynamodb_units *units, int64_t growth)
{
    enum streams_event event = new_item.ptr == NULL ? STREAMS_REMOVE
                               : old.ptr == NULL    ? STREAMS_INSERT
                                                    : STREAMS_MODIFY;
    struct journal_op *op = new_item.ptr != NULL ? store_entry_put(entry, VIEW_ITEM, key, new_item)
                                                 : store_entry_delete(entry, VIEW_ITEM, key);
    if (lane->locked.window != 0) {
        struct mr_slice whole = new_item.ptr != NULL ? new_item : old;
        struct mr_slice keys = dynamodb_keys_of(arena, &table->schema, whole);
        op->window = lane->locked.window;
        lane->locked.recorded = true;
        op->meta = streams_meta(arena, event, by_service, keys);
        op->has_old = old.ptr != NULL && lane->locked.old_images;
        if (op->has_old)
            op->old = old;
    }
    if (lane->locked.history != 0)
        dynamodb_history_add(lane->locked.history, key, old, entry);
    add_index_ops(arena, table, old, new_item, entry, units);
    count_change(table, event);
    dynamodb_count_add(&lane->count,
                       event == STREAMS_INSERT   ? 1
                       : event == STREAMS_REMOVE ? -1
                                                 : 0,
                       growth);
}

enum mr_status dynamodb_lane_commit_locked(struct dynamodb_table *table, struct dynamodb_lane *lane,
                                           struct store_entry *entry, int64_t *raised)
{
    int64_t ticket;
    atomic_store(&lane->busy, 1);
    enum mr_status status = dynamodb_commit_locked(table->dynamodb, entry, &ticket);
    if (status == MR_OK)
        atomic_store(&lane->ticket, ticket);
    atomic_store(&lane->busy, 0);
    if (status != MR_OK)
        atomic_fetch_add(&table->failures, 1);
    else if (ticket > *raised)
        *raised = ticket;
    return status;
}

static void wait_for_lane(struct protocol_call *call, struct dynamodb_lane *lane)
{
    int64_t ticket = atomic_load(&lane->ticket);
    if (ticket > call->ticket)
        call->ticket = ticket;
}

/* ---- one write ---- */

static enum mr_status refuse_condition(struct protocol_call *call, struct dynamodb_table *table,
                                       const struct dynamodb_write *write, struct mr_slice old)
{
    if (write->inserts)
        return protocol_fail(call, &dynamodb_duplicate, "Duplicate primary key exists in table");
    dynamodb_meter(table, DYNAMODB_METER_CONDITION, 1);
    dynamodb_consumed(table, &write->units, true); /* AWS: as if it held */
    protocol_fail(call, &dynamodb_condition_failed, "The conditional request failed");
    if (write->wants_old_on_failure && old.ptr != NULL) {
        struct mr_buf text = {0};
        struct mr_json json = mr_json_make(&text);
        item_json(&json, old);
        protocol_fail_member(call, "Item", mr_arena_copy(call->arena, mr_buf_slice(&text)));
        mr_buf_fini(&text);
    }
    return MR_FAULT;
}

static enum mr_status apply_update(struct protocol_call *call, struct dynamodb_table *table,
                                   struct dynamodb_write *write, struct mr_slice old,
                                   struct mr_slice *ret_error)
{
    struct mr_slice base = old.ptr != NULL ? old : write->item;
    if (write->update == NULL) {
        write->new_item = old.ptr != NULL ? mr_arena_copy(call->arena, old) : write->item;
        return MR_OK;
    }
    if (old.ptr == NULL && !write->update->creates)
        return MR_OK; /* AWS: REMOVE and DELETE alone make no item */
    enum mr_status status =
        item_update_apply(call->arena, write->update, old, base, &write->new_item, ret_error);
    if (status != MR_OK)
        return status;
    if (item_size(write->new_item) > ITEM_SIZE_MAX) {
        *ret_error = MR_S("Item size to update has exceeded the maximum allowed size");
        return MR_INVALID;
    }
    status = dynamodb_item_check_indexes(call, table, write->new_item);
    return status != MR_OK ? status
                           : dynamodb_item_check_locals(call, table, write->new_item, true);
}

static bool is_unchanged(struct mr_slice old, struct mr_slice new_item)
{
    if (old.ptr == NULL || new_item.ptr == NULL)
        return old.ptr == new_item.ptr;
    return mr_slice_equal(old, new_item);
}

static uint64_t size_of(struct mr_slice item)
{
    return item.ptr == NULL ? 0 : item_size(item);
}

static void set_table_units(struct dynamodb_write *write)
{
    write->units.table =
        dynamodb_write_units(write->old_size > write->new_size ? write->old_size : write->new_size);
}

static int64_t growth_of(const struct dynamodb_write *write)
{
    return (int64_t)write->new_size - (int64_t)write->old_size;
}

enum mr_status dynamodb_write_evaluate_locked(struct protocol_call *call,
                                              struct dynamodb_table *table,
                                              struct dynamodb_write *write,
                                              struct mr_slice *ret_old, struct mr_slice *ret_error)
{
    struct dynamodb_lane *lane = write->address.lane;
    if (lane->locked.deleted)
        return protocol_fail(call, &dynamodb_not_found, "Requested resource not found");
    enum mr_status status = read_old_locked(table, lane, write->address.key, ret_old);
    if (status != MR_OK)
        return status;
    write->old_size = size_of(*ret_old);
    write->new_size = size_of(write->item);
    set_table_units(write);
    if (write->condition != NULL && !item_condition_holds(call->arena, write->condition, *ret_old))
        return MR_NOT_FOUND;
    if (write->kind == DYNAMODB_PUT)
        write->new_item = write->item;
    else if (write->kind == DYNAMODB_CHANGE)
        status = apply_update(call, table, write, *ret_old, ret_error);
    if (status != MR_OK || write->kind == DYNAMODB_PUT)
        return status;
    write->new_size = size_of(write->new_item);
    set_table_units(write);
    return MR_OK;
}

void dynamodb_write_ops_locked(struct protocol_call *call, struct dynamodb_table *table,
                               struct dynamodb_write *write, struct mr_slice old,
                               struct store_entry *entry)
{
    if (!is_unchanged(old, write->new_item))
        add_ops_locked(call->arena, table, write->address.lane, write->address.key, old,
                       write->new_item, false, entry, &write->units, growth_of(write));
}

static enum mr_status decide_locked(struct protocol_call *call, struct dynamodb_table *table,
                                    struct dynamodb_write *write, struct dynamodb_lane *lane)
{
    struct mr_slice old = {0}, error;
    struct store_entry entry = store_entry_make(call->arena);
    enum mr_status status = dynamodb_write_evaluate_locked(call, table, write, &old, &error);
    if (status == MR_NOT_FOUND) {
        wait_for_lane(call, lane);
        return refuse_condition(call, table, write, old);
    }
    if (status == MR_INVALID)
        return dynamodb_refuse(call, status, error);
    if (status != MR_OK)
        return status;
    if (write->wants_old && old.ptr != NULL)
        write->old = mr_arena_copy(call->arena, old);
    dynamodb_write_ops_locked(call, table, write, old, &entry);
    if (entry.count == 0) {
        wait_for_lane(call, lane);
        return MR_OK;
    }
    return dynamodb_lane_commit_locked(table, lane, &entry, &call->ticket);
}

enum mr_status dynamodb_write_run(struct protocol_call *call, struct dynamodb_table *table,
                                  struct dynamodb_write *write)
{
    struct dynamodb_lane *lane = lane_lock(write->address.lane);
    enum mr_status status = decide_locked(call, table, write, lane);
    dynamodb_lane_unlock(lane);
    return status;
}

/* ---- expiry ---- */

static enum mr_status expire_locked(struct mr_arena *arena, struct dynamodb_table *table,
                                    struct dynamodb_lane *lane, struct mr_slice key,
                                    struct mr_slice attribute, int64_t now_ms, int64_t *ticket)
{
    struct mr_slice old;
    struct dynamodb_units units = {0};
    struct store_entry entry = store_entry_make(arena);
    if (lane->locked.deleted)
        return MR_NOT_FOUND;
    enum mr_status status = read_old_locked(table, lane, key, &old);
    if (status != MR_OK)
        return status;
    if (old.ptr == NULL || !dynamodb_ttl_expired(old, attribute, now_ms))
        return MR_NOT_FOUND;
    add_ops_locked(arena, table, lane, key, old, (struct mr_slice){0}, true, &entry, &units,
                   -(int64_t)item_size(old));
    return dynamodb_lane_commit_locked(table, lane, &entry, ticket);
}

enum mr_status dynamodb_write_expire(struct mr_arena *arena, struct dynamodb_table *table,
                                     struct mr_slice key, struct mr_slice attribute, int64_t now_ms,
                                     int64_t *ticket)
{
    struct dynamodb_lane *lane = lane_lock(dynamodb_lane_of(table, key));
    enum mr_status status = expire_locked(arena, table, lane, key, attribute, now_ms, ticket);
    if (status == MR_OK)
        dynamodb_meter(table, DYNAMODB_METER_EXPIRED, 1);
    dynamodb_lane_unlock(lane);
    return status;
}

/* ---- a batch ---- */

/* An entry has a limit, and a batch of large items with old images and indexes may pass it: a batch
 * is not atomic, so it is cut into several. */
enum { BATCH_ENTRY_BYTES = 8 << 20 };

static size_t entry_bytes(const struct store_entry *entry, size_t from)
{
    size_t bytes = 0;
    for (size_t i = from; i < entry->count; i++)
        bytes += entry->ops[i].key.len + entry->ops[i].value.len + entry->ops[i].old.len;
    return bytes;
}

static enum mr_status batch_locked(struct protocol_call *call, struct dynamodb_table *table,
                                   struct dynamodb_lane *lane, struct dynamodb_write *const *writes,
                                   size_t count)
{
    struct store_entry entry = store_entry_make(call->arena);
    size_t bytes = 0;
    if (lane->locked.deleted)
        return protocol_fail(call, &dynamodb_not_found, "Requested resource not found");
    for (size_t i = 0; i < count; i++) {
        struct dynamodb_write *write = writes[i];
        struct mr_slice found, old = {0};
        assert(write->address.lane == lane);
        enum mr_status status = read_old_locked(table, lane, write->address.key, &found);
        if (status != MR_OK)
            return status;
        if (write->kind == DYNAMODB_PUT)
            write->new_item = write->item;
        write->old_size = size_of(found);
        write->new_size = size_of(write->new_item);
        set_table_units(write);
        if (is_unchanged(found, write->new_item))
            continue;
        /* The lane's buffer is used again for the next item, while the ops borrow until the commit.
         */
        if (found.ptr != NULL)
            old = mr_arena_copy(call->arena, found);
        size_t from = entry.count;
        add_ops_locked(call->arena, table, lane, write->address.key, old, write->new_item, false,
                       &entry, &write->units, growth_of(write));
        bytes += entry_bytes(&entry, from);
        if (bytes < BATCH_ENTRY_BYTES)
            continue;
        status = dynamodb_lane_commit_locked(table, lane, &entry, &call->ticket);
        if (status != MR_OK)
            return status;
        entry = store_entry_make(call->arena);
        bytes = 0;
    }
    if (entry.count == 0) {
        wait_for_lane(call, lane);
        return MR_OK;
    }
    return dynamodb_lane_commit_locked(table, lane, &entry, &call->ticket);
}

enum mr_status dynamodb_write_batch(struct protocol_call *call, struct dynamodb_table *table,
                                    struct dynamodb_write *const *writes, size_t count)
{
    assert(count > 0);
    struct dynamodb_lane *lane = lane_lock(writes[0]->address.lane);
    enum mr_status status = batch_locked(call, table, lane, writes, count);
    dynamodb_lane_unlock(lane);
    return status;
}
