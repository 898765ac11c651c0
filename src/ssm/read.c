/* The wire: what shows parameters. */
#include "ssm/internal.h"

static const struct protocol_fault no_version = {"ParameterVersionNotFound", 400, false};
static const struct protocol_fault wrong_key = {"InvalidFilterKey", 400, false};
static const struct protocol_fault wrong_option = {"InvalidFilterOption", 400, false};

static void write_parameter(struct protocol_call *call, yyjson_val *doc, struct mr_slice selector)
{
    struct mr_json *json = &call->out;
    mr_json_object(json);
    mr_json_key_value(json, "Name", mr_json_get(doc, "Name"));
    mr_json_key_value(json, "Type", mr_json_get(doc, "Type"));
    mr_json_key_value(json, "Value", mr_json_get(doc, "Value"));
    mr_json_key_value(json, "Version", mr_json_get(doc, "Version"));
    if (selector.len > 0)
        mr_json_key_string(json, "Selector", selector);
    mr_json_key_timestamp(json, "LastModifiedDate", mr_json_get_i64(doc, "modified_ms", 0));
    mr_json_key_value(json, "ARN", mr_json_get(doc, "ARN"));
    mr_json_key_cstr(json, "DataType", "text");
    mr_json_object_end(json);
}

/* ---- GetParameter, GetParameters ---- */

/* A name, or an ARN, and perhaps ":<version>" or ":<label>". NULL: there is no such parameter or
 * version. */
static yyjson_val *find(struct protocol_call *call, struct mr_slice text,
                        struct mr_slice *ret_selector, bool *ret_versioned)
{
    yyjson_val *doc = ssm_doc(call, ssm_name(call, text));
    *ret_selector = (struct mr_slice){0};
    *ret_versioned = false;
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (doc != NULL || colon == 0)
        return doc;
    const struct mr_slice name = ssm_name(call, mr_slice_sub(text, 0, colon - 1));
    const struct mr_slice wanted = mr_slice_sub(text, colon, SIZE_MAX);
    int64_t version;
    *ret_versioned = ssm_doc(call, name) != NULL;
    if (!*ret_versioned)
        return NULL;
    doc = mr_slice_to_i64(wanted, &version) == MR_OK ? ssm_version(call, name, version)
                                                     : ssm_labelled(call, name, wanted);
    if (doc == NULL)
        return NULL;
    *ret_selector = mr_slice_sub(text, colon - 1, SIZE_MAX);
    return doc;
}

static void get_parameter(struct protocol_call *call)
{
    const struct mr_slice name = mr_json_get_text(call->in, "Name");
    struct mr_slice selector;
    bool versioned;
    yyjson_val *doc = find(call, name, &selector, &versioned);
    if (doc == NULL && versioned)
        protocol_fail(call, &no_version,
                      "Systems Manager could not find version %.*s. Verify the version and try "
                      "again.",
                      MR_ARG(name));
    else if (doc == NULL)
        protocol_fail(call, &ssm_not_found, "%s", "");
    if (doc == NULL)
        return;
    mr_json_key(&call->out, "Parameter");
    write_parameter(call, doc, selector);
}

static void get_parameters(struct protocol_call *call)
{
    yyjson_val *names = mr_json_get(call->in, "Names");
    const size_t count = yyjson_arr_size(names);
    bool *unknown = mr_arena_alloc(call->arena, count * sizeof *unknown + 1), versioned;
    struct mr_slice selector;
    mr_json_key(&call->out, "Parameters");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *doc = find(call, mr_json_text(yyjson_arr_get(names, i)), &selector, &versioned);
        unknown[i] = doc == NULL;
        if (doc != NULL)
            write_parameter(call, doc, selector);
    }
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "InvalidParameters");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++)
        if (unknown[i])
            mr_json_value(&call->out, yyjson_arr_get(names, i));
    mr_json_array_end(&call->out);
}

/* ---- lists ---- */

struct listing {
    struct protocol_call *call;
    struct mr_arena scratch; /* for one document at a time: there may be many that do not match */
    struct mr_slice path;    /* of GetParametersByPath: "/a/"; empty: DescribeParameters */
    struct mr_slice after;   /* the name that the page before ended with */
    struct mr_slice last;    /* of this page */
    yyjson_val *filters;     /* ParameterFilters */
    yyjson_val *old_filters; /* Filters */
    int64_t limit, count;
    bool recursive, more;
};

static bool matches_one(struct mr_slice value, struct mr_slice option, struct mr_slice wanted)
{
    if (mr_slice_equal(option, MR_S("BeginsWith")))
        return mr_slice_starts_with(value, wanted);
    if (mr_slice_equal(option, MR_S("Contains")))
        return mr_slice_search(value, wanted) != SIZE_MAX;
    return mr_slice_equal(value, wanted);
}

static bool matches_all(yyjson_val *filters, yyjson_val *doc, const char *name_option)
{
    for (size_t i = 0; i < yyjson_arr_size(filters); i++) {
        yyjson_val *filter = yyjson_arr_get(filters, i), *values = mr_json_get(filter, "Values");
        const struct mr_slice key = mr_json_get_text(filter, "Key");
        const bool is_name = mr_slice_equal(key, MR_S("Name"));
        struct mr_slice option = mr_json_get_text(filter, "Option");
        option = option.len > 0 || !is_name ? option : mr_slice_cstr(name_option);
        const struct mr_slice value = mr_json_text(mr_json_getn(doc, key));
        bool matches = false;
        for (size_t j = 0; j < yyjson_arr_size(values); j++)
            matches =
                matches || matches_one(value, option, mr_json_text(yyjson_arr_get(values, j)));
        if (!matches)
            return false;
    }
    return true;
}

void ssm_write_described(struct protocol_call *call, yyjson_val *doc, const char *own)
{
    const char *const shown[] = {"Name",           own,       "Type", "Description",
                                 "AllowedPattern", "Version", "Tier"};
    struct mr_json *json = &call->out;
    for (size_t i = 0; i < MR_COUNT(shown); i++)
        mr_json_key_value(json, shown[i], mr_json_get(doc, shown[i]));
    mr_json_key_timestamp(json, "LastModifiedDate", mr_json_get_i64(doc, "modified_ms", 0));
    mr_json_key_string(
        json, "LastModifiedUser",
        mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root", MR_ARG(call->account)));
    mr_json_key_raw(json, "Policies", MR_S("[]"));
    mr_json_key_cstr(json, "DataType", "text");
}

static void write_metadata(struct protocol_call *call, yyjson_val *doc)
{
    mr_json_object(&call->out);
    ssm_write_described(call, doc, "ARN");
    mr_json_object_end(&call->out);
}

static enum mr_status list_one(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct listing *list = ctx;
    if (mr_slice_compare(name, list->after) <= 0)
        return MR_OK;
    if (list->path.len > 0 && !list->recursive &&
        mr_slice_find(mr_slice_sub(name, list->path.len, SIZE_MAX), '/') != SIZE_MAX)
        return MR_OK;
    mr_arena_reset(&list->scratch);
    yyjson_val *doc = mr_json_parse(&list->scratch, text, SSM_DOCUMENT_DEPTH_MAX);
    if (!matches_all(list->filters, doc, "Equals") ||
        !matches_all(list->old_filters, doc, "BeginsWith"))
        return MR_OK;
    if (list->count == list->limit) {
        list->more = true;
        return MR_END;
    }
    list->count++;
    list->last = mr_arena_copy(list->call->arena, name);
    if (list->path.len > 0)
        write_parameter(list->call, doc, MR_S(""));
    else
        write_metadata(list->call, doc);
    return MR_OK;
}

static bool check_filters(struct protocol_call *call, yyjson_val *filters, bool by_path)
{
    static const char *const options[] = {"", "Equals", "BeginsWith", "Contains"};
    for (size_t i = 0; i < yyjson_arr_size(filters); i++) {
        yyjson_val *filter = yyjson_arr_get(filters, i);
        const struct mr_slice key = mr_json_get_text(filter, "Key");
        const struct mr_slice option = mr_json_get_text(filter, "Option");
        const bool is_name = mr_slice_equal(key, MR_S("Name")) && !by_path;
        bool good = false;
        if (!is_name && !mr_slice_equal(key, MR_S("Type")) && !mr_slice_equal(key, MR_S("Tier"))) {
            protocol_fail(call, &wrong_key, "millrace does not filter parameters by %.*s.",
                          MR_ARG(key));
            return false;
        }
        for (size_t j = 0; j < (is_name ? MR_COUNT(options) : 2); j++)
            good = good || mr_slice_equal(option, mr_slice_cstr(options[j]));
        if (!good) {
            protocol_fail(call, &wrong_option, "The filter option %.*s does not go with %.*s.",
                          MR_ARG(option), MR_ARG(key));
            return false;
        }
    }
    return true;
}

static void list(struct protocol_call *call, struct listing *listing)
{
    struct ssm *ssm = call->service;
    listing->filters = mr_json_get(call->in, "ParameterFilters");
    listing->old_filters = mr_json_get(call->in, "Filters");
    listing->after = mr_json_get_text(call->in, "NextToken");
    const bool by_path = listing->path.len > 0;
    if (!check_filters(call, listing->filters, by_path) ||
        !check_filters(call, listing->old_filters, by_path))
        return;
    mr_json_key(&call->out, "Parameters");
    mr_json_array(&call->out);
    mr_arena_init(&listing->scratch);
    protocol_fail_internal(call, store_doc_each(ssm->options.store, "ssm", "parameter",
                                                listing->path, list_one, listing));
    mr_arena_fini(&listing->scratch);
    mr_json_array_end(&call->out);
    if (listing->more)
        mr_json_key_string(&call->out, "NextToken", listing->last);
}

static void describe_parameters(struct protocol_call *call)
{
    struct listing listing = {.call = call, .limit = mr_json_get_i64(call->in, "MaxResults", 50)};
    list(call, &listing);
}

static void get_parameters_by_path(struct protocol_call *call)
{
    const struct mr_slice path = mr_json_get_text(call->in, "Path");
    struct listing listing = {
        .call = call,
        .limit = mr_json_get_i64(call->in, "MaxResults", 10),
        .recursive = mr_json_get_bool(call->in, "Recursive", false),
    };
    if (path.ptr[0] != '/') {
        protocol_fail(call, &protocol_validation,
                      "The parameter doesn't meet the parameter name requirements. The parameter "
                      "name must begin with a forward slash \"/\".");
        return;
    }
    const bool has_end = path.ptr[path.len - 1] == '/';
    listing.path = mr_arena_printf(call->arena, "%.*s%s", MR_ARG(path), has_end ? "" : "/");
    list(call, &listing);
}

const struct protocol_handler ssm_read_handlers[] = {
    {.operation = "GetParameter", .run = get_parameter},
    {.operation = "GetParameters", .run = get_parameters},
    {.operation = "GetParametersByPath", .run = get_parameters_by_path},
    {.operation = "DescribeParameters", .run = describe_parameters},
};
const size_t ssm_read_handler_count = MR_COUNT(ssm_read_handlers);
