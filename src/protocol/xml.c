#include "protocol/xml.h"

/* ---- writing ---- */
void xml_escape(struct mr_buf *buf, struct mr_slice text)
{
    size_t plain = 0;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        const bool control = c < 0x20 && c != '\t' && c != '\n';
        if (!control && c != '<' && c != '>' && c != '&' && c != '"' && c != '\'')
            continue;
        mr_buf_append(buf, mr_slice_sub(text, plain, i - plain));
        plain = i + 1;
        switch (c) {
        case '<': mr_buf_append(buf, MR_S("&lt;")); break;
        case '>': mr_buf_append(buf, MR_S("&gt;")); break;
        case '&': mr_buf_append(buf, MR_S("&amp;")); break;
        case '"': mr_buf_append(buf, MR_S("&quot;")); break;
        case '\'': mr_buf_append(buf, MR_S("&#39;")); break;
        default: mr_buf_printf(buf, "&#x%x;", c); break;
        }
    }
    mr_buf_append(buf, mr_slice_sub(text, plain, text.len - plain));
}

void xml_element(struct mr_buf *buf, struct mr_slice name, struct mr_slice text)
{
    mr_buf_printf(buf, "<%.*s>", MR_ARG(name));
    xml_escape(buf, text);
    mr_buf_printf(buf, "</%.*s>", MR_ARG(name));
}

/* ---- reading ---- */
struct parser {
    struct mr_arena *arena;
    const char *at, *end;
    size_t depth, nodes;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *parser)
{
    while (parser->at < parser->end && is_blank(*parser->at))
        parser->at++;
}

static bool starts(const struct parser *parser, struct mr_slice text)
{
    return mr_slice_starts_with(mr_slice_make(parser->at, (size_t)(parser->end - parser->at)),
                                text);
}

/* Moves behind the next `text`; false when it never comes. */
static bool skip_behind(struct parser *parser, struct mr_slice text, struct mr_slice *ret_before)
{
    const struct mr_slice rest = mr_slice_make(parser->at, (size_t)(parser->end - parser->at));
    const size_t at = mr_slice_search(rest, text);
    if (at == SIZE_MAX)
        return false;
    if (ret_before != NULL)
        *ret_before = mr_slice_sub(rest, 0, at);
    parser->at += at + text.len;
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':' || (unsigned char)c >= 0x80;
}

static bool name_read(struct parser *parser, struct mr_slice *ret_name)
{
    const char *start = parser->at;
    while (parser->at < parser->end && is_name_char(*parser->at))
        parser->at++;
    *ret_name = mr_slice_make(start, (size_t)(parser->at - start));
    return ret_name->len > 0 && !(*start >= '0' && *start <= '9') && *start != '-' && *start != '.';
}

static struct mr_slice local_name(struct mr_slice name)
{
    const size_t colon = mr_slice_find(name, ':');
    return colon == SIZE_MAX ? name : mr_slice_sub(name, colon + 1, SIZE_MAX);
}

static size_t utf8_put(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | ((code >> 6) & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | ((code >> 12) & 0x3f));
    to[2] = (char)(0x80 | ((code >> 6) & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* "#38", "#x26": the character, or 0 when it is none. */
static uint32_t reference_number(struct mr_slice digits)
{
    const bool hex = digits.len > 1 && digits.ptr[1] == 'x';
    uint32_t code = 0;
    size_t i = hex ? 2 : 1;
    if (i >= digits.len || digits.len > 10)
        return 0;
    for (; i < digits.len; i++) {
        const char c = digits.ptr[i];
        const bool digit = c >= '0' && c <= '9';
        const char low = (char)(c | 32);
        if (!digit && !(hex && low >= 'a' && low <= 'f'))
            return 0;
        code = code * (hex ? 16 : 10) + (uint32_t)(digit ? c - '0' : low - 'a' + 10);
        if (code > 0x10ffff)
            return 0;
    }
    return code >= 0xd800 && code < 0xe000 ? 0 : code;
}

static size_t entity_put(char *to, struct mr_slice name)
{
    static const struct {
        struct mr_slice name;
        char c;
    } entities[] = {{MR_S_INIT("lt"), '<'},
                    {MR_S_INIT("gt"), '>'},
                    {MR_S_INIT("amp"), '&'},
                    {MR_S_INIT("quot"), '"'},
                    {MR_S_INIT("apos"), '\''}};
    if (name.len > 1 && name.ptr[0] == '#') {
        const uint32_t code = reference_number(name);
        return code == 0 ? 0 : utf8_put(to, code);
    }
    for (size_t i = 0; i < MR_COUNT(entities); i++)
        if (mr_slice_equal(entities[i].name, name)) {
            *to = entities[i].c;
            return 1;
        }
    return 0;
}

/* Text with references resolved and line ends as "\n"; false when a reference is unknown. */
static bool text_decode(struct parser *parser, struct mr_slice raw, struct mr_slice *ret_text)
{
    if (mr_slice_find(raw, '&') == SIZE_MAX && mr_slice_find(raw, '\r') == SIZE_MAX) {
        *ret_text = raw;
        return true;
    }
    char *to = mr_arena_alloc(parser->arena, raw.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        const char c = raw.ptr[i];
        if (c == '\r') {
            if (i + 1 == raw.len || raw.ptr[i + 1] != '\n')
                to[len++] = '\n';
            continue;
        }
        if (c != '&') {
            to[len++] = c;
            continue;
        }
        const struct mr_slice rest = mr_slice_sub(raw, i + 1, SIZE_MAX);
        const size_t end = mr_slice_find(rest, ';');
        const size_t put = end == SIZE_MAX ? 0 : entity_put(to + len, mr_slice_sub(rest, 0, end));
        if (put == 0)
            return false;
        len += put;
        i += end + 1;
    }
    *ret_text = mr_slice_make(to, len);
    return true;
}

static void text_join(struct parser *parser, struct xml_node *node, struct mr_slice text)
{
    if (node->text.len == 0) {
        node->text = text;
        return;
    }
    if (text.len == 0)
        return;
    char *joined = mr_arena_alloc(parser->arena, node->text.len + text.len);
    memcpy(joined, node->text.ptr, node->text.len);
    memcpy(joined + node->text.len, text.ptr, text.len);
    node->text = mr_slice_make(joined, node->text.len + text.len);
}

static bool attribute_read(struct parser *parser, struct xml_node *node)
{
    struct mr_slice name, raw;
    if (!name_read(parser, &name))
        return false;
    skip_blanks(parser);
    if (parser->at == parser->end || *parser->at != '=')
        return false;
    parser->at++;
    skip_blanks(parser);
    if (parser->at == parser->end || (*parser->at != '"' && *parser->at != '\''))
        return false;
    const char quote = *parser->at++;
    if (!skip_behind(parser, mr_slice_make(&quote, 1), &raw) || mr_slice_find(raw, '<') != SIZE_MAX)
        return false;
    struct xml_attribute *attribute = MR_NEW(parser->arena, struct xml_attribute);
    attribute->name = name;
    attribute->next = node->attributes;
    node->attributes = attribute;
    return text_decode(parser, raw, &attribute->value);
}

static struct xml_node *element_read(struct parser *parser);

static bool child_read(struct parser *parser, struct xml_node *node)
{
    struct xml_node *child = element_read(parser);
    if (child == NULL)
        return false;
    if (node->last == NULL)
        node->first = child;
    else
        node->last->next = child;
    node->last = child;
    return true;
}

/* One piece of an element's content that begins with '<' and is no element. False: not one. */
static bool markup_read(struct parser *parser, struct xml_node *node, bool *ret_failed)
{
    struct mr_slice inside;
    if (starts(parser, MR_S("<!--"))) {
        parser->at += 4;
        *ret_failed = !skip_behind(parser, MR_S("-->"), NULL);
        return true;
    }
    if (starts(parser, MR_S("<![CDATA["))) {
        parser->at += 9;
        *ret_failed = !skip_behind(parser, MR_S("]]>"), &inside);
        if (!*ret_failed)
            text_join(parser, node, inside);
        return true;
    }
    if (starts(parser, MR_S("<?"))) {
        *ret_failed = !skip_behind(parser, MR_S("?>"), NULL);
        return true;
    }
    return false;
}

static bool end_read(struct parser *parser, struct mr_slice name)
{
    struct mr_slice end;
    parser->at += 2;
    if (!name_read(parser, &end) || !mr_slice_equal(end, name))
        return false;
    skip_blanks(parser);
    if (parser->at == parser->end || *parser->at != '>')
        return false;
    parser->at++;
    return true;
}

static bool content_read(struct parser *parser, struct xml_node *node, struct mr_slice name)
{
    while (parser->at < parser->end) {
        bool failed = false;
        if (*parser->at != '<') {
            const char *start = parser->at;
            const char *open = memchr(start, '<', (size_t)(parser->end - start));
            struct mr_slice text;
            if (open == NULL ||
                !text_decode(parser, mr_slice_make(start, (size_t)(open - start)), &text))
                return false;
            text_join(parser, node, text);
            parser->at = open;
        } else if (starts(parser, MR_S("</"))) {
            return end_read(parser, name);
        } else if (markup_read(parser, node, &failed)) {
            if (failed)
                return false;
        } else if (!child_read(parser, node)) {
            return false;
        }
    }
    return false;
}

static struct xml_node *element_read(struct parser *parser)
{
    struct mr_slice name;
    if (parser->depth == XML_DEPTH_MAX || parser->nodes == XML_NODES_MAX)
        return NULL;
    if (parser->at == parser->end || *parser->at != '<')
        return NULL;
    parser->at++;
    if (!name_read(parser, &name))
        return NULL;
    struct xml_node *node = MR_NEW(parser->arena, struct xml_node);
    node->name = local_name(name);
    parser->nodes++;
    for (;;) {
        const char *before = parser->at;
        skip_blanks(parser);
        if (parser->at == parser->end)
            return NULL;
        if (starts(parser, MR_S("/>"))) {
            parser->at += 2;
            return node;
        }
        if (*parser->at == '>')
            break;
        if (parser->at == before || !attribute_read(parser, node))
            return NULL;
    }
    parser->at++;
    parser->depth++;
    const bool good = content_read(parser, node, name);
    parser->depth--;
    return good ? node : NULL;
}

/* Blanks, comments, processing instructions around the root. */
static bool misc_skip(struct parser *parser)
{
    struct xml_node nowhere = {0};
    bool failed = false;
    for (;;) {
        skip_blanks(parser);
        if (starts(parser, MR_S("<![CDATA[")) || !markup_read(parser, &nowhere, &failed))
            return !failed;
        if (failed)
            return false;
    }
}

struct xml_node *xml_parse(struct mr_arena *arena, struct mr_slice text)
{
    struct parser parser = {.arena = arena, .at = text.ptr, .end = text.ptr + text.len};
    if (starts(&parser, MR_S("\xef\xbb\xbf")))
        parser.at += 3;
    if (text.len == 0 || !misc_skip(&parser))
        return NULL;
    struct xml_node *root = element_read(&parser);
    if (root == NULL || !misc_skip(&parser) || parser.at != parser.end)
        return NULL;
    return root;
}

const struct xml_node *xml_child(const struct xml_node *node, struct mr_slice name)
{
    for (const struct xml_node *child = node->first; child != NULL; child = child->next)
        if (mr_slice_equal(child->name, name))
            return child;
    return NULL;
}
