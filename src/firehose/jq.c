#include "base/buf.h"
#include "firehose/extract.h"
#include <jq.h>
#include <stdio.h>
#include <stdlib.h>

static void keep_error(void *ctx, jv error)
{
    struct mr_buf *buf = ctx;
    error = jq_format_error(error);
    if (buf->len == 0)
        mr_buf_append(buf, mr_slice_make(jv_string_value(error),
                                         (size_t)jv_string_length_bytes(jv_copy(error))));
    jv_free(error);
}

/* A line of its own, whatever is in the text. */
static void write_line(const char *mark, struct mr_slice text)
{
    (void)fputs(mark, stdout);
    for (size_t i = 0; i < text.len; i++)
        (void)fputc((uint8_t)text.ptr[i] < ' ' ? ' ' : text.ptr[i], stdout);
    (void)fputc('\n', stdout);
}

static void write_value(jv value)
{
    jv text = jv_dump_string(value, 0);
    const struct mr_slice bytes =
        mr_slice_make(jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
    if (bytes.len < RUNTIME_LINE_BYTES_MAX)
        write_line("", bytes);
    else
        write_line("!", MR_S("the query gives too long a value"));
    jv_free(text);
}

static void write_error(jv value)
{
    jv message = jv_invalid_get_msg(value);
    const bool told = jv_get_kind(message) == JV_KIND_STRING;
    write_line("!",
               told ? mr_slice_cstr(jv_string_value(message)) : MR_S("the query gives no value"));
    jv_free(message);
}

static void extract(jq_state *jq, struct mr_slice record)
{
    jv input = jv_parse_sized(record.len > 0 ? record.ptr : "", (int)record.len);
    if (!jv_is_valid(input)) {
        jv_free(input);
        write_line("!", MR_S("Non JSON record provided"));
        return;
    }
    jq_start(jq, input, 0);
    jv value = jq_next(jq);
    if (jv_is_valid(value))
        write_value(value);
    else
        write_error(value);
}

/* The next record into buf; false at the end of the input. */
static bool read_record(struct mr_buf *buf)
{
    uint8_t head[4];
    if (fread(head, 1, sizeof head, stdin) != sizeof head)
        return false;
    const size_t len =
        (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    mr_buf_reset(buf);
    if (len > INT32_MAX || fread(mr_buf_reserve(buf, len + 1), 1, len, stdin) != len)
        return false;
    buf->len = len;
    return true;
}

int jq_main(int argc, char **argv)
{
    struct mr_buf error = {0}, record = {0};
    jq_state *jq = argc == 2 ? jq_init() : NULL;
    if (jq == NULL) {
        (void)fputs("millrace jq: a query is needed; records come from the standard input\n",
                    stderr);
        return 2;
    }
    jq_set_error_cb(jq, keep_error, &error);
    const bool good = jq_compile(jq, argv[1]) != 0;
    if (good)
        write_line("ok", MR_S(""));
    else
        write_line("!", mr_buf_slice(&error));
    (void)fflush(stdout);
    while (good && read_record(&record)) {
        extract(jq, mr_buf_slice(&record));
        (void)fflush(stdout);
    }
    jq_teardown(&jq);
    mr_buf_fini(&record);
    mr_buf_fini(&error);
    return good ? 0 : 1;
}
