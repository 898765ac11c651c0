"""Error codes that the models do not declare with each operation, but AWS answers all the same."""

# What the layers in front of every JSON service answer.
_FRONT = {
    "AccessDeniedException", "ExpiredTokenException", "IncompleteSignatureException",
    "InvalidSignatureException", "MissingAuthenticationTokenException", "SerializationException",
    "UnknownOperationException", "UnrecognizedClientException", "ThrottlingException",
    "RequestEntityTooLargeException",
}
_VALIDATED = _FRONT | {"ValidationException"}
_QUERY = {
    "AccessDenied", "ExpiredToken", "IncompleteSignature", "InvalidAction", "InvalidClientTokenId",
    "InvalidParameterCombination", "InvalidParameterValue", "MalformedInput",
    "MissingAction", "MissingAuthenticationToken", "MissingParameter", "RequestExpired",
    "SignatureDoesNotMatch", "Throttling", "ValidationError",
}

COMMON = {
    "athena": _FRONT | {"InvalidRequestException"},
    "cloudformation": _QUERY,
    "cloudwatch": _QUERY | _VALIDATED,
    "dynamodb": _VALIDATED,
    "dynamodbstreams": _VALIDATED,
    "firehose": _VALIDATED,
    "glue": _VALIDATED,
    "iam": _QUERY,
    "kinesis": _VALIDATED,
    "lambda": _VALIDATED,
    "logs": _FRONT | {"InvalidParameterException"},
    "pipes": _VALIDATED | {"BadRequestException"},
    "ssm": _VALIDATED,
    "sts": _QUERY,
}

# The status of a common error where it is always the same.
STATUS = {
    "ValidationException": 400,
    "ValidationError": 400,
    "SerializationException": 400,
    "UnknownOperationException": 400,
}

# S3's models declare next to nothing; these are its API reference's codes, as far as buckets and
# objects can meet them.
S3_CODES = {
    "AccessControlListNotSupported", "AccessDenied", "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError", "BadDigest", "BadRequest", "BucketAlreadyExists",
    "BucketAlreadyOwnedByYou", "BucketNotEmpty", "ConditionalRequestConflict", "EntityTooLarge",
    "InvalidBucketAclWithBlockPublicAccessError", "InvalidBucketAclWithObjectOwnership",
    "EntityTooSmall", "ExpiredToken", "IllegalLocationConstraintException",
    "CrossLocationLoggingProhibitted", "InvalidTargetBucketForLogging",
    "IllegalVersioningConfigurationException", "IncompleteBody", "InvalidAccessKeyId",
    "InvalidArgument", "InvalidBucketName",
    "InvalidBucketOwnerAWSAccountID", "InvalidBucketState", "InvalidDigest",
    "InvalidEncodingMethod", "InvalidEncryptionAlgorithmError", "InvalidLocationConstraint",
    "InvalidObjectState", "InvalidPart", "InvalidPartNumber", "InvalidPartOrder",
    "InvalidPolicyDocument", "InvalidRange", "InvalidRequest", "InvalidRetentionPeriod",
    "InvalidStorageClass", "InvalidTag", "InvalidToken", "InvalidURI", "KeyTooLongError",
    "MalformedACLError", "MalformedPolicy", "MalformedTrailerError",
    "MalformedXML", "MetadataTooLarge", "MethodNotAllowed",
    "MissingContentLength", "MissingRequestBodyError", "MissingSecurityHeader", "NoSuchBucket",
    "NoSuchBucketPolicy", "NoSuchConfiguration", "NoSuchCORSConfiguration", "NoSuchKey",
    "NoSuchLifecycleConfiguration",
    "NoSuchObjectLockConfiguration", "NoSuchPublicAccessBlockConfiguration", "NoSuchTagSet",
    "NoSuchUpload", "NoSuchVersion", "NoSuchWebsiteConfiguration", "NotImplemented", "NotModified",
    "ObjectLockConfigurationNotFoundError", "OperationAborted", "OwnershipControlsNotFoundError",
    "PolicyTooLarge", "PreconditionFailed", "ReplicationConfigurationNotFoundError",
    "RequestTimeTooSkewed",
    "RequestTimeout", "ServerSideEncryptionConfigurationNotFoundError", "SignatureDoesNotMatch",
    "SlowDown", "TooManyBuckets", "UnexpectedContent", "UnresolvableGrantByEmailAddress",
    "UnsupportedArgument", "XAmzContentSHA256Mismatch",
}

# Where AWS was seen to answer what its own model does not list: (shape, value) of enums.
ENUM_DEVIATIONS = {
    # AWS: events of a stack itself show the stack's statuses, which its model lists elsewhere.
    ("ResourceStatus", "REVIEW_IN_PROGRESS"),
    ("ResourceStatus", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
    ("ResourceStatus", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
    # AWS: an update in progress has the reason of a creation (recorded 2022 to 2026).
    ("LastUpdateStatusReasonCode", "Creating"),
    # AWS: versions are listed with the class they have; the model knows one class alone.
    *(("ObjectVersionStorageClass", name) for name in (
        "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER",
        "DEEP_ARCHIVE", "REDUCED_REDUNDANCY")),
}
