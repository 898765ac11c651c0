#include "athena/duck.h"
#include "base/log.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

struct athena_duck athena_duck;
static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static void *library; /* by load_lock */

static bool find_functions(void *handle, char *ret_why, size_t why_size)
{
    static const struct {
        const char *name;
        size_t offset;
    } functions[] = {
#define ATHENA_DUCK_ROW(name) {"duckdb_" #name, offsetof(struct athena_duck, name)},
        ATHENA_DUCK_FUNCTIONS(ATHENA_DUCK_ROW)
#undef ATHENA_DUCK_ROW
    };
    for (size_t i = 0; i < MR_COUNT(functions); i++) {
        void *function = dlsym(handle, functions[i].name);
        if (function == NULL) {
            snprintf(ret_why, why_size, "the library has no function %s", functions[i].name);
            return false;
        }
        memcpy((char *)&athena_duck + functions[i].offset, &function, sizeof function);
    }
    return true;
}

static void *open_at(const char *path, char *ret_why, size_t why_size)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *why = dlerror();
        snprintf(ret_why, why_size, "%s", why == NULL ? "cannot be loaded" : why);
    }
    return handle;
}

/* Beside the program, in the library folder it is installed with, in the tree it was built in, or
 * where the system looks. */
static void *open_somewhere(char *ret_why, size_t why_size)
{
    static const char *const places[] = {
        "/libduckdb.so", "/../lib/millrace/libduckdb.so", "/../lib/libduckdb.so",
        "/../third_party/duckdb/libduckdb.so", "/../../third_party/duckdb/libduckdb.so"};
    char program[PATH_MAX], path[PATH_MAX + 64];
    const ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len > 0) {
        program[len] = '\0';
        char *slash = strrchr(program, '/');
        if (slash != NULL)
            *slash = '\0';
        for (size_t i = 0; i < MR_COUNT(places); i++) {
            snprintf(path, sizeof path, "%s%s", program, places[i]);
            if (access(path, R_OK) == 0)
                return open_at(path, ret_why, why_size);
        }
    }
#ifdef ATHENA_DUCKDB_PATH
    if (access(ATHENA_DUCKDB_PATH, R_OK) == 0)
        return open_at(ATHENA_DUCKDB_PATH, ret_why, why_size);
#endif
    return open_at("libduckdb.so", ret_why, why_size);
}

enum mr_status athena_duck_load(const char *path, char *ret_why, size_t why_size)
{
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&load_lock);
    if (library == NULL) {
        const bool named = path != NULL && access(path, R_OK) == 0;
        void *handle = named ? open_at(path, ret_why, why_size) : open_somewhere(ret_why, why_size);
        if (handle != NULL && find_functions(handle, ret_why, why_size))
            library = handle;
        else
            status = MR_NOT_FOUND;
    }
    pthread_mutex_unlock(&load_lock);
    return status;
}
