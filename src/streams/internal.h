/* streams/internal.h: what the files of this folder share. */
#pragma once
#include "streams/streams.h"
#include <pthread.h>
#include <stdatomic.h>

enum { STREAMS_KEPT_MS = 24 * 3600 * 1000 }; /* AWS: records, and a disabled stream with them */

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
    size_t shard_count;
    struct streams_shard *shards; /* as they began: `end` stands in `ends` */
    _Atomic int64_t *ends;        /* one a shard; INT64_MAX: open */
    struct {
        bool enabled;
        int64_t disabled_ms;
    } locked; /* by the registry's lock */
};

struct streams {
    struct store *store;
    struct mr_rng *rng;
    pthread_rwlock_t lock;
    struct {
        struct streams_stream **list; /* in order of creation; each holds a reference */
        size_t count, cap;
    } locked;
};

/* ---- document.c ---- */
/* The stream as a document joins the entry. `disabled_ms` 0: enabled. */
void streams_document_put(const struct streams_stream *stream, bool enabled, int64_t disabled_ms,
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
/* The shard as it is now. */
struct streams_shard streams_shard_at(const struct streams_stream *stream, size_t index);
/* Makes shards and ends for `count`; all zeroed. */
void streams_shards_alloc(struct streams_stream *stream, size_t count);

/* ---- iterator.c ---- */
struct streams_iterator {
    uint32_t window;
    int64_t position;
    int64_t issued_ms;
};
struct mr_slice streams_iterator_text(struct mr_arena *arena, const struct streams_stream *stream,
                                      const struct streams_iterator *iterator);
/* MR_INVALID: not one of ours. *ret_arn points into the text. */
MR_MUST_USE enum mr_status streams_iterator_read(struct mr_arena *arena, struct mr_slice text,
                                                 struct mr_slice *ret_arn,
                                                 struct streams_iterator *ret_iterator);
