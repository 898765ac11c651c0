#include "lambda/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void a_process_moves_only_as_the_diagram_says(void **state)
{
    (void)state;
    static const bool wanted[INSTANCE_STATES][INSTANCE_STATES] = {
        /* to            STARTING IDLE   BUSY   DEAD */
        /* STARTING */ {false, false, true, true},
        /* IDLE */ {false, false, true, true},
        /* BUSY */ {false, true, false, true},
        /* DEAD */ {false, false, false, false},
    };
    for (int from = 0; from < INSTANCE_STATES; from++)
        for (int to = 0; to < INSTANCE_STATES; to++)
            assert_int_equal(
                lambda_instance_move_is_legal((enum instance_state)from, (enum instance_state)to),
                wanted[from][to]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_moves_only_as_the_diagram_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
