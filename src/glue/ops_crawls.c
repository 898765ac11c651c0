/* The wire: schedules of crawlers, and the crawls that were. */
#include "glue/internal.h"
#include <stdlib.h>

/* ---- schedules ---- */

static void change_schedule(struct protocol_call *call, const struct mr_slice *expression,
                            bool stop)
{
    struct mr_slice name = mr_json_get_text(call->in, "CrawlerName");
    enum mr_status status =
        glue_crawler_schedule(call->service, call->arena, name, expression, stop, &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_crawler(call, name);
    else if (status == MR_INVALID)
        protocol_fail(call, &glue_fault_invalid_input, "Invalid schedule cron expression: %.*s",
                      MR_ARG(*expression));
    else if (status == MR_END && !stop)
        protocol_fail(call, &glue_fault_no_schedule, "Crawler %.*s has no schedule", MR_ARG(name));
    else if (stop && (status == MR_EXISTS || status == MR_END))
        protocol_fail(call, &glue_fault_schedule_stopped,
                      "The schedule of crawler %.*s is not running", MR_ARG(name));
    else if (status == MR_EXISTS)
        protocol_fail(call, &glue_fault_schedule_running,
                      "The schedule of crawler %.*s is already running", MR_ARG(name));
    protocol_fail_internal(call, status);
}

static void start_schedule(struct protocol_call *call)
{
    change_schedule(call, NULL, false);
}

static void stop_schedule(struct protocol_call *call)
{
    change_schedule(call, NULL, true);
}

static void update_schedule(struct protocol_call *call)
{
    struct mr_slice expression = mr_json_get_text(call->in, "Schedule");
    change_schedule(call, &expression, false);
}

/* ---- crawls ---- */

struct crawls {
    struct protocol_call *call;
    struct glue_pager pager;
    yyjson_val *filters;
};

static bool holds(double difference, struct mr_slice comparison)
{
    static const struct {
        struct mr_slice name;
        bool less, equal, greater;
    } comparisons[] = {
        {MR_S_INIT("GT"), false, false, true}, {MR_S_INIT("GE"), false, true, true},
        {MR_S_INIT("LT"), true, false, false}, {MR_S_INIT("LE"), true, true, false},
        {MR_S_INIT("EQ"), false, true, false}, {MR_S_INIT("NE"), true, false, true},
    };
    for (size_t i = 0; i < MR_COUNT(comparisons); i++) {
        if (mr_slice_equal(comparison, comparisons[i].name))
            return difference < 0   ? comparisons[i].less
                   : difference > 0 ? comparisons[i].greater
                                    : comparisons[i].equal;
    }
    return false;
}

static bool to_number(struct mr_arena *arena, struct mr_slice text, double *ret)
{
    char *copy = mr_arena_cstr(arena, text), *end;
    *ret = strtod(copy, &end);
    return text.len > 0 && *end == '\0';
}

/* AWS: times are epoch milliseconds. */
static bool fits(const struct crawls *crawls, yyjson_val *crawl, yyjson_val *filter)
{
    static const struct {
        struct mr_slice field;
        const char *member;
        double factor; /* 0: a text */
    } fields[] = {
        {MR_S_INIT("CRAWL_ID"), "CrawlId", 0},        {MR_S_INIT("STATE"), "State", 0},
        {MR_S_INIT("START_TIME"), "StartTime", 1000}, {MR_S_INIT("END_TIME"), "EndTime", 1000},
        {MR_S_INIT("DPU_HOUR"), "DPUHour", 1},
    };
    struct mr_slice value = mr_json_get_text(filter, "FieldValue");
    struct mr_slice comparison = mr_json_get_text(filter, "FilterOperator");
    for (size_t i = 0; i < MR_COUNT(fields); i++) {
        if (!mr_slice_equal(mr_json_get_text(filter, "FieldName"), fields[i].field))
            continue;
        if (fields[i].factor == 0)
            return holds(mr_slice_compare(mr_json_get_text(crawl, fields[i].member), value),
                         comparison);
        double bound;
        return mr_json_get(crawl, fields[i].member) != NULL &&
               to_number(crawls->call->arena, value, &bound) &&
               holds(mr_json_get_double(crawl, fields[i].member, 0) * fields[i].factor - bound,
                     comparison);
    }
    return true;
}

static enum mr_status list_crawl(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct crawls *crawls = ctx;
    size_t index, max;
    yyjson_val *filter;
    (void)name;
    yyjson_val *crawl =
        yyjson_arr_size(crawls->filters) == 0 ? NULL : glue_parse(crawls->call->arena, json);
    yyjson_arr_foreach(crawls->filters, index, max, filter)
    {
        if (!fits(crawls, crawl, filter))
            return MR_OK;
    }
    enum mr_status status = glue_pager_next(&crawls->pager);
    if (status == MR_OK)
        mr_json_raw(&crawls->call->out, json);
    return status == MR_END ? MR_END : MR_OK;
}

/* False: the fault is set. */
static bool check_filters(struct protocol_call *call, yyjson_val *filters)
{
    size_t index, max;
    yyjson_val *filter;
    yyjson_arr_foreach(filters, index, max, filter)
    {
        struct mr_slice field = mr_json_get_text(filter, "FieldName");
        struct mr_slice value = mr_json_get_text(filter, "FieldValue");
        double number;
        if (field.len == 0 || mr_json_get(filter, "FilterOperator") == NULL ||
            (!mr_slice_equal(field, MR_S("CRAWL_ID")) && !mr_slice_equal(field, MR_S("STATE")) &&
             !to_number(call->arena, value, &number))) {
            protocol_fail(call, &glue_fault_invalid_input, "Invalid filter value: %.*s",
                          MR_ARG(value));
            return false;
        }
    }
    return true;
}

enum { CRAWLS_PAGE_MAX = 100 }; /* AWS, below what its model takes */

static void list_crawls(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct crawls crawls = {.call = call, .filters = mr_json_get(call->in, "Filters")};
    struct mr_slice name = mr_json_get_text(call->in, "CrawlerName"), running;
    bool exists;
    const bool runs = glue_crawler_running(glue, call->arena, name, &running, &exists);
    if (!exists) {
        glue_fail_crawler(call, name);
        return;
    }
    if (mr_json_get_i64(call->in, "MaxResults", 1) > CRAWLS_PAGE_MAX) {
        protocol_fail(call, &glue_fault_invalid_input, "MaxResults is at most %d", CRAWLS_PAGE_MAX);
        return;
    }
    if (!check_filters(call, crawls.filters) || !glue_pager_init(&crawls.pager, call, 20))
        return;
    mr_json_key(&call->out, "Crawls");
    mr_json_array(&call->out);
    enum mr_status status = runs ? list_crawl(&crawls, name, running) : MR_OK;
    if (status == MR_OK)
        status = store_doc_each(glue->store, "glue", "crawl", glue_below(call->arena, &name, 1),
                                list_crawl, &crawls);
    mr_json_array_end(&call->out);
    glue_pager_end(&crawls.pager, call);
    protocol_fail_internal(call, status);
}

const struct protocol_handler glue_crawls_handlers[] = {
    {.operation = "StartCrawlerSchedule", .run = start_schedule},
    {.operation = "StopCrawlerSchedule", .run = stop_schedule},
    {.operation = "UpdateCrawlerSchedule", .run = update_schedule},
    {.operation = "ListCrawls", .run = list_crawls},
};
const size_t glue_crawls_handler_count = MR_COUNT(glue_crawls_handlers);
