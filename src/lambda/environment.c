/* What a function's process sees: AWS's variables and the user's, nothing of ours. */
#include "lambda/internal.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const reserved[] = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
};

bool lambda_environment_is_reserved(struct mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT(reserved); i++)
        if (mr_slice_equal(name, mr_slice_cstr(reserved[i])))
            return true;
    return false;
}

/* ---- the list ---- */

struct list {
    struct mr_arena *arena;
    const char **entries;
    size_t count, capacity;
};

static void add(struct list *list, struct mr_slice name, struct mr_slice value)
{
    const struct mr_slice entry =
        mr_arena_printf(list->arena, "%.*s=%.*s", MR_ARG(name), MR_ARG(value));
    const char *text = mr_arena_cstr(list->arena, entry);
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->entries[i], text, name.len + 1) == 0) {
            list->entries[i] = text;
            return;
        }
    }
    if (list->count + 1 == list->capacity) {
        const size_t size = list->capacity * sizeof *list->entries;
        list->entries = mr_arena_realloc(list->arena, (void *)list->entries, size, size * 2);
        list->capacity *= 2;
    }
    list->entries[list->count++] = text;
    list->entries[list->count] = NULL;
}

static void add_text(struct list *list, const char *name, const char *value)
{
    add(list, mr_slice_cstr(name), mr_slice_cstr(value));
}

static void add_function(struct list *list, const struct lambda_environment *environment)
{
    const struct lambda_config *config = environment->config;
    add_text(list, "AWS_LAMBDA_FUNCTION_NAME", environment->function_name);
    add(list, MR_S("AWS_LAMBDA_FUNCTION_VERSION"),
        config->version.len > 0 ? config->version : MR_S("$LATEST"));
    add(list, MR_S("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        mr_arena_printf(list->arena, "%lld", (long long)config->memory_mb));
    add(list, MR_S("AWS_LAMBDA_LOG_GROUP_NAME"), config->log_group);
    add_text(list, "AWS_LAMBDA_LOG_STREAM_NAME", environment->log_stream);
    if (config->logs_json) {
        add_text(list, "AWS_LAMBDA_LOG_FORMAT", "JSON");
        add(list, MR_S("AWS_LAMBDA_LOG_LEVEL"), config->application_level);
    }
    add_text(list, "AWS_LAMBDA_INITIALIZATION_TYPE",
             environment->provisioned ? "provisioned-concurrency" : "on-demand");
    add_text(list, "AWS_LAMBDA_RUNTIME_API", environment->runtime_api);
    add(list, MR_S("_HANDLER"), config->handler);
    add(list, MR_S("AWS_EXECUTION_ENV"),
        mr_arena_printf(list->arena, "AWS_Lambda_%.*s", MR_ARG(config->runtime)));
}

static void add_account(struct list *list, const struct lambda_environment *environment)
{
    add(list, MR_S("AWS_REGION"), environment->config->region);
    add(list, MR_S("AWS_DEFAULT_REGION"), environment->config->region);
    const bool own = environment->access_key != NULL && environment->secret_key != NULL;
    add_text(list, "AWS_ACCESS_KEY_ID", own ? environment->access_key : "test");
    add_text(list, "AWS_SECRET_ACCESS_KEY", own ? environment->secret_key : "test");
    /* With credentials of the server's own a token would make every signature wrong. */
    if (!own)
        add_text(list, "AWS_SESSION_TOKEN", "test");
    if (environment->endpoint_url != NULL)
        add_text(list, "AWS_ENDPOINT_URL", environment->endpoint_url);
}

/* "<layer>/a:<layer>/b:...", the last layer first, then `rest`. */
static struct mr_slice search_path(struct list *list, const struct lambda_environment *environment,
                                   const char *const *inside, struct mr_slice rest)
{
    struct mr_buf buf = {0};
    for (size_t i = environment->layer_count; i > 0; i--)
        for (size_t j = 0; inside[j] != NULL; j++)
            mr_buf_printf(&buf, "%s%s:", environment->layers[i - 1], inside[j]);
    mr_buf_append(&buf, rest);
    const struct mr_slice text = mr_arena_copy(list->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* AWS has the layers' files in /opt, one over the other; here each layer is a folder of its own,
 * and stands in the same search paths. */
static void add_places(struct list *list, const struct lambda_environment *environment)
{
    const char *folder = environment->folder;
    const struct mr_slice runtime = environment->config->runtime;
    static const char *const bin[] = {"/bin", NULL}, *const lib[] = {"/lib", NULL};
    add_text(list, "LAMBDA_TASK_ROOT", folder);
    add_text(list, "LAMBDA_RUNTIME_DIR", "/var/runtime");
    add(list, MR_S("PATH"),
        search_path(list, environment, bin, MR_S("/usr/local/bin:/usr/bin:/bin:/opt/bin")));
    add(list, MR_S("LD_LIBRARY_PATH"),
        search_path(list, environment, lib,
                    mr_arena_printf(list->arena, "%s:%s/lib:/opt/lib", folder, folder)));
    if (lambda_runtime_is_node(runtime)) {
        const struct mr_slice major = mr_slice_sub(runtime, 6, runtime.len - 8); /* nodejs20.x */
        const struct mr_slice own =
            mr_arena_printf(list->arena, "/nodejs/node%.*s/node_modules", MR_ARG(major));
        const char *const node[] = {mr_arena_cstr(list->arena, own), "/nodejs/node_modules", NULL};
        add(list, MR_S("NODE_PATH"),
            search_path(
                list, environment, node,
                mr_arena_printf(list->arena, "/var/runtime/node_modules:/var/runtime:%s%s%s",
                                folder, environment->node_path == NULL ? "" : ":",
                                environment->node_path == NULL ? "" : environment->node_path)));
    } else {
        const struct mr_slice site =
            mr_arena_printf(list->arena, "/python/lib/%.*s/site-packages", MR_ARG(runtime));
        const char *const python[] = {"/python", mr_arena_cstr(list->arena, site), NULL};
        add(list, MR_S("PYTHONPATH"), search_path(list, environment, python, MR_S("/var/runtime")));
    }
    add_text(list, "TZ", ":UTC");
    add_text(list, "LANG", "en_US.UTF-8");
}

const char *const *lambda_environment_make(struct mr_arena *arena,
                                           const struct lambda_environment *environment)
{
    struct list list = {.arena = arena, .capacity = 32};
    list.entries = MR_NEW_ARRAY(arena, const char *, list.capacity);
    add_function(&list, environment);
    add_account(&list, environment);
    add_places(&list, environment);
    size_t i, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(environment->config->variables, i, count, name, value)
        add(&list, mr_json_text(name), mr_json_text(value));
    return list.entries;
}

/* ---- the interpreter ---- */

/* A version manager's shim is a script that needs an environment of its own. */
static bool is_program(const char *path)
{
    if (access(path, X_OK) != 0)
        return false;
    char start[2] = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, start, sizeof start);
    if (fd >= 0)
        close(fd);
    return got == sizeof start && !(start[0] == '#' && start[1] == '!');
}

static const char *find_program(struct mr_arena *arena, struct mr_slice name, struct mr_slice path)
{
    struct mr_slice folder;
    while (mr_slice_split(&path, ':', &folder)) {
        const struct mr_slice candidate =
            mr_arena_printf(arena, "%.*s/%.*s", MR_ARG(folder), MR_ARG(name));
        const char *text = mr_arena_cstr(arena, candidate);
        if (folder.len > 0 && is_program(text))
            return text;
    }
    return NULL;
}

static const struct mr_slice system_folders = MR_S_INIT("/usr/bin:/usr/local/bin");

const char *lambda_environment_python(struct mr_arena *arena, struct mr_slice runtime,
                                      struct mr_slice path)
{
    const char *found = find_program(arena, runtime, path);
    return found != NULL ? found : find_program(arena, MR_S("python3"), system_folders);
}

const char *lambda_environment_node(struct mr_arena *arena, struct mr_slice path)
{
    const char *found = find_program(arena, MR_S("node"), path);
    return found != NULL ? found : find_program(arena, MR_S("node"), system_folders);
}
