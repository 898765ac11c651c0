-- A POST of 330 bytes, the size of a small PutItem.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-amz-json-1.0"
wrk.headers["X-Amz-Target"] = "DynamoDB_20120810.PutItem"
wrk.body = string.rep("x", 330)
