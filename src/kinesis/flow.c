/* Throughput of a shard as AWS limits it, for servers that are asked to (`kinesis_options.limits`):
 * 1 MiB and 1,000 records a second in, 2 MiB and 5 GetRecords a second out.
 *
 * Four buckets a shard, each filled by the store's clock up to one second's worth. What is larger
 * than a second's worth (a record of up to 10 MiB, a page of as much) is let through once the
 * bucket is full, or holds anything for pages, and leaves a debt that the next seconds pay off: AWS
 * too refuses reads for some seconds behind a page of 10 MiB.
 *
 * Only calls over the wire are counted: what pipes, tables and delivery streams put and read, and
 * what SubscribeToShard pushes, is not held up. */
#include "kinesis/internal.h"

enum {
    WRITE_BYTES = 1 << 20, /* each a second */
    WRITE_RECORDS = 1000,
    READ_BYTES = 2 << 20,
    READ_CALLS = 5,
    SCALE = 1000,         /* a bucket holds thousandths: it gains `rate` of them a millisecond */
    FILL_MS_MAX = 100000, /* more than the largest debt takes */
};

static void fill(struct kinesis_bucket *bucket, int64_t rate, int64_t now_ms)
{
    int64_t passed_ms = now_ms - bucket->at_ms;
    bucket->at_ms = now_ms;
    if (passed_ms < 0) /* somebody moved the clock back */
        return;
    passed_ms = passed_ms < FILL_MS_MAX ? passed_ms : FILL_MS_MAX;
    bucket->left += passed_ms * rate;
    if (bucket->left > rate * SCALE)
        bucket->left = rate * SCALE;
}

static bool has(const struct kinesis_bucket *bucket, int64_t rate, int64_t amount)
{
    return bucket->left >= (amount < rate ? amount : rate) * SCALE;
}

bool kinesis_flow_write(struct kinesis *kinesis, struct kinesis_stream *stream,
                        struct kinesis_record *record, int64_t now_ms)
{
    if (!kinesis->options.limits)
        return true;
    struct kinesis_shard *shard = kinesis_route(stream, record);
    struct kinesis_flow *flow = &shard->flow;
    const int64_t bytes = (int64_t)(record->data.len + record->partition_key.len);
    record->shard = shard->index;
    pthread_mutex_lock(&shard->lock);
    fill(&flow->write_bytes, WRITE_BYTES, now_ms);
    fill(&flow->write_records, WRITE_RECORDS, now_ms);
    const bool may =
        has(&flow->write_bytes, WRITE_BYTES, bytes) && has(&flow->write_records, WRITE_RECORDS, 1);
    if (may) {
        flow->write_bytes.left -= bytes * SCALE;
        flow->write_records.left -= SCALE;
    }
    pthread_mutex_unlock(&shard->lock);
    return may;
}

bool kinesis_flow_may_read(struct kinesis *kinesis, struct kinesis_shard *shard, int64_t now_ms)
{
    if (!kinesis->options.limits)
        return true;
    struct kinesis_flow *flow = &shard->flow;
    pthread_mutex_lock(&shard->lock);
    fill(&flow->read_bytes, READ_BYTES, now_ms);
    fill(&flow->read_calls, READ_CALLS, now_ms);
    const bool may = flow->read_bytes.left > 0 && has(&flow->read_calls, READ_CALLS, 1);
    if (may)
        flow->read_calls.left -= SCALE;
    pthread_mutex_unlock(&shard->lock);
    return may;
}

void kinesis_flow_read(struct kinesis *kinesis, struct kinesis_shard *shard, uint64_t bytes)
{
    if (!kinesis->options.limits)
        return;
    pthread_mutex_lock(&shard->lock);
    shard->flow.read_bytes.left -= (int64_t)bytes * SCALE;
    pthread_mutex_unlock(&shard->lock);
}

struct mr_slice kinesis_rate_text(struct protocol_call *call, const struct kinesis_stream *stream,
                                  size_t shard)
{
    return mr_arena_printf(call->arena,
                           "Rate exceeded for shard shardId-%012zu in stream %s under account "
                           "%.*s.",
                           shard, stream->name, MR_ARG(call->account));
}

void kinesis_fail_rate(struct protocol_call *call, const struct kinesis_stream *stream,
                       size_t shard)
{
    protocol_fail(call, &kinesis_throughput, "%.*s",
                  MR_ARG(kinesis_rate_text(call, stream, shard)));
}
