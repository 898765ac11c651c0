"""What the catalog keeps beside tables: versions, indexes, statistics, functions; searches."""

import json

import pytest

from glue.conftest import refused
from glue.test_catalog import STORAGE, partition, table_input


@pytest.fixture
def place(glue, database):
    glue.create_table(DatabaseName=database, TableInput=table_input())
    return {"DatabaseName": database, "TableName": "orders"}


def versions(glue, place):
    return [row["VersionId"] for row in glue.get_table_versions(**place)["TableVersions"]]


def test_versions_are_deleted_but_not_the_one_in_use(glue, database, place):
    for text in ("1", "2", "3"):
        glue.update_table(DatabaseName=database, TableInput=table_input(Description=text))
    assert versions(glue, place) == ["3", "2", "1", "0"]
    glue.delete_table_version(**place, VersionId="1")
    reply = glue.batch_delete_table_version(**place, VersionIds=["0", "1", "3", "x"])
    codes = {row["VersionId"]: row["ErrorDetail"]["ErrorCode"] for row in reply["Errors"]}
    assert codes == {"1": "EntityNotFoundException", "3": "InvalidInputException",
                     "x": "InvalidInputException"}
    assert versions(glue, place) == ["3", "2"]
    refused(glue.get_table_version, "EntityNotFoundException", **place, VersionId="0")
    refused(glue.get_table_version, "InvalidInputException", **place, VersionId="zero")


def test_an_update_of_another_version_is_refused(glue, database, place):
    glue.update_table(DatabaseName=database, TableInput=table_input(Description="1"), VersionId="0")
    message = refused(glue.update_table, "ConcurrentModificationException", DatabaseName=database,
                      TableInput=table_input(Description="2"), VersionId="0")
    assert message == "Update table failed due to concurrent modifications."
    found = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    assert (found["Description"], found["VersionId"]) == ("1", "1")
    glue.update_table(DatabaseName=database, TableInput=table_input(), SkipArchive=True)
    assert versions(glue, place) == ["2", "0"]


def test_what_a_storage_descriptor_leaves_out_has_defaults(glue, database, place):
    glue.create_partition(**place, PartitionInput=partition("2026", "7"))
    table = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    row = glue.get_partition(**place, PartitionValues=["2026", "7"])["Partition"]
    for storage in (table["StorageDescriptor"], row["StorageDescriptor"]):
        assert storage["Compressed"] is False and storage["NumberOfBuckets"] == 0
        assert storage["BucketColumns"] == [] and storage["SortColumns"] == []
        assert storage["StoredAsSubDirectories"] is False
        assert storage["Columns"][0]["Name"] == "orderid"


def test_listings_show_only_the_attributes_that_were_asked_for(server, glue, database, place):
    # Debian's boto3 does not know the member.
    _, _, body = server.request(
        "POST", "/",
        json.dumps({"DatabaseName": database, "AttributesToGet": ["NAME", "TABLE_TYPE"]}),
        {"X-Amz-Target": "AWSGlue.GetTables", "Content-Type": "application/x-amz-json-1.1"})
    rows = json.loads(body)["TableList"]
    assert [(row["Name"], row["TableType"]) for row in rows] == [("orders", "EXTERNAL_TABLE")]
    assert "StorageDescriptor" not in rows[0]
    assert glue.get_databases(ResourceShareType="FOREIGN")["DatabaseList"] == []
    names = [row["Name"] for row in glue.get_databases(ResourceShareType="ALL")["DatabaseList"]]
    assert database in names


def test_a_pattern_has_to_fit_the_whole_name(glue, database):
    for name in ("t_1", "t_12", "t_x"):
        glue.create_table(DatabaseName=database, TableInput=table_input(name))

    def find(pattern):
        rows = glue.get_tables(DatabaseName=database, Expression=pattern)["TableList"]
        return [row["Name"] for row in rows]

    assert find(r"t_\d+") == ["t_1", "t_12"]
    assert find("t_1") == ["t_1"]
    assert find("t_1|t_x") == ["t_1", "t_x"]
    for everything in ("*", "t*", "*_*", "t.*", "t_[a-z0-9]*", r"t_\d*|t_x", "(t_[0-9x]+)*"):
        assert find(everything) == ["t_1", "t_12", "t_x"], everything
    assert find("*1*") == ["t_1", "t_12"]
    assert find("*x|t_1") == ["t_1", "t_x"]
    refused(glue.get_tables, "InvalidInputException", DatabaseName=database, Expression="(")


@pytest.mark.parametrize("pattern", [
    "((((a{1,255}){1,255}){1,255}){1,255})", "(" * 1000, "(" * 500 + "a" + ")" * 500,
    "(a*)*" * 100 + "b", "(a|a|a)*" * 50 + "b", "*" * 2000, "[" * 2000, "a{99999999999}",
], ids=lambda pattern: pattern[:12])
def test_a_pattern_that_means_harm_ends(glue, database, pattern):
    glue.create_table(DatabaseName=database, TableInput=table_input("a" * 200))
    try:
        glue.get_tables(DatabaseName=database, Expression=pattern)
    except glue.exceptions.InvalidInputException:
        pass
    assert len(glue.get_tables(DatabaseName=database)["TableList"]) == 1


def test_databases_are_not_renamed(glue, database):
    refused(glue.update_database, "InvalidInputException", Name=database,
            DatabaseInput={"Name": database + "x"})
    refused(glue.batch_delete_table, "EntityNotFoundException", DatabaseName="nope",
            TablesToDelete=["a"])


def test_what_is_not_done_for_tables_is_refused(glue, database):
    refused(glue.create_table, "NotImplemented", DatabaseName=database,
            TableInput=table_input("lakehouse"), TransactionId="1")
    refused(glue.get_tables, "NotImplemented", DatabaseName=database, QueryAsOfTime=1)


# ---- partitions ----


def test_partitions_are_updated_in_batches(glue, place):
    for month in ("1", "2", "3"):
        glue.create_partition(**place, PartitionInput=partition("2026", month))
    first = glue.get_partition(**place, PartitionValues=["2026", "1"])["Partition"]
    entries = [
        {"PartitionValueList": ["2026", "1"],
         "PartitionInput": {**partition("2026", "1"), "Parameters": {"k": "v"}}},
        {"PartitionValueList": ["2026", "2"], "PartitionInput": partition("2026", "4")},
        {"PartitionValueList": ["2026", "3"], "PartitionInput": partition("2026", "1")},
        {"PartitionValueList": ["2026", "9"], "PartitionInput": partition("2026", "9")},
        {"PartitionValueList": ["2026", "3"], "PartitionInput": {"Values": ["2026"]}},
    ]
    errors = glue.batch_update_partition(**place, Entries=entries)["Errors"]
    assert [(row["PartitionValueList"], row["ErrorDetail"]["ErrorCode"]) for row in errors] == [
        (["2026", "3"], "AlreadyExistsException"),
        (["2026", "9"], "EntityNotFoundException"),
        (["2026", "3"], "InvalidInputException")]
    assert errors[1]["ErrorDetail"]["ErrorMessage"] == "Partition [2026, 9] not found"
    rows = glue.get_partitions(**place)["Partitions"]
    assert [row["Values"][1] for row in rows] == ["1", "3", "4"]
    assert rows[0]["Parameters"] == {"k": "v"} and rows[0]["CreationTime"] == first["CreationTime"]


def test_partitions_are_listed_by_segments_and_without_columns(glue, place):
    made = [partition("2026", str(month)) for month in range(12)]
    glue.batch_create_partition(**place, PartitionInputList=made)
    found = []
    for number in range(3):
        rows = glue.get_partitions(**place, ExcludeColumnSchema=True,
                                   Segment={"SegmentNumber": number, "TotalSegments": 3})
        found += [row["Values"][1] for row in rows["Partitions"]]
        assert all("Columns" not in row["StorageDescriptor"] for row in rows["Partitions"])
    assert sorted(found, key=int) == [str(month) for month in range(12)]
    refused(glue.get_partitions, "InvalidInputException", **place,
            Segment={"SegmentNumber": 3, "TotalSegments": 3})


def test_number_keys_want_numbers(glue, place):
    refused(glue.get_partitions, "InvalidInputException", **place, Expression="month > 'June'")
    assert glue.get_partitions(**place, Expression="7 < month")["Partitions"] == []


def test_expressions_compare_by_the_types_of_their_keys(glue, database):
    place = {"DatabaseName": database, "TableName": "typed"}
    keys = [{"Name": "n", "Type": "int"}, {"Name": "day", "Type": "date"},
            {"Name": "s", "Type": "string"}]
    glue.create_table(DatabaseName=database, TableInput={"Name": "typed", "PartitionKeys": keys})
    for values in (["1", "2026-01-31", "a"], ["10", "2026-02-01", "b"]):
        glue.create_partition(**place, PartitionInput={"Values": values})

    def find(expression):
        found = glue.get_partitions(**place, Expression=expression)["Partitions"]
        return [row["Values"][2] for row in found]

    assert find("n > '9'") == ["b"]
    assert find("day > '2026-1-31'") == ["b"]
    assert find("day BETWEEN DATE '2026-01-01' AND '2026-01-31' AND NOT s = 'b'") == ["a"]
    wrong = {"n = 'x'": 'For input string: "x" is not an integer.',
             "day = '2026'": "2026 is not a date.",
             "other IS NULL": "Invalid partition expression!",
             "n = 1 AND": "Invalid partition expression!"}
    for expression, words in wrong.items():
        assert refused(glue.get_partitions, "InvalidInputException", **place,
                       Expression=expression) == words
    glue.create_partition(**place, PartitionInput={"Values": ["null", "2026-02-01", "c"]})
    assert find("s = 'c'") == ["c"]
    message = refused(glue.get_partitions, "InvalidStateException", **place, Expression="n >= 0")
    assert message == 'For input string: "null" is not an integer.'


# ---- indexes ----


def index(name, *keys):
    return {"IndexName": name, "Keys": list(keys)}


def test_partition_indexes_are_made_described_and_deleted(glue, place):
    glue.create_partition_index(**place, PartitionIndex=index("by_year", "year"))
    found = glue.get_partition_indexes(**place)["PartitionIndexDescriptorList"]
    assert found == [{"IndexName": "by_year", "Keys": [{"Name": "year", "Type": "string"}],
                      "IndexStatus": "ACTIVE"}]
    assert refused(glue.create_partition_index, "InvalidInputException", **place,
                   PartitionIndex=index("x", "nosuchcol")) == (
        "IndexKeys not a part of PartitionColumns. Verify the indexKeys : [nosuchcol]")
    assert refused(glue.create_partition_index, "AlreadyExistsException", **place,
                   PartitionIndex=index("by_year", "month")) == (
        "Partition Index by_year already exists with the same name.")
    assert refused(glue.create_partition_index, "AlreadyExistsException", **place,
                   PartitionIndex=index("other", "year")) == (
        "Partition Index by_year already exists with the same keys.")
    glue.create_partition_index(**place, PartitionIndex=index("b", "month", "year"))
    glue.create_partition_index(**place, PartitionIndex=index("c", "year", "month"))
    assert refused(glue.create_partition_index, "ResourceNumberLimitExceededException", **place,
                   PartitionIndex=index("d", "month")) == (
        "Partition index limit exceeded. Maximum: 3")
    glue.delete_partition_index(**place, IndexName="b")
    assert refused(glue.delete_partition_index, "EntityNotFoundException", **place,
                   IndexName="b") == "Index with the given indexName : b does not exist."


def test_a_table_is_made_with_its_indexes_and_takes_them_along(glue, database):
    glue.create_table(DatabaseName=database, TableInput=table_input("t"),
                      PartitionIndexes=[index("a", "year"), index("b", "month")])
    where = {"DatabaseName": database, "TableName": "t"}
    assert len(glue.get_partition_indexes(**where)["PartitionIndexDescriptorList"]) == 2
    refused(glue.create_table, "InvalidInputException", DatabaseName=database,
            TableInput=table_input("u"), PartitionIndexes=[index("a", "nope")])
    refused(glue.get_table, "EntityNotFoundException", DatabaseName=database, Name="u")
    glue.delete_table(DatabaseName=database, Name="t")
    glue.create_table(DatabaseName=database, TableInput=table_input("t"))
    assert glue.get_partition_indexes(**where)["PartitionIndexDescriptorList"] == []


# ---- statistics ----


def stats(column, most):
    return {"ColumnName": column, "ColumnType": "int", "AnalyzedTime": 1700000000,
            "StatisticsData": {"Type": "LONG", "LongColumnStatisticsData": {
                "MinimumValue": 1, "MaximumValue": most, "NumberOfNulls": 0,
                "NumberOfDistinctValues": 3}}}


def test_statistics_of_a_tables_columns(glue, place):
    assert glue.update_column_statistics_for_table(
        **place, ColumnStatisticsList=[stats("N", 10)])["Errors"] == []
    reply = glue.get_column_statistics_for_table(**place, ColumnNames=["n", "missing"])
    data = reply["ColumnStatisticsList"][0]["StatisticsData"]
    assert data["LongColumnStatisticsData"]["MaximumValue"] == 10
    assert reply["Errors"] == [{"ColumnName": "missing", "Error": {
        "ErrorCode": "EntityNotFoundException",
        "ErrorMessage": "Statistics do not exist for this column"}}]
    glue.delete_column_statistics_for_table(**place, ColumnName="n")
    glue.delete_column_statistics_for_table(**place, ColumnName="n")
    reply = glue.get_column_statistics_for_table(**place, ColumnNames=["n"])
    assert reply["ColumnStatisticsList"] == [] and len(reply["Errors"]) == 1


def test_statistics_that_do_not_fit_the_column_are_told(glue, place):
    def with_data(column, kind, **members):
        return {**stats(column, 1), "StatisticsData": {"Type": kind, **members}}

    text = {"MaximumLength": 1, "AverageLength": 1.0, "NumberOfNulls": 0,
            "NumberOfDistinctValues": 1}
    counts = {"NumberOfNulls": 0, "NumberOfDistinctValues": 1}
    wrong = {
        "Column other not found.": stats("other", 1),
        "Column n has the type int, not string": {**stats("n", 1), "ColumnType": "string"},
        "Column n of type int has no statistics of type STRING":
            with_data("n", "STRING", StringColumnStatisticsData=text),
        "StatisticsData of type STRING must hold its data alone":
            with_data("n", "STRING", LongColumnStatisticsData=counts),
        "StatisticsData of type LONG must hold its data alone": with_data("n", "LONG"),
        "StatisticsData of type DOUBLE must hold its data alone":
            with_data("n", "DOUBLE", DoubleColumnStatisticsData=counts,
                      LongColumnStatisticsData=counts),
        "MinimumValue must not be greater than MaximumValue": stats("n", 0),
    }
    right = {**with_data("ORDERID", "STRING", StringColumnStatisticsData=text),
             "ColumnType": "string"}
    reply = glue.update_column_statistics_for_table(
        **place, ColumnStatisticsList=[*wrong.values(), right])
    assert [row["Error"]["ErrorMessage"] for row in reply["Errors"]] == list(wrong)
    codes = [row["Error"]["ErrorCode"] for row in reply["Errors"]]
    assert codes == ["EntityNotFoundException"] + ["InvalidInputException"] * 6
    assert [row["ColumnStatistics"]["ColumnName"] for row in reply["Errors"]][:2] == ["other", "n"]
    found = glue.get_column_statistics_for_table(**place, ColumnNames=["n", "orderid", "other"])
    assert [row["ColumnName"] for row in found["ColumnStatisticsList"]] == ["ORDERID"]


def test_statistics_of_a_partitions_columns_go_with_it(glue, place):
    glue.create_partition(**place, PartitionInput=partition("2026", "7"))
    where = {**place, "PartitionValues": ["2026", "7"]}
    glue.update_column_statistics_for_partition(**where, ColumnStatisticsList=[stats("n", 5)])
    found = glue.get_column_statistics_for_partition(**where, ColumnNames=["n"])
    assert len(found["ColumnStatisticsList"]) == 1
    assert refused(glue.get_column_statistics_for_partition, "EntityNotFoundException", **place,
                   PartitionValues=["1", "2"], ColumnNames=["n"]) == "Partition [1, 2] not found"
    glue.delete_column_statistics_for_partition(**where, ColumnName="n")
    glue.update_column_statistics_for_partition(**where, ColumnStatisticsList=[stats("n", 5)])
    glue.delete_partition(**place, PartitionValues=["2026", "7"])
    glue.create_partition(**place, PartitionInput=partition("2026", "7"))
    found = glue.get_column_statistics_for_partition(**where, ColumnNames=["n"])
    assert found["ColumnStatisticsList"] == []


# ---- searches ----


@pytest.fixture
def searched(glue, fresh):
    word = fresh("w").replace("-", "")
    for database in "ab":
        glue.create_database(DatabaseInput={"Name": f"{word}_{database}"})
    for database, name, owner in (("a", "sales_orders", "ann"), ("b", "orders", "bob"),
                                  ("b", "returns", "ann")):
        glue.create_table(DatabaseName=f"{word}_{database}", TableInput={
            "Name": name, "Owner": owner, "StorageDescriptor": STORAGE,
            "Parameters": {"team": f"{word} {owner}"}, "Description": f"{word} rows of {name}"})
    return word


def test_tables_are_searched_by_text_filters_and_order(glue, searched):
    def find(**query):
        return [row["Name"] for row in glue.search_tables(**query)["TableList"]]

    everything = [{"Key": "Description", "Value": searched}]
    assert sorted(find(Filters=everything)) == ["orders", "returns", "sales_orders"]
    assert find(Filters=everything, SearchText="turns of") == []
    assert find(Filters=everything, SearchText="ROWS OF RET") == ["returns"]
    assert find(Filters=everything, SearchText='"orders"') == ["orders"]
    assert sorted(find(Filters=everything + [{"Key": "Name", "Value": "orders"}])) == [
        "orders", "sales_orders"]
    assert find(Filters=everything + [{"Key": "DatabaseName", "Value": f"{searched}_a"}]) == [
        "sales_orders"]
    assert sorted(find(Filters=everything + [{"Key": "team", "Value": "ann"}])) == [
        "returns", "sales_orders"]
    assert find(Filters=everything, SortCriteria=[{"FieldName": "Name", "Sort": "DESC"}]) == [
        "sales_orders", "returns", "orders"]
    assert find(Filters=everything + [
        {"Key": "CreateTime", "Value": "100", "Comparator": "LESS_THAN"}]) == []
    first = glue.search_tables(Filters=everything, MaxResults=2)
    rest = glue.search_tables(Filters=everything, MaxResults=2, NextToken=first["NextToken"])
    assert len(first["TableList"]) == 2 and len(rest["TableList"]) == 1
    assert "NextToken" not in rest
    assert find(ResourceShareType="FOREIGN") == []
    refused(glue.search_tables, "InvalidInputException",
            Filters=[{"Key": "CreateTime", "Value": "yesterday"}])
    refused(glue.search_tables, "InvalidInputException",
            SortCriteria=[{"FieldName": "Columns", "Sort": "ASC"}])


# ---- functions ----


def test_functions_are_kept_for_those_who_load_them(glue, database):
    made = {"FunctionName": "Mask", "ClassName": "com.example.Mask", "OwnerName": "me",
            "OwnerType": "USER", "ResourceUris": [{"ResourceType": "JAR", "Uri": "s3://b/m.jar"}]}
    glue.create_user_defined_function(DatabaseName=database, FunctionInput=made)
    refused(glue.create_user_defined_function, "AlreadyExistsException", DatabaseName=database,
            FunctionInput=made)
    found = glue.get_user_defined_function(DatabaseName=database, FunctionName="MASK")
    found = found["UserDefinedFunction"]
    assert (found["FunctionName"], found["ClassName"]) == ("mask", "com.example.Mask")
    assert found["DatabaseName"] == database and found["CreateTime"]
    glue.update_user_defined_function(DatabaseName=database, FunctionName="mask",
                                      FunctionInput={**made, "ClassName": "com.example.Other"})
    rows = glue.get_user_defined_functions(DatabaseName=database, Pattern="m.*")
    assert [row["ClassName"] for row in rows["UserDefinedFunctions"]] == ["com.example.Other"]
    assert glue.get_user_defined_functions(DatabaseName=database, Pattern="x.*")[
        "UserDefinedFunctions"] == []
    glue.delete_user_defined_function(DatabaseName=database, FunctionName="mask")
    refused(glue.get_user_defined_function, "EntityNotFoundException", DatabaseName=database,
            FunctionName="mask")
    refused(glue.delete_user_defined_function, "EntityNotFoundException", DatabaseName=database,
            FunctionName="mask")
    refused(glue.get_user_defined_functions, "EntityNotFoundException", DatabaseName="nope",
            Pattern=".*")


# ---- the catalog as a whole ----


def test_policies_are_put_under_conditions(own_server):
    glue = own_server.client("glue")
    text = json.dumps({"Version": "2012-10-17", "Statement": []})
    refused(glue.get_resource_policy, "EntityNotFoundException")
    refused(glue.put_resource_policy, "InvalidInputException", PolicyInJson="[]")
    refused(glue.put_resource_policy, "EntityNotFoundException", PolicyInJson=text,
            PolicyExistsCondition="MUST_EXIST")
    first = glue.put_resource_policy(PolicyInJson=text)["PolicyHash"]
    refused(glue.put_resource_policy, "ConditionCheckFailureException", PolicyInJson=text,
            PolicyExistsCondition="NOT_EXIST")
    other = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]})
    refused(glue.put_resource_policy, "ConditionCheckFailureException", PolicyInJson=other,
            PolicyHashCondition="nothing")
    second = glue.put_resource_policy(PolicyInJson=other, PolicyHashCondition=first)["PolicyHash"]
    assert second != first
    found = glue.get_resource_policy()
    assert found["PolicyInJson"] == other and found["PolicyHash"] == second
    assert found["UpdateTime"] >= found["CreateTime"]
    rows = glue.get_resource_policies()["GetResourcePoliciesResponseList"]
    assert [row["PolicyHash"] for row in rows] == [second]
    refused(glue.delete_resource_policy, "ConditionCheckFailureException",
            PolicyHashCondition=first)
    glue.delete_resource_policy(PolicyHashCondition=second)
    refused(glue.delete_resource_policy, "EntityNotFoundException")


def test_encryption_is_told_and_the_import_is_done(own_server):
    glue = own_server.client("glue")
    found = glue.get_data_catalog_encryption_settings()["DataCatalogEncryptionSettings"]
    assert found["EncryptionAtRest"]["CatalogEncryptionMode"] == "DISABLED"
    assert found["ConnectionPasswordEncryption"]["ReturnConnectionPasswordEncrypted"] is False
    glue.put_data_catalog_encryption_settings(DataCatalogEncryptionSettings={
        "EncryptionAtRest": {"CatalogEncryptionMode": "SSE-KMS", "SseAwsKmsKeyId": "alias/k"}})
    found = glue.get_data_catalog_encryption_settings()["DataCatalogEncryptionSettings"]
    assert found["EncryptionAtRest"]["SseAwsKmsKeyId"] == "alias/k"
    glue.import_catalog_to_glue()
    assert glue.get_catalog_import_status()["ImportStatus"]["ImportCompleted"] is True


def test_names_and_lists_are_checked(glue, database, place):
    refused(glue.create_database, "ValidationException", DatabaseInput={"Name": "x" * 256})
    refused(glue.batch_delete_partition, "ValidationException", **place,
            PartitionsToDelete=[{"Values": [str(i), "1"]} for i in range(26)])
    refused(glue.get_partitions, "ValidationException", **place, MaxResults=1001)
