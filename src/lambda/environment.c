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
    add_text(list, "AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    add(list, MR_S("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        mr_arena_printf(list->arena, "%lld", (long long)config->memory_mb));
    add(list, MR_S("AWS_LAMBDA_LOG_GROUP_NAME"), config->log_group);
    add_text(list, "AWS_LAMBDA_LOG_STREAM_NAME", environment->log_stream);
    add_text(list, "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
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

static void add_places(struct list *list, const char *folder)
{
    add_text(list, "LAMBDA_TASK_ROOT", folder);
    add_text(list, "LAMBDA_RUNTIME_DIR", "/var/runtime");
    add_text(list, "PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin");
    add(list, MR_S("LD_LIBRARY_PATH"),
        mr_arena_printf(list->arena, "%s:%s/lib:/opt/lib", folder, folder));
    add_text(list, "PYTHONPATH", "/var/runtime");
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
    add_places(&list, environment->folder);
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

const char *lambda_environment_python(struct mr_arena *arena, struct mr_slice runtime,
                                      struct mr_slice path)
{
    struct mr_slice folder;
    while (mr_slice_split(&path, ':', &folder)) {
        const struct mr_slice candidate =
            mr_arena_printf(arena, "%.*s/%.*s", MR_ARG(folder), MR_ARG(runtime));
        const char *text = mr_arena_cstr(arena, candidate);
        if (folder.len > 0 && is_program(text))
            return text;
    }
    static const char *const others[] = {"/usr/bin/python3", "/usr/local/bin/python3"};
    for (size_t i = 0; i < MR_COUNT(others); i++)
        if (is_program(others[i]))
            return others[i];
    return NULL;
}
