// What the web viewer promises, checked on the screen against the API: what is under a pixel, what colour it has.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { colours, hue, open, rgb } from './browser.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A software rasteriser on a busy machine: the figure that is printed says how long it took. */
const PATIENCE_MS = 180_000;

export async function viewerChecks(browser, run) {
  const catalogue = await run.get('/catalogue');
  const numbers = new Map(catalogue.classes.map((one) => [one.id, one.no]));
  const wire = (id) => numbers.get(id.split('.')[0]) * 2 ** 32 + Number(id.split('.')[1]);

  const { context, page, record } = await open(browser, run.server, 'desk');
  const picture = (name, of = page) => of.screenshot({ path: join(run.out, `viewer-${name}.png`) });
  const [width, height] = [page.viewportSize().width, page.viewportSize().height];
  const middle = [width / 2, height / 2];

  const ready = (of = page) => of.waitForFunction(() => window.citytwinReady === true, null, { timeout: PATIENCE_MS, polling: 100 });
  const command = (what) => page.evaluate((what) => window.citytwin.command(what), what);
  const pick = ([x, y]) => page.evaluate(([x, y]) => window.citytwin.pick(x, y), [x, y]);
  /** A pick is answered by the next frame: after two of them a command has been carried out and the model says so. */
  const settled = async () => {
    await pick(middle);
    await pick(middle);
    await ready();
    await pick(middle);
  };
  const go = async (query) => {
    await page.goto(`${run.server}/viewer/?${query}&lang=zh`);
    await ready();
    await settled();
  };
  /** Straight down on a place from so high above the city's datum. */
  const above = ([lon, lat], up, more = '') => go(`lon=${lon}&lat=${lat}&height=${up}&heading=0&pitch=-90${more}`);

  await run.check('the viewer opens on the whole city and says when it is complete', async () => {
    const started = performance.now();
    await page.goto(`${run.server}/viewer/`);
    await ready();
    const seconds = (performance.now() - started) / 1000;
    const model = await page.evaluate(() => window.citytwin.model);
    assert.equal(model.city, catalogue.city.name.zh);
    assert.equal(model.simulated, catalogue.city.simulated);
    assert.equal(await page.locator('#simulated').isVisible(), catalogue.city.simulated, 'simulated data are labelled');
    const labels = new Map(model.layers.map((layer) => [layer.id, layer.count]));
    for (const group of new Set(catalogue.classes.filter((one) => one.group && one.count > 0).map((one) => one.group))) {
      const count = catalogue.classes.filter((one) => one.group === group).reduce((sum, one) => sum + one.count, 0);
      assert.equal(labels.get(group), count, `features of ${group}`);
    }
    await picture('city');
    return `${seconds.toFixed(1)} s to the complete picture, ${model.status.tiles} tiles, ${model.status.megabytes} MB`;
  });

  const buildings = (await run.get('/collections/building/items?limit=400')).features.filter((one) => one.geometry.type === 'Polygon');
  const house = buildings.reduce((best, one) => (area(one) > area(best) ? one : best));
  const high = house.properties.height_m ?? 30;

  await run.check('the building under the middle of the picture is the one that stands there', async () => {
    await above(inside(house), high + 200);
    const found = await pick(middle);
    assert.equal(found.id, house.id);
    await command({ do: 'layer', id: 'buildings', on: false });
    await settled();
    assert.notEqual((await pick(middle)).id, house.id, 'a hidden building is picked');
    await command({ do: 'layer', id: 'buildings', on: true });
    await settled();
    assert.equal((await pick(middle)).id, house.id);
    return house.id;
  });

  await run.check('a click shows its attributes in the catalogue’s words', async () => {
    await page.mouse.click(...middle);
    await page.locator('#feature-id', { hasText: house.id }).waitFor({ timeout: 20_000 });
    const attribute = catalogue.classes.find((one) => one.id === 'building').attributes.find((one) => one.id === 'height_m');
    await page.locator('#feature-rows tr', { hasText: attribute.label.zh }).waitFor({ timeout: 20_000 });
    const row = await page.locator('#feature-rows tr', { hasText: attribute.label.zh }).innerText();
    assert.ok(row.includes(`${Number(house.properties.height_m.toFixed(3))} ${attribute.unit}`), row);
    await picture('selection');
    await page.locator('#feature-close').click();
    await page.locator('#feature').waitFor({ state: 'hidden', timeout: 10_000 });
    return row.replace(/\s+/g, ' ');
  });

  const values = await run.get('/overlays/risk/features');
  const risk = new Map(values.values);
  const legend = (await run.get('/overlays')).find((one) => one.id === 'risk').legend;
  const colourOf = (byte) => legend.find((entry) => entry.byte_from <= byte && byte <= entry.byte_to)?.colour;
  const pipes = (await run.get('/collections/water_pipe/items?limit=1000')).features
    .filter((one) => one.geometry.type === 'LineString' && one.geometry.coordinates[0].length > 2)
    .sort((a, b) => longest(b).length - longest(a).length);

  // A gauge's box may stand right above the main that it measures.
  const gauges = (await run.get('/collections/sensor/items?limit=1000')).features.map((one) => one.geometry.coordinates);
  const isBare = ([lon, lat]) => gauges.every((at) => Math.hypot((at[0] - lon) * 96_000, (at[1] - lat) * 111_000) > 10);

  await run.check('pipes are met through the ground only when it is see-through', async () => {
    const pipe = pipes.find((one) => isBare(longest(one).middle));
    const [lon, lat, z] = longest(pipe).middle;
    await above([lon, lat], z + 25);
    assert.notEqual((await pick(middle)).id, pipe.id, 'picked through the street');
    await command({ do: 'underground', on: true });
    await settled();
    assert.equal((await pick(middle)).id, pipe.id);
    return pipe.id;
  });

  await run.check('the risk overlay colours pipes as its legend says', async () => {
    const seen = [];
    for (const entry of legend.filter((entry) => entry.byte_from < 255)) {
      const pipe = pipes.find((one) => colourOf(risk.get(wire(one.id)) ?? 255) === entry.colour);
      if (!pipe) continue;
      const [lon, lat, z] = longest(pipe).middle;
      await above([lon, lat], z + 12, '&overlay=risk&layers=ground,net_water');
      assert.equal((await pick(middle)).id, pipe.id);
      const [colour] = await colours(page, [middle]);
      const apart = Math.abs(hue(colour) - hue(rgb(entry.colour)));
      assert.ok(Math.min(apart, 360 - apart) < 20, `${pipe.id} is ${colour}, the legend says ${entry.colour}`);
      seen.push(entry.label.zh);
    }
    assert.ok(seen.length >= 2, 'the city shows several grades');
    await go(`lon=${pipes[0].geometry.coordinates[0][0]}&lat=${pipes[0].geometry.coordinates[0][1] - 0.002}&height=190&heading=0&pitch=-35&overlay=risk`);
    await picture('risk');
    return seen.join(', ');
  });

  await run.check('the coverage overlay tells covered buildings from others', async () => {
    await go('overlay=coverage');
    await picture('coverage');
    const covered = new Map((await run.get('/overlays/coverage/features')).values);
    const info = (await run.get('/overlays')).find((one) => one.id === 'coverage');
    const byte = covered.get(wire(house.id));
    await above(inside(house), high + 120, '&overlay=coverage');
    const [colour] = await colours(page, [middle]);
    const wanted = info.legend.find((entry) => entry.byte_from <= byte && byte <= entry.byte_to).colour;
    const apart = Math.abs(hue(colour) - hue(rgb(wanted)));
    assert.ok(Math.min(apart, 360 - apart) < 20, `${house.id} (${byte}) is ${colour}, the legend says ${wanted}`);
  });

  await run.check('a reading above its limit turns the thing red within a second of the answer', async () => {
    const target = await alarmable(run);
    const [lon, lat, z] = target.position;
    await go(`lon=${lon}&lat=${lat - 0.00009}&height=${z + 6}&heading=0&pitch=-28`);
    const answer = await run.post('/readings', [{ datastream: target.code, time: new Date().toISOString(), value: target.over }]);
    assert.equal(answer.accepted, 1, JSON.stringify(answer));
    const sent = performance.now();
    await page.waitForFunction((host) => window.citytwin.model.alarms.some((alarm) => alarm.host === host && alarm.raised), target.host, { timeout: 5000, polling: 20 });
    const taken = performance.now() - sent;
    assert.ok(taken < 1000 + 200, `${taken} ms`);
    await page.locator('#alarm-list', { hasText: target.host }).waitFor({ timeout: 10_000 });
    await picture('alarm');
    return `${target.code} on ${target.host}: ${Math.round(taken)} ms to the list`;
  });

  await run.check('English and Chinese are one click apart', async () => {
    await page.locator('#lang').click();
    await page.waitForFunction(() => document.documentElement.lang === 'en', null, { timeout: 10_000 });
    assert.equal(await page.locator('#layers-title').innerText(), 'Layers');
    await picture('english');
    await page.locator('#lang').click();
    await page.waitForFunction(() => document.documentElement.lang === 'zh', null, { timeout: 10_000 });
  });

  await run.check('what is searched for is found and flown to', async () => {
    const hydrant = (await run.get('/collections/hydrant/items?limit=5')).features[3];
    await page.locator('#search').fill(hydrant.properties.code);
    await page.keyboard.press('Enter');
    await page.locator('#found button').first().click({ timeout: 20_000 });
    await page.locator('#feature-id', { hasText: hydrant.id }).waitFor({ timeout: 20_000 });
    await page.waitForFunction((id) => new URL(location).searchParams.get('selection') === id, hydrant.id, { timeout: 20_000 });
    await settled();
    await page.waitForTimeout(1500);
    const query = new URL(page.url()).searchParams;
    const [lon, lat] = hydrant.geometry.coordinates;
    assert.ok(Math.abs(Number(query.get('lon')) - lon) < 0.003 && Math.abs(Number(query.get('lat')) - lat) < 0.003, page.url());
    assert.equal(query.get('selection'), hydrant.id, 'the address opens this view');
    await picture('found');
  });

  await run.check('axe finds nothing wrong in the panels', async () => {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] }));
    assert.deepEqual(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(' ')}`), []);
  });

  await run.check('no request left the origin, nothing was complained of', async () => {
    assert.deepEqual(record.foreign, []);
    assert.deepEqual(record.complaints, []);
    return `${record.requests} requests`;
  });
  await context.close();

  await run.check('a browser without WebGL2 gets a sentence and the map', async () => {
    const plain = await open(browser, run.server, 'desk');
    await plain.page.addInitScript(() => {
      const before = HTMLCanvasElement.prototype.getContext;
      HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
        return kind === 'webgl2' ? null : before.call(this, kind, ...more);
      };
    });
    await plain.page.goto(`${run.server}/viewer/?lon=116&lat=30&lang=en`);
    await plain.page.locator('#start-text', { hasText: 'WebGL2' }).waitFor({ timeout: 10_000 });
    assert.match(await plain.page.locator('#start-map a').getAttribute('href'), /^\/\?.*lon=116/);
    await picture('no-webgl', plain.page);
    await plain.context.close();
  });

  await run.check('a phone has room for the city', async () => {
    const phone = await open(browser, run.server, 'phone');
    await phone.page.goto(`${run.server}/viewer/?lang=zh`);
    await ready(phone.page);
    assert.ok(!(await phone.page.locator('#fold-body').isVisible()), 'the panel is folded');
    await picture('phone', phone.page);
    assert.deepEqual(phone.record.complaints, []);
    await phone.context.close();
  });
}

/** Twice the plan's area, in degrees. */
function area(feature) {
  const ring = feature.geometry.coordinates[0];
  return Math.abs(ring.slice(1).reduce((sum, [x, y], i) => sum + ring[i][0] * y - x * ring[i][1], 0));
}

/** A place within a polygon's outer ring: middles of its box's diagonals until one is inside. */
function inside(feature) {
  const ring = feature.geometry.coordinates[0];
  const [xs, ys] = [ring.map((p) => p[0]), ring.map((p) => p[1])];
  const [west, east, south, north] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  for (const t of [0.5, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9]) {
    for (const s of [0.5, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9]) {
      const [x, y] = [west + (east - west) * t, south + (north - south) * s];
      const crossings = ring.slice(1).filter(([bx, by], i) => {
        const [ax, ay] = ring[i];
        return ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax;
      });
      if (crossings.length % 2 === 1) return [x, y];
    }
  }
  throw new Error(`no place inside ${feature.id}`);
}

/** The longest straight piece of a line: its length in degrees and its middle. */
function longest(feature) {
  const line = feature.geometry.coordinates;
  return line.slice(1).reduce(
    (best, b, i) => {
      const a = line[i];
      const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
      return length > best.length ? { length, middle: a.map((x, k) => (x + b[k]) / 2) } : best;
    },
    { length: 0, middle: null },
  );
}

/** A datastream with a limit on a hydrant or another thing that is drawn, not in alarm now. */
async function alarmable(run) {
  const latest = new Map((await run.get('/readings/latest')).values.map((one) => [one.datastream, one]));
  const streams = (await run.get('/collections/datastream/items?limit=10000')).features.map((one) => ({ ...one.properties, id: one.id }));
  const found = streams.find((one) => {
    const value = latest.get(one.code);
    return value?.position && !value.alarm && /^(hydrant|manhole|gas_valve|water_valve)\./.test(value.host ?? '') && (one.alarm_high != null || one.alarm_low != null);
  });
  assert.ok(found, 'no datastream with a limit on a thing that is drawn');
  const { host, position } = latest.get(found.code);
  const over = found.alarm_high != null ? found.alarm_high * 1.5 + 1 : found.alarm_low - Math.abs(found.alarm_low) * 0.5 - 1;
  // The simulator leaves a real device alone: what is raised stays raised.
  await run.patch(`/collections/datastream/items/${found.id}`, { type: 'Feature', properties: { simulated: false } });
  return { code: found.code, host, position, over };
}
