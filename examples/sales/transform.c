/* The sales pipeline's transform in C: what transform.py does, byte for byte, many times faster.
 *
 * Firehose sends a batch; each record is one change of the table as the pipe copied it. Its typed
 * image becomes one JSON line with a column per attribute. A deleted order lands too, with its old
 * columns if the stream carries them. Four columns say what happened, so that the current state can
 * be computed: cdc_event, cdc_event_id, cdc_sequence (text: too long for a number), cdc_time
 * (seconds).
 *
 *     cc -O2 -I ../../include -o bootstrap transform.c && zip transform.zip bootstrap
 *     aws lambda update-function-code --function-name NAME --zip-file fileb://transform.zip
 *
 * (the function's runtime must be provided.al2023)
 */
#include <millrace/lambda.h>

static struct lambda_slice inside(struct lambda_slice string)
{
    return lambda_slice_between(string.ptr + 1, string.ptr + string.len - 1);
}

/* Numbers keep each of their digits (up to 38): they are copied, never computed. */
static bool write_number(struct lambda_buffer *out, struct lambda_slice value)
{
    struct lambda_slice digits;
    if (lambda_json_kind(value) != LAMBDA_JSON_STRING)
        return false;
    digits = inside(value);
    if (!lambda_json_is_number(digits))
        return false;
    lambda_buffer_add(out, digits);
    return true;
}

static bool write_plain(struct lambda_buffer *out, struct lambda_slice typed);

/* An array, each element by `write`. */
static bool write_list(struct lambda_buffer *out, struct lambda_slice list,
                       bool (*write)(struct lambda_buffer *, struct lambda_slice))
{
    struct lambda_json_walk walk = lambda_json_enter(list);
    char before = '[';
    if (lambda_json_kind(list) != LAMBDA_JSON_ARRAY)
        return false;
    while (lambda_json_next(&walk)) {
        lambda_buffer_add_byte(out, before);
        before = ',';
        if (!write(out, walk.value))
            return false;
    }
    lambda_buffer_add_text(out, before == '[' ? "[]" : "]");
    return true;
}

static bool write_map(struct lambda_buffer *out, struct lambda_slice map)
{
    struct lambda_json_walk walk = lambda_json_enter(map);
    char before = '{';
    if (lambda_json_kind(map) != LAMBDA_JSON_OBJECT)
        return false;
    while (lambda_json_next(&walk)) {
        lambda_buffer_add_byte(out, before);
        before = ',';
        if (!lambda_json_copy_string(out, walk.name))
            return false;
        lambda_buffer_add_byte(out, ':');
        if (!write_plain(out, walk.value))
            return false;
    }
    lambda_buffer_add_text(out, before == '{' ? "{}" : "}");
    return true;
}

static bool write_bool(struct lambda_buffer *out, struct lambda_slice value)
{
    if (lambda_json_kind(value) != LAMBDA_JSON_BOOL)
        return false;
    lambda_buffer_add(out, value);
    return true;
}

/* One typed attribute value, {"S":"x"}, as plain JSON. */
static bool write_plain(struct lambda_buffer *out, struct lambda_slice typed)
{
    struct lambda_json_walk walk = lambda_json_enter(typed);
    struct lambda_slice kind, value;
    if (!lambda_json_next(&walk))
        return false;
    kind = walk.name;
    value = walk.value;
    if (lambda_json_next(&walk))
        return false; /* a value has one type */
    if (lambda_json_equals(kind, lambda_slice_text("S")) ||
        lambda_json_equals(kind, lambda_slice_text("B")))
        return lambda_json_copy_string(out, value);
    if (lambda_json_equals(kind, lambda_slice_text("N")))
        return write_number(out, value);
    if (lambda_json_equals(kind, lambda_slice_text("BOOL")))
        return write_bool(out, value);
    if (lambda_json_equals(kind, lambda_slice_text("NULL"))) {
        lambda_buffer_add_text(out, "null");
        return true;
    }
    if (lambda_json_equals(kind, lambda_slice_text("M")))
        return write_map(out, value);
    if (lambda_json_equals(kind, lambda_slice_text("L")))
        return write_list(out, value, write_plain);
    if (lambda_json_equals(kind, lambda_slice_text("NS")))
        return write_list(out, value, write_number);
    if (lambda_json_equals(kind, lambda_slice_text("SS")) ||
        lambda_json_equals(kind, lambda_slice_text("BS")))
        return write_list(out, value, lambda_json_copy_string);
    return false;
}

/* What a change record holds: JSON values, empty where it holds none. */
struct change {
    struct lambda_slice name, id, body, sequence, time, keys, new_image, old_image;
};

static void take(const struct lambda_json_walk *walk, const char *name, struct lambda_slice *ret)
{
    if (lambda_json_equals(walk->name, lambda_slice_text(name)))
        *ret = walk->value;
}

static bool is_empty(struct lambda_slice object)
{
    struct lambda_json_walk walk = lambda_json_enter(object);
    return !lambda_json_next(&walk);
}

static bool read_change(struct lambda_slice json, struct change *ret)
{
    struct lambda_json_walk walk;
    memset(ret, 0, sizeof *ret);
    if (!lambda_json_valid(json) || lambda_json_kind(json) != LAMBDA_JSON_OBJECT)
        return false;
    for (walk = lambda_json_enter(json); lambda_json_next(&walk);) {
        take(&walk, "eventName", &ret->name);
        take(&walk, "eventID", &ret->id);
        take(&walk, "dynamodb", &ret->body);
    }
    if (lambda_json_kind(ret->body) != LAMBDA_JSON_OBJECT)
        return false;
    for (walk = lambda_json_enter(ret->body); lambda_json_next(&walk);) {
        take(&walk, "Keys", &ret->keys);
        take(&walk, "NewImage", &ret->new_image);
        take(&walk, "OldImage", &ret->old_image);
        take(&walk, "SequenceNumber", &ret->sequence);
        take(&walk, "ApproximateCreationDateTime", &ret->time);
    }
    return lambda_json_kind(ret->keys) == LAMBDA_JSON_OBJECT;
}

/* An attribute may not pass for one of ours. */
static bool is_own_column(struct lambda_slice name)
{
    static const char *const own[] = {"cdc_event", "cdc_event_id", "cdc_sequence", "cdc_time"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (lambda_json_equals(name, lambda_slice_text(own[i])))
            return true;
    }
    return false;
}

/* Each line ends its columns with a comma, because ours come last. */
static bool write_column(struct lambda_buffer *out, struct lambda_slice name,
                         struct lambda_slice typed)
{
    if (is_own_column(name))
        return true;
    if (!lambda_json_copy_string(out, name))
        return false;
    lambda_buffer_add_byte(out, ':');
    if (!write_plain(out, typed))
        return false;
    lambda_buffer_add_byte(out, ',');
    return true;
}

static bool is_key(struct lambda_slice keys, struct lambda_slice name)
{
    struct lambda_json_walk walk = lambda_json_enter(keys);
    while (lambda_json_next(&walk)) {
        if (lambda_slice_equal(walk.name, name))
            return true;
    }
    return false;
}

/* The keys, then the other attributes in the image's order. */
static bool write_columns(struct lambda_buffer *out, const struct change *change)
{
    struct lambda_slice image = is_empty(change->new_image) ? change->old_image : change->new_image;
    struct lambda_json_walk walk;
    for (walk = lambda_json_enter(change->keys); lambda_json_next(&walk);) {
        if (!write_column(out, walk.name, walk.value))
            return false;
    }
    for (walk = lambda_json_enter(image); lambda_json_next(&walk);) {
        if (!is_key(change->keys, walk.name) && !write_column(out, walk.name, walk.value))
            return false;
    }
    return true;
}

static bool write_text_column(struct lambda_buffer *out, const char *head,
                              struct lambda_slice value)
{
    lambda_buffer_add_text(out, head);
    return lambda_json_copy_string(out, value);
}

/* AWS writes whole seconds, a fraction or 1.718E9. */
static bool write_time(struct lambda_buffer *out, struct lambda_slice value)
{
    int64_t seconds;
    double precise;
    if (!lambda_json_int(value, &seconds)) {
        if (!lambda_json_double(value, &precise) || precise > 1e15 || precise < -1e15)
            return false;
        seconds = (int64_t)precise;
    }
    lambda_buffer_add_text(out, ",\"cdc_time\":");
    lambda_buffer_add_int(out, seconds);
    return true;
}

static enum lambda_record_result flatten(const struct lambda_record *in, struct lambda_buffer *out,
                                         void *user)
{
    struct change change;
    (void)user;
    lambda_buffer_add_byte(out, '{');
    if (!read_change(in->data, &change) || !write_columns(out, &change) ||
        !write_text_column(out, "\"cdc_event\":", change.name) ||
        !write_text_column(out, ",\"cdc_event_id\":", change.id) ||
        !write_text_column(out, ",\"cdc_sequence\":", change.sequence) ||
        !write_time(out, change.time)) {
        /* Firehose keeps what came in below the error prefix; the rest of the batch lands. */
        fprintf(stderr, "cannot transform %.*s\n", (int)in->id.len, in->id.ptr);
        return LAMBDA_RECORD_FAILED;
    }
    lambda_buffer_add_text(out, "}\n");
    return LAMBDA_RECORD_OK;
}

int main(void)
{
    return lambda_run_firehose(flatten, NULL);
}
