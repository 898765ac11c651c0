#include "athena/project.h"
#include "base/clock.h"
#include "base/json.h"
#include <stdio.h>

enum unit { MILLIS, SECONDS, MINUTES, HOURS, DAYS, WEEKS, MONTHS, YEARS, NO_UNIT };
enum kind { ENUM, INTEGER, DATE, INJECTED };

struct column {
    struct mr_slice name;
    enum kind kind;
    struct mr_slice *values; /* of ENUM and INJECTED */
    size_t count;
    int64_t from, to, step; /* of INTEGER, and of DATE: milliseconds, step in units */
    int digits;
    struct mr_slice format;
    enum unit unit;
};
struct projection {
    struct mr_arena *arena;
    const struct glue_table *table;
    const struct athena_prune *prune;
    struct athena_projection_error *error;
    struct column *columns;
    struct mr_slice *values, template;
    int64_t now_ms;
    size_t made;
    enum mr_status (*fn)(void *ctx, const struct mr_slice *values, struct mr_slice location);
    void *ctx;
};

static struct mr_slice property(const struct projection *projection, struct mr_slice column,
                                const char *name)
{
    struct mr_slice full =
        mr_arena_printf(projection->arena, "projection.%.*s.%s", MR_ARG(column), name);
    return mr_json_text(mr_json_getn(projection->table->parameters, full));
}

bool athena_projection_enabled(const struct glue_table *table)
{
    return mr_slice_equal_nocase(mr_json_get_text(table->parameters, "projection.enabled"),
                                 MR_S("true"));
}

static enum mr_status fail(struct projection *projection, const struct column *column,
                           const char *what, struct mr_slice detail)
{
    projection->error->code = "INVALID_TABLE_PROPERTY";
    projection->error->message =
        mr_arena_printf(projection->arena, "Column projection for column '%.*s' failed. %s%.*s",
                        MR_ARG(column->name), what, MR_ARG(detail));
    return MR_INVALID;
}

/* ---- dates ---- */

static enum unit unit_named(struct mr_slice name)
{
    static const char *const names[] = {"MILLIS", "SECONDS", "MINUTES", "HOURS",
                                        "DAYS",   "WEEKS",   "MONTHS",  "YEARS"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        struct mr_slice plural = mr_slice_cstr(names[i]);
        if (mr_slice_equal_nocase(name, plural) ||
            mr_slice_equal_nocase(name, mr_slice_sub(plural, 0, plural.len - 1)))
            return (enum unit)i;
    }
    return NO_UNIT;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int64_t add_units(int64_t ms, int64_t count, enum unit unit)
{
    static const int64_t lengths[] = {1, 1000, 60000, 3600000, 86400000, 7 * INT64_C(86400000)};
    if (unit <= WEEKS)
        return ms + count * lengths[unit];
    struct mr_date date = mr_date_from_ms(ms);
    const int64_t months =
        date.year * INT64_C(12) + date.month - 1 + count * (unit == YEARS ? 12 : 1);
    date.year = (int)(months / 12);
    date.month = (int)(months % 12) + 1;
    if (date.year < 1 || date.year > 9999)
        return ms;
    if (date.day > month_days(date.year, date.month))
        date.day = month_days(date.year, date.month);
    return mr_date_to_ms(&date);
}

static int *field_of(struct mr_date *date, char letter)
{
    switch (letter) {
    case 'y':
    case 'u': return &date->year;
    case 'M': return &date->month;
    case 'd': return &date->day;
    case 'H': return &date->hour;
    case 'm': return &date->minute;
    case 's': return &date->second;
    case 'S': return &date->ms;
    default: return NULL;
    }
}

/* One step through a pattern of Java's DateTimeFormatter: a run of one letter, or literal text. */
struct token {
    char letter; /* 0: literal */
    size_t count;
    struct mr_slice text;
};

static bool next_token(struct mr_slice *pattern, struct token *token)
{
    if (pattern->len == 0)
        return false;
    const char first = pattern->ptr[0];
    size_t len = 1;
    *token = (struct token){0};
    if (first == '\'') {
        while (len < pattern->len && pattern->ptr[len] != '\'')
            len++;
        token->text = len == 1 ? MR_S("'") : mr_slice_sub(*pattern, 1, len - 1);
        len++;
    } else if ((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z')) {
        while (len < pattern->len && pattern->ptr[len] == first)
            len++;
        token->letter = first;
        token->count = len;
    } else {
        token->text = mr_slice_sub(*pattern, 0, 1);
    }
    *pattern = mr_slice_sub(*pattern, len, SIZE_MAX);
    return true;
}

static struct mr_slice format_date(struct mr_arena *arena, struct mr_slice pattern, int64_t ms)
{
    struct mr_buf buf = {0};
    struct mr_date date = mr_date_from_ms(ms);
    struct token token;
    while (next_token(&pattern, &token)) {
        const int *field = token.letter == 0 ? NULL : field_of(&date, token.letter);
        if (field == NULL)
            mr_buf_append(&buf, token.text);
        else if ((token.letter == 'y' || token.letter == 'u') && token.count == 2)
            mr_buf_printf(&buf, "%02d", *field % 100);
        else
            mr_buf_printf(&buf, "%0*d", (int)token.count, *field);
    }
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static bool parse_date(struct mr_slice pattern, struct mr_slice text, int64_t *ret_ms)
{
    struct mr_date date = {.year = 1970, .month = 1, .day = 1};
    struct token token;
    while (next_token(&pattern, &token)) {
        int *field = token.letter == 0 ? NULL : field_of(&date, token.letter);
        if (field == NULL) {
            if (!mr_slice_starts_with(text, token.text))
                return false;
            text = mr_slice_sub(text, token.text.len, SIZE_MAX);
            continue;
        }
        size_t len = 0;
        const size_t most = token.count == 1 ? 2 : token.count;
        int value = 0;
        while (len < text.len && len < most && text.ptr[len] >= '0' && text.ptr[len] <= '9')
            value = value * 10 + (text.ptr[len++] - '0');
        if (len == 0 || (token.count > 1 && len != token.count))
            return false;
        *field = value + ((token.letter == 'y' || token.letter == 'u') && len == 2 ? 2000 : 0);
        text = mr_slice_sub(text, len, SIZE_MAX);
    }
    if (text.len > 0 || date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31 ||
        date.hour > 23 || date.minute > 59 || date.second > 59)
        return false;
    *ret_ms = mr_date_to_ms(&date);
    return true;
}

/* "NOW", "NOW-3DAYS", "NOW + 1 MONTH", or a date in the column's format */
static bool parse_bound(const struct projection *projection, const struct column *column,
                        struct mr_slice text, int64_t *ret_ms)
{
    text = mr_slice_trim(text);
    if (!mr_slice_starts_with(text, MR_S("NOW")))
        return parse_date(column->format, text, ret_ms);
    struct mr_slice rest = mr_slice_trim(mr_slice_sub(text, 3, SIZE_MAX));
    int64_t count;
    *ret_ms = projection->now_ms;
    if (rest.len == 0)
        return true;
    const bool minus = rest.ptr[0] == '-';
    if (!minus && rest.ptr[0] != '+')
        return false;
    rest = mr_slice_trim(mr_slice_sub(rest, 1, SIZE_MAX));
    size_t digits = 0;
    while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')
        digits++;
    const enum unit unit = unit_named(mr_slice_trim(mr_slice_sub(rest, digits, SIZE_MAX)));
    if (mr_slice_to_i64(mr_slice_sub(rest, 0, digits), &count) != MR_OK || unit == NO_UNIT)
        return false;
    *ret_ms = add_units(projection->now_ms, minus ? -count : count, unit);
    return true;
}

/* What the format tells apart at the least. */
static enum unit precision_of(struct mr_slice pattern, bool *ret_fine)
{
    static const struct {
        char letter;
        enum unit unit;
    } rows[] = {{'y', YEARS}, {'u', YEARS},   {'M', MONTHS},  {'d', DAYS},
                {'H', HOURS}, {'m', MINUTES}, {'s', SECONDS}, {'S', MILLIS}};
    enum unit least = NO_UNIT;
    struct token token;
    *ret_fine = true;
    while (next_token(&pattern, &token)) {
        size_t i = 0;
        while (i < MR_COUNT(rows) && rows[i].letter != token.letter)
            i++;
        if (token.letter != 0 && i == MR_COUNT(rows))
            *ret_fine = false; /* a letter that is not done here */
        if (i < MR_COUNT(rows) && rows[i].unit < least)
            least = rows[i].unit;
    }
    return least;
}

/* ---- settings ---- */

static enum mr_status set_step(struct projection *projection, struct column *column)
{
    struct mr_slice interval = property(projection, column->name, "interval");
    column->step = 1;
    if (interval.len > 0 && (mr_slice_to_i64(interval, &column->step) != MR_OK || column->step < 1))
        return fail(projection, column,
                    "Property 'interval' must be a positive integer: ", interval);
    return MR_OK;
}

static bool cut_range(struct mr_slice range, struct mr_slice *ret_from, struct mr_slice *ret_to)
{
    const size_t comma = mr_slice_find(range, ',');
    if (comma == SIZE_MAX)
        return false;
    *ret_from = mr_slice_trim(mr_slice_sub(range, 0, comma));
    *ret_to = mr_slice_trim(mr_slice_sub(range, comma + 1, SIZE_MAX));
    return true;
}

static enum mr_status set_integer(struct projection *projection, struct column *column)
{
    struct mr_slice from, to, digits = property(projection, column->name, "digits");
    struct mr_slice range = property(projection, column->name, "range");
    int64_t width = 0;
    if (!cut_range(range, &from, &to) || mr_slice_to_i64(from, &column->from) != MR_OK ||
        mr_slice_to_i64(to, &column->to) != MR_OK || column->from > column->to)
        return fail(projection, column,
                    "Property 'range' must be two integers with a comma between them: ", range);
    if (digits.len > 0 && (mr_slice_to_i64(digits, &width) != MR_OK || width < 1 || width > 19))
        return fail(projection, column, "Property 'digits' must be a positive integer: ", digits);
    column->digits = (int)width;
    return set_step(projection, column);
}

static enum mr_status set_date(struct projection *projection, struct column *column)
{
    struct mr_slice from, to, range = property(projection, column->name, "range");
    struct mr_slice unit = property(projection, column->name, "interval.unit");
    bool fine;
    column->format = property(projection, column->name, "format");
    const enum unit least = precision_of(column->format, &fine);
    if (column->format.len == 0 || !fine || least == NO_UNIT)
        return fail(projection, column,
                    "Property 'format' is missing or not a date pattern: ", column->format);
    if (!cut_range(range, &from, &to) || !parse_bound(projection, column, from, &column->from) ||
        !parse_bound(projection, column, to, &column->to))
        return fail(
            projection, column,
            "Property 'range' needs to be a list of 2 valid dates formatted as the property "
            "'format', or NOW with a difference: ",
            range);
    column->unit = unit.len > 0 ? unit_named(unit) : least;
    if (column->unit == NO_UNIT)
        return fail(projection, column, "Property 'interval.unit' is no unit of time: ", unit);
    if (unit.len == 0 && least != DAYS && least != MONTHS)
        return fail(projection, column,
                    "Property 'interval.unit' needs to be set when the format is of another "
                    "precision than days or months",
                    MR_S(""));
    return set_step(projection, column);
}

static enum mr_status set_enum(struct projection *projection, struct column *column)
{
    struct mr_slice values = property(projection, column->name, "values"), part;
    if (values.len == 0)
        return fail(projection, column, "Property 'values' is missing", MR_S(""));
    size_t count = 1;
    for (size_t i = 0; i < values.len; i++)
        count += values.ptr[i] == ',';
    column->values = MR_NEW_ARRAY(projection->arena, struct mr_slice, count + 1);
    while (mr_slice_split(&values, ',', &part))
        column->values[column->count++] = mr_slice_trim(part);
    return MR_OK;
}

static enum mr_status set_injected(struct projection *projection, struct column *column, size_t key)
{
    if (athena_prune_values(projection->prune, key, projection->arena, &column->values,
                            &column->count))
        return MR_OK;
    projection->error->code = "CONSTRAINT_VIOLATION";
    projection->error->message = mr_arena_printf(
        projection->arena,
        "For the injected projected partition column %.*s, the WHERE clause must contain only "
        "static equality conditions, and at least one such condition must be present.",
        MR_ARG(column->name));
    return MR_INVALID;
}

static enum mr_status set_column(struct projection *projection, size_t key)
{
    struct column *column = &projection->columns[key];
    struct mr_slice type = property(projection, column->name, "type");
    if (mr_slice_equal_nocase(type, MR_S("enum"))) {
        column->kind = ENUM;
        return set_enum(projection, column);
    }
    if (mr_slice_equal_nocase(type, MR_S("integer"))) {
        column->kind = INTEGER;
        return set_integer(projection, column);
    }
    if (mr_slice_equal_nocase(type, MR_S("date"))) {
        column->kind = DATE;
        return set_date(projection, column);
    }
    if (mr_slice_equal_nocase(type, MR_S("injected"))) {
        column->kind = INJECTED;
        return set_injected(projection, column, key);
    }
    return fail(projection, column, "Unknown projection type: ", type);
}

static enum mr_status set_up(struct projection *projection)
{
    const struct glue_table *table = projection->table;
    struct mr_buf missing = {0};
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < table->key_count; i++) {
        projection->columns[i].name = table->keys[i].name;
        if (property(projection, table->keys[i].name, "type").len == 0)
            mr_buf_printf(&missing, "%s%.*s", missing.len > 0 ? ", " : "",
                          MR_ARG(table->keys[i].name));
    }
    if (missing.len > 0) {
        projection->error->code = "INVALID_TABLE_PROPERTY";
        projection->error->message = mr_arena_printf(
            projection->arena,
            "Table %.*s.%.*s is configured for partition projection, but the following partition "
            "columns are missing projection configuration: [%.*s]",
            MR_ARG(table->database), MR_ARG(table->name), MR_ARG(mr_buf_slice(&missing)));
        status = MR_INVALID;
    }
    mr_buf_fini(&missing);
    for (size_t i = 0; i < table->key_count && status == MR_OK; i++)
        status = set_column(projection, i);
    return status;
}

/* ---- walking ---- */

/* The template with ${key} replaced, or key=value folders below the table. */
static struct mr_slice location_of(const struct projection *projection)
{
    const struct glue_table *table = projection->table;
    struct mr_buf buf = {0};
    struct mr_slice rest = projection->template;
    if (rest.len == 0) {
        mr_buf_append(&buf, table->location);
        if (!mr_slice_ends_with(table->location, MR_S("/")))
            mr_buf_byte(&buf, '/');
        for (size_t i = 0; i < table->key_count; i++)
            mr_buf_printf(&buf, "%.*s=%.*s/", MR_ARG(table->keys[i].name),
                          MR_ARG(projection->values[i]));
    }
    while (rest.len > 0) {
        size_t i, end = SIZE_MAX;
        if (mr_slice_starts_with(rest, MR_S("${")))
            end = mr_slice_find(rest, '}');
        for (i = 0; end != SIZE_MAX && i < table->key_count; i++) {
            if (mr_slice_equal_nocase(mr_slice_sub(rest, 2, end - 2), table->keys[i].name))
                break;
        }
        if (end != SIZE_MAX && i < table->key_count) {
            mr_buf_append(&buf, projection->values[i]);
            rest = mr_slice_sub(rest, end + 1, SIZE_MAX);
        } else {
            mr_buf_byte(&buf, rest.ptr[0]);
            rest = mr_slice_sub(rest, 1, SIZE_MAX);
        }
    }
    if (buf.len > 0 && buf.data[buf.len - 1] != '/')
        mr_buf_byte(&buf, '/');
    struct mr_slice text = mr_arena_copy(projection->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static enum mr_status walk(struct projection *projection, size_t key);

static enum mr_status try(struct projection *projection, size_t key, struct mr_slice value)
{
    projection->values[key] = value;
    for (size_t i = key + 1; i < projection->table->key_count; i++)
        projection->values[i] = (struct mr_slice){0};
    if (!athena_prune_keeps(projection->prune, projection->values))
        return MR_OK;
    return walk(projection, key + 1);
}

static enum mr_status walk_numbers(struct projection *projection, size_t key)
{
    const struct column *column = &projection->columns[key];
    enum mr_status status = MR_OK;
    for (int64_t n = column->from; n <= column->to && status == MR_OK; n += column->step) {
        status = try(projection, key,
                     mr_arena_printf(projection->arena, "%0*lld", column->digits, (long long)n));
        if (n > INT64_MAX - column->step)
            break;
    }
    return status;
}

static enum mr_status walk_dates(struct projection *projection, size_t key)
{
    const struct column *column = &projection->columns[key];
    enum mr_status status = MR_OK;
    struct mr_slice last = {0};
    /* Counted from the first one, so that months keep their day. */
    for (int64_t n = 0; n < ATHENA_PROJECTED_MAX && status == MR_OK; n++) {
        const int64_t at = add_units(column->from, n * column->step, column->unit);
        if (at > column->to)
            break;
        struct mr_slice text = format_date(projection->arena, column->format, at);
        if (last.ptr == NULL || !mr_slice_equal(text, last))
            status = try(projection, key, text);
        last = text;
    }
    return status;
}

static enum mr_status walk(struct projection *projection, size_t key)
{
    if (key == projection->table->key_count) {
        struct mr_slice *values = MR_NEW_ARRAY(projection->arena, struct mr_slice, key + 1);
        memcpy(values, projection->values, sizeof *values * key);
        if (++projection->made <= ATHENA_PROJECTED_MAX)
            return projection->fn(projection->ctx, values, location_of(projection));
        projection->error->code = "HIVE_EXCEEDED_PARTITION_LIMIT";
        projection->error->message =
            mr_arena_printf(projection->arena,
                            "Query over table '%.*s.%.*s' can potentially read more than %d "
                            "partitions",
                            MR_ARG(projection->table->database), MR_ARG(projection->table->name),
                            ATHENA_PROJECTED_MAX);
        return MR_INVALID;
    }
    const struct column *column = &projection->columns[key];
    enum mr_status status = MR_OK;
    if (column->kind == INTEGER)
        return walk_numbers(projection, key);
    if (column->kind == DATE)
        return walk_dates(projection, key);
    for (size_t i = 0; i < column->count && status == MR_OK; i++)
        status = try(projection, key, column->values[i]);
    return status;
}

enum mr_status athena_projection_each(struct mr_arena *arena, const struct glue_table *table,
                                      const struct athena_prune *prune, int64_t now_ms,
                                      enum mr_status (*fn)(void *ctx, const struct mr_slice *values,
                                                           struct mr_slice location),
                                      void *ctx, struct athena_projection_error *error)
{
    struct projection projection = {.arena = arena,
                                    .table = table,
                                    .prune = prune,
                                    .error = error,
                                    .now_ms = now_ms,
                                    .fn = fn,
                                    .ctx = ctx};
    projection.columns = MR_NEW_ARRAY(arena, struct column, table->key_count + 1);
    projection.values = MR_NEW_ARRAY(arena, struct mr_slice, table->key_count + 1);
    projection.template = mr_json_get_text(table->parameters, "storage.location.template");
    enum mr_status status = set_up(&projection);
    return status == MR_OK ? walk(&projection, 0) : status;
}
