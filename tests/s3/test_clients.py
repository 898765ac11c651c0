"""Other people's programs: rclone, s3cmd, curl. Debian's versions, as they come."""

import os
import shutil
import subprocess

import pytest
from botocore.config import Config

from s3.conftest import keys

KEY, SECRET = "test", "test"


def runner(program, options, environment):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed; run scripts/deps")

    def run(*args):
        done = subprocess.run([program, *options, *map(str, args)], capture_output=True, text=True,
                              timeout=60, env={**os.environ, **environment})
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    return run


@pytest.fixture
def rclone(server, tmp_path):
    (tmp_path / "rclone.conf").write_text(
        "[m]\ntype = s3\nprovider = Other\nregion = us-east-1\nforce_path_style = true\n"
        f"access_key_id = {KEY}\nsecret_access_key = {SECRET}\nendpoint = {server.url}\n")
    return runner("rclone", ["--retries", "1", "--low-level-retries", "1"],
                  {"RCLONE_CONFIG": str(tmp_path / "rclone.conf")})


@pytest.fixture
def s3cmd(server, tmp_path):
    host = server.url.split("//")[1]
    (tmp_path / "s3cfg").write_text(
        f"[default]\naccess_key = {KEY}\nsecret_key = {SECRET}\nuse_https = False\n"
        f"host_base = {host}\nhost_bucket = {host}\nbucket_location = us-east-1\n")
    return runner("s3cmd", ["-c", str(tmp_path / "s3cfg")], {})


@pytest.fixture
def tree(tmp_path):
    """Files with names that need care, one of several parts."""
    root = tmp_path / "tree"
    (root / "deep er").mkdir(parents=True)
    (root / "big").write_bytes(os.urandom(11 << 20))
    (root / "deep er" / "a b+c&d.txt").write_text("hello")
    (root / "ü").write_text("")
    return root


def same(one, other):
    subprocess.run(["diff", "-r", str(one), str(other)], check=True)


def test_rclone_copies_checks_moves_and_syncs(rclone, s3, fresh, tree, tmp_path):
    bucket = fresh("rclone")
    rclone("mkdir", f"m:{bucket}")
    rclone("copy", tree, f"m:{bucket}", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M")
    rclone("check", tree, f"m:{bucket}")
    assert keys(s3, bucket) == ["big", "deep er/a b+c&d.txt", "ü"]
    rclone("sync", f"m:{bucket}", tmp_path / "back")
    same(tree, tmp_path / "back")
    rclone("moveto", f"m:{bucket}/ü", f"m:{bucket}/moved")
    assert rclone("cat", f"m:{bucket}/deep er/a b+c&d.txt") == "hello"
    (tree / "ü").unlink()
    rclone("sync", tree, f"m:{bucket}")
    assert keys(s3, bucket) == ["big", "deep er/a b+c&d.txt"]
    (tree / "deep er" / "a b+c&d.txt").write_text("other")  # as long as it was
    rclone("copy", "--checksum", tree, f"m:{bucket}")
    assert rclone("cat", f"m:{bucket}/deep er/a b+c&d.txt") == "other"
    rclone("check", tree, f"m:{bucket}")
    rclone("touch", f"m:{bucket}/big")
    assert "big" in rclone("lsf", "--metadata", f"m:{bucket}")
    rclone("backend", "versioning", f"m:{bucket}", "Enabled")
    rclone("deletefile", f"m:{bucket}/big")
    assert "big-v" in rclone("lsf", "--s3-versions", f"m:{bucket}")
    rclone("backend", "cleanup-hidden", f"m:{bucket}")
    rclone("purge", f"m:{bucket}")
    assert bucket not in [row["Name"] for row in s3.list_buckets()["Buckets"]]


def test_s3cmd_puts_copies_tells_and_deletes(s3cmd, s3, fresh, tree, tmp_path):
    bucket = fresh("s3cmd")
    s3cmd("mb", f"s3://{bucket}")
    s3cmd("put", tree / "big", f"s3://{bucket}/big", "--multipart-chunk-size-mb=5")
    s3cmd("get", f"s3://{bucket}/big", tmp_path / "back")
    same(tree / "big", tmp_path / "back")
    s3cmd("cp", f"s3://{bucket}/big", f"s3://{bucket}/copy")
    s3cmd("mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
    s3cmd("sync", f"{tree}/", f"s3://{bucket}/tree/")
    assert keys(s3, bucket) == [
        "big", "moved", "tree/big", "tree/deep er/a b+c&d.txt", "tree/ü"]
    (tree / "ü").unlink()
    s3cmd("sync", "--delete-removed", f"{tree}/", f"s3://{bucket}/tree/")
    assert keys(s3, bucket, Prefix="tree/") == ["tree/big", "tree/deep er/a b+c&d.txt"]
    s3cmd("cp", "--recursive", f"s3://{bucket}/tree/", f"s3://{bucket}/copies/")
    assert keys(s3, bucket, Prefix="copies/") == ["copies/big", "copies/deep er/a b+c&d.txt"]
    s3cmd("expire", "--expiry-days=3", f"s3://{bucket}")
    s3cmd("modify", "--add-header=Cache-Control: max-age=5", f"s3://{bucket}/moved")
    assert s3.head_object(Bucket=bucket, Key="moved")["CacheControl"] == "max-age=5"
    told = s3cmd("info", f"s3://{bucket}/big")
    assert "FULL_CONTROL" in told and str(11 << 20) in told
    s3cmd("del", "--recursive", "--force", f"s3://{bucket}")
    s3cmd("rb", f"s3://{bucket}")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_curl_puts_and_gets_by_presigned_urls(server, bucket, tree, tmp_path, version):
    curl = runner("curl", ["--silent", "--show-error", "--fail"], {})
    signer = server.client("s3", config=Config(signature_version=version))

    def url(operation):
        return signer.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "a b/ü"})

    curl("--upload-file", tree / "big", url("put_object"))
    curl("--output", tmp_path / "back", url("get_object"))
    same(tree / "big", tmp_path / "back")
    curl("--range", "5-9", "--output", tmp_path / "part", url("get_object"))
    assert (tmp_path / "part").read_bytes() == (tree / "big").read_bytes()[5:10]


def test_curl_posts_a_presigned_form(server, bucket, tree):
    curl = runner("curl", ["--silent", "--show-error"], {})
    signer = server.client("s3", config=Config(signature_version="s3v4"))
    form = signer.generate_presigned_post(
        bucket, "in/${filename}", Fields={"success_action_status": "201"},
        Conditions=[{"success_action_status": "201"}, ["content-length-range", 1, 20 << 20]])
    fields = [word for name, value in form["fields"].items()
              for word in ("--form-string", f"{name}={value}")]
    told = curl(*fields, "--form", f"file=@{tree / 'big'}", form["url"])
    assert "<Key>in/big</Key>" in told
    assert signer.get_object(Bucket=bucket, Key="in/big")["Body"].read() == \
        (tree / "big").read_bytes()
    told = curl(*fields, "--form", f"file=@{tree / 'ü'}", form["url"])
    assert "<Code>EntityTooSmall</Code>" in told
