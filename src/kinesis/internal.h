/* kinesis/internal.h: what the files of this folder share. */
#pragma once
#include "kinesis/kinesis.h"
#include "base/map.h"
#include <pthread.h>
#include <stdatomic.h>

/* A hash key: 0 .. 2^128-1. (__extension__: the type is the compiler's, not the standard's.) */
__extension__ typedef unsigned __int128 kinesis_hash;

enum {
    KINESIS_CONSUMERS_MAX = 20,
    KINESIS_TAGS_MAX = 50,
    KINESIS_METRICS = 7,
    KINESIS_RETENTION_HOURS_MIN = 24,
    KINESIS_RETENTION_HOURS_MAX = 8760, /* AWS: a year */
    KINESIS_SHARD_LIMIT = 500,          /* AWS: open shards of an account's provisioned streams */
    KINESIS_ON_DEMAND_LIMIT = 50,       /* AWS: on-demand streams of an account */
    KINESIS_SCALINGS_MAX = 10,          /* AWS: UpdateShardCount of a stream within 24 hours ... */
    KINESIS_SWITCHES_MAX = 2,           /* ... and its changes of mode */
};

/* When something that is limited a day was done, oldest first. */
struct kinesis_day {
    int64_t ms[KINESIS_SCALINGS_MAX];
    size_t count;
};

enum kinesis_state { KINESIS_CREATING, KINESIS_ACTIVE, KINESIS_DELETING, KINESIS_STATES };

/* What is left of a limit, in thousandths, and when that was reckoned. */
struct kinesis_bucket {
    int64_t left, at_ms;
};
struct kinesis_flow {
    struct kinesis_bucket write_bytes, write_records, read_bytes, read_calls;
};

/* A shard never moves in memory and lives as long as its stream; only `end` changes, once, when it
 * is closed. */
struct kinesis_shard {
    pthread_mutex_t lock; /* orders appends to the window */
    uint32_t window;
    uint32_t index;
    int64_t start;       /* first position */
    _Atomic int64_t end; /* INT64_MAX while open */
    int64_t stored_end;  /* what the stream's document says; guarded by the stream's `change` */
    int64_t created_ms;
    int64_t closed_ms; /* set before `end` is */
    kinesis_hash hash_start, hash_end;
    int parent, adjacent;
    struct kinesis_flow flow; /* under its lock */
};

/* Who reads by SubscribeToShard. Texts are owned. */
struct kinesis_consumer {
    char *name, *arn;
    char *tags;   /* JSON object */
    char *policy; /* NULL: none */
    int64_t created_ms;
};

/* The open shards by their hash ranges, in ascending order. Made anew when shards open and close;
 * earlier ones live as long as the stream, so that a reader needs no lock. */
struct kinesis_routes {
    struct kinesis_routes *older;
    size_t count;
    struct kinesis_shard *shards[];
};

/* Locks, outermost first: kinesis.create, change, the shards' in ascending order, lock. */
struct kinesis_stream {
    char *name, *arn;      /* owned, NUL-terminated */
    atomic_int refs;       /* one is the map's */
    atomic_bool deleted;   /* set under all shard locks: no record goes in afterwards */
    atomic_int state;      /* enum kinesis_state */
    pthread_rwlock_t lock; /* guards what follows */
    struct {
        bool on_demand;
        int64_t retention_hours, record_kib;
        int64_t warm_mibps;    /* 0: none asked for */
        unsigned metrics;      /* shard-level ones, a bit each; see kinesis_metric_names */
        char *tags;            /* JSON object; owned */
        char *key_id, *policy; /* NULL: not encrypted, none; owned */
        struct kinesis_day scalings, switches;
        struct kinesis_consumer consumers[KINESIS_CONSUMERS_MAX];
        size_t consumer_count;
    } locked;
    pthread_mutex_t change;  /* one entry with the document at a time; guards the next */
    size_t stored_count;     /* shards of the document; shard_count follows */
    _Atomic int64_t changed; /* ticket of the newest document: replies that show it carry this */
    int64_t created_ms;
    struct kinesis_shard *shards[KINESIS_SHARDS_MAX]; /* owned */
    atomic_size_t shard_count;
    _Atomic(struct kinesis_routes *) routes;
    atomic_ullong records_in, bytes_in;
    atomic_uint measured; /* locked.metrics, for those without the lock */
    struct meter_set meters;
};

struct kinesis_subscription;
struct kinesis {
    struct kinesis_options options;
    /* Who reads by SubscribeToShard; see subscribe.c. */
    struct {
        pthread_mutex_t lock;
        struct kinesis_subscription *first;
        bool stopping;
    } subscriptions;
    pthread_rwlock_t lock;  /* guards streams */
    struct mr_map streams;  /* name -> struct kinesis_stream */
    pthread_mutex_t create; /* one CreateStream or DeleteStream at a time */
    atomic_bool guarded;    /* some stream or consumer has, or had, a policy */
};

/* ---- streams.c ---- */
const char *kinesis_state_name(enum kinesis_state state);
/* Refuses a move that is not in the table; logs old -> new. */
void kinesis_set_state(struct kinesis_stream *stream, enum kinesis_state state);
struct kinesis_create {
    struct mr_slice name, region, account;
    size_t shards;
    bool on_demand;
    int64_t record_kib, retention_hours, warm_mibps, now_ms;
    struct mr_slice tags; /* JSON object */
};
/* MR_EXISTS, or MR_OK and the ticket. */
MR_MUST_USE enum mr_status kinesis_create(struct kinesis *kinesis,
                                          const struct kinesis_create *create, int64_t *ret_ticket);
MR_MUST_USE enum mr_status kinesis_delete(struct kinesis *kinesis, struct kinesis_stream *stream,
                                          int64_t *ret_ticket);
/* Stores the stream's document again (after a change of `locked`). MR_NOT_FOUND: it was deleted. */
MR_MUST_USE enum mr_status kinesis_save(struct kinesis *kinesis, struct kinesis_stream *stream,
                                        int64_t *ret_ticket);
void kinesis_stream_free(struct kinesis_stream *stream);
/* First position that is still inside the retention period. */
int64_t kinesis_horizon(struct kinesis *kinesis, struct kinesis_stream *stream,
                        const struct kinesis_shard *shard, int64_t now_ms);
/* AWS: a shard's id is read as the number behind its first hyphen, or as a number alone:
 * "shardId-0" and "0" mean the first shard. MR_INVALID: it is neither. */
MR_MUST_USE enum mr_status kinesis_shard_index(struct mr_slice id, uint32_t *ret_index);
/* NULL: the stream has none such. */
struct kinesis_shard *kinesis_shard_by_id(struct kinesis_stream *stream, struct mr_slice id);
void kinesis_shard_id(uint32_t index, char ret[static KINESIS_ID_TEXT]);

/* A shard behind the last one, not yet counted in shard_count. Under `change`. */
struct kinesis_shard *kinesis_shard_new(struct kinesis_stream *stream);
/* The stream's document as `change` guards it, in the arena. */
struct mr_slice kinesis_document(struct kinesis_stream *stream, struct mr_arena *arena);
/* Open shards of the account's streams; those of provisioned ones alone if asked. */
size_t kinesis_open_shards(struct kinesis *kinesis, bool provisioned);
size_t kinesis_stream_open_shards(const struct kinesis_stream *stream);
size_t kinesis_on_demand_streams(struct kinesis *kinesis);

/* ---- put.c ---- */
/* Makes the routes anew from the open shards. Under `change`, or before others see the stream. */
void kinesis_routes_set(struct kinesis_stream *stream);
void kinesis_routes_free(struct kinesis_stream *stream);

/* The open shard that the record's key belongs to. */
struct kinesis_shard *kinesis_route(const struct kinesis_stream *stream,
                                    const struct kinesis_record *record);

/* ---- flow.c: throughput of shards; without `options.limits` all may pass ---- */
/* Takes the record's share; false: the shard has no room for it now. Sets record->shard when there
 * are limits. */
bool kinesis_flow_write(struct kinesis *kinesis, struct kinesis_stream *stream,
                        struct kinesis_record *record, int64_t now_ms);
/* Takes one call's share; behind the call, kinesis_flow_read takes that of what it returned. */
bool kinesis_flow_may_read(struct kinesis *kinesis, struct kinesis_shard *shard, int64_t now_ms);
void kinesis_flow_read(struct kinesis *kinesis, struct kinesis_shard *shard, uint64_t bytes);
struct mr_slice kinesis_rate_text(struct protocol_call *call, const struct kinesis_stream *stream,
                                  size_t shard);
void kinesis_fail_rate(struct protocol_call *call, const struct kinesis_stream *stream,
                       size_t shard);

/* ---- reshard.c ---- */
/* Each closes shards and opens their children in one entry; the ticket is that of the entry. With
 * the ticket durable kinesis_reshard_wake tells readers who wait at the ends. MR_INVALID: a shard
 * is closed already.  MR_FULL: more than KINESIS_SHARDS_MAX in the stream's life.  MR_NOT_FOUND:
 * the stream was deleted. */
MR_MUST_USE enum mr_status kinesis_split(struct kinesis *kinesis, struct kinesis_stream *stream,
                                         struct kinesis_shard *shard, kinesis_hash at,
                                         int64_t now_ms, int64_t *ret_ticket);
MR_MUST_USE enum mr_status kinesis_merge(struct kinesis *kinesis, struct kinesis_stream *stream,
                                         struct kinesis_shard *first, struct kinesis_shard *second,
                                         int64_t now_ms, int64_t *ret_ticket);
/* To `target` shards of equal width, by splits and then merges of what the cuts leave. */
MR_MUST_USE enum mr_status kinesis_scale(struct kinesis *kinesis, struct kinesis_stream *stream,
                                         size_t target, int64_t now_ms, int64_t *ret_ticket);
void kinesis_reshard_wake(struct kinesis *kinesis, struct kinesis_stream *stream);
/* Where shard `i` of `n` equal ones starts. */
kinesis_hash kinesis_uniform_start(size_t i, size_t n);

/* ---- settings.c ---- */
extern const char *const kinesis_metric_names[KINESIS_METRICS];
void kinesis_settings_write(struct mr_json *json, const struct kinesis_stream *stream);
void kinesis_settings_load(struct kinesis_stream *stream, yyjson_val *doc);
void kinesis_settings_fini(struct kinesis_stream *stream);
void kinesis_consumer_fini(struct kinesis_consumer *consumer);
/* Notes another time; false when there were `most` within the 24 hours before. */
bool kinesis_day_add(struct kinesis_day *day, size_t most, int64_t now_ms);
/* Takes the last one back. */
void kinesis_day_undo(struct kinesis_day *day);
/* Replaces an owned text; no slice is none. */
void kinesis_text_set(char **text, struct mr_slice value);
bool kinesis_is_encrypted(struct kinesis_stream *stream);
/* `name`: the list of the metrics whose bits are set. */
void kinesis_write_metrics(struct mr_json *json, const char *name, unsigned metrics);
/* The WarmThroughput of a stream that has one. */
void kinesis_write_warm(struct mr_json *json, int64_t mibps);

/* ---- meters.c: metrics of AWS/Kinesis ---- */
enum kinesis_meter {
    KINESIS_IN_BYTES,
    KINESIS_IN_RECORDS,
    KINESIS_PUT_BYTES,
    KINESIS_PUT_LATENCY,
    KINESIS_PUT_SUCCESS,
    KINESIS_PUTS_BYTES,
    KINESIS_PUTS_LATENCY,
    KINESIS_PUTS_SUCCESS,
    KINESIS_PUTS_RECORDS,
    KINESIS_PUTS_TOTAL,
    KINESIS_PUTS_SUCCESSFUL,
    KINESIS_PUTS_FAILED,
    KINESIS_PUTS_THROTTLED,
    KINESIS_GET_BYTES,
    KINESIS_GET_RECORDS,
    KINESIS_GET_LATENCY,
    KINESIS_GET_SUCCESS,
    KINESIS_GET_AGE,
    KINESIS_READ_EXCEEDED,
    KINESIS_WRITE_EXCEEDED,
    KINESIS_METERS
};
enum kinesis_consumer_meter {
    KINESIS_SUBSCRIBED,
    KINESIS_SUBSCRIBE_EXCEEDED,
    KINESIS_EVENT_SUCCESS,
    KINESIS_EVENT_BYTES,
    KINESIS_EVENT_RECORDS,
    KINESIS_EVENT_BEHIND,
    KINESIS_CONSUMER_METERS
};
enum kinesis_shard_meter { /* as kinesis_metric_names */
                           KINESIS_SHARD_IN_BYTES,
                           KINESIS_SHARD_IN_RECORDS,
                           KINESIS_SHARD_OUT_BYTES,
                           KINESIS_SHARD_OUT_RECORDS,
                           KINESIS_SHARD_WRITE_EXCEEDED,
                           KINESIS_SHARD_READ_EXCEEDED,
                           KINESIS_SHARD_AGE
};
void kinesis_meters_init(struct kinesis *kinesis, struct kinesis_stream *stream);
void kinesis_meter(struct kinesis_stream *stream, enum kinesis_meter kind, uint64_t value);
/* The call's reply, if it is no fault, takes its time into that meter. */
void kinesis_meter_latency(struct protocol_call *call, struct kinesis_stream *stream,
                           enum kinesis_meter kind);
void kinesis_meter_consumer(struct kinesis_stream *stream, struct mr_slice consumer_arn,
                            enum kinesis_consumer_meter kind, uint64_t value);
/* Only where the stream's shard-level metrics have that one. */
void kinesis_meter_shard(struct kinesis_stream *stream, size_t shard,
                         enum kinesis_shard_meter metric, uint64_t value);

/* ---- subscribe.c ---- */
void kinesis_subscriptions_init(struct kinesis *kinesis);
/* Ends all, and refuses new ones from now on. */
void kinesis_subscriptions_stop(struct kinesis *kinesis);
void kinesis_subscriptions_fini(struct kinesis *kinesis);
/* Ends those of the consumer with this ARN; of all of the stream's if it is empty. */
void kinesis_subscriptions_end(struct kinesis *kinesis, const struct kinesis_stream *stream,
                               struct mr_slice consumer_arn);

/* ---- sequence.c ---- */
struct kinesis_sequence {
    int64_t created_s; /* of the shard */
    uint64_t position; /* the counter: a journal position; INT64_MAX in an EndingSequenceNumber */
    int64_t time_s;    /* of the record */
    uint32_t shard;
    int version; /* 2; what is read may also be 1 or 0, which have no position */
};
struct mr_slice kinesis_sequence_print(const struct kinesis_sequence *sequence,
                                       char ret[static KINESIS_SEQUENCE_TEXT]);
/* MR_INVALID: no sequence number of any form. */
MR_MUST_USE enum mr_status kinesis_sequence_parse(struct mr_slice text,
                                                  struct kinesis_sequence *ret);
/* As AWS names it in a refusal: one of version 0 in full. */
struct mr_slice kinesis_sequence_shown(struct mr_slice text,
                                       char ret[static KINESIS_SEQUENCE_TEXT]);
/* Decimal text up to 2^128-1; MR_INVALID otherwise. */
MR_MUST_USE enum mr_status kinesis_hash_parse(struct mr_slice text, kinesis_hash *ret);
struct mr_slice kinesis_hash_print(kinesis_hash value, char ret[static 48]);
kinesis_hash kinesis_hash_key(struct mr_slice partition_key); /* MD5 */

/* ---- access.c ---- */
/* Of protocol_on_call: sets the fault when a policy forbids the call. */
void kinesis_authorize(void *ctx, struct protocol_call *call);
bool kinesis_has_policy(
    const struct kinesis_stream *stream); /* or a consumer; one that is loaded */

/* ---- iterator.c ---- */
enum { KINESIS_ITERATOR_LIFE_MS = 300000 };
struct kinesis_iterator {
    int64_t created_ms;
    int64_t position;
    int64_t not_before_ms; /* records that arrived earlier are passed over; 0: none */
    uint32_t window, shard;
    struct mr_slice stream; /* name */
};
struct mr_slice kinesis_iterator_print(struct kinesis *kinesis, struct mr_arena *arena,
                                       const struct kinesis_iterator *iterator);
MR_MUST_USE enum mr_status kinesis_iterator_parse(struct mr_arena *arena, struct mr_slice text,
                                                  struct kinesis_iterator *ret);

/* ---- ops_*.c ---- */
extern const struct protocol_handler kinesis_control_handlers[];
extern const size_t kinesis_control_handler_count;
extern const struct protocol_handler kinesis_put_handlers[];
extern const size_t kinesis_put_handler_count;
extern const struct protocol_handler kinesis_get_handlers[];
extern const size_t kinesis_get_handler_count;
extern const struct protocol_handler kinesis_shard_handlers[];
extern const size_t kinesis_shard_handler_count;
extern const struct protocol_handler kinesis_setting_handlers[];
extern const size_t kinesis_setting_handler_count;
extern const struct protocol_handler kinesis_consumer_handlers[];
extern const size_t kinesis_consumer_handler_count;
extern const struct protocol_handler kinesis_subscribe_handlers[];
extern const size_t kinesis_subscribe_handler_count;
extern const struct protocol_handler kinesis_tag_handlers[];
extern const size_t kinesis_tag_handler_count;
extern const struct protocol_fault kinesis_not_found, kinesis_in_use, kinesis_invalid_argument,
    kinesis_validation, kinesis_limit, kinesis_expired_iterator, kinesis_expired_token,
    kinesis_throughput;
/* The stream a request means by StreamName and/or StreamARN, or NULL with the fault set. The caller
 * releases it. */
struct kinesis_stream *kinesis_stream_of(struct protocol_call *call);
/* Is it the stream that StreamCreationTimestamp, if there is one, means? Else with the fault set.
 */
bool kinesis_created_then(struct protocol_call *call, const struct kinesis_stream *stream);
/* With a NextToken, what the token was made for may not be said again; false with the fault set. */
bool kinesis_token_alone(struct protocol_call *call, const char *const *others, size_t count);
/* The reply waits until what it shows of the stream is durable. */
void kinesis_show_durable(struct protocol_call *call, const struct kinesis_stream *stream);
/* Stores the stream's document, with the call's fault or ticket. */
void kinesis_save_for(struct protocol_call *call, struct kinesis_stream *stream);
void kinesis_fail_not_found(struct protocol_call *call, struct mr_slice stream_name);
void kinesis_write_shard(struct mr_json *json, const struct kinesis_shard *shard);
/* Where reading begins, as GetShardIterator and SubscribeToShard tell it. */
struct kinesis_start {
    struct mr_slice type;
    bool has_sequence;
    struct mr_slice sequence;
    yyjson_val *timestamp;
    const char *operation; /* for the words of a refusal */
};
/* Sets the position and not_before_ms; false with the fault set. */
bool kinesis_position(struct protocol_call *call, struct kinesis_stream *stream,
                      struct kinesis_shard *shard, const struct kinesis_start *start,
                      struct kinesis_iterator *iterator);
void kinesis_fail_no_shard(struct protocol_call *call, struct mr_slice stream_name,
                           struct mr_slice shard_id);
/* The shard that ShardId means, or NULL with the fault set: there is none, or it was closed and its
 * last record has left the retention period. */
struct kinesis_shard *kinesis_shard_to_read(struct protocol_call *call,
                                            struct kinesis_stream *stream);
/* A record as GetRecords shows it; the ChildShards of a closed shard. */
void kinesis_write_record(struct mr_json *json, const struct kinesis_stream *stream, size_t shard,
                          const struct journal_op *op, bool encrypted);
void kinesis_write_children(struct mr_json *json, const struct kinesis_stream *stream,
                            const struct kinesis_shard *shard);
/* Index of the first shard behind the id; 0 when it is empty, SIZE_MAX when there is none such. */
size_t kinesis_index_after(struct kinesis_stream *stream, struct mr_slice id);
/* The stream that an ARN of its own or of a consumer means, or NULL with the fault set; the
 * consumer's ARN, or nothing. The caller releases the stream. */
struct kinesis_stream *kinesis_resource_of(struct protocol_call *call, struct mr_slice arn,
                                           struct mr_slice *ret_consumer);
/* Whether the request's Tags may be those of a new stream or consumer; else the fault is set. */
bool kinesis_new_tags_are_good(struct protocol_call *call);
/* NULL: there is none. Under the stream's lock. */
struct kinesis_consumer *kinesis_consumer_locked(struct kinesis_stream *stream,
                                                 struct mr_slice name_or_arn);
void kinesis_fail_no_consumer(struct protocol_call *call, struct mr_slice consumer);
/* Would `more` open shards exceed the account's limit? Then with the fault set. */
bool kinesis_exceeds_limit(struct protocol_call *call, size_t more);
/* Has the account all the on-demand streams it may have? Then with the fault set. */
bool kinesis_exceeds_on_demand(struct protocol_call *call);
