// The facility that is open in the panel, and what else lies under the same click.

import { ask, givenUp, Refusal, sentence } from './api';
import { cityBook } from './city.svelte';
import { parseId } from './ids';
import { say } from './language.svelte';
import type { Picked } from './map/city-map';
import type { Item } from './wire';

class Selection {
  id = $state<string | null>(null);
  item = $state.raw<Item | null>(null);
  failure = $state<string | null>(null);
  busy = $state(false);
  /** Other facilities at the same place. */
  others = $state.raw<Picked[]>([]);

  onitem: (item: Item | null) => void = () => {};
  #flight: AbortController | null = null;

  get wire(): number | null {
    return this.id === null ? null : cityBook.wireOf(this.id);
  }

  async open(id: string, others: Picked[] = []): Promise<Item | null> {
    this.others = others;
    if (this.id !== id) {
      this.id = id;
      this.item = null;
      this.onitem(null);
    }
    return this.#read(id);
  }

  /** Reads the open facility again, after an edit. */
  again() {
    if (this.id) void this.#read(this.id);
  }

  close() {
    this.#flight?.abort();
    this.id = this.item = this.failure = null;
    this.busy = false;
    this.others = [];
    this.onitem(null);
  }

  async #read(id: string): Promise<Item | null> {
    this.#flight?.abort();
    const flight = (this.#flight = new AbortController());
    this.failure = null;
    const parsed = parseId(id);
    if (!parsed) {
      this.failure = say('error.missing');
      return null;
    }
    this.busy = true;
    try {
      const item = await ask<Item>(`/collections/${parsed.class}/items/${parsed.fid}`, { signal: flight.signal });
      this.item = item;
      this.onitem(item);
      return item;
    } catch (cause) {
      if (givenUp(cause) || flight.signal.aborted) return null;
      const gone = cause instanceof Refusal && (cause.status === 404 || cause.status === 410);
      if (gone && this.item) {
        this.item = null;
        this.onitem(null);
        this.failure = say('feature.gone');
      } else {
        this.failure = say('feature.failed', { why: sentence(cause) });
      }
      return null;
    } finally {
      if (this.#flight === flight) this.busy = false;
    }
  }
}

export const selection = new Selection();
