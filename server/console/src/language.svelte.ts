// The reader's language: as chosen by hand or by a link, and remembered; else the browser's own; else Chinese.

import { fill, type Values } from './words/fill';
import { en } from './words/en';
import { zh } from './words/zh';
import type { Label } from './wire';
import { kept } from './kept';

export type Language = 'zh' | 'en';
export type Key = keyof typeof zh;

const SENTENCES: Record<Language, Record<Key, string>> = { zh, en };

/** `zh-CN` → `zh`; `null` for what is not spoken here. */
function known(tag: string | null | undefined): Language | null {
  const language = tag?.toLowerCase().split(/[-_]/)[0];
  return language === 'zh' || language === 'en' ? language : null;
}

function preferred(): Language {
  for (const tag of navigator.languages ?? []) {
    const language = known(tag);
    if (language) return language;
  }
  return 'zh';
}

class Speaker {
  current = $state<Language>('zh');

  /** A link's `lang` wins over what was chosen last time, and counts as chosen: the address does not keep it. */
  start(wanted: string | null) {
    const linked = known(wanted);
    if (linked) kept.set('language', linked);
    this.current = linked ?? known(kept.get('language')) ?? preferred();
    this.#mark();
  }

  toggle() {
    this.current = this.current === 'zh' ? 'en' : 'zh';
    kept.set('language', this.current);
    this.#mark();
  }

  /** For `Accept-Language`, so that the server's sentences come in the same language. */
  get accept(): string {
    return this.current === 'zh' ? 'zh-CN,zh;q=0.9,en;q=0.5' : 'en,zh;q=0.5';
  }

  #mark() {
    document.documentElement.lang = this.current === 'zh' ? 'zh-CN' : 'en';
  }
}

export const language = new Speaker();

/** One of the console's own sentences. */
export function say(key: Key, values?: Values): string {
  return fill(SENTENCES[language.current][key], values);
}

/** A name that the server gives in both languages. */
export function name(label: Label | string | null | undefined): string {
  if (label == null) return '';
  if (typeof label === 'string') return label;
  if (language.current === 'zh') return label.zh || label.en;
  // The catalogue's English is written as in running text; here it stands alone.
  return label.en ? label.en.charAt(0).toUpperCase() + label.en.slice(1) : label.zh;
}
