/* Deleting the items of deleted tables: in the background, a bounded number of keys an entry.
 *
 * The order to delete is a document ("dynamodb/drop/<number>") that goes with the last keys, so a
 * restart goes on. A table's number is never used again, so nobody can see the items meanwhile. */
#include "dynamodb/internal.h"
#include "base/log.h"
#include "runtime/runtime.h"
#include <inttypes.h>
#include <stdlib.h>

enum { KEYS_PER_ENTRY = 500, SPACES = 3 };
static const enum view_space spaces[SPACES] = {VIEW_ITEM, VIEW_INDEX, VIEW_HISTORY};

struct drop {
    struct drop *next;
    uint32_t number;
    struct mr_buf from[SPACES]; /* where the next step goes on: deleted keys are slow to pass */
};

struct dynamodb_drops {
    struct dynamodb *dynamodb;
    struct runtime_pump *pump;
    pthread_mutex_t lock;
    struct {
        struct drop *list;
    } locked;
};

static struct mr_slice document_name(struct mr_arena *arena, uint32_t number)
{
    return mr_arena_printf(arena, "%08" PRIx32, number);
}

static void drops_push(struct dynamodb_drops *drops, uint32_t number)
{
    struct drop *drop = mr_calloc(1, sizeof(*drop));
    drop->number = number;
    pthread_mutex_lock(&drops->lock);
    drop->next = drops->locked.list;
    drops->locked.list = drop;
    pthread_mutex_unlock(&drops->lock);
}

static struct drop *drops_first(struct dynamodb_drops *drops)
{
    pthread_mutex_lock(&drops->lock);
    struct drop *drop = drops->locked.list;
    pthread_mutex_unlock(&drops->lock);
    return drop;
}

static void drop_free(struct drop *drop)
{
    for (size_t i = 0; i < SPACES; i++)
        mr_buf_fini(&drop->from[i]);
    free(drop);
}

static void drops_remove(struct dynamodb_drops *drops, struct drop *drop)
{
    pthread_mutex_lock(&drops->lock);
    struct drop **link = &drops->locked.list;
    while (*link != drop)
        link = &(*link)->next;
    *link = drop->next;
    pthread_mutex_unlock(&drops->lock);
    drop_free(drop);
}

/* Adds deletions of keys of one space; true when that space has no more. */
static bool add_deletions(struct dynamodb *dynamodb, struct drop *drop, size_t which,
                          struct store_entry *entry)
{
    enum view_space space = spaces[which];
    struct mr_buf *from = &drop->from[which];
    uint32_t number = drop->number;
    const char prefix[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8),
                            (char)number};
    struct mr_slice head = mr_slice_make(prefix, sizeof(prefix));
    struct view_iterator *iterator = view_iterate(store_view(dynamodb->store), space, head);
    view_iterator_seek(iterator, from->len > 0 ? mr_buf_slice(from) : head);
    while (view_iterator_valid(iterator) && entry->count < KEYS_PER_ENTRY) {
        struct mr_slice key = mr_arena_copy(entry->arena, view_iterator_key(iterator));
        store_entry_delete(entry, space, key);
        mr_buf_reset(from);
        mr_buf_append(from, key);
        view_iterator_next(iterator);
    }
    bool done = !view_iterator_valid(iterator);
    view_iterator_free(iterator);
    return done;
}

static enum runtime_pump_next drops_step(void *ctx, int64_t *ret_wake_ms)
{
    struct dynamodb_drops *drops = ctx;
    struct dynamodb *dynamodb = drops->dynamodb;
    struct drop *drop = drops_first(drops);
    if (drop == NULL)
        return RUNTIME_PUMP_WAIT;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    bool done = true;
    for (size_t i = 0; done && i < SPACES; i++)
        done = add_deletions(dynamodb, drop, i, &entry);
    if (done)
        store_doc_delete(&entry, "dynamodb", "drop", document_name(&arena, drop->number));
    enum mr_status status = store_commit_wait(dynamodb->store, &entry);
    mr_arena_fini(&arena);
    if (status != MR_OK) {
        mr_log(MR_LOG_ERROR, "dynamodb", "the items of a deleted table stay until the restart");
        *ret_wake_ms = INT64_MAX;
        return RUNTIME_PUMP_DONE;
    }
    if (done)
        drops_remove(drops, drop);
    return RUNTIME_PUMP_AGAIN;
}

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    int64_t number = mr_json_get_i64(mr_json_parse(&arena, json, 4), "number", 0);
    mr_arena_fini(&arena);
    if (number <= 0 || number > UINT32_MAX)
        return MR_RAISE(MR_FAIL_DATA, "the document of deletion '%.*s' cannot be read",
                        MR_ARG(name));
    drops_push(ctx, (uint32_t)number);
    return MR_OK;
}

enum mr_status dynamodb_drops_open(struct dynamodb *dynamodb)
{
    struct dynamodb_drops *drops = mr_calloc(1, sizeof(*drops));
    drops->dynamodb = dynamodb;
    pthread_mutex_init(&drops->lock, NULL);
    dynamodb->drops = drops;
    enum mr_status status =
        store_doc_each(dynamodb->store, "dynamodb", "drop", (struct mr_slice){0}, load_one, drops);
    if (status < 0)
        return status;
    drops->pump = runtime_pump_start(dynamodb->runtime, "dynamodb drop", drops_step, drops);
    return MR_OK;
}

void dynamodb_drops_close(struct dynamodb *dynamodb)
{
    struct dynamodb_drops *drops = dynamodb->drops;
    if (drops == NULL)
        return;
    runtime_pump_stop(drops->pump);
    while (drops->locked.list != NULL)
        drops_remove(drops, drops->locked.list);
    pthread_mutex_destroy(&drops->lock);
    free(drops);
    dynamodb->drops = NULL;
}

void dynamodb_drops_add(uint32_t number, struct store_entry *entry)
{
    struct mr_slice json = mr_arena_printf(entry->arena, "{\"number\":%" PRIu32 "}", number);
    store_doc_put(entry, "dynamodb", "drop", document_name(entry->arena, number), json);
}

void dynamodb_drops_begin(struct dynamodb *dynamodb, uint32_t number)
{
    drops_push(dynamodb->drops, number);
    runtime_pump_wake(dynamodb->drops->pump);
}
