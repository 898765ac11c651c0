"""Workgroups, named queries, prepared statements."""

from athena.conftest import refused


def group(lake, name, **configuration):
    lake.athena.create_work_group(Name=name, Configuration={
        "ResultConfiguration": {"OutputLocation": f"s3://{lake.bucket}/{name}/"}, **configuration})
    return name


def test_primary_is_always_there(orders):
    primary = orders.athena.get_work_group(WorkGroup="primary")["WorkGroup"]
    assert primary["State"] == "ENABLED" and primary["Name"] == "primary"
    listed = orders.athena.list_work_groups()["WorkGroups"]
    assert "primary" in [row["Name"] for row in listed]
    refused(orders.athena.delete_work_group, "InvalidRequestException", WorkGroup="primary")


def test_an_enforced_workgroup_says_where_results_go(orders, fresh):
    name = group(orders, fresh("enforced"), EnforceWorkGroupConfiguration=True)
    query = orders.run("SELECT 1", WorkGroup=name)
    assert query["ResultConfiguration"]["OutputLocation"].startswith(
        f"s3://{orders.bucket}/{name}/")
    name = group(orders, fresh("free"), EnforceWorkGroupConfiguration=False)
    query = orders.run("SELECT 1", WorkGroup=name)
    assert "/results/" in query["ResultConfiguration"]["OutputLocation"]
    query = orders.run("SELECT 1", WorkGroup=name, ResultConfiguration={})
    assert f"/{name}/" in query["ResultConfiguration"]["OutputLocation"]


def test_a_workgroup_is_created_updated_listed_and_deleted(orders, fresh):
    athena, name = orders.athena, fresh("wg")
    group(orders, name, PublishCloudWatchMetricsEnabled=False)
    reply = refused(athena.create_work_group, "InvalidRequestException", Name=name)
    assert reply["Error"]["Message"] == f"WorkGroup {name} is already created"
    athena.update_work_group(WorkGroup=name, Description="changed", State="DISABLED",
                             ConfigurationUpdates={"ResultConfigurationUpdates": {
                                 "RemoveOutputLocation": True}})
    found = athena.get_work_group(WorkGroup=name)["WorkGroup"]
    assert found["Description"] == "changed" and found["State"] == "DISABLED"
    assert found["Configuration"]["ResultConfiguration"] == {}
    assert found["Configuration"]["PublishCloudWatchMetricsEnabled"] is False
    refused(orders.start, "InvalidRequestException", sql="SELECT 1", WorkGroup=name)
    athena.delete_work_group(WorkGroup=name)
    refused(athena.get_work_group, "InvalidRequestException", WorkGroup=name)


def test_a_workgroup_with_named_queries_is_deleted_only_with_them(orders, fresh):
    athena, name = orders.athena, group(orders, fresh("wg"))
    query = athena.create_named_query(Name="n", Database="db", QueryString="SELECT 1",
                                      WorkGroup=name)["NamedQueryId"]
    refused(athena.delete_work_group, "InvalidRequestException", WorkGroup=name)
    athena.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)
    refused(athena.get_named_query, "InvalidRequestException", NamedQueryId=query)


def test_history_is_kept_by_workgroup(orders, fresh):
    name = group(orders, fresh("wg"))
    ids = [orders.run(f"SELECT {n}", WorkGroup=name)["QueryExecutionId"] for n in range(3)]
    assert orders.athena.list_query_executions(WorkGroup=name)["QueryExecutionIds"] == ids[::-1]
    page = orders.athena.list_query_executions(WorkGroup=name, MaxResults=2)
    rest = orders.athena.list_query_executions(WorkGroup=name, NextToken=page["NextToken"])
    assert page["QueryExecutionIds"] + rest["QueryExecutionIds"] == ids[::-1]


def test_named_queries_are_kept(orders, fresh):
    athena, name = orders.athena, group(orders, fresh("wg"))
    query = athena.create_named_query(Name="n", Database="db", QueryString="SELECT 1",
                                      Description="d", WorkGroup=name)["NamedQueryId"]
    found = athena.get_named_query(NamedQueryId=query)["NamedQuery"]
    assert (found["Name"], found["QueryString"], found["WorkGroup"]) == ("n", "SELECT 1", name)
    assert athena.list_named_queries(WorkGroup=name)["NamedQueryIds"] == [query]
    batch = athena.batch_get_named_query(NamedQueryIds=[query, "nope"])
    assert len(batch["NamedQueries"]) == 1 and len(batch["UnprocessedNamedQueryIds"]) == 1
    athena.update_named_query(NamedQueryId=query, Name="m", QueryString="SELECT 2")
    assert athena.get_named_query(NamedQueryId=query)["NamedQuery"]["QueryString"] == "SELECT 2"
    athena.delete_named_query(NamedQueryId=query)
    refused(athena.get_named_query, "InvalidRequestException", NamedQueryId=query)


def test_prepared_statements_are_executed(orders, fresh):
    athena, name = orders.athena, group(orders, fresh("wg"))
    where = {"StatementName": "by_quantity", "WorkGroup": name}
    athena.create_prepared_statement(
        **where, QueryStatement="SELECT orderid FROM orders WHERE quantity = ?")
    found = athena.get_prepared_statement(**where)["PreparedStatement"]
    assert found["WorkGroupName"] == name and found["QueryStatement"].endswith("?")
    assert orders.rows("EXECUTE by_quantity USING 5", WorkGroup=name) == [["a"]]
    assert orders.rows("EXECUTE by_quantity", WorkGroup=name, ExecutionParameters=["1"]) == [["b"]]
    assert "expected 1 but found 0" in orders.reason("EXECUTE by_quantity", WorkGroup=name)
    listed = athena.list_prepared_statements(WorkGroup=name)["PreparedStatements"]
    assert [row["StatementName"] for row in listed] == ["by_quantity"]
    athena.update_prepared_statement(**where, QueryStatement="SELECT 7")
    assert orders.rows("EXECUTE by_quantity", WorkGroup=name) == [["7"]]
    athena.delete_prepared_statement(**where)
    refused(athena.get_prepared_statement, "ResourceNotFoundException", **where)
    assert orders.reason("EXECUTE by_quantity", WorkGroup=name).startswith("NOT_FOUND")


def test_statements_are_prepared_by_sql(orders, fresh):
    athena, name = orders.athena, group(orders, fresh("wg"))
    where = {"StatementName": "by_sql", "WorkGroup": name}
    text = "PREPARE by_sql FROM SELECT orderid FROM orders\nWHERE quantity = ?"
    assert orders.run(text + " ;", WorkGroup=name)["Status"]["State"] == "SUCCEEDED"
    found = athena.get_prepared_statement(**where)["PreparedStatement"]
    assert found["QueryStatement"] == text.split("FROM ", 1)[1]
    assert orders.rows("EXECUTE by_sql USING 5", WorkGroup=name) == [["a"]]
    assert "by_sql already exists" in orders.reason("PREPARE by_sql FROM SELECT 1", WorkGroup=name)
    orders.result("DEALLOCATE PREPARE by_sql", WorkGroup=name)
    refused(athena.get_prepared_statement, "ResourceNotFoundException", **where)
    assert "by_sql was not found" in orders.reason("DEALLOCATE PREPARE by_sql", WorkGroup=name)
    refused(orders.start, "InvalidRequestException", sql="PREPARE x FROM DROP TABLE orders")


def test_prepared_statements_are_got_together(orders, fresh):
    name = fresh("ps").replace("-", "_")
    orders.athena.create_prepared_statement(StatementName=name, WorkGroup="primary",
                                            QueryStatement="SELECT ?")
    reply = orders.athena.batch_get_prepared_statement(
        PreparedStatementNames=[name, "nosuch"], WorkGroup="primary")
    assert [s["QueryStatement"] for s in reply["PreparedStatements"]] == ["SELECT ?"]
    assert [s["StatementName"] for s in reply["UnprocessedPreparedStatementNames"]] == ["nosuch"]


def test_engine_versions_are_listed(orders):
    versions = orders.athena.list_engine_versions()["EngineVersions"]
    assert {v["EffectiveEngineVersion"] for v in versions} == {"Athena engine version 3"}
    assert [v["SelectedEngineVersion"] for v in versions] == ["AUTO", "Athena engine version 3"]


def test_workgroups_are_tagged(orders, fresh):
    athena, name = orders.athena, fresh("wg")
    arn = f"arn:aws:athena:us-east-1:000000000000:workgroup/{name}"
    athena.create_work_group(Name=name, Tags=[{"Key": "a", "Value": "1"}])
    athena.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    athena.untag_resource(ResourceARN=arn, TagKeys=["a"])
    tags = athena.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert tags == [{"Key": "b", "Value": "2"}]
    athena.delete_work_group(WorkGroup=name)
    refused(athena.list_tags_for_resource, "ResourceNotFoundException", ResourceARN=arn)
