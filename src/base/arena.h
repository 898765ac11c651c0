/* base/arena.h: memory that is freed all at once: one arena a request, a batch or a resource.
 *
 * Out of memory aborts, by policy: every input has a limit that is checked before it is read. An
 * arena is used by one thread at a time. Reset keeps the largest block up to 256 KiB, so a reused
 * arena stops allocating. Under AddressSanitizer, touching what was not handed out, or was before a
 * reset, is reported.
 *
 * An arena for what is large and looked up at random grows into blocks of 2 MiB, which the kernel
 * may keep in huge pages: a lookup is then not spent on translating addresses. */
#pragma once
#include "base/slice.h"
#include <stdbool.h>

struct mr_arena_block;
struct mr_arena {
    struct mr_arena_block *head; /* newest block; NULL until the first allocation */
    char *next, *end;            /* free room in the newest block */
    size_t bytes;                /* of all blocks */
    bool large;
};

void mr_arena_init(struct mr_arena *arena);
void mr_arena_init_large(struct mr_arena *arena);
void mr_arena_fini(struct mr_arena *arena);  /* accepts a zeroed or finished arena */
void mr_arena_reset(struct mr_arena *arena); /* everything handed out is gone */
/* Aligned to 16; never NULL; not zeroed. */
void *mr_arena_alloc(struct mr_arena *arena, size_t size);
void *mr_arena_zalloc(struct mr_arena *arena, size_t size);
/* Grows an allocation of this arena, in place when it is the newest; else the bytes move. */
void *mr_arena_realloc(struct mr_arena *arena, void *old, size_t old_size, size_t size);
struct mr_slice mr_arena_copy(struct mr_arena *arena, struct mr_slice s);
char *mr_arena_cstr(struct mr_arena *arena, struct mr_slice s); /* a copy with a NUL behind it */
struct mr_slice mr_arena_lower(struct mr_arena *arena, struct mr_slice s); /* see mr_lower */
struct mr_slice mr_arena_printf(struct mr_arena *arena, const char *format, ...) MR_PRINTF(2, 3);
#define MR_NEW(arena, type) ((type *)mr_arena_zalloc((arena), sizeof(type)))
#define MR_NEW_ARRAY(arena, type, count) ((type *)mr_arena_zalloc((arena), sizeof(type) * (count)))

/* malloc, calloc, realloc that abort instead of returning NULL. */
void *mr_malloc(size_t size);
void *mr_calloc(size_t count, size_t size);
void *mr_realloc(void *ptr, size_t size);
char *mr_strdup_slice(struct mr_slice s); /* heap copy with a NUL; free() it */
