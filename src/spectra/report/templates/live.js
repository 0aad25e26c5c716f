"use strict";
// Draws the series of a watch and loads the page again; what was enlarged stays so.
(function () {
  const content = JSON.parse(document.getElementById("data").textContent);
  const [height, left, right, top, bottom] = [240, 78, 10, 8, 30];
  // A chart is drawn as wide as it stands, so that its letters are not scaled down.
  const [narrowest, widest] = [280, 900];
  let width = widest;
  const key = "spectra-live:" + location.pathname;
  let kept = {};
  try { kept = JSON.parse(sessionStorage.getItem(key)) || {}; } catch { /* storage is forbidden: nothing is kept */ }
  let dragging = null;

  function keep(changes) {
    Object.assign(kept, changes);
    try { sessionStorage.setItem(key, JSON.stringify(kept)); } catch { /* as above */ }
  }
  function make(parent, name, attributes, text) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [k, v] of Object.entries(attributes)) node.setAttribute(k, v);
    if (text !== undefined) node.textContent = text;
    parent.appendChild(node);
    return node;
  }
  function steps(low, high, count) {
    const raw = (high - low) / count, power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + 1e-9 * step; v += step) found.push(v);
    return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  }
  function range() {
    const last = Math.max(1, content.frames - 1);
    if (!kept.newest && kept.range) return kept.range;
    // The first and the last point stand beside the frame, not on it.
    const first = kept.newest ? Math.max(0, last - 99) : 0, margin = 0.02 * (last - first);
    return [first - margin, last + margin];
  }
  function draw(svg) {
    const chart = content.charts[Number(svg.dataset.chart)];
    const [from, to] = range();
    svg.replaceChildren();
    svg.setAttribute("viewBox", "0 0 " + width + " " + height);
    const shown = chart.series.map((s) => s.points.filter((p) => p[0] >= from && p[0] <= to && p[1] !== null));
    // Limits are those of the values and of usual uncertainties: one wide uncertainty must not flatten all.
    const values = shown.flat().map((p) => p[1]);
    let low = Math.min(...values), high = Math.max(...values);
    if (!values.length) { low = 0; high = 1; }
    const errors = shown.flat().map((p) => p[2] || 0).sort((a, b) => a - b);
    const typical = Math.min(errors[errors.length >> 1] || 0, high - low);
    const pad = 0.08 * (high - low) + 1.2 * typical || Math.abs(high) * 1e-3 || 1;
    low -= pad; high += pad;
    const x = (v) => left + ((v - from) / (to - from || 1)) * (width - left - right);
    const y = (v) => Math.min(height - bottom, Math.max(top, top + ((high - v) / (high - low)) * (height - top - bottom)));
    const ticks = steps(low, high, 4);
    for (const v of ticks.found) {
      make(svg, "line", { class: "gridline", x1: left, x2: width - right, y1: y(v), y2: y(v) });
      const text = Math.abs(v) >= 1e6 || ticks.digits > 6 ? v.toExponential(2) : v.toFixed(ticks.digits);
      make(svg, "text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, text);
    }
    for (const v of steps(from, to, width < 500 ? 4 : 8).found.filter((n) => Number.isInteger(n))) {
      make(svg, "line", { class: "gridline", x1: x(v), x2: x(v), y1: top, y2: height - bottom });
      make(svg, "text", { x: x(v), y: height - 10, "text-anchor": "middle" }, String(v));
    }
    shown.forEach((points, number) => {
      const colour = "k" + (number % 6), open = number < 6 ? "" : " open";
      for (const [i, value, error] of points) {
        if (error) make(svg, "line", { class: colour, x1: x(i), x2: x(i), y1: y(value - error), y2: y(value + error), "stroke-width": 1 });
        make(svg, "circle", { class: colour + open, cx: x(i), cy: y(value), r: points.length > 300 ? 1.4 : points.length > 60 ? 2.4 : 3.4 });
      }
    });
    make(svg, "rect", { class: "frame", x: left, y: top, width: width - left - right, height: height - top - bottom });
  }
  const charts = Array.from(document.querySelectorAll("svg.chart"));
  function drawAll() {
    if (charts.length) width = Math.min(widest, Math.max(narrowest, Math.round(charts[0].getBoundingClientRect().width)));
    charts.forEach(draw);
  }

  function frameAt(svg, event) {
    const box = svg.getBoundingClientRect(), [from, to] = range();
    const at = ((event.clientX - box.left) / box.width) * width;
    return from + (Math.min(width - right, Math.max(left, at)) - left) / (width - left - right) * (to - from);
  }
  for (const svg of charts) {
    svg.addEventListener("pointerdown", (e) => { if (e.pointerType === "mouse") { dragging = { svg, from: frameAt(svg, e), band: null }; svg.setPointerCapture(e.pointerId); } });
    svg.addEventListener("pointermove", (e) => {
      if (!dragging || dragging.svg !== svg) return;
      const [low, high] = range(), place = (v) => left + ((v - low) / (high - low || 1)) * (width - left - right);
      const ends = [place(dragging.from), place(frameAt(svg, e))].sort((a, b) => a - b);
      if (dragging.band) dragging.band.remove();
      dragging.band = make(svg, "rect", { class: "drag", x: ends[0], y: top, width: ends[1] - ends[0], height: height - top - bottom });
    });
    svg.addEventListener("pointerup", (e) => {
      if (!dragging) return;
      const ends = [dragging.from, frameAt(svg, e)].map(Math.round).sort((a, b) => a - b);
      dragging = null;
      if (ends[1] - ends[0] >= 2) keep({ range: ends, newest: false });
      drawAll();
    });
    svg.addEventListener("pointercancel", () => { dragging = null; drawAll(); });
    svg.addEventListener("dblclick", () => { keep({ range: null, newest: false }); drawAll(); });
  }
  document.getElementById("all").addEventListener("click", () => { keep({ range: null, newest: false }); drawAll(); });
  document.getElementById("newest").addEventListener("click", () => { keep({ range: null, newest: true }); drawAll(); });
  addEventListener("resize", drawAll);
  drawAll();

  const hold = document.getElementById("hold");
  if (hold) {
    hold.checked = Boolean(kept.hold);
    hold.addEventListener("change", () => keep({ hold: hold.checked }));
  }
  if (kept.scroll) window.scrollTo(0, kept.scroll);
  if (content.refresh) {
    const age = Date.now() / 1000 - content.written;
    if (age > 30) {
      const stale = document.getElementById("stale");
      stale.hidden = false;
      stale.textContent = "This page was last written " + Math.round(age) + " s ago: look whether `spectra watch` still runs, and start it again if not (it goes on where it was).";
    }
    setInterval(() => {
      if (dragging || (hold && hold.checked)) return;
      keep({ scroll: window.scrollY });
      location.reload();
    }, 1000 * content.refresh);
  }
  document.documentElement.dataset.ready = "yes";
})();
