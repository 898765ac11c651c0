/* athena/footers.h: what the footers of Parquet objects say of their columns.
 *
 * DuckDB reads objects with a schema that it is told (parquet.h) slower than as they are: telling
 * it costs as much as a small query, and it asks no statistics and pushes no filters down. Objects
 * that are just what the catalog says need no schema; this knows which are. Their footers are read
 * here, and DuckDB is asked for the types of nested columns, once for an object: a body never
 * changes. The last ones are kept, some thousand.
 *
 * Any thread. */
#pragma once
#include "athena/scan.h"
#include "athena/work.h"

struct athena_engine;

struct athena_footer_column {
    struct mr_slice name; /* of a column at the top, as the object spells it */
    struct mr_slice type; /* DuckDB's, binary taken as text */
    int64_t id;           /* Iceberg's; 0: none */
    size_t place;         /* in the object, from 0 */
};
struct athena_footer {
    struct athena_footer_column *columns; /* by name, in byte order */
    size_t count;
    uint64_t rows;
};

struct athena_footers *athena_footers_new(struct athena_engine *engine);
void athena_footers_free(struct athena_footers *footers); /* accepts NULL */

/* The footer that all objects of the scan have, with the rows of all, in the scan's arena; NULL:
 * they differ, or are not all known. The objects are linked into the folder. */
const struct athena_footer *athena_footers_common(struct athena_footers *footers,
                                                  const struct athena_scan *scan,
                                                  const struct athena_work_folder *folder);
/* From the footer's bytes, which may lack the row groups at its end; in the arena. Columns whose
 * type is not told by one word have none. False: it is damaged, or has too many columns. Pure. */
bool athena_footer_read(struct mr_arena *arena, struct mr_slice bytes,
                        struct athena_footer *ret_footer);
/* Whether the catalog's columns are what DuckDB finds without being told a schema, or are made of
 * that: moments in UTC, integers and floats that become wider where no WHERE clause would rule row
 * groups out, and NULL where the objects have none. */
bool athena_footer_fits(const struct athena_footer *footer, const struct athena_scan *scan);
/* What a column is read from; NULL: the objects have none. `ret_same`: it is of the same type. */
const struct athena_footer_column *athena_footer_column(const struct athena_footer *footer,
                                                        const struct athena_column *column,
                                                        bool *ret_same);
/* Whether a column without a zone is read from moments in UTC, as Spark and others write them.
 * DuckDB casts one to the other by its calendars, which takes thirty times as long as reading. */
bool athena_footer_zoned(const struct athena_footer *footer, const struct athena_column *column);
/* Whether they are that and nothing else, in the catalog's order and letters: of a footer that
 * fits. */
bool athena_footer_is(const struct athena_footer *footer, const struct athena_scan *scan);
