/* Any bytes as an expression of metric math, and as the name of a statistic: it ends, in bounds,
 * and what is refused says why. */
#include "cloudwatch/internal.h"
#include "cloudwatch/math.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double values[] = {1, NAN, 3};
static struct cw_series series = {
    .id = MR_S_INIT("a"), .period_ms = 60000, .count = MR_COUNT(values), .values = values};

static bool find(void *ctx, struct cw_math *math, struct mr_slice id, struct cw_value *ret)
{
    (void)ctx;
    *ret = (struct cw_value){.kind = CW_VALUE_SERIES, .series = &series, .count = 1};
    return mr_slice_equal(id, MR_S("a")) || cw_math_fail(math, "Undefined variable.");
}

static struct cw_value metrics(void *ctx, struct mr_slice part)
{
    (void)ctx;
    return (struct cw_value){
        .kind = CW_VALUE_LIST, .series = &series, .count = part.len > 3 ? 0 : 1};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mr_slice text = mr_slice_make(data, size < 2048 ? size : 2048);
    struct mr_arena arena = {0};
    struct cw_math math = {.arena = &arena, .find = find, .metrics = metrics, .grid = series};
    struct cw_value value;
    struct cw_stat stat;
    if (!cw_math_eval(&math, text, &value) && math.why[0] == '\0')
        abort();
    const struct cw_sums sums = cw_sums_of(&arena, 5, 2);
    double number;
    if (cw_stat_parse(text, &stat))
        (void)cw_stat_value(&stat, &sums, &number);
    mr_arena_fini(&arena);
    return 0;
}
