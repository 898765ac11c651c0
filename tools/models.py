#!/usr/bin/env python3
"""Writes models/<service>.json: what millrace needs of botocore's service models, and no more.

Run it with a python that has the botocore to take over: tools/models.py [--check]
--check writes nothing and exits 1 when a file differs from what would be written.

A file is one JSON object, a line for each operation and shape:
  metadata    apiVersion, protocol, jsonVersion, targetPrefix, xmlNamespace, signingName, ...
  operations  name -> m method, u URI, c status, i input shape, o output shape, w result wrapper,
              e errors, r root element of the XML reply, x unwrapped XML reply, n no signature
  shapes      name -> t type, m members {name: member}, r required names, l element of a list,
              k key and v value of a map, min, max, p pattern, e enum, f flattened, s sensitive,
              ts timestampFormat, pl payload member, st streaming, u union, d document,
              es event stream, x [code, status, sender's fault] of an error
  a member    s shape, n locationName, l location, f flattened, a xmlAttribute, st streaming,
              tk idempotency token, j jsonvalue
"""
import json
import pathlib
import sys

import botocore
import botocore.loaders

SERVICES = ('dynamodb', 'dynamodbstreams', 'kinesis', 'firehose', 'lambda', 's3', 'glue', 'athena',
            'pipes', 'cloudformation', 'iam', 'sts', 'logs', 'cloudwatch', 'ssm')
# Of Systems Manager the Parameter Store alone belongs here: its other operations manage machines.
SSM_OTHERS = ('AddTagsToResource', 'ListTagsForResource', 'RemoveTagsFromResource')
ENUM_VALUES_MAX = 400
METADATA = ('apiVersion', 'endpointPrefix', 'jsonVersion', 'protocol', 'protocols', 'serviceId',
            'targetPrefix', 'xmlNamespace')
TYPES = {'structure', 'list', 'map', 'string', 'integer', 'long', 'float', 'double', 'boolean',
         'blob', 'timestamp'}

# AWS: the root elements of S3's replies stand in the API reference's examples; the models leave
# them out, because clients never look at a root's name.
S3_ROOTS = {
    'CompleteMultipartUpload': 'CompleteMultipartUploadResult',
    'CreateMultipartUpload': 'InitiateMultipartUploadResult',
    'CreateSession': 'CreateSessionResult',
    'DeleteObjects': 'DeleteResult',
    'GetBucketAccelerateConfiguration': 'AccelerateConfiguration',
    'GetBucketAcl': 'AccessControlPolicy',
    'GetBucketCors': 'CORSConfiguration',
    'GetBucketLifecycle': 'LifecycleConfiguration',
    'GetBucketLifecycleConfiguration': 'LifecycleConfiguration',
    'GetBucketLocation': 'LocationConstraint',
    'GetBucketLogging': 'BucketLoggingStatus',
    'GetBucketNotification': 'NotificationConfiguration',
    'GetBucketNotificationConfiguration': 'NotificationConfiguration',
    'GetBucketRequestPayment': 'RequestPaymentConfiguration',
    'GetBucketTagging': 'Tagging',
    'GetBucketVersioning': 'VersioningConfiguration',
    'GetBucketWebsite': 'WebsiteConfiguration',
    'GetObjectAcl': 'AccessControlPolicy',
    'GetObjectAttributes': 'GetObjectAttributesResponse',
    'GetObjectTagging': 'Tagging',
    'ListBucketAnalyticsConfigurations': 'ListBucketAnalyticsConfigurationResult',
    'ListBucketIntelligentTieringConfigurations':
        'ListBucketIntelligentTieringConfigurationsResult',
    'ListBucketInventoryConfigurations': 'ListInventoryConfigurationsResult',
    'ListBucketMetricsConfigurations': 'ListMetricsConfigurationsResult',
    'ListBuckets': 'ListAllMyBucketsResult',
    'ListDirectoryBuckets': 'ListAllMyDirectoryBucketsResult',
    'ListMultipartUploads': 'ListMultipartUploadsResult',
    'ListObjectVersions': 'ListVersionsResult',
    'ListObjects': 'ListBucketResult',
    'ListObjectsV2': 'ListBucketResult',
    'ListParts': 'ListPartsResult',
}


def compact_member(member):
    out = {'s': member['shape']}
    for short, key in (('n', 'locationName'), ('l', 'location')):
        if key in member:
            out[short] = member[key]
    for short, key in (('f', 'flattened'), ('a', 'xmlAttribute'), ('st', 'streaming'),
                       ('tk', 'idempotencyToken'), ('j', 'jsonvalue')):
        if member.get(key):
            out[short] = 1
    return out


def compact_shape(name, shape):
    assert shape['type'] in TYPES, shape['type']
    out = {'t': shape['type']}
    if 'members' in shape:
        out['m'] = {key: compact_member(member) for key, member in shape['members'].items()}
    for short, key in (('l', 'member'), ('k', 'key'), ('v', 'value')):
        if key in shape:
            out[short] = compact_member(shape[key])
    for short, key in (('r', 'required'), ('min', 'min'), ('max', 'max'), ('p', 'pattern'),
                       ('ts', 'timestampFormat'), ('pl', 'payload')):
        if shape.get(key) not in (None, []):
            out[short] = shape[key]
    if 0 < len(shape.get('enum', [])) <= ENUM_VALUES_MAX:
        out['e'] = shape['enum']
    for short, key in (('f', 'flattened'), ('s', 'sensitive'), ('st', 'streaming'), ('u', 'union'),
                       ('d', 'document'), ('es', 'eventstream')):
        if shape.get(key):
            out[short] = 1
    if shape.get('exception') or 'error' in shape:
        error = shape.get('error', {})
        sender = not shape.get('fault') and not error.get('fault')
        status = error.get('httpStatusCode', 400 if sender else 500)
        out['x'] = [error.get('code', name), status, int(sender)]
    return out


def compact_operation(service, operation):
    http = operation['http']
    out = {'m': http['method'], 'u': http['requestUri'], 'c': http.get('responseCode', 200)}
    if 'input' in operation:
        out['i'] = operation['input']['shape']
    if 'output' in operation:
        out['o'] = operation['output']['shape']
        if 'resultWrapper' in operation['output']:
            out['w'] = operation['output']['resultWrapper']
    if operation.get('errors'):
        out['e'] = [error['shape'] for error in operation['errors']]
    if operation.get('authtype') == 'none':
        out['n'] = 1
    if service == 's3' and operation['name'] in S3_ROOTS:
        out['r'] = S3_ROOTS[operation['name']]
    if service == 's3' and operation['name'] == 'GetBucketLocation':
        out['x'] = 1
    return out


def reachable(operations, shapes):
    """Names of the shapes that some operation uses, so that leftovers of the models stay out."""
    todo = [operation[key] for operation in operations.values() for key in 'io' if key in operation]
    todo += [error for operation in operations.values() for error in operation.get('e', ())]
    seen = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        shape = shapes[name]
        members = list(shape.get('m', {}).values()) + [shape[key] for key in 'lkv' if key in shape]
        todo += [member['s'] for member in members]
    return seen


def compact(service, model):
    """The text of models/<service>.json."""
    metadata = {key: model['metadata'][key] for key in METADATA if key in model['metadata']}
    metadata['signingName'] = model['metadata'].get('signingName',
                                                    model['metadata']['endpointPrefix'])
    operations = {name: compact_operation(service, operation)
                  for name, operation in sorted(model['operations'].items())
                  if service != 'ssm' or 'Parameter' in name or name in SSM_OTHERS}
    shapes = {name: compact_shape(name, shape) for name, shape in sorted(model['shapes'].items())}
    keep = reachable(operations, shapes)
    def dump(value):
        return json.dumps(value, separators=(',', ':'), ensure_ascii=True)
    lines = ['{"metadata":' + dump(dict(sorted(metadata.items()))) + ',', '"operations":{']
    lines.append(',\n'.join(dump(name) + ':' + dump(value) for name, value in operations.items()))
    lines += ['},', '"shapes":{']
    lines.append(',\n'.join(dump(name) + ':' + dump(value) for name, value in shapes.items()
                            if name in keep))
    lines.append('}}')
    return '\n'.join(lines) + '\n'


def main():
    check = sys.argv[1:] == ['--check']
    folder = pathlib.Path(__file__).resolve().parent.parent / 'models'
    loader = botocore.loaders.Loader()
    different = []
    for service in SERVICES:
        text = compact(service, loader.load_service_model(service, 'service-2'))
        path = folder / f'{service}.json'
        if check:
            if not path.exists() or path.read_text() != text:
                different.append(path.name)
        else:
            path.write_text(text)
    if check and different:
        sys.exit(f'models: differ from botocore {botocore.__version__}: {", ".join(different)}')
    if not check:
        print(f'models: written from botocore {botocore.__version__}')


if __name__ == '__main__':
    main()
