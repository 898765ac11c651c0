/* word_stem: Snowball's stemmers, of libstemmer. */
#include "athena/rows.h"
#include <libstemmer.h>
#include <stdlib.h>

enum { WORD_BYTES_MAX = 1 << 20 /* some of the stemmers look at what is before each letter */ };

/* Trino's names of languages, by Snowball's. */
static const struct {
    const char *language, *stemmer;
} languages[] = {
    {"ca", "catalan"},    {"da", "danish"},   {"de", "german"},    {"en", "english"},
    {"es", "spanish"},    {"eu", "basque"},   {"fi", "finnish"},   {"fr", "french"},
    {"hu", "hungarian"},  {"hy", "armenian"}, {"ir", "irish"},     {"it", "italian"},
    {"lt", "lithuanian"}, {"nl", "dutch"},    {"no", "norwegian"}, {"pt", "portuguese"},
    {"ro", "romanian"},   {"ru", "russian"},  {"sv", "swedish"},   {"tr", "turkish"},
};

static const char *stemmer_of(struct mr_slice language)
{
    for (size_t i = 0; i < MR_COUNT(languages); i++) {
        if (mr_slice_equal(language, mr_slice_cstr(languages[i].language)))
            return languages[i].stemmer;
    }
    return NULL;
}

/* mr_word_stem(word, language) */
static bool word_stem(struct athena_row *row)
{
    struct mr_slice word = athena_row_slice(row, 0), language = athena_row_slice(row, 1);
    const char *name = stemmer_of(language);
    if (name == NULL)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Unknown stemmer language: %.*s",
                               MR_ARG(language));
    if (word.len > WORD_BYTES_MAX)
        return athena_row_fail(row, "NOT_SUPPORTED: a word of more than %d bytes", WORD_BYTES_MAX);
    struct sb_stemmer *stemmer = sb_stemmer_new(name, "UTF_8");
    if (stemmer == NULL)
        return athena_row_fail(row, "NOT_SUPPORTED: libstemmer has no language %s", name);
    const sb_symbol *stem = sb_stemmer_stem(stemmer, (const sb_symbol *)word.ptr, (int)word.len);
    if (stem == NULL)
        abort(); /* out of memory */
    athena_row_put_text(row, mr_slice_make((const char *)stem, (size_t)sb_stemmer_length(stemmer)));
    sb_stemmer_delete(stemmer);
    return true;
}

enum mr_status athena_stem_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_word_stem",
         {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR},
         DUCKDB_TYPE_VARCHAR,
         word_stem},
    };
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
