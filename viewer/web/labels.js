// Names over the scene, drawn with the browser's own fonts, so that none is shipped.
const canvas = document.getElementById('labels');
const context = canvas.getContext('2d');
const FAMILY = "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', system-ui, sans-serif";

let last = [];

export function drawLabels(labels) {
  last = labels;
  const scale = devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  context.textAlign = 'center';
  context.textBaseline = 'bottom';
  context.lineJoin = 'round';
  // The most important ones come first; they are drawn last, on top.
  for (const label of labels.toReversed()) drawOne(label);
  context.globalAlpha = 1;
}

function drawOne({ x, y, text, style, colour, opacity }) {
  const alarm = style === 'alarm';
  const ink = `rgb(${colour.join(' ')})`;
  context.globalAlpha = opacity;
  context.font = `${alarm ? '600 14px' : '500 13px'} ${FAMILY}`;
  const bottom = y - 6;
  if (alarm) {
    const width = context.measureText(text).width + 18;
    context.fillStyle = context.strokeStyle = ink;
    context.beginPath();
    context.roundRect(x - width / 2, bottom - 21, width, 24, 5);
    context.fill();
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x, bottom + 3);
    context.lineTo(x, y + 6);
    context.stroke();
    context.beginPath();
    context.arc(x, y + 6, 3.5, 0, Math.PI * 2);
    context.fill();
    context.fillStyle = '#fff';
    context.fillText(text, x, bottom);
    return;
  }
  context.strokeStyle = 'rgb(255 255 255 / 88%)';
  context.lineWidth = 3.5;
  context.strokeText(text, x, bottom);
  context.fillStyle = ink;
  context.fillText(text, x, bottom);
}

addEventListener('resize', () => drawLabels(last));
