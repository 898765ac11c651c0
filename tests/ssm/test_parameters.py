"""The Parameter Store: named texts, versions, hierarchies, tags."""

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ssm(client):
    return client("ssm")


@pytest.fixture
def put(ssm, fresh):
    """put(name, value) -> the reply; names are below a path of the test's own."""
    root = "/" + fresh("path")

    def make(name, value="v", **more):
        return ssm.put_parameter(Name=root + name, Value=value, **{"Type": "String", **more})

    make.root = root
    yield make
    left = ssm.get_paginator("get_parameters_by_path").paginate(Path=root, Recursive=True)
    names = [p["Name"] for page in left for p in page["Parameters"]]
    for start in range(0, len(names), 10):
        ssm.delete_parameters(Names=names[start : start + 10])


def error_of(call, **given):
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_parameter_is_kept_and_shown(ssm, put):
    name = put.root + "/table"
    made = put("/table", "Orders", Description="where orders are")
    assert (made["Version"], made["Tier"]) == (1, "Standard")
    got = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (got["Name"], got["Type"], got["Value"]) == (name, "String", "Orders")
    assert (got["Version"], got["DataType"]) == (1, "text")
    assert got["ARN"] == f"arn:aws:ssm:us-east-1:000000000000:parameter{name}"
    assert ssm.get_parameter(Name=got["ARN"])["Parameter"]["Value"] == "Orders"
    assert error_of(ssm.put_parameter, Name=name, Value="x", Type="String")[0] == (
        "ParameterAlreadyExists"
    )
    assert put("/table", "Bills", Overwrite=True)["Version"] == 2
    got = ssm.get_parameter(Name=name + ":2")["Parameter"]
    assert (got["Value"], got["Selector"]) == ("Bills", ":2")
    assert error_of(ssm.get_parameter, Name=name + ":7")[0] == "ParameterVersionNotFound"
    ssm.delete_parameter(Name=name)
    assert error_of(ssm.get_parameter, Name=name)[0] == "ParameterNotFound"
    assert error_of(ssm.delete_parameter, Name=name)[0] == "ParameterNotFound"


def test_a_name_without_a_path_has_a_slash_in_its_arn(ssm, fresh):
    name = fresh("plain")
    ssm.put_parameter(Name=name, Value="v", Type="String")
    got = ssm.get_parameter(Name=name)["Parameter"]
    assert got["ARN"].endswith(":parameter/" + name)
    assert ssm.get_parameter(Name=got["ARN"])["Parameter"]["Name"] == name
    ssm.delete_parameter(Name=got["ARN"])


def test_several_are_read_and_deleted_at_once(ssm, put):
    put("/a", "1"), put("/b", "2")
    names = [put.root + "/a", put.root + "/none", put.root + "/b"]
    got = ssm.get_parameters(Names=names)
    assert [p["Value"] for p in got["Parameters"]] == ["1", "2"]
    assert got["InvalidParameters"] == [put.root + "/none"]
    gone = ssm.delete_parameters(Names=names)
    assert gone["DeletedParameters"] == [put.root + "/a", put.root + "/b"]
    assert gone["InvalidParameters"] == [put.root + "/none"]


def test_a_hierarchy_is_listed_a_page_at_a_time(ssm, put):
    for number in range(12):
        put(f"/app/{number:02}", str(number))
    put("/app/deep/one", "d"), put("/apple", "no")
    first = ssm.get_parameters_by_path(Path=put.root + "/app")
    assert len(first["Parameters"]) == 10
    rest = ssm.get_parameters_by_path(Path=put.root + "/app/", NextToken=first["NextToken"])
    assert [p["Value"] for p in rest["Parameters"]] == ["10", "11"]
    assert "NextToken" not in rest
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=put.root + "/app", Recursive=True
    )
    names = [p["Name"] for page in pages for p in page["Parameters"]]
    assert len(names) == 13 and put.root + "/app/deep/one" in names
    assert "forward slash" in error_of(ssm.get_parameters_by_path, Path="app")[1]


def test_parameters_are_described_by_filters(ssm, put):
    put("/one", "a,b", Type="StringList", Description="two letters", AllowedPattern="^[a-z,]+$")
    put("/two", "2")
    begins = {"Key": "Name", "Option": "BeginsWith", "Values": [put.root]}
    found = ssm.describe_parameters(ParameterFilters=[begins])["Parameters"]
    assert [p["Name"] for p in found] == [put.root + "/one", put.root + "/two"]
    assert found[0]["Description"] == "two letters" and "Value" not in found[0]
    assert found[0]["AllowedPattern"] == "^[a-z,]+$"
    lists = {"Key": "Type", "Values": ["StringList"]}
    found = ssm.describe_parameters(ParameterFilters=[begins, lists])["Parameters"]
    assert [p["Name"] for p in found] == [put.root + "/one"]
    found = ssm.describe_parameters(Filters=[{"Key": "Name", "Values": [put.root]}])
    assert len(found["Parameters"]) == 2
    wrong = {"Key": "Type", "Option": "Contains", "Values": ["x"]}
    assert error_of(ssm.describe_parameters, ParameterFilters=[wrong])[0] == "InvalidFilterOption"
    wrong = {"Key": "KeyId", "Values": ["x"]}
    assert error_of(ssm.describe_parameters, ParameterFilters=[wrong])[0] == "InvalidFilterKey"


def test_tags(ssm, put):
    put("/t", Tags=[{"Key": "team", "Value": "sales"}])
    of = {"ResourceType": "Parameter", "ResourceId": put.root + "/t"}
    added = [{"Key": "team", "Value": "data"}, {"Key": "x", "Value": "y"}]
    ssm.add_tags_to_resource(**of, Tags=added)
    put("/t", "w", Overwrite=True)
    assert ssm.list_tags_for_resource(**of)["TagList"] == added
    ssm.remove_tags_from_resource(**of, TagKeys=["x", "y"])
    assert ssm.list_tags_for_resource(**of)["TagList"] == [{"Key": "team", "Value": "data"}]
    of["ResourceId"] = put.root + "/none"
    assert error_of(ssm.list_tags_for_resource, **of)[0] == "InvalidResourceId"
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
    of["ResourceId"] = put.root + "/t"
    assert error_of(ssm.add_tags_to_resource, **of, Tags=many)[0] == "TooManyTagsError"


@pytest.mark.parametrize(
    "given, code, words",
    [
        ({"Name": "aws-x"}, "ValidationException", "can't be prefixed"),
        ({"Name": "/ssm/x"}, "ValidationException", "can't be prefixed"),
        ({"Name": "/a//b"}, "ValidationException", "sub-paths"),
        ({"Name": "/a/b/"}, "ValidationException", "sub-paths"),
        ({"Name": "a b"}, "ValidationException", "letters, numbers"),
        ({"Name": "a/b"}, "ValidationException", "fully qualified"),
        ({"Name": "/a" * 16}, "HierarchyLevelLimitExceededException", "15 levels"),
        ({"Value": ""}, "ValidationException", "greater than or equal to 1"),
        ({"Value": "x" * 4097}, "ValidationException", "4096"),
        ({"Value": "x" * 8193, "Tier": "Advanced"}, "ValidationException", "8192"),
        ({"AllowedPattern": "^[0-9]+$"}, "ParameterPatternMismatchException", "allowedPattern"),
        ({"Type": "SecureString"}, "UnsupportedParameterType", "SecureString"),
        ({"Type": "Text"}, "ValidationException", "enum value set"),
        ({"DataType": "aws:ec2:image"}, "ValidationException", "aws:ec2:image"),
        ({"Policies": "[{}]"}, "InvalidPolicyTypeException", "policies"),
        ({"Overwrite": True, "Tags": [{"Key": "a", "Value": "b"}]}, "ValidationException",
         "tags and overwrite"),
    ],
)  # fmt: skip
def test_what_is_refused(ssm, given, code, words):
    parameter = {"Name": "/refused/x", "Value": "v", "Type": "String", **given}
    told = error_of(ssm.put_parameter, **parameter)
    assert told[0] == code and words in told[1], told


def test_a_type_is_needed_for_a_new_one_only(ssm, put):
    name = put.root + "/typed"
    assert "type is required" in error_of(ssm.put_parameter, Name=name, Value="v")[1]
    put("/typed", "a", Type="StringList")
    ssm.put_parameter(Name=name, Value="b,c", Overwrite=True)
    got = ssm.get_parameter(Name=name)["Parameter"]
    assert (got["Type"], got["Value"]) == ("StringList", "b,c")


def test_long_values_move_to_the_advanced_tier(ssm, put):
    made = put("/long", "x" * 5000, Tier="Intelligent-Tiering")
    assert made["Tier"] == "Advanced"


def test_parameters_survive_a_kill(own_server):
    ssm = own_server.client("ssm")
    ssm.put_parameter(Name="/kept", Value="v", Type="String")
    own_server.kill9()
    own_server.restart()
    assert ssm.get_parameter(Name="/kept")["Parameter"]["Value"] == "v"
    assert [p["Value"] for p in ssm.get_parameter_history(Name="/kept")["Parameters"]] == ["v"]


def test_versions_that_were_can_be_read(client, fresh):
    ssm, name = client("ssm"), "/" + fresh("history") + "/p"
    for value in ("one", "two", "three"):
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    told = ssm.get_parameter_history(Name=name)["Parameters"]
    assert [(p["Version"], p["Value"], p["Labels"]) for p in told] == [
        (1, "one", []), (2, "two", []), (3, "three", [])]
    got = ssm.get_parameter(Name=f"{name}:1")["Parameter"]
    assert (got["Value"], got["Version"], got["Selector"]) == ("one", 1, ":1")
    found = ssm.get_parameters(Names=[f"{name}:2", f"{name}:4"])
    assert [p["Value"] for p in found["Parameters"]] == ["two"]
    assert found["InvalidParameters"] == [f"{name}:4"]
    pages = ssm.get_paginator("get_parameter_history").paginate(
        Name=name, PaginationConfig={"PageSize": 2})
    assert [len(page["Parameters"]) for page in pages] == [2, 1]
    with pytest.raises(ClientError, match="ParameterVersionNotFound"):
        ssm.get_parameter(Name=f"{name}:4")
    ssm.delete_parameter(Name=name)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        ssm.get_parameter_history(Name=name)
    ssm.put_parameter(Name=name, Value="again", Type="String")
    assert len(ssm.get_parameter_history(Name=name)["Parameters"]) == 1


def test_labels_name_versions_and_move(client, fresh):
    ssm, name = client("ssm"), fresh("labels")
    for value in ("one", "two"):
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    told = ssm.label_parameter_version(
        Name=name, ParameterVersion=1, Labels=["prod", "aws-x", "1st", "b"])
    assert told["ParameterVersion"] == 1 and sorted(told["InvalidLabels"]) == ["1st", "aws-x"]
    got = ssm.get_parameter(Name=f"{name}:prod")["Parameter"]
    assert (got["Value"], got["Selector"]) == ("one", ":prod")
    ssm.label_parameter_version(Name=name, Labels=["prod"])
    assert ssm.get_parameter(Name=f"{name}:prod")["Parameter"]["Value"] == "two"
    labels = [p["Labels"] for p in ssm.get_parameter_history(Name=name)["Parameters"]]
    assert labels == [["b"], ["prod"]]
    gone = ssm.unlabel_parameter_version(Name=name, ParameterVersion=1, Labels=["b", "c"])
    assert (gone["RemovedLabels"], gone["InvalidLabels"]) == (["b"], ["c"])
    with pytest.raises(ClientError, match="ParameterVersionNotFound"):
        ssm.get_parameter(Name=f"{name}:b")
    with pytest.raises(ClientError, match="ParameterVersionNotFound"):
        ssm.label_parameter_version(Name=name, ParameterVersion=9, Labels=["x"])
    ssm.label_parameter_version(Name=name, Labels=[f"l{i}" for i in range(9)])
    with pytest.raises(ClientError, match="ParameterVersionLabelLimitExceeded"):
        ssm.label_parameter_version(Name=name, Labels=["more"])


def test_a_hundred_versions_are_kept_unless_the_oldest_has_a_label(client, fresh):
    ssm, name = client("ssm"), fresh("many")
    for i in range(101):
        ssm.put_parameter(Name=name, Value=str(i), Type="String", Overwrite=True)
    with pytest.raises(ClientError, match="ParameterVersionNotFound"):
        ssm.get_parameter(Name=f"{name}:1")
    ssm.label_parameter_version(Name=name, ParameterVersion=2, Labels=["keep"])
    with pytest.raises(ClientError, match="ParameterMaxVersionLimitExceeded"):
        ssm.put_parameter(Name=name, Value="x", Type="String", Overwrite=True)
    assert ssm.get_parameter(Name=name)["Parameter"]["Version"] == 101
