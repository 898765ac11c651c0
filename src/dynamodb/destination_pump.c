/* The pump of a Kinesis streaming destination: changes of the table's lanes -> one Kinesis entry
 * with the new cursor.
 *
 * For each lane: read at most BATCH_RECORDS durable changes from the cursor, render each as AWS
 * does, and commit the Kinesis records AND the lane's cursor in one journal entry (kinesis_put).
 * After a crash both are there or neither, so nothing is lost or doubled. All changes of an item
 * have one partition key and lie in one lane, so they stay in order.
 *
 * A stream that is gone is waited for: a new one of the same name gets what has not been carried.
 * A record that is larger than the stream takes is left out, counted and logged. */
#include "dynamodb/destination.h"
#include "base/point.h"
#include "base/codec.h"
#include "base/log.h"

enum {
    BATCH_RECORDS = 500,
    BATCH_BYTES_MAX = 6 << 20,
    ROUNDS_PER_STEP = 16,
    LOOK_AROUND_MS = 1000,
    /* Journal read past without a change of ours, a quarter of a segment, before the cursor is
     * stored all the same: so the journal is not held for nothing. */
    IDLE_COMMITS_A_SEGMENT = 4,
};

struct mr_slice destination_cursor_name(struct mr_arena *arena,
                                        const struct destination *destination, size_t lane)
{
    return mr_arena_printf(arena, "destination/%s/%zu", destination->id, lane);
}

/* ---- a record ---- */

/* The journal tells the millisecond. Changes of one lane within it follow each other by a
 * microsecond, so that the order of a reader who sorts by the time is the order of the changes. */
static int64_t microseconds(struct destination_lane *lane, int64_t time_ms)
{
    int64_t us = time_ms * 1000;
    lane->last_us = us > lane->last_us ? us : lane->last_us + 1;
    return lane->last_us;
}

static void image_json(struct mr_json *json, const char *name, struct mr_slice image)
{
    if (image.ptr == NULL)
        return;
    mr_json_key(json, name);
    item_json(json, image);
}

static uint64_t image_size(struct mr_slice image)
{
    return image.ptr == NULL ? 0 : item_size(image);
}

static void change_json(struct mr_json *json, const struct streams_change *change, int64_t time,
                        bool microsecond)
{
    uint64_t size =
        item_size(change->keys) + image_size(change->new_image) + image_size(change->old_image);
    mr_json_key(json, "dynamodb");
    mr_json_object(json);
    mr_json_key_int(json, "ApproximateCreationDateTime", time);
    image_json(json, "Keys", change->keys);
    image_json(json, "NewImage", change->new_image);
    image_json(json, "OldImage", change->old_image);
    mr_json_key_int(json, "SizeBytes", (int64_t)size);
    if (microsecond)
        mr_json_key_cstr(json, "ApproximateCreationDateTimePrecision", "MICROSECOND");
    mr_json_object_end(json);
}

static void identity_json(struct mr_json *json, bool by_service)
{
    mr_json_key(json, "userIdentity");
    if (!by_service) {
        mr_json_null(json);
        return;
    }
    mr_json_object(json);
    mr_json_key_cstr(json, "principalId", "dynamodb.amazonaws.com");
    mr_json_key_cstr(json, "type", "Service");
    mr_json_object_end(json);
}

/* AWS: other than the table's stream tells it: a UUID, milliseconds, no sequence number. */
static void record_json(struct destination *destination, struct destination_lane *lane,
                        const struct streams_change *change, int64_t time_ms)
{
    static const char *const events[] = {"", "INSERT", "MODIFY", "REMOVE"};
    bool microsecond = atomic_load(&destination->precision) == DESTINATION_MICROSECOND;
    struct mr_json json = mr_json_make(&destination->text);
    char id[37];
    mr_rng_uuid(destination->dynamodb->rng, id);
    mr_json_object(&json);
    mr_json_key_string(&json, "awsRegion", destination->region);
    mr_json_key_cstr(&json, "eventID", id);
    mr_json_key_cstr(&json, "eventName", events[change->event]);
    identity_json(&json, change->by_service);
    mr_json_key_cstr(&json, "recordFormat", "application/json");
    mr_json_key_string(&json, "tableName", destination->table);
    change_json(&json, change, microsecond ? microseconds(lane, time_ms) : time_ms, microsecond);
    mr_json_key_cstr(&json, "eventSource", "aws:dynamodb");
    mr_json_object_end(&json);
}

/* The same for all changes of an item, and no more telling than AWS's: 32 hexadecimal digits. */
static struct mr_slice partition_key(struct mr_arena *arena, struct mr_slice keys)
{
    uint8_t digest[16];
    char text[33];
    mr_md5(keys, digest);
    mr_hex(digest, sizeof(digest), text);
    for (size_t i = 0; i < 32; i++)
        text[i] = (char)(text[i] >= 'a' ? text[i] - 'a' + 'A' : text[i]);
    return mr_arena_copy(arena, mr_slice_make(text, 32));
}

/* ---- a batch ---- */

struct batch {
    struct kinesis_record *records;
    size_t count, bytes;
    int64_t last_ms; /* commit time of the last change read */
    uint64_t dropped;
    enum mr_status end; /* MR_OK: full; MR_AGAIN: nothing more now; MR_END: nothing ever; < 0 */
};

/* MR_OK: *ret_op is the lane's next change. MR_AGAIN, MR_END, < 0. */
static enum mr_status next_change(struct destination *destination, struct destination_lane *lane,
                                  struct journal_op *ret_op)
{
    struct journal *journal = store_journal(destination->dynamodb->store);
    enum mr_status status = journal_next(journal, lane->window, &lane->cursor, ret_op);
    if (status == MR_NOT_FOUND) {
        int64_t first = journal_first(journal);
        destination_note(destination, "changes were trimmed before they could be carried");
        lane->cursor.position = first > lane->cursor.position ? first : lane->cursor.position;
        status = journal_next(journal, lane->window, &lane->cursor, ret_op);
    }
    /* Looked at behind the op: the end is set before any change that it shuts out is written. */
    int64_t end = atomic_load(&destination->end);
    if (status == MR_OK)
        return ret_op->position >= end ? MR_END : MR_OK;
    if (status != MR_END)
        return status;
    return lane->cursor.position >= end ? MR_END : MR_AGAIN;
}

static void add_record(struct destination *destination, struct destination_lane *lane,
                       const struct streams_change *change, int64_t time_ms, struct batch *batch)
{
    struct kinesis_record *record = &batch->records[batch->count];
    mr_buf_reset(&destination->text);
    record_json(destination, lane, change, time_ms);
    record->partition_key = partition_key(&destination->batch, change->keys);
    size_t bytes = destination->text.len + record->partition_key.len;
    if (bytes > kinesis_record_bytes_max(destination->target)) {
        destination_note(destination,
                         "a record of %zu bytes is larger than the stream takes and "
                         "was left out",
                         bytes);
        batch->dropped++;
        return;
    }
    record->data = mr_arena_copy(&destination->batch, mr_buf_slice(&destination->text));
    batch->bytes += bytes;
    batch->count++;
}

static void read_batch(struct destination *destination, struct destination_lane *lane,
                       struct batch *batch)
{
    struct journal_op op;
    struct streams_change change;
    batch->records = MR_NEW_ARRAY(&destination->batch, struct kinesis_record, BATCH_RECORDS);
    while (batch->count < BATCH_RECORDS && batch->bytes < BATCH_BYTES_MAX) {
        batch->end = next_change(destination, lane, &op);
        if (batch->end != MR_OK)
            return;
        if (!streams_change_read(&op, &change)) {
            batch->end = MR_RAISE(MR_FAIL_DATA, "a change of table '%.*s' has no meta",
                                  MR_ARG(destination->table));
            return;
        }
        add_record(destination, lane, &change, op.time_ms, batch);
        batch->last_ms = op.time_ms;
    }
}

static void rewind_lane(struct destination_lane *lane)
{
    journal_cursor_fini(&lane->cursor);
    lane->cursor = (struct journal_cursor){.position = lane->committed};
}

static enum mr_status commit_batch(struct destination *destination, size_t index,
                                   struct batch *batch)
{
    struct destination_lane *lane = &destination->lanes[index];
    struct dynamodb *dynamodb = destination->dynamodb;
    struct store_entry entry = store_entry_make(&destination->batch);
    int64_t ticket;
    store_cursor_put(&entry, destination_cursor_name(&destination->batch, destination, index),
                     lane->cursor.position);
    mr_point(MR_POINT_DYNAMODB_DESTINATION_COMMIT);
    enum mr_status status = batch->count == 0
                                ? store_commit(dynamodb->store, &entry, &ticket)
                                : kinesis_put(dynamodb->kinesis, destination->target,
                                              batch->records, batch->count, &entry, &ticket);
    mr_point(MR_POINT_DYNAMODB_DESTINATION_COMMITTED);
    if (status == MR_OK) {
        lane->committed = lane->cursor.position;
        atomic_fetch_add(&destination->records, batch->count);
        atomic_fetch_add(&destination->dropped, batch->dropped);
        if (batch->last_ms != 0)
            atomic_store(&destination->last_ms, batch->last_ms);
    } else {
        rewind_lane(lane);
    }
    return status;
}

/* MR_OK: something was carried.  MR_AGAIN: nothing to do now.  MR_NOT_FOUND: the stream is gone.
 * < 0. */
static enum mr_status pump_lane(struct destination *destination, size_t index)
{
    struct destination_lane *lane = &destination->lanes[index];
    struct batch batch = {.end = MR_OK};
    enum mr_status status = MR_AGAIN;
    if (lane->done)
        return MR_AGAIN;
    read_batch(destination, lane, &batch);
    int64_t passed = lane->cursor.position - lane->committed;
    struct journal *journal = store_journal(destination->dynamodb->store);
    int64_t idle_bytes = (int64_t)journal_segment_bytes(journal) / IDLE_COMMITS_A_SEGMENT;
    bool idle = batch.end == MR_AGAIN && passed > idle_bytes;
    if (batch.end < 0)
        rewind_lane(lane);
    else if (batch.count + batch.dropped > 0 || idle)
        status = commit_batch(destination, index, &batch);
    if (status == MR_OK || status == MR_AGAIN)
        lane->done = batch.end == MR_END;
    if (status == MR_OK || status == MR_AGAIN)
        atomic_store(&lane->passed, lane->cursor.position);
    if (batch.end == MR_OK) /* more lies behind the batch */
        atomic_store(&destination->waiting_ms, batch.last_ms);
    mr_arena_reset(&destination->batch);
    return batch.end < 0 ? batch.end : idle && status == MR_OK ? MR_AGAIN : status;
}

/* ---- the pump ---- */

static bool all_done(const struct destination *destination)
{
    for (size_t i = 0; i < destination->lane_count; i++) {
        if (!destination->lanes[i].done)
            return false;
    }
    return true;
}

static bool have_target(struct destination *destination)
{
    struct kinesis *kinesis = destination->dynamodb->kinesis;
    if (destination->target != NULL && kinesis_stream_deleted(destination->target)) {
        kinesis_release(kinesis, destination->target);
        destination->target = NULL;
    }
    if (destination->target == NULL) {
        destination->target = kinesis_find(kinesis, destination->stream);
        if (destination->target != NULL)
            destination_note(destination, "%s", "");
    }
    return destination->target != NULL;
}

static enum runtime_pump_next finish(struct destination *destination)
{
    if (destination_finish(destination) < 0)
        mr_log(MR_LOG_ERROR, "dynamodb", "a destination of table '%.*s' stays until the restart",
               MR_ARG(destination->table));
    return RUNTIME_PUMP_DONE;
}

/* AWS keeps such a destination ACTIVE and says nothing. */
static enum runtime_pump_next wait_for_target(struct destination *destination, int64_t *ret_wake_ms)
{
    if (destination_is_ending(destination)) {
        mr_log(MR_LOG_WARN, "dynamodb",
               "table '%.*s': the stream '%.*s' is gone: changes made before the destination was "
               "disabled may not have been carried",
               MR_ARG(destination->table), MR_ARG(destination->stream));
        return finish(destination);
    }
    destination_note(destination, "the stream does not exist; goes on when there is one");
    *ret_wake_ms = store_now(destination->dynamodb->store) + LOOK_AROUND_MS;
    return RUNTIME_PUMP_WAIT;
}

static enum runtime_pump_next destination_step(void *ctx, int64_t *ret_wake_ms)
{
    struct destination *destination = ctx;
    bool moved = true;
    if (!have_target(destination))
        return wait_for_target(destination, ret_wake_ms);
    atomic_store(&destination->waiting_ms, 0);
    for (int round = 0; round < ROUNDS_PER_STEP && moved; round++) {
        moved = false;
        for (size_t i = 0; i < destination->lane_count; i++) {
            enum mr_status status = pump_lane(destination, i);
            moved = moved || status == MR_OK;
            if (status == MR_NOT_FOUND)
                return RUNTIME_PUMP_AGAIN; /* the next step sees that the stream is gone */
            if (status < 0) {
                destination_note(destination, "an internal failure stopped it until the restart; "
                                              "the server's log says which");
                return RUNTIME_PUMP_DONE;
            }
        }
    }
    if (all_done(destination))
        return finish(destination);
    *ret_wake_ms = store_now(destination->dynamodb->store) + LOOK_AROUND_MS;
    return moved ? RUNTIME_PUMP_AGAIN : RUNTIME_PUMP_WAIT;
}

void destination_start(struct destination *destination)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "destination of %.*s", MR_ARG(destination->table));
    mr_arena_init(&destination->batch);
    destination->pump =
        runtime_pump_start(destination->dynamodb->runtime, name, destination_step, destination);
    for (size_t i = 0; i < destination->lane_count; i++)
        runtime_pump_watch(destination->pump, destination->lanes[i].window);
}

void destination_stop(struct destination *destination)
{
    if (destination->pump == NULL)
        return;
    runtime_pump_stop(destination->pump);
    destination->pump = NULL;
    for (size_t i = 0; i < destination->lane_count; i++)
        journal_cursor_fini(&destination->lanes[i].cursor);
    if (destination->target != NULL)
        kinesis_release(destination->dynamodb->kinesis, destination->target);
    destination->target = NULL;
    mr_buf_fini(&destination->text);
    mr_arena_fini(&destination->batch);
}
