"""Athena's SELECT dialect against what Trino's documentation says of it. Many expressions go into
one query, many queries run at once: the whole table takes seconds."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from athena import (trino_addresses, trino_collections, trino_documented, trino_geometry,
                    trino_json, trino_match, trino_queries, trino_scalars, trino_times)

QUERIES = ("RELATIONS", "FAILURES") # whole ones, not expressions
FAILURES = (trino_queries.FAILURES + trino_addresses.FAILURES + trino_match.FAILURES +
            trino_geometry.FAILURES + trino_documented.FAILURES)
EXPRESSIONS = {
    f"{module.__name__.split('.')[-1]}-{name}": getattr(module, name)
    for module in (trino_scalars, trino_times, trino_collections, trino_json, trino_geometry,
                   trino_addresses, trino_documented)
    for name in dir(module)
    if name.isupper() and isinstance(getattr(module, name), list) and name not in QUERIES
}
TABLES = {"aggregates": trino_queries.AGGREGATES, "windows": trino_queries.WINDOWS,
          "relations": trino_queries.RELATIONS, "json tables": trino_queries.JSON_TABLES,
          "zones": trino_queries.ZONES, "addresses": trino_addresses.RELATIONS,
          "row patterns": trino_match.RELATIONS, "documented": trino_documented.RELATIONS,
          "geometries": trino_geometry.RELATIONS}


def answer(lake, sql):
    """State or reason, types, rows without the header."""
    execution = lake.run(sql)
    status = execution["Status"]
    if status["State"] != "SUCCEEDED":
        return status.get("StateChangeReason", status["State"]), None, None
    result = lake.athena.get_query_results(
        QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]
    rows = [[datum.get("VarCharValue") for datum in row["Data"]] for row in result["Rows"]][1:]
    return "SUCCEEDED", [c["Type"] for c in result["ResultSetMetadata"]["ColumnInfo"]], rows


def started(lake, sql):
    """As answer(), for one that may be refused at the start."""
    try:
        return answer(lake, sql)
    except ClientError as error:
        return error.response["Error"]["Message"], None, None


def several(lake, queries):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda sql: started(lake, sql), queries))


@pytest.mark.parametrize("table", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_expressions_have_trinos_text_and_type(orders, table):
    wrong = []
    for at in range(0, len(table), 40):
        part = table[at:at + 40]
        state, types, rows = started(orders, "SELECT " + ", ".join(text for text, _, _ in part))
        if state == "SUCCEEDED":
            found = [(state, [kind], [[value]]) for kind, value in zip(types, rows[0])]
        else: # one of them is wrong: each by itself
            found = several(orders, ["SELECT " + text for text, _, _ in part])
        for (text, value, kind), (state, types, rows) in zip(part, found):
            if rows != [[value]] or kind not in (None, types[0]):
                wrong.append((text, state if rows is None else (rows, types), (value, kind)))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_queries_have_trinos_rows_and_types(orders, table):
    table = [case for case in table if case[2] is not None]
    wrong = []
    for (sql, types, rows), found in zip(table, several(orders, [case[0] for case in table])):
        types = [kind.replace("_", " ") for kind in types.split()]
        if found != ("SUCCEEDED", types, rows):
            wrong.append((sql, found, types, rows))
    assert not wrong, "\n".join(map(str, wrong))


def test_failures_have_trinos_names_places_and_words(orders):
    wrong = []
    found = several(orders, [sql for sql, _ in FAILURES])
    for (sql, reason), (state, _, rows) in zip(FAILURES, found):
        reason = reason.replace("DB", orders.database)
        fits = state.startswith(reason[:-3]) if reason.endswith("...") else state == reason
        if rows is not None or not fits:
            wrong.append((sql, state if rows is None else rows, reason))
    assert not wrong, "\n".join(map(str, wrong))


def test_syntax_errors_have_a_place_and_say_what_was_expected(orders):
    wrong = []
    for sql, message in trino_queries.SYNTAX + trino_match.SYNTAX:
        with pytest.raises(ClientError) as caught:
            orders.start(sql)
        error = caught.value.response["Error"]
        if message not in error["Message"] or error["Code"] != "InvalidRequestException":
            wrong.append((sql, error, message))
    assert not wrong, "\n".join(map(str, wrong))
