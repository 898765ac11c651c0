/* athena/sqltype.h: Trino's types, as an expression has them before anything runs.
 *
 * A type lives in an arena and never changes. NULL stands for a type that is not known here; what
 * depends on it is then left to DuckDB. */
#pragma once
#include "athena/ast.h"
#include "athena/types.h"

enum athena_sql_kind {
    SQL_UNKNOWN, /* of NULL */
    SQL_BOOLEAN,
    SQL_TINYINT,
    SQL_SMALLINT,
    SQL_INTEGER,
    SQL_BIGINT,
    SQL_DECIMAL,
    SQL_REAL,
    SQL_DOUBLE,
    SQL_CHAR,
    SQL_VARCHAR,
    SQL_VARBINARY,
    SQL_DATE,
    SQL_TIME,
    SQL_TIME_TZ, /* see translate_time.c */
    SQL_TIMESTAMP,
    SQL_TIMESTAMP_TZ,
    SQL_INTERVAL_DAY,
    SQL_INTERVAL_YEAR,
    SQL_JSON,
    SQL_UUID,
    SQL_IPADDRESS,   /* 128 bits; see ipaddress.h */
    SQL_GEOMETRY,    /* well-known text, inside DuckDB */
    SQL_GEOGRAPHY,   /* likewise, of degrees */
    SQL_BINGTILE,    /* as it is shown */
    SQL_HYPERLOGLOG, /* the least hashes, 8 bytes each, in order */
    SQL_TDIGEST,     /* the values in order */
    SQL_SETDIGEST,   /* a hash for each value */
    SQL_QDIGEST,     /* likewise; item: of what */
    SQL_ARRAY,
    SQL_MAP,
    SQL_ROW,
};
enum { SQL_ITEMS_MAX = 1000, SQL_UNBOUNDED = -1, SQL_FRACTION_MAX = 6 /* DuckDB's */ };
#define ATHENA_ZONES_DIFFER "?" /* the zone of values that have several */
#define ATHENA_ZONE_BESIDE "*"  /* of values that stand beside their zones; see translate_zone.c */

struct athena_sqltype {
    enum athena_sql_kind kind;
    int precision, scale; /* precision: a varchar's length, SQL_UNBOUNDED: without one; digits of
                             a moment's seconds */
    const struct athena_sqltype **items; /* element; key and value; fields */
    struct mr_slice *names;              /* of a row's fields; empty: has none */
    size_t count;
    struct mr_slice zone; /* of a moment that is shown in it; empty: UTC */
};

const struct athena_sqltype *athena_sqltype_simple(enum athena_sql_kind kind);
const struct athena_sqltype *athena_sqltype_sized(struct mr_arena *arena, enum athena_sql_kind kind,
                                                  int precision, int scale);
const struct athena_sqltype *athena_sqltype_array(struct mr_arena *arena,
                                                  const struct athena_sqltype *element);
const struct athena_sqltype *athena_sqltype_map(struct mr_arena *arena,
                                                const struct athena_sqltype *key,
                                                const struct athena_sqltype *value);
/* A row to be filled in. */
struct athena_sqltype *athena_sqltype_row(struct mr_arena *arena, size_t count);
const struct athena_sqltype *athena_sqltype_from_ast(struct mr_arena *arena,
                                                     const struct athena_node *type);
const struct athena_sqltype *athena_sqltype_from_hive(struct mr_arena *arena,
                                                      const struct athena_type *type);
bool athena_sqltype_known(const struct athena_sqltype *type); /* to its last item */
bool athena_sqltype_is_integer(const struct athena_sqltype *type);
bool athena_sqltype_is_number(const struct athena_sqltype *type);
bool athena_sqltype_is_text(const struct athena_sqltype *type);
/* Lengths, precisions and fields' names count. */
bool athena_sqltype_equal(const struct athena_sqltype *a, const struct athena_sqltype *b);
/* The type both become when they meet; NULL: none. */
const struct athena_sqltype *athena_sqltype_common(struct mr_arena *arena,
                                                   const struct athena_sqltype *a,
                                                   const struct athena_sqltype *b);
bool athena_sqltype_coerces(struct mr_arena *arena, const struct athena_sqltype *from,
                            const struct athena_sqltype *to);
bool athena_sqltype_casts(const struct athena_sqltype *from, const struct athena_sqltype *to);
/* Whether some of its values are less than others. */
bool athena_sqltype_orders(const struct athena_sqltype *type);
/* The zone behind a literal's time: "UTC", "+01:00"; empty: it has none. */
struct mr_slice athena_literal_zone(struct mr_slice text);
/* A zone as Trino names it: "UTC" for "GMT", "+05:00" for "+5". Empty: there is none so far from
 * UTC. Names of regions are not looked at. */
struct mr_slice athena_zone_name(struct mr_slice zone);
/* That of a text that is cast, or the zone as it is written there. */
struct mr_slice athena_zone_of_text(struct mr_slice text);
/* As typeof and messages say it: "array(varchar(3))". */
void athena_sqltype_print(struct mr_buf *buf, const struct athena_sqltype *type);
struct mr_slice athena_sqltype_text(struct mr_arena *arena, const struct athena_sqltype *type);
/* As GetQueryResults says it: "array". */
const char *athena_sqltype_name(const struct athena_sqltype *type);
/* What DuckDB calls the type that stands for it. */
void athena_sqltype_duck(struct mr_buf *buf, const struct athena_sqltype *type);
