/* What delivery streams measure of themselves: the metrics of AWS/Firehose. */
#include "firehose/internal.h"

static const struct meter_kind kinds[DELIVERY_METERS] = {
    [DELIVERY_IN_BYTES] = {"IncomingBytes", "Bytes", 1},
    [DELIVERY_IN_RECORDS] = {"IncomingRecords", "Count", 1},
    [DELIVERY_PUT_BYTES] = {"PutRecord.Bytes", "Bytes", 1},
    [DELIVERY_PUT_LATENCY] = {"PutRecord.Latency", "Milliseconds", 1000},
    [DELIVERY_PUT_REQUESTS] = {"PutRecord.Requests", "Count", 1},
    [DELIVERY_BATCH_BYTES] = {"PutRecordBatch.Bytes", "Bytes", 1},
    [DELIVERY_BATCH_LATENCY] = {"PutRecordBatch.Latency", "Milliseconds", 1000},
    [DELIVERY_BATCH_RECORDS] = {"PutRecordBatch.Records", "Count", 1},
    [DELIVERY_BATCH_REQUESTS] = {"PutRecordBatch.Requests", "Count", 1},
    [DELIVERY_READ_BYTES] = {"DataReadFromKinesisStream.Bytes", "Bytes", 1},
    [DELIVERY_READ_RECORDS] = {"DataReadFromKinesisStream.Records", "Count", 1},
    [DELIVERY_BEHIND] = {"KinesisMillisBehindLatest", "Milliseconds", 1},
    [DELIVERY_PROCESS_DURATION] = {"ExecuteProcessing.Duration", "Milliseconds", 1000},
    [DELIVERY_PROCESS_SUCCESS] = {"ExecuteProcessing.Success", "Count", 1},
    [DELIVERY_PROCESSED_BYTES] = {"SucceedProcessing.Bytes", "Bytes", 1},
    [DELIVERY_PROCESSED_RECORDS] = {"SucceedProcessing.Records", "Count", 1},
    [DELIVERY_CONVERTED_RECORDS] = {"SucceedConversion.Records", "Count", 1},
    [DELIVERY_UNCONVERTED_RECORDS] = {"FailedConversion.Records", "Count", 1},
    [DELIVERY_S3_BYTES] = {"DeliveryToS3.Bytes", "Bytes", 1},
    [DELIVERY_S3_RECORDS] = {"DeliveryToS3.Records", "Count", 1},
    [DELIVERY_S3_OBJECTS] = {"DeliveryToS3.ObjectCount", "Count", 1},
    [DELIVERY_S3_SUCCESS] = {"DeliveryToS3.Success", "Count", 1},
    [DELIVERY_S3_FRESHNESS] = {"DeliveryToS3.DataFreshness", "Seconds", 1000},
    [DELIVERY_BACKUP_BYTES] = {"BackupToS3.Bytes", "Bytes", 1},
    [DELIVERY_BACKUP_RECORDS] = {"BackupToS3.Records", "Count", 1},
    [DELIVERY_BACKUP_SUCCESS] = {"BackupToS3.Success", "Count", 1},
    [DELIVERY_BACKUP_FRESHNESS] = {"BackupToS3.DataFreshness", "Seconds", 1000},
    [DELIVERY_IN_REQUESTS] = {"IncomingPutRequests", "Count", 1},
    [DELIVERY_LIMIT_BYTES] = {"BytesPerSecondLimit", "Bytes/Second", 1},
    [DELIVERY_LIMIT_RECORDS] = {"RecordsPerSecondLimit", "Count/Second", 1},
    [DELIVERY_LIMIT_REQUESTS] = {"PutRequestsPerSecondLimit", "Count/Second", 1},
    [DELIVERY_PARTITIONS] = {"PartitionCount", "Count", 1},
    [DELIVERY_PARTITIONS_LIMIT] = {"ActivePartitionsLimit", "Count", 1},
    [DELIVERY_PARTITIONS_EXCEEDED] = {"PartitionCountExceeded", "Count", 1},
    [DELIVERY_PARTITION_THROUGHPUT] = {"PerPartitionThroughput", "Bytes/Second", 1},
    [DELIVERY_QUERY_DURATION] = {"JQProcessing.Duration", "Milliseconds", 1000},
    [DELIVERY_ICEBERG_BYTES] = {"DeliveryToIceberg.Bytes", "Bytes", 1},
    [DELIVERY_ICEBERG_ROWS] = {"DeliveryToIceberg.IncomingRowCount", "Count", 1},
    [DELIVERY_ICEBERG_ROWS_GOOD] = {"DeliveryToIceberg.SuccessfulRowCount", "Count", 1},
    [DELIVERY_ICEBERG_ROWS_BAD] = {"DeliveryToIceberg.FailedRowCount", "Count", 1},
    [DELIVERY_ICEBERG_SUCCESS] = {"DeliveryToIceberg.Success", "Count", 1},
    [DELIVERY_ICEBERG_FRESHNESS] = {"DeliveryToIceberg.DataFreshness", "Seconds", 1000},
};

void delivery_meters_init(struct delivery *delivery)
{
    meter_set_init(&delivery->meters, delivery->firehose->options.meters, "AWS/Firehose", kinds,
                   DELIVERY_METERS);
    meter_set_dimension(&delivery->meters, "DeliveryStreamName", mr_slice_cstr(delivery->name));
}

void delivery_meter(const struct delivery *delivery, enum delivery_meter kind, uint64_t value)
{
    meter_set_add(&((struct delivery *)(uintptr_t)delivery)->meters, kind, value);
}

void delivery_meter_latency(struct protocol_call *call, struct delivery *delivery,
                            enum delivery_meter kind)
{
    if (call->exchange != NULL)
        call->exchange->meters[1] = meter_set_get(&delivery->meters, kind);
}

/* AWS's quotas of delivery streams that take PutRecord, higher in three regions. They are told for
 * alarms that hold what comes against them; nobody is throttled here. */
static const struct quota {
    uint64_t bytes, records, requests;
} quotas[2] = {{1 << 20, 100000, 1000}, {5 << 20, 500000, 2000}};

static const struct quota *quota_of(const struct delivery *delivery)
{
    static const char *const large[] = {"us-east-1", "us-west-2", "eu-west-1"};
    struct mr_slice rest = mr_slice_cstr(delivery->arn), region = {0};
    for (int i = 0; i < 4; i++)
        (void)mr_slice_split(&rest, ':', &region);
    for (size_t i = 0; i < MR_COUNT(large); i++)
        if (mr_slice_equal(region, mr_slice_cstr(large[i])))
            return &quotas[1];
    return &quotas[0];
}

void delivery_meter_request(const struct delivery *delivery, uint64_t records, uint64_t bytes)
{
    const struct quota *quota = quota_of(delivery);
    delivery_meter(delivery, DELIVERY_IN_REQUESTS, 1);
    delivery_meter(delivery, DELIVERY_IN_RECORDS, records);
    delivery_meter(delivery, DELIVERY_IN_BYTES, bytes);
    delivery_meter(delivery, DELIVERY_LIMIT_BYTES, quota->bytes);
    delivery_meter(delivery, DELIVERY_LIMIT_RECORDS, quota->records);
    delivery_meter(delivery, DELIVERY_LIMIT_REQUESTS, quota->requests);
}

void delivery_meter_partitions(const struct delivery *delivery, bool exceeded)
{
    delivery_meter(delivery, DELIVERY_PARTITIONS, delivery->p.buffers.partitions);
    delivery_meter(delivery, DELIVERY_PARTITIONS_LIMIT, BUFFER_PARTITIONS_MAX);
    delivery_meter(delivery, DELIVERY_PARTITIONS_EXCEEDED, exceeded);
}

static void landed_rows(const struct delivery *delivery, const struct buffer *buffer,
                        int64_t age_ms)
{
    const bool failed = buffer->kind == BUFFER_FAILED;
    const uint64_t bad = failed ? buffer->records : buffer->unconverted;
    delivery_meter(delivery, DELIVERY_ICEBERG_ROWS, buffer->records);
    delivery_meter(delivery, DELIVERY_ICEBERG_ROWS_GOOD, buffer->records - bad);
    delivery_meter(delivery, DELIVERY_ICEBERG_ROWS_BAD, bad);
    if (bad == buffer->records)
        return; /* nothing was committed */
    delivery_meter(delivery, DELIVERY_ICEBERG_BYTES, buffer->bytes.len);
    delivery_meter(delivery, DELIVERY_ICEBERG_SUCCESS, 1);
    delivery_meter(delivery, DELIVERY_ICEBERG_FRESHNESS, age_ms > 0 ? (uint64_t)age_ms : 0);
}

static void landed_partition(const struct delivery *delivery, const struct buffer *buffer,
                             int64_t now_ms)
{
    const int64_t open_ms = now_ms > buffer->opened_ms ? now_ms - buffer->opened_ms : 1;
    delivery_meter(delivery, DELIVERY_PARTITION_THROUGHPUT,
                   buffer->bytes.len * 1000 / (uint64_t)open_ms);
}

void delivery_meter_landed(const struct delivery *delivery, const struct buffer *buffer)
{
    const bool backup = buffer->kind == BUFFER_BACKUP;
    const int64_t now_ms = store_now(delivery->firehose->options.store);
    const int64_t age_ms = now_ms - buffer->oldest_ms;
    if (delivery->p.config.iceberg && !backup) {
        landed_rows(delivery, buffer, age_ms);
        return;
    }
    if (buffer->kind == BUFFER_FAILED)
        return;
    if (delivery->p.config.partitioned && buffer->unconverted == buffer->records && !backup)
        return; /* all went to the error output */
    if (delivery->p.config.partitioned && !backup)
        landed_partition(delivery, buffer, now_ms);
    delivery_meter(delivery, backup ? DELIVERY_BACKUP_BYTES : DELIVERY_S3_BYTES, buffer->bytes.len);
    delivery_meter(delivery, backup ? DELIVERY_BACKUP_RECORDS : DELIVERY_S3_RECORDS,
                   buffer->records - buffer->unconverted);
    delivery_meter(delivery, backup ? DELIVERY_BACKUP_FRESHNESS : DELIVERY_S3_FRESHNESS,
                   age_ms > 0 ? (uint64_t)age_ms : 0);
    delivery_meter(delivery, backup ? DELIVERY_BACKUP_SUCCESS : DELIVERY_S3_SUCCESS, 1);
    if (!backup)
        delivery_meter(delivery, DELIVERY_S3_OBJECTS, 1);
    if (backup || !delivery->p.config.conversion.enabled)
        return;
    delivery_meter(delivery, DELIVERY_CONVERTED_RECORDS, buffer->records - buffer->unconverted);
    delivery_meter(delivery, DELIVERY_UNCONVERTED_RECORDS, buffer->unconverted);
}
