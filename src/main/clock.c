/* The clock of `serve --testing`: /_millrace/clock holds it, moves it forward, lets it run on; or
 * lets the server see the machine's clock as if somebody had set it ("system_by_ms", forgotten at
 * the next start).
 *
 * It is the time of everything the server means by a time: when an entry was written, what has
 * expired, when a pump wakes. Real stay: deadlines of connections and of processes, how long a
 * function may run, the times of signatures, the log's and HTTP's Date.
 *
 * Its state is kept in the file testing-clock of the data folder, replaced as a whole at each
 * change, so that time does not go back over a restart (which would break the journal's order of
 * times): "held MS" or "ahead MS". */
#include "main/internal.h"
#include "base/log.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Far from every overflow: the year 9999. */
static const int64_t clock_ms_max = INT64_C(253402300799999);

struct clock_wish {
    bool hold, release;
    int64_t set_ms, advance_ms; /* -1: not asked for */
    int64_t system_by_ms;       /* as if somebody set the machine's clock */
};

static void path_of(const struct serve *serve, const char *suffix, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/testing-clock%s", serve->options.data, suffix);
}

static enum mr_status save(const struct serve *serve, int64_t now_ms, bool held)
{
    char path[4096], scratch[4096];
    path_of(serve, "", path, sizeof path);
    path_of(serve, ".new", scratch, sizeof scratch);
    FILE *file = fopen(scratch, "we");
    if (file == NULL)
        return MR_RAISE(MR_FAIL_IO, "cannot write '%s': %s", scratch, strerror(errno));
    const int64_t ms = held ? now_ms : now_ms - mr_clock_now(&mr_clock_steady);
    bool good = fprintf(file, "%s %" PRId64 "\n", held ? "held" : "ahead", ms) > 0;
    good = fflush(file) == 0 && good;
    good = fdatasync(fileno(file)) == 0 && good;
    good = fclose(file) == 0 && good;
    if (!good || rename(scratch, path) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot write '%s': %s", path, strerror(errno));
    return MR_OK;
}

enum mr_status serve_load_clock(struct serve *serve, bool *ret_moved)
{
    char path[4096], text[64] = "";
    *ret_moved = false;
    path_of(serve, "", path, sizeof path);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT ? MR_OK : MR_RAISE(MR_FAIL_IO, "cannot read '%s'", path);
    const size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    struct mr_slice rest = mr_slice_trim(mr_slice_make(text, len)), word;
    int64_t ms;
    if (!mr_slice_split(&rest, ' ', &word) || mr_slice_to_i64(rest, &ms) != MR_OK ||
        ms > clock_ms_max || ms < 0)
        return MR_RAISE(MR_FAIL_DATA, "'%s' holds no time", path);
    *ret_moved = true;
    const bool held = mr_slice_equal(word, MR_S("held"));
    const int64_t now_ms = held ? ms : mr_clock_now(&mr_clock_steady) + ms;
    if (mr_clock_move(&serve->clock, now_ms, held) == MR_OK)
        return MR_OK;
    mr_log(MR_LOG_WARN, "main", "the clock was held in the past; it runs as the system's");
    return MR_OK;
}

/* NULL: the wish is clear; else what is wrong with it. */
static const char *read_wish(yyjson_val *body, struct clock_wish *ret)
{
    *ret = (struct clock_wish){.set_ms = -1, .advance_ms = -1};
    size_t at, count;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(body))
        return "the body must be a JSON object";
    yyjson_obj_foreach(body, at, count, key, value)
    {
        const struct mr_slice name = mr_slice_make(yyjson_get_str(key), yyjson_get_len(key));
        const int64_t ms = mr_json_is_number(value) ? mr_json_i64(value, -1) : -1;
        if (mr_slice_equal(name, MR_S("hold")) && yyjson_is_true(value))
            ret->hold = true;
        else if (mr_slice_equal(name, MR_S("release")) && yyjson_is_true(value))
            ret->release = true;
        else if (mr_slice_equal(name, MR_S("set_ms")) && ms >= 0 && ms <= clock_ms_max)
            ret->set_ms = ms;
        else if (mr_slice_equal(name, MR_S("advance_ms")) && ms >= 0 && ms <= clock_ms_max)
            ret->advance_ms = ms;
        else if (mr_slice_equal(name, MR_S("system_by_ms")) && mr_json_is_number(value))
            ret->system_by_ms = mr_json_i64(value, 0);
        else
            return "members are \"hold\": true, \"release\": true, \"set_ms\", \"advance_ms\" and "
                   "\"system_by_ms\"";
    }
    if (ret->hold && ret->release)
        return "hold or release, not both";
    if (ret->system_by_ms > clock_ms_max || ret->system_by_ms < -clock_ms_max)
        return "the year 9999 is the last";
    if (ret->set_ms >= 0 && ret->advance_ms >= 0)
        return "set_ms or advance_ms, not both";
    return NULL;
}

/* Under clock_lock. */
static const char *obey(struct serve *serve, const struct clock_wish *wish)
{
    bool held;
    mr_clock_system_set_by(wish->system_by_ms);
    int64_t now_ms = mr_clock_movable_now(&serve->clock, &held);
    const bool moves = wish->hold || wish->release || wish->set_ms >= 0 || wish->advance_ms >= 0;
    if (!moves)
        return NULL;
    if (wish->set_ms >= 0) {
        if (wish->set_ms < now_ms)
            return "time does not go back";
        now_ms = wish->set_ms;
    } else if (wish->advance_ms >= 0) {
        now_ms += wish->advance_ms;
    }
    if (now_ms > clock_ms_max)
        return "the year 9999 is the last";
    held = (held || wish->hold) && !wish->release;
    /* A running clock may have passed that time since it was read. */
    while (mr_clock_move(&serve->clock, now_ms, held) != MR_OK)
        now_ms++;
    return save(serve, now_ms, held) == MR_OK ? NULL : "the clock's file cannot be written";
}

static void write_state(const struct serve *serve, struct mr_buf *out)
{
    bool held;
    const int64_t now_ms = mr_clock_movable_now(&serve->clock, &held);
    struct mr_json json = mr_json_make(out);
    mr_json_object(&json);
    mr_json_key_int(&json, "now_ms", now_ms);
    mr_json_key_bool(&json, "held", held);
    mr_json_object_end(&json);
    mr_buf_byte(out, '\n');
}

static const char *obey_page(void *ctx, yyjson_val *body)
{
    struct serve *serve = ctx;
    struct clock_wish wish;
    const char *wrong = read_wish(body, &wish);
    if (wrong == NULL) {
        pthread_mutex_lock(&serve->clock_lock);
        wrong = obey(serve, &wish);
        pthread_mutex_unlock(&serve->clock_lock);
        runtime_clock_moved(serve->runtime);
    }
    return wrong;
}

static void clock_page(void *ctx, struct http_exchange *exchange)
{
    if (serve_take_wish(exchange, obey_page, ctx))
        write_state(ctx, &exchange->reply_body);
}

void serve_register_clock(struct serve *serve)
{
    protocol_register_internal(serve->protocol, "/_millrace/clock", clock_page, serve);
}
