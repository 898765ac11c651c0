/* kinesis/internal.h: what the files of this folder share. */
#pragma once
#include "kinesis/kinesis.h"
#include "base/map.h"
#include <pthread.h>
#include <stdatomic.h>

/* A hash key: 0 .. 2^128-1. (__extension__: the type is the compiler's, not the standard's.) */
__extension__ typedef unsigned __int128 kinesis_hash;

enum kinesis_state { KINESIS_CREATING, KINESIS_ACTIVE, KINESIS_DELETING, KINESIS_STATES };

/* A shard never moves in memory and lives as long as its stream; only `end` changes, once, when it
 * is closed. */
struct kinesis_shard {
    pthread_mutex_t lock; /* orders appends to the window */
    uint32_t window;
    uint32_t index;
    int64_t start;       /* first position */
    _Atomic int64_t end; /* INT64_MAX while open */
    int64_t created_ms;
    kinesis_hash hash_start, hash_end;
    int parent, adjacent;
};

struct kinesis_stream {
    char *name, *arn;      /* owned, NUL-terminated */
    atomic_int refs;       /* one is the map's */
    atomic_bool deleted;   /* set under all shard locks: no record goes in afterwards */
    atomic_int state;      /* enum kinesis_state */
    pthread_rwlock_t lock; /* guards what follows */
    struct {
        bool on_demand;
        int64_t retention_hours, record_kib;
        char *tags; /* JSON object; owned */
    } locked;
    int64_t created_ms;
    struct kinesis_shard *shards[KINESIS_SHARDS_MAX]; /* owned */
    atomic_size_t shard_count;
    atomic_ullong records_in, bytes_in;
};

struct kinesis {
    struct kinesis_options options;
    pthread_rwlock_t lock;  /* guards streams */
    struct mr_map streams;  /* name -> struct kinesis_stream */
    pthread_mutex_t create; /* one CreateStream or DeleteStream at a time */
};

/* ---- streams.c ---- */
const char *kinesis_state_name(enum kinesis_state state);
/* Refuses a move that is not in the table; logs old -> new. */
void kinesis_set_state(struct kinesis_stream *stream, enum kinesis_state state);
struct kinesis_create {
    struct mr_slice name, region, account;
    size_t shards;
    bool on_demand;
    int64_t record_kib, retention_hours, now_ms;
    struct mr_slice tags; /* JSON object */
};
/* MR_EXISTS, or MR_OK and the ticket. */
MR_MUST_USE enum mr_status kinesis_create(struct kinesis *kinesis,
                                          const struct kinesis_create *create, int64_t *ret_ticket);
MR_MUST_USE enum mr_status kinesis_delete(struct kinesis *kinesis, struct kinesis_stream *stream,
                                          int64_t *ret_ticket);
/* Stores the stream's document again (after a change of `locked`). */
MR_MUST_USE enum mr_status kinesis_save(struct kinesis *kinesis, struct kinesis_stream *stream,
                                        int64_t *ret_ticket);
void kinesis_stream_free(struct kinesis_stream *stream);
/* First position that is still inside the retention period. */
int64_t kinesis_horizon(struct kinesis *kinesis, struct kinesis_stream *stream,
                        const struct kinesis_shard *shard, int64_t now_ms);
struct kinesis_shard *kinesis_shard_by_id(struct kinesis_stream *stream, struct mr_slice id);
void kinesis_shard_id(uint32_t index, char ret[static KINESIS_ID_TEXT]);

/* ---- sequence.c ---- */
struct kinesis_sequence {
    int64_t created_s; /* of the shard */
    uint64_t position; /* the counter: a journal position; INT64_MAX in an EndingSequenceNumber */
    int64_t time_s;    /* of the record */
    uint32_t shard;
};
struct mr_slice kinesis_sequence_print(const struct kinesis_sequence *sequence,
                                       char ret[static KINESIS_SEQUENCE_TEXT]);
/* MR_INVALID: no sequence number of the form above. */
MR_MUST_USE enum mr_status kinesis_sequence_parse(struct mr_slice text,
                                                  struct kinesis_sequence *ret);
/* Decimal text up to 2^128-1; MR_INVALID otherwise. */
MR_MUST_USE enum mr_status kinesis_hash_parse(struct mr_slice text, kinesis_hash *ret);
struct mr_slice kinesis_hash_print(kinesis_hash value, char ret[static 48]);
kinesis_hash kinesis_hash_key(struct mr_slice partition_key); /* MD5 */

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
extern const struct protocol_handler kinesis_data_handlers[];
extern const size_t kinesis_data_handler_count;
extern const struct protocol_fault kinesis_not_found, kinesis_in_use, kinesis_invalid_argument,
    kinesis_validation, kinesis_limit, kinesis_expired_iterator, kinesis_expired_token;
/* The stream a request means by StreamName and/or StreamARN, or NULL with the fault set. The caller
 * releases it. */
struct kinesis_stream *kinesis_stream_of(struct protocol_call *call);
