// Drives console and web viewer in Chromium against a running server. See README.md.

import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { launch } from './browser.mjs';
import { consoleChecks } from './console.mjs';
import { viewerChecks } from './viewer.mjs';

const { values: given } = parseArgs({
  options: {
    server: { type: 'string' },
    key: { type: 'string' },
    out: { type: 'string', default: 'pictures' },
    console: { type: 'boolean', default: false },
    viewer: { type: 'boolean', default: false },
  },
});
if (!given.server) {
  console.error('usage: node run.mjs --server URL [--key KEY] [--out DIR] [--console] [--viewer]');
  process.exit(2);
}
mkdirSync(given.out, { recursive: true });

let passed = 0;
let failed = 0;
const run = {
  server: given.server.replace(/\/$/, ''),
  key: given.key,
  out: given.out,
  /** One promise of the product, named as a sentence. A check that fails does not end the run. */
  async check(name, task) {
    const started = performance.now();
    try {
      const note = await task();
      passed++;
      console.log(`ok    ${name}${note ? `: ${note}` : ''} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    } catch (failure) {
      failed++;
      console.log(`FAIL  ${name}\n      ${String(failure.stack ?? failure).split('\n').slice(0, 6).join('\n      ')}`);
    }
  },
  /** What the server says, as any client hears it. */
  async get(path) {
    const answer = await fetch(this.server + path, { headers: { accept: 'application/json' } });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer.json();
  },
  post(path, body) {
    return this.send('POST', path, body, 'application/json');
  },
  patch(path, body) {
    return this.send('PATCH', path, body, 'application/merge-patch+json');
  },
  async send(method, path, body, type) {
    const answer = await fetch(this.server + path, {
      method,
      headers: { 'content-type': type, authorization: `Bearer ${this.key}` },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  },
  async remove(path) {
    const answer = await fetch(this.server + path, { method: 'DELETE', headers: { authorization: `Bearer ${this.key}` } });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  },
};

const browser = await launch();
try {
  if (given.console || !given.viewer) await consoleChecks(browser, run);
  if (given.viewer) await viewerChecks(browser, run);
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
