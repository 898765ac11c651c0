#include "glue/classifier.h"

const struct glue_csv_rules glue_csv_default = {.quote = '"'};

/* ---- paths ---- */

/* Behind '[': a name in quotes, '*' or a number, and ']'. Returns what follows; NULL ptr: none. */
static struct mr_slice take_bracket(struct mr_slice rest, struct glue_path_step *step)
{
    const size_t end = mr_slice_find(rest, ']');
    struct mr_slice inside = mr_slice_trim(mr_slice_sub(rest, 0, end));
    uint64_t index;
    if (end == SIZE_MAX || inside.len == 0)
        return (struct mr_slice){0};
    const char first = inside.ptr[0];
    if (mr_slice_equal(inside, MR_S("*"))) {
        step->kind = GLUE_STEP_ALL;
    } else if (mr_slice_to_u64(inside, &index) == MR_OK) {
        step->kind = GLUE_STEP_INDEX;
        step->index = (size_t)index;
    } else if ((first == '\'' || first == '"') && inside.len > 2 &&
               inside.ptr[inside.len - 1] == first) {
        step->kind = GLUE_STEP_NAME;
        step->name = mr_slice_sub(inside, 1, inside.len - 2);
    } else {
        return (struct mr_slice){0};
    }
    return mr_slice_sub(rest, end + 1, SIZE_MAX);
}

static struct mr_slice take_name(struct mr_slice rest, struct glue_path_step *step)
{
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '.' && rest.ptr[end] != '[')
        end++;
    step->name = mr_slice_sub(rest, 0, end);
    step->kind = mr_slice_equal(step->name, MR_S("*")) ? GLUE_STEP_ALL : GLUE_STEP_NAME;
    return end == 0 ? (struct mr_slice){0} : mr_slice_sub(rest, end, SIZE_MAX);
}

bool glue_path_parse(struct mr_slice text, struct glue_path *ret_path)
{
    struct mr_slice rest = mr_slice_trim(text);
    *ret_path = (struct glue_path){.text = rest};
    if (rest.len == 0 || rest.ptr[0] != '$')
        return false;
    rest = mr_slice_sub(rest, 1, SIZE_MAX);
    while (rest.len > 0) {
        if (ret_path->count == GLUE_PATH_STEPS_MAX)
            return false;
        struct glue_path_step *step = &ret_path->steps[ret_path->count++];
        const char first = rest.ptr[0];
        rest = mr_slice_sub(rest, 1, SIZE_MAX);
        if (first == '[')
            rest = take_bracket(rest, step);
        else
            rest = first == '.' ? take_name(rest, step) : (struct mr_slice){0};
        if (rest.ptr == NULL)
            return false;
    }
    return true;
}

size_t glue_path_observe(struct mr_arena *arena, const struct glue_path *path, size_t step,
                         yyjson_val *value, struct glue_type *type)
{
    if (step == path->count) {
        if (yyjson_is_obj(value))
            glue_type_observe(arena, type, value);
        return yyjson_is_obj(value);
    }
    const struct glue_path_step *wanted = &path->steps[step];
    if (wanted->kind == GLUE_STEP_NAME)
        return glue_path_observe(arena, path, step + 1, mr_json_getn(value, wanted->name), type);
    if (wanted->kind == GLUE_STEP_INDEX)
        return glue_path_observe(arena, path, step + 1, yyjson_arr_get(value, wanted->index), type);
    size_t index, max, found = 0;
    yyjson_val *key, *item;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, max, item)
        {
            found += glue_path_observe(arena, path, step + 1, item, type);
        }
    } else {
        yyjson_obj_foreach(value, index, max, key, item)
        {
            found += glue_path_observe(arena, path, step + 1, item, type);
        }
    }
    return found;
}

/* ---- stored classifiers ---- */

struct mr_slice glue_custom_datatype(struct mr_slice name)
{
    static const struct {
        struct mr_slice name, hive;
    } types[] = {{MR_S_INIT("BINARY"), MR_S_INIT("binary")},
                 {MR_S_INIT("BOOLEAN"), MR_S_INIT("boolean")},
                 {MR_S_INIT("DATE"), MR_S_INIT("date")},
                 {MR_S_INIT("DECIMAL"), MR_S_INIT("decimal")},
                 {MR_S_INIT("DOUBLE"), MR_S_INIT("double")},
                 {MR_S_INIT("FLOAT"), MR_S_INIT("float")},
                 {MR_S_INIT("INT"), MR_S_INIT("int")},
                 {MR_S_INIT("LONG"), MR_S_INIT("bigint")},
                 {MR_S_INIT("SHORT"), MR_S_INIT("smallint")},
                 {MR_S_INIT("STRING"), MR_S_INIT("string")},
                 {MR_S_INIT("TIMESTAMP"), MR_S_INIT("timestamp")}};
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        if (mr_slice_equal_nocase(name, types[i].name))
            return types[i].hive;
    }
    return MR_S("");
}

static void read_types(struct mr_arena *arena, yyjson_val *json, struct glue_csv_rules *rules)
{
    yyjson_val *types = mr_json_get(json, "CustomDatatypes"), *type;
    size_t index, max;
    if (!mr_json_get_bool(json, "CustomDatatypeConfigured", false) || yyjson_arr_size(types) == 0)
        return;
    rules->types = MR_NEW_ARRAY(arena, struct mr_slice, yyjson_arr_size(types));
    yyjson_arr_foreach(types, index, max, type)
    {
        rules->types[rules->type_count++] = glue_custom_datatype(mr_json_text(type));
    }
}

static char first_byte(yyjson_val *object, const char *member, char fallback)
{
    struct mr_slice text = mr_json_get_text(object, member);
    return text.len > 0 ? text.ptr[0] : fallback;
}

static void read_csv(struct mr_arena *arena, yyjson_val *json, struct glue_csv_rules *rules)
{
    struct mr_slice header = mr_json_get_text(json, "ContainsHeader");
    struct mr_slice serde = mr_json_get_text(json, "Serde");
    yyjson_val *names = mr_json_get(json, "Header"), *name;
    size_t index, max;
    *rules = glue_csv_default;
    rules->delimiter = first_byte(json, "Delimiter", '\0');
    rules->quote = first_byte(json, "QuoteSymbol", '"');
    rules->keep_blanks = mr_json_get_bool(json, "DisableValueTrimming", false);
    rules->single_column = mr_json_get_bool(json, "AllowSingleColumn", false);
    if (mr_slice_equal(header, MR_S("PRESENT")))
        rules->header = GLUE_HEADER_PRESENT;
    else if (mr_slice_equal(header, MR_S("ABSENT")))
        rules->header = GLUE_HEADER_ABSENT;
    if (mr_slice_equal(serde, MR_S("OpenCSVSerDe")))
        rules->serde = GLUE_SERDE_OPEN;
    else if (mr_slice_equal(serde, MR_S("LazySimpleSerDe")))
        rules->serde = GLUE_SERDE_LAZY;
    read_types(arena, json, rules);
    if (yyjson_arr_size(names) == 0)
        return;
    rules->names = MR_NEW_ARRAY(arena, struct mr_slice, yyjson_arr_size(names));
    yyjson_arr_foreach(names, index, max, name)
    {
        rules->names[rules->name_count++] = mr_json_text(name);
    }
}

static struct mr_slice grok_type(struct mr_slice word)
{
    static const struct {
        struct mr_slice word, hive;
    } types[] = {{MR_S_INIT("byte"), MR_S_INIT("tinyint")},
                 {MR_S_INIT("short"), MR_S_INIT("smallint")},
                 {MR_S_INIT("long"), MR_S_INIT("bigint")}};
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        if (mr_slice_equal(word, types[i].word))
            return types[i].hive;
    }
    return word.len > 0 ? word : MR_S("string");
}

/* AWS: a reference's type is the column's; without one it is a string. */
static bool read_grok(struct mr_arena *arena, yyjson_val *json,
                      const struct glue_grok_engine *engine, struct glue_grok_rules *rules,
                      struct mr_slice *ret_why)
{
    struct glue_grok_column *columns;
    size_t count;
    rules->classification = mr_json_get_text(json, "Classification");
    rules->pattern = mr_json_get_text(json, "GrokPattern");
    rules->custom = mr_json_get_text(json, "CustomPatterns");
    rules->engine = engine;
    rules->grok = engine->open(arena, rules->pattern, rules->custom, &columns, &count, ret_why);
    if (rules->grok == NULL)
        return false;
    rules->type = (struct glue_type){.kind = GLUE_STRUCT,
                                     .fields = MR_NEW_ARRAY(arena, struct glue_field, count + 1),
                                     .field_capacity = count};
    for (size_t i = 0; i < count; i++) {
        struct glue_field *field = &rules->type.fields[rules->type.field_count++];
        field->name = columns[i].name;
        glue_type_parse(arena, grok_type(columns[i].type), &field->type);
    }
    return true;
}

bool glue_classifier_read(struct mr_arena *arena, yyjson_val *json,
                          const struct glue_grok_engine *engine,
                          struct glue_classifier *ret_classifier, struct mr_slice *ret_why)
{
    yyjson_val *csv = mr_json_get(json, "CsvClassifier");
    yyjson_val *by_path = mr_json_get(json, "JsonClassifier");
    yyjson_val *grok = mr_json_get(json, "GrokClassifier");
    *ret_classifier = (struct glue_classifier){.is_csv = csv != NULL};
    *ret_why = MR_S("no crawl knows its format");
    if (csv != NULL) {
        read_csv(arena, csv, &ret_classifier->csv);
        return true;
    }
    if (grok != NULL && engine != NULL) {
        ret_classifier->grok = MR_NEW(arena, struct glue_grok_rules);
        return read_grok(arena, grok, engine, ret_classifier->grok, ret_why);
    }
    return by_path != NULL &&
           glue_path_parse(mr_json_get_text(by_path, "JsonPath"), &ret_classifier->path);
}

void glue_classifier_builtins(struct mr_arena *arena, const struct glue_grok_engine *engine,
                              struct glue_classifiers *all)
{
    static const char *const builtins[GLUE_BUILTIN_GROK] = {
        "{\"Classification\":\"combined_apache\",\"GrokPattern\":\"%{COMBINEDAPACHELOG}\"}",
        "{\"Classification\":\"apache\",\"GrokPattern\":\"%{COMMONAPACHELOG}\"}"};
    for (size_t i = 0; engine != NULL && i < GLUE_BUILTIN_GROK; i++) {
        struct glue_classifier *one = &all->list[all->count];
        struct mr_slice why;
        yyjson_val *json = mr_json_parse(arena, mr_slice_cstr(builtins[i]), MR_JSON_DEPTH_MAX);
        *one = (struct glue_classifier){.grok = MR_NEW(arena, struct glue_grok_rules)};
        if (!read_grok(arena, json, engine, one->grok, &why))
            continue;
        one->grok->builtin = true;
        all->count++;
    }
}

void glue_classifier_close(struct glue_classifier *classifier)
{
    if (classifier->grok != NULL)
        classifier->grok->engine->close(classifier->grok->grok);
}
