/* The faults of DynamoDB. */
#include "dynamodb/recovery.h"

const struct protocol_fault dynamodb_not_found = {"ResourceNotFoundException", 400, false};
const struct protocol_fault dynamodb_in_use = {"ResourceInUseException", 400, false};
const struct protocol_fault dynamodb_condition_failed = {"ConditionalCheckFailedException", 400,
                                                         false};
const struct protocol_fault dynamodb_limit_exceeded = {"LimitExceededException", 400, false};
const struct protocol_fault dynamodb_canceled = {"TransactionCanceledException", 400, false};
const struct protocol_fault dynamodb_token_mismatch = {"IdempotentParameterMismatchException", 400,
                                                       false};
const struct protocol_fault dynamodb_no_policy = {"PolicyNotFoundException", 400, false};
const struct protocol_fault dynamodb_duplicate = {"DuplicateItemException", 400, false};
const struct protocol_fault dynamodb_table_not_found = {"TableNotFoundException", 400, false};
const struct protocol_fault dynamodb_table_in_use = {"TableInUseException", 400, false};
const struct protocol_fault dynamodb_table_exists = {"TableAlreadyExistsException", 400, false};
const struct protocol_fault dynamodb_backup_not_found = {"BackupNotFoundException", 400, false};
const struct protocol_fault dynamodb_backup_in_use = {"BackupInUseException", 400, false};
const struct protocol_fault dynamodb_continuous_unavailable = {
    "ContinuousBackupsUnavailableException", 400, false};
const struct protocol_fault dynamodb_recovery_unavailable = {
    "PointInTimeRecoveryUnavailableException", 400, false};
const struct protocol_fault dynamodb_invalid_restore_time = {"InvalidRestoreTimeException", 400,
                                                             false};
const struct protocol_fault dynamodb_invalid_export_time = {"InvalidExportTimeException", 400,
                                                            false};
const struct protocol_fault dynamodb_export_conflict = {"ExportConflictException", 400, false};
const struct protocol_fault dynamodb_export_not_found = {"ExportNotFoundException", 400, false};
const struct protocol_fault dynamodb_import_conflict = {"ImportConflictException", 400, false};
const struct protocol_fault dynamodb_import_not_found = {"ImportNotFoundException", 400, false};
const struct protocol_fault dynamodb_not_implemented = {"NotImplemented", 501, true};

enum mr_status dynamodb_refuse(struct protocol_call *call, enum mr_status status,
                               struct mr_slice error)
{
    if (status == MR_FAULT)
        return protocol_fail_slice(call, &protocol_serialization, error);
    return protocol_fail_slice(call, &protocol_validation, error);
}
