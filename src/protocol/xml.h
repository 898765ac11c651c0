/* protocol/xml.h: the little XML that AWS's protocols need. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

/* ---- writing ---- */
/* Text or attribute value with the five characters escaped; controls that XML 1.0 cannot hold
 * become character references, as S3 does in keys. */
void xml_escape(struct mr_buf *buf, struct mr_slice text);
/* <name>text</name> */
void xml_element(struct mr_buf *buf, struct mr_slice name, struct mr_slice text);

/* ---- reading ----
 * Elements, attributes, text, CDATA, comments, an XML declaration. No DTD, no entities but the five
 * and numeric references; namespaces' prefixes are cut off names. */
enum { XML_DEPTH_MAX = 32, XML_NODES_MAX = 200000 };
struct xml_node {
    struct mr_slice name;
    struct mr_slice text;                 /* all character data right inside, joined */
    struct xml_node *first, *last, *next; /* children; next sibling */
    struct xml_attribute {
        struct mr_slice name, value;
        struct xml_attribute *next;
    } * attributes;
};
/* The root; memory and texts from `arena` and `text`. NULL: not well-formed, or beyond the limits.
 */
struct xml_node *xml_parse(struct mr_arena *arena, struct mr_slice text);
/* First child of that name, or NULL. */
const struct xml_node *xml_child(const struct xml_node *node, struct mr_slice name);
