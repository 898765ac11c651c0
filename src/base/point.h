/* base/point.h: named points at which tests let the process die, a system call fail, or time pass.
 *
 * ONE table names them all. A point stands where a crash or a failing disk would leave something
 * half done: before and after each step that the promises of ARCHITECTURE.md rest on. `millrace
 * points` lists them; `serve --testing --fault-at POINT:N:ACTION` arms one from the start,
 * /_millrace/points while the server runs. tests/crash strikes every one of them.
 *
 * Actions: kill (SIGKILL of our own, as a power cut would end us), delay-MS (at most, and until the
 * point is disarmed), and where the point
 * stands for a system call: eio, enospc (the call is not made and fails so); where it stands for a
 * write: short (half is written, which is legal) and tear (half is written, then kill).
 *
 * Without --testing a point costs one load and a branch never taken. Any thread may pass a point;
 * arming takes effect for those who pass it later. */
#pragma once
#include "base/slice.h"
#include <stdatomic.h>

enum mr_point_kind {
    MR_POINT_STEP,  /* kill, delay */
    MR_POINT_CALL,  /* these, and errors */
    MR_POINT_WRITE, /* these, and parts of it */
};

/* X(name, text, kind) */
#define MR_POINT_TABLE(X)                                                     \
    X(JOURNAL_APPEND, "journal.append", STEP)                                 \
    X(JOURNAL_APPENDED, "journal.appended", STEP)                             \
    X(JOURNAL_WRITE, "journal.write", WRITE)                                  \
    X(JOURNAL_WRITTEN, "journal.written", STEP)                               \
    X(JOURNAL_SYNC, "journal.sync", CALL)                                     \
    X(JOURNAL_SYNCED, "journal.synced", STEP)                                 \
    X(JOURNAL_PUBLISHED, "journal.published", STEP)                           \
    X(JOURNAL_RESERVE, "journal.reserve", CALL)                               \
    X(JOURNAL_ROLL_HEADER, "journal.roll.header", CALL)                       \
    X(JOURNAL_ROLL_SYNC, "journal.roll.sync", CALL)                           \
    X(JOURNAL_ROLL_RENAME, "journal.roll.rename", CALL)                       \
    X(JOURNAL_ROLLED, "journal.rolled", STEP)                                 \
    X(JOURNAL_FOLDER_SYNC, "journal.folder-sync", CALL)                       \
    X(JOURNAL_SEAL, "journal.seal", STEP)                                     \
    X(JOURNAL_INDEX_WRITE, "journal.index.write", CALL)                       \
    X(JOURNAL_INDEX_RENAME, "journal.index.rename", CALL)                     \
    X(JOURNAL_SHORTEN, "journal.shorten", CALL)                               \
    X(JOURNAL_DROP, "journal.drop", CALL)                                     \
    X(JOURNAL_DROPPED, "journal.dropped", STEP)                               \
    X(JOURNAL_RECOVER, "journal.recover", STEP)                               \
    X(JOURNAL_RECOVER_CUT, "journal.recover.cut", CALL)                       \
    X(JOURNAL_RECOVER_RESERVE, "journal.recover.reserve", CALL)               \
    X(JOURNAL_RECOVER_SYNC, "journal.recover.sync", CALL)                     \
    X(JOURNAL_RECOVERED, "journal.recovered", STEP)                           \
    X(VIEW_APPLY, "view.apply", STEP)                                         \
    X(VIEW_APPLIED, "view.applied", STEP)                                     \
    X(VIEW_FLUSH, "view.flush", STEP)                                         \
    X(VIEW_FLUSH_SEALED, "view.flush.sealed", STEP)                           \
    X(VIEW_RUN_CREATE, "view.run.create", CALL)                               \
    X(VIEW_RUN_WRITE, "view.run.write", WRITE)                                \
    X(VIEW_RUN_SYNC, "view.run.sync", CALL)                                   \
    X(VIEW_FOLDER_SYNC, "view.folder-sync", CALL)                             \
    X(VIEW_LIST_WRITE, "view.list.write", CALL)                               \
    X(VIEW_LIST_RENAME, "view.list.rename", CALL)                             \
    X(VIEW_LIST_RENAMED, "view.list.renamed", STEP)                           \
    X(VIEW_RUN_REMOVE, "view.run.remove", CALL)                               \
    X(VIEW_MERGE, "view.merge", STEP)                                         \
    X(VIEW_FLUSHED, "view.flushed", STEP)                                     \
    X(VIEW_REPLAY, "view.replay", STEP)                                       \
    X(VIEW_REPLAYED, "view.replayed", STEP)                                   \
    X(VIEW_RETAIN, "view.retain", STEP)                                       \
    X(S3_BODY_CREATE, "s3.body.create", CALL)                                 \
    X(S3_BODY_WRITE, "s3.body.write", WRITE)                                  \
    X(S3_BODY_SYNC, "s3.body.sync", CALL)                                     \
    X(S3_BODY_FOLDER_SYNC, "s3.body.folder-sync", CALL)                       \
    X(S3_BODY_DURABLE, "s3.body.durable", STEP)                               \
    X(S3_BODY_REMOVE, "s3.body.remove", CALL)                                 \
    X(S3_BODY_REMOVED, "s3.body.removed", STEP)                               \
    X(S3_STAGED, "s3.staged", STEP)                                           \
    X(S3_COMMIT, "s3.commit", STEP)                                           \
    X(S3_COMMITTED, "s3.committed", STEP)                                     \
    X(S3_COLLECT, "s3.collect", STEP)                                         \
    X(DYNAMODB_COMMIT, "dynamodb.commit", STEP)                               \
    X(DYNAMODB_COMMITTED, "dynamodb.committed", STEP)                         \
    X(DYNAMODB_BACKUP, "dynamodb.backup", STEP)                               \
    X(DYNAMODB_BACKUP_ITEM, "dynamodb.backup.item", CALL)                     \
    X(DYNAMODB_BACKUP_COMMIT, "dynamodb.backup.commit", STEP)                 \
    X(DYNAMODB_BACKUP_COMMITTED, "dynamodb.backup.committed", STEP)           \
    X(DYNAMODB_FILL, "dynamodb.fill", STEP)                                   \
    X(DYNAMODB_FILLED, "dynamodb.filled", STEP)                               \
    X(DYNAMODB_FILL_END, "dynamodb.fill.end", STEP)                           \
    X(DYNAMODB_FILL_ENDED, "dynamodb.fill.ended", STEP)                       \
    X(DYNAMODB_EXPORT, "dynamodb.export", STEP)                               \
    X(DYNAMODB_EXPORT_COMMIT, "dynamodb.export.commit", STEP)                 \
    X(DYNAMODB_EXPORT_COMMITTED, "dynamodb.export.committed", STEP)           \
    X(DYNAMODB_IMPORT, "dynamodb.import", STEP)                               \
    X(DYNAMODB_DESTINATION_COMMIT, "dynamodb.destination.commit", STEP)       \
    X(DYNAMODB_DESTINATION_COMMITTED, "dynamodb.destination.committed", STEP) \
    X(KINESIS_PUT, "kinesis.put", STEP)                                       \
    X(KINESIS_PUT_DONE, "kinesis.put.done", STEP)                             \
    X(KINESIS_RESHARD, "kinesis.reshard", STEP)                               \
    X(KINESIS_RESHARDED, "kinesis.resharded", STEP)                           \
    X(PIPE_CARRY, "pipe.carry", STEP)                                         \
    X(PIPE_CARRIED, "pipe.carried", STEP)                                     \
    X(PIPE_CURSOR, "pipe.cursor", STEP)                                       \
    X(PIPE_CURSOR_DONE, "pipe.cursor.done", STEP)                             \
    X(FIREHOSE_READ, "firehose.read", STEP)                                   \
    X(FIREHOSE_PROCESS, "firehose.process", STEP)                             \
    X(FIREHOSE_BUFFERED, "firehose.buffered", STEP)                           \
    X(FIREHOSE_STAGE, "firehose.stage", STEP)                                 \
    X(FIREHOSE_LAND, "firehose.land", STEP)                                   \
    X(FIREHOSE_LANDED, "firehose.landed", STEP)                               \
    X(FIREHOSE_PUT, "firehose.put", STEP)                                     \
    X(FIREHOSE_PUT_DONE, "firehose.put.done", STEP)                           \
    X(LAMBDA_INVOKE, "lambda.invoke", STEP)                                   \
    X(LAMBDA_ANSWERED, "lambda.answered", STEP)                               \
    X(LAMBDA_EVENT_STORE, "lambda.event.store", STEP)                         \
    X(LAMBDA_EVENT_STORED, "lambda.event.stored", STEP)                       \
    X(LAMBDA_EVENT_END, "lambda.event.end", STEP)                             \
    X(LAMBDA_EVENT_ENDED, "lambda.event.ended", STEP)                         \
    X(LAMBDA_MAPPING_CURSOR, "lambda.mapping.cursor", STEP)                   \
    X(LAMBDA_MAPPING_CURSOR_DONE, "lambda.mapping.cursor.done", STEP)         \
    X(GLUE_CRAWL, "glue.crawl", STEP)                                         \
    X(GLUE_CRAWL_COMMIT, "glue.crawl.commit", STEP)                           \
    X(GLUE_CRAWL_COMMITTED, "glue.crawl.committed", STEP)                     \
    X(ICEBERG_LOAD, "iceberg.load", STEP)                                     \
    X(CLOUDFORMATION_STEP, "cloudformation.step", STEP)                       \
    X(CLOUDFORMATION_STEPPED, "cloudformation.stepped", STEP)                 \
    X(CLOUDFORMATION_COMMIT, "cloudformation.commit", STEP)                   \
    X(CLOUDFORMATION_COMMITTED, "cloudformation.committed", STEP)

enum mr_point {
#define MR_POINT_ENUM(name, text, kind) MR_POINT_##name,
    MR_POINT_TABLE(MR_POINT_ENUM)
#undef MR_POINT_ENUM
        MR_POINTS
};

extern _Atomic bool mr_points_on;

int mr_point_pass(enum mr_point point);
size_t mr_point_pass_write(enum mr_point point, size_t len);

/* Passes the point. 0, or the errno with which the call that follows is to fail. */
static inline int mr_point(enum mr_point point)
{
    return __builtin_expect(atomic_load_explicit(&mr_points_on, memory_order_relaxed), false)
               ? mr_point_pass(point)
               : 0;
}

/* The same as a condition of the call: false, with errno set, when it is to fail. */
static inline bool mr_point_good(enum mr_point point)
{
    return mr_point(point) == 0;
}

/* Before a write of `len` > 0 bytes: how many of them to write; 0 with errno set: fail so. */
static inline size_t mr_point_write(enum mr_point point, size_t len)
{
    return __builtin_expect(atomic_load_explicit(&mr_points_on, memory_order_relaxed), false)
               ? mr_point_pass_write(point, len)
               : len;
}

/* ---- for tests ---- */

/* Counts from now on who passes which point. */
void mr_points_count(void);
/* "POINT:N:ACTION": at the N-th passing from now, or "N+": from then on each time. POINT "any"
 * counts all points together, and takes kill and delay. MR_INVALID: ret_problem says why. */
MR_MUST_USE enum mr_status mr_point_arm(struct mr_slice spec, const char **ret_problem);
void mr_points_disarm(void);
const char *mr_point_name(enum mr_point point);
enum mr_point_kind mr_point_kind_of(enum mr_point point);
uint64_t mr_point_count(enum mr_point point);
