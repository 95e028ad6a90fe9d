// Which classes are drawn. What the reader hid stays hidden on the next visit.

import { kept } from './kept';

const KEY = 'hidden-layers';

class Layers {
  hidden = $state.raw<ReadonlySet<string>>(new Set());
  drawn = $state.raw<ReadonlySet<string>>(new Set());
  minZoom: (id: string) => number = () => 0;
  onshow: (id: string, visible: boolean) => void = () => {};

  constructor() {
    try {
      const before: unknown = JSON.parse(kept.get(KEY) ?? '[]');
      if (Array.isArray(before)) this.hidden = new Set(before.filter((id) => typeof id === 'string'));
    } catch {
      // Something else wrote there; start afresh.
    }
  }

  /** The map stands: these classes can be drawn. */
  start(drawn: ReadonlySet<string>, minZoom: (id: string) => number) {
    this.drawn = drawn;
    this.minZoom = minZoom;
    for (const id of this.hidden) this.onshow(id, false);
  }

  get changed(): boolean {
    return this.hidden.size > 0;
  }

  visible(id: string): boolean {
    return !this.hidden.has(id);
  }

  show(ids: string[], visible: boolean) {
    const hidden = new Set(this.hidden);
    for (const id of ids) {
      if (visible) hidden.delete(id);
      else hidden.add(id);
      this.onshow(id, visible);
    }
    this.hidden = hidden;
    kept.set(KEY, JSON.stringify([...hidden]));
  }

  reset() {
    this.show([...this.hidden], true);
  }
}

export const layers = new Layers();
