// Where a name stands in an area: one place for the whole of it, though tiles cut it into pieces.

type Ring = GeoJSON.Position[];

/** A point well inside the largest part of an area: in the middle of its widest stretch along the middle latitude. */
export function anchor(geometry: GeoJSON.Geometry): [number, number] | null {
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.type === 'MultiPolygon' ? geometry.coordinates : [];
  let best: Ring[] | null = null;
  let size = 0;
  for (const rings of polygons) {
    const area = Math.abs(signedArea(rings[0] ?? []));
    if (area > size) {
      best = rings;
      size = area;
    }
  }
  if (!best) return null;
  const lats = best[0]!.map((position) => position[1]!);
  const [south, north] = [Math.min(...lats), Math.max(...lats)];
  // A line may just touch a corner; a few heights near the middle are tried, the widest stretch wins.
  let widest = { width: 0, at: null as [number, number] | null };
  for (const share of [0.5, 0.44, 0.56, 0.38, 0.62]) {
    const lat = south + (north - south) * share;
    const crossings = best.flatMap((ring) => crossingsAt(ring, lat)).sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const width = crossings[i + 1]! - crossings[i]!;
      if (width > widest.width * 1.05) widest = { width, at: [(crossings[i]! + crossings[i + 1]!) / 2, lat] };
    }
  }
  return widest.at;
}

function signedArea(ring: Ring): number {
  let sum = 0;
  for (let i = 1; i < ring.length; i++) sum += ring[i - 1]![0]! * ring[i]![1]! - ring[i]![0]! * ring[i - 1]![1]!;
  return sum / 2;
}

function crossingsAt(ring: Ring, lat: number): number[] {
  const found: number[] = [];
  for (let i = 1; i < ring.length; i++) {
    const [a, b] = [ring[i - 1]!, ring[i]!];
    if (a[1]! > lat !== b[1]! > lat) found.push(a[0]! + ((lat - a[1]!) / (b[1]! - a[1]!)) * (b[0]! - a[0]!));
  }
  return found;
}
