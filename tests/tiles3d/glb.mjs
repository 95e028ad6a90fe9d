// Reads what a glb of a tileset holds, by the glTF specification and its extensions alone.

const SIZES = { SCALAR: 1, VEC3: 3, VEC4: 4 };
const READERS = { 5123: [2, 'readUInt16LE'], 5125: [4, 'readUInt32LE'], 5126: [4, 'readFloatLE'] };

/** `{ features, points }`: the property table, and for each place drawn `{ feature, kind, at }` in the tileset's frame. */
export function readGlb(bytes) {
  const jsonLength = bytes.readUInt32LE(12);
  const json = JSON.parse(bytes.toString('utf8', 20, 20 + jsonLength));
  const binary = bytes.subarray(28 + jsonLength);
  const view = (i) => {
    const { byteOffset = 0, byteLength } = json.bufferViews[i];
    return binary.subarray(byteOffset, byteOffset + byteLength);
  };
  const values = (i) => {
    const { bufferView, byteOffset = 0, componentType, count, type } = json.accessors[i];
    const [size, read] = READERS[componentType];
    const width = SIZES[type];
    const stride = json.bufferViews[bufferView].byteStride ?? size * width;
    const data = view(bufferView);
    return Array.from({ length: count }, (_, n) => {
      const at = Array.from({ length: width }, (_, k) => data[read](byteOffset + n * stride + k * size));
      return width === 1 ? at[0] : at;
    });
  };
  const root = json.nodes[json.scenes[json.scene ?? 0].nodes[0]];
  const zUp = ([x, y, z]) => [x + root.translation[0], -(z + root.translation[2]), y + root.translation[1]];

  const points = [];
  for (const child of root.children ?? []) {
    const node = json.nodes[child];
    const mesh = json.meshes[node.mesh];
    const instancing = node.extensions?.EXT_mesh_gpu_instancing?.attributes;
    if (instancing) {
      const ids = values(instancing._FEATURE_ID_0);
      const [places, scales] = [values(instancing.TRANSLATION), values(instancing.SCALE)];
      const turns = instancing.ROTATION === undefined ? undefined : values(instancing.ROTATION);
      ids.forEach((feature, i) => {
        if (!scales[i][0]) return;
        points.push({ feature, kind: turns ? 'start' : 'joint', at: zUp(places[i]), radius: scales[i][0] });
        if (!turns) return;
        const [x, y, z, w] = turns[i];
        const axis = [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)];
        points.push({ feature, kind: 'end', at: zUp(places[i].map((v, k) => v + axis[k] * scales[i][1])), radius: scales[i][0] });
      });
      continue;
    }
    for (const primitive of mesh.primitives) {
      if (!primitive.extensions?.EXT_mesh_features) continue;
      const ids = values(primitive.attributes._FEATURE_ID_0);
      values(primitive.attributes.POSITION).forEach((p, i) => points.push({ feature: ids[i], kind: 'vertex', at: zUp(p) }));
    }
  }
  return { features: properties(json, view), points };
}

function properties(json, view) {
  const table = json.extensions?.EXT_structural_metadata?.propertyTables[0];
  if (!table) return [];
  const { class: classes, fid, code } = table.properties;
  const [classNumbers, fids, texts, offsets] = [view(classes.values), view(fid.values), view(code.values), view(code.stringOffsets)];
  return Array.from({ length: table.count }, (_, i) => ({
    class: classNumbers.readUInt16LE(i * 2),
    fid: fids.readUInt32LE(i * 4),
    code: texts.toString('utf8', offsets.readUInt32LE(i * 4), offsets.readUInt32LE(i * 4 + 4)),
  }));
}
