/* The wire: CreatePipe, DescribePipe, UpdatePipe, ListPipes, StartPipe, StopPipe, DeletePipe, and
 * tags. */
#include "pipes/internal.h"
#include <stdio.h>

enum { TAGS_MAX = 50 }; /* AWS */

static const struct protocol_fault not_found = {"NotFoundException", 404, false};
static const struct protocol_fault conflict = {"ConflictException", 409, false};
static const struct protocol_fault invalid = {"ValidationException", 400, false};
static const struct protocol_fault quota = {"ServiceQuotaExceededException", 402, false};

/* Members of a pipe's document, in the order in which Describe shows them. */
static const char *const members[] = {
    "Description",
    "Source",
    "SourceParameters",
    "Enrichment",
    "EnrichmentParameters",
    "Target",
    "TargetParameters",
    "RoleArn",
    "Tags",
    "LogConfiguration",
    "KmsKeyIdentifier",
};

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

/* The member that the source's kind has, with AWS's defaults filled in. MaximumRetryAttempts shows
 * none: Terraform's provider would see a change in it after each apply. */
static void write_stream_parameters(struct mr_json *json, const char *member, yyjson_val *in,
                                    yyjson_val *start)
{
    static const struct {
        const char *name;
        int64_t fallback;
    } numbers[] = {{"BatchSize", 100},
                   {"MaximumBatchingWindowInSeconds", 0},
                   {"MaximumRecordAgeInSeconds", -1},
                   {"ParallelizationFactor", 1}};
    mr_json_key(json, member);
    mr_json_object(json);
    for (size_t i = 0; i < MR_COUNT(numbers); i++)
        mr_json_key_int(json, numbers[i].name,
                        mr_json_get_i64(in, numbers[i].name, numbers[i].fallback));
    mr_json_key_value(json, "MaximumRetryAttempts", mr_json_get(in, "MaximumRetryAttempts"));
    mr_json_key_value(json, "OnPartialBatchItemFailure",
                      mr_json_get(in, "OnPartialBatchItemFailure"));
    mr_json_key_value(json, "DeadLetterConfig", mr_json_get(in, "DeadLetterConfig"));
    /* Only a creation says where to start. */
    mr_json_key_value(json, "StartingPosition", mr_json_get(start, "StartingPosition"));
    mr_json_key_value(json, "StartingPositionTimestamp",
                      mr_json_get(start, "StartingPositionTimestamp"));
    mr_json_object_end(json);
}

/* What is not given stays as it was; an empty list of filters is none. Members that do not belong
 * to the source stay in, so that pipe_config_read can refuse them by name. */
static void write_source_parameters(struct mr_json *json, const char *member, yyjson_val *given,
                                    yyjson_val *before)
{
    yyjson_val *filter = mr_json_get(given, "FilterCriteria");
    if (filter == NULL)
        filter = mr_json_get(before, "FilterCriteria");
    mr_json_object(json);
    if (yyjson_arr_size(mr_json_get(filter, "Filters")) > 0)
        mr_json_key_value(json, "FilterCriteria", filter);
    yyjson_val *in = mr_json_get(given, member), *old = mr_json_get(before, member);
    write_stream_parameters(json, member, in != NULL ? in : old, old != NULL ? old : in);
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(given, index, max, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        if (mr_slice_equal(name, MR_S("FilterCriteria")) ||
            mr_slice_equal(name, mr_slice_cstr(member)))
            continue;
        mr_json_name(json, name);
        mr_json_value(json, value);
    }
    mr_json_object_end(json);
}

/* Parameters of the target or of the enrichment. AWS: the object of a service is taken whole, what
 * is not named stays as it was; an empty InputTemplate is none. `member`: the one that the target
 * has. */
static void write_parameters(struct mr_json *json, const char *name, yyjson_val *given,
                             yyjson_val *before, const char *member)
{
    yyjson_val *template = mr_json_get(given, "InputTemplate");
    if (template == NULL)
        template = mr_json_get(before, "InputTemplate");
    mr_json_key(json, name);
    mr_json_object(json);
    if (mr_json_text(template).len > 0)
        mr_json_key_value(json, "InputTemplate", template);
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(given, index, max, key, value)
    {
        if (mr_slice_equal(mr_json_text(key), MR_S("InputTemplate")))
            continue;
        mr_json_name(json, mr_json_text(key));
        mr_json_value(json, value);
    }
    if (member != NULL && mr_json_get(given, member) == NULL)
        mr_json_key_value(json, member, mr_json_get(before, member));
    mr_json_object_end(json);
}

static void write_member(struct mr_json *json, const char *name, yyjson_val *value, yyjson_val *old,
                         const char *source_member, const char *target_member)
{
    const bool of_target = strcmp(name, "TargetParameters") == 0;
    if (strcmp(name, "SourceParameters") == 0 && source_member != NULL) {
        mr_json_key(json, name);
        write_source_parameters(json, source_member, value, old);
    } else if ((value != NULL || old != NULL) &&
               (of_target || strcmp(name, "EnrichmentParameters") == 0)) {
        write_parameters(json, name, value, old, of_target ? target_member : NULL);
    } else if (value == NULL) {
        mr_json_key_value(json, name, old);
    } else if (!yyjson_is_str(value) || yyjson_get_len(value) > 0) { /* an empty text removes */
        mr_json_key_value(json, name, value);
    }
}

/* The document of a pipe: the request's members over those of `before` (NULL when made). */
static struct mr_slice make_document(struct protocol_call *call, yyjson_val *before)
{
    yyjson_val *source = mr_json_get(before != NULL ? before : call->in, "Source");
    const char *source_member = pipe_source_member(mr_json_text(source));
    yyjson_val *target = mr_json_get(call->in, "Target");
    const char *target_member =
        pipe_target_member(mr_json_text(target != NULL ? target : mr_json_get(before, "Target")));
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        write_member(&json, members[i],
                     strcmp(members[i], "Source") == 0 ? source : mr_json_get(call->in, members[i]),
                     mr_json_get(before, members[i]), source_member, target_member);
    mr_json_object_end(&json);
    const struct mr_slice doc = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return doc;
}

/* AWS keeps the prefix for itself. */
static bool check_tags(struct protocol_call *call, yyjson_val *tags)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(tags, index, max, key, value)
    {
        if (mr_slice_starts_with(mr_json_text(key), MR_S("aws:"))) {
            protocol_fail(call, &invalid, "Tag keys that begin with aws: are reserved.");
            return false;
        }
    }
    return true;
}

/* Checks a document; false with the fault set. The config's filter is the caller's to free. */
static bool check(struct protocol_call *call, struct mr_slice doc, struct pipe_config *config)
{
    char message[PIPE_MESSAGE_MAX];
    if (pipe_config_read(call->arena, mr_json_parse(call->arena, doc, 32), config, message) ==
        MR_OK)
        return true;
    protocol_fail(call, &invalid, "%s", message);
    return false;
}

static void fail_conflict(struct protocol_call *call, struct mr_slice name, const char *what)
{
    protocol_fail(call, &conflict, "Pipe %.*s %s", MR_ARG(name), what);
    protocol_fail_member(call, "resourceId",
                         mr_arena_printf(call->arena, "\"%.*s\"", MR_ARG(name)));
    protocol_fail_member(call, "resourceType", MR_S("\"Pipe\""));
}

/* Begins a change; false with the fault set. */
static bool begin_change(struct protocol_call *call, struct pipe *pipe)
{
    const enum mr_status status = pipe_change_begin(pipe);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &not_found, "Pipe %s does not exist.", pipe->name);
    else if (status == MR_AGAIN)
        fail_conflict(call, mr_slice_cstr(pipe->name), "is being changed.");
    return status == MR_OK;
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
    if (!check_tags(call, mr_json_get(call->in, "Tags")) || !check(call, create.doc, &config))
        return;
    struct pipe *pipe = NULL;
    const enum mr_status status = pipe_create(call->service, &create, &pipe);
    pipe_config_fini(&config);
    if (status == MR_EXISTS)
        fail_conflict(call, name, "already exists");
    else if (status == MR_FULL)
        protocol_fail(call, &quota, "The limit of %d pipes is reached.", PIPES_MAX);
    else if (status == MR_NOT_FOUND)
        protocol_fail(call, &invalid, "Source %.*s does not exist.", MR_ARG(config.source));
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

/* The change has begun. */
static void update_begun(struct protocol_call *call, struct pipe *pipe)
{
    pthread_mutex_lock(&pipe->lock);
    yyjson_val *before = mr_json_parse(call->arena, mr_slice_cstr(pipe->locked.doc), 32);
    const bool was_running = pipe->locked.desired_running;
    pthread_mutex_unlock(&pipe->lock);
    const struct mr_slice desired = mr_json_get_text(call->in, "DesiredState");
    const bool running = desired.len == 0 ? was_running : mr_slice_equal(desired, MR_S("RUNNING"));
    const struct mr_slice doc = make_document(call, before);
    struct pipe_config config;
    if (!check(call, doc, &config)) {
        pipe_change_end(pipe);
        return;
    }
    pipe_config_fini(&config);
    protocol_fail_internal(call, pipe_update(pipe, doc, running, call->now_ms));
    write_summary(&call->out, pipe, NULL, PIPE_UPDATING);
}

static void update(struct protocol_call *call)
{
    struct pipe *pipe = find(call);
    if (pipe != NULL && begin_change(call, pipe))
        update_begun(call, pipe);
    pipe_unref(pipe);
}

static void change_desired(struct protocol_call *call, bool running)
{
    struct pipe *pipe = find(call);
    if (pipe != NULL && begin_change(call, pipe)) {
        if (running && state_of(pipe) == PIPE_RUNNING) {
            pipe_change_end(pipe);
            fail_conflict(call, mr_slice_cstr(pipe->name), "is already running.");
        } else {
            protocol_fail_internal(call, pipe_set_desired(pipe, running, call->now_ms));
            write_summary(&call->out, pipe, NULL, running ? PIPE_STARTING : PIPE_STOPPING);
        }
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
    if (pipe != NULL && begin_change(call, pipe)) {
        protocol_fail_internal(call, pipe_delete(pipe));
        write_summary(&call->out, pipe, "DELETED", PIPE_DELETING);
    }
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
    mr_json_key_value(json, "Enrichment", mr_json_get(doc, "Enrichment"));
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

/* ---- tags ---- */

/* The pipe of resourceArn; NULL with the fault set. */
static struct pipe *find_tagged(struct protocol_call *call)
{
    const struct mr_slice arn = mr_json_get_text(call->in, "resourceArn");
    const size_t at = mr_slice_search(arn, MR_S(":pipe/"));
    const struct mr_slice name =
        at == SIZE_MAX ? arn : mr_slice_sub(arn, at + sizeof ":pipe/" - 1, SIZE_MAX);
    struct pipe *pipe = pipe_find(call->service, name);
    if (pipe != NULL && mr_slice_equal(arn, mr_slice_cstr(pipe->arn)))
        return pipe;
    pipe_unref(pipe);
    protocol_fail(call, &not_found, "Pipe %.*s does not exist.", MR_ARG(name));
    return NULL;
}

static yyjson_val *document_of(struct protocol_call *call, struct pipe *pipe)
{
    pthread_mutex_lock(&pipe->lock);
    yyjson_val *doc = mr_json_parse(call->arena, mr_slice_cstr(pipe->locked.doc), 32);
    pthread_mutex_unlock(&pipe->lock);
    return doc;
}

static void list_tags(struct protocol_call *call)
{
    struct pipe *pipe = find_tagged(call);
    if (pipe == NULL)
        return;
    yyjson_val *tags = mr_json_get(document_of(call, pipe), "Tags");
    mr_json_key(&call->out, "tags");
    if (tags != NULL) {
        mr_json_value(&call->out, tags);
    } else {
        mr_json_object(&call->out);
        mr_json_object_end(&call->out);
    }
    pipe_unref(pipe);
}

static bool is_removed(yyjson_val *keys, struct mr_slice key)
{
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(keys, index, max, item)
    {
        if (mr_slice_equal(mr_json_text(item), key))
            return true;
    }
    return false;
}

/* `old` less `keys`, with `added` over it; returns how many. */
static size_t write_tags(struct mr_json *json, yyjson_val *old, yyjson_val *added, yyjson_val *keys)
{
    size_t index, max, count = 0;
    yyjson_val *key, *value;
    mr_json_object(json);
    yyjson_obj_foreach(old, index, max, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        if (is_removed(keys, name) || yyjson_obj_getn(added, name.ptr, name.len) != NULL)
            continue;
        mr_json_name(json, name);
        mr_json_value(json, value);
        count++;
    }
    yyjson_obj_foreach(added, index, max, key, value)
    {
        mr_json_name(json, mr_json_text(key));
        mr_json_value(json, value);
        count++;
    }
    mr_json_object_end(json);
    return count;
}

/* The change has begun. */
static void change_tags_begun(struct protocol_call *call, struct pipe *pipe)
{
    yyjson_val *before = document_of(call, pipe);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t count = 0;
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        if (strcmp(members[i], "Tags") != 0) {
            mr_json_key_value(&json, members[i], mr_json_get(before, members[i]));
            continue;
        }
        mr_json_key(&json, "Tags");
        count = write_tags(&json, mr_json_get(before, "Tags"), mr_json_get(call->in, "tags"),
                           mr_json_get(call->in, "tagKeys"));
    }
    mr_json_object_end(&json);
    if (count > TAGS_MAX) {
        protocol_fail(call, &invalid, "A pipe has at most %d tags.", TAGS_MAX);
        pipe_change_end(pipe);
    } else {
        protocol_fail_internal(call, pipe_replace_document(pipe, mr_buf_slice(&buf)));
    }
    mr_buf_fini(&buf);
}

static void change_tags(struct protocol_call *call)
{
    struct pipe *pipe = find_tagged(call);
    if (pipe != NULL && check_tags(call, mr_json_get(call->in, "tags")) && begin_change(call, pipe))
        change_tags_begun(call, pipe);
    pipe_unref(pipe);
}

const struct protocol_handler pipes_handlers[] = {
    {.operation = "CreatePipe", .run = create},
    {.operation = "DescribePipe", .run = describe},
    {.operation = "UpdatePipe", .run = update},
    {.operation = "ListPipes", .run = list_pipes},
    {.operation = "StartPipe", .run = start},
    {.operation = "StopPipe", .run = stop},
    {.operation = "DeletePipe", .run = delete},
    {.operation = "TagResource", .run = change_tags},
    {.operation = "UntagResource", .run = change_tags},
    {.operation = "ListTagsForResource", .run = list_tags},
};
const size_t pipes_handler_count = MR_COUNT(pipes_handlers);
