import { expect, it } from 'vitest';
import { unseen } from './emptiness';

const CITY = [
  { id: 'road', count: 100 },
  { id: 'hydrant', count: 900 },
  { id: 'manhole', count: 9000 },
  { id: 'bench', count: 0 },
];
const from = (id: string) => ({ road: 10, hydrant: 15, manhole: 17, bench: 16 })[id] ?? 0;
const all = () => true;

it('an almost empty map says that there is more nearer by', () => {
  expect(unseen(CITY, 10, from, all)).toBe(2);
  expect(unseen(CITY, 15, from, all)).toBe(1);
  expect(unseen(CITY, 17, from, all)).toBe(0);
});

it('says nothing where most is drawn, or where the reader hid it', () => {
  expect(unseen(CITY, 15, from, (id) => id !== 'manhole')).toBe(0);
  expect(unseen([], 3, from, all)).toBe(0);
});
