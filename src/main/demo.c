/* The demo's server lives in this process; the story itself goes over the wire like any client's.
 */
#include "main/demo.h"
#include "cli/cli.h"
#include "main/serve.h"
#include "base/log.h"
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* examples/sales beside the program: in the checkout, or as installed. */
static bool find_examples(char *ret, size_t size)
{
    static const char *const places[] = {"../share/millrace/examples/sales", "../examples/sales"};
    char folder[PATH_MAX];
    const ssize_t len = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)snprintf(ret, size, "%s/%s", folder, places[i]);
        if (access(ret, R_OK) == 0)
            return true;
    }
    return false;
}

static int run(const char *data, bool verbose)
{
    char examples[PATH_MAX + 64], endpoint[64];
    if (!find_examples(examples, sizeof examples)) {
        (void)fprintf(stderr, "millrace: demo: examples/sales is not beside the program\n");
        return 1;
    }
    struct serve_options options = serve_options_default;
    options.data = data;
    options.port = 0;
    struct serve *serve = NULL;
    mr_log_set_level(verbose ? MR_LOG_INFO : MR_LOG_WARN);
    if (serve_start(&serve, &options) != MR_OK)
        return 1;
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", serve_port(serve));
    (void)printf("millrace serves on %s, data in %s\n", endpoint, data);
    (void)fflush(stdout);
    const int result = cli_demo(endpoint, examples);
    serve_stop(serve);
    return result;
}

int demo_main(int argc, char **argv)
{
    bool keep = false, verbose = false;
    for (int i = 1; i < argc; i++) {
        keep = keep || strcmp(argv[i], "--keep") == 0;
        verbose = verbose || strcmp(argv[i], "--verbose") == 0;
        if (strcmp(argv[i], "--keep") != 0 && strcmp(argv[i], "--verbose") != 0) {
            (void)fprintf(stderr, "millrace: demo: unknown option '%s'\n", argv[i]);
            return 2;
        }
    }
    (void)signal(SIGPIPE, SIG_IGN);
    char data[] = "/tmp/millrace-demo-XXXXXX";
    if (mkdtemp(data) == NULL) {
        perror("millrace: demo: cannot make a data folder");
        return 1;
    }
    const int result = run(data, verbose);
    if (keep)
        (void)printf("the data folder stays: %s\n", data);
    else
        (void)nftw(data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return result;
}
