// The served style, made fit for this page: addresses absolute and at home, names of streets drawn by the browser.

import type { LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';

/** Fonts of the reader's own machine; nothing is fetched. */
export const FONT = ['sans-serif'];
export const CHINESE_FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", sans-serif';

/** Every address in the style must belong to the page's own server; a source that does not is left out, and said. */
export function athome(style: StyleSpecification, origin: string): { style: StyleSpecification; foreign: string[] } {
  const foreign: string[] = [];
  const home = (address: string): string | null => {
    try {
      const url = new URL(address, origin);
      if (url.origin !== origin) throw new Error('foreign');
      // Keep the braces of {z}/{x}/{y}, which URL escapes.
      return decodeURI(url.href);
    } catch {
      foreign.push(address);
      return null;
    }
  };
  const sources: Record<string, SourceSpecification> = {};
  for (const [id, source] of Object.entries(style.sources)) {
    if (source.type !== 'vector') {
      if (source.type === 'geojson' && typeof source.data !== 'string') sources[id] = source;
      else foreign.push(id);
      continue;
    }
    const tiles = source.tiles?.map(home);
    const url = source.url === undefined ? undefined : home(source.url);
    if (tiles?.includes(null) || url === null) continue;
    sources[id] = { ...source, ...(tiles ? { tiles: tiles as string[] } : {}), ...(url ? { url } : {}) };
  }
  const layers = style.layers.filter((layer) => !('source' in layer) || (layer.source as string) in sources);
  // Without `glyphs`, MapLibre draws letters with the browser's own fonts: nothing is fetched, and Chinese is there.
  const { glyphs: _glyphs, sprite: _sprite, ...rest } = style;
  return { style: { ...rest, sources, layers }, foreign };
}

export function sourceLayer(layer: LayerSpecification): string | null {
  return 'source-layer' in layer ? (layer['source-layer'] ?? null) : null;
}

/** Style layers of each class: a tile layer's name is the class id. */
export function layersByClass(layers: LayerSpecification[]): Map<string, LayerSpecification[]> {
  const found = new Map<string, LayerSpecification[]>();
  for (const layer of layers) {
    const of = sourceLayer(layer);
    if (of) found.set(of, [...(found.get(of) ?? []), layer]);
  }
  return found;
}

/** The smallest zoom at which anything of a class is drawn. */
export function minZoom(layers: LayerSpecification[]): number {
  return Math.min(...layers.map((layer) => layer.minzoom ?? 0));
}

/** Names along streets, bridges and tunnels, for a style that brings none. */
export function nameLayers(style: StyleSpecification): LayerSpecification[] {
  const byClass = layersByClass(style.layers);
  const paint = { 'text-color': '#4b5560', 'text-halo-color': '#ffffff', 'text-halo-width': 1.8 };
  const along = (of: string, minzoom: number, size: number): LayerSpecification | null => {
    const base = byClass.get(of)?.find((layer) => layer.type !== 'symbol');
    if (!base || byClass.get(of)!.some((layer) => layer.type === 'symbol') || !('source' in base)) return null;
    return {
      id: `name-${of}`,
      type: 'symbol',
      source: base.source as string,
      'source-layer': of,
      minzoom,
      layout: { 'symbol-placement': 'line', 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': size, 'symbol-spacing': 320, 'text-letter-spacing': 0.08 },
      paint,
    };
  };
  return [
    along('road', 14.5, 12),
    along('bridge', 15, 12),
    along('tunnel', 15, 12),
  ].filter((layer) => layer !== null);
}

/** Areas that are called by their name, with the colour of the name and the zoom from which it is written. */
export const NAMED_AREAS: { class: string; colour: string; minzoom: number }[] = [
  { class: 'water_area', colour: '#2f6690', minzoom: 13 },
  { class: 'park', colour: '#3d6b35', minzoom: 14 },
];

export function areaNames(of: string, source: string, colour: string, minzoom: number): LayerSpecification {
  return {
    id: `name-${of}`,
    type: 'symbol',
    source,
    minzoom,
    layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 12.5, 'text-max-width': 8 },
    paint: { 'text-color': colour, 'text-halo-color': '#ffffff', 'text-halo-width': 1.8 },
  };
}
