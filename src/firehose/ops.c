/* The wire: delivery streams, and records put directly. */
#include "firehose/internal.h"
#include "base/codec.h"
#include <stdio.h>
#include <stdlib.h>

static const struct protocol_fault not_found = {"ResourceNotFoundException", 400, false};
static const struct protocol_fault in_use = {"ResourceInUseException", 400, false};
static const struct protocol_fault invalid = {"InvalidArgumentException", 400, false};
static const struct protocol_fault stale = {"ConcurrentModificationException", 400, false};
static const struct protocol_fault limit_exceeded = {"LimitExceededException", 400, false};
static const struct protocol_fault unavailable = {"ServiceUnavailableException", 503, true};
static const struct protocol_fault serialization = {"SerializationException", 400, false};
static const struct protocol_fault not_implemented = {"NotImplemented", 501, false};

enum { BATCH_BYTES_MAX = 4 << 20 };
static const char destination_id[] = "destinationId-000000000001";

static struct delivery *find(struct protocol_call *call)
{
    const struct mr_slice name = mr_json_get_text(call->in, "DeliveryStreamName");
    struct delivery *delivery = delivery_find(call->service, name);
    if (delivery == NULL)
        protocol_fail(call, &not_found, "Firehose %.*s under account %.*s not found.", MR_ARG(name),
                      MR_ARG(call->account));
    return delivery;
}

/* ---- CreateDeliveryStream ---- */

/* The one destination of a request: Extended or plain S3; false with the fault set. */
static yyjson_val *pick_destination(struct protocol_call *call, const char *suffix)
{
    yyjson_val *found = NULL, *key;
    size_t count = 0;
    yyjson_obj_iter members;
    yyjson_obj_iter_init(call->in, &members);
    char any[64], extended[64], plain[64], iceberg[64];
    (void)snprintf(any, sizeof any, "Destination%s", suffix);
    (void)snprintf(extended, sizeof extended, "ExtendedS3Destination%s", suffix);
    (void)snprintf(plain, sizeof plain, "S3Destination%s", suffix);
    (void)snprintf(iceberg, sizeof iceberg, "IcebergDestination%s", suffix);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        const struct mr_slice name = mr_json_text(key);
        if (!mr_slice_ends_with(name, mr_slice_cstr(any)))
            continue;
        count++;
        if (mr_slice_equal(name, mr_slice_cstr(extended)) ||
            mr_slice_equal(name, mr_slice_cstr(plain)) ||
            mr_slice_equal(name, mr_slice_cstr(iceberg))) {
            found = yyjson_obj_iter_get_val(key);
        } else {
            protocol_fail(call, &not_implemented,
                          "millrace delivers to S3 and Iceberg tables only; %.*s is not supported.",
                          MR_ARG(name));
            return NULL;
        }
    }
    if (count != 1) {
        protocol_fail(call, &invalid,
                      "Exactly one destination configuration is supported for a Firehose");
        return NULL;
    }
    return found;
}

/* Tags as a JSON object in the arena. */
static struct mr_slice tags_object(struct mr_arena *arena, yyjson_val *list)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *item;
    yyjson_arr_iter items;
    mr_json_object(&json);
    yyjson_arr_iter_init(list, &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        mr_json_name(&json, mr_json_get_text(item, "Key"));
        mr_json_string(&json, mr_json_get_text(item, "Value"));
    }
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* Type and source fit together; false with the fault set. */
static bool check_source(struct protocol_call *call, yyjson_val *source)
{
    struct mr_slice type = mr_json_get_text(call->in, "DeliveryStreamType");
    if (type.len == 0)
        type = MR_S("DirectPut");
    const bool kinesis = mr_slice_equal(type, MR_S("KinesisStreamAsSource"));
    if (!kinesis && !mr_slice_equal(type, MR_S("DirectPut"))) {
        protocol_fail(call, &not_implemented, "millrace does not support the source type %.*s.",
                      MR_ARG(type));
        return false;
    }
    if (kinesis != (source != NULL)) {
        protocol_fail(call, &invalid,
                      kinesis ? "KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource "
                                "stream type."
                              : "KinesisSourceStreamConfig is only applicable for the "
                                "KinesisStreamAsSource delivery stream type.");
        return false;
    }
    return true;
}

/* A partition query that cannot be compiled is refused; false with the fault set. */
static bool check_query(struct protocol_call *call, yyjson_val *destination)
{
    struct firehose *firehose = call->service;
    const struct mr_slice query = processors_query(destination);
    struct extractor *extractor = NULL;
    char message[512] = "";
    if (query.len == 0)
        return true;
    const enum mr_status status =
        extractor_open(firehose->options.runtime, query, &extractor, message);
    extractor_close(extractor);
    if (status == MR_INVALID)
        protocol_fail(call, &invalid, "MetaDataExtraction JQ Query is not valid: %s", message);
    else if (status == MR_AGAIN)
        protocol_fail(call, &unavailable, "The query could not be tried now: %s", message);
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

/* The text to store, or empty; false with the fault set. `in` NULL: no encryption. */
static bool read_encryption(struct protocol_call *call, yyjson_val *in, bool is_direct,
                            struct mr_slice *ret_text)
{
    const bool own_key =
        mr_slice_equal(mr_json_get_text(in, "KeyType"), MR_S("CUSTOMER_MANAGED_CMK"));
    const bool has_key = mr_json_get(in, "KeyARN") != NULL;
    *ret_text = MR_S("");
    if (in == NULL)
        return true;
    if (!is_direct)
        protocol_fail(
            call, &invalid,
            "Server side encryption from firehose is only allowed for direct put delivery "
            "streams and database as a source delivery streams");
    else if (own_key && !has_key)
        protocol_fail(call, &invalid,
                      "KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK");
    else if (!own_key && has_key)
        protocol_fail(call, &invalid, "KeyARN cannot be specified when KeyType is AWS_OWNED_CMK");
    else
        *ret_text = mr_json_print(call->arena, in);
    return ret_text->len > 0;
}

static void create(struct protocol_call *call)
{
    const struct mr_slice name = mr_json_get_text(call->in, "DeliveryStreamName");
    yyjson_val *source = mr_json_get(call->in, "KinesisStreamSourceConfiguration");
    yyjson_val *destination = pick_destination(call, "Configuration");
    if (destination == NULL || !check_source(call, source))
        return;
    char message[512];
    struct mr_slice description;
    struct firehose *firehose = call->service;
    if (delivery_destination(&firehose->zones, call->arena, destination, NULL, &description,
                             message) != MR_OK) {
        protocol_fail(call, &invalid, "%s", message);
        return;
    }
    struct mr_slice encryption;
    if (!check_query(call, destination))
        return;
    if (!read_encryption(call, mr_json_get(call->in, "DeliveryStreamEncryptionConfigurationInput"),
                         source == NULL, &encryption))
        return;
    const struct delivery_create create = {
        .name = name,
        .arn = mr_arena_printf(call->arena, "arn:aws:firehose:%.*s:%.*s:deliverystream/%.*s",
                               MR_ARG(call->region), MR_ARG(call->account), MR_ARG(name)),
        .destination = description,
        .source = source != NULL ? mr_json_print(call->arena, source) : MR_S(""),
        .tags = tags_object(call->arena, mr_json_get(call->in, "Tags")),
        .stream_arn = mr_json_get_text(source, "KinesisStreamARN"),
        .encryption = encryption,
        .throughput_mb = mr_json_get_i64(mr_json_get(call->in, "DirectPutSourceConfiguration"),
                                         "ThroughputHintInMBs", 0),
        .now_ms = call->now_ms,
    };
    const enum mr_status status = delivery_create(call->service, &create);
    if (status == MR_EXISTS)
        protocol_fail(call, &in_use, "Firehose %.*s under accountId %.*s already exists",
                      MR_ARG(name), MR_ARG(call->account));
    else if (status == MR_NOT_FOUND)
        protocol_fail(call, &not_found, "Source stream %.*s not found.", MR_ARG(create.stream_arn));
    protocol_fail_internal(call, status);
    mr_json_key_string(&call->out, "DeliveryStreamARN", create.arn);
}

static void delete (struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    const enum mr_status status = delivery_delete(delivery);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &not_found, "Firehose %s under account %.*s not found.", delivery->name,
                      MR_ARG(call->account));
    protocol_fail_internal(call, status);
    delivery_unref(delivery);
}

/* ---- DescribeDeliveryStream ---- */

static void write_source(struct mr_json *json, const struct delivery *delivery, yyjson_val *source)
{
    if (source == NULL && delivery->throughput_mb == 0)
        return;
    mr_json_key(json, "Source");
    mr_json_object(json);
    mr_json_key(json,
                source != NULL ? "KinesisStreamSourceDescription" : "DirectPutSourceDescription");
    mr_json_object(json);
    if (source != NULL) {
        mr_json_key_value(json, "KinesisStreamARN", mr_json_get(source, "KinesisStreamARN"));
        mr_json_key_value(json, "RoleARN", mr_json_get(source, "RoleARN"));
        mr_json_key_timestamp(json, "DeliveryStartTimestamp", delivery->created_ms);
    } else {
        mr_json_key_int(json, "ThroughputHintInMBs", delivery->throughput_mb);
    }
    mr_json_object_end(json);
    mr_json_object_end(json);
}

static void write_encryption(struct mr_json *json, yyjson_val *encryption)
{
    mr_json_key(json, "DeliveryStreamEncryptionConfiguration");
    mr_json_object(json);
    mr_json_key_value(json, "KeyARN", mr_json_get(encryption, "KeyARN"));
    mr_json_key_value(json, "KeyType", mr_json_get(encryption, "KeyType"));
    mr_json_key_cstr(json, "Status", encryption != NULL ? "ENABLED" : "DISABLED");
    mr_json_object_end(json);
}

/* Described twice: extended, and the plain subset. */
static void write_destinations(struct mr_json *json, yyjson_val *description)
{
    static const char *const plain[] = {"RoleARN",
                                        "BucketARN",
                                        "Prefix",
                                        "ErrorOutputPrefix",
                                        "BufferingHints",
                                        "CompressionFormat",
                                        "EncryptionConfiguration",
                                        "CloudWatchLoggingOptions"};
    mr_json_key(json, "Destinations");
    mr_json_array(json);
    mr_json_object(json);
    mr_json_key_cstr(json, "DestinationId", destination_id);
    if (delivery_is_iceberg(description)) {
        mr_json_key_value(json, "IcebergDestinationDescription", description);
        mr_json_object_end(json);
        mr_json_array_end(json);
        return;
    }
    mr_json_key_value(json, "ExtendedS3DestinationDescription", description);
    mr_json_key(json, "S3DestinationDescription");
    mr_json_object(json);
    for (size_t i = 0; i < MR_COUNT(plain); i++)
        mr_json_key_value(json, plain[i], mr_json_get(description, plain[i]));
    mr_json_object_end(json);
    mr_json_object_end(json);
    mr_json_array_end(json);
}

static void describe(struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    struct mr_json *json = &call->out;
    pthread_mutex_lock(&delivery->lock);
    yyjson_val *destination =
        mr_json_parse(call->arena, mr_slice_cstr(delivery->locked.destination), 32);
    yyjson_val *source =
        delivery->locked.source == NULL
            ? NULL
            : mr_json_parse(call->arena, mr_slice_cstr(delivery->locked.source), 8);
    yyjson_val *encryption =
        delivery->locked.encryption == NULL
            ? NULL
            : mr_json_parse(call->arena, mr_slice_cstr(delivery->locked.encryption), 4);
    const int64_t version = delivery->locked.version, updated_ms = delivery->locked.updated_ms;
    pthread_mutex_unlock(&delivery->lock);
    mr_json_key(json, "DeliveryStreamDescription");
    mr_json_object(json);
    mr_json_key_cstr(json, "DeliveryStreamName", delivery->name);
    mr_json_key_cstr(json, "DeliveryStreamARN", delivery->arn);
    mr_json_key_cstr(json, "DeliveryStreamStatus",
                     delivery_state_name((enum delivery_state)atomic_load(&delivery->state)));
    mr_json_key_cstr(json, "DeliveryStreamType",
                     source != NULL ? "KinesisStreamAsSource" : "DirectPut");
    if (source == NULL)
        write_encryption(json, encryption);
    mr_json_key_string(json, "VersionId", mr_arena_printf(call->arena, "%lld", (long long)version));
    mr_json_key_timestamp(json, "CreateTimestamp", delivery->created_ms);
    if (updated_ms != 0)
        mr_json_key_timestamp(json, "LastUpdateTimestamp", updated_ms);
    write_source(json, delivery, source);
    write_destinations(json, destination);
    mr_json_key_bool(json, "HasMoreDestinations", false);
    mr_json_object_end(json);
    delivery_unref(delivery);
}

/* ---- ListDeliveryStreams ---- */

struct listing {
    struct mr_json *json;
    struct mr_slice after, type;
    int64_t limit, count;
    bool more;
};

static void list_one(void *ctx, struct delivery *delivery)
{
    struct listing *list = ctx;
    const struct mr_slice name = mr_slice_cstr(delivery->name);
    const struct mr_slice type =
        delivery->window == 0 ? MR_S("KinesisStreamAsSource") : MR_S("DirectPut");
    if ((list->after.len > 0 && mr_slice_compare(name, list->after) <= 0) ||
        (list->type.len > 0 && !mr_slice_equal(list->type, type)))
        return;
    if (list->count == list->limit)
        list->more = true;
    if (list->more)
        return;
    list->count++;
    mr_json_string(list->json, name);
}

static void list(struct protocol_call *call)
{
    struct listing list = {
        .json = &call->out,
        .after = mr_json_get_text(call->in, "ExclusiveStartDeliveryStreamName"),
        .type = mr_json_get_text(call->in, "DeliveryStreamType"),
        .limit = mr_json_get_i64(call->in, "Limit", 10),
    };
    mr_json_key(&call->out, "DeliveryStreamNames");
    mr_json_array(&call->out);
    firehose_each(call->service, list_one, &list);
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "HasMoreDeliveryStreams", list.more);
}

/* ---- UpdateDestination ---- */

struct destination_change {
    struct protocol_call *call;
    struct delivery *delivery;
    yyjson_val *update;
};

/* Under the delivery stream's lock. False with the fault set. */
static bool change_destination(void *ctx)
{
    struct destination_change *change = ctx;
    struct protocol_call *call = change->call;
    struct delivery *delivery = change->delivery;
    const struct mr_slice given = mr_json_get_text(call->in, "CurrentDeliveryStreamVersionId");
    int64_t version = 0;
    if (mr_slice_to_i64(given, &version) != MR_OK || version != delivery->locked.version) {
        protocol_fail(call, &stale,
                      "Cannot update firehose: %s since the current version id: %lld and specified "
                      "version id: %.*s do not match",
                      delivery->name, (long long)delivery->locked.version, MR_ARG(given));
        return false;
    }
    char message[512];
    struct mr_slice description;
    yyjson_val *before =
        mr_json_parse(call->arena, mr_slice_cstr(delivery->locked.destination), 32);
    struct firehose *firehose = call->service;
    if (delivery_is_iceberg(before) !=
        (mr_json_get(call->in, "IcebergDestinationUpdate") != NULL)) {
        protocol_fail(call, &invalid, "The destination's type cannot be changed.");
        return false;
    }
    if (delivery_destination(&firehose->zones, call->arena, change->update, before, &description,
                             message) != MR_OK) {
        protocol_fail(call, &invalid, "%s", message);
        return false;
    }
    free(delivery->locked.destination);
    delivery->locked.destination = mr_strdup_slice(description);
    delivery->locked.version++;
    delivery->locked.updated_ms = call->now_ms;
    return true;
}

/* The outcome of delivery_change. */
static void fail_change(struct protocol_call *call, const struct delivery *delivery,
                        enum mr_status status)
{
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &not_found, "Firehose %s under account %.*s not found.", delivery->name,
                      MR_ARG(call->account));
    protocol_fail_internal(call, status);
}

static void update_destination(struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    struct destination_change change = {.call = call, .delivery = delivery};
    const struct mr_slice id = mr_json_get_text(call->in, "DestinationId");
    if (!mr_slice_equal(id, mr_slice_cstr(destination_id)))
        protocol_fail(call, &invalid, "Destination Id %.*s not found", MR_ARG(id));
    else
        change.update = pick_destination(call, "Update");
    if (change.update != NULL && check_query(call, change.update))
        fail_change(call, delivery, delivery_change(delivery, change_destination, &change));
    delivery_unref(delivery);
}

/* ---- PutRecord, PutRecordBatch ---- */

static bool takes_records(struct protocol_call *call, const struct delivery *delivery)
{
    if (atomic_load(&delivery->state) != DELIVERY_ACTIVE) {
        protocol_fail(call, &not_found, "Firehose %s under account %.*s not found.", delivery->name,
                      MR_ARG(call->account));
        return false;
    }
    if (delivery->window != 0)
        return true;
    protocol_fail(call, &invalid,
                  "This operation is not permitted on KinesisStreamAsSource "
                  "delivery stream type.");
    return false;
}

static bool read_record(struct protocol_call *call, yyjson_val *in, struct mr_slice *ret_data)
{
    if (mr_base64_decode(call->arena, mr_json_get_text(in, "Data"), ret_data) != MR_OK) {
        protocol_fail(call, &serialization, "Data is not base64");
        return false;
    }
    if (ret_data->len > FIREHOSE_RECORD_BYTES_MAX) {
        protocol_fail(call, &protocol_validation,
                      "1 validation error detected: Value at 'record.data' failed to satisfy "
                      "constraint: Member must have length less than or equal to %d",
                      FIREHOSE_RECORD_BYTES_MAX);
        return false;
    }
    return true;
}

static struct mr_slice record_id(struct protocol_call *call, const struct delivery *delivery,
                                 int64_t position)
{
    return mr_arena_printf(call->arena, "%s%020lld", delivery->id, (long long)position);
}

static void put_record(struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    struct firehose *firehose = call->service;
    struct mr_slice data;
    if (takes_records(call, delivery) &&
        read_record(call, mr_json_get(call->in, "Record"), &data)) {
        delivery_meter_latency(call, delivery, DELIVERY_PUT_LATENCY);
        delivery_meter(delivery, DELIVERY_PUT_REQUESTS, 1);
        delivery_meter(delivery, DELIVERY_PUT_BYTES, data.len);
        delivery_meter_request(delivery, 1, data.len);
        struct store_entry entry = store_entry_make(call->arena);
        (void)store_entry_append(&entry, delivery->window, MR_S(""), data);
        protocol_fail_internal(call, store_commit(firehose->options.store, &entry, &call->ticket));
        mr_json_key_string(&call->out, "RecordId",
                           record_id(call, delivery, entry.ops[0].position));
        mr_json_key_bool(&call->out, "Encrypted", atomic_load(&delivery->encrypted));
    }
    delivery_unref(delivery);
}

/* All records of a batch in one entry, so that none fails alone. */
static bool read_batch(struct protocol_call *call, const struct delivery *delivery,
                       struct store_entry *entry)
{
    yyjson_val *item;
    yyjson_arr_iter items;
    size_t bytes = 0;
    yyjson_arr_iter_init(mr_json_get(call->in, "Records"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        struct mr_slice data;
        if (!read_record(call, item, &data))
            return false;
        bytes += data.len;
        (void)store_entry_append(entry, delivery->window, MR_S(""), data);
    }
    if (bytes > BATCH_BYTES_MAX) {
        protocol_fail(call, &invalid, "Records size exceeds 4 MB limit");
        return false;
    }
    delivery_meter(delivery, DELIVERY_BATCH_REQUESTS, 1);
    delivery_meter(delivery, DELIVERY_BATCH_RECORDS, entry->count);
    delivery_meter(delivery, DELIVERY_BATCH_BYTES, bytes);
    delivery_meter_request(delivery, entry->count, bytes);
    return true;
}

static void put_record_batch(struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    struct firehose *firehose = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    delivery_meter_latency(call, delivery, DELIVERY_BATCH_LATENCY);
    if (takes_records(call, delivery) && read_batch(call, delivery, &entry)) {
        protocol_fail_internal(call, store_commit(firehose->options.store, &entry, &call->ticket));
        mr_json_key_int(&call->out, "FailedPutCount", 0);
        mr_json_key_bool(&call->out, "Encrypted", atomic_load(&delivery->encrypted));
        mr_json_key(&call->out, "RequestResponses");
        mr_json_array(&call->out);
        for (size_t i = 0; i < entry.count; i++) {
            mr_json_object(&call->out);
            mr_json_key_string(&call->out, "RecordId",
                               record_id(call, delivery, entry.ops[i].position));
            mr_json_object_end(&call->out);
        }
        mr_json_array_end(&call->out);
    }
    delivery_unref(delivery);
}

/* ---- tags ---- */

enum { TAGS_MAX = 50 };

static void list_tags(struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    pthread_mutex_lock(&delivery->lock);
    yyjson_val *tags = mr_json_parse(call->arena, mr_slice_cstr(delivery->locked.tags), 4);
    pthread_mutex_unlock(&delivery->lock);
    const struct mr_slice after = mr_json_get_text(call->in, "ExclusiveStartTagKey");
    const int64_t limit = mr_json_get_i64(call->in, "Limit", TAGS_MAX);
    bool skip = after.len > 0;
    int64_t count = 0;
    mr_json_key(&call->out, "Tags");
    mr_json_array(&call->out);
    yyjson_val *key;
    yyjson_obj_iter members;
    yyjson_obj_iter_init(tags, &members);
    while (count < limit && (key = yyjson_obj_iter_next(&members)) != NULL) {
        if (skip) {
            skip = !mr_slice_equal(mr_json_text(key), after);
            continue;
        }
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "Key", mr_json_text(key));
        mr_json_key_string(&call->out, "Value", mr_json_text(yyjson_obj_iter_get_val(key)));
        mr_json_object_end(&call->out);
        count++;
    }
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "HasMoreTags", yyjson_obj_iter_has_next(&members));
    delivery_unref(delivery);
}

struct tag_change {
    struct protocol_call *call;
    struct delivery *delivery;
    yyjson_val *set;   /* list of {Key, Value}, or NULL */
    yyjson_val *unset; /* list of keys, or NULL */
};

static bool is_among(yyjson_val *list, struct mr_slice key)
{
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(list, &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        const struct mr_slice name =
            yyjson_is_obj(item) ? mr_json_get_text(item, "Key") : mr_json_text(item);
        if (mr_slice_equal(name, key))
            return true;
    }
    return false;
}

/* Under the delivery stream's lock: those that stay, then those that are set. */
static bool change_tags(void *ctx)
{
    struct tag_change *change = ctx;
    struct delivery *delivery = change->delivery;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t count = yyjson_arr_size(change->set);
    yyjson_val *before =
        mr_json_parse(change->call->arena, mr_slice_cstr(delivery->locked.tags), 4);
    mr_json_object(&json);
    yyjson_val *item;
    yyjson_obj_iter members;
    yyjson_obj_iter_init(before, &members);
    while ((item = yyjson_obj_iter_next(&members)) != NULL) {
        const struct mr_slice key = mr_json_text(item);
        if (is_among(change->set, key) || is_among(change->unset, key))
            continue;
        mr_json_name(&json, key);
        mr_json_string(&json, mr_json_text(yyjson_obj_iter_get_val(item)));
        count++;
    }
    yyjson_arr_iter items;
    yyjson_arr_iter_init(change->set, &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        mr_json_name(&json, mr_json_get_text(item, "Key"));
        mr_json_string(&json, mr_json_get_text(item, "Value"));
    }
    mr_json_object_end(&json);
    if (count <= TAGS_MAX) {
        free(delivery->locked.tags);
        delivery->locked.tags = mr_strdup_slice(mr_buf_slice(&buf));
    } else {
        protocol_fail(change->call, &limit_exceeded, "A delivery stream has at most %d tags.",
                      TAGS_MAX);
    }
    mr_buf_fini(&buf);
    return count <= TAGS_MAX;
}

static void tag(struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    struct tag_change change = {
        .call = call,
        .delivery = delivery,
        .set = mr_json_get(call->in, "Tags"),
        .unset = mr_json_get(call->in, "TagKeys"),
    };
    fail_change(call, delivery, delivery_change(delivery, change_tags, &change));
    delivery_unref(delivery);
}

/* ---- encryption ---- */

struct encryption_change {
    struct delivery *delivery;
    struct mr_slice text; /* empty: no encryption from now on */
};

/* Under the delivery stream's lock. */
static bool change_encryption(void *ctx)
{
    const struct encryption_change *change = ctx;
    struct delivery *delivery = change->delivery;
    free(delivery->locked.encryption);
    delivery->locked.encryption = change->text.len > 0 ? mr_strdup_slice(change->text) : NULL;
    atomic_store(&delivery->encrypted, change->text.len > 0);
    return true;
}

static void start_encryption(struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    yyjson_val *in = mr_json_get(call->in, "DeliveryStreamEncryptionConfigurationInput");
    if (in == NULL) /* AWS: its own key */
        in = mr_json_parse(call->arena, MR_S("{\"KeyType\":\"AWS_OWNED_CMK\"}"), 2);
    struct encryption_change change = {.delivery = delivery};
    if (read_encryption(call, in, delivery->window != 0, &change.text))
        fail_change(call, delivery, delivery_change(delivery, change_encryption, &change));
    delivery_unref(delivery);
}

static void stop_encryption(struct protocol_call *call)
{
    struct delivery *delivery = find(call);
    if (delivery == NULL)
        return;
    struct encryption_change change = {.delivery = delivery};
    if (delivery->window == 0)
        protocol_fail(
            call, &invalid,
            "Server side encryption from firehose is only allowed for direct put delivery "
            "streams and database as a source delivery streams");
    else
        fail_change(call, delivery, delivery_change(delivery, change_encryption, &change));
    delivery_unref(delivery);
}

const struct protocol_handler firehose_handlers[] = {
    {.operation = "CreateDeliveryStream", .run = create},
    {.operation = "DescribeDeliveryStream", .run = describe},
    {.operation = "ListDeliveryStreams", .run = list},
    {.operation = "DeleteDeliveryStream", .run = delete},
    {.operation = "UpdateDestination", .run = update_destination},
    {.operation = "PutRecord", .run = put_record, .flags = PROTOCOL_INLINE},
    {.operation = "PutRecordBatch", .run = put_record_batch, .flags = PROTOCOL_INLINE},
    {.operation = "ListTagsForDeliveryStream", .run = list_tags},
    {.operation = "TagDeliveryStream", .run = tag},
    {.operation = "UntagDeliveryStream", .run = tag},
    {.operation = "StartDeliveryStreamEncryption", .run = start_encryption},
    {.operation = "StopDeliveryStreamEncryption", .run = stop_encryption},
};
const size_t firehose_handler_count = MR_COUNT(firehose_handlers);
