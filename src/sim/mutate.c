/* sim/mutate.c: the server broken on purpose, at the joints of its own functions, to see that the
 * simulation finds it. Without a mutation each of these does what it stands in for. */
#include "sim/sim.h"
#include "dynamodb/internal.h"
#include "event/pattern.h"
#include "item/expression.h"
#include "view/store.h"
#include "journal/internal.h"

enum {
    CURSOR_LEFT_OUT_ONE_IN = 3,
    REPLAY_BYTES = 30000,
    ASTRAY_ONE_IN = 4,
    EXPIRY_NS_MAX = 50000000
};

static bool is(enum sim_mutation mutation)
{
    return sim->plan.mutation == mutation;
}

enum mr_status __real_journal_wait(struct journal *journal, int64_t ticket);
enum mr_status __wrap_journal_wait(struct journal *journal, int64_t ticket);
enum mr_status __wrap_journal_wait(struct journal *journal, int64_t ticket)
{
    return is(SIM_FLUSH_AHEAD) ? MR_OK : __real_journal_wait(journal, ticket);
}

enum mr_status __wrap_store_wait(struct store *store, int64_t ticket);
enum mr_status __wrap_store_wait(struct store *store, int64_t ticket)
{
    return is(SIM_REPLY_EARLY) ? MR_OK : __real_journal_wait(store_journal(store), ticket);
}

void __real_store_cursor_put(struct store_entry *entry, struct mr_slice name, int64_t position);
void __wrap_store_cursor_put(struct store_entry *entry, struct mr_slice name, int64_t position);
void __wrap_store_cursor_put(struct store_entry *entry, struct mr_slice name, int64_t position)
{
    if (!is(SIM_CURSOR_APART) || !sim_chance(CURSOR_LEFT_OUT_ONE_IN))
        __real_store_cursor_put(entry, name, position);
}

/* No mutation: a view that is flushed, and its files merged, while little is written. */
size_t __wrap_view_memtable_bytes(const struct view *view);
size_t __wrap_view_memtable_bytes(const struct view *view)
{
    (void)view;
    return sim->plan.memtable_bytes;
}

typedef enum mr_status (*replay_fn)(void *ctx, const struct journal_op *ops, size_t count,
                                    int64_t entry_end);
enum mr_status __real_journal_replay(struct journal *journal, int64_t from, replay_fn fn,
                                     void *ctx);
enum mr_status __wrap_journal_replay(struct journal *journal, int64_t from, replay_fn fn,
                                     void *ctx);
enum mr_status __wrap_journal_replay(struct journal *journal, int64_t from, replay_fn fn, void *ctx)
{
    if (is(SIM_REPLAY_LATE) && journal_tail(journal) > from) {
        from += REPLAY_BYTES;
        from = from > journal_tail(journal) ? journal_tail(journal) : from;
    }
    return __real_journal_replay(journal, from, fn, ctx);
}

bool __real_journal_entry_body_is_good(const char *bytes, const struct journal_entry *entry);
bool __wrap_journal_entry_body_is_good(const char *bytes, const struct journal_entry *entry);
bool __wrap_journal_entry_body_is_good(const char *bytes, const struct journal_entry *entry)
{
    return is(SIM_TAIL_TRUSTED) || __real_journal_entry_body_is_good(bytes, entry);
}

/* ---- what the journal keeps ---- */

static int retaining = -1; /* the fiber that has not noted the journal's tail yet */

enum mr_status __real_store_retain(struct store *store);
enum mr_status __wrap_store_retain(struct store *store);
enum mr_status __wrap_store_retain(struct store *store)
{
    retaining = sim_fiber_self();
    return __real_store_retain(store);
}

int64_t __real_journal_tail(const struct journal *journal);
int64_t __wrap_journal_tail(const struct journal *journal);
int64_t __wrap_journal_tail(const struct journal *journal)
{
    if (!is(SIM_RETAIN_LATE) || retaining != sim_fiber_self())
        return __real_journal_tail(journal);
    retaining = -1;
    return INT64_MAX;
}

/* ---- filters, conditions, times to live ---- */

bool __real_event_filter_takes(const struct event_filter *filter, yyjson_val *event);
bool __wrap_event_filter_takes(const struct event_filter *filter, yyjson_val *event);
bool __wrap_event_filter_takes(const struct event_filter *filter, yyjson_val *event)
{
    const bool takes = __real_event_filter_takes(filter, event);
    if (filter != NULL && is(takes ? SIM_FILTER_SHUT : SIM_FILTER_OPEN) &&
        sim_chance(ASTRAY_ONE_IN))
        return !takes;
    return takes;
}

bool __real_item_condition_holds(struct mr_arena *arena, const struct item_condition *condition,
                                 struct mr_slice item);
bool __wrap_item_condition_holds(struct mr_arena *arena, const struct item_condition *condition,
                                 struct mr_slice item);
bool __wrap_item_condition_holds(struct mr_arena *arena, const struct item_condition *condition,
                                 struct mr_slice item)
{
    const bool holds = __real_item_condition_holds(arena, condition, item);
    if (is(holds ? SIM_CONDITION_SHUT : SIM_CONDITION_OPEN) && sim_chance(ASTRAY_ONE_IN))
        return !holds;
    return holds;
}

/* From outside its file: under the lock, for an item that looked expired before. */
bool __real_dynamodb_ttl_expired(struct mr_slice item, struct mr_slice attribute, int64_t now_ms);
bool __wrap_dynamodb_ttl_expired(struct mr_slice item, struct mr_slice attribute, int64_t now_ms);
bool __wrap_dynamodb_ttl_expired(struct mr_slice item, struct mr_slice attribute, int64_t now_ms)
{
    return is(SIM_EXPIRY_EARLY) || __real_dynamodb_ttl_expired(item, attribute, now_ms);
}

enum mr_status __real_dynamodb_write_expire(struct mr_arena *arena, struct dynamodb_table *table,
                                            struct mr_slice key, struct mr_slice attribute,
                                            int64_t now_ms, int64_t *ticket);
enum mr_status __wrap_dynamodb_write_expire(struct mr_arena *arena, struct dynamodb_table *table,
                                            struct mr_slice key, struct mr_slice attribute,
                                            int64_t now_ms, int64_t *ticket);
enum mr_status __wrap_dynamodb_write_expire(struct mr_arena *arena, struct dynamodb_table *table,
                                            struct mr_slice key, struct mr_slice attribute,
                                            int64_t now_ms, int64_t *ticket)
{
    unsigned sum = 0;
    for (size_t i = 0; i < key.len; i++)
        sum += (unsigned char)key.ptr[i];
    if (is(SIM_EXPIRY_MISSED) && sum % 2 == 0)
        return MR_NOT_FOUND;
    if (is(SIM_EXPIRY_EARLY)) /* a client may be faster */
        sim_sleep((int64_t)sim_below(EXPIRY_NS_MAX));
    return __real_dynamodb_write_expire(arena, table, key, attribute, now_ms, ticket);
}
