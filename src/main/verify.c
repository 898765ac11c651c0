/* The audit: asked of a server over the wire, or run here over a data folder that no server uses.
 *
 * Of a folder the lock is taken and the store opened as a server would open it, so that what is
 * audited is what a server would show: a torn tail is cut, the view brought up to the journal.
 * Nothing else is changed: no service is opened. Where the store cannot be opened the journal's
 * files are still read, and what is wrong with them is told. */
#include "main/verify.h"
#include "cli/cli.h"
#include "verify/verify.h"
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void verify_page(void *ctx, struct http_exchange *exchange)
{
    struct serve *serve = ctx;
    uint64_t found;
    if (!mr_slice_equal(exchange->method, MR_S("POST"))) { /* it costs much */
        exchange->status = 405;
        return;
    }
    if (http_header_get(exchange, "origin").ptr != NULL) { /* a page in somebody's browser */
        exchange->status = 403;
        return;
    }
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/json"));
    if (pthread_mutex_trylock(&one_at_a_time) != 0) {
        exchange->status = 503;
        mr_buf_append(&exchange->reply_body, MR_S("{\"error\":\"another audit is running\"}\n"));
        return;
    }
    const struct verify_options options = {
        .store = serve->store, .streams = serve->services.streams, .serving = true};
    const enum mr_status status = verify_run(&options, &exchange->reply_body, &found);
    (void)pthread_mutex_unlock(&one_at_a_time);
    exchange->status = status == MR_OK ? 200 : 500;
    if (status != MR_OK)
        mr_buf_append(&exchange->reply_body, MR_S("{\"error\":\"see the server's log\"}\n"));
}

void serve_register_verify(struct serve *serve)
{
    protocol_register_internal(serve->protocol, "/_millrace/verify", verify_page, serve);
}

/* ---- a folder ---- */

static enum mr_status audit(struct store *store, struct mr_buf *report, uint64_t *ret_found)
{
    struct streams *streams = NULL;
    const struct streams_options options = {.store = store};
    enum mr_status status = streams_open(&streams, &options);
    if (status == MR_OK) {
        const struct verify_options verify = {.store = store, .streams = streams};
        status = verify_run(&verify, report, ret_found);
    }
    streams_close(streams);
    return status;
}

static int verify_folder(const char *folder, bool raw)
{
    struct store *store = NULL;
    struct mr_buf report = {0};
    struct stat info;
    uint64_t found = 0;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/journal", folder);
    if (stat(path, &info) != 0) {
        (void)fprintf(stderr, "millrace: verify: '%s' is no data folder\n", folder);
        return 2;
    }
    const struct store_options options = {.folder = folder, .clock = mr_clock_system};
    enum mr_status status = store_open(&store, &options);
    if (status == MR_EXISTS) {
        (void)fprintf(stderr,
                      "millrace: verify: a server uses '%s'\nhint: verify it by --endpoint URL\n",
                      folder);
        return 2;
    }
    if (status == MR_OK) {
        status = audit(store, &report, &found);
        store_close(store);
    } else {
        status = verify_journal(folder, &report, &found);
        if (status == MR_OK && found == 0) {
            (void)fprintf(stderr,
                          "millrace: verify: '%s' cannot be opened, though its journal is "
                          "whole\n",
                          folder);
            status = MR_FAIL;
        }
    }
    struct mr_arena arena;
    mr_arena_init(&arena);
    const int result = status == MR_OK ? cli_verify_show(&arena, mr_buf_slice(&report), raw) : 2;
    mr_arena_fini(&arena);
    mr_buf_fini(&report);
    return result;
}

static int usage(const char *problem)
{
    (void)fprintf(stderr, "millrace: verify: %s\nhint: see 'millrace --help'\n", problem);
    return 2;
}

int verify_main(int argc, char **argv)
{
    static const struct option names[] = {{"endpoint", required_argument, NULL, 'e'},
                                          {"data", required_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {0}};
    const char *endpoint = NULL, *folder = NULL;
    bool raw = false;
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'e': endpoint = optarg; break;
        case 'd': folder = optarg; break;
        case 'j': raw = true; break;
        default: return usage("unknown option or missing value");
        }
    }
    if (optind != argc)
        return usage("unexpected argument");
    if (endpoint != NULL && folder != NULL)
        return usage("--endpoint or --data, not both");
    return folder != NULL ? verify_folder(folder, raw) : cli_verify(endpoint, raw);
}
