#include "view/hop.h"

struct hop *hop_list_add(struct hop_list *list, const char *kind, struct mr_slice name)
{
    if (list->count == list->capacity) {
        const size_t more = list->capacity == 0 ? 16 : list->capacity * 2;
        list->hops = mr_arena_realloc(list->arena, list->hops, sizeof *list->hops * list->capacity,
                                      sizeof *list->hops * more);
        list->capacity = more;
    }
    struct hop *hop = &list->hops[list->count++];
    *hop = (struct hop){.kind = kind, .name = mr_arena_copy(list->arena, name), .state = ""};
    return hop;
}

void hop_window_add(struct hop_list *list, struct hop *hop, const struct hop_window *window)
{
    if (hop->window_count == hop->capacity) {
        const size_t more = hop->capacity == 0 ? 8 : hop->capacity * 2;
        hop->windows =
            mr_arena_realloc(list->arena, hop->windows, sizeof *hop->windows * hop->capacity,
                             sizeof *hop->windows * more);
        hop->capacity = more;
    }
    hop->windows[hop->window_count++] = *window;
}

/* MR_OK: the next op of the window that has not been carried, from the cursor on. MR_END: there is
 * none in front of `before`. < 0. */
static enum mr_status next_op(struct journal *journal, const struct hop_window *window,
                              int64_t before, struct journal_cursor *cursor,
                              struct journal_op *ret_op)
{
    enum mr_status status = journal_next(journal, window->window, cursor, ret_op);
    if (status == MR_NOT_FOUND) { /* trimmed: the reader will find them gone as well */
        cursor->position = journal_first(journal);
        status = journal_next(journal, window->window, cursor, ret_op);
    }
    const int64_t end = window->end < before ? window->end : before;
    return status == MR_OK && ret_op->position >= end ? MR_END : status;
}

void hop_measure(struct store *store, const struct hop *hop, uint64_t records_max,
                 struct hop_lag *ret_lag)
{
    *ret_lag = (struct hop_lag){0};
    for (size_t i = 0; i < hop->window_count && !ret_lag->more; i++) {
        const struct hop_window *window = &hop->windows[i];
        struct journal_cursor cursor = {.position = window->passed};
        struct journal_op op;
        while (window->passed < window->end &&
               next_op(store_journal(store), window, INT64_MAX, &cursor, &op) == MR_OK) {
            if (ret_lag->records == records_max) {
                ret_lag->more = true;
                break;
            }
            ret_lag->records++;
            ret_lag->bytes += op.key.len + op.value.len + op.old.len;
            if (ret_lag->oldest_ms == 0 || op.time_ms < ret_lag->oldest_ms)
                ret_lag->oldest_ms = op.time_ms;
        }
        journal_cursor_fini(&cursor);
    }
}

/* Whether the journal holds nothing of the window between its reader's place and `end`. */
static bool is_silent(struct journal *journal, const struct hop_window *window, int64_t end,
                      struct hop_seen *seen)
{
    const size_t slot = window->window % HOP_SEEN_WINDOWS;
    const bool known = seen->slots[slot].window == window->window &&
                       seen->slots[slot].from <= window->passed &&
                       window->passed < seen->slots[slot].to;
    const int64_t from = known ? seen->slots[slot].from : window->passed;
    struct journal_cursor cursor = {.position = known ? seen->slots[slot].to : window->passed};
    struct journal_op op = {0};
    if (cursor.position >= end)
        return true;
    const enum mr_status status = next_op(journal, window, end, &cursor, &op);
    if (status >= 0) {
        seen->slots[slot].window = window->window;
        seen->slots[slot].from = from;
        seen->slots[slot].to = op.position > 0 ? op.position : cursor.position;
    }
    journal_cursor_fini(&cursor);
    return status == MR_END;
}

bool hop_has_passed(struct store *store, const struct hop *hop, int64_t position,
                    struct hop_seen *seen)
{
    struct journal *journal = store_journal(store);
    bool passed = journal_durable(journal) >= position;
    for (size_t i = 0; i < hop->window_count && passed; i++) {
        const struct hop_window *window = &hop->windows[i];
        const int64_t end = window->end < position ? window->end : position;
        passed = window->passed >= end || is_silent(journal, window, end, seen);
    }
    return passed;
}
