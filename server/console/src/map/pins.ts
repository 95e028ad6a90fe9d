// Live pins as map features.

import type { Pin } from '../live/state';
import { rank } from '../live/state';
import { quantity } from '../format';

/** `connected` false: nothing on screen is live, so nothing may look so. */
export function pinFeatures(pins: Pin[], connected: boolean): GeoJSON.FeatureCollection<GeoJSON.Point> {
  return {
    type: 'FeatureCollection',
    features: pins.map((pin) => {
      const fresh = connected ? pin.freshness : pin.freshness === 'none' ? 'none' : 'stale';
      return {
        type: 'Feature',
        id: pin.id,
        geometry: { type: 'Point', coordinates: [pin.position[0], pin.position[1]] },
        properties: {
          wire: pin.id,
          severity: pin.severity ?? 'none',
          fresh,
          raised: pin.raised,
          // Worst on top; among equals the one nobody has acknowledged, then the fresh one.
          order: (rank(pin.severity) + 1) * 4 + (pin.raised ? 2 : 0) + (fresh === 'fresh' ? 1 : 0),
          text: fresh === 'fresh' && pin.shown?.value != null ? quantity(pin.shown.value, pin.shown.unit) : '',
        },
      };
    }),
  };
}
