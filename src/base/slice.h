/* base/slice.h: borrowed bytes. NULs allowed, none added; the bytes belong to someone else. */
#pragma once
#include "base/base.h"
#include <string.h>

struct mr_slice {
    const char *ptr;
    size_t len;
};

/* A slice of a string literal. */
#define MR_S(literal) ((struct mr_slice){.ptr = (literal), .len = sizeof(literal) - 1})
#define MR_S_INIT(literal)                           \
    {                                                \
        .ptr = (literal), .len = sizeof(literal) - 1 \
    }
/* For printf: "%.*s", MR_ARG(slice). */
#define MR_ARG(slice) (int)(slice).len, (slice).ptr

static inline struct mr_slice mr_slice_make(const void *ptr, size_t len)
{
    return (struct mr_slice){.ptr = ptr, .len = len};
}

/* A NUL-terminated string of our own (never wire data); NULL gives an empty slice. */
static inline struct mr_slice mr_slice_cstr(const char *text)
{
    return (struct mr_slice){.ptr = text, .len = text == NULL ? 0 : strlen(text)};
}

static inline bool mr_slice_equal(struct mr_slice a, struct mr_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Is `byte` one of the characters of `set`? NUL is none, where strchr finds the one at the end. */
static inline bool mr_byte_in(char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

/* Byte order, shorter first where one is the beginning of the other: as memcmp, < 0, 0, > 0. */
int mr_slice_compare(struct mr_slice a, struct mr_slice b);
bool mr_slice_equal_nocase(struct mr_slice a, struct mr_slice b); /* ASCII only */
void mr_lower(char *text, size_t len); /* ASCII letters become small, in place */
/* Does `pattern` fit all of `text`? "*" in it stands for any bytes. */
enum mr_like {
    MR_LIKE_ONE = 1,    /* "?" stands for one byte */
    MR_LIKE_NOCASE = 2, /* ASCII letters fit in either case */
    MR_LIKE_QUOTE = 4,  /* the byte behind a NUL stands for itself */
};
bool mr_slice_like(struct mr_slice text, struct mr_slice pattern, unsigned flags);
bool mr_slice_starts_with(struct mr_slice s, struct mr_slice prefix);
bool mr_slice_ends_with(struct mr_slice s, struct mr_slice suffix);
/* Index of the first `byte`, or SIZE_MAX. */
size_t mr_slice_find(struct mr_slice s, char byte);
/* Index of the first `needle`, or SIZE_MAX. */
size_t mr_slice_search(struct mr_slice s, struct mr_slice needle);
/* The part from `from`, at most `len` bytes; clamps to what is there. */
struct mr_slice mr_slice_sub(struct mr_slice s, size_t from, size_t len);
struct mr_slice mr_slice_trim(struct mr_slice s); /* without ASCII blanks at both ends */
/* Cuts the text before the first `separator` off `*rest` into `*ret_part`; the last part has no
 * separator behind it. False when nothing is left (rest->ptr == NULL). */
bool mr_slice_split(struct mr_slice *rest, char separator, struct mr_slice *ret_part);
/* Decimal digits with an optional '-', nothing else, that fit: MR_OK; else MR_INVALID. */
MR_MUST_USE enum mr_status mr_slice_to_i64(struct mr_slice s, int64_t *ret_value);
MR_MUST_USE enum mr_status mr_slice_to_u64(struct mr_slice s, uint64_t *ret_value);
bool mr_slice_is_utf8(struct mr_slice s);
/* Bytes of the well-formed UTF-8 character that begins `s`; 0 when there is none. */
size_t mr_slice_utf8_next(struct mr_slice s);
/* Number of Unicode characters of valid UTF-8. */
size_t mr_slice_utf8_length(struct mr_slice s);
uint64_t mr_slice_hash(struct mr_slice s); /* not for wire or disk: may change */
