/* A Parquet file ends with its metadata in Thrift's compact protocol, the length of that in four
 * bytes, and "PAR1". Of the metadata the schema (a tree, its nodes in depth-first order) and the
 * number of rows matter here. */
#include "glue/parquet.h"
#include "base/compact.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PARQUET_FOOTER_MAX = 16 << 20,
    PARQUET_NODES_MAX = 10000,
    PARQUET_DEPTH_MAX = 32,
    PARQUET_TAIL = 8,
};
/* ---- the schema ---- */

enum physical { P_BOOLEAN, P_INT32, P_INT64, P_INT96, P_FLOAT, P_DOUBLE, P_BYTES, P_FIXED };
enum meaning { /* converted types, numbered as in the file, and what only logical types know */
               M_NONE = -1,
               M_UTF8,
               M_MAP,
               M_MAP_KEY_VALUE,
               M_LIST,
               M_ENUM,
               M_DECIMAL,
               M_DATE,
               M_TIME_MILLIS,
               M_TIME_MICROS,
               M_TIMESTAMP_MILLIS,
               M_TIMESTAMP_MICROS,
               M_UINT_8,
               M_UINT_16,
               M_UINT_32,
               M_UINT_64,
               M_INT_8,
               M_INT_16,
               M_INT_32,
               M_INT_64,
               M_JSON,
               M_UUID = 100,
};
struct node {
    int64_t physical, repetition, meaning, children, scale, precision;
    struct mr_slice name;
};

/* Takes a field's value, if it is of the type that it should have; skips it otherwise. */
static bool take_number(struct mr_slice *bytes, int type, int64_t *ret)
{
    return ret != NULL && type >= MR_COMPACT_I16 && type <= MR_COMPACT_I64
               ? mr_compact_number(bytes, ret)
               : mr_compact_skip(bytes, type);
}

static bool read_decimal(struct mr_slice *bytes, struct node *node)
{
    uint64_t field = 0;
    int type;
    node->meaning = M_DECIMAL;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        int64_t *number = field == 1 ? &node->scale : field == 2 ? &node->precision : NULL;
        if (!take_number(bytes, type, number))
            return false;
    }
    return false;
}

static bool read_integer(struct mr_slice *bytes, struct node *node)
{
    uint64_t field = 0;
    uint8_t bits = 64;
    int type;
    bool is_signed = true;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0) {
            const int size = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
            node->meaning = (is_signed ? M_INT_8 : M_UINT_8) + size;
            return true;
        }
        if (field == 2)
            is_signed = type == MR_COMPACT_TRUE;
        if (!(field == 1 && type == MR_COMPACT_BYTE ? mr_compact_byte(bytes, &bits)
                                                    : mr_compact_skip(bytes, type)))
            return false;
    }
    return false;
}

/* A union: one member, which may be an empty struct. */
static bool read_logical(struct mr_slice *bytes, struct node *node)
{
    static const int meanings[] = {
        [1] = M_UTF8,
        [2] = M_MAP,
        [3] = M_LIST,
        [4] = M_ENUM,
        [6] = M_DATE,
        [7] = M_TIME_MICROS,
        [8] = M_TIMESTAMP_MICROS,
        [12] = M_JSON,
        [14] = M_UUID,
    };
    uint64_t field = 0;
    int type;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        bool fine;
        if (field == 5 && type == MR_COMPACT_STRUCT) {
            fine = read_decimal(bytes, node);
        } else if (field == 10 && type == MR_COMPACT_STRUCT) {
            fine = read_integer(bytes, node);
        } else {
            if (field > 0 && field < MR_COUNT(meanings) && (meanings[field] != 0 || field == 1))
                node->meaning = meanings[field];
            fine = mr_compact_skip(bytes, type);
        }
        if (!fine)
            return false;
    }
    return false;
}

static int64_t *number_of(struct node *node, uint64_t field)
{
    switch (field) {
    case 1: return &node->physical;
    case 3: return &node->repetition;
    case 5: return &node->children;
    case 6: return &node->meaning;
    case 7: return &node->scale;
    case 8: return &node->precision;
    default: return NULL;
    }
}

static bool read_node(struct mr_slice *bytes, struct node *node)
{
    uint64_t field = 0;
    int type;
    *node = (struct node){.physical = -1, .meaning = M_NONE};
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        if (!(field == 4 && type == MR_COMPACT_BINARY ? mr_compact_text(bytes, &node->name)
              : field == 10 && type == MR_COMPACT_STRUCT
                  ? read_logical(bytes, node)
                  : take_number(bytes, type, number_of(node, field))))
            return false;
    }
    return false;
}

/* ---- Hive's words for it ---- */

struct tree {
    struct node *nodes;
    size_t count, at; /* at: the next node */
    bool failed;
};

static const char *simple_word(const struct node *node)
{
    switch (node->meaning) {
    case M_UTF8:
    case M_ENUM:
    case M_JSON:
    case M_UUID: return "string";
    case M_DATE: return "date";
    case M_TIMESTAMP_MILLIS:
    case M_TIMESTAMP_MICROS: return "timestamp";
    case M_INT_8: return "tinyint";
    case M_INT_16:
    case M_UINT_8: return "smallint";
    case M_UINT_16: return "int";
    case M_UINT_32: return "bigint";
    default: break;
    }
    static const char *const words[] = {
        [P_BOOLEAN] = "boolean", [P_INT32] = "int",   [P_INT64] = "bigint",
        [P_INT96] = "timestamp", [P_FLOAT] = "float", [P_DOUBLE] = "double",
        [P_BYTES] = "binary",    [P_FIXED] = "binary"};
    return node->physical >= 0 && node->physical < (int)MR_COUNT(words) ? words[node->physical]
                                                                        : "binary";
}

static void print_type(struct tree *tree, struct mr_buf *buf, int depth);

static const struct node *peek(struct tree *tree, size_t ahead)
{
    return tree->at + ahead < tree->count ? &tree->nodes[tree->at + ahead] : NULL;
}

/* The children of the group that was just passed: name:type,... */
static void print_members(struct tree *tree, struct mr_buf *buf, int64_t count, int depth)
{
    for (int64_t i = 0; i < count && !tree->failed; i++) {
        const struct node *child = peek(tree, 0);
        if (child == NULL) {
            tree->failed = true;
            return;
        }
        mr_buf_printf(buf, "%s%.*s:", i > 0 ? "," : "", MR_ARG(child->name));
        print_type(tree, buf, depth + 1);
    }
}

/* Old writers' names of repeated groups that are an element of one field. */
static bool is_element(const struct node *repeated, struct mr_slice list)
{
    struct mr_slice rest = mr_slice_sub(repeated->name, list.len, SIZE_MAX);
    return mr_slice_equal(repeated->name, MR_S("array")) ||
           (mr_slice_starts_with(repeated->name, list) && mr_slice_equal(rest, MR_S("_tuple")));
}

/* A list's group holds a repeated one, which holds the element, or is the element itself. */
static void print_list(struct tree *tree, struct mr_buf *buf, struct mr_slice list, int depth)
{
    const struct node *repeated = peek(tree, 0);
    if (repeated == NULL) {
        tree->failed = true;
        return;
    }
    mr_buf_append(buf, MR_S("array<"));
    if (repeated->children == 1 && !is_element(repeated, list)) {
        tree->at++;
        print_type(tree, buf, depth + 1);
    } else if (repeated->children > 0) {
        const int64_t children = repeated->children;
        tree->at++;
        mr_buf_append(buf, MR_S("struct<"));
        print_members(tree, buf, children, depth);
        mr_buf_byte(buf, '>');
    } else {
        tree->at++;
        mr_buf_append(buf, mr_slice_cstr(simple_word(repeated)));
    }
    mr_buf_byte(buf, '>');
}

static void print_map(struct tree *tree, struct mr_buf *buf, int depth)
{
    const struct node *pairs = peek(tree, 0);
    if (pairs == NULL || pairs->children != 2) {
        tree->failed = true;
        return;
    }
    tree->at++;
    mr_buf_append(buf, MR_S("map<"));
    print_type(tree, buf, depth + 1);
    mr_buf_byte(buf, ',');
    print_type(tree, buf, depth + 1);
    mr_buf_byte(buf, '>');
}

static void print_type(struct tree *tree, struct mr_buf *buf, int depth)
{
    const struct node *node = peek(tree, 0);
    if (node == NULL || depth > PARQUET_DEPTH_MAX) {
        tree->failed = true;
        return;
    }
    tree->at++;
    const bool repeated = node->repetition == 2; /* an old file's way to say list */
    mr_buf_append(buf, repeated ? MR_S("array<") : MR_S(""));
    if (node->children > 0 && node->meaning == M_LIST && node->children == 1) {
        print_list(tree, buf, node->name, depth);
    } else if (node->children == 1 &&
               (node->meaning == M_MAP || node->meaning == M_MAP_KEY_VALUE)) {
        print_map(tree, buf, depth);
    } else if (node->children > 0) {
        mr_buf_append(buf, MR_S("struct<"));
        print_members(tree, buf, node->children, depth);
        mr_buf_byte(buf, '>');
    } else if (node->meaning == M_DECIMAL) {
        mr_buf_printf(buf, "decimal(%d,%d)", (int)node->precision, (int)node->scale);
    } else {
        mr_buf_append(buf, mr_slice_cstr(simple_word(node)));
    }
    mr_buf_append(buf, repeated ? MR_S(">") : MR_S(""));
}

static bool read_columns(struct mr_arena *arena, struct tree *tree, struct glue_type *type)
{
    if (tree->count < 2 || tree->nodes[0].children <= 0 ||
        (uint64_t)tree->nodes[0].children > GLUE_FIELDS_MAX)
        return false;
    struct mr_buf text = {0};
    const size_t columns = (size_t)tree->nodes[0].children;
    type->kind = GLUE_STRUCT;
    type->field_capacity = columns;
    type->fields = MR_NEW_ARRAY(arena, struct glue_field, columns);
    tree->at = 1;
    for (size_t i = 0; i < columns && !tree->failed && peek(tree, 0) != NULL; i++) {
        const struct mr_slice name = mr_arena_lower(arena, peek(tree, 0)->name);
        mr_buf_reset(&text);
        print_type(tree, &text, 0);
        struct glue_field *field = &type->fields[type->field_count++];
        field->name = name;
        glue_type_parse(arena, mr_buf_slice(&text), &field->type);
    }
    mr_buf_fini(&text);
    return !tree->failed && type->field_count == columns;
}

static bool read_schema(struct mr_arena *arena, struct mr_slice *bytes, struct tree *tree)
{
    uint64_t count;
    int type;
    if (!mr_compact_list(bytes, &type, &count) || type != MR_COMPACT_STRUCT ||
        count > PARQUET_NODES_MAX || count > bytes->len || tree->nodes != NULL)
        return false;
    tree->count = (size_t)count;
    tree->nodes = MR_NEW_ARRAY(arena, struct node, tree->count + 1);
    for (size_t i = 0; i < tree->count; i++)
        if (!read_node(bytes, &tree->nodes[i]))
            return false;
    return true;
}

/* Up to the number of rows: row groups follow. */
static bool read_metadata(struct mr_arena *arena, struct mr_slice footer, struct tree *tree,
                          int64_t *ret_rows)
{
    uint64_t field = 0;
    int type;
    while (mr_compact_field(&footer, &field, &type) && type != 0) {
        if (field == 3 && type == MR_COMPACT_I64)
            return mr_compact_number(&footer, ret_rows);
        if (!(field == 2 && type == MR_COMPACT_LIST ? read_schema(arena, &footer, tree)
                                                    : mr_compact_skip(&footer, type)))
            return false;
    }
    return false;
}

enum mr_status glue_parquet_footer(struct mr_arena *arena, struct mr_slice footer,
                                   struct lake_shape *ret_shape)
{
    struct tree tree = {0};
    int64_t rows = 0;
    *ret_shape = (struct lake_shape){.format = LAKE_PARQUET};
    if (!read_metadata(arena, footer, &tree, &rows) || rows < 0 ||
        !read_columns(arena, &tree, &ret_shape->type))
        return MR_INVALID;
    ret_shape->records = (uint64_t)rows;
    return MR_OK;
}

static enum mr_status read_at(int fd, char *to, size_t len, uint64_t offset)
{
    for (size_t done = 0; done < len;) {
        const ssize_t got = pread(fd, to + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno != EINTR)
            return MR_RAISE(MR_FAIL_IO, "cannot read an object: %s", strerror(errno));
        if (got == 0)
            return MR_INVALID;
        done += got > 0 ? (size_t)got : 0;
    }
    return MR_OK;
}

enum mr_status glue_parquet_read(struct mr_arena *arena, int fd, uint64_t bytes,
                                 struct lake_shape *ret_shape)
{
    char tail[PARQUET_TAIL];
    if (bytes < PARQUET_TAIL + 4)
        return MR_INVALID;
    enum mr_status status = read_at(fd, tail, sizeof tail, bytes - sizeof tail);
    if (status != MR_OK)
        return status;
    struct mr_reader reader = mr_reader_make(mr_slice_make(tail, sizeof tail));
    const uint32_t len = mr_read_u32(&reader);
    if (memcmp(tail + 4, "PAR1", 4) != 0 || len > PARQUET_FOOTER_MAX ||
        len > bytes - PARQUET_TAIL - 4)
        return MR_INVALID;
    char *footer = mr_malloc(len + 1);
    status = read_at(fd, footer, len, bytes - PARQUET_TAIL - len);
    if (status == MR_OK)
        status = glue_parquet_footer(arena, mr_slice_make(footer, len), ret_shape);
    free(footer);
    return status;
}
