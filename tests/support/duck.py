"""DuckDB, as the program has it, asked directly: what a Parquet file holds for another reader."""

import ctypes
import pathlib

LIBRARY = pathlib.Path(__file__).resolve().parents[2] / "third_party/duckdb/libduckdb.so"


class _Result(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in "abc"] + [
        (name, ctypes.c_void_p) for name in "def"
    ]


def rows_of(path, expression, order="1"):
    """The texts of an SQL expression over the rows of a Parquet file; order None: as they lie."""
    duck = ctypes.CDLL(str(LIBRARY))
    duck.duckdb_value_varchar.restype = ctypes.c_void_p
    duck.duckdb_result_error.restype = ctypes.c_char_p
    duck.duckdb_row_count.restype = ctypes.c_uint64
    base, connection, result = ctypes.c_void_p(), ctypes.c_void_p(), _Result()
    assert duck.duckdb_open(None, ctypes.byref(base)) == 0
    assert duck.duckdb_connect(base, ctypes.byref(connection)) == 0
    sql = f"SELECT ({expression})::varchar FROM read_parquet('{path}')"
    sql += f" ORDER BY {order}" if order else ""
    failed = duck.duckdb_query(connection, sql.encode(), ctypes.byref(result))
    assert not failed, duck.duckdb_result_error(ctypes.byref(result))
    found = []
    for row in range(duck.duckdb_row_count(ctypes.byref(result))):
        text = duck.duckdb_value_varchar(
            ctypes.byref(result), ctypes.c_uint64(0), ctypes.c_uint64(row)
        )
        found.append(ctypes.string_at(text).decode() if text else None)
    duck.duckdb_destroy_result(ctypes.byref(result))
    duck.duckdb_disconnect(ctypes.byref(connection))
    duck.duckdb_close(ctypes.byref(base))
    return found


def write_parquet(path, select):
    """The rows of an SQL query as a Parquet file."""
    duck = ctypes.CDLL(str(LIBRARY))
    duck.duckdb_result_error.restype = ctypes.c_char_p
    base, connection, result = ctypes.c_void_p(), ctypes.c_void_p(), _Result()
    assert duck.duckdb_open(None, ctypes.byref(base)) == 0
    assert duck.duckdb_connect(base, ctypes.byref(connection)) == 0
    sql = f"COPY ({select}) TO '{path}' (FORMAT parquet)"
    failed = duck.duckdb_query(connection, sql.encode(), ctypes.byref(result))
    assert not failed, duck.duckdb_result_error(ctypes.byref(result))
    duck.duckdb_disconnect(ctypes.byref(connection))
    duck.duckdb_close(ctypes.byref(base))
