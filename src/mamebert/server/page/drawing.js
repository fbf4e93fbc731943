"use strict";
// Answers as elements. Texts are only ever set as text, so that none of them is taken for markup.

function element(name, more = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(more)) {
    if (key === "class") made.className = value;
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function bars(found, asShares = true) {
  const list = element("ol", { class: "bars" });
  const longest = asShares ? 1 : Math.max(1e-9, ...found.map(([, value]) => Math.abs(value)));
  for (const [name, value] of found) {
    const filled = element("span");
    filled.style.width = `${Math.max(0, Math.min(1, Math.abs(value) / longest)) * 100}%`;
    list.append(element("li", {},
      element("bdi", { class: "name" }, String(name)),
      element("span", { class: "track", "aria-hidden": "true" }, filled),
      element("span", { class: "number" }, asShares ? percent(value) : value.toFixed(3))));
  }
  return list;
}

// Places in answers count characters as Python does: code points, not halves of them.
function marked(text, spans) {
  const letters = Array.from(text), shown = element("p", { class: "marked", dir: "auto" });
  const kinds = [...new Set(spans.map((span) => span.label))];
  let at = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start < at || span.end <= span.start) continue;
    shown.append(letters.slice(at, span.start).join(""));
    const mark = element("mark", {}, letters.slice(span.start, span.end).join(""));
    if (span.label) {
      mark.append(element("small", {}, span.label));
      mark.style.setProperty("--mark", `${(90 + 67 * kinds.indexOf(span.label)) % 360} var(--strength)`);
    }
    shown.append(mark);
    at = span.end;
  }
  shown.append(letters.slice(at).join(""));
  return shown;
}

function shaded(cell, share) {
  const depth = Math.max(0, Math.min(1, share));
  cell.style.background = `color-mix(in srgb, var(--bar) ${Math.round(100 * depth)}%, var(--card))`;
  return cell;
}

function matrix(names, rows, title) {
  const head = element("tr", {}, element("td"));
  names.forEach((_, number) => head.append(element("th", { scope: "col" }, String(number + 1))));
  const body = element("tbody");
  rows.forEach((row, number) => {
    const line = element("tr", {}, element("th", { scope: "row", dir: "auto" }, `${number + 1}. ${names[number]}`));
    row.forEach((value) => line.append(shaded(element("td", {}, value.toFixed(2)), value)));
    body.append(line);
  });
  const table = element("table", {}, element("caption", {}, title), element("thead", {}, head), body);
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": title }, table);
}

function attentionMap(tokens, head, title) {
  const top = element("tr", {}, element("td"));
  tokens.forEach((token) => top.append(element("th", { scope: "col" }, element("bdi", {}, token))));
  const body = element("tbody");
  head.forEach((row, number) => {
    const line = element("tr", {}, element("th", { scope: "row" }, element("bdi", {}, tokens[number])));
    row.forEach((share, to) => {
      const told = `${tokens[number]} → ${tokens[to]}: ${percent(share)}`;
      line.append(shaded(element("td", { title: told }, element("span", {}, percent(share))), Math.sqrt(share)));
    });
    body.append(line);
  });
  const table = element("table", { class: "map" }, element("caption", {}, title), element("thead", {}, top), body);
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": title }, table);
}

function drawn(name, more, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(more)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function tree(words, heads, deprels) {
  const wide = (word) => Array.from(word).reduce((sum, letter) => sum + (letter > "\u2e80" ? 15 : 8.5), 26);
  const middles = [];
  let width = 10;
  words.forEach((word, number) => {
    const size = Math.max(wide(word), 7 * deprels[number].length + 14);
    middles.push(width + size / 2);
    width += size;
  });
  const longest = Math.max(1, ...heads.map((head, number) => (head ? Math.abs(head - 1 - number) : 1)));
  const step = Math.min(34, 260 / longest), ground = 40 + step * longest;
  const told = words.map((word, n) => `${word}: ${deprels[n]}${heads[n] ? ` of ${words[heads[n] - 1]}` : ""}`).join("; ");
  const svg = drawn("svg", { width, height: ground + 34, viewBox: `0 0 ${width} ${ground + 34}`, role: "img", "aria-label": told });
  words.forEach((word, number) => svg.append(drawn("text", { x: middles[number], y: ground + 22 }, word)));
  heads.forEach((head, number) => {
    const to = middles[number];
    if (!head) {
      svg.append(drawn("path", { d: `M${to} 14 V${ground} m-4 -8 l4 8 l4 -8` }));
      svg.append(drawn("text", { class: "deprel", x: to, y: 11 }, deprels[number]));
      return;
    }
    const from = middles[head - 1] + (to > middles[head - 1] ? 5 : -5);
    const high = ground - step * Math.abs(head - 1 - number) - 6;
    svg.append(drawn("path", { d: `M${from} ${ground} C${from} ${high} ${to} ${high} ${to} ${ground} m-4 -8 l4 8 l4 -8` }));
    svg.append(drawn("text", { class: "deprel", x: (from + to) / 2, y: ground - 0.75 * (ground - high) - 3 }, deprels[number]));
  });
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Dependency tree" }, svg);
}
