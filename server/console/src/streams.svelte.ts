// The datastreams that the city knows: what ought to report, with its limits. /live only tells of what has reported.

import { ask, givenUp } from './api';
import type { Item } from './wire';

export interface Stream {
  code: string;
  /** Public ids. */
  host: string | null;
  sensor: string | null;
  id: string;
  property: string;
  unit: string;
  high: number | null;
  low: number | null;
  simulated: boolean;
}

interface Page {
  features: Item[];
  links?: { rel: string; href: string }[];
}

/** Enough for any city of the first versions; beyond it, panels show only what has reported. */
const MOST_PAGES = 10;

class Streams {
  byCode = $state.raw<ReadonlyMap<string, Stream>>(new Map());
  #flight: AbortController | null = null;

  async open() {
    this.#flight?.abort();
    const flight = (this.#flight = new AbortController());
    const found = new Map<string, Stream>();
    try {
      let next: string | null = '/collections/datastream/items?limit=10000';
      for (let pages = 0; next && pages < MOST_PAGES; pages++) {
        const page: Page = await ask<Page>(next, { signal: flight.signal });
        for (const item of page.features) {
          const stream = streamOf(item);
          if (stream) found.set(stream.code, stream);
        }
        const link = page.links?.find((one) => one.rel === 'next')?.href;
        const url = link ? new URL(link, location.href) : null;
        next = url && url.origin === location.origin ? url.pathname + url.search : null;
      }
      this.byCode = found;
    } catch (cause) {
      // A city without sensors has no such collection; the panels then show what /live tells.
      if (!givenUp(cause)) this.byCode = found;
    }
  }

  /** What is measured at a facility, or by a sensor. */
  at(id: string): Stream[] {
    return [...this.byCode.values()].filter((stream) => stream.host === id || stream.sensor === id || stream.id === id);
  }
}

function streamOf(item: Item): Stream | null {
  const text = (key: string) => (typeof item.properties[key] === 'string' ? (item.properties[key] as string) : null);
  const real = (key: string) => (typeof item.properties[key] === 'number' ? (item.properties[key] as number) : null);
  const code = text('code');
  if (!code) return null;
  return {
    code,
    host: text('host'),
    sensor: text('sensor'),
    id: item.id,
    property: text('property') ?? '',
    unit: text('unit') ?? '',
    high: real('alarm_high'),
    low: real('alarm_low'),
    simulated: item.properties['simulated'] === true,
  };
}

export const streams = new Streams();
