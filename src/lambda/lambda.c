/* Opening, closing, wiring. */
#include "lambda/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SERVER_GRACE_MS = 100 };

static char *text_or_null(const char *text)
{
    return text == NULL ? NULL : mr_strdup_slice(mr_slice_cstr(text));
}

static struct lambda *lambda_new(const struct lambda_options *options)
{
    struct lambda *lambda = mr_calloc(1, sizeof *lambda);
    lambda->options = *options;
    lambda_meters_init(lambda, NULL);
    lambda->access_key = text_or_null(options->access_key);
    lambda->secret_key = text_or_null(options->secret_key);
    lambda->endpoint = text_or_null(options->endpoint_url);
    atomic_init(&lambda->has_endpoint, lambda->endpoint == NULL || lambda->endpoint[0] != '\0');
    struct mr_buf folder = {0};
    mr_buf_printf(&folder, "%s/functions", store_folder(options->store));
    lambda->folder = mr_strdup_slice(mr_buf_slice(&folder));
    mr_buf_fini(&folder);
    pthread_rwlock_init(&lambda->lock, NULL);
    pthread_mutex_init(&lambda->code_lock, NULL);
    pthread_mutex_init(&lambda->layer_lock, NULL);
    pthread_mutex_init(&lambda->pool_lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&lambda->pool_changed, &attr);
    pthread_condattr_destroy(&attr);
    return lambda;
}

enum mr_status lambda_open(struct lambda **ret_lambda, const struct lambda_options *options)
{
    struct lambda *lambda = lambda_new(options);
    enum mr_status status = lambda_code_open_folder(lambda);
    if (status == MR_OK)
        status = lambda_layers_load(lambda);
    if (status == MR_OK)
        status = lambda_functions_load(lambda);
    if (status == MR_OK) {
        lambda_code_sweep(lambda);
        lambda->reaper =
            runtime_pump_start(options->runtime, "lambda reaper", lambda_reaper_step, lambda);
        status = lambda_events_open(lambda);
    }
    if (status == MR_OK)
        status = lambda_mappings_open(lambda);
    if (status != MR_OK) {
        lambda_close(lambda);
        return status;
    }
    *ret_lambda = lambda;
    return MR_OK;
}

void lambda_register(struct lambda *lambda, struct protocol *protocol)
{
    protocol_register(protocol, "lambda", lambda_function_handlers, lambda_function_handler_count,
                      lambda);
    protocol_register(protocol, "lambda", lambda_access_handlers, lambda_access_handler_count,
                      lambda);
    protocol_register(protocol, "lambda", lambda_provisioned_handlers,
                      lambda_provisioned_handler_count, lambda);
    protocol_register(protocol, "lambda", lambda_url_handlers, lambda_url_handler_count, lambda);
    protocol_register(protocol, "lambda", lambda_settings_handlers, lambda_settings_handler_count,
                      lambda);
    protocol_register(protocol, "lambda", lambda_version_handlers, lambda_version_handler_count,
                      lambda);
    protocol_register(protocol, "lambda", lambda_event_handlers, lambda_event_handler_count,
                      lambda);
    protocol_register(protocol, "lambda", lambda_layer_handlers, lambda_layer_handler_count,
                      lambda);
    protocol_register(protocol, "lambda", lambda_mapping_handlers, lambda_mapping_handler_count,
                      lambda);
    protocol_register(protocol, "lambda", lambda_invoke_handlers, lambda_invoke_handler_count,
                      lambda);
    protocol_register_internal(protocol, "/_millrace/code", lambda_code_page, lambda);
    protocol_set_function_urls(protocol, lambda_url_serve, lambda);
}

static bool wake(void *ctx, struct lambda_function *function)
{
    (void)ctx;
    pthread_mutex_lock(&function->lock);
    pthread_cond_broadcast(&function->freed);
    pthread_mutex_unlock(&function->lock);
    return true;
}

void lambda_set_endpoint(struct lambda *lambda, const char *endpoint_url)
{
    pthread_rwlock_wrlock(&lambda->lock);
    free(lambda->endpoint);
    lambda->endpoint = text_or_null(endpoint_url);
    pthread_rwlock_unlock(&lambda->lock);
    atomic_store(&lambda->has_endpoint, true);
    lambda_functions_each(lambda, MR_S(""), wake, NULL);
    runtime_pump_wake(lambda->reaper);
}

void lambda_stop(struct lambda *lambda)
{
    if (lambda == NULL)
        return;
    atomic_store(&lambda->closing, true);
    lambda_functions_each(lambda, MR_S(""), wake, NULL);
    if (lambda->reaper != NULL)
        lambda_instances_close(lambda);
}

static void wait_for_calls(struct lambda *lambda)
{
    pthread_mutex_lock(&lambda->pool_lock);
    while (lambda->pool.calls > 0)
        pthread_cond_wait(&lambda->pool_changed, &lambda->pool_lock);
    pthread_mutex_unlock(&lambda->pool_lock);
}

void lambda_close(struct lambda *lambda)
{
    if (lambda == NULL)
        return;
    lambda_stop(lambda);
    lambda_mappings_close(lambda);
    lambda_events_close(lambda);
    wait_for_calls(lambda);
    if (lambda->reaper != NULL) {
        lambda_instances_close(lambda); /* what was just being started */
        runtime_pump_stop(lambda->reaper);
    }
    if (lambda->pool.server != NULL) {
        http_server_stop(lambda->pool.server, SERVER_GRACE_MS);
        http_server_free(lambda->pool.server);
    }
    lambda_functions_free(lambda);
    lambda_layers_free(lambda);
    pthread_cond_destroy(&lambda->pool_changed);
    pthread_mutex_destroy(&lambda->pool_lock);
    pthread_rwlock_destroy(&lambda->lock);
    pthread_mutex_destroy(&lambda->layer_lock);
    pthread_mutex_destroy(&lambda->code_lock);
    meter_set_fini(&lambda->meters);
    free(lambda->access_key);
    free(lambda->secret_key);
    free(lambda->endpoint);
    free(lambda->folder);
    free(lambda);
}

static bool write_status(void *ctx, struct lambda_function *function)
{
    static const char *const states[FUNCTION_STATES] = {"Pending", "Active", "Failed"};
    struct mr_json *json = ctx;
    pthread_mutex_lock(&function->lock);
    mr_json_object(json);
    mr_json_key_cstr(json, "name", function->name);
    mr_json_key_cstr(json, "state", states[function->locked.state]);
    mr_json_key_cstr(json, "reason", function->locked.reason);
    mr_json_key_int(json, "processes", function->locked.instance_count);
    mr_json_key_int(json, "starts", (int64_t)function->locked.starts);
    mr_json_key_int(json, "invocations", (int64_t)function->locked.invocations);
    mr_json_key_int(json, "errors", (int64_t)function->locked.errors);
    mr_json_key_int(json, "timeouts", (int64_t)function->locked.timeouts);
    mr_json_key_int(json, "throttles", (int64_t)function->locked.throttles);
    mr_json_key_cstr(json, "last_error", function->locked.last_error);
    mr_json_object_end(json);
    pthread_mutex_unlock(&function->lock);
    return true;
}

void lambda_status(struct lambda *lambda, struct mr_json *json)
{
    lambda_functions_each(lambda, MR_S(""), write_status, json);
}
