/* An Avro object file from anyone as a table's object: refused, or each record is an object in JSON
 * until the file ends or turns out to be damaged; and what a crawler finds has types. */
#include "athena/avro_rows.h"
#include "glue/avro.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char table[] =
    "[{\"name\":\"new\",\"type\":\"int\",\"aliases\":[\"id\",\"s\"],\"default\":1},"
    "{\"name\":\"late\",\"type\":{\"type\":\"array\",\"items\":\"int\"},\"default\":[1]}]";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct athena_avro avro = {0};
    struct mr_slice line;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *fields = mr_json_parse(&arena, MR_S(table), MR_JSON_DEPTH_MAX);
    enum mr_status status =
        athena_avro_open(&avro, -1, mr_slice_make((const char *)data, size), fields);
    for (int i = 0; status == MR_OK && i < 1000; i++) {
        status = athena_avro_next(&avro, &line);
        if (status == MR_OK && !yyjson_is_obj(mr_json_parse(&arena, line, MR_JSON_DEPTH_MAX)))
            abort();
    }
    athena_avro_close(&avro);
    struct lake_shape shape;
    const struct mr_slice bytes = mr_slice_make((const char *)data, size);
    if (glue_avro_shape(&arena, bytes, size, &shape) == MR_OK && shape.type.field_count == 0)
        abort();
    mr_arena_fini(&arena);
    return 0;
}
