"use strict";
(function () {
  const content = JSON.parse(document.getElementById("data").textContent);
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const narrow = () => window.innerWidth < 600;
  const font = { family: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif", size: 12, color: "#1a2130" };
  const axis = { ticks: "inside", ticklen: 4, mirror: true, showline: true, linecolor: "#515b6e", linewidth: 1, tickcolor: "#515b6e", gridcolor: "#eceff4", zeroline: false, zerolinecolor: "#8a93a3", zerolinewidth: 1, automargin: true };
  // Fingers scroll the page; only a mouse zooms a plot.
  const base = { margin: { l: 64, r: 14, t: 26, b: 46 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "#fff", font, showlegend: false, hovermode: "closest", dragmode: touch ? false : "zoom" };
  // No bar of buttons: one of plotly's own sends the data to its makers' server.
  const config = { responsive: true, displaylogo: false, displayModeBar: false, showSendToCloud: false, plotlyServerURL: "" };

  function layoutOf(plot) {
    const layout = Object.assign({}, base, plot.layout);
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis/.test(key)) layout[key] = Object.assign({}, axis, layout[key], plot.layout.images ? {} : { title: Object.assign({ standoff: 6 }, layout[key].title) });
    }
    if (narrow()) {
      layout.margin = Object.assign({}, layout.margin, { l: 52, r: 8 });
      layout.font = Object.assign({}, font, { size: 11 });
    }
    return layout;
  }

  function abscissa(plot) {
    const choices = content.abscissae[plot.against];
    const wanted = document.getElementById("against");
    return choices.find(c => wanted && c.name === wanted.value) || choices[0];
  }

  function draw(plot) {
    if (plot.against) {
      const choice = abscissa(plot);
      for (const trace of plot.data) trace.x = choice.x;
      plot.layout.xaxis = { title: { text: choice.label } };
    }
    return Plotly.react(plot.id, plot.data, layoutOf(plot), config);
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

  const against = document.getElementById("against");
  if (against) against.addEventListener("change", () => content.plots.filter(p => p.against).forEach(draw));
  const panel = document.getElementById("panel");
  if (panel) panel.addEventListener("change", choosePanel);

  // One plot after the other, so that the page can be read and scrolled meanwhile.
  (async function () {
    for (const plot of content.plots) {
      await draw(plot);
      await new Promise(done => setTimeout(done, 0));
    }
    document.documentElement.dataset.ready = "yes";
  })();
})();
