#include "base/codec.h"
#include <libdeflate.h>
#include <pthread.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

/* CRC-32C and CRC-64/NVME, both bit-reflected and inverted at start and end. The tables of eight
 * steps handle eight bytes at a time; table[k][b] is the remainder of byte b followed by k zero
 * bytes. */

static const uint64_t poly_crc32c = UINT64_C(0x82f63b78);
static const uint64_t poly_crc64nvme = UINT64_C(0x9a6c9329ac4bc9b5);

static uint64_t table_crc32c[8][256];
static uint64_t table_crc64nvme[8][256];
static bool has_crc32c_instruction;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_table(uint64_t table[8][256], uint64_t poly)
{
    for (uint64_t byte = 0; byte < 256; byte++) {
        uint64_t rest = byte;
        for (int bit = 0; bit < 8; bit++)
            rest = (rest & 1) != 0 ? rest >> 1 ^ poly : rest >> 1;
        table[0][byte] = rest;
    }
    for (int step = 1; step < 8; step++) {
        for (int byte = 0; byte < 256; byte++) {
            uint64_t rest = table[step - 1][byte];
            table[step][byte] = rest >> 8 ^ table[0][rest & 0xff];
        }
    }
}

static void tables_init(void)
{
    fill_table(table_crc32c, poly_crc32c);
    fill_table(table_crc64nvme, poly_crc64nvme);
#if defined(__x86_64__)
    has_crc32c_instruction = __builtin_cpu_supports("sse4.2");
#elif defined(__aarch64__)
    has_crc32c_instruction = (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#endif
}

static uint64_t load_little_endian(const uint8_t *in)
{
    uint64_t word;
    memcpy(&word, in, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* A CRC of up to 64 bits; `rest` is already inverted. */
static uint64_t crc_by_table(uint64_t table[8][256], uint64_t rest, struct mr_slice bytes)
{
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    size_t i = 0;
    for (; bytes.len - i >= 8; i += 8) {
        uint64_t word = load_little_endian(in + i) ^ rest;
        rest = table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^ table[5][word >> 16 & 0xff] ^
               table[4][word >> 24 & 0xff] ^ table[3][word >> 32 & 0xff] ^
               table[2][word >> 40 & 0xff] ^ table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
    }
    for (; i < bytes.len; i++)
        rest = rest >> 8 ^ table[0][(rest ^ in[i]) & 0xff];
    return rest;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_by_instruction(uint32_t crc,
                                                                        struct mr_slice bytes)
{
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    uint64_t rest = crc;
    size_t i = 0;
    for (; bytes.len - i >= 8; i += 8)
        rest = _mm_crc32_u64(rest, load_little_endian(in + i));
    for (; i < bytes.len; i++)
        rest = _mm_crc32_u8((uint32_t)rest, in[i]);
    return (uint32_t)rest;
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t crc32c_by_instruction(uint32_t crc,
                                                                      struct mr_slice bytes)
{
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    size_t i = 0;
    for (; bytes.len - i >= 8; i += 8)
        crc = __crc32cd(crc, load_little_endian(in + i));
    for (; i < bytes.len; i++)
        crc = __crc32cb(crc, in[i]);
    return crc;
}
#else
static uint32_t crc32c_by_instruction(uint32_t crc, struct mr_slice bytes)
{
    return (uint32_t)crc_by_table(table_crc32c, crc, bytes);
}
#endif

uint32_t mr_crc32(uint32_t crc, struct mr_slice bytes)
{
    return bytes.len == 0 ? crc : libdeflate_crc32(crc, bytes.ptr, bytes.len);
}

uint32_t mr_crc32c_portable(uint32_t crc, struct mr_slice bytes)
{
    pthread_once(&tables_once, tables_init);
    return ~(uint32_t)crc_by_table(table_crc32c, ~crc, bytes);
}

uint32_t mr_crc32c(uint32_t crc, struct mr_slice bytes)
{
    pthread_once(&tables_once, tables_init);
    if (!has_crc32c_instruction)
        return mr_crc32c_portable(crc, bytes);
    return ~crc32c_by_instruction(~crc, bytes);
}

uint64_t mr_crc64nvme(uint64_t crc, struct mr_slice bytes)
{
    pthread_once(&tables_once, tables_init);
    return ~crc_by_table(table_crc64nvme, ~crc, bytes);
}
