#include "base/point.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum action { NONE, KILL, EIO_ERROR, ENOSPC_ERROR, SHORT, TEAR, DELAY };

static const char *const action_names[] = {
    [KILL] = "kill",   [EIO_ERROR] = "eio", [ENOSPC_ERROR] = "enospc",
    [SHORT] = "short", [TEAR] = "tear",     [DELAY] = "delay-",
};

enum { ANY = MR_POINTS, DELAY_MS_MAX = 60000 };

static const struct {
    const char *name;
    enum mr_point_kind kind;
} points[MR_POINTS + 1] = {
#define POINT_ROW(name, text, kind) {text, MR_POINT_##kind},
    MR_POINT_TABLE(POINT_ROW)
#undef POINT_ROW
        {"any", MR_POINT_STEP},
};

/* `at` is written last when armed, and 0 while not, so that who passes needs no lock. */
static struct {
    _Atomic uint64_t passed, at;
    _Atomic bool onward;
    _Atomic int action, delay_ms;
} state[MR_POINTS + 1];

_Atomic bool mr_points_on;
static _Thread_local bool doomed; /* half of a write is done: the next point ends it */

/* ---- passing ---- */

static void say(enum mr_point point, uint64_t number, int action)
{
    char line[160];
    const int len = snprintf(line, sizeof line, "millrace: struck %s %llu %s\n", points[point].name,
                             (unsigned long long)number, action_names[action]);
    if (len > 0)
        (void)!write(STDERR_FILENO, line, (size_t)len);
}

static _Noreturn void die(void)
{
    for (;;)
        (void)kill(getpid(), SIGKILL);
}

/* Until the point is disarmed, at most. */
static void pass_time(int as)
{
    const struct timespec step = {.tv_nsec = 1000000L};
    const int ms = atomic_load(&state[as].delay_ms);
    for (int i = 0; i < ms && atomic_load(&state[as].at) != 0; i++)
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
}

/* What is to happen now at `as`, which is the point itself, or ANY. */
static int strike(enum mr_point point, int as)
{
    const uint64_t number = atomic_fetch_add(&state[as].passed, 1) + 1;
    const uint64_t at = atomic_load(&state[as].at);
    if (at == 0 || number < at || (number > at && !atomic_load(&state[as].onward)))
        return NONE;
    const int action = atomic_load(&state[as].action);
    say(point, number, action);
    if (action == KILL)
        die();
    if (action == DELAY)
        pass_time(as);
    return action;
}

static int pass(enum mr_point point)
{
    if (doomed)
        die();
    (void)strike(point, ANY);
    return strike(point, (int)point);
}

int mr_point_pass(enum mr_point point)
{
    const int action = pass(point);
    const int error = action == EIO_ERROR ? EIO : action == ENOSPC_ERROR ? ENOSPC : 0;
    if (error != 0)
        errno = error;
    return error;
}

size_t mr_point_pass_write(enum mr_point point, size_t len)
{
    const int action = pass(point);
    if (action == EIO_ERROR || action == ENOSPC_ERROR) {
        errno = action == EIO_ERROR ? EIO : ENOSPC;
        return 0;
    }
    doomed = action == TEAR;
    return action == SHORT || action == TEAR ? (len + 1) / 2 : len;
}

/* ---- arming ---- */

void mr_points_count(void)
{
    atomic_store(&mr_points_on, true);
}

static int action_of(struct mr_slice text, int *ret_delay_ms)
{
    const struct mr_slice delay = mr_slice_cstr(action_names[DELAY]);
    int64_t ms;
    for (int i = KILL; i < DELAY; i++)
        if (mr_slice_equal(text, mr_slice_cstr(action_names[i])))
            return i;
    if (!mr_slice_starts_with(text, delay) ||
        mr_slice_to_i64(mr_slice_sub(text, delay.len, SIZE_MAX), &ms) != MR_OK || ms < 0 ||
        ms > DELAY_MS_MAX)
        return NONE;
    *ret_delay_ms = (int)ms;
    return DELAY;
}

static bool takes(enum mr_point_kind kind, int action)
{
    if (action == SHORT || action == TEAR)
        return kind == MR_POINT_WRITE;
    return kind != MR_POINT_STEP || action == KILL || action == DELAY;
}

enum mr_status mr_point_arm(struct mr_slice spec, const char **ret_problem)
{
    struct mr_slice rest = spec, name, count;
    int point = 0, delay_ms = 0;
    uint64_t number;
    *ret_problem = "POINT:N:ACTION is wanted";
    if (!mr_slice_split(&rest, ':', &name) || !mr_slice_split(&rest, ':', &count))
        return MR_INVALID;
    const bool onward = mr_slice_ends_with(count, MR_S("+"));
    count = mr_slice_sub(count, 0, count.len - onward);
    while (point <= ANY && !mr_slice_equal(name, mr_slice_cstr(points[point].name)))
        point++;
    const int action = action_of(rest, &delay_ms);
    *ret_problem = point > ANY ? "there is no such point; 'millrace points' lists them"
                   : mr_slice_to_u64(count, &number) != MR_OK || number == 0 ? "N counts from 1"
                   : action == NONE ? "actions are kill, eio, enospc, short, tear, delay-MS"
                   : takes(points[point].kind, action) ? NULL
                                                       : "the point does not take that action";
    if (*ret_problem != NULL)
        return MR_INVALID;
    atomic_store(&state[point].at, 0);
    atomic_store(&state[point].action, action);
    atomic_store(&state[point].delay_ms, delay_ms);
    atomic_store(&state[point].onward, onward);
    atomic_store(&state[point].at, atomic_load(&state[point].passed) + number);
    mr_points_count();
    return MR_OK;
}

void mr_points_disarm(void)
{
    for (int i = 0; i <= ANY; i++)
        atomic_store(&state[i].at, 0);
}

const char *mr_point_name(enum mr_point point)
{
    return points[point].name;
}

enum mr_point_kind mr_point_kind_of(enum mr_point point)
{
    return points[point].kind;
}

uint64_t mr_point_count(enum mr_point point)
{
    return atomic_load(&state[point].passed);
}
