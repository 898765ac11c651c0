/* The wire: metrics configurations of buckets. They are the bucket document's "metrics", a list in
 * order of ids; metrics.c measures by them. Filters by tags or access points are refused: the one
 * would need the object of every request, the others there are none. */
#include "s3/ops.h"
#include "s3/metrics.h"
#include <stdlib.h>

enum { CONFIGURATIONS_MAX = 1000, PAGE = 100, ID_MAX = 64 };

static bool is_id(struct mr_slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_'))
            return false;
    }
    return id.len > 0 && id.len <= ID_MAX;
}

static yyjson_val *find(yyjson_val *list, struct mr_slice id)
{
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, count, item)
    {
        if (mr_slice_equal(mr_json_get_text(item, "Id"), id))
            return item;
    }
    return NULL;
}

static int by_id(const void *a, const void *b)
{
    yyjson_val *const *left = a, *const *right = b;
    return mr_slice_compare(mr_json_get_text(*left, "Id"), mr_json_get_text(*right, "Id"));
}

/* The list without the configuration of that id, and with `added` if there is one, by ids. */
static struct mr_slice list_with(struct protocol_call *call, yyjson_val *list, struct mr_slice id,
                                 yyjson_val *added)
{
    size_t i, count, kept = 0;
    yyjson_val *item;
    yyjson_val **all = MR_NEW_ARRAY(call->arena, yyjson_val *, yyjson_arr_size(list) + 1);
    yyjson_arr_foreach(list, i, count, item)
    {
        if (!mr_slice_equal(mr_json_get_text(item, "Id"), id))
            all[kept++] = item;
    }
    if (added != NULL)
        all[kept++] = added;
    qsort((void *)all, kept, sizeof *all, by_id);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    for (i = 0; i < kept; i++)
        mr_json_value(&json, all[i]);
    mr_json_array_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* Stores the list, and lets requests see it. */
static void store(struct protocol_call *call, struct mr_slice list)
{
    s3_config_store(call, "metrics", list);
    if (!protocol_failed(call))
        s3_metrics_set(s3_of(call)->metrics, s3_in(call, "Bucket"),
                       mr_json_parse(call->arena, list, 16));
}

static enum mr_status check(struct protocol_call *call, yyjson_val *wanted, struct mr_slice id)
{
    yyjson_val *filter = mr_json_get(wanted, "Filter");
    if (!mr_slice_equal(mr_json_get_text(wanted, "Id"), id))
        return s3_fail_argument(call, "id", id, "The id in the query and in the body differ");
    if (!is_id(id))
        return s3_fail_argument(call, "id", id,
                                "The metrics configuration ID is not valid: letters, digits, "
                                "'.', '-' and '_', at most 64 of them");
    if (mr_json_get(filter, "Tag") != NULL || mr_json_get(filter, "And") != NULL ||
        mr_json_get(filter, "AccessPointArn") != NULL)
        return protocol_fail(call, &s3_not_implemented,
                             "millrace measures requests by prefix alone, not by tags or access "
                             "points");
    return MR_OK;
}

static void put_metrics(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "MetricsConfiguration");
    const struct mr_slice id = s3_in(call, "Id");
    yyjson_val *document = s3_config_document(call);
    if (document == NULL || check(call, wanted, id) != MR_OK)
        return;
    yyjson_val *list = mr_json_get(document, "metrics");
    if (find(list, id) == NULL && yyjson_arr_size(list) >= CONFIGURATIONS_MAX) {
        protocol_fail(call, &s3_too_many_configurations,
                      "You are attempting to create a new configuration but have already reached "
                      "the %d-configuration limit.",
                      CONFIGURATIONS_MAX);
        return;
    }
    store(call, list_with(call, list, id, wanted));
}

static void fail_none(struct protocol_call *call)
{
    protocol_fail(call, &s3_no_configuration, "The specified configuration does not exist.");
}

static void get_metrics(struct protocol_call *call)
{
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    yyjson_val *found = find(mr_json_get(document, "metrics"), s3_in(call, "Id"));
    if (found == NULL)
        fail_none(call);
    else
        mr_json_key_value(&call->out, "MetricsConfiguration", found);
}

static void delete_metrics(struct protocol_call *call)
{
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    yyjson_val *list = mr_json_get(document, "metrics");
    if (find(list, s3_in(call, "Id")) == NULL)
        fail_none(call);
    else
        store(call, list_with(call, list, s3_in(call, "Id"), NULL));
}

/* A token is the id that a page ends with. */
static void list_metrics(struct protocol_call *call)
{
    const struct mr_slice token = s3_in(call, "ContinuationToken");
    struct mr_slice last = MR_S("");
    size_t i, count, shown = 0;
    yyjson_val *item;
    yyjson_val *document = s3_config_document(call);
    if (document == NULL)
        return;
    bool more = false;
    if (token.len > 0)
        mr_json_key_string(&call->out, "ContinuationToken", token);
    mr_json_key(&call->out, "MetricsConfigurationList");
    mr_json_array(&call->out);
    yyjson_val *list = mr_json_get(document, "metrics");
    yyjson_arr_foreach(list, i, count, item)
    {
        if (mr_slice_compare(mr_json_get_text(item, "Id"), token) <= 0)
            continue;
        more = shown++ == PAGE;
        if (more)
            break;
        last = mr_json_get_text(item, "Id");
        mr_json_value(&call->out, item);
    }
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", more);
    if (more)
        mr_json_key_string(&call->out, "NextContinuationToken", last);
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketMetricsConfiguration", .run = delete_metrics},
    {.operation = "GetBucketMetricsConfiguration", .run = get_metrics},
    {.operation = "ListBucketMetricsConfigurations", .run = list_metrics},
    {.operation = "PutBucketMetricsConfiguration", .run = put_metrics},
};
const struct s3_handlers s3_metrics_handlers = {handlers, MR_COUNT(handlers)};

/* ---- in and out of memory ---- */

static enum mr_status load(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct s3 *s3 = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *list = mr_json_get(mr_json_parse(&arena, json, MR_JSON_DEPTH_MAX), "metrics");
    if (list != NULL)
        s3_metrics_set(s3->metrics, name, list);
    mr_arena_fini(&arena);
    return MR_OK;
}

enum mr_status s3_metrics_load(struct s3 *s3)
{
    return store_doc_each(s3->options.store, "s3", "bucket", MR_S(""), load, s3);
}

void s3_on_answer(void *ctx, struct protocol_call *call)
{
    struct s3 *s3 = ctx;
    s3_metrics_answered(s3->metrics, call);
    s3_log_answered(s3, call);
}
