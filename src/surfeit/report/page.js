// Values read off the curves, and an accepted loss to choose. All answers are in the page: nothing
// is asked for elsewhere, and without this script the page says all of the report's own settings.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";

  /** Where a value lies between the ends of an axis, before they are set to 0 and 1. */
  function bent(axis, value) {
    if (axis.kind === "log") return Math.log10(value);
    if (axis.kind !== "symlog") return value;
    const size = Math.abs(value);
    // As high as a decade up to `near`, then a decade each.
    return Math.sign(value) * (size <= axis.near ? size / axis.near : 1 + Math.log10(size / axis.near));
  }

  function share(axis, value) {
    const low = bent(axis, axis.low);
    return (bent(axis, value) - low) / (bent(axis, axis.high) - low);
  }

  const xOf = (panel, value) => panel.plot[0] + panel.plot[2] * share(panel.x, value);
  const yOf = (panel, value) => panel.plot[1] + panel.plot[3] * (1 - share(panel.y, value));
  const counts = (curve) => Array.from({ length: curve.x }, (_, count) => count * curve.step);
  const places = (curve) => (Array.isArray(curve.x) ? curve.x : counts(curve));

  function words(axis, value) {
    const number = axis.percent ? 100 * value : value;
    const shown = Number(number.toPrecision(3)).toLocaleString("en-US", { maximumSignificantDigits: 4 });
    return shown.replace("-", "−") + (axis.percent ? " %" : "");
  }

  function drawn(name, attributes, parent) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  }

  // Values: a line at the nearest place, and what each curve has there.
  function readable(svg) {
    const panel = JSON.parse(svg.dataset.panel);
    const curves = panel.curves.map((curve) => ({ ...curve, x: places(curve) }));
    const all = [...new Set(curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
    const layer = drawn("g", { class: "reading" }, svg);
    const tip = document.createElement("div");
    tip.className = "values";
    tip.setAttribute("role", "status");
    svg.after(tip);
    svg.tabIndex = 0;
    let at = -1;

    function show(index) {
      at = Math.min(Math.max(index, 0), all.length - 1);
      const x = all[at];
      const left = xOf(panel, x);
      const [, top, , height] = panel.plot;
      layer.replaceChildren();
      drawn("line", { x1: left, x2: left, y1: top, y2: top + height }, layer);
      const rows = curves
        .map((curve) => ({ curve, y: curve.y[curve.x.indexOf(x)] }))
        .filter(({ y }) => Number.isFinite(y))
        .sort((a, b) => b.y - a.y);
      for (const { curve, y } of rows) {
        const height = Math.min(Math.max(share(panel.y, y), 0), 1);
        const place = panel.plot[1] + panel.plot[3] * (1 - height);
        drawn("circle", { cx: left, cy: place, r: 2.6, fill: curve.colour }, layer);
      }
      const head = document.createElement("b");
      head.textContent = `${panel.x.label}: ${words(panel.x, x)}`;
      const list = rows.map(({ curve, y }) => {
        const row = document.createElement("span");
        const key = document.createElement("i");
        key.style.background = curve.colour;
        row.append(key, `${curve.label} ${words(panel.y, y)}`);
        return row;
      });
      const unit = document.createElement("small");
      unit.textContent = panel.y.label;
      tip.replaceChildren(head, ...list, unit);
      const [start, , width] = viewed(svg);
      const middle = (100 * (left - start)) / width;
      tip.style.left = middle > 50 ? "auto" : `calc(${middle}% + 12px)`;
      tip.style.right = middle > 50 ? `calc(${100 - middle}% + 12px)` : "auto";
      tip.hidden = false;
    }

    function hide() {
      layer.replaceChildren();
      tip.hidden = true;
      at = -1;
    }

    function follow(event) {
      const box = svg.getBoundingClientRect();
      const [start, , width] = viewed(svg);
      const wanted = start + ((event.clientX - box.left) / box.width) * width;
      const apart = all.map((x) => Math.abs(xOf(panel, x) - wanted));
      show(apart.indexOf(Math.min(...apart)));
    }

    hide();
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerdown", follow);
    svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const step = (event.shiftKey ? 10 : 1) * { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") hide();
      else if (event.key === "Home") show(0);
      else if (event.key === "End") show(all.length - 1);
      else if (step) show(at < 0 ? 0 : at + step);
      else return;
      event.preventDefault();
    });
  }

  function viewed(svg) {
    const box = svg.viewBox.baseVal;
    return [box.x, box.y, box.width, box.height];
  }

  // The accepted loss: one choice for the whole page.
  function choosable(accepted) {
    const sliders = [...document.querySelectorAll(".accepted")];
    const figures = [...document.querySelectorAll("[data-removal]")];

    function choose(index) {
      const own = index === accepted.own;
      for (const slider of sliders) {
        slider.querySelector("input").value = index;
        slider.querySelector("input").setAttribute("aria-valuetext", accepted.prices[index]);
        slider.querySelector("output").textContent = accepted.prices[index];
      }
      for (const [name, answers] of Object.entries(accepted.answers)) {
        const answer = answers[index];
        for (const text of document.querySelectorAll(`[data-answer="${name}"]`)) {
          text.textContent = answer.text;
        }
        for (const row of document.querySelectorAll(`[data-bar="${name}"]`)) {
          const [shown, open, mark] = row.querySelectorAll("i");
          const part = (count) => `${(100 * count) / answer.units}%`;
          shown.style.width = open.style.left = part(answer.lower);
          open.style.width = part(answer.upper - answer.lower);
          mark.style.left = part(answer.estimate);
          row.nextElementSibling.textContent = answer.brief;
        }
      }
      for (const figure of figures) {
        const answer = own ? null : accepted.answers[figure.dataset.removal][index];
        mark(figure, answer, accepted.losses[index], accepted.prices[index]);
      }
    }

    for (const slider of sliders) {
      slider.hidden = false;
      slider.querySelector("input").addEventListener("input", (event) => choose(Number(event.target.value)));
    }
    choose(accepted.own);
    // On paper stand the answers that the page's own words are about.
    let before = accepted.own;
    addEventListener("beforeprint", () => {
      before = sliders.length > 0 ? Number(sliders[0].querySelector("input").value) : accepted.own;
      choose(accepted.own);
    });
    addEventListener("afterprint", () => choose(before));
  }

  /** Marks an answer in a figure of removals, or gives it its own marks back. */
  function mark(figure, answer, loss, price) {
    const panels = [...figure.querySelectorAll("svg[data-panel]")];
    figure.classList.toggle("chosen", answer !== null);
    for (const words of figure.querySelectorAll(".legend span")) {
      if (words.textContent.startsWith("accepted: ")) words.textContent = `accepted: ${price}`;
    }
    panels.forEach((svg, place) => {
      svg.querySelector(".marks")?.remove();
      if (answer === null) return;
      const panel = JSON.parse(svg.dataset.panel);
      const [left, top, width, height] = panel.plot;
      const layer = drawn("g", { class: "marks" }, svg);
      const level = yOf(panel, 100 * loss);
      drawn("line", { x1: left, x2: left + width, y1: level, y2: level, class: "level" }, layer);
      if (place === panels.length - 1) return; // the check has no answer
      const bounded = place === 1 && answer.bounded;
      const ends = bounded ? [answer.lower, answer.upper] : [answer.estimate];
      if (bounded) {
        const [from, to] = ends.map((end) => xOf(panel, end));
        drawn("rect", { x: from, y: top, width: to - from, height }, layer);
      }
      ends.forEach((end, number) => {
        if (bounded && (end <= 0 || end >= answer.units)) return; // the ends say nothing
        const x = xOf(panel, end);
        drawn("line", { x1: x, x2: x, y1: top, y2: top + height }, layer);
        const before = x > left + (number === 1 ? 0.7 : 0.45) * width;
        const lines = bounded
          ? [`${["at least", "at most"][number]} ${end}`]
          : [`estimate ${end},`, answer.criterion];
        const first = before ? top + 10 : top + height + 6 - 10 * (lines.length + (bounded && number === 0));
        lines.forEach((line, row) => {
          const text = drawn("text", { x: x + (before ? -4 : 4), y: first + 10 * row }, layer);
          text.setAttribute("text-anchor", before ? "end" : "start");
          text.textContent = line;
        });
      });
    });
  }

  // On paper all is open.
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const closed of document.querySelectorAll("details:not([open])")) {
      closed.open = true;
      opened.push(closed);
    }
  });
  addEventListener("afterprint", () => opened.splice(0).forEach((closed) => (closed.open = false)));
  // A word's meaning goes away with Escape.
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.activeElement?.closest(".term")) document.activeElement.blur();
  });
  // A link to what is folded opens it.
  function open() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  }
  addEventListener("hashchange", open);
  open();

  document.querySelectorAll("svg[data-panel]").forEach(readable);
  const data = document.getElementById("accepted-data");
  if (data !== null) choosable(JSON.parse(data.textContent));
})();
