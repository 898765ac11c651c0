"""The account's catalog itself, and security configurations."""

from glue.conftest import ROLE, refused

SETTINGS = {"S3Encryption": [{"S3EncryptionMode": "SSE-S3"}],
            "CloudWatchEncryption": {"CloudWatchEncryptionMode": "DISABLED"},
            "JobBookmarksEncryption": {"JobBookmarksEncryptionMode": "DISABLED"}}


def test_the_accounts_catalog_is_the_only_one(ask, glue, database):
    mine = glue.get_database(Name=database)["Database"]["CatalogId"]
    status, reply = ask("GetCatalog", CatalogId=mine)
    catalog = reply["Catalog"]
    assert (status, catalog["CatalogId"], catalog["Name"]) == (200, mine, mine)
    assert catalog["ResourceArn"] == f"arn:aws:glue:us-east-1:{mine}:catalog"
    assert catalog["CreateDatabaseDefaultPermissions"][0]["Permissions"] == ["ALL"]
    assert ask("GetCatalogs") == (200, {"CatalogList": []})
    assert ask("GetCatalogs", IncludeRoot=True, ParentCatalogId=mine)[1]["CatalogList"] == [catalog]
    status, reply = ask("GetCatalog", CatalogId="lake")
    assert (status, reply["__type"]) == (400, "EntityNotFoundException")


def test_a_security_configuration_is_made_listed_named_and_deleted(glue, database, fresh):
    name, crawler = fresh("security"), fresh("crawler")
    target = {"S3Targets": [{"Path": "s3://b/t"}]}
    refused(glue.create_crawler, "InvalidInputException", Name=crawler, Role=ROLE, Targets=target,
            DatabaseName=database, CrawlerSecurityConfiguration=name)
    made = glue.create_security_configuration(Name=name, EncryptionConfiguration=SETTINGS)
    assert made["Name"] == name
    found = glue.get_security_configuration(Name=name)["SecurityConfiguration"]
    assert found["EncryptionConfiguration"] == SETTINGS
    assert found["CreatedTimeStamp"] == made["CreatedTimestamp"]
    assert found in glue.get_security_configurations()["SecurityConfigurations"]
    refused(glue.create_security_configuration, "AlreadyExistsException", Name=name,
            EncryptionConfiguration={})
    glue.create_crawler(Name=crawler, Role=ROLE, Targets=target, DatabaseName=database,
                        CrawlerSecurityConfiguration=name)
    assert glue.get_crawler(Name=crawler)["Crawler"]["CrawlerSecurityConfiguration"] == name
    refused(glue.update_crawler, "InvalidInputException", Name=crawler,
            CrawlerSecurityConfiguration=fresh("none"))
    glue.delete_security_configuration(Name=name)
    refused(glue.get_security_configuration, "EntityNotFoundException", Name=name)
    refused(glue.delete_security_configuration, "EntityNotFoundException", Name=name)
