import { afterEach, describe, expect, it } from 'vitest';
import { language } from './language.svelte';
import { called, Names } from './names.svelte';

afterEach(() => {
  language.current = 'zh';
});

describe('what a facility is called', () => {
  it('is its code, then its name', () => {
    expect(called({ properties: { code: 'QL-001', name: '人民桥', name_en: 'People’s Bridge' } })).toBe('QL-001 人民桥');
    language.current = 'en';
    expect(called({ properties: { code: 'QL-001', name: '人民桥', name_en: 'People’s Bridge' } })).toBe('QL-001 People’s Bridge');
    expect(called({ properties: { code: 'XHS-0187', name: null } })).toBe('XHS-0187');
    expect(called({ properties: { code: 'A', name: 'A' } })).toBe('A');
    expect(called({ properties: { code: 7 } })).toBeNull();
  });

  it('is asked for once, and is the id until it is known', async () => {
    const asked: string[] = [];
    const names = new Names((path) => {
      asked.push(path);
      return Promise.resolve({ properties: { code: 'QL-001' } });
    });
    expect(names.of('bridge.1')).toBe('bridge.1');
    await Promise.all([names.learn('bridge.1'), names.learn('bridge.1')]);
    await names.learn('bridge.1');
    expect(names.of('bridge.1')).toBe('QL-001');
    expect(asked).toEqual(['/collections/bridge/items/1']);
    names.forget(['bridge.1']);
    expect(names.of('bridge.1')).toBe('bridge.1');
    await names.learn('bridge.1');
    expect(asked).toHaveLength(2);
  });

  it('stays the id when the server does not say, and few are asked at a time', async () => {
    let busy = 0;
    let most = 0;
    const names = new Names(async (path) => {
      most = Math.max(most, ++busy);
      await new Promise((go) => setTimeout(go, 1));
      busy--;
      if (path.endsWith('/7')) throw new Error('gone');
      return { properties: { code: `C${path.split('/').at(-1)}` } };
    });
    await Promise.all(Array.from({ length: 20 }, (_, at) => names.learn(`hydrant.${at + 1}`)));
    expect(most).toBeLessThanOrEqual(4);
    expect([names.of('hydrant.7'), names.of('hydrant.8')]).toEqual(['hydrant.7', 'C8']);
    await names.learn('not an id');
  });
});
