/* The code of functions on disk.
 *
 *   <data>/functions/<code id>.zip         as it was sent; fsynced before a document names it
 *   <data>/functions/unpacked/<code id>/   what it holds, made when it is first needed in a run
 *   <data>/functions/old-<id>/             an earlier run's `unpacked`, about to be removed
 *
 * What was unpacked is not fsynced, so a power cut may leave it with holes: each run unpacks anew.
 * Zips that no document names (a crash between the two) are removed at the start. */
#include "lambda/internal.h"
#include "base/codec.h"
#include "base/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct lambda_unzip_limits limits = {.bytes_max = LAMBDA_UNZIPPED_BYTES_MAX,
                                                  .entries_max = LAMBDA_ZIP_ENTRIES_MAX};

static void zip_path(const struct lambda_code *code, char ret[static 4096])
{
    (void)snprintf(ret, 4096, "%s/%s.zip", code->lambda->folder, code->id);
}

static void folder_path(const struct lambda_code *code, char ret[static 4096])
{
    (void)snprintf(ret, 4096, "%s/unpacked/%s", code->lambda->folder, code->id);
}

static struct lambda_code *code_alloc(struct lambda *lambda)
{
    struct lambda_code *code = mr_calloc(1, sizeof *code);
    code->lambda = lambda;
    atomic_init(&code->refs, 1);
    pthread_mutex_init(&code->unpacking, NULL);
    pthread_mutex_lock(&lambda->code_lock);
    code->next = lambda->codes;
    lambda->codes = code;
    pthread_mutex_unlock(&lambda->code_lock);
    return code;
}

struct lambda_code *lambda_code_ref(struct lambda_code *code)
{
    if (code != NULL)
        atomic_fetch_add(&code->refs, 1);
    return code;
}

/* True when it was the last reference, and nobody can find it any more. */
static bool let_go(struct lambda_code *code)
{
    struct lambda *lambda = code->lambda;
    pthread_mutex_lock(&lambda->code_lock);
    const bool last = atomic_fetch_sub(&code->refs, 1) == 1;
    if (last) {
        struct lambda_code **at = &lambda->codes;
        while (*at != code)
            at = &(*at)->next;
        *at = code->next;
    }
    pthread_mutex_unlock(&lambda->code_lock);
    return last;
}

void lambda_code_unref(struct lambda_code *code)
{
    if (code == NULL || !let_go(code))
        return;
    /* When the server stops, references go although documents name the code. */
    if (atomic_load(&code->dropped) && !atomic_load(&code->lambda->closing)) {
        char path[4096];
        zip_path(code, path);
        (void)unlink(path);
        folder_path(code, path);
        lambda_remove_tree(path);
    }
    pthread_mutex_destroy(&code->unpacking);
    free(code);
}

/* ---- writing ---- */

static enum mr_status sync_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0)
        close(fd);
    return synced ? MR_OK : MR_RAISE(MR_FAIL_IO, "cannot sync '%s': %s", folder, strerror(error));
}

static enum mr_status write_zip(const char *path, struct mr_slice zip)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", path, strerror(errno));
    enum mr_status status = MR_OK;
    while (zip.len > 0 && status == MR_OK) {
        const ssize_t put = write(fd, zip.ptr, zip.len);
        if (put >= 0)
            zip = mr_slice_sub(zip, (size_t)put, SIZE_MAX);
        else if (errno != EINTR)
            status = MR_RAISE(MR_FAIL_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    if (status == MR_OK && fsync(fd) != 0)
        status = MR_RAISE(MR_FAIL_IO, "cannot sync '%s': %s", path, strerror(errno));
    close(fd);
    return status;
}

static void describe(struct lambda_code *code, struct mr_slice zip)
{
    uint8_t digest[32];
    struct mr_buf text = {0};
    mr_sha256(zip, digest);
    mr_base64_append(&text, mr_slice_make(digest, sizeof digest));
    (void)snprintf(code->sha256, sizeof code->sha256, "%.*s", MR_ARG(mr_buf_slice(&text)));
    mr_buf_fini(&text);
    code->size = (int64_t)zip.len;
}

enum mr_status lambda_code_new(struct lambda *lambda, struct mr_slice zip,
                               struct lambda_code **ret_code, char message[static 256])
{
    struct lambda_code *code = code_alloc(lambda);
    mr_rng_uuid(lambda->options.rng, code->id);
    describe(code, zip);
    char path[4096], folder[4096];
    zip_path(code, path);
    enum mr_status status = write_zip(path, zip);
    if (status == MR_OK)
        status = lambda_code_folder(code, folder, message);
    if (status == MR_OK)
        status = sync_folder(lambda->folder);
    if (status == MR_OK) {
        *ret_code = code;
        return MR_OK;
    }
    atomic_store(&code->dropped, true);
    lambda_code_unref(code);
    return status;
}

enum mr_status lambda_code_load(struct lambda *lambda, struct mr_slice id, struct mr_slice sha256,
                                int64_t size, struct lambda_code **ret_code)
{
    pthread_mutex_lock(&lambda->code_lock);
    struct lambda_code *code = lambda->codes;
    while (code != NULL && !mr_slice_equal(mr_slice_cstr(code->id), id))
        code = code->next;
    if (code != NULL)
        atomic_fetch_add(&code->refs, 1);
    pthread_mutex_unlock(&lambda->code_lock);
    if (code == NULL)
        code = code_alloc(lambda);
    (void)snprintf(code->id, sizeof code->id, "%.*s", MR_ARG(id));
    (void)snprintf(code->sha256, sizeof code->sha256, "%.*s", MR_ARG(sha256));
    code->size = size;
    *ret_code = code;
    char path[4096];
    zip_path(code, path);
    return access(path, R_OK) == 0 ? MR_OK : MR_NOT_FOUND;
}

enum mr_status lambda_code_folder(struct lambda_code *code, char ret[static 4096],
                                  char message[static 256])
{
    folder_path(code, ret);
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&code->unpacking);
    if (!code->unpacked || access(ret, F_OK) != 0) {
        char zip[4096];
        zip_path(code, zip);
        status = lambda_unzip(zip, ret, &limits, message);
        code->unpacked = status == MR_OK;
    }
    pthread_mutex_unlock(&code->unpacking);
    return status;
}

/* ---- the folder ---- */

static void remove_folder(void *arg)
{
    lambda_remove_tree(arg);
    free(arg);
}

/* Puts the last run's code out of the way; it may be much, so a worker removes it. */
static void put_away(struct lambda *lambda, const char *unpacked)
{
    char id[LAMBDA_ID_TEXT], old[4096];
    mr_rng_uuid(lambda->options.rng, id);
    (void)snprintf(old, sizeof old, "%s/old-%s", lambda->folder, id);
    if (rename(unpacked, old) != 0)
        return; /* there was none */
    char *path = mr_strdup_slice(mr_slice_cstr(old));
    if (runtime_submit(lambda->options.runtime, remove_folder, path) != MR_OK)
        remove_folder(path);
}

enum mr_status lambda_code_open_folder(struct lambda *lambda)
{
    char unpacked[4096];
    (void)snprintf(unpacked, sizeof unpacked, "%s/unpacked", lambda->folder);
    const enum mr_status status = store_folder_make(lambda->options.store, "functions");
    if (status != MR_OK)
        return status;
    put_away(lambda, unpacked);
    if (mkdir(unpacked, 0700) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", unpacked, strerror(errno));
    return MR_OK;
}

/* At the start: what documents name is in memory. */
static bool is_used(struct lambda *lambda, struct mr_slice id)
{
    const struct lambda_code *code = lambda->codes;
    while (code != NULL && !mr_slice_equal(mr_slice_cstr(code->id), id))
        code = code->next;
    return code != NULL;
}

void lambda_code_sweep(struct lambda *lambda)
{
    DIR *folder = opendir(lambda->folder);
    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const struct mr_slice name = mr_slice_cstr(entry->d_name);
        const bool is_zip = mr_slice_ends_with(name, MR_S(".zip"));
        const bool is_old = mr_slice_starts_with(name, MR_S("old-"));
        char path[4096 + 256];
        (void)snprintf(path, sizeof path, "%s/%s", lambda->folder, entry->d_name);
        if (is_zip && !is_used(lambda, mr_slice_sub(name, 0, name.len - 4))) {
            mr_log(MR_LOG_INFO, "lambda", "removing code that no function names: %s", path);
            (void)unlink(path);
        } else if (is_old) {
            char *copy = mr_strdup_slice(mr_slice_cstr(path));
            if (runtime_submit(lambda->options.runtime, remove_folder, copy) != MR_OK)
                remove_folder(copy);
        }
    }
    closedir(folder);
}

/* ---- GetFunction's link ---- */

void lambda_code_page(void *ctx, struct http_exchange *exchange)
{
    struct lambda *lambda = ctx;
    const struct mr_slice prefix = MR_S("id=");
    struct mr_slice id = mr_slice_sub(exchange->query, prefix.len, SIZE_MAX);
    bool valid = mr_slice_starts_with(exchange->query, prefix) && id.len == LAMBDA_ID_TEXT - 1;
    for (size_t i = 0; i < id.len; i++)
        valid = valid && ((id.ptr[i] >= '0' && id.ptr[i] <= '9') ||
                          (id.ptr[i] >= 'a' && id.ptr[i] <= 'f') || id.ptr[i] == '-');
    char path[4096];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%.*s.zip", lambda->folder, MR_ARG(id));
    const int fd = valid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &info) != 0) {
        if (fd >= 0)
            close(fd);
        exchange->status = 404;
        mr_buf_append(&exchange->reply_body, MR_S("no such code\n"));
        return;
    }
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/zip"));
    http_reply_file(exchange, fd, 0, (uint64_t)info.st_size);
}
