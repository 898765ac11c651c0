/* athena/work.h: the one folder that DuckDB may read and write: <data>/athena. What it reads there
 * are links to bodies of objects, what it writes are files on their way to S3.
 *
 * DuckDB knows it as /proc/self/fd/<n>/, so that neither its messages nor its patterns for file
 * names have to do with where the data lies. A query has a folder of its own in it while it runs;
 * some are kept, empty, for the next queries, for a file system takes its time to make one. What a
 * crash left is removed when the engine is opened. */
#pragma once
#include "base/base.h"
#include <pthread.h>

enum { ATHENA_WORK_SPARE = 8 };
struct athena_work { /* zeroed but for fd before it is opened */
    int fd;          /* -1: there is none */
    pthread_mutex_t lock;
    unsigned long long next;                     /* by lock, as the next */
    unsigned long long spare[ATHENA_WORK_SPARE]; /* names of empty folders */
    size_t spare_count;
};
/* MR_FAIL_IO. `folder` is the data folder. */
MR_MUST_USE enum mr_status athena_work_open(struct athena_work *work, const char *folder);
void athena_work_close(struct athena_work *work);

enum { ATHENA_WORK_PATH = 64 };
struct athena_work_folder { /* a zeroed one is none */
    struct athena_work *work;
    int fd;
    unsigned long long number;   /* its name */
    char path[ATHENA_WORK_PATH]; /* as DuckDB is told, "/" at its end */
};
/* Makes it, or takes a spare one, unless it is there. */
MR_MUST_USE enum mr_status athena_work_folder_open(struct athena_work *work,
                                                   struct athena_work_folder *folder);
void athena_work_folder_close(struct athena_work_folder *folder); /* empties or removes it */
/* Puts the bytes of a file that is open there under this name, by a link where it can be. */
MR_MUST_USE enum mr_status athena_work_link(struct athena_work_folder *folder, int fd,
                                            const char *name);
MR_MUST_USE enum mr_status athena_work_write(struct athena_work_folder *folder, const char *name,
                                             const char *bytes, size_t len);
