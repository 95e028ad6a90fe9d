import { expect, it } from 'vitest';
import { anchor } from './anchors';

function inside([x, y]: [number, number], ring: number[][]): boolean {
  let odd = false;
  for (let i = 1; i < ring.length; i++) {
    const [a, b] = [ring[i - 1]!, ring[i]!];
    if (a[1]! > y !== b[1]! > y && x < a[0]! + ((y - a[1]!) / (b[1]! - a[1]!)) * (b[0]! - a[0]!)) odd = !odd;
  }
  return odd;
}

const SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]];
/** Its centre of mass lies outside. */
const HORSESHOE = [[0, 0], [6, 0], [6, 6], [5, 6], [5, 1], [1, 1], [1, 6], [0, 6], [0, 0]];

it('a name stands in the middle of a square', () => {
  expect(anchor({ type: 'Polygon', coordinates: [SQUARE] })).toEqual([1, 1]);
});

it('a name stands inside, even where the middle does not', () => {
  const at = anchor({ type: 'Polygon', coordinates: [HORSESHOE] })!;
  expect(inside(at, HORSESHOE)).toBe(true);
});

it('holes are avoided, and of several parts the largest is named', () => {
  const hole = [[0.5, 0.1], [1.5, 0.1], [1.5, 1.9], [0.5, 1.9], [0.5, 0.1]];
  const at = anchor({ type: 'Polygon', coordinates: [SQUARE, hole] })!;
  expect(inside(at, SQUARE) && !inside(at, hole)).toBe(true);
  const far = SQUARE.map(([x, y]) => [x! * 3 + 100, y! * 3]);
  expect(anchor({ type: 'MultiPolygon', coordinates: [[SQUARE], [far]] })![0]).toBeGreaterThan(99);
});

it('what is no area has no place for a name', () => {
  expect(anchor({ type: 'Point', coordinates: [0, 0] })).toBeNull();
  expect(anchor({ type: 'Polygon', coordinates: [] })).toBeNull();
});
