/* Tokens and literals of PartiQL. A literal becomes DynamoDB JSON first and is encoded from that,
 * so that values are checked in one place. */
#include "item/partiql_parser.h"
#include <stdarg.h>

/* ---- tokens ---- */

void item_partiql_fail(struct partiql_parser *parser, const char *what)
{
    if (parser->status != MR_OK)
        return;
    parser->status = MR_INVALID;
    parser->error = mr_arena_printf(parser->arena,
                                    "Statement wasn't well formed, can't be processed: %s", what);
    parser->token = (struct partiql_token){.kind = TOKEN_END};
    parser->next = parser->end;
}

void item_partiql_fail_text(struct partiql_parser *parser, enum mr_status status,
                            struct mr_slice text)
{
    if (parser->status != MR_OK)
        return;
    item_partiql_fail(parser, "");
    parser->status = status;
    parser->error = text;
}

void item_partiql_fail_at(struct partiql_parser *parser, const struct partiql_token *token,
                          const char *format, ...)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    size_t line = 1, column = 1;
    va_list args;
    for (const char *at = parser->start; at < token->raw.ptr; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    mr_buf_printf(&text, " at %zu:%zu:%zu", line, column, token->raw.len);
    item_partiql_fail_text(parser, MR_INVALID, mr_arena_copy(parser->arena, mr_buf_slice(&text)));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_part(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$';
}

/* Quoted text; a doubled quote stands for itself. */
static void lex_quoted(struct partiql_parser *parser, char quote)
{
    struct item_writer text = item_writer_make(parser->arena, 32);
    for (parser->next++; parser->next < parser->end; parser->next++) {
        if (*parser->next == quote) {
            bool doubled = parser->next + 1 < parser->end && parser->next[1] == quote;
            if (!doubled)
                break;
            parser->next++;
        }
        item_write_byte(&text, (uint8_t)*parser->next);
    }
    if (parser->next == parser->end) {
        item_partiql_fail(parser, "Unterminated quote");
        return;
    }
    parser->next++;
    parser->token.kind = quote == '"' ? TOKEN_QUOTED : TOKEN_STRING;
    parser->token.text = item_writer_slice(&text);
}

/* An exponent, or digits behind the point, that no decimal can hold. */
static bool is_out_of_range(struct mr_slice number)
{
    enum { EXPONENT_DIGITS_MAX = 9 };
    size_t digits = 0;
    for (size_t i = number.len; i > 0 && is_digit(number.ptr[i - 1]); i--)
        digits += digits > 0 || i < number.len || number.ptr[i - 1] != '0';
    bool exponent = mr_slice_search(number, MR_S("e")) != SIZE_MAX ||
                    mr_slice_search(number, MR_S("E")) != SIZE_MAX;
    return exponent && digits > EXPONENT_DIGITS_MAX;
}

static void lex_number(struct partiql_parser *parser)
{
    const char *from = parser->next;
    while (parser->next < parser->end) {
        char c = *parser->next, before = parser->next > from ? parser->next[-1] : '0';
        bool sign = (c == '+' || c == '-') && (before == 'e' || before == 'E');
        if (!is_digit(c) && c != '.' && c != 'e' && c != 'E' && !sign)
            break;
        parser->next++;
    }
    parser->token.kind = TOKEN_NUMBER;
    parser->token.text = mr_slice_make(from, (size_t)(parser->next - from));
    if (is_out_of_range(parser->token.text))
        item_partiql_fail(parser, "");
}

static void lex_sign(struct partiql_parser *parser)
{
    static const struct mr_slice twos[] = {MR_S_INIT("<="), MR_S_INIT(">="), MR_S_INIT("<>"),
                                           MR_S_INIT("!="), MR_S_INIT("<<"), MR_S_INIT(">>"),
                                           MR_S_INIT("||")};
    struct mr_slice rest = mr_slice_make(parser->next, (size_t)(parser->end - parser->next));
    size_t len = 1;
    for (size_t i = 0; i < MR_COUNT(twos); i++) {
        if (mr_slice_starts_with(rest, twos[i]))
            len = 2;
    }
    parser->token.kind = TOKEN_SIGN;
    parser->token.text = mr_slice_sub(rest, 0, len);
    parser->next += len;
}

static bool starts(const struct partiql_parser *parser, struct mr_slice sign)
{
    struct mr_slice rest = mr_slice_make(parser->next, (size_t)(parser->end - parser->next));
    return mr_slice_starts_with(rest, sign);
}

/* Blanks and comments, of which one that does not end is an error. */
static void skip_blanks(struct partiql_parser *parser)
{
    while (parser->next < parser->end) {
        if (*parser->next == ' ' || (*parser->next >= '\t' && *parser->next <= '\r')) {
            parser->next++;
        } else if (starts(parser, MR_S("--"))) {
            while (parser->next < parser->end && *parser->next != '\n')
                parser->next++;
        } else if (starts(parser, MR_S("/*"))) {
            parser->next += 2;
            while (parser->next < parser->end && !starts(parser, MR_S("*/")))
                parser->next++;
            if (parser->next == parser->end)
                item_partiql_fail(parser, "");
            else
                parser->next += 2;
        } else {
            return;
        }
    }
}

bool item_partiql_at_call(const struct partiql_parser *parser)
{
    const char *at = parser->next;
    while (at < parser->end && *at == ' ')
        at++;
    return parser->token.kind == TOKEN_WORD && at < parser->end && *at == '(';
}

static void lex(struct partiql_parser *parser)
{
    char c = *parser->next;
    if (c == '"' || c == '\'') {
        lex_quoted(parser, c);
    } else if (is_digit(c) ||
               (c == '.' && parser->next + 1 < parser->end && is_digit(parser->next[1]))) {
        lex_number(parser);
    } else if (is_part(c)) {
        const char *from = parser->next;
        while (parser->next < parser->end && is_part(*parser->next))
            parser->next++;
        parser->token.kind = TOKEN_WORD;
        parser->token.text = mr_slice_make(from, (size_t)(parser->next - from));
    } else if (c == '#') {
        item_partiql_fail(parser, "");
    } else {
        lex_sign(parser);
    }
}

void item_partiql_take(struct partiql_parser *parser)
{
    skip_blanks(parser);
    parser->token = (struct partiql_token){.kind = TOKEN_END};
    if (parser->next == parser->end)
        return;
    const char *from = parser->next;
    lex(parser);
    parser->token.raw = mr_slice_make(from, (size_t)(parser->next - from));
}

bool item_partiql_at_sign(const struct partiql_parser *parser, struct mr_slice sign)
{
    return parser->token.kind == TOKEN_SIGN && mr_slice_equal(parser->token.text, sign);
}

bool item_partiql_at_word(const struct partiql_parser *parser, struct mr_slice word)
{
    return parser->token.kind == TOKEN_WORD && mr_slice_equal_nocase(parser->token.text, word);
}

bool item_partiql_accept_sign(struct partiql_parser *parser, struct mr_slice sign)
{
    if (!item_partiql_at_sign(parser, sign))
        return false;
    item_partiql_take(parser);
    return true;
}

bool item_partiql_accept_word(struct partiql_parser *parser, struct mr_slice word)
{
    if (!item_partiql_at_word(parser, word))
        return false;
    item_partiql_take(parser);
    return true;
}

void item_partiql_expect_sign(struct partiql_parser *parser, struct mr_slice sign)
{
    if (!item_partiql_accept_sign(parser, sign))
        item_partiql_fail(parser, "Unexpected token");
}

void item_partiql_expect_word(struct partiql_parser *parser, struct mr_slice word)
{
    if (!item_partiql_accept_word(parser, word))
        item_partiql_fail(parser, "Unexpected keyword");
}

bool item_partiql_enter(struct partiql_parser *parser, unsigned limit)
{
    if (++parser->depth > limit)
        item_partiql_fail(parser, "Nested too deeply");
    return parser->status == MR_OK;
}

/* ---- literals ---- */

static void literal_json(struct partiql_parser *parser, struct mr_json *json);

static void parameter_json(struct partiql_parser *parser, struct mr_json *json)
{
    yyjson_val *value = yyjson_arr_get(parser->parameters, parser->taken++);
    if (value == NULL) {
        item_partiql_fail_text(parser, MR_INVALID,
                               MR_S("Number of parameters in request and statement don't match."));
        return;
    }
    mr_json_value(json, value);
}

static bool number_is_good(struct mr_arena *arena, struct mr_slice text, struct mr_slice *ret_error)
{
    struct item_value value;
    struct mr_slice json = mr_arena_printf(arena, "{\"N\":\"%.*s\"}", MR_ARG(text));
    return item_value_encode(arena, mr_json_parse(arena, json, 2), &value, ret_error) == MR_OK;
}

static void number_json(struct partiql_parser *parser, struct mr_json *json, bool negative)
{
    struct mr_slice text = parser->token.text, error;
    if (negative)
        text = mr_arena_printf(parser->arena, "-%.*s", MR_ARG(text));
    if (!number_is_good(parser->arena, text, &error))
        item_partiql_fail_text(parser, MR_INVALID,
                               mr_arena_printf(parser->arena, "%.*s under %.*s", MR_ARG(error),
                                               MR_ARG(item_writer_slice(&parser->key))));
    mr_json_string(json, text);
    item_partiql_take(parser);
}

/* Signs in front of a number: true when they make it one below zero. */
static bool accept_signs(struct partiql_parser *parser)
{
    bool negative = false;
    while (item_partiql_at_sign(parser, MR_S("-")) || item_partiql_at_sign(parser, MR_S("+"))) {
        negative = negative != item_partiql_at_sign(parser, MR_S("-"));
        item_partiql_take(parser);
    }
    return negative;
}

static void text_json(struct partiql_parser *parser, struct mr_json *json)
{
    mr_json_string(json, parser->token.text);
    item_partiql_take(parser);
}

/* <<'a', 'b'>>: its type is that of its first member. */
static void set_json(struct partiql_parser *parser, struct mr_json *json)
{
    item_partiql_take(parser);
    if (item_partiql_at_sign(parser, MR_S(">>")))
        item_partiql_fail_text(parser, MR_INVALID, MR_S("Empty bags are not supported"));
    bool text = parser->token.kind == TOKEN_STRING;
    mr_json_key(json, text ? "SS" : "NS");
    mr_json_array(json);
    do {
        bool negative = !text && accept_signs(parser);
        if (parser->token.kind != (text ? TOKEN_STRING : TOKEN_NUMBER))
            item_partiql_fail_text(parser, MR_INVALID,
                                   MR_S("Unsupported data type in Bag. DynamoDB only supports "
                                        "either numbers or strings in bags"));
        else if (text)
            text_json(parser, json);
        else
            number_json(parser, json, negative);
    } while (item_partiql_accept_sign(parser, MR_S(",")));
    mr_json_array_end(json);
    item_partiql_expect_sign(parser, MR_S(">>"));
}

static void list_json(struct partiql_parser *parser, struct mr_json *json)
{
    item_partiql_take(parser);
    mr_json_key(json, "L");
    mr_json_array(json);
    if (!item_partiql_at_sign(parser, MR_S("]"))) {
        size_t len = parser->key.len, count = 0;
        do {
            item_write_raw(&parser->key, mr_arena_printf(parser->arena, "[%zu]", count++));
            literal_json(parser, json);
            parser->key.len = len;
        } while (item_partiql_accept_sign(parser, MR_S(",")));
    }
    mr_json_array_end(json);
    item_partiql_expect_sign(parser, MR_S("]"));
}

/* The name of a member, which is a text. */
static void take_member(struct partiql_parser *parser, struct mr_slice tuple)
{
    const struct partiql_token *token = &parser->token;
    const bool word = token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED;
    if (token->kind == TOKEN_STRING) {
        item_partiql_take(parser);
        item_partiql_expect_sign(parser, MR_S(":"));
        return;
    }
    if (!word && token->kind != TOKEN_NUMBER && !item_partiql_at_sign(parser, MR_S("?"))) {
        item_partiql_fail(parser, "Expected a name in quotes");
        return;
    }
    item_partiql_fail_at(parser, token,
                         "Tuple keys must be of type String. Actual type: %s under %.*s",
                         word                          ? "VariableReference"
                         : token->kind == TOKEN_NUMBER ? "INT"
                                                       : "Parameter",
                         MR_ARG(tuple));
}

struct names {
    struct mr_slice *all;
    size_t count, cap;
};

/* False: it is there already. */
static bool add_name(struct mr_arena *arena, struct names *names, struct mr_slice name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (mr_slice_equal(names->all[i], name))
            return false;
    }
    if (names->count == names->cap) {
        const size_t cap = names->cap == 0 ? 8 : 2 * names->cap;
        names->all = mr_arena_realloc(arena, names->all, names->cap * sizeof names->all[0],
                                      cap * sizeof names->all[0]);
        names->cap = cap;
    }
    names->all[names->count++] = name;
    return true;
}

/* AWS: tells where a tuple is without the name of the attribute that it is in. */
static struct mr_slice tuple_place(const struct partiql_parser *parser)
{
    struct mr_slice key = mr_arena_copy(parser->arena, item_writer_slice(&parser->key));
    size_t from = mr_slice_find(key, '.');
    if (from == SIZE_MAX)
        return key;
    struct mr_slice rest = mr_slice_sub(key, from + 1, key.len);
    size_t next = mr_slice_find(rest, '.');
    struct mr_slice deeper = next == SIZE_MAX ? MR_S("") : mr_slice_sub(rest, next, rest.len);
    return mr_arena_printf(parser->arena, "%.*s%.*s", MR_ARG(mr_slice_sub(key, 0, from)),
                           MR_ARG(deeper));
}

/* {'name': value, ...}; a name given twice is an error. */
static void members_json(struct partiql_parser *parser, struct mr_json *json)
{
    const struct mr_slice tuple = tuple_place(parser);
    const struct partiql_token brace = parser->token;
    const size_t len = parser->key.len;
    const bool outer = mr_slice_find(item_writer_slice(&parser->key), '.') == SIZE_MAX;
    struct names names = {0};
    item_partiql_take(parser);
    mr_json_object(json);
    bool more = !item_partiql_at_sign(parser, MR_S("}"));
    while (more && parser->status == MR_OK) {
        const struct partiql_token name = parser->token;
        item_write_byte(&parser->key, '.');
        item_write_raw(&parser->key, name.text);
        take_member(parser, tuple);
        if (parser->status == MR_OK && !add_name(parser->arena, &names, name.text))
            item_partiql_fail_at(parser, outer ? &name : &brace,
                                 "Duplicate keys in tuple. Key: %.*s under %.*s", MR_ARG(name.text),
                                 MR_ARG(tuple));
        if (parser->status != MR_OK)
            break;
        mr_json_name(json, name.text);
        literal_json(parser, json);
        parser->key.len = len;
        more = item_partiql_accept_sign(parser, MR_S(","));
    }
    mr_json_object_end(json);
    item_partiql_expect_sign(parser, MR_S("}"));
}

static void value_json(struct partiql_parser *parser, struct mr_json *json)
{
    if (parser->token.kind == TOKEN_STRING) {
        mr_json_key_string(json, "S", parser->token.text);
        item_partiql_take(parser);
    } else if (item_partiql_at_sign(parser, MR_S("<<"))) {
        set_json(parser, json);
    } else if (item_partiql_at_sign(parser, MR_S("["))) {
        list_json(parser, json);
    } else if (item_partiql_at_sign(parser, MR_S("{"))) {
        mr_json_key(json, "M");
        members_json(parser, json);
    } else if (item_partiql_at_word(parser, MR_S("true")) ||
               item_partiql_at_word(parser, MR_S("false"))) {
        mr_json_key_bool(json, "BOOL", item_partiql_at_word(parser, MR_S("true")));
        item_partiql_take(parser);
    } else if (item_partiql_accept_word(parser, MR_S("null"))) {
        mr_json_key_bool(json, "NULL", true);
    } else if (item_partiql_at_call(parser)) {
        struct mr_slice name = mr_arena_lower(parser->arena, parser->token.text);
        item_partiql_fail_at(parser, &parser->token, "Unsupported data type: %.*s under key root",
                             MR_ARG(name));
    } else {
        bool negative = accept_signs(parser);
        if (parser->token.kind != TOKEN_NUMBER) {
            item_partiql_fail(parser, "Expected expression");
            return;
        }
        mr_json_key(json, "N");
        number_json(parser, json, negative);
    }
}

static void literal_json(struct partiql_parser *parser, struct mr_json *json)
{
    if (!item_partiql_enter(parser, ITEM_PARTIQL_DEPTH_MAX + ITEM_PARTIQL_LITERAL_DEPTH_MAX)) {
        mr_json_null(json);
    } else if (item_partiql_accept_sign(parser, MR_S("?"))) {
        parameter_json(parser, json);
        if (parser->status != MR_OK)
            mr_json_null(json);
    } else {
        mr_json_object(json);
        value_json(parser, json);
        mr_json_object_end(json);
    }
    parser->depth--;
}

/* A literal or parameter, encoded. */
struct item_value item_partiql_literal(struct partiql_parser *parser)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    struct item_value value = {.type = ITEM_NONE};
    parser->key = item_writer_make(parser->arena, 32);
    item_write_raw(&parser->key, MR_S("root"));
    literal_json(parser, &json);
    if (parser->status != MR_OK)
        return value;
    struct mr_slice error;
    yyjson_val *parsed = mr_json_parse(parser->arena, mr_buf_slice(&text), MR_JSON_DEPTH_MAX);
    enum mr_status status = item_value_encode(parser->arena, parsed, &value, &error);
    if (status != MR_OK)
        item_partiql_fail_text(parser, status, error);
    return value;
}
