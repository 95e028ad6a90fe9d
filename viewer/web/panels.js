// The panels: they show what the viewer's model says and send commands back. Built once, then only changed where needed.
import { command } from './host.js';

const by = (id) => document.getElementById(id);
const text = (node, words) => node.textContent !== words && (node.textContent = words);
const shown = (node, yes) => node.hidden === yes && (node.hidden = !yes);

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Rebuilds a part only when what it shows has changed: focus and scrolling stay where they are. */
const before = new Map();
function part(id, value, build) {
  const key = JSON.stringify(value);
  if (before.get(id) === key) return;
  before.set(id, key);
  by(id).replaceChildren(...build());
}

function toggle(label, on, change, count) {
  const box = make('input', { type: 'checkbox', checked: on });
  box.onchange = () => change(box.checked);
  const line = make('label', { className: 'line' }, box, label);
  if (count !== undefined) line.append(make('span', { className: 'count', textContent: count.toLocaleString() }));
  return line;
}

function choice(label, on, change) {
  const button = make('input', { type: 'radio', name: 'overlay', checked: on });
  button.onchange = () => button.checked && change();
  return make('label', { className: 'line' }, button, label);
}

const table = (rows) => rows.map((row) => make('tr', {}, make('td', { textContent: row.label }), make('td', { textContent: row.value })));

export function showModel(model) {
  const w = model.words;
  document.documentElement.lang = model.lang;
  document.title = `${model.city || 'CityTwin'} · 3D`;
  text(by('title'), model.city || 'CityTwin');
  text(by('lang'), model.lang === 'zh' ? 'EN' : '中文');
  by('lang').title = w.language;
  text(by('simulated'), w.simulated);
  shown(by('simulated'), model.simulated);
  by('search').placeholder = w.search;
  by('search').ariaLabel = w.search;
  text(by('home'), w.home);
  text(by('north'), w.north);
  text(by('map'), w.map);
  by('map').href = `/?${model.link}`;
  by('compass').title = w.north;
  by('compass').ariaLabel = w.north;
  by('compass').firstElementChild.style.transform = `rotate(${-model.status.heading}deg)`;
  by('feature-close').ariaLabel = w.close;
  by('fold').ariaLabel = w.layers;
  text(by('layers-title'), w.layers);
  text(by('overlays-title'), w.overlays);

  part('toggles', [model.underground, model.labels, model.shadows, model.lang], () => [
    toggle(w.underground, model.underground, (on) => command({ do: 'underground', on })),
    toggle(w.labels, model.labels, (on) => command({ do: 'labels', on })),
    toggle(w.shadows, model.shadows, (on) => command({ do: 'shadows', on })),
  ]);
  part('layers', model.layers, () => model.layers.map((layer) => toggle(layer.label, layer.on, (on) => command({ do: 'layer', id: layer.id, on }), layer.count)));
  part('overlays', [model.overlay, model.overlays, model.lang], () => [
    choice(w.none, model.overlay === null, () => command({ do: 'overlay', id: null })),
    ...model.overlays.flatMap((overlay) => {
      const on = model.overlay === overlay.id;
      const label = overlay.computing ? `${overlay.label} (${w.computing})` : overlay.label;
      const line = choice(label, on, () => command({ do: 'overlay', id: overlay.id }));
      return on ? [line, legend(overlay.legend)] : [line];
    }),
  ]);
  part('found', model.found, () =>
    (model.found ?? []).length === 0
      ? [make('li', { className: 'quiet', textContent: w.nothing_found })]
      : model.found.slice(0, 12).map((one) => {
          const button = make('button', { type: 'button', textContent: `${one.label} · ${one.class}` });
          button.onclick = () => command({ do: 'select', id: one.id });
          return make('li', {}, button);
        }),
  );
  shown(by('found'), model.found !== null);

  showFeature(model.panel, w);
  shown(by('alarms'), model.alarms.length > 0);
  text(by('alarms-title'), `${w.alarms} ${model.alarms.length}`);
  part('alarm-list', model.alarms, () =>
    model.alarms.slice(0, 20).map((alarm) => {
      const dot = make('i');
      dot.style.background = alarm.colour;
      const button = make('button', { type: 'button' }, dot, make('span', { textContent: alarm.text }), make('span', { className: 'host', textContent: alarm.host }));
      button.onclick = () => command({ do: 'go_to_alarm', id: alarm.id });
      return make('li', {}, button);
    }),
  );

  const s = model.status;
  const loading = s.loading > 0 ? `　${w.loading} ${s.loading}` : '';
  const connection = model.connected ? '' : `　${w.not_connected}`;
  text(by('status-text'), `${s.place}　${s.height}${loading}${connection}`);
  text(by('status-trouble'), model.trouble ?? '');
  keepLink(model.link);
}

function legend(entries) {
  return make(
    'ul',
    { className: 'legend' },
    ...entries.map(([colour, label]) => {
      const swatch = make('i');
      swatch.style.background = colour;
      return make('li', {}, swatch, label);
    }),
  );
}

function showFeature(panel, w) {
  shown(by('feature'), panel !== null);
  if (panel === null) return;
  text(by('feature-title'), panel.title);
  text(by('feature-id'), `${panel.class} · ${panel.id}`);
  shown(by('feature-alarm'), panel.alarm !== null);
  part('feature-alarm', panel.alarm, () => {
    if (panel.alarm === null) return [];
    const button = make('button', { type: 'button', textContent: w.acknowledge });
    button.onclick = () => command({ do: 'acknowledge', id: panel.alarm.id });
    return [make('span', { textContent: panel.alarm.text }), ...(panel.alarm.raised ? [button] : [])];
  });
  shown(by('feature-live'), panel.live.length > 0);
  part('feature-live', panel.live, () => [
    make('h2', { textContent: w.live }),
    make('table', {}, ...table(panel.live)),
    ...(panel.live.some((row) => row.simulated) ? [make('p', { className: 'badge', textContent: w.simulated })] : []),
  ]);
  shown(by('feature-note'), panel.note !== null);
  text(by('feature-note'), panel.note ?? '');
  part('feature-rows', panel.rows, () => table(panel.rows));
}

/** The address always opens this view; written at most once a second, since browsers count such changes. */
let kept = 0;
function keepLink(link) {
  if (performance.now() - kept < 1000 || location.search.slice(1) === link) return;
  kept = performance.now();
  history.replaceState(null, '', `?${link}`);
}

by('lang').onclick = () => command({ do: 'lang', lang: document.documentElement.lang === 'zh' ? 'en' : 'zh' });
by('home').onclick = () => command({ do: 'home' });
by('north').onclick = () => command({ do: 'north' });
by('compass').onclick = () => command({ do: 'north' });
by('feature-close').onclick = () => command({ do: 'select', id: null });
by('fold').onclick = () => fold(!by('main').classList.contains('folded'));
by('search-form').onsubmit = (event) => {
  event.preventDefault();
  command({ do: 'search', text: by('search').value });
};
by('search').oninput = () => by('search').value === '' && command({ do: 'search', text: '' });

function fold(yes) {
  by('main').classList.toggle('folded', yes);
  by('fold').setAttribute('aria-expanded', String(!yes));
}
fold(matchMedia('(max-width: 640px)').matches);

// Keys typed into a field are not meant for the scene.
let busy = '';
function tellBusy() {
  const field = document.activeElement?.matches('input, textarea, select') ?? false;
  const now = JSON.stringify([field]);
  if (now !== busy && command({ do: 'busy', pointer: false, keys: field })) busy = now;
}
addEventListener('focusin', tellBusy);
addEventListener('focusout', () => setTimeout(tellBusy));
