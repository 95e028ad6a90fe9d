import { beforeEach, expect, it, vi } from 'vitest';

const asked: string[] = [];
let covered = 0;
let revision: number | null = null;

vi.mock('./api', () => ({
  ask: (path: string) => {
    asked.push(path);
    const overlay = { id: 'coverage', label: { zh: '覆盖', en: 'coverage' }, classes: revision === null ? [] : ['building'], legend: [], revision };
    return Promise.resolve(path === '/overlays' ? [overlay] : { values: [[7, covered]] });
  },
  givenUp: () => false,
  sentence: String,
}));
vi.mock('./language.svelte', () => ({ name: () => '', say: (key: string) => key }));
vi.mock('./notices.svelte', () => ({ notices: { tell: () => {} } }));

const VALUES = '/overlays/coverage/features';

beforeEach(() => {
  vi.resetModules();
  asked.length = 0;
  covered = 0;
  revision = 3;
});

async function opened(on: string[]) {
  const { overlays } = await import('./overlays.svelte');
  const drawn: ([number, number][] | null)[] = [];
  overlays.ondraw = (_, values) => drawn.push(values);
  await overlays.open(on);
  return { overlays, drawn };
}

it('asks again for what is on when the server has computed it anew, once an edition', async () => {
  const { overlays, drawn } = await opened(['coverage']);
  await overlays.computed('3-2026');
  asked.length = 0;
  covered = 254;
  await overlays.computed('4-2026');
  expect(asked).toEqual([VALUES]);
  expect(drawn.at(-1)).toEqual([[7, 254]]);
  await overlays.computed('4-2026');
  expect(asked).toEqual([VALUES]);
});

it('asks for nothing that is off', async () => {
  const { overlays } = await opened([]);
  asked.length = 0;
  await overlays.computed('4-2026');
  expect(asked).toEqual([]);
});

it('learns what an analysis colours when the first computation is done', async () => {
  revision = null;
  const { overlays } = await opened([]);
  expect(overlays.list[0]!.overlay.classes).toEqual([]);
  revision = 3;
  await overlays.computed('3-2026');
  expect(overlays.list[0]!.overlay.classes).toEqual(['building']);
});
