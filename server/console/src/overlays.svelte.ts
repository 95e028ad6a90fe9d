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
  #again = 0;

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

  /** The city changed: what is on is computed from it, so it is asked again, once for a burst of edits. */
  stale() {
    clearTimeout(this.#again);
    this.#again = window.setTimeout(() => {
      for (const id of this.on) void this.#fetch(id);
    }, 1000);
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
