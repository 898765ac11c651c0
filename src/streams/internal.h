/* streams/internal.h: what the files of this folder share. */
#pragma once
#include "streams/streams.h"
#include <pthread.h>
#include <stdatomic.h>

enum { STREAMS_KEPT_MS = 24 * 3600 * 1000 }; /* AWS: records, and a disabled stream with them */

/* In order of age. */
struct streams_shard_list {
    struct streams_shard *shards; /* owned */
    size_t count, cap;
};

struct streams_stream {
    atomic_int references;
    struct streams *streams;
    struct mr_arena arena; /* of all that is immutable below */
    const char *arn, *label, *table, *region, *account;
    enum streams_view view;
    struct streams_key_attribute keys[8];
    size_t key_count;
    int64_t created_ms;
    uint64_t id_seed[2]; /* of event ids */
    size_t partitions;
    _Atomic uint64_t version; /* rises when `locked.shards` has changed */
    _Atomic int64_t changed;  /* ticket of the newest document: replies that show it carry this */
    struct {
        bool enabled;
        int64_t disabled_ms;
        struct streams_shard_list shards;
    } locked; /* by the registry's lock */
    /* What the shards will be when the entry of a change is committed; whoever changes them holds
     * lanes of the table, so that there is one at a time. Readers must not act on an end that a
     * crash could take back. */
    struct streams_shard_list pending;
};

struct streams {
    struct store *store;
    struct mr_rng *rng;
    struct meters *meters;
    pthread_rwlock_t lock;
    struct {
        struct streams_stream **list; /* in order of creation; each holds a reference */
        size_t count, cap;
    } locked;
};

/* ---- document.c ---- */
/* The stream as a document joins the entry. `disabled_ms` 0: enabled. */
void streams_document_put(const struct streams_stream *stream,
                          const struct streams_shard_list *list, int64_t disabled_ms,
                          struct store_entry *entry);
void streams_document_delete(const struct streams_stream *stream, struct store_entry *entry);
/* NULL: no document of ours. */
struct streams_stream *streams_document_read(struct streams *streams, struct mr_slice json);

/* ---- streams.c ---- */
struct streams_stream *streams_alloc(struct streams *streams);
/* To be called once arn and label are set. */
void streams_seed_ids(struct streams_stream *stream);
bool streams_is_gone(const struct streams_stream *stream, int64_t now_ms);
/* Copies the list, with references, into the arena. */
struct streams_stream **streams_list(struct streams *streams, struct mr_arena *arena,
                                     size_t *ret_count);
/* The oldest position that is young enough to be kept. */
int64_t streams_horizon(struct streams *streams);
/* ---- shards.c ---- */
void streams_shard_add(struct streams_shard_list *list, const struct streams_shard *shard);
/* The open shards of a new stream, over the windows of its partitions. */
void streams_shards_make(struct streams_stream *stream, const uint32_t *windows);
/* Clients do not see it any more. */
static inline bool streams_shard_is_gone(const struct streams_shard *shard, int64_t now_ms)
{
    return shard->closed_ms != 0 && now_ms - shard->closed_ms >= STREAMS_KEPT_MS;
}
/* All hashes of items of the partition. */
void streams_shard_widen(const struct streams_stream *stream, struct streams_shard *shard);
/* The shard that begins there, with these hashes: MR_OK or MR_NOT_FOUND. */
MR_MUST_USE enum mr_status streams_shard_at(struct streams_stream *stream, uint32_t window,
                                            uint16_t hash_from, int64_t start,
                                            struct streams_shard *ret_shard);

/* ---- iterator.c ---- */
struct streams_iterator {
    uint32_t window; /* of the shard; its first hash; where it starts */
    uint16_t hash_from;
    int64_t start;
    int64_t position;
    int64_t issued_ms;
};
struct mr_slice streams_iterator_text(struct mr_arena *arena, const struct streams_stream *stream,
                                      const struct streams_iterator *iterator);
/* MR_INVALID: not one of ours. *ret_arn points into the text. */
MR_MUST_USE enum mr_status streams_iterator_read(struct mr_arena *arena, struct mr_slice text,
                                                 struct mr_slice *ret_arn,
                                                 struct streams_iterator *ret_iterator);
