/* Matching: a machine with a stack of places to go back to. */
#include "athena/regex.h"
#include "athena/unicode.h"
#include <stdlib.h>

/* Where to go on, at which place (slot PLACE); or (pc RESTORE) the slot that gets its old value
 * back; or, of a REPEAT, what it took from `from` to `at` and may give back. */
struct athena_regex_frame {
    uint32_t pc, slot;
    size_t at, from;
};
enum { RESTORE = UINT32_MAX, PLACE = UINT32_MAX }; /* of pc; of slot: just a place */

struct machine {
    const struct athena_regex *regex;
    struct athena_regex_room *room;
    struct mr_slice text;
    size_t start; /* of the search */
    size_t depth; /* frames in use */
    size_t steps;
    bool gave_up;
};

void athena_regex_room_fini(struct athena_regex_room *room)
{
    free(room->frames);
    free(room->slots);
    *room = (struct athena_regex_room){0};
}

static void push(struct machine *machine, struct athena_regex_frame frame)
{
    struct athena_regex_room *room = machine->room;
    if (machine->depth == room->frame_room) {
        if (room->frame_room >= ATHENA_REGEX_FRAMES_MAX) {
            machine->gave_up = true;
            return;
        }
        room->frame_room = room->frame_room == 0 ? 64 : room->frame_room * 4;
        if (room->frame_room > ATHENA_REGEX_FRAMES_MAX)
            room->frame_room = ATHENA_REGEX_FRAMES_MAX;
        room->frames = mr_realloc(room->frames, room->frame_room * sizeof *room->frames);
    }
    room->frames[machine->depth++] = frame;
}

static void set_slot(struct machine *machine, uint32_t slot, size_t value)
{
    push(machine, (struct athena_regex_frame){RESTORE, slot, machine->room->slots[slot], 0});
    machine->room->slots[slot] = value;
}

/* ---- one character ---- */

static uint32_t folded(uint32_t code)
{
    return athena_unicode_lower(athena_unicode_upper(code));
}

static bool range_has(const struct athena_regex *regex, const struct athena_regex_range *range,
                      uint32_t code)
{
    if (range->set >= 0)
        return athena_regex_set_has(regex, (size_t)range->set, code);
    if (range->property >= 0)
        return athena_unicode_has(code, range->property) != range->negated;
    return code >= range->first && code <= range->last;
}

static bool set_has(const struct athena_regex *regex, const struct athena_regex_set *set,
                    uint32_t code)
{
    bool all = true, one = false, any = false;
    for (size_t i = 0; i < set->count; i++) {
        if (set->ranges[i].outside) {
            all = all && one;
            one = false;
        } else {
            one = one || range_has(regex, &set->ranges[i], code);
        }
        any = true;
    }
    return all && any && one;
}

bool athena_regex_set_has(const struct athena_regex *regex, size_t index, uint32_t code)
{
    const struct athena_regex_set *set = &regex->sets[index];
    bool has = set_has(regex, set, code);
    if (!has && set->fold)
        has = set_has(regex, set, athena_unicode_lower(code)) ||
              set_has(regex, set, athena_unicode_upper(code));
    return has != set->negated;
}

/* Bytes of the character at `at` when `insn` takes it; 0: it does not. */
static size_t taken(const struct machine *machine, const struct athena_regex_insn *insn, size_t at)
{
    size_t len;
    if (at >= machine->text.len)
        return 0;
    const uint32_t code = athena_unicode_at(machine->text, at, &len);
    const bool fits = insn->op == REGEX_SET
                          ? athena_regex_set_has(machine->regex, insn->x, code)
                          : code == insn->x || (insn->fold && folded(code) == folded(insn->x));
    return fits ? len : 0;
}

/* Where the character before `at`, which is behind `from`, begins. */
static size_t before(const struct machine *machine, size_t at, size_t from)
{
    size_t back = at - 1;
    while (back > from && at - back < 4 && (machine->text.ptr[back] & 0xc0) == 0x80)
        back--;
    size_t len;
    (void)athena_unicode_at(machine->text, back, &len);
    return back + len == at ? back : at - 1;
}

/* ---- places ---- */

static bool is_word(const struct machine *machine, size_t at)
{
    size_t len;
    return at < machine->text.len &&
           athena_unicode_has(athena_unicode_at(machine->text, at, &len), UNICODE_WORD);
}

static bool holds(const struct machine *machine, enum athena_regex_op op, size_t at)
{
    const struct mr_slice text = machine->text;
    const bool boundary =
        (op == REGEX_BOUNDARY || op == REGEX_INSIDE) &&
        is_word(machine, at) != (at > 0 && is_word(machine, before(machine, at, 0)));
    switch (op) {
    case REGEX_BEGIN: return at == 0;
    case REGEX_BEGIN_LINE: return at == 0 || (text.ptr[at - 1] == '\n' && at < text.len);
    case REGEX_END: return at == text.len;
    case REGEX_END_TEXT: return at == text.len || (at + 1 == text.len && text.ptr[at] == '\n');
    case REGEX_END_LINE: return at == text.len || text.ptr[at] == '\n';
    case REGEX_BOUNDARY: return boundary;
    case REGEX_INSIDE: return !boundary;
    default: return at == machine->start;
    }
}

/* ---- the machine ---- */

static bool run(struct machine *machine, size_t pc, size_t at, size_t *ret_end);

/* Takes a REPEAT; false: too few. */
static bool repeat(struct machine *machine, size_t pc, size_t *at)
{
    const struct athena_regex_insn *insn = &machine->regex->program[pc], *one = insn + 1;
    size_t count = 0, least = *at, len;
    const size_t most = insn->mode == REGEX_LAZY ? insn->x : insn->y;
    while (count < most && (len = taken(machine, one, *at)) > 0) {
        *at += len;
        if (++count == insn->x)
            least = *at;
        machine->steps++;
    }
    if (count < insn->x)
        return false;
    if (insn->mode == REGEX_GREEDY && *at > least)
        push(machine, (struct athena_regex_frame){(uint32_t)pc, 0, *at, least});
    if (insn->mode == REGEX_LAZY && count < insn->y)
        push(machine, (struct athena_regex_frame){(uint32_t)pc, (uint32_t)count, *at, 0});
    return true;
}

/* Goes back to the last place; false: there is none above `base`. */
static bool back(struct machine *machine, size_t base, size_t *pc, size_t *at)
{
    while (machine->depth > base && !machine->gave_up) {
        struct athena_regex_frame *frame = &machine->room->frames[machine->depth - 1];
        if (frame->pc == RESTORE) {
            machine->room->slots[frame->slot] = frame->at;
            machine->depth--;
            continue;
        }
        const struct athena_regex_insn *insn = &machine->regex->program[frame->pc];
        *pc = frame->pc;
        if (frame->slot == PLACE) {
            *at = frame->at;
            machine->depth--;
            return true;
        }
        *pc += 2;
        if (insn->mode == REGEX_GREEDY) {
            *at = frame->at = before(machine, frame->at, frame->from);
            machine->depth -= frame->at == frame->from;
            return true;
        }
        const size_t len = taken(machine, insn + 1, frame->at);
        if (len == 0) {
            machine->depth--;
            continue;
        }
        *at = frame->at += len;
        machine->depth -= ++frame->slot >= insn->y;
        return true;
    }
    return false;
}

/* Forgets the places above `base`, not what slots were. */
static void commit(struct machine *machine, size_t base)
{
    struct athena_regex_frame *frames = machine->room->frames;
    size_t kept = base;
    for (size_t i = base; i < machine->depth; i++) {
        if (frames[i].pc == RESTORE)
            frames[kept++] = frames[i];
    }
    machine->depth = kept;
}

static void unwind(struct machine *machine, size_t base)
{
    while (machine->depth > base) {
        const struct athena_regex_frame *frame = &machine->room->frames[--machine->depth];
        if (frame->pc == RESTORE)
            machine->room->slots[frame->slot] = frame->at;
    }
}

/* Whether what stands behind the BEHIND at `pc` ends at `at`. */
static bool behind(struct machine *machine, size_t pc, size_t at)
{
    const struct athena_regex_insn *insn = &machine->regex->program[pc];
    size_t from = at, end;
    for (size_t i = 0;; i++) {
        const struct mr_slice text = machine->text;
        const size_t base = machine->depth;
        machine->text.len = at; /* what it takes must end here */
        const bool found = run(machine, pc + 1, from, &end) && end == at;
        machine->text = text;
        if (found)
            return true;
        unwind(machine, base);
        if (i >= insn->y || from == 0)
            return false;
        from = before(machine, from, 0);
    }
}

/* AHEAD, BEHIND and ATOMIC. False: go back. */
static bool apart(struct machine *machine, size_t pc, size_t *at)
{
    const struct athena_regex_insn *insn = &machine->regex->program[pc];
    const size_t base = machine->depth;
    size_t end = *at;
    const bool found =
        insn->op == REGEX_BEHIND ? behind(machine, pc, *at) : run(machine, pc + 1, *at, &end);
    if (!found || insn->mode != 0) {
        unwind(machine, base);
        return found != (insn->mode != 0);
    }
    commit(machine, base);
    if (insn->op == REGEX_ATOMIC)
        *at = end;
    return true;
}

static bool take_back(const struct machine *machine, uint32_t group, bool fold, size_t *at)
{
    const size_t *slots = machine->room->slots;
    size_t from = slots[2 * group];
    const size_t to = slots[2 * group + 1];
    if (from == SIZE_MAX || to == SIZE_MAX)
        return false;
    while (from < to) {
        size_t len, other;
        if (*at >= machine->text.len)
            return false;
        const uint32_t a = athena_unicode_at(machine->text, from, &len);
        const uint32_t b = athena_unicode_at(machine->text, *at, &other);
        if (a != b && !(fold && folded(a) == folded(b)))
            return false;
        from += len;
        *at += other;
    }
    return true;
}

/* One instruction; false: go back. */
static bool step(struct machine *machine, size_t *pc, size_t *at)
{
    const struct athena_regex_insn *insn = &machine->regex->program[*pc];
    size_t len;
    switch ((enum athena_regex_op)insn->op) {
    case REGEX_CHAR:
    case REGEX_SET:
        len = taken(machine, insn, *at);
        *at += len;
        (*pc)++;
        return len > 0;
    case REGEX_REPEAT: *pc += 2; return repeat(machine, *pc - 2, at);
    case REGEX_SPLIT:
        push(machine, (struct athena_regex_frame){insn->y, PLACE, *at, 0});
        *pc = insn->x;
        return true;
    case REGEX_JUMP: *pc = insn->x; return true;
    case REGEX_SAVE:
    case REGEX_ENTER:
        set_slot(machine, insn->x, *at);
        (*pc)++;
        return true;
    case REGEX_ADVANCE: *pc = machine->room->slots[insn->x] == *at ? insn->y : *pc + 1; return true;
    case REGEX_BACK: (*pc)++; return take_back(machine, insn->x, insn->fold, at);
    case REGEX_AHEAD:
    case REGEX_BEHIND:
    case REGEX_ATOMIC: {
        const bool fine = apart(machine, *pc, at);
        *pc = insn->x;
        return fine;
    }
    case REGEX_FAIL: return false;
    default: return holds(machine, (enum athena_regex_op)insn->op, *at) && ++*pc > 0;
    }
}

static bool run(struct machine *machine, size_t pc, size_t at, size_t *ret_end)
{
    const size_t base = machine->depth;
    while (!machine->gave_up) {
        if (++machine->steps > ATHENA_REGEX_STEPS_MAX) {
            machine->gave_up = true;
            break;
        }
        if (machine->regex->program[pc].op == REGEX_MATCH) {
            *ret_end = at;
            return true;
        }
        if (!step(machine, &pc, &at) && !back(machine, base, &pc, &at))
            return false;
    }
    return false;
}

static bool try_at(struct machine *machine, size_t at, struct athena_regex_match *ret_match)
{
    size_t end, *slots = machine->room->slots;
    memset(slots, 0xff, machine->regex->slots * sizeof *slots);
    machine->depth = 0;
    if (!run(machine, 0, at, &end))
        return false;
    ret_match->groups[0] = (struct athena_regex_span){at, end};
    for (size_t i = 1; i <= machine->regex->groups; i++) {
        const bool part = slots[2 * i] != SIZE_MAX && slots[2 * i + 1] != SIZE_MAX;
        ret_match->groups[i] = (struct athena_regex_span){part ? slots[2 * i] : SIZE_MAX,
                                                          part ? slots[2 * i + 1] : SIZE_MAX};
    }
    return true;
}

enum athena_regex_found athena_regex_search(const struct athena_regex *regex,
                                            struct athena_regex_room *room, struct mr_slice text,
                                            size_t from, struct athena_regex_match *ret_match)
{
    struct machine machine = {.regex = regex, .room = room, .text = text, .start = from};
    if (room->slot_room < regex->slots) {
        room->slots = mr_realloc(room->slots, regex->slots * sizeof *room->slots);
        room->slot_room = regex->slots;
    }
    for (size_t at = from; at <= text.len && !machine.gave_up;) {
        if (regex->first_known) {
            while (at < text.len &&
                   (regex->first[(uint8_t)text.ptr[at] / 8] >> ((uint8_t)text.ptr[at] % 8) & 1) ==
                       0)
                at++;
            if (at == text.len)
                break;
        }
        if (try_at(&machine, at, ret_match))
            return REGEX_FOUND;
        size_t len = 1;
        if (at < text.len)
            (void)athena_unicode_at(text, at, &len);
        at += len;
    }
    return machine.gave_up ? REGEX_GAVE_UP : REGEX_NOT_FOUND;
}

size_t athena_regex_after(struct mr_slice text, const struct athena_regex_match *match)
{
    size_t len = 1;
    if (match->groups[0].to > match->groups[0].from)
        return match->groups[0].to;
    if (match->groups[0].to < text.len)
        (void)athena_unicode_at(text, match->groups[0].to, &len);
    return match->groups[0].to + len;
}
