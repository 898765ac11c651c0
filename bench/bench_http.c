/* What the HTTP layer alone can carry: a server that answers every request at once.
 *
 *   bench_http [THREADS] [PORT] [SECONDS] [SYNC_US] [REPLY_BYTES]
 *   wrk -t2 -c64 -d8s -s bench/post330.lua http://127.0.0.1:PORT/
 *
 * Prints "listening on PORT", and at the end the requests served and the CPU time of each. SECONDS
 * 0: until SIGTERM. With SYNC_US each reply waits for a ticket, which a syncer thread releases
 * every so many microseconds, as the journal's does. A reply has 62 bytes unless told otherwise. */
#include "http/http.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static atomic_long served; /* also the last ticket given */
static int sync_us, reply_bytes = 62;
static atomic_bool stopping;

static void on_request(struct http_exchange *exchange)
{
    long ticket = atomic_fetch_add(&served, 1) + 1;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/x-amz-json-1.0"));
    char *room = mr_buf_reserve(&exchange->reply_body, (size_t)reply_bytes);
    memset(room, 'x', (size_t)reply_bytes);
    exchange->reply_body.len += (size_t)reply_bytes;
    if (sync_us > 0)
        http_reply_send_after(exchange, ticket);
    else
        http_reply_send(exchange);
}

static void *syncer_main(void *arg)
{
    struct http_server *server = arg;
    while (!atomic_load(&stopping)) {
        long position = atomic_load(&served);
        ppoll(NULL, 0, &(struct timespec){.tv_nsec = sync_us * 1000L}, NULL);
        http_server_release(server, position);
    }
    http_server_release(server, INT64_MAX);
    return NULL;
}

static int argument(int count, char **values, int at, int fallback)
{
    int64_t value = fallback;
    if (at < count && mr_slice_to_i64(mr_slice_cstr(values[at]), &value) != MR_OK)
        return fallback;
    return (int)value;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    const struct http_handler handler = {.on_request = on_request};
    struct http_server *server;
    int threads = argument(argc, argv, 1, 2), port;
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    sync_us = argument(argc, argv, 4, 0);
    reply_bytes = argument(argc, argv, 5, reply_bytes);
    if (http_server_new(&server, threads, NULL) != MR_OK)
        return 1;
    if (http_server_listen(server, "127.0.0.1", argument(argc, argv, 2, 0), &handler, NULL, NULL,
                           &port) != MR_OK) {
        fprintf(stderr, "bench_http: cannot listen\n");
        return 1;
    }
    pthread_t syncer;
    if (sync_us > 0 && pthread_create(&syncer, NULL, syncer_main, server) != 0)
        return 1;
    printf("listening on %d\n", port);
    fflush(stdout);
    int seconds = argument(argc, argv, 3, 0);
    if (seconds > 0)
        while (sigtimedwait(&wanted, NULL, &(struct timespec){.tv_sec = seconds}) < 0 &&
               errno == EINTR) /* a debugger or tracer came */
            ;
    else
        sigwaitinfo(&wanted, NULL);
    atomic_store(&stopping, true);
    if (sync_us > 0)
        pthread_join(syncer, NULL);
    http_server_stop(server, 1000);
    http_server_free(server);
    long count = atomic_load(&served);
    printf("%ld requests, %.1f us CPU each\n", count,
           count == 0 ? 0.0 : cpu_seconds() * 1e6 / (double)count);
    return 0;
}
