#include "athena/maintain.h"
#include <stdarg.h>

enum mr_status athena_maintain_fail(struct athena_maintenance *job, const char *code,
                                    const char *format, ...)
{
    struct mr_buf buf = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&buf, format, args);
    va_end(args);
    athena_error_set(job->error, job->arena, code, 0, 0, "%.*s", MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return MR_INVALID;
}

enum mr_status athena_maintain_load(struct athena_maintenance *job, struct iceberg_table *ret_table)
{
    const struct athena_options *options = &job->athena->options;
    struct glue_table glue;
    const struct mr_slice name = job->statement->name;
    char message[512] = "the table's metadata cannot be read";
    job->ice = (struct iceberg){options->store, options->s3, options->glue, options->rng,
                                athena_source_renew(job->source)};
    enum mr_status status = iceberg_glue_table(&job->ice, job->arena, job->database, name, &glue);
    if (status == MR_NOT_FOUND)
        return athena_maintain_fail(job, "TABLE_NOT_FOUND",
                                    "line 1:1: Table 'awsdatacatalog.%.*s.%.*s' does not exist",
                                    MR_ARG(job->database), MR_ARG(name));
    if (status != MR_OK)
        return status;
    if (!iceberg_is_table(&glue))
        return athena_maintain_fail(job, "NOT_SUPPORTED", "%s is only supported for Iceberg tables",
                                    job->statement->substatement);
    status = iceberg_table_load(&job->ice, job->arena, &glue, ret_table, message);
    return status == MR_INVALID
               ? athena_maintain_fail(job, "ICEBERG_INVALID_METADATA", "%s", message)
               : status;
}

int64_t athena_maintain_number(const struct iceberg_table *table, const char *name,
                               int64_t fallback, int64_t least)
{
    const int64_t number = iceberg_pair_number(&table->metadata.properties, name, fallback);
    return number < least ? least : number;
}
