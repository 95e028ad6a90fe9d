import { expect, it } from 'vitest';
import { parseId, publicId, splitWire, wireId } from './ids';

it('wire numbers come apart as they were put together, a city’s own classes too', () => {
  for (const [classNo, fid] of [[1, 1], [80, 12], [101, 4_294_967_295], [65_535, 7]] as const) {
    expect(splitWire(wireId(classNo, fid))).toEqual({ classNo, fid });
    expect(Number.isSafeInteger(wireId(classNo, fid))).toBe(true);
  }
});

it('public ids are read back, anything else is refused', () => {
  expect(parseId('water_pipe.12')).toEqual({ class: 'water_pipe', fid: 12 });
  expect(publicId({ class: 'water_pipe', fid: 12 })).toBe('water_pipe.12');
  for (const wrong of ['', 'hydrant', 'hydrant.', 'hydrant.0', 'hydrant.-1', 'hydrant.1.2', '../x.1', 'Hydrant.1', 'hydrant.1e3']) expect(parseId(wrong), wrong).toBeNull();
});
