/* WITH (...) of CREATE TABLE AS and UNLOAD. */
#include "athena/lake.h"
#include "athena/write.h"
#include <ctype.h>

const struct athena_pair *athena_write_setting(const struct athena_write *write, const char *name)
{
    const struct athena_pair *pair = write->statement->properties;
    while (pair != NULL && !mr_slice_equal(pair->name, mr_slice_cstr(name)))
        pair = pair->next;
    return pair;
}

static struct mr_slice upper(struct mr_arena *arena, struct mr_slice text)
{
    char *copy = mr_arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = (char)toupper((unsigned char)copy[i]);
    return mr_slice_make(copy, text.len);
}

/* ---- settings ---- */

static bool set_format(struct athena_write *write, struct mr_slice name)
{
    struct mr_slice format = upper(write->arena, name);
    if (mr_slice_equal(format, MR_S("PARQUET"))) {
        write->format = ATHENA_WRITE_PARQUET;
    } else if (mr_slice_equal(format, MR_S("JSON"))) {
        write->format = ATHENA_WRITE_JSON;
        write->row_format.json = true;
    } else if (mr_slice_equal(format, MR_S("TEXTFILE"))) {
        write->format = ATHENA_WRITE_TEXT;
    } else {
        return athena_write_fail(write, "NOT_SUPPORTED", "Writing the format %.*s is not supported",
                                 MR_ARG(format));
    }
    return true;
}

static bool set_compression(struct athena_write *write, struct mr_slice name)
{
    struct mr_slice word = upper(write->arena, name);
    if (mr_slice_equal(word, MR_S("UNCOMPRESSED")))
        word = MR_S("NONE");
    if (!mr_slice_equal(word, MR_S("GZIP")) && !mr_slice_equal(word, MR_S("NONE")) &&
        !mr_slice_equal(word, MR_S("SNAPPY")) && !mr_slice_equal(word, MR_S("ZSTD")))
        return athena_write_fail(write, "NOT_SUPPORTED",
                                 "Compression %.*s is not supported for this format", MR_ARG(word));
    write->compression = word;
    return true;
}

static bool set_delimiter(struct athena_write *write, struct mr_slice text)
{
    if (mr_slice_equal(text, MR_S("\\t")) || mr_slice_equal(text, MR_S("\\\\")))
        text = text.ptr[1] == 't' ? MR_S("\t") : MR_S("\\");
    if (text.len != 1)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "field_delimiter must be a single character");
    write->row_format.delimiter = text.ptr[0];
    return true;
}

enum where { OF_HIVE = 1, OF_ICEBERG = 2, OF_UNLOAD = 4 };
static const struct known {
    const char *name, *type; /* type: Trino's */
    enum athena_value_kind kind;
    int where; /* of enum where */
} settings[] = {
    {"bucket_count", "integer", ATHENA_VALUE_NUMBER, OF_HIVE},
    {"bucketed_by", "array(varchar)", ATHENA_VALUE_LIST, OF_HIVE},
    {"compression", "varchar", ATHENA_VALUE_TEXT, OF_UNLOAD},
    {"compression_level", "integer", ATHENA_VALUE_NUMBER, OF_HIVE | OF_ICEBERG | OF_UNLOAD},
    {"external_location", "varchar", ATHENA_VALUE_TEXT, OF_HIVE},
    {"field_delimiter", "varchar", ATHENA_VALUE_TEXT, OF_HIVE | OF_UNLOAD},
    {"format", "varchar", ATHENA_VALUE_TEXT, OF_HIVE | OF_ICEBERG | OF_UNLOAD},
    {"is_external", "boolean", ATHENA_VALUE_TRUTH, OF_HIVE | OF_ICEBERG},
    {"location", "varchar", ATHENA_VALUE_TEXT, OF_ICEBERG},
    {"orc_compression", "varchar", ATHENA_VALUE_TEXT, OF_HIVE},
    {"parquet_compression", "varchar", ATHENA_VALUE_TEXT, OF_HIVE},
    {"partitioned_by", "array(varchar)", ATHENA_VALUE_LIST, OF_HIVE | OF_UNLOAD},
    {"partitioning", "array(varchar)", ATHENA_VALUE_LIST, OF_ICEBERG},
    {"table_type", "varchar", ATHENA_VALUE_TEXT, OF_HIVE | OF_ICEBERG},
    {"write_compression", "varchar", ATHENA_VALUE_TEXT, OF_HIVE | OF_ICEBERG}};

static bool fail_at(struct athena_write *write, const struct athena_pair *pair, const char *code,
                    struct mr_slice message)
{
    athena_error_set(write->error, write->arena, code, pair->line, pair->column, "%.*s",
                     MR_ARG(message));
    return false;
}

static struct mr_slice as_written(struct mr_arena *arena, const struct athena_pair *pair)
{
    struct mr_buf text = {0};
    if (pair->kind == ATHENA_VALUE_TEXT)
        mr_buf_printf(&text, "'%.*s'", MR_ARG(pair->value));
    else if (pair->kind != ATHENA_VALUE_LIST)
        mr_buf_append(&text, pair->value);
    else
        mr_buf_append(&text, MR_S("ARRAY["));
    for (const struct athena_pair *item = pair->items; item != NULL; item = item->next)
        mr_buf_printf(&text, "%s'%.*s'", item == pair->items ? "" : ",", MR_ARG(item->value));
    if (pair->kind == ATHENA_VALUE_LIST)
        mr_buf_byte(&text, ']');
    const struct mr_slice copy = mr_arena_copy(arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return copy;
}

static bool check_setting(struct athena_write *write, const struct athena_pair *pair,
                          enum where where)
{
    size_t i = 0;
    for (const struct athena_pair *other = write->statement->properties; other != pair;
         other = other->next)
        if (mr_slice_equal(other->name, pair->name))
            return fail_at(
                write, pair, "DUPLICATE_PROPERTY",
                mr_arena_printf(write->arena, "Duplicate property: %.*s", MR_ARG(pair->name)));
    while (i < MR_COUNT(settings) && !mr_slice_equal(pair->name, mr_slice_cstr(settings[i].name)))
        i++;
    if (i == MR_COUNT(settings) || (settings[i].where & (int)where) == 0)
        return where == OF_ICEBERG || /* which has more: write_lake_ctas.c */
               fail_at(write, pair, "INVALID_TABLE_PROPERTY",
                       mr_arena_printf(write->arena,
                                       "Catalog 'awsdatacatalog' table property '%.*s' does not "
                                       "exist",
                                       MR_ARG(pair->name)));
    return pair->kind == settings[i].kind ||
           fail_at(write, pair, "INVALID_TABLE_PROPERTY",
                   mr_arena_printf(write->arena,
                                   "Invalid value for catalog 'awsdatacatalog' table property "
                                   "'%.*s': Cannot convert [%.*s] to %s",
                                   MR_ARG(pair->name), MR_ARG(as_written(write->arena, pair)),
                                   settings[i].type));
}

bool athena_write_check_settings(struct athena_write *write)
{
    const struct athena_pair *type = athena_write_setting(write, "table_type");
    enum where where = write->statement->kind == STATEMENT_UNLOAD ? OF_UNLOAD : OF_HIVE;
    if (where == OF_HIVE && type != NULL && mr_slice_equal_nocase(type->value, MR_S("ICEBERG")))
        where = OF_ICEBERG;
    else if (where == OF_HIVE && type != NULL && !mr_slice_equal_nocase(type->value, MR_S("HIVE")))
        return athena_write_fail(write, "NOT_SUPPORTED",
                                 "CREATE TABLE AS with table_type %.*s is not supported",
                                 MR_ARG(type->value));
    for (const struct athena_pair *pair = write->statement->properties; pair != NULL;
         pair = pair->next)
        if (!check_setting(write, pair, where))
            return false;
    return true;
}

/* The setting that names how files are packed, of those there are; none that would be forgotten. */
static bool find_compression(struct athena_write *write, const struct athena_pair **ret_setting)
{
    const struct athena_pair *own = athena_write_setting(write, "parquet_compression"),
                             *orc = athena_write_setting(write, "orc_compression");
    *ret_setting = athena_write_setting(
        write, write->statement->kind == STATEMENT_UNLOAD ? "compression" : "write_compression");
    if (orc != NULL || (own != NULL && write->format != ATHENA_WRITE_PARQUET))
        return fail_at(write, orc != NULL ? orc : own, "INVALID_TABLE_PROPERTY",
                       mr_arena_printf(write->arena, "%s is for files of the format %s only",
                                       orc != NULL ? "orc_compression" : "parquet_compression",
                                       orc != NULL ? "ORC" : "PARQUET"));
    if (own != NULL && *ret_setting != NULL)
        return fail_at(write, own, "INVALID_TABLE_PROPERTY",
                       MR_S("parquet_compression and write_compression exclude each other"));
    if (own != NULL)
        *ret_setting = own;
    return true;
}

static bool refuse_settings(struct athena_write *write)
{
    const struct athena_pair *external = athena_write_setting(write, "is_external");
    if (external != NULL && !mr_slice_equal_nocase(external->value, MR_S("true")))
        return athena_write_fail(write, "NOT_SUPPORTED", "Tables of the type HIVE are external");
    return true;
}

/* AWS: of ZSTD, 1 to 22, 3 unless it is given. */
static bool set_level(struct athena_write *write)
{
    const struct athena_pair *level = athena_write_setting(write, "compression_level");
    if (level == NULL)
        return true;
    if (!mr_slice_equal(write->compression, MR_S("ZSTD")))
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY", ATHENA_LEVEL_OF_ZSTD);
    int64_t value;
    if (mr_slice_to_i64(level->value, &value) != MR_OK || value < 1 || value > 22)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "compression_level must be between 1 and 22");
    write->level = (int)value;
    return true;
}

bool athena_write_settings(struct athena_write *write)
{
    const struct athena_pair *format = athena_write_setting(write, "format"),
                             *keys = athena_write_setting(write, "partitioned_by"),
                             *delimiter = athena_write_setting(write, "field_delimiter"),
                             *compression;
    const bool unload = write->statement->kind == STATEMENT_UNLOAD;
    if (!refuse_settings(write) ||
        !athena_write_bucket_settings(write, athena_write_setting(write, "bucketed_by"),
                                      athena_write_setting(write, "bucket_count")))
        return false;
    if (unload && format == NULL)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "UNLOAD requires the property 'format'");
    if (!set_format(write, format == NULL ? MR_S("PARQUET") : format->value))
        return false;
    if (!find_compression(write, &compression))
        return false;
    if (!set_compression(write, compression == NULL ? MR_S("GZIP") : compression->value))
        return false;
    if (!set_level(write))
        return false;
    if (delimiter != NULL && write->format != ATHENA_WRITE_TEXT)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "field_delimiter can only be specified for TEXTFILE");
    if (delimiter != NULL && !set_delimiter(write, delimiter->value))
        return false;
    write->keys = keys == NULL ? NULL : keys->items;
    for (const struct athena_pair *key = write->keys; key != NULL; key = key->next)
        write->key_count++;
    return true;
}
