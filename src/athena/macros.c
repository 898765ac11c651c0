/* Functions that DuckDB's SQL can say: macros, made once. */
#include "athena/scalars.h"

/* `a` and `i` of mr_subscript are written out once, so that a[1][2][3] does not grow eightfold.
 * mr_error is for what TRY must see, error() for the rest: a constant that fails by it is tried
 * once, not again at each level around it. */
static const char *const macros[] = {
    "mr_distinct(l) AS list_filter(l, lambda mr_x, mr_i: len(list_filter(l[1:mr_i - 1], lambda "
    "mr_y: mr_y IS NOT DISTINCT FROM mr_x)) = 0)",
    "mr_any(t) AS CASE WHEN t IS NULL THEN NULL WHEN list_contains(t, true) THEN true WHEN "
    "len(list_filter(t, lambda mr_b: mr_b IS NULL)) > 0 THEN NULL ELSE false END",
    "mr_all(t) AS CASE WHEN t IS NULL THEN NULL WHEN list_contains(t, false) THEN false WHEN "
    "len(list_filter(t, lambda mr_b: mr_b IS NULL)) > 0 THEN NULL ELSE true END",
    /* Where each key stands first; mr_p is (entries, keys). */
    "mr_keyed(l) AS row(l, list_transform(l, lambda mr_e: struct_extract_at(mr_e, 1)))",
    "mr_firsts(l) AS list_sort(list_transform(list_distinct(l), lambda mr_k: list_position(l, "
    "mr_k)))",
    "mr_first_entries(l) AS list_transform([mr_keyed(l)], lambda mr_p: map_from_entries("
    "list_transform(mr_firsts(struct_extract_at(mr_p, 2)), lambda mr_i: struct_extract_at(mr_p, "
    "1)[mr_i])))[1]",
    "mr_group_entries(l) AS list_transform([mr_keyed(l)], lambda mr_p: map_from_entries("
    "list_transform(mr_firsts(struct_extract_at(mr_p, 2)), lambda mr_i: row(struct_extract_at("
    "mr_p, 2)[mr_i], list_transform(list_filter(struct_extract_at(mr_p, 1), lambda mr_e: "
    "struct_extract_at(mr_e, 1) = struct_extract_at(mr_p, 2)[mr_i]), lambda mr_e: "
    "struct_extract_at(mr_e, 2))))))[1]",
    "mr_set_of(l) AS CASE WHEN list_aggregate(l, 'count') < len(l) THEN "
    "list_append(list_distinct(l), "
    "NULL) ELSE list_distinct(l) END",
    "mr_some_keys(l) AS CASE WHEN len(list_filter(l, lambda mr_e: struct_extract_at(mr_e, 1) IS "
    "NOT "
    "NULL)) > 0 THEN l END",
    "mr_keyed_all(l) AS CASE WHEN len(list_filter(l, lambda mr_e: struct_extract_at(mr_e, 1) IS "
    "NULL)) > 0 THEN mr_error('INVALID_FUNCTION_ARGUMENT: map key cannot be null') ELSE l END",
    "mr_union_entries(l) AS mr_first_entries(list_transform(l, lambda mr_e: row(mr_e.key, "
    "mr_e.value)))",
    "mr_cosine(a, b) AS list_sum(list_transform(a, lambda mr_x: mr_x.value * "
    "coalesce(list_filter(b, lambda mr_y: mr_y.key = mr_x.key)[1].value, 0))) / "
    "(sqrt(list_sum(list_transform(a, lambda mr_x: mr_x.value * mr_x.value))) * "
    "sqrt(list_sum(list_transform(b, lambda mr_x: mr_x.value * mr_x.value))))",
    /* The 4,096 least hashes of what was seen, as hexadecimal digits: how close they lie tells how
     * many there are, within 1.6 %. */
    "mr_sketch(l) AS unhex(array_to_string(list_sort(list_distinct(l))[1:4096], ''))",
    "mr_hashes(b) AS list_transform([hex(b)], lambda mr_h: list_transform(range(0, length(mr_h) // "
    "16), lambda mr_i: lower(substr(mr_h, mr_i * 16 + 1, 16))))[1]",
    "mr_sketch_count(b) AS CASE WHEN octet_length(b) < 32768 THEN CAST(octet_length(b) // 8 AS "
    "BIGINT) ELSE CAST(round(4095 * 18446744073709551616.0e0 / CAST(CAST('0x' || right(hex(b), 16) "
    "AS UBIGINT) AS DOUBLE)) AS BIGINT) END",
    "mr_set_digest(l) AS list_transform([list_filter(l, lambda mr_x: mr_x IS NOT NULL)], lambda "
    "mr_s: CASE WHEN len(mr_s) > 0 THEN mr_s END)[1]",
    /* The least hashes, each once: what is kept of a large set to compare it by. */
    "mr_least_hashes(l) AS list_sort(list_distinct(l))[1:8192]",
    "mr_jaccard_of(a, b) AS CAST(len(list_intersect(list_intersect(a, b), list_sort(list_distinct("
    "list_concat(a, b)))[1:least(len(a), len(b))])) AS DOUBLE) / least(len(a), len(b))",
    "mr_jaccard(a, b) AS list_transform([row(mr_least_hashes(a), mr_least_hashes(b))], lambda "
    "mr_p: "
    "mr_jaccard_of(struct_extract_at(mr_p, 1), struct_extract_at(mr_p, 2)))[1]",
    "mr_ranked(l, q) AS CASE WHEN q < 0 OR q > 1 THEN error('INVALID_FUNCTION_ARGUMENT: "
    "Percentile "
    "must be between 0 and 1') ELSE l[least(CAST(floor(q * len(l)) AS BIGINT) + 1, len(l))] END",
    "mr_split(s, d, n) AS CASE WHEN d IS NULL OR n IS NULL THEN NULL WHEN len(string_split(s, d)) "
    "> mr_least(n, "
    "1, 'Limit must be "
    "positive') THEN "
    "list_append(string_split(s, d)[1:n - 1], substr(s, CAST(coalesce(list_sum(list_transform("
    "string_split(s, d)[1:n - 1], lambda mr_x: length(mr_x))), 0) AS BIGINT) + (n - 1) * length(d) "
    "+ 1)) ELSE string_split(s, d) END",
    /* array_to_string, whose separator must be a constant. */
    "mr_join(l, s) AS list_transform([list_filter(l, lambda mr_x: mr_x IS NOT NULL)], lambda mr_l: "
    "CASE WHEN len(mr_l) > 0 THEN list_reduce(mr_l, lambda mr_x, mr_y: mr_x || s || mr_y) END)[1]",
    "mr_split_part(s, d, n) AS CASE WHEN n <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: Index "
    "must "
    "be greater than zero') ELSE string_split(s, d)[n] END",
    "mr_subscript(a, i) AS list_transform([row(a, i)], lambda mr_p: CASE WHEN "
    "struct_extract_at(mr_p, 2) > len(struct_extract_at(mr_p, 1)) THEN "
    "error('INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array "
    "length: "
    "' || struct_extract_at(mr_p, 2) || ' > ' || len(struct_extract_at(mr_p, 1))) WHEN "
    "struct_extract_at(mr_p, 2) = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices "
    "start "
    "at 1') WHEN struct_extract_at(mr_p, 2) < 0 THEN error('INVALID_FUNCTION_ARGUMENT: Array "
    "subscript is negative: ' || struct_extract_at(mr_p, 2)) ELSE struct_extract_at(mr_p, "
    "1)[struct_extract_at(mr_p, 2)] END)[1]",
    "mr_map_key(m, k) AS list_transform([row(m, k)], lambda mr_p: CASE WHEN "
    "struct_extract_at(mr_p, 1) "
    "IS NULL OR struct_extract_at(mr_p, 2) IS NULL THEN NULL WHEN NOT "
    "map_contains(struct_extract_at(mr_p, 1), struct_extract_at(mr_p, 2)) THEN "
    "error('INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || "
    "mr_text(struct_extract_at(mr_p, 2))) ELSE struct_extract_at(mr_p, "
    "1)[struct_extract_at(mr_p, 2)] END)[1]",
    "mr_element(a, i) AS list_transform([row(a, i)], lambda mr_p: CASE WHEN "
    "struct_extract_at(mr_p, 2) = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices "
    "start "
    "at 1') ELSE struct_extract_at(mr_p, 1)[struct_extract_at(mr_p, 2)] END)[1]",
    "mr_entropy(l) AS CASE WHEN list_min(l) < 0 THEN error('INVALID_FUNCTION_ARGUMENT: Entropy "
    "count argument must be non-negative') ELSE coalesce(list_sum(list_transform(list_filter(l, "
    "lambda mr_x: mr_x > 0), "
    "lambda mr_x: mr_x / list_sum(l) * log2(list_sum(l) / mr_x))), 0.0e0) END",
    "mr_listagg(t) AS CASE WHEN strlen(t) > 1048576 THEN error('INVALID_FUNCTION_ARGUMENT: "
    "Concatenated string has the length in bytes larger than the maximum output length 1048576') "
    "ELSE t END",
    /* value, weight, value, weight, ... */
    "mr_pairs(l) AS list_transform([l], lambda mr_l: map_from_entries(list_transform(range(0, "
    "len(mr_l) // 2), lambda mr_i: row(mr_l[mr_i * 2 + 1], mr_l[mr_i * 2 + 2]))))[1]",
    /* A sum of 64 bits as it overflows, and its bytes, the least first. */
    "mr_wrapped(s) AS mr_reverse(mr_to_big_endian(CAST(CASE WHEN s & 18446744073709551615 > "
    "9223372036854775807 THEN (s & 18446744073709551615) - 18446744073709551616 ELSE s & "
    "18446744073709551615 END AS BIGINT), 8))",
    /* A zone's name, or its distance from UTC: +01:00. */
    "mr_zone_shift(z) AS to_minutes(CAST(left(z, 1) || '1' AS BIGINT) * (CAST(substr(z, 2, 2) AS "
    "BIGINT) * 60 + CAST(substr(z, 5, 2) AS BIGINT)))",
    "mr_zone_local(z, t) AS CASE WHEN left(z, 1) IN ('+', '-') THEN timezone('UTC', t) + "
    "mr_zone_shift(z) ELSE timezone(z, t) END",
    "mr_zone_instant(z, t) AS CASE WHEN left(z, 1) IN ('+', '-') THEN timezone('UTC', t - "
    "mr_zone_shift(z)) ELSE timezone(z, t) END",
    /* How far a zone is from UTC, by what its clocks show at an instant. */
    "mr_far(l, i) AS list_transform([CAST(epoch(l) - epoch(timezone('UTC', i)) AS BIGINT) // 60], "
    "lambda mr_m: printf('%s%02d:%02d', CASE WHEN mr_m < 0 THEN '-' ELSE '+' END, abs(mr_m) // 60, "
    "abs(mr_m) % 60))[1]",
    /* Those that are not NULL; none is NULL. */
    "mr_values(l) AS nullif(list_filter(l, lambda mr_x: mr_x IS NOT NULL), [])",
    "mr_finite(x) AS CASE WHEN isfinite(x) THEN x END",
    /* How many of the greatest or the least are asked for. */
    "mr_n(n, what) AS mr_limit(mr_least(n, 1, what || ' must be a positive integer'), 10000, what "
    "|| ' must be less than or equal to 10000; found ' || n)",
    /* Microseconds as an interval of whole milliseconds, rounded half up. */
    "mr_whole_milliseconds(d) AS to_microseconds(d + 500 - ((d + 500) % 1000 + 1000) % 1000)",
    "mr_only_utc(z, t) AS CASE WHEN z IS NULL OR z = 'UTC' THEN t ELSE error('NOT_SUPPORTED: "
    "values "
    "whose time zones are not written in the query are not supported here, but for UTC: ' || z) "
    "END",
    /* What Java's isWhitespace is true of: all blanks but those that do not break. */
    "mr_blanks() AS chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(28) || chr(29) || "
    "chr(30) || chr(31) || ' \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a"
    "\u2028\u2029\u205f\u3000'",
    /* The zone behind a text's time or day, as Trino names it. */
    "mr_zone_name(z) AS CASE WHEN lower(z) IN ('', 'z', 'utc', 'ut', 'uct', 'gmt', 'gmt0', "
    "'greenwich', 'universal', 'zulu') OR regexp_matches(z, '^[+-]0?0(:?00)?$') THEN 'UTC' WHEN "
    "left(z, 1) IN ('+', '-') THEN left(z, 1) || lpad(regexp_extract(z, '^.([0-9]{1,2})', 1), 2, "
    "'0') || ':' || rpad(regexp_extract(z, '^.[0-9]{1,2}:?([0-9]{2})$', 1), 2, '0') ELSE z END",
    "mr_has_zone(x) AS regexp_matches(x, '(?::[0-9.]+ *|^ *[0-9-]+ +)([+-][0-9:]+|"
    "[A-Za-z][A-Za-z0-9_/+-]*) *$')",
    /* A day alone gets its time, a distance of one digit another, UTC the name that DuckDB knows.
     */
    "mr_zone_padded(x) AS regexp_replace(regexp_replace(regexp_replace(x, '([0-9]) "
    "*(?i:z|ut|uct|gmt"
    "|gmt0|greenwich|universal|zulu) *$', '\\1 UTC'), '^( *[0-9-]+) +([+-][0-9:]+|"
    "[A-Za-z][A-Za-z0-9_/+-]*) *$', '\\1 00:00:00 \\2'), '([+-])([0-9])$', '\\10\\2')",
    "mr_text_zone(x) AS mr_zone_name(regexp_extract(x, '(?::[0-9.]+ *|^ *[0-9-]+ +)([+-][0-9:]+|"
    "[A-Za-z][A-Za-z0-9_/+-]*) *$', 1))",
    /* Offsets of window frames. */
    "mr_offset(n, what) AS CASE WHEN n IS NULL THEN error('INVALID_WINDOW_FRAME: Window frame ' || "
    "what || ' offset must not be null') WHEN n < 0 THEN error('INVALID_WINDOW_FRAME: Window frame "
    "' || what || ' offset must not be negative') ELSE n END",
    "mr_starting(n) AS mr_offset(CAST(n AS BIGINT), 'starting')",
    "mr_ending(n) AS mr_offset(CAST(n AS BIGINT), 'ending')",
    "mr_range(n, zero) AS CASE WHEN n >= zero THEN n ELSE error('INVALID_WINDOW_FRAME: Window "
    "frame offset value must not be negative or null') END",
    /* NaN is greater than no number to max_by. */
    "mr_order_key(x) AS CASE WHEN x IS NOT NULL THEN row(NOT isnan(x), x) END",
    /* DuckDB's is that of a sample. */
    "mr_population_skewness(s, n) AS s * (n - 2) / sqrt(n * (n - 1))",
    /* DuckDB lets sums grow beyond 38 digits. */
    "mr_digits38(d) AS CASE WHEN length(ltrim(translate(CAST(d AS VARCHAR), '-.', ''), '0')) > 38 "
    "THEN error('NUMERIC_VALUE_OUT_OF_RANGE: Decimal overflow') ELSE d END",
    /* Teradata's letters of a pattern as Joda's. */
    "mr_teradata(f) AS replace(replace(replace(f, 'hh24', 'HH'), 'mm', 'MM'), 'mi', 'mm')",
    "mr_utf16(o) AS CASE WHEN o < 65536 THEN printf('%04X', o) ELSE printf('%04X%04X', 55296 + ((o "
    "- 65536) >> 10), 56320 + ((o - 65536) & 1023)) END",
    "mr_char2hexint(s) AS CASE WHEN s = '' THEN '' ELSE array_to_string(list_transform("
    "string_split(s, ''), lambda mr_c: mr_utf16(ord(mr_c))), '') END",
    "mr_days(i) AS CASE WHEN ((hour(i) * 60 + minute(i)) * 60 + second(i)) % 86400 <> 0 THEN "
    "error('INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds to a date') ELSE i "
    "END",
    /* The entries of a text, each with one delimiter; nothing behind the last one is none. */
    "mr_split_pair(e, k) AS CASE WHEN len(string_split(e, k)) <> 2 THEN "
    "mr_error('INVALID_FUNCTION_ARGUMENT: Key-value delimiter must appear exactly once in each "
    "entry. "
    "Bad input: ''' || e || '''') ELSE row(split_part(e, k, 1), split_part(e, k, 2)) END",
    "mr_split_once(l) AS CASE WHEN len(list_distinct(list_transform(l, lambda mr_e: "
    "struct_extract_at(mr_e, 1)))) < len(l) THEN mr_error('INVALID_FUNCTION_ARGUMENT: Duplicate "
    "keys "
    "(' || list_filter(l, lambda mr_e, mr_i: len(list_filter(l[1:mr_i - 1], lambda mr_f: "
    "struct_extract_at(mr_f, 1) = struct_extract_at(mr_e, 1))) > 0)[1][1] || ') are not allowed') "
    "ELSE l END",
    "mr_split_entries(s, d, k) AS list_transform(CASE WHEN d IS NULL OR k IS NULL THEN NULL WHEN d "
    "= "
    "'' THEN "
    "mr_error('INVALID_FUNCTION_ARGUMENT: entryDelimiter is empty') WHEN k = '' THEN "
    "mr_error('INVALID_FUNCTION_ARGUMENT: keyValueDelimiter is empty') WHEN d = k THEN "
    "mr_error('INVALID_FUNCTION_ARGUMENT: entryDelimiter and keyValueDelimiter must not be the "
    "same') "
    "WHEN s = '' OR ends_with(s, d) THEN string_split(s, d)[:-2] ELSE string_split(s, d) END, "
    "lambda mr_e: mr_split_pair(mr_e, k))",
    "mr_split_pairs(s, d, k, once) AS CASE WHEN once THEN mr_split_once(mr_split_entries(s, d, k)) "
    "ELSE mr_split_entries(s, d, k) END",
    "mr_pieces(s, d) AS CASE WHEN d IS NULL THEN NULL WHEN d = '' THEN "
    "mr_error('INVALID_FUNCTION_ARGUMENT: The delimiter "
    "may "
    "not be the empty string') ELSE string_split(s, d) END",
    "mr_hive_bucket(l, n) AS (list_reduce(l, lambda mr_x, mr_y: mr_hive_mix(mr_x, mr_y)) & "
    "2147483647) % n",
    /* As Trino shows what is empty. */
    "mr_geometry_shown(g) AS CASE g WHEN 'LINESTRING EMPTY' THEN 'MULTILINESTRING EMPTY' WHEN "
    "'POLYGON EMPTY' THEN 'MULTIPOLYGON EMPTY' ELSE g END",
    /* Lists of geometries and tiles, and the text that stands for one: ';' is in none of them. */
    "mr_geometries(t) AS CASE WHEN t = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(t, ';') END",
    "mr_geometries_text(l) AS array_to_string(list_transform(l, lambda mr_g: coalesce(mr_g, '')), "
    "';')",
    /* Java's decoder takes texts without the signs that fill the last group. */
    "mr_padded64(t) AS t || repeat('=', CASE length(t) % 4 WHEN 2 THEN 2 WHEN 3 THEN 1 ELSE 0 END)",
    /* Student's distribution, by the beta distribution. */
    "mr_t_pdf(x, d) AS CASE WHEN d <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: df must be "
    "greater "
    "than 0') ELSE exp(lgamma((d + 1) / 2) - lgamma(d / 2)) / sqrt(d * pi()) * pow(1 + x * x / d, "
    "-(d + 1) / 2) END",
    "mr_t_cdf(x, d) AS CASE WHEN d <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: df must be "
    "greater "
    "than 0') WHEN x >= 0 THEN 1 - mr_beta_cdf(d / 2, 0.5e0, d / (d + x * x)) / 2 ELSE "
    "mr_beta_cdf(d / 2, 0.5e0, d / (d + x * x)) / 2 END",
    "mr_json_parse(t) AS CAST(mr_json_sorted(t) AS JSON)",
    "mr_map(k, v) AS CASE WHEN len(k) <> len(v) THEN mr_error('INVALID_FUNCTION_ARGUMENT: Key and "
    "value arrays must be the same length') ELSE map(k, v) END",
};

bool athena_macros_make(bool (*make)(void *ctx, const char *sql), void *ctx)
{
    struct mr_buf sql = {0};
    bool fine = true;
    for (size_t i = 0; i < MR_COUNT(macros) && fine; i++) {
        mr_buf_reset(&sql);
        mr_buf_printf(&sql, "CREATE OR REPLACE MACRO %s", macros[i]);
        mr_buf_byte(&sql, '\0');
        fine = make(ctx, sql.data);
    }
    mr_buf_fini(&sql);
    return fine;
}
