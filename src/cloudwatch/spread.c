/* How the values of a period lie: what percentiles and trimmed statistics are computed from.
 *
 * Each value with its count, ascending, as long as there are at most PAIRS_MAX of them; then
 * neighbours are joined at their mean, light ones first and those at the ends last (as a t-digest
 * does), so that a percentile in the middle is off by a few hundredths of the ranks, and one at the
 * ends by less. A set of statistics (count, sum, minimum, maximum) tells nothing of its values
 * unless all are equal; a period that such a set is in has no percentiles, as on AWS. */
#include "cloudwatch/internal.h"
#include <math.h>

enum { PAIRS_MAX = 256 };

/* Joins a pair to the one before it as long as both weigh at most `part` of all, less towards the
 * ends; returns how many are left. */
static size_t join(struct cw_pair *pairs, size_t count, double all, double part)
{
    size_t kept = 0;
    double before = 0; /* weight of those before the kept one */
    for (size_t i = 1; i < count; i++) {
        struct cw_pair *last = &pairs[kept];
        const double weight = last->count + pairs[i].count;
        const double rank = (before + weight / 2) / all;
        if (weight <= all * part * 4 * rank * (1 - rank)) {
            last->value += (pairs[i].value - last->value) * (pairs[i].count / weight);
            last->count = weight;
        } else {
            before += last->count;
            pairs[++kept] = pairs[i];
        }
    }
    return kept + 1;
}

static void thin_out(struct cw_sums *sums)
{
    if (sums->pair_count <= PAIRS_MAX)
        return;
    double all = 0;
    for (size_t i = 0; i < sums->pair_count; i++)
        all += sums->pairs[i].count;
    for (double part = 1.0 / PAIRS_MAX; sums->pair_count > PAIRS_MAX * 3 / 4; part *= 1.25)
        sums->pair_count = join(sums->pairs, sums->pair_count, all, part);
}

static void merge_pairs(struct mr_arena *arena, struct cw_sums *sums, const struct cw_sums *more)
{
    struct cw_pair *merged =
        MR_NEW_ARRAY(arena, struct cw_pair, sums->pair_count + more->pair_count);
    size_t a = 0, b = 0, count = 0;
    while (a < sums->pair_count || b < more->pair_count) {
        const bool first = b == more->pair_count ||
                           (a < sums->pair_count && sums->pairs[a].value <= more->pairs[b].value);
        const struct cw_pair next = first ? sums->pairs[a++] : more->pairs[b++];
        if (count > 0 && merged[count - 1].value == next.value)
            merged[count - 1].count += next.count;
        else
            merged[count++] = next;
    }
    sums->pairs = merged;
    sums->pair_count = count;
    thin_out(sums);
}

struct cw_sums cw_sums_of(struct mr_arena *arena, double value, double count)
{
    struct cw_pair *pair = MR_NEW(arena, struct cw_pair);
    *pair = (struct cw_pair){value, count};
    return (struct cw_sums){.count = count,
                            .sum = value * count,
                            .min = value,
                            .max = value,
                            .whole = true,
                            .pairs = pair,
                            .pair_count = 1};
}

void cw_sums_level(struct mr_arena *arena, struct cw_sums *sums)
{
    if (!sums->whole && sums->count > 0 && sums->min == sums->max) {
        const double sum = sums->sum;
        *sums = cw_sums_of(arena, sums->min, sums->count);
        sums->sum = sum;
    }
}

void cw_sums_add(struct mr_arena *arena, struct cw_sums *sums, const struct cw_sums *more)
{
    if (more->count == 0)
        return;
    const bool empty = sums->count == 0;
    sums->whole = arena != NULL && more->whole && (empty || sums->whole);
    sums->min = empty || more->min < sums->min ? more->min : sums->min;
    sums->max = empty || more->max > sums->max ? more->max : sums->max;
    sums->count += more->count;
    sums->sum += more->sum;
    if (sums->whole)
        merge_pairs(arena, sums, more);
    else
        sums->pair_count = 0;
}

/* ---- statistics by name ---- */

static bool read_number(struct mr_slice *rest, double *ret_number)
{
    size_t len = 0, digits = 0;
    double whole = 0, place = 1;
    bool fraction = false;
    for (; len < rest->len; len++) {
        const char c = rest->ptr[len];
        if (c == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        digits++;
        whole = whole * 10 + (c - '0');
        place = fraction ? place * 10 : place;
    }
    *ret_number = whole / place;
    *rest = mr_slice_sub(*rest, len, SIZE_MAX);
    return digits > 0;
}

/* One end of a range: nothing, a number, or a percentage. */
static bool read_end(struct mr_slice text, struct cw_stat *stat, bool *ret_has, double *ret_end)
{
    *ret_has = text.len > 0;
    if (text.len == 0)
        return true;
    if (!read_number(&text, ret_end))
        return false;
    const bool percent = mr_slice_equal(text, MR_S("%"));
    if (!percent && text.len > 0)
        return false;
    stat->percent = percent;
    return !percent || *ret_end <= 100;
}

/* "(10%:90%)", "(:500)", "(100:)": both ends are percentages, or none is. */
static bool read_range(struct mr_slice text, struct cw_stat *stat)
{
    const size_t colon = mr_slice_find(text, ':');
    if (text.len < 3 || text.ptr[0] != '(' || text.ptr[text.len - 1] != ')' || colon == SIZE_MAX)
        return false;
    const struct mr_slice low = mr_slice_sub(text, 1, colon - 1);
    const struct mr_slice high = mr_slice_sub(text, colon + 1, text.len - colon - 2);
    if (!read_end(low, stat, &stat->has_low, &stat->low))
        return false;
    const bool percent = stat->percent;
    if (!read_end(high, stat, &stat->has_high, &stat->high))
        return false;
    if (stat->has_low && stat->has_high)
        return stat->percent == percent && stat->low < stat->high;
    return stat->has_low || stat->has_high;
}

/* "p99", "p99.9": two digits at most before the point, but 100. */
static bool read_plain(struct mr_slice text, struct cw_stat *stat)
{
    stat->percent = stat->has_high = true;
    return read_number(&text, &stat->high) && text.len == 0 && stat->high <= 100;
}

bool cw_stat_parse(struct mr_slice text, struct cw_stat *ret)
{
    static const char *const plain[] = {"Sum", "SampleCount", "Average", "Minimum", "Maximum"};
    static const struct {
        const char *name;
        enum cw_stat_kind kind;
    } trimmed[] = {{"tm", CW_STAT_TM},
                   {"wm", CW_STAT_WM},
                   {"tc", CW_STAT_TC},
                   {"ts", CW_STAT_TS},
                   {"pr", CW_STAT_PR}};
    *ret = (struct cw_stat){0};
    for (size_t i = 0; i < MR_COUNT(plain); i++) {
        ret->kind = (enum cw_stat_kind)(CW_STAT_SUM + i);
        if (mr_slice_equal(text, mr_slice_cstr(plain[i])))
            return true;
    }
    if (mr_slice_equal_nocase(text, MR_S("iqm"))) {
        *ret = (struct cw_stat){CW_STAT_TM, true, true, true, 25, 75};
        return true;
    }
    for (size_t i = 0; i < MR_COUNT(trimmed); i++) {
        const struct mr_slice rest = mr_slice_sub(text, 2, SIZE_MAX);
        if (!mr_slice_equal_nocase(mr_slice_sub(text, 0, 2), mr_slice_cstr(trimmed[i].name)))
            continue;
        ret->kind = trimmed[i].kind;
        if (ret->kind == CW_STAT_PR) /* AWS: of values alone */
            return read_range(rest, ret) && !ret->percent;
        return read_range(rest, ret) ||
               (*ret = (struct cw_stat){.kind = ret->kind}, read_plain(rest, ret));
    }
    ret->kind = CW_STAT_P;
    return text.len > 1 && text.ptr[0] == 'p' && read_plain(mr_slice_sub(text, 1, SIZE_MAX), ret);
}

bool cw_stat_is_extended(const struct cw_stat *stat)
{
    return stat->kind >= CW_STAT_P;
}

/* ---- their values ---- */

/* The least value that `percent` of all are at or below. */
static double percentile(const struct cw_sums *sums, double percent)
{
    const double rank = percent / 100 * sums->count;
    double seen = 0;
    for (size_t i = 0; i < sums->pair_count; i++) {
        seen += sums->pairs[i].count;
        if (seen >= rank - 1e-9 && seen > 0)
            return sums->pairs[i].value;
    }
    return sums->max;
}

struct part {
    double count, sum; /* of the values inside */
    double below, above;
};

static double overlap(double from, double to, double low, double high)
{
    const double start = from > low ? from : low, end = to < high ? to : high;
    return end > start ? end - start : 0;
}

/* What lies between two ranks (a pair may lie in part), or between two values: above the low one,
 * up to the high one. */
static struct part part_of(const struct cw_sums *sums, const struct cw_stat *stat)
{
    const double low = stat->has_low ? stat->low : stat->percent ? 0 : -INFINITY;
    const double high = stat->has_high ? stat->high : stat->percent ? 100 : INFINITY;
    struct part part = {0};
    double seen = 0;
    for (size_t i = 0; i < sums->pair_count; i++) {
        const struct cw_pair pair = sums->pairs[i];
        double in = pair.value > low && pair.value <= high ? pair.count : 0;
        double under = pair.value <= low ? pair.count : 0;
        if (stat->percent) {
            const double scale = sums->count / 100;
            in = overlap(seen, seen + pair.count, low * scale, high * scale);
            under = overlap(seen, seen + pair.count, 0, low * scale);
        }
        part.count += in;
        part.sum += in * pair.value;
        part.below += under;
        part.above += pair.count - in - under;
        seen += pair.count;
    }
    return part;
}

/* The values outside count as those at the ends of the range. */
static double winsorized(const struct cw_sums *sums, const struct cw_stat *stat,
                         const struct part *part)
{
    const double low = stat->percent ? percentile(sums, stat->low) : stat->low;
    const double high = stat->percent ? percentile(sums, stat->high) : stat->high;
    return (part->sum + (part->below > 0 ? part->below * low : 0) +
            (part->above > 0 ? part->above * high : 0)) /
           sums->count;
}

static bool extended_value(const struct cw_stat *stat, const struct cw_sums *sums,
                           double *ret_value)
{
    if (!sums->whole || sums->min < 0) /* AWS: none where a value is negative */
        return false;
    const struct part part = part_of(sums, stat);
    switch (stat->kind) {
    case CW_STAT_TM: *ret_value = part.sum / part.count; return part.count > 0;
    case CW_STAT_WM: *ret_value = winsorized(sums, stat, &part); return true;
    case CW_STAT_TC: *ret_value = part.count; return true;
    case CW_STAT_TS: *ret_value = part.sum; return true;
    case CW_STAT_PR: *ret_value = part.count / sums->count * 100; return true;
    default: *ret_value = percentile(sums, stat->high); return true;
    }
}

bool cw_stat_value(const struct cw_stat *stat, const struct cw_sums *sums, double *ret_value)
{
    if (sums->count == 0)
        return false;
    switch (stat->kind) {
    case CW_STAT_SUM: *ret_value = sums->sum; return true;
    case CW_STAT_COUNT: *ret_value = sums->count; return true;
    case CW_STAT_AVERAGE: *ret_value = sums->sum / sums->count; return true;
    case CW_STAT_MINIMUM: *ret_value = sums->min; return true;
    case CW_STAT_MAXIMUM: *ret_value = sums->max; return true;
    default: return extended_value(stat, sums, ret_value);
    }
}
