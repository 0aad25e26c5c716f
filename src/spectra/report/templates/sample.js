"use strict";
(function () {
  const { content, config, narrow, layoutOf, inTurn, ready } = page;
  const plots = content.plots, measured = content.measurements;
  const at = id => document.getElementById(id);
  const near = 1e-9 * (content.range[1] - content.range[0]);
  let range = content.range.slice(), chosen = null, relaying = false;

  // Only the lowest row of panels names the axis, which is the same for all.
  const foot = 16;
  function lowest(plot) {
    const lane = at(plot.id).closest(".lane"), last = lane.parentElement.lastElementChild;
    const bottom = element => element.getBoundingClientRect().bottom;
    return Math.abs(bottom(lane) - bottom(last)) < 2;
  }
  const low = new Set();

  // On a phone the margins of all panels are those of the narrowest one that still has its numbers.
  function layout(plot) {
    const made = layoutOf(plot);
    made.margin = Object.assign({}, plot.layout.margin, narrow() ? { l: 60, r: 8 } : {});
    made.xaxis = Object.assign({}, made.xaxis, { range: range.slice(), automargin: false }, content.ticks);
    if (narrow()) made.yaxis = Object.assign({}, made.yaxis, { title: { text: "" } });
    if (low.has(plot)) {
      made.xaxis.title = { text: content.axis, standoff: 3, font: { size: 12 } };
      made.margin.b += foot;
      made.height += foot;
    }
    at(plot.id).style.height = made.height + "px";
    return made;
  }

  // The lines and rings over a panel, which are moved without drawing the panel anew.
  function cover(plot) {
    const drawn = at(plot.id)._fullLayout, over = at("over-" + plot.id);
    const x = drawn.xaxis, y = drawn.yaxis;
    Object.assign(over.style, { display: "block", left: x._offset + "px", top: y._offset + "px", width: x._length + "px", height: y._length + "px" });
    return { over, x, y };
  }
  function mark(over, kind, number) {
    const all = over.getElementsByClassName(kind);
    while (all.length < number) {
      const made = document.createElement(kind === "ring" ? "u" : "i");
      made.className = kind;
      over.appendChild(made);
    }
    while (all.length > number) all[all.length - 1].remove();
    return all;
  }

  function point(value) {
    for (const plot of plots) {
      const { over, x } = cover(plot);
      const lines = mark(over, "line", value === null ? 0 : 1);
      if (value !== null) lines[0].style.left = x.d2p(value) + "px";
    }
  }

  // The frame of a curve that is nearest to the chosen one. In the same measurement that is the
  // frame itself or none: a frame without a result does not borrow its neighbour's. In others it
  // is the nearest place, and of frames at one place that which comes as late in its sequence.
  function nearest(plot, k) {
    const curve = plot.curves[k], xs = plot.data[k].x;
    if (curve.measurement === chosen.measurement) {
      const own = curve.frames.indexOf(chosen.frame);
      if (own >= 0 || curve.whole) return own;
    }
    let best = -1, distance = Infinity, late = Infinity;
    xs.forEach((x, i) => {
      if (x === null) return;
      const d = Math.abs(x - chosen.x), l = Math.abs(i / xs.length - chosen.late);
      if (d < distance - near || (d <= distance + near && l < late)) { best = i; distance = Math.min(d, distance); late = l; }
    });
    return best;
  }

  function show(plot) {
    const { over, x, y } = cover(plot), read = at("read-" + plot.id);
    const found = chosen === null ? [] : plot.curves.map((_, k) => nearest(plot, k));
    const rings = mark(over, "ring", found.filter(i => i >= 0).length);
    const lines = mark(over, "pin", chosen === null ? 0 : 1);
    if (chosen === null) return;
    lines[0].style.left = x.d2p(chosen.x) + "px";
    read.textContent = "";
    let ring = 0;
    const places = new Set();
    found.forEach((i, k) => {
      const trace = plot.data[k];
      let value = at("read-" + plot.id + "-" + k);
      if (value === null) value = read.appendChild(document.createElement("b"));
      if (i < 0) { value.textContent = "no result"; return; }
      Object.assign(rings[ring++].style, { left: x.d2p(trace.x[i]) + "px", top: y.d2p(trace.y[i]) + "px" });
      value.textContent = plot.curves[k].texts[i];
      places.add(Number(trace.x[i].toPrecision(4)));
    });
    if (places.size) read.append(" at " + Array.from(places).join(", "));
  }

  function choose(measurement, frame) {
    const own = measured[measurement];
    chosen = { measurement, frame, x: own.at[frame], late: frame / own.at.length };
    const told = own.title + ", frame " + frame + " (" + own.names[frame] + ") at " + content.axis + " " + Number(chosen.x.toPrecision(5));
    at("where").textContent = told;
    const slider = at("frame");
    if (at("sequence").value === measurement) slider.value = String(steps().indexOf(frame));
    slider.setAttribute("aria-valuetext", told);
    plots.forEach(show);
  }
  // Frames of the measurement that the slider walks through, as they came.
  function steps() {
    return measured[at("sequence").value].at.map((x, i) => x === null ? -1 : i).filter(i => i >= 0);
  }
  function sequence() {
    const slider = at("frame");
    slider.max = String(steps().length - 1);
    slider.value = "0";
  }

  function zoom(to, except) {
    range = to.slice();
    relaying = true;
    return Promise.all(plots.filter(p => p !== except).map(p => Plotly.relayout(p.id, { "xaxis.range": to.slice() })))
      .then(() => { relaying = false; plots.forEach(show); });
  }
  function scale(factor) {
    const inside = chosen !== null && chosen.x >= range[0] && chosen.x <= range[1];
    const middle = inside ? chosen.x : 0.5 * (range[0] + range[1]);
    return zoom([middle - factor * (middle - range[0]), middle + factor * (range[1] - middle)]);
  }

  // A click anywhere in a panel chooses the frame that is nearest to it along the axis.
  function clicked(plot, x) {
    const curve = plot.curves[0], xs = plot.data[0].x;
    let best = -1;
    xs.forEach((v, i) => { if (v !== null && (best < 0 || Math.abs(v - x) < Math.abs(xs[best] - x))) best = i; });
    if (best >= 0) choose(curve.measurement, curve.frames[best]);
  }
  function watch(plot) {
    const box = at(plot.id);
    const place = event => {
      const x = box._fullLayout.xaxis, p = event.clientX - box.getBoundingClientRect().left - x._offset;
      return p < 0 || p > x._length ? null : x.p2d(p);
    };
    let down = null;
    box.addEventListener("pointerdown", event => { down = [event.clientX, event.clientY]; }, true);
    window.addEventListener("pointerup", event => {
      const still = down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < 5;
      const x = still ? place(event) : null;
      down = null;
      if (x !== null) clicked(plot, x);
    }, true);
    window.addEventListener("pointercancel", () => { down = null; }, true);
    box.addEventListener("pointermove", event => { if (event.pointerType === "mouse") point(place(event)); });
    box.addEventListener("pointerleave", () => point(null));
    box.on("plotly_relayout", event => {
      if (relaying) return;
      const own = box._fullLayout.xaxis.range;
      if (event["xaxis.autorange"]) zoom(content.range);
      else if (own[0] !== range[0] || own[1] !== range[1]) zoom(own, plot);
    });
    box.on("plotly_afterplot", () => show(plot));
  }

  (async function () {
    plots.filter(lowest).forEach(plot => low.add(plot));
    await inTurn(plots, async plot => {
      await Plotly.react(plot.id, plot.data, layout(plot), Object.assign({ doubleClick: "autosize" }, config));
      watch(plot);
    });
    if (plots.length && at("sequence")) {
      sequence();
      at("sequence").addEventListener("change", () => { sequence(); choose(at("sequence").value, steps()[0]); });
      at("frame").addEventListener("input", () => choose(at("sequence").value, steps()[Number(at("frame").value)]));
      at("closer").addEventListener("click", () => scale(0.5));
      at("wider").addEventListener("click", () => scale(2));
      at("whole").addEventListener("click", () => zoom(content.range));
    }
    ready();
  })();
})();
