/* view/runs.c: which runs there are.
 *
 * The file "runs" lists them, newest first. It is written anew beside itself, synced, and renamed
 * over itself, so it is the old list or the new one. A run is whole, synced and has its name on the
 * disk before a list names it; it is removed when no list on the disk names it any more. So what a
 * crash leaves is a file that no list names. */
#include "base/codec.h"
#include "base/point.h"
#include "base/log.h"
#include "view/view_internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char list_title[] = "millrace-view 1\n";

/* ---- lists in memory ---- */

static struct runs *runs_new(size_t count)
{
    struct runs *runs = mr_calloc(1, sizeof(*runs) + count * sizeof(runs->each[0]));
    atomic_init(&runs->references, 1);
    return runs;
}

struct runs *runs_ref(struct runs *runs)
{
    atomic_fetch_add_explicit(&runs->references, 1, memory_order_relaxed);
    return runs;
}

void runs_unref(struct runs *runs)
{
    if (runs == NULL || atomic_fetch_sub(&runs->references, 1) != 1)
        return;
    for (size_t i = 0; i < runs->count; i++)
        run_unref(runs->each[i]);
    free(runs);
}

void runs_prefetch(const struct runs *runs, uint64_t hash)
{
    for (size_t i = 0; i < runs->count; i++)
        run_prefetch(runs->each[i], hash);
}

enum mr_status runs_get(const struct runs *runs, struct mr_slice key, uint64_t hash,
                        enum memtable_found *ret_found, struct mr_slice *ret_value)
{
    *ret_found = MEMTABLE_ABSENT;
    for (size_t i = 0; i < runs->count; i++) {
        enum mr_status status = run_get(runs->each[i], key, hash, ret_found, ret_value);
        if (status < 0 || *ret_found != MEMTABLE_ABSENT)
            return status;
    }
    return MR_OK;
}

struct runs *view_files_list(struct view *view)
{
    pthread_rwlock_t *stripe = stripes_share(&view->readers);
    struct runs *runs = runs_ref(view->runs);
    pthread_rwlock_unlock(stripe);
    return runs;
}

/* ---- the list on the disk ---- */

void view_files_path(const struct view *view, uint64_t number, char ret_path[static VIEW_PATH_MAX])
{
    snprintf(ret_path, VIEW_PATH_MAX, "%s/%08llu.run", view->folder, (unsigned long long)number);
}

uint64_t view_files_new_path(struct view *view, char ret_path[static VIEW_PATH_MAX])
{
    pthread_mutex_lock(&view->files.lock);
    uint64_t number = view->files.next_number++;
    pthread_mutex_unlock(&view->files.lock);
    view_files_path(view, number, ret_path);
    return number;
}

static void list_path(const struct view *view, const char *name,
                      char ret_path[static VIEW_PATH_MAX])
{
    snprintf(ret_path, VIEW_PATH_MAX, "%s/%s", view->folder, name);
}

static enum mr_status folder_sync(const struct view *view)
{
    int fd = open(view->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum mr_status status = MR_OK;
    if (fd < 0 || !mr_point_good(MR_POINT_VIEW_FOLDER_SYNC) || fsync(fd) != 0)
        status = MR_RAISE(MR_FAIL_IO, "cannot sync '%s': %s", view->folder, strerror(errno));
    if (fd >= 0)
        close(fd);
    return status;
}

static enum mr_status write_synced(const char *path, struct mr_slice text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    enum mr_status status = MR_OK;
    if (fd < 0 || !mr_point_good(MR_POINT_VIEW_LIST_WRITE) ||
        write(fd, text.ptr, text.len) != (ssize_t)text.len || fsync(fd) != 0)
        status = MR_RAISE(MR_FAIL_IO, "cannot write '%s': %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return status;
}

/* `ret_renamed`: the disk may have the new list, whatever the status. */
static enum mr_status store_list(const struct view *view, const struct runs *runs,
                                 bool *ret_renamed)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf text = {0};
    mr_buf_printf(&text, "%s", list_title);
    for (size_t i = 0; i < runs->count; i++)
        mr_buf_printf(&text, "run %llu\n", (unsigned long long)run_number(runs->each[i]));
    mr_buf_printf(&text, "crc %08x\n", mr_crc32c(0, mr_buf_slice(&text)));
    char fresh[VIEW_PATH_MAX], path[VIEW_PATH_MAX];
    list_path(view, "runs.tmp", fresh);
    list_path(view, "runs", path);
    enum mr_status status = folder_sync(view); /* the names of new runs */
    if (status == MR_OK)
        status = write_synced(fresh, mr_buf_slice(&text));
    if (status == MR_OK && (!mr_point_good(MR_POINT_VIEW_LIST_RENAME) || rename(fresh, path) != 0))
        status = MR_RAISE(MR_FAIL_IO, "cannot rename '%s': %s", fresh, strerror(errno));
    *ret_renamed = status == MR_OK;
    mr_point(MR_POINT_VIEW_LIST_RENAMED);
    return status == MR_OK ? folder_sync(view) : status;
}

/* ---- changes ---- */

/* The list with `count` runs from place `at` on replaced by `fresh`. */
static struct runs *changed_list(const struct runs *old, size_t at, size_t count, struct run *fresh)
{
    struct runs *runs = runs_new(old->count - count + 1);
    for (size_t i = 0; i < at; i++)
        runs->each[runs->count++] = run_ref(old->each[i]);
    runs->each[runs->count++] = fresh;
    for (size_t i = at + count; i < old->count; i++)
        runs->each[runs->count++] = run_ref(old->each[i]);
    return runs;
}

static void take_list_locked(struct view *view, struct runs *fresh, bool drop_sealed)
{
    stripes_lock_all(&view->readers);
    view->runs = fresh;
    if (drop_sealed)
        view->tables[1] = NULL;
    stripes_unlock_all(&view->readers);
}

void view_files_remove(const struct view *view, uint64_t number)
{
    char path[VIEW_PATH_MAX];
    view_files_path(view, number, path);
    if ((!mr_point_good(MR_POINT_VIEW_RUN_REMOVE) || unlink(path) != 0) && errno != ENOENT)
        mr_log(MR_LOG_WARN, "view", "cannot remove '%s': %s", path, strerror(errno));
}

enum mr_status view_files_replace(struct view *view, const struct run *first, size_t count,
                                  struct run *fresh)
{
    pthread_mutex_lock(&view->files.lock);
    struct runs *old = view->runs;
    size_t at = 0;
    while (count > 0 && at < old->count && old->each[at] != first)
        at++;
    if (count > 0 && at == old->count) { /* the view was cleared meanwhile */
        pthread_mutex_unlock(&view->files.lock);
        view_files_remove(view, run_number(fresh));
        run_unref(fresh);
        return MR_OK;
    }
    struct runs *runs = changed_list(old, at, count, fresh);
    bool renamed;
    enum mr_status status = store_list(view, runs, &renamed);
    if (status == MR_OK)
        take_list_locked(view, runs, count == 0);
    pthread_mutex_unlock(&view->files.lock);
    if (status < 0) {
        if (!renamed)
            view_files_remove(view, run_number(fresh));
        runs_unref(runs);
        return status;
    }
    for (size_t i = at; i < at + count; i++)
        view_files_remove(view, run_number(old->each[i]));
    runs_unref(old);
    return MR_OK;
}

/* ---- a memtable becomes a run ---- */

static enum mr_status write_keys(struct run_writer *writer, struct memtable *table)
{
    struct memtable_cursor cursor = {.table = table, .snapshot = MEMTABLE_NEWEST};
    enum mr_status status = MR_OK;
    for (memtable_seek(&cursor, MR_S("\0")); status == MR_OK && cursor.valid;
         memtable_next(&cursor))
        status = run_writer_add(writer, cursor.key, cursor.deleted ? NULL : &cursor.value);
    return status == MR_OK ? run_writer_finish(writer) : status;
}

static enum mr_status write_run(struct view *view, struct memtable *table, struct run **ret_run)
{
    char path[VIEW_PATH_MAX];
    uint64_t number = view_files_new_path(view, path);
    struct run_writer *writer = NULL;
    enum mr_status status = run_writer_new(&writer, path, memtable_keys(table));
    if (status == MR_OK)
        status = write_keys(writer, table);
    run_writer_free(writer);
    if (status == MR_OK)
        status = run_open(ret_run, path, number);
    if (status != MR_OK)
        view_files_remove(view, number);
    return status;
}

enum mr_status view_files_add(struct view *view, struct memtable *table)
{
    struct run *run = NULL;
    enum mr_status status = write_run(view, table, &run);
    return status == MR_OK ? view_files_replace(view, NULL, 0, run) : status;
}

/* ---- everything goes ---- */

static enum mr_status take_only_run(struct view *view, struct runs *only, struct runs **ret_gone)
{
    bool renamed;
    pthread_mutex_lock(&view->files.lock);
    enum mr_status status = store_list(view, only, &renamed);
    if (status == MR_OK) {
        struct memtable *fresh = memtable_new(), *old = view->tables[0];
        *ret_gone = view->runs;
        stripes_lock_all(&view->readers);
        view->runs = only;
        view->tables[0] = fresh;
        stripes_unlock_all(&view->readers);
        memtable_unref(old);
    } else if (!renamed) {
        view_files_remove(view, run_number(only->each[0]));
    }
    pthread_mutex_unlock(&view->files.lock);
    return status;
}

enum mr_status view_files_clear(struct view *view, struct memtable *table)
{
    struct run *run = NULL;
    enum mr_status status = write_run(view, table, &run);
    if (status != MR_OK)
        return status;
    struct runs *only = runs_new(1), *gone = NULL;
    only->each[only->count++] = run;
    status = take_only_run(view, only, &gone);
    if (status != MR_OK) {
        runs_unref(only);
        return status;
    }
    for (size_t i = 0; i < gone->count; i++)
        view_files_remove(view, run_number(gone->each[i]));
    runs_unref(gone);
    return MR_OK;
}

/* ---- opening ---- */

/* The rest of the line behind `word`, as a number. */
static bool take_line(struct mr_slice *text, const char *format, unsigned long long *ret_number)
{
    char line[64];
    size_t len = 0;
    while (len < text->len && len < sizeof(line) - 1 && text->ptr[len] != '\n') {
        line[len] = text->ptr[len];
        len++;
    }
    line[len] = '\0';
    if (len == text->len || text->ptr[len] != '\n' || sscanf(line, format, ret_number) != 1)
        return false;
    *text = mr_slice_make(text->ptr + len + 1, text->len - len - 1);
    return true;
}

static enum mr_status open_listed(struct view *view, struct mr_slice text, struct runs **runs)
{
    unsigned long long number;
    while (take_line(&text, "run %llu", &number)) {
        char path[VIEW_PATH_MAX];
        struct run *run = NULL;
        view_files_path(view, number, path);
        enum mr_status status = run_open(&run, path, number);
        if (status < 0)
            return status;
        struct runs *more = changed_list(*runs, (*runs)->count, 0, run);
        runs_unref(*runs);
        *runs = more;
        if (number >= view->files.next_number)
            view->files.next_number = number + 1;
    }
    return MR_OK;
}

/* The list's text without its last line, which has its checksum. */
static bool check_list(struct mr_slice *text)
{
    enum { CRC_LINE_BYTES = 13 };
    size_t title = sizeof(list_title) - 1;
    if (text->len < title + CRC_LINE_BYTES || memcmp(text->ptr, list_title, title) != 0)
        return false;
    struct mr_slice checked = mr_slice_make(text->ptr, text->len - CRC_LINE_BYTES);
    struct mr_slice rest = mr_slice_make(text->ptr + checked.len, CRC_LINE_BYTES);
    unsigned long long crc;
    if (!take_line(&rest, "crc %llx", &crc) || crc != mr_crc32c(0, checked))
        return false;
    *text = mr_slice_make(checked.ptr + title, checked.len - title);
    return true;
}

static enum mr_status read_whole(const char *path, struct mr_buf *buf)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? MR_NOT_FOUND
                   : MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
    ssize_t n;
    while ((n = read(fd, mr_buf_reserve(buf, 4096), 4096)) > 0)
        buf->len += (size_t)n;
    close(fd);
    return n == 0 ? MR_OK : MR_RAISE(MR_FAIL_IO, "cannot read '%s': %s", path, strerror(errno));
}

static bool is_listed(const struct runs *runs, uint64_t number)
{
    for (size_t i = 0; i < runs->count; i++) {
        if (run_number(runs->each[i]) == number)
            return true;
    }
    return false;
}

/* Calls `fn` with each run that no list names: a crash left it, in the making or merged. */
static enum mr_status each_unlisted(struct view *view,
                                    enum mr_status (*fn)(struct view *view, uint64_t number))
{
    DIR *folder = opendir(view->folder);
    if (folder == NULL)
        return MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", view->folder, strerror(errno));
    enum mr_status status = MR_OK;
    for (struct dirent *file; status == MR_OK && (file = readdir(folder)) != NULL;) {
        unsigned long long number;
        char end[8] = "";
        if (sscanf(file->d_name, "%llu.%7s", &number, end) == 2 && strcmp(end, "run") == 0 &&
            !is_listed(view->runs, number))
            status = fn(view, number);
    }
    closedir(folder);
    return status;
}

static enum mr_status remove_unlisted(struct view *view, uint64_t number)
{
    view_files_remove(view, number);
    return MR_OK;
}

/* Only the very first run can be there before there is a list. */
static enum mr_status refuse_unlisted(struct view *view, uint64_t number)
{
    return number == 1 ? MR_OK
                       : MR_RAISE(MR_FAIL_DATA,
                                  "'%s' is damaged: it has runs, but the list of them is gone",
                                  view->folder);
}

/* A view of the time before the runs were ours. The journal may no longer have what is in it. */
static bool is_older(const struct view *view)
{
    char path[VIEW_PATH_MAX];
    list_path(view, "CURRENT", path);
    return access(path, F_OK) == 0;
}

enum mr_status view_files_open(struct view *view)
{
    char path[VIEW_PATH_MAX];
    MR_CLEANUP(mr_buf_fini) struct mr_buf buf = {0};
    list_path(view, "runs", path);
    view->files.next_number = 1;
    view->runs = runs_new(0);
    enum mr_status status = read_whole(path, &buf);
    if (status == MR_NOT_FOUND && is_older(view))
        return MR_RAISE(MR_FAIL_DATA,
                        "'%s' was written by an earlier version, whose format is not read any "
                        "more: begin with an empty data folder",
                        view->folder);
    if (status == MR_OK) {
        struct mr_slice text = mr_buf_slice(&buf);
        if (!check_list(&text))
            return MR_RAISE(MR_FAIL_DATA, "'%s' is damaged", path);
        status = open_listed(view, text, &view->runs);
        /* A run that was killed may have renamed the list and not synced that: what only the list
         * before it names must not go earlier. */
        if (status == MR_OK)
            status = folder_sync(view);
    } else if (status == MR_NOT_FOUND) {
        status = each_unlisted(view, refuse_unlisted);
    }
    return status == MR_OK ? each_unlisted(view, remove_unlisted) : status;
}
