/* What the operations have in common. */
#include "ssm/internal.h"
#include "protocol/document.h"
#include <stdlib.h>

const struct protocol_fault ssm_not_found = {"ParameterNotFound", 400, false};

yyjson_val *ssm_doc(struct protocol_call *call, struct mr_slice name)
{
    struct ssm *ssm = call->service;
    return protocol_document(call, ssm->options.store, "ssm", "parameter", name);
}

void ssm_put(struct protocol_call *call, struct mr_slice name, struct mr_slice json)
{
    struct ssm *ssm = call->service;
    protocol_document_put(call, ssm->options.store, "ssm", "parameter", name, json);
}

void ssm_drop(struct protocol_call *call, struct mr_slice name)
{
    struct ssm *ssm = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    ssm_history_drop(call, &entry, name);
    store_doc_delete(&entry, "ssm", "parameter", name);
    protocol_commit(call, ssm->options.store, &entry);
}

struct mr_slice ssm_name(struct protocol_call *call, struct mr_slice name_or_arn)
{
    const struct mr_slice mark = MR_S(":parameter/");
    const size_t at = mr_slice_search(name_or_arn, mark);
    if (!mr_slice_starts_with(name_or_arn, MR_S("arn:")) || at == SIZE_MAX)
        return name_or_arn;
    const struct mr_slice path = mr_slice_sub(name_or_arn, at + mark.len - 1, SIZE_MAX);
    const struct mr_slice name = mr_slice_sub(path, 1, SIZE_MAX);
    /* A name without a hierarchy stands behind the slash as it is; of two readings that exist, AWS
     * has one only. */
    return mr_slice_find(name, '/') == SIZE_MAX && ssm_doc(call, name) != NULL ? name : path;
}

enum mr_status ssm_open(struct ssm **ret_ssm, const struct ssm_options *options)
{
    struct ssm *ssm = mr_calloc(1, sizeof *ssm);
    ssm->options = *options;
    pthread_mutex_init(&ssm->lock, NULL);
    *ret_ssm = ssm;
    return MR_OK;
}

void ssm_register(struct ssm *ssm, struct protocol *protocol)
{
    protocol_register(protocol, "ssm", ssm_write_handlers, ssm_write_handler_count, ssm);
    protocol_register(protocol, "ssm", ssm_read_handlers, ssm_read_handler_count, ssm);
    protocol_register(protocol, "ssm", ssm_history_handlers, ssm_history_handler_count, ssm);
}

void ssm_close(struct ssm *ssm)
{
    if (ssm == NULL)
        return;
    pthread_mutex_destroy(&ssm->lock);
    free(ssm);
}
