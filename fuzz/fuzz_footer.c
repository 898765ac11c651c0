/* The footer of a Parquet object, as it is read for its rows, for the bytes that a query reads and
 * for its columns, by Athena, by a crawler and by the audit of what was landed. */
#include "athena/chunks.h"
#include "athena/count.h"
#include "athena/footers.h"
#include "glue/parquet.h"
#include "verify/unpack.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void audit(struct mr_slice footer)
{
    struct mr_buf file = {0}, buf = {0};
    struct mr_slice text;
    int64_t rows;
    mr_buf_append(&file, MR_S("PAR1"));
    mr_buf_append(&file, footer);
    mr_buf_u32(&file, (uint32_t)footer.len);
    mr_buf_append(&file, MR_S("PAR1"));
    (void)!verify_unpack(mr_buf_slice(&file), MR_S(""), &buf, &text, &rows);
    mr_buf_fini(&file);
    mr_buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct athena_column columns[] = {
        {.source = MR_S("a"), .key = ATHENA_COLUMN_DATA, .used = true},
        {.source = MR_S("s"), .key = ATHENA_COLUMN_DATA}};
    const struct athena_scan scan = {.columns = columns, .column_count = 2};
    const struct mr_slice bytes = {(const char *)data, size};
    struct athena_footer footer;
    struct lake_shape shape;
    struct mr_arena arena;
    struct athena_misfit misfit;
    uint64_t number;
    mr_arena_init(&arena);
    (void)!athena_count_footer(bytes, &number);
    (void)!athena_chunks_count(&scan, &arena, bytes, &number, &misfit);
    if (athena_footer_read(&arena, bytes, &footer)) {
        assert(footer.count > 0);
        (void)athena_footer_fits(&footer, &scan);
    }
    (void)!glue_parquet_footer(&arena, bytes, &shape);
    mr_arena_fini(&arena);
    audit(bytes);
    return 0;
}
