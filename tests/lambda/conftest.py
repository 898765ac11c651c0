"""make_function('code', ...) -> the name of a function that is ready; zip_of({...}) -> a zip."""

import io
import pathlib
import stat
import subprocess
import zipfile

import pytest

ROLE = "arn:aws:iam::000000000000:role/lambda"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def zip_of(files, modes=None):
    """The bytes of a zip of name -> text or bytes; modes: name -> Unix mode, kind included."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


@pytest.fixture
def zipped():
    return zip_of


@pytest.fixture
def functions(client):
    return client("lambda")


def create(api, name, source, **members):
    """Creates a Python function of one module `index` and waits until it is active."""
    request = dict(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": zip_of({"index.py": source})},
        Timeout=10,
    )
    request.update(members)
    api.create_function(**request)
    api.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


@pytest.fixture
def creator():
    return create


@pytest.fixture
def make_function(functions, fresh):
    def make(source, api=None, **members):
        return create(api or functions, fresh("f"), source, **members)

    return make


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """compiled('source.c text') -> a zip with a bootstrap made by cc from it."""

    def build(source):
        folder = tmp_path_factory.mktemp("bootstrap")
        (folder / "main.c").write_text(source)
        subprocess.run(
            ["cc", "-O1", "-std=c17", "-I", ROOT / "include", "-o", folder / "bootstrap"]
            + [folder / "main.c"],
            check=True,
        )
        return zip_of(
            {"bootstrap": (folder / "bootstrap").read_bytes()},
            {"bootstrap": stat.S_IFREG | 0o755},
        )

    return build
