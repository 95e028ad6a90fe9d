// The web viewer on the software rasteriser: the whole city, a pick from straight above, below ground, an alarm.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { colours, open } from './browser.mjs';

/** Scene and wasm on a software rasteriser take their time. */
const READY_MS = 240_000;
const STEP_MS = 60_000;

export async function viewerChecks(browser, run) {
  const { context, page, record } = await open(browser, run.server, 'desk');
  await page.setViewportSize({ width: 1280, height: 720 });
  const picture = (name) => page.screenshot({ path: join(run.out, `viewer-${name}.png`), timeout: STEP_MS });
  const ready = () => page.waitForFunction(() => window.citytwinReady === true, null, { timeout: READY_MS, polling: 200 });
  const command = (wish) => page.evaluate((wish) => window.citytwin.command(wish), wish);
  const until = (test) => page.waitForFunction(test, null, { timeout: STEP_MS, polling: 100 });

  const building = (await run.get('/collections/building/items?limit=1')).features[0];
  const ring = building.geometry.coordinates.flat(building.geometry.type === 'MultiPolygon' ? 1 : 0)[0].slice(0, -1);
  const [lon, lat] = [0, 1].map((axis) => ring.reduce((sum, position) => sum + position[axis], 0) / ring.length);

  await run.check('the viewer opens and shows every tile in view', async () => {
    await page.goto(`${run.server}/viewer/?lang=zh`);
    await ready();
    await picture('overview');
    // Sky, ground and houses differ: something is drawn.
    const points = Array.from({ length: 60 }, (_, i) => [340 + (i % 10) * 60, 120 + Math.floor(i / 10) * 90]);
    const seen = new Set((await colours(page, points)).map((colour) => colour.map((channel) => channel >> 4).join()));
    assert.ok(seen.size >= 4, `only ${seen.size} different colours`);
    return `${record.requests} requests`;
  });

  await run.check('a house is picked from straight above, and its panel says which', async () => {
    await page.goto(`${run.server}/viewer/?lon=${lon}&lat=${lat}&height=250&heading=0&pitch=-89.9&lang=zh`);
    await ready();
    const picked = await page.evaluate(() => window.citytwin.pick(innerWidth / 2, innerHeight / 2));
    assert.equal(picked.id, building.id);
    await command({ do: 'select', id: picked.id });
    await page.getByText(building.properties.code).first().waitFor({ timeout: STEP_MS });
    await picture('panel');
    return picked.id;
  });

  await run.check('below ground: pipes are there when the ground lets them be seen', async () => {
    await command({ do: 'underground', on: true });
    await until(() => window.citytwin.model?.underground && window.citytwin.model.ready);
    await picture('underground');
  });

  await run.check('the risk overlay is switched on, with its legend', async () => {
    await command({ do: 'overlay', id: 'risk' });
    await until(() => window.citytwin.model?.overlay === 'risk' && window.citytwin.model.ready);
    await picture('risk');
  });

  await run.check('a reading above its limit is an alarm in the viewer, too', async () => {
    const streams = (await run.get('/collections/datastream/items?limit=1000')).features.map((feature) => feature.properties);
    const one = streams.find((stream) => stream.alarm_high != null && stream.host);
    const answer = await run.post('/readings', [{ datastream: one.code, time: new Date().toISOString(), value: one.alarm_high * 2 + 1 }]);
    assert.equal(answer.accepted, 1);
    await until(() => window.citytwin.model?.alarms.length > 0);
    await picture('alarm');
  });

  await run.check('no request left the origin, nothing on the browser console', () => {
    assert.deepEqual(record.foreign, []);
    assert.deepEqual(record.complaints.filter((text) => !/B0006|software rendering|GPU lacks support/.test(text)), []);
  });
  await context.close();
}
