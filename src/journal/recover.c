/* journal/recover.c: finds the journal's end.
 *
 * A segment that has a successor is complete (syncer.c says why), so only the newest is scanned,
 * from where its sidecar ends or from its first entry. The scan stops at the first bytes that are
 * no entry. They are a torn tail, part of the last write that never was acknowledged, unless the
 * header of a later entry proves that they were on disk when that one was appended: then
 * acknowledged bytes are damaged, and the journal is refused.
 *
 * A torn tail is cut before anything is appended: the file is shortened to the good entries and
 * preallocated again, so that no remains of the lost write can follow new entries. What the scan
 * found is synced before it counts as durable: after kill -9 it may be in the page cache only; and
 * what no later entry proves to be on disk is written again before, see newest_rewrite. */
#include "journal/internal.h"
#include "base/point.h"
#include "base/arena.h"
#include "base/log.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_DIGITS = 20 };

/* ---- what is in the folder ---- */

struct firsts {
    int64_t *list; /* owned */
    size_t count, capacity;
};

static void firsts_fini(struct firsts *firsts)
{
    free(firsts->list);
}

static int compare_firsts(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static void firsts_add(struct firsts *firsts, struct mr_slice name)
{
    int64_t first;
    if (name.len != FIRST_DIGITS + 4 || !mr_slice_ends_with(name, MR_S(".log")) ||
        mr_slice_to_i64(mr_slice_sub(name, 0, FIRST_DIGITS), &first) != MR_OK)
        return;
    if (firsts->count == firsts->capacity) {
        firsts->capacity = firsts->capacity == 0 ? 64 : firsts->capacity * 2;
        firsts->list = mr_realloc(firsts->list, firsts->capacity * sizeof(*firsts->list));
    }
    firsts->list[firsts->count++] = first;
}

/* Also removes what an interrupted run left half made. */
static enum mr_status firsts_read(const struct journal *journal, struct firsts *ret_firsts)
{
    DIR *folder = opendir(journal->folder);
    if (folder == NULL)
        return MR_RAISE(MR_FAIL_IO, "cannot list '%s': %s", journal->folder, strerror(errno));
    struct dirent *item;
    while ((item = readdir(folder)) != NULL) {
        struct mr_slice name = mr_slice_cstr(item->d_name);
        if (mr_slice_ends_with(name, MR_S(".tmp")))
            unlinkat(journal->folder_fd, item->d_name, 0);
        firsts_add(ret_firsts, name);
    }
    closedir(folder);
    if (ret_firsts->count > 0)
        qsort(ret_firsts->list, ret_firsts->count, sizeof(*ret_firsts->list), compare_firsts);
    return MR_OK;
}

/* A complete segment: it holds every byte up to its successor. */
static enum mr_status add_complete(struct journal *journal, int64_t first, int64_t end)
{
    char path[JOURNAL_PATH_MAX];
    struct stat info;
    journal_segment_path(journal, first, ".log", path);
    if (stat(path, &info) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot look at '%s': %s", path, strerror(errno));
    if (info.st_size < end - first)
        return MR_RAISE(MR_FAIL_DATA,
                        "the journal is damaged: '%s' ends at position %" PRId64
                        ", but the next segment begins at %" PRId64,
                        path, first + (int64_t)info.st_size, end);
    struct journal_segment *segment = journal_segment_new(journal, first, (size_t)(end - first));
    atomic_store(&segment->end, end);
    journal_files_add(journal, segment);
    return MR_OK;
}

/* ---- the newest segment ---- */

struct newest {
    struct journal_segment *segment;
    char path[JOURNAL_PATH_MAX];
    size_t size;     /* of its file, as found */
    const char *map; /* of these bytes */
};

static void newest_fini(struct newest *newest)
{
    if (newest->map != NULL)
        munmap((void *)(uintptr_t)newest->map, newest->size);
}

static enum mr_status newest_map(struct newest *newest)
{
    struct stat info;
    newest->segment->fd = open(newest->path, O_RDWR | O_CLOEXEC);
    if (newest->segment->fd < 0 || fstat(newest->segment->fd, &info) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", newest->path, strerror(errno));
    newest->size = (size_t)info.st_size;
    void *map = MAP_FAILED;
    if (newest->size >= JOURNAL_FILE_HEADER_BYTES) {
        map = mmap(NULL, newest->size, PROT_READ, MAP_SHARED, newest->segment->fd, 0);
        if (map == MAP_FAILED)
            return MR_RAISE(MR_FAIL_IO, "cannot map '%s': %s", newest->path, strerror(errno));
        newest->map = map;
        madvise(map, newest->size, MADV_SEQUENTIAL);
    }
    int64_t first;
    if (newest->map == NULL || !journal_file_header_decode(newest->map, newest->size, &first) ||
        first != newest->segment->first)
        return MR_RAISE(MR_FAIL_DATA, "'%s' is damaged: bad header at offset 0", newest->path);
    if (newest->size > newest->segment->capacity)
        newest->segment->capacity = newest->size;
    return MR_OK;
}

/* The index as its sidecar has it, or an empty one; `ret_offset` is where the scan begins. */
static enum mr_status newest_index(struct newest *newest, size_t *ret_offset)
{
    struct journal_segment *segment = newest->segment;
    MR_CLEANUP(mr_buf_fini) struct mr_buf text = {0};
    char path[JOURNAL_PATH_MAX];
    int64_t end;
    journal_segment_path(segment->journal, segment->first, ".idx", path);
    if (journal_file_read(path, &text) != MR_OK ||
        journal_index_decode(mr_buf_slice(&text), segment->first, segment->capacity, &end,
                             &segment->index) != MR_OK) {
        segment->index = journal_index_new(segment->capacity);
        *ret_offset = JOURNAL_FILE_HEADER_BYTES;
        return MR_OK;
    }
    *ret_offset = (size_t)(end - segment->first);
    if (*ret_offset > newest->size)
        return MR_RAISE(MR_FAIL_DATA,
                        "'%s' is damaged: it ends at offset %zu, bytes up to %zu were durable",
                        newest->path, newest->size, *ret_offset);
    return MR_OK;
}

/* Whether bytes other than zero follow `offset`, and the first entry header among them that proves
 * that everything before some position beyond `offset` was on disk (0: none). */
static bool remains_follow(const struct newest *newest, size_t offset, size_t *ret_proof)
{
    bool found = false;
    *ret_proof = 0;
    int64_t first = newest->segment->first;
    size_t at = offset;
    while (at < newest->size) {
        /* The preallocated rest is not read, where the file system tells it apart. */
        off_t data = lseek(newest->segment->fd, (off_t)at, SEEK_DATA);
        if (data < 0)
            break;
        off_t hole = lseek(newest->segment->fd, data, SEEK_HOLE);
        size_t stop = hole < 0 ? newest->size : (size_t)hole;
        at = (size_t)data > at ? (size_t)data & ~(size_t)7 : at;
        for (; at + 8 <= newest->size && at < stop; at += 8) {
            uint64_t word;
            struct journal_entry entry;
            memcpy(&word, newest->map + at, sizeof(word));
            if (word == 0)
                continue;
            found = true;
            if (at > offset &&
                journal_entry_decode(newest->map + at, newest->size - at, first + (int64_t)at,
                                     &entry) &&
                entry.position - (int64_t)entry.unsynced > first + (int64_t)offset) {
                *ret_proof = at;
                return true;
            }
        }
        if (at < stop)
            break; /* the odd bytes at the end */
    }
    return found;
}

/* Everything before it is on disk: the entries from `offset` up to `end` say so. */
static size_t proven_offset(const struct newest *newest, size_t offset, size_t end)
{
    const int64_t first = newest->segment->first;
    size_t proven = offset;
    struct journal_entry entry;
    for (size_t at = offset; at < end && journal_entry_decode(newest->map + at, newest->size - at,
                                                              first + (int64_t)at, &entry);
         at += entry.length) {
        const int64_t durable = entry.position - (int64_t)entry.unsynced - first;
        if (durable > (int64_t)proven)
            proven = (size_t)durable;
    }
    return proven;
}

/* The last entries again, for a sync that failed in an earlier run leaves them in the page cache
 * and clean: without this the next sync would succeed, and they would not be on disk. */
static enum mr_status newest_rewrite(const struct newest *newest, size_t from, size_t to)
{
    enum { CHUNK_BYTES = 256 << 10 };
    enum mr_status status = MR_OK;
    char *chunk = mr_malloc(CHUNK_BYTES);
    while (status == MR_OK && from < to) {
        const size_t len = to - from < CHUNK_BYTES ? to - from : CHUNK_BYTES;
        memcpy(chunk, newest->map + from, len);
        const ssize_t n =
            newest->segment->journal->io->pwrite(newest->segment->fd, chunk, len, (off_t)from);
        if (n <= 0 && (n == 0 || errno != EINTR))
            status = MR_RAISE(MR_FAIL_IO, "cannot write '%s': %s", newest->path,
                              n == 0 ? "no room" : strerror(errno));
        from += n > 0 ? (size_t)n : 0;
    }
    free(chunk);
    return status;
}

static enum mr_status newest_cut(struct newest *newest, size_t offset)
{
    struct journal_segment *segment = newest->segment;
    int fd = segment->fd;
    int failed = mr_point_good(MR_POINT_JOURNAL_RECOVER_CUT) ? ftruncate(fd, (off_t)offset) : -1;
    if (failed == 0)
        failed = !mr_point_good(MR_POINT_JOURNAL_RECOVER_RESERVE)
                     ? -1
                     : fallocate(fd, 0, 0, (off_t)segment->capacity);
    if (failed != 0 && errno == EOPNOTSUPP)
        failed = ftruncate(fd, (off_t)segment->capacity);
    if (failed != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot cut '%s' at offset %zu: %s", newest->path, offset,
                        strerror(errno));
    if (!mr_point_good(MR_POINT_JOURNAL_RECOVER_SYNC) || segment->journal->io->fdatasync(fd) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot sync '%s': %s", newest->path, strerror(errno));
    return MR_OK;
}

static enum mr_status newest_recover(struct newest *newest, size_t *ret_offset)
{
    size_t offset, from = 0, proof;
    enum mr_status status = newest_map(newest);
    if (status == MR_OK)
        status = newest_index(newest, &from);
    if (status < 0)
        return status;
    offset = journal_segment_scan(newest->map, newest->segment->first, from, newest->size,
                                  newest->segment->index);
    bool torn = remains_follow(newest, offset, &proof);
    if (proof != 0)
        return MR_RAISE(MR_FAIL_DATA,
                        "'%s' is damaged: bad entry at offset %zu, which was on disk before the "
                        "entry at offset %zu was written",
                        newest->path, offset, proof);
    if (torn)
        mr_log(MR_LOG_WARN, "journal", "cut an unfinished write off '%s' at offset %zu",
               newest->path, offset);
    *ret_offset = offset;
    status = newest_rewrite(newest, proven_offset(newest, from, offset), offset);
    return status == MR_OK ? newest_cut(newest, offset) : status;
}

static enum mr_status recover_newest(struct journal *journal, int64_t first, size_t *ret_offset)
{
    MR_CLEANUP(newest_fini)
    struct newest newest = {.segment = journal_segment_new(journal, first, journal->segment_bytes)};
    journal_segment_path(journal, first, ".log", newest.path);
    journal_files_add(journal, newest.segment);
    journal->tail.segment = newest.segment;
    return newest_recover(&newest, ret_offset);
}

/* Short, because whoever starts waits for its zeros: a few milliseconds. */
static enum mr_status make_first(struct journal *journal, int64_t first_position)
{
    enum { FIRST_BYTES = 2 << 20 };
    size_t bytes = journal->segment_bytes < FIRST_BYTES ? journal->segment_bytes : FIRST_BYTES;
    struct journal_segment *segment = journal_segment_new(journal, first_position, bytes);
    segment->index = journal_index_new(bytes);
    enum mr_status status = journal_segment_activate(segment);
    if (status < 0 && !segment->listed)
        journal_segment_unpin(segment);
    if (status == MR_OK)
        journal_write_zeros_ahead(journal, segment->fd, JOURNAL_FILE_HEADER_BYTES, bytes);
    journal->tail.segment = segment;
    return status;
}

enum mr_status journal_recover(struct journal *journal, int64_t first_position)
{
    MR_CLEANUP(firsts_fini) struct firsts firsts = {0};
    mr_point(MR_POINT_JOURNAL_RECOVER);
    enum mr_status status = firsts_read(journal, &firsts);
    /* A run that was killed may have named the newest segment and not synced that: what is appended
     * to it must not go with its name. */
    if (status == MR_OK && firsts.count > 0)
        status = journal_folder_sync(journal);
    for (size_t i = 0; status == MR_OK && i + 1 < firsts.count; i++)
        status = add_complete(journal, firsts.list[i], firsts.list[i + 1]);
    size_t offset = JOURNAL_FILE_HEADER_BYTES;
    if (status == MR_OK && firsts.count == 0)
        status = make_first(journal, first_position);
    else if (status == MR_OK)
        status = recover_newest(journal, firsts.list[firsts.count - 1], &offset);
    if (status < 0)
        return status;
    journal->tail.offset = offset;
    journal->written = journal->tail.segment;
    int64_t tail = journal->tail.segment->first + (int64_t)offset;
    atomic_store(&journal->tail_position, tail);
    atomic_store(&journal->durable, tail);
    mr_point(MR_POINT_JOURNAL_RECOVERED);
    return MR_OK;
}
