"""Websites of buckets: what a configuration has to be, and what its endpoint answers."""

import pytest

from s3.conftest import refused
from support.server import KEY, SECRET


def site(index="index.html", error=None, rules=None):
    configuration = {"IndexDocument": {"Suffix": index}}
    if error:
        configuration["ErrorDocument"] = {"Key": error}
    if rules:
        configuration["RoutingRules"] = rules
    return configuration


@pytest.fixture
def web(server, s3, bucket):
    """Configures the bucket's website, and asks its endpoint: status, headers, text."""
    hosts = [f"{bucket}.s3-website-us-east-1.amazonaws.com", f"{bucket}.s3-website.localhost",
             f"{bucket}.s3-website.eu-west-1.localhost:{server.port}"]

    class Web:
        host = hosts[0]

        def configure(self, **options):
            s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=site(**options))

        def put(self, key, body, **more):
            s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/html", **more)

        def ask(self, path, method="GET", **headers):
            status, got, text = server.request(method, path, headers={
                "Host": self.host, **{name.replace("_", "-"): value
                                      for name, value in headers.items()}})
            return status, got, text.decode()

    Web.hosts = hosts
    return Web()


def test_a_configuration_is_kept_and_goes(s3, bucket):
    error = refused(s3.get_bucket_website, "NoSuchWebsiteConfiguration", 404, Bucket=bucket)
    assert error["BucketName"] == bucket
    rules = [{"Condition": {"KeyPrefixEquals": "old/"},
              "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"}}]
    wanted = site(error="error.html", rules=rules)
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=wanted)
    told = s3.get_bucket_website(Bucket=bucket)
    assert {name: told[name] for name in wanted} == wanted
    assert "RedirectAllRequestsTo" not in told
    s3.delete_bucket_website(Bucket=bucket)
    refused(s3.get_bucket_website, "NoSuchWebsiteConfiguration", 404, Bucket=bucket)


REDIRECT = {"Redirect": {"HostName": "example.com"}}
WRONG = [
    ({}, "InvalidArgument", "A value for IndexDocument Suffix must be provided"),
    (site(index="a/b"), "InvalidArgument", "The IndexDocument Suffix is not well formed"),
    (site(index=""), "InvalidArgument", "The IndexDocument Suffix is not well formed"),
    ({**site(), "RedirectAllRequestsTo": {"HostName": "h"}}, "InvalidArgument",
     "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."),
    ({"RedirectAllRequestsTo": {"HostName": "h", "Protocol": "ftp"}}, "InvalidRequest",
     "Invalid protocol, protocol can be http or https."),
    (site(rules=[{"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}}]),
     "InvalidRequest", "You can only define ReplaceKeyPrefix or ReplaceKey but not both."),
    (site(rules=[{**REDIRECT, "Condition": {}}]), "InvalidRequest", "Condition cannot be empty."),
    (site(rules=[{"Redirect": {}}]), "MalformedXML", ""),
    (site(rules=[{"Redirect": {"HttpRedirectCode": "200"}}]), "InvalidRequest",
     "The provided HTTP redirect code (200) is not valid."),
    (site(rules=[{**REDIRECT, "Condition": {"HttpErrorCodeReturnedEquals": "302"}}]),
     "InvalidRequest", "The provided HTTP error code (302) is not valid."),
    (site(rules=[REDIRECT] * 51), "InvalidRequest", "51 routing rules provided"),
]


@pytest.mark.parametrize("configuration, code, message", WRONG)
def test_what_a_configuration_has_to_be(s3, bucket, configuration, code, message):
    error = refused(s3.put_bucket_website, code, 400, Bucket=bucket,
                    WebsiteConfiguration=configuration)
    assert error["Message"].startswith(message)
    refused(s3.get_bucket_website, "NoSuchWebsiteConfiguration", 404, Bucket=bucket)


def test_objects_and_indexes_are_served(web):
    web.configure()
    web.put("index.html", "top")
    web.put("docs/index.html", "docs", CacheControl="no-cache")
    web.put("docs/a b.html", "page" * 10_000)
    for host in web.hosts:
        web.host = host
        status, headers, text = web.ask("/")
        assert (status, text, headers["content-type"]) == (200, "top", "text/html")
    assert web.ask("/docs/")[::2] == (200, "docs")
    assert web.ask("/docs/index.html?x=1")[1]["cache-control"] == "no-cache"
    assert web.ask("/docs/a%20b.html")[::2] == (200, "page" * 10_000)
    assert web.ask("/docs/a%20b.html", Range="bytes=0-3")[::2] == (206, "page")
    status, headers, text = web.ask("/", "HEAD")
    assert (status, headers["content-length"], text) == (200, "3", "")
    assert web.ask("/", If_None_Match=headers["etag"])[::2] == (304, "")
    status, headers, text = web.ask("/docs")
    assert (status, headers["location"], text) == (302, "/docs/", "")


def test_errors_are_pages_or_the_document_for_them(web):
    web.configure()
    status, headers, text = web.ask("/no<ne")
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<title>404 Not Found</title>" in text
    assert "<li>Code: NoSuchKey</li>\n<li>Message: The specified key does not exist.</li>" in text
    assert "<li>Key: no&lt;ne</li>" in text
    status, headers, text = web.ask("/", "PUT")
    assert (status, "<li>Code: MethodNotAllowed</li>" in text) == (405, True)
    assert web.ask("/x", "HEAD")[::2] == (404, "")
    web.configure(error="error.html")
    assert "<li>Code: NoSuchKey</li>" in web.ask("/none")[2]  # it is not there either
    web.put("error.html", "sorry")
    status, headers, text = web.ask("/none", Range="bytes=0-1", If_None_Match="*")
    assert (status, headers["content-type"], text) == (404, "text/html", "sorry")


def test_buckets_without_a_website(server, web):
    status, _, text = web.ask("/")
    assert (status, "<li>Code: NoSuchWebsiteConfiguration</li>" in text) == (404, True)
    status, _, text = server.request("GET", "/", headers={
        "Host": "there-is-none-of-it.s3-website-us-east-1.amazonaws.com"})
    assert (status, b"<li>Code: NoSuchBucket</li>" in text) == (404, True)


def test_rules_redirect(web):
    rules = [
        {"Condition": {"KeyPrefixEquals": "old/"},
         "Redirect": {"ReplaceKeyPrefixWith": "new dir/"}},
        {"Condition": {"KeyPrefixEquals": "out/"}, "Redirect": {
            "HostName": "example.com", "Protocol": "https", "HttpRedirectCode": "307"}},
        {"Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "gone/"},
         "Redirect": {"ReplaceKeyWith": "moved.html"}},
    ]
    web.configure(error="error.html", rules=rules)
    web.put("gone/here", "here")
    web.put("error.html", "sorry")
    status, headers, text = web.ask("/old/a%20b")
    assert (status, headers["location"], text) == (301, f"http://{web.host}/new%20dir/a%20b", "")
    status, headers, _ = web.ask("/out/x")
    assert (status, headers["location"]) == (307, "https://example.com/out/x")
    status, headers, _ = web.ask("/gone/x")
    assert (status, headers["location"]) == (301, f"http://{web.host}/moved.html")
    assert web.ask("/gone/here")[::2] == (200, "here")
    assert web.ask("/none")[::2] == (404, "sorry")


def test_all_requests_and_single_objects_redirect(s3, bucket, web):
    web.configure()
    web.put("a", "", WebsiteRedirectLocation="/b")
    status, headers, text = web.ask("/a")
    assert (status, headers["location"], text) == (301, "/b", "")
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
        "RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}})
    status, headers, _ = web.ask("/a/b")
    assert (status, headers["location"]) == (301, "https://example.com/a/b")


def test_where_requests_are_signed_a_site_gives_what_anybody_may_read(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    server = make_server("--credentials", path)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_bucket_website(Bucket="lake", WebsiteConfiguration=site(error="error.html"))
    for key in ("index.html", "error.html", "secret"):
        s3.put_object(Bucket="lake", Key=key, Body=key.encode())

    def ask(path):
        status, _, text = server.request("GET", path, headers={
            "Host": "lake.s3-website-us-east-1.amazonaws.com"})
        return status, text.decode()

    status, text = ask("/")
    assert (status, "<li>Code: AccessDenied</li>" in text) == (403, True)
    s3.put_public_access_block(Bucket="lake", PublicAccessBlockConfiguration={})
    objects = ['"arn:aws:s3:::lake/index.html"', '"arn:aws:s3:::lake/error.html"']
    s3.put_bucket_policy(Bucket="lake", Policy=(
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", '
        f'"Action": "s3:GetObject", "Resource": [{", ".join(objects)}]}}]}}'))
    assert ask("/") == (200, "index.html")
    assert ask("/secret") == (403, "error.html")


def test_a_folder_is_found_by_its_index_where_nobody_may_list(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    server = make_server("--credentials", path)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_bucket_website(Bucket="lake", WebsiteConfiguration=site())
    for key in ("docs/index.html", "secret/index.html", "both", "both/index.html"):
        s3.put_object(Bucket="lake", Key=key, Body=key.encode())
    s3.put_public_access_block(Bucket="lake", PublicAccessBlockConfiguration={})
    s3.put_bucket_policy(Bucket="lake", Policy=(
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", '
        '"Action": "s3:GetObject", "Resource": ["arn:aws:s3:::lake/docs/*", '
        '"arn:aws:s3:::lake/both/*"]}]}'))

    def ask(path):
        status, headers, text = server.request("GET", path, headers={
            "Host": "lake.s3-website-us-east-1.amazonaws.com"})
        return status, {name.lower(): value for name, value in headers.items()}, text.decode()

    status, headers, _ = ask("/docs")
    assert (status, headers["location"]) == (302, "/docs/")
    assert ask("/docs/")[::2] == (200, "docs/index.html")
    for refused in ("/secret", "/secret/", "/both", "/none"):
        status, headers, text = ask(refused)
        assert (status, "location" in headers) == (403, False), refused
        assert "<li>Code: AccessDenied</li>" in text, refused
