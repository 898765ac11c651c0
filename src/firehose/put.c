/* Records that come from inside the process: what PutRecordBatch does, with the caller's ops in the
 * same entry. */
#include "firehose/internal.h"
#include "base/point.h"

/* A delivery stream that takes PutRecord, as a counted reference, or NULL. */
static struct delivery *direct_named(struct firehose *firehose, struct mr_slice name_or_arn)
{
    const size_t slash = mr_slice_find(name_or_arn, '/');
    const struct mr_slice name =
        slash == SIZE_MAX ? name_or_arn : mr_slice_sub(name_or_arn, slash + 1, SIZE_MAX);
    struct delivery *delivery = delivery_find(firehose, name);
    if (delivery != NULL &&
        (delivery->window == 0 || atomic_load(&delivery->state) != DELIVERY_ACTIVE)) {
        delivery_unref(delivery);
        return NULL;
    }
    return delivery;
}

bool firehose_takes(struct firehose *firehose, struct mr_slice name_or_arn)
{
    struct delivery *delivery = direct_named(firehose, name_or_arn);
    delivery_unref(delivery);
    return delivery != NULL;
}

enum mr_status firehose_put(struct firehose *firehose, struct mr_slice name_or_arn,
                            const struct mr_slice *records, size_t count, struct store_entry *entry,
                            int64_t *ret_ticket)
{
    struct delivery *delivery = direct_named(firehose, name_or_arn);
    if (delivery == NULL)
        return MR_NOT_FOUND;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        (void)store_entry_append(entry, delivery->window, MR_S(""), records[i]);
        bytes += records[i].len;
    }
    mr_point(MR_POINT_FIREHOSE_PUT);
    const enum mr_status status = store_commit(firehose->options.store, entry, ret_ticket);
    mr_point(MR_POINT_FIREHOSE_PUT_DONE);
    if (status == MR_OK) {
        delivery_meter(delivery, DELIVERY_IN_RECORDS, count);
        delivery_meter(delivery, DELIVERY_IN_BYTES, bytes);
    }
    delivery_unref(delivery);
    return status;
}
