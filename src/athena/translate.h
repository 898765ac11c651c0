/* athena/translate.h: a query's tree into DuckDB's SQL.
 *
 * Every identifier is quoted, every call is one that functions.h lists, every table goes through
 * the resolver: nothing of the user's text reaches DuckDB as it stands but the inside of literals.
 */
#pragma once
#include "athena/ast.h"
#include "base/buf.h"

/* Column names that DuckDB must get where Trino would make one up; shown as _col0, _col1, ... */
#define ATHENA_UNNAMED "_mr_col"
enum { ATHENA_SQL_BYTES_MAX = 16 << 20 };

struct athena_translation;
/* One use of a table in a FROM clause. */
struct athena_table_use {
    const struct athena_node *table;
    struct mr_slice alias;           /* what its columns may be qualified with */
    const struct athena_node *where; /* of the SELECT, or NULL */
    bool only;                       /* no other relation stands beside it */
};
struct athena_resolver {
    /* Appends what stands for the table, to be followed by AS. False: the translation's error is
     * set. */
    bool (*table)(void *ctx, struct athena_translation *translation,
                  const struct athena_table_use *use, struct mr_buf *out);
    /* Hive's type of the column of this name in any of the tables resolved so far; empty: unknown.
     */
    struct mr_slice (*column_type)(void *ctx, struct mr_slice name);
    /* Is database.table one of the tables resolved so far? */
    bool (*is_table)(void *ctx, struct mr_slice database, struct mr_slice table);
    /* Have tables columns that `*` leaves out? Their names begin with '$'. NULL: never. */
    bool (*hides)(void *ctx);
    void *ctx;
};
struct athena_scope; /* names of WITH in sight */
struct athena_translation {
    struct mr_arena *arena;
    struct athena_error *error;
    const struct athena_resolver *resolver;
    struct athena_node **parameters; /* expressions for ? */
    size_t parameter_count;
    struct mr_buf *out;
    /* private */
    struct athena_scope *scope;
    const struct athena_node *select; /* the one in hand */
    size_t *divisions;                /* written so far; shared with views inside */
};
/* Appends to translation->out. False: the error is set. */
bool athena_translate_query(struct athena_translation *translation,
                            const struct athena_node *query);
bool athena_translate_expression(struct athena_translation *translation,
                                 const struct athena_node *node);

/* ---- between the translating files ---- */
void athena_emit(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_text(struct athena_translation *translation, const char *text);
void athena_emit_name(struct athena_translation *translation, struct mr_slice name);
void athena_emit_string(struct athena_translation *translation, struct mr_slice text);
void athena_emit_list(struct athena_translation *translation, const struct athena_node *list);
void athena_emit_order(struct athena_translation *translation, const struct athena_node *order);
void athena_emit_call(struct athena_translation *translation, const struct athena_node *node);
/* mr_div or mr_mod of two expressions; see decimals.h. */
void athena_emit_division(struct athena_translation *translation, const char *name,
                          const struct athena_node *left, const struct athena_node *right);
void athena_emit_type(struct athena_translation *translation, const struct athena_node *type);
void athena_emit_cast(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_query(struct athena_translation *translation, const struct athena_node *query);
void athena_emit_window(struct athena_translation *translation, const struct athena_node *window);
void athena_translate_fail(struct athena_translation *translation, const struct athena_node *node,
                           const char *code, const char *format, ...) MR_PRINTF(4, 5);
bool athena_translate_failed(const struct athena_translation *translation);
