/* view/run_writer.c: a run is written from front to back; only its buckets, which lie in front, are
 * filled as keys come, through a mapping: their memory is the kernel's, whatever the run's size.
 * They are reserved on the disk first, because a mapping has no way to say that the disk is full.
 */
#include "view/run.h"
#include "base/point.h"
#include "base/buf.h"
#include "base/codec.h"
#include "view/hash.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HUGE_PAGE_BYTES = 2 << 20,
    AHEAD =
        16, /* keys whose buckets are on their way: they lie anywhere, so each is a cache miss */
};

struct run_writer {
    char *path; /* owned */
    int fd;
    struct run_bucket *buckets; /* mapped */
    size_t mapped_bytes;
    uint64_t buckets_count, keys, keys_max;
    struct { /* of the last AHEAD keys, in a ring: not in their buckets yet */
        uint64_t hash;
        uint32_t place;
    } ahead[AHEAD];
    uint64_t at;         /* of the next entry */
    uint64_t written;    /* bytes of the file that are written; those behind it are in `waiting` */
    uint64_t last_at;    /* of the newest entry; 0: there is none */
    uint64_t fence_next; /* an entry from here on gets a fence */
    struct mr_buf waiting, fences;
};

static enum mr_status failed(const struct run_writer *writer, const char *what)
{
    return MR_RAISE(MR_FAIL_IO, "cannot %s '%s': %s", what, writer->path, strerror(errno));
}

static enum mr_status open_file(struct run_writer *writer)
{
    if (!mr_point_good(MR_POINT_VIEW_RUN_CREATE))
        return failed(writer, "make");
    writer->fd = open(writer->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (writer->fd < 0)
        return failed(writer, "make");
    int error = posix_fallocate(writer->fd, 0, (off_t)writer->at);
    if (error != 0) {
        errno = error;
        return failed(writer, "reserve room for");
    }
    void *map = mmap(NULL, writer->at, PROT_READ | PROT_WRITE, MAP_SHARED, writer->fd, 0);
    if (map == MAP_FAILED)
        return failed(writer, "map");
    (void)madvise(map, writer->at, MADV_HUGEPAGE); /* where the kernel can; see write_waiting */
    writer->mapped_bytes = writer->at;
    writer->buckets = (void *)((char *)map + RUN_HEADER_BYTES);
    return MR_OK;
}

enum mr_status run_writer_new(struct run_writer **ret_writer, const char *path, uint64_t keys_max)
{
    struct run_writer *writer = mr_calloc(1, sizeof(*writer));
    writer->fd = -1;
    writer->path = mr_strdup_slice(mr_slice_cstr(path));
    writer->keys_max = keys_max;
    writer->buckets_count = keys_max / RUN_SLOTS_FILLED + 1;
    uint64_t bytes = RUN_HEADER_BYTES + writer->buckets_count * sizeof(struct run_bucket);
    writer->at = (bytes + RUN_BLOCK_BYTES - 1) / RUN_BLOCK_BYTES * RUN_BLOCK_BYTES;
    writer->written = writer->fence_next = writer->at;
    enum mr_status status = open_file(writer);
    if (status < 0) {
        run_writer_free(writer);
        return status;
    }
    *ret_writer = writer;
    return MR_OK;
}

void run_writer_free(struct run_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->buckets != NULL)
        munmap((char *)writer->buckets - RUN_HEADER_BYTES, writer->mapped_bytes);
    if (writer->fd >= 0)
        close(writer->fd);
    mr_buf_fini(&writer->waiting);
    mr_buf_fini(&writer->fences);
    free(writer->path);
    free(writer);
}

static enum mr_status write_all(struct run_writer *writer, struct mr_slice bytes, uint64_t at)
{
    while (bytes.len > 0) {
        size_t part = mr_point_write(MR_POINT_VIEW_RUN_WRITE, bytes.len);
        ssize_t n = part == 0 ? -1 : pwrite(writer->fd, bytes.ptr, part, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return failed(writer, "write");
        }
        bytes = mr_slice_make(bytes.ptr + n, bytes.len - (size_t)n);
        at += (uint64_t)n;
    }
    return MR_OK;
}

/* Writes the first `len` bytes of what waits. The disk begins at once with them: a sync of all of
 * it at the end would hold up the commits that come meanwhile. */
static enum mr_status write_waiting(struct run_writer *writer, size_t len)
{
    struct mr_slice bytes = mr_slice_sub(mr_buf_slice(&writer->waiting), 0, len);
    enum mr_status status = write_all(writer, bytes, writer->written);
    if (status < 0)
        return status;
    (void)sync_file_range(writer->fd, (off_t)writer->written, (off_t)len, SYNC_FILE_RANGE_WRITE);
    writer->written += len;
    if (writer->waiting.len > len)
        memmove(writer->waiting.data, writer->waiting.data + len, writer->waiting.len - len);
    writer->waiting.len -= len;
    return MR_OK;
}

/* Writes as far as a huge page of the file is full: what is written at once, whole and in its place
 * lies in one such page of the cache (ext4 since Linux 6.16), and a lookup of a run that is
 * gigabytes long then misses less of what translates addresses. */
static enum mr_status write_full_pages(struct run_writer *writer)
{
    const uint64_t full = writer->at / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    return full <= writer->written ? MR_OK : write_waiting(writer, full - writer->written);
}

static void fill_bucket(struct run_writer *writer, uint64_t hash, uint32_t place)
{
    uint64_t at = run_bucket_of(hash, writer->buckets_count);
    while (writer->buckets[at].used >= RUN_SLOTS) {
        writer->buckets[at].used |= RUN_OVERFLOW;
        at = at + 1 == writer->buckets_count ? 0 : at + 1;
    }
    struct run_bucket *bucket = &writer->buckets[at];
    bucket->tags[bucket->used] = (uint16_t)hash;
    bucket->places[bucket->used] = place;
    bucket->used++;
}

/* Puts off the key until its bucket has come from memory. */
static void fill_later(struct run_writer *writer, uint64_t hash, uint32_t place)
{
    uint64_t slot = writer->keys % AHEAD;
    if (writer->keys >= AHEAD)
        fill_bucket(writer, writer->ahead[slot].hash, writer->ahead[slot].place);
    writer->ahead[slot].hash = hash;
    writer->ahead[slot].place = place;
    __builtin_prefetch(&writer->buckets[run_bucket_of(hash, writer->buckets_count)], 1);
}

static void fill_rest(struct run_writer *writer)
{
    for (uint64_t i = writer->keys < AHEAD ? 0 : writer->keys - AHEAD; i < writer->keys; i++)
        fill_bucket(writer, writer->ahead[i % AHEAD].hash, writer->ahead[i % AHEAD].place);
}

static void append_entry(struct run_writer *writer, struct mr_slice key,
                         const struct mr_slice *value)
{
    size_t from = writer->waiting.len;
    struct run_entry entry = {
        .before = writer->last_at == 0 ? 0 : (uint32_t)((writer->at - writer->last_at) / RUN_UNIT),
        .key_len = (uint32_t)key.len,
        .value_len = value == NULL ? RUN_DELETED : (int32_t)value->len,
    };
    mr_buf_append(&writer->waiting, mr_slice_make(&entry, sizeof(entry)));
    mr_buf_append(&writer->waiting, key);
    if (value != NULL)
        mr_buf_append(&writer->waiting, *value);
    const char *begin = writer->waiting.data + from;
    size_t len = writer->waiting.len - from;
    uint32_t crc = mr_crc32c(0, mr_slice_make(begin + sizeof(crc), len - sizeof(crc)));
    memcpy(writer->waiting.data + from, &crc, sizeof(crc));
    while (writer->waiting.len % RUN_UNIT != 0)
        mr_buf_byte(&writer->waiting, '\0');
    writer->at += writer->waiting.len - from;
}

enum mr_status run_writer_add(struct run_writer *writer, struct mr_slice key,
                              const struct mr_slice *value)
{
    assert(writer->keys < writer->keys_max);
    assert(key.len <= UINT32_MAX / 2 && (value == NULL || value->len <= INT32_MAX));
    uint64_t at = writer->at;
    assert(at / RUN_UNIT <= UINT32_MAX);
    if (at >= writer->fence_next) {
        struct run_fence fence = run_fence_make(key, (uint32_t)(at / RUN_UNIT));
        mr_buf_append(&writer->fences, mr_slice_make(&fence, sizeof(fence)));
        writer->fence_next = at + RUN_BLOCK_BYTES;
    }
    fill_later(writer, view_hash(key), (uint32_t)(at / RUN_UNIT));
    append_entry(writer, key, value);
    writer->last_at = at;
    writer->keys++;
    return write_full_pages(writer);
}

uint64_t run_writer_bytes(const struct run_writer *writer)
{
    return writer->at;
}

enum mr_status run_writer_finish(struct run_writer *writer)
{
    fill_rest(writer);
    for (uint64_t i = 0; i < writer->buckets_count; i++)
        writer->buckets[i].check = run_bucket_check(&writer->buckets[i]);
    struct run_header header = {
        .magic = RUN_MAGIC,
        .keys = writer->keys,
        .buckets = writer->buckets_count,
        .entries_at = writer->mapped_bytes,
        .entries_end = writer->at,
        .fences_at = writer->at,
        .fences = writer->fences.len / sizeof(struct run_fence),
        .bytes = writer->at + writer->fences.len,
        .fences_crc = mr_crc32c(0, mr_buf_slice(&writer->fences)),
    };
    header.crc = mr_crc32c(0, mr_slice_make(&header, offsetof(struct run_header, crc)));
    mr_buf_append(&writer->waiting, mr_buf_slice(&writer->fences));
    enum mr_status status = write_waiting(writer, writer->waiting.len);
    if (status == MR_OK)
        status = write_all(writer, mr_slice_make(&header, sizeof(header)), 0);
    if (status == MR_OK && (!mr_point_good(MR_POINT_VIEW_RUN_SYNC) || fsync(writer->fd) != 0))
        status = failed(writer, "sync");
    return status;
}
