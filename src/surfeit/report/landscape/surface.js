// Surfaces of a loss that turn together. All points are in the page: nothing is asked for elsewhere,
// and without this script the figure below shows the same.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("landscape-data").textContent);
  const [first, second] = data.axes;
  const rows = first.length;
  const columns = second.length;
  const HOME = { turn: -35, tilt: 34, near: 1 };
  const view = { ...HOME, log: false, contours: true, path: true };
  const LEVELS = 12;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // Every tenth of viridis (van der Walt and Smith 2015); between them, straight.
  const VIRIDIS = [
    [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
    [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37],
  ];
  function colour(share, shade = 1) {
    const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
    const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
    const parts = VIRIDIS[low].map((one, k) => one + (at - low) * (VIRIDIS[low + 1][k] - one));
    return `rgb(${parts.map((part) => Math.round(part * shade)).join(" ")})`;
  }

  const losses = data.networks.flatMap((network) => network.loss).filter((loss) => loss !== null);
  const low = losses.length ? Math.min(...losses) : 0;
  const high = losses.length ? Math.max(...losses) : 1;
  const canLog = low > 0 && high > low;
  const bent = (loss) => (view.log ? Math.log(loss) : loss);
  /** Where a loss lies between the least and the largest of all networks. */
  const share = (loss) => (high > low ? (bent(loss) - bent(low)) / (bent(high) - bent(low)) : 0.5);
  const across = (axis, value) => (2 * (value - axis[0])) / (axis[axis.length - 1] - axis[0]) - 1;

  function words(value) {
    if (value === null || value === undefined) return "not finite";
    const shown = Math.abs(value) >= 1e5 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
    return shown.replace("-", "−");
  }

  // A point of the box, x and y in [-1, 1] and z in [0, 1], as it is seen.
  function eye(canvas) {
    const turn = (view.turn * Math.PI) / 180;
    const tilt = (view.tilt * Math.PI) / 180;
    const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
    const [up, lean] = [Math.sin(tilt), Math.cos(tilt)];
    const size = 0.29 * Math.min(canvas.width, canvas.height * 1.25) * view.near;
    return (x, y, z) => {
      const right = x * cosine - y * sine;
      const back = x * sine + y * cosine;
      const depth = back * lean - (1.1 * z - 0.55) * up;
      const scale = size / (1 + 0.12 * depth);
      return [
        canvas.width / 2 + right * scale,
        0.45 * canvas.height - (back * up + (1.1 * z - 0.55) * lean) * scale,
        depth,
      ];
    };
  }

  const heightOf = (network, row, column) => network.loss[row * columns + column];

  /** Lines of equal loss on the floor: for each level the segments, by marching squares. */
  function contours(network) {
    const segments = [];
    for (let level = 1; level < LEVELS; level++) {
      const at = level / LEVELS;
      for (let row = 0; row + 1 < rows; row++) {
        for (let column = 0; column + 1 < columns; column++) {
          const corners = [[row, column], [row + 1, column], [row + 1, column + 1], [row, column + 1]];
          const values = corners.map(([r, c]) => heightOf(network, r, c));
          if (values.includes(null)) continue;
          const shares = values.map(share);
          const cuts = [];
          for (let side = 0; side < 4; side++) {
            const [one, other] = [shares[side], shares[(side + 1) % 4]];
            if (one < at === other < at) continue;
            const t = (at - one) / (other - one);
            const [from, to] = [corners[side], corners[(side + 1) % 4]];
            cuts.push([from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]);
          }
          for (let pair = 0; pair + 1 < cuts.length; pair += 2) segments.push([at, cuts[pair], cuts[pair + 1]]);
        }
      }
    }
    return segments;
  }

  // A place between grid points, in rows and columns.
  const xOf = (row) => {
    const below = Math.min(Math.floor(row), rows - 2);
    return across(first, first[below] + (row - below) * (first[below + 1] - first[below]));
  };
  const yOf = (column) => {
    const below = Math.min(Math.floor(column), columns - 2);
    return across(second, second[below] + (column - below) * (second[below + 1] - second[below]));
  };

  /** The surface's height under a place of the plane; null outside the grid or beside a hole. */
  function under(network, [a, b]) {
    const row = ((a - first[0]) / (first[rows - 1] - first[0])) * (rows - 1);
    const column = ((b - second[0]) / (second[columns - 1] - second[0])) * (columns - 1);
    if (!(row >= 0 && row <= rows - 1 && column >= 0 && column <= columns - 1)) return null;
    const [r, c] = [Math.min(Math.floor(row), rows - 2), Math.min(Math.floor(column), columns - 2)];
    const corners = [[r, c], [r + 1, c], [r, c + 1], [r + 1, c + 1]].map(([i, j]) => heightOf(network, i, j));
    if (corners.includes(null)) return null;
    const [p, q] = [row - r, column - c];
    const shares = corners.map(share);
    return (1 - p) * (1 - q) * shares[0] + p * (1 - q) * shares[1] + (1 - p) * q * shares[2] + p * q * shares[3];
  }

  function surface(canvas, number) {
    const network = data.networks[number];
    const context = canvas.getContext("2d");
    const reading = canvas.parentElement.querySelector(".reading");
    let chosen = null;
    let kept = { log: null, segments: [] };

    function fit() {
      const ratio = Math.min(devicePixelRatio || 1, 2);
      const box = canvas.getBoundingClientRect();
      const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      return ratio;
    }

    function trace(points, close) {
      context.beginPath();
      points.forEach(([x, y], place) => (place ? context.lineTo(x, y) : context.moveTo(x, y)));
      if (close) context.closePath();
    }

    function draw() {
      const ratio = fit();
      const style = getComputedStyle(canvas);
      const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => style.getPropertyValue(name));
      const seen = eye(canvas);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.lineJoin = "round";
      context.lineWidth = ratio;
      floor(seen, ink, soft, line, ratio);
      quads(seen, ratio);
      if (view.path && network.path.length > 1) path(seen, ink, style.getPropertyValue("--ground"), ratio);
      axes(seen, soft, ratio);
      if (chosen !== null) mark(seen, ink, ratio);
    }

    function floor(seen, ink, soft, line, ratio) {
      context.strokeStyle = line;
      trace([[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([x, y]) => seen(x, y, 0)), true);
      context.stroke();
      context.strokeStyle = soft;
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          if (heightOf(network, row, column) !== null) continue;
          const [x, y] = [across(first, first[row]), across(second, second[column])];
          const half = 0.7 / Math.max(rows - 1, columns - 1);
          for (const sign of [1, -1]) {
            trace([seen(x - half, y - sign * half, 0), seen(x + half, y + sign * half, 0)]);
            context.stroke();
          }
        }
      }
      if (!view.contours) return;
      if (kept.log !== view.log) kept = { log: view.log, segments: contours(network) };
      context.lineWidth = 1.3 * ratio;
      for (const [at, from, to] of kept.segments) {
        context.strokeStyle = colour(at);
        trace([from, to].map(([row, column]) => seen(xOf(row), yOf(column), 0)));
        context.stroke();
      }
      context.lineWidth = ratio;
    }

    function quads(seen, ratio) {
      const lift = view.contours ? 0.16 : 0;
      const points = network.loss.map((loss, place) => {
        if (loss === null) return null;
        const z = lift + (1 - lift) * share(loss);
        return seen(across(first, first[Math.floor(place / columns)]), across(second, second[place % columns]), z);
      });
      const found = [];
      for (let row = 0; row + 1 < rows; row++) {
        for (let column = 0; column + 1 < columns; column++) {
          const at = row * columns + column;
          const corners = [at, at + columns, at + columns + 1, at + 1];
          if (corners.some((place) => points[place] === null)) continue;
          const depth = corners.reduce((sum, place) => sum + points[place][2], 0);
          const shares = corners.map((place) => share(network.loss[place]));
          const mean = shares.reduce((sum, one) => sum + one, 0) / 4;
          // Light from one side: slopes are told apart.
          const slope = ((shares[1] - shares[0]) * rows + (shares[3] - shares[0]) * columns) / 14;
          const shade = 0.93 - 0.2 * Math.tanh(slope);
          found.push({ corners: corners.map((place) => points[place]), depth, fill: colour(mean, shade) });
        }
      }
      found.sort((one, other) => other.depth - one.depth);
      context.lineWidth = 0.6 * ratio;
      for (const { corners, fill } of found) {
        trace(corners, true);
        context.fillStyle = fill;
        context.strokeStyle = rows * columns > 1600 ? fill : "rgb(255 255 255 / 0.28)";
        context.fill();
        context.stroke();
      }
      context.lineWidth = ratio;
    }

    function path(seen, ink, ground, ratio) {
      const lift = view.contours ? 0.16 : 0;
      const places = network.path.map(({ step, at }) => {
        const height = under(network, at);
        const [x, y] = [across(first, at[0]), across(second, at[1])];
        return height === null ? null : { step, point: seen(x, y, lift + (1 - lift) * height + 0.012) };
      });
      const shown = places.filter((place) => place !== null);
      if (shown.length === 0) return;
      const steps = shown[0].step !== null;
      for (const [width, stroke] of steps ? [[4, ground], [2, ink]] : []) {
        context.lineWidth = width * ratio;
        context.strokeStyle = stroke;
        trace(shown.map(({ point }) => point));
        context.stroke();
      }
      for (const { point } of shown) {
        context.beginPath();
        context.arc(point[0], point[1], 3 * ratio, 0, 2 * Math.PI);
        context.fillStyle = ink;
        context.strokeStyle = ground;
        context.lineWidth = ratio;
        context.fill();
        context.stroke();
      }
      if (!steps) return;
      for (const { step, point } of [shown[0], shown[shown.length - 1]]) {
        label(`step ${step.toLocaleString("en-US")}`, point[0] + 7 * ratio, point[1] - 7 * ratio, ink, ratio, ground);
      }
    }

    function label(text, x, y, fill, ratio, halo) {
      context.font = `${12 * ratio}px system-ui, sans-serif`;
      if (halo) {
        context.strokeStyle = halo;
        context.lineWidth = 3 * ratio;
        context.strokeText(text, x, y);
      }
      context.fillStyle = fill;
      context.fillText(text, x, y);
    }

    function axes(seen, soft, ratio) {
      // Along the two edges of the floor that are nearest to the eye.
      const turn = (view.turn * Math.PI) / 180;
      const near = { x: Math.sin(turn) > 0 ? -1 : 1, y: Math.cos(turn) > 0 ? -1 : 1 };
      context.textAlign = "center";
      context.textBaseline = "middle";
      const far = 1.17;
      for (const [axis, at, name] of [
        [first, (t, off) => seen(t, near.y * off, 0), data.labels[0]],
        [second, (t, off) => seen(near.x * off, t, 0), data.labels[1]],
      ]) {
        // Where there is little room the name stands where the middle's number would.
        for (const t of canvas.width < 420 * ratio ? [-1, 1] : [-1, 0, 1]) {
          const value = axis[0] + ((t + 1) / 2) * (axis[axis.length - 1] - axis[0]);
          const [x, y] = at(0.92 * t, far - 0.07);
          label(words(Math.abs(value) < 1e-12 ? 0 : value), x, y, soft, ratio);
        }
        const [x, y] = at(0, far + 0.18);
        label(name, x, y, soft, ratio);
      }
      context.textAlign = "start";
      context.textBaseline = "alphabetic";
    }

    function placeOf(at) {
      const lift = view.contours ? 0.16 : 0;
      const loss = network.loss[at];
      const z = loss === null ? 0 : lift + (1 - lift) * share(loss);
      return [across(first, first[Math.floor(at / columns)]), across(second, second[at % columns]), z];
    }

    function mark(seen, ink, ratio) {
      const [x, y, z] = placeOf(chosen);
      const [top, foot] = [seen(x, y, z), seen(x, y, 0)];
      context.strokeStyle = ink;
      context.lineWidth = ratio;
      trace([top, foot]);
      context.stroke();
      context.beginPath();
      context.arc(top[0], top[1], 4.5 * ratio, 0, 2 * Math.PI);
      context.lineWidth = 2 * ratio;
      context.stroke();
    }

    /** Chooses a point, in all networks: their values are compared there. */
    function read(at) {
      chosen = at;
      if (at === null) {
        reading.textContent = "\u00a0";
        return;
      }
      const accuracy = network.accuracy[at];
      const right = accuracy === null || accuracy === undefined ? "" : `, accuracy ${words(100 * accuracy)} %`;
      const place = `(${words(first[Math.floor(at / columns)])}, ${words(second[at % columns])})`;
      reading.textContent = `${place}: loss ${words(network.loss[at])}${right}`;
    }

    function nearest(x, y) {
      const seen = eye(canvas);
      let best = null;
      network.loss.forEach((_, at) => {
        const [px, py, depth] = seen(...placeOf(at));
        const apart = Math.hypot(px - x, py - y) + 6 * depth;
        if (best === null || apart < best.apart) best = { at, apart, far: Math.hypot(px - x, py - y) };
      });
      return best !== null && best.far < canvas.width / 12 ? best.at : null;
    }

    return { canvas, draw, read, nearest, chosen: () => chosen };
  }

  const surfaces = [...document.querySelectorAll(".solid canvas")].map((canvas) =>
    surface(canvas, Number(canvas.dataset.network)),
  );
  const control = (name) => document.getElementById(name);
  const [bar] = document.querySelectorAll("#surface .bar");
  const ends = document.querySelectorAll("#surface .scale span");

  let asked = 0;
  function redraw() {
    if (asked) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      control("turn").value = view.turn;
      control("tilt").value = view.tilt;
      for (const one of surfaces) one.draw();
    });
  }

  function scale() {
    bar.width = 200;
    bar.height = 1;
    const context = bar.getContext("2d");
    for (let x = 0; x < 200; x++) {
      context.fillStyle = colour(x / 199);
      context.fillRect(x, 0, 1, 1);
    }
    ends[0].textContent = `loss ${words(low)}`;
    ends[1].textContent = `${words(high)}${view.log ? ", logarithmic" : ""}`;
  }

  function turnTo(turn, tilt) {
    view.turn = ((((turn + 180) % 360) + 360) % 360) - 180;
    view.tilt = Math.min(Math.max(tilt, 5), 90);
    redraw();
  }

  function readAll(at) {
    for (const one of surfaces) one.read(at);
    redraw();
  }

  let spinning = 0;
  function spin(on) {
    cancelAnimationFrame(spinning);
    spinning = 0;
    control("spin").setAttribute("aria-pressed", String(on));
    let before = null;
    function step(now) {
      if (before !== null) turnTo(view.turn + 0.015 * (now - before), view.tilt);
      before = now;
      spinning = requestAnimationFrame(step);
    }
    if (on && !calm.matches) spinning = requestAnimationFrame(step);
  }

  const STEPS = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, 5], ArrowDown: [0, -5] };
  const WALKS = { w: [0, 1], s: [0, -1], a: [-1, 0], d: [1, 0] };
  for (const one of surfaces) {
    let held = null;
    one.canvas.addEventListener("pointerdown", (event) => {
      spin(false);
      held = [event.clientX, event.clientY, view.turn, view.tilt];
      one.canvas.setPointerCapture(event.pointerId);
    });
    one.canvas.addEventListener("pointermove", (event) => {
      if (held !== null && event.buttons) {
        const [x, y, turn, tilt] = held;
        turnTo(turn - 0.5 * (event.clientX - x), tilt + 0.4 * (event.clientY - y));
        return;
      }
      const box = one.canvas.getBoundingClientRect();
      const grown = one.canvas.width / box.width;
      readAll(one.nearest((event.clientX - box.left) * grown, (event.clientY - box.top) * grown));
    });
    for (const ending of ["pointerup", "pointercancel"]) one.canvas.addEventListener(ending, () => (held = null));
    one.canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && readAll(null));
    one.canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const walk = WALKS[event.key.toLowerCase()];
      if (event.key in STEPS) turnTo(view.turn + STEPS[event.key][0], view.tilt + STEPS[event.key][1]);
      else if (event.key === "+" || event.key === "=") view.near = Math.min(view.near * 1.1, 3);
      else if (event.key === "-") view.near = Math.max(view.near / 1.1, 0.4);
      else if (event.key === "Home") home();
      else if (event.key === "Escape") readAll(null);
      else if (walk) {
        const at = one.chosen() ?? Math.floor(rows / 2) * columns + Math.floor(columns / 2);
        const row = Math.min(Math.max(Math.floor(at / columns) + walk[0], 0), rows - 1);
        const column = Math.min(Math.max((at % columns) + walk[1], 0), columns - 1);
        readAll(one.chosen() === null ? at : row * columns + column);
      } else return;
      redraw();
      event.preventDefault();
    });
  }

  function home() {
    spin(false);
    Object.assign(view, HOME);
    redraw();
  }

  control("turn").addEventListener("input", (event) => turnTo(Number(event.target.value), view.tilt));
  control("tilt").addEventListener("input", (event) => turnTo(view.turn, Number(event.target.value)));
  for (const name of ["log", "contours", "path"]) {
    control(`view-${name}`)?.addEventListener("change", (event) => {
      view[name] = event.target.checked;
      scale();
      redraw();
    });
  }
  control("home").addEventListener("click", home);
  control("spin").addEventListener("click", () => spin(!spinning));
  calm.addEventListener("change", () => spin(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(redraw).observe(document.body);

  // Losses that span orders of magnitude begin on a logarithmic scale.
  view.log = canLog && high > 20 * low;
  control("view-log").checked = view.log;
  control("view-log").disabled = !canLog;
  for (const hidden of document.querySelectorAll("#surface [hidden]")) hidden.hidden = false;
  scale();
  redraw();
})();
