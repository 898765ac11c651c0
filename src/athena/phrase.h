/* athena/phrase.h: what the files statement*.c share: parts of statements. Each returns false when
 * the error is set. */
#pragma once
#include "athena/statement.h"

struct athena_phrase {
    struct athena_parser parser;
    struct athena_statement *statement;
    struct mr_slice text; /* of the whole statement */
};
void athena_phrase_set(struct athena_phrase *context, enum athena_statement_kind kind,
                       const char *type, const char *substatement);
/* Takes the rest of a statement that is known and not done here. */
bool athena_phrase_unsupported(struct athena_phrase *context, const char *type,
                               const char *substatement, const char *text);
/* A name: any word, or one in backticks or double quotes; lower case. */
bool athena_phrase_name(struct athena_phrase *context, struct mr_slice *ret);
/* [catalog.][database.]name into the statement. */
bool athena_phrase_table(struct athena_phrase *context);
bool athena_phrase_string(struct athena_phrase *context, struct mr_slice *ret);
bool athena_phrase_if_not_exists(struct athena_phrase *context); /* IF NOT EXISTS, or nothing */
bool athena_phrase_if_exists(struct athena_phrase *context);
/* ('name' = 'value', ...) */
bool athena_phrase_properties(struct athena_phrase *context, struct athena_pair **list);
/* (name type [COMMENT 'text'], ...) */
bool athena_phrase_columns(struct athena_phrase *context, struct athena_pair **list);
/* Trino's (name = value, ...), behind WITH. */
bool athena_phrase_settings(struct athena_phrase *context, struct athena_pair **list);
/* ---- statement_write.c: each begins behind its first words ---- */
bool athena_parse_ctas(struct athena_phrase *context); /* behind the table's name */
bool athena_parse_insert(struct athena_phrase *context);
bool athena_parse_unload(struct athena_phrase *context);
/* ---- statement_modify.c: behind the first word ---- */
bool athena_parse_delete(struct athena_phrase *context);
bool athena_parse_update(struct athena_phrase *context);
bool athena_parse_merge(struct athena_phrase *context);
/* ---- statement_iceberg.c: CREATE TABLE, behind the table's name ---- */
bool athena_parse_iceberg_table(struct athena_phrase *context);
/* OPTIMIZE and VACUUM, behind that word. */
bool athena_parse_optimize(struct athena_phrase *context);
bool athena_parse_vacuum(struct athena_phrase *context);
/* ---- statement_ddl.c: each begins behind its first word ---- */
bool athena_parse_show(struct athena_phrase *context);
bool athena_parse_describe(struct athena_phrase *context);
bool athena_parse_create(struct athena_phrase *context);
bool athena_parse_drop(struct athena_phrase *context);
bool athena_parse_alter(struct athena_phrase *context);
bool athena_parse_repair(struct athena_phrase *context);
