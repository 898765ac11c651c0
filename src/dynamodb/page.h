/* dynamodb/page.h: one page of Query or Scan: a range of keys, read in one direction. Private to
 * dynamodb/. */
#pragma once
#include "dynamodb/statement.h"

/* Keys of a space: from lower up to, not including, upper. */
struct dynamodb_range {
    enum view_space space;
    struct mr_slice prefix; /* of all keys in it */
    struct mr_slice lower;
    struct mr_slice upper; /* len 0: up to the end of the prefix */
};
/* The least bytes above all that begin with `prefix`; len 0: there are none. */
struct mr_slice dynamodb_successor(struct mr_arena *arena, struct mr_slice prefix);
/* The keys with those partition keys, narrowed by conditions on the sort keys from the first on:
 * equalities, but for the last one. */
struct dynamodb_range dynamodb_range_of_query(struct mr_arena *arena,
                                              const struct dynamodb_table *table,
                                              const struct dynamodb_index *index,
                                              const struct item_value *hashes, size_t hash_count,
                                              const struct item_key_term *const *terms,
                                              size_t term_count);
/* The keys of a segment of the table or index. */
struct dynamodb_range dynamodb_range_of_scan(struct mr_arena *arena,
                                             const struct dynamodb_table *table,
                                             const struct dynamodb_index *index, int64_t segment,
                                             int64_t segments);
bool dynamodb_range_holds(const struct dynamodb_range *range, struct mr_slice key);

struct dynamodb_page {
    struct protocol_call *call;
    struct dynamodb_table *table;
    const struct dynamodb_index *index; /* NULL: the table */
    const struct dynamodb_expressions *expressions;
    const struct item_statement *statement; /* a SELECT; NULL: Query, Scan */
    struct dynamodb_range range;
    const struct dynamodb_range *ranges; /* several, read one behind the other; NULL: the one */
    size_t range_count, range_at;        /* range is ranges[range_at] */
    struct mr_slice start;               /* ExclusiveStartKey, encoded; len 0: none */
    struct mr_slice after;               /* key behind which it begins; len 0: at the range's end */
    bool backward, consistent, count_only;
    bool fetches; /* the index lacks attributes that are asked for: read the items themselves */
    int64_t limit;
    int64_t together_max; /* items of a page, the last of which has no token; 0: `limit` rules */
};
/* Reads ConsistentRead, Limit, Select, IndexName; finds the index. MR_FAULT when they do not fit.
 */
MR_MUST_USE enum mr_status dynamodb_page_begin(struct dynamodb_page *page);
/* The index has what is asked for. */
MR_MUST_USE enum mr_status dynamodb_page_projected(struct dynamodb_page *page);
/* The index has what the filter looks at. AWS asks this of a query, not of a scan. */
MR_MUST_USE enum mr_status dynamodb_page_filtered(const struct dynamodb_page *page);
/* ExclusiveStartKey has as many attributes as name a place; a key attribute in it fits. */
/* What a condition asks of a key: of its type, and not empty. */
MR_MUST_USE enum mr_status dynamodb_term_check(struct protocol_call *call,
                                               const struct dynamodb_key *key,
                                               const struct item_value *value);
MR_MUST_USE enum mr_status dynamodb_page_start_count(const struct dynamodb_page *page, bool query);
MR_MUST_USE enum mr_status dynamodb_page_start_piece(const struct dynamodb_page *page,
                                                     const struct dynamodb_key *key, bool range);
/* The table's keys in it fit too. */
MR_MUST_USE enum mr_status dynamodb_page_start_tables(const struct dynamodb_page *page);
/* page->start into page->after, after all of these; the range must be set. */
MR_MUST_USE enum mr_status dynamodb_page_start_after(struct dynamodb_page *page, bool query);
/* Reads and answers the page. */
void dynamodb_page_run(struct dynamodb_page *page);
