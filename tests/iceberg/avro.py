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
    elif kind == "enum":
        _write_long(stream, schema["symbols"].index(value))
    elif kind in ("float", "double"):
        stream.write(struct.pack("<f" if kind == "float" else "<d", value))
    elif kind == "map":
        if value:
            _write_long(stream, len(value))
        for key, item in value.items():
            _write(stream, "string", key)
            _write(stream, schema["values"], item)
        _write_long(stream, 0)
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



def _expand(schema, named):
    """With types in place of their names."""
    if isinstance(schema, list):
        return [_expand(one, named) for one in schema]
    if isinstance(schema, str):
        return named.get(schema.rsplit(".", 1)[-1], schema)
    schema = dict(schema)
    for key in ("type", "items", "values"):
        if key in schema:
            schema[key] = _expand(schema[key], named)
    if "fields" in schema:
        schema["fields"] = [_expand(field, named) for field in schema["fields"]]
    if "name" in schema and schema.get("type") in ("record", "enum", "fixed"):
        named[schema["name"]] = schema
    return schema


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


def write(metadata, records, codec="null", a_block=None):
    """The object file; of `a_block` records each block, or of all."""
    stream, sync = io.BytesIO(), bytes(range(16))
    metadata = {**metadata, "avro.codec": codec.encode()}
    stream.write(b"Obj\1")
    _write_long(stream, len(metadata))
    for name, value in metadata.items():
        _write_long(stream, len(name))
        stream.write(name.encode())
        _write_long(stream, len(value))
        stream.write(value)
    _write_long(stream, 0)
    stream.write(sync)
    schema = _expand(json.loads(metadata["avro.schema"]), {})
    a_block = a_block or max(1, len(records))
    for start in range(0, max(1, len(records)), a_block):
        block, part = io.BytesIO(), records[start:start + a_block]
        for record in part:
            _write(block, schema, record)
        body = block.getvalue()
        if codec == "deflate":
            deflater = zlib.compressobj(wbits=-15)
            body = deflater.compress(body) + deflater.flush()
        _write_long(stream, len(part))
        _write_long(stream, len(body))
        stream.write(body + sync)
    return stream.getvalue()
