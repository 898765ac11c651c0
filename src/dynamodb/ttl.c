/* Time to live: the operations, and the pump that deletes what has expired.
 *
 * A sweep reads every table that has TTL, slice by slice, without a lock; what looks expired is
 * looked at again under its lane's lock and deleted through the one write path, so that an item
 * which was given more time meanwhile stays. Between sweeps the pump rests for 20 times as long as
 * the sweep took, at least a second: it costs a twentieth of a core at most, and nothing at all
 * when no table has TTL. A sweep takes about a second of CPU a million items (of 250 bytes,
 * measured), so in a table of ten million an expired item goes within some three minutes; in a
 * small one within a second or two. AWS promises days. An index of expiries would find them at
 * once, and would cost every write of such a table an op more. */
#include "dynamodb/internal.h"
#include "base/log.h"
#include <stdlib.h>

enum {
    SLICE_ITEMS = 2000,
    SLICE_EXPIRED = 200,
    SLICE_BYTES = 4 << 20,
    REST_MS_MIN = 1000,
    REST_FACTOR = 20,
};
/* AWS: what expired longer ago than five years is taken for a mistake. */
static const int64_t expired_s_max = (int64_t)86400 * 365 * 5;
static const int64_t change_rest_ms = 3600000; /* AWS: one change an hour of a table's */

struct dynamodb_ttl {
    struct dynamodb *dynamodb;
    struct runtime_pump *pump;
    /* the pump's own */
    struct dynamodb_table *table; /* being swept; NULL: between sweeps */
    struct mr_buf from;           /* where the next slice begins */
    int64_t began_ms;
};

bool dynamodb_ttl_expired(struct mr_slice item, struct mr_slice attribute, int64_t now_ms)
{
    struct item_value value = item_get(item, attribute);
    if (value.type != ITEM_N)
        return false;
    struct item_number now = item_number_from_u64((uint64_t)(now_ms / 1000));
    struct item_number oldest = item_number_from_u64((uint64_t)(now_ms / 1000 - expired_s_max));
    return mr_slice_compare(value.body, item_number_slice(&now)) <= 0 &&
           mr_slice_compare(value.body, item_number_slice(&oldest)) > 0;
}

/* ---- the pump ---- */

/* The attribute, copied; empty: the table has no TTL. */
static struct mr_slice attribute_of(struct mr_arena *arena, struct dynamodb_table *table)
{
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    struct mr_slice name = mr_arena_copy(arena, mr_buf_slice(&table->locked.ttl));
    pthread_rwlock_unlock(&table->dynamodb->lock);
    return name;
}

static bool has_ttl(const struct dynamodb_table *table)
{
    return table->locked.ttl.len > 0;
}

struct slice {
    struct mr_arena *arena;
    struct mr_slice attribute;
    int64_t now_ms;
    struct mr_slice *expired;
    size_t count;
};

/* Gathers the keys of what looks expired; true at the end of the table. */
static bool look(struct dynamodb_ttl *ttl, struct slice *slice)
{
    uint32_t number = ttl->table->number;
    const char prefix[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8),
                            (char)number};
    struct mr_slice head = mr_slice_make(prefix, sizeof(prefix));
    struct view_iterator *iterator =
        view_iterate(store_view(ttl->dynamodb->store), VIEW_ITEM, head);
    size_t items = 0, bytes = 0;
    view_iterator_seek(iterator, ttl->from.len > 0 ? mr_buf_slice(&ttl->from) : head);
    for (; view_iterator_valid(iterator); view_iterator_next(iterator)) {
        struct mr_slice item = view_iterator_value(iterator), key = view_iterator_key(iterator);
        if (items++ == SLICE_ITEMS || bytes > SLICE_BYTES || slice->count == SLICE_EXPIRED) {
            mr_buf_reset(&ttl->from);
            mr_buf_append(&ttl->from, key);
            break;
        }
        bytes += item.len;
        if (dynamodb_ttl_expired(item, slice->attribute, slice->now_ms))
            slice->expired[slice->count++] = mr_arena_copy(slice->arena, key);
    }
    bool done = !view_iterator_valid(iterator);
    view_iterator_free(iterator);
    return done;
}

static enum mr_status sweep_slice(struct dynamodb_ttl *ttl, struct mr_arena *arena, bool *ret_done)
{
    struct slice slice = {.arena = arena,
                          .attribute = attribute_of(arena, ttl->table),
                          .now_ms = store_now(ttl->dynamodb->store),
                          .expired = MR_NEW_ARRAY(arena, struct mr_slice, SLICE_EXPIRED)};
    int64_t ticket = 0;
    *ret_done = slice.attribute.len == 0 || look(ttl, &slice);
    for (size_t i = 0; i < slice.count; i++) {
        enum mr_status status = dynamodb_write_expire(arena, ttl->table, slice.expired[i],
                                                      slice.attribute, slice.now_ms, &ticket);
        if (status < 0)
            return status;
    }
    return ticket == 0 ? MR_OK : store_wait(ttl->dynamodb->store, ticket);
}

static enum runtime_pump_next rest(struct dynamodb_ttl *ttl, int64_t *ret_wake_ms)
{
    int64_t now_ms = store_now(ttl->dynamodb->store);
    int64_t rest_ms = (now_ms - ttl->began_ms) * REST_FACTOR;
    *ret_wake_ms = now_ms + (rest_ms > REST_MS_MIN ? rest_ms : REST_MS_MIN);
    return RUNTIME_PUMP_WAIT;
}

static enum runtime_pump_next ttl_step(void *ctx, int64_t *ret_wake_ms)
{
    struct dynamodb_ttl *ttl = ctx;
    bool done;
    if (ttl->table == NULL) {
        ttl->began_ms = store_now(ttl->dynamodb->store);
        ttl->table = dynamodb_table_after(ttl->dynamodb, 0, has_ttl);
        mr_buf_reset(&ttl->from);
        if (ttl->table == NULL)
            return RUNTIME_PUMP_WAIT;
    }
    struct mr_arena arena;
    mr_arena_init(&arena);
    enum mr_status status = sweep_slice(ttl, &arena, &done);
    mr_arena_fini(&arena);
    if (status < 0) {
        mr_log(MR_LOG_ERROR, "dynamodb", "expired items stay until the restart");
        return RUNTIME_PUMP_DONE;
    }
    if (!done)
        return RUNTIME_PUMP_AGAIN;
    struct dynamodb_table *next = dynamodb_table_after(ttl->dynamodb, ttl->table->number, has_ttl);
    dynamodb_table_unref(ttl->table);
    ttl->table = next;
    mr_buf_reset(&ttl->from);
    return next != NULL ? RUNTIME_PUMP_AGAIN : rest(ttl, ret_wake_ms);
}

void dynamodb_ttl_open(struct dynamodb *dynamodb)
{
    struct dynamodb_ttl *ttl = mr_calloc(1, sizeof(*ttl));
    ttl->dynamodb = dynamodb;
    dynamodb->ttl = ttl;
    ttl->pump = runtime_pump_start(dynamodb->runtime, "dynamodb ttl", ttl_step, ttl);
}

void dynamodb_ttl_close(struct dynamodb *dynamodb)
{
    struct dynamodb_ttl *ttl = dynamodb->ttl;
    if (ttl == NULL)
        return;
    runtime_pump_stop(ttl->pump);
    dynamodb_table_unref(ttl->table);
    mr_buf_fini(&ttl->from);
    free(ttl);
    dynamodb->ttl = NULL;
}

/* ---- operations ---- */

static struct dynamodb_table *find_table(struct protocol_call *call)
{
    return dynamodb_need_table(call, mr_json_get_text(call->in, "TableName"), true);
}

void dynamodb_describe_time_to_live(struct protocol_call *call)
{
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
    if (table == NULL)
        return;
    struct mr_slice attribute = attribute_of(call->arena, table);
    mr_json_key(&call->out, "TimeToLiveDescription");
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "TimeToLiveStatus", attribute.len > 0 ? "ENABLED" : "DISABLED");
    if (attribute.len > 0)
        mr_json_key_string(&call->out, "AttributeName", attribute);
    mr_json_object_end(&call->out);
}

static enum mr_status check_change(struct protocol_call *call, struct mr_slice now, bool enable,
                                   struct mr_slice attribute)
{
    if (!enable && now.len == 0)
        return protocol_fail(call, &protocol_validation, "TimeToLive is already disabled");
    if (now.len > 0 && !mr_slice_equal(now, attribute))
        return protocol_fail(call, &protocol_validation,
                             "TimeToLive is active on a different AttributeName: current "
                             "AttributeName is %.*s",
                             MR_ARG(now));
    if (enable && now.len > 0)
        return protocol_fail(call, &protocol_validation, "TimeToLive is already enabled");
    return MR_OK;
}

/* AWS: what changes nothing, or the wrong thing, is told first. */
static enum mr_status check_rest(struct protocol_call *call, const struct dynamodb_table *table)
{
    const int64_t last_ms = table->locked.ttl_changed_ms;
    if (last_ms == 0 || call->now_ms - last_ms >= change_rest_ms)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "Time to live has been modified multiple times within a fixed interval");
}

/* The caller holds admin. */
static enum mr_status change_admin(struct protocol_call *call, struct dynamodb_table *table)
{
    yyjson_val *wish = mr_json_get(call->in, "TimeToLiveSpecification");
    struct mr_slice attribute = mr_json_get_text(wish, "AttributeName");
    bool enable = mr_json_get_bool(wish, "Enabled", false);
    enum mr_status status = dynamodb_check_filled(call, table);
    if (status == MR_OK)
        status = check_change(call, attribute_of(call->arena, table), enable, attribute);
    if (status == MR_OK)
        status = check_rest(call, table);
    if (status != MR_OK)
        return status;
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    table->locked.ttl_changed_ms = call->now_ms;
    mr_buf_reset(&table->locked.ttl);
    if (enable)
        mr_buf_append(&table->locked.ttl, attribute);
    pthread_rwlock_unlock(&table->dynamodb->lock);
    struct store_entry entry = store_entry_make(call->arena);
    dynamodb_document_put(table, &entry);
    return store_commit_wait(table->dynamodb->store, &entry);
}

void dynamodb_update_time_to_live(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    enum mr_status status = MR_FAULT;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
    if (table != NULL)
        status = change_admin(call, table);
    pthread_mutex_unlock(&dynamodb->admin);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return;
    mr_json_key_value(&call->out, "TimeToLiveSpecification",
                      mr_json_get(call->in, "TimeToLiveSpecification"));
    runtime_pump_wake(dynamodb->ttl->pump);
}
