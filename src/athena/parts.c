#include "athena/parts.h"
#include "base/log.h"

void athena_parts_init(struct athena_parts *parts, struct athena_scans *scans,
                       struct mr_slice *keys, size_t key_count)
{
    *parts = (struct athena_parts){.keys = keys, .key_count = key_count, .path_keys = key_count};
    pthread_mutex_init(&parts->lock, NULL);
    mr_arena_init(&parts->locked.arena);
    pthread_mutex_lock(&scans->lock);
    parts->id = scans->next_id++;
    parts->next = scans->parts;
    scans->parts = parts;
    pthread_mutex_unlock(&scans->lock);
}

void athena_parts_fini(struct athena_parts *parts, struct athena_scans *scans)
{
    pthread_mutex_lock(&scans->lock);
    struct athena_parts **at = &scans->parts;
    while (*at != NULL && *at != parts)
        at = &(*at)->next;
    if (*at != NULL)
        *at = parts->next;
    pthread_mutex_unlock(&scans->lock);
    mr_map_fini(&parts->locked.by_path);
    mr_arena_fini(&parts->locked.arena);
    pthread_mutex_destroy(&parts->lock);
}

void athena_parts_escape(struct mr_buf *buf, struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < ' ' || byte == 0x7f || mr_byte_in((char)byte, "\"#%'*/:=?\\{[]^"))
            mr_buf_printf(buf, "%%%02X", byte);
        else
            mr_buf_byte(buf, (char)byte);
    }
}

static const struct mr_slice default_value = MR_S_INIT("__HIVE_DEFAULT_PARTITION__");

bool athena_parts_number(struct athena_parts *parts, const struct mr_slice *values,
                         size_t *ret_number)
{
    struct mr_buf path = {0}; /* with the bucket's number at its end */
    size_t shown = 0;
    for (size_t i = 0; i < parts->key_count; i++) {
        mr_buf_printf(&path, "%.*s=", MR_ARG(parts->keys[i]));
        athena_parts_escape(&path, values[i].len == 0 ? default_value : values[i]);
        mr_buf_byte(&path, '/');
        shown = i < parts->path_keys ? path.len : shown;
    }
    pthread_mutex_lock(&parts->lock);
    struct athena_part *part = mr_map_get(&parts->locked.by_path, mr_buf_slice(&path));
    const bool fine = part != NULL || parts->locked.count < ATHENA_PARTS_MAX;
    if (part == NULL && fine) {
        struct mr_arena *arena = &parts->locked.arena;
        part = &parts->locked.list[parts->locked.count++];
        const struct mr_slice name = mr_arena_copy(arena, mr_buf_slice(&path));
        part->path = mr_slice_sub(name, 0, shown);
        part->values = MR_NEW_ARRAY(arena, struct mr_slice, parts->key_count + 1);
        for (size_t i = 0; i < parts->key_count; i++)
            part->values[i] = values[i].len == 0 ? default_value : mr_arena_copy(arena, values[i]);
        mr_map_put(&parts->locked.by_path, name, part);
    }
    if (fine)
        *ret_number = (size_t)(part - parts->locked.list);
    pthread_mutex_unlock(&parts->lock);
    mr_buf_fini(&path);
    return fine;
}

/* ---- mr_part ---- */

static struct athena_parts *find(struct athena_scans *scans, uint64_t id)
{
    pthread_mutex_lock(&scans->lock);
    struct athena_parts *parts = scans->parts;
    while (parts != NULL && parts->id != id)
        parts = parts->next;
    pthread_mutex_unlock(&scans->lock);
    return parts;
}

static struct mr_slice value_at(duckdb_vector vector, idx_t row)
{
    const uint64_t *validity = athena_duck.vector_get_validity(vector);
    if (validity != NULL && (validity[row / 64] >> (row % 64) & 1) == 0)
        return MR_S("");
    const duckdb_string_t *string =
        &((const duckdb_string_t *)athena_duck.vector_get_data(vector))[row];
    const uint32_t len = string->value.inlined.length;
    return mr_slice_make(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr,
                         len);
}

static void part_run(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    enum { KEYS_MAX = 100 };
    struct mr_slice values[KEYS_MAX] = {{0}};
    const idx_t count = athena_duck.data_chunk_get_size(chunk);
    const int64_t *ids = athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, 0));
    duckdb_vector lists = athena_duck.data_chunk_get_vector(chunk, 1);
    const duckdb_list_entry *entries = athena_duck.vector_get_data(lists);
    duckdb_vector texts = athena_duck.list_vector_get_child(lists);
    int64_t *numbers = athena_duck.vector_get_data(output);
    struct athena_parts *parts =
        count == 0 ? NULL
                   : find(athena_duck.scalar_function_get_extra_info(info), (uint64_t)ids[0]);
    for (idx_t i = 0; i < count; i++) {
        size_t number;
        if (parts == NULL || entries[i].length != parts->key_count || parts->key_count > KEYS_MAX) {
            athena_duck.scalar_function_set_error(info, "no such partitions");
            return;
        }
        for (size_t k = 0; k < parts->key_count; k++)
            values[k] = value_at(texts, entries[i].offset + k);
        if (!athena_parts_number(parts, values, &number)) {
            athena_duck.scalar_function_set_error(
                info, parts->lake ? "ICEBERG_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open "
                                    "writers for partitions"
                                  : "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open "
                                    "writers for partitions/buckets");
            return;
        }
        numbers[i] = (int64_t)number;
    }
}

enum mr_status athena_parts_register(duckdb_connection connection, struct athena_scans *scans)
{
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    duckdb_logical_type number = athena_duck.create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_logical_type text = athena_duck.create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_logical_type list = athena_duck.create_list_type(text);
    athena_duck.scalar_function_set_name(function, "mr_part");
    athena_duck.scalar_function_add_parameter(function, number);
    athena_duck.scalar_function_add_parameter(function, list);
    athena_duck.scalar_function_set_return_type(function, number);
    athena_duck.scalar_function_set_extra_info(function, scans, NULL);
    athena_duck.scalar_function_set_function(function, part_run);
    const duckdb_state state = athena_duck.register_scalar_function(connection, function);
    athena_duck.destroy_logical_type(&list);
    athena_duck.destroy_logical_type(&text);
    athena_duck.destroy_logical_type(&number);
    athena_duck.destroy_scalar_function(&function);
    return state == DuckDBSuccess ? MR_OK : MR_RAISE(MR_FAIL, "mr_part cannot be registered");
}
