/* CREATE TABLE of Iceberg tables, and what DROP TABLE removes of one. */
#include "athena/internal.h"
#include "iceberg/iceberg.h"

enum { PARTITION_ID_FIRST = 1000 };

static const struct iceberg *ice_of(struct athena_ddl *ddl)
{
    const struct athena_options *options = &ddl->athena->options;
    struct iceberg *ice = MR_NEW(ddl->arena, struct iceberg);
    *ice = (struct iceberg){options->store, options->s3, options->glue, options->rng, NULL};
    return ice;
}

static bool set_columns(struct athena_ddl *ddl, struct iceberg_schema *schema, int *last_id)
{
    size_t count = 0, at = 0;
    const struct athena_pair *pair;
    for (pair = ddl->statement->columns; pair != NULL; pair = pair->next)
        count++;
    schema->fields = MR_NEW_ARRAY(ddl->arena, struct iceberg_field, count + 1);
    *last_id = (int)count;
    for (pair = ddl->statement->columns; pair != NULL; pair = pair->next) {
        struct iceberg_field *field = &schema->fields[at++];
        if (iceberg_schema_find(schema, pair->name) != NULL)
            return athena_ddl_fail(ddl, "SemanticException Duplicate column name: %.*s",
                                   MR_ARG(pair->name));
        *field = (struct iceberg_field){.id = (int)at, .name = pair->name, .doc = pair->comment};
        schema->count = at;
        if (iceberg_type_parse_hive(ddl->arena, pair->value, last_id, &field->type) != MR_OK)
            return athena_ddl_fail(ddl,
                                   "SemanticException Column %.*s: the type '%.*s' is not "
                                   "supported for Iceberg tables",
                                   MR_ARG(pair->name), MR_ARG(pair->value));
    }
    return true;
}

/* As Iceberg's libraries name partition fields: "at_day", "id_bucket", "name_trunc". */
static struct mr_slice field_name(struct mr_arena *arena, struct mr_slice column,
                                  const struct iceberg_partition_field *field)
{
    static const char *const suffixes[] = {
        [ICEBERG_IDENTITY] = "",  [ICEBERG_BUCKET] = "_bucket", [ICEBERG_TRUNCATE] = "_trunc",
        [ICEBERG_YEAR] = "_year", [ICEBERG_MONTH] = "_month",   [ICEBERG_DAY] = "_day",
        [ICEBERG_HOUR] = "_hour", [ICEBERG_VOID] = "_null"};
    return mr_arena_printf(arena, "%.*s%s", MR_ARG(column), suffixes[field->transform]);
}

enum mr_status athena_iceberg_spec_add(struct mr_arena *arena, const struct iceberg_schema *schema,
                                       const struct athena_pair *key, struct iceberg_spec *spec)
{
    struct iceberg_partition_field *field = &spec->fields[spec->count];
    const struct iceberg_field *source = iceberg_schema_find(schema, key->name);
    if (source == NULL)
        return MR_NOT_FOUND;
    if (iceberg_transform_parse(key->value, field) != MR_OK ||
        !iceberg_transform_fits(field, &source->type))
        return MR_INVALID;
    field->source_id = source->id;
    field->field_id = PARTITION_ID_FIRST + (int)spec->count;
    field->name = field_name(arena, key->name, field);
    for (size_t i = 0; i < spec->count; i++)
        if (mr_slice_equal(spec->fields[i].name, field->name))
            return MR_EXISTS;
    spec->count++;
    return MR_OK;
}

static bool set_spec(struct athena_ddl *ddl, const struct iceberg_schema *schema,
                     struct iceberg_spec *spec)
{
    size_t count = 0;
    const struct athena_pair *pair;
    for (pair = ddl->statement->keys; pair != NULL; pair = pair->next)
        count++;
    spec->fields = MR_NEW_ARRAY(ddl->arena, struct iceberg_partition_field, count + 1);
    for (pair = ddl->statement->keys; pair != NULL; pair = pair->next) {
        const enum mr_status status = athena_iceberg_spec_add(ddl->arena, schema, pair, spec);
        if (status == MR_NOT_FOUND)
            return athena_ddl_fail(ddl, "SemanticException Partition column %.*s does not exist",
                                   MR_ARG(pair->name));
        if (status == MR_EXISTS)
            return athena_ddl_fail(ddl, "SemanticException Duplicate partition field: %.*s",
                                   MR_ARG(spec->fields[spec->count].name));
        if (status != MR_OK)
            return athena_ddl_fail(ddl,
                                   "SemanticException The transform %.*s cannot be applied to "
                                   "column %.*s",
                                   MR_ARG(pair->value), MR_ARG(pair->name));
    }
    return true;
}

/* AWS: GZIP, SNAPPY, ZSTD (the default), NONE. */
static bool set_codec(struct mr_arena *arena, struct mr_slice word,
                      struct iceberg_pairs *properties)
{
    static const char *const codecs[][2] = {{"zstd", "zstd"},
                                            {"snappy", "snappy"},
                                            {"gzip", "gzip"},
                                            {"none", "uncompressed"},
                                            {"uncompressed", "uncompressed"}};
    size_t i = 0;
    while (i < MR_COUNT(codecs) && !mr_slice_equal_nocase(word, mr_slice_cstr(codecs[i][0])))
        i++;
    if (i < MR_COUNT(codecs))
        iceberg_pair_set(arena, properties, MR_S(ICEBERG_CODEC_KEY), mr_slice_cstr(codecs[i][1]));
    return i < MR_COUNT(codecs);
}

/* AWS: of ZSTD, 1 to 22. Kept under Iceberg's own key, too, for who writes the table elsewhere. */
static struct mr_slice set_level(struct mr_arena *arena, const struct athena_pair *pair,
                                 struct iceberg_pairs *properties)
{
    int64_t level;
    if (mr_slice_to_i64(pair->value, &level) != MR_OK || level < 1 || level > ICEBERG_LEVEL_MAX)
        return MR_S("compression_level must be between 1 and 22");
    iceberg_pair_set(arena, properties, MR_S(ICEBERG_LEVEL_KEY), pair->value);
    iceberg_pair_set(arena, properties, pair->name, pair->value);
    return MR_S("");
}

bool athena_iceberg_level_fits(const struct athena_statement *statement,
                               const struct iceberg_pairs *properties)
{
    for (const struct athena_pair *pair = statement->properties; pair != NULL; pair = pair->next)
        if (mr_slice_equal_nocase(pair->name, MR_S("compression_level")))
            return iceberg_level(properties) > 0;
    return true;
}

/* Athena takes no keys but these; those that would change how files are written are not done, and
 * wishes for other files than Parquet are refused rather than forgotten. */
struct mr_slice athena_iceberg_property(struct mr_arena *arena, const struct athena_pair *pair,
                                        struct iceberg_pairs *properties)
{
    enum { NUMBERS_FROM = 2 };
    static const char *const known[] = {"format",
                                        "write_compression",
                                        "optimize_rewrite_min_data_file_size_bytes",
                                        "optimize_rewrite_max_data_file_size_bytes",
                                        "optimize_rewrite_data_file_threshold",
                                        "optimize_rewrite_delete_file_threshold",
                                        "vacuum_min_snapshots_to_keep",
                                        "vacuum_max_snapshot_age_seconds",
                                        "vacuum_max_metadata_files_to_keep"},
                             *const undone[] = {"write_data_path_enabled",
                                                "write_target_data_file_size_bytes"};
    if (mr_slice_equal_nocase(pair->name, MR_S("write_target_data_file_size_bytes")) &&
        mr_slice_equal(pair->value, MR_S("536870912"))) { /* what it is without a word */
        iceberg_pair_set(arena, properties, pair->name, pair->value);
        return MR_S("");
    }
    if (mr_slice_equal_nocase(pair->name, MR_S("format")) &&
        !mr_slice_equal_nocase(pair->value, MR_S("parquet")))
        return MR_S("NOT_SUPPORTED: Iceberg tables are written as Parquet only");
    if (mr_slice_equal_nocase(pair->name, MR_S("write_compression")) &&
        !set_codec(arena, pair->value, properties))
        return mr_arena_printf(arena,
                               "NOT_SUPPORTED: Parquet files of Iceberg tables cannot be packed "
                               "with %.*s",
                               MR_ARG(pair->value));
    if (mr_slice_equal_nocase(pair->name, MR_S("compression_level")))
        return set_level(arena, pair, properties);
    for (size_t i = 0; i < MR_COUNT(undone); i++)
        if (mr_slice_equal_nocase(pair->name, mr_slice_cstr(undone[i])))
            return mr_arena_printf(arena, "NOT_SUPPORTED: %s of Iceberg tables is not supported",
                                   undone[i]);
    uint64_t number;
    for (size_t i = 0; i < MR_COUNT(known); i++)
        if (mr_slice_equal_nocase(pair->name, mr_slice_cstr(known[i]))) {
            if (i >= NUMBERS_FROM && mr_slice_to_u64(pair->value, &number) != MR_OK)
                return mr_arena_printf(arena, "Table property %s must be a whole number: %.*s",
                                       known[i], MR_ARG(pair->value));
            iceberg_pair_set(arena, properties, pair->name, pair->value);
            return MR_S("");
        }
    return mr_arena_printf(arena, "Unsupported table property key: %.*s", MR_ARG(pair->name));
}

static bool set_properties(struct athena_ddl *ddl, struct iceberg_pairs *properties)
{
    bool iceberg = false;
    for (const struct athena_pair *pair = ddl->statement->properties; pair != NULL;
         pair = pair->next) {
        if (mr_slice_equal_nocase(pair->name, MR_S("table_type"))) {
            iceberg = mr_slice_equal_nocase(pair->value, MR_S("ICEBERG"));
            continue;
        }
        const struct mr_slice wrong = athena_iceberg_property(ddl->arena, pair, properties);
        if (wrong.len > 0)
            return athena_ddl_fail(ddl, "%.*s", MR_ARG(wrong));
    }
    if (!athena_iceberg_level_fits(ddl->statement, properties))
        return athena_ddl_fail(ddl, ATHENA_LEVEL_OF_ZSTD);
    iceberg_pair_set(ddl->arena, properties, MR_S(ICEBERG_CODEC_KEY),
                     mr_slice_cstr(iceberg_codec(properties)));
    return iceberg || athena_ddl_fail(
                          ddl, "SemanticException CREATE TABLE without EXTERNAL is for tables with "
                               "TBLPROPERTIES ('table_type'='ICEBERG')");
}

bool athena_ddl_create_iceberg(struct athena_ddl *ddl)
{
    const struct athena_statement *statement = ddl->statement;
    struct iceberg_schema schema = {0};
    struct iceberg_spec spec = {0};
    struct iceberg_create create = {
        .database = athena_ddl_database(ddl),
        .name = statement->name,
        .account = ddl->account,
        .created_by = mr_arena_printf(ddl->arena, "arn:aws:iam::%.*s:root", MR_ARG(ddl->account)),
        .location = statement->location,
        .comment = statement->comment,
        .schema = &schema,
        .spec = &spec,
    };
    struct mr_slice bucket, prefix;
    char message[512] = "";
    if (!set_properties(ddl, &create.properties) ||
        !set_columns(ddl, &schema, &create.last_column_id) || !set_spec(ddl, &schema, &spec))
        return false;
    if (glue_location_parse(statement->location, &bucket, &prefix) != MR_OK)
        return athena_ddl_fail(ddl, "SemanticException No valid S3 location is given: LOCATION is "
                                    "required for Iceberg tables");
    const enum mr_status status =
        iceberg_table_create(ice_of(ddl), ddl->arena, &create, &ddl->ticket, message);
    if (status == MR_EXISTS && statement->if_not_exists)
        return true;
    if (status == MR_EXISTS)
        return athena_ddl_fail(ddl,
                               "Execution Error, return code 1 from "
                               "org.apache.hadoop.hive.ql.exec.DDLTask. "
                               "AlreadyExistsException(message:Table %.*s already exists)",
                               MR_ARG(statement->name));
    if (status == MR_NOT_FOUND && message[0] == '\0')
        return athena_ddl_fail(ddl,
                               "SemanticException [Error 10072]: Database does not exist: %.*s",
                               MR_ARG(create.database));
    return status == MR_OK ||
           athena_ddl_fail(ddl, "%s", message[0] != '\0' ? message : "internal error");
}

/* ---- DROP TABLE ---- */

struct dropping {
    struct mr_arena *arena;
    struct mr_slice *keys;
    size_t count, capacity;
};

static enum mr_status note_object(void *ctx, const struct s3_object *object)
{
    struct dropping *dropping = ctx;
    if (dropping->count == dropping->capacity) {
        const size_t room = dropping->capacity == 0 ? 64 : dropping->capacity * 2;
        dropping->keys = mr_arena_realloc(dropping->arena, dropping->keys,
                                          dropping->capacity * sizeof *dropping->keys,
                                          room * sizeof *dropping->keys);
        dropping->capacity = room;
    }
    dropping->keys[dropping->count++] = mr_arena_copy(dropping->arena, object->key);
    return MR_OK;
}

bool athena_ddl_drop_iceberg(struct athena_ddl *ddl, const struct glue_table *table)
{
    struct s3 *s3 = ddl->athena->options.s3;
    struct dropping dropping = {.arena = ddl->arena};
    struct mr_slice bucket, prefix;
    enum mr_status status = MR_OK;
    if (glue_location_parse(table->location, &bucket, &prefix) != MR_OK || prefix.len == 0)
        return true;
    if (prefix.ptr[prefix.len - 1] != '/')
        prefix = mr_arena_printf(ddl->arena, "%.*s/", MR_ARG(prefix));
    static const char *const folders[] = {"data/", "metadata/"};
    for (size_t i = 0; i < MR_COUNT(folders) && status == MR_OK; i++)
        status =
            s3_list(s3, bucket, mr_arena_printf(ddl->arena, "%.*s%s", MR_ARG(prefix), folders[i]),
                    note_object, &dropping);
    for (size_t i = 0; i < dropping.count && status == MR_OK; i++)
        status = s3_delete(s3, bucket, dropping.keys[i]);
    return status >= 0 || athena_ddl_fail(ddl, "internal error");
}
