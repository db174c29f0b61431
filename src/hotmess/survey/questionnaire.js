// A rater ranks cards, by sorting a list or by answering pairs, and saves a file. Nothing is sent anywhere.
//
// Names of cards are hostile text: they enter the page as text nodes only.
(() => {
  "use strict";
  /** @typedef {{card: number, tied: boolean}} Place  a card of the list, and whether it is the same as the one above */
  /** @typedef {{left: number, right: number, says: string}} Answer  "<", "=" or ">" from the left one to the right one */
  /** @typedef {{unknown: number}} Unknown */

  const part = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
  const data = JSON.parse(part("data").textContent);
  /** @type {{entity: string, kind: string|null, about: string|null}[]} */ const cards = data.cards;
  const KEPT = `hotmess-survey-${data.id}`;
  const RATER = "hotmess-rater";

  // ------------------------------------------------------------------------------------------ chance, and what is kept

  /** A whole number below `most`, every one as likely. @param {number} most */
  function chance(most) {
    const limit = Math.floor(2 ** 32 / most) * most;
    const drawn = new Uint32Array(1);
    do crypto.getRandomValues(drawn); while (drawn[0] >= limit);
    return drawn[0] % most;
  }

  function shuffled() {
    const order = cards.map((_, place) => place);
    for (let last = order.length - 1; last > 0; last--) {
      const other = chance(last + 1);
      [order[last], order[other]] = [order[other], order[last]];
    }
    return order;
  }

  const kept = {
    get: (/** @type {string} */ name) => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (/** @type {string} */ name, /** @type {string} */ text) => { try { localStorage.setItem(name, text); } catch { /* works without */ } },
    remove: (/** @type {string} */ name) => { try { localStorage.removeItem(name); } catch { /* works without */ } },
  };

  function fresh() {
    const rater = kept.get(RATER) ?? `r${[0, 1].map(() => chance(2 ** 16).toString(16).padStart(4, "0")).join("")}`;
    kept.set(RATER, rater);
    return {
      rater, asked: chance(data.asked.length), initial: shuffled(), sides: chance(2 ** 31), way: "", done: false, name: "",
      started: new Date().toISOString(), finished: "", saved: true,
      /** @type {Place[]} */ order: [], /** @type {number[]} */ unknown: [], /** @type {number[]} */ touched: [],
      /** @type {(Answer|Unknown)[]} */ answers: [],
    };
  }

  function before() {
    try {
      const found = JSON.parse(kept.get(KEPT) ?? "");
      return found.initial.length === cards.length && data.asked[found.asked] ? found : null;
    } catch { return null; }
  }

  let state = before() ?? fresh();
  const keep = () => kept.set(KEPT, JSON.stringify(state));
  const changed = () => { state.saved = false; part("saved").hidden = true; keep(); };
  const say = (/** @type {string} */ words) => { part("status").textContent = words; };
  const named = (/** @type {number} */ card) => cards[card].entity;

  /** @param {string} tag @param {string} name @param {...(string|Node)} inside @returns {any} */
  function make(tag, name, ...inside) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...inside);
    return element;
  }

  /** What a card shows; its kind is not among it, for it would anchor. @param {number} card */
  function face(card) {
    const name = make("bdi", "", named(card));
    const about = cards[card].about;
    return about ? [name, make("small", "", about)] : [name];
  }

  // ------------------------------------------------------------------------------------------ pairs: insertion by halves

  /** Where the answers so far have led: groups of cards that are the same, the most first, and the card that is being placed. */
  function led() {
    /** @type {number[][]} */ const groups = [];
    const gone = new Set();
    const queue = [...state.initial];
    /** @type {number|null} */ let card = null;
    let low = 0, high = 0;
    const settle = () => {
      if (card !== null && low >= high) { groups.splice(low, 0, [card]); card = null; }
      while (card === null && queue.length) {
        const next = /** @type {number} */ (queue.shift());
        if (gone.has(next)) continue;
        if (groups.length) { card = next; low = 0; high = groups.length; } else groups.push([next]);
      }
    };
    settle();
    for (const answer of state.answers) {
      if ("unknown" in answer) {
        gone.add(answer.unknown);
        if (answer.unknown === card) card = null;
        else {
          const at = groups.findIndex((group) => group.includes(answer.unknown));
          groups[at] = groups[at].filter((one) => one !== answer.unknown);
          if (!groups[at].length) {
            groups.splice(at, 1);
            if (at < low) low--;
            if (at < high) high--;
          }
        }
      } else if (card !== null) {
        const middle = (low + high) >> 1;
        if (answer.says === "=") { groups[middle].push(card); card = null; }
        else if ((answer.left === card) === (answer.says === ">")) high = middle;
        else low = middle + 1;
      }
      settle();
    }
    return { groups, card, low, high, queue: queue.filter((one) => !gone.has(one)), gone };
  }

  const halvings = (/** @type {number} */ count) => Math.ceil(Math.log2(count + 1));

  /** How many questions are left. @param {ReturnType<typeof led>} now */
  function left(now) {
    let size = now.groups.length, count = now.card === null ? 0 : halvings(now.high - now.low);
    if (now.card !== null) size++;
    for (const _ of now.queue) count += size ? halvings(size++) : size++;
    return count;
  }

  /** The two cards that are asked about, in an order by chance, the same whenever the page is opened. @param {ReturnType<typeof led>} now */
  function pair(now) {
    const both = [now.card ?? 0, now.groups[(now.low + now.high) >> 1][0]];
    let mixed = (state.sides + Math.imul(state.answers.length + 1, 0x9e3779b1)) >>> 0;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b) >>> 0;
    return (mixed >>> 13) & 1 ? both : both.reverse();
  }

  function showPair() {
    const now = led();
    if (now.card === null) return finishPairs(now);
    const [one, other] = pair(now);
    part("left").replaceChildren(...face(one));
    part("right").replaceChildren(...face(other));
    part("left-unknown").setAttribute("aria-label", `I do not know this one: ${named(one)}`);
    part("right-unknown").setAttribute("aria-label", `I do not know this one: ${named(other)}`);
    const done = state.answers.filter((answer) => !("unknown" in answer)).length;
    const all = done + left(now);
    part("progress").textContent = `Question ${done + 1} of about ${all}`;
    part("bar").value = done / all;
    part("undo").disabled = !state.answers.length;
    say(`${named(one)}, or ${named(other)}?`);
  }

  /** @param {Answer|Unknown} given */
  function answer(given) {
    state.answers.push(given);
    changed();
    showPair();
  }

  /** @param {string} says */
  function choose(says) {
    const now = led();
    if (now.card === null) return;
    const [one, other] = pair(now);
    answer({ left: one, right: other, says });
  }

  /** @param {number} side */
  function setAside(side) {
    const now = led();
    if (now.card !== null) answer({ unknown: pair(now)[side] });
  }

  function undo() {
    if (!state.answers.length) return;
    state.answers.pop();
    changed();
    showPair();
  }

  /** @param {ReturnType<typeof led>} now */
  function finishPairs(now) {
    state.order = now.groups.flatMap((group) => group.map((card, place) => ({ card, tied: place > 0 })));
    state.unknown = [...now.gone];
    state.touched = [...state.initial];
    state.done = true;
    changed();
    show();
    say("All pairs are answered. This is your ranking; look it over, change what you like, and save it.");
  }

  // ------------------------------------------------------------------------------------------ the list

  /** @type {Map<number, any>} */ const rows = new Map();
  /** @type {{card: number, order: Place[]}|null} */ let lifted = null;
  let active = -1;  // the card that Tab reaches

  const placeOf = (/** @type {number} */ card) => state.order.findIndex((one) => one.card === card);
  const button = (/** @type {number} */ card) => rows.get(card).querySelector(".card");

  /** @param {number} card */
  function row(card) {
    const sort = make("button", "card", ...face(card));
    const tie = make("button", "less tie", "=");
    const unknown = make("button", "less unknown", "?");
    tie.setAttribute("aria-label", `The same as the one above: ${named(card)}`);
    unknown.setAttribute("aria-label", `I do not know this one: ${named(card)}`);
    tie.title = "the same as the one above";
    unknown.title = "I do not know this one";
    for (const one of [sort, tie, unknown]) one.type = "button";
    const handle = make("span", "handle", "⠿");
    handle.setAttribute("aria-hidden", "true");
    const made = make("li", "row", make("span", "number"), handle, sort, tie, unknown);
    tie.addEventListener("click", () => toggleTie(card));
    unknown.addEventListener("click", () => putAside(card));
    sort.addEventListener("focus", () => { active = card; tabs(); });
    sort.addEventListener("blur", () => { if (lifted?.card === card) drop(); });
    sort.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => pressed(event, card));
    made.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => grab(event, card));
    return made;
  }

  /** The rows in their order; the one that is `held` never leaves the page, so that it keeps focus and pointer. @param {number} [held] */
  function refresh(held) {
    const list = part("list");
    for (const [card, made] of rows) if (placeOf(card) < 0) { made.remove(); rows.delete(card); }
    for (const { card } of state.order) if (!rows.has(card)) rows.set(card, row(card));
    const middle = held === undefined ? null : rows.get(held);
    let above = middle !== null;
    for (const { card } of state.order) {
      const made = rows.get(card);
      if (made === middle) above = false;
      else if (above) list.insertBefore(made, middle);
      else list.append(made);
    }
    if (placeOf(active) < 0) active = state.order[0]?.card ?? -1;
    marks();
    tabs();
    part("aside").hidden = !state.unknown.length;
    part("unknown").replaceChildren(...state.unknown.map((card) => {
      const back = make("button", "less", "Put back");
      back.type = "button";
      back.setAttribute("aria-label", `Put back: ${named(card)}`);
      back.addEventListener("click", () => putBack(card));
      return make("li", "", make("bdi", "", named(card)), back);
    }));
    const still = untouched().length;
    part("untouched").textContent = state.way === "drag" && still
      ? `${still} of ${state.order.length} cards (dotted) have not been moved: they stand where chance put them. Leave them there only if they belong there.` : "";
    part("save").disabled = !state.order.length;
  }

  const untouched = () => (state.way === "drag" ? state.order.map((one) => one.card).filter((card) => !state.touched.includes(card)) : []);

  /** Ranks and ties, as they are seen and heard. */
  function marks() {
    const still = new Set(untouched());
    let head = 0;
    state.order.forEach(({ card, tied }, place) => {
      if (!tied) head = place;
      const made = rows.get(card);
      const shared = tied || state.order[place + 1]?.tied;
      made.querySelector(".number").textContent = `${head + 1}${shared ? "=" : ""}`;
      made.classList.toggle("tied", tied);
      const sort = made.querySelector(".card");
      sort.classList.toggle("lifted", lifted?.card === card);
      sort.classList.toggle("untouched", still.has(card));
      sort.setAttribute("aria-pressed", String(lifted?.card === card));
      const tie = made.querySelector(".tie");
      tie.setAttribute("aria-pressed", String(tied));
      tie.disabled = place === 0;
    });
  }

  function tabs() {
    for (const [card, made] of rows) for (const one of made.querySelectorAll("button")) one.tabIndex = card === active ? 0 : -1;
  }

  /** The list with a card at another place. Between two that are the same, it is the same as well. @param {number} card @param {number} to */
  function moved(card, to) {
    const from = placeOf(card);
    const rest = state.order.filter((one) => one.card !== card);
    if (!state.order[from].tied && rest[from]?.tied) rest[from] = { ...rest[from], tied: false };
    rest.splice(to, 0, { card, tied: to > 0 && Boolean(rest[to]?.tied) });
    return rest;
  }

  const touch = (/** @type {number} */ card) => { if (!state.touched.includes(card)) state.touched.push(card); };

  /** @param {number} card @param {number} to */
  function move(card, to) {
    const end = Math.max(0, Math.min(to, state.order.length - 1));
    if (end !== placeOf(card)) state.order = moved(card, end);
    touch(card);
    changed();
    refresh(card);
    rows.get(card).scrollIntoView({ block: "nearest" });
    const above = state.order[end - 1];
    say(`${named(card)}: place ${end + 1} of ${state.order.length}${above ? `, below ${named(above.card)}` : ""}.`);
  }

  /** @param {number} card */
  function lift(card) {
    lifted = { card, order: state.order };
    marks();
    say(`${named(card)} lifted. Place ${placeOf(card) + 1} of ${state.order.length}. Arrow keys move it, Space drops it, Escape puts it back.`);
  }

  function drop() {
    if (!lifted) return;
    const { card } = lifted;
    lifted = null;
    touch(card);
    changed();
    refresh(card);
    say(`${named(card)} dropped at place ${placeOf(card) + 1} of ${state.order.length}.`);
  }

  function putDown() {
    if (!lifted) return;
    const { card, order } = lifted;
    lifted = null;
    state.order = order;
    changed();
    refresh(card);
    say(`${named(card)} is back at place ${placeOf(card) + 1}.`);
  }

  /** @param {number} card */
  function toggleTie(card) {
    const place = placeOf(card);
    if (place === 0) return say(`${named(card)} is the first.`);
    const tied = !state.order[place].tied;
    state.order = state.order.map((one) => (one.card === card ? { card, tied } : one));
    const above = state.order[place - 1].card;
    touch(card);
    if (tied) touch(above);
    changed();
    refresh(card);
    say(tied ? `${named(card)} is the same as ${named(above)}.` : `${named(card)} is below ${named(above)}.`);
  }

  /** @param {number} card */
  function putAside(card) {
    const place = placeOf(card);
    if (lifted?.card === card) lifted = null;
    const last = state.order.length - 1;
    state.order = moved(card, last).filter((one) => one.card !== card);
    state.unknown.push(card);
    changed();
    active = state.order[Math.min(place, last - 1)]?.card ?? -1;
    refresh();
    if (active >= 0) button(active).focus();
    say(`${named(card)} is set aside.`);
  }

  /** @param {number} card */
  function putBack(card) {
    state.unknown = state.unknown.filter((one) => one !== card);
    state.order = [...state.order, { card, tied: false }];
    changed();
    refresh();
    button(card).focus();
    say(`${named(card)} is back, at the end.`);
  }

  /** @param {KeyboardEvent} event @param {number} card */
  function pressed(event, card) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const place = placeOf(card), last = state.order.length - 1;
    const to = { ArrowUp: place - 1, ArrowDown: place + 1, Home: 0, End: last }[event.key];
    if (to !== undefined) {
      if (lifted) move(card, to);
      else button(state.order[Math.max(0, Math.min(to, last))].card).focus();
    } else if (event.key === " " || event.key === "Enter") {
      if (lifted) drop(); else lift(card);
    } else if (event.key === "Escape" && lifted) putDown();
    else if (event.key === "=") toggleTie(card);
    else if (event.key === "u" || event.key === "U") putAside(card);
    else return;
    event.preventDefault();
  }

  // ------------------------------------------------------------------------------------------ dragging

  const FAR = 5;  // pixels that a mouse moves before a card is dragged
  const EDGE = 70;  // pixels from the edge of the window, where the page scrolls

  /** @param {PointerEvent} event @param {number} card */
  function grab(event, card) {
    const target = /** @type {HTMLElement} */ (event.target);
    const handle = target.closest(".handle");
    if (event.button !== 0 || !event.isPrimary || !(handle || (event.pointerType === "mouse" && target.closest(".card")))) return;
    const made = rows.get(card);
    const start = event.clientY, inside = start - made.getBoundingClientRect().top;
    let y = start, shift = 0, dragging = false, frame = 0;
    if (handle) event.preventDefault();

    const follow = () => {
      const wanted = y - inside, middle = wanted + made.offsetHeight / 2;
      const centre = (/** @type {Element} */ one) => { const box = one.getBoundingClientRect(); return box.top + box.height / 2; };
      const list = part("list");
      while (made.previousElementSibling && middle < centre(made.previousElementSibling)) list.insertBefore(made.previousElementSibling, made.nextElementSibling);
      while (made.nextElementSibling && middle > centre(made.nextElementSibling)) list.insertBefore(made.nextElementSibling, made);
      shift += wanted - made.getBoundingClientRect().top;
      made.style.transform = `translateY(${shift}px)`;
    };
    const scroll = () => {
      const step = y < EDGE ? -10 : y > innerHeight - EDGE ? 10 : 0;
      if (step) { scrollBy(0, step); follow(); }
      frame = requestAnimationFrame(scroll);
    };
    const carry = (/** @type {PointerEvent} */ next) => {
      if (next.pointerId !== event.pointerId) return;
      y = next.clientY;
      if (!dragging) {
        if (Math.abs(y - start) < (handle ? 1 : FAR)) return;
        dragging = true;
        made.classList.add("dragged");
        frame = requestAnimationFrame(scroll);
      }
      next.preventDefault();
      follow();
    };
    const end = (/** @type {PointerEvent} */ last) => {
      if (last.pointerId !== event.pointerId) return;
      cancelAnimationFrame(frame);
      document.removeEventListener("pointermove", carry);
      for (const name of ["pointerup", "pointercancel"]) document.removeEventListener(name, /** @type {any} */ (end));
      made.classList.remove("dragged");
      made.style.transform = "";
      if (!dragging) return;
      if (last.type === "pointercancel") refresh(card);
      else move(card, [...part("list").children].indexOf(made));
    };
    document.addEventListener("pointermove", carry, { passive: false });
    for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, /** @type {any} */ (end));
  }

  // ------------------------------------------------------------------------------------------ the file

  function saved() {
    /** @type {string[][]} */ const ranking = [];
    for (const { card, tied } of state.order) tied ? ranking[ranking.length - 1].push(named(card)) : ranking.push([named(card)]);
    const { attribute, question } = data.asked[state.asked];
    const answers = state.answers.filter((/** @type {any} */ one) => !("unknown" in one));
    return {
      hotmess_survey: 1, title: data.title, attribute, question, rater: state.name.trim() || state.rater, id: state.rater, way: state.way,
      initial: state.initial.map(named), ranking, unknown: state.unknown.map(named), untouched: untouched().map(named),
      comparisons: answers.map((/** @type {Answer} */ one) => [named(one.left), named(one.right), one.says]),
      started: state.started, finished: state.finished,
      kinds: Object.fromEntries(cards.filter((card) => card.kind !== null).map((card) => [card.entity, card.kind])),
    };
  }

  function text() {
    state.finished = new Date().toISOString();
    state.saved = true;
    keep();
    part("saved").hidden = false;
    say("Saved.");
    return JSON.stringify(saved(), null, 1);
  }

  const plain = (/** @type {string} */ words) => words.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").toLowerCase() || "x";

  function save() {
    const link = document.createElement("a");
    const found = saved();
    link.href = URL.createObjectURL(new Blob([text()], { type: "application/json" }));
    link.download = `survey-${plain(found.attribute)}-${plain(found.rater)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  // ------------------------------------------------------------------------------------------ what is shown

  function show() {
    const listed = state.way === "drag" || state.done;
    part("question").textContent = data.asked[state.asked].question;
    part("count").textContent = String(cards.length);
    part("pairs").textContent = String(left({ groups: [], card: null, low: 0, high: 0, queue: state.initial, gone: new Set() }));
    part("start").hidden = state.way !== "";
    part("pairwise").hidden = state.way !== "pairwise" || listed;
    part("sorting").hidden = part("saving").hidden = !listed;
    part("again-line").hidden = state.way === "";
    for (const end of ["most", "least"]) part(end).textContent = `${end} ${data.asked[state.asked].attribute}`;
    part("name").value = state.name;
    if (listed) refresh();
    else if (state.way === "pairwise") showPair();
  }

  /** @param {string} way */
  function begin(way) {
    state.way = way;
    state.started = new Date().toISOString();
    if (way === "drag") state.order = state.initial.map((/** @type {number} */ card) => ({ card, tied: false }));
    changed();
    show();
    part(way === "drag" ? "sort-title" : "pair-title").focus();
  }

  part("by-drag").addEventListener("click", () => begin("drag"));
  part("by-pairs").addEventListener("click", () => begin("pairwise"));
  part("left").addEventListener("click", () => choose(">"));
  part("right").addEventListener("click", () => choose("<"));
  part("equal").addEventListener("click", () => choose("="));
  part("left-unknown").addEventListener("click", () => setAside(0));
  part("right-unknown").addEventListener("click", () => setAside(1));
  part("undo").addEventListener("click", undo);
  part("save").addEventListener("click", save);
  part("copy").addEventListener("click", () => {
    part("text").value = text();
    part("text").hidden = part("text-label").hidden = false;
    part("text").select();
  });
  part("name").addEventListener("input", () => { state.name = part("name").value; changed(); });
  part("again").addEventListener("click", () => {
    const words = "Sure? What is here will be gone";
    if (!state.saved && part("again").textContent !== words) { part("again").textContent = words; return; }
    part("again").textContent = "Start over, as another person";
    kept.remove(KEPT);
    kept.remove(RATER);
    for (const [, made] of rows) made.remove();
    rows.clear();
    lifted = null;
    state = fresh();
    part("text").hidden = part("text-label").hidden = part("saved").hidden = true;
    show();
    part("start-title").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (part("pairwise").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const says = { ArrowLeft: ">", ArrowRight: "<", "=": "=" }[event.key];
    if (says) choose(says);
    else if (event.key === "Backspace") undo();
    else return;
    event.preventDefault();
  });
  addEventListener("beforeunload", (event) => { if (!state.saved) event.preventDefault(); });
  show();
})();
