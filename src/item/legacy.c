/* The parameters of the time before expressions (Expected, QueryFilter, ScanFilter, KeyConditions,
 * AttributeUpdates), read into the trees that expressions are parsed into. */
#include "item/expression.h"

#define INVALID "One or more parameter values were invalid: "

enum {
    TYPES_ORDERED = 1 << ITEM_S | 1 << ITEM_N | 1 << ITEM_B,
    TYPES_TEXT = 1 << ITEM_S | 1 << ITEM_B,
    TYPES_WHOLE = TYPES_ORDERED | 1 << ITEM_BOOL | 1 << ITEM_NULL, /* neither sets nor documents */
    TYPES_ANY = ~0,
};

/* How many values each operator takes, and of which types. */
static const struct comparison {
    struct mr_slice name;
    enum item_node_kind kind;
    size_t least, most;
    int types;
} comparisons[] = {
    {MR_S_INIT("EQ"), ITEM_NODE_EQ, 1, 1, TYPES_ANY},
    {MR_S_INIT("NE"), ITEM_NODE_NE, 1, 1, TYPES_ANY},
    {MR_S_INIT("LE"), ITEM_NODE_LE, 1, 1, TYPES_ORDERED},
    {MR_S_INIT("LT"), ITEM_NODE_LT, 1, 1, TYPES_ORDERED},
    {MR_S_INIT("GE"), ITEM_NODE_GE, 1, 1, TYPES_ORDERED},
    {MR_S_INIT("GT"), ITEM_NODE_GT, 1, 1, TYPES_ORDERED},
    {MR_S_INIT("NOT_NULL"), ITEM_NODE_ATTRIBUTE_EXISTS, 0, 0, TYPES_ANY},
    {MR_S_INIT("NULL"), ITEM_NODE_ATTRIBUTE_NOT_EXISTS, 0, 0, TYPES_ANY},
    {MR_S_INIT("CONTAINS"), ITEM_NODE_CONTAINS, 1, 1, TYPES_WHOLE},
    {MR_S_INIT("NOT_CONTAINS"), ITEM_NODE_NOT, 1, 1, TYPES_WHOLE},
    {MR_S_INIT("BEGINS_WITH"), ITEM_NODE_BEGINS_WITH, 1, 1, TYPES_TEXT},
    {MR_S_INIT("IN"), ITEM_NODE_IN, 1, SIZE_MAX, TYPES_ORDERED},
    {MR_S_INIT("BETWEEN"), ITEM_NODE_BETWEEN, 2, 2, TYPES_ORDERED},
};

/* One attribute's condition. */
struct condition {
    struct mr_arena *arena;
    struct mr_slice *error;
    struct mr_slice name;
    const struct comparison *comparison;
    struct item_value *values;
    size_t count;
};

static enum mr_status refuse(struct condition *condition, const char *what, struct mr_slice about)
{
    *condition->error = mr_arena_printf(condition->arena, INVALID "%s%.*s", what, MR_ARG(about));
    return MR_INVALID;
}

static const struct comparison *comparison_of(struct mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT(comparisons); i++) {
        if (mr_slice_equal(comparisons[i].name, name))
            return &comparisons[i];
    }
    return &comparisons[0]; /* the model's enum has been checked */
}

static enum mr_status read_values(struct condition *condition, yyjson_val *list)
{
    condition->values =
        MR_NEW_ARRAY(condition->arena, struct item_value, yyjson_arr_size(list) + 1);
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL; condition->count++) {
        enum mr_status status = item_value_encode(
            condition->arena, each, &condition->values[condition->count], condition->error);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static enum mr_status check_types(struct condition *condition)
{
    const struct comparison *comparison = condition->comparison;
    const struct item_value *values = condition->values;
    for (size_t i = 1; i < condition->count; i++) {
        if (values[i].type != values[0].type)
            return refuse(condition,
                          "AttributeValues inside AttributeValueList must be of same type",
                          MR_S(""));
    }
    if (condition->count > 0 && (comparison->types & 1 << values[0].type) == 0) {
        *condition->error =
            mr_arena_printf(condition->arena,
                            INVALID "ComparisonOperator %.*s is not valid for %s AttributeValue "
                                    "type",
                            MR_ARG(comparison->name), item_type_name(values[0].type));
        return MR_INVALID;
    }
    if (comparison->kind == ITEM_NODE_BETWEEN && item_value_compare(&values[0], &values[1]) > 0) {
        *condition->error = MR_S("The BETWEEN condition was provided a range where the lower bound "
                                 "is greater than the upper bound");
        return MR_INVALID;
    }
    return MR_OK;
}

static enum mr_status check_values(struct condition *condition)
{
    const struct comparison *comparison = condition->comparison;
    if (condition->count >= comparison->least && condition->count <= comparison->most)
        return check_types(condition);
    *condition->error = mr_arena_printf(condition->arena,
                                        INVALID "Invalid number of argument(s) for the %.*s "
                                                "ComparisonOperator",
                                        MR_ARG(comparison->name));
    return MR_INVALID;
}

/* {ComparisonOperator, AttributeValueList} */
static enum mr_status read_filter(struct condition *condition, yyjson_val *json)
{
    condition->comparison = comparison_of(mr_json_get_text(json, "ComparisonOperator"));
    enum mr_status status = read_values(condition, mr_json_get(json, "AttributeValueList"));
    return status != MR_OK ? status : check_values(condition);
}

static enum mr_status read_value(struct condition *condition, yyjson_val *value)
{
    condition->values = MR_NEW(condition->arena, struct item_value);
    condition->count = 1;
    return item_value_encode(condition->arena, value, condition->values, condition->error);
}

/* {Exists, Value}: the oldest form. */
static enum mr_status read_exists(struct condition *condition, yyjson_val *json)
{
    yyjson_val *exists = mr_json_get(json, "Exists"), *value = mr_json_get(json, "Value");
    bool wanted = mr_json_get_bool(json, "Exists", true);
    if (wanted && value == NULL)
        return refuse(condition,
                      exists == NULL ? "Value must be provided when Exists is null for Attribute: "
                                     : "Value must be provided when Exists is true for Attribute: ",
                      condition->name);
    if (!wanted && value != NULL)
        return refuse(condition,
                      "Value cannot be used when Exists is false for Attribute: ", condition->name);
    condition->comparison = comparison_of(wanted ? MR_S("EQ") : MR_S("NULL"));
    return wanted ? read_value(condition, value) : MR_OK;
}

static enum mr_status read_expected(struct condition *condition, yyjson_val *json)
{
    yyjson_val *value = mr_json_get(json, "Value");
    yyjson_val *list = mr_json_get(json, "AttributeValueList");
    struct mr_slice name = mr_json_get_text(json, "ComparisonOperator");
    if (value != NULL && list != NULL)
        return refuse(condition,
                      "Value and AttributeValueList cannot be used together for Attribute: ",
                      condition->name);
    if (name.len == 0 && list != NULL)
        return refuse(condition,
                      "AttributeValueList can only be used with a ComparisonOperator for "
                      "Attribute: ",
                      condition->name);
    if (name.len == 0)
        return read_exists(condition, json);
    if (mr_json_get(json, "Exists") != NULL)
        return refuse(condition,
                      "Exists and ComparisonOperator cannot be used together for Attribute: ",
                      condition->name);
    condition->comparison = comparison_of(name);
    if (condition->comparison->least > 0 && value == NULL && list == NULL) {
        *condition->error = mr_arena_printf(condition->arena,
                                            INVALID "Value or AttributeValueList must be used with "
                                                    "ComparisonOperator: %.*s for Attribute: %.*s",
                                            MR_ARG(name), MR_ARG(condition->name));
        return MR_INVALID;
    }
    enum mr_status status =
        value != NULL ? read_value(condition, value) : read_values(condition, list);
    return status != MR_OK ? status : check_values(condition);
}

/* ---- trees ---- */

static struct item_node *make_node(struct mr_arena *arena, enum item_node_kind kind, size_t count)
{
    struct item_node *node = MR_NEW(arena, struct item_node);
    node->kind = kind;
    node->count = count;
    node->args = MR_NEW_ARRAY(arena, struct item_node *, count + 1);
    return node;
}

static struct item_path make_path(struct mr_arena *arena, struct mr_slice name)
{
    struct item_path path = {.steps = MR_NEW(arena, struct item_step), .count = 1};
    path.steps[0].name = name;
    return path;
}

static struct item_node *make_value(struct mr_arena *arena, const struct item_value *value)
{
    struct item_node *node = make_node(arena, ITEM_NODE_VALUE, 0);
    node->value = *value;
    return node;
}

/* kind(name, values...) */
static struct item_node *make_test(const struct condition *condition, enum item_node_kind kind)
{
    struct mr_arena *arena = condition->arena;
    struct item_node *node = make_node(arena, kind, condition->count + 1);
    node->args[0] = make_node(arena, ITEM_NODE_PATH, 0);
    node->args[0]->path = make_path(arena, condition->name);
    for (size_t i = 0; i < condition->count; i++)
        node->args[i + 1] = make_value(arena, &condition->values[i]);
    return node;
}

/* AWS: an attribute that is not there fails NOT_CONTAINS too. */
static struct item_node *make_condition(struct condition *condition)
{
    if (condition->comparison->kind != ITEM_NODE_NOT)
        return make_test(condition, condition->comparison->kind);
    struct item_node *both = make_node(condition->arena, ITEM_NODE_AND, 2);
    struct item_node *not_in = make_node(condition->arena, ITEM_NODE_NOT, 1);
    not_in->args[0] = make_test(condition, ITEM_NODE_CONTAINS);
    condition->count = 0;
    both->args[0] = make_test(condition, ITEM_NODE_ATTRIBUTE_EXISTS);
    both->args[1] = not_in;
    return both;
}

static enum mr_status check_name(struct mr_slice name, struct mr_slice *ret_error)
{
    if (name.len > 0)
        return MR_OK;
    *ret_error = MR_S(INVALID "Empty attribute name");
    return MR_INVALID;
}

enum mr_status item_legacy_condition(struct mr_arena *arena, yyjson_val *conditions, bool expected,
                                     bool any, struct item_condition *ret_condition,
                                     struct mr_slice *ret_error)
{
    size_t count = yyjson_obj_size(conditions), at = 0;
    struct item_node *root = make_node(arena, any ? ITEM_NODE_OR : ITEM_NODE_AND, count);
    struct mr_slice *heads = MR_NEW_ARRAY(arena, struct mr_slice, count + 1);
    yyjson_obj_iter iter = yyjson_obj_iter_with(conditions);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL; at++) {
        struct condition condition = {
            .arena = arena, .error = ret_error, .name = mr_json_text(key)};
        yyjson_val *json = yyjson_obj_iter_get_val(key);
        enum mr_status status = check_name(condition.name, ret_error);
        if (status == MR_OK)
            status = (expected ? read_expected : read_filter)(&condition, json);
        if (status != MR_OK)
            return status;
        heads[at] = condition.name;
        root->args[at] = make_condition(&condition);
    }
    *ret_condition = (struct item_condition){.root = root, .heads = heads, .head_count = count};
    return MR_OK;
}

enum mr_status item_legacy_key_condition(struct mr_arena *arena, yyjson_val *conditions,
                                         struct item_key_condition *ret_condition,
                                         struct mr_slice *ret_error)
{
    struct item_key_condition result = {.count = 0};
    size_t count = yyjson_obj_size(conditions);
    if (count == 0 || count > MR_COUNT(result.terms)) {
        *ret_error = MR_S("Conditions can be of length 1 or 2 only");
        return MR_INVALID;
    }
    yyjson_obj_iter iter = yyjson_obj_iter_with(conditions);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct condition condition = {
            .arena = arena, .error = ret_error, .name = mr_json_text(key)};
        enum mr_status status = read_filter(&condition, yyjson_obj_iter_get_val(key));
        if (status != MR_OK)
            return status;
        struct item_key_term *term = &result.terms[result.count++];
        *term = (struct item_key_term){
            .name = condition.name, .kind = condition.comparison->kind, .low = condition.values[0]};
        if (condition.count == 2)
            term->high = condition.values[1];
    }
    *ret_condition = result;
    return MR_OK;
}

/* ---- AttributeUpdates ---- */

static enum mr_status check_action(struct mr_arena *arena, enum item_action_kind kind,
                                   const struct item_value *value, struct mr_slice *ret_error)
{
    bool set = item_type_is_set(value->type);
    if (kind == ITEM_DELETE && !set)
        *ret_error = mr_arena_printf(arena,
                                     INVALID "DELETE action with value is not supported for the "
                                             "type %s",
                                     item_type_name(value->type));
    else if (kind == ITEM_ADD && !set && value->type != ITEM_N && value->type != ITEM_L)
        *ret_error = mr_arena_printf(arena, INVALID "ADD action is not supported for the type %s",
                                     item_type_name(value->type));
    else
        return MR_OK;
    return MR_INVALID;
}

static enum mr_status read_action(struct mr_arena *arena, yyjson_val *json,
                                  struct item_action *action, struct mr_slice *ret_error)
{
    struct mr_slice name = mr_json_get_text(json, "Action");
    yyjson_val *value = mr_json_get(json, "Value");
    struct item_value encoded;
    action->kind = mr_slice_equal(name, MR_S("ADD"))      ? ITEM_ADD
                   : mr_slice_equal(name, MR_S("DELETE")) ? ITEM_DELETE
                                                          : ITEM_SET;
    if (value == NULL && action->kind != ITEM_DELETE) {
        *ret_error =
            MR_S(INVALID "Only DELETE action is allowed when no attribute value is specified");
        return MR_INVALID;
    }
    if (value == NULL) {
        action->kind = ITEM_REMOVE;
        return MR_OK;
    }
    enum mr_status status = item_value_encode(arena, value, &encoded, ret_error);
    if (status != MR_OK)
        return status;
    action->value = make_value(arena, &encoded);
    return check_action(arena, action->kind, &encoded, ret_error);
}

enum mr_status item_legacy_update(struct mr_arena *arena, yyjson_val *updates,
                                  struct item_update *ret_update, struct mr_slice *ret_error)
{
    size_t room = yyjson_obj_size(updates);
    struct item_update update = {.actions = MR_NEW_ARRAY(arena, struct item_action, room + 1),
                                 .paths = MR_NEW_ARRAY(arena, struct item_path, room + 1),
                                 .creates = room == 0,
                                 .legacy = true};
    yyjson_obj_iter iter = yyjson_obj_iter_with(updates);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL; update.count++) {
        struct item_action *action = &update.actions[update.count];
        enum mr_status status = check_name(mr_json_text(key), ret_error);
        if (status == MR_OK)
            status = read_action(arena, yyjson_obj_iter_get_val(key), action, ret_error);
        if (status != MR_OK)
            return status;
        action->path = make_path(arena, mr_json_text(key));
        update.paths[update.count] = action->path;
        update.creates = update.creates || action->kind == ITEM_SET || action->kind == ITEM_ADD;
    }
    *ret_update = update;
    return MR_OK;
}
