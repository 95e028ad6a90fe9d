import { describe, expect, it } from 'vitest';
import { cell, collection, csv, TooLarge } from './export';
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

describe('a table', () => {
  it('quotes what needs it', () => {
    expect(csv([['编号', 'a,b', 'say "x"', null, 1.5]])).toBe('\uFEFF编号,"a,b","say ""x""",,1.5\r\n');
  });
  it('runs nothing in a spreadsheet, and keeps negative numbers', () => {
    expect(cell('=HYPERLINK(1)')).toBe("'=HYPERLINK(1)");
    expect(cell(-3)).toBe('-3');
  });
});
