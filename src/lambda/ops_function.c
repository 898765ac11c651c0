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

/* What a reply to a change shows: AWS answers before the change is done. */
enum shown { SHOWN_NOW, SHOWN_CREATING, SHOWN_UPDATING };

/* ---- finding ---- */

static struct mr_slice arn_of(struct protocol_call *call, struct mr_slice name)
{
    return mr_arena_printf(call->arena, "arn:aws:lambda:%.*s:%.*s:function:%.*s",
                           MR_ARG(call->region), MR_ARG(call->account), MR_ARG(name));
}

struct lambda_function *lambda_ops_find(struct protocol_call *call)
{
    struct mr_slice name, inside;
    lambda_name_split(mr_json_get_text(call->in, "FunctionName"), &name, &inside);
    const struct mr_slice given = mr_json_get_text(call->in, "Qualifier");
    const struct mr_slice qualifier = given.len > 0 ? given : inside;
    const bool is_invoke = strcmp(call->operation_name, "Invoke") == 0;
    const bool known = qualifier.len == 0 || mr_slice_equal(qualifier, MR_S("$LATEST"));
    struct lambda_function *function = known ? lambda_function_find(call->service, name) : NULL;
    if (function != NULL)
        return function;
    const struct mr_slice shown = qualifier.len == 0 && is_invoke ? MR_S("$LATEST") : qualifier;
    protocol_fail(call, &lambda_not_found, "Function not found: %.*s%s%.*s",
                  MR_ARG(arn_of(call, name)), shown.len > 0 ? ":" : "", MR_ARG(shown));
    return NULL;
}

/* A change begun, or the fault set: deleted meanwhile, or another revision than the caller knows.
 */
static bool begin(struct protocol_call *call, struct lambda_function *function,
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

static void write_state(struct mr_json *json, struct lambda_function *function, enum shown shown)
{
    static const char *const states[FUNCTION_STATES] = {"Pending", "Active", "Failed"};
    pthread_mutex_lock(&function->lock);
    const enum lambda_function_state state =
        shown == SHOWN_CREATING ? FUNCTION_PENDING : function->locked.state;
    mr_json_key_cstr(json, "State", states[state]);
    if (state == FUNCTION_PENDING) {
        mr_json_key_cstr(json, "StateReason", "The function is being created.");
        mr_json_key_cstr(json, "StateReasonCode", "Creating");
    } else if (state == FUNCTION_FAILED) {
        mr_json_key_cstr(json, "StateReason", function->locked.reason);
        mr_json_key_cstr(json, "StateReasonCode", function->locked.reason_code);
    }
    pthread_mutex_unlock(&function->lock);
    if (shown == SHOWN_UPDATING) {
        mr_json_key_cstr(json, "LastUpdateStatus", "InProgress");
        mr_json_key_cstr(json, "LastUpdateStatusReason", "The function is being created.");
        mr_json_key_cstr(json, "LastUpdateStatusReasonCode", "Creating");
    } else if (state != FUNCTION_PENDING) {
        mr_json_key_cstr(json, "LastUpdateStatus",
                         state == FUNCTION_ACTIVE ? "Successful" : "Failed");
    }
}

/* The members of a FunctionConfiguration. */
static void write_members(struct protocol_call *call, struct lambda_function *function,
                          const struct lambda_record *record, enum shown shown)
{
    struct mr_json *json = &call->out;
    const struct lambda_config *config = record->config;
    const bool qualified = mr_json_get_text(call->in, "Qualifier").len > 0;
    size_t i, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(config->doc, i, count, name, value)
    {
        mr_json_name(json, mr_json_text(name));
        if (qualified && mr_slice_equal(mr_json_text(name), MR_S("FunctionArn")))
            mr_json_string(json, mr_arena_printf(call->arena, "%s:$LATEST", function->arn));
        else
            mr_json_value(json, value);
    }
    mr_json_key(json, "RuntimeVersionConfig");
    mr_json_object(json);
    mr_json_key_string(json, "RuntimeVersionArn",
                       lambda_runtime_version_arn(call->arena, config->region, config->runtime));
    mr_json_object_end(json);
    /* AWS: the revision of a reply to a change is gone when the change is done. */
    char revision[LAMBDA_ID_TEXT];
    mr_rng_uuid(function->lambda->options.rng, revision);
    mr_json_key_cstr(json, "RevisionId", shown == SHOWN_NOW ? record->revision : revision);
    write_state(json, function, shown);
}

static void reply_function(struct protocol_call *call, struct lambda_function *function,
                           enum shown shown)
{
    struct lambda_record record;
    lambda_function_record(function, &record);
    write_members(call, function, &record, shown);
    lambda_record_fini(&record);
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
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return NULL;
    struct lambda_code *code = code_of_file(call, fd, size);
    close(fd);
    return code;
}

/* NULL with the fault set. */
static struct lambda_code *take_code(struct protocol_call *call, yyjson_val *in)
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

static struct mr_slice tags_text(struct protocol_call *call)
{
    yyjson_val *tags = mr_json_get(call->in, "Tags");
    if (tags == NULL)
        return MR_S("{}");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, tags);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static bool may_create(struct protocol_call *call, struct mr_slice name)
{
    if (!check_name(call, name) || !lambda_config_check(call))
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

static void create(struct protocol_call *call)
{
    struct mr_slice name, qualifier;
    lambda_name_split(mr_json_get_text(call->in, "FunctionName"), &name, &qualifier);
    if (!may_create(call, name))
        return;
    struct lambda_code *code = take_code(call, mr_json_get(call->in, "Code"));
    if (code == NULL)
        return;
    const struct lambda_identity who = {.name = name, .arn = arn_of(call, name)};
    const struct lambda_function_new create = {
        .name = name,
        .arn = who.arn,
        .tags = tags_text(call),
        .config = lambda_config_new(lambda_config_make(call, &who, NULL, code), code),
    };
    struct lambda_function *function = NULL;
    const enum mr_status status = lambda_function_create(call->service, &create, &function);
    if (status == MR_EXISTS)
        protocol_fail(call, &lambda_conflict, "Function already exist: %.*s", MR_ARG(name));
    protocol_fail_internal(call, status);
    if (status == MR_OK)
        reply_function(call, function, SHOWN_CREATING);
    lambda_function_unref(function);
}

/* ---- get, list ---- */

static void get_configuration(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function != NULL)
        reply_function(call, function, SHOWN_NOW);
    lambda_function_unref(function);
}

static void get(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct lambda *lambda = function->lambda;
    struct mr_json *json = &call->out;
    struct lambda_record record;
    lambda_function_record(function, &record);
    mr_json_key(json, "Configuration");
    mr_json_object(json);
    write_members(call, function, &record, SHOWN_NOW);
    mr_json_object_end(json);
    pthread_rwlock_rdlock(&lambda->lock);
    const struct mr_slice location =
        mr_arena_printf(call->arena, "%s/_millrace/code?id=%s",
                        lambda->endpoint == NULL ? "" : lambda->endpoint, record.config->code->id);
    pthread_rwlock_unlock(&lambda->lock);
    mr_json_key(json, "Code");
    mr_json_object(json);
    mr_json_key_cstr(json, "RepositoryType", "S3");
    mr_json_key_string(json, "Location", location);
    mr_json_object_end(json);
    if (strcmp(record.tags, "{}") != 0)
        mr_json_key_raw(json, "Tags", mr_slice_cstr(record.tags));
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
    int64_t limit, count;
    struct mr_slice last;
    bool more;
};

static bool list_one(void *ctx, struct lambda_function *function)
{
    struct listing *list = ctx;
    if (list->count == list->limit) {
        list->more = true;
        return false;
    }
    list->count++;
    list->last = mr_arena_copy(list->call->arena, mr_slice_cstr(function->name));
    mr_json_object(&list->call->out);
    struct lambda_record record;
    lambda_function_record(function, &record);
    write_members(list->call, function, &record, SHOWN_NOW);
    lambda_record_fini(&record);
    mr_json_object_end(&list->call->out);
    return true;
}

static void list_functions(struct protocol_call *call)
{
    const int64_t wanted = mr_json_get_i64(call->in, "MaxItems", LIST_MAX);
    struct listing list = {.call = call, .limit = wanted < LIST_MAX ? wanted : LIST_MAX};
    mr_json_key(&call->out, "Functions");
    mr_json_array(&call->out);
    lambda_functions_each(call->service, mr_json_get_text(call->in, "Marker"), list_one, &list);
    mr_json_array_end(&call->out);
    if (list.more)
        mr_json_key_string(&call->out, "NextMarker", list.last);
}

static void list_versions(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct listing list = {.call = call, .limit = 1};
    mr_json_key(&call->out, "Versions");
    mr_json_array(&call->out);
    (void)list_one(&list, function);
    mr_json_array_end(&call->out);
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
    const enum mr_status status = lambda_function_commit(function, next);
    protocol_fail_internal(call, status);
    if (status == MR_OK)
        reply_function(call, function, SHOWN_UPDATING);
}

static void update_code(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL || !lambda_config_check(call)) {
        lambda_function_unref(function);
        return;
    }
    struct lambda_code *code = take_code(call, call->in);
    struct lambda_record next;
    if (code != NULL && begin(call, function, &next)) {
        const struct lambda_identity who = {.name = mr_slice_cstr(function->name),
                                            .arn = mr_slice_cstr(function->arn)};
        const struct mr_slice doc = lambda_config_make(call, &who, next.config->doc, code);
        replace_config(&next, lambda_config_new(doc, lambda_code_ref(code)));
        if (mr_json_get_bool(call->in, "DryRun", false)) {
            write_members(call, function, &next, SHOWN_NOW);
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
    if (function != NULL && lambda_config_check(call) && begin(call, function, &next)) {
        const struct lambda_identity who = {.name = mr_slice_cstr(function->name),
                                            .arn = mr_slice_cstr(function->arn)};
        const struct mr_slice doc = lambda_config_make(call, &who, next.config->doc, NULL);
        replace_config(&next, lambda_config_new(doc, lambda_code_ref(next.config->code)));
        finish_update(call, function, &next);
    }
    lambda_function_unref(function);
}

static void delete (struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    if (mr_json_get_text(call->in, "Qualifier").len > 0) {
        protocol_fail(call, &lambda_invalid_parameter,
                      "$LATEST version cannot be deleted without deleting the function.");
    } else {
        const enum mr_status status = lambda_function_delete(function);
        if (status == MR_NOT_FOUND)
            protocol_fail(call, &lambda_not_found, "Function not found: %s", function->arn);
        protocol_fail_internal(call, status);
        call->status = 204;
    }
    lambda_function_unref(function);
}

const struct protocol_handler lambda_function_handlers[] = {
    {.operation = "CreateFunction", .run = create},
    {.operation = "GetFunction", .run = get},
    {.operation = "GetFunctionConfiguration", .run = get_configuration},
    {.operation = "ListFunctions", .run = list_functions},
    {.operation = "ListVersionsByFunction", .run = list_versions},
    {.operation = "UpdateFunctionCode", .run = update_code},
    {.operation = "UpdateFunctionConfiguration", .run = update_configuration},
    {.operation = "DeleteFunction", .run = delete},
};
const size_t lambda_function_handler_count = MR_COUNT(lambda_function_handlers);
