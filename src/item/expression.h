/* item/expression.h: DynamoDB's expressions: parse once a request, evaluate over encoded items.
 *
 * Condition, filter and key-condition expressions share one grammar; update and projection
 * expressions have their own. Parsing resolves #names and :values, checks all that needs no item,
 * and words errors as AWS does ("Invalid UpdateExpression: ..."). Everything parsed lives in the
 * arena given and borrows from the request's JSON.
 *
 * MR_INVALID: *ret_error is the message of a ValidationException. Limits: 4,096 bytes, 300
 * operators, 100 levels. */
#pragma once
#include "item/item.h"

enum {
    ITEM_EXPRESSION_MAX = 4096,
    ITEM_PLACEHOLDER_MAX = 255,              /* bytes of a key, with its sign */
    ITEM_PLACEHOLDERS_MAX = 2 * 1024 * 1024, /* bytes of all that stands for something */
    ITEM_OPERATORS_MAX = 300,
    ITEM_EXPRESSION_DEPTH_MAX = 100,
    ITEM_PATH_STEPS_MAX = 32
};

/* ---- ExpressionAttributeNames and -Values ---- */
struct item_name {
    struct mr_slice key, name; /* "#n" and what it stands for */
    bool used;
};
struct item_bound {
    struct mr_slice key; /* ":v" */
    struct item_value value;
    bool used;
};
struct item_placeholders {
    struct item_name *names;
    struct item_bound *values;
    size_t name_count, value_count;
    uint64_t bytes; /* of all keys, names and values */
};
/* Either JSON object may be NULL. MR_FAULT: as item_encode. */
MR_MUST_USE enum mr_status item_placeholders_make(struct mr_arena *arena, yyjson_val *names,
                                                  yyjson_val *values,
                                                  struct item_placeholders *ret_placeholders,
                                                  struct mr_slice *ret_error);
/* After all expressions of the request were parsed: MR_INVALID when one was not used. */
MR_MUST_USE enum mr_status item_placeholders_finish(struct mr_arena *arena,
                                                    const struct item_placeholders *placeholders,
                                                    struct mr_slice *ret_error);

/* ---- paths ---- */
struct item_step {
    struct mr_slice name; /* ptr NULL: an index */
    size_t index;
};
struct item_path {
    struct item_step *steps;
    size_t count;
};
/* What the path leads to; ITEM_NONE: nothing. An empty item (len 0) has no attributes. */
struct item_value item_path_get(const struct item_path *path, struct mr_slice item);

/* ---- conditions ---- */
enum item_node_kind {
    ITEM_NODE_OR,
    ITEM_NODE_AND,
    ITEM_NODE_NOT,
    ITEM_NODE_EQ,
    ITEM_NODE_NE,
    ITEM_NODE_LT,
    ITEM_NODE_LE,
    ITEM_NODE_GT,
    ITEM_NODE_GE,
    ITEM_NODE_BETWEEN,
    ITEM_NODE_IN,
    ITEM_NODE_ATTRIBUTE_EXISTS,
    ITEM_NODE_ATTRIBUTE_NOT_EXISTS,
    ITEM_NODE_ATTRIBUTE_TYPE,
    ITEM_NODE_BEGINS_WITH,
    ITEM_NODE_CONTAINS,
    ITEM_NODE_UNKNOWN, /* a function that does not exist; never evaluated */
    /* operands */
    ITEM_NODE_SIZE,
    ITEM_NODE_PATH,
    ITEM_NODE_VALUE,
    /* of update expressions only */
    ITEM_NODE_ADD,
    ITEM_NODE_SUBTRACT,
    ITEM_NODE_IF_NOT_EXISTS,
    ITEM_NODE_LIST_APPEND,
};
struct item_node {
    enum item_node_kind kind;
    bool in_parentheses;
    struct mr_slice function; /* its name, of functions */
    struct item_node **args;
    size_t count;
    struct item_path path;
    struct item_value value;
};
struct item_condition {
    struct item_node *root;
    struct mr_slice *heads; /* first names of all paths in it */
    size_t head_count;
};
/* `parameter`: "ConditionExpression", "FilterExpression" or "KeyConditionExpression". */
MR_MUST_USE enum mr_status item_condition_parse(struct mr_arena *arena,
                                                struct item_placeholders *placeholders,
                                                struct mr_slice text, const char *parameter,
                                                struct item_condition *ret_condition,
                                                struct mr_slice *ret_error);
/* `item` is empty (len 0) when there is none. */
bool item_condition_holds(struct mr_arena *arena, const struct item_condition *condition,
                          struct mr_slice item);

/* How many paths are within `node`; their first names go to ret_names, unless that is NULL. */
size_t item_node_heads(const struct item_node *node, struct mr_slice *ret_names);
/* A path within `node` leads into the attribute of that name (ptr NULL: into any). */
bool item_node_reaches(const struct item_node *node, struct mr_slice name);

/* A key condition: one or two comparisons, each of one attribute with values. */
struct item_key_term {
    struct mr_slice name;
    enum item_node_kind kind; /* EQ, LT, LE, GT, GE, BETWEEN, BEGINS_WITH; of KeyConditions any */
    struct item_value low, high;
};
struct item_key_condition {
    struct item_key_term terms[8]; /* more than two only where a key has several attributes */
    size_t count;
};
/* A key's value satisfies the term. */
bool item_key_term_holds(const struct item_key_term *term, const struct item_value *value);
MR_MUST_USE enum mr_status item_key_condition_parse(struct mr_arena *arena,
                                                    struct item_placeholders *placeholders,
                                                    struct mr_slice text,
                                                    struct item_key_condition *ret_condition,
                                                    struct mr_slice *ret_error);

/* ---- projections ---- */
struct item_projection; /* a tree of paths */
MR_MUST_USE enum mr_status item_projection_parse(struct mr_arena *arena,
                                                 struct item_placeholders *placeholders,
                                                 struct mr_slice text,
                                                 struct item_projection **ret_projection,
                                                 struct mr_slice *ret_error);
/* The same from paths that do not overlap. */
struct item_projection *item_projection_make(struct mr_arena *arena, const struct item_path *paths,
                                             size_t count);
/* The first names of its paths, in no order; false behind the last one. */
bool item_projection_head(const struct item_projection *projection, size_t at,
                          struct mr_slice *ret_name);
/* One of its paths leads into the attribute of that name (ptr NULL: into any). */
bool item_projection_reaches(const struct item_projection *projection, struct mr_slice name);
/* False: nothing of the item is in the projection. */
bool item_projection_matches(const struct item_projection *projection, struct mr_slice item);
/* The object with what the projection takes; list elements move together. NULL: the whole item. */
void item_projection_json(struct mr_json *json, const struct item_projection *projection,
                          struct mr_slice item);

/* ---- updates ---- */
enum item_action_kind { ITEM_SET, ITEM_REMOVE, ITEM_ADD, ITEM_DELETE };
struct item_action {
    enum item_action_kind kind;
    struct item_path path;
    struct item_node *value; /* NULL for REMOVE */
};
struct item_update {
    struct item_action *actions;
    size_t count;
    struct item_path *paths; /* of the actions */
    bool creates;            /* false: only REMOVE and DELETE, which make no item where none is */
    bool legacy;             /* of AttributeUpdates: errors have other words */
};
MR_MUST_USE enum mr_status item_update_parse(struct mr_arena *arena,
                                             struct item_placeholders *placeholders,
                                             struct mr_slice text, struct item_update *ret_update,
                                             struct mr_slice *ret_error);
/* The item after the update. `old`: before, empty when there was none; `base`: what the actions are
 * applied to: `old`, or the keys when there was none. MR_INVALID: the update does not fit the item.
 */
MR_MUST_USE enum mr_status item_update_apply(struct mr_arena *arena,
                                             const struct item_update *update, struct mr_slice old,
                                             struct mr_slice base, struct mr_slice *ret_item,
                                             struct mr_slice *ret_error);

/* ---- the parameters of the time before expressions, as the same trees ----
 * MR_INVALID and MR_FAULT: as item_encode. */
/* Expected (`expected`), QueryFilter or ScanFilter; `any`: one of them is enough. */
MR_MUST_USE enum mr_status item_legacy_condition(struct mr_arena *arena, yyjson_val *conditions,
                                                 bool expected, bool any,
                                                 struct item_condition *ret_condition,
                                                 struct mr_slice *ret_error);
MR_MUST_USE enum mr_status item_legacy_key_condition(struct mr_arena *arena, yyjson_val *conditions,
                                                     struct item_key_condition *ret_condition,
                                                     struct mr_slice *ret_error);
/* AttributeUpdates. */
MR_MUST_USE enum mr_status item_legacy_update(struct mr_arena *arena, yyjson_val *updates,
                                              struct item_update *ret_update,
                                              struct mr_slice *ret_error);
