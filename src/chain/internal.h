/* chain/internal.h: what the files of this folder share. */
#pragma once
#include "chain/chain.h"
#include <pthread.h>

enum {
    CHAIN_PROBES_MAX = 64,
    CHAIN_WAITERS_MAX = 1000,
    CHAIN_NAMES_MAX = 100, /* a kind, in a request */
    CHAIN_TIMEOUT_MS = 30000,
    CHAIN_TIMEOUT_MS_MAX = 3600000,
    CHAIN_COUNTED_MAX = 20000, /* records of a hop that a report counts */
};

/* ---- probe.c: everything in front of a position, followed to its end ----
 * A hop may be asked once all those that carry into its source have passed what is theirs; what
 * they put there lies in front of the journal's tail of that moment, and that is what the hop has
 * to pass. A circle is followed once around. */
struct probe_hop {
    const char *kind;
    char *name; /* owned */
    size_t *before;
    size_t before_count; /* hops of the probe that carry into its source; owned */
    int64_t target;      /* what it has to pass; 0: not known yet */
    bool done;
};
struct probe {
    int64_t time_ms, position; /* of its start */
    struct probe_hop *hops;    /* owned */
    size_t count;
};
/* Which hops one asks for: those behind any of `sources` and in front of any of `deliveries`; an
 * empty list stands for all. */
struct probe_choice {
    struct mr_slice *sources; /* "table/orders", "stream/changes" */
    size_t source_count;
    struct mr_slice *deliveries; /* names */
    size_t delivery_count;
};
void probe_init(struct probe *probe, const struct hop_list *list, const struct probe_choice *choice,
                int64_t time_ms, int64_t position);
void probe_fini(struct probe *probe);
/* Takes up what the list says. True: something became known that a fresh list may carry further. */
bool probe_step(struct probe *probe, struct store *store, const struct hop_list *list,
                struct hop_seen *seen);
bool probe_is_done(const struct probe *probe);
/* NULL: it is gone. */
const struct hop *probe_find(const struct hop_list *list, const struct probe_hop *wanted);

/* ---- chain.c ---- */
struct chain_mark {
    char *name; /* of a delivery stream; owned */
    int64_t time_ms;
    bool seen;
    struct chain_mark *next;
};
struct chain_waiter;
struct chain {
    struct chain_options options;
    struct runtime_pump *pump;
    pthread_mutex_t lock; /* guards what follows */
    struct probe probes[CHAIN_PROBES_MAX];
    size_t probe_count;
    int64_t watermark_ms;
    struct hop_seen seen;
    struct chain_mark *marks;
    struct { /* wait.c */
        pthread_mutex_t lock;
        pthread_cond_t changed;
        pthread_t thread;
        bool runs, stopping;
        struct hop_seen seen; /* the thread's alone */
        struct chain_waiter *first;
        size_t count;
    } waiting;
};
/* The hops as they are now, in the arena. */
struct hop_list chain_hops(struct chain *chain, struct mr_arena *arena);
void chain_write_hop(struct chain *chain, struct mr_json *json, const struct hop *hop);
void chain_waiting_init(struct chain *chain);
void chain_waiting_stop(struct chain *chain);
