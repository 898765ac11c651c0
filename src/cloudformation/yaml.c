/* libyaml's events, one after the other, into yyjson's values. */
#include "cloudformation/yaml.h"
#include "base/map.h"
#include <yaml.h>

struct reader {
    struct mr_arena *arena;
    yaml_parser_t parser;
    yyjson_mut_doc *doc;
    struct mr_slice error;
};

static yyjson_mut_val *fail_at(struct reader *reader, yaml_mark_t mark)
{
    if (reader->error.len == 0)
        reader->error = mr_arena_printf(
            reader->arena, "Template format error: YAML not well-formed. (line %zu, column %zu)",
            mark.line + 1, mark.column + 1);
    return NULL;
}

/* The next event; false when the text is not YAML. */
static bool next(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event))
        return true;
    (void)fail_at(reader, reader->parser.problem_mark);
    *event = (yaml_event_t){.type = YAML_NO_EVENT};
    return false;
}

/* ---- scalars ---- */

static bool is_one_of(struct mr_slice text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (mr_slice_equal(text, mr_slice_cstr(*words)))
            return true;
    return false;
}

/* The number of JSON: what can be kept as it stands. */
static bool is_json_number(struct mr_slice text)
{
    size_t i = 0, digits = 0;
    if (i < text.len && text.ptr[i] == '-')
        i++;
    const size_t first = i;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        digits++;
    if (digits == 0 || (digits > 1 && text.ptr[first] == '0'))
        return false;
    if (i < text.len && text.ptr[i] == '.') {
        for (i++, digits = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
            digits++;
        if (digits == 0)
            return false;
    }
    if (i < text.len && (text.ptr[i] == 'e' || text.ptr[i] == 'E')) {
        i++;
        if (i < text.len && (text.ptr[i] == '+' || text.ptr[i] == '-'))
            i++;
        for (digits = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
            digits++;
        if (digits == 0)
            return false;
    }
    return i == text.len;
}

/* 0x1F, 017 and 0b101, as YAML 1.1 has them. */
static bool is_based_integer(struct mr_slice text, uint64_t *ret_value)
{
    if (text.len < 2 || text.len > 18 || text.ptr[0] != '0')
        return false;
    const unsigned base = text.ptr[1] == 'x' ? 16 : text.ptr[1] == 'b' ? 2 : 8;
    uint64_t value = 0;
    size_t i = base == 8 ? 1 : 2;
    if (i == text.len)
        return false;
    for (; i < text.len; i++) {
        const char c = text.ptr[i];
        const unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                               : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                               : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                      : 99;
        if (digit >= base)
            return false;
        value = value * base + digit;
    }
    *ret_value = value;
    return true;
}

/* A scalar without quotes and tag says itself what it is. */
static yyjson_mut_val *plain(struct reader *reader, struct mr_slice text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", "yes", "Yes",
                                        "YES",  "on",   "On",   "ON",  NULL};
    static const char *const falses[] = {"false", "False", "FALSE", "no",  "No",
                                         "NO",    "off",   "Off",   "OFF", NULL};
    yyjson_mut_doc *doc = reader->doc;
    uint64_t value;
    if (is_one_of(text, nulls))
        return yyjson_mut_null(doc);
    if (is_one_of(text, trues))
        return yyjson_mut_true(doc);
    if (is_one_of(text, falses))
        return yyjson_mut_false(doc);
    if (is_json_number(text))
        return yyjson_mut_rawncpy(doc, text.ptr, text.len);
    if (text.len > 1 && text.ptr[0] == '+' && is_json_number(mr_slice_sub(text, 1, SIZE_MAX)))
        return yyjson_mut_rawncpy(doc, text.ptr + 1, text.len - 1);
    if (is_based_integer(text, &value)) {
        const struct mr_slice digits =
            mr_arena_printf(reader->arena, "%llu", (unsigned long long)value);
        return yyjson_mut_rawncpy(doc, digits.ptr, digits.len);
    }
    return yyjson_mut_strncpy(doc, text.ptr, text.len);
}

static yyjson_mut_val *scalar(struct reader *reader, const yaml_event_t *event)
{
    const struct mr_slice text = mr_slice_make(event->data.scalar.value, event->data.scalar.length);
    const char *tag = (const char *)event->data.scalar.tag;
    if (!mr_slice_is_utf8(text))
        return fail_at(reader, event->start_mark);
    if (tag == NULL && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return plain(reader, text);
    return yyjson_mut_strncpy(reader->doc, text.ptr, text.len);
}

/* ---- tags ---- */

/* "a.b.c" is the resource and its attribute "b.c". */
static yyjson_mut_val *get_att(struct reader *reader, yyjson_mut_val *value)
{
    if (!yyjson_mut_is_str(value))
        return value;
    const struct mr_slice text =
        mr_slice_make(yyjson_mut_get_str(value), yyjson_mut_get_len(value));
    const size_t dot = mr_slice_find(text, '.');
    if (dot == SIZE_MAX)
        return value;
    yyjson_mut_val *pair = yyjson_mut_arr(reader->doc);
    yyjson_mut_arr_add_strncpy(reader->doc, pair, text.ptr, dot);
    yyjson_mut_arr_add_strncpy(reader->doc, pair, text.ptr + dot + 1, text.len - dot - 1);
    return pair;
}

/* The value below its tag, or the value where the tag is one of YAML's own. */
static yyjson_mut_val *tagged(struct reader *reader, const char *raw_tag, yaml_mark_t mark,
                              yyjson_mut_val *value)
{
    static const char *const functions[] = {
        "Base64", "Cidr",      "FindInMap", "GetAtt",       "GetAZs", "ImportValue", "Join",
        "Select", "Split",     "Sub",       "If",           "Equals", "And",         "Or",
        "Not",    "Transform", "Length",    "ToJsonString", NULL};
    const struct mr_slice tag = mr_slice_cstr(raw_tag);
    if (value == NULL || raw_tag == NULL || mr_slice_starts_with(tag, MR_S("tag:yaml.org,2002:")))
        return value;
    const struct mr_slice name = mr_slice_sub(tag, 1, SIZE_MAX);
    const bool bare = mr_slice_equal(name, MR_S("Ref")) || mr_slice_equal(name, MR_S("Condition"));
    if (tag.ptr[0] != '!' || (!bare && !is_one_of(name, functions)))
        return fail_at(reader, mark);
    if (mr_slice_equal(name, MR_S("GetAtt")))
        value = get_att(reader, value);
    const struct mr_slice key =
        mr_arena_printf(reader->arena, "%s%.*s", bare ? "" : "Fn::", MR_ARG(name));
    yyjson_mut_val *object = yyjson_mut_obj(reader->doc);
    yyjson_mut_obj_put(object, yyjson_mut_strncpy(reader->doc, key.ptr, key.len), value);
    return object;
}

/* ---- nodes ---- */

static yyjson_mut_val *node(struct reader *reader, yaml_event_t *event, int depth);

static yyjson_mut_val *sequence(struct reader *reader, int depth)
{
    yyjson_mut_val *list = yyjson_mut_arr(reader->doc);
    for (;;) {
        yaml_event_t event;
        if (!next(reader, &event))
            return NULL;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return list;
        }
        yyjson_mut_val *item = node(reader, &event, depth);
        if (item == NULL)
            return NULL;
        yyjson_mut_arr_append(list, item);
    }
}

/* Puts the member; a name that was there gives its place to the new value. `places` remembers each
 * name's value. */
static void put_member(struct reader *reader, yyjson_mut_val *object, struct mr_map *places,
                       struct mr_slice name, yyjson_mut_val *value)
{
    yyjson_mut_val *before = mr_map_get(places, name);
    if (before != NULL) {
        yyjson_mut_val *neighbour = before->next; /* a member is its name, then its value */
        *before = *value;
        before->next = neighbour;
        return;
    }
    yyjson_mut_obj_add(object, yyjson_mut_strncpy(reader->doc, name.ptr, name.len), value);
    (void)mr_map_put(places, name, value);
}

/* A name is text as it stands, whatever it looks like. */
static bool member_name(struct reader *reader, yaml_event_t *event, struct mr_slice *ret_name)
{
    const struct mr_slice name =
        event->type == YAML_SCALAR_EVENT
            ? mr_slice_make(event->data.scalar.value, event->data.scalar.length)
            : (struct mr_slice){0};
    const bool is_text = event->type == YAML_SCALAR_EVENT && mr_slice_is_utf8(name);
    if (is_text)
        *ret_name = mr_arena_copy(reader->arena, name);
    else
        (void)fail_at(reader, event->start_mark);
    yaml_event_delete(event);
    return is_text;
}

static yyjson_mut_val *mapping(struct reader *reader, int depth)
{
    yyjson_mut_val *object = yyjson_mut_obj(reader->doc);
    MR_CLEANUP(mr_map_fini) struct mr_map places = {0};
    for (;;) {
        yaml_event_t event;
        struct mr_slice name;
        if (!next(reader, &event))
            return NULL;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return object;
        }
        if (!member_name(reader, &event, &name) || !next(reader, &event))
            return NULL;
        yyjson_mut_val *value = node(reader, &event, depth);
        if (value == NULL)
            return NULL;
        put_member(reader, object, &places, name, value);
    }
}

static const char *tag_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: return (const char *)event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT: return (const char *)event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT: return (const char *)event->data.mapping_start.tag;
    default: return NULL;
    }
}

/* The value that begins with `event`, which is used up. */
static yyjson_mut_val *node(struct reader *reader, yaml_event_t *event, int depth)
{
    yyjson_mut_val *value = NULL;
    if (depth >= YAML_DEPTH_MAX) {
        (void)fail_at(reader, event->start_mark);
    } else {
        switch (event->type) {
        case YAML_SCALAR_EVENT: value = scalar(reader, event); break;
        case YAML_SEQUENCE_START_EVENT: value = sequence(reader, depth + 1); break;
        case YAML_MAPPING_START_EVENT: value = mapping(reader, depth + 1); break;
        case YAML_ALIAS_EVENT:
            reader->error =
                MR_S("Template error: YAML aliases are not allowed in CloudFormation templates");
            break;
        default: (void)fail_at(reader, event->start_mark); break;
        }
    }
    value = tagged(reader, tag_of(event), event->start_mark, value);
    yaml_event_delete(event);
    return value;
}

/* One document with one node in it. */
static yyjson_mut_val *document(struct reader *reader)
{
    yyjson_mut_val *root = NULL;
    for (;;) {
        yaml_event_t event;
        if (!next(reader, &event))
            return NULL;
        const yaml_event_type_t type = event.type;
        if (type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            return root;
        }
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
            type == YAML_DOCUMENT_END_EVENT) {
            const bool second = type == YAML_DOCUMENT_START_EVENT && root != NULL;
            const yaml_mark_t mark = event.start_mark;
            yaml_event_delete(&event);
            if (second)
                return fail_at(reader, mark);
            continue;
        }
        root = node(reader, &event, 0);
        if (root == NULL)
            return NULL;
    }
}

yyjson_val *yaml_parse(struct mr_arena *arena, struct mr_slice text, struct mr_slice *ret_error)
{
    const yyjson_alc alc = mr_json_alc(arena);
    struct reader reader = {.arena = arena, .doc = yyjson_mut_doc_new(&alc)};
    if (!yaml_parser_initialize(&reader.parser)) {
        *ret_error = MR_S("Template format error: YAML not well-formed.");
        return NULL;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.ptr, text.len);
    yyjson_mut_val *root = document(&reader);
    yaml_parser_delete(&reader.parser);
    if (root == NULL) {
        *ret_error = reader.error.len > 0 ? reader.error
                                          : MR_S("Template format error: unsupported structure.");
        return NULL;
    }
    return yyjson_doc_get_root(yyjson_mut_val_imut_copy(root, &alc));
}
