#include "athena/ipaddress.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *printed(struct athena_ipaddress address, char text[static 64])
{
    struct mr_buf buf = {0};
    athena_ipaddress_print(&buf, address);
    snprintf(text, 64, "%.*s", MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return text;
}

static struct athena_ipaddress read_as(const char *text)
{
    struct athena_ipaddress address = {0};
    if (!athena_ipaddress_parse(mr_slice_cstr(text), &address))
        fail_msg("'%s' is not read", text);
    return address;
}

static void addresses_are_written_in_their_shortest_form(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"10.0.0.1", "10.0.0.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"::ffff:102:304", "1.2.3.4"},
        {"0:0:0:0:0:FFFF:0102:0304", "1.2.3.4"},
        {"2001:0DB8:0000:0000:0000:ff00:0042:8329", "2001:db8::ff00:42:8329"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* one group of zeros stays */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* of two runs the first */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* and the longest */
        {"64:ff9b::10.0.0.0", "64:ff9b::a00:0"},
        {"::1.2.3.4", "::102:304"}, /* the C library writes points */
        {"::0.1.0.0", "::1:0"},
        {"::ffff", "::ffff"},
        {"::1:0:0", "::1:0:0"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    char text[64];
    for (size_t i = 0; i < MR_COUNT(cases); i++)
        assert_string_equal(printed(read_as(cases[i][0]), text), cases[i][1]);
}

static void what_is_no_address_is_not_read(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.-4",
        "1.2.3.4/8",
        "1.2.3.4:80",
        "0x1.2.3.4",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "12345::",
        "g::",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "[::1]",
        "fe80::1%eth0",
        "::1.2.3",
        "::1.2.3.256",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "0000:0000:0000:0000:0000:0000:0000:00000000000000000000000000001"};
    struct athena_ipaddress address;
    for (size_t i = 0; i < MR_COUNT(wrong); i++) {
        if (athena_ipaddress_parse(mr_slice_cstr(wrong[i]), &address))
            fail_msg("'%s' is read", wrong[i]);
    }
    assert_false(athena_ipaddress_parse(mr_slice_make("1.2.3.4\0x", 9), &address));
    assert_false(athena_ipaddress_parse((struct mr_slice){NULL, 0}, &address));
}

static void bytes_are_4_or_16(void **state)
{
    (void)state;
    static const char mapped[] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\xff";
    struct athena_ipaddress address = {0};
    unsigned char bytes[16];
    char text[64];
    assert_true(athena_ipaddress_from_bytes(mr_slice_make(mapped + 12, 4), &address));
    assert_string_equal(printed(address, text), "10.1.2.255");
    athena_ipaddress_bytes(address, bytes);
    assert_memory_equal(bytes, mapped, sizeof bytes);
    assert_true(athena_ipaddress_from_bytes(mr_slice_make("fedcba9876543210", 16), &address));
    athena_ipaddress_bytes(address, bytes);
    assert_memory_equal(bytes, "fedcba9876543210", sizeof bytes);
    for (size_t len = 0; len <= 16; len++)
        assert_int_equal(athena_ipaddress_from_bytes(mr_slice_make(mapped, len), &address),
                         len == 4 || len == 16);
}

/* Bit by bit, which cannot be wrong. */
static bool contains_slowly(const unsigned char *network, int bits, const unsigned char *address)
{
    for (int i = 0; i < bits; i++) {
        if ((network[i / 8] ^ address[i / 8]) >> (7 - i % 8) & 1)
            return false;
    }
    return true;
}

static void networks_hold_the_addresses_that_begin_alike(void **state)
{
    (void)state;
    struct mr_buf error = {0};
    for (int differ = 0; differ < 128; differ++) { /* from the network in that bit alone */
        unsigned char network[16] = "0123456789abcdef", bytes[16];
        struct athena_ipaddress address;
        memcpy(bytes, network, sizeof bytes);
        bytes[differ / 8] ^= (unsigned char)(0x80 >> differ % 8);
        assert_true(athena_ipaddress_from_bytes(mr_slice_make((const char *)bytes, 16), &address));
        for (int bits = 0; bits <= 128; bits++) {
            char text[64];
            bool found;
            snprintf(text, sizeof text, "3031:3233:3435:3637:3839:6162:6364:6566/%d", bits);
            assert_true(athena_ipaddress_in(mr_slice_cstr(text), address, &found, &error));
            assert_int_equal(found, contains_slowly(network, bits, bytes));
        }
    }
    mr_buf_fini(&error);
}

/* network, address, y or n, else what is wrong */
static const char *const networks[][3] = {
    {"10.0.0.0/8", "10.255.255.255", "y"},
    {"10.0.0.0/8", "11.0.0.0", "n"},
    {"10.0.0.0/+8", "10.1.1.1", "y"},
    {"0.0.0.0/0", "255.1.2.3", "y"},
    {"0.0.0.0/0", "2001:db8::1", "n"},
    {"::/0", "1.2.3.4", "y"},
    {"192.0.2.7/32", "192.0.2.7", "y"},
    {"192.0.2.7/32", "192.0.2.6", "n"},
    {"10.0.0.0/8", "::a00:1", "n"},
    {"::ffff:10.0.0.0/104", "10.255.0.1", "y"},
    {"::ffff:10.0.0.0/104", "11.255.0.1", "n"},
    {"2001:db8:1::5/48", "2001:db8:1:ffff::", "y"}, /* bits behind the length are no matter */
    {"10.0.0.1/8", "10.0.0.1", "INVALID_FUNCTION_ARGUMENT: Invalid CIDR"},
    {"10.0.0.0/33", "10.0.0.1", "INVALID_FUNCTION_ARGUMENT: Invalid CIDR"},
    {"::/129", "::1", "INVALID_FUNCTION_ARGUMENT: Invalid CIDR"},
    {"10.0.0.0", "10.0.0.1", "INVALID_FUNCTION_ARGUMENT: Invalid CIDR"},
    {"", "10.0.0.1", "INVALID_FUNCTION_ARGUMENT: Invalid CIDR"},
    {"x/8", "10.0.0.1", "INVALID_FUNCTION_ARGUMENT: Invalid network IP address"},
    {"10.0.0.0/-1", "10.0.0.1", "INVALID_FUNCTION_ARGUMENT: Invalid prefix length"},
    {"10.0.0.0/x", "10.0.0.1", "GENERIC_INTERNAL_ERROR: For input string: \"x\""},
    {"10.0.0.0/", "10.0.0.1", "GENERIC_INTERNAL_ERROR: For input string: \"\""},
    {"10.0.0.0/8/8", "10.0.0.1", "GENERIC_INTERNAL_ERROR: For input string: \"8/8\""},
    {"10.0.0.0/+-8", "10.0.0.1", "GENERIC_INTERNAL_ERROR: For input string: \"+-8\""},
    {"10.0.0.0/4294967304", "10.0.0.1", "GENERIC_INTERNAL_ERROR: For input string: \"4294967304\""},
};

static void networks_are_read_as_trino_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < MR_COUNT(networks); i++) {
        struct mr_buf error = {0};
        bool found = false;
        const bool fine = athena_ipaddress_in(mr_slice_cstr(networks[i][0]),
                                              read_as(networks[i][1]), &found, &error);
        mr_buf_byte(&error, '\0');
        assert_string_equal(fine ? found ? "y" : "n" : error.data, networks[i][2]);
        mr_buf_fini(&error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_in_their_shortest_form),
        cmocka_unit_test(what_is_no_address_is_not_read),
        cmocka_unit_test(bytes_are_4_or_16),
        cmocka_unit_test(networks_hold_the_addresses_that_begin_alike),
        cmocka_unit_test(networks_are_read_as_trino_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
