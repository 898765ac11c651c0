"""Trino's expressions and queries with the results its documentation gives."""

import pytest

from athena.expressions import CASES, QUERIES


def test_expressions_have_trinos_results_and_types(orders):
    wrong = []
    for text, value, kind in CASES:
        result = orders.result(f"SELECT {text}")
        found = [[d.get("VarCharValue") for d in row["Data"]] for row in result["Rows"]][1:]
        shown = result["ResultSetMetadata"]["ColumnInfo"][0]["Type"]
        if found != [[value]] or kind not in (None, shown):
            wrong.append((text, found, shown, value, kind))
    assert wrong == []


@pytest.mark.parametrize("sql, rows", QUERIES)
def test_queries_have_trinos_results(orders, sql, rows):
    assert orders.rows(sql) == rows
