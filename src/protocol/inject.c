/* Injected failures (base/inject.h) of what comes over the wire. */
#include "base/inject.h"
#include "protocol/internal.h"

enum { ENTRIES_MAX = 500 };

/* ---- which call it is ---- */

static struct mr_slice last_part(struct mr_slice arn)
{
    if (!mr_slice_starts_with(arn, MR_S("arn:")))
        return arn;
    for (size_t i = arn.len; i > 0; i--)
        if (arn.ptr[i - 1] == '/' || arn.ptr[i - 1] == ':')
            return mr_slice_sub(arn, i, SIZE_MAX);
    return arn;
}

static struct mr_slice resource_of(const struct protocol_call *call)
{
    static const char *const names[] = {"TableName", "StreamName",   "DeliveryStreamName",
                                        "Bucket",    "FunctionName", "StreamARN",
                                        "StreamArn", "Name"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        const struct mr_slice text = mr_json_get_text(call->in, names[i]);
        if (text.len > 0)
            return last_part(text);
    }
    size_t index, max;
    yyjson_val *key, *value, *items = mr_json_get(call->in, "RequestItems");
    yyjson_obj_foreach(items, index, max, key,
                       value) return mr_json_text(key); /* of a batch the first table */
    return MR_S("");
}

static bool strikes(const struct protocol_call *call, unsigned kinds, struct mr_injection *ret)
{
    return call->exchange != NULL && call->priv->service != NULL &&
           mr_inject_strikes(call->priv->service->model->name, mr_slice_cstr(call->operation_name),
                             resource_of(call), kinds, ret);
}

/* ---- errors, late answers, cut connections ---- */

static void fail(struct protocol_call *call, const struct mr_injection *injection)
{
    struct protocol_fault *fault = MR_NEW(call->arena, struct protocol_fault);
    *fault = (struct protocol_fault){
        .code = mr_arena_cstr(call->arena, mr_slice_cstr(injection->code)),
        .status = injection->status,
        .server_side = injection->status >= 500,
    };
    (void)protocol_fail(call, fault, "%s", injection->message);
}

/* ---- parts of a batch ---- */

struct batch {
    const char *service, *operation, *entries, *results, *failures;
};
static const struct batch batches[] = {
    {"kinesis", "PutRecords", "Records", "Records", "FailedRecordCount"},
    {"firehose", "PutRecordBatch", "Records", "RequestResponses", "FailedPutCount"},
    {"dynamodb", "BatchWriteItem", "RequestItems", "UnprocessedItems", NULL},
};

static const struct batch *batch_of(const struct protocol_call *call)
{
    for (size_t i = 0; i < MR_COUNT(batches); i++)
        if (strcmp(batches[i].service, call->priv->service->model->name) == 0 &&
            strcmp(batches[i].operation, call->operation_name) == 0)
            return &batches[i];
    return NULL;
}

static bool entry_fails(const struct protocol_call *call, struct mr_injection *ret)
{
    return strikes(call, MR_INJECT_BIT(MR_INJECT_PARTIAL), ret);
}

/* The members of an object but for one. */
static void copy_others(struct mr_json *json, yyjson_val *object, const char *but, const char *nor)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        if (mr_slice_equal(name, mr_slice_cstr(but)) ||
            (nor != NULL && mr_slice_equal(name, mr_slice_cstr(nor))))
            continue;
        mr_json_name(json, name);
        mr_json_value(json, value);
    }
}

/* Runs the handler with another input, and gives what it said; its reply is empty again. */
static yyjson_val *run_with(struct protocol_call *call, struct mr_buf *input)
{
    yyjson_val *in = call->in;
    call->in = mr_json_parse(call->arena, mr_buf_slice(input), PROTOCOL_JSON_DEPTH_MAX);
    call->priv->operation->handler->run(call);
    call->in = in;
    if (protocol_failed(call))
        return NULL;
    mr_json_object_end(&call->out);
    yyjson_val *out =
        mr_json_parse(call->arena, mr_buf_slice(call->priv->target), PROTOCOL_JSON_DEPTH_MAX);
    mr_buf_reset(call->priv->target);
    call->out = mr_json_make(call->priv->target);
    mr_json_object(&call->out);
    return out;
}

static void write_failure(struct protocol_call *call, const struct batch *batch)
{
    const bool kinesis = batch->service[0] == 'k';
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "ErrorCode",
                     kinesis ? "ProvisionedThroughputExceededException"
                             : "ServiceUnavailableException");
    if (kinesis)
        mr_json_key_string(&call->out, "ErrorMessage",
                           mr_arena_printf(call->arena,
                                           "Rate exceeded for shard shardId-000000000000 in stream "
                                           "%.*s under account %.*s.",
                                           MR_ARG(resource_of(call)), MR_ARG(call->account)));
    else
        mr_json_key_cstr(&call->out, "ErrorMessage", "Slow down.");
    mr_json_object_end(&call->out);
}

static void run_records(struct protocol_call *call, const struct batch *batch)
{
    yyjson_val *records = mr_json_get(call->in, batch->entries), *it;
    bool failed[ENTRIES_MAX] = {0};
    size_t index, max, failures = 0;
    struct mr_injection injection;
    struct mr_buf input = {0};
    struct mr_json json = mr_json_make(&input);
    mr_json_object(&json);
    copy_others(&json, call->in, batch->entries, NULL);
    mr_json_key(&json, batch->entries);
    mr_json_array(&json);
    yyjson_arr_foreach(records, index, max, it)
    {
        if (index < ENTRIES_MAX && entry_fails(call, &injection)) {
            failed[index] = true;
            failures++;
        } else {
            mr_json_value(&json, it);
        }
    }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    yyjson_val *out = failures == max ? NULL : run_with(call, &input);
    mr_buf_fini(&input);
    if (protocol_failed(call))
        return;
    const int64_t own = mr_json_get_i64(out, batch->failures, 0);
    copy_others(&call->out, out, batch->results, batch->failures);
    mr_json_key_int(&call->out, batch->failures, own + (int64_t)failures);
    mr_json_key(&call->out, batch->results);
    mr_json_array(&call->out);
    yyjson_arr_iter done = yyjson_arr_iter_with(mr_json_get(out, batch->results));
    for (size_t i = 0; i < max; i++) {
        yyjson_val *result = i < ENTRIES_MAX && failed[i] ? NULL : yyjson_arr_iter_next(&done);
        if (result == NULL)
            write_failure(call, batch);
        else
            mr_json_value(&call->out, result);
    }
    mr_json_array_end(&call->out);
    if (batch->service[0] == 'f' && out == NULL)
        mr_json_key_bool(&call->out, "Encrypted", false);
}

/* Items that stay undone, by table: into `left`, the others into `json`. */
static size_t part_items(struct protocol_call *call, struct mr_json *json, struct mr_json *left)
{
    size_t index, max, at, count, done = 0;
    yyjson_val *table, *requests, *it;
    struct mr_injection injection;
    yyjson_obj_foreach(mr_json_get(call->in, "RequestItems"), index, max, table, requests)
    {
        struct mr_buf kept = {0}, undone = {0};
        struct mr_json keep = mr_json_make(&kept), leave = mr_json_make(&undone);
        size_t kept_count = 0;
        mr_json_array(&keep);
        mr_json_array(&leave);
        yyjson_arr_foreach(requests, at, count, it)
        {
            const bool fails = entry_fails(call, &injection);
            mr_json_value(fails ? &leave : &keep, it);
            kept_count += !fails;
        }
        mr_json_array_end(&keep);
        mr_json_array_end(&leave);
        if (kept_count > 0) {
            mr_json_name(json, mr_json_text(table));
            mr_json_raw(json, mr_buf_slice(&kept));
        }
        if (kept_count < count) {
            mr_json_name(left, mr_json_text(table));
            mr_json_raw(left, mr_buf_slice(&undone));
        }
        done += kept_count;
        mr_buf_fini(&kept);
        mr_buf_fini(&undone);
    }
    return done;
}

static void run_items(struct protocol_call *call, const struct batch *batch)
{
    struct mr_buf input = {0}, undone = {0};
    struct mr_json json = mr_json_make(&input), left = mr_json_make(&undone);
    mr_json_object(&json);
    copy_others(&json, call->in, batch->entries, NULL);
    mr_json_key(&json, batch->entries);
    mr_json_object(&json);
    mr_json_object(&left);
    const size_t done = part_items(call, &json, &left);
    mr_json_object_end(&left);
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    yyjson_val *out = done == 0 ? NULL : run_with(call, &input);
    if (!protocol_failed(call)) {
        copy_others(&call->out, out, batch->results, NULL);
        mr_json_key_raw(&call->out, batch->results, mr_buf_slice(&undone));
    }
    mr_buf_fini(&input);
    mr_buf_fini(&undone);
}

/* ---- a call ---- */

void inject_run(struct protocol_call *call)
{
    const struct protocol_handler *handler = call->priv->operation->handler;
    struct mr_injection injection;
    if (strikes(call, MR_INJECT_BIT(MR_INJECT_SLOW), &injection))
        mr_inject_linger(injection.delay_ms);
    const bool cut = strikes(call, MR_INJECT_BIT(MR_INJECT_RESET), &injection);
    const bool struck = cut || strikes(call, MR_INJECT_BIT(MR_INJECT_ERROR), &injection);
    call->priv->cut = cut;
    if (struck && !injection.after) {
        if (cut)
            (void)protocol_fail(call, fault_internal(call->priv->service->model), "cut off");
        else
            fail(call, &injection);
        if (handler->flags & PROTOCOL_STREAM)
            handler->abandon(call);
        return;
    }
    const struct batch *batch = batch_of(call);
    if (batch == NULL || call->exchange == NULL)
        handler->run(call);
    else if (batch->failures == NULL)
        run_items(call, batch);
    else
        run_records(call, batch);
    if (struck && !cut && !protocol_failed(call))
        fail(call, &injection);
}
