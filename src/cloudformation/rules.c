/* Rules: functions that stand nowhere else, over values that the usual ones make. */
#include "cloudformation/rules.h"
#include "cloudformation/function.h"
#include "cloudformation/members.h"

struct checking {
    struct evaluation *evaluation;
    struct mr_slice error; /* the first one */
    int depth;
};

static bool fail(struct checking *checking, const char *what, struct mr_slice name)
{
    if (checking->error.len == 0)
        checking->error =
            mr_arena_printf(checking->evaluation->arena, "%s%.*s", what, MR_ARG(name));
    return false;
}

static bool holds(struct checking *checking, yyjson_val *value);

/* The argument's `index`th part, evaluated; NULL: error. */
static yyjson_val *part(struct checking *checking, yyjson_val *argument, size_t index)
{
    yyjson_val *value = evaluate(checking->evaluation, yyjson_arr_get(argument, index));
    if (value == NULL)
        fail(checking, "", checking->evaluation->error);
    return value;
}

static bool has(yyjson_val *list, struct mr_slice text)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(list, i)), text))
            return true;
    return false;
}

static bool equals(struct checking *checking, yyjson_val *argument)
{
    yyjson_val *left = part(checking, argument, 0), *right = part(checking, argument, 1);
    return left != NULL && right != NULL && mr_slice_equal(mr_json_text(left), mr_json_text(right));
}

/* Fn::Contains: [[texts], text]. */
static bool contains(struct checking *checking, yyjson_val *argument)
{
    yyjson_val *list = part(checking, argument, 0), *text = part(checking, argument, 1);
    return list != NULL && text != NULL && has(list, mr_json_text(text));
}

/* Fn::EachMemberEquals: [[texts], text]; Fn::EachMemberIn: [[texts], [texts]]. */
static bool each_member(struct checking *checking, yyjson_val *argument)
{
    yyjson_val *list = part(checking, argument, 0), *wanted = part(checking, argument, 1);
    bool all = list != NULL && wanted != NULL;
    for (size_t i = 0; all && i < yyjson_arr_size(list); i++) {
        const struct mr_slice text = mr_json_text(yyjson_arr_get(list, i));
        all =
            yyjson_is_arr(wanted) ? has(wanted, text) : mr_slice_equal(mr_json_text(wanted), text);
    }
    return all;
}

static bool negation(struct checking *checking, yyjson_val *argument)
{
    return !holds(checking, yyjson_arr_get_first(argument)) && checking->error.len == 0;
}

static bool all_of(struct checking *checking, yyjson_val *argument)
{
    bool all = true;
    for (size_t i = 0; i < yyjson_arr_size(argument); i++)
        all = holds(checking, yyjson_arr_get(argument, i)) && all;
    return all;
}

static bool any_of(struct checking *checking, yyjson_val *argument)
{
    bool any = false;
    for (size_t i = 0; i < yyjson_arr_size(argument); i++)
        any = holds(checking, yyjson_arr_get(argument, i)) || any;
    return any;
}

static bool holds(struct checking *checking, yyjson_val *value)
{
    static const struct {
        const char *name;
        bool (*run)(struct checking *checking, yyjson_val *argument);
        size_t min, max;
    } functions[] = {
        {"Fn::And", all_of, 2, 10},
        {"Fn::Or", any_of, 2, 10},
        {"Fn::Not", negation, 1, 1},
        {"Fn::Equals", equals, 2, 2},
        {"Fn::Contains", contains, 2, 2},
        {"Fn::EachMemberEquals", each_member, 2, 2},
        {"Fn::EachMemberIn", each_member, 2, 2},
    };
    if (++checking->depth > FUNCTION_DEPTH_MAX)
        return fail(checking, "Template format error: a rule is nested too deeply", MR_S(""));
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    yyjson_val *key = yyjson_obj_size(value) == 1 ? yyjson_obj_iter_next(&iter) : NULL;
    yyjson_val *argument = key == NULL ? NULL : yyjson_obj_iter_get_val(key);
    bool result = false, known = false;
    for (size_t i = 0; !known && i < MR_COUNT(functions); i++) {
        if (!mr_slice_equal(mr_json_text(key), mr_slice_cstr(functions[i].name)))
            continue;
        known = true;
        const size_t count = yyjson_arr_size(argument);
        result =
            count < functions[i].min || count > functions[i].max
                ? fail(checking, "Template format error: wrong number of arguments in a rule: ",
                       mr_json_text(key))
                : functions[i].run(checking, argument);
    }
    checking->depth--;
    return known ? result
                 : fail(checking,
                        "Template format error: a rule holds what millrace does not know "
                        "as a function of rules: ",
                        mr_json_text(key));
}

static void check_rule(struct checking *checking, struct mr_slice name, yyjson_val *rule)
{
    yyjson_val *condition = mr_json_get(rule, "RuleCondition");
    yyjson_val *assertions = mr_json_get(rule, "Assertions");
    if (yyjson_arr_size(assertions) == 0) {
        fail(checking, "Template format error: Every Rules member must contain Assertions: ", name);
        return;
    }
    if ((condition != NULL && !holds(checking, condition)) || checking->error.len > 0)
        return;
    for (size_t i = 0; i < yyjson_arr_size(assertions); i++) {
        yyjson_val *assertion = yyjson_arr_get(assertions, i);
        if (holds(checking, mr_json_get(assertion, "Assert")))
            continue;
        const struct mr_slice words = mr_json_get_text(assertion, "AssertDescription");
        if (words.len > 0)
            fail(checking, "", words);
        else
            fail(checking, "An assertion does not hold of rule ", name);
        return;
    }
}

enum mr_status rules_check(struct evaluation *evaluation, struct mr_slice *ret_error)
{
    struct checking checking = {.evaluation = evaluation};
    yyjson_val *key, *rule;
    size_t i, count;
    yyjson_obj_foreach(members_of(evaluation->template->rules), i, count, key, rule)
    {
        if (checking.error.len == 0)
            check_rule(&checking, mr_json_text(key), rule);
    }
    *ret_error = checking.error;
    return checking.error.len == 0 ? MR_OK : MR_INVALID;
}
