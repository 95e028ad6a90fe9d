import { expect, it } from 'vitest';
import { changes, type Version } from './versions';

function version(revision: number, properties: Record<string, unknown> | null, at = [116, 30]): Version {
  const feature = properties && { type: 'Feature' as const, id: 'hydrant.1', geometry: { type: 'Point' as const, coordinates: at }, properties };
  return { revision, time: null, author: null, source: null, deleted: properties === null, feature };
}

it('a version names what it changed, and a move', () => {
  const first = version(1, { code: 'A', diameter_mm: 100, name: null });
  const second = version(2, { code: 'A', diameter_mm: 150, name: null }, [116, 30.001]);
  expect(changes(second, first)).toEqual([
    { attribute: 'diameter_mm', before: 100, after: 150 },
    { attribute: 'geometry', before: null, after: null },
  ]);
});

it('the first version and a deletion change nothing that could be listed', () => {
  expect(changes(version(1, { code: 'A' }), undefined)).toEqual([]);
  expect(changes(version(2, null), version(1, { code: 'A' }))).toEqual([]);
  expect(changes(version(3, { code: 'A' }), version(2, null))).toEqual([]);
});

it('absent and null are the same', () => {
  expect(changes(version(2, { code: 'A' }), version(1, { code: 'A', name: null }))).toEqual([]);
});
