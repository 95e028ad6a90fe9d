import { afterEach, describe, expect, it } from 'vitest';
import { age, attribute, instant, metres, moment, number, quantity } from './format';
import { language } from './language.svelte';
import type { Attribute } from './wire';

afterEach(() => {
  language.current = 'zh';
});

function about(change: Partial<Attribute>): Attribute {
  return { id: 'x', label: { zh: '甲', en: 'a' }, type: 'text', ...change };
}

describe('numbers', () => {
  it('carry as many decimals as mean something', () => {
    expect([0.03444, 1.256, 318.44, 12000.4].map(number)).toEqual(['0.034', '1.26', '318.4', '12,000']);
  });
  it('carry their unit', () => {
    expect(quantity(12, 'kPa')).toBe('12 kPa');
    expect(quantity(12, '%LEL')).toBe('12%LEL');
    expect(quantity(2, '°')).toBe('2°');
    expect(quantity(21, '°C')).toBe('21 °C');
    expect(quantity(12, null)).toBe('12');
    expect(metres(12_345)).toBe('12.35 km');
  });
});

describe('instants', () => {
  it('are shown in the city’s zone, wherever the reader sits', () => {
    expect(instant('2026-11-20T18:30:05Z', 'Asia/Shanghai')).toBe('2026-11-21 02:30:05');
    expect(instant('2026-11-20T18:30:05Z')).toBe('2026-11-21 02:30:05');
    expect(instant('2026-11-20T18:30:05Z', 'Mars/Olympus')).toBe('2026-11-21 02:30:05');
  });
  it('lose the date only on the city’s own today', () => {
    const now = Date.parse('2026-11-20T20:00:00Z');
    expect(moment('2026-11-20T18:30:05Z', now)).toBe('02:30:05');
    expect(moment('2026-11-20T15:30:05Z', now)).toBe('2026-11-20 23:30:05');
  });
  it('that cannot be read are shown as they stand', () => {
    expect(instant('soon')).toBe('soon');
  });
});

it('ages have one unit, in the reader’s language', () => {
  expect([5_000, 90_000, 7_200_000, 400_000_000].map(age)).toEqual(['5 秒', '1 分钟', '2 小时', '4 天']);
  language.current = 'en';
  expect(age(90_000)).toBe('1 min');
});

describe('attribute values', () => {
  const material = about({ id: 'material', type: 'code', codes: [{ value: 'pe', label: { zh: '聚乙烯', en: 'Polyethylene' } }] });
  it('of a code list show their meaning', () => {
    expect(attribute('pe', material)).toBe('聚乙烯');
    language.current = 'en';
    expect(attribute('pe', material)).toBe('Polyethylene');
  });
  it('outside the list are shown as recorded, not hidden', () => {
    expect(attribute('bamboo', material)).toBe('bamboo');
  });
  it('that are missing are null, never zero; zero is zero', () => {
    expect(attribute(null, about({}))).toBeNull();
    expect(attribute('', about({}))).toBeNull();
    expect(attribute(undefined)).toBeNull();
    expect(attribute(0, about({ type: 'real', unit: 'mm' }))).toBe('0 mm');
    expect(attribute(false, about({ type: 'bool' }))).toBe('否');
  });
  it('that are years have no separator', () => {
    expect(attribute(1996, about({ id: 'built_year', type: 'int' }))).toBe('1996');
  });
});
