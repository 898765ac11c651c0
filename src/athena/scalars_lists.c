/* Aggregates that are computed from the list of their values:
 *
 *   mr_listagg_cut(texts, separator, filler, counts)    listagg with ON OVERFLOW TRUNCATE
 *   mr_numeric_histogram(values, weights, buckets)      value, weight, value, weight, ... */
#include "athena/rows.h"
#include "base/arena.h"
#include <math.h>
#include <stdlib.h>

enum {
    LISTAGG_BYTES_MAX = 1 << 20, /* Trino's */
    HISTOGRAM_ROOM = 100,        /* values that Trino gathers beside the buckets before it merges */
    HISTOGRAM_BUCKETS_MAX = 10000
};

struct call {
    duckdb_function_info info;
    duckdb_vector inputs[4], output;
    idx_t count, at;
};

static struct call call_of(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    struct call call = {.info = info, .output = output};
    call.count = athena_duck.data_chunk_get_size(chunk);
    const idx_t inputs = athena_duck.data_chunk_get_column_count(chunk);
    for (idx_t i = 0; i < inputs && i < MR_COUNT(call.inputs); i++)
        call.inputs[i] = athena_duck.data_chunk_get_vector(chunk, i);
    return call;
}

static bool is_null(duckdb_vector vector, idx_t at)
{
    const uint64_t *validity = athena_duck.vector_get_validity(vector);
    return validity != NULL && (validity[at / 64] >> (at % 64) & 1) == 0;
}

static void put_null(const struct call *call)
{
    athena_duck.vector_ensure_validity_writable(call->output);
    athena_duck.validity_set_row_invalid(athena_duck.vector_get_validity(call->output), call->at);
}

static struct mr_slice text_at(duckdb_vector vector, idx_t at)
{
    const duckdb_string_t *string =
        &((const duckdb_string_t *)athena_duck.vector_get_data(vector))[at];
    const uint32_t len = string->value.inlined.length;
    return mr_slice_make(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr,
                         len);
}

static duckdb_list_entry list_at(const struct call *call, size_t input)
{
    return ((const duckdb_list_entry *)athena_duck.vector_get_data(call->inputs[input]))[call->at];
}

/* ---- listagg ---- */

/* False: all of them are NULL. */
static bool join(const struct call *call, struct mr_buf *out)
{
    const duckdb_list_entry list = list_at(call, 0);
    duckdb_vector texts = athena_duck.list_vector_get_child(call->inputs[0]);
    const struct mr_slice separator = text_at(call->inputs[1], call->at);
    const bool counts = ((const bool *)athena_duck.vector_get_data(call->inputs[3]))[call->at];
    size_t taken = 0, left = 0;
    for (idx_t i = list.offset; i < list.offset + list.length; i++) {
        if (is_null(texts, i))
            continue;
        const struct mr_slice text = text_at(texts, i);
        const size_t more = text.len + (taken > 0 ? separator.len : 0);
        if (left > 0 || out->len + more > LISTAGG_BYTES_MAX) {
            left++;
            continue;
        }
        if (taken++ > 0)
            mr_buf_append(out, separator);
        mr_buf_append(out, text);
    }
    if (left > 0) {
        mr_buf_append(out, taken > 0 ? separator : MR_S(""));
        mr_buf_append(out, text_at(call->inputs[2], call->at));
        if (counts)
            mr_buf_printf(out, "(%zu)", left);
    }
    return taken + left > 0;
}

static void listagg_cut(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    struct call call = call_of(info, chunk, output);
    struct mr_buf text = {0};
    for (; call.at < call.count; call.at++) {
        mr_buf_reset(&text);
        if (is_null(call.inputs[0], call.at) || is_null(call.inputs[1], call.at) ||
            !join(&call, &text))
            put_null(&call);
        else
            athena_duck.vector_assign_string_element_len(output, call.at,
                                                         text.len > 0 ? text.data : "", text.len);
    }
    mr_buf_fini(&text);
}

/* ---- numeric_histogram ---- */

struct bucket {
    double value, weight;
};
struct histogram {
    struct bucket *list;
    size_t count, buckets;
};

static int by_value(const void *a, const void *b)
{
    const double left = ((const struct bucket *)a)->value;
    const double right = ((const struct bucket *)b)->value;
    return left < right ? -1 : left > right;
}

/* What two neighbours lose when they become one. */
static double penalty(const struct bucket *a, const struct bucket *b)
{
    const double weight = a->weight + b->weight;
    return weight * (a->value - b->value) * (a->value - b->value) *
           (a->weight * b->weight / (weight * weight));
}

static void unite(struct histogram *histogram, size_t at)
{
    struct bucket *a = &histogram->list[at], *b = a + 1;
    const double weight = a->weight + b->weight;
    *a = (struct bucket){(a->value * a->weight + b->value * b->weight) / weight, weight};
    memmove(b, b + 1, (histogram->count - at - 2) * sizeof *b);
    histogram->count--;
}

/* Equal values become one bucket, then those that cost the least, until there are few enough. */
static void compact(struct histogram *histogram)
{
    size_t kept = 0;
    qsort(histogram->list, histogram->count, sizeof *histogram->list, by_value);
    for (size_t i = 1; i < histogram->count; i++) {
        struct bucket *last = &histogram->list[kept], *next = &histogram->list[i];
        if (last->value == next->value)
            last->weight += next->weight;
        else
            histogram->list[++kept] = *next;
    }
    histogram->count = histogram->count > 0 ? kept + 1 : 0;
    while (histogram->count > histogram->buckets) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < histogram->count; i++) {
            if (penalty(&histogram->list[i], &histogram->list[i + 1]) <
                penalty(&histogram->list[best], &histogram->list[best + 1]))
                best = i;
        }
        unite(histogram, best);
    }
}

static void gather(const struct call *call, struct histogram *histogram)
{
    const duckdb_list_entry values = list_at(call, 0), weights = list_at(call, 1);
    duckdb_vector value = athena_duck.list_vector_get_child(call->inputs[0]);
    duckdb_vector weight = athena_duck.list_vector_get_child(call->inputs[1]);
    for (idx_t i = 0; i < values.length && i < weights.length; i++) {
        if (is_null(value, values.offset + i) || is_null(weight, weights.offset + i))
            continue;
        if (histogram->count == histogram->buckets + HISTOGRAM_ROOM)
            compact(histogram);
        histogram->list[histogram->count++] = (struct bucket){
            ((const double *)athena_duck.vector_get_data(value))[values.offset + i],
            ((const double *)athena_duck.vector_get_data(weight))[weights.offset + i]};
    }
    compact(histogram);
}

static idx_t put_buckets(const struct call *call, const struct histogram *histogram, idx_t from)
{
    const idx_t end = from + histogram->count * 2;
    athena_duck.list_vector_reserve(call->output, end);
    athena_duck.list_vector_set_size(call->output, end);
    double *numbers = athena_duck.vector_get_data(athena_duck.list_vector_get_child(call->output));
    for (size_t i = 0; i < histogram->count; i++) {
        numbers[from + i * 2] = histogram->list[i].value;
        numbers[from + i * 2 + 1] = histogram->list[i].weight;
    }
    ((duckdb_list_entry *)athena_duck.vector_get_data(call->output))[call->at] =
        (duckdb_list_entry){from, end - from};
    return end;
}

static void numeric_histogram(duckdb_function_info info, duckdb_data_chunk chunk,
                              duckdb_vector output)
{
    struct call call = call_of(info, chunk, output);
    idx_t end = 0;
    for (; call.at < call.count; call.at++) {
        if (is_null(call.inputs[0], call.at) || is_null(call.inputs[2], call.at)) {
            put_null(&call);
            continue;
        }
        const int64_t buckets =
            ((const int64_t *)athena_duck.vector_get_data(call.inputs[2]))[call.at];
        if (buckets < 2 || buckets > HISTOGRAM_BUCKETS_MAX) {
            athena_duck.scalar_function_set_error(
                info, buckets < 2
                          ? "INVALID_FUNCTION_ARGUMENT: numeric_histogram bucket count must "
                            "be greater than one"
                          : "NOT_SUPPORTED: numeric_histogram of more than 10000 buckets "
                            "is not supported");
            return;
        }
        struct histogram histogram = {.buckets = (size_t)buckets};
        histogram.list = mr_malloc((histogram.buckets + HISTOGRAM_ROOM) * sizeof *histogram.list);
        gather(&call, &histogram);
        if (histogram.count > 0)
            end = put_buckets(&call, &histogram, end);
        else
            put_null(&call);
        free(histogram.list);
    }
}

/* ---- registering ---- */

enum { INPUTS_MAX = 4 };
static const struct function {
    const char *name;
    /* LIST: of what comes next */
    duckdb_type inputs[INPUTS_MAX * 2], result[2];
    void (*run)(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output);
} functions[] = {
    {"mr_listagg_cut",
     {DUCKDB_TYPE_LIST, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR,
      DUCKDB_TYPE_BOOLEAN},
     {DUCKDB_TYPE_VARCHAR},
     listagg_cut},
    {"mr_numeric_histogram",
     {DUCKDB_TYPE_LIST, DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_LIST, DUCKDB_TYPE_DOUBLE,
      DUCKDB_TYPE_BIGINT},
     {DUCKDB_TYPE_LIST, DUCKDB_TYPE_DOUBLE},
     numeric_histogram},
};

/* The type that stands at `at`, of one word or two. */
static duckdb_logical_type type_of(const duckdb_type *types, size_t *at)
{
    const bool list = types[*at] == DUCKDB_TYPE_LIST;
    duckdb_logical_type type = athena_duck.create_logical_type(types[*at + list]);
    *at += 1 + list;
    if (!list)
        return type;
    duckdb_logical_type of = athena_duck.create_list_type(type);
    athena_duck.destroy_logical_type(&type);
    return of;
}

static const char *name_of(const void *table, size_t index)
{
    return ((const struct function *)table)[index].name;
}

static duckdb_scalar_function make(const void *table, size_t index)
{
    const struct function *row = &((const struct function *)table)[index];
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    athena_duck.scalar_function_set_name(function, row->name);
    for (size_t at = 0; row->inputs[at] != DUCKDB_TYPE_INVALID;) {
        duckdb_logical_type type = type_of(row->inputs, &at);
        athena_duck.scalar_function_add_parameter(function, type);
        athena_duck.destroy_logical_type(&type);
    }
    size_t first = 0;
    duckdb_logical_type result = type_of(row->result, &first);
    athena_duck.scalar_function_set_return_type(function, result);
    athena_duck.destroy_logical_type(&result);
    athena_duck.scalar_function_set_function(function, row->run);
    return function;
}

enum mr_status athena_lists_register(duckdb_connection connection)
{
    const struct athena_overloads all = {functions, MR_COUNT(functions), name_of, make};
    return athena_overloads_register(connection, &all);
}
