/* What parses, written again by our writer, parses to the same tree. */
#include "protocol/xml.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void write_node(struct mr_buf *buf, const struct xml_node *node)
{
    mr_buf_printf(buf, "<%.*s", MR_ARG(node->name));
    for (const struct xml_attribute *at = node->attributes; at != NULL; at = at->next) {
        mr_buf_printf(buf, " %.*s=\"", MR_ARG(at->name));
        xml_escape(buf, at->value);
        mr_buf_byte(buf, '"');
    }
    mr_buf_byte(buf, '>');
    xml_escape(buf, node->text);
    for (const struct xml_node *child = node->first; child != NULL; child = child->next)
        write_node(buf, child);
    mr_buf_printf(buf, "</%.*s>", MR_ARG(node->name));
}

static size_t count(const struct xml_node *node)
{
    size_t nodes = 1;
    for (const struct xml_node *child = node->first; child != NULL; child = child->next)
        nodes += count(child);
    return nodes;
}

/* Bytes that XML cannot hold raw, or a local name that is none by itself, need not come back. */
static bool is_plain(const struct xml_node *node)
{
    if (node->name.len == 0 || (node->name.ptr[0] >= '0' && node->name.ptr[0] <= '9') ||
        node->name.ptr[0] == '-' || node->name.ptr[0] == '.' ||
        mr_slice_find(node->name, ':') != SIZE_MAX || mr_slice_find(node->text, '\0') != SIZE_MAX)
        return false;
    for (const struct xml_attribute *at = node->attributes; at != NULL; at = at->next)
        if (mr_slice_find(at->value, '\0') != SIZE_MAX)
            return false;
    for (const struct xml_node *child = node->first; child != NULL; child = child->next)
        if (!is_plain(child))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    struct mr_buf text = {0};
    mr_arena_init(&arena);
    const struct xml_node *root = xml_parse(&arena, mr_slice_make(data, size));
    if (root != NULL && is_plain(root)) {
        write_node(&text, root);
        const struct xml_node *again = xml_parse(&arena, mr_buf_slice(&text));
        require(again != NULL);
        require(count(again) == count(root));
        require(mr_slice_equal(again->text, root->text));
    }
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
    return 0;
}
