// The socket to /live: connects, subscribes, resumes after a break, and says how it stands.

import { serverClock } from '../api';
import type { Changed, LiveMessage } from '../wire';
import { edits, merge, NOTHING_YET, overlaysEdition, retryDelayMs, type LiveState } from './state';

/** Silence after which the server is asked whether it is still there: a cable pulled out closes no socket. */
const SILENCE_MS = 20_000;

export type LinkStatus = 'connecting' | 'open' | 'lost';

class LiveLink {
  state = $state.raw<LiveState>(NOTHING_YET);
  status = $state<LinkStatus>('connecting');
  /** When the next attempt is due, by this browser's clock. */
  nextTry = $state(0);
  revision = $state<number | null>(null);
  simulated = $state(false);
  /** Ticks every second, so that ages move. */
  now = $state(Date.now());
  /** Ticks every few seconds: often enough for silence to turn into 'stale' on the map. */
  slowNow = $state(Date.now());
  online = $state(navigator.onLine);
  /** How often the connection came back after a break. */
  returns = $state(0);

  /** Called when features were edited. */
  onedits: (changed: Changed[]) => void = () => {};
  /** Called with the edition of the analyses whenever one is named. */
  onoverlays: (edition: string) => void = () => {};

  /** Called when the connection is back after a break: the server may have been started anew, and know no session of before. */
  onback: () => void = () => {};

  #socket: WebSocket | null = null;
  #attempt = 0;
  #timer = 0;
  #heard = 0;

  start() {
    setInterval(() => this.#tick(), 1000);
    window.addEventListener('online', () => {
      this.online = true;
      this.retry();
    });
    window.addEventListener('offline', () => {
      this.online = false;
      this.#socket?.close();
    });
    // A phone that slept may hold a dead socket.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') void this.#probe();
    });
    this.#connect();
  }

  retry() {
    if (this.status === 'open') return;
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#connect();
  }

  get connected(): boolean {
    return this.status === 'open';
  }

  #connect() {
    this.#socket?.close();
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/live`);
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#heard = Date.now();
      socket.send(JSON.stringify({ type: 'subscribe', box: null, classes: null, since: this.state.seq }));
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#hear(event.data);
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#lose();
    };
  }

  #hear(data: unknown) {
    this.#heard = Date.now();
    let message: LiveMessage;
    try {
      message = JSON.parse(String(data)) as LiveMessage;
    } catch {
      return;
    }
    if (message.type === 'hello') {
      this.simulated = message.simulated;
      // Edits made while we were away: everything on screen may be old.
      if (this.revision !== null && this.revision !== message.revision) this.onedits([]);
      this.revision = message.revision;
      return;
    }
    if (message.type !== 'snapshot' && message.type !== 'delta') return;
    this.state = merge(this.state, message);
    const back = this.status === 'lost';
    this.status = 'open';
    this.#attempt = 0;
    if (back) {
      this.returns++;
      this.onback();
    }
    const { revision, changed } = edits(message);
    if (revision !== null && revision !== this.revision) {
      this.revision = revision;
      this.onedits(changed);
    }
    const edition = overlaysEdition(message);
    if (edition !== null) this.onoverlays(edition);
  }

  #lose() {
    this.#socket = null;
    this.status = 'lost';
    const wait = retryDelayMs(this.#attempt++, Math.random());
    this.nextTry = Date.now() + wait;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#connect(), wait);
  }

  #tick() {
    this.now = Date.now();
    if (this.now - this.slowNow >= 5000) this.slowNow = this.now;
    if (this.#socket?.readyState === WebSocket.OPEN && Date.now() - this.#heard > SILENCE_MS) {
      this.#heard = Date.now();
      void this.#probe();
    }
  }

  /** A closed socket is reported by the browser; a dead one only shows when the server does not answer. */
  async #probe() {
    const socket = this.#socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    try {
      const answer = await fetch('/health', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
      serverClock.heard(answer.headers.get('date'));
      if (!answer.ok) throw new Error(String(answer.status));
    } catch {
      if (this.#socket === socket) {
        socket.close();
        this.#lose();
      }
    }
  }
}

export const live = new LiveLink();
