/* pipes/path.h: paths into an event: "$.dynamodb.Keys.orderid.S", "$.list[0].x", "$.list.0.x",
 * "$.list[*].x". Compiled once; finding allocates nothing. */
#pragma once
#include "base/json.h"

enum { PIPE_STEPS_MAX = 64 };

struct pipe_step {
    struct mr_slice name; /* as written between the brackets or behind the dot */
    uint64_t index;
    bool has_index; /* the name is a number: an element, where the value is an array */
    bool all;       /* "*": each element */
};
struct pipe_path {
    struct pipe_step *steps;
    size_t count;
};

/* Slices point into `text`. "$" alone is the whole event. MR_INVALID: it is no path, or one of more
 * than PIPE_STEPS_MAX steps. */
MR_MUST_USE enum mr_status pipe_path_parse(struct mr_arena *arena, struct mr_slice text,
                                           struct pipe_path *ret_path);
/* NULL: nothing is there, or the path has a "*". */
yyjson_val *pipe_path_get(const struct pipe_path *path, yyjson_val *root);
/* Writes what is there, with "*" an array of all that is. False: nothing is; nothing is written. */
bool pipe_path_write(struct mr_json *json, const struct pipe_path *path, yyjson_val *root);
/* A scalar as text. MR_NOT_FOUND: the path yields nothing, or no scalar, or an empty text. */
MR_MUST_USE enum mr_status pipe_path_text(const struct pipe_path *path, yyjson_val *root,
                                          struct mr_slice *ret_text);
