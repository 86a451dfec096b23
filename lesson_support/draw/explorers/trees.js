// The trees explorer. The model is pure functions; everything below it only shows what they say.
(() => {
  const METHODS = ["loop", "Hillis–Steele", "Blelloch", "chunks"];
  const span = (from, to, by = 1) => Array.from({ length: Math.max(0, Math.ceil((to - from) / by)) }, (_, k) => from + k * by);

  // The rounds of a scan over n places, each with its pairs [left, right, into]; places from n on are totals.
  const rounds = (method, n, chunk) => {
    const found = [];
    const add = (phase, pairs) => { if (pairs.length) found.push({ phase, pairs }); };
    if (method === "loop") {
      for (const place of span(1, n)) add("sequential", [[place - 1, place, place]]);
    } else if (method === "Hillis–Steele") {
      for (let step = 1; step < n; step *= 2) add("doubling", span(step, n).map(place => [place - step, place, place]));
    } else if (method === "Blelloch") {
      let step = 1;
      for (; 2 * step <= n; step *= 2) add("up", span(2 * step - 1, n, 2 * step).map(end => [end - step, end, end]));
      for (; step >= 1; step /= 2) {
        add("down", span(2 * step - 1, n - step, 2 * step).map(at => [at, at + step, at + step]));
      }
    } else {
      const starts = span(0, n, chunk);
      const here = offset => starts.map((start, k) => [start + offset, k]).filter(([at, k]) => at < Math.min(n, (k + 1) * chunk));
      for (const offset of span(1, chunk)) add("totals", here(offset).map(([at, k]) => [n + k, at, n + k]));
      for (const k of span(1, starts.length - 1)) add("prefixes", [[n + k - 1, n + k, n + k]]);
      add("chunks", span(1, starts.length).map(k => [n + k - 1, starts[k], starts[k]]));
      for (const offset of span(1, chunk)) add("chunks", here(offset).map(([at]) => [at - 1, at, at]));
    }
    return found;
  };

  const combine = (left, right) => (left.length === 1 ? [left[0] + right[0]]
    : [left[0] * right[0], right[0] * left[1] + right[1]]);

  // The places before the first round and after each: a value, and the elements from..to that it combines.
  const states = (method, elements, chunk) => {
    const n = elements.length;
    let places = elements.map((value, at) => ({ value, from: at, to: at }));
    if (method === "chunks") places.push(...span(0, n, chunk).map(at => places[at]));
    const all = [places];
    for (const { pairs } of rounds(method, n, chunk)) {
      const next = [...places];
      for (const [left, right, into] of pairs) {
        next[into] = {
          value: combine(places[left].value, places[right].value), from: places[left].from, to: places[right].to,
        };
      }
      all.push(next);
      places = next;
    }
    return all;
  };

  const SVG = "http://www.w3.org/2000/svg";
  const [COLUMN, TOP] = [20, 12];
  const make = (tag, traits = {}, ...children) => {
    const svg = ["svg", "path", "circle"].includes(tag);
    const node = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(traits)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };
  const show = n => String(n).replace("-", "−");

  const start = root => {
    const config = JSON.parse(root.dataset.config);
    const { chunks, numbers, gates, pace } = config;
    let { method, size } = config;
    let paired = false;
    let at = 0;
    let playing = null;
    let plan = [];
    let steps = [];
    let drawn = [];

    const group = (label, ...inside) => make("div", { class: "tr-chips", role: "group", "aria-label": label }, ...inside);
    const chip = (text, act) => make("button", { type: "button", onclick: () => { act(); rebuild(); } }, text);
    const methodChips = METHODS.map(name => chip(name, () => { method = name; at = 0; }));
    const sizeChips = Object.keys(chunks).map(count => chip(`${count} elements`, () => { size = Number(count); at = 0; }));
    const operatorChips = ["sum", "gate and input"].map((name, k) => chip(name, () => { paired = Boolean(k); }));

    const picture = make("svg", { class: "tr-circuit", "aria-hidden": "true" });
    const cells = make("div", { class: "tr-cells", role: "img" });
    const totalsWord = make("p", { class: "tr-small" }, "totals of the chunks, then prefixes (dashed above)");
    const totals = make("div", { class: "tr-cells", role: "img" });
    const key = (kind, text) => make("span", { class: "tr-entry" }, make("span", { class: `tr-key ${kind}`, "aria-hidden": "true" }), text);
    const pairWord = make("p", { class: "tr-small" }, "In a cell: the gate above, the input or state below it in bold.");
    const said = make("p", { class: "tr-said", "aria-live": "polite" });
    const table = make("div", { class: "tr-table", role: "table", "aria-label": "work and depth" });
    const slider = make("input", {
      type: "range", min: 0, "aria-label": "round", oninput: () => go(Number(slider.value)),
    });
    const count = make("output", {});
    const previous = make("button", { type: "button", "aria-label": "Previous", onclick: () => go(at - 1) }, "◀");
    const next = make("button", { type: "button", "aria-label": "Next", onclick: () => go(at + 1) }, "▶");
    const play = make("button", { type: "button", class: "tr-play", onclick: () => (playing ? stop() : begin()) });

    const stop = () => { clearInterval(playing); playing = null; play.textContent = "Play"; };
    const begin = () => {
      if (at === plan.length) place(0);
      play.textContent = "Stop";
      playing = setInterval(() => (at < plan.length && root.isConnected ? place(at + 1) : stop()), pace);
    };
    const go = to => { stop(); place(Math.max(0, Math.min(plan.length, to))); };
    const chunk = () => chunks[size];
    const work = upTo => plan.slice(0, upTo).reduce((sum, { pairs }) => sum + pairs.length, 0);
    const named = place => (place < size ? `cell ${place}` : `total ${place - size}`);
    const written = value => (paired ? `(${value.map(show).join(", ")})` : show(value[0]));

    const why = ({ phase, pairs }) => {
      const [left, right, into] = pairs[0];
      const far = into === right ? right - left : 0;
      const places = far === 1 ? "1 place" : `${far} places`;
      const takers = pairs.slice(0, 3).map(pair => pair[2]).join(", ");
      return {
        sequential: "The prefix moves on by one cell.",
        doubling: `Each cell takes in the one ${far} before it, if there is one.`,
        up: pairs.length === 1 ? `Cell ${takers} takes in the one ${places} before it.`
          : `Cells ${takers}${pairs.length > 3 ? ", …" : ""} take in the one ${places} before them.`,
        down: `A finished cell hands its prefix to the cell ${places} to its right.`,
        totals: "Each chunk takes its next cell into its total.",
        prefixes: "A total takes in the prefix before it and is a prefix, too.",
        chunks: left < size ? "Each chunk walks on." : "The prefix before a chunk goes to its first cell.",
      }[phase];
    };

    const sentence = () => {
      if (at === 0) return `${size} elements. A round combines every pair that it draws at the same moment.`;
      const { phase, pairs } = plan[at - 1];
      const [left, right, into] = pairs[0];
      const before = steps[at - 1];
      const { value, from, to } = steps[at][into];
      const [one, two] = [before[left].value, before[right].value];
      const sum = paired ? `(${show(one[0])}·${show(two[0])}, ${show(two[0])}·${show(one[1])} + ${show(two[1])})`
        : `${show(one[0])} + ${show(two[0])}`;
      const single = before[left].from === before[left].to; // a total begins as its first cell
      const where = `${named(into)} = ${named(single ? before[left].from : left)} ∘ ${named(right)}`;
      const which = { up: ", up", down: ", down", totals: ", totals", prefixes: ", prefixes", chunks: ", chunks" }[phase] || "";
      const many = pairs.length === 1 ? "1 combine" : `${pairs.length} combines at once, the first`;
      return `Round ${at}${which}. ${why(plan[at - 1])} ${many}: ${where} = ${sum} = ${written(value)}, elements ${from} to ${to}.`;
    };

    const fill = (row, places, first, pairs) => {
      row.replaceChildren(...places.map((place, k) => {
        const number = first + k;
        const state = pairs.some(pair => pair[2] === number) ? "tr-into"
          : pairs.some(pair => pair.includes(number)) ? "tr-from" : "";
        const done = place.from === 0 && place.to === number && first === 0 ? " tr-done" : "";
        const inside = paired ? [make("small", {}, show(place.value[0])), make("b", {}, show(place.value[1]))]
          : [make("b", {}, show(place.value[0]))];
        const column = first ? chunk() * k + chunk() : k + 1;
        return make("span", { class: `tr-cell ${state}${done}`, style: `grid-column:${Math.min(column, size)}` }, ...inside);
      }));
      row.setAttribute("aria-label", places.map(place => written(place.value)).join(" "));
    };

    const place = to => {
      at = to;
      const pairs = at ? plan[at - 1].pairs : [];
      fill(cells, steps[at].slice(0, size), 0, pairs);
      fill(totals, steps[at].slice(size), size, pairs);
      drawn.forEach(({ round, node }) => {
        node.setAttribute("class", round < at ? "tr-past" : round === at ? "tr-present" : "tr-future");
      });
      table.querySelectorAll(".tr-chosen span").forEach((span, k) => {
        if (k) span.textContent = `${k === 1 ? work(at) : at} of ${k === 1 ? work(plan.length) : plan.length}`;
      });
      slider.value = at;
      count.textContent = `${at} of ${plan.length}`;
      slider.setAttribute("aria-valuetext", `round ${count.textContent}`);
      previous.disabled = at === 0;
      next.disabled = at === plan.length;
      said.textContent = sentence();
    };

    const rebuild = () => {
      stop();
      const press = (chips, chosen) => chips.forEach((each, k) => each.setAttribute("aria-pressed", String(k === chosen)));
      press(methodChips, METHODS.indexOf(method));
      press(sizeChips, Object.keys(chunks).indexOf(String(size)));
      press(operatorChips, Number(paired));
      const elements = numbers.slice(0, size).map((number, k) => (paired ? [gates[k], number] : [number]));
      plan = rounds(method, size, chunk());
      steps = states(method, elements, chunk());
      const x = number => (number < size ? (number + 0.5) * COLUMN : (Math.min(chunk() * (number - size + 1), size) - 0.12) * COLUMN);
      const height = Math.max(120, 12 * size); // the same for every method, so that nothing below moves
      const deep = k => TOP + (height * k) / plan.length;
      const end = TOP + height + 8;
      const wire = number => make("path", { class: number < size ? "tr-wire" : "tr-wire tr-dashed", d: `M${x(number)} 2V${end}` });
      drawn = plan.flatMap(({ pairs }, k) => pairs.map(([left, right, into]) => {
        const [above, below] = [deep(k), deep(k + 1)];
        const lines = [left, right].filter(source => source !== into).map(source => make("path", { d: `M${x(source)} ${above}L${x(into)} ${below}` }));
        const node = make("circle", { cx: x(into), cy: below, r: 4 });
        return [...lines, node].map(shape => ({ round: k + 1, node: shape }));
      }).flat());
      picture.setAttribute("viewBox", `0 0 ${size * COLUMN} ${end}`);
      picture.replaceChildren(...steps[0].map((_, number) => wire(number)), ...drawn.map(each => each.node));
      picture.parentNode.style.maxWidth = `${size * 2.3}rem`;
      for (const row of [cells, totals]) row.style.gridTemplateColumns = `repeat(${size}, minmax(0, 1fr))`;
      totals.hidden = totalsWord.hidden = steps[0].length === size;
      pairWord.hidden = !paired;
      const line = (name, first, second, chosen) => make("div", { role: "row", class: chosen ? "tr-chosen" : "" },
        make("span", { role: "rowheader" }, name), make("span", { role: "cell" }, first), make("span", { role: "cell" }, second));
      table.replaceChildren(line("", "work", "depth"), ...METHODS.map(name => {
        const all = rounds(name, size, chunk());
        const sum = all.reduce((total, { pairs }) => total + pairs.length, 0);
        return line(name === "chunks" ? `chunks of ${chunk()}` : name, String(sum), String(all.length), name === method);
      }));
      slider.max = plan.length;
      place(Math.min(at, plan.length));
    };

    root.querySelector(".tr-still").replaceWith(
      group("method", ...methodChips), group("elements and operator", ...sizeChips, ...operatorChips),
      make("div", { class: "tr-main" },
        make("div", { class: "tr-board" }, make("div", { class: "tr-stage" }, picture, cells, totalsWord, totals),
          make("div", { class: "tr-controls" }, previous, play, next, slider, count)),
        make("div", { class: "tr-side" }, table, said, make("p", { class: "tr-small" },
          key("tr-from", "read"), " ", key("tr-into", "written in this round"), " ",
          key("tr-done", "finished: all elements up to here")), pairWord)));
    rebuild();
  };

  (window.lessonExplorers ||= {}).trees = { rounds, states };
  for (const root of document.querySelectorAll("[data-ecr-trees]:not([data-ready])")) {
    root.dataset.ready = "";
    start(root);
  }
})();
