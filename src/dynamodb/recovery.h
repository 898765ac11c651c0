/* dynamodb/recovery.h: what the files about backups, history, exports and imports share.
 *
 * Long work runs as a job, a whole one on one worker; a job asks dynamodb_stopping between slices
 * and then leaves everything as a crash would. Locks: recovery.lock is the innermost; nothing is
 * called under it. */
#pragma once
#include "dynamodb/internal.h"
#include "view/view.h"

enum {
    DYNAMODB_JOBS_AT_ONCE = 4,
    DYNAMODB_JOBS_MAX = 50,        /* running and waiting; AWS: restores at a time */
    DYNAMODB_BACKUPS_MAX = 10000,  /* kept */
    DYNAMODB_SYSTEM_KEPT_DAYS = 35 /* AWS: a deleted table's own backup */
};

extern const struct protocol_fault dynamodb_table_not_found;
extern const struct protocol_fault dynamodb_table_in_use;
extern const struct protocol_fault dynamodb_table_exists;
extern const struct protocol_fault dynamodb_backup_not_found;
extern const struct protocol_fault dynamodb_backup_in_use;
extern const struct protocol_fault dynamodb_continuous_unavailable;
extern const struct protocol_fault dynamodb_recovery_unavailable;
extern const struct protocol_fault dynamodb_invalid_restore_time;
extern const struct protocol_fault dynamodb_invalid_export_time;
extern const struct protocol_fault dynamodb_export_conflict;
extern const struct protocol_fault dynamodb_export_not_found;
extern const struct protocol_fault dynamodb_import_conflict;
extern const struct protocol_fault dynamodb_import_not_found;

/* ---- jobs.c ---- */
struct dynamodb_job {
    struct dynamodb_job *next;
    struct dynamodb *dynamodb;
    void (*run)(struct dynamodb_job *job);
    void (*free)(struct dynamodb_job *job); /* after it ran, or when it never will */
};
struct dynamodb_recovery {
    struct runtime_pump *pumps[DYNAMODB_JOBS_AT_ONCE];
    atomic_bool stopping;
    _Atomic uint64_t stamp; /* the last one given */
    struct dynamodb_history *history;
    pthread_mutex_t lock;
    struct {
        struct dynamodb_job *first, **last; /* waiting */
        size_t jobs;                        /* waiting and running */
        struct mr_map backups;              /* ARN -> struct dynamodb_backup */
    } locked;
};
MR_MUST_USE enum mr_status dynamodb_recovery_open(struct dynamodb *dynamodb);
void dynamodb_recovery_close(struct dynamodb *dynamodb);
void dynamodb_job_start(struct dynamodb *dynamodb, struct dynamodb_job *job);
/* MR_FAULT, with the fault set: as many as may be. */
MR_MUST_USE enum mr_status dynamodb_jobs_check(struct protocol_call *call);
bool dynamodb_stopping(const struct dynamodb *dynamodb);

/* ---- image.c: items in a file of ours ---- */
struct dynamodb_image_writer;
struct dynamodb_image_reader;
MR_MUST_USE enum mr_status dynamodb_image_create(struct dynamodb_image_writer **ret_writer,
                                                 const char *path);
MR_MUST_USE enum mr_status dynamodb_image_add(struct dynamodb_image_writer *writer,
                                              struct mr_slice item);
/* Durable when it returns MR_OK, folder included. */
MR_MUST_USE enum mr_status dynamodb_image_finish(struct dynamodb_image_writer *writer);
void dynamodb_image_close(struct dynamodb_image_writer *writer); /* unfinished: removes the file */
MR_MUST_USE enum mr_status dynamodb_image_open(struct dynamodb_image_reader **ret_reader,
                                               const char *path);
/* MR_OK: the item is borrowed until the next call.  MR_END.  MR_FAIL_DATA: damaged. */
MR_MUST_USE enum mr_status dynamodb_image_next(struct dynamodb_image_reader *reader,
                                               struct mr_slice *ret_item);
void dynamodb_image_free(struct dynamodb_image_reader *reader); /* accepts NULL */

/* ---- history.c: stamps, and the end of what is too old ---- */
enum { DYNAMODB_STAMP_BITS = 16 };
/* The least stamp of that millisecond. */
uint64_t dynamodb_stamp_of(int64_t time_ms);
/* Above all stamps given before. */
uint64_t dynamodb_stamp_next(struct dynamodb *dynamodb);
void dynamodb_history_open(struct dynamodb *dynamodb);
void dynamodb_history_close(struct dynamodb *dynamodb);

/* ---- past.c: a table as it was ---- */
/* What is committed to a table by now, and a moment of it. */
struct dynamodb_moment {
    struct view_snapshot *snapshot;
    uint32_t number;  /* of its items */
    uint32_t history; /* 0: none */
    uint64_t to;      /* before the changes with this stamp and later ones */
    int64_t time_ms;
};
/* Now, whatever history there is. */
static const uint64_t dynamodb_now = UINT64_MAX;
/* All items at a moment; or only what was changed from `from` on, unless it came and went since. */
struct dynamodb_past {
    struct view_iterator *items, *history; /* the latter may be NULL */
    bool changes;
    uint64_t from, to;
    bool items_used; /* the item under the iterator was handed out */
    struct mr_buf key, buffers[3];
    /* results, borrowed until the next call; ptr NULL: there was none */
    struct mr_slice old_item, new_item;
    uint64_t stamp; /* with changes: of the last one */
};
void dynamodb_past_open(struct dynamodb_past *past, const struct dynamodb_moment *moment);
/* old_item is what was before the changes with stamp `from` and later ones. */
void dynamodb_past_open_changes(struct dynamodb_past *past, const struct dynamodb_moment *moment,
                                uint64_t from);
/* MR_OK: new_item, and with changes old_item.  MR_END.  < 0. */
MR_MUST_USE enum mr_status dynamodb_past_next(struct dynamodb_past *past);
void dynamodb_past_close(struct dynamodb_past *past);

/* ---- continuous.c ---- */
struct dynamodb_history_state dynamodb_history_state(struct dynamodb_table *table);
/* MR_FAULT: the table keeps none. */
MR_MUST_USE enum mr_status dynamodb_need_history(struct protocol_call *call,
                                                 struct dynamodb_table *table,
                                                 struct dynamodb_history_state *ret_state);
int64_t dynamodb_earliest_ms(const struct dynamodb_history_state *state, int64_t now_ms);
/* Waits for commits under way; the caller frees the snapshot. All that is committed, or what was by
 * the end of that millisecond. */
struct dynamodb_moment dynamodb_moment_latest(struct dynamodb_table *table);
struct dynamodb_moment dynamodb_moment_at(struct dynamodb_table *table, int64_t time_ms);
/* The moment that a restored table's origin names; false: it is gone. */
bool dynamodb_moment_again(struct dynamodb *dynamodb, yyjson_val *origin,
                           struct dynamodb_moment *ret_moment);

/* ---- fill.c: many items into a table that nobody uses yet ---- */
struct dynamodb_fill {
    struct dynamodb_table *table;
    bool replaces; /* a key may come twice: the later one stays */
    struct mr_arena arena;
    struct store_entry entry;
    struct mr_map keys; /* in the entry; only when `replaces` */
    size_t bytes;
};
void dynamodb_fill_init(struct dynamodb_fill *fill, struct dynamodb_table *table, bool replaces);
void dynamodb_fill_fini(struct dynamodb_fill *fill);
/* Copies the item, which has the table's keys. */
MR_MUST_USE enum mr_status dynamodb_fill_add(struct dynamodb_fill *fill, struct mr_slice item);
MR_MUST_USE enum mr_status dynamodb_fill_flush(struct dynamodb_fill *fill); /* durable */
/* The table is complete: ACTIVE with the entry that says so, which may hold more. */
MR_MUST_USE enum mr_status dynamodb_fill_end(struct dynamodb_table *table,
                                             struct store_entry *entry);
/* It never will be: the table goes, with what it holds. */
void dynamodb_fill_drop(struct dynamodb_table *table, struct store_entry *entry, const char *why);

/* ---- backup.c ---- */
enum dynamodb_backup_status {
    DYNAMODB_BACKUP_CREATING,
    DYNAMODB_BACKUP_AVAILABLE,
    DYNAMODB_BACKUP_DELETED, /* it failed: only its document is there */
};
struct dynamodb_backup {
    struct mr_arena arena;
    struct mr_slice arn, id, name;
    struct mr_slice table; /* the table's document, as stored */
    struct mr_slice stream_view;
    struct mr_slice table_name, table_arn, table_uuid;
    bool system;
    int64_t created_ms, expires_ms; /* 0: never */
    /* by recovery.lock */
    size_t references;
    size_t restores; /* under way */
    enum dynamodb_backup_status status;
    uint64_t bytes, items;
};
MR_MUST_USE enum mr_status dynamodb_backups_open(struct dynamodb *dynamodb);
void dynamodb_backups_close(struct dynamodb *dynamodb);
/* That of the request, with a reference; NULL after setting the fault. */
struct dynamodb_backup *dynamodb_backup_need(struct protocol_call *call);
struct dynamodb_backup *dynamodb_backup_find(struct dynamodb *dynamodb, struct mr_slice arn);
void dynamodb_backup_unref(struct dynamodb *dynamodb, struct dynamodb_backup *backup);
/* For the entry that deletes the table: what its history leaves; NULL when it keeps none. And once
 * that entry is committed, or not. */
struct dynamodb_backup *dynamodb_backup_of_deleted(struct dynamodb_table *table, int64_t now_ms,
                                                   struct store_entry *entry);
void dynamodb_backup_of_deleted_begin(struct dynamodb_table *table, struct dynamodb_backup *backup,
                                      bool committed);
void dynamodb_backup_path(struct dynamodb *dynamodb, struct mr_slice id, char ret[static 4096]);
/* "<14 digits>-<8 hexadecimal digits>", as AWS names backups, exports and imports. */
struct mr_slice dynamodb_new_id(struct dynamodb *dynamodb, struct mr_arena *arena, int64_t now_ms);
/* A timestamp of the request in milliseconds; `fallback` when absent. */
int64_t dynamodb_request_time(yyjson_val *members, const char *name, int64_t fallback);
/* "2026-10-09T00:41:50Z", as refusals tell a time. */
const char *dynamodb_time_text(struct mr_arena *arena, int64_t ms);
/* In the words of the operations on backups; NULL after setting the fault. */
struct dynamodb_table *dynamodb_backup_table(struct protocol_call *call, struct mr_slice name);

/* ---- restore.c ---- */
/* Fills the table from the backup, which counts as being restored already, or from the moment;
 * takes over the reference or the snapshot. */
void dynamodb_restore_start(struct dynamodb_table *table, struct dynamodb_backup *backup,
                            const struct dynamodb_moment *moment);
/* Goes on with tables that were being filled. */
MR_MUST_USE enum mr_status dynamodb_restores_open(struct dynamodb *dynamodb);
/* A table made of a stored document, as the request's TargetTableName and overrides want it; NULL
 * after setting the fault. `origin`: JSON. */
struct dynamodb_table *dynamodb_restore_target(struct protocol_call *call, struct mr_slice document,
                                               struct mr_slice origin);
/* A table of that name may be made and filled. The caller holds admin. */
MR_MUST_USE enum mr_status dynamodb_fill_check(struct protocol_call *call, struct mr_slice name,
                                               const struct protocol_fault *exists);
/* Makes it CREATING, durable and known. The caller holds admin. */
MR_MUST_USE enum mr_status dynamodb_fill_begin(struct dynamodb_table *table,
                                               struct store_entry *entry);
void dynamodb_restore_summary(struct mr_json *json, const struct dynamodb_table *table);
bool dynamodb_is_restored(const struct dynamodb_table *table); /* it has such a summary */

/* ---- task.c: exports and imports as stored documents ----
 * "dynamodb/<kind>/<ARN>": {"fixed": {...}, "result": {...}, "own": {...}}, where the first two are
 * the members that the API describes, and `own` is what only we need: token, request, began_ms.
 * They are kept for 90 days, as AWS lists them. */
enum { DYNAMODB_TASKS_MAX = 10000, DYNAMODB_TASK_KEPT_DAYS = 90 };
struct mr_slice dynamodb_task_own(struct protocol_call *call, struct mr_slice token,
                                  struct mr_slice more); /* `more`: JSON of the caller's */
struct dynamodb_task {
    const char *kind; /* "export", "import" */
    struct mr_slice arn;
    struct mr_slice fixed, result, own; /* JSON objects */
};
void dynamodb_task_put(struct store_entry *entry, const struct dynamodb_task *task);
/* Sets the fault: `what` ("Export", "Import") is no ARN of one, or not there. */
void dynamodb_task_refuse(struct protocol_call *call, const struct protocol_fault *missing,
                          const char *what, struct mr_slice arn);
/* The stored task; MR_NOT_FOUND. */
MR_MUST_USE enum mr_status dynamodb_task_get(struct dynamodb *dynamodb, struct mr_arena *arena,
                                             const char *kind, struct mr_slice arn,
                                             yyjson_val **ret_doc);
/* The description: one object. */
void dynamodb_task_json(struct mr_json *json, yyjson_val *doc);
/* What the request's ClientToken was used for before. MR_NOT_FOUND: nothing; *ret_token is the
 * request's, or a fresh one.  MR_OK: the same; *ret_doc is that task.  MR_FAULT: something else
 * (`conflict`), or there are too many. Removes, with the entry, tasks that are too old. */
MR_MUST_USE enum mr_status dynamodb_task_begin(struct protocol_call *call, const char *kind,
                                               const struct protocol_fault *conflict,
                                               struct store_entry *entry,
                                               struct mr_slice *ret_token, yyjson_val **ret_doc);
/* Tasks whose ARN begins with `table_arn` (may be empty), behind `after`, a table's newest first;
 * at most `limit`. Calls fn for each; the last one's ARN when there are more. */
struct mr_slice dynamodb_task_each(struct protocol_call *call, const char *kind,
                                   struct mr_slice table_arn, struct mr_slice after, size_t limit,
                                   void (*fn)(struct protocol_call *call, yyjson_val *doc));
/* Calls fn for each task whose result says IN_PROGRESS: after a restart. */
MR_MUST_USE enum mr_status dynamodb_task_resume(struct dynamodb *dynamodb, const char *kind,
                                                enum mr_status (*fn)(struct dynamodb *dynamodb,
                                                                     struct mr_slice arn,
                                                                     yyjson_val *doc));

/* ---- ion.c ---- */
/* The item as the text of an Ion struct. */
void dynamodb_ion_write(struct mr_buf *buf, struct mr_slice item);
/* A line of an import, "$ion_1_0 {Item:{...}}", as the item's DynamoDB JSON; MR_INVALID. */
MR_MUST_USE enum mr_status dynamodb_ion_row(struct mr_buf *row, struct mr_slice line);

/* ---- rows.c: the other formats of imports ---- */
/* The names in a header; MR_INVALID. */
MR_MUST_USE enum mr_status dynamodb_csv_columns(struct mr_arena *arena, struct mr_slice line,
                                                char delimiter, struct mr_slice **ret_columns,
                                                size_t *ret_count);
/* A line as the item's DynamoDB JSON; MR_INVALID. */
MR_MUST_USE enum mr_status dynamodb_csv_row(struct mr_buf *row, const struct dynamodb_table *table,
                                            const struct mr_slice *columns, size_t count,
                                            char delimiter, struct mr_slice line);
/* The item within {"Item":{...}}; NULL: it is none. */
yyjson_val *dynamodb_json_row(struct mr_arena *arena, struct mr_slice line);

/* ---- export.c ---- */
MR_MUST_USE enum mr_status dynamodb_exports_open(struct dynamodb *dynamodb);

/* ---- import.c ---- */
/* Fills the table again, after a restart; false: the import is not known. */
bool dynamodb_import_again(struct dynamodb_table *table, struct mr_arena *arena,
                           struct mr_slice arn);

/* ---- operations ---- */
void dynamodb_import_table(struct protocol_call *call);
void dynamodb_describe_import(struct protocol_call *call);
void dynamodb_list_imports(struct protocol_call *call);
void dynamodb_export_table(struct protocol_call *call);
void dynamodb_describe_export(struct protocol_call *call);
void dynamodb_list_exports(struct protocol_call *call);
void dynamodb_create_backup(struct protocol_call *call);
void dynamodb_describe_backup(struct protocol_call *call);
void dynamodb_delete_backup(struct protocol_call *call);
void dynamodb_list_backups(struct protocol_call *call);
void dynamodb_restore_from_backup(struct protocol_call *call);
void dynamodb_describe_continuous_backups(struct protocol_call *call);
void dynamodb_update_continuous_backups(struct protocol_call *call);
void dynamodb_restore_to_point_in_time(struct protocol_call *call);
