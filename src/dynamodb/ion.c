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

/* ---- reading ----
 * One value of Ion text becomes DynamoDB JSON. What no attribute can be (floats, timestamps,
 * symbols, clobs, s-expressions) is refused. */

struct reader {
    struct mr_slice rest;
    struct mr_buf *out;
    unsigned depth;
};
enum { ION_DEPTH_MAX = ITEM_DEPTH_MAX + 8 };

static enum mr_status read_value(struct reader *reader);

static void skip_blanks(struct reader *reader)
{
    struct mr_slice *rest = &reader->rest;
    while (rest->len > 0 &&
           (*rest->ptr == ' ' || *rest->ptr == '\t' || *rest->ptr == '\r' || *rest->ptr == '\n'))
        *rest = mr_slice_sub(*rest, 1, rest->len);
}

static bool take(struct reader *reader, struct mr_slice token)
{
    skip_blanks(reader);
    if (!mr_slice_starts_with(reader->rest, token))
        return false;
    reader->rest = mr_slice_sub(reader->rest, token.len, reader->rest.len);
    return true;
}

static void append_utf8(struct mr_buf *text, uint32_t code)
{
    if (code < 0x80) {
        mr_buf_byte(text, (char)code);
    } else if (code < 0x800) {
        mr_buf_byte(text, (char)(0xc0 | code >> 6));
        mr_buf_byte(text, (char)(0x80 | (code & 63)));
    } else if (code < 0x10000) {
        mr_buf_byte(text, (char)(0xe0 | code >> 12));
        mr_buf_byte(text, (char)(0x80 | (code >> 6 & 63)));
        mr_buf_byte(text, (char)(0x80 | (code & 63)));
    } else {
        mr_buf_byte(text, (char)(0xf0 | (code >> 18 & 7)));
        mr_buf_byte(text, (char)(0x80 | (code >> 12 & 63)));
        mr_buf_byte(text, (char)(0x80 | (code >> 6 & 63)));
        mr_buf_byte(text, (char)(0x80 | (code & 63)));
    }
}

/* Behind a backslash. */
static bool read_escape(struct reader *reader, struct mr_buf *text)
{
    static const char names[] = "abtnfrv0\"'?\\/", values[] = "\a\b\t\n\f\r\v\0\"'?\\/";
    if (reader->rest.len == 0)
        return false;
    char c = reader->rest.ptr[0];
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    reader->rest = mr_slice_sub(reader->rest, 1, reader->rest.len);
    if (digits == 0) {
        const char *name = memchr(names, c, sizeof(names) - 1);
        if (name != NULL)
            mr_buf_byte(text, values[name - names]);
        return name != NULL;
    }
    uint8_t bytes[4] = {0};
    if (mr_unhex(mr_slice_sub(reader->rest, 0, digits), bytes, digits / 2) != MR_OK)
        return false;
    uint32_t code = 0;
    for (size_t i = 0; i < digits / 2; i++)
        code = code << 8 | bytes[i];
    reader->rest = mr_slice_sub(reader->rest, digits, reader->rest.len);
    append_utf8(text, code);
    return true;
}

/* Behind the opening quote. */
static bool read_quoted(struct reader *reader, char quote, struct mr_buf *text)
{
    while (reader->rest.len > 0) {
        char c = reader->rest.ptr[0];
        reader->rest = mr_slice_sub(reader->rest, 1, reader->rest.len);
        if (c == quote)
            return true;
        if (c != '\\')
            mr_buf_byte(text, c);
        else if (!read_escape(reader, text))
            return false;
    }
    return false;
}

static struct mr_slice take_word(struct reader *reader)
{
    struct mr_slice rest = reader->rest;
    size_t len = 0;
    while (len < rest.len && (is_letter(rest.ptr[len]) || is_digit(rest.ptr[len]) ||
                              rest.ptr[len] == '.' || rest.ptr[len] == '+' || rest.ptr[len] == '-'))
        len++;
    reader->rest = mr_slice_sub(rest, len, rest.len);
    return mr_slice_sub(rest, 0, len);
}

static bool read_name(struct reader *reader, struct mr_buf *name)
{
    mr_buf_reset(name);
    skip_blanks(reader);
    if (take(reader, MR_S("\"")))
        return read_quoted(reader, '"', name);
    if (take(reader, MR_S("'")))
        return read_quoted(reader, '\'', name);
    size_t len = 0;
    while (len < reader->rest.len &&
           (is_letter(reader->rest.ptr[len]) || is_digit(reader->rest.ptr[len])))
        len++;
    mr_buf_append(name, mr_slice_sub(reader->rest, 0, len));
    reader->rest = mr_slice_sub(reader->rest, len, reader->rest.len);
    return len > 0;
}

static void text_json(struct reader *reader, struct mr_slice text)
{
    mr_buf_byte(reader->out, '"');
    mr_json_escape(reader->out, text);
    mr_buf_byte(reader->out, '"');
}

/* Between the quotes of a blob; blanks in it mean nothing. */
static enum mr_status read_blob(struct reader *reader)
{
    mr_buf_byte(reader->out, '"');
    while (reader->rest.len > 0 && reader->rest.ptr[0] != '}') {
        char c = reader->rest.ptr[0];
        if (is_letter(c) || is_digit(c) || c == '+' || c == '/' || c == '=')
            mr_buf_byte(reader->out, c);
        else if (c != ' ' && c != '\t')
            return MR_INVALID;
        reader->rest = mr_slice_sub(reader->rest, 1, reader->rest.len);
    }
    mr_buf_byte(reader->out, '"');
    return take(reader, MR_S("}}")) ? MR_OK : MR_INVALID;
}

/* 103. 6d2 -1.5d-3 12_000: digits with an exponent that JSON's readers know; no float (1e0). */
static enum mr_status read_number(struct reader *reader, struct mr_slice word)
{
    if (word.len > 0 && word.ptr[word.len - 1] == '.')
        word.len--;
    mr_buf_byte(reader->out, '"');
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (c == 'd' || c == 'D')
            c = 'E';
        else if (!is_digit(c) && c != '.' && c != '-' && c != '+' && c != '_')
            return MR_INVALID;
        if (c == '.' && i + 1 < word.len && !is_digit(word.ptr[i + 1]))
            continue; /* 1.d2 */
        if (c != '_')
            mr_buf_byte(reader->out, c);
    }
    mr_buf_byte(reader->out, '"');
    return word.len > 0 ? MR_OK : MR_INVALID;
}

/* Scalars of one type, as a JSON array. */
static enum mr_status read_set(struct reader *reader, struct mr_slice type)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    enum mr_status status = MR_OK;
    mr_buf_printf(reader->out, "{\"%.*s\":[", MR_ARG(type));
    if (!take(reader, MR_S("[")))
        return MR_INVALID;
    for (bool first = true; status == MR_OK && !take(reader, MR_S("]")); first = false) {
        if (!first && !take(reader, MR_S(",")))
            return MR_INVALID;
        if (!first)
            mr_buf_byte(reader->out, ',');
        skip_blanks(reader);
        mr_buf_reset(&text);
        if (type.ptr[0] == 'N') {
            status = read_number(reader, take_word(reader));
        } else if (type.ptr[0] == 'B') {
            status = take(reader, MR_S("{{")) ? read_blob(reader) : MR_INVALID;
        } else {
            if (!take(reader, MR_S("\"")) || !read_quoted(reader, '"', &text))
                return MR_INVALID;
            text_json(reader, mr_buf_slice(&text));
        }
    }
    mr_buf_append(reader->out, MR_S("]}"));
    return status;
}

static enum mr_status read_list(struct reader *reader)
{
    enum mr_status status = MR_OK;
    mr_buf_append(reader->out, MR_S("{\"L\":["));
    for (bool first = true; status == MR_OK && !take(reader, MR_S("]")); first = false) {
        if (!first && !take(reader, MR_S(",")))
            return MR_INVALID;
        if (!first)
            mr_buf_byte(reader->out, ',');
        status = read_value(reader);
    }
    mr_buf_append(reader->out, MR_S("]}"));
    return status;
}

/* Behind the opening brace; without the type around it. */
static enum mr_status read_fields(struct reader *reader)
{
    struct mr_buf name MR_CLEANUP(mr_buf_fini) = {0};
    enum mr_status status = MR_OK;
    mr_buf_byte(reader->out, '{');
    for (bool first = true; status == MR_OK && !take(reader, MR_S("}")); first = false) {
        if ((!first && !take(reader, MR_S(","))) || !read_name(reader, &name) ||
            !take(reader, MR_S(":")))
            return MR_INVALID;
        if (!first)
            mr_buf_byte(reader->out, ',');
        text_json(reader, mr_buf_slice(&name));
        mr_buf_byte(reader->out, ':');
        status = read_value(reader);
    }
    mr_buf_byte(reader->out, '}');
    return status;
}

static enum mr_status read_word(struct reader *reader)
{
    struct mr_slice word = take_word(reader);
    static const struct mr_slice sets[] = {MR_S_INIT("$dynamodb_SS"), MR_S_INIT("$dynamodb_NS"),
                                           MR_S_INIT("$dynamodb_BS")};
    for (size_t i = 0; i < MR_COUNT(sets); i++) {
        if (mr_slice_equal(word, sets[i]))
            return take(reader, MR_S("::")) ? read_set(reader, mr_slice_sub(word, 10, 2))
                                            : MR_INVALID;
    }
    if (mr_slice_equal(word, MR_S("true")) || mr_slice_equal(word, MR_S("false"))) {
        mr_buf_printf(reader->out, "{\"BOOL\":%.*s}", MR_ARG(word));
        return MR_OK;
    }
    if (mr_slice_equal(word, MR_S("null")) || mr_slice_starts_with(word, MR_S("null."))) {
        mr_buf_append(reader->out, MR_S("{\"NULL\":true}"));
        return MR_OK;
    }
    mr_buf_append(reader->out, MR_S("{\"N\":"));
    enum mr_status status = read_number(reader, word);
    mr_buf_byte(reader->out, '}');
    return status;
}

static enum mr_status read_typed(struct reader *reader)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    enum mr_status status;
    if (take(reader, MR_S("{{"))) {
        mr_buf_append(reader->out, MR_S("{\"B\":"));
        status = read_blob(reader);
    } else if (take(reader, MR_S("{"))) {
        mr_buf_append(reader->out, MR_S("{\"M\":"));
        status = read_fields(reader);
    } else if (take(reader, MR_S("["))) {
        return read_list(reader);
    } else if (take(reader, MR_S("\""))) {
        mr_buf_append(reader->out, MR_S("{\"S\":"));
        status = read_quoted(reader, '"', &text) ? MR_OK : MR_INVALID;
        text_json(reader, mr_buf_slice(&text));
    } else {
        return read_word(reader);
    }
    mr_buf_byte(reader->out, '}');
    return status;
}

static enum mr_status read_value(struct reader *reader)
{
    if (reader->depth == ION_DEPTH_MAX)
        return MR_INVALID;
    reader->depth++;
    enum mr_status status = read_typed(reader);
    reader->depth--;
    return status;
}

enum mr_status dynamodb_ion_row(struct mr_buf *row, struct mr_slice line)
{
    struct reader reader = {.rest = line, .out = row};
    struct mr_buf name MR_CLEANUP(mr_buf_fini) = {0};
    (void)take(&reader, MR_S("$ion_1_0"));
    if (!take(&reader, MR_S("{")) || !read_name(&reader, &name) ||
        !mr_slice_equal(mr_buf_slice(&name), MR_S("Item")) || !take(&reader, MR_S(":")) ||
        !take(&reader, MR_S("{")))
        return MR_INVALID;
    enum mr_status status = read_fields(&reader);
    if (status != MR_OK || !take(&reader, MR_S("}")))
        return MR_INVALID;
    skip_blanks(&reader);
    return reader.rest.len == 0 ? MR_OK : MR_INVALID;
}
