// The history of a facility: who changed what, when.

import type { Item } from './wire';

export interface Version {
  revision: number;
  time: string | null;
  author: string | null;
  source: string | null;
  deleted: boolean;
  feature: Item | null;
}

export interface Change {
  attribute: string;
  before: unknown;
  after: unknown;
}

/** What a version changed against the one before it. Its place counts as one change, named `geometry`. */
export function changes(version: Version, before: Version | undefined): Change[] {
  if (!version.feature || !before?.feature) return [];
  const [now, then] = [version.feature, before.feature];
  const keys = new Set([...Object.keys(then.properties), ...Object.keys(now.properties)]);
  const found: Change[] = [];
  for (const attribute of keys) {
    const pair = { before: then.properties[attribute] ?? null, after: now.properties[attribute] ?? null };
    if (JSON.stringify(pair.before) !== JSON.stringify(pair.after)) found.push({ attribute, ...pair });
  }
  if (JSON.stringify(now.geometry) !== JSON.stringify(then.geometry)) found.push({ attribute: 'geometry', before: null, after: null });
  return found;
}
