/* Global indexes that come and go while their table serves.
 *
 * A new index is CREATING from the entry that stores it: under all lanes, so that every later write
 * keeps its entries. Then the pump walks the items, and under each item's lane adds the entry that
 * belongs to it, unless a writer has done so meanwhile. At the end the
 * index is ACTIVE. An index that goes is DELETING: writers leave it alone, the pump deletes its
 * entries, then it leaves the table; one may go that is not filled yet. The table is UPDATING as
 * long. A restart begins the walk again. */
#include "dynamodb/internal.h"
#include "base/log.h"
#include <assert.h>
#include <stdlib.h>

#define INVALID "One or more parameter values were invalid: "

enum { SLICE_ITEMS = 500, SLICE_BYTES = 1 << 20, GLOBAL_INDEXES_MAX = 20 };

struct job {
    struct job *next;
    struct dynamodb_table *table;       /* holds a reference */
    const struct dynamodb_index *index; /* whose slices were done last, */
    int state;                          /* in that state of it */
    struct mr_buf from;                 /* where its next slice begins */
};

struct dynamodb_indexes {
    struct dynamodb *dynamodb;
    struct runtime_pump *pump;
    pthread_mutex_t lock;
    struct {
        struct job *first;
    } locked;
};

/* ---- UpdateTable: reading ---- */

static struct dynamodb_key copy_key(struct mr_arena *arena, const struct dynamodb_key *key)
{
    return (struct dynamodb_key){.name = mr_arena_copy(arena, key->name), .type = key->type};
}

/* The index, with all it points to, in the table's own arena. */
static struct dynamodb_index *copy_index(struct dynamodb_table *table,
                                         const struct dynamodb_index *from)
{
    struct mr_arena *arena = &table->arena;
    struct dynamodb_index *index = MR_NEW(arena, struct dynamodb_index);
    index->name = mr_arena_copy(arena, from->name);
    struct dynamodb_key keys[DYNAMODB_KEYS_MAX];
    for (size_t i = 0; i < from->schema.key_count; i++)
        keys[i] = copy_key(arena, &from->schema.keys[i]);
    index->schema = dynamodb_schema_make(keys, from->schema.hash_count, from->schema.key_count);
    index->projection = from->projection;
    index->included = MR_NEW_ARRAY(arena, struct mr_slice, from->included_count + 1);
    for (size_t i = 0; i < from->included_count; i++)
        index->included[i] = mr_arena_copy(arena, from->included[i]);
    index->included_count = from->included_count;
    index->read_units = from->read_units;
    index->write_units = from->write_units;
    index->tuning = from->tuning;
    index->state = DYNAMODB_INDEX_CREATING;
    return index;
}

/* AWS: UpdateTable has other words than CreateTable for the units of a new index. */
static enum mr_status check_created(struct protocol_call *call, bool on_demand, yyjson_val *create)
{
    const struct mr_slice name = mr_json_get_text(create, "IndexName");
    const bool units = mr_json_get(create, "ProvisionedThroughput") != NULL;
    if (yyjson_arr_size(mr_json_get(call->in, "AttributeDefinitions")) == 0)
        return protocol_fail(call, &protocol_validation,
                             INVALID "AttributeDefinitions is not specified for index: %.*s",
                             MR_ARG(name));
    if (on_demand && units)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Neither ReadCapacityUnits nor WriteCapacityUnits can be "
                                     "specified for index: %.*s when BillingMode is "
                                     "PAY_PER_REQUEST",
                             MR_ARG(name));
    if (!on_demand && !units)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Both ReadCapacityUnits and WriteCapacityUnits must be "
                                     "specified for index: %.*s",
                             MR_ARG(name));
    return dynamodb_units_check(call, mr_json_get(create, "ProvisionedThroughput"), name);
}

/* Reads the index through a table that has its keys and definitions and nothing else. */
static enum mr_status read_create(struct protocol_call *call, struct dynamodb_table *table,
                                  yyjson_val *create, struct dynamodb_index **ret_index)
{
    struct dynamodb_table *scratch MR_CLEANUP(dynamodb_table_release) =
        dynamodb_table_alloc(table->dynamodb);
    size_t globals = 0;
    scratch->schema = table->schema;
    scratch->locked.on_demand = dynamodb_on_demand_wanted(call, table);
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *other = dynamodb_index_at(table, i);
        globals += other != NULL && !other->local;
    }
    if (globals >= GLOBAL_INDEXES_MAX)
        return protocol_fail(call, &dynamodb_limit_exceeded,
                             "Subscriber limit exceeded: Number of global secondary indexes "
                             "exceeds per-table limit of %d",
                             GLOBAL_INDEXES_MAX);
    if (dynamodb_table_index(table, mr_json_get_text(create, "IndexName")) != NULL)
        return protocol_fail(call, &protocol_validation,
                             "Attempting to create an index which already exists");
    enum mr_status status = check_created(call, scratch->locked.on_demand, create);
    if (status == MR_OK)
        status = dynamodb_index_read(call, scratch, table, create);
    if (status == MR_OK)
        status = dynamodb_projected_check(call, table, dynamodb_index_at(scratch, 0));
    if (status == MR_OK)
        *ret_index = copy_index(table, dynamodb_index_at(scratch, 0));
    return status;
}

static enum mr_status find_index(struct protocol_call *call, const struct dynamodb_table *table,
                                 const char *verb, yyjson_val *change,
                                 struct dynamodb_index **ret_index)
{
    const struct mr_slice name = mr_json_get_text(change, "IndexName");
    *ret_index = dynamodb_table_index(table, name);
    if (*ret_index != NULL && !(*ret_index)->local)
        return MR_OK;
    if (*ret_index != NULL)
        return protocol_fail(call, &protocol_validation,
                             "Cannot %s an index that is not a GlobalSecondaryIndex: %.*s", verb,
                             MR_ARG(name));
    return protocol_fail(call, &dynamodb_not_found,
                         "Requested resource not found: Index %.*s for table %.*s", MR_ARG(name),
                         MR_ARG(table->name));
}

static enum mr_status check_new_units(struct protocol_call *call,
                                      const struct dynamodb_table *table,
                                      const struct dynamodb_index *index, yyjson_val *update)
{
    yyjson_val *units = mr_json_get(update, "ProvisionedThroughput");
    const bool tunes = yyjson_obj_size(mr_json_get(update, "OnDemandThroughput")) > 0 ||
                       yyjson_obj_size(mr_json_get(update, "WarmThroughput")) > 0;
    const long long read = mr_json_get_i64(units, "ReadCapacityUnits", 0);
    const long long write = mr_json_get_i64(units, "WriteCapacityUnits", 0);
    if (dynamodb_on_demand_wanted(call, table) && (units != NULL || !tunes))
        return protocol_fail(call, &protocol_validation,
                             INVALID "The only Updates for index: %.*s when TableThroughputMode is "
                                     "PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput",
                             MR_ARG(index->name));
    if (units == NULL)
        return MR_OK;
    if (read == index->read_units && write == index->write_units)
        return protocol_fail(
            call, &protocol_validation,
            "The provisioned throughput for the index %.*s will not change. The requested value "
            "equals the current value. Current ReadCapacityUnits provisioned for index %.*s: %lld. "
            "Requested ReadCapacityUnits: %lld. Current WriteCapacityUnits provisioned for index "
            "%.*s: %lld. Requested WriteCapacityUnits: %lld. Refer to the Amazon DynamoDB "
            "Developer Guide for current limits and how to request higher limits.",
            MR_ARG(index->name), MR_ARG(index->name), read, read, MR_ARG(index->name), write,
            write);
    enum mr_status status = dynamodb_units_check(call, units, index->name);
    return status != MR_OK ? status
                           : dynamodb_decrease_check(call, &index->tuning, read - index->read_units,
                                                     write - index->write_units);
}

static enum mr_status read_update(struct protocol_call *call, const struct dynamodb_table *table,
                                  yyjson_val *update, const struct dynamodb_index *index,
                                  struct dynamodb_tuning *ret_tuning)
{
    struct dynamodb_tuning_wish wish = {
        .owner = update,
        .index = index->name,
        .on_demand = dynamodb_on_demand_wanted(call, table),
        .read_units = index->read_units,
        .write_units = index->write_units,
        .current = &index->tuning,
    };
    enum mr_status status = check_new_units(call, table, index, update);
    return status == MR_OK ? dynamodb_tuning_read(call, &wish, ret_tuning) : status;
}

bool dynamodb_index_cancels(const struct protocol_call *call, const struct dynamodb_table *table)
{
    yyjson_val *list = mr_json_get(call->in, "GlobalSecondaryIndexUpdates");
    yyjson_val *delete = mr_json_get(yyjson_arr_get_first(list), "Delete");
    const struct dynamodb_index *index =
        delete == NULL ? NULL : dynamodb_table_index(table, mr_json_get_text(delete, "IndexName"));
    return yyjson_arr_size(list) == 1 && index != NULL && index->state == DYNAMODB_INDEX_CREATING;
}

static bool gives_units(yyjson_val *list, struct mr_slice name)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;) {
        yyjson_val *update = mr_json_get(each, "Update");
        if (mr_slice_equal(mr_json_get_text(update, "IndexName"), name))
            return mr_json_get(update, "ProvisionedThroughput") != NULL;
    }
    return false;
}

/* AWS: who gives up on-demand says what each index gets; nothing is guessed. */
static enum mr_status check_all_units(struct protocol_call *call,
                                      const struct dynamodb_table *table, yyjson_val *list)
{
    if (!table->locked.on_demand || dynamodb_on_demand_wanted(call, table))
        return MR_OK;
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && !index->local && !gives_units(list, index->name))
            return protocol_fail(call, &protocol_validation,
                                 INVALID "ProvisionedThroughput must be specified for index: %.*s",
                                 MR_ARG(index->name));
    }
    return MR_OK;
}

enum mr_status dynamodb_index_changes(struct protocol_call *call, struct dynamodb_table *table,
                                      struct dynamodb_index_change *ret)
{
    enum mr_status status = MR_OK;
    size_t structural = 0;
    *ret = (struct dynamodb_index_change){.list =
                                              mr_json_get(call->in, "GlobalSecondaryIndexUpdates")};
    yyjson_arr_iter iter = yyjson_arr_iter_with(ret->list);
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;)
        structural += mr_json_get(each, "Update") == NULL;
    if (structural > 1)
        return dynamodb_index_refuse_another(call);
    iter = yyjson_arr_iter_with(ret->list);
    for (yyjson_val *each; status == MR_OK && (each = yyjson_arr_iter_next(&iter)) != NULL;) {
        yyjson_val *create = mr_json_get(each, "Create"), *update = mr_json_get(each, "Update");
        yyjson_val *delete = mr_json_get(each, "Delete");
        struct dynamodb_index *updated;
        if (create != NULL)
            status = read_create(call, table, create, &ret->created);
        else
            status = update != NULL ? find_index(call, table, "update", update, &updated)
                                    : find_index(call, table, "delete", delete, &ret->deleted);
        if (status == MR_OK && update != NULL)
            status = read_update(call, table, update, updated, &ret->tunings[updated->slot]);
    }
    return status == MR_OK ? check_all_units(call, table, ret->list) : status;
}

/* ---- UpdateTable: doing ---- */

/* A number no index has now, and none had lately: a page may still be on its way. */
static uint8_t next_number(struct dynamodb_table *table)
{
    for (bool used = true; used;) {
        table->last_index_number =
            table->last_index_number == UINT8_MAX ? 1 : (uint8_t)(table->last_index_number + 1);
        used = false;
        for (size_t i = 0; i < table->index_count; i++) {
            const struct dynamodb_index *other = dynamodb_index_at(table, i);
            used = used || (other != NULL && other->number == table->last_index_number);
        }
    }
    return table->last_index_number;
}

static void define_key(struct dynamodb_table *table, const struct dynamodb_key *key)
{
    for (size_t i = 0; i < table->definition_count; i++) {
        if (mr_slice_equal(table->definitions[i].name, key->name))
            return;
    }
    assert(table->definition_count < DYNAMODB_DEFINITIONS_MAX);
    table->definitions[table->definition_count++] = *key;
}

static bool is_some_key(const struct dynamodb_table *table, struct mr_slice name)
{
    bool used = dynamodb_is_key(&table->schema, name);
    for (size_t i = 0; !used && i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        used = index != NULL && dynamodb_is_key(&index->schema, name);
    }
    return used;
}

void dynamodb_index_units_set(struct dynamodb_index *index, int64_t read_units, int64_t write_units,
                              int64_t now_ms)
{
    const bool on_demand = index->read_units == 0;
    dynamodb_tuning_keep_warm(&index->tuning, on_demand, index->read_units, index->write_units);
    dynamodb_tuning_count(&index->tuning, read_units - index->read_units,
                          write_units - index->write_units, now_ms);
    index->read_units = read_units;
    index->write_units = write_units;
}

/* Under all lanes and dynamodb.lock. */
static void add_index_locked(struct dynamodb_table *table, struct dynamodb_index *index)
{
    size_t slot = 0;
    while (slot < table->index_count && dynamodb_index_at(table, slot) != NULL)
        slot++;
    assert(slot < DYNAMODB_INDEXES_MAX);
    index->number = next_number(table);
    index->slot = slot;
    for (size_t i = 0; i < index->schema.key_count; i++)
        define_key(table, &index->schema.keys[i]);
    atomic_store(&table->slots[slot], index);
    if (slot == table->index_count)
        table->index_count++;
}

void dynamodb_index_apply_locked(struct dynamodb_table *table,
                                 const struct dynamodb_index_change *change)
{
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    yyjson_arr_iter iter = yyjson_arr_iter_with(change->list);
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;) {
        yyjson_val *update = mr_json_get(each, "Update");
        if (update == NULL)
            continue;
        struct dynamodb_index *index =
            dynamodb_table_index(table, mr_json_get_text(update, "IndexName"));
        yyjson_val *units = mr_json_get(update, "ProvisionedThroughput");
        int64_t read = mr_json_get_i64(units, "ReadCapacityUnits", index->read_units);
        int64_t write = mr_json_get_i64(units, "WriteCapacityUnits", index->write_units);
        index->tuning = change->tunings[index->slot];
        if (units != NULL)
            dynamodb_index_units_set(index, read, write, store_now(table->dynamodb->store));
    }
    if (change->created != NULL)
        add_index_locked(table, change->created);
    if (change->deleted != NULL)
        change->deleted->state = DYNAMODB_INDEX_DELETING;
    pthread_rwlock_unlock(&table->dynamodb->lock);
}

/* ---- the pump ---- */

static struct mr_slice prefix_of(struct mr_arena *arena, const struct dynamodb_table *table,
                                 const struct dynamodb_index *index)
{
    struct item_writer writer = item_writer_make(arena, 8);
    for (int shift = 24; shift >= 0; shift -= 8)
        item_write_byte(&writer, (uint8_t)(table->number >> shift));
    if (index != NULL)
        item_write_byte(&writer, index->number);
    return item_writer_slice(&writer);
}

static void move_to(struct job *job, struct mr_slice key)
{
    mr_buf_reset(&job->from);
    mr_buf_append(&job->from, key);
}

static struct view_iterator *seek(struct job *job, struct mr_arena *arena, enum view_space space,
                                  const struct dynamodb_index *index)
{
    struct mr_slice prefix = prefix_of(arena, job->table, index);
    struct view *view = store_view(job->table->dynamodb->store);
    struct view_iterator *iterator = view_iterate(view, space, prefix);
    view_iterator_seek(iterator, job->from.len > 0 ? mr_buf_slice(&job->from) : prefix);
    return iterator;
}

/* What a writer has added meanwhile is there, and counted. */
static void add_entry(const struct dynamodb_table *table, struct dynamodb_index *index,
                      struct store_entry *entry, struct mr_slice key, struct mr_slice value)
{
    struct mr_buf there MR_CLEANUP(mr_buf_fini) = {0};
    if (view_get(store_view(table->dynamodb->store), VIEW_INDEX, key, &there) == MR_OK)
        return;
    store_entry_put(entry, VIEW_INDEX, key, mr_arena_copy(entry->arena, value));
    dynamodb_count_add(&index->count, 1, (int64_t)item_size(value));
}

/* Entries of items of that lane, from job->from on; true at the end of the table. */
static bool fill_locked(struct job *job, struct dynamodb_index *index,
                        const struct dynamodb_lane *lane, struct store_entry *entry)
{
    struct mr_arena *arena = entry->arena;
    size_t items = 0, bytes = 0;
    if (index->state != DYNAMODB_INDEX_CREATING)
        return false; /* it goes again */
    struct view_iterator *iterator = seek(job, arena, VIEW_ITEM, NULL);
    for (; view_iterator_valid(iterator); view_iterator_next(iterator)) {
        struct mr_slice key = view_iterator_key(iterator), item = view_iterator_value(iterator);
        bool full = items++ == SLICE_ITEMS || bytes > SLICE_BYTES;
        if (full || dynamodb_lane_of(job->table, key) != lane) {
            move_to(job, key);
            break;
        }
        bytes += item.len;
        struct mr_slice entry_key;
        if (!dynamodb_index_key(arena, job->table, index, item, &entry_key))
            continue;
        struct mr_slice value = dynamodb_index_value(arena, job->table, index, item);
        add_entry(job->table, index, entry, entry_key, value);
    }
    bool done = !view_iterator_valid(iterator);
    view_iterator_free(iterator);
    return done;
}

static enum mr_status fill_slice(struct job *job, struct dynamodb_index *index,
                                 struct mr_arena *arena, bool *ret_done)
{
    struct store_entry entry = store_entry_make(arena);
    struct view_iterator *iterator = seek(job, arena, VIEW_ITEM, NULL);
    *ret_done = !view_iterator_valid(iterator);
    struct mr_slice key = {0};
    if (!*ret_done)
        key = mr_arena_copy(arena, view_iterator_key(iterator));
    view_iterator_free(iterator);
    if (*ret_done)
        return MR_OK;
    struct dynamodb_lane *lane = dynamodb_lane_of(job->table, key);
    enum mr_status status = MR_OK;
    int64_t ticket = 0;
    pthread_mutex_lock(&lane->lock);
    *ret_done = fill_locked(job, index, lane, &entry);
    if (entry.count > 0)
        status = dynamodb_lane_commit_locked(job->table, lane, &entry, &ticket);
    dynamodb_lane_unlock(lane);
    return status != MR_OK ? status : store_wait(job->table->dynamodb->store, ticket);
}

static enum mr_status clear_slice(struct job *job, struct dynamodb_index *index,
                                  struct mr_arena *arena, bool *ret_done)
{
    struct store_entry entry = store_entry_make(arena);
    struct view_iterator *iterator = seek(job, arena, VIEW_INDEX, index);
    for (; view_iterator_valid(iterator) && entry.count < SLICE_ITEMS;
         view_iterator_next(iterator)) {
        struct mr_slice key = mr_arena_copy(arena, view_iterator_key(iterator));
        store_entry_delete(&entry, VIEW_INDEX, key);
        move_to(job, key);
    }
    *ret_done = !view_iterator_valid(iterator);
    view_iterator_free(iterator);
    return store_commit_wait(job->table->dynamodb->store, &entry);
}

static struct dynamodb_index *unfinished(const struct dynamodb_table *table)
{
    for (size_t i = 0; i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && index->state != DYNAMODB_INDEX_ACTIVE)
            return index;
    }
    return NULL;
}

/* The index is ready, or gone: its definitions go with it. */
static void settle(struct dynamodb_table *table, struct dynamodb_index *index)
{
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    if (index->state == DYNAMODB_INDEX_CREATING) {
        index->state = DYNAMODB_INDEX_ACTIVE;
    } else {
        size_t kept = 0;
        atomic_store(&table->slots[index->slot], NULL);
        for (size_t i = 0; i < table->definition_count; i++) {
            if (is_some_key(table, table->definitions[i].name))
                table->definitions[kept++] = table->definitions[i];
        }
        table->definition_count = kept;
    }
    pthread_rwlock_unlock(&table->dynamodb->lock);
}

static enum mr_status finish(struct job *job, struct dynamodb_index *index, struct mr_arena *arena)
{
    struct dynamodb_table *table = job->table;
    struct dynamodb *dynamodb = table->dynamodb;
    struct store_entry entry = store_entry_make(arena);
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&dynamodb->admin);
    if (index->state == job->state) {
        settle(table, index);
        dynamodb_document_put(table, &entry);
        status = store_commit_wait(dynamodb->store, &entry);
        if (status == MR_OK && unfinished(table) == NULL)
            dynamodb_table_set_state(table, DYNAMODB_ACTIVE);
    }
    pthread_mutex_unlock(&dynamodb->admin);
    return status;
}

static enum mr_status run_slice(struct job *job, struct dynamodb_index *index)
{
    struct mr_arena arena;
    const int state = index->state;
    bool done;
    if (job->index != index || job->state != state)
        mr_buf_reset(&job->from);
    job->index = index;
    job->state = state;
    mr_arena_init(&arena);
    enum mr_status status =
        (state == DYNAMODB_INDEX_CREATING ? fill_slice : clear_slice)(job, index, &arena, &done);
    if (status == MR_OK && done)
        status = finish(job, index, &arena);
    mr_arena_fini(&arena);
    return status;
}

static struct job *first_job(struct dynamodb_indexes *indexes)
{
    pthread_mutex_lock(&indexes->lock);
    struct job *job = indexes->locked.first;
    pthread_mutex_unlock(&indexes->lock);
    return job;
}

static void remove_job(struct dynamodb_indexes *indexes, struct job *job)
{
    pthread_mutex_lock(&indexes->lock);
    struct job **link = &indexes->locked.first;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    pthread_mutex_unlock(&indexes->lock);
    dynamodb_table_unref(job->table);
    mr_buf_fini(&job->from);
    free(job);
}

static enum runtime_pump_next indexes_step(void *ctx, int64_t *ret_wake_ms)
{
    struct dynamodb_indexes *indexes = ctx;
    struct job *job = first_job(indexes);
    (void)ret_wake_ms;
    if (job == NULL)
        return RUNTIME_PUMP_WAIT;
    struct dynamodb_index *index = unfinished(job->table);
    if (index == NULL) {
        remove_job(indexes, job);
        return RUNTIME_PUMP_AGAIN;
    }
    if (run_slice(job, index) == MR_OK)
        return RUNTIME_PUMP_AGAIN;
    mr_log(MR_LOG_ERROR, "dynamodb", "an index of table '%.*s' stays unfinished until the restart",
           MR_ARG(job->table->name));
    return RUNTIME_PUMP_DONE;
}

void dynamodb_indexes_begin(struct dynamodb_table *table)
{
    struct dynamodb_indexes *indexes = table->dynamodb->indexes;
    struct job *job = mr_calloc(1, sizeof(*job));
    atomic_fetch_add(&table->references, 1);
    job->table = table;
    pthread_mutex_lock(&indexes->lock);
    job->next = indexes->locked.first;
    indexes->locked.first = job;
    pthread_mutex_unlock(&indexes->lock);
    if (indexes->pump != NULL)
        runtime_pump_wake(indexes->pump);
}

void dynamodb_indexes_open(struct dynamodb *dynamodb)
{
    struct dynamodb_indexes *indexes = mr_calloc(1, sizeof(*indexes));
    size_t cursor = 0;
    struct mr_slice name;
    void *table;
    indexes->dynamodb = dynamodb;
    pthread_mutex_init(&indexes->lock, NULL);
    dynamodb->indexes = indexes;
    while (mr_map_next(&dynamodb->locked.tables, &cursor, &name, &table)) {
        if (unfinished(table) != NULL)
            dynamodb_indexes_begin(table);
    }
    indexes->pump = runtime_pump_start(dynamodb->runtime, "dynamodb index", indexes_step, indexes);
}

void dynamodb_indexes_close(struct dynamodb *dynamodb)
{
    struct dynamodb_indexes *indexes = dynamodb->indexes;
    if (indexes == NULL)
        return;
    runtime_pump_stop(indexes->pump);
    while (indexes->locked.first != NULL)
        remove_job(indexes, indexes->locked.first);
    pthread_mutex_destroy(&indexes->lock);
    free(indexes);
    dynamodb->indexes = NULL;
}
