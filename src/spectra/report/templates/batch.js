"use strict";
(function () {
  const { content, config, narrow, layoutOf, ready } = page;
  const at = id => document.getElementById(id);
  const colours = ["#0061A0", "#A63C00", "#00694A", "#8A3A78", "#6A5A00", "#4B4B4B"];
  const symbols = ["circle", "square", "diamond", "triangle-up", "x", "star"];
  const mostNamed = 12;

  const seen = (colour, share) => "rgba(" + [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16)).join(",") + "," + share + ")";

  // Pairs of one sample: its two numbers, or every point of the quantity that has fewer with the
  // nearest of the other, as far as half of its usual step.
  function pairs(x, y, kind) {
    if (kind !== "along") {
      const a = x.told[kind], b = y.told[kind];
      return a[0] === null || b[0] === null ? [] : [{ x: a, y: b, at: null }];
    }
    const [few, many] = x.values.length <= y.values.length ? [x, y] : [y, x];
    const reach = Math.max(step(few), step(many)) / 2 + 1e-9;
    const found = [];
    few.at.forEach((place, i) => {
      if (place === null) return;
      const j = nearest(many, place, i / few.at.length, reach);
      if (j < 0) return;
      const one = [few.values[i], few.stderr[i]], other = [many.values[j], many.stderr[j]];
      // A line through two measurements would tell of a course that nobody followed.
      const of = few.measurement[i] + " " + many.measurement[j];
      if (found.length && found[found.length - 1].of !== of) found.push({ x: [null, null], y: [null, null], at: null, of });
      found.push({ x: few === x ? one : other, y: few === x ? other : one, at: place, of });
    });
    return found;
  }
  function step(quantity) {
    const gaps = quantity.at.slice(1).map((v, i) => Math.abs(v - quantity.at[i])).filter(v => v > 0).sort((a, b) => a - b);
    return gaps.length ? gaps[gaps.length >> 1] : 0;
  }
  function nearest(quantity, place, late, reach) {
    let best = -1, distance = Infinity, off = Infinity;
    quantity.at.forEach((v, j) => {
      if (v === null) return;
      const d = Math.abs(v - place), l = Math.abs(j / quantity.at.length - late);
      if (d <= reach && (d < distance - 1e-9 || (d <= distance + 1e-9 && l < off))) { best = j; distance = d; off = l; }
    });
    return best;
  }

  function traces(right, up, kind) {
    const made = [];
    content.samples.forEach((sample, s) => {
      const x = sample.quantities[right], y = sample.quantities[up];
      const found = x && y ? pairs(x, y, kind) : [];
      if (!found.length) return;
      const colour = colours[s % colours.length];
      const bars = side => ({ array: found.map(p => p[side][1]), thickness: 1.2, width: 0, color: seen(colour, 0.5) });
      const several = found.length > 1;
      made.push({
        x: found.map(p => p.x[0]), y: found.map(p => p.y[0]), error_x: bars("x"), error_y: bars("y"), name: sample.name,
        mode: several ? "lines+markers" : "markers", line: { color: seen(colour, 0.35), width: 1 },
        marker: { color: colour, size: several ? 6 : 9, symbol: symbols[s % symbols.length] },
        text: found.map(p => p.at === null ? "" : "<br>at " + content.axis + " " + Number(p.at.toPrecision(4))),
        hovertemplate: "<b>" + sample.name + "</b><br>%{x}<br>%{y}%{text}<extra></extra>",
      });
    });
    return made;
  }

  function draw() {
    const right = Number(at("right").value), up = Number(at("up").value), kind = at("points").value;
    const data = traces(right, up, kind);
    const box = at("scatter"), figure = box.closest("figure");
    figure.hidden = data.length === 0;
    if (figure.hidden) {
      at("scatter-note").textContent = "No sample has both quantities" + (kind === "along" ? " within half a step of each other" : "") + ": choose others.";
      return null;
    }
    const named = data.length > 1 && data.length <= mostNamed;
    const suffix = kind === "along" ? "" : ", " + content.kinds[kind].split(" ")[0];
    const title = i => ({ text: content.quantities[i] + suffix, font: { size: narrow() ? 11 : 13 } });
    const height = 460 + (named && narrow() ? 22 * data.length : 0);
    const plot = { layout: {
      xaxis: { title: title(right), nticks: narrow() ? 5 : 10 }, yaxis: { title: title(up), nticks: 8 }, height,
      showlegend: named, legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      margin: { l: 72, r: 14, t: 12, b: 54 },
    } };
    const lacking = content.samples.length - data.length;
    const points = data.reduce((n, trace) => n + trace.x.filter(v => v !== null).length, 0);
    let told = points + (points === 1 ? " point of " : " points of ") + data.length + (data.length === 1 ? " sample" : " samples") + " with standard uncertainties.";
    if (data.length > mostNamed) told += " A point names its sample when it is pointed at or tapped.";
    if (lacking) told += " " + lacking + (lacking === 1 ? " sample lacks" : " samples lack") + " one of them.";
    if (kind === "along") told += " A frame of the quantity that has fewer is paired with the nearest of the other, if that is within half a step.";
    at("scatter-note").textContent = told;
    box.setAttribute("aria-label", content.headings[up] + " against " + content.headings[right] + ": " + told);
    box.style.height = height + "px";
    return Plotly.react("scatter", data, layoutOf(plot), config);
  }

  // Columns are sorted by their numbers; what is missing comes last, whichever way.
  let sorted = { column: 0, down: false };
  const words = 3;
  function key(row, column) {
    if (column < words) return row.cells[column].textContent;
    const quantity = content.samples[Number(row.dataset.sample)].quantities[column - words];
    return quantity ? quantity.told[at("kind").value][0] : null;
  }
  function sort() {
    const { column, down } = sorted, body = at("samples").tBodies[0], way = down ? -1 : 1;
    const order = Array.from(body.rows).map(row => ({ row, key: key(row, column) }));
    order.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return way * (typeof a.key === "string" ? a.key.localeCompare(b.key, undefined, { numeric: true }) : a.key - b.key);
    });
    for (const { row } of order) body.appendChild(row);
    Array.from(at("samples").tHead.rows[0].cells).forEach((cell, i) => {
      if (i === column) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }
  function fill() {
    const kind = at("kind").value, table = at("samples");
    table.caption.textContent = content.kinds[kind].charAt(0).toUpperCase() + content.kinds[kind].slice(1);
    for (const row of table.tBodies[0].rows) {
      content.samples[Number(row.dataset.sample)].quantities.forEach((quantity, i) => {
        const cell = row.cells[words + i];
        cell.textContent = quantity ? quantity.texts[kind] : "–";
        cell.classList.toggle("none", cell.textContent === "–");
      });
    }
    sort();
  }

  // One technique's columns, and the samples that have any of them; or everything.
  function confine() {
    const chosen = at("technique").value, table = at("samples");
    const out = content.techniques.map(name => chosen !== "" && name !== chosen);
    for (const row of table.rows) out.forEach((hidden, i) => { row.cells[words + i].hidden = hidden; });
    for (const row of table.tBodies[0].rows) {
      const own = content.samples[Number(row.dataset.sample)].quantities;
      row.hidden = chosen !== "" && !own.some((quantity, i) => quantity && !out[i]);
    }
  }

  (async function () {
    if (at("scatter")) {
      for (const id of ["right", "up", "points"]) at(id).addEventListener("change", draw);
      // What was measured at one point only has numbers, but hardly a frame in common.
      if (!traces(Number(at("right").value), Number(at("up").value), at("points").value).length) at("points").value = "last";
      await draw();
    }
    if (at("samples")) {
      at("kind").addEventListener("change", fill);
      if (at("technique")) at("technique").addEventListener("change", confine);
      Array.from(at("samples").tHead.rows[0].cells).forEach((cell, i) => cell.firstElementChild.addEventListener("click", () => {
        sorted = { column: i, down: sorted.column === i && cell.getAttribute("aria-sort") === "ascending" };
        sort();
      }));
    }
    ready();
  })();
})();
