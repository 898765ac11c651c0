/* A Parquet file ends with its metadata in Thrift's compact protocol, the length of that in four
 * bytes, and "PAR1". Of the metadata the schema (a tree, its nodes in depth-first order) and the
 * number of rows matter here. */
#include "glue/parquet.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PARQUET_FOOTER_MAX = 16 << 20,
    PARQUET_NODES_MAX = 10000,
    PARQUET_DEPTH_MAX = 32,
    PARQUET_TAIL = 8,
};
enum {
    T_TRUE = 1,
    T_FALSE,
    T_BYTE,
    T_I16,
    T_I32,
    T_I64,
    T_DOUBLE,
    T_BINARY,
    T_LIST,
    T_SET,
    T_MAP,
    T_STRUCT
};

/* ---- Thrift's compact protocol ---- */

struct field {
    int id, type;
};

/* False at the end of a struct, and when the bytes are damaged. */
static bool next_field(struct mr_reader *reader, struct field *field)
{
    const uint8_t head = mr_read_u8(reader);
    if (reader->failed || head == 0)
        return false;
    const uint64_t number = head >> 4 == 0 ? mr_read_varint(reader) : 0;
    field->id = head >> 4 != 0 ? field->id + (head >> 4)
                               : (int)((uint32_t)(number >> 1) ^ -(uint32_t)(number & 1));
    field->type = head & 15;
    return !reader->failed;
}

static int64_t read_int(struct mr_reader *reader)
{
    const uint64_t number = mr_read_varint(reader);
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

static size_t read_list(struct mr_reader *reader, int *ret_type)
{
    const uint8_t head = mr_read_u8(reader);
    const uint64_t count = head >> 4 == 15 ? mr_read_varint(reader) : head >> 4;
    *ret_type = head & 15;
    if (count > (uint64_t)(reader->end - reader->next)) /* an element has a byte at least */
        reader->failed = true;
    return reader->failed ? 0 : (size_t)count;
}

static void skip(struct mr_reader *reader, int type, int depth);

static void skip_elements(struct mr_reader *reader, int depth)
{
    int type;
    const size_t count = read_list(reader, &type);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        if (type == T_TRUE || type == T_FALSE)
            (void)mr_read_u8(reader);
        else
            skip(reader, type, depth + 1);
    }
}

static void skip_map(struct mr_reader *reader, int depth)
{
    const uint64_t count = mr_read_varint(reader);
    const uint8_t types = count == 0 ? 0 : mr_read_u8(reader);
    for (uint64_t i = 0; i < count && !reader->failed; i++) {
        skip(reader, types >> 4, depth + 1);
        skip(reader, types & 15, depth + 1);
    }
}

static void skip(struct mr_reader *reader, int type, int depth)
{
    struct field field = {0};
    if (depth > PARQUET_DEPTH_MAX)
        reader->failed = true;
    else if (type == T_BYTE)
        (void)mr_read_u8(reader);
    else if (type == T_I16 || type == T_I32 || type == T_I64)
        (void)mr_read_varint(reader);
    else if (type == T_DOUBLE)
        (void)mr_read_u64(reader);
    else if (type == T_BINARY)
        (void)mr_read_bytes(reader);
    else if (type == T_LIST || type == T_SET)
        skip_elements(reader, depth);
    else if (type == T_MAP)
        skip_map(reader, depth);
    else if (type == T_STRUCT)
        while (next_field(reader, &field))
            skip(reader, field.type, depth + 1);
    else if (type != T_TRUE && type != T_FALSE)
        reader->failed = true;
}

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
    int physical, repetition, meaning;
    int64_t children, scale, precision;
    struct mr_slice name;
};

static void read_decimal(struct mr_reader *reader, struct node *node)
{
    struct field field = {0};
    while (next_field(reader, &field)) {
        if (field.id == 1)
            node->scale = read_int(reader);
        else if (field.id == 2)
            node->precision = read_int(reader);
        else
            skip(reader, field.type, 1);
    }
    node->meaning = M_DECIMAL;
}

static void read_integer(struct mr_reader *reader, struct node *node)
{
    struct field field = {0};
    int bits = 64;
    bool is_signed = true;
    while (next_field(reader, &field)) {
        if (field.id == 1 && field.type == T_BYTE)
            bits = mr_read_u8(reader);
        else if (field.id == 2)
            is_signed = field.type == T_TRUE;
        else
            skip(reader, field.type, 1);
    }
    const int size = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
    node->meaning = (is_signed ? M_INT_8 : M_UINT_8) + size;
}

/* A union: one member, which may be an empty struct. */
static void read_logical(struct mr_reader *reader, struct node *node)
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
    struct field field = {0};
    while (next_field(reader, &field)) {
        if (field.id == 5) {
            read_decimal(reader, node);
        } else if (field.id == 10) {
            read_integer(reader, node);
        } else {
            if (field.id > 0 && field.id < (int)MR_COUNT(meanings) &&
                (meanings[field.id] != 0 || field.id == 1))
                node->meaning = meanings[field.id];
            skip(reader, field.type, 1);
        }
    }
}

static void read_node(struct mr_reader *reader, struct node *node)
{
    struct field field = {0};
    *node = (struct node){.physical = -1, .meaning = M_NONE};
    while (next_field(reader, &field)) {
        switch (field.id) {
        case 1: node->physical = (int)read_int(reader); break;
        case 3: node->repetition = (int)read_int(reader); break;
        case 4: node->name = mr_read_bytes(reader); break;
        case 5: node->children = read_int(reader); break;
        case 6: node->meaning = (int)read_int(reader); break;
        case 7: node->scale = read_int(reader); break;
        case 8: node->precision = read_int(reader); break;
        case 10: read_logical(reader, node); break;
        default: skip(reader, field.type, 1);
        }
    }
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

/* A list's group holds a repeated one, which holds the element, or is the element itself. */
static void print_list(struct tree *tree, struct mr_buf *buf, int depth)
{
    const struct node *repeated = peek(tree, 0);
    if (repeated == NULL) {
        tree->failed = true;
        return;
    }
    mr_buf_append(buf, MR_S("array<"));
    if (repeated->children == 1 && !mr_slice_equal(repeated->name, MR_S("array"))) {
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
        print_list(tree, buf, depth);
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
        char *name = mr_arena_cstr(arena, peek(tree, 0)->name);
        const size_t len = peek(tree, 0)->name.len;
        for (size_t j = 0; j < len; j++)
            name[j] = name[j] >= 'A' && name[j] <= 'Z' ? (char)(name[j] + 32) : name[j];
        mr_buf_reset(&text);
        print_type(tree, &text, 0);
        struct glue_field *field = &type->fields[type->field_count++];
        field->name = mr_slice_make(name, len);
        glue_type_parse(arena, mr_buf_slice(&text), &field->type);
    }
    mr_buf_fini(&text);
    return !tree->failed && type->field_count == columns;
}

enum mr_status glue_parquet_footer(struct mr_arena *arena, struct mr_slice footer,
                                   struct lake_shape *ret_shape)
{
    struct mr_reader reader = mr_reader_make(footer);
    struct tree tree = {0};
    struct field field = {0};
    int64_t rows = 0;
    while (next_field(&reader, &field)) {
        if (field.id == 2 && field.type == T_LIST && tree.nodes == NULL) {
            int type;
            tree.count = read_list(&reader, &type);
            if (tree.count > PARQUET_NODES_MAX || type != T_STRUCT)
                return MR_INVALID;
            tree.nodes = MR_NEW_ARRAY(arena, struct node, tree.count + 1);
            for (size_t i = 0; i < tree.count; i++)
                read_node(&reader, &tree.nodes[i]);
        } else if (field.id == 3 && field.type == T_I64) {
            rows = read_int(&reader);
            break; /* row groups follow */
        } else {
            skip(&reader, field.type, 0);
        }
    }
    *ret_shape = (struct lake_shape){.format = LAKE_PARQUET};
    if (reader.failed || rows < 0 || !read_columns(arena, &tree, &ret_shape->type))
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
