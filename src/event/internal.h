/* event/internal.h: a compiled pattern, between pattern_parse.c and pattern.c. */
#pragma once
#include "event/pattern.h"

enum event_test_kind {
    EVENT_STRING,
    EVENT_NUMBER,
    EVENT_NULL,
    EVENT_TRUE,
    EVENT_FALSE,
    EVENT_PREFIX,
    EVENT_SUFFIX,
    EVENT_NOCASE,
    EVENT_PREFIX_NOCASE,
    EVENT_SUFFIX_NOCASE,
    EVENT_WILDCARD,
    EVENT_NUMERIC,
    EVENT_EXISTS,
    EVENT_ABSENT,
    EVENT_CIDR,
    EVENT_NONE_OF, /* anything-but */
};

/* One alternative of a leaf. Slices live in the filter's arena. */
struct event_test {
    enum event_test_kind kind;
    struct mr_slice text; /* string, prefix, ...; of a number its literal */
    double low, high;     /* NUMERIC */
    bool low_open, high_open;
    uint8_t network[16];  /* CIDR */
    uint8_t network_bits; /* that count */
    bool ipv6;
    struct mr_slice *parts;   /* WILDCARD: the texts between its stars; the first and the last may
                                 be empty */
    struct event_test *tests; /* NONE_OF */
    size_t count;             /* of parts or tests */
};

struct event_node;
struct event_field {
    struct mr_slice name;
    struct event_node *node;  /* NULL: a leaf */
    struct event_test *tests; /* of a leaf */
    size_t count;
};
struct event_or {
    struct event_node *nodes;
    size_t count;
};
struct event_node {
    struct event_field *fields;
    size_t field_count;
    struct event_or *ors;
    size_t or_count;
    bool only_absent; /* each leaf below asks for absence alone */
};

struct event_filter {
    struct mr_arena arena; /* of everything below */
    struct event_node *roots;
    size_t count;
};

/* Compiles one pattern. MR_INVALID with `message`. */
MR_MUST_USE enum mr_status event_pattern_parse(struct mr_arena *arena, struct mr_slice text,
                                               struct event_node *ret_node,
                                               char message[static EVENT_MESSAGE_MAX]);
/* An IP address as bytes: 4 or 16. False: it is none. */
bool event_ip_parse(struct mr_slice text, uint8_t ret[static 16], bool *ret_ipv6);

/* ---- fold.c: texts without regard to case ---- */
bool event_nocase_equal(struct mr_slice a, struct mr_slice b);
bool event_nocase_starts_with(struct mr_slice text, struct mr_slice prefix);
bool event_nocase_ends_with(struct mr_slice text, struct mr_slice suffix);
