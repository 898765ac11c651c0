/* athena/scan.h: one table of one query: what to read, and the table function mr_scan(id) that
 * reads it for DuckDB.
 *
 * The objects are those that stood in S3 when the query began (a snapshot of names); they are cut
 * into pieces of work that DuckDB's threads take one after the other. Only the columns that the
 * query needs are converted. Users' SQL cannot name mr_scan: the translator writes it.
 *
 * Ownership: a scan belongs to its query and outlives the query's DuckDB connection. */
#pragma once
#include "athena/types.h"
#include "athena/avro_rows.h"
#include "athena/duck.h"
#include "athena/lazy.h"
#include "athena/lines.h"
#include "s3/s3.h"
#include <pthread.h>
#include <stdatomic.h>

enum { ATHENA_SPLIT_BYTES = 8 << 20, ATHENA_OBJECTS_MAX = 5000000 };

enum athena_format {
    ATHENA_FORMAT_JSON,
    ATHENA_FORMAT_DELIMITED,
    ATHENA_FORMAT_CSV,
    ATHENA_FORMAT_PARQUET,
    ATHENA_FORMAT_LINES, /* one column: the line */
    ATHENA_FORMAT_AVRO,
};
enum { /* where a column comes from: the index of a partition key, or one of these */
       ATHENA_COLUMN_DATA = -1,
       ATHENA_COLUMN_PATH = -2, /* "$path" and the others of the object */
       ATHENA_COLUMN_SIZE = -3,
       ATHENA_COLUMN_MODIFIED = -4,
       ATHENA_COLUMN_PARTITION = -5,
       ATHENA_COLUMN_ROW = -6, /* of Parquet: the row's number in its object, from 0 */
};
enum { ATHENA_KEY_TEXT = 4096 };
struct athena_column {
    struct mr_slice name;   /* lower case */
    struct mr_slice source; /* the member or column of the object that it is read from; of lines
                             * that are cut, SQL of its text */
    struct athena_type type;
    int key;
    int field_id; /* of Parquet: it is found by this id instead of its name; 0: by name */
    bool used;    /* by the query */
};
struct athena_piece { /* of an object, or all of it */
    struct mr_slice bucket;
    struct s3_object object;
    uint64_t from, to;             /* lines that begin here; UINT64_MAX: to the end */
    const struct mr_slice *values; /* of its partition */
    enum athena_packing packing;
};
struct athena_scan {
    uint64_t id;
    struct mr_arena *arena; /* of the query */
    struct s3_snapshot *snapshot;
    enum athena_format format;
    char delimiter, quote, escape; /* of ATHENA_FORMAT_CSV */
    struct athena_lazy lazy;       /* of ATHENA_FORMAT_DELIMITED */
    uint64_t header_lines;
    bool ignore_malformed;     /* of JSON, as the next two */
    bool dots, exact;          /* "a.b" is the column a_b; names in this case alone */
    bool only_columns;         /* of Parquet: the query names nothing that DuckDB's reader adds */
    bool preview;              /* the first rows are all that the query asks for */
    bool by_place;             /* of Parquet: columns are found by their place in the object */
    bool unread;               /* no object of it will be read */
    bool within_view;          /* of the columns that it names the query may read fewer */
    struct athena_column *cut; /* of lines that a regular expression cuts: the columns */
    size_t cut_count;
    struct mr_slice regex; /* of lines, as the next three */
    bool ignore_case, grok;
    struct mr_slice grok_custom;    /* patterns that the table names */
    bool records;                   /* of JSON: lines are CloudTrail's (records.h) */
    yyjson_val *avro_fields;        /* of the table's schema; NULL: it has none */
    struct mr_slice moment_formats; /* the property timestamp.formats */
    struct athena_column *columns;
    size_t column_count;
    struct athena_piece *pieces;
    size_t piece_count, piece_capacity;
    uint64_t bytes;                     /* of all objects */
    uint64_t chunk_bytes;               /* of Parquet objects: what of them the query reads */
    struct mr_slice misfit;             /* of MR_INVALID: what is wrong with a Parquet object */
    const struct athena_footer *footer; /* of Parquet objects, when they are alike; else NULL */
    const struct athena_prune *prune;   /* of Parquet: its keys are the first columns; NULL: none */
    struct athena_cached *cached;       /* cache.h: of objects that may be kept; else NULL */
    atomic_ullong bytes_read;
    atomic_bool *cancelled;   /* of the query */
    struct athena_scan *next; /* in the query's list */
};
/* Cuts an object into pieces. MR_FULL: too many. */
MR_MUST_USE enum mr_status athena_scan_add(struct athena_scan *scan, struct mr_slice bucket,
                                           const struct s3_object *object,
                                           const struct mr_slice *values);

/* The scans that queries in work have, found by id. */
struct athena_scans {
    pthread_mutex_t lock;
    struct athena_scan **open; /* owned */
    size_t open_count, open_capacity;
    uint64_t next_id;
    struct athena_work *work;       /* the engine's */
    struct athena_parts *parts;     /* of queries that write; see parts.h */
    struct athena_footers *footers; /* the engine's; NULL in tests, as the next */
    struct athena_cache *cache;
    struct store *store; /* its clock; NULL in tests */
};
void athena_scans_init(struct athena_scans *scans);
void athena_scans_fini(struct athena_scans *scans);
uint64_t athena_scans_add(struct athena_scans *scans, struct athena_scan *scan); /* its id */
void athena_scans_remove(struct athena_scans *scans, struct athena_scan *scan);
struct athena_scan *athena_scans_find(struct athena_scans *scans, uint64_t id); /* NULL: none */
/* The text of a column that is not read from the object: a partition key or a hidden one; it is in
 * `room`, or where the piece keeps it. False: NULL. */
bool athena_scan_key(const struct athena_scan *scan, const struct athena_piece *piece,
                     const struct athena_column *column, char room[static ATHENA_KEY_TEXT],
                     struct mr_slice *ret_text);
/* Registers mr_scan. */
MR_MUST_USE enum mr_status athena_scan_register(duckdb_connection connection,
                                                struct athena_scans *scans);
