/* cloudwatch/math.h: metric math, the expressions of GetMetricData.
 *
 * Pure: what an identifier means comes from a callback. A value is a number, a time series, a list
 * of series or a text. Where a series has no datapoint its value is NaN. Memory is the arena's;
 * an evaluation that makes more than CW_MATH_POINTS_MAX datapoints is refused. */
#pragma once
#include "base/arena.h"

enum { CW_MATH_POINTS_MAX = 4 << 20, CW_MATH_DEPTH_MAX = 64, CW_MATH_WHY_MAX = 200 };

struct cw_series {
    struct mr_slice id, label;
    int64_t from_ms, period_ms;
    size_t count;
    double *values; /* NaN: no datapoint */
};

enum cw_value_kind {
    CW_VALUE_NUMBER,
    CW_VALUE_SERIES,
    CW_VALUE_LIST,
    CW_VALUE_TEXT,
    CW_VALUE_WORD
};
struct cw_value {
    enum cw_value_kind kind;
    double number;
    struct cw_series *series; /* `count` of them; one of CW_VALUE_SERIES */
    size_t count;
    struct mr_slice text;
};

struct cw_math {
    struct mr_arena *arena;
    void *ctx;
    /* The value of another query; false, with `why` set: there is none. */
    bool (*find)(void *ctx, struct cw_math *math, struct mr_slice id, struct cw_value *ret);
    /* All metrics of the request (no expressions) whose id has the text in it. */
    struct cw_value (*metrics)(void *ctx, struct mr_slice part);
    struct cw_series grid; /* what TIME_SERIES makes a series of; its values are not looked at */
    size_t points;         /* made so far, by all expressions of the request */
    char why[CW_MATH_WHY_MAX];
};

/* Evaluates `text`. False, with `why` set: it is no expression, or has no value. */
bool cw_math_eval(struct cw_math *math, struct mr_slice text, struct cw_value *ret);

/* ---- shared by math.c and functions.c ---- */

/* False; the first reason is kept. */
bool cw_math_fail(struct cw_math *math, const char *format, ...) MR_PRINTF(2, 3);
/* A series on the grid of `like`, all NaN. False: too many datapoints. */
bool cw_math_series(struct cw_math *math, const struct cw_series *like, struct cw_value *ret);
/* Calls a function by its name. */
bool cw_math_call(struct cw_math *math, struct mr_slice name, const struct cw_value *arguments,
                  size_t count, struct cw_value *ret);
typedef double cw_math_operator(double left, double right);
/* Each datapoint of one with that of the other at the same time; a number stands for all times. */
bool cw_math_apply(struct cw_math *math, cw_math_operator *operate, const struct cw_value *left,
                   const struct cw_value *right, struct cw_value *ret);
/* The datapoint at that time; NaN: none. */
double cw_series_at(const struct cw_series *series, int64_t time_ms);
