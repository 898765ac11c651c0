/* How many items and bytes a table and its indexes hold: ItemCount, TableSizeBytes and the rest.
 *
 * Always exact, where AWS looks every six hours: writers add what they change to counters in
 * memory, beside the entry they commit. What was there when the process began is the base. A server
 * that stops leaves the sums in a document ("dynamodb/counts/all"), which the next start takes up
 * and deletes, by an entry that precedes all others of its life: so the document is only ever there
 * while it is true. A start that finds none (after a crash) counts: a snapshot is taken before
 * anybody writes, and a pump adds up what is in it, slice by slice; until it has finished the
 * numbers are too low, and grow. It takes about a second a million items. */
#include "dynamodb/internal.h"
#include "base/log.h"
#include "runtime/runtime.h"
#include <stdlib.h>

enum { SLICE_ITEMS = 2000 };

struct dynamodb_counts {
    struct dynamodb *dynamodb;
    atomic_bool known; /* the sums are exact */
    /* the pump's own */
    struct runtime_pump *pump;
    struct view_snapshot *snapshot;
    struct mr_arena arena;
    struct dynamodb_table **tables; /* with references */
    size_t table_count, at;
    enum view_space space; /* of tables[at]: VIEW_ITEM, then VIEW_INDEX */
    struct mr_buf from;    /* where the next slice begins */
};

struct dynamodb_sums dynamodb_table_sums(const struct dynamodb_table *table)
{
    struct dynamodb_sums sums = dynamodb_count_get(&table->base);
    for (size_t i = 0; i < table->partitions && table->lanes != NULL; i++) {
        sums.items += atomic_load(&table->lanes[i].count.items);
        sums.bytes += atomic_load(&table->lanes[i].count.bytes);
    }
    return sums;
}

static struct dynamodb_index *index_of(const struct dynamodb_table *table, int64_t number)
{
    for (size_t i = 0; i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && index->number == number)
            return index;
    }
    return NULL;
}

/* ---- what the last process left ---- */

static void sums_json(struct mr_json *json, int64_t number, struct dynamodb_sums sums)
{
    mr_json_key_int(json, "number", number);
    mr_json_key_int(json, "items", sums.items);
    mr_json_key_int(json, "bytes", sums.bytes);
}

static void table_json(struct mr_json *json, const struct dynamodb_table *table)
{
    mr_json_object(json);
    sums_json(json, table->number, dynamodb_table_sums(table));
    mr_json_key(json, "indexes");
    mr_json_array(json);
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index == NULL)
            continue;
        mr_json_object(json);
        sums_json(json, index->number, dynamodb_count_get(&index->count));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_json_object_end(json);
}

static void leave(struct dynamodb *dynamodb)
{
    struct mr_arena arena;
    struct mr_buf text = {0};
    size_t count;
    int64_t ticket;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    struct mr_json json = mr_json_make(&text);
    struct dynamodb_table **list = dynamodb_table_list(dynamodb, &arena, &count);
    mr_json_array(&json);
    for (size_t i = 0; i < count; i++) {
        table_json(&json, list[i]);
        dynamodb_table_unref(list[i]);
    }
    mr_json_array_end(&json);
    store_doc_put(&entry, "dynamodb", "counts", MR_S("all"), mr_buf_slice(&text));
    if (store_commit(dynamodb->store, &entry, &ticket) != MR_OK)
        mr_log(MR_LOG_WARN, "dynamodb", "the next start counts the items of all tables");
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
}

static void take_sums(struct dynamodb_count *count, yyjson_val *told)
{
    dynamodb_count_add(count, mr_json_get_i64(told, "items", 0), mr_json_get_i64(told, "bytes", 0));
}

static void take_table(struct dynamodb_table *table, yyjson_val *told)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(mr_json_get(told, "indexes"));
    take_sums(&table->base, told);
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct dynamodb_index *index = index_of(table, mr_json_get_i64(each, "number", 0));
        if (index != NULL)
            take_sums(&index->count, each);
    }
}

/* MR_NOT_FOUND: the last process left none. */
static enum mr_status take_up(struct dynamodb_counts *counts)
{
    struct store *store = counts->dynamodb->store;
    struct store_entry entry = store_entry_make(&counts->arena);
    struct mr_slice text;
    int64_t ticket;
    enum mr_status status =
        store_doc_get(store, &counts->arena, "dynamodb", "counts", MR_S("all"), &text);
    if (status != MR_OK)
        return status;
    yyjson_arr_iter iter = yyjson_arr_iter_with(mr_json_parse(&counts->arena, text, 8));
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;) {
        for (size_t i = 0; i < counts->table_count; i++) {
            if (counts->tables[i]->number == mr_json_get_i64(each, "number", 0))
                take_table(counts->tables[i], each);
        }
    }
    store_doc_delete(&entry, "dynamodb", "counts", MR_S("all"));
    return store_commit(store, &entry, &ticket);
}

/* ---- counting ---- */

static void count_one(struct dynamodb_table *table, enum view_space space, struct mr_slice key,
                      struct mr_slice value)
{
    struct dynamodb_index *index = NULL;
    if (space == VIEW_INDEX)
        index = index_of(table, (uint8_t)key.ptr[4]);
    if (space == VIEW_ITEM)
        dynamodb_count_add(&table->base, 1, (int64_t)item_size(value));
    else if (index != NULL)
        dynamodb_count_add(&index->count, 1, (int64_t)item_size(value));
}

/* True at the end of the space of the table. */
static bool count_slice(struct dynamodb_counts *counts)
{
    struct dynamodb_table *table = counts->tables[counts->at];
    uint32_t number = table->number;
    const char prefix[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8),
                            (char)number};
    struct mr_slice head = mr_slice_make(prefix, sizeof(prefix));
    struct view_iterator *iterator = view_snapshot_iterate(counts->snapshot, counts->space, head);
    size_t items = 0;
    view_iterator_seek(iterator, counts->from.len > 0 ? mr_buf_slice(&counts->from) : head);
    for (; view_iterator_valid(iterator) && items < SLICE_ITEMS; view_iterator_next(iterator)) {
        count_one(table, counts->space, view_iterator_key(iterator), view_iterator_value(iterator));
        items++;
    }
    bool done = !view_iterator_valid(iterator);
    mr_buf_reset(&counts->from);
    if (!done)
        mr_buf_append(&counts->from, view_iterator_key(iterator));
    view_iterator_free(iterator);
    return done;
}

static void forget(struct dynamodb_counts *counts)
{
    for (size_t i = 0; i < counts->table_count; i++)
        dynamodb_table_unref(counts->tables[i]);
    counts->table_count = 0;
    view_snapshot_free(counts->snapshot);
    counts->snapshot = NULL;
    mr_buf_fini(&counts->from);
}

static enum runtime_pump_next counts_step(void *ctx, int64_t *ret_wake_ms)
{
    struct dynamodb_counts *counts = ctx;
    (void)ret_wake_ms;
    if (counts->at == counts->table_count) {
        forget(counts);
        atomic_store(&counts->known, true);
        return RUNTIME_PUMP_DONE;
    }
    if (!count_slice(counts))
        return RUNTIME_PUMP_AGAIN;
    if (counts->space == VIEW_INDEX)
        counts->at++;
    counts->space = counts->space == VIEW_ITEM ? VIEW_INDEX : VIEW_ITEM;
    return RUNTIME_PUMP_AGAIN;
}

/* ---- opening and closing ---- */

/* A table that is being filled began at nothing, under a number of its own (restore.c). */
static void leave_out_fills(struct dynamodb_counts *counts)
{
    size_t kept = 0;
    for (size_t i = 0; i < counts->table_count; i++) {
        if (counts->tables[i]->fills)
            dynamodb_table_unref(counts->tables[i]);
        else
            counts->tables[kept++] = counts->tables[i];
    }
    counts->table_count = kept;
}

enum mr_status dynamodb_counts_open(struct dynamodb *dynamodb)
{
    struct dynamodb_counts *counts = mr_calloc(1, sizeof(*counts));
    counts->dynamodb = dynamodb;
    counts->space = VIEW_ITEM;
    mr_arena_init(&counts->arena);
    dynamodb->counts = counts;
    counts->tables = dynamodb_table_list(dynamodb, &counts->arena, &counts->table_count);
    leave_out_fills(counts);
    enum mr_status status = take_up(counts);
    if (status < 0)
        return status;
    atomic_store(&counts->known, status == MR_OK || counts->table_count == 0);
    if (atomic_load(&counts->known)) {
        forget(counts);
        return MR_OK;
    }
    counts->snapshot = view_snapshot_new(store_view(dynamodb->store));
    counts->pump = runtime_pump_start(dynamodb->runtime, "dynamodb counts", counts_step, counts);
    return MR_OK;
}

void dynamodb_counts_close(struct dynamodb *dynamodb)
{
    struct dynamodb_counts *counts = dynamodb->counts;
    if (counts == NULL)
        return;
    runtime_pump_stop(counts->pump);
    forget(counts);
    if (atomic_load(&counts->known))
        leave(dynamodb);
    mr_arena_fini(&counts->arena);
    free(counts);
    dynamodb->counts = NULL;
}
