/* Looks at the delivery streams from outside and says what keeps one from moving, also while its
 * pump is held up in the middle of a step (a function that does not answer, a disk that does not
 * sync), and before its buffers are due (a bucket that has gone).
 *
 * What a pump finds itself it says itself (delivery_note), in the same words. What was said here is
 * taken back here, when its cause has gone. */
#include "firehose/internal.h"

enum { LOOK_MS = 1000, SLOW_MS = 3000 };

static bool lasts(const struct delivery *delivery, const atomic_llong *since)
{
    const long long began_ms = atomic_load(since);
    return began_ms != 0 && store_now(delivery->firehose->options.store) - began_ms > SLOW_MS;
}

struct finding {
    const char *code;
    char text[512];
};

static void look_at_ends(const struct delivery *delivery, const struct delivery_config *config,
                         struct finding *finding)
{
    const struct firehose_options *options = &delivery->firehose->options;
    const struct delivery_target *const targets[] = {
        &config->data, config->has_backup ? &config->backup : &config->data};
    for (size_t i = 0; i < MR_COUNT(targets); i++) {
        if (finding->text[0] != '\0' || s3_bucket_exists(options->s3, targets[i]->bucket))
            continue;
        finding->code = "S3.NoSuchBucket";
        (void)snprintf(finding->text, sizeof finding->text, DELIVERY_NO_BUCKET,
                       MR_ARG(targets[i]->bucket));
    }
    if (finding->text[0] == '\0' && config->conversion.enabled &&
        conversion_schema_check(&config->conversion, options->glue, finding->text) != MR_OK)
        return;
    if (finding->text[0] != '\0' || config->function.len == 0 ||
        lambda_exists(options->lambda, config->function))
        return;
    finding->code = "Lambda.FunctionError";
    (void)snprintf(finding->text, sizeof finding->text,
                   "function %.*s cannot be called: it does not exist; the records wait until it "
                   "can be, or another is named by UpdateDestination",
                   MR_ARG(config->function));
}

static void find(struct delivery *delivery, struct finding *finding)
{
    struct mr_arena arena;
    struct delivery_config config;
    if (lasts(delivery, &delivery->calling_ms)) {
        (void)snprintf(finding->text, sizeof finding->text,
                       "its function has been running for more than %d s; nothing is read until "
                       "it answers: see its log, or lower its Timeout",
                       SLOW_MS / 1000);
        return;
    }
    if (lasts(delivery, &delivery->landing_ms)) {
        (void)snprintf(finding->text, sizeof finding->text,
                       "S3 has been storing an object for more than %d s; nothing is read until "
                       "it is on disk: see whether the disk of the data folder is slow or busy",
                       SLOW_MS / 1000);
        return;
    }
    if (atomic_load(&delivery->waiting) == 0)
        return;
    mr_arena_init(&arena);
    pthread_mutex_lock(&delivery->lock);
    const struct mr_slice text = mr_arena_copy(&arena, mr_slice_cstr(delivery->locked.destination));
    pthread_mutex_unlock(&delivery->lock);
    if (delivery_config_read(&delivery->firehose->zones, &arena, text, &config) == MR_OK)
        look_at_ends(delivery, &config, finding);
    mr_arena_fini(&arena);
}

/* Unless something else is said by now. */
static void take_back(struct delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock);
    if (strcmp(delivery->locked.last_error, delivery->locked.watched) == 0)
        delivery->locked.last_error[0] = '\0';
    delivery->locked.watched[0] = '\0';
    pthread_mutex_unlock(&delivery->lock);
}

static void look_at(void *ctx, struct delivery *delivery)
{
    (void)ctx;
    struct finding finding = {0};
    if (delivery_is_ending(delivery))
        return;
    find(delivery, &finding);
    pthread_mutex_lock(&delivery->lock);
    const bool fresh = strcmp(finding.text, delivery->locked.watched) != 0;
    /* What the pump has found itself is told already. */
    const bool told = strcmp(finding.text, delivery->locked.last_error) == 0;
    pthread_mutex_unlock(&delivery->lock);
    if (fresh)
        take_back(delivery);
    if (finding.text[0] == '\0')
        return;
    if (!told)
        delivery_note(delivery, finding.code, "%s", finding.text);
    pthread_mutex_lock(&delivery->lock);
    memcpy(delivery->locked.watched, finding.text, sizeof finding.text);
    pthread_mutex_unlock(&delivery->lock);
}

enum runtime_pump_next firehose_watch_step(void *ctx, int64_t *ret_wake_ms)
{
    struct firehose *firehose = ctx;
    firehose_each(firehose, look_at, NULL);
    *ret_wake_ms = store_now(firehose->options.store) + LOOK_MS;
    return RUNTIME_PUMP_WAIT;
}
