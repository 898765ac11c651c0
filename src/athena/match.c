/* The machine of match.h, and AFTER MATCH SKIP around it.
 *
 * A thread is a step of the program that waits for a row, the state that conditions look at, and
 * the rows matched so far: a chain of nodes, shared with the threads that forked off. */
#include "athena/match.h"
#include "base/json.h"
#include <stdlib.h>

#define NONE UINT32_MAX
enum { FIRST_ROOM = 64 };

struct thread {
    uint32_t step, history;
    size_t state; /* its number among those of this row */
};
struct threads {
    struct thread *list;
    size_t count, capacity;
    int64_t *states;
    size_t state_count, state_room;
};
/* A row that was matched, by the step that took it. */
struct node {
    uint32_t before, step, users;
};
/* A state that came by a step at this row. */
struct visitor {
    size_t state;
    uint64_t hash; /* of both */
    uint32_t step, next;
};
struct runner {
    const struct match_plan *plan;
    const struct match_rows *rows;
    struct match_result_list *result;
    struct match_moment moment;
    int64_t *budget;
    struct threads threads[2], *now, *next;
    struct node *history;
    uint32_t history_count, history_room, history_free;
    struct visitor *visitors;
    size_t visitor_count, visitor_room;
    uint32_t *buckets; /* of visitors by hash */
    size_t bucket_count;
    uint64_t *rounds, round; /* in which a step was last visited, if there are no states */
    uint32_t *stack;         /* steps to be looked at */
    bool found;              /* a match, whose last row is `best` */
    uint32_t best;
    uint32_t *labels; /* steps that took the rows of the match */
    size_t matched, label_room;
    int64_t *seen; /* state of the measures' slots */
    int64_t sequence, number;
    size_t shown_to; /* rows before this one are part of a match */
    const char *error;
};

static const char too_much[] =
    "EXCEEDED_LOCAL_MEMORY_LIMIT: Query exhausted resources at this scale factor";
static const char too_long[] =
    "EXCEEDED_CPU_LIMIT: Query exhausted resources at this scale factor: a row pattern that takes "
    "too many steps";

struct mr_slice athena_match_label(struct mr_arena *arena, struct mr_slice name)
{
    char *upper = mr_arena_cstr(arena, name);
    for (size_t i = 0; i < name.len; i++)
        upper[i] = upper[i] >= 'a' && upper[i] <= 'z' ? (char)(upper[i] - 32) : upper[i];
    return mr_slice_make(upper, name.len);
}

static bool fail(struct runner *runner, const char *error)
{
    if (runner->error == NULL)
        runner->error = error;
    return false;
}

static bool spend(struct runner *runner, int64_t steps)
{
    *runner->budget -= steps;
    return *runner->budget >= 0 || fail(runner, too_long);
}

/* `list` with room for one more. */
static void *room(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    *capacity = *capacity == 0 ? FIRST_ROOM : *capacity * 2;
    return mr_realloc(list, *capacity * size);
}

/* ---- the rows matched so far ---- */

static bool remember(struct runner *runner, uint32_t before, uint32_t step, uint32_t *ret)
{
    uint32_t at = runner->history_free;
    if (at != NONE) {
        runner->history_free = runner->history[at].before;
    } else {
        size_t capacity = runner->history_room;
        if (runner->history_count >= MATCH_HISTORY_MAX)
            return fail(runner, too_much);
        runner->history =
            room(runner->history, runner->history_count, &capacity, sizeof *runner->history);
        runner->history_room = (uint32_t)capacity;
        at = runner->history_count++;
    }
    runner->history[at] = (struct node){.before = before, .step = step};
    if (before != NONE)
        runner->history[before].users++;
    *ret = at;
    return true;
}

/* A node that lost a user, or never had one. */
static void forget(struct runner *runner, uint32_t at)
{
    while (at != NONE && runner->history[at].users == 0) {
        const uint32_t before = runner->history[at].before;
        runner->history[at].before = runner->history_free;
        runner->history_free = at;
        at = before;
        if (at != NONE)
            runner->history[at].users--;
    }
}

static void release(struct runner *runner, uint32_t at)
{
    if (at == NONE)
        return;
    runner->history[at].users--;
    forget(runner, at);
}

static void hold(struct runner *runner, uint32_t at)
{
    if (at != NONE)
        runner->history[at].users++;
}

/* ---- threads ---- */

static int64_t *state_of(const struct runner *runner, const struct threads *threads, size_t state)
{
    return threads->states + state * runner->plan->state_width;
}

/* One more state behind those of `threads`. */
static bool add_state(struct runner *runner, struct threads *threads)
{
    const size_t width = runner->plan->state_width;
    if ((threads->state_count + 1) * width > MATCH_STATES_MAX)
        return fail(runner, too_much);
    if (threads->state_count == threads->state_room) {
        threads->state_room = threads->state_room == 0 ? FIRST_ROOM : threads->state_room * 2;
        threads->states =
            mr_realloc(threads->states, (threads->state_room * width + 1) * sizeof(int64_t));
    }
    threads->state_count++;
    return true;
}

/* FNV-1a, a number at a time. */
static uint64_t hash_of(const int64_t *state, size_t width, uint32_t step)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ step;
    for (size_t i = 0; i < width; i++)
        hash = (hash ^ (uint64_t)state[i] ^ (uint64_t)state[i] >> 32) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

/* As many buckets as visitors at least, each visitor in its own. */
static void grow_buckets(struct runner *runner)
{
    if (runner->visitor_count < runner->bucket_count)
        return;
    runner->bucket_count = runner->bucket_count == 0 ? FIRST_ROOM : runner->bucket_count * 4;
    free(runner->buckets);
    runner->buckets = mr_malloc(runner->bucket_count * sizeof *runner->buckets);
    memset(runner->buckets, 0xff, runner->bucket_count * sizeof *runner->buckets);
    for (size_t i = 0; i < runner->visitor_count; i++) {
        uint32_t *bucket = &runner->buckets[runner->visitors[i].hash % runner->bucket_count];
        runner->visitors[i].next = *bucket;
        *bucket = (uint32_t)i;
    }
}

/* Whether a thread with an equal state was at the step before; else it is now. */
static bool visit(struct runner *runner, uint32_t step, size_t state)
{
    const size_t width = runner->plan->state_width;
    const int64_t *own = state_of(runner, runner->next, state);
    if (width == 0) {
        const bool before = runner->rounds[step] == runner->round;
        runner->rounds[step] = runner->round;
        return before;
    }
    const uint64_t hash = hash_of(own, width, step);
    if (runner->visitor_count >= MATCH_HISTORY_MAX)
        return !fail(runner, too_much);
    grow_buckets(runner);
    uint32_t *bucket = &runner->buckets[hash % runner->bucket_count];
    for (uint32_t at = *bucket; at != NONE; at = runner->visitors[at].next) {
        const struct visitor *other = &runner->visitors[at];
        *runner->budget -= 1;
        if (other->hash == hash && other->step == step &&
            memcmp(state_of(runner, runner->next, other->state), own, width * sizeof *own) == 0)
            return true;
    }
    runner->visitors = room(runner->visitors, runner->visitor_count, &runner->visitor_room,
                            sizeof *runner->visitors);
    runner->visitors[runner->visitor_count] =
        (struct visitor){.state = state, .hash = hash, .step = step, .next = *bucket};
    *bucket = (uint32_t)runner->visitor_count++;
    return false;
}

static bool schedule(struct runner *runner, uint32_t step, uint32_t history, size_t state)
{
    struct threads *next = runner->next;
    if (next->count >= MATCH_THREADS_MAX)
        return fail(runner, too_much);
    next->list = room(next->list, next->count, &next->capacity, sizeof *next->list);
    next->list[next->count++] = (struct thread){step, history, state};
    hold(runner, history);
    return true;
}

/* From `step` to all steps that wait for a row, the most preferred ones first. `row` is the one
 * that comes. */
static bool follow(struct runner *runner, uint32_t step, uint32_t history, size_t state, size_t row)
{
    size_t depth = 0;
    runner->stack[depth++] = step;
    while (depth > 0) {
        const uint32_t at = runner->stack[--depth];
        const struct match_step *of = &runner->plan->steps[at];
        if (!spend(runner, 1))
            return false;
        if (visit(runner, at, state)) {
            if (runner->error != NULL)
                return false;
            continue;
        }
        switch (of->op) {
        case MATCH_OP_SPLIT:
            runner->stack[depth++] = of->b;
            runner->stack[depth++] = of->a;
            break;
        case MATCH_OP_JUMP: runner->stack[depth++] = of->a; break;
        case MATCH_OP_START:
            if (row == 0)
                runner->stack[depth++] = at + 1;
            break;
        case MATCH_OP_END:
            if (row == runner->rows->count)
                runner->stack[depth++] = at + 1;
            break;
        default:
            if (!schedule(runner, at, history, state))
                return false;
            break;
        }
    }
    return true;
}

static void begin_round(struct runner *runner)
{
    runner->round++;
    for (size_t i = 0; i < runner->visitor_count; i++) /* few of many buckets, mostly */
        runner->buckets[runner->visitors[i].hash % runner->bucket_count] = NONE;
    runner->visitor_count = 0;
    runner->next->count = runner->next->state_count = 0;
}

/* A thread takes the row, if its variable's condition is true. */
static bool take_row(struct runner *runner, const struct thread *thread, size_t row)
{
    const struct match_plan *plan = runner->plan;
    const struct match_step *step = &plan->steps[thread->step];
    const struct match_expression *condition = plan->conditions[step->a];
    struct threads *next = runner->next;
    struct match_value value = {.truth = true};
    uint32_t node;
    if (!add_state(runner, next))
        return false;
    const size_t state = next->state_count - 1;
    int64_t *own = state_of(runner, next, state);
    if (plan->state_width > 0)
        memcpy(own, state_of(runner, runner->now, thread->state), plan->state_width * sizeof *own);
    runner->moment.row = row;
    runner->moment.state = own;
    if (!match_advance(&runner->moment, plan->slots, plan->slot_count, own, step->a) ||
        (condition != NULL && !match_evaluate(&runner->moment, condition, &value)))
        return fail(runner, runner->moment.error);
    if (value.null || !value.truth) {
        next->state_count--;
        return true;
    }
    if (!remember(runner, thread->history, thread->step, &node))
        return false;
    const bool fine = follow(runner, thread->step + 1, node, state, row + 1);
    forget(runner, node);
    return fine;
}

/* One row for all threads. False: it failed. */
static bool step_row(struct runner *runner, size_t row)
{
    struct threads *now = runner->now;
    size_t i = 0;
    bool fine = true;
    begin_round(runner);
    for (; i < now->count && fine; i++) {
        const struct thread *thread = &now->list[i];
        if (runner->plan->steps[thread->step].op == MATCH_OP_DONE) {
            if (runner->found)
                release(runner, runner->best);
            hold(runner, thread->history);
            runner->best = thread->history;
            runner->found = true;
            break; /* those behind it are less preferred */
        }
        fine = row == runner->rows->count || (spend(runner, 4) && take_row(runner, thread, row));
    }
    for (i = 0; i < now->count; i++)
        release(runner, now->list[i].history);
    now->count = 0;
    runner->now = runner->next;
    runner->next = now;
    return fine;
}

/* The most preferred match that begins at the row; its rows' steps go to runner->labels. */
static bool match_at(struct runner *runner, size_t start)
{
    runner->found = false;
    runner->best = NONE;
    runner->moment.start = start;
    runner->moment.number = runner->number;
    begin_round(runner);
    if (!add_state(runner, runner->next))
        return false;
    memset(runner->next->states, 0, runner->plan->state_width * sizeof(int64_t));
    bool fine = follow(runner, 0, NONE, 0, start);
    struct threads *threads = runner->next;
    runner->next = runner->now;
    runner->now = threads;
    for (size_t row = start; fine && runner->now->count > 0 && row <= runner->rows->count; row++)
        fine = step_row(runner, row);
    for (size_t i = 0; i < runner->now->count; i++)
        release(runner, runner->now->list[i].history);
    runner->now->count = 0;
    runner->matched = 0;
    for (uint32_t at = runner->best; at != NONE; at = runner->history[at].before) {
        runner->labels =
            room(runner->labels, runner->matched, &runner->label_room, sizeof *runner->labels);
        runner->labels[runner->matched++] = runner->history[at].step;
    }
    for (size_t i = 0; i < runner->matched / 2; i++) {
        const uint32_t step = runner->labels[i];
        runner->labels[i] = runner->labels[runner->matched - 1 - i];
        runner->labels[runner->matched - 1 - i] = step;
    }
    release(runner, runner->best);
    return fine;
}

/* ---- what comes out ---- */

static int64_t *put(struct runner *runner, size_t row, int64_t label, int64_t flags)
{
    struct match_result_list *result = runner->result;
    const size_t width = MATCH_RESULT_FIELDS + runner->plan->measure_count;
    if (result->count + width > MATCH_RESULT_MAX) {
        fail(runner, too_much);
        return NULL;
    }
    while (result->capacity < result->count + width) {
        result->capacity = result->capacity == 0 ? 1024 : result->capacity * 2;
        result->list = mr_realloc(result->list, result->capacity * sizeof *result->list);
    }
    int64_t *to = result->list + result->count;
    memset(to, 0, width * sizeof *to);
    to[MATCH_RESULT_SEQUENCE] = ++runner->sequence;
    to[MATCH_RESULT_MATCH] = flags & MATCH_NO_MATCH ? 0 : runner->number;
    to[MATCH_RESULT_ROW] = (int64_t)row;
    to[MATCH_RESULT_LABEL] = label;
    to[MATCH_RESULT_FLAGS] = flags;
    result->count += width;
    return to;
}

static uint32_t label_at(const struct runner *runner, size_t at)
{
    return runner->plan->steps[runner->labels[at]].a;
}

/* The row or variable that a measure's slot means, from 1; 0: none. */
static int64_t look(const struct runner *runner, const struct match_slot *slot, size_t start,
                    size_t row)
{
    size_t found;
    uint32_t label;
    if (!match_find(slot, runner->seen, start, row, &found, &label))
        return 0;
    if (slot->physical < 0 ? found < (size_t)-slot->physical
                           : (size_t)slot->physical >= runner->rows->count - found)
        return 0;
    found += (size_t)slot->physical;
    if (!slot->label)
        return (int64_t)found + 1;
    /* a row outside of the match has no variable */
    return found < start || found - start >= runner->matched
               ? 0
               : (int64_t)label_at(runner, found - start) + 1;
}

static void restart(struct runner *runner)
{
    memset(runner->seen, 0, runner->plan->measure_width * sizeof *runner->seen);
}

static bool see(struct runner *runner, size_t start, size_t at)
{
    runner->moment.row = start + at;
    return match_advance(&runner->moment, runner->plan->measures, runner->plan->measure_count,
                         runner->seen, label_at(runner, at)) ||
           fail(runner, runner->moment.error);
}

static bool put_match(struct runner *runner, size_t start)
{
    const struct match_plan *plan = runner->plan;
    const bool all = (plan->flags & MATCH_ALL_ROWS) != 0;
    const bool keep = (plan->flags & MATCH_KEEP_ROWS) != 0;
    const size_t last = runner->matched - 1;
    int64_t *final = mr_malloc((plan->measure_count + 1) * sizeof *final);
    bool fine = true;
    restart(runner);
    for (size_t i = 0; i <= last && fine; i++)
        fine = see(runner, start, i);
    for (size_t i = 0; i < plan->measure_count; i++)
        final[i] = look(runner, &plan->measures[i], start, start + last);
    restart(runner);
    for (size_t i = 0; i <= last && fine; i++) {
        const struct match_step *step = &plan->steps[runner->labels[i]];
        const bool shown = all ? !step->excluded : i == last;
        int64_t *to = NULL;
        fine = spend(runner, 1) && (i < last || all ? see(runner, start, i) : true);
        if (!fine || (!shown && !keep))
            continue;
        to = put(runner, start + i, (int64_t)step->a + 1, shown ? MATCH_SHOWN : 0);
        fine = to != NULL;
        for (size_t k = 0; k < plan->measure_count && fine; k++)
            to[MATCH_RESULT_FIELDS + k] = i == last || plan->measures[k].final
                                              ? final[k]
                                              : look(runner, &plan->measures[k], start, start + i);
    }
    free(final);
    return fine;
}

/* ---- AFTER MATCH SKIP ---- */

/* The row to go on with. */
static bool skip(struct runner *runner, size_t start, size_t *ret_next)
{
    const struct match_plan *plan = runner->plan;
    const bool first = (plan->flags & MATCH_SKIP_FIRST) != 0;
    *ret_next = start + runner->matched;
    if ((plan->flags & MATCH_SKIP_NEXT) != 0)
        *ret_next = start + 1;
    if (!first && (plan->flags & MATCH_SKIP_LAST) == 0)
        return true;
    for (size_t i = 0; i < runner->matched; i++) {
        const size_t at = first ? i : runner->matched - 1 - i;
        if (!plan->skip[label_at(runner, at)])
            continue;
        *ret_next = start + at;
        return at > 0 ||
               fail(runner, "GENERIC_USER_ERROR: AFTER MATCH SKIP failed: cannot skip to first row "
                            "of match");
    }
    return fail(runner, "GENERIC_USER_ERROR: AFTER MATCH SKIP failed: pattern variable is not "
                        "present in match");
}

static bool match_from(struct runner *runner, size_t start, size_t *ret_next)
{
    const unsigned flags = runner->plan->flags;
    *ret_next = start + 1;
    if (!match_at(runner, start))
        return false;
    if (!runner->found)
        return (flags & MATCH_UNMATCHED) == 0 || start < runner->shown_to ||
               put(runner, start, 0, MATCH_SHOWN | MATCH_NO_MATCH) != NULL;
    bool fine = true;
    if (runner->matched == 0) {
        fine = (flags & MATCH_OMIT_EMPTY) != 0 ||
               put(runner, start, 0, MATCH_SHOWN | MATCH_NO_ROWS) != NULL;
    } else {
        fine = put_match(runner, start) && skip(runner, start, ret_next);
        if (start + runner->matched > runner->shown_to)
            runner->shown_to = start + runner->matched;
    }
    runner->number++;
    return fine;
}

static void end(struct runner *runner)
{
    for (size_t i = 0; i < 2; i++) {
        free(runner->threads[i].list);
        free(runner->threads[i].states);
    }
    free(runner->history);
    free(runner->visitors);
    free(runner->buckets);
    free(runner->rounds);
    free(runner->stack);
    free(runner->labels);
    free(runner->seen);
}

const char *match_partition(const struct match_plan *plan, const struct match_rows *rows,
                            int64_t *budget, struct match_result_list *result)
{
    struct runner runner = {.plan = plan,
                            .rows = rows,
                            .result = result,
                            .budget = budget,
                            .moment = {.plan = plan, .rows = rows},
                            .history_free = NONE,
                            .number = 1};
    runner.now = &runner.threads[0];
    runner.next = &runner.threads[1];
    runner.rounds = mr_calloc(plan->step_count, sizeof *runner.rounds);
    runner.stack = mr_malloc((plan->step_count + 2) * sizeof *runner.stack);
    runner.seen = mr_calloc(plan->measure_width + 1, sizeof *runner.seen);
    for (size_t at = 0, next; at < rows->count; at = next) {
        if (!match_from(&runner, at, &next))
            break;
    }
    end(&runner);
    return runner.error;
}

/* ---- plans ---- */

static bool *read_labels(struct mr_arena *arena, yyjson_val *list)
{
    size_t index, count;
    yyjson_val *item;
    if (!yyjson_is_arr(list))
        return NULL;
    bool *labels = MR_NEW_ARRAY(arena, bool, yyjson_arr_size(list) + 1);
    yyjson_arr_foreach(list, index, count, item) labels[index] = mr_json_i64(item, 0) != 0;
    return labels;
}

static int64_t number_at(yyjson_val *list, size_t index)
{
    return mr_json_i64(yyjson_arr_get(list, index), 0);
}

static struct match_slot *read_slots(struct mr_arena *arena, yyjson_val *list, size_t *ret_count,
                                     size_t *ret_width)
{
    size_t index, count;
    yyjson_val *item;
    *ret_count = yyjson_arr_size(list);
    struct match_slot *slots = MR_NEW_ARRAY(arena, struct match_slot, *ret_count + 1);
    yyjson_arr_foreach(list, index, count, item)
    {
        slots[index] = (struct match_slot){.kind = (enum match_slot_kind)number_at(item, 0),
                                           .offset = (uint32_t)number_at(item, 1),
                                           .physical = number_at(item, 2),
                                           .column = (int32_t)number_at(item, 3),
                                           .final = number_at(item, 4) != 0,
                                           .label = number_at(item, 5) != 0,
                                           .labels = read_labels(arena, yyjson_arr_get(item, 6))};
    }
    *ret_width = match_lay_out(slots, *ret_count);
    return slots;
}

/* As deep as the statement nests it. */
static const struct match_expression *read_expression(struct mr_arena *arena, yyjson_val *of)
{
    if (!yyjson_is_arr(of))
        return NULL;
    struct match_expression *expression = MR_NEW(arena, struct match_expression);
    const struct mr_slice op = mr_json_text(yyjson_arr_get(of, 0));
    const int64_t signs = number_at(of, 2);
    *expression =
        (struct match_expression){.op = op.len > 0 ? op.ptr[0] : '\0',
                                  .kind = op.len > 1 ? op.ptr[1] : '\0',
                                  .column = (int32_t)number_at(of, 1),
                                  .less = (signs & 1) != 0,
                                  .equal = (signs & 2) != 0,
                                  .greater = (signs & 4) != 0,
                                  .missing = (int32_t)number_at(of, 3),
                                  .slot = (uint32_t)number_at(of, 4),
                                  .physical = number_at(of, 5),
                                  .bits = (uint32_t)number_at(of, 6),
                                  .unit = number_at(of, 7),
                                  .text = mr_json_text(yyjson_arr_get(of, 8)),
                                  .left = read_expression(arena, yyjson_arr_get(of, 9)),
                                  .right = read_expression(arena, yyjson_arr_get(of, 10))};
    return expression;
}

static const struct match_step *read_steps(struct mr_arena *arena, yyjson_val *list,
                                           size_t *ret_count)
{
    *ret_count = yyjson_arr_size(list) / 4;
    struct match_step *steps = MR_NEW_ARRAY(arena, struct match_step, *ret_count + 1);
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, count, item)
    {
        struct match_step *step = &steps[index / 4];
        const int64_t number = mr_json_i64(item, 0);
        if (index % 4 == 0)
            step->op = (enum match_op)number;
        else if (index % 4 == 1)
            step->a = (uint32_t)number;
        else if (index % 4 == 2)
            step->b = (uint32_t)number;
        else
            step->excluded = number != 0;
    }
    return steps;
}

const struct match_plan *match_plan_read(struct mr_arena *arena, struct mr_slice text)
{
    yyjson_val *root = mr_json_parse(arena, text, MR_JSON_DEPTH_MAX), *item;
    yyjson_val *labels = mr_json_get(root, "labels"), *conditions = mr_json_get(root, "if");
    size_t index, count;
    if (!yyjson_is_arr(labels) || yyjson_arr_size(labels) != yyjson_arr_size(conditions))
        return NULL;
    struct match_plan *plan = MR_NEW(arena, struct match_plan);
    plan->steps = read_steps(arena, mr_json_get(root, "steps"), &plan->step_count);
    plan->label_count = yyjson_arr_size(labels);
    struct mr_slice *names = MR_NEW_ARRAY(arena, struct mr_slice, plan->label_count + 1);
    plan->conditions = MR_NEW_ARRAY(arena, const struct match_expression *, plan->label_count + 1);
    yyjson_arr_foreach(labels, index, count, item) names[index] = mr_json_text(item);
    yyjson_arr_foreach(conditions, index, count, item) plan->conditions[index] =
        read_expression(arena, item);
    plan->names = names;
    plan->slots =
        read_slots(arena, mr_json_get(root, "slots"), &plan->slot_count, &plan->state_width);
    plan->measures =
        read_slots(arena, mr_json_get(root, "nav"), &plan->measure_count, &plan->measure_width);
    plan->flags = (unsigned)mr_json_get_i64(root, "flags", 0);
    plan->skip = read_labels(arena, mr_json_get(root, "skip"));
    return plan;
}
