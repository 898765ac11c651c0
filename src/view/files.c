/* view/files.c: the view's files, which are RocksDB's.
 *
 * A sealed memtable is written in order of its keys into "sealed.sst", which is synced, and then
 * taken in as one edit of RocksDB's manifest: the file is there with all its keys, among them
 * "flushed", or not at all. RocksDB links it under a name of its own before that edit and unlinks
 * ours behind it, so what a crash left as sealed.sst may be a file in use: it is unlinked, never
 * written over.
 *
 * Files are mapped and not compressed: a lookup reads in place, from the kernel's page cache, and
 * costs half of one that copies a compressed block into a cache of ours; what memory the files take
 * is the kernel's to give and take back.
 *
 * RocksDB merges files in the background. When it falls behind, the flusher waits for it, and the
 * store lets commits wait for the flusher: the number of files that a read may have to ask is
 * bounded. */
#include "view/view_internal.h"
#include "base/log.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    OPEN_FILES_MAX = 256,
    BLOCK_BYTES = 4 << 10,
    RESTART_KEYS = 4,      /* walked to find one within a block */
    LEVEL0_FILES_MAX = 16, /* beyond it a flush waits */
    LEVEL0_POLL_NS = 2000000,
};

/* ---- open and close ---- */

static void options_set_table(rocksdb_options_t *options, size_t cache_bytes)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(cache_bytes);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_cache_destroy(cache); /* the table options hold it */
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_whole_key_filtering(table, 1);
    rocksdb_block_based_options_set_block_size(table, BLOCK_BYTES);
    rocksdb_block_based_options_set_block_restart_interval(table, RESTART_KEYS);
    rocksdb_block_based_options_set_data_block_index_type(
        table, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
    /* Indexes and filters in parts, read where they lie like the rest: those of whole files would
     * be in memory, which would grow with the data; or in the cache, which would read one that is
     * larger than its shards anew for each lookup. */
    rocksdb_block_based_options_set_index_type(
        table, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(table, 1);
    rocksdb_block_based_options_set_metadata_block_size(table, BLOCK_BYTES);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

static void options_set(rocksdb_options_t *options)
{
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_write_buffer_size(options, 64 << 20); /* never filled: see pinning */
    rocksdb_options_set_arena_block_size(options, 64 << 10);
    rocksdb_options_set_target_file_size_base(options, 64 << 20);
    rocksdb_options_set_max_bytes_for_level_base(options, 256 << 20);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_allow_mmap_reads(options, 1);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_bytes_per_sync(options, 1 << 20);
    rocksdb_options_set_max_manifest_file_size(options, 16 << 20);
    rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_info_log_level(options, 3); /* errors */
    rocksdb_options_set_keep_log_file_num(options, 1);
}

enum mr_status view_files_open(struct view *view, size_t cache_bytes)
{
    char *message = NULL;
    view->options = rocksdb_options_create();
    options_set(view->options);
    options_set_table(view->options, cache_bytes);
    view->reading = rocksdb_readoptions_create();
    /* Mapped blocks would be checked at each lookup again, which takes longer than the lookup.
     * Walks and merges check them. */
    rocksdb_readoptions_set_verify_checksums(view->reading, 0);
    view->db = rocksdb_open(view->options, view->folder, &message);
    return view_check(message, "open");
}

void view_files_close(struct view *view)
{
    if (view->db != NULL)
        rocksdb_close(view->db);
    if (view->reading != NULL)
        rocksdb_readoptions_destroy(view->reading);
    if (view->options != NULL)
        rocksdb_options_destroy(view->options);
}

/* ---- a memtable becomes a file ---- */

static enum mr_status write_keys(rocksdb_sstfilewriter_t *writer, struct memtable *table)
{
    struct memtable_cursor cursor = {.table = table, .snapshot = MEMTABLE_NEWEST};
    char *message = NULL;
    for (memtable_seek(&cursor, MR_S("\0")); message == NULL && cursor.valid;
         memtable_next(&cursor)) {
        if (cursor.deleted)
            rocksdb_sstfilewriter_delete(writer, cursor.key.ptr, cursor.key.len, &message);
        else
            rocksdb_sstfilewriter_put(writer, cursor.key.ptr, cursor.key.len, cursor.value.ptr,
                                      cursor.value.len, &message);
    }
    if (message == NULL)
        rocksdb_sstfilewriter_finish(writer, &message); /* syncs it */
    return view_check(message, "write a file of");
}

static enum mr_status write_file(struct view *view, struct memtable *table, const char *path)
{
    rocksdb_envoptions_t *environment = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(environment, view->options);
    char *message = NULL;
    rocksdb_sstfilewriter_open(writer, path, &message);
    enum mr_status status = view_check(message, "make a file of");
    if (status == MR_OK)
        status = write_keys(writer, table);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(environment);
    return status;
}

static enum mr_status take_in(struct view *view, const char *path)
{
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    char *message = NULL;
    rocksdb_ingest_external_file(view->db, &path, 1, options, &message);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return view_check(message, "add a file to");
}

/* Until RocksDB has merged enough; an error of its own ends the wait, and shows in what follows. */
static void wait_for_merges(struct view *view)
{
    uint64_t errors = 0;
    for (;;) {
        char *text = rocksdb_property_value(view->db, "rocksdb.num-files-at-level0");
        int64_t files = 0;
        bool known = text != NULL && mr_slice_to_i64(mr_slice_cstr(text), &files) == MR_OK;
        rocksdb_free(text);
        rocksdb_property_int(view->db, "rocksdb.background-errors", &errors);
        if (!known || files < LEVEL0_FILES_MAX || errors > 0)
            return;
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = LEVEL0_POLL_NS}, NULL);
    }
}

enum mr_status view_files_add(struct view *view, struct memtable *table)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/sealed.sst", view->folder);
    wait_for_merges(view);
    if (unlink(path) != 0 && errno != ENOENT)
        return MR_RAISE(MR_FAIL_IO, "cannot remove '%s': %s", path, strerror(errno));
    enum mr_status status = write_file(view, table, path);
    return status == MR_OK ? take_in(view, path) : status;
}
