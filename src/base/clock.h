/* base/clock.h: time is passed in, never read elsewhere, so that tests and simulation can hold it.
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"
#include <time.h>

struct mr_clock {
    int64_t (*now_ms)(void *ctx); /* wall clock, epoch milliseconds, UTC */
    void *ctx;
};
extern const struct mr_clock mr_clock_system; /* what others go by: dates of HTTP, signatures */
static inline int64_t mr_clock_now(const struct mr_clock *clock)
{
    return clock->now_ms(clock->ctx);
}

/* The server's: the system's clock, but it never goes back in a run of the process. When the
 * system's is set forward it follows; when that is set back it goes on from where it was, slower by
 * an eighth, until the two agree. So nothing that waits for a time waits longer than that. */
extern const struct mr_clock mr_clock_steady;
/* It is not behind `now_ms` from here on. */
void mr_clock_steady_begin(int64_t now_ms);
/* For tests: as if somebody had set the system's clock so much forward, or back. */
void mr_clock_system_set_by(int64_t ms);

/* A clock that a test holds, moves forward and lets go. It begins as the steady one; what was
 * advanced stays when it runs on, so it never goes back. Any thread may read and change it; each
 * change is one step. */
struct mr_clock_movable {
    /* Twice the time it is held at, plus 1; or twice what it is ahead of the steady clock. */
    _Atomic int64_t state;
};
struct mr_clock mr_clock_of_movable(struct mr_clock_movable *movable);
/* The present time, and whether it is held, as one step. */
int64_t mr_clock_movable_now(const struct mr_clock_movable *movable, bool *ret_held);
/* It stands at `now_ms`, or runs on from there. MR_INVALID: that would be a step back; nothing
 * changed. */
MR_MUST_USE enum mr_status mr_clock_move(struct mr_clock_movable *movable, int64_t now_ms,
                                         bool held);

int64_t mr_monotonic_ms(void); /* for deadlines and intervals only */
int64_t mr_monotonic_us(void);
/* A time of that clock as pthread_cond_timedwait takes it. */
struct timespec mr_monotonic_timespec(int64_t us);

struct mr_date {
    int year, month, day, hour, minute, second, ms; /* month 1..12, UTC */
    int weekday;                                    /* 0 = Sunday */
};
struct mr_date mr_date_from_ms(int64_t epoch_ms);
int64_t mr_date_to_ms(const struct mr_date *date);
/* "2024-06-10T06:13:20.123Z", "Mon, 10 Jun 2024 06:13:20 GMT" and "20240610T061320Z", for the years
 * 0 to 9999 (times beyond give the first or the last of them). Returns the slice over the text. */
struct mr_slice mr_date_iso8601(int64_t epoch_ms, char ret[static 32]);
struct mr_slice mr_date_http(int64_t epoch_ms, char ret[static 32]);
struct mr_slice mr_date_basic(int64_t epoch_ms, char ret[static 32]);
/* Reads any of the three forms above (fraction and zone offset optional in the first); MR_INVALID
 * otherwise. */
MR_MUST_USE enum mr_status mr_date_parse(struct mr_slice text, int64_t *ret_epoch_ms);
