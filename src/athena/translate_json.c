/* SQL's JSON functions: mr_json_path finds, and a CASE over what it says chooses the answer.
 * Objects and arrays are put together as text. */
#include "athena/translate_json.h"
#include "athena/jsonpath.h"

/* ---- types ---- */

static void check_path(struct athena_translation *translation, const struct athena_node *node)
{
    struct athena_path path;
    struct mr_slice why;
    if (!athena_path_parse(translation->arena, node->name, &path, &why))
        athena_translate_fail(translation, node, "INVALID_PATH", "Invalid JSON path: %.*s",
                              MR_ARG(why));
}

const struct athena_sqltype *athena_infer_json(struct athena_translation *translation,
                                               const struct athena_node *node)
{
    const unsigned kind = node->number & JSON_KINDS;
    if (kind <= JSON_QUERY)
        check_path(translation, node);
    for (const struct athena_node *item = node->items; item != NULL; item = item->next) {
        (void)athena_infer(translation, item->left);
        if (item->right != NULL)
            (void)athena_infer(translation, item->right);
    }
    if (node->left != NULL)
        (void)athena_infer(translation, node->left);
    if (node->right != NULL)
        (void)athena_infer(translation, node->right);
    if (kind == JSON_EXISTS)
        return athena_sqltype_simple(SQL_BOOLEAN);
    if (node->third == NULL)
        return athena_sqltype_simple(SQL_VARCHAR);
    const struct athena_sqltype *type = athena_sqltype_from_ast(translation->arena, node->third);
    const bool fits = type != NULL && (athena_sqltype_is_text(type) ||
                                       (kind == JSON_VALUE && type->count == 0 &&
                                        type->kind != SQL_VARBINARY && type->kind != SQL_JSON));
    if (!fits && !athena_translate_failed(translation))
        athena_translate_fail(translation, node, "TYPE_MISMATCH",
                              "Invalid return type of function %.*s: %.*s", MR_ARG(node->text),
                              MR_ARG(type == NULL ? node->third->text
                                                  : athena_sqltype_text(translation->arena, type)));
    return fits ? type : NULL;
}

/* ---- values as JSON's text ---- */

static bool makes_json(const struct athena_node *node)
{
    return node->kind == AST_JSON && (node->number & JSON_KINDS) >= JSON_QUERY;
}

static void emit_as_varchar(struct athena_translation *translation, const struct athena_node *node)
{
    struct athena_node type = {.kind = AST_TYPE, .text = MR_S("varchar")};
    struct athena_node value = *node;
    value.next = NULL;
    const struct athena_node cast = {
        .kind = AST_CAST, .left = &value, .items = &type, .line = node->line};
    athena_emit_cast(translation, &cast);
}

/* NULL stays NULL. */
static void emit_value(struct athena_translation *translation, const struct athena_node *item)
{
    const struct athena_sqltype *type = item->left->type;
    const bool plain = type != NULL && (athena_sqltype_is_number(type) ||
                                        type->kind == SQL_BOOLEAN || type->kind == SQL_VARCHAR);
    if (makes_json(item->left)) {
        athena_emit(translation, item->left);
    } else if (item->flags & AST_FORMAT_JSON) {
        athena_emit_text(translation, "CAST(json(");
        athena_emit(translation, item->left);
        athena_emit_text(translation, ") AS VARCHAR)");
    } else if (type != NULL && type->kind == SQL_JSON) {
        athena_emit_text(translation, "CAST(");
        athena_emit(translation, item->left);
        athena_emit_text(translation, " AS VARCHAR)");
    } else if (type != NULL && (type->count > 0 || type->kind == SQL_VARBINARY)) {
        athena_translate_fail(translation, item->left, "NOT_SUPPORTED",
                              "%.*s as a JSON value is not supported",
                              MR_ARG(athena_sqltype_text(translation->arena, type)));
    } else {
        athena_emit_text(translation, "CAST(to_json(");
        if (plain)
            athena_emit(translation, item->left);
        else
            emit_as_varchar(translation, item->left);
        athena_emit_text(translation, ") AS VARCHAR)");
    }
}

/* ---- json_object, json_array ---- */

static void emit_key(struct athena_translation *translation, const struct athena_node *key)
{
    athena_emit_text(translation, "CASE WHEN ");
    athena_emit(translation, key);
    athena_emit_text(translation, " IS NOT NULL THEN CAST(to_json(");
    emit_as_varchar(translation, key);
    athena_emit_text(
        translation,
        ") AS VARCHAR) ELSE mr_error('INVALID_FUNCTION_ARGUMENT: null value passed for JSON "
        "object key to JSON_OBJECT function') END || ':' || ");
}

static void emit_constructor(struct athena_translation *translation, const struct athena_node *node)
{
    const bool object = (node->number & JSON_KINDS) == JSON_OBJECT;
    const bool absent = (node->number & JSON_ABSENT_ON_NULL) != 0;
    if (node->items == NULL) {
        athena_emit_text(translation, object ? "'{}'" : "'[]'");
        return;
    }
    athena_emit_text(translation, object ? "('{' || " : "('[' || ");
    athena_emit_text(translation, "coalesce(array_to_string([");
    for (const struct athena_node *item = node->items; item != NULL; item = item->next) {
        if (object)
            emit_key(translation, item->right);
        athena_emit_text(translation, absent ? "" : "coalesce(");
        emit_value(translation, item);
        athena_emit_text(translation, absent ? "" : ", 'null')");
        athena_emit_text(translation, item->next != NULL ? ", " : "");
    }
    athena_emit_text(translation, object ? "], ','), '') || '}')" : "], ','), '') || ']')");
}

/* ---- json_exists, json_value, json_query ---- */

void athena_emit_json_input(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_node *input = node->items;
    const struct athena_sqltype *type = input->left->type;
    const bool bytes = type != NULL && type->kind == SQL_VARBINARY;
    athena_emit_text(translation, bytes ? "decode(" : "CAST(");
    athena_emit(translation, input->left);
    athena_emit_text(translation, bytes ? ")" : " AS VARCHAR)");
}

void athena_emit_json_variables(struct athena_translation *translation,
                                const struct athena_node *node)
{
    const char *comma = "";
    athena_emit_text(translation, "('{'");
    for (const struct athena_node *item = node->items->next; item != NULL; item = item->next) {
        struct mr_buf name = {0};
        mr_json_escape(&name, item->name);
        struct mr_slice key =
            mr_arena_printf(translation->arena, "%s\"%.*s\":", comma, MR_ARG(mr_buf_slice(&name)));
        mr_buf_fini(&name);
        athena_emit_text(translation, " || ");
        athena_emit_string(translation, key);
        athena_emit_text(translation, " || coalesce(");
        emit_value(translation, item);
        athena_emit_text(translation, ", 'null')");
        comma = ",";
    }
    athena_emit_text(translation, " || '}')");
}

static struct mr_slice call_text(struct athena_translation *translation,
                                 const struct athena_node *node)
{
    struct mr_buf text = {0}, *out = translation->out;
    translation->out = &text;
    athena_emit_text(translation, "mr_json_path(");
    athena_emit_json_input(translation, node);
    athena_emit_text(translation, ", ");
    athena_emit_string(translation, node->name);
    athena_emit_text(translation, ", ");
    athena_emit_json_variables(translation, node);
    mr_buf_printf(&text, ", %d)", (int)(node->number & JSON_WHAT));
    translation->out = out;
    struct mr_slice copy = mr_arena_copy(translation->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return copy;
}

/* The value behind the letter, as the type that is returned. */
static void emit_returned(struct athena_translation *translation, const struct athena_node *node,
                          const struct athena_node *found)
{
    struct athena_node two = {.kind = AST_INTEGER,
                              .inferred = true,
                              .type = athena_sqltype_simple(SQL_INTEGER),
                              .text = MR_S("2")};
    struct athena_node text = *found;
    text.next = &two;
    struct athena_node value = {.kind = AST_CALL,
                                .inferred = true,
                                .type = athena_sqltype_simple(SQL_VARCHAR),
                                .text = MR_S("substr"),
                                .items = &text};
    const struct athena_node cast = {.kind = AST_CAST,
                                     .flags = AST_TRY,
                                     .left = &value,
                                     .items = node->third,
                                     .line = node->line,
                                     .column = node->column};
    if ((node->number & JSON_KINDS) == JSON_EXISTS) {
        athena_emit(translation, &value);
        athena_emit_text(translation, " = '1'");
    } else if (node->third == NULL) {
        athena_emit(translation, &value);
    } else {
        athena_emit_cast(translation, &cast);
    }
}

static void emit_answer(struct athena_translation *translation, const struct athena_node *node,
                        bool on_error, const struct athena_node *found)
{
    const size_t answer = node->number >> (on_error ? JSON_ON_ERROR : JSON_ON_EMPTY) & 15;
    switch ((enum athena_json_answer)answer) {
    case JSON_NULL: athena_emit_text(translation, "NULL"); break;
    case JSON_TRUE: athena_emit_text(translation, "true"); break;
    case JSON_FALSE: athena_emit_text(translation, "false"); break;
    case JSON_EMPTY_ARRAY: athena_emit_text(translation, "'[]'"); break;
    case JSON_EMPTY_OBJECT: athena_emit_text(translation, "'{}'"); break;
    case JSON_DEFAULT:
        athena_emit_coerced(translation, on_error ? node->right : node->left, node->type);
        break;
    case JSON_ERROR:
        athena_emit_text(translation, "error(CASE left(");
        athena_emit(translation, found);
        athena_emit_text(translation, ", 1) WHEN 'E' THEN substr(");
        athena_emit(translation, found);
        athena_emit_text(translation,
                         ", 2) WHEN 'N' THEN 'JSON_VALUE_RESULT_ERROR: cannot extract SQL scalar "
                         "from JSON: JSON path found no items' ELSE 'JSON_VALUE_RESULT_ERROR: "
                         "cannot extract SQL scalar from JSON: the value cannot be converted' "
                         "END)");
        break;
    }
}

void athena_emit_json_found(struct athena_translation *translation, const struct athena_node *node,
                            struct mr_slice call)
{
    const struct athena_node found = {.kind = AST_NAME,
                                      .inferred = true,
                                      .type = athena_sqltype_simple(SQL_VARCHAR),
                                      .text = MR_S("mr_j")};
    const bool converts = node->third != NULL && !athena_sqltype_is_text(node->type);
    athena_emit_text(translation, "list_transform([");
    mr_buf_append(translation->out, call);
    athena_emit_text(translation, "], lambda ");
    athena_emit(translation, &found);
    athena_emit_text(translation, ": CASE left(");
    athena_emit(translation, &found);
    athena_emit_text(translation,
                     converts ? ", 1) WHEN 'V' THEN coalesce(" : ", 1) WHEN 'V' THEN ");
    emit_returned(translation, node, &found);
    if (converts) {
        athena_emit_text(translation, ", ");
        emit_answer(translation, node, true, &found);
        athena_emit_text(translation, ")");
    }
    athena_emit_text(translation, " WHEN 'N' THEN ");
    emit_answer(translation, node, false, &found);
    athena_emit_text(translation, " WHEN 'E' THEN ");
    emit_answer(translation, node, true, &found);
    athena_emit_text(translation, " END)[1]"); /* else NULL: of the input, or in JSON */
}

void athena_emit_json(struct athena_translation *translation, const struct athena_node *node)
{
    if (athena_infer(translation, node) == NULL)
        return;
    if ((node->number & JSON_KINDS) <= JSON_QUERY)
        athena_emit_json_found(translation, node, call_text(translation, node));
    else
        emit_constructor(translation, node);
}
