/* What a crawl writes to CloudWatch Logs. */
#include "glue/internal.h"

void glue_crawl_log(const struct glue_crawl *crawl, const char *level, const char *format, ...)
{
    struct glue *glue = crawl->glue;
    if (glue->logs == NULL)
        return;
    struct mr_buf text = {0};
    va_list args;
    mr_buf_printf(&text, "[%s] %s : ", crawl->id, level);
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    logs_append(glue->logs, MR_S(GLUE_LOG_GROUP), crawl->crawler, store_now(glue->store),
                mr_buf_slice(&text));
    mr_buf_fini(&text);
}

static void log_summary(const struct glue_crawl *crawl, const char *of, size_t added,
                        size_t updated, size_t deleted)
{
    if (added + updated + deleted == 0)
        return;
    glue_crawl_log(crawl, "INFO", "Run Summary For %s:", of);
    if (added > 0)
        glue_crawl_log(crawl, "INFO", "ADD: %zu", added);
    if (updated > 0)
        glue_crawl_log(crawl, "INFO", "UPDATE: %zu", updated);
    if (deleted > 0)
        glue_crawl_log(crawl, "INFO", "DELETE: %zu", deleted);
}

void glue_crawl_log_end(const struct glue_crawl *crawl, enum mr_status outcome)
{
    const struct glue_crawl_totals *totals = &crawl->totals;
    if (outcome == MR_END)
        glue_crawl_log(crawl, "INFO", "The crawl was stopped");
    else if (outcome != MR_OK && crawl->error.len > 0)
        glue_crawl_log(crawl, "ERROR", "%.*s", MR_ARG(crawl->error));
    else if (outcome != MR_OK)
        glue_crawl_log(crawl, "ERROR", "Internal Service Exception");
    else
        glue_crawl_log(crawl, "INFO", "Finished writing to Catalog");
    log_summary(crawl, "TABLE", totals->tables_created, totals->tables_updated,
                totals->tables_deleted);
    log_summary(crawl, "PARTITION", totals->partitions_created, totals->partitions_updated,
                totals->partitions_deleted);
    glue_crawl_log(crawl, "BENCHMARK", "Crawler has finished running and is in state READY");
}
