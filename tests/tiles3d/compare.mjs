// A server's 3D tiles against its own features: node compare.mjs SERVER
//
// All leaves together hold every feature of every drawn collection, each once a leaf, and what is drawn lies within 5 cm
// of the source. Places are compared in ECEF: degrees and heights of the items through the formula on the one side, the
// tileset's root transform on the other.

import { readGlb } from './glb.mjs';
import { contents, source } from './tileset.mjs';

const NEAR_M = 0.05;
const WIDEST_STREET_M = 20;
const [server] = process.argv.slice(2).map((given) => given.replace(/\/$/, ''));
if (!/^https?:/.test(server ?? '')) {
  console.error('usage: node compare.mjs SERVER');
  process.exit(2);
}
const get = async (path) => {
  const answer = await fetch(path.startsWith('http') ? path : server + path, { headers: { accept: 'application/json' } });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
};

const catalogue = await get('/catalogue');
const offset = catalogue.city.geoid_offset_m;
const from = source(server);
const { tileset, found } = await contents(from);
const root = tileset.root.transform;
const toEcef = ([e, n, u]) => [0, 1, 2].map((i) => root[i] * e + root[4 + i] * n + root[8 + i] * u + root[12 + i]);

/** CGCS2000. */
function ecef(lon, lat, height) {
  const [a, f] = [6378137, 1 / 298.257222101];
  const [l, b] = [(lon * Math.PI) / 180, (lat * Math.PI) / 180];
  const e2 = f * (2 - f);
  const n = a / Math.sqrt(1 - e2 * Math.sin(b) ** 2);
  return [(n + height) * Math.cos(b) * Math.cos(l), (n + height) * Math.cos(b) * Math.sin(l), (n * (1 - e2) + height) * Math.sin(b)];
}
const minus = (a, b) => a.map((x, i) => x - b[i]);
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const far = (a, b) => Math.hypot(...minus(a, b));

/** East, north and up of a place as seen from another. */
function seenFrom(lon, lat) {
  const [l, b] = [(lon * Math.PI) / 180, (lat * Math.PI) / 180];
  const zero = ecef(lon, lat, 0);
  const axes = [
    [-Math.sin(l), Math.cos(l), 0],
    [-Math.sin(b) * Math.cos(l), -Math.sin(b) * Math.sin(l), Math.cos(b)],
    [Math.cos(b) * Math.cos(l), Math.cos(b) * Math.sin(l), Math.sin(b)],
  ];
  return (p) => axes.map((axis) => dot(axis, minus(p, zero)));
}

function fromSegment(p, a, b) {
  const way = minus(b, a);
  const long = dot(way, way);
  const t = long > 0 ? Math.min(1, Math.max(0, dot(minus(p, a), way) / long)) : 0;
  return far(p, a.map((x, i) => x + way[i] * t));
}
const fromLine = (p, line) => (line.length === 1 ? far(p, line[0]) : Math.min(...line.slice(1).map((b, i) => fromSegment(p, line[i], b))));
const inside = ([x, y], ring) => ring.slice(1).reduce((odd, b, i) => ((ring[i][1] > y) !== (b[1] > y) && x < ring[i][0] + ((y - ring[i][1]) / (b[1] - ring[i][1])) * (b[0] - ring[i][0]) ? !odd : odd), false);

// What the tiles hold, by feature.
const drawn = new Map();
let twice = 0;
for (const { uri } of found) {
  const { features, points } = readGlb(await from.get(uri));
  const keys = features.map((feature) => `${feature.class}.${feature.fid}`);
  if (new Set(keys).size !== keys.length) twice++;
  keys.forEach((key, i) => {
    if (!drawn.has(key)) drawn.set(key, { code: features[i].code, points: [] });
  });
  for (const { feature, ...point } of points) drawn.get(keys[feature]).points.push({ ...point, at: toEcef(point.at) });
}

let failures = 0;
const say = (holds, what) => {
  console.log(`${holds ? 'ok   ' : 'FAIL '} ${what}`);
  if (!holds) failures++;
};
say(twice === 0, `${found.length} leaves hold each of their features once`);

const lines = ({ type, coordinates }) => (type === 'LineString' ? [coordinates] : type === 'MultiLineString' ? coordinates : []);
const polygons = ({ type, coordinates }) => (type === 'Polygon' ? [coordinates] : type === 'MultiPolygon' ? coordinates : []);
const spots = ({ type, coordinates }) => (type === 'Point' ? [coordinates] : type === 'MultiPoint' ? coordinates : []);

/** How far what is drawn strays from the source, in metres; infinite where something of the source is missing. */
const STRAY = {
  tube({ geometry }, { points }) {
    const surveyed = lines(geometry).map((line) => line.map(([lon, lat, z]) => (z === undefined ? undefined : ecef(lon, lat, z + offset))));
    if (surveyed.flat().includes(undefined)) return Infinity;
    const ends = points.map(({ at }) => at);
    const off = ends.map((end) => Math.min(...surveyed.map((line) => fromLine(end, line))));
    // A ball where pipes meet may be another pipe's: ends count, and balls of pipes that are nothing but a point.
    const missing = surveyed.flat().map((vertex) => Math.min(...ends.map((end) => far(end, vertex))));
    return Math.max(...off, ...missing);
  },
  deck: (item, held) => vertices(item, held),
  bore: (item, held) => vertices(item, held),
  prism({ geometry, properties }, { points }) {
    let worst = 0;
    const rings = polygons(geometry).flat();
    const [lon, lat] = rings[0][0];
    const flat = seenFrom(lon, lat);
    const outline = rings.map((ring) => ring.map(([lon, lat]) => flat(ecef(lon, lat, 0)).slice(0, 2)));
    const corners = points.map(({ at }) => flat(at));
    const base = Math.min(...corners.map(([, , up]) => up));
    // Walls are upright: what is some 10 m over the ellipsoid's zero still has its place in the plan to a millimetre.
    for (const [e, n] of corners) worst = Math.max(worst, Math.min(...outline.map((ring) => fromLine([e, n], ring))));
    for (const ring of outline) {
      for (const vertex of ring) {
        const here = corners.filter((corner) => far(corner.slice(0, 2), vertex) < NEAR_M).map(([, , up]) => up - base);
        if (!here.length) return Infinity;
        worst = Math.max(worst, Math.min(...here), properties.height_m ? Math.abs(Math.max(...here) - properties.height_m) : 0);
      }
    }
    return worst;
  },
  post: (item, held) => upright(item, held, (ups) => Math.min(...ups)),
  shaft: (item, held) => upright(item, held, (ups) => Math.max(...ups) - 0.045),
  patch({ geometry }, { points }) {
    const flat = seenFrom(...polygons(geometry)[0][0][0]);
    const rings = polygons(geometry).flat().map((ring) => ring.map(([lon, lat]) => flat(ecef(lon, lat, 0)).slice(0, 2)));
    const stray = (p) => (rings.filter((ring) => inside(p, ring)).length % 2 ? 0 : Math.min(...rings.map((ring) => fromLine(p, ring))));
    const corners = points.map(({ at }) => flat(at).slice(0, 2));
    return Math.max(0, ...corners.map(stray), ...rings.flat().map((vertex) => unlessCut(vertex, corners)));
  },
  ribbon({ geometry, properties }, { points }) {
    if (!lines(geometry).length) return STRAY.patch({ geometry }, { points });
    const flat = seenFrom(...lines(geometry)[0][0]);
    const line = lines(geometry).map((line) => line.map(([lon, lat]) => flat(ecef(lon, lat, 0)).slice(0, 2)));
    const half = (properties.width_m ?? 6) / 2;
    // A bend may be drawn out to three half widths.
    const bends = line.some((line) => line.length > 2) ? 3 : 1;
    const corners = points.map(({ at }) => flat(at).slice(0, 2));
    const off = corners.map((corner) => Math.min(...line.map((line) => fromLine(corner, line))) - half * bends);
    return Math.max(0, ...off, ...line.flat().map((vertex) => unlessCut(vertex, corners)));
  },
};

/** The ground is drawn once: a street that lies on top cuts away what is under it, but no more than its width. */
function unlessCut(vertex, corners) {
  return Math.min(...corners.map((corner) => far(corner, vertex))) <= WIDEST_STREET_M ? 0 : Infinity;
}

/** Each vertex of the source is drawn. */
function vertices({ geometry }, { points }) {
  const source = lines(geometry).flat();
  if (source.some(([, , z]) => z === undefined)) return Infinity;
  return Math.max(...source.map(([lon, lat, z]) => Math.min(...points.map(({ at }) => far(at, ecef(lon, lat, z + offset))))));
}

/** What is round about a point stands over it; where the point has a height, at that height. */
function upright({ geometry }, { points }, level) {
  const [spot, ...others] = spots(geometry);
  if (!spot || others.length) return Infinity;
  const flat = seenFrom(spot[0], spot[1]);
  const seen = points.map(({ at }) => flat(at));
  const middle = [0, 1].map((axis) => seen.reduce((sum, p) => sum + p[axis], 0) / seen.length);
  const off = spot[2] === undefined ? 0 : Math.abs(level(seen.map(([, , up]) => up)) - (spot[2] + offset));
  return Math.max(Math.hypot(...middle), off);
}

let total = 0;
for (const entry of catalogue.classes) {
  const kind = entry.form?.kind;
  if (!entry.group || !STRAY[kind]) continue;
  let next = `/collections/${entry.id}/items?limit=5000&f=json`;
  const collection = await fetch(server + next, { headers: { accept: 'application/json' } });
  if (collection.status === 404) continue; // the city has none
  let [count, missing, compared, worst, strays] = [0, 0, 0, 0, []];
  while (next) {
    const page = await get(next);
    for (const item of page.features) {
      if (!item.geometry) continue;
      count++;
      const held = drawn.get(`${entry.no}.${item.id.split('.')[1]}`);
      if (!held) {
        missing++;
        continue;
      }
      drawn.delete(`${entry.no}.${item.id.split('.')[1]}`);
      if (held.code !== (item.properties.code ?? '')) strays.push(`${item.id} is called ${held.code}`);
      const stray = held.points.length ? STRAY[kind](item, held) : Infinity;
      compared++;
      worst = Math.max(worst, stray);
      if (!(stray <= NEAR_M)) strays.push(`${item.id} by ${stray} m`);
    }
    next = page.links?.find(({ rel }) => rel === 'next')?.href;
  }
  total += count;
  if (count) say(!missing && !strays.length, `${entry.id}: ${count} features, ${missing} missing, ${compared} compared, at most ${worst.toFixed(4)} m off ${strays.slice(0, 3).join(', ')}`);
}
say(drawn.size === 0, `nothing is drawn that the collections do not have ${[...drawn.keys()].slice(0, 5).join(' ')}`);
console.log(`${total} features compared, ${failures} failures`);
process.exit(failures || !total ? 1 : 0);
