/* Athena: any text as a statement, and a query of it in DuckDB's words: refused with a reason, or
 * translated, the same twice. */
#include "athena/errors.h"
#include "athena/statement.h"
#include "athena/translate.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool table(void *ctx, struct athena_translation *translation,
                  const struct athena_table_use *use, struct mr_buf *out)
{
    (void)ctx, (void)translation, (void)use;
    mr_buf_append(out, MR_S("mr_scan(1)"));
    return true;
}

static struct mr_slice column_type(void *ctx, struct mr_slice name)
{
    static const struct mr_slice types[] = {MR_S_INIT(""), MR_S_INIT("map<string,int>"),
                                            MR_S_INIT("decimal(9,2)"),
                                            MR_S_INIT("struct<a:array<string>,b:timestamp>")};
    (void)ctx;
    return types[name.len % MR_COUNT(types)];
}

static bool is_table(void *ctx, struct mr_slice database, struct mr_slice name)
{
    (void)ctx, (void)database;
    return mr_slice_equal(name, MR_S("t"));
}

static struct mr_slice translated(struct mr_arena *arena, struct mr_slice text)
{
    static const struct athena_resolver resolver = {
        .table = table, .column_type = column_type, .is_table = is_table};
    struct athena_statement statement;
    struct athena_error error = {0};
    struct mr_buf out = {0};
    size_t divisions = 0;
    struct athena_relation anything = {.fields = {.open = true}};
    struct athena_level level = {.relations = &anything};
    struct athena_translation translation = {.arena = arena,
                                             .error = &error,
                                             .resolver = &resolver,
                                             .divisions = &divisions,
                                             .level = &level,
                                             .out = &out};
    bool fine = athena_statement_parse(arena, text, &statement, &error) == MR_OK;
    if (fine && statement.query != NULL && statement.kind == STATEMENT_QUERY)
        fine = athena_translate_result(&translation, statement.query);
    assert(fine == (error.code == NULL));
    struct mr_slice result =
        fine ? mr_arena_copy(arena, mr_buf_slice(&out)) : athena_error_text(arena, &error);
    mr_buf_fini(&out);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mr_slice text = {(const char *)data, size};
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct mr_slice one = translated(&arena, text), two = translated(&arena, text);
    assert(mr_slice_equal(one, two));
    mr_arena_fini(&arena);
    return 0;
}
