/* athena/ipaddress.h: Trino's type IPADDRESS: 128 bits, those of IPv4 mapped into IPv6
 * (::ffff:a.b.c.d), in the order of networks.
 *
 * Inside DuckDB an address is a UHUGEINT, a type that nothing else here has: it is ordered and
 * hashed as an address is, and is known for one wherever it comes out. */
#pragma once
#include "base/buf.h"

struct athena_ipaddress {
    uint64_t low, high; /* the last and the first 64 bits: as DuckDB lays a UHUGEINT out */
};
/* "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"; neither zones (%eth0), which
 * Java drops or looks up, nor ports. */
bool athena_ipaddress_parse(struct mr_slice text, struct athena_ipaddress *ret);
/* Of 4 or 16 bytes. */
bool athena_ipaddress_from_bytes(struct mr_slice bytes, struct athena_ipaddress *ret);
void athena_ipaddress_bytes(struct athena_ipaddress address, unsigned char ret_bytes[static 16]);
/* As RFC 5952 has it; mapped IPv4 with points. */
void athena_ipaddress_print(struct mr_buf *buf, struct athena_ipaddress address);

/* Is it in the network, "10.0.0.0/8" or "2001:db8::/32"? False: `error` has what is wrong with the
 * network, behind Athena's name for that. */
bool athena_ipaddress_in(struct mr_slice network, struct athena_ipaddress address,
                         bool *ret_contained, struct mr_buf *error);
