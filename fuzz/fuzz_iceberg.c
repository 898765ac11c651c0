/* An Iceberg table's metadata, manifest list or manifest from anyone: read or refused, and what was
 * read writes and reads again. The first byte says which of them it is. */
#include "iceberg/manifest.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_metadata(struct mr_arena *arena, struct mr_slice bytes)
{
    char message[512];
    struct iceberg_metadata first, second;
    struct mr_buf text = {0};
    if (iceberg_metadata_read(arena, bytes, &first, message) != MR_OK)
        return;
    (void)iceberg_schema_now(&first);
    iceberg_metadata_write(arena, &text, &first);
    require(iceberg_metadata_read(arena, mr_buf_slice(&text), &second, message) == MR_OK);
    require(second.snapshot_count == first.snapshot_count);
    mr_buf_fini(&text);
}

static void try_list(struct mr_arena *arena, struct mr_slice bytes)
{
    struct iceberg_manifest *first, *second;
    size_t count, again;
    struct mr_buf text = {0};
    const struct iceberg_list_head head = {.sync = "0123456789abcdef"};
    if (iceberg_manifests_read(arena, bytes, &first, &count) != MR_OK)
        return;
    iceberg_manifests_write(&text, &head, first, count);
    require(iceberg_manifests_read(arena, mr_buf_slice(&text), &second, &again) == MR_OK);
    require(again == count);
    mr_buf_fini(&text);
}

/* Of a table with a column of most kinds, partitioned by some. */
static const char table[] =
    "{\"format-version\":2,\"table-uuid\":\"u\",\"location\":\"s3://b/"
    "t\",\"last-sequence-number\":1,"
    "\"last-updated-ms\":1,\"last-column-id\":6,\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,"
    "\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"string\"},{\"id\":2,"
    "\"name\":"
    "\"b\",\"required\":false,\"type\":\"long\"},{\"id\":3,\"name\":\"c\",\"required\":false,"
    "\"type\":\"decimal(20, "
    "3)\"},{\"id\":4,\"name\":\"d\",\"required\":false,\"type\":\"timestamp\"},"
    "{\"id\":5,\"name\":\"e\",\"required\":false,\"type\":\"double\"}]}],\"current-schema-id\":0,"
    "\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"name\":\"a\",\"transform\":\"identity\","
    "\"source-id\":1,\"field-id\":1000},{\"name\":\"c\",\"transform\":\"identity\",\"source-id\":3,"
    "\"field-id\":1001},{\"name\":\"d_day\",\"transform\":\"day\",\"source-id\":4,\"field-id\":"
    "1002}]}]"
    ",\"default-spec-id\":0,\"last-partition-id\":1002,\"properties\":{},\"current-snapshot-id\":-"
    "1,"
    "\"snapshots\":[],\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"default-sort-order-id\":"
    "0}";

static void try_manifest(struct mr_arena *arena, struct mr_slice bytes)
{
    char message[512];
    struct iceberg_metadata metadata;
    struct iceberg_file *files, *second;
    struct iceberg_manifest line = {.sequence = 1, .snapshot_id = 1}, made;
    size_t count, again;
    struct mr_buf text = {0};
    require(iceberg_metadata_read(arena, mr_slice_cstr(table), &metadata, message) == MR_OK);
    if (iceberg_manifest_read(arena, bytes, &line, &metadata, &files, &count) != MR_OK)
        return;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < files[i].stats_count; j++) {
            const struct iceberg_stats *stats = &files[i].stats[j];
            const struct iceberg_field *field =
                iceberg_schema_by_id(iceberg_schema_now(&metadata), stats->field_id);
            if (field != NULL && stats->lower.ptr != NULL)
                (void)iceberg_value_text(arena, &field->type, stats->lower);
            if (field != NULL && stats->lower.ptr != NULL && stats->upper.ptr != NULL)
                (void)iceberg_value_compare(&field->type, stats->lower, stats->upper);
        }
    const struct iceberg_manifest_head head = {.metadata = &metadata,
                                               .spec = &metadata.specs[0],
                                               .snapshot_id = 1,
                                               .sequence = 1,
                                               .sync = "0123456789abcdef"};
    iceberg_manifest_write(arena, &text, &head, files, count, &made);
    require(iceberg_manifest_read(arena, mr_buf_slice(&text), &made, &metadata, &second, &again) ==
            MR_OK);
    require(again == count);
    mr_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    if (size == 0)
        return 0;
    const struct mr_slice bytes = mr_slice_make(data + 1, size - 1);
    mr_arena_init(&arena);
    switch (data[0] % 3) {
    case 0: try_metadata(&arena, bytes); break;
    case 1: try_list(&arena, bytes); break;
    default: try_manifest(&arena, bytes); break;
    }
    mr_arena_fini(&arena);
    return 0;
}
