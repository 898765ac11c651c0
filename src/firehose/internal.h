/* firehose/internal.h: what the files of this folder share. */
#pragma once
#include "firehose/firehose.h"
#include "base/map.h"
#include "firehose/buffers.h"
#include "firehose/config.h"
#include "firehose/extract.h"
#include <pthread.h>
#include <stdatomic.h>

#define FIREHOSE_DIRECT "direct" /* stands for a shard in the cursor's name */

enum delivery_state { DELIVERY_CREATING, DELIVERY_ACTIVE, DELIVERY_DELETING, DELIVERY_STATES };

enum {
    FIREHOSE_RECORD_BYTES_MAX = FIREHOSE_PUT_BYTES_MAX,
    FIREHOSE_ID_TEXT = 37,
    FIREHOSE_BATCH_BYTES_MAX =
        3 << 20,            /* raw bytes of one invocation: base64 and JSON keep below 6 MB */
    FIREHOSE_CALLS_MAX = 4, /* of its function that a delivery stream makes at once */
    FIREHOSE_BATCH_RECORDS_MAX = 10000,
    FIREHOSE_DROPPED_MAX = 1 << 18, /* marks of dropped records that one landing notes */
    /* An event for a function is at most 6 MB: no record is added behind this size, and the last
     * one (1 MiB, as base64) still fits. */
    FIREHOSE_EVENT_BYTES_MAX = 4500000,
    FIREHOSE_EVENT_RECORD_BYTES = 380, /* of a record besides its data and key: ids, times, names */
};

/* A record on its way. Slices live in the pump's arena. */
struct delivery_record {
    struct mr_slice data, key;
    struct mr_slice original; /* what an error object shows of it */
    bool unreadable;          /* it could not be decompressed */
    int64_t position, arrival_ms;
    uint32_t shard;  /* index in the Kinesis stream */
    uint32_t source; /* index in the pump's sources */
    uint32_t sub;    /* index among the records that lay in one */
};

/* Where records come from: a Kinesis shard, or the window of PutRecord. Three things are stored of
 * it, all in the entry that lands something: the position in front of which all is landed, that in
 * front of which all is backed up, and what is landed already behind the first (`landed`). */
struct delivery_source {
    char id[KINESIS_ID_TEXT]; /* in the cursor's name */
    uint32_t window;
    uint32_t shard;
    struct journal_cursor cursor;       /* reads on from here */
    int64_t data_from, backup_from;     /* what lies before was landed, backed up, earlier */
    int64_t data_stored, backup_stored; /* the positions in the store; -1: none */
    struct mark_set landed;
    bool landed_stored; /* the store has a set of it */
    struct {            /* what the entry in the making stores */
        int64_t data_from, backup_from;
        struct mark_set landed;
    } next;
    bool done; /* a closed shard, read to its end */
};

/* How far a source has landed, for those who ask. */
struct delivery_place {
    char id[KINESIS_ID_TEXT];
    int64_t passed; /* all in front of it has landed, or was dropped; the backup too */
};

/* The pump's own; nobody else touches it. */
struct delivery_pump {
    struct kinesis_stream *stream;
    struct delivery_source *sources;
    size_t source_count;
    struct mr_arena raw_arena; /* holds `raw` */
    struct delivery_record *raw;
    size_t raw_count, raw_capacity;
    size_t raw_done; /* so many are in the buffers already */
    uint64_t raw_bytes;
    uint64_t event_bytes;  /* of the event that would carry `raw`, at most */
    int64_t raw_opened_ms; /* when the first of `raw` was taken */
    bool stuck;            /* what is due did not land: nothing is read */
    bool drained;          /* the last look found nothing more to read */
    struct buffer_set buffers;
    struct mark_set dropped; /* what the function said to drop, since something landed last */
    uint64_t dropped_more;   /* and so many beyond FIREHOSE_DROPPED_MAX, without a mark */
    bool all_due;            /* every partition lands with the next */
    bool flushing;           /* all that is held lands now: somebody asked for it */
    int64_t flushed;         /* the last such wish that is done */
    size_t landed_marks;     /* delivery_sources_landed, a moment ago */
    int64_t opened_ms;       /* when the first record that has not landed was taken; 0: none */
    int64_t attempts;        /* of a stage that cannot move */
    int64_t blocked_until_ms;
    int64_t alone_until_ms;       /* one invocation at a time till then */
    struct mr_arena config_arena; /* holds `config` */
    struct delivery_config config;
    int64_t config_version;      /* that it was made from; 0: none */
    struct extractor *extractor; /* of config.query; NULL: not started */
};

struct delivery {
    char *name, *arn; /* owned */
    char id[FIREHOSE_ID_TEXT];
    struct firehose *firehose;
    atomic_int refs;
    atomic_int state;
    uint32_t window; /* of PutRecord; 0 with a Kinesis source */
    int64_t created_ms;
    int64_t throughput_mb; /* DirectPutSourceConfiguration's hint; 0: none was given */
    atomic_bool encrypted; /* locked.encryption != NULL */

    pthread_mutex_t change; /* one update or delete at a time; never held by the pump */
    pthread_mutex_t lock;   /* guards `locked` */
    struct {
        char *destination; /* JSON: the ExtendedS3 description with defaults; owned */
        char *source;      /* JSON {"KinesisStreamARN","RoleARN"} or NULL; owned */
        char *tags;        /* JSON object; owned */
        char *encryption;  /* JSON {"KeyARN"?,"KeyType"}, or NULL: none; owned */
        int64_t version, updated_ms;
        char last_error[512];
        char watched[512];             /* what watch.c has said; "": nothing */
        struct delivery_place *places; /* of the sources, as the last step left them; owned */
        size_t place_count;
    } locked;
    struct runtime_pump *pump; /* set before others can find the delivery stream; `change` */
    struct delivery_pump p;
    atomic_ullong records_in, records_out, failed, dropped, objects, bytes_out;
    struct meter_set meters;
    atomic_llong landed_ms;  /* arrival of the newest object's oldest record; 0: none */
    atomic_llong flush;      /* what was written in front of it waits for no buffer */
    atomic_llong waiting;    /* records buffered now */
    atomic_llong calling_ms; /* since when its function is being called; 0: it is not */
    atomic_llong landing_ms; /* since when objects are being stored; 0: none is */
    atomic_llong waiting_ms; /* arrival of the oldest of them; 0: none */
};

struct firehose {
    struct firehose_options options;
    pthread_rwlock_t lock;  /* guards map */
    struct mr_map map;      /* name -> struct delivery */
    pthread_mutex_t create; /* one CreateDeliveryStream at a time */
    struct runtime_pump *watch;
    atomic_bool stopping; /* see firehose_stop */
    struct zones zones;
};

/* ---- deliveries.c ---- */
const char *delivery_state_name(enum delivery_state state);
struct delivery *delivery_find(struct firehose *firehose, struct mr_slice name);
void delivery_unref(struct delivery *delivery);
struct delivery_create {
    struct mr_slice name, arn, destination, tags;
    struct mr_slice source;     /* empty for DirectPut */
    struct mr_slice encryption; /* may be empty */
    int64_t throughput_mb;
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
/* Notes what keeps it from moving; logged once a text, with AWS's error code when there is one
 * (else NULL). An empty text clears it. */
void delivery_note(struct delivery *delivery, const char *code, const char *format, ...)
    MR_PRINTF(3, 4);
void firehose_each(struct firehose *firehose, void (*fn)(void *ctx, struct delivery *delivery),
                   void *ctx);
struct mr_slice delivery_cursor_name(struct mr_arena *arena, const struct delivery *delivery,
                                     struct mr_slice source);

/* ---- transform.c ---- */
struct transform_input {
    const struct delivery *delivery;
    const struct delivery_config *config;
    const struct kinesis_stream *stream; /* NULL: DirectPut */
    const struct delivery_record *records;
    size_t count;
};
/* Why a record goes to the error output. */
struct record_failure {
    const char *type; /* "processing-failed": !{firehose:error-output-type} */
    const char *code, *message;
};
enum record_fate { RECORD_GOOD, RECORD_BAD, RECORD_DROPPED };
struct record_result {
    enum record_fate fate;
    struct mr_slice data;   /* good: what lands */
    yyjson_val *keys;       /* good: metadata.partitionKeys, an object or NULL */
    yyjson_val *query_keys; /* the same by the query */
    yyjson_val *otf;        /* good: metadata.otfMetadata, or NULL */
    const struct record_failure *why;
    int64_t attempts, ended_ms;
};
/* Invokes the function and sorts its answer. MR_OK: `results`, as many as there are records, say
 * what becomes of each. MR_AGAIN: the function cannot be called now (`message` says why). MR_END:
 * the delivery is ending. */
MR_MUST_USE enum mr_status transform_run(struct mr_arena *arena,
                                         const struct transform_input *input,
                                         struct record_result *results, char message[static 512]);
/* The two halves, for tests. */
struct mr_slice transform_event(struct mr_arena *arena, const struct transform_input *input,
                                struct mr_slice invocation_id);
void transform_sort(struct mr_arena *arena, const struct transform_input *input,
                    struct mr_slice answer, int64_t now_ms, struct record_result *results);
/* The sequence number of a record; digits of its position when it has none (`stream` NULL). */
struct mr_slice transform_sequence(struct mr_arena *arena, const struct kinesis_stream *stream,
                                   uint32_t shard, int64_t position, int64_t arrival_ms);
/* The line of the error object for a record. `function`: its ARN, or empty. */
void transform_failure_write(struct mr_buf *buf, const struct delivery_record *record,
                             const struct record_result *result, struct mr_slice function);

/* ---- process.c: the pump's own ---- */
/* Takes `raw` through the function into the buffers; `raw` is empty afterwards. MR_AGAIN, MR_END:
 * as transform_run; what is left stays in `raw`. */
MR_MUST_USE enum mr_status delivery_process(struct delivery *delivery);

/* ---- land.c: the pump's own ---- */
/* Lands buffers, all of data and failures or the backup's, with the cursors, in one entry.
 * MR_NOT_FOUND: no such bucket. */
MR_MUST_USE enum mr_status delivery_land(struct delivery *delivery, struct buffer **chosen,
                                         size_t count, int64_t version);

/* ---- sources.c: the pump's own ---- */
/* Takes up sources that have come. MR_NOT_FOUND: the Kinesis stream does not exist. */
MR_MUST_USE enum mr_status delivery_sources_find(struct delivery *delivery);
/* Fills `raw`, and the backup's buffer, up to `limit` bytes (and the bounds above). *ret_more: a
 * source has more to give. */
MR_MUST_USE enum mr_status delivery_sources_read(struct delivery *delivery, uint64_t limit,
                                                 size_t batches, bool *ret_more);
/* What an entry lands. */
struct landing {
    bool data, backup;      /* positions of data, of the backup, move */
    struct buffer **landed; /* those of data and failures that land; need lists when some stay */
    size_t count;
    struct buffer_set kept; /* those of data and failures that stay; its `all` is borrowed */
};
/* The cursors join the entry; `committed`: the entry was committed. */
void delivery_sources_put(struct delivery *delivery, struct store_entry *entry,
                          const struct landing *landing);
void delivery_sources_committed(struct delivery *delivery);
/* Where marks of a source are, in VIEW_META; "" gives what those of all sources begin with. */
struct mr_slice delivery_landed_key(struct mr_arena *arena, const struct delivery *delivery,
                                    const char *source);
/* Bytes that a record takes of a function's event, at most. */
uint64_t delivery_event_bytes(const struct delivery_record *record);
/* Marks of records that have landed before their turn. */
size_t delivery_sources_landed(const struct delivery *delivery);
/* Bytes of journal that were read and whose cursor is not stored: the most of any source. */
int64_t delivery_sources_passed(const struct delivery *delivery);
/* Tells in `locked` how far each source has landed. */
void delivery_sources_tell(struct delivery *delivery);
/* Whether all in front of the position has been read. */
bool delivery_sources_have_read(const struct delivery *delivery, int64_t position);
void delivery_sources_fini(struct delivery *delivery);

/* ---- meters.c: metrics of AWS/Firehose ---- */
enum delivery_meter {
    DELIVERY_IN_BYTES,
    DELIVERY_IN_RECORDS,
    DELIVERY_PUT_BYTES,
    DELIVERY_PUT_LATENCY,
    DELIVERY_PUT_REQUESTS,
    DELIVERY_BATCH_BYTES,
    DELIVERY_BATCH_LATENCY,
    DELIVERY_BATCH_RECORDS,
    DELIVERY_BATCH_REQUESTS,
    DELIVERY_READ_BYTES,
    DELIVERY_READ_RECORDS,
    DELIVERY_BEHIND,
    DELIVERY_PROCESS_DURATION,
    DELIVERY_PROCESS_SUCCESS,
    DELIVERY_PROCESSED_BYTES,
    DELIVERY_PROCESSED_RECORDS,
    DELIVERY_CONVERTED_RECORDS,
    DELIVERY_UNCONVERTED_RECORDS,
    DELIVERY_S3_BYTES,
    DELIVERY_S3_RECORDS,
    DELIVERY_S3_OBJECTS,
    DELIVERY_S3_SUCCESS,
    DELIVERY_S3_FRESHNESS,
    DELIVERY_BACKUP_BYTES,
    DELIVERY_BACKUP_RECORDS,
    DELIVERY_BACKUP_SUCCESS,
    DELIVERY_BACKUP_FRESHNESS,
    DELIVERY_IN_REQUESTS,
    DELIVERY_LIMIT_BYTES,
    DELIVERY_LIMIT_RECORDS,
    DELIVERY_LIMIT_REQUESTS,
    DELIVERY_PARTITIONS,
    DELIVERY_PARTITIONS_LIMIT,
    DELIVERY_PARTITIONS_EXCEEDED,
    DELIVERY_PARTITION_THROUGHPUT,
    DELIVERY_QUERY_DURATION,
    DELIVERY_ICEBERG_BYTES,
    DELIVERY_ICEBERG_ROWS,
    DELIVERY_ICEBERG_ROWS_GOOD,
    DELIVERY_ICEBERG_ROWS_BAD,
    DELIVERY_ICEBERG_SUCCESS,
    DELIVERY_ICEBERG_FRESHNESS,
    DELIVERY_METERS
};
void delivery_meters_init(struct delivery *delivery);
void delivery_meter(const struct delivery *delivery, enum delivery_meter kind, uint64_t value);
/* The call's reply, if it is no fault, takes its time into that meter. */
void delivery_meter_latency(struct protocol_call *call, struct delivery *delivery,
                            enum delivery_meter kind);
void delivery_meter_landed(const struct delivery *delivery, const struct buffer *buffer);
/* A request that puts records, and AWS's quota of them. */
void delivery_meter_request(const struct delivery *delivery, uint64_t records, uint64_t bytes);
/* How many partitions have a buffer; `exceeded`: a record found none, as there are too many. */
void delivery_meter_partitions(const struct delivery *delivery, bool exceeded);

/* ---- watch.c ---- */
#define DELIVERY_NO_BUCKET                                       \
    "bucket %.*s does not exist: create it, or name another by " \
    "UpdateDestination; the records wait"
enum runtime_pump_next firehose_watch_step(void *ctx, int64_t *ret_wake_ms);

/* ---- pump.c ---- */
enum runtime_pump_next delivery_pump_step(void *ctx, int64_t *ret_wake_ms);
void delivery_pump_fini(struct delivery *delivery);

extern const struct protocol_handler firehose_handlers[];
extern const size_t firehose_handler_count;
