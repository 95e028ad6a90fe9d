// Starts the viewer: looks whether the browser can, loads the wasm with a bar, hands the page over.
import { connect, language, command } from './host.js';

const WORDS = {
  zh: {
    loading: '正在下载三维浏览器',
    compiling: '正在准备',
    scene: '正在加载城市',
    noWebgl: '此浏览器不支持 WebGL2，无法显示三维场景。可以改用二维地图。',
    lost: '显卡连接中断，三维场景已停止。请刷新页面，或改用二维地图。',
    failed: '三维浏览器未能启动：',
    map: '打开二维地图',
  },
  en: {
    loading: 'Loading the 3D viewer',
    compiling: 'Getting ready',
    scene: 'Loading the city',
    noWebgl: 'This browser has no WebGL2, which the 3D scene needs. The 2D map works without it.',
    lost: 'The graphics card was lost and the 3D scene has stopped. Reload the page, or use the 2D map.',
    failed: 'The 3D viewer could not start: ',
    map: 'Open the 2D map',
  },
};
const words = WORDS[language()];
document.documentElement.lang = language();

const start = document.getElementById('start');
const say = (text) => (document.getElementById('start-text').textContent = text);
const link = document.querySelector('#start-map a');
link.textContent = words.map;
// The console reads the same links.
link.href = `/${location.search}`;

function stop(text) {
  start.classList.remove('gone');
  start.classList.add('stopped');
  start.hidden = false;
  link.href = `/?${globalThis.citytwin?.model?.link ?? location.search.slice(1)}`;
  say(text);
}

/** Counts what comes, for the bar; how much it will be is only known when the server does not pack it. */
function counted(answer, onBytes) {
  const reader = answer.body.getReader();
  let received = 0;
  const stream = new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      received += value.byteLength;
      onBytes(received);
      controller.enqueue(value);
    },
  });
  return new Response(stream, { headers: { 'content-type': 'application/wasm' } });
}

async function run() {
  const probe = document.createElement('canvas').getContext('webgl2');
  if (!probe) return stop(words.noWebgl);
  probe.getExtension('WEBGL_lose_context')?.loseContext();
  document.getElementById('city').addEventListener('webglcontextlost', () => stop(words.lost));

  say(words.loading);
  const module = await import('./citytwin_viewer.js');
  const answer = await fetch('citytwin_viewer_bg.wasm');
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const wasm = counted(answer, (bytes) => say(`${words.loading} ${(bytes / 1048576).toFixed(1)} MB`));
  connect(module);
  addEventListener('citytwin-first-frame', () => {
    start.classList.add('gone');
    document.getElementById('panels').hidden = false;
  });
  const compiling = setTimeout(() => say(words.compiling), 1500);
  try {
    await module.default({ module_or_path: wasm });
  } catch (error) {
    // The event loop leaves the start function by an exception of its own; everything else is one.
    if (!String(error).includes('Using exceptions for control flow')) throw error;
  }
  clearTimeout(compiling);
  say(words.scene);
  document.getElementById('panels').hidden = false;
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) command({ do: 'still', on: true });
}

run().catch((error) => {
  console.error(error);
  stop(words.failed + error.message);
});
