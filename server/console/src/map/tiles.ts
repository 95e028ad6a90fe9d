// Which tiles show a box.

/** Tiles at every zoom that may be on screen which touch one of the boxes, with the tile's own rim. */
export function tilesOf(boxes: [number, number, number, number][], top: number): { x: number; y: number; z: number }[] {
  const found = new Map<string, { x: number; y: number; z: number }>();
  const rim = 64 / 4096;
  for (let z = Math.max(0, top - 6); z <= top; z++) {
    const across = 2 ** z;
    const column = (lon: number) => ((lon + 180) / 360) * across;
    const row = (lat: number) => ((1 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / Math.PI) / 2) * across;
    for (const [west, south, east, north] of boxes) {
      for (let x = Math.floor(column(west) - rim); x <= Math.floor(column(east) + rim); x++) {
        for (let y = Math.floor(row(north) - rim); y <= Math.floor(row(south) + rim); y++) {
          if (x >= 0 && y >= 0 && x < across && y < across) found.set(`${z}/${x}/${y}`, { x, y, z });
          if (found.size > 1000) return [...found.values()];
        }
      }
    }
  }
  return [...found.values()];
}
