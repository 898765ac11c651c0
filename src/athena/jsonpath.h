/* athena/jsonpath.h: the path language of SQL's JSON functions, as Trino has it.
 *
 * A path is parsed once into nodes of an arena and evaluated over a JSON value; what comes out is a
 * sequence of items. Pure. Bounds: ATHENA_PATH_DEPTH_MAX levels; ATHENA_PATH_ITEMS_MAX items
 * made and compared by one evaluation. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

enum { ATHENA_PATH_DEPTH_MAX = 100, ATHENA_PATH_ITEMS_MAX = 1000000 };

enum athena_path_kind {
    /* items */
    PATH_NUMBER, /* text */
    PATH_STRING, /* text */
    PATH_TRUE,
    PATH_FALSE,
    PATH_NULL,
    PATH_CONTEXT,  /* $ */
    PATH_VARIABLE, /* $text */
    PATH_CURRENT,  /* @ */
    PATH_LAST,
    PATH_BINARY, /* left text right: arithmetic */
    PATH_UNARY,  /* text left */
    PATH_MEMBER, /* left . text */
    PATH_MEMBERS,
    PATH_DESCENDANT, /* left .. text */
    PATH_ELEMENTS,   /* left [ items ]: PATH_RANGEs */
    PATH_ALL_ELEMENTS,
    PATH_FILTER, /* left ? ( right ) */
    PATH_METHOD, /* left . text () */
    PATH_RANGE,  /* left to right (or NULL) */
    /* predicates */
    PATH_AND,
    PATH_OR,
    PATH_NOT,
    PATH_EXISTS,
    PATH_STARTS, /* left starts with right */
    PATH_UNKNOWN,
    PATH_COMPARE, /* left text right */
};
struct athena_path_node {
    enum athena_path_kind kind;
    struct mr_slice text;
    struct athena_path_node *left, *right, *items, *next;
};
struct athena_path {
    bool lax;
    struct athena_path_node *root;
};
/* False: it is no path; `ret_why` says so in a line. Slices point into the arena. */
bool athena_path_parse(struct mr_arena *arena, struct mr_slice text, struct athena_path *ret_path,
                       struct mr_slice *ret_why);

enum athena_item_kind {
    ITEM_NULL,
    ITEM_BOOLEAN,
    ITEM_NUMBER,
    ITEM_STRING,
    ITEM_ARRAY,
    ITEM_OBJECT
};
struct athena_item {
    enum athena_item_kind kind;
    bool flag;                      /* of a boolean */
    struct mr_slice text;           /* of a string; a number's digits */
    yyjson_val *value;              /* of an array or object */
    const struct athena_pair_item { /* an object made by keyvalue(); value is NULL then */
        struct mr_slice name;
        const struct athena_item *value;
        int64_t id;
    } * pair;
};
struct athena_items {
    struct athena_item *list;
    size_t count, capacity;
};
/* `root` is $, the members of the object `variables` (or NULL) are the named ones; all must live as
 * long as the arena. False: it fails, `ret_why` says how. */
bool athena_path_evaluate(struct mr_arena *arena, const struct athena_path *path, yyjson_val *root,
                          yyjson_val *variables, struct athena_items *ret_items,
                          struct mr_slice *ret_why);
void athena_item_put(struct mr_json *json, const struct athena_item *item);
/* Whole numbers of 64 bits; false: it is another number. */
bool athena_item_integer(const struct athena_item *item, int64_t *ret);
double athena_item_double(const struct athena_item *item);
