/* firehose/buffers.h: what has been read and not landed: one buffer an object to be.
 *
 * Data goes into one buffer, or into one a partition; what failed into one an error type; the
 * source's backup into one of its own. Where records land out of their order (partitions), a buffer
 * keeps a mark of each record that it holds. Owned by the pump: no lock. */
#pragma once
#include "base/buf.h"
#include "base/map.h"

enum {
    BUFFER_PARTITIONS_MAX = 500,  /* AWS: active partitions of a delivery stream */
    BUFFER_BYTES_MAX = 256 << 20, /* of all partitions together: then the largest lands early */
    BUFFER_LANDED_MAX = 1 << 20,  /* marks behind a cursor: then all partitions land */
};
enum buffer_kind { BUFFER_DATA, BUFFER_FAILED, BUFFER_BACKUP };

struct mark {
    int64_t position;
    uint32_t sub; /* of the records that lay in one */
};
/* Ascending, each once. */
struct mark_set {
    struct mark *marks; /* owned */
    size_t count, capacity;
};
void mark_set_fini(struct mark_set *set);
bool mark_set_has(const struct mark_set *set, struct mark mark);
/* Marks may be added in any order; mark_set_sort makes the set one. */
void mark_set_add(struct mark_set *set, struct mark mark);
void mark_set_sort(struct mark_set *set);
void mark_set_drop_before(struct mark_set *set, int64_t position);
/* Stored: a count, then the positions' differences and the subs, as varints. */
void mark_set_write(struct mr_buf *buf, const struct mark_set *set);
MR_MUST_USE enum mr_status mark_set_read(struct mark_set *set, struct mr_slice bytes);

/* A record in a buffer. */
struct buffer_record {
    struct mark mark;
    uint32_t source; /* index in the pump's sources */
    uint32_t shard;  /* in the Kinesis stream */
    int64_t arrival_ms;
    uint64_t end; /* of its bytes in the buffer */
};
struct buffer {
    enum buffer_kind kind;
    struct mr_slice name; /* partition keys, or the error type; owned */
    struct mr_buf bytes;
    struct buffer_record *list; /* owned; empty when nobody needs it */
    size_t list_count, list_capacity;
    uint64_t records;
    uint64_t unconverted;    /* of them: could not be converted, or written, when it was to land */
    int64_t tries, tried_ms; /* to land it in vain, where such have an end; when the first was */
    int64_t opened_ms;       /* of its first record here */
    int64_t oldest_ms;       /* arrival of its oldest record */
};
struct buffer_set {
    struct buffer **all; /* owned, in the order they were opened */
    size_t count, capacity;
    size_t partitions; /* of BUFFER_DATA */
    struct mr_map index;
};
void buffer_set_fini(struct buffer_set *set);
/* Opens it when there is none. NULL: BUFFER_PARTITIONS_MAX are open. */
struct buffer *buffer_set_get(struct buffer_set *set, enum buffer_kind kind, struct mr_slice name,
                              int64_t now_ms);
/* Takes it out and frees it. */
void buffer_set_close(struct buffer_set *set, struct buffer *buffer);
struct buffer *buffer_set_find(const struct buffer_set *set, enum buffer_kind kind,
                               struct mr_slice name);
/* A record's bytes were appended to buffer->bytes. `listed`: it is put down in the list. */
void buffer_note(struct buffer *buffer, const struct buffer_record *record, bool listed);
/* Of data and failures: what will land, and all that is held for it. */
uint64_t buffer_set_bytes(const struct buffer_set *set);
uint64_t buffer_set_held(const struct buffer_set *set);
