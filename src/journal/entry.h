/* journal/entry.h: the bytes of an entry: encode, decode, check. Pure: no I/O, no lock.
 *
 * The stored format heads entry.c. Private to this folder. */
#pragma once
#include "journal/journal.h"

enum {
    JOURNAL_FILE_HEADER_BYTES = 64,
    JOURNAL_ENTRY_HEADER_BYTES = 40,
    JOURNAL_OP_HEADER_BYTES = 24,
    JOURNAL_ENTRY_BYTES_MAX = 32 << 20,
};

/* An entry's header, decoded. */
struct journal_entry {
    int64_t position, time_ms;
    uint32_t length; /* of all its bytes, header and padding included; a multiple of 8 */
    uint32_t count;  /* ops */
    /* How far behind the durable position was when it was appended: every byte before
     * position - unsynced was on disk by then, which recovery uses to tell a torn tail from damage.
     */
    uint32_t unsynced;
    uint32_t body_crc;
};

/* Bytes of an entry of these ops; 0 when they are more than JOURNAL_ENTRY_BYTES_MAX. */
size_t journal_entry_size(const struct journal_op *ops, size_t count);
uint32_t journal_entry_body_crc(const struct journal_op *ops, size_t count);
/* Writes entry->length bytes and sets each op's position and time. */
void journal_entry_encode(const struct journal_entry *entry, struct journal_op *ops, char *out);

/* Reads and checks the header at `data`, which must be that of the entry at `position` and whose
 * entry must end within `room` bytes. False: it is none. The body is not looked at. */
bool journal_entry_decode(const char *data, size_t room, int64_t position,
                          struct journal_entry *ret_entry);
bool journal_entry_body_is_good(const char *data, const struct journal_entry *entry);
/* Reads the op at `data`; its position is left to the caller. Returns its bytes with the padding;
 * 0 when it does not fit into `room`. */
size_t journal_op_decode(const char *data, size_t room, struct journal_op *ret_op);

/* Header of a segment file. */
void journal_file_header_encode(int64_t first, char out[static JOURNAL_FILE_HEADER_BYTES]);
bool journal_file_header_decode(const char *data, size_t len, int64_t *ret_first);
