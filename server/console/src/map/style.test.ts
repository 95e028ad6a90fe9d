import type { StyleSpecification } from 'maplibre-gl';
import { describe, expect, it } from 'vitest';
import { athome, layersByClass, nameLayers } from './style';
import { tilesOf } from './tiles';

const HOME = 'http://127.0.0.1:8080';

function style(tiles: string[]): StyleSpecification {
  return {
    version: 8,
    glyphs: 'https://elsewhere.example/{fontstack}/{range}.pbf',
    sprite: 'https://elsewhere.example/sprite',
    sources: { city: { type: 'vector', tiles } },
    layers: [
      { id: 'ground', type: 'background' },
      { id: 'road', type: 'line', source: 'city', 'source-layer': 'road' },
      { id: 'road-edge', type: 'line', source: 'city', 'source-layer': 'road' },
    ],
  };
}

describe('a served style', () => {
  it('gets absolute addresses, braces kept', () => {
    const { style: made, foreign } = athome(style(['/xyz/all/{z}/{x}/{y}.mvt']), HOME);
    expect(made.sources['city']).toMatchObject({ tiles: [`${HOME}/xyz/all/{z}/{x}/{y}.mvt`] });
    expect(foreign).toEqual([]);
  });

  it('loses fonts and pictures from elsewhere', () => {
    const { style: made } = athome(style(['/xyz/all/{z}/{x}/{y}.mvt']), HOME);
    expect(made.glyphs).toBeUndefined();
    expect(made.sprite).toBeUndefined();
  });

  it('loses a source from elsewhere with its layers, and says so', () => {
    const { style: made, foreign } = athome(style(['https://elsewhere.example/{z}/{x}/{y}.mvt']), HOME);
    expect(made.sources).toEqual({});
    expect(made.layers.map((layer) => layer.id)).toEqual(['ground']);
    expect(foreign).toHaveLength(1);
  });

  it('is sorted by class, and streets get names', () => {
    const { style: made } = athome(style(['/xyz/all/{z}/{x}/{y}.mvt']), HOME);
    expect([...layersByClass(made.layers)].map(([id, layers]) => [id, layers.length])).toEqual([['road', 2]]);
    expect(nameLayers(made).map((layer) => layer.id)).toEqual(['name-road']);
  });
});

describe('tiles of a box', () => {
  it('are those that hold it, zoom by zoom', () => {
    const tiles = tilesOf([[116.0001, 30.0001, 116.0002, 30.0002]], 14);
    expect(tiles).toContainEqual({ z: 14, x: 13471, y: 6759 });
    expect(tiles.filter((tile) => tile.z === 14)).toHaveLength(1);
    expect(new Set(tiles.map((tile) => tile.z))).toEqual(new Set([8, 9, 10, 11, 12, 13, 14]));
  });
  it('are bounded however large the box', () => {
    expect(tilesOf([[-180, -85, 180, 85]], 16).length).toBeLessThanOrEqual(1001);
  });
});
