#include "athena/grok.h"
#include "athena/regex.h"
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Columns of a line, "-" for those that are NULL; "none" when it is no match, "!..." what is wrong
 * with the patterns. */
static void put(struct mr_buf *out, struct mr_arena *arena, const struct athena_grok *grok,
                size_t count, struct mr_slice line)
{
    struct athena_regex_match match;
    const char *why = "";
    struct athena_regex *regex = athena_regex_make_line(arena, grok->regex, false, &why);
    if (regex == NULL) {
        mr_buf_printf(out, "!%s", why);
        return;
    }
    if (athena_regex_search(regex, line, 0, &match) != REGEX_FOUND)
        mr_buf_append(out, MR_S("none"));
    else
        for (size_t i = 0; i < count; i++) {
            struct athena_regex_span span = {SIZE_MAX, SIZE_MAX};
            for (struct athena_grok_capture *capture = grok->captures[i];
                 capture != NULL && span.from == SIZE_MAX; capture = capture->next)
                span = match.groups[athena_regex_group(regex, capture->group)];
            mr_buf_append(out, i > 0 ? MR_S("|") : MR_S(""));
            mr_buf_append(out, span.from == SIZE_MAX
                                   ? MR_S("-")
                                   : mr_slice_sub(line, span.from, span.to - span.from));
        }
    athena_regex_free(regex);
}

static void check(const char *format, const char *custom, const char *columns, const char *line,
                  const char *wanted)
{
    struct mr_arena arena;
    struct mr_slice names[16], rest = mr_slice_cstr(columns), why = MR_S("");
    struct athena_grok grok;
    struct mr_buf found = {0};
    size_t count = 0;
    mr_arena_init(&arena);
    while (count < MR_COUNT(names) && mr_slice_split(&rest, ' ', &names[count]))
        count++;
    if (athena_grok_expand(&arena, mr_slice_cstr(format), mr_slice_cstr(custom), names, count,
                           &grok, &why) == MR_OK)
        put(&found, &arena, &grok, count, mr_slice_cstr(line));
    else
        mr_buf_printf(&found, "!%.*s", MR_ARG(why));
    mr_buf_byte(&found, '\0');
    if (strcmp(found.data, wanted) != 0)
        fail_msg("'%s' on '%s': '%s', not '%s'", format, line, found.data, wanted);
    mr_buf_fini(&found);
    mr_arena_fini(&arena);
}

static void references_become_columns(void **state)
{
    (void)state;
    check("%{WORD:a} %{INT:b:int}", "", "a b c", "x -7", "x|-7|-");
    check("%{WORD:Name}", "", "name", "x", "x");
    check("%{WORD}", "", "word", "x", "x");
    check("%{WORD:a}", "", "word", "x", "-");
    check("<%{WORD:a}>", "", "a", "some <x> more", "x");
    check("^%{WORD:a}$", "", "a", "some", "some");
    check("^%{WORD:a}$", "", "a", "some more", "none");
    check("%{INT:a}", "", "a", "x", "none");
    check("(?:%{INT:a}|%{WORD:a})!", "", "a", "x!", "x");
    check("%{USER}", "", "user username unwanted", "x", "x|-|-");
    /* a column's name before a pattern's, the outer before the inner */
    check("%{SYSLOGTIMESTAMP} %{WORD:month}", "", "month", "Feb  9 07:15:00 x", "x");
    check("%{SYSLOGTIMESTAMP:t}", "", "t month hour", "Feb  9 07:15:00", "Feb  9 07:15:00|Feb|07");
    check("%{OUT:a}", "OUT <%{WORD:a}>", "a", "<x>", "<x>");
}

static void custom_patterns_use_others_and_go_first(void **state)
{
    (void)state;
    check("%{ID:id}: %{B:b}", "ID [0-9A-F]{7,12}\r\n\n# none\n  B %{ID}-%{INT:n}\n", "id b n",
          "B88C4120838: BDC22A77854-7", "B88C4120838|BDC22A77854-7|7");
    check("%{WORD:a}", "WORD [a-c]+", "a", "xxabcxx", "abc");
    check("%{HOST:a}", "HOSTNAME h\\d", "a", "xx h7", "h7");
    check("%{A:a}", "A x\nA y", "a", "xy", "y");
    check("%{A:a}z", "A x|y", "a", "yz", "y");
    check("%{A:a}", "A", "a", "x",
          "!the line 'A' of input.grokCustomPatterns is no name and pattern");
    check("%{A:a}", "A-B x", "a", "x",
          "!the line 'A-B x' of input.grokCustomPatterns is no name and pattern");
}

static void wrong_patterns_say_why(void **state)
{
    (void)state;
    check("%{NONE:a}", "", "a", "x", "!there is no pattern 'NONE'");
    check("%{word:a}", "", "a", "x", "!there is no pattern 'word'");
    check("%{A:a}", "A %{B}\nB x%{A}", "a", "x", "!the pattern 'A' refers to itself");
    check("%{A:a}", "A %{A}", "a", "x", "!the pattern 'A' refers to itself");
    check("%{WORD:a", "", "a", "x", "!'%{WORD:a' has no end");
    check("%{WORD:}", "", "a", "x", "!'%{WORD:}' is no reference to a pattern");
    check("%{}", "", "a", "x", "!'%{}' is no reference to a pattern");
    check("%{WORD:a:int:b}", "", "a", "x", "!'%{WORD:a:int:b}' is no reference to a pattern");
    check("%{WORD:a=b}", "", "a", "x", "!'%{WORD:a=b}' is no reference to a pattern");
    check("%{WORD:a:date}", "", "a", "x", "!'%{WORD:a:date}' has an unknown type");
    check("%{WORD:a}(", "", "a", "x", "!end pattern with unmatched parenthesis");
}

static void expansions_are_bounded(void **state)
{
    (void)state;
    struct mr_buf custom = {0};
    for (int i = 0; i < 40; i++)
        mr_buf_printf(&custom, "N%d %%{N%d}\n", i, i + 1);
    mr_buf_append(&custom, MR_S("N40 x"));
    mr_buf_byte(&custom, '\0');
    check("%{N9}", custom.data, "n9", "x", "x");
    check("%{N8}", custom.data, "n8", "x", "!patterns are nested deeper than 32");
    mr_buf_reset(&custom);
    for (int i = 0; i < 30; i++)
        mr_buf_printf(&custom, "N%d %%{N%d}%%{N%d}\n", i, i + 1, i + 1);
    mr_buf_append(&custom, MR_S("N30 x"));
    mr_buf_byte(&custom, '\0');
    check("%{N0}", custom.data, "a", "x", "!the patterns expand to more than 65536 bytes");
    mr_buf_reset(&custom);
    for (int i = 0; i <= ATHENA_GROK_CUSTOM_MAX; i++)
        mr_buf_append(&custom, MR_S("A x\n"));
    mr_buf_byte(&custom, '\0');
    check("%{A}", custom.data, "a", "x", "!more than 1000 custom patterns");
    mr_buf_fini(&custom);
}

/* pattern, a text that it fits as a whole, one that it does not */
static const char *const builtins[][3] = {
    {"USERNAME", "a.b-c_9", "a b"},
    {"USER", "-", "@"},
    {"INT", "-12", "1.2"},
    {"BASE10NUM", "+1.5", "1."},
    {"NUMBER", ".5", "x"},
    {"BASE16NUM", "-0xfF", "0xg"},
    {"BASE16FLOAT", "0xA.8", "0x"},
    {"BOOLEAN", "TRUE", "yes"},
    {"POSINT", "10", "01"},
    {"NONNEGINT", "01", "-1"},
    {"WORD", "a_1", "a-1"},
    {"NOTSPACE", "a-\"1", "a b"},
    {"SPACE", " \t", "x"},
    {"DATA", "", NULL},
    {"GREEDYDATA", "a b", NULL},
    {"QUOTEDSTRING", "\"a \\\" b\"", "\"a\" b\""},
    {"QUOTEDSTRING", "''", "'"},
    {"QUOTEDSTRING", "`x'`", "`x'"},
    {"QS", "\"\"", "\"\\\""},
    {"UUID", "01234567-89ab-CDEF-0123-456789abcdef", "01234567-89ab-CDEF-0123-456789abcde"},
    {"MAC", "00:1b:44:11:3A:B7", "00:1b:44:11:3A"},
    {"MAC", "00-1b-44-11-3A-B7", "00-1b:44-11-3A-B7"},
    {"MAC", "001b.4411.3AB7", "001b.4411"},
    {"IPV4", "192.168.055.4", "192.168.256.4"},
    {"IPV4", "0.0.0.0", "1.2.3"},
    {"IPV6", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7"},
    {"IPV6", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8::"},
    {"IPV6", "1:2:3:4:5:6::8", "1:2:3:4:5:6:7:8:9"},
    {"IPV6", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:1.2.3.4"},
    {"IPV6", "1:2:3:4:5::1.2.3.4", "1:2:3:4:5::1.2.3.256"},
    {"IPV6", "1:2:3:4:5::7:8", "1:2:3:4:5::6:7:8"},
    {"IPV6", "1:2:3:4::6:7:8", "1:2:3:4::5:6:7:8"},
    {"IPV6", "1:2:3::5:6:7:8", "1::3::5"},
    {"IPV6", "1:2::4:5:6:7:8", "12345::1"},
    {"IPV6", "1::3:4:5:6:7:8", "g::1"},
    {"IPV6", "1::3:4:5:6:1.2.3.4", "1::3:4:5:6:7:1.2.3.4"},
    {"IPV6", "::2:3:4:5:6:7:8", "::1:2:3:4:5:6:7:8"},
    {"IPV6", "::ffff:1.2.3.4", ":::"},
    {"IPV6", "fe80::1%eth0", "fe80::1%"},
    {"IPV6", "::", ":"},
    {"IP", "::1", "host"},
    {"HOSTNAME", "a-1.b_2.example.", "-a"},
    {"HOST", "localhost", ".a"},
    {"IPORHOST", "2001:db8::1", "a:b"},
    {"HOSTPORT", "a.b:80", "a.b:0"},
    {"PATH", "/usr/lib64/a_b-c.so", "usr/lib"},
    {"PATH", "C:\\a b\\c", "C:\\a?"},
    {"UNIXPATH", "/", "/a b"},
    {"TTY", "/dev/pts/12", "/dev/pts"},
    {"TTY", "/dev/ttyq1", "/dev/sda1"},
    {"URIPROTO", "svn+ssh", "a1"},
    {"URIHOST", "example.com:8080", "example.com:"},
    {"URIPATH", "/a/b.html", "/a?b"},
    {"URIPARAM", "?a=b&c[]=1", "a=b"},
    {"URIPATHPARAM", "/a?b=1", "?b=1"},
    {"URI", "https://me:secret@example.com:8/a?b=c#d", "example.com/a"},
    {"MONTH", "September", "Sept"},
    {"MONTHNUM", "12", "13"},
    {"MONTHNUM2", "09", "9"},
    {"MONTHDAY", "31", "32"},
    {"DAY", "Tuesday", "Tues"},
    {"YEAR", "2026", "123"},
    {"HOUR", "23", "24"},
    {"MINUTE", "59", "60"},
    {"SECOND", "60,123", "61"},
    {"TIME", "7:15:00.5", "07:15"},
    {"DATE", "12/31/2026", "32/12/2026"},
    {"DATE_US", "7-3-26", "13/1/26"},
    {"DATE_EU", "31.12.2026", "31.13.2026"},
    {"DATESTAMP", "31.12.2026 10:11:12", "31.12.2026"},
    {"DATESTAMP_US", "7/3/2026-10:11:12", "7/3/2026T10:11:12"},
    {"DATESTAMP_EU", "3/7/2026 10:11:12", "3/7/2026 10:11"},
    {"ISO8601_TIMEZONE", "+0130", "+1"},
    {"ISO8601_SECOND", "60", "x"},
    {"TIMESTAMP_ISO8601", "2017-09-12 12:10:34,972", "2017-09-12"},
    {"TIMESTAMP_ISO8601", "2017-09-12T12:10Z", "2017-13-12T12:10Z"},
    {"TZ", "PST", "CET"},
    {"DATESTAMP_RFC822", "Fri Jul 3 2026 10:11:12 UTC", "Fri Jul 3 2026 10:11:12"},
    {"DATESTAMP_RFC2822", "Fri, 3 Jul 2026 10:11:12 +0000", "Fri 3 Jul 2026 10:11:12 +0000"},
    {"DATESTAMP_OTHER", "Fri Jul 3 10:11:12 EST 2026", "Fri Jul 3 10:11:12 2026"},
    {"DATESTAMP_EVENTLOG", "20260703101112", "2026-07-03"},
    {"CISCOTIMESTAMP", "Jul 3 10:11:12", "Jul  3 10:11:12"},
    {"SYSLOGTIMESTAMP", "Jul  3 10:11:12", "Jul 10:11:12"},
    {"HTTPDATE", "03/Jul/2026:10:11:12 +0000", "03/07/2026:10:11:12 +0000"},
    {"PROG", "postfix/smtpd", "a b"},
    {"SYSLOGPROG", "postfix/smtpd[19305]", "postfix/smtpd[]"},
    {"SYSLOGHOST", "m4eastmail", "-"},
    {"SYSLOGFACILITY", "<1.2>", "<1>"},
    {"SYSLOGBASE", "Jul  3 10:11:12 <1.2> host cron:", "Jul  3 10:11:12 host"},
    {"MESSAGESLOG", "Jul  3 10:11:12 host cron: done", "host cron: done"},
    {"LOGLEVEL", "warning", "wARN"},
    {"LOGLEVEL", "INFO", "information"},
    {"LOGLEVEL", "EMERGENCY", "|lert"},
};

static void built_in_patterns_match_what_they_are_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < MR_COUNT(builtins); i++) {
        char format[64];
        (void)snprintf(format, sizeof format, "^%%{%s:x}$", builtins[i][0]);
        check(format, "", "x", builtins[i][1], builtins[i][1]);
        if (builtins[i][2] != NULL)
            check(format, "", "x", builtins[i][2], "none");
    }
}

static void built_in_patterns_of_logs_have_columns(void **state)
{
    (void)state;
    const char *columns = "clientip ident auth timestamp verb request httpversion rawrequest "
                          "response bytes referrer agent";
    check("%{COMBINEDAPACHELOG}", "", columns,
          "10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a.gif HTTP/1.0\" 200 2326 "
          "\"http://x/\" \"Mozilla/4.08 [en]\"",
          "10.0.0.1|-|frank|10/Oct/2000:13:55:36 -0700|GET|/a.gif|1.0|-|200|2326|\"http://x/\"|"
          "\"Mozilla/4.08 [en]\"");
    check("%{COMMONAPACHELOG}", "", columns,
          "::1 - - [10/Oct/2000:13:55:36 -0700] \"\\x16\\x03\" 400 -",
          "::1|-|-|10/Oct/2000:13:55:36 -0700|-|-|-|\\x16\\x03|400|-|-|-");
    check("%{COMMONAPACHELOG_DATATYPED}", "", columns,
          "h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 304 -",
          "h|-|-|10/Oct/2000:13:55:36 -0700|GET|/|-|-|304|-|-|-");
    check("%{SYSLOGBASE} %{GREEDYDATA:rest}", "",
          "syslogbase timestamp logsource program pid facility rest",
          "Feb  9 07:15:00 m4eastmail postfix/smtpd[19305]: B88C4120838: connect",
          "Feb  9 07:15:00 m4eastmail postfix/smtpd[19305]:|Feb  9 07:15:00|m4eastmail|"
          "postfix/smtpd|19305|-|B88C4120838: connect");
}

static void columns_are(const char *format, const char *custom, const char *wanted)
{
    struct mr_arena arena;
    struct athena_grok_column *columns;
    struct mr_slice why = MR_S("");
    struct mr_buf found = {0};
    size_t count = 0;
    mr_arena_init(&arena);
    if (athena_grok_columns(&arena, mr_slice_cstr(format), mr_slice_cstr(custom), &columns, &count,
                            &why) != MR_OK)
        mr_buf_printf(&found, "!%.*s", MR_ARG(why));
    for (size_t i = 0; i < count; i++)
        mr_buf_printf(&found, "%s%.*s:%.*s", i > 0 ? " " : "", MR_ARG(columns[i].name),
                      MR_ARG(columns[i].type));
    mr_buf_byte(&found, '\0');
    assert_string_equal(found.data, wanted);
    mr_buf_fini(&found);
    mr_arena_fini(&arena);
}

static void what_references_name_are_columns(void **state)
{
    (void)state;
    columns_are("%{INT:b:int} %{WORD:A} %{WORD} %{INT:B:long}", "", "b:int a:");
    columns_are("%{OUT:x} %{USER:u}", "OUT %{IN}%{INT:y:byte}\nIN %{WORD:z}", "x: z: y:byte u:");
    columns_are("x", "", "");
    columns_are("%{NONE:a}", "", "!there is no pattern 'NONE'");
    struct mr_buf many = {0};
    for (int i = 0; i <= ATHENA_GROK_COLUMNS_MAX; i++)
        mr_buf_printf(&many, "%%{INT:c%d}", i);
    mr_buf_byte(&many, '\0');
    columns_are(many.data, "", "!more than 100 columns");
    mr_buf_fini(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_become_columns),
        cmocka_unit_test(what_references_name_are_columns),
        cmocka_unit_test(custom_patterns_use_others_and_go_first),
        cmocka_unit_test(wrong_patterns_say_why),
        cmocka_unit_test(expansions_are_bounded),
        cmocka_unit_test(built_in_patterns_match_what_they_are_for),
        cmocka_unit_test(built_in_patterns_of_logs_have_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
