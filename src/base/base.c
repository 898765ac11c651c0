#include "base/base.h"
#include "base/log.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { AREA_MAX = 32, RAISE_TEXT_MAX = 2048 };

/* The folder's name from a path such as "../src/journal/append.c" into `ret`. */
static void area_of(const char *file, char ret[static AREA_MAX])
{
    const char *src = strstr(file, "src/");
    const char *start = src == NULL ? file : src + 4;
    const char *slash = strchr(start, '/');
    int len = slash == NULL ? (int)strlen(start) : (int)(slash - start);
    snprintf(ret, AREA_MAX, "%.*s", len, start);
}

enum mr_status mr_raise(enum mr_status code, const char *file, int line, const char *format, ...)
{
    assert(code < 0);
    char area[AREA_MAX];
    char text[RAISE_TEXT_MAX];
    area_of(file, area);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *src = strstr(file, "src/");
    mr_log(MR_LOG_ERROR, area, "%s:%d: %s", src == NULL ? file : src, line, text);
    return code;
}
