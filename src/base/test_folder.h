/* base/test_folder.h: a folder of its own for each test, removed behind it; *state is its path. */
#pragma once
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { TEST_FOLDER_SIZE = 32 };

static inline void test_folder_make(char path[static TEST_FOLDER_SIZE])
{
    snprintf(path, TEST_FOLDER_SIZE, P_tmpdir "/millrace-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline void test_folder_remove(const char *path)
{
    char command[TEST_FOLDER_SIZE + 16];
    snprintf(command, sizeof command, "rm -r '%s'", path);
    assert_int_equal(system(command), 0);
}

static inline int folder_setup(void **state)
{
    char path[TEST_FOLDER_SIZE];
    test_folder_make(path);
    *state = mr_strdup_slice(mr_slice_cstr(path));
    return 0;
}

static inline int folder_teardown(void **state)
{
    test_folder_remove(*state);
    free(*state);
    return 0;
}
