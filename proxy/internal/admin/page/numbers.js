// Numbers and times for people.

export const count = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
export const rate = (n) => (n === 0 ? '0' : n < 10 ? n.toFixed(1) : count.format(Math.round(n)));
export const share = (n) => (n === 0 ? '0' : n < 0.0001 ? '<0.01' : (100 * n).toFixed(n < 0.1 ? 2 : 1)) + '\u00a0%';
export function latency(ms) {
  if (!ms) return '–';
  if (ms < 10) return ms.toFixed(1) + '\u00a0ms';
  return ms < 1000 ? Math.round(ms) + '\u00a0ms' : (ms / 1000).toFixed(2) + '\u00a0s';
}
export function latencies(...list) { // with the unit once
  if (!list.some(Boolean)) return '–';
  const seconds = list[list.length - 1] >= 1000;
  const digits = seconds ? 2 : list[list.length - 1] < 10 ? 1 : 0;
  return list.map((ms) => (seconds ? ms / 1000 : ms).toFixed(digits)).join(' / ') + '\u00a0' + (seconds ? 's' : 'ms');
}
export function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  while (n >= 999.5 && unit < units.length - 1) { n /= 1000; unit++; }
  return (unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + ' ' + units[unit];
}
let offset = 0; // the server's clock beside ours
export const now = () => Date.now() + offset;
export function setClock(time) { offset = Date.parse(time) - Date.now(); }
export function since(time) {
  const seconds = Math.max(0, Math.round((now() - Date.parse(time)) / 1000));
  if (seconds < 60) return seconds + ' s';
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes + ' min';
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? hours + ' h ' + (minutes % 60) + ' min' : Math.floor(hours / 24) + ' days';
}
export const clock = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
