"use strict";
(function () {
  const { content, config, narrow, layoutOf } = page;

  function abscissa(plot) {
    const choices = content.abscissae[plot.against];
    const wanted = document.getElementById("against");
    return choices.find(c => wanted && c.name === wanted.value) || choices[0];
  }

  function draw(plot) {
    if (plot.against) {
      const choice = abscissa(plot);
      for (const trace of plot.data) trace.x = choice.x;
      plot.layout.xaxis = Object.assign({ title: { text: choice.label } }, choice.ticks);
    }
    const data = plot.narrow && narrow() ? plot.data.slice(0, plot.narrow.keep) : plot.data;
    return Plotly.react(plot.id, data, layoutOf(plot), config);
  }

  function choosePanel() {
    const panel = content.panels[Number(document.getElementById("panel").value)];
    panel.series.forEach((series, k) => {
      const plot = content.plots.find(p => p.id.startsWith("peak-" + k));
      Object.assign(plot.data[0], { y: series.y, error_y: series.error_y });
      document.getElementById(plot.id).setAttribute("aria-label", "Peak " + panel.title + ": " + plot.layout.yaxis.title.text + " along the sequence");
      draw(plot);
    });
  }

  // Plotly has no square-root axis: roots are drawn, and labelled with their squares.
  const root = v => v === null ? null : Math.sign(v) * Math.sqrt(Math.abs(v));
  function rootTicks(values) {
    const top = values.reduce((most, v) => Math.max(most, v || 0), 0) || 1;
    const step = Math.pow(10, Math.floor(Math.log10(top)));
    const ticks = [0, 0.01, 0.05, 0.2, 0.5, 1, 2, 5].map(f => f * step).filter(v => v <= top);
    return { tickvals: ticks.map(root), ticktext: ticks.map(v => String(Number(v.toPrecision(2)))) };
  }

  function drawRefined(refined) {
    const plot = refined.plot, id = plot.id;
    const frame = refined.frames[Number(document.getElementById("frame-" + id).value)];
    const rooted = document.getElementById("root-" + id).checked;
    const sigma = document.getElementById("sigma-" + id);
    const shown = values => rooted ? values.map(root) : values;
    const scaled = !refined.scaled || sigma.checked;
    const plain = frame.observed.map((v, i) => v === null || frame.difference[i] === null ? null : v - frame.calculated[i]);
    const curves = [frame.observed, frame.background, frame.calculated];
    curves.forEach((values, k) => Object.assign(plot.data[k], { x: frame.x, y: shown(values), text: values, hovertemplate: "%{x}<br>%{text}<extra>" + plot.data[k].name + "</extra>" }));
    Object.assign(plot.data[3], { x: frame.x, y: scaled ? frame.difference : plain });
    frame.ticks.forEach((x, p) => Object.assign(plot.data[4 + p], { x, y: x.map(() => -p), text: refined.hkl[p] }));
    const ticks = rooted ? rootTicks(frame.observed) : { tickvals: null, ticktext: null };
    Object.assign(plot.layout.yaxis, { tickmode: rooted ? "array" : "auto" }, ticks);
    plot.layout.yaxis2.title = { text: refined.scaled && scaled ? "difference / σ" : "difference" };
    // A part that was enlarged stays so in another frame; its height does not.
    const now = document.getElementById(id).layout;
    if (now && now.xaxis.range) plot.layout.xaxis.range = now.xaxis.range.slice();
    return Plotly.react(id, plot.data, layoutOf(plot), config);
  }
  for (const refined of content.refined) {
    for (const name of ["frame-", "root-", "sigma-"]) {
      const control = document.getElementById(name + refined.plot.id);
      if (control) control.addEventListener("change", () => drawRefined(refined));
    }
  }

  const against = document.getElementById("against");
  if (against) against.addEventListener("change", () => content.plots.filter(p => p.against).forEach(draw));
  const panel = document.getElementById("panel");
  if (panel) panel.addEventListener("change", choosePanel);

  (async function () {
    await page.inTurn(content.plots, draw);
    await page.inTurn(content.refined, drawRefined);
    page.ready();
  })();
})();
