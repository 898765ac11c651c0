#include "athena/errors.h"
#include "athena/statement.h"
#include "athena/translate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool table(void *ctx, struct athena_translation *translation,
                  const struct athena_table_use *use, struct mr_buf *out)
{
    struct mr_slice name = use->table->items->text;
    (void)ctx;
    if (mr_slice_equal(name, MR_S("missing"))) {
        athena_translate_fail(translation, use->table, "TABLE_NOT_FOUND", "no table %.*s",
                              MR_ARG(name));
        return false;
    }
    mr_buf_append(out, use->where != NULL && use->only ? MR_S("mr_scan(1)") : MR_S("mr_scan(2)"));
    return true;
}

static struct mr_slice column_type(void *ctx, struct mr_slice name)
{
    (void)ctx;
    return mr_slice_equal(name, MR_S("m")) ? MR_S("map<string,int>") : MR_S("");
}

static bool is_table(void *ctx, struct mr_slice database, struct mr_slice name)
{
    (void)ctx;
    return mr_slice_equal(database, MR_S("db")) && mr_slice_equal(name, MR_S("t"));
}

/* DuckDB's text, or the error as a failed query shows it. */
static char *translate(struct mr_arena *arena, const char *text)
{
    static const struct athena_resolver resolver = {
        .table = table, .column_type = column_type, .is_table = is_table};
    struct athena_statement statement;
    struct athena_error error = {0};
    struct mr_buf out = {0};
    size_t divisions = 0;
    /* any name may be in sight */
    struct athena_relation anything = {.fields = {.open = true}};
    struct athena_level level = {.relations = &anything};
    struct athena_translation translation = {.arena = arena,
                                             .error = &error,
                                             .resolver = &resolver,
                                             .divisions = &divisions,
                                             .level = &level,
                                             .out = &out};
    struct mr_slice result;
    if (athena_statement_parse(arena, mr_slice_cstr(text), &statement, &error) == MR_OK &&
        statement.query != NULL && !athena_statement_writes(&statement) &&
        athena_translate_query(&translation, statement.query))
        result = mr_arena_copy(arena, mr_buf_slice(&out));
    else if (error.code != NULL)
        result = athena_error_text(arena, &error);
    else
        result = mr_slice_cstr(statement.substatement);
    mr_buf_fini(&out);
    return mr_arena_cstr(arena, result);
}

static void expect(const char *text, const char *wanted)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const char *found = translate(&arena, text);
    if (strcmp(found, wanted) != 0)
        fail_msg("%s\n gives %s\n not   %s", text, found, wanted);
    mr_arena_fini(&arena);
}

static void names_are_quoted_and_items_without_a_name_get_one(void **state)
{
    (void)state;
    expect("select a, b + 1, c.d, x as y from t",
           "SELECT \"a\", (\"b\" + 1) AS \"_mr_col\", \"c\".\"d\" AS \"d\", \"x\" AS \"y\" FROM "
           "mr_scan(2) AS \"t\"");
    expect("select \"a\"\"b\" from t where x = 'it''s'",
           "SELECT \"a\"\"b\" FROM mr_scan(1) AS \"t\" WHERE (\"x\" = 'it''s')");
    expect("select db.t.a, t.* from db.t", "SELECT \"t\".\"a\" AS \"a\", \"t\".* FROM mr_scan(2) "
                                           "AS \"t\"");
}

static void operators_bind_as_in_the_grammar(void **state)
{
    (void)state;
    expect("select 1 + 2 * 3 - 4", "SELECT ((1 + (2 * 3)) - 4) AS \"_mr_col\"");
    expect("select a or b and not c = 1",
           "SELECT (\"a\" OR (\"b\" AND (NOT (\"c\" = 1)))) AS \"_mr_col\"");
    expect("select a / b % c",
           "SELECT mr_mod/*1*/(mr_div/*0*/(\"a\", \"b\", 0), \"c\", 1) AS \"_mr_col\"");
    expect("select x not between 1 and 2 and y in (1, 2)",
           "SELECT ((\"x\" NOT BETWEEN 1 AND 2) AND (\"y\" IN (1, 2))) AS \"_mr_col\"");
    expect("select d + interval '1' day",
           "SELECT mr_date_add('day', CAST(1 AS BIGINT), \"d\") AS \"_mr_col\"");
    expect("select d - interval -'2' month",
           "SELECT mr_date_add('month', CAST(- -2 AS BIGINT), \"d\") AS \"_mr_col\"");
}

static void functions_become_those_of_duckdb(void **state)
{
    (void)state;
    expect("select regexp_replace(a, '(x)', '$1y')",
           "SELECT mr_regexp_replace(\"a\", '(x)', '$1y') AS \"_mr_col\"");
    expect("select regexp_like(a, '^\\d+x')",
           "SELECT regexp_matches(\"a\", '^\\p{Nd}+x') AS \"_mr_col\"");
    expect("select regexp_like(a, '^\\d+$')",
           "SELECT mr_regexp_like(\"a\", '^\\d+$') AS \"_mr_col\"");
    expect("select array_agg(distinct x order by y desc) filter (where z)",
           "SELECT list(DISTINCT \"x\" ORDER BY \"y\" DESC NULLS LAST) FILTER (WHERE \"z\") AS "
           "\"_mr_col\"");
    expect("select lag(x) ignore nulls over (partition by y order by z)",
           "SELECT lag(\"x\" IGNORE NULLS) OVER (PARTITION BY \"y\" ORDER BY \"z\" ASC NULLS LAST) "
           "AS \"_mr_col\"");
    expect("select cast(a as varchar), cast(b as array(row(x integer)))",
           "SELECT mr_text(\"a\") AS \"_mr_col\", CAST(\"b\" AS STRUCT(\"x\" INTEGER)[]) AS "
           "\"_mr_col\"");
    expect("select transform(a, x -> x * 2)",
           "SELECT list_transform(\"a\", lambda \"x\": (\"x\" * 2)) AS \"_mr_col\"");
    expect("select k from t cross join unnest(m) as u(k, v)",
           "SELECT \"k\" FROM (mr_scan(2) AS \"t\" CROSS JOIN LATERAL (SELECT "
           "unnest(map_entries(\"m\"), max_depth := 2)) AS \"u\"(\"k\", \"v\"))");
}

static void names_of_with_are_not_tables(void **state)
{
    (void)state;
    expect("with missing as (select 1 as a) select a from missing",
           "WITH \"missing\" AS (SELECT 1 AS \"a\") SELECT \"a\" FROM \"missing\" AS \"missing\"");
    expect("with x as (select a from missing) select 1",
           "TABLE_NOT_FOUND: line 1:26: no table missing");
    expect("select * from (with missing as (select 1 as a) select a from missing) as q, missing",
           "TABLE_NOT_FOUND: line 1:77: no table missing");
}

static void what_is_unknown_is_refused_with_its_place(void **state)
{
    (void)state;
    expect("select\n  nosuch(1)", "FUNCTION_NOT_FOUND: line 2:3: Function 'nosuch' not registered");
    expect("select read_text('/etc/passwd')",
           "FUNCTION_NOT_FOUND: line 1:8: Function 'read_text' not registered");
    expect("select mr_div(1, 2, 3)",
           "FUNCTION_NOT_FOUND: line 1:8: Function 'mr_div' not registered");
    expect(
        "select abs(1, 2)",
        "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (integer, integer) for function abs. "
        "Expected: abs(bigint), abs(decimal(p,s)), abs(double), abs(integer), abs(real), "
        "abs(smallint), abs(tinyint)");
    expect("select cast(a as nosuch)", "TYPE_NOT_FOUND: line 1:8: Unknown type: nosuch");
    expect("select rank()", "MISSING_OVER: line 1:8: Window function rank requires an OVER clause");
    expect("select date_add('parsec', 1, a)",
           "INVALID_FUNCTION_ARGUMENT: 'parsec' is not a valid TIMESTAMP field");
    expect("select 'a", "SYNTAX_ERROR: line 1:8: string literal without end");
    expect("select 1 from",
           "SYNTAX_ERROR: line 1:14: mismatched input '<EOF>'. Expecting: <identifier>");
    expect("select 1; select 2", "SYNTAX_ERROR: line 1:11: Only one sql statement is allowed");
    expect("select * from read_csv('x')",
           "NOT_SUPPORTED: line 1:23: table functions are not supported");
    expect("select `a`", "SYNTAX_ERROR: line 1:8: backquoted identifiers are not supported; use "
                         "double quotes to quote identifiers");
}

static void statements_are_told_apart(void **state)
{
    (void)state;
    expect("SHOW TABLES IN db '*x'", "SHOW_TABLES");
    expect("MSCK REPAIR TABLE `t`", "MSCK_REPAIR_TABLE");
    expect("insert into t select 1", "INSERT");
    expect("insert into db.t (a, b) values (1, 2)", "INSERT");
    expect("create table t with (format = 'JSON', partitioned_by = array['b']) as select 1 a, 2 b "
           "with no data",
           "CREATE_TABLE_AS_SELECT");
    expect("unload (select 1) to 's3://b/' with (format = 'JSON')", "UNLOAD");
    expect("create external table t (a array<struct<x:int,y:string>> comment 'c') partitioned by "
           "(p string) stored as inputformat 'i' outputformat 'o' location 's3://b/'",
           "CREATE_TABLE");
    expect("ALTER TABLE t ADD IF NOT EXISTS PARTITION (a='1', b=2) LOCATION 's3://b/'",
           "ALTER_TABLE_ADD_PARTITION");
    expect("describe db.t", "DESCRIBE");
    expect("describe view db.t", "DESCRIBE_VIEW");
    expect("alter table t change a b int", "ALTER_TABLE_CHANGE_COLUMN");
    expect("alter database d set dbproperties ('a'='b')", "ALTER_DATABASE_SET_DBPROPERTIES");
    expect("alter table t partition (a=1) rename to partition (a=2)",
           "ALTER_TABLE_RENAME_PARTITION");
}

static void nesting_and_length_have_an_end(void **state)
{
    (void)state;
    struct mr_arena arena;
    struct mr_buf text = {0};
    mr_arena_init(&arena);
    static const char *const repeated[][3] = {{"select ", "(", "1"},
                                              {"select ", "not ", "true"},
                                              {"select ", "- ", "1"},
                                              {"select 1", " + 1", ""},
                                              {"select x", "[1]", ""},
                                              {"select 1", " union select 1", ""},
                                              {"select * from ", "((select 1 from ", "x"}};
    for (size_t i = 0; i < MR_COUNT(repeated); i++) {
        mr_buf_reset(&text);
        mr_buf_append(&text, mr_slice_cstr(repeated[i][0]));
        for (int n = 0; n < 10000; n++)
            mr_buf_append(&text, mr_slice_cstr(repeated[i][1]));
        mr_buf_append(&text, mr_slice_cstr(repeated[i][2]));
        mr_buf_byte(&text, '\0');
        const char *found = translate(&arena, text.data);
        if (strncmp(found, "SYNTAX_ERROR: line 1:", 21) != 0)
            fail_msg("%s: %.80s", repeated[i][1], found);
        mr_arena_reset(&arena);
    }
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_quoted_and_items_without_a_name_get_one),
        cmocka_unit_test(operators_bind_as_in_the_grammar),
        cmocka_unit_test(functions_become_those_of_duckdb),
        cmocka_unit_test(names_of_with_are_not_tables),
        cmocka_unit_test(what_is_unknown_is_refused_with_its_place),
        cmocka_unit_test(statements_are_told_apart),
        cmocka_unit_test(nesting_and_length_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
