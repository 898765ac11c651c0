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

/* The instruction's result comes three cycles after it was asked for, and each cycle one may be
 * asked for: so three parts of a block are done side by side. Afterwards a part's rest is moved
 * over the zeros that stand for the parts behind it, which is linear: one look for each byte. */
enum { LANE_BYTES = 256, BLOCK_BYTES = 3 * LANE_BYTES };
static uint32_t table_over_lane[4][256];

static void lanes_init(void)
{
    static const char zeros[LANE_BYTES];
    for (int at = 0; at < 4; at++)
        for (uint32_t byte = 0; byte < 256; byte++)
            table_over_lane[at][byte] =
                crc32c_by_instruction(byte << (8 * at), mr_slice_make(zeros, sizeof(zeros)));
}

static uint32_t over_lane(uint32_t rest)
{
    return table_over_lane[0][rest & 0xff] ^ table_over_lane[1][rest >> 8 & 0xff] ^
           table_over_lane[2][rest >> 16 & 0xff] ^ table_over_lane[3][rest >> 24];
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_block(uint32_t crc, const uint8_t *in)
{
    uint64_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < LANE_BYTES; i += 8) {
        a = _mm_crc32_u64(a, load_little_endian(in + i));
        b = _mm_crc32_u64(b, load_little_endian(in + LANE_BYTES + i));
        c = _mm_crc32_u64(c, load_little_endian(in + 2 * LANE_BYTES + i));
    }
    return over_lane(over_lane((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t crc32c_block(uint32_t crc, const uint8_t *in)
{
    uint32_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < LANE_BYTES; i += 8) {
        a = __crc32cd(a, load_little_endian(in + i));
        b = __crc32cd(b, load_little_endian(in + LANE_BYTES + i));
        c = __crc32cd(c, load_little_endian(in + 2 * LANE_BYTES + i));
    }
    return over_lane(over_lane(a) ^ b) ^ c;
}
#else
static uint32_t crc32c_block(uint32_t crc, const uint8_t *in)
{
    return crc32c_by_instruction(crc, mr_slice_make(in, BLOCK_BYTES));
}
#endif

static void init(void)
{
    tables_init();
    if (has_crc32c_instruction)
        lanes_init();
}

uint32_t mr_crc32(uint32_t crc, struct mr_slice bytes)
{
    return bytes.len == 0 ? crc : libdeflate_crc32(crc, bytes.ptr, bytes.len);
}

uint32_t mr_crc32c_portable(uint32_t crc, struct mr_slice bytes)
{
    pthread_once(&tables_once, init);
    return ~(uint32_t)crc_by_table(table_crc32c, ~crc, bytes);
}

uint32_t mr_crc32c(uint32_t crc, struct mr_slice bytes)
{
    pthread_once(&tables_once, init);
    if (!has_crc32c_instruction)
        return mr_crc32c_portable(crc, bytes);
    uint32_t rest = ~crc;
    const char *in = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, in += BLOCK_BYTES)
        rest = crc32c_block(rest, (const uint8_t *)in);
    return ~crc32c_by_instruction(rest, mr_slice_make(in, left));
}

uint64_t mr_crc64nvme(uint64_t crc, struct mr_slice bytes)
{
    pthread_once(&tables_once, init);
    return ~crc_by_table(table_crc64nvme, ~crc, bytes);
}
