/* Rows of imported files as DynamoDB JSON: {"name":{"S":"..."},...}, the one form that the import
 * reads. A row is a line, as AWS has it. */
#include "dynamodb/recovery.h"

enum { COLUMNS_MAX = 255 };

/* ---- CSV ---- */

/* The next field, unquoted, into `field`; MR_OK: another follows; MR_END: it was the last;
 * MR_INVALID: quotes where they cannot be. */
static enum mr_status next_field(struct mr_slice *rest, char delimiter, struct mr_buf *field)
{
    size_t i = 0;
    bool quoted = rest->len > 0 && rest->ptr[0] == '"';
    mr_buf_reset(field);
    for (i = quoted; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (quoted && c == '"' && i + 1 < rest->len && rest->ptr[i + 1] == '"')
            i++;
        else if (quoted && c == '"')
            break;
        else if (!quoted && c == '"')
            return MR_INVALID;
        else if (!quoted && c == delimiter)
            break;
        mr_buf_byte(field, c);
    }
    if (quoted && (i == rest->len || rest->ptr[i] != '"'))
        return MR_INVALID;
    i += quoted;
    bool last = i >= rest->len;
    if (!last && rest->ptr[i] != delimiter)
        return MR_INVALID;
    *rest = mr_slice_sub(*rest, i + 1, rest->len);
    return last ? MR_END : MR_OK;
}

enum mr_status dynamodb_csv_columns(struct mr_arena *arena, struct mr_slice line, char delimiter,
                                    struct mr_slice **ret_columns, size_t *ret_count)
{
    struct mr_buf field MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_slice *columns = MR_NEW_ARRAY(arena, struct mr_slice, COLUMNS_MAX);
    enum mr_status status = MR_OK;
    size_t count = 0;
    while (status == MR_OK && count < COLUMNS_MAX) {
        status = next_field(&line, delimiter, &field);
        if (status == MR_INVALID || field.len == 0)
            return MR_INVALID;
        columns[count++] = mr_arena_copy(arena, mr_buf_slice(&field));
    }
    *ret_columns = columns;
    *ret_count = count;
    return status == MR_END ? MR_OK : MR_INVALID;
}

/* AWS: keys have their types, all else is a string. What is empty and a key of an index is not
 * there. */
enum mr_status dynamodb_csv_row(struct mr_buf *row, const struct dynamodb_table *table,
                                const struct mr_slice *columns, size_t count, char delimiter,
                                struct mr_slice line)
{
    struct mr_buf field MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(row);
    enum mr_status status = MR_OK;
    size_t i = 0;
    mr_json_object(&json);
    for (; i < count && status == MR_OK; i++) {
        enum item_type type = ITEM_S;
        bool key = false;
        status = next_field(&line, delimiter, &field);
        if (status == MR_INVALID)
            return status;
        for (size_t j = 0; j < table->definition_count; j++) {
            if (mr_slice_equal(table->definitions[j].name, columns[i])) {
                type = table->definitions[j].type;
                key = true;
            }
        }
        if (key && field.len == 0)
            continue;
        mr_json_name(&json, columns[i]);
        mr_json_object(&json);
        mr_json_key_string(&json, item_type_name(type), mr_buf_slice(&field));
        mr_json_object_end(&json);
    }
    mr_json_object_end(&json);
    return i == count && status == MR_END ? MR_OK : MR_INVALID;
}

/* ---- DynamoDB JSON ---- */

yyjson_val *dynamodb_json_row(struct mr_arena *arena, struct mr_slice line)
{
    return mr_json_get(mr_json_parse(arena, line, 2 * ITEM_DEPTH_MAX + 8), "Item");
}
