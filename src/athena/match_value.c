/* Values of conditions: columns of rows, what was matched before, and operators on them.
 *
 *   c  column of the row in hand          @  column of the row that a slot finds
 *   l  variable of such a row             s  a text           n  number of the match
 *   a  an aggregate's slot                & | !  three-valued logic
 *   0  IS NULL     <  comparison (less, equal, greater: when it is true)    d  IS DISTINCT FROM
 *   + - * / %  of integers of `bits` bits, of doubles, of decimals (+ and - of one scale)
 *   m  minus       f  as a double         w  as a decimal with `unit` as power of ten
 *   t  difference of two moments in `unit` microseconds, cut off */
#include "athena/match.h"
#include <math.h>
#include <stdio.h>

enum { LABEL_SHIFT = 40 }; /* a row's number from 1 below it */

struct match_value match_column_value(const struct match_rows *rows, size_t column, size_t row)
{
    const struct match_column *from = &rows->columns[column];
    const size_t at = from->first + row;
    struct match_value value = {.null = from->valid != NULL &&
                                        (from->valid[at / 64] >> (at % 64) & 1) == 0};
    if (value.null)
        return value;
    switch (from->kind) {
    case 'b': value.truth = ((const bool *)from->data)[at]; break;
    case 'i': value.integer = ((const int64_t *)from->data)[at]; break;
    case 'f': value.number = ((const double *)from->data)[at]; break;
    case 'w': memcpy(&value.wide, (const char *)from->data + at * 16, 16); break;
    default: value.text = rows->text(from->data, at); break;
    }
    return value;
}

/* ---- slots ---- */

static bool tracked(const struct match_slot *slot)
{
    return slot->labels != NULL || slot->kind > MATCH_SLOT_LAST || slot->label;
}

static bool counts(const struct match_slot *slot, uint32_t label)
{
    return slot->labels == NULL || slot->labels[label];
}

size_t match_lay_out(struct match_slot *slots, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct match_slot *slot = &slots[i];
        slot->at = at;
        slot->width = !tracked(slot)                   ? 0
                      : slot->kind == MATCH_SLOT_LAST  ? (size_t)slot->offset + 1
                      : slot->kind == MATCH_SLOT_COUNT ? 1
                                                       : 2;
        at += slot->width;
    }
    return at;
}

/* Whether `value` comes before what an aggregate has, or behind it for max. */
static bool better(const struct match_slot *slot, char kind, int64_t has, struct match_value value)
{
    double number;
    memcpy(&number, &has, sizeof number);
    if (kind == 'f' && (isnan(value.number) || isnan(number))) /* NaN is never the answer, but */
        return isnan(number);                                  /* among NaNs alone */
    const bool less = kind == 'f' ? value.number < number : value.integer < has;
    const bool more = kind == 'f' ? value.number > number : value.integer > has;
    return slot->kind == MATCH_SLOT_MIN ? less : more;
}

static int64_t bits_of(double number)
{
    int64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* The message lives as long as the thread does not make another one: the call ends with it. */
static bool fail_overflow(struct match_moment *moment, uint32_t bits, char op, int64_t a, int64_t b)
{
    static _Thread_local char text[160];
    const char *type = bits >= 64   ? "bigint"
                       : bits == 32 ? "integer"
                       : bits == 16 ? "smallint"
                                    : "tinyint";
    const char *name = op == '+'   ? "addition"
                       : op == '-' ? "subtraction"
                       : op == '*' ? "multiplication"
                                   : "division";
    snprintf(text, sizeof text, "NUMERIC_VALUE_OUT_OF_RANGE: %s %s overflow: %lld %c %lld", type,
             name, (long long)a, op, (long long)b);
    moment->error = text;
    return false;
}

/* One more value for sum, avg, min or max: how many there were, and what they made. */
static bool add(struct match_moment *moment, const struct match_slot *slot, int64_t *state)
{
    const char kind = moment->rows->columns[slot->column].kind;
    const struct match_value value =
        match_column_value(moment->rows, (size_t)slot->column, moment->row);
    double sum;
    memcpy(&sum, &state[1], sizeof sum);
    if (value.null)
        return true;
    if (slot->kind == MATCH_SLOT_MIN || slot->kind == MATCH_SLOT_MAX) {
        if (state[0] == 0 || better(slot, kind, state[1], value))
            state[1] = kind == 'f' ? bits_of(value.number) : value.integer;
    } else if (slot->kind == MATCH_SLOT_AVG || kind == 'f') {
        state[1] = bits_of(sum + (kind == 'f' ? value.number : (double)value.integer));
    } else {
        const int64_t before = state[1];
        if (__builtin_add_overflow(before, value.integer, &state[1]))
            return fail_overflow(moment, 64, '+', before, value.integer);
    }
    state[0] = slot->kind == MATCH_SLOT_AVG ? state[0] + 1 : 1; /* how many matters for avg alone */
    return true;
}

bool match_advance(struct match_moment *moment, const struct match_slot *slots, size_t count,
                   int64_t *state, uint32_t label)
{
    const int64_t here = (int64_t)(moment->row + 1) | (int64_t)label << LABEL_SHIFT;
    for (size_t i = 0; i < count; i++) {
        const struct match_slot *slot = &slots[i];
        int64_t *own = state + slot->at;
        if (slot->width == 0 || !counts(slot, label))
            continue;
        if (slot->kind == MATCH_SLOT_LAST) {
            memmove(own + 1, own, slot->offset * sizeof *own);
            own[0] = here;
        } else if (slot->kind == MATCH_SLOT_FIRST) {
            if (own[0] <= slot->offset && own[0]++ == slot->offset)
                own[1] = here;
        } else if (slot->kind == MATCH_SLOT_COUNT) {
            own[0] += slot->column == MATCH_NOWHERE ||
                      !match_column_value(moment->rows, (size_t)slot->column, moment->row).null;
        } else if (!add(moment, slot, own)) {
            return false;
        }
    }
    return true;
}

bool match_find(const struct match_slot *slot, const int64_t *state, size_t start, size_t row,
                size_t *ret_row, uint32_t *ret_label)
{
    if (slot->width == 0) { /* any variable: no need to remember */
        if (slot->offset > row - start)
            return false;
        *ret_row = slot->kind == MATCH_SLOT_FIRST ? start + slot->offset : row - slot->offset;
        return true;
    }
    const int64_t found = state[slot->at + (slot->kind == MATCH_SLOT_LAST ? slot->offset : 1)];
    if (found == 0)
        return false;
    *ret_row = (size_t)(found & ((INT64_C(1) << LABEL_SHIFT) - 1)) - 1;
    *ret_label = (uint32_t)(found >> LABEL_SHIFT);
    return true;
}

/* ---- operators ---- */

static struct match_value truth(bool value)
{
    return (struct match_value){.truth = value};
}

static int sign_of(bool less, bool more)
{
    return less ? -1 : more;
}

static int compare(char kind, const struct match_value *a, const struct match_value *b)
{
    switch (kind) {
    case 'b': return sign_of(a->truth<b->truth, a->truth> b->truth);
    case 'i': return sign_of(a->integer<b->integer, a->integer> b->integer);
    case 'w': return sign_of(a->wide<b->wide, a->wide> b->wide);
    default: return mr_slice_compare(a->text, b->text);
    }
}

/* NaN is neither less than, equal to nor greater than anything; <> of it is true. */
static bool holds(const struct match_expression *of, const struct match_value *a,
                  const struct match_value *b)
{
    if (of->kind == 'f') {
        const double x = a->number, y = b->number;
        return (of->less && x < y) || (of->equal && x == y) || (of->greater && x > y) ||
               (of->less && of->greater && !of->equal && (isnan(x) || isnan(y)));
    }
    const int sign = compare(of->kind, a, b);
    return sign < 0 ? of->less : sign > 0 ? of->greater : of->equal;
}

/* IS DISTINCT FROM: NULL is a value like others, and so is NaN. */
static bool distinct(const struct match_expression *of, const struct match_value *a,
                     const struct match_value *b)
{
    if (a->null || b->null)
        return a->null != b->null;
    if (of->kind == 'f')
        return a->number != b->number && !(isnan(a->number) && isnan(b->number));
    return compare(of->kind, a, b) != 0;
}

static bool integers(struct match_moment *moment, const struct match_expression *of, int64_t a,
                     int64_t b, int64_t *ret)
{
    bool wrong = false;
    switch (of->op) {
    case '+': wrong = __builtin_add_overflow(a, b, ret); break;
    case '-': wrong = __builtin_sub_overflow(a, b, ret); break;
    case '*': wrong = __builtin_mul_overflow(a, b, ret); break;
    default:
        if (b == 0) {
            moment->error = "DIVISION_BY_ZERO: Division by zero";
            return false;
        }
        wrong = b == -1 && of->op == '/' && a == INT64_MIN;
        *ret = wrong || b == -1 ? (of->op == '/' && !wrong ? -a : 0)
               : of->op == '/'  ? a / b
                                : a % b;
        break;
    }
    const int64_t most = of->bits >= 64 ? INT64_MAX : (INT64_C(1) << (of->bits - 1)) - 1;
    if (wrong || *ret > most || *ret < -most - 1)
        return fail_overflow(moment, of->bits, of->op, a, b);
    return true;
}

static double doubles(char op, double a, double b)
{
    switch (op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return a / b;
    default: return fmod(a, b);
    }
}

static bool arithmetic(struct match_moment *moment, const struct match_expression *of,
                       const struct match_value *a, const struct match_value *b,
                       struct match_value *ret)
{
    if (of->kind == 'f') {
        ret->number = doubles(of->op, a->number, b->number);
        return true;
    }
    if (of->kind == 'i')
        return integers(moment, of, a->integer, b->integer, &ret->integer);
    ret->wide = of->op == '+' ? a->wide + b->wide : a->wide - b->wide; /* of 37 digits at most */
    return true;
}

static bool logic(struct match_moment *moment, const struct match_expression *of,
                  struct match_value *ret)
{
    struct match_value a, b;
    const bool decides = of->op == '|'; /* the value of one side that decides */
    if (!match_evaluate(moment, of->left, &a))
        return false;
    if (!a.null && a.truth == decides) {
        *ret = a;
        return true;
    }
    if (!match_evaluate(moment, of->right, &b))
        return false;
    *ret = !b.null && b.truth == decides ? b : a.null ? a : b;
    return true;
}

static bool binary(struct match_moment *moment, const struct match_expression *of,
                   struct match_value *ret)
{
    struct match_value a, b;
    if (!match_evaluate(moment, of->left, &a) || !match_evaluate(moment, of->right, &b))
        return false;
    if (of->op == 'd') {
        *ret = truth(distinct(of, &a, &b));
        return true;
    }
    *ret = (struct match_value){.null = a.null || b.null};
    if (ret->null)
        return true;
    if (of->op == '<') {
        ret->truth = holds(of, &a, &b);
        return true;
    }
    if (of->op == 't') { /* whole milliseconds first */
        ret->integer = (b.integer / 1000 - a.integer / 1000) / (of->unit / 1000);
        return true;
    }
    return arithmetic(moment, of, &a, &b, ret);
}

static bool unary(struct match_moment *moment, const struct match_expression *of,
                  struct match_value *ret)
{
    struct match_value a;
    if (!match_evaluate(moment, of->left, &a))
        return false;
    *ret = a;
    if (of->op == '0')
        *ret = truth(a.null);
    else if (a.null)
        return true;
    else if (of->op == '!')
        ret->truth = !a.truth;
    else if (of->op == 'f')
        ret->number = (double)a.integer;
    else if (of->op == 'w')
        ret->wide = (match_wide)a.integer * of->unit;
    else if (of->kind == 'f')
        ret->number = -a.number;
    else if (of->kind == 'w')
        ret->wide = -a.wide;
    else if (a.integer == INT64_MIN)
        moment->error = "NUMERIC_VALUE_OUT_OF_RANGE: bigint negation overflow";
    else
        ret->integer = -a.integer;
    return moment->error == NULL;
}

/* ---- leaves ---- */

static void aggregate(const struct match_moment *moment, const struct match_slot *slot,
                      struct match_value *ret)
{
    const int64_t *state = moment->state + slot->at;
    double sum;
    *ret = (struct match_value){.integer = state[0]};
    if (slot->kind == MATCH_SLOT_COUNT)
        return;
    ret->null = state[0] == 0;
    memcpy(&sum, &state[1], sizeof sum);
    if (slot->kind == MATCH_SLOT_AVG)
        ret->number = state[0] == 0 ? 0 : sum / (double)state[0];
    else
        ret->integer = state[1]; /* a double's bits as they are */
}

/* The row that an '@' or 'l' means; false: there is none. */
static bool row_of(const struct match_moment *moment, const struct match_expression *of,
                   size_t *ret_row, uint32_t *ret_label)
{
    size_t row;
    if (!match_find(&moment->plan->slots[of->slot], moment->state, moment->start, moment->row, &row,
                    ret_label))
        return false;
    if (of->physical < 0 ? row < (size_t)-of->physical
                         : (size_t)of->physical >= moment->rows->count - row)
        return false;
    *ret_row = row + (size_t)of->physical;
    return true;
}

static void leaf(const struct match_moment *moment, const struct match_expression *of,
                 struct match_value *ret)
{
    size_t row = 0;
    uint32_t label = 0;
    *ret = (struct match_value){.null = true};
    if (of->op == 'c')
        *ret = match_column_value(moment->rows, (size_t)of->column, moment->row);
    else if (of->op == 's')
        *ret = (struct match_value){.text = of->text};
    else if (of->op == 'n')
        *ret = (struct match_value){.integer = moment->number};
    else if (of->op == 'a')
        aggregate(moment, &moment->plan->slots[of->slot], ret);
    else if (row_of(moment, of, &row, &label) && of->op == '@')
        *ret = match_column_value(moment->rows, (size_t)of->column, row);
    else if (of->op == 'l' && row_of(moment, of, &row, &label))
        *ret = (struct match_value){.text = moment->plan->names[label]};
    else if (of->op == '@' && of->missing != MATCH_NOWHERE)
        *ret = match_column_value(moment->rows, (size_t)of->missing, moment->row);
}

bool match_evaluate(struct match_moment *moment, const struct match_expression *expression,
                    struct match_value *ret)
{
    switch (expression->op) {
    case '&':
    case '|': return logic(moment, expression, ret);
    case '!':
    case '0':
    case 'f':
    case 'w':
    case 'm': return unary(moment, expression, ret);
    case 'c':
    case '@':
    case 'l':
    case 's':
    case 'n':
    case 'a': leaf(moment, expression, ret); return true;
    default: return binary(moment, expression, ret);
    }
}
