#!/usr/bin/env python3
"""Turns one models/<service>.json into the C tables that src/protocol/model.h describes.

usage: models_c.py models/<service>.json <service>.c
"""
import json
import pathlib
import sys

TYPES = ['structure', 'list', 'map', 'string', 'integer', 'long', 'float', 'double', 'boolean',
         'blob', 'timestamp']
PROTOCOLS = {'json': 0, 'rest-json': 1, 'rest-xml': 2, 'query': 3, 'smithy-rpc-v2-cbor': 4}
LOCATIONS = {None: 0, 'uri': 1, 'querystring': 2, 'header': 3, 'headers': 4, 'statusCode': 5}
TIMES = {None: 0, 'unixTimestamp': 1, 'iso8601': 2, 'rfc822': 3}
NONE = 0xffff
OPAQUE = {'dynamodb': {'AttributeValue'}}
# What DynamoDB says of its constraints where botocore's model says something else: the order of
# enum values in messages, and limits that the model left out when ARNs became names of tables.
TABLE_RULE = {'p': '[a-zA-Z0-9_.-]+', 'min': 3, 'max': 255}
COMPARISONS = ['IN', 'NULL', 'BETWEEN', 'LT', 'NOT_CONTAINS', 'EQ', 'GT', 'NOT_NULL', 'NE', 'LE',
               'BEGINS_WITH', 'GE', 'CONTAINS']
CORRECTED = {'dynamodb': {
    'TableArn': TABLE_RULE,
    'AttributeNameList': {'max': 255},
    'ComparisonOperator': {'e': COMPARISONS},
    'ConditionalOperator': {'e': ['OR', 'AND']},
    'AttributeAction': {'e': ['ADD', 'DELETE', 'PUT']},
    'ReturnValue': {'e': ['ALL_NEW', 'UPDATED_OLD', 'ALL_OLD', 'NONE', 'UPDATED_NEW']},
    'ReturnValuesOnConditionCheckFailure': {'e': ['ALL_OLD', 'NONE']},
    'TableClass': {'e': []},  # the operations check it, in words of their own
    'ScalarAttributeType': {'e': ['B', 'N', 'S']},
    'ProjectionType': {'e': ['ALL', 'INCLUDE', 'KEYS_ONLY']},
    'Select': {'e': ['SPECIFIC_ATTRIBUTES', 'COUNT', 'ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES']},
}}
# Operations that look at the table's name before all else, in words of their own.
NAME_FIRST = {'CreateTableInput', 'DeleteTableInput', 'DescribeTableInput', 'UpdateTableInput',
              'DescribeTimeToLiveInput', 'UpdateTimeToLiveInput'}


# The order in which DynamoDB tells of several errors.
WRITE_MEMBERS = ['ReturnConsumedCapacity', 'TableName', 'ReturnItemCollectionMetrics']
FIRST_MEMBERS = {
    'ProvisionedThroughput': ['WriteCapacityUnits', 'ReadCapacityUnits'],
    'PutItemInput': ['ReturnConsumedCapacity', 'TableName', 'Item'],
    'GetItemInput': ['ReturnConsumedCapacity', 'AttributesToGet', 'TableName', 'Key'],
    'UpdateItemInput': WRITE_MEMBERS,
    'DeleteItemInput': WRITE_MEMBERS,
    'BatchGetItemInput': ['ReturnConsumedCapacity'],
    'BatchWriteItemInput': ['ReturnConsumedCapacity', 'ReturnItemCollectionMetrics'],
    'QueryInput': ['Select', 'IndexName', 'ReturnConsumedCapacity', 'QueryFilter', 'TableName',
                   'ConditionalOperator', 'AttributesToGet', 'Limit', 'KeyConditions'],
    'ScanInput': ['Select', 'IndexName', 'TotalSegments', 'ReturnConsumedCapacity', 'TableName',
                  'ConditionalOperator', 'ScanFilter', 'Segment', 'Limit', 'AttributesToGet'],
}


def correct_dynamodb(shapes):
    """A table's keys are two at most, and required; the operations on tags check for themselves."""
    shapes['TableKeySchema'] = {**shapes['KeySchema'], 'max': 2}
    for name in ('CreateTableInput', 'LocalSecondaryIndex'):
        shapes[name]['m']['KeySchema'] = {'s': 'TableKeySchema'}
    shapes['CreateTableInput']['r'] = ['AttributeDefinitions', 'TableName', 'KeySchema']
    for name in ('TagResourceInput', 'UntagResourceInput', 'ListTagsOfResourceInput'):
        shapes[name]['r'] = []
        shapes[name]['m']['ResourceArn'] = {'s': 'String'}
    del shapes['KeyList']['max']  # BatchGetItem counts the keys of all tables, in words of its own
    for name, first in FIRST_MEMBERS.items():
        members = shapes[name]['m']
        shapes[name]['m'] = {key: members[key] for key in [*first, *members]}


class Pool:
    """Texts, each once: two bytes of length, the bytes, a NUL."""

    def __init__(self):
        self.data = bytearray(b'\0\0\0')
        self.at = {'': 2}

    def add(self, text):
        if text not in self.at:
            raw = text.encode()
            assert len(raw) < 65536
            self.at[text] = len(self.data) + 2
            self.data += len(raw).to_bytes(2, 'little') + raw + b'\0'
        return self.at[text]

    def literal(self):
        lines, line = [], ''
        for byte in self.data:
            char = chr(byte)
            plain = (byte < 128 and char.isalnum()) or char in ' _-.,:/=#+(){}[]|*<>&;!@$%^~'
            line += char if plain else f'\\{byte:03o}'
            if len(line) > 90:
                lines.append(line)
                line = ''
        lines.append(line)
        return '\n'.join(f'    "{text}"' for text in lines)


def flags(value, *pairs):
    return sum(bit for key, bit in pairs if value.get(key))


class Tables:
    def __init__(self, service, model):
        self.service, self.model, self.pool = service, model, Pool()
        self.names = sorted(model['shapes'])
        self.index = {name: i for i, name in enumerate(self.names)}
        self.members, self.enums, self.error_lists = [], [], []
        self.opaque = OPAQUE.get(service, set())

    def member(self, name, member, required=False, payload=False, shape=''):
        bits = flags(member, ('f', 2), ('a', 4), ('st', 16), ('j', 32))
        bits |= 1 if required else 0
        bits |= 8 if payload else 0
        if self.service == 'dynamodb' and name == 'TableName' and shape in NAME_FIRST:
            bits |= 64
        return (self.pool.add(name), self.pool.add(member.get('n', name)), self.index[member['s']],
                LOCATIONS[member.get('l')], bits)

    def shape(self, name):
        corrected = CORRECTED.get(self.service, {}).get(name, {})
        shape = {**self.model['shapes'][name], **corrected}
        first = len(self.members)
        payload = NONE
        if shape['t'] == 'structure':
            for i, (key, member) in enumerate(shape.get('m', {}).items()):
                is_payload = shape.get('pl') == key
                payload = i if is_payload else payload
                self.members.append(
                    self.member(key, member, key in shape.get('r', ()), is_payload, name))
        for key, word in (('l', 'member'), ('k', 'key'), ('v', 'value')):
            if key in shape:
                self.members.append(self.member(word, shape[key]))
        bits = flags(shape, ('f', 1), ('s', 2), ('st', 4), ('u', 8), ('d', 16), ('es', 32))
        bits |= 64 if name in self.opaque else 0
        bits |= 128 if 'min' in shape else 0
        bits |= 256 if 'max' in shape else 0
        bits |= 512 if shape['t'] == 'map' and shape['v']['s'] in self.opaque else 0
        bits |= 1024 if corrected is TABLE_RULE else 0
        enums = len(self.enums)
        self.enums += [self.pool.add(value) for value in shape.get('e', ())]
        return (int(shape.get('min', 0)), int(shape.get('max', 0)), self.pool.add(name), first,
                self.pool.add(shape['p']) if 'p' in shape else 0, enums,
                len(self.members) - first, len(self.enums) - enums, payload, bits,
                TYPES.index(shape['t']), TIMES[shape.get('ts')])

    def operation(self, name, operation, errors):
        first = len(self.error_lists)
        self.error_lists += [errors[shape] for shape in operation.get('e', ()) if shape in errors]
        return (self.pool.add(name), self.pool.add(operation['m']), self.pool.add(operation['u']),
                self.pool.add(operation.get('w', name + 'Result')),
                self.pool.add(operation['r']) if 'r' in operation else 0,
                first, len(self.error_lists) - first,
                self.index.get(operation.get('i'), NONE), self.index.get(operation.get('o'), NONE),
                operation['c'], flags(operation, ('x', 1), ('n', 2)))

    def errors(self):
        """Rows sorted by code, and shape name -> row number."""
        found = []
        for name in self.names:
            shape = self.model['shapes'][name]
            if 'x' in shape:
                members = shape.get('m', {})
                message = next((key for key in members if key.lower() == 'message'), None)
                found.append((*shape['x'], name, message))
        found.sort(key=lambda row: (row[0], row[3]))
        rows = [(self.pool.add(code), self.pool.add(message) if message else 0,
                 self.pool.add(name), status, sender)
                for code, status, sender, name, message in found]
        return rows, {row[3]: i for i, row in enumerate(found)}


def table(declaration, rows):
    if not rows:
        return f'static const {declaration}[1];\n'
    body = ',\n'.join('    {' + ', '.join(map(str, row)) + '}' if isinstance(row, tuple)
                      else f'    {row}' for row in rows)
    return f'static const {declaration}[] = {{\n{body}}};\n'


def text(value):
    return json.dumps(value or '')


def render(service, model):
    tables = Tables(service, model)
    meta = model['metadata']
    shapes = [tables.shape(name) for name in tables.names]
    errors, error_index = tables.errors()
    operations = [tables.operation(name, operation, error_index)
                  for name, operation in sorted(model['operations'].items())]
    out = [f'/* Made by tools/models_c.py from models/{service}.json. */\n'
           '#include "protocol/model.h"\n'
           '#pragma GCC diagnostic ignored "-Woverlength-strings"\n'
           f'extern const struct model_service model_{service};\n']
    out.append(f'static const char pool[] =\n{tables.pool.literal()};\n')
    out.append(table('struct model_member members', tables.members))
    out.append(table('struct model_shape shapes', shapes))
    out.append(table('struct model_operation operations', operations))
    out.append(table('struct model_error errors', errors))
    out.append(table('uint32_t enums', tables.enums))
    out.append(table('uint16_t error_lists', tables.error_lists))
    out.append(f'const struct model_service model_{service} = {{\n'
               f'    .name = {text(service)}, .signing_name = {text(meta["signingName"])},\n'
               f'    .target_prefix = {text(meta.get("targetPrefix"))},\n'
               f'    .api_version = {text(meta["apiVersion"])},\n'
               f'    .json_version = {text(meta.get("jsonVersion"))},\n'
               f'    .xml_namespace = {text(meta.get("xmlNamespace"))},\n'
               f'    .service_id = {text(meta["serviceId"])},\n'
               f'    .protocol = {PROTOCOLS[meta["protocol"]]},\n'
               f'    .operation_count = {len(operations)}, .shape_count = {len(shapes)},\n'
               f'    .error_count = {len(errors)}, .pool = pool, .operations = operations,\n'
               '    .shapes = shapes, .members = members, .errors = errors, .enums = enums,\n'
               '    .error_lists = error_lists};\n')
    return '\n'.join(out)


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    model = json.loads(source.read_text(encoding='utf-8'))
    if source.stem == 'dynamodb':
        correct_dynamodb(model['shapes'])
    target.write_text(render(source.stem, model), encoding='utf-8')


if __name__ == '__main__':
    main()
