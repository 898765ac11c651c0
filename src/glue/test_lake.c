#include "glue/lake.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct object {
    const char *key, *type;
};

static enum mr_status print_partition(void *ctx, const struct lake_partition *partition)
{
    struct mr_buf *buf = ctx;
    mr_buf_printf(buf, " [%.*s", MR_ARG(partition->values[0]));
    mr_buf_printf(buf, "..%llu]", (unsigned long long)partition->counts->objects);
    return MR_OK;
}

static enum mr_status print_table(void *ctx, struct lake_table *table)
{
    struct mr_buf *buf = ctx;
    mr_buf_printf(buf, "%.*s %.*s ", MR_ARG(table->name), MR_ARG(table->location));
    glue_type_print(buf, &table->shape.type);
    for (size_t i = 0; i < table->key_count; i++)
        mr_buf_printf(buf, " %.*s", MR_ARG(table->keys[i]));
    enum mr_status status = MR_OK;
    if (table->key_count > 0)
        status = glue_lake_partitions(table, print_partition, buf);
    mr_buf_byte(buf, '\n');
    return status;
}

static void expect(const char *prefix, int level, const struct object *objects, size_t count,
                   const char *tables)
{
    struct mr_arena arena;
    struct lake lake;
    struct mr_buf buf = {0};
    mr_arena_init(&arena);
    glue_lake_init(&lake, &arena, MR_S("lake"), mr_slice_cstr(prefix), level);
    for (size_t i = 0; i < count; i++) {
        struct lake_shape shape = {.records = 1};
        glue_type_parse(&arena, mr_slice_cstr(objects[i].type), &shape.type);
        glue_lake_add(&lake, mr_slice_cstr(objects[i].key), 10, &shape);
    }
    assert_int_equal(glue_lake_tables(&lake, print_table, &buf), MR_OK);
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, tables);
    mr_buf_fini(&buf);
    glue_lake_fini(&lake);
    mr_arena_fini(&arena);
}
#define EXPECT(prefix, level, tables, ...)                         \
    do {                                                           \
        static const struct object objects[] = {__VA_ARGS__};      \
        expect(prefix, level, objects, MR_COUNT(objects), tables); \
    } while (0)

static void dated_folders_are_numbered_partitions(void **state)
{
    (void)state;
    EXPECT("orders/", 0,
           "orders s3://lake/orders/ struct<a:int,b:double> partition_0 partition_1 [2026..2] "
           "[2026..1]\n",
           {"orders/2026/07/x", "struct<a:int>"}, {"orders/2026/07/y", "struct<a:int,b:int>"},
           {"orders/2026/08/z", "struct<a:int,b:double>"});
}

static void named_folders_are_named_partitions(void **state)
{
    (void)state;
    EXPECT("t/", 0, "t s3://lake/t/ struct<a:int> year partition_1 [2025..1] [2026..1]\n",
           {"t/Year=2025/1/x", "struct<a:int>"}, {"t/Year=2026/m=2/x", "struct<a:int>"});
}

static void folders_that_are_not_alike_are_tables_of_their_own(void **state)
{
    (void)state;
    EXPECT("", 0,
           "errors s3://lake/errors/ struct<rawdata:string,errorcode:string>\n"
           "orders s3://lake/orders/ struct<id:int,price:int> partition_0 [1..1]\n",
           {"errors/x", "struct<rawdata:string,errorcode:string>"},
           {"orders/1/x", "struct<id:int,price:int>"});
}

static void a_bucket_of_one_kind_is_a_table_named_after_it(void **state)
{
    (void)state;
    EXPECT("", 0, "lake s3://lake/ struct<id:int>\n", {"x", "struct<id:int>"},
           {"y", "struct<id:int>"});
}

static void a_short_record_joins_the_table_of_the_full_ones(void **state)
{
    (void)state;
    EXPECT("o/", 0, "o s3://lake/o/ struct<id:int,event:string,price:double>\n",
           {"o/1", "struct<id:int,event:string,price:double>"},
           {"o/2", "struct<id:int,event:string>"});
}

static void the_configured_level_makes_tables_of_its_folders(void **state)
{
    (void)state;
    EXPECT("", 2,
           "a s3://lake/a/ struct<id:int>\n"
           "b s3://lake/b/ struct<id:int>\n",
           {"a/1", "struct<id:int>"}, {"b/1", "struct<id:int>"});
}

static void unlike_objects_in_one_folder_are_tables_each(void **state)
{
    (void)state;
    EXPECT("m/", 0,
           "one.json s3://lake/m/one.json struct<a:int>\n"
           "two.json s3://lake/m/two.json struct<b:int>\n",
           {"m/one.json", "struct<a:int>"}, {"m/two.json", "struct<b:int>"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dated_folders_are_numbered_partitions),
        cmocka_unit_test(named_folders_are_named_partitions),
        cmocka_unit_test(folders_that_are_not_alike_are_tables_of_their_own),
        cmocka_unit_test(a_bucket_of_one_kind_is_a_table_named_after_it),
        cmocka_unit_test(a_short_record_joins_the_table_of_the_full_ones),
        cmocka_unit_test(the_configured_level_makes_tables_of_its_folders),
        cmocka_unit_test(unlike_objects_in_one_folder_are_tables_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
