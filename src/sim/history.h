/* sim/history.h: what clients asked for and were told, and what must follow from it.
 *
 * Each write of an item leaves a mark of its own in it ("w"), so that every record of the stream
 * names the write it comes from. The order of an item's records is the order of its changes; all
 * that clients were told is held against it. */
#pragma once
#include "sim/sim.h"

enum { SIM_OPS_MAX = 4096, SIM_PARTS_MAX = 5 };

enum sim_op_kind {
    SIM_PUT,
    SIM_UPDATE,
    SIM_DELETE,
    SIM_GET,
    SIM_BATCH,
    SIM_TRANSACT,
    SIM_OP_KINDS
};
enum sim_result {
    SIM_UNKNOWN, /* no answer, or one that says nothing: it may have happened or not */
    SIM_DONE,
    SIM_REFUSED, /* it has not happened */
};

struct sim_part {
    unsigned key;
    enum sim_op_kind change; /* SIM_PUT, SIM_UPDATE, SIM_DELETE; SIM_GET for a read */
    bool told;               /* the two below */
    uint64_t old_w;          /* what was there before, or was read; 0: nothing */
    int64_t n;               /* the item's counter, as read or behind an update */
    bool conditional;        /* it is to happen only if this is there; 0: nothing */
    uint64_t expected_w;
};

struct sim_op {
    enum sim_op_kind kind;
    enum sim_result result;
    uint64_t invoked, returned; /* events in order; returned 0: never */
    size_t count;
    struct sim_part parts[SIM_PARTS_MAX];
};

struct sim_history {
    uint64_t event;
    size_t count;
    struct sim_op ops[SIM_OPS_MAX];
};

/* A record of the stream, as it landed. */
struct sim_record {
    unsigned key;
    uint64_t sequence, old_w, new_w; /* marks; 0: there is no such image */
    int64_t old_n, new_n;
    int64_t old_t, created_s; /* when the old item was to expire (0: never); when it changed */
    size_t object;
    /* When whoever made the change asked for it (0: nobody knows), and when it was certain to him
     * (UINT64_MAX: never). */
    uint64_t asked, certain;
    bool failed;  /* it landed among the errors */
    bool expired; /* the table's time to live took the item */
};

struct sim_op *sim_op_begin(enum sim_op_kind kind, size_t count);
void sim_op_end(struct sim_op *op, enum sim_result result);
uint64_t sim_mark(const struct sim_op *op, size_t part);

/* Whether all that was acknowledged has landed; if not, `ret_missing` says what lacks. */
bool sim_history_is_whole(const struct sim_record *records, size_t count, char *ret_missing,
                          size_t size);
/* The mark that a client may believe to be there: of the newest write that was acknowledged. */
uint64_t sim_history_newest(unsigned key);
/* Of the records, those that the second pipe's filter takes: INSERT and REMOVE. Whether they are
 * all in `only`. */
bool sim_history_only_is_whole(const struct sim_record *records, size_t count,
                               const struct sim_record *only, size_t only_count);
/* Each once, in order, and no others. Sorts them. */
void sim_history_check_only(struct sim_record *only, size_t count);
/* Ends with a finding when something is wrong. Sorts the records. */
void sim_history_check(struct sim_record *records, size_t count);
