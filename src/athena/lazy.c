#include "athena/lazy.h"

bool athena_lazy_cut(const struct athena_lazy *lazy, int level, struct mr_slice *rest,
                     struct mr_slice *ret_part)
{
    const char separator = lazy->separators[level];
    const char *found;
    if (lazy->escape == 0) {
        found = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    } else {
        size_t i = 0;
        while (i < rest->len && rest->ptr[i] != separator)
            i += rest->ptr[i] == lazy->escape && i + 1 < rest->len ? 2 : 1;
        found = i < rest->len ? rest->ptr + i : NULL;
    }
    if (found == NULL) {
        *ret_part = *rest;
        *rest = mr_slice_sub(*rest, rest->len, 0);
        return false;
    }
    const size_t len = (size_t)(found - rest->ptr);
    *ret_part = mr_slice_sub(*rest, 0, len);
    *rest = mr_slice_sub(*rest, len + 1, SIZE_MAX);
    return true;
}

static struct mr_slice unescape(const struct athena_lazy *lazy, struct mr_buf *buf,
                                struct mr_slice text)
{
    if (lazy->escape == 0 || mr_slice_find(text, lazy->escape) == SIZE_MAX)
        return text;
    mr_buf_reset(buf);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == lazy->escape && i + 1 < text.len)
            i++;
        mr_buf_byte(buf, text.ptr[i]);
    }
    return mr_buf_slice(buf);
}

static size_t count_parts(const struct athena_lazy *lazy, int level, struct mr_slice text)
{
    struct mr_slice part;
    size_t count = 1;
    if (text.len == 0)
        return 0;
    while (athena_lazy_cut(lazy, level, &text, &part))
        count++;
    return count;
}

static void put_array(const struct athena_lazy *lazy, struct athena_writer *writer,
                      duckdb_vector vector, idx_t row, const struct athena_type *type,
                      struct mr_slice text, int level)
{
    const size_t count = count_parts(lazy, level, text);
    const idx_t at = athena_list_grow(vector, row, count);
    duckdb_vector child = athena_duck.list_vector_get_child(vector);
    for (size_t i = 0; i < count; i++) {
        struct mr_slice part;
        (void)athena_lazy_cut(lazy, level, &text, &part);
        athena_lazy_put(lazy, writer, child, at + i, type->element, part, level + 1);
    }
}

static void put_map(const struct athena_lazy *lazy, struct athena_writer *writer,
                    duckdb_vector vector, idx_t row, const struct athena_type *type,
                    struct mr_slice text, int level)
{
    const size_t count = count_parts(lazy, level, text);
    const idx_t at = athena_list_grow(vector, row, count);
    duckdb_vector pairs = athena_duck.list_vector_get_child(vector);
    duckdb_vector keys = athena_duck.struct_vector_get_child(pairs, 0);
    duckdb_vector values = athena_duck.struct_vector_get_child(pairs, 1);
    for (size_t i = 0; i < count; i++) {
        struct mr_slice pair, key;
        (void)athena_lazy_cut(lazy, level, &text, &pair);
        const bool valued = athena_lazy_cut(lazy, level + 1, &pair, &key);
        athena_lazy_put(lazy, writer, keys, at + i, type->key, key, level + 2);
        if (valued)
            athena_lazy_put(lazy, writer, values, at + i, type->element, pair, level + 2);
        else
            athena_value_null(values, at + i, type->element);
    }
}

static void put_struct(const struct athena_lazy *lazy, struct athena_writer *writer,
                       duckdb_vector vector, idx_t row, const struct athena_type *type,
                       struct mr_slice text, int level)
{
    bool more = true;
    for (size_t i = 0; i < type->field_count; i++) {
        struct mr_slice part;
        duckdb_vector child = athena_duck.struct_vector_get_child(vector, i);
        if (!more) {
            athena_value_null(child, row, &type->fields[i]);
            continue;
        }
        more = athena_lazy_cut(lazy, level, &text, &part);
        athena_lazy_put(lazy, writer, child, row, &type->fields[i], part, level + 1);
    }
}

static bool is_boolean(struct mr_slice text)
{
    return mr_slice_equal_nocase(text, MR_S("true")) || mr_slice_equal_nocase(text, MR_S("false"));
}

void athena_lazy_put(const struct athena_lazy *lazy, struct athena_writer *writer,
                     duckdb_vector vector, idx_t row, const struct athena_type *type,
                     struct mr_slice text, int level)
{
    const bool nested = type->kind >= ATHENA_ARRAY;
    if (mr_slice_equal(text, lazy->null_text) || (nested && level + 2 >= ATHENA_LAZY_LEVELS)) {
        athena_value_null(vector, row, type);
        return;
    }
    switch (type->kind) {
    case ATHENA_ARRAY: put_array(lazy, writer, vector, row, type, text, level); return;
    case ATHENA_MAP: put_map(lazy, writer, vector, row, type, text, level); return;
    case ATHENA_STRUCT: put_struct(lazy, writer, vector, row, type, text, level); return;
    default: break;
    }
    struct mr_buf plain = {0};
    struct mr_slice value = unescape(lazy, &plain, text);
    if ((type->kind == ATHENA_BOOLEAN && !is_boolean(value)) ||
        athena_value_text(writer, vector, row, type, value) != ATHENA_VALUE_OK)
        athena_value_null(vector, row, type);
    mr_buf_fini(&plain);
}
