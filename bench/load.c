/* A load generator for the benchmarks: keep-alive connections on one epoll loop, DynamoDB requests,
 * latencies.
 *
 *   load ADDRESS PORT put|batch|get TABLE CONNECTIONS SECONDS
 *
 * put: PutItem of a 300-byte item with a fresh key. batch: BatchWriteItem of 25 of them. get:
 * GetItem of keys that an earlier put of the same length wrote. Prints one line: requests/s,
 * items/s, p50 and p99 in microseconds, errors. */
#include "base/buf.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 25, CONNECTIONS_MAX = 1024, LATENCIES_MAX = 20000000, KEYS = 10000 };
enum kind { PUT, BATCH_WRITE, GET };

struct connection {
    int fd;
    struct mr_buf in, out;
    size_t sent;
    int64_t started_us;
};

struct load {
    const char *table;
    enum kind kind;
    uint64_t next;
    struct mr_buf body;
    uint32_t *latencies;
    size_t count;
    uint64_t errors;
    int epoll;
};

static void add_item(struct mr_buf *buf, uint64_t number)
{
    mr_buf_printf(buf,
                  "{\"orderid\":{\"S\":\"o-%012llu\"},\"product_name\":{\"S\":\"Espresso machine "
                  "with a milk frother and a grinder\"},\"quantity\":{\"N\":\"%llu\"},\"price\":"
                  "{\"N\":\"%llu.95\"},\"note\":{\"S\":\"deliver to the back door, ring twice, and "
                  "leave with the neighbour when nobody opens, please; thank you\"}}",
                  (unsigned long long)number, (unsigned long long)(number % 20 + 1),
                  (unsigned long long)(number % 500));
}

static const char *make_body(struct load *load)
{
    struct mr_buf *body = &load->body;
    mr_buf_reset(body);
    if (load->kind == GET) {
        mr_buf_printf(body, "{\"TableName\":\"%s\",\"Key\":{\"orderid\":{\"S\":\"o-%012llu\"}}}",
                      load->table, (unsigned long long)(load->next++ % KEYS));
        return "GetItem";
    }
    if (load->kind == PUT) {
        mr_buf_printf(body, "{\"TableName\":\"%s\",\"Item\":", load->table);
        add_item(body, load->next++);
        mr_buf_byte(body, '}');
        return "PutItem";
    }
    mr_buf_printf(body, "{\"RequestItems\":{\"%s\":[", load->table);
    for (int i = 0; i < BATCH; i++) {
        mr_buf_append(body, i == 0 ? MR_S("{\"PutRequest\":{\"Item\":")
                                   : MR_S(",{\"PutRequest\":{\"Item\":"));
        add_item(body, load->next++);
        mr_buf_append(body, MR_S("}}"));
    }
    mr_buf_append(body, MR_S("]}}"));
    return "BatchWriteItem";
}

static void flush_out(struct load *load, struct connection *connection)
{
    while (connection->sent < connection->out.len) {
        const ssize_t n = send(connection->fd, connection->out.data + connection->sent,
                               connection->out.len - connection->sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        connection->sent += (size_t)n;
    }
    struct epoll_event event = {.data.ptr = connection, .events = EPOLLIN};
    if (connection->sent < connection->out.len)
        event.events |= EPOLLOUT;
    (void)epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void start_request(struct load *load, struct connection *connection)
{
    const char *operation = make_body(load);
    mr_buf_reset(&connection->out);
    mr_buf_printf(
        &connection->out,
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-amz-json-1.0\r\n"
        "x-amz-target: DynamoDB_20120810.%s\r\nauthorization: AWS4-HMAC-SHA256 "
        "Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, "
        "Signature=0\r\ncontent-length: %zu\r\n\r\n",
        operation, load->body.len);
    mr_buf_append(&connection->out, mr_buf_slice(&load->body));
    connection->sent = 0;
    connection->started_us = mr_monotonic_us();
    flush_out(load, connection);
}

/* Length of the first whole reply in `in`, or 0. */
static size_t reply_length(struct mr_slice in)
{
    const size_t head = mr_slice_search(in, MR_S("\r\n\r\n"));
    if (head == SIZE_MAX)
        return 0;
    const size_t at = mr_slice_search(in, MR_S("content-length: "));
    uint64_t length = 0;
    for (size_t i = at + 16; at < head && in.ptr[i] >= '0' && in.ptr[i] <= '9'; i++)
        length = length * 10 + (uint64_t)(in.ptr[i] - '0');
    return head + 4 + length <= in.len ? head + 4 + (size_t)length : 0;
}

static void on_readable(struct load *load, struct connection *connection, bool go_on)
{
    char *room = mr_buf_reserve(&connection->in, 65536);
    const ssize_t n = recv(connection->fd, room, 65536, 0);
    if (n <= 0) {
        (void)fprintf(stderr, "load: the server closed a connection\n");
        exit(1);
    }
    connection->in.len += (size_t)n;
    const size_t length = reply_length(mr_buf_slice(&connection->in));
    if (length == 0)
        return;
    load->errors += memcmp(connection->in.data, "HTTP/1.1 200", 12) != 0;
    mr_buf_consume(&connection->in, length);
    if (load->count < LATENCIES_MAX)
        load->latencies[load->count++] = (uint32_t)(mr_monotonic_us() - connection->started_us);
    if (go_on)
        start_request(load, connection);
}

static int connect_one(const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("load: connect");
        exit(1);
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static void run(struct load *load, struct connection *connections, int count, double seconds)
{
    const int64_t end_us = mr_monotonic_us() + (int64_t)(seconds * 1e6);
    for (int i = 0; i < count; i++)
        start_request(load, &connections[i]);
    struct epoll_event events[256];
    while (mr_monotonic_us() < end_us) {
        const int n = epoll_wait(load->epoll, events, 256, 100);
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT) != 0)
                flush_out(load, connection);
            if ((events[i].events & EPOLLIN) != 0)
                on_readable(load, connection, true);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        (void)fprintf(stderr, "usage: load ADDRESS PORT put|batch|get TABLE CONNECTIONS SECONDS\n");
        return 2;
    }
    static struct connection connections[CONNECTIONS_MAX];
    const int count = (int)strtol(argv[5], NULL, 10);
    const double seconds = strtod(argv[6], NULL);
    struct load load = {
        .table = argv[4],
        .kind = strcmp(argv[3], "put") == 0   ? PUT
                : strcmp(argv[3], "get") == 0 ? GET
                                              : BATCH_WRITE,
        .latencies = malloc(sizeof(uint32_t) * LATENCIES_MAX),
        .epoll = epoll_create1(EPOLL_CLOEXEC),
    };
    if (load.latencies == NULL || count < 1 || count > CONNECTIONS_MAX)
        return 2;
    for (int i = 0; i < count; i++) {
        connections[i].fd = connect_one(argv[1], (int)strtol(argv[2], NULL, 10));
        struct epoll_event event = {.data.ptr = &connections[i], .events = EPOLLIN};
        (void)epoll_ctl(load.epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    run(&load, connections, count, seconds);
    qsort(load.latencies, load.count, sizeof *load.latencies, by_value);
    const double per_second = (double)load.count / seconds;
    (void)printf("%.0f requests/s, %.0f items/s, p50 %u us, p99 %u us, %llu errors\n", per_second,
                 per_second * (load.kind == BATCH_WRITE ? BATCH : 1),
                 load.count > 0 ? load.latencies[load.count / 2] : 0,
                 load.count > 0 ? load.latencies[load.count * 99 / 100] : 0,
                 (unsigned long long)load.errors);
    return load.errors > 0;
}
