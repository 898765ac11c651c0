/* A client of Athena, and a caller of DuckDB, for the benchmark: it costs little itself, also when
 * its processor has just done other work; an interpreter's first steps after a pause take long.
 *
 *   ask PORT [LIBRARY]
 *
 * Reads commands, a line each, and answers each with a line:
 *   query QUIET_US SQL  starts the query, asks first after QUIET_US microseconds, then again and
 *                       again: one poll after 2 % of the time that has passed, without a pause
 *                       below 5 ms. Answers "STATE MICROSECONDS POLLS ID", the time from before
 *                       the start until the poll that says how the query ended
 *   duck SQL            runs it in DuckDB's LIBRARY, takes all rows. Answers the microseconds
 *   exchange ROUNDS     asks ROUNDS times for the query that ended last. Answers the least time
 *                       of one, in microseconds
 *
 * SQL has no double quotes, line breaks or backslashes, which JSON would escape. */
#include "athena/duck.h"
#include "base/base.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 10, REPLY_MAX_BYTES = 256 << 10, UNPAUSED_US = 5000 };

struct client {
    int fd;
    duckdb_connection duck;
    char id[64];
    char request[2 * LINE_MAX_BYTES], reply[REPLY_MAX_BYTES];
};

static void give_up(const char *what)
{
    fprintf(stderr, "ask: %s\n", what);
    exit(1);
}

static void connect_to(struct client *client, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        give_up("cannot connect");
}

static void send_all(struct client *client, size_t len)
{
    for (size_t done = 0; done < len;) {
        const ssize_t n = send(client->fd, client->request + done, len - done, MSG_NOSIGNAL);
        if (n <= 0)
            give_up("cannot send");
        done += (size_t)n;
    }
}

/* The reply's body. */
static const char *receive(struct client *client)
{
    static const char length_name[] = "ontent-length:";
    size_t have = 0;
    for (;;) {
        const ssize_t n =
            recv(client->fd, client->reply + have, sizeof(client->reply) - 1 - have, 0);
        if (n <= 0)
            give_up("the server hung up, or its reply is too long");
        have += (size_t)n;
        client->reply[have] = '\0';
        char *body = strstr(client->reply, "\r\n\r\n");
        if (body == NULL)
            continue;
        const char *length = strcasestr(client->reply, length_name);
        if (length == NULL || length > body)
            give_up("a reply without its length");
        body += 4;
        if (have - (size_t)(body - client->reply) >=
            strtoul(length + sizeof(length_name) - 1, NULL, 10)) {
            if (strncmp(client->reply, "HTTP/1.1 200", 12) != 0)
                give_up(body);
            return body;
        }
    }
}

static const char *call(struct client *client, const char *operation, const char *body)
{
    const int len = snprintf(client->request, sizeof(client->request),
                             "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %zu\r\n"
                             "content-type: application/x-amz-json-1.1\r\n"
                             "x-amz-target: AmazonAthena.%s\r\n"
                             "authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/"
                             "athena/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n%s",
                             strlen(body), operation, body);
    if (len < 0 || (size_t)len >= sizeof(client->request))
        give_up("a request that is too long");
    send_all(client, (size_t)len);
    return receive(client);
}

/* A member's text; false: there is none. */
static bool read_member(const char *body, const char *name, char *ret_text, size_t room)
{
    const char *at = strstr(body, name);
    if (at == NULL)
        return false;
    at += strlen(name);
    const size_t len = strcspn(at, "\"");
    if (len >= room)
        return false;
    memcpy(ret_text, at, len);
    ret_text[len] = '\0';
    return true;
}

static void pause_us(int64_t us)
{
    const struct timespec time = {us / 1000000, us % 1000000 * 1000};
    if (us > 0)
        (void)ppoll(NULL, 0, &time, NULL);
}

static const char *ask_for_it(struct client *client)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"QueryExecutionId\":\"%s\"}", client->id);
    return call(client, "GetQueryExecution", body);
}

static void run_query(struct client *client, int64_t quiet_us, const char *sql)
{
    static char body[LINE_MAX_BYTES + 256];
    char state[32];
    snprintf(body, sizeof(body),
             "{\"QueryString\":\"%s\","
             "\"ResultConfiguration\":{\"OutputLocation\":\"s3://lake/results/\"}}",
             sql);
    const int64_t began_us = mr_monotonic_us();
    if (!read_member(call(client, "StartQueryExecution", body), "\"QueryExecutionId\":\"",
                     client->id, sizeof(client->id)))
        give_up("a reply without an ID");
    pause_us(quiet_us - (mr_monotonic_us() - began_us));
    for (int polls = 1;; polls++) {
        if (!read_member(ask_for_it(client), "\"State\":\"", state, sizeof(state)))
            give_up("a reply without a state");
        const int64_t took_us = mr_monotonic_us() - began_us;
        if (strcmp(state, "QUEUED") != 0 && strcmp(state, "RUNNING") != 0) {
            printf("%s %lld %d %s\n", state, (long long)took_us, polls, client->id);
            return;
        }
        if (took_us > UNPAUSED_US)
            pause_us(took_us / 50);
    }
}

static void time_exchange(struct client *client, long rounds)
{
    int64_t least_us = INT64_MAX;
    for (long i = 0; i < rounds; i++) {
        const int64_t began_us = mr_monotonic_us();
        (void)ask_for_it(client);
        const int64_t took_us = mr_monotonic_us() - began_us;
        least_us = took_us < least_us ? took_us : least_us;
    }
    printf("%lld\n", (long long)least_us);
}

static void open_duck(struct client *client, const char *library)
{
    duckdb_database database;
    char why[300];
    if (athena_duck_load(library, why, sizeof(why)) != MR_OK)
        give_up(why);
    if (athena_duck.open_ext(NULL, &database, NULL, NULL) != DuckDBSuccess ||
        athena_duck.connect(database, &client->duck) != DuckDBSuccess)
        give_up("DuckDB cannot be opened");
}

static void run_duck(struct client *client, const char *sql)
{
    duckdb_result result;
    duckdb_data_chunk chunk;
    const int64_t began_us = mr_monotonic_us();
    if (athena_duck.query(client->duck, sql, &result) != DuckDBSuccess)
        give_up(athena_duck.result_error(&result));
    while ((chunk = athena_duck.fetch_chunk(result)) != NULL)
        athena_duck.destroy_data_chunk(&chunk);
    athena_duck.destroy_result(&result);
    printf("%lld\n", (long long)(mr_monotonic_us() - began_us));
}

int main(int argc, char **argv)
{
    static struct client client;
    static char line[LINE_MAX_BYTES];
    if (argc != 2 && argc != 3)
        give_up("usage: ask PORT [LIBRARY]");
    connect_to(&client, argv[1]);
    if (argc == 3)
        open_duck(&client, argv[2]);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *rest;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "query ", 6) == 0) {
            const int64_t quiet_us = strtoll(line + 6, &rest, 10);
            run_query(&client, quiet_us, rest + (*rest == ' '));
        } else if (strncmp(line, "duck ", 5) == 0 && argc == 3) {
            run_duck(&client, line + 5);
        } else if (strncmp(line, "exchange ", 9) == 0) {
            time_exchange(&client, strtol(line + 9, NULL, 10));
        } else {
            give_up("an unknown command");
        }
        fflush(stdout);
    }
    return 0;
}
