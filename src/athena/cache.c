#include "athena/cache.h"
#include "athena/engine.h"
#include "athena/footers.h"
#include "athena/parquet.h"
#include "base/log.h"
#include <assert.h>
#include <poll.h>
#include <stdlib.h>

/* Columns by their index in the footer, which has at most 256. */
enum { WORDS = 4, AGAIN = 2, PACK_TRIES = 100, PACK_PAUSE_MS = 5 };
struct columns {
    uint64_t words[WORDS];
};

struct table {
    unsigned long long number; /* its name */
    struct columns columns;
    size_t pins;
    struct table *next; /* of those that no entry has any more: they go with their last pin */
};
/* What is known of an object. */
struct entry {
    unsigned char id[16]; /* of its body */
    struct table *table;  /* NULL: it has none */
    struct columns wanted;
    unsigned misses; /* queries that found less than they read */
    int64_t missed_ms;
    uint64_t used;
    bool refused; /* it could not be loaded, or took too much: not again so soon */
};
struct athena_cache {
    struct athena_engine *engine;
    uint64_t bytes_max;
    struct athena_handle handle; /* of the load */
    pthread_mutex_t lock;
    struct mr_map entries; /* id -> struct entry, owned; by lock, as all that follows */
    struct table *retired; /* owned; pinned, or about to be dropped */
    bool busy; /* somebody makes and drops tables, one at a time: DuckDB packs none beside that */
    uint64_t clock;
    unsigned long long next;
    struct athena_cache_stats stats;
};
/* Of a scan, in its arena. */
struct athena_cached {
    struct table **tables; /* one for each object; NULL: they are not read */
    struct columns columns;
    uint64_t load; /* a bit for each object that is to be loaded */
};

/* ---- columns ---- */

static void columns_set(struct columns *columns, size_t index)
{
    columns->words[index / 64] |= 1ULL << (index % 64);
}

static bool columns_get(const struct columns *columns, size_t index)
{
    return (columns->words[index / 64] >> (index % 64) & 1) != 0;
}

static bool columns_have(const struct columns *columns, const struct columns *wanted)
{
    for (size_t i = 0; i < WORDS; i++)
        if ((wanted->words[i] & ~columns->words[i]) != 0)
            return false;
    return true;
}

static void columns_add(struct columns *columns, const struct columns *more)
{
    for (size_t i = 0; i < WORDS; i++)
        columns->words[i] |= more->words[i];
}

static size_t columns_count(const struct columns *columns)
{
    size_t count = 0;
    for (size_t i = 0; i < WORDS; i++)
        count += (size_t)__builtin_popcountll(columns->words[i]);
    return count;
}

/* The columns that the query reads and the objects have. */
static struct columns columns_of(const struct athena_scan *scan)
{
    struct columns columns = {0};
    bool same;
    for (size_t i = 0; i < scan->column_count; i++) {
        const struct athena_column *column = &scan->columns[i];
        const struct athena_footer_column *found =
            column->key == ATHENA_COLUMN_DATA && column->used
                ? athena_footer_column(scan->footer, column, &same)
                : NULL;
        if (found != NULL)
            columns_set(&columns, (size_t)(found - scan->footer->columns));
    }
    return columns;
}

/* ---- the cache ---- */

struct athena_cache *athena_cache_new(struct athena_engine *engine, uint64_t bytes)
{
    struct athena_cache *cache = mr_calloc(1, sizeof *cache);
    cache->engine = engine;
    cache->bytes_max = bytes;
    athena_handle_init(&cache->handle);
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void athena_cache_free(struct athena_cache *cache)
{
    size_t cursor = 0;
    struct mr_slice key;
    void *value;
    if (cache == NULL)
        return;
    while (mr_map_next(&cache->entries, &cursor, &key, &value)) {
        free(((struct entry *)value)->table);
        free(value);
    }
    mr_map_fini(&cache->entries);
    while (cache->retired != NULL) {
        struct table *table = cache->retired;
        cache->retired = table->next;
        free(table);
    }
    athena_handle_fini(&cache->handle);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void athena_cache_stats(struct athena_cache *cache, struct athena_cache_stats *ret_stats)
{
    pthread_mutex_lock(&cache->lock);
    *ret_stats = cache->stats;
    pthread_mutex_unlock(&cache->lock);
}

void athena_cache_stop(struct athena_cache *cache)
{
    athena_handle_cancel(&cache->handle);
}

static struct mr_slice key_of(const unsigned char *id)
{
    return mr_slice_make((const char *)id, sizeof((struct entry *)0)->id);
}

static struct entry *find_locked(struct athena_cache *cache, const struct athena_scan *scan,
                                 size_t index)
{
    return mr_map_get(&cache->entries, key_of(scan->pieces[index].object.body.id));
}

/* The entry used least lately, of those that have a table or of those that have none; not one whose
 * table a query reads. */
static struct entry *oldest_locked(struct athena_cache *cache, bool with_table)
{
    struct entry *oldest = NULL;
    size_t cursor = 0;
    struct mr_slice key;
    void *value;
    while (mr_map_next(&cache->entries, &cursor, &key, &value)) {
        struct entry *entry = value;
        if ((entry->table != NULL) == with_table && (!with_table || entry->table->pins == 0) &&
            (oldest == NULL || entry->used < oldest->used))
            oldest = entry;
    }
    return oldest;
}

static struct entry *find_or_add_locked(struct athena_cache *cache, const struct athena_scan *scan,
                                        size_t index)
{
    struct entry *entry = find_locked(cache, scan, index);
    if (entry != NULL)
        return entry;
    if (cache->entries.count >= ATHENA_CACHE_OBJECTS) {
        struct entry *oldest = oldest_locked(cache, /* with_table= */ false);
        if (oldest == NULL)
            return NULL;
        mr_map_remove(&cache->entries, key_of(oldest->id));
        free(oldest);
    }
    entry = mr_calloc(1, sizeof *entry);
    memcpy(entry->id, scan->pieces[index].object.body.id, sizeof entry->id);
    mr_map_put(&cache->entries, key_of(entry->id), entry);
    return entry;
}

/* ---- a query begins ---- */

/* By what is known without looking into the objects. */
static bool is_worth(const struct athena_cache *cache, const struct athena_scan *scan)
{
    return cache != NULL && cache->bytes_max > 0 && !scan->unread && scan->piece_count > 0 &&
           scan->piece_count <= ATHENA_CACHE_PIECES;
}

bool athena_cache_has(struct athena_cache *cache, const struct athena_scan *scan)
{
    bool all = is_worth(cache, scan);
    if (!all)
        return false;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; all && i < scan->piece_count; i++) {
        const struct entry *entry = find_locked(cache, scan, i);
        all = entry != NULL && entry->table != NULL;
    }
    pthread_mutex_unlock(&cache->lock);
    return all;
}

/* Whether the object's columns, as they are before they are packed, are likely to fit. */
static bool fits(const struct athena_cache *cache, const struct athena_scan *scan, size_t index,
                 const struct columns *columns)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < scan->piece_count; i++)
        bytes += scan->pieces[i].object.size;
    const uint64_t size = scan->pieces[index].object.size;
    const double rows = (double)scan->footer->rows * (double)size / (double)(bytes + 1);
    return scan->chunk_bytes <= cache->bytes_max / 2 &&
           rows * (double)columns_count(columns) * ATHENA_CACHE_VALUE_BYTES <=
               (double)cache->bytes_max;
}

static void miss_locked(struct athena_cache *cache, const struct athena_scan *scan, size_t index,
                        struct athena_cached *cached)
{
    struct entry *entry = find_or_add_locked(cache, scan, index);
    const int64_t now_ms = mr_monotonic_ms();
    const bool late = entry != NULL && now_ms - entry->missed_ms > ATHENA_CACHE_AGAIN_MS;
    if (entry == NULL || (entry->refused && !late))
        return;
    if (entry->misses == 0 || late) {
        entry->misses = 0;
        entry->wanted = (struct columns){0};
        entry->refused = false;
    }
    entry->misses++;
    entry->missed_ms = now_ms;
    entry->used = ++cache->clock;
    columns_add(&entry->wanted, &cached->columns);
    if (entry->misses >= AGAIN)
        cached->load |= 1ULL << index;
}

static bool is_kept(const struct entry *entry, const struct columns *columns)
{
    return entry != NULL && entry->table != NULL && columns_have(&entry->table->columns, columns);
}

bool athena_cache_open(struct athena_cache *cache, struct athena_scan *scan)
{
    if (!is_worth(cache, scan) || scan->preview || scan->footer->rows < ATHENA_CACHE_ROWS_MIN ||
        scan->footer->count > (size_t)WORDS * 64)
        return false;
    struct athena_cached *cached = MR_NEW(scan->arena, struct athena_cached);
    struct table **tables = MR_NEW_ARRAY(scan->arena, struct table *, scan->piece_count);
    *cached = (struct athena_cached){.columns = columns_of(scan)};
    const bool counts = columns_count(&cached->columns) == 0; /* rows, and reads none */
    bool all = true;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < scan->piece_count; i++) {
        struct entry *entry = find_locked(cache, scan, i);
        if (!is_kept(entry, &cached->columns)) {
            all = false;
            if (!counts)
                miss_locked(cache, scan, i, cached);
        }
    }
    for (size_t i = 0; all && i < scan->piece_count; i++) {
        struct entry *entry = find_locked(cache, scan, i);
        entry->used = ++cache->clock;
        tables[i] = entry->table;
        tables[i]->pins++;
    }
    cache->stats.hits += all;
    pthread_mutex_unlock(&cache->lock);
    cached->tables = all ? tables : NULL;
    scan->cached = cached;
    return all;
}

bool athena_cache_reads(const struct athena_scan *scan, const struct athena_footer_column *column)
{
    return columns_get(&scan->cached->columns, (size_t)(column - scan->footer->columns));
}

unsigned long long athena_cache_table(const struct athena_scan *scan, size_t piece)
{
    return scan->cached->tables[piece]->number;
}

/* ---- loading ---- */

static bool take_number(void *ctx, duckdb_data_chunk chunk)
{
    uint64_t *ret_bytes = ctx;
    if (athena_duck.data_chunk_get_size(chunk) > 0)
        *ret_bytes = *(const uint64_t *)athena_duck.vector_get_data(
            athena_duck.data_chunk_get_vector(chunk, 0));
    return true;
}

/* Of all tables. */
static uint64_t measure(struct athena_cache *cache)
{
    struct athena_handle handle;
    struct mr_arena arena;
    uint64_t bytes = 0;
    struct athena_sink sink = {.chunk = take_number, .ctx = &bytes};
    mr_arena_init(&arena);
    athena_handle_init(&handle);
    struct athena_execution execution = {
        .arena = &arena,
        .sql = "SELECT CAST(sum(memory_usage_bytes) AS UBIGINT) FROM duckdb_memory() "
               "WHERE tag = 'IN_MEMORY_TABLE'",
        .handle = &handle,
        .sink = &sink};
    const enum mr_status status = athena_engine_run(cache->engine, &execution);
    if (status != MR_OK)
        mr_log(MR_LOG_WARN, "athena", "the cache's memory: %.*s", MR_ARG(execution.error));
    athena_handle_fini(&handle);
    mr_arena_fini(&arena);
    return bytes;
}

static void drop(struct athena_cache *cache, struct table *table)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_slice sql =
        mr_arena_printf(&arena, "DROP TABLE IF EXISTS " ATHENA_CACHE_TABLE, table->number);
    struct mr_slice error = MR_S("");
    if (athena_engine_command(cache->engine, NULL, &arena, mr_arena_cstr(&arena, sql), &error) !=
        MR_OK)
        mr_log(MR_LOG_WARN, "athena", "the cache's table %llu: %.*s", table->number, MR_ARG(error));
    mr_arena_fini(&arena);
    free(table);
}

static void retire_locked(struct athena_cache *cache, struct table *table)
{
    table->next = cache->retired;
    cache->retired = table;
}

/* Whether there are tables to drop. */
static bool is_to_sweep_locked(const struct athena_cache *cache)
{
    for (const struct table *table = cache->retired; table != NULL; table = table->next)
        if (table->pins == 0)
            return true;
    return false;
}

static bool begin(struct athena_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    const bool mine = !cache->busy;
    cache->busy = true;
    pthread_mutex_unlock(&cache->lock);
    return mine;
}

/* Drops the tables that no entry has and no query reads. By who is busy, as the next ones. */
static void sweep(struct athena_cache *cache)
{
    struct table *gone = NULL;
    pthread_mutex_lock(&cache->lock);
    for (struct table **at = &cache->retired; *at != NULL;) {
        struct table *table = *at;
        if (table->pins > 0) {
            at = &table->next;
            continue;
        }
        *at = table->next;
        table->next = gone;
        gone = table;
        cache->stats.tables--;
    }
    pthread_mutex_unlock(&cache->lock);
    while (gone != NULL) {
        struct table *table = gone;
        gone = table->next;
        drop(cache, table);
    }
}

/* Until the tables are within their bounds, but for those that queries read. */
static void evict(struct athena_cache *cache)
{
    for (;;) {
        sweep(cache);
        const uint64_t bytes = measure(cache);
        pthread_mutex_lock(&cache->lock);
        cache->stats.bytes = bytes;
        struct entry *oldest =
            bytes > cache->bytes_max ? oldest_locked(cache, /* with_table= */ true) : NULL;
        if (oldest != NULL) {
            retire_locked(cache, oldest->table);
            oldest->table = NULL;
            oldest->misses = 0;
            cache->stats.evictions++;
        }
        pthread_mutex_unlock(&cache->lock);
        if (oldest == NULL)
            return;
    }
}

static const char *load_sql(const struct athena_scan *scan, size_t index,
                            const struct athena_work_folder *folder, const struct table *table)
{
    struct mr_buf sql = {0};
    bool first = true;
    mr_buf_printf(&sql, "CREATE TABLE " ATHENA_CACHE_TABLE " AS SELECT ", table->number);
    for (size_t i = 0; i < scan->footer->count; i++) {
        if (!columns_get(&table->columns, i))
            continue;
        if (!first)
            mr_buf_byte(&sql, ',');
        first = false;
        athena_sql_quoted(&sql, scan->footer->columns[i].name, '"');
    }
    mr_buf_printf(&sql, " FROM read_parquet('%s%llu-%zu'" ATHENA_PARQUET_PLAIN ")", folder->path,
                  (unsigned long long)scan->id, index);
    const char *text = mr_arena_cstr(scan->arena, mr_buf_slice(&sql));
    mr_buf_fini(&sql);
    return text;
}

static enum mr_status command(struct athena_cache *cache, const struct athena_scan *scan,
                              const char *sql)
{
    struct mr_slice error = MR_S("");
    const enum mr_status status =
        athena_engine_command(cache->engine, &cache->handle, scan->arena, sql, &error);
    if (status == MR_INVALID)
        mr_log(MR_LOG_DEBUG, "athena", "cache: %.*s: %.*s", MR_ARG(mr_slice_cstr(sql)),
               MR_ARG(error));
    return status;
}

/* Packs what the table's making left as it was. DuckDB refuses it at a moment when a query reads
 * the database, so it is tried between them. */
static enum mr_status pack(struct athena_cache *cache, const struct athena_scan *scan)
{
    enum mr_status status = command(cache, scan, "CHECKPOINT mr_cache");
    for (int tries = 1; status == MR_INVALID && tries < PACK_TRIES; tries++) {
        const struct timespec pause = {.tv_nsec = PACK_PAUSE_MS * 1000000L};
        (void)ppoll(NULL, 0, &pause, NULL);
        status = command(cache, scan, "CHECKPOINT mr_cache");
    }
    return status;
}

/* MR_INVALID: the object cannot be read. MR_FULL: the table cannot be packed now. */
static enum mr_status load_table(struct athena_cache *cache, const struct athena_scan *scan,
                                 size_t index, const struct athena_work_folder *folder,
                                 const struct table *table)
{
    enum mr_status status =
        command(cache, scan, "ATTACH IF NOT EXISTS ':memory:' AS mr_cache (COMPRESS 'true')");
    if (status == MR_OK)
        status = command(cache, scan, load_sql(scan, index, folder, table));
    if (status != MR_OK)
        return status;
    status = pack(cache, scan);
    return status == MR_INVALID ? MR_FULL : status;
}

/* The columns that a load brings, with those that the object's table has. False: none is needed any
 * more, or they do not fit. */
static bool choose_locked(struct athena_cache *cache, const struct athena_scan *scan, size_t index,
                          struct columns *ret_columns)
{
    struct entry *entry = find_locked(cache, scan, index);
    if (entry == NULL || entry->refused)
        return false;
    *ret_columns = entry->wanted;
    if (entry->table != NULL)
        columns_add(ret_columns, &entry->table->columns);
    if (is_kept(entry, ret_columns))
        return false;
    entry->misses = 0;
    return fits(cache, scan, index, ret_columns);
}

/* The object's entry has the new table instead of the one before, unless it takes too much. */
static void publish_locked(struct athena_cache *cache, const struct athena_scan *scan, size_t index,
                           struct table *table, enum mr_status status)
{
    struct entry *entry = find_locked(cache, scan, index);
    if (entry == NULL || status != MR_OK) {
        if (entry != NULL)
            entry->refused = status == MR_INVALID;
        retire_locked(cache, table);
        return;
    }
    if (entry->table != NULL)
        retire_locked(cache, entry->table);
    entry->table = table;
    cache->stats.loads++;
}

static void load_piece(struct athena_cache *cache, const struct athena_scan *scan, size_t index,
                       const struct athena_work_folder *folder)
{
    struct table *table = mr_calloc(1, sizeof *table);
    pthread_mutex_lock(&cache->lock);
    const bool wanted = choose_locked(cache, scan, index, &table->columns);
    const uint64_t bytes = cache->stats.bytes;
    table->number = ++cache->next;
    cache->stats.tables += wanted;
    pthread_mutex_unlock(&cache->lock);
    if (!wanted) {
        free(table);
        return;
    }
    enum mr_status status = load_table(cache, scan, index, folder, table);
    if (status == MR_OK && measure(cache) > bytes + cache->bytes_max / 2)
        status = MR_INVALID;
    pthread_mutex_lock(&cache->lock);
    publish_locked(cache, scan, index, table, status);
    pthread_mutex_unlock(&cache->lock);
    evict(cache);
}

/* Who looked for work while this one was busy has left it. */
static void end(struct athena_cache *cache)
{
    bool more = true;
    while (more) {
        sweep(cache);
        pthread_mutex_lock(&cache->lock);
        more = cache->busy = is_to_sweep_locked(cache);
        pthread_mutex_unlock(&cache->lock);
    }
}

void athena_cache_load(struct athena_cache *cache, struct athena_scan *scan,
                       const struct athena_work_folder *folder)
{
    if (scan->cached == NULL || scan->cached->load == 0)
        return;
    if (!begin(cache)) /* one of the next queries does it */
        return;
    for (size_t i = 0; i < scan->piece_count && !atomic_load(&cache->handle.cancelled); i++)
        if ((scan->cached->load >> i & 1) != 0)
            load_piece(cache, scan, i, folder);
    end(cache);
}

void athena_cache_close(struct athena_cache *cache, struct athena_scan *scan)
{
    if (scan->cached == NULL || scan->cached->tables == NULL)
        return;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < scan->piece_count; i++) {
        assert(scan->cached->tables[i]->pins > 0);
        scan->cached->tables[i]->pins--;
    }
    const bool last = is_to_sweep_locked(cache);
    pthread_mutex_unlock(&cache->lock);
    scan->cached = NULL;
    if (last && begin(cache))
        end(cache);
}
