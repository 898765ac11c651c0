/* A load generator for the benchmarks: keep-alive connections on one epoll loop, DynamoDB requests,
 * latencies. It asks whatever server listens there, ours or another.
 *
 *   load ADDRESS PORT KIND TABLE CONNECTIONS SECONDS [KEYS [REQUESTS [RATE]]]
 *
 * KIND:
 *   put     PutItem of a 300-byte item with a fresh key: o-000000000000, o-000000000001, ...
 *   replace PutItem of one of the first KEYS of these keys, drawn at random
 *   batch   BatchWriteItem of 25 of the fresh ones
 *   get     GetItem of one of the first KEYS, drawn at random
 *   update  UpdateItem of one of them: two numbers set, on the condition that the item exists
 *   scan    Scan of 100 items behind one of them
 *   lines   BatchWriteItem of 25 items for a table with a sort key, a hundred for each customer
 *   query   Query of the 100 items of one of the first KEYS customers
 *   records PutRecords of 500 records of 600 bytes; TABLE is the Kinesis stream
 *
 * Ends after SECONDS, or REQUESTS when given (0: not). With RATE, that many requests a second are
 * begun, as long as connections are free, instead of as many as the server can do. Prints one line:
 * requests/s, items/s, p50 and p99 in microseconds, errors. */
#include "base/buf.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 25,
    PAGE = 100,
    RECORDS = 500,
    RECORD_BYTES = 600,
    CONNECTIONS_MAX = 1024,
    LATENCIES_MAX = 20000000,
    KEYS = 10000,
};
enum kind { PUT, REPLACE, BATCH_WRITE, GET, UPDATE, SCAN, LINES, QUERY, PUT_RECORDS };

static const struct {
    const char *name, *operation;
    int items; /* a request */
} kinds[] = {
    [PUT] = {"put", "PutItem", 1},
    [REPLACE] = {"replace", "PutItem", 1},
    [BATCH_WRITE] = {"batch", "BatchWriteItem", BATCH},
    [GET] = {"get", "GetItem", 1},
    [UPDATE] = {"update", "UpdateItem", 1},
    [SCAN] = {"scan", "Scan", PAGE},
    [LINES] = {"lines", "BatchWriteItem", BATCH},
    [QUERY] = {"query", "Query", PAGE},
    [PUT_RECORDS] = {"records", "PutRecords", RECORDS},
};

struct connection {
    int fd;
    struct mr_buf in, out;
    size_t sent;
    int64_t started_us;
};

struct load {
    const char *table;
    enum kind kind;
    uint64_t next, keys, requests_max, started;
    uint64_t version; /* of the newest item: no run writes what is there already */
    struct mr_buf body;
    uint32_t *latencies;
    size_t count;
    uint64_t errors;
    int epoll;
    double rate; /* requests a second; 0: one after the other */
    int64_t start_us;
    struct connection *idle[CONNECTIONS_MAX]; /* with a rate: those that wait for their turn */
    size_t idle_count;
};

/* One of the keys, the same in every run. */
static unsigned long long draw(struct load *load)
{
    uint64_t x = (load->next++ + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) % load->keys;
}

/* An item of the same length every time, and other than any before it: what is there already would
 * not be written again. */
static void add_attributes(struct load *load, struct mr_buf *buf, unsigned long long number)
{
    mr_buf_printf(buf,
                  "\"product_name\":{\"S\":\"Espresso machine with a milk frother and a "
                  "grinder\"},\"quantity\":{\"N\":\"%llu\"},\"price\":{\"N\":\"%llu.95\"},"
                  "\"note\":{\"S\":\"deliver to the back door, ring twice, and leave with the "
                  "neighbour when nobody opens %016llx\"}}",
                  number % 20 + 1, number % 500, (unsigned long long)load->version++);
}

static void add_item(struct load *load, struct mr_buf *buf, unsigned long long number)
{
    if (load->kind == LINES)
        mr_buf_printf(buf, "{\"customer\":{\"S\":\"c-%08llu\"},\"line\":{\"N\":\"%llu\"},",
                      number / PAGE, number % PAGE);
    else
        mr_buf_printf(buf, "{\"orderid\":{\"S\":\"o-%012llu\"},", number);
    add_attributes(load, buf, number);
}

static void add_batch(struct load *load, struct mr_buf *body)
{
    mr_buf_printf(body, "{\"RequestItems\":{\"%s\":[", load->table);
    for (int i = 0; i < BATCH; i++) {
        mr_buf_append(body, i == 0 ? MR_S("{\"PutRequest\":{\"Item\":")
                                   : MR_S(",{\"PutRequest\":{\"Item\":"));
        add_item(load, body, load->next++);
        mr_buf_append(body, MR_S("}}"));
    }
    mr_buf_append(body, MR_S("]}}"));
}

/* Bytes that look like any others: base64 of them is a text drawn from its alphabet. */
static const char *record_text(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static char text[RECORD_BYTES / 3 * 4 + 1];
    if (text[0] == '\0') {
        for (size_t i = 0; i < sizeof(text) - 1; i++)
            text[i] = digits[i * i * 7 % 64];
    }
    return text;
}

static void add_records(struct load *load, struct mr_buf *body)
{
    struct mr_slice data = mr_slice_make(record_text(), RECORD_BYTES / 3 * 4);
    mr_buf_printf(body, "{\"StreamName\":\"%s\",\"Records\":[", load->table);
    for (int i = 0; i < RECORDS; i++) {
        mr_buf_append(body, i == 0 ? MR_S("{\"Data\":\"") : MR_S(",{\"Data\":\""));
        mr_buf_append(body, data);
        mr_buf_printf(body, "\",\"PartitionKey\":\"%llu\"}", (unsigned long long)load->next++);
    }
    mr_buf_append(body, MR_S("]}"));
}

static void make_body(struct load *load)
{
    struct mr_buf *body = &load->body;
    mr_buf_reset(body);
    switch (load->kind) {
    case PUT:
    case REPLACE:
        mr_buf_printf(body, "{\"TableName\":\"%s\",\"Item\":", load->table);
        add_item(load, body, load->kind == PUT ? load->next++ : draw(load));
        mr_buf_byte(body, '}');
        return;
    case GET:
        mr_buf_printf(body, "{\"TableName\":\"%s\",\"Key\":{\"orderid\":{\"S\":\"o-%012llu\"}}}",
                      load->table, draw(load));
        return;
    case UPDATE:
        mr_buf_printf(body,
                      "{\"TableName\":\"%s\",\"Key\":{\"orderid\":{\"S\":\"o-%012llu\"}},"
                      "\"UpdateExpression\":\"SET quantity = :q, price = :p\","
                      "\"ConditionExpression\":\"attribute_exists(orderid)\","
                      "\"ExpressionAttributeValues\":{\":q\":{\"N\":\"%llu\"},"
                      "\":p\":{\"N\":\"%llu.95\"}}}",
                      load->table, draw(load), (unsigned long long)load->version,
                      (unsigned long long)load->version % 500);
        load->version++;
        return;
    case SCAN:
        mr_buf_printf(body,
                      "{\"TableName\":\"%s\",\"Limit\":%d,"
                      "\"ExclusiveStartKey\":{\"orderid\":{\"S\":\"o-%012llu\"}}}",
                      load->table, PAGE, draw(load));
        return;
    case QUERY:
        mr_buf_printf(body,
                      "{\"TableName\":\"%s\",\"KeyConditionExpression\":\"customer = :c\","
                      "\"ExpressionAttributeValues\":{\":c\":{\"S\":\"c-%08llu\"}}}",
                      load->table, draw(load));
        return;
    case BATCH_WRITE:
    case LINES: add_batch(load, body); return;
    case PUT_RECORDS: add_records(load, body); return;
    }
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
    bool kinesis = load->kind == PUT_RECORDS;
    load->started++;
    make_body(load);
    mr_buf_reset(&connection->out);
    mr_buf_printf(
        &connection->out,
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-amz-json-%s\r\n"
        "x-amz-target: %s.%s\r\nx-amz-date: 20260101T000000Z\r\n"
        "authorization: AWS4-HMAC-SHA256 "
        "Credential=test/20260101/us-east-1/%s/aws4_request, SignedHeaders=host, "
        "Signature=0\r\ncontent-length: %zu\r\n\r\n",
        kinesis ? "1.1" : "1.0", kinesis ? "Kinesis_20131202" : "DynamoDB_20120810",
        kinds[load->kind].operation, kinesis ? "kinesis" : "dynamodb", load->body.len);
    mr_buf_append(&connection->out, mr_buf_slice(&load->body));
    connection->sent = 0;
    connection->started_us = mr_monotonic_us();
    flush_out(load, connection);
}

static bool find_header(struct mr_slice head, const char *name, struct mr_slice *ret_value)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i + len < head.len; i++) {
        if (head.ptr[i] == '\n' && strncasecmp(head.ptr + i + 1, name, len) == 0) {
            *ret_value = mr_slice_make(head.ptr + i + 1 + len, head.len - i - 1 - len);
            return true;
        }
    }
    return false;
}

/* Length of the first whole reply in `in`, or 0. Others' servers may send theirs in chunks; then
 * the reply is all that has come when it ends like one. */
static size_t reply_length(struct mr_slice in)
{
    const size_t head = mr_slice_search(in, MR_S("\r\n\r\n"));
    struct mr_slice value;
    if (head == SIZE_MAX)
        return 0;
    if (find_header(mr_slice_make(in.ptr, head + 2), "content-length:", &value)) {
        uint64_t length = 0;
        for (size_t i = 0; value.ptr[i] != '\r'; i++)
            if (value.ptr[i] >= '0' && value.ptr[i] <= '9')
                length = length * 10 + (uint64_t)(value.ptr[i] - '0');
        return head + 4 + length <= in.len ? head + 4 + (size_t)length : 0;
    }
    return in.len >= 7 && memcmp(in.ptr + in.len - 7, "\r\n0\r\n\r\n", 7) == 0 ? in.len : 0;
}

static void on_readable(struct load *load, struct connection *connection)
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
    if (load->requests_max != 0 && load->started >= load->requests_max)
        return;
    if (load->rate > 0)
        load->idle[load->idle_count++] = connection;
    else
        start_request(load, connection);
}

static void start_due(struct load *load)
{
    double due = (double)(mr_monotonic_us() - load->start_us) * load->rate / 1e6;
    while (load->idle_count > 0 && (double)load->started < due)
        start_request(load, load->idle[--load->idle_count]);
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

static double run(struct load *load, struct connection *connections, int count, double seconds)
{
    const int64_t start_us = mr_monotonic_us(), end_us = start_us + (int64_t)(seconds * 1e6);
    load->start_us = start_us;
    for (int i = 0; i < count; i++) {
        if (load->rate > 0)
            load->idle[load->idle_count++] = &connections[i];
        else
            start_request(load, &connections[i]);
    }
    struct epoll_event events[256];
    while (mr_monotonic_us() < end_us &&
           (load->requests_max == 0 || load->count < load->requests_max)) {
        const int n = epoll_wait(load->epoll, events, 256, load->rate > 0 ? 1 : 100);
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT) != 0)
                flush_out(load, connection);
            if ((events[i].events & EPOLLIN) != 0)
                on_readable(load, connection);
        }
        if (load->rate > 0)
            start_due(load);
    }
    return (double)(mr_monotonic_us() - start_us) / 1e6;
}

static int find_kind(const char *name)
{
    for (int i = 0; i < (int)MR_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return i;
    return -1;
}

static void report(struct load *load, double seconds)
{
    qsort(load->latencies, load->count, sizeof *load->latencies, by_value);
    const double per_second = (double)load->count / seconds;
    (void)printf("%.0f requests/s, %.0f items/s, p50 %u us, p99 %u us, %llu errors\n", per_second,
                 per_second * kinds[load->kind].items,
                 load->count > 0 ? load->latencies[load->count / 2] : 0,
                 load->count > 0 ? load->latencies[load->count * 99 / 100] : 0,
                 (unsigned long long)load->errors);
}

int main(int argc, char **argv)
{
    if (argc < 7 || argc > 10 || find_kind(argv[3]) < 0) {
        (void)fprintf(
            stderr,
            "usage: load ADDRESS PORT put|replace|batch|get|update|scan|lines|query|records TABLE "
            "CONNECTIONS SECONDS [KEYS [REQUESTS [RATE]]]\n");
        return 2;
    }
    static struct connection connections[CONNECTIONS_MAX];
    const int count = (int)strtol(argv[5], NULL, 10);
    struct load load = {
        .table = argv[4],
        .kind = (enum kind)find_kind(argv[3]),
        .keys = argc > 7 ? strtoull(argv[7], NULL, 10) : KEYS,
        .requests_max = argc > 8 ? strtoull(argv[8], NULL, 10) : 0,
        .rate = argc > 9 ? strtod(argv[9], NULL) : 0,
        .latencies = malloc(sizeof(uint32_t) * LATENCIES_MAX),
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .version = (uint64_t)mr_monotonic_us() << 10,
    };
    if (load.latencies == NULL || count < 1 || count > CONNECTIONS_MAX || load.keys == 0)
        return 2;
    for (int i = 0; i < count; i++) {
        connections[i].fd = connect_one(argv[1], (int)strtol(argv[2], NULL, 10));
        struct epoll_event event = {.data.ptr = &connections[i], .events = EPOLLIN};
        (void)epoll_ctl(load.epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    report(&load, run(&load, connections, count, strtod(argv[6], NULL)));
    return load.errors > 0;
}
