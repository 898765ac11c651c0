/* Waiting until everything written before a request has landed.
 *
 * One thread looks for all who wait, often at first and less so later; it is there from the first
 * request on. Nothing that moves has to tell it, so those who do not wait pay nothing, and a clock
 * that is held does not hold it: deadlines are in real time, as a connection's are. */
#include "chain/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include <stdlib.h>

enum { LOOK_MS_MIN = 1, LOOK_MS_MAX = 50, LOOKS_A_WAIT = 20 };

struct chain_waiter {
    struct chain_waiter *next;
    struct http_exchange *exchange;
    struct probe probe;
    bool flush;
    int64_t began_ms, until_ms; /* monotonic */
    int64_t look_ms;            /* the next look */
};

/* ---- the request ---- */

struct wish {
    struct probe_choice choice;
    bool flush;
    int64_t timeout_ms;
    const char *wrong;
    struct mr_slice missing; /* who is named and is not there */
};

static void answer_error(struct http_exchange *exchange, int status, const char *what,
                         struct mr_slice which)
{
    exchange->status = status;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/json"));
    struct mr_json json = mr_json_make(&exchange->reply_body);
    mr_json_object(&json);
    mr_json_key_string(&json, "message",
                       mr_arena_printf(&exchange->arena, "%s%s%.*s", what, which.len > 0 ? " " : "",
                                       MR_ARG(which)));
    mr_json_object_end(&json);
    mr_buf_byte(&exchange->reply_body, '\n');
    http_reply_send(exchange);
}

/* Adds the names of a list, with their kind in front. */
static bool read_names(struct mr_arena *arena, yyjson_val *list, const char *kind,
                       struct mr_slice *names, size_t *count)
{
    size_t i, max;
    yyjson_val *name;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > CHAIN_NAMES_MAX)
        return false;
    yyjson_arr_foreach(list, i, max, name)
    {
        if (!yyjson_is_str(name))
            return false;
        names[(*count)++] = mr_arena_printf(arena, "%s%.*s", kind, MR_ARG(mr_json_text(name)));
    }
    return true;
}

static bool read_member(struct mr_arena *arena, struct mr_slice name, yyjson_val *value,
                        struct wish *wish)
{
    struct probe_choice *choice = &wish->choice;
    if (mr_slice_equal(name, MR_S("tables")))
        return read_names(arena, value, "table/", choice->sources, &choice->source_count);
    if (mr_slice_equal(name, MR_S("streams")))
        return read_names(arena, value, "stream/", choice->sources, &choice->source_count);
    if (mr_slice_equal(name, MR_S("deliveries")))
        return read_names(arena, value, "", choice->deliveries, &choice->delivery_count);
    if (mr_slice_equal(name, MR_S("flush"))) {
        wish->flush = yyjson_is_true(value);
        return yyjson_is_bool(value);
    }
    if (!mr_slice_equal(name, MR_S("timeout_ms")))
        return false;
    wish->timeout_ms = mr_json_is_number(value) ? mr_json_i64(value, -1) : -1;
    return wish->timeout_ms >= 0 && wish->timeout_ms <= CHAIN_TIMEOUT_MS_MAX;
}

static bool read_wish(struct http_exchange *exchange, struct wish *wish)
{
    struct mr_arena *arena = &exchange->arena;
    *wish = (struct wish){.timeout_ms = CHAIN_TIMEOUT_MS};
    wish->choice.sources = MR_NEW_ARRAY(arena, struct mr_slice, 2 * CHAIN_NAMES_MAX);
    wish->choice.deliveries = MR_NEW_ARRAY(arena, struct mr_slice, CHAIN_NAMES_MAX);
    if (mr_slice_trim(exchange->body).len == 0)
        return true;
    yyjson_val *body = mr_json_parse(arena, exchange->body, 4), *key, *value;
    bool good = yyjson_is_obj(body);
    size_t i, max, seen = 0;
    yyjson_obj_foreach(body, i, max, key, value)
    {
        /* A member that is given twice could hold more names than there is room for. */
        good = good && seen++ < 5 &&
               yyjson_obj_getn(body, yyjson_get_str(key), yyjson_get_len(key)) == value &&
               read_member(arena, mr_json_text(key), value, wish);
    }
    return good;
}

/* A name that nobody carries from, or that is no delivery stream, would be waited for in vain, or
 * be taken for landed. */
static struct mr_slice find_unknown(const struct hop_list *list, const struct probe_choice *choice)
{
    for (size_t i = 0; i < choice->source_count; i++) {
        bool found = false;
        for (size_t j = 0; j < list->count; j++)
            found = found || mr_slice_equal(list->hops[j].source, choice->sources[i]);
        if (!found)
            return choice->sources[i];
    }
    for (size_t i = 0; i < choice->delivery_count; i++) {
        bool found = false;
        for (size_t j = 0; j < list->count; j++)
            found = found || (strcmp(list->hops[j].kind, "delivery") == 0 &&
                              mr_slice_equal(list->hops[j].name, choice->deliveries[i]));
        if (!found)
            return choice->deliveries[i];
    }
    return (struct mr_slice){0};
}

/* ---- looking ---- */

static void flush(struct chain *chain, const struct probe *probe)
{
    for (size_t i = 0; i < probe->count; i++) {
        const struct probe_hop *hop = &probe->hops[i];
        const struct mr_slice name = mr_slice_cstr(hop->name);
        if (hop->done || hop->target == 0)
            continue;
        if (strcmp(hop->kind, "pipe") == 0)
            pipes_flush(chain->options.pipes, name, hop->target);
        else if (strcmp(hop->kind, "delivery") == 0)
            firehose_flush(chain->options.firehose, name, hop->target);
    }
}

/* All of them by the same look at the hops, until another look would tell no more. */
static void follow(struct chain *chain, struct chain_waiter *waiters)
{
    bool fresh = true;
    while (fresh) {
        struct mr_arena arena;
        mr_arena_init(&arena);
        const struct hop_list list = chain_hops(chain, &arena);
        fresh = false;
        for (struct chain_waiter *each = waiters; each != NULL; each = each->next)
            fresh = probe_step(&each->probe, chain->options.store, &list, &chain->waiting.seen) ||
                    fresh;
        mr_arena_fini(&arena);
    }
}

static void write_waiting(struct chain *chain, struct mr_json *json, const struct probe *probe)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct hop_list list = chain_hops(chain, &arena);
    mr_json_key(json, "waiting");
    mr_json_array(json);
    for (size_t i = 0; i < probe->count; i++) {
        const struct hop *hop = probe_find(&list, &probe->hops[i]);
        if (!probe->hops[i].done && hop != NULL)
            chain_write_hop(chain, json, hop);
    }
    mr_json_array_end(json);
    mr_arena_fini(&arena);
}

/* Frees the waiter. The reply tells of what may not be durable yet: it waits for that. */
static void answer(struct chain *chain, struct chain_waiter *waiter, const char *problem)
{
    struct http_exchange *exchange = waiter->exchange;
    const bool landed = problem == NULL;
    exchange->status = landed ? 200 : 409;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/json"));
    struct mr_json json = mr_json_make(&exchange->reply_body);
    mr_json_object(&json);
    mr_json_key_bool(&json, "landed", landed);
    mr_json_key_int(&json, "watermark_ms", landed ? waiter->probe.time_ms : 0);
    mr_json_key_int(&json, "waited_ms", mr_monotonic_ms() - waiter->began_ms);
    if (!landed) {
        mr_json_key_cstr(&json, "message", problem);
        write_waiting(chain, &json, &waiter->probe);
    }
    mr_json_object_end(&json);
    mr_buf_byte(&exchange->reply_body, '\n');
    probe_fini(&waiter->probe);
    free(waiter);
    http_reply_send_after(exchange, journal_tail(store_journal(chain->options.store)));
}

/* Takes those out whose time has come for a look. */
static struct chain_waiter *take_due_locked(struct chain *chain, int64_t now_ms)
{
    struct chain_waiter **at = &chain->waiting.first, *due = NULL;
    while (*at != NULL) {
        struct chain_waiter *waiter = *at;
        if (waiter->look_ms > now_ms && !chain->waiting.stopping) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = due;
        due = waiter;
    }
    return due;
}

static void put_back(struct chain *chain, struct chain_waiter *waiter, int64_t now_ms)
{
    int64_t wait_ms = (now_ms - waiter->began_ms) / LOOKS_A_WAIT;
    wait_ms = wait_ms < LOOK_MS_MIN ? LOOK_MS_MIN : wait_ms > LOOK_MS_MAX ? LOOK_MS_MAX : wait_ms;
    waiter->look_ms = now_ms + wait_ms < waiter->until_ms ? now_ms + wait_ms : waiter->until_ms;
    pthread_mutex_lock(&chain->waiting.lock);
    waiter->next = chain->waiting.first;
    chain->waiting.first = waiter;
    pthread_mutex_unlock(&chain->waiting.lock);
}

static void look_for(struct chain *chain, struct chain_waiter *waiter, bool stopping)
{
    const char *problem = NULL;
    if (stopping)
        problem = "the server stops or is reset";
    else if (!probe_is_done(&waiter->probe)) {
        const int64_t now_ms = mr_monotonic_ms();
        if (waiter->flush)
            flush(chain, &waiter->probe);
        if (now_ms < waiter->until_ms) {
            put_back(chain, waiter, now_ms);
            return;
        }
        problem = "not everything has landed in time; \"waiting\" tells who has not moved what";
    }
    pthread_mutex_lock(&chain->waiting.lock);
    chain->waiting.count--;
    pthread_mutex_unlock(&chain->waiting.lock);
    answer(chain, waiter, problem);
}

/* ---- the thread ---- */

static void sleep_locked(struct chain *chain)
{
    int64_t next_ms = INT64_MAX;
    for (const struct chain_waiter *each = chain->waiting.first; each != NULL; each = each->next)
        next_ms = each->look_ms < next_ms ? each->look_ms : next_ms;
    if (next_ms == INT64_MAX) {
        pthread_cond_wait(&chain->waiting.changed, &chain->waiting.lock);
        return;
    }
    const struct timespec until = mr_monotonic_timespec(next_ms * 1000);
    (void)pthread_cond_timedwait(&chain->waiting.changed, &chain->waiting.lock, &until);
}

static void *run(void *arg)
{
    struct chain *chain = arg;
    pthread_mutex_lock(&chain->waiting.lock);
    while (!chain->waiting.stopping || chain->waiting.first != NULL) {
        struct chain_waiter *due = take_due_locked(chain, mr_monotonic_ms());
        const bool stopping = chain->waiting.stopping;
        if (due == NULL) {
            sleep_locked(chain);
            continue;
        }
        pthread_mutex_unlock(&chain->waiting.lock);
        if (!stopping)
            follow(chain, due);
        while (due != NULL) {
            struct chain_waiter *waiter = due;
            due = waiter->next;
            look_for(chain, waiter, stopping);
        }
        pthread_mutex_lock(&chain->waiting.lock);
    }
    pthread_mutex_unlock(&chain->waiting.lock);
    return NULL;
}

void chain_waiting_init(struct chain *chain)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&chain->waiting.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&chain->waiting.lock, NULL);
}

void chain_waiting_stop(struct chain *chain)
{
    pthread_mutex_lock(&chain->waiting.lock);
    chain->waiting.stopping = true;
    const bool runs = chain->waiting.runs;
    pthread_cond_signal(&chain->waiting.changed);
    pthread_mutex_unlock(&chain->waiting.lock);
    if (runs)
        pthread_join(chain->waiting.thread, NULL);
    pthread_cond_destroy(&chain->waiting.changed);
    pthread_mutex_destroy(&chain->waiting.lock);
}

/* MR_FULL: too many wait, or the chain ends. */
static enum mr_status enlist(struct chain *chain, struct chain_waiter *waiter)
{
    enum mr_status status = MR_FULL;
    pthread_mutex_lock(&chain->waiting.lock);
    if (!chain->waiting.stopping && chain->waiting.count < CHAIN_WAITERS_MAX) {
        if (!chain->waiting.runs)
            chain->waiting.runs = pthread_create(&chain->waiting.thread, NULL, run, chain) == 0;
        status = chain->waiting.runs ? MR_OK : MR_FULL;
    }
    if (status == MR_OK) {
        waiter->next = chain->waiting.first;
        chain->waiting.first = waiter;
        chain->waiting.count++;
        pthread_cond_signal(&chain->waiting.changed);
    }
    pthread_mutex_unlock(&chain->waiting.lock);
    return status;
}

/* NULL: the wish names what is not there, and the refusal is sent. */
static struct chain_waiter *make_waiter(struct chain *chain, struct http_exchange *exchange,
                                        const struct wish *wish)
{
    struct store *store = chain->options.store;
    const int64_t time_ms = store_now(store), now_ms = mr_monotonic_ms();
    const int64_t position = journal_tail(store_journal(store));
    struct chain_waiter *waiter = NULL;
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct hop_list list = chain_hops(chain, &arena);
    const struct mr_slice unknown = find_unknown(&list, &wish->choice);
    if (unknown.len == 0) {
        waiter = mr_calloc(1, sizeof *waiter);
        *waiter = (struct chain_waiter){.exchange = exchange,
                                        .flush = wish->flush,
                                        .began_ms = now_ms,
                                        .until_ms = now_ms + wish->timeout_ms,
                                        .look_ms = now_ms};
        probe_init(&waiter->probe, &list, &wish->choice, time_ms, position);
    }
    mr_arena_fini(&arena);
    if (waiter == NULL) {
        answer_error(exchange, 404, "nothing carries on from or is", unknown);
    } else if (waiter->probe.count == 0 &&
               wish->choice.source_count + wish->choice.delivery_count > 0) {
        probe_fini(&waiter->probe);
        free(waiter);
        waiter = NULL;
        answer_error(exchange, 404, "nothing carries from what is named to what is named",
                     (struct mr_slice){0});
    }
    return waiter;
}

void chain_wait(struct chain *chain, struct http_exchange *exchange)
{
    struct wish wish;
    if (!read_wish(exchange, &wish)) {
        answer_error(exchange, 400,
                     "members are \"timeout_ms\" (at most an hour), \"tables\", \"streams\", "
                     "\"deliveries\" (names) and \"flush\"",
                     (struct mr_slice){0});
        return;
    }
    struct chain_waiter *waiter = make_waiter(chain, exchange, &wish);
    if (waiter == NULL || enlist(chain, waiter) == MR_OK)
        return;
    probe_fini(&waiter->probe);
    free(waiter);
    answer_error(exchange, 503, "too many wait already", (struct mr_slice){0});
}
