import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { language } from './language.svelte';

const kept = new Map<string, string>();

function browser(...languages: string[]) {
  vi.stubGlobal('navigator', { languages });
}

beforeEach(() => {
  kept.clear();
  vi.stubGlobal('localStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) });
  vi.stubGlobal('document', { documentElement: {} });
  browser('zh-CN');
});

afterEach(() => {
  vi.unstubAllGlobals();
  language.current = 'zh';
});

function starts(link: string | null): string {
  language.start(link);
  return language.current;
}

it('is the browser’s own where nothing was chosen, and Chinese where that says neither', () => {
  expect(starts(null)).toBe('zh');
  browser('en-US', 'zh-CN');
  expect(starts(null)).toBe('en');
  browser('fr-FR', 'en-GB');
  expect(starts(null)).toBe('en');
  browser('fr-FR');
  expect(starts(null)).toBe('zh');
});

it('is the link’s, and stays so when the page is loaded again', () => {
  expect(starts('en')).toBe('en');
  expect(starts(null)).toBe('en');
  expect(starts('zh-CN')).toBe('zh');
  expect(starts(null)).toBe('zh');
});

it('is not changed by a link that names a language nobody knows here', () => {
  starts('en');
  expect(starts('xx')).toBe('en');
  expect(starts('')).toBe('en');
});
