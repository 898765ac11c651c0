#include "athena/iceberg_files.h"
#include "athena/lake.h"
#include "athena/parquet.h"
#include "base/codec.h"
#include "glue/glue.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- COPY ---- */

static void put_type(struct mr_buf *sql, const struct iceberg_type *type)
{
    static const char *const words[] = {
        [ICEBERG_BOOLEAN] = "BOOLEAN", [ICEBERG_INT] = "INTEGER",
        [ICEBERG_LONG] = "BIGINT",     [ICEBERG_FLOAT] = "FLOAT",
        [ICEBERG_DOUBLE] = "DOUBLE",   [ICEBERG_DATE] = "DATE",
        [ICEBERG_TIME] = "TIME",       [ICEBERG_TIMESTAMP] = "TIMESTAMP",
        [ICEBERG_STRING] = "VARCHAR",  [ICEBERG_TIMESTAMPTZ] = "TIMESTAMP WITH TIME ZONE",
        [ICEBERG_UUID] = "UUID",       [ICEBERG_FIXED] = "BLOB",
        [ICEBERG_BINARY] = "BLOB"};
    switch (type->kind) {
    case ICEBERG_DECIMAL:
        mr_buf_printf(sql, "DECIMAL(%d,%d)", type->precision, type->scale);
        return;
    case ICEBERG_LIST:
        put_type(sql, &type->fields[0].type);
        mr_buf_append(sql, MR_S("[]"));
        return;
    case ICEBERG_MAP:
    case ICEBERG_STRUCT:
        mr_buf_append(sql, type->kind == ICEBERG_MAP ? MR_S("MAP(") : MR_S("STRUCT("));
        for (size_t i = 0; i < type->count; i++) {
            mr_buf_append(sql, i > 0 ? MR_S(",") : MR_S(""));
            if (type->kind == ICEBERG_STRUCT)
                athena_sql_quoted(sql, type->fields[i].name, '"');
            mr_buf_byte(sql, ' ');
            put_type(sql, &type->fields[i].type);
        }
        mr_buf_byte(sql, ')');
        return;
    default: mr_buf_append(sql, mr_slice_cstr(words[type->kind]));
    }
}

void athena_iceberg_copy_sql(struct mr_arena *arena, const struct iceberg_schema *schema,
                             struct mr_slice relation, const struct athena_iceberg_copy *to,
                             struct mr_buf *sql)
{
    mr_buf_append(sql, MR_S("COPY (SELECT "));
    for (size_t i = 0; i < schema->count; i++) {
        mr_buf_append(sql, i > 0 ? MR_S(",CAST(") : MR_S("CAST("));
        athena_sql_quoted(sql, glue_lower(arena, schema->fields[i].name), '"');
        mr_buf_append(sql, MR_S(" AS "));
        put_type(sql, &schema->fields[i].type);
        mr_buf_append(sql, MR_S(") AS "));
        athena_sql_quoted(sql, schema->fields[i].name, '"');
    }
    mr_buf_append(sql, MR_S(" FROM "));
    mr_buf_append(sql, relation);
    mr_buf_append(sql, MR_S(" AS r) TO "));
    athena_sql_quoted(sql, to->path, '\'');
    mr_buf_printf(sql, " (FORMAT parquet, COMPRESSION %s, FILE_SIZE_BYTES %lld", to->codec,
                  (long long)to->file_bytes);
    if (to->level > 0)
        mr_buf_printf(sql, ", COMPRESSION_LEVEL %d", to->level);
    mr_buf_append(sql, MR_S(", FIELD_IDS "));
    struct mr_slice *names = MR_NEW_ARRAY(arena, struct mr_slice, schema->count + 1);
    for (size_t i = 0; i < schema->count; i++)
        names[i] = schema->fields[i].name;
    athena_lake_field_ids(sql, schema, names);
    mr_buf_byte(sql, ')');
}

/* ---- files ---- */

enum mr_status athena_iceberg_walk(struct mr_arena *arena, int fd, struct mr_slice name,
                                   enum mr_status (*fn)(void *ctx, struct mr_slice folder,
                                                        struct mr_slice entry),
                                   void *ctx)
{
    const int folder = openat(fd, mr_arena_cstr(arena, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT)
        return MR_NOT_FOUND;
    DIR *entries = folder < 0 ? NULL : fdopendir(folder);
    if (entries == NULL) {
        if (folder >= 0)
            close(folder);
        return MR_RAISE(MR_FAIL_IO, "a folder of a query's rows cannot be read");
    }
    enum mr_status status = MR_OK;
    for (struct dirent *entry = readdir(entries); entry != NULL && status == MR_OK;
         entry = readdir(entries))
        if (entry->d_name[0] != '.')
            status = fn(ctx, name, mr_arena_copy(arena, mr_slice_cstr(entry->d_name)));
    closedir(entries);
    return status;
}

struct mr_slice athena_iceberg_folder(struct mr_arena *arena, const struct iceberg_schema *schema,
                                      const struct iceberg_spec *spec,
                                      const struct mr_slice *partition)
{
    struct mr_buf path = {0};
    for (size_t i = 0; spec != NULL && i < spec->count; i++) {
        const struct iceberg_partition_field *field = &spec->fields[i];
        const struct iceberg_field *source = iceberg_schema_by_id(schema, field->source_id);
        mr_percent_encode(&path, field->name, false);
        mr_buf_byte(&path, '=');
        if (source != NULL)
            mr_percent_encode(
                &path, iceberg_transform_show(arena, field, &source->type, partition[i]), false);
        mr_buf_byte(&path, '/');
    }
    const struct mr_slice folder = mr_arena_copy(arena, mr_buf_slice(&path));
    mr_buf_fini(&path);
    return folder;
}

enum mr_status athena_iceberg_stage(struct iceberg_change *change, int fd, struct mr_slice name,
                                    struct mr_slice folder, const struct iceberg_file *file)
{
    struct stat stat;
    const int body = openat(fd, mr_arena_cstr(change->arena, name), O_RDONLY | O_CLOEXEC);
    if (body < 0)
        return MR_RAISE(MR_FAIL_IO, "a file of a query's rows is not there");
    void *map = MAP_FAILED;
    if (fstat(body, &stat) == 0 && stat.st_size > 0)
        map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, body, 0);
    close(body);
    if (map == MAP_FAILED)
        return MR_RAISE(MR_FAIL_IO, "a file of a query's rows cannot be read");
    const enum mr_status status =
        iceberg_change_add(change, file, folder, mr_slice_make(map, (size_t)stat.st_size));
    munmap(map, (size_t)stat.st_size);
    return status;
}
