/* The server as a whole: deadlines, stopping, many connections, nothing left behind. */
#include "http/test_support.h"
#include "base/clock.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct http_limits impatient(void)
{
    struct http_limits limits = http_limits_default;
    limits.idle_ms = limits.header_ms = limits.body_stall_ms = limits.write_stall_ms = 150;
    return limits;
}

static void expect_end(int fd)
{
    struct mr_buf rest = {0};
    assert_true(test_read_to_end(fd, &rest));
    assert_int_equal(rest.len, 0);
    mr_buf_fini(&rest);
    close(fd);
}

static void deadlines_end_what_does_not_move(void **state)
{
    (void)state;
    struct test_fixture fixture;
    struct http_limits limits = impatient();
    test_fixture_init(&fixture, 2, &limits);
    int silent = test_connect(fixture.port), head = test_connect(fixture.port);
    int body = test_connect(fixture.port), sink = test_connect(fixture.port);
    int idle = test_connect(fixture.port), half_preface = test_connect(fixture.port);
    test_send_text(head, "GET /echo HT");
    test_send_text(body, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhello");
    test_send_text(sink, "PUT /sink HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhello");
    test_send_text(half_preface, "PRI * HT");
    struct test_reply reply = test_ask(idle, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    const int refused[] = {head, body, sink};
    for (size_t i = 0; i < MR_COUNT(refused); i++) {
        reply = test_read_reply(refused[i], false);
        assert_int_equal(reply.status, 408);
        test_reply_fini(&reply);
        expect_end(refused[i]);
    }
    expect_end(silent);
    expect_end(idle);
    expect_end(half_preface);
    test_fixture_fini(&fixture);
}

static void a_peer_that_takes_nothing_is_dropped(void **state)
{
    (void)state;
    struct test_fixture fixture;
    struct http_limits limits = impatient();
    test_fixture_init(&fixture, 1, &limits);
    int fd = test_connect(fixture.port);
    test_send_text(fd, "GET /big/30000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    test_wait_connections(&fixture, 1);
    test_wait_connections(&fixture, 0);
    close(fd);
    test_fixture_fini(&fixture);
}

static void work_has_no_deadline_of_ours(void **state)
{
    (void)state;
    struct test_fixture fixture;
    struct http_limits limits = impatient();
    test_fixture_init(&fixture, 1, &limits);
    int fd = test_connect(fixture.port), idle = test_connect(fixture.port);
    test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_exchange *exchange = test_take_later(&fixture);
    expect_end(idle); /* by then the deadline of a waiting connection has passed */
    test_answer(exchange, "slow");
    struct test_reply reply = test_read_reply(fd, false);
    assert_string_equal(reply.body.data, "slow");
    test_reply_fini(&reply);
    close(fd);
    test_fixture_fini(&fixture);
}

static void too_many_connections_are_told_so(void **state)
{
    (void)state;
    struct test_fixture fixture;
    struct http_limits limits = http_limits_default;
    limits.connections = 3;
    test_fixture_init(&fixture, 2, &limits);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = test_connect(fixture.port);
        struct test_reply reply = test_ask(fds[i], "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
        test_reply_fini(&reply);
    }
    int refused = test_connect(fixture.port);
    struct test_reply reply = test_read_reply(refused, false);
    assert_int_equal(reply.status, 503);
    test_reply_fini(&reply);
    expect_end(refused);
    close(fds[0]);
    test_wait_connections(&fixture, 2);
    fds[0] = test_connect(fixture.port);
    reply = test_ask(fds[0], "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    test_fixture_fini(&fixture);
}

static void large_bodies_of_all_connections_share_a_limit(void **state)
{
    (void)state;
    struct test_fixture fixture;
    struct http_limits limits = http_limits_default;
    limits.held_bytes = 3 << 20; /* a body of 700,000 bytes takes 1 MiB of memory */
    test_fixture_init(&fixture, 2, &limits);
    static char part[700000];
    memset(part, 'x', sizeof part);
    for (int round = 0; round < 3; round++) {
        int fds[4];
        int refused = 0;
        for (int i = 0; i < 4; i++) {
            fds[i] = test_connect(fixture.port);
            test_send_text(fds[i],
                           "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 700001\r\n\r\n");
            test_send(fds[i], mr_slice_make(part, sizeof part));
        }
        for (int i = 0; i < 4; i++) {
            test_send_text(fds[i], "y");
            struct test_reply reply = test_read_reply(fds[i], false);
            assert_true(reply.status == 200 || reply.status == 503);
            refused += reply.status == 503;
            test_reply_fini(&reply);
            close(fds[i]);
        }
        assert_true(refused <= 2);
        test_wait_connections(&fixture, 0); /* and then all of it is free again */
        int fd = test_connect(fixture.port);
        test_send_text(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 700000\r\n\r\n");
        test_send(fd, mr_slice_make(part, sizeof part));
        struct test_reply reply = test_read_reply(fd, false);
        assert_int_equal(reply.status, 200);
        test_reply_fini(&reply);
        close(fd);
        test_wait_connections(&fixture, 0);
    }
    test_fixture_fini(&fixture);
}

static void one_body_over_the_shared_limit_is_refused(void **state)
{
    (void)state;
    struct test_fixture fixture;
    struct http_limits limits = http_limits_default;
    limits.held_bytes = 1 << 19;
    test_fixture_init(&fixture, 1, &limits);
    static char part[700000];
    int fd = test_connect(fixture.port);
    test_send_text(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 700000\r\n\r\n");
    test_send(fd, mr_slice_make(part, sizeof part));
    struct test_reply reply = test_read_reply(fd, false);
    assert_int_equal(reply.status, 503);
    test_reply_fini(&reply);
    close(fd);
    test_fixture_fini(&fixture);
}

struct stopper {
    pthread_t thread;
    struct http_server *server;
    int grace_ms;
};

static void *stopper_main(void *arg)
{
    struct stopper *stopper = arg;
    http_server_stop(stopper->server, stopper->grace_ms);
    return NULL;
}

static void a_graceful_stop_answers_what_is_in_hand(void **state)
{
    (void)state;
    struct test_fixture fixture;
    test_fixture_init(&fixture, 2, NULL);
    /* Connections go to the loop that has fewest: idle and reading share one, work and idle2 the
     * other. */
    int idle = test_connect(fixture.port), work = test_connect(fixture.port);
    int reading = test_connect(fixture.port), idle2 = test_connect(fixture.port);
    struct test_reply reply = test_ask(idle, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    test_send_text(work,
                   "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    test_send_text(reading, "PUT /sink HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                            "Expect: 100-continue\r\n\r\n");
    reply = test_read_reply(reading, false);
    assert_int_equal(reply.status, 100);
    test_reply_fini(&reply);
    struct http_exchange *exchange = test_take_later(&fixture);
    struct stopper stopper = {.server = fixture.server, .grace_ms = TEST_WAIT_MS};
    assert_int_equal(pthread_create(&stopper.thread, NULL, stopper_main, &stopper), 0);
    expect_end(idle); /* so both loops know of the stop */
    expect_end(idle2);
    test_wait_connections(&fixture, 2);
    test_send_text(reading, "hello");
    reply = test_read_reply(reading, false);
    assert_int_equal(reply.status, 200);
    test_reply_fini(&reply);
    expect_end(reading);
    test_answer(exchange, "last");
    reply = test_read_reply(work, false);
    assert_string_equal(reply.body.data, "last");
    assert_true(test_head_has(&reply, "connection: close\r\n"));
    test_reply_fini(&reply);
    expect_end(work);
    pthread_join(stopper.thread, NULL);
    test_fixture_fini(&fixture);
}

static void a_stream_that_ends_during_a_stop_ends_its_connection(void **state)
{
    (void)state;
    struct test_fixture fixture;
    test_fixture_init(&fixture, 1, NULL);
    int idle = test_connect(fixture.port), fd = test_connect(fixture.port);
    test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_exchange *exchange = test_take_later(&fixture);
    http_reply_begin(exchange);
    assert_int_equal(http_reply_write(exchange, MR_S("one")), MR_OK);
    char head[1];
    assert_int_equal(recv(fd, head, sizeof head, 0), 1); /* sent, without Connection: close */
    struct stopper stopper = {.server = fixture.server, .grace_ms = 4 * TEST_WAIT_MS};
    assert_int_equal(pthread_create(&stopper.thread, NULL, stopper_main, &stopper), 0);
    expect_end(idle); /* so the loop knows of the stop */
    http_reply_end(exchange);
    struct mr_buf rest = {0};
    assert_true(test_read_to_end(fd, &rest));
    assert_true(mr_slice_ends_with(mr_buf_slice(&rest), MR_S("one\r\n0\r\n\r\n")));
    mr_buf_fini(&rest);
    close(fd);
    pthread_join(stopper.thread, NULL);
    test_fixture_fini(&fixture);
}

static void a_stop_does_not_wait_longer_than_its_grace(void **state)
{
    (void)state;
    struct test_fixture fixture;
    test_fixture_init(&fixture, 2, NULL);
    int fd = test_connect(fixture.port);
    test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_exchange *exchange = test_take_later(&fixture);
    int64_t start_ms = mr_monotonic_ms();
    http_server_stop(fixture.server, 50);
    assert_true(mr_monotonic_ms() - start_ms < TEST_WAIT_MS);
    expect_end(fd);
    test_wait_aborts(&fixture, 1);
    test_answer(exchange, "for nobody");
    test_fixture_fini(&fixture);
}

static void a_closed_listener_refuses_while_others_go_on(void **state)
{
    (void)state;
    struct test_fixture fixture;
    test_fixture_init(&fixture, 2, NULL);
    static const struct http_handler none = {.on_request = http_reply_send};
    struct http_listener *second;
    int port;
    assert_int_equal(
        http_server_listen(fixture.server, "127.0.0.1", 0, &none, NULL, &second, &port), MR_OK);
    assert_int_equal(http_server_listen(fixture.server, "127.0.0.1", port, &none, NULL, NULL, NULL),
                     MR_EXISTS);
    assert_int_equal(http_server_listen(fixture.server, "nowhere", 0, &none, NULL, NULL, NULL),
                     MR_INVALID);
    assert_int_equal(http_server_listen(fixture.server, "192.0.2.1", 0, &none, NULL, NULL, NULL),
                     MR_INVALID);
    int fd = test_connect(port), other = test_connect(fixture.port);
    struct test_reply reply = test_ask(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    http_listener_close_wait(second, TEST_WAIT_MS);
    expect_end(fd);
    reply = test_ask(other, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    /* The port is free again. */
    assert_int_equal(
        http_server_listen(fixture.server, "127.0.0.1", port, &none, NULL, &second, NULL), MR_OK);
    http_listener_close(second);
    close(other);
    test_fixture_fini(&fixture);
}

static void a_thousand_connections_leave_no_descriptor_behind(void **state)
{
    (void)state;
    enum { CLIENTS = 1000 };
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur < 2 * CLIENTS + 50)
        skip();
    size_t before = test_open_descriptors();
    struct test_fixture fixture;
    test_fixture_init(&fixture, 2, NULL);
    static int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = test_connect(fixture.port);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CLIENTS; i++)
            test_send_text(fds[i], "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
        for (int i = 0; i < CLIENTS; i++) {
            struct test_reply reply = test_read_reply(fds[i], false);
            assert_string_equal(reply.body.data, "POST /echo|\nhi");
            test_reply_fini(&reply);
        }
    }
    assert_int_equal(http_server_connections(fixture.server), CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    test_wait_connections(&fixture, 0);
    test_fixture_fini(&fixture);
    assert_int_equal(test_open_descriptors(), before);
}

static void running_out_of_descriptors_only_delays_connections(void **state)
{
    (void)state;
    struct test_fixture fixture;
    test_fixture_init(&fixture, 1, NULL);
    int fd = test_connect(fixture.port);
    struct test_reply reply = test_ask(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    struct rlimit files, tight;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    tight = files;
    tight.rlim_cur = 32;
    int filler[64] = {0}, count = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    while (count < 64 && (filler[count] = dup(fd)) >= 0)
        count++;
    assert_true(count > 0);
    close(filler[--count]); /* room for our end of the next connection only */
    int starved = test_connect(fixture.port);
    test_send_text(starved, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    reply = test_ask(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    assert_int_equal(http_server_connections(fixture.server), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    reply = test_read_reply(starved, false);
    assert_int_equal(reply.status, 200);
    test_reply_fini(&reply);
    while (count > 0)
        close(filler[--count]);
    close(starved);
    close(fd);
    test_fixture_fini(&fixture);
}

/* ---- idle loops ---- */

static const int64_t day_us = 86400000000;
static int held_reads, held_writes; /* a pipe: the loop waits for a byte from it */
static atomic_bool is_held;

static void hold_the_loop(struct http_exchange *exchange)
{
    char byte;
    atomic_store(&is_held, true);
    assert_int_equal(read(held_reads, &byte, 1), 1);
    http_reply_send(exchange);
}

static void *wait_idle(void *server)
{
    http_server_wait_idle(server, day_us);
    return NULL;
}

/* A wait that is not needed would last for a day. */
static void who_waits_for_an_idle_loop_sees_it_sleep(void **state)
{
    (void)state;
    static const struct http_handler handler = {.on_request = hold_the_loop};
    struct http_server *server;
    struct http_listener *listener;
    int port, ends[2];
    pthread_t waiter;
    assert_int_equal(pipe(ends), 0);
    held_reads = ends[0];
    held_writes = ends[1];
    assert_int_equal(http_server_new(&server, 1, NULL), MR_OK);
    assert_int_equal(http_server_listen(server, "127.0.0.1", 0, &handler, NULL, &listener, &port),
                     MR_OK);
    int fd = test_connect(port);
    http_server_wait_idle(server, day_us);
    test_send_text(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    while (!atomic_load(&is_held))
        sched_yield();
    http_server_wait_idle(server, 1000); /* it is busy: the time runs out */
    assert_int_equal(pthread_create(&waiter, NULL, wait_idle, server), 0);
    assert_int_equal(write(held_writes, "", 1), 1);
    pthread_join(waiter, NULL);
    struct test_reply reply = test_read_reply(fd, false);
    assert_int_equal(reply.status, 200);
    test_reply_fini(&reply);
    close(fd);
    http_server_stop(server, 1000);
    http_server_free(server);
    close(held_reads);
    close(held_writes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_end_what_does_not_move),
        cmocka_unit_test(who_waits_for_an_idle_loop_sees_it_sleep),
        cmocka_unit_test(a_peer_that_takes_nothing_is_dropped),
        cmocka_unit_test(work_has_no_deadline_of_ours),
        cmocka_unit_test(too_many_connections_are_told_so),
        cmocka_unit_test(large_bodies_of_all_connections_share_a_limit),
        cmocka_unit_test(one_body_over_the_shared_limit_is_refused),
        cmocka_unit_test(a_graceful_stop_answers_what_is_in_hand),
        cmocka_unit_test(a_stream_that_ends_during_a_stop_ends_its_connection),
        cmocka_unit_test(a_stop_does_not_wait_longer_than_its_grace),
        cmocka_unit_test(a_closed_listener_refuses_while_others_go_on),
        cmocka_unit_test(running_out_of_descriptors_only_delays_connections),
        cmocka_unit_test(a_thousand_connections_leave_no_descriptor_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
