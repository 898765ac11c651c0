/* base/json.h: the one JSON writer, and glue between yyjson and arenas.
 *
 * Reading is yyjson's own API over an immutable document made by mr_json_parse; numbers stay raw
 * text (YYJSON_READ_NUMBER_AS_RAW), so no digit is ever lost: get them with
 * mr_json_i64/mr_json_double/mr_json_raw. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include <yyjson.h>

enum { MR_JSON_DEPTH_MAX = 512 }; /* of any document that is read */

/* ---- reading ---- */
/* Parses `text` (copied) into a document that lives as long as the arena. NULL when it is not JSON
 * (UTF-8, no NaN, no comments), or nested deeper than `depth_max` (at most MR_JSON_DEPTH_MAX). Of
 * members with the same name the first is found. */
yyjson_val *mr_json_parse(struct mr_arena *arena, struct mr_slice text, size_t depth_max);
/* Member of an object; NULL when obj is NULL, no object or has none, or the member is null. */
yyjson_val *mr_json_get(yyjson_val *obj, const char *name);
yyjson_val *mr_json_getn(yyjson_val *obj, struct mr_slice name);
yyjson_alc mr_json_alc(struct mr_arena *arena); /* yyjson's memory, of the arena */
bool mr_json_is_number(yyjson_val *value);      /* raw or typed number */
/* A string's or raw number's bytes; empty for others and NULL. */
struct mr_slice mr_json_text(yyjson_val *value);
struct mr_slice mr_json_get_text(yyjson_val *obj, const char *name);
/* Whether an object has a member that is not among `known`; the first such. */
bool mr_json_has_other(yyjson_val *obj, const char *const *known, size_t known_count,
                       struct mr_slice *ret_name);
/* The words that AWS's parsers take for booleans, in any case: true, yes, 1, false, no, 0. False:
 * it is none of them. */
bool mr_json_word_bool(yyjson_val *value, bool *ret_flag);
bool mr_json_get_bool(yyjson_val *obj, const char *name, bool fallback);
/* 1e3 and 1.0 count as integers; what is no integer, or does not fit, gives the fallback. */
int64_t mr_json_get_i64(yyjson_val *obj, const char *name, int64_t fallback);
double mr_json_get_double(yyjson_val *obj, const char *name, double fallback);
int64_t mr_json_i64(yyjson_val *value, int64_t fallback);
double mr_json_double(yyjson_val *value, double fallback);

/* ---- writing ----
 * A writer appends compact JSON to a buffer and puts the commas itself. Unbalanced use asserts. */
struct mr_json {
    struct mr_buf *buf;
    uint32_t depth;
    bool need_comma; /* the next value or name has a neighbour before it */
};
struct mr_json mr_json_make(struct mr_buf *buf);
void mr_json_object(struct mr_json *json);
void mr_json_object_end(struct mr_json *json);
void mr_json_array(struct mr_json *json);
void mr_json_array_end(struct mr_json *json);
void mr_json_name(struct mr_json *json, struct mr_slice name);
void mr_json_key(struct mr_json *json, const char *name); /* a literal that needs no escape */
void mr_json_string(struct mr_json *json, struct mr_slice value);
/* {"T":"value"}: an object of one member whose name is one letter, in one step. */
void mr_json_tagged(struct mr_json *json, char tag, struct mr_slice value);
void mr_json_int(struct mr_json *json, int64_t value);
/* The shortest text that reads back the same: 5.0, 0.1, 1e21. What JSON has no number for becomes
 * "NaN", "Infinity" or "-Infinity", as in AWS's JSON. */
void mr_json_number(struct mr_json *json, double value);
void mr_json_bool(struct mr_json *json, bool value);
void mr_json_null(struct mr_json *json);
void mr_json_raw(struct mr_json *json, struct mr_slice text); /* already JSON */
void mr_json_base64(struct mr_json *json, struct mr_slice bytes);
/* Epoch milliseconds as AWS's JSON does: seconds with a fraction of three digits, trailing zeros
 * cut ("1718000000.123", "1718000000.0"). */
void mr_json_timestamp(struct mr_json *json, int64_t epoch_ms);
void mr_json_value(struct mr_json *json, yyjson_val *value); /* a copy of a parsed value */
struct mr_slice mr_json_print(struct mr_arena *arena, yyjson_val *value); /* its text; not NULL */
/* Its text on the heap; a copy of `absent` (may be NULL: NULL) where there is no value. */
char *mr_json_strdup(yyjson_val *value, const char *absent);
/* name and value in one call */
void mr_json_key_string(struct mr_json *json, const char *name, struct mr_slice value);
void mr_json_key_cstr(struct mr_json *json, const char *name, const char *value);
void mr_json_key_int(struct mr_json *json, const char *name, int64_t value);
void mr_json_key_number(struct mr_json *json, const char *name, double value);
void mr_json_key_bool(struct mr_json *json, const char *name, bool value);
void mr_json_key_timestamp(struct mr_json *json, const char *name, int64_t epoch_ms);
/* These two leave the member out when there is no value: NULL or null, or no text. */
void mr_json_key_value(struct mr_json *json, const char *name, yyjson_val *value);
void mr_json_key_raw(struct mr_json *json, const char *name, struct mr_slice text);
/* The bytes between the quotes: escaped text of `value` appended to buf. UTF-8 stays; each byte
 * that is not part of a well-formed character becomes U+FFFD. */
void mr_json_escape(struct mr_buf *buf, struct mr_slice value);
