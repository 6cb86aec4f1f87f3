// Brings pages up to date and submits forms in place. Pages work without it.
//
// A page with #live asks for that block every few seconds and takes over what differs, node by node, so that focus, scroll
// position, open <details>, what is being typed and what is selected stay as they are.
'use strict';
{
  const SCRIPT = 'Rollcall-Script';
  const live = () => document.getElementById('live');
  let etag = '', timer = 0, late = 0, failures = 0, busy = false;

  const tell = isLive => {
    const link = document.getElementById('link');
    if (!link || !live()) return;
    link.hidden = false;
    link.classList.toggle('lost', !isLive);
    const words = isLive ? link.dataset.live : link.dataset.lost;
    const text = link.querySelector('span');
    if (text.textContent !== words) text.textContent = words;
  };

  // Makes `old` look like `fresh`, keeping every node that can be kept.
  const morph = (old, fresh) => {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh);
    } else if (old.nodeType === Node.ELEMENT_NODE) {
      for (const { name } of [...old.attributes]) {
        if (!fresh.hasAttribute(name) && !(old.nodeName === 'DETAILS' && name === 'open')) old.removeAttribute(name);
      }
      for (const { name, value } of fresh.attributes) {
        if (old.getAttribute(name) !== value) old.setAttribute(name, value);
      }
      children(old, fresh);
    } else if (old.nodeValue !== fresh.nodeValue) {
      old.nodeValue = fresh.nodeValue;
    }
  };

  // Rows with an id are found again where they moved to.
  const children = (old, fresh) => {
    let at = old.firstChild;
    for (const node of [...fresh.childNodes]) {
      const known = node.id && document.getElementById(node.id);
      if (known && known.parentNode === old) {
        if (known !== at) old.insertBefore(known, at);
        else at = at.nextSibling;
        morph(known, node);
      } else if (at && !at.id) {
        const next = at.nextSibling;
        morph(at, node);
        at = next;
      } else {
        old.insertBefore(node, at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };

  const refresh = async () => {
    const block = live();
    if (!block || document.hidden || busy) return;
    clearTimeout(late);
    const mine = late = setTimeout(tell, 4000, false);
    try {
      const headers = { [SCRIPT]: 'live', ...(etag && { 'If-None-Match': etag }) };
      const answer = await fetch(location.href, { headers, cache: 'no-store', signal: AbortSignal.timeout(15000) });
      if ([205, 401].includes(answer.status)) return location.reload();
      if (!answer.ok && answer.status !== 304) throw new Error(String(answer.status));
      if (answer.status === 200 && !busy) {
        const fresh = document.createElement('template');
        fresh.innerHTML = await answer.text();
        etag = answer.headers.get('ETag') || '';
        const shell = block.cloneNode(false);
        shell.append(fresh.content);
        if (!busy) children(block, shell);
      }
      failures = 0;
      tell(true);
    } catch {
      failures += 1;
      tell(false);
    } finally {
      clearTimeout(mine);
    }
  };

  const again = () => {
    clearTimeout(timer);
    const every = Number(live()?.dataset.every || 0) * 1000;
    if (every) timer = setTimeout(() => refresh().finally(again), Math.min(every * 2 ** failures, 60000));
  };

  // The whole page as it is now, in place.
  const take = text => {
    const page = new DOMParser().parseFromString(text, 'text/html');
    const [old, fresh] = [document.getElementById('main'), page.getElementById('main')];
    if (old && fresh) children(old, fresh);
    document.title = page.title;
    etag = '';
  };

  document.addEventListener('submit', async event => {
    const form = event.target;
    if (form.method !== 'post' || form.dataset.native !== undefined) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    form.setAttribute('aria-busy', 'true');
    try {
      const body = new URLSearchParams(new FormData(form, event.submitter));
      let answer = await fetch(form.action, { method: 'POST', body, headers: { [SCRIPT]: 'form' } });
      if (answer.status === 401) return location.reload();
      const to = answer.headers.get('Rollcall-Go');
      if (to && new URL(to, location.href).pathname !== location.pathname) return location.assign(to);
      if (to) {
        form.closest('details')?.removeAttribute('open');
        answer = await fetch(location.href, { cache: 'no-store' });
      }
      take(await answer.text());
    } catch {
      form.submit();
    } finally {
      busy = false;
      form.removeAttribute('aria-busy');
    }
  });

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) refresh().finally(again);
  });
  document.documentElement.classList.add('scripted');
  if (live()) tell(true);
  again();
}
