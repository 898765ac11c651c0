/* Records of a buffer as rows of an Iceberg table.
 *
 * They are gone through in their order. An update or delete of a key takes away the rows of this
 * batch that have it, and puts it into the equality deletes, which concern what was committed
 * before (data of a lower sequence number); an update adds its row. So a batch with several
 * operations on a key comes to what the last of them says. */
#include "firehose/rows.h"
#include "base/codec.h"
#include "firehose/internal.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROW_DEPTH_MAX = 128, FILE_GROUP_BYTES = 128 << 20, FILE_PAGE_BYTES = 1 << 20 };

/* ---- routing ---- */

static const struct record_failure no_table = {
    "iceberg-failed", "Iceberg.InvalidDestinationTable",
    "The record names no destination table, and not exactly one is configured."};
static const struct record_failure bad_operation = {
    "iceberg-failed", "Iceberg.InvalidOperation",
    "The operation has to be one of insert, update and delete."};

static struct mr_slice told(yyjson_val *otf, yyjson_val *query, const char *name)
{
    const struct mr_slice text = mr_json_get_text(otf, name);
    return text.len > 0 ? text : mr_json_get_text(query, name);
}

const struct record_failure *rows_route(const struct delivery_config *config, yyjson_val *otf,
                                        yyjson_val *query, struct mr_buf *name, char *ret_operation)
{
    struct mr_slice database = told(otf, query, "destinationDatabaseName");
    struct mr_slice table = told(otf, query, "destinationTableName");
    const struct mr_slice operation = told(otf, query, "operation");
    if (table.len == 0 && database.len == 0 && yyjson_arr_size(config->tables) == 1) {
        yyjson_val *only = yyjson_arr_get_first(config->tables);
        database = mr_json_get_text(only, "DestinationDatabaseName");
        table = mr_json_get_text(only, "DestinationTableName");
    }
    if (table.len == 0 || database.len == 0)
        return &no_table;
    if (operation.len == 0 || mr_slice_equal_nocase(operation, MR_S("insert")))
        *ret_operation = ROWS_INSERT;
    else if (mr_slice_equal_nocase(operation, MR_S("update")))
        *ret_operation = ROWS_UPDATE;
    else if (mr_slice_equal_nocase(operation, MR_S("delete")))
        *ret_operation = ROWS_DELETE;
    else
        return &bad_operation;
    if (config->append_only && *ret_operation != ROWS_INSERT)
        return &bad_operation;
    mr_buf_append(name, database);
    mr_buf_byte(name, ROWS_SEPARATOR);
    mr_buf_append(name, table);
    return NULL;
}

static void split_name(struct mr_slice name, struct mr_slice *ret_database,
                       struct mr_slice *ret_table)
{
    const size_t at = mr_slice_find(name, ROWS_SEPARATOR);
    *ret_database = mr_slice_sub(name, 0, at);
    *ret_table = mr_slice_sub(name, at + 1, SIZE_MAX);
}

yyjson_val *rows_table_config(const struct delivery_config *config, struct mr_slice buffer_name)
{
    struct mr_slice database, table;
    size_t index, max;
    yyjson_val *item;
    split_name(buffer_name, &database, &table);
    yyjson_arr_foreach(config->tables, index, max, item)
    {
        if (mr_slice_equal_nocase(mr_json_get_text(item, "DestinationTableName"), table) &&
            mr_slice_equal_nocase(mr_json_get_text(item, "DestinationDatabaseName"), database))
            return item;
    }
    return NULL;
}

/* ---- types ---- */

/* False: it cannot be written from JSON. */
static bool hive_of(struct mr_arena *arena, const struct iceberg_field *field,
                    struct hive_type *ret_type)
{
    static const struct {
        enum hive_kind kind;
        bool known;
    } kinds[] = {
        [ICEBERG_BOOLEAN] = {HIVE_BOOLEAN, true},
        [ICEBERG_INT] = {HIVE_INT, true},
        [ICEBERG_LONG] = {HIVE_BIGINT, true},
        [ICEBERG_FLOAT] = {HIVE_FLOAT, true},
        [ICEBERG_DOUBLE] = {HIVE_DOUBLE, true},
        [ICEBERG_DECIMAL] = {HIVE_DECIMAL, true},
        [ICEBERG_DATE] = {HIVE_DATE, true},
        [ICEBERG_TIMESTAMP] = {HIVE_TIMESTAMP, true},
        [ICEBERG_TIMESTAMPTZ] = {HIVE_TIMESTAMP, true},
        [ICEBERG_STRING] = {HIVE_STRING, true},
        [ICEBERG_BINARY] = {HIVE_BINARY, true},
        [ICEBERG_STRUCT] = {HIVE_STRUCT, true},
        [ICEBERG_LIST] = {HIVE_LIST, true},
        [ICEBERG_MAP] = {HIVE_MAP, true},
    };
    const struct iceberg_type *type = &field->type;
    if (!kinds[type->kind].known)
        return false;
    *ret_type = (struct hive_type){
        .kind = kinds[type->kind].kind,
        .name = field->name,
        .bits = type->kind == ICEBERG_LONG ? 64 : 32,
        .precision = type->precision,
        .scale = type->scale,
        .id = field->id,
        .micros = kinds[type->kind].kind == HIVE_TIMESTAMP,
        .zoned = type->kind == ICEBERG_TIMESTAMPTZ,
        .required = field->required,
        .children = MR_NEW_ARRAY(arena, struct hive_type, type->count + 1),
        .child_count = type->count,
    };
    for (size_t i = 0; i < type->count; i++)
        if (!hive_of(arena, &type->fields[i], &ret_type->children[i]))
            return false;
    return true;
}

static struct mr_slice value_bytes(struct mr_arena *arena, const struct iceberg_type *type,
                                   const struct hive_value *value)
{
    switch (type->kind) {
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE: return iceberg_value_real(arena, type, value->real);
    case ICEBERG_DECIMAL: return iceberg_value_decimal(arena, value->decimal);
    case ICEBERG_STRING:
    case ICEBERG_BINARY: return mr_arena_copy(arena, value->text);
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ: return iceberg_value_number(arena, type, hive_micros(value));
    default: return iceberg_value_number(arena, type, value->number);
    }
}

static yyjson_val *member_of(void *ctx, yyjson_val *object, const struct hive_type *type, bool top)
{
    (void)ctx;
    (void)top;
    yyjson_val *found = mr_json_getn(object, type->name), *key;
    yyjson_obj_iter members;
    yyjson_obj_iter_init(object, &members);
    while (found == NULL && (key = yyjson_obj_iter_next(&members)) != NULL)
        if (mr_slice_equal_nocase(mr_json_text(key), type->name))
            found = yyjson_obj_iter_get_val(key);
    return found;
}

/* ---- a batch ---- */

struct row {
    size_t record; /* in the buffer */
    size_t before; /* the row of the same key before it; SIZE_MAX: none */
    bool dead;
};
struct key_state {
    size_t last;    /* the newest row that has it; SIZE_MAX: none */
    bool deleted;   /* in the equality deletes */
    size_t example; /* a record that has it */
};
struct group { /* rows of one partition */
    struct mr_slice *partition;
    struct mr_slice folder;
    struct parquet_writer *writer;
};
struct batch {
    struct rows_run *run;
    const struct iceberg_schema *schema;
    const struct iceberg_spec *spec;
    struct hive_type *columns;
    size_t column_count;
    struct hive_type *keys; /* columns of the key */
    size_t key_count;
    struct parquet_writer *checker, *deletes;
    struct mr_arena scratch; /* of a record */
    struct row *rows;
    size_t row_count;
    struct mr_map by_key; /* -> struct key_state, in the run's arena */
    struct mr_map groups; /* -> struct group */
};
/* Packed as the table's properties want it. */
static struct parquet_options file_options(const struct iceberg_metadata *metadata)
{
    const char *word = iceberg_codec(&metadata->properties);
    return (struct parquet_options){.codec = strcmp(word, "snappy") == 0 ? PARQUET_SNAPPY
                                             : strcmp(word, "gzip") == 0 ? PARQUET_GZIP
                                             : strcmp(word, "zstd") == 0 ? PARQUET_ZSTD
                                                                         : PARQUET_UNCOMPRESSED,
                                    .level = iceberg_level(&metadata->properties),
                                    .group_bytes = FILE_GROUP_BYTES,
                                    .page_bytes = FILE_PAGE_BYTES};
}

static struct mr_slice record_data(const struct buffer *buffer, size_t index, char *ret_operation)
{
    const uint64_t start = index == 0 ? 0 : buffer->list[index - 1].end;
    const struct mr_slice all =
        mr_slice_sub(mr_buf_slice(&buffer->bytes), start, buffer->list[index].end - start);
    *ret_operation = all.ptr[0];
    return mr_slice_sub(all, 1, SIZE_MAX);
}

static void fail(struct batch *batch, size_t index, const char *code, struct mr_slice message)
{
    char operation;
    const struct rows_failure failure = {
        .record = &batch->run->buffer->list[index],
        .data = record_data(batch->run->buffer, index, &operation),
        .code = code,
        .message = message,
    };
    batch->run->failures++;
    batch->run->failed(batch->run->ctx, &failure);
}

/* The values of the key, each with its length. False: one is missing or does not fit. */
static bool read_key(struct batch *batch, yyjson_val *row, struct mr_buf *key,
                     char message[static 512])
{
    struct hive_value value;
    mr_buf_reset(key);
    for (size_t i = 0; i < batch->key_count; i++) {
        const struct hive_type *type = &batch->keys[i];
        const struct iceberg_field *field = iceberg_schema_by_id(batch->schema, type->id);
        yyjson_val *member = member_of(NULL, row, type, true);
        if (member == NULL || yyjson_is_null(member)) {
            (void)snprintf(message, 512, "The record has no value for the unique key %.*s",
                           MR_ARG(type->name));
            return false;
        }
        if (hive_value_read(&batch->scratch, type, member, &value, message) != MR_OK)
            return false;
        const struct mr_slice bytes = value_bytes(&batch->scratch, &field->type, &value);
        mr_buf_bytes(key, bytes);
    }
    return true;
}

static struct key_state *state_of(struct batch *batch, struct mr_slice key, size_t record)
{
    struct key_state *state = mr_map_get(&batch->by_key, key);
    if (state != NULL)
        return state;
    state = MR_NEW(batch->run->arena, struct key_state);
    *state = (struct key_state){.last = SIZE_MAX, .example = record};
    (void)mr_map_put(&batch->by_key, key, state);
    return state;
}

static void add_row(struct batch *batch, struct key_state *state, size_t record)
{
    struct row *row = &batch->rows[batch->row_count];
    *row = (struct row){.record = record, .before = SIZE_MAX};
    if (state != NULL) {
        row->before = state->last;
        state->last = batch->row_count;
    }
    batch->row_count++;
}

/* One record: checked, then what it does to its key. */
static void take_record(struct batch *batch, size_t index, struct mr_buf *key)
{
    char operation, message[512] = "";
    const struct mr_slice data = record_data(batch->run->buffer, index, &operation);
    struct mr_arena *arena = &batch->scratch;
    yyjson_val *row = mr_json_parse(arena, data, ROW_DEPTH_MAX);
    if (!yyjson_is_obj(row)) {
        fail(batch, index, "Iceberg.InvalidJson", MR_S("The record is no JSON object."));
        return;
    }
    if (operation != ROWS_INSERT && batch->key_count == 0) {
        fail(batch, index, "Iceberg.InvalidUniqueKeys",
             MR_S("The configured unique keys for the table do not match with the fields present "
                  "in the schema."));
        return;
    }
    const bool keyed = batch->key_count > 0 && read_key(batch, row, key, message);
    if (operation != ROWS_INSERT && !keyed) {
        fail(batch, index, "Iceberg.MissingColumnWithinRecord",
             mr_arena_printf(batch->run->arena, "%s", message));
        return;
    }
    if (operation != ROWS_DELETE && parquet_check(batch->checker, arena, row, message) != MR_OK) {
        fail(batch, index,
             mr_slice_ends_with(mr_slice_cstr(message), MR_S(" is required"))
                 ? "Iceberg.MissingColumnWithinRecord"
                 : "Iceberg.InvalidValue",
             mr_arena_printf(batch->run->arena, "%s", message));
        return;
    }
    struct key_state *state = keyed ? state_of(batch, mr_buf_slice(key), index) : NULL;
    if (operation != ROWS_INSERT) {
        for (size_t at = state->last; at != SIZE_MAX; at = batch->rows[at].before)
            batch->rows[at].dead = true;
        state->last = SIZE_MAX;
        state->deleted = true;
    }
    if (operation != ROWS_DELETE)
        add_row(batch, state, index);
}

/* ---- files ---- */

static struct mr_slice *partition_of(struct batch *batch, yyjson_val *row)
{
    struct mr_arena *arena = batch->run->arena;
    struct mr_slice *values = MR_NEW_ARRAY(arena, struct mr_slice, batch->spec->count + 1);
    char message[512];
    for (size_t i = 0; i < batch->spec->count; i++) {
        const struct iceberg_partition_field *field = &batch->spec->fields[i];
        const struct iceberg_field *source = iceberg_schema_by_id(batch->schema, field->source_id);
        struct hive_type type;
        struct hive_value value;
        if (source == NULL || !hive_of(arena, source, &type))
            continue;
        yyjson_val *member = member_of(NULL, row, &type, true);
        if (member == NULL || yyjson_is_null(member) ||
            hive_value_read(&batch->scratch, &type, member, &value, message) != MR_OK)
            continue;
        values[i] = iceberg_transform_apply(arena, field, &source->type,
                                            value_bytes(arena, &source->type, &value));
    }
    return values;
}

/* "day=2026-07-03/bucket=5/" */
static struct mr_slice folder_of(const struct batch *batch, const struct mr_slice *values)
{
    struct mr_arena *arena = batch->run->arena;
    struct mr_buf buf = {0};
    for (size_t i = 0; i < batch->spec->count; i++) {
        const struct iceberg_partition_field *field = &batch->spec->fields[i];
        const struct iceberg_field *source = iceberg_schema_by_id(batch->schema, field->source_id);
        mr_percent_encode(&buf, field->name, false);
        mr_buf_byte(&buf, '=');
        if (source != NULL)
            mr_percent_encode(&buf, iceberg_transform_show(arena, field, &source->type, values[i]),
                              false);
        mr_buf_byte(&buf, '/');
    }
    const struct mr_slice folder = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return folder;
}

static struct group *group_of(struct batch *batch, yyjson_val *row)
{
    struct mr_buf key = {0};
    struct mr_slice *values = partition_of(batch, row);
    for (size_t i = 0; i < batch->spec->count; i++) {
        mr_buf_byte(&key, values[i].ptr != NULL);
        mr_buf_bytes(&key, values[i]);
    }
    struct group *group = mr_map_get(&batch->groups, mr_buf_slice(&key));
    if (group == NULL) {
        group = MR_NEW(batch->run->arena, struct group);
        group->partition = values;
        group->folder = folder_of(batch, values);
        const struct parquet_options options = file_options(&batch->run->table.metadata);
        group->writer =
            parquet_open(batch->columns, batch->column_count, &options, member_of, NULL);
        (void)mr_map_put(&batch->groups, mr_buf_slice(&key), group);
    }
    mr_buf_fini(&key);
    return group;
}

enum { BOUND_BYTES_MAX = 64 };

/* Bounds of long text are left out: they would have to be cut. */
static void set_stats(struct batch *batch, const struct parquet_writer *writer,
                      struct iceberg_file *file)
{
    struct mr_arena *arena = batch->run->arena;
    struct parquet_stats stats;
    size_t count = 0;
    while (parquet_stats(writer, count, &stats))
        count++;
    file->stats = MR_NEW_ARRAY(arena, struct iceberg_stats, count + 1);
    for (size_t i = 0; i < count && parquet_stats(writer, i, &stats); i++) {
        const struct iceberg_field *field = iceberg_schema_by_id(batch->schema, stats.type->id);
        struct iceberg_stats *out = &file->stats[file->stats_count];
        if (field == NULL)
            continue;
        file->stats_count++;
        *out = (struct iceberg_stats){.field_id = field->id,
                                      .bytes = -1,
                                      .values = stats.values,
                                      .nulls = stats.nulls,
                                      .nans = -1};
        if (field->type.kind == ICEBERG_FLOAT || field->type.kind == ICEBERG_DOUBLE)
            out->nans = stats.nans;
        if (stats.known && stats.least.text.len <= BOUND_BYTES_MAX)
            out->lower = value_bytes(arena, &field->type, &stats.least);
        if (stats.known && stats.most.text.len <= BOUND_BYTES_MAX)
            out->upper = value_bytes(arena, &field->type, &stats.most);
    }
}

/* The writer's rows become a file of the change; the writer is freed. */
static enum mr_status close_file(struct batch *batch, struct parquet_writer *writer,
                                 struct iceberg_file *file, struct mr_slice folder)
{
    struct mr_buf body = {0};
    file->records = (int64_t)parquet_rows(writer);
    file->sort_order = -1;
    set_stats(batch, writer, file);
    parquet_close(writer, &body);
    const enum mr_status status =
        file->records == 0
            ? MR_OK
            : iceberg_change_add(&batch->run->change, file, folder, mr_buf_slice(&body));
    mr_buf_fini(&body);
    return status;
}

static void write_rows(struct batch *batch)
{
    char operation, message[512];
    for (size_t i = 0; i < batch->row_count; i++) {
        if (batch->rows[i].dead)
            continue;
        const struct mr_slice data =
            record_data(batch->run->buffer, batch->rows[i].record, &operation);
        yyjson_val *row = mr_json_parse(&batch->scratch, data, ROW_DEPTH_MAX);
        struct group *group = group_of(batch, row);
        (void)!parquet_add(group->writer, &batch->scratch, row, message); /* it was checked */
        mr_arena_reset(&batch->scratch);
    }
    size_t cursor = 0;
    struct mr_slice key;
    void *value;
    while (mr_map_next(&batch->by_key, &cursor, &key, &value)) {
        const struct key_state *state = value;
        if (!state->deleted)
            continue;
        const struct mr_slice data = record_data(batch->run->buffer, state->example, &operation);
        yyjson_val *row = mr_json_parse(&batch->scratch, data, ROW_DEPTH_MAX);
        (void)!parquet_add(batch->deletes, &batch->scratch, row, message);
        mr_arena_reset(&batch->scratch);
    }
}

static enum mr_status close_files(struct batch *batch)
{
    struct rows_run *run = batch->run;
    enum mr_status status = MR_OK;
    size_t cursor = 0;
    struct mr_slice key;
    void *value;
    while (mr_map_next(&batch->groups, &cursor, &key, &value)) {
        struct group *group = value;
        struct iceberg_file file = {.spec_id = batch->spec->id, .partition = group->partition};
        const enum mr_status one = close_file(batch, group->writer, &file, group->folder);
        status = status == MR_OK ? one : status;
    }
    struct iceberg_file deletes = {
        .content = ICEBERG_EQUALITY_DELETES,
        .equality_ids = MR_NEW_ARRAY(run->arena, int, batch->key_count + 1),
        .equality_count = batch->key_count,
    };
    for (size_t i = 0; i < batch->key_count; i++)
        deletes.equality_ids[i] = batch->keys[i].id;
    /* Without a partition they concern all of the table: a row may change its partition. */
    if (parquet_rows(batch->deletes) > 0)
        deletes.spec_id = iceberg_metadata_unpartitioned(run->arena, &run->change.next);
    const enum mr_status last = close_file(batch, batch->deletes, &deletes, MR_S(""));
    return status == MR_OK ? last : status;
}

/* ---- the run ---- */

static bool set_columns(struct batch *batch)
{
    const struct iceberg_schema *schema = batch->schema;
    struct mr_arena *arena = batch->run->arena;
    batch->columns = MR_NEW_ARRAY(arena, struct hive_type, schema->count + 1);
    batch->column_count = schema->count;
    for (size_t i = 0; i < schema->count; i++)
        if (!hive_of(arena, &schema->fields[i], &batch->columns[i]))
            return false;
    return true;
}

static void add_key(struct batch *batch, const struct iceberg_field *field)
{
    if (field != NULL && field->type.kind < ICEBERG_STRUCT &&
        hive_of(batch->run->arena, field, &batch->keys[batch->key_count]))
        batch->key_count++;
}

/* UniqueKeys of the configuration, else the identifier fields of the schema. Keys that are no
 * columns are no keys at all. */
static void set_keys(struct batch *batch)
{
    yyjson_val *config = rows_table_config(batch->run->config, batch->run->buffer->name);
    yyjson_val *list = mr_json_get(config, "UniqueKeys"), *item;
    const bool configured = yyjson_arr_size(list) > 0;
    size_t index, max;
    list = configured ? list : batch->schema->identifiers;
    batch->keys = MR_NEW_ARRAY(batch->run->arena, struct hive_type, yyjson_arr_size(list) + 1);
    yyjson_arr_foreach(list, index, max, item)
    {
        add_key(batch, configured
                           ? iceberg_schema_find(batch->schema, mr_json_text(item))
                           : iceberg_schema_by_id(batch->schema, (int)mr_json_i64(item, -1)));
    }
    if (batch->key_count != yyjson_arr_size(list))
        batch->key_count = 0;
}

static void fail_all(struct batch *batch, const char *code, struct mr_slice message)
{
    for (size_t i = 0; i < batch->run->buffer->list_count; i++)
        fail(batch, i, code, message);
}

void rows_give_up(struct rows_run *run, const char *code, struct mr_slice message)
{
    struct batch batch = {.run = run};
    iceberg_change_end(&run->change, false);
    run->changes = false;
    run->failures = 0;
    fail_all(&batch, code, message);
}

/* MR_END: all records failed. */
static enum mr_status find_table(struct batch *batch, char message[static 512])
{
    struct rows_run *run = batch->run;
    struct mr_slice database, name;
    struct glue_table glue;
    split_name(run->buffer->name, &database, &name);
    enum mr_status status = glue_table_get(run->ice->glue, run->arena, database, name, &glue);
    if (status == MR_NOT_FOUND || (status == MR_OK && !iceberg_is_table(&glue))) {
        fail_all(batch, status == MR_OK ? "Iceberg.InvalidTable" : "Iceberg.NoSuchTable",
                 mr_arena_printf(run->arena,
                                 status == MR_OK ? "The table %.*s.%.*s is no Iceberg table."
                                                 : "The table %.*s.%.*s does not exist.",
                                 MR_ARG(database), MR_ARG(name)));
        return MR_END;
    }
    if (status == MR_OK)
        status = iceberg_table_load(run->ice, run->arena, &glue, &run->table, message);
    return status == MR_INVALID ? MR_AGAIN : status;
}

static enum mr_status take_records(struct batch *batch, char message[static 512])
{
    struct rows_run *run = batch->run;
    struct mr_buf key = {0};
    batch->schema = iceberg_schema_now(&run->table.metadata);
    batch->spec = iceberg_spec_of(&run->table.metadata, run->table.metadata.default_spec);
    if (!set_columns(batch)) {
        fail_all(batch, "Iceberg.UnsupportedType",
                 MR_S("The table has columns of a type that cannot be written."));
        return MR_OK;
    }
    set_keys(batch);
    batch->rows = mr_calloc(run->buffer->list_count + 1, sizeof *batch->rows);
    const struct parquet_options options = file_options(&run->table.metadata);
    batch->checker = parquet_open(batch->columns, batch->column_count, &options, member_of, NULL);
    batch->deletes = parquet_open(batch->keys, batch->key_count, &options, member_of, NULL);
    for (size_t i = 0; i < run->buffer->list_count; i++) {
        take_record(batch, i, &key);
        mr_arena_reset(&batch->scratch);
    }
    write_rows(batch);
    enum mr_status status = close_files(batch);
    bool deletes = false;
    for (size_t i = 0; i < run->change.added_count; i++)
        deletes = deletes || run->change.added[i].content != ICEBERG_DATA;
    run->changes = status == MR_OK && run->change.added_count > 0;
    if (run->changes)
        status = iceberg_change_prepare(&run->change, deletes ? "overwrite" : "append", message);
    struct mr_buf nothing = {0};
    parquet_close(batch->checker, &nothing);
    mr_buf_fini(&nothing);
    mr_buf_fini(&key);
    free(batch->rows);
    return status == MR_INVALID ? MR_AGAIN : status;
}

enum mr_status rows_prepare(struct rows_run *run, char message[static 512])
{
    struct batch batch = {.run = run};
    mr_arena_init(&batch.scratch);
    enum mr_status status = find_table(&batch, message);
    run->change = iceberg_change_make(run->ice, run->arena, &run->table);
    if (status == MR_OK)
        status = take_records(&batch, message);
    if (status == MR_NOT_FOUND)
        (void)snprintf(message, 512, "bucket %.*s of an Iceberg table does not exist",
                       MR_ARG(run->table.bucket));
    mr_map_fini(&batch.by_key);
    mr_map_fini(&batch.groups);
    mr_arena_fini(&batch.scratch);
    return status == MR_END ? MR_OK : status;
}
