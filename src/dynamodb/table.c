/* Tables in memory: the map, references, states, lanes. */
#include "dynamodb/internal.h"
#include "base/log.h"
#include <assert.h>
#include <stdlib.h>

/* ---- states ----
 * NONE -> CREATING -> ACTIVE <-> UPDATING, and from ACTIVE to DELETING, or from CREATING when a
 * table cannot be filled. Loaded tables go from NONE to ACTIVE. */

static const char *const state_names[] = {"NONE", "CREATING", "ACTIVE", "UPDATING", "DELETING"};

static const bool legal_moves[DYNAMODB_DELETING + 1][DYNAMODB_DELETING + 1] = {
    [DYNAMODB_NONE] = {[DYNAMODB_CREATING] = true, [DYNAMODB_ACTIVE] = true},
    [DYNAMODB_CREATING] = {[DYNAMODB_ACTIVE] = true, [DYNAMODB_DELETING] = true},
    [DYNAMODB_ACTIVE] = {[DYNAMODB_UPDATING] = true, [DYNAMODB_DELETING] = true},
    [DYNAMODB_UPDATING] = {[DYNAMODB_ACTIVE] = true},
};

const char *dynamodb_state_name(enum dynamodb_state state)
{
    return state_names[state];
}

void dynamodb_table_set_state(struct dynamodb_table *table, enum dynamodb_state state)
{
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    enum dynamodb_state old = table->locked.state;
    assert(legal_moves[old][state]);
    table->locked.state = state;
    pthread_rwlock_unlock(&table->dynamodb->lock);
    mr_log(MR_LOG_INFO, "dynamodb", "table '%.*s' %s -> %s", MR_ARG(table->name), state_names[old],
           state_names[state]);
}

enum dynamodb_state dynamodb_table_state(struct dynamodb_table *table)
{
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    enum dynamodb_state state = table->locked.state;
    pthread_rwlock_unlock(&table->dynamodb->lock);
    return state;
}

/* ---- life ---- */

struct dynamodb_table *dynamodb_table_alloc(struct dynamodb *dynamodb)
{
    struct dynamodb_table *table = mr_calloc(1, sizeof(*table));
    atomic_init(&table->references, 1);
    table->dynamodb = dynamodb;
    mr_arena_init(&table->arena);
    return table;
}

void dynamodb_table_ready(struct dynamodb_table *table)
{
    assert(table->partitions > 0);
    assert(table->lanes == NULL);
    size_t bytes = table->partitions * sizeof(struct dynamodb_lane);
    table->lanes = aligned_alloc(_Alignof(struct dynamodb_lane), bytes);
    if (table->lanes == NULL)
        abort();
    memset(table->lanes, 0, bytes);
    for (size_t i = 0; i < table->partitions; i++)
        pthread_mutex_init(&table->lanes[i].lock, NULL);
    if (table->windows == NULL)
        table->windows = MR_NEW_ARRAY(&table->arena, uint32_t, table->partitions);
}

static void table_free(struct dynamodb_table *table)
{
    for (size_t i = 0; table->lanes != NULL && i < table->partitions; i++) {
        pthread_mutex_destroy(&table->lanes[i].lock);
        mr_buf_fini(&table->lanes[i].locked.old);
    }
    free(table->lanes);
    dynamodb_meters_free(table);
    mr_buf_fini(&table->locked.tags);
    mr_buf_fini(&table->locked.ttl);
    mr_buf_fini(&table->locked.kms_key);
    streams_unref(table->locked.stream);
    mr_arena_fini(&table->arena);
    free(table);
}

void dynamodb_table_unref(struct dynamodb_table *table)
{
    if (table != NULL && atomic_fetch_sub(&table->references, 1) == 1)
        table_free(table);
}

static struct dynamodb_table *table_ref(struct dynamodb_table *table)
{
    atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
    return table;
}

/* ---- the map ---- */

struct dynamodb_table *dynamodb_table_find(struct dynamodb *dynamodb, struct mr_slice name)
{
    pthread_rwlock_rdlock(&dynamodb->lock);
    struct dynamodb_table *table = mr_map_get(&dynamodb->locked.tables, name);
    if (table != NULL)
        table_ref(table);
    pthread_rwlock_unlock(&dynamodb->lock);
    return table;
}

size_t dynamodb_table_count(struct dynamodb *dynamodb)
{
    pthread_rwlock_rdlock(&dynamodb->lock);
    size_t count = dynamodb->locked.tables.count;
    pthread_rwlock_unlock(&dynamodb->lock);
    return count;
}

void dynamodb_table_publish(struct dynamodb_table *table)
{
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    void *replaced = mr_map_put(&table->dynamodb->locked.tables, table->name, table_ref(table));
    pthread_rwlock_unlock(&table->dynamodb->lock);
    assert(replaced == NULL);
    (void)replaced;
}

void dynamodb_table_withdraw(struct dynamodb_table *table)
{
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    struct dynamodb_table *removed = mr_map_remove(&table->dynamodb->locked.tables, table->name);
    pthread_rwlock_unlock(&table->dynamodb->lock);
    assert(removed == table);
    dynamodb_table_unref(removed);
}

static int by_name(const void *a, const void *b)
{
    const struct dynamodb_table *left = *(struct dynamodb_table *const *)a;
    const struct dynamodb_table *right = *(struct dynamodb_table *const *)b;
    return mr_slice_compare(left->name, right->name);
}

struct dynamodb_table **dynamodb_table_list(struct dynamodb *dynamodb, struct mr_arena *arena,
                                            size_t *ret_count)
{
    size_t cursor = 0, count = 0;
    struct mr_slice name;
    void *value;
    pthread_rwlock_rdlock(&dynamodb->lock);
    struct dynamodb_table **list =
        MR_NEW_ARRAY(arena, struct dynamodb_table *, dynamodb->locked.tables.count + 1);
    while (mr_map_next(&dynamodb->locked.tables, &cursor, &name, &value))
        list[count++] = table_ref(value);
    pthread_rwlock_unlock(&dynamodb->lock);
    if (count > 1)
        qsort(list, count, sizeof(list[0]), by_name);
    *ret_count = count;
    return list;
}

struct dynamodb_table *dynamodb_table_after(struct dynamodb *dynamodb, uint32_t number,
                                            bool (*wanted)(const struct dynamodb_table *table))
{
    struct dynamodb_table *found = NULL;
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    pthread_rwlock_rdlock(&dynamodb->lock);
    while (mr_map_next(&dynamodb->locked.tables, &cursor, &name, &value)) {
        struct dynamodb_table *table = value;
        if (table->number > number && (found == NULL || table->number < found->number) &&
            wanted(table))
            found = table;
    }
    if (found != NULL)
        table_ref(found);
    pthread_rwlock_unlock(&dynamodb->lock);
    return found;
}

struct mr_slice dynamodb_table_name(struct mr_slice name_or_arn)
{
    size_t at = SIZE_MAX;
    if (mr_slice_starts_with(name_or_arn, MR_S("arn:")))
        at = mr_slice_search(name_or_arn, MR_S(":table/"));
    return at == SIZE_MAX ? name_or_arn : mr_slice_sub(name_or_arn, at + 7, name_or_arn.len);
}

struct dynamodb_index *dynamodb_table_index(const struct dynamodb_table *table,
                                            struct mr_slice name)
{
    for (size_t i = 0; i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && mr_slice_equal(index->name, name))
            return index;
    }
    return NULL;
}

/* ---- lanes ---- */

void dynamodb_table_set_history(struct dynamodb_table *table)
{
    for (size_t i = 0; i < table->partitions; i++)
        table->lanes[i].locked.history = table->locked.history.number;
}

void dynamodb_table_lock_lanes(struct dynamodb_table *table)
{
    for (size_t i = 0; i < table->partitions; i++)
        pthread_mutex_lock(&table->lanes[i].lock);
}

void dynamodb_table_unlock_lanes(struct dynamodb_table *table)
{
    for (size_t i = table->partitions; i > 0; i--)
        pthread_mutex_unlock(&table->lanes[i - 1].lock);
}

void dynamodb_table_need_windows(struct dynamodb_table *table, struct store_entry *entry)
{
    if (table->windows[0] != 0)
        return;
    for (size_t i = 0; i < table->partitions; i++)
        table->windows[i] = store_window_new(table->dynamodb->store, entry);
}

void dynamodb_table_set_changes(struct dynamodb_table *table)
{
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    bool stream = table->locked.stream_enabled, destination = table->locked.destination;
    bool old_images =
        destination || (stream && streams_view_wants_old(streams_view_type(table->locked.stream)));
    pthread_rwlock_unlock(&table->dynamodb->lock);
    for (size_t i = 0; i < table->partitions; i++) {
        struct dynamodb_lane *lane = &table->lanes[i];
        lane->locked.window = stream || destination ? table->windows[i] : 0;
        lane->locked.old_images = old_images;
        lane->locked.recorded = lane->locked.searched = false;
    }
}

/* A commit is visible before its ticket is known here. While that may be so the reader waits for
 * everything appended. */
int64_t dynamodb_lane_ticket(struct dynamodb *dynamodb, struct dynamodb_lane *lane)
{
    if (atomic_load(&lane->busy) != 0)
        return journal_tail(store_journal(dynamodb->store));
    return atomic_load(&lane->ticket);
}

int64_t dynamodb_table_ticket(struct dynamodb_table *table)
{
    int64_t ticket = 0;
    for (size_t i = 0; i < table->partitions; i++) {
        int64_t own = dynamodb_lane_ticket(table->dynamodb, &table->lanes[i]);
        ticket = own > ticket ? own : ticket;
    }
    return ticket;
}
