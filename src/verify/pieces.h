/* verify/pieces.h: what an object's or a record's bytes are made of. Pure.
 *
 * A piece is a JSON value, whatever stands between them, or else a line. What names a change inside
 * a piece is its sequence number: 21 digits as a table's stream shows them, 56 as Kinesis does. */
#pragma once
#include "base/slice.h"

/* Cuts the next piece off `*rest`, without blanks around it. False: nothing is left. */
bool verify_piece_next(struct mr_slice *rest, struct mr_slice *ret_piece);
/* Cuts the text up to and with the next sequence number off `*rest` and gives the position that it
 * stands for. False: there is none. */
bool verify_token_next(struct mr_slice *rest, int64_t *ret_position);
