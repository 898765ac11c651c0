"""The catalog's resource policy: what it denies is refused."""

import json

import pytest

from glue.conftest import ROLE, refused

ACCOUNT = "000000000000"
ARN = f"arn:aws:glue:us-east-1:{ACCOUNT}"


@pytest.fixture
def guarded(own_server):
    """A client of a catalog with two databases; guarded.deny(action, *resources)."""
    glue = own_server.client("glue")
    for name in ("open", "kept"):
        glue.create_database(DatabaseInput={"Name": name})
        glue.create_table(DatabaseName=name, TableInput={"Name": "t"})
    glue.server = own_server

    def deny(action, *resources, **more):
        glue.put_resource_policy(PolicyInJson=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Deny", "Principal": "*", "Action": action,
                "Resource": [f"{ARN}:{resource}" for resource in resources], **more}]}))

    glue.deny = deny
    return glue


def test_a_table_is_denied_by_itself_its_database_and_the_catalog(guarded):
    for resource in ("table/kept/t", "table/kept/*", "database/kept", "catalog", "*"):
        guarded.deny("glue:GetTable", resource)
        message = refused(guarded.get_table, "AccessDeniedException", DatabaseName="KEPT", Name="T")
        assert message.startswith(
            f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: glue:GetTable on "
            f"resource: {ARN}:"), message
        assert message.endswith("with an explicit deny in a resource-based policy")
        assert guarded.get_tables(DatabaseName="kept")["TableList"]
        if resource not in ("catalog", "*"):
            assert guarded.get_table(DatabaseName="open", Name="t")
        guarded.delete_resource_policy()
        assert guarded.get_table(DatabaseName="kept", Name="t")


def test_a_denied_change_changes_nothing(guarded):
    guarded.deny(["glue:Create*", "glue:Update*", "glue:*Delete*", "glue:BatchCreatePartition"],
                 "database/kept", "table/kept/*", "userDefinedFunction/kept/*")
    table = {"DatabaseName": "kept", "TableName": "t"}
    for call, arguments in (
            (guarded.update_database, {"Name": "kept", "DatabaseInput": {"Name": "kept"}}),
            (guarded.delete_database, {"Name": "kept"}),
            (guarded.create_table, {"DatabaseName": "kept", "TableInput": {"Name": "new"}}),
            (guarded.update_table, {"DatabaseName": "kept", "TableInput": {"Name": "t"}}),
            (guarded.delete_table, {"DatabaseName": "kept", "Name": "t"}),
            (guarded.batch_delete_table, {"DatabaseName": "kept", "TablesToDelete": ["t"]}),
            (guarded.create_partition, {**table, "PartitionInput": {"Values": []}}),
            (guarded.create_user_defined_function, {"DatabaseName": "kept", "FunctionInput": {
                "FunctionName": "f", "ClassName": "c"}})):
        refused(call, "AccessDeniedException", **arguments)
    assert guarded.get_table(DatabaseName="kept", Name="t")["Table"]["VersionId"] == "0"
    guarded.delete_table(DatabaseName="open", Name="t")
    guarded.deny("glue:BatchDeleteTable", "table/open/secret")
    refused(guarded.batch_delete_table, "AccessDeniedException", DatabaseName="open",
            TablesToDelete=["t", "secret"])


def test_what_is_no_part_of_the_catalog_has_no_policy(guarded):
    guarded.deny("glue:*", "*")
    refused(guarded.get_databases, "AccessDeniedException")
    guarded.create_crawler(Name="c", Role=ROLE, DatabaseName="kept",
                           Targets={"S3Targets": [{"Path": "s3://lake/x/"}]})
    assert guarded.get_crawler(Name="c") and guarded.get_classifiers()["Classifiers"] == []
    guarded.delete_resource_policy()
    assert len(guarded.get_databases()["DatabaseList"]) == 2


def test_a_policy_holds_after_a_kill_and_as_its_conditions_do(guarded):
    guarded.deny("glue:GetDatabase", "database/kept",
                 Condition={"StringEquals": {"aws:PrincipalAccount": "111122223333"}})
    assert guarded.get_database(Name="kept")
    guarded.deny("glue:GetDatabase", "database/kept",
                 Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}})
    refused(guarded.get_database, "AccessDeniedException", Name="kept")
    guarded.server.kill9()
    guarded.server.start()
    refused(guarded.server.client("glue").get_database, "AccessDeniedException", Name="kept")
