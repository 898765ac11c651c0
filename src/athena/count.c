/* The end of a Parquet object: the footer, its length in 4 bytes, little end first, and "PAR1".
 * The footer is a struct of Thrift's compact protocol: 1 version, 2 schema (a list), 3 rows. */
#include "athena/count.h"
#include "base/arena.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TAIL_BYTES = 8,
    FOOTER_BYTES = 1 << 16, /* of one are looked at: rows stand before the row groups */
    DEPTH_MAX = 16,
    ROWS_FIELD = 3,
};
enum { /* Thrift's compact types */
       THRIFT_TRUE = 1,
       THRIFT_FALSE = 2,
       THRIFT_BYTE = 3,
       THRIFT_I16 = 4,
       THRIFT_I32 = 5,
       THRIFT_I64 = 6,
       THRIFT_DOUBLE = 7,
       THRIFT_BINARY = 8,
       THRIFT_LIST = 9,
       THRIFT_SET = 10,
       THRIFT_MAP = 11,
       THRIFT_STRUCT = 12,
};

/* ---- the query ---- */

static bool counts_rows(const struct athena_node *item)
{
    const struct athena_node *call = item->left;
    return item->next == NULL && call->kind == AST_CALL &&
           mr_slice_equal(call->text, MR_S("count")) && call->items != NULL &&
           call->items->next == NULL && call->items->kind == AST_STAR && call->left == NULL &&
           call->right == NULL && call->order == NULL && call->flags == 0;
}

const struct athena_node *athena_count_table(const struct athena_node *query)
{
    if (query == NULL || query->kind != AST_QUERY || query->items != NULL || query->order != NULL ||
        query->right != NULL || query->third != NULL)
        return NULL;
    const struct athena_node *select = query->left;
    if (select->kind != AST_SELECT || select->left == NULL || select->third != NULL ||
        select->groups != NULL || select->windows != NULL || select->flags != 0 ||
        !counts_rows(select->items))
        return NULL;
    const struct athena_node *table = select->left;
    if (table->kind == AST_ALIAS && table->third == NULL) /* a sample stands there */
        table = table->left;
    return table->kind == AST_TABLE && table->third == NULL ? table : NULL;
}

/* ---- Thrift ---- */

static bool take_byte(struct mr_slice *bytes, unsigned char *ret)
{
    if (bytes->len == 0)
        return false;
    *ret = (unsigned char)bytes->ptr[0];
    *bytes = mr_slice_sub(*bytes, 1, SIZE_MAX);
    return true;
}

static bool take_varint(struct mr_slice *bytes, uint64_t *ret)
{
    unsigned char byte = 0x80;
    *ret = 0;
    for (unsigned shift = 0; shift < 64 && byte >= 0x80; shift += 7) {
        if (!take_byte(bytes, &byte))
            return false;
        *ret |= (uint64_t)(byte & 0x7f) << shift;
    }
    return byte < 0x80;
}

static bool take_bytes(struct mr_slice *bytes, uint64_t count)
{
    if (count > bytes->len)
        return false;
    *bytes = mr_slice_sub(*bytes, (size_t)count, SIZE_MAX);
    return true;
}

/* The type of the next field; 0: the struct ends. */
static bool take_field(struct mr_slice *bytes, uint64_t *field, int *ret_type)
{
    unsigned char head;
    uint64_t id;
    if (!take_byte(bytes, &head))
        return false;
    *ret_type = head & 0x0f;
    if (*ret_type == 0)
        return true;
    if (head >> 4 != 0) {
        *field += head >> 4;
        return true;
    }
    if (!take_varint(bytes, &id))
        return false;
    *field = id >> 1; /* zigzag: ids are not negative */
    return true;
}

static bool skip(struct mr_slice *bytes, int type, bool in_list, int depth);

static bool skip_list(struct mr_slice *bytes, int depth)
{
    unsigned char head;
    uint64_t count;
    if (!take_byte(bytes, &head))
        return false;
    count = head >> 4;
    if (count == 15 && !take_varint(bytes, &count))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!skip(bytes, head & 0x0f, true, depth))
            return false;
    }
    return true;
}

static bool skip_map(struct mr_slice *bytes, int depth)
{
    unsigned char types = 0;
    uint64_t count;
    if (!take_varint(bytes, &count) || (count > 0 && !take_byte(bytes, &types)))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!skip(bytes, types >> 4, true, depth) || !skip(bytes, types & 0x0f, true, depth))
            return false;
    }
    return true;
}

static bool skip_struct(struct mr_slice *bytes, int depth)
{
    uint64_t field = 0;
    int type;
    do {
        if (!take_field(bytes, &field, &type) ||
            (type != 0 && !skip(bytes, type, /* in_list= */ false, depth)))
            return false;
    } while (type != 0);
    return true;
}

/* A value; a field's truth stands in its type, a list's in a byte. */
static bool skip(struct mr_slice *bytes, int type, bool in_list, int depth)
{
    uint64_t number;
    if (depth >= DEPTH_MAX)
        return false;
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE: return !in_list || take_bytes(bytes, 1);
    case THRIFT_BYTE: return take_bytes(bytes, 1);
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: return take_varint(bytes, &number);
    case THRIFT_DOUBLE: return take_bytes(bytes, 8);
    case THRIFT_BINARY: return take_varint(bytes, &number) && take_bytes(bytes, number);
    case THRIFT_LIST:
    case THRIFT_SET: return skip_list(bytes, depth + 1);
    case THRIFT_MAP: return skip_map(bytes, depth + 1);
    case THRIFT_STRUCT: return skip_struct(bytes, depth + 1);
    default: return false;
    }
}

enum mr_status athena_count_footer(struct mr_slice bytes, uint64_t *ret_rows)
{
    uint64_t field = 0, rows;
    int type;
    while (take_field(&bytes, &field, &type) && type != 0 && field <= ROWS_FIELD) {
        if (field < ROWS_FIELD) {
            if (!skip(&bytes, type, /* in_list= */ false, 0))
                return MR_INVALID;
            continue;
        }
        if (type != THRIFT_I64 || !take_varint(&bytes, &rows) || (rows & 1) != 0)
            return MR_INVALID;
        *ret_rows = rows >> 1; /* zigzag: even ones are not negative */
        return MR_OK;
    }
    return MR_INVALID;
}

/* ---- objects ---- */

struct body { /* an open file, or its bytes */
    int fd;
    struct mr_slice bytes;
    uint64_t size;
};

static bool read_at(const struct body *body, uint64_t at, char *to, size_t len)
{
    if (body->fd < 0) {
        if (body->bytes.len != body->size)
            return false;
        memcpy(to, body->bytes.ptr + at, len);
        return true;
    }
    for (size_t done = 0; done < len;) {
        const ssize_t got = pread(body->fd, to + done, len - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static bool count_body(const struct body *body, char *room, uint64_t *ret_rows)
{
    char tail[TAIL_BYTES];
    uint32_t len = 0;
    if (body->size < TAIL_BYTES || !read_at(body, body->size - TAIL_BYTES, tail, TAIL_BYTES) ||
        memcmp(tail + 4, "PAR1", 4) != 0)
        return false;
    for (int i = 3; i >= 0; i--)
        len = len << 8 | (unsigned char)tail[i];
    if (len > body->size - TAIL_BYTES)
        return false;
    const size_t looked_at = len < FOOTER_BYTES ? len : FOOTER_BYTES;
    return read_at(body, body->size - TAIL_BYTES - len, room, looked_at) &&
           athena_count_footer(mr_slice_make(room, looked_at), ret_rows) == MR_OK;
}

bool athena_count_rows(struct athena_scan *scan, uint64_t *ret_rows)
{
    struct s3_snapshot_reader *reader = s3_snapshot_reader_new(scan->snapshot);
    char *room = mr_malloc(FOOTER_BYTES);
    bool fine = scan->format == ATHENA_FORMAT_PARQUET;
    uint64_t sum = 0, rows = 0;
    for (size_t i = 0; fine && i < scan->piece_count; i++) {
        const struct s3_object *object = &scan->pieces[i].object;
        struct body body = {.size = object->size};
        fine = !atomic_load(scan->cancelled) &&
               s3_snapshot_read(reader, object, &body.fd, &body.bytes) == MR_OK;
        if (!fine)
            break;
        fine = count_body(&body, room, &rows);
        sum += rows;
        if (body.fd >= 0)
            close(body.fd);
    }
    free(room);
    s3_snapshot_reader_free(reader);
    *ret_rows = sum;
    return fine;
}
