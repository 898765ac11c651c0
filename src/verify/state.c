/* The view against the journal: the last op of each key must be what the view shows.
 *
 * The keys of one pass are those whose hash falls into its share, so that memory is bounded: a walk
 * over the journal notes the last position of each; a second one compares at these. */
#include "verify/internal.h"
#include <stdlib.h>

struct last {
    uint64_t hash;
    int64_t position; /* 0: free */
};
struct state {
    struct verify *verify;
    struct last *table; /* owned; open addressing */
    size_t capacity;
    uint64_t shares, share;
    struct view_iterator *at[VIEW_SPACES];
    bool comparing;
};

static bool is_state(const struct journal_op *op)
{
    return (op->kind == JOURNAL_PUT || op->kind == JOURNAL_DELETE) && op->space < VIEW_SPACES &&
           !(op->space == VIEW_META && op->key.len > 0 && op->key.ptr[0] == '\0');
}

static struct last *slot_of(const struct state *state, uint64_t hash)
{
    size_t at = (size_t)(hash / state->shares) & (state->capacity - 1);
    while (state->table[at].position != 0 && state->table[at].hash != hash)
        at = (at + 1) & (state->capacity - 1);
    return &state->table[at];
}

static bool is_shown(struct state *state, const struct journal_op *op)
{
    struct view_iterator *at = state->at[op->space];
    view_iterator_seek(at, op->key);
    const bool there = view_iterator_valid(at) && mr_slice_equal(view_iterator_key(at), op->key);
    return op->kind == JOURNAL_DELETE ? !there
                                      : there && mr_slice_equal(view_iterator_value(at), op->value);
}

static void tell_state(struct state *state, const struct journal_op *op)
{
    static const char *const spaces[VIEW_SPACES] = {"a document", "an item",  "an index entry",
                                                    "an object",  "a cursor", "an item's history"};
    struct verify *verify = state->verify;
    struct verify_finding finding = verify_finding_none;
    struct streams_change change;
    struct mr_arena arena;
    mr_arena_init(&arena);
    finding.kind = VERIFY_STATE;
    finding.position = op->position;
    if (op->space == VIEW_OBJECT)
        finding.object = verify_object_text(&arena, op->key);
    const struct verify_event *event = verify_event_at(verify, op->position);
    if (op->space == VIEW_ITEM && event != NULL && streams_change_read(op, &change))
        verify_name_event(verify, event, &arena, &finding);
    verify_find(&verify->report, &finding, "the view differs from the journal in %s",
                spaces[op->space]);
    mr_arena_fini(&arena);
}

static enum mr_status on_entry(void *ctx, const struct journal_op *ops, size_t count)
{
    struct state *state = ctx;
    for (size_t i = 0; i < count; i++) {
        const struct journal_op *op = &ops[i];
        if (!is_state(op))
            continue;
        const uint64_t hash = mr_slice_hash(op->key) ^ ((uint64_t)op->space << 56);
        if (hash % state->shares != state->share)
            continue;
        struct last *last = slot_of(state, hash);
        if (!state->comparing)
            *last = (struct last){hash, op->position};
        else if (last->position == op->position && !is_shown(state, op))
            tell_state(state, op);
    }
    return MR_OK;
}

static enum mr_status pass(struct state *state, const char *folder)
{
    const struct verify *verify = state->verify;
    enum mr_status status = MR_OK;
    memset(state->table, 0, state->capacity * sizeof *state->table);
    for (int round = 0; round < 2 && status == MR_OK; round++) {
        state->comparing = round == 1;
        struct journal_scan scan = {.folder = folder,
                                    .from = verify->from,
                                    .until = verify->until,
                                    .on_entry = on_entry,
                                    .ctx = state};
        status = journal_scan_run(&scan);
    }
    return status;
}

enum mr_status verify_state(struct verify *verify)
{
    struct state state = {.verify = verify, .shares = verify->ops / VERIFY_KEYS_MAX + 1};
    struct mr_buf folder = {0};
    enum mr_status status = MR_OK;
    state.capacity = 1024;
    while (state.capacity < 2 * (verify->ops / state.shares + VERIFY_KEYS_MAX / 16))
        state.capacity *= 2;
    state.table = mr_calloc(state.capacity, sizeof *state.table);
    for (int i = 0; i < VIEW_SPACES; i++)
        state.at[i] = view_snapshot_iterate(verify->snapshot, (enum view_space)i, MR_S(""));
    mr_buf_printf(&folder, "%s/journal", store_folder(verify->options.store));
    mr_buf_byte(&folder, '\0');
    for (; state.share < state.shares && status == MR_OK; state.share++)
        status = pass(&state, folder.data);
    for (int i = 0; i < VIEW_SPACES; i++)
        view_iterator_free(state.at[i]);
    mr_buf_fini(&folder);
    free(state.table);
    return status;
}
