// A Chromium whose every request and complaint is written down.

import { chromium } from 'playwright-core';

/** Debian's Chromium on the software rasteriser; nothing of its own may go to the network. */
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
];

/** The rasteriser's own remarks about speed say nothing of us. */
const RASTERISER = /GL Driver Message|GPU stall due to ReadPixels|Automatic fallback to software WebGL/;

export async function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

/** A fresh profile: `desk` is 1440 × 900, `phone` 390 × 844 with touch. */
export async function open(browser, server, kind) {
  const shape =
    kind === 'phone'
      ? { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
      : { viewport: { width: 1440, height: 900 }, deviceScaleFactor: 1 };
  const context = await browser.newContext({ ...shape, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' });
  const page = await context.newPage();
  const origin = new URL(server).origin;
  const record = { requests: 0, foreign: [], complaints: [] };
  const seen = (address) => {
    record.requests++;
    const url = new URL(address);
    const own = url.origin === origin || (url.protocol === 'ws:' && url.host === new URL(server).host);
    if (!own && !['blob:', 'data:', 'about:'].includes(url.protocol)) record.foreign.push(address);
  };
  // On the context: workers' requests count too.
  context.on('request', (request) => seen(request.url()));
  page.on('websocket', (socket) => seen(socket.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !RASTERISER.test(message.text())) record.complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => record.complaints.push(`uncaught: ${error.stack ?? error}`));
  return { context, page, record };
}

/** Colours of the page at these points, as the reader sees them: [[r, g, b], …]. */
export async function colours(page, points) {
  const picture = await page.screenshot();
  return page.evaluate(
    async ({ base64, points, width }) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext('2d', { willReadFrequently: true });
      context.drawImage(bitmap, 0, 0);
      const scale = bitmap.width / width;
      return points.map(([x, y]) => [...context.getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data.slice(0, 3)]);
    },
    { base64: picture.toString('base64'), points, width: page.viewportSize().width },
  );
}

export function rgb(hex) {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

/** Largest difference of a channel. */
export function difference(a, b) {
  return Math.max(...a.map((channel, at) => Math.abs(channel - b[at])));
}

/** Degrees on the colour wheel; `null` for greys. Light changes brightness, not hue. */
export function hue([r, g, b]) {
  const high = Math.max(r, g, b);
  const range = high - Math.min(r, g, b);
  if (range < 12) return null;
  const turn = high === r ? (g - b) / range : high === g ? 2 + (b - r) / range : 4 + (r - g) / range;
  return (turn * 60 + 360) % 360;
}
