/* sim/mutate.c: the server broken on purpose, at the joints of its own functions, to see that the
 * simulation finds it. Without a mutation each of these does what it stands in for. */
#include "sim/sim.h"
#include "view/store.h"
#include "journal/internal.h"

enum { CURSOR_LEFT_OUT_ONE_IN = 3, REPLAY_BYTES = 30000 };

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
