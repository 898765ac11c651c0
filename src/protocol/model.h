/* protocol/model.h: the tables of AWS's service models, made from models/<service>.json at build
 * time.
 *
 * Everything is constant and without pointers except the few in struct model_service, so the
 * tables need no relocation at start-up and are paged in only where they are used. Names are
 * offsets into the service's text pool (model_text); shapes, members and enum values are indices.
 * Members keep the order of botocore's model; operations are sorted by name. */
#pragma once
#include "base/slice.h"

enum model_type {
    MODEL_STRUCTURE,
    MODEL_LIST,
    MODEL_MAP,
    MODEL_STRING,
    MODEL_INTEGER,
    MODEL_LONG,
    MODEL_FLOAT,
    MODEL_DOUBLE,
    MODEL_BOOLEAN,
    MODEL_BLOB,
    MODEL_TIMESTAMP
};
enum model_protocol { MODEL_JSON, MODEL_REST_JSON, MODEL_REST_XML, MODEL_QUERY, MODEL_CBOR };
enum model_location {
    MODEL_AT_BODY,
    MODEL_AT_URI,
    MODEL_AT_QUERY,   /* one member of the URI's query */
    MODEL_AT_HEADER,  /* one header */
    MODEL_AT_HEADERS, /* all headers with the prefix `wire`, as a map */
    MODEL_AT_STATUS
};
enum model_time { MODEL_TIME_DEFAULT, MODEL_TIME_UNIX, MODEL_TIME_ISO8601, MODEL_TIME_RFC822 };

enum model_member_flags {
    MODEL_REQUIRED = 1,
    MODEL_MEMBER_FLATTENED = 2,
    MODEL_XML_ATTRIBUTE = 4,
    MODEL_PAYLOAD = 8, /* the body is this member alone */
    MODEL_MEMBER_STREAMING = 16,
    MODEL_JSONVALUE = 32,
    MODEL_TABLE_NAME = 64, /* DynamoDB's TableName where it has checks and words of its own */
};
enum model_shape_flags {
    MODEL_FLATTENED = 1,
    MODEL_SENSITIVE = 2,
    MODEL_STREAMING = 4,
    MODEL_UNION = 8,
    MODEL_DOCUMENT = 16,
    MODEL_EVENTSTREAM = 32,
    MODEL_OPAQUE = 64, /* looked into by its service only: DynamoDB's AttributeValue */
    MODEL_HAS_MIN = 128,
    MODEL_HAS_MAX = 256,
    MODEL_TABLE_ARN = 1024, /* DynamoDB's name of a table, or its ARN, for which no rule holds */
    MODEL_PLAIN_MAP = 512,  /* a map of opaque values: only their type is looked at */
};
enum model_operation_flags { MODEL_UNWRAPPED = 1, MODEL_UNSIGNED = 2 };

enum { MODEL_NONE = 0xffff }; /* no such shape or member */

struct model_member {
    uint32_t name;  /* the model's name; "member", "key", "value" inside lists and maps */
    uint32_t wire;  /* locationName, or the name again */
    uint16_t shape; /* index */
    uint8_t location;
    uint8_t flags;
};

struct model_shape {
    int64_t min, max;
    uint32_t name;
    uint32_t members; /* index of the first one; a list has one, a map two: key, value */
    uint32_t pattern; /* text, 0: none */
    uint32_t enums;   /* index of the first one */
    uint16_t member_count;
    uint16_t enum_count;
    uint16_t payload; /* member number or MODEL_NONE */
    uint16_t flags;
    uint8_t type;
    uint8_t time;
};

struct model_operation {
    uint32_t name;
    uint32_t method;
    uint32_t uri;
    uint32_t wrapper; /* query: the result's element */
    uint32_t root;    /* restXml: the reply's root element, 0: the output shape's name */
    uint32_t errors;  /* index into error_lists */
    uint16_t error_count;
    uint16_t input, output; /* shape or MODEL_NONE */
    uint16_t status;
    uint8_t flags;
};

struct model_error {
    uint32_t code;
    uint32_t message; /* name of its message member: "message", "Message"; 0: unknown */
    uint32_t shape_name;
    uint16_t status;
    bool sender;
};

struct model_service {
    const char *name;             /* "dynamodb" */
    const char *signing_name;     /* in credential scopes */
    const char *target_prefix;    /* "DynamoDB_20120810", or "" */
    const char *api_version;      /* "2012-08-10" */
    const char *json_version;     /* "1.0", or "" */
    const char *xml_namespace;    /* or "" */
    const char *service_id;       /* "DynamoDB" */
    enum model_protocol protocol; /* the one its clients use by default */
    uint16_t operation_count, shape_count, error_count;
    const char *pool;
    const struct model_operation *operations;
    const struct model_shape *shapes;
    const struct model_member *members;
    const struct model_error *errors; /* sorted by code */
    const uint32_t *enums;
    const uint16_t *error_lists;
};

/* All services, in the order of their names; model_service_count of them. */
extern const struct model_service *const model_services[];
extern const size_t model_service_count;
const struct model_service *model_service_find(struct mr_slice name);

/* A text of the pool. NUL-terminated as well. */
static inline struct mr_slice model_text(const struct model_service *service, uint32_t at)
{
    const unsigned char *text = (const unsigned char *)service->pool + at;
    return mr_slice_make(text, (size_t)text[-2] | (size_t)text[-1] << 8);
}
static inline const struct model_shape *model_shape_at(const struct model_service *service,
                                                       uint16_t index)
{
    return index == MODEL_NONE ? NULL : &service->shapes[index];
}
static inline const struct model_member *model_members(const struct model_service *service,
                                                       const struct model_shape *shape)
{
    return &service->members[shape->members];
}
/* NULL when there is none. */
const struct model_operation *model_operation_find(const struct model_service *service,
                                                   struct mr_slice name);
const struct model_member *model_member_find(const struct model_service *service,
                                             const struct model_shape *shape, struct mr_slice name);
const struct model_error *model_error_find(const struct model_service *service,
                                           struct mr_slice code);
