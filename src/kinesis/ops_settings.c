/* The wire: what a stream is set to (mode, encryption, metrics, sizes), and the account. */
#include "kinesis/internal.h"

enum {
    COMMITMENT_MS = 86400000, /* AWS: the least time of a throughput commitment */
};

/* ---- metrics ---- */

static unsigned read_metrics(yyjson_val *list)
{
    unsigned metrics = 0;
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, count, item)
    {
        const struct mr_slice name = mr_json_text(item);
        for (unsigned m = 0; m < KINESIS_METRICS; m++)
            if (mr_slice_equal(name, MR_S("ALL")) ||
                mr_slice_equal(name, mr_slice_cstr(kinesis_metric_names[m])))
                metrics |= 1U << m;
    }
    return metrics;
}

static void change_monitoring(struct protocol_call *call, bool enable)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    const unsigned named = read_metrics(mr_json_get(call->in, "ShardLevelMetrics"));
    pthread_rwlock_wrlock(&stream->lock);
    const unsigned before = stream->locked.metrics;
    const unsigned after = enable ? before | named : before & ~named;
    stream->locked.metrics = after;
    atomic_store(&stream->measured, after);
    pthread_rwlock_unlock(&stream->lock);
    kinesis_save_for(call, stream);
    mr_json_key_cstr(&call->out, "StreamName", stream->name);
    kinesis_write_metrics(&call->out, "CurrentShardLevelMetrics", before);
    kinesis_write_metrics(&call->out, "DesiredShardLevelMetrics", after);
    mr_json_key_cstr(&call->out, "StreamARN", stream->arn);
    kinesis_release(call->service, stream);
}

static void enable_monitoring(struct protocol_call *call)
{
    change_monitoring(call, true);
}

static void disable_monitoring(struct protocol_call *call)
{
    change_monitoring(call, false);
}

/* ---- encryption: a flag that is shown; what lies on the disk does not change ---- */

static void set_key(struct protocol_call *call, bool encrypt)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    if (mr_slice_equal(mr_json_get_text(call->in, "EncryptionType"), MR_S("KMS"))) {
        const struct mr_slice key = mr_json_get_text(call->in, "KeyId");
        pthread_rwlock_wrlock(&stream->lock);
        kinesis_text_set(&stream->locked.key_id, encrypt ? key : (struct mr_slice){0});
        pthread_rwlock_unlock(&stream->lock);
        kinesis_save_for(call, stream);
    } else {
        protocol_fail(call, &kinesis_invalid_argument, "Encryption type must be KMS.");
    }
    kinesis_release(call->service, stream);
}

static void start_encryption(struct protocol_call *call)
{
    set_key(call, true);
}

static void stop_encryption(struct protocol_call *call)
{
    set_key(call, false);
}

/* ---- mode, sizes, throughput ---- */

/* Sets the mode; false, with the fault set, when it was changed too often or there are too many
 * on-demand streams. A mode that is the stream's already is no change. */
static bool switch_mode(struct protocol_call *call, struct kinesis_stream *stream, bool on_demand,
                        int64_t warm)
{
    pthread_rwlock_rdlock(&stream->lock);
    bool same = stream->locked.on_demand == on_demand;
    pthread_rwlock_unlock(&stream->lock);
    if (!same && on_demand && kinesis_exceeds_on_demand(call))
        return false;
    pthread_rwlock_wrlock(&stream->lock);
    same = stream->locked.on_demand == on_demand;
    const bool may =
        same || kinesis_day_add(&stream->locked.switches, KINESIS_SWITCHES_MAX, call->now_ms);
    if (may) {
        stream->locked.on_demand = on_demand;
        stream->locked.warm_mibps = warm;
    }
    pthread_rwlock_unlock(&stream->lock);
    if (!may)
        protocol_fail(
            call, &kinesis_limit,
            "The mode of stream %s under account %.*s was changed %d times in the last 24 "
            "hours, which is the limit of UpdateStreamMode.",
            stream->name, MR_ARG(call->account), KINESIS_SWITCHES_MAX);
    return may;
}

static void update_stream_mode(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    const struct mr_slice mode =
        mr_json_get_text(mr_json_get(call->in, "StreamModeDetails"), "StreamMode");
    const bool on_demand = mr_slice_equal(mode, MR_S("ON_DEMAND"));
    const int64_t warm = mr_json_get_i64(call->in, "WarmThroughputMiBps", 0);
    if (warm > 0 && !on_demand)
        protocol_fail(call, &kinesis_validation,
                      "WarmThroughputMiBps must not be set when StreamMode is PROVISIONED.");
    else if (switch_mode(call, stream, on_demand, warm))
        kinesis_save_for(call, stream);
    kinesis_release(call->service, stream);
}

static void update_max_record_size(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    pthread_rwlock_wrlock(&stream->lock);
    stream->locked.record_kib = mr_json_get_i64(call->in, "MaxRecordSizeInKiB", 1024);
    pthread_rwlock_unlock(&stream->lock);
    kinesis_save_for(call, stream);
    kinesis_release(call->service, stream);
}

static void update_warm_throughput(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    const int64_t warm = mr_json_get_i64(call->in, "WarmThroughputMiBps", 0);
    pthread_rwlock_wrlock(&stream->lock);
    const bool on_demand = stream->locked.on_demand;
    if (on_demand)
        stream->locked.warm_mibps = warm;
    pthread_rwlock_unlock(&stream->lock);
    if (on_demand) {
        kinesis_save_for(call, stream);
        mr_json_key_cstr(&call->out, "StreamARN", stream->arn);
        mr_json_key_cstr(&call->out, "StreamName", stream->name);
        kinesis_write_warm(&call->out, warm);
    } else {
        protocol_fail(call, &kinesis_validation,
                      "Request is invalid. Stream %s under account %.*s is in Provisioned mode.",
                      stream->name, MR_ARG(call->account));
    }
    kinesis_release(call->service, stream);
}

/* ---- the account ---- */

static void describe_limits(struct protocol_call *call)
{
    mr_json_key_int(&call->out, "ShardLimit", KINESIS_SHARD_LIMIT);
    mr_json_key_int(&call->out, "OpenShardCount",
                    (int64_t)kinesis_open_shards(call->service, false));
    mr_json_key_int(&call->out, "OnDemandStreamCount",
                    (int64_t)kinesis_on_demand_streams(call->service));
    mr_json_key_int(&call->out, "OnDemandStreamCountLimit", KINESIS_ON_DEMAND_LIMIT);
}

/* The commitment is kept as {"started_ms", "ended_ms"?} in "kinesis/account/commitment"; none was
 * ever made without it. AWS: it lasts at least a day. */
struct commitment {
    int64_t started_ms, ended_ms; /* 0: not */
};

static enum mr_status read_commitment(struct protocol_call *call, struct commitment *ret)
{
    struct kinesis *kinesis = call->service;
    struct mr_slice text;
    const enum mr_status status = store_doc_get(kinesis->options.store, call->arena, "kinesis",
                                                "account", MR_S("commitment"), &text);
    *ret = (struct commitment){0};
    if (status != MR_OK)
        return status == MR_NOT_FOUND ? MR_OK : status;
    yyjson_val *doc = mr_json_parse(call->arena, text, 4);
    ret->started_ms = mr_json_get_i64(doc, "started_ms", 0);
    ret->ended_ms = mr_json_get_i64(doc, "ended_ms", 0);
    return MR_OK;
}

static enum mr_status write_commitment(struct protocol_call *call, const struct commitment *it)
{
    struct kinesis *kinesis = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    store_doc_put(&entry, "kinesis", "account", MR_S("commitment"),
                  mr_arena_printf(call->arena, "{\"started_ms\":%lld,\"ended_ms\":%lld}",
                                  (long long)it->started_ms, (long long)it->ended_ms));
    return store_commit(kinesis->options.store, &entry, &call->ticket);
}

static void show_commitment(struct protocol_call *call, const struct commitment *it)
{
    const bool over = it->started_ms == 0 || (it->ended_ms != 0 && it->ended_ms <= call->now_ms);
    mr_json_key(&call->out, "MinimumThroughputBillingCommitment");
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "Status",
                     over                ? "DISABLED"
                     : it->ended_ms == 0 ? "ENABLED"
                                         : "ENABLED_UNTIL_EARLIEST_ALLOWED_END");
    if (it->started_ms != 0) {
        mr_json_key_timestamp(&call->out, "StartedAt", it->started_ms);
        if (over)
            mr_json_key_timestamp(&call->out, "EndedAt", it->ended_ms);
        else
            mr_json_key_timestamp(&call->out, "EarliestAllowedEndAt",
                                  it->started_ms + COMMITMENT_MS);
    }
    mr_json_object_end(&call->out);
}

static void describe_account_settings(struct protocol_call *call)
{
    struct commitment it;
    const enum mr_status status = read_commitment(call, &it);
    if (status == MR_OK)
        show_commitment(call, &it);
    protocol_fail_internal(call, status);
}

static void update_account_settings(struct protocol_call *call)
{
    struct kinesis *kinesis = call->service;
    const struct mr_slice wanted =
        mr_json_get_text(mr_json_get(call->in, "MinimumThroughputBillingCommitment"), "Status");
    const bool enable = mr_slice_equal(wanted, MR_S("ENABLED"));
    struct commitment it;
    pthread_mutex_lock(&kinesis->create);
    enum mr_status status = read_commitment(call, &it);
    if (enable && (it.started_ms == 0 || (it.ended_ms != 0 && it.ended_ms <= call->now_ms)))
        it = (struct commitment){.started_ms = call->now_ms};
    else if (enable)
        it.ended_ms = 0;
    else if (it.started_ms != 0 && it.ended_ms == 0)
        it.ended_ms = call->now_ms > it.started_ms + COMMITMENT_MS ? call->now_ms
                                                                   : it.started_ms + COMMITMENT_MS;
    if (status == MR_OK)
        status = write_commitment(call, &it);
    pthread_mutex_unlock(&kinesis->create);
    if (status == MR_OK)
        show_commitment(call, &it);
    protocol_fail_internal(call, status);
}

const struct protocol_handler kinesis_setting_handlers[] = {
    {.operation = "EnableEnhancedMonitoring", .run = enable_monitoring},
    {.operation = "DisableEnhancedMonitoring", .run = disable_monitoring},
    {.operation = "StartStreamEncryption", .run = start_encryption},
    {.operation = "StopStreamEncryption", .run = stop_encryption},
    {.operation = "UpdateStreamMode", .run = update_stream_mode},
    {.operation = "UpdateMaxRecordSize", .run = update_max_record_size},
    {.operation = "UpdateStreamWarmThroughput", .run = update_warm_throughput},
    {.operation = "DescribeLimits", .run = describe_limits},
    {.operation = "DescribeAccountSettings", .run = describe_account_settings},
    {.operation = "UpdateAccountSettings", .run = update_account_settings},
};
const size_t kinesis_setting_handler_count = MR_COUNT(kinesis_setting_handlers);
