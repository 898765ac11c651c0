#include "lambda/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char doc[] =
    "{\"FunctionArn\":\"arn:aws:lambda:eu-west-1:111111111111:function:f\","
    "\"Runtime\":\"python3.12\",\"Handler\":\"index.handler\",\"Timeout\":7,\"MemorySize\":256,"
    "\"LoggingConfig\":{\"LogGroup\":\"/aws/lambda/f\"},"
    "\"Environment\":{\"Variables\":{\"TABLE\":\"orders\",\"AWS_ENDPOINT_URL\":\"http://x\","
    "\"EMPTY\":\"\",\"EQUALS\":\"a=b\"}}}";

struct fixture {
    struct mr_arena arena;
    struct lambda_config *config;
    struct lambda_environment environment;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    mr_arena_init(&fixture->arena);
    fixture->config = lambda_config_new(mr_slice_cstr(doc), NULL, NULL);
    assert_non_null(fixture->config);
    fixture->environment = (struct lambda_environment){
        .config = fixture->config,
        .function_name = "f",
        .folder = "/data/code",
        .runtime_api = "127.0.0.1:9001",
        .log_stream = "2024/06/10/[$LATEST]ab",
        .endpoint_url = "http://127.0.0.1:4566",
    };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    lambda_config_unref(fixture->config);
    mr_arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

/* The value of a variable that is there exactly once; NULL: not there. */
static const char *value_of(const char *const *entries, const char *name)
{
    const char *found = NULL;
    for (; *entries != NULL; entries++) {
        if (strncmp(*entries, name, strlen(name)) != 0 || (*entries)[strlen(name)] != '=')
            continue;
        assert_null(found);
        found = *entries + strlen(name) + 1;
    }
    return found;
}

static void a_function_sees_what_aws_shows_it(void **state)
{
    struct fixture *fixture = *state;
    const char *const *entries = lambda_environment_make(&fixture->arena, &fixture->environment);
    static const char *const wanted[][2] = {
        {"_HANDLER", "index.handler"},
        {"AWS_REGION", "eu-west-1"},
        {"AWS_DEFAULT_REGION", "eu-west-1"},
        {"AWS_EXECUTION_ENV", "AWS_Lambda_python3.12"},
        {"AWS_LAMBDA_FUNCTION_NAME", "f"},
        {"AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"},
        {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"},
        {"AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"},
        {"AWS_LAMBDA_LOG_STREAM_NAME", "2024/06/10/[$LATEST]ab"},
        {"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"},
        {"AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"},
        {"LAMBDA_TASK_ROOT", "/data/code"},
        {"TZ", ":UTC"},
        {"LANG", "en_US.UTF-8"},
        {"AWS_ACCESS_KEY_ID", "test"},
        {"AWS_SECRET_ACCESS_KEY", "test"},
        {"AWS_SESSION_TOKEN", "test"},
        {"TABLE", "orders"},
        {"EMPTY", ""},
        {"EQUALS", "a=b"},
    };
    for (size_t i = 0; i < MR_COUNT(wanted); i++) {
        const char *value = value_of(entries, wanted[i][0]);
        if (value == NULL)
            fail_msg("%s is missing", wanted[i][0]);
        assert_string_equal(value, wanted[i][1]);
    }
    assert_non_null(value_of(entries, "PATH"));
}

static void nothing_of_ours_is_inherited(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(setenv("MILLRACE_SECRET", "s", 1), 0);
    const char *const *entries = lambda_environment_make(&fixture->arena, &fixture->environment);
    assert_null(value_of(entries, "MILLRACE_SECRET"));
    assert_null(value_of(entries, "HOME"));
    assert_int_equal(unsetenv("MILLRACE_SECRET"), 0);
}

static void a_users_endpoint_wins_over_ours(void **state)
{
    struct fixture *fixture = *state;
    const char *const *entries = lambda_environment_make(&fixture->arena, &fixture->environment);
    assert_string_equal(value_of(entries, "AWS_ENDPOINT_URL"), "http://x");
}

static void with_own_credentials_there_is_no_token(void **state)
{
    struct fixture *fixture = *state;
    fixture->environment.access_key = "AKIA";
    fixture->environment.secret_key = "s3cret";
    const char *const *entries = lambda_environment_make(&fixture->arena, &fixture->environment);
    assert_string_equal(value_of(entries, "AWS_ACCESS_KEY_ID"), "AKIA");
    assert_string_equal(value_of(entries, "AWS_SECRET_ACCESS_KEY"), "s3cret");
    assert_null(value_of(entries, "AWS_SESSION_TOKEN"));
}

static void reserved_names_are_known(void **state)
{
    (void)state;
    assert_true(lambda_environment_is_reserved(MR_S("AWS_REGION")));
    assert_true(lambda_environment_is_reserved(MR_S("_HANDLER")));
    assert_false(lambda_environment_is_reserved(MR_S("AWS_ENDPOINT_URL")));
    assert_false(lambda_environment_is_reserved(MR_S("AWS_REGIO")));
    assert_false(lambda_environment_is_reserved(MR_S("TABLE")));
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
}

static void the_interpreter_of_that_version_is_taken_but_no_shim(void **state)
{
    struct fixture *fixture = *state;
    char folder[] = "/tmp/millrace-python-XXXXXX", other[] = "/tmp/millrace-python-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_non_null(mkdtemp(other));
    write_file(folder, "python3.99", "#!/bin/sh\n");
    write_file(other, "python3.99", "\177ELF");
    const struct mr_slice path = mr_arena_printf(&fixture->arena, "%s::%s", folder, other);
    const char *found = lambda_environment_python(&fixture->arena, MR_S("python3.99"), path);
    assert_non_null(found);
    assert_memory_equal(found, other, strlen(other));
    found = lambda_environment_python(&fixture->arena, MR_S("python3.98"), path);
    if (found != NULL)
        assert_null(strstr(found, "millrace-python"));
    lambda_remove_tree(folder);
    lambda_remove_tree(other);
}

static void runtimes_that_run_here_are_known(void **state)
{
    (void)state;
    assert_true(lambda_runtime_is_python(MR_S("python3.9")));
    assert_true(lambda_runtime_is_python(MR_S("python3.13")));
    assert_false(lambda_runtime_is_python(MR_S("python3.")));
    assert_false(lambda_runtime_is_python(MR_S("python3.x")));
    assert_false(lambda_runtime_is_python(MR_S("python2.7")));
    assert_false(lambda_runtime_is_python(MR_S("python3.1/../../../bin/sh")));
    assert_true(lambda_runtime_is_provided(MR_S("provided.al2023")));
    assert_false(lambda_runtime_is_provided(MR_S("nodejs22.x")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_function_sees_what_aws_shows_it),
        TEST(nothing_of_ours_is_inherited),
        TEST(a_users_endpoint_wins_over_ours),
        TEST(with_own_credentials_there_is_no_token),
        TEST(reserved_names_are_known),
        TEST(the_interpreter_of_that_version_is_taken_but_no_shim),
        TEST(runtimes_that_run_here_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
