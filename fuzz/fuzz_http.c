/* Any bytes, cut anywhere, sent to a server of one loop. The first byte says how: bit 0 puts
 * HTTP/2's preface and empty SETTINGS in front; the others give the size of the pieces. Whatever
 * comes, the connection must end once we shut our side, and every request the handler got must have
 * been whole: its buffered body is as long as its Content-Length. */
#include "http/http.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum mr_status on_data(void *ctx, struct mr_slice data)
{
    uint64_t *bytes = ctx;
    *bytes += data.len;
    return *bytes > 300 ? MR_FULL : MR_OK;
}

static void on_headers(struct http_exchange *exchange)
{
    if (mr_slice_starts_with(exchange->path, MR_S("/s"))) {
        uint64_t *bytes = MR_NEW(&exchange->arena, uint64_t);
        http_exchange_stream_body(exchange, (struct http_sink){.on_data = on_data, .ctx = bytes});
    } else if (mr_slice_starts_with(exchange->path, MR_S("/e"))) {
        http_reply_send(exchange);
    }
}

static void on_request(struct http_exchange *exchange)
{
    struct mr_slice told = http_header_get(exchange, "content-length");
    uint64_t length;
    if (exchange->body.ptr != NULL && told.ptr != NULL &&
        (mr_slice_to_u64(told, &length) != MR_OK || length != exchange->body.len))
        abort();
    for (size_t i = 0; i < exchange->header_count; i++)
        http_reply_header(exchange, exchange->headers[i].name, exchange->headers[i].value);
    mr_buf_append(&exchange->reply_body, exchange->target);
    mr_buf_append(&exchange->reply_body, exchange->body);
    http_reply_send(exchange);
}

static const struct http_handler handler = {.on_headers = on_headers, .on_request = on_request};

static int start(void)
{
    struct http_server *server;
    struct http_limits limits = http_limits_default;
    int port = 0;
    limits.header_bytes = 2048;
    limits.body_bytes = 4096;
    limits.stream_bytes = 8192;
    if (http_server_new(&server, 1, &limits) != MR_OK ||
        http_server_listen(server, "127.0.0.1", 0, &handler, NULL, NULL, &port) != MR_OK)
        abort();
    return port;
}

/* Each connection from an address of its own: where the server closes first its side keeps the pair
 * of ports in TIME_WAIT, and one address runs out of them in a minute. */
static int connect_to(int port)
{
    static uint32_t connections;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct timeval wait = {.tv_sec = 10};
    struct linger reset = {.l_onoff = 1}; /* leaves no port in TIME_WAIT */
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + connections++ % 65521)};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (struct sockaddr *)&name, sizeof name) != 0)
        abort();
    return fd;
}

/* False once the server has closed. */
static bool send_all(int fd, const void *data, size_t size)
{
    return size == 0 || send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void expect_end(int fd)
{
    static char bytes[65536];
    ssize_t got;
    do
        got = recv(fd, bytes, sizeof bytes, 0);
    while (got > 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        abort(); /* the connection hangs */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    static int port;
    if (size < 1 || size > 16384)
        return 0;
    if (port == 0)
        port = start();
    int fd = connect_to(port);
    size_t piece = data[0] / 2 == 0 ? size : data[0] / 2;
    bool open = (data[0] & 1) == 0 || send_all(fd, preface, sizeof preface);
    for (size_t at = 1; open && at < size; at += piece)
        open = send_all(fd, data + at, size - at < piece ? size - at : piece);
    shutdown(fd, SHUT_WR);
    expect_end(fd);
    close(fd);
    return 0;
}
