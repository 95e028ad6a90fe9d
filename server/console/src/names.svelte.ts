// What facilities are called: internal ids become code and name wherever people read them. Each is asked for once and kept.

import { ask } from './api';
import { parseId } from './ids';
import { language } from './language.svelte';
import type { Item } from './wire';

/** Requests at the same time; a long list of alarms must not crowd out the map. */
const AT_ONCE = 4;
/** More names than a screen ever holds; the oldest are forgotten. */
const MOST = 2000;

type Called = Pick<Item, 'properties'>;

/** Code first, as it is painted on the thing itself; `null` when it has neither. */
export function called(item: Called): string | null {
  const text = (key: string) => (typeof item.properties[key] === 'string' ? (item.properties[key] as string).trim() : '');
  const code = text('code');
  const own = (language.current === 'en' && text('name_en')) || text('name');
  return [code, own === code ? '' : own].filter(Boolean).join(' ') || null;
}

export class Names {
  /** `null`: asked, and there is nothing to say. */
  #known = $state.raw<ReadonlyMap<string, Called | null>>(new Map());
  #asked = new Map<string, Promise<void>>();
  #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(private fetchItem: (path: string) => Promise<Called> = ask) {}

  /** Code and name; the id itself until they are known, or where there are none. */
  of(id: string): string {
    const item = this.#known.get(id);
    return (item && called(item)) || id;
  }

  /** Comes back when the name is known, or known not to be had. */
  learn(id: string): Promise<void> {
    // Who shows names asks again when one was forgotten.
    void this.#known;
    const parsed = parseId(id);
    if (!parsed) return Promise.resolve();
    const before = this.#asked.get(id);
    if (before) return before;
    const asking = this.#fetch(id, `/collections/${parsed.class}/items/${parsed.fid}`);
    this.#asked.set(id, asking);
    if (this.#asked.size > MOST) this.forget([this.#asked.keys().next().value!]);
    return asking;
  }

  /** After an edit: what it touched is asked for again; all of it when nobody knows what was touched. */
  forget(ids?: string[]) {
    const known = new Map(ids ? this.#known : []);
    for (const id of ids ?? [...this.#asked.keys()]) {
      this.#asked.delete(id);
      known.delete(id);
    }
    this.#known = known;
  }

  async #fetch(id: string, path: string) {
    if (this.#busy >= AT_ONCE) await new Promise<void>((go) => this.#waiting.push(go));
    this.#busy++;
    try {
      const { properties } = await this.fetchItem(path);
      this.#known = new Map(this.#known).set(id, { properties });
    } catch {
      // The id stands in its place; the next who needs it asks again.
      this.#asked.delete(id);
    } finally {
      this.#busy--;
      this.#waiting.shift()?.();
    }
  }
}

export const names = new Names();
