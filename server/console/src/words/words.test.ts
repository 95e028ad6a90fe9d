import { expect, it } from 'vitest';
import { en } from './en';
import { fill, placeholders } from './fill';
import { zh } from './zh';

type Key = keyof typeof zh;

it('says everything in both languages, with the same values', () => {
  expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort());
  for (const key of Object.keys(zh) as Key[]) {
    expect(zh[key], key).not.toBe('');
    expect(en[key], key).not.toBe('');
    expect(placeholders(en[key]), key).toEqual(placeholders(zh[key]));
  }
});

it('says Chinese in Chinese, and English without it', () => {
  const han = /\p{Script=Han}/u;
  // Each language names the other in that other's own letters; GeoJSON is GeoJSON.
  const exempt = new Set<Key>(['app.language', 'feature.geojson']);
  for (const key of Object.keys(zh) as Key[]) {
    if (exempt.has(key)) continue;
    expect(han.test(zh[key]), `${key}: ${zh[key]}`).toBe(true);
    expect(han.test(en[key]), `${key}: ${en[key]}`).toBe(false);
  }
});

it('fills values in and leaves what it was not given', () => {
  expect(fill('{a} of {b}', { a: 1 })).toBe('1 of {b}');
});

it('counts one thing as one', () => {
  expect(fill(en['alarms.count'], { count: 1, raised: 1 })).toBe('1 alarm, 1 not acknowledged');
  expect(fill(en['alarms.count'], { count: 2, raised: 0 })).toBe('2 alarms, 0 not acknowledged');
  expect(fill(en['search.count'], { count: 1 })).toBe('1 result');
  expect(fill(en['feature.empty'], { count: 1 })).toBe('1 attribute without data');
});

it('what is computed is not called as what is recorded', () => {
  // A pipe has an attribute of its own for its length; the two need not agree.
  expect(zh['feature.length']).not.toBe('长度');
  expect(en['feature.length'].toLowerCase()).not.toBe('length');
});
