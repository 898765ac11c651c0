#include "athena/engine.h"
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* One object in memory stands for S3. */
static struct mr_slice object_body;

struct s3_snapshot_reader *s3_snapshot_reader_new(struct s3_snapshot *snapshot)
{
    return (struct s3_snapshot_reader *)snapshot;
}

void s3_snapshot_reader_free(struct s3_snapshot_reader *reader)
{
    (void)reader;
}

enum mr_status s3_snapshot_read(struct s3_snapshot_reader *reader, const struct s3_object *object,
                                int *ret_fd, struct mr_slice *ret_bytes)
{
    (void)reader;
    if (mr_slice_equal(object->key, MR_S("gone")))
        return MR_NOT_FOUND;
    *ret_fd = -1;
    *ret_bytes = object_body;
    if (!mr_slice_equal(object->key, MR_S("small"))) {
        *ret_fd = memfd_create("object", 0);
        assert_int_equal(write(*ret_fd, object_body.ptr, object_body.len), object_body.len);
    }
    return MR_OK;
}

struct bench {
    struct athena_engine engine;
    struct athena_handle handle;
    struct mr_arena arena;
    struct athena_scan scan;
};

static int set_up(void **state)
{
    static const struct athena_engine_options options = {.memory_mb = 200, .threads = "2"};
    struct bench *bench = calloc(1, sizeof *bench);
    athena_engine_init(&bench->engine, &options);
    athena_handle_init(&bench->handle);
    mr_arena_init(&bench->arena);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    athena_handle_fini(&bench->handle);
    athena_engine_fini(&bench->engine);
    mr_arena_fini(&bench->arena);
    free(bench);
    return 0;
}

static char *run_as(struct bench *bench, const char *sql, bool bounded)
{
    struct athena_output output;
    struct mr_slice bytes;
    athena_output_init(&output, "/tmp", true);
    struct athena_execution execution = {.arena = &bench->arena,
                                         .sql = sql,
                                         .handle = &bench->handle,
                                         .output = &output,
                                         .bounded = bounded};
    enum mr_status status = athena_engine_run(&bench->engine, &execution);
    char *text;
    if (status == MR_OK) {
        assert_int_equal(athena_output_bytes(&output, &bytes), MR_OK);
        text = mr_arena_cstr(&bench->arena, bytes);
    } else {
        text = mr_arena_cstr(&bench->arena, execution.error);
    }
    athena_output_fini(&output);
    return text;
}

/* The result as CSV, or the engine's message. */
static char *run(struct bench *bench, const char *sql)
{
    return run_as(bench, sql, false);
}

/* Reads `body` as a table of these columns and selects from it; TABLE in the text stands for it. */
static char *scan(struct bench *bench, const char *body, const char *const (*columns)[2],
                  size_t count, const char *select, const char *key)
{
    struct athena_scan *made = &bench->scan;
    const struct s3_object object = {.key = mr_slice_cstr(key), .size = strlen(body)};
    static const struct mr_slice values[] = {MR_S_INIT("2026")};
    *made = (struct athena_scan){.arena = &bench->arena,
                                 .format = ATHENA_FORMAT_JSON,
                                 .cancelled = &bench->handle.cancelled};
    object_body = mr_slice_cstr(body);
    made->columns = MR_NEW_ARRAY(&bench->arena, struct athena_column, count + 1);
    for (size_t i = 0; i < count; i++) {
        made->columns[i] = (struct athena_column){.name = mr_slice_cstr(columns[i][0]),
                                                  .source = mr_slice_cstr(columns[i][0]),
                                                  .key = -1};
        assert_int_equal(
            athena_type_parse(&bench->arena, mr_slice_cstr(columns[i][1]), &made->columns[i].type),
            MR_OK);
    }
    made->columns[count] =
        (struct athena_column){.name = MR_S("year"), .type = {.kind = ATHENA_INT}, .key = 0};
    made->column_count = count + 1;
    assert_int_equal(athena_scan_add(made, MR_S("b"), &object, values), MR_OK);
    athena_scans_add(&bench->engine.scans, made);
    char sql[500];
    snprintf(sql, sizeof sql, "%s FROM mr_scan(%llu)", select, (unsigned long long)made->id);
    char *text = run(bench, sql);
    athena_scans_remove(&bench->engine.scans, made);
    return text;
}

static void records_become_rows_of_the_columns_asked_for(void **state)
{
    static const char *const columns[][2] = {{"id", "int"},
                                             {"name", "string"},
                                             {"tags", "array<string>"},
                                             {"meta", "struct<a:int,b:map<string,double>>"}};
    assert_string_equal(
        scan(*state,
             "{\"ID\":1,\"name\":\"x\",\"tags\":[\"p\",null],\"meta\":{\"A\":2,\"b\":{\"k\":1}}}\n"
             "\n{\"name\":12.50,\"id\":\"7\"}\n",
             columns, MR_COUNT(columns), "SELECT meta, id, year, name, tags", "x"),
        "\"meta\",\"id\",\"year\",\"name\",\"tags\"\n"
        "\"{a=2, b={k=1.0}}\",\"1\",\"2026\",\"x\",\"[p, null]\"\n"
        ",\"7\",\"2026\",\"12.50\",\n");
    static const char *const keys[] = {"x", "small"};
    for (size_t i = 0; i < MR_COUNT(keys); i++)
        assert_string_equal(scan(*state, "{\"id\":1}\n{\"id\":2}", columns, MR_COUNT(columns),
                                 "SELECT count(*) AS n", keys[i]),
                            "\"n\"\n\"2\"\n");
}

static void what_cannot_be_read_is_told(void **state)
{
    static const char *const columns[][2] = {{"id", "tinyint"}};
    assert_non_null(strstr(scan(*state, "{\"id\":1000}", columns, 1, "SELECT id", "x"),
                           "HIVE_BAD_DATA: Error parsing a column in the table: Cannot convert "
                           "value of type Number out of range to a TINYINT value"));
    assert_non_null(
        strstr(scan(*state, "{\"id\":{}}", columns, 1, "SELECT id", "x"), "HIVE_BAD_DATA"));
    assert_non_null(strstr(scan(*state, "{\"id\":", columns, 1, "SELECT id", "x"),
                           "HIVE_CURSOR_ERROR: Row is not a valid JSON Object"));
    assert_non_null(
        strstr(scan(*state, "{}", columns, 1, "SELECT id", "gone"), "HIVE_CANNOT_OPEN_SPLIT"));
}

static void the_engine_reaches_no_file_and_keeps_its_settings(void **state)
{
    static const char *const refused[] = {
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/hostile-copy'",
        "ATTACH '/tmp/hostile.db'",
        "INSTALL httpfs",
        "LOAD '/tmp/x.so'",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "CREATE TABLE t AS SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT * FROM mr_scan(12345)",
    };
    run(*state, "SELECT 1");
    for (size_t i = 0; i < MR_COUNT(refused); i++) {
        const char *text = run(*state, refused[i]);
        if (text[0] == '"')
            fail_msg("%s gives %s", refused[i], text);
    }
    assert_int_not_equal(access("/tmp/hostile-copy", F_OK), 0);
    assert_int_not_equal(access("/tmp/hostile.db", F_OK), 0);
    assert_string_equal(run(*state, "SELECT 2 AS a"), "\"a\"\n\"2\"\n");
}

/* A text of several statements is refused, the message is told once, and divisions of decimals,
 * which need preparing, are mended. */
static void a_bounded_result_is_the_same(void **state)
{
    static const char *const texts[] = {
        "SELECT count(*) AS n FROM range(10)",
        "SELECT ';' AS \"a;\", 'it''s; ' || \"range\" FROM range(2)",
        "SELECT 1; SELECT 2",
        "SELECT 'open; ",
        "SELECT error('told once')",
        "SELECT no_such_name",
        "SELECT mr_div/*0*/(1.50, 2.25, 0) AS d",
        "SELECT mr_div/*0*/(sum(1.50), 0.0, 0) AS d"};
    for (size_t i = 0; i < MR_COUNT(texts); i++)
        assert_string_equal(run_as(*state, texts[i], true), run(*state, texts[i]));
    assert_string_equal(run_as(*state, texts[0], true), "\"n\"\n\"10\"\n");
}

static void a_large_result_goes_through_a_file(void **state)
{
    struct bench *bench = *state;
    const char *text = run(bench, "SELECT repeat('x', 1000) AS a FROM range(10000)");
    assert_int_equal(strlen(text), 4 + 10000 * 1003);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_become_rows_of_the_columns_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_engine_reaches_no_file_and_keeps_its_settings, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bounded_result_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_result_goes_through_a_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
