/* base/base.h: what every module shares: result codes, attributes, cleanup. Includes nothing of
 * ours. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_MUST_USE __attribute__((warn_unused_result))
#define MR_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
/* Runs fn(&variable) when the variable leaves its scope. fn accepts a zeroed object. */
#define MR_CLEANUP(fn) __attribute__((cleanup(fn)))
#define MR_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MR_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* 0: done.  > 0: an outcome the call documents; its direct caller handles it.
 * < 0: a failure of ours (raised once with MR_RAISE, which logs where); forwarded unchanged to the
 * request or pump that started the work, and ends there as a 500 or a paused pump. */
enum mr_status {
    MR_FAIL = -1,      /* a failure without a finer name */
    MR_FAIL_IO = -2,   /* a system call on a file or socket failed */
    MR_FAIL_DATA = -3, /* stored bytes are damaged */
    MR_OK = 0,
    MR_NOT_FOUND = 1,
    MR_EXISTS = 2,
    MR_FULL = 3,    /* a named limit is reached; nothing changed */
    MR_AGAIN = 4,   /* not now: wait, then call again */
    MR_INVALID = 5, /* the input is not what the call takes; nothing changed */
    MR_END = 6,     /* no more */
    MR_FAULT = 7,   /* an AWS fault was set on the call; stop and answer it */
};

/* Logs "file:line: message" as an error and returns `code`, which is < 0. */
#define MR_RAISE(code, ...) mr_raise((code), __FILE__, __LINE__, __VA_ARGS__)
enum mr_status mr_raise(enum mr_status code, const char *file, int line, const char *format, ...)
    MR_PRINTF(4, 5);
