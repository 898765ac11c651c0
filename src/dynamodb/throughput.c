/* Throughput beyond the units of a provisioned table: when they last changed, the limits of an
 * on-demand one (OnDemandThroughput), and what is kept warm (WarmThroughput). Stored, checked and
 * described; nothing here is ever throttled. */
#include "dynamodb/internal.h"
#include <time.h>

#define INVALID "One or more parameter values were invalid: "

enum { ON_DEMAND_READ = 12000, ON_DEMAND_WRITE = 4000 }; /* AWS: what such tables begin with */

enum { FREE_DECREASES = 4 }; /* AWS: a UTC day; then one an hour */

static const int64_t day_ms = 86400000, hour_ms = 3600000;

/* "for table", or "for index X". */
static struct mr_slice owner_text(struct protocol_call *call,
                                  const struct dynamodb_tuning_wish *wish, const char *colon)
{
    if (wish->index.len == 0)
        return MR_S("for table");
    return mr_arena_printf(call->arena, "for index %s%.*s", colon, MR_ARG(wish->index));
}

enum mr_status dynamodb_tuning_check_empty(struct protocol_call *call, yyjson_val *owner,
                                           const char *name)
{
    yyjson_val *wish = mr_json_get(owner, name);
    if (wish == NULL || yyjson_obj_size(wish) > 0)
        return MR_OK;
    const bool warm = name[0] == 'W';
    return protocol_fail(call, &protocol_validation, INVALID "%s must specify %s, %s, or both",
                         name, warm ? "ReadUnitsPerSecond" : "MaxReadRequestUnits",
                         warm ? "WriteUnitsPerSecond" : "MaxWriteRequestUnits");
}

static enum mr_status read_limit(struct protocol_call *call,
                                 const struct dynamodb_tuning_wish *wish, const char *name,
                                 int64_t *limit)
{
    yyjson_val *given = mr_json_get(mr_json_get(wish->owner, "OnDemandThroughput"), name);
    int64_t units = mr_json_i64(given, 0);
    if (given == NULL)
        return MR_OK;
    if (!wish->on_demand)
        return protocol_fail(call, &protocol_validation,
                             INVALID "%s for OnDemandThroughput cannot be specified when the table "
                                     "BillingMode is PROVISIONED",
                             name);
    if (units < 1 && !(units == -1 && wish->current != NULL))
        return protocol_fail(call, &protocol_validation,
                             INVALID "Requested %s for OnDemandThroughput %.*s is outside of valid "
                                     "range",
                             name, MR_ARG(owner_text(call, wish, ": ")));
    *limit = units == -1 ? 0 : units; /* AWS: -1 takes it away */
    return MR_OK;
}

static enum mr_status refuse_warm(struct protocol_call *call,
                                  const struct dynamodb_tuning_wish *wish, const char *name)
{
    const char *than = "ReadCapacityUnits of ProvisionedThroughput";
    if (wish->current != NULL)
        than = "current WarmThroughput, decreasing WarmThroughput is not supported";
    else if (wish->on_demand)
        than = "initial throughput for OnDemand. See: https://docs.aws.amazon.com/amazondynamodb/"
               "latest/developerguide/warm-throughput.html";
    else if (name[0] == 'W')
        than = "WriteCapacityUnits of ProvisionedThroughput";
    return protocol_fail(call, &protocol_validation,
                         INVALID "Requested %s for WarmThroughput %.*s is lower than %s", name,
                         MR_ARG(owner_text(call, wish, "")), than);
}

static enum mr_status read_warm(struct protocol_call *call, const struct dynamodb_tuning_wish *wish,
                                const char *name, int64_t now, int64_t *warm)
{
    yyjson_val *given = mr_json_get(mr_json_get(wish->owner, "WarmThroughput"), name);
    if (given == NULL)
        return MR_OK;
    if (mr_json_i64(given, 0) < now)
        return refuse_warm(call, wish, name);
    *warm = mr_json_i64(given, 0);
    return MR_OK;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void dynamodb_warm_units(bool on_demand, int64_t read_units, int64_t write_units,
                         const struct dynamodb_tuning *tuning, int64_t *ret_read,
                         int64_t *ret_write)
{
    *ret_read = larger(on_demand ? ON_DEMAND_READ : read_units, tuning->warm_read);
    *ret_write = larger(on_demand ? ON_DEMAND_WRITE : write_units, tuning->warm_write);
}

enum mr_status dynamodb_tuning_read(struct protocol_call *call,
                                    const struct dynamodb_tuning_wish *wish,
                                    struct dynamodb_tuning *ret_tuning)
{
    struct dynamodb_tuning tuning = {.max_read = 0};
    if (wish->current != NULL)
        tuning = *wish->current;
    if (!wish->on_demand)
        tuning.max_read = tuning.max_write = 0; /* AWS: they go with the billing mode */
    int64_t read, write;
    dynamodb_warm_units(wish->on_demand, wish->read_units, wish->write_units, &tuning, &read,
                        &write);
    enum mr_status status = dynamodb_tuning_check_empty(call, wish->owner, "OnDemandThroughput");
    if (status == MR_OK)
        status = dynamodb_tuning_check_empty(call, wish->owner, "WarmThroughput");
    if (status == MR_OK)
        status = read_limit(call, wish, "MaxReadRequestUnits", &tuning.max_read);
    if (status == MR_OK)
        status = read_limit(call, wish, "MaxWriteRequestUnits", &tuning.max_write);
    if (status == MR_OK)
        status = read_warm(call, wish, "ReadUnitsPerSecond", read, &tuning.warm_read);
    if (status == MR_OK)
        status = read_warm(call, wish, "WriteUnitsPerSecond", write, &tuning.warm_write);
    if (status == MR_OK)
        *ret_tuning = tuning;
    return status;
}

void dynamodb_tuning_keep_warm(struct dynamodb_tuning *tuning, bool on_demand, int64_t read_units,
                               int64_t write_units)
{
    dynamodb_warm_units(on_demand, read_units, write_units, tuning, &tuning->warm_read,
                        &tuning->warm_write);
}

void dynamodb_tuning_count(struct dynamodb_tuning *tuning, int64_t read_growth,
                           int64_t write_growth, int64_t now_ms)
{
    if (read_growth > 0 || write_growth > 0)
        tuning->increased_ms = now_ms;
    if (read_growth >= 0 && write_growth >= 0)
        return;
    if (tuning->decreased_ms / day_ms != now_ms / day_ms)
        tuning->decreases = 0;
    tuning->decreased_ms = now_ms;
    tuning->decreases++;
}

/* "Friday, October 9, 2026 at 12:21:34 AM Coordinated Universal Time" */
static struct mr_slice long_date(struct mr_arena *arena, int64_t ms)
{
    char text[96];
    const time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%A, %B", &tm);
    return mr_arena_printf(arena, "%s %d, %d at %d:%02d:%02d %s Coordinated Universal Time", text,
                           tm.tm_mday, tm.tm_year + 1900,
                           tm.tm_hour % 12 == 0 ? 12 : tm.tm_hour % 12, tm.tm_min, tm.tm_sec,
                           tm.tm_hour < 12 ? "AM" : "PM");
}

enum mr_status dynamodb_decrease_check(struct protocol_call *call,
                                       const struct dynamodb_tuning *tuning, int64_t read_growth,
                                       int64_t write_growth)
{
    const int64_t now_ms = call->now_ms, last_ms = tuning->decreased_ms;
    const int64_t tomorrow_ms = (now_ms / day_ms + 1) * day_ms;
    if ((read_growth >= 0 && write_growth >= 0) || last_ms / day_ms != now_ms / day_ms ||
        tuning->decreases < FREE_DECREASES || now_ms - last_ms >= hour_ms)
        return MR_OK;
    return protocol_fail(
        call, &dynamodb_limit_exceeded,
        "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given "
        "UTC day. After the first %d decreases, each subsequent decrease in the same UTC day can "
        "be performed at most once every %lld seconds. Number of decreases today: %lld. Last "
        "decrease at %.*s. Next decrease can be made at %.*s",
        FREE_DECREASES, (long long)(hour_ms / 1000), (long long)tuning->decreases,
        MR_ARG(long_date(call->arena, last_ms)),
        MR_ARG(long_date(call->arena,
                         last_ms + hour_ms < tomorrow_ms ? last_ms + hour_ms : tomorrow_ms)));
}

/* ---- describing ---- */

void dynamodb_describe_throughput(struct mr_json *json, int64_t read_units, int64_t write_units,
                                  const struct dynamodb_tuning *tuning, int64_t now_ms)
{
    bool today = tuning->decreased_ms / day_ms == now_ms / day_ms;
    mr_json_key(json, "ProvisionedThroughput");
    mr_json_object(json);
    if (tuning->increased_ms != 0)
        mr_json_key_timestamp(json, "LastIncreaseDateTime", tuning->increased_ms);
    if (tuning->decreased_ms != 0)
        mr_json_key_timestamp(json, "LastDecreaseDateTime", tuning->decreased_ms);
    mr_json_key_int(json, "NumberOfDecreasesToday", today ? tuning->decreases : 0);
    mr_json_key_int(json, "ReadCapacityUnits", read_units);
    mr_json_key_int(json, "WriteCapacityUnits", write_units);
    mr_json_object_end(json);
}

void dynamodb_describe_on_demand(struct mr_json *json, const struct dynamodb_tuning *tuning)
{
    if (tuning->max_read == 0 && tuning->max_write == 0)
        return;
    mr_json_key(json, "OnDemandThroughput");
    mr_json_object(json);
    if (tuning->max_read != 0)
        mr_json_key_int(json, "MaxReadRequestUnits", tuning->max_read);
    if (tuning->max_write != 0)
        mr_json_key_int(json, "MaxWriteRequestUnits", tuning->max_write);
    mr_json_object_end(json);
}

/* AWS shows it once the table is active: what was asked for, at least what it was provisioned with,
 * or where on-demand tables begin. */
void dynamodb_describe_warm(struct mr_json *json, bool on_demand, int64_t read_units,
                            int64_t write_units, const struct dynamodb_tuning *tuning)
{
    int64_t read, write;
    dynamodb_warm_units(on_demand, read_units, write_units, tuning, &read, &write);
    mr_json_key(json, "WarmThroughput");
    mr_json_object(json);
    mr_json_key_int(json, "ReadUnitsPerSecond", read);
    mr_json_key_int(json, "WriteUnitsPerSecond", write);
    mr_json_key_cstr(json, "Status", "ACTIVE");
    mr_json_object_end(json);
}

/* ---- stored: an object "tuning" in the document of the table, or of its index ---- */

void dynamodb_tuning_put(struct mr_json *json, const struct dynamodb_tuning *tuning)
{
    mr_json_key(json, "tuning");
    mr_json_object(json);
    mr_json_key_int(json, "max_read", tuning->max_read);
    mr_json_key_int(json, "max_write", tuning->max_write);
    mr_json_key_int(json, "warm_read", tuning->warm_read);
    mr_json_key_int(json, "warm_write", tuning->warm_write);
    mr_json_key_int(json, "increased_ms", tuning->increased_ms);
    mr_json_key_int(json, "decreased_ms", tuning->decreased_ms);
    mr_json_key_int(json, "decreases", tuning->decreases);
    mr_json_object_end(json);
}

struct dynamodb_tuning dynamodb_tuning_take(yyjson_val *doc)
{
    yyjson_val *tuning = mr_json_get(doc, "tuning");
    return (struct dynamodb_tuning){
        .max_read = mr_json_get_i64(tuning, "max_read", 0),
        .max_write = mr_json_get_i64(tuning, "max_write", 0),
        .warm_read = mr_json_get_i64(tuning, "warm_read", 0),
        .warm_write = mr_json_get_i64(tuning, "warm_write", 0),
        .increased_ms = mr_json_get_i64(tuning, "increased_ms", 0),
        .decreased_ms = mr_json_get_i64(tuning, "decreased_ms", 0),
        .decreases = mr_json_get_i64(tuning, "decreases", 0),
    };
}
