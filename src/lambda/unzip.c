/* Unpacking a zip that somebody sent.
 *
 * Everything is written into "<folder>.new", which is renamed when it is complete. No name of the
 * zip may lead out of it: absolute names, ".." and symbolic links are refused, and since no link is
 * ever made, a path below the folder stays below it. Sizes are counted as they are written,
 * whatever the zip's directory claims. */
#include "lambda/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum { COPY_BYTES = 64 << 10, FOLDERS_OPEN_MAX = 16, PATH_BYTES_MAX = 3000 };

/* AWS's words. */
static const char broken[] =
    "Could not unzip uploaded file. Please check your file, then try to upload again.";

struct unzip {
    zip_t *zip;
    const char *folder;
    const struct lambda_unzip_limits *limits;
    uint64_t bytes;
    char *message; /* 256 bytes */
    char copy[COPY_BYTES];
};

static enum mr_status refuse(struct unzip *unzip, const char *format, ...) MR_PRINTF(2, 3);
static enum mr_status refuse(struct unzip *unzip, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(unzip->message, 256, format, args);
    va_end(args);
    return MR_INVALID;
}

/* Is it a relative path that stays where it begins? A folder's ends in '/'. */
static bool name_is_safe(struct mr_slice name)
{
    if (name.len == 0 || name.len > PATH_BYTES_MAX || name.ptr[0] == '/')
        return false;
    if (mr_slice_find(name, '\0') != SIZE_MAX || mr_slice_find(name, '\\') != SIZE_MAX)
        return false;
    struct mr_slice rest = name, part;
    while (mr_slice_split(&rest, '/', &part)) {
        const bool is_end = rest.ptr == NULL;
        if (part.len == 0 && !is_end)
            return false;
        if (mr_slice_equal(part, MR_S("..")) || mr_slice_equal(part, MR_S(".")))
            return false;
    }
    return true;
}

/* The permissions for what the zip's maker noted, or MR_INVALID for what is neither file nor
 * folder. */
static enum mr_status mode_of(zip_t *zip, zip_uint64_t index, struct mr_slice name,
                              mode_t *ret_mode)
{
    zip_uint8_t system = ZIP_OPSYS_DOS;
    zip_uint32_t attributes = 0;
    if (zip_file_get_external_attributes(zip, index, 0, &system, &attributes) != 0)
        attributes = 0;
    const bool unix_like = system == ZIP_OPSYS_UNIX || system == ZIP_OPSYS_OS_X;
    const mode_t noted = unix_like ? (mode_t)(attributes >> 16) : 0;
    const mode_t kind = noted & S_IFMT;
    if (kind != 0 && kind != S_IFREG && kind != S_IFDIR)
        return MR_INVALID;
    if ((noted & 0777) != 0)
        *ret_mode = (noted & 0777) | 0600;
    else /* made where there are no modes: only the one file that must be a program is one */
        *ret_mode = mr_slice_equal(name, MR_S("bootstrap")) ? 0755 : 0644;
    return MR_OK;
}

/* Makes the folders of a path, up to its last '/'. */
static enum mr_status make_folders(struct unzip *unzip, char *path, size_t from)
{
    for (size_t i = from; path[i] != '\0'; i++) {
        if (path[i] != '/')
            continue;
        path[i] = '\0';
        const bool made = mkdir(path, 0755) == 0 || errno == EEXIST;
        path[i] = '/';
        if (!made && (errno == ENOTDIR || errno == ENAMETOOLONG))
            return refuse(unzip, "%s", broken);
        if (!made)
            return MR_RAISE(MR_FAIL_IO, "cannot make a folder of '%s': %s", path, strerror(errno));
    }
    return MR_OK;
}

static enum mr_status write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return MR_RAISE(MR_FAIL_IO, "cannot unpack: %s", strerror(errno));
        bytes += put;
        len -= (size_t)put;
    }
    return MR_OK;
}

static enum mr_status copy_entry(struct unzip *unzip, zip_file_t *from, int to)
{
    for (;;) {
        const zip_int64_t got = zip_fread(from, unzip->copy, COPY_BYTES);
        if (got == 0)
            return MR_OK;
        if (got < 0)
            return refuse(unzip, "%s", broken);
        unzip->bytes += (uint64_t)got;
        if (unzip->bytes > unzip->limits->bytes_max)
            return refuse(unzip, "Unzipped size must be smaller than %llu bytes",
                          (unsigned long long)unzip->limits->bytes_max);
        const enum mr_status status = write_all(to, unzip->copy, (size_t)got);
        if (status != MR_OK)
            return status;
    }
}

static enum mr_status unpack_file(struct unzip *unzip, zip_uint64_t index, const char *path,
                                  mode_t mode)
{
    zip_file_t *from = zip_fopen_index(unzip->zip, index, 0);
    if (from == NULL) /* encrypted, or packed in a way that is unknown here */
        return refuse(unzip, "%s", broken);
    enum mr_status status;
    const int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to >= 0) {
        status = copy_entry(unzip, from, to);
        if (status == MR_OK && fchmod(to, mode) != 0)
            status = MR_RAISE(MR_FAIL_IO, "cannot set the mode of '%s': %s", path, strerror(errno));
        close(to);
    } else if (errno == EISDIR || errno == ENOTDIR || errno == ENAMETOOLONG) {
        status = refuse(unzip, "%s", broken);
    } else {
        status = MR_RAISE(MR_FAIL_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    /* The checksum is compared when the end was read; an error shows in zip_fread. */
    (void)zip_fclose(from);
    return status;
}

static enum mr_status unpack_entry(struct unzip *unzip, zip_uint64_t index)
{
    const struct mr_slice name = mr_slice_cstr(zip_get_name(unzip->zip, index, ZIP_FL_ENC_RAW));
    if (!name_is_safe(name))
        return refuse(unzip, "The zip holds a name that leads out of it: %.100s",
                      name.ptr == NULL ? "" : name.ptr);
    mode_t mode;
    if (mode_of(unzip->zip, index, name, &mode) != MR_OK)
        return refuse(unzip,
                      "The zip holds a link or a device, which millrace does not unpack: "
                      "%.100s",
                      name.ptr);
    char path[8192];
    const int len = snprintf(path, sizeof path, "%s/%s", unzip->folder, name.ptr);
    if (len < 0 || (size_t)len >= sizeof path)
        return refuse(unzip, "%s", broken);
    const enum mr_status status = make_folders(unzip, path, strlen(unzip->folder) + 1);
    if (status != MR_OK || name.ptr[name.len - 1] == '/')
        return status;
    return unpack_file(unzip, index, path, mode);
}

static enum mr_status unpack_all(struct unzip *unzip)
{
    const zip_int64_t entries = zip_get_num_entries(unzip->zip, 0);
    if (entries <= 0)
        return refuse(unzip, "Uploaded file must be a non-empty zip");
    if (entries > unzip->limits->entries_max)
        return refuse(unzip, "The zip holds more than %lld files",
                      (long long)unzip->limits->entries_max);
    if (mkdir(unzip->folder, 0755) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", unzip->folder, strerror(errno));
    enum mr_status status = MR_OK;
    for (zip_uint64_t i = 0; status == MR_OK && i < (zip_uint64_t)entries; i++)
        status = unpack_entry(unzip, i);
    return status;
}

enum mr_status lambda_unzip(const char *zip, const char *folder,
                            const struct lambda_unzip_limits *limits, char message[static 256])
{
    char fresh[4200];
    (void)snprintf(fresh, sizeof fresh, "%s.new", folder);
    lambda_remove_tree(fresh);
    struct unzip *unzip = mr_calloc(1, sizeof *unzip);
    *unzip = (struct unzip){.folder = fresh, .limits = limits, .message = message};
    int error = 0;
    unzip->zip = zip_open(zip, ZIP_RDONLY, &error);
    enum mr_status status;
    if (unzip->zip != NULL)
        status = unpack_all(unzip);
    else if (error == ZIP_ER_OPEN || error == ZIP_ER_NOENT || error == ZIP_ER_READ)
        status = MR_RAISE(MR_FAIL_IO, "cannot open '%s'", zip);
    else
        status = refuse(unzip, "%s", broken);
    if (unzip->zip != NULL)
        zip_discard(unzip->zip);
    free(unzip);
    if (status == MR_OK && rename(fresh, folder) != 0)
        status = MR_RAISE(MR_FAIL_IO, "cannot rename '%s': %s", fresh, strerror(errno));
    if (status != MR_OK)
        lambda_remove_tree(fresh);
    return status;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)place;
    if (kind == FTW_DP || kind == FTW_DNR)
        (void)rmdir(path);
    else
        (void)unlink(path);
    return 0;
}

void lambda_remove_tree(const char *folder)
{
    (void)nftw(folder, remove_one, FOLDERS_OPEN_MAX, FTW_DEPTH | FTW_PHYS);
}
