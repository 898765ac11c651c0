/* CREATE TABLE ... WITH (table_type = 'ICEBERG', ...) AS SELECT: settings, and the table that comes
 * of the query's columns. */
#include "athena/write.h"
#include <ctype.h>

/* ---- settings ---- */

static bool set_property(struct athena_write *write, const struct athena_pair *pair,
                         struct iceberg_pairs *properties)
{
    static const char *const own[] = {"table_type", "is_external", "location", "partitioning"},
                             *const hive[] = {"external_location",  "partitioned_by",
                                              "bucketed_by",        "bucket_count",
                                              "field_delimiter",    "orc_compression",
                                              "parquet_compression"};
    for (size_t i = 0; i < MR_COUNT(own); i++)
        if (mr_slice_equal(pair->name, mr_slice_cstr(own[i])))
            return true;
    for (size_t i = 0; i < MR_COUNT(hive); i++)
        if (mr_slice_equal(pair->name, mr_slice_cstr(hive[i])))
            return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                     "The table property '%s' is not for tables with table_type "
                                     "ICEBERG",
                                     hive[i]);
    const struct mr_slice wrong = athena_iceberg_property(write->arena, pair, properties);
    if (mr_slice_starts_with(wrong, MR_S("NOT_SUPPORTED: ")))
        return athena_write_fail(
            write, "NOT_SUPPORTED", "%.*s",
            MR_ARG(mr_slice_sub(wrong, sizeof "NOT_SUPPORTED: " - 1, SIZE_MAX)));
    if (mr_slice_starts_with(wrong, MR_S("compression_level ")) ||
        mr_slice_starts_with(wrong, MR_S("Table property ")))
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY", "%.*s", MR_ARG(wrong));
    return wrong.len == 0 ||
           athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                             "Catalog 'awsdatacatalog' table property '%.*s' does not exist",
                             MR_ARG(pair->name));
}

bool athena_lake_settings(struct athena_write *write)
{
    const struct athena_options *options = &write->athena->options;
    const struct athena_pair *external = athena_write_setting(write, "is_external");
    struct athena_write_lake *lake = MR_NEW(write->arena, struct athena_write_lake);
    struct iceberg_create *create = MR_NEW(write->arena, struct iceberg_create);
    lake->ice = (struct iceberg){options->store, options->s3, options->glue, options->rng,
                                 athena_source_moment(write->source)};
    if (external == NULL || !mr_slice_equal_nocase(external->value, MR_S("false")))
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "Tables with table_type ICEBERG require is_external = false");
    if (athena_write_setting(write, "location") == NULL)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "Tables with table_type ICEBERG require the property 'location'");
    for (const struct athena_pair *pair = write->statement->properties; pair != NULL;
         pair = pair->next)
        if (!set_property(write, pair, &create->properties))
            return false;
    if (athena_write_setting(write, "compression_level") != NULL &&
        iceberg_level(&create->properties) == 0)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY", ATHENA_LEVEL_OF_ZSTD);
    iceberg_pair_set(write->arena, &create->properties, MR_S(ICEBERG_CODEC_KEY),
                     mr_slice_cstr(iceberg_codec(&create->properties)));
    lake->create = create;
    write->lake = lake;
    write->format = ATHENA_WRITE_PARQUET;
    write->compression = mr_slice_cstr(iceberg_codec(&create->properties));
    write->level = iceberg_level(&create->properties);
    return true;
}

/* ---- columns ---- */

/* Iceberg has no integers of less than 32 bits. */
static void widen(struct athena_type *type)
{
    if (type->kind == ATHENA_TINYINT || type->kind == ATHENA_SMALLINT)
        type->kind = ATHENA_INT;
    if (type->key != NULL)
        widen(type->key);
    if (type->element != NULL)
        widen(type->element);
    for (size_t i = 0; i < type->field_count; i++)
        widen(&type->fields[i]);
}

static bool set_schema(struct athena_write *write, struct iceberg_schema *schema, int *last_id)
{
    struct mr_buf type = {0};
    bool fine = true;
    schema->count = write->column_count;
    schema->fields = MR_NEW_ARRAY(write->arena, struct iceberg_field, schema->count + 1);
    *last_id = (int)schema->count;
    for (size_t i = 0; i < schema->count && fine; i++) {
        struct athena_write_column *column = &write->columns[i];
        struct iceberg_field *field = &schema->fields[i];
        widen(&column->type);
        *field = (struct iceberg_field){.id = (int)i + 1, .name = column->name};
        mr_buf_reset(&type);
        athena_type_hive(&type, &column->type);
        fine =
            iceberg_type_parse_hive(write->arena, mr_arena_copy(write->arena, mr_buf_slice(&type)),
                                    last_id, &field->type) == MR_OK;
        if (!fine)
            athena_write_fail(write, "NOT_SUPPORTED", "Type not supported for Iceberg: %.*s",
                              MR_ARG(mr_buf_slice(&type)));
    }
    mr_buf_fini(&type);
    return fine;
}

/* ---- partitioning ---- */

/* "country", "month(at)", "bucket(id, 16)", "truncate(name, 3)" */
static bool parse_key(struct athena_write *write, struct mr_slice text, struct athena_pair *key)
{
    char *lower = mr_arena_cstr(write->arena, text);
    for (size_t i = 0; i < text.len; i++)
        lower[i] = (char)tolower((unsigned char)lower[i]);
    text = mr_slice_trim(mr_slice_make(lower, text.len));
    const size_t open = mr_slice_find(text, '(');
    *key = (struct athena_pair){.name = text, .value = MR_S("identity")};
    if (open == SIZE_MAX)
        return true;
    if (text.ptr[text.len - 1] != ')')
        return false;
    struct mr_slice word = mr_slice_trim(mr_slice_sub(text, 0, open));
    struct mr_slice inside = mr_slice_sub(text, open + 1, text.len - open - 2);
    const size_t comma = mr_slice_find(inside, ',');
    const bool wide =
        mr_slice_equal(word, MR_S("bucket")) || mr_slice_equal(word, MR_S("truncate"));
    if (wide != (comma != SIZE_MAX))
        return false;
    key->name = mr_slice_trim(mr_slice_sub(inside, 0, comma));
    key->value = word;
    if (wide)
        key->value =
            mr_arena_printf(write->arena, "%.*s[%.*s]", MR_ARG(word),
                            MR_ARG(mr_slice_trim(mr_slice_sub(inside, comma + 1, SIZE_MAX))));
    return !mr_slice_equal(word, MR_S("identity")) && !mr_slice_equal(word, MR_S("void"));
}

static bool set_spec(struct athena_write *write, const struct iceberg_schema *schema,
                     struct iceberg_spec *spec)
{
    const struct athena_pair *keys = athena_write_setting(write, "partitioning"), *item;
    size_t count = 0;
    for (item = keys == NULL ? NULL : keys->items; item != NULL; item = item->next)
        count++;
    spec->fields = MR_NEW_ARRAY(write->arena, struct iceberg_partition_field, count + 1);
    for (item = keys == NULL ? NULL : keys->items; item != NULL; item = item->next) {
        struct athena_pair key;
        enum mr_status status = MR_INVALID;
        if (parse_key(write, item->value, &key))
            status = athena_iceberg_spec_add(write->arena, schema, &key, spec);
        if (status == MR_OK)
            continue;
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "Unable to parse partitioning value: %s: %.*s",
                                 status == MR_NOT_FOUND ? "Cannot find source column"
                                 : status == MR_EXISTS  ? "Cannot add partition field twice"
                                                        : "Invalid partition field declaration",
                                 MR_ARG(item->value));
    }
    return true;
}

bool athena_lake_create(struct athena_write *write)
{
    struct athena_write_lake *lake = write->lake;
    struct iceberg_create *create = MR_NEW(write->arena, struct iceberg_create);
    struct iceberg_schema *schema = MR_NEW(write->arena, struct iceberg_schema);
    struct iceberg_spec *spec = MR_NEW(write->arena, struct iceberg_spec);
    char message[512] = "";
    *create = *lake->create;
    create->database = write->database;
    create->name = write->statement->name;
    create->account = write->account;
    create->created_by =
        mr_arena_printf(write->arena, "arn:aws:iam::%.*s:root", MR_ARG(write->account));
    create->location = write->location;
    create->schema = schema;
    create->spec = spec;
    if (!set_schema(write, schema, &create->last_column_id) || !set_spec(write, schema, spec))
        return false;
    if (iceberg_table_plan(&lake->ice, write->arena, create, &lake->table, message) != MR_OK)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY", "%s", message);
    lake->create = create;
    lake->schema = schema;
    lake->spec = spec;
    return true;
}
