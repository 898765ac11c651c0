/* glue/classifier.h: what a user says about formats: classifiers for JSON, CSV and Grok, in front
 * of the ones that a crawl knows by itself. Classifiers for XML are kept and match nothing. */
#pragma once
#include "glue/glue.h"
#include "glue/infer.h"

enum { GLUE_PATH_STEPS_MAX = 16, GLUE_CLASSIFIERS_MAX = 50 };

struct glue_path_step { /* a member's name, an element, or all elements */
    enum { GLUE_STEP_NAME, GLUE_STEP_INDEX, GLUE_STEP_ALL } kind;
    struct mr_slice name;
    size_t index;
};
struct glue_path { /* "$.records[*].order" */
    struct mr_slice text;
    struct glue_path_step steps[GLUE_PATH_STEPS_MAX];
    size_t count;
};
/* Parts of the path point into `text`. False: it is none that is understood. */
bool glue_path_parse(struct mr_slice text, struct glue_path *ret_path);
/* Widens `type` by all objects that the steps from `step` on lead to. Returns their number. */
size_t glue_path_observe(struct mr_arena *arena, const struct glue_path *path, size_t step,
                         yyjson_val *value, struct glue_type *type);

struct glue_csv_rules {
    char delimiter; /* 0: found out */
    char quote;
    enum { GLUE_HEADER_DETECT, GLUE_HEADER_PRESENT, GLUE_HEADER_ABSENT } header;
    struct mr_slice *names; /* of the columns, or NULL */
    size_t name_count;
    struct mr_slice *types; /* Hive's words, one a column from the first on, or NULL */
    size_t type_count;
    bool keep_blanks, single_column;
    enum { GLUE_SERDE_DETECT, GLUE_SERDE_OPEN, GLUE_SERDE_LAZY } serde;
};
/* "LONG" and its like in Hive's words; empty: none of AWS's custom datatypes. */
struct mr_slice glue_custom_datatype(struct mr_slice name);

struct glue_grok_rules {
    struct mr_slice classification, pattern, custom;
    struct glue_type type; /* of a line: its columns */
    const struct glue_grok_engine *engine;
    struct glue_grok *grok; /* NULL: only its names are known */
    bool builtin;           /* of AWS's own, tried for what looks like a log alone */
};

struct glue_classifier {
    bool is_csv;
    struct glue_grok_rules *grok; /* NULL: it is for another format */
    struct glue_path path;        /* of JSON */
    struct glue_csv_rules csv;    /* of CSV */
};
struct glue_classifiers {
    struct glue_classifier *list;
    size_t count;
};
extern const struct glue_csv_rules glue_csv_default;
/* From the wire's Classifier; `engine` may be NULL. False: it matches nothing, `ret_why` says why.
 * What it opened lives until it is closed. */
bool glue_classifier_read(struct mr_arena *arena, yyjson_val *json,
                          const struct glue_grok_engine *engine,
                          struct glue_classifier *ret_classifier, struct mr_slice *ret_why);
/* AWS's own for lines, which stand behind the user's; `list` has room for GLUE_BUILTIN_GROK more.
 * `engine` may be NULL. */
enum { GLUE_BUILTIN_GROK = 2 };
void glue_classifier_builtins(struct mr_arena *arena, const struct glue_grok_engine *engine,
                              struct glue_classifiers *all);
void glue_classifier_close(struct glue_classifier *classifier);
