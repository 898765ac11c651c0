/* cli/landed.h: reads what landed in S3 and compares it with what was written. */
#pragma once
#include "cli/sales.h"

struct landed_line {
    uint32_t order;
    uint8_t kind; /* enum sales_kind */
    uint16_t quantity;
    uint32_t cents;
    uint64_t sequence; /* its last 19 digits: enough to order by */
    uint32_t object;   /* index, in order of keys */
    uint32_t line;     /* in its object */
};
struct landed {
    struct landed_line *lines; /* owned */
    size_t count, capacity;
    uint32_t objects;
    uint64_t unreadable; /* lines that are no change */
};
/* Reads every object under bucket/prefix. MR_FAULT: told on stderr. */
MR_MUST_USE enum mr_status landed_read(struct client *client, struct mr_slice bucket,
                                       struct mr_slice prefix, struct landed *ret_landed);
void landed_fini(struct landed *landed);

struct landed_verdict {
    uint64_t inserts, updates, deletes; /* found, each once */
    uint64_t lost, doubled;
    /* Changes that are not where they belong: an order's changes, by sequence number, differ from
     * those written in their order; or an object shows them in another order; or two objects hold
     * each other's neighbours. */
    uint64_t out_of_order;
};
struct landed_verdict landed_compare(struct landed *landed, const struct sales_run *run);
