#include "lambda/internal.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zip.h>
#include <cmocka.h>

/* A function of the real server, with a process that is this shell script: it speaks the Runtime
 * API through bash's /dev/tcp, so that the test needs no interpreter of its own. The clock stands
 * still unless a test moves it. */
static const char script[] =
    "#!/bin/bash\n"
    "host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}\n"
    "base=/2018-06-01/runtime\n"
    "while exec 3<>/dev/tcp/$host/$port; do\n"
    "  printf 'GET %s/invocation/next HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' "
    "$base >&3\n"
    "  id= length=0 line=\n"
    "  while IFS= read -r line <&3; do\n"
    "    line=${line%$'\\r'}\n"
    "    [ -z \"$line\" ] && break\n"
    "    case ${line,,} in\n"
    "    lambda-runtime-aws-request-id:*) id=${line#*: } ;;\n"
    "    content-length:*) length=${line#*: } ;;\n"
    "    esac\n"
    "  done\n"
    "  [ -z \"$id\" ] && exit 1\n"
    "  event=; [ $length -gt 0 ] && read -r -N $length event <&3\n"
    "  exec 3<&-\n"
    "  [ \"$event\" = '\"wait\"' ] && sleep 600\n"
    "  case $event in '\"until '*)\n"
    "    path=${event#*until } path=${path%?}\n"
    "    until [ -e \"$path\" ]; do sleep 0.01; done ;;\n"
    "  esac\n"
    "  [ \"$event\" = '\"talk\"' ] && seq -f 'line %g' 3000\n"
    "  exec 3<>/dev/tcp/$host/$port\n"
    "  printf 'POST %s/invocation/%s/response HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n"
    "Content-Length: %d\\r\\n\\r\\n%s' $base $id ${#BASHPID} $BASHPID >&3\n"
    "  while IFS= read -r line <&3; do :; done\n"
    "  exec 3<&-\n"
    "  [ \"$event\" = '\"leave\"' ] && exit 0\n"
    "done\n";

struct fixture {
    char base[64];
    _Atomic int64_t now_ms;
    struct mr_rng rng;
    struct store *store;
    struct runtime *runtime;
    struct lambda *lambda;
    struct lambda_function *function;
    atomic_int ends;    /* lines of the log that are "end" */
    int64_t stalled_us; /* so long the log takes for its first line of an event */
};

static void on_log(void *ctx, struct mr_slice group, struct mr_slice stream, int64_t time_ms,
                   struct mr_slice text)
{
    struct fixture *fixture = ctx;
    (void)group, (void)stream, (void)time_ms;
    fixture->ends += mr_slice_equal(text, MR_S("end"));
    const int64_t until_us = mr_monotonic_us() + fixture->stalled_us;
    while (mr_slice_equal(text, MR_S("line 1")) && mr_monotonic_us() < until_us)
        sched_yield();
}

static int64_t now_of(void *ctx)
{
    struct fixture *fixture = ctx;
    return fixture->now_ms;
}

static struct mr_slice zip_of_script(const char *path, char *bytes, size_t size)
{
    int error = 0;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
    assert_non_null(zip);
    zip_source_t *source = zip_source_buffer(zip, script, sizeof script - 1, 0);
    assert_true(zip_file_add(zip, "bootstrap", source, 0) >= 0);
    assert_int_equal(zip_file_set_external_attributes(zip, 0, 0, ZIP_OPSYS_UNIX, 0100755u << 16),
                     0);
    assert_int_equal(zip_close(zip), 0);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t len = fread(bytes, 1, size, file);
    assert_true(len > 0 && len < size);
    assert_int_equal(fclose(file), 0);
    return mr_slice_make(bytes, len);
}

static void make_function(struct fixture *fixture)
{
    static const char doc[] =
        "{\"FunctionName\":\"f\",\"FunctionArn\":\"arn:aws:lambda:us-east-1:000000000000:function:"
        "f\",\"Runtime\":\"provided.al2023\",\"Handler\":\"x\",\"Timeout\":30,\"MemorySize\":128,"
        "\"LoggingConfig\":{\"LogGroup\":\"/aws/lambda/f\"}}";
    char path[96], bytes[8192], message[256] = "";
    (void)snprintf(path, sizeof path, "%s/f.zip", fixture->base);
    struct lambda_code *code = NULL;
    assert_int_equal(
        lambda_code_new(fixture->lambda, zip_of_script(path, bytes, sizeof bytes), &code, message),
        MR_OK);
    const struct lambda_function_new create = {
        .name = MR_S("f"),
        .arn = MR_S("arn:aws:lambda:us-east-1:000000000000:function:f"),
        .config = lambda_config_new(mr_slice_cstr(doc), code, NULL),
    };
    assert_int_equal(lambda_function_create(fixture->lambda, &create, &fixture->function), MR_OK);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    *state = fixture;
    (void)snprintf(fixture->base, sizeof fixture->base, "/tmp/millrace-instance-XXXXXX");
    assert_non_null(mkdtemp(fixture->base));
    fixture->now_ms = 1718000000000;
    mr_rng_init_system(&fixture->rng);
    const struct mr_clock clock = {.now_ms = now_of, .ctx = fixture};
    const struct store_options store = {.folder = fixture->base, .clock = clock};
    const struct runtime_options runtime = {.clock = clock};
    assert_int_equal(store_open(&fixture->store, &store), MR_OK);
    assert_int_equal(runtime_new(&fixture->runtime, &runtime), MR_OK);
    const struct lambda_options lambda = {.store = fixture->store,
                                          .runtime = fixture->runtime,
                                          .rng = &fixture->rng,
                                          .log = on_log,
                                          .log_ctx = fixture};
    assert_int_equal(lambda_open(&fixture->lambda, &lambda), MR_OK);
    make_function(fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    lambda_function_unref(fixture->function);
    lambda_close(fixture->lambda);
    runtime_stop(fixture->runtime);
    store_close(fixture->store);
    runtime_free(fixture->runtime);
    lambda_remove_tree(fixture->base);
    free(fixture);
    return 0;
}

static enum lambda_outcome call(struct fixture *fixture, const char *event, char ret_reply[64])
{
    struct lambda_result result;
    assert_int_equal(lambda_invoke(fixture->lambda, MR_S("f"), mr_slice_cstr(event), &result),
                     MR_OK);
    (void)snprintf(ret_reply, 64, "%.*s", MR_ARG(mr_buf_slice(&result.reply)));
    const enum lambda_outcome outcome = result.outcome;
    lambda_result_fini(&result);
    return outcome;
}

/* Waits until the pool holds that many processes. */
static void wait_for_pool(struct fixture *fixture, int64_t count)
{
    struct lambda *lambda = fixture->lambda;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 20;
    int error = 0;
    pthread_mutex_lock(&lambda->pool_lock);
    while (lambda->pool.count != count && error == 0)
        error = pthread_cond_timedwait(&lambda->pool_changed, &lambda->pool_lock, &until);
    assert_int_equal(lambda->pool.count, count);
    pthread_mutex_unlock(&lambda->pool_lock);
}

static void a_process_moves_only_as_the_diagram_says(void **state)
{
    (void)state;
    static const bool wanted[INSTANCE_STATES][INSTANCE_STATES] = {
        /* to            STARTING IDLE   BUSY   DEAD */
        /* STARTING */ {false, true, true, true},
        /* IDLE */ {false, false, true, true},
        /* BUSY */ {false, true, false, true},
        /* DEAD */ {false, false, false, false},
    };
    for (int from = 0; from < INSTANCE_STATES; from++)
        for (int to = 0; to < INSTANCE_STATES; to++)
            assert_int_equal(
                lambda_instance_move_is_legal((enum instance_state)from, (enum instance_state)to),
                wanted[from][to]);
}

static void a_warm_process_is_used_again(void **state)
{
    struct fixture *fixture = *state;
    char first[64], again[64];
    assert_int_equal(call(fixture, "{}", first), LAMBDA_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call(fixture, "{}", again), LAMBDA_OK);
        assert_string_equal(again, first);
    }
    assert_int_equal(fixture->lambda->pool.count, 1);
}

static void an_idle_process_ends_after_its_time_and_not_before(void **state)
{
    struct fixture *fixture = *state;
    char first[64], second[64];
    assert_int_equal(call(fixture, "{}", first), LAMBDA_OK);
    fixture->now_ms += LAMBDA_IDLE_MS - 1;
    runtime_pump_wake(fixture->lambda->reaper);
    assert_int_equal(call(fixture, "{}", second), LAMBDA_OK);
    assert_string_equal(first, second);
    fixture->now_ms += LAMBDA_IDLE_MS;
    runtime_pump_wake(fixture->lambda->reaper);
    wait_for_pool(fixture, 0);
    assert_int_equal(call(fixture, "{}", second), LAMBDA_OK);
    assert_string_not_equal(first, second);
}

/* The process answers and ends instead of asking for more: whether that is seen in time or not, the
 * next event is no victim of it. */
static void an_event_nobody_took_goes_to_another_process(void **state)
{
    struct fixture *fixture = *state;
    char before[64] = "", now[64];
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call(fixture, "\"leave\"", now), LAMBDA_OK);
        assert_string_not_equal(before, now);
        memcpy(before, now, sizeof before);
    }
}

struct caller {
    struct fixture *fixture;
    char event[128];
    enum lambda_outcome outcome;
    char reply[64];
};

static void *call_slowly(void *arg)
{
    struct caller *caller = arg;
    caller->outcome = call(caller->fixture, caller->event, caller->reply);
    return NULL;
}

static void stopping_ends_a_call_without_blaming_the_function(void **state)
{
    struct fixture *fixture = *state;
    struct caller caller = {.fixture = fixture, .event = "\"wait\""};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_slowly, &caller), 0);
    for (bool busy = false; !busy;) {
        pthread_mutex_lock(&fixture->function->lock);
        const struct lambda_instance *instance = fixture->function->locked.instances;
        busy = instance != NULL && instance->locked.state == INSTANCE_BUSY;
        pthread_mutex_unlock(&fixture->function->lock);
    }
    lambda_stop(fixture->lambda);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(caller.outcome, LAMBDA_NOT_READY);
    assert_string_equal(caller.reply, "");
    assert_int_equal(fixture->lambda->pool.count, 0);
    assert_int_equal(call(fixture, "{}", caller.reply), LAMBDA_NOT_READY);
}

/* A process that was told to end may have sent its answer already. */
static void an_answer_of_a_retired_process_still_counts(void **state)
{
    struct fixture *fixture = *state;
    struct caller caller = {.fixture = fixture};
    char path[96];
    pthread_t thread;
    (void)snprintf(path, sizeof path, "%s/go", fixture->base);
    (void)snprintf(caller.event, sizeof caller.event, "\"until %s\"", path);
    assert_int_equal(pthread_create(&thread, NULL, call_slowly, &caller), 0);
    for (bool retired = false; !retired;) {
        pthread_mutex_lock(&fixture->function->lock);
        struct lambda_instance *instance = fixture->function->locked.instances;
        const struct lambda_invocation *invocation =
            instance == NULL ? NULL : instance->locked.current;
        retired = invocation != NULL && invocation->locked.state == INVOCATION_DELIVERED;
        if (retired) /* as lambda_instance_retire_locked does, before its signal strikes */
            lambda_instance_set_state_locked(instance, INSTANCE_DEAD);
        pthread_mutex_unlock(&fixture->function->lock);
    }
    FILE *go = fopen(path, "w");
    assert_non_null(go);
    assert_int_equal(fclose(go), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(caller.outcome, LAMBDA_OK);
    wait_for_pool(fixture, 0);
}

enum { ENDERS = 4, ENDS_EACH = 2000 };

static void *end_often(void *arg)
{
    for (int i = 0; i < ENDS_EACH; i++)
        lambda_instance_log_end(arg, MR_S("end"));
    return NULL;
}

/* A process may answer its next event before the caller of its last one has logged the end. */
static void ends_at_one_time_are_all_logged(void **state)
{
    struct fixture *fixture = *state;
    char reply[64];
    pthread_t threads[ENDERS];
    assert_int_equal(call(fixture, "{}", reply), LAMBDA_OK);
    pthread_mutex_lock(&fixture->function->lock);
    struct lambda_instance *instance = fixture->function->locked.instances;
    atomic_fetch_add(&instance->refs, 1);
    pthread_mutex_unlock(&fixture->function->lock);
    for (int i = 0; i < ENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, end_often, instance), 0);
    for (int i = 0; i < ENDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    lambda_instance_unref(instance);
    lambda_stop(fixture->lambda);
    assert_int_equal(fixture->ends, ENDERS * ENDS_EACH);
}

/* A log that is slow, as it may be for a machine under load, is waited for. */
static void the_tail_has_all_that_was_written_before_the_answer(void **state)
{
    struct fixture *fixture = *state;
    const struct lambda_call call = {.event = MR_S("\"talk\""), .want_tail = true};
    struct lambda_result result;
    struct lambda_tail *tail = calloc(1, sizeof *tail);
    struct mr_arena arena;
    mr_arena_init(&arena);
    fixture->stalled_us = 100000;
    assert_int_equal(lambda_function_invoke(fixture->function, &call, &result, tail), MR_OK);
    assert_int_equal(result.outcome, LAMBDA_OK);
    const struct mr_slice text = lambda_tail_text(&arena, tail);
    assert_int_not_equal(mr_slice_search(text, MR_S("\nline 3000\nEND RequestId: ")), SIZE_MAX);
    lambda_result_fini(&result);
    mr_arena_fini(&arena);
    free(tail);
}

static void names_that_are_not_known_are_no_functions(void **state)
{
    struct fixture *fixture = *state;
    struct lambda_result result;
    assert_true(lambda_exists(fixture->lambda, MR_S("f")));
    assert_true(lambda_exists(fixture->lambda,
                              MR_S("arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST")));
    assert_false(lambda_exists(fixture->lambda, MR_S("f:prod")));
    assert_false(lambda_exists(fixture->lambda, MR_S("g")));
    assert_int_equal(lambda_invoke(fixture->lambda, MR_S("g"), MR_S("{}"), &result), MR_OK);
    assert_int_equal(result.outcome, LAMBDA_NO_FUNCTION);
    lambda_result_fini(&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_moves_only_as_the_diagram_says),
        TEST(a_warm_process_is_used_again),
        TEST(an_idle_process_ends_after_its_time_and_not_before),
        TEST(an_event_nobody_took_goes_to_another_process),
        TEST(stopping_ends_a_call_without_blaming_the_function),
        TEST(an_answer_of_a_retired_process_still_counts),
        TEST(ends_at_one_time_are_all_logged),
        TEST(the_tail_has_all_that_was_written_before_the_answer),
        TEST(names_that_are_not_known_are_no_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
