#include "base/rng.h"
#include "item/expression.h"
#include "base/test_scratch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* JSON with ' for ". */
static yyjson_val *json_of(const char *text)
{
    char *copy = mr_arena_cstr(&arena, mr_slice_cstr(text));
    for (char *c = copy; *c != 0; c++) {
        if (*c == '\'')
            *c = '"';
    }
    yyjson_val *value = mr_json_parse(&arena, mr_slice_cstr(copy), 200);
    if (value == NULL)
        fail_msg("no JSON: %s", copy);
    return value;
}

static struct mr_slice item_of(const char *text)
{
    struct mr_slice item, error;
    if (item_encode(&arena, json_of(text), &item, &error) != MR_OK)
        fail_msg("%s: %.*s", text, MR_ARG(error));
    return item;
}

static const char *const names = "{'#a':'a','#b':'b','#size':'size'}";
static const char *const values =
    "{':s':{'S':'abc'},':p':{'S':'ab'},':n':{'N':'5'},':m':{'N':'7'},':l':{'L':[{'N':'1'}]},"
    "':ss':{'SS':['x','y']},':t':{'S':'SS'},':bad':{'S':'XX'},':map':{'M':{'k':{'S':'v'}}},"
    "':x':{'S':'x'},':true':{'BOOL':true},':one':{'N':'1'}}";

static struct item_placeholders bound(void)
{
    struct item_placeholders placeholders;
    struct mr_slice error;
    if (item_placeholders_make(&arena, json_of(names), json_of(values), &placeholders, &error) !=
        MR_OK)
        fail_msg("%.*s", MR_ARG(error));
    return placeholders;
}

static const char *const item_text = "{'id':{'S':'k'},'a':{'S':'abcd'},'b':{'N':'5'},'c':{'L':[{'N'"
                                     ":'1'},{'S':'two'},{'M':{'d':{'N':'3'}}}]},"
                                     "'e':{'M':{'f':{'S':'abc'},'g':{'M':{'h':{'N':'1'}}}}},'ss':{'"
                                     "SS':['x','y','z']},'n':{'NULL':true},"
                                     "'bin':{'B':'AAEC'}}";

static void conditions_hold_as_they_do_on_aws(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool want;
    } cases[] = {
        {"a = :s", false},
        {"begins_with(a, :s)", true},
        {"begins_with(#a, :p)", true},
        {"begins_with(b, :p)", false},
        {"b = :n", true},
        {"b < :m", true},
        {"b <= :n AND b >= :n", true},
        {"b > :n", false},
        {"b <> :n", false},
        {"gone <> :n", true},
        {"gone = :n", false},
        {"gone < :n", false},
        {"a < :n", false},
        {"a <> :n", true},
        {"attribute_exists(e.g.h)", true},
        {"attribute_exists(e.g.x)", false},
        {"attribute_not_exists(gone)", true},
        {"attribute_not_exists(c[3])", true},
        {"attribute_exists(c[2].d)", true},
        {"attribute_type(ss, :t)", true},
        {"attribute_type(a, :t)", false},
        {"contains(ss, :x)", true},
        {"contains(ss, :s)", false},
        {"contains(a, :p)", true},
        {"contains(c, :one)", true},
        {"contains(c, :n)", false},
        {"size(a) < :n", true},
        {"size(c) < :n", true},
        {"size(ss) >= :n", false},
        {"size(bin) < :n", true},
        {"size(gone) < :n", false},
        {"b BETWEEN :n AND :m", true},
        {"a between :p and :s", false},
        {"b IN (:m, :n)", true},
        {"b IN (:m)", false},
        {"NOT b = :m", true},
        {"NOT (b = :n OR a = :s)", false},
        {"a = :s OR b = :n AND attribute_exists(ss)", true},
        {"(a = :s OR b = :n) AND attribute_exists(gone)", false},
        {"(a) = (:s) or (b) = :n", true},
        {"ss = :ss", false},
        {"c[0] = :one", true},
        {"e.f = :s", true},
    };
    struct mr_slice item = item_of(item_text);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_placeholders placeholders = bound();
        struct item_condition condition;
        struct mr_slice error;
        if (item_condition_parse(&arena, &placeholders, mr_slice_cstr(cases[i].text),
                                 "ConditionExpression", &condition, &error) != MR_OK)
            fail_msg("%s: %.*s", cases[i].text, MR_ARG(error));
        if (item_condition_holds(&arena, &condition, item) != cases[i].want)
            fail_msg("%s does not give %d", cases[i].text, cases[i].want);
    }
}

static void nothing_exists_where_there_is_no_item(void **state)
{
    (void)state;
    struct item_placeholders placeholders = bound();
    struct item_condition condition;
    struct mr_slice error, none = {0};
    assert_int_equal(item_condition_parse(&arena, &placeholders, MR_S("attribute_not_exists(id)"),
                                          "ConditionExpression", &condition, &error),
                     MR_OK);
    assert_true(item_condition_holds(&arena, &condition, none));
}

struct refusal {
    const char *text, *want;
};

static void assert_refused(const struct refusal *refusal, const char *prefix, enum mr_status status,
                           struct mr_slice error)
{
    struct mr_slice want = mr_arena_printf(&arena, "%s%s", prefix, refusal->want);
    if (status != MR_INVALID || !mr_slice_equal(error, want))
        fail_msg("%s\n  gives %d: %.*s\n  wanted: %.*s", refusal->text, (int)status,
                 status == MR_OK ? 0 : (int)error.len, error.ptr, MR_ARG(want));
}

static void bad_conditions_are_refused_in_the_words_of_aws(void **state)
{
    (void)state;
    const struct refusal cases[] = {
        {"", "The expression can not be empty;"},
        {"a = ", "Syntax error; token: \"<EOF>\", near: \"=\""},
        {"a", "Syntax error; token: \"<EOF>\", near: \"a\""},
        {"a b", "Syntax error; token: \"b\", near: \"a b\""},
        {"a = :s x = :s", "Syntax error; token: \"x\", near: \":s x =\""},
        {"a == :s", "Syntax error; token: \"=\", near: \"== :s\""},
        {"(a = :s", "Syntax error; token: \"<EOF>\", near: \":s\""},
        {"a = :s AND", "Syntax error; token: \"<EOF>\", near: \"AND\""},
        {"_a = :s", "Syntax error; token: \"_\", near: \"_a\""},
        {"a & b", "Syntax error; token: \"&\", near: \"a & b\""},
        {"a[b] = :s", "Syntax error; token: \"b\", near: \"[b]\""},
        {"size = :n", "Attribute name is a reserved keyword; reserved keyword: size"},
        {"a.Name = :n", "Attribute name is a reserved keyword; reserved keyword: Name"},
        {"#x = :n",
         "An expression attribute name used in the document path is not defined; attribute "
         "name: #x"},
        {"a = :none", "An expression attribute value used in expression is not defined; attribute "
                      "value: :none"},
        {"foo(a)", "Invalid function name; function: foo"},
        {"a[2147483648] = :s", "List index is not within the allowable range; index: [2147483648]"},
        {"attribute_exists(a, b)",
         "Incorrect number of operands for operator or function; operator or "
         "function: attribute_exists, number of operands: 2"},
        {"begins_with(a)", "Incorrect number of operands for operator or function; operator or "
                           "function: begins_with, number of operands: 1"},
        {"begins_with(a, :n)",
         "Incorrect operand type for operator or function; operator or function: "
         "begins_with, operand type: N"},
        {"size(:n) = :n", "Incorrect operand type for operator or function; operator or function: "
                          "size, operand type: N"},
        {"attribute_exists(:n)",
         "Operator or function requires a document path; operator or function: "
         "attribute_exists"},
        {"attribute_type(a, :bad)", "Invalid attribute type name found; type: XX, valid types: "
                                    "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}"},
        {"attribute_type(a, :n)", "Incorrect operand type for operator or function; operator or "
                                  "function: attribute_type, operand type: N"},
        {"((a = :s))", "The expression has redundant parentheses;"},
        {"size(a)",
         "The function is not allowed to be used this way in an expression; function: size"},
        {"attribute_exists(a) = :n",
         "The function is not allowed to be used this way in an expression; "
         "function: attribute_exists"},
        {"a = a",
         "The first operand must be distinct from the remaining operands for this operator or "
         "function; operator: =, first operand: [a]"},
        {"b BETWEEN :m AND :n",
         "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
         "lower "
         "bound operand: AttributeValue: {N:7}, upper bound operand: AttributeValue: {N:5}"},
        {"b BETWEEN :m AND :s",
         "The BETWEEN operator requires same data type for lower and upper bounds; lower bound "
         "operand: "
         "AttributeValue: {N:7}, upper bound operand: AttributeValue: {S:abc}"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_placeholders placeholders = bound();
        struct item_condition condition;
        struct mr_slice error;
        enum mr_status status =
            item_condition_parse(&arena, &placeholders, mr_slice_cstr(cases[i].text),
                                 "FilterExpression", &condition, &error);
        assert_refused(&cases[i], "Invalid FilterExpression: ", status, error);
    }
}

static void updates_change_what_they_name(void **state)
{
    (void)state;
    const struct {
        const char *before, *text, *after;
    } cases[] = {
        {"{'a':{'N':'1'}}", "SET a = a + :n", "{'a':{'N':'6'}}"},
        {"{'a':{'N':'1'}}", "SET b = a - :n, a = :s", "{'a':{'S':'abc'},'b':{'N':'-4'}}"},
        {"{'a':{'N':'1'},'b':{'N':'2'}}", "SET a = b, b = a", "{'a':{'N':'2'},'b':{'N':'1'}}"},
        {"{}", "SET a = if_not_exists(a, :n) + :one", "{'a':{'N':'6'}}"},
        {"{'a':{'N':'2'}}", "set a = if_not_exists(a, :n)", "{'a':{'N':'2'}}"},
        {"{'a':{'L':[{'S':'q'}]}}", "SET a = list_append(:l, a)",
         "{'a':{'L':[{'N':'1'},{'S':'q'}]}}"},
        {"{'a':{'L':[{'S':'q'},{'S':'r'},{'S':'s'}]}}",
         "SET a[9] = :x, a[7] = :s, a[1] = :n REMOVE a[0]",
         "{'a':{'L':[{'N':'5'},{'S':'s'},{'S':'abc'},{'S':'x'}]}}"},
        {"{'a':{'M':{'b':{'M':{}}}}}", "SET a.b.c = :n", "{'a':{'M':{'b':{'M':{'c':{'N':'5'}}}}}}"},
        {"{'a':{'M':{'b':{'S':'1'},'c':{'S':'2'}}}}", "REMOVE a.b, zz",
         "{'a':{'M':{'c':{'S':'2'}}}}"},
        {"{'a':{'N':'1'}}", "ADD a :n, c :ss", "{'a':{'N':'6'},'c':{'SS':['x','y']}}"},
        {"{'a':{'SS':['w','x']}}", "ADD a :ss", "{'a':{'SS':['w','x','y']}}"},
        {"{'a':{'SS':['w','x']}}", "DELETE a :ss", "{'a':{'SS':['w']}}"},
        {"{'a':{'SS':['y','x']}}", "DELETE a :ss, b :ss", "{}"},
        {"{'a':{'N':'1'}}", "SET #b = (a + :n)", "{'a':{'N':'1'},'b':{'N':'6'}}"},
        {"{}", "SET a = :map SET b = :n", NULL},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_placeholders placeholders = bound();
        struct item_update update;
        struct mr_slice error, got = {0};
        struct mr_slice before = item_of(cases[i].before);
        enum mr_status status =
            item_update_parse(&arena, &placeholders, mr_slice_cstr(cases[i].text), &update, &error);
        if (cases[i].after == NULL) {
            assert_int_equal(status, MR_INVALID);
            continue;
        }
        if (status == MR_OK)
            status = item_update_apply(&arena, &update, before, before, &got, &error);
        if (status != MR_OK)
            fail_msg("%s: %.*s", cases[i].text, MR_ARG(error));
        if (!mr_slice_equal(got, item_of(cases[i].after))) {
            struct mr_buf buf = {0};
            struct mr_json json = mr_json_make(&buf);
            item_json(&json, got);
            fail_msg("%s: %.*s", cases[i].text, MR_ARG(mr_buf_slice(&buf)));
        }
    }
}

static void bad_updates_are_refused_in_the_words_of_aws(void **state)
{
    (void)state;
    const struct refusal cases[] = {
        {"", "The expression can not be empty;"},
        {"a = :n", "Syntax error; token: \"a\", near: \"a =\""},
        {"SET a", "Syntax error; token: \"<EOF>\", near: \"a\""},
        {"SET a = :n,", "Syntax error; token: \"<EOF>\", near: \",\""},
        {"SET a = :n + :n + :n", "Syntax error; token: \"+\", near: \":n + :n\""},
        {"SET a = :n SET b = :n",
         "The \"SET\" section can only be used once in an update expression;"},
        {"SET name = :n", "Attribute name is a reserved keyword; reserved keyword: name"},
        {"SET a = :n REMOVE a.b",
         "Two document paths overlap with each other; must remove or rewrite one "
         "of these paths; path one: [a], path two: [a, b]"},
        {"SET a.b = :n, a[1] = :n",
         "Two document paths conflict with each other; must remove or rewrite "
         "one of these paths; path one: [a, b], path two: [a, [1]]"},
        {"SET a = foo(b)", "Invalid function name; function: foo"},
        {"SET a = size(b)", "The function is not allowed in an update expression; function: size"},
        {"REMOVE a[99999999999999999999]",
         "List index is not within the allowable range; index: [99999999999999999999]"},
        {"SET a = list_append(b)",
         "Incorrect number of operands for operator or function; operator or "
         "function: list_append, number of operands: 1"},
        {"SET a = b + :s",
         "Incorrect operand type for operator or function; operator or function: +, "
         "operand type: S"},
        {"ADD a :s",
         "Incorrect operand type for operator or function; operator: ADD, operand type: "
         "STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"},
        {"DELETE a :n",
         "Incorrect operand type for operator or function; operator: DELETE, operand type: "
         "NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"},
        {"SET a = list_append(b, list_append(c, d))",
         "The function is not allowed to be used this way in an expression; function: "
         "list_append"},
        {"SET a = if_not_exists(a, list_append(c, d))",
         "The function is not allowed to be used this way in an expression; function: "
         "list_append"},
        {"SET a = list_append(b, c) + :n",
         "The function is not allowed to be used this way in an expression; function: "
         "list_append"},
        {"REMOVE a[00]", "Syntax error; token: \"0\", near: \"00]\""},
        {"REMOVE a[01]", "Syntax error; token: \"1\", near: \"01]\""},
        {"SET a = :zz",
         "An expression attribute value used in expression is not defined; attribute "
         "value: :zz"},
        {"SET a = if_not_exists(:n, :m)",
         "Operator or function requires a document path; operator or "
         "function: if_not_exists"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_placeholders placeholders = bound();
        struct item_update update;
        struct mr_slice error;
        enum mr_status status =
            item_update_parse(&arena, &placeholders, mr_slice_cstr(cases[i].text), &update, &error);
        assert_refused(&cases[i], "Invalid UpdateExpression: ", status, error);
    }
}

static void updates_that_do_not_fit_the_item_are_refused(void **state)
{
    (void)state;
    const char *path = "The document path provided in the update expression is invalid for update";
    const char *type = "An operand in the update expression has an incorrect data type";
    const struct refusal cases[] = {
        {"SET x.y = :n", path},
        {"REMOVE x.y", path},
        {"SET a.y = :n", path},
        {"SET c.y = :n", path},
        {"SET e[0] = :n", path},
        {"SET x = y",
         "The provided expression refers to an attribute that does not exist in the item"},
        {"SET x = a + :n", type},
        {"ADD a :n", type},
        {"ADD b :ss", type},
        {"DELETE b :ss", type},
        {"SET x = list_append(a, :l)", type},
    };
    struct mr_slice item = item_of(item_text);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_placeholders placeholders = bound();
        struct item_update update;
        struct mr_slice error, got;
        enum mr_status status =
            item_update_parse(&arena, &placeholders, mr_slice_cstr(cases[i].text), &update, &error);
        if (status != MR_OK)
            fail_msg("%s: %.*s", cases[i].text, MR_ARG(error));
        status = item_update_apply(&arena, &update, item, item, &got, &error);
        assert_refused(&cases[i], "", status, error);
    }
}

static void projections_take_what_they_name_in_its_shape(void **state)
{
    (void)state;
    const struct {
        const char *text, *want;
    } cases[] = {
        {"b, id", "{'b':{'N':'5'},'id':{'S':'k'}}"},
        {"gone", "{}"},
        {"e.g.h", "{'e':{'M':{'g':{'M':{'h':{'N':'1'}}}}}}"},
        {"e.x, e.f", "{'e':{'M':{'f':{'S':'abc'}}}}"},
        {"c[2].d, c[0], c[9]", "{'c':{'L':[{'N':'1'},{'M':{'d':{'N':'3'}}}]}}"},
        {"a.x", "{}"},
    };
    struct mr_slice item = item_of(item_text);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_placeholders placeholders = bound();
        struct item_projection *projection;
        struct mr_slice error;
        if (item_projection_parse(&arena, &placeholders, mr_slice_cstr(cases[i].text), &projection,
                                  &error) != MR_OK)
            fail_msg("%s: %.*s", cases[i].text, MR_ARG(error));
        struct mr_buf buf = {0};
        struct mr_json json = mr_json_make(&buf);
        item_projection_json(&json, projection, item);
        mr_buf_byte(&buf, 0);
        for (char *c = buf.data; *c != 0; c++)
            *c = *c == '"' ? '\'' : *c;
        assert_string_equal(buf.data, cases[i].want);
        mr_buf_fini(&buf);
    }
}

static void key_conditions_say_one_thing_per_key(void **state)
{
    (void)state;
    const struct refusal cases[] = {
        {"a = :s OR b = :n", "Invalid operator used in KeyConditionExpression: OR"},
        {"a = :s AND b <> :n", "Invalid operator used in KeyConditionExpression: <>"},
        {"contains(a, :s)", "Invalid operator used in KeyConditionExpression: contains"},
        {"a = :s AND a = :p", "KeyConditionExpressions must only contain one condition per key"},
        {"a.b = :s", "KeyConditionExpressions cannot have conditions on nested attributes"},
        {"a = b",
         "Invalid condition in KeyConditionExpression: Multiple attribute names used in one "
         "condition"},
        {"size(a) = :n", "KeyConditionExpressions cannot contain nested operations"},
        {"a = :s AND b = :n AND c = :n AND d = :n AND e = :n AND f = :n AND g = :n AND h = :n AND "
         "i = :n",
         "Conditions can be of length 1 or 2 only"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_placeholders placeholders = bound();
        struct item_key_condition condition;
        struct mr_slice error;
        enum mr_status status = item_key_condition_parse(
            &arena, &placeholders, mr_slice_cstr(cases[i].text), &condition, &error);
        assert_refused(&cases[i], "", status, error);
    }
    struct item_placeholders placeholders = bound();
    struct item_key_condition condition;
    struct mr_slice error;
    assert_int_equal(item_key_condition_parse(&arena, &placeholders, MR_S("a = :s AND :n < b"),
                                              &condition, &error),
                     MR_OK);
    assert_int_equal(condition.count, 2);
    assert_int_equal(condition.terms[1].kind, ITEM_NODE_GT);
}

static void deep_and_long_expressions_are_refused(void **state)
{
    (void)state;
    char text[5000];
    struct item_placeholders placeholders = bound();
    struct item_condition condition;
    struct mr_slice error;
    memset(text, '(', sizeof(text));
    assert_int_equal(item_condition_parse(&arena, &placeholders, mr_slice_make(text, sizeof(text)),
                                          "ConditionExpression", &condition, &error),
                     MR_INVALID);
    assert_true(mr_slice_ends_with(error, MR_S("expression size: 5000")));
    assert_int_equal(item_condition_parse(&arena, &placeholders, mr_slice_make(text, 4000),
                                          "ConditionExpression", &condition, &error),
                     MR_INVALID);
    struct mr_buf many = {0};
    mr_buf_printf(&many, "b = :n");
    for (int i = 0; i < 150; i++)
        mr_buf_printf(&many, " OR b = :n");
    assert_int_equal(item_condition_parse(&arena, &placeholders, mr_buf_slice(&many),
                                          "ConditionExpression", &condition, &error),
                     MR_INVALID);
    assert_true(mr_slice_ends_with(error, MR_S("too many operators; operator count: 301")));
    mr_buf_fini(&many);
}

static void placeholders_that_nobody_uses_are_named(void **state)
{
    (void)state;
    struct item_placeholders placeholders;
    struct item_condition condition;
    struct mr_slice error;
    assert_int_equal(item_placeholders_make(&arena, json_of("{'#a':'a','#b':'b','#c':'c'}"), NULL,
                                            &placeholders, &error),
                     MR_OK);
    assert_int_equal(item_condition_parse(&arena, &placeholders, MR_S("attribute_exists(#b)"),
                                          "ConditionExpression", &condition, &error),
                     MR_OK);
    assert_int_equal(item_placeholders_finish(&arena, &placeholders, &error), MR_INVALID);
    assert_string_equal(
        mr_arena_cstr(&arena, error),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #c}");
    assert_int_equal(
        item_placeholders_make(&arena, NULL, json_of("{':v':{'N':'x'}}"), &placeholders, &error),
        MR_INVALID);
    assert_string_equal(mr_arena_cstr(&arena, error),
                        "ExpressionAttributeValues contains invalid value: The parameter cannot be "
                        "converted to a numeric value: x for key :v");
}

static void random_expression(struct mr_rng *rng, struct mr_buf *text)
{
    static const char *const tokens[] = {"a",
                                         "b",
                                         "c",
                                         "e",
                                         "ss",
                                         "#a",
                                         "#b",
                                         "#zz",
                                         ":s",
                                         ":n",
                                         ":l",
                                         ":ss",
                                         ":zz",
                                         "=",
                                         "<>",
                                         "<",
                                         "<=",
                                         ">",
                                         ">=",
                                         "AND",
                                         "OR",
                                         "NOT",
                                         "BETWEEN",
                                         "IN",
                                         "(",
                                         ")",
                                         "(",
                                         ")",
                                         "[",
                                         "]",
                                         "0",
                                         "1",
                                         "99999999999999999999",
                                         ".",
                                         ",",
                                         "+",
                                         "-",
                                         "SET",
                                         "REMOVE",
                                         "ADD",
                                         "DELETE",
                                         "size(",
                                         "contains(",
                                         "begins_with(",
                                         "attribute_exists(",
                                         "if_not_exists(",
                                         "list_append(",
                                         "foo(",
                                         "name",
                                         "?",
                                         "\xc3\xa9",
                                         "_x"};
    size_t count = 1 + mr_rng_below(rng, 14);
    mr_buf_reset(text);
    for (size_t i = 0; i < count; i++)
        mr_buf_printf(text, "%s%s", mr_rng_below(rng, 4) ? " " : "",
                      tokens[mr_rng_below(rng, MR_COUNT(tokens))]);
}

/* A grammatical update, of random parts. */
static void random_update(struct mr_rng *rng, struct mr_buf *text)
{
    static const char *const paths[] = {"a",   "b",  "c[0]", "c[2].d", "c[9]", "e.f", "e.g.h",
                                        "e.x", "ss", "n",    "z",      "z.y",  "c.x", "e[1]"};
    static const char *const kinds[] = {"SET %s = :n",
                                        "SET %s = b + :n",
                                        "SET %s = if_not_exists(z, :m)",
                                        "REMOVE %s",
                                        "SET %s = list_append(c, :l)",
                                        "ADD %s :n",
                                        "ADD %s :ss",
                                        "DELETE %s :ss",
                                        "SET %s = e"};
    mr_buf_reset(text);
    const char *path = paths[mr_rng_below(rng, MR_COUNT(paths))];
    const char *kind = kinds[mr_rng_below(rng, MR_COUNT(kinds))];
    const char *hole = strchr(kind, '%');
    mr_buf_append(text, mr_slice_make(kind, (size_t)(hole - kind)));
    mr_buf_append(text, mr_slice_cstr(path));
    mr_buf_append(text, mr_slice_cstr(hole + 2));
}

/* Goal: whatever the text, an answer and no damage (the sanitizers judge); and an item that an
 * update made is as canonical as one that came from JSON. */
static void any_text_gets_an_answer(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 99);
    struct mr_buf text = {0}, rendered = {0};
    for (int i = 0; i < 20000; i++) {
        if (i % 50 == 0)
            mr_arena_reset(&arena);
        struct item_placeholders placeholders = bound();
        struct mr_slice item = item_of(item_text), error, made, again;
        struct item_condition condition;
        struct item_key_condition key;
        struct item_projection *projection;
        struct item_update update;
        (i % 2 ? random_expression : random_update)(&rng, &text);
        struct mr_slice expression = mr_buf_slice(&text);
        if (item_condition_parse(&arena, &placeholders, expression, "FilterExpression", &condition,
                                 &error) == MR_OK)
            (void)item_condition_holds(&arena, &condition, item);
        (void)!item_key_condition_parse(&arena, &placeholders, expression, &key, &error);
        if (item_projection_parse(&arena, &placeholders, expression, &projection, &error) == MR_OK)
            (void)item_projection_matches(projection, item);
        if (item_update_parse(&arena, &placeholders, expression, &update, &error) != MR_OK ||
            item_update_apply(&arena, &update, item, item, &made, &error) != MR_OK)
            continue;
        mr_buf_reset(&rendered);
        struct mr_json json = mr_json_make(&rendered);
        item_json(&json, made);
        yyjson_val *tree = mr_json_parse(&arena, mr_buf_slice(&rendered), 200);
        assert_int_equal(item_encode(&arena, tree, &again, &error), MR_OK);
        if (!mr_slice_equal(made, again))
            fail_msg("%.*s: %.*s", MR_ARG(expression), MR_ARG(mr_buf_slice(&rendered)));
    }
    mr_buf_fini(&text);
    mr_buf_fini(&rendered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_hold_as_they_do_on_aws),
        cmocka_unit_test(nothing_exists_where_there_is_no_item),
        cmocka_unit_test(bad_conditions_are_refused_in_the_words_of_aws),
        cmocka_unit_test(updates_change_what_they_name),
        cmocka_unit_test(bad_updates_are_refused_in_the_words_of_aws),
        cmocka_unit_test(updates_that_do_not_fit_the_item_are_refused),
        cmocka_unit_test(projections_take_what_they_name_in_its_shape),
        cmocka_unit_test(key_conditions_say_one_thing_per_key),
        cmocka_unit_test(deep_and_long_expressions_are_refused),
        cmocka_unit_test(placeholders_that_nobody_uses_are_named),
        cmocka_unit_test(any_text_gets_an_answer),
    };
    return cmocka_run_group_tests(tests, test_scratch_begin, test_scratch_end);
}
