/* Patterns against events, as a table; and what is refused, with its words. */
#include "event/pattern.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static yyjson_val *criteria_of(struct mr_arena *arena, const char *pattern)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key(&json, "Filters");
    mr_json_array(&json);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "Pattern", pattern);
    mr_json_object_end(&json);
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    yyjson_val *out = mr_json_parse(arena, mr_buf_slice(&buf), 16);
    mr_buf_fini(&buf);
    assert_non_null(out);
    return out;
}

static const struct {
    const char *pattern, *event;
    bool match;
} cases[] = {
    /* exact */
    {"{'a':['x']}", "{'a':'x','b':1}", true},
    {"{'a':['x']}", "{'a':'X'}", false},
    {"{'a':['x','y']}", "{'a':'y'}", true},
    {"{'a':['x'],'b':['y']}", "{'a':'x'}", false},
    {"{'a':['']}", "{'a':''}", true},
    {"{'a':['']}", "{'a':null}", false},
    {"{'a':[null]}", "{'a':null}", true},
    {"{'a':[null]}", "{}", false},
    {"{'a':[true]}", "{'a':true}", true},
    {"{'a':[false]}", "{'a':true}", false},
    {"{'a':['true']}", "{'a':true}", false},
    {"{'a':{'b':{'c':[1]}}}", "{'a':{'b':{'c':1}}}", true},
    {"{'a':{'b':{'c':[1]}}}", "{'a':{'b':1}}", false},
    {"{'a.b':[1]}", "{'a':{'b':1}}", false},
    {"{'':[1]}", "{'':1}", true},
    /* numbers by value */
    {"{'a':[300]}", "{'a':3.0e2}", true},
    {"{'a':[0.05]}", "{'a':5E-2}", true},
    {"{'a':[0]}", "{'a':-0.00}", true},
    {"{'a':[-1]}", "{'a':1}", false},
    {"{'a':[1]}", "{'a':'1'}", false},
    {"{'a':[100]}", "{'a':10}", false},
    {"{'a':[12.5]}", "{'a':125e-1}", true},
    {"{'a':[1e400]}", "{'a':10e399}", true},
    {"{'a':[1]}", "{'a':10e9223372036854775807}", false},
    {"{'a':[1]}", "{'a':0.01e-9223372036854775808}", false},
    {"{'a':[9007199254740993]}", "{'a':9007199254740992}", false},
    {"{'a':[123456789012345678901234567890]}", "{'a':123456789012345678901234567890.0}", true},
    /* arrays in the event */
    {"{'a':['x']}", "{'a':['y','x']}", true},
    {"{'a':['x']}", "{'a':[['y'],['x']]}", true},
    {"{'a':['x']}", "{'a':[]}", false},
    {"{'a':{'b':[1],'c':[2]}}", "{'a':[{'b':1,'c':2},{'b':3}]}", true},
    {"{'a':{'b':[1],'c':[2]}}", "{'a':[{'b':1,'c':3},{'b':3,'c':2}]}", false},
    {"{'a':{'b':[1]}}", "{'a':[5,[{'b':1}]]}", true},
    /* prefix, suffix, case */
    {"{'a':[{'prefix':'ab'}]}", "{'a':'abc'}", true},
    {"{'a':[{'prefix':'ab'}]}", "{'a':'a'}", false},
    {"{'a':[{'prefix':''}]}", "{'a':'x'}", true},
    {"{'a':[{'prefix':'1'}]}", "{'a':12}", false},
    {"{'a':[{'prefix':{'equals-ignore-case':'AB'}}]}", "{'a':'abC'}", true},
    {"{'a':[{'prefix':{'equals-ignore-case':'AB'}}]}", "{'a':'a'}", false},
    {"{'a':[{'suffix':'.png'}]}", "{'a':'x.png'}", true},
    {"{'a':[{'suffix':'.png'}]}", "{'a':'x.PNG'}", false},
    {"{'a':[{'suffix':{'equals-ignore-case':'.png'}}]}", "{'a':'x.PNG'}", true},
    {"{'a':[{'suffix':{'equals-ignore-case':'\u00c4\u00df'}}]}", "{'a':'x\u00e4\u00df'}", true},
    {"{'a':[{'suffix':{'equals-ignore-case':'xyz'}}]}", "{'a':'yz'}", false},
    {"{'a':[{'equals-ignore-case':'alice'}]}", "{'a':'ALiCE'}", true},
    {"{'a':[{'equals-ignore-case':'alice'}]}", "{'a':'alices'}", false},
    {"{'a':[{'equals-ignore-case':'\u0416\u03a9\u0141'}]}", "{'a':'\u0436\u03c9\u0142'}", true},
    /* anything-but */
    {"{'a':[{'anything-but':'x'}]}", "{'a':'y'}", true},
    {"{'a':[{'anything-but':'x'}]}", "{'a':'x'}", false},
    {"{'a':[{'anything-but':'x'}]}", "{}", false},
    {"{'a':[{'anything-but':'x'}]}", "{'a':1}", true},
    {"{'a':[{'anything-but':''}]}", "{'a':''}", false},
    {"{'a':[{'anything-but':['x','y']}]}", "{'a':'y'}", false},
    {"{'a':[{'anything-but':['x','y']}]}", "{'a':['x','z']}", true},
    {"{'a':[{'anything-but':[1,2]}]}", "{'a':2.0}", false},
    {"{'a':[{'anything-but':1}]}", "{'a':3}", true},
    {"{'a':[{'anything-but':{'prefix':'ab'}}]}", "{'a':'abc'}", false},
    {"{'a':[{'anything-but':{'prefix':['ab','cd']}}]}", "{'a':'cde'}", false},
    {"{'a':[{'anything-but':{'prefix':['ab','cd']}}]}", "{'a':'x'}", true},
    {"{'a':[{'anything-but':{'suffix':'c'}}]}", "{'a':'abc'}", false},
    {"{'a':[{'anything-but':{'suffix':['c']}}]}", "{'a':'ab'}", true},
    {"{'a':[{'anything-but':{'equals-ignore-case':'X'}}]}", "{'a':'x'}", false},
    {"{'a':[{'anything-but':{'equals-ignore-case':['X','Y']}}]}", "{'a':'z'}", true},
    {"{'a':[{'anything-but':{'wildcard':'*/b/*'}}]}", "{'a':'a/b/c'}", false},
    {"{'a':[{'anything-but':{'wildcard':['*x','*y']}}]}", "{'a':'az'}", true},
    /* numeric */
    {"{'a':[{'numeric':['>',0,'<=',5]}]}", "{'a':5}", true},
    {"{'a':[{'numeric':['>',0,'<=',5]}]}", "{'a':0}", false},
    {"{'a':[{'numeric':['>=',0,'<',5]}]}", "{'a':0}", true},
    {"{'a':[{'numeric':['>=',0,'<',5]}]}", "{'a':5}", false},
    {"{'a':[{'numeric':['=',3.5]}]}", "{'a':35e-1}", true},
    {"{'a':[{'numeric':['<',-1]}]}", "{'a':-1.5}", true},
    {"{'a':[{'numeric':['>',1]}]}", "{'a':'2'}", false},
    {"{'a':[{'numeric':['>',1]}]}", "{'a':[0,2]}", true},
    /* exists */
    {"{'a':[{'exists':true}]}", "{'a':null}", true},
    {"{'a':[{'exists':true}]}", "{}", false},
    {"{'a':[{'exists':true}]}", "{'a':{'b':1}}", false},
    {"{'a':[{'exists':false}]}", "{'a':{'b':1}}", true},
    {"{'a':[{'exists':false}]}", "{'a':1}", false},
    {"{'a':[{'exists':false}]}", "{'b':1}", true},
    {"{'a':[{'exists':false}]}", "{'a':[]}", true},
    {"{'a':{'b':[{'exists':false}]}}", "{}", true},
    {"{'a':{'b':[{'exists':false}]}}", "{'a':[{'b':1},{'c':2}]}", false},
    {"{'a':{'b':[{'exists':false}],'c':[2]}}", "{'a':[{'b':1},{'c':2}]}", true},
    {"{'a':[{'exists':false},'x']}", "{'a':'x'}", true},
    {"{'a':[{'exists':false},'x']}", "{'a':'y'}", false},
    /* cidr */
    {"{'a':[{'cidr':'10.0.0.0/24'}]}", "{'a':'10.0.0.255'}", true},
    {"{'a':[{'cidr':'10.0.0.0/24'}]}", "{'a':'10.0.1.0'}", false},
    {"{'a':[{'cidr':'10.0.0.128/25'}]}", "{'a':'10.0.0.127'}", false},
    {"{'a':[{'cidr':'0.0.0.0/0'}]}", "{'a':'1.2.3.4'}", true},
    {"{'a':[{'cidr':'0.0.0.0/0'}]}", "{'a':'nobody'}", false},
    {"{'a':[{'cidr':'2001:db8::/33'}]}", "{'a':'2001:db8:7fff::1'}", true},
    {"{'a':[{'cidr':'2001:db8::/33'}]}", "{'a':'2001:db8:8000::1'}", false},
    {"{'a':[{'cidr':'::/0'}]}", "{'a':'1.2.3.4'}", false},
    /* wildcard */
    {"{'a':[{'wildcard':'dir/*.png'}]}", "{'a':'dir/x/y.png'}", true},
    {"{'a':[{'wildcard':'dir/*.png'}]}", "{'a':'dir/x.jpg'}", false},
    {"{'a':[{'wildcard':'ab*ba'}]}", "{'a':'aba'}", false},
    {"{'a':[{'wildcard':'*'}]}", "{'a':''}", true},
    {"{'a':[{'wildcard':'*a*b*'}]}", "{'a':'xxayybzz'}", true},
    {"{'a':[{'wildcard':'*a*b*'}]}", "{'a':'xxbyya'}", false},
    {"{'a':[{'wildcard':'a\\\\*b'}]}", "{'a':'a*b'}", true},
    {"{'a':[{'wildcard':'a\\\\*b'}]}", "{'a':'axb'}", false},
    {"{'a':[{'wildcard':'a\\\\\\\\*'}]}", "{'a':'a\\\\bc'}", true},
    {"{'a':[{'wildcard':'plain'}]}", "{'a':'plain'}", true},
    /* $or */
    {"{'$or':[{'a':[1]},{'b':[2]}]}", "{'b':2}", true},
    {"{'$or':[{'a':[1]},{'b':[2]}]}", "{'b':1}", false},
    {"{'c':[3],'$or':[{'a':[1]},{'b':[2]}]}", "{'b':2}", false},
    {"{'d':{'$or':[{'a':[1]},{'$or':[{'b':[2]},{'c':[3]}]}]}}", "{'d':{'c':3}}", true},
    {"{'$or':['x']}", "{'$or':'x'}", true},
    /* as DynamoDB writes it: numbers are texts */
    {"{'dynamodb':{'NewImage':{'price':{'N':[{'exists':true}]}}}}",
     "{'eventName':'INSERT','dynamodb':{'NewImage':{'price':{'N':'9.5'}}}}", true},
    {"{'eventName':['INSERT','MODIFY']}", "{'eventName':'REMOVE'}", false},
    {"{'dynamodb':{'NewImage':{'n':{'N':[{'numeric':['>',1]}]}}}}",
     "{'dynamodb':{'NewImage':{'n':{'N':'5'}}}}", false},
    {"{'dynamodb':{'NewImage':{'tags':{'SS':['b']}}}}",
     "{'dynamodb':{'NewImage':{'tags':{'SS':['a','b']}}}}", true},
    {"{'dynamodb':{'NewImage':{'l':{'L':{'S':['b']}}}}}",
     "{'dynamodb':{'NewImage':{'l':{'L':[{'N':'1'},{'S':'b'}]}}}}", true},
};

/* The table writes ' for ". */
static const char *quoted(struct mr_arena *arena, const char *text)
{
    char *out = mr_arena_cstr(arena, mr_slice_cstr(text));
    for (char *p = out; *p != '\0'; p++)
        if (*p == '\'')
            *p = '"';
    return out;
}

static void a_pattern_takes_what_eventbridge_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct mr_arena arena = {0};
        struct event_filter *filter = NULL;
        char message[EVENT_MESSAGE_MAX] = "";
        const char *pattern = quoted(&arena, cases[i].pattern);
        if (event_filter_new(criteria_of(&arena, pattern), &filter, message) != MR_OK)
            fail_msg("%s: %s", pattern, message);
        yyjson_val *event =
            mr_json_parse(&arena, mr_slice_cstr(quoted(&arena, cases[i].event)), EVENT_DEPTH_MAX);
        assert_non_null(event);
        if (event_filter_takes(filter, event) != cases[i].match)
            fail_msg("%s %s %s", pattern, cases[i].match ? "must match" : "must not match",
                     cases[i].event);
        event_filter_free(filter);
        mr_arena_fini(&arena);
    }
}

static const struct {
    const char *pattern, *message;
} refusals[] = {
    {"", "The pattern is not valid JSON"},
    {"{'a':['x']", "The pattern is not valid JSON"},
    {"[]", "Filter is not an object"},
    {"'text'", "Filter is not an object"},
    {"null", "Filter is not an object"},
    {"{}", "Empty objects are not allowed"},
    {"{'a':{}}", "Empty objects are not allowed"},
    {"{'a':[]}", "Empty arrays are not allowed"},
    {"{'a':'x'}", "\"a\" must be an object or an array"},
    {"{'a':null}", "\"a\" must be an object or an array"},
    {"{'a':[['x']]}", "Match value must be String, number, true, false, or null"},
    {"{'a':[{}]}", "Match expression name not found"},
    {"{'a':[{'prefix':'x','suffix':'y'}]}", "Only one key allowed in match expression"},
    {"{'a':[{'like':'x'}]}", "Unrecognized match type like"},
    {"{'a':[{'prefix':1}]}", "prefix match pattern must be a string"},
    {"{'a':[{'suffix':['x']}]}", "suffix match pattern must be a string"},
    {"{'a':[{'prefix':{'wildcard':'x'}}]}", "Unsupported prefix pattern: wildcard"},
    {"{'a':[{'equals-ignore-case':null}]}", "equals-ignore-case match pattern must be a string"},
    {"{'a':[{'wildcard':'a**b'}]}", "Consecutive wildcard characters at pos 1"},
    {"{'a':[{'wildcard':'a\\\\b'}]}", "Invalid escape character at pos 1"},
    {"{'a':[{'wildcard':'a\\\\'}]}", "Invalid escape character at pos 1"},
    {"{'a':[{'exists':'yes'}]}", "exists match pattern must be either true or false."},
    {"{'a':[{'cidr':'10.0.0.0'}]}", "Malformed CIDR, one '/' required"},
    {"{'a':[{'cidr':'10.0.0/8'}]}", "Malformed CIDR: '10.0.0' is no IP address"},
    {"{'a':[{'cidr':'10.0.0.0/33'}]}", "Malformed CIDR, mask bits must be at most 32"},
    {"{'a':[{'cidr':'10.0.0.0/x'}]}", "Malformed CIDR, mask bits must be an integer"},
    {"{'a':[{'numeric':5}]}", "Value of numeric must be an array."},
    {"{'a':[{'numeric':[]}]}", "Invalid member in numeric match: ]"},
    {"{'a':[{'numeric':[5]}]}", "Invalid member in numeric match: 5"},
    {"{'a':[{'numeric':['!',5]}]}", "Unrecognized numeric range operator: !"},
    {"{'a':[{'numeric':['<','5']}]}", "Value of < must be numeric"},
    {"{'a':[{'numeric':['>']}]}", "Value of > must be numeric"},
    {"{'a':[{'numeric':['=','5']}]}", "Value of equals must be numeric."},
    {"{'a':[{'numeric':['>',5,'<',5]}]}", "Bottom must be less than top"},
    {"{'a':[{'numeric':['>',1,'>',5]}]}", "Bad numeric range operator: >"},
    {"{'a':[{'numeric':['<',1,'>',5]}]}", "Too many terms in numeric range expression"},
    {"{'a':[{'numeric':['>',1,'<',5,'<',6]}]}", "Too many terms in numeric range expression"},
    {"{'a':[{'anything-but':null}]}",
     "Value of anything-but must be an array or single string/number value."},
    {"{'a':[{'anything-but':[]}]}", "Empty arrays are not allowed"},
    {"{'a':[{'anything-but':['x',1]}]}", "Inside anything but list, either all values are number "
                                         "or string, mixed type is not supported"},
    {"{'a':[{'anything-but':[true]}]}",
     "Inside anything but list, start|null|boolean is not supported."},
    {"{'a':[{'anything-but':{'numeric':['=',1]}}]}", "Unsupported anything-but pattern: numeric"},
    {"{'a':[{'anything-but':{'prefix':''}}]}", "Null prefix/suffix not allowed"},
    {"{'$or':[{'a':[1]}]}", "Unrecognized match type a"},
    {"{'$or':[{'a':[1]},{}]}", "Empty objects are not allowed"},
};

static void what_is_wrong_with_a_pattern_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < MR_COUNT(refusals); i++) {
        struct mr_arena arena = {0};
        struct event_filter *filter = NULL;
        char message[EVENT_MESSAGE_MAX] = "";
        const char *pattern = quoted(&arena, refusals[i].pattern);
        if (event_filter_new(criteria_of(&arena, pattern), &filter, message) != MR_INVALID)
            fail_msg("%s is taken", pattern);
        if (strcmp(message, refusals[i].message) != 0)
            fail_msg("%s: %s, not: %s", pattern, message, refusals[i].message);
        assert_null(filter);
        mr_arena_fini(&arena);
    }
}

static void several_patterns_are_alternatives_and_none_takes_everything(void **state)
{
    (void)state;
    struct mr_arena arena = {0};
    struct event_filter *filter = NULL;
    char message[EVENT_MESSAGE_MAX];
    yyjson_val *two = mr_json_parse(
        &arena,
        MR_S("{\"Filters\":[{\"Pattern\":\"{\\\"a\\\":[1]}\"},{\"Pattern\":\"{\\\"a\\\":[2]}\"}]}"),
        16);
    assert_int_equal(event_filter_new(two, &filter, message), MR_OK);
    for (int a = 1; a <= 3; a++)
        assert_int_equal(
            event_filter_takes(filter,
                               mr_json_parse(&arena, mr_arena_printf(&arena, "{\"a\":%d}", a), 8)),
            a < 3);
    assert_false(event_filter_takes(filter, NULL));
    event_filter_free(filter);
    assert_int_equal(
        event_filter_new(mr_json_parse(&arena, MR_S("{\"Filters\":[]}"), 8), &filter, message),
        MR_OK);
    assert_null(filter);
    assert_true(event_filter_takes(NULL, NULL));
    assert_int_equal(event_filter_new(NULL, &filter, message), MR_OK);
    assert_null(filter);
    mr_arena_fini(&arena);
}

static struct mr_slice nested(struct mr_arena *arena, size_t depth, const char *open,
                              const char *middle, const char *close)
{
    struct mr_buf buf = {0};
    for (size_t i = 0; i < depth; i++)
        mr_buf_append(&buf, mr_slice_cstr(open));
    mr_buf_append(&buf, mr_slice_cstr(middle));
    for (size_t i = 0; i < depth; i++)
        mr_buf_append(&buf, mr_slice_cstr(close));
    mr_buf_byte(&buf, '\0');
    const struct mr_slice out = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return mr_slice_sub(out, 0, out.len - 1);
}

static void deep_texts_are_refused_and_never_overrun_the_stack(void **state)
{
    (void)state;
    struct mr_arena arena = {0};
    struct event_filter *filter = NULL;
    char message[EVENT_MESSAGE_MAX];
    const struct mr_slice deep = nested(&arena, 98, "{\"a\":", "[1]", "}");
    assert_int_equal(event_filter_new(criteria_of(&arena, deep.ptr), &filter, message), MR_OK);
    assert_true(event_filter_takes(
        filter, mr_json_parse(&arena, nested(&arena, 98, "{\"a\":", "1", "}"), EVENT_DEPTH_MAX)));
    event_filter_free(filter);
    filter = NULL;
    const struct mr_slice deeper = nested(&arena, 600, "{\"a\":", "[1]", "}");
    assert_int_equal(event_filter_new(criteria_of(&arena, deeper.ptr), &filter, message),
                     MR_INVALID);
    mr_arena_fini(&arena);
}

/* Goal: a hostile pattern costs no more than its size times the text's. Method: the shape that
 * makes a backtracking matcher exponential must end at all. */
static void a_wildcard_of_many_stars_ends(void **state)
{
    (void)state;
    struct mr_arena arena = {0};
    struct event_filter *filter = NULL;
    char message[EVENT_MESSAGE_MAX];
    const struct mr_slice stars = nested(&arena, 1000, "*a", "*b", "");
    const struct mr_slice pattern =
        mr_arena_printf(&arena, "{\"a\":[{\"wildcard\":\"%.*s\"}]}", MR_ARG(stars));
    assert_int_equal(
        event_filter_new(criteria_of(&arena, mr_arena_cstr(&arena, pattern)), &filter, message),
        MR_OK);
    const struct mr_slice text = nested(&arena, 300000, "a", "", "");
    yyjson_val *event = mr_json_parse(
        &arena, mr_arena_printf(&arena, "{\"a\":\"%.*s\"}", MR_ARG(text)), EVENT_DEPTH_MAX);
    assert_false(event_filter_takes(filter, event));
    event_filter_free(filter);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_takes_what_eventbridge_takes),
        cmocka_unit_test(what_is_wrong_with_a_pattern_is_said),
        cmocka_unit_test(several_patterns_are_alternatives_and_none_takes_everything),
        cmocka_unit_test(deep_texts_are_refused_and_never_overrun_the_stack),
        cmocka_unit_test(a_wildcard_of_many_stars_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
