// What an operator ought to know first: the problems that the process finds, the worst first.
import { el, say, svg } from './elements.js';

const most = 8; // problems that are shown at once
const signs = { bad: 'M8 1L15.5 14.5H.5z', warning: 'M8 .8L15.2 8L8 15.2L.8 8z', note: 'M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10z' };
const words = { bad: 'Bad', warning: 'Warning', note: 'Note' };

function sign(level) {
  return svg('svg', { viewBox: '0 0 16 16', class: 'sign', role: 'img', 'aria-label': words[level] || words.note }, svg('path', { d: signs[level] || signs.note }));
}

// attention fills list, an <ul>. go is called with a problem whose target is asked for, more
// when there are more than are shown.
export function attention(list, title, go, more) {
  const lines = new Map(); // by what they are about: they stay, so that the focus does too
  const fine = el('li', { class: 'fine' }, svg('svg', { viewBox: '0 0 16 16', class: 'sign', 'aria-hidden': 'true' }, svg('path', { d: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z' })), el('span'));
  const button = el('button', { type: 'button', class: 'link' });
  const rest = el('li', null, button);
  button.addEventListener('click', more);

  function line(problem) {
    const name = problem.target || problem.target_group || 'evenkeel';
    const view = { level: '', icon: el('span'), text: el('span') };
    view.go = problem.address ? el('button', { type: 'button', class: 'link' }, name) : el('strong', null, name);
    if (problem.address) view.go.addEventListener('click', () => go(problem));
    view.root = el('li', null, view.icon, el('span', null, view.go, problem.target ? el('span', { class: 'quiet' }, ' of ' + problem.target_group) : null), view.text);
    return view;
  }

  return function draw(problems, targets) {
    const shown = problems.slice(0, most);
    const next = shown.map((problem) => {
      const key = JSON.stringify([problem.target_group, problem.address, problem.address ? '' : problem.text]);
      if (!lines.has(key)) lines.set(key, line(problem));
      const view = lines.get(key);
      view.key = key;
      if (view.level !== problem.level) {
        view.level = problem.level;
        view.root.className = problem.level in signs ? problem.level : 'note';
        view.icon.replaceChildren(sign(problem.level));
      }
      say(view.text, problem.text);
      return view;
    });
    const keys = new Set(next.map((view) => view.key));
    for (const key of lines.keys()) if (!keys.has(key)) lines.delete(key);
    const roots = next.map((view) => view.root);
    if (!problems.length) {
      say(fine.lastChild, targets === 1 ? 'The target is healthy, and nothing stands out.' : targets ? 'All ' + targets + ' targets are healthy, and nothing stands out.' : 'There is nothing to look after.');
      roots.push(fine);
    }
    if (problems.length > most) {
      say(button, problems.length - most + ' more: show only targets with problems');
      roots.push(rest);
    }
    if (roots.length !== list.children.length || roots.some((root, i) => list.children[i] !== root)) {
      const focused = document.activeElement;
      const had = list.contains(focused);
      list.replaceChildren(...roots);
      if (had && list.contains(focused)) focused.focus({ preventScroll: true });
    }
    const bad = problems.filter((problem) => problem.level !== 'note').length;
    say(title, bad ? 'Needs attention' : problems.length ? 'Worth knowing' : 'All is well');
    list.parentElement.className = 'attention ' + (problems.some((p) => p.level === 'bad') ? 'bad' : bad ? 'warning' : 'fine');
  };
}
