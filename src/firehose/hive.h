/* firehose/hive.h: the types of a Glue table's columns, and the values of JSON that fit them. */
#pragma once
#include "base/json.h"
#include "firehose/joda.h"

enum hive_kind {
    HIVE_BOOLEAN,
    HIVE_INT, /* tinyint, smallint, int: 32 bits */
    HIVE_BIGINT,
    HIVE_FLOAT,
    HIVE_DOUBLE,
    HIVE_DECIMAL,
    HIVE_STRING, /* string, varchar, char */
    HIVE_BINARY, /* base64 in JSON */
    HIVE_DATE,
    HIVE_TIMESTAMP,
    HIVE_STRUCT,
    HIVE_LIST, /* array */
    HIVE_MAP,
};
enum { HIVE_DEPTH_MAX = 16, HIVE_NAME_MAX = 255, HIVE_PRECISION_MAX = 38 };
struct hive_type {
    enum hive_kind kind;
    struct mr_slice name;       /* of the member, as the schema has it */
    int bits;                   /* HIVE_INT: 8, 16, 32 */
    int precision, scale;       /* HIVE_DECIMAL */
    struct hive_type *children; /* struct: members; list: the element; map: key, value */
    size_t child_count;
    const struct joda_formats *formats; /* HIVE_TIMESTAMP: of its texts; NULL: Hive's own */
    int id;                             /* Parquet's field_id; 0: none is written */
    bool micros;   /* HIVE_TIMESTAMP: 64 bits of microseconds instead of INT96 */
    bool zoned;    /* the same, of moments in UTC */
    bool required; /* it is never null */
};
/* MR_INVALID: no such type; `message` says which. */
MR_MUST_USE enum mr_status hive_type_parse(struct mr_arena *arena, struct mr_slice text,
                                           struct hive_type *ret_type, char message[static 512]);

__extension__ typedef __int128 hive_wide;

/* A value that is none of struct, list and map. */
struct hive_value {
    int64_t number; /* integers, booleans; days of a date; nanoseconds of the day of a timestamp */
    int64_t day;    /* timestamp: days since the epoch */
    double real;
    hive_wide decimal; /* unscaled */
    struct mr_slice text;
};
/* A timestamp as microseconds since the epoch. */
static inline int64_t hive_micros(const struct hive_value *value)
{
    return value->day * 86400000000 + value->number / 1000;
}
/* MR_INVALID: it does not fit; `message` says why. `value` is not null. */
MR_MUST_USE enum mr_status hive_value_read(struct mr_arena *arena, const struct hive_type *type,
                                           yyjson_val *value, struct hive_value *ret_value,
                                           char message[static 512]);
