/* The grammar of metric math, evaluated as it is read:
 *
 *     or    := and (("||" | "OR") and)*            power := primary ["^" unary]
 *     and   := equal (("&&" | "AND") equal)*       unary := "-" unary | power
 *     equal := sum (comparison sum)*               primary := number | text | "(" or ")"
 *     sum   := term (("+" | "-") term)*                     | "[" or ("," or)* "]"
 *     term  := unary (("*" | "/") unary)*                   | id | FUNCTION "(" [or ("," or)*] ")"
 *
 * Ids begin with a small letter, functions and words with a capital. */
#include "cloudwatch/math.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { ARGUMENTS_MAX = 100 };

struct reader {
    struct cw_math *math;
    struct mr_slice text;
    size_t at, depth;
};

bool cw_math_fail(struct cw_math *math, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (math->why[0] == '\0')
        (void)vsnprintf(math->why, sizeof math->why, format, args);
    va_end(args);
    return false;
}

/* ---- characters ---- */

static char peek(struct reader *reader)
{
    while (reader->at < reader->text.len &&
           (reader->text.ptr[reader->at] == ' ' || reader->text.ptr[reader->at] == '\t' ||
            reader->text.ptr[reader->at] == '\n' || reader->text.ptr[reader->at] == '\r'))
        reader->at++;
    return reader->at < reader->text.len ? reader->text.ptr[reader->at] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool take(struct reader *reader, const char *token)
{
    const struct mr_slice wanted = mr_slice_cstr(token);
    (void)peek(reader);
    const struct mr_slice rest = mr_slice_sub(reader->text, reader->at, SIZE_MAX);
    if (!mr_slice_starts_with(rest, wanted) ||
        (is_name(token[0]) && rest.len > wanted.len && is_name(rest.ptr[wanted.len])))
        return false;
    reader->at += wanted.len;
    return true;
}

static bool fail_syntax(struct reader *reader)
{
    const char c = peek(reader);
    return c == '\0' ? cw_math_fail(reader->math, "Invalid syntax. The expression ends too early.")
                     : cw_math_fail(reader->math, "Invalid syntax. Unexpected '%c' at column %zu.",
                                    c >= ' ' && c < 0x7f ? c : '?', reader->at + 1);
}

/* ---- operators ---- */

static double add(double a, double b)
{
    return a + b;
}
static double subtract(double a, double b)
{
    return a - b;
}
static double multiply(double a, double b)
{
    return a * b;
}
static double divide(double a, double b)
{
    return b == 0 ? NAN : a / b; /* AWS: no datapoint */
}
static double power(double a, double b)
{
    const double result = pow(a, b);
    return isfinite(result) ? result : NAN;
}
static double is_equal(double a, double b)
{
    return a == b;
}
static double is_other(double a, double b)
{
    return a != b;
}
static double is_less(double a, double b)
{
    return a < b;
}
static double is_more(double a, double b)
{
    return a > b;
}
static double is_least(double a, double b)
{
    return a >= b;
}
static double is_most(double a, double b)
{
    return a <= b;
}
static double both(double a, double b)
{
    return a != 0 && b != 0;
}
static double either(double a, double b)
{
    return a != 0 || b != 0;
}

struct operator_word {
    const char *token;
    cw_math_operator *operate;
    int level;
};
enum { LEVEL_OR, LEVEL_AND, LEVEL_EQUAL, LEVEL_SUM, LEVEL_TERM, LEVELS };
static const struct operator_word words[] = {
    /* the longer of two with one beginning stands first */
    {"||", either, LEVEL_OR},      {"OR", either, LEVEL_OR},      {"&&", both, LEVEL_AND},
    {"AND", both, LEVEL_AND},      {"==", is_equal, LEVEL_EQUAL}, {"!=", is_other, LEVEL_EQUAL},
    {">=", is_least, LEVEL_EQUAL}, {"<=", is_most, LEVEL_EQUAL},  {"<", is_less, LEVEL_EQUAL},
    {">", is_more, LEVEL_EQUAL},   {"+", add, LEVEL_SUM},         {"-", subtract, LEVEL_SUM},
    {"*", multiply, LEVEL_TERM},   {"/", divide, LEVEL_TERM},
};

double cw_series_at(const struct cw_series *series, int64_t time_ms)
{
    const int64_t since = time_ms - series->from_ms;
    if (since < 0 || since % series->period_ms != 0 ||
        (size_t)(since / series->period_ms) >= series->count)
        return NAN;
    return series->values[since / series->period_ms];
}

bool cw_math_series(struct cw_math *math, const struct cw_series *like, struct cw_value *ret)
{
    if (math->points + like->count > CW_MATH_POINTS_MAX)
        return cw_math_fail(math, "The expression makes more than %d datapoints.",
                            (int)CW_MATH_POINTS_MAX);
    math->points += like->count;
    struct cw_series *series = MR_NEW(math->arena, struct cw_series);
    *series = *like;
    series->values = mr_arena_alloc(math->arena, (like->count + 1) * sizeof(double));
    for (size_t i = 0; i < like->count; i++)
        series->values[i] = NAN;
    *ret = (struct cw_value){.kind = CW_VALUE_SERIES, .series = series, .count = 1};
    return true;
}

static bool is_number_or_series(const struct cw_value *value)
{
    return value->kind == CW_VALUE_NUMBER || value->kind == CW_VALUE_SERIES;
}

static double value_at(const struct cw_value *value, int64_t time_ms)
{
    return value->kind == CW_VALUE_NUMBER ? value->number : cw_series_at(value->series, time_ms);
}

/* At the times of the coarser one. */
static bool apply_series(struct cw_math *math, cw_math_operator *operate,
                         const struct cw_value *left, const struct cw_value *right,
                         struct cw_value *ret)
{
    const struct cw_series *grid = left->kind == CW_VALUE_SERIES ? left->series : right->series;
    if (left->kind == CW_VALUE_SERIES && right->kind == CW_VALUE_SERIES &&
        right->series->period_ms > grid->period_ms)
        grid = right->series;
    if (!cw_math_series(math, grid, ret))
        return false;
    for (size_t i = 0; i < grid->count; i++) {
        const int64_t time_ms = grid->from_ms + (int64_t)i * grid->period_ms;
        const double a = value_at(left, time_ms), b = value_at(right, time_ms);
        if (!isnan(a) && !isnan(b))
            ret->series->values[i] = operate(a, b);
    }
    return true;
}

/* A list with a number or a series: each of its series with that. */
static bool apply_list(struct cw_math *math, cw_math_operator *operate, const struct cw_value *left,
                       const struct cw_value *right, struct cw_value *ret)
{
    const struct cw_value *list = left->kind == CW_VALUE_LIST ? left : right;
    const struct cw_value *other = list == left ? right : left;
    struct cw_series *all = MR_NEW_ARRAY(math->arena, struct cw_series, list->count + 1);
    if (!is_number_or_series(other))
        return cw_math_fail(math, "Two arrays of time series cannot be combined.");
    for (size_t i = 0; i < list->count; i++) {
        const struct cw_value one = {
            .kind = CW_VALUE_SERIES, .series = &list->series[i], .count = 1};
        struct cw_value result = {0};
        if (!apply_series(math, operate, list == left ? &one : other, list == left ? other : &one,
                          &result))
            return false;
        all[i] = *result.series;
        all[i].id = list->series[i].id;
        all[i].label = list->series[i].label;
    }
    *ret = (struct cw_value){.kind = CW_VALUE_LIST, .series = all, .count = list->count};
    return true;
}

bool cw_math_apply(struct cw_math *math, cw_math_operator *operate, const struct cw_value *left,
                   const struct cw_value *right, struct cw_value *ret)
{
    if (left->kind >= CW_VALUE_TEXT || right->kind >= CW_VALUE_TEXT)
        return cw_math_fail(math, "An operator takes no text.");
    if (left->kind == CW_VALUE_LIST || right->kind == CW_VALUE_LIST)
        return apply_list(math, operate, left, right, ret);
    if (left->kind == CW_VALUE_SERIES || right->kind == CW_VALUE_SERIES)
        return apply_series(math, operate, left, right, ret);
    *ret =
        (struct cw_value){.kind = CW_VALUE_NUMBER, .number = operate(left->number, right->number)};
    return true;
}

/* ---- reading ---- */

static bool read_level(struct reader *reader, int level, struct cw_value *ret);

static bool read_number(struct reader *reader, struct cw_value *ret)
{
    double number = 0, place = 1;
    bool fraction = false;
    for (; reader->at < reader->text.len; reader->at++) {
        const char c = reader->text.ptr[reader->at];
        if (!is_digit(c) && (c != '.' || fraction))
            break;
        fraction = fraction || c == '.';
        if (c == '.')
            continue;
        number = number * 10 + (c - '0');
        place = fraction ? place * 10 : place;
    }
    *ret = (struct cw_value){.kind = CW_VALUE_NUMBER, .number = number / place};
    return true;
}

static bool read_text(struct reader *reader, char quote, struct cw_value *ret)
{
    const struct mr_slice rest = mr_slice_sub(reader->text, reader->at + 1, SIZE_MAX);
    const size_t len = mr_slice_find(rest, quote);
    if (len == SIZE_MAX)
        return cw_math_fail(reader->math, "Invalid syntax. A text is not closed.");
    *ret = (struct cw_value){.kind = CW_VALUE_TEXT, .text = mr_slice_sub(rest, 0, len)};
    reader->at += len + 2;
    return true;
}

/* "a, b, c" up to the closing one, which is taken. */
static bool read_list(struct reader *reader, const char *close, struct cw_value *ret,
                      size_t *ret_count)
{
    *ret_count = 0;
    if (take(reader, close))
        return true;
    do {
        if (*ret_count == ARGUMENTS_MAX)
            return cw_math_fail(reader->math, "More than %d arguments.", (int)ARGUMENTS_MAX);
        if (!read_level(reader, LEVEL_OR, &ret[(*ret_count)++]))
            return false;
    } while (take(reader, ","));
    return take(reader, close) || fail_syntax(reader);
}

static bool read_array(struct reader *reader, struct cw_value *ret)
{
    struct cw_value *items = MR_NEW_ARRAY(reader->math->arena, struct cw_value, ARGUMENTS_MAX);
    size_t count, total = 0;
    if (!read_list(reader, "]", items, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (items[i].kind != CW_VALUE_SERIES && items[i].kind != CW_VALUE_LIST)
            return cw_math_fail(reader->math, "An array holds time series alone.");
        total += items[i].count;
    }
    struct cw_series *all = MR_NEW_ARRAY(reader->math->arena, struct cw_series, total + 1);
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < items[i].count; k++)
            all[at++] = items[i].series[k];
    *ret = (struct cw_value){.kind = CW_VALUE_LIST, .series = all, .count = total};
    return true;
}

static bool read_name(struct reader *reader, struct cw_value *ret)
{
    struct cw_math *math = reader->math;
    size_t end = reader->at;
    while (end < reader->text.len && is_name(reader->text.ptr[end]))
        end++;
    const struct mr_slice name = mr_slice_sub(reader->text, reader->at, end - reader->at);
    reader->at = end;
    if (name.ptr[0] >= 'a' && name.ptr[0] <= 'z')
        return math->find(math->ctx, math, name, ret);
    if (!take(reader, "(")) {
        *ret = (struct cw_value){.kind = CW_VALUE_WORD, .text = name};
        return true;
    }
    struct cw_value *arguments = MR_NEW_ARRAY(math->arena, struct cw_value, ARGUMENTS_MAX);
    size_t count;
    return read_list(reader, ")", arguments, &count) &&
           cw_math_call(math, name, arguments, count, ret);
}

static bool read_primary(struct reader *reader, struct cw_value *ret)
{
    const char c = peek(reader);
    if (is_digit(c) || c == '.')
        return read_number(reader, ret);
    if (c == '"' || c == '\'')
        return read_text(reader, c, ret);
    if (take(reader, "("))
        return read_level(reader, LEVEL_OR, ret) && (take(reader, ")") || fail_syntax(reader));
    if (take(reader, "["))
        return read_array(reader, ret);
    return is_name(c) && c != '_' ? read_name(reader, ret) : fail_syntax(reader);
}

static bool read_unary(struct reader *reader, struct cw_value *ret)
{
    static const struct cw_value zero = {.kind = CW_VALUE_NUMBER};
    struct cw_value value = {0}, exponent = {0};
    if (reader->depth >= CW_MATH_DEPTH_MAX)
        return cw_math_fail(reader->math, "The expression is nested too deeply.");
    reader->depth++;
    bool good;
    if (take(reader, "-"))
        good =
            read_unary(reader, &value) && cw_math_apply(reader->math, subtract, &zero, &value, ret);
    else if (!read_primary(reader, &value))
        good = false;
    else if (take(reader, "^"))
        good = read_unary(reader, &exponent) &&
               cw_math_apply(reader->math, power, &value, &exponent, ret);
    else
        good = (*ret = value, true);
    reader->depth--;
    return good;
}

static cw_math_operator *read_operator(struct reader *reader, int level)
{
    for (size_t i = 0; i < MR_COUNT(words); i++)
        if (words[i].level == level && take(reader, words[i].token))
            return words[i].operate;
    return NULL;
}

static bool read_level(struct reader *reader, int level, struct cw_value *ret)
{
    if (level == LEVELS)
        return read_unary(reader, ret);
    if (!read_level(reader, level + 1, ret))
        return false;
    cw_math_operator *operate;
    while ((operate = read_operator(reader, level)) != NULL) {
        struct cw_value right = {0}, result = {0};
        if (!read_level(reader, level + 1, &right) ||
            !cw_math_apply(reader->math, operate, ret, &right, &result))
            return false;
        *ret = result;
    }
    return true;
}

bool cw_math_eval(struct cw_math *math, struct mr_slice text, struct cw_value *ret)
{
    struct reader reader = {.math = math, .text = text};
    if (!read_level(&reader, LEVEL_OR, ret))
        return false;
    return peek(&reader) == '\0' || fail_syntax(&reader);
}
