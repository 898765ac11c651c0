/* Any bytes as a GetPartitions expression and as a partition's value, and as a crawler's schedule:
 * refused with a reason, or answered alike twice; a schedule's next moment lies ahead. */
#include "glue/filter.h"
#include "glue/internal.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void match(struct mr_arena *arena, struct mr_slice expression, struct mr_slice value)
{
    static const struct glue_column keys[] = {
        {.name = MR_S_INIT("s"), .type = MR_S_INIT("string")},
        {.name = MR_S_INIT("n"), .type = MR_S_INIT("int")},
        {.name = MR_S_INIT("c"), .type = MR_S_INIT("decimal(10,2)")},
        {.name = MR_S_INIT("d"), .type = MR_S_INIT("date")},
        {.name = MR_S_INIT("t"), .type = MR_S_INIT("timestamp")},
        {.name = MR_S_INIT("o"), .type = MR_S_INIT("boolean")}};
    struct mr_slice values[MR_COUNT(keys)], error = {0}, again = {0};
    const struct filter *filter;
    bool fits = false, same = false;
    for (size_t i = 0; i < MR_COUNT(keys); i++)
        values[i] = value;
    if (glue_filter_parse(arena, expression, keys, MR_COUNT(keys), &filter, &error) != MR_OK) {
        require(error.len > 0);
        return;
    }
    const enum mr_status status = glue_filter_match(filter, arena, values, &fits, &error);
    require(status == MR_OK || error.len > 0);
    require(glue_filter_match(filter, arena, values, &same, &again) == status && same == fits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mr_slice all = mr_slice_make((const char *)data, size);
    const size_t cut = mr_slice_find(all, '\0');
    const int64_t now_ms = INT64_C(1780000000000);
    int64_t next_ms;
    struct mr_arena arena;
    mr_arena_init(&arena);
    match(&arena, mr_slice_sub(all, 0, cut),
          cut == SIZE_MAX ? MR_S("") : mr_slice_sub(all, cut + 1, SIZE_MAX));
    if (glue_schedule_next(all, now_ms, &next_ms) == MR_OK)
        require(next_ms > now_ms);
    mr_arena_fini(&arena);
    return 0;
}
