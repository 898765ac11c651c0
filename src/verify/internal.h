/* verify/internal.h: what the files of this folder share. */
#pragma once
#include "verify/verify.h"
#include "base/map.h"
#include "journal/scan.h"
#include "pipes/config.h"
#include "s3/meta.h"
#include "verify/pieces.h"

/* ---- findings (report.c) ---- */

enum verify_kind {
    VERIFY_MISSING, /* acknowledged, passed by a stage, and nowhere */
    VERIFY_DOUBLED, /* there more often than once */
    VERIFY_ORDER,   /* two changes of one item, the wrong way round */
    VERIFY_BODY,    /* an object's bytes are gone, or differ from their record */
    VERIFY_UNKNOWN, /* a line that comes of no record */
    VERIFY_JOURNAL, /* bytes of the journal that are no entry */
    VERIFY_STATE,   /* the view differs from what the journal says */
    VERIFY_KINDS
};
struct verify_finding {
    enum verify_kind kind;
    const char *pipe, *delivery;  /* NULL: does not apply, here and below */
    struct mr_slice item, object; /* JSON of the keys, or a JSON string; "s3://bucket/key" */
    const char *file;
    int64_t sequence;               /* position; -1 */
    int64_t line, offset, position; /* -1 */
};
struct verify_report {
    uint64_t counts[VERIFY_KINDS];
    struct mr_buf findings, remarks, stages; /* JSON, comma by comma */
    uint64_t named;
};
extern const struct verify_finding verify_finding_none;
void verify_report_fini(struct verify_report *report);
void verify_find(struct verify_report *report, const struct verify_finding *finding,
                 const char *format, ...) MR_PRINTF(3, 4);
void verify_remark(struct verify_report *report, const char *format, ...) MR_PRINTF(2, 3);
uint64_t verify_report_write(const struct verify_report *report, int64_t from, int64_t until,
                             struct mr_buf *out);

/* ---- what stages say of themselves (config.c) ---- */

/* A shard as a pipe or a delivery reads it. */
struct verify_stretch {
    char shard[66];
    uint32_t window;
    int64_t first, end; /* of the shard */
    int64_t start;      /* where the stage began, as far as the journal tells; -1: not known */
    bool made;          /* `start` is where it truly began */
    int64_t upto;       /* the stage says that it is done with what lies before */
};
struct verify_stretches {
    struct verify_stretch *list;
    size_t count;
};
struct verify_filter { /* a pipe's document as it was stored at `position` */
    int64_t position;
    struct event_filter *filter; /* NULL: takes all */
};
struct verify_pipe {
    const char *name, *id;
    struct pipe_config config;
    struct verify_stretches source;
    uint32_t *targets; /* windows */
    size_t target_count;
    struct verify_filter *filters; /* owned: as the journal knows them */
    size_t filter_count;
    struct mr_buf given_up; /* i64 positions */
    /* results */
    uint64_t due, carried, filtered, given, unproven;
};
struct verify_delivery {
    const char *name, *id;
    struct verify_stretches source;
    bool partitioned;
    struct mr_buf dropped; /* i64 positions */
    uint64_t dropped_all;  /* as noted: with those that have no position */
    /* results */
    uint64_t due, landed, failed, objects, lines, unproven, pending;
};
struct verify_object {
    struct mr_slice stored; /* key in VIEW_OBJECT: "<bucket>" NUL "<key>" */
    struct s3_id body;
    int64_t landed; /* position of its entry's op */
    uint32_t delivery;
    enum { VERIFY_DATA, VERIFY_FAILED, VERIFY_BACKUP } kind;
    int64_t records; /* as noted; -1 */
};

/* ---- what the journal holds (walk.c) ---- */

enum { EVENT_CHANGE = 1, EVENT_PACKED = 2, EVENT_EMPTY = 4 };
struct verify_event {
    int64_t position, time_ms;
    int64_t origin; /* of a record: the position that its data names; 0: none */
    uint64_t item;  /* hash of what keeps its order */
    uint32_t window;
    uint16_t pipe; /* 1 + index of the pipe that put it; 0: somebody else */
    uint16_t flags;
};
struct verify_piece {
    uint64_t hash;
    uint32_t event;
    bool first; /* it stands for the event */
};
struct verify_origin {
    int64_t origin;
    uint32_t event;
};

struct verify {
    struct verify_options options;
    struct mr_arena arena;
    struct verify_report report;
    struct view_snapshot *snapshot;
    int64_t from, until; /* of the journal */
    int64_t audited;     /* events from here on are in memory */
    struct verify_pipe *pipes;
    size_t pipe_count;
    struct verify_delivery *deliveries;
    size_t delivery_count;
    uint8_t *wanted; /* by window: VERIFY_READ, VERIFY_TABLE; owned */
    uint32_t window_count;
    struct verify_event *events; /* owned; by position */
    size_t event_count, event_capacity;
    struct verify_piece *pieces; /* owned; by hash, then by event */
    size_t piece_count, piece_capacity;
    struct verify_origin *origins; /* owned; by origin, then by event */
    size_t origin_count;
    struct verify_object *objects; /* owned; as they landed */
    size_t object_count, object_capacity;
    uint64_t ops;          /* puts and deletes in the journal */
    struct mr_map damaged; /* stored keys of objects whose body is */
};
enum { VERIFY_READ = 1, VERIFY_TABLE = 2 };

MR_MUST_USE enum mr_status verify_config_read(struct verify *verify);
void verify_config_fini(struct verify *verify);
bool verify_stretch_is_due(const struct verify_stretches *stretches,
                           const struct verify_event *event);
bool verify_stretches_have(const struct verify_stretches *stretches,
                           const struct verify_event *event);
/* Of i64 positions: sorted first, then asked. */
void verify_positions_sort(struct mr_buf *positions);
bool verify_positions_have(const struct mr_buf *positions, int64_t position);

MR_MUST_USE enum mr_status verify_walk(struct verify *verify);
/* The event at that position; NULL: not in memory. */
const struct verify_event *verify_event_at(const struct verify *verify, int64_t position);
/* The first of verify->origins that has it. */
size_t verify_origin_first(const struct verify *verify, int64_t origin);
/* Fills item and sequence of a finding: the change's keys, or the record's partition key. */
void verify_name_event(struct verify *verify, const struct verify_event *event,
                       struct mr_arena *arena, struct verify_finding *finding);
/* The op at `position` of the window. MR_NOT_FOUND also when the journal cannot be read there. The
 * cursor is the caller's. */
MR_MUST_USE enum mr_status verify_op_at(const struct verify *verify, uint32_t window,
                                        int64_t position, struct journal_cursor *cursor,
                                        struct journal_op *ret_op);

/* ---- the three audits ---- */
/* Every body against its record (objects.c). */
MR_MUST_USE enum mr_status verify_bodies(struct verify *verify);
struct verify_body {
    struct mr_slice bytes;
    void *map;
    struct mr_buf small;
};
/* Of the record. MR_NOT_FOUND: it is gone. */
MR_MUST_USE enum mr_status verify_body_open(const struct verify *verify, const struct s3_meta *meta,
                                            struct verify_body *ret_body);
void verify_body_close(struct verify_body *body);
/* The value of a key as of the snapshot: MR_OK, MR_NOT_FOUND, < 0. */
MR_MUST_USE enum mr_status verify_get(const struct verify *verify, enum view_space space,
                                      struct mr_slice key, struct mr_buf *buf);
struct mr_slice verify_object_text(struct mr_arena *arena, struct mr_slice stored);
/* The view against the journal (state.c). */
MR_MUST_USE enum mr_status verify_state(struct verify *verify);
/* Each stage's input against its output. */
MR_MUST_USE enum mr_status verify_judge_pipe(struct verify *verify, size_t pipe);
MR_MUST_USE enum mr_status verify_judge_delivery(struct verify *verify, size_t delivery);
