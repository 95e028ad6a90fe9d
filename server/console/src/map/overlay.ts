// Colouring features by an analysis: the bytes of /overlays become feature-state, the legend becomes an expression.

import type { DataDrivenPropertyValueSpecification, ExpressionSpecification, LayerSpecification } from 'maplibre-gl';
import { splitWire } from '../ids';
import type { LegendStep, Overlay } from '../wire';

export const NO_DATA = 255;

/** The polygon that goes with an analysis, as a tile layer of its own. */
export const AREAS: Record<string, string> = { coverage: 'hydrant_coverage' };

/** Where the records behind an analysis stand, as collections. */
export const RECORDS: Record<string, string> = { risk: 'pipe_risk', coverage: 'building_coverage' };

/** Colour by the byte in feature-state; a feature without one has no data, and says so by its colour. */
export function colourOf(overlay: Overlay): ExpressionSpecification {
  const steps = [...overlay.legend].sort((a, b) => a.byte_from - b.byte_from);
  const first = steps[0]?.colour ?? '#9aa0a6';
  const rest = steps.slice(1).flatMap((step) => [step.byte_from, step.colour]);
  const byte: ExpressionSpecification = ['number', ['feature-state', overlay.id], NO_DATA];
  return rest.length ? (['step', byte, first, ...rest] as unknown as ExpressionSpecification) : ['to-color', first];
}

/** What the legend says about a byte. */
export function stepOf(legend: LegendStep[], byte: number): LegendStep | undefined {
  return legend.find((step) => byte >= step.byte_from && byte <= step.byte_to);
}

/** Values by class number: feature-state is set per tile layer. */
export function byClass(values: [number, number][]): Map<number, [number, number][]> {
  const found = new Map<number, [number, number][]>();
  for (const value of values) {
    const { classNo } = splitWire(value[0]);
    const list = found.get(classNo);
    if (list) list.push(value);
    else found.set(classNo, [value]);
  }
  return found;
}

/** How many features stand at each step of the legend. */
export function counts(overlay: Overlay, values: [number, number][]): number[] {
  const found = overlay.legend.map(() => 0);
  for (const [, byte] of values) {
    const at = overlay.legend.findIndex((step) => byte >= step.byte_from && byte <= step.byte_to);
    if (at >= 0) found[at]!++;
  }
  return found;
}

type ColourProperty = 'line-color' | 'fill-color' | 'fill-extrusion-color' | 'circle-color';

/** The property that an analysis paints, by kind of layer. */
export function colourProperty(type: LayerSpecification['type']): ColourProperty | null {
  switch (type) {
    case 'line':
      return 'line-color';
    case 'fill':
      return 'fill-color';
    case 'fill-extrusion':
      return 'fill-extrusion-color';
    case 'circle':
      return 'circle-color';
    default:
      return null;
  }
}

/** Pipes are hair lines on a city map; coloured by an analysis they must be seen. */
export const WIDE_LINE: DataDrivenPropertyValueSpecification<number> = ['interpolate', ['exponential', 1.4], ['zoom'], 12, 1.6, 15, 3.5, 18, 8, 21, 16];
