#include "iceberg/manifest.h"
#include <stdio.h>

/* ---- Avro's schemas ---- */

#define OPTIONAL(name, type, id) \
    ",{\"name\":\"" name "\",\"type\":[\"null\"," type "],\"default\":null,\"field-id\":" id "}"
#define REQUIRED(name, type, id) ",{\"name\":\"" name "\",\"type\":" type ",\"field-id\":" id "}"
/* A map whose keys are no strings: an array of pairs. */
#define PAIRS(key, value, type)                                                          \
    "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"k" key "_v" value     \
    "\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":" key "},{\"name\":" \
    "\"value\",\"type\":\"" type "\",\"field-id\":" value "}]},\"logicalType\":\"map\"}"

static const char list_schema[] =
    "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":["
    "{\"name\":\"manifest_path\",\"type\":\"string\",\"field-id\":500}" REQUIRED(
        "manifest_length", "\"long\"",
        "501") REQUIRED("partition_spec_id", "\"int\"",
                        "502") REQUIRED("content", "\"int\"",
                                        "517") REQUIRED("sequence_number", "\"long\"",
                                                        "515") REQUIRED("min_sequence_number",
                                                                        "\"long\"", "516")
        REQUIRED("added_snapshot_id", "\"long\"", "503") REQUIRED(
            "added_files_count", "\"int\"",
            "504") REQUIRED("existing_files_count", "\"int\"",
                            "505") REQUIRED("deleted_files_count", "\"int\"",
                                            "506") REQUIRED("added_rows_count", "\"long\"",
                                                            "512") REQUIRED("existing_rows_count",
                                                                            "\"long\"", "513")
            REQUIRED("deleted_rows_count", "\"long\"", "514") OPTIONAL(
                "partitions",
                "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"r508\",\"fields\":["
                "{\"name\":\"contains_null\",\"type\":\"boolean\",\"field-id\":509}" OPTIONAL(
                    "contains_nan", "\"boolean\"", "518")
                    OPTIONAL("lower_bound", "\"bytes\"", "510")
                        OPTIONAL("upper_bound", "\"bytes\"", "511") "]},\"element-id\":508}",
                "507") OPTIONAL("key_metadata", "\"bytes\"", "519") "]}";

static const char entry_head[] =
    "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["
    "{\"name\":\"status\",\"type\":\"int\",\"field-id\":0}" OPTIONAL("snapshot_id", "\"long\"", "1")
        OPTIONAL("sequence_number", "\"long\"", "3")
            OPTIONAL("file_sequence_number", "\"long\"",
                     "4") ",{\"name\":\"data_file\",\"type\":{\"type\":\"record\",\"name\":\"r2\","
                          "\"fields\":["
                          "{\"name\":\"content\",\"type\":\"int\",\"field-id\":134}" REQUIRED(
                              "file_path", "\"string\"", "100")
                              REQUIRED("file_format", "\"string\"",
                                       "101") ",{\"name\":\"partition\",\"type\":{\"type\":"
                                              "\"record\",\"name\":\"r102\",\"fields\":[";

static const char entry_tail[] = "]},\"field-id\":102}" REQUIRED("record_count", "\"long\"", "103")
    REQUIRED("file_size_in_bytes", "\"long\"",
             "104") OPTIONAL("column_sizes", PAIRS("117", "118", "long"),
                             "108") OPTIONAL("value_counts", PAIRS("119", "120", "long"), "109")
        OPTIONAL("null_value_counts", PAIRS("121", "122", "long"),
                 "110") OPTIONAL("nan_value_counts", PAIRS("138", "139", "long"), "137")
            OPTIONAL("lower_bounds", PAIRS("126", "127", "bytes"),
                     "125") OPTIONAL("upper_bounds", PAIRS("129", "130", "bytes"), "128")
                OPTIONAL("key_metadata", "\"bytes\"", "131")
                    OPTIONAL("split_offsets",
                             "{\"type\":\"array\",\"items\":\"long\",\"element-id\":133}", "132")
                        OPTIONAL("equality_ids",
                                 "{\"type\":\"array\",\"items\":\"int\",\"element-id\":136}", "135")
                            OPTIONAL("sort_order_id", "\"int\"", "140") "]},\"field-id\":2}]}";

/* Bytes of the shortest two's complement that holds so many decimal digits. */
static int decimal_bytes(int precision)
{
    iceberg_wide most = 1;
    int bytes = 1;
    for (int i = 0; i < precision; i++)
        most *= 10;
    while (bytes < 16 && most - 1 > ((iceberg_wide)1 << (8 * bytes - 1)) - 1)
        bytes++;
    return bytes;
}

static void append_partition_type(struct mr_buf *buf, const struct iceberg_type *type, int id)
{
    static const char *const plain[] = {
        [ICEBERG_BOOLEAN] = "\"boolean\"",
        [ICEBERG_INT] = "\"int\"",
        [ICEBERG_LONG] = "\"long\"",
        [ICEBERG_FLOAT] = "\"float\"",
        [ICEBERG_DOUBLE] = "\"double\"",
        [ICEBERG_DATE] = "{\"type\":\"int\",\"logicalType\":\"date\"}",
        [ICEBERG_TIME] = "{\"type\":\"long\",\"logicalType\":\"time-micros\"}",
        [ICEBERG_TIMESTAMP] = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\","
                              "\"adjust-to-utc\":false}",
        [ICEBERG_TIMESTAMPTZ] = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\","
                                "\"adjust-to-utc\":true}",
        [ICEBERG_STRING] = "\"string\"",
        [ICEBERG_BINARY] = "\"bytes\"",
    };
    if (type->kind == ICEBERG_DECIMAL)
        mr_buf_printf(buf,
                      "{\"type\":\"fixed\",\"name\":\"decimal_%d\",\"size\":%d,\"logicalType\":"
                      "\"decimal\",\"precision\":%d,\"scale\":%d}",
                      id, decimal_bytes(type->precision), type->precision, type->scale);
    else if (type->kind == ICEBERG_FIXED || type->kind == ICEBERG_UUID)
        mr_buf_printf(buf, "{\"type\":\"fixed\",\"name\":\"fixed_%d\",\"size\":%zu%s}", id,
                      type->kind == ICEBERG_UUID ? (size_t)16 : type->length,
                      type->kind == ICEBERG_UUID ? ",\"logicalType\":\"uuid\"" : "");
    else
        mr_buf_append(buf, mr_slice_cstr(plain[type->kind]));
}

/* Avro's names are letters, digits and '_'. */
static void append_name(struct mr_buf *buf, struct mr_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool digit = c >= '0' && c <= '9';
        if (i == 0 && digit)
            mr_buf_byte(buf, '_');
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || digit)
            mr_buf_byte(buf, c);
        else
            mr_buf_printf(buf, "_x%02X", (unsigned)(uint8_t)c);
    }
}

static struct mr_slice entry_schema(struct mr_arena *arena, const struct iceberg_spec *spec,
                                    const struct iceberg_type *types)
{
    struct mr_buf buf = {0};
    mr_buf_append(&buf, MR_S(entry_head));
    for (size_t i = 0; i < spec->count; i++) {
        mr_buf_append(&buf, i == 0 ? MR_S("{\"name\":\"") : MR_S(",{\"name\":\""));
        append_name(&buf, spec->fields[i].name);
        mr_buf_append(&buf, MR_S("\",\"type\":[\"null\","));
        append_partition_type(&buf, &types[i], spec->fields[i].field_id);
        mr_buf_printf(&buf, "],\"default\":null,\"field-id\":%d}", spec->fields[i].field_id);
    }
    mr_buf_append(&buf, MR_S(entry_tail));
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* ---- manifest lists ---- */

static void put_optional(struct mr_buf *buf, struct mr_slice bytes)
{
    avro_put_long(buf, bytes.ptr != NULL);
    if (bytes.ptr != NULL)
        avro_put_bytes(buf, bytes);
}

static void put_summaries(struct mr_buf *buf, const struct iceberg_manifest *line)
{
    avro_put_long(buf, line->fields != NULL);
    if (line->fields == NULL)
        return;
    if (line->field_count > 0)
        avro_put_long(buf, (int64_t)line->field_count);
    for (size_t i = 0; i < line->field_count; i++) {
        const struct iceberg_summary *field = &line->fields[i];
        mr_buf_byte(buf, field->has_null);
        avro_put_long(buf, 1);
        mr_buf_byte(buf, field->has_nan);
        put_optional(buf, field->lower);
        put_optional(buf, field->upper);
    }
    avro_put_long(buf, 0);
}

static struct mr_slice digits(struct mr_arena *arena, int64_t number)
{
    return mr_arena_printf(arena, "%lld", (long long)number);
}

void iceberg_manifests_write(struct mr_buf *buf, const struct iceberg_list_head *head,
                             const struct iceberg_manifest *list, size_t count)
{
    static const enum iceberg_entry_status order[] = {ICEBERG_ADDED, ICEBERG_EXISTING,
                                                      ICEBERG_DELETED};
    struct mr_buf records = {0};
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct avro_pair metadata[] = {
        {MR_S_INIT("format-version"), MR_S_INIT("2")},
        {MR_S_INIT("snapshot-id"), digits(&arena, head->snapshot_id)},
        {MR_S_INIT("parent-snapshot-id"),
         head->parent == -1 ? MR_S("null") : digits(&arena, head->parent)},
        {MR_S_INIT("sequence-number"), digits(&arena, head->sequence)},
    };
    for (size_t i = 0; i < count; i++) {
        avro_put_bytes(&records, list[i].path);
        avro_put_long(&records, list[i].bytes);
        avro_put_long(&records, list[i].spec_id);
        avro_put_long(&records, list[i].deletes);
        avro_put_long(&records, list[i].sequence);
        avro_put_long(&records, list[i].min_sequence);
        avro_put_long(&records, list[i].snapshot_id);
        for (size_t j = 0; j < 3; j++)
            avro_put_long(&records, list[i].files[order[j]]);
        for (size_t j = 0; j < 3; j++)
            avro_put_long(&records, list[i].rows[order[j]]);
        put_summaries(&records, &list[i]);
        avro_put_long(&records, 0); /* no key_metadata */
    }
    avro_write_head(buf, MR_S(list_schema), metadata, MR_COUNT(metadata), head->sync);
    avro_write_block(buf, mr_buf_slice(&records), count, head->sync);
    mr_buf_fini(&records);
    mr_arena_fini(&arena);
}

/* ---- manifests ---- */

static void put_partition(struct mr_buf *buf, const struct iceberg_type *type,
                          struct mr_slice value)
{
    avro_put_long(buf, value.ptr != NULL);
    if (value.ptr == NULL)
        return;
    switch (type->kind) {
    case ICEBERG_BOOLEAN: mr_buf_byte(buf, iceberg_value_i64(value) != 0); return;
    case ICEBERG_INT:
    case ICEBERG_LONG:
    case ICEBERG_DATE:
    case ICEBERG_TIME:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ: avro_put_long(buf, iceberg_value_i64(value)); return;
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE:
    case ICEBERG_FIXED:
    case ICEBERG_UUID: mr_buf_append(buf, value); return;
    case ICEBERG_DECIMAL: {
        const iceberg_wide wide = iceberg_value_wide(value);
        for (int i = decimal_bytes(type->precision) - 1; i >= 0; i--)
            mr_buf_byte(buf, (char)(wide >> (8 * i)));
        return;
    }
    default: avro_put_bytes(buf, value);
    }
}

/* One of the six maps: those columns that tell it. */
static void put_stats(struct mr_buf *buf, const struct iceberg_file *file, int which)
{
    struct mr_buf pairs = {0};
    size_t count = 0;
    for (size_t i = 0; i < file->stats_count; i++) {
        const struct iceberg_stats *s = &file->stats[i];
        const int64_t counts[] = {s->bytes, s->values, s->nulls, s->nans};
        const struct mr_slice bound = which == 4 ? s->lower : s->upper;
        if (which < 4 ? counts[which] < 0 : bound.ptr == NULL)
            continue;
        avro_put_long(&pairs, s->field_id);
        if (which < 4)
            avro_put_long(&pairs, counts[which]);
        else
            avro_put_bytes(&pairs, bound);
        count++;
    }
    avro_put_long(buf, count > 0);
    if (count > 0) {
        avro_put_long(buf, (int64_t)count);
        mr_buf_append(buf, mr_buf_slice(&pairs));
        avro_put_long(buf, 0);
    }
    mr_buf_fini(&pairs);
}

static void put_number(struct mr_buf *buf, int64_t number)
{
    avro_put_long(buf, number >= 0);
    if (number >= 0)
        avro_put_long(buf, number);
}

static void put_entry(struct mr_buf *buf, const struct iceberg_file *file,
                      const struct iceberg_type *types, size_t fields)
{
    avro_put_long(buf, file->status);
    put_number(buf, file->snapshot_id);
    put_number(buf, file->sequence);
    put_number(buf, file->file_sequence);
    avro_put_long(buf, file->content);
    avro_put_bytes(buf, file->path);
    avro_put_bytes(buf, file->format);
    for (size_t i = 0; i < fields; i++)
        put_partition(buf, &types[i], file->partition[i]);
    avro_put_long(buf, file->records);
    avro_put_long(buf, file->bytes);
    for (int which = 0; which < 6; which++)
        put_stats(buf, file, which);
    avro_put_long(buf, 0); /* no key_metadata */
    avro_put_long(buf, 0); /* no split_offsets */
    avro_put_long(buf, file->equality_count > 0);
    if (file->equality_count > 0) {
        avro_put_long(buf, (int64_t)file->equality_count);
        for (size_t i = 0; i < file->equality_count; i++)
            avro_put_long(buf, file->equality_ids[i]);
        avro_put_long(buf, 0);
    }
    put_number(buf, file->sort_order);
}

static void summarize(const struct iceberg_file *file, const struct iceberg_type *types,
                      struct iceberg_manifest *line)
{
    for (size_t i = 0; i < line->field_count; i++) {
        struct iceberg_summary *field = &line->fields[i];
        const struct mr_slice value = file->partition[i];
        const bool real = types[i].kind == ICEBERG_FLOAT || types[i].kind == ICEBERG_DOUBLE;
        const double number = real ? iceberg_value_double(value) : 0;
        if (value.ptr == NULL)
            field->has_null = true;
        else if (number != number)
            field->has_nan = true;
        else {
            if (field->lower.ptr == NULL ||
                iceberg_value_compare(&types[i], value, field->lower) < 0)
                field->lower = value;
            if (field->upper.ptr == NULL ||
                iceberg_value_compare(&types[i], value, field->upper) > 0)
                field->upper = value;
        }
    }
}

static void count_file(const struct iceberg_file *file, int64_t sequence_now,
                       struct iceberg_manifest *line)
{
    const int64_t sequence = file->sequence >= 0 ? file->sequence : sequence_now;
    line->files[file->status]++;
    line->rows[file->status] += file->records;
    if (file->status != ICEBERG_DELETED && sequence < line->min_sequence)
        line->min_sequence = sequence;
}

static struct mr_slice schema_text(struct mr_arena *arena, const struct iceberg_schema *schema)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    iceberg_schema_write(&json, schema);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static struct mr_slice spec_text(struct mr_arena *arena, const struct iceberg_spec *spec)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    for (size_t i = 0; i < spec->count; i++) {
        mr_json_object(&json);
        mr_json_key_string(&json, "name", spec->fields[i].name);
        mr_json_key_string(&json, "transform", iceberg_transform_text(arena, &spec->fields[i]));
        mr_json_key_int(&json, "source-id", spec->fields[i].source_id);
        mr_json_key_int(&json, "field-id", spec->fields[i].field_id);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

void iceberg_manifest_write(struct mr_arena *arena, struct mr_buf *buf,
                            const struct iceberg_manifest_head *head,
                            const struct iceberg_file *files, size_t count,
                            struct iceberg_manifest *ret_line)
{
    const struct iceberg_spec *spec = head->spec;
    const struct iceberg_schema *schema = iceberg_schema_now(head->metadata);
    struct iceberg_type *types = MR_NEW_ARRAY(arena, struct iceberg_type, spec->count + 1);
    for (size_t i = 0; i < spec->count; i++)
        types[i] = iceberg_partition_type(head->metadata, &spec->fields[i]);
    const struct avro_pair metadata[] = {
        {MR_S_INIT("schema"), schema_text(arena, schema)},
        {MR_S_INIT("schema-id"), digits(arena, schema->id)},
        {MR_S_INIT("partition-spec"), spec_text(arena, spec)},
        {MR_S_INIT("partition-spec-id"), digits(arena, spec->id)},
        {MR_S_INIT("format-version"), MR_S_INIT("2")},
        {MR_S_INIT("content"), head->deletes ? MR_S("deletes") : MR_S("data")},
    };
    struct iceberg_manifest line = {
        .spec_id = spec->id,
        .deletes = head->deletes,
        .sequence = head->sequence,
        .min_sequence = head->sequence,
        .snapshot_id = head->snapshot_id,
        .fields = MR_NEW_ARRAY(arena, struct iceberg_summary, spec->count + 1),
        .field_count = spec->count,
    };
    struct mr_buf records = {0};
    for (size_t i = 0; i < count; i++) {
        put_entry(&records, &files[i], types, spec->count);
        summarize(&files[i], types, &line);
        count_file(&files[i], head->sequence, &line);
    }
    avro_write_head(buf, entry_schema(arena, spec, types), metadata, MR_COUNT(metadata),
                    head->sync);
    avro_write_block(buf, mr_buf_slice(&records), count, head->sync);
    mr_buf_fini(&records);
    *ret_line = line;
}
