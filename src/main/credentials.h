/* main/credentials.h: access keys from a file in the form of ~/.aws/credentials. */
#pragma once
#include "protocol/protocol.h"

enum { CREDENTIALS_MAX = 1000 };
/* Reads [section]s with aws_access_key_id, aws_secret_access_key and, optionally, aws_session_token
 * into the arena. MR_FAIL_IO: cannot be read; MR_INVALID: a section lacks one of the two, a line is
 * neither, or there is none: `message` says which. */
MR_MUST_USE enum mr_status credentials_read(struct mr_arena *arena, const char *path,
                                            struct protocol_credential **ret_credentials,
                                            size_t *ret_count, char message[static 256]);
