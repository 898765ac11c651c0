/* journal/segment.c: segment files: names, mappings, pins, indexes. */
#include "journal/internal.h"
#include "base/point.h"
#include "base/arena.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct journal_segment *journal_segment_new(struct journal *journal, int64_t first, size_t capacity)
{
    struct journal_segment *segment = mr_calloc(1, sizeof(*segment));
    segment->journal = journal;
    segment->first = first;
    segment->capacity = capacity;
    segment->fd = -1;
    segment->refs = 1;
    atomic_init(&segment->end, INT64_MAX);
    atomic_init(&segment->time_max, INT64_MAX);
    pthread_mutex_init(&segment->lock, NULL);
    return segment;
}

static void release_memory_locked(struct journal_segment *segment)
{
    if (segment->map != NULL)
        munmap((void *)(uintptr_t)segment->map, segment->map_bytes);
    segment->map = NULL;
    journal_index_free(segment->index);
    segment->index = NULL;
}

static void segment_free(struct journal_segment *segment)
{
    release_memory_locked(segment);
    if (segment->fd >= 0)
        close(segment->fd);
    pthread_mutex_destroy(&segment->lock);
    free(segment);
}

void journal_segment_path(const struct journal *journal, int64_t first, const char *suffix,
                          char ret_path[static JOURNAL_PATH_MAX])
{
    snprintf(ret_path, JOURNAL_PATH_MAX, "%s/%020" PRId64 "%s", journal->folder, first, suffix);
}

void journal_files_add(struct journal *journal, struct journal_segment *segment)
{
    pthread_mutex_lock(&journal->files.lock);
    if (journal->files.count == journal->files.capacity) {
        journal->files.capacity = journal->files.capacity == 0 ? 16 : journal->files.capacity * 2;
        journal->files.list =
            mr_realloc(journal->files.list, journal->files.capacity * sizeof(*journal->files.list));
    }
    assert(journal->files.count == 0 ||
           journal->files.list[journal->files.count - 1]->first < segment->first);
    segment->listed = true;
    journal->files.list[journal->files.count++] = segment;
    pthread_mutex_unlock(&journal->files.lock);
}

struct journal_segment *journal_segment_pin(struct journal *journal, int64_t position)
{
    struct journal_segment *found = NULL;
    pthread_mutex_lock(&journal->files.lock);
    size_t low = 0, high = journal->files.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (journal->files.list[middle]->first <= position)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0) {
        found = journal->files.list[low - 1];
        found->refs++;
    }
    pthread_mutex_unlock(&journal->files.lock);
    return found;
}

void journal_segment_ref(struct journal_segment *segment)
{
    pthread_mutex_lock(&segment->journal->files.lock);
    segment->refs++;
    pthread_mutex_unlock(&segment->journal->files.lock);
}

void journal_segment_unpin(struct journal_segment *segment)
{
    struct journal *journal = segment->journal;
    pthread_mutex_lock(&journal->files.lock);
    uint32_t left = --segment->refs;
    if (left == 1 && !segment->dropped && atomic_load(&segment->end) != INT64_MAX) {
        pthread_mutex_lock(&segment->lock);
        release_memory_locked(segment);
        pthread_mutex_unlock(&segment->lock);
    }
    pthread_mutex_unlock(&journal->files.lock);
    if (left == 0)
        segment_free(segment);
}

static enum mr_status map_locked(struct journal_segment *segment)
{
    char path[JOURNAL_PATH_MAX];
    journal_segment_path(segment->journal, segment->first, ".log", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
    int64_t end = atomic_load(&segment->end);
    size_t bytes = end == INT64_MAX ? segment->capacity : (size_t)(end - segment->first);
    struct stat info = {0};
    if (fstat(fd, &info) != 0 || (uint64_t)info.st_size < bytes) {
        close(fd);
        return MR_RAISE(MR_FAIL_DATA, "'%s' is damaged: it has %lld of its %zu bytes", path,
                        (long long)info.st_size, bytes);
    }
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    int map_errno = errno;
    close(fd);
    if (map == MAP_FAILED)
        return MR_RAISE(MR_FAIL_IO, "cannot map '%s': %s", path, strerror(map_errno));
    int64_t first;
    if (!journal_file_header_decode(map, bytes, &first) || first != segment->first) {
        munmap(map, bytes);
        return MR_RAISE(MR_FAIL_DATA, "'%s' is damaged: bad header at offset 0", path);
    }
    segment->map = map;
    segment->map_bytes = bytes;
    return MR_OK;
}

void journal_segment_forget(struct journal_segment *segment, size_t bytes)
{
    pthread_mutex_lock(&segment->lock);
    if (segment->map != NULL && bytes > 0)
        madvise((void *)(uintptr_t)segment->map, bytes, MADV_DONTNEED);
    pthread_mutex_unlock(&segment->lock);
}

enum mr_status journal_segment_map(struct journal_segment *segment)
{
    pthread_mutex_lock(&segment->lock);
    enum mr_status status = segment->map != NULL ? MR_OK : map_locked(segment);
    pthread_mutex_unlock(&segment->lock);
    return status;
}

size_t journal_segment_scan(const char *map, int64_t first, size_t offset, size_t limit,
                            struct journal_index *index)
{
    struct journal_entry entry;
    while (offset < limit &&
           journal_entry_decode(map + offset, limit - offset, first + (int64_t)offset, &entry)) {
        if (!journal_entry_body_is_good(map + offset, &entry))
            break;
        journal_index_add(index, offset, entry.time_ms);
        size_t at = JOURNAL_ENTRY_HEADER_BYTES;
        while (at < entry.length) {
            struct journal_op op;
            size_t size = journal_op_decode(map + offset + at, entry.length - at, &op);
            if (size == 0)
                return offset;
            if (op.window != 0)
                journal_index_mark(index, op.window, offset, 1);
            at += size;
        }
        offset += entry.length;
    }
    return offset;
}

static enum mr_status rebuild_index_locked(struct journal_segment *segment, int64_t end)
{
    enum mr_status status = segment->map != NULL ? MR_OK : map_locked(segment);
    if (status < 0)
        return status;
    size_t bytes = (size_t)(end - segment->first);
    struct journal_index *index = journal_index_new(bytes);
    size_t reached =
        journal_segment_scan(segment->map, segment->first, JOURNAL_FILE_HEADER_BYTES, bytes, index);
    if (reached != bytes) {
        journal_index_free(index);
        return MR_RAISE(MR_FAIL_DATA, "'%s/%020" PRId64 ".log' is damaged: bad entry at offset %zu",
                        segment->journal->folder, segment->first, reached);
    }
    segment->index = index;
    journal_segment_store_index(segment, end);
    return MR_OK;
}

static enum mr_status load_index_locked(struct journal_segment *segment)
{
    int64_t end = atomic_load(&segment->end), its_end;
    assert(end != INT64_MAX); /* the one that takes entries always has its index */
    MR_CLEANUP(mr_buf_fini) struct mr_buf text = {0};
    char path[JOURNAL_PATH_MAX];
    journal_segment_path(segment->journal, segment->first, ".idx", path);
    if (journal_file_read(path, &text) == MR_OK) {
        struct journal_index *index;
        size_t bytes = (size_t)(end - segment->first);
        if (journal_index_decode(mr_buf_slice(&text), segment->first, bytes, &its_end, &index) ==
            MR_OK) {
            if (its_end == end) {
                segment->index = index;
                return MR_OK;
            }
            journal_index_free(index);
        }
    }
    return rebuild_index_locked(segment, end);
}

enum mr_status journal_segment_index(struct journal_segment *segment)
{
    pthread_mutex_lock(&segment->lock);
    enum mr_status status = segment->index != NULL ? MR_OK : load_index_locked(segment);
    pthread_mutex_unlock(&segment->lock);
    return status;
}

static enum mr_status write_whole(const char *path, struct mr_slice text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return MR_FAIL_IO;
    bool good = mr_point_good(MR_POINT_JOURNAL_INDEX_WRITE);
    for (size_t done = 0; good && done < text.len;) {
        ssize_t n = write(fd, text.ptr + done, text.len - done);
        good = n > 0 || (n < 0 && errno == EINTR);
        done += n > 0 ? (size_t)n : 0;
    }
    close(fd); /* not synced: one that a power cut damages is noticed by its CRC */
    return good ? MR_OK : MR_FAIL_IO;
}

void journal_segment_store_index(struct journal_segment *segment, int64_t end)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf text = {0};
    journal_index_encode(segment->index, segment->first, end, &text);
    char path[JOURNAL_PATH_MAX], scratch[JOURNAL_PATH_MAX];
    journal_segment_path(segment->journal, segment->first, ".idx", path);
    journal_segment_path(segment->journal, segment->first, ".idx.tmp", scratch);
    if (write_whole(scratch, mr_buf_slice(&text)) < 0 ||
        !mr_point_good(MR_POINT_JOURNAL_INDEX_RENAME) || rename(scratch, path) != 0)
        mr_log(MR_LOG_WARN, "journal", "cannot store '%s': %s", path, strerror(errno));
}

enum mr_status journal_file_make(const char *path, size_t bytes, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot create '%s': %s", path, strerror(errno));
    int failed = mr_point_good(MR_POINT_JOURNAL_RESERVE) ? fallocate(fd, 0, 0, (off_t)bytes) : -1;
    if (failed != 0 && errno == EOPNOTSUPP)
        failed = ftruncate(fd, (off_t)bytes);
    if (failed != 0) {
        enum mr_status status = MR_RAISE(MR_FAIL_IO, "cannot reserve %zu bytes for '%s': %s", bytes,
                                         path, strerror(errno));
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return MR_OK;
}

enum mr_status journal_folder_sync(const struct journal *journal)
{
    if (!mr_point_good(MR_POINT_JOURNAL_FOLDER_SYNC) || fsync(journal->folder_fd) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot sync '%s': %s", journal->folder, strerror(errno));
    return MR_OK;
}

enum mr_status journal_file_read(const char *path, struct mr_buf *buf)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? MR_NOT_FOUND
                   : MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
    ssize_t n;
    do {
        char *room = mr_buf_reserve(buf, 64 << 10);
        n = read(fd, room, 64 << 10);
        buf->len += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    close(fd);
    if (n < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot read '%s'", path);
    return MR_OK;
}
