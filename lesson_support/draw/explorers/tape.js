// The tape explorer. The model is a pure function; everything below it only shows what it says.
(() => {
  // Each operation: its value, the slopes towards its operands, and how a slope is written.
  const OPERATIONS = {
    add: { value: (a, b) => a + b, slopes: () => [1, 1], words: () => ["1", "1"] },
    sub: { value: (a, b) => a - b, slopes: () => [1, -1], words: () => ["1", "(−1)"] },
    mul: { value: (a, b) => a * b, slopes: (y, a, b) => [b, a], words: (y, a, b) => [b, a] },
    div: {
      value: (a, b) => a / b, slopes: (y, a, b) => [1 / b, -a / b / b], words: (y, a, b) => [`1/${b}`, `(−${a}/${b}²)`],
    },
    exp: { value: a => Math.exp(a), slopes: y => [y], words: y => [y] },
    log: { value: a => Math.log(a), slopes: (y, a) => [1 / a], words: (y, a) => [`1/${a}`] },
    tanh: { value: a => Math.tanh(a), slopes: y => [1 - y * y], words: y => [`(1 − ${y}²)`] },
    relu: { value: a => Math.max(a, 0), slopes: y => [y > 0 ? 1 : 0], words: y => [`slope of ${y}`] },
  };

  // Forward, then backward: the values, the gradients, and every share in the order in which it is sent.
  const run = ({ leaves, steps }, inputs) => {
    const names = [...leaves, ...steps.map(step => step.name)];
    const refused = (error, where = null) => ({ error, where, values: [], gradients: [], shares: [] });
    const odd = inputs.findIndex(n => !Number.isFinite(n));
    if (odd >= 0) return refused(`${names[odd]} is not a number.`, odd);
    const values = [...inputs];
    for (const { name, operation, operands } of steps) {
      const read = operands.map(place => values[place]);
      const last = names[operands[operands.length - 1]];
      if (operation === "log" && read[0] <= 0) return refused(`log needs ${last} above 0; it is ${show(read[0])}.`);
      if (operation === "div" && read[1] === 0) return refused(`${last} is 0, and ${name} divides by it.`);
      const value = OPERATIONS[operation].value(...read);
      if (!Number.isFinite(value)) return refused(`${name} is too large for a double.`);
      values.push(value);
    }
    const gradients = values.map(() => 0);
    gradients[values.length - 1] = 1;
    const shares = [];
    for (let place = values.length - 1; place >= leaves.length; place--) {
      const { operation, operands } = steps[place - leaves.length];
      const slopes = OPERATIONS[operation].slopes(values[place], ...operands.map(p => values[p]));
      operands.forEach((to, slot) => {
        const share = gradients[place] * slopes[slot];
        shares.push({ from: place, to, slot, slope: slopes[slot], share, before: gradients[to] });
        gradients[to] += share;
      });
    }
    return { error: null, where: null, values, gradients, shares };
  };

  const show = n => {
    const short = Number(n.toPrecision(4));
    return String(Object.is(short, -0) ? 0 : short).replace(/-/g, "−");
  };
  const inside = n => (n < 0 ? `(${show(n)})` : show(n));

  const SVG = "http://www.w3.org/2000/svg";
  const ROW = 48;
  const WIDE = 58;
  const make = (tag, traits = {}, ...children) => {
    const node = tag === "svg" || tag === "path" ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(traits)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };

  const start = root => {
    const { expressions, pace } = JSON.parse(root.dataset.config);
    let chosen = 0;
    let at = 0;
    let result = null;
    let rows = [];
    let arcs = [];
    let playing = null;

    const chips = make("div", { class: "tp-chips", role: "group", "aria-label": "expressions" },
      ...expressions.map((one, k) => make("button", { type: "button", onclick: () => choose(k) }, one.label)));
    const list = make("div", { class: "tp-rows", role: "table", "aria-label": "the tape" });
    const curves = make("svg", { class: "tp-arcs", "aria-hidden": "true", width: WIDE });
    const said = make("p", { class: "tp-said", "aria-live": "polite" });
    const slider = make("input", {
      type: "range", min: 0, value: 0, "aria-label": "step", oninput: () => go(Number(slider.value)),
    });
    const count = make("output", {});
    const previous = make("button", { type: "button", "aria-label": "Previous", onclick: () => go(at - 1) }, "◀");
    const play = make("button", { type: "button", class: "tp-play", onclick: () => (playing ? stop() : begin()) });
    const next = make("button", { type: "button", "aria-label": "Next", onclick: () => go(at + 1) }, "▶");

    const now = () => expressions[chosen];
    const names = () => [...now().leaves, ...now().steps.map(step => step.name)];
    // 0: the leaves. Then each step's value, the first gradient, and one step for each share.
    const forward = () => now().steps.length;
    const last = () => forward() + 1 + (result.error ? 0 : result.shares.length);

    const stop = () => {
      clearInterval(playing);
      playing = null;
      play.textContent = "Play";
    };
    const begin = () => {
      if (result.error) return;
      if (at === last()) place(0);
      play.textContent = "Stop";
      playing = setInterval(() => (at < last() ? place(at + 1) : stop()), pace);
    };
    const go = to => {
      stop();
      place(Math.max(0, Math.min(last(), to)));
    };

    const sentence = () => {
      if (result.error) return result.error;
      const name = names();
      const { leaves, steps } = now();
      if (at === 0) return "The leaves have values. Nothing is computed yet.";
      if (at <= forward()) {
        const value = result.values[leaves.length + at - 1];
        return `Forward: ${steps[at - 1].name} = ${steps[at - 1].text} = ${show(value)}.`;
      }
      const end = name.length - 1;
      if (at === forward() + 1) return `Backward: the gradient of ${name[end]} with respect to itself is 1.`;
      const { from, to, slot, slope, share, before } = result.shares[at - forward() - 2];
      const step = steps[from - leaves.length];
      const words = OPERATIONS[step.operation].words(name[from], ...step.operands.map(p => name[p]))[slot];
      const earlier = result.shares.slice(0, at - forward() - 2).some(one => one.to === to);
      const arithmetic = `${show(result.gradients[from])} × ${inside(slope)} = ${show(share)}`;
      return `Backward: ${step.name} sends its gradient × ${words} to ${name[to]}: ${arithmetic}. ` +
        (earlier ? `${name[to]} has ${show(before)} already: the sum is ${show(before + share)}.`
          : `It is the first share of ${name[to]}.`);
    };

    const place = to => {
      at = to;
      const { leaves } = now();
      const sent = result.error ? [] : result.shares.slice(0, Math.max(0, at - forward() - 1));
      const active = at > forward() + 1 ? sent[sent.length - 1] : null;
      rows.forEach((row, k) => {
        const known = k < leaves.length || k - leaves.length < at;
        if (k >= leaves.length) row.value.textContent = known ? show(result.values[k]) : "";
        const shares = sent.filter(one => one.to === k).map(one => one.share);
        const end = k === rows.length - 1 && at > forward();
        const sum = end ? 1 : shares.reduce((a, b) => a + b, 0);
        const signed = (n, i) => (i ? `${n < 0 ? " − " : " + "}${show(Math.abs(n))}` : show(n));
        row.sum.textContent = shares.length > 1 ? shares.map(signed).join("") : "";
        row.gradient.textContent = shares.length || end ? show(sum) : "";
        const from = active ? active.from === k : at > 0 && at <= forward() && k === leaves.length + at - 1;
        row.line.classList.toggle("tp-now", from || (at === forward() + 1 && k === rows.length - 1));
        row.line.classList.toggle("tp-gets", Boolean(active) && active.to === k);
        row.line.classList.toggle("tp-blank", !known);
      });
      arcs.forEach(({ from, slot, path }) => {
        const carries = active && active.from === from && active.slot === slot;
        const reads = at > 0 && at <= forward() && from === leaves.length + at - 1;
        const drawn = from - leaves.length < at ? "" : "tp-unborn";
        path.setAttribute("class", carries ? "tp-carries" : reads ? "tp-reads" : drawn);
      });
      slider.max = last();
      slider.value = at;
      count.textContent = `${at} of ${last()}`;
      slider.setAttribute("aria-valuetext", count.textContent);
      previous.disabled = at === 0;
      next.disabled = at === last();
      said.textContent = sentence();
    };

    const compute = () => {
      const read = ({ input }) => (input.value.trim() === "" ? NaN : Number(input.value));
      const inputs = rows.slice(0, now().leaves.length).map(read);
      const fresh = run(now(), inputs);
      root.classList.toggle("tp-wrong", Boolean(fresh.error));
      rows.forEach((row, k) => row.input && row.input.setAttribute("aria-invalid", String(fresh.where === k)));
      // While the numbers are refused the last good picture stays, pale.
      if (fresh.error) {
        stop();
        said.textContent = fresh.error;
      } else {
        result = fresh;
        place(Math.min(at, last()));
      }
      for (const one of [slider, play, previous, next]) one.toggleAttribute("inert", Boolean(fresh.error));
    };

    const choose = k => {
      stop();
      chosen = k;
      at = 0;
      const { leaves, steps, inputs } = now();
      const name = names();
      [...chips.children].forEach((chip, n) => chip.setAttribute("aria-pressed", String(n === k)));
      rows = name.map((label, row) => {
        const leaf = row < leaves.length;
        const input = leaf ? make("input", {
          type: "number", step: "0.5", value: inputs[row], "aria-label": `value of ${label}`, oninput: compute,
        }) : null;
        const value = leaf ? input : make("span", {});
        const sum = make("small", {});
        const gradient = make("b", {});
        const text = leaf ? label : `${label} = ${steps[row - leaves.length].text}`;
        const line = make("div", { class: "tp-row", role: "row" },
          make("span", { role: "rowheader", class: "tp-text" }, text),
          make("span", { role: "cell", class: "tp-value" }, value),
          make("span", { role: "cell", class: "tp-grad" }, sum, gradient));
        return { line, value, sum, gradient, input };
      });
      list.replaceChildren(make("div", { class: "tp-row tp-head", role: "row" },
        ...["tape", "value", "gradient"].map(word => make("span", { role: "columnheader" }, word))), ...rows.map(row => row.line));
      arcs = steps.flatMap(({ operands }, step) => operands.map((to, slot) => {
        const from = leaves.length + step;
        // An operand that is read twice has two arcs, one inside the other.
        const aside = operands[0] !== operands[1] ? 0 : slot ? 9 : -7;
        const reach = Math.min(WIDE - 4, 12 + 13 * (from - to) + aside);
        const [y1, y2] = [(from + 0.5) * ROW - 5 + aside / 2, (to + 0.5) * ROW + 5 - aside];
        const path = make("path", { d: `M${WIDE - 4} ${y1}C${WIDE - reach} ${y1} ${WIDE - reach} ${y2} ${WIDE - 4} ${y2}` });
        return { from, slot, path };
      }));
      curves.setAttribute("height", ROW * name.length);
      curves.replaceChildren(...arcs.map(arc => arc.path));
      compute();
    };

    root.querySelector(".tp-still").replaceWith(chips, make("div", { class: "tp-tape" }, curves, list), said,
      make("div", { class: "tp-controls" }, previous, play, next, slider, count));
    stop();
    choose(0);
  };

  window.lessonExplorers = window.lessonExplorers || {};
  window.lessonExplorers.tape = { run, show };
  for (const root of document.querySelectorAll("[data-ecr-tape]:not([data-ready])")) {
    root.dataset.ready = "";
    start(root);
  }
})();
