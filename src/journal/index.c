/* Stored format of a sidecar, little-endian; beside "<first>.log" it is "<first>.idx":
 *
 *    0  8  "MRJIDX1\n"
 *    8  8  first position of the segment
 *   16  8  end: it describes the entries that end at or before this position
 *   24  4  number of blocks       28  4  number of windows
 *   32     blocks: u32 offset of the first entry (0: none), i64 newest time
 *          windows: u32 id, then a u64 for each 64 blocks
 *          u32 CRC-32C of everything before
 *
 * A sidecar is a cache: without it, or with a damaged one, the segment is scanned. */
#include "journal/index.h"
#include "base/codec.h"
#include <assert.h>
#include <stdlib.h>

static const char index_magic[8] = "MRJIDX1\n";
enum { INDEX_HEADER_BYTES = 32, INDEX_BLOCK_BYTES = 12, WINDOWS_MIN = 16 };

static size_t words_of(size_t blocks)
{
    return (blocks + 63) / 64;
}

struct journal_index *journal_index_new(size_t bytes)
{
    struct journal_index *index = mr_calloc(1, sizeof(*index));
    pthread_mutex_init(&index->lock, NULL);
    index->blocks = (bytes + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES;
    index->block = mr_calloc(index->blocks, sizeof(*index->block));
    for (size_t i = 0; i < index->blocks; i++)
        atomic_init(&index->block[i].time_max, INT64_MIN);
    index->capacity = WINDOWS_MIN;
    index->windows = mr_calloc(index->capacity, sizeof(*index->windows));
    return index;
}

void journal_index_free(struct journal_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < index->capacity; i++)
        free(index->windows[i].bits);
    free(index->windows);
    free(index->block);
    pthread_mutex_destroy(&index->lock);
    free(index);
}

void journal_index_add(struct journal_index *index, size_t offset, int64_t time_ms)
{
    assert(offset / JOURNAL_BLOCK_BYTES < index->blocks);
    struct journal_index_block *block = &index->block[offset / JOURNAL_BLOCK_BYTES];
    if (atomic_load_explicit(&block->first, memory_order_relaxed) == 0)
        atomic_store_explicit(&block->first, (uint32_t)offset, memory_order_release);
    if (time_ms > atomic_load_explicit(&block->time_max, memory_order_relaxed))
        atomic_store_explicit(&block->time_max, time_ms, memory_order_relaxed);
}

/* The window's slot, or the free one where it belongs. */
static struct journal_index_window *find(const struct journal_index *index, uint32_t window)
{
    size_t mask = index->capacity - 1;
    size_t at = (window * 0x9e3779b1u) & mask;
    while (index->windows[at].window != 0 && index->windows[at].window != window)
        at = (at + 1) & mask;
    return &index->windows[at];
}

static void grow_locked(struct journal_index *index)
{
    struct journal_index_window *old = index->windows;
    size_t old_capacity = index->capacity;
    index->capacity *= 2;
    index->windows = mr_calloc(index->capacity, sizeof(*index->windows));
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].window != 0)
            *find(index, old[i].window) = old[i];
    free(old);
}

static struct journal_index_window *insert_locked(struct journal_index *index, uint32_t window)
{
    if ((index->count + 1) * 2 > index->capacity)
        grow_locked(index);
    struct journal_index_window *slot = find(index, window);
    slot->window = window;
    slot->block_last = UINT32_MAX;
    slot->bits = mr_calloc(words_of(index->blocks), sizeof(uint64_t));
    index->count++;
    return slot;
}

bool journal_index_mark(struct journal_index *index, uint32_t window, size_t offset, uint64_t group)
{
    assert(window != 0);
    uint32_t block = (uint32_t)(offset / JOURNAL_BLOCK_BYTES);
    /* Only this thread changes the table, so it may look without the lock. */
    struct journal_index_window *slot = find(index, window);
    if (slot->window == 0 || slot->block_last != block) {
        pthread_mutex_lock(&index->lock);
        if (slot->window == 0)
            slot = insert_locked(index, window);
        slot->bits[block / 64] |= (uint64_t)1 << (block % 64);
        slot->block_last = block;
        pthread_mutex_unlock(&index->lock);
    }
    if (slot->group_last == group)
        return false;
    slot->group_last = group;
    return true;
}

size_t journal_index_next(struct journal_index *index, uint32_t window, size_t block)
{
    size_t found = SIZE_MAX;
    pthread_mutex_lock(&index->lock);
    const uint64_t *bits = find(index, window)->bits;
    size_t words = words_of(index->blocks);
    for (size_t word = block / 64; bits != NULL && word < words && found == SIZE_MAX; word++) {
        uint64_t left = bits[word];
        if (word == block / 64)
            left &= ~(uint64_t)0 << (block % 64);
        if (left != 0)
            found = word * 64 + (size_t)__builtin_ctzll(left);
    }
    pthread_mutex_unlock(&index->lock);
    return found;
}

size_t journal_index_before(const struct journal_index *index, size_t offset)
{
    size_t block = offset / JOURNAL_BLOCK_BYTES;
    if (block >= index->blocks)
        block = index->blocks - 1;
    for (;; block--) {
        uint32_t first = atomic_load_explicit(&index->block[block].first, memory_order_acquire);
        if (first != 0 && first <= offset)
            return first;
        if (block == 0)
            return 64; /* the file header's bytes: the first entry is behind them */
    }
}

int64_t journal_index_time_max(const struct journal_index *index)
{
    int64_t max = INT64_MIN;
    for (size_t i = 0; i < index->blocks; i++) {
        int64_t time = atomic_load_explicit(&index->block[i].time_max, memory_order_relaxed);
        max = time > max ? time : max;
    }
    return max;
}

void journal_index_encode(const struct journal_index *index, int64_t first, int64_t end,
                          struct mr_buf *buf)
{
    size_t start = buf->len;
    size_t bytes = (size_t)(end - first);
    size_t blocks = (bytes + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES;
    assert(blocks <= index->blocks);
    mr_buf_append(buf, mr_slice_make(index_magic, sizeof(index_magic)));
    mr_buf_u64(buf, (uint64_t)first);
    mr_buf_u64(buf, (uint64_t)end);
    mr_buf_u32(buf, (uint32_t)blocks);
    mr_buf_u32(buf, (uint32_t)index->count);
    for (size_t i = 0; i < blocks; i++) {
        mr_buf_u32(buf, atomic_load_explicit(&index->block[i].first, memory_order_relaxed));
        mr_buf_u64(buf,
                   (uint64_t)atomic_load_explicit(&index->block[i].time_max, memory_order_relaxed));
    }
    for (size_t i = 0; i < index->capacity; i++) {
        if (index->windows[i].window == 0)
            continue;
        mr_buf_u32(buf, index->windows[i].window);
        for (size_t word = 0; word < words_of(blocks); word++)
            mr_buf_u64(buf, index->windows[i].bits[word]);
    }
    mr_buf_u32(buf, mr_crc32c(0, mr_slice_make(buf->data + start, buf->len - start)));
}

static bool sidecar_is_good(struct mr_slice text)
{
    uint32_t crc;
    if (text.len < INDEX_HEADER_BYTES + sizeof(crc))
        return false;
    if (memcmp(text.ptr, index_magic, sizeof(index_magic)) != 0)
        return false;
    memcpy(&crc, text.ptr + text.len - sizeof(crc), sizeof(crc));
    return mr_crc32c(0, mr_slice_make(text.ptr, text.len - sizeof(crc))) == crc;
}

static void decode_windows(struct mr_reader *reader, size_t blocks, size_t windows,
                           struct journal_index *index)
{
    for (size_t i = 0; i < windows && !reader->failed; i++) {
        uint32_t window = mr_read_u32(reader);
        if (window == 0 || find(index, window)->window != 0) {
            reader->failed = true;
            return;
        }
        struct journal_index_window *slot = insert_locked(index, window);
        for (size_t word = 0; word < words_of(blocks); word++)
            slot->bits[word] = mr_read_u64(reader);
    }
}

enum mr_status journal_index_decode(struct mr_slice text, int64_t first, size_t bytes,
                                    int64_t *ret_end, struct journal_index **ret_index)
{
    if (!sidecar_is_good(text))
        return MR_INVALID;
    struct mr_reader reader = mr_reader_make(mr_slice_sub(text, 8, text.len - 12));
    int64_t its_first = (int64_t)mr_read_u64(&reader);
    int64_t end = (int64_t)mr_read_u64(&reader);
    size_t blocks = mr_read_u32(&reader);
    size_t windows = mr_read_u32(&reader);
    size_t room = text.len / INDEX_BLOCK_BYTES; /* more blocks than that it cannot hold */
    if (its_first != first || end < first || blocks > room ||
        (size_t)(end - first) > blocks * JOURNAL_BLOCK_BYTES)
        return MR_INVALID;
    size_t need = blocks * JOURNAL_BLOCK_BYTES;
    struct journal_index *index = journal_index_new(bytes > need ? bytes : need);
    for (size_t i = 0; i < blocks; i++) {
        atomic_init(&index->block[i].first, mr_read_u32(&reader));
        atomic_init(&index->block[i].time_max, (int64_t)mr_read_u64(&reader));
    }
    decode_windows(&reader, blocks, windows, index);
    if (reader.failed || reader.next != reader.end) {
        journal_index_free(index);
        return MR_INVALID;
    }
    *ret_end = end;
    *ret_index = index;
    return MR_OK;
}
