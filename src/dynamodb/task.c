/* Exports and imports as stored documents, which outlive their tables; see recovery.h. */
#include "dynamodb/recovery.h"
#include "base/codec.h"
#include <inttypes.h>

enum { DAY_MS = 86400000, TOKEN_KEPT_MS = 8 * 3600000 /* AWS */, DEPTH_MAX = 32, NAME_MIN = 3 };

void dynamodb_task_put(struct store_entry *entry, const struct dynamodb_task *task)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_raw(&json, "fixed", task->fixed);
    mr_json_key_raw(&json, "result", task->result);
    mr_json_key_raw(&json, "own", task->own);
    mr_json_object_end(&json);
    store_doc_put(entry, "dynamodb", task->kind, task->arn,
                  mr_arena_copy(entry->arena, mr_buf_slice(&text)));
}

enum mr_status dynamodb_task_get(struct dynamodb *dynamodb, struct mr_arena *arena,
                                 const char *kind, struct mr_slice arn, yyjson_val **ret_doc)
{
    struct mr_slice text;
    enum mr_status status = store_doc_get(dynamodb->store, arena, "dynamodb", kind, arn, &text);
    if (status == MR_OK)
        *ret_doc = mr_json_parse(arena, text, DEPTH_MAX);
    return status;
}

void dynamodb_task_json(struct mr_json *json, yyjson_val *doc)
{
    static const char *const parts[] = {"fixed", "result"};
    mr_json_object(json);
    for (size_t i = 0; i < MR_COUNT(parts); i++) {
        yyjson_obj_iter iter = yyjson_obj_iter_with(mr_json_get(doc, parts[i]));
        for (yyjson_val *name; (name = yyjson_obj_iter_next(&iter)) != NULL;) {
            mr_json_name(json, mr_json_text(name));
            mr_json_value(json, yyjson_obj_iter_get_val(name));
        }
    }
    mr_json_object_end(json);
}

/* ---- tokens ---- */

struct search {
    struct protocol_call *call;
    const char *kind;
    struct store_entry *entry;
    struct mr_slice token;
    yyjson_val *found;
    size_t count;
};

static enum mr_status look(void *ctx, struct mr_slice arn, struct mr_slice text)
{
    struct search *search = ctx;
    yyjson_val *doc = mr_json_parse(search->call->arena, text, DEPTH_MAX);
    yyjson_val *own = mr_json_get(doc, "own");
    int64_t age_ms = search->call->now_ms - mr_json_get_i64(own, "began_ms", 0);
    if (age_ms > DYNAMODB_TASK_KEPT_DAYS * (int64_t)DAY_MS) {
        store_doc_delete(search->entry, "dynamodb", search->kind,
                         mr_arena_copy(search->entry->arena, arn));
        return MR_OK;
    }
    search->count++;
    if (search->token.len > 0 && age_ms < TOKEN_KEPT_MS &&
        mr_slice_equal(mr_json_get_text(own, "token"), search->token))
        search->found = doc;
    return MR_OK;
}

/* Tells requests apart: a number of all members but the token. AWS: imports differ by their table
 * alone. */
static struct mr_slice fingerprint(struct protocol_call *call)
{
    yyjson_val *table = mr_json_get(call->in, "TableCreationParameters");
    if (table != NULL)
        return mr_json_get_text(table, "TableName");
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_value(&json, call->in);
    return mr_arena_printf(call->arena, "%08" PRIx32 "-%zu", mr_crc32c(0, mr_buf_slice(&text)),
                           text.len);
}

struct mr_slice dynamodb_task_own(struct protocol_call *call, struct mr_slice token,
                                  struct mr_slice more)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_string(&json, "token", token);
    mr_json_key_string(&json, "request", fingerprint(call));
    mr_json_key_int(&json, "began_ms", call->now_ms);
    mr_json_key_raw(&json, "more", more);
    mr_json_object_end(&json);
    return mr_arena_copy(call->arena, mr_buf_slice(&text));
}

enum mr_status dynamodb_task_begin(struct protocol_call *call, const char *kind,
                                   const struct protocol_fault *conflict, struct store_entry *entry,
                                   struct mr_slice *ret_token, yyjson_val **ret_doc)
{
    struct dynamodb *dynamodb = call->service;
    struct search search = {.call = call,
                            .kind = kind,
                            .entry = entry,
                            .token = mr_json_get_text(call->in, "ClientToken")};
    enum mr_status status =
        store_doc_each(dynamodb->store, "dynamodb", kind, (struct mr_slice){0}, look, &search);
    if (status < 0)
        return status;
    if (search.found != NULL) {
        yyjson_val *own = mr_json_get(search.found, "own");
        *ret_doc = search.found;
        if (mr_slice_equal(mr_json_get_text(own, "request"), fingerprint(call)))
            return MR_OK;
        return protocol_fail(call, conflict,
                             "%s conflict: Duplicate request detected with conflicting parameters",
                             kind[0] == 'e' ? "Export" : "Import");
    }
    if (search.count >= DYNAMODB_TASKS_MAX)
        return protocol_fail(call, &dynamodb_limit_exceeded,
                             "Subscriber limit exceeded: There is a limit of %d %ss in %d days",
                             DYNAMODB_TASKS_MAX, kind, DYNAMODB_TASK_KEPT_DAYS);
    *ret_token = search.token;
    if (search.token.len == 0) {
        char uuid[37];
        mr_rng_uuid(dynamodb->rng, uuid);
        *ret_token = mr_arena_copy(call->arena, mr_slice_make(uuid, 36));
    }
    return MR_NOT_FOUND;
}

/* ---- lists ---- */

struct listed {
    struct mr_slice arn, table; /* the ARN, and what is in it before its own name */
    yyjson_val *doc;
};

struct listing {
    struct protocol_call *call;
    struct listed *tasks;
    size_t count, capacity;
};

static struct listed listed_of(struct mr_slice arn)
{
    size_t len = arn.len;
    while (len > 0 && arn.ptr[len - 1] != '/')
        len--;
    return (struct listed){.arn = arn, .table = mr_slice_sub(arn, 0, len)};
}

static enum mr_status list_one(void *ctx, struct mr_slice arn, struct mr_slice text)
{
    struct listing *listing = ctx;
    yyjson_val *doc = mr_json_parse(listing->call->arena, text, DEPTH_MAX);
    int64_t began_ms = mr_json_get_i64(mr_json_get(doc, "own"), "began_ms", 0);
    if (listing->call->now_ms - began_ms > DYNAMODB_TASK_KEPT_DAYS * (int64_t)DAY_MS)
        return MR_OK;
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 16 : 2 * listing->capacity;
        listing->tasks = mr_realloc(listing->tasks, listing->capacity * sizeof(listing->tasks[0]));
    }
    struct listed *task = &listing->tasks[listing->count++];
    *task = listed_of(mr_arena_copy(listing->call->arena, arn));
    task->doc = doc;
    return MR_OK;
}

/* AWS: a table's newest first. */
static int by_table(const void *a, const void *b)
{
    const struct listed *left = a, *right = b;
    int order = mr_slice_compare(left->table, right->table);
    return order != 0 ? order : mr_slice_compare(right->arn, left->arn);
}

struct mr_slice dynamodb_task_each(struct protocol_call *call, const char *kind,
                                   struct mr_slice table_arn, struct mr_slice after, size_t limit,
                                   void (*fn)(struct protocol_call *call, yyjson_val *doc))
{
    struct dynamodb *dynamodb = call->service;
    struct listing listing = {.call = call};
    struct mr_slice prefix = {0}, last = {0};
    size_t i = 0;
    if (table_arn.len > 0)
        prefix = mr_arena_printf(call->arena, "%.*s/", MR_ARG(table_arn));
    protocol_fail_internal(
        call, store_doc_each(dynamodb->store, "dynamodb", kind, prefix, list_one, &listing));
    if (listing.count > 0)
        qsort(listing.tasks, listing.count, sizeof(listing.tasks[0]), by_table);
    if (after.len > 0) {
        const struct listed start = listed_of(after);
        while (i < listing.count && by_table(&listing.tasks[i], &start) <= 0)
            i++;
    }
    for (; i < listing.count && limit > 0; i++, limit--) {
        last = listing.tasks[i].arn;
        fn(call, listing.tasks[i].doc);
    }
    if (i == listing.count)
        last = (struct mr_slice){0};
    free(listing.tasks);
    return last;
}

/* ---- after a restart ---- */

struct resumption {
    struct dynamodb *dynamodb;
    struct mr_arena arena;
    enum mr_status (*fn)(struct dynamodb *dynamodb, struct mr_slice arn, yyjson_val *doc);
};

static enum mr_status resume_one(void *ctx, struct mr_slice arn, struct mr_slice text)
{
    struct resumption *resumption = ctx;
    mr_arena_reset(&resumption->arena);
    yyjson_val *doc = mr_json_parse(&resumption->arena, text, DEPTH_MAX);
    yyjson_val *result = mr_json_get(doc, "result");
    static const char *const names[] = {"ExportStatus", "ImportStatus"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (mr_slice_equal(mr_json_get_text(result, names[i]), MR_S("IN_PROGRESS")))
            return resumption->fn(resumption->dynamodb, arn, doc);
    }
    return MR_OK;
}

enum mr_status dynamodb_task_resume(struct dynamodb *dynamodb, const char *kind,
                                    enum mr_status (*fn)(struct dynamodb *dynamodb,
                                                         struct mr_slice arn, yyjson_val *doc))
{
    struct resumption resumption = {.dynamodb = dynamodb, .fn = fn};
    mr_arena_init(&resumption.arena);
    enum mr_status status = store_doc_each(dynamodb->store, "dynamodb", kind, (struct mr_slice){0},
                                           resume_one, &resumption);
    mr_arena_fini(&resumption.arena);
    return status;
}

void dynamodb_task_refuse(struct protocol_call *call, const struct protocol_fault *missing,
                          const char *what, struct mr_slice arn)
{
    const struct mr_slice part = what[0] == 'E' ? MR_S("/export/") : MR_S("/import/");
    const size_t table = mr_slice_search(arn, MR_S(":table/")), at = mr_slice_search(arn, part);
    const bool named = table != SIZE_MAX && at != SIZE_MAX && at >= table + 7 + NAME_MIN;
    if (!mr_slice_starts_with(arn, MR_S("arn:")) || !named)
        protocol_fail(call, &protocol_validation, "Invalid %s ARN", what);
    else
        protocol_fail(call, missing, "%s not found: %s not found: %.*s", what, what, MR_ARG(arn));
}
