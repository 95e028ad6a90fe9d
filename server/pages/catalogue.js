// Searching in the page: what was typed hides the classes and rows that do not say it. Nothing is fetched.
const box = document.querySelector('input');
const told = document.querySelector('[data-told]');
const classes = [...document.querySelectorAll('details')].map((one) => ({ one, text: one.textContent.toLowerCase() }));
const rows = [...document.querySelectorAll('[data-row]')].map((one) => ({ one, text: one.textContent.toLowerCase() }));
const parts = [...document.querySelectorAll('section')];

function search() {
  // As it was typed, where something says just that; else every word somewhere.
  const typed = box.value.toLowerCase().trim();
  const said = [...classes, ...rows].some(({ text }) => text.includes(typed));
  const words = said ? [typed].filter(Boolean) : typed.split(/\s+/);
  let found = 0;
  for (const { one, text } of [...classes, ...rows]) {
    one.hidden = !words.every((word) => text.includes(word));
    found += one.hidden ? 0 : 1;
  }
  for (const part of parts) part.hidden = !part.querySelector('details:not([hidden]), [data-row]:not([hidden])');
  // The only class that is left is what was looked for.
  const left = classes.filter(({ one }) => !one.hidden);
  if (words.length && left.length === 1) left[0].one.open = true;
  told.textContent = words.length ? told.dataset.told.replace('{count}', found) : '';
  // Kept in the address, so that a search can be sent to someone.
  history.replaceState(null, '', location.pathname + location.search + (words.length ? `#?${encodeURIComponent(box.value)}` : ''));
}

function follow() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (wanted.startsWith('?')) {
    box.value = wanted.slice(1);
    search();
  } else if (wanted) {
    const target = document.getElementById(wanted);
    // A link may lead to what the search has hidden.
    if (target?.closest('[hidden]')) {
      box.value = '';
      search();
      history.replaceState(null, '', `#${wanted}`);
    }
    if (target?.tagName === 'DETAILS') target.open = true;
    target?.scrollIntoView();
  }
}

box.addEventListener('input', search);
addEventListener('hashchange', follow);
follow();
