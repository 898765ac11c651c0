/* cli/cli.h: the subcommands that speak to an endpoint as any client does (libcurl, SigV4), so they
 * work against AWS as well where that makes sense. Each takes its arguments behind the subcommand's
 * name and returns the exit status: 0 done, 1 failed, 2 usage. Results go to stdout, chatter to
 * stderr. */
#pragma once
#include "base/base.h"

int cli_up(int argc, char **argv); /* up TEMPLATE [--stack NAME] [--parameter K=V]... */
int cli_generate(int argc,
                 char **argv); /* generate [--table T] [--count N] [--rate R] [--seed S] ... */
int cli_query(int argc, char **argv);  /* query "SQL" [--database D] [--workgroup W] */
int cli_status(int argc, char **argv); /* status */
int cli_wait(int argc, char **argv);   /* wait [--timeout S] [--flush] [--table T]... */
/* The whole story against a running endpoint; prints what it does; 0 when nothing was lost, doubled
 * or out of order. */
int cli_demo(const char *endpoint, const char *examples_folder);
