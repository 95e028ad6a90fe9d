// Taking data home: a layer as GeoJSON, the alarms as CSV. Simulated data says so inside the file.

import { ask } from './api';
import { instant } from './format';
import type { Alarm, Item } from './wire';

interface Page {
  features: Item[];
  numberMatched?: number;
  links?: { rel: string; href: string }[];
}

/** Beyond this a browser is the wrong tool; `citytwin export` has no such limit. */
export const MOST_FEATURES = 200_000;

export class TooLarge extends Error {
  constructor(readonly count: number) {
    super(String(count));
  }
}

/** All features of a collection, page by page. `read` is how far it is. */
export async function collection(id: string, simulated: boolean, read: (done: number, of: number | null) => void, fetchPage: (path: string) => Promise<Page> = ask): Promise<string> {
  const features: Item[] = [];
  let next: string | null = `/collections/${encodeURIComponent(id)}/items?limit=10000`;
  while (next) {
    const page: Page = await fetchPage(next);
    const count = page.numberMatched ?? features.length + page.features.length;
    if (count > MOST_FEATURES) throw new TooLarge(count);
    features.push(...page.features);
    read(features.length, page.numberMatched ?? null);
    next = page.features.length > 0 ? home(page.links?.find((link) => link.rel === 'next')?.href) : null;
  }
  return JSON.stringify({ type: 'FeatureCollection', name: id, ...(simulated ? { simulated: true } : {}), features });
}

/** Path and query of a link of our own server; anything else is not followed. */
function home(href: string | undefined): string | null {
  if (!href) return null;
  const here = typeof location === 'undefined' ? 'http://localhost' : location.href;
  const url = new URL(href, here);
  return url.origin === new URL(here).origin ? url.pathname + url.search : null;
}

/** Spreadsheets run what begins like a formula; such a text gets an apostrophe in front. */
export function cell(value: unknown): string {
  let text = value === null || value === undefined ? '' : String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 4180, with the mark that makes spreadsheets read Chinese as UTF-8. */
export function csv(rows: unknown[][]): string {
  return `\uFEFF${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

export function alarmRows(alarms: Alarm[], zone: string | undefined, words: { name: (alarm: Alarm) => string; severity: (alarm: Alarm) => string; state: (alarm: Alarm) => string; host: (alarm: Alarm) => string }): unknown[][] {
  return alarms.map((alarm) => [
    alarm.id,
    words.severity(alarm),
    words.state(alarm),
    words.name(alarm),
    alarm.value,
    alarm.limit,
    alarm.unit,
    alarm.direction,
    alarm.host ?? '',
    words.host(alarm),
    alarm.datastream,
    instant(alarm.since, zone),
    alarm.simulated ? 1 : 0,
  ]);
}

export function save(name: string, type: string, text: string) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
