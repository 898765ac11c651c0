/* firehose/internal.h: what the files of this folder share. */
#pragma once
#include "firehose/firehose.h"
#include "base/map.h"
#include <pthread.h>
#include <stdatomic.h>

#define FIREHOSE_DIRECT "direct" /* stands for a shard in the cursor's name */

enum delivery_state { DELIVERY_CREATING, DELIVERY_ACTIVE, DELIVERY_DELETING, DELIVERY_STATES };

enum {
    FIREHOSE_RECORD_BYTES_MAX = FIREHOSE_PUT_BYTES_MAX,
    FIREHOSE_ID_TEXT = 37,
    FIREHOSE_BATCH_BYTES_MAX =
        3 << 20, /* raw bytes of one invocation: base64 and JSON keep below 6 MB */
    FIREHOSE_BATCH_RECORDS_MAX = 10000,
    /* An event for a function is at most 6 MB: no record is added behind this size, and the last
     * one (1 MiB, as base64) still fits. */
    FIREHOSE_EVENT_BYTES_MAX = 4500000,
};

/* What a delivery stream does with its records; made from its document. Slices live in the arena
 * given to delivery_config_read. */
struct delivery_config {
    struct mr_slice bucket;
    struct mr_slice prefix, error_prefix;
    struct mr_slice extension; /* FileExtension; empty: by the compression */
    struct mr_slice function;  /* ARN; empty: no transformation */
    struct mr_slice delimiter; /* AppendDelimiterToRecord, unescaped */
    bool gzip;
    uint64_t size_bytes;
    int64_t interval_ms;
    uint64_t function_bytes; /* raw bytes per invocation */
    int64_t retries;
};

/* A record on its way. Slices live in the pump's arena. */
struct delivery_record {
    struct mr_slice data, key;
    int64_t position, arrival_ms;
    uint32_t shard; /* index in the Kinesis stream */
};

/* Where records come from: a Kinesis shard, or the window of PutRecord. */
struct delivery_source {
    char id[KINESIS_ID_TEXT]; /* in the cursor's name */
    uint32_t window;
    uint32_t shard;
    struct journal_cursor cursor;
    int64_t committed; /* position in the store */
    bool done;         /* a closed shard, read to its end */
};

/* The pump's own; nobody else touches it. */
struct delivery_pump {
    struct kinesis_stream *stream;
    struct delivery_source *sources;
    size_t source_count;
    struct mr_arena raw_arena; /* holds `raw` */
    struct delivery_record *raw;
    size_t raw_count, raw_capacity;
    uint64_t raw_bytes;
    uint64_t event_bytes;    /* of the event that would carry `raw`, at most */
    bool stuck;              /* `good` and `bad` are due and did not land: nothing is read */
    bool drained;            /* the last look found nothing more to read */
    struct mr_buf good, bad; /* what the next object and the next error object hold */
    uint64_t good_records, bad_records, dropped;
    int64_t opened_ms; /* when the first record of the buffer was taken; 0: empty */
    int64_t oldest_ms; /* arrival of the oldest record */
    int64_t attempts;  /* of a stage that cannot move */
    int64_t blocked_until_ms;
};

struct delivery {
    char *name, *arn; /* owned */
    char id[FIREHOSE_ID_TEXT];
    struct firehose *firehose;
    atomic_int refs;
    atomic_int state;
    uint32_t window; /* of PutRecord; 0 with a Kinesis source */
    int64_t created_ms;

    pthread_mutex_t change; /* one update or delete at a time; never held by the pump */
    pthread_mutex_t lock;   /* guards `locked` */
    struct {
        char *destination; /* JSON: the ExtendedS3 description with defaults; owned */
        char *source;      /* JSON {"KinesisStreamARN","RoleARN"} or NULL; owned */
        char *tags;        /* JSON object; owned */
        int64_t version, updated_ms;
        char last_error[512];
    } locked;
    struct runtime_pump *pump; /* set before others can find the delivery stream; `change` */
    struct delivery_pump p;
    atomic_ullong records_in, records_out, failed, dropped, objects, bytes_out;
    atomic_llong landed_ms;  /* arrival of the newest object's oldest record; 0: none */
    atomic_llong waiting;    /* records buffered now */
    atomic_llong waiting_ms; /* arrival of the oldest of them; 0: none */
};

struct firehose {
    struct firehose_options options;
    pthread_rwlock_t lock;  /* guards map */
    struct mr_map map;      /* name -> struct delivery */
    pthread_mutex_t create; /* one CreateDeliveryStream at a time */
    atomic_bool stopping;   /* see firehose_stop */
};

/* ---- deliveries.c ---- */
const char *delivery_state_name(enum delivery_state state);
struct delivery *delivery_find(struct firehose *firehose, struct mr_slice name);
void delivery_unref(struct delivery *delivery);
struct delivery_create {
    struct mr_slice name, arn, destination, source, tags; /* source: empty for DirectPut */
    struct mr_slice stream_arn;
    int64_t now_ms;
};
/* MR_EXISTS; MR_NOT_FOUND: no such Kinesis stream. Durable when it returns. */
MR_MUST_USE enum mr_status delivery_create(struct firehose *firehose,
                                           const struct delivery_create *create);
/* MR_NOT_FOUND: somebody else did. */
MR_MUST_USE enum mr_status delivery_delete(struct delivery *delivery);
/* A change of `locked`: `fn` makes it, under the lock; false: it made none. Durable when it
 * returns, and the pump is woken. MR_NOT_FOUND: the delivery stream was deleted. */
MR_MUST_USE enum mr_status delivery_change(struct delivery *delivery, bool (*fn)(void *ctx),
                                           void *ctx);
/* It is being deleted or the server stops: what a function says now is not to be trusted, and
 * nothing is landed any more. */
bool delivery_is_ending(const struct delivery *delivery);
/* Notes what keeps it from moving; logged once a text. An empty text clears it. */
void delivery_note(struct delivery *delivery, const char *format, ...) MR_PRINTF(2, 3);
void firehose_each(struct firehose *firehose, void (*fn)(void *ctx, struct delivery *delivery),
                   void *ctx);
struct mr_slice delivery_cursor_name(struct mr_arena *arena, const struct delivery *delivery,
                                     struct mr_slice source);

/* ---- config.c ---- */
/* Checks a destination as Create and Update give it and writes its description, AWS's defaults
 * filled in; `before` (NULL when made) lends what `in` leaves out. MR_INVALID: `message` says what
 * is wrong or not supported. */
MR_MUST_USE enum mr_status delivery_destination(struct mr_arena *arena, yyjson_val *in,
                                                yyjson_val *before, struct mr_slice *ret_json,
                                                char message[static 512]);
/* From a description made by delivery_destination. */
MR_MUST_USE enum mr_status delivery_config_read(struct mr_arena *arena, struct mr_slice description,
                                                struct delivery_config *ret_config);

/* ---- prefix.c ---- */
bool prefix_has_expression(struct mr_slice prefix);
/* MR_INVALID: `message` says which expression is not one. `error`: of ErrorOutputPrefix. */
MR_MUST_USE enum mr_status prefix_check(struct mr_slice prefix, bool error,
                                        char message[static 512]);
struct prefix_values {
    int64_t time_ms;
    struct mr_slice error_type; /* empty in a data prefix */
    struct mr_rng *rng;
};
/* The folder part of a key: the prefix evaluated, with yyyy/MM/dd/HH/ where AWS adds it. */
void prefix_write(struct mr_buf *buf, struct mr_slice prefix, const struct prefix_values *values);
/* The folder part of an error object's key: by the error prefix, or below the data prefix. */
void prefix_write_error(struct mr_buf *buf, const struct delivery_config *config,
                        const struct prefix_values *values);

/* ---- transform.c ---- */
struct transform_input {
    const struct delivery *delivery;
    const struct delivery_config *config;
    const struct kinesis_stream *stream; /* NULL: DirectPut */
    const struct delivery_record *records;
    size_t count;
};
struct transform_output {
    struct mr_buf *good, *bad; /* appended to */
    uint64_t good_records, bad_records, dropped;
};
/* Invokes the function and sorts its answer. MR_OK: every record is in good, in bad, or dropped.
 * MR_AGAIN: the function cannot be called now (`message` says why); nothing was appended. MR_END:
 * the delivery is ending; nothing was appended. */
MR_MUST_USE enum mr_status transform_run(struct mr_arena *arena,
                                         const struct transform_input *input,
                                         struct transform_output *output, char message[static 512]);
/* The two halves, for tests. */
struct mr_slice transform_event(struct mr_arena *arena, const struct transform_input *input,
                                struct mr_slice invocation_id);
void transform_sort(struct mr_arena *arena, const struct transform_input *input,
                    struct mr_slice answer, int64_t now_ms, struct transform_output *output);

/* ---- sources.c: the pump's own ---- */
/* Takes up sources that have come. MR_NOT_FOUND: the Kinesis stream does not exist. */
MR_MUST_USE enum mr_status delivery_sources_find(struct delivery *delivery);
/* Fills `raw` up to `limit` bytes (and the bounds above). *ret_more: a source has more to give. */
MR_MUST_USE enum mr_status delivery_sources_read(struct delivery *delivery, uint64_t limit,
                                                 bool *ret_more);
/* The cursors behind all that was read join the entry; `committed`: the entry was committed. */
void delivery_sources_put(struct delivery *delivery, struct store_entry *entry);
void delivery_sources_committed(struct delivery *delivery);
/* Bytes of journal that were read and whose cursor is not stored: the most of any source. */
int64_t delivery_sources_passed(const struct delivery *delivery);
void delivery_sources_fini(struct delivery *delivery);

/* ---- pump.c ---- */
enum runtime_pump_next delivery_pump_step(void *ctx, int64_t *ret_wake_ms);
void delivery_pump_fini(struct delivery *delivery);

extern const struct protocol_handler firehose_handlers[];
extern const size_t firehose_handler_count;
