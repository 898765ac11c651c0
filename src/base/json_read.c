#include "base/json.h"
#include <math.h>
#include <stdlib.h>

static void *alc_malloc(void *ctx, size_t size)
{
    return mr_arena_alloc(ctx, size);
}

static void *alc_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    return mr_arena_realloc(ctx, ptr, old_size, size);
}

static void alc_free(void *ctx, void *ptr)
{
    (void)ctx; /* the arena frees everything at once */
    (void)ptr;
}

yyjson_alc mr_json_alc(struct mr_arena *arena)
{
    return (yyjson_alc){alc_malloc, alc_realloc, alc_free, arena};
}

/* yyjson keeps the values of a document in one array, a container before what is in it, and knows
 * where each container ends. */
static bool is_deeper_than(yyjson_doc *doc, size_t depth_max)
{
    yyjson_val *value = yyjson_doc_get_root(doc);
    const yyjson_val *end = value + yyjson_doc_get_val_count(doc);
    const yyjson_val *ends[MR_JSON_DEPTH_MAX];
    size_t depth = 0;
    if (yyjson_doc_get_val_count(doc) <= depth_max)
        return false;
    for (; value < end; value++) {
        while (depth > 0 && value == ends[depth - 1])
            depth--;
        if (!unsafe_yyjson_is_ctn(value))
            continue;
        if (depth == depth_max)
            return true;
        ends[depth++] = unsafe_yyjson_get_next(value);
    }
    return false;
}

yyjson_val *mr_json_parse(struct mr_arena *arena, struct mr_slice text, size_t depth_max)
{
    if (depth_max > MR_JSON_DEPTH_MAX)
        depth_max = MR_JSON_DEPTH_MAX;
    if (text.len == 0)
        return NULL;
    const yyjson_alc alc = mr_json_alc(arena);
    /* Without INSITU yyjson copies the text and does not write to it. */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len,
                                       YYJSON_READ_NUMBER_AS_RAW, &alc, NULL);
    if (doc == NULL)
        return NULL;
    if (is_deeper_than(doc, depth_max))
        return NULL;
    return yyjson_doc_get_root(doc);
}

yyjson_val *mr_json_getn(yyjson_val *obj, struct mr_slice name)
{
    yyjson_val *value = yyjson_obj_getn(obj, name.ptr, name.len);
    return yyjson_is_null(value) ? NULL : value;
}

yyjson_val *mr_json_get(yyjson_val *obj, const char *name)
{
    return mr_json_getn(obj, mr_slice_cstr(name));
}

bool mr_json_is_number(yyjson_val *value)
{
    return yyjson_is_raw(value) || yyjson_is_num(value);
}

struct mr_slice mr_json_text(yyjson_val *value)
{
    if (yyjson_is_str(value))
        return mr_slice_make(unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value));
    if (yyjson_is_raw(value))
        return mr_slice_make(unsafe_yyjson_get_raw(value), unsafe_yyjson_get_len(value));
    return (struct mr_slice){0};
}

struct mr_slice mr_json_get_text(yyjson_val *obj, const char *name)
{
    return mr_json_text(mr_json_get(obj, name));
}

bool mr_json_has_other(yyjson_val *obj, const char *const *known, size_t known_count,
                       struct mr_slice *ret_name)
{
    size_t at, count;
    yyjson_val *name, *value;
    if (!yyjson_is_obj(obj))
        return false;
    yyjson_obj_foreach(obj, at, count, name, value)
    {
        size_t i = 0;
        *ret_name = mr_json_text(name);
        while (i < known_count && !mr_slice_equal(*ret_name, mr_slice_cstr(known[i])))
            i++;
        if (i == known_count)
            return true;
    }
    return false;
}

bool mr_json_word_bool(yyjson_val *value, bool *ret_flag)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1"};
    for (size_t i = 0; yyjson_is_str(value) && i < MR_COUNT(words); i++) {
        if (mr_slice_equal_nocase(mr_json_text(value), mr_slice_cstr(words[i]))) {
            *ret_flag = i % 2 == 1;
            return true;
        }
    }
    return false;
}

bool mr_json_get_bool(yyjson_val *obj, const char *name, bool fallback)
{
    yyjson_val *value = mr_json_get(obj, name);
    return yyjson_is_bool(value) ? unsafe_yyjson_get_bool(value) : fallback;
}

double mr_json_double(yyjson_val *value, double fallback)
{
    if (yyjson_is_num(value))
        return yyjson_get_num(value);
    if (!yyjson_is_raw(value))
        return fallback;
    struct mr_slice text = mr_json_text(value);
    char small[64];
    char *copy = text.len < sizeof(small) ? small : mr_malloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double number = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    return number;
}

int64_t mr_json_i64(yyjson_val *value, int64_t fallback)
{
    if (yyjson_is_sint(value))
        return yyjson_get_sint(value);
    int64_t exact;
    if (yyjson_is_raw(value) && mr_slice_to_i64(mr_json_text(value), &exact) == MR_OK)
        return exact;
    double number = mr_json_double(value, NAN);
    /* 2^63 itself is out; NaN fails every comparison. */
    if (number >= -0x1p63 && number < 0x1p63 && trunc(number) == number)
        return (int64_t)number;
    return fallback;
}

int64_t mr_json_get_i64(yyjson_val *obj, const char *name, int64_t fallback)
{
    return mr_json_i64(mr_json_get(obj, name), fallback);
}

double mr_json_get_double(yyjson_val *obj, const char *name, double fallback)
{
    return mr_json_double(mr_json_get(obj, name), fallback);
}
