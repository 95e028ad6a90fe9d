// The city's catalogue: which classes there are, what their attributes mean, how they look.

import { ask, sentence } from './api';
import { parseId, publicId, splitWire, wireId } from './ids';
import type { Catalogue, City, Class } from './wire';

/** Groups in the order of the layer list. A class without one stands with the facilities, or with the boundaries; a city's own at the end. */
const GROUPS = ['ground', 'buildings', 'structures', 'furniture', 'net_water', 'net_gas', 'net_drainage', 'net_other', 'base', 'own'] as const;
export type GroupName = (typeof GROUPS)[number];

const FIRST_OWN_CLASS = 10_000;

class CityBook {
  catalogue = $state.raw<Catalogue | null>(null);
  failure = $state<string | null>(null);

  async open() {
    this.failure = null;
    try {
      const catalogue = await ask<Catalogue>('/catalogue');
      if (!Array.isArray(catalogue.classes) || !catalogue.city) throw new Error('catalogue');
      this.catalogue = catalogue;
    } catch (cause) {
      this.failure = sentence(cause);
    }
  }

  get city(): City | null {
    return this.catalogue?.city ?? null;
  }

  get zone(): string | undefined {
    return this.city?.time_zone;
  }

  class(id: string): Class | undefined {
    return this.catalogue?.classes.find((one) => one.id === id);
  }

  classOfWire(wire: number): Class | undefined {
    const { classNo } = splitWire(wire);
    return this.catalogue?.classes.find((one) => one.no === classNo);
  }

  /** `hydrant.12` for a wire number, when the class is known. */
  publicId(wire: number): string | null {
    const known = this.classOfWire(wire);
    return known ? publicId({ class: known.id, fid: splitWire(wire).fid }) : null;
  }

  wireOf(id: string): number | null {
    const parsed = parseId(id);
    const known = parsed && this.class(parsed.class);
    return parsed && known ? wireId(known.no, parsed.fid) : null;
  }

  /** Classes that can be drawn and that the city has something of, group by group: most cities have no use for most classes. */
  groups(drawn: ReadonlySet<string>): { name: GroupName; classes: Class[] }[] {
    const classes = (this.catalogue?.classes ?? []).filter((one) => drawn.has(one.id) && one.count !== 0);
    return GROUPS.map((name) => ({ name, classes: classes.filter((one) => groupOf(one) === name) })).filter((group) => group.classes.length > 0);
  }
}

export function groupOf(one: Class): GroupName {
  const group = one.group as GroupName | null | undefined;
  if (group && GROUPS.includes(group)) return group;
  if (one.no >= FIRST_OWN_CLASS) return 'own';
  return one.domain === 'base' ? 'base' : 'furniture';
}

export const cityBook = new CityBook();
