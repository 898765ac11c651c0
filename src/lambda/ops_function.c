/* The wire: functions are made, shown, listed, changed and deleted. */
#include "lambda/internal.h"
#include "base/codec.h"
#include <sys/mman.h>
#include <unistd.h>

const struct protocol_fault lambda_not_found = {"ResourceNotFoundException", 404, false};
const struct protocol_fault lambda_conflict = {"ResourceConflictException", 409, false};
const struct protocol_fault lambda_precondition = {"PreconditionFailedException", 412, false};
static const struct protocol_fault too_large = {"RequestEntityTooLargeException", 413, false};

enum { LIST_MAX = 50 };

/* ---- finding ---- */

static struct mr_slice arn_of(struct protocol_call *call, struct mr_slice name)
{
    return mr_arena_printf(call->arena, "arn:aws:lambda:%.*s:%.*s:function:%.*s",
                           MR_ARG(call->region), MR_ARG(call->account), MR_ARG(name));
}

struct mr_slice lambda_ops_qualifier(struct protocol_call *call)
{
    struct mr_slice name, inside;
    lambda_name_split(mr_json_get_text(call->in, "FunctionName"), &name, &inside);
    const struct mr_slice given = mr_json_get_text(call->in, "Qualifier");
    return given.len > 0 ? given : inside;
}

static bool has_qualifier(struct lambda_function *function, struct mr_slice qualifier)
{
    struct lambda_record record;
    int64_t version;
    lambda_function_record(function, &record);
    const enum mr_status status = lambda_record_resolve(NULL, &record, qualifier, &version);
    lambda_record_fini(&record);
    return status == MR_OK;
}

/* An ARN of another region or account: the function is not here, whatever its name. */
static bool is_elsewhere(struct protocol_call *call)
{
    const struct mr_slice text = mr_json_get_text(call->in, "FunctionName");
    struct mr_slice rest = text, region = {0}, account = {0}, part;
    if (!mr_slice_starts_with(text, MR_S("arn:")))
        return false;
    for (int i = 0; i < 5 && mr_slice_split(&rest, ':', &part); i++) {
        region = i == 3 ? part : region;
        account = i == 4 ? part : account;
    }
    if (!mr_slice_equal(region, call->region))
        protocol_fail(call, &lambda_not_found,
                      "Functions from '%.*s' are not reachable in this region ('%.*s')",
                      MR_ARG(region), MR_ARG(call->region));
    else if (!mr_slice_equal(account, call->account))
        protocol_fail(call, &lambda_not_found, "Function not found: %.*s", MR_ARG(text));
    return protocol_failed(call);
}

struct lambda_function *lambda_ops_find(struct protocol_call *call)
{
    struct mr_slice name, inside;
    lambda_name_split(mr_json_get_text(call->in, "FunctionName"), &name, &inside);
    const struct mr_slice given = mr_json_get_text(call->in, "Qualifier");
    const struct mr_slice qualifier = given.len > 0 ? given : inside;
    if (given.len > 0 && inside.len > 0 && !mr_slice_equal(given, inside)) {
        protocol_fail(call, &lambda_invalid_parameter,
                      "The derived qualifier from the function name does not match the specified "
                      "qualifier.");
        return NULL;
    }
    if (is_elsewhere(call))
        return NULL;
    const bool is_invoke =
        mr_slice_starts_with(mr_slice_cstr(call->operation_name), MR_S("Invoke"));
    struct lambda_function *function = lambda_function_find(call->service, name);
    if (function != NULL && has_qualifier(function, qualifier))
        return function;
    lambda_function_unref(function);
    const struct mr_slice shown = qualifier.len == 0 && is_invoke ? MR_S("$LATEST") : qualifier;
    protocol_fail(call, &lambda_not_found, "Function not found: %.*s%s%.*s",
                  MR_ARG(arn_of(call, name)), shown.len > 0 ? ":" : "", MR_ARG(shown));
    return NULL;
}

bool lambda_ops_begin(struct protocol_call *call, struct lambda_function *function,
                      struct lambda_record *next)
{
    if (lambda_function_begin(function, next) != MR_OK) {
        protocol_fail(call, &lambda_not_found, "Function not found: %s", function->arn);
        return false;
    }
    const struct mr_slice revision = mr_json_get_text(call->in, "RevisionId");
    if (revision.len == 0 || mr_slice_equal(revision, mr_slice_cstr(next->revision)))
        return true;
    lambda_function_cancel(function, next);
    protocol_fail(call, &lambda_precondition,
                  "The Revision Id provided does not match the latest Revision Id. Call the "
                  "GetFunction/GetAlias API to retrieve the latest Revision Id");
    return false;
}

/* ---- showing ---- */

static void write_pending(struct mr_json *json)
{
    mr_json_key_cstr(json, "State", "Pending");
    mr_json_key_cstr(json, "StateReason", "The function is being created.");
    mr_json_key_cstr(json, "StateReasonCode", "Creating");
}

static void write_state(struct mr_json *json, struct lambda_function *function, bool is_version,
                        enum lambda_shown shown)
{
    pthread_mutex_lock(&function->lock);
    const enum lambda_function_state state = is_version ? FUNCTION_ACTIVE : function->locked.state;
    const bool pending = shown == LAMBDA_SHOWN_CREATING || state == FUNCTION_PENDING;
    if (pending) {
        write_pending(json);
    } else if (state == FUNCTION_FAILED) {
        mr_json_key_cstr(json, "State", "Failed");
        mr_json_key_cstr(json, "StateReason", function->locked.reason);
        mr_json_key_cstr(json, "StateReasonCode", function->locked.reason_code);
    } else {
        mr_json_key_cstr(json, "State", "Active");
    }
    pthread_mutex_unlock(&function->lock);
    if (shown == LAMBDA_SHOWN_UPDATING) {
        mr_json_key_cstr(json, "LastUpdateStatus", "InProgress");
        mr_json_key_cstr(json, "LastUpdateStatusReason", "The function is being created.");
        mr_json_key_cstr(json, "LastUpdateStatusReasonCode", "Creating");
    } else if (!pending) {
        mr_json_key_cstr(json, "LastUpdateStatus",
                         state == FUNCTION_ACTIVE ? "Successful" : "Failed");
    }
}

void lambda_ops_write(struct protocol_call *call, struct lambda_function *function,
                      const struct lambda_record *record, const struct lambda_version *version,
                      struct mr_slice arn, enum lambda_shown shown)
{
    struct mr_json *json = &call->out;
    const struct lambda_config *config = version != NULL ? version->config : record->config;
    size_t i, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(config->doc, i, count, name, value)
    {
        mr_json_name(json, mr_json_text(name));
        if (arn.len > 0 && mr_slice_equal(mr_json_text(name), MR_S("FunctionArn")))
            mr_json_string(json, arn);
        else
            mr_json_value(json, value);
    }
    mr_json_key(json, "RuntimeVersionConfig");
    mr_json_object(json);
    mr_json_key_string(json, "RuntimeVersionArn",
                       lambda_runtime_version_arn(call->arena, config->region, config->runtime));
    mr_json_object_end(json);
    /* AWS: the revision of a reply to a change is gone when the change is done. */
    char passing[LAMBDA_ID_TEXT];
    mr_rng_uuid(function->lambda->options.rng, passing);
    const char *revision = version != NULL ? version->revision : record->revision;
    mr_json_key_cstr(json, "RevisionId", shown == LAMBDA_SHOWN_NOW ? revision : passing);
    write_state(json, function, version != NULL, shown);
}

/* As the request's qualifier asks. */
static void write_asked(struct protocol_call *call, struct lambda_function *function,
                        const struct lambda_record *record)
{
    const struct mr_slice qualifier = lambda_ops_qualifier(call);
    struct mr_slice arn = {0};
    int64_t number = 0;
    if (lambda_record_resolve(NULL, record, qualifier, &number) != MR_OK) {
        protocol_fail(call, &lambda_not_found, "Function not found: %s:%.*s", function->arn,
                      MR_ARG(qualifier));
        return;
    }
    if (qualifier.len > 0)
        arn = mr_arena_printf(call->arena, "%s:%.*s", function->arn, MR_ARG(qualifier));
    lambda_ops_write(call, function, record, lambda_record_version(record, number), arn,
                     LAMBDA_SHOWN_NOW);
}

struct mr_slice lambda_ops_location(struct protocol_call *call, const struct lambda_code *code)
{
    struct lambda *lambda = call->service;
    pthread_rwlock_rdlock(&lambda->lock);
    const struct mr_slice location =
        mr_arena_printf(call->arena, "%s/_millrace/code?id=%s",
                        lambda->endpoint == NULL ? "" : lambda->endpoint, code->id);
    pthread_rwlock_unlock(&lambda->lock);
    return location;
}

/* ---- taking code in ---- */

static void code_fault(struct protocol_call *call, enum mr_status status, const char *message)
{
    if (status == MR_INVALID)
        protocol_fail(call, &lambda_invalid_parameter, "%s", message);
    protocol_fail_internal(call, status);
}

static struct lambda_code *code_inline(struct protocol_call *call, yyjson_val *in)
{
    const struct mr_slice text = mr_json_get_text(in, "ZipFile");
    struct mr_slice zip;
    struct lambda_code *code = NULL;
    char message[256] = "";
    if (mr_base64_decode(call->arena, text, &zip) != MR_OK) {
        protocol_fail(call, &lambda_invalid_parameter,
                      "Could not unzip uploaded file. Please check "
                      "your file, then try to upload again.");
        return NULL;
    }
    if (zip.len > LAMBDA_ZIP_BYTES_MAX) {
        protocol_fail(call, &too_large, "Zipped size must be smaller than %d bytes",
                      (int)LAMBDA_ZIP_BYTES_MAX);
        return NULL;
    }
    code_fault(call, lambda_code_new(call->service, zip, &code, message), message);
    return code;
}

static struct lambda_code *code_of_file(struct protocol_call *call, int fd, uint64_t size)
{
    struct lambda_code *code = NULL;
    char message[256] = "";
    if (size > LAMBDA_UNZIPPED_BYTES_MAX) {
        protocol_fail(call, &lambda_invalid_parameter,
                      "Unzipped size must be smaller than %d bytes",
                      (int)LAMBDA_UNZIPPED_BYTES_MAX);
        return NULL;
    }
    void *bytes = size == 0 ? NULL : mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        protocol_fail_internal(call, MR_RAISE(MR_FAIL_IO, "cannot map a function's code"));
        return NULL;
    }
    const struct mr_slice zip = mr_slice_make(bytes, (size_t)size);
    code_fault(call, lambda_code_new(call->service, zip, &code, message), message);
    if (bytes != NULL)
        (void)munmap(bytes, (size_t)size);
    return code;
}

static struct lambda_code *code_from_s3(struct protocol_call *call, yyjson_val *in)
{
    struct lambda *lambda = call->service;
    const struct mr_slice bucket = mr_json_get_text(in, "S3Bucket");
    const struct mr_slice key = mr_json_get_text(in, "S3Key");
    int fd = -1;
    uint64_t size = 0;
    const enum mr_status status = s3_open_object(lambda->options.s3, bucket, key, &fd, &size);
    if (status == MR_NOT_FOUND) {
        const bool has_bucket = s3_bucket_exists(lambda->options.s3, bucket);
        protocol_fail(call, &lambda_invalid_parameter,
                      "Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: The "
                      "specified %s does not exist%s",
                      has_bucket ? "NoSuchKey" : "NoSuchBucket", has_bucket ? "key" : "bucket",
                      has_bucket ? "." : "");
        return NULL;
    }
    if (status == MR_INVALID)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Error occurred while GetObject. S3 Error Code: InvalidRequest. S3 Error "
                      "Message: %s",
                      S3_SEALED_TEXT);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return NULL;
    struct lambda_code *code = code_of_file(call, fd, size);
    close(fd);
    return code;
}

struct lambda_code *lambda_ops_code(struct protocol_call *call, yyjson_val *in)
{
    const bool is_inline = mr_json_get(in, "ZipFile") != NULL;
    const bool is_s3 = mr_json_get(in, "S3Bucket") != NULL && mr_json_get(in, "S3Key") != NULL;
    if (is_inline && is_s3)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Please do not provide other FunctionCode parameters when providing a "
                      "ZipFile.");
    else if (is_inline)
        return code_inline(call, in);
    else if (is_s3)
        return code_from_s3(call, in);
    else
        protocol_fail(call, &lambda_invalid_parameter,
                      "Please provide a source for function code.");
    return NULL;
}

/* ---- create ---- */

static bool check_name(struct protocol_call *call, struct mr_slice name)
{
    if (name.len > LAMBDA_NAME_BYTES_MAX)
        protocol_fail(call, &lambda_invalid_parameter,
                      "1 validation error detected: Value '%.*s' at 'functionName' failed to "
                      "satisfy constraint: Member must have length less than or equal to 64",
                      MR_ARG(name));
    return name.len <= LAMBDA_NAME_BYTES_MAX;
}

/* CloudFormation marks what it makes; it calls from inside. */
static bool tags_are_fit(struct protocol_call *call)
{
    return call->exchange == NULL || lambda_tags_fit(call, mr_json_get(call->in, "Tags"));
}

static bool may_create(struct protocol_call *call, struct mr_slice name)
{
    if (!check_name(call, name) || !lambda_config_check(call) || !tags_are_fit(call))
        return false;
    if (mr_json_get(call->in, "Runtime") == NULL || mr_json_get(call->in, "Handler") == NULL) {
        protocol_fail(call, &lambda_invalid_parameter,
                      "Runtime and Handler are mandatory parameters for functions created with "
                      "deployment packages.");
        return false;
    }
    struct lambda_function *other = lambda_function_find(call->service, name);
    lambda_function_unref(other);
    if (other != NULL)
        protocol_fail(call, &lambda_conflict, "Function already exist: %.*s", MR_ARG(name));
    return other == NULL;
}

/* Version 1 of a function that was just made. */
static void publish_first(struct protocol_call *call, struct lambda_function *function)
{
    struct lambda_record next;
    if (lambda_function_begin(function, &next) != MR_OK)
        return;
    (void)lambda_record_publish(call->service, &next, (struct mr_slice){0});
    protocol_fail_internal(call, lambda_function_commit(function, &next));
}

static void reply_created(struct protocol_call *call, struct lambda_function *function,
                          bool published)
{
    struct lambda_record record;
    lambda_function_record(function, &record);
    const struct lambda_version *version = published ? lambda_record_version(&record, 1) : NULL;
    lambda_ops_write(call, function, &record, version, mr_slice_cstr(function->arn),
                     LAMBDA_SHOWN_CREATING);
    lambda_record_fini(&record);
}

static void create(struct protocol_call *call)
{
    struct mr_slice name, qualifier;
    struct lambda_layers layers;
    lambda_name_split(mr_json_get_text(call->in, "FunctionName"), &name, &qualifier);
    if (!may_create(call, name) || !lambda_layers_find(call, &layers))
        return;
    struct lambda_code *code = lambda_ops_code(call, mr_json_get(call->in, "Code"));
    if (code == NULL) {
        lambda_layers_unref(&layers);
        return;
    }
    const struct lambda_identity who = {.name = name, .arn = arn_of(call, name)};
    const struct lambda_function_new create = {
        .name = name,
        .arn = who.arn,
        .tags = lambda_tags_text(call),
        .config = lambda_config_new(lambda_config_make(call, &who, NULL, code), code, &layers),
    };
    struct lambda_function *function = NULL;
    const bool publish = mr_json_get_bool(call->in, "Publish", false);
    const enum mr_status status = lambda_function_create(call->service, &create, &function);
    if (status == MR_EXISTS)
        protocol_fail(call, &lambda_conflict, "Function already exist: %.*s", MR_ARG(name));
    protocol_fail_internal(call, status);
    if (status == MR_OK && publish)
        publish_first(call, function);
    if (status == MR_OK)
        reply_created(call, function, publish);
    lambda_function_unref(function);
}

/* ---- get, list ---- */

static void get_configuration(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    write_asked(call, function, &record);
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

static const struct lambda_code *code_asked(struct protocol_call *call,
                                            const struct lambda_record *record)
{
    int64_t number = 0;
    const bool known =
        lambda_record_resolve(NULL, record, lambda_ops_qualifier(call), &number) == MR_OK;
    const struct lambda_version *version = known ? lambda_record_version(record, number) : NULL;
    return version != NULL ? version->config->code : record->config->code;
}

static void get(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct mr_json *json = &call->out;
    struct lambda_record record;
    lambda_function_record(function, &record);
    mr_json_key(json, "Configuration");
    mr_json_object(json);
    write_asked(call, function, &record);
    mr_json_object_end(json);
    mr_json_key(json, "Code");
    mr_json_object(json);
    mr_json_key_cstr(json, "RepositoryType", "S3");
    mr_json_key_string(json, "Location", lambda_ops_location(call, code_asked(call, &record)));
    mr_json_object_end(json);
    if (strcmp(record.texts[LAMBDA_TAGS], "{}") != 0)
        mr_json_key_raw(json, "Tags", mr_slice_cstr(record.texts[LAMBDA_TAGS]));
    if (record.reserved >= 0) {
        mr_json_key(json, "Concurrency");
        mr_json_object(json);
        mr_json_key_int(json, "ReservedConcurrentExecutions", record.reserved);
        mr_json_object_end(json);
    }
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

struct listing {
    struct protocol_call *call;
    struct mr_slice after; /* name of the last function on the page before */
    int64_t after_version; /* and its last version there; -1: none, so all of it was */
    int64_t limit, count;
    struct mr_slice marker;
    bool versions, more;
};

/* $LATEST (NULL) or a version; false when the page is full. */
static bool list_version(struct listing *list, struct lambda_function *function,
                         const struct lambda_record *record, const struct lambda_version *version)
{
    struct protocol_call *call = list->call;
    if (list->count == list->limit) {
        list->more = true;
        return false;
    }
    list->count++;
    const long long number = version != NULL ? (long long)version->number : 0;
    list->marker = list->versions ? mr_arena_printf(call->arena, "%s:%lld", function->name, number)
                                  : mr_arena_copy(call->arena, mr_slice_cstr(function->name));
    struct mr_slice arn = {0};
    if (list->versions && version == NULL)
        arn = mr_arena_printf(call->arena, "%s:$LATEST", function->arn);
    mr_json_object(&call->out);
    lambda_ops_write(call, function, record, version, arn, LAMBDA_SHOWN_NOW);
    mr_json_object_end(&call->out);
    return true;
}

static bool list_one(void *ctx, struct lambda_function *function)
{
    struct listing *list = ctx;
    const int order = mr_slice_compare(mr_slice_cstr(function->name), list->after);
    if (order < 0 || (order == 0 && list->after_version < 0))
        return true;
    const int64_t after = order == 0 ? list->after_version : -1;
    struct lambda_record record;
    lambda_function_record(function, &record);
    bool room = after >= 0 || list_version(list, function, &record, NULL);
    for (size_t i = 0; list->versions && room && i < record.version_count; i++)
        if (record.versions[i].number > after)
            room = list_version(list, function, &record, &record.versions[i]);
    lambda_record_fini(&record);
    return room;
}

/* `versions`: of each function all of them, not $LATEST alone. */
static struct listing listing_make(struct protocol_call *call, bool versions)
{
    const int64_t wanted = mr_json_get_i64(call->in, "MaxItems", LIST_MAX);
    struct listing list = {
        .call = call,
        .after = mr_json_get_text(call->in, "Marker"),
        .after_version = -1,
        .limit = wanted < LIST_MAX ? wanted : LIST_MAX,
        .versions = versions,
    };
    const size_t colon = mr_slice_find(list.after, ':');
    if (colon != SIZE_MAX) {
        (void)(mr_slice_to_i64(mr_slice_sub(list.after, colon + 1, SIZE_MAX),
                               &list.after_version) == MR_OK);
        list.after = mr_slice_sub(list.after, 0, colon);
    }
    return list;
}

static void list_functions(struct protocol_call *call)
{
    struct listing list = listing_make(
        call, mr_slice_equal(mr_json_get_text(call->in, "FunctionVersion"), MR_S("ALL")));
    mr_json_key(&call->out, "Functions");
    mr_json_array(&call->out);
    lambda_functions_each(call->service, MR_S(""), list_one, &list);
    mr_json_array_end(&call->out);
    if (list.more)
        mr_json_key_string(&call->out, "NextMarker", list.marker);
}

static void list_versions(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct listing list = listing_make(call, true);
    mr_json_key(&call->out, "Versions");
    mr_json_array(&call->out);
    (void)list_one(&list, function);
    mr_json_array_end(&call->out);
    if (list.more)
        mr_json_key_string(&call->out, "NextMarker", list.marker);
    lambda_function_unref(function);
}

/* ---- update, delete ---- */

static void replace_config(struct lambda_record *next, struct lambda_config *config)
{
    lambda_config_unref(next->config);
    next->config = config;
}

static void finish_update(struct protocol_call *call, struct lambda_function *function,
                          struct lambda_record *next)
{
    int64_t number = 0;
    if (mr_json_get_bool(call->in, "Publish", false)) {
        if (next->version_count >= LAMBDA_VERSIONS_MAX) {
            lambda_ops_too_many_versions(call);
            lambda_function_cancel(function, next);
            return;
        }
        number = lambda_record_publish(call->service, next, (struct mr_slice){0})->number;
    }
    const enum mr_status status = lambda_function_commit(function, next);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    lambda_ops_write(call, function, &record, lambda_record_version(&record, number),
                     (struct mr_slice){0}, LAMBDA_SHOWN_UPDATING);
    lambda_record_fini(&record);
}

static void copy_layers(struct lambda_layers *to, const struct lambda_layers *from)
{
    *to = *from;
    for (size_t i = 0; i < to->count; i++)
        (void)lambda_code_ref(to->codes[i]);
}

static void update_code(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL || !lambda_config_check(call)) {
        lambda_function_unref(function);
        return;
    }
    struct lambda_code *code = lambda_ops_code(call, call->in);
    struct lambda_record next;
    if (code != NULL && lambda_ops_begin(call, function, &next)) {
        const struct lambda_identity who = {.name = mr_slice_cstr(function->name),
                                            .arn = mr_slice_cstr(function->arn)};
        const struct mr_slice doc = lambda_config_make(call, &who, next.config->doc, code);
        struct lambda_layers layers;
        copy_layers(&layers, &next.config->layers);
        replace_config(&next, lambda_config_new(doc, lambda_code_ref(code), &layers));
        if (mr_json_get_bool(call->in, "DryRun", false)) {
            lambda_ops_write(call, function, &next, NULL, (struct mr_slice){0}, LAMBDA_SHOWN_NOW);
            lambda_function_cancel(function, &next);
        } else {
            finish_update(call, function, &next);
        }
    } else if (code != NULL) {
        atomic_store(&code->dropped, true);
    }
    lambda_code_unref(code);
    lambda_function_unref(function);
}

static void update_configuration(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_record next;
    struct lambda_layers layers = {0};
    const bool relayered = mr_json_get(call->in, "Layers") != NULL;
    if (function != NULL && lambda_config_check(call) && lambda_layers_find(call, &layers)) {
        if (lambda_ops_begin(call, function, &next)) {
            const struct lambda_identity who = {.name = mr_slice_cstr(function->name),
                                                .arn = mr_slice_cstr(function->arn)};
            const struct mr_slice doc = lambda_config_make(call, &who, next.config->doc, NULL);
            if (!relayered)
                copy_layers(&layers, &next.config->layers);
            replace_config(&next,
                           lambda_config_new(doc, lambda_code_ref(next.config->code), &layers));
            finish_update(call, function, &next);
        } else {
            lambda_layers_unref(&layers);
        }
    }
    lambda_function_unref(function);
}

static void delete_whole(struct protocol_call *call, struct lambda_function *function)
{
    const enum mr_status status = lambda_function_delete(function);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &lambda_not_found, "Function not found: %s", function->arn);
    protocol_fail_internal(call, status);
}

static void delete (struct protocol_call *call)
{
    struct mr_slice name, inside;
    lambda_name_split(mr_json_get_text(call->in, "FunctionName"), &name, &inside);
    struct lambda_function *function = lambda_function_find(call->service, name);
    const struct mr_slice qualifier = lambda_ops_qualifier(call);
    if (function == NULL)
        protocol_fail(call, &lambda_not_found, "Function not found: %.*s%s%.*s",
                      MR_ARG(arn_of(call, name)), qualifier.len > 0 ? ":" : "", MR_ARG(qualifier));
    else if (qualifier.len > 0)
        lambda_ops_delete_version(call, function, qualifier);
    else
        delete_whole(call, function);
    call->status = 204;
    lambda_function_unref(function);
}

const struct protocol_handler lambda_function_handlers[] = {
    {.operation = "CreateFunction", .run = create, .own_enum = "Runtime"},
    {.operation = "GetFunction", .run = get},
    {.operation = "GetFunctionConfiguration", .run = get_configuration},
    {.operation = "ListFunctions", .run = list_functions},
    {.operation = "ListVersionsByFunction", .run = list_versions},
    {.operation = "UpdateFunctionCode", .run = update_code},
    {.operation = "UpdateFunctionConfiguration",
     .run = update_configuration,
     .own_enum = "Runtime"},
    {.operation = "DeleteFunction", .run = delete},
};
const size_t lambda_function_handler_count = MR_COUNT(lambda_function_handlers);
