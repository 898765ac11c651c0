/* athena/element.h: the schema of a Parquet object, element by element, as its footer has it. */
#pragma once
#include "athena/types.h"

enum { ATHENA_ELEMENTS_MAX = 100000 };
enum { /* Parquet's physical types */
       PARQUET_BOOLEAN = 0,
       PARQUET_INT32 = 1,
       PARQUET_INT64 = 2,
       PARQUET_INT96 = 3,
       PARQUET_FLOAT = 4,
       PARQUET_DOUBLE = 5,
       PARQUET_BYTES = 6,
       PARQUET_FIXED = 7,
};
enum { /* and converted ones */
       PARQUET_NONE = -1,
       PARQUET_UTF8 = 0,
       PARQUET_DECIMAL = 5,
       PARQUET_DATE = 6,
       PARQUET_TIME_MILLIS = 7,
       PARQUET_TIME_MICROS = 8,
       PARQUET_TIMESTAMP_MILLIS = 9,
       PARQUET_TIMESTAMP_MICROS = 10,
       PARQUET_INT_8 = 15,
       PARQUET_INT_16 = 16,
       PARQUET_INT_32 = 17,
       PARQUET_INT_64 = 18,
       PARQUET_INTERVAL = 21,
};
struct athena_element {
    struct mr_slice name; /* borrowed from the footer */
    int64_t physical, repetition, children, converted, scale, precision, id;
    bool logical; /* it has a logical type, too */
    bool local;   /* and that is a timestamp of no zone */
    bool strange; /* and that is of no type of Hive's: a time of day, a float of 16 bits */
};
/* Takes it off the front. */
bool athena_element_read(struct mr_slice *bytes, struct athena_element *element);
/* Takes off those that stand below one of so many children. */
bool athena_element_pass(struct mr_slice *bytes, int64_t children);
/* Whether a column of this type is read from it at all; of nested types not how they are made. */
bool athena_element_fits(const struct athena_element *element, const struct athena_type *type);
/* Parquet's word for its physical type. */
const char *athena_element_word(const struct athena_element *element);
/* What DuckDB makes of one at the top of a schema, binary taken as text. False: it is nested, or
 * not known. */
bool athena_element_sql(const struct athena_element *element, struct mr_buf *out);
