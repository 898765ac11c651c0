"""Avro object files, read and written by the schema they carry: enough for Iceberg's manifests, and
nothing of ours in it."""

import io
import json
import struct
import zlib


def _read_long(stream):
    shift = number = 0
    while True:
        byte = stream.read(1)[0]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number >> 1 ^ -(number & 1)
        shift += 7


def _write_long(stream, number):
    number = number << 1 ^ number >> 63
    while number > 0x7F:
        stream.write(bytes([number & 0x7F | 0x80]))
        number >>= 7
    stream.write(bytes([number]))


def _kind(schema):
    return schema if isinstance(schema, (str, list)) else schema["type"]


def _read(stream, schema):
    kind = _kind(schema)
    if isinstance(kind, list):
        return _read(stream, kind[_read_long(stream)])
    if kind == "null":
        return None
    if kind in ("int", "long"):
        return _read_long(stream)
    if kind == "boolean":
        return stream.read(1) == b"\1"
    if kind in ("bytes", "string"):
        body = stream.read(_read_long(stream))
        return body.decode() if kind == "string" else body
    if kind in ("float", "double"):
        return struct.unpack("<f" if kind == "float" else "<d",
                             stream.read(4 if kind == "float" else 8))[0]
    if kind == "fixed":
        return stream.read(schema["size"])
    if kind == "record":
        return {field["name"]: _read(stream, field["type"]) for field in schema["fields"]}
    if kind == "array":
        items = []
        while (count := _read_long(stream)) != 0:
            if count < 0:
                _read_long(stream)
            items += [_read(stream, schema["items"]) for _ in range(abs(count))]
        return items
    raise AssertionError(kind)


def _write(stream, schema, value):
    kind = _kind(schema)
    if isinstance(kind, list):
        at = 0 if value is None else 1
        _write_long(stream, at)
        if value is not None:
            _write(stream, kind[at], value)
    elif kind in ("int", "long"):
        _write_long(stream, value)
    elif kind == "boolean":
        stream.write(b"\1" if value else b"\0")
    elif kind in ("bytes", "string"):
        body = value.encode() if kind == "string" else value
        _write_long(stream, len(body))
        stream.write(body)
    elif kind == "fixed":
        stream.write(value)
    elif kind == "record":
        for field in schema["fields"]:
            _write(stream, field["type"], value[field["name"]])
    elif kind == "array":
        if value:
            _write_long(stream, len(value))
        for item in value:
            _write(stream, schema["items"], item)
        _write_long(stream, 0)
    elif kind != "null":
        raise AssertionError(kind)



def read(body):
    """(metadata, records) of an object file."""
    stream = io.BytesIO(body)
    assert stream.read(4) == b"Obj\1"
    metadata = {}
    while (count := _read_long(stream)) != 0:
        for _ in range(count):
            name = stream.read(_read_long(stream)).decode()
            metadata[name] = stream.read(_read_long(stream))
    sync, records = stream.read(16), []
    schema = json.loads(metadata["avro.schema"])
    while stream.tell() < len(body):
        count, block = _read_long(stream), stream.read(_read_long(stream))
        if metadata.get("avro.codec") == b"deflate":
            block = zlib.decompress(block, -15)
        inner = io.BytesIO(block)
        records += [_read(inner, schema) for _ in range(count)]
        assert stream.read(16) == sync
    return metadata, records


def write(metadata, records):
    """The object file, not packed."""
    stream, block, sync = io.BytesIO(), io.BytesIO(), bytes(range(16))
    metadata = {**metadata, "avro.codec": b"null"}
    stream.write(b"Obj\1")
    _write_long(stream, len(metadata))
    for name, value in metadata.items():
        _write_long(stream, len(name))
        stream.write(name.encode())
        _write_long(stream, len(value))
        stream.write(value)
    _write_long(stream, 0)
    stream.write(sync)
    schema = json.loads(metadata["avro.schema"])
    for record in records:
        _write(block, schema, record)
    _write_long(stream, len(records))
    _write_long(stream, len(block.getvalue()))
    stream.write(block.getvalue() + sync)
    return stream.getvalue()
