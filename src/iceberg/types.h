/* iceberg/types.h: Iceberg's schemas: types whose every field has an id that never changes;
 * partition transforms; and single values in the binary form of bounds and partitions. Pure. */
#pragma once
#include "base/json.h"

enum { ICEBERG_TYPE_DEPTH_MAX = 20, ICEBERG_FIELDS_MAX = 10000 };

enum iceberg_kind {
    ICEBERG_BOOLEAN,
    ICEBERG_INT,
    ICEBERG_LONG,
    ICEBERG_FLOAT,
    ICEBERG_DOUBLE,
    ICEBERG_DECIMAL,
    ICEBERG_DATE,
    ICEBERG_TIME,
    ICEBERG_TIMESTAMP,
    ICEBERG_TIMESTAMPTZ,
    ICEBERG_STRING,
    ICEBERG_UUID,
    ICEBERG_FIXED,
    ICEBERG_BINARY,
    ICEBERG_STRUCT,
    ICEBERG_LIST,
    ICEBERG_MAP
};
struct iceberg_type {
    enum iceberg_kind kind;
    int precision, scale;         /* ICEBERG_DECIMAL */
    size_t length;                /* ICEBERG_FIXED */
    struct iceberg_field *fields; /* members; a list's element; a map's key and value */
    size_t count;
};
struct iceberg_field {
    int id;
    struct mr_slice name;
    bool required;
    struct mr_slice doc; /* may be empty */
    struct iceberg_type type;
};
struct iceberg_schema {
    int id;
    struct iceberg_field *fields;
    size_t count;
    yyjson_val *identifiers; /* identifier-field-ids, or NULL */
};

/* MR_INVALID: not a schema of Iceberg's JSON. */
MR_MUST_USE enum mr_status iceberg_schema_read(struct mr_arena *arena, yyjson_val *json,
                                               struct iceberg_schema *ret_schema);
void iceberg_schema_write(struct mr_json *json, const struct iceberg_schema *schema);
/* A top-level field; NULL. Names in any case. */
const struct iceberg_field *iceberg_schema_find(const struct iceberg_schema *schema,
                                                struct mr_slice name);
/* At any depth. */
const struct iceberg_field *iceberg_schema_by_id(const struct iceberg_schema *schema, int id);
/* Hive's words for a type, as the Glue catalog has them. */
void iceberg_type_write_hive(struct mr_buf *buf, const struct iceberg_type *type);
/* "int", "decimal(9,2)": Iceberg's words for one that is not nested. */
struct mr_slice iceberg_type_name(struct mr_arena *arena, const struct iceberg_type *type);
/* A type in Hive's or Athena's words ("array<struct<a:int>>", "varchar(10)", "timestamp"). Ids are
 * drawn from *next_id, a level before the one below it. MR_INVALID: no such type. */
MR_MUST_USE enum mr_status iceberg_type_parse_hive(struct mr_arena *arena, struct mr_slice text,
                                                   int *next_id, struct iceberg_type *ret_type);

/* ---- transforms ---- */
enum iceberg_transform {
    ICEBERG_IDENTITY,
    ICEBERG_BUCKET,
    ICEBERG_TRUNCATE,
    ICEBERG_YEAR,
    ICEBERG_MONTH,
    ICEBERG_DAY,
    ICEBERG_HOUR,
    ICEBERG_VOID
};
struct iceberg_partition_field {
    int source_id, field_id;
    struct mr_slice name;
    enum iceberg_transform transform;
    int64_t parameter; /* of bucket and truncate */
};
struct iceberg_spec {
    int id;
    struct iceberg_partition_field *fields;
    size_t count;
};
MR_MUST_USE enum mr_status iceberg_transform_parse(struct mr_slice text,
                                                   struct iceberg_partition_field *field);
struct mr_slice iceberg_transform_text(struct mr_arena *arena,
                                       const struct iceberg_partition_field *field);
/* Can values of the type be transformed so? */
bool iceberg_transform_fits(const struct iceberg_partition_field *field,
                            const struct iceberg_type *type);
/* What comes of it. */
struct iceberg_type iceberg_transform_result(const struct iceberg_partition_field *field,
                                             const struct iceberg_type *type);
/* `value` in the form below; ptr NULL: null, and so is the result. */
struct mr_slice iceberg_transform_apply(struct mr_arena *arena,
                                        const struct iceberg_partition_field *field,
                                        const struct iceberg_type *type, struct mr_slice value);
/* A partition's value as people write it ("2026-07-03", "16"), for names of folders and
 * $partitions.
 */
struct mr_slice iceberg_transform_show(struct mr_arena *arena,
                                       const struct iceberg_partition_field *field,
                                       const struct iceberg_type *type, struct mr_slice value);

/* ---- single values ----
 * Iceberg's binary form: a boolean is a byte; int and date 4, long, time and timestamps 8 bytes,
 * float 4 and double 8, little-endian; a decimal its unscaled value, big-endian, as short as it can
 * be; string, uuid, fixed and binary their bytes. */
__extension__ typedef __int128 iceberg_wide;
__extension__ typedef unsigned __int128 iceberg_uwide;
struct mr_slice iceberg_value_number(struct mr_arena *arena, const struct iceberg_type *type,
                                     int64_t number);
struct mr_slice iceberg_value_real(struct mr_arena *arena, const struct iceberg_type *type,
                                   double real);
struct mr_slice iceberg_value_decimal(struct mr_arena *arena, iceberg_wide unscaled);
/* Of boolean, int, long, date, time, timestamps; 0 when it has no such length. An int is read as a
 * long's, too: types get wider. */
int64_t iceberg_value_i64(struct mr_slice value);
iceberg_wide iceberg_value_wide(struct mr_slice value);
double iceberg_value_double(struct mr_slice value);
/* < 0, 0, > 0 as the type orders. Both are not null. */
int iceberg_value_compare(const struct iceberg_type *type, struct mr_slice a, struct mr_slice b);
/* As text: "2026-07-03 10:11:12.000000", "1.50"; binary in base64. */
struct mr_slice iceberg_value_text(struct mr_arena *arena, const struct iceberg_type *type,
                                   struct mr_slice value);
