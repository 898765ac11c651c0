// A millrace process for the tests of one file, and clients that speak to it.
//
//   const server = await startServer();          // in before(); await server.stop() in after()
//   const s3 = server.client(S3Client, { forcePathStyle: true });
//
// MILLRACE_BIN names the program, relative to the repository; build/millrace without it.
import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const START_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 90_000;
const READY = /millrace: ready on (https?:\/\/\S+:\d+)/;
const SANITIZER = /ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:/;

// Nobody's AWS settings or proxies.
function cleanEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('AWS_') && !/_proxy$/i.test(name));
  return {
    ...Object.fromEntries(kept),
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

class Server {
  constructor(child, url, folder, logPath) {
    Object.assign(this, { child, url, folder, logPath, clients: [] });
  }

  // A client of this server. maxAttempts is 1: a test sees each answer.
  client(Client, options = {}) {
    const made = new Client({
      endpoint: this.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
      ...options,
    });
    this.clients.push(made);
    return made;
  }

  // SIGTERM by its own pid; it must leave with status 0 and no sanitizer report.
  async stop() {
    for (const client of this.clients) client.destroy();
    const gone = this.child.exitCode !== null || this.child.signalCode !== null;
    const ended = gone ? Promise.resolve() : new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    const killer = setTimeout(() => this.child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await ended;
    clearTimeout(killer);
    const log = await readFile(this.logPath, 'utf8');
    await rm(this.folder, { recursive: true, force: true });
    if (this.child.exitCode !== 0 || SANITIZER.test(log)) {
      throw new Error(`millrace ended with ${this.child.exitCode ?? this.child.signalCode}\n`
        + log.slice(-4000));
    }
  }
}

export async function startServer(...options) {
  const program = path.resolve(root, process.env.MILLRACE_BIN ?? 'build/millrace');
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-js-'));
  const logPath = path.join(folder, 'log');
  const log = await open(logPath, 'a');
  const child = spawn(program,
    ['serve', '--testing', '--listen', '127.0.0.1:0', '--data', path.join(folder, 'data'),
      ...options],
    { stdio: ['ignore', 'pipe', log.fd], env: cleanEnvironment() });
  const url = await new Promise((done, fail) => {
    const failed = (error) => {
      clearTimeout(late);
      fail(error);
    };
    const late = setTimeout(() => failed(new Error('millrace is not ready')), START_DEADLINE_MS);
    let text = '';
    child.stdout.on('data', (part) => {
      text += part;
      const found = READY.exec(text);
      if (found) {
        clearTimeout(late);
        done(found[1]);
      }
    });
    child.once('error', failed);
    child.once('exit', (code) => failed(new Error(`millrace left with status ${code}`)));
  }).catch(async (error) => {
    child.kill('SIGKILL');
    error.message += `\n${(await readFile(logPath, 'utf8')).slice(-4000)}`;
    await rm(folder, { recursive: true, force: true });
    throw error;
  }).finally(() => log.close());
  return new Server(child, url, folder, logPath);
}

let names = 0;
export function fresh(prefix = 't') {
  names += 1;
  return `${prefix}-${Date.now().toString(36)}-${names}`;
}

// The first true value of `ask`, within a deadline.
export async function waitFor(ask, deadlineMs = 90_000) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const value = await ask();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms; last: ${value}`);
    await new Promise((done) => { setTimeout(done, 20); });
  }
}
