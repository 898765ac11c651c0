#include "athena/records.h"

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static size_t skip_blanks(struct mr_slice text, size_t at)
{
    while (at < text.len && is_blank(text.ptr[at]))
        at++;
    return at;
}

/* From a quote to behind the one that ends the text, or to the end. */
static size_t skip_text(struct mr_slice text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        at += text.ptr[at] == '\\';
    return at < text.len ? at + 1 : text.len;
}

/* The list behind a name that ends at `at`. */
static bool opens_list(struct mr_slice text, size_t at, struct mr_slice *ret_rest)
{
    at = skip_blanks(text, at);
    if (at >= text.len || text.ptr[at] != ':')
        return false;
    at = skip_blanks(text, at + 1);
    if (at >= text.len || text.ptr[at] != '[')
        return false;
    *ret_rest = mr_slice_sub(text, at + 1, SIZE_MAX);
    return true;
}

bool athena_records_open(struct mr_slice line, struct mr_slice *ret_rest)
{
    int64_t depth = 0;
    for (size_t at = 0; at < line.len;) {
        const char byte = line.ptr[at];
        if (byte == '"') {
            const size_t end = skip_text(line, at);
            if (depth == 1 &&
                mr_slice_equal(mr_slice_sub(line, at, end - at), MR_S("\"Records\"")) &&
                opens_list(line, end, ret_rest))
                return true;
            at = end;
            continue;
        }
        depth += byte == '{' || byte == '[' ? 1 : byte == '}' || byte == ']' ? -1 : 0;
        at++;
    }
    return false;
}

bool athena_records_next(struct mr_slice *rest, struct mr_slice *ret_record)
{
    size_t begin = skip_blanks(*rest, 0);
    if (begin < rest->len && rest->ptr[begin] == ',')
        begin = skip_blanks(*rest, begin + 1);
    if (begin >= rest->len || rest->ptr[begin] == ']')
        return false;
    int64_t depth = 0;
    size_t at = begin;
    while (at < rest->len) {
        const char byte = rest->ptr[at];
        if (depth == 0 && (byte == ',' || byte == ']' || byte == '}'))
            break;
        if (byte == '"') {
            at = skip_text(*rest, at);
            continue;
        }
        depth += byte == '{' || byte == '[' ? 1 : byte == '}' || byte == ']' ? -1 : 0;
        at++;
    }
    *ret_record = mr_slice_sub(*rest, begin, at - begin);
    *rest = mr_slice_sub(*rest, at + (at < rest->len && rest->ptr[at] == '}'), SIZE_MAX);
    return true;
}
