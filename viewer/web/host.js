// What the wasm side asks of the browser: requests, the live socket, labels, panels. It talks back through functions
// of its own module, which `connect` is given once they are there.
import { drawLabels } from './labels.js';
import { showModel } from './panels.js';

let wasm = null;
const running = new Map();
const picks = new Map();
let nextPick = 1;
let socket = null;
let patience = 250;

export function connect(module) {
  wasm = module;
}

export function command(what) {
  return wasm ? wasm.citytwin_command(JSON.stringify(what)) : false;
}

/** Which feature lies under a place of the page; resolves to {id, hit, distance}. For tests. */
export function pick(x, y) {
  return new Promise((resolve) => {
    const number = nextPick++;
    picks.set(number, resolve);
    wasm.citytwin_pick(number, x, y);
  });
}

async function request(ticket, path, options) {
  const cancel = new AbortController();
  running.set(ticket, cancel);
  try {
    const answer = await fetch(path, { ...options, signal: cancel.signal, credentials: 'same-origin' });
    const body = new Uint8Array(await answer.arrayBuffer());
    if (running.has(ticket)) wasm.citytwin_answer(ticket, answer.status, body);
  } catch (error) {
    // Status 0: no answer. A cancelled request has nobody waiting.
    if (running.has(ticket) && error.name !== 'AbortError') wasm.citytwin_answer(ticket, 0, new TextEncoder().encode(String(error)));
  } finally {
    running.delete(ticket);
  }
}

/** Keeps the socket open; after a break it waits longer each time, up to ten seconds. */
function openLive() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  socket = new WebSocket(`${scheme}://${location.host}/live`);
  socket.onopen = () => {
    patience = 250;
    wasm.citytwin_live_open();
  };
  socket.onmessage = (event) => typeof event.data === 'string' && wasm.citytwin_live_text(event.data);
  socket.onclose = () => {
    wasm.citytwin_live_closed();
    setTimeout(openLive, patience);
    patience = Math.min(patience * 2, 10_000);
  };
}

/** A software rasteriser draws one sample per pixel; everything else four. */
function samples() {
  const context = document.createElement('canvas').getContext('webgl2');
  const named = context?.getExtension('WEBGL_debug_renderer_info');
  const name = named ? String(context.getParameter(named.UNMASKED_RENDERER_WEBGL)) : '';
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return /swiftshader|llvmpipe|software/i.test(name) ? 1 : 4;
}

function query() {
  const asked = location.search.slice(1);
  return /(^|&)lang=/.test(asked) ? asked : `${asked}&lang=${language()}`;
}

export function language() {
  const asked = /[?&]lang=(zh|en)\b/.exec(location.search)?.[1];
  return asked ?? (navigator.languages.some((tag) => tag.startsWith('zh')) || !navigator.languages.some((tag) => tag.startsWith('en')) ? 'zh' : 'en');
}

globalThis.citytwinHost = {
  get: (ticket, path) => void request(ticket, path, {}),
  post: (ticket, path, body) => void request(ticket, path, { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
  cancel: (ticket) => {
    const cancel = running.get(ticket);
    running.delete(ticket);
    cancel?.abort();
  },
  openLive,
  sayLive: (text) => socket?.readyState === WebSocket.OPEN && socket.send(text),
  query,
  samples,
  showLabels: (json) => drawLabels(JSON.parse(json)),
  showModel: (json) => {
    const model = JSON.parse(json);
    globalThis.citytwin.model = model;
    globalThis.citytwinReady = model.ready;
    showModel(model);
  },
  showPick: (number, json) => {
    picks.get(number)?.(JSON.parse(json));
    picks.delete(number);
  },
  firstFrame: () => globalThis.dispatchEvent(new Event('citytwin-first-frame')),
};
globalThis.citytwin = { pick, command, model: null };
globalThis.citytwinReady = false;
