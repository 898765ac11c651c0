#include "base/log.h"
#include "base/clock.h"
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* A longer message is cut; four bytes a character are enough for "\x1b". */
enum { LOG_TEXT_MAX = 4096, LOG_LINE_MAX = LOG_TEXT_MAX * 4 + 128 };

static _Atomic int log_level = MR_LOG_INFO;

void mr_log_set_level(enum mr_log_level level)
{
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

static size_t escape_controls(const char *text, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x20 && byte != 0x7f) {
            ret[at++] = text[i];
            continue;
        }
        ret[at++] = '\\';
        if (byte == '\n') {
            ret[at++] = 'n';
        } else {
            ret[at++] = 'x';
            ret[at++] = digits[byte >> 4];
            ret[at++] = digits[byte & 15];
        }
    }
    return at;
}

/* One write(2) a line, so that lines of several threads do not mix. */
static void write_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t done = write(STDERR_FILENO, data, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* nobody is left to tell */
        data += done;
        len -= (size_t)done;
    }
}

void mr_log(enum mr_log_level level, const char *area, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load_explicit(&log_level, memory_order_relaxed))
        return;
    int saved_errno = errno;
    char text[LOG_TEXT_MAX];
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t len = wanted < 0 ? 0 : (size_t)wanted;
    if (len >= sizeof(text))
        len = sizeof(text) - 1;
    char when[32];
    struct mr_slice date = mr_date_iso8601(mr_clock_now(&mr_clock_system), when);
    int head = snprintf(line, 128, "%.*s %-5s %.40s: ", MR_ARG(date), names[level], area);
    size_t at = head < 0 ? 0 : (size_t)head;
    at += escape_controls(text, len, line + at);
    line[at++] = '\n';
    write_all(line, at);
    errno = saved_errno;
}
