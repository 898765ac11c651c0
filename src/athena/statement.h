/* athena/statement.h: one statement as Athena takes it: a query in Trino's grammar, or DDL in
 * Hive's. */
#pragma once
#include "athena/parse.h"

enum athena_statement_kind {
    STATEMENT_QUERY,
    STATEMENT_EXECUTE, /* name, properties: the parameters' expressions in `query` */
    STATEMENT_EXPLAIN, /* query; text: what is asked for, "", "ANALYZE", "LOGICAL", "VALIDATE" or
                          "IO"; plan_format */
    STATEMENT_SHOW_DATABASES,
    STATEMENT_SHOW_TABLES,
    STATEMENT_SHOW_VIEWS,
    STATEMENT_SHOW_PARTITIONS,
    STATEMENT_SHOW_COLUMNS,
    STATEMENT_SHOW_CREATE_TABLE,
    STATEMENT_SHOW_CREATE_VIEW,
    STATEMENT_SHOW_PROPERTIES,
    STATEMENT_DESCRIBE,
    STATEMENT_CREATE_DATABASE,
    STATEMENT_DROP_DATABASE,
    STATEMENT_CREATE_TABLE,
    STATEMENT_CREATE_ICEBERG, /* keys: name the column, value Iceberg's transform */
    STATEMENT_DROP_TABLE,
    STATEMENT_CREATE_VIEW,
    STATEMENT_DROP_VIEW,
    STATEMENT_REPAIR,
    STATEMENT_RENAME_TABLE, /* new_database, new_name */
    STATEMENT_ADD_PARTITION,
    STATEMENT_DROP_PARTITION,
    STATEMENT_RENAME_PARTITION,
    STATEMENT_SET_LOCATION,
    STATEMENT_ADD_COLUMNS,
    STATEMENT_REPLACE_COLUMNS,
    STATEMENT_CHANGE_COLUMN,
    STATEMENT_SET_PROPERTIES,
    STATEMENT_DROP_COLUMN,      /* column */
    STATEMENT_UNSET_PROPERTIES, /* properties: their names */
    STATEMENT_ALTER_DATABASE,
    STATEMENT_CTAS,   /* name, query, properties, columns: none; if_not_exists */
    STATEMENT_INSERT, /* name, query, columns: those named, if any */
    STATEMENT_UNLOAD, /* location, query, properties */
    STATEMENT_DELETE, /* name, target, condition, changes: one, as of UPDATE */
    STATEMENT_UPDATE,
    STATEMENT_MERGE,    /* the same, a change for each case; target_alias, other; condition: ON */
    STATEMENT_OPTIMIZE, /* name, query: the WHERE clause's expression or NULL */
    STATEMENT_VACUUM,   /* name */
    STATEMENT_PREPARE,  /* name, query_text */
    STATEMENT_DEALLOCATE,
    STATEMENT_UNSUPPORTED, /* one that Athena has and we have not: text says which */
};
enum athena_plan_format { ATHENA_PLAN_TEXT, ATHENA_PLAN_JSON, ATHENA_PLAN_GRAPHVIZ };
enum athena_value_kind {
    ATHENA_VALUE_TEXT,
    ATHENA_VALUE_NUMBER,
    ATHENA_VALUE_TRUTH,
    ATHENA_VALUE_LIST
};
struct athena_pair { /* of properties, columns (name, type), partition values */
    struct mr_slice name, value, comment;
    enum athena_value_kind kind; /* of a property of CREATE TABLE AS and UNLOAD, */
    unsigned line, column;       /* and where it stands */
    const char *op;              /* of a partition's value to drop: "=", "<", ... */
    struct athena_pair *items;   /* of a property that is ARRAY['a', 'b']: their values */
    struct athena_pair *next;
};
struct athena_partition_spec {
    struct athena_pair *values;
    struct mr_slice location;
    struct athena_partition_spec *next;
};
enum athena_change_kind { ATHENA_CHANGE_DELETE = 1, ATHENA_CHANGE_UPDATE, ATHENA_CHANGE_INSERT };
struct athena_change { /* of UPDATE; a case of MERGE */
    enum athena_change_kind kind;
    uint32_t line, column;         /* where a case begins */
    struct athena_node *condition; /* of a case, behind AND; or NULL */
    struct athena_pair *columns;   /* NULL: of INSERT, all */
    struct athena_node *values;    /* one a column */
    struct athena_change *next;
};
struct athena_statement {
    enum athena_statement_kind kind;
    const char *type;               /* Athena's StatementType: "DML", "DDL", "UTILITY" */
    const char *substatement;       /* "SELECT", "SHOW_TABLES", ... */
    struct athena_node *query;      /* of a query or view; of EXECUTE: its parameters */
    size_t parameters;              /* ? in it */
    struct mr_slice query_text;     /* of a view */
    struct mr_slice database, name; /* lower case; database may be empty */
    struct mr_slice catalog;        /* likewise; of the table that DDL is about or rows go to */
    struct mr_slice pattern;        /* of SHOW ... LIKE */
    bool if_exists, if_not_exists, replace, cascade;
    bool no_data;         /* CTAS ... WITH NO DATA */
    struct mr_slice text; /* of what is not supported */
    enum athena_plan_format plan_format;
    /* CREATE TABLE, CREATE DATABASE, ALTER TABLE */
    struct athena_pair *columns, *keys, *serde_properties, *properties;
    struct mr_slice comment, location, serde, stored_as, input_format, output_format;
    struct mr_slice field_delimiter, escape, collection_delimiter, map_delimiter, line_delimiter,
        null_text;
    struct athena_pair *bucket_columns, *sort_columns; /* of a sort column: value ASC or DESC */
    int64_t bucket_count;
    /* DESCRIBE, CHANGE COLUMN */
    struct athena_node *target, *other, *condition; /* of DELETE, UPDATE, MERGE */
    struct mr_slice target_alias;
    struct athena_change *changes;
    bool formatted, extended, first;
    struct mr_slice column, after;
    struct mr_slice new_database, new_name; /* likewise: RENAME TO */
    struct athena_partition_spec *partitions;
};
static inline bool athena_statement_modifies(const struct athena_statement *statement)
{
    return statement->kind == STATEMENT_DELETE || statement->kind == STATEMENT_UPDATE ||
           statement->kind == STATEMENT_MERGE;
}
/* These, CTAS, INSERT INTO, UNLOAD. */
static inline bool athena_statement_writes(const struct athena_statement *statement)
{
    return statement->kind == STATEMENT_CTAS || statement->kind == STATEMENT_INSERT ||
           statement->kind == STATEMENT_UNLOAD || athena_statement_modifies(statement);
}
/* MR_INVALID: error says what is wrong. A semicolon at the end is fine, a second statement is not.
 */
MR_MUST_USE enum mr_status athena_statement_parse(struct mr_arena *arena, struct mr_slice text,
                                                  struct athena_statement *ret_statement,
                                                  struct athena_error *error);
