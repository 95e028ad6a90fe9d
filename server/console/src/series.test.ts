import { expect, it } from 'vitest';
import { spanOf } from './series';

const HOUR = 3600_000;
const NOW = Date.parse('2026-11-21T04:00:00Z');

it('speaks of the span that was asked for only when the answer covers it', () => {
  const twentyMinutes: [number, number][] = [[NOW - HOUR / 3, 1], [NOW, 2]];
  expect(spanOf(twentyMinutes, true, NOW, 2 * HOUR)).toBe(HOUR / 3);
  // Nothing older there is: a sensor that began 20 minutes ago has said all it had to say in two hours.
  expect(spanOf(twentyMinutes, false, NOW, 2 * HOUR)).toBe(2 * HOUR);
  expect(spanOf([[NOW - 3 * HOUR, 1]], true, NOW, 2 * HOUR)).toBe(2 * HOUR);
  expect(spanOf([], true, NOW, 2 * HOUR)).toBe(2 * HOUR);
});
