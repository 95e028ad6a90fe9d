// Builds the web viewer at low priority and tells the server how far it is.
//
//     node .build/web.mjs OUT_DIR [--quality 0-11]
//
// OUT_DIR is what `citytwin serve` hands out at /viewer/. While the compiler works, OUT_DIR/viewer-build.json says
// {"state":"building","done":n,"total":n,"text":"…"}; the page there opens the viewer by itself when it is "ready". A viewer
// that is there already stays open until its successor is packed, and is packed again only when something has changed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync, openSync, existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import os from 'node:os';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const out = resolve(process.argv[2] ?? fail('usage: node .build/web.mjs OUT_DIR [--quality 0-11]'));
const quality = process.argv.includes('--quality') ? process.argv[process.argv.indexOf('--quality') + 1] : '5';
const cache = join(process.env.XDG_CACHE_HOME ?? join(os.homedir(), '.cache'), 'citytwin');
const target = process.env.CARGO_TARGET_DIR ?? join(cache, 'target');
const webTarget = join(target, 'web');
const logFile = join(out, '..', 'web-build.log');

mkdirSync(out, { recursive: true });
const log = openSync(logFile, 'w');
const progress = join(out, 'viewer-build.json');

function fail(text) {
    console.error(text);
    process.exit(2);
}

/** What stands in the folder now, if it is a finished viewer. */
function standing() {
    try {
        const told = JSON.parse(readFileSync(progress, 'utf8'));
        return told.state === 'ready' ? told : undefined;
    } catch {
        return undefined;
    }
}
const before = standing();

/** Written whole, so that a reader never sees half of it. */
function tell(state, done, total, text, packed) {
    if (before && state === 'building') return;
    writeFileSync(`${progress}.part`, JSON.stringify({ state, done, total, text, packed }));
    renameSync(`${progress}.part`, progress);
}

/** Changes when anything that is packed does. */
function stamp(...files) {
    return files.map((file) => `${file}:${statSync(file).mtimeMs}:${statSync(file).size}`).join(' ') + ` quality:${quality}`;
}

function stop(text) {
    tell('failed', 0, 1, `${text}; see ${logFile}`);
    fail(`${text}; see ${logFile}`);
}

// The compiler for wasm: lines of `export NAME="value"`, or nothing where rustup has the target.
const toolchain = spawnSync('sh', [join(root, '.build/web-toolchain.sh')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
if (toolchain.status !== 0) stop('no compiler for the web could be set up');
const env = { ...process.env, CARGO_TARGET_DIR: webTarget };
for (const [, name, value] of toolchain.stdout.matchAll(/^export (\w+)="(.*)"$/gm)) env[name] = value;
const std = env.WEB_BUILD_STD ? [env.WEB_BUILD_STD] : [];
const args = ['build', '--locked', '-p', 'citytwin-viewer', '--profile', 'web', '--target', 'wasm32-unknown-unknown', ...std];

// How many units there are: cargo says so itself. RUSTC_BOOTSTRAP opens that option on a stable cargo.
const plan = spawnSync('cargo', [...args, '-Zunstable-options', '--unit-graph'], { cwd: root, env: { ...env, RUSTC_BOOTSTRAP: '1' }, encoding: 'utf8', maxBuffer: 1 << 30 });
const total = plan.status === 0 ? JSON.parse(plan.stdout).units.length : 1;
let done = 0;
tell('building', 0, total, '');

const cargo = spawn('cargo', [...args, '--message-format', 'json-render-diagnostics'], { cwd: root, env, stdio: ['ignore', 'pipe', log] });
let rest = '';
let last = 0;
cargo.stdout.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
        const reason = /^\{"reason":"(compiler-artifact|build-script-executed)"/.exec(line);
        if (reason) done += 1;
    }
    if (Date.now() - last > 500) {
        last = Date.now();
        tell('building', Math.min(done, total), total, '');
        if (process.stderr.isTTY) process.stderr.write(`\rweb viewer ${done}/${total} `);
    }
});
cargo.on('close', (code) => {
    if (code !== 0) stop('the web viewer did not compile');
    tell('building', total, total, 'packing');
    const pack = join(target, 'debug/citytwin-viewer-pack');
    const hostEnv = { ...process.env, CARGO_TARGET_DIR: target };
    const made = spawnSync('cargo', ['build', '--locked', '-p', 'citytwin-viewer-pack'], { cwd: root, env: hostEnv, stdio: ['ignore', log, log] });
    if (made.status !== 0 || !existsSync(pack)) stop('the packer did not compile');
    const wasm = join(webTarget, 'wasm32-unknown-unknown/web/citytwin-viewer.wasm');
    const page = join(root, 'viewer/web');
    const wanted = stamp(wasm, pack, ...readdirSync(page).sort().map((name) => join(page, name)));
    if (before?.packed !== wanted) {
        const packed = spawnSync(pack, [wasm, page, out, quality], { stdio: ['ignore', log, log] });
        if (packed.status !== 0) stop('the web viewer could not be packed');
    }
    tell('ready', total, total, '', wanted);
    console.log(`web viewer: ${out}`);
    console.log(readFileSync(logFile, 'utf8').split('\n').filter((l) => l.includes('.wasm')).join('\n'));
});
