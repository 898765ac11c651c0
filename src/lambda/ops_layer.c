/* The wire: layers. A layer's versions are immutable; a function that names one keeps its code
 * also after the version was deleted.
 *
 * Stored in VIEW_META: "lambda/layer/<name>:<10 digits>" = {"code","sha256","size","shown":{members
 * of GetLayerVersion less Content},"revision","policy":[statements]}, and
 * "lambda/layer-next/<name>" = {"next"}, because numbers are not used again. All of them are in
 * memory, in order. */
#include "lambda/internal.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum { LIST_MAX = 50, DEPTH_MAX = 16, LAYER_VERSIONS_MAX = 1000, POLICY_BYTES_MAX = 20480 };

static const struct protocol_fault storage_exceeded = {"CodeStorageExceededException", 400, false};
static const struct protocol_fault too_long = {"PolicyLengthExceededException", 400, false};

struct lambda_layer {
    struct lambda_layer *next; /* by name, then by falling number */
    char *name;                /* owned */
    int64_t number;
    struct lambda_code *code; /* counted */
    char *shown, *policy;     /* JSON; owned */
    char revision[LAMBDA_ID_TEXT];
};

/* ---- names ---- */

/* The name and version in "name", "arn:...:layer:name" or "arn:...:layer:name:3"; 0: no version. */
static struct mr_slice split_name(struct mr_slice text, int64_t *ret_number)
{
    const size_t at = mr_slice_search(text, MR_S(":layer:"));
    struct mr_slice rest = at == SIZE_MAX ? text : mr_slice_sub(text, at + 7, SIZE_MAX), name = {0};
    *ret_number = 0;
    (void)mr_slice_split(&rest, ':', &name);
    if (rest.ptr != NULL && mr_slice_to_i64(rest, ret_number) != MR_OK)
        *ret_number = -1;
    return name;
}

static struct mr_slice layer_arn(struct protocol_call *call, struct mr_slice name)
{
    return mr_arena_printf(call->arena, "arn:aws:lambda:%.*s:%.*s:layer:%.*s", MR_ARG(call->region),
                           MR_ARG(call->account), MR_ARG(name));
}

/* ---- the list ---- */

static struct lambda_layer *find_locked(struct lambda *lambda, struct mr_slice name, int64_t number)
{
    struct lambda_layer *layer = lambda->layers;
    while (layer != NULL &&
           !(layer->number == number && mr_slice_equal(mr_slice_cstr(layer->name), name)))
        layer = layer->next;
    return layer;
}

static void insert_locked(struct lambda *lambda, struct lambda_layer *layer)
{
    struct lambda_layer **at = &lambda->layers;
    for (; *at != NULL; at = &(*at)->next) {
        const int order = mr_slice_compare(mr_slice_cstr(layer->name), mr_slice_cstr((*at)->name));
        if (order < 0 || (order == 0 && layer->number > (*at)->number))
            break;
    }
    layer->next = *at;
    *at = layer;
    lambda->layer_count++;
}

static void layer_free(struct lambda_layer *layer)
{
    lambda_code_unref(layer->code);
    free(layer->name);
    free(layer->shown);
    free(layer->policy);
    free(layer);
}

void lambda_layers_free(struct lambda *lambda)
{
    while (lambda->layers != NULL) {
        struct lambda_layer *layer = lambda->layers;
        lambda->layers = layer->next;
        layer_free(layer);
    }
}

static enum mr_status load(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct lambda *lambda = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, DEPTH_MAX);
    struct lambda_layer *layer = mr_calloc(1, sizeof *layer);
    const struct mr_slice own = split_name(name, &layer->number);
    enum mr_status status = MR_OK;
    if (doc == NULL || layer->number <= 0) {
        free(layer);
        status = MR_RAISE(MR_FAIL_DATA, "layer '%.*s' has a damaged document", MR_ARG(name));
    } else {
        layer->name = mr_strdup_slice(own);
        layer->shown = mr_json_strdup(mr_json_get(doc, "shown"), "null");
        layer->policy = mr_json_strdup(mr_json_get(doc, "policy"), "null");
        (void)snprintf(layer->revision, sizeof layer->revision, "%.*s",
                       MR_ARG(mr_json_get_text(doc, "revision")));
        if (lambda_code_load(lambda, mr_json_get_text(doc, "code"), mr_json_get_text(doc, "sha256"),
                             mr_json_get_i64(doc, "size", 0), &layer->code) != MR_OK)
            mr_log(MR_LOG_ERROR, "lambda", "layer %.*s: its zip is missing", MR_ARG(name));
        insert_locked(lambda, layer);
    }
    mr_arena_fini(&arena);
    return status;
}

enum mr_status lambda_layers_load(struct lambda *lambda)
{
    return store_doc_each(lambda->options.store, "lambda", "layer", MR_S(""), load, lambda);
}

/* ---- what functions use ---- */

void lambda_layers_unref(struct lambda_layers *layers)
{
    for (size_t i = 0; i < layers->count; i++)
        lambda_code_unref(layers->codes[i]);
    *layers = (struct lambda_layers){0};
}

int64_t lambda_layer_size(struct lambda *lambda, struct mr_slice arn)
{
    int64_t number;
    const struct mr_slice name = split_name(arn, &number);
    pthread_mutex_lock(&lambda->layer_lock);
    const struct lambda_layer *layer = find_locked(lambda, name, number);
    const int64_t size = layer == NULL ? 0 : layer->code->size;
    pthread_mutex_unlock(&lambda->layer_lock);
    return size;
}

static bool check_twice(struct protocol_call *call, yyjson_val *arns, size_t at, yyjson_val *arn)
{
    int64_t number, other_number;
    const struct mr_slice name = split_name(mr_json_text(arn), &number);
    size_t i, count;
    yyjson_val *other;
    yyjson_arr_foreach(arns, i, count, other)
    {
        if (i < at && mr_slice_equal(split_name(mr_json_text(other), &other_number), name))
            protocol_fail(call, &lambda_invalid_parameter,
                          "Two different versions of the same layer are not allowed to be "
                          "referenced in the same function. %.*s and %.*s are versions of the same "
                          "layer.",
                          MR_ARG(mr_json_text(other)), MR_ARG(mr_json_text(arn)));
    }
    return !protocol_failed(call);
}

bool lambda_layers_find(struct protocol_call *call, struct lambda_layers *ret_layers)
{
    struct lambda *lambda = call->service;
    yyjson_val *arns = mr_json_get(call->in, "Layers");
    *ret_layers = (struct lambda_layers){0};
    if (yyjson_arr_size(arns) > LAMBDA_LAYERS_MAX)
        protocol_fail(call, &lambda_invalid_parameter, "Cannot reference more than %d layers.",
                      (int)LAMBDA_LAYERS_MAX);
    size_t i, count;
    yyjson_val *arn;
    yyjson_arr_foreach(arns, i, count, arn)
    {
        int64_t number;
        const struct mr_slice name = split_name(mr_json_text(arn), &number);
        if (protocol_failed(call) || !check_twice(call, arns, i, arn))
            break;
        pthread_mutex_lock(&lambda->layer_lock);
        const struct lambda_layer *layer = find_locked(lambda, name, number);
        if (layer != NULL)
            ret_layers->codes[ret_layers->count++] = lambda_code_ref(layer->code);
        pthread_mutex_unlock(&lambda->layer_lock);
        if (layer == NULL)
            protocol_fail(call, &lambda_invalid_parameter, "Layer version %.*s does not exist.",
                          MR_ARG(mr_json_text(arn)));
    }
    if (protocol_failed(call))
        lambda_layers_unref(ret_layers);
    return !protocol_failed(call);
}

/* ---- documents ---- */

static struct mr_slice document_name(struct mr_arena *arena, struct mr_slice name, int64_t number)
{
    return mr_arena_printf(arena, "%.*s:%010lld", MR_ARG(name), (long long)number);
}

static void put_document(struct store_entry *entry, const struct lambda_layer *layer)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "code", layer->code->id);
    mr_json_key_cstr(&json, "sha256", layer->code->sha256);
    mr_json_key_int(&json, "size", layer->code->size);
    mr_json_key_cstr(&json, "revision", layer->revision);
    mr_json_key_raw(&json, "shown", mr_slice_cstr(layer->shown));
    mr_json_key_raw(&json, "policy", mr_slice_cstr(layer->policy));
    mr_json_object_end(&json);
    store_doc_put(entry, "lambda", "layer",
                  document_name(entry->arena, mr_slice_cstr(layer->name), layer->number),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static enum mr_status next_number(struct lambda *lambda, struct store_entry *entry,
                                  struct mr_slice name, int64_t *ret_number)
{
    struct mr_slice text;
    const enum mr_status status =
        store_doc_get(lambda->options.store, entry->arena, "lambda", "layer-next", name, &text);
    if (status < 0)
        return status;
    *ret_number = status == MR_NOT_FOUND
                      ? 1
                      : mr_json_get_i64(mr_json_parse(entry->arena, text, 4), "next", 1);
    store_doc_put(entry, "lambda", "layer-next", name,
                  mr_arena_printf(entry->arena, "{\"next\":%lld}", (long long)*ret_number + 1));
    return MR_OK;
}

/* ---- showing ---- */

static void write_members(struct protocol_call *call, const struct lambda_layer *layer)
{
    yyjson_val *shown = mr_json_parse(call->arena, mr_slice_cstr(layer->shown), DEPTH_MAX);
    size_t i, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(shown, i, count, name, value)
    {
        mr_json_name(&call->out, mr_json_text(name));
        mr_json_value(&call->out, value);
    }
}

static void write_version(struct protocol_call *call, const struct lambda_layer *layer)
{
    mr_json_key(&call->out, "Content");
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "Location", lambda_ops_location(call, layer->code));
    mr_json_key_cstr(&call->out, "CodeSha256", layer->code->sha256);
    mr_json_key_int(&call->out, "CodeSize", layer->code->size);
    mr_json_object_end(&call->out);
    mr_json_key_string(&call->out, "LayerArn", layer_arn(call, mr_slice_cstr(layer->name)));
    write_members(call, layer);
}

/* ---- publish ---- */

static struct mr_slice shown_text(struct protocol_call *call, struct mr_slice name, int64_t number)
{
    static const char *const members[] = {"CompatibleRuntimes", "LicenseInfo",
                                          "CompatibleArchitectures"};
    char time[32];
    const struct mr_slice iso = mr_date_iso8601(call->now_ms, time);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "LayerVersionArn",
                       mr_arena_printf(call->arena, "%.*s:%lld", MR_ARG(layer_arn(call, name)),
                                       (long long)number));
    mr_json_key_string(&json, "Description", mr_json_get_text(call->in, "Description"));
    mr_json_key_string(&json, "CreatedDate",
                       mr_arena_printf(call->arena, "%.*s+0000", (int)iso.len - 1, iso.ptr));
    mr_json_key_int(&json, "Version", number);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        mr_json_key_value(&json, members[i], mr_json_get(call->in, members[i]));
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void publish_locked(struct protocol_call *call, struct mr_slice name,
                           struct lambda_code *code)
{
    struct lambda *lambda = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    int64_t number;
    if (lambda->layer_count >= LAYER_VERSIONS_MAX) {
        protocol_fail(call, &storage_exceeded,
                      "Code storage limit exceeded. millrace keeps at most %d layer versions.",
                      (int)LAYER_VERSIONS_MAX);
        return;
    }
    enum mr_status status = next_number(lambda, &entry, name, &number);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return;
    struct lambda_layer *layer = mr_calloc(1, sizeof *layer);
    layer->name = mr_strdup_slice(name);
    layer->number = number;
    layer->code = lambda_code_ref(code);
    layer->shown = mr_strdup_slice(shown_text(call, name, number));
    layer->policy = mr_strdup_slice(MR_S("[]"));
    mr_rng_uuid(lambda->options.rng, layer->revision);
    put_document(&entry, layer);
    status = store_commit_wait(lambda->options.store, &entry);
    protocol_fail_internal(call, status);
    if (status == MR_OK) {
        insert_locked(lambda, layer);
        write_version(call, layer);
    } else {
        layer_free(layer);
    }
}

static void publish(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    int64_t number;
    const struct mr_slice name = split_name(mr_json_get_text(call->in, "LayerName"), &number);
    struct lambda_code *code = lambda_ops_code(call, mr_json_get(call->in, "Content"));
    if (code == NULL)
        return;
    pthread_mutex_lock(&lambda->layer_lock);
    publish_locked(call, name, code);
    pthread_mutex_unlock(&lambda->layer_lock);
    if (protocol_failed(call))
        atomic_store(&code->dropped, true);
    lambda_code_unref(code);
}

/* ---- get, list, delete ---- */

static bool check_number(struct protocol_call *call, int64_t number)
{
    if (number < 1)
        protocol_fail(call, &lambda_invalid_parameter, "Layer Version Cannot be less than 1");
    return number >= 1;
}

static void get_numbered(struct protocol_call *call, struct mr_slice name, int64_t number)
{
    struct lambda *lambda = call->service;
    pthread_mutex_lock(&lambda->layer_lock);
    const struct lambda_layer *layer = find_locked(lambda, name, number);
    if (layer == NULL)
        protocol_fail(call, &lambda_not_found, "The resource you requested does not exist.");
    else
        write_version(call, layer);
    pthread_mutex_unlock(&lambda->layer_lock);
}

static void get(struct protocol_call *call)
{
    int64_t ignored;
    const int64_t number = mr_json_get_i64(call->in, "VersionNumber", 0);
    if (check_number(call, number))
        get_numbered(call, split_name(mr_json_get_text(call->in, "LayerName"), &ignored), number);
}

static void get_by_arn(struct protocol_call *call)
{
    int64_t number;
    const struct mr_slice name = split_name(mr_json_get_text(call->in, "Arn"), &number);
    get_numbered(call, name, number);
}

static bool lists(yyjson_val *shown, const char *member, struct mr_slice wanted)
{
    size_t i, count;
    yyjson_val *value;
    bool found = wanted.len == 0;
    yyjson_val *list = mr_json_get(shown, member);
    yyjson_arr_foreach(list, i, count, value) found =
        found || mr_slice_equal(mr_json_text(value), wanted);
    return found;
}

static bool is_compatible(struct protocol_call *call, const struct lambda_layer *layer)
{
    yyjson_val *shown = mr_json_parse(call->arena, mr_slice_cstr(layer->shown), DEPTH_MAX);
    return lists(shown, "CompatibleRuntimes", mr_json_get_text(call->in, "CompatibleRuntime")) &&
           lists(shown, "CompatibleArchitectures",
                 mr_json_get_text(call->in, "CompatibleArchitecture"));
}

struct page {
    int64_t limit, shown;
    uint64_t skip, seen; /* the marker counts what was seen */
    bool more;
};

static struct page page_make(struct protocol_call *call)
{
    const int64_t wanted = mr_json_get_i64(call->in, "MaxItems", LIST_MAX);
    struct page page = {.limit = wanted < LIST_MAX ? wanted : LIST_MAX};
    (void)(mr_slice_to_u64(mr_json_get_text(call->in, "Marker"), &page.skip) == MR_OK);
    return page;
}

static bool page_takes(struct page *page)
{
    if (page->more || page->seen++ < page->skip)
        return false;
    page->more = page->shown == page->limit;
    page->shown += !page->more;
    return !page->more;
}

static void page_end(struct protocol_call *call, const struct page *page)
{
    mr_json_array_end(&call->out);
    if (page->more)
        mr_json_key_string(
            &call->out, "NextMarker",
            mr_arena_printf(call->arena, "%llu",
                            (unsigned long long)page->skip + (unsigned long long)page->shown));
}

static void list_versions(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    int64_t ignored;
    const struct mr_slice name = split_name(mr_json_get_text(call->in, "LayerName"), &ignored);
    struct page page = page_make(call);
    mr_json_key(&call->out, "LayerVersions");
    mr_json_array(&call->out);
    pthread_mutex_lock(&lambda->layer_lock);
    for (const struct lambda_layer *layer = lambda->layers; layer != NULL; layer = layer->next) {
        if (!mr_slice_equal(mr_slice_cstr(layer->name), name) || !is_compatible(call, layer) ||
            !page_takes(&page))
            continue;
        mr_json_object(&call->out);
        write_members(call, layer);
        mr_json_object_end(&call->out);
    }
    pthread_mutex_unlock(&lambda->layer_lock);
    page_end(call, &page);
}

static void list_layers(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    struct page page = page_make(call);
    const char *last = "";
    mr_json_key(&call->out, "Layers");
    mr_json_array(&call->out);
    pthread_mutex_lock(&lambda->layer_lock);
    for (const struct lambda_layer *layer = lambda->layers; layer != NULL; layer = layer->next) {
        if (strcmp(layer->name, last) == 0 || !is_compatible(call, layer))
            continue;
        last = layer->name;
        if (!page_takes(&page))
            continue;
        mr_json_object(&call->out);
        mr_json_key_cstr(&call->out, "LayerName", layer->name);
        mr_json_key_string(&call->out, "LayerArn", layer_arn(call, mr_slice_cstr(layer->name)));
        mr_json_key(&call->out, "LatestMatchingVersion");
        mr_json_object(&call->out);
        write_members(call, layer);
        mr_json_object_end(&call->out);
        mr_json_object_end(&call->out);
    }
    pthread_mutex_unlock(&lambda->layer_lock);
    page_end(call, &page);
}

static void delete_locked(struct protocol_call *call, struct mr_slice name, int64_t number)
{
    struct lambda *lambda = call->service;
    struct lambda_layer *layer = find_locked(lambda, name, number);
    if (layer == NULL)
        return; /* AWS: what is not there is deleted */
    struct store_entry entry = store_entry_make(call->arena);
    store_doc_delete(&entry, "lambda", "layer", document_name(call->arena, name, number));
    const enum mr_status status = store_commit_wait(lambda->options.store, &entry);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return;
    struct lambda_layer **at = &lambda->layers;
    while (*at != layer)
        at = &(*at)->next;
    *at = layer->next;
    lambda->layer_count--;
    atomic_store(&layer->code->dropped, true);
    layer_free(layer);
}

static void delete (struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    int64_t ignored;
    const int64_t number = mr_json_get_i64(call->in, "VersionNumber", 0);
    if (check_number(call, number)) {
        pthread_mutex_lock(&lambda->layer_lock);
        delete_locked(call, split_name(mr_json_get_text(call->in, "LayerName"), &ignored), number);
        pthread_mutex_unlock(&lambda->layer_lock);
    }
    call->status = 204;
}

/* ---- permissions: stored and shown ---- */

static struct lambda_layer *find_or_fail_locked(struct protocol_call *call)
{
    int64_t ignored;
    const struct mr_slice name = split_name(mr_json_get_text(call->in, "LayerName"), &ignored);
    const int64_t number = mr_json_get_i64(call->in, "VersionNumber", 0);
    struct lambda_layer *layer =
        check_number(call, number) ? find_locked(call->service, name, number) : NULL;
    if (layer == NULL)
        protocol_fail(call, &lambda_not_found, "Layer version %.*s:%lld does not exist.",
                      MR_ARG(layer_arn(call, name)), (long long)number);
    return layer;
}

static bool is_at_revision(struct protocol_call *call, const struct lambda_layer *layer)
{
    const struct mr_slice revision = mr_json_get_text(call->in, "RevisionId");
    if (revision.len == 0 || mr_slice_equal(revision, mr_slice_cstr(layer->revision)))
        return true;
    protocol_fail(call, &lambda_precondition,
                  "The RevisionId provided does not match the latest RevisionId. Call the "
                  "GetLayerPolicy API to retrieve the latest Revision Id");
    return false;
}

/* The statements less that of `sid`, then `more`; stored. */
static void store_policy(struct protocol_call *call, struct lambda_layer *layer,
                         struct mr_slice sid, struct mr_slice more)
{
    struct lambda *lambda = call->service;
    yyjson_val *old = mr_json_parse(call->arena, mr_slice_cstr(layer->policy), DEPTH_MAX);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t i, count;
    yyjson_val *statement;
    mr_json_array(&json);
    yyjson_arr_foreach(old, i, count, statement)
    {
        if (!mr_slice_equal(mr_json_get_text(statement, "Sid"), sid))
            mr_json_value(&json, statement);
    }
    if (more.len > 0)
        mr_json_raw(&json, more);
    mr_json_array_end(&json);
    if (buf.len > POLICY_BYTES_MAX) {
        protocol_fail(call, &too_long, "The final policy size is bigger than the limit (%d).",
                      (int)POLICY_BYTES_MAX);
    } else {
        struct store_entry entry = store_entry_make(call->arena);
        free(layer->policy);
        layer->policy = mr_strdup_slice(mr_buf_slice(&buf));
        mr_rng_uuid(lambda->options.rng, layer->revision);
        put_document(&entry, layer);
        protocol_fail_internal(call, store_commit(lambda->options.store, &entry, &call->ticket));
    }
    mr_buf_fini(&buf);
}

static bool has_statement(struct protocol_call *call, const struct lambda_layer *layer,
                          struct mr_slice sid)
{
    yyjson_val *policy = mr_json_parse(call->arena, mr_slice_cstr(layer->policy), DEPTH_MAX);
    size_t i, count;
    yyjson_val *statement;
    bool found = false;
    yyjson_arr_foreach(policy, i, count, statement) found =
        found || mr_slice_equal(mr_json_get_text(statement, "Sid"), sid);
    return found;
}

static void add_permission(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    const struct mr_slice sid = mr_json_get_text(call->in, "StatementId");
    const struct mr_slice principal = mr_json_get_text(call->in, "Principal");
    yyjson_val *organization = mr_json_get(call->in, "OrganizationId");
    pthread_mutex_lock(&lambda->layer_lock);
    struct lambda_layer *layer = find_or_fail_locked(call);
    if (layer != NULL && is_at_revision(call, layer) && has_statement(call, layer, sid))
        protocol_fail(call, &lambda_conflict,
                      "The statement id (%.*s) provided already exists. Please provide a new "
                      "statement id, or remove the existing statement.",
                      MR_ARG(sid));
    if (!protocol_failed(call)) {
        struct mr_buf buf = {0};
        struct mr_json json = mr_json_make(&buf);
        uint64_t account;
        const bool is_account = mr_slice_to_u64(principal, &account) == MR_OK;
        mr_json_object(&json);
        mr_json_key_string(&json, "Sid", sid);
        mr_json_key_cstr(&json, "Effect", "Allow");
        mr_json_key(&json, "Principal");
        if (mr_slice_equal(principal, MR_S("*"))) {
            mr_json_string(&json, principal);
        } else {
            mr_json_object(&json);
            mr_json_key_string(&json, "AWS",
                               is_account ? mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root",
                                                            MR_ARG(principal))
                                          : principal);
            mr_json_object_end(&json);
        }
        mr_json_key_value(&json, "Action", mr_json_get(call->in, "Action"));
        mr_json_key_string(&json, "Resource",
                           mr_arena_printf(call->arena, "%.*s:%lld",
                                           MR_ARG(layer_arn(call, mr_slice_cstr(layer->name))),
                                           (long long)layer->number));
        if (organization != NULL) {
            mr_json_key(&json, "Condition");
            mr_json_object(&json);
            mr_json_key(&json, "StringEquals");
            mr_json_object(&json);
            mr_json_key_value(&json, "aws:PrincipalOrgID", organization);
            mr_json_object_end(&json);
            mr_json_object_end(&json);
        }
        mr_json_object_end(&json);
        store_policy(call, layer, sid, mr_buf_slice(&buf));
        mr_json_key_string(&call->out, "Statement", mr_buf_slice(&buf));
        mr_json_key_cstr(&call->out, "RevisionId", layer->revision);
        mr_buf_fini(&buf);
    }
    pthread_mutex_unlock(&lambda->layer_lock);
}

static void remove_permission(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    const struct mr_slice sid = mr_json_get_text(call->in, "StatementId");
    pthread_mutex_lock(&lambda->layer_lock);
    struct lambda_layer *layer = find_or_fail_locked(call);
    if (layer != NULL && is_at_revision(call, layer)) {
        if (has_statement(call, layer, sid))
            store_policy(call, layer, sid, MR_S(""));
        else
            protocol_fail(call, &lambda_not_found,
                          "Statement %.*s is not found in resource policy.", MR_ARG(sid));
    }
    pthread_mutex_unlock(&lambda->layer_lock);
    call->status = 204;
}

static void get_policy(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    pthread_mutex_lock(&lambda->layer_lock);
    const struct lambda_layer *layer = find_or_fail_locked(call);
    if (layer != NULL && strcmp(layer->policy, "[]") == 0)
        protocol_fail(call, &lambda_not_found, "No policy is associated with the given resource.");
    if (!protocol_failed(call)) {
        mr_json_key_string(&call->out, "Policy",
                           mr_arena_printf(call->arena,
                                           "{\"Version\":\"2012-10-17\",\"Id\":\"default\","
                                           "\"Statement\":%s}",
                                           layer->policy));
        mr_json_key_cstr(&call->out, "RevisionId", layer->revision);
    }
    pthread_mutex_unlock(&lambda->layer_lock);
}

const struct protocol_handler lambda_layer_handlers[] = {
    {.operation = "PublishLayerVersion", .run = publish},
    {.operation = "GetLayerVersion", .run = get},
    {.operation = "GetLayerVersionByArn", .run = get_by_arn},
    {.operation = "ListLayers", .run = list_layers},
    {.operation = "ListLayerVersions", .run = list_versions},
    {.operation = "DeleteLayerVersion", .run = delete},
    {.operation = "AddLayerVersionPermission", .run = add_permission},
    {.operation = "RemoveLayerVersionPermission", .run = remove_permission},
    {.operation = "GetLayerVersionPolicy", .run = get_policy},
};
const size_t lambda_layer_handler_count = MR_COUNT(lambda_layer_handlers);
