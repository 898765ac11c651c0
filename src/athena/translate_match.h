/* athena/translate_match.h: what the files share that translate MATCH_RECOGNIZE.
 *
 * The relation's rows are numbered in order of partition and ORDER BY (translate_match.c); what
 * conditions need of each row becomes a field of a struct (translate_match_define.c); mr_match
 * (scalars_match.c) gets a partition's structs and the plan (translate_match_plan.c), and gives the
 * rows of matches with the numbers of the rows that measures look at, which are joined to them. */
#pragma once
#include "athena/match.h"
#include "athena/translate.h"
#include "base/json.h"

enum { MATCH_LABELS_MAX = 1000, MATCH_NAVIGATIONS_MAX = 200, MATCH_CONDITION_DEPTH_MAX = 200 };

/* A row, by what was matched: LAST(a.x, offset) and such. */
struct match_place {
    struct mr_slice label; /* empty: any */
    bool first, final;
    int64_t offset, physical;
};
struct match_navigation {
    struct match_place place;
    size_t index, label_index; /* of its slots */
    bool label;                /* its variable is asked for */
    bool *columns;             /* that are looked at */
    struct match_navigation *next;
};
struct match_context {
    struct athena_translation *translation;
    const struct athena_node *node; /* AST_MATCH */
    struct athena_fields input;     /* the relation's columns, named c0, c1, ... inside */
    struct mr_slice *labels;        /* primary ones */
    size_t label_count;
    struct match_navigation *navigations;
    size_t slot_count;    /* of measures */
    struct mr_buf slots;  /* JSON: of measures */
    struct mr_buf fields; /* DuckDB's: what conditions look at */
    size_t field_count;
    bool aggregates; /* in measures */
    /* while a measure or a condition is rewritten */
    const struct match_place *place; /* of the navigation around */
    bool aggregate;                  /* inside of one */
    const struct athena_node *label; /* the variable that is defined; NULL: a measure */
    bool missing;                    /* columns are NULL */
    const struct match_bound *bound;
};
/* Names that lambdas give. */
struct match_bound {
    const struct athena_node *names;
    const struct match_bound *outer;
};

/* ---- translate_match_plan.c ---- */

/* Variables, subsets and the like; false: the error is set. */
bool athena_match_analyze(struct match_context *context);
/* The program as JSON numbers. */
bool athena_match_compile(struct match_context *context, struct mr_buf *out);
size_t athena_match_label_index(const struct match_context *context, struct mr_slice label);
/* Whether there is such a variable or subset. */
bool athena_match_has(const struct match_context *context, struct mr_slice label);
/* Whether a variable is one of a variable's or a subset's (any: empty). */
bool athena_match_within(const struct match_context *context, struct mr_slice set,
                         struct mr_slice label);
/* 1 and 0 for each variable. */
void athena_match_put_set(const struct match_context *context, struct mr_slice set,
                          struct mr_json *json);

/* ---- translate_match_names.c: what may stand in measures and conditions ---- */

enum match_call {
    MATCH_CALL_OTHER,
    MATCH_CALL_FIRST,
    MATCH_CALL_LAST,
    MATCH_CALL_PREV,
    MATCH_CALL_NEXT,
    MATCH_CALL_CLASSIFIER,
    MATCH_CALL_NUMBER,
    MATCH_CALL_AGGREGATE,
};
enum match_call athena_match_call(const struct athena_node *node);
/* "a.x": the variable; empty: it is none. */
struct mr_slice athena_match_qualifier(struct match_context *context,
                                       const struct athena_node *node);
/* The label of a name written so. */
struct mr_slice athena_match_name(struct match_context *context, const struct athena_node *name);
bool athena_match_is_bound(const struct match_context *context, const struct athena_node *name);
/* The input's column; SIZE_MAX: the error is set. */
size_t athena_match_column(struct match_context *context, const struct athena_node *node,
                           struct mr_slice name, struct mr_slice label);
/* False: "a.x" of neither a variable nor a column a; the error is set. */
bool athena_match_check_dot(struct match_context *context, const struct athena_node *node);
/* Looks at a pattern function's call: where it goes to, and what it takes there. */
bool athena_match_place(struct match_context *context, const struct athena_node *call,
                        struct match_place *ret_place, const struct athena_node **ret_argument);
/* The one variable that columns and classifiers in the list belong to; false: the error is set.
 * *ret_found: whether there are any. */
bool athena_match_one_label(struct match_context *context, const struct athena_node *call,
                            const struct athena_node *list, struct mr_slice *ret_label,
                            bool *ret_found);
bool athena_match_check_call(struct match_context *context, const struct athena_node *call);
bool athena_match_check_aggregate(struct match_context *context, const struct athena_node *call,
                                  struct mr_slice *ret_label);
struct mr_slice athena_match_classifier(struct match_context *context,
                                        const struct athena_node *call, bool *ret_fine);
struct athena_node *athena_match_node(struct match_context *context, const struct athena_node *at,
                                      enum athena_kind kind);
struct athena_node *athena_match_reference(struct match_context *context,
                                           const struct athena_node *at, struct mr_slice name);
/* A copy whose expressions are what `rewrite` makes of them. */
typedef struct athena_node *athena_match_rewrite(struct match_context *context,
                                                 const struct athena_node *node);
struct athena_node *athena_match_copy(struct match_context *context, const struct athena_node *node,
                                      athena_match_rewrite *rewrite);

/* ---- translate_match_field.c ---- */

enum match_row { /* that an expression looks at */
                 MATCH_ROW_NONE,
                 MATCH_ROW_CURRENT, /* and those beside it */
                 MATCH_ROW_PLACE,
                 MATCH_ROW_SEVERAL,
};
struct match_target {
    enum match_row row;
    struct match_place place;
};
void athena_match_refuse(struct match_context *context, const struct athena_node *node);
struct match_target athena_match_target_of(const struct match_context *context,
                                           struct match_place place);
/* Adds what the expression looks at to the target. False: the error is set. */
bool athena_match_target(struct match_context *context, const struct athena_node *node,
                         struct match_target *target);
/* The expression over the columns of one row. */
struct athena_node *athena_match_field(struct match_context *context,
                                       const struct athena_node *node);
/* How values of a type are told: see match.h. '\0': not at all. */
char athena_match_kind(const struct athena_sqltype *type);
/* One more field, of this expression as a value of this type; its number. */
size_t athena_match_add_field(struct match_context *context, struct athena_node *node,
                              const struct athena_sqltype *type);

/* ---- translate_match_define.c ---- */

/* The conditions and their slots as JSON into the plan; fields into context->fields. */
bool athena_match_define(struct match_context *context, struct mr_json *plan);

/* ---- translate_match_measure.c ---- */

/* A measure over the columns that the joined rows have. */
struct athena_node *athena_match_measure(struct match_context *context,
                                         const struct athena_node *node);
/* Slots for the variables that measures ask for, when all measures are known. */
void athena_match_ask_labels(struct match_context *context);

/* ---- translate_match.c ---- */

bool athena_emit_match(struct athena_translation *translation, const struct athena_node *match,
                       struct athena_fields *ret_fields);
