/* /_millrace/faults (testing): failures by name and rate; see base/inject.h for what they are.
 *
 * GET lists them. POST sets one, from its JSON object. DELETE clears all, or ?id=N. */
#include "main/faults.h"
#include "base/inject.h"
#include "main/internal.h"

static const char *clear(const struct http_exchange *exchange)
{
    struct mr_slice text = exchange->query;
    int64_t id = 0;
    if (text.len > 0 && (!mr_slice_starts_with(text, MR_S("id=")) ||
                         mr_slice_to_i64(mr_slice_sub(text, 3, SIZE_MAX), &id) != MR_OK || id <= 0))
        return "only ?id=N";
    return mr_inject_remove(id) ? NULL : "there is no such fault";
}

static void faults_page(void *ctx, struct http_exchange *exchange)
{
    (void)ctx;
    const char *wrong = NULL;
    int64_t id = 0;
    const bool get = mr_slice_equal(exchange->method, MR_S("GET"));
    if (!get && http_header_get(exchange, "origin").ptr != NULL) { /* a page in a browser */
        exchange->status = 403;
        return;
    }
    if (mr_slice_equal(exchange->method, MR_S("POST"))) {
        wrong = mr_inject_add(mr_json_parse(&exchange->arena, exchange->body, 4), &id);
    } else if (mr_slice_equal(exchange->method, MR_S("DELETE"))) {
        wrong = clear(exchange);
    } else if (!get) {
        exchange->status = 405;
        return;
    }
    exchange->status = wrong == NULL ? 200 : 400;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/json"));
    struct mr_json json = mr_json_make(&exchange->reply_body);
    if (wrong == NULL && id == 0) {
        mr_inject_write(&json);
    } else {
        mr_json_object(&json);
        if (wrong == NULL)
            mr_json_key_int(&json, "id", id);
        else
            mr_json_key_cstr(&json, "error", wrong);
        mr_json_object_end(&json);
    }
    mr_buf_byte(&exchange->reply_body, '\n');
}

void serve_register_faults(struct serve *serve)
{
    protocol_register_internal(serve->protocol, "/_millrace/faults", faults_page, serve);
}
