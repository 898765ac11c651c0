/* HTTP/2, by a client of libnghttp2's over a socket, and by curl where there is one. */
#include "http/test_support.h"
#include "base/clock.h"
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct test_fixture fixture;
enum { STREAMS = 120 };

static int set_up(void **state)
{
    (void)state;
    struct http_limits limits = http_limits_default;
    limits.body_bytes = 1 << 20;
    limits.stream_bytes = 8 << 20;
    test_fixture_init(&fixture, 2, &limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_fixture_fini(&fixture);
    return 0;
}

/* ---- client ---- */

struct stream {
    int32_t id;
    int status, continues;
    struct mr_buf head; /* "name: value\n" each */
    struct mr_buf body;
    bool closed;
    uint32_t error;
    struct mr_slice upload;
    size_t uploaded, pause_at; /* pause_at 0: never */
};

struct client {
    int fd;
    nghttp2_session *session;
    struct stream streams[STREAMS];
    size_t count;
    bool goaway, over;
    uint32_t goaway_error;
};

static struct stream *stream_at(struct client *client, int32_t id)
{
    for (size_t i = 0; i < client->count; i++)
        if (client->streams[i].id == id)
            return &client->streams[i];
    return NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    (void)session, (void)flags;
    struct stream *stream = stream_at(user_data, frame->hd.stream_id);
    assert_non_null(stream);
    struct mr_slice key = mr_slice_make(name, name_len), text = mr_slice_make(value, value_len);
    int64_t number;
    if (mr_slice_equal(key, MR_S(":status"))) {
        assert_int_equal(mr_slice_to_i64(text, &number), MR_OK);
        if (number == 100)
            stream->continues++;
        else
            stream->status = (int)number;
    }
    mr_buf_printf(&stream->head, "%.*s: %.*s\n", MR_ARG(key), MR_ARG(text));
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user_data)
{
    (void)session, (void)flags;
    struct stream *stream = stream_at(user_data, id);
    assert_non_null(stream);
    mr_buf_append(&stream->body, mr_slice_make(data, len));
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user_data)
{
    (void)session;
    struct stream *stream = stream_at(user_data, id);
    if (stream == NULL)
        return 0;
    stream->closed = true;
    stream->error = error;
    mr_buf_byte(&stream->body, '\0');
    stream->body.len--;
    mr_buf_byte(&stream->head, '\0');
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    (void)session;
    struct client *client = user_data;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->goaway = true;
        client->goaway_error = frame->goaway.error_code;
    }
    return 0;
}

static ssize_t read_upload(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)session, (void)source;
    struct stream *stream = stream_at(user_data, id);
    assert_non_null(stream);
    if (stream->pause_at > 0 && stream->uploaded >= stream->pause_at)
        return NGHTTP2_ERR_DEFERRED;
    size_t end = stream->pause_at > 0 ? stream->pause_at : stream->upload.len;
    size_t most = end - stream->uploaded < room ? end - stream->uploaded : room;
    struct mr_slice part = mr_slice_sub(stream->upload, stream->uploaded, most);
    if (part.len > 0)
        memcpy(to, part.ptr, part.len);
    stream->uploaded += part.len;
    if (stream->uploaded == stream->upload.len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)part.len;
}

static void client_init(struct client *client)
{
    *client = (struct client){.fd = test_connect(fixture.port)};
    nghttp2_session_callbacks *callbacks;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    assert_int_equal(nghttp2_session_client_new(&client->session, callbacks, client), 0);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0), 0);
}

static void client_fini(struct client *client)
{
    for (size_t i = 0; i < client->count; i++) {
        mr_buf_fini(&client->streams[i].head);
        mr_buf_fini(&client->streams[i].body);
    }
    nghttp2_session_del(client->session);
    if (client->fd >= 0)
        close(client->fd);
}

static void client_flush(struct client *client)
{
    for (;;) {
        const uint8_t *data;
        ssize_t len = nghttp2_session_mem_send(client->session, &data);
        assert_true(len >= 0);
        if (len == 0)
            return;
        test_send(client->fd, mr_slice_make(data, (size_t)len));
    }
}

/* One exchange of bytes; `over` is set when the server closed. */
static void client_turn(struct client *client)
{
    static uint8_t bytes[65536];
    client_flush(client);
    ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
        client->over = true;
        return;
    }
    assert_true(got > 0);
    assert_int_equal(nghttp2_session_mem_recv(client->session, bytes, (size_t)got), got);
}

static void client_wait(struct client *client, const struct stream *stream)
{
    while (!stream->closed && !client->over)
        client_turn(client);
    assert_true(stream->closed);
}

#define LINE(key, text)                                                             \
    {                                                                               \
        .name = (uint8_t *)(uintptr_t)(key), .value = (uint8_t *)(uintptr_t)(text), \
        .namelen = strlen(key), .valuelen = strlen(text)                            \
    }

static struct stream *client_ask(struct client *client, const char *method, const char *path,
                                 struct mr_slice upload, size_t pause_at)
{
    assert_true(client->count < STREAMS);
    struct stream *stream = &client->streams[client->count++];
    const nghttp2_nv lines[] = {
        LINE(":method", method),     LINE(":path", path),  LINE(":scheme", "http"),
        LINE(":authority", "h2:99"), LINE("x-token", "t"),
    };
    *stream = (struct stream){.upload = upload, .pause_at = pause_at};
    nghttp2_data_provider provider = {.read_callback = read_upload};
    stream->id = nghttp2_submit_request(client->session, NULL, lines, MR_COUNT(lines),
                                        upload.ptr == NULL ? NULL : &provider, NULL);
    assert_true(stream->id > 0);
    client_flush(client);
    return stream;
}

static struct stream *client_get(struct client *client, const char *path)
{
    return client_ask(client, "GET", path, (struct mr_slice){0}, 0);
}

/* ---- tests ---- */

static void a_request_becomes_the_same_exchange_as_in_http1(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    struct stream *get = client_get(&client, "/echo?x=y");
    struct stream *post = client_ask(&client, "POST", "/echo", MR_S("hello"), 0);
    client_wait(&client, get);
    client_wait(&client, post);
    assert_int_equal(get->status, 200);
    assert_string_equal(get->body.data, "GET /echo|x=y\n");
    assert_non_null(strstr(get->head.data, "x-host: h2:99\n"));
    assert_non_null(strstr(get->head.data, "x-token: t\n"));
    assert_non_null(strstr(get->head.data, "content-length: 14\n"));
    assert_non_null(strstr(get->head.data, "date: "));
    assert_string_equal(post->body.data, "POST /echo|\nhello");
    struct stream *none = client_get(&client, "/none");
    client_wait(&client, none);
    assert_int_equal(none->status, 204);
    struct stream *head = client_ask(&client, "HEAD", "/big/5000", (struct mr_slice){0}, 0);
    client_wait(&client, head);
    assert_non_null(strstr(head->head.data, "content-length: 5000\n"));
    assert_int_equal(head->body.len, 0);
    client_fini(&client);
}

static void streams_are_answered_in_any_order_by_other_threads(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    struct client client;
    client_init(&client);
    for (int i = 0; i < COUNT; i++)
        client_get(&client, "/later");
    struct http_exchange *exchanges[COUNT];
    for (int i = 0; i < COUNT; i++)
        exchanges[i] = test_take_later(&fixture);
    for (int i = 0; i < COUNT; i++)
        test_answer(exchanges[(i * 37) % COUNT], "done");
    for (int i = 0; i < COUNT; i++) {
        client_wait(&client, &client.streams[i]);
        assert_string_equal(client.streams[i].body.data, "done");
    }
    client_fini(&client);
}

static void tickets_hold_streams_back_too(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    struct stream *second = client_get(&client, "/ticket/20");
    struct stream *first = client_get(&client, "/ticket/10");
    struct stream *echo = client_get(&client, "/echo");
    client_wait(&client, echo);
    http_server_release(fixture.server, 10);
    client_wait(&client, first);
    assert_false(second->closed);
    http_server_release(fixture.server, 20);
    client_wait(&client, second);
    assert_string_equal(second->body.data, "/ticket/20");
    client_fini(&client);
}

static void bodies_are_streamed_limited_and_refused(void **state)
{
    (void)state;
    static char data[6000000];
    uint32_t sum = 0;
    for (uint32_t i = 0; i < sizeof data; i++) {
        data[i] = (char)(i * 2654435761u >> 24);
        sum = sum * 31 + (unsigned char)data[i];
    }
    char expected[80];
    snprintf(expected, sizeof expected, "bytes=6000000 sum=%u failed=0 status=0", sum);
    struct client client;
    client_init(&client);
    struct stream *sink = client_ask(&client, "PUT", "/sink", mr_slice_make(data, sizeof data), 0);
    client_wait(&client, sink);
    assert_string_equal(sink->body.data, expected);
    struct stream *refused =
        client_ask(&client, "PUT", "/sink-fail", mr_slice_make(data, sizeof data), 0);
    client_wait(&client, refused);
    assert_int_equal(refused->status, 422);
    assert_non_null(strstr(refused->body.data, "failed=1"));
    struct stream *large = client_ask(&client, "PUT", "/echo", mr_slice_make(data, 2000000), 0);
    client_wait(&client, large);
    assert_int_equal(large->status, 413);
    struct stream *early = client_ask(&client, "PUT", "/early", mr_slice_make(data, 2000000), 0);
    client_wait(&client, early);
    assert_int_equal(early->status, 403);
    struct stream *echo = client_get(&client, "/echo");
    client_wait(&client, echo);
    assert_int_equal(echo->status, 200);
    client_fini(&client);
}

static void large_replies_obey_flow_control(void **state)
{
    (void)state;
    char path[] = "/tmp/millrace-test-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    unlink(path);
    static char content[3000000];
    for (uint32_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i * 2654435761u >> 24);
    assert_int_equal(write(file, content, sizeof content), sizeof content);
    char opened[64];
    snprintf(opened, sizeof opened, "/proc/self/fd/%d", file);
    fixture.file_path = opened;
    fixture.file_len = sizeof content;
    struct client client;
    client_init(&client);
    struct stream *big = client_get(&client, "/big/5000000");
    struct stream *from_file = client_get(&client, "/file");
    client_wait(&client, big);
    client_wait(&client, from_file);
    assert_int_equal(big->body.len, 5000000);
    for (size_t i = 0; i < big->body.len; i++)
        if (big->body.data[i] != (char)('a' + i % 26))
            fail_msg("byte %zu is wrong", i);
    assert_int_equal(from_file->body.len, sizeof content);
    assert_memory_equal(from_file->body.data, content, sizeof content);
    struct stream *changed = client_get(&client, "/changed");
    client_wait(&client, changed);
    assert_int_equal(changed->body.len, sizeof content);
    for (size_t i = 0; i < sizeof content; i++)
        if (changed->body.data[i] != (char)(content[i] ^ (char)(i * 7)))
            fail_msg("byte %zu is not changed as it should", i);
    fixture.file_len++; /* promised more than there is */
    struct stream *cut = client_get(&client, "/file");
    client_wait(&client, cut);
    assert_int_not_equal(cut->error, NGHTTP2_NO_ERROR);
    client_fini(&client);
    close(file);
}

struct streamer {
    struct http_exchange *exchange;
    int pieces;
};

static void *streamer_main(void *arg)
{
    struct streamer *streamer = arg;
    static char piece[30000];
    http_reply_begin(streamer->exchange);
    for (int i = 0; i < streamer->pieces; i++) {
        memset(piece, 'a' + i % 26, sizeof piece);
        struct mr_slice data = mr_slice_make(piece, 1 + (size_t)i * 7919 % sizeof piece);
        while (http_reply_write_wait(streamer->exchange, data, 1000) == MR_FULL)
            ;
    }
    http_reply_end(streamer->exchange);
    return NULL;
}

static void a_streamed_reply_keeps_every_byte(void **state)
{
    (void)state;
    enum { PIECES = 600 };
    struct client client;
    client_init(&client);
    struct stream *stream = client_get(&client, "/later");
    struct streamer streamer = {.exchange = test_take_later(&fixture), .pieces = PIECES};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, streamer_main, &streamer), 0);
    client_wait(&client, stream);
    pthread_join(thread, NULL);
    assert_int_equal(stream->error, NGHTTP2_NO_ERROR);
    size_t at = 0;
    for (int i = 0; i < PIECES; i++)
        for (size_t j = 0; j < 1 + (size_t)i * 7919 % 30000; j++, at++)
            if (at >= stream->body.len || stream->body.data[at] != 'a' + i % 26)
                fail_msg("byte %zu of piece %d is wrong", j, i);
    assert_int_equal(at, stream->body.len);
    struct stream *aborted = client_get(&client, "/later");
    struct http_exchange *exchange = test_take_later(&fixture);
    http_reply_begin(exchange);
    assert_int_equal(http_reply_write(exchange, MR_S("some")), MR_OK);
    http_reply_abort(exchange);
    client_wait(&client, aborted);
    assert_int_not_equal(aborted->error, NGHTTP2_NO_ERROR);
    client_fini(&client);
}

static void a_reset_stream_is_told_to_its_handler(void **state)
{
    (void)state;
    int before = fixture.locked.aborts;
    struct client client;
    client_init(&client);
    struct stream *stream = client_get(&client, "/later");
    struct http_exchange *exchange = test_take_later(&fixture);
    nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
    client_flush(&client);
    test_wait_aborts(&fixture, before + 1);
    test_answer(exchange, "for nobody");
    struct stream *echo = client_get(&client, "/echo");
    client_wait(&client, echo);
    assert_int_equal(echo->status, 200);
    client_fini(&client);
}

static void a_lost_connection_ends_all_its_streams(void **state)
{
    (void)state;
    int aborts = fixture.locked.aborts, failures = fixture.locked.sink_failures;
    struct client client;
    client_init(&client);
    client_get(&client, "/later");
    client_get(&client, "/ticket/777777");
    client_ask(&client, "PUT", "/sink", MR_S("0123456789"), 5);
    client_ask(&client, "PUT", "/echo", MR_S("0123456789"), 5);
    client_get(&client, "/later");
    struct http_exchange *plain = test_take_later(&fixture);
    struct http_exchange *streamed = test_take_later(&fixture);
    http_reply_begin(streamed);
    struct stream *echo = client_get(&client, "/echo");
    client_wait(&client, echo); /* so all of them were read */
    close(client.fd);
    client.fd = -1;
    test_wait_aborts(&fixture, aborts + 2);
    test_wait_connections(&fixture, 0);
    assert_int_equal(fixture.locked.sink_failures, failures + 1);
    assert_int_equal(http_reply_write(streamed, MR_S("x")), MR_END);
    http_reply_end(streamed);
    test_answer(plain, "for nobody");
    http_server_release(fixture.server, 777777);
    client_fini(&client);
}

static void rapid_resets_end_the_connection(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    for (int i = 0; i < 1000 && !client.over && !client.goaway; i++) {
        client.count = 0;
        struct stream *stream = client_get(&client, "/echo");
        nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
        client_flush(&client);
        mr_buf_fini(&stream->head);
        mr_buf_fini(&stream->body);
        client.count = 0;
    }
    while (!client.over && !client.goaway)
        client_turn(&client);
    if (client.goaway) /* a reset of the socket may swallow it */
        assert_int_equal(client.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    client_fini(&client);
    test_wait_connections(&fixture, 0);
}

static void garbage_behind_the_preface_ends_the_connection(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    test_send(fd, MR_S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    struct mr_buf all = {0};
    assert_true(test_read_to_end(fd, &all));
    mr_buf_fini(&all);
    close(fd);
    /* The preface may come byte by byte. */
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    fd = test_connect(fixture.port);
    for (size_t i = 0; i < sizeof preface - 1; i++)
        test_send(fd, mr_slice_make(preface + i, 1));
    char settings[9];
    assert_int_equal(recv(fd, settings, sizeof settings, MSG_WAITALL), 9);
    assert_int_equal(settings[3], NGHTTP2_SETTINGS);
    close(fd);
}

static void a_graceful_stop_answers_what_is_in_hand(void **state)
{
    (void)state;
    test_fixture_fini(&fixture);
    set_up(NULL);
    struct client client;
    client_init(&client);
    struct stream *stream = client_get(&client, "/later");
    struct http_exchange *exchange = test_take_later(&fixture);
    http_listener_close(fixture.listener);
    while (!client.goaway && !client.over)
        client_turn(&client);
    assert_true(client.goaway);
    assert_int_equal(client.goaway_error, NGHTTP2_NO_ERROR);
    test_answer(exchange, "last");
    client_wait(&client, stream);
    assert_string_equal(stream->body.data, "last");
    while (!client.over)
        client_turn(&client);
    client_fini(&client);
    test_fixture_fini(&fixture);
    set_up(NULL);
}

static void curl_speaks_http2_with_us(void **state)
{
    (void)state;
    if (access("/usr/bin/curl", X_OK) != 0)
        skip();
    char command[256], line[256] = "";
    snprintf(command, sizeof command,
             "/usr/bin/curl -s --max-time 10 --http2-prior-knowledge -d hello "
             "-w ' %%{http_version}' http://127.0.0.1:%d/echo",
             fixture.port);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(line, 1, sizeof line - 1, pipe);
    line[got] = '\0';
    assert_int_equal(pclose(pipe), 0);
    assert_string_equal(line, "POST /echo|\nhello 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_becomes_the_same_exchange_as_in_http1),
        cmocka_unit_test(streams_are_answered_in_any_order_by_other_threads),
        cmocka_unit_test(tickets_hold_streams_back_too),
        cmocka_unit_test(bodies_are_streamed_limited_and_refused),
        cmocka_unit_test(large_replies_obey_flow_control),
        cmocka_unit_test(a_streamed_reply_keeps_every_byte),
        cmocka_unit_test(a_reset_stream_is_told_to_its_handler),
        cmocka_unit_test(a_lost_connection_ends_all_its_streams),
        cmocka_unit_test(rapid_resets_end_the_connection),
        cmocka_unit_test(garbage_behind_the_preface_ends_the_connection),
        cmocka_unit_test(a_graceful_stop_answers_what_is_in_hand),
        cmocka_unit_test(curl_speaks_http2_with_us),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
