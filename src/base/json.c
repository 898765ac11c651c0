#include "base/json.h"
#include "base/codec.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>

struct mr_json mr_json_make(struct mr_buf *buf)
{
    return (struct mr_json){.buf = buf};
}

/* Puts the comma that the next value or name needs, with room for `more` bytes behind it. */
static char *before(struct mr_json *json, size_t more)
{
    char *at = mr_buf_reserve(json->buf, more + 1);
    if (json->need_comma) {
        *at++ = ',';
        json->buf->len++;
    }
    json->need_comma = true;
    return at;
}

static void put_short(struct mr_json *json, const char *text, size_t len)
{
    memcpy(before(json, len), text, len);
    json->buf->len += len;
}

static void open_with(struct mr_json *json, char bracket)
{
    *before(json, 1) = bracket;
    json->buf->len++;
    json->depth++;
    json->need_comma = false;
}

static void close_with(struct mr_json *json, char bracket)
{
    assert(json->depth > 0);
    mr_buf_byte(json->buf, bracket);
    json->depth--;
    json->need_comma = true;
}

void mr_json_object(struct mr_json *json)
{
    open_with(json, '{');
}

void mr_json_object_end(struct mr_json *json)
{
    close_with(json, '}');
}

void mr_json_array(struct mr_json *json)
{
    open_with(json, '[');
}

void mr_json_array_end(struct mr_json *json)
{
    close_with(json, ']');
}

/* ---- strings ---- */

/* True when all eight bytes are printable ASCII other than quote and backslash. */
static bool is_plain_word(const char *ptr)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t word;
    memcpy(&word, ptr, sizeof(word));
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    /* A byte below n borrows from its high bit in word - ones * n. A borrow may also mark a good
     * byte above a bad one, which costs nothing here. */
    uint64_t bad = (word - ones * 0x20) | (quote - ones) | (backslash - ones) | word;
    return (bad & highs) == 0;
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Length of the run of bytes from `at` that stand for themselves. */
static size_t plain_run(struct mr_slice value, size_t at)
{
    size_t from = at;
    while (value.len - at >= 8 && is_plain_word(value.ptr + at))
        at += 8;
    for (; at < value.len; at++) {
        if (is_plain((unsigned char)value.ptr[at]))
            continue;
        if ((unsigned char)value.ptr[at] < 0x80)
            break;
        size_t step = mr_slice_utf8_next(mr_slice_sub(value, at, 4));
        if (step == 0)
            break;
        at += step - 1;
    }
    return at - from;
}

/* The escape of one byte that cannot stand for itself, at most six bytes; returns its length. */
static size_t put_escape(char *out, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (byte >= 0x80) { /* not UTF-8: U+FFFD takes its place */
        memcpy(out, "\xef\xbf\xbd", 3);
        return 3;
    }
    out[0] = '\\';
    if (byte >= 0x20 || letters[byte] != 0) {
        out[1] = byte >= 0x20 ? (char)byte : letters[byte];
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = digits[byte >> 4];
    out[5] = digits[byte & 15];
    return 6;
}

void mr_json_escape(struct mr_buf *buf, struct mr_slice value)
{
    size_t at = 0;
    while (at < value.len) {
        size_t run = plain_run(value, at);
        char *out = mr_buf_reserve(buf, run + 6);
        memcpy(out, value.ptr + at, run);
        buf->len += run;
        at += run;
        if (at < value.len)
            buf->len += put_escape(out + run, (unsigned char)value.ptr[at++]);
    }
}

/* Copies the less than eight bytes at the end of a text, of which `before` bytes went before, when
 * all stand for themselves. Words may overlap: what they share is the same twice. */
static bool copy_plain_end(char *out, const char *from, size_t len, size_t before)
{
    char word[8];
    if (before + len >= 8 && before > 0) {
        memcpy(out + len - 8, from + len - 8, 8);
        return is_plain_word(from + len - 8);
    }
    if (len >= 4) {
        memcpy(word, from, 4);
        memcpy(word + 4, from + len - 4, 4);
        memcpy(out, word, 4);
        memcpy(out + len - 4, word + 4, 4);
        return is_plain_word(word);
    }
    bool plain = true;
    for (size_t i = 0; i < len; i++) {
        plain = plain && is_plain((unsigned char)from[i]);
        out[i] = from[i];
    }
    return plain;
}

/* Copies `value` to `out`, where there is room for it, as long as its bytes stand for themselves;
 * returns how many did: mostly all, and each is looked at once. */
static size_t copy_plain(char *out, struct mr_slice value)
{
    size_t at = 0;
    if (value.len == 0) /* its ptr may be NULL */
        return 0;
    for (; value.len - at >= 8 && is_plain_word(value.ptr + at); at += 8)
        memcpy(out + at, value.ptr + at, 8);
    if (value.len - at < 8 && copy_plain_end(out + at, value.ptr + at, value.len - at, at))
        return value.len;
    for (; at < value.len && is_plain((unsigned char)value.ptr[at]); at++)
        out[at] = value.ptr[at];
    return at;
}

/* The text at `at`, for which there is room, and a quote. Returns where it ends. What does not
 * stand for itself is escaped, which may move the buffer. */
static char *put_text(struct mr_json *json, char *at, struct mr_slice value, size_t room_behind)
{
    size_t plain = copy_plain(at, value);
    at += plain;
    if (plain < value.len) {
        json->buf->len = (size_t)(at - json->buf->data);
        mr_json_escape(json->buf, mr_slice_sub(value, plain, SIZE_MAX));
        at = mr_buf_reserve(json->buf, room_behind + 1);
    }
    *at++ = '"';
    return at;
}

static void end_at(struct mr_json *json, const char *at)
{
    json->buf->len = (size_t)(at - json->buf->data);
}

void mr_json_name(struct mr_json *json, struct mr_slice name)
{
    char *at = before(json, name.len + 3);
    *at++ = '"';
    at = put_text(json, at, name, 1);
    *at++ = ':';
    end_at(json, at);
    json->need_comma = false;
}

void mr_json_key(struct mr_json *json, const char *name)
{
    size_t len = strlen(name);
    char *at = before(json, len + 3);
    at[0] = '"';
    memcpy(at + 1, name, len);
    at[len + 1] = '"';
    at[len + 2] = ':';
    json->buf->len += len + 3;
    json->need_comma = false;
}

void mr_json_string(struct mr_json *json, struct mr_slice value)
{
    char *at = before(json, value.len + 2);
    *at++ = '"';
    end_at(json, put_text(json, at, value, 0));
}

void mr_json_tagged(struct mr_json *json, char tag, struct mr_slice value)
{
    char *at = before(json, value.len + 8);
    memcpy(at, "{\"?\":\"", 6);
    at[2] = tag;
    at = put_text(json, at + 6, value, 1);
    *at++ = '}';
    end_at(json, at);
}

void mr_json_base64(struct mr_json *json, struct mr_slice bytes)
{
    *before(json, 1) = '"';
    json->buf->len++;
    mr_base64_append(json->buf, bytes);
    mr_buf_byte(json->buf, '"');
}

/* ---- numbers and the rest ---- */

enum { DECIMAL_MAX = 20 }; /* digits and sign of any 64-bit integer */

/* Writes digits so that they end just before `end`; returns where they begin. */
static char *decimal_before(char *end, int64_t value)
{
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--end = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        *--end = '-';
    return end;
}

void mr_json_int(struct mr_json *json, int64_t value)
{
    char text[DECIMAL_MAX];
    char *start = decimal_before(text + sizeof(text), value);
    put_short(json, start, (size_t)(text + sizeof(text) - start));
}

void mr_json_number(struct mr_json *json, double value)
{
    if (isnan(value)) {
        put_short(json, "\"NaN\"", 5);
        return;
    }
    if (isinf(value)) {
        struct mr_slice text = value > 0 ? MR_S("\"Infinity\"") : MR_S("\"-Infinity\"");
        put_short(json, text.ptr, text.len);
        return;
    }
    char room[512];
    yyjson_alc alc;
    yyjson_alc_pool_init(&alc, room, sizeof(room));
    yyjson_val number = {0}; /* the setter keeps what lies beside the type */
    unsafe_yyjson_set_real(&number, value);
    size_t len = 0;
    char *text = yyjson_val_write_opts(&number, 0, &alc, &len, NULL);
    assert(text != NULL);
    put_short(json, text, len);
}

void mr_json_bool(struct mr_json *json, bool value)
{
    put_short(json, value ? "true" : "false", value ? 4 : 5);
}

void mr_json_null(struct mr_json *json)
{
    put_short(json, "null", 4);
}

void mr_json_raw(struct mr_json *json, struct mr_slice text)
{
    assert(text.len > 0);
    put_short(json, text.ptr, text.len);
}

void mr_json_timestamp(struct mr_json *json, int64_t epoch_ms)
{
    char text[DECIMAL_MAX + 4];
    char *end = text + sizeof(text);
    int64_t seconds = epoch_ms / 1000;
    int ms = (int)(epoch_ms % 1000);
    bool below_zero = ms < 0;
    if (below_zero)
        ms = -ms;
    size_t digits = ms % 10 != 0 ? 3 : ms % 100 != 0 ? 2 : 1;
    int shown = digits == 3 ? ms : digits == 2 ? ms / 10 : ms / 100;
    char *start = end;
    for (size_t i = 0; i < digits; i++, shown /= 10)
        *--start = (char)('0' + shown % 10);
    *--start = '.';
    start = decimal_before(start, seconds);
    if (seconds == 0 && below_zero)
        *--start = '-';
    put_short(json, start, (size_t)(end - start));
}

/* ---- copies of parsed values ---- */

static void put_scalar(struct mr_json *json, yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_RAW: mr_json_raw(json, mr_json_text(value)); return;
    case YYJSON_TYPE_STR: mr_json_string(json, mr_json_text(value)); return;
    case YYJSON_TYPE_BOOL: mr_json_bool(json, unsafe_yyjson_get_bool(value)); return;
    case YYJSON_TYPE_NUM:
        if (yyjson_is_real(value))
            mr_json_number(json, unsafe_yyjson_get_real(value));
        else if (yyjson_is_sint(value))
            mr_json_int(json, unsafe_yyjson_get_sint(value));
        else
            mr_buf_printf(json->buf, "%s%" PRIu64, json->need_comma ? "," : "",
                          unsafe_yyjson_get_uint(value));
        json->need_comma = true;
        return;
    default: mr_json_null(json); return;
    }
}

/* yyjson keeps a value's parts behind it in one array, in the order of the text, so this walks the
 * array and closes each container behind its last part. No recursion: depth comes from the wire. */
void mr_json_value(struct mr_json *json, yyjson_val *value)
{
    struct {
        size_t left; /* parts still to come; a name counts as one */
        bool is_object;
    } open[MR_JSON_DEPTH_MAX];
    size_t depth = 0;
    for (yyjson_val *at = value;; at++) {
        if (unsafe_yyjson_is_ctn(at)) {
            assert(depth < MR_JSON_DEPTH_MAX);
            bool is_object = yyjson_is_obj(at);
            open[depth].is_object = is_object;
            open[depth++].left = unsafe_yyjson_get_len(at) * (is_object ? 2 : 1);
            open_with(json, is_object ? '{' : '[');
        } else if (depth > 0 && open[depth - 1].is_object && open[depth - 1].left % 2 == 0) {
            mr_json_name(json, mr_json_text(at));
            open[depth - 1].left--;
        } else {
            put_scalar(json, at);
            if (depth > 0)
                open[depth - 1].left--;
        }
        while (depth > 0 && open[depth - 1].left == 0) {
            close_with(json, open[--depth].is_object ? '}' : ']');
            if (depth > 0)
                open[depth - 1].left--;
        }
        if (depth == 0)
            return;
    }
}

struct mr_slice mr_json_print(struct mr_arena *arena, yyjson_val *value)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, value);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

char *mr_json_strdup(yyjson_val *value, const char *absent)
{
    if (value == NULL)
        return absent == NULL ? NULL : mr_strdup_slice(mr_slice_cstr(absent));
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, value);
    char *text = mr_strdup_slice(mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* ---- name and value ---- */

void mr_json_key_string(struct mr_json *json, const char *name, struct mr_slice value)
{
    mr_json_key(json, name);
    mr_json_string(json, value);
}

void mr_json_key_cstr(struct mr_json *json, const char *name, const char *value)
{
    mr_json_key_string(json, name, mr_slice_cstr(value));
}

void mr_json_key_int(struct mr_json *json, const char *name, int64_t value)
{
    mr_json_key(json, name);
    mr_json_int(json, value);
}

void mr_json_key_number(struct mr_json *json, const char *name, double value)
{
    mr_json_key(json, name);
    mr_json_number(json, value);
}

void mr_json_key_bool(struct mr_json *json, const char *name, bool value)
{
    mr_json_key(json, name);
    mr_json_bool(json, value);
}

void mr_json_key_timestamp(struct mr_json *json, const char *name, int64_t epoch_ms)
{
    mr_json_key(json, name);
    mr_json_timestamp(json, epoch_ms);
}

void mr_json_key_value(struct mr_json *json, const char *name, yyjson_val *value)
{
    if (value == NULL || yyjson_is_null(value))
        return;
    mr_json_key(json, name);
    mr_json_value(json, value);
}

void mr_json_key_raw(struct mr_json *json, const char *name, struct mr_slice text)
{
    if (text.len == 0)
        return;
    mr_json_key(json, name);
    mr_json_raw(json, text);
}
