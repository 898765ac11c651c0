/* Items as Amazon Ion text, the way AWS exports them:
 *
 *   S string   N decimal   B blob   BOOL bool   NULL null   L list   M struct
 *   SS NS BS   list, annotated $dynamodb_SS, $dynamodb_NS, $dynamodb_BS */
#include "dynamodb/recovery.h"
#include "base/codec.h"

/* ---- writing ---- */

static void write_value(struct mr_buf *buf, const struct item_value *value);

static void write_escaped(struct mr_buf *buf, struct mr_slice text, char quote)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == (unsigned char)quote || c == '\\')
            mr_buf_printf(buf, "\\%c", c);
        else if (c == '\n')
            mr_buf_append(buf, MR_S("\\n"));
        else if (c == '\r')
            mr_buf_append(buf, MR_S("\\r"));
        else if (c == '\t')
            mr_buf_append(buf, MR_S("\\t"));
        else if (c < 0x20 || c == 0x7f)
            mr_buf_printf(buf, "\\x%02x", c);
        else
            mr_buf_byte(buf, (char)c);
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What needs no quotes: an identifier that is no keyword, and not $ with digits, a symbol's number.
 */
static bool is_identifier(struct mr_slice name)
{
    static const struct mr_slice keywords[] = {MR_S_INIT("null"), MR_S_INIT("true"),
                                               MR_S_INIT("false"), MR_S_INIT("nan")};
    bool number = name.len > 1 && name.ptr[0] == '$';
    if (name.len == 0 || !is_letter(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        if (!is_letter(name.ptr[i]) && !is_digit(name.ptr[i]))
            return false;
        number = number && is_digit(name.ptr[i]);
    }
    for (size_t i = 0; i < MR_COUNT(keywords); i++) {
        if (mr_slice_equal(name, keywords[i]))
            return false;
    }
    return !number;
}

static void write_name(struct mr_buf *buf, struct mr_slice name)
{
    if (is_identifier(name)) {
        mr_buf_append(buf, name);
        return;
    }
    mr_buf_byte(buf, '\'');
    write_escaped(buf, name, '\'');
    mr_buf_byte(buf, '\'');
}

static void write_string(struct mr_buf *buf, struct mr_slice text)
{
    mr_buf_byte(buf, '"');
    write_escaped(buf, text, '"');
    mr_buf_byte(buf, '"');
}

/* Significant digits and a power of ten, written as AWS's Ion writer does: 103. 1.5 6d2 2.5d-1 */
static void write_number(struct mr_buf *buf, struct mr_slice number)
{
    char plain[ITEM_NUMBER_TEXT_MAX], digits[ITEM_NUMBER_TEXT_MAX];
    size_t len = item_number_text(number, plain), count = 0, scale = 0, zeros = 0;
    bool fraction = false;
    for (size_t i = 0; i < len; i++) {
        fraction = fraction || plain[i] == '.';
        if (!is_digit(plain[i]) || (count == 0 && plain[i] == '0' && !fraction))
            continue;
        scale += fraction;
        if (count > 0 || plain[i] != '0')
            digits[count++] = plain[i];
    }
    if (count == 0)
        digits[count++] = '0';
    while (scale == 0 && count > 1 && digits[count - 1 - zeros] == '0')
        zeros++;
    count -= zeros;
    if (plain[0] == '-')
        mr_buf_byte(buf, '-');
    size_t whole = scale == 0 ? count : count > scale ? count - scale : 1;
    mr_buf_append(buf, mr_slice_make(digits, whole));
    if (whole < count || (scale == 0 && zeros == 0))
        mr_buf_byte(buf, '.');
    mr_buf_append(buf, mr_slice_make(digits + whole, count - whole));
    if (zeros > 0)
        mr_buf_printf(buf, "d%zu", zeros);
    else if (scale > 0 && count <= scale)
        mr_buf_printf(buf, "d-%zu", scale - count + 1);
}

static void write_scalar(struct mr_buf *buf, enum item_type type, struct mr_slice body)
{
    if (type == ITEM_S) {
        write_string(buf, body);
    } else if (type == ITEM_N) {
        write_number(buf, body);
    } else {
        mr_buf_append(buf, MR_S("{{"));
        mr_base64_append(buf, body);
        mr_buf_append(buf, MR_S("}}"));
    }
}

static void write_set(struct mr_buf *buf, const struct item_value *set)
{
    struct item_iter iter = item_iter_value(set);
    struct mr_slice body;
    const char *comma = "";
    mr_buf_printf(buf, "$dynamodb_%s::[", item_type_name(set->type));
    for (; item_iter_member(&iter, &body); comma = ",") {
        mr_buf_append(buf, mr_slice_cstr(comma));
        write_scalar(buf, item_set_member_type(set->type), body);
    }
    mr_buf_byte(buf, ']');
}

static void write_list(struct mr_buf *buf, const struct item_value *list)
{
    struct item_iter iter = item_iter_value(list);
    struct item_value value;
    const char *comma = "";
    mr_buf_byte(buf, '[');
    for (; item_iter_element(&iter, &value); comma = ",") {
        mr_buf_append(buf, mr_slice_cstr(comma));
        write_value(buf, &value);
    }
    mr_buf_byte(buf, ']');
}

static void write_fields(struct mr_buf *buf, struct item_iter iter)
{
    struct mr_slice name;
    struct item_value value;
    const char *comma = "";
    mr_buf_byte(buf, '{');
    for (; item_iter_field(&iter, &name, &value); comma = ",") {
        mr_buf_append(buf, mr_slice_cstr(comma));
        write_name(buf, name);
        mr_buf_byte(buf, ':');
        write_value(buf, &value);
    }
    mr_buf_byte(buf, '}');
}

/* An item is at most ITEM_DEPTH_MAX deep. */
static void write_value(struct mr_buf *buf, const struct item_value *value)
{
    switch (value->type) {
    case ITEM_BOOL:
        mr_buf_append(buf, value->body.ptr[0] != 0 ? MR_S("true") : MR_S("false"));
        break;
    case ITEM_NONE:
    case ITEM_NULL: mr_buf_append(buf, MR_S("null")); break;
    case ITEM_SS:
    case ITEM_NS:
    case ITEM_BS: write_set(buf, value); break;
    case ITEM_L: write_list(buf, value); break;
    case ITEM_M: write_fields(buf, item_iter_value(value)); break;
    case ITEM_S:
    case ITEM_N:
    case ITEM_B: write_scalar(buf, value->type, value->body); break;
    }
}

void dynamodb_ion_write(struct mr_buf *buf, struct mr_slice item)
{
    write_fields(buf, item_iter_item(item));
}
