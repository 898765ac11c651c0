/* DDL that only shows. */
#include "athena/internal.h"
#include "iceberg/iceberg.h"
#include "glue/filter.h"

/* Hive's patterns: * any text, | alternatives; SQL's % as well. */
static bool fits(struct mr_slice pattern, struct mr_slice name)
{
    struct mr_slice part;
    if (pattern.len == 0)
        return true;
    while (mr_slice_split(&pattern, '|', &part)) {
        char text[300];
        size_t len = 0;
        for (size_t i = 0; i < part.len && len + 2 < sizeof text; i++) {
            if (part.ptr[i] == '.' && i + 1 < part.len && part.ptr[i + 1] == '*')
                continue; /* ".*" of a regular expression */
            text[len++] = part.ptr[i] == '*' ? '%' : part.ptr[i];
            if (part.ptr[i] == '_') { /* a plain character of names here */
                text[len - 1] = '\\';
                text[len++] = '_';
            }
        }
        if (glue_filter_like(name, mr_slice_make(text, len), '\\'))
            return true;
    }
    return false;
}

static enum mr_status on_database(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct athena_ddl *ddl = ctx;
    (void)json;
    if (fits(ddl->statement->pattern, name))
        athena_ddl_row(ddl, "%.*s", MR_ARG(name));
    return MR_OK;
}

static bool show_databases(struct athena_ddl *ddl)
{
    static const char *const columns[] = {"database_name"};
    athena_ddl_columns(ddl, columns, 1);
    return glue_database_each(ddl->athena->options.glue, on_database, ddl) >= 0 ||
           athena_ddl_fail(ddl, "internal error");
}

static enum mr_status on_table(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct athena_ddl *ddl = ctx;
    struct mr_slice table = mr_slice_sub(name, mr_slice_find(name, '\x1f') + 1, SIZE_MAX);
    const bool view = mr_slice_search(json, MR_S("\"VIRTUAL_VIEW\"")) != SIZE_MAX;
    if ((view || ddl->statement->kind == STATEMENT_SHOW_TABLES) &&
        fits(ddl->statement->pattern, table))
        athena_ddl_row(ddl, "%.*s", MR_ARG(table));
    return MR_OK;
}

static bool show_tables(struct athena_ddl *ddl)
{
    static const char *const tables[] = {"tab_name"}, *const views[] = {"views"};
    struct mr_slice database = athena_ddl_database(ddl), json;
    struct glue *glue = ddl->athena->options.glue;
    if (glue_database_get(glue, ddl->arena, database, &json) == MR_NOT_FOUND)
        return athena_ddl_fail(ddl,
                               "SemanticException [Error 10072]: Database does not exist: %.*s",
                               MR_ARG(database));
    athena_ddl_columns(ddl, ddl->statement->kind == STATEMENT_SHOW_TABLES ? tables : views, 1);
    return glue_table_each(glue, database, on_table, ddl) >= 0 ||
           athena_ddl_fail(ddl, "internal error");
}

struct partitions {
    struct athena_ddl *ddl;
    const struct glue_table *table;
};

static enum mr_status on_partition(void *ctx, const struct glue_partition *partition)
{
    struct partitions *all = ctx;
    struct mr_buf buf = {0};
    for (size_t i = 0; i < partition->value_count && i < all->table->key_count; i++)
        mr_buf_printf(&buf, "%s%.*s=%.*s", i > 0 ? "/" : "", MR_ARG(all->table->keys[i].name),
                      MR_ARG(partition->values[i]));
    athena_ddl_row(all->ddl, "%.*s", MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return atomic_load(&all->ddl->handle->cancelled) ? MR_END : MR_OK;
}

static bool show_partitions(struct athena_ddl *ddl)
{
    static const char *const columns[] = {"partition"};
    struct glue_table table;
    bool absent;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    if (table.key_count == 0)
        return athena_ddl_fail(ddl, "SemanticException Table %.*s is not a partitioned table",
                               MR_ARG(table.name));
    struct partitions all = {.ddl = ddl, .table = &table};
    athena_ddl_columns(ddl, columns, 1);
    return glue_partition_each(ddl->athena->options.glue, table.database, table.name, on_partition,
                               &all) >= 0 ||
           athena_ddl_fail(ddl, "internal error");
}

static bool show_columns(struct athena_ddl *ddl)
{
    static const char *const columns[] = {"field"};
    struct glue_table table;
    bool absent;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    athena_ddl_columns(ddl, columns, 1);
    for (size_t i = 0; i < table.column_count; i++)
        athena_ddl_row(ddl, "%-20.*s", MR_ARG(table.columns[i].name));
    for (size_t i = 0; i < table.key_count; i++)
        athena_ddl_row(ddl, "%-20.*s", MR_ARG(table.keys[i].name));
    return true;
}

static void create_columns(struct athena_ddl *ddl, const struct glue_column *columns, size_t count,
                           const char *end)
{
    for (size_t i = 0; i < count; i++) {
        struct mr_slice comment =
            columns[i].comment.len == 0
                ? MR_S("")
                : mr_arena_printf(ddl->arena, " COMMENT '%.*s'", MR_ARG(columns[i].comment));
        athena_ddl_row(ddl, "  `%.*s` %.*s%.*s%s", MR_ARG(columns[i].name), MR_ARG(columns[i].type),
                       MR_ARG(comment), i + 1 < count ? ", " : end);
    }
}

/* As it is written in a literal. */
static struct mr_slice escaped(struct mr_arena *arena, struct mr_slice text)
{
    static const char plain[] = "\n\r\t\\'", names[] = "nrt\\'";
    struct mr_buf buf = {0};
    for (size_t i = 0; i < text.len; i++) {
        const size_t found = mr_slice_find(MR_S(plain), text.ptr[i]);
        if (found != SIZE_MAX)
            mr_buf_byte(&buf, '\\');
        mr_buf_byte(&buf, found != SIZE_MAX ? names[found] : text.ptr[i]);
    }
    struct mr_slice result = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return result;
}

static void create_properties(struct athena_ddl *ddl, const char *words, yyjson_val *properties)
{
    size_t index, max;
    yyjson_val *key, *value;
    if (yyjson_obj_size(properties) == 0)
        return;
    athena_ddl_row(ddl, "%s ( ", words);
    yyjson_obj_foreach(properties, index, max, key, value)
    {
        athena_ddl_row(ddl, "  '%.*s'='%.*s'%s", MR_ARG(mr_json_text(key)),
                       MR_ARG(escaped(ddl->arena, mr_json_text(value))),
                       index + 1 < max ? ", " : ")");
    }
}

static bool show_create_table(struct athena_ddl *ddl)
{
    static const char *const columns[] = {"createtab_stmt"};
    struct glue_table table;
    bool absent;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    athena_ddl_columns(ddl, columns, 1);
    if (iceberg_is_table(&table))
        return athena_ddl_show_iceberg(ddl, &table);
    athena_ddl_row(ddl, "CREATE EXTERNAL TABLE `%.*s.%.*s`(", MR_ARG(table.database),
                   MR_ARG(table.name));
    create_columns(ddl, table.columns, table.column_count, ")");
    if (table.key_count > 0) {
        athena_ddl_row(ddl, "PARTITIONED BY ( ");
        create_columns(ddl, table.keys, table.key_count, ")");
    }
    yyjson_val *storage = mr_json_get(table.json, "StorageDescriptor");
    athena_ddl_row(ddl, "ROW FORMAT SERDE ");
    athena_ddl_row(ddl, "  '%.*s' ", MR_ARG(table.serde));
    create_properties(ddl, "WITH SERDEPROPERTIES", table.serde_parameters);
    athena_ddl_row(ddl, "STORED AS INPUTFORMAT ");
    athena_ddl_row(ddl, "  '%.*s' ", MR_ARG(table.input_format));
    athena_ddl_row(ddl, "OUTPUTFORMAT ");
    athena_ddl_row(ddl, "  '%.*s'", MR_ARG(mr_json_get_text(storage, "OutputFormat")));
    athena_ddl_row(ddl, "LOCATION");
    athena_ddl_row(ddl, "  '%.*s'", MR_ARG(table.location));
    create_properties(ddl, "TBLPROPERTIES", table.parameters);
    return true;
}

static bool show_create_view(struct athena_ddl *ddl)
{
    static const char *const columns[] = {"Create View"};
    struct glue_table table;
    struct mr_slice sql, database, line;
    bool absent;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    if (athena_view_decode(ddl->arena, table.view_text, &sql, &database) != MR_OK)
        return athena_ddl_fail(ddl, "SemanticException %.*s is not a view", MR_ARG(table.name));
    athena_ddl_columns(ddl, columns, 1);
    athena_ddl_row(ddl, "CREATE VIEW %.*s.%.*s AS", MR_ARG(table.database), MR_ARG(table.name));
    while (mr_slice_split(&sql, '\n', &line))
        athena_ddl_row(ddl, "%.*s", MR_ARG(line));
    return true;
}

static bool show_properties(struct athena_ddl *ddl)
{
    static const char *const columns[] = {"prpt_name", "prpt_value"};
    struct glue_table table;
    size_t index, max;
    yyjson_val *key, *value;
    bool absent, any = false;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    athena_ddl_columns(ddl, columns, 2);
    if (iceberg_is_table(&table))
        return athena_ddl_iceberg_properties(ddl, &table);
    yyjson_obj_foreach(table.parameters, index, max, key, value)
    {
        struct mr_slice wanted = ddl->statement->pattern;
        if (wanted.len > 0 && !mr_slice_equal(wanted, mr_json_text(key)))
            continue;
        any = true;
        athena_ddl_row(ddl, "%.*s", MR_ARG(mr_json_text(key)));
        athena_ddl_row(ddl, "%.*s", MR_ARG(mr_json_text(value)));
    }
    if (ddl->statement->pattern.len > 0 && !any) {
        athena_ddl_row(ddl, "Table %.*s.%.*s does not have property: %.*s", MR_ARG(table.database),
                       MR_ARG(table.name), MR_ARG(ddl->statement->pattern));
        athena_ddl_row(ddl, "%s", "");
    }
    return true;
}

bool athena_ddl_show(struct athena_ddl *ddl)
{
    switch (ddl->statement->kind) {
    case STATEMENT_SHOW_DATABASES: return show_databases(ddl);
    case STATEMENT_SHOW_TABLES:
    case STATEMENT_SHOW_VIEWS: return show_tables(ddl);
    case STATEMENT_SHOW_PARTITIONS: return show_partitions(ddl);
    case STATEMENT_SHOW_COLUMNS: return show_columns(ddl);
    case STATEMENT_SHOW_CREATE_TABLE: return show_create_table(ddl);
    case STATEMENT_SHOW_CREATE_VIEW: return show_create_view(ddl);
    case STATEMENT_SHOW_PROPERTIES: return show_properties(ddl);
    default: return athena_ddl_describe(ddl);
    }
}
