// The transcripts of one question: two side by side, and all of them as a tree.
//
// Transcripts are hostile text: they enter the page as text nodes only, and a link only if it leads to this machine.
(() => {
  "use strict";
  /**
   * @typedef {{id: string, context: string, answer: string, right: boolean, length: number|null, waits: number,
   *            text: string, hidden: number, tail: string, link: string}} Sample
   */
  /** @typedef {{members: number[], from: number, to: number}} Branch  samples that say the same between two places */

  const box = document.querySelector("dialog.traces");
  if (!box || !("showModal" in box)) return;
  const dialog = /** @type {HTMLDialogElement} */ (box);

  const WAIT = /(?<![\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d])Wait(?![\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d])/gu;
  const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;  // control codes, and what turns the direction
  const WORD = /\s*(?:[\u2e80-\u9fff\uf900-\ufaff]|[^\s\u2e80-\u9fff\uf900-\ufaff]+)/y;  // Chinese and Japanese have no spaces
  const TAIL = 400;  // characters of what both say that are shown at first
  const AT_ONCE = 40;  // lines of the tree that are open at first
  const MANY = 60;  // branches of one place that are shown at first

  /** @type {Sample[]} */ let samples = [];
  let sides = [0, 0];
  let grown = false;
  /** @type {HTMLElement|null} */ let button = null;  // that of the row that is shown; the focus returns to it
  let turn = 0;  // counts openings, so that a blob that is unpacked late is not shown for another question

  /** @param {string} name @returns {any} */
  const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
  const title = /** @type {HTMLElement} */ (dialog.querySelector("#traces-title"));
  const tabs = ["pair", "tree"].map((name) => /** @type {HTMLElement} */ (dialog.querySelector(`#traces-tab-${name}`)));
  const panels = ["pair", "tree"].map((name) => /** @type {HTMLElement} */ (dialog.querySelector(`#traces-${name}`)));

  /** @param {string} tag @param {string} name @param {...(string|Node)} inside @returns {any} */
  function make(tag, name, ...inside) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...inside);
    return element;
  }

  const say = (/** @type {string} */ words) => { part("status").textContent = words; };
  const number = (/** @type {number} */ value) => value.toLocaleString("en", { maximumFractionDigits: 1 });
  const several = (/** @type {number} */ count, /** @type {string} */ one) => `${number(count)} ${one}${count === 1 ? "" : "s"}`;

  /** A text in one line, without its middle where it is long. @param {string} text @param {number} most */
  function brief(text, most) {
    const plain = (/** @type {string} */ some) => some.replace(/\s+/g, " ").replace(UNSEEN, "\ufffd").trim();
    if (text.length <= most) return plain(text);
    const head = text.slice(0, whole(text, Math.ceil(most * 0.6)));
    const tail = text.slice(whole(text, text.length - Math.floor(most * 0.4)));
    return `${plain(head.replace(/\s\S{1,20}$/, " "))} … ${plain(tail.replace(/^\S{1,20}\s/, ""))}`;
  }

  /** The place, or the one before where it would cut a character in two. @param {string} text @param {number} place */
  function whole(text, place) {
    const low = text.charCodeAt(place) >= 0xdc00 && text.charCodeAt(place) <= 0xdfff;
    return low && place > 0 ? place - 1 : place;
  }

  // ---- reading a blob ----

  /** @param {string} text @returns {Promise<{samples: Sample[], pair: number[]}>} */
  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const found = JSON.parse(await new Response(stream).text());
    const held = found.samples.map(known);
    if (!held.length) throw new Error("no samples");
    const pair = [0, 1].map((side) => Math.min(Math.max(Math.trunc(Number(found.pair[side])) || 0, 0), held.length - 1));
    return { samples: held, pair };
  }

  /** @param {any} raw @returns {Sample} */
  function known(raw) {
    const words = (/** @type {any} */ value) => (value === null || value === undefined ? "" : String(value));
    return {
      id: words(raw.id), context: words(raw.context), answer: words(raw.answer), right: raw.right === true,
      length: typeof raw.length === "number" ? raw.length : null, waits: Number(raw.waits) || 0,
      text: words(raw.text), hidden: Number(raw.hidden) || 0, tail: words(raw.tail), link: words(raw.link),
    };
  }

  /** Opens the dialog on one row of the table. @param {string} row its number, in digits */
  async function open(row) {
    const blob = document.getElementById(`t${row}`);
    if (!blob || !blob.classList.contains("transcript")) return;
    const mine = ++turn;
    button = document.querySelector(`.read[data-row="${row}"]`);
    title.textContent = brief((button && button.dataset.title) || "Samples of one question", 300);
    empty();
    say("Unpacking …");
    if (!dialog.open) dialog.showModal();
    title.focus();
    address(`#row-${row}`);
    if (typeof DecompressionStream === "undefined") {
      say("This browser is too old to unpack transcripts; Chrome 80, Firefox 113 and Safari 16.4 can.");
      return;
    }
    try {
      const found = await unpacked(blob.textContent || "");
      if (mine === turn && dialog.open) fill(found.samples, found.pair);
    } catch {
      if (mine === turn) say("The transcripts of this question are damaged in this file, so they cannot be shown.");
    }
  }

  function empty() {
    samples = [];
    grown = false;
    for (const name of ["choose-left", "choose-right", "same", "left-text", "right-text", "tree"]) part(name).replaceChildren();
    for (const panel of panels) panel.hidden = true;
    for (const tab of tabs) tab.hidden = true;
  }

  /** @param {Sample[]} found @param {number[]} pair */
  function fill(found, pair) {
    samples = found;
    sides = pair;
    const alone = samples.length === 1;
    dialog.classList.toggle("alone", alone);
    for (const name of ["shared", "parting", "right"]) part(name).hidden = alone;
    part("choose-right").parentElement.hidden = alone;
    for (const name of ["choose-left", "choose-right"]) {
      part(name).append(...samples.map((sample, place) => new Option(described(sample, place), String(place))));
    }
    for (const tab of tabs) tab.hidden = false;
    say(alone ? "There is one sample of this question." : "");
    show(0);
    compare();
  }

  // ---- two side by side ----

  /** @param {Sample} sample @param {number} most */
  const answered = (sample, most) => `${brief(sample.answer, most) || "no answer"}${sample.right ? " ✓" : ""}`;

  /** @param {Sample} sample */
  const facts = (sample) => [
    ...(sample.context ? [`context ${brief(sample.context, 24)}`] : []),
    ...(sample.length === null ? [] : [dialog.dataset.unit ? `${number(sample.length)} ${dialog.dataset.unit}` : `length ${number(sample.length)}`]),
    several(sample.waits, "Wait"),
  ];

  /** @param {Sample} sample @param {number} place */
  const described = (sample, place) => [`#${place + 1}: ${answered(sample, 40)}`, ...facts(sample)].join(" · ");

  function compare() {
    const [left, right] = sides.map((place) => samples[place]);
    part("choose-left").value = String(sides[0]);
    part("choose-right").value = String(sides[1]);
    const at = samples.length === 1 ? 0 : parted(left.text, right.text);
    shared(left.text, at, false);
    part("parting").firstElementChild.textContent = divider(left, right, at);
    column("left", sides[0], at);
    column("right", sides[1], at);
  }

  /** Where two texts part: before the first character, as a reader sees characters, that differs. @param {string} one @param {string} other */
  function parted(one, other) {
    let at = 0;
    const most = Math.min(one.length, other.length);
    while (at < most && one.charCodeAt(at) === other.charCodeAt(at)) at++;
    if (typeof Intl === "undefined" || !("Segmenter" in Intl)) return whole(one, whole(other, at));
    const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
    const texts = [one, other].map((text) => ({ text, cut: characters.segment(text) }));
    for (let before = -1; before !== at;) {
      before = at;
      for (const { text, cut } of texts) if (at > 0 && at < text.length) at = /** @type {any} */ (cut.containing(at)).index;
    }
    return at;
  }

  /** @param {Sample} left @param {Sample} right @param {number} at */
  function divider(left, right, at) {
    const ended = [left, right].map((sample) => at === sample.text.length);
    const cut = ended.map((end, side) => end && [left, right][side].hidden > 0);
    if (left === right) return "The same sample stands on both sides";
    if (cut[0] || cut[1]) return "They agree up to here; where they part is not shown";
    if (ended[0] && ended[1]) return "They are the same to the end";
    const where = at ? `after ${several([...left.text.slice(0, at)].length, "character")} that they share` : "from the first character on";
    const which = ended[0] ? "; the left one ends" : ended[1] ? "; the right one ends" : "";
    return `Here they part, ${where}${which}`;
  }

  /** What both say: its end, or all of it. @param {string} text @param {number} at @param {boolean} all */
  function shared(text, at, all) {
    const long = at > TAIL * 1.5;
    const near = text.slice(at - TAIL, at).search(/\s/);  // rather the end of a word
    const from = long && !all ? whole(text, at - TAIL + (near >= 0 && near < 40 ? near + 1 : 0)) : 0;
    const more = part("more");
    part("shared").hidden = at === 0 || samples.length === 1;
    part("same").replaceChildren(from ? "… " : "", marked(text, from, at));
    more.hidden = !long;
    more.setAttribute("aria-expanded", String(all));
    more.textContent = all ? "Show only the end of what they share" : "Show all that they share";
    more.onclick = () => shared(text, at, !all);
  }

  /** A piece of a text with its Waits marked. @param {string} text @param {number} from @param {number} to */
  function marked(text, from, to) {
    const piece = document.createDocumentFragment();
    let at = from;
    for (const found of text.matchAll(WAIT)) {
      const start = Math.max(found.index, at);
      const end = Math.min(found.index + found[0].length, to);
      if (start >= end) continue;
      piece.append(text.slice(at, start), make("mark", "", text.slice(start, end)));
      at = end;
    }
    piece.append(text.slice(at, to));
    return piece;
  }

  /** @param {"left"|"right"} side @param {number} place @param {number} at */
  function column(side, place, at) {
    const sample = samples[place];
    const head = /** @type {HTMLElement} */ (dialog.querySelector(`#traces-${side}`));
    head.replaceChildren(`#${place + 1}: ${answered(sample, 200)} `, make("span", "facts", `· ${[...facts(sample), brief(sample.id, 48)].filter(Boolean).join(" · ")}`));
    const link = local(sample.link);
    if (link) head.append(make("span", "facts", " · "), link);
    const body = part(`${side}-text`);
    const own = (/** @type {Node} */ inside) => Object.assign(make("pre", "own", inside), { dir: "auto" });
    body.replaceChildren();
    if (at < sample.text.length) body.append(own(marked(sample.text, at, sample.text.length)));
    if (sample.hidden) body.append(make("p", "traces-cut", `… ${several(sample.hidden, "character")} of this text are not shown here …`));
    if (sample.tail) body.append(own(marked(sample.tail, 0, sample.tail.length)));
    if (!body.childNodes.length) body.append(make("p", "traces-none", sample.text ? "It ends here." : "The text is empty."));
  }

  /** A link to a viewer on this machine, or nothing. @param {string} address */
  function local(address) {
    let url;
    try { url = new URL(address); } catch { return null; }
    const near = url.protocol === "http:" && ["127.0.0.1", "localhost"].includes(url.hostname) && !url.username && !url.password;
    return near ? Object.assign(make("a", "", "open in inspect view"), { href: url.href, rel: "noreferrer", target: "_blank" }) : null;
  }

  // ---- the tree ----

  /** @param {number} code */
  const space = (code) => code === 32 || (code >= 9 && code <= 13) || code === 0xa0 || code === 0x1680 || (code >= 0x2000 && code <= 0x200a) || code === 0x2028
    || code === 0x2029 || code === 0x202f || code === 0x205f || code === 0x3000 || code === 0xfeff;
  /** @param {number} code */
  const alone = (code) => (code >= 0x2e80 && code <= 0x9fff) || (code >= 0xf900 && code <= 0xfaff);

  /** Whether a word ends or begins at a place. @param {string} text @param {number} at */
  function border(text, at) {
    if (at === 0 || at >= text.length) return true;
    const [before, after] = [text.charCodeAt(at - 1), text.charCodeAt(at)];
    return space(after) || alone(after) || alone(before);
  }

  /** How far all members say the same words. @param {number[]} members @param {number} from @returns {Branch} */
  function branch(members, from) {
    const first = samples[members[0]].text;
    let to = first.length;
    for (const member of members.slice(1)) {
      const other = samples[member].text;
      let at = from;
      while (at < to && at < other.length && first.charCodeAt(at) === other.charCodeAt(at)) at++;
      while (at > from && !(border(first, at) && border(other, at))) at--;
      if (at < first.length || at < other.length) while (at > from && space(first.charCodeAt(at - 1))) at--;
      to = Math.min(to, at);
    }
    return { members, from, to };
  }

  /** What follows a branch, larger ones first; a sample that ends there stands alone. @param {Branch} stem @returns {Branch[]} */
  function following(stem) {
    /** @type {Map<string, number[]>} */ const groups = new Map();
    /** @type {Branch[]} */ const ended = [];
    for (const member of stem.members) {
      WORD.lastIndex = stem.to;
      const word = WORD.exec(samples[member].text);
      if (!word) ended.push({ members: [member], from: stem.to, to: samples[member].text.length });
      else if (groups.has(word[0])) /** @type {number[]} */ (groups.get(word[0])).push(member);
      else groups.set(word[0], [member]);
    }
    const next = [...groups.values()].sort((one, other) => other.length - one.length || one[0] - other[0]);
    return [...next.map((members) => branch(members, stem.to)), ...ended];
  }

  /** The answers of some samples, the commonest first. @param {number[]} members */
  function ends(members) {
    /** @type {Map<string, {count: number, right: boolean, sample: Sample}>} */ const found = new Map();
    for (const sample of members.map((member) => samples[member])) {
      const held = found.get(sample.answer) || { count: 0, right: false, sample };
      held.count++;
      if (sample.right && !held.right) Object.assign(held, { right: true, sample });
      found.set(sample.answer, held);
    }
    const order = [...found.values()].sort((one, other) => other.count - one.count);
    const line = make("span", "ends");
    order.slice(0, 4).forEach(({ count, right, sample }, place) => {
      const words = `${answered(sample, 40)}${members.length > 1 ? ` × ${number(count)}` : ""}`;
      line.append(place ? ", " : "", make("span", right ? "is-right" : "", words));
    });
    if (order.length > 4) line.append(`, and ${several(order.length - 4, "other answer")}`);
    return line;
  }

  /** A piece of a text; our words where there is none. @param {string} text @param {number} most @param {string} otherwise */
  function quoted(text, most, otherwise) {
    const words = brief(text, most);
    return words ? make("span", "said", words) : make("span", "said ours", otherwise);
  }

  /** One line of the tree; what is below a branch is made when it is first opened. @param {Branch} stem */
  function line(stem) {
    const { members, from, to } = stem;
    const { text, hidden } = samples[members[0]];
    if (members.length === 1) {
      const said = quoted(text.slice(from, from + 4000), 140, hidden ? "goes on where it is not shown" : "ends here");
      const leaf = make("button", "leaf", make("span", "many", `#${members[0] + 1}`), said, ends(members));
      leaf.type = "button";
      leaf.onclick = () => right(members[0]);
      return { item: make("li", "", leaf), open: null };
    }
    const many = make("span", "many", number(members.length), make("span", "aside", " samples: "));
    const said = quoted(text.slice(from, to), 200, "they differ from the first word on");
    const summary = make("summary", "", many, said, ends(members));
    const details = make("details", "", summary);
    let below = /** @type {(() => HTMLElement)|null} */ (() => make("ul", ""));
    const open = () => {
      if (!below) return [];
      const list = below();
      below = null;
      details.append(list);
      details.open = true;
      return grow(list, following(stem));
    };
    details.ontoggle = () => { if (details.open) open(); };
    return { item: make("li", "", details), open };
  }

  /** Adds lines to a list, not all at once where there are many; returns what opens them. @param {HTMLElement} list @param {Branch[]} stems */
  function grow(list, stems) {
    const lines = stems.slice(0, MANY).map(line);
    list.append(...lines.map(({ item }) => item));
    const rest = stems.slice(MANY);
    if (rest.length) {
      const more = make("button", "more", `Show more: ${number(rest.length)} are left`);
      more.type = "button";
      const item = make("li", "", more);
      more.onclick = () => {
        const [next] = grow(list, rest);
        item.remove();
        next.item.querySelector("summary, button").focus();
      };
      list.append(item);
    }
    return lines;
  }

  /** Grows the tree, and opens its first branches until there are enough lines. */
  function plant() {
    grown = true;
    const queue = grow(part("tree"), [branch(samples.map((_, place) => place), 0)]);
    for (let shown = 1; queue.length && shown < AT_ONCE;) {
      const next = /** @type {{open: (() => any[])|null}} */ (queue.shift());
      const found = next.open ? next.open() : [];
      shown += found.length;
      queue.push(...found);
    }
  }

  /** Puts a sample on the right. @param {number} place */
  function right(place) {
    sides = [sides[0] === place ? sides[1] : sides[0], place];
    compare();
    show(0);
    panels[0].scrollTop = 0;
    part(samples.length === 1 ? "choose-left" : "choose-right").focus();
    say(`Sample ${place + 1} stands on the ${samples.length === 1 ? "left" : "right"}.`);
  }

  // ---- tabs, address, events ----

  /** @param {number} place which of the two ways */
  function show(place) {
    tabs.forEach((tab, other) => {
      tab.setAttribute("aria-selected", String(other === place));
      tab.tabIndex = other === place ? 0 : -1;
      panels[other].hidden = other !== place;
    });
    if (place === 1 && !grown) plant();
  }

  /** Sets what follows # in the address, where the browser lets a file do so. @param {string} hash */
  function address(hash) {
    try { history.replaceState(null, "", hash || location.pathname + location.search); } catch { /* the dialog works without */ }
  }

  function fromAddress() {
    const found = /^#row-(\d{1,9})$/.exec(location.hash);
    if (found) open(found[1]);
    else if (dialog.open) dialog.close();
  }

  tabs.forEach((tab, place) => {
    tab.onclick = () => show(place);
    tab.onkeydown = (event) => {
      if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
      event.preventDefault();
      const next = event.key === "Home" ? 0 : event.key === "End" ? 1 : 1 - place;
      show(next);
      tabs[next].focus();
    };
  });
  [part("choose-left"), part("choose-right")].forEach((choice, side) => {
    choice.onchange = () => {
      sides[side] = Number(choice.value);
      say("");
      compare();
    };
  });
  part("copy").onclick = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied.");
    } catch {
      say("The link is in the address bar.");
    }
  };
  part("close").onclick = () => dialog.close();
  dialog.onclose = () => {
    if (dialog.open) return;  // opened again since
    turn++;
    empty();
    if (/^#row-/.test(location.hash)) address("");
    if (button) button.focus();
  };
  document.addEventListener("click", (event) => {
    const pressed = event.target instanceof Element ? event.target.closest(".read") : null;
    const row = pressed instanceof HTMLElement ? pressed.dataset.row || "" : "";
    if (/^\d{1,9}$/.test(row)) open(row);
  });
  window.addEventListener("hashchange", fromAddress);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", fromAddress);
  else fromAddress();
})();
