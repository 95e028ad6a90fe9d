// Places where a look must meet a certain feature.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** `{ tileset, class, fid, code, lon, lat, ellipsoid_m }` each. */
export async function knownPlaces(place) {
  if (!/^https?:/.test(place)) return JSON.parse(await readFile(join(place, 'known.json'), 'utf8'));
  return fromServer(place.replace(/\/$/, ''));
}

/** By the server's API: middles of buildings for the whole city, middles of surveyed pipes for each network. */
async function fromServer(server) {
  const get = async (path) => {
    const answer = await fetch(server + path, { headers: { accept: 'application/json' } });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer.json();
  };
  const catalogue = await get('/catalogue');
  const offset = catalogue.city.geoid_offset_m;
  const classes = new Map(catalogue.classes.map((entry) => [entry.id, entry]));
  const of = async (id, limit) => (await get(`/collections/${id}/items?limit=${limit}&f=json`)).features;
  const known = (entry, feature, tileset, lon, lat, z) => ({ tileset, class: entry.no, fid: Number(feature.id.split('.')[1]), code: feature.properties.code, lon, lat, ellipsoid_m: z + offset });

  const places = [];
  let height = 0;
  for (const id of ['water_pipe', 'gas_pipe', 'storm_pipe', 'sewer_pipe']) {
    const entry = classes.get(id);
    if (!entry?.group) continue;
    const surveyed = (await of(id, 200)).filter(({ geometry }) => geometry?.type === 'LineString' && geometry.coordinates[0].length === 3);
    const long = surveyed.filter(({ geometry: { coordinates: [a, b] } }) => Math.hypot((a[0] - b[0]) * 9.6e4, (a[1] - b[1]) * 1.1e5) > 4);
    for (const feature of long.slice(0, 2)) {
      const [a, b] = feature.geometry.coordinates;
      height = (a[2] + b[2]) / 2;
      places.push(known(entry, feature, `${entry.group}/tileset.json`, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, height));
    }
  }
  const buildings = (await of('building', 200)).filter(({ geometry }) => geometry?.type === 'Polygon' && geometry.coordinates.length === 1);
  const middle = (ring) => [0, 1].map((axis) => ring.slice(0, -1).reduce((sum, p) => sum + p[axis], 0) / (ring.length - 1));
  const inside = ([x, y], ring) => ring.slice(1).reduce((odd, b, i) => ((ring[i][1] > y) !== (b[1] > y) && x < ring[i][0] + ((y - ring[i][1]) / (b[1] - ring[i][1])) * (b[0] - ring[i][0]) ? !odd : odd), false);
  const wide = (ring) => Math.min(...[0, 1].map((axis) => (Math.max(...ring.map((p) => p[axis])) - Math.min(...ring.map((p) => p[axis]))) * 1e5));
  const fit = buildings.filter(({ geometry: { coordinates: [ring] } }) => wide(ring) > 8 && inside(middle(ring), ring)).slice(0, 3);
  for (const feature of fit) {
    // The ground is near the pipes' height and two metres; seen from straight above, a few metres make no difference.
    const [lon, lat] = middle(feature.geometry.coordinates[0]);
    places.unshift(known(classes.get('building'), feature, 'tileset.json', lon, lat, height + 2 + (feature.properties.height_m ?? 3)));
  }
  return places;
}
