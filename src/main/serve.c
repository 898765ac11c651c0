/* Starting and stopping the server, and the `serve` subcommand. */
#include "main/internal.h"
#include "base/point.h"
#include "main/credentials.h"
#include "base/log.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STOP_GRACE_MS = 5000,
    TEST_BYTES_MIN = 64 << 10, /* of --segment-bytes and --memtable-bytes */
    TEST_BYTES_MAX = 1 << 30,
};
#define QUERY_CACHE_BYTES_MAX (4ULL << 30)

const struct serve_options serve_options_default = {
    .data = "millrace-data",
    .address = "127.0.0.1",
    .port = 4566,
    .region = "us-east-1",
    .account = "000000000000",
    .query_cache_bytes = 128 << 20,
};

/* ---- files that come with the program ---- */

/* The first of the candidates, relative to the program's folder, that is there; else the last. */
static void find_beside_program(const char *const *candidates, size_t count, char *ret, size_t size)
{
    char folder[2048];
    const ssize_t len = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(ret, size, "%s/%s", folder, candidates[i]);
        if (access(ret, R_OK) == 0)
            return;
    }
}

static void find_files(struct serve *serve)
{
    static const char *const bootstrap[] = {"../share/millrace/bootstrap.py",
                                            "../src/lambda/bootstrap.py"};
    static const char *const duckdb[] = {"../lib/millrace/libduckdb.so", "libduckdb.so",
                                         "../third_party/duckdb/libduckdb.so"};
    find_beside_program(bootstrap, MR_COUNT(bootstrap), serve->bootstrap, sizeof serve->bootstrap);
    find_beside_program(duckdb, MR_COUNT(duckdb), serve->duckdb, sizeof serve->duckdb);
}

/* ---- starting ---- */

static void on_durable(void *ctx, int64_t position)
{
    struct serve *serve = ctx;
    http_server_release(serve->http, position);
}

static void gather(void *ctx, int64_t us)
{
    struct serve *serve = ctx;
    http_server_wait_idle(serve->http, us);
}

static void on_window(void *ctx, uint32_t window)
{
    struct serve *serve = ctx;
    runtime_window_moved(serve->runtime, window);
}

/* What was acknowledged is on the disk, nothing that comes can be: no client may wait for us, and
 * the disk may have dropped what a retry would seem to write. So the process ends as it would by a
 * crash, which recovery is made for. */
static void on_failure(void *ctx)
{
    (void)ctx;
    static const char text[] = "millrace: the data folder cannot be written: the server ends; "
                               "what it acknowledged is kept\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

static enum mr_status wait_durable(void *ctx, int64_t ticket)
{
    struct serve *serve = ctx;
    return store_wait(serve->store, ticket);
}

/* The system's clock may have been set back since the last run: what lies in the journal stays in
 * the past all the same, so that times of a stream do not go back. Not by more than a day: then
 * whoever wrote that had a wrong clock. */
static void begin_clock(struct serve *serve)
{
    enum { DAY_MS = 86400000, NOTICED_MS = 1000 };
    const int64_t newest_ms = journal_time_max(store_journal(serve->store));
    const int64_t ahead_ms =
        newest_ms == INT64_MIN ? 0 : newest_ms - mr_clock_now(&mr_clock_steady);
    if (ahead_ms > NOTICED_MS)
        mr_log(MR_LOG_WARN, "main",
               "the clock is %lld s behind the newest change in the journal: %s",
               (long long)ahead_ms / 1000,
               ahead_ms <= DAY_MS ? "the server's time runs slower until it is right"
                                  : "times of changes go back");
    if (ahead_ms > 0 && ahead_ms <= DAY_MS)
        mr_clock_steady_begin(newest_ms);
}

static enum mr_status open_platform(struct serve *serve)
{
    const bool testing = serve->options.testing;
    const struct mr_clock clock = testing ? mr_clock_of_movable(&serve->clock) : mr_clock_steady;
    const struct store_options store = {.folder = serve->options.data,
                                        .clock = clock,
                                        .segment_bytes = serve->options.segment_bytes,
                                        .memtable_bytes = (size_t)serve->options.memtable_bytes};
    enum mr_status status = store_open(&serve->store, &store);
    if (status == MR_EXISTS)
        (void)fprintf(stderr, "millrace: another process uses the data folder '%s'\n",
                      serve->options.data);
    if (status != MR_OK)
        return status;
    bool moved = false; /* by a test, who says what time it is */
    if (testing && (status = serve_load_clock(serve, &moved)) != MR_OK)
        return status;
    if (!moved)
        begin_clock(serve);
    const struct runtime_options runtime = {.clock = clock, .clock_moves_are_told = testing};
    status = runtime_new(&serve->runtime, &runtime);
    if (status != MR_OK)
        return status;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    status = http_server_new(&serve->http, cores > 0 && cores < 64 ? (int)cores : 1,
                             &http_limits_default);
    if (status != MR_OK)
        return status;
    store_on_failure(serve->store, on_failure, serve);
    store_on_durable(serve->store, on_durable, serve);
    store_on_window(serve->store, on_window, serve);
    store_on_gather(serve->store, gather, serve);
    /* Until the first sync reports, replies about what recovery found would wait. */
    http_server_release(serve->http, journal_durable(store_journal(serve->store)));
    return MR_OK;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static enum mr_status open_protocol(struct serve *serve)
{
    const struct serve_options *options = &serve->options;
    struct protocol_options protocol = {
        .runtime = serve->runtime,
        .server = serve->http,
        .clock = options->testing ? mr_clock_of_movable(&serve->clock) : mr_clock_steady,
        .signing_clock = mr_clock_system, /* clients sign by theirs, which nobody moves */
        .rng = &serve->rng,
        .region = options->region,
        .account = options->account,
        .host = "localhost",
    };
    if (options->credentials != NULL) {
        struct protocol_credential *credentials = NULL;
        char message[256];
        const enum mr_status status = credentials_read(
            &serve->arena, options->credentials, &credentials, &protocol.credential_count, message);
        if (status != MR_OK) {
            (void)fprintf(stderr, "millrace: credentials file '%s': %s\n", options->credentials,
                          message);
            return status;
        }
        protocol.credentials = credentials;
        serve->access_key = mr_arena_cstr(&serve->arena, credentials[0].access_key);
        serve->secret_key = mr_arena_cstr(&serve->arena, credentials[0].secret);
    } else if (!is_loopback(options->address)) {
        (void)fprintf(stderr,
                      "millrace: '%s' is not a loopback address: give --credentials FILE, so that "
                      "requests must be signed\n",
                      options->address);
        return MR_INVALID;
    }
    const enum mr_status status = protocol_new(&serve->protocol, &protocol);
    if (status == MR_OK)
        protocol_set_wait(serve->protocol, wait_durable, serve);
    return status;
}

static enum mr_status listen_on(struct serve *serve)
{
    const struct serve_options *options = &serve->options;
    const enum mr_status status =
        http_server_listen(serve->http, options->address, options->port, &protocol_http_handler,
                           serve->protocol, &serve->listener, &serve->port);
    if (status == MR_EXISTS)
        (void)fprintf(
            stderr,
            "millrace: cannot listen on '%s:%d': address in use\nhint: choose another one "
            "with --listen ADDR:PORT\n",
            options->address, options->port);
    else if (status != MR_OK)
        (void)fprintf(stderr, "millrace: cannot listen on '%s:%d'\n", options->address,
                      options->port);
    if (status != MR_OK)
        return status;
    const bool v6 = strchr(options->address, ':') != NULL;
    const char *host = strcmp(options->address, "0.0.0.0") == 0 ? "127.0.0.1"
                       : strcmp(options->address, "::") == 0    ? "::1"
                                                                : options->address;
    (void)snprintf(serve->endpoint, sizeof serve->endpoint, "http://%s%s%s:%d", v6 ? "[" : "", host,
                   v6 ? "]" : "", serve->port);
    pthread_rwlock_rdlock(&serve->services_lock); /* who asks may reset already */
    lambda_set_endpoint(serve->services.lambda, serve->endpoint);
    cloudformation_set_endpoint(serve->services.cloudformation, serve->endpoint);
    pthread_rwlock_unlock(&serve->services_lock);
    return MR_OK;
}

enum mr_status serve_start(struct serve **ret_serve, const struct serve_options *options)
{
    struct serve *serve = mr_calloc(1, sizeof *serve);
    serve->options = *options;
    mr_arena_init(&serve->arena);
    (void)pthread_mutex_init(&serve->clock_lock, NULL);
    (void)pthread_rwlock_init(&serve->services_lock, NULL);
    mr_rng_init_system(&serve->rng);
    serve->meters = meters_new();
    serve->started_ms = mr_clock_now(&mr_clock_system);
    find_files(serve);
    enum mr_status status = open_platform(serve);
    if (status == MR_OK)
        status = open_protocol(serve);
    if (status == MR_OK)
        status = serve_open_services(serve);
    if (status == MR_OK) {
        serve_register_services(serve);
        serve_register_pages(serve);
        serve_start_notifications(serve);
        serve_start_maintenance(serve);
        status = listen_on(serve);
    }
    if (status != MR_OK) {
        serve_stop(serve);
        return status;
    }
    *ret_serve = serve;
    return MR_OK;
}

int serve_port(const struct serve *serve)
{
    return serve->port;
}

void serve_stop(struct serve *serve)
{
    if (serve == NULL)
        return;
    /* Before what their functions may call answers no more. */
    serve_stop_waiting(serve);
    firehose_stop(serve->services.firehose);
    pipes_stop(serve->services.pipes);
    kinesis_stop(serve->services.kinesis); /* or its subscriptions would outlast the grace time */
    if (serve->http != NULL)
        http_server_stop(serve->http, STOP_GRACE_MS);
    /* A handler may outlast the grace: its services must not go from under it. Functions end first,
     * or a long call would hold this up. */
    if (serve->services.lambda != NULL)
        lambda_stop(serve->services.lambda);
    if (serve->protocol != NULL)
        protocol_pause(serve->protocol);
    if (serve->maintenance != NULL)
        runtime_pump_stop(serve->maintenance);
    serve_close_services(serve);
    if (serve->runtime != NULL)
        runtime_stop(serve->runtime);
    if (serve->protocol != NULL)
        protocol_free(serve->protocol);
    if (serve->store != NULL)
        store_close(serve->store); /* its syncer calls the server and the runtime */
    if (serve->http != NULL)
        http_server_free(serve->http);
    if (serve->runtime != NULL)
        runtime_free(serve->runtime);
    meters_free(serve->meters);
    (void)pthread_mutex_destroy(&serve->clock_lock);
    mr_arena_fini(&serve->arena);
    free(serve);
}

/* ---- the subcommand ---- */

/* "ADDR:PORT", "[ADDR]:PORT", ":PORT" or "PORT". */
static bool parse_listen(struct mr_arena *arena, const char *text, struct serve_options *options)
{
    const struct mr_slice all = mr_slice_cstr(text);
    size_t colon = SIZE_MAX;
    for (size_t i = 0; i < all.len; i++)
        if (all.ptr[i] == ':')
            colon = i;
    struct mr_slice address = mr_slice_sub(all, 0, colon == SIZE_MAX ? 0 : colon);
    uint64_t port;
    if (mr_slice_to_u64(mr_slice_sub(all, colon == SIZE_MAX ? 0 : colon + 1, SIZE_MAX), &port) !=
            MR_OK ||
        port > 65535)
        return false;
    if (address.len >= 2 && address.ptr[0] == '[' && address.ptr[address.len - 1] == ']')
        address = mr_slice_sub(address, 1, address.len - 2);
    options->port = (int)port;
    if (address.len > 0)
        options->address = mr_arena_cstr(arena, address);
    return true;
}

static bool parse_size(const char *text, uint64_t *ret_bytes)
{
    return mr_slice_to_u64(mr_slice_cstr(text), ret_bytes) == MR_OK &&
           *ret_bytes >= TEST_BYTES_MIN && *ret_bytes <= TEST_BYTES_MAX;
}

static int usage(const char *problem, const char *what)
{
    (void)fprintf(stderr, "millrace: serve: %s '%s'\nhint: see 'millrace --help'\n", problem, what);
    return 2;
}

static int parse_options(struct mr_arena *arena, int argc, char **argv,
                         struct serve_options *options)
{
    static const struct option names[] = {
        {"data", required_argument, NULL, 'd'},
        {"listen", required_argument, NULL, 'l'},
        {"credentials", required_argument, NULL, 'c'},
        {"region", required_argument, NULL, 'r'},
        {"account", required_argument, NULL, 'a'},
        {"testing", no_argument, NULL, 't'},
        {"shard-limits", no_argument, NULL, 'k'},
        {"query-cache-bytes", required_argument, NULL, 'q'},
        {"verbose", no_argument, NULL, 'v'},
        {"segment-bytes", required_argument, NULL, 's'},
        {"fault-at", required_argument, NULL, 'f'},
        {"memtable-bytes", required_argument, NULL, 'm'},
        {0},
    };
    const char *problem, *fault = NULL;
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'd': options->data = optarg; break;
        case 'l':
            if (!parse_listen(arena, optarg, options))
                return usage("no address and port", optarg);
            break;
        case 'c': options->credentials = optarg; break;
        case 'r': options->region = optarg; break;
        case 'a': options->account = optarg; break;
        case 't': options->testing = true; break;
        case 'k': options->shard_limits = true; break;
        case 'q':
            if (mr_slice_to_u64(mr_slice_cstr(optarg), &options->query_cache_bytes) != MR_OK ||
                options->query_cache_bytes > QUERY_CACHE_BYTES_MAX)
                return usage("no size from 0 to 4 GiB", optarg);
            break;
        case 's':
            if (!parse_size(optarg, &options->segment_bytes))
                return usage("no size from 64 KiB to 1 GiB", optarg);
            break;
        case 'm':
            if (!parse_size(optarg, &options->memtable_bytes))
                return usage("no size from 64 KiB to 1 GiB", optarg);
            break;
        case 'f':
            if (mr_point_arm(mr_slice_cstr(fault = optarg), &problem) != MR_OK)
                return usage(problem, optarg);
            break;
        case 'v': mr_log_set_level(MR_LOG_DEBUG); break;
        default: return usage("unknown option or missing value", argv[optind - 1]);
        }
    }
    const char *only = fault != NULL                  ? "--fault-at"
                       : options->segment_bytes != 0  ? "--segment-bytes"
                       : options->memtable_bytes != 0 ? "--memtable-bytes"
                                                      : NULL;
    if (only != NULL && !options->testing)
        return usage("only with --testing:", only);
    if (options->testing)
        mr_points_count();
    return optind < argc ? usage("unexpected argument", argv[optind]) : 0;
}

/* Functions run in folders of their own, where a path that begins at ours means nothing. */
static const char *from_root(struct mr_arena *arena, const char *folder)
{
    char here[PATH_MAX];
    if (folder[0] == '/' || getcwd(here, sizeof here) == NULL)
        return folder;
    return mr_arena_cstr(arena, mr_arena_printf(arena, "%s/%s", here, folder));
}

int serve_main(int argc, char **argv)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct serve_options options = serve_options_default;
    int result = parse_options(&arena, argc, argv, &options);
    if (result == 0) {
        options.data = from_root(&arena, options.data);
        /* Blocked before any thread starts, so that every thread inherits it; sigwait takes them.
         */
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
        struct serve *serve = NULL;
        if (serve_start(&serve, &options) != MR_OK) {
            result = 1;
        } else {
            (void)printf("millrace: ready on %s\n", serve->endpoint);
            (void)fflush(stdout);
            int caught = 0;
            (void)sigwait(&signals, &caught);
            mr_log(MR_LOG_INFO, "main", "stopping on signal %d", caught);
            serve_stop(serve);
        }
    }
    mr_arena_fini(&arena);
    return result;
}
