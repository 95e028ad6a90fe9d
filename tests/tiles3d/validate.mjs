// Every glb of a tileset before the Khronos validator: node validate.mjs FOLDER|SERVER
//
// A tile passes without errors and without warnings. That extensions are not known to the validator is a remark.

import validator from 'gltf-validator';
import { contents, source } from './tileset.mjs';

const [place] = process.argv.slice(2);
if (!place) {
  console.error('usage: node validate.mjs FOLDER|SERVER');
  process.exit(2);
}
const from = source(place);
const { found } = await contents(from);
const groups = new Map();
const messages = new Map();
let bad = 0;
const AT_ONCE = 4;
await Promise.all(
  Array.from({ length: AT_ONCE }, async (_, lane) => {
    for (let i = lane; i < found.length; i += AT_ONCE) await validate(found[i]);
  }),
);

async function validate({ group, uri, box }) {
  const bytes = await from.get(uri);
  // No limit: at one the validator stops looking.
  const report = await validator.validateBytes(new Uint8Array(bytes), { uri, maxIssues: 0 });
  const { numErrors, numWarnings, messages: said } = report.issues;
  const outside = beyond(report, bytes, box);
  const counts = groups.get(group) ?? { tiles: 0, bytes: 0, triangles: 0, vertices: 0 };
  counts.tiles++;
  counts.bytes += bytes.length;
  counts.triangles += report.info.totalTriangleCount;
  counts.vertices += report.info.totalVertexCount;
  groups.set(group, counts);
  for (const { code, severity } of said) messages.set(`${['error', 'warning', 'information', 'hint'][severity]} ${code}`, (messages.get(`${['error', 'warning', 'information', 'hint'][severity]} ${code}`) ?? 0) + 1);
  if (numErrors || numWarnings || outside) {
    bad++;
    console.log(`FAIL  ${uri}: ${numErrors} errors, ${numWarnings} warnings${outside ? `, ${outside}` : ''}`);
    for (const { severity, code, message, pointer } of said.filter(({ severity }) => severity < 2).slice(0, 5)) console.log(`      ${severity} ${code} at ${pointer}: ${message}`);
  }
}

/** Merged meshes must lie in the box that the subtree states (glTF's y is up: east, up, -north). */
function beyond(report, bytes, box) {
  const json = JSON.parse(bytes.toString('utf8', 20, 20 + bytes.readUInt32LE(12)));
  const [tx, ty, tz] = json.nodes[json.scenes[0].nodes[0]].translation;
  for (const node of json.nodes) {
    if (node.mesh === undefined || node.extensions?.EXT_mesh_gpu_instancing) continue;
    for (const { attributes } of json.meshes[node.mesh].primitives) {
      const { min, max } = json.accessors[attributes.POSITION];
      const low = [min[0] + tx, -(max[2] + tz), min[1] + ty];
      const high = [max[0] + tx, -(min[2] + tz), max[1] + ty];
      if (low.some((x, i) => x < box[i][0]) || high.some((x, i) => x > box[i][1])) return `reaches out of its box: ${low} … ${high}`;
    }
  }
}

for (const [group, { tiles, bytes, triangles, vertices }] of groups) console.log(`${group}: ${tiles} tiles, ${bytes} bytes, ${triangles} triangles, ${vertices} vertices`);
for (const [message, count] of [...messages].sort()) console.log(`${message}: ${count} times`);
console.log(`${found.length} glb files of ${from.name}, ${bad} with errors or warnings`);
process.exit(bad || !found.length ? 1 : 0);
