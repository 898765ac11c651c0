/* Opening and closing. */
#include "cloudformation/cloudformation.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloudformation/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const struct protocol_fault cloudformation_validation_error = {"ValidationError", 400, false};
const struct protocol_fault cloudformation_already_exists = {"AlreadyExistsException", 400, false};
const struct protocol_fault cloudformation_insufficient_capabilities = {
    "InsufficientCapabilitiesException", 400, false};
const struct protocol_fault cloudformation_change_set_not_found = {"ChangeSetNotFound", 404, false};
const struct protocol_fault cloudformation_invalid_change_set_status = {"InvalidChangeSetStatus",
                                                                        400, false};
const struct protocol_fault cloudformation_limit_exceeded = {"LimitExceededException", 400, false};

enum mr_status cloudformation_open(struct cloudformation **ret_cloudformation,
                                   const struct cloudformation_options *options)
{
    struct cloudformation *cloudformation = mr_calloc(1, sizeof *cloudformation);
    pthread_condattr_t attributes;
    cloudformation->options = *options;
    pthread_mutex_init(&cloudformation->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&cloudformation->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    (void)snprintf(cloudformation->locked.endpoint, sizeof cloudformation->locked.endpoint, "%s",
                   options->endpoint_url == NULL ? "" : options->endpoint_url);
    *ret_cloudformation = cloudformation;
    return MR_OK;
}

static enum mr_status go_on(void *ctx, const struct stack *stack)
{
    struct cloudformation *cloudformation = ctx;
    if (!stack_is_busy(stack))
        return MR_OK;
    mr_log(MR_LOG_INFO, "cloudformation", "stack '%.*s' goes on from %.*s", MR_ARG(stack->name),
           MR_ARG(stack->status));
    engine_start_locked(cloudformation, stack->uuid);
    return MR_OK;
}

void cloudformation_register(struct cloudformation *cloudformation, struct protocol *protocol)
{
    static const char service[] = "cloudformation";
    struct mr_arena arena;
    protocol_register(protocol, service, cloudformation_stack_handlers,
                      cloudformation_stack_handler_count, cloudformation);
    protocol_register(protocol, service, cloudformation_describe_handlers,
                      cloudformation_describe_handler_count, cloudformation);
    protocol_register(protocol, service, cloudformation_change_set_handlers,
                      cloudformation_change_set_handler_count, cloudformation);
    protocol_register(protocol, service, cloudformation_guard_handlers,
                      cloudformation_guard_handler_count, cloudformation);
    protocol_register(protocol, service, cloudformation_template_handlers,
                      cloudformation_template_handler_count, cloudformation);
    if (cloudformation == NULL)
        return; /* `millrace ops` only lists */
    signal_register(cloudformation, protocol);
    mr_arena_init(&arena);
    pthread_mutex_lock(&cloudformation->lock);
    if (stack_each(cloudformation, &arena, go_on, cloudformation) != MR_OK)
        mr_log(MR_LOG_ERROR, "cloudformation", "cannot read the stacks");
    pthread_mutex_unlock(&cloudformation->lock);
    mr_arena_fini(&arena);
}

void cloudformation_set_endpoint(struct cloudformation *cloudformation, const char *endpoint_url)
{
    if (cloudformation == NULL)
        return;
    pthread_mutex_lock(&cloudformation->lock);
    (void)snprintf(cloudformation->locked.endpoint, sizeof cloudformation->locked.endpoint, "%s",
                   endpoint_url);
    pthread_cond_broadcast(&cloudformation->changed);
    pthread_mutex_unlock(&cloudformation->lock);
}

bool cloudformation_pause(struct cloudformation *cloudformation, int wait_ms)
{
    const struct timespec until = mr_monotonic_timespec(mr_monotonic_us() + wait_ms * 1000L);
    int result = 0;
    pthread_mutex_lock(&cloudformation->lock);
    while (result == 0 && !cloudformation->locked.closing)
        result = pthread_cond_timedwait(&cloudformation->changed, &cloudformation->lock, &until);
    const bool goes_on = !cloudformation->locked.closing;
    pthread_mutex_unlock(&cloudformation->lock);
    return goes_on;
}

void cloudformation_wait_locked(struct cloudformation *cloudformation, int wait_ms)
{
    const struct timespec until = mr_monotonic_timespec(mr_monotonic_us() + wait_ms * 1000L);
    (void)pthread_cond_timedwait(&cloudformation->changed, &cloudformation->lock, &until);
}

void engine_settle(struct cloudformation *cloudformation, struct mr_slice uuid)
{
    const struct timespec until =
        mr_monotonic_timespec(mr_monotonic_us() + CLOUDFORMATION_SETTLE_MS_MAX * 1000L);
    int result = 0;
    pthread_mutex_lock(&cloudformation->lock);
    if (cloudformation->locked.settlers < CLOUDFORMATION_SETTLERS_MAX) {
        cloudformation->locked.settlers++;
        while (result == 0 && !cloudformation->locked.closing &&
               mr_map_get(&cloudformation->locked.running, uuid) != NULL)
            result =
                pthread_cond_timedwait(&cloudformation->changed, &cloudformation->lock, &until);
        cloudformation->locked.settlers--;
        pthread_cond_broadcast(&cloudformation->changed);
    }
    pthread_mutex_unlock(&cloudformation->lock);
}

void cloudformation_close(struct cloudformation *cloudformation)
{
    if (cloudformation == NULL)
        return;
    pthread_mutex_lock(&cloudformation->lock);
    cloudformation->locked.closing = true;
    pthread_cond_broadcast(&cloudformation->changed);
    while (cloudformation->locked.jobs > 0 || cloudformation->locked.settlers > 0)
        pthread_cond_wait(&cloudformation->changed, &cloudformation->lock);
    pthread_mutex_unlock(&cloudformation->lock);
    pthread_cond_destroy(&cloudformation->changed);
    pthread_mutex_destroy(&cloudformation->lock);
    mr_map_fini(&cloudformation->locked.running);
    free(cloudformation);
}
