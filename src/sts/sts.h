/* sts/sts.h: who am I. */
#pragma once
#include "protocol/protocol.h"

struct sts;
MR_MUST_USE enum mr_status sts_open(struct sts **ret_sts);
void sts_register(struct sts *sts, struct protocol *protocol);
void sts_close(struct sts *sts); /* accepts NULL */
