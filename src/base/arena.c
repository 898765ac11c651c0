#include "base/arena.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
/* Room between two allocations that must not be touched, so that an overflow shows. */
enum { ARENA_GAP = 16 };
#define ARENA_POISON(ptr, size) ASAN_POISON_MEMORY_REGION(ptr, size)
#define ARENA_UNPOISON(ptr, size) ASAN_UNPOISON_MEMORY_REGION(ptr, size)
#else
enum { ARENA_GAP = 0 };
#define ARENA_POISON(ptr, size) ((void)(ptr), (void)(size))
#define ARENA_UNPOISON(ptr, size) ((void)(ptr), (void)(size))
#endif

enum {
    ARENA_ALIGN = 16,
    ARENA_BLOCK_MIN = 4096,
    ARENA_BLOCK_MAX = 1 << 20, /* doubling ends here; a larger allocation gets a block of its own */
    ARENA_KEEP_MAX = 256 << 10, /* the largest block that a reset keeps */
    ARENA_HUGE = 2 << 20,       /* a huge page; from here on a large arena's blocks are mappings */
};

struct mr_arena_block {
    _Alignas(ARENA_ALIGN) struct mr_arena_block *older;
    size_t size;   /* of the room behind this header */
    size_t mapped; /* bytes of the mapping that it is; 0: it is from malloc */
};
enum { ARENA_HUGE_ROOM = ARENA_HUGE - sizeof(struct mr_arena_block) };
_Static_assert(sizeof(struct mr_arena_block) % ARENA_ALIGN == 0, "the room is aligned");

static char *block_room(struct mr_arena_block *block)
{
    return (char *)(block + 1);
}

void mr_arena_init(struct mr_arena *arena)
{
    *arena = (struct mr_arena){0};
}

void mr_arena_init_large(struct mr_arena *arena)
{
    *arena = (struct mr_arena){.large = true};
}

/* A mapping of whole huge pages, at a multiple of their size. */
static struct mr_arena_block *block_map(size_t room)
{
    size_t bytes =
        (sizeof(struct mr_arena_block) + room + ARENA_HUGE - 1) & ~(size_t)(ARENA_HUGE - 1);
    char *map =
        mmap(NULL, bytes + ARENA_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        abort();
    size_t before = -(uintptr_t)map & (ARENA_HUGE - 1);
    if (before > 0)
        munmap(map, before);
    munmap(map + before + bytes, ARENA_HUGE - before);
    (void)madvise(map + before, bytes, MADV_HUGEPAGE); /* where the kernel can */
    struct mr_arena_block *block = (void *)(map + before);
    *block = (struct mr_arena_block){.size = bytes - sizeof(*block), .mapped = bytes};
    return block;
}

static struct mr_arena_block *block_new(const struct mr_arena *arena, size_t size)
{
    if (arena->large && size >= ARENA_HUGE_ROOM)
        return block_map(size);
    struct mr_arena_block *block = mr_malloc(sizeof(*block) + size);
    *block = (struct mr_arena_block){.size = size};
    return block;
}

static void block_free(struct mr_arena_block *block)
{
    ARENA_UNPOISON(block_room(block), block->size);
    if (block->mapped > 0)
        munmap(block, block->mapped);
    else
        free(block);
}

void mr_arena_fini(struct mr_arena *arena)
{
    struct mr_arena_block *block = arena->head;
    while (block != NULL) {
        struct mr_arena_block *older = block->older;
        block_free(block);
        block = older;
    }
    *arena = (struct mr_arena){.large = arena->large};
}

static void arena_use(struct mr_arena *arena, struct mr_arena_block *block)
{
    arena->head = block;
    arena->next = block_room(block);
    arena->end = arena->next + block->size;
    ARENA_POISON(arena->next, block->size);
}

void mr_arena_reset(struct mr_arena *arena)
{
    struct mr_arena_block *kept = NULL;
    struct mr_arena_block *block = arena->head;
    while (block != NULL) {
        struct mr_arena_block *older = block->older;
        struct mr_arena_block *loser = block;
        if (block->size <= ARENA_KEEP_MAX && (kept == NULL || block->size > kept->size)) {
            loser = kept;
            kept = block;
        }
        if (loser != NULL)
            block_free(loser);
        block = older;
    }
    *arena = (struct mr_arena){.large = arena->large};
    if (kept == NULL)
        return;
    kept->older = NULL;
    arena->bytes = kept->size;
    arena_use(arena, kept);
}

static void *arena_alloc_in_new_block(struct mr_arena *arena, size_t size, size_t room)
{
    size_t most = arena->large ? ARENA_HUGE_ROOM : ARENA_BLOCK_MAX;
    size_t block_size = arena->head == NULL ? ARENA_BLOCK_MIN : arena->head->size * 2;
    if (block_size > most)
        block_size = most;
    if (block_size < room)
        block_size = room;
    struct mr_arena_block *block = block_new(arena, block_size);
    block->older = arena->head;
    arena->bytes += block->size;
    arena_use(arena, block);
    char *ptr = arena->next;
    arena->next += room;
    ARENA_UNPOISON(ptr, size);
    return ptr;
}

void *mr_arena_alloc(struct mr_arena *arena, size_t size)
{
    assert(size <= SIZE_MAX / 2);
    size_t room = (size + ARENA_GAP + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (arena->head == NULL || room > (size_t)(arena->end - arena->next))
        return arena_alloc_in_new_block(arena, size, room);
    char *ptr = arena->next;
    arena->next += room;
    ARENA_UNPOISON(ptr, size);
    return ptr;
}

void *mr_arena_zalloc(struct mr_arena *arena, size_t size)
{
    void *ptr = mr_arena_alloc(arena, size);
    memset(ptr, 0, size);
    return ptr;
}

void *mr_arena_realloc(struct mr_arena *arena, void *old, size_t old_size, size_t size)
{
    assert(size <= SIZE_MAX / 2);
    if (old == NULL)
        return mr_arena_alloc(arena, size);
    if (size <= old_size)
        return old;
    size_t align = ARENA_ALIGN - 1;
    size_t old_room = (old_size + ARENA_GAP + align) & ~align;
    size_t room = (size + ARENA_GAP + align) & ~align;
    char *ptr = old;
    if (ptr + old_room == arena->next && room <= (size_t)(arena->end - ptr)) {
        arena->next = ptr + room;
        ARENA_UNPOISON(ptr, size);
        return old;
    }
    void *moved = mr_arena_alloc(arena, size);
    memcpy(moved, old, old_size);
    return moved;
}

struct mr_slice mr_arena_copy(struct mr_arena *arena, struct mr_slice s)
{
    char *copy = mr_arena_alloc(arena, s.len);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return mr_slice_make(copy, s.len);
}

char *mr_arena_cstr(struct mr_arena *arena, struct mr_slice s)
{
    char *copy = mr_arena_alloc(arena, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

struct mr_slice mr_arena_lower(struct mr_arena *arena, struct mr_slice s)
{
    char *copy = mr_arena_cstr(arena, s);
    mr_lower(copy, s.len);
    return mr_slice_make(copy, s.len);
}

struct mr_slice mr_arena_printf(struct mr_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char small[256];
    int len = vsnprintf(small, sizeof(small), format, args);
    assert(len >= 0);
    char *text = mr_arena_alloc(arena, (size_t)len + 1);
    if ((size_t)len < sizeof(small))
        memcpy(text, small, (size_t)len + 1);
    else
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return mr_slice_make(text, (size_t)len);
}

static void *or_abort(void *ptr)
{
    if (ptr == NULL)
        abort();
    return ptr;
}

void *mr_malloc(size_t size)
{
    return or_abort(malloc(size == 0 ? 1 : size));
}

void *mr_calloc(size_t count, size_t size)
{
    return or_abort(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *mr_realloc(void *ptr, size_t size)
{
    return or_abort(realloc(ptr, size == 0 ? 1 : size));
}

char *mr_strdup_slice(struct mr_slice s)
{
    char *copy = mr_malloc(s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}
