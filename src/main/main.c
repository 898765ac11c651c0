/* millrace: one program, one subcommand a task. */
#include "cli/cli.h"
#include "firehose/extract.h"
#include "main/demo.h"
#include "main/ops.h"
#include "main/points.h"
#include "main/serve.h"
#include "main/verify.h"
#include "version.h"
#include <stdio.h>
#include <string.h>

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("millrace %s (%s)\n", MR_VERSION, MR_COMMIT);
    return 0;
}

static int help(int argc, char **argv);

static const struct {
    const char *name, *arguments, *text;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve",
     "[--data DIR] [--listen ADDR:PORT] [--credentials FILE] [--region R] [--account ID]\n"
     "                 [--shard-limits] [--query-cache-bytes N] [--verbose] [--testing]",
     "run the server (127.0.0.1:4566 unless told otherwise)", serve_main},
    {"up", "TEMPLATE [--stack NAME] [--parameter K=V]...", "deploy a CloudFormation template",
     cli_up},
    {"generate", "[--table T] [--count N] [--rate R] [--seed S]", "write mock sales to a table",
     cli_generate},
    {"query", "\"SQL\" [--database D] [--workgroup W]", "run one query and print its table",
     cli_query},
    {"status", "", "what each stage has moved, how far it is behind, and why it stands",
     cli_status},
    {"wait", "[--timeout S] [--flush] [--table T]... [--stream S]... [--delivery D]...",
     "wait until everything written before has landed in S3", cli_wait},
    {"verify", "[--data DIR] [--json]",
     "whether each change landed once, in order and undamaged, as the bytes on the disk say",
     verify_main},
    {"demo", "[--keep] [--verbose]", "the whole pipeline once, checked at the end", demo_main},
    {"ops", "[SERVICE]", "which operations of AWS's models are implemented", ops_main},
    {"points", "", "where `serve --testing --fault-at POINT:N:ACTION` can let things fail",
     points_main},
    {"jq", "QUERY", "a delivery stream's partition query; the server runs it in a process apart",
     jq_main},
    {"--version", "", "version and commit", version},
    {"--help", "", "this text", help},
};

static void show(size_t i)
{
    (void)printf("  millrace %s %s\n      %s\n", commands[i].name, commands[i].arguments,
                 commands[i].text);
}

static int help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("millrace: change data capture from a DynamoDB table to an S3 data lake, in one "
                 "process\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        show(i);
    (void)printf("\nClient subcommands take --endpoint URL, --region R, and the usual AWS_* "
                 "environment variables.\n");
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0) {
            if (argc < 3 || strcmp(argv[2], "--help") != 0)
                return commands[i].run(argc - 1, argv + 1);
            show(i);
            return 0;
        }
    (void)fprintf(stderr, "millrace: unknown command '%s'\nhint: see 'millrace --help'\n", name);
    return 2;
}
