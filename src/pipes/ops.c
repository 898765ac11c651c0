/* The wire: CreatePipe, DescribePipe, UpdatePipe, ListPipes, StartPipe, StopPipe, DeletePipe. */
#include "pipes/internal.h"
#include <stdio.h>

static const struct protocol_fault not_found = {"NotFoundException", 404, false};
static const struct protocol_fault conflict = {"ConflictException", 409, false};
static const struct protocol_fault invalid = {"ValidationException", 400, false};

/* Members of CreatePipe that are stored as they are. */
static const char *const members[] = {
    "Description", "Source", "SourceParameters", "Target", "TargetParameters", "RoleArn", "Tags"};

static struct pipe *find(struct protocol_call *call)
{
    const struct mr_slice name = mr_json_get_text(call->in, "Name");
    struct pipe *pipe = pipe_find(call->service, name);
    if (pipe == NULL)
        protocol_fail(call, &not_found, "Pipe %.*s does not exist.", MR_ARG(name));
    return pipe;
}

/* The short answer of all changes. */
static void write_summary(struct mr_json *json, struct pipe *pipe, const char *desired,
                          enum pipe_state state)
{
    pthread_mutex_lock(&pipe->lock);
    mr_json_key_cstr(json, "Arn", pipe->arn);
    mr_json_key_cstr(json, "Name", pipe->name);
    mr_json_key_cstr(json, "DesiredState",
                     desired != NULL                ? desired
                     : pipe->locked.desired_running ? "RUNNING"
                                                    : "STOPPED");
    mr_json_key_cstr(json, "CurrentState", pipe_state_name(state));
    mr_json_key_timestamp(json, "CreationTime", pipe->locked.created_ms);
    mr_json_key_timestamp(json, "LastModifiedTime", pipe->locked.modified_ms);
    pthread_mutex_unlock(&pipe->lock);
}

static enum pipe_state state_of(struct pipe *pipe)
{
    return (enum pipe_state)atomic_load(&pipe->state);
}

/* DynamoDBStreamParameters with AWS's defaults filled in. */
static void write_source_parameters(struct mr_json *json, yyjson_val *given, yyjson_val *before)
{
    static const struct {
        const char *name;
        int64_t fallback;
    } numbers[] = {{"BatchSize", 100},
                   {"MaximumBatchingWindowInSeconds", 0},
                   {"MaximumRecordAgeInSeconds", -1},
                   {"MaximumRetryAttempts", -1},
                   {"ParallelizationFactor", 1}};
    yyjson_val *in = mr_json_get(given, "DynamoDBStreamParameters");
    yyjson_val *old = mr_json_get(before, "DynamoDBStreamParameters");
    mr_json_object(json);
    mr_json_key_value(json, "FilterCriteria", mr_json_get(given, "FilterCriteria"));
    mr_json_key(json, "DynamoDBStreamParameters");
    mr_json_object(json);
    for (size_t i = 0; i < MR_COUNT(numbers); i++)
        mr_json_key_int(json, numbers[i].name,
                        mr_json_get_i64(in, numbers[i].name, numbers[i].fallback));
    mr_json_key_value(json, "OnPartialBatchItemFailure",
                      mr_json_get(in, "OnPartialBatchItemFailure"));
    mr_json_key_value(json, "DeadLetterConfig", mr_json_get(in, "DeadLetterConfig"));
    yyjson_val *start = mr_json_get(old != NULL ? old : in, "StartingPosition");
    mr_json_key_value(json, "StartingPosition", start);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

/* The document of a pipe: the request's members over those of `before` (NULL when made). What is
 * not supported stays in, so that pipe_config_read can refuse it by name. */
static struct mr_slice make_document(struct protocol_call *call, yyjson_val *before)
{
    static const char *const refused[] = {"Enrichment", "EnrichmentParameters", "LogConfiguration",
                                          "KmsKeyIdentifier"};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        yyjson_val *value = mr_json_get(call->in, members[i]);
        yyjson_val *old = mr_json_get(before, members[i]);
        if (strcmp(members[i], "SourceParameters") != 0) {
            mr_json_key_value(&json, members[i], value != NULL ? value : old);
        } else if (value != NULL) {
            mr_json_key(&json, members[i]);
            write_source_parameters(&json, value, old);
        } else {
            mr_json_key_value(&json, members[i], old);
        }
    }
    for (size_t i = 0; i < MR_COUNT(refused); i++)
        mr_json_key_value(&json, refused[i], mr_json_get(call->in, refused[i]));
    mr_json_object_end(&json);
    const struct mr_slice doc = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return doc;
}

/* Checks a document; false with the fault set. */
static bool check(struct protocol_call *call, struct mr_slice doc, struct pipe_config *config)
{
    char message[256];
    if (pipe_config_read(call->arena, mr_json_parse(call->arena, doc, 32), config, message) ==
        MR_OK)
        return true;
    protocol_fail(call, &invalid, "%s", message);
    return false;
}

static void create(struct protocol_call *call)
{
    const struct mr_slice name = mr_json_get_text(call->in, "Name");
    struct pipe_config config;
    const struct pipe_create create = {
        .name = name,
        .arn = mr_arena_printf(call->arena, "arn:aws:pipes:%.*s:%.*s:pipe/%.*s",
                               MR_ARG(call->region), MR_ARG(call->account), MR_ARG(name)),
        .doc = make_document(call, NULL),
        .running = !mr_slice_equal(mr_json_get_text(call->in, "DesiredState"), MR_S("STOPPED")),
        .now_ms = call->now_ms,
        .config = &config,
    };
    if (!check(call, create.doc, &config))
        return;
    struct pipe *pipe = NULL;
    const enum mr_status status = pipe_create(call->service, &create, &pipe);
    if (status == MR_EXISTS) {
        protocol_fail(call, &conflict, "Pipe %.*s already exists", MR_ARG(name));
        protocol_fail_member(call, "resourceId",
                             mr_arena_printf(call->arena, "\"%.*s\"", MR_ARG(name)));
        protocol_fail_member(call, "resourceType", MR_S("\"Pipe\""));
    } else if (status == MR_NOT_FOUND) {
        protocol_fail(call, &invalid, "Source %.*s does not exist.", MR_ARG(config.source));
    }
    protocol_fail_internal(call, status);
    if (status == MR_OK)
        write_summary(&call->out, pipe, NULL, PIPE_CREATING);
    pipe_unref(pipe);
}

static void describe(struct protocol_call *call)
{
    struct pipe *pipe = find(call);
    if (pipe == NULL)
        return;
    write_summary(&call->out, pipe, NULL, state_of(pipe));
    pthread_mutex_lock(&pipe->lock);
    yyjson_val *doc = mr_json_parse(call->arena, mr_slice_cstr(pipe->locked.doc), 32);
    if (pipe->locked.reason[0] != '\0')
        mr_json_key_cstr(&call->out, "StateReason", pipe->locked.reason);
    pthread_mutex_unlock(&pipe->lock);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        mr_json_key_value(&call->out, members[i], mr_json_get(doc, members[i]));
    pipe_unref(pipe);
}

static void update(struct protocol_call *call)
{
    struct pipe *pipe = find(call);
    if (pipe == NULL)
        return;
    pthread_mutex_lock(&pipe->lock);
    yyjson_val *before = mr_json_parse(call->arena, mr_slice_cstr(pipe->locked.doc), 32);
    const bool was_running = pipe->locked.desired_running;
    pthread_mutex_unlock(&pipe->lock);
    const struct mr_slice desired = mr_json_get_text(call->in, "DesiredState");
    const bool running = desired.len == 0 ? was_running : mr_slice_equal(desired, MR_S("RUNNING"));
    const struct mr_slice doc = make_document(call, before);
    struct pipe_config config;
    if (check(call, doc, &config)) {
        const enum mr_status status = pipe_update(pipe, doc, running, call->now_ms);
        if (status == MR_NOT_FOUND)
            protocol_fail(call, &not_found, "Pipe %s does not exist.", pipe->name);
        protocol_fail_internal(call, status);
        write_summary(&call->out, pipe, NULL, PIPE_UPDATING);
    }
    pipe_unref(pipe);
}

static void change_desired(struct protocol_call *call, bool running)
{
    struct pipe *pipe = find(call);
    if (pipe == NULL)
        return;
    const enum pipe_state state = state_of(pipe);
    if (running && state == PIPE_RUNNING) {
        protocol_fail(call, &conflict, "Pipe %s is already running.", pipe->name);
    } else {
        const enum mr_status status = pipe_set_desired(pipe, running, call->now_ms);
        if (status == MR_NOT_FOUND)
            protocol_fail(call, &not_found, "Pipe %s does not exist.", pipe->name);
        protocol_fail_internal(call, status);
        write_summary(&call->out, pipe, NULL, running ? PIPE_STARTING : PIPE_STOPPING);
    }
    pipe_unref(pipe);
}

static void start(struct protocol_call *call)
{
    change_desired(call, true);
}

static void stop(struct protocol_call *call)
{
    change_desired(call, false);
}

static void delete (struct protocol_call *call)
{
    struct pipe *pipe = find(call);
    if (pipe == NULL)
        return;
    const enum mr_status status = pipe_delete(pipe);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &not_found, "Pipe %s does not exist.", pipe->name);
    protocol_fail_internal(call, status);
    write_summary(&call->out, pipe, "DELETED", PIPE_DELETING);
    pipe_unref(pipe);
}

/* ---- ListPipes ---- */

struct listing {
    struct protocol_call *call;
    struct mr_slice name_prefix, desired, current, source_prefix, target_prefix, after, last;
    int64_t limit, count;
    bool more;
};

static bool list_takes(const struct listing *list, struct pipe *pipe, yyjson_val *doc, bool running)
{
    const struct mr_slice state = mr_slice_cstr(pipe_state_name(state_of(pipe)));
    const struct mr_slice desired = running ? MR_S("RUNNING") : MR_S("STOPPED");
    return mr_slice_starts_with(mr_slice_cstr(pipe->name), list->name_prefix) &&
           (list->desired.len == 0 || mr_slice_equal(list->desired, desired)) &&
           (list->current.len == 0 || mr_slice_equal(list->current, state)) &&
           mr_slice_starts_with(mr_json_get_text(doc, "Source"), list->source_prefix) &&
           mr_slice_starts_with(mr_json_get_text(doc, "Target"), list->target_prefix);
}

static void list_one(void *ctx, struct pipe *pipe)
{
    struct listing *list = ctx;
    const struct mr_slice name = mr_slice_cstr(pipe->name);
    if (list->after.len > 0 && mr_slice_compare(name, list->after) <= 0)
        return;
    pthread_mutex_lock(&pipe->lock);
    yyjson_val *doc = mr_json_parse(list->call->arena, mr_slice_cstr(pipe->locked.doc), 32);
    const bool running = pipe->locked.desired_running;
    const struct mr_slice reason =
        mr_arena_copy(list->call->arena, mr_slice_cstr(pipe->locked.reason));
    pthread_mutex_unlock(&pipe->lock);
    if (!list_takes(list, pipe, doc, running))
        return;
    if (list->count == list->limit) {
        list->more = true;
        return;
    }
    list->count++;
    list->last = mr_arena_copy(list->call->arena, name);
    struct mr_json *json = &list->call->out;
    mr_json_object(json);
    write_summary(json, pipe, NULL, state_of(pipe));
    if (reason.len > 0)
        mr_json_key_string(json, "StateReason", reason);
    mr_json_key_value(json, "Source", mr_json_get(doc, "Source"));
    mr_json_key_value(json, "Target", mr_json_get(doc, "Target"));
    mr_json_object_end(json);
}

static void list_pipes(struct protocol_call *call)
{
    struct listing list = {
        .call = call,
        .name_prefix = mr_json_get_text(call->in, "NamePrefix"),
        .desired = mr_json_get_text(call->in, "DesiredState"),
        .current = mr_json_get_text(call->in, "CurrentState"),
        .source_prefix = mr_json_get_text(call->in, "SourcePrefix"),
        .target_prefix = mr_json_get_text(call->in, "TargetPrefix"),
        .after = mr_json_get_text(call->in, "NextToken"),
        .limit = mr_json_get_i64(call->in, "Limit", 100),
    };
    mr_json_key(&call->out, "Pipes");
    mr_json_array(&call->out);
    pipes_each(call->service, list_one, &list);
    mr_json_array_end(&call->out);
    if (list.more)
        mr_json_key_string(&call->out, "NextToken", list.last);
}

const struct protocol_handler pipes_handlers[] = {
    {.operation = "CreatePipe", .run = create}, {.operation = "DescribePipe", .run = describe},
    {.operation = "UpdatePipe", .run = update}, {.operation = "ListPipes", .run = list_pipes},
    {.operation = "StartPipe", .run = start},   {.operation = "StopPipe", .run = stop},
    {.operation = "DeletePipe", .run = delete},
};
const size_t pipes_handler_count = MR_COUNT(pipes_handlers);
