/* Long work in the background: backups, restores, exports, imports. A few workers take one job
 * after the other; what waits is bounded, as on AWS. */
#include "dynamodb/recovery.h"
#include "runtime/runtime.h"
#include <stdlib.h>

static struct dynamodb_job *take(struct dynamodb_recovery *recovery)
{
    pthread_mutex_lock(&recovery->lock);
    struct dynamodb_job *job = recovery->locked.first;
    if (job != NULL)
        recovery->locked.first = job->next;
    if (recovery->locked.first == NULL)
        recovery->locked.last = &recovery->locked.first;
    pthread_mutex_unlock(&recovery->lock);
    return job;
}

static enum runtime_pump_next jobs_step(void *ctx, int64_t *ret_wake_ms)
{
    struct dynamodb *dynamodb = ctx;
    struct dynamodb_recovery *recovery = dynamodb->recovery;
    (void)ret_wake_ms;
    if (atomic_load(&recovery->stopping))
        return RUNTIME_PUMP_DONE;
    struct dynamodb_job *job = take(recovery);
    if (job == NULL)
        return RUNTIME_PUMP_WAIT;
    job->run(job);
    job->free(job);
    pthread_mutex_lock(&recovery->lock);
    recovery->locked.jobs--;
    pthread_mutex_unlock(&recovery->lock);
    return RUNTIME_PUMP_AGAIN;
}

void dynamodb_job_start(struct dynamodb *dynamodb, struct dynamodb_job *job)
{
    struct dynamodb_recovery *recovery = dynamodb->recovery;
    job->dynamodb = dynamodb;
    job->next = NULL;
    pthread_mutex_lock(&recovery->lock);
    *recovery->locked.last = job;
    recovery->locked.last = &job->next;
    recovery->locked.jobs++;
    pthread_mutex_unlock(&recovery->lock);
    for (size_t i = 0; i < DYNAMODB_JOBS_AT_ONCE; i++) {
        if (recovery->pumps[i] != NULL)
            runtime_pump_wake(recovery->pumps[i]);
    }
}

enum mr_status dynamodb_jobs_check(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->recovery->lock);
    size_t jobs = dynamodb->recovery->locked.jobs;
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    if (jobs < DYNAMODB_JOBS_MAX)
        return MR_OK;
    return protocol_fail(call, &dynamodb_limit_exceeded,
                         "Subscriber limit exceeded: There is a limit of %d simultaneous backups, "
                         "restores, exports and imports",
                         DYNAMODB_JOBS_MAX);
}

bool dynamodb_stopping(const struct dynamodb *dynamodb)
{
    return atomic_load_explicit(&dynamodb->recovery->stopping, memory_order_relaxed);
}

enum mr_status dynamodb_recovery_open(struct dynamodb *dynamodb)
{
    struct dynamodb_recovery *recovery = mr_calloc(1, sizeof(*recovery));
    pthread_mutex_init(&recovery->lock, NULL);
    recovery->locked.last = &recovery->locked.first;
    dynamodb->recovery = recovery;
    enum mr_status status = dynamodb_backups_open(dynamodb);
    if (status >= 0)
        status = dynamodb_restores_open(dynamodb);
    if (status >= 0)
        status = dynamodb_exports_open(dynamodb);
    if (status < 0)
        return status;
    for (size_t i = 0; i < DYNAMODB_JOBS_AT_ONCE; i++)
        recovery->pumps[i] =
            runtime_pump_start(dynamodb->runtime, "dynamodb jobs", jobs_step, dynamodb);
    dynamodb_history_open(dynamodb);
    return MR_OK;
}

void dynamodb_recovery_close(struct dynamodb *dynamodb)
{
    struct dynamodb_recovery *recovery = dynamodb->recovery;
    if (recovery == NULL)
        return;
    atomic_store(&recovery->stopping, true);
    dynamodb_history_close(dynamodb);
    for (size_t i = 0; i < DYNAMODB_JOBS_AT_ONCE; i++) {
        if (recovery->pumps[i] != NULL)
            runtime_pump_stop(recovery->pumps[i]);
    }
    for (struct dynamodb_job *job; (job = take(recovery)) != NULL;)
        job->free(job);
    dynamodb_backups_close(dynamodb);
    pthread_mutex_destroy(&recovery->lock);
    free(recovery);
    dynamodb->recovery = NULL;
}
