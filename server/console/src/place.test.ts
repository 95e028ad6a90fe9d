import { describe, expect, it } from 'vitest';
import { eyeDistance, readLink, viewerLink, writeHash, zoomOfDistance, type Place } from './place';

const HEIGHT_PX = 800;
const PLACE: Place = { lon: 116.01, lat: 30.02, zoom: 16.5, heading: 40, tilt: 50 };

describe('an address', () => {
  it('gives back the place it was made of', () => {
    const link = readLink('', writeHash(PLACE, ['risk', 'coverage'], 'hydrant.12'), HEIGHT_PX);
    expect(link.place).toEqual(PLACE);
    expect(link.overlays).toEqual(['risk', 'coverage']);
    expect(link.selection).toBe('hydrant.12');
  });

  it('without a place, or with nonsense for one, has none', () => {
    expect(readLink('?lang=en', '', HEIGHT_PX)).toEqual({ place: null, overlays: [], selection: null, language: 'en' });
    expect(readLink('?lon=abc&lat=30', '', HEIGHT_PX).place).toBeNull();
    expect(readLink('?lon=&lat=', '', HEIGHT_PX).place).toBeNull();
    expect(readLink('?lon=116&lat=95', '', HEIGHT_PX).place).toBeNull();
  });

  it('keeps zoom and tilt within what the map can do', () => {
    expect(readLink('?lon=116&lat=30&zoom=99&tilt=-5', '', HEIGHT_PX).place).toMatchObject({ zoom: 22, tilt: 0 });
  });
});

describe('the way to 3D and back', () => {
  it('ends at the same place', () => {
    const link = viewerLink(PLACE, HEIGHT_PX, 0, ['risk'], 'water_pipe.3', 'zh');
    expect(link).toMatch(/^\/viewer\/\?/);
    const back = readLink(link.slice(link.indexOf('?')), '', HEIGHT_PX);
    expect(back.place!.lon).toBeCloseTo(PLACE.lon, 4);
    expect(back.place!.lat).toBeCloseTo(PLACE.lat, 4);
    expect(back.place!.zoom).toBeCloseTo(PLACE.zoom, 1);
    expect(back.place!.heading).toBeCloseTo(40, 1);
    expect(back.place!.tilt).toBeCloseTo(50, 0);
    expect(back.overlays).toEqual(['risk']);
    expect(back.selection).toBe('water_pipe.3');
    expect(back.language).toBe('zh');
  });

  it('leans the eye a little when the map looks straight down', () => {
    expect(viewerLink({ ...PLACE, tilt: 0 }, HEIGHT_PX, 0, [], null, 'zh')).toContain('pitch=-55.0');
  });
});

it('zoom and distance are each other’s inverse', () => {
  expect(zoomOfDistance(eyeDistance(15.3, 30, HEIGHT_PX), 30, HEIGHT_PX)).toBeCloseTo(15.3, 9);
});
