/* bench/bench_journal.c: durable commits per second and CPU per commit, of the journal alone and of
 * the store (journal and view).
 *
 *   bench_journal FOLDER [SECONDS]
 *
 * Each thread commits one entry of about 330 bytes and waits until it is durable, as a connection
 * does; the figure for one thread is the latency. "ahead" is a thread that waits only every 1,000th
 * time: the cost of a commit without the waiting. */
#include "base/arena.h"
#include "base/clock.h"
#include "view/store.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { VALUE_BYTES = 250, KEYS = 1000000, THREADS_MAX = 256 };

struct bench {
    struct store *store;
    bool with_view;
    uint32_t wait_every;
    _Atomic bool stop;
    _Atomic uint64_t commits, next_key;
};

static int64_t cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000) +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void *bench_main(void *arg)
{
    struct bench *bench = arg;
    char value[VALUE_BYTES] = {0};
    uint64_t commits = 0;
    while (!atomic_load_explicit(&bench->stop, memory_order_relaxed)) {
        char key[40];
        uint64_t number = atomic_fetch_add_explicit(&bench->next_key, 1, memory_order_relaxed);
        int len =
            snprintf(key, sizeof(key), "order-%08llu", (unsigned long long)(number * 7919 % KEYS));
        struct journal_op op = {.kind = bench->with_view ? JOURNAL_PUT : JOURNAL_APPEND,
                                .space = VIEW_ITEM,
                                .window = 1 + (uint32_t)(number % 4),
                                .key = {key, (size_t)len},
                                .value = {value, sizeof(value)}};
        struct store_entry entry = {.ops = &op, .count = 1, .capacity = 1};
        int64_t ticket;
        if (store_commit(bench->store, &entry, &ticket) != MR_OK)
            abort();
        if (++commits % bench->wait_every == 0 && store_wait(bench->store, ticket) != MR_OK)
            abort();
    }
    atomic_fetch_add(&bench->commits, commits);
    return NULL;
}

static void run(struct store *store, bool with_view, int threads, uint32_t wait_every, int seconds)
{
    struct bench bench = {.store = store, .with_view = with_view, .wait_every = wait_every};
    pthread_t list[THREADS_MAX];
    struct journal_stats before, after;
    journal_stats_get(store_journal(store), &before);
    int64_t cpu = cpu_us(), start = mr_monotonic_us();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&list[i], NULL, bench_main, &bench) != 0)
            abort();
    const struct timespec duration = {.tv_sec = seconds};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
    atomic_store(&bench.stop, true);
    for (int i = 0; i < threads; i++)
        pthread_join(list[i], NULL);
    double wall = (double)(mr_monotonic_us() - start), commits = (double)bench.commits;
    journal_stats_get(store_journal(store), &after);
    printf("%-14s %3d threads%-7s %9.0f commits/s  %6.2f us CPU/commit  %6.0f syncs/s  "
           "%6.1f commits/sync\n",
           with_view ? "journal + view" : "journal", threads, wait_every > 1 ? ", ahead" : "",
           commits / wall * 1e6, (double)(cpu_us() - cpu) / commits,
           (double)(after.syncs - before.syncs) / wall * 1e6,
           commits / (double)(after.syncs - before.syncs));
    fflush(stdout);
}

/* One window of four, through the whole journal, as a pump that has fallen behind reads it. */
static void run_reader(struct store *store)
{
    struct journal_cursor cursor = {.position = journal_first(store_journal(store))};
    struct journal_op op;
    uint64_t ops = 0;
    int64_t cpu = cpu_us(), start = mr_monotonic_us();
    while (journal_next(store_journal(store), 1, &cursor, &op) == MR_OK)
        ops++;
    journal_cursor_fini(&cursor);
    printf("%-14s %llu ops of one window of four in %.2f s, %.3f us CPU/op\n", "read",
           (unsigned long long)ops, (double)(mr_monotonic_us() - start) / 1e6,
           (double)(cpu_us() - cpu) / (double)ops);
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: bench_journal FOLDER [SECONDS]\n");
        return 2;
    }
    int64_t seconds = 2;
    if (count > 2 && mr_slice_to_i64(mr_slice_cstr(arguments[2]), &seconds) != MR_OK)
        return 2;
    struct store *store = NULL;
    struct store_options options = {.folder = arguments[1], .clock = mr_clock_system};
    int64_t start = mr_monotonic_us();
    if (store_open(&store, &options) != MR_OK)
        return 1;
    printf("opened in %.1f ms\n", (double)(mr_monotonic_us() - start) / 1e3);
    /* Those that write little first: a disk is slow for a while after a gigabyte. */
    for (int with_view = 0; with_view < 2; with_view++) {
        run(store, with_view != 0, 1, 1, (int)seconds);
        run(store, with_view != 0, 64, 1, (int)seconds);
    }
    for (int with_view = 1; with_view >= 0; with_view--) {
        run(store, with_view != 0, 1, 1000, (int)seconds);
        run(store, with_view != 0, 2, 1000, (int)seconds);
    }
    run_reader(store);
    start = mr_monotonic_us();
    store_close(store);
    printf("closed in %.1f ms\n", (double)(mr_monotonic_us() - start) / 1e3);
    return 0;
}
