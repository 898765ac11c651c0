/* The subcommands up, generate, query and status. */
#include "cli/athena.h"
#include "cli/cli.h"
#include "cli/sales.h"
#include "cli/stack.h"
#include "cli/wait.h"
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARAMETERS_MAX = 200, TEMPLATE_BYTES_MAX = 51200, ROWS_MAX = 100000, ROWS_SHOWN = 1000 };

static int usage(const char *command, const char *problem)
{
    (void)fprintf(stderr, "millrace: %s: %s\nhint: see 'millrace --help'\n", command, problem);
    return 2;
}

/* ---- up ---- */

static bool read_template(const char *path, struct mr_buf *buf)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)fprintf(stderr, "millrace: up: cannot read template '%s'\n", path);
        return false;
    }
    size_t got;
    do {
        got = fread(mr_buf_reserve(buf, 4096), 1, 4096, file);
        buf->len += got;
    } while (got > 0 && buf->len <= TEMPLATE_BYTES_MAX);
    (void)fclose(file);
    if (buf->len > TEMPLATE_BYTES_MAX)
        (void)fprintf(stderr, "millrace: up: template '%s' is longer than %d bytes\n", path,
                      TEMPLATE_BYTES_MAX);
    return buf->len <= TEMPLATE_BYTES_MAX;
}

static int deploy(const struct client_options *options, const char *name, struct mr_slice text,
                  const struct stack_parameter *parameters, size_t count)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct client *client = client_new(options);
    struct stack_outputs outputs;
    const enum mr_status status =
        stack_deploy(client, &arena, name, text, parameters, count, &outputs);
    for (size_t i = 0; status == MR_OK && i < outputs.count; i++)
        (void)printf("%-20.*s %.*s\n", MR_ARG(outputs.items[i].name),
                     MR_ARG(outputs.items[i].value));
    client_free(client);
    mr_arena_fini(&arena);
    return status == MR_OK ? 0 : 1;
}

int cli_up(int argc, char **argv)
{
    static const struct option names[] = {
        {"stack", required_argument, NULL, 's'},
        {"parameter", required_argument, NULL, 'p'},
        {"endpoint", required_argument, NULL, 'e'},
        {"region", required_argument, NULL, 'r'},
        {0},
    };
    struct client_options options = {0};
    static struct stack_parameter parameters[PARAMETERS_MAX];
    size_t count = 0;
    const char *stack = "millrace";
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        const struct mr_slice text = mr_slice_cstr(optarg);
        const size_t equals = mr_slice_find(text, '=');
        switch (c) {
        case 's': stack = optarg; break;
        case 'e': options.endpoint = optarg; break;
        case 'r': options.region = optarg; break;
        case 'p':
            if (equals == SIZE_MAX || count == PARAMETERS_MAX)
                return usage("up", "a parameter is NAME=VALUE");
            parameters[count++] =
                (struct stack_parameter){.name = mr_slice_sub(text, 0, equals),
                                         .value = mr_slice_sub(text, equals + 1, SIZE_MAX)};
            break;
        default: return usage("up", "unknown option or missing value");
        }
    }
    if (optind + 1 != argc)
        return usage("up", "give one template file");
    struct mr_buf text = {0};
    const int result = read_template(argv[optind], &text)
                           ? deploy(&options, stack, mr_buf_slice(&text), parameters, count)
                           : 1;
    mr_buf_fini(&text);
    return result;
}

/* ---- generate ---- */

static volatile int stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static bool parse_percent(const char *text, int *ret)
{
    char *end;
    const long value = strtol(text, &end, 10);
    *ret = (int)value;
    return *end == '\0' && value >= 0 && value <= 100;
}

static int generate(const struct client_options *client_options,
                    const struct sales_options *options)
{
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    struct client *client = client_new(client_options);
    struct sales_run run;
    const enum mr_status status = sales_generate(client, options, false, &stop_asked, &run);
    (void)printf("%zu changes in %s: %llu inserts, %llu updates, %llu deletes in %.1f s\n",
                 run.count, options->table, (unsigned long long)run.inserts,
                 (unsigned long long)run.updates, (unsigned long long)run.deletes,
                 (double)run.ms / 1000.0);
    sales_run_fini(&run);
    client_free(client);
    return status == MR_OK ? 0 : 1;
}

int cli_generate(int argc, char **argv)
{
    static const struct option names[] = {
        {"table", required_argument, NULL, 't'},    {"count", required_argument, NULL, 'c'},
        {"rate", required_argument, NULL, 'R'},     {"seed", required_argument, NULL, 's'},
        {"updates", required_argument, NULL, 'u'},  {"deletes", required_argument, NULL, 'd'},
        {"endpoint", required_argument, NULL, 'e'}, {"region", required_argument, NULL, 'r'},
        {"quiet", no_argument, NULL, 'q'},          {0},
    };
    struct client_options client = {0};
    struct sales_options options = sales_options_default;
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        bool good = true;
        char *end = NULL;
        switch (c) {
        case 't': options.table = optarg; break;
        case 'c': good = mr_slice_to_u64(mr_slice_cstr(optarg), &options.count) == MR_OK; break;
        case 's': good = mr_slice_to_u64(mr_slice_cstr(optarg), &options.seed) == MR_OK; break;
        case 'R':
            options.rate = strtod(optarg, &end);
            good = *end == '\0' && options.rate >= 0;
            break;
        case 'u': good = parse_percent(optarg, &options.updates); break;
        case 'd': good = parse_percent(optarg, &options.deletes); break;
        case 'e': client.endpoint = optarg; break;
        case 'r': client.region = optarg; break;
        case 'q': options.quiet = true; break;
        default: return usage("generate", "unknown option or missing value");
        }
        if (!good)
            return usage("generate", "an option's value is not a number in range");
    }
    if (optind != argc || options.updates + options.deletes > 100)
        return usage("generate", "unexpected argument, or --updates and --deletes above 100");
    return generate(&client, &options);
}

/* ---- query ---- */

int cli_query(int argc, char **argv)
{
    static const struct option names[] = {
        {"database", required_argument, NULL, 'd'}, {"workgroup", required_argument, NULL, 'w'},
        {"output", required_argument, NULL, 'o'},   {"endpoint", required_argument, NULL, 'e'},
        {"region", required_argument, NULL, 'r'},   {0},
    };
    struct client_options options = {0};
    struct athena_job job = {0};
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'd': job.database = optarg; break;
        case 'w': job.workgroup = optarg; break;
        case 'o': job.output = optarg; break;
        case 'e': options.endpoint = optarg; break;
        case 'r': options.region = optarg; break;
        default: return usage("query", "unknown option or missing value");
        }
    }
    if (optind + 1 != argc)
        return usage("query", "give one statement, in quotes");
    job.sql = argv[optind];
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct client *client = client_new(&options);
    struct athena_table table;
    const enum mr_status status = athena_run(client, &arena, &job, ROWS_MAX, &table);
    if (status == MR_OK)
        athena_print(&table, ROWS_SHOWN);
    client_free(client);
    mr_arena_fini(&arena);
    return status == MR_OK ? 0 : 1;
}

/* ---- status ---- */

enum { RATE_OVER_MS = 500 }; /* between the two looks that give the rates */

static void print_members(yyjson_val *object)
{
    yyjson_val *key;
    yyjson_obj_iter members;
    yyjson_obj_iter_init(object, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        const struct mr_slice name = mr_json_text(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        const struct mr_slice text = mr_json_text(value);
        if (mr_slice_equal(name, MR_S("name")) || mr_slice_ends_with(name, MR_S("_ms")) ||
            text.len == 0)
            continue;
        if (mr_slice_equal(name, MR_S("reason")) || mr_slice_equal(name, MR_S("last_error")))
            (void)printf("\n    %.*s: %.*s", MR_ARG(name), MR_ARG(text));
        else
            (void)printf("  %.*s %.*s", MR_ARG(text), MR_ARG(name));
    }
}

/* What one asks about: a status, and the one of a moment before. */
struct status_pair {
    yyjson_val *before, *now;
};

static yyjson_val *find_named(yyjson_val *list, struct mr_slice name)
{
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(list, &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL)
        if (mr_slice_equal(mr_json_get_text(item, "name"), name))
            return item;
    return NULL;
}

/* What a stage moved a second, between the two looks, and how old what waits is. */
static void print_pace(const struct status_pair *pair, const char *member, yyjson_val *item)
{
    static const char *const counts[] = {"changes", "records", "records_out", "invocations"};
    const int64_t took_ms =
        mr_json_get_i64(pair->now, "now_ms", 0) - mr_json_get_i64(pair->before, "now_ms", 0);
    yyjson_val *before =
        find_named(mr_json_get(pair->before, member), mr_json_get_text(item, "name"));
    for (size_t i = 0; i < MR_COUNT(counts) && before != NULL && took_ms > 0; i++) {
        if (mr_json_get(item, counts[i]) == NULL)
            continue;
        const int64_t more =
            mr_json_get_i64(item, counts[i], 0) - mr_json_get_i64(before, counts[i], 0);
        (void)printf("  %.0f/s", more < 0 ? 0.0 : (double)more * 1000.0 / (double)took_ms);
    }
    if (mr_json_get(item, "lag_ms") != NULL)
        (void)printf("  lag %.1f s", (double)mr_json_get_i64(item, "lag_ms", 0) / 1000.0);
}

/* Returns how many there are. */
static size_t print_stage(const struct status_pair *pair, const char *member, const char *title)
{
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_val *status = pair->now;
    const int64_t now_ms = mr_json_get_i64(status, "now_ms", 0);
    yyjson_arr_iter_init(mr_json_get(status, member), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        (void)printf("%-9s %.*s", title, MR_ARG(mr_json_get_text(item, "name")));
        print_pace(pair, member, item);
        print_members(item);
        int64_t last_ms = mr_json_get_i64(item, "landed_ms", 0);
        last_ms = last_ms != 0 ? last_ms : mr_json_get_i64(item, "last_record_ms", 0);
        if (last_ms != 0)
            (void)printf("  newest %.1f s ago", (double)(now_ms - last_ms) / 1000.0);
        (void)printf("\n");
    }
    return yyjson_arr_size(mr_json_get(status, member));
}

static void print_stages(const struct status_pair *pair)
{
    static const struct {
        const char *member, *title;
    } stages[] = {{"tables", "table"},   {"destinations", "to stream"}, {"pipes", "pipe"},
                  {"streams", "stream"}, {"deliveries", "delivery"},    {"functions", "function"}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        count += print_stage(pair, stages[i].member, stages[i].title);
    status_print_chain(mr_json_get(pair->now, "watermark"));
    if (count == 0)
        (void)printf("the server runs and is empty: no tables, pipes, streams, deliveries or "
                     "functions\n");
}

int cli_status(int argc, char **argv)
{
    static const struct option names[] = {
        {"endpoint", required_argument, NULL, 'e'}, {"json", no_argument, NULL, 'j'}, {0}};
    struct client_options options = {0};
    bool raw = false;
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'e': options.endpoint = optarg; break;
        case 'j': raw = true; break;
        default: return usage("status", "unknown option or missing value");
        }
    }
    if (optind != argc)
        return usage("status", "unexpected argument");
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct client *client = client_new(&options);
    struct client_reply reply, later;
    enum mr_status status =
        client_get(client, &arena, "millrace", MR_S("/_millrace/status"), &reply);
    if (status == MR_OK && !raw) {
        client_pause(RATE_OVER_MS);
        status = client_get(client, &arena, "millrace", MR_S("/_millrace/status"), &later);
        reply = status == MR_OK ? reply : later;
    }
    if (status != MR_OK)
        client_complain("status", &reply);
    else if (raw)
        (void)printf("%.*s", MR_ARG(reply.body));
    else
        print_stages(&(struct status_pair){.before = reply.json, .now = later.json});
    client_free(client);
    mr_arena_fini(&arena);
    return status == MR_OK ? 0 : 1;
}
