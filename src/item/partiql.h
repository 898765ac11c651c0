/* item/partiql.h: DynamoDB's PartiQL: one statement, read into the trees of expression.h.
 *
 * SELECT, INSERT, UPDATE, DELETE, and EXISTS around a SELECT. `?` takes the next parameter;
 * literals and parameters are checked as item_encode does. Everything lives in the arena given.
 * Limits: what the wire allows (8,192 characters), 100 levels of conditions, 40 of literals. */
#pragma once
#include "item/expression.h"

enum { ITEM_PARTIQL_DEPTH_MAX = 100, ITEM_PARTIQL_LITERAL_DEPTH_MAX = 40 };

enum item_statement_kind {
    ITEM_STATEMENT_SELECT,
    ITEM_STATEMENT_EXISTS, /* of a SELECT */
    ITEM_STATEMENT_INSERT,
    ITEM_STATEMENT_UPDATE,
    ITEM_STATEMENT_DELETE,
};
enum item_returning {
    ITEM_RETURNING_NOTHING,
    ITEM_RETURNING_ALL_OLD,
    ITEM_RETURNING_MODIFIED_OLD,
    ITEM_RETURNING_ALL_NEW,
    ITEM_RETURNING_MODIFIED_NEW,
};
enum { ITEM_ORDERS_MAX = 8 }; /* as many as a table or index has key attributes */
struct item_order {
    struct mr_slice name;
    bool descending;
};
struct item_statement {
    struct mr_slice table, index; /* index: empty when none is named */
    struct item_path *paths;      /* SELECT: what to show */
    struct mr_slice *names;       /* of the paths: their last name and what indexes follow it */
    size_t path_count;            /* 0: everything */
    struct item_node *where;      /* NULL: none */
    struct item_order orders[ITEM_ORDERS_MAX]; /* ORDER BY */
    size_t order_count;
    struct item_update update; /* UPDATE */
    struct mr_slice item;      /* INSERT: encoded */
    enum item_statement_kind kind;
    enum item_returning returning; /* UPDATE, DELETE */
};
/* `parameters`: a JSON array of AttributeValues, or NULL. MR_INVALID, MR_FAULT: as item_encode. */
MR_MUST_USE enum mr_status item_partiql_parse(struct mr_arena *arena, struct mr_slice text,
                                              yyjson_val *parameters,
                                              struct item_statement *ret_statement,
                                              struct mr_slice *ret_error);
/* It asks two different values of that attribute. */
bool item_partiql_contradicts(const struct item_node *where, struct mr_slice name);
/* How many values the longest IN of that attribute has; 0: there is none. */
size_t item_partiql_listed(const struct item_node *where, struct mr_slice name);
/* The values of which a top-level attribute must have one for the condition to hold: by =, IN, and
 * OR of such. False: it may have others. */
bool item_partiql_values(struct mr_arena *arena, const struct item_node *where,
                         struct mr_slice name, struct item_value **ret_values, size_t *ret_count);
/* The value that the condition asks of a top-level attribute: a comparison that must hold for the
 * whole to hold. NULL: none. */
const struct item_node *item_partiql_term(const struct item_node *where, struct mr_slice name,
                                          bool equality);
