"""Parquet for the tests: DuckDB's library writes and reads it, as any other program would."""

import ctypes
import os
import pathlib
import tempfile

LIBRARY = pathlib.Path(__file__).resolve().parents[2] / "third_party" / "duckdb" / "libduckdb.so"


class Result(ctypes.Structure):
    _fields_ = [("counts", ctypes.c_uint64 * 3), ("pointers", ctypes.c_void_p * 3)]


class Duck:
    def __init__(self):
        self.library = ctypes.CDLL(str(LIBRARY))
        self.library.duckdb_result_error.restype = ctypes.c_char_p
        self.library.duckdb_value_varchar.restype = ctypes.c_char_p
        self.library.duckdb_column_count.restype = ctypes.c_uint64
        self.library.duckdb_row_count.restype = ctypes.c_uint64
        self.database, self.connection = ctypes.c_void_p(), ctypes.c_void_p()
        self.library.duckdb_open(None, ctypes.byref(self.database))
        self.library.duckdb_connect(self.database, ctypes.byref(self.connection))

    def query(self, sql):
        """All rows, as text; NULL is None."""
        result = Result()
        state = self.library.duckdb_query(self.connection, sql.encode(), ctypes.byref(result))
        assert state == 0, self.library.duckdb_result_error(ctypes.byref(result))
        columns = self.library.duckdb_column_count(ctypes.byref(result))
        rows = [[self.library.duckdb_value_varchar(ctypes.byref(result), ctypes.c_uint64(c),
                                                   ctypes.c_uint64(r))
                 for c in range(columns)]
                for r in range(self.library.duckdb_row_count(ctypes.byref(result)))]
        self.library.duckdb_destroy_result(ctypes.byref(result))
        return [[v if v is None else v.decode() for v in row] for row in rows]


_duck = []


def duck():
    if not _duck:
        _duck.append(Duck())
    return _duck[0]


def parquet(select, options=""):
    """A Parquet file of what a query of DuckDB's gives."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        duck().query(f"COPY ({select}) TO '{path}' (FORMAT parquet{options})")
        return pathlib.Path(path).read_bytes()


def rows_of(body, columns="*", order="ALL"):
    """The rows of a Parquet file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "file"
        path.write_bytes(body)
        return duck().query(f"SELECT {columns} FROM read_parquet('{path}') ORDER BY {order}")
