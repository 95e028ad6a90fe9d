import { describe, expect, it } from 'vitest';
import type { Overlay } from '../wire';
import { byClass, colourOf, counts, stepOf } from './overlay';

const label = (text: string) => ({ zh: text, en: text });
const RISK: Overlay = {
  id: 'risk',
  label: label('risk'),
  // Out of order on purpose.
  legend: [
    { byte_from: 255, byte_to: 255, colour: '#999', label: label('none') },
    { byte_from: 128, byte_to: 254, colour: '#f00', label: label('high') },
    { byte_from: 0, byte_to: 127, colour: '#00f', label: label('low') },
  ],
};

describe('colours', () => {
  it('step where the legend does, and default to no data', () => {
    expect(colourOf(RISK)).toEqual(['step', ['number', ['feature-state', 'risk'], 255], '#00f', 128, '#f00', 255, '#999']);
  });
  it('of a legend with one step need no steps', () => {
    expect(colourOf({ ...RISK, legend: [RISK.legend[0]!] })).toEqual(['to-color', '#999']);
  });
});

it('a byte means what the legend says, on both sides of a border', () => {
  expect([0, 127, 128, 254, 255].map((byte) => stepOf(RISK.legend, byte)?.label.en)).toEqual(['low', 'low', 'high', 'high', 'none']);
});

it('values are counted by step of the legend and sorted by class', () => {
  const pipe = 40 * 2 ** 32;
  const gas = 50 * 2 ** 32;
  const values: [number, number][] = [[pipe + 1, 3], [pipe + 2, 200], [gas + 1, 255]];
  expect(counts(RISK, values)).toEqual([1, 1, 1]);
  expect([...byClass(values)]).toEqual([[40, [[pipe + 1, 3], [pipe + 2, 200]]], [50, [[gas + 1, 255]]]]);
});
