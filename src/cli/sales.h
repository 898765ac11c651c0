/* cli/sales.h: mock sales: a seeded stream of orders made, changed and deleted.
 *
 * Orders are numbered; a change picks a new order, or one of the newest that live (hot) or any
 * (cold). The same seed gives the same changes. What was acknowledged is remembered, so that a
 * reader can check what landed. */
#pragma once
#include "cli/client.h"
#include "base/rng.h"

enum sales_kind { SALES_INSERT, SALES_UPDATE, SALES_DELETE };

/* One acknowledged change. */
struct sales_change {
    uint32_t order;
    uint8_t kind;    /* enum sales_kind */
    uint8_t product; /* index of sales_products */
    uint16_t quantity;
    uint32_t cents; /* price */
};
extern const char *const sales_products[];
extern const size_t sales_product_count;

struct sales_options {
    const char *table;
    uint64_t count; /* 0: until stopped */
    double rate;    /* changes per second; 0: as fast as they are acknowledged */
    double seconds; /* stop after so long; 0: no limit */
    uint64_t seed;
    int updates, deletes; /* percent of the changes */
    bool quiet;           /* no progress line */
};
extern const struct sales_options sales_options_default;

struct sales_run {
    struct sales_change *changes; /* owned; in the order acknowledged; NULL unless keep was asked */
    size_t count, capacity;
    uint64_t inserts, updates, deletes;
    int64_t ms; /* it took */
};
/* "o-00000042" into 16 bytes. */
void sales_order_id(uint32_t order, char ret[static 16]);
/* Writes changes until count, seconds or *stop says so. MR_FAULT: the endpoint refused one (told on
 * stderr). */
MR_MUST_USE enum mr_status sales_generate(struct client *client,
                                          const struct sales_options *options, bool keep,
                                          const volatile int *stop, struct sales_run *ret_run);
void sales_run_fini(struct sales_run *run);
