#include "athena/spooky.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* What the algorithm's author publishes for bytes that count up from 128. */
static void hashes_of_all_lengths_are_the_published_ones(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint32_t hash;
    } cases[] = {{0, 0x6bf50919},   {1, 0x70de1d26},   {4, 0x8223b279},   {7, 0xf9f1a233},
                 {8, 0xee193982},   {11, 0x9ed60886},  {12, 0x5f23d1da},  {15, 0x83ec01f9},
                 {16, 0xf274736c},  {31, 0x027bca7c},  {32, 0xe5cfc8b6},  {63, 0x09c1afb4},
                 {64, 0x069c8bb7},  {191, 0xe13d9e19}, {192, 0x77e012bd}, {193, 0x2d05114c},
                 {255, 0x2f40ee0b}, {256, 0x38cebf03}, {511, 0xcc1c8250}};
    char bytes[512];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i + 128);
    for (size_t i = 0; i < MR_COUNT(cases); i++)
        assert_int_equal((uint32_t)athena_spooky(mr_slice_make(bytes, cases[i].len)),
                         cases[i].hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_of_all_lengths_are_the_published_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
