/* sim/files.c: what the server calls of the file system. Paths below SIM_ROOT and descriptors made
 * here are the simulator's; others are passed on. */
#include "sim/disk.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FD_FIRST = 1 << 20,
    FDS_MAX = 1024,
    MAPS_MAX = 512,
    FAIL_ONE_IN = 4000,
    SYNC_NS_MAX = 2000000,
    SYNC_SLOW_NS = 300000000,
    SYNC_SLOW_ONE_IN = 300,
    SYNC_SKIPPED_ONE_IN = 30,
};

struct file {
    struct sim_inode *inode; /* NULL: free */
    size_t offset;
};
/* All of this goes with the process. */
static struct file files[FDS_MAX];
static struct map {
    const void *at;
    struct sim_inode *inode;
} maps[MAPS_MAX];
struct sim_dir {
    struct sim_dir *next;
    int fd;
    size_t count, at;
    struct sim_entry *entries; /* as they were when it was opened; owned */
    struct dirent64 entry;
};
static struct sim_dir *dirs;

static struct file *file_of(int fd)
{
    if (fd < FD_FIRST || fd >= FD_FIRST + FDS_MAX)
        return NULL;
    struct file *file = &files[fd - FD_FIRST];
    if (file->inode == NULL)
        sim_finding("descriptor %d is used and is not open", fd - FD_FIRST);
    return file;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* Every call to the disk comes by here. True: it fails, for no reason of its own. */
static bool disk_point(const char *what)
{
    sim_point();
    if (what[0] != 'r' || what[2] == 'n') /* not at reads */
        sim_disk_death();
    if (!sim->plan.disk_fails || sim->calm || !sim_chance(FAIL_ONE_IN))
        return false;
    sim->failed_io = true;
    sim_trace("%s fails", what);
    return true;
}

/* ---- open and close ---- */

static int fd_new(struct sim_inode *inode)
{
    for (int i = 0; i < FDS_MAX; i++)
        if (files[i].inode == NULL) {
            files[i] = (struct file){.inode = inode};
            return FD_FIRST + i;
        }
    sim_finding("more than %d files are open", FDS_MAX);
}

static int sim_open(struct sim_inode *from, const char *path, int flags)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *folder = sim_find_parent(from, path, name);
    if (folder == NULL)
        return fail(ENOENT);
    struct sim_inode *inode = name[0] == '\0' ? folder : sim_entry_find(folder, name);
    if (disk_point("open"))
        return fail(flags & O_CREAT ? ENOSPC : EIO);
    if (inode == NULL && !(flags & O_CREAT))
        return fail(ENOENT);
    if (inode != NULL && (flags & O_CREAT) && (flags & O_EXCL))
        return fail(EEXIST);
    if (inode != NULL && (flags & O_DIRECTORY) && !inode->folder)
        return fail(ENOTDIR);
    if (inode == NULL)
        inode = sim_make(folder, name, false);
    else if (flags & O_TRUNC)
        sim_file_resize(inode, 0);
    return fd_new(inode);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    if (sim_disk_has(path))
        return sim_open(NULL, path, flags);
    va_list args;
    va_start(args, flags);
    const mode_t mode = va_arg(args, mode_t);
    va_end(args);
    return __real_open64(path, flags, mode);
}

int __wrap_openat64(int fd, const char *path, int flags, ...);
int __wrap_openat64(int fd, const char *path, int flags, ...)
{
    const struct file *file = file_of(fd);
    return file == NULL ? fail(EBADF) : sim_open(file->inode, path, flags);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    struct file *file = file_of(fd);
    if (file == NULL)
        return __real_close(fd);
    file->inode = NULL;
    return 0;
}

int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
    (void)fd;
    (void)operation;
    return 0;
}

/* ---- bytes ---- */

static size_t left_of(const struct sim_inode *inode, size_t offset, size_t len)
{
    const size_t left = offset < inode->size ? inode->size - offset : 0;
    return left < len ? left : len;
}

ssize_t __real_pread64(int fd, void *data, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t len, off_t offset)
{
    const struct file *file = file_of(fd);
    if (file == NULL)
        return __real_pread64(fd, data, len, offset);
    if (disk_point("read"))
        return fail(EIO);
    const size_t got = left_of(file->inode, (size_t)offset, len);
    if (got > 0)
        memcpy(data, file->inode->data + offset, got);
    return (ssize_t)got;
}

ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len)
{
    struct file *file = file_of(fd);
    if (file == NULL)
        return __real_read(fd, data, len);
    const ssize_t got = __wrap_pread64(fd, data, len, (off_t)file->offset);
    file->offset += got > 0 ? (size_t)got : 0;
    return got;
}

/* Writes may be short, and may stop half way when the disk fails. */
ssize_t __wrap_pwrite64(int fd, const void *data, size_t len, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t len, off_t offset)
{
    const struct file *file = file_of(fd);
    if (file == NULL)
        return fail(EBADF);
    if (disk_point("write")) {
        sim_file_write(file->inode, data, sim_below(len + 1), (size_t)offset);
        return fail(sim_chance(2) ? ENOSPC : EIO);
    }
    if (len > 1 && sim->plan.disk_fails && !sim->calm && sim_chance(1000)) {
        len = 1 + sim_below(len - 1);
        sim->failed_io = true; /* not all callers go on: the next call would fail */
    }
    sim_file_write(file->inode, data, len, (size_t)offset);
    return (ssize_t)len;
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    struct file *file = file_of(fd);
    if (file == NULL)
        return __real_write(fd, data, len);
    const ssize_t put = __wrap_pwrite64(fd, data, len, (off_t)file->offset);
    file->offset += put > 0 ? (size_t)put : 0;
    return put;
}

int __wrap_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size)
{
    const struct file *file = file_of(fd);
    if (file == NULL)
        return fail(EBADF);
    if (disk_point("ftruncate"))
        return fail(EIO);
    sim_file_resize(file->inode, (size_t)size);
    return 0;
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t len)
{
    const struct file *file = file_of(fd);
    if (file == NULL || mode != 0)
        return fail(EOPNOTSUPP);
    if (disk_point("fallocate"))
        return fail(ENOSPC);
    if ((size_t)(offset + len) > file->inode->size)
        sim_file_resize(file->inode, (size_t)(offset + len));
    return 0;
}

int __wrap_posix_fallocate64(int fd, off_t offset, off_t len);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t len)
{
    return __wrap_fallocate64(fd, 0, offset, len) == 0 ? 0 : errno;
}

/* Starts writing early; promises nothing. */
int __wrap_sync_file_range(int fd, off_t offset, off_t len, unsigned flags);
int __wrap_sync_file_range(int fd, off_t offset, off_t len, unsigned flags)
{
    (void)offset;
    (void)len;
    (void)flags;
    return file_of(fd) == NULL ? fail(EBADF) : 0;
}

off_t __wrap_lseek64(int fd, off_t offset, int whence);
off_t __wrap_lseek64(int fd, off_t offset, int whence)
{
    const struct file *file = file_of(fd);
    if (file == NULL || (whence != SEEK_DATA && whence != SEEK_HOLE))
        sim_finding("lseek: the simulator knows holes only");
    if ((size_t)offset >= file->inode->size)
        return fail(ENXIO);
    return whence == SEEK_DATA ? offset : (off_t)file->inode->size;
}

ssize_t __wrap_copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t len,
                               unsigned flags);
ssize_t __wrap_copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t len,
                               unsigned flags)
{
    (void)from;
    (void)from_at;
    (void)to;
    (void)to_at;
    (void)len;
    (void)flags;
    return fail(EXDEV);
}

/* ---- sync ---- */

static int sync_file(int fd)
{
    const struct file *file = file_of(fd);
    if (file == NULL)
        return fail(EBADF);
    struct sim_inode *inode = file->inode;
    if (disk_point("sync")) {
        sim_inode_sync_failed(inode);
        return fail(EIO);
    }
    const enum sim_mutation mutation = sim->plan.mutation;
    if ((mutation == SIM_FOLDER_UNSYNCED && inode->folder) ||
        (mutation == SIM_SYNC_SKIPPED && !inode->folder && sim_chance(SYNC_SKIPPED_ONE_IN)))
        return 0;
    const bool at_once = sim_chance(2);
    if (at_once)
        sim_inode_sync(inode);
    sim_sleep(sim_chance(SYNC_SLOW_ONE_IN) ? SYNC_SLOW_NS : 1 + (int64_t)sim_below(SYNC_NS_MAX));
    if (!at_once)
        sim_inode_sync(inode);
    return 0;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return sync_file(fd);
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    return sync_file(fd);
}

/* ---- mappings ---- */

void *__real_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    const struct file *file = fd < 0 ? NULL : file_of(fd);
    if (file == NULL)
        return __real_mmap64(at, len, protection, flags, fd, offset);
    if (offset != 0 || len > file->inode->size)
        sim_finding("mmap: the simulator maps files from their beginning");
    if (disk_point("mmap")) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    for (int i = 0; i < MAPS_MAX; i++)
        if (maps[i].at == NULL) {
            file->inode->maps++;
            if (protection & PROT_WRITE)
                sim_file_map_writable(file->inode, len);
            maps[i] = (struct map){file->inode->data, file->inode};
            return file->inode->data;
        }
    sim_finding("more than %d mappings", MAPS_MAX);
}

int __real_munmap(void *at, size_t len);
int __wrap_munmap(void *at, size_t len);
int __wrap_munmap(void *at, size_t len)
{
    if (!sim_owns(at))
        return __real_munmap(at, len);
    for (int i = 0; i < MAPS_MAX; i++)
        if (maps[i].at == at) {
            if (--maps[i].inode->maps == 0)
                maps[i].inode->mapped_bytes = 0;
            maps[i].at = NULL;
            return 0;
        }
    sim_finding("munmap of what is not mapped");
}

int __real_madvise(void *at, size_t len, int advice);
int __wrap_madvise(void *at, size_t len, int advice);
int __wrap_madvise(void *at, size_t len, int advice)
{
    return sim_owns(at) ? 0 : __real_madvise(at, len, advice);
}

/* ---- names ---- */

static int sim_mkdir(struct sim_inode *from, const char *path)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *folder = sim_find_parent(from, path, name);
    if (folder == NULL)
        return fail(ENOENT);
    if (name[0] == '\0' || sim_entry_find(folder, name) != NULL)
        return fail(EEXIST);
    if (disk_point("mkdir"))
        return fail(ENOSPC);
    (void)sim_make(folder, name, true);
    return 0;
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    return sim_disk_has(path) ? sim_mkdir(NULL, path) : __real_mkdir(path, mode);
}

int __wrap_mkdirat(int fd, const char *path, mode_t mode);
int __wrap_mkdirat(int fd, const char *path, mode_t mode)
{
    (void)mode;
    const struct file *file = file_of(fd);
    return file == NULL ? fail(EBADF) : sim_mkdir(file->inode, path);
}

static int sim_remove(struct sim_inode *from, const char *path, bool is_folder)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *folder = sim_find_parent(from, path, name);
    const struct sim_inode *inode = folder == NULL ? NULL : sim_entry_find(folder, name);
    if (inode == NULL)
        return fail(ENOENT);
    if (inode->folder != is_folder)
        return fail(is_folder ? ENOTDIR : EISDIR);
    if (is_folder && inode->entries != NULL)
        return fail(ENOTEMPTY);
    if (disk_point("unlink"))
        return fail(EIO);
    sim_trace("unlink %s", path);
    sim_entry_remove(folder, name);
    return 0;
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    return sim_disk_has(path) ? sim_remove(NULL, path, false) : __real_unlink(path);
}

int __wrap_unlinkat(int fd, const char *path, int flags);
int __wrap_unlinkat(int fd, const char *path, int flags)
{
    const struct file *file = file_of(fd);
    return file == NULL ? fail(EBADF) : sim_remove(file->inode, path, flags & AT_REMOVEDIR);
}

int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);
int __wrap_rmdir(const char *path)
{
    return sim_disk_has(path) ? sim_remove(NULL, path, true) : __real_rmdir(path);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    if (!sim_disk_has(from))
        return __real_rename(from, to);
    char name[SIM_NAME_MAX], to_name[SIM_NAME_MAX];
    struct sim_inode *folder = sim_find_parent(NULL, from, name);
    struct sim_inode *to_folder = sim_find_parent(NULL, to, to_name);
    if (folder == NULL || to_folder == NULL || sim_entry_find(folder, name) == NULL)
        return fail(ENOENT);
    if (disk_point("rename"))
        return fail(EIO);
    sim_trace("rename %s %s", from, to);
    if (folder == to_folder)
        sim_entry_rename(folder, name, to_name);
    else
        sim_entry_move(folder, name, to_folder, to_name);
    return 0;
}

static void stat_fill(const struct sim_inode *inode, struct stat64 *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->st_mode = inode->folder ? S_IFDIR | 0700 : S_IFREG | 0600;
    ret->st_size = (off_t)inode->size;
    ret->st_nlink = 1;
}

int __real_stat64(const char *path, struct stat64 *ret);
int __wrap_stat64(const char *path, struct stat64 *ret);
int __wrap_stat64(const char *path, struct stat64 *ret)
{
    if (!sim_disk_has(path))
        return __real_stat64(path, ret);
    const struct sim_inode *inode = sim_find(NULL, path);
    if (inode == NULL)
        return fail(ENOENT);
    stat_fill(inode, ret);
    return 0;
}

int __real_fstat64(int fd, struct stat64 *ret);
int __wrap_fstat64(int fd, struct stat64 *ret);
int __wrap_fstat64(int fd, struct stat64 *ret)
{
    const struct file *file = file_of(fd);
    if (file == NULL)
        return __real_fstat64(fd, ret);
    stat_fill(file->inode, ret);
    return 0;
}

/* ---- lists ---- */

static struct sim_dir *dir_find(const DIR *theirs)
{
    for (struct sim_dir *dir = dirs; dir != NULL; dir = dir->next)
        if ((const void *)dir == (const void *)theirs)
            return dir;
    return NULL;
}

DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
    const struct file *file = file_of(fd);
    if (file == NULL || !file->inode->folder) {
        errno = ENOTDIR;
        return NULL;
    }
    struct sim_dir *dir = calloc(1, sizeof *dir);
    if (dir == NULL)
        abort();
    dir->fd = fd;
    for (const struct sim_entry *at = file->inode->entries; at != NULL; at = at->next)
        dir->count++;
    dir->entries = calloc(dir->count + 1, sizeof *dir->entries);
    if (dir->entries == NULL)
        abort();
    const struct sim_entry *entry = file->inode->entries;
    for (size_t i = 0; i < dir->count; i++, entry = entry->next)
        dir->entries[i] = *entry;
    dir->next = dirs;
    dirs = dir;
    return (DIR *)(void *)dir;
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
    if (!sim_disk_has(path))
        return __real_opendir(path);
    const int fd = sim_open(NULL, path, O_DIRECTORY);
    return fd < 0 ? NULL : __wrap_fdopendir(fd);
}

struct dirent64 *__real_readdir64(DIR *theirs);
struct dirent64 *__wrap_readdir64(DIR *theirs);
struct dirent64 *__wrap_readdir64(DIR *theirs)
{
    struct sim_dir *dir = dir_find(theirs);
    if (dir == NULL)
        return __real_readdir64(theirs);
    if (dir->at == dir->count)
        return NULL;
    const struct sim_entry *entry = &dir->entries[dir->at++];
    memcpy(dir->entry.d_name, entry->name, strlen(entry->name) + 1);
    dir->entry.d_type = entry->inode->folder ? DT_DIR : DT_REG;
    return &dir->entry;
}

int __real_closedir(DIR *theirs);
int __wrap_closedir(DIR *theirs);
int __wrap_closedir(DIR *theirs)
{
    struct sim_dir *dir = dir_find(theirs);
    if (dir == NULL)
        return __real_closedir(theirs);
    struct sim_dir **at = &dirs;
    while (*at != dir)
        at = &(*at)->next;
    *at = dir->next;
    (void)__wrap_close(dir->fd);
    free(dir->entries);
    free(dir);
    return 0;
}

static void remove_tree(struct sim_inode *folder, const char *name)
{
    struct sim_inode *inode = sim_entry_find(folder, name);
    while (inode->folder && inode->entries != NULL)
        remove_tree(inode, inode->entries->name);
    char copy[SIM_NAME_MAX];
    (void)snprintf(copy, sizeof copy, "%s", name);
    sim_entry_remove(folder, copy);
}

/* The server walks trees in order to remove them. */
int __real_nftw64(const char *path, __nftw64_func_t fn, int depth, int flags);
int __wrap_nftw64(const char *path, __nftw64_func_t fn, int depth, int flags);
int __wrap_nftw64(const char *path, __nftw64_func_t fn, int depth, int flags)
{
    if (!sim_disk_has(path))
        return __real_nftw64(path, fn, depth, flags);
    char name[SIM_NAME_MAX];
    sim_point();
    struct sim_inode *folder = sim_find_parent(NULL, path, name);
    if (folder == NULL || sim_entry_find(folder, name) == NULL)
        return fail(ENOENT);
    remove_tree(folder, name);
    return 0;
}

/* Small files that are written through the C library: only looked for. */
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode)
{
    if (!sim_disk_has(path))
        return __real_fopen64(path, mode);
    errno = ENOENT;
    return NULL;
}
