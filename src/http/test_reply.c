/* Replies: from other threads, held back for tickets, files, streams, and peers that go away. */
#include "http/test_support.h"
#include "base/clock.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <unistd.h>

static struct test_fixture fixture;
enum { FILE_BYTES = 10 << 20 };

static int set_up(void **state)
{
    (void)state;
    test_fixture_init(&fixture, 2, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_fixture_fini(&fixture);
    return 0;
}

/* ---- many clients, replies from other threads ---- */

struct answerer {
    pthread_t thread;
    int count;
};

static void *answer_main(void *arg)
{
    struct answerer *answerer = arg;
    for (int i = 0; i < answerer->count; i++) {
        struct http_exchange *exchange = test_take_later(&fixture);
        mr_buf_append(&exchange->reply_body, exchange->body);
        http_reply_header(exchange, MR_S("x-worker"), MR_S("1"));
        http_reply_send(exchange);
    }
    return NULL;
}

static void replies_may_come_from_any_thread(void **state)
{
    (void)state;
    enum { THREADS = 4, CLIENTS = 16, ROUNDS = 200 };
    struct answerer answerers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        answerers[i].count = CLIENTS * ROUNDS / THREADS;
        assert_int_equal(pthread_create(&answerers[i].thread, NULL, answer_main, &answerers[i]), 0);
    }
    int fds[CLIENTS];
    for (int c = 0; c < CLIENTS; c++)
        fds[c] = test_connect(fixture.port);
    for (int round = 0; round < ROUNDS; round++) {
        char text[128];
        for (int c = 0; c < CLIENTS; c++) {
            snprintf(text, sizeof text,
                     "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n%03d-%04d", c,
                     round);
            test_send_text(fds[c], text);
        }
        for (int c = 0; c < CLIENTS; c++) {
            snprintf(text, sizeof text, "%03d-%04d", c, round);
            struct test_reply reply = test_read_reply(fds[c], false);
            assert_string_equal(reply.body.data, text);
            test_reply_fini(&reply);
        }
    }
    for (int c = 0; c < CLIENTS; c++)
        close(fds[c]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(answerers[i].thread, NULL);
}

/* ---- tickets ---- */

static bool reply_is_there(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void ask_ticket(int fd, int64_t ticket)
{
    char text[96];
    snprintf(text, sizeof text, "GET /ticket/%lld HTTP/1.1\r\nHost: h\r\n\r\n", (long long)ticket);
    test_send_text(fd, text);
}

static void expect_ticket(int fd, int64_t ticket)
{
    char text[32];
    snprintf(text, sizeof text, "/ticket/%lld", (long long)ticket);
    struct test_reply reply = test_read_reply(fd, false);
    assert_string_equal(reply.body.data, text);
    test_reply_fini(&reply);
}

/* Tickets are given in an order that is neither rising nor falling. */
static void replies_leave_when_their_ticket_is_released(void **state)
{
    (void)state;
    enum { CLIENTS = 64 };
    int fds[CLIENTS], ping = test_connect(fixture.port), ping2 = test_connect(fixture.port);
    for (int c = 0; c < CLIENTS; c++)
        fds[c] = test_connect(fixture.port);
    for (int c = 0; c < CLIENTS; c++)
        ask_ticket(fds[c], 1000 + (c * 37) % CLIENTS);
    for (int released = 0; released < CLIENTS; released++) {
        http_server_release(fixture.server, 1000 + released);
        for (int c = 0; c < CLIENTS; c++)
            if ((c * 37) % CLIENTS == released)
                expect_ticket(fds[c], 1000 + released);
        /* A round trip on each loop, so that a reply let go too early would have arrived. */
        struct test_reply reply = test_ask(ping, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
        test_reply_fini(&reply);
        reply = test_ask(ping2, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
        test_reply_fini(&reply);
        for (int c = 0; c < CLIENTS; c++)
            assert_false(reply_is_there(fds[c]));
    }
    ask_ticket(ping, 1005); /* released already: at once */
    expect_ticket(ping, 1005);
    http_server_release(fixture.server, 5); /* positions never fall */
    ask_ticket(ping, 1005);
    expect_ticket(ping, 1005);
    for (int c = 0; c < CLIENTS; c++)
        close(fds[c]);
    close(ping);
    close(ping2);
}

static atomic_llong releaser_position;
static atomic_bool releaser_stop;

static void *releaser_main(void *arg)
{
    (void)arg;
    while (!atomic_load(&releaser_stop)) {
        http_server_release(fixture.server, atomic_fetch_add(&releaser_position, 1) + 1);
        sched_yield();
    }
    return NULL;
}

static void no_release_is_lost_in_a_race(void **state)
{
    (void)state;
    enum { CLIENTS = 8, ROUNDS = 500 };
    pthread_t thread;
    atomic_store(&releaser_position, 10000);
    atomic_store(&releaser_stop, false);
    assert_int_equal(pthread_create(&thread, NULL, releaser_main, NULL), 0);
    int fds[CLIENTS];
    for (int c = 0; c < CLIENTS; c++)
        fds[c] = test_connect(fixture.port);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t tickets[CLIENTS];
        for (int c = 0; c < CLIENTS; c++) {
            tickets[c] = atomic_load(&releaser_position) + c;
            ask_ticket(fds[c], tickets[c]);
        }
        for (int c = 0; c < CLIENTS; c++)
            expect_ticket(fds[c], tickets[c]);
    }
    atomic_store(&releaser_stop, true);
    pthread_join(thread, NULL);
    for (int c = 0; c < CLIENTS; c++)
        close(fds[c]);
}

static atomic_llong to_release; /* 0: nothing */

static void *release_when_told(void *arg)
{
    (void)arg;
    for (long long last = 0; last >= 0;) {
        const long long position = atomic_load(&to_release);
        if (position != last && position > 0)
            http_server_release(fixture.server, position);
        last = position;
    }
    return NULL;
}

/* Nothing is released after it: a loop that was not woken then would sleep on. */
static void the_release_of_another_threads_reply_is_never_lost(void **state)
{
    (void)state;
    enum { ROUNDS = 3000 };
    pthread_t thread;
    int64_t ticket = 500000;
    int fd = test_connect(fixture.port);
    atomic_store(&to_release, 0);
    assert_int_equal(pthread_create(&thread, NULL, release_when_told, NULL), 0);
    for (int round = 0; round < ROUNDS; round++, ticket++) {
        test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
        struct http_exchange *exchange = test_take_later(&fixture);
        if (round % 3 == 0) {
            http_reply_send_after(exchange, ticket);
            assert_false(reply_is_there(fd));
            atomic_store(&to_release, ticket);
        } else {
            atomic_store(&to_release, ticket);
            http_reply_send_after(exchange, ticket);
        }
        struct test_reply reply = test_read_reply(fd, false);
        assert_int_equal(reply.status, 200);
        test_reply_fini(&reply);
    }
    atomic_store(&to_release, -1);
    pthread_join(thread, NULL);
    close(fd);
}

/* ---- files ---- */

static void a_file_of_ten_megabytes_arrives_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/millrace-test-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    unlink(path);
    char *content = malloc(FILE_BYTES);
    assert_non_null(content);
    for (uint32_t i = 0; i < FILE_BYTES; i++)
        content[i] = (char)(i * 2654435761u >> 24);
    assert_int_equal(write(file, content, FILE_BYTES), FILE_BYTES);
    char opened[64];
    snprintf(opened, sizeof opened, "/proc/self/fd/%d", file);
    fixture.file_path = opened;
    fixture.file_len = FILE_BYTES;
    size_t descriptors = test_open_descriptors();
    int fd = test_connect(fixture.port);
    for (int i = 0; i < 3; i++) {
        struct test_reply reply = test_ask(fd, "GET /file HTTP/1.1\r\nHost: h\r\n\r\n", 200);
        assert_int_equal(reply.body.len, FILE_BYTES);
        assert_memory_equal(reply.body.data, content, FILE_BYTES);
        test_reply_fini(&reply);
        test_send_text(fd, "HEAD /file HTTP/1.1\r\nHost: h\r\n\r\n");
        reply = test_read_reply(fd, true);
        assert_true(test_head_has(&reply, "content-length: 10485760\r\n"));
        test_reply_fini(&reply);
    }
    fixture.file_len = FILE_BYTES + 1; /* promised more than there is: the reply breaks off */
    test_send_text(fd, "GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
    struct test_reply reply = test_read_reply(fd, false);
    assert_false(reply.ended);
    test_reply_fini(&reply);
    close(fd);
    test_wait_connections(&fixture, 0);
    assert_int_equal(test_open_descriptors(), descriptors);
    free(content);
    close(file);
}

static void a_file_is_changed_on_its_way(void **state)
{
    (void)state;
    int file = memfd_create("changed", MFD_CLOEXEC);
    assert_true(file >= 0);
    char *content = calloc(1, FILE_BYTES);
    assert_non_null(content);
    assert_int_equal(write(file, content, FILE_BYTES), FILE_BYTES);
    char opened[64];
    snprintf(opened, sizeof opened, "/proc/self/fd/%d", file);
    fixture.file_path = opened;
    fixture.file_len = FILE_BYTES;
    for (size_t i = 0; i < FILE_BYTES; i++)
        content[i] = (char)(i * 7);
    const int ended = test_filters_ended();
    int fd = test_connect(fixture.port);
    for (int i = 0; i < 2; i++) {
        struct test_reply reply = test_ask(fd, "GET /changed HTTP/1.1\r\nHost: h\r\n\r\n", 200);
        assert_int_equal(reply.body.len, FILE_BYTES);
        assert_memory_equal(reply.body.data, content, FILE_BYTES);
        test_reply_fini(&reply);
    }
    test_send_text(fd, "GET /changed HTTP/1.1\r\nHost: h\r\n\r\n");
    char some[1000]; /* and gone */
    assert_true(read(fd, some, sizeof some) > 0);
    close(fd);
    test_wait_connections(&fixture, 0);
    assert_int_equal(test_filters_ended(), ended + 3);
    free(content);
    close(file);
}

/* ---- streams ---- */

static void a_stream_meets_a_slow_reader(void **state)
{
    (void)state;
    enum { PIECE = 100000, PIECES = 300 };
    int fd = test_connect(fixture.port);
    test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_exchange *exchange = test_take_later(&fixture);
    http_reply_begin(exchange);
    char *piece = malloc(PIECE);
    assert_non_null(piece);
    int written = 0;
    enum mr_status status = MR_OK;
    for (; written < PIECES && status == MR_OK; written += status == MR_OK) {
        memset(piece, 'a' + written % 26, PIECE);
        status = http_reply_write_wait(exchange, mr_slice_make(piece, PIECE), 300);
    }
    assert_int_equal(status, MR_FULL); /* the reader takes nothing, the socket no more */
    struct mr_buf raw = {0};
    while (written < PIECES) {
        memset(piece, 'a' + written % 26, PIECE);
        status = http_reply_write(exchange, mr_slice_make(piece, PIECE));
        if (status == MR_OK) {
            written++;
            continue;
        }
        assert_int_equal(status, MR_FULL);
        ssize_t got = recv(fd, mr_buf_reserve(&raw, 65536), 65536, 0);
        assert_true(got > 0);
        raw.len += (size_t)got;
    }
    http_reply_end(exchange);
    shutdown(fd, SHUT_WR);
    assert_true(test_read_to_end(fd, &raw));
    size_t payload = 0; /* framing takes less than 1 in 100 here */
    for (size_t i = 0; i < raw.len; i++)
        payload += raw.data[i] >= 'a' && raw.data[i] <= 'z';
    assert_true(payload >= (size_t)PIECE * PIECES && payload < (size_t)PIECE * PIECES * 101 / 100);
    assert_memory_equal(raw.data + raw.len - 7, "\r\n0\r\n\r\n", 7);
    mr_buf_fini(&raw);
    free(piece);
    close(fd);
}

struct streamer {
    struct http_exchange *exchange;
    int pieces;
    size_t piece_max;
};

static void *streamer_main(void *arg)
{
    struct streamer *streamer = arg;
    struct mr_buf text = {0};
    http_reply_begin(streamer->exchange);
    for (int i = 0; i < streamer->pieces; i++) {
        size_t len = 1 + (size_t)i * 7919 % streamer->piece_max;
        mr_buf_reset(&text);
        mr_buf_reserve(&text, len);
        memset(text.data, 'a' + i % 26, len);
        text.len = len;
        while (http_reply_write_wait(streamer->exchange, mr_buf_slice(&text), 1000) == MR_FULL)
            ;
    }
    http_reply_end(streamer->exchange);
    mr_buf_fini(&text);
    return NULL;
}

static void expect_stream(size_t piece_max, bool http10)
{
    enum { PIECES = 500 };
    int fd = test_connect(fixture.port);
    test_send_text(fd, http10 ? "GET /later HTTP/1.0\r\n\r\n"
                              : "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct streamer streamer = {
        .exchange = test_take_later(&fixture), .pieces = PIECES, .piece_max = piece_max};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, streamer_main, &streamer), 0);
    struct test_reply reply = test_read_reply(fd, false);
    assert_true(reply.ended);
    size_t at = 0;
    for (int i = 0; i < PIECES; i++)
        for (size_t j = 0; j < 1 + (size_t)i * 7919 % piece_max; j++, at++)
            if (at >= reply.body.len || reply.body.data[at] != 'a' + i % 26)
                fail_msg("byte %zu of piece %d is wrong", j, i);
    assert_int_equal(at, reply.body.len);
    test_reply_fini(&reply);
    pthread_join(thread, NULL);
    if (!http10) {
        reply = test_ask(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
        test_reply_fini(&reply);
    }
    close(fd);
}

static void a_stream_keeps_every_byte_in_order(void **state)
{
    (void)state;
    expect_stream(10, false);
    expect_stream(20000, false);
    expect_stream(100000, false);
    expect_stream(20000, true);
}

static void a_stream_that_is_aborted_looks_cut_off(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_exchange *exchange = test_take_later(&fixture);
    http_reply_begin(exchange);
    assert_int_equal(http_reply_write(exchange, MR_S("some")), MR_OK);
    http_reply_abort(exchange);
    struct test_reply reply = test_read_reply(fd, false);
    assert_false(reply.ended);
    test_reply_fini(&reply);
    close(fd);
}

static void an_empty_stream_and_a_stream_for_head_end_well(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_exchange *exchange = test_take_later(&fixture);
    http_reply_begin(exchange);
    http_reply_end(exchange);
    struct test_reply reply = test_read_reply(fd, false);
    assert_true(reply.ended);
    assert_int_equal(reply.body.len, 0);
    test_reply_fini(&reply);
    test_send_text(fd, "HEAD /later HTTP/1.1\r\nHost: h\r\n\r\n");
    exchange = test_take_later(&fixture);
    http_reply_begin(exchange);
    assert_int_equal(http_reply_write(exchange, MR_S("dropped")), MR_OK);
    http_reply_end(exchange);
    reply = test_read_reply(fd, true);
    test_reply_fini(&reply);
    reply = test_ask(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    close(fd);
}

/* ---- peers that go away ---- */

static void a_peer_that_leaves_while_in_work_is_told_once(void **state)
{
    (void)state;
    int before = fixture.locked.aborts;
    int fd = test_connect(fixture.port);
    test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_exchange *exchange = test_take_later(&fixture);
    close(fd);
    test_wait_aborts(&fixture, before + 1);
    test_answer(exchange, "for nobody");
    test_wait_connections(&fixture, 0);
    assert_int_equal(fixture.locked.aborts, before + 1);
}

static void a_half_closed_peer_still_gets_its_reply(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    test_send_text(fd,
                   "GET /echo HTTP/1.1\r\nHost: h\r\n\r\nGET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(fd, SHUT_WR);
    struct http_exchange *exchange = test_take_later(&fixture);
    test_answer(exchange, "late");
    struct test_reply reply = test_read_reply(fd, false);
    assert_string_equal(reply.body.data, "GET /echo|\n");
    test_reply_fini(&reply);
    reply = test_read_reply(fd, false);
    assert_string_equal(reply.body.data, "late");
    test_reply_fini(&reply);
    struct mr_buf rest = {0};
    assert_true(test_read_to_end(fd, &rest));
    mr_buf_fini(&rest);
    close(fd);
}

static void a_stream_whose_reader_left_says_so(void **state)
{
    (void)state;
    int before = fixture.locked.aborts;
    int fd = test_connect(fixture.port);
    test_send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_exchange *exchange = test_take_later(&fixture);
    http_reply_begin(exchange);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    test_wait_aborts(&fixture, before + 1);
    enum mr_status status;
    int64_t until_ms = mr_monotonic_ms() + TEST_WAIT_MS;
    do
        status = http_reply_write_wait(exchange, MR_S("x"), 1);
    while (status != MR_END && mr_monotonic_ms() < until_ms);
    assert_int_equal(status, MR_END);
    http_reply_end(exchange);
    test_wait_connections(&fixture, 0);
}

static void a_reply_that_waits_for_its_ticket_survives_its_connection(void **state)
{
    (void)state;
    int64_t ticket = 1000000;
    int fd = test_connect(fixture.port), ping = test_connect(fixture.port);
    int ping2 = test_connect(fixture.port);
    ask_ticket(fd, ticket);
    /* Both loops answer, so the first request has been read too. */
    struct test_reply reply = test_ask(ping, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    reply = test_ask(ping2, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    test_reply_fini(&reply);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    test_wait_connections(&fixture, 2);
    http_server_release(fixture.server, ticket);
    close(ping);
    close(ping2);
    test_wait_connections(&fixture, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_may_come_from_any_thread),
        cmocka_unit_test(replies_leave_when_their_ticket_is_released),
        cmocka_unit_test(no_release_is_lost_in_a_race),
        cmocka_unit_test(the_release_of_another_threads_reply_is_never_lost),
        cmocka_unit_test(a_file_of_ten_megabytes_arrives_whole),
        cmocka_unit_test(a_file_is_changed_on_its_way),
        cmocka_unit_test(a_stream_meets_a_slow_reader),
        cmocka_unit_test(a_stream_keeps_every_byte_in_order),
        cmocka_unit_test(a_stream_that_is_aborted_looks_cut_off),
        cmocka_unit_test(an_empty_stream_and_a_stream_for_head_end_well),
        cmocka_unit_test(a_peer_that_leaves_while_in_work_is_told_once),
        cmocka_unit_test(a_half_closed_peer_still_gets_its_reply),
        cmocka_unit_test(a_stream_whose_reader_left_says_so),
        cmocka_unit_test(a_reply_that_waits_for_its_ticket_survives_its_connection),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
