/* cloudformation/yaml.h: the YAML of templates, as JSON values.
 *
 * YAML 1.1 as CloudFormation reads it: yes, no, on, off are booleans; dates stay text (an unquoted
 * 2012-10-17 is what a policy's Version wants); numbers keep their digits; the short tags become
 * objects (!Ref x is {"Ref": "x"}, !GetAtt a.b is {"Fn::GetAtt": ["a", "b"]}, !Sub x is
 * {"Fn::Sub": "x"}); of members with the same name the last counts. Aliases are refused, as AWS
 * does, so a document cannot grow beyond its text. */
#pragma once
#include "base/json.h"

enum { YAML_DEPTH_MAX = 100 };

/* The root, which lives as long as the arena, or NULL and the reason in *ret_error: the words of
 * AWS. */
yyjson_val *yaml_parse(struct mr_arena *arena, struct mr_slice text, struct mr_slice *ret_error);
