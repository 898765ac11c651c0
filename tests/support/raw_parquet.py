"""Parquet files of any schema, also of shapes that today's writers no longer make.

A column is `leaf(...)` or `group(...)`; records are dicts of it, lists where a node is repeated.
Values lie plain and unpacked, in one data page a column and row group."""

import struct

PHYSICAL = ["BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY",
            "FIXED_LEN_BYTE_ARRAY"]
REPETITION = ["required", "optional", "repeated"]
CONVERTED = ["UTF8", "MAP", "MAP_KEY_VALUE", "LIST", "ENUM", "DECIMAL", "DATE", "TIME_MILLIS",
             "TIME_MICROS", "TIMESTAMP_MILLIS", "TIMESTAMP_MICROS", "UINT_8", "UINT_16", "UINT_32",
             "UINT_64", "INT_8", "INT_16", "INT_32", "INT_64", "JSON", "BSON", "INTERVAL"]
CODECS = {"UNCOMPRESSED": 0, "LZO": 3, "LZ4": 5}
PLAIN, RLE, BYTE_STREAM_SPLIT = 0, 3, 9
TRUE, FALSE, BYTE, I16, I32, I64, BINARY, LIST, STRUCT = 1, 2, 3, 4, 5, 6, 8, 9, 12


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def thrift(kind, value):
    """A value in the compact protocol: structs are {field: (kind, value)}, lists (kind, [])."""
    if kind in (I16, I32, I64):
        return varint(value * 2 if value >= 0 else -value * 2 - 1)
    if kind == BYTE:
        return bytes([value])
    if kind == BINARY:
        return varint(len(value)) + value
    if kind == LIST:
        element, values = value
        head = bytes([len(values) << 4 | element]) if len(values) < 15 else (
            bytes([0xF0 | element]) + varint(len(values)))
        return head + b"".join(thrift(element, v) for v in values)
    out, last = b"", 0
    for field, (inner, content) in sorted(value.items()):
        out += bytes([(field - last) << 4 | inner])
        out += b"" if inner in (TRUE, FALSE) else thrift(inner, content)
        last = field
    return out + b"\0"


def leaf(name, physical, repetition="optional", converted=None, **more):
    """`logical`: a LogicalType as thrift() takes a struct; `length`, `scale`, `precision`."""
    return {"name": name, "physical": physical, "repetition": repetition, "converted": converted,
            "children": [], **more}


def group(name, *children, repetition="optional", converted=None):
    return {"name": name, "physical": None, "repetition": repetition, "converted": converted,
            "children": list(children)}


def elements(node):
    fields = {3: (I32, REPETITION.index(node["repetition"])), 4: (BINARY, node["name"].encode())}
    if node["children"]:
        fields[5] = (I32, len(node["children"]))
    else:
        fields[1] = (I32, PHYSICAL.index(node["physical"]))
    if node["converted"]:
        fields[6] = (I32, CONVERTED.index(node["converted"]))
    for key, field in (("length", 2), ("scale", 7), ("precision", 8), ("id", 9)):
        if key in node:
            fields[field] = (I32, node[key])
    if "logical" in node:
        fields[10] = (STRUCT, node["logical"])
    return [fields] + [e for child in node["children"] for e in elements(child)]


def leaves(node, path=(), levels=(0, 0)):
    """[(path, leaf, (deepest repetition level, deepest definition level))]"""
    repeat, define = levels
    levels = (repeat + (node["repetition"] == "repeated"),
              define + (node["repetition"] != "required"))
    path += (node["name"],)
    if not node["children"]:
        return [(path, node, levels)]
    return [found for child in node["children"] for found in leaves(child, path, levels)]


def shred(node, value, repeat, define, depth, out, path=()):
    path += (node["name"],)
    if node["repetition"] == "repeated":
        values, define, depth = value or [], define + 1, depth + 1
    else:
        absent = value is None
        assert not (absent and node["repetition"] == "required"), path
        values, define = [] if absent else [value], define + (node["repetition"] == "optional")
    if not values:
        for end, _, _ in leaves(node):
            out.setdefault(path + end[1:], []).append((repeat, define - 1, None))
    for i, one in enumerate(values):
        at = repeat if i == 0 else depth
        if node["children"]:
            for child in node["children"]:
                shred(child, one.get(child["name"]), at, define, depth, out, path)
        else:
            out.setdefault(path, []).append((at, define, one))


def plain(node, values):
    kind = node["physical"]
    if kind == "BOOLEAN":
        bits = sum(bool(v) << i for i, v in enumerate(values))
        return bits.to_bytes((len(values) + 7) // 8, "little")
    if kind == "BYTE_ARRAY":
        return b"".join(struct.pack("<I", len(v)) + v for v in values)
    if kind in ("FIXED_LEN_BYTE_ARRAY", "INT96"):
        return b"".join(values)
    code = {"INT32": "i", "INT64": "q", "FLOAT": "f", "DOUBLE": "d"}[kind]
    return struct.pack(f"<{len(values)}{code}", *values)


def level_bytes(levels, deepest):
    if deepest == 0:
        return b""
    runs = b"".join(b"\x02" + bytes([level]) for level in levels)
    return struct.pack("<I", len(runs)) + runs


def chunk(out, path, node, deepest, triples, codec, encoding):
    """Appends a column chunk; gives its ColumnChunk."""
    values = plain(node, [v for _, define, v in triples if define == deepest[1] and v is not None])
    if encoding == BYTE_STREAM_SPLIT:
        width = {"INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8}[node["physical"]]
        values = b"".join(values[i::width] for i in range(width))
    page = (level_bytes([r for r, _, _ in triples], deepest[0]) +
            level_bytes([d for _, d, _ in triples], deepest[1]) + values)
    header = thrift(STRUCT, {1: (I32, 0), 2: (I32, len(page)), 3: (I32, len(page)), 5: (STRUCT, {
        1: (I32, len(triples)), 2: (I32, encoding), 3: (I32, RLE), 4: (I32, RLE)})})
    at = len(out)
    out += header + page
    size = len(header) + len(page)
    return {2: (I64, at), 3: (STRUCT, {
        1: (I32, PHYSICAL.index(node["physical"])), 2: (LIST, (I32, [encoding, RLE])),
        3: (LIST, (BINARY, [name.encode() for name in path])), 4: (I32, CODECS[codec]),
        5: (I64, len(triples)), 6: (I64, size), 7: (I64, size), 9: (I64, at)})}


def raw_parquet(columns, *row_groups, codec="UNCOMPRESSED", encoding=PLAIN):
    """A file of so many row groups, each a list of records."""
    out, groups = bytearray(b"PAR1"), []
    for records in row_groups:
        chunks, first = [], len(out)
        for column in columns:
            triples = {}
            for record in records:
                shred(column, record.get(column["name"]), 0, 0, 0, triples)
            chunks += [chunk(out, path, node, deepest, triples.get(path, []), codec, encoding)
                       for path, node, deepest in leaves(column)]
        groups.append({1: (LIST, (STRUCT, chunks)), 2: (I64, len(out) - first),
                       3: (I64, len(records))})
    schema = [{4: (BINARY, b"schema"), 5: (I32, len(columns))}]
    schema += [element for column in columns for element in elements(column)]
    footer = thrift(STRUCT, {1: (I32, 1), 2: (LIST, (STRUCT, schema)),
                             3: (I64, sum(map(len, row_groups))), 4: (LIST, (STRUCT, groups))})
    return bytes(out) + footer + struct.pack("<I", len(footer)) + b"PAR1"
