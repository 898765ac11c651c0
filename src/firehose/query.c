/* The keys of a query that builds an object, read without running it. */
#include "firehose/extract.h"

struct scan {
    struct mr_slice text;
    size_t at;
};

static char peek(const struct scan *scan)
{
    return scan->at < scan->text.len ? scan->text.ptr[scan->at] : '\0';
}

static void skip_blanks(struct scan *scan)
{
    for (;;) {
        while (scan->at < scan->text.len && (uint8_t)peek(scan) <= ' ')
            scan->at++;
        if (peek(scan) != '#')
            return;
        while (scan->at < scan->text.len && peek(scan) != '\n')
            scan->at++;
    }
}

/* A string, from its first quote to behind its last. "\(" opens an expression, which may hold
 * strings: each such level needs three characters, and a query has 5,120 at most. */
static void skip_string(struct scan *scan)
{
    for (scan->at++; scan->at < scan->text.len && peek(scan) != '"'; scan->at++) {
        if (peek(scan) != '\\')
            continue;
        scan->at++;
        size_t depth = peek(scan) == '(';
        while (depth > 0 && ++scan->at < scan->text.len) {
            if (peek(scan) == '"') {
                skip_string(scan);
                scan->at--;
            }
            depth += peek(scan) == '(';
            depth -= peek(scan) == ')';
        }
    }
    scan->at++;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "name", name, $name or @base64-like; empty when it is an expression. */
static struct mr_slice read_key(struct scan *scan)
{
    const size_t start = scan->at;
    if (peek(scan) == '"') {
        skip_string(scan);
        const struct mr_slice key = mr_slice_sub(scan->text, start + 1, scan->at - start - 2);
        return mr_slice_find(key, '\\') == SIZE_MAX ? key : MR_S("");
    }
    if (peek(scan) == '$')
        scan->at++;
    const size_t name = scan->at;
    while (is_name(peek(scan)))
        scan->at++;
    return mr_slice_sub(scan->text, name, scan->at - name);
}

/* To the comma or brace that ends a value. */
static void skip_value(struct scan *scan)
{
    size_t depth = 0;
    while (scan->at < scan->text.len) {
        skip_blanks(scan);
        const char c = peek(scan);
        if (depth == 0 && (c == ',' || c == '}'))
            return;
        if (c == '"') {
            skip_string(scan);
            continue;
        }
        depth += c == '(' || c == '[' || c == '{';
        depth -= depth > 0 && (c == ')' || c == ']' || c == '}');
        scan->at++;
    }
}

bool query_each_key(struct mr_slice query, bool (*fn)(void *ctx, struct mr_slice key), void *ctx)
{
    struct scan scan = {.text = query};
    skip_blanks(&scan);
    if (peek(&scan) != '{')
        return true;
    do {
        scan.at++;
        skip_blanks(&scan);
        const struct mr_slice key = read_key(&scan);
        if (key.len > 0 && !fn(ctx, key))
            return false;
        skip_blanks(&scan);
        skip_value(&scan);
    } while (peek(&scan) == ',');
    return true;
}
