"""Fixtures every test folder shares.

server      one millrace for the whole run, testing mode, free port; do not stop it
own_server  one millrace for this test alone; .stop() .kill9() .restart() .client(...)
make_server a factory of further ones: make_server('--credentials', path, testing=False)
client, resource   client('dynamodb') on `server`
aws         aws('dynamodb', 'list-tables').json through Debian's AWS CLI on `server`
fresh       fresh('orders') -> a name nobody else in this run has
"""

import itertools
import os
import secrets
import shutil

import pytest

from support.server import Server, clean_environment, has_aws_cli, millrace_bin

pytest_plugins = ["support.conform_plugin"]
LOG_SHOWN_BYTES = 6000
_numbers = itertools.count(1)
_failed = pytest.StashKey[bool]()


def pytest_configure(config):
    # Neither this process nor any SDK in it may see somebody's AWS settings.
    wanted = clean_environment()
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)
    if not config.option.collectonly and not millrace_bin().exists():
        pytest.exit(f"there is no {millrace_bin()}: run make, or set MILLRACE_BIN", returncode=2)


@pytest.fixture
def tmp_path(tmp_path, request):
    # A data folder weighs tens of megabytes and there are thousands of tests: only what a failed
    # test leaves is worth a look.
    yield tmp_path
    if not request.node.stash.get(_failed, False):
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    it = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield it
    it.stop()
    shutil.rmtree(it.data, ignore_errors=True)


@pytest.fixture
def make_server(tmp_path):
    made = []

    def make(*args, start=True, **options):
        it = Server(tmp_path / f"server{len(made)}" / "data", *args, **options)
        it.data.parent.mkdir()
        made.append(it)
        return it.start() if start else it

    yield make
    for it in made:
        it.close()


@pytest.fixture
def own_server(make_server):
    return make_server()


@pytest.fixture
def client(server):
    return server.client


@pytest.fixture
def resource(server):
    return server.resource


@pytest.fixture
def aws(server):
    if not has_aws_cli():
        pytest.skip("the AWS CLI of the distribution is not installed")
    return server.aws


@pytest.fixture
def fresh():
    def name(prefix="t", separator="-"):
        return f"{prefix}{separator}{secrets.token_hex(3)}{separator}{next(_numbers)}"

    return name


def _servers_of(item):
    """The servers a test used, each with its log."""
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, Server):
            yield value


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield
    item.log_starts = {}
    for it in _servers_of(item):
        item.log_starts[it] = it.log_path.stat().st_size if it.log_path.exists() else 0


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    starts = getattr(item, "log_starts", {})
    if report.when == "teardown":
        item.log_starts = {}  # else it holds each test's servers, and their clients, to the end
    if not report.failed:
        return
    item.stash[_failed] = True
    for it in _servers_of(item):
        text = it.log(starts.get(it, 0))[-LOG_SHOWN_BYTES:]
        report.sections.append((f"log of {it.data}", text or "(nothing)"))
