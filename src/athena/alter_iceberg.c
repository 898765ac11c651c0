/* ALTER TABLE of Iceberg tables: a new metadata file with another schema or other properties. Data
 * stays as it is: columns are found by their ids. */
#include "athena/internal.h"
#include "athena/parse.h"
#include "iceberg/iceberg.h"

enum { COMMITS_MAX = 20 }; /* times that others may be faster */

struct altering {
    struct athena_ddl *ddl;
    struct iceberg_table table;
    struct iceberg_metadata *next;
    struct iceberg_schema schema; /* as it will be */
};

/* ---- columns ---- */

static size_t find(const struct iceberg_schema *schema, struct mr_slice name)
{
    size_t at = 0;
    while (at < schema->count && !mr_slice_equal_nocase(schema->fields[at].name, name))
        at++;
    return at;
}

static bool unknown(struct altering *a, struct mr_slice name)
{
    return athena_ddl_fail(a->ddl,
                           "Execution Error, return code 1 from "
                           "org.apache.hadoop.hive.ql.exec.DDLTask. Invalid column reference %.*s",
                           MR_ARG(name));
}

static bool taken(struct altering *a, struct mr_slice name)
{
    return athena_ddl_fail(a->ddl, "SemanticException [Error 10036]: Duplicate column name: %.*s",
                           MR_ARG(name));
}

static bool read_type(struct altering *a, const struct athena_pair *pair, int *last_id,
                      struct iceberg_type *ret_type)
{
    return iceberg_type_parse_hive(a->ddl->arena, pair->value, last_id, ret_type) == MR_OK ||
           athena_ddl_fail(a->ddl,
                           "SemanticException Column %.*s: the type '%.*s' is not supported for "
                           "Iceberg tables",
                           MR_ARG(pair->name), MR_ARG(pair->value));
}

static bool add_columns(struct altering *a)
{
    const struct athena_pair *pair;
    int last = a->next->last_column_id;
    size_t at = a->schema.count;
    for (pair = a->ddl->statement->columns; pair != NULL; pair = pair->next) {
        if (find(&a->schema, pair->name) < a->schema.count)
            return taken(a, pair->name);
        if (a->schema.count == ICEBERG_FIELDS_MAX)
            return athena_ddl_fail(a->ddl, "the table has too many columns");
        a->schema.fields[a->schema.count++] =
            (struct iceberg_field){.id = ++last, .name = pair->name, .doc = pair->comment};
    }
    for (pair = a->ddl->statement->columns; pair != NULL; pair = pair->next)
        if (!read_type(a, pair, &last, &a->schema.fields[at++].type))
            return false;
    a->next->last_column_id = last;
    return true;
}

/* A column by which data is partitioned has to stay. */
static bool drop_column(struct altering *a)
{
    const struct mr_slice name = a->ddl->statement->column;
    const struct iceberg_spec *spec = iceberg_spec_of(a->next, a->next->default_spec);
    const size_t at = find(&a->schema, name);
    if (at == a->schema.count)
        return unknown(a, name);
    for (size_t i = 0; spec != NULL && i < spec->count; i++)
        if (spec->fields[i].source_id == a->schema.fields[at].id &&
            spec->fields[i].transform != ICEBERG_VOID)
            return athena_ddl_fail(a->ddl, "Cannot drop partition field: %.*s", MR_ARG(name));
    if (a->schema.count == 1)
        return athena_ddl_fail(a->ddl, "Cannot drop the only column of a table: %.*s",
                               MR_ARG(name));
    memmove(&a->schema.fields[at], &a->schema.fields[at + 1],
            (a->schema.count - at - 1) * sizeof *a->schema.fields);
    a->schema.count--;
    return true;
}

/* int to bigint, float to double, decimals of more digits. */
static bool widens(const struct iceberg_type *from, const struct iceberg_type *to)
{
    if (from->kind == ICEBERG_INT)
        return to->kind == ICEBERG_LONG;
    if (from->kind == ICEBERG_FLOAT)
        return to->kind == ICEBERG_DOUBLE;
    return from->kind == ICEBERG_DECIMAL && to->kind == ICEBERG_DECIMAL &&
           from->scale == to->scale && from->precision <= to->precision;
}

static bool same_words(const struct iceberg_type *one, const struct iceberg_type *other)
{
    struct mr_buf a = {0}, b = {0};
    iceberg_type_write_hive(&a, one);
    iceberg_type_write_hive(&b, other);
    const bool same = mr_slice_equal_nocase(mr_buf_slice(&a), mr_buf_slice(&b));
    mr_buf_fini(&a);
    mr_buf_fini(&b);
    return same;
}

static bool change_type(struct altering *a, const struct athena_pair *pair,
                        struct iceberg_field *field)
{
    struct iceberg_type type;
    struct mr_buf from = {0}, to = {0};
    int unused = 0;
    if (!read_type(a, pair, &unused, &type))
        return false;
    if (same_words(&field->type, &type)) /* with the ids that its members have */
        return true;
    if (widens(&field->type, &type)) {
        field->type = type;
        return true;
    }
    iceberg_type_write_hive(&from, &field->type);
    iceberg_type_write_hive(&to, &type);
    athena_ddl_fail(a->ddl, "Cannot change column type: %.*s: %.*s -> %.*s", MR_ARG(field->name),
                    MR_ARG(mr_buf_slice(&from)), MR_ARG(mr_buf_slice(&to)));
    mr_buf_fini(&from);
    mr_buf_fini(&to);
    return false;
}

static void move(struct iceberg_schema *schema, size_t from, size_t to)
{
    const struct iceberg_field field = schema->fields[from];
    memmove(&schema->fields[from], &schema->fields[from + 1],
            (schema->count - from - 1) * sizeof field);
    memmove(&schema->fields[to + 1], &schema->fields[to], (schema->count - to - 1) * sizeof field);
    schema->fields[to] = field;
}

static bool change_column(struct altering *a)
{
    const struct athena_statement *statement = a->ddl->statement;
    const struct athena_pair *pair = statement->columns;
    const size_t at = find(&a->schema, statement->column);
    if (at == a->schema.count)
        return unknown(a, statement->column);
    const size_t other = find(&a->schema, pair->name);
    if (other < a->schema.count && other != at)
        return taken(a, pair->name);
    struct iceberg_field *field = &a->schema.fields[at];
    if (!change_type(a, pair, field))
        return false;
    field->name = pair->name;
    if (pair->comment.len > 0)
        field->doc = pair->comment;
    if (statement->first) {
        move(&a->schema, at, 0);
    } else if (statement->after.len > 0) {
        const size_t behind = find(&a->schema, statement->after);
        if (behind == a->schema.count || behind == at)
            return unknown(a, statement->after);
        move(&a->schema, at, behind < at ? behind + 1 : behind);
    }
    return true;
}

/* ---- properties ---- */

static bool set_properties(struct altering *a)
{
    for (const struct athena_pair *pair = a->ddl->statement->properties; pair != NULL;
         pair = pair->next) {
        const struct mr_slice wrong =
            athena_iceberg_property(a->ddl->arena, pair, &a->next->properties);
        if (wrong.len > 0)
            return athena_ddl_fail(a->ddl, "%.*s", MR_ARG(wrong));
    }
    return athena_iceberg_level_fits(a->ddl->statement, &a->next->properties) ||
           athena_ddl_fail(a->ddl, ATHENA_LEVEL_OF_ZSTD);
}

static bool unsets(const struct athena_statement *statement, struct mr_slice name)
{
    const struct athena_pair *pair = statement->properties;
    while (pair != NULL && !mr_slice_equal_nocase(pair->name, name))
        pair = pair->next;
    return pair != NULL;
}

static void unset_properties(struct altering *a)
{
    for (const struct athena_pair *pair = a->ddl->statement->properties; pair != NULL;
         pair = pair->next)
        iceberg_pair_set(a->ddl->arena, &a->next->properties, pair->name, (struct mr_slice){0});
    if (unsets(a->ddl->statement, MR_S("write_compression")))
        iceberg_pair_set(a->ddl->arena, &a->next->properties, MR_S(ICEBERG_CODEC_KEY),
                         MR_S("zstd"));
    if (unsets(a->ddl->statement, MR_S("compression_level")))
        iceberg_pair_set(a->ddl->arena, &a->next->properties, MR_S(ICEBERG_LEVEL_KEY),
                         (struct mr_slice){0});
}

/* ---- the change ---- */

static bool change_schema(struct altering *a)
{
    const struct iceberg_schema *now = iceberg_schema_now(a->next);
    size_t more = 1;
    for (const struct athena_pair *pair = a->ddl->statement->columns; pair != NULL;
         pair = pair->next)
        more++;
    a->schema = *now;
    a->schema.fields = MR_NEW_ARRAY(a->ddl->arena, struct iceberg_field, now->count + more);
    memcpy(a->schema.fields, now->fields, now->count * sizeof *now->fields);
    const enum athena_statement_kind kind = a->ddl->statement->kind;
    if (!(kind == STATEMENT_ADD_COLUMNS   ? add_columns(a)
          : kind == STATEMENT_DROP_COLUMN ? drop_column(a)
                                          : change_column(a)))
        return false;
    for (size_t i = 0; i < a->next->schema_count; i++)
        if (a->next->schemas[i].id >= a->schema.id)
            a->schema.id = a->next->schemas[i].id + 1;
    iceberg_metadata_set_schema(a->ddl->arena, a->next, &a->schema);
    return true;
}

static bool apply(struct altering *a)
{
    switch (a->ddl->statement->kind) {
    case STATEMENT_ADD_COLUMNS:
    case STATEMENT_DROP_COLUMN:
    case STATEMENT_CHANGE_COLUMN: return change_schema(a);
    case STATEMENT_SET_PROPERTIES: return set_properties(a);
    case STATEMENT_UNSET_PROPERTIES: unset_properties(a); return true;
    case STATEMENT_REPLACE_COLUMNS:
        return athena_ddl_fail(a->ddl,
                               "ALTER TABLE REPLACE COLUMNS is not supported for Iceberg tables");
    default:
        return athena_ddl_fail(a->ddl,
                               "This kind of ALTER TABLE is not supported for Iceberg tables");
    }
}

/* Of the moment of the last look. */
static struct iceberg ice_of(const struct athena_ddl *ddl)
{
    const struct athena_options *options = &ddl->athena->options;
    return (struct iceberg){options->store, options->s3, options->glue, options->rng, ddl->moment};
}

/* MR_AGAIN: somebody was faster. MR_INVALID: the error is set. */
static enum mr_status try_alter(struct athena_ddl *ddl, const struct glue_table *glue)
{
    const struct iceberg ice = ice_of(ddl);
    struct altering altering = {.ddl = ddl};
    char message[512] = "";
    enum mr_status status = iceberg_table_load(&ice, ddl->arena, glue, &altering.table, message);
    if (status == MR_OK) {
        struct iceberg_change change = iceberg_change_make(&ice, ddl->arena, &altering.table);
        altering.next = &change.next;
        if (!apply(&altering))
            return MR_INVALID;
        status = iceberg_change_prepare(&change, NULL, message);
        if (status == MR_OK)
            return iceberg_change_commit(&change, &ddl->ticket);
        iceberg_change_end(&change, false);
    }
    if (status != MR_AGAIN)
        athena_ddl_fail(ddl, "%s", message[0] != '\0' ? message : "internal error");
    return status == MR_AGAIN ? status : MR_INVALID;
}

bool athena_ddl_alter_iceberg(struct athena_ddl *ddl, const struct glue_table *table)
{
    enum mr_status status = try_alter(ddl, table);
    for (int i = 0; status == MR_AGAIN && i < COMMITS_MAX; i++) {
        struct glue_table *now = MR_NEW(ddl->arena, struct glue_table);
        bool absent;
        if (!athena_ddl_table(ddl, now, &absent))
            return false;
        status = try_alter(ddl, now);
    }
    if (status == MR_OK)
        return true;
    if (status == MR_INVALID)
        return false;
    return athena_ddl_fail(ddl, status > 0 ? "ICEBERG_COMMIT_ERROR: the table was changed meanwhile"
                                           : "internal error");
}

/* ---- RENAME TO ---- */

static yyjson_val *renamed(struct athena_ddl *ddl, yyjson_val *table)
{
    static const char *const kept[] = {"Description",       "Owner",         "Retention",
                                       "StorageDescriptor", "PartitionKeys", "TableType",
                                       "Parameters"};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", ddl->statement->new_name);
    for (size_t i = 0; i < MR_COUNT(kept); i++)
        mr_json_key_value(&json, kept[i], mr_json_get(table, kept[i]));
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return input;
}

/* AWS: the catalog's table alone; its files stay where they are. */
bool athena_ddl_rename_iceberg(struct athena_ddl *ddl)
{
    const struct athena_statement *statement = ddl->statement;
    enum mr_status status = MR_AGAIN;
    struct glue_table_put put = {.database = statement->new_database.len > 0
                                                 ? statement->new_database
                                                 : athena_ddl_database(ddl)};
    for (int i = 0; status == MR_AGAIN && i < COMMITS_MAX; i++) {
        struct glue_table table;
        bool absent;
        if (!athena_ddl_table(ddl, &table, &absent))
            return false;
        if (!iceberg_is_table(&table))
            return athena_ddl_fail(
                ddl, "NOT_SUPPORTED: ALTER TABLE RENAME TO is for Iceberg tables only");
        put.account = mr_json_get_text(table.json, "CatalogId");
        put.created_by = mr_json_get_text(table.json, "CreatedBy");
        put.input = renamed(ddl, table.json);
        status =
            glue_table_rename(ddl->athena->options.glue, ddl->arena, &table, &put, &ddl->ticket);
    }
    if (status == MR_EXISTS)
        return athena_ddl_fail(ddl,
                               "Execution Error, return code 1 from "
                               "org.apache.hadoop.hive.ql.exec.DDLTask. "
                               "AlreadyExistsException(message:Table %.*s already exists)",
                               MR_ARG(statement->new_name));
    if (status == MR_NOT_FOUND)
        return athena_ddl_fail(ddl,
                               "SemanticException [Error 10072]: Database does not exist: %.*s",
                               MR_ARG(put.database));
    return status == MR_OK ||
           athena_ddl_fail(ddl, status > 0 ? "ICEBERG_COMMIT_ERROR: the table was changed meanwhile"
                                           : "internal error");
}

/* ---- SHOW ---- */

/* "bucket(16, `id`)" */
static struct mr_slice key_text(struct athena_ddl *ddl, const struct iceberg_schema *schema,
                                const struct iceberg_partition_field *field)
{
    const struct iceberg_field *source = iceberg_schema_by_id(schema, field->source_id);
    const struct mr_slice name = source != NULL ? source->name : field->name;
    const struct mr_slice word = iceberg_transform_text(ddl->arena, field);
    switch (field->transform) {
    case ICEBERG_IDENTITY: return mr_arena_printf(ddl->arena, "`%.*s`", MR_ARG(name));
    case ICEBERG_BUCKET:
    case ICEBERG_TRUNCATE:
        return mr_arena_printf(ddl->arena, "%.*s(%lld, `%.*s`)",
                               MR_ARG(mr_slice_sub(word, 0, mr_slice_find(word, '['))),
                               (long long)field->parameter, MR_ARG(name));
    default: return mr_arena_printf(ddl->arena, "%.*s(`%.*s`)", MR_ARG(word), MR_ARG(name));
    }
}

static bool load(struct athena_ddl *ddl, const struct glue_table *table,
                 struct iceberg_table *ret_table)
{
    const struct iceberg ice = ice_of(ddl);
    char message[512] = "";
    return iceberg_table_load(&ice, ddl->arena, table, ret_table, message) == MR_OK ||
           athena_ddl_fail(ddl, "%s", message[0] != '\0' ? message : "internal error");
}

/* Those that a statement may set. */
static bool is_own(struct mr_slice name)
{
    return !mr_slice_starts_with(name, MR_S("write.")) && !mr_slice_equal(name, MR_S("table_type"));
}

/* AWS: blanks stand behind the colons and commas of types. */
static struct mr_slice spaced(struct athena_ddl *ddl, const struct iceberg_type *type)
{
    struct mr_buf hive = {0}, out = {0};
    iceberg_type_write_hive(&hive, type);
    for (size_t i = 0; i < hive.len; i++) {
        mr_buf_byte(&out, hive.data[i]);
        if (hive.data[i] == ':' || hive.data[i] == ',')
            mr_buf_byte(&out, ' ');
    }
    const struct mr_slice text = mr_arena_copy(ddl->arena, mr_buf_slice(&out));
    mr_buf_fini(&hive);
    mr_buf_fini(&out);
    return text;
}

/* AWS: in backticks where it must be. */
static struct mr_slice column_text(struct athena_ddl *ddl, struct mr_slice name)
{
    bool plain =
        name.len > 0 && (name.ptr[0] < '0' || name.ptr[0] > '9') && !athena_is_reserved(name);
    for (size_t i = 0; i < name.len; i++)
        plain = plain && ((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || name.ptr[i] == '_' ||
                          (name.ptr[i] >= '0' && name.ptr[i] <= '9'));
    return plain ? name : mr_arena_printf(ddl->arena, "`%.*s`", MR_ARG(name));
}

bool athena_ddl_show_iceberg(struct athena_ddl *ddl, const struct glue_table *table)
{
    struct iceberg_table loaded;
    if (!load(ddl, table, &loaded))
        return false;
    const struct iceberg_metadata *metadata = &loaded.metadata;
    const struct iceberg_schema *schema = iceberg_schema_now(metadata);
    const struct iceberg_spec *spec = iceberg_spec_of(metadata, metadata->default_spec);
    struct mr_buf buf = {0};
    athena_ddl_row(ddl, "CREATE TABLE %.*s.%.*s (", MR_ARG(column_text(ddl, table->database)),
                   MR_ARG(column_text(ddl, table->name)));
    for (size_t i = 0; i < schema->count; i++) {
        mr_buf_reset(&buf);
        mr_buf_append(&buf, spaced(ddl, &schema->fields[i].type));
        if (schema->fields[i].doc.len > 0)
            mr_buf_printf(&buf, " COMMENT '%.*s'", MR_ARG(schema->fields[i].doc));
        athena_ddl_row(ddl, "  %.*s %.*s%s", MR_ARG(column_text(ddl, schema->fields[i].name)),
                       MR_ARG(mr_buf_slice(&buf)), i + 1 < schema->count ? "," : ")");
    }
    mr_buf_reset(&buf);
    for (size_t i = 0; spec != NULL && i < spec->count; i++) {
        const struct mr_slice key = key_text(ddl, schema, &spec->fields[i]);
        mr_buf_printf(&buf, "%s%.*s", i > 0 ? ", " : "", MR_ARG(key));
    }
    if (buf.len > 0)
        athena_ddl_row(ddl, "PARTITIONED BY (%.*s)", MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    athena_ddl_row(ddl, "LOCATION '%.*s'", MR_ARG(metadata->location));
    athena_ddl_row(ddl, "TBLPROPERTIES (");
    const struct iceberg_pairs *properties = &metadata->properties;
    for (size_t i = 0; i < properties->count; i++)
        if (is_own(properties->list[i].name))
            athena_ddl_row(ddl, "  '%.*s'='%.*s',", MR_ARG(properties->list[i].name),
                           MR_ARG(properties->list[i].value));
    athena_ddl_row(ddl, "  'table_type'='iceberg'");
    athena_ddl_row(ddl, ");");
    return true;
}

bool athena_ddl_describe_iceberg(struct athena_ddl *ddl, const struct glue_table *table)
{
    struct iceberg_table loaded;
    if (!load(ddl, table, &loaded))
        return false;
    const struct iceberg_metadata *metadata = &loaded.metadata;
    const struct iceberg_schema *schema = iceberg_schema_now(metadata);
    const struct iceberg_spec *spec = iceberg_spec_of(metadata, metadata->default_spec);
    athena_ddl_row(ddl, "# Table schema:\t\t");
    athena_ddl_row(ddl, "# col_name\tdata_type\tcomment");
    for (size_t i = 0; i < schema->count; i++)
        athena_ddl_row(ddl, "%.*s\t%.*s\t%.*s", MR_ARG(schema->fields[i].name),
                       MR_ARG(spaced(ddl, &schema->fields[i].type)), MR_ARG(schema->fields[i].doc));
    athena_ddl_row(ddl, "\t\t");
    athena_ddl_row(ddl, "# Partition spec:\t\t");
    athena_ddl_row(ddl, "# field_name\tfield_transform\tcolumn_name");
    for (size_t i = 0; spec != NULL && i < spec->count; i++) {
        const struct iceberg_partition_field *field = &spec->fields[i];
        const struct iceberg_field *source = iceberg_schema_by_id(schema, field->source_id);
        athena_ddl_row(ddl, "%.*s\t%.*s\t%.*s", MR_ARG(field->name),
                       MR_ARG(iceberg_transform_text(ddl->arena, field)),
                       MR_ARG(source != NULL ? source->name : MR_S("")));
    }
    return true;
}

bool athena_ddl_iceberg_properties(struct athena_ddl *ddl, const struct glue_table *table)
{
    const struct mr_slice wanted = ddl->statement->pattern;
    struct iceberg_table loaded;
    if (!load(ddl, table, &loaded))
        return false;
    struct iceberg_pairs properties = loaded.metadata.properties;
    iceberg_pair_set(ddl->arena, &properties, MR_S("table_type"), MR_S("ICEBERG"));
    for (size_t i = 0; i < properties.count; i++) {
        if (wanted.len > 0 && !mr_slice_equal(wanted, properties.list[i].name))
            continue;
        athena_ddl_row(ddl, "%.*s", MR_ARG(properties.list[i].name));
        athena_ddl_row(ddl, "%.*s", MR_ARG(properties.list[i].value));
    }
    return true;
}
