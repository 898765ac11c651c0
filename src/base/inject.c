#include "base/inject.h"
#include "base/clock.h"
#include "base/rng.h"
#include <pthread.h>
#include <stdio.h>

struct rule {
    int64_t id, count, struck; /* count: -1 without end */
    char service[32], operation[64], resource[MR_INJECT_TEXT_MAX];
    double rate;
    uint64_t seed;
    struct mr_rng rng;
    struct mr_injection effect;
};
static struct {
    pthread_mutex_t lock;
    struct rule rules[MR_INJECT_RULES_MAX];
    size_t count;
    int64_t last;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};
atomic_int mr_inject_rules;

static const char *const kind_names[MR_INJECT_KINDS] = {
    "error",          "slow",          "reset",          "partial",       "function-error",
    "function-crash", "function-hang", "function-wrong", "function-twice"};

/* As AWS words them; "%s" is the resource. A rule may word its own. */
static const struct {
    const char *service, *code;
    int status;
    const char *message;
} errors[] = {
    {"kinesis", "ProvisionedThroughputExceededException", 400,
     "Rate exceeded for shard shardId-000000000000 in stream %s under account 000000000000."},
    {"kinesis", "ExpiredIteratorException", 400,
     "Iterator expired. The iterator is further in the past than the tolerated delay of 300000 "
     "milliseconds."},
    {"kinesis", "LimitExceededException", 400, "Rate exceeded for stream %s."},
    {"kinesis", "InternalFailure", 500, "Internal service failure."},
    {"dynamodb", "ProvisionedThroughputExceededException", 400,
     "The level of configured provisioned throughput for the table was exceeded. Consider "
     "increasing your provisioning level with the UpdateTable API."},
    {"dynamodb", "ThrottlingException", 400,
     "Throughput exceeds the current capacity of your table or index."},
    {"dynamodb", "RequestLimitExceeded", 400,
     "Throughput exceeds the current throughput limit for your account. Please contact AWS "
     "Support to request a limit increase."},
    {"dynamodb", "InternalServerError", 500, "Internal server error"},
    {"dynamodbstreams", "ExpiredIteratorException", 400, "Iterator expired."},
    {"dynamodbstreams", "TrimmedDataAccessException", 400,
     "The operation attempted to read past the oldest stream record in a shard."},
    {"dynamodbstreams", "InternalServerError", 500, "Internal server error"},
    {"firehose", "ServiceUnavailableException", 503, "Slow down."},
    {"firehose", "InternalFailure", 500, "Internal service failure."},
    {"s3", "SlowDown", 503, "Please reduce your request rate."},
    {"s3", "InternalError", 500, "We encountered an internal error. Please try again."},
    {"s3", "ServiceUnavailable", 503, "Reduce your request rate."},
    {"lambda", "TooManyRequestsException", 429, "Rate Exceeded."},
    {"lambda", "ServiceException", 500, "An internal error occurred."},
};

static bool fits(const char *wanted, struct mr_slice it)
{
    return wanted[0] == '\0' || mr_slice_equal(mr_slice_cstr(wanted), it);
}

bool mr_inject_strikes(const char *service, struct mr_slice operation, struct mr_slice resource,
                       unsigned kinds, struct mr_injection *ret)
{
    bool struck = false;
    if (!mr_inject_any())
        return false;
    pthread_mutex_lock(&table.lock);
    for (size_t i = 0; i < table.count && !struck; i++) {
        struct rule *rule = &table.rules[i];
        if (!(MR_INJECT_BIT(rule->effect.kind) & kinds) || rule->count == rule->struck ||
            !fits(rule->service, mr_slice_cstr(service)) || !fits(rule->operation, operation) ||
            !fits(rule->resource, resource))
            continue;
        const double drawn = (double)(mr_rng_u64(&rule->rng) >> 11) / 9007199254740992.0;
        struck = drawn < rule->rate;
        if (!struck)
            continue;
        rule->struck++;
        *ret = rule->effect;
        const size_t at = mr_slice_search(mr_slice_cstr(rule->effect.message), MR_S("%s"));
        if (at != SIZE_MAX)
            (void)snprintf(ret->message, sizeof ret->message, "%.*s%.*s%s", (int)at,
                           rule->effect.message, MR_ARG(mr_slice_sub(resource, 0, 128)),
                           rule->effect.message + at + 2);
    }
    pthread_mutex_unlock(&table.lock);
    return struck;
}

static bool copy_text(yyjson_val *value, char *ret, size_t size)
{
    const struct mr_slice text = mr_json_text(value);
    if (!yyjson_is_str(value) || text.len >= size)
        return false;
    (void)snprintf(ret, size, "%.*s", MR_ARG(text));
    return true;
}

static bool read_number(yyjson_val *value, int64_t most, int64_t *ret)
{
    *ret = mr_json_is_number(value) ? mr_json_i64(value, -1) : -1;
    return *ret >= 0 && *ret <= most;
}

static bool read_kind(yyjson_val *value, enum mr_inject_kind *ret)
{
    for (int i = 0; i < MR_INJECT_KINDS; i++)
        if (mr_slice_equal(mr_json_text(value), mr_slice_cstr(kind_names[i]))) {
            *ret = (enum mr_inject_kind)i;
            return true;
        }
    return false;
}

static const char *read_member(struct rule *rule, struct mr_slice name, yyjson_val *value)
{
    int64_t number;
    struct mr_injection *effect = &rule->effect;
    if (mr_slice_equal(name, MR_S("service")))
        return copy_text(value, rule->service, sizeof rule->service) ? NULL : "no such service";
    if (mr_slice_equal(name, MR_S("operation")))
        return copy_text(value, rule->operation, sizeof rule->operation) ? NULL
                                                                         : "no such operation";
    if (mr_slice_equal(name, MR_S("resource")))
        return copy_text(value, rule->resource, sizeof rule->resource) ? NULL
                                                                       : "the resource is too long";
    if (mr_slice_equal(name, MR_S("code")))
        return copy_text(value, effect->code, sizeof effect->code) ? NULL : "the code is too long";
    if (mr_slice_equal(name, MR_S("message")))
        return copy_text(value, effect->message, sizeof effect->message)
                   ? NULL
                   : "the message is too long";
    if (mr_slice_equal(name, MR_S("kind")))
        return read_kind(value, &effect->kind) ? NULL : "no such kind";
    if (mr_slice_equal(name, MR_S("after"))) {
        effect->after = yyjson_is_true(value);
        return yyjson_is_bool(value) ? NULL : "after is true or false";
    }
    if (mr_slice_equal(name, MR_S("rate"))) {
        rule->rate = mr_json_is_number(value) ? mr_json_double(value, -1) : -1;
        return rule->rate >= 0 && rule->rate <= 1 ? NULL : "rate is from 0 to 1";
    }
    if (mr_slice_equal(name, MR_S("count")))
        return read_number(value, INT64_MAX, &rule->count) ? NULL : "count is a number";
    if (mr_slice_equal(name, MR_S("delay_ms")))
        return read_number(value, MR_INJECT_DELAY_MS_MAX, &effect->delay_ms)
                   ? NULL
                   : "delay_ms is at most 60000";
    if (mr_slice_equal(name, MR_S("status"))) {
        const bool good = read_number(value, 599, &number) && number >= 400;
        effect->status = good ? (int)number : 0;
        return good ? NULL : "status is from 400 to 599";
    }
    if (mr_slice_equal(name, MR_S("seed"))) {
        const bool good = read_number(value, INT64_MAX, &number);
        rule->seed = good ? (uint64_t)number : 0;
        return good ? NULL : "seed is a number";
    }
    return "members are service, operation, resource, kind, code, status, message, after, "
           "delay_ms, rate, count, seed";
}

/* What the code's own words and status are. */
static const char *fill_error(struct rule *rule)
{
    struct mr_injection *effect = &rule->effect;
    if (effect->code[0] == '\0')
        return "an error needs a code";
    for (size_t i = 0; i < MR_COUNT(errors); i++) {
        if (strcmp(errors[i].service, rule->service) != 0 ||
            strcmp(errors[i].code, effect->code) != 0)
            continue;
        if (effect->status == 0)
            effect->status = errors[i].status;
        if (effect->message[0] == '\0')
            (void)snprintf(effect->message, sizeof effect->message, "%s", errors[i].message);
    }
    return effect->status == 0 ? "this code is not known of the service: give status and message"
                               : NULL;
}

const char *mr_inject_add(yyjson_val *in, int64_t *ret_id)
{
    struct rule rule = {.count = -1, .rate = 1, .effect.kind = MR_INJECT_KINDS};
    size_t index, max;
    yyjson_val *key, *value;
    const char *wrong = yyjson_is_obj(in) ? NULL : "a fault is an object";
    yyjson_obj_foreach(in, index, max, key, value)
    {
        if (wrong == NULL)
            wrong = read_member(&rule, mr_json_text(key), value);
    }
    if (wrong == NULL && rule.effect.kind == MR_INJECT_KINDS)
        wrong = "a fault needs a kind";
    if (wrong == NULL && rule.effect.kind == MR_INJECT_ERROR)
        wrong = fill_error(&rule);
    if (wrong == NULL && rule.effect.delay_ms == 0 &&
        (rule.effect.kind == MR_INJECT_SLOW || rule.effect.kind == MR_INJECT_FUNCTION_HANG))
        wrong = "this kind needs delay_ms";
    if (wrong != NULL)
        return wrong;
    mr_rng_init_seed(&rule.rng, rule.seed);
    pthread_mutex_lock(&table.lock);
    if (table.count == MR_INJECT_RULES_MAX) {
        wrong = "64 faults are the most";
    } else {
        rule.id = *ret_id = ++table.last;
        table.rules[table.count++] = rule;
        atomic_store(&mr_inject_rules, (int)table.count);
    }
    pthread_mutex_unlock(&table.lock);
    return wrong;
}

bool mr_inject_remove(int64_t id)
{
    size_t kept = 0;
    pthread_mutex_lock(&table.lock);
    const size_t before = table.count;
    for (size_t i = 0; i < before; i++)
        if (id != 0 && table.rules[i].id != id)
            table.rules[kept++] = table.rules[i];
    table.count = kept;
    atomic_store(&mr_inject_rules, (int)kept);
    pthread_mutex_unlock(&table.lock);
    return id == 0 || kept < before;
}

static void write_text(struct mr_json *json, const char *name, const char *text)
{
    if (text[0] != '\0')
        mr_json_key_cstr(json, name, text);
}

void mr_inject_write(struct mr_json *json)
{
    mr_json_object(json);
    mr_json_key(json, "faults");
    mr_json_array(json);
    pthread_mutex_lock(&table.lock);
    for (size_t i = 0; i < table.count; i++) {
        const struct rule *rule = &table.rules[i];
        mr_json_object(json);
        mr_json_key_int(json, "id", rule->id);
        mr_json_key_cstr(json, "kind", kind_names[rule->effect.kind]);
        write_text(json, "service", rule->service);
        write_text(json, "operation", rule->operation);
        write_text(json, "resource", rule->resource);
        write_text(json, "code", rule->effect.code);
        write_text(json, "message", rule->effect.message);
        if (rule->effect.status != 0)
            mr_json_key_int(json, "status", rule->effect.status);
        if (rule->effect.delay_ms != 0)
            mr_json_key_int(json, "delay_ms", rule->effect.delay_ms);
        if (rule->effect.after)
            mr_json_key_bool(json, "after", true);
        mr_json_key_number(json, "rate", rule->rate);
        if (rule->count >= 0)
            mr_json_key_int(json, "count", rule->count);
        mr_json_key_int(json, "seed", (int64_t)rule->seed);
        mr_json_key_int(json, "struck", rule->struck);
        mr_json_object_end(json);
    }
    pthread_mutex_unlock(&table.lock);
    mr_json_array_end(json);
    mr_json_object_end(json);
}

void mr_inject_linger(int64_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}
