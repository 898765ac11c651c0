#include "athena/source_catalog.h"
#include "athena/parquet.h"
#include "athena/project.h"
#include "athena/prune.h"

/* ---- "t$partitions" ---- */

struct partition_rows {
    struct athena_source *source;
    const struct glue_table *table;
    struct athena_type *types;
    struct mr_buf *out;
    size_t count;
};

static enum mr_status put_partition(struct partition_rows *rows, const struct mr_slice *values)
{
    mr_buf_append(rows->out, rows->count++ > 0 ? MR_S(",(") : MR_S("("));
    for (size_t i = 0; i < rows->table->key_count; i++) {
        mr_buf_append(rows->out, i > 0 ? MR_S(",CAST(") : MR_S("CAST("));
        if (mr_slice_equal(values[i], MR_S("__HIVE_DEFAULT_PARTITION__")))
            mr_buf_append(rows->out, MR_S("NULL"));
        else
            athena_sql_quoted(rows->out, values[i], '\'');
        mr_buf_append(rows->out, MR_S(" AS "));
        athena_type_sql(rows->out, &rows->types[i]);
        mr_buf_byte(rows->out, ')');
    }
    mr_buf_byte(rows->out, ')');
    if (rows->out->len > ATHENA_SQL_BYTES_MAX)
        return MR_FULL;
    return atomic_load(rows->source->cancelled) ? MR_END : MR_OK;
}

static enum mr_status on_partition_row(void *ctx, const struct glue_partition *partition)
{
    struct partition_rows *rows = ctx;
    return partition->value_count == rows->table->key_count ? put_partition(rows, partition->values)
                                                            : MR_OK;
}

static enum mr_status on_projected_row(void *ctx, const struct mr_slice *values,
                                       struct mr_slice location)
{
    (void)location;
    return put_partition(ctx, values);
}

/* Of the keys, told to the translation, too. */
static struct athena_type *partition_types(struct athena_translation *translation,
                                           const struct glue_table *table,
                                           struct athena_fields *fields)
{
    struct mr_arena *arena = translation->arena;
    struct athena_type *types = MR_NEW_ARRAY(arena, struct athena_type, table->key_count + 1);
    struct athena_fields told = athena_fields_make(translation, table->key_count);
    for (size_t i = 0; i < table->key_count; i++) {
        if (athena_type_parse(arena, table->keys[i].type, &types[i]) != MR_OK)
            types[i] = (struct athena_type){.kind = ATHENA_STRING};
        told.list[i] = (struct athena_field){.name = glue_lower(arena, table->keys[i].name),
                                             .type = athena_sqltype_from_hive(arena, &types[i])};
    }
    if (fields != NULL)
        *fields = told;
    return types;
}

bool athena_source_partitions(struct athena_source *source, struct athena_translation *translation,
                              const struct athena_table_use *use, const struct glue_table *table,
                              struct mr_buf *out)
{
    struct partition_rows rows = {.source = source, .table = table, .out = out};
    struct athena_projection_error error = {0};
    const struct athena_prune all = {.key_count = table->key_count};
    enum mr_status status = MR_OK;
    if (table->key_count == 0) {
        athena_translate_fail(translation, use->table, "TABLE_NOT_FOUND",
                              "Table 'awsdatacatalog.%.*s.%.*s$partitions' does not exist",
                              MR_ARG(table->database), MR_ARG(table->name));
        return false;
    }
    rows.types = partition_types(translation, table, use->fields);
    mr_buf_append(out, MR_S("(SELECT * FROM (VALUES "));
    if (athena_projection_enabled(table))
        status =
            athena_projection_each(source->arena, table, &all, store_now(source->registry->store),
                                   on_projected_row, &rows, &error);
    else
        status = glue_partition_each(source->glue, table->database, table->name, on_partition_row,
                                     &rows);
    const size_t count = rows.count;
    if (count == 0) {
        static const struct mr_slice null = MR_S_INIT("__HIVE_DEFAULT_PARTITION__");
        struct mr_slice *nulls = MR_NEW_ARRAY(source->arena, struct mr_slice, table->key_count + 1);
        for (size_t i = 0; i < table->key_count; i++)
            nulls[i] = null;
        (void)put_partition(&rows, nulls);
    }
    mr_buf_append(out, MR_S(") AS p("));
    for (size_t i = 0; i < table->key_count; i++) {
        if (i > 0)
            mr_buf_byte(out, ',');
        athena_sql_quoted(out, glue_lower(source->arena, table->keys[i].name), '"');
    }
    mr_buf_append(out, count == 0 ? MR_S(") WHERE false)") : MR_S("))"));
    if (error.code != NULL)
        athena_translate_fail(translation, use->table, error.code, "%.*s", MR_ARG(error.message));
    else if (status == MR_FULL)
        athena_translate_fail(translation, use->table, "HIVE_EXCEEDED_PARTITION_LIMIT",
                              "Query over too many partitions");
    else if (status < 0)
        athena_translate_fail(translation, use->table, "INTERNAL_ERROR",
                              "The catalog cannot be read");
    return error.code == NULL && status >= 0 && status != MR_FULL;
}

/* ---- information_schema ---- */

enum { RELATION_COLUMNS_MAX = 10, CATALOG_KEYS = 2 };
static const struct relation {
    const char *name, *columns[RELATION_COLUMNS_MAX];
} relations[] = {
    {"columns",
     {"table_catalog", "table_schema", "table_name", "column_name", "ordinal_position",
      "column_default", "is_nullable", "data_type", "comment", "extra_info"}},
    {"schemata", {"catalog_name", "schema_name"}},
    {"tables", {"table_catalog", "table_schema", "table_name", "table_type"}},
    {"views", {"table_catalog", "table_schema", "table_name", "view_definition"}},
};

struct information {
    struct athena_source *source;
    const struct relation *relation;
    struct athena_prune prune; /* by database and table */
    struct mr_buf *out;
    struct mr_slice database; /* in hand */
    size_t count;
};

static size_t column_count(const struct relation *relation)
{
    size_t count = 0;
    while (count < RELATION_COLUMNS_MAX && relation->columns[count] != NULL)
        count++;
    return count;
}

static bool is(const struct information *information, const char *relation)
{
    return strcmp(information->relation->name, relation) == 0;
}

/* A row; a value whose ptr is NULL is NULL. */
static enum mr_status put_row(struct information *information, const struct mr_slice *values)
{
    mr_buf_append(information->out, information->count++ > 0 ? MR_S(",(") : MR_S("("));
    for (size_t i = 0; i < column_count(information->relation); i++) {
        mr_buf_append(information->out, i > 0 ? MR_S(",") : MR_S(""));
        if (values[i].ptr == NULL)
            mr_buf_append(information->out, MR_S("NULL"));
        else
            athena_sql_quoted(information->out, values[i], '\'');
    }
    mr_buf_byte(information->out, ')');
    if (information->out->len > ATHENA_SQL_BYTES_MAX)
        return MR_FULL;
    return atomic_load(information->source->cancelled) ? MR_END : MR_OK;
}

static enum mr_status put_columns(struct information *information, const struct mr_slice *names,
                                  const struct glue_table *table)
{
    struct mr_arena *arena = information->source->arena;
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < table->column_count + table->key_count && status == MR_OK; i++) {
        const bool key = i >= table->column_count;
        const struct glue_column *column =
            key ? &table->keys[i - table->column_count] : &table->columns[i];
        struct athena_type type;
        struct mr_slice shown = column->type; /* of a view's column it may be Trino's, not Hive's */
        if (athena_type_parse(arena, column->type, &type) == MR_OK)
            shown = athena_sqltype_text(arena, athena_sqltype_from_hive(arena, &type));
        const struct mr_slice row[RELATION_COLUMNS_MAX] = {
            names[0],
            names[1],
            names[2],
            glue_lower(arena, column->name),
            mr_arena_printf(arena, "%zu", i + 1),
            {0},
            MR_S("YES"),
            shown,
            column->comment.len > 0 ? column->comment : (struct mr_slice){0},
            key ? MR_S("partition key") : (struct mr_slice){0}};
        status = put_row(information, row);
    }
    return status;
}

static enum mr_status on_table(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct information *information = ctx;
    struct mr_arena *arena = information->source->arena;
    struct glue_table table;
    struct mr_slice database;
    if (!glue_table_parse(arena, json, &table))
        return MR_RAISE(MR_FAIL, "the catalog holds no table but '%.*s'", MR_ARG(name));
    const struct mr_slice keys[CATALOG_KEYS] = {information->database, table.name};
    struct mr_slice names[RELATION_COLUMNS_MAX] = {MR_S("awsdatacatalog"), keys[0], keys[1]};
    if (!athena_prune_keeps(&information->prune, keys))
        return MR_OK;
    const bool view = mr_slice_equal(table.table_type, MR_S("VIRTUAL_VIEW"));
    if (is(information, "columns"))
        return put_columns(information, names, &table);
    if (is(information, "tables")) {
        names[3] = view ? MR_S("VIEW") : MR_S("BASE TABLE");
        return put_row(information, names);
    }
    if (!view || athena_view_decode(arena, table.view_text, &names[3], &database) != MR_OK)
        return MR_OK;
    return put_row(information, names);
}

static enum mr_status on_database(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct information *information = ctx;
    const struct mr_slice keys[CATALOG_KEYS] = {name, {0}};
    const struct mr_slice row[RELATION_COLUMNS_MAX] = {MR_S("awsdatacatalog"), name};
    (void)json;
    if (!athena_prune_keeps(&information->prune, keys))
        return MR_OK;
    if (is(information, "schemata"))
        return put_row(information, row);
    information->database = name;
    return glue_table_each(information->source->glue, name, on_table, information);
}

/* The schema lists itself. */
static enum mr_status put_itself(struct information *information)
{
    struct mr_slice row[RELATION_COLUMNS_MAX] = {
        MR_S("awsdatacatalog"), MR_S(ATHENA_INFORMATION_SCHEMA), {0}, MR_S("BASE TABLE")};
    enum mr_status status = MR_OK;
    if (is(information, "schemata"))
        return put_row(information, row);
    for (size_t i = 0; i < MR_COUNT(relations) && status == MR_OK; i++) {
        row[2] = mr_slice_cstr(relations[i].name);
        if (is(information, "tables"))
            status = put_row(information, row);
        for (size_t c = 0; is(information, "columns") && c < column_count(&relations[i]); c++) {
            const char *name = relations[i].columns[c];
            const bool number = strcmp(name, "ordinal_position") == 0;
            const struct mr_slice column[RELATION_COLUMNS_MAX] = {
                row[0],
                row[1],
                row[2],
                mr_slice_cstr(name),
                mr_arena_printf(information->source->arena, "%zu", c + 1),
                {0},
                MR_S("YES"),
                number ? MR_S("bigint") : MR_S("varchar")};
            status = put_row(information, column);
        }
    }
    return status;
}

static void tell_information(struct athena_translation *translation,
                             const struct relation *relation, struct athena_fields *fields)
{
    *fields = athena_fields_make(translation, column_count(relation));
    for (size_t i = 0; i < fields->count; i++) {
        struct mr_slice name = mr_slice_cstr(relation->columns[i]);
        const bool number = mr_slice_equal(name, MR_S("ordinal_position"));
        fields->list[i] = (struct athena_field){
            .name = name, .type = athena_sqltype_simple(number ? SQL_BIGINT : SQL_VARCHAR)};
    }
}

static struct athena_prune information_prune(const struct athena_translation *translation,
                                             const struct athena_table_use *use,
                                             const struct relation *relation)
{
    static const struct athena_type texts[CATALOG_KEYS] = {{.kind = ATHENA_STRING},
                                                           {.kind = ATHENA_STRING}};
    struct mr_slice *keys = MR_NEW_ARRAY(translation->arena, struct mr_slice, CATALOG_KEYS);
    keys[0] = mr_slice_cstr(relation->columns[1]);
    keys[1] = relation->columns[2] == NULL ? MR_S("") : mr_slice_cstr(relation->columns[2]);
    return (struct athena_prune){.where = use->where,
                                 .alias = use->alias,
                                 .only = use->only,
                                 .keys = keys,
                                 .types = texts,
                                 .key_count = CATALOG_KEYS,
                                 .parameters = translation->parameters,
                                 .parameter_count = translation->parameter_count};
}

static void put_head(const struct relation *relation, struct mr_buf *out)
{
    mr_buf_append(out, MR_S("(SELECT "));
    for (size_t i = 0; i < column_count(relation); i++) {
        const bool number = strcmp(relation->columns[i], "ordinal_position") == 0;
        mr_buf_printf(out, "%sCAST(c%zu AS %s) AS %s", i > 0 ? ", " : "", i,
                      number ? "BIGINT" : "VARCHAR", relation->columns[i]);
    }
    mr_buf_append(out, MR_S(" FROM (VALUES "));
}

bool athena_source_information(struct athena_source *source, struct athena_translation *translation,
                               const struct athena_table_use *use, struct mr_slice name,
                               struct mr_buf *out)
{
    struct information information = {.source = source, .out = out};
    for (size_t i = 0; i < MR_COUNT(relations); i++) {
        if (mr_slice_equal(name, mr_slice_cstr(relations[i].name)))
            information.relation = &relations[i];
    }
    if (information.relation == NULL) {
        athena_translate_fail(translation, use->table, "TABLE_NOT_FOUND",
                              "Table 'awsdatacatalog." ATHENA_INFORMATION_SCHEMA
                              ".%.*s' does not exist",
                              MR_ARG(name));
        return false;
    }
    information.prune = information_prune(translation, use, information.relation);
    if (use->fields != NULL)
        tell_information(translation, information.relation, use->fields);
    put_head(information.relation, out);
    enum mr_status status = put_itself(&information);
    if (status == MR_OK)
        status = glue_database_each(source->glue, on_database, &information);
    if (information.count == 0) { /* VALUES has at least one row */
        const struct mr_slice nulls[RELATION_COLUMNS_MAX] = {{0}};
        (void)put_row(&information, nulls);
        information.count = 0;
    }
    mr_buf_append(out, MR_S(") AS i("));
    for (size_t i = 0; i < column_count(information.relation); i++)
        mr_buf_printf(out, "%sc%zu", i > 0 ? "," : "", i);
    mr_buf_append(out, information.count == 0 ? MR_S(") WHERE false)") : MR_S("))"));
    if (status == MR_FULL)
        athena_translate_fail(translation, use->table, "NOT_SUPPORTED",
                              "Query over more of the catalog than %d bytes of rows",
                              ATHENA_SQL_BYTES_MAX);
    else if (status < 0)
        athena_translate_fail(translation, use->table, "INTERNAL_ERROR",
                              "The catalog cannot be read");
    return status >= 0 && status != MR_FULL;
}
