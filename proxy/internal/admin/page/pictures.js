// States, lines of numbers, and strips of states, as pictures with a description each.
import { el, say, set, svg } from './elements.js';
import { now } from './numbers.js';

const stripSpan = 3600e3; // the health strip is of the last hour at most,
const stripLeast = 300e3; // and of five minutes at least

export const shapes = {
  healthy: { d: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z' },
  unhealthy: { d: 'M8 1L15.5 14.5H.5z' },
  initial: { d: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z', hollow: true },
  draining: { d: 'M8 1.5a6.5 6.5 0 1 0 0 13z' },
  unavailable: { d: 'M2.5 2.5h11v11h-11z' },
  unused: { d: 'M1.5 7h13v2h-13z' },
};
export function stateIcon(state) {
  const shape = shapes[state] || shapes.unused;
  return svg('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    svg('path', shape.hollow ? { d: shape.d, fill: 'none', 'stroke-width': 2.4 } : { d: shape.d, 'stroke-width': 0 }));
}
export function spark(kind, label) {
  const area = svg('path', { class: 'area' });
  const path = svg('path');
  const root = svg('svg', { class: 'spark ' + kind, viewBox: '0 0 100 24', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    svg('path', { class: 'base', d: 'M0 23.5L100 23.5' }), area, path);
  return { root, label, draw(values, describe, scale = 0) { // scale is what reaches the top, unless a value is higher
    const points = values.slice(-60); // five minutes, or what there is of them
    const high = Math.max(...points, 0);
    const most = Math.max(high, scale, 1e-9);
    const step = 100 / Math.max(11, points.length - 1);
    const start = 100 - step * (points.length - 1);
    let line = '';
    points.forEach((value, i) => { line += (i ? 'L' : 'M') + (start + i * step).toFixed(1) + ' ' + (22.5 - 20 * value / most).toFixed(1); });
    if (high === 0) line = ''; // nothing to see
    set(path, 'd', line);
    set(area, 'd', line ? line + 'L100 24L' + start.toFixed(1) + ' 24Z' : '');
    set(root, 'aria-label', label + (points.length ? ', most ' + describe(high) : ', nothing yet'));
  } };
}
// A strip of states over the last hour, or less when the process is younger: the worse, the
// higher. A line across is an order.
const heights = { healthy: 7, unused: 4, unavailable: 10, draining: 10, initial: 12, unhealthy: 18 };
export function strip() {
  const root = svg('svg', { class: 'strip', viewBox: '0 0 132 18', preserveAspectRatio: 'none', role: 'img' });
  const text = el('span', { class: 'under', 'aria-hidden': 'true' });
  return { root, text, draw(timeline, started) {
    const end = now();
    const length = Math.min(stripSpan, Math.max(stripLeast, end - Date.parse(started)));
    const begin = end - length;
    const at = (time) => Math.max(0, Math.min(132, 132 * (Date.parse(time) - begin) / length));
    const parts = [svg('rect', { class: 'track', x: 0, y: 16, width: 132, height: 2 })];
    let well = 0; let known = 0; let changes = 0;
    timeline.forEach((turn, i) => {
      const from = at(turn.time);
      const to = i + 1 < timeline.length ? at(timeline[i + 1].time) : 132;
      if (to > from) {
        const height = heights[turn.to] || 4;
        parts.push(svg('rect', { class: turn.to, x: from.toFixed(2), y: 18 - height, width: Math.max(0.8, to - from).toFixed(2), height }));
        known += to - from;
        if (turn.to === 'healthy') well += to - from;
      }
      if (Date.parse(turn.time) < begin) return;
      if (turn.order) parts.push(svg('rect', { class: 'order', x: (from - 0.6).toFixed(2), y: 0, width: 1.2, height: 18 }));
      else if (turn.from) changes++;
    });
    root.replaceChildren(...parts);
    const seconds = Math.round(known / 132 * length / 1e3);
    const well100 = known ? Math.floor(100 * well / known) + '\u00a0%' : '';
    const of = seconds < 60 ? seconds + ' s' : Math.round(seconds / 60) + ' min';
    const last = timeline[timeline.length - 1];
    say(text, known && last.to !== 'unused' ? well100 + ' of ' + of : '');
    set(root, 'aria-label', known ? 'Healthy ' + well100 + ' of the last ' + of + ', ' + changes + (changes === 1 ? ' change' : ' changes') : 'Nothing known');
  } };
}
