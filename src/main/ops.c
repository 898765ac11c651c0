/* Lists the operations of the models: "+" implemented, "-" answers 501. Nothing is opened: handlers
 * are only registered. */
#include "main/ops.h"
#include "main/internal.h"
#include <stdio.h>

struct listing {
    const char *only; /* service, or NULL */
    const char *service;
    int all, done;
    int total, total_done;
};

static void end_service(struct listing *list)
{
    if (list->service != NULL)
        (void)printf("%s: %d of %d\n\n", list->service, list->done, list->all);
    list->all = list->done = 0;
}

static void one(void *ctx, const char *service, const char *operation, bool implemented)
{
    struct listing *list = ctx;
    if (list->only != NULL && strcmp(list->only, service) != 0)
        return;
    if (list->service == NULL || strcmp(list->service, service) != 0) {
        end_service(list);
        list->service = service;
    }
    list->all++;
    list->total++;
    list->done += implemented;
    list->total_done += implemented;
    (void)printf("%s %s %s\n", implemented ? "+" : "-", service, operation);
}

static int usage(const char *problem, const char *what)
{
    (void)fprintf(stderr, "millrace: ops: %s '%s'\nhint: see 'millrace ops'\n", problem, what);
    return 2;
}

static void note_name(void *ctx, const char *service, const char *operation, bool implemented)
{
    struct listing *list = ctx;
    (void)operation;
    (void)implemented;
    list->total += list->only == NULL || strcmp(list->only, service) == 0;
}

int ops_main(int argc, char **argv)
{
    if (argc > 2)
        return usage("unexpected argument", argv[2]);
    struct serve serve = {0};
    mr_rng_init_system(&serve.rng);
    const struct protocol_options options = {
        .clock = mr_clock_system,
        .rng = &serve.rng,
        .region = serve_options_default.region,
        .account = serve_options_default.account,
    };
    if (protocol_new(&serve.protocol, &options) != MR_OK)
        return 1;
    serve_register_services(&serve);
    struct listing list = {.only = argc > 1 ? argv[1] : NULL}, known = list;
    protocol_each_operation(serve.protocol, note_name, &known);
    if (known.total > 0) {
        protocol_each_operation(serve.protocol, one, &list);
        end_service(&list);
        (void)printf("all: %d of %d\n", list.total_done, list.total);
    }
    protocol_free(serve.protocol);
    return known.total > 0 ? 0 : usage("unknown service", argv[1]);
}
