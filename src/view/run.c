/* view/run.c: reading a run. Nothing in the file is trusted that a CRC does not cover. */
#include "view/run.h"
#include "base/codec.h"
#include "view/hash.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct run {
    uint64_t number;
    _Atomic int references;
    const char *map;
    size_t bytes;
    uint64_t keys, entries_at, entries_end;
    const struct run_bucket *buckets;
    uint64_t buckets_count;
    const struct run_fence *fences;
    size_t fences_count;
};

/* ---- life ---- */

/* Whether the places lie behind each other within the file. */
static bool header_is_sound(const struct run_header *header, size_t bytes)
{
    struct mr_slice checked = mr_slice_make(header, offsetof(struct run_header, crc));
    if (header->magic != RUN_MAGIC || header->bytes != bytes || bytes > RUN_BYTES_MAX * 4 / 3 ||
        header->crc != mr_crc32c(0, checked))
        return false;
    return header->buckets > 0 && header->buckets <= bytes / sizeof(struct run_bucket) &&
           header->entries_at >= RUN_HEADER_BYTES + header->buckets * sizeof(struct run_bucket) &&
           header->entries_at <= header->entries_end && header->entries_at % RUN_UNIT == 0 &&
           header->fences_at == header->entries_end && header->fences_at % RUN_UNIT == 0 &&
           header->fences <= bytes / sizeof(struct run_fence) &&
           header->fences_at + header->fences * sizeof(struct run_fence) == bytes &&
           (header->fences == 0) == (header->keys == 0) &&
           header->keys <= (header->entries_end - header->entries_at) / sizeof(struct run_entry);
}

static bool take_header(struct run *run)
{
    if (run->bytes < RUN_HEADER_BYTES)
        return false;
    const struct run_header *header = (const void *)run->map;
    if (!header_is_sound(header, run->bytes))
        return false;
    run->keys = header->keys;
    run->entries_at = header->entries_at;
    run->entries_end = header->entries_end;
    run->buckets = (const void *)(run->map + RUN_HEADER_BYTES);
    run->buckets_count = header->buckets;
    run->fences = (const void *)(run->map + header->fences_at);
    run->fences_count = header->fences;
    struct mr_slice fences =
        mr_slice_make(run->fences, run->fences_count * sizeof(struct run_fence));
    return mr_crc32c(0, fences) == header->fences_crc;
}

static enum mr_status map_file(struct run *run, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        enum mr_status status = MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    run->bytes = (size_t)about.st_size;
    void *map = run->bytes == 0 ? MAP_FAILED : mmap(NULL, run->bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return run->bytes == 0 ? MR_RAISE(MR_FAIL_DATA, "'%s' is empty", path)
                               : MR_RAISE(MR_FAIL_IO, "cannot map '%s': %s", path, strerror(errno));
    run->map = map;
    return MR_OK;
}

enum mr_status run_open(struct run **ret_run, const char *path, uint64_t number)
{
    struct run *run = mr_calloc(1, sizeof(*run));
    run->number = number;
    atomic_init(&run->references, 1);
    enum mr_status status = map_file(run, path);
    if (status == MR_OK && !take_header(run))
        status = MR_RAISE(MR_FAIL_DATA, "'%s' is damaged: its header is wrong", path);
    if (status < 0) {
        run_unref(run);
        return status;
    }
    *ret_run = run;
    return MR_OK;
}

struct run *run_ref(struct run *run)
{
    atomic_fetch_add_explicit(&run->references, 1, memory_order_relaxed);
    return run;
}

void run_unref(struct run *run)
{
    if (run == NULL || atomic_fetch_sub(&run->references, 1) != 1)
        return;
    if (run->map != NULL)
        munmap((void *)run->map, run->bytes);
    free(run);
}

uint64_t run_number(const struct run *run)
{
    return run->number;
}

uint64_t run_bytes(const struct run *run)
{
    return run->bytes;
}

uint64_t run_keys(const struct run *run)
{
    return run->keys;
}

/* ---- entries ---- */

static enum mr_status damaged(const struct run *run, const char *what, uint64_t at)
{
    return MR_RAISE(MR_FAIL_DATA, "run %llu of the view is damaged: %s at byte %llu",
                    (unsigned long long)run->number, what, (unsigned long long)at);
}

static size_t entry_len(const struct run_entry *entry)
{
    size_t value = entry->value_len == RUN_DELETED ? 0 : (size_t)entry->value_len;
    return sizeof(*entry) + entry->key_len + value;
}

/* The entry at a place, if it lies whole within the entries; its CRC is not looked at. */
static const struct run_entry *entry_at(const struct run *run, uint64_t at)
{
    if (at < run->entries_at || at + sizeof(struct run_entry) > run->entries_end ||
        at % RUN_UNIT != 0)
        return NULL;
    const struct run_entry *entry = (const void *)(run->map + at);
    if (entry->value_len < RUN_DELETED || entry_len(entry) > run->entries_end - at)
        return NULL;
    return entry;
}

static bool entry_is_whole(const struct run_entry *entry)
{
    struct mr_slice checked = mr_slice_make(&entry->before, entry_len(entry) - sizeof(entry->crc));
    return mr_crc32c(0, checked) == entry->crc;
}

static struct mr_slice entry_key(const struct run_entry *entry)
{
    return mr_slice_make(entry->bytes, entry->key_len);
}

static struct mr_slice entry_value(const struct run_entry *entry)
{
    return mr_slice_make(entry->bytes + entry->key_len,
                         entry->value_len == RUN_DELETED ? 0 : (size_t)entry->value_len);
}

/* ---- lookups ---- */

enum { CACHE_LINE = 64, ENTRY_LINES = 6 }; /* of an entry of usual size */

uint16_t run_bucket_check(const struct run_bucket *bucket)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    struct run_bucket copy = *bucket;
    uint64_t words[sizeof(copy) / sizeof(uint64_t)], sum = odd;
    copy.check = 0;
    memcpy(words, &copy, sizeof(copy));
    for (size_t i = 0; i < MR_COUNT(words); i++)
        sum = (sum ^ words[i]) * odd ^ sum >> 31;
    return (uint16_t)(sum >> 48);
}

void run_prefetch(const struct run *run, uint64_t hash)
{
    __builtin_prefetch(&run->buckets[run_bucket_of(hash, run->buckets_count)]);
}

/* MR_OK: it is the key's; MR_NOT_FOUND: another's. */
static enum mr_status look_at(const struct run *run, uint32_t place, struct mr_slice key,
                              enum memtable_found *ret_found, struct mr_slice *ret_value)
{
    uint64_t at = (uint64_t)place * RUN_UNIT;
    for (uint64_t line = 0; line < ENTRY_LINES; line++) /* all at once, not one after the other */
        __builtin_prefetch(run->map + at + line * CACHE_LINE);
    const struct run_entry *entry = entry_at(run, at);
    if (entry == NULL || !entry_is_whole(entry))
        return damaged(run, "an entry", at); /* another's key may be a damaged one */
    if (!mr_slice_equal(entry_key(entry), key))
        return MR_NOT_FOUND;
    *ret_found = entry->value_len == RUN_DELETED ? MEMTABLE_DELETED : MEMTABLE_VALUE;
    *ret_value = entry_value(entry);
    return MR_OK;
}

static enum mr_status look_in(const struct run *run, const struct run_bucket *bucket, uint16_t tag,
                              struct mr_slice key, enum memtable_found *ret_found,
                              struct mr_slice *ret_value)
{
    size_t used = bucket->used & ~(unsigned)RUN_OVERFLOW;
    if (used > RUN_SLOTS || run_bucket_check(bucket) != bucket->check)
        return damaged(run, "a bucket", (uint64_t)((const char *)bucket - run->map));
    for (size_t i = 0; i < used; i++) {
        if (bucket->tags[i] != tag)
            continue;
        enum mr_status status = look_at(run, bucket->places[i], key, ret_found, ret_value);
        if (status != MR_NOT_FOUND)
            return status;
    }
    return MR_NOT_FOUND;
}

enum mr_status run_get(const struct run *run, struct mr_slice key, uint64_t hash,
                       enum memtable_found *ret_found, struct mr_slice *ret_value)
{
    uint64_t at = run_bucket_of(hash, run->buckets_count);
    *ret_found = MEMTABLE_ABSENT;
    for (uint64_t looked = 0; looked < run->buckets_count; looked++) {
        const struct run_bucket *bucket = &run->buckets[at];
        enum mr_status status = look_in(run, bucket, (uint16_t)hash, key, ret_found, ret_value);
        if (status != MR_NOT_FOUND)
            return status;
        if (!(bucket->used & RUN_OVERFLOW))
            break;
        at = at + 1 == run->buckets_count ? 0 : at + 1;
    }
    return MR_OK;
}

/* ---- cursors ---- */

struct run_fence run_fence_make(struct mr_slice key, uint32_t place)
{
    unsigned char bytes[12] = {0};
    uint64_t head;
    uint32_t tail;
    memcpy(bytes, key.ptr, key.len < sizeof(bytes) ? key.len : sizeof(bytes));
    memcpy(&head, bytes, sizeof(head));
    memcpy(&tail, bytes + sizeof(head), sizeof(tail));
    return (struct run_fence){
        .head = __builtin_bswap64(head), .tail = __builtin_bswap32(tail), .place = place};
}

static void stop(struct run_cursor *cursor, enum mr_status status)
{
    cursor->valid = false;
    if (status < 0)
        cursor->status = status;
}

static void stop_damaged(struct run_cursor *cursor, uint64_t at)
{
    stop(cursor, damaged(cursor->run, "an entry", at));
}

/* Stands at an entry that has been checked. */
static void stand_checked(struct run_cursor *cursor, uint64_t at)
{
    const struct run_entry *entry = (const void *)(cursor->run->map + at);
    cursor->at = at;
    cursor->key = entry_key(entry);
    cursor->value = entry_value(entry);
    cursor->deleted = entry->value_len == RUN_DELETED;
    cursor->valid = true;
}

/* Checks the entry at `at` and stands there. */
static void stand(struct run_cursor *cursor, uint64_t at)
{
    const struct run_entry *entry = entry_at(cursor->run, at);
    if (entry == NULL || !entry_is_whole(entry))
        stop_damaged(cursor, at);
    else
        stand_checked(cursor, at);
}

static uint64_t behind(const struct run_entry *entry, uint64_t at)
{
    return at + (entry_len(entry) + RUN_UNIT - 1) / RUN_UNIT * RUN_UNIT;
}

/* -1, 0, 1: the fence's key beside `key`; -2: damage. A damaged key may go unseen. */
static int compare_fence(const struct run *run, const struct run_fence *fence,
                         const struct run_fence *wanted, struct mr_slice key)
{
    if (fence->head != wanted->head)
        return fence->head < wanted->head ? -1 : 1;
    if (fence->tail != wanted->tail)
        return fence->tail < wanted->tail ? -1 : 1;
    const struct run_entry *entry = entry_at(run, (uint64_t)fence->place * RUN_UNIT);
    if (entry == NULL)
        return -2;
    int compared = mr_slice_compare(entry_key(entry), key);
    return compared < 0 ? -1 : compared > 0;
}

/* Where to begin the walk to `key`: the last block whose first key is below it, or the first. */
static enum mr_status find_block(const struct run *run, struct mr_slice key, uint64_t *ret_at)
{
    const struct run_fence wanted = run_fence_make(key, 0);
    size_t low = 0, high = run->fences_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int compared = compare_fence(run, &run->fences[middle], &wanted, key);
        if (compared == -2)
            return damaged(run, "a fence's entry", run->fences[middle].place);
        if (compared < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_at = low == 0 ? run->entries_at : (uint64_t)run->fences[low - 1].place * RUN_UNIT;
    return MR_OK;
}

/* The place of the first entry whose key is not below `key`, and of the one before it (0: none);
 * entries_end when there is none. Both are checked, and they are neighbours: so whatever keys the
 * search among the fences met, the place is right. Had a damaged one led it too far, the first
 * entry it comes to would not be below `key`. */
static enum mr_status find(const struct run *run, struct mr_slice key, uint64_t *ret_at,
                           uint64_t *ret_before)
{
    uint64_t at = run->entries_end, before = 0;
    enum mr_status status = find_block(run, key, &at);
    while (status == MR_OK && at < run->entries_end) {
        const struct run_entry *entry = entry_at(run, at);
        if (entry == NULL || !entry_is_whole(entry))
            return damaged(run, "an entry", at);
        if (mr_slice_compare(entry_key(entry), key) >= 0) {
            if (before == 0 && at != run->entries_at)
                return damaged(run, "a fence's entry before the one", at);
            break;
        }
        before = at;
        at = behind(entry, at);
    }
    *ret_at = at;
    *ret_before = before;
    return status;
}

/* Stands at the key or behind it, or `back`: before it. */
static void seek(struct run_cursor *cursor, struct mr_slice key, bool back)
{
    uint64_t at = 0, before = 0;
    cursor->valid = false;
    if (cursor->run->keys == 0)
        return;
    enum mr_status status = find(cursor->run, key, &at, &before);
    if (status < 0)
        stop(cursor, status);
    else if (back ? before != 0 : at < cursor->run->entries_end)
        stand_checked(cursor, back ? before : at);
}

void run_seek(struct run_cursor *cursor, struct mr_slice key)
{
    seek(cursor, key, false);
}

void run_seek_before(struct run_cursor *cursor, struct mr_slice key)
{
    seek(cursor, key, true);
}

void run_next(struct run_cursor *cursor)
{
    assert(cursor->valid);
    const struct run_entry *entry = (const void *)(cursor->run->map + cursor->at);
    uint64_t at = behind(entry, cursor->at);
    if (at >= cursor->run->entries_end)
        stop(cursor, MR_OK);
    else
        stand(cursor, at);
}

void run_prev(struct run_cursor *cursor)
{
    assert(cursor->valid);
    const struct run_entry *entry = (const void *)(cursor->run->map + cursor->at);
    uint64_t before = (uint64_t)entry->before * RUN_UNIT;
    if (before == 0)
        stop(cursor, MR_OK);
    else if (before > cursor->at)
        stop_damaged(cursor, cursor->at);
    else
        stand(cursor, cursor->at - before);
}
