#include "athena/element.h"
#include "base/compact.h"

enum { REPEATED = 2, TIMESTAMP_FIELD = 8 };

/* A timestamp's: 1 whether it is of a zone. */
static bool read_timestamp(struct mr_slice *bytes, bool *ret_local)
{
    uint64_t field = 0;
    int type;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        if (field == 1)
            *ret_local = type == MR_COMPACT_FALSE;
        if (!mr_compact_skip(bytes, type))
            return false;
    }
    return false;
}

static bool read_logical(struct mr_slice *bytes, struct athena_element *element)
{
    uint64_t field = 0;
    int type;
    element->logical = true;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        if (!(field == TIMESTAMP_FIELD && type == MR_COMPACT_STRUCT
                  ? read_timestamp(bytes, &element->local)
                  : mr_compact_skip(bytes, type)))
            return false;
    }
    return false;
}

static int64_t *number_of(struct athena_element *element, uint64_t field)
{
    switch (field) {
    case 1: return &element->physical;
    case 3: return &element->repetition;
    case 5: return &element->children;
    case 6: return &element->converted;
    case 7: return &element->scale;
    case 8: return &element->precision;
    case 9: return &element->id;
    default: return NULL;
    }
}

bool athena_element_read(struct mr_slice *bytes, struct athena_element *element)
{
    uint64_t field = 0;
    int type;
    *element = (struct athena_element){.physical = PARQUET_NONE, .converted = PARQUET_NONE};
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        int64_t *number = type == MR_COMPACT_I32 ? number_of(element, field) : NULL;
        const bool fine = number != NULL ? mr_compact_number(bytes, number)
                          : field == 4 && type == MR_COMPACT_BINARY
                              ? mr_compact_text(bytes, &element->name)
                          : field == 10 && type == MR_COMPACT_STRUCT ? read_logical(bytes, element)
                                                                     : mr_compact_skip(bytes, type);
        if (!fine)
            return false;
    }
    return false;
}

/* ---- DuckDB's words ---- */

static const char *word_of(const struct athena_element *element)
{
    switch (element->physical) {
    case PARQUET_BOOLEAN: return element->converted == PARQUET_NONE ? "BOOLEAN" : NULL;
    case PARQUET_FLOAT: return element->logical ? NULL : "FLOAT";
    case PARQUET_DOUBLE: return element->logical ? NULL : "DOUBLE";
    case PARQUET_INT32:
        switch (element->converted) {
        case PARQUET_NONE: return element->logical ? NULL : "INTEGER";
        case PARQUET_INT_8: return "TINYINT";
        case PARQUET_INT_16: return "SMALLINT";
        case PARQUET_INT_32: return "INTEGER";
        case PARQUET_DATE: return "DATE";
        default: return NULL;
        }
    case PARQUET_INT64:
        switch (element->converted) {
        case PARQUET_NONE: return element->logical ? NULL : "BIGINT";
        case PARQUET_INT_64: return "BIGINT";
        case PARQUET_TIMESTAMP_MILLIS:
        case PARQUET_TIMESTAMP_MICROS: return element->local ? "TIMESTAMP" : NULL;
        default: return NULL;
        }
    case PARQUET_BYTES:
        return element->converted == PARQUET_UTF8 ||
                       (element->converted == PARQUET_NONE && !element->logical)
                   ? "VARCHAR"
                   : NULL;
    default: return NULL;
    }
}

bool athena_element_sql(const struct athena_element *element, struct mr_buf *out)
{
    const bool number = element->physical == PARQUET_INT32 || element->physical == PARQUET_INT64 ||
                        element->physical == PARQUET_FIXED;
    if (element->children > 0 || element->repetition == REPEATED)
        return false;
    if (element->converted == PARQUET_DECIMAL && number) {
        mr_buf_printf(out, "DECIMAL(%lld,%lld)", (long long)element->precision,
                      (long long)element->scale);
        return true;
    }
    const char *word = word_of(element);
    if (word != NULL)
        mr_buf_append(out, mr_slice_cstr(word));
    return word != NULL;
}
