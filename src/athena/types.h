/* athena/types.h: Hive's column types, as the catalog spells them. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum athena_type_kind {
    ATHENA_BOOLEAN,
    ATHENA_TINYINT,
    ATHENA_SMALLINT,
    ATHENA_INT,
    ATHENA_BIGINT,
    ATHENA_FLOAT,
    ATHENA_DOUBLE,
    ATHENA_DECIMAL,
    ATHENA_STRING, /* varchar and char, too; see length */
    ATHENA_DATE,
    ATHENA_TIMESTAMP,
    ATHENA_BINARY,
    ATHENA_ARRAY,
    ATHENA_MAP,
    ATHENA_STRUCT,
};
struct athena_type {
    enum athena_type_kind kind;
    int precision, scale;        /* of ATHENA_DECIMAL */
    int length;                  /* of varchar(n) and char(n); 0: any */
    bool padded;                 /* char(n) */
    struct athena_type *element; /* of an array; a map's value */
    struct athena_type *key;     /* a map's key */
    struct mr_slice *names;      /* of a struct's fields */
    struct athena_type *fields;
    size_t field_count;
};
/* "struct<a:int,b:array<string>>"; Athena's words (varchar, integer) as well. MR_INVALID: none of
 * them. */
MR_MUST_USE enum mr_status athena_type_parse(struct mr_arena *arena, struct mr_slice text,
                                             struct athena_type *ret_type);
