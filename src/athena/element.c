#include "athena/element.h"
#include "base/compact.h"

enum { REPEATED = 2, TIME_FIELD = 7, TIMESTAMP_FIELD = 8, FLOAT16_FIELD = 15 };

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
        element->strange = element->strange || field == TIME_FIELD || field == FLOAT16_FIELD;
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

bool athena_element_pass(struct mr_slice *bytes, int64_t children)
{
    struct athena_element element;
    for (int64_t left = children; left > 0; left--) {
        if (!athena_element_read(bytes, &element))
            return false;
        if (element.children > 0)
            left += element.children <= ATHENA_ELEMENTS_MAX ? element.children : 0;
    }
    return true;
}

/* ---- what is read from it ---- */

/* A writer may have told what it means by a logical type alone, which is not looked into. */
static bool may_be_decimal(const struct athena_element *element)
{
    return element->converted == PARQUET_DECIMAL ||
           (element->converted == PARQUET_NONE && element->logical);
}

static bool is_strange(const struct athena_element *element)
{
    return element->strange || element->converted == PARQUET_TIME_MILLIS ||
           element->converted == PARQUET_TIME_MICROS || element->converted == PARQUET_INTERVAL;
}

/* AWS: integers become wider, float becomes double, decimals get another scale; nothing else
 * becomes anything else. */
bool athena_element_fits(const struct athena_element *element, const struct athena_type *type)
{
    const int64_t physical = element->physical;
    const bool nested =
        type->kind == ATHENA_ARRAY || type->kind == ATHENA_MAP || type->kind == ATHENA_STRUCT;
    const bool integer = physical == PARQUET_INT32 || physical == PARQUET_INT64;
    const bool bytes = physical == PARQUET_BYTES || physical == PARQUET_FIXED;
    if (nested || element->children > 0 || element->repetition == REPEATED)
        return nested && (element->children > 0 || element->repetition == REPEATED);
    if (is_strange(element))
        return false;
    switch (type->kind) {
    case ATHENA_BOOLEAN: return physical == PARQUET_BOOLEAN;
    case ATHENA_TINYINT:
    case ATHENA_SMALLINT:
    case ATHENA_INT:
    case ATHENA_BIGINT: return integer || (bytes && may_be_decimal(element) && element->scale == 0);
    case ATHENA_FLOAT: return physical == PARQUET_FLOAT;
    case ATHENA_DOUBLE: return physical == PARQUET_DOUBLE || physical == PARQUET_FLOAT;
    case ATHENA_DECIMAL:
        return ((integer || bytes) && may_be_decimal(element)) ||
               (physical == PARQUET_INT32 && type->scale == 0);
    case ATHENA_DATE: return physical == PARQUET_INT32;
    case ATHENA_TIMESTAMP: return physical == PARQUET_INT64 || physical == PARQUET_INT96;
    default: return bytes;
    }
}

const char *athena_element_word(const struct athena_element *element)
{
    static const char *const words[] = {"BOOLEAN", "INT32",  "INT64",  "INT96",
                                        "FLOAT",   "DOUBLE", "BINARY", "FIXED_LEN_BYTE_ARRAY"};
    if (element->children > 0 || element->physical < 0 ||
        element->physical >= (int64_t)MR_COUNT(words))
        return "GROUP";
    return words[element->physical];
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
