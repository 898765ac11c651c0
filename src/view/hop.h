/* view/hop.h: where somebody stands who carries records of windows onwards: a pipe, a delivery
 * stream, a table's Kinesis destination. What the chain's watermark, lags and waits are made of.
 *
 * Nobody stores a lag: it is what the journal holds of a window behind the place that its reader
 * has passed. So it is right after a restart, and costs nothing while nobody asks. */
#pragma once
#include "view/store.h"

/* A window as one reads it. */
struct hop_window {
    uint32_t window;
    int64_t passed; /* all in front of it is carried, dropped, or no business of the reader's */
    int64_t end;    /* nothing at or behind it is the reader's; INT64_MAX: open */
};
struct hop {
    const char *kind;              /* "pipe", "delivery", "destination" */
    struct mr_slice name;          /* of a destination: "orders/changes" */
    struct mr_slice source, sink;  /* "table/orders", "stream/changes", "bucket/lake"... */
    const char *state;             /* as its service shows it */
    struct mr_slice reason;        /* what keeps it from moving; empty: nothing known */
    struct hop_window *windows;    /* in the list's arena */
    size_t window_count, capacity; /* capacity: hop_window_add's */
};
/* Who carries what, as of the moment it was asked for. */
struct hop_list {
    struct mr_arena *arena; /* everything in it lives here */
    struct hop *hops;
    size_t count, capacity;
};
/* A zeroed hop of that kind at the end of the list; valid until the next one. */
struct hop *hop_list_add(struct hop_list *list, const char *kind, struct mr_slice name);
void hop_window_add(struct hop_list *list, struct hop *hop, const struct hop_window *window);

struct hop_lag {
    uint64_t records, bytes; /* that it has not carried; bytes of keys and values in the journal */
    int64_t oldest_ms;       /* when the oldest of them was written; 0: there is none */
    bool more;               /* there are more than `records_max` */
};
/* Counts what is durable and not carried, up to `records_max` records. */
void hop_measure(struct store *store, const struct hop *hop, uint64_t records_max,
                 struct hop_lag *ret_lag);
/* Stretches of the journal that were found to hold nothing of a window, so that who asks again and
 * again looks at each once: a reader whose window is silent stands where it stood, however much
 * others write. One thread's at a time; zeroed to begin with. What it has forgotten is looked up
 * again. */
enum { HOP_SEEN_WINDOWS = 256 };
struct hop_seen {
    struct {
        uint32_t window;
        int64_t from, to;
    } slots[HOP_SEEN_WINDOWS]; /* by the window's number modulo their count */
};
/* Has it carried all in front of `position`? False also while that is not durable. */
bool hop_has_passed(struct store *store, const struct hop *hop, int64_t position,
                    struct hop_seen *seen);
