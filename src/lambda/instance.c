/* Warm processes: made, started, killed, freed.
 *
 * An instance is freed by the reaper, once its process has ended and its listener is closed; who
 * waits for an answer of it holds a reference. */
#include "lambda/internal.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { REAP_EVERY_MS = 30000, LISTENER_GRACE_MS = 50, CLOSE_TURN_MS = 200 };

static const char *const state_names[INSTANCE_STATES] = {"STARTING", "IDLE", "BUSY", "DEAD"};
/* legal_moves[from][to] */
static const bool legal_moves[INSTANCE_STATES][INSTANCE_STATES] = {
    [INSTANCE_STARTING] = {[INSTANCE_IDLE] = true, [INSTANCE_BUSY] = true, [INSTANCE_DEAD] = true},
    [INSTANCE_IDLE] = {[INSTANCE_BUSY] = true, [INSTANCE_DEAD] = true},
    [INSTANCE_BUSY] = {[INSTANCE_IDLE] = true, [INSTANCE_DEAD] = true},
};

static const struct http_limits runtime_api_limits = {
    .header_bytes = 64 << 10,
    .body_bytes = LAMBDA_ERROR_BYTES_MAX,
    .stream_bytes = 64 << 20,
    .idle_ms = 1000 * 1000, /* longer than any function may take between two requests */
    .header_ms = 20000,
    .body_stall_ms = 1000 * 1000, /* a stream's parts come when the function has them */
    .write_stall_ms = 60000,
    .connections = 4096,
};

/* ---- states ---- */

bool lambda_instance_move_is_legal(enum instance_state from, enum instance_state to)
{
    return legal_moves[from][to];
}

static void unlink_locked(struct lambda_instance *instance)
{
    struct lambda_function *function = instance->function;
    struct lambda_instance **at = &function->locked.instances;
    while (*at != instance)
        at = &(*at)->locked.next;
    *at = instance->locked.next;
    function->locked.instance_count--;
}

void lambda_instance_set_state_locked(struct lambda_instance *instance, enum instance_state state)
{
    const enum instance_state old = instance->locked.state;
    assert(legal_moves[old][state]);
    instance->locked.state = state;
    if (state == INSTANCE_DEAD)
        unlink_locked(instance);
    if (state == INSTANCE_IDLE)
        instance->locked.idle_since_ms = store_now(instance->function->lambda->options.store);
    if (state == INSTANCE_DEAD || state == INSTANCE_IDLE)
        pthread_cond_broadcast(&instance->function->freed);
    mr_log(MR_LOG_DEBUG, "lambda", "process %s of %s: %s -> %s", instance->stream,
           instance->function->name, state_names[old], state_names[state]);
}

/* ---- the end ---- */

static void kill_child(struct lambda_instance *instance)
{
    pthread_mutex_lock(&instance->child_lock);
    instance->kill_wanted = true;
    if (instance->child != NULL)
        runtime_child_kill(instance->child);
    pthread_mutex_unlock(&instance->child_lock);
}

void lambda_instance_retire_locked(struct lambda_instance *instance)
{
    lambda_instance_set_state_locked(instance, INSTANCE_DEAD);
    kill_child(instance);
}

void lambda_instances_retire_old_locked(struct lambda_function *function)
{
    struct lambda_instance *next;
    for (struct lambda_instance *instance = function->locked.instances; instance != NULL;
         instance = next) {
        next = instance->locked.next;
        const bool old = !lambda_function_runs_locked(function, instance->config);
        if (old && instance->locked.state == INSTANCE_IDLE)
            lambda_instance_retire_locked(instance);
    }
}

void lambda_instance_unref(struct lambda_instance *instance)
{
    if (instance == NULL || atomic_fetch_sub(&instance->refs, 1) > 1)
        return;
    assert(instance->child == NULL);
    assert(instance->locked.ending == NULL);
    pthread_mutex_destroy(&instance->child_lock);
    lambda_config_unref(instance->config);
    lambda_function_unref(instance->function);
    free(instance);
}

/* Hands it to the reaper; the last touch of whoever saw its process end. */
static void give_to_reaper(struct lambda_instance *instance)
{
    struct lambda *lambda = instance->function->lambda;
    pthread_mutex_lock(&lambda->pool_lock);
    instance->ended_next = lambda->pool.ended;
    lambda->pool.ended = instance;
    runtime_pump_wake(lambda->reaper); /* under the lock: it may be stopped once this is reaped */
    pthread_mutex_unlock(&lambda->pool_lock);
}

/* The end that it was not asked for, or of what could not start. */
static void die(struct lambda_instance *instance, int status)
{
    struct lambda_function *function = instance->function;
    pthread_mutex_lock(&function->lock);
    struct lambda_invocation *invocation = instance->locked.current;
    if (invocation != NULL) {
        invocation->locked.state = INVOCATION_LOST;
        invocation->locked.exit_status = status;
        invocation->locked.ended_us = mr_monotonic_us();
        instance->locked.current = NULL;
        pthread_cond_signal(&invocation->changed);
    }
    if (instance->locked.state == INSTANCE_STARTING && instance->provisioned)
        lambda_provision_failed_locked(instance);
    if (instance->locked.state != INSTANCE_DEAD)
        lambda_instance_set_state_locked(instance, INSTANCE_DEAD);
    pthread_mutex_unlock(&function->lock);
    give_to_reaper(instance);
}

/* ---- what the process says ---- */

void lambda_instance_log(struct lambda_instance *instance, struct mr_slice text)
{
    const struct lambda_options *options = &instance->function->lambda->options;
    if (options->log != NULL)
        options->log(options->log_ctx, instance->config->log_group, mr_slice_cstr(instance->stream),
                     store_now(options->store), text);
}

void lambda_instance_log_platform(struct lambda_instance *instance, struct mr_slice line)
{
    if (line.len > 0)
        lambda_instance_log(instance, line);
}

static void log_lines(struct lambda_instance *instance, struct mr_slice lines)
{
    struct mr_slice line;
    while (mr_slice_split(&lines, '\n', &line))
        lambda_instance_log(instance, line);
}

void lambda_instance_log_ended(struct lambda_instance *instance)
{
    pthread_mutex_lock(&instance->function->lock);
    char *ending = instance->locked.ending;
    instance->locked.ending = NULL;
    pthread_mutex_unlock(&instance->function->lock);
    log_lines(instance, mr_slice_cstr(ending));
    free(ending);
}

void lambda_instance_log_end(struct lambda_instance *instance, struct mr_slice lines)
{
    struct lambda *lambda = instance->function->lambda;
    const struct runtime_output output = lambda_instance_output(instance);
    const bool heard = lambda_instance_was_heard(instance, &output);
    pthread_mutex_lock(&instance->function->lock);
    /* Of the invocation before: its caller and this one may both be here. */
    char *before = instance->locked.ending;
    const bool now = instance->locked.reaped || heard;
    instance->locked.ending = now ? NULL : mr_strdup_slice(lines);
    instance->locked.ending_behind = output;
    instance->locked.ending_due_ms = store_now(lambda->options.store) + LAMBDA_ENDING_MS;
    pthread_mutex_unlock(&instance->function->lock);
    log_lines(instance, mr_slice_cstr(before));
    free(before);
    if (now)
        log_lines(instance, lines);
    else if (!atomic_exchange(&lambda->has_endings, true))
        runtime_pump_wake(lambda->reaper);
}

static void on_output(void *ctx, struct mr_slice line, bool error)
{
    struct lambda_instance *instance = ctx;
    struct lambda_function *function = instance->function;
    (void)error; /* AWS: one stream for both */
    lambda_instance_log(instance, line);
    pthread_mutex_lock(&function->lock);
    struct lambda_invocation *invocation = instance->locked.talking;
    if (invocation != NULL)
        lambda_tail_line(&invocation->locked.tail, line);
    pthread_mutex_unlock(&function->lock);
}

static void on_exit_of_child(void *ctx, int status, long max_rss_kb)
{
    struct lambda_instance *instance = ctx;
    pthread_mutex_lock(&instance->child_lock);
    instance->child = NULL;
    if (max_rss_kb > instance->used_kb)
        instance->used_kb = max_rss_kb;
    pthread_mutex_unlock(&instance->child_lock);
    die(instance, status);
}

struct runtime_output lambda_instance_output(struct lambda_instance *instance)
{
    struct runtime_output output = {0};
    pthread_mutex_lock(&instance->child_lock);
    if (instance->child != NULL)
        output = runtime_child_output(instance->child);
    pthread_mutex_unlock(&instance->child_lock);
    return output;
}

bool lambda_instance_was_heard(struct lambda_instance *instance, const struct runtime_output *until)
{
    pthread_mutex_lock(&instance->child_lock);
    const bool heard = instance->child == NULL || runtime_child_was_heard(instance->child, until);
    pthread_mutex_unlock(&instance->child_lock);
    return heard;
}

long lambda_instance_used_kb(struct lambda_instance *instance)
{
    pthread_mutex_lock(&instance->child_lock);
    const long now_kb = instance->child == NULL ? 0 : runtime_child_rss_kb(instance->child);
    if (now_kb > instance->used_kb)
        instance->used_kb = now_kb;
    const long used_kb = instance->used_kb;
    pthread_mutex_unlock(&instance->child_lock);
    return used_kb;
}

/* ---- the beginning ---- */

static void name_stream(struct lambda_instance *instance)
{
    const struct lambda_options *options = &instance->function->lambda->options;
    const struct mr_date date = mr_date_from_ms(store_now(options->store));
    uint8_t random[16];
    char hex[33];
    mr_rng_fill(options->rng, random, sizeof random);
    mr_hex(random, sizeof random, hex);
    (void)snprintf(instance->stream, sizeof instance->stream, "%04d/%02d/%02d/[%.*s]%s", date.year,
                   date.month, date.day, MR_ARG(instance->config->version), hex);
}

/* Into the pool; false when it is full. */
static bool enter_pool(struct lambda *lambda, struct lambda_instance *instance)
{
    pthread_mutex_lock(&lambda->pool_lock);
    const bool room = lambda->pool.count < LAMBDA_INSTANCES_TOTAL_MAX;
    if (room) {
        lambda->pool.count++;
        instance->all_next = lambda->pool.all;
        if (lambda->pool.all != NULL)
            lambda->pool.all->all_previous = instance;
        lambda->pool.all = instance;
    }
    pthread_mutex_unlock(&lambda->pool_lock);
    return room;
}

struct lambda_instance *lambda_instance_new_locked(struct lambda_function *function,
                                                   struct lambda_config *config,
                                                   struct lambda_invocation *first)
{
    struct lambda_instance *instance = mr_calloc(1, sizeof *instance);
    if (!enter_pool(function->lambda, instance)) {
        free(instance);
        return NULL;
    }
    atomic_init(&instance->refs, 2);
    pthread_mutex_init(&instance->child_lock, NULL);
    atomic_fetch_add(&function->refs, 1);
    instance->function = function;
    instance->config = lambda_config_ref(config);
    instance->started_us = mr_monotonic_us();
    name_stream(instance);
    instance->locked.state = INSTANCE_STARTING;
    instance->provisioned = first == NULL;
    instance->locked.current = first;
    instance->locked.next = function->locked.instances;
    function->locked.instances = instance;
    function->locked.instance_count++;
    function->locked.starts++;
    return instance;
}

static enum mr_status listen_for(struct lambda_instance *instance)
{
    struct lambda *lambda = instance->function->lambda;
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&lambda->pool_lock);
    if (lambda->pool.server == NULL)
        status = http_server_new(&lambda->pool.server, 1, &runtime_api_limits);
    struct http_server *server = lambda->pool.server;
    pthread_mutex_unlock(&lambda->pool_lock);
    if (status != MR_OK)
        return status;
    status = http_server_listen(server, "127.0.0.1", 0, &lambda_runtime_api, instance,
                                &instance->listener, &instance->port);
    return status < MR_OK || status == MR_OK
               ? status
               : MR_RAISE(MR_FAIL_IO, "no port for a function's Runtime API");
}

enum { ARGV_MAX = 4 };

/* bootstrap.mjs lies beside bootstrap.py. */
static const char *node_bootstrap(struct mr_arena *arena, const char *python)
{
    const struct mr_slice path = mr_slice_cstr(python);
    if (!mr_slice_ends_with(path, MR_S(".py")))
        return NULL;
    return mr_arena_cstr(arena, mr_arena_printf(arena, "%.*s.mjs", (int)path.len - 3, path.ptr));
}

/* The command of the runtime. MR_INVALID with a message when there is none. */
static enum mr_status choose_command(struct lambda_instance *instance, struct mr_arena *arena,
                                     const char *argv[static ARGV_MAX], char message[static 256])
{
    const struct lambda_options *options = &instance->function->lambda->options;
    const struct mr_slice runtime = instance->config->runtime;
    const struct mr_slice path = mr_slice_cstr(getenv("PATH"));
    const char *bootstrap = options->bootstrap;
    if (lambda_runtime_is_python(runtime)) {
        argv[0] = lambda_environment_python(arena, runtime, path);
        argv[1] = bootstrap;
    } else if (lambda_runtime_is_node(runtime)) {
        const struct mr_slice heap =
            mr_arena_printf(arena, "--max-old-space-size=%lld",
                            (long long)(instance->config->memory_mb * 9 / 10)); /* as AWS does */
        argv[0] = lambda_environment_node(arena, path);
        argv[1] = mr_arena_cstr(arena, heap);
        argv[2] = bootstrap = node_bootstrap(arena, bootstrap);
    } else {
        argv[0] = mr_arena_cstr(arena, mr_arena_printf(arena, "%s/bootstrap", instance->folder));
        return MR_OK;
    }
    if (argv[0] != NULL && bootstrap != NULL && bootstrap[0] != '\0')
        return MR_OK;
    if (argv[0] == NULL)
        (void)snprintf(message, 256, "this machine has no interpreter for %.*s", MR_ARG(runtime));
    else
        (void)snprintf(message, 256, "millrace's bootstrap is not installed");
    return MR_INVALID;
}

static enum mr_status unpack_layers(struct lambda_config *config, struct mr_arena *arena,
                                    const char *layers[static LAMBDA_LAYERS_MAX],
                                    char message[static 256])
{
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < config->layers.count && status == MR_OK; i++) {
        char folder[4096];
        status = lambda_code_folder(config->layers.codes[i], folder, message);
        layers[i] = mr_arena_cstr(arena, mr_slice_cstr(folder));
    }
    return status;
}

static uint64_t address_space(const struct lambda_config *config)
{
    const int64_t room =
        lambda_runtime_is_node(config->runtime) ? LAMBDA_ADDRESS_SPACE_NODE : LAMBDA_ADDRESS_SPACE;
    return (uint64_t)(room + config->memory_mb) << 20;
}

static enum mr_status start_child(struct lambda_instance *instance, struct mr_arena *arena,
                                  char message[static 256])
{
    struct lambda *lambda = instance->function->lambda;
    const char *argv[ARGV_MAX] = {0};
    const char *layers[LAMBDA_LAYERS_MAX];
    enum mr_status status = choose_command(instance, arena, argv, message);
    if (status == MR_OK)
        status = unpack_layers(instance->config, arena, layers, message);
    if (status != MR_OK)
        return status;
    pthread_rwlock_rdlock(&lambda->lock);
    const char *endpoint =
        lambda->endpoint == NULL ? NULL : mr_arena_cstr(arena, mr_slice_cstr(lambda->endpoint));
    pthread_rwlock_unlock(&lambda->lock);
    const struct mr_slice api = mr_arena_printf(arena, "127.0.0.1:%d", instance->port);
    const struct lambda_environment environment = {
        .config = instance->config,
        .function_name = instance->function->name,
        .folder = instance->folder,
        .layers = layers,
        .layer_count = instance->config->layers.count,
        .runtime_api = mr_arena_cstr(arena, api),
        .log_stream = instance->stream,
        .provisioned = instance->provisioned,
        .endpoint_url = endpoint,
        .node_path = getenv("NODE_PATH"),
        .access_key = lambda->access_key,
        .secret_key = lambda->secret_key,
    };
    const struct runtime_child_options child = {
        .argv = argv,
        .envp = lambda_environment_make(arena, &environment),
        .folder = instance->folder,
        .memory_bytes = address_space(instance->config),
        .on_output = on_output,
        .on_exit = on_exit_of_child,
        .ctx = instance,
    };
    pthread_mutex_lock(&instance->child_lock);
    status = instance->kill_wanted
                 ? MR_AGAIN
                 : runtime_child_start(lambda->options.runtime, &child, &instance->child);
    pthread_mutex_unlock(&instance->child_lock);
    if (status == MR_INVALID)
        (void)snprintf(message, 256, "fork/exec %s: it cannot be executed on this machine",
                       lambda_runtime_is_provided(instance->config->runtime) ? "/var/task/bootstrap"
                                                                             : argv[0]);
    return status;
}

enum mr_status lambda_instance_start(struct lambda_instance *instance, char message[static 256])
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    enum mr_status status = lambda_code_folder(instance->config->code, instance->folder, message);
    if (status == MR_OK)
        status = listen_for(instance);
    if (status == MR_OK) {
        lambda_instance_log_platform(
            instance, lambda_platform_init(&arena, instance->function->lambda, instance->config));
        status = start_child(instance, &arena, message);
    }
    mr_arena_fini(&arena);
    if (status != MR_OK)
        die(instance, 0);
    return status;
}

/* ---- the reaper ---- */

static void leave_pool(struct lambda_instance *instance)
{
    struct lambda *lambda = instance->function->lambda;
    pthread_mutex_lock(&lambda->pool_lock);
    if (instance->all_next != NULL)
        instance->all_next->all_previous = instance->all_previous;
    if (instance->all_previous != NULL)
        instance->all_previous->all_next = instance->all_next;
    else
        lambda->pool.all = instance->all_next;
    lambda->pool.count--;
    pthread_cond_broadcast(&lambda->pool_changed);
    pthread_mutex_unlock(&lambda->pool_lock);
}

static void reap(struct lambda_instance *instance)
{
    struct lambda_function *function = instance->function;
    pthread_mutex_lock(&function->lock);
    struct http_exchange *waiting = instance->locked.waiting;
    instance->locked.waiting = NULL;
    instance->locked.reaped = true;
    pthread_mutex_unlock(&function->lock);
    lambda_runtime_api_gone(waiting);
    if (instance->listener != NULL)
        http_listener_close_wait(instance->listener, LISTENER_GRACE_MS);
    lambda_instance_log_ended(instance);
    leave_pool(instance);
    lambda_instance_unref(instance);
}

/* All instances, each with a reference; the caller frees the array. */
static struct lambda_instance **snapshot(struct lambda *lambda, size_t *ret_count)
{
    pthread_mutex_lock(&lambda->pool_lock);
    struct lambda_instance **all = mr_calloc((size_t)lambda->pool.count + 1, sizeof *all);
    size_t count = 0;
    for (struct lambda_instance *instance = lambda->pool.all; instance != NULL;
         instance = instance->all_next) {
        atomic_fetch_add(&instance->refs, 1);
        all[count++] = instance;
    }
    pthread_mutex_unlock(&lambda->pool_lock);
    *ret_count = count;
    return all;
}

/* A provisioned one, which nobody waits for. */
static bool is_hung_locked(const struct lambda_instance *instance)
{
    return instance->locked.state == INSTANCE_STARTING && instance->locked.current == NULL &&
           mr_monotonic_us() - instance->started_us > LAMBDA_INIT_MS * 1000LL;
}

static bool is_wanted_locked(const struct lambda_instance *instance)
{
    struct lambda_function *function = instance->function;
    return lambda_provisioned_ready_locked(function, instance->config, true) <=
           lambda_provisioned_locked(function, instance->config);
}

/* Retires those that are idle since before `since_ms`; with INT64_MAX all, whatever they do. */
static size_t retire_since(struct lambda *lambda, int64_t since_ms)
{
    size_t count;
    struct lambda_instance **all = snapshot(lambda, &count);
    for (size_t i = 0; i < count; i++) {
        struct lambda_instance *instance = all[i];
        pthread_mutex_lock(&instance->function->lock);
        const enum instance_state state = instance->locked.state;
        const bool idle = state == INSTANCE_IDLE && instance->locked.idle_since_ms <= since_ms &&
                          (since_ms == INT64_MAX || !is_wanted_locked(instance));
        const bool hung = is_hung_locked(instance);
        if (hung)
            lambda_provision_failed_locked(instance);
        if (idle || hung || (since_ms == INT64_MAX && state != INSTANCE_DEAD))
            lambda_instance_retire_locked(instance);
        pthread_mutex_unlock(&instance->function->lock);
        lambda_instance_unref(instance);
    }
    free(all);
    return count;
}

/* Logs last lines whose turn has come. Returns when to look again; INT64_MAX: they do not wait. */
static int64_t log_ending(struct lambda_instance *instance, int64_t now_ms)
{
    struct lambda_function *function = instance->function;
    pthread_mutex_lock(&function->lock);
    const bool waits = instance->locked.ending != NULL;
    const int64_t due_ms = instance->locked.ending_due_ms;
    const struct runtime_output behind = instance->locked.ending_behind;
    pthread_mutex_unlock(&function->lock);
    if (!waits)
        return INT64_MAX;
    if (due_ms > now_ms)
        return due_ms;
    if (!lambda_instance_was_heard(instance, &behind))
        return now_ms + LAMBDA_ENDING_MS;
    lambda_instance_log_ended(instance);
    return INT64_MAX;
}

/* Logs all that are due; returns as log_ending does. */
static int64_t log_endings(struct lambda *lambda, int64_t now_ms)
{
    if (!atomic_exchange(&lambda->has_endings, false))
        return INT64_MAX;
    size_t count;
    int64_t next_ms = INT64_MAX;
    struct lambda_instance **all = snapshot(lambda, &count);
    for (size_t i = 0; i < count; i++) {
        const int64_t due_ms = log_ending(all[i], now_ms);
        if (due_ms < next_ms)
            next_ms = due_ms;
        lambda_instance_unref(all[i]);
    }
    free(all);
    if (next_ms != INT64_MAX)
        atomic_store(&lambda->has_endings, true);
    return next_ms;
}

enum runtime_pump_next lambda_reaper_step(void *ctx, int64_t *ret_wake_ms)
{
    struct lambda *lambda = ctx;
    pthread_mutex_lock(&lambda->pool_lock);
    struct lambda_instance *ended = lambda->pool.ended, *next;
    lambda->pool.ended = NULL;
    pthread_mutex_unlock(&lambda->pool_lock);
    for (; ended != NULL; ended = next) {
        next = ended->ended_next;
        reap(ended);
    }
    const int64_t now_ms = store_now(lambda->options.store);
    *ret_wake_ms = log_endings(lambda, now_ms);
    lambda_provision(lambda, ret_wake_ms);
    const bool any = retire_since(lambda, now_ms - LAMBDA_IDLE_MS) > 0;
    if (any && *ret_wake_ms > now_ms + REAP_EVERY_MS)
        *ret_wake_ms = now_ms + REAP_EVERY_MS;
    return RUNTIME_PUMP_WAIT;
}

void lambda_instances_close(struct lambda *lambda)
{
    while (retire_since(lambda, INT64_MAX) > 0) {
        const struct timespec until =
            mr_monotonic_timespec(mr_monotonic_us() + CLOSE_TURN_MS * 1000);
        pthread_mutex_lock(&lambda->pool_lock);
        if (lambda->pool.all != NULL)
            (void)pthread_cond_timedwait(&lambda->pool_changed, &lambda->pool_lock, &until);
        pthread_mutex_unlock(&lambda->pool_lock);
    }
}
