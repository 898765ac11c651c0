/* mr_weighted(values, weights, share): the percentile of values that count more than once, as a
 * t-digest with a centroid for each value tells it. */
#include "athena/rows.h"
#include "base/arena.h"
#include <math.h>
#include <stdlib.h>

struct centroid {
    double value, weight;
};

static int by_value(const void *a, const void *b)
{
    const double left = ((const struct centroid *)a)->value;
    const double right = ((const struct centroid *)b)->value;
    return left < right ? -1 : left > right;
}

/* Between two centroids, of which one that stands for a single value has half a place around it. */
static double between(const struct centroid *left, const struct centroid *right, double index,
                      double before)
{
    const double step = (left->weight + right->weight) / 2;
    const double unit_left = left->weight == 1 ? 0.5 : 0, unit_right = right->weight == 1 ? 0.5 : 0;
    if (left->weight == 1 && index - before < 0.5)
        return left->value;
    if (right->weight == 1 && before + step - index <= 0.5)
        return right->value;
    const double near = index - before - unit_left, far = before + step - index - unit_right;
    return (left->value * far + right->value * near) / (near + far);
}

static double percentile(const struct centroid *list, size_t count, double total, double share)
{
    const double index = share * total;
    double before = list[0].weight / 2;
    if (count == 1 || index < 1 || index < before)
        return list[0].value;
    if (index > total - 1)
        return list[count - 1].value;
    for (size_t i = 0; i + 1 < count; i++) {
        const double step = (list[i].weight + list[i + 1].weight) / 2;
        if (before + step > index)
            return between(&list[i], &list[i + 1], index, before);
        before += step;
    }
    return list[count - 1].value;
}

static bool is_null(const uint64_t *validity, idx_t at)
{
    return validity != NULL && (validity[at / 64] >> (at % 64) & 1) == 0;
}

struct list {
    const duckdb_list_entry *entries;
    const double *items;
    const uint64_t *validity, *nulls;
};

static struct list list_of(duckdb_vector vector)
{
    duckdb_vector child = athena_duck.list_vector_get_child(vector);
    return (struct list){athena_duck.vector_get_data(vector), athena_duck.vector_get_data(child),
                         athena_duck.vector_get_validity(vector),
                         athena_duck.vector_get_validity(child)};
}

/* NULL: the error is told. */
static const char *one_row(const struct list *values, const struct list *weights, idx_t row,
                           double share, double *ret, bool *ret_found)
{
    const duckdb_list_entry at = values->entries[row], of = weights->entries[row];
    struct centroid *list = mr_malloc((at.length + 1) * sizeof *list);
    const char *wrong = share >= 0 && share <= 1 ? NULL : "Percentile must be between 0 and 1";
    double total = 0;
    size_t count = 0;
    for (idx_t i = 0; i < at.length && i < of.length && wrong == NULL; i++) {
        if (is_null(values->nulls, at.offset + i) || is_null(weights->nulls, of.offset + i))
            continue;
        list[count].value = values->items[at.offset + i];
        list[count].weight = weights->items[of.offset + i];
        wrong = list[count].weight > 0 ? NULL : "Weight must be > 0";
        total += list[count++].weight;
    }
    *ret_found = wrong == NULL && count > 0;
    if (*ret_found) {
        qsort(list, count, sizeof *list, by_value);
        *ret = percentile(list, count, total, share);
    }
    free(list);
    return wrong;
}

static void weighted(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    const struct list values = list_of(athena_duck.data_chunk_get_vector(chunk, 0));
    const struct list weights = list_of(athena_duck.data_chunk_get_vector(chunk, 1));
    duckdb_vector shares = athena_duck.data_chunk_get_vector(chunk, 2);
    const double *share = athena_duck.vector_get_data(shares);
    const uint64_t *nulls = athena_duck.vector_get_validity(shares);
    double *result = athena_duck.vector_get_data(output);
    const idx_t rows = athena_duck.data_chunk_get_size(chunk);
    for (idx_t row = 0; row < rows; row++) {
        const bool null =
            is_null(values.validity, row) || is_null(weights.validity, row) || is_null(nulls, row);
        bool found = false;
        const char *wrong =
            null ? NULL : one_row(&values, &weights, row, share[row], &result[row], &found);
        if (wrong != NULL) {
            char message[80] = "INVALID_FUNCTION_ARGUMENT: ";
            memcpy(message + strlen(message), wrong, strlen(wrong) + 1);
            athena_duck.scalar_function_set_error(info, message);
            return;
        }
        if (!found) {
            athena_duck.vector_ensure_validity_writable(output);
            athena_duck.validity_set_row_invalid(athena_duck.vector_get_validity(output), row);
        }
    }
}

static const char *name_of(const void *table, size_t index)
{
    (void)index;
    return table;
}

static duckdb_scalar_function make(const void *table, size_t index)
{
    (void)index;
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    duckdb_logical_type number = athena_duck.create_logical_type(DUCKDB_TYPE_DOUBLE);
    duckdb_logical_type list = athena_duck.create_list_type(number);
    athena_duck.scalar_function_set_name(function, table);
    athena_duck.scalar_function_add_parameter(function, list);
    athena_duck.scalar_function_add_parameter(function, list);
    athena_duck.scalar_function_add_parameter(function, number);
    athena_duck.scalar_function_set_return_type(function, number);
    athena_duck.destroy_logical_type(&list);
    athena_duck.destroy_logical_type(&number);
    athena_duck.scalar_function_set_function(function, weighted);
    return function;
}

enum mr_status athena_weighted_register(duckdb_connection connection)
{
    const struct athena_overloads all = {"mr_weighted", 1, name_of, make};
    return athena_overloads_register(connection, &all);
}
