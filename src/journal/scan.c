#include "journal/scan.h"
#include "base/arena.h"
#include "journal/entry.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_DIGITS = 20, PATH_BYTES = 4096 };

struct walk {
    struct journal_scan *scan;
    char name[FIRST_DIGITS + 8];
    const char *map;
    size_t size;  /* of the file */
    size_t limit; /* entries end at or before it */
    int64_t first;
    bool newest;
    struct journal_op *ops; /* owned */
    size_t capacity;
};

static void tell(const struct walk *walk, size_t offset, size_t bytes, const char *what)
{
    const struct journal_damage damage = {.file = walk->name,
                                          .offset = offset,
                                          .position = walk->first + (int64_t)offset,
                                          .bytes = bytes,
                                          .what = what};
    if (walk->scan->on_damage != NULL)
        walk->scan->on_damage(walk->scan->ctx, &damage);
}

/* The next entry behind `offset` whose header is whole; the limit when there is none. */
static size_t next_entry(const struct walk *walk, size_t offset, struct journal_entry *ret_entry)
{
    for (size_t at = (offset + 8) & ~(size_t)7; at < walk->limit; at += 8)
        if (journal_entry_decode(walk->map + at, walk->limit - at, walk->first + (int64_t)at,
                                 ret_entry))
            return at;
    return walk->limit;
}

/* Whether the bytes from `offset` on were never acknowledged: the newest segment's rest, which no
 * later entry proves to have been on disk. */
static bool is_tail(const struct walk *walk, size_t offset)
{
    struct journal_entry entry;
    if (!walk->newest || walk->scan->until != INT64_MAX)
        return false;
    for (size_t at = offset; (at = next_entry(walk, at, &entry)) < walk->limit;)
        if (entry.position - (int64_t)entry.unsynced > walk->first + (int64_t)offset)
            return false;
    return true;
}

static bool decode_ops(struct walk *walk, const char *data, const struct journal_entry *entry)
{
    if (entry->count > walk->capacity) {
        walk->capacity = entry->count;
        walk->ops = mr_realloc(walk->ops, walk->capacity * sizeof *walk->ops);
    }
    size_t at = JOURNAL_ENTRY_HEADER_BYTES;
    for (uint32_t i = 0; i < entry->count; i++) {
        const size_t bytes = journal_op_decode(data + at, entry->length - at, &walk->ops[i]);
        if (bytes == 0)
            return false;
        walk->ops[i].position = entry->position + (int64_t)at;
        walk->ops[i].time_ms = entry->time_ms;
        at += bytes;
    }
    return true;
}

static enum mr_status walk_entries(struct walk *walk, size_t offset)
{
    while (offset + JOURNAL_ENTRY_HEADER_BYTES <= walk->limit) {
        struct journal_entry entry;
        const char *data = walk->map + offset;
        const int64_t position = walk->first + (int64_t)offset;
        if (!journal_entry_decode(data, walk->limit - offset, position, &entry)) {
            if (is_tail(walk, offset))
                return MR_OK;
            const size_t next = next_entry(walk, offset, &entry);
            tell(walk, offset, next - offset, "no entry, or its header is damaged");
            offset = next;
            continue;
        }
        if (!journal_entry_body_is_good(data, &entry)) {
            if (is_tail(walk, offset))
                return MR_OK;
            tell(walk, offset, entry.length, "the entry's bytes differ from their checksum");
        } else if (!decode_ops(walk, data, &entry)) {
            tell(walk, offset, entry.length, "the entry's ops cannot be read");
        } else if (position >= walk->scan->from) {
            const enum mr_status status =
                walk->scan->on_entry(walk->scan->ctx, walk->ops, entry.count);
            if (status != MR_OK)
                return status;
        }
        offset += entry.length;
    }
    return MR_OK;
}

/* `next`: where the next segment begins; INT64_MAX: it is the newest. */
static enum mr_status walk_file(struct walk *walk, int64_t next)
{
    const struct journal_scan *scan = walk->scan;
    char path[PATH_BYTES];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%s", scan->folder, walk->name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        const int error = errno;
        if (fd >= 0)
            (void)close(fd);
        return MR_RAISE(MR_FAIL_IO, "cannot read '%s': %s", path, strerror(error));
    }
    walk->size = (size_t)info.st_size;
    void *map = walk->size == 0 ? NULL : mmap(NULL, walk->size, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED)
        return MR_RAISE(MR_FAIL_IO, "cannot map '%s': %s", path, strerror(errno));
    (void)madvise(map, walk->size, MADV_SEQUENTIAL);
    walk->map = map;
    walk->newest = next == INT64_MAX;
    const int64_t end = scan->until < next ? scan->until : next;
    walk->limit = walk->size;
    if (end != INT64_MAX && (uint64_t)(end - walk->first) <= walk->size)
        walk->limit = (size_t)(end - walk->first);
    else if (end != INT64_MAX)
        tell(walk, walk->size, 0, "the file is too short");
    int64_t first;
    if (map == NULL || !journal_file_header_decode(walk->map, walk->size, &first) ||
        first != walk->first)
        tell(walk, 0, JOURNAL_FILE_HEADER_BYTES, "the file's header is damaged");
    const enum mr_status status = walk_entries(walk, JOURNAL_FILE_HEADER_BYTES);
    if (map != NULL)
        (void)munmap(map, walk->size);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static enum mr_status list_segments(const char *folder, int64_t **ret_list, size_t *ret_count)
{
    DIR *open_folder = opendir(folder);
    if (open_folder == NULL)
        return MR_RAISE(MR_FAIL_IO, "cannot list '%s': %s", folder, strerror(errno));
    size_t count = 0, capacity = 0;
    int64_t *list = NULL;
    for (const struct dirent *item; (item = readdir(open_folder)) != NULL;) {
        const struct mr_slice name = mr_slice_cstr(item->d_name);
        int64_t first;
        if (name.len != FIRST_DIGITS + 4 || !mr_slice_ends_with(name, MR_S(".log")) ||
            mr_slice_to_i64(mr_slice_sub(name, 0, FIRST_DIGITS), &first) != MR_OK)
            continue;
        if (count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            list = mr_realloc(list, capacity * sizeof *list);
        }
        list[count++] = first;
    }
    (void)closedir(open_folder);
    if (count > 0)
        qsort(list, count, sizeof *list, by_value);
    *ret_list = list;
    *ret_count = count;
    return MR_OK;
}

enum mr_status journal_scan_run(struct journal_scan *scan)
{
    int64_t *firsts = NULL;
    size_t count = 0;
    enum mr_status status = list_segments(scan->folder, &firsts, &count);
    struct walk walk = {.scan = scan};
    scan->first = count == 0 ? 0 : firsts[0];
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        const int64_t next = i + 1 < count ? firsts[i + 1] : INT64_MAX;
        if (next <= scan->from || firsts[i] >= scan->until)
            continue;
        walk.first = firsts[i];
        (void)snprintf(walk.name, sizeof walk.name, "%0*" PRId64 ".log", FIRST_DIGITS, firsts[i]);
        status = walk_file(&walk, next);
    }
    free(walk.ops);
    free(firsts);
    return status == MR_END ? MR_OK : status;
}
