// The page keeps itself up to date from /stats/events: an event "whole" with everything, and
// one "pulse" a second with what has changed.
import { attention } from './attention.js';
import { el, say, set, svg } from './elements.js';
import { bytes, clock, count, latencies, latency, now, rate, setClock, share, since } from './numbers.js';
import { shapes, spark, stateIcon, strip } from './pictures.js';

const csrf = document.body.dataset.csrf;
const byId = (id) => document.getElementById(id);
const groupsBox = byId('groups');
const healthRank = { healthy: 0, unused: 0, unavailable: 1, draining: 1, initial: 1, unhealthy: 2 };
let stats = null; // the last whole, kept up to date
let groups = []; // views, in the order of stats.target_groups
let span = 1; // index of the window that is shown

// Targets

function targetView(group, target) {
  const view = { group, target, open: false };
  const name = el('strong', null, target.id);
  view.toggle = el('button', { type: 'button', class: 'toggle', 'aria-expanded': 'false' },
    svg('svg', { viewBox: '0 0 12 12', 'aria-hidden': 'true' }, svg('path', { d: 'M4 1.5L8.5 6L4 10.5' })), name, el('span', { class: 'sr' }, 'details'));
  view.toggle.addEventListener('click', () => unfold(view, !view.open));
  view.tags = el('span');
  view.state = el('span', { class: 'state' });
  view.orders = el('span');
  view.why = el('span', { class: 'under why' });
  view.outstanding = el('td', { role: 'cell', class: 'n', 'data-label': 'In flight' });
  view.rate = el('span'); view.errors = el('span'); view.latency = el('span', { class: 'pair' });
  view.rateSpark = spark('rate', 'Requests a second, last 5 minutes');
  view.errorSpark = spark('errors', 'Share of errors, last 5 minutes');
  view.latencySpark = spark('latency', 'p95, last 5 minutes');
  view.strip = strip();
  view.manage = csrf ? el('button', { type: 'button', class: 'button', 'aria-haspopup': 'dialog', 'aria-label': 'Manage ' + target.id }, 'Manage') : null;
  if (view.manage) view.manage.addEventListener('click', () => manage(view, null));
  const metric = (label, ...parts) => el('td', { role: 'cell', class: 'n', 'data-label': label }, el('div', { class: 'metric' }, ...parts));
  view.row = el('tr', { role: 'row', class: 'row' },
    el('th', { role: 'rowheader', scope: 'row' }, view.toggle, el('span', { class: 'under' }, target.address + (target.zone ? ' · ' + target.zone : ''), ' ', view.tags)),
    el('td', { role: 'cell', class: 'state-cell' }, view.state, ' ', view.orders, view.why),
    view.outstanding,
    metric('Requests/s', view.rate, view.rateSpark.root),
    metric('Errors', view.errors, view.errorSpark.root),
    metric('p50 / p95 / p99', view.latency, view.latencySpark.root),
    el('td', { role: 'cell', class: 'health', 'data-label': 'Health' }, view.strip.root, view.strip.text),
    csrf ? el('td', { role: 'cell', class: 'manage' }, view.manage) : null);
  view.row.addEventListener('focusin', () => { lastFocused = view; });
  return view;
}

function drawTarget(view) {
  const t = view.target;
  const w = t.telemetry.windows[span];
  if (view.drawnState !== t.state) {
    view.state.className = 'state ' + (t.state in shapes ? t.state : 'unused');
    view.state.replaceChildren(stateIcon(t.state), document.createTextNode(t.state));
    view.drawnState = t.state;
  }
  const orders = [];
  if (t.administrative !== 'ready') orders.push(el('span', { class: 'badge warn' }, t.administrative));
  if (t.anomalous) orders.push(el('span', { class: 'badge warn' }, t.mitigated ? 'anomalous, mitigated' : 'anomalous'));
  view.orders.replaceChildren(...orders);
  const tags = [];
  if (t.backup) tags.push(el('span', { class: 'badge' }, 'backup'));
  if (t.weight_overridden || t.weight !== 1) tags.push(el('span', { class: t.weight_overridden ? 'badge warn' : 'badge' }, 'weight ' + t.weight + (t.weight_overridden ? ' (set here)' : '')));
  view.tags.replaceChildren(...tags);
  say(view.outstanding, String(t.outstanding));
  say(view.rate, rate(w.rate));
  say(view.errors, share(w.error_share));
  view.errors.className = w.error_share > stats.alarms.error_share ? 'over' : '';
  view.latency.className = stats.alarms.p95_ms > 0 && w.p95_ms > stats.alarms.p95_ms ? 'pair some' : 'pair';
  say(view.latency, latencies(w.p50_ms, w.p95_ms, w.p99_ms));
  drawSince(view);
  drawSeries(view);
  if (view.open) drawDetail(view);
}
function drawSince(view) {
  const t = view.target;
  say(view.why, 'for ' + since(t.changed) + (t.reason ? ' · ' + (t.description || t.reason) : ''));
  if (t.reason) set(view.why, 'title', t.reason);
  else view.why.removeAttribute('title');
}
function drawSeries(view) {
  const s = view.target.series;
  const scale = view.group.scale;
  view.rateSpark.draw(s.requests.map((n) => n / s.step_seconds), rate, scale.rate);
  view.errorSpark.draw(s.requests.map((n, i) => (n ? s.errors[i] / n : 0)), share, Math.max(0.01, 2 * stats.alarms.error_share));
  view.latencySpark.draw(s.p95_ms, latency, scale.latency);
  view.strip.draw(view.target.timeline, stats.started);
}

function unfold(view, open) {
  view.open = open;
  set(view.toggle, 'aria-expanded', open);
  view.row.classList.toggle('open', open);
  if (!open) { if (view.detail) view.detail.remove(); view.detail = null; view.toggle.removeAttribute('aria-controls'); return; }
  view.box = el('div', { class: 'panels' });
  const id = 'detail-' + groups.indexOf(view.group) + '-' + view.group.targets.indexOf(view);
  view.detail = el('tr', { role: 'row', class: 'detail', id }, el('td', { role: 'cell', colspan: csrf ? 8 : 7 }, view.box));
  set(view.toggle, 'aria-controls', id);
  view.row.after(view.detail);
  drawDetail(view);
}
function drawDetail(view) {
  const t = view.target;
  const n = t.telemetry.totals;
  const list = (title, rows) => el('div', null, el('h3', null, title), el('dl', { class: 'facts-list' },
    ...rows.map(([name, value]) => el('div', null, el('dt', null, name), el('dd', null, String(value))))));
  const spans = el('table', { class: 'spans' },
    el('thead', null, el('tr', null, el('th', { scope: 'col' }, 'Last'), ...['req/s', 'errors', 'p50', 'p95', 'p99'].map((h) => el('th', { scope: 'col' }, h)))),
    el('tbody', null, ...t.telemetry.windows.map((w) => el('tr', null,
      el('th', { scope: 'row' }, w.seconds < 60 ? w.seconds + ' s' : w.seconds / 60 + ' min'),
      ...[rate(w.rate), share(w.error_share), latency(w.p50_ms), latency(w.p95_ms), latency(w.p99_ms)].map((text) => el('td', null, text))))));
  const w = t.telemetry.windows[span];
  const scrolled = view.story ? view.story.scrollTop : 0;
  view.story = el('ol', { class: 'story', tabindex: '0', 'aria-label': 'Health timeline of ' + t.id }, ...[...t.timeline].reverse().map((turn) => el('li', null,
    el('time', { datetime: turn.time, title: turn.time }, clock.format(new Date(turn.time))),
    el('div', null, turn.order ? el('span', null, 'set to ', el('strong', null, turn.order), turn.by ? ' by ' + turn.by : '')
      : el('span', { class: 'state ' + (turn.to in shapes ? turn.to : 'unused') }, stateIcon(turn.to), turn.to),
    turn.order || !(turn.reason || turn.description) ? null : el('span', { class: 'under' }, [turn.reason, turn.description].filter(Boolean).join(': '))))));
  const hadFocus = view.box.contains(document.activeElement);
  view.box.replaceChildren(
    el('div', null, el('h3', null, 'Time to the first byte'), spans),
    el('div', null, ...list('Answers since ' + clock.format(new Date(t.telemetry.since)), [
      ['Requests', n.requests.toLocaleString('en')], ['2xx / 3xx', count.format(n.status_2xx) + ' / ' + count.format(n.status_3xx)],
      ['4xx / 5xx', count.format(n.status_4xx) + ' / ' + count.format(n.status_5xx)], ['No connection', n.connect_errors.toLocaleString('en')],
      ['No valid answer', n.failed.toLocaleString('en')], ['Client left', n.client_gone.toLocaleString('en')],
      ['Received', bytes(n.received_bytes) + ' · ' + bytes(w.received_rate) + '/s'], ['Sent', bytes(n.sent_bytes) + ' · ' + bytes(w.sent_rate) + '/s'],
      ['Connections', t.connections + ' open · ' + count.format(n.connections_opened) + ' made'],
    ]).childNodes),
    el('div', null, el('h3', null, 'Health timeline'), t.timeline.length ? view.story : el('p', { class: 'quiet' }, 'Nothing has happened yet.')));
  view.story.scrollTop = scrolled;
  if (hadFocus) view.story.focus({ preventScroll: true });
}

// Groups

function groupView(group, i) {
  const view = { group, targets: [] };
  view.badges = el('span');
  view.facts = el('div', { class: 'facts' });
  const heading = el('h2', { id: 'group-' + i }, group.name);
  const columns = ['Target', 'State', 'In flight', 'Requests/s', 'Errors', 'p50 / p95 / p99', 'Health'];
  view.body = el('tbody', { role: 'rowgroup' });
  for (const target of group.targets) {
    const t = targetView(view, target);
    view.targets.push(t);
    view.body.append(t.row);
  }
  if (!group.targets.length) view.body.append(el('tr', { role: 'row' }, el('td', { role: 'cell', class: 'quiet', colspan: csrf ? 8 : 7 }, 'No targets are registered.')));
  view.section = el('section', { class: 'group', 'aria-labelledby': heading.id },
    el('header', null, heading, el('span', { class: 'quiet' }, group.protocol + ' · ' + group.algorithm), view.badges, el('span', { class: 'grow' }), view.facts),
    el('table', { role: 'table', class: 'targets', 'aria-labelledby': heading.id },
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...columns.map((c, at) => el('th', { role: 'columnheader', scope: 'col', class: 'c' + at + (at > 1 && at < 6 ? ' n' : '') }, c)),
        csrf ? el('th', { role: 'columnheader', scope: 'col', class: 'c7' }, el('span', { class: 'sr' }, 'Manage')) : null)), view.body));
  return view;
}
// measure finds the scale of a group's lines, so that a target that differs from its peers
// looks different.
function measure(view) {
  view.scale = { rate: 0, latency: 0 };
  for (const { series: s } of view.group.targets) {
    view.scale.rate = Math.max(view.scale.rate, Math.max(...s.requests.slice(-60), 0) / s.step_seconds);
    view.scale.latency = Math.max(view.scale.latency, ...s.p95_ms.slice(-60));
  }
}
function drawGroup(view) {
  const g = view.group;
  measure(view);
  const w = g.telemetry.windows[span];
  const well = g.targets.filter((t) => t.state === 'healthy').length;
  const badges = [];
  if (g.fail_open) badges.push(el('span', { class: 'badge bad', title: 'Too few targets are healthy, so that all get requests' }, 'fails open'));
  if (!g.in_use) badges.push(el('span', { class: 'badge', title: 'No listener forwards to it' }, 'not in use'));
  view.badges.replaceChildren(...badges);
  view.section.classList.toggle('trouble', stats.problems.some((p) => p.level === 'bad' && p.target_group === g.name));
  const fact = (name, value) => el('span', null, el('b', null, value), ' ' + name);
  view.facts.replaceChildren(fact('of ' + g.targets.length + ' healthy', String(well)), fact('req/s', rate(w.rate)), fact('errors', share(w.error_share)),
    fact('p95', latency(w.p95_ms)), fact('in flight', String(g.outstanding)));
  if (g.load.queue_depth > 0 || g.load.queued > 0) view.facts.append(fact('in the queue', String(g.load.queued)));
}

// All together

const tiles = {};
function tile(key, title, kind) {
  const value = el('dd');
  const root = el('div', null, el('dt', null, title), value);
  let line = null;
  if (kind) { line = spark(kind, title + ', last 5 minutes'); root.append(line.root); }
  tiles[key] = { root, value, line };
  return root;
}
byId('summary').append(tile('healthy', 'Healthy targets'), tile('rate', 'Requests a second', 'rate'), tile('errors', 'Errors', 'errors'),
  tile('p95', 'Slowest group, p95'), tile('outstanding', 'Requests in flight'), tile('connections', 'Client connections'));
function drawTile(key, text, small, bad) {
  tiles[key].value.replaceChildren(text, el('small', null, small ? ' ' + small : ''));
  tiles[key].root.classList.toggle('bad', Boolean(bad));
}
function drawSummary() {
  let well = 0; let all = 0; let perSecond = 0; let errors = 0; let requests = 0; let slowest = 0; let outstanding = 0;
  const series = []; const wrong = [];
  for (const g of stats.target_groups) {
    const w = g.telemetry.windows[span];
    perSecond += w.rate; errors += w.errors; requests += w.requests; outstanding += g.outstanding;
    slowest = Math.max(slowest, w.p95_ms);
    for (const t of g.targets) {
      if (t.state !== 'unused' && t.administrative === 'ready') { all++; if (t.state === 'healthy') well++; }
      const n = t.series.requests.length;
      for (let back = 1; back <= Math.min(60, n); back++) {
        series[60 - back] = (series[60 - back] || 0) + t.series.requests[n - back] / t.series.step_seconds;
        wrong[60 - back] = (wrong[60 - back] || 0) + t.series.errors[n - back] / t.series.step_seconds;
      }
    }
  }
  drawTile('healthy', String(well), 'of ' + all, well < all);
  drawTile('rate', rate(perSecond));
  drawTile('errors', share(requests ? errors / requests : 0), '', requests && errors / requests > stats.alarms.error_share);
  drawTile('p95', latency(slowest));
  drawTile('outstanding', String(outstanding));
  drawTile('connections', count.format(stats.connections), 'of ' + count.format(stats.max_connections));
  tiles.rate.line.draw(series.filter((n) => n !== undefined), rate);
  tiles.errors.line.draw(wrong.filter((n) => n !== undefined), rate);
  drawAttention(stats.problems, all);
  const notice = byId('notice');
  const text = stats.draining ? 'Shutting down: no new connections, requests in progress are finished.'
    : stats.reloads.last_error ? 'The last reload of the environment file was refused; nothing has changed. ' + stats.reloads.last_error.split('\n')[0] : '';
  say(notice, text);
  notice.hidden = !text;
  const bad = stats.problems.some((p) => p.level === 'bad');
  document.title = (bad ? '▲ ' : '') + document.body.dataset.environment + ' · evenkeel';
}
const drawAttention = attention(byId('attention-list'), byId('attention-title'), visit, () => { if (problems.getAttribute('aria-pressed') !== 'true') problems.click(); search.focus(); });

// visit goes to the target of a problem and opens its details.
function visit(problem) {
  const view = groups.flatMap((g) => g.targets).find((v) => v.group.group.name === problem.target_group && v.target.address === problem.address);
  if (!view) return;
  if (view.row.hidden) { search.value = ''; set(problems, 'aria-pressed', false); filter(); }
  if (!view.open) unfold(view, true);
  view.toggle.focus({ preventScroll: true });
  view.row.scrollIntoView({ block: 'center' });
}
function drawAll() {
  for (const g of groups) { drawGroup(g); g.targets.forEach(drawTarget); }
  drawSummary();
  filter();
}

// What is shown

const search = byId('filter');
const problems = byId('problems');
function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const only = problems.getAttribute('aria-pressed') === 'true';
  const told = new Set(stats ? stats.problems.map((p) => p.target_group + ' ' + p.address) : []);
  let shown = 0; let all = 0;
  for (const g of groups) {
    let some = false;
    for (const view of g.targets) {
      const t = view.target;
      const text = [g.group.name, t.id, t.address, t.zone, t.state, t.reason, t.description, t.administrative].join(' ').toLowerCase();
      const bad = healthRank[t.state] > 0 || t.telemetry.windows[span].error_share > 0 || told.has(g.group.name + ' ' + t.address);
      const show = words.every((word) => text.includes(word)) && (!only || bad);
      view.row.hidden = !show;
      if (view.detail) view.detail.hidden = !show;
      all++;
      if (show) { shown++; some = true; }
    }
    g.section.hidden = !some && (words.length > 0 || only) && !(g.targets.length === 0 && !only && words.every((word) => g.group.name.toLowerCase().includes(word)));
  }
  say(byId('matches'), words.length || only ? (shown || 'none') + ' of ' + all + (all === 1 ? ' target' : ' targets') : '');
}
search.addEventListener('input', filter);
problems.addEventListener('click', () => { set(problems, 'aria-pressed', problems.getAttribute('aria-pressed') !== 'true'); filter(); });
const spans = [...document.querySelectorAll('#windows input')];
spans.forEach((input, i) => input.addEventListener('change', () => { span = i; if (stats) drawAll(); }));

// News for those who listen to the page

function announce(text) {
  const line = el('span', null, text + '. ');
  byId('news').append(line);
  while (byId('news').childNodes.length > 5) byId('news').firstChild.remove();
}

// Events

function whole(next) {
  const open = new Set(groups.flatMap((g) => g.targets.filter((t) => t.open).map((t) => g.group.name + ' ' + t.target.address)));
  const focused = lastFocused && document.activeElement === lastFocused.toggle ? lastFocused.group.group.name + ' ' + lastFocused.target.address : null;
  stats = next;
  setClock(stats.time);
  groups = stats.target_groups.map(groupView);
  groupsBox.replaceChildren(...(groups.length ? groups.map((g) => g.section) : [el('p', { class: 'empty' }, 'There are no target groups.')]));
  for (const g of groups) {
    for (const t of g.targets) {
      const key = g.group.name + ' ' + t.target.address;
      if (open.has(key)) unfold(t, true);
      if (focused === key) t.toggle.focus();
    }
  }
  byId('tools').hidden = false;
  byId('help-button').hidden = false;
  drawAll();
}
function pulse(next) {
  if (!stats) return;
  setClock(next.time);
  for (const key of ['time', 'draining', 'reloads', 'problems', 'connections', 'max_connections']) stats[key] = next[key];
  (next.target_groups || []).forEach((g, i) => { Object.assign(stats.target_groups[i], g, { targets: stats.target_groups[i].targets }); });
  const touched = new Set();
  for (const change of next.targets) {
    const view = groups[change.group].targets[change.target];
    const t = view.target;
    const before = t.state;
    delete t.reason; delete t.description; // absent when empty
    Object.assign(t, change.now);
    if (change.timeline) t.timeline = change.timeline;
    if (change.point) {
      const s = t.series;
      [s.requests, s.errors, s.p95_ms].forEach((list, i) => { list.push(change.point[i]); if (list.length > 180) list.shift(); });
    }
    if (before !== t.state) announce('Target ' + t.id + ' of ' + view.group.group.name + ' is ' + t.state + (t.reason ? ': ' + (t.description || t.reason) : ''));
    touched.add(view);
  }
  const stripDue = Math.floor(now() / 10000) !== lastStrip;
  lastStrip = Math.floor(now() / 10000);
  for (const g of groups) {
    drawGroup(g);
    for (const t of g.targets) if (touched.has(t)) drawTarget(t); else { drawSince(t); if (stripDue) t.strip.draw(t.target.timeline, stats.started); }
  }
  drawSummary();
  filter();
}
let lastStrip = 0;

const live = byId('live');
function tell(state, text) { set(live, 'data-state', state); say(byId('live-text'), text); }
let failures = 0; let watch = 0; let source = null;
function heard() {
  failures = 0;
  tell('on', 'live');
  clearTimeout(watch);
  watch = setTimeout(lost, 8000); // there is an event every second
}
function connect() {
  source = new EventSource('/stats/events');
  source.addEventListener('whole', (event) => { heard(); whole(JSON.parse(event.data)); });
  source.addEventListener('pulse', (event) => { heard(); pulse(JSON.parse(event.data)); });
  source.onerror = lost;
}
function lost() {
  if (source) source.close();
  source = null;
  clearTimeout(watch);
  const wait = Math.min(30, 2 ** failures++) * (0.75 + Math.random() / 2);
  tell('lost', 'no connection; next try in ' + Math.ceil(wait) + ' s');
  setTimeout(async () => {
    tell('lost', 'connecting…');
    try { // whoever is not signed in any more is shown the door
      const answer = await fetch('/stats/sign-in', { method: 'HEAD', redirect: 'manual' });
      if (answer.status === 200) { location.reload(); return; }
    } catch { /* nobody there: connect tells */ }
    connect();
  }, wait * 1000);
}

// Orders

const dialog = byId('manage');
const form = byId('manage-form');
let managed = null; let lastFocused = null;
function manage(view, state) {
  if (!csrf) { announce('Nothing can be changed here'); return; }
  managed = view;
  const t = view.target;
  say(byId('manage-title'), t.id + ' of ' + view.group.group.name);
  say(byId('manage-about'), t.address + ' · ' + t.state + ' · ' + t.outstanding + ' in flight');
  form.elements.state.value = state && state !== 'weight' ? state : t.administrative;
  byId('manage-weight').value = t.weight_overridden ? t.weight : '';
  byId('manage-weight').placeholder = t.weight_overridden ? '' : t.weight;
  warn();
  dialog.showModal();
  (state === 'weight' ? byId('manage-weight') : state ? byId('manage-apply') : form.querySelector('input:checked')).focus();
}
function warn() {
  const others = managed.group.targets.filter((v) => v !== managed && v.target.state === 'healthy' && v.target.administrative === 'ready');
  const takesOut = form.elements.state.value !== 'ready' && managed.target.administrative === 'ready';
  problem(takesOut && !others.length ? 'No other target of this group is healthy: new requests will be answered with 503.' : '');
}
function problem(text) { say(byId('manage-warning'), text); byId('manage-warning').hidden = !text; }
form.addEventListener('change', warn);
byId('manage-cancel').addEventListener('click', () => dialog.close());
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const view = managed;
  const t = view.target;
  const orders = [];
  if (form.elements.state.value !== t.administrative) orders.push({ action: form.elements.state.value });
  const weight = byId('manage-weight').value;
  if (weight !== (t.weight_overridden ? String(t.weight) : '')) orders.push({ action: 'weight', weight: weight || '0' });
  byId('manage-apply').disabled = true;
  try {
    for (const order of orders) {
      const answer = await fetch('/stats/target', {
        method: 'POST', headers: { 'X-CSRF-Token': csrf },
        body: new URLSearchParams({ target_group: view.group.group.name, target: t.address, ...order }),
      });
      if (!answer.ok) { problem((await answer.text()).trim() || 'The order was refused.'); return; }
      const change = await answer.json();
      announce('Target ' + t.id + ': ' + change.before + ' became ' + change.after);
    }
    dialog.close();
  } catch {
    problem('There is no connection to the load balancer.');
  } finally {
    byId('manage-apply').disabled = false;
  }
});
dialog.addEventListener('close', () => { if (managed) managed.toggle.focus(); });

// Keys

const help = byId('help');
byId('help-button').addEventListener('click', () => help.showModal());
function move(step) {
  const shown = groups.flatMap((g) => (g.section.hidden ? [] : g.targets)).filter((t) => !t.row.hidden);
  if (!shown.length) return;
  const at = shown.indexOf(lastFocused);
  const next = at < 0 ? shown[0] : shown[Math.max(0, Math.min(shown.length - 1, at + step))];
  next.toggle.focus();
  next.row.scrollIntoView({ block: 'nearest' });
}
const keys = {
  '/': () => { search.focus(); search.select(); },
  '?': () => help.showModal(),
  p: () => problems.click(),
  j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
  1: () => spans[0].click(), 2: () => spans[1].click(), 3: () => spans[2].click(),
};
const orderKeys = { d: 'drain', m: 'maintenance', r: 'ready', w: 'weight' };
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || help.open || !stats) return;
  if (event.target === search) {
    if (event.key === 'Escape') { search.value = ''; filter(); search.blur(); }
    if (event.key === 'ArrowDown') { event.preventDefault(); move(0); }
    return;
  }
  if (event.target.matches('input, textarea, select, .story')) return;
  if (orderKeys[event.key]) {
    const view = lastFocused && groups.includes(lastFocused.group) && lastFocused.row.contains(document.activeElement) ? lastFocused : null;
    if (view) { event.preventDefault(); manage(view, orderKeys[event.key]); }
    return;
  }
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});

say(byId('started'), new Date(byId('started').getAttribute('datetime')).toLocaleString());
connect();
