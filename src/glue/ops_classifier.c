/* The wire: classifiers. Crawls use those for JSON, CSV and Grok (classifier.h); XML ones are
 * kept. Stored: "glue/classifier/<name>", the wire's Classifier. */
#include "glue/internal.h"

static const char *const kinds[] = {"GrokClassifier", "XMLClassifier", "JsonClassifier",
                                    "CsvClassifier"};

/* The one classifier that an object holds; NULL: none, or several. */
static yyjson_val *only_one(yyjson_val *object, const char **ret_kind)
{
    yyjson_val *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < MR_COUNT(kinds); i++) {
        yyjson_val *value = mr_json_get(object, kinds[i]);
        if (value == NULL)
            continue;
        found = value;
        *ret_kind = kinds[i];
        count++;
    }
    return count == 1 ? found : NULL;
}

static void fail_missing(struct protocol_call *call, struct mr_slice name)
{
    protocol_fail(call, &glue_fault_not_found, "Classifier entity with name %.*s does not exist",
                  MR_ARG(name));
}

/* Members of `input` over those of `old`. */
static struct mr_slice classifier_json(struct protocol_call *call, const char *kind,
                                       yyjson_val *input, yyjson_val *old)
{
    struct glue *glue = call->service;
    const double now = (double)store_now(glue->store) / 1000;
    size_t index, max;
    yyjson_val *key, *value;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key(&json, kind);
    mr_json_object(&json);
    static const char *const times[] = {"CreationTime", "LastUpdated", "Version", NULL};
    glue_copy_members(&json, input, times);
    yyjson_obj_foreach(old, index, max, key, value)
    {
        struct mr_slice name = mr_json_text(key);
        bool ours = mr_json_getn(input, name) != NULL;
        for (size_t i = 0; times[i] != NULL; i++)
            ours = ours || mr_slice_equal(name, mr_slice_cstr(times[i]));
        if (!ours) {
            mr_json_name(&json, name);
            mr_json_value(&json, value);
        }
    }
    mr_json_key_number(&json, "CreationTime", mr_json_get_double(old, "CreationTime", now));
    mr_json_key_number(&json, "LastUpdated", now);
    mr_json_key_int(&json, "Version", mr_json_get_i64(old, "Version", 0) + 1);
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* What a crawl could not carry out is said at once. */
static bool check_input(struct protocol_call *call, yyjson_val *input)
{
    struct mr_slice path = mr_json_get_text(input, "JsonPath");
    struct glue_path steps;
    if (mr_json_get(input, "JsonPath") != NULL && !glue_path_parse(path, &steps)) {
        protocol_fail(call, &glue_fault_invalid_input, "Invalid JsonPath: %.*s", MR_ARG(path));
        return false;
    }
    yyjson_val *types = mr_json_get(input, "CustomDatatypes"), *type;
    size_t index, max;
    yyjson_arr_foreach(types, index, max, type)
    {
        if (glue_custom_datatype(mr_json_text(type)).len == 0) {
            protocol_fail(call, &glue_fault_invalid_input, "Invalid custom datatype: %.*s",
                          MR_ARG(mr_json_text(type)));
            return false;
        }
    }
    struct mr_slice delimiter = mr_json_get_text(input, "Delimiter");
    if (delimiter.len > 0 && mr_slice_equal(delimiter, mr_json_get_text(input, "QuoteSymbol"))) {
        protocol_fail(call, &glue_fault_invalid_input,
                      "The quote symbol must be different from the column delimiter.");
        return false;
    }
    return true;
}

/* As it would be stored. False: the fault is set. */
static bool check_grok(struct protocol_call *call, struct mr_slice json)
{
    const struct glue *glue = call->service;
    yyjson_val *whole = glue_parse(call->arena, json);
    struct glue_classifier classifier;
    struct mr_slice why;
    if (mr_json_get(whole, "GrokClassifier") == NULL || glue->grok == NULL)
        return true;
    if (!glue_classifier_read(call->arena, whole, glue->grok, &classifier, &why))
        protocol_fail(call, &glue_fault_invalid_input, "Invalid Grok pattern: %.*s", MR_ARG(why));
    glue_classifier_close(&classifier);
    return !protocol_failed(call);
}

static void put(struct protocol_call *call, bool replace)
{
    struct glue *glue = call->service;
    const char *kind = NULL, *old_kind = NULL;
    yyjson_val *input = only_one(call->in, &kind), *old = NULL;
    if (input == NULL) {
        protocol_fail(call, &glue_fault_invalid_input,
                      "Exactly one of GrokClassifier, XMLClassifier, JsonClassifier or "
                      "CsvClassifier must be given.");
        return;
    }
    struct mr_slice name = mr_json_get_text(input, "Name");
    if (!check_input(call, input))
        return;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_doc(glue, call->arena, "classifier", name, &old);
    if (status == MR_OK && !replace)
        protocol_fail(call, &glue_fault_exists, "Classifier with name %.*s already exists",
                      MR_ARG(name));
    else if (status == MR_NOT_FOUND && replace)
        fail_missing(call, name);
    yyjson_val *before = only_one(old, &old_kind);
    if (before != NULL && strcmp(kind, old_kind) != 0)
        protocol_fail(call, &glue_fault_invalid_input,
                      "The type of a classifier cannot be changed.");
    struct mr_slice json = classifier_json(call, kind, input, before);
    if (status >= 0 && !protocol_failed(call) && check_grok(call, json)) {
        store_doc_put(&entry, "glue", "classifier", name, json);
        status = store_commit(glue->store, &entry, &call->ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    protocol_fail_internal(call, status);
}

static void create_classifier(struct protocol_call *call)
{
    put(call, false);
}

static void update_classifier(struct protocol_call *call)
{
    put(call, true);
}

static void get_classifier(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct mr_slice name = mr_json_get_text(call->in, "Name"), json;
    enum mr_status status =
        store_doc_get(glue->store, call->arena, "glue", "classifier", name, &json);
    if (status == MR_OK)
        mr_json_key_raw(&call->out, "Classifier", json);
    else if (status == MR_NOT_FOUND)
        fail_missing(call, name);
    protocol_fail_internal(call, status);
}

static void get_classifiers(struct protocol_call *call)
{
    glue_docs_list(call, "classifier", "Classifiers");
}

static void delete_classifier(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    if (glue_doc_remove(call, "classifier", name) == MR_NOT_FOUND)
        fail_missing(call, name);
}

const struct protocol_handler glue_classifier_handlers[] = {
    {.operation = "CreateClassifier", .run = create_classifier},
    {.operation = "UpdateClassifier", .run = update_classifier},
    {.operation = "GetClassifier", .run = get_classifier},
    {.operation = "GetClassifiers", .run = get_classifiers},
    {.operation = "DeleteClassifier", .run = delete_classifier},
};
const size_t glue_classifier_handler_count = MR_COUNT(glue_classifier_handlers);
