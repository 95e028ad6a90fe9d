// The map itself: MapLibre behind a few words that the rest of the console uses.

import {
  Map as MapLibre,
  ScaleControl,
  setWorkerUrl,
  type ExpressionSpecification,
  type GeoJSONSource,
  type LayerSpecification,
  type MapGeoJSONFeature,
  type PointLike,
  type StyleSpecification,
  type VectorTileSource,
} from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import 'maplibre-gl/dist/maplibre-gl.css';
import type { Changed, Class, Overlay, Position, Severity } from '../wire';
import type { Place } from '../place';
import { alarmMark, disc, FRESH_COLOUR, PIXEL_RATIO, QUIET_COLOUR, SEVERITY_COLOUR } from './icons';
import { AREAS, byClass, colourOf, colourProperty, WIDE_LINE } from './overlay';
import { anchor } from './anchors';
import { areaNames, athome, CHINESE_FONT, FONT, layersByClass, minZoom, NAMED_AREAS, nameLayers, sourceLayer } from './style';
import { tilesOf } from './tiles';

setWorkerUrl(workerUrl);

const PINS = 'live-pins';
const SELECTED = 'selected';
const HIGHLIGHT = '#00a3ff';
/** How far from the finger a thin thing may be. */
const REACH_PX = { mouse: 5, touch: 14 };
const FLASH_MS = 700;

/** Pixels that panels cover, by side. */
export interface Padding {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

export interface Picked {
  wire: number;
  class: string;
  code: string | null;
  name: string | null;
}

export interface MapEvents {
  pick(found: Picked[], at: [number, number]): void;
  move(): void;
  hover(lon: number, lat: number): void;
  failure(why: string): void;
  contextLost(lost: boolean): void;
}

export class CityMap {
  readonly map: MapLibre;
  /** Style layers of each drawn class. */
  readonly layers: Map<string, LayerSpecification[]>;
  #classes: Map<number, Class>;
  #classesById: Map<string, Class>;
  #original = new Map<string, Record<string, unknown>>();
  #overlays = new Map<string, { overlay: Overlay; values: [number, number][] }>();
  #hidden = new Set<string>();
  #flash = 0;
  #pins = '';
  #raised = false;
  #still = matchMedia('(prefers-reduced-motion: reduce)');
  #ready = false;
  #waiting: (() => void)[] = [];

  constructor(container: HTMLElement, served: StyleSpecification, classes: Class[], place: Place, private events: MapEvents, label: string) {
    this.#classes = new Map(classes.map((one) => [one.no, one]));
    this.#classesById = new Map(classes.map((one) => [one.id, one]));
    const { style, foreign } = athome(served, location.origin);
    for (const address of foreign) events.failure(address);
    style.layers = this.#withPictures(style.layers);
    this.layers = new Map([...layersByClass(style.layers)].filter(([id]) => this.#classesById.has(id)));
    style.layers = [...style.layers, ...nameLayers(style)];

    this.map = new MapLibre({
      container,
      style,
      center: [place.lon, place.lat],
      zoom: place.zoom,
      bearing: place.heading,
      pitch: place.tilt,
      maxPitch: 70,
      maxZoom: 22,
      attributionControl: false,
      localIdeographFontFamily: CHINESE_FONT,
      locale: { 'Map.Title': label, 'ScaleControl.Meters': 'm', 'ScaleControl.Kilometers': 'km' },
      // A last fence behind `athome`: MapLibre asks nobody but our own server.
      transformRequest: (url) => {
        if (new URL(url, location.origin).origin !== location.origin) throw new Error(`foreign address ${url}`);
        return { url, credentials: 'same-origin' };
      },
      fadeDuration: this.#still.matches ? 0 : 200,
    });
    this.map.addControl(new ScaleControl({ maxWidth: 110 }), 'bottom-left');
    this.map.setMissingStyleImageResolver((id) => this.#draw(id));
    this.map.on('load', () => {
      this.#addOwnLayers();
      this.#ready = true;
      for (const task of this.#waiting.splice(0)) task();
    });
    this.map.on('error', ({ error }) => events.failure(error?.message ?? String(error)));
    this.map.on('moveend', () => events.move());
    this.map.on('zoomend', () => events.move());
    this.map.on('webglcontextlost', () => events.contextLost(true));
    this.map.on('webglcontextrestored', () => events.contextLost(false));
    this.#listen();
    this.#flash = window.setInterval(() => this.#flashOnce(), FLASH_MS);
  }

  remove() {
    clearInterval(this.#flash);
    this.map.remove();
  }

  /** Runs now, or as soon as the style stands. */
  whenReady(task: () => void) {
    if (this.#ready) task();
    else this.#waiting.push(task);
  }

  // ── what is drawn ──────────────────────────────────────────────────────────────────────────────

  get drawn(): ReadonlySet<string> {
    return new Set(this.layers.keys());
  }

  minZoom(id: string): number {
    const layers = this.layers.get(id);
    return layers ? minZoom(layers) : 0;
  }

  setVisible(id: string, visible: boolean) {
    if (visible) this.#hidden.delete(id);
    else this.#hidden.add(id);
    this.whenReady(() => {
      const layers = this.layers.get(id)?.map((layer) => layer.id) ?? [];
      for (const layer of [...layers, `name-${id}`]) {
        if (this.map.getLayer(layer)) this.map.setLayoutProperty(layer, 'visibility', visible ? 'visible' : 'none');
      }
    });
  }

  /** Writes the names of areas, one to each; `items` are all that the city has of the class. */
  setNames(of: string, items: { geometry: GeoJSON.Geometry | null; properties: Record<string, unknown> }[]) {
    const about = NAMED_AREAS.find((one) => one.class === of);
    if (!about || !this.layers.has(of)) return;
    const features = items.flatMap(({ geometry, properties }): GeoJSON.Feature[] => {
      const at = geometry && anchor(geometry);
      return at && properties['name'] ? [{ type: 'Feature', geometry: { type: 'Point', coordinates: at }, properties: { name: properties['name'] } }] : [];
    });
    const data: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features };
    this.whenReady(() => {
      const id = `name-${of}`;
      const source = this.map.getSource<GeoJSONSource>(id);
      if (source) {
        void source.setData(data);
        return;
      }
      this.map.addSource(id, { type: 'geojson', data });
      this.map.addLayer(areaNames(of, id, about.colour, about.minzoom), 'live-flash');
      if (this.#hidden.has(of)) this.map.setLayoutProperty(id, 'visibility', 'none');
    });
  }

  /** Point classes with a picture: the style's disc far away, the picture near. */
  #withPictures(layers: LayerSpecification[]): LayerSpecification[] {
    const pictured = new Set(layers.filter((layer) => layer.type === 'symbol').map(sourceLayer));
    return layers.flatMap((layer) => {
      const of = sourceLayer(layer);
      const one = of ? this.#classesById.get(of) : undefined;
      if (!one || layer.type !== 'circle' || pictured.has(of) || one.geometry !== 'point') return [layer];
      // A sensor is its live pin; what the tile says of it stays small below.
      if (of === 'sensor') return [{ ...layer, paint: { ...layer.paint, 'circle-radius': 3 } }];
      const near = Math.max(16, (layer.minzoom ?? 0) + 1);
      return [
        { ...layer, maxzoom: near },
        {
          id: `${layer.id}-picture`,
          type: 'symbol',
          source: layer.source,
          'source-layer': of!,
          minzoom: near,
          layout: {
            'icon-image': `class:${one.id}`,
            'icon-size': ['interpolate', ['linear'], ['zoom'], 16, 0.6, 18, 0.9, 20, 1.2],
            'icon-allow-overlap': true,
            'icon-ignore-placement': true,
          },
        },
      ] satisfies LayerSpecification[];
    });
  }

  #draw(id: string) {
    if (this.map.hasImage(id)) return;
    const one = id.startsWith('class:') ? this.#classesById.get(id.slice(6)) : [...this.#classesById.values()].find((one) => one.symbol.icon === id);
    if (id === 'alarm-mark') this.map.addImage(id, alarmMark(), { pixelRatio: PIXEL_RATIO });
    else this.map.addImage(id, disc(one?.symbol.colour ?? '#667085', one?.symbol.icon ?? one?.id ?? ''), { pixelRatio: PIXEL_RATIO });
  }

  #addOwnLayers() {
    const { map } = this;
    const empty = { type: 'FeatureCollection' as const, features: [] };
    map.addSource(SELECTED, { type: 'geojson', data: empty });
    map.addSource(PINS, { type: 'geojson', data: empty });

    map.addLayer({ id: 'selected-area', type: 'fill', source: SELECTED, filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': HIGHLIGHT, 'fill-opacity': 0.18 } });
    map.addLayer({
      id: 'selected-block',
      type: 'fill-extrusion',
      source: SELECTED,
      filter: ['all', ['==', ['geometry-type'], 'Polygon'], ['has', 'height_m']],
      paint: { 'fill-extrusion-color': HIGHLIGHT, 'fill-extrusion-height': ['+', ['number', ['get', 'height_m'], 0], 0.4], 'fill-extrusion-opacity': 0.55 },
    });
    map.addLayer({
      id: 'selected-line-casing',
      type: 'line',
      source: SELECTED,
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': '#ffffff', 'line-width': ['interpolate', ['linear'], ['zoom'], 12, 5, 18, 11] },
    });
    map.addLayer({
      id: 'selected-line',
      type: 'line',
      source: SELECTED,
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': HIGHLIGHT, 'line-width': ['interpolate', ['linear'], ['zoom'], 12, 3, 18, 7] },
    });

    const bySeverity: ExpressionSpecification = [
      'match',
      ['get', 'severity'],
      ...(Object.entries(SEVERITY_COLOUR) as [Severity, string][]).flat(),
      ['match', ['get', 'fresh'], 'fresh', FRESH_COLOUR, '#ffffff'],
    ] as unknown as ExpressionSpecification;
    const alarmed: ExpressionSpecification = ['!=', ['get', 'severity'], 'none'];
    map.addLayer({
      id: 'live-flash',
      type: 'circle',
      source: PINS,
      filter: ['all', alarmed, ['==', ['get', 'raised'], true]],
      paint: { 'circle-color': bySeverity, 'circle-radius': 19, 'circle-opacity': 0.3, 'circle-opacity-transition': { duration: 0 } },
    });
    map.addLayer({
      id: 'live-pins',
      type: 'circle',
      source: PINS,
      layout: { 'circle-sort-key': ['get', 'order'] },
      paint: {
        'circle-color': bySeverity,
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 12, ['case', alarmed, 8, 1.8], 14.5, ['case', alarmed, 9, 3.2], 16.5, ['case', alarmed, 10, 5.5]],
        'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 13, ['case', alarmed, 2, 0.8], 16, ['case', alarmed, 2, 1.8]],
        // Neither fresh nor in alarm: a hollow grey ring.
        'circle-stroke-color': ['case', alarmed, '#ffffff', ['match', ['get', 'fresh'], 'fresh', '#ffffff', QUIET_COLOUR]],
      },
    });
    map.addLayer({
      id: 'live-marks',
      type: 'symbol',
      source: PINS,
      filter: alarmed,
      layout: { 'icon-image': 'alarm-mark', 'icon-allow-overlap': true, 'icon-ignore-placement': true, 'symbol-sort-key': ['get', 'order'] },
      // An acknowledged alarm keeps its colour and loses weight.
      paint: { 'icon-opacity': ['case', ['get', 'raised'], 1, 0.75] },
    });
    map.addLayer({
      id: 'live-values',
      type: 'symbol',
      source: PINS,
      minzoom: 15.5,
      layout: {
        'text-field': ['get', 'text'],
        'text-font': FONT,
        'text-size': 11.5,
        'text-variable-anchor': ['left', 'right', 'top', 'bottom'],
        'text-radial-offset': 1,
        'symbol-sort-key': ['-', 0, ['get', 'order']],
      },
      paint: { 'text-color': ['match', ['get', 'severity'], 'none', '#1d4d43', '#8c1020'], 'text-halo-color': '#ffffff', 'text-halo-width': 1.6 },
    });
    map.addLayer({
      id: 'selected-point',
      type: 'circle',
      source: SELECTED,
      filter: ['==', ['geometry-type'], 'Point'],
      paint: { 'circle-color': 'rgba(0,0,0,0)', 'circle-radius': 14, 'circle-stroke-color': HIGHLIGHT, 'circle-stroke-width': 3 },
    });
  }

  // ── live ───────────────────────────────────────────────────────────────────────────────────────

  setPins(features: GeoJSON.FeatureCollection<GeoJSON.Point>) {
    // Most seconds bring nothing new; laying out the same pins again would still cost a frame.
    const text = JSON.stringify(features);
    if (text === this.#pins) return;
    this.#pins = text;
    this.#raised = features.features.some((feature) => feature.properties?.['raised']);
    this.whenReady(() => void this.map.getSource<GeoJSONSource>(PINS)?.setData(features));
  }

  /** A slow blink, well under three a second; readers who asked for less motion see a steady ring. */
  #flashOnce() {
    if (!this.#ready || !this.#raised || document.hidden) return;
    const before = this.map.getPaintProperty('live-flash', 'circle-opacity');
    const after = this.#still.matches ? 0.3 : before === 0.38 ? 0.1 : 0.38;
    if (before !== after) this.map.setPaintProperty('live-flash', 'circle-opacity', after);
  }

  // ── analyses ───────────────────────────────────────────────────────────────────────────────────

  setOverlay(overlay: Overlay, values: [number, number][] | null) {
    this.whenReady(() => {
      const before = this.#overlays.get(overlay.id);
      if (before) this.#clearStates(before.overlay.id, before.values);
      if (values) {
        this.#overlays.set(overlay.id, { overlay, values });
        this.#setStates(overlay.id, values);
      } else {
        this.#overlays.delete(overlay.id);
      }
      this.#showArea(overlay, values !== null);
      this.#repaint();
    });
  }

  #setStates(key: string, values: [number, number][]) {
    for (const [classNo, list] of byClass(values)) {
      for (const { source, sourceLayer } of this.#tileLayers(classNo)) {
        for (const [id, byte] of list) this.map.setFeatureState({ source, sourceLayer, id }, { [key]: byte });
      }
    }
  }

  #clearStates(key: string, values: [number, number][]) {
    for (const [classNo, list] of byClass(values)) {
      for (const { source, sourceLayer } of this.#tileLayers(classNo)) {
        for (const [id] of list) this.map.removeFeatureState({ source, sourceLayer, id }, key);
      }
    }
  }

  #tileLayers(classNo: number): { source: string; sourceLayer: string }[] {
    const id = this.#classes.get(classNo)?.id;
    const sources = new Set((id ? this.layers.get(id) : undefined)?.map((layer) => ('source' in layer ? (layer.source as string) : '')));
    return [...sources].filter(Boolean).map((source) => ({ source, sourceLayer: id! }));
  }

  /** Paints every class that some analysis speaks of, gives the others their own colours back. */
  #repaint() {
    const painters = new Map<string, Overlay>();
    for (const { overlay, values } of this.#overlays.values()) {
      for (const classNo of byClass(values).keys()) {
        const id = this.#classes.get(classNo)?.id;
        if (id) painters.set(id, overlay);
      }
    }
    for (const [id, layers] of this.layers) {
      const overlay = painters.get(id);
      for (const layer of layers) {
        const colour = colourProperty(layer.type);
        if (!colour) continue;
        this.#paint(layer.id, colour, overlay ? colourOf(overlay) : undefined);
        if (layer.type === 'line') this.#paint(layer.id, 'line-width', overlay ? WIDE_LINE : undefined);
        // What is buried must be seen: buildings that the analysis does not speak of step back.
        if (layer.type === 'fill-extrusion') this.#paint(layer.id, 'fill-extrusion-opacity', painters.size > 0 ? (overlay ? 0.75 : 0.3) : undefined);
      }
    }
  }

  /** Sets a paint property, or puts back what the style said. */
  #paint(layer: string, property: string, value: unknown) {
    const kept = this.#original.get(layer) ?? {};
    if (!(property in kept)) {
      if (value === undefined) return;
      kept[property] = this.map.getPaintProperty(layer, property as 'line-color');
      this.#original.set(layer, kept);
    }
    this.map.setPaintProperty(layer, property as 'line-color', (value === undefined ? kept[property] : value) as string);
  }

  #showArea(overlay: Overlay, on: boolean) {
    const of = AREAS[overlay.id];
    if (!of) return;
    const id = `area-${of}`;
    // New values come with a new area: both are of one computation.
    if (on && this.map.getSource(id)) this.map.refreshTiles(id);
    if (on && !this.map.getSource(id)) {
      this.map.addSource(id, { type: 'vector', tiles: [`${location.origin}/xyz/${of}/{z}/{x}/{y}.mvt`], maxzoom: 16 });
      const colour = overlay.legend.findLast((step) => step.byte_to === 254)?.colour ?? '#2e7d5b';
      const below = this.map.getStyle().layers.find((layer) => layer.type === 'line' || layer.type === 'fill-extrusion')?.id;
      this.map.addLayer({ id, type: 'fill', source: id, 'source-layer': of, paint: { 'fill-color': colour, 'fill-opacity': 0.22 } }, below);
      this.map.addLayer({ id: `${id}-edge`, type: 'line', source: id, 'source-layer': of, paint: { 'line-color': colour, 'line-width': 1.5, 'line-opacity': 0.8 } }, below);
    }
    for (const layer of [id, `${id}-edge`]) {
      if (this.map.getLayer(layer)) this.map.setLayoutProperty(layer, 'visibility', on ? 'visible' : 'none');
    }
  }

  // ── edits ──────────────────────────────────────────────────────────────────────────────────────

  /** Fetches tiles again after an edit: those that show the touched boxes, or all when it is not known which. */
  refresh(changed: Changed[]) {
    this.whenReady(() => {
      const boxes = changed.map((one) => one.bounds);
      const known = boxes.length > 0 && boxes.length <= 200 && boxes.every((box) => box != null);
      for (const [id, source] of Object.entries(this.map.getStyle().sources)) {
        // An area is computed: it follows the computation, not the edit.
        if (source.type !== 'vector' || id.startsWith('area-')) continue;
        const top = Math.min(Math.floor(this.map.getZoom()) + 1, this.map.getSource<VectorTileSource>(id)?.maxzoom ?? 16);
        const tiles = known ? tilesOf(boxes as [number, number, number, number][], top) : undefined;
        this.map.refreshTiles(id, tiles && tiles.length <= 400 ? tiles : undefined);
      }
    });
  }

  // ── where one looks ────────────────────────────────────────────────────────────────────────────

  place(): Place {
    const centre = this.map.getCenter();
    return { lon: centre.lng, lat: centre.lat, zoom: this.map.getZoom(), heading: this.map.getBearing(), tilt: this.map.getPitch() };
  }

  fit(bounds: [number, number, number, number], padding: Padding, maxZoom = 18.5) {
    const [west, south, east, north] = bounds;
    const { map } = this;
    const box = map.getContainer();
    // Panels that leave no room must not turn the fit inside out.
    const room = box.clientWidth - padding.left - padding.right > 80 && box.clientHeight - padding.top - padding.bottom > 80;
    map.fitBounds([west, south, east, north], { padding: room ? padding : 40, maxZoom, bearing: map.getBearing(), pitch: map.getPitch(), ...this.#speed() });
  }

  flyTo(position: Position, padding: Padding, zoom = 17.5) {
    this.map.flyTo({ center: [position[0], position[1]], zoom: Math.max(zoom, this.map.getZoom()), padding, ...this.#speed() });
    // A padding stays with the camera; later moves by hand shall not inherit it.
    void this.map.once('moveend', () => this.map.setPadding({ top: 0, bottom: 0, left: 0, right: 0 }));
  }

  /** Moves the map just so far that a pixel comes out from under the panels. */
  reveal([x, y]: [number, number], padding: Padding) {
    const { clientWidth, clientHeight } = this.map.getContainer();
    const over = (at: number, low: number, high: number) => (low >= high ? 0 : at < low ? at - low : at > high ? at - high : 0);
    const dx = over(x, padding.left, clientWidth - padding.right);
    const dy = over(y, padding.top, clientHeight - padding.bottom);
    if (dx || dy) this.map.panBy([dx, dy], this.#speed());
  }

  #speed() {
    return this.#still.matches ? { duration: 0 } : { duration: 900 };
  }

  // ── picking ────────────────────────────────────────────────────────────────────────────────────

  select(feature: GeoJSON.Feature | null) {
    this.whenReady(() => void this.map.getSource<GeoJSONSource>(SELECTED)?.setData(feature ?? { type: 'FeatureCollection', features: [] }));
  }

  /** Everything at a pixel, what the reader most likely means first. */
  pick(x: number, y: number, reach: number): Picked[] {
    const box = (by: number): [PointLike, PointLike] => [
      [x - by, y - by],
      [x + by, y + by],
    ];
    const near = this.map.queryRenderedFeatures(box(reach), { layers: this.#pickable() });
    const exact = this.map.queryRenderedFeatures(box(1), { layers: this.#pickable() });
    const isPoint = (found: MapGeoJSONFeature) => found.layer.type === 'circle' || found.layer.type === 'symbol';
    const isLine = (found: MapGeoJSONFeature) => found.layer.type === 'line';
    // Seen through stepped-back buildings, pipes come first.
    const ghosted = this.#overlays.size > 0;
    const ordered = [...near.filter(isPoint), ...(ghosted ? near.filter(isLine) : []), ...exact, ...near.filter(isLine)];
    const found = new Map<number, Picked>();
    for (const feature of ordered) {
      const wire = feature.source === PINS ? Number(feature.properties['wire']) : Number(feature.id);
      const one = this.#classes.get(Math.floor(wire / 2 ** 32));
      // A cluster has no id of its own; neither have analysis layers.
      if (!one || !Number.isSafeInteger(wire)) continue;
      const text = (key: string) => (typeof feature.properties[key] === 'string' ? (feature.properties[key] as string) : null);
      // A pin does not know its feature's name; the feature below it does.
      const before = found.get(wire);
      found.set(wire, { wire, class: one.id, code: before?.code ?? text('code'), name: before?.name ?? text('name') });
    }
    return [...found.values()];
  }

  #pickable(): string[] {
    const ids = [...this.layers.values()].flat().map((layer) => layer.id);
    return ['live-pins', ...ids].filter((id) => this.map.getLayer(id));
  }

  #listen() {
    const { map, events } = this;
    map.on('click', ({ point, originalEvent }) => {
      const touch = originalEvent instanceof PointerEvent && originalEvent.pointerType !== 'mouse';
      if (this.#ready) events.pick(this.pick(point.x, point.y, touch ? REACH_PX.touch : REACH_PX.mouse), [point.x, point.y]);
    });
    map.getCanvas().addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !this.#ready) return;
      const { clientWidth, clientHeight } = map.getContainer();
      events.pick(this.pick(clientWidth / 2, clientHeight / 2, REACH_PX.touch), [clientWidth / 2, clientHeight / 2]);
    });
    let last = 0;
    map.on('mousemove', ({ point, lngLat }) => {
      events.hover(lngLat.lng, lngLat.lat);
      // Asking what lies under the pointer is not free; ten times a second is enough for a cursor.
      if (!this.#ready || performance.now() - last < 100 || map.isMoving()) return;
      last = performance.now();
      map.getCanvas().style.cursor = this.pick(point.x, point.y, REACH_PX.mouse).length ? 'pointer' : '';
    });
  }
}
