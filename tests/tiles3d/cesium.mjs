// CesiumJS loads a tileset and picks known ids where they must be: node cesium.mjs FOLDER|SERVER [PICTURE.png]
//
// A reader that is not ours, in Debian's Chromium on its software rasteriser. The page, CesiumJS and the tiles come
// from one origin of this script (a server's tiles are passed through), and a request to any other place fails the run.
// Known places: known.json beside a folder's tileset; a server's own features by its API otherwise.

import { createServer } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { knownPlaces } from './known.mjs';
import { contents, source } from './tileset.mjs';

const [place, picture] = process.argv.slice(2);
if (!place) {
  console.error('usage: node cesium.mjs FOLDER|SERVER [PICTURE.png]');
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const from = source(place);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.glb': 'model/gltf-binary', '.wasm': 'application/wasm', '.css': 'text/css' };

const server = createServer(async (request, answer) => {
  const path = normalize(new URL(request.url, 'http://here').pathname);
  try {
    const body = path.startsWith('/3dtiles/')
      ? await from.get(path.slice('/3dtiles/'.length))
      : await readFile(path === '/' ? join(here, 'page.html') : join(here, 'node_modules/cesium/Build/Cesium', path.replace(/^\/cesium\//, '')));
    answer.writeHead(200, { 'content-type': TYPES[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream' }).end(body);
  } catch (failure) {
    answer.writeHead(404, { 'content-type': 'text/plain' }).end(String(failure));
  }
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const origin = `http://127.0.0.1:${server.address().port}`;

let failures = 0;
const expect = (holds, what) => {
  console.log(`${holds ? 'ok   ' : 'FAIL '} ${what}`);
  if (!holds) failures++;
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
});
try {
  const context = await browser.newContext({ viewport: { width: 960, height: 600 } });
  const page = await context.newPage();
  const foreign = [];
  const complaints = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !['blob:', 'data:'].includes(url.protocol)) foreign.push(request.url());
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !/GL Driver Message|GPU stall|fallback to software WebGL|favicon/.test(message.text() + message.location().url)) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)));
  await page.goto(origin);
  const look = (what, ...given) => page.evaluate(([what, given]) => window.look[what](...given), [what, given]);

  const places = await knownPlaces(place);
  expect(places.length >= 4, `${places.length} places are known`);
  const { found } = await contents(from);
  const overview = places.find(({ tileset }) => tileset === 'tileset.json');
  await look('load', '/3dtiles/tileset.json');
  await look('from', overview, { height: 700, back: 900 });
  const { ready, selected, features, failed } = await look('settle');
  expect(failed.length === 0, `no tile fails to load ${failed.slice(0, 3).join(' ')}`);
  expect(selected > 0 && features > 0, `${ready} contents ready (of ${found.length} in the tileset), ${selected} drawn, ${features} features`);
  if (picture) await writeFile(picture, Buffer.from((await look('picture')).split(',')[1], 'base64'));

  let loaded = 'tileset.json';
  for (const known of places) {
    if (known.tileset !== loaded) {
      await look('load', `/3dtiles/${known.tileset}`);
      loaded = known.tileset;
    }
    const buried = known.tileset !== 'tileset.json';
    await look('from', known, buried ? { height: 6, back: 2, east: 1 } : { height: 260, back: 20, east: 10 });
    const rest = await look('settle');
    const hit = await look('pick', known);
    const at = hit.screen ? `${hit.screen.x.toFixed(0)},${hit.screen.y.toFixed(0)}` : 'off the screen';
    expect(hit.class === known.class && hit.fid === known.fid && (!known.code || hit.code === known.code) && rest.failed.length === 0, `${known.code ?? `${known.class}.${known.fid}`} at ${at}: picked ${hit.class}.${hit.fid} ${hit.code}`);
    if (buried) {
      // The eye is some 6 m away, where a metre takes about a hundred pixels. A straight pipe may run on under one of
      // two places aside, not under both.
      const asides = await Promise.all([{ x: 0, y: 220 }, { x: 220, y: 0 }].map((aside) => look('pick', known, aside)));
      expect(asides.some((aside) => aside.class !== known.class || aside.fid !== known.fid), '… and not 220 pixels aside of it');
    }
  }
  expect(foreign.length === 0, `no request leaves the origin ${foreign.slice(0, 3).join(' ')}`);
  expect(complaints.length === 0, `the browser has nothing to complain of ${complaints.slice(0, 3).join(' | ')}`);
} finally {
  await browser.close();
  server.close();
}
process.exit(failures ? 1 : 0);
