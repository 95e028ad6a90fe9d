import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** How high a rule of a part lies over the others. */
function height(part: string, rule: string): number {
  const text = readFileSync(new URL(`./${part}.svelte`, import.meta.url), 'utf8');
  const found = new RegExp(`\\n  ${rule} \\{[^}]*z-index: (\\d+);`).exec(text);
  return Number(found?.[1]);
}

it('what one asks for (search, sign-in) lies above what is told meanwhile, and that above the panels', () => {
  // Search and sign-in open inside the header, which makes a layer of its own.
  expect(height('TopBar', 'header')).toBeGreaterThan(height('Banners', '\\.banners'));
  expect(height('Banners', '\\.banners')).toBeGreaterThan(height('FeaturePanel', 'aside'));
});
