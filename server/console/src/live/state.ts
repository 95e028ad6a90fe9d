// What the city reports now: merging messages of /live. Pure, so that order, repeats and breaks are tested without a socket.

import type { Alarm, Changed, LiveMessage, LiveValue, Position, Severity } from '../wire';

export interface LiveState {
  /** Number of the newest message merged; `null` before the first snapshot. */
  seq: number | null;
  values: ReadonlyMap<string, LiveValue>;
  /** Alarms not yet cleared. */
  alarms: ReadonlyMap<number, Alarm>;
}

export const NOTHING_YET: LiveState = { seq: null, values: new Map(), alarms: new Map() };

export const SEVERITIES: readonly Severity[] = ['notice', 'warning', 'serious', 'critical'];

export function rank(severity: Severity | null): number {
  return severity === null ? -1 : SEVERITIES.indexOf(severity);
}

/** The state after a message. The same object comes back when the message changes nothing. */
export function merge(state: LiveState, message: LiveMessage): LiveState {
  switch (message.type) {
    case 'hello':
    case 'refused':
      return state;
    case 'snapshot':
      // The whole truth at `seq`: what it does not name is gone, and a server that was restored from a backup may count from less.
      return {
        seq: message.seq,
        values: new Map(message.values.map((value) => [value.datastream, value])),
        alarms: new Map(message.alarms.filter(isOpen).map((alarm) => [alarm.id, alarm])),
      };
    case 'delta':
      // A repeat after a reconnect.
      if (state.seq !== null && message.seq <= state.seq) return state;
      return {
        seq: message.seq,
        values: mergeValues(state.values, message.values ?? []),
        alarms: mergeAlarms(state.alarms, message.alarms ?? []),
      };
  }
}

function mergeValues(held: ReadonlyMap<string, LiveValue>, news: LiveValue[]): ReadonlyMap<string, LiveValue> {
  if (news.length === 0) return held;
  const values = new Map(held);
  for (const value of news) {
    const before = values.get(value.datastream);
    // A reading that arrives late is history; the newest measurement stays, but an alarm that it changed counts.
    const late = before?.measured_at && value.measured_at && value.measured_at < before.measured_at;
    values.set(value.datastream, late ? { ...before, alarm: value.alarm } : value);
  }
  return values;
}

function mergeAlarms(held: ReadonlyMap<number, Alarm>, news: Alarm[]): ReadonlyMap<number, Alarm> {
  if (news.length === 0) return held;
  const alarms = new Map(held);
  for (const alarm of news) {
    if (isOpen(alarm)) alarms.set(alarm.id, alarm);
    else alarms.delete(alarm.id);
  }
  return alarms;
}

function isOpen(alarm: Alarm): boolean {
  return alarm.state !== 'cleared';
}

/** Worst first, then the newest; what nobody has acknowledged stands before what somebody has. */
export function alarmList(state: LiveState): Alarm[] {
  return [...state.alarms.values()].sort(
    (a, b) =>
      Number(a.state === 'acknowledged') - Number(b.state === 'acknowledged') ||
      rank(b.severity) - rank(a.severity) ||
      b.since.localeCompare(a.since) ||
      b.id - a.id,
  );
}

/** What is measured now where an alarm stands; `null` when nothing has been heard. The alarm's own value is that of its beginning. */
export function latestOf(state: LiveState, alarm: Alarm): number | null {
  return state.values.get(alarm.datastream)?.value ?? null;
}

export type Freshness = 'fresh' | 'stale' | 'none';

export function freshness(value: Pick<LiveValue, 'value' | 'measured_at'>, now: number, staleAfterMs: number): Freshness {
  if (value.value === null || value.measured_at === null) return 'none';
  const measured = Date.parse(value.measured_at);
  return Number.isNaN(measured) ? 'none' : now - measured > staleAfterMs ? 'stale' : 'fresh';
}

/** One mark on the map for everything that is measured at one feature. */
export interface Pin {
  /** Wire number of the feature. */
  id: number;
  host: string;
  position: Position;
  severity: Severity | null;
  /** Some alarm here is raised and not acknowledged. */
  raised: boolean;
  freshness: Freshness;
  /** The value that matters most: the one in the worst alarm, else the first by datastream. */
  shown: LiveValue | null;
}

export function pins(state: LiveState, now: number, staleAfterMs: number): Pin[] {
  // The list of alarms decides, not what a value said when it was sent: an alarm may clear without a new value.
  const worst = new Map<string, Alarm>();
  for (const alarm of state.alarms.values()) {
    const other = worst.get(alarm.datastream);
    if (!other || rank(alarm.severity) > rank(other.severity)) worst.set(alarm.datastream, alarm);
  }
  const byHost = new Map<number, Pin>();
  const mark = (pin: Pin, alarm: Alarm, value: LiveValue | null) => {
    if (rank(alarm.severity) > rank(pin.severity)) {
      pin.severity = alarm.severity;
      pin.shown = value ?? pin.shown;
    }
    if (alarm.state === 'raised') pin.raised = true;
  };
  for (const value of [...state.values.values()].sort((a, b) => (a.datastream < b.datastream ? -1 : 1))) {
    if (!value.position || value.id === null || value.host === null) continue;
    const reported = freshness(value, now, staleAfterMs);
    let pin = byHost.get(value.id);
    if (!pin) {
      pin = { id: value.id, host: value.host, position: value.position, severity: null, raised: false, freshness: reported, shown: value };
      byHost.set(value.id, pin);
    } else if (reported === 'fresh' || pin.freshness === 'none') {
      // One sensor that still reports keeps the pin alive.
      pin.freshness = reported;
    }
    const alarm = worst.get(value.datastream);
    if (alarm) {
      mark(pin, alarm, value);
      worst.delete(value.datastream);
    }
  }
  // Alarms of datastreams that have no value, or none with a place.
  for (const alarm of worst.values()) {
    if (alarm.id_host === null || alarm.host === null) continue;
    let pin = byHost.get(alarm.id_host);
    if (!pin) {
      if (!alarm.position) continue;
      pin = { id: alarm.id_host, host: alarm.host, position: alarm.position, severity: null, raised: false, freshness: 'none', shown: null };
      byHost.set(alarm.id_host, pin);
    }
    mark(pin, alarm, null);
  }
  return [...byHost.values()];
}

/** What a message says about features that were edited: their tiles are to be fetched again. */
export function edits(message: LiveMessage): { revision: number | null; changed: Changed[] } {
  if (message.type !== 'delta') return { revision: null, changed: [] };
  // An empty list beside a new revision means: everything may have changed.
  return { revision: message.revision ?? null, changed: message.changed_more ? [] : (message.changed ?? []) };
}

/** The edition of the analyses that a message names; null when it names none. */
export function overlaysEdition(message: LiveMessage): string | null {
  return message.type === 'snapshot' || message.type === 'delta' ? (message.overlays ?? null) : null;
}

/** Waiting times between attempts to connect: quick at first, then patient, never all desks at once. */
export function retryDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(15_000, 1000 * 2 ** Math.min(attempt, 5));
  return Math.round(ceiling * (0.5 + random / 2));
}

/** A sensor silent for this long is not trusted: its value is shown as stale. */
export const STALE_AFTER_MS = 15 * 60_000;

/** About how high the city lies, from where its sensors stand: the middle one counts. */
export function groundHeight(state: LiveState): number {
  const heights = [...state.values.values()].flatMap((value) => (value.position?.[2] === undefined ? [] : [value.position[2]])).sort((a, b) => a - b);
  return heights[Math.floor(heights.length / 2)] ?? 0;
}
