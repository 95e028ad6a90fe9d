// Says how far the viewer's web build is, and opens the viewer when it is ready.
const bar = document.querySelector('progress');
const count = document.getElementById('count');
const text = document.getElementById('text');
const failed = document.getElementById('failed');

async function look() {
  try {
    const answer = await fetch('viewer-build.json', { cache: 'no-store' });
    if (answer.ok) {
      const { state, done, total, text: said } = await answer.json();
      if (state === 'ready') return location.reload();
      bar.max = Math.max(1, total);
      bar.value = done;
      count.textContent = `${done} / ${total}`;
      text.textContent = said ?? '';
      failed.hidden = state !== 'failed';
    }
  } catch {
    // The server may be restarting; the next look will tell.
  }
  setTimeout(look, 1000);
}
look();
