// Where one looks, and what is switched on, as an address: one grammar for console and 3D viewer.

export interface Place {
  lon: number;
  lat: number;
  zoom: number;
  /** Degrees clockwise from north. */
  heading: number;
  /** Degrees from straight down: 0 is a map, 60 leans far. */
  tilt: number;
}

export interface Link {
  place: Place | null;
  overlays: string[];
  selection: string | null;
  language: string | null;
}

/** MapLibre's vertical field of view and the map's tile size decide how high the eye stands over a zoom. */
const FIELD_OF_VIEW_DEGREES = 36.87;
const EQUATOR_M = 40_075_016.686;
const TILE_PX = 512;

/** Distance from the eye to the middle of the picture, in metres. */
export function eyeDistance(zoom: number, lat: number, heightPx: number): number {
  const metresPerPixel = (EQUATOR_M * Math.cos((lat * Math.PI) / 180)) / (TILE_PX * 2 ** zoom);
  return (heightPx * metresPerPixel) / (2 * Math.tan((FIELD_OF_VIEW_DEGREES * Math.PI) / 360));
}

export function zoomOfDistance(distance: number, lat: number, heightPx: number): number {
  return Math.log2(eyeDistance(0, lat, heightPx) / distance);
}

/** The address of the 3D view that shows the same. The eye's own place is given: behind the middle, along
 * the heading, `groundM` being the height of the ground in the city's datum. */
export function viewerLink(place: Place, heightPx: number, groundM: number, overlays: string[], selection: string | null, language: string): string {
  const distance = eyeDistance(place.zoom, place.lat, heightPx);
  // Straight down the 3D view shows roofs only; lean a little.
  const tilt = (Math.max(place.tilt, 35) * Math.PI) / 180;
  const back = distance * Math.sin(tilt);
  const heading = (place.heading * Math.PI) / 180;
  const metresPerDegree = EQUATOR_M / 360;
  const lat = place.lat - (back * Math.cos(heading)) / metresPerDegree;
  const lon = place.lon - (back * Math.sin(heading)) / (metresPerDegree * Math.cos((place.lat * Math.PI) / 180));
  const query = new URLSearchParams({
    lon: lon.toFixed(6),
    lat: lat.toFixed(6),
    height: (groundM + distance * Math.cos(tilt)).toFixed(1),
    heading: normal(place.heading).toFixed(1),
    pitch: (-90 + (tilt * 180) / Math.PI).toFixed(1),
    lang: language,
  });
  if (overlays[0]) query.set('overlay', overlays[0]);
  if (selection) query.set('selection', selection);
  return `/viewer/?${query}`;
}

/** Reads the console's own address. It takes the viewer's links too: an eye's height becomes a zoom. */
export function readLink(search: string, hash: string, heightPx: number): Link {
  const query = new URLSearchParams(hash.length > 1 ? hash.slice(1) : search);
  const real = (key: string): number | null => {
    const text = query.get(key);
    const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
    return Number.isFinite(value) ? value : null;
  };
  const lon = real('lon');
  const lat = real('lat');
  let place: Place | null = null;
  if (lon !== null && lat !== null && Math.abs(lon) <= 180 && Math.abs(lat) <= 85) {
    const heading = real('heading') ?? 0;
    const zoom = real('zoom');
    if (zoom !== null) {
      place = { lon, lat, zoom: clamp(zoom, 0, 22), heading, tilt: clamp(real('tilt') ?? 0, 0, 70) };
    } else {
      place = fromEye(lon, lat, real('height') ?? 1500, heading, real('pitch') ?? -90, heightPx);
    }
  }
  return {
    place,
    overlays: (query.get('overlay') ?? '').split(',').filter(Boolean),
    selection: query.get('selection'),
    language: query.get('lang'),
  };
}

function fromEye(lon: number, lat: number, height: number, heading: number, pitch: number, heightPx: number): Place {
  const tilt = (clamp(pitch + 90, 0, 70) * Math.PI) / 180;
  const distance = Math.max(height, 30) / Math.cos(tilt);
  const ahead = distance * Math.sin(tilt);
  const turn = (heading * Math.PI) / 180;
  const metresPerDegree = EQUATOR_M / 360;
  const targetLat = lat + (ahead * Math.cos(turn)) / metresPerDegree;
  const targetLon = lon + (ahead * Math.sin(turn)) / (metresPerDegree * Math.cos((lat * Math.PI) / 180));
  return { lon: targetLon, lat: targetLat, zoom: clamp(zoomOfDistance(distance, targetLat, heightPx), 0, 22), heading, tilt: (tilt * 180) / Math.PI };
}

/** What stands after `#` while the map moves, so that an address can be copied at any moment. */
export function writeHash(place: Place, overlays: string[], selection: string | null): string {
  const parts = [`lon=${place.lon.toFixed(6)}`, `lat=${place.lat.toFixed(6)}`, `zoom=${place.zoom.toFixed(2)}`];
  if (Math.abs(place.heading) > 0.05) parts.push(`heading=${normal(place.heading).toFixed(1)}`);
  if (place.tilt > 0.5) parts.push(`tilt=${place.tilt.toFixed(0)}`);
  if (overlays.length) parts.push(`overlay=${overlays.join(',')}`);
  if (selection) parts.push(`selection=${selection}`);
  return `#${parts.join('&')}`;
}

function normal(heading: number): number {
  return ((heading % 360) + 360) % 360;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
