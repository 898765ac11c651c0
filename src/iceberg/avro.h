/* iceberg/avro.h: Avro object container files: Iceberg's metadata, and tables of Avro (athena).
 *
 * Reading is by the schema in the file's header: values come as trees, whose record fields are
 * found by Iceberg's field ids, so what other writers left out, added or put in another order does
 * no harm. Nothing in the bytes is trusted. Codecs: null, deflate, snappy and zstandard. Pure:
 * bytes in memory. */
#pragma once
#include "base/json.h"

enum {
    AVRO_DEPTH_MAX = 24,             /* of schemas, and so of values */
    AVRO_TYPES_MAX = 10000,          /* nodes of one schema, references followed */
    AVRO_NAMED_MAX = 1000,           /* named types of one schema */
    AVRO_VALUES_MAX = 4000000,       /* of one record */
    AVRO_FILE_VALUES_MAX = 32000000, /* of all records of a file */
    AVRO_INFLATED_MAX = 256 << 20,   /* bytes of all blocks of a file */
};
enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_RECORD,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION,
    AVRO_FIXED
};
struct avro_type {
    enum avro_kind kind;
    struct mr_slice name;       /* of a named type */
    struct avro_type *children; /* fields, branches, the element */
    int *ids;                   /* Iceberg's ids of the fields; -1: none */
    struct mr_slice *names;     /* of the fields */
    yyjson_val *json;           /* as the schema has it; NULL: one word */
    size_t count;
    size_t size;   /* of AVRO_FIXED */
    size_t weight; /* nodes in it */
    int height;
};
struct avro_value {
    enum avro_kind kind; /* never AVRO_UNION: it is the branch's */
    int64_t number;      /* boolean, int, long, enum */
    double real;
    struct mr_slice bytes;
    struct avro_value *items;     /* of a record: as many as the type has fields */
    size_t count;                 /* of a map: names and values by turns */
    const struct avro_type *type; /* never of AVRO_UNION; NULL: a map's name */
};

enum avro_codec { AVRO_PLAIN, AVRO_DEFLATE, AVRO_SNAPPY, AVRO_ZSTANDARD };
struct avro_reader {
    struct mr_arena *arena;  /* of the header and of blocks */
    struct mr_arena *blocks; /* another one of blocks, emptied for each; limits are of each then */
    struct avro_type schema;
    struct mr_slice rest, block; /* of the file; of the block in work */
    char sync[16];
    int64_t left;            /* records in the block */
    size_t inflated, values; /* so far, of the whole file */
    enum avro_codec codec;
    const struct mr_slice *metadata; /* names and values by turns */
    size_t metadata_count;
};
/* `bytes` and the arena outlive the reader. MR_INVALID: damaged, or of a codec that is not read. */
MR_MUST_USE enum mr_status avro_open(struct avro_reader *reader, struct mr_arena *arena,
                                     struct mr_slice bytes);
struct mr_slice avro_metadata(const struct avro_reader *reader, const char *name);
/* The next record, in the arena given. MR_END; MR_INVALID. */
MR_MUST_USE enum mr_status avro_next(struct avro_reader *reader, struct mr_arena *arena,
                                     struct avro_value *ret_value);
/* The field of a record by its id (and the name, for id 0); NULL: absent or null. */
const struct avro_value *avro_field(const struct avro_value *record, int id);

/* ---- writing ---- */
struct avro_pair {
    struct mr_slice name, value;
};
void avro_write_head(struct mr_buf *buf, struct mr_slice schema, const struct avro_pair *metadata,
                     size_t count, const char sync[static 16]);
/* A block of `count` records, deflated. */
void avro_write_block(struct mr_buf *buf, struct mr_slice records, size_t count,
                      const char sync[static 16]);
void avro_put_long(struct mr_buf *buf, int64_t value);
void avro_put_bytes(struct mr_buf *buf, struct mr_slice bytes);
