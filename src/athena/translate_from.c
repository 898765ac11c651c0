/* FROM: tables, subqueries, UNNEST, joins; the names of WITH. */
#include "athena/functions.h"
#include "athena/translate_json.h"
#include "athena/translate_match.h"

const struct athena_scope *athena_scope_find(const struct athena_translation *translation,
                                             struct mr_slice name)
{
    for (const struct athena_scope *scope = translation->scope; scope != NULL;
         scope = scope->outer) {
        if (mr_slice_equal_nocase(scope->name, name))
            return scope;
    }
    return NULL;
}

static bool in_scope(const struct athena_translation *translation, struct mr_slice name)
{
    return athena_scope_find(translation, name) != NULL;
}

/* The columns under the names that an alias gives them; false: there are not as many. */
bool athena_fields_rename(struct athena_translation *translation, struct athena_fields *fields,
                          const struct athena_node *names)
{
    const size_t count = athena_node_count(names);
    if (names == NULL)
        return true;
    const bool open = fields->open;
    if (!open && count != fields->count)
        return false;
    struct athena_fields renamed = athena_fields_make(translation, count);
    for (size_t i = 0; i < count; i++, names = names->next)
        renamed.list[i] =
            (struct athena_field){.name = names->text, .type = open ? NULL : fields->list[i].type};
    *fields = renamed;
    fields->open = open && count == 0;
    return true;
}

/* Puts a relation of the FROM clause in sight. */
/* What DuckDB calls a relation. */
static struct mr_slice duck_name(struct athena_translation *translation,
                                 const struct athena_node *node, const struct athena_node *alias)
{
    return alias != NULL
               ? alias->name
               : mr_arena_printf(translation->arena, "_mr_%u_%u", node->line, node->column);
}

static void add_relation(struct athena_translation *translation, const struct athena_node *node,
                         const struct athena_node *alias, struct mr_slice name,
                         struct athena_fields fields)
{
    const size_t count = fields.count;
    if (alias != NULL && !athena_fields_rename(translation, &fields, alias->items))
        athena_translate_fail(translation, node, "MISMATCHED_COLUMN_ALIASES",
                              "Column alias list has %zu entries but '%.*s' has %zu columns "
                              "available",
                              athena_node_count(alias->items), MR_ARG(name), count);
    if (translation->level == NULL)
        return;
    athena_level_add(translation, name, fields);
    struct athena_relation *last = translation->level->relations;
    while (last->next != NULL)
        last = last->next;
    last->duck_name = name.len > 0 ? name : duck_name(translation, node, alias);
}
/* ---- relations ---- */

void athena_emit_alias(struct athena_translation *translation, struct mr_slice name,
                       const struct athena_node *columns)
{
    athena_emit_text(translation, " AS ");
    athena_emit_name(translation, name);
    if (columns != NULL) {
        athena_emit_text(translation, "(");
        athena_emit_list(translation, columns);
        athena_emit_text(translation, ")");
    }
}

static void emit_table(struct athena_translation *translation, const struct athena_node *table,
                       const struct athena_node *alias, bool only)
{
    const struct athena_node *last = table->items;
    struct athena_fields fields = {.open = true};
    while (last->next != NULL)
        last = last->next;
    struct mr_slice name = alias != NULL ? alias->name : last->text;
    if (table->items->next == NULL && in_scope(translation, last->text)) {
        if (table->left != NULL)
            athena_translate_fail(translation, table, "NOT_SUPPORTED",
                                  "This connector does not support versioned tables");
        const struct athena_scope *scope = athena_scope_find(translation, last->text);
        if (scope->columns != NULL) {
            athena_emit_text(translation, "(SELECT ");
            athena_emit_list(translation, scope->columns);
            athena_emit_text(translation, " FROM ");
        }
        athena_emit_name(translation, last->text);
        athena_emit_text(translation, scope->columns != NULL ? ")" : "");
        fields = scope->fields;
    } else {
        const struct athena_table_use use = {
            .table = table,
            .alias = name,
            .names = alias == NULL ? NULL : alias->items,
            /* renamed columns are not the table's any more */
            .where = translation->select == NULL || (alias != NULL && alias->items != NULL)
                         ? NULL
                         : translation->select->right,
            .only = only,
            .fields = &fields};
        if (!translation->resolver->table(translation->resolver->ctx, translation, &use,
                                          translation->out))
            return;
    }
    athena_emit_alias(translation, name, alias == NULL ? NULL : alias->items);
    add_relation(translation, table, alias, name, fields);
}

static struct mr_slice type_of(struct athena_translation *translation,
                               const struct athena_node *node)
{
    bool known;
    if (node->kind == AST_CALL) {
        const struct athena_function *function =
            athena_function_find(node->text, athena_node_count(node->items), &known);
        return function != NULL && (function->flags & ATHENA_GIVES_MAP) != 0 ? MR_S("map<")
                                                                             : MR_S("");
    }
    if (node->kind != AST_NAME && node->kind != AST_DOT)
        return MR_S("");
    return translation->resolver->column_type(translation->resolver->ctx, node->text);
}

/* How the elements of arrays become columns. */
enum spread {
    SPREAD_BY_TYPE, /* rows one a field, others one */
    SPREAD_ALL,     /* so do those of unknown type */
    SPREAD_NONE,    /* rows stay whole */
};

/* A map gives two columns. */
static void emit_unnest_item(struct athena_translation *translation, const struct athena_node *item,
                             enum spread how)
{
    const struct athena_sqltype *known = item->type;
    struct mr_slice type = known != NULL ? MR_S("") : type_of(translation, item);
    const bool is_map =
        known != NULL ? known->kind == SQL_MAP : mr_slice_starts_with(type, MR_S("map<"));
    const bool rows =
        (how == SPREAD_ALL && known == NULL) || mr_slice_starts_with(type, MR_S("array<struct<")) ||
        (known != NULL && known->kind == SQL_ARRAY && known->items[0]->kind == SQL_ROW);
    const bool spread = is_map || (rows && how != SPREAD_NONE);
    athena_emit_text(translation, is_map ? "unnest(map_entries(" : "unnest(");
    athena_emit(translation, item);
    athena_emit_text(translation, is_map ? ")" : "");
    athena_emit_text(translation, spread ? ", max_depth := 2)" : ")");
}

static void add_field(struct athena_fields *fields, const struct athena_sqltype *type)
{
    fields->list[fields->count++].type = type;
}

/* What UNNEST gives: its columns have no names of their own. */
static struct athena_fields unnest_fields(struct athena_translation *translation,
                                          const struct athena_node *unnest, bool whole)
{
    size_t most = 1;
    struct athena_fields fields = {0}, unknown = {.open = true};
    bool known = true;
    for (const struct athena_node *item = unnest->items; item != NULL; item = item->next) {
        const struct athena_sqltype *type = athena_infer(translation, item);
        known = known && type != NULL && (type->kind == SQL_ARRAY || type->kind == SQL_MAP);
        if (type != NULL && type->kind != SQL_ARRAY && type->kind != SQL_MAP)
            athena_translate_fail(translation, item, "TYPE_MISMATCH", "Cannot unnest type: %.*s",
                                  MR_ARG(athena_sqltype_text(translation->arena, type)));
        most += type != NULL && type->kind == SQL_ARRAY ? type->items[0]->count + 1 : 2;
    }
    if (!known)
        return unknown;
    fields = athena_fields_make(translation, most);
    fields.count = 0;
    for (const struct athena_node *item = unnest->items; item != NULL; item = item->next) {
        const struct athena_sqltype *type = item->type, *element = type->items[0];
        const bool row = type->kind == SQL_ARRAY && element->kind == SQL_ROW && !whole;
        const struct athena_sqltype *of = row ? element : type;
        for (size_t i = 0; i < of->count; i++)
            add_field(&fields, of->items[i]);
    }
    if ((unnest->flags & AST_ORDINALITY) != 0)
        add_field(&fields, athena_sqltype_simple(SQL_BIGINT));
    return fields;
}

/* Columns without a name of their own, which are numbered when they are shown. */
static void emit_no_names(struct athena_translation *translation, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_buf_printf(translation->out, "%s\"" ATHENA_UNNAMED "%zu\"", i > 0 ? ", " : "(", i);
    athena_emit_text(translation, ")");
}

/* Trino gives a column for each field of an array's rows, and Athena as well when the alias has
 * names for them; but Athena's own examples name the row (UNNEST(headers) AS t(header), then
 * header.name). */
static enum spread spread_of(struct athena_translation *translation,
                             const struct athena_node *unnest, size_t columns)
{
    const bool ordinality = (unnest->flags & AST_ORDINALITY) != 0;
    size_t whole = ordinality;
    for (const struct athena_node *item = unnest->items; item != NULL; item = item->next) {
        const struct athena_sqltype *type = athena_infer(translation, item);
        whole += type != NULL && type->kind == SQL_MAP ? 2 : 1;
    }
    if (columns == whole)
        return SPREAD_NONE;
    const size_t arguments = athena_node_count(unnest->items);
    return arguments == 1 && columns > arguments + ordinality ? SPREAD_ALL : SPREAD_BY_TYPE;
}

static void emit_unnest(struct athena_translation *translation, const struct athena_node *unnest,
                        const struct athena_node *alias)
{
    const bool ordinality = (unnest->flags & AST_ORDINALITY) != 0;
    const size_t columns = alias == NULL ? 0 : athena_node_count(alias->items);
    const enum spread spread = spread_of(translation, unnest, columns);
    struct athena_fields fields = unnest_fields(translation, unnest, spread == SPREAD_NONE);
    if (athena_translate_failed(translation))
        return;
    athena_emit_text(translation, "LATERAL (SELECT ");
    for (const struct athena_node *item = unnest->items; item != NULL; item = item->next) {
        emit_unnest_item(translation, item, spread);
        if (item->next != NULL || ordinality)
            athena_emit_text(translation, ", ");
    }
    if (ordinality) {
        athena_emit_text(translation, "unnest(generate_series(1, greatest(");
        for (const struct athena_node *item = unnest->items; item != NULL; item = item->next) {
            athena_emit_text(translation, "mr_cardinality(");
            athena_emit(translation, item);
            athena_emit_text(translation, item->next != NULL ? "), " : ")");
        }
        athena_emit_text(translation, ")))");
    }
    athena_emit_text(translation, ")");
    athena_emit_alias(translation, duck_name(translation, unnest, alias),
                      alias == NULL ? NULL : alias->items);
    if (columns == 0 && !fields.open)
        emit_no_names(translation, fields.count);
    add_relation(translation, unnest, alias, alias == NULL ? MR_S("") : alias->name, fields);
}

static void emit_json_table(struct athena_translation *translation, const struct athena_node *table,
                            const struct athena_node *alias)
{
    struct athena_fields fields;
    if (!athena_emit_json_table(translation, table, &fields))
        return;
    athena_emit_alias(translation, duck_name(translation, table, alias),
                      alias == NULL ? NULL : alias->items);
    for (size_t i = 0; i < fields.count && (alias == NULL || alias->items == NULL); i++) {
        athena_emit_text(translation, i > 0 ? ", " : "(");
        athena_emit_name(translation, fields.list[i].name);
        athena_emit_text(translation, i + 1 == fields.count ? ")" : "");
    }
    add_relation(translation, table, alias, alias == NULL ? MR_S("") : alias->name, fields);
}

static void emit_match(struct athena_translation *translation, const struct athena_node *match,
                       const struct athena_node *alias)
{
    struct athena_fields fields;
    if (!athena_emit_match(translation, match, &fields))
        return;
    athena_emit_alias(translation, duck_name(translation, match, alias),
                      alias == NULL ? NULL : alias->items);
    for (size_t i = 0; i < fields.count && (alias == NULL || alias->items == NULL); i++) {
        struct mr_slice name = fields.list[i].name;
        athena_emit_text(translation, i > 0 ? ", " : "(");
        athena_emit_name(
            translation,
            name.len > 0 ? name : mr_arena_printf(translation->arena, ATHENA_UNNAMED "%zu", i));
        athena_emit_text(translation, i + 1 == fields.count ? ")" : "");
    }
    add_relation(translation, match, alias, alias == NULL ? MR_S("") : alias->name, fields);
}

/* The columns of `*`, or of alias.*. */
struct athena_fields athena_fields_all(struct athena_translation *translation,
                                       struct mr_slice alias)
{
    size_t count = 0;
    bool open = false, found = false;
    const struct athena_level *level = translation->level;
    for (int pass = 0; level != NULL; level = level->outer, pass++) {
        for (const struct athena_relation *at = level->relations; at != NULL; at = at->next) {
            if (alias.len > 0 && !mr_slice_equal_nocase(at->alias, alias))
                continue;
            found = true;
            open = open || at->fields.open;
            count += at->fields.count;
        }
        if (found || alias.len == 0)
            break;
    }
    struct athena_fields fields = {.open = true};
    if (count > ATHENA_FIELDS_MAX)
        return fields;
    fields = athena_fields_make(translation, count);
    fields.count = 0;
    fields.open = open || !found;
    for (const struct athena_relation *at = level == NULL ? NULL : level->relations; at != NULL;
         at = at->next) {
        for (size_t i = 0; i < at->fields.count; i++) {
            const struct athena_field *field = &at->fields.list[i];
            if ((alias.len > 0 && !mr_slice_equal_nocase(at->alias, alias)) || field->merged ||
                mr_slice_starts_with(field->name, MR_S("$")))
                continue;
            fields.list[fields.count++] = *field;
        }
    }
    return fields;
}

/* A join as one relation. What its columns are is known once it is written. */
static void emit_whole_join(struct athena_translation *translation,
                            const struct athena_node *relation)
{
    static const struct athena_node star = {.kind = AST_STAR};
    struct mr_buf body = {0}, *out = translation->out;
    translation->out = &body;
    athena_emit_relation(translation, relation, false);
    translation->out = out;
    athena_emit_text(translation, "(SELECT ");
    athena_emit_all(translation, &star, false);
    athena_emit_text(translation, " FROM ");
    mr_buf_append(out, mr_buf_slice(&body));
    athena_emit_text(translation, ")");
    mr_buf_fini(&body);
}

static void emit_aliased(struct athena_translation *translation, const struct athena_node *relation,
                         const struct athena_node *alias, bool only)
{
    if (relation->kind == AST_TABLE) {
        emit_table(translation, relation, alias, only);
    } else if (relation->kind == AST_UNNEST) {
        emit_unnest(translation, relation, alias);
    } else if (relation->kind == AST_JSON_TABLE) {
        emit_json_table(translation, relation, alias);
    } else if (relation->kind == AST_MATCH) {
        emit_match(translation, relation, alias);
    } else if (relation->kind == AST_SUBQUERY || relation->kind == AST_LATERAL) {
        struct athena_level *level = translation->level;
        athena_emit_text(translation, relation->kind == AST_LATERAL ? "LATERAL (" : "(");
        if (relation->kind != AST_LATERAL) /* its neighbours are not in sight */
            translation->level = level->outer;
        athena_emit_query(translation, relation->left);
        translation->level = level;
        athena_emit_text(translation, ")");
        athena_emit_alias(translation, duck_name(translation, relation, alias),
                          alias == NULL ? NULL : alias->items);
        add_relation(translation, relation, alias, alias == NULL ? MR_S("") : alias->name,
                     translation->fields);
    } else {
        /* a join in parentheses with a name: its columns lose their tables */
        struct athena_level *level = translation->level;
        translation->level = level->outer;
        athena_level_push(translation);
        emit_whole_join(translation, relation);
        athena_emit_alias(translation, alias->name, alias->items);
        struct athena_fields fields = athena_fields_all(translation, MR_S(""));
        translation->level = level;
        add_relation(translation, relation, alias, alias->name, fields);
    }
}

/* ---- joins ---- */

/* Where the next relation will stand. */
static struct athena_relation **relations_end(struct athena_translation *translation)
{
    struct athena_relation **end = &translation->level->relations;
    while (*end != NULL)
        end = &(*end)->next;
    return end;
}

/* The column of USING in one of its sides; NULL: it is not known, or the error is set. */
static struct athena_field *side_field(struct athena_translation *translation,
                                       const struct athena_node *name, const char *side,
                                       const struct athena_relation *from,
                                       const struct athena_relation *end)
{
    struct athena_field *found = NULL;
    bool open = false;
    for (; from != end; from = from->next) {
        open = open || from->fields.open;
        for (size_t i = 0; i < from->fields.count; i++) {
            struct athena_field *field = &from->fields.list[i];
            if (field->merged || !mr_slice_equal_nocase(field->name, name->text))
                continue;
            if (found != NULL)
                athena_translate_fail(translation, name, "AMBIGUOUS_NAME",
                                      "Column '%.*s' is ambiguous", MR_ARG(name->text));
            found = field;
        }
    }
    if (found == NULL && !open)
        athena_translate_fail(translation, name, "COLUMN_NOT_FOUND",
                              "Column '%.*s' is missing from %s side of join", MR_ARG(name->text),
                              side);
    return found;
}

static bool same_in_duck(const struct athena_sqltype *a, const struct athena_sqltype *b)
{
    struct mr_buf one = {0}, other = {0};
    athena_sqltype_duck(&one, a);
    athena_sqltype_duck(&other, b);
    const bool same = mr_slice_equal(mr_buf_slice(&one), mr_buf_slice(&other));
    mr_buf_fini(&one);
    mr_buf_fini(&other);
    return same;
}

/* What becomes of a column of both sides. */
static struct athena_field merge_field(struct athena_translation *translation,
                                       const struct athena_node *name, struct athena_field *left,
                                       struct athena_field *right)
{
    struct athena_field both = {.name = name->text};
    struct athena_field *const sides[] = {left, right};
    for (size_t i = 0; i < MR_COUNT(sides); i++) {
        if (sides[i] == NULL)
            continue;
        const struct athena_fields one = {.list = sides[i], .count = 1};
        (void)athena_zone_refuse(translation, name, &one);
        sides[i]->merged = true;
    }
    const struct athena_sqltype *a = left == NULL ? NULL : left->type;
    const struct athena_sqltype *b = right == NULL ? NULL : right->type;
    if (a == NULL || b == NULL || athena_translate_failed(translation))
        return both;
    both.type = athena_sqltype_common(translation->arena, a, b);
    if (both.type == NULL)
        athena_translate_fail(translation, name, "TYPE_MISMATCH",
                              "Cannot apply operator: %.*s = %.*s",
                              MR_ARG(athena_sqltype_text(translation->arena, a)),
                              MR_ARG(athena_sqltype_text(translation->arena, b)));
    else if ((a->kind == SQL_CHAR || b->kind == SQL_CHAR) && !athena_sqltype_equal(a, b))
        athena_translate_fail(translation, name, "NOT_SUPPORTED",
                              "USING of char and another type, or of several lengths, is not "
                              "supported: join by ON");
    else
        both.widened = !same_in_duck(a, b);
    return both;
}

/* USING: columns of one name become one of no table, which stands in front of the others. */
static void merge_columns(struct athena_translation *translation, const struct athena_node *names,
                          struct athena_relation **left, struct athena_relation **right)
{
    struct athena_relation *relation = MR_NEW(translation->arena, struct athena_relation);
    struct athena_fields fields = athena_fields_make(translation, athena_node_count(names));
    struct athena_field *field = fields.list;
    for (const struct athena_node *name = names; name != NULL; name = name->next) {
        struct athena_field *one = side_field(translation, name, "left", *left, *right);
        struct athena_field *other = side_field(translation, name, "right", *right, NULL);
        *field++ = merge_field(translation, name, one, other);
    }
    *relation = (struct athena_relation){.joined = true, .fields = fields, .next = *left};
    *left = relation;
}

static void emit_join(struct athena_translation *translation, const struct athena_node *join)
{
    struct athena_relation **left = relations_end(translation);
    athena_emit_text(translation, "(");
    athena_emit_relation(translation, join->left, false);
    mr_buf_printf(translation->out, " %.*s ", MR_ARG(join->text));
    struct athena_relation **right = relations_end(translation);
    athena_emit_relation(translation, join->right, false);
    if (join->items != NULL) {
        merge_columns(translation, join->items, left, right);
        athena_emit_text(translation, " USING (");
        for (const struct athena_node *name = join->items; name != NULL; name = name->next) {
            athena_emit_name(translation, name->text);
            athena_emit_text(translation, name->next != NULL ? ", " : ")");
        }
    } else if (join->third != NULL) {
        athena_emit_text(translation, " ON ");
        athena_infer_condition(translation, join->third,
                               "JOIN ON clause must evaluate to a boolean");
        athena_emit_condition(translation, join->third);
    }
    athena_emit_text(translation, ")");
}

/* Whether columns that USING made are looked at by `*`, or by table.*. */
static bool has_joined(const struct athena_translation *translation, struct mr_slice table)
{
    bool found = false;
    for (const struct athena_relation *at = translation->level->relations; at != NULL;
         at = at->next) {
        for (size_t i = 0; i < at->fields.count; i++)
            found = found || (table.len == 0 && at->joined) ||
                    (table.len > 0 && at->fields.list[i].merged &&
                     mr_slice_equal_nocase(at->alias, table));
    }
    return found;
}

/* A relation's columns but for those that USING took. */
static void emit_rest(struct athena_translation *translation,
                      const struct athena_relation *relation, bool hides)
{
    bool first = true;
    athena_emit_name(translation, relation->duck_name);
    athena_emit_text(translation, ".*");
    for (size_t i = 0; i < relation->fields.count; i++) {
        if (!relation->fields.list[i].merged)
            continue;
        athena_emit_text(translation, first ? " EXCLUDE (" : ", ");
        athena_emit_name(translation, relation->fields.list[i].name);
        first = false;
    }
    athena_emit_text(translation, first ? "" : ")");
    athena_emit_text(translation, hides ? " NOT LIKE '$%'" : "");
}

static void emit_joined(struct athena_translation *translation, const struct athena_fields *fields)
{
    bool first = true;
    for (size_t i = 0; i < fields->count; i++) {
        const struct athena_node name = {.kind = AST_NAME, .text = fields->list[i].name};
        if (fields->list[i].merged)
            continue;
        athena_emit_text(translation, first ? "" : ", ");
        athena_emit(translation, &name);
        athena_emit_alias(translation, name.text, NULL);
        first = false;
    }
}

void athena_emit_all(struct athena_translation *translation, const struct athena_node *star,
                     bool hides)
{
    const struct mr_slice table = star->left == NULL ? MR_S("") : star->left->text;
    if (translation->level == NULL || !has_joined(translation, table)) {
        athena_emit(translation, star);
        athena_emit_text(translation, hides ? " NOT LIKE '$%'" : "");
        return;
    }
    bool first = true;
    for (const struct athena_relation *at = translation->level->relations; at != NULL;
         at = at->next) {
        size_t left = 0;
        for (size_t i = 0; i < at->fields.count; i++)
            left += !at->fields.list[i].merged;
        if ((table.len > 0 && !mr_slice_equal_nocase(at->alias, table)) ||
            (left == 0 && !at->fields.open))
            continue;
        athena_emit_text(translation, first ? "" : ", ");
        first = false;
        if (!at->joined)
            emit_rest(translation, at, hides);
        else
            emit_joined(translation, &at->fields);
    }
}

/* A literal of at most 100. */
static bool is_share(struct mr_slice percent)
{
    struct mr_slice rest = percent, whole = {0};
    uint64_t value = 0;
    (void)mr_slice_split(&rest, '.', &whole);
    if (whole.len > 0 && mr_slice_to_u64(whole, &value) != MR_OK)
        return percent.ptr[0] == '.';
    bool fraction = false;
    for (size_t i = 0; i < rest.len; i++)
        fraction = fraction || rest.ptr[i] != '0';
    return value < 100 || (value == 100 && !fraction);
}

void athena_emit_relation(struct athena_translation *translation,
                          const struct athena_node *relation, bool only)
{
    if (athena_translate_failed(translation))
        return;
    if (relation->kind == AST_JOIN)
        emit_join(translation, relation);
    else if (relation->kind == AST_ALIAS)
        emit_aliased(translation, relation->left, relation, only);
    else
        emit_aliased(translation, relation, NULL, only);
    if (relation->kind == AST_JOIN || relation->third == NULL)
        return;
    const struct athena_node *of = relation->kind == AST_ALIAS ? relation->left : relation;
    if (of->kind == AST_JSON_TABLE || of->kind == AST_UNNEST)
        athena_translate_fail(translation, of, "NOT_SUPPORTED",
                              "A sample of what UNNEST or json_table gives is not supported");
    else if (!is_share(relation->third->text))
        athena_translate_fail(translation, relation->third, "NUMERIC_VALUE_OUT_OF_RANGE",
                              "Sample percentage must be less than or equal to 100");
    else
        mr_buf_printf(translation->out, " TABLESAMPLE BERNOULLI (%.*s PERCENT)",
                      MR_ARG(relation->third->text));
}
