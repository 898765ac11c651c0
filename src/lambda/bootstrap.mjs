// The Node.js side of a function: asks the Runtime API for events and calls the handler.
//
// Started as `node bootstrap.mjs` with the environment that AWS gives a function, in a process of
// its own, for runtimes nodejs*.x; imports nothing but Node's own modules. It does what a function
// can see of AWS's runtime:
//
// - the handler `module.function` of _HANDLER is imported once, CommonJS or ES module;
// - handlers of awslambda.streamifyResponse, whose answer leaves as it is written;
// - async handlers, and callbacks, which by default wait until nothing else is left to do;
// - console lines begin with time, request id and level, with tabs between; with
//   AWS_LAMBDA_LOG_FORMAT JSON they are objects, from AWS_LAMBDA_LOG_LEVEL on;
// - an error in the handler ends the invocation only; one that nobody caught ends the process;
// - stack traces name /var/task wherever the code really lies.
//
// Exit status 1: the import failed or the Runtime API is gone; 128, 129: an uncaught error.
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";
import { Writable } from "node:stream";
import url from "node:url";
import util from "node:util";

const API = "/2018-06-01/runtime";
const TASK_ROOT = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
const SHOWN_ROOT = "/var/task";
const LOGS_JSON = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const [HOST, PORT] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

let requestId = "";

function exchange(method, target, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const options = { host: HOST, port: PORT, path: API + target, method, agent };
    options.headers = { ...headers, ...length };
    const request = http.request(options, (reply) => {
      const parts = [];
      reply.on("data", (part) => parts.push(part));
      reply.on("error", reject);
      reply.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        resolve({ status: reply.statusCode, headers: reply.headers, body: text });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

// ---- what is written ----

function line(level, text) {
  const shown = text.replaceAll("\n", "\r"); // one event, as on AWS
  process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${shown}\n`);
}

const RANKS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

function jsonValue(name, value) {
  if (typeof value === "bigint") return value.toString();
  if (!(value instanceof Error)) return value;
  const trace = shownPath(value.stack ?? "").split("\n");
  return { errorType: value.name, errorMessage: value.message, stackTrace: trace, ...value };
}

// One value is the message as it is; several are one text.
function jsonLine(level, values) {
  const row = { timestamp: new Date().toISOString(), level, requestId };
  const [first] = values;
  const isObject = values.length === 1 && typeof first === "object" && first !== null;
  row.message = isObject && !(first instanceof Error) ? first : util.format(...values);
  const problem = values.find((value) => value instanceof Error);
  if (problem !== undefined) Object.assign(row, jsonValue("", problem));
  if (isObject && problem === first) row.message = undefined;
  let text;
  try {
    text = JSON.stringify(row, jsonValue);
  } catch {
    text = JSON.stringify({ ...row, message: util.format(...values) });
  }
  process.stdout.write(text + "\n");
}

function installJsonConsole(levels) {
  const from = RANKS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL ?? "INFO");
  for (const [name, level] of Object.entries(levels))
    console[name] = (...values) => {
      if (RANKS.indexOf(level) >= from) jsonLine(level, values);
    };
}

function installConsole() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", warn: "WARN", error: "ERROR" };
  if (LOGS_JSON) {
    installJsonConsole({ ...levels, trace: "TRACE" });
    return;
  }
  for (const [name, level] of Object.entries(levels))
    console[name] = (...values) => line(level, util.format(...values));
  console.trace = (...values) => line("TRACE", util.format(...values));
}

function shownPath(text) {
  return text.replaceAll(TASK_ROOT.replace(/\/$/, "") + "/", SHOWN_ROOT + "/");
}

function errorObject(problem, type) {
  if (!(problem instanceof Error)) {
    const text = typeof problem === "string" ? problem : util.inspect(problem);
    return { errorType: type ?? typeof problem, errorMessage: text, trace: [] };
  }
  return {
    errorType: type ?? problem.name,
    errorMessage: shownPath(problem.message),
    trace: shownPath(problem.stack ?? "").split("\n"),
  };
}

function logError(title, error) {
  const { trace, ...told } = error;
  if (LOGS_JSON) {
    const timestamp = new Date().toISOString();
    const message = { ...told, stackTrace: trace };
    process.stdout.write(
      JSON.stringify({ timestamp, level: "ERROR", requestId, message }) + "\n");
    return;
  }
  line("ERROR", `${title} \t${JSON.stringify({ ...told, stack: trace })}`);
}

function postError(target, error) {
  const type = error.errorType.replace(/[^!-~]/g, "_");
  const headers = { "Lambda-Runtime-Function-Error-Type": type };
  return exchange("POST", target, JSON.stringify(error), headers);
}

// ---- the handler ----

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

function findFile(module) {
  const base = path.resolve(TASK_ROOT, module);
  const file = ["", ".js", ".mjs", ".cjs"]
    .map((extension) => base + extension)
    .find((name) => fs.statSync(name, { throwIfNoEntry: false })?.isFile());
  if (file === undefined)
    throw new RuntimeError("Runtime.ImportModuleError", `Error: Cannot find module '${module}'`);
  return file;
}

async function importModule(file) {
  try {
    return await import(url.pathToFileURL(file));
  } catch (problem) {
    if (problem instanceof SyntaxError)
      throw new RuntimeError("Runtime.UserCodeSyntaxError", `SyntaxError: ${problem.message}`);
    if (["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(problem?.code))
      throw new RuntimeError("Runtime.ImportModuleError", `Error: ${problem.message}`);
    throw problem;
  }
}

async function loadHandler(name) {
  const folder = path.dirname(name);
  const match = /^([^.]*)\.(.+)$/.exec(path.basename(name));
  if (match === null || name.includes(".."))
    throw new RuntimeError("Runtime.MalformedHandlerName", "Bad handler");
  const module = await importModule(findFile(path.join(folder, match[1])));
  const find = (from) => match[2].split(".").reduce((value, part) => value?.[part], from);
  const handler = find(module) ?? find(module.default);
  if (handler === undefined)
    throw new RuntimeError("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function")
    throw new RuntimeError("Runtime.HandlerNotFound", `${name} is not a function`);
  return handler;
}

// ---- https to the server ----

// AWS's URLs for answers of custom resources are https, and code in the wild takes their host and
// path alone. What goes to our server's host and own paths that way goes there by http.
function installPlainAnswers() {
  const { AWS_ENDPOINT_URL: endpoint } = process.env;
  const server = endpoint && URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const { request } = https;
  https.request = (...values) => {
    const [target] = values;
    const host = target?.hostname ?? target?.host;
    if (server?.protocol === "http:" && host === server.hostname &&
        target.path?.startsWith("/_millrace/cloudformation?")) {
      const { agent: ignored, ...plain } = target;
      const there = { protocol: "http:", port: server.port, agent: http.globalAgent };
      return http.request({ ...plain, ...there }, ...values.slice(1));
    }
    return request(...values);
  };
  syncBuiltinESMExports();
}

// ---- answers that are streamed ----

const STREAMS = Symbol("streams");
const INTEGRATION = "application/vnd.awslambda.http-integration-response";

// What a streaming handler writes to: a response to the Runtime API whose end is not known yet.
class ResponseStream extends Writable {
  #target;
  #type = "application/octet-stream";
  #request;
  #answered;

  constructor(target) {
    super({ highWaterMark: 64 << 10 });
    this.#target = target;
  }

  setContentType(type) {
    this.#type = type;
  }

  #open() {
    if (this.#request !== undefined) return this.#request;
    const headers = { "Content-Type": this.#type, "Transfer-Encoding": "chunked" };
    headers["Lambda-Runtime-Function-Response-Mode"] = "streaming";
    const target = API + this.#target + "response";
    const options = { host: HOST, port: PORT, path: target, method: "POST", agent, headers };
    this.#request = http.request(options);
    this.#answered = new Promise((resolve, reject) => {
      this.#request.on("error", reject);
      this.#request.on("response", (reply) => reply.resume().on("end", resolve));
    });
    this.#answered.catch(() => {}); // told by the write or the end that waits for it
    return this.#request;
  }

  _write(chunk, encoding, done) {
    this.#open().write(chunk, encoding, done);
  }

  _final(done) {
    this.#open().end();
    this.#answered.then(() => done(), done);
  }

  _destroy(problem, done) {
    if (problem !== null) this.#request?.destroy();
    done(problem);
  }
}

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[STREAMS] = true;
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(INTEGRATION);
      stream.write(Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]));
      return stream;
    },
  },
};

async function runStreaming(handler, event, headers, target) {
  const stream = new ResponseStream(target);
  const written = new Promise((resolve, reject) => {
    stream.on("finish", resolve);
    stream.on("error", reject);
  });
  written.catch(() => {}); // when the handler fails, that is what is told
  try {
    await handler(event, stream, makeContext(headers, () => {}));
    if (!stream.writableEnded) stream.end();
  } catch (problem) {
    stream.destroy(problem instanceof Error ? problem : new Error(String(problem)));
    throw problem;
  }
  await written;
}

// ---- one invocation ----

function makeContext(headers, settle) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"] ?? 0);
  const json = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  const { env } = process;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: json("lambda-runtime-client-context"),
    identity: json("lambda-runtime-cognito-identity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: (problem, result) => settle(problem, result),
    succeed: (result) => settle(null, result),
    fail: (problem) => settle(problem ?? "handled", undefined),
  };
}

// Settles with what the handler says, at the latest when nothing is left to do.
function run(handler, event, headers) {
  return new Promise((resolve, reject) => {
    let said = [null, undefined];
    const settle = (problem, result) => {
      process.removeListener("beforeExit", whenIdle);
      if (problem === null || problem === undefined) resolve(result);
      else reject(problem);
    };
    const whenIdle = () => settle(...said);
    const context = makeContext(headers, settle);
    const callback = (problem, result) => {
      said = [problem, result];
      if (!context.callbackWaitsForEmptyEventLoop) settle(problem, result);
    };
    process.on("beforeExit", whenIdle);
    try {
      const returned = handler(event, context, callback);
      if (typeof returned?.then === "function")
        returned.then(context.succeed, (problem) => settle(problem ?? "handled"));
    } catch (problem) {
      settle(problem ?? "handled");
    }
  });
}

function toJson(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch (problem) {
    throw new RuntimeError("Runtime.MarshalError", `Unable to stringify response body: ${problem}`);
  }
}

async function serve(handler) {
  const next = await exchange("GET", "/invocation/next");
  if (next.status !== 200) throw new Error(`it answered ${next.status} to a request for work`);
  requestId = next.headers["lambda-runtime-aws-request-id"];
  process.env._X_AMZN_TRACE_ID = next.headers["lambda-runtime-trace-id"] ?? "";
  const target = `/invocation/${requestId}/`;
  let reply;
  try {
    if (handler[STREAMS]) {
      await runStreaming(handler, JSON.parse(next.body), next.headers, target);
      return;
    }
    reply = toJson(await run(handler, JSON.parse(next.body), next.headers));
  } catch (problem) {
    const error = errorObject(problem);
    logError("Invoke Error", error);
    await postError(target + "error", error);
    return;
  }
  await exchange("POST", target + "response", reply);
}

function dieOf(type, title, status) {
  return async (problem) => {
    const error = errorObject(problem, problem instanceof Error && !type ? undefined : type);
    logError(title, error);
    try {
      await postError(`/invocation/${requestId}/error`, error);
    } finally {
      process.exit(status);
    }
  };
}

async function main() {
  process.chdir(TASK_ROOT);
  installConsole();
  installPlainAnswers();
  process.on("uncaughtException", dieOf(undefined, "Uncaught Exception", 129));
  const rejected = dieOf("Runtime.UnhandledPromiseRejection", "Unhandled Promise Rejection", 128);
  process.on("unhandledRejection", rejected);
  let handler;
  try {
    handler = await loadHandler(process.env._HANDLER);
  } catch (problem) {
    const error = errorObject(problem);
    logError("Uncaught Exception", error);
    await postError("/init/error", error);
    process.exit(1);
  }
  try {
    for (;;) await serve(handler);
  } catch (problem) {
    process.stderr.write(`bootstrap: lost the runtime: ${problem.message}\n`);
    process.exit(1);
  }
}

main();
