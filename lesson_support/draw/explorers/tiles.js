// The tiles explorer. The model is pure functions; everything below it only shows what they say.
(() => {
  const NAMES = ["a", "b", "c"];
  // Units of the drawing for one element.
  const UNIT = 20;

  // The products (i, j, p) in one order. Six loops make all of them: tiles of 1 are i-j-p, one tile is i-p-j.
  const cutOf = (order, sizes, tile) => ({ ijp: 1, ipj: Math.max(...sizes, 1), blocked: tile })[order];
  const walk = (order, [n, m, k], tile) => {
    const cut = cutOf(order, [n, m, k], tile);
    const end = (from, size) => Math.min(from + cut, size);
    const steps = [];
    for (let i0 = 0; i0 < n; i0 += cut) {
      for (let j0 = 0; j0 < m; j0 += cut) {
        for (let p0 = 0; p0 < k; p0 += cut) {
          for (let i = i0; i < end(i0, n); i++) {
            for (let p = p0; p < end(p0, k); p++) {
              for (let j = j0; j < end(j0, m); j++) steps.push([i, j, p]);
            }
          }
        }
      }
    }
    return steps;
  };

  // The first `upto` products through a cache: `loads` of a, b, c; `times` each line was loaded; the lines `held`,
  // longest unused first; what the `last` product touched, and whether it had to be loaded.
  const replay = (steps, [n, m, k], lines, line, upto = steps.length) => {
    const wide = [k, m, m];
    const starts = [0, Math.ceil(n * k / line), Math.ceil(n * k / line) + Math.ceil(k * m / line)];
    const times = Array(starts[2] + Math.ceil(n * m / line)).fill(0);
    const loads = [0, 0, 0];
    const held = new Set();
    let last = [];
    for (let at = 0; at < upto; at++) {
      const [i, j, p] = steps[at];
      last = [[i, p], [p, j], [i, j]].map(([row, column], which) => {
        const number = starts[which] + Math.floor((row * wide[which] + column) / line);
        const miss = !held.delete(number);
        if (miss) {
          if (held.size === lines) held.delete(held.values().next().value);
          times[number] += 1;
          loads[which] += 1;
        }
        held.add(number);
        return { row, column, number, miss };
      });
    }
    return { loads, times, held, last, starts };
  };
  const total = loads => loads[0] + loads[1] + loads[2];

  // The most lines that a tile of `tile` × `tile` touches, wherever the tiling of n × n puts it.
  const tileLines = (n, tile, line) => {
    let widest = 0;
    for (let from = 0; from < n; from += tile) {
      const last = Math.min(from + tile, n) - 1;
      widest = Math.max(widest, Math.floor(last / line) - Math.floor(from / line) + 1);
    }
    return Math.min(tile, n) * widest;
  };

  const make = (tag, traits = {}, ...inside) => {
    const svg = ["svg", "g", "rect", "path", "text"].includes(tag);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(traits)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value);
    }
    node.append(...inside);
    return node;
  };
  const button = (onclick, label, ...inside) =>
    make("button", { type: "button", ...(label && { "aria-label": label }), onclick }, ...inside);
  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const TITLES = { ijp: "i-j-p", ipj: "i-p-j", blocked: "in tiles" };
  const LOOPS = { ijp: "ijp", ipj: "ipj", blocked: "ipj" };
  const KEY = [["ti-held", "in the cache"], ["ti-miss", "loaded now"],
    ["ti-gone", "3×: loaded three times, gone again"], ["", "not yet"]];
  const SHAPES = {
    Previous: "M12 2L4 8l8 6zM2 2h2v12H2z", Next: "M4 2l8 6-8 6zM12 2h2v12h-2z",
    Play: "M4 2l10 6-10 6z", Pause: "M4 2h3v12H4zM9 2h3v12H9z",
  };

  const start = root => {
    const { n, line } = JSON.parse(root.dataset.config);
    let { order, tile, lines } = JSON.parse(root.dataset.config);
    const sizes = [n, n, n];
    const most = 3 * n * n / line;
    const tried = new Set(order === "blocked" ? [tile] : []);
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const walks = {};
    const stepsOf = (which, size) => (walks[which + size] ||= walk(which, sizes, size));
    let steps = [];
    let now = 0;
    let frame = 0;

    // One matrix: a shape for every line, the current tile and the current element.
    const matrices = NAMES.map((name, which) => {
      const shapes = Array.from({ length: n * n / line }, (_, at) => {
        const [x, y] = [at * line % n * UNIT, Math.floor(at * line / n) * UNIT];
        const box = make("rect", { x: x + 2, y: y + 1.5, width: line * UNIT - 4, height: UNIT - 3, rx: 4 });
        const times = make("text", { x: x + line * UNIT / 2, y: y + UNIT / 2 });
        return { group: make("g", {}, box, times), times };
      });
      const cells = make("path", {
        class: "ti-cells",
        d: Array.from({ length: n }, (_, x) => (x % line ? `M${x * UNIT} 0V${n * UNIT}` : "")).join(""),
      });
      const frameOf = make("rect", { class: "ti-tile", rx: 4 });
      const element = make("rect", { class: "ti-cell", width: 13, height: 13, rx: 6.5 });
      const loaded = make("span");
      const picture = make("svg", { viewBox: `-2 -2 ${n * UNIT + 4} ${n * UNIT + 4}`, "aria-hidden": "true" },
        ...shapes.map(shape => shape.group), cells, frameOf, element);
      const node = make("div", { class: `ti-matrix ti-${name}` }, make("p", {}, make("b", {}, name), loaded), picture);
      return { which, node, shapes, frameOf, element, loaded };
    });

    const code = make("div", { class: "ti-code" });
    const touched = make("div", { class: "ti-touched" });
    const tiles = make("p", { class: "ti-small ti-said" });
    const bars = make("div", { class: "ti-bars" });
    const verdict = make("p", { class: "ti-verdict", "aria-live": "polite" });
    const said = make("output");
    const live = make("p", { class: "ecr-unseen", "aria-live": "polite" });

    const stepper = (label, change) => {
      const value = make("b");
      const node = make("span", { class: "ti-pill" }, button(() => change(-1), `${label}: one less`, "−"), value,
        button(() => change(1), `${label}: one more`, "+"));
      return { node, value };
    };
    const tileStep = stepper("tile", by => choose("blocked", Math.min(n, Math.max(1, tile + by))));
    const cacheStep = stepper("cache", by => {
      lines = Math.min(most, Math.max(3, lines + by));
      weigh();
      show(now);
    });
    const chips = Object.keys(TITLES).map(which => button(() => choose(which, tile), "", TITLES[which]));

    const slider = make("input", {
      type: "range", "aria-label": "products done", oninput: () => { stop(); show(Number(slider.value)); },
    });
    const icon = (name, act) => button(act, name,
      make("svg", { viewBox: "0 0 16 16" }, make("path", { d: SHAPES[name] })));
    const step = by => { stop(); show(now + by); };
    const back = icon("Previous", () => step(-1));
    const next = icon("Next", () => step(1));
    const play = icon("Play", () => (frame ? stop() : run()));
    play.classList.add("ti-play");

    const face = name => {
      play.setAttribute("aria-label", name);
      play.querySelector("path").setAttribute("d", SHAPES[name]);
    };
    const stop = () => { cancelAnimationFrame(frame); frame = 0; face("Play"); };
    // Slow at first, then faster and faster.
    const run = () => {
      if (now === steps.length) show(0);
      let before = performance.now();
      const began = before;
      let whole = now;
      const go = time => {
        whole += Math.max(0, time - before) / 1000 * Math.min(400, 4 * 1.45 ** ((time - began) / 1000));
        before = time;
        if (!root.isConnected || whole >= steps.length) {
          show(steps.length);
          return stop();
        }
        show(Math.floor(whole));
        frame = requestAnimationFrame(go);
      };
      frame = requestAnimationFrame(go);
      face("Pause");
    };

    // The loops, with where each of them stands.
    const tell = product => {
      const at = product && { i: product[0], j: product[1], p: product[2] };
      const cut = order === "blocked";
      const outer = ["i", "j", "p"].map(x => (at ? Math.floor(at[x] / tile) * tile : ""));
      const rows = [...LOOPS[order]].map((x, depth) => make("span", { style: `--in:${depth + cut}` },
        make("i", {}, "for "), x, at ? make("b", {}, ` ${at[x]}`) : ""));
      if (cut) {
        rows.unshift(make("span", {}, make("i", {}, "for "), "i0, j0, p0"));
        if (at) rows.splice(1, 0, make("span", { style: "--in:1" }, make("b", {}, outer.join(", "))));
      }
      code.replaceChildren(...rows);
    };

    const show = to => {
      now = Math.min(steps.length, Math.max(0, to));
      const { loads, times, held, last, starts } = replay(steps, sizes, lines, line, now);
      for (const { which, shapes, frameOf, element, loaded } of matrices) {
        const touch = last[which];
        shapes.forEach(({ group, times: text }, at) => {
          const number = starts[which] + at;
          const state = !times[number] ? "" : touch.number === number ? (touch.miss ? "ti-miss" : "ti-hit")
            : held.has(number) ? "ti-held" : "ti-gone";
          if (group.getAttribute("class") !== state) group.setAttribute("class", state);
          text.textContent = times[number] ? `${times[number]}×` : "";
        });
        const [row, column] = touch ? [touch.row, touch.column] : [-9, -9];
        element.setAttribute("x", column * UNIT + 3.5);
        element.setAttribute("y", row * UNIT + 3.5);
        const tiled = order === "blocked" && touch;
        for (const [from, length, at] of [["y", "height", row], ["x", "width", column]]) {
          const corner = Math.floor(at / tile) * tile;
          frameOf.setAttribute(from, corner * UNIT);
          frameOf.setAttribute(length, tiled ? Math.min(tile, n - corner) * UNIT : 0);
        }
        loaded.textContent = count(loads[which], "line") + " loaded";
      }
      tell(steps[now - 1]);
      touched.replaceChildren(...(now ? [] : ["step or play"]), ...last.map(({ row, column, miss }, which) =>
        make("span", { class: `ti-${NAMES[which]}${miss ? " ti-miss" : ""}` },
          `${NAMES[which]}[${row}, ${column}]`, make("b", {}, miss ? " load" : " cached"))));
      said.textContent = `${now.toLocaleString("en")} of ${steps.length.toLocaleString("en")}`;
      slider.value = now;
      slider.setAttribute("aria-valuetext", said.textContent);
      back.disabled = now === 0;
      next.disabled = now === steps.length;
      if (!frame) {
        live.textContent = last.map(({ row, column, miss }, which) =>
          `${NAMES[which]}[${row}, ${column}] ${miss ? "is loaded" : "is in the cache"}`).join(", ");
      }
    };

    // What each order loads from this cache, as far as the reader has tried it.
    const weigh = () => {
      const all = size => replay(stepsOf("blocked", size), sizes, lines, line).loads;
      const sums = Array.from({ length: n }, (_, at) => total(all(at + 1)));
      const smallest = Math.min(...sums);
      const rows = [["ijp", 1], ["ipj", n], ...[...tried].sort((x, y) => x - y).map(size => ["blocked", size])];
      const found = rows.map(([which, size]) => ({ which, size, loads: all(size) }));
      const widest = Math.max(...found.map(row => total(row.loads)));
      bars.replaceChildren(...found.map(({ which, size, loads }) => {
        const chosen = which === order && (which !== "blocked" || size === tile);
        const best = total(loads) === smallest;
        return make("div", { class: `ti-row${chosen ? " ti-chosen" : ""}` },
          make("span", {}, which === "blocked" ? `tile ${size}` : TITLES[which]),
          make("span", { class: "ti-bar", style: `width:${100 * total(loads) / widest}%` },
            ...loads.map((each, at) => make("span", { class: `ti-${NAMES[at]}`, style: `flex:${each}` }))),
          make("b", {}, (best ? "★ " : "") + total(loads).toLocaleString("en")));
      }));
      const cut = cutOf(order, sizes, tile);
      const here = sums[cut - 1];
      const told = `${order === "blocked" ? `Tile ${tile}` : TITLES[order]} loads ${count(here, "line")}`;
      verdict.textContent = here === smallest ? `✓ ${told}: with this cache no tile from 1 to ${n} loads fewer.`
        : `${told}. Some tile loads fewer: which one loads the fewest?`;
      verdict.classList.toggle("ti-found", here === smallest);
      const need = 3 * tileLines(n, cut, line);
      tiles.textContent = order === "blocked"
        ? `Three tiles of ${tile} × ${tile} take up to ${count(need, "line")}; the cache holds ${lines}.`
        : `The same order as in tiles of ${cut} × ${cut}.`;
      tileStep.value.textContent = `tile ${tile}`;
      cacheStep.value.textContent = count(lines, "line");
    };

    const choose = (which, size) => {
      stop();
      [order, tile] = [which, size];
      if (order === "blocked") tried.add(tile);
      steps = stepsOf(order, order === "blocked" ? tile : 0);
      slider.max = steps.length;
      chips.forEach((chip, at) => chip.setAttribute("aria-pressed", String(Object.keys(TITLES)[at] === order)));
      weigh();
      show(now);
    };

    root.addEventListener("keydown", event => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || event.target === slider || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      step(by);
      if (document.activeElement.disabled) slider.focus();
    });
    const mood = () => { if (calm.matches) stop(); play.hidden = calm.matches; };
    calm.addEventListener("change", mood);

    const [a, b, c] = matrices.map(each => each.node);
    root.querySelector(".ti-still").replaceWith(
      make("div", { class: "ti-choices" },
        make("div", { role: "group", "aria-label": "order" }, make("span", { class: "ti-small" }, "order"),
          ...chips, tileStep.node),
        make("div", { role: "group", "aria-label": "cache" }, make("span", { class: "ti-small" }, "cache"),
          cacheStep.node, make("span", { class: "ti-small" }, `of ${line} elements`))),
      make("div", { class: "ti-stage" },
        make("div", { class: "ti-main" },
          make("div", { class: "ti-board" }, make("div", { class: "ti-text" }, code, touched), b, a, c),
          make("div", { class: "ti-transport" }, back, play, next, slider, said)),
        make("div", { class: "ti-side" }, make("b", {}, "Lines loaded by the whole product"), bars, verdict, tiles,
          make("p", { class: "ti-key ti-small" }, ...KEY.map(([state, word]) =>
            make("span", {}, make("span", { class: state }), word))))), live);
    choose(order, tile);
    mood();
  };

  (window.lessonExplorers ||= {}).tiles = { walk, replay, tileLines };
  for (const root of document.querySelectorAll("[data-ecr-tiles]:not([data-ready])")) {
    root.dataset.ready = "";
    start(root);
  }
})();
