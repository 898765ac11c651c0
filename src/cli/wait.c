/* The subcommand wait, and what `status` tells of the chain. */
#include "cli/wait.h"
#include "cli/cli.h"
#include "base/clock.h"
#include "cli/client.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES_MAX = 100, TIMEOUT_S = 60, TIMEOUT_S_MAX = 3600, ANSWER_S = 30 };

static int usage(const char *problem)
{
    (void)fprintf(stderr, "millrace: wait: %s\nhint: see 'millrace --help'\n", problem);
    return 2;
}

/* ---- telling ---- */

static void print_hop(FILE *to, yyjson_val *hop)
{
    const struct mr_slice reason = mr_json_get_text(hop, "reason");
    (void)fprintf(to,
                  "hop       %.*s %.*s: %.*s -> %.*s  %s%lld records, %lld bytes, %.1f s behind",
                  MR_ARG(mr_json_get_text(hop, "kind")), MR_ARG(mr_json_get_text(hop, "name")),
                  MR_ARG(mr_json_get_text(hop, "from")), MR_ARG(mr_json_get_text(hop, "to")),
                  mr_json_get_bool(hop, "more", false) ? "more than " : "",
                  (long long)mr_json_get_i64(hop, "records_behind", 0),
                  (long long)mr_json_get_i64(hop, "bytes_behind", 0),
                  (double)mr_json_get_i64(hop, "ms_behind", 0) / 1000.0);
    if (reason.len > 0)
        (void)fprintf(to, "\n    %.*s: %.*s", MR_ARG(mr_json_get_text(hop, "state")),
                      MR_ARG(reason));
    (void)fprintf(to, "\n");
}

void status_print_chain(yyjson_val *chain)
{
    yyjson_val *hop;
    yyjson_arr_iter hops;
    const int64_t watermark_ms = mr_json_get_i64(chain, "watermark_ms", 0);
    yyjson_arr_iter_init(mr_json_get(chain, "hops"), &hops);
    if (yyjson_arr_size(mr_json_get(chain, "hops")) == 0)
        return;
    while ((hop = yyjson_arr_iter_next(&hops)) != NULL)
        print_hop(stdout, hop);
    char text[32];
    if (watermark_ms == 0)
        (void)printf("watermark not known yet: what was written before the start is on its way\n");
    else
        (void)printf("watermark everything up to %.*s has landed, %.1f s behind\n",
                     MR_ARG(mr_date_iso8601(watermark_ms, text)),
                     (double)mr_json_get_i64(chain, "behind_ms", 0) / 1000.0);
}

/* ---- wait ---- */

struct wait_wish {
    const char *tables[NAMES_MAX], *streams[NAMES_MAX], *deliveries[NAMES_MAX];
    size_t table_count, stream_count, delivery_count;
    long timeout_s;
    bool flush;
};

static void write_names(struct mr_json *json, const char *name, const char *const *names,
                        size_t count)
{
    if (count == 0)
        return;
    mr_json_key(json, name);
    mr_json_array(json);
    for (size_t i = 0; i < count; i++)
        mr_json_string(json, mr_slice_cstr(names[i]));
    mr_json_array_end(json);
}

static void write_wish(struct mr_buf *buf, const struct wait_wish *wish)
{
    struct mr_json json = mr_json_make(buf);
    mr_json_object(&json);
    mr_json_key_int(&json, "timeout_ms", (int64_t)wish->timeout_s * 1000);
    mr_json_key_bool(&json, "flush", wish->flush);
    write_names(&json, "tables", wish->tables, wish->table_count);
    write_names(&json, "streams", wish->streams, wish->stream_count);
    write_names(&json, "deliveries", wish->deliveries, wish->delivery_count);
    mr_json_object_end(&json);
}

static int report(const struct client_reply *reply, enum mr_status status)
{
    if (status == MR_OK) {
        (void)printf("landed: everything written before, after %.3f s\n",
                     (double)mr_json_get_i64(reply->json, "waited_ms", 0) / 1000.0);
        return 0;
    }
    client_complain("wait", reply);
    yyjson_val *hop;
    yyjson_arr_iter hops;
    yyjson_arr_iter_init(mr_json_get(reply->json, "waiting"), &hops);
    while ((hop = yyjson_arr_iter_next(&hops)) != NULL)
        print_hop(stderr, hop);
    return 1;
}

static int wait_for(const struct client_options *options, const struct wait_wish *wish)
{
    struct mr_arena arena;
    struct mr_buf body = {0};
    struct client_reply reply;
    mr_arena_init(&arena);
    struct client *client = client_new(options);
    write_wish(&body, wish);
    const enum mr_status status =
        client_post(client, &arena, MR_S("/_millrace/wait"), mr_buf_slice(&body),
                    wish->timeout_s + ANSWER_S, &reply);
    const int result = report(&reply, status);
    client_free(client);
    mr_buf_fini(&body);
    mr_arena_fini(&arena);
    return result;
}

static bool add_name(const char **names, size_t *count)
{
    if (*count == NAMES_MAX)
        return false;
    names[(*count)++] = optarg;
    return true;
}

int cli_wait(int argc, char **argv)
{
    static const struct option names[] = {
        {"timeout", required_argument, NULL, 't'},  {"flush", no_argument, NULL, 'f'},
        {"table", required_argument, NULL, 'T'},    {"stream", required_argument, NULL, 'S'},
        {"delivery", required_argument, NULL, 'D'}, {"endpoint", required_argument, NULL, 'e'},
        {"region", required_argument, NULL, 'r'},   {0},
    };
    static struct wait_wish wish = {.timeout_s = TIMEOUT_S};
    struct client_options options = {0};
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        bool good = true;
        char *end = NULL;
        switch (c) {
        case 't':
            wish.timeout_s = strtol(optarg, &end, 10);
            good = end != optarg && *end == '\0' && wish.timeout_s >= 0 &&
                   wish.timeout_s <= TIMEOUT_S_MAX;
            break;
        case 'f': wish.flush = true; break;
        case 'T': good = add_name(wish.tables, &wish.table_count); break;
        case 'S': good = add_name(wish.streams, &wish.stream_count); break;
        case 'D': good = add_name(wish.deliveries, &wish.delivery_count); break;
        case 'e': options.endpoint = optarg; break;
        case 'r': options.region = optarg; break;
        default: return usage("unknown option or missing value");
        }
        if (!good)
            return usage("--timeout takes 0 to 3600 seconds; at most 100 names of a kind");
    }
    if (optind != argc)
        return usage("unexpected argument");
    return wait_for(&options, &wish);
}
