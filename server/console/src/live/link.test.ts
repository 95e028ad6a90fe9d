import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

/** The socket, as far as the link uses it. */
class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readyState = 1;
  onopen = () => {};
  onmessage = (_: { data: string }) => {};
  onclose = () => {};
  constructor() {
    Socket.all.push(this);
  }
  send() {}
  close() {}
  say(message: unknown) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

let live: (typeof import('./link.svelte'))['live'];

beforeAll(async () => {
  // The link asks the browser at once whether it is online.
  vi.stubGlobal('navigator', { onLine: true });
  ({ live } = await import('./link.svelte'));
}, 60_000);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', Socket);
  vi.stubGlobal('location', { protocol: 'http:', host: 'localhost' });
  vi.stubGlobal('document', { addEventListener() {} });
  vi.stubGlobal('window', { addEventListener() {}, setTimeout });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('says when the server is back, for it may be another: sessions do not outlive it', () => {
  const back = vi.fn();
  live.onback = back;
  live.start();
  const whole = { type: 'snapshot', seq: 1, values: [], alarms: [] };
  Socket.all.at(-1)!.say(whole);
  expect([live.status, live.returns]).toEqual(['open', 0]);
  expect(back).not.toHaveBeenCalled();
  Socket.all.at(-1)!.onclose();
  expect(live.status).toBe('lost');
  vi.advanceTimersByTime(20_000);
  expect(Socket.all).toHaveLength(2);
  Socket.all.at(-1)!.say({ type: 'hello', protocol: 'citytwin.live.v1', revision: 1, simulated: true });
  expect(back).not.toHaveBeenCalled();
  Socket.all.at(-1)!.say(whole);
  Socket.all.at(-1)!.say({ ...whole, seq: 2 });
  expect([live.status, live.returns]).toEqual(['open', 1]);
  expect(back).toHaveBeenCalledTimes(1);
});
