/* cfnresponse for Python, cfn-response for Node.js: what they export and send is as AWS documents
 * it. They import nothing but the languages' own modules. */
#include "cloudformation/inline_module.h"

static const char python[] =
    "import json\n"
    "import urllib.request\n"
    "\n"
    "SUCCESS = \"SUCCESS\"\n"
    "FAILED = \"FAILED\"\n"
    "\n"
    "\n"
    "def send(event, context, responseStatus, responseData, physicalResourceId=None,\n"
    "         noEcho=False, reason=None):\n"
    "    log_stream = context.log_stream_name\n"
    "    body = json.dumps({\n"
    "        \"Status\": responseStatus,\n"
    "        \"Reason\": reason or f\"See the details in CloudWatch Log Stream: {log_stream}\",\n"
    "        \"PhysicalResourceId\": physicalResourceId or log_stream,\n"
    "        \"StackId\": event[\"StackId\"],\n"
    "        \"RequestId\": event[\"RequestId\"],\n"
    "        \"LogicalResourceId\": event[\"LogicalResourceId\"],\n"
    "        \"NoEcho\": noEcho,\n"
    "        \"Data\": responseData,\n"
    "    })\n"
    "    print(\"Response body:\")\n"
    "    print(body)\n"
    "    request = urllib.request.Request(event[\"ResponseURL\"], data=body.encode(),\n"
    "                                     headers={\"content-type\": \"\"}, method=\"PUT\")\n"
    "    try:\n"
    "        with urllib.request.urlopen(request) as reply:\n"
    "            print(\"Status code:\", reply.status)\n"
    "    except Exception as problem:\n"
    "        print(\"send(..) failed executing http.request(..):\", problem)\n";

static const char node[] =
    "const { request } = require(\"http\");\n"
    "\n"
    "exports.SUCCESS = \"SUCCESS\";\n"
    "exports.FAILED = \"FAILED\";\n"
    "\n"
    "exports.send = (event, context, status, data, physicalId, noEcho) => new Promise((done) => {\n"
    "  const body = JSON.stringify({\n"
    "    Status: status,\n"
    "    Reason: `See the details in CloudWatch Log Stream: ${context.logStreamName}`,\n"
    "    PhysicalResourceId: physicalId || context.logStreamName,\n"
    "    StackId: event.StackId,\n"
    "    RequestId: event.RequestId,\n"
    "    LogicalResourceId: event.LogicalResourceId,\n"
    "    NoEcho: noEcho || false,\n"
    "    Data: data,\n"
    "  });\n"
    "  const end = () => {\n"
    "    context.done();\n"
    "    done();\n"
    "  };\n"
    "  const headers = { \"content-type\": \"\", \"content-length\": Buffer.byteLength(body) };\n"
    "  console.log(\"Response body:\\n\", body);\n"
    "  const sent = request(event.ResponseURL, { method: \"PUT\", headers }, (reply) => {\n"
    "    console.log(`Status code: ${reply.statusCode}`);\n"
    "    reply.resume().on(\"end\", end);\n"
    "  });\n"
    "  sent.on(\"error\", (problem) => {\n"
    "    console.log(`send(..) failed executing request(..): ${problem}`);\n"
    "    end();\n"
    "  });\n"
    "  sent.end(body);\n"
    "});\n";

bool inline_module(struct mr_slice source, bool is_python, struct zip_file *ret_file)
{
    const struct mr_slice name = is_python ? MR_S("cfnresponse") : MR_S("cfn-response");
    if (mr_slice_search(source, name) == SIZE_MAX)
        return false;
    *ret_file = (struct zip_file){is_python ? MR_S("cfnresponse.py") : MR_S("cfn-response.js"),
                                  mr_slice_cstr(is_python ? python : node)};
    return true;
}
