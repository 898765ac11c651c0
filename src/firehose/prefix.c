#include "firehose/prefix.h"
#include "firehose/pattern.h"
#include <stdarg.h>
#include <stdio.h>

enum { RANDOM_LENGTH = 11 };

static const char *const space_names[PREFIX_SPACES] = {"partitionKeyFromQuery",
                                                       "partitionKeyFromLambda"};

bool prefix_has_expression(struct mr_slice prefix)
{
    return mr_slice_search(prefix, MR_S("!{")) != SIZE_MAX;
}

/* ---- partition keys: space byte, name, value ---- */

void partition_keys_add(struct mr_buf *keys, enum prefix_space space, struct mr_slice name,
                        struct mr_slice value)
{
    mr_buf_byte(keys, (char)space);
    mr_buf_bytes(keys, name);
    mr_buf_bytes(keys, value);
}

struct mr_slice partition_keys_get(struct mr_slice keys, enum prefix_space space,
                                   struct mr_slice name)
{
    struct mr_reader reader = mr_reader_make(keys);
    while (reader.next < reader.end && !reader.failed) {
        const uint8_t kind = mr_read_u8(&reader);
        const struct mr_slice key = mr_read_bytes(&reader), value = mr_read_bytes(&reader);
        if (kind == space && mr_slice_equal(key, name))
            return value;
    }
    return MR_S("");
}

/* ---- parts ---- */

/* What lies between two marks: text, or "!{namespace:value}" taken apart. */
struct part {
    bool is_expression, is_whole; /* not whole: "!{" that opens none */
    struct mr_slice text, space, value;
};

static struct part next_part(struct mr_slice *rest)
{
    struct part part = {.is_whole = true};
    const size_t at = mr_slice_search(*rest, MR_S("!{"));
    if (at != 0) {
        part.text = mr_slice_sub(*rest, 0, at);
        *rest = mr_slice_sub(*rest, part.text.len, SIZE_MAX);
        return part;
    }
    const size_t end = mr_slice_find(*rest, '}');
    part.is_expression = true;
    part.text = mr_slice_sub(*rest, 2, end == SIZE_MAX ? SIZE_MAX : end - 2);
    *rest = mr_slice_sub(*rest, end == SIZE_MAX ? rest->len : end + 1, SIZE_MAX);
    const size_t colon = mr_slice_find(part.text, ':');
    part.is_whole = end != SIZE_MAX && colon != SIZE_MAX && colon > 0 &&
                    mr_slice_find(part.text, '{') == SIZE_MAX;
    if (part.is_whole) {
        part.space = mr_slice_sub(part.text, 0, colon);
        part.value = mr_slice_sub(part.text, colon + 1, SIZE_MAX);
    }
    return part;
}

/* PREFIX_SPACES: none of partition keys. */
static enum prefix_space space_of(const struct part *part)
{
    for (size_t i = 0; i < PREFIX_SPACES; i++)
        if (part->is_expression && mr_slice_equal(part->space, mr_slice_cstr(space_names[i])))
            return (enum prefix_space)i;
    return PREFIX_SPACES;
}

bool prefix_each_key(struct mr_slice prefix,
                     bool (*fn)(void *ctx, enum prefix_space space, struct mr_slice name),
                     void *ctx)
{
    struct mr_slice rest = prefix;
    while (rest.len > 0) {
        const struct part part = next_part(&rest);
        const enum prefix_space space = space_of(&part);
        if (space != PREFIX_SPACES && !fn(ctx, space, part.value))
            return false;
    }
    return true;
}

static bool is_other(void *ctx, enum prefix_space space, struct mr_slice name)
{
    (void)name;
    return space != *(const enum prefix_space *)ctx;
}

bool prefix_has_space(struct mr_slice prefix, enum prefix_space space)
{
    return !prefix_each_key(prefix, is_other, &space);
}

/* ---- writing ---- */

static enum mr_status write_expression(struct mr_buf *buf, const struct part *part,
                                       const struct prefix_values *values)
{
    const enum prefix_space space = space_of(part);
    if (space != PREFIX_SPACES) {
        mr_buf_append(buf, partition_keys_get(values->keys, space, part->value));
        return part->value.len > 0 ? MR_OK : MR_INVALID;
    }
    if (mr_slice_equal(part->space, MR_S("timestamp"))) {
        const struct zone_time time = zone_time_at(values->zone, values->time_ms);
        return part->value.len > 0 ? pattern_write(buf, part->value, &time) : MR_INVALID;
    }
    if (mr_slice_equal(part->text, MR_S("firehose:random-string"))) {
        char text[RANDOM_LENGTH + 1];
        mr_rng_text(values->rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                    RANDOM_LENGTH, text);
        mr_buf_append(buf, mr_slice_make(text, RANDOM_LENGTH));
        return MR_OK;
    }
    if (mr_slice_equal(part->text, MR_S("firehose:error-output-type"))) {
        mr_buf_append(buf, values->error_type);
        return MR_OK;
    }
    return MR_INVALID;
}

static void write_hours(struct mr_buf *buf, const struct prefix_values *values)
{
    const struct zone_time time = zone_time_at(values->zone, values->time_ms);
    (void)!pattern_write(buf, MR_S("yyyy/MM/dd/HH/"), &time);
}

void prefix_write(struct mr_buf *buf, struct mr_slice prefix, const struct prefix_values *values)
{
    struct mr_slice rest = prefix;
    while (rest.len > 0) {
        const struct part part = next_part(&rest);
        if (part.is_expression)
            (void)!write_expression(buf, &part, values); /* it was checked */
        else
            mr_buf_append(buf, part.text);
    }
    if (!prefix_has_expression(prefix))
        write_hours(buf, values);
}

void prefix_write_error(struct mr_buf *buf, struct mr_slice error_prefix, struct mr_slice prefix,
                        const struct prefix_values *values)
{
    if (prefix_has_expression(error_prefix)) {
        prefix_write(buf, error_prefix, values);
        return;
    }
    /* AWS: without an error prefix errors lie below the data prefix. */
    mr_buf_append(buf, error_prefix.len > 0 ? error_prefix : prefix);
    mr_buf_append(buf, values->error_type);
    mr_buf_byte(buf, '/');
    write_hours(buf, values);
}

/* ---- checking ---- */

static enum mr_status refuse(char message[static 512], const char *format, ...) MR_PRINTF(2, 3);
static enum mr_status refuse(char message[static 512], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, 512, format, args);
    va_end(args);
    return MR_INVALID;
}

static enum mr_status check_part(const struct part *part, enum prefix_kind kind, struct mr_buf *buf,
                                 const struct prefix_values *values, char message[static 512])
{
    const char *const name = kind == PREFIX_ERROR ? "ErrorOutputPrefix" : "Prefix";
    const enum prefix_space space = space_of(part);
    if (!part->is_whole)
        return refuse(message, "Invalid expression usage in %s", name);
    if (space == PREFIX_SPACES && !mr_slice_equal(part->space, MR_S("firehose")) &&
        !mr_slice_equal(part->space, MR_S("timestamp")))
        return refuse(message, "Namespace to the left of colon (%.*s) is an invalid keyword!",
                      MR_ARG(part->space));
    if (space != PREFIX_SPACES && kind == PREFIX_ERROR)
        return refuse(
            message, "Dynamic Partitioning Namespaces can't be part of an error prefix expression");
    if (space != PREFIX_SPACES && kind == PREFIX_DATA)
        return refuse(message, "Dynamic Partitioning Namespaces can only be part of a prefix "
                               "expression when Dynamic Partitioning is enabled.");
    if (kind != PREFIX_ERROR && mr_slice_equal(part->text, MR_S("firehose:error-output-type")))
        return refuse(message, "Prefix must not contain any occurrence of "
                               "!{firehose:error-output-type}");
    const enum mr_status status = write_expression(buf, part, values);
    if (status == MR_NOT_FOUND)
        return refuse(message,
                      "millrace writes names of time zones in words for UTC only: %.*s in %s",
                      MR_ARG(part->text), name);
    if (status != MR_OK)
        return refuse(message,
                      "Invalid conversion character used in the value of the expression in %s",
                      name);
    return MR_OK;
}

enum mr_status prefix_check(struct mr_slice prefix, enum prefix_kind kind, const struct zone *zone,
                            char message[static 512])
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 1);
    const struct prefix_values values = {
        .zone = zone, .error_type = MR_S_INIT("processing-failed"), .rng = &rng};
    struct mr_slice rest = prefix;
    bool has_type = false;
    enum mr_status status = MR_OK;
    struct mr_buf buf = {0};
    while (rest.len > 0 && status == MR_OK) {
        const struct part part = next_part(&rest);
        if (part.is_expression)
            status = check_part(&part, kind, &buf, &values, message);
        else
            mr_buf_append(&buf, part.text);
        has_type = has_type || mr_slice_equal(part.text, MR_S("firehose:error-output-type"));
    }
    const size_t length = mr_slice_utf8_length(mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    if (status != MR_OK)
        return status;
    if (length > PREFIX_EVALUATED_MAX)
        return refuse(message, "Length of evaluated %s cannot be greater than %d",
                      kind == PREFIX_ERROR ? "ErrorOutputPrefix" : "prefix", PREFIX_EVALUATED_MAX);
    if (kind == PREFIX_ERROR && prefix_has_expression(prefix) && !has_type)
        return refuse(message, "ErrorOutputPrefix must contain at least one occurrence of "
                               "!{firehose:error-output-type}");
    return MR_OK;
}
