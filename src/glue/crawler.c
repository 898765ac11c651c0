/* Crawlers: configuration, state, runs, schedules.
 *
 *          start                 the crawl ends
 *   READY --------> RUNNING -----------------------> READY
 *                     | stop                          ^
 *                     +-------> STOPPING -------------+
 *
 * READY: no job of it runs. RUNNING: one job runs, or waits for a worker. STOPPING: the job has
 * been told to end. The state is stored when it becomes RUNNING and READY, so that a crawl cut
 * short by a crash is run again when the store is opened. */
#include "base/log.h"
#include "base/point.h"
#include "glue/internal.h"
#include <assert.h>
#include <stdlib.h>

static const char *const state_names[GLUE_CRAWLER_STATES] = {"READY", "RUNNING", "STOPPING"};
static const bool legal_moves[GLUE_CRAWLER_STATES][GLUE_CRAWLER_STATES] = {
    [GLUE_CRAWLER_READY] = {[GLUE_CRAWLER_RUNNING] = true},
    [GLUE_CRAWLER_RUNNING] = {[GLUE_CRAWLER_STOPPING] = true, [GLUE_CRAWLER_READY] = true},
    [GLUE_CRAWLER_STOPPING] = {[GLUE_CRAWLER_READY] = true},
};

const char *glue_crawler_state_name(enum glue_crawler_state state)
{
    return state_names[state];
}

static void set_state_locked(struct glue_crawler *crawler, enum glue_crawler_state state)
{
    assert(legal_moves[crawler->state][state]);
    mr_log(MR_LOG_INFO, "glue", "crawler %s: %s -> %s", crawler->name, state_names[crawler->state],
           state_names[state]);
    crawler->state = state;
}

static void crawler_free(struct glue_crawler *crawler)
{
    free(crawler->name);
    free(crawler->config);
    free(crawler->last.error);
    free(crawler);
}

static struct glue_crawler *find_locked(struct glue *glue, struct mr_slice name)
{
    return mr_map_get(&glue->locked.crawlers, name);
}

/* ---- stored form ---- */

static void write_totals(struct mr_json *json, const struct glue_crawl_totals *totals)
{
    mr_json_key_int(json, "tables_created", (int64_t)totals->tables_created);
    mr_json_key_int(json, "tables_updated", (int64_t)totals->tables_updated);
    mr_json_key_int(json, "tables_deleted", (int64_t)totals->tables_deleted);
    mr_json_key_int(json, "partitions_created", (int64_t)totals->partitions_created);
    mr_json_key_int(json, "partitions_updated", (int64_t)totals->partitions_updated);
    mr_json_key_int(json, "partitions_deleted", (int64_t)totals->partitions_deleted);
}

static void put_locked(struct glue_crawler *crawler, struct store_entry *entry)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_raw(&json, "config", mr_slice_cstr(crawler->config));
    mr_json_key_cstr(&json, "state", state_names[crawler->state]);
    if (crawler->last.status[0] != '\0') {
        mr_json_key(&json, "last");
        mr_json_object(&json);
        mr_json_key_cstr(&json, "status", crawler->last.status);
        mr_json_key_cstr(&json, "error", crawler->last.error == NULL ? "" : crawler->last.error);
        mr_json_key_cstr(&json, "id", crawler->last.id);
        mr_json_key_int(&json, "started_ms", crawler->last.started_ms);
        mr_json_key_int(&json, "runtime_ms", crawler->last.runtime_ms);
        write_totals(&json, &crawler->last.totals);
        mr_json_object_end(&json);
    }
    mr_json_object_end(&json);
    store_doc_put(entry, "glue", "crawler", mr_slice_cstr(crawler->name),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static enum mr_status save_locked(struct glue_crawler *crawler, int64_t *ret_ticket)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    put_locked(crawler, &entry);
    enum mr_status status = store_commit(crawler->glue->store, &entry, ret_ticket);
    mr_arena_fini(&arena);
    return status;
}

static void copy_text(char *ret, size_t size, struct mr_slice text)
{
    const size_t len = text.len < size ? text.len : size - 1;
    if (len > 0)
        memcpy(ret, text.ptr, len);
    ret[len] = '\0';
}

static void read_last(struct glue_crawler *crawler, yyjson_val *last)
{
    struct glue_crawl_totals *totals = &crawler->last.totals;
    copy_text(crawler->last.status, sizeof crawler->last.status, mr_json_get_text(last, "status"));
    copy_text(crawler->last.id, sizeof crawler->last.id, mr_json_get_text(last, "id"));
    crawler->last.error = mr_strdup_slice(mr_json_get_text(last, "error"));
    crawler->last.started_ms = mr_json_get_i64(last, "started_ms", 0);
    crawler->last.runtime_ms = mr_json_get_i64(last, "runtime_ms", 0);
    totals->tables_created = (size_t)mr_json_get_i64(last, "tables_created", 0);
    totals->tables_updated = (size_t)mr_json_get_i64(last, "tables_updated", 0);
    totals->tables_deleted = (size_t)mr_json_get_i64(last, "tables_deleted", 0);
    totals->partitions_created = (size_t)mr_json_get_i64(last, "partitions_created", 0);
    totals->partitions_updated = (size_t)mr_json_get_i64(last, "partitions_updated", 0);
    totals->partitions_deleted = (size_t)mr_json_get_i64(last, "partitions_deleted", 0);
}

static bool schedule_is_stopped(yyjson_val *config)
{
    return mr_json_get_bool(config, "schedule_stopped", false);
}

static int64_t next_run(const struct glue_crawler *crawler, int64_t after_ms)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *config = glue_parse(&arena, mr_slice_cstr(crawler->config));
    struct mr_slice schedule = mr_json_get_text(config, "Schedule");
    int64_t next_ms = INT64_MAX;
    if (schedule.len > 0 && !schedule_is_stopped(config) &&
        glue_schedule_next(schedule, after_ms, &next_ms) != MR_OK)
        next_ms = INT64_MAX;
    mr_arena_fini(&arena);
    return next_ms;
}

/* ---- runs ---- */

/* The wire's CrawlerHistory of a crawl that ended. */
static struct mr_slice history_json(const struct glue_crawler *crawler, struct mr_arena *arena,
                                    int64_t now_ms)
{
    const bool failed = strcmp(crawler->last.status, "FAILED") == 0;
    const bool cancelled = strcmp(crawler->last.status, "CANCELLED") == 0;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "CrawlId", crawler->last.id);
    mr_json_key_cstr(&json, "State", failed ? "FAILED" : cancelled ? "STOPPED" : "COMPLETED");
    mr_json_key_timestamp(&json, "StartTime", crawler->last.started_ms);
    mr_json_key_timestamp(&json, "EndTime", now_ms);
    const struct glue_crawl_totals *totals = &crawler->last.totals;
    struct mr_slice summary = mr_arena_printf(
        arena,
        "{\"TABLE\":\"{\\\"ADD\\\":%zu,\\\"UPDATE\\\":%zu,\\\"DELETE\\\":%zu}\","
        "\"PARTITION\":\"{\\\"ADD\\\":%zu,\\\"UPDATE\\\":%zu,\\\"DELETE\\\":%zu}\"}",
        totals->tables_created, totals->tables_updated, totals->tables_deleted,
        totals->partitions_created, totals->partitions_updated, totals->partitions_deleted);
    mr_json_key_string(&json, "Summary", summary);
    if (failed)
        mr_json_key_cstr(&json, "ErrorMessage", crawler->last.error);
    mr_json_key_cstr(&json, "LogGroup", GLUE_LOG_GROUP);
    mr_json_key_cstr(&json, "LogStream", crawler->name);
    mr_json_key_cstr(&json, "MessagePrefix", crawler->last.id);
    mr_json_key_number(&json, "DPUHour", 0);
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void write_history(struct glue_crawler *crawler, struct store_entry *entry, int64_t now_ms)
{
    /* The newest sorts first. */
    struct mr_slice at = mr_arena_printf(
        entry->arena, "%016llx", (unsigned long long)(INT64_MAX - crawler->last.started_ms));
    store_doc_put(entry, "glue", "crawl",
                  glue_name2(entry->arena, mr_slice_cstr(crawler->name), at),
                  history_json(crawler, entry->arena, now_ms));
}

bool glue_crawler_running(struct glue *glue, struct mr_arena *arena, struct mr_slice name,
                          struct mr_slice *ret_json, bool *ret_exists)
{
    bool runs = false;
    pthread_mutex_lock(&glue->crawler_lock);
    const struct glue_crawler *crawler = find_locked(glue, name);
    *ret_exists = crawler != NULL;
    if (crawler != NULL && crawler->state != GLUE_CRAWLER_READY) {
        struct mr_buf buf = {0};
        struct mr_json json = mr_json_make(&buf);
        mr_json_object(&json);
        mr_json_key_cstr(&json, "CrawlId", crawler->crawl_id);
        mr_json_key_cstr(&json, "State", "RUNNING");
        mr_json_key_timestamp(&json, "StartTime", crawler->started_ms);
        mr_json_key_cstr(&json, "LogGroup", GLUE_LOG_GROUP);
        mr_json_key_cstr(&json, "LogStream", crawler->name);
        mr_json_key_cstr(&json, "MessagePrefix", crawler->crawl_id);
        mr_json_object_end(&json);
        *ret_json = mr_arena_copy(arena, mr_buf_slice(&buf));
        mr_buf_fini(&buf);
        runs = true;
    }
    pthread_mutex_unlock(&glue->crawler_lock);
    return runs;
}

struct old_crawls {
    struct store_entry *entry;
    size_t count;
};

static enum mr_status drop_old_crawl(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct old_crawls *old = ctx;
    (void)json;
    if (++old->count >= GLUE_CRAWLS_MAX)
        store_doc_delete(old->entry, "glue", "crawl", mr_arena_copy(old->entry->arena, name));
    return MR_OK;
}

static void finish_locked(struct glue_crawler *crawler, const struct glue_crawl *crawl,
                          enum mr_status outcome)
{
    struct glue *glue = crawler->glue;
    const int64_t now_ms = store_now(glue->store);
    const char *status = outcome == MR_OK    ? "SUCCEEDED"
                         : outcome == MR_END ? "CANCELLED"
                                             : "FAILED";
    copy_text(crawler->last.status, sizeof crawler->last.status, mr_slice_cstr(status));
    free(crawler->last.error);
    struct mr_slice error = crawl->error.len > 0 ? crawl->error : MR_S("Internal service error");
    crawler->last.error = mr_strdup_slice(outcome == MR_OK || outcome == MR_END ? MR_S("") : error);
    memcpy(crawler->last.id, crawler->crawl_id, sizeof crawler->last.id);
    crawler->last.started_ms = crawler->started_ms;
    crawler->last.runtime_ms = now_ms - crawler->started_ms;
    crawler->last.totals = crawl->totals;
    if (crawler->last.error[0] != '\0')
        mr_log(MR_LOG_WARN, "glue", "crawler %s: %s", crawler->name, crawler->last.error);
    set_state_locked(crawler, GLUE_CRAWLER_READY);
    struct store_entry entry = store_entry_make(crawl->arena);
    struct old_crawls old = {.entry = &entry};
    struct mr_slice name = mr_slice_cstr(crawler->name);
    enum mr_status stored = store_doc_each(
        glue->store, "glue", "crawl", glue_below(crawl->arena, &name, 1), drop_old_crawl, &old);
    write_history(crawler, &entry, now_ms);
    put_locked(crawler, &entry);
    mr_point(MR_POINT_GLUE_CRAWL_COMMIT);
    if (stored == MR_OK)
        stored = store_commit_wait(glue->store, &entry);
    mr_point(MR_POINT_GLUE_CRAWL_COMMITTED);
    if (stored < 0)
        mr_log(MR_LOG_ERROR, "glue", "crawler %s: its result is not stored", crawler->name);
}

static void run_job(void *arg)
{
    struct glue_crawler *crawler = arg;
    struct glue *glue = crawler->glue;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct glue_crawl crawl = {.glue = glue, .arena = &arena, .stop = &crawler->stop};
    mr_point(MR_POINT_GLUE_CRAWL);
    pthread_mutex_lock(&glue->crawler_lock);
    crawl.crawler = mr_arena_copy(&arena, mr_slice_cstr(crawler->name));
    crawl.config = glue_parse(&arena, mr_slice_cstr(crawler->config));
    crawl.account = mr_json_get_text(crawl.config, "account");
    crawl.now_ms = crawler->started_ms;
    memcpy(crawl.id, crawler->crawl_id, sizeof crawl.id);
    pthread_mutex_unlock(&glue->crawler_lock);
    enum mr_status outcome = glue_crawl_run(&crawl);
    glue_crawl_log_end(&crawl, outcome);
    pthread_mutex_lock(&glue->crawler_lock);
    finish_locked(crawler, &crawl, outcome);
    glue->locked.running--;
    pthread_cond_broadcast(&glue->idle);
    pthread_mutex_unlock(&glue->crawler_lock);
    mr_arena_fini(&arena);
}

static enum mr_status start_locked(struct glue_crawler *crawler, int64_t *ret_ticket)
{
    struct glue *glue = crawler->glue;
    atomic_store(&crawler->stop, atomic_load(&glue->closing));
    crawler->started_ms = store_now(glue->store);
    mr_rng_uuid(glue->rng, crawler->crawl_id);
    set_state_locked(crawler, GLUE_CRAWLER_RUNNING);
    enum mr_status status = save_locked(crawler, ret_ticket);
    if (status == MR_OK) {
        glue->locked.running++;
        status = runtime_submit(glue->runtime, run_job, crawler);
        if (status != MR_OK)
            glue->locked.running--;
    }
    if (status != MR_OK)
        set_state_locked(crawler, GLUE_CRAWLER_READY);
    return status;
}

enum mr_status glue_crawler_start(struct glue *glue, struct mr_slice name, int64_t *ret_ticket)
{
    pthread_mutex_lock(&glue->crawler_lock);
    struct glue_crawler *crawler = find_locked(glue, name);
    enum mr_status status = MR_NOT_FOUND;
    if (crawler != NULL)
        status =
            crawler->state == GLUE_CRAWLER_READY ? start_locked(crawler, ret_ticket) : MR_AGAIN;
    pthread_mutex_unlock(&glue->crawler_lock);
    return status;
}

enum mr_status glue_crawler_stop(struct glue *glue, struct mr_slice name)
{
    pthread_mutex_lock(&glue->crawler_lock);
    struct glue_crawler *crawler = find_locked(glue, name);
    enum mr_status status = MR_OK;
    if (crawler == NULL) {
        status = MR_NOT_FOUND;
    } else if (crawler->state == GLUE_CRAWLER_READY) {
        status = MR_END;
    } else if (crawler->state == GLUE_CRAWLER_STOPPING) {
        status = MR_AGAIN;
    } else {
        set_state_locked(crawler, GLUE_CRAWLER_STOPPING);
        atomic_store(&crawler->stop, true);
    }
    pthread_mutex_unlock(&glue->crawler_lock);
    return status;
}

/* ---- configuration ---- */

/* The members of `input` over those of `old`; what neither has gets AWS's default. */
static struct mr_slice config_json(struct mr_arena *arena, yyjson_val *input, yyjson_val *old,
                                   struct mr_slice account, int64_t now_ms)
{
    static const char *const members[] = {"Name",
                                          "Role",
                                          "Targets",
                                          "DatabaseName",
                                          "Description",
                                          "Classifiers",
                                          "TablePrefix",
                                          "Schedule",
                                          "SchemaChangePolicy",
                                          "RecrawlPolicy",
                                          "LineageConfiguration",
                                          "LakeFormationConfiguration",
                                          "Configuration",
                                          "CrawlerSecurityConfiguration"};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        yyjson_val *value = mr_json_get(input, members[i]);
        mr_json_key_value(&json, members[i], value != NULL ? value : mr_json_get(old, members[i]));
    }
    mr_json_key_number(&json, "CreationTime",
                       mr_json_get_double(old, "CreationTime", (double)now_ms / 1000));
    mr_json_key_timestamp(&json, "LastUpdated", now_ms);
    mr_json_key_int(&json, "Version", mr_json_get_i64(old, "Version", 0) + 1);
    mr_json_key_string(&json, "account", old != NULL ? mr_json_get_text(old, "account") : account);
    /* A schedule that is given anew runs. */
    mr_json_key_bool(&json, "schedule_stopped",
                     mr_json_get(input, "Schedule") == NULL && schedule_is_stopped(old));
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static bool schedule_is_fine(yyjson_val *input, int64_t now_ms)
{
    int64_t next_ms;
    struct mr_slice schedule = mr_json_get_text(input, "Schedule");
    return schedule.len == 0 || glue_schedule_next(schedule, now_ms, &next_ms) == MR_OK;
}

enum mr_status glue_crawler_create(struct glue *glue, struct mr_arena *arena, yyjson_val *input,
                                   struct mr_slice account, int64_t *ret_ticket)
{
    struct mr_slice name = mr_json_get_text(input, "Name");
    const int64_t now_ms = store_now(glue->store);
    if (!schedule_is_fine(input, now_ms))
        return MR_INVALID;
    enum mr_status status = MR_EXISTS;
    pthread_mutex_lock(&glue->crawler_lock);
    if (find_locked(glue, name) == NULL) {
        struct glue_crawler *crawler = mr_calloc(1, sizeof *crawler);
        crawler->glue = glue;
        crawler->name = mr_strdup_slice(name);
        crawler->config = mr_strdup_slice(config_json(arena, input, NULL, account, now_ms));
        crawler->next_ms = next_run(crawler, now_ms);
        status = save_locked(crawler, ret_ticket);
        if (status == MR_OK)
            mr_map_put(&glue->locked.crawlers, name, crawler);
        else
            crawler_free(crawler);
    }
    pthread_mutex_unlock(&glue->crawler_lock);
    if (status == MR_OK)
        runtime_pump_wake(glue->schedules);
    return status;
}

enum mr_status glue_crawler_update(struct glue *glue, struct mr_arena *arena, yyjson_val *input,
                                   bool (*fits)(void *ctx, yyjson_val *config), void *ctx,
                                   int64_t *ret_ticket)
{
    const int64_t now_ms = store_now(glue->store);
    if (!schedule_is_fine(input, now_ms))
        return MR_INVALID;
    enum mr_status status = MR_NOT_FOUND;
    pthread_mutex_lock(&glue->crawler_lock);
    struct glue_crawler *crawler = find_locked(glue, mr_json_get_text(input, "Name"));
    if (crawler != NULL && crawler->state != GLUE_CRAWLER_READY) {
        status = MR_AGAIN;
    } else if (crawler != NULL) {
        yyjson_val *old = glue_parse(arena, mr_slice_cstr(crawler->config));
        struct mr_slice json = config_json(arena, input, old, MR_S(""), now_ms);
        status = fits(ctx, glue_parse(arena, json)) ? MR_OK : MR_FAULT;
        if (status == MR_OK) {
            free(crawler->config);
            crawler->config = mr_strdup_slice(json);
            crawler->next_ms = next_run(crawler, now_ms);
            status = save_locked(crawler, ret_ticket);
        }
    }
    pthread_mutex_unlock(&glue->crawler_lock);
    if (status == MR_OK)
        runtime_pump_wake(glue->schedules);
    return status;
}

enum mr_status glue_crawler_delete(struct glue *glue, struct mr_slice name, int64_t *ret_ticket)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    enum mr_status status = MR_NOT_FOUND;
    pthread_mutex_lock(&glue->crawler_lock);
    struct glue_crawler *crawler = find_locked(glue, name);
    if (crawler != NULL && crawler->state != GLUE_CRAWLER_READY) {
        status = MR_AGAIN;
    } else if (crawler != NULL) {
        struct store_entry entry = store_entry_make(&arena);
        status = glue_delete_below(glue, &entry, "crawl", glue_below(&arena, &name, 1));
        store_doc_delete(&entry, "glue", "crawler", name);
        if (status == MR_OK)
            status = store_commit(glue->store, &entry, ret_ticket);
        if (status == MR_OK)
            crawler_free(mr_map_remove(&glue->locked.crawlers, name));
    }
    pthread_mutex_unlock(&glue->crawler_lock);
    mr_arena_fini(&arena);
    return status;
}

/* The configuration with another schedule; a NULL `expression` keeps the one there is. */
static struct mr_slice scheduled_json(struct mr_arena *arena, yyjson_val *config,
                                      const struct mr_slice *expression, bool stopped)
{
    static const char *const skip[] = {"Schedule", "schedule_stopped", NULL};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    glue_copy_members(&json, config, skip);
    mr_json_key_string(&json, "Schedule",
                       expression != NULL ? *expression : mr_json_get_text(config, "Schedule"));
    mr_json_key_bool(&json, "schedule_stopped", stopped);
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static enum mr_status schedule_locked(struct glue_crawler *crawler, struct mr_arena *arena,
                                      const struct mr_slice *expression, bool stop,
                                      int64_t *ret_ticket)
{
    const int64_t now_ms = store_now(crawler->glue->store);
    yyjson_val *config = glue_parse(arena, mr_slice_cstr(crawler->config));
    if (expression == NULL && mr_json_get_text(config, "Schedule").len == 0)
        return MR_END;
    if (expression == NULL && schedule_is_stopped(config) == stop)
        return MR_EXISTS;
    struct mr_slice json = scheduled_json(arena, config, expression, stop);
    free(crawler->config);
    crawler->config = mr_strdup_slice(json);
    crawler->next_ms = next_run(crawler, now_ms);
    return save_locked(crawler, ret_ticket);
}

enum mr_status glue_crawler_schedule(struct glue *glue, struct mr_arena *arena,
                                     struct mr_slice name, const struct mr_slice *expression,
                                     bool stop, int64_t *ret_ticket)
{
    int64_t next_ms;
    if (expression != NULL && expression->len > 0 &&
        glue_schedule_next(*expression, store_now(glue->store), &next_ms) != MR_OK)
        return MR_INVALID;
    pthread_mutex_lock(&glue->crawler_lock);
    struct glue_crawler *crawler = find_locked(glue, name);
    enum mr_status status = MR_NOT_FOUND;
    if (crawler != NULL)
        status = schedule_locked(crawler, arena, expression, stop, ret_ticket);
    pthread_mutex_unlock(&glue->crawler_lock);
    if (status == MR_OK)
        runtime_pump_wake(glue->schedules);
    return status;
}

/* ---- what the wire shows ---- */

/* What is not given of it is AWS's default. */
static void write_policy(struct mr_json *json, yyjson_val *policy)
{
    static const char *const members[][2] = {{"UpdateBehavior", "UPDATE_IN_DATABASE"},
                                             {"DeleteBehavior", "DEPRECATE_IN_DATABASE"}};
    mr_json_key(json, "SchemaChangePolicy");
    mr_json_object(json);
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        yyjson_val *value = mr_json_get(policy, members[i][0]);
        mr_json_key_string(json, members[i][0],
                           value != NULL ? mr_json_text(value) : mr_slice_cstr(members[i][1]));
    }
    mr_json_object_end(json);
}

static void describe_locked(const struct glue_crawler *crawler, struct mr_arena *arena,
                            struct mr_json *json)
{
    static const char *const skip[] = {"account", "Schedule", "schedule_stopped",
                                       "SchemaChangePolicy", NULL};
    static const struct {
        const char *name, *value;
    } defaults[] = {
        {"Classifiers", "[]"},
        {"RecrawlPolicy", "{\"RecrawlBehavior\":\"CRAWL_EVERYTHING\"}"},
        {"LineageConfiguration", "{\"CrawlerLineageSettings\":\"DISABLE\"}"},
        {"LakeFormationConfiguration",
         "{\"UseLakeFormationCredentials\":false,\"AccountId\":\"\"}"},
    };
    yyjson_val *config = glue_parse(arena, mr_slice_cstr(crawler->config));
    glue_copy_members(json, config, skip);
    for (size_t i = 0; i < MR_COUNT(defaults); i++) {
        if (mr_json_get(config, defaults[i].name) == NULL)
            mr_json_key_raw(json, defaults[i].name, mr_slice_cstr(defaults[i].value));
    }
    write_policy(json, mr_json_get(config, "SchemaChangePolicy"));
    if (mr_json_get_text(config, "Schedule").len > 0) {
        mr_json_key(json, "Schedule");
        mr_json_object(json);
        mr_json_key_string(json, "ScheduleExpression", mr_json_get_text(config, "Schedule"));
        mr_json_key_cstr(json, "State",
                         schedule_is_stopped(config) ? "NOT_SCHEDULED" : "SCHEDULED");
        mr_json_object_end(json);
    }
    const bool runs = crawler->state != GLUE_CRAWLER_READY;
    mr_json_key_cstr(json, "State", state_names[crawler->state]);
    mr_json_key_int(json, "CrawlElapsedTime",
                    runs ? store_now(crawler->glue->store) - crawler->started_ms : 0);
    if (crawler->last.status[0] == '\0')
        return;
    mr_json_key(json, "LastCrawl");
    mr_json_object(json);
    mr_json_key_cstr(json, "Status", crawler->last.status);
    if (crawler->last.error != NULL && crawler->last.error[0] != '\0')
        mr_json_key_cstr(json, "ErrorMessage", crawler->last.error);
    mr_json_key_cstr(json, "LogGroup", GLUE_LOG_GROUP);
    mr_json_key_cstr(json, "LogStream", crawler->name);
    mr_json_key_cstr(json, "MessagePrefix", crawler->last.id);
    mr_json_key_timestamp(json, "StartTime", crawler->last.started_ms);
    mr_json_object_end(json);
}

enum mr_status glue_crawler_describe(struct glue *glue, struct mr_arena *arena,
                                     struct mr_slice name, struct mr_json *json)
{
    pthread_mutex_lock(&glue->crawler_lock);
    const struct glue_crawler *crawler = find_locked(glue, name);
    if (crawler != NULL) {
        mr_json_object(json);
        describe_locked(crawler, arena, json);
        mr_json_object_end(json);
    }
    pthread_mutex_unlock(&glue->crawler_lock);
    return crawler != NULL ? MR_OK : MR_NOT_FOUND;
}

enum mr_status glue_crawler_metrics(struct glue *glue, struct mr_slice name, struct mr_json *json)
{
    pthread_mutex_lock(&glue->crawler_lock);
    const struct glue_crawler *crawler = find_locked(glue, name);
    if (crawler != NULL) {
        const double seconds = (double)crawler->last.runtime_ms / 1000;
        mr_json_object(json);
        mr_json_key_cstr(json, "CrawlerName", crawler->name);
        mr_json_key_number(json, "TimeLeftSeconds", 0);
        mr_json_key_bool(json, "StillEstimating", false);
        mr_json_key_number(json, "LastRuntimeSeconds", seconds);
        mr_json_key_number(json, "MedianRuntimeSeconds", seconds);
        mr_json_key_int(json, "TablesCreated", (int64_t)crawler->last.totals.tables_created);
        mr_json_key_int(json, "TablesUpdated", (int64_t)crawler->last.totals.tables_updated);
        mr_json_key_int(json, "TablesDeleted", (int64_t)crawler->last.totals.tables_deleted);
        mr_json_object_end(json);
    }
    pthread_mutex_unlock(&glue->crawler_lock);
    return crawler != NULL ? MR_OK : MR_NOT_FOUND;
}

static int compare_slices(const void *a, const void *b)
{
    return mr_slice_compare(*(const struct mr_slice *)a, *(const struct mr_slice *)b);
}

struct mr_slice *glue_crawler_names(struct glue *glue, struct mr_arena *arena, size_t *ret_count)
{
    pthread_mutex_lock(&glue->crawler_lock);
    struct mr_slice *names = MR_NEW_ARRAY(arena, struct mr_slice, glue->locked.crawlers.count + 1);
    size_t cursor = 0, count = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&glue->locked.crawlers, &cursor, &name, &value))
        names[count++] = mr_arena_copy(arena, name);
    pthread_mutex_unlock(&glue->crawler_lock);
    qsort(names, count, sizeof *names, compare_slices);
    *ret_count = count;
    return names;
}

/* ---- opening and closing ---- */

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct glue *glue = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, MR_JSON_DEPTH_MAX);
    yyjson_val *config = mr_json_get(doc, "config");
    if (config == NULL) {
        mr_arena_fini(&arena);
        return MR_RAISE(MR_FAIL_DATA, "crawler '%.*s' has no configuration", MR_ARG(name));
    }
    struct glue_crawler *crawler = mr_calloc(1, sizeof *crawler);
    crawler->glue = glue;
    crawler->name = mr_strdup_slice(name);
    crawler->config = mr_json_strdup(config, NULL);
    crawler->next_ms = next_run(crawler, store_now(glue->store));
    if (mr_json_get(doc, "last") != NULL)
        read_last(crawler, mr_json_get(doc, "last"));
    mr_map_put(&glue->locked.crawlers, name, crawler);
    enum mr_status status = MR_OK;
    int64_t ticket;
    if (mr_slice_equal(mr_json_get_text(doc, "state"), MR_S("RUNNING")))
        status = start_locked(crawler, &ticket); /* a crash cut it short */
    mr_arena_fini(&arena);
    return status;
}

static enum runtime_pump_next schedule_step(void *ctx, int64_t *ret_wake_ms)
{
    struct glue *glue = ctx;
    const int64_t now_ms = store_now(glue->store);
    pthread_mutex_lock(&glue->crawler_lock);
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&glue->locked.crawlers, &cursor, &name, &value)) {
        struct glue_crawler *crawler = value;
        int64_t ticket;
        if (crawler->next_ms <= now_ms) {
            crawler->next_ms = next_run(crawler, now_ms);
            if (crawler->state == GLUE_CRAWLER_READY && start_locked(crawler, &ticket) != MR_OK)
                mr_log(MR_LOG_WARN, "glue", "crawler %s: cannot start now", crawler->name);
        }
        if (crawler->next_ms < *ret_wake_ms)
            *ret_wake_ms = crawler->next_ms;
    }
    pthread_mutex_unlock(&glue->crawler_lock);
    return RUNTIME_PUMP_WAIT;
}

enum mr_status glue_crawlers_open(struct glue *glue)
{
    enum mr_status status =
        store_doc_each(glue->store, "glue", "crawler", MR_S(""), load_one, glue);
    if (status == MR_OK)
        glue->schedules = runtime_pump_start(glue->runtime, "glue schedules", schedule_step, glue);
    return status;
}

void glue_crawlers_close(struct glue *glue)
{
    atomic_store(&glue->closing, true);
    if (glue->schedules != NULL)
        runtime_pump_stop(glue->schedules);
    pthread_mutex_lock(&glue->crawler_lock);
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&glue->locked.crawlers, &cursor, &name, &value))
        atomic_store(&((struct glue_crawler *)value)->stop, true);
    while (glue->locked.running > 0)
        pthread_cond_wait(&glue->idle, &glue->crawler_lock);
    cursor = 0;
    while (mr_map_next(&glue->locked.crawlers, &cursor, &name, &value))
        crawler_free(value);
    mr_map_fini(&glue->locked.crawlers);
    pthread_mutex_unlock(&glue->crawler_lock);
}
