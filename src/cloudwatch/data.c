/* GetMetricData: each query is a metric or an expression over the others; what is asked for comes
 * in pages of datapoints, query after query. Everything of a request is in its arena. */
#include "cloudwatch/internal.h"
#include "cloudwatch/math.h"
#include <math.h>

enum {
    DATA_MAX = 100800, /* AWS: datapoints of a reply */
    CHAIN_MAX = 32,    /* expressions that are made of expressions */
    MINUTE_S = 60,
};

static const struct protocol_fault bad_token = {"InvalidNextToken", 400, false};

enum query_state { QUERY_NEW, QUERY_BUSY, QUERY_DONE };
struct query {
    yyjson_val *in;
    struct mr_slice id, expression, label;
    enum query_state state;
    struct cw_value value;
};

struct data {
    struct protocol_call *call;
    struct query *queries;
    size_t count, chain;
    struct mr_slice failed; /* id of the expression that is at fault */
    struct cw_math math;
};

/* ---- metrics ---- */

static bool read_metric(struct data *data, struct query *query)
{
    struct protocol_call *call = data->call;
    yyjson_val *stat = mr_json_get(query->in, "MetricStat"), *metric = mr_json_get(stat, "Metric");
    const struct mr_slice account = mr_json_get_text(query->in, "AccountId");
    struct cw_question question = {
        .space = mr_json_get_text(metric, "Namespace"),
        .name = mr_json_get_text(metric, "MetricName"),
        .unit = mr_json_get_text(stat, "Unit"),
        .dimensions = mr_json_get(metric, "Dimensions"),
    };
    struct cw_stat wanted;
    if (!cw_stat_parse(mr_json_get_text(stat, "Stat"), &wanted))
        protocol_fail(call, &cw_invalid, "The value %.*s for parameter Stat is not supported.",
                      MR_ARG(mr_json_get_text(stat, "Stat")));
    if (protocol_failed(call) ||
        !cw_question_times(call, &question, mr_json_get_i64(stat, "Period", 0), DATA_MAX))
        return false;
    question.values = cw_stat_is_extended(&wanted);
    const struct cw_series like = {.id = query->id,
                                   .label = query->label.len > 0 ? query->label : question.name,
                                   .from_ms = question.from_ms,
                                   .period_ms = question.period_ms,
                                   .count = question.count};
    if (!cw_math_series(&data->math, &like, &query->value))
        return false;
    if (account.len > 0 && !mr_slice_equal(account, call->account))
        return true; /* somebody else's: none that is known here */
    struct mr_slice unit = {0};
    const struct cw_sums *sums = cw_answer(call, &question, &unit);
    double *values = query->value.series->values;
    for (size_t i = 0; i < question.count; i++)
        if (!cw_stat_value(&wanted, &sums[i], &values[i]))
            values[i] = NAN;
    return true;
}

/* ---- expressions ---- */

static bool answer(struct data *data, struct query *query);

/* Nothing of the chain is at fault but this one. */
static bool fail_at(struct data *data, const struct query *query)
{
    if (data->failed.len == 0)
        data->failed = query->id;
    return false;
}

static bool find(void *ctx, struct cw_math *math, struct mr_slice id, struct cw_value *ret)
{
    struct data *data = ctx;
    for (size_t i = 0; i < data->count; i++) {
        struct query *query = &data->queries[i];
        if (!mr_slice_equal(query->id, id))
            continue;
        if (query->state == QUERY_BUSY)
            return cw_math_fail(math, "The expression refers to itself by %.*s.", MR_ARG(id));
        if (!answer(data, query))
            return false;
        *ret = query->value;
        return true;
    }
    return cw_math_fail(math, "Undefined variable %.*s.", MR_ARG(id));
}

static struct cw_value metrics(void *ctx, struct mr_slice part)
{
    struct data *data = ctx;
    struct cw_value list = {.kind = CW_VALUE_LIST};
    list.series = MR_NEW_ARRAY(data->math.arena, struct cw_series, data->count + 1);
    for (size_t i = 0; i < data->count; i++) {
        struct query *query = &data->queries[i];
        if (query->expression.len == 0 && mr_slice_search(query->id, part) != SIZE_MAX &&
            answer(data, query))
            list.series[list.count++] = *query->value.series;
    }
    return list;
}

/* The grid of a series that is made of a number: the query's period, or that of the first metric.
 */
static bool set_grid(struct data *data, const struct query *query)
{
    int64_t period_s = mr_json_get_i64(query->in, "Period", 0);
    for (size_t i = 0; i < data->count && period_s == 0; i++)
        period_s = mr_json_get_i64(mr_json_get(data->queries[i].in, "MetricStat"), "Period", 0);
    struct cw_question question = {.count = 0};
    if (!cw_question_times(data->call, &question, period_s == 0 ? MINUTE_S : period_s, DATA_MAX))
        return false;
    data->math.grid = (struct cw_series){.id = query->id,
                                         .from_ms = question.from_ms,
                                         .period_ms = question.period_ms,
                                         .count = question.count};
    return true;
}

static bool read_expression(struct data *data, struct query *query)
{
    const struct mr_slice text = query->expression;
    if (data->chain == CHAIN_MAX) {
        (void)cw_math_fail(&data->math, "More than %d expressions made of one another.",
                           (int)CHAIN_MAX);
        return fail_at(data, query);
    }
    if (mr_slice_starts_with(text, MR_S("SELECT "))) {
        (void)cw_math_fail(&data->math, "millrace does not implement Metrics Insights.");
        return fail_at(data, query);
    }
    data->chain++;
    const struct cw_series outer = data->math.grid;
    bool good = set_grid(data, query) && cw_math_eval(&data->math, text, &query->value);
    data->math.grid = outer;
    data->chain--;
    return good || fail_at(data, query);
}

static bool answer(struct data *data, struct query *query)
{
    if (query->state == QUERY_DONE)
        return true;
    query->state = QUERY_BUSY;
    const bool good =
        query->expression.len > 0 ? read_expression(data, query) : read_metric(data, query);
    query->state = QUERY_DONE;
    return good && !protocol_failed(data->call);
}

/* ---- the request ---- */

static bool is_id(struct mr_slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.ptr[i];
        const bool letter = (c >= 'a' && c <= 'z') || (i > 0 && c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || (c != '_' && (c < '0' || c > '9'))))
            return false;
    }
    return id.len > 0;
}

static void check_query(struct data *data, size_t at)
{
    struct protocol_call *call = data->call;
    const struct query *query = &data->queries[at];
    if (!is_id(query->id))
        protocol_fail(
            call, &protocol_validation,
            "The value %.*s for parameter MetricDataQueries.member.%zu.Id is not matching "
            "the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
            MR_ARG(query->id), at + 1);
    if ((mr_json_get(query->in, "MetricStat") == NULL) == (query->expression.len == 0))
        protocol_fail(call, &protocol_validation,
                      "The parameter MetricDataQueries.member.%zu must have either a MetricStat or "
                      "an Expression.",
                      at + 1);
    for (size_t i = 0; i < at; i++)
        if (mr_slice_equal(data->queries[i].id, query->id))
            protocol_fail(call, &protocol_validation,
                          "The values for parameter id in MetricDataQueries are not unique.");
}

static bool read_queries(struct data *data)
{
    size_t i, count;
    yyjson_val *in, *list = mr_json_get(data->call->in, "MetricDataQueries");
    data->queries = MR_NEW_ARRAY(data->call->arena, struct query, yyjson_arr_size(list) + 1);
    yyjson_arr_foreach(list, i, count, in)
    {
        data->queries[i] = (struct query){
            .in = in,
            .id = mr_json_get_text(in, "Id"),
            .expression = mr_json_get_text(in, "Expression"),
            .label = mr_json_get_text(in, "Label"),
        };
        check_query(data, i);
    }
    data->count = yyjson_arr_size(list);
    return !protocol_failed(data->call);
}

/* All of them, those that are not returned too: a wrong one is told. */
static bool answer_all(struct data *data)
{
    struct cw_math *math = &data->math;
    for (size_t i = 0; i < data->count; i++) {
        struct query *query = &data->queries[i];
        const bool good = answer(data, query);
        if (protocol_failed(data->call))
            return false;
        if (good && query->value.kind != CW_VALUE_SERIES && query->value.kind != CW_VALUE_LIST &&
            mr_json_get_bool(query->in, "ReturnData", true)) {
            (void)cw_math_fail(math, "The result must be a time series or an array of them.");
            (void)fail_at(data, query);
        }
        if (math->why[0] == '\0')
            continue;
        protocol_fail(data->call, &protocol_validation, "Error in expression '%.*s' [%s]",
                      MR_ARG(data->failed.len > 0 ? data->failed : query->id), math->why);
        return false;
    }
    return true;
}

/* ---- the reply ---- */

/* Which of all datapoints, series after series, a page shows. */
struct data_page {
    uint64_t from, to, at;
    bool more;
};

/* Writes those of the page; returns how many there are in all. */
static uint64_t write_series(struct protocol_call *call, const struct cw_series *series,
                             const struct data_page *page, bool times)
{
    const bool ascending =
        mr_slice_equal(mr_json_get_text(call->in, "ScanBy"), MR_S("TimestampAscending"));
    uint64_t at = page->at;
    mr_json_key(&call->out, times ? "Timestamps" : "Values");
    mr_json_array(&call->out);
    for (size_t n = 0; n < series->count; n++) {
        const size_t i = ascending ? n : series->count - 1 - n;
        if (isnan(series->values[i]))
            continue;
        const bool shown = at >= page->from && at < page->to;
        at++;
        if (shown && times)
            mr_json_timestamp(&call->out, series->from_ms + (int64_t)i * series->period_ms);
        else if (shown)
            mr_json_number(&call->out, series->values[i]);
    }
    mr_json_array_end(&call->out);
    return at - page->at;
}

/* AWS: a metric's own label, an expression's, or both for each series of a list. */
static struct mr_slice label_of(struct protocol_call *call, const struct query *query,
                                const struct cw_series *series)
{
    const struct mr_slice own = query->label.len > 0 ? query->label : query->id;
    if (query->expression.len == 0)
        return series->label;
    if (query->value.kind == CW_VALUE_SERIES)
        return own;
    return mr_arena_printf(call->arena, "%.*s %.*s", MR_ARG(own), MR_ARG(series->label));
}

static void write_query(struct protocol_call *call, const struct query *query,
                        struct data_page *page)
{
    if (!mr_json_get_bool(query->in, "ReturnData", true))
        return;
    for (size_t i = 0; i < query->value.count && !page->more; i++) {
        const struct cw_series *series = &query->value.series[i];
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "Id", query->id);
        mr_json_key_string(&call->out, "Label", label_of(call, query, series));
        (void)write_series(call, series, page, true);
        page->at += write_series(call, series, page, false);
        page->more = page->at > page->to;
        mr_json_key_cstr(&call->out, "StatusCode", page->more ? "PartialData" : "Complete");
        mr_json_object_end(&call->out);
    }
}

/* False, with the fault set: no token of ours. */
static bool read_page(struct protocol_call *call, struct data_page *page)
{
    const struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    const int64_t most = mr_json_get_i64(call->in, "MaxDatapoints", DATA_MAX);
    *page = (struct data_page){0};
    if (token.len > 0 && mr_slice_to_u64(token, &page->from) != MR_OK)
        protocol_fail(call, &bad_token, "The value of the parameter NextToken is not valid.");
    page->to = page->from + (uint64_t)(most < 1 || most > DATA_MAX ? DATA_MAX : most);
    return !protocol_failed(call);
}

void cw_get_data(struct protocol_call *call)
{
    struct data data = {.call = call};
    struct data_page page;
    data.math =
        (struct cw_math){.arena = call->arena, .ctx = &data, .find = find, .metrics = metrics};
    if (!read_page(call, &page) || !read_queries(&data) || !answer_all(&data))
        return;
    mr_json_key(&call->out, "MetricDataResults");
    mr_json_array(&call->out);
    for (size_t i = 0; i < data.count && !page.more; i++)
        write_query(call, &data.queries[i], &page);
    mr_json_array_end(&call->out);
    if (page.more)
        mr_json_key_string(&call->out, "NextToken",
                           mr_arena_printf(call->arena, "%llu", (unsigned long long)page.to));
    mr_json_key(&call->out, "Messages");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
}
