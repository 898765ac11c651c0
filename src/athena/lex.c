#include "athena/lex.h"
#include "athena/unicode.h"
#include "base/buf.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

void athena_error_set(struct athena_error *error, struct mr_arena *arena, const char *code,
                      uint32_t line, uint32_t column, const char *format, ...)
{
    if (error->code != NULL)
        return;
    struct mr_buf buf = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&buf, format, args);
    va_end(args);
    *error = (struct athena_error){.code = code, .line = line, .column = column};
    error->message = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
}

struct lexer {
    struct mr_arena *arena;
    struct mr_slice text;
    size_t at, line_start;
    uint32_t line;
    struct athena_tokens tokens;
    size_t capacity;
    struct athena_error *error;
};

static char peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->text.len ? lexer->text.ptr[lexer->at + ahead] : '\0';
}

static uint32_t column(const struct lexer *lexer, size_t at)
{
    return (uint32_t)(at - lexer->line_start) + 1;
}

static struct athena_token *add(struct lexer *lexer, enum athena_token_kind kind, size_t len)
{
    if (lexer->tokens.count == lexer->capacity) {
        const size_t capacity = lexer->capacity == 0 ? 64 : lexer->capacity * 2;
        struct athena_token *list = MR_NEW_ARRAY(lexer->arena, struct athena_token, capacity);
        if (lexer->tokens.count > 0)
            memcpy(list, lexer->tokens.list, sizeof *list * lexer->tokens.count);
        lexer->tokens.list = list;
        lexer->capacity = capacity;
    }
    struct athena_token *token = &lexer->tokens.list[lexer->tokens.count++];
    *token = (struct athena_token){.kind = kind, .line = lexer->line};
    token->column = column(lexer, lexer->at);
    token->text = mr_slice_sub(lexer->text, lexer->at, len);
    token->value = token->text;
    lexer->at += len;
    return token;
}

static enum mr_status fail(struct lexer *lexer, const char *what)
{
    athena_error_set(lexer->error, lexer->arena, "SYNTAX_ERROR", lexer->line,
                     column(lexer, lexer->at), "%s", what);
    return MR_INVALID;
}

static void count_lines(struct lexer *lexer, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (lexer->text.ptr[i] == '\n') {
            lexer->line++;
            lexer->line_start = i + 1;
        }
    }
}

/* Blanks and comments. */
static enum mr_status skip(struct lexer *lexer)
{
    while (lexer->at < lexer->text.len) {
        const char byte = peek(lexer, 0);
        size_t end = lexer->at;
        if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
            end++;
        } else if (byte == '-' && peek(lexer, 1) == '-') {
            while (end < lexer->text.len && lexer->text.ptr[end] != '\n')
                end++;
        } else if (byte == '/' && peek(lexer, 1) == '*') {
            const size_t close =
                mr_slice_search(mr_slice_sub(lexer->text, end + 2, SIZE_MAX), MR_S("*/"));
            if (close == SIZE_MAX)
                return fail(lexer, "comment without end");
            end += 2 + close + 2;
        } else {
            break;
        }
        count_lines(lexer, lexer->at, end);
        lexer->at = end;
    }
    return MR_OK;
}

/* Hive's grammar, not Trino's: a backslash keeps a quote from ending a text. */
static bool is_hive(const struct lexer *lexer)
{
    const struct athena_token *list = lexer->tokens.list;
    return lexer->tokens.count > 1 &&
           (athena_token_is(&list[0], "ALTER") ||
            (athena_token_is(&list[0], "CREATE") &&
             (athena_token_is(&list[1], "EXTERNAL") || athena_token_is(&list[1], "DATABASE") ||
              athena_token_is(&list[1], "SCHEMA"))));
}

/* A quoted text; the quote inside is doubled. `skip_bytes`: of a prefix before the quote. */
static enum mr_status lex_quoted(struct lexer *lexer, enum athena_token_kind kind,
                                 size_t skip_bytes)
{
    const char quote = peek(lexer, skip_bytes);
    const bool backslash = quote != '`' && is_hive(lexer); /* stays in the value: unescaped later */
    const size_t begin = lexer->at + skip_bytes + 1;
    char *value = NULL;
    size_t len = 0, i = begin;
    for (;; i++) {
        if (i >= lexer->text.len)
            return fail(lexer, quote == '\'' ? "string literal without end"
                                             : "quoted identifier without end");
        if (lexer->text.ptr[i] == quote) {
            if (i + 1 >= lexer->text.len || lexer->text.ptr[i + 1] != quote)
                break;
            i++;
        }
        if (value == NULL)
            value = mr_arena_alloc(lexer->arena, lexer->text.len - begin + 1);
        value[len++] = lexer->text.ptr[i];
        if (backslash && lexer->text.ptr[i] == '\\' && i + 1 < lexer->text.len)
            value[len++] = lexer->text.ptr[++i];
    }
    if (kind == ATHENA_TOKEN_QUOTED && len == 0)
        return fail(lexer, "Zero-length delimited identifier not allowed");
    const size_t start = lexer->at, total = i + 1 - lexer->at;
    struct athena_token *token = add(lexer, kind, total);
    token->value = mr_slice_make(value == NULL ? "" : value, len);
    token->backtick = quote == '`';
    count_lines(lexer, start, start + total);
    return MR_OK;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_name_start(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

/* What base 0x1F, 0o17 and 0b11 are written in; 10: none of these. */
static unsigned base_of(const struct lexer *lexer)
{
    static const unsigned bases[][2] = {{'x', 16}, {'o', 8}, {'b', 2}};
    for (size_t i = 0; peek(lexer, 0) == '0' && i < MR_COUNT(bases); i++) {
        if ((unsigned)(peek(lexer, 1) | 0x20) == bases[i][0])
            return bases[i][1];
    }
    return 10;
}

static unsigned digit_of(char byte)
{
    return is_digit(byte)                                 ? (unsigned)(byte - '0')
           : (byte | 0x20) >= 'a' && (byte | 0x20) <= 'f' ? (unsigned)((byte | 0x20) - 'a') + 10
                                                          : 16;
}

/* Where digits end, from `at`; an underscore may stand in front of any but a number's first. */
static size_t skip_digits(const struct lexer *lexer, size_t at, unsigned base, bool first)
{
    for (;; first = false) {
        const size_t digit = at + (!first && peek(lexer, at) == '_');
        if (digit_of(peek(lexer, digit)) >= base)
            return at;
        at = digit + 1;
    }
}

/* A number in another base, or one with underscores, as digits that all readers know. Too large a
 * one stays as it is written, and is refused where it is read. */
static struct mr_slice plain_number(struct lexer *lexer, struct mr_slice text, unsigned base)
{
    char *plain = mr_arena_alloc(lexer->arena, text.len + 1);
    size_t len = 0;
    uint64_t value = 0;
    for (size_t i = base == 10 ? 0 : 2; i < text.len; i++) {
        if (text.ptr[i] == '_')
            continue;
        plain[len++] = text.ptr[i];
        if (base != 10 && value > (UINT64_MAX - digit_of(text.ptr[i])) / base)
            return text;
        value = base == 10 ? 0 : value * base + digit_of(text.ptr[i]);
    }
    return base == 10 ? mr_slice_make(plain, len)
                      : mr_arena_printf(lexer->arena, "%llu", (unsigned long long)value);
}

/* Where an exponent behind `len` bytes ends; `len`: there is none. */
static size_t skip_exponent(const struct lexer *lexer, size_t len)
{
    if (peek(lexer, len) != 'e' && peek(lexer, len) != 'E')
        return len;
    const size_t sign = peek(lexer, len + 1) == '+' || peek(lexer, len + 1) == '-';
    size_t end = len + 1 + sign;
    if (!is_digit(peek(lexer, end)))
        return len;
    while (is_digit(peek(lexer, end)))
        end++;
    return end;
}

static enum mr_status lex_number(struct lexer *lexer)
{
    const unsigned base = base_of(lexer);
    enum athena_token_kind kind = ATHENA_TOKEN_INTEGER;
    size_t len =
        base == 10 ? skip_digits(lexer, 0, base, true) : skip_digits(lexer, 2, base, false);
    const bool empty = base != 10 && len == 2;
    if (base == 10 && peek(lexer, len) == '.') {
        kind = ATHENA_TOKEN_DECIMAL;
        len = skip_digits(lexer, len + 1, base, true);
    }
    const bool scored = mr_slice_find(mr_slice_sub(lexer->text, lexer->at, len), '_') != SIZE_MAX;
    const size_t end = base == 10 && !scored ? skip_exponent(lexer, len) : len;
    kind = end > len ? ATHENA_TOKEN_DOUBLE : kind;
    if (empty || is_name_start(peek(lexer, end)) || (base != 10 && is_digit(peek(lexer, end))))
        return fail(lexer, "identifiers must not start with a digit; surround the identifier with "
                           "double quotes");
    struct athena_token *token = add(lexer, kind, end);
    if (base != 10 || scored)
        token->value = plain_number(lexer, token->text, base);
    return MR_OK;
}

static enum mr_status lex_operator(struct lexer *lexer)
{
    static const char *const pairs[] = {"<>", "!=", "<=", ">=", "||", "->", "=>", "{-", "-}"};
    for (size_t i = 0; i < MR_COUNT(pairs); i++) {
        if (peek(lexer, 0) == pairs[i][0] && peek(lexer, 1) == pairs[i][1]) {
            add(lexer, ATHENA_TOKEN_OPERATOR, 2);
            return MR_OK;
        }
    }
    const char byte = peek(lexer, 0);
    if (!mr_byte_in(byte, "+-*/%=<>()[],.?:;{}|^$"))
        return fail(lexer, "a character that SQL does not have");
    add(lexer, ATHENA_TOKEN_OPERATOR, 1);
    return MR_OK;
}

/* \0041 and \+000041 in `value`, with another sign when UESCAPE names one. */
static enum mr_status unescape(struct lexer *lexer, struct mr_slice *value, char escape)
{
    char *out = mr_arena_alloc(lexer->arena, value->len + 1);
    size_t len = 0;
    for (size_t i = 0; i < value->len;) {
        if (value->ptr[i] != escape) {
            out[len++] = value->ptr[i++];
            continue;
        }
        if (i + 1 < value->len && value->ptr[i + 1] == escape) {
            out[len++] = escape;
            i += 2;
            continue;
        }
        const bool wide = i + 1 < value->len && value->ptr[i + 1] == '+';
        const size_t digits = wide ? 6 : 4;
        struct mr_slice hex = mr_slice_sub(*value, i + 1 + wide, digits);
        uint32_t code = 0;
        for (size_t d = 0; d < hex.len; d++) {
            if (!isxdigit((unsigned char)hex.ptr[d]))
                return fail(lexer, "Incomplete escape sequence");
            code = code * 16 + (uint32_t)(isdigit((unsigned char)hex.ptr[d])
                                              ? hex.ptr[d] - '0'
                                              : (hex.ptr[d] | 0x20) - 'a' + 10);
        }
        if (hex.len < digits || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            return fail(lexer, hex.len < digits ? "Incomplete escape sequence"
                                                : "Invalid escaped character");
        len += athena_unicode_put(out + len, code);
        i += 1 + wide + digits;
    }
    *value = mr_slice_make(out, len);
    return MR_OK;
}

/* U&'...', U&"...", and UESCAPE 'c' behind it. */
static enum mr_status lex_unicode(struct lexer *lexer)
{
    const bool string = peek(lexer, 2) == '\'';
    enum mr_status status =
        lex_quoted(lexer, string ? ATHENA_TOKEN_STRING : ATHENA_TOKEN_QUOTED, 2);
    const size_t at = lexer->tokens.count - 1;
    char escape = '\\';
    if (status == MR_OK)
        status = skip(lexer);
    if (status == MR_OK &&
        mr_slice_equal_nocase(mr_slice_sub(lexer->text, lexer->at, 7), MR_S("UESCAPE"))) {
        add(lexer, ATHENA_TOKEN_WORD, 7);
        status = skip(lexer);
        if (status == MR_OK && peek(lexer, 0) != '\'')
            status = fail(lexer, "a string is expected behind UESCAPE");
        if (status == MR_OK)
            status = lex_quoted(lexer, ATHENA_TOKEN_STRING, 0);
        if (status != MR_OK)
            return status;
        struct mr_slice sign = lexer->tokens.list[lexer->tokens.count - 1].value;
        lexer->tokens.count -= 2;
        if (sign.len != 1 || isxdigit((unsigned char)sign.ptr[0]) ||
            mr_byte_in(sign.ptr[0], "+'\" "))
            return fail(lexer, "Invalid Unicode escape character");
        escape = sign.ptr[0];
    }
    return status == MR_OK ? unescape(lexer, &lexer->tokens.list[at].value, escape) : status;
}

static enum mr_status lex_word(struct lexer *lexer)
{
    const char first = peek(lexer, 0);
    if ((first == 'X' || first == 'x') && peek(lexer, 1) == '\'')
        return lex_quoted(lexer, ATHENA_TOKEN_BINARY, 1);
    if ((first == 'U' || first == 'u') && peek(lexer, 1) == '&' &&
        (peek(lexer, 2) == '\'' || peek(lexer, 2) == '"'))
        return lex_unicode(lexer);
    size_t len = 0;
    while (is_name_start(peek(lexer, len)) || is_digit(peek(lexer, len)))
        len++;
    add(lexer, ATHENA_TOKEN_WORD, len);
    return MR_OK;
}

enum mr_status athena_lex(struct mr_arena *arena, struct mr_slice text,
                          struct athena_tokens *ret_tokens, struct athena_error *error)
{
    struct lexer lexer = {.arena = arena, .text = text, .line = 1, .error = error};
    for (;;) {
        enum mr_status status = skip(&lexer);
        if (status != MR_OK)
            return status;
        if (lexer.at == text.len)
            break;
        const char byte = peek(&lexer, 0);
        if (byte == '\'')
            status = lex_quoted(&lexer, ATHENA_TOKEN_STRING, 0);
        else if (byte == '"' || byte == '`')
            status = lex_quoted(&lexer, ATHENA_TOKEN_QUOTED, 0);
        else if (is_name_start(byte))
            status = lex_word(&lexer);
        else if (is_digit(byte) || (byte == '.' && is_digit(peek(&lexer, 1))))
            status = lex_number(&lexer);
        else
            status = lex_operator(&lexer);
        if (status != MR_OK)
            return status;
    }
    add(&lexer, ATHENA_TOKEN_END, 0);
    *ret_tokens = lexer.tokens;
    return MR_OK;
}

bool athena_token_is(const struct athena_token *token, const char *keyword_or_operator)
{
    if (token->kind != ATHENA_TOKEN_WORD && token->kind != ATHENA_TOKEN_OPERATOR)
        return false;
    return mr_slice_equal_nocase(token->text, mr_slice_cstr(keyword_or_operator));
}
