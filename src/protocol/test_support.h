/* protocol/test_support.h: an HTTP exchange without sockets, so that tests see whole requests and
 * replies. */
#pragma once
#include "protocol/protocol.h"

struct test_reply {
    int status;
    struct mr_slice body;
    bool from_file;
    uint64_t file_len;
    uint64_t content_length; /* told for HEAD; UINT64_MAX: not */
    int64_t ticket;
    bool begun; /* a reply of unknown length; `body` is what was written */
    bool sent;  /* or ended */
};

struct test_request {
    const char *method, *target;
    const char *const *headers; /* name, value, name, value..., NULL */
    struct mr_slice body;
    size_t piece; /* streamed bodies come in pieces of so many bytes; 0: whole */
    bool broken;  /* the peer goes away before the end of the body */
    int broken_status;
};

/* 2026-01-02T03:04:05Z */
enum { TEST_NOW_S = 1767323045 };

struct protocol *test_protocol_new(void);
struct protocol *test_protocol_signed_new(const struct protocol_credential *credentials,
                                          size_t count);
void test_protocol_free(struct protocol *protocol);
extern int64_t test_now_ms;
extern enum mr_status test_write_answer; /* of http_reply_write */
/* The reply lives until test_reset. */
const struct test_reply *test_send(struct protocol *protocol, const struct test_request *request);
/* Value of a reply header of the last reply, or an empty slice. */
struct mr_slice test_reply_header(const char *name);
void test_reset(void);
/* POST / with this target and body. */
const struct test_reply *test_json(struct protocol *protocol, const char *target, const char *body);
#define assert_body(reply, text) test_assert_slice((reply)->body, (text), __FILE__, __LINE__)
#define assert_slice(slice, text) test_assert_slice((slice), (text), __FILE__, __LINE__)
void test_assert_slice(struct mr_slice actual, const char *expected, const char *file, int line);
