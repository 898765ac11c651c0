/* The wire: versions of parameters that were, and their labels. */
#include "protocol/document.h"
#include "ssm/internal.h"

enum { LABELS_MAX = 10, HISTORY_PAGE = 50 }; /* AWS: of one version; of one answer */

static const struct protocol_fault no_version = {"ParameterVersionNotFound", 400, false};
static const struct protocol_fault too_many_versions = {"ParameterMaxVersionLimitExceeded", 400,
                                                        false};
static const struct protocol_fault too_many_labels = {"ParameterVersionLabelLimitExceeded", 400,
                                                      false};

static struct mr_slice key_of(struct mr_arena *arena, struct mr_slice name, int64_t version)
{
    return mr_arena_printf(arena, "%.*s:%010lld", MR_ARG(name), (long long)version);
}

yyjson_val *ssm_version(struct protocol_call *call, struct mr_slice name, int64_t version)
{
    struct ssm *ssm = call->service;
    yyjson_val *newest = ssm_doc(call, name);
    yyjson_val *doc = protocol_document(call, ssm->options.store, "ssm", "history",
                                        key_of(call->arena, name, version));
    const bool is_newest = mr_json_get_i64(newest, "Version", 0) == version;
    return doc == NULL && is_newest ? newest : doc; /* the only one may have no history */
}

struct versions {
    struct mr_arena *arena;
    yyjson_val *items[SSM_VERSIONS_MAX + 1];
    size_t count;
};

static enum mr_status collect(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct versions *versions = ctx;
    (void)name;
    if (versions->count < MR_COUNT(versions->items))
        versions->items[versions->count++] =
            mr_json_parse(versions->arena, text, SSM_DOCUMENT_DEPTH_MAX);
    return MR_OK;
}

/* Oldest first. */
static struct versions *versions_of(struct protocol_call *call, struct mr_slice name)
{
    struct ssm *ssm = call->service;
    struct versions *versions = MR_NEW(call->arena, struct versions);
    versions->arena = call->arena;
    protocol_fail_internal(call, store_doc_each(ssm->options.store, "ssm", "history",
                                                mr_arena_printf(call->arena, "%.*s:", MR_ARG(name)),
                                                collect, versions));
    if (versions->count == 0 && ssm_doc(call, name) != NULL)
        versions->items[versions->count++] = ssm_doc(call, name);
    return versions;
}

static bool has_label(yyjson_val *doc, struct mr_slice label)
{
    yyjson_val *labels = mr_json_get(doc, "Labels");
    for (size_t i = 0; i < yyjson_arr_size(labels); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(labels, i)), label))
            return true;
    return false;
}

yyjson_val *ssm_labelled(struct protocol_call *call, struct mr_slice name, struct mr_slice label)
{
    const struct versions *versions = versions_of(call, name);
    for (size_t i = 0; i < versions->count; i++)
        if (has_label(versions->items[i], label))
            return versions->items[i];
    return NULL;
}

bool ssm_history_add(struct protocol_call *call, struct store_entry *entry, struct mr_slice name,
                     int64_t version, struct mr_slice json, yyjson_val *before)
{
    const struct versions *versions = versions_of(call, name);
    const int64_t last = version - 1;
    if (versions->count >= SSM_VERSIONS_MAX) {
        yyjson_val *oldest = versions->items[0];
        if (yyjson_arr_size(mr_json_get(oldest, "Labels")) > 0) {
            protocol_fail(call, &too_many_versions,
                          "You attempted to create a new version of %.*s by calling the "
                          "PutParameter API with the overwrite flag. Version %lld, the oldest "
                          "version, can't be deleted because it has a label associated with it. "
                          "Move the label to another version of the parameter, and try again.",
                          MR_ARG(name), (long long)mr_json_get_i64(oldest, "Version", 0));
            return false;
        }
        store_doc_delete(entry, "ssm", "history",
                         key_of(call->arena, name, mr_json_get_i64(oldest, "Version", 0)));
    }
    if (before != NULL && mr_json_get_i64(versions->items[versions->count - 1], "Version", 0) ==
                              last) { /* one that was put before histories were kept */
        struct mr_buf buf = {0};
        struct mr_json writer = mr_json_make(&buf);
        mr_json_value(&writer, versions->items[versions->count - 1]);
        store_doc_put(entry, "ssm", "history", key_of(call->arena, name, last),
                      mr_arena_copy(call->arena, mr_buf_slice(&buf)));
        mr_buf_fini(&buf);
    }
    store_doc_put(entry, "ssm", "history", key_of(call->arena, name, version), json);
    return true;
}

void ssm_history_drop(struct protocol_call *call, struct store_entry *entry, struct mr_slice name)
{
    const struct versions *versions = versions_of(call, name);
    for (size_t i = 0; i < versions->count; i++)
        store_doc_delete(
            entry, "ssm", "history",
            key_of(call->arena, name, mr_json_get_i64(versions->items[i], "Version", 0)));
}

/* ---- GetParameterHistory ---- */

static void write_version(struct protocol_call *call, yyjson_val *doc)
{
    struct mr_json *json = &call->out;
    yyjson_val *labels = mr_json_get(doc, "Labels");
    mr_json_object(json);
    ssm_write_described(call, doc, "Value");
    mr_json_key(json, "Labels");
    mr_json_array(json);
    for (size_t i = 0; i < yyjson_arr_size(labels); i++)
        mr_json_value(json, yyjson_arr_get(labels, i));
    mr_json_array_end(json);
    mr_json_object_end(json);
}

static void get_history(struct protocol_call *call)
{
    const struct mr_slice name = ssm_name(call, mr_json_get_text(call->in, "Name"));
    const struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    const int64_t most = mr_json_get_i64(call->in, "MaxResults", HISTORY_PAGE);
    int64_t after = 0, shown = 0;
    if (ssm_doc(call, name) == NULL)
        protocol_fail(call, &ssm_not_found, "%s", "");
    if (token.len > 0 && mr_slice_to_i64(token, &after) != MR_OK)
        protocol_fail(call, &protocol_validation, "The specified token is not valid.");
    if (protocol_failed(call))
        return;
    const struct versions *versions = versions_of(call, name);
    mr_json_key(&call->out, "Parameters");
    mr_json_array(&call->out);
    int64_t last = 0;
    bool more = false;
    for (size_t i = 0; i < versions->count; i++) {
        const int64_t version = mr_json_get_i64(versions->items[i], "Version", 0);
        if (version <= after)
            continue;
        more = shown == most;
        if (more)
            break;
        write_version(call, versions->items[i]);
        last = version;
        shown++;
    }
    mr_json_array_end(&call->out);
    if (more)
        mr_json_key_string(&call->out, "NextToken",
                           mr_arena_printf(call->arena, "%lld", (long long)last));
}

/* ---- labels ---- */

static bool is_label(struct mr_slice label)
{
    const struct mr_slice first = mr_slice_sub(label, 0, 3);
    bool good = label.len > 0 && label.len <= 100 && (label.ptr[0] < '0' || label.ptr[0] > '9') &&
                !mr_slice_equal_nocase(first, MR_S("aws")) &&
                !mr_slice_equal_nocase(first, MR_S("ssm"));
    for (size_t i = 0; good && i < label.len; i++) {
        const char c = label.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_';
    }
    return good;
}

/* The document with other labels: those it has but for the ones given, and (adds) these. */
static struct mr_slice relabel(struct protocol_call *call, yyjson_val *doc, yyjson_val *given,
                               bool adds, size_t *ret_count)
{
    yyjson_val *labels = mr_json_get(doc, "Labels"), *key;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_obj_iter iter = yyjson_obj_iter_with(doc);
    size_t count = 0;
    mr_json_object(&json);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        if (mr_slice_equal(mr_json_text(key), MR_S("Labels")))
            continue;
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, yyjson_obj_iter_get_val(key));
    }
    mr_json_key(&json, "Labels");
    mr_json_array(&json);
    for (size_t i = 0; i < yyjson_arr_size(labels); i++) {
        bool stays = true;
        for (size_t j = 0; j < yyjson_arr_size(given); j++)
            stays = stays && !mr_slice_equal(mr_json_text(yyjson_arr_get(labels, i)),
                                             mr_json_text(yyjson_arr_get(given, j)));
        if (stays)
            mr_json_value(&json, yyjson_arr_get(labels, i));
        count += stays;
    }
    for (size_t j = 0; adds && j < yyjson_arr_size(given); j++)
        if (is_label(mr_json_text(yyjson_arr_get(given, j)))) {
            mr_json_value(&json, yyjson_arr_get(given, j));
            count++;
        }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    *ret_count = count;
    return text;
}

static void write_labels(struct protocol_call *call, const char *member, yyjson_val *doc,
                         bool wanted)
{
    yyjson_val *given = mr_json_get(call->in, "Labels");
    mr_json_key(&call->out, member);
    mr_json_array(&call->out);
    for (size_t i = 0; i < yyjson_arr_size(given); i++) {
        const struct mr_slice label = mr_json_text(yyjson_arr_get(given, i));
        if ((doc == NULL ? is_label(label) : has_label(doc, label)) == wanted)
            mr_json_string(&call->out, label);
    }
    mr_json_array_end(&call->out);
}

/* The version that the request names, or the newest; NULL: the fault is set. */
static yyjson_val *wanted_version(struct protocol_call *call, struct mr_slice name)
{
    yyjson_val *newest = ssm_doc(call, name);
    if (newest == NULL) {
        protocol_fail(call, &ssm_not_found, "%s", "");
        return NULL;
    }
    const int64_t version =
        mr_json_get_i64(call->in, "ParameterVersion", mr_json_get_i64(newest, "Version", 1));
    yyjson_val *doc = ssm_version(call, name, version);
    if (doc == NULL)
        protocol_fail(call, &no_version,
                      "Systems Manager could not find version %lld of %.*s. Verify the version and "
                      "try again.",
                      (long long)version, MR_ARG(name));
    return doc;
}

static void label_locked(struct protocol_call *call, struct mr_slice name, yyjson_val *doc)
{
    struct ssm *ssm = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    const struct versions *versions = versions_of(call, name);
    yyjson_val *given = mr_json_get(call->in, "Labels");
    const int64_t version = mr_json_get_i64(doc, "Version", 0);
    size_t count;
    for (size_t i = 0; i < versions->count; i++) { /* a label is at one version only */
        const int64_t other = mr_json_get_i64(versions->items[i], "Version", 0);
        if (other != version)
            store_doc_put(&entry, "ssm", "history", key_of(call->arena, name, other),
                          relabel(call, versions->items[i], given, false, &count));
    }
    store_doc_put(&entry, "ssm", "history", key_of(call->arena, name, version),
                  relabel(call, doc, given, true, &count));
    if (count > LABELS_MAX) {
        protocol_fail(call, &too_many_labels,
                      "A parameter version can have a maximum of %d labels.", LABELS_MAX);
        return;
    }
    protocol_commit(call, ssm->options.store, &entry);
    write_labels(call, "InvalidLabels", NULL, false);
    mr_json_key_int(&call->out, "ParameterVersion", version);
}

static void label_version(struct protocol_call *call)
{
    struct ssm *ssm = call->service;
    const struct mr_slice name = ssm_name(call, mr_json_get_text(call->in, "Name"));
    pthread_mutex_lock(&ssm->lock);
    yyjson_val *doc = wanted_version(call, name);
    if (doc != NULL)
        label_locked(call, name, doc);
    pthread_mutex_unlock(&ssm->lock);
}

static void unlabel_version(struct protocol_call *call)
{
    struct ssm *ssm = call->service;
    const struct mr_slice name = ssm_name(call, mr_json_get_text(call->in, "Name"));
    size_t count;
    pthread_mutex_lock(&ssm->lock);
    yyjson_val *doc = wanted_version(call, name);
    if (doc != NULL) {
        struct store_entry entry = store_entry_make(call->arena);
        store_doc_put(&entry, "ssm", "history",
                      key_of(call->arena, name, mr_json_get_i64(doc, "Version", 0)),
                      relabel(call, doc, mr_json_get(call->in, "Labels"), false, &count));
        protocol_commit(call, ssm->options.store, &entry);
        write_labels(call, "RemovedLabels", doc, true);
        write_labels(call, "InvalidLabels", doc, false);
    }
    pthread_mutex_unlock(&ssm->lock);
}

const struct protocol_handler ssm_history_handlers[] = {
    {.operation = "GetParameterHistory", .run = get_history},
    {.operation = "LabelParameterVersion", .run = label_version},
    {.operation = "UnlabelParameterVersion", .run = unlabel_version},
};
const size_t ssm_history_handler_count = MR_COUNT(ssm_history_handlers);
