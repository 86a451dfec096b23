// The strides explorer. The model is a pure function; everything below it only shows what it says.
(() => {
  const MOST_DRAWN = 4096;
  const MOST_CELLS = 192;
  const count = (n, one, many) => `${n} ${n === 1 ? one : many || one + "s"}`;
  const tuple = list => `(${list.join(", ")}${list.length === 1 ? "," : ""})`;

  // Which cells of a storage of `storage` cells the view means, in reading order; `error` says what PyTorch refuses.
  const layout = (shape, stride, offset, storage) => {
    const refused = (where, error) =>
      ({ error, where, offsets: null, contiguous: false, times: null, overlaps: [], unread: [] });
    for (const [where, list] of [["shape", shape], ["stride", stride], ["offset", [offset]]]) {
      const odd = list.find(n => !Number.isSafeInteger(n));
      if (odd !== undefined) return refused(where, `${odd} is not a whole number.`);
    }
    if (shape.length !== stride.length) {
      return refused("stride", `The shape has ${count(shape.length, "number")} and the stride ${stride.length}: ` +
        "every dimension needs one of each.");
    }
    if (shape.some(n => n < 0)) return refused("shape", "A dimension cannot have a negative size.");
    if (stride.some(n => n < 0)) return refused("stride", "PyTorch refuses negative strides (NumPy allows them).");
    if (offset < 0) return refused("offset", "The offset cannot be negative: the storage starts at cell 0.");

    const elements = shape.reduce((product, n) => product * n, 1);
    const last = shape.map(n => n - 1);
    const highest = last.reduce((sum, i, d) => sum + i * stride[d], offset);
    if (elements && highest >= storage) {
      const index = shape.length ? `Index [${last.join(", ")}]` : "The only element";
      const where = offset >= storage || !shape.length ? "offset" : "shape";
      return refused(where, `${index} would be cell ${highest}; the last cell is ${storage - 1}.`);
    }
    if (elements > MOST_DRAWN) return refused("shape", `This page draws up to ${MOST_DRAWN} elements.`);

    let offsets = elements ? [offset] : [];
    if (elements) {
      shape.forEach((n, d) => {
        offsets = offsets.flatMap(start => Array.from({ length: n }, (_, i) => start + i * stride[d]));
      });
    }
    const times = Array(storage).fill(0);
    for (const address of offsets) times[address] += 1;
    let expected = 1;
    let contiguous = true;
    for (let d = shape.length - 1; d >= 0; d--) {
      if (shape[d] !== 1 && stride[d] !== expected) contiguous = false;
      expected *= shape[d];
    }
    const where = test => times.flatMap((n, address) => (test(n) ? [address] : []));
    return {
      error: null, where: null, offsets, contiguous: contiguous || !elements, times,
      overlaps: where(n => n > 1), unread: where(n => n === 0),
    };
  };

  // "3, 4" or "(3, 4)" or "3 4"; nothing at all is a view without dimensions.
  const parse = text => {
    const words = text.replace(/[()[\]]/g, " ").replace(/\u2212/g, "-").split(/[\s,;]+/).filter(Boolean);
    return words.map(word => (/^[+-]?\d{1,9}$/.test(word) ? Number(word) : word));
  };

  const make = (tag, traits = {}, ...inside) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(traits)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...inside);
    return node;
  };

  // A shape's indices in reading order.
  const indices = shape => shape.reduce(
    (all, n) => all.flatMap(index => Array.from({ length: n }, (_, i) => [...index, i])), [[]]);
  const shade = (row, rows) => (rows < 2 ? 2 : Math.round(1 + 4 * row / (rows - 1)));
  const rowsOf = shape => shape.slice(0, -1).reduce((product, n) => product * n, 1);

  // The view as one matrix per leading index; `cell` makes what stands at an index.
  const matrices = (shape, cell) => {
    const wide = shape.length ? shape[shape.length - 1] : 1;
    const tall = shape.length > 1 ? shape[shape.length - 2] : 1;
    const area = wide * tall;
    const all = indices(shape);
    const shown = Math.min(all.length, MOST_CELLS);
    const blocks = [];
    for (let from = 0; from < shown; from += area) {
      const grid = make("div", { class: "st-matrix", style: `grid-template-columns:repeat(${wide},auto)` },
        ...all.slice(from, Math.min(from + area, shown)).map((index, k) => cell(index, from + k)));
      const name = shape.length > 2 ? [make("p", { class: "st-small" }, `[${all[from].slice(0, -2).join(", ")}, :, :]`)] : [];
      blocks.push(make("div", {}, ...name, grid));
    }
    if (shown < all.length) blocks.push(make("p", { class: "st-small" }, `… the first ${shown} of ${all.length}`));
    return blocks;
  };

  const start = root => {
    const config = JSON.parse(root.dataset.config);
    const { storage, presets, targets } = config;
    const done = new Set();
    let goal = 0;
    let result = null;
    let now = null;
    let at = 0;

    const fields = {};
    const field = (name, hint) => {
      const input = make("input", {
        type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off", name,
        oninput: () => update(), onkeydown: event => nudge(event, name),
      });
      const steps = make("div", { class: "st-steps" });
      fields[name] = { input, steps };
      return make("div", { class: "st-field" },
        make("label", {}, make("b", {}, name), make("span", { class: "st-small" }, hint), input), steps);
    };
    const read = name => parse(fields[name].input.value);
    const put = (name, list) => { fields[name].input.value = list.join(", "); };
    const change = (name, place, by) => {
      const list = read(name);
      if (!Number.isInteger(list[place])) return;
      list[place] += by;
      put(name, list);
      update();
    };
    // Up and down change the number under the caret.
    const nudge = (event, name) => {
      const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const before = event.target.value.slice(0, event.target.selectionStart);
      const place = Math.min(read(name).length, Math.max(1, before.split(/[\s,;]+/).length)) - 1;
      change(name, place, by);
      const caret = read(name).slice(0, place + 1).join(", ").length;
      event.target.setSelectionRange(caret, caret);
    };
    // The buttons stay while their number is edited, so that the focus stays on them.
    const stepper = name => {
      const list = read(name);
      const { steps } = fields[name];
      if (steps.childElementCount === list.length) return;
      steps.replaceChildren(...list.map((_, place) => {
        const what = name === "offset" ? "offset" : `${name} of dimension ${place}`;
        const button = (sign, by, word) => make("button",
          { type: "button", "aria-label": `${what}: one ${word}`, onclick: () => change(name, place, by) }, sign);
        const label = make("span", { "aria-hidden": "true" }, name === "offset" ? "cell" : `dim ${place}`);
        return make("span", { class: "st-pill" }, button("−", -1, "less"), label, button("+", 1, "more"));
      }));
    };

    const load = preset => {
      put("shape", preset.shape);
      put("stride", preset.stride);
      put("offset", [preset.offset]);
      at = 0;
      update();
    };

    const said = make("p", { class: "st-said", "aria-live": "polite" });
    const badge = make("span", { class: "st-badge" });
    const store = make("div", { class: "st-store" });
    const title = make("b");
    const view = make("div", { class: "st-view", role: "group", "aria-label": "the view: arrow keys move through it" });
    const sum = make("p", { class: "st-sum", "aria-live": "polite" });
    const picture = make("div", { class: "st-picture" },
      make("p", {}, make("b", {}, "storage "), make("span", { class: "st-small" }, count(storage, "cell"))),
      store, make("p", { class: "st-line", "aria-live": "polite" }, title, badge), view, sum);
    const verdict = make("p", { class: "st-verdict", "aria-live": "polite" });
    const wanted = make("div", { class: "st-view" });
    const chips = make("div", { class: "st-chips", role: "group", "aria-label": "targets" });
    const task = make("div", { class: "st-task" }, make("div", { class: "st-head" }, chips), wanted, verdict);

    // Point at one element: its cell, its index and the sum between them.
    const point = (place, focus) => {
      const cells = [...view.querySelectorAll("button")];
      if (!cells.length) return sum.replaceChildren();
      at = Math.min(place, cells.length - 1);
      const address = result.offsets[at];
      cells.forEach((cell, k) => {
        cell.tabIndex = k === at ? 0 : -1;
        cell.classList.toggle("st-at", k === at);
        cell.classList.toggle("st-same", k !== at && result.offsets[k] === address);
      });
      [...store.children].forEach((cell, k) => cell.classList.toggle("st-at", k === address));
      if (focus) cells[at].focus();
      const index = indices(now.shape)[at];
      const terms = index.flatMap((i, d) => [" + ", make("b", { class: "st-i" }, String(i)), `·${now.stride[d]}`]);
      sum.replaceChildren(`address of [${index.join(", ")}] = ${now.offset}`, ...terms,
        make("span", {}, " = ", make("b", { class: "st-a" }, String(address))));
    };
    const move = event => {
      const wide = now.shape[now.shape.length - 1] || 1;
      const end = view.querySelectorAll("button").length - 1;
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - wide, ArrowDown: at + wide, Home: 0, End: end };
      if (!(event.key in to)) return;
      event.preventDefault();
      if (to[event.key] >= 0 && to[event.key] <= end) point(to[event.key], true);
    };

    const draw = () => {
      const rows = rowsOf(now.shape);
      const wide = now.shape[now.shape.length - 1] || 1;
      const tone = place => `st-r${shade(Math.floor(place / wide), rows)}`;
      store.replaceChildren(...result.times.map((n, address) => {
        const place = result.offsets.indexOf(address);
        const cell = make("span", { class: n ? tone(place) : "st-never" }, String(address));
        if (n > 1) cell.append(make("small", {}, `×${n}`));
        if (n) cell.onpointerenter = cell.onclick = () => place < MOST_CELLS && point(place);
        return cell;
      }));
      title.textContent = `view[${"ijklmnop".slice(0, now.shape.length).split("").join(", ")}]`;
      const cells = matrices(now.shape, (index, place) => make("button", {
        type: "button", class: tone(place), "aria-label": `[${index.join(", ")}] is cell ${result.offsets[place]}`,
        onpointerenter: () => point(place), onfocus: () => at !== place && point(place), onclick: () => point(place),
      }, String(result.offsets[place])));
      view.replaceChildren(...(result.offsets.length ? cells : ["no elements"]));
      point(at);
    };

    const report = () => {
      if (result.error) return result.error;
      const once = storage - result.overlaps.length - result.unread.length;
      const parts = [`${count(once, "cell")} read once`];
      if (result.overlaps.length) parts.push(`${count(result.overlaps.length, "cell")} read more than once`);
      parts.push(result.unread.length ? `${count(result.unread.length, "cell")} never read` : "none left out");
      return `${parts.join(", ")}.`;
    };

    const judge = () => {
      if (!targets.length) return;
      const target = targets[goal];
      const fits = !result.error && String(now.shape) === String(target.shape);
      const agree = fits ? target.cells.filter((cell, k) => cell === result.offsets[k]).length : 0;
      const reached = fits && agree === target.cells.length;
      if (reached) done.add(goal);
      task.classList.toggle("st-reached", reached);
      verdict.textContent = reached
        ? `✓ Reached with shape ${tuple(now.shape)}, stride ${tuple(now.stride)}, offset ${now.offset}.` +
          (done.size === targets.length ? (targets.length > 1 ? " That was the last one." : "") : " Choose the next target.")
        : result.error ? "Not yet."
          : fits ? `Not yet: ${agree} of ${target.cells.length} elements agree.`
            : `Not yet: the target has shape ${tuple(target.shape)}.`;
      [...chips.children].forEach((chip, k) => {
        chip.setAttribute("aria-pressed", String(k === goal));
        chip.textContent = `${done.has(k) ? "✓ " : ""}${targets[k].label}`;
      });
    };
    const choose = k => {
      goal = k;
      wanted.replaceChildren(...matrices(targets[k].shape,
        (_, place) => make("span", {}, String(targets[k].cells[place]))));
      judge();
    };

    const update = () => {
      const [shape, stride, offset] = ["shape", "stride", "offset"].map(read);
      ["shape", "stride", "offset"].forEach(stepper);
      const start = offset.length === 1 ? offset[0] : NaN;
      result = layout(shape, stride, start, storage);
      if (offset.length !== 1) result.error = "The offset is one whole number.";
      for (const name of Object.keys(fields)) {
        fields[name].input.setAttribute("aria-invalid", String(Boolean(result.error) && result.where === name));
      }
      said.textContent = report();
      badge.textContent = result.contiguous ? "contiguous" : "not contiguous";
      badge.classList.toggle("st-yes", result.contiguous);
      root.classList.toggle("st-wrong", Boolean(result.error));
      // While the numbers are refused the last good picture stays, pale.
      picture.inert = Boolean(result.error);
      if (!result.error) {
        now = { shape, stride, offset: start };
        draw();
      }
      judge();
    };

    view.addEventListener("keydown", move);
    root.querySelector(".st-still").replaceWith(
      make("div", { class: "st-chips st-more", role: "group", "aria-label": "examples" },
        ...presets.map(preset => make("button", { type: "button", onclick: () => load(preset) }, preset.label))),
      ...(targets.length ? [task] : []),
      make("div", { class: "st-fields" }, field("shape", "how many"), field("stride", "cells per step"),
        field("offset", "first cell")),
      said,
      picture);
    if (targets.length) {
      task.querySelector(".st-head").prepend(make("b", {}, "Make it show"));
      chips.append(...targets.map((_, k) => make("button", { type: "button", onclick: () => choose(k) })));
    }
    load(presets[0]);
    if (targets.length) choose(0);
  };

  window.lessonExplorers = window.lessonExplorers || {};
  window.lessonExplorers.strides = { layout, parse };
  for (const root of document.querySelectorAll("[data-ecr-strides]:not([data-ready])")) {
    root.dataset.ready = "";
    start(root);
  }
})();
