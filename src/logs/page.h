/* logs/page.h: one page of rows that come in any order: the first `limit` behind a token.
 *
 * Rows are ordered by (rank, name, number), or the other way round. A token names the last row of a
 * page, so rows that come or go between two pages shift nothing. Memory: twice the limit, whatever
 * the number of rows offered. No lock. */
#pragma once
#include "base/arena.h"

struct logs_row {
    int64_t rank; /* a time, or 0 where the name alone decides */
    uint64_t number;
    struct mr_slice name; /* the caller's; lives as long as the page */
};

struct logs_page {
    struct mr_arena *arena;
    size_t limit, count;
    bool descending;
    bool has_after;
    struct logs_row after;
    struct logs_row *rows; /* in order once closed */
    bool more;             /* set by close: rows were left out */
};
/* token: empty for the first page. False when it is not one of ours. */
bool logs_page_init(struct logs_page *page, struct mr_arena *arena, size_t limit, bool descending,
                    struct mr_slice token);
void logs_page_offer(struct logs_page *page, struct logs_row row);
void logs_page_close(struct logs_page *page);
/* The token of the page behind this one. Only when `more`. */
struct mr_slice logs_page_token(const struct logs_page *page);
