#include "iceberg/manifest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

static const char sync_mark[16] = "0123456789abcdef";

static struct iceberg_metadata make_metadata(struct mr_arena *arena)
{
    char message[512];
    struct iceberg_metadata metadata;
    const struct mr_slice text = MR_S(
        "{\"format-version\":2,\"table-uuid\":\"u\",\"location\":\"s3://b/t\","
        "\"last-sequence-number\":3,\"last-updated-ms\":5,\"last-column-id\":6,"
        "\"current-schema-id\":0,\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,\"fields\":["
        "{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"},"
        "{\"id\":2,\"name\":\"at\",\"required\":false,\"type\":\"timestamp\"},"
        "{\"id\":3,\"name\":\"tags\",\"required\":false,\"type\":{\"type\":\"list\","
        "\"element-id\":4,\"element\":\"decimal(9, 2)\",\"element-required\":false}}]}],"
        "\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"name\":\"at_"
        "day\","
        "\"transform\":\"day\",\"source-id\":2,\"field-id\":1000},{\"name\":\"id_bucket\","
        "\"transform\":\"bucket[16]\",\"source-id\":1,\"field-id\":1001}]}],"
        "\"last-partition-id\":1001,\"default-sort-order-id\":0,\"sort-orders\":[],"
        "\"properties\":{\"a\":\"b\"},\"current-snapshot-id\":-1,\"snapshots\":[],"
        "\"snapshot-log\":[],\"metadata-log\":[],\"refs\":{}}");
    assert_int_equal(iceberg_metadata_read(arena, text, &metadata, message), MR_OK);
    return metadata;
}

static void a_manifest_reads_back_as_it_was_written(void **state)
{
    (void)state;
    struct mr_arena arena;
    struct mr_buf buf = {0};
    mr_arena_init(&arena);
    const struct iceberg_metadata metadata = make_metadata(&arena);
    const struct iceberg_type date = {.kind = ICEBERG_DATE}, number = {.kind = ICEBERG_INT};
    struct mr_slice partition[] = {iceberg_value_number(&arena, &date, -3), {0}};
    struct mr_slice other[] = {{0}, iceberg_value_number(&arena, &number, 7)};
    struct iceberg_stats stats[] = {{1, 100, 10, 0, -1, MR_S_INIT("aaaaaaaa"), {0}},
                                    {3, 20, 11, 1, 2, {0}, MR_S_INIT("b")}};
    int ids[] = {1};
    const struct iceberg_file files[] = {
        {.path = MR_S_INIT("s3://b/t/data/1"),
         .format = MR_S_INIT("PARQUET"),
         .records = 10,
         .bytes = 1234,
         .partition = partition,
         .stats = stats,
         .stats_count = 2,
         .status = ICEBERG_ADDED,
         .snapshot_id = 9,
         .sequence = -1,
         .file_sequence = -1,
         .sort_order = -1},
        {.path = MR_S_INIT("s3://b/t/data/2"),
         .format = MR_S_INIT("PARQUET"),
         .records = 1,
         .bytes = 12,
         .partition = other,
         .status = ICEBERG_EXISTING,
         .snapshot_id = 8,
         .sequence = 2,
         .file_sequence = 2,
         .content = ICEBERG_EQUALITY_DELETES,
         .equality_ids = ids,
         .equality_count = 1,
         .sort_order = 0},
    };
    const struct iceberg_manifest_head head = {.metadata = &metadata,
                                               .spec = metadata.specs,
                                               .snapshot_id = 9,
                                               .sequence = 4,
                                               .sync = sync_mark};
    struct iceberg_manifest line;
    iceberg_manifest_write(&arena, &buf, &head, files, 2, &line);
    assert_int_equal(line.files[ICEBERG_ADDED], 1);
    assert_int_equal(line.rows[ICEBERG_EXISTING], 1);
    assert_int_equal(line.min_sequence, 2);
    assert_true(line.fields[0].has_null && line.fields[1].has_null);
    assert_int_equal(iceberg_value_i64(line.fields[0].lower), -3);
    struct iceberg_file *read;
    size_t count;
    assert_int_equal(
        iceberg_manifest_read(&arena, mr_buf_slice(&buf), &line, &metadata, &read, &count), MR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(read[0].sequence, 4); /* inherited */
    assert_int_equal(read[1].sequence, 2);
    assert_int_equal(iceberg_value_i64(read[0].partition[0]), -3);
    assert_null(read[0].partition[1].ptr);
    assert_int_equal(read[0].stats_count, 2);
    assert_int_equal(read[0].stats[0].nulls, 0);
    assert_int_equal(read[0].stats[0].nans, -1);
    assert_int_equal(read[0].stats[1].upper.len, 1);
    assert_int_equal(read[1].equality_ids[0], 1);
    assert_int_equal(read[1].content, ICEBERG_EQUALITY_DELETES);
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

/* Whatever is cut off or flipped: an answer, and no byte beyond the input is touched. */
static void damaged_manifests_are_refused_or_read_never_worse(void **state)
{
    (void)state;
    struct mr_arena arena;
    struct mr_buf buf = {0};
    mr_arena_init(&arena);
    const struct iceberg_list_head head = {
        .snapshot_id = 1, .parent = -1, .sequence = 1, .sync = sync_mark};
    struct iceberg_manifest lines[50], *read;
    size_t count;
    for (size_t i = 0; i < MR_COUNT(lines); i++)
        lines[i] = (struct iceberg_manifest){.path = MR_S_INIT("s3://b/t/m.avro"), .bytes = 7};
    iceberg_manifests_write(&buf, &head, lines, MR_COUNT(lines));
    assert_int_equal(iceberg_manifests_read(&arena, mr_buf_slice(&buf), &read, &count), MR_OK);
    assert_int_equal(count, MR_COUNT(lines));
    uint32_t draw = 1;
    for (int i = 0; i < 3000; i++) {
        struct mr_arena each;
        mr_arena_init(&each);
        draw = draw * 1664525u + 1013904223u;
        char *copy = mr_malloc(buf.len);
        memcpy(copy, buf.data, buf.len);
        copy[(draw >> 8) % buf.len] = (char)(draw >> 3);
        const size_t len = i % 2 == 0 ? buf.len : (draw >> 5) % buf.len;
        (void)!iceberg_manifests_read(&each, mr_slice_make(copy, len), &read, &count);
        free(copy);
        mr_arena_fini(&each);
    }
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

/* Each block is small enough by itself. */
static void blocks_that_unpack_to_too_much_together_are_refused(void **state)
{
    (void)state;
    const size_t len = AVRO_INFLATED_MAX / 2 - 16;
    struct avro_reader reader;
    struct avro_value record;
    struct mr_arena arena;
    struct mr_buf file = {0}, block = {0}, records = {0};
    mr_arena_init(&arena);
    char *zeros = mr_calloc(1, len);
    avro_put_bytes(&records, mr_slice_make(zeros, len));
    free(zeros);
    avro_write_head(&file,
                    MR_S("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\","
                         "\"type\":\"bytes\"}]}"),
                    NULL, 0, sync_mark);
    avro_write_block(&block, mr_buf_slice(&records), 1, sync_mark);
    for (int i = 0; i < 3; i++)
        mr_buf_append(&file, mr_buf_slice(&block));
    assert_in_range(file.len, 1, 1 << 20);
    assert_int_equal(avro_open(&reader, &arena, mr_buf_slice(&file)), MR_OK);
    assert_int_equal(avro_next(&reader, &arena, &record), MR_OK);
    assert_int_equal(avro_next(&reader, &arena, &record), MR_OK);
    assert_int_equal(avro_next(&reader, &arena, &record), MR_INVALID);
    mr_arena_fini(&arena);
    mr_buf_fini(&records);
    mr_buf_fini(&block);
    mr_buf_fini(&file);
}

/* A file of one block, of one record of one field of bytes, as other writers pack it. */
static void write_packed(struct mr_buf *file, const char *codec, struct mr_slice block)
{
    mr_buf_reset(file);
    mr_buf_append(file, MR_S("Obj\x01"));
    avro_put_long(file, 2);
    avro_put_bytes(file, MR_S("avro.codec"));
    avro_put_bytes(file, mr_slice_cstr(codec));
    avro_put_bytes(file, MR_S("avro.schema"));
    avro_put_bytes(file, MR_S("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\","
                              "\"field-id\":5,\"type\":\"bytes\"}]}"));
    avro_put_long(file, 0);
    mr_buf_append(file, mr_slice_make(sync_mark, 16));
    avro_put_long(file, 1);
    avro_put_bytes(file, block);
    mr_buf_append(file, mr_slice_make(sync_mark, 16));
}

static enum mr_status read_packed(struct mr_buf *file, struct mr_slice want)
{
    struct avro_reader reader;
    struct avro_value record;
    struct mr_arena arena;
    mr_arena_init(&arena);
    enum mr_status status = avro_open(&reader, &arena, mr_buf_slice(file));
    if (status == MR_OK)
        status = avro_next(&reader, &arena, &record);
    if (status == MR_OK) {
        const struct avro_value *field = avro_field(&record, 5);
        assert_non_null(field);
        assert_true(mr_slice_equal(field->bytes, want));
        assert_int_equal(avro_next(&reader, &arena, &record), MR_END);
    }
    mr_arena_fini(&arena);
    return status;
}

static size_t pack_snappy(struct mr_slice plain, char *room)
{
    size_t len = snappy_max_compressed_length(plain.len);
    const uLong sum = crc32(0, (const Bytef *)plain.ptr, (uInt)plain.len);
    assert_int_equal(snappy_compress(plain.ptr, plain.len, room, &len), SNAPPY_OK);
    for (int i = 0; i < 4; i++)
        room[len++] = (char)(sum >> (24 - 8 * i));
    return len;
}

static void blocks_are_unpacked_or_refused_when_they_are_damaged(void **state)
{
    (void)state;
    static char text[200000], room[300000];
    struct mr_buf file = {0}, record = {0};
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)("lake"[i % 4] + (int)(i / 50000));
    const struct mr_slice want = mr_slice_make(text, sizeof text);
    avro_put_bytes(&record, want);
    for (int zstd = 0; zstd < 2; zstd++) {
        const char *codec = zstd ? "zstandard" : "snappy";
        const size_t len = zstd ? ZSTD_compress(room, sizeof room, record.data, record.len, 3)
                                : pack_snappy(mr_buf_slice(&record), room);
        assert_in_range(len, 1, sizeof text);
        write_packed(&file, codec, mr_slice_make(room, len));
        assert_int_equal(read_packed(&file, want), MR_OK);
        for (size_t cut = 0; cut < len; cut += cut < 20 ? 1 : 997) {
            write_packed(&file, codec, mr_slice_make(room, cut));
            assert_int_equal(read_packed(&file, want), MR_INVALID);
        }
    }
    const size_t len = pack_snappy(mr_buf_slice(&record), room);
    room[len - 1] ^= 1;
    write_packed(&file, "snappy", mr_slice_make(room, len));
    assert_int_equal(read_packed(&file, want), MR_INVALID);
    write_packed(&file, "bzip2", mr_slice_make(room, len));
    assert_int_equal(read_packed(&file, want), MR_INVALID);
    mr_buf_fini(&record);
    mr_buf_fini(&file);
}

static void metadata_keeps_what_it_was(void **state)
{
    (void)state;
    struct mr_arena arena;
    struct mr_buf first = {0}, second = {0};
    char message[512];
    struct iceberg_metadata again;
    mr_arena_init(&arena);
    struct iceberg_metadata metadata = make_metadata(&arena);
    const struct iceberg_snapshot snapshot = {.id = 77,
                                              .parent = -1,
                                              .sequence = 4,
                                              .timestamp_ms = 6,
                                              .schema_id = 0,
                                              .manifest_list = MR_S_INIT("s3://b/t/l.avro")};
    iceberg_metadata_add_snapshot(&arena, &metadata, &snapshot);
    assert_int_equal(iceberg_metadata_unpartitioned(&arena, &metadata), 1);
    iceberg_metadata_write(&arena, &first, &metadata);
    assert_int_equal(iceberg_metadata_read(&arena, mr_buf_slice(&first), &again, message), MR_OK);
    assert_int_equal(again.current_snapshot, 77);
    assert_int_equal(again.last_sequence, 4);
    assert_int_equal(again.spec_count, 2);
    iceberg_metadata_write(&arena, &second, &again);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    mr_buf_fini(&first);
    mr_buf_fini(&second);
    mr_arena_fini(&arena);
}

/* The hashes are those that Iceberg's specification lists. */
static void transforms_give_what_the_specification_says(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct iceberg_type number = {.kind = ICEBERG_INT}, text = {.kind = ICEBERG_STRING},
                              moment = {.kind = ICEBERG_TIMESTAMP}, day = {.kind = ICEBERG_DATE};
    struct iceberg_partition_field field = {.transform = ICEBERG_BUCKET, .parameter = INT32_MAX};
    const int64_t hash34 = 2017239379, hash_iceberg = 1210000089;
    assert_int_equal(iceberg_value_i64(iceberg_transform_apply(
                         &arena, &field, &number, iceberg_value_number(&arena, &number, 34))),
                     hash34 % INT32_MAX);
    assert_int_equal(
        iceberg_value_i64(iceberg_transform_apply(&arena, &field, &text, MR_S("iceberg"))),
        hash_iceberg % INT32_MAX);
    field = (struct iceberg_partition_field){.transform = ICEBERG_TRUNCATE, .parameter = 10};
    assert_int_equal(iceberg_value_i64(iceberg_transform_apply(
                         &arena, &field, &number, iceberg_value_number(&arena, &number, -1))),
                     -10);
    field.transform = ICEBERG_DAY;
    const struct mr_slice before = iceberg_value_number(&arena, &moment, -1);
    assert_int_equal(iceberg_value_i64(iceberg_transform_apply(&arena, &field, &moment, before)),
                     -1);
    field.transform = ICEBERG_MONTH;
    const struct mr_slice date = iceberg_value_number(&arena, &day, 31);
    const struct mr_slice month = iceberg_transform_apply(&arena, &field, &day, date);
    assert_int_equal(iceberg_value_i64(month), 1);
    assert_true(
        mr_slice_equal(iceberg_transform_show(&arena, &field, &day, month), MR_S("1970-02")));
    assert_int_equal(iceberg_value_decimal(&arena, 127).len, 1);
    assert_int_equal(iceberg_value_decimal(&arena, 128).len, 2);
    assert_true(iceberg_value_wide(iceberg_value_decimal(&arena, -129)) == -129);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_reads_back_as_it_was_written),
        cmocka_unit_test(damaged_manifests_are_refused_or_read_never_worse),
        cmocka_unit_test(blocks_that_unpack_to_too_much_together_are_refused),
        cmocka_unit_test(blocks_are_unpacked_or_refused_when_they_are_damaged),
        cmocka_unit_test(metadata_keeps_what_it_was),
        cmocka_unit_test(transforms_give_what_the_specification_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
