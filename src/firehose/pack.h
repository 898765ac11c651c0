/* firehose/pack.h: an object's bytes in the form that CompressionFormat names. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZIP,           /* one entry */
    COMPRESSION_SNAPPY,        /* the framing of snappy-java's SnappyOutputStream */
    COMPRESSION_HADOOP_SNAPPY, /* the framing of Hadoop's SnappyCodec */
    COMPRESSIONS,
};
/* "GZIP" and so on; COMPRESSIONS: no such name. */
enum compression compression_named(struct mr_slice name);
struct mr_slice compression_extension(enum compression compression); /* ".gz"; may be empty */
/* Content-Encoding as AWS gives it: "gzip", "zip", "snappy-java", "hadoop-snappy"; or empty. */
struct mr_slice compression_encoding(enum compression compression);
/* Appends the packed bytes. `name` and `time_ms` are of the zip's entry. */
void compression_pack(struct mr_buf *buf, enum compression compression, struct mr_slice bytes,
                      struct mr_slice name, int64_t time_ms);
/* One raw block of Snappy, without framing. */
void compression_snappy(struct mr_buf *buf, struct mr_slice bytes);
