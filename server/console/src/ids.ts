// One feature, three spellings: `hydrant.12` in addresses, class and fid in words, class·2³²+fid in tiles and messages.

export interface FeatureId {
  class: string;
  fid: number;
}

const CLASS_STEP = 2 ** 32;

/** `hydrant.12` → its parts; `null` for anything that is not a public id. */
export function parseId(text: string): FeatureId | null {
  const parts = /^([a-z][a-z0-9_]*)\.([1-9][0-9]{0,15})$/.exec(text);
  return parts ? { class: parts[1]!, fid: Number(parts[2]) } : null;
}

export function publicId(id: FeatureId): string {
  return `${id.class}.${id.fid}`;
}

/** Stays exact: class numbers are small, so the number is far below 2⁵³. */
export function wireId(classNo: number, fid: number): number {
  return classNo * CLASS_STEP + fid;
}

export function splitWire(wire: number): { classNo: number; fid: number } {
  const classNo = Math.floor(wire / CLASS_STEP);
  return { classNo, fid: wire - classNo * CLASS_STEP };
}
