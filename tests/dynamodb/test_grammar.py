"""The grammar of expressions: what is no expression, and what is one that cannot be."""

import re

import pytest

from .conftest import KEY, Api, make_table

VALUES = {
    ":n": {"N": "1"},
    ":two": {"N": "2"},
    ":s": {"S": "x"},
    ":ss": {"SS": ["a"]},
    ":ns": {"NS": ["1"]},
    ":l": {"L": [{"N": "1"}]},
    ":m": {"M": {}},
    ":bool": {"BOOL": True},
    ":null": {"NULL": True},
    ":big": {"N": "9e125"},
}
KEYS = {"id": {"S": "k"}}
ITEM = {
    **KEYS,
    "n": {"N": "1"},
    "s": {"S": "abc"},
    "l": {"L": [{"N": "1"}]},
    "m": {"M": {"k": {"N": "1"}}},
    "ss": {"SS": ["a", "b"]},
}
BOTH = [("id", "S", "HASH"), ("r", "N", "RANGE")]

# Expressions with the token that is one too many, and what stands around it.
SYNTAX = {
    "UpdateExpression": [
        ("SET", "<EOF>", "SET"),
        ("SET a", "<EOF>", "a"),
        ("SET a =", "<EOF>", "="),
        ("SET a = :n,", "<EOF>", ","),
        ("SET a :n", ":n", "a :n"),
        ("SET a = (:n", "<EOF>", ":n"),
        ("SET a = :n)", ")", ":n)"),
        ("SET a = :n + :n + :n", "+", ":n + :n"),
        ("SET a = :n * :n", "*", ":n * :n"),
        ("SET a = :n -", "<EOF>", "-"),
        ("SET a = + :n", "+", "= + :n"),
        ("SET a = :n :n", ":n", ":n :n"),
        ("SET a = a b", "b", "a b"),
        ("SET = :n", "=", "SET = :n"),
        ("SET :n = a", ":n", "SET :n ="),
        ("SET a.b.c. = :n", "=", ". = :n"),
        ("SET .a = :n", ".", "SET .a"),
        ("SET a..b = :n", ".", "..b"),
        ("SET a[b] = :n", "b", "[b]"),
        ("SET a[-1] = :n", "-", "[-1"),
        ("SET a[1 = :n", "=", "1 = :n"),
        ("SET a[] = :n", "]", "[] ="),
        ("SET a[1]b = :n", "b", "]b ="),
        ("REMOVE", "<EOF>", "REMOVE"),
        ("REMOVE a b", "b", "a b"),
        ("REMOVE a :n", ":n", "a :n"),
        ("REMOVE a = :n", "=", "a = :n"),
        ("ADD a", "<EOF>", "a"),
        ("ADD a b", "b", "a b"),
        ("DELETE a", "<EOF>", "a"),
        ("UPDATE a = :n", "UPDATE", "UPDATE a"),
        ("set a = :n remove b c", "c", "b c"),
        ("SET a = :n; REMOVE b", ";", ":n; REMOVE"),
        ("SET a == :n", "=", "== :n"),
        ("SET a = 5", "5", "= 5"),
        ('SET a = "x"', '"', '= "x'),
        ("SET a = 'x'", "'", "= 'x"),
    ],
    "ConditionExpression": [
        ("a IN ()", ")", "()"),
        ("a IN (:n", "<EOF>", ":n"),
        ("a IN :n", ":n", "IN :n"),
        ("a IN (:n,)", ")", ",)"),
        ("a BETWEEN :n", "<EOF>", ":n"),
        ("a BETWEEN :n AND", "<EOF>", "AND"),
        ("a BETWEEN :n, :two", ",", ":n, :two"),
        ("NOT", "<EOF>", "NOT"),
        ("NOT a", "<EOF>", "a"),
        ("a", "<EOF>", "a"),
        (":n", "<EOF>", ":n"),
        ("a =", "<EOF>", "="),
        ("= :n", "=", "= :n"),
        ("a = :n AND", "<EOF>", "AND"),
        ("a = :n OR", "<EOF>", "OR"),
        ("AND a = :n", "AND", "AND a"),
        ("a = :n b = :n", "b", ":n b ="),
        ("a == :n", "=", "== :n"),
        ("a != :n", "!", "a !="),
        ("a => :n", ">", "=> :n"),
        ("a =< :n", "<", "=< :n"),
        ("a > b > c", ">", "b > c"),
        ("attribute_exists()", ")", "()"),
        ("attribute_exists a", "a", "attribute_exists a"),
        ("size() = :n", ")", "() ="),
        ("a.b. = :n", "=", ". = :n"),
        ("a[0 = :n", "=", "0 = :n"),
        ("a[:n] = :n", ":n", "[:n]"),
        ("a[x] = :n", "x", "[x]"),
        ("a.0 = :n", "0", ".0 ="),
        ("(a = :n", "<EOF>", ":n"),
        ("a = :n)", ")", ":n)"),
        ("()", ")", "()"),
        ("a + :n = :n", "+", "a + :n"),
        ("a = :n + :n", "+", ":n + :n"),
        ("a = 5", "5", "= 5"),
        ("5 = a", "5", "5 ="),
        ("a = 'x'", "'", "= 'x"),
        ('a = "x"', '"', '= "x'),
        ("a-b = :n", "-", "a-b"),
        ("_a = :n", "_", "_a"),
        ("a$ = :n", "$", "a$ ="),
        ("a = :n;", ";", ":n;"),
    ],
    "KeyConditionExpression": [
        ("id", "<EOF>", "id"),
        ("id =", "<EOF>", "="),
        ("id = :s AND", "<EOF>", "AND"),
        ("id = :s AND r = :n + :n", "+", ":n + :n"),
        ("id = :s, r = :n", ",", ":s, r"),
        ("id == :s", "=", "== :s"),
        ("id = 's'", "'", "= 's"),
    ],
    "ProjectionExpression": [
        ("a,", "<EOF>", ","),
        (",a", ",", ",a"),
        ("a,,b", ",", ",,b"),
        ("a b", "b", "a b"),
        (":n", ":n", ":n"),
        ("size(a)", "(", "size(a"),
        ("a = b", "=", "a = b"),
        ("a.", "<EOF>", "."),
        (".a", ".", ".a"),
        ("a[", "<EOF>", "["),
        ("a[]", "]", "[]"),
        ("a[x]", "x", "[x]"),
        ("a[-1]", "-", "[-1"),
        ("5", "5", "5"),
        ("*", "*", "*"),
        ("a;b", ";", "a;b"),
        ("(a)", "(", "(a"),
    ],
}

# What is told of which expressions; "~" stands for "Invalid ...Expression: ".
MEANING = {
    "UpdateExpression": {
        "~The function is not allowed in an update expression; function: size": [
            "SET a = size(b)",
        ],
        "~The function is not allowed in an update expression; function: attribute_exists": [
            "SET a = attribute_exists(b)",
        ],
        "~The function is not allowed in an update expression; function: begins_with": [
            "SET a = begins_with(b, :s)",
        ],
        "~Invalid function name; function: foo": [
            "SET a = foo(b)",
        ],
        "~Invalid function name; function: IF_NOT_EXISTS": [
            "SET a = IF_NOT_EXISTS(b, :n)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "if_not_exists, number of operands: 1": [
            "SET a = if_not_exists(b)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "if_not_exists, number of operands: 3": [
            "SET a = if_not_exists(b, :n, :n)",
        ],
        "~The expression has redundant parentheses;": [
            "SET a = ((:n))",
            "SET a = ((:n)) + :n",
            "SET a = ((b + :n))",
            "SET a = list_append(((b)), :l)",
            "SET a = if_not_exists(((b)), :n)",
            "SET a = ((status))",
            "SET a = ((size(b)))",
            "SET a = ((:n)), a = :n",
        ],
        "~The first operand must be distinct from the remaining operands for this operator or "
        "function; operator: if_not_exists, first operand: [b]": [
            "SET a = if_not_exists(b, b)",
            "SET b = if_not_exists(b, b)",
        ],
        "~The first operand must be distinct from the remaining operands for this operator or "
        "function; operator: if_not_exists, first operand: [b, c]": [
            "SET a = if_not_exists(b.c, b.c) + :n",
        ],
        "~Operator or function requires a document path; operator or function: if_not_exists": [
            "SET a = if_not_exists(:n, :n)",
        ],
        "~Incorrect operand type for operator or function; operator or function: +, "
        "operand type: S": [
            "SET a = if_not_exists(b, c) + :s",
            "SET a = a + :s",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "list_append, number of operands: 1": [
            "SET a = list_append(a)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "list_append, number of operands: 3": [
            "SET a = list_append(a, b, c)",
        ],
        "~Incorrect operand type for operator or function; operator or function: "
        "list_append, operand type: N": [
            "SET a = list_append(:n, a)",
        ],
        "~Incorrect operand type for operator or function; operator or function: "
        "list_append, operand type: S": [
            "SET a = list_append(a, :s)",
        ],
        "~Incorrect operand type for operator or function; operator or function: "
        "list_append, operand type: SS": [
            "SET a = list_append(a, :ss)",
        ],
        "~Incorrect operand type for operator or function; operator or function: -, "
        "operand type: SS": [
            "SET a = :ss - :n",
        ],
        "~Incorrect operand type for operator or function; operator or function: +, "
        "operand type: BOOL": [
            "SET a = :bool + :n",
        ],
        "The provided expression refers to an attribute that does not exist in the item": [
            "SET a = nope",
            "SET a = nope + :n",
            "SET a = list_append(nope, :l)",
        ],
        "An operand in the update expression has an incorrect data type": [
            "SET a = s + :n",
            "SET a = :n - s",
            "SET a = list_append(s, :l)",
            "ADD s :n",
            "ADD n :ss",
            "ADD ss :ns",
            "ADD ss :n",
            "ADD l :n",
            "DELETE ss :ns",
            "DELETE n :ss",
        ],
        '~The "SET" section can only be used once in an update expression;': [
            "SET a = :n SET b = :n",
        ],
        '~The "REMOVE" section can only be used once in an update expression;': [
            "REMOVE a REMOVE b",
        ],
        '~The "ADD" section can only be used once in an update expression;': [
            "ADD a :n ADD b :n",
        ],
        '~The "DELETE" section can only be used once in an update expression;': [
            "DELETE ss :ss DELETE b :ss",
        ],
        "~Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [a], path two: [a]": [
            "SET a = :n, a = :n",
            "SET a = :n REMOVE a",
            "REMOVE a, a",
            "ADD a :n DELETE a :ss",
        ],
        "~Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [a, b], path two: [a]": [
            "SET a.b = :n, a = :n",
        ],
        "~Two document paths conflict with each other; must remove or rewrite one of these "
        "paths; path one: [a, [0]], path two: [a, c]": [
            "SET a[0] = :n, a.c = :n",
        ],
        "~Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [m, k], path two: [m, k, x]": [
            "SET m.k = :n, m.k.x = :n",
        ],
        "One or more parameter values were invalid: Cannot update attribute id. This "
        "attribute is part of the key": [
            "SET id = :s",
            "REMOVE id",
            "ADD id :n",
            "SET id.x = :n",
        ],
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are "
        "not allowed: Key: id": [
            "SET m = id.x",
        ],
        "~Attribute name is a reserved keyword; reserved keyword: name": [
            "SET name = :n",
        ],
        "~Attribute name is a reserved keyword; reserved keyword: size": [
            "SET a = size",
        ],
        "~An expression attribute name used in the document path is not defined; attribute "
        "name: #a": [
            "SET #a.b = :n",
        ],
        "~An expression attribute value used in expression is not defined; attribute "
        "value: :nope": [
            "SET a = :nope",
        ],
        "The document path provided in the update expression is invalid for update": [
            "SET l[0].a = :n",
            "SET m.k.b = :n",
            "SET m.nope.b = :n",
            "SET nope[0] = :n",
            "SET nope.a = :n",
            "SET s[0] = :n",
            "REMOVE nope.a",
            "REMOVE s.a",
            "ADD nope.a :n",
            "DELETE nope.a :ss",
        ],
        "~Incorrect operand type for operator or function; operator: ADD, operand type: "
        "STRING, typeSet: ALLOWED_FOR_ADD_OPERAND": [
            "ADD a :s",
        ],
        "~Incorrect operand type for operator or function; operator: ADD, operand type: "
        "MAP, typeSet: ALLOWED_FOR_ADD_OPERAND": [
            "ADD a :m",
        ],
        "~Incorrect operand type for operator or function; operator: ADD, operand type: "
        "LIST, typeSet: ALLOWED_FOR_ADD_OPERAND": [
            "ADD a :l",
        ],
        "~Incorrect operand type for operator or function; operator: ADD, operand type: "
        "BOOLEAN, typeSet: ALLOWED_FOR_ADD_OPERAND": [
            "ADD a :bool",
        ],
        "~Incorrect operand type for operator or function; operator: ADD, operand type: "
        "NULL, typeSet: ALLOWED_FOR_ADD_OPERAND": [
            "ADD a :null",
        ],
        "~Incorrect operand type for operator or function; operator: DELETE, operand type: "
        "STRING, typeSet: ALLOWED_FOR_DELETE_OPERAND": [
            "DELETE ss :s",
        ],
        "~Incorrect operand type for operator or function; operator: DELETE, operand type: "
        "NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND": [
            "DELETE ss :n",
        ],
        "~Incorrect operand type for operator or function; operator: DELETE, operand type: "
        "LIST, typeSet: ALLOWED_FOR_DELETE_OPERAND": [
            "DELETE ss :l",
        ],
        "Number overflow. Attempting to store a number with magnitude larger than "
        "supported range": [
            "SET a = :big + :big",
        ],
        "~The function is not allowed to be used this way in an expression; function: "
        "list_append": [
            "SET a = list_append(l, list_append(:l, :l))",
            "SET a = list_append(list_append(:l, :l), l)",
            "SET a = if_not_exists(a, list_append(:l, :l))",
            "SET a = list_append(:l, :l) + :n",
        ],
        '~Syntax error; token: "1", near: "01]"': [
            "SET l[01] = :n",
        ],
    },
    "ConditionExpression": {
        "~The first operand must be distinct from the remaining operands for this operator or "
        "function; operator: BETWEEN, first operand: [s]": [
            "s BETWEEN s AND :s",
            "s BETWEEN :s AND s",
        ],
        "~The first operand must be distinct from the remaining operands for this operator or "
        "function; operator: IN, first operand: [l, [0]]": [
            "l[0] IN (:n, l[0])",
        ],
        "~Incorrect operand type for operator or function; operator or function: <, operand "
        "type: BOOL": [
            "a < :bool",
            ":bool < a",
            "attribute_exists(a) OR NOT a < :bool",
        ],
        "~Incorrect operand type for operator or function; operator or function: >=, operand "
        "type: NULL": [
            "a >= :null",
        ],
        "~Incorrect operand type for operator or function; operator or function: <=, operand "
        "type: L": [
            "a <= :l",
        ],
        "~Incorrect operand type for operator or function; operator or function: >, operand "
        "type: SS": [
            "size(a) > :ss",
        ],
        "~Incorrect operand type for operator or function; operator or function: BETWEEN, operand "
        "type: M": [
            "a BETWEEN :n AND :m",
            "a BETWEEN :m AND :m",
            ":m BETWEEN a AND b",
        ],
        "~The BETWEEN operator requires upper bound to be greater than or equal to lower "
        "bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: "
        "AttributeValue: {N:1}": [
            "a BETWEEN :two AND :n",
        ],
        "~The BETWEEN operator requires same data type for lower and upper bounds; lower "
        "bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:x}": [
            "a BETWEEN :n AND :s",
        ],
        "~The first operand must be distinct from the remaining operands for this operator "
        "or function; operator: =, first operand: [a]": [
            "a = a",
        ],
        "~The first operand must be distinct from the remaining operands for this operator "
        "or function; operator: <>, first operand: [a]": [
            "a <> a",
        ],
        "~Operator or function requires a document path; operator or function: "
        "attribute_exists": [
            "attribute_exists(:n)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "attribute_exists, number of operands: 2": [
            "attribute_exists(a, b)",
        ],
        "~The function is not allowed to be used this way in an expression; function: "
        "attribute_exists": [
            "attribute_exists(a) = :bool",
        ],
        "~Operator or function requires a document path; operator or function: "
        "attribute_not_exists": [
            "attribute_not_exists(:n)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "attribute_type, number of operands: 1": [
            "attribute_type(a)",
        ],
        "~Incorrect operand type for operator or function; operator or function: "
        "attribute_type, operand type: N": [
            "attribute_type(a, :n)",
        ],
        "~Invalid attribute type name found; type: x, valid types: "
        "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}": [
            "attribute_type(a, :s)",
        ],
        "~Incorrect operand type for operator or function; operator or function: "
        "attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}": [
            "attribute_type(a, b)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "begins_with, number of operands: 1": [
            "begins_with(a)",
        ],
        "~Incorrect operand type for operator or function; operator or function: "
        "begins_with, operand type: N": [
            "begins_with(a, :n)",
            "begins_with(:n, a)",
        ],
        "~Incorrect operand type for operator or function; operator or function: "
        "begins_with, operand type: SS": [
            "begins_with(a, :ss)",
        ],
        "~The first operand must be distinct from the remaining operands for this operator "
        "or function; operator: begins_with, first operand: [a]": [
            "begins_with(a, a)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "contains, number of operands: 1": [
            "contains(a)",
        ],
        "~The first operand must be distinct from the remaining operands for this operator "
        "or function; operator: contains, first operand: [a]": [
            "contains(a, a)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "contains, number of operands: 3": [
            "contains(a, b, c)",
        ],
        "~The function is not allowed to be used this way in an expression; function: size": [
            "size(a)",
        ],
        "~Incorrect number of operands for operator or function; operator or function: "
        "size, number of operands: 2": [
            "size(a, b) = :n",
        ],
        "~Incorrect operand type for operator or function; operator or function: size, "
        "operand type: N": [
            "size(:n) = :n",
            "size(size(a)) = :n",
        ],
        "~Incorrect operand type for operator or function; operator or function: size, "
        "operand type: BOOL": [
            "size(:bool) = :n",
        ],
        "~The function is not allowed in a condition expression; function: list_append": [
            "list_append(a, b) = :l",
        ],
        "~The function is not allowed in a condition expression; function: if_not_exists": [
            "if_not_exists(a, b) = :n",
        ],
        "~Invalid function name; function: foo": [
            "foo(a)",
        ],
        "~Invalid function name; function: Size": [
            "Size(a) = :n",
        ],
        "~An expression attribute name used in the document path is not defined; attribute "
        "name: #x": [
            "#x = :n",
        ],
        "~An expression attribute value used in expression is not defined; attribute "
        "value: :nope": [
            "a = :nope",
        ],
        "~The expression has redundant parentheses;": [
            "((a = :n))",
            "(((a = :n) OR b = :n))",
        ],
        "~Attribute name is a reserved keyword; reserved keyword: status": [
            "status = :n",
        ],
        "~Attribute name is a reserved keyword; reserved keyword: name": [
            "attribute_exists(name)",
            "a.name = :n",
        ],
    },
    "KeyConditionExpression": {
        "Invalid operator used in KeyConditionExpression: OR": [
            "id = :s OR r = :n",
        ],
        "Invalid operator used in KeyConditionExpression: NOT": [
            "NOT id = :s",
        ],
        "KeyConditionExpressions must only contain one condition per key": [
            "id = :s AND id = :s",
            "id = :s AND r > :n AND r < :two",
        ],
        "Invalid operator used in KeyConditionExpression: <>": [
            "id = :s AND r <> :n",
        ],
        "Invalid operator used in KeyConditionExpression: IN": [
            "id = :s AND r IN (:n)",
            "id IN (:s)",
        ],
        "Invalid operator used in KeyConditionExpression: contains": [
            "id = :s AND contains(r, :n)",
        ],
        "Invalid operator used in KeyConditionExpression: attribute_exists": [
            "id = :s AND attribute_exists(r)",
        ],
        "~Incorrect operand type for operator or function; operator or function: "
        "begins_with, operand type: N": [
            "id = :s AND begins_with(r, :n)",
        ],
        "~Incorrect operand type for operator or function; operator or function: >, operand "
        "type: BOOL": [
            "id = :s AND r > :bool",
        ],
        "One or more parameter values were invalid: Condition parameter type does not "
        "match schema type": [
            "id = :s AND begins_with(r, :s)",
            "id = :s AND r = :s",
            "id = :n",
            "id = :ss",
            "id = :bool",
        ],
        "KeyConditionExpressions cannot contain nested operations": [
            "id = :s AND size(r) = :n",
        ],
        "~The BETWEEN operator requires upper bound to be greater than or equal to lower "
        "bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: "
        "AttributeValue: {N:1}": [
            "id = :s AND r BETWEEN :two AND :n",
        ],
        "~The BETWEEN operator requires same data type for lower and upper bounds; lower "
        "bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:x}": [
            "id = :s AND r BETWEEN :n AND :s",
        ],
        "Query condition missed key schema element: r": [
            "id = :s AND x = :n",
        ],
        "Query condition missed key schema element: id": [
            "r = :n",
        ],
        "Query key condition not supported": [
            "id > :s",
            "id BETWEEN :s AND :s",
            "begins_with(id, :s)",
        ],
        "~The first operand must be distinct from the remaining operands for this operator "
        "or function; operator: =, first operand: [id]": [
            "id = id",
        ],
        "Invalid condition in KeyConditionExpression: Multiple attribute names used in one "
        "condition": [
            "id = r",
        ],
        "Invalid condition in KeyConditionExpression: No key attribute specified": [
            ":s = :s",
        ],
        "KeyConditionExpressions cannot have conditions on nested attributes": [
            "id.a = :s",
            "id[0] = :s",
        ],
        "~An expression attribute value used in expression is not defined; attribute "
        "value: :nope": [
            "id = :nope",
        ],
        "~An expression attribute name used in the document path is not defined; attribute "
        "name: #x": [
            "#x = :s",
        ],
        "~The expression has redundant parentheses;": [
            "((id = :s))",
            "id = :s AND ((r = :n))",
        ],
        "Conditions can be of length 1 or 2 only": [
            "id = :s AND r = :n AND x = :n",
        ],
        "~Attribute name is a reserved keyword; reserved keyword: name": [
            "name = :s",
        ],
    },
    "ProjectionExpression": {
        "~Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [a], path two: [a]": [
            "a, a",
        ],
        "~Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [a], path two: [a, b]": [
            "a, a.b",
        ],
        "~Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [a, b], path two: [a]": [
            "a.b, a",
        ],
        "~Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [a, [0]], path two: [a, [0], c]": [
            "a[0], a[0].c",
        ],
        "~Two document paths conflict with each other; must remove or rewrite one of these "
        "paths; path one: [a, [0]], path two: [a, b]": [
            "a[0], a.b",
        ],
        "~Attribute name is a reserved keyword; reserved keyword: name": [
            "name",
            "a.name",
        ],
        "~An expression attribute name used in the document path is not defined; attribute "
        "name: #x": [
            "#x",
        ],
    },
}

CASES = [
    (kind, expression, f'~Syntax error; token: "{token}", near: "{near}"')
    for kind, cases in SYNTAX.items()
    for expression, token, near in cases
] + [
    (kind, expression, text)
    for kind, texts in MEANING.items()
    for text, expressions in texts.items()
    for expression in expressions
]


@pytest.fixture(scope="module")
def tables(server):
    """(a table with one key and ITEM, a table with two keys), as no case changes them."""
    api, names = Api(server), ("grammar-one", "grammar-two")
    make_table(api, names[0], KEY["hash"])
    make_table(api, names[1], BOTH)
    api.put_item(TableName=names[0], Item=ITEM)
    yield names
    assert api.get_item(TableName=names[0], Key=KEYS)["Item"] == ITEM
    for name in names:
        api.delete_table(TableName=name)


@pytest.mark.parametrize("kind, expression, text", CASES, ids=[f"{k}: {e}" for k, e, _ in CASES])
def test_what_is_no_expression(api, tables, refused, kind, expression, text):
    one, two = tables
    values = {
        name: value
        for name, value in VALUES.items()
        if re.search(re.escape(name) + r"\b", expression)
    }
    request = {kind: expression, **({"ExpressionAttributeValues": values} if values else {})}
    call, more = {
        "UpdateExpression": (api.update_item, {"TableName": one, "Key": KEYS}),
        "ConditionExpression": (api.delete_item, {"TableName": one, "Key": {"id": {"S": "none"}}}),
        "KeyConditionExpression": (api.query, {"TableName": two}),
        "ProjectionExpression": (api.get_item, {"TableName": one, "Key": KEYS}),
    }[kind]
    text = text.replace("~", f"Invalid {kind}: ", 1)
    refused("ValidationException", text, call, **more, **request)


@pytest.mark.parametrize("kind", list(SYNTAX) + ["FilterExpression"])
def test_how_long_and_how_full_an_expression_may_be(api, tables, refused, kind):
    one, two = tables
    query = {"KeyConditionExpression": "id = :id", "TableName": two}
    call, more, path = {
        "UpdateExpression": (api.update_item, {"TableName": one, "Key": KEYS}, "REMOVE {}"),
        "ConditionExpression": (
            api.delete_item,
            {"TableName": one, "Key": {"id": {"S": "none"}}},
            "attribute_exists({})",
        ),
        "KeyConditionExpression": (api.query, {"TableName": two}, "{} = :id"),
        "ProjectionExpression": (api.get_item, {"TableName": one, "Key": KEYS}, "{}"),
        "FilterExpression": (api.query, query, "attribute_exists({})"),
    }[kind]
    values = {":id": {"S": "k"}} if ":id" in str(more) + path else None

    def ask(expression):
        arguments = {**more, kind: expression}
        if values:
            arguments["ExpressionAttributeValues"] = values
        return call(**arguments)

    refused(
        "ValidationException",
        f"Invalid {kind}: Expression size has exceeded the maximum allowed size; expression size: "
        "4097",
        ask,
        expression=path.format("a" * (4097 - len(path) + 2)),
    )
    refused("ValidationException", f"Invalid {kind}: The expression can not be empty;", ask,
            expression="")  # fmt: skip
