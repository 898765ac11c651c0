/* Parameters: where a value comes from, and what it must be like. */
#include "cloudformation/parameters.h"
#include "cloudformation/members.h"
#include "protocol/pattern.h"
#include <stdlib.h>

enum { PARAMETER_BYTES_MAX = 4096 };

struct resolve {
    struct mr_arena *arena;
    const struct template *template;
    yyjson_val *given, *previous;
    struct mr_slice error;
};

static bool fail(struct resolve *resolve, const char *format, ...) MR_PRINTF(2, 3);
static bool fail(struct resolve *resolve, const char *format, ...)
{
    struct mr_buf text = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    if (resolve->error.len == 0)
        resolve->error = mr_arena_copy(resolve->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return false;
}

struct mr_slice parameter_text(yyjson_val *scalar)
{
    if (yyjson_is_bool(scalar))
        return yyjson_is_true(scalar) ? MR_S("true") : MR_S("false");
    return mr_json_text(scalar);
}

bool parameter_is_secret(const struct template *template, struct mr_slice name)
{
    const struct mr_slice text =
        parameter_text(mr_json_get(mr_json_getn(template->parameters, name), "NoEcho"));
    return mr_slice_equal_nocase(text, MR_S("true"));
}

static const char looked_up[] = "AWS::SSM::Parameter::Value<";

bool parameter_is_looked_up(yyjson_val *parameter)
{
    return mr_slice_starts_with(mr_json_get_text(parameter, "Type"), mr_slice_cstr(looked_up));
}

bool parameter_type_is_list(struct mr_slice type)
{
    if (mr_slice_starts_with(type, mr_slice_cstr(looked_up)))
        type = mr_slice_sub(type, sizeof looked_up - 1, type.len - sizeof looked_up);
    return mr_slice_equal(type, MR_S("CommaDelimitedList")) ||
           mr_slice_starts_with(type, MR_S("List<"));
}

/* ---- checks ---- */

static bool is_number(struct mr_slice text, double *ret_value)
{
    char copy[64];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    for (size_t i = 0; i < text.len; i++) /* strtod knows words and hex as well */
        if ((text.ptr[i] < '0' || text.ptr[i] > '9') && memchr("+-.eE", text.ptr[i], 5) == NULL)
            return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    char *end;
    *ret_value = strtod(copy, &end);
    return end == copy + text.len;
}

/* The template's own words where it has some. */
static bool violates(struct resolve *resolve, struct mr_slice name, yyjson_val *parameter,
                     struct mr_slice what)
{
    const struct mr_slice words = mr_json_get_text(parameter, "ConstraintDescription");
    if (words.len > 0)
        return fail(resolve, "Parameter %.*s failed to satisfy constraint: %.*s", MR_ARG(name),
                    MR_ARG(words));
    return fail(resolve, "Parameter '%.*s' must %.*s", MR_ARG(name), MR_ARG(what));
}

static bool is_allowed(yyjson_val *parameter, struct mr_slice value)
{
    yyjson_val *allowed = yyjson_obj_get(parameter, "AllowedValues");
    const size_t count = yyjson_arr_size(allowed);
    for (size_t i = 0; i < count; i++)
        if (mr_slice_equal(parameter_text(yyjson_arr_get(allowed, i)), value))
            return true;
    return count == 0;
}

static bool check_length(struct resolve *resolve, struct mr_slice name, yyjson_val *parameter,
                         struct mr_slice value)
{
    const int64_t length = (int64_t)mr_slice_utf8_length(value);
    const int64_t min = mr_json_get_i64(parameter, "MinLength", INT64_MIN);
    const int64_t max = mr_json_get_i64(parameter, "MaxLength", INT64_MAX);
    if (length < min)
        return violates(
            resolve, name, parameter,
            mr_arena_printf(resolve->arena, "contain at least %lld characters", (long long)min));
    if (length > max)
        return violates(
            resolve, name, parameter,
            mr_arena_printf(resolve->arena, "contain at most %lld characters", (long long)max));
    return true;
}

static bool check_number(struct resolve *resolve, struct mr_slice name, yyjson_val *parameter,
                         struct mr_slice value)
{
    double number, bound;
    if (!is_number(value, &number))
        return fail(resolve, "Parameter '%.*s' must be a number.", MR_ARG(name));
    const struct mr_slice min = mr_json_get_text(parameter, "MinValue");
    const struct mr_slice max = mr_json_get_text(parameter, "MaxValue");
    if (is_number(min, &bound) && number < bound)
        return violates(
            resolve, name, parameter,
            mr_arena_printf(resolve->arena, "be a number not less than %.*s", MR_ARG(min)));
    if (is_number(max, &bound) && number > bound)
        return violates(
            resolve, name, parameter,
            mr_arena_printf(resolve->arena, "be a number not greater than %.*s", MR_ARG(max)));
    return true;
}

static bool check_item(struct resolve *resolve, struct mr_slice name, yyjson_val *parameter,
                       struct mr_slice value, bool is_numeric)
{
    const struct mr_slice source = mr_json_get_text(parameter, "AllowedPattern");
    if (!is_allowed(parameter, value))
        return violates(resolve, name, parameter, MR_S("be one of AllowedValues"));
    if (is_numeric && !check_number(resolve, name, parameter, value))
        return false;
    if (!check_length(resolve, name, parameter, value))
        return false;
    if (source.len == 0)
        return true;
    struct pattern *pattern = pattern_new(source);
    const bool matches = pattern_matches(pattern, value);
    pattern_free(pattern);
    return matches ||
           violates(resolve, name, parameter,
                    mr_arena_printf(resolve->arena, "match pattern %.*s", MR_ARG(source)));
}

static bool check_value(struct resolve *resolve, struct mr_slice name, yyjson_val *parameter,
                        struct mr_slice value)
{
    const struct mr_slice type = mr_json_get_text(parameter, "Type");
    if (value.len > PARAMETER_BYTES_MAX)
        return fail(resolve, "Parameter '%.*s' must contain at most %d characters", MR_ARG(name),
                    PARAMETER_BYTES_MAX);
    const bool is_list = !parameter_is_looked_up(parameter) && parameter_type_is_list(type);
    const bool is_numeric =
        mr_slice_equal(type, MR_S("Number")) || mr_slice_equal(type, MR_S("List<Number>"));
    if (!is_list)
        return check_item(resolve, name, parameter, value, is_numeric);
    struct mr_slice item;
    if (value.len == 0)
        return true;
    while (mr_slice_split(&value, ',', &item))
        if (!check_item(resolve, name, parameter, mr_slice_trim(item), is_numeric))
            return false;
    return true;
}

/* ---- where values come from ---- */

static yyjson_val *find_given(const struct resolve *resolve, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(resolve->given); i++) {
        yyjson_val *one = yyjson_arr_get(resolve->given, i);
        if (mr_slice_equal(mr_json_get_text(one, "ParameterKey"), name))
            return one;
    }
    return NULL;
}

/* MR_OK, MR_NOT_FOUND: it has no value; MR_INVALID: told. */
static enum mr_status find_value(struct resolve *resolve, struct mr_slice name,
                                 yyjson_val *parameter, struct mr_slice *ret_value)
{
    yyjson_val *given = find_given(resolve, name);
    yyjson_val *value = mr_json_get(given, "ParameterValue");
    if (given != NULL && mr_json_get_bool(given, "UsePreviousValue", false)) {
        value = mr_json_getn(resolve->previous, name);
        if (value == NULL) {
            fail(resolve,
                 "Invalid input for parameter key %.*s. Cannot specify usePreviousValue "
                 "as true for a parameter key not in the previous template",
                 MR_ARG(name));
            return MR_INVALID;
        }
    }
    if (value == NULL)
        value = yyjson_obj_get(parameter, "Default");
    if (value == NULL)
        return MR_NOT_FOUND;
    *ret_value = parameter_text(value);
    return MR_OK;
}

static void check_names(struct resolve *resolve)
{
    struct mr_slice unknown = MR_S("");
    for (size_t i = 0; i < yyjson_arr_size(resolve->given); i++) {
        const struct mr_slice name =
            mr_json_get_text(yyjson_arr_get(resolve->given, i), "ParameterKey");
        if (mr_json_getn(resolve->template->parameters, name) == NULL &&
            unknown.len < PARAMETER_BYTES_MAX)
            unknown = mr_arena_printf(resolve->arena, "%.*s%s%.*s", MR_ARG(unknown),
                                      unknown.len > 0 ? ", " : "", MR_ARG(name));
    }
    if (unknown.len > 0)
        fail(resolve, "Parameters: [%.*s] do not exist in the template", MR_ARG(unknown));
}

static void resolve_all(struct resolve *resolve, struct mr_json *json)
{
    yyjson_val *key, *parameter;
    size_t i, count;
    struct mr_slice missing = MR_S(""), value = MR_S("");
    yyjson_obj_foreach(members_of(resolve->template->parameters), i, count, key, parameter)
    {
        const struct mr_slice name = mr_json_text(key);
        const enum mr_status status = find_value(resolve, name, parameter, &value);
        if (status == MR_NOT_FOUND)
            missing = mr_arena_printf(resolve->arena, "%.*s%s%.*s", MR_ARG(missing),
                                      missing.len > 0 ? ", " : "", MR_ARG(name));
        if (status != MR_OK)
            continue;
        mr_json_name(json, name);
        mr_json_string(json, value);
    }
    if (missing.len > 0)
        fail(resolve, "Parameters: [%.*s] must have values", MR_ARG(missing));
}

enum mr_status parameters_resolve(struct mr_arena *arena, const struct template *template,
                                  yyjson_val *given, yyjson_val *previous, yyjson_val **ret_values,
                                  struct mr_slice *ret_error)
{
    struct resolve resolve = {
        .arena = arena, .template = template, .given = given, .previous = previous};
    MR_CLEANUP(mr_buf_fini) struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    check_names(&resolve);
    mr_json_object(&json);
    resolve_all(&resolve, &json);
    mr_json_object_end(&json);
    *ret_values = mr_json_parse(arena, mr_buf_slice(&buf), 4);
    yyjson_val *key, *parameter;
    size_t i, count;
    yyjson_obj_foreach(members_of(template->parameters), i, count, key, parameter)
    {
        if (resolve.error.len == 0)
            check_value(&resolve, mr_json_text(key), parameter,
                        mr_json_text(mr_json_getn(*ret_values, mr_json_text(key))));
    }
    *ret_error = resolve.error;
    return resolve.error.len == 0 ? MR_OK : MR_INVALID;
}
