// What a curve may say of itself: never more time than the server's answer covers.

/** How much time a curve speaks of: the whole span that was asked for, or, where the answer was cut, from its first point on. */
export function spanOf(points: readonly (readonly [number, number])[], truncated: boolean, now: number, asked: number): number {
  const first = points[0];
  return truncated && first ? Math.min(asked, Math.max(0, now - first[0])) : asked;
}
