#include "athena/scan.h"
#include "athena/records.h"
#include "athena/lines.h"
#include "athena/value.h"
#include "base/clock.h"
#include "base/log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { POOL_OVERHEAD = 4096 };

/* ---- the registry ---- */

void athena_scans_init(struct athena_scans *scans)
{
    *scans = (struct athena_scans){.next_id = 1};
    pthread_mutex_init(&scans->lock, NULL);
}

void athena_scans_fini(struct athena_scans *scans)
{
    assert(scans->open_count == 0);
    pthread_mutex_destroy(&scans->lock);
    free(scans->open);
}

uint64_t athena_scans_add(struct athena_scans *scans, struct athena_scan *scan)
{
    pthread_mutex_lock(&scans->lock);
    const uint64_t id = scan->id = scans->next_id++;
    if (scans->open_count == scans->open_capacity) {
        scans->open_capacity = scans->open_capacity == 0 ? 16 : scans->open_capacity * 2;
        scans->open = mr_realloc(scans->open, sizeof(void *) * scans->open_capacity);
    }
    scans->open[scans->open_count++] = scan;
    pthread_mutex_unlock(&scans->lock);
    return id;
}

void athena_scans_remove(struct athena_scans *scans, struct athena_scan *scan)
{
    pthread_mutex_lock(&scans->lock);
    for (size_t i = 0; i < scans->open_count; i++) {
        if (scans->open[i] == scan) {
            scans->open[i] = scans->open[--scans->open_count];
            break;
        }
    }
    pthread_mutex_unlock(&scans->lock);
}

struct athena_scan *athena_scans_find(struct athena_scans *scans, uint64_t id)
{
    struct athena_scan *found = NULL;
    pthread_mutex_lock(&scans->lock);
    for (size_t i = 0; i < scans->open_count; i++) {
        if (scans->open[i]->id == id)
            found = scans->open[i];
    }
    pthread_mutex_unlock(&scans->lock);
    return found;
}

static void add_piece(struct athena_scan *scan, struct athena_piece piece)
{
    if (scan->piece_count == scan->piece_capacity) {
        const size_t capacity = scan->piece_capacity == 0 ? 64 : scan->piece_capacity * 2;
        struct athena_piece *pieces = MR_NEW_ARRAY(scan->arena, struct athena_piece, capacity);
        if (scan->piece_count > 0)
            memcpy(pieces, scan->pieces, sizeof *pieces * scan->piece_count);
        scan->pieces = pieces;
        scan->piece_capacity = capacity;
    }
    scan->pieces[scan->piece_count++] = piece;
}

enum mr_status athena_scan_add(struct athena_scan *scan, struct mr_slice bucket,
                               const struct s3_object *object, const struct mr_slice *values)
{
    struct athena_piece piece = {.bucket = bucket,
                                 .object = *object,
                                 .to = UINT64_MAX,
                                 .values = values,
                                 .packing = athena_packing_of(object->key)};
    if (scan->piece_count >= ATHENA_OBJECTS_MAX)
        return MR_FULL;
    piece.object.key = mr_arena_copy(scan->arena, object->key);
    piece.object.etag = MR_S("");
    scan->bytes += object->size;
    /* Header lines are counted from the beginning, so such an object stays whole. */
    if (piece.packing != ATHENA_PLAIN || scan->header_lines > 0 ||
        scan->format == ATHENA_FORMAT_PARQUET || scan->format == ATHENA_FORMAT_AVRO) {
        add_piece(scan, piece);
        return MR_OK;
    }
    for (uint64_t from = 0; from == 0 || from < object->size; from += ATHENA_SPLIT_BYTES) {
        piece.from = from;
        piece.to =
            object->size - from <= ATHENA_SPLIT_BYTES ? UINT64_MAX : from + ATHENA_SPLIT_BYTES;
        add_piece(scan, piece);
    }
    return MR_OK;
}

bool athena_scan_key(const struct athena_scan *scan, const struct athena_piece *piece,
                     const struct athena_column *column, char room[static ATHENA_KEY_TEXT],
                     struct mr_slice *ret_text)
{
    int len = 0;
    struct mr_date date;
    if (column->key >= 0) {
        *ret_text = piece->values[column->key];
        return !mr_slice_equal(*ret_text, MR_S("__HIVE_DEFAULT_PARTITION__"));
    }
    switch (column->key) {
    case ATHENA_COLUMN_PATH:
        len = snprintf(room, ATHENA_KEY_TEXT, "s3://%.*s/%.*s", MR_ARG(piece->bucket),
                       MR_ARG(piece->object.key));
        break;
    case ATHENA_COLUMN_SIZE:
        len = snprintf(room, ATHENA_KEY_TEXT, "%llu", (unsigned long long)piece->object.size);
        break;
    case ATHENA_COLUMN_MODIFIED:
        date = mr_date_from_ms(piece->object.modified_ms);
        len = snprintf(room, ATHENA_KEY_TEXT, "%04d-%02d-%02d %02d:%02d:%02d.%03d", date.year,
                       date.month, date.day, date.hour, date.minute, date.second, date.ms);
        break;
    default: /* key=value/key=value */
        for (size_t i = 0; i < scan->column_count; i++) {
            const struct athena_column *key = &scan->columns[i];
            if (key->key >= 0 && len < ATHENA_KEY_TEXT)
                len += snprintf(room + len, (size_t)(ATHENA_KEY_TEXT - len), "%s%.*s=%.*s",
                                len > 0 ? "/" : "", MR_ARG(key->name),
                                MR_ARG(piece->values[key->key]));
        }
    }
    *ret_text = mr_slice_make(room, len < ATHENA_KEY_TEXT ? (size_t)len : ATHENA_KEY_TEXT - 1);
    return true;
}

/* ---- bind and init ---- */

static void scan_bind(duckdb_bind_info info)
{
    struct athena_scans *scans = athena_duck.bind_get_extra_info(info);
    duckdb_value parameter = athena_duck.bind_get_parameter(info, 0);
    const int64_t id = athena_duck.get_int64(parameter);
    athena_duck.destroy_value(&parameter);
    struct athena_scan *scan = athena_scans_find(scans, (uint64_t)id);
    if (scan == NULL) {
        athena_duck.bind_set_error(info, "no such scan");
        return;
    }
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (size_t i = 0; i < scan->column_count; i++) {
        duckdb_logical_type type = athena_logical_type(&scan->columns[i].type);
        athena_duck.bind_add_result_column(info, mr_arena_cstr(&arena, scan->columns[i].name),
                                           type);
        athena_duck.destroy_logical_type(&type);
    }
    mr_arena_fini(&arena);
    athena_duck.bind_set_cardinality(info, scan->bytes / 100 + 1, false);
    athena_duck.bind_set_bind_data(info, scan, NULL);
}

struct run { /* one execution of a scan */
    struct athena_scan *scan;
    size_t *columns; /* of the scan, in the order of the output */
    size_t column_count;
    size_t *places; /* of the scan's columns in the output; SIZE_MAX: not there */
    atomic_size_t next_piece;
};
struct worker {                        /* one thread of it */
    struct s3_snapshot_reader *reader; /* NULL: not yet */
    struct athena_lines lines;
    struct athena_avro avro;
    struct athena_writer writer;
    const struct athena_piece *piece; /* NULL: take the next one */
    struct mr_slice records;          /* of the present line, those that are still to come */
    char *pool;                       /* yyjson's memory for one record */
    size_t pool_size;
    uint64_t line;
    struct mr_slice *fields; /* of a delimited line */
    struct mr_buf text;      /* of its unquoted fields */
};

static void run_free(void *data)
{
    struct run *run = data;
    free(run->columns);
    free(run->places);
    free(run);
}

/* Where the column stands in the output; SIZE_MAX: nobody asks for it. */
static size_t place_of(const struct run *run, size_t column)
{
    for (size_t i = 0; i < run->column_count; i++) {
        if (run->columns[i] == column)
            return i;
    }
    return SIZE_MAX;
}

static void scan_init(duckdb_init_info info)
{
    struct run *run = mr_calloc(1, sizeof *run);
    run->scan = athena_duck.init_get_bind_data(info);
    run->column_count = athena_duck.init_get_column_count(info);
    run->columns = mr_calloc(run->column_count + 1, sizeof *run->columns);
    for (size_t i = 0; i < run->column_count; i++)
        run->columns[i] = athena_duck.init_get_column_index(info, i);
    run->places = mr_calloc(run->scan->column_count + 1, sizeof *run->places);
    for (size_t i = 0; i < run->scan->column_count; i++)
        run->places[i] = place_of(run, i);
    athena_duck.init_set_max_threads(info, run->scan->piece_count > 1 ? 16 : 1);
    athena_duck.init_set_init_data(info, run, run_free);
}

static void worker_free(void *data)
{
    struct worker *worker = data;
    athena_lines_fini(&worker->lines);
    athena_avro_close(&worker->avro);
    s3_snapshot_reader_free(worker->reader);
    athena_writer_fini(&worker->writer);
    mr_buf_fini(&worker->text);
    free(worker->pool);
    free(worker->fields);
    free(worker);
}

static void scan_local_init(duckdb_init_info info)
{
    struct worker *worker = mr_calloc(1, sizeof *worker);
    athena_duck.init_set_init_data(info, worker, worker_free);
}

/* ---- rows ---- */

struct output {
    struct run *run;
    struct worker *worker;
    duckdb_vector *vectors;
    idx_t row;
};

static bool fail(struct worker *worker, const struct athena_piece *piece, const char *message)
{
    char text[sizeof worker->writer.message];
    snprintf(text, sizeof text, "%.120s (s3://%.*s/%.*s)", message, MR_ARG(piece->bucket),
             MR_ARG(mr_slice_sub(piece->object.key, 0, 60)));
    memcpy(worker->writer.message, text, sizeof text);
    return false;
}

/* Partition keys, and NULL for everything else: what a row has before its record is looked at. */
static bool put_keys(const struct output *output)
{
    const struct athena_scan *scan = output->run->scan;
    char room[ATHENA_KEY_TEXT];
    struct mr_slice text;
    for (size_t i = 0; i < output->run->column_count; i++) {
        if (output->run->columns[i] >= scan->column_count)
            continue;
        const struct athena_column *column = &scan->columns[output->run->columns[i]];
        if (column->key == ATHENA_COLUMN_DATA)
            continue;
        if (!athena_scan_key(scan, output->worker->piece, column, room, &text))
            athena_value_null(output->vectors[i], output->row, &column->type);
        else if (athena_value_text(&output->worker->writer, output->vectors[i], output->row,
                                   &column->type, text) != ATHENA_VALUE_OK)
            return false;
    }
    return true;
}

static yyjson_val *read_record(struct worker *worker, struct mr_slice line, yyjson_read_flag flags)
{
    /* The pool keeps books of its own beside what the reader is said to need. */
    const size_t need = yyjson_read_max_memory_usage(line.len, flags) + POOL_OVERHEAD;
    if (need > worker->pool_size) {
        free(worker->pool);
        worker->pool_size = need * 2;
        worker->pool = mr_malloc(worker->pool_size);
    }
    yyjson_alc alc;
    yyjson_alc_pool_init(&alc, worker->pool, worker->pool_size);
    /* What stands behind the first object of a line is not read, as by the SerDe. */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)line.ptr, line.len,
                                       flags | YYJSON_READ_STOP_WHEN_DONE, &alc, NULL);
    yyjson_val *record = doc == NULL ? NULL : yyjson_doc_get_root(doc);
    return yyjson_is_obj(record) ? record : NULL;
}

static bool same_but_dots(struct mr_slice key, struct mr_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char byte = key.ptr[i] == '.' ? '_' : key.ptr[i];
        if ((byte >= 'A' && byte <= 'Z' ? byte + 32 : byte) != name.ptr[i])
            return false;
    }
    return true;
}

static yyjson_val *member(const struct athena_scan *scan, yyjson_val *record, struct mr_slice name,
                          yyjson_obj_iter *iterator)
{
    /* Records name their members in about the order of the columns; yyjson's iterator goes on from
     * the last hit. */
    yyjson_val *value = yyjson_obj_iter_getn(iterator, name.ptr, name.len);
    if (value != NULL || scan->exact)
        return value;
    size_t index, max;
    yyjson_val *key;
    yyjson_obj_foreach(record, index, max, key, value)
    {
        if (unsafe_yyjson_get_len(key) == name.len &&
            (mr_slice_equal_nocase(mr_slice_make(unsafe_yyjson_get_str(key), name.len), name) ||
             (scan->dots &&
              same_but_dots(mr_slice_make(unsafe_yyjson_get_str(key), name.len), name))))
            return value;
    }
    return NULL;
}

static enum athena_value_outcome put_record(const struct output *output, yyjson_val *record)
{
    const struct athena_scan *scan = output->run->scan;
    yyjson_obj_iter iterator;
    if (record != NULL)
        yyjson_obj_iter_init(record, &iterator);
    for (size_t i = 0; i < output->run->column_count; i++) {
        if (output->run->columns[i] >= scan->column_count)
            continue;
        const struct athena_column *column = &scan->columns[output->run->columns[i]];
        if (column->key != ATHENA_COLUMN_DATA)
            continue;
        yyjson_val *value = record == NULL ? NULL : member(scan, record, column->source, &iterator);
        const enum athena_value_outcome outcome = athena_value_json(
            &output->worker->writer, output->vectors[i], output->row, &column->type, value);
        if (outcome != ATHENA_VALUE_OK)
            return outcome;
    }
    return ATHENA_VALUE_OK;
}

static bool put_json(const struct output *output, struct mr_slice line)
{
    struct worker *worker = output->worker;
    yyjson_val *record = read_record(worker, line, YYJSON_READ_BIGNUM_AS_RAW);
    if (record == NULL && !output->run->scan->ignore_malformed)
        return fail(worker, worker->piece,
                    "HIVE_CURSOR_ERROR: Row is not a valid JSON Object - JSONException");
    enum athena_value_outcome outcome = put_record(output, record);
    if (outcome == ATHENA_VALUE_RAW)
        outcome = put_record(output, read_record(worker, line, YYJSON_READ_NUMBER_AS_RAW));
    assert(outcome != ATHENA_VALUE_RAW);
    return outcome == ATHENA_VALUE_OK;
}

/* Cuts a line into at most `max` fields; quotes (OpenCSV) are taken off into worker->text. */
static size_t cut_fields(struct worker *worker, const struct athena_scan *scan,
                         struct mr_slice line, size_t max)
{
    size_t count = 0, i = 0;
    mr_buf_reset(&worker->text);
    mr_buf_reserve(&worker->text, line.len + 1); /* so that it never moves */
    while (count < max) {
        const size_t start = worker->text.len;
        bool inside = false;
        for (; i < line.len; i++) {
            const char byte = line.ptr[i];
            if (scan->escape != 0 && byte == scan->escape && i + 1 < line.len &&
                (byte != scan->quote || (inside && line.ptr[i + 1] == scan->quote)))
                i++;
            else if (scan->quote != 0 && byte == scan->quote) {
                inside = !inside;
                continue;
            } else if (!inside && byte == scan->delimiter) {
                break;
            }
            mr_buf_byte(&worker->text, line.ptr[i]);
        }
        worker->fields[count++] =
            mr_slice_make(worker->text.data + start, worker->text.len - start);
        if (i >= line.len)
            break;
        i++;
    }
    return count;
}

/* LazySimpleSerDe: fields as they come; the line is cut no further than is asked for. */
static bool put_delimited(const struct output *output, struct mr_slice line)
{
    const struct run *run = output->run;
    const struct athena_scan *scan = run->scan;
    struct mr_slice field;
    bool more = true;
    for (size_t i = 0; i < scan->column_count; i++) {
        if (scan->columns[i].key != ATHENA_COLUMN_DATA)
            continue;
        const bool there = more;
        if (more)
            more = athena_lazy_cut(&scan->lazy, 0, &line, &field);
        const size_t place = run->places[i];
        if (place == SIZE_MAX)
            continue;
        if (there)
            athena_lazy_put(&scan->lazy, &output->worker->writer, output->vectors[place],
                            output->row, &scan->columns[i].type, field, 1);
        else
            athena_value_null(output->vectors[place], output->row, &scan->columns[i].type);
    }
    return true;
}

/* OpenCSVSerde: an empty field of another type than string is no value; days and milliseconds since
 * 1970 are dates and timestamps. */
static bool put_csv_field(const struct output *output, size_t place, size_t index,
                          struct mr_slice text)
{
    struct worker *worker = output->worker;
    const struct athena_type *type = &output->run->scan->columns[index].type;
    duckdb_vector vector = output->vectors[place];
    int64_t number;
    if (type->kind <= ATHENA_DECIMAL && text.len == 0) {
        snprintf(worker->writer.message, sizeof worker->writer.message,
                 "HIVE_BAD_DATA: Error parsing field value '' for field %zu: For input string: "
                 "\"\"",
                 index);
        return false;
    }
    if ((type->kind == ATHENA_DATE || type->kind == ATHENA_TIMESTAMP) &&
        mr_slice_to_i64(text, &number) == MR_OK) {
        void *data = athena_duck.vector_get_data(vector);
        if (type->kind == ATHENA_DATE)
            ((int32_t *)data)[output->row] = (int32_t)number;
        else
            ((int64_t *)data)[output->row] = number * 1000;
        return true;
    }
    return athena_value_text(&worker->writer, vector, output->row, type, text) == ATHENA_VALUE_OK;
}

static bool put_csv(const struct output *output, struct mr_slice line)
{
    const struct athena_scan *scan = output->run->scan;
    struct worker *worker = output->worker;
    if (worker->fields == NULL)
        worker->fields = mr_calloc(scan->column_count + 1, sizeof *worker->fields);
    const size_t count = cut_fields(worker, scan, line, scan->column_count + 1);
    for (size_t i = 0; i < output->run->column_count; i++) {
        const size_t index = output->run->columns[i];
        if (index >= scan->column_count || scan->columns[index].key != ATHENA_COLUMN_DATA)
            continue;
        if (index >= count)
            athena_value_null(output->vectors[i], output->row, &scan->columns[index].type);
        else if (!put_csv_field(output, i, index, worker->fields[index]))
            return false;
    }
    return true;
}

static bool put_whole(const struct output *output, struct mr_slice line)
{
    const size_t place = output->run->places[0];
    return place == SIZE_MAX ||
           athena_value_text(&output->worker->writer, output->vectors[place], output->row,
                             &output->run->scan->columns[0].type, line) == ATHENA_VALUE_OK;
}

static bool put_line(const struct output *output, struct mr_slice line)
{
    switch (output->run->scan->format) {
    case ATHENA_FORMAT_AVRO:
    case ATHENA_FORMAT_JSON: return put_json(output, line);
    case ATHENA_FORMAT_DELIMITED: return put_delimited(output, line);
    case ATHENA_FORMAT_LINES: return put_whole(output, line);
    default: return put_csv(output, line);
    }
}

/* ---- the function ---- */

/* Opens the next piece of work. MR_END: there is none. */
static enum mr_status next_piece(struct run *run, struct worker *worker)
{
    struct athena_scan *scan = run->scan;
    const size_t index = atomic_fetch_add(&run->next_piece, 1);
    if (index >= scan->piece_count)
        return MR_END;
    const struct athena_piece *piece = &scan->pieces[index];
    int fd;
    struct mr_slice bytes;
    if (worker->reader == NULL)
        worker->reader = s3_snapshot_reader_new(scan->snapshot);
    enum mr_status status = s3_snapshot_read(worker->reader, &piece->object, &fd, &bytes);
    if (status != MR_OK) {
        fail(worker, piece, "HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split");
        return MR_INVALID;
    }
    worker->piece = piece;
    worker->line = 0;
    if (scan->format == ATHENA_FORMAT_AVRO) {
        status = athena_avro_open(&worker->avro, fd, bytes, scan->avro_fields);
        if (status != MR_OK)
            fail(worker, piece, "HIVE_BAD_DATA: Not a valid Avro file");
        atomic_fetch_add(&scan->bytes_read, piece->object.size);
        return status;
    }
    status = athena_lines_open(&worker->lines, fd, bytes, piece->packing, piece->from, piece->to);
    if (status != MR_OK)
        fail(worker, piece, worker->lines.message);
    return status;
}

static enum mr_status next_avro(struct run *run, struct worker *worker, struct mr_slice *ret_line)
{
    for (;;) {
        enum mr_status status = worker->piece == NULL ? next_piece(run, worker) : MR_OK;
        if (status != MR_OK)
            return status;
        status = athena_avro_next(&worker->avro, ret_line);
        if (status == MR_INVALID)
            fail(worker, worker->piece, "HIVE_BAD_DATA: Malformed Avro file");
        if (status != MR_END)
            return status;
        worker->piece = NULL;
    }
}

/* The next record, or line that is one. MR_END: the scan is over; others: the writer's message. */
static enum mr_status next_line(struct run *run, struct worker *worker, struct mr_slice *ret_line)
{
    if (run->scan->format == ATHENA_FORMAT_AVRO)
        return next_avro(run, worker, ret_line);
    for (;;) {
        if (worker->records.len > 0 && athena_records_next(&worker->records, ret_line))
            return MR_OK;
        worker->records = (struct mr_slice){0};
        if (worker->piece == NULL) {
            enum mr_status status = next_piece(run, worker);
            if (status != MR_OK)
                return status;
        }
        enum mr_status status = athena_lines_next(&worker->lines, ret_line);
        if (status == MR_OK) {
            if (worker->line++ < run->scan->header_lines || mr_slice_trim(*ret_line).len == 0)
                continue;
            if (!run->scan->records)
                return MR_OK;
            (void)athena_records_open(*ret_line, &worker->records);
            continue;
        }
        atomic_fetch_add(&run->scan->bytes_read, worker->lines.bytes_read);
        worker->lines.bytes_read = 0;
        athena_lines_close(&worker->lines);
        if (status != MR_END) {
            char message[200];
            snprintf(message, sizeof message, "HIVE_CURSOR_ERROR: %.150s", worker->lines.message);
            fail(worker, worker->piece, message);
            return status;
        }
        worker->piece = NULL;
    }
}

static void scan_run(duckdb_function_info info, duckdb_data_chunk chunk)
{
    struct run *run = athena_duck.function_get_init_data(info);
    struct worker *worker = athena_duck.function_get_local_init_data(info);
    struct output output = {.run = run, .worker = worker};
    const idx_t max = athena_duck.vector_size();
    worker->writer.moment_formats = run->scan->moment_formats;
    output.vectors = mr_calloc(run->column_count + 1, sizeof(duckdb_vector));
    for (size_t i = 0; i < run->column_count; i++)
        output.vectors[i] = athena_duck.data_chunk_get_vector(chunk, i);
    bool fine = true;
    while (fine && output.row < max) {
        struct mr_slice line;
        enum mr_status status = next_line(run, worker, &line);
        if (status == MR_END)
            break;
        fine = status == MR_OK && put_keys(&output) && put_line(&output, line);
        output.row++;
    }
    free(output.vectors);
    if (atomic_load(run->scan->cancelled))
        athena_duck.function_set_error(info, "INTERRUPT Error: cancelled");
    else if (!fine)
        athena_duck.function_set_error(info, worker->writer.message);
    athena_duck.data_chunk_set_size(chunk, fine ? output.row : 0);
}

enum mr_status athena_scan_register(duckdb_connection connection, struct athena_scans *scans)
{
    duckdb_table_function function = athena_duck.create_table_function();
    duckdb_logical_type id = athena_duck.create_logical_type(DUCKDB_TYPE_BIGINT);
    athena_duck.table_function_set_name(function, "mr_scan");
    athena_duck.table_function_add_parameter(function, id);
    athena_duck.table_function_set_extra_info(function, scans, NULL);
    athena_duck.table_function_set_bind(function, scan_bind);
    athena_duck.table_function_set_init(function, scan_init);
    athena_duck.table_function_set_local_init(function, scan_local_init);
    athena_duck.table_function_set_function(function, scan_run);
    athena_duck.table_function_supports_projection_pushdown(function, true);
    const duckdb_state state = athena_duck.register_table_function(connection, function);
    athena_duck.destroy_logical_type(&id);
    athena_duck.destroy_table_function(&function);
    return state == DuckDBSuccess ? MR_OK : MR_RAISE(MR_FAIL, "mr_scan cannot be registered");
}
