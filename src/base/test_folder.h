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

static inline int folder_setup(void **state)
{
    char path[] = "/tmp/millrace-test-XXXXXX";
    assert_non_null(mkdtemp(path));
    *state = mr_strdup_slice(mr_slice_cstr(path));
    return 0;
}

static inline int folder_teardown(void **state)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -r '%s'", (char *)*state);
    assert_int_equal(system(command), 0);
    free(*state);
    return 0;
}
