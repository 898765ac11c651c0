#include "lambda/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>
#include <cmocka.h>

static const struct lambda_unzip_limits wide = {.bytes_max = 1 << 20, .entries_max = 100};

struct entry {
    const char *name, *text;
    uint32_t mode; /* with the kind of file; 0: made on a system without modes */
};

struct fixture {
    char base[64], zip[96], folder[96], message[256];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    (void)snprintf(fixture->base, sizeof fixture->base, "/tmp/millrace-unzip-XXXXXX");
    assert_non_null(mkdtemp(fixture->base));
    (void)snprintf(fixture->zip, sizeof fixture->zip, "%s/code.zip", fixture->base);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "%s/code", fixture->base);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    lambda_remove_tree(fixture->base);
    assert_int_not_equal(access(fixture->base, F_OK), 0);
    free(fixture);
    return 0;
}

static void make_zip(const struct fixture *fixture, const struct entry *entries, size_t count)
{
    int error = 0;
    zip_t *zip = zip_open(fixture->zip, ZIP_CREATE | ZIP_TRUNCATE, &error);
    assert_non_null(zip);
    for (size_t i = 0; i < count; i++) {
        zip_source_t *source = zip_source_buffer(zip, entries[i].text, strlen(entries[i].text), 0);
        const zip_int64_t at = zip_file_add(zip, entries[i].name, source, ZIP_FL_ENC_UTF_8);
        assert_true(at >= 0);
        const bool dos = entries[i].mode == 0;
        assert_int_equal(zip_file_set_external_attributes(zip, (zip_uint64_t)at, 0,
                                                          dos ? ZIP_OPSYS_DOS : ZIP_OPSYS_UNIX,
                                                          dos ? 0 : entries[i].mode << 16),
                         0);
    }
    assert_int_equal(zip_close(zip), 0);
}

static enum mr_status unpack(struct fixture *fixture, const struct entry *entries, size_t count)
{
    make_zip(fixture, entries, count);
    return lambda_unzip(fixture->zip, fixture->folder, &wide, fixture->message);
}

static mode_t mode_of(const struct fixture *fixture, const char *name)
{
    char path[200];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

static void assert_holds(const struct fixture *fixture, const char *name, const char *text)
{
    char path[200], found[100] = {0};
    (void)snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    (void)!fread(found, 1, sizeof found - 1, file);
    (void)fclose(file);
    assert_string_equal(found, text);
}

static void assert_nothing_left(const struct fixture *fixture)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s.new", fixture->folder);
    assert_int_not_equal(access(fixture->folder, F_OK), 0);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void files_come_with_their_folders_and_modes(void **state)
{
    struct fixture *fixture = *state;
    const struct entry entries[] = {
        {"index.py", "a = 1\n", S_IFREG | 0644},
        {"lib/deep/tool", "#!x", S_IFREG | 0755},
        {"bootstrap", "#!y", S_IFREG | 0711},
        {"secret", "s", S_IFREG | 04400},
    };
    assert_int_equal(unpack(fixture, entries, MR_COUNT(entries)), MR_OK);
    assert_holds(fixture, "index.py", "a = 1\n");
    assert_holds(fixture, "lib/deep/tool", "#!x");
    assert_int_equal(mode_of(fixture, "lib/deep/tool"), 0755);
    assert_int_equal(mode_of(fixture, "bootstrap"), 0711);
    assert_int_equal(mode_of(fixture, "secret"), 0600);
}

static void without_modes_only_bootstrap_is_executable(void **state)
{
    struct fixture *fixture = *state;
    const struct entry entries[] = {{"bootstrap", "x", 0}, {"other", "y", 0}};
    assert_int_equal(unpack(fixture, entries, MR_COUNT(entries)), MR_OK);
    assert_int_equal(mode_of(fixture, "bootstrap"), 0755);
    assert_int_equal(mode_of(fixture, "other"), 0644);
}

static void names_that_lead_out_are_refused_and_nothing_is_left(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {
        "../evil", "/tmp/evil", "a/../../evil", "..", "a/..", "a/./b", "./a", "a//b", "a\\..\\b",
    };
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        const struct entry entries[] = {{"good", "g", S_IFREG | 0644},
                                        {names[i], "e", S_IFREG | 0644}};
        assert_int_equal(unpack(fixture, entries, MR_COUNT(entries)), MR_INVALID);
        assert_non_null(strstr(fixture->message, "leads out of it"));
        assert_nothing_left(fixture);
    }
}

static void links_and_devices_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t kinds[] = {S_IFLNK, S_IFCHR, S_IFIFO, S_IFSOCK};
    for (size_t i = 0; i < MR_COUNT(kinds); i++) {
        const struct entry entries[] = {{"link", "/etc/passwd", kinds[i] | 0777}};
        assert_int_equal(unpack(fixture, entries, 1), MR_INVALID);
        assert_non_null(strstr(fixture->message, "link or a device"));
        assert_nothing_left(fixture);
    }
}

static void a_file_where_a_folder_must_be_is_a_bad_zip(void **state)
{
    struct fixture *fixture = *state;
    const struct entry entries[] = {{"a", "x", S_IFREG | 0644}, {"a/b", "y", S_IFREG | 0644}};
    assert_int_equal(unpack(fixture, entries, MR_COUNT(entries)), MR_INVALID);
    assert_non_null(strstr(fixture->message, "Could not unzip uploaded file."));
    assert_nothing_left(fixture);
}

static void what_is_no_zip_or_is_cut_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct entry entries[] = {{"index.py", "some text that fills", S_IFREG | 0644}};
    make_zip(fixture, entries, 1);
    struct stat info;
    assert_int_equal(stat(fixture->zip, &info), 0);
    for (off_t size = 0; size < info.st_size; size++) {
        make_zip(fixture, entries, 1);
        assert_int_equal(truncate(fixture->zip, size), 0);
        assert_int_equal(lambda_unzip(fixture->zip, fixture->folder, &wide, fixture->message),
                         MR_INVALID);
        assert_nothing_left(fixture);
    }
}

static void a_byte_that_changed_is_found(void **state)
{
    struct fixture *fixture = *state;
    const struct entry entries[] = {{"index.py", "some text that fills", S_IFREG | 0644}};
    make_zip(fixture, entries, 1);
    FILE *file = fopen(fixture->zip, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 30 + 8 + 4, SEEK_SET), 0);
    assert_int_not_equal(fputc('#', file), EOF);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(lambda_unzip(fixture->zip, fixture->folder, &wide, fixture->message),
                     MR_INVALID);
    assert_nothing_left(fixture);
}

static void sizes_and_counts_have_limits(void **state)
{
    struct fixture *fixture = *state;
    const struct entry entries[] = {{"a", "1234567890", S_IFREG | 0644},
                                    {"b", "1234567890", S_IFREG | 0644}};
    make_zip(fixture, entries, MR_COUNT(entries));
    const struct lambda_unzip_limits small = {.bytes_max = 19, .entries_max = 2};
    assert_int_equal(lambda_unzip(fixture->zip, fixture->folder, &small, fixture->message),
                     MR_INVALID);
    assert_string_equal(fixture->message, "Unzipped size must be smaller than 19 bytes");
    assert_nothing_left(fixture);
    const struct lambda_unzip_limits few = {.bytes_max = 20, .entries_max = 1};
    assert_int_equal(lambda_unzip(fixture->zip, fixture->folder, &few, fixture->message),
                     MR_INVALID);
    assert_nothing_left(fixture);
    const struct lambda_unzip_limits right = {.bytes_max = 20, .entries_max = 2};
    assert_int_equal(lambda_unzip(fixture->zip, fixture->folder, &right, fixture->message), MR_OK);
}

static void what_a_crash_left_behind_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    char path[200];
    (void)snprintf(path, sizeof path, "%s.new", fixture->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s.new/half", fixture->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    const struct entry entries[] = {{"index.py", "x", S_IFREG | 0644}};
    assert_int_equal(unpack(fixture, entries, 1), MR_OK);
    assert_holds(fixture, "index.py", "x");
    (void)snprintf(path, sizeof path, "%s/half", fixture->folder);
    assert_int_not_equal(access(path, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_come_with_their_folders_and_modes),
        TEST(without_modes_only_bootstrap_is_executable),
        TEST(names_that_lead_out_are_refused_and_nothing_is_left),
        TEST(links_and_devices_are_refused),
        TEST(a_file_where_a_folder_must_be_is_a_bad_zip),
        TEST(what_is_no_zip_or_is_cut_is_refused),
        TEST(a_byte_that_changed_is_found),
        TEST(sizes_and_counts_have_limits),
        TEST(what_a_crash_left_behind_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
