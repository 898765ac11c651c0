/* cli/cli.h: the subcommands that speak to an endpoint as any client does (libcurl, SigV4), so they
 * work against AWS as well where that makes sense. Each takes its arguments behind the subcommand's
 * name and returns the exit status: 0 done, 1 failed, 2 usage. Results go to stdout, chatter to
 * stderr. */
#pragma once
#include "base/arena.h"

int cli_up(int argc, char **argv); /* up TEMPLATE [--stack NAME] [--parameter K=V]... */
int cli_generate(int argc,
                 char **argv); /* generate [--table T] [--count N] [--rate R] [--seed S] ... */
int cli_query(int argc, char **argv);  /* query "SQL" [--database D] [--workgroup W] */
int cli_status(int argc, char **argv); /* status */
int cli_wait(int argc, char **argv);   /* wait [--timeout S] [--flush] [--table T]... */
/* Asks a server to audit itself and prints the report, as JSON if it is to be raw: 0 clean, 1
 * something was found, 2 it could not be run. `endpoint` NULL: as client.h says. */
int cli_verify(const char *endpoint, bool raw);
/* The report alone, with the same result. */
int cli_verify_show(struct mr_arena *arena, struct mr_slice report, bool raw);
/* The whole story against a running endpoint; prints what it does; 0 when nothing was lost, doubled
 * or out of order. */
int cli_demo(const char *endpoint, const char *examples_folder);
