/* The story: deploy, generate, wait, crawl, query, compare. */
#include "base/clock.h"
#include "cli/athena.h"
#include "cli/cli.h"
#include "cli/landed.h"
#include "cli/sales.h"
#include "cli/stack.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    CHANGES = 4500,
    CHANGES_PER_SECOND = 300, /* 15 s */
    LAND_MS_MAX = 60000,
    CRAWL_MS_MAX = 60000,
    ROWS_SHOWN = 10,
    ROWS_MAX = 1000,
};

struct demo {
    struct client *client;
    struct mr_arena arena;
    struct stack_outputs outputs;
    struct sales_run run;
};

static bool read_file(const char *folder, const char *name, struct mr_buf *buf)
{
    struct mr_buf path = {0};
    mr_buf_printf(&path, "%s/%s", folder, name);
    mr_buf_byte(&path, '\0');
    FILE *file = fopen(path.data, "re");
    if (file == NULL)
        (void)fprintf(stderr, "millrace: demo: cannot read '%s'\n", path.data);
    mr_buf_fini(&path);
    if (file == NULL)
        return false;
    size_t got;
    do {
        got = fread(mr_buf_reserve(buf, 4096), 1, 4096, file);
        buf->len += got;
    } while (got > 0);
    (void)fclose(file);
    return true;
}

static const char *output(struct demo *demo, const char *name)
{
    return mr_arena_cstr(&demo->arena, stack_output(&demo->outputs, name));
}

/* ---- the steps; each tells what it does and returns whether it worked ---- */

static bool deploy(struct demo *demo, const char *folder)
{
    static const struct stack_parameter parameters[] = {
        {.name = MR_S_INIT("BufferSeconds"), .value = MR_S_INIT("1")}};
    struct mr_buf template = {0};
    (void)printf("\n1. Deploy examples/sales/pipeline.yaml\n");
    const bool good = read_file(folder, "pipeline.yaml", &template) &&
                      stack_deploy(demo->client, &demo->arena, "sales", mr_buf_slice(&template),
                                   parameters, MR_COUNT(parameters), &demo->outputs) == MR_OK;
    mr_buf_fini(&template);
    for (size_t i = 0; good && i < demo->outputs.count; i++)
        (void)printf("   %-20.*s %.*s\n", MR_ARG(demo->outputs.items[i].name),
                     MR_ARG(demo->outputs.items[i].value));
    return good;
}

static bool generate(struct demo *demo)
{
    struct sales_options options = sales_options_default;
    options.table = output(demo, "TableName");
    options.count = CHANGES;
    options.rate = CHANGES_PER_SECOND;
    (void)printf("\n2. Generate %d changes of table %s\n", CHANGES, options.table);
    (void)fflush(stdout);
    return sales_generate(demo->client, &options, true, NULL, &demo->run) == MR_OK;
}

static bool wait_landed(struct demo *demo)
{
    struct client_reply reply;
    (void)printf("\n3. Wait until all have landed in S3: ");
    (void)fflush(stdout);
    const struct mr_slice wish =
        mr_arena_printf(&demo->arena, "{\"tables\":[\"%s\"],\"timeout_ms\":%d}",
                        output(demo, "TableName"), LAND_MS_MAX);
    const bool landed = client_post(demo->client, &demo->arena, MR_S("/_millrace/wait"), wish,
                                    2 * LAND_MS_MAX / 1000, &reply) == MR_OK;
    (void)printf("%s after %lld ms\n", landed ? "all of them" : "not all",
                 (long long)mr_json_get_i64(reply.json, "waited_ms", 0));
    if (!landed)
        client_complain("wait", &reply);
    return landed;
}

static bool glue(struct demo *demo, const char *target, struct client_reply *reply)
{
    const struct mr_slice input =
        mr_arena_printf(&demo->arena, "{\"Name\":\"%s\"}", output(demo, "CrawlerName"));
    if (client_json(demo->client, &demo->arena, "glue", target, input, reply) == MR_OK)
        return true;
    client_complain("crawl", reply);
    return false;
}

static bool crawl(struct demo *demo)
{
    const int64_t start_ms = mr_monotonic_ms();
    struct client_reply reply;
    (void)printf("\n4. Crawl %s: ", output(demo, "DataLocation"));
    (void)fflush(stdout);
    if (!glue(demo, "AWSGlue.StartCrawler", &reply))
        return false;
    while (mr_monotonic_ms() - start_ms < CRAWL_MS_MAX) {
        if (!glue(demo, "AWSGlue.GetCrawler", &reply))
            return false;
        yyjson_val *crawler = mr_json_get(reply.json, "Crawler");
        if (mr_slice_equal(mr_json_get_text(crawler, "State"), MR_S("READY"))) {
            yyjson_val *last = mr_json_get(crawler, "LastCrawl");
            const struct mr_slice status = mr_json_get_text(last, "Status");
            (void)printf("%.*s in %lld ms\n", MR_ARG(status),
                         (long long)(mr_monotonic_ms() - start_ms));
            return mr_slice_equal(status, MR_S("SUCCEEDED"));
        }
        client_pause(20);
    }
    return false;
}

/* A statement and the title in the comment above it. */
static bool query_one(struct demo *demo, struct mr_slice text)
{
    text = mr_slice_trim(text);
    if (text.len == 0)
        return true;
    const size_t line = mr_slice_find(text, '\n');
    if (mr_slice_starts_with(text, MR_S("-- ")) && line != SIZE_MAX)
        (void)printf("\n   %.*s\n", MR_ARG(mr_slice_sub(text, 3, line - 3)));
    const struct athena_job job = {
        .sql = mr_arena_cstr(&demo->arena, text),
        .database = output(demo, "DatabaseName"),
        .workgroup = output(demo, "WorkGroupName"),
    };
    struct athena_table table;
    if (athena_run(demo->client, &demo->arena, &job, ROWS_MAX, &table) != MR_OK)
        return false;
    athena_print(&table, ROWS_SHOWN);
    return table.rows > 0;
}

static bool query(struct demo *demo, const char *folder)
{
    struct mr_buf text = {0};
    (void)printf("\n5. Ask Athena\n");
    bool good = read_file(folder, "queries.sql", &text);
    struct mr_slice rest = mr_buf_slice(&text), statement;
    while (good && rest.len > 0 && mr_slice_split(&rest, ';', &statement))
        good = query_one(demo, statement);
    mr_buf_fini(&text);
    return good;
}

/* "s3://bucket/prefix" */
static enum mr_status read_lake(struct demo *demo, struct landed *landed)
{
    const struct mr_slice location = stack_output(&demo->outputs, "DataLocation");
    struct mr_slice rest = mr_slice_sub(location, 5, SIZE_MAX), bucket;
    (void)mr_slice_split(&rest, '/', &bucket);
    return landed_read(demo->client, bucket, rest, landed);
}

static bool compare(struct demo *demo)
{
    struct landed landed = {0};
    if (read_lake(demo, &landed) != MR_OK) {
        landed_fini(&landed);
        return false;
    }
    const struct landed_verdict v = landed_compare(&landed, &demo->run);
    const struct sales_run *run = &demo->run;
    (void)printf("\n7. Compare\n   %u objects, %llu lines that are no change\n", landed.objects,
                 (unsigned long long)landed.unreadable);
    (void)printf("written %llu inserts, %llu updates, %llu deletes; found in S3 %llu inserts, %llu "
                 "updates, %llu deletes; lost %llu, doubled %llu, out of order %llu\n",
                 (unsigned long long)run->inserts, (unsigned long long)run->updates,
                 (unsigned long long)run->deletes, (unsigned long long)v.inserts,
                 (unsigned long long)v.updates, (unsigned long long)v.deletes,
                 (unsigned long long)v.lost, (unsigned long long)v.doubled,
                 (unsigned long long)v.out_of_order);
    const bool good = v.lost + v.doubled + v.out_of_order + landed.unreadable == 0;
    landed_fini(&landed);
    return good;
}

int cli_demo(const char *endpoint, const char *examples_folder)
{
    const struct client_options options = {.endpoint = endpoint, .region = "us-east-1"};
    struct demo demo = {.client = client_new(&options)};
    mr_arena_init(&demo.arena);
    bool good = deploy(&demo, examples_folder) && generate(&demo);
    if (good) {
        good = wait_landed(&demo);
        good = crawl(&demo) && query(&demo, examples_folder) && good;
        (void)printf("\n6. Verify: the journal, what each stage passed on, every object's bytes\n");
        (void)fflush(stdout);
        good = cli_verify(endpoint, false) == 0 && good;
        good = compare(&demo) && good; /* the last line, whatever went before */
    }
    sales_run_fini(&demo.run);
    client_free(demo.client);
    mr_arena_fini(&demo.arena);
    (void)fflush(stdout);
    return good ? 0 : 1;
}
