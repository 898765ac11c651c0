/* dynamodb/destination.h: Kinesis streaming destinations, as destination.c (their states and
 * documents) and destination_pump.c (carrying) share them.
 *
 * A destination is one life of a table's streaming to a Kinesis stream, from EnableKinesis... on.
 * It reads the windows of the table's lanes from `start` to before `end`. It may outlive its table:
 * what was acknowledged before a table was deleted is carried all the same.
 *
 * Locks: dynamodb_destinations.lock, behind the lanes', guards the list and each one's `locked`; it
 * is held across the commit of a document, so that documents follow each other in the order of the
 * states. What is under "the pump's own" belongs to its pump. */
#pragma once
#include "dynamodb/internal.h"
#include "kinesis/kinesis.h"
#include "runtime/runtime.h"

enum destination_state {
    DESTINATION_ACTIVE,
    DESTINATION_DISABLING, /* carrying what lies before its end */
    DESTINATION_DISABLED,
    DESTINATION_ENABLE_FAILED,
};
enum destination_precision { DESTINATION_UNSET, DESTINATION_MILLISECOND, DESTINATION_MICROSECOND };

struct destination_lane {
    uint32_t window;
    bool done; /* read to the end */
    struct journal_cursor cursor;
    int64_t committed;      /* as it is stored */
    _Atomic int64_t passed; /* all in front of it is carried */
    int64_t last_us;        /* microseconds of the last record */
};

struct destination {
    struct destination *next;
    struct dynamodb *dynamodb;
    /* immutable */
    struct mr_arena arena;
    char id[37]; /* in the names of its cursors */
    uint32_t number;
    struct mr_slice table, region, stream; /* the stream's ARN */
    int64_t created_ms, start;
    struct {
        enum destination_state state;
        bool orphan; /* the table is gone: to be forgotten when all is carried */
        bool gone;   /* forgotten: to be freed */
        char reason[160];
    } locked;
    _Atomic int64_t end;       /* INT64_MAX: none */
    atomic_int precision;      /* enum destination_precision */
    struct runtime_pump *pump; /* by admin; NULL: never had one */
    struct destination_lane *lanes;
    size_t lane_count;
    /* the pump's own */
    struct kinesis_stream *target;
    struct mr_arena batch;
    struct mr_buf text;
    atomic_ullong records, dropped;
    atomic_llong last_ms, waiting_ms;
};

struct dynamodb_destinations {
    struct dynamodb *dynamodb;
    pthread_mutex_t lock;
    struct {
        struct destination *first; /* the newest first */
    } locked;
};

/* ---- destination.c ---- */
void destination_note(struct destination *destination, const char *format, ...) MR_PRINTF(2, 3);
/* All before the end is carried, or cannot be: DISABLED, or forgotten. Durable on return. */
MR_MUST_USE enum mr_status destination_finish(struct destination *destination);
bool destination_is_ending(struct destination *destination);

/* ---- destination_pump.c ---- */
void destination_start(struct destination *destination);
/* Not from its own step. */
void destination_stop(struct destination *destination);
struct mr_slice destination_cursor_name(struct mr_arena *arena,
                                        const struct destination *destination, size_t lane);
