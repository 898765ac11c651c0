/* base/inject.h: failures by name and rate, for people who test their own consumers. `serve
 * --testing` alone sets any (/_millrace/faults); without one a look costs one load.
 *
 * A rule names a service, an operation and a resource (each may be empty: any), what happens, how
 * often (rate, 0 to 1), and at most how many times. Choices come of the rule's seed, so a run that
 * asks in the same order chooses alike. Any thread. */
#pragma once
#include "base/json.h"
#include <stdatomic.h>

enum mr_inject_kind {
    MR_INJECT_ERROR,   /* an error instead of the answer; `after`: the work was done all the same */
    MR_INJECT_SLOW,    /* the answer comes `delay_ms` late */
    MR_INJECT_RESET,   /* the connection is cut instead of the answer */
    MR_INJECT_PARTIAL, /* entries of a batch fail, each by the rate */
    MR_INJECT_FUNCTION_ERROR, /* of a function's answer, here and below: the handler raises */
    MR_INJECT_FUNCTION_CRASH, /* its process ends */
    MR_INJECT_FUNCTION_HANG,  /* it times out, after delay_ms */
    MR_INJECT_FUNCTION_WRONG, /* it answers null */
    MR_INJECT_FUNCTION_TWICE, /* it is called twice, and the second answer counts */
    MR_INJECT_KINDS
};
enum { MR_INJECT_RULES_MAX = 64, MR_INJECT_TEXT_MAX = 256, MR_INJECT_DELAY_MS_MAX = 60000 };

struct mr_injection {
    enum mr_inject_kind kind;
    bool after;
    int status;
    int64_t delay_ms;
    char code[64], message[MR_INJECT_TEXT_MAX];
};
extern atomic_int mr_inject_rules; /* how many there are */
static inline bool mr_inject_any(void)
{
    return __builtin_expect(atomic_load_explicit(&mr_inject_rules, memory_order_relaxed) > 0, 0);
}
/* Whether one of `kinds` (a bit each) strikes now; it is counted. */
bool mr_inject_strikes(const char *service, struct mr_slice operation, struct mr_slice resource,
                       unsigned kinds, struct mr_injection *ret);
#define MR_INJECT_BIT(kind) (1U << (kind))
/* What "slow" does: waits in real time. Not on an I/O loop. */
void mr_inject_linger(int64_t ms);
/* Adds a rule from its JSON object. NULL, or what is wrong with it. */
const char *mr_inject_add(yyjson_val *rule, int64_t *ret_id);
/* id 0: all. False: there is none. */
bool mr_inject_remove(int64_t id);
/* {"faults":[{"id",...,"struck"}]} */
void mr_inject_write(struct mr_json *json);
