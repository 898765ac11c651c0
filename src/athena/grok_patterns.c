#include "athena/grok.h"

/* The built-in patterns that AWS Glue's guide lists, by their names, their parts' names and what
 * they match; DATE and DATESTAMP are of the list that Athena's guide names. AWS: UNWANTED is no
 * column. */

#define HEX "[0-9A-Fa-f]"
#define H HEX "{1,4}"
#define BYTE "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define V4 BYTE "(?:\\." BYTE "){3}"
#define V4_PADDED "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"
/* Of an IPv6 address that has "::" behind `n` groups: at most `more` groups follow, or `most` and
 * an IPv4 address. */
#define SHORT(n, more, most) \
    "(?:" H ":){" #n "}(?:(?::" H "){1," #more "}|(?::" H "){0," #most "}:" V4 "|:)|"
#define LABEL "[0-9A-Za-z][0-9A-Za-z_-]{0,62}"
#define QUOTED(quote) quote "(?>\\\\.|[^\\\\" quote "]+)*" quote

static const struct {
    const char *name, *regex;
} patterns[] = {
    {"USERNAME", "[\\w.-]+"},
    {"USER", "%{USERNAME:UNWANTED}"},
    {"INT", "[+-]?[0-9]+"},
    {"BASE10NUM", "(?<![0-9.+-])(?>[+-]?(?:[0-9]+(?:\\.[0-9]+)?|\\.[0-9]+))"},
    {"NUMBER", "%{BASE10NUM:UNWANTED}"},
    {"BASE16NUM", "(?<!" HEX ")[+-]?(?:0x)?" HEX "+"},
    {"BASE16FLOAT", "\\b(?<![0-9A-Fa-f.])[+-]?(?:0x)?(?:" HEX "+(?:\\." HEX "*)?|\\." HEX "+)\\b"},
    {"BOOLEAN", "(?i:true|false)"},
    {"POSINT", "\\b[1-9][0-9]*\\b"},
    {"NONNEGINT", "\\b[0-9]+\\b"},
    {"WORD", "\\b\\w+\\b"},
    {"NOTSPACE", "\\S+"},
    {"SPACE", "\\s*"},
    {"DATA", ".*?"},
    {"GREEDYDATA", ".*"},
    {"QUOTEDSTRING", "(?<!\\\\)(?>" QUOTED("\"") "|" QUOTED("'") "|" QUOTED("`") ")"},
    {"UUID", HEX "{8}-(?:" HEX "{4}-){3}" HEX "{12}"},
    /* networks */
    {"MAC", "%{CISCOMAC:UNWANTED}|%{WINDOWSMAC:UNWANTED}|%{COMMONMAC:UNWANTED}"},
    {"CISCOMAC", "(?:" HEX "{4}\\.){2}" HEX "{4}"},
    {"WINDOWSMAC", "(?:" HEX "{2}-){5}" HEX "{2}"},
    {"COMMONMAC", "(?:" HEX "{2}:){5}" HEX "{2}"},
    {"IPV6", "(?:(?:" H ":){7}(?:" H "|:)|(?:" H ":){6}(?::" H "|" V4 "|:)|"
             "(?:" H ":){5}(?:(?::" H "){1,2}|:" V4 "|:)|" /* no more than two groups are left */
     SHORT(4, 3, 1) SHORT(3, 4, 2) SHORT(2, 5, 3) SHORT(1, 6, 4) ":(?:(?::" H "){1,7}|(?::" H
                                                                 "){0,5}:" V4 "|:))(?:%.+)?"},
    {"IPV4", "(?<![0-9])(?:" V4_PADDED "\\.){3}" V4_PADDED "(?![0-9])"},
    {"IP", "%{IPV6:UNWANTED}|%{IPV4:UNWANTED}"},
    {"HOSTNAME", "\\b" LABEL "(?:\\." LABEL ")*(?:\\.?|\\b)"},
    {"HOST", "%{HOSTNAME:UNWANTED}"},
    {"IPORHOST", "%{HOSTNAME:UNWANTED}|%{IP:UNWANTED}"},
    {"HOSTPORT", "%{IPORHOST}:%{POSINT:PORT}"},
    /* paths */
    {"PATH", "%{UNIXPATH}|%{WINPATH}"},
    {"UNIXPATH", "(?>/(?>[\\w%!$@:.,~-]+|\\\\.)*)+"},
    {"TTY", "/dev/(?:pts|tty[pq]?)(?:\\w+)?/?[0-9]+"},
    {"WINPATH", "(?>[A-Za-z]+:|\\\\)(?:\\\\[^\\\\?*]*)+"},
    {"URIPROTO", "[A-Za-z]+(?:\\+[A-Za-z+]+)?"},
    {"URIHOST", "%{IPORHOST}(?::%{POSINT:port})?"},
    {"URIPATH", "(?:/[\\w$.+!*'(){},~:;=@#%-]*)+"},
    {"URIPARAM", "\\?[\\w$.+!*'|(){},~@#%&/=:;?\\[\\]-]*"},
    {"URIPATHPARAM", "%{URIPATH}(?:%{URIPARAM})?"},
    {"URI", "%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?"},
    /* dates and times */
    {"MONTH", "\\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
              "Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\\b"},
    {"MONTHNUM", "0?[1-9]|1[0-2]"},
    {"MONTHNUM2", "0[1-9]|1[0-2]"},
    {"MONTHDAY", "0[1-9]|[12][0-9]|3[01]|[1-9]"},
    {"DAY", "Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|"
            "Sun(?:day)?"},
    {"YEAR", "(?>\\d\\d){1,2}"},
    {"HOUR", "2[0-3]|[01]?[0-9]"},
    {"MINUTE", "[0-5][0-9]"},
    {"SECOND", "(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?"},
    {"TIME", "%{HOUR}:%{MINUTE}(?::%{SECOND})(?![0-9])"},
    {"DATE_US", "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}"},
    {"DATE_EU", "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}"},
    {"DATESTAMP_US", "%{DATE_US}[- ]%{TIME}"},
    {"DATESTAMP_EU", "%{DATE_EU}[- ]%{TIME}"},
    {"DATE", "%{DATE_US}|%{DATE_EU}"},
    {"DATESTAMP", "%{DATE}[- ]%{TIME}"},
    {"ISO8601_TIMEZONE", "Z|[+-]%{HOUR}:?%{MINUTE}"},
    {"ISO8601_SECOND", "%{SECOND}|60"},
    {"TIMESTAMP_ISO8601", "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}"
                          "(?::?%{SECOND})?%{ISO8601_TIMEZONE}?"},
    {"TZ", "[PMCE][SD]T|UTC"},
    {"DATESTAMP_RFC822", "%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}"},
    {"DATESTAMP_RFC2822", "%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}"},
    {"DATESTAMP_OTHER", "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}"},
    {"DATESTAMP_EVENTLOG", "%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}"},
    {"CISCOTIMESTAMP", "%{MONTH} %{MONTHDAY} %{TIME}"},
    {"SYSLOGTIMESTAMP", "%{MONTH} +%{MONTHDAY} %{TIME}"},
    {"HTTPDATE", "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}"},
    /* logs */
    {"PROG", "[\\w./%-]+"},
    {"SYSLOGPROG", "%{PROG:program}(?:\\[%{POSINT:pid}\\])?"},
    {"SYSLOGHOST", "%{IPORHOST}"},
    {"SYSLOGFACILITY", "<%{NONNEGINT:facility}.%{NONNEGINT:priority}>"},
    {"QS", "%{QUOTEDSTRING:UNWANTED}"},
    {"SYSLOGBASE", "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} "
                   "%{SYSLOGPROG}:"},
    {"MESSAGESLOG", "%{SYSLOGBASE} %{DATA}"},
    {"Bytes", "%{NUMBER}|-"}, /* AWS: of a response of no bytes the column is "-" */
    {"COMMONAPACHELOG", "%{IPORHOST:clientip} %{USER:ident} %{USER:auth} "
                        "\\[%{HTTPDATE:timestamp}\\] \"(?:%{WORD:verb} "
                        "%{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})\" "
                        "%{NUMBER:response} %{Bytes:bytes}"},
    {"COMBINEDAPACHELOG", "%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent}"},
    {"COMMONAPACHELOG_DATATYPED",
     "%{IPORHOST:clientip} %{USER:ident:boolean} %{USER:auth} \\[%{HTTPDATE:timestamp}\\] "
     "\"(?:%{WORD:verb:string} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion:float})?|"
     "%{DATA:rawrequest})\" %{NUMBER:response:int} (?:%{NUMBER:bytes:long}|-)"},
    {"LOGLEVEL",
     "[Aa]lert|ALERT|[Tt]race|TRACE|[Dd]ebug|DEBUG|[Nn]otice|NOTICE|[Ii]nfo|INFO|[Ww]arn?(?:ing)?|"
     "WARN?(?:ING)?|[Ee]rr?(?:or)?|ERR?(?:OR)?|[Cc]rit?(?:ical)?|CRIT?(?:ICAL)?|[Ff]atal|FATAL|"
     "[Ss]evere|SEVERE|EMERG(?:ENCY)?|[Ee]merg(?:ency)?"},
};

struct mr_slice athena_grok_builtin(struct mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT(patterns); i++) {
        if (mr_slice_equal(mr_slice_cstr(patterns[i].name), name))
            return mr_slice_cstr(patterns[i].regex);
    }
    return MR_S("");
}
