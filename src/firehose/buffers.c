#include "firehose/buffers.h"
#include "base/arena.h"
#include <assert.h>
#include <stdlib.h>

/* ---- marks ---- */

void mark_set_fini(struct mark_set *set)
{
    free(set->marks);
    *set = (struct mark_set){0};
}

static int compare(const void *a, const void *b)
{
    const struct mark *left = a, *right = b;
    if (left->position != right->position)
        return left->position < right->position ? -1 : 1;
    return left->sub < right->sub ? -1 : left->sub > right->sub;
}

bool mark_set_has(const struct mark_set *set, struct mark mark)
{
    return set->count > 0 &&
           bsearch(&mark, set->marks, set->count, sizeof *set->marks, compare) != NULL;
}

void mark_set_add(struct mark_set *set, struct mark mark)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 64 : set->capacity * 2;
        set->marks = mr_realloc(set->marks, set->capacity * sizeof *set->marks);
    }
    set->marks[set->count++] = mark;
}

void mark_set_sort(struct mark_set *set)
{
    if (set->count == 0)
        return;
    qsort(set->marks, set->count, sizeof *set->marks, compare);
    size_t kept = 1;
    for (size_t i = 1; i < set->count; i++)
        if (compare(&set->marks[kept - 1], &set->marks[i]) != 0)
            set->marks[kept++] = set->marks[i];
    set->count = kept;
}

void mark_set_drop_before(struct mark_set *set, int64_t position)
{
    size_t gone = 0;
    while (gone < set->count && set->marks[gone].position < position)
        gone++;
    if (gone == 0)
        return;
    memmove(set->marks, set->marks + gone, (set->count - gone) * sizeof *set->marks);
    set->count -= gone;
}

void mark_set_write(struct mr_buf *buf, const struct mark_set *set)
{
    int64_t before = 0;
    mr_buf_varint(buf, set->count);
    for (size_t i = 0; i < set->count; i++) {
        mr_buf_varint(buf, (uint64_t)(set->marks[i].position - before));
        mr_buf_varint(buf, set->marks[i].sub);
        before = set->marks[i].position;
    }
}

enum mr_status mark_set_read(struct mark_set *set, struct mr_slice bytes)
{
    struct mr_reader reader = mr_reader_make(bytes);
    const uint64_t count = mr_read_varint(&reader);
    int64_t position = 0;
    for (uint64_t i = 0; i < count && !reader.failed; i++) {
        position += (int64_t)mr_read_varint(&reader);
        mark_set_add(set, (struct mark){position, (uint32_t)mr_read_varint(&reader)});
    }
    return reader.failed ? MR_INVALID : MR_OK;
}

/* ---- buffers ---- */

static void buffer_free(struct buffer *buffer)
{
    mr_buf_fini(&buffer->bytes);
    free(buffer->list);
    free((char *)(uintptr_t)buffer->name.ptr);
    free(buffer);
}

void buffer_set_fini(struct buffer_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        buffer_free(set->all[i]);
    free(set->all);
    mr_map_fini(&set->index);
    *set = (struct buffer_set){0};
}

/* In the index: the kind's byte, then the name. */
static struct mr_slice index_key(struct mr_buf *buf, enum buffer_kind kind, struct mr_slice name)
{
    mr_buf_byte(buf, (char)kind);
    mr_buf_append(buf, name);
    return mr_buf_slice(buf);
}

struct buffer *buffer_set_find(const struct buffer_set *set, enum buffer_kind kind,
                               struct mr_slice name)
{
    struct mr_buf key = {0};
    struct buffer *buffer = mr_map_get(&set->index, index_key(&key, kind, name));
    mr_buf_fini(&key);
    return buffer;
}

struct buffer *buffer_set_get(struct buffer_set *set, enum buffer_kind kind, struct mr_slice name,
                              int64_t now_ms)
{
    struct buffer *buffer = NULL;
    for (size_t i = 0; i < set->count && i < 2 && buffer == NULL; i++) /* mostly there are few */
        if (set->all[i]->kind == kind && mr_slice_equal(set->all[i]->name, name))
            buffer = set->all[i];
    if (buffer == NULL)
        buffer = buffer_set_find(set, kind, name);
    if (buffer != NULL)
        return buffer;
    if (kind == BUFFER_DATA && set->partitions == BUFFER_PARTITIONS_MAX)
        return NULL;
    buffer = mr_calloc(1, sizeof *buffer);
    buffer->kind = kind;
    buffer->name = mr_slice_make(mr_strdup_slice(name), name.len);
    buffer->opened_ms = now_ms;
    buffer->oldest_ms = INT64_MAX;
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 4 : set->capacity * 2;
        set->all = mr_realloc(set->all, set->capacity * sizeof(struct buffer *));
    }
    set->all[set->count++] = buffer;
    set->partitions += kind == BUFFER_DATA;
    struct mr_buf key = {0};
    (void)mr_map_put(&set->index, index_key(&key, kind, name), buffer);
    mr_buf_fini(&key);
    return buffer;
}

void buffer_set_close(struct buffer_set *set, struct buffer *buffer)
{
    size_t at = 0;
    while (set->all[at] != buffer)
        at++;
    memmove(set->all + at, set->all + at + 1, (set->count - at - 1) * sizeof(struct buffer *));
    set->count--;
    set->partitions -= buffer->kind == BUFFER_DATA;
    struct mr_buf key = {0};
    (void)mr_map_remove(&set->index, index_key(&key, buffer->kind, buffer->name));
    mr_buf_fini(&key);
    buffer_free(buffer);
}

void buffer_note(struct buffer *buffer, const struct buffer_record *record, bool listed)
{
    buffer->records++;
    if (record->arrival_ms < buffer->oldest_ms)
        buffer->oldest_ms = record->arrival_ms;
    if (!listed)
        return;
    if (buffer->list_count == buffer->list_capacity) {
        buffer->list_capacity = buffer->list_capacity == 0 ? 64 : buffer->list_capacity * 2;
        buffer->list =
            mr_realloc(buffer->list, buffer->list_capacity * sizeof(struct buffer_record));
    }
    buffer->list[buffer->list_count] = *record;
    buffer->list[buffer->list_count++].end = buffer->bytes.len;
}

uint64_t buffer_set_bytes(const struct buffer_set *set)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < set->count; i++)
        if (set->all[i]->kind != BUFFER_BACKUP)
            bytes += set->all[i]->bytes.len;
    return bytes;
}

uint64_t buffer_set_held(const struct buffer_set *set)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < set->count; i++)
        if (set->all[i]->kind != BUFFER_BACKUP)
            bytes +=
                set->all[i]->bytes.len + set->all[i]->list_count * sizeof(struct buffer_record);
    return bytes;
}
