/* Numbers: casts that fail in Trino's words, bases, bits, distributions. */
#include "athena/render.h"
#include "athena/rows.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* ---- from text ---- */

static bool whole_number(struct mr_slice text, int64_t low, int64_t high, int64_t *ret)
{
    struct mr_slice digits = text;
    if (digits.len > 1 && digits.ptr[0] == '+' && isdigit((unsigned char)digits.ptr[1]))
        digits = mr_slice_sub(digits, 1, SIZE_MAX);
    return mr_slice_to_i64(digits, ret) == MR_OK && *ret >= low && *ret <= high;
}

static bool to_integer(struct athena_row *row, int64_t low, int64_t high, const char *type)
{
    int64_t value;
    struct mr_slice text = athena_row_slice(row, 0);
    if (whole_number(text, low, high, &value)) {
        athena_row_put_integer(row, value);
        return true;
    }
    return athena_row_boolean(row, 1) ||
           athena_row_fail(row, "INVALID_CAST_ARGUMENT: Cannot cast '%.*s' to %s", MR_ARG(text),
                           type);
}

static bool to_tinyint(struct athena_row *row)
{
    return to_integer(row, INT8_MIN, INT8_MAX, "TINYINT");
}

static bool to_smallint(struct athena_row *row)
{
    return to_integer(row, INT16_MIN, INT16_MAX, "SMALLINT");
}

static bool to_int(struct athena_row *row)
{
    return to_integer(row, INT32_MIN, INT32_MAX, "INT");
}

static bool to_bigint(struct athena_row *row)
{
    return to_integer(row, INT64_MIN, INT64_MAX, "BIGINT");
}

bool athena_text_double(struct mr_slice text, double *ret)
{
    char copy[400], *end;
    struct mr_slice trimmed = mr_slice_trim(text);
    if (trimmed.len == 0 || trimmed.len >= sizeof copy)
        return false;
    memcpy(copy, trimmed.ptr, trimmed.len);
    copy[trimmed.len] = '\0';
    const char *digits = copy + (copy[0] == '-' || copy[0] == '+');
    if (!isdigit((unsigned char)digits[0]) && digits[0] != '.' && strcmp(digits, "Infinity") != 0 &&
        strcmp(digits, "NaN") != 0)
        return false;
    *ret = strtod(copy, &end);
    return *end == '\0' && strpbrk(copy, "xX") == NULL;
}

static bool to_double_as(struct athena_row *row, const char *type)
{
    double value;
    struct mr_slice text = athena_row_slice(row, 0);
    if (athena_text_double(text, &value)) {
        athena_row_put_double(row, value);
        return true;
    }
    return athena_row_boolean(row, 1) ||
           athena_row_fail(row, "INVALID_CAST_ARGUMENT: Cannot cast '%.*s' to %s", MR_ARG(text),
                           type);
}

static bool to_double(struct athena_row *row)
{
    return to_double_as(row, "DOUBLE");
}

static bool to_real(struct athena_row *row)
{
    const bool fine = to_double_as(row, "REAL");
    if (fine && row->done)
        athena_row_put_double(row, (double)(float)((const double *)row->result)[row->at]);
    return fine;
}

static bool to_boolean(struct athena_row *row)
{
    static const char *const words[] = {"t", "true", "1", "f", "false", "0"};
    struct mr_slice text = athena_row_slice(row, 0);
    for (size_t i = 0; i < MR_COUNT(words); i++) {
        if (mr_slice_equal_nocase(text, mr_slice_cstr(words[i]))) {
            athena_row_put_boolean(row, i < 3);
            return true;
        }
    }
    return athena_row_boolean(row, 1) ||
           athena_row_fail(row, "INVALID_CAST_ARGUMENT: Cannot cast '%.*s' to BOOLEAN",
                           MR_ARG(text));
}

/* mr_double_to_real(value): what is too large for a real becomes infinite. */
static bool double_to_real(struct athena_row *row)
{
    athena_row_put_double(row, (double)(float)athena_row_double(row, 0));
    return true;
}

/* mr_double_to_integer(value, bits, try): half away from zero. */
static bool double_to_integer(struct athena_row *row)
{
    const double value = athena_row_double(row, 0), rounded = round(value);
    const int64_t bits = athena_row_integer(row, 1);
    const double limit = ldexp(1, (int)bits - 1);
    if (rounded >= -limit && rounded < limit) {
        athena_row_put_integer(row, (int64_t)rounded);
        return true;
    }
    if (athena_row_boolean(row, 2))
        return true;
    athena_render_double(&row->text, value, false);
    return athena_row_fail(row, "INVALID_CAST_ARGUMENT: Unable to cast %.*s to %s",
                           MR_ARG(mr_buf_slice(&row->text)),
                           bits == 64   ? "bigint"
                           : bits == 32 ? "integer"
                           : bits == 16 ? "smallint"
                                        : "tinyint");
}

/* mr_narrow(value, bits, try). */
static bool narrow(struct athena_row *row)
{
    const int64_t value = athena_row_integer(row, 0), bits = athena_row_integer(row, 1);
    const int64_t limit = INT64_C(1) << (bits - 1);
    if (value >= -limit && value < limit) {
        athena_row_put_integer(row, value);
        return true;
    }
    return athena_row_boolean(row, 2) ||
           athena_row_fail(row, "NUMERIC_VALUE_OUT_OF_RANGE: Out of range for %s: %lld",
                           bits == 32   ? "integer"
                           : bits == 16 ? "smallint"
                                        : "tinyint",
                           (long long)value);
}

/* mr_fit(text of a value, characters, try, is it a floating-point number): all ASCII. */
static bool fit(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    const long long room = (long long)athena_row_integer(row, 1);
    double value;
    if ((long long)text.len <= room) {
        athena_row_put_text(row, text);
        return true;
    }
    if (athena_row_boolean(row, 2))
        return true;
    if (!athena_row_boolean(row, 3) || !athena_text_double(text, &value))
        return athena_row_fail(
            row, "INVALID_CAST_ARGUMENT: Value %.*s cannot be represented as varchar(%lld)",
            MR_ARG(text), room);
    athena_render_double(&row->text, value, /* is_float= */ false);
    return athena_row_fail(
        row, "INVALID_CAST_ARGUMENT: Value %.*s (%.*s) cannot be represented as varchar(%lld)",
        MR_ARG(mr_buf_slice(&row->text)), MR_ARG(text), room);
}

/* ---- bases and bits ---- */

static bool to_base(struct athena_row *row)
{
    char text[80];
    size_t at = sizeof text;
    const int64_t value = athena_row_integer(row, 0), base = athena_row_integer(row, 1);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (base < 2 || base > 36)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Radix must be between 2 and 36");
    do {
        text[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % (uint64_t)base];
        rest /= (uint64_t)base;
    } while (rest > 0);
    if (value < 0)
        text[--at] = '-';
    athena_row_put_text(row, mr_slice_make(text + at, sizeof text - at));
    return true;
}

static bool from_base(struct athena_row *row)
{
    char copy[80], *end;
    struct mr_slice text = athena_row_slice(row, 0);
    const int64_t base = athena_row_integer(row, 1);
    if (base < 2 || base > 36)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Radix must be between 2 and 36");
    if (text.len > 0 && text.len < sizeof copy && !isspace((unsigned char)text.ptr[0])) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        errno = 0;
        const long long value = strtoll(copy, &end, (int)base);
        const bool prefixed = base == 16 && strpbrk(copy, "xX") != NULL;
        if (*end == '\0' && errno == 0 && !prefixed) {
            athena_row_put_integer(row, value);
            return true;
        }
    }
    return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Not a valid base-%lld number: %.*s",
                           (long long)base, MR_ARG(text));
}

static bool bit_count(struct athena_row *row)
{
    const int64_t value = athena_row_integer(row, 0), bits = athena_row_integer(row, 1);
    if (bits < 2 || bits > 64)
        return athena_row_fail(row,
                               "INVALID_FUNCTION_ARGUMENT: Bits specified in bit_count must "
                               "be between 2 and 64, got %lld",
                               (long long)bits);
    if (bits < 64 && (value < -(INT64_C(1) << (bits - 1)) || value >= INT64_C(1) << (bits - 1)))
        return athena_row_fail(row,
                               "INVALID_FUNCTION_ARGUMENT: Number must be representable with "
                               "the bits specified. %lld cannot be represented with %lld bits",
                               (long long)value, (long long)bits);
    const uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    athena_row_put_integer(row, __builtin_popcountll((uint64_t)value & mask));
    return true;
}

/* mr_shift(value, by, bits, how): 0 to the left, 1 to the right, 2 to the right keeping the sign.
 */
static bool shift(struct athena_row *row)
{
    const int64_t value = athena_row_integer(row, 0), by = athena_row_integer(row, 1);
    const int64_t bits = athena_row_integer(row, 2), how = athena_row_integer(row, 3);
    const uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    uint64_t result = (uint64_t)value & mask;
    if (how == 2) {
        athena_row_put_integer(row, by >= 64 || by < 0 ? (value < 0 ? -1 : 0) : value >> by);
        return true;
    }
    if (by < 0 || by >= bits)
        result = 0;
    else
        result = how == 0 ? result << by & mask : result >> by;
    if (bits < 64 && (result >> (bits - 1) & 1) != 0)
        result |= ~mask;
    athena_row_put_integer(row, (int64_t)result);
    return true;
}

static bool width_bucket(struct athena_row *row)
{
    const double value = athena_row_double(row, 0), low = athena_row_double(row, 1);
    const double high = athena_row_double(row, 2);
    const int64_t count = athena_row_integer(row, 3);
    if (count <= 0)
        return athena_row_fail(row,
                               "INVALID_FUNCTION_ARGUMENT: bucketCount must be greater than 0");
    if (isnan(value) || !isfinite(low) || !isfinite(high) || low == high)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: bounds must be finite and differ");
    const double lower = fmin(low, high), upper = fmax(low, high);
    int64_t bucket;
    if (value < lower)
        bucket = 0;
    else if (value >= upper)
        bucket = count + 1;
    else
        bucket = (int64_t)((double)count * (value - lower) / (upper - lower)) + 1;
    athena_row_put_integer(row, low > high ? count - bucket + 1 : bucket);
    return true;
}

/* mr_curve(x, name): Java's, which give NaN and infinities where DuckDB fails. */
static bool curve(struct athena_row *row)
{
    static const struct {
        const char *name;
        double (*run)(double);
    } curves[] = {{"ln", log},  {"log10", log10}, {"sqrt", sqrt}, {"sin", sin},
                  {"cos", cos}, {"tan", tan},     {"asin", asin}, {"acos", acos}};
    const double value = athena_row_double(row, 0);
    struct mr_slice name = athena_row_slice(row, 1);
    double result = log(value) / log(2.0); /* log2 */
    for (size_t i = 0; i < MR_COUNT(curves); i++) {
        if (mr_slice_equal(name, mr_slice_cstr(curves[i].name)))
            result = curves[i].run(value);
    }
    athena_row_put_double(row, isnan(result) ? (double)NAN : result);
    return true;
}

static bool cube_root(struct athena_row *row)
{
    const double value = athena_row_double(row, 0);
    double root = cbrt(value);
    if (isfinite(root) && root != 0) /* the library's is off by a bit: one step of Newton's */
        root -= (root * root * root - value) / (3 * root * root);
    athena_row_put_double(row, root);
    return true;
}

/* ---- distributions ---- */

static bool normal_cdf(struct athena_row *row)
{
    const double mean = athena_row_double(row, 0), deviation = athena_row_double(row, 1);
    if (deviation <= 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: standardDeviation must be > 0");
    athena_row_put_double(
        row, 0.5 * (1 + erf((athena_row_double(row, 2) - mean) / (deviation * sqrt(2)))));
    return true;
}

/* By bisection: the distribution grows strictly. */
static bool inverse_normal_cdf(struct athena_row *row)
{
    const double mean = athena_row_double(row, 0), deviation = athena_row_double(row, 1);
    const double p = athena_row_double(row, 2);
    double low = -40, high = 40;
    if (!(p > 0 && p < 1))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: p must be 0 > p > 1");
    if (deviation <= 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: sd must be > 0");
    const bool central = p > 0.25 && p < 0.75; /* there what is beyond a half has more digits */
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = (low + high) / 2;
        const double beyond =
            central ? 0.5 * erf(middle / sqrt(2)) - (p - 0.5) : 0.5 * erfc(-middle / sqrt(2)) - p;
        if (beyond <= 0)
            low = middle;
        if (beyond >= 0)
            high = middle;
    }
    athena_row_put_double(row, mean + deviation * (low + high) / 2);
    return true;
}

/* mr_wilson(successes, trials, z, sign). */
static bool wilson(struct athena_row *row)
{
    const double n = (double)athena_row_integer(row, 1), z = athena_row_double(row, 2);
    const double p = (double)athena_row_integer(row, 0) / n;
    const double sign = (double)athena_row_integer(row, 3);
    if (n <= 0 || p < 0 || p > 1 || z < 0)
        return athena_row_fail(
            row, "INVALID_FUNCTION_ARGUMENT: number of successes must not be larger than number "
                 "of trials");
    athena_row_put_double(
        row, (p + z * z / (2 * n) + sign * z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) /
                 (1 + z * z / n));
    return true;
}

/* ---- limits ---- */

/* mr_error(what is said), of no type of its own: DuckDB's error() counts as volatile, which TRY
 * does not take. */
static bool error_told(struct athena_row *row)
{
    return athena_row_fail(row, "%.*s", MR_ARG(athena_row_slice(row, 0)));
}

/* mr_least(value, least, what is said otherwise). */
static bool least(struct athena_row *row)
{
    if (athena_row_integer(row, 0) < athena_row_integer(row, 1))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: %.*s",
                               MR_ARG(athena_row_slice(row, 2)));
    athena_row_put_integer(row, athena_row_integer(row, 0));
    return true;
}

/* mr_limit(value, most, what is said otherwise). */
static bool limit(struct athena_row *row)
{
    if (athena_row_integer(row, 0) > athena_row_integer(row, 1))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: %.*s",
                               MR_ARG(athena_row_slice(row, 2)));
    athena_row_put_integer(row, athena_row_integer(row, 0));
    return true;
}

/* ---- the beta distribution ---- */

/* The continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    const double least = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < least ? least : d);
    double result = d;
    for (int m = 1; m <= 10000; m++) {
        for (int odd = 0; odd < 2; odd++) {
            const double term = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                                    : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 + term * d;
            d = 1 / (fabs(d) < least ? least : d);
            c = 1 + term / c;
            c = fabs(c) < least ? least : c;
            result *= c * d;
        }
        if (fabs(c * d - 1) < 1e-16)
            break;
    }
    return result;
}

static double beta_of(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static bool beta_wrong(struct athena_row *row)
{
    if (athena_row_double(row, 0) > 0 && athena_row_double(row, 1) > 0)
        return false;
    (void)athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: a, b must be > 0");
    return true;
}

static bool beta_cdf(struct athena_row *row)
{
    const double x = athena_row_double(row, 2);
    if (beta_wrong(row))
        return false;
    if (!(x >= 0 && x <= 1))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: value must be in the interval [0, "
                                    "1]");
    athena_row_put_double(row, beta_of(athena_row_double(row, 0), athena_row_double(row, 1), x));
    return true;
}

static bool inverse_beta_cdf(struct athena_row *row)
{
    const double a = athena_row_double(row, 0), b = athena_row_double(row, 1);
    const double p = athena_row_double(row, 2);
    double low = 0, high = 1;
    if (beta_wrong(row))
        return false;
    if (!(p >= 0 && p <= 1))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: p must be in the interval [0, 1]");
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = low + (high - low) / 2;
        if (middle == low || middle == high)
            break;
        *(beta_of(a, b, middle) < p ? &low : &high) = middle;
    }
    athena_row_put_double(row, p == 0 ? 0 : high);
    return true;
}

/* mr_step(start, stop, step): the step of a sequence that is not too long. */
static bool step(struct athena_row *row)
{
    const int64_t start = athena_row_integer(row, 0), stop = athena_row_integer(row, 1);
    const int64_t by = athena_row_integer(row, 2);
    if (by == 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: step must not be zero");
    if ((by > 0) != (stop >= start) && stop != start)
        return athena_row_fail(
            row, "INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater than or equal "
                 "to start value if step is greater than zero otherwise stop should be less than "
                 "or equal to start");
    const double entries = ((double)stop - (double)start) / (double)by + 1;
    if (entries > 10000)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: result of sequence function must "
                                    "not have more than 10000 entries");
    athena_row_put_integer(row, by);
    return true;
}

/* ---- Hive's hash ---- */

/* mr_hive_hash(value, bits) of whole numbers, floating-point ones and texts. */
static bool hash_integer(struct athena_row *row)
{
    const uint64_t value = (uint64_t)athena_row_integer(row, 0);
    const bool wide = athena_row_integer(row, 1) == 64;
    athena_row_put_integer(row, (int32_t)(uint32_t)(wide ? value ^ value >> 32 : value));
    return true;
}

static bool hash_double(struct athena_row *row)
{
    const double value = athena_row_double(row, 0);
    const float narrow_value = (float)value;
    uint64_t bits = 0;
    uint32_t narrow_bits = 0;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&narrow_bits, &narrow_value, sizeof narrow_bits);
    if (value == 0)
        bits = narrow_bits = 0; /* also of -0.0 */
    if (athena_row_integer(row, 1) == 32)
        athena_row_put_integer(row, (int32_t)narrow_bits);
    else
        athena_row_put_integer(row, (int32_t)(uint32_t)(bits ^ bits >> 32));
    return true;
}

static bool hash_text(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    uint32_t hash = 0;
    for (size_t i = 0; i < text.len; i++) {
        const uint32_t byte = (uint8_t)text.ptr[i];
        hash = hash * 31 + (byte ^ 0x80) - 0x80; /* Java's bytes have a sign */
    }
    athena_row_put_integer(row, (int32_t)hash);
    return true;
}

/* mr_hive_mix(hash so far, hash of the next column). */
static bool hash_mix(struct athena_row *row)
{
    const uint32_t hash = (uint32_t)athena_row_integer(row, 0) * 31;
    athena_row_put_integer(row, (int32_t)(hash + (uint32_t)athena_row_integer(row, 1)));
    return true;
}

enum mr_status athena_numbers_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define B DUCKDB_TYPE_BIGINT
#define D DUCKDB_TYPE_DOUBLE
#define L DUCKDB_TYPE_BOOLEAN
    static const struct athena_row_function functions[] = {
        {"mr_to_tinyint", {V, L}, B, to_tinyint},
        {"mr_to_smallint", {V, L}, B, to_smallint},
        {"mr_to_integer", {V, L}, B, to_int},
        {"mr_to_bigint", {V, L}, B, to_bigint},
        {"mr_to_double", {V, L}, D, to_double},
        {"mr_to_real", {V, L}, D, to_real},
        {"mr_to_boolean", {V, L}, L, to_boolean},
        {"mr_double_to_integer", {D, B, L}, B, double_to_integer},
        {"mr_double_to_real", {D}, D, double_to_real},
        {"mr_narrow", {B, B, L}, B, narrow},
        {"mr_to_base", {B, B}, V, to_base},
        {"mr_from_base", {V, B}, B, from_base},
        {"mr_bit_count", {B, B}, B, bit_count},
        {"mr_shift", {B, B, B, B}, B, shift},
        {"mr_width_bucket", {D, D, D, B}, B, width_bucket},
        {"mr_cbrt", {D}, D, cube_root},
        {"mr_curve", {D, DUCKDB_TYPE_VARCHAR}, D, curve},
        {"mr_normal_cdf", {D, D, D}, D, normal_cdf},
        {"mr_inverse_normal_cdf", {D, D, D}, D, inverse_normal_cdf},
        {"mr_beta_cdf", {D, D, D}, D, beta_cdf},
        {"mr_inverse_beta_cdf", {D, D, D}, D, inverse_beta_cdf},
        {"mr_wilson", {B, B, D, B}, D, wilson},
        {"mr_hive_hash", {B, B}, B, hash_integer},
        {"mr_hive_hash", {D, B}, B, hash_double},
        {"mr_hive_hash", {V, B}, B, hash_text},
        {"mr_hive_mix", {B, B}, B, hash_mix},
        {"mr_error", {V}, DUCKDB_TYPE_SQLNULL, error_told},
        {"mr_limit", {B, B, V}, B, limit},
        {"mr_least", {B, B, V}, B, least},
        {"mr_fit", {V, B, L, L}, V, fit},
        {"mr_step", {B, B, B}, B, step},
    };
#undef V
#undef B
#undef D
#undef L
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
