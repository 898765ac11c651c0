/* Athena: the footer of a Parquet object, for its rows and for the bytes that a query reads. */
#include "athena/chunks.h"
#include "athena/count.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct athena_column columns[] = {
        {.source = MR_S("a"), .key = ATHENA_COLUMN_DATA, .used = true},
        {.source = MR_S("s"), .key = ATHENA_COLUMN_DATA}};
    const struct athena_scan scan = {.columns = columns, .column_count = 2};
    const struct mr_slice footer = {(const char *)data, size};
    struct mr_arena arena;
    uint64_t number;
    mr_arena_init(&arena);
    (void)athena_count_footer(footer, &number);
    (void)athena_chunks_count(&scan, &arena, footer, &number);
    mr_arena_fini(&arena);
    return 0;
}
