/* athena/translate_call.h: what the files share that write calls in DuckDB's SQL. */
#pragma once
#include "athena/translate.h"

const struct athena_node *athena_call_argument(const struct athena_node *call, size_t index);
/* Argument `index`, which must be a string literal or a parameter that is one; NULL: the error is
 * set. */
const struct athena_node *athena_call_string(struct athena_translation *translation,
                                             const struct athena_node *call, size_t index);
/* One argument; a moment shown in a zone as it is there, where the function takes it apart. */
void athena_call_emit(struct athena_translation *translation, const struct athena_node *call,
                      const struct athena_node *node);
/* A template as functions.h has it. */
void athena_call_template(struct athena_translation *translation, const struct athena_node *call,
                          const char *text);
/* The `count` names that a lambda gives. False: it is none with so many, the error is set. */
bool athena_call_names(struct athena_translation *translation, const struct athena_node *call,
                       const struct athena_node *lambda, size_t count, struct mr_slice *names);
/* The lambda's body with each of its names standing for an expression of DuckDB's. */
void athena_call_body(struct athena_translation *translation, const struct athena_node *lambda,
                      const struct mr_slice *names, const char *const *values, size_t count);

/* Functions that templates cannot say: translate_logic.c, translate_moment.c, translate_regex.c. */
void athena_emit_coalesce(struct athena_translation *translation, const struct athena_node *call);
void athena_emit_date_call(struct athena_translation *translation, const struct athena_node *call);
void athena_emit_format_call(struct athena_translation *translation,
                             const struct athena_node *call);
void athena_emit_iso_call(struct athena_translation *translation, const struct athena_node *call);
void athena_emit_parse_call(struct athena_translation *translation, const struct athena_node *call);
void athena_emit_regexp_like(struct athena_translation *translation,
                             const struct athena_node *call);
void athena_emit_regexp_replace(struct athena_translation *translation,
                                const struct athena_node *call);
