"""Exports in use stay as they are."""

import pytest

from .conftest import log_group


@pytest.fixture
def pair(stacks, fresh):
    """A stack that exports, one that imports, and the name of the export."""
    export, owner, user = fresh("export"), fresh("owner"), fresh("user")

    def owning(value, **more):
        outputs = {"O": {"Value": value, "Export": {"Name": export}}} if value else {}
        return {"Resources": {"L": log_group(**more)}, "Outputs": outputs or {"N": {"Value": "n"}}}

    using = {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"L": log_group(
            LogGroupName={"Fn::Sub": ["${X}-group", {"X": {"Fn::ImportValue": {"Ref": "Name"}}}]})},
    }
    stacks.create(user + "-first", {"Resources": {"L": log_group()}})
    stacks.create(owner, owning(owner))
    parameters = [{"ParameterKey": "Name", "ParameterValue": export}]
    stacks.create(user, using, Parameters=parameters)
    stacks.made.reverse()  # who imports goes first
    return owner, user, export, owning


def test_imports_are_listed(stacks, pair, error_of):
    owner, user, export, _ = pair
    assert stacks.client.list_imports(ExportName=export)["Imports"] == [user]
    assert error_of(lambda: stacks.client.list_imports(ExportName="nobody")) == (
        "ValidationError", "Export 'nobody' is not imported by any stack.")
    stacks.delete(user)
    assert error_of(lambda: stacks.client.list_imports(ExportName=export)) == (
        "ValidationError", f"Export '{export}' is not imported by any stack.")


def test_a_stack_whose_export_is_in_use_is_not_deleted(stacks, pair):
    owner, user, export, _ = pair
    stacks.client.delete_stack(StackName=owner)
    why = f"Delete canceled. Cannot delete export {export} as it is in use by {user}."
    stack = stacks.describe(owner)
    assert (stack["StackStatus"], stack["StackStatusReason"]) == ("CREATE_COMPLETE", why)
    assert stacks.events(owner)[-2:] == [
        (owner, "DELETE_IN_PROGRESS", "User Initiated"), (owner, "CREATE_COMPLETE", why)]
    stacks.delete(user)
    assert stacks.delete(owner)["StackStatus"] == "DELETE_COMPLETE"


@pytest.mark.parametrize("value, words", [
    (None, "Delete canceled. Cannot delete export"),
    ("other", "Update canceled. Cannot update export"),
])
def test_an_export_in_use_is_neither_changed_nor_removed(stacks, pair, value, words):
    owner, user, export, owning = pair
    stacks.update(owner, owning(value, RetentionInDays=3), wait="UPDATE_ROLLBACK_COMPLETE")
    why = f"{words} {export} as it is in use by {user}."
    assert (owner, "UPDATE_ROLLBACK_IN_PROGRESS", why) in stacks.events(owner)
    assert stacks.outputs(owner) == {"O": owner}
    stacks.update(owner, owning(owner, RetentionInDays=3))
