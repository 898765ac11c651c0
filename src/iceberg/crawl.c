/* Tables of Iceberg for Glue's crawlers, which ask who knows them. */
#include "iceberg/iceberg.h"
#include "iceberg/internal.h"

static enum mr_status describe(struct s3 *s3, struct mr_arena *arena,
                               const struct glue_iceberg_facts *facts, yyjson_val **ret_input,
                               char message[static 512])
{
    const struct iceberg ice = {.s3 = s3};
    struct iceberg_metadata metadata;
    struct mr_slice text;
    enum mr_status status = iceberg_object_read(&ice, arena, facts->metadata_location, &text);
    if (status == MR_NOT_FOUND || status == MR_INVALID)
        (void)snprintf(message, 512, "it cannot be read");
    if (status == MR_OK)
        status = iceberg_metadata_read(arena, text, &metadata, message);
    if (status != MR_OK)
        return status;
    const struct iceberg_glue_facts glue = {.name = facts->name,
                                            .location = facts->metadata_location,
                                            .previous = facts->previous,
                                            .before = facts->kept,
                                            .metadata = &metadata};
    *ret_input = iceberg_glue_input(arena, &glue);
    return MR_OK;
}

const struct glue_iceberg_engine iceberg_crawl_engine = {.describe = describe};
