// What the console promises, checked on the screen against the API.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { colours, difference, hue, open, rgb } from './browser.mjs';

const CLASS_STEP = 2 ** 32;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function consoleChecks(browser, run) {
  const catalogue = await run.get('/catalogue');
  const numbers = new Map(catalogue.classes.map((one) => [one.id, one.no]));
  const wire = (id) => numbers.get(id.split('.')[0]) * CLASS_STEP + Number(id.split('.')[1]);

  const { context, page, record } = await open(browser, run.server, 'desk');
  const picture = (name) => page.screenshot({ path: join(run.out, `console-${name}.png`) });

  // ── helpers that look through the reader's eyes ──

  /** Waits until everything in view is loaded and drawn. */
  const settled = async (of = page) => {
    await of.waitForFunction(() => {
      const map = window.citytwinConsole?.map;
      return map?.loaded() && map.areTilesLoaded() && !map.isMoving();
    }, null, { timeout: 60_000 });
    await of.waitForTimeout(500);
  };
  const look = async (position, zoom, pitch = 0) => {
    await page.evaluate(({ position, zoom, pitch }) => window.citytwinConsole.map.jumpTo({ center: position, zoom, pitch, bearing: 0 }), { position, zoom, pitch });
    await settled();
  };
  const pixel = (position, of = page) =>
    of.evaluate((position) => {
      const { map } = window.citytwinConsole;
      const at = map.project(position);
      const box = map.getContainer().getBoundingClientRect();
      return [at.x + box.x, at.y + box.y];
    }, position);
  const rendered = (filter) => page.evaluate(filter);
  const panel = () => page.locator('aside');

  // ── the map ──

  await run.check('the map opens and draws features of the city', async () => {
    await page.goto(run.server + '/');
    await settled();
    const counts = await rendered(() => {
      const found = {};
      for (const feature of window.citytwinConsole.map.queryRenderedFeatures()) found[feature.sourceLayer ?? feature.source] = (found[feature.sourceLayer ?? feature.source] ?? 0) + 1;
      return found;
    });
    for (const of of ['building', 'road']) assert.ok(counts[of] > 0, `no ${of} drawn: ${JSON.stringify(counts)}`);
    assert.ok(counts['live-pins'] > 0, 'no live pins');
    await picture('desk');
    return Object.entries(counts).map(([of, count]) => `${of} ${count}`).join(', ');
  });

  await run.check('every class of the catalogue that has features and geometry has a switch, and the switch works', async () => {
    const style = await run.get('/styles/citytwin');
    const drawn = new Set(style.layers.map((layer) => layer['source-layer']).filter(Boolean));
    const wanted = catalogue.classes.filter((one) => one.count > 0 && one.geometry !== 'none' && drawn.has(one.id));
    for (const one of catalogue.classes.filter((one) => one.count > 0 && one.geometry !== 'none')) assert.ok(drawn.has(one.id), `the style draws no ${one.id}`);
    const side = page.locator('.side');
    for (const one of wanted) assert.ok((await side.locator('label.class', { hasText: one.label.zh }).count()) > 0, `no switch for ${one.id}`);
    const building = catalogue.classes.find((one) => one.id === 'building');
    const box = side.locator('label.class', { hasText: building.label.zh }).locator('input');
    const count = () => rendered(() => window.citytwinConsole.map.queryRenderedFeatures().filter((feature) => feature.sourceLayer === 'building').length);
    await box.uncheck();
    await settled();
    assert.equal(await count(), 0, 'buildings are still drawn');
    await box.check();
    await settled();
    assert.ok((await count()) > 0, 'buildings did not come back');
    return `${wanted.length} classes`;
  });

  await run.check('a layer is exported as GeoJSON, whole', async () => {
    const one = catalogue.classes.find((one) => one.id === 'hydrant');
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: `导出“${one.label.zh}”为 GeoJSON` }).click();
    const made = JSON.parse(readFileSync(await (await waiting).path(), 'utf8'));
    assert.equal(made.features.length, one.count);
    assert.equal(made.simulated, catalogue.city.simulated ? true : undefined);
    return `${made.features.length} hydrants`;
  });

  await run.check('a click on a hydrant opens its page with its attributes', async () => {
    const hydrant = (await run.get('/collections/hydrant/items?limit=1')).features[0];
    const [lon, lat] = hydrant.geometry.coordinates;
    await look([lon, lat], 19);
    const [x, y] = await pixel([lon, lat]);
    await page.mouse.click(x, y);
    // A live pin on the same spot is the hydrant, too.
    await panel().waitFor({ timeout: 20000 });
    await page.waitForFunction((id) => document.querySelector('aside .id')?.textContent.includes(id), hydrant.id, { timeout: 20000 });
    const one = catalogue.classes.find((one) => one.id === 'hydrant');
    // The id stands there at once; the attributes come with the answer.
    await panel().getByText(one.attributes.find((attribute) => attribute.id === 'diameter_mm').label.zh).waitFor({ timeout: 20000 });
    const text = (await panel().innerText()).replace(/\s+/g, ' ');
    assert.ok(text.includes(hydrant.properties.code), `the code ${hydrant.properties.code} is not on the page: ${text}`);
    // What is empty is folded away, but named.
    const all = await panel().evaluate((panel) => panel.textContent);
    for (const attribute of one.attributes) {
      const shown = hydrant.properties[attribute.id] == null ? all : text;
      assert.ok(shown.includes(attribute.label.zh), `${attribute.id} is not named`);
    }
    const diameter = one.attributes.find((attribute) => attribute.id === 'diameter_mm');
    if (diameter && hydrant.properties.diameter_mm != null) assert.ok(text.includes(`${hydrant.properties.diameter_mm} ${diameter.unit}`), 'a number without its unit');
    for (const attribute of one.attributes.filter((attribute) => attribute.codes?.length && hydrant.properties[attribute.id])) {
      const meaning = attribute.codes.find((code) => code.value === hydrant.properties[attribute.id])?.label.zh;
      assert.ok(text.includes(meaning), `${attribute.id} shows no meaning`);
    }
    await picture('hydrant');
    return hydrant.id;
  });

  await run.check('an underground pipe is picked where it lies', async () => {
    const pipe = await alonePipe(run);
    await page.keyboard.press('Escape');
    await look(pipe.middle, 20);
    const [x, y] = await pixel(pipe.middle);
    await page.mouse.click(x, y);
    await page.waitForFunction((id) => document.querySelector('aside')?.textContent.includes(id), pipe.code, { timeout: 20000 });
    return pipe.id;
  });

  // ── analyses ──

  await run.check('the risk switch colours pipes as /overlays says', async () => {
    const overlay = (await run.get('/overlays')).find((one) => one.id === 'risk');
    const values = new Map((await run.get('/overlays/risk/features')).values);
    const pipe = await alonePipe(run, values);
    await page.keyboard.press('Escape');
    await look(pipe.middle, 20);
    const byte = values.get(wire(pipe.id));
    const step = overlay.legend.find((one) => byte >= one.byte_from && byte <= one.byte_to);
    const spots = await around(page, pipe, pixel);
    const before = await colours(page, spots);
    assert.ok(Math.min(...before.map((colour) => difference(colour, rgb(step.colour)))) > 24, 'the colour was there before the switch');
    await page.locator('.analysis', { hasText: overlay.label.zh }).locator('label').click();
    await page.waitForFunction(
      ({ id, layer }) => {
        const { map } = window.citytwinConsole;
        const source = map.getStyle().layers.find((one) => one['source-layer'] === layer).source;
        return map.getFeatureState({ source, sourceLayer: layer, id }).risk !== undefined;
      },
      { id: wire(pipe.id), layer: pipe.class },
      { timeout: 30_000 },
    );
    await settled();
    const state = await page.evaluate(
      ({ id, layer }) => {
        const { map } = window.citytwinConsole;
        const source = map.getStyle().layers.find((one) => one['source-layer'] === layer).source;
        return map.getFeatureState({ source, sourceLayer: layer, id }).risk;
      },
      { id: wire(pipe.id), layer: pipe.class },
    );
    assert.equal(state, byte);
    const after = await colours(page, spots);
    const nearest = Math.min(...after.map((colour) => difference(colour, rgb(step.colour))));
    assert.ok(nearest <= 24, `pipe ${pipe.id} (byte ${byte}) is not ${step.colour}: ${JSON.stringify(after)}`);
    const legend = await page.locator('.analysis', { hasText: overlay.label.zh }).innerText();
    for (const one of overlay.legend) assert.ok(legend.includes(one.label.zh), `the legend lacks ${one.label.zh}`);
    await look(catalogue.city.origin, 15.6, 45);
    await picture('risk');
    return `${pipe.id} byte ${byte} ${step.label.zh}`;
  });

  await run.check('the coverage switch colours buildings and shows the area covered', async () => {
    await page.locator('.analysis.on label').first().click();
    const overlay = (await run.get('/overlays')).find((one) => one.id === 'coverage');
    const values = (await run.get('/overlays/coverage/features')).values;
    const covered = values.filter(([, byte]) => byte === 254).length;
    const not = values.filter(([, byte]) => byte === 0).length;
    assert.ok(values.length > 0, 'no building is judged');
    await page.locator('.analysis', { hasText: overlay.label.zh }).locator('label').click();
    await look(catalogue.city.origin, 15.6, 0);
    await page.waitForFunction(() => window.citytwinConsole.map.queryRenderedFeatures({ layers: ['area-hydrant_coverage'] }).length > 0, null, { timeout: 30_000 });
    // One building of each verdict: its roof has the legend's hue, and its state is the server's byte.
    let looked = 0;
    for (const wanted of [254, 0]) {
      const judged = values.filter(([, byte]) => byte === wanted);
      // A city may have none of one verdict; what it has is looked at.
      if (judged.length === 0) continue;
      const roof = await roofOf(run, judged, numbers);
      assert.ok(roof, `of ${judged.length} buildings with byte ${wanted} none has a roof to look at`);
      looked += 1;
      await look(roof.middle, 19, 0);
      const [colour] = await colours(page, [await pixel(roof.middle)]);
      const step = overlay.legend.find((one) => wanted >= one.byte_from && wanted <= one.byte_to);
      const off = Math.abs((((hue(colour) ?? 1000) - hue(rgb(step.colour)) + 540) % 360) - 180);
      assert.ok(off < 25, `building ${roof.id} (byte ${wanted}) is ${colour}, not near ${step.colour}`);
    }
    await look(catalogue.city.origin, 15.6, 45);
    await picture('coverage');
    await page.locator('.analysis.on label').first().click();
    assert.equal(looked, Number(covered > 0) + Number(not > 0), 'not every verdict was looked at');
    return `${covered} covered, ${not} not, ${looked} roofs looked at`;
  });

  // ── search ──

  await run.check('search finds a code, jumps there, and is driven by keyboard alone', async () => {
    const many = (await run.get('/collections/manhole/items?limit=50')).features;
    const manhole = many[many.length - 1];
    await page.keyboard.press('Escape');
    await page.locator('canvas.maplibregl-canvas').focus();
    await page.keyboard.press('/');
    await page.keyboard.type(manhole.properties.code, { delay: 15 });
    await page.getByRole('option').first().waitFor({ timeout: 20000 });
    await picture('search');
    await page.keyboard.press('Enter');
    await page.waitForFunction((id) => document.querySelector('aside .id')?.textContent.includes(id), manhole.id, { timeout: 20000 });
    await settled();
    const [lon, lat] = manhole.geometry.coordinates;
    const [x, y] = await pixel([lon, lat]);
    assert.ok(x > 330 && x < 1070 && y > 60 && y < 870, `the manhole is not in the free part of the screen: ${x}, ${y}`);
    await page.keyboard.press('/');
    await page.keyboard.type('不存在的设施', { delay: 5 });
    await page.getByText('没有找到').first().waitFor({ timeout: 20000 });
    await page.keyboard.press('Escape');
    return manhole.id;
  });

  // ── live ──

  if (run.key) {
    await run.check('a new hydrant recolours the buildings that it reaches, without anybody asking', async () => {
      const overlay = (await run.get('/overlays')).find((one) => one.id === 'coverage');
      const bare = (await run.get('/overlays/coverage/features')).values.filter(([, byte]) => byte === 0);
      const roof = await roofOf(run, bare, numbers);
      assert.ok(roof, `of ${bare.length} buildings that no hydrant reaches none has a roof to look at`);
      await page.keyboard.press('Escape');
      await look(roof.middle, 18);
      const analysis = page.locator('.analysis', { hasText: overlay.label.zh }).locator('label');
      await analysis.click();
      const byte = (wanted) =>
        page.waitForFunction(
          ({ id, wanted }) => {
            const { map } = window.citytwinConsole;
            const source = map.getStyle().layers.find((one) => one['source-layer'] === 'building').source;
            return map.getFeatureState({ source, sourceLayer: 'building', id }).coverage === wanted;
          },
          { id: wire(roof.id), wanted },
          { timeout: 30_000 },
        );
      await byte(0);
      const properties = { code: 'H-NEW', state: 'in_use' };
      const geometry = { type: 'Point', coordinates: [...roof.middle, 20] };
      const sent = performance.now();
      const made = await run.post('/collections/hydrant/items', { type: 'Feature', geometry, properties });
      await byte(254);
      const taken = performance.now() - sent;
      await run.remove(`/collections/hydrant/items/${made.id}`);
      await byte(0);
      await analysis.click();
      return `${roof.id}, ${Math.round(taken)} ms`;
    });

    const target = await alarmTarget(run);

    await run.check('a simulated value is labelled as one', async () => {
      await look(target.position, 17);
      await page.mouse.click(...(await pixel(target.position)));
      await page.waitForFunction((id) => document.querySelector('aside .id')?.textContent.includes(id), target.host, { timeout: 20000 });
      assert.ok((await panel().innerText()).includes('模拟数据'));
      await page.keyboard.press('Escape');
    });

    // From here on it reports as a real device: the simulator leaves it alone, and what the test raises stays raised.
    await run.patch(`/collections/datastream/items/${target.id}`, { type: 'Feature', properties: { simulated: false } });

    await run.check('a reading above its limit turns the pin red within 2 s', async () => {
      await look(target.position, 17);
      const before = await page.evaluate(pinState, target.wire);
      const value = target.high + Math.max(1, Math.abs(target.high) * 0.2, target.hysteresis * 2);
      const sent = performance.now();
      const answer = await run.post('/readings', [{ datastream: target.code, time: new Date().toISOString(), value }]);
      assert.equal(answer.accepted, 1, JSON.stringify(answer));
      await page.waitForFunction(
        ({ wire, severity }) => window.citytwinConsole.map.queryRenderedFeatures({ layers: ['live-pins'] }).some((pin) => pin.properties.wire === wire && pin.properties.severity === severity),
        { wire: target.wire, severity: target.severity },
        { timeout: 15000, polling: 30 },
      );
      const taken = performance.now() - sent;
      assert.ok(taken < 2000, `${Math.round(taken)} ms`);
      const [x, y] = await pixel(target.position);
      // Beside the mark in the middle.
      const [colour] = await colours(page, [[x + 7, y]]);
      assert.ok(colour[0] > 180 && colour[0] - colour[1] > 90 && colour[0] - colour[2] > 90, `the pin is ${colour}`);
      await picture('alarm');
      return `${target.code} ${value} ${target.unit} (${target.severity}), ${Math.round(taken)} ms, before: ${before ?? 'no pin'}`;
    });

    await run.check('the alarm is listed, jumped to and acknowledged after signing in', async () => {
      await page.locator('nav.tabs button', { hasText: '报警' }).click();
      const row = page.locator(`.side li[data-host="${target.host}"]`).first();
      await row.getByRole('button', { name: /确认报警/ }).click();
      await page.locator('#sign-key').fill('wrong');
      await page.getByRole('dialog').getByRole('button', { name: '登录' }).click();
      await page.getByText('密钥不正确').waitFor({ timeout: 20000 });
      await page.locator('#sign-key').fill(run.key);
      await page.getByRole('dialog').getByRole('button', { name: '登录' }).click();
      await page.locator('.sign .tool', { hasText: '已登录' }).waitFor({ timeout: 20000 });
      await page.keyboard.press('Escape');
      await row.locator('.jump').click();
      await page.waitForFunction((id) => document.querySelector('aside .id')?.textContent.includes(id), target.host, { timeout: 20000 });
      await picture('alarms');
      await row.getByRole('button', { name: /确认报警/ }).click();
      await page.locator(`.side li[data-host="${target.host}"]`).filter({ hasText: '已确认' }).first().waitFor({ timeout: 20000 });
      const alarm = (await run.get('/alarms')).alarms.find((one) => one.datastream === target.code);
      assert.equal(alarm?.state, 'acknowledged');
    });

    await run.check('the page of the facility shows the live value, labelled, with its curve', async () => {
      const text = await panel().innerText();
      assert.ok(text.includes('实时数值') && text.includes(target.unit), text);
      assert.ok(!text.includes('模拟数据'), 'a real reading is labelled as simulated');
      await panel().locator('svg path[d^="M"]').first().waitFor({ state: 'attached', timeout: 20000 });
    });
  }

  await run.check('history of a facility is shown', async () => {
    await panel().getByRole('button', { name: '查看历史版本' }).click();
    await panel().locator('.version').first().waitFor({ timeout: 20000 });
    return (await panel().locator('.version').first().innerText()).replace(/\s+/g, ' ');
  });

  await run.check('the 3D view is linked at the same place', async () => {
    const link = page.locator('header a[href^="/viewer/"]');
    await link.dispatchEvent('pointerdown');
    const href = await link.getAttribute('href');
    const query = new URL(href, run.server).searchParams;
    const centre = await page.evaluate(() => window.citytwinConsole.map.getCenter().toArray());
    assert.ok(Math.abs(Number(query.get('lon')) - centre[0]) < 0.05 && Math.abs(Number(query.get('lat')) - centre[1]) < 0.05, href);
    assert.ok(Number(query.get('height')) > 0 && Number(query.get('pitch')) < 0 && query.get('selection'), href);
    return href;
  });

  // ── for everybody ──

  await run.check('English is one click away and remembered', async () => {
    await page.getByRole('button', { name: /切换为英文/ }).click();
    await page.getByRole('button', { name: /Switch to Chinese/ }).waitFor();
    const words = (await page.locator('nav.tabs').innerText()) + (await panel().innerText());
    assert.ok(words.includes('Layers') && words.includes('Attributes'), words);
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    await page.reload();
    await settled();
    await page.locator('nav.tabs button', { hasText: 'Layers' }).waitFor();
    await picture('english');
    await page.getByRole('button', { name: /Switch to Chinese/ }).click();
  });

  await run.check('the keyboard reaches the map, and Enter there reads what lies in the middle', async () => {
    await page.goto(run.server + '/');
    await settled();
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement.matches('.skip')), 'the first stop is not the way to the map');
    await page.keyboard.press('Enter');
    assert.ok(await page.evaluate(() => document.activeElement.matches('canvas')), 'the map has no focus');
    const hydrant = (await run.get('/collections/hydrant/items?limit=1')).features[0];
    await look(hydrant.geometry.coordinates.slice(0, 2), 19);
    await page.keyboard.press('Enter');
    await page.waitForFunction((id) => document.querySelector('aside .id')?.textContent.includes(id), hydrant.id, { timeout: 20000 });
  });

  await run.check('axe finds nothing wrong (names, roles, contrast), desk', async () => {
    for (const tab of ['图层', '报警']) {
      await page.locator('nav.tabs button', { hasText: tab }).click();
      await axe(page);
    }
  });

  await run.check('nothing on the browser console so far, no request left the origin', async () => {
    // The browser itself notes the wrong key that was tried above.
    assert.deepEqual(record.complaints.filter((text) => !/status of 40[13] .*\/(session|signin)/.test(text)), []);
    assert.deepEqual(record.foreign, []);
    return `${record.requests} requests`;
  });

  // Last: a broken line makes the browser itself complain.
  await run.check('a lost connection is said, and mended', async () => {
    await context.setOffline(true);
    await page.getByText('这台设备没有网络').first().waitFor({ timeout: 30_000 });
    await picture('offline');
    await context.setOffline(false);
    await page.locator('.pill.open').waitFor({ timeout: 20_000 });
    await page.locator('.banner').waitFor({ state: 'detached', timeout: 30_000 });
  });
  assert.deepEqual(record.foreign, []);
  await context.close();

  // ── phone ──

  const phone = await open(browser, run.server, 'phone');
  await run.check('the phone shows map, layers, alarms and a facility', async () => {
    const { page } = phone;
    const shot = (name) => page.screenshot({ path: join(run.out, `console-phone-${name}.png`) });
    await page.goto(run.server + '/');
    await settled(page);
    await shot('map');
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    await page.locator('nav.tabs button', { hasText: '图层' }).tap();
    await page.locator('.side').waitFor();
    await shot('layers');
    await axe(page);
    await page.locator('nav.tabs button', { hasText: '报警' }).tap();
    await shot('alarms');
    await page.locator('.grip button').tap();
    const hydrant = (await run.get('/collections/hydrant/items?limit=1')).features[0];
    const position = hydrant.geometry.coordinates.slice(0, 2);
    await page.evaluate((position) => window.citytwinConsole.map.jumpTo({ center: position, zoom: 18.5 }), position);
    await settled(page);
    const [x, y] = await pixel(position, page);
    await page.touchscreen.tap(x, y);
    await page.waitForFunction((id) => document.querySelector('aside .id')?.textContent.includes(id), hydrant.id, { timeout: 20000 });
    await settled(page);
    const [, after] = await pixel(position, page);
    const top = await page.evaluate(() => document.querySelector('aside').getBoundingClientRect().top);
    assert.ok(after < top, 'the sheet covers what was tapped');
    await shot('hydrant');
    await axe(page);
    assert.deepEqual(phone.record.complaints, []);
    assert.deepEqual(phone.record.foreign, []);
    return `${phone.record.requests} requests`;
  });
  await phone.context.close();

  await run.check('a reader who asked for less motion gets none', async () => {
    const calm = await open(browser, run.server, 'desk');
    await calm.page.emulateMedia({ reducedMotion: 'reduce' });
    await calm.page.goto(run.server + '/');
    await settled(calm.page);
    const seen = new Set();
    for (let i = 0; i < 12; i++) {
      seen.add(await calm.page.evaluate(() => window.citytwinConsole.map.getPaintProperty('live-flash', 'circle-opacity')));
      await calm.page.waitForTimeout(150);
    }
    await calm.context.close();
    assert.equal(seen.size, 1, `the ring blinks: ${[...seen]}`);
  });
}

function pinState(wire) {
  const pin = window.citytwinConsole.map.queryRenderedFeatures({ layers: ['live-pins'] }).find((one) => one.properties.wire === wire);
  return pin ? pin.properties.severity : null;
}

async function axe(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const result = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] });
    return result.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(' ')} (${node.failureSummary?.split('\n').slice(1, 2).join('')})`).slice(0, 4).join('; ')}`);
  });
  assert.deepEqual(found, []);
}

/** A water pipe and a point of it that lies well apart from manholes, hydrants and other pipes' ends. */
async function alonePipe(run, values) {
  const catalogue = await run.get('/catalogue');
  const no = catalogue.classes.find((one) => one.id === 'water_pipe').no;
  const pipes = (await run.get('/collections/water_pipe/items?limit=200')).features;
  const judged = values ? pipes.filter((pipe) => (values.get(no * CLASS_STEP + Number(pipe.id.split('.')[1])) ?? 255) !== 255) : pipes;
  const best = judged
    .map((pipe) => {
      const line = pipe.geometry.type === 'MultiLineString' ? pipe.geometry.coordinates[0] : pipe.geometry.coordinates;
      const parts = line.slice(1).map((end, at) => [line[at], end]);
      const size = ([a, b]) => Math.hypot((a[0] - b[0]) * 0.866, a[1] - b[1]);
      const part = parts.sort((a, b) => size(b) - size(a))[0];
      return { pipe, part, size: size(part) };
    })
    .sort((a, b) => b.size - a.size)[0];
  assert.ok(best, 'no water pipe to look at');
  const [a, b] = best.part;
  const at = (share) => [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
  return { id: best.pipe.id, class: 'water_pipe', code: best.pipe.properties.code, middle: at(0.42), at };
}

/** Points on a pipe about its middle: a name may be written over one of them, not over all. */
async function around(page, pipe, pixel) {
  const spots = [];
  for (const share of [0.36, 0.38, 0.4, 0.42, 0.44, 0.46, 0.48]) {
    const [x, y] = await pixel(pipe.at(share));
    const { width, height } = page.viewportSize();
    if (x > 340 && x < width - 80 && y > 70 && y < height - 60) spots.push([x, y]);
  }
  return spots;
}

async function roofOf(run, values, numbers) {
  for (const [wire] of values.slice(0, 400)) {
    if (Math.floor(wire / CLASS_STEP) !== numbers.get('building')) continue;
    const item = await run.get(`/collections/building/items/${wire % CLASS_STEP}`);
    const ring = item.geometry.type === 'MultiPolygon' ? item.geometry.coordinates[0][0] : item.geometry.coordinates[0];
    // The middle of a box-like ring lies on the roof; others are passed over.
    if (ring.length !== 5) continue;
    const middle = [0, 1].map((axis) => (ring[0][axis] + ring[2][axis]) / 2);
    return { id: item.id, middle };
  }
  return null;
}

/** A datastream with an upper limit on a placed feature; the worse its alarm the better. */
async function alarmTarget(run) {
  const streams = (await run.get('/collections/datastream/items?limit=10000')).features.map((one) => ({ ...one.properties, id: one.id }));
  const latest = new Map((await run.get('/readings/latest')).values.map((one) => [one.datastream, one]));
  const order = ['notice', 'warning', 'serious', 'critical'];
  const found = streams
    .filter((one) => one.alarm_high != null && latest.get(one.code)?.position && !latest.get(one.code).alarm)
    .filter((one) => ['serious', 'critical'].includes(one.severity))
    // Alone on its feature, so that nothing else colours the pin.
    .filter((one) => streams.filter((other) => other.host === one.host).length === 1)
    .sort((a, b) => order.indexOf(b.severity) - order.indexOf(a.severity))[0];
  assert.ok(found, 'no datastream with an upper limit and a place');
  const value = latest.get(found.code);
  return {
    id: found.id,
    code: found.code,
    high: found.alarm_high,
    hysteresis: found.hysteresis ?? 0,
    severity: found.severity,
    unit: found.unit,
    host: value.host,
    wire: value.id,
    position: value.position.slice(0, 2),
  };
}
