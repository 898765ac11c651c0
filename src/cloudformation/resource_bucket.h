/* cloudformation/resource_bucket.h: properties of AWS::S3::Bucket that S3's operations have under
 * other names. Each sets what changed; false: the resource failed. */
#pragma once
#include "cloudformation/resource.h"

/* A request about the bucket of the call. */
void bucket_request(struct request *request, struct resource_call *call, const char *operation);

bool bucket_set_cors(struct resource_call *call);
bool bucket_set_lifecycle(struct resource_call *call);
bool bucket_set_notifications(struct resource_call *call);
bool bucket_set_replication(struct resource_call *call);
bool bucket_set_lock(struct resource_call *call);
bool bucket_set_logging(struct resource_call *call);
bool bucket_set_website(struct resource_call *call);
