/* The wire: SearchTables: tables of all databases, by text and by filters.
 *
 * SearchText: some text of the table (names, descriptions, comments, values of parameters) holds
 * it; in quotes, some text is it. A filter's value has to be a whole text, or one of the words
 * that punctuation cuts it into; times are compared. All matches are held for sorting. */
#include "glue/internal.h"
#include <stdlib.h>

enum { SEARCH_MATCHES_MAX = 100000 };

struct match {
    yyjson_val *table;
    struct mr_slice sort_text;
    double sort_time;
};
struct search {
    struct protocol_call *call;
    struct mr_slice text; /* lower case, without quotes */
    bool exact;
    yyjson_val *filters;
    const char *sort_field; /* NULL: none */
    struct mr_arena *arena;
    struct match *matches; /* owned */
    size_t count, capacity;
};

static const char *const text_fields[] = {"Name", "DatabaseName", "Description", "Owner",
                                          "TableType"};
static const char *const time_fields[] = {"CreateTime", "UpdateTime", "LastAccessTime"};

static const char *field_of(const char *const *fields, size_t count, struct mr_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (mr_slice_equal_nocase(name, mr_slice_cstr(fields[i])))
            return fields[i];
    }
    return NULL;
}

/* ---- text ---- */

static bool holds(const struct search *search, struct mr_slice value)
{
    struct mr_slice lower = glue_lower(search->arena, value);
    if (search->exact)
        return mr_slice_equal(lower, search->text);
    return value.len > 0 && mr_slice_search(lower, search->text) != SIZE_MAX;
}

static bool columns_hold(const struct search *search, yyjson_val *columns)
{
    size_t index, max;
    yyjson_val *column;
    yyjson_arr_foreach(columns, index, max, column)
    {
        if (holds(search, mr_json_get_text(column, "Name")) ||
            holds(search, mr_json_get_text(column, "Comment")))
            return true;
    }
    return false;
}

static bool matches_text(const struct search *search, yyjson_val *table)
{
    if (search->text.len == 0)
        return true;
    for (size_t i = 0; i + 1 < MR_COUNT(text_fields); i++) {
        if (holds(search, mr_json_get_text(table, text_fields[i])))
            return true;
    }
    if (columns_hold(search, mr_json_get(mr_json_get(table, "StorageDescriptor"), "Columns")) ||
        columns_hold(search, mr_json_get(table, "PartitionKeys")))
        return true;
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(mr_json_get(table, "Parameters"), index, max, key, value)
    {
        if (holds(search, mr_json_text(value)))
            return true;
    }
    return false;
}

/* ---- filters ---- */

static bool is_word_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte & 0x80) != 0;
}

static bool has_word(struct mr_slice text, struct mr_slice word)
{
    if (mr_slice_equal_nocase(text, word))
        return true;
    for (size_t at = 0; at < text.len;) {
        size_t end = at;
        while (end < text.len && is_word_byte(text.ptr[end]))
            end++;
        if (end > at && mr_slice_equal_nocase(mr_slice_sub(text, at, end - at), word))
            return true;
        at = end + 1;
    }
    return false;
}

static bool time_fits(double time, double bound, struct mr_slice comparator)
{
    if (mr_slice_equal(comparator, MR_S("GREATER_THAN")))
        return time > bound;
    if (mr_slice_equal(comparator, MR_S("LESS_THAN")))
        return time < bound;
    if (mr_slice_equal(comparator, MR_S("GREATER_THAN_EQUALS")))
        return time >= bound;
    if (mr_slice_equal(comparator, MR_S("LESS_THAN_EQUALS")))
        return time <= bound;
    return time == bound;
}

/* Epoch seconds, or milliseconds where that is what it must be. */
static bool parse_time(struct mr_slice text, double *ret_seconds)
{
    int64_t number;
    if (mr_slice_to_i64(text, &number) != MR_OK)
        return false;
    *ret_seconds = number > INT64_C(100000000000) ? (double)number / 1000 : (double)number;
    return true;
}

static bool fits_filter(yyjson_val *table, yyjson_val *filter)
{
    struct mr_slice key = mr_json_get_text(filter, "Key");
    struct mr_slice value = mr_json_get_text(filter, "Value");
    const char *field = field_of(time_fields, MR_COUNT(time_fields), key);
    double bound = 0;
    if (field != NULL)
        return mr_json_get(table, field) != NULL && parse_time(value, &bound) &&
               time_fits(mr_json_get_double(table, field, 0), bound,
                         mr_json_get_text(filter, "Comparator"));
    field = field_of(text_fields, MR_COUNT(text_fields), key);
    if (field != NULL)
        return has_word(mr_json_get_text(table, field), value);
    yyjson_val *parameter = mr_json_getn(mr_json_get(table, "Parameters"), key);
    return parameter != NULL && has_word(mr_json_text(parameter), value);
}

static bool check_filters(struct protocol_call *call, yyjson_val *filters)
{
    size_t index, max;
    yyjson_val *filter;
    yyjson_arr_foreach(filters, index, max, filter)
    {
        double seconds;
        struct mr_slice key = mr_json_get_text(filter, "Key");
        struct mr_slice value = mr_json_get_text(filter, "Value");
        if (key.len == 0) {
            protocol_fail(call, &glue_fault_invalid_input, "A filter needs a Key.");
            return false;
        }
        if (field_of(time_fields, MR_COUNT(time_fields), key) != NULL &&
            !parse_time(value, &seconds)) {
            protocol_fail(call, &glue_fault_invalid_input, "Invalid time value: %.*s",
                          MR_ARG(value));
            return false;
        }
    }
    return true;
}

/* ---- the search ---- */

static void add_match(struct search *search, yyjson_val *table)
{
    if (search->count == search->capacity) {
        search->capacity = search->capacity == 0 ? 64 : search->capacity * 2;
        search->matches = mr_realloc(search->matches, sizeof *search->matches * search->capacity);
    }
    search->matches[search->count++] = (struct match){
        .table = table,
        .sort_text = mr_json_get_text(table, search->sort_field == NULL ? "" : search->sort_field),
        .sort_time =
            mr_json_get_double(table, search->sort_field == NULL ? "" : search->sort_field, 0),
    };
}

static enum mr_status search_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct search *search = ctx;
    (void)name;
    size_t index, max;
    yyjson_val *filter;
    yyjson_val *table = glue_parse(search->arena, json);
    bool fits = matches_text(search, table);
    yyjson_arr_foreach(search->filters, index, max, filter)
    {
        fits = fits && fits_filter(table, filter);
    }
    if (fits)
        add_match(search, table);
    return search->count < SEARCH_MATCHES_MAX ? MR_OK : MR_END;
}

static int compare_by_text(const void *a, const void *b)
{
    const struct match *left = a, *right = b;
    return mr_slice_compare(left->sort_text, right->sort_text);
}

static int compare_by_time(const void *a, const void *b)
{
    const struct match *left = a, *right = b;
    return (left->sort_time > right->sort_time) - (left->sort_time < right->sort_time);
}

/* False: the fault is set. */
static bool prepare(struct search *search, bool *ret_descending, bool *ret_by_time)
{
    struct protocol_call *call = search->call;
    struct mr_slice text = mr_slice_trim(mr_json_get_text(call->in, "SearchText"));
    search->exact = text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"';
    if (search->exact)
        text = mr_slice_sub(text, 1, text.len - 2);
    search->text = glue_lower(call->arena, text);
    search->filters = mr_json_get(call->in, "Filters");
    yyjson_val *sort = yyjson_arr_get_first(mr_json_get(call->in, "SortCriteria"));
    struct mr_slice field = mr_json_get_text(sort, "FieldName");
    *ret_descending = mr_slice_equal(mr_json_get_text(sort, "Sort"), MR_S("DESC"));
    *ret_by_time = false;
    if (sort != NULL) {
        search->sort_field = field_of(text_fields, MR_COUNT(text_fields), field);
        if (search->sort_field == NULL) {
            search->sort_field = field_of(time_fields, MR_COUNT(time_fields), field);
            *ret_by_time = true;
        }
        if (search->sort_field == NULL) {
            protocol_fail(call, &glue_fault_invalid_input, "Invalid sort field: %.*s",
                          MR_ARG(field));
            return false;
        }
    }
    return check_filters(call, search->filters);
}

static void search_tables(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct search search = {.call = call, .arena = call->arena};
    struct glue_pager pager;
    bool descending, by_time;
    if (!glue_pager_init(&pager, call, 100) || !prepare(&search, &descending, &by_time))
        return;
    enum mr_status status = MR_OK;
    struct mr_slice share = mr_json_get_text(call->in, "ResourceShareType");
    if (glue_shares_ours(share))
        status = store_doc_each(glue->store, "glue", "table", MR_S(""), search_one, &search);
    if (search.count > 1 && search.sort_field != NULL)
        qsort(search.matches, search.count, sizeof *search.matches,
              by_time ? compare_by_time : compare_by_text);
    mr_json_key(&call->out, "TableList");
    mr_json_array(&call->out);
    for (size_t i = 0; i < search.count; i++) {
        if (glue_pager_next(&pager) == MR_OK)
            mr_json_value(&call->out, search.matches[descending ? search.count - 1 - i : i].table);
    }
    mr_json_array_end(&call->out);
    glue_pager_end(&pager, call);
    free(search.matches);
    protocol_fail_internal(call, status);
}

const struct protocol_handler glue_search_handlers[] = {
    {.operation = "SearchTables", .run = search_tables},
};
const size_t glue_search_handler_count = MR_COUNT(glue_search_handlers);
