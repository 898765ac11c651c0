/* Filling a table that is CREATING: bounded entries of items with their index entries, without
 * stream records, as on AWS. Each entry is awaited before the next is made, so that a fill of any
 * size takes no more of the journal's buffer than one, and writers to other tables have room.
 *
 * The table's document says "filling" until the last entry. Who finds it so after a restart begins
 * anew, with a new table number (restore.c). */
#include "dynamodb/recovery.h"
#include "base/point.h"
#include "base/log.h"

enum { ENTRY_BYTES = 1 << 20, ENTRY_ITEMS = 2000 };

void dynamodb_fill_init(struct dynamodb_fill *fill, struct dynamodb_table *table, bool replaces)
{
    *fill = (struct dynamodb_fill){.table = table, .replaces = replaces};
    mr_arena_init(&fill->arena);
    fill->entry = store_entry_make(&fill->arena);
}

void dynamodb_fill_fini(struct dynamodb_fill *fill)
{
    mr_map_fini(&fill->keys);
    mr_arena_fini(&fill->arena);
}

static enum mr_status commit(struct dynamodb_fill *fill)
{
    mr_point(MR_POINT_DYNAMODB_FILL);
    enum mr_status status = store_commit_wait(fill->table->dynamodb->store, &fill->entry);
    mr_point(MR_POINT_DYNAMODB_FILLED);
    return status;
}

enum mr_status dynamodb_fill_flush(struct dynamodb_fill *fill)
{
    enum mr_status status = MR_OK;
    if (fill->entry.count > 0)
        status = commit(fill);
    mr_map_fini(&fill->keys);
    mr_arena_reset(&fill->arena);
    fill->entry = store_entry_make(&fill->arena);
    fill->bytes = 0;
    return status;
}

/* What an earlier item with the key left in the indexes goes. */
static enum mr_status replace(struct dynamodb_fill *fill, struct mr_slice key, struct mr_slice *ret)
{
    struct mr_buf old MR_CLEANUP(mr_buf_fini) = {0};
    enum mr_status status = MR_OK;
    *ret = (struct mr_slice){0};
    if (mr_map_get(&fill->keys, key) != NULL)
        return MR_NOT_FOUND;
    status = view_get(store_view(fill->table->dynamodb->store), VIEW_ITEM, key, &old);
    if (status == MR_OK)
        *ret = mr_arena_copy(&fill->arena, mr_buf_slice(&old));
    return status < 0 ? status : MR_OK;
}

static void add_index_ops(struct dynamodb_fill *fill, struct mr_slice old, struct mr_slice item)
{
    const struct dynamodb_table *table = fill->table;
    struct mr_arena *arena = &fill->arena;
    for (size_t i = 0; i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        struct mr_slice key;
        if (index == NULL)
            continue;
        if (old.ptr != NULL && dynamodb_index_key(arena, table, index, old, &key)) {
            struct mr_slice before = dynamodb_index_value(arena, table, index, old);
            store_entry_delete(&fill->entry, VIEW_INDEX, key);
            dynamodb_count_add(&index->count, -1, -(int64_t)item_size(before));
        }
        if (!dynamodb_index_key(arena, table, index, item, &key))
            continue;
        struct mr_slice value = dynamodb_index_value(arena, table, index, item);
        store_entry_put(&fill->entry, VIEW_INDEX, key, value);
        dynamodb_count_add(&index->count, 1, (int64_t)item_size(value));
        fill->bytes += key.len + value.len;
    }
}

static enum mr_status add(struct dynamodb_fill *fill, struct mr_slice item)
{
    static char present;
    struct mr_slice copy = mr_arena_copy(&fill->arena, item), old = {0};
    struct dynamodb_address address = dynamodb_address_of(&fill->arena, fill->table, copy);
    enum mr_status status = fill->replaces ? replace(fill, address.key, &old) : MR_OK;
    if (status != MR_OK)
        return status;
    store_entry_put(&fill->entry, VIEW_ITEM, address.key, copy);
    add_index_ops(fill, old, copy);
    dynamodb_count_add(&fill->table->base, old.ptr == NULL ? 1 : 0,
                       (int64_t)item_size(copy) - (old.ptr == NULL ? 0 : (int64_t)item_size(old)));
    if (fill->replaces)
        mr_map_put(&fill->keys, address.key, &present);
    fill->bytes += address.key.len + copy.len;
    return MR_OK;
}

enum mr_status dynamodb_fill_add(struct dynamodb_fill *fill, struct mr_slice item)
{
    enum mr_status status = add(fill, item);
    if (status == MR_NOT_FOUND) { /* the same key is in this entry */
        status = dynamodb_fill_flush(fill);
        if (status == MR_OK)
            status = add(fill, item);
    }
    if (status == MR_OK && (fill->bytes >= ENTRY_BYTES || fill->entry.count >= ENTRY_ITEMS))
        status = dynamodb_fill_flush(fill);
    return status;
}

enum mr_status dynamodb_check_filled(struct protocol_call *call, const struct dynamodb_table *table)
{
    if (!table->fills)
        return MR_OK;
    return protocol_fail(call, &dynamodb_in_use,
                         "Attempt to change a resource which is still in use: Table is being "
                         "created: %.*s",
                         MR_ARG(table->name));
}

enum mr_status dynamodb_fill_end(struct dynamodb_table *table, struct store_entry *entry)
{
    struct dynamodb *dynamodb = table->dynamodb;
    pthread_mutex_lock(&dynamodb->admin);
    table->fills = false;
    dynamodb_document_put(table, entry);
    mr_point(MR_POINT_DYNAMODB_FILL_END);
    enum mr_status status = store_commit_wait(dynamodb->store, entry);
    mr_point(MR_POINT_DYNAMODB_FILL_ENDED);
    if (status == MR_OK) {
        dynamodb_table_set_state(table, DYNAMODB_ACTIVE);
        atomic_store(&table->hidden, false);
    }
    pthread_mutex_unlock(&dynamodb->admin);
    return status;
}

void dynamodb_fill_drop(struct dynamodb_table *table, struct store_entry *entry, const char *why)
{
    struct dynamodb *dynamodb = table->dynamodb;
    mr_log(MR_LOG_ERROR, "dynamodb", "table '%.*s' cannot be filled and goes: %s",
           MR_ARG(table->name), why);
    pthread_mutex_lock(&dynamodb->admin);
    dynamodb_document_delete(table, entry);
    dynamodb_drops_add(table->number, entry);
    if (store_commit_wait(dynamodb->store, entry) == MR_OK) {
        dynamodb_table_set_state(table, DYNAMODB_DELETING);
        dynamodb_table_withdraw(table);
        dynamodb_drops_begin(dynamodb, table->number);
    }
    pthread_mutex_unlock(&dynamodb->admin);
}
