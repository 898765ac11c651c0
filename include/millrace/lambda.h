/* millrace/lambda.h: AWS Lambda functions written in C.
 *
 * With this header a transform is an ordinary function and its program a Lambda bootstrap: the
 * same executable runs on AWS (runtime provided.al2023) and on millrace. It needs a C11 compiler
 * and a POSIX libc, nothing else; C++11 takes it too. Include it before other headers if you
 * compile with -std=c11 or -std=c17, because it asks libc for the POSIX names.
 *
 * A Firehose transform, whole. It keeps the orders of 100 and more:
 *
 *     #include <millrace/lambda.h>
 *
 *     static enum lambda_record_result keep_large(const struct lambda_record *in,
 *                                                 struct lambda_buffer *out, void *user)
 *     {
 *         struct lambda_slice price;
 *         double amount;
 *         (void)user;
 *         if (!lambda_json_valid(in->data))
 *             return LAMBDA_RECORD_FAILED; // lands below the error prefix, as it came
 *         if (!lambda_json_find(in->data, "order.price", &price) ||
 *             !lambda_json_double(price, &amount))
 *             return LAMBDA_RECORD_FAILED;
 *         if (amount < 100)
 *             return LAMBDA_RECORD_DROPPED; // leaves no trace
 *         lambda_buffer_add(out, in->data);
 *         lambda_buffer_add_byte(out, '\n'); // Firehose puts nothing between records
 *         return LAMBDA_RECORD_OK;
 *     }
 *
 *     int main(void)
 *     {
 *         return lambda_run_firehose(keep_large, NULL);
 *     }
 *
 * Build, try, deploy (the executable must be called bootstrap):
 *
 *     cc -O2 -o bootstrap keep_large.c
 *     ./bootstrap < event.json               # outside of Lambda: one event, one answer
 *     zip function.zip bootstrap
 *     aws lambda create-function --function-name keep-large --runtime provided.al2023 \
 *         --handler bootstrap --role ROLE_ARN --zip-file fileb://function.zip
 *
 * Build on Amazon Linux 2023 or link with -static, so that AWS finds the libc you used.
 *
 * The other level is a plain function of one event, for anything that is not a transform:
 *
 *     static bool greet(struct lambda_slice event, struct lambda_buffer *reply,
 *                       struct lambda_context *context, void *user)
 *     {
 *         struct lambda_slice name;
 *         (void)user;
 *         if (!lambda_json_find(event, "name", &name))
 *             return lambda_fail(context, "Greet.NoName", "the event has no 'name'");
 *         lambda_buffer_add_text(reply, "{\"hello\":");
 *         lambda_buffer_add(reply, name); // a JSON value stays one
 *         lambda_buffer_add_byte(reply, '}');
 *         return true;
 *     }
 *     ... return lambda_run(greet, NULL);
 *
 * Rules
 * - Memory. A slice borrows: what comes in with an event or a record is valid until your function
 *   returns. A buffer owns its bytes and grows; the ones handed to you are emptied and reused, so
 *   do not free them. Running out of memory, or past LAMBDA_BYTES_MAX, ends the process: Lambda
 *   starts a new one and the caller sees Runtime.ExitError.
 * - Bytes are not text: no slice or buffer ends in NUL.
 * - Threads. One event at a time, on the thread that called lambda_run. Nothing here is global.
 * - State. What you set up in main before lambda_run, or behind `user`, lives as long as the
 *   process, which serves many events. Say with lambda_init_error that the set-up failed.
 * - Logs. Whatever you print on stderr or stdout is the function's log. stdout is flushed after
 *   each event.
 * - Limits. AWS takes answers of up to 6 MB. A transform that makes records longer must have a
 *   smaller BufferSizeInMBs in its Firehose processor.
 * - Names that end in an underscore are not for you; they may change.
 */
#pragma once
#ifndef MILLRACE_LAMBDA_H
#define MILLRACE_LAMBDA_H

#if defined(__STRICT_ANSI__) && !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Longest event, answer or buffer, in bytes. AWS's own limit is 6 MB for each. */
#ifndef LAMBDA_BYTES_MAX
#define LAMBDA_BYTES_MAX ((size_t)64 << 20)
#endif
/* Deepest nesting of JSON that is accepted. An item nests 32 deep at most, twice that as typed
 * attribute values. */
enum { LAMBDA_JSON_DEPTH_MAX = 200 };

/* -------------------------------------------------------------------------------------------
 * What you write and call. The helpers for bytes and JSON follow below.
 */

struct lambda_slice { /* borrowed bytes */
    const char *ptr;
    size_t len;
};

struct lambda_buffer { /* growing bytes; all zero is an empty one */
    char *ptr;
    size_t len;
    size_t cap;
};

/* The invocation that is being served. Texts end in NUL and live until the function returns;
 * those that Lambda did not send are "". */
struct lambda_context {
    const char *request_id;
    const char *function_arn;
    const char *trace_id;
    const char *client_context; /* JSON */
    const char *cognito_identity;
    int64_t deadline_ms; /* Unix time at which Lambda ends the process; 0: none */
    char error_type[128];
    char error_message[1024];
};

/* Answers one event: true with the reply's JSON appended to `reply`, or false after lambda_fail().
 * The event is JSON as it was sent; it has not been checked. An empty reply is sent as null. */
typedef bool lambda_handler(struct lambda_slice event, struct lambda_buffer *reply,
                            struct lambda_context *context, void *user);

enum lambda_record_result {
    LAMBDA_RECORD_OK,      /* `out` replaces the record; it may be empty */
    LAMBDA_RECORD_DROPPED, /* left out on purpose */
    LAMBDA_RECORD_FAILED,  /* ProcessingFailed: Firehose writes the input to the error prefix */
};

/* One record of a Firehose event. */
struct lambda_record {
    struct lambda_slice data;     /* decoded */
    struct lambda_slice id;       /* recordId, opaque */
    struct lambda_slice metadata; /* kinesisRecordMetadata, a JSON object; empty with DirectPut */
    int64_t arrival_ms;           /* Unix time */
};

/* Transforms one record. `out` is empty at the call and ignored unless the result is OK. */
typedef enum lambda_record_result lambda_transform(const struct lambda_record *in,
                                                   struct lambda_buffer *out, void *user);

/* Serves events until Lambda ends the process; returns the program's exit status. Outside of
 * Lambda (AWS_LAMBDA_RUNTIME_API is not set) it answers the one event on stdin, on stdout. */
static inline int lambda_run(lambda_handler *handler, void *user);
static inline int lambda_run_firehose(lambda_transform *transform, void *user);

/* Tells Lambda that the set-up failed; returns the exit status: `return lambda_init_error(...)`. */
static inline int lambda_init_error(const char *type, const char *message);

/* Notes why the invocation fails, as errorType and errorMessage, and returns false. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline bool
lambda_fail(struct lambda_context *context, const char *type, const char *format, ...);

/* Milliseconds left for this invocation; INT64_MAX if there is no deadline. */
static inline int64_t lambda_remaining_ms(const struct lambda_context *context);

/* The Firehose level as a plain handler, for tests and for programs that do more than transform:
 *     struct lambda_firehose firehose = {keep_large, NULL, {0}, {0}};
 *     lambda_firehose_answer(event, &reply, &context, &firehose);
 *     lambda_firehose_fini(&firehose);
 * The answer names each record of the event once and in its order. False: the event is not one
 * that Firehose sends. */
struct lambda_firehose {
    lambda_transform *transform;
    void *user;
    struct lambda_buffer data_; /* the record, decoded */
    struct lambda_buffer line_; /* what the transform made of it */
};
static inline bool lambda_firehose_answer(struct lambda_slice event, struct lambda_buffer *reply,
                                          struct lambda_context *context, void *firehose);
static inline void lambda_firehose_fini(struct lambda_firehose *firehose);

/* -------------------------------------------------------------------------------------------
 * Bytes
 */

/* A C text as a slice, without its NUL. */
static inline struct lambda_slice lambda_slice_text(const char *text)
{
    struct lambda_slice slice;
    slice.ptr = text;
    slice.len = strlen(text);
    return slice;
}

static inline struct lambda_slice lambda_slice_between(const char *from, const char *to)
{
    struct lambda_slice slice;
    slice.ptr = from;
    slice.len = (size_t)(to - from);
    return slice;
}

static inline bool lambda_slice_equal(struct lambda_slice a, struct lambda_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* What a buffer holds now; valid until it grows. */
static inline struct lambda_slice lambda_buffer_slice(const struct lambda_buffer *buffer)
{
    struct lambda_slice slice;
    slice.ptr = buffer->ptr == NULL ? "" : buffer->ptr;
    slice.len = buffer->len;
    return slice;
}

/* Makes room for `more` bytes after the present ones and returns where they go. */
static inline char *lambda_buffer_reserve(struct lambda_buffer *buffer, size_t more)
{
    if (buffer->ptr == NULL || more > buffer->cap - buffer->len) {
        size_t cap = buffer->cap < 512 ? 512 : buffer->cap * 2;
        if (more > LAMBDA_BYTES_MAX - buffer->len) {
            fprintf(stderr, "lambda: more than %zu bytes in one buffer\n", LAMBDA_BYTES_MAX);
            abort();
        }
        if (cap < buffer->len + more)
            cap = buffer->len + more;
        buffer->ptr = (char *)realloc(buffer->ptr, cap);
        if (buffer->ptr == NULL) {
            fprintf(stderr, "lambda: out of memory\n");
            abort();
        }
        buffer->cap = cap;
    }
    return buffer->ptr + buffer->len;
}

static inline void lambda_buffer_add(struct lambda_buffer *buffer, struct lambda_slice bytes)
{
    if (bytes.len == 0)
        return;
    memcpy(lambda_buffer_reserve(buffer, bytes.len), bytes.ptr, bytes.len);
    buffer->len += bytes.len;
}

static inline void lambda_buffer_add_text(struct lambda_buffer *buffer, const char *text)
{
    lambda_buffer_add(buffer, lambda_slice_text(text));
}

static inline void lambda_buffer_add_byte(struct lambda_buffer *buffer, char byte)
{
    *lambda_buffer_reserve(buffer, 1) = byte;
    buffer->len++;
}

/* Appends the number in decimal. */
static inline void lambda_buffer_add_int(struct lambda_buffer *buffer, int64_t number)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)number);
    lambda_buffer_add(buffer, lambda_slice_between(digits, digits + len));
}

/* Forgets the bytes, keeps the memory. */
static inline void lambda_buffer_reset(struct lambda_buffer *buffer)
{
    buffer->len = 0;
}

/* Frees the memory; the buffer is empty and usable afterwards. */
static inline void lambda_buffer_fini(struct lambda_buffer *buffer)
{
    free(buffer->ptr);
    buffer->ptr = NULL;
    buffer->len = 0;
    buffer->cap = 0;
}

/* -------------------------------------------------------------------------------------------
 * Base64, the alphabet with + and /, padded
 */

static inline void lambda_base64_encode(struct lambda_buffer *out, struct lambda_slice bytes)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    char *to = lambda_buffer_reserve(out, (bytes.len + 2) / 3 * 4);
    size_t i;
    out->len += (bytes.len + 2) / 3 * 4;
    for (i = 0; i + 2 < bytes.len; i += 3, to += 4) {
        uint32_t three = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        to[0] = digit[three >> 18];
        to[1] = digit[three >> 12 & 63];
        to[2] = digit[three >> 6 & 63];
        to[3] = digit[three & 63];
    }
    if (i < bytes.len) {
        uint32_t rest = (uint32_t)in[i] << 16;
        if (i + 1 < bytes.len)
            rest |= (uint32_t)in[i + 1] << 8;
        to[0] = digit[rest >> 18];
        to[1] = digit[rest >> 12 & 63];
        to[2] = i + 1 < bytes.len ? digit[rest >> 6 & 63] : '=';
        to[3] = '=';
    }
}

/* The six bits of a digit; 64 and more for anything that is not one. */
static inline unsigned lambda_base64_bits_(unsigned char digit)
{
    /* clang-format off */
    static const unsigned char bits[128] = {
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63,
        52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
        64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
        15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
        64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
        41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
    };
    /* clang-format on */
    return digit < 128 ? bits[digit] : 64u;
}

/* Appends the decoded bytes; false, and nothing appended, if `text` is not padded base64. */
static inline bool lambda_base64_decode(struct lambda_buffer *out, struct lambda_slice text)
{
    const unsigned char *in = (const unsigned char *)text.ptr;
    size_t padding = 0;
    char *to;
    if (text.len == 0)
        return true;
    if (text.len % 4 != 0)
        return false;
    while (padding < 2 && in[text.len - 1 - padding] == '=')
        padding++;
    to = lambda_buffer_reserve(out, text.len / 4 * 3);
    for (size_t i = 0; i < text.len; i += 4, to += 3) {
        size_t given = i + 4 < text.len ? 4 : 4 - padding;
        unsigned a = lambda_base64_bits_(in[i]);
        unsigned b = lambda_base64_bits_(in[i + 1]);
        unsigned c = given > 2 ? lambda_base64_bits_(in[i + 2]) : 0;
        unsigned d = given > 3 ? lambda_base64_bits_(in[i + 3]) : 0;
        uint32_t three = a << 18 | b << 12 | c << 6 | d;
        if ((a | b | c | d) > 63)
            return false;
        to[0] = (char)(unsigned char)(three >> 16);
        to[1] = (char)(unsigned char)(three >> 8);
        to[2] = (char)(unsigned char)three;
    }
    out->len += text.len / 4 * 3 - padding;
    return true;
}

/* -------------------------------------------------------------------------------------------
 * JSON, read in place
 *
 * A JSON value is a slice of the text that holds it, from its first byte to its last: nothing is
 * built. Check a text once with lambda_json_valid, then look into it; on a text that was not
 * checked the calls below are safe, and may find what stands before the damage.
 */

enum lambda_json_kind {
    LAMBDA_JSON_NONE, /* not a value */
    LAMBDA_JSON_NULL,
    LAMBDA_JSON_BOOL,
    LAMBDA_JSON_NUMBER,
    LAMBDA_JSON_STRING,
    LAMBDA_JSON_ARRAY,
    LAMBDA_JSON_OBJECT,
};

static inline bool lambda_json_is_blank_(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *lambda_json_skip_blanks_(const char *at, const char *end)
{
    while (at < end && lambda_json_is_blank_(*at))
        at++;
    return at;
}

static inline bool lambda_json_is_digit_(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* Whether the next 8 bytes are ASCII without control characters, quotes and backslashes. */
static inline bool lambda_json_plain8_(const char *at)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t word, quote, backslash;
    memcpy(&word, at, sizeof word);
    quote = word ^ ones * '"';
    backslash = word ^ ones * '\\';
    return ((word | (word - ones * 0x20) | ((quote - ones) & ~quote) |
             ((backslash - ones) & ~backslash)) &
            tops) == 0;
}

/* Length of the UTF-8 sequence at `at`, which begins with a byte of 0x80 or more; 0: not UTF-8. */
static inline size_t lambda_utf8_len_(const char *at, const char *end)
{
    const unsigned char *in = (const unsigned char *)at;
    size_t room = (size_t)(end - at);
    unsigned char low = 0x80, high = 0xbf;
    size_t len = in[0] >= 0xf0 ? 4 : in[0] >= 0xe0 ? 3 : 2;
    if (in[0] < 0xc2 || in[0] > 0xf4 || room < len)
        return 0;
    if (in[0] == 0xe0)
        low = 0xa0; /* else a shorter form would do */
    else if (in[0] == 0xed)
        high = 0x9f; /* surrogates are not characters */
    else if (in[0] == 0xf0)
        low = 0x90;
    else if (in[0] == 0xf4)
        high = 0x8f; /* U+10FFFF is the last */
    if (in[1] < low || in[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((in[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

/* The four hexadecimal digits at `at`, or -1. */
static inline int32_t lambda_json_hex4_(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Past the closing quote of the string whose first byte inside is `at`; NULL: malformed. */
static inline const char *lambda_json_skip_string_(const char *at, const char *end)
{
    for (;;) {
        while (end - at >= 8 && lambda_json_plain8_(at))
            at += 8;
        if (at == end || (unsigned char)*at < 0x20)
            return NULL;
        if (*at == '"')
            return at + 1;
        if ((unsigned char)*at >= 0x80) {
            size_t len = lambda_utf8_len_(at, end);
            if (len == 0)
                return NULL;
            at += len;
        } else if (*at != '\\') {
            at++;
        } else if (end - at < 2) {
            return NULL;
        } else if (at[1] == 'u') {
            if (lambda_json_hex4_(at + 2, end) < 0)
                return NULL;
            at += 6;
        } else {
            if (memchr("\"\\/bfnrt", at[1], 8) == NULL)
                return NULL;
            at += 2;
        }
    }
}

static inline const char *lambda_json_skip_digits_(const char *at, const char *end)
{
    if (!lambda_json_is_digit_(at, end))
        return NULL;
    while (lambda_json_is_digit_(at, end))
        at++;
    return at;
}

static inline const char *lambda_json_skip_number_(const char *at, const char *end)
{
    if (*at == '-')
        at++;
    if (at < end && *at == '0')
        at++; /* nothing but 0 begins with a 0 */
    else
        at = lambda_json_skip_digits_(at, end);
    if (at != NULL && at < end && *at == '.')
        at = lambda_json_skip_digits_(at + 1, end);
    if (at != NULL && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = lambda_json_skip_digits_(at, end);
    }
    return at;
}

static inline const char *lambda_json_skip_word_(const char *at, const char *end, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(end - at) < len || memcmp(at, word, len) != 0)
        return NULL;
    return at + len;
}

static inline const char *lambda_json_skip_list_(const char *at, const char *end, int depth);

/* Past the value that begins at `at`, which must not be a blank; NULL: malformed. */
static inline const char *lambda_json_skip_(const char *at, const char *end, int depth)
{
    if (at == end)
        return NULL;
    switch (*at) {
    case '"': return lambda_json_skip_string_(at + 1, end);
    case '{':
    case '[': return lambda_json_skip_list_(at, end, depth);
    case 't': return lambda_json_skip_word_(at, end, "true");
    case 'f': return lambda_json_skip_word_(at, end, "false");
    case 'n': return lambda_json_skip_word_(at, end, "null");
    default: return lambda_json_skip_number_(at, end);
    }
}

/* From a member's name to its value; NULL: malformed. */
static inline const char *lambda_json_skip_name_(const char *at, const char *end)
{
    if (at == end || *at != '"')
        return NULL;
    at = lambda_json_skip_string_(at + 1, end);
    if (at == NULL)
        return NULL;
    at = lambda_json_skip_blanks_(at, end);
    if (at == end || *at != ':')
        return NULL;
    return lambda_json_skip_blanks_(at + 1, end);
}

/* An object or an array. */
static inline const char *lambda_json_skip_list_(const char *at, const char *end, int depth)
{
    const bool object = *at == '{';
    const char close = object ? '}' : ']';
    if (depth >= LAMBDA_JSON_DEPTH_MAX)
        return NULL;
    at = lambda_json_skip_blanks_(at + 1, end);
    if (at < end && *at == close)
        return at + 1;
    for (;;) {
        if (object) {
            at = lambda_json_skip_name_(at, end);
            if (at == NULL)
                return NULL;
        }
        at = lambda_json_skip_(at, end, depth + 1);
        if (at == NULL)
            return NULL;
        at = lambda_json_skip_blanks_(at, end);
        if (at == end)
            return NULL;
        if (*at == close)
            return at + 1;
        if (*at != ',')
            return NULL;
        at = lambda_json_skip_blanks_(at + 1, end);
    }
}

/* Whether the text is one JSON value in UTF-8, blanks around it allowed. */
static inline bool lambda_json_valid(struct lambda_slice text)
{
    const char *at, *end;
    if (text.len == 0)
        return false;
    end = text.ptr + text.len;
    at = lambda_json_skip_(lambda_json_skip_blanks_(text.ptr, end), end, 0);
    return at != NULL && lambda_json_skip_blanks_(at, end) == end;
}

/* Told from the first byte that is not blank. */
static inline enum lambda_json_kind lambda_json_kind(struct lambda_slice value)
{
    const char *at, *end;
    if (value.len == 0)
        return LAMBDA_JSON_NONE;
    end = value.ptr + value.len;
    at = lambda_json_skip_blanks_(value.ptr, end);
    if (at == end)
        return LAMBDA_JSON_NONE;
    switch (*at) {
    case '{': return LAMBDA_JSON_OBJECT;
    case '[': return LAMBDA_JSON_ARRAY;
    case '"': return LAMBDA_JSON_STRING;
    case 't':
    case 'f': return LAMBDA_JSON_BOOL;
    case 'n': return LAMBDA_JSON_NULL;
    default:
        return *at == '-' || lambda_json_is_digit_(at, end) ? LAMBDA_JSON_NUMBER : LAMBDA_JSON_NONE;
    }
}

/* Walks the members of an object or the elements of an array in their order:
 *     struct lambda_json_walk walk = lambda_json_enter(value);
 *     while (lambda_json_next(&walk)) ... walk.name, walk.value
 * The name is a JSON string (with its quotes), empty for an array's elements. There are no steps
 * through anything else. */
struct lambda_json_walk {
    struct lambda_slice name;
    struct lambda_slice value;
    const char *at_, *end_;
    bool object_, first_;
};

static inline struct lambda_json_walk lambda_json_enter(struct lambda_slice value)
{
    struct lambda_json_walk walk;
    enum lambda_json_kind kind = lambda_json_kind(value);
    memset(&walk, 0, sizeof walk);
    if (kind != LAMBDA_JSON_OBJECT && kind != LAMBDA_JSON_ARRAY)
        return walk;
    walk.end_ = value.ptr + value.len;
    walk.at_ = lambda_json_skip_blanks_(value.ptr, walk.end_) + 1;
    walk.object_ = kind == LAMBDA_JSON_OBJECT;
    walk.first_ = true;
    return walk;
}

static inline bool lambda_json_next(struct lambda_json_walk *walk)
{
    const char *end = walk->end_, *at, *past;
    if (walk->at_ == NULL)
        return false;
    at = lambda_json_skip_blanks_(walk->at_, end);
    walk->at_ = NULL; /* until this step has succeeded */
    if (at == end || *at == '}' || *at == ']')
        return false;
    if (!walk->first_) {
        if (*at != ',')
            return false;
        at = lambda_json_skip_blanks_(at + 1, end);
    }
    walk->first_ = false;
    if (walk->object_) {
        const char *value = lambda_json_skip_name_(at, end);
        if (value == NULL)
            return false;
        for (past = value - 1; *past != '"';) /* back over the colon and blanks */
            past--;
        walk->name = lambda_slice_between(at, past + 1);
        at = value;
    }
    past = lambda_json_skip_(at, end, 0);
    if (past == NULL)
        return false;
    walk->value = lambda_slice_between(at, past);
    walk->at_ = past;
    return true;
}

static inline bool lambda_json_unescape(struct lambda_slice value, struct lambda_buffer *out);

/* Whether the value is the string `text` (not written as JSON). */
static inline bool lambda_json_equals(struct lambda_slice value, struct lambda_slice text)
{
    struct lambda_buffer plain = {NULL, 0, 0};
    bool equal;
    if (value.len < 2 || *value.ptr != '"')
        return false;
    if (value.len - 2 == text.len && memchr(value.ptr, '\\', value.len) == NULL)
        return text.len == 0 || memcmp(value.ptr + 1, text.ptr, text.len) == 0;
    if (value.len - 2 <= text.len)
        return false; /* an escape is longer than what it stands for */
    equal = lambda_json_unescape(value, &plain) &&
            lambda_slice_equal(lambda_buffer_slice(&plain), text);
    lambda_buffer_fini(&plain);
    return equal;
}

/* The member of that name. */
static inline bool lambda_json_member(struct lambda_slice object, struct lambda_slice name,
                                      struct lambda_slice *ret_value)
{
    struct lambda_json_walk walk = lambda_json_enter(object);
    while (walk.object_ && lambda_json_next(&walk)) {
        if (lambda_json_equals(walk.name, name)) {
            *ret_value = walk.value;
            return true;
        }
    }
    return false;
}

/* The element at that index, from 0. */
static inline bool lambda_json_element(struct lambda_slice array, size_t index,
                                       struct lambda_slice *ret_value)
{
    struct lambda_json_walk walk = lambda_json_enter(array);
    while (!walk.object_ && lambda_json_next(&walk)) {
        if (index-- == 0) {
            *ret_value = walk.value;
            return true;
        }
    }
    return false;
}

/* The value at a path of names and indexes joined by dots: "dynamodb.Keys.orderid.S",
 * "records.0.data". For names that hold dots use lambda_json_member. */
static inline bool lambda_json_find(struct lambda_slice value, const char *path,
                                    struct lambda_slice *ret_value)
{
    for (;;) {
        size_t len = strcspn(path, ".");
        if (lambda_json_kind(value) == LAMBDA_JSON_ARRAY) {
            size_t index = 0;
            for (size_t i = 0; i < len; i++) {
                if (path[i] < '0' || path[i] > '9' || i == 9)
                    return false;
                index = index * 10 + (size_t)(path[i] - '0');
            }
            if (len == 0 || !lambda_json_element(value, index, &value))
                return false;
        } else if (!lambda_json_member(value, lambda_slice_between(path, path + len), &value)) {
            return false;
        }
        if (path[len] == '\0') {
            *ret_value = value;
            return true;
        }
        path += len + 1;
    }
}

static inline void lambda_utf8_add_(struct lambda_buffer *out, uint32_t code)
{
    char bytes[4];
    size_t len;
    if (code < 0x80) {
        bytes[0] = (char)code;
        len = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(unsigned char)(0xc0 | code >> 6);
        len = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(unsigned char)(0xe0 | code >> 12);
        len = 3;
    } else {
        bytes[0] = (char)(unsigned char)(0xf0 | code >> 18);
        len = 4;
    }
    for (size_t i = 1; i < len; i++)
        bytes[i] = (char)(unsigned char)(0x80 | (code >> 6 * (len - 1 - i) & 0x3f));
    lambda_buffer_add(out, lambda_slice_between(bytes, bytes + len));
}

/* Past the escape at `at` (a backslash), whose character it appends; NULL: it stands for none. */
static inline const char *lambda_json_add_escape_(struct lambda_buffer *out, const char *at,
                                                  const char *end)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    int32_t code, low;
    if (end - at < 2)
        return NULL;
    if (at[1] != 'u') {
        const char *letter = (const char *)memchr(letters, at[1], sizeof letters - 1);
        if (letter == NULL)
            return NULL;
        lambda_buffer_add_byte(out, bytes[letter - letters]);
        return at + 2;
    }
    code = lambda_json_hex4_(at + 2, end);
    at += 6;
    if (code < 0 || (code >= 0xdc00 && code < 0xe000))
        return NULL; /* the second half of a pair, alone */
    if (code >= 0xd800 && code < 0xdc00) {
        if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
            return NULL;
        low = lambda_json_hex4_(at + 2, end);
        if (low < 0xdc00 || low >= 0xe000)
            return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    lambda_utf8_add_(out, (uint32_t)code);
    return at;
}

/* Appends what a JSON string says, in UTF-8. False: it is not a string, or holds half a surrogate
 * pair; then what was appended is taken back. */
static inline bool lambda_json_unescape(struct lambda_slice value, struct lambda_buffer *out)
{
    const size_t before = out->len;
    const char *at, *end;
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return false;
    at = value.ptr + 1;
    end = value.ptr + value.len - 1;
    while (at < end) {
        const char *escape = (const char *)memchr(at, '\\', (size_t)(end - at));
        lambda_buffer_add(out, lambda_slice_between(at, escape == NULL ? end : escape));
        at = escape == NULL ? end : lambda_json_add_escape_(out, escape, end);
        if (at == NULL) {
            out->len = before;
            return false;
        }
    }
    return true;
}

/* A whole number that fits; 1.0 and 1e3 are not written as whole numbers. */
static inline bool lambda_json_int(struct lambda_slice value, int64_t *ret_number)
{
    bool negative = value.len > 0 && value.ptr[0] == '-';
    uint64_t limit = negative ? (uint64_t)1 << 63 : ((uint64_t)1 << 63) - 1;
    uint64_t number = 0;
    if (value.len == (size_t)negative)
        return false;
    for (size_t i = negative; i < value.len; i++) {
        unsigned digit = (unsigned)((unsigned char)value.ptr[i] - '0');
        if (digit > 9 || number > (limit - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

/* Whether the text is one JSON number, nothing around it. */
static inline bool lambda_json_is_number(struct lambda_slice text)
{
    return lambda_json_kind(text) == LAMBDA_JSON_NUMBER && !lambda_json_is_blank_(*text.ptr) &&
           lambda_json_skip_number_(text.ptr, text.ptr + text.len) == text.ptr + text.len;
}

/* Any number, rounded to a double. */
static inline bool lambda_json_double(struct lambda_slice value, double *ret_number)
{
    char digits[512];
    if (!lambda_json_is_number(value) || value.len >= sizeof digits)
        return false;
    memcpy(digits, value.ptr, value.len);
    digits[value.len] = '\0';
    *ret_number = strtod(digits, NULL);
    return true;
}

/* -------------------------------------------------------------------------------------------
 * JSON, written
 */

/* Appends the text, which is UTF-8, as a JSON string, quotes included. Characters beyond ASCII
 * stay as they are; control characters, quotes and backslashes take their shortest escape. */
static inline void lambda_json_write_string(struct lambda_buffer *out, struct lambda_slice text)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    lambda_buffer_add_byte(out, '"');
    while (at < end) {
        const char *from = at;
        while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
            at++;
        lambda_buffer_add(out, lambda_slice_between(from, at));
        if (at < end) {
            static const char letter[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
            static const char hex[] = "0123456789abcdef";
            unsigned char c = (unsigned char)*at++;
            char named = c < 0x20 ? letter[c] : (char)c;
            lambda_buffer_add_byte(out, '\\');
            lambda_buffer_add_byte(out, named);
            if (named == 'u') {
                lambda_buffer_add_text(out, "00");
                lambda_buffer_add_byte(out, hex[c >> 4]);
                lambda_buffer_add_byte(out, hex[c & 15]);
            }
        }
    }
    lambda_buffer_add_byte(out, '"');
}

/* Appends a JSON string anew, in the form that lambda_json_write_string gives. False: it is not a
 * string or holds half a surrogate pair; nothing is appended. */
static inline bool lambda_json_copy_string(struct lambda_buffer *out, struct lambda_slice value)
{
    struct lambda_buffer plain = {NULL, 0, 0};
    bool good;
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return false;
    if (memchr(value.ptr, '\\', value.len) == NULL) {
        lambda_buffer_add(out, value);
        return true;
    }
    good = lambda_json_unescape(value, &plain);
    if (good)
        lambda_json_write_string(out, lambda_buffer_slice(&plain));
    lambda_buffer_fini(&plain);
    return good;
}

/* -------------------------------------------------------------------------------------------
 * Firehose's event and answer
 */

static inline bool lambda_fail(struct lambda_context *context, const char *type, const char *format,
                               ...)
{
    va_list args;
    snprintf(context->error_type, sizeof context->error_type, "%s", type);
    va_start(args, format);
    vsnprintf(context->error_message, sizeof context->error_message, format, args);
    va_end(args);
    return false;
}

static inline int64_t lambda_remaining_ms(const struct lambda_context *context)
{
    struct timespec now;
    if (context->deadline_ms == 0)
        return INT64_MAX;
    clock_gettime(CLOCK_REALTIME, &now);
    return context->deadline_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* Takes a record apart. `ret_data` is its data as the event has it, a JSON string. */
static inline bool lambda_firehose_record_(struct lambda_slice json, struct lambda_record *ret,
                                           struct lambda_slice *ret_data)
{
    struct lambda_json_walk walk = lambda_json_enter(json);
    memset(ret, 0, sizeof *ret);
    ret->data = ret->id = ret->metadata = lambda_slice_text("");
    *ret_data = ret->data;
    while (walk.object_ && lambda_json_next(&walk)) {
        bool string = walk.value.len >= 2 && *walk.value.ptr == '"';
        if (string && lambda_json_equals(walk.name, lambda_slice_text("recordId"))) {
            ret->id = lambda_slice_between(walk.value.ptr + 1, walk.value.ptr + walk.value.len - 1);
        } else if (string && lambda_json_equals(walk.name, lambda_slice_text("data"))) {
            *ret_data = walk.value;
        } else if (lambda_json_equals(walk.name, lambda_slice_text("kinesisRecordMetadata"))) {
            ret->metadata = walk.value;
        } else if (lambda_json_equals(walk.name,
                                      lambda_slice_text("approximateArrivalTimestamp"))) {
            (void)lambda_json_int(walk.value, &ret->arrival_ms);
        }
    }
    return ret->id.len > 0 && ret_data->len > 0;
}

/* Decodes the data into firehose->data_; false: not base64. */
static inline bool lambda_firehose_decode_(struct lambda_firehose *firehose,
                                           struct lambda_slice data)
{
    struct lambda_buffer plain = {NULL, 0, 0};
    bool good;
    lambda_buffer_reset(&firehose->data_);
    if (memchr(data.ptr, '\\', data.len) == NULL)
        return lambda_base64_decode(&firehose->data_,
                                    lambda_slice_between(data.ptr + 1, data.ptr + data.len - 1));
    good = lambda_json_unescape(data, &plain) && /* some writers escape the slash */
           lambda_base64_decode(&firehose->data_, lambda_buffer_slice(&plain));
    lambda_buffer_fini(&plain);
    return good;
}

static inline void lambda_firehose_add_(struct lambda_firehose *firehose,
                                        struct lambda_record *record, struct lambda_slice data,
                                        struct lambda_buffer *reply)
{
    enum lambda_record_result result = LAMBDA_RECORD_FAILED;
    lambda_buffer_reset(&firehose->line_);
    if (lambda_firehose_decode_(firehose, data)) {
        record->data = lambda_buffer_slice(&firehose->data_);
        result = firehose->transform(record, &firehose->line_, firehose->user);
    }
    lambda_buffer_add_text(reply, "{\"recordId\":\"");
    lambda_buffer_add(reply, record->id);
    switch (result) {
    case LAMBDA_RECORD_OK:
        lambda_buffer_add_text(reply, "\",\"result\":\"Ok\",\"data\":\"");
        lambda_base64_encode(reply, lambda_buffer_slice(&firehose->line_));
        lambda_buffer_add_text(reply, "\"}");
        break;
    case LAMBDA_RECORD_DROPPED:
        lambda_buffer_add_text(reply, "\",\"result\":\"Dropped\",\"data\":\"\"}");
        break;
    case LAMBDA_RECORD_FAILED:
        lambda_buffer_add_text(reply, "\",\"result\":\"ProcessingFailed\",\"data\":");
        lambda_buffer_add(reply, data);
        lambda_buffer_add_byte(reply, '}');
        break;
    }
}

static inline bool lambda_firehose_answer(struct lambda_slice event, struct lambda_buffer *reply,
                                          struct lambda_context *context, void *firehose)
{
    struct lambda_slice records, data;
    struct lambda_record record;
    struct lambda_json_walk walk;
    bool first = true;
    if (!lambda_json_valid(event))
        return lambda_fail(context, "Firehose.BadEvent", "the event is not JSON");
    if (!lambda_json_member(event, lambda_slice_text("records"), &records) ||
        lambda_json_kind(records) != LAMBDA_JSON_ARRAY)
        return lambda_fail(context, "Firehose.BadEvent", "the event has no list 'records'");
    lambda_buffer_add_text(reply, "{\"records\":[");
    walk = lambda_json_enter(records);
    while (lambda_json_next(&walk)) {
        if (!lambda_firehose_record_(walk.value, &record, &data))
            return lambda_fail(context, "Firehose.BadEvent",
                               "a record of the event has no 'recordId' or no 'data'");
        if (!first)
            lambda_buffer_add_byte(reply, ',');
        first = false;
        lambda_firehose_add_((struct lambda_firehose *)firehose, &record, data, reply);
    }
    lambda_buffer_add_text(reply, "]}");
    return true;
}

static inline void lambda_firehose_fini(struct lambda_firehose *firehose)
{
    lambda_buffer_fini(&firehose->data_);
    lambda_buffer_fini(&firehose->line_);
}

/* -------------------------------------------------------------------------------------------
 * HTTP/1.1 to the Runtime API: one connection, kept alive, one exchange at a time
 */

struct lambda_http_ {
    const char *address; /* host:port, of the environment */
    int fd;              /* -1: not connected */
    struct lambda_buffer request;
    struct lambda_buffer in;   /* the reply as it arrives */
    struct lambda_buffer head; /* its header lines */
    struct lambda_buffer body; /* a chunked body, put together */
    size_t at;                 /* bytes of `in` that are dealt with */
};

struct lambda_http_reply_ { /* slices of the connection's buffers, valid until the next exchange */
    int status;
    struct lambda_slice head;
    struct lambda_slice body;
};

static inline void lambda_http_close_(struct lambda_http_ *http)
{
    if (http->fd >= 0)
        close(http->fd);
    http->fd = -1;
}

static inline void lambda_http_fini_(struct lambda_http_ *http)
{
    lambda_http_close_(http);
    lambda_buffer_fini(&http->request);
    lambda_buffer_fini(&http->in);
    lambda_buffer_fini(&http->head);
    lambda_buffer_fini(&http->body);
}

static inline bool lambda_http_connect_(struct lambda_http_ *http)
{
    struct addrinfo hints, *found = NULL, *one;
    const char *colon = strrchr(http->address, ':');
    const char *host = http->address;
    size_t len = colon == NULL ? 0 : (size_t)(colon - host);
    char name[256];
    int yes = 1;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') { /* IPv6 */
        host++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof name)
        return false;
    memcpy(name, host, len);
    name[len] = '\0';
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(name, colon + 1, &hints, &found) != 0)
        return false;
    for (one = found; one != NULL && http->fd < 0; one = one->ai_next) {
        http->fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (http->fd >= 0 && connect(http->fd, one->ai_addr, one->ai_addrlen) != 0)
            lambda_http_close_(http);
    }
    freeaddrinfo(found);
    if (http->fd >= 0)
        (void)setsockopt(http->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return http->fd >= 0;
}

static inline bool lambda_http_send_(struct lambda_http_ *http)
{
    size_t sent = 0;
    while (sent < http->request.len) {
        ssize_t n =
            send(http->fd, http->request.ptr + sent, http->request.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

/* Waits for more of the reply; false: the connection is gone. */
static inline bool lambda_http_read_(struct lambda_http_ *http, size_t room)
{
    for (;;) {
        char *to = lambda_buffer_reserve(&http->in, room < 65536 ? 65536 : room);
        ssize_t n = recv(http->fd, to, http->in.cap - http->in.len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        http->in.len += (size_t)n;
        return true;
    }
}

/* Waits until `more` bytes lie behind http->at. */
static inline bool lambda_http_want_(struct lambda_http_ *http, size_t more)
{
    if (more > LAMBDA_BYTES_MAX - http->at)
        return false;
    while (http->in.len - http->at < more) {
        if (!lambda_http_read_(http, http->at + more - http->in.len))
            return false;
    }
    return true;
}

/* The next line, without its end; slices stay valid only until more is read. */
static inline bool lambda_http_line_(struct lambda_http_ *http, struct lambda_slice *ret_line)
{
    for (;;) {
        const char *from = http->in.ptr + http->at;
        const char *newline = NULL;
        if (http->in.len > http->at)
            newline = (const char *)memchr(from, '\n', http->in.len - http->at);
        if (newline != NULL) {
            http->at += (size_t)(newline - from) + 1;
            *ret_line = lambda_slice_between(
                from, newline > from && newline[-1] == '\r' ? newline - 1 : newline);
            return true;
        }
        if (http->in.len - http->at > 65536 || !lambda_http_read_(http, 0))
            return false;
    }
}

/* A header's value; false: not there. Names are compared without regard to case. */
static inline bool lambda_http_header_(struct lambda_slice head, const char *name,
                                       struct lambda_slice *ret_value)
{
    const char *at = head.ptr, *end = head.ptr + head.len;
    const size_t len = strlen(name);
    while (at < end) {
        const char *newline = (const char *)memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline == NULL ? end : newline;
        if ((size_t)(stop - at) > len && at[len] == ':' && strncasecmp(at, name, len) == 0) {
            at += len + 1;
            while (at < stop && (*at == ' ' || *at == '\t'))
                at++;
            while (stop > at && lambda_json_is_blank_(stop[-1]))
                stop--;
            *ret_value = lambda_slice_between(at, stop);
            return true;
        }
        at = stop + (newline != NULL);
    }
    return false;
}

static inline bool lambda_http_chunks_(struct lambda_http_ *http)
{
    struct lambda_slice line;
    lambda_buffer_reset(&http->body);
    for (;;) {
        size_t size = 0, digits = 0;
        if (!lambda_http_line_(http, &line))
            return false;
        for (; digits < line.len && digits < 8; digits++) {
            char four[5] = "0000";
            int32_t digit;
            four[3] = line.ptr[digits];
            digit = lambda_json_hex4_(four, four + 4);
            if (digit < 0)
                break; /* an extension follows */
            size = size << 4 | (size_t)digit;
        }
        if (digits == 0 || size > LAMBDA_BYTES_MAX - http->body.len)
            return false;
        if (size == 0)
            break;
        if (!lambda_http_want_(http, size + 2))
            return false;
        lambda_buffer_add(&http->body, lambda_slice_between(http->in.ptr + http->at,
                                                            http->in.ptr + http->at + size));
        http->in.len -= http->at + size + 2; /* keeps `in` as small as a chunk */
        memmove(http->in.ptr, http->in.ptr + http->at + size + 2, http->in.len);
        http->at = 0;
    }
    do { /* trailers */
        if (!lambda_http_line_(http, &line))
            return false;
    } while (line.len > 0);
    return true;
}

/* Reads the status and the header lines. */
static inline bool lambda_http_head_(struct lambda_http_ *http, int *ret_status)
{
    struct lambda_slice line;
    lambda_buffer_reset(&http->head);
    if (!lambda_http_line_(http, &line) || line.len < 12 || memcmp(line.ptr, "HTTP/1.", 7) != 0)
        return false;
    *ret_status = 0;
    for (int i = 9; i < 12; i++) {
        if (line.ptr[i] < '0' || line.ptr[i] > '9')
            return false;
        *ret_status = *ret_status * 10 + (line.ptr[i] - '0');
    }
    for (;;) {
        if (!lambda_http_line_(http, &line) || http->head.len > 262144)
            return false;
        if (line.len == 0)
            return true;
        lambda_buffer_add(&http->head, line);
        lambda_buffer_add_byte(&http->head, '\n');
    }
}

static inline bool lambda_http_reply_to_(struct lambda_http_ *http, struct lambda_http_reply_ *ret)
{
    struct lambda_slice value;
    int64_t length = 0;
    lambda_buffer_reset(&http->in);
    http->at = 0;
    if (!lambda_http_head_(http, &ret->status))
        return false;
    ret->head = lambda_buffer_slice(&http->head);
    if (lambda_http_header_(ret->head, "Transfer-Encoding", &value)) {
        if (value.len != 7 || strncasecmp(value.ptr, "chunked", 7) != 0 ||
            !lambda_http_chunks_(http))
            return false;
        ret->body = lambda_buffer_slice(&http->body);
    } else {
        if (lambda_http_header_(ret->head, "Content-Length", &value) &&
            (!lambda_json_int(value, &length) || length < 0 || (uint64_t)length > LAMBDA_BYTES_MAX))
            return false;
        if (!lambda_http_want_(http, (size_t)length))
            return false;
        ret->body.ptr = http->in.ptr + http->at;
        ret->body.len = (size_t)length;
    }
    if (lambda_http_header_(ret->head, "Connection", &value) && value.len == 5 &&
        strncasecmp(value.ptr, "close", 5) == 0)
        lambda_http_close_(http);
    return true;
}

/* Sends http->request and reads the reply. A kept connection may have been closed meanwhile, so
 * when it breaks before the first byte of a reply, one new one is tried. */
static inline bool lambda_http_exchange_(struct lambda_http_ *http, struct lambda_http_reply_ *ret)
{
    if (http->fd >= 0) {
        http->in.len = 0;
        if (lambda_http_send_(http) && lambda_http_reply_to_(http, ret))
            return true;
        lambda_http_close_(http);
        if (http->in.len > 0)
            return false;
    }
    if (!lambda_http_connect_(http))
        return false;
    if (lambda_http_send_(http) && lambda_http_reply_to_(http, ret))
        return true;
    lambda_http_close_(http);
    return false;
}

/* -------------------------------------------------------------------------------------------
 * The loop
 */

static inline void lambda_api_begin_(struct lambda_http_ *http, const char *method,
                                     const char *path, const char *request_id, const char *action)
{
    lambda_buffer_reset(&http->request);
    lambda_buffer_add_text(&http->request, method);
    lambda_buffer_add_text(&http->request, " /2018-06-01/runtime");
    lambda_buffer_add_text(&http->request, path);
    lambda_buffer_add_text(&http->request, request_id);
    lambda_buffer_add_text(&http->request, action);
    lambda_buffer_add_text(&http->request, " HTTP/1.1\r\nHost: ");
    lambda_buffer_add_text(&http->request, http->address);
    lambda_buffer_add_text(&http->request, "\r\nUser-Agent: millrace-lambda-h/1\r\n");
}

static inline void lambda_api_end_(struct lambda_http_ *http, struct lambda_slice body)
{
    lambda_buffer_add_text(&http->request, "Content-Type: application/json\r\nContent-Length: ");
    lambda_buffer_add_int(&http->request, (int64_t)body.len);
    lambda_buffer_add_text(&http->request, "\r\n\r\n");
    lambda_buffer_add(&http->request, body);
}

/* The error's JSON, as Lambda passes it on to the caller. */
static inline void lambda_error_json_(struct lambda_buffer *out, const char *type,
                                      const char *message)
{
    lambda_buffer_add_text(out, "{\"errorMessage\":");
    lambda_json_write_string(out, lambda_slice_text(message));
    lambda_buffer_add_text(out, ",\"errorType\":");
    lambda_json_write_string(out, lambda_slice_text(type));
    lambda_buffer_add_text(out, ",\"stackTrace\":[]}");
}

static inline bool lambda_api_error_(struct lambda_http_ *http, const char *path,
                                     const char *request_id, const char *action, const char *type,
                                     const char *message, struct lambda_http_reply_ *ret)
{
    struct lambda_buffer body = {NULL, 0, 0};
    bool sent;
    lambda_error_json_(&body, type, message);
    lambda_api_begin_(http, "POST", path, request_id, action);
    lambda_buffer_add_text(&http->request, "Lambda-Runtime-Function-Error-Type: ");
    for (const char *c = type; *c != '\0'; c++) /* a header is one line of ASCII */
        lambda_buffer_add_byte(&http->request, *c > ' ' && *c < 127 ? *c : '_');
    lambda_buffer_add_text(&http->request, "\r\n");
    lambda_api_end_(http, lambda_buffer_slice(&body));
    sent = lambda_http_exchange_(http, ret);
    lambda_buffer_fini(&body);
    return sent;
}

/* Everything one event needs; made once and reused. */
struct lambda_loop_ {
    struct lambda_http_ http;
    struct lambda_context context;
    struct lambda_buffer names; /* the context's texts */
    struct lambda_buffer event;
    struct lambda_buffer reply;
};

static inline void lambda_loop_fini_(struct lambda_loop_ *loop)
{
    lambda_http_fini_(&loop->http);
    lambda_buffer_fini(&loop->names);
    lambda_buffer_fini(&loop->event);
    lambda_buffer_fini(&loop->reply);
}

/* Copies the headers of an invocation into the context. */
static inline void lambda_loop_context_(struct lambda_loop_ *loop, struct lambda_slice head)
{
    static const char *const header[5] = {
        "Lambda-Runtime-Aws-Request-Id",   "Lambda-Runtime-Invoked-Function-Arn",
        "Lambda-Runtime-Trace-Id",         "Lambda-Runtime-Client-Context",
        "Lambda-Runtime-Cognito-Identity",
    };
    struct lambda_context *context = &loop->context;
    struct lambda_slice value;
    size_t start[5];
    memset(context, 0, sizeof *context);
    lambda_buffer_reset(&loop->names);
    for (int i = 0; i < 5; i++) {
        start[i] = loop->names.len;
        if (lambda_http_header_(head, header[i], &value))
            lambda_buffer_add(&loop->names, value);
        lambda_buffer_add_byte(&loop->names, '\0');
    }
    context->request_id = loop->names.ptr + start[0];
    context->function_arn = loop->names.ptr + start[1];
    context->trace_id = loop->names.ptr + start[2];
    context->client_context = loop->names.ptr + start[3];
    context->cognito_identity = loop->names.ptr + start[4];
    if (lambda_http_header_(head, "Lambda-Runtime-Deadline-Ms", &value))
        (void)lambda_json_int(value, &context->deadline_ms);
}

/* Calls the handler; a handler that fails without a word gets one. */
static inline bool lambda_loop_call_(struct lambda_loop_ *loop, lambda_handler *handler, void *user)
{
    bool good;
    lambda_buffer_reset(&loop->reply);
    good = handler(lambda_buffer_slice(&loop->event), &loop->reply, &loop->context, user);
    if (good && loop->reply.len == 0)
        lambda_buffer_add_text(&loop->reply, "null");
    if (!good && loop->context.error_type[0] == '\0')
        lambda_fail(&loop->context, "Function.Failed", "the handler returned false");
    if (!good)
        fprintf(stderr, "[ERROR] %s: %s\n", loop->context.error_type, loop->context.error_message);
    fflush(stdout);
    return good;
}

/* One event; false: the Runtime API is gone. */
static inline bool lambda_loop_serve_(struct lambda_loop_ *loop, lambda_handler *handler,
                                      void *user)
{
    static const char path[] = "/invocation/";
    struct lambda_http_reply_ reply;
    lambda_api_begin_(&loop->http, "GET", "/invocation/next", "", "");
    lambda_buffer_add_text(&loop->http.request, "\r\n");
    if (!lambda_http_exchange_(&loop->http, &reply))
        return false;
    if (reply.status != 200) {
        fprintf(stderr, "lambda: the runtime answered %d to a request for work\n", reply.status);
        return false;
    }
    lambda_loop_context_(loop, reply.head);
    lambda_buffer_reset(&loop->event);
    lambda_buffer_add(&loop->event, reply.body);
    (void)setenv("_X_AMZN_TRACE_ID", loop->context.trace_id, 1);
    if (lambda_loop_call_(loop, handler, user)) {
        lambda_api_begin_(&loop->http, "POST", path, loop->context.request_id, "/response");
        lambda_api_end_(&loop->http, lambda_buffer_slice(&loop->reply));
        if (!lambda_http_exchange_(&loop->http, &reply))
            return false;
    } else if (!lambda_api_error_(&loop->http, path, loop->context.request_id, "/error",
                                  loop->context.error_type, loop->context.error_message, &reply)) {
        return false;
    }
    if (reply.status / 100 != 2) /* too large, or too late: Lambda has told the caller */
        fprintf(stderr, "lambda: the runtime answered %d to the result of %s: %.*s\n", reply.status,
                loop->context.request_id, (int)(reply.body.len < 500 ? reply.body.len : 500),
                reply.body.ptr);
    return true;
}

/* Outside of Lambda: the event on stdin, the answer on stdout. */
static inline int lambda_loop_once_(struct lambda_loop_ *loop, lambda_handler *handler, void *user)
{
    bool good;
    if (isatty(STDIN_FILENO)) {
        fprintf(stderr, "lambda: AWS_LAMBDA_RUNTIME_API is not set\n"
                        "Lambda starts this program. To try it: ./bootstrap < event.json\n");
        return 2;
    }
    for (;;) {
        char *to = lambda_buffer_reserve(&loop->event, 65536);
        size_t n = fread(to, 1, 65536, stdin);
        loop->event.len += n;
        if (n == 0)
            break;
    }
    lambda_loop_context_(loop, lambda_slice_text(""));
    good = lambda_loop_call_(loop, handler, user);
    if (!good)
        lambda_error_json_(&loop->reply, loop->context.error_type, loop->context.error_message);
    lambda_buffer_add_byte(&loop->reply, '\n');
    if (fwrite(loop->reply.ptr, 1, loop->reply.len, stdout) != loop->reply.len ||
        fflush(stdout) != 0) {
        fprintf(stderr, "lambda: cannot write to stdout: %s\n", strerror(errno));
        return 1;
    }
    return good ? 0 : 1;
}

static inline int lambda_run(lambda_handler *handler, void *user)
{
    struct lambda_loop_ loop;
    int status = 1;
    memset(&loop, 0, sizeof loop);
    loop.http.fd = -1;
    loop.http.address = getenv("AWS_LAMBDA_RUNTIME_API");
    if (loop.http.address == NULL) {
        status = lambda_loop_once_(&loop, handler, user);
    } else {
        while (lambda_loop_serve_(&loop, handler, user))
            ;
        fprintf(stderr, "lambda: lost the runtime at '%s'\n", loop.http.address);
    }
    lambda_loop_fini_(&loop);
    return status;
}

static inline int lambda_run_firehose(lambda_transform *transform, void *user)
{
    struct lambda_firehose firehose;
    int status;
    memset(&firehose, 0, sizeof firehose);
    firehose.transform = transform;
    firehose.user = user;
    status = lambda_run(lambda_firehose_answer, &firehose);
    lambda_firehose_fini(&firehose);
    return status;
}

static inline int lambda_init_error(const char *type, const char *message)
{
    struct lambda_http_ http;
    struct lambda_http_reply_ reply;
    memset(&http, 0, sizeof http);
    http.fd = -1;
    http.address = getenv("AWS_LAMBDA_RUNTIME_API");
    fprintf(stderr, "[ERROR] %s: %s\n", type, message);
    if (http.address != NULL &&
        !lambda_api_error_(&http, "/init/error", "", "", type, message, &reply))
        fprintf(stderr, "lambda: lost the runtime at '%s'\n", http.address);
    lambda_http_fini_(&http);
    return 1;
}

#endif
