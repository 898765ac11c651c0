/* view/internal.h: what store.c and document.c share. Private to this folder. */
#pragma once
#include "view/store.h"
#include "view/stripes.h"
#include <pthread.h>
#include <stdatomic.h>

enum { STORE_LISTENERS_MAX = 8 };

struct store_durable_listener {
    void (*fn)(void *ctx, int64_t position);
    void *ctx;
};
struct store_window_listener {
    void (*fn)(void *ctx, uint32_t window);
    void *ctx;
};

struct store {
    char *folder; /* owned */
    struct mr_clock clock;
    struct journal *journal;
    struct view *view;
    int lock_fd;
    _Atomic bool failed;
    void (*_Atomic on_failure)(void *ctx);
    void *on_failure_ctx;
    void (*_Atomic gather)(void *ctx, int64_t us);
    void *gather_ctx;
    struct stripes commits; /* a commit shares it, a flush takes it alone */
    struct {
        pthread_mutex_t lock;
        _Atomic uint32_t last; /* id handed out last */
    } windows;
    struct {
        pthread_mutex_t lock, turn; /* turn: held by whoever flushes */
        pthread_cond_t work, done;
        _Atomic bool wanted;
        _Atomic int64_t begun; /* position of the last flush that began */
        bool stopping, runs;
        pthread_t thread;
    } flush;
    struct {
        pthread_mutex_t lock; /* also held while segments are dropped */
        struct store_floor *floors;
    } retention;
    struct {
        struct store_durable_listener list[STORE_LISTENERS_MAX];
        _Atomic size_t count;
    } durable_listeners;
    struct {
        struct store_window_listener list[STORE_LISTENERS_MAX];
        _Atomic size_t count;
    } window_listeners;
};

void store_retention_fini(struct store *store);

extern const struct mr_slice store_window_key;
bool store_is_window_counter(const struct journal_op *op);
MR_MUST_USE enum mr_status store_windows_load(struct store *store);
