// The little geometry that a panel needs: boxes, middles, lengths.

const EARTH_RADIUS_M = 6_371_008.8;

function* positions(geometry: GeoJSON.Geometry): Generator<GeoJSON.Position> {
  if (geometry.type === 'GeometryCollection') {
    for (const part of geometry.geometries) yield* positions(part);
    return;
  }
  const walk = function* (node: unknown): Generator<GeoJSON.Position> {
    if (!Array.isArray(node)) return;
    if (typeof node[0] === 'number') yield node as GeoJSON.Position;
    else for (const child of node) yield* walk(child);
  };
  yield* walk(geometry.coordinates);
}

export function bounds(geometry: GeoJSON.Geometry): [number, number, number, number] | null {
  let box: [number, number, number, number] | null = null;
  for (const [lon, lat] of positions(geometry)) {
    if (lon === undefined || lat === undefined) continue;
    box = box ? [Math.min(box[0], lon), Math.min(box[1], lat), Math.max(box[2], lon), Math.max(box[3], lat)] : [lon, lat, lon, lat];
  }
  return box;
}

/** Length over ground in metres, on a sphere: right to half a percent, shown as rounded. */
export function length(geometry: GeoJSON.Geometry): number | null {
  const lines = geometry.type === 'LineString' ? [geometry.coordinates] : geometry.type === 'MultiLineString' ? geometry.coordinates : null;
  if (!lines) return null;
  let sum = 0;
  for (const line of lines) {
    for (let i = 1; i < line.length; i++) sum += distance(line[i - 1]!, line[i]!);
  }
  return sum;
}

function distance(a: GeoJSON.Position, b: GeoJSON.Position): number {
  const radians = Math.PI / 180;
  const dLat = (b[1]! - a[1]!) * radians;
  const dLon = (b[0]! - a[0]!) * radians;
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a[1]! * radians) * Math.cos(b[1]! * radians) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(h));
}
