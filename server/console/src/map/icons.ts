// Small pictures drawn on a canvas, so that no sprite has to be fetched.

import type { Severity } from '../wire';

const SCALE = 2;

export const SEVERITY_COLOUR: Record<Severity, string> = {
  critical: '#c8102e',
  serious: '#e0530f',
  warning: '#d99a00',
  notice: '#2f6fb2',
};

export const FRESH_COLOUR = '#1f8a70';
export const QUIET_COLOUR = '#8a94a0';

/** A picture for facilities drawn as points: a disc in the class's colour with a white sign. */
export function disc(colour: string, icon: string, size = 20): ImageData {
  const { context, canvas } = sheet(size);
  const half = size / 2;
  context.beginPath();
  context.arc(half, half, half - 1.5, 0, Math.PI * 2);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = '#fff';
  context.stroke();
  context.strokeStyle = '#fff';
  context.fillStyle = '#fff';
  context.lineWidth = 1.6;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.translate(half, half);
  context.scale(size / 20, size / 20);
  (SIGNS[icon] ?? dot)(context);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

type Sign = (c: CanvasRenderingContext2D) => void;

const dot: Sign = (c) => {
  c.beginPath();
  c.arc(0, 0, 2.6, 0, Math.PI * 2);
  c.fill();
};

function path(c: CanvasRenderingContext2D, ...points: [number, number][]) {
  c.beginPath();
  points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
}

const valve: Sign = (c) => {
  path(c, [-4.5, -3], [-4.5, 3], [4.5, -3], [4.5, 3]);
  c.closePath();
  c.fill();
};

const SIGNS: Record<string, Sign> = {
  hydrant: (c) => {
    c.fillRect(-2.2, -2.6, 4.4, 6.4);
    c.fillRect(-4.4, -0.8, 8.8, 2);
    c.beginPath();
    c.arc(0, -2.8, 2.2, Math.PI, 0);
    c.fill();
    c.fillRect(-3.4, 3.4, 6.8, 1.4);
  },
  fire_station: (c) => {
    path(c, [0, -5.2], [4.6, -1.4], [4.6, 4.4], [-4.6, 4.4], [-4.6, -1.4]);
    c.closePath();
    c.fill();
  },
  valve,
  manhole: (c) => {
    c.beginPath();
    c.arc(0, 0, 4.6, 0, Math.PI * 2);
    c.stroke();
    path(c, [-3, 0], [3, 0]);
    c.stroke();
    path(c, [0, -3], [0, 3]);
    c.stroke();
  },
  outfall: (c) => {
    path(c, [-4.5, -2.5], [2, -2.5], [2, 3.5]);
    c.stroke();
    path(c, [-0.5, 1.5], [2, 4.4], [4.5, 1.5]);
    c.stroke();
  },
  water_source: (c) => {
    path(c, [0, -5], [3.4, 0.4]);
    c.arc(0, 1.4, 3.5, -0.3, Math.PI + 0.3);
    c.closePath();
    c.fill();
  },
  gas_regulator: (c) => {
    valve(c);
    path(c, [0, 0], [0, -5]);
    c.stroke();
    path(c, [-2.5, -5], [2.5, -5]);
    c.stroke();
  },
  sensor: (c) => {
    dot(c);
    c.beginPath();
    c.arc(0, 0, 5, -0.8, 0.8);
    c.stroke();
    c.beginPath();
    c.arc(0, 0, 5, Math.PI - 0.8, Math.PI + 0.8);
    c.stroke();
  },
  ponding: (c) => {
    path(c, [-5, 2], [-2.5, -0.5], [0, 2], [2.5, -0.5], [5, 2]);
    c.stroke();
  },
};

/** The mark inside an alarm's pin: not by colour alone. */
export function alarmMark(): ImageData {
  const { context, canvas } = sheet(16);
  context.fillStyle = '#fff';
  context.fillRect(6.9, 3, 2.2, 6.4);
  context.fillRect(6.9, 10.9, 2.2, 2.2);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function sheet(size: number): { canvas: HTMLCanvasElement; context: CanvasRenderingContext2D } {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size * SCALE;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.scale(SCALE, SCALE);
  return { canvas, context };
}

export const PIXEL_RATIO = SCALE;
