/* What the HTTP layer alone can carry: a server that answers every request at once with 60 bytes.
 *
 *   bench_http [THREADS] [PORT] [SECONDS]
 *   wrk -t2 -c64 -d8s -s bench/post330.lua http://127.0.0.1:PORT/
 *
 * Prints "listening on PORT", and at the end the requests served and the CPU time of each. SECONDS
 * 0: until SIGTERM. */
#include "http/http.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static atomic_long served;

static void on_request(struct http_exchange *exchange)
{
    static const char reply[] =
        "{\"ok\":true,\"padding\":\"0123456789012345678901234567890123456\"}";
    atomic_fetch_add_explicit(&served, 1, memory_order_relaxed);
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/x-amz-json-1.0"));
    mr_buf_append(&exchange->reply_body, mr_slice_make(reply, sizeof reply - 1));
    http_reply_send(exchange);
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
    if (http_server_new(&server, threads, NULL) != MR_OK)
        return 1;
    if (http_server_listen(server, "127.0.0.1", argument(argc, argv, 2, 0), &handler, NULL, NULL,
                           &port) != MR_OK) {
        fprintf(stderr, "bench_http: cannot listen\n");
        return 1;
    }
    printf("listening on %d\n", port);
    fflush(stdout);
    int seconds = argument(argc, argv, 3, 0);
    if (seconds > 0)
        sigtimedwait(&wanted, NULL, &(struct timespec){.tv_sec = seconds});
    else
        sigwaitinfo(&wanted, NULL);
    http_server_stop(server, 1000);
    http_server_free(server);
    long count = atomic_load(&served);
    printf("%ld requests, %.1f us CPU each\n", count,
           count == 0 ? 0.0 : cpu_seconds() * 1e6 / (double)count);
    return 0;
}
