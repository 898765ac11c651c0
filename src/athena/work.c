#include "athena/work.h"
#include "base/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 8, NAME_LEN = 24 };

static void folder_name(unsigned long long number, char ret_name[static NAME_LEN])
{
    snprintf(ret_name, NAME_LEN, "%llu", number);
}

/* Empties a folder; takes the descriptor. False: something is left. */
static bool empty(int fd, int depth)
{
    bool emptied = true;
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (unlinkat(dirfd(entries), name, 0) == 0)
            continue;
        if (depth >= DEPTH_MAX) {
            emptied = false;
            continue;
        }
        empty(openat(dirfd(entries), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
              depth + 1);
        if (unlinkat(dirfd(entries), name, AT_REMOVEDIR) != 0) {
            mr_log(MR_LOG_WARN, "athena", "cannot remove '%s': %s", name, strerror(errno));
            emptied = false;
        }
    }
    closedir(entries);
    return emptied;
}

enum mr_status athena_work_open(struct athena_work *work, const char *folder)
{
    char path[PATH_MAX];
    *work = (struct athena_work){.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
    if (snprintf(path, sizeof path, "%s/athena", folder) >= (int)sizeof path)
        return MR_RAISE(MR_FAIL_IO, "the data folder's name is too long");
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", path, strerror(errno));
    work->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work->fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
    empty(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
    return MR_OK;
}

void athena_work_close(struct athena_work *work)
{
    if (work->fd < 0)
        return;
    close(work->fd);
    work->fd = -1;
    pthread_mutex_destroy(&work->lock);
}

enum mr_status athena_work_folder_open(struct athena_work *work, struct athena_work_folder *folder)
{
    if (folder->work != NULL)
        return MR_OK;
    if (work == NULL || work->fd < 0)
        return MR_RAISE(MR_FAIL_IO, "there is no folder to work in");
    char name[NAME_LEN];
    pthread_mutex_lock(&work->lock);
    const bool spare = work->spare_count > 0;
    folder->number = spare ? work->spare[--work->spare_count] : work->next++;
    pthread_mutex_unlock(&work->lock);
    folder_name(folder->number, name);
    if (!spare && mkdirat(work->fd, name, 0700) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot make a folder to work in: %s", strerror(errno));
    folder->fd = openat(work->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot open a folder to work in: %s", strerror(errno));
    snprintf(folder->path, sizeof folder->path, "/proc/self/fd/%d/%s/", work->fd, name);
    folder->work = work;
    return MR_OK;
}

static bool keep_spare(struct athena_work *work, unsigned long long number)
{
    pthread_mutex_lock(&work->lock);
    const bool room = work->spare_count < ATHENA_WORK_SPARE;
    if (room)
        work->spare[work->spare_count++] = number;
    pthread_mutex_unlock(&work->lock);
    return room;
}

void athena_work_folder_close(struct athena_work_folder *folder)
{
    if (folder->work == NULL)
        return;
    char name[NAME_LEN];
    folder_name(folder->number, name);
    const bool emptied = empty(folder->fd, 0);
    if (!(emptied && keep_spare(folder->work, folder->number)) &&
        unlinkat(folder->work->fd, name, AT_REMOVEDIR) != 0)
        mr_log(MR_LOG_WARN, "athena", "cannot remove a folder: %s", strerror(errno));
    folder->work = NULL;
}

enum mr_status athena_work_write(struct athena_work_folder *folder, const char *name,
                                 const char *bytes, size_t len)
{
    const int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t done = 0;
    while (fd >= 0 && done < len) {
        const ssize_t wrote = write(fd, bytes + done, len - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            break;
        done += (size_t)wrote;
    }
    const int code = errno;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && done == len)
        return MR_OK;
    return MR_RAISE(MR_FAIL_IO, "cannot write a file to work on: %s", strerror(code));
}

/* The body lost its last name meanwhile, or lies elsewhere. */
static enum mr_status copy(struct athena_work_folder *folder, int from, const char *name)
{
    const int to = openat(folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    off_t at = 0;
    ssize_t got = to < 0 ? -1 : 1;
    while (got > 0)
        got = copy_file_range(from, &at, to, NULL, 1 << 30, 0);
    const int code = errno;
    if (to >= 0)
        close(to);
    return got == 0 ? MR_OK : MR_RAISE(MR_FAIL_IO, "cannot copy a body: %s", strerror(code));
}

enum mr_status athena_work_link(struct athena_work_folder *folder, int fd, const char *name)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, folder->fd, name, AT_SYMLINK_FOLLOW) == 0)
        return MR_OK;
    return copy(folder, fd, name);
}
