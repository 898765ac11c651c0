/* athena/match.h: row pattern recognition (MATCH_RECOGNIZE): what the clause says, the program that
 * a pattern becomes, and what runs it over the rows of one partition.
 *
 * The program is run as threads side by side, in order of preference, a row at a time: of threads
 * that stand at one step and cannot differ any more, only the most preferred one lives. So a match
 * takes as many steps as rows times steps of the program, unless conditions look at what was
 * matched before; then states differ, and there is a limit of steps and of memory.
 *
 * Nothing here knows DuckDB. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

/* ---- the clause, as parsed: numbers of AST_PATTERN and AST_MATCH ---- */

enum match_pattern {
    MATCH_VARIABLE, /* name */
    MATCH_EMPTY,    /* () */
    MATCH_START,    /* ^ */
    MATCH_END,      /* $ */
    MATCH_SEQUENCE,
    MATCH_CHOICE,
    MATCH_PERMUTE,
    MATCH_EXCLUDE, /* {- -} */
    MATCH_REPEAT,  /* items: the part, least, most (none: open); AST_NEGATED: reluctant */
};
enum match_flags {
    MATCH_ALL_ROWS = 1,
    MATCH_OMIT_EMPTY = 2,
    MATCH_UNMATCHED = 4, /* WITH UNMATCHED ROWS */
    MATCH_SKIP_NEXT = 8, /* AFTER MATCH SKIP TO NEXT ROW; none of these: PAST LAST ROW */
    MATCH_SKIP_FIRST = 16,
    MATCH_SKIP_LAST = 32, /* to the variable that AST_MATCH's name tells */
    MATCH_KEEP_ROWS = 64, /* rows that are not shown are told, too: aggregates need them */
};
/* A variable's name that is not quoted: in capitals. */
struct mr_slice athena_match_label(struct mr_arena *arena, struct mr_slice name);

/* ---- the program ---- */

enum { MATCH_STEPS_MAX = 100000 };
enum match_op {
    MATCH_OP_LABEL, /* the next row is variable a's */
    MATCH_OP_SPLIT, /* a is preferred to b */
    MATCH_OP_JUMP,  /* to a */
    MATCH_OP_START, /* of the partition */
    MATCH_OP_END,
    MATCH_OP_DONE,
};
struct match_step {
    enum match_op op;
    bool excluded; /* the row is not shown */
    uint32_t a, b;
};

/* ---- rows that conditions and measures look at ---- */

enum match_slot_kind {
    MATCH_SLOT_FIRST,
    MATCH_SLOT_LAST,
    MATCH_SLOT_COUNT, /* the rows; the values that are not NULL, if it has a column */
    MATCH_SLOT_SUM,
    MATCH_SLOT_AVG,
    MATCH_SLOT_MIN,
    MATCH_SLOT_MAX,
};
enum { MATCH_OFFSET_MAX = 10000, MATCH_NOWHERE = -1 };
struct match_slot {
    enum match_slot_kind kind;
    const bool *labels; /* of each variable: whether its rows count; NULL: all do */
    uint32_t offset;    /* of FIRST and LAST */
    int64_t physical;   /* of measures: rows behind (before: negative) that row */
    int32_t column;     /* of aggregates; MATCH_NOWHERE: none */
    bool final, label;  /* of measures: seen from the last row; its variable is wanted, not it */
    size_t at, width;   /* of its state */
};

/* ---- values ---- */

/* Columns: 'b' bool, 'i' int64_t, 'f' double, 'w' __int128, 't' text. */
struct match_column {
    char kind;
    const void *data;
    const uint64_t *valid; /* NULL: no NULLs */
    size_t first;          /* of the partition's rows */
};
__extension__ typedef __int128 match_wide;
struct match_value {
    bool null;
    union {
        bool truth;
        int64_t integer;
        double number;
        match_wide wide;
        struct mr_slice text;
    };
};
struct match_expression {
    char op;   /* see match_value.c */
    char kind; /* of its value, or of what it compares */
    bool less, equal, greater;
    int32_t column, missing;
    uint32_t slot, bits;
    int64_t physical, unit;
    struct mr_slice text;
    const struct match_expression *left, *right;
};

struct match_plan {
    const struct match_step *steps;
    size_t step_count;
    size_t label_count;
    const struct mr_slice *names;               /* of the variables */
    const struct match_expression **conditions; /* NULL: always true */
    const struct match_slot *slots, *measures;  /* of conditions, of measures */
    size_t slot_count, measure_count;
    size_t state_width, measure_width;
    unsigned flags;
    const bool *skip; /* SKIP TO: of each variable, whether it is one of these */
};

/* Rows of one partition, in order. */
struct match_rows {
    const struct match_column *columns;
    size_t count;
    struct mr_slice (*text)(const void *data, size_t at);
};

/* What comes out, flat: a row is MATCH_RESULT_FIELDS numbers, then one a measure's slot: a row's
 * number from 1 (0: none), or a variable's from 1. */
enum match_result {
    MATCH_RESULT_SEQUENCE,
    MATCH_RESULT_MATCH, /* its number from 1; 0: an unmatched row */
    MATCH_RESULT_ROW,   /* from 0 */
    MATCH_RESULT_LABEL, /* from 1; 0: none */
    MATCH_RESULT_FLAGS,
    MATCH_RESULT_FIELDS
};
enum { MATCH_SHOWN = 1, MATCH_NO_MATCH = 2, MATCH_NO_ROWS = 4 /* an empty match */ };

/* Where a thread stands when a condition is looked at. */
struct match_moment {
    const struct match_plan *plan;
    const struct match_rows *rows;
    size_t start, row;
    const int64_t *state;
    int64_t number; /* of the match */
    const char *error;
};
/* match_value.c. False: it failed, moment->error says why. */
bool match_evaluate(struct match_moment *moment, const struct match_expression *expression,
                    struct match_value *ret);
struct match_value match_column_value(const struct match_rows *rows, size_t column, size_t row);
/* The state of `slots` when `row` becomes `label`'s. False: moment->error. */
bool match_advance(struct match_moment *moment, const struct match_slot *slots, size_t count,
                   int64_t *state, uint32_t label);
/* The row and its variable that a FIRST or LAST slot means; false: none. */
bool match_find(const struct match_slot *slot, const int64_t *state, size_t start, size_t row,
                size_t *ret_row, uint32_t *ret_label);
/* Places the slots in the state; the state's width. */
size_t match_lay_out(struct match_slot *slots, size_t count);

enum {
    MATCH_BUDGET = 1500000000,   /* steps of one call */
    MATCH_THREADS_MAX = 100000,  /* at one row */
    MATCH_STATES_MAX = 8000000,  /* numbers in their states */
    MATCH_HISTORY_MAX = 1 << 24, /* rows that threads remember */
    MATCH_RESULT_MAX = 1 << 25,  /* numbers that come out of a partition */
};
struct match_result_list {
    int64_t *list; /* owned */
    size_t count, capacity;
};
/* Appends what the rows of a partition give. NULL: fine; else the error: Athena's name for it, a
 * colon and its words. *budget is used up. */
const char *match_partition(const struct match_plan *plan, const struct match_rows *rows,
                            int64_t *budget, struct match_result_list *result);
/* A plan as translate_match_plan.c writes it; NULL: it is none. */
const struct match_plan *match_plan_read(struct mr_arena *arena, struct mr_slice text);
