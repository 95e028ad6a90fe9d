import { describe, expect, it } from 'vitest';
import type { Alarm, LiveMessage, LiveValue } from '../wire';
import { alarmList, freshness, latestOf, merge, NOTHING_YET, overlaysEdition, pins, retryDelayMs, type LiveState } from './state';

const NOON = Date.parse('2026-11-21T04:00:00Z');
const MINUTE = 60_000;

function value(datastream: string, change: Partial<LiveValue> = {}): LiveValue {
  return {
    datastream,
    id: 80 * 2 ** 32 + 12,
    host: 'hydrant.12',
    sensor: 'sensor.3',
    property: 'pressure',
    label: { zh: '压力', en: 'Pressure' },
    value: 320,
    unit: 'kPa',
    measured_at: '2026-11-21T04:00:00Z',
    simulated: true,
    position: [116, 30, 12],
    alarm: null,
    ...change,
  };
}

function alarm(id: number, change: Partial<Alarm> = {}): Alarm {
  return {
    id,
    datastream: 'P1',
    host: 'hydrant.12',
    id_host: 80 * 2 ** 32 + 12,
    severity: 'serious',
    state: 'raised',
    since: '2026-11-21T04:00:00Z',
    limit: 400,
    direction: 'above',
    value: 410,
    unit: 'kPa',
    position: [116, 30, 12],
    label: { zh: '压力', en: 'Pressure' },
    ...change,
  };
}

function after(...messages: LiveMessage[]): LiveState {
  return messages.reduce(merge, NOTHING_YET);
}

describe('merging messages', () => {
  it('takes a snapshot as the whole truth, even with a smaller number', () => {
    const state = after(
      { type: 'snapshot', seq: 90, values: [value('P1'), value('P2')], alarms: [alarm(1)] },
      { type: 'snapshot', seq: 4, values: [value('P2', { value: 300 })], alarms: [] },
    );
    expect(state.seq).toBe(4);
    expect([...state.values.keys()]).toEqual(['P2']);
    expect(state.alarms.size).toBe(0);
  });

  it('lays a delta over what it holds', () => {
    const state = after(
      { type: 'snapshot', seq: 1, values: [value('P1'), value('P2')], alarms: [] },
      { type: 'delta', seq: 2, values: [value('P1', { value: 333, measured_at: '2026-11-21T04:00:01Z' })], alarms: [alarm(7)] },
    );
    expect(state.values.get('P1')?.value).toBe(333);
    expect(state.values.get('P2')?.value).toBe(320);
    expect(state.alarms.get(7)?.state).toBe('raised');
  });

  it('ignores a delta that it has seen, and hands the same object back', () => {
    const state = after({ type: 'snapshot', seq: 5, values: [value('P1')], alarms: [] });
    expect(merge(state, { type: 'delta', seq: 5, values: [value('P1', { value: 1 })] })).toBe(state);
  });

  it('does not let a late reading replace a newer one, but takes its alarm', () => {
    const state = after(
      { type: 'snapshot', seq: 1, values: [value('P1')], alarms: [] },
      { type: 'delta', seq: 2, values: [value('P1', { value: 999, measured_at: '2026-11-21T03:00:00Z', alarm: 'serious' })] },
    );
    expect(state.values.get('P1')?.value).toBe(320);
    expect(state.values.get('P1')?.alarm).toBe('serious');
  });

  it('drops an alarm when it is cleared and keeps it when it is acknowledged', () => {
    const raised: LiveMessage = { type: 'snapshot', seq: 1, values: [], alarms: [alarm(1), alarm(2)] };
    const state = after(raised, { type: 'delta', seq: 2, alarms: [alarm(1, { state: 'cleared' }), alarm(2, { state: 'acknowledged' })] });
    expect([...state.alarms.values()].map((one) => [one.id, one.state])).toEqual([[2, 'acknowledged']]);
  });

  it('does not change the state that came before', () => {
    const before = after({ type: 'snapshot', seq: 1, values: [value('P1')], alarms: [] });
    merge(before, { type: 'delta', seq: 2, values: [value('P1', { value: 1, measured_at: '2026-11-21T05:00:00Z' })], alarms: [alarm(1)] });
    expect(before.values.get('P1')?.value).toBe(320);
    expect(before.alarms.size).toBe(0);
  });
});

describe('freshness', () => {
  it('tells fresh, stale and missing apart', () => {
    expect(freshness(value('P1'), NOON + MINUTE, 15 * MINUTE)).toBe('fresh');
    expect(freshness(value('P1'), NOON + 16 * MINUTE, 15 * MINUTE)).toBe('stale');
    expect(freshness(value('P1', { value: null }), NOON, 15 * MINUTE)).toBe('none');
    expect(freshness(value('P1', { measured_at: null }), NOON, 15 * MINUTE)).toBe('none');
    expect(freshness(value('P1', { measured_at: 'yesterday' }), NOON, 15 * MINUTE)).toBe('none');
  });

  it('never calls zero missing', () => {
    expect(freshness(value('P1', { value: 0 }), NOON, 15 * MINUTE)).toBe('fresh');
  });
});

describe('pins', () => {
  it('stand one to a feature and show its worst alarm', () => {
    const state = after({
      type: 'snapshot',
      seq: 1,
      values: [value('P1'), value('P2', { value: 30 }), value('P3')],
      alarms: [alarm(1, { datastream: 'P2', severity: 'critical' }), alarm(2, { datastream: 'P3', severity: 'warning' })],
    });
    const found = pins(state, NOON, 15 * MINUTE);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ severity: 'critical', raised: true, freshness: 'fresh' });
    expect(found[0]!.shown?.datastream).toBe('P2');
  });

  it('are stale only when nothing there still reports', () => {
    const old = { measured_at: '2026-11-21T01:00:00Z' };
    const both = after({ type: 'snapshot', seq: 1, values: [value('P1', old), value('P2')], alarms: [] });
    expect(pins(both, NOON, 15 * MINUTE)[0]!.freshness).toBe('fresh');
    const one = after({ type: 'snapshot', seq: 1, values: [value('P1', old), value('P2', { value: null })], alarms: [] });
    expect(pins(one, NOON, 15 * MINUTE)[0]!.freshness).toBe('stale');
  });

  it('exist for an alarm whose values are not known', () => {
    const state = after({ type: 'snapshot', seq: 1, values: [], alarms: [alarm(1)] });
    expect(pins(state, NOON, 15 * MINUTE)).toMatchObject([{ severity: 'serious', freshness: 'none', shown: null }]);
  });

  it('lose their alarm when it is cleared, whatever the value said when it was sent', () => {
    const state = after(
      { type: 'snapshot', seq: 1, values: [value('P1', { alarm: 'serious' })], alarms: [alarm(1)] },
      { type: 'delta', seq: 2, alarms: [alarm(1, { state: 'cleared' })] },
    );
    expect(pins(state, NOON, 15 * MINUTE)).toMatchObject([{ severity: null, raised: false }]);
  });

  it('are quiet when every alarm there is acknowledged', () => {
    const state = after({ type: 'snapshot', seq: 1, values: [value('P1')], alarms: [alarm(1, { state: 'acknowledged' })] });
    expect(pins(state, NOON, 15 * MINUTE)).toMatchObject([{ severity: 'serious', raised: false }]);
  });

  it('are not drawn where no place is known', () => {
    expect(pins(after({ type: 'snapshot', seq: 1, values: [value('P1', { position: null })], alarms: [] }), NOON, MINUTE)).toEqual([]);
  });
});

it('lists alarms: not acknowledged before acknowledged, worst first, newest first', () => {
  const state = after({
    type: 'snapshot',
    seq: 1,
    values: [],
    alarms: [
      alarm(1, { severity: 'critical', state: 'acknowledged' }),
      alarm(2, { severity: 'notice' }),
      alarm(3, { severity: 'serious', since: '2026-11-21T03:00:00Z' }),
      alarm(4, { severity: 'serious', since: '2026-11-21T04:00:00Z' }),
      alarm(5, { state: 'cleared' }),
    ],
  });
  expect(alarmList(state).map((one) => one.id)).toEqual([4, 3, 2, 1]);
});

it('an alarm is told with what is measured now, not with what was measured when it arose', () => {
  const state = after(
    { type: 'snapshot', seq: 1, values: [value('P1', { value: 410 })], alarms: [alarm(1, { value: 410 }), alarm(2, { datastream: 'P9' })] },
    { type: 'delta', seq: 2, values: [value('P1', { value: 437, measured_at: '2026-11-21T04:01:00Z' })] },
  );
  expect(state.alarms.get(1)!.value).toBe(410);
  expect(latestOf(state, state.alarms.get(1)!)).toBe(437);
  expect(latestOf(state, state.alarms.get(2)!)).toBeNull();
});

it('hears of analyses that were computed anew, in a delta and after a break', () => {
  expect(overlaysEdition({ type: 'delta', seq: 2, overlays: '8-2026' })).toBe('8-2026');
  expect(overlaysEdition({ type: 'snapshot', seq: 2, values: [], alarms: [], overlays: '9-2026' })).toBe('9-2026');
  expect(overlaysEdition({ type: 'delta', seq: 3, values: [value('P1')] })).toBeNull();
  expect(overlaysEdition({ type: 'hello', protocol: 'citytwin.live.v1', revision: 9, simulated: true })).toBeNull();
});

it('waits longer after every failure, never more than 15 seconds, never all desks at once', () => {
  expect(retryDelayMs(0, 0)).toBe(500);
  expect(retryDelayMs(0, 1)).toBe(1000);
  expect(retryDelayMs(3, 1)).toBe(8000);
  expect(retryDelayMs(50, 1)).toBe(15_000);
});
