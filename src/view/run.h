/* view/run.h: a sorted file of the view: what a memtable becomes, and what several runs are merged
 * into. Written once, synced, then only read, through a mapping: its memory is the kernel's to give
 * and to take back. Integers are little-endian.
 *
 *   header    4 KiB: sizes and places, with a CRC-32C
 *   buckets   64 bytes each: of up to ten keys, sixteen bits of the hash and the entry's place
 *   entries   in the order of their keys, each with a CRC-32C, at multiples of eight bytes
 *   fences    for each 4 KiB of entries the beginning of the first key and the entry's place
 *
 * A lookup looks at one bucket, and at an entry only when the key is there (or, once in six
 * thousand buckets, when another's sixteen bits are the same): two places of memory whatever the
 * run's size. A seek is a binary search over the fences. What is read is checked, and damage told
 * (MR_FAIL_DATA), not followed.
 *
 * A deleted key is an entry too: it hides what older runs say. Any thread may read; a writer and a
 * cursor are one thread's at a time. */
#pragma once
#include "view/memtable.h"
#include <stdint.h>

struct run;
struct run_writer;

/* ---- writing ---- */

/* Makes the file at `path`, which must not be there. At most keys_max keys will be added: they
 * decide how many buckets there are, which are reserved on the disk here. */
MR_MUST_USE enum mr_status run_writer_new(struct run_writer **ret_writer, const char *path,
                                          uint64_t keys_max);
/* Keys in ascending order; `value` NULL: the key is deleted. */
MR_MUST_USE enum mr_status run_writer_add(struct run_writer *writer, struct mr_slice key,
                                          const struct mr_slice *value);
uint64_t run_writer_bytes(const struct run_writer *writer); /* of entries, so far */
/* Writes the rest and syncs the file; its name is the caller's to sync. */
MR_MUST_USE enum mr_status run_writer_finish(struct run_writer *writer);
void run_writer_free(struct run_writer *writer); /* the file stays; accepts NULL */

/* ---- reading ---- */

/* `number` is the caller's name for it. MR_FAIL_DATA: not a whole run. */
MR_MUST_USE enum mr_status run_open(struct run **ret_run, const char *path, uint64_t number);
struct run *run_ref(struct run *run);
void run_unref(struct run *run); /* accepts NULL */
uint64_t run_number(const struct run *run);
uint64_t run_bytes(const struct run *run); /* of the file */
uint64_t run_keys(const struct run *run);

/* Asks for the bucket of a key that will be looked up in a moment. */
void run_prefetch(const struct run *run, uint64_t hash);
/* `hash` is view_hash(key). The value is valid while the caller holds a reference. */
MR_MUST_USE enum mr_status run_get(const struct run *run, struct mr_slice key, uint64_t hash,
                                   enum memtable_found *ret_found, struct mr_slice *ret_value);

/* A walk over all keys, deleted ones too. The slices stay valid as long as the run. */
struct run_cursor {
    const struct run *run;
    struct mr_slice key, value; /* of where it stands */
    bool valid, deleted;
    enum mr_status status; /* MR_FAIL_DATA: the walk ended at damage */
    uint64_t at;           /* place of the entry */
};
void run_seek(struct run_cursor *cursor, struct mr_slice key);        /* first >= key */
void run_seek_before(struct run_cursor *cursor, struct mr_slice key); /* last < key */
void run_next(struct run_cursor *cursor);
void run_prev(struct run_cursor *cursor);

/* ---- the format; private to run.c, run_writer.c and their test ---- */

#define RUN_MAGIC UINT64_C(0x316e75722d726d01) /* "\1mr-run1" */
enum {
    RUN_HEADER_BYTES = 4096,
    RUN_BLOCK_BYTES = 4096, /* of entries, for each fence */
    RUN_SLOTS = 10,         /* of a bucket */
    RUN_SLOTS_FILLED = 6,   /* on average: one bucket in twenty-five runs over into the next */
    RUN_UNIT = 8,           /* places are counted in it, so a run has at most 32 GiB */
    RUN_DELETED = -1,       /* instead of the value's length */
};
#define RUN_BYTES_MAX (UINT64_C(24) << 30)

struct run_header {
    uint64_t magic, keys, buckets, entries_at, entries_end, fences_at, fences, bytes;
    uint32_t fences_crc, crc;
};
struct run_bucket {
    uint16_t tags[RUN_SLOTS];
    uint16_t used; /* slots; RUN_OVERFLOW: keys of this bucket may be in the next */
    uint16_t check;
    uint32_t places[RUN_SLOTS]; /* in units from the file's beginning */
};
enum { RUN_OVERFLOW = 0x8000 };
_Static_assert(sizeof(struct run_bucket) == 64, "a bucket is a cache line");
struct run_entry {
    uint32_t crc;    /* of all behind it, to the end of the value */
    uint32_t before; /* length of the entry before it, in units; 0: there is none */
    uint32_t key_len;
    int32_t value_len;
    char bytes[]; /* key, value, zeros up to a multiple of eight */
};
struct run_fence {
    uint64_t head; /* the key's first eight bytes, as a number that sorts like them */
    uint32_t tail; /* the next four */
    uint32_t place;
};
static inline uint64_t run_bucket_of(uint64_t hash, uint64_t buckets)
{
    return (hash >> 32) * buckets >> 32;
}
uint16_t run_bucket_check(const struct run_bucket *bucket);
struct run_fence run_fence_make(struct mr_slice key, uint32_t place);
