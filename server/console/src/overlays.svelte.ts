// The analyses that can colour the map: which there are, which are on, what they say of each feature.

import { ask, givenUp, sentence } from './api';
import { name, say } from './language.svelte';
import { counts } from './map/overlay';
import { notices } from './notices.svelte';
import type { Overlay } from './wire';

export interface OverlayState {
  overlay: Overlay;
  on: boolean;
  busy: boolean;
  values: [number, number][];
  byId: Map<number, number>;
  counts: number[];
}

class Overlays {
  list = $state.raw<OverlayState[]>([]);
  /** Called when an analysis is to be drawn (values) or not (null). */
  ondraw: (overlay: Overlay, values: [number, number][] | null) => void = () => {};
  /** Which computation was last heard of, so that each is asked for once. */
  #edition: string | null = null;

  async open(on: string[]) {
    try {
      const overlays = await ask<Overlay[]>('/overlays');
      this.list = overlays.map((overlay) => ({ overlay, on: false, busy: false, values: [], byId: new Map(), counts: [] }));
    } catch (cause) {
      notices.tell('bad', say('overlays.failed', { name: say('overlays.title'), why: sentence(cause) }));
    }
    await Promise.all(on.map((id) => this.switch(id, true)));
  }

  get on(): string[] {
    return this.list.filter((state) => state.on).map((state) => state.overlay.id);
  }

  async switch(id: string, on: boolean) {
    const state = this.list.find((one) => one.overlay.id === id);
    if (!state || state.on === on) return;
    if (!on) {
      this.#set(id, { on: false });
      this.ondraw(state.overlay, null);
      return;
    }
    this.#set(id, { on: true });
    await this.#fetch(id);
  }

  /** The server has computed the analyses anew: what is on is asked for again. */
  async computed(edition: string) {
    if (edition === this.#edition) return;
    this.#edition = edition;
    // Before the first computation nothing could be said of what an analysis colours.
    if (this.list.some((one) => one.overlay.revision == null)) await this.#describe();
    await Promise.all(this.on.map((id) => this.#fetch(id)));
  }

  async #describe() {
    const overlays = await ask<Overlay[]>('/overlays').catch(() => []);
    for (const overlay of overlays) this.#set(overlay.id, { overlay });
  }

  async #fetch(id: string) {
    const overlay = this.list.find((one) => one.overlay.id === id)!.overlay;
    this.#set(id, { busy: true });
    try {
      const { values } = await ask<{ values: [number, number][] }>(`/overlays/${encodeURIComponent(id)}/features`);
      this.#set(id, { busy: false, values, byId: new Map(values), counts: counts(overlay, values) });
      if (this.on.includes(id)) this.ondraw(overlay, values);
    } catch (cause) {
      this.#set(id, { busy: false, on: false });
      this.ondraw(overlay, null);
      if (!givenUp(cause)) notices.tell('bad', say('overlays.failed', { name: name(overlay.label), why: sentence(cause) }));
    }
  }

  #set(id: string, change: Partial<OverlayState>) {
    this.list = this.list.map((one) => (one.overlay.id === id ? { ...one, ...change } : one));
  }
}

export const overlays = new Overlays();
