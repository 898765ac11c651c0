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

void delivery_meter_landed(const struct delivery *delivery, const struct buffer *buffer)
{
    const bool backup = buffer->kind == BUFFER_BACKUP;
    const int64_t age_ms = store_now(delivery->firehose->options.store) - buffer->oldest_ms;
    if (buffer->kind == BUFFER_FAILED)
        return;
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
