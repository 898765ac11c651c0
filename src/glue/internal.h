/* glue/internal.h: what the files of this folder share. */
#pragma once
#include "base/map.h"
#include "glue/glue.h"
#include "glue/sample.h"
#include "glue/settings.h"
#include "logs/logs.h"
#include <pthread.h>
#include <stdatomic.h>

enum {
    GLUE_JSON_DEPTH = 64,
    GLUE_VERSIONS_MAX = 100, /* archived versions kept of one table */
    GLUE_CRAWLS_MAX = 1000,  /* crawls remembered of one crawler */
    GLUE_ENTRY_OPS = 500,    /* partitions in one journal entry: far below its 32 MiB */
    GLUE_VALUES_MAX = 100,   /* partition keys of one table, as AWS allows */
};
/* Between the parts of a document's name: no legal name holds it. */
#define GLUE_SEPARATOR '\x1f'
#define GLUE_LOG_GROUP "/aws-glue/crawlers"
#define GROK_SERDE "com.amazonaws.glue.serde.GrokSerDe"
#define GROK_PATTERN "input.format"
#define GROK_CUSTOM "input.grokCustomPatterns"

struct glue {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct s3 *s3;
    struct logs *logs; /* NULL: crawls log nowhere */
    const struct glue_grok_engine *grok;
    const struct glue_iceberg_engine *iceberg;
    pthread_mutex_t lock; /* of catalog writes: held from reading to committing */
    pthread_mutex_t crawler_lock;
    pthread_cond_t idle; /* a crawl ended */
    struct {
        struct mr_map crawlers; /* name -> struct glue_crawler */
        size_t running;
    } locked; /* by crawler_lock */
    atomic_bool closing;
    struct runtime_pump *schedules;
};

/* ---- records.c ---- */
/* Parts joined by GLUE_SEPARATOR, without one at the end. */
struct mr_slice glue_name(struct mr_arena *arena, const struct mr_slice *parts, size_t count);
struct mr_slice glue_name2(struct mr_arena *arena, struct mr_slice a, struct mr_slice b);
/* The same with a separator at the end: the prefix of all names below. */
struct mr_slice glue_below(struct mr_arena *arena, const struct mr_slice *parts, size_t count);
/* Adds a delete of every document of `kind` whose name begins with `prefix`. */
MR_MUST_USE enum mr_status glue_delete_below(struct glue *glue, struct store_entry *entry,
                                             const char *kind, struct mr_slice prefix);
MR_MUST_USE enum mr_status glue_doc(struct glue *glue, struct mr_arena *arena, const char *kind,
                                    struct mr_slice name, yyjson_val **ret_value);
/* Copies the members of `object` but those named in `skip` (NULL-terminated). */
void glue_copy_members(struct mr_json *json, yyjson_val *object, const char *const *skip);
/* A StorageDescriptor: columns' names in lower case, AWS's defaults for what is not given. */
void glue_write_storage(struct mr_json *json, struct mr_arena *arena, yyjson_val *storage);
/* Parses a JSON text of our own making: never NULL. */
yyjson_val *glue_parse(struct mr_arena *arena, struct mr_slice json);

/* ---- links.c ---- */
struct glue_reader { /* of the catalog as it is, or as it was at a snapshot's moment */
    struct glue *glue;
    struct view_snapshot *snapshot; /* NULL: as it is */
};
/* The database's name in lower case; of a link, its target's. MR_NOT_FOUND: there is neither. */
MR_MUST_USE enum mr_status glue_link_database(const struct glue_reader *reader,
                                              struct mr_arena *arena, struct mr_slice name,
                                              struct mr_slice *ret_name);
/* What is shown of a database: of a link, its target under the link's name. */
MR_MUST_USE enum mr_status glue_link_show_database(const struct glue_reader *reader,
                                                   struct mr_arena *arena, yyjson_val *link,
                                                   yyjson_val **ret_shown);
/* A table that is a link becomes its target: `json` has the link's names, the other members lead to
 * what belongs to the target. */
MR_MUST_USE enum mr_status glue_link_table(const struct glue_reader *reader, struct mr_arena *arena,
                                           struct glue_table *table);
/* The table of that name, through links. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status glue_link_find_table(const struct glue_reader *reader,
                                                struct mr_arena *arena, struct mr_slice database,
                                                struct mr_slice name, struct glue_table *ret_table);
/* glue_table_parse of JSON that is parsed. */
void glue_table_view(struct mr_arena *arena, yyjson_val *table, struct glue_table *ret_table);

/* ---- partitions.c ---- */
MR_MUST_USE enum mr_status glue_partition_get(struct glue *glue, struct mr_arena *arena,
                                              struct mr_slice database, struct mr_slice table,
                                              const struct mr_slice *values, size_t count,
                                              struct mr_slice *ret_json);
/* Replaces the partition with these values; other Values in `input` move it, and its statistics
 * end. MR_NOT_FOUND; MR_INVALID: a wrong number of values; MR_EXISTS: another has the new ones. */
MR_MUST_USE enum mr_status glue_partition_update(struct glue *glue, struct mr_arena *arena,
                                                 const struct glue_table *table,
                                                 const struct mr_slice *values, size_t count,
                                                 yyjson_val *input, int64_t *ret_ticket);
/* glue_partition_put that tells those it replaced, too; one that would be the same is left alone.
 */
MR_MUST_USE enum mr_status glue_partition_merge(struct glue *glue, struct mr_arena *arena,
                                                const struct glue_table *table, yyjson_val **inputs,
                                                size_t count, bool replace, size_t *ret_added,
                                                size_t *ret_updated, int64_t *ret_ticket);
/* Values of an array of strings. */
struct mr_slice *glue_values(struct mr_arena *arena, yyjson_val *array, size_t *ret_count);

/* ---- crawler.c ---- */
enum glue_crawler_state {
    GLUE_CRAWLER_READY,
    GLUE_CRAWLER_RUNNING,
    GLUE_CRAWLER_STOPPING,
    GLUE_CRAWLER_STATES
};
struct glue_crawl_totals {
    size_t tables_created, tables_updated, tables_deleted;
    size_t partitions_created, partitions_updated, partitions_deleted;
    size_t objects;
};
struct glue_crawler {
    struct glue *glue;
    char *name;   /* owned */
    char *config; /* owned: the members of the wire's Crawler that were given, and its times, as
                     JSON */
    enum glue_crawler_state state;
    atomic_bool stop;
    int64_t started_ms, next_ms; /* next_ms: by its schedule; INT64_MAX: none */
    char crawl_id[37];
    struct {
        char status[16]; /* of the last finished crawl; empty: none */
        char *error;     /* owned, or NULL */
        char id[37];
        int64_t started_ms;
        int64_t runtime_ms;
        struct glue_crawl_totals totals; /* the last one's; GetCrawlerMetrics shows them */
    } last;
};
const char *glue_crawler_state_name(enum glue_crawler_state state);
MR_MUST_USE enum mr_status glue_crawlers_open(struct glue *glue);
void glue_crawlers_close(struct glue *glue);
/* `input` is a CreateCrawler or UpdateCrawler input. MR_EXISTS, MR_INVALID: the schedule. */
MR_MUST_USE enum mr_status glue_crawler_create(struct glue *glue, struct mr_arena *arena,
                                               yyjson_val *input, struct mr_slice account,
                                               int64_t *ret_ticket);
/* `fits` judges the configuration that would be; it sets the fault that MR_FAULT tells of, and is
 * called under the lock of crawlers. MR_NOT_FOUND, MR_AGAIN: running, MR_INVALID: the schedule. */
MR_MUST_USE enum mr_status glue_crawler_update(struct glue *glue, struct mr_arena *arena,
                                               yyjson_val *input,
                                               bool (*fits)(void *ctx, yyjson_val *config),
                                               void *ctx, int64_t *ret_ticket);
/* MR_NOT_FOUND, MR_AGAIN: running. */
MR_MUST_USE enum mr_status glue_crawler_delete(struct glue *glue, struct mr_slice name,
                                               int64_t *ret_ticket);
/* MR_NOT_FOUND, MR_AGAIN: already running. */
MR_MUST_USE enum mr_status glue_crawler_start(struct glue *glue, struct mr_slice name,
                                              int64_t *ret_ticket);
/* MR_NOT_FOUND, MR_AGAIN: stopping already, MR_END: not running. */
MR_MUST_USE enum mr_status glue_crawler_stop(struct glue *glue, struct mr_slice name);
/* Gives it another schedule (empty: none), or starts or stops the one it has (`expression` NULL).
 * MR_NOT_FOUND, MR_INVALID: the expression, MR_END: it has none, MR_EXISTS: it is so already. */
MR_MUST_USE enum mr_status glue_crawler_schedule(struct glue *glue, struct mr_arena *arena,
                                                 struct mr_slice name,
                                                 const struct mr_slice *expression, bool stop,
                                                 int64_t *ret_ticket);
/* The CrawlerHistory of the crawl under way; false: there is none. */
bool glue_crawler_running(struct glue *glue, struct mr_arena *arena, struct mr_slice name,
                          struct mr_slice *ret_json, bool *ret_exists);
/* Writes the wire's Crawler. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status glue_crawler_describe(struct glue *glue, struct mr_arena *arena,
                                                 struct mr_slice name, struct mr_json *json);
MR_MUST_USE enum mr_status glue_crawler_metrics(struct glue *glue, struct mr_slice name,
                                                struct mr_json *json);
/* Names in order; at most `max` behind `after`. */
struct mr_slice *glue_crawler_names(struct glue *glue, struct mr_arena *arena, size_t *ret_count);

/* ---- crawl.c ---- */
struct glue_crawl {
    struct glue *glue;
    struct mr_arena *arena; /* of the whole crawl */
    struct mr_slice crawler, account;
    yyjson_val *config; /* of the crawler */
    const atomic_bool *stop;
    int64_t now_ms;
    char id[37];
    struct glue_crawl_totals totals;
    struct glue_settings settings;
    struct glue_classifiers classifiers;
    struct mr_map known; /* location of a folder that is not crawled again -> its lake_shape */
    const struct glue_table *catalog; /* what a catalog target names; NULL: an S3 target */
    size_t tables;                    /* found so far; counted only for a threshold */
    struct mr_slice error;            /* set when it returns MR_INVALID */
};
/* Reads the targets and brings the catalog up to date. MR_END: stopped. MR_INVALID: see error. */
MR_MUST_USE enum mr_status glue_crawl_run(struct glue_crawl *crawl);

/* The name of a table by the last part of its location. */
struct mr_slice glue_crawl_table_name(struct glue_crawl *crawl, struct mr_slice last);
/* The table of this name; unless another location has it: then the name gets a suffix. */
MR_MUST_USE enum mr_status glue_crawl_find_table(struct glue_crawl *crawl,
                                                 const struct lake_table *table,
                                                 struct mr_slice *name, struct glue_table *ret_old);
struct mr_slice glue_crawl_created_by(const struct glue_crawl *crawl);
/* MR_INVALID: there are more tables than the configuration lets there be. */
MR_MUST_USE enum mr_status glue_crawl_check_threshold(struct glue_crawl *crawl);

/* ---- crawl_iceberg.c ---- */
/* `found` gets the locations of the tables that there are. */
MR_MUST_USE enum mr_status glue_crawl_iceberg(struct glue_crawl *crawl, yyjson_val *target,
                                              struct mr_map *found);

/* ---- known.c ---- */
/* Reads classifiers, and the folders that are not crawled again. */
MR_MUST_USE enum mr_status glue_crawl_prepare(struct glue_crawl *crawl);
void glue_crawl_forget(struct glue_crawl *crawl);
/* NULL: the folder ("some/key/") is to be looked at. */
const struct lake_shape *glue_known_shape(const struct glue_crawl *crawl, struct mr_slice bucket,
                                          struct mr_slice folder);

/* ---- crawl_gone.c: what is in the catalog and has no objects any more ---- */
/* `found`: locations of tables and partitions that there are. */
MR_MUST_USE enum mr_status glue_crawl_drop_partitions(struct glue_crawl *crawl,
                                                      const struct glue_table *table,
                                                      const struct mr_map *found);
MR_MUST_USE enum mr_status glue_crawl_drop_tables(struct glue_crawl *crawl,
                                                  const struct mr_map *found);

/* ---- crawl_catalog.c: targets that are tables of the catalog ---- */
/* Whether `table` is what `crawl->catalog` says, which then names its partition keys; logs why not.
 */
bool glue_crawl_is_catalog(struct glue_crawl *crawl, struct lake_table *table);
/* The catalog's table with other columns and counts. */
yyjson_val *glue_crawl_catalog_input(struct glue_crawl *crawl, const struct lake_table *table,
                                     const struct glue_type *columns);
/* The StorageDescriptor of a partition: the table's, elsewhere and with its own columns. */
void glue_crawl_catalog_storage(struct mr_json *json, const struct glue_crawl *crawl,
                                const struct glue_type *columns, struct mr_slice location);

/* ---- crawl_write.c ---- */
void glue_crawl_parameters(struct mr_json *json, const struct glue_crawl *crawl,
                           const struct lake_shape *shape, const struct lake_counts *counts);
void glue_crawl_storage(struct mr_json *json, const struct glue_crawl *crawl,
                        const struct lake_shape *shape, const struct glue_type *columns,
                        struct mr_slice location, const struct lake_counts *counts);

/* ---- crawl_log.c ---- */
/* A line of the crawl's stream in CloudWatch Logs: "[<crawl id>] LEVEL : text". */
void glue_crawl_log(const struct glue_crawl *crawl, const char *level, const char *format, ...)
    MR_PRINTF(3, 4);
/* What a crawl ends with: the error, or the summary. */
void glue_crawl_log_end(const struct glue_crawl *crawl, enum mr_status outcome);

/* ---- cron.c ---- */
/* First moment after `after_ms` that "cron(min hour day month weekday year)" names, UTC.
 * MR_INVALID: no such expression. INT64_MAX: never again. */
MR_MUST_USE enum mr_status glue_schedule_next(struct mr_slice expression, int64_t after_ms,
                                              int64_t *ret_ms);

/* ---- ops_*.c ---- */
#define GLUE_HANDLERS(X) \
    X(catalog)           \
    X(version)           \
    X(search)            \
    X(index)             \
    X(stats)             \
    X(partition)         \
    X(classifier)        \
    X(function)          \
    X(settings)          \
    X(security)          \
    X(crawler)           \
    X(crawls)            \
    X(tag)
#define GLUE_DECLARE(name)                                         \
    extern const struct protocol_handler glue_##name##_handlers[]; \
    extern const size_t glue_##name##_handler_count;
GLUE_HANDLERS(GLUE_DECLARE)
extern const struct protocol_fault glue_fault_not_found, glue_fault_exists,
    glue_fault_invalid_input, glue_fault_state, glue_fault_limit, glue_fault_concurrent,
    glue_fault_crawler_running, glue_fault_crawler_not_running, glue_fault_crawler_stopping,
    glue_fault_schedule_running, glue_fault_schedule_stopped, glue_fault_no_schedule,
    glue_fault_unsupported, glue_fault_denied;
/* One page of a list that is walked in order: NextToken is the number of elements before it. */
struct glue_pager {
    size_t from, max, seen, taken;
    bool more;
};
/* False: the fault is set. */
bool glue_pager_init(struct glue_pager *pager, struct protocol_call *call, size_t max_default);
/* For each element: MR_OK take it, MR_AGAIN pass over it, MR_END the page is full. */
enum mr_status glue_pager_next(struct glue_pager *pager);
void glue_pager_end(const struct glue_pager *pager, struct protocol_call *call);
/* A page of the documents of a kind, as they are stored, as the reply's `member`. */
void glue_docs_list(struct protocol_call *call, const char *kind, const char *member);
/* A pattern that has to fit a whole name; pattern_free. NULL: the fault is set. */
struct pattern *glue_pattern_new(struct protocol_call *call, struct mr_slice text);
/* MR_OK; MR_AGAIN: it does not; MR_FAULT: it is too hard to decide, the fault is set. */
MR_MUST_USE enum mr_status glue_pattern_fits(struct protocol_call *call,
                                             const struct pattern *pattern, struct mr_slice name);
/* Deletes one document under the catalog's lock. MR_NOT_FOUND; failures are the call's fault. */
MR_MUST_USE enum mr_status glue_doc_remove(struct protocol_call *call, const char *kind,
                                           struct mr_slice name);
/* Is there a security configuration of that name? MR_NOT_FOUND: no. */
MR_MUST_USE enum mr_status glue_security_find(struct glue *glue, struct mr_arena *arena,
                                              struct mr_slice name);
/* An ErrorDetail as the next value; the same as the member of that name. */
void glue_write_error_detail(struct protocol_call *call, const struct protocol_fault *fault,
                             struct mr_slice message);
void glue_write_error(struct protocol_call *call, const struct protocol_fault *fault,
                      struct mr_slice message);
/* "a, b" of an array of strings, as AWS shows partition values in messages. */
struct mr_slice glue_values_text(struct mr_arena *arena, yyjson_val *values);
/* Does a ResourceShareType include what this account owns? */
bool glue_shares_ours(struct mr_slice share);
/* Is it this account's catalog, or none in particular? False: the fault is set. */
bool glue_check_catalog(struct protocol_call *call, struct mr_slice id);
/* access.c: sets the fault when the catalog's resource policy denies a call of the wire. */
void glue_authorize(struct glue *glue, struct protocol_call *call);
/* Sets the fault when the call has one of these members (NULL-terminated). */
bool glue_refuse_members(struct protocol_call *call, const char *const *members);
/* Adds all of a CreateTable call's partition indexes. False: the fault is set. */
bool glue_index_add_all(struct protocol_call *call, struct store_entry *entry,
                        struct mr_slice database, struct mr_slice table, yyjson_val *partition_keys,
                        yyjson_val *inputs);
/* Has the thing all of these tags (an object of strings)? */
bool glue_tags_match(struct protocol_call *call, const char *kind, struct mr_slice name,
                     yyjson_val *tags);
void glue_fail_crawler(struct protocol_call *call, struct mr_slice name);
/* Gives the table an index of all its keys, unless it has one already. */
MR_MUST_USE enum mr_status glue_index_ensure(struct glue *glue, struct mr_arena *arena,
                                             const struct glue_table *table);
/* AWS keeps some tags to itself. False: the fault is set. */
bool glue_tags_check(struct protocol_call *call, yyjson_val *tags);
/* Stores the Tags of a Create... call that succeeded. */
void glue_tag_created(struct protocol_call *call, const char *kind, struct mr_slice name);
void glue_fail_database(struct protocol_call *call, struct mr_slice name);
void glue_fail_table(struct protocol_call *call, struct mr_slice name);
/* The call's table; false: the fault is set. */
bool glue_call_table(struct protocol_call *call, struct glue_table *ret_table);
