/* `millrace verify` against a running server, and its report as text. */
#include "cli/cli.h"
#include "cli/client.h"
#include <stdio.h>

enum { PATIENCE_S = 24 * 3600 };

static void print_number(yyjson_val *it, const char *name, const char *format)
{
    const int64_t value = mr_json_get_i64(it, name, -1);
    if (value >= 0)
        (void)printf(format, (long long)value);
}

static void print_text(yyjson_val *it, const char *name, const char *before)
{
    const struct mr_slice text = mr_json_get_text(it, name);
    if (text.len > 0)
        (void)printf("%s%.*s", before, MR_ARG(text));
}

static void print_finding(yyjson_val *it)
{
    (void)printf("%-12.*s %.*s", MR_ARG(mr_json_get_text(it, "kind")),
                 MR_ARG(mr_json_get_text(it, "what")));
    print_text(it, "pipe", "\n    pipe ");
    print_text(it, "delivery", "\n    delivery stream ");
    if (mr_json_get(it, "item") != NULL) {
        struct mr_buf text = {0};
        struct mr_json json = mr_json_make(&text);
        mr_json_value(&json, mr_json_get(it, "item"));
        (void)printf("\n    item %.*s", (int)text.len, text.data);
        mr_buf_fini(&text);
    }
    print_text(it, "sequence", "\n    sequence number ");
    print_text(it, "object", "\n    object ");
    print_number(it, "line", ", line %lld");
    print_text(it, "file", "\n    file ");
    print_number(it, "offset", ", offset %lld");
    print_number(it, "position", "\n    position %lld of the journal");
    (void)printf("\n");
}

static void print_stage(yyjson_val *it)
{
    size_t index, max;
    yyjson_val *key, *value;
    bool first = true;
    yyjson_obj_foreach(it, index, max, key, value)
    {
        (void)printf("%s%s %.*s", first ? "" : "  ", yyjson_get_str(key),
                     MR_ARG(mr_json_text(value)));
        first = false;
    }
    (void)printf("\n");
}

static void each(yyjson_val *list, void (*fn)(yyjson_val *it))
{
    size_t index, max;
    yyjson_val *it;
    yyjson_arr_foreach(list, index, max, it) fn(it);
}

static void print_remark(yyjson_val *it)
{
    (void)printf("remark: %.*s\n", MR_ARG(mr_json_text(it)));
}

int cli_verify_show(struct mr_arena *arena, struct mr_slice report, bool raw)
{
    yyjson_val *json = mr_json_parse(arena, report, 16);
    if (json == NULL) {
        (void)fprintf(stderr, "millrace: verify: the report cannot be read\n");
        return 2;
    }
    const bool clean = mr_json_get_bool(json, "clean", false);
    if (raw) {
        (void)printf("%.*s", MR_ARG(report));
        return clean ? 0 : 1;
    }
    each(mr_json_get(json, "stages"), print_stage);
    each(mr_json_get(json, "findings"), print_finding);
    const int64_t more = mr_json_get_i64(json, "findings_not_shown", 0);
    if (more > 0)
        (void)printf("and %lld findings more\n", (long long)more);
    each(mr_json_get(json, "remarks"), print_remark);
    int64_t found = more + (int64_t)yyjson_arr_size(mr_json_get(json, "findings"));
    if (clean)
        (void)printf("verify: clean\n");
    else
        (void)printf("verify: %lld findings\n", (long long)found);
    return clean ? 0 : 1;
}

static int ask(struct client *client, bool raw)
{
    struct mr_arena arena;
    struct client_reply reply;
    mr_arena_init(&arena);
    int result = 2;
    if (client_post(client, &arena, MR_S("/_millrace/verify"), MR_S(""), PATIENCE_S, &reply) ==
        MR_OK)
        result = cli_verify_show(&arena, reply.body, raw);
    else
        client_complain("verify", &reply);
    mr_arena_fini(&arena);
    return result;
}

int cli_verify(const char *endpoint, bool raw)
{
    const struct client_options options = {.endpoint = endpoint};
    struct client *client = client_new(&options);
    const int result = ask(client, raw);
    client_free(client);
    return result;
}
