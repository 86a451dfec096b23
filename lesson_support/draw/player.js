// The player: toggles the groups of one inline SVG. Without this script the resting state stays visible.
(() => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const start = root => {
    const find = selector => root.querySelector(selector);
    const sizes = root.dataset.axes.split(" ").map(Number);
    const total = sizes.reduce((product, size) => product * size, 1);
    const rest = Number(root.dataset.rest);
    const groups = [...root.querySelectorAll("g[data-state]")].map(group =>
      [group, new Set(group.dataset.state.split(" ").map(Number))]);
    const captions = [...root.querySelectorAll(".ecr-captions>p")];
    const sliders = [...root.querySelectorAll("input")];
    const [back, play, next] = root.querySelectorAll(".ecr-controls button");
    const live = find(".ecr-live");
    let now = 0;
    let timer = 0;

    const draw = state => {
      for (const [group, states] of groups) {
        if (states.has(state)) group.removeAttribute("display");
        else group.setAttribute("display", "none");
      }
      captions.forEach((caption, k) => caption.toggleAttribute("data-on", k === state));
    };

    const show = state => {
      const moved = state !== now;
      now = Math.min(total - 1, Math.max(0, state));
      draw(now);
      let left = now;
      for (let axis = sizes.length - 1; axis >= 0; axis--) {
        const slider = sliders[axis];
        const at = left % sizes[axis];
        left = (left - at) / sizes[axis];
        const said = JSON.parse(slider.dataset.values)[at];
        slider.value = at;
        slider.setAttribute("aria-valuetext", said);
        slider.nextElementSibling.value = said;
      }
      back.disabled = now === 0;
      next.disabled = now === total - 1;
      if (moved && !timer && captions[now]) live.textContent = captions[now].textContent;
    };

    const face = () => {
      play.setAttribute("aria-label", timer ? "Pause" : "Play");
      play.dataset.playing = timer ? "yes" : "no";
      play.querySelector("path").setAttribute("d", timer ? "M4 2h3v12H4zM9 2h3v12H9z" : "M4 2l10 6-10 6z");
    };
    const stop = () => { clearInterval(timer); timer = 0; face(); };
    const toggle = () => {
      if (timer) return stop();
      if (calm.matches) return show(now + 1);
      if (now === total - 1) show(0);
      timer = setInterval(() => {
        if (!root.isConnected) return stop();
        if (now + 1 >= total - 1) stop();
        show(now + 1);
      }, Number(root.dataset.pace));
      face();
    };
    const go = state => { stop(); show(state); };

    back.onclick = () => go(now - 1);
    next.onclick = () => go(now + 1);
    play.onclick = toggle;
    sliders.forEach(slider => {
      slider.oninput = () => go(sliders.reduce((state, one, axis) => state * sizes[axis] + Number(one.value), 0));
    });
    root.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const onSlider = event.target.tagName === "INPUT";
      const steps = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: total - 1 };
      if (event.key === " ") {
        if (!onSlider) return;
        toggle();
      } else if (event.key in steps && !onSlider) {
        go(steps[event.key]);
        // A disabled button loses the focus, and with it the keyboard.
        if (document.activeElement.disabled || !root.contains(document.activeElement)) sliders[0].focus();
      } else return;
      event.preventDefault();
    });
    // Paper shows the resting state, whatever the reader was looking at.
    addEventListener("beforeprint", () => draw(rest));
    addEventListener("afterprint", () => draw(now));
    const mood = () => { if (calm.matches) stop(); play.hidden = calm.matches; };
    calm.addEventListener("change", mood);

    find(".ecr-controls").hidden = false;
    show(0);
    stop();
    mood();
  };

  for (const root of document.querySelectorAll("[data-ecr-player]:not([data-ready])")) {
    root.dataset.ready = "";
    start(root);
  }
})();
