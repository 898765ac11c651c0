/* Conditions of a policy's statement. AWS: all keys of all operators have to hold; of a key's
 * values in the policy one suffices; for an operator that denies ("NotEquals") none may fit. A key
 * that the request does not have fails, but for those, for "IfExists" and for "ForAllValues". */
#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "policy/policy.h"
#include <arpa/inet.h>

enum relation { EQUAL, LESS, LESS_OR_EQUAL, MORE, MORE_OR_EQUAL };
enum kind { STRING, NOCASE, LIKE, NUMBER, DATE, BOOLEAN, BINARY, ADDRESS, ARN, ABSENT };

struct operation {
    const char *name;
    enum kind kind;
    bool negated;
    enum relation relation;
};

static const struct operation operations[] = {
    {"StringEquals", STRING, false, EQUAL},
    {"StringNotEquals", STRING, true, EQUAL},
    {"StringEqualsIgnoreCase", NOCASE, false, EQUAL},
    {"StringNotEqualsIgnoreCase", NOCASE, true, EQUAL},
    {"StringLike", LIKE, false, EQUAL},
    {"StringNotLike", LIKE, true, EQUAL},
    {"NumericEquals", NUMBER, false, EQUAL},
    {"NumericNotEquals", NUMBER, true, EQUAL},
    {"NumericLessThan", NUMBER, false, LESS},
    {"NumericLessThanEquals", NUMBER, false, LESS_OR_EQUAL},
    {"NumericGreaterThan", NUMBER, false, MORE},
    {"NumericGreaterThanEquals", NUMBER, false, MORE_OR_EQUAL},
    {"DateEquals", DATE, false, EQUAL},
    {"DateNotEquals", DATE, true, EQUAL},
    {"DateLessThan", DATE, false, LESS},
    {"DateLessThanEquals", DATE, false, LESS_OR_EQUAL},
    {"DateGreaterThan", DATE, false, MORE},
    {"DateGreaterThanEquals", DATE, false, MORE_OR_EQUAL},
    {"Bool", BOOLEAN, false, EQUAL},
    {"BinaryEquals", BINARY, false, EQUAL},
    {"IpAddress", ADDRESS, false, EQUAL},
    {"NotIpAddress", ADDRESS, true, EQUAL},
    {"ArnEquals", ARN, false, EQUAL},
    {"ArnLike", ARN, false, EQUAL},
    {"ArnNotEquals", ARN, true, EQUAL},
    {"ArnNotLike", ARN, true, EQUAL},
    {"Null", ABSENT, false, EQUAL},
};

static const struct operation *operation_of(struct mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT(operations); i++)
        if (mr_slice_equal_nocase(name, mr_slice_cstr(operations[i].name)))
            return &operations[i];
    return NULL;
}

bool policy_operator_known(struct mr_slice name)
{
    return operation_of(name) != NULL;
}

bool policy_operator_of_addresses(struct mr_slice name)
{
    const struct operation *operation = operation_of(name);
    return operation != NULL && operation->kind == ADDRESS;
}

static bool cut(struct mr_slice *text, struct mr_slice prefix)
{
    if (!mr_slice_equal_nocase(mr_slice_sub(*text, 0, prefix.len), prefix))
        return false;
    *text = mr_slice_sub(*text, prefix.len, SIZE_MAX);
    return true;
}

struct policy_operator policy_operator_parse(struct mr_slice text)
{
    struct policy_operator operator= {.quantifier = POLICY_ANY_VALUE_OF_ONE};
    const struct mr_slice suffix = MR_S("IfExists");
    if (cut(&text, MR_S("ForAllValues:")))
        operator.quantifier = POLICY_FOR_ALL_VALUES;
    else if (cut(&text, MR_S("ForAnyValue:")))
        operator.quantifier = POLICY_FOR_ANY_VALUE;
    if (text.len > suffix.len &&
        mr_slice_equal_nocase(mr_slice_sub(text, text.len - suffix.len, SIZE_MAX), suffix)) {
        operator.if_exists = true;
        text = mr_slice_sub(text, 0, text.len - suffix.len);
    }
    operator.name = text;
    return operator;
}

/* ---- variables ---- */

static void put(struct mr_buf *buf, struct mr_slice text, bool quoted)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (quoted && (c == '*' || c == '?' || c == 0))
            mr_buf_byte(buf, 0);
        mr_buf_byte(buf, c);
    }
}

/* What stands between the braces: a key, perhaps with a default, or one of three signs. */
static bool fill(const struct policy_asked *asked, struct mr_slice name, bool quoted,
                 struct mr_buf *buf)
{
    const size_t comma = mr_slice_find(name, ',');
    struct mr_slice fallback = {0};
    struct policy_values values;
    if (name.len == 1 && (name.ptr[0] == '*' || name.ptr[0] == '?' || name.ptr[0] == '$')) {
        put(buf, name, quoted);
        return true;
    }
    if (comma != SIZE_MAX)
        fallback = mr_slice_trim(mr_slice_sub(name, comma + 1, SIZE_MAX));
    if (asked->look(asked->ctx, mr_slice_trim(mr_slice_sub(name, 0, comma)), &values)) {
        if (values.count != 1) /* AWS: only keys of one value are variables */
            return false;
        put(buf, values.of[0], quoted);
        return true;
    }
    if (fallback.len < 2 || fallback.ptr[0] != '\'' || fallback.ptr[fallback.len - 1] != '\'')
        return false;
    put(buf, mr_slice_sub(fallback, 1, fallback.len - 2), quoted);
    return true;
}

bool policy_variables_fill(const struct policy_asked *asked, struct mr_slice text, bool quoted,
                           struct mr_slice *ret_text)
{
    *ret_text = text;
    if (mr_slice_search(text, MR_S("${")) == SIZE_MAX)
        return true;
    struct mr_buf buf = {0};
    bool filled = true;
    for (size_t at; filled && (at = mr_slice_search(text, MR_S("${"))) != SIZE_MAX;) {
        mr_buf_append(&buf, mr_slice_sub(text, 0, at));
        text = mr_slice_sub(text, at + 2, SIZE_MAX);
        const size_t end = mr_slice_find(text, '}');
        filled = end != SIZE_MAX && fill(asked, mr_slice_sub(text, 0, end), quoted, &buf);
        text = mr_slice_sub(text, end == SIZE_MAX ? text.len : end + 1, SIZE_MAX);
    }
    mr_buf_append(&buf, text);
    *ret_text = mr_arena_copy(asked->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return filled;
}

/* ---- one value against another ---- */

static bool related(double a, double b, enum relation relation)
{
    switch (relation) {
    case EQUAL: return a == b;
    case LESS: return a < b;
    case LESS_OR_EQUAL: return a <= b;
    case MORE: return a > b;
    case MORE_OR_EQUAL: return a >= b;
    }
    return false;
}

/* "12", "-1.5": AWS takes whole numbers and fractions. */
static bool number_of(struct mr_slice text, double *ret_number)
{
    const size_t point = mr_slice_find(text, '.');
    const struct mr_slice whole = mr_slice_sub(text, 0, point);
    int64_t value;
    if (mr_slice_to_i64(whole, &value) != MR_OK)
        return false;
    double number = (double)value, unit = text.ptr[0] == '-' ? -1 : 1;
    for (size_t i = point == SIZE_MAX ? text.len : point + 1; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        unit /= 10;
        number += unit * (text.ptr[i] - '0');
    }
    *ret_number = number;
    return true;
}

/* A time in milliseconds: as a date, or in seconds since 1970. */
static bool date_of(const struct policy_asked *asked, struct mr_slice text, double *ret_ms)
{
    int64_t ms;
    double seconds;
    if (text.len == 10 && text.ptr[4] == '-') /* AWS: a day alone will do */
        text = mr_arena_printf(asked->arena, "%.*sT00:00:00Z", MR_ARG(text));
    if (mr_date_parse(text, &ms) == MR_OK) {
        *ret_ms = (double)ms;
        return true;
    }
    if (!number_of(text, &seconds))
        return false;
    *ret_ms = seconds * 1000;
    return true;
}

/* As sixteen bytes; IPv4's begin with those that say so. */
static bool address_of(struct mr_arena *arena, struct mr_slice text, uint8_t ret[static 16],
                       bool *ret_v4)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const char *name = mr_arena_cstr(arena, text);
    memcpy(ret, mapped, sizeof mapped);
    *ret_v4 = inet_pton(AF_INET, name, ret + 12) == 1;
    return *ret_v4 || inet_pton(AF_INET6, name, ret) == 1;
}

/* An address, or a network of so many bits of the sixteen bytes. */
static bool range_of(struct mr_arena *arena, struct mr_slice range, uint8_t ret[static 16],
                     uint64_t *ret_bits)
{
    bool v4;
    const size_t slash = mr_slice_find(range, '/');
    if (!address_of(arena, mr_slice_sub(range, 0, slash), ret, &v4))
        return false;
    const uint64_t all = v4 ? 32 : 128;
    uint64_t bits = all;
    if (slash != SIZE_MAX &&
        (mr_slice_to_u64(mr_slice_sub(range, slash + 1, SIZE_MAX), &bits) != MR_OK || bits > all))
        return false;
    *ret_bits = bits + (v4 ? 96 : 0);
    return true;
}

bool policy_address_valid(struct mr_arena *arena, struct mr_slice text)
{
    uint8_t unused[16];
    uint64_t bits;
    return range_of(arena, text, unused, &bits);
}

static bool address_fits(const struct policy_asked *asked, struct mr_slice range,
                         struct mr_slice text)
{
    uint8_t network[16], address[16];
    bool unused;
    uint64_t bits;
    if (!range_of(asked->arena, range, network, &bits) ||
        !address_of(asked->arena, text, address, &unused))
        return false;
    for (size_t i = 0; i < 16 && bits > 0; i++) {
        const unsigned part = bits < 8 ? (unsigned)bits : 8;
        if (((network[i] ^ address[i]) >> (8 - part)) != 0)
            return false;
        bits -= part;
    }
    return true;
}

/* Each of six parts by itself; the last is all that follows. */
static bool arn_fits(struct mr_slice pattern, struct mr_slice text, unsigned flags)
{
    if (mr_slice_equal(pattern, MR_S("*")))
        return true;
    for (int i = 0; i < 5; i++) {
        struct mr_slice left, right;
        if (!mr_slice_split(&pattern, ':', &left) || !mr_slice_split(&text, ':', &right) ||
            !mr_slice_like(right, left, flags))
            return false;
    }
    return pattern.ptr != NULL && text.ptr != NULL && mr_slice_like(text, pattern, flags);
}

static bool fits(const struct policy_asked *asked, const struct operation *operation,
                 struct mr_slice wanted, struct mr_slice is)
{
    const unsigned like = MR_LIKE_ONE | MR_LIKE_QUOTE;
    double a, b;
    switch (operation->kind) {
    case STRING: return mr_slice_equal(wanted, is);
    case NOCASE:
    case BOOLEAN: return mr_slice_equal_nocase(wanted, is);
    case LIKE: return mr_slice_like(is, wanted, like);
    case NUMBER:
        return number_of(is, &a) && number_of(wanted, &b) && related(a, b, operation->relation);
    case DATE:
        return date_of(asked, is, &a) && date_of(asked, wanted, &b) &&
               related(a, b, operation->relation);
    case BINARY: /* in the policy as base64; no key of ours is of bytes */
        return mr_slice_equal(wanted, mr_base64(asked->arena, is));
    case ADDRESS: return address_fits(asked, wanted, is);
    case ARN: return arn_fits(wanted, is, like);
    case ABSENT: break;
    }
    return false;
}

/* ---- a key ---- */

struct test {
    const struct policy_asked *asked;
    const struct operation *operation;
    bool variables;
    yyjson_val *wanted; /* one value or a list */
};

static bool fits_one(const struct test *test, yyjson_val *wanted, struct mr_slice is)
{
    struct mr_slice text = policy_text(wanted);
    const bool quoted = test->operation->kind == LIKE || test->operation->kind == ARN;
    if (test->variables && !policy_variables_fill(test->asked, text, quoted, &text))
        return false;
    return fits(test->asked, test->operation, text, is);
}

static bool fits_any(const struct test *test, struct mr_slice is)
{
    size_t at, count;
    yyjson_val *one;
    if (!yyjson_is_arr(test->wanted))
        return fits_one(test, test->wanted, is);
    yyjson_arr_foreach(test->wanted, at, count, one)
    {
        if (fits_one(test, one, is))
            return true;
    }
    return false;
}

/* "Null": is the key's absence what is asked for? */
static bool absence_holds(const struct test *test, bool present)
{
    const struct operation words = {.kind = BOOLEAN};
    struct test as_text = *test;
    as_text.operation = &words;
    return fits_any(&as_text, present ? MR_S("false") : MR_S("true"));
}

static bool key_holds(const struct test *test, const struct policy_operator *operator,
                      struct mr_slice key)
{
    const bool negated = test->operation->negated;
    struct policy_values values = {0};
    const bool present = test->asked->look(test->asked->ctx, key, &values) && values.count > 0;
    if (test->operation->kind == ABSENT)
        return absence_holds(test, present);
    if (!present)
        return operator->quantifier == POLICY_FOR_ALL_VALUES || operator->if_exists ||(
            negated &&operator->quantifier != POLICY_FOR_ANY_VALUE);
    size_t fitting = 0;
    for (size_t i = 0; i < values.count; i++)
        fitting += fits_any(test, values.of[i]);
    switch (operator->quantifier) {
    case POLICY_FOR_ALL_VALUES: return fitting == (negated ? 0 : values.count);
    case POLICY_FOR_ANY_VALUE: return negated ? fitting < values.count : fitting > 0;
    case POLICY_ANY_VALUE_OF_ONE: break;
    }
    return (fitting > 0) != negated;
}

bool policy_conditions_hold(const struct policy_asked *asked, yyjson_val *conditions,
                            bool variables)
{
    size_t i, j, count, more;
    yyjson_val *name, *keys, *key, *wanted;
    if (conditions == NULL)
        return true;
    yyjson_obj_foreach(conditions, i, count, name, keys)
    {
        const struct policy_operator operator= policy_operator_parse(mr_json_text(name));
        const struct operation *operation = operation_of(operator.name);
        if (operation == NULL || !yyjson_is_obj(keys))
            return false;
        yyjson_obj_foreach(keys, j, more, key, wanted)
        {
            const struct test test = {asked, operation, variables, wanted};
            if (!key_holds(&test, &operator, mr_json_text(key)))
                return false;
        }
    }
    return true;
}
