"""The pipeline as Terraform's AWS provider makes it, reads it, changes it and takes it down."""

import os
import pathlib
import shutil
import zipfile

import pytest

from support.tool import Tool

# Where Terraform itself looks for providers is tried first.
PLUGINS = [os.environ.get("TERRAFORM_PLUGINS"), "/opt/tf-plugins"]
HERE = pathlib.Path(__file__).parent


@pytest.fixture
def terraform(own_server, tmp_path, fresh):
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform")
    shutil.copy(HERE / "main.tf", tmp_path)
    with zipfile.ZipFile(tmp_path / "fn.zip", "w") as archive:
        archive.writestr("index.py", "def h(event, context):\n    return event\n")
    it = Tool(
        tmp_path, before=("terraform",), after=("-no-color", "-input=false"),
        TF_VAR_endpoint=own_server.url, TF_VAR_name=fresh("tf"), TF_IN_AUTOMATION="1",
        CHECKPOINT_DISABLE="1",
    )  # fmt: skip
    it.environment.pop("TF_CLI_CONFIG_FILE", None)
    for folder in PLUGINS:
        if folder and it.run("init", f"-plugin-dir={folder}")[0] == 0:
            return it
    pytest.skip("terraform has no AWS provider here; TERRAFORM_PLUGINS names a folder of plugins")


@pytest.mark.slow
def test_what_terraform_makes_needs_no_change_and_goes_again(terraform, own_server):
    terraform.must("apply", "-auto-approve")
    code, text = terraform.run("plan", "-detailed-exitcode")
    assert code == 0, text[-6000:]  # 2: it would change something
    name = terraform.environment["TF_VAR_name"]
    assert own_server.client("pipes").describe_pipe(Name=name)["CurrentState"] == "RUNNING"
    main = terraform.folder / "main.tf"
    main.write_text(main.read_text().replace("memory_size      = 256", "memory_size      = 512"))
    assert "2 changed" in terraform.must("apply", "-auto-approve")  # the function, its alias
    found = own_server.client("lambda").get_function_configuration(FunctionName=f"{name}:live")
    assert (found["MemorySize"], found["Version"]) == (512, "2")
    terraform.must("destroy", "-auto-approve")
    assert own_server.client("lambda").list_functions()["Functions"] == []
    assert own_server.client("pipes").list_pipes()["Pipes"] == []
