/* Any bytes as a run: opened, looked up in and walked over, it ends, in bounds, and a step back
 * leads back. Its checksums are made right, so that what lies behind them is met:
 *
 *   one byte    buckets, less one
 *   one byte    fences
 *   one byte    1: changes to the header follow; 2: the buckets' checks, 4: the entries' are left
 *   then        changes to the header (exclusive or), buckets, fences, entries */
#include "view/run.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/log.h"
#include "view/hash.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUCKETS_MAX = 4, FENCES_MAX = 16, CHANGED = 1, CHECKS_LEFT = 2, CRCS_LEFT = 4 };

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    mr_log_set_level(MR_LOG_ERROR + 1);
    return 0;
}

/* ---- the file ---- */

/* Up to `len` bytes of the input to `ptr`, which is zeroed. */
static void take(struct mr_slice *input, void *ptr, size_t len)
{
    size_t part = input->len < len ? input->len : len;
    if (part > 0)
        memcpy(ptr, input->ptr, part);
    *input = mr_slice_sub(*input, part, SIZE_MAX);
}

static void set_crcs(char *entries, size_t len)
{
    size_t at = 0;
    while (len - at >= sizeof(struct run_entry)) {
        struct run_entry entry;
        memcpy(&entry, entries + at, sizeof(entry));
        uint64_t bytes = sizeof(entry) + (uint64_t)entry.key_len +
                         (entry.value_len < 0 ? 0 : (uint64_t)entry.value_len);
        if (bytes > len - at)
            break;
        entry.crc = mr_crc32c(
            0, mr_slice_make(entries + at + sizeof(entry.crc), (size_t)bytes - sizeof(entry.crc)));
        memcpy(entries + at, &entry, sizeof(entry));
        at += (size_t)(bytes + RUN_UNIT - 1) / RUN_UNIT * RUN_UNIT;
    }
}

static void put_header(struct run_header *header, struct mr_slice changes)
{
    for (size_t i = 0; i < changes.len; i++)
        ((char *)header)[i] = (char)(((char *)header)[i] ^ changes.ptr[i]);
    header->crc = mr_crc32c(0, mr_slice_make(header, offsetof(struct run_header, crc)));
}

static void make_file(struct mr_slice input, struct mr_buf *file)
{
    unsigned char shape[3] = {0};
    char changes[offsetof(struct run_header, crc)] = {0};
    struct run_bucket buckets[BUCKETS_MAX] = {0};
    struct run_fence fences[FENCES_MAX] = {0};
    take(&input, shape, sizeof(shape));
    size_t buckets_count = 1 + shape[0] % BUCKETS_MAX, fences_count = shape[1] % FENCES_MAX;
    if (shape[2] & CHANGED)
        take(&input, changes, sizeof(changes));
    take(&input, buckets, buckets_count * sizeof(buckets[0]));
    take(&input, fences, fences_count * sizeof(fences[0]));
    for (size_t i = 0; i < buckets_count && !(shape[2] & CHECKS_LEFT); i++)
        buckets[i].check = run_bucket_check(&buckets[i]);
    const struct mr_slice listed = mr_slice_make(fences, fences_count * sizeof(fences[0]));
    struct run_header header = {
        .magic = RUN_MAGIC,
        .keys = fences_count,
        .buckets = buckets_count,
        .entries_at = RUN_HEADER_BYTES + buckets_count * sizeof(buckets[0]),
        .fences = fences_count,
        .fences_crc = mr_crc32c(0, listed),
    };
    char *entries = mr_calloc(1, input.len + RUN_UNIT);
    size_t len = (input.len + RUN_UNIT - 1) / RUN_UNIT * RUN_UNIT;
    take(&input, entries, len);
    if (!(shape[2] & CRCS_LEFT))
        set_crcs(entries, len);
    header.entries_end = header.fences_at = header.entries_at + len;
    header.bytes = header.fences_at + listed.len;
    put_header(&header, mr_slice_make(changes, sizeof(changes)));
    char page[RUN_HEADER_BYTES] = {0};
    memcpy(page, &header, sizeof(header));
    mr_buf_append(file, mr_slice_make(page, sizeof(page)));
    mr_buf_append(file, mr_slice_make(buckets, buckets_count * sizeof(buckets[0])));
    mr_buf_append(file, mr_slice_make(entries, len));
    mr_buf_append(file, listed);
    free(entries);
}

/* ---- reading ---- */

static uint32_t read_slice(struct mr_slice slice)
{
    return mr_crc32c(0, slice); /* touches each byte */
}

static void look_up(const struct run *run, struct mr_slice key)
{
    enum memtable_found found;
    struct mr_slice value;
    run_prefetch(run, view_hash(key));
    if (run_get(run, key, view_hash(key), &found, &value) == MR_OK && found == MEMTABLE_VALUE)
        (void)read_slice(value);
    struct run_cursor cursor = {.run = run};
    run_seek(&cursor, key);
    if (cursor.valid)
        run_prev(&cursor);
    run_seek_before(&cursor, key);
    if (cursor.valid)
        run_next(&cursor);
}

static void walk(const struct run *run)
{
    struct run_cursor cursor = {.run = run};
    for (run_seek(&cursor, MR_S("")); cursor.valid; run_next(&cursor)) {
        (void)read_slice(cursor.key);
        (void)read_slice(cursor.value);
        look_up(run, cursor.key);
        struct run_cursor back = cursor;
        run_prev(&back);
        if (back.valid && back.at >= cursor.at)
            abort();
    }
    for (run_seek_before(&cursor, MR_S("\xff\xff")); cursor.valid; run_prev(&cursor))
        (void)read_slice(cursor.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_buf file = {0};
    struct run *run = NULL;
    char path[64];
    make_file(mr_slice_make(data, size), &file);
    int fd = memfd_create("run", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, file.data, file.len) != (ssize_t)file.len)
        abort();
    if (run_open(&run, path, 1) == MR_OK) {
        look_up(run, MR_S("absent"));
        walk(run);
    }
    run_unref(run);
    close(fd);
    mr_buf_fini(&file);
    return 0;
}
