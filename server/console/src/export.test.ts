import { describe, expect, it } from 'vitest';
import { alarmRows, cell, collection, csv, TooLarge } from './export';
import { en } from './words/en';
import { zh } from './words/zh';
import type { Item } from './wire';

function item(fid: number): Item {
  return { type: 'Feature', id: `hydrant.${fid}`, geometry: null, properties: {} };
}

describe('a layer', () => {
  it('is read to its last page and says that it is simulated', async () => {
    const pages: Record<string, object> = {
      '/collections/hydrant/items?limit=10000': { features: [item(1)], numberMatched: 2, links: [{ rel: 'next', href: 'http://localhost/collections/hydrant/items?next=x' }] },
      '/collections/hydrant/items?next=x': { features: [item(2)], numberMatched: 2, links: [] },
    };
    const steps: number[] = [];
    const text = await collection('hydrant', true, (done) => steps.push(done), (path) => Promise.resolve(pages[path] as never));
    const made = JSON.parse(text);
    expect(made).toMatchObject({ type: 'FeatureCollection', simulated: true });
    expect(made.features.map((one: Item) => one.id)).toEqual(['hydrant.1', 'hydrant.2']);
    expect(steps).toEqual([1, 2]);
  });

  it('does not follow a link to somewhere else', async () => {
    const asked: string[] = [];
    await collection('hydrant', false, () => {}, (path) => {
      asked.push(path);
      return Promise.resolve({ features: [item(1)], links: [{ rel: 'next', href: 'http://elsewhere.example/items' }] });
    });
    expect(asked).toHaveLength(1);
  });

  it('too large for a browser is refused at its first page', async () => {
    await expect(collection('hydrant', false, () => {}, () => Promise.resolve({ features: [item(1)], numberMatched: 1_000_000 }))).rejects.toBeInstanceOf(TooLarge);
  });
});

describe('alarms as a table', () => {
  it('name the facility beside its id, and the heads are as many as the cells', () => {
    const alarm = { id: 7, datastream: 'H-1.pressure', host: 'hydrant.12', id_host: 1, severity: 'serious', state: 'raised', since: '2026-11-21T00:00:00Z', limit: 140, direction: 'below', value: 100, unit: 'kPa', position: null, label: { zh: '压力', en: 'pressure' } } as const;
    const words = { name: () => 'pressure', severity: () => 'serious', state: () => 'open', host: () => 'H-1 Gate' };
    const [row] = alarmRows([alarm, { ...alarm, host: null }], undefined, words);
    for (const heads of [en['alarms.columns'], zh['alarms.columns']]) expect(row).toHaveLength(heads.split(',').length);
    expect(row!.slice(8, 11)).toEqual(['hydrant.12', 'H-1 Gate', 'H-1.pressure']);
  });
});

describe('a table', () => {
  it('quotes what needs it', () => {
    expect(csv([['编号', 'a,b', 'say "x"', null, 1.5]])).toBe('\uFEFF编号,"a,b","say ""x""",,1.5\r\n');
  });
  it('runs nothing in a spreadsheet, and keeps negative numbers', () => {
    expect(cell('=HYPERLINK(1)')).toBe("'=HYPERLINK(1)");
    expect(cell(-3)).toBe('-3');
  });
});
