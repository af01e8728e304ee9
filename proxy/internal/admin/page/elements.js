// Making elements. Text becomes text nodes: nothing that is shown is ever read as markup.

const SVG = 'http://www.w3.org/2000/svg';
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}
export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export function say(node, text) { if (node.textContent !== text) node.textContent = text; }
export function set(node, name, value) { if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value); }
