// Numbers, units, instants and attribute values as a reader sees them.

import type { Attribute } from './wire';
import { language, name, say, type Language } from './language.svelte';

const LOCALE: Record<Language, string> = { zh: 'zh-CN', en: 'en-GB' };
const DEFAULT_ZONE = 'Asia/Shanghai';

/** As many decimals as mean something: 0.034, 1.25, 318.4, 12,000. */
export function number(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  return new Intl.NumberFormat(LOCALE[language.current], { maximumFractionDigits: digits }).format(value);
}

/** A number and its unit; percent and degrees stand close, as printed. */
export function quantity(value: number, unit?: string | null): string {
  if (!unit) return number(value);
  return /^(%|‰|°(?!C))/.test(unit) ? `${number(value)}${unit}` : `${number(value)} ${unit}`;
}

/** An instant in the city's zone, not in the reader's. */
export function instant(iso: string, zone: string = DEFAULT_ZONE): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return zoned(zone).format(date).replace(/\//g, '-');
}

/** Time of day in the city's zone; with the date where that is not today's. */
export function moment(iso: string, now: number, zone: string = DEFAULT_ZONE): string {
  const whole = instant(iso, zone);
  const [day, time] = whole.split(' ');
  return time && day === instant(new Date(now).toISOString(), zone).split(' ')[0] ? time : whole;
}

function zoned(zone: string): Intl.DateTimeFormat {
  const options = {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  } as const;
  try {
    return new Intl.DateTimeFormat('sv-SE', { ...options, timeZone: zone });
  } catch {
    // A zone that this browser does not know.
    return new Intl.DateTimeFormat('sv-SE', { ...options, timeZone: DEFAULT_ZONE });
  }
}

/** How long ago, in one unit. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return say('age.seconds', { count: seconds });
  if (seconds < 3600) return say('age.minutes', { count: Math.floor(seconds / 60) });
  if (seconds < 48 * 3600) return say('age.hours', { count: Math.floor(seconds / 3600) });
  return say('age.days', { count: Math.floor(seconds / 86400) });
}

/** `null` when there is nothing to show, so that the caller says so in words. `ownUnit` is for numbers whose unit the feature names. */
export function attribute(value: unknown, about?: Attribute, ownUnit?: string): string | null {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'boolean') return say(value ? 'feature.yes' : 'feature.no');
  if (about?.codes?.length) {
    const entry = about.codes.find((code) => code.value === String(value));
    // A value outside the list is shown as it stands: that is what the record holds.
    return entry ? name(entry.label) : String(value);
  }
  if (typeof value === 'number') {
    // A year is not a quantity: no thousands separator.
    if (/(^|_)(year|no)$/.test(about?.id ?? '')) return String(value);
    return quantity(value, about?.unit ?? (about?.type === 'real' ? ownUnit : undefined));
  }
  if (about?.type === 'time') return instant(String(value));
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export function metres(value: number): string {
  return value >= 10_000 ? quantity(value / 1000, 'km') : quantity(value, 'm');
}

export function degrees(lon: number, lat: number): string {
  return `${lon.toFixed(5)}°, ${lat.toFixed(5)}°`;
}
