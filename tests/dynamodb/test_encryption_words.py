"""SSESpecification: what contradicts itself, and what is so already."""

import pytest

from .conftest import KEY, make_table

INVALID = "One or more parameter values were invalid: "
ARN = "arn:aws:kms:us-east-1:000000000000:key/abc"

CONTRADICTIONS = [
    (
        {"Enabled": False, "SSEType": "KMS"},
        "SSEType can not be specified if Enabled is false",
    ),
    (
        {"Enabled": False, "KMSMasterKeyId": ARN},
        "KMSMasterKeyId can not be specified if Enabled is false",
    ),
    (
        {"Enabled": True, "KMSMasterKeyId": ARN},
        "SSEType KMS is required if KMSMasterKeyId is specified",
    ),
    ({"Enabled": True, "SSEType": "AES256"}, "SSEType AES256 is not supported"),
    ({"SSEType": "KMS"}, "SSEType can not be specified if Enabled is false"),
]


@pytest.mark.parametrize("wish, text", CONTRADICTIONS, ids=[text for _, text in CONTRADICTIONS])
def test_what_contradicts_itself(api, table, fresh, refused, wish, text):
    refused(
        "ValidationException",
        INVALID + text,
        make_table,
        client=api,
        name=fresh(),
        keys=KEY["hash"],
        SSESpecification=wish,
    )
    refused(
        "ValidationException",
        INVALID + text,
        api.update_table,
        TableName=table,
        SSESpecification=wish,
    )


def test_what_is_so_already_is_no_change(api, table, refused):
    def update(**wish):
        return api.update_table(TableName=table, SSESpecification=wish)

    refused(
        "ValidationException",
        INVALID + "Table is already encrypted by default",
        update,
        Enabled=False,
    )
    update(Enabled=True, SSEType="KMS", KMSMasterKeyId=ARN)
    refused(
        "ValidationException",
        INVALID + "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId "
        "parameter if you want to change Master Key",
        update,
        Enabled=True,
        SSEType="KMS",
        KMSMasterKeyId=ARN,
    )
    update(Enabled=True, SSEType="KMS", KMSMasterKeyId=ARN + "d")
    update(Enabled=False)
    assert "SSEDescription" not in api.describe_table(TableName=table)["Table"]
