/* glue/infer.h: the schema of JSON records: what types their members have, in Hive's words.
 *
 * A type widens as values are seen: int -> bigint -> double, anything that conflicts -> string,
 * null fits all. Members keep the order in which they were first seen; their names are lower case,
 * and two that differ in case are one. */
#pragma once
#include "base/json.h"

enum glue_kind {
    GLUE_NULL, /* nothing but null seen: shown as string */
    GLUE_BOOLEAN,
    GLUE_INT,
    GLUE_BIGINT,
    GLUE_DOUBLE,
    GLUE_STRING,
    GLUE_ARRAY,
    GLUE_STRUCT,
    GLUE_OTHER, /* one that JSON has not ("decimal(10,2)", "float"), in Hive's words */
};
enum { GLUE_TYPE_DEPTH = 32, GLUE_FIELDS_MAX = 10000 };

struct glue_field;
struct glue_type {
    enum glue_kind kind;
    struct glue_type *element; /* of GLUE_ARRAY; NULL: only empty ones seen */
    struct glue_field *fields; /* of GLUE_STRUCT */
    size_t field_count, field_capacity;
    struct mr_slice text; /* of GLUE_OTHER */
};
struct glue_field {
    struct mr_slice name;
    struct glue_type type;
};

/* Widens `type` (GLUE_NULL at first) so that it takes `value`, too. */
void glue_type_observe(struct mr_arena *arena, struct glue_type *type, yyjson_val *value);
/* Widens `type` so that it takes all that `other` does. Shares nothing with it afterwards but
 * names. */
void glue_type_merge(struct mr_arena *arena, struct glue_type *type, const struct glue_type *other);
void glue_type_print(struct mr_buf *buf, const struct glue_type *type);
/* Hive's words into a type. What is not one that observe makes becomes GLUE_OTHER. */
void glue_type_parse(struct mr_arena *arena, struct mr_slice text, struct glue_type *ret_type);
/* Field of a struct by its lower-case name; NULL: none. */
const struct glue_field *glue_type_field(const struct glue_type *type, struct mr_slice name);
