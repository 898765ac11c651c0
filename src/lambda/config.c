/* What a function is: the members of CreateFunction and UpdateFunctionConfiguration, checked and
 * laid out as GetFunctionConfiguration shows them. That JSON is what is stored. */
#include "lambda/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

const struct protocol_fault lambda_invalid_parameter = {"InvalidParameterValueException", 400,
                                                        false};

enum { DOC_DEPTH_MAX = 32, TIMEOUT_S_MAX = 900, MEMORY_MB_MAX = 10240 };
enum { STORAGE_MB_DEFAULT = 512, STORAGE_MB_MAX = 10240 };

/* ---- runtimes ---- */

static const char *const python_runtimes[] = {
    "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"};
static const char *const node_runtimes[] = {"nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"};
static const char *const provided_runtimes[] = {"provided.al2023", "provided.al2", "provided"};

static bool is_listed(const char *const *list, size_t count, struct mr_slice runtime)
{
    for (size_t i = 0; i < count; i++)
        if (mr_slice_equal(runtime, mr_slice_cstr(list[i])))
            return true;
    return false;
}

bool lambda_runtime_is_python(struct mr_slice runtime)
{
    return is_listed(python_runtimes, MR_COUNT(python_runtimes), runtime);
}

bool lambda_runtime_is_node(struct mr_slice runtime)
{
    return is_listed(node_runtimes, MR_COUNT(node_runtimes), runtime);
}

bool lambda_runtime_is_provided(struct mr_slice runtime)
{
    return is_listed(provided_runtimes, MR_COUNT(provided_runtimes), runtime);
}

/* ---- the typed view of a document ---- */

struct lambda_config *lambda_config_new(struct mr_slice doc, struct lambda_code *code,
                                        const struct lambda_layers *layers)
{
    struct lambda_config *config = mr_calloc(1, sizeof *config);
    atomic_init(&config->refs, 1);
    config->code = code;
    if (layers != NULL)
        config->layers = *layers;
    mr_arena_init(&config->arena);
    config->doc = mr_json_parse(&config->arena, doc, DOC_DEPTH_MAX);
    if (!yyjson_is_obj(config->doc)) {
        lambda_config_unref(config);
        return NULL;
    }
    const struct mr_slice arn = mr_json_get_text(config->doc, "FunctionArn");
    struct mr_slice rest = arn, part;
    for (int i = 0; i < 5 && mr_slice_split(&rest, ':', &part); i++) {
        if (i == 3)
            config->region = part;
        if (i == 4)
            config->account = part;
    }
    config->version = mr_json_get_text(config->doc, "Version");
    config->runtime = mr_json_get_text(config->doc, "Runtime");
    config->handler = mr_json_get_text(config->doc, "Handler");
    yyjson_val *logging = mr_json_get(config->doc, "LoggingConfig");
    config->log_group = mr_json_get_text(logging, "LogGroup");
    config->logs_json = mr_slice_equal(mr_json_get_text(logging, "LogFormat"), MR_S("JSON"));
    config->application_level = mr_json_get_text(logging, "ApplicationLogLevel");
    config->system_level = mr_json_get_text(logging, "SystemLogLevel");
    config->variables = mr_json_get(mr_json_get(config->doc, "Environment"), "Variables");
    config->traced = mr_slice_equal(
        mr_json_get_text(mr_json_get(config->doc, "TracingConfig"), "Mode"), MR_S("Active"));
    config->timeout_ms = mr_json_get_i64(config->doc, "Timeout", 3) * 1000;
    config->memory_mb = mr_json_get_i64(config->doc, "MemorySize", 128);
    return config;
}

struct lambda_config *lambda_config_ref(struct lambda_config *config)
{
    atomic_fetch_add(&config->refs, 1);
    return config;
}

void lambda_config_unref(struct lambda_config *config)
{
    if (config == NULL || atomic_fetch_sub(&config->refs, 1) > 1)
        return;
    lambda_code_unref(config->code);
    for (size_t i = 0; i < config->layers.count; i++)
        lambda_code_unref(config->layers.codes[i]);
    mr_arena_fini(&config->arena);
    free(config);
}

/* Writes the document with other members in place of those named in `over`. */
static void write_with(struct mr_json *json, yyjson_val *doc, const char *const names[],
                       const struct mr_slice values[], size_t count)
{
    size_t i, len;
    yyjson_val *name, *value;
    mr_json_object(json);
    yyjson_obj_foreach(doc, i, len, name, value)
    {
        size_t at = 0;
        while (at < count && !mr_slice_equal(mr_json_text(name), mr_slice_cstr(names[at])))
            at++;
        mr_json_name(json, mr_json_text(name));
        if (at < count)
            mr_json_string(json, values[at]);
        else
            mr_json_value(json, value);
    }
    mr_json_object_end(json);
}

struct lambda_config *lambda_config_version(const struct lambda_config *config, int64_t version,
                                            struct mr_slice description)
{
    static const char *const names[] = {"FunctionArn", "Version", "Description"};
    struct mr_arena arena;
    struct mr_buf buf = {0};
    mr_arena_init(&arena);
    const struct mr_slice arn = mr_json_get_text(config->doc, "FunctionArn");
    const struct mr_slice values[] = {
        mr_arena_printf(&arena, "%.*s:%lld", MR_ARG(arn), (long long)version),
        mr_arena_printf(&arena, "%lld", (long long)version),
        description.ptr != NULL ? description : mr_json_get_text(config->doc, "Description"),
    };
    struct mr_json json = mr_json_make(&buf);
    write_with(&json, config->doc, names, values, MR_COUNT(names));
    struct lambda_layers layers = config->layers;
    for (size_t i = 0; i < layers.count; i++)
        (void)lambda_code_ref(layers.codes[i]);
    struct lambda_config *made =
        lambda_config_new(mr_buf_slice(&buf), lambda_code_ref(config->code), &layers);
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
    return made;
}

bool lambda_config_same(const struct lambda_config *a, const struct lambda_config *b)
{
    static const char *const names[] = {"FunctionArn", "Version", "Description", "LastModified"};
    const struct mr_slice nothing[MR_COUNT(names)] = {{0}};
    struct mr_buf texts[2] = {{0}};
    const struct lambda_config *const both[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        struct mr_json json = mr_json_make(&texts[i]);
        write_with(&json, both[i]->doc, names, nothing, MR_COUNT(names));
    }
    const bool same = mr_slice_equal(mr_buf_slice(&texts[0]), mr_buf_slice(&texts[1]));
    mr_buf_fini(&texts[0]);
    mr_buf_fini(&texts[1]);
    return same;
}

/* ---- making a document ---- */

/* The call's member, else that of before, else the default (JSON text; NULL: none). */
static void put(struct mr_json *json, struct protocol_call *call, yyjson_val *before,
                const char *name, const char *fallback)
{
    yyjson_val *value = mr_json_get(call->in, name);
    if (value == NULL)
        value = mr_json_get(before, name);
    if (value != NULL)
        mr_json_key_value(json, name, value);
    else
        mr_json_key_raw(json, name, mr_slice_cstr(fallback));
}

static void put_code(struct mr_json *json, yyjson_val *before, const struct lambda_code *code)
{
    if (code == NULL) {
        mr_json_key_value(json, "CodeSize", mr_json_get(before, "CodeSize"));
        mr_json_key_value(json, "CodeSha256", mr_json_get(before, "CodeSha256"));
        return;
    }
    mr_json_key_int(json, "CodeSize", code->size);
    mr_json_key_cstr(json, "CodeSha256", code->sha256);
}

static void put_logging(struct mr_json *json, struct protocol_call *call, yyjson_val *before,
                        struct mr_slice name)
{
    yyjson_val *given = mr_json_get(call->in, "LoggingConfig");
    yyjson_val *old = mr_json_get(before, "LoggingConfig");
    yyjson_val *format = mr_json_get(given, "LogFormat");
    yyjson_val *group = mr_json_get(given, "LogGroup");
    if (format == NULL)
        format = mr_json_get(old, "LogFormat");
    if (group == NULL)
        group = mr_json_get(old, "LogGroup");
    const bool is_json = mr_slice_equal(mr_json_text(format), MR_S("JSON"));
    static const char *const levels[] = {"ApplicationLogLevel", "SystemLogLevel"};
    mr_json_key(json, "LoggingConfig");
    mr_json_object(json);
    mr_json_key_cstr(json, "LogFormat", is_json ? "JSON" : "Text");
    for (size_t i = 0; is_json && i < MR_COUNT(levels); i++) {
        yyjson_val *level = mr_json_get(given, levels[i]);
        if (level == NULL)
            level = mr_json_get(old, levels[i]);
        if (level != NULL)
            mr_json_key_value(json, levels[i], level);
        else
            mr_json_key_cstr(json, levels[i], "INFO");
    }
    mr_json_key_string(json, "LogGroup",
                       group != NULL
                           ? mr_json_text(group)
                           : mr_arena_printf(call->arena, "/aws/lambda/%.*s", MR_ARG(name)));
    mr_json_object_end(json);
}

/* AWS shows each with its size. What a request names was found before. */
static void put_layers(struct mr_json *json, struct protocol_call *call, yyjson_val *before)
{
    yyjson_val *given = mr_json_get(call->in, "Layers");
    if (given == NULL) {
        mr_json_key_value(json, "Layers", mr_json_get(before, "Layers"));
        return;
    }
    if (yyjson_arr_size(given) == 0)
        return;
    size_t i, count;
    yyjson_val *arn;
    mr_json_key(json, "Layers");
    mr_json_array(json);
    yyjson_arr_foreach(given, i, count, arn)
    {
        mr_json_object(json);
        mr_json_key_value(json, "Arn", arn);
        mr_json_key_int(json, "CodeSize", lambda_layer_size(call->service, mr_json_text(arn)));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

/* AWS: "2024-06-10T06:13:20.123+0000". */
static struct mr_slice modified_text(struct mr_arena *arena, int64_t now_ms)
{
    char text[32];
    const struct mr_slice iso = mr_date_iso8601(now_ms, text);
    return mr_arena_printf(arena, "%.*s+0000", (int)iso.len - 1, iso.ptr);
}

struct mr_slice lambda_config_make(struct protocol_call *call, const struct lambda_identity *who,
                                   yyjson_val *before, const struct lambda_code *code)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "FunctionName", who->name);
    mr_json_key_string(&json, "FunctionArn", who->arn);
    put(&json, call, before, "Runtime", NULL);
    put(&json, call, before, "Role", NULL);
    put(&json, call, before, "Handler", NULL);
    put(&json, call, before, "Description", "\"\"");
    put(&json, call, before, "Timeout", "3");
    put(&json, call, before, "MemorySize", "128");
    put_code(&json, before, code);
    mr_json_key_string(&json, "LastModified", modified_text(call->arena, call->now_ms));
    mr_json_key_cstr(&json, "Version", "$LATEST");
    put(&json, call, before, "Environment", NULL);
    put_layers(&json, call, before);
    put(&json, call, before, "TracingConfig", "{\"Mode\":\"PassThrough\"}");
    mr_json_key_cstr(&json, "PackageType", "Zip");
    put(&json, call, before, "Architectures", "[\"x86_64\"]");
    put(&json, call, before, "EphemeralStorage", "{\"Size\":512}");
    mr_json_key_raw(&json, "SnapStart",
                    MR_S("{\"ApplyOn\":\"None\",\"OptimizationStatus\":\"Off\"}"));
    put_logging(&json, call, before, who->name);
    mr_json_object_end(&json);
    const struct mr_slice doc = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return doc;
}

/* ---- checks beyond the model's ---- */

static void list_runtimes(struct mr_buf *buf, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_buf_printf(buf, "%s%s", buf->len > 0 ? ", " : "", list[i]);
}

static enum mr_status check_runtime(struct protocol_call *call)
{
    const struct mr_slice runtime = mr_json_get_text(call->in, "Runtime");
    if (runtime.len == 0 || lambda_runtime_is_python(runtime) || lambda_runtime_is_node(runtime) ||
        lambda_runtime_is_provided(runtime))
        return MR_OK;
    struct mr_buf known = {0};
    list_runtimes(&known, node_runtimes, MR_COUNT(node_runtimes));
    list_runtimes(&known, python_runtimes, MR_COUNT(python_runtimes));
    list_runtimes(&known, provided_runtimes, MR_COUNT(provided_runtimes));
    protocol_fail(call, &lambda_invalid_parameter,
                  "Value %.*s at 'runtime' failed to satisfy constraint: Member must satisfy enum "
                  "value set: [%.*s] or be a valid ARN (millrace runs these only)",
                  MR_ARG(runtime), MR_ARG(mr_buf_slice(&known)));
    mr_buf_fini(&known);
    return MR_FAULT;
}

static enum mr_status check_range(struct protocol_call *call, yyjson_val *in, const char *name,
                                  const char *shown, int64_t max)
{
    const int64_t value = mr_json_get_i64(in, name, 0);
    if (value <= max)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "1 validation error detected: Value '%lld' at '%s' failed to satisfy "
                         "constraint: Member must have value less than or equal to %lld",
                         (long long)value, shown, (long long)max);
}

static enum mr_status check_variables(struct protocol_call *call)
{
    yyjson_val *variables = mr_json_get(mr_json_get(call->in, "Environment"), "Variables");
    struct mr_buf bad = {0}, text = {0};
    size_t i, count;
    yyjson_val *key, *value;
    bool has_nul = false;
    yyjson_obj_foreach(variables, i, count, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        if (lambda_environment_is_reserved(name))
            mr_buf_printf(&bad, "%s%.*s", bad.len > 0 ? ", " : "", MR_ARG(name));
        has_nul = has_nul || mr_slice_find(mr_json_text(value), '\0') != SIZE_MAX;
    }
    if (variables != NULL) {
        struct mr_json json = mr_json_make(&text);
        mr_json_value(&json, variables);
    }
    enum mr_status status = MR_OK;
    if (bad.len > 0)
        status = protocol_fail(
            call, &lambda_invalid_parameter,
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            "for modification. Reserved keys used in this request: %.*s",
            MR_ARG(mr_buf_slice(&bad)));
    else if (text.len > LAMBDA_ENVIRONMENT_BYTES_MAX)
        status = protocol_fail(
            call, &lambda_invalid_parameter,
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. String measured: %.*s",
            MR_ARG(mr_buf_slice(&text)));
    else if (has_nul)
        status = protocol_fail(call, &lambda_invalid_parameter,
                               "An environment variable's value holds a NUL.");
    mr_buf_fini(&bad);
    mr_buf_fini(&text);
    return status;
}

static bool is_empty(yyjson_val *value)
{
    return value == NULL || (yyjson_is_ctn(value) && yyjson_get_len(value) == 0) ||
           (yyjson_is_str(value) && yyjson_get_len(value) == 0);
}

/* What would be a pretence if it were accepted. */
static enum mr_status check_supported(struct protocol_call *call)
{
    static const char *const refused[] = {
        "FileSystemConfigs",
        "ImageConfig",
        "CodeSigningConfigArn",
        "KMSKeyArn",
        "CapacityProviderConfig",
        "PublishTo",
        "DurableConfig",
        "TenancyConfig",
        "ImageUri",
    };
    const char *name = NULL;
    for (size_t i = 0; i < MR_COUNT(refused); i++)
        if (!is_empty(mr_json_get(call->in, refused[i])))
            name = refused[i];
    yyjson_val *code = mr_json_get(call->in, "Code");
    if (!is_empty(mr_json_get(code, "ImageUri")))
        name = "Code.ImageUri";
    if (!is_empty(mr_json_get(code, "S3ObjectVersion")) ||
        !is_empty(mr_json_get(call->in, "S3ObjectVersion")))
        name = "S3ObjectVersion";
    if (!is_empty(mr_json_get(mr_json_get(call->in, "VpcConfig"), "SubnetIds")))
        name = "VpcConfig with subnets";
    if (!is_empty(mr_json_get(mr_json_get(call->in, "DeadLetterConfig"), "TargetArn")))
        name = "DeadLetterConfig";
    if (mr_slice_equal(mr_json_get_text(call->in, "PackageType"), MR_S("Image")))
        name = "PackageType Image";
    if (mr_slice_equal(mr_json_get_text(mr_json_get(call->in, "SnapStart"), "ApplyOn"),
                       MR_S("PublishedVersions")))
        name = "SnapStart";
    if (name == NULL)
        return MR_OK;
    return protocol_fail(call, &lambda_invalid_parameter,
                         "millrace does not implement %s yet; leave it out", name);
}

/* A function's /tmp is the machine's: what that cannot hold at all would be a pretence. */
static enum mr_status check_storage(struct protocol_call *call)
{
    struct statvfs tmp;
    const int64_t wanted_mb =
        mr_json_get_i64(mr_json_get(call->in, "EphemeralStorage"), "Size", STORAGE_MB_DEFAULT);
    if (wanted_mb == STORAGE_MB_DEFAULT || statvfs("/tmp", &tmp) != 0)
        return MR_OK;
    const int64_t there_mb = (int64_t)(tmp.f_blocks * tmp.f_frsize >> 20);
    if (wanted_mb <= there_mb)
        return MR_OK;
    return protocol_fail(call, &lambda_invalid_parameter,
                         "EphemeralStorage of %lld MB is more than the file system of /tmp has "
                         "here (%lld MB)",
                         (long long)wanted_mb, (long long)there_mb);
}

/* AWS: only JSON events have levels. What is not asked for stays as it was, and is none of ours. */
static enum mr_status check_logging(struct protocol_call *call)
{
    yyjson_val *logging = mr_json_get(call->in, "LoggingConfig");
    const struct mr_slice format = mr_json_get_text(logging, "LogFormat");
    if (!mr_slice_equal(format, MR_S("Text")) ||
        (mr_json_get(logging, "ApplicationLogLevel") == NULL &&
         mr_json_get(logging, "SystemLogLevel") == NULL))
        return MR_OK;
    return protocol_fail(call, &lambda_invalid_parameter,
                         "ApplicationLogLevel and SystemLogLevel can only be set when LogFormat is "
                         "JSON.");
}

bool lambda_config_check(struct protocol_call *call)
{
    return check_supported(call) == MR_OK && check_runtime(call) == MR_OK &&
           check_range(call, call->in, "Timeout", "timeout", TIMEOUT_S_MAX) == MR_OK &&
           check_range(call, call->in, "MemorySize", "memorySize", MEMORY_MB_MAX) == MR_OK &&
           check_range(call, mr_json_get(call->in, "EphemeralStorage"), "Size",
                       "ephemeralStorage.size", STORAGE_MB_MAX) == MR_OK &&
           check_logging(call) == MR_OK && check_storage(call) == MR_OK &&
           check_variables(call) == MR_OK;
}
