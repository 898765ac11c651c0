"""The AWS CLI of the distribution, as people use it."""

import os
import urllib.request


def test_cp_ls_sync_and_rm(aws, fresh, tmp_path):
    bucket = fresh("lake")
    aws("s3", "mb", f"s3://{bucket}")
    body = os.urandom(9 * 1024 * 1024)
    (tmp_path / "big.bin").write_bytes(body)
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "folder" / "deep" / "b c+d.txt").write_text("bcd")
    aws("s3", "cp", tmp_path / "big.bin", f"s3://{bucket}/big.bin")
    aws("s3", "sync", tmp_path / "folder", f"s3://{bucket}/folder")
    listed = aws("s3", "ls", "--recursive", f"s3://{bucket}/").stdout.splitlines()
    assert [line[20:].strip().split(" ", 1)[1] for line in listed] == [
        "big.bin", "folder/a.txt", "folder/deep/b c+d.txt"]
    assert "PRE folder/" in aws("s3", "ls", f"s3://{bucket}/").stdout
    aws("s3", "cp", f"s3://{bucket}/big.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == body
    aws("s3", "sync", f"s3://{bucket}/folder", tmp_path / "back")
    assert (tmp_path / "back" / "deep" / "b c+d.txt").read_text() == "bcd"
    assert aws("s3", "cp", f"s3://{bucket}/folder/a.txt", "-").stdout == "a"
    aws("s3", "mv", f"s3://{bucket}/folder/a.txt", f"s3://{bucket}/moved.txt")
    found = aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "moved").json
    assert [row["Key"] for row in found["Contents"]] == ["moved.txt"]
    (tmp_path / "folder" / "a.txt").unlink()
    aws("s3", "cp", f"s3://{bucket}/moved.txt", f"s3://{bucket}/folder/gone.txt")
    aws("s3", "sync", "--delete", tmp_path / "folder", f"s3://{bucket}/folder")
    aws("s3", "mv", "--recursive", f"s3://{bucket}/folder", f"s3://{bucket}/other")
    aws("s3", "rm", "--recursive", "--exclude", "*", "--include", "moved*", f"s3://{bucket}/")
    aws("s3", "cp", f"s3://{bucket}/big.bin", f"s3://{bucket}/copy.bin", "--storage-class",
        "STANDARD_IA", "--metadata-directive", "REPLACE", "--metadata", "a=b")
    found = aws("s3api", "list-objects-v2", "--bucket", bucket).json
    assert [row["Key"] for row in found["Contents"]] == [
        "big.bin", "copy.bin", "other/deep/b c+d.txt"]
    head = aws("s3api", "head-object", "--bucket", bucket, "--key", "copy.bin").json
    assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"a": "b"})
    aws("s3", "rb", "--force", f"s3://{bucket}")


def test_s3api_says_what_is_wrong(aws, fresh):
    failed = aws("s3api", "get-object", "--bucket", fresh("none"), "--key", "k", os.devnull,
                 check=False)
    assert failed.code != 0
    assert "NoSuchBucket" in failed.stderr


def test_versions_and_presigned_urls(aws, fresh, tmp_path):
    bucket = fresh("lake")
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration",
        "Status=Enabled")
    (tmp_path / "a").write_text("one")
    first = aws("s3api", "put-object", "--bucket", bucket, "--key", "a", "--body",
                tmp_path / "a").json["VersionId"]
    aws("s3", "rm", f"s3://{bucket}/a")
    found = aws("s3api", "list-object-versions", "--bucket", bucket).json
    assert [row["VersionId"] for row in found["Versions"]] == [first]
    marker = found["DeleteMarkers"][0]
    assert marker["IsLatest"] is True
    aws("s3api", "delete-object", "--bucket", bucket, "--key", "a", "--version-id",
        marker["VersionId"])
    url = aws("s3", "presign", f"s3://{bucket}/a", "--expires-in", "60").stdout.strip()
    with urllib.request.urlopen(url) as reply:
        assert reply.read() == b"one"
