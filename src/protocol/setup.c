/* Making the protocol: services, their operations, the table of targets. */
#include "base/log.h"
#include "protocol/internal.h"
#include "protocol/pattern.h"
#include <assert.h>
#include <stdlib.h>

static void service_init(struct protocol *protocol, struct protocol_service *service,
                         const struct model_service *model)
{
    service->model = model;
    service->operations = mr_calloc(model->operation_count, sizeof(*service->operations));
    service->patterns = mr_calloc(model->shape_count, sizeof(*service->patterns));
    char target[PROTOCOL_TARGET_MAX];
    for (size_t i = 0; i < model->operation_count; i++) {
        service->operations[i].model = &model->operations[i];
        service->operations[i].service = service;
        service->operations[i].all = meter_new(false);
        if (model->target_prefix[0] == '\0')
            continue;
        const struct mr_slice name = model_text(model, model->operations[i].name);
        const size_t prefix_len = strlen(model->target_prefix);
        assert(prefix_len + 1 + name.len <= sizeof(target));
        memcpy(target, model->target_prefix, prefix_len);
        target[prefix_len] = '.';
        memcpy(target + prefix_len + 1, name.ptr, name.len);
        mr_map_put(&protocol->targets, mr_slice_make(target, prefix_len + 1 + name.len),
                   &service->operations[i]);
    }
}

enum mr_status protocol_new(struct protocol **ret_protocol, const struct protocol_options *options)
{
    assert(options->rng != NULL);
    assert(options->region != NULL && options->account != NULL);
    struct protocol *protocol = mr_calloc(1, sizeof(*protocol));
    protocol->options = *options;
    if (options->signing_clock.now_ms == NULL)
        protocol->options.signing_clock = options->clock;
    protocol->region = mr_slice_cstr(options->region);
    protocol->account = mr_slice_cstr(options->account);
    protocol->host = mr_slice_cstr(options->host);
    protocol->services = mr_calloc(model_service_count, sizeof(*protocol->services));
    for (size_t i = 0; i < model_service_count; i++)
        service_init(protocol, &protocol->services[i], model_services[i]);
    if (options->credential_count > 0)
        protocol->auth = auth_new(options->credentials, options->credential_count);
    gate_init(&protocol->gate);
    *ret_protocol = protocol;
    return MR_OK;
}

void protocol_free(struct protocol *protocol)
{
    if (protocol == NULL)
        return;
    for (size_t i = 0; i < model_service_count; i++) {
        struct protocol_service *service = &protocol->services[i];
        for (size_t shape = 0; shape < service->model->shape_count; shape++)
            pattern_free(atomic_load(&service->patterns[shape]));
        for (size_t at = 0; at < service->model->operation_count; at++)
            meter_free(service->operations[at].all);
        free(service->patterns);
        free(service->operations);
    }
    auth_free(protocol->auth);
    gate_fini(&protocol->gate);
    mr_map_fini(&protocol->targets);
    free(protocol->services);
    free(protocol);
}

static struct protocol_service *find_service(struct protocol *protocol, const char *name)
{
    const struct model_service *model = model_service_find(mr_slice_cstr(name));
    assert(model != NULL);
    struct protocol_service *service = NULL;
    for (size_t i = 0; i < model_service_count; i++)
        if (model_services[i] == model)
            service = &protocol->services[i];
    return service;
}

void protocol_meter_user_errors(struct protocol *protocol, const char *service, struct meter *meter,
                                const char *const *others)
{
    struct protocol_service *found = find_service(protocol, service);
    found->user_errors = meter;
    found->no_user_errors = others;
}

void protocol_on_call(struct protocol *protocol, const char *service,
                      void (*fn)(void *ctx, struct protocol_call *call), void *ctx)
{
    struct protocol_service *found = find_service(protocol, service);
    found->on_call = fn;
    found->on_call_ctx = ctx;
}

void protocol_on_answer(struct protocol *protocol, const char *service,
                        void (*fn)(void *ctx, struct protocol_call *call), void *ctx)
{
    struct protocol_service *found = find_service(protocol, service);
    found->on_answer = fn;
    found->on_answer_ctx = ctx;
}

void protocol_register(struct protocol *protocol, const char *service_name,
                       const struct protocol_handler *handlers, size_t count, void *ctx)
{
    struct protocol_service *service = find_service(protocol, service_name);
    const struct model_service *model = service->model;
    for (size_t i = 0; i < count; i++) {
        const struct model_operation *operation =
            model_operation_find(model, mr_slice_cstr(handlers[i].operation));
        if (operation == NULL)
            mr_log(MR_LOG_ERROR, "protocol", "%s has no operation %s", service_name,
                   handlers[i].operation);
        assert(operation != NULL);
        struct protocol_operation *slot = &service->operations[operation - model->operations];
        slot->handler = &handlers[i];
        slot->ctx = ctx;
    }
}

static void add_path(struct protocol *protocol, const char *path,
                     void (*fn)(void *ctx, struct http_exchange *exchange), void *ctx, bool later,
                     bool open)
{
    assert(strncmp(path, "/_millrace/", 11) == 0 || strcmp(path, PROTOCOL_SCRAPE_PATH) == 0);
    size_t at = 0; /* a path that was registered before is replaced, as an operation is */
    while (at < protocol->path_count &&
           !mr_slice_equal(protocol->paths[at].path, mr_slice_cstr(path)))
        at++;
    assert(at < PROTOCOL_INTERNAL_PATHS_MAX);
    protocol->paths[at] = (struct protocol_internal_path){
        .path = mr_slice_cstr(path), .fn = fn, .ctx = ctx, .later = later, .open = open};
    if (at == protocol->path_count)
        protocol->path_count++;
}

void protocol_register_internal(struct protocol *protocol, const char *path,
                                void (*fn)(void *ctx, struct http_exchange *exchange), void *ctx)
{
    add_path(protocol, path, fn, ctx, false, false);
}

void protocol_register_internal_later(struct protocol *protocol, const char *path,
                                      void (*fn)(void *ctx, struct http_exchange *exchange),
                                      void *ctx)
{
    add_path(protocol, path, fn, ctx, true, false);
}

void protocol_register_internal_open(struct protocol *protocol, const char *path,
                                     void (*fn)(void *ctx, struct http_exchange *exchange),
                                     void *ctx)
{
    add_path(protocol, path, fn, ctx, true, true);
}

void protocol_set_wait(struct protocol *protocol, enum mr_status (*wait)(void *ctx, int64_t ticket),
                       void *ctx)
{
    protocol->wait = wait;
    protocol->wait_ctx = ctx;
}

void protocol_each_operation(const struct protocol *protocol,
                             void (*fn)(void *ctx, const char *service, const char *operation,
                                        bool implemented),
                             void *ctx)
{
    for (size_t i = 0; i < model_service_count; i++) {
        const struct protocol_service *service = &protocol->services[i];
        for (size_t j = 0; j < service->model->operation_count; j++)
            fn(ctx, service->model->name, service->model->pool + service->model->operations[j].name,
               service->operations[j].handler != NULL);
    }
}

void protocol_each_traffic(const struct protocol *protocol,
                           void (*fn)(void *ctx, const struct protocol_traffic *traffic), void *ctx)
{
    for (size_t i = 0; i < model_service_count; i++) {
        const struct protocol_service *service = &protocol->services[i];
        for (size_t j = 0; j < service->model->operation_count; j++) {
            const struct protocol_operation *operation = &service->operations[j];
            struct protocol_traffic traffic = {
                .service = service->model->name,
                .operation = service->model->pool + service->model->operations[j].name,
                .all = meter_total(operation->all),
            };
            for (size_t k = 0; k < PROTOCOL_STATUSES_MAX; k++) {
                const uint64_t count = atomic_load(&operation->others[k].count);
                if (count == 0)
                    continue;
                traffic.others[traffic.other_count].status =
                    atomic_load(&operation->others[k].status);
                traffic.others[traffic.other_count++].count = count;
            }
            if (traffic.all.count > 0)
                fn(ctx, &traffic);
        }
    }
}

void protocol_stats_get(const struct protocol *protocol, struct protocol_stats *ret_stats)
{
    ret_stats->requests = atomic_load(&protocol->requests);
    ret_stats->faults = atomic_load(&protocol->faults);
    ret_stats->errors = atomic_load(&protocol->errors);
}
