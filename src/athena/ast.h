/* athena/ast.h: a query as a tree. Nodes live in an arena. */
#pragma once
#include "athena/lex.h"

enum athena_kind {
    /* literals: text is the value */
    AST_NULL,
    AST_BOOLEAN,
    AST_INTEGER,
    AST_DECIMAL,
    AST_DOUBLE,
    AST_STRING,
    AST_BINARY,
    AST_PARAMETER, /* ?; number: which one, from 0 */
    AST_TYPED,     /* DATE '2026-01-01': text the value, items the type */
    AST_INTERVAL,  /* text the value, with its sign; name the unit in lower case */
    /* expressions */
    AST_NAME,     /* text */
    AST_DOT,      /* left . text */
    AST_STAR,     /* *, or left.* */
    AST_CALL,     /* text (lower case) ( items ); see the flags; order: in the parentheses or WITHIN
                     GROUP; left: FILTER; right: OVER */
    AST_OPERATOR, /* left text right: arithmetic, comparison, || */
    AST_MINUS,    /* - left */
    AST_AND,
    AST_OR,
    AST_NOT,
    AST_IN,      /* left IN items, or IN right (a query) */
    AST_BETWEEN, /* left BETWEEN right AND third */
    AST_LIKE,    /* left LIKE right ESCAPE third */
    AST_IS_NULL,
    AST_IS_DISTINCT,
    AST_QUANTIFIED, /* left text (comparison) name (ALL, ANY, SOME) right (query) */
    AST_CASE,       /* left (operand or NULL), items: AST_WHEN, right: ELSE */
    AST_WHEN,
    AST_CAST,     /* left AS items (the type) */
    AST_SUBQUERY, /* left: a query */
    AST_EXISTS,
    AST_ARRAY,     /* items */
    AST_ROW,       /* items */
    AST_SUBSCRIPT, /* left [ right ] */
    AST_LAMBDA,    /* items: AST_NAMEs; left: body */
    AST_EXTRACT,   /* text (field, lower case) FROM left */
    AST_COERCE,    /* left as the type `type`: made while translating */
    AST_UTC,       /* left, a moment beside its zone, which must be UTC: made while translating */
    AST_PAIR,      /* left as a row of instant and zone: made while translating */
    AST_JSON,    /* text (json_value, ...): items: AST_ITEMs, of json_object with the key at right;
                    name: the path; number: see translate_json.h; left, right: DEFAULT ON EMPTY,
                    ON ERROR; third: RETURNING */
    AST_CURRENT, /* CURRENT_DATE and such: text, lower case */
    AST_TYPE, /* text (lower case); items: parameters: AST_TYPE or AST_INTEGER, of a row each with
                 `name` */
    /* windows */
    AST_WINDOW, /* items: PARTITION BY; order; left, right: AST_BOUNDs of the frame, text its unit;
                   name: a named window */
    AST_BOUND,  /* text: "UNBOUNDED PRECEDING", "CURRENT ROW", ...; or left and text "PRECEDING" */
    AST_SORT,   /* left; FLAG_DESC, FLAG_NULLS_FIRST, FLAG_NULLS_LAST */
    /* relations */
    AST_TABLE, /* items: AST_NAMEs, the parts of its name; left: FOR text (timestamp, version) AS OF
                */
    AST_ALIAS, /* left AS name (items: columns) */
    AST_JOIN,  /* left text (the join's words) right; third: ON; items: USING */
    AST_UNNEST, /* items; FLAG_ORDINALITY */
    AST_LATERAL,
    AST_JSON_TABLE, /* items, name as of AST_JSON; groups: columns, AST_ITEMs whose left is an
                       AST_JSON (NULL: FOR ORDINALITY), and AST_JSON_TABLEs; number: see
                       translate_json.h */
    AST_VALUES,     /* items: AST_ROWs */
    AST_MATCH,      /* left MATCH_RECOGNIZE (...): groups: PARTITION BY; order; items: measures,
                       AST_ITEMs; windows: DEFINE, AST_ITEMs; number: see match.h; name: of SKIP TO;
                       right: AST_ITEM: left the AST_PATTERN, items the SUBSETs, AST_ITEMs with
                       items, right that name, third INITIAL or SEEK; third is its sample's */
    AST_PATTERN,    /* number: see match.h; name: a variable; items: parts */
    /* queries */
    AST_ITEM,   /* of a select list: left; name: its alias */
    AST_SELECT, /* items; left: FROM; right: WHERE; third: HAVING; groups; windows; FLAG_DISTINCT */
    AST_GROUPING, /* text: ROLLUP, CUBE, GROUPING SETS or empty (a list in parentheses); items */
    AST_SET,      /* left text (UNION ALL ...) right */
    AST_QUERY, /* items: AST_WITH; left: body; order; right: LIMIT; third: OFFSET; FLAG_RECURSIVE,
                  FLAG_WITH_TIES */
    AST_WITH,  /* name (items: columns) AS left */
};
enum athena_flags {
    AST_NEGATED = 1, /* NOT IN, NOT LIKE, IS NOT ... */
    AST_DISTINCT = 2,
    AST_DESC = 4,
    AST_NULLS_FIRST = 8,
    AST_NULLS_LAST = 16,
    AST_IGNORE_NULLS = 32,
    AST_WITHIN_GROUP = 64,
    AST_TRY = 128, /* TRY_CAST */
    AST_ORDINALITY = 256,
    AST_RECURSIVE = 512,
    AST_QUOTED = 1024,
    AST_RESPECT_NULLS = 2048,
    AST_FORMAT_JSON = 4096,
    AST_WITH_TIES = 8192,
    AST_TRUNCATE = 16384, /* of listagg, ON OVERFLOW: name is the filler; number: with a count? */
    AST_GROUPS_DISTINCT = 32768, /* GROUP BY DISTINCT */
    AST_RUNNING = 65536,         /* RUNNING f(...), FINAL f(...) in MATCH_RECOGNIZE */
    AST_FINAL = 131072,
    AST_ASSIGNS =
        262144, /* AST_CAST: of a value that a case of MERGE, `number`, puts in a column */
};
struct athena_sqltype;
struct athena_translated;
struct athena_function;
struct athena_node {
    enum athena_kind kind;
    bool inferred;                          /* `type` is settled */
    const struct athena_sqltype *type;      /* NULL: not known */
    const struct athena_function *function; /* that a call was found to be */
    struct athena_translated *translated;   /* of a query inside an expression */
    unsigned flags;
    uint32_t line, column;
    size_t number;
    struct mr_slice text, name;
    struct athena_node *left, *right, *third;
    struct athena_node *items;            /* a list, linked by next */
    struct athena_node *order;            /* AST_SORTs */
    struct athena_node *groups, *windows; /* of AST_SELECT; windows: AST_WINDOWs with name */
    struct athena_node *next;
};
size_t athena_node_count(const struct athena_node *list);
/* Whether two expressions are written alike; of "t.a" and "a" the last name counts. */
bool athena_node_alike(const struct athena_node *a, const struct athena_node *b);
