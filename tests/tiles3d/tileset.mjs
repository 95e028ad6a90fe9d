// Reads a tileset from a folder or a server, by the 3D Tiles 1.1 specification alone: nothing of the product is used.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a tileset's files come from. For a server, its `/3dtiles`. */
export function source(place) {
  if (!/^https?:/.test(place)) return { name: place, get: (path) => readFile(join(place, path)) };
  const base = `${place.replace(/\/$/, '')}/3dtiles/`;
  return {
    name: base,
    async get(path) {
      const answer = await fetch(base + path);
      if (answer.status !== 200) throw new Error(`${base}${path} answered ${answer.status}`);
      return Buffer.from(await answer.arrayBuffer());
    },
  };
}

/** Every content of a tileset: `{ group, level, x, y, uri, bounds }`. Throws where a file breaks a rule. */
export async function contents(from, path = 'tileset.json') {
  const tileset = JSON.parse(await from.get(path));
  need(tileset.asset.version === '1.1', 'the asset is of version 1.1');
  const folder = path.replace(/[^/]*$/, '');
  const found = [];
  const walk = async (tile) => {
    need(Array.isArray(tile.boundingVolume.box) && tile.boundingVolume.box.length === 12, 'each tile has a box');
    if (tile.implicitTiling) await implicit(from, tileset, tile, folder, found);
    for (const child of tile.children ?? []) {
      need(child.geometricError <= tile.geometricError, 'a child errs no more than its parent');
      await walk(child);
    }
  };
  await walk(tileset.root);
  return { tileset, found };
}

async function implicit(from, tileset, tile, folder, found) {
  const { subdivisionScheme, subtreeLevels, availableLevels, subtrees } = tile.implicitTiling;
  need(subdivisionScheme === 'QUADTREE', 'the square is divided by four');
  const uri = (template, level, x, y) => folder + template.replace('{level}', level).replace('{x}', x).replace('{y}', y);
  const waiting = [{ level: 0, x: 0, y: 0, above: boxOf(tile.boundingVolume.box) }];
  while (waiting.length) {
    const root = waiting.pop();
    const name = uri(subtrees.uri, root.level, root.x, root.y);
    const subtree = readSubtree(await from.get(name), subtreeLevels, name);
    const rowOf = rows(subtree.tiles);
    const boxes = new Map();
    for (let level = 0; level < subtreeLevels; level++) {
      for (let place = 0; place < 4 ** level; place++) {
        const at = (4 ** level - 1) / 3 + place;
        if (!subtree.tiles(at)) {
          need(!subtree.contents(at), `${name}: content only where there is a tile`);
          continue;
        }
        const [x, y] = unmorton(place);
        const box = boxOf(subtree.volumes(rowOf(at)));
        const parent = level ? boxes.get((4 ** (level - 1) - 1) / 3 + (place >> 2)) : root.above;
        need(parent, `${name}: each tile has its parent`);
        need(within(box, parent), `${name}: a tile's box lies in its parent's`);
        boxes.set(at, box);
        const absolute = { level: root.level + level, x: root.x * 2 ** level + x, y: root.y * 2 ** level + y };
        need(absolute.level < availableLevels, `${name}: no tile below the last level`);
        if (subtree.contents(at)) found.push({ group: tile.extras?.group, ...absolute, uri: uri(tile.content.uri, absolute.level, absolute.x, absolute.y), box });
      }
    }
    for (let place = 0; place < 4 ** subtreeLevels; place++) {
      if (!subtree.children(place)) continue;
      const [x, y] = unmorton(place);
      const above = boxes.get((4 ** (subtreeLevels - 1) - 1) / 3 + (place >> 2));
      need(above, `${name}: a subtree hangs under a tile`);
      waiting.push({ level: root.level + subtreeLevels, x: root.x * 2 ** subtreeLevels + x, y: root.y * 2 ** subtreeLevels + y, above });
    }
  }
}

function readSubtree(bytes, levels, name) {
  need(bytes.toString('latin1', 0, 4) === 'subt' && bytes.readUInt32LE(4) === 1, `${name} is a subtree of version 1`);
  const [jsonLength, binaryLength] = [Number(bytes.readBigUInt64LE(8)), Number(bytes.readBigUInt64LE(16))];
  need(jsonLength % 8 === 0 && binaryLength % 8 === 0 && bytes.length === 24 + jsonLength + binaryLength, `${name}: lengths`);
  const json = JSON.parse(bytes.toString('utf8', 24, 24 + jsonLength));
  const binary = bytes.subarray(24 + jsonLength);
  need(json.buffers[0].byteLength === binary.length, `${name}: buffer length`);
  const view = (i) => {
    const { byteOffset, byteLength } = json.bufferViews[i];
    need(byteOffset % 8 === 0 && byteOffset + byteLength <= binary.length, `${name}: buffer view ${i}`);
    return binary.subarray(byteOffset, byteOffset + byteLength);
  };
  const bits = ({ bitstream, constant, availableCount }, count) => {
    const get = bitstream === undefined ? () => constant === 1 : ((data) => (i) => (data[i >> 3] >> (i & 7)) & 1)(view(bitstream));
    let counted = 0;
    for (let i = 0; i < count; i++) counted += get(i) ? 1 : 0;
    need(availableCount === undefined || availableCount === counted, `${name}: ${availableCount} announced, ${counted} counted`);
    return get;
  };
  const count = (4 ** levels - 1) / 3;
  const table = json.propertyTables[json.tileMetadata];
  const [property] = Object.values(table.properties);
  const volumes = view(property.values);
  need(volumes.length === table.count * 96, `${name}: twelve numbers for each tile`);
  return {
    tiles: bits(json.tileAvailability, count),
    contents: bits(json.contentAvailability[0], count),
    children: bits(json.childSubtreeAvailability, 4 ** levels),
    volumes: (row) => Array.from({ length: 12 }, (_, i) => volumes.readDoubleLE(row * 96 + i * 8)),
  };
}

/** Row of the metadata for a tile: rows stand for the tiles that exist, in the order of their bits. */
function rows(has) {
  let next = 0;
  const row = new Map();
  return (at) => {
    for (let i = row.size ? Math.max(...row.keys()) + 1 : 0; i <= at; i++) row.set(i, has(i) ? next++ : -1);
    return row.get(at);
  };
}

function unmorton(place) {
  let [x, y] = [0, 0];
  for (let bit = 0; place >> (2 * bit); bit++) {
    x |= ((place >> (2 * bit)) & 1) << bit;
    y |= ((place >> (2 * bit + 1)) & 1) << bit;
  }
  return [x, y];
}

function boxOf([cx, cy, cz, ...half]) {
  const reach = [0, 1, 2].map((axis) => Math.abs(half[axis]) + Math.abs(half[3 + axis]) + Math.abs(half[6 + axis]));
  return [cx, cy, cz].map((centre, axis) => [centre - reach[axis], centre + reach[axis]]);
}

function within(inner, outer) {
  return inner.every(([low, high], axis) => outer[axis][0] <= low && high <= outer[axis][1]);
}

function need(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}
