/* The wire: what changes parameters and their tags. */
#include "ssm/internal.h"
#include "protocol/document.h"
#include "protocol/pattern.h"

enum {
    NAME_MAX_BYTES = 1011,
    LEVELS_MAX = 15,
    STANDARD_MAX = 4096,
    ADVANCED_MAX = 8192,
    TAGS_MAX = 50
};

static const struct protocol_fault exists = {"ParameterAlreadyExists", 400, false};
static const struct protocol_fault too_deep = {"HierarchyLevelLimitExceededException", 400, false};
static const struct protocol_fault mismatch = {"ParameterPatternMismatchException", 400, false};
static const struct protocol_fault wrong_type = {"UnsupportedParameterType", 400, false};
static const struct protocol_fault no_resource = {"InvalidResourceId", 400, false};
static const struct protocol_fault wrong_resource = {"InvalidResourceType", 400, false};
static const struct protocol_fault too_many_tags = {"TooManyTagsError", 400, false};
static const struct protocol_fault no_policies = {"InvalidPolicyTypeException", 400, false};

/* ---- names and values ---- */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == '/';
}

static bool is_reserved(struct mr_slice name)
{
    const struct mr_slice first = mr_slice_sub(name, name.ptr[0] == '/', 3);
    return mr_slice_equal_nocase(first, MR_S("aws")) || mr_slice_equal_nocase(first, MR_S("ssm"));
}

static bool check_name(struct protocol_call *call, struct mr_slice name)
{
    size_t slashes = 0;
    bool good = !is_reserved(name) && name.ptr[name.len - 1] != '/';
    for (size_t i = 0; i < name.len; i++) {
        const bool is_slash = name.ptr[i] == '/';
        good = good && is_name_byte(name.ptr[i]) && !(is_slash && i > 0 && name.ptr[i - 1] == '/');
        slashes += is_slash;
    }
    if (!good)
        protocol_fail(
            call, &protocol_validation,
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" "
            "(case-insensitive). If formed as a path, it can consist of sub-paths divided "
            "by slash symbol; each sub-path can be formed as a mix of letters, numbers "
            "and the following 3 symbols .-_");
    else if (slashes > 0 && name.ptr[0] != '/')
        protocol_fail(call, &protocol_validation, "Parameter name must be a fully qualified name.");
    else if (slashes > LEVELS_MAX)
        protocol_fail(call, &too_deep,
                      "Hierarchy can't be more than %d levels deep, the name has %zu", LEVELS_MAX,
                      slashes);
    else if (name.len > NAME_MAX_BYTES)
        protocol_fail(call, &protocol_validation,
                      "Parameter name can't be longer than %d characters", NAME_MAX_BYTES);
    return !protocol_failed(call);
}

static bool check_value(struct protocol_call *call, yyjson_val *before)
{
    const struct mr_slice value = mr_json_get_text(call->in, "Value");
    struct mr_slice tier = mr_json_get_text(call->in, "Tier");
    tier = tier.len > 0 ? tier : mr_json_get_text(before, "Tier");
    const bool is_advanced = mr_slice_equal(tier, MR_S("Advanced"));
    const bool grows = mr_slice_equal(tier, MR_S("Intelligent-Tiering"));
    const struct mr_slice source = mr_json_get_text(call->in, "AllowedPattern");
    const size_t length = mr_slice_utf8_length(value);
    if (length == 0)
        protocol_fail(call, &protocol_validation,
                      "1 validation error detected: Value '' at 'value' failed to satisfy "
                      "constraint: Member must have length greater than or equal to 1");
    else if (length > STANDARD_MAX && !is_advanced && !grows)
        protocol_fail(call, &protocol_validation,
                      "Standard tier parameters support a maximum parameter value of %d "
                      "characters. To create a larger parameter value, upgrade the parameter to "
                      "use the advanced-parameter tier.",
                      STANDARD_MAX);
    else if (length > ADVANCED_MAX)
        protocol_fail(
            call, &protocol_validation,
            "Advanced tier parameters support a maximum parameter value of %d characters.",
            ADVANCED_MAX);
    if (source.len > 0 && !protocol_failed(call)) {
        struct pattern *pattern = pattern_new(source);
        if (!pattern_matches(pattern, value))
            protocol_fail(call, &mismatch,
                          "Parameter value, cannot be validated against allowedPattern: %.*s",
                          MR_ARG(source));
        pattern_free(pattern);
    }
    return !protocol_failed(call);
}

/* What has no meaning without key management, machine images or a scheduler is not taken. */
static bool check_kinds(struct protocol_call *call, yyjson_val *before)
{
    const struct mr_slice type = mr_json_get_text(call->in, "Type");
    const struct mr_slice data_type = mr_json_get_text(call->in, "DataType");
    if (type.len == 0 && before == NULL)
        protocol_fail(call, &protocol_validation,
                      "A parameter type is required when you create a parameter.");
    else if (mr_slice_equal(type, MR_S("SecureString")))
        protocol_fail(call, &wrong_type,
                      "millrace has no key management, and so no parameters of type SecureString.");
    else if (data_type.len > 0 && !mr_slice_equal(data_type, MR_S("text")))
        protocol_fail(call, &protocol_validation,
                      "millrace has no parameters of data type %.*s, only text.",
                      MR_ARG(data_type));
    else if (mr_json_get_text(call->in, "Policies").len > 0)
        protocol_fail(call, &no_policies, "millrace does not carry out policies of parameters.");
    return !protocol_failed(call);
}

/* ---- PutParameter ---- */

static void write_kept(struct mr_json *json, const char *name, yyjson_val *in, yyjson_val *before)
{
    yyjson_val *value = mr_json_get(in, name);
    mr_json_key_value(json, name, value != NULL ? value : mr_json_get(before, name));
}

static void store_parameter(struct protocol_call *call, struct mr_slice name, yyjson_val *before)
{
    static const char *const kept[] = {"Type", "Description"};
    const struct mr_slice value = mr_json_get_text(call->in, "Value");
    struct mr_slice tier = mr_json_get_text(call->in, "Tier");
    tier = tier.len > 0 ? tier : mr_json_get_text(before, "Tier");
    if (tier.len == 0 || mr_slice_equal(tier, MR_S("Intelligent-Tiering")))
        tier = mr_slice_utf8_length(value) > STANDARD_MAX ? MR_S("Advanced") : MR_S("Standard");
    const int64_t version = mr_json_get_i64(before, "Version", 0) + 1;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", name);
    mr_json_key_string(&json, "ARN",
                       mr_arena_printf(call->arena, "arn:aws:ssm:%.*s:%.*s:parameter%s%.*s",
                                       MR_ARG(call->region), MR_ARG(call->account),
                                       name.ptr[0] == '/' ? "" : "/", MR_ARG(name)));
    mr_json_key_string(&json, "Value", value);
    for (size_t i = 0; i < MR_COUNT(kept); i++)
        write_kept(&json, kept[i], call->in, before);
    mr_json_key_value(&json, "AllowedPattern", mr_json_get(call->in, "AllowedPattern"));
    mr_json_key_string(&json, "Tier", tier);
    mr_json_key_int(&json, "Version", version);
    mr_json_key_int(&json, "modified_ms", call->now_ms);
    write_kept(&json, "Tags", call->in, before);
    mr_json_object_end(&json);
    struct ssm *ssm = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    if (!ssm_history_add(call, &entry, name, version, text, before))
        return;
    store_doc_put(&entry, "ssm", "parameter", name, text);
    protocol_commit(call, ssm->options.store, &entry);
    mr_json_key_int(&call->out, "Version", version);
    mr_json_key_string(&call->out, "Tier", tier);
}

static void put_parameter(struct protocol_call *call)
{
    struct ssm *ssm = call->service;
    const struct mr_slice name = mr_json_get_text(call->in, "Name");
    const bool overwrite = mr_json_get_bool(call->in, "Overwrite", false);
    if (!check_name(call, name))
        return;
    if (overwrite && yyjson_arr_size(mr_json_get(call->in, "Tags")) > 0) {
        protocol_fail(call, &protocol_validation,
                      "Invalid request: tags and overwrite can't be used together. To create a "
                      "parameter with tags, please remove overwrite flag. To update tags for an "
                      "existing parameter, please use AddTagsToResource or "
                      "RemoveTagsFromResource.");
        return;
    }
    pthread_mutex_lock(&ssm->lock);
    yyjson_val *before = ssm_doc(call, name);
    if (before != NULL && !overwrite)
        protocol_fail(call, &exists,
                      "The parameter already exists. To overwrite this value, set the overwrite "
                      "option in the request to true.");
    else if (!protocol_failed(call) && check_kinds(call, before) && check_value(call, before))
        store_parameter(call, name, before);
    pthread_mutex_unlock(&ssm->lock);
}

/* ---- DeleteParameter, DeleteParameters ---- */

static void delete_parameter(struct protocol_call *call)
{
    struct ssm *ssm = call->service;
    pthread_mutex_lock(&ssm->lock);
    const struct mr_slice name = ssm_name(call, mr_json_get_text(call->in, "Name"));
    if (ssm_doc(call, name) != NULL)
        ssm_drop(call, name);
    else
        protocol_fail(call, &ssm_not_found, "%s", "");
    pthread_mutex_unlock(&ssm->lock);
}

static void write_names(struct protocol_call *call, const char *member, yyjson_val *names,
                        const bool *known, bool wanted)
{
    mr_json_key(&call->out, member);
    mr_json_array(&call->out);
    for (size_t i = 0; i < yyjson_arr_size(names); i++)
        if (known[i] == wanted)
            mr_json_value(&call->out, yyjson_arr_get(names, i));
    mr_json_array_end(&call->out);
}

static void delete_parameters(struct protocol_call *call)
{
    struct ssm *ssm = call->service;
    yyjson_val *names = mr_json_get(call->in, "Names");
    bool *known = mr_arena_alloc(call->arena, yyjson_arr_size(names) * sizeof *known + 1);
    pthread_mutex_lock(&ssm->lock);
    for (size_t i = 0; i < yyjson_arr_size(names); i++) {
        const struct mr_slice name = ssm_name(call, mr_json_text(yyjson_arr_get(names, i)));
        known[i] = ssm_doc(call, name) != NULL;
        if (known[i])
            ssm_drop(call, name);
    }
    pthread_mutex_unlock(&ssm->lock);
    write_names(call, "DeletedParameters", names, known, true);
    write_names(call, "InvalidParameters", names, known, false);
}

/* ---- tags ---- */

/* The parameter that ResourceType and ResourceId name; NULL: the fault is set. */
static yyjson_val *tagged(struct protocol_call *call)
{
    if (!mr_slice_equal(mr_json_get_text(call->in, "ResourceType"), MR_S("Parameter"))) {
        protocol_fail(call, &wrong_resource, "millrace keeps tags of parameters alone.");
        return NULL;
    }
    yyjson_val *doc = ssm_doc(call, ssm_name(call, mr_json_get_text(call->in, "ResourceId")));
    if (doc == NULL)
        protocol_fail(call, &no_resource,
                      "The resource ID is not valid. Verify that you entered the correct ID and "
                      "try again.");
    return doc;
}

static bool has_key(yyjson_val *list, struct mr_slice key)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++) {
        yyjson_val *one = yyjson_arr_get(list, i);
        const struct mr_slice name =
            yyjson_is_str(one) ? mr_json_text(one) : mr_json_get_text(one, "Key");
        if (mr_slice_equal(name, key))
            return true;
    }
    return false;
}

/* Stores the document with the tags it had, less those that `gone` names, and `added`. */
static void retag(struct protocol_call *call, yyjson_val *doc, yyjson_val *added, yyjson_val *gone)
{
    yyjson_val *tags = mr_json_get(doc, "Tags"), *key, *value;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t j, members, count = yyjson_arr_size(added);
    mr_json_object(&json);
    yyjson_obj_foreach(doc, j, members, key, value)
    {
        if (mr_slice_equal(mr_json_text(key), MR_S("Tags")))
            continue;
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, value);
    }
    mr_json_key(&json, "Tags");
    mr_json_array(&json);
    for (size_t i = 0; i < yyjson_arr_size(tags); i++) {
        yyjson_val *tag = yyjson_arr_get(tags, i);
        const struct mr_slice name = mr_json_get_text(tag, "Key");
        if (has_key(added, name) || has_key(gone, name))
            continue;
        mr_json_value(&json, tag);
        count++;
    }
    for (size_t i = 0; i < yyjson_arr_size(added); i++)
        mr_json_value(&json, yyjson_arr_get(added, i));
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    if (count > TAGS_MAX)
        protocol_fail(call, &too_many_tags, "A parameter has at most %d tags.", TAGS_MAX);
    else
        ssm_put(call, mr_json_get_text(doc, "Name"),
                mr_arena_copy(call->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static void change_tags(struct protocol_call *call)
{
    struct ssm *ssm = call->service;
    pthread_mutex_lock(&ssm->lock);
    yyjson_val *doc = tagged(call);
    if (doc != NULL)
        retag(call, doc, mr_json_get(call->in, "Tags"), mr_json_get(call->in, "TagKeys"));
    pthread_mutex_unlock(&ssm->lock);
}

static void list_tags(struct protocol_call *call)
{
    yyjson_val *doc = tagged(call);
    yyjson_val *tags = mr_json_get(doc, "Tags");
    if (doc == NULL)
        return;
    mr_json_key(&call->out, "TagList");
    mr_json_array(&call->out);
    for (size_t i = 0; i < yyjson_arr_size(tags); i++)
        mr_json_value(&call->out, yyjson_arr_get(tags, i));
    mr_json_array_end(&call->out);
}

const struct protocol_handler ssm_write_handlers[] = {
    {.operation = "PutParameter", .run = put_parameter},
    {.operation = "DeleteParameter", .run = delete_parameter},
    {.operation = "DeleteParameters", .run = delete_parameters},
    {.operation = "AddTagsToResource", .run = change_tags},
    {.operation = "RemoveTagsFromResource", .run = change_tags},
    {.operation = "ListTagsForResource", .run = list_tags},
};
const size_t ssm_write_handler_count = MR_COUNT(ssm_write_handlers);
