/* athena/translate.h: a query's tree into DuckDB's SQL.
 *
 * Every identifier is quoted, every call is one that functions.h lists, every table goes through
 * the resolver: nothing of the user's text reaches DuckDB as it stands but the inside of literals.
 */
#pragma once
#include "athena/sqltype.h"
#include "base/buf.h"

/* Column names that DuckDB must get where Trino would make one up; shown as _col0, _col1, ... */
#define ATHENA_UNNAMED "_mr_col"
enum {
    ATHENA_SQL_BYTES_MAX = 16 << 20,
    ATHENA_FIELDS_MAX = 10000, /* of a relation; more are not looked at */
    ATHENA_LAMBDAS_MAX = 6,    /* one inside the other: DuckDB binds each of them several times */
};

/* Columns with their types. */
struct athena_field {
    struct mr_slice name;
    const struct athena_sqltype *type;
    bool merged;  /* by USING: no name reaches it, another relation has what became of it */
    bool widened; /* by USING: DuckDB gives one of the two it came from, not of this type */
};
struct athena_fields {
    struct athena_field *list;
    size_t count;
    bool open; /* there may be others */
};
struct athena_relation {
    struct mr_slice alias; /* empty: its columns have no table */
    struct mr_slice duck_name;
    bool joined; /* what USING made of two relations' columns */
    struct athena_fields fields;
    struct athena_relation *next;
};
/* What names mean at one place: the relations of a FROM clause, or a lambda's arguments. */
struct athena_level {
    struct athena_relation *relations;
    struct athena_level *outer;
};
/* A query inside an expression, once written. */
struct athena_translated {
    struct mr_slice sql;
    struct athena_fields fields;
};

struct athena_translation;
/* One use of a table in a FROM clause. */
struct athena_table_use {
    const struct athena_node *table;
    struct mr_slice alias;           /* what its columns may be qualified with */
    const struct athena_node *names; /* that its columns get instead of their own; NULL: none */
    const struct athena_node *where; /* of the SELECT, or NULL */
    bool only;                       /* no other relation stands beside it */
    struct athena_fields *fields;    /* to be filled with its columns; left open if they are not
                                        known */
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
    /* What CURRENT_CATALOG, CURRENT_SCHEMA and CURRENT_USER are here. NULL: not known. */
    struct mr_slice (*session)(void *ctx, struct mr_slice name);
    void *ctx;
};
struct athena_scope { /* names of WITH in sight */
    struct athena_scope *outer;
    struct mr_slice name;              /* of a WITH query */
    const struct athena_node *columns; /* of one that recurs: what it has beside its depth */
    struct athena_fields fields;
};
/* What GROUP BY has one of for each group: written as such it is another text than among rows,
 * since a zone is that of any of them. */
struct athena_group_key {
    struct mr_slice text, known; /* for GROUP BY; as athena_groups_settle compares */
    struct athena_group_key *next;
};
struct athena_groups {
    bool inside; /* where only what groups have may stand */
    bool known;  /* columns are written in one way, to be compared */
    struct athena_group_key *keys;
};
/* A division of decimals.h; one written twice in a SELECT has one number, as GROUP BY compares. */
struct athena_division {
    const struct athena_node *select;
    struct mr_slice text;
    size_t number;
    struct athena_division *next;
};
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
    size_t *divisions;                /* numbers given so far; shared with views inside */
    struct athena_division *division; /* written last */
    struct athena_level *level;
    struct athena_fields fields; /* of the query translated last */
    struct athena_groups groups; /* of the SELECT whose expressions are written */
    unsigned lambdas;            /* one inside the other */
    unsigned casts;              /* of nested types, likewise */
};
/* Appends to translation->out. False: the error is set. */
bool athena_translate_query(struct athena_translation *translation,
                            const struct athena_node *query);
/* The same, for a query whose rows are shown; translation->fields are its columns. */
bool athena_translate_result(struct athena_translation *translation,
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
/* translate_division.c: the operand as the type of the result, where DuckDB would choose another;
 * NULL: as it is. */
void athena_emit_operand(struct athena_translation *translation, const struct athena_node *node,
                         const struct athena_sqltype *type);
/* The number of a division of these words in the SELECT in hand. */
size_t athena_division_number(struct athena_translation *translation, struct mr_slice text);
/* mr_div or mr_mod of two expressions; see decimals.h. */
void athena_emit_division(struct athena_translation *translation, const char *name,
                          const struct athena_node *left, const struct athena_node *right);
void athena_emit_type(struct athena_translation *translation, const struct athena_node *type);
/* The text as DuckDB's type that stands for `type`. */
void athena_emit_coerced(struct athena_translation *translation, const struct athena_node *node,
                         const struct athena_sqltype *type);
/* Whether a text that becomes a char(n) gets blanks; the text as `type`, with them if so. */
bool athena_pads(const struct athena_sqltype *from, const struct athena_sqltype *to);
void athena_emit_padded(struct athena_translation *translation, const struct athena_node *node,
                        const struct athena_sqltype *type);
/* A moment that is shown in a zone, as a timestamp there. */
void athena_emit_local(struct athena_translation *translation, const struct athena_node *node);
/* The same as text, with the zone behind it. */
void athena_emit_zoned(struct athena_translation *translation, const struct athena_node *node);
bool athena_has_zone(const struct athena_sqltype *type);
/* translate_time.c: time with time zone; NULL: its zone is no distance from UTC. */
bool athena_time_zoned(const struct athena_sqltype *type);
const struct athena_sqltype *athena_time_type(struct mr_arena *arena, struct mr_slice zone,
                                              int precision);
void athena_emit_time_local(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_time_text(struct athena_translation *translation, const struct athena_node *node,
                           int fraction);
void athena_emit_time_literal(struct athena_translation *translation,
                              const struct athena_node *node);
/* The type of a cast from or to any type; the cast to such a time. */
const struct athena_sqltype *athena_infer_time_cast(struct athena_translation *translation,
                                                    const struct athena_node *node,
                                                    const struct athena_sqltype *from,
                                                    const struct athena_sqltype *to);
void athena_emit_time_cast(struct athena_translation *translation, const struct athena_node *node);
/* Calls that take such a time: their arguments' and results' types, and what is written. */
void athena_time_prepare(struct athena_translation *translation, struct athena_node *call);
const struct athena_sqltype *athena_time_result(struct athena_translation *translation,
                                                const struct athena_node *call,
                                                const struct athena_sqltype *type);
void athena_emit_time_zone(struct athena_translation *translation, const struct athena_node *call);
void athena_emit_time_trunc(struct athena_translation *translation, const struct athena_node *call,
                            const char *unit);
/* translate_zone.c */
bool athena_zone_beside(const struct athena_sqltype *type);
/* Whether its values come in several zones that are written in the query. */
bool athena_zone_differs(const struct athena_sqltype *type);
/* The same type with its zone beside it. */
const struct athena_sqltype *athena_zone_in(struct athena_translation *translation,
                                            const struct athena_sqltype *type,
                                            struct mr_slice zone);
/* Of TIMESTAMP '...', whose zone is there as it is written. NULL: the error is set. */
const struct athena_sqltype *athena_zone_literal(struct athena_translation *translation,
                                                 const struct athena_node *node,
                                                 struct athena_sqltype *moment);
const struct athena_sqltype *athena_zone_besides(struct athena_translation *translation,
                                                 const struct athena_sqltype *type);
/* Whether it is a column that is a row of instant and zone. */
bool athena_zone_stored(const struct athena_node *node);
/* The type of an expression, without the zone of such values if this kind of expression would lose
 * it: then those in it must be in UTC when it runs. NULL: the error is set. */
const struct athena_sqltype *athena_zone_check(struct athena_translation *translation,
                                               struct athena_node *node,
                                               const struct athena_sqltype *type);
/* The name of the zone that a moment is shown in. */
void athena_emit_zone(struct athena_translation *translation, const struct athena_node *node);
/* A query whose columns, translation->fields, are instants where they were beside their zones. */
void athena_emit_instants(struct athena_translation *translation, struct mr_slice sql);
void athena_emit_utc(struct athena_translation *translation, const struct athena_node *node);
/* An expression as a column: with its zone beside it, if it has one of its own in each row. */
void athena_emit_kept(struct athena_translation *translation, const struct athena_node *node);
/* translate_pair.c: whether such an expression hands on one of several moments; whether it does so
 * of several rows; the row of instant and zone that it hands on then. */
bool athena_zone_packs(const struct athena_node *node);
bool athena_zone_chosen(const struct athena_node *node);
void athena_emit_packed(struct athena_translation *translation, const struct athena_node *node);
/* A moment, a date or NULL as a row of instant and zone, or NULL. */
void athena_emit_pair(struct athena_translation *translation, const struct athena_node *node);
/* True: there are such columns, and the error is set. */
bool athena_zone_refuse(struct athena_translation *translation, const struct athena_node *node,
                        const struct athena_fields *fields);
/* What athena_emit writes of a column, but for the instant taken out of its row. */
void athena_emit_stored(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_cast(struct athena_translation *translation, const struct athena_node *node);
/* translate_cast.c: whether a cast of nested types is made item by item, and that cast. */
bool athena_cast_is_nested(const struct athena_sqltype *from, const struct athena_sqltype *to);
void athena_emit_nested_cast(struct athena_translation *translation,
                             const struct athena_node *node);
/* The digits of seconds that a type or the current time is given; more than there can be fail. */
int athena_fraction(struct athena_translation *translation, const struct athena_node *digits);
void athena_emit_query(struct athena_translation *translation, const struct athena_node *query);
/* Whether rows become groups, or one: by GROUP BY, or by functions that take many rows. */
bool athena_select_aggregates(const struct athena_node *select);
/* translate_logic.c: AND and OR as values; conditions of rows, which DuckDB cuts short itself. */
void athena_emit_logic(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_condition(struct athena_translation *translation, const struct athena_node *node);
/* translate_compare.c */
void athena_emit_comparison(struct athena_translation *translation, const struct athena_node *node);
/* Whether = of DuckDB says something else of such values than Trino's, on its own. */
bool athena_compares_apart(const struct athena_node *node);
void athena_emit_equality(struct athena_translation *translation, const struct athena_node *left,
                          const struct athena_node *right);
void athena_emit_in(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_distinct(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_between(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_like(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_quantified(struct athena_translation *translation, const struct athena_node *node);
/* translate_window.c: what stands behind OVER, and behind the AS of WINDOW. */
void athena_emit_window(struct athena_translation *translation, const struct athena_node *window);
void athena_emit_window_body(struct athena_translation *translation,
                             const struct athena_node *window);
/* translate_set.c: UNION and its like; the columns of both sides under the names of the left one,
 * neither of which may have a zone in each row that the other has not. */
void athena_emit_set(struct athena_translation *translation, const struct athena_node *set);
struct athena_fields athena_set_fields(struct athena_translation *translation,
                                       const struct athena_node *set, struct athena_fields left,
                                       struct athena_fields right);
/* SELECT, VALUES, a set or a query in parentheses. */
void athena_emit_body(struct athena_translation *translation, const struct athena_node *body);
/* translate_groups.c: what stands behind GROUP BY. */
void athena_emit_groups(struct athena_translation *translation, const struct athena_node *select);
/* What is written now stands for groups, if the SELECT has any. */
void athena_groups_enter(struct athena_translation *translation, const struct athena_node *select);
/* What was written of a node from `start` on becomes the text of GROUP BY's column if it is one. */
void athena_groups_settle(struct athena_translation *translation, const struct athena_node *node,
                          size_t start);
/* translate_from.c */
void athena_emit_relation(struct athena_translation *translation,
                          const struct athena_node *relation, bool only);
/* The columns of `*` in Trino's order: those of USING first. */
void athena_emit_all(struct athena_translation *translation, const struct athena_node *star,
                     bool hides);
void athena_emit_alias(struct athena_translation *translation, struct mr_slice name,
                       const struct athena_node *columns);
const struct athena_scope *athena_scope_find(const struct athena_translation *translation,
                                             struct mr_slice name);
/* In expressions of a query's ORDER BY, names of the result become what they stand for there. */
void athena_order_open(const struct athena_node *query);
/* The columns under the names that an alias gives them; false: there are not as many. */
bool athena_fields_rename(struct athena_translation *translation, struct athena_fields *fields,
                          const struct athena_node *names);
/* The columns of `*`, or of alias.*. */
struct athena_fields athena_fields_all(struct athena_translation *translation,
                                       struct mr_slice alias);
void athena_translate_fail(struct athena_translation *translation, const struct athena_node *node,
                           const char *code, const char *format, ...) MR_PRINTF(4, 5);
/* ---- types (infer.c) ---- */
/* The type of an expression; NULL: not known, or the error is set. Names that are nowhere, and
 * operators and calls that Trino refuses, are found here. */
const struct athena_sqltype *athena_infer(struct athena_translation *translation,
                                          const struct athena_node *node);
/* As before; anything but a boolean fails with `format`, in which %s stands for the type. */
void athena_infer_condition(struct athena_translation *translation, const struct athena_node *node,
                            const char *format);
/* The one type that all can become; NULL: one is not known, or there is none: then the error, which
 * begins with `words`, is set at the first that does not fit. */
const struct athena_sqltype *athena_infer_single(struct athena_translation *translation,
                                                 const struct athena_node *const *nodes,
                                                 const struct athena_sqltype *const *types,
                                                 size_t count, const char *words);
/* Whether what MERGE has for a column, an AST_CAST of AST_ASSIGNS, may become one. False: the error
 * is set. */
bool athena_infer_assigns(struct athena_translation *translation, const struct athena_node *node,
                          const struct athena_sqltype *from, const struct athena_sqltype *to);
/* True: the error is set, whatever the types of the arguments are. */
bool athena_infer_refuses(struct athena_translation *translation, const struct athena_node *call);
/* Whether the arguments that a function orders by can be ordered. */
bool athena_infer_orders(const struct athena_node *call);
/* Fails unless what a query is sorted by can be. */
void athena_infer_sort(struct athena_translation *translation, const struct athena_node *query,
                       const struct athena_node *sorted, const struct athena_sqltype *type);
const struct athena_sqltype *athena_infer_call(struct athena_translation *translation,
                                               const struct athena_node *call);
/* DuckDB's function that adds one of two to the other, an array; NULL: both are joined alike. */
const char *athena_array_adds(struct athena_translation *translation,
                              const struct athena_sqltype *left,
                              const struct athena_sqltype *right);
/* The first in a list of expressions; those with OVER are `windows`. */
const struct athena_node *athena_find_aggregate(const struct athena_node *node, bool windows);
/* A call as messages show it, with its first argument. */
struct mr_slice athena_call_shown(struct mr_arena *arena, const struct athena_node *call);
/* Writes a query inside an expression once. */
const struct athena_translated *athena_infer_query(struct athena_translation *translation,
                                                   const struct athena_node *query);
/* A new level inside the one in hand; the caller puts the old one back. */
struct athena_level *athena_level_push(struct athena_translation *translation);
void athena_level_add(struct athena_translation *translation, struct mr_slice alias,
                      struct athena_fields fields);
struct athena_fields athena_fields_make(struct athena_translation *translation, size_t count);
/* The column of this name, looked for from the level in hand outwards. */
enum athena_found { ATHENA_FOUND, ATHENA_FOUND_NOT, ATHENA_FOUND_MAYBE, ATHENA_FOUND_TWICE };
enum athena_found athena_names_find(const struct athena_translation *translation,
                                    struct mr_slice alias, struct mr_slice name,
                                    const struct athena_sqltype **ret_type);
/* The relation that has it, in the innermost level that knows such; NULL: not just one. */
const struct athena_relation *athena_names_relation(const struct athena_translation *translation,
                                                    struct mr_slice alias, struct mr_slice name);
bool athena_names_has(const struct athena_translation *translation, struct mr_slice alias);
/* The type that a column of USING must be cast to; NULL: the name is no such column. */
const struct athena_sqltype *athena_names_widened(const struct athena_translation *translation,
                                                  struct mr_slice name);

bool athena_translate_failed(const struct athena_translation *translation);
