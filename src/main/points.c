/* Points (base/point.h) by hand: `millrace points` lists them; with --testing, /_millrace/points
 * tells how often each was passed, and arms and disarms them. */
#include "main/points.h"
#include "main/internal.h"
#include "base/point.h"
#include <stdio.h>

static const char *const kinds[] = {
    [MR_POINT_STEP] = "step", [MR_POINT_CALL] = "call", [MR_POINT_WRITE] = "write"};

int points_main(int argc, char **argv)
{
    if (argc > 1) {
        (void)fprintf(stderr, "millrace: points: unexpected argument '%s'\n", argv[1]);
        return 2;
    }
    for (int i = 0; i < MR_POINTS; i++) {
        const enum mr_point point = (enum mr_point)i;
        (void)printf("%-5s %s\n", kinds[mr_point_kind_of(point)], mr_point_name(point));
    }
    return 0;
}

static void write_counts(struct mr_buf *out)
{
    struct mr_json json = mr_json_make(out);
    mr_json_object(&json);
    for (int i = 0; i < MR_POINTS; i++)
        mr_json_key_int(&json, mr_point_name((enum mr_point)i),
                        (int64_t)mr_point_count((enum mr_point)i));
    mr_json_object_end(&json);
    mr_buf_byte(out, '\n');
}

/* NULL: done. */
static const char *obey(void *ctx, yyjson_val *body)
{
    (void)ctx;
    size_t at, count;
    yyjson_val *key, *value, *spec;
    const char *problem = NULL;
    if (!yyjson_is_obj(body))
        return "the body must be a JSON object";
    yyjson_val *arm = mr_json_get(body, "arm");
    yyjson_obj_foreach(body, at, count, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        if (!(mr_slice_equal(name, MR_S("disarm")) && yyjson_is_true(value)) &&
            !(mr_slice_equal(name, MR_S("arm")) && yyjson_is_arr(value)))
            return "members are \"disarm\": true and \"arm\": [\"POINT:N:ACTION\"]";
    }
    if (mr_json_get(body, "disarm") != NULL)
        mr_points_disarm();
    yyjson_arr_foreach(arm, at, count, spec)
    {
        if (mr_point_arm(mr_json_text(spec), &problem) != MR_OK)
            return problem;
    }
    return NULL;
}

static void points_page(void *ctx, struct http_exchange *exchange)
{
    if (serve_take_wish(exchange, obey, ctx))
        write_counts(&exchange->reply_body);
}

void serve_register_points(struct serve *serve)
{
    protocol_register_internal(serve->protocol, "/_millrace/points", points_page, serve);
}
