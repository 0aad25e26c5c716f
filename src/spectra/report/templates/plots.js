"use strict";
// What all pages share: the data, the looks of plots, and how they fit a window.
const page = (function () {
  const content = JSON.parse(document.getElementById("data").textContent);
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const narrow = () => window.innerWidth < 600;
  const font = { family: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif", size: 12, color: "#1a2130" };
  const axis = { ticks: "inside", ticklen: 4, mirror: true, showline: true, linecolor: "#515b6e", linewidth: 1, tickcolor: "#515b6e", gridcolor: "#eceff4", zeroline: false, zerolinecolor: "#8a93a3", zerolinewidth: 1, automargin: true };
  // Fingers scroll the page; only a mouse zooms a plot.
  const base = { margin: { l: 64, r: 14, t: 26, b: 46 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "#fff", font, showlegend: false, hovermode: "closest", separators: ".", dragmode: touch ? false : "zoom" };
  // No bar of buttons: one of plotly's own sends the data to its makers' server.
  const config = { responsive: true, displaylogo: false, displayModeBar: false, showSendToCloud: false, plotlyServerURL: "" };

  function layoutOf(plot) {
    const layout = Object.assign({}, base, plot.layout);
    if (plot.narrow && narrow()) {
      for (const key of Object.keys(layout)) if (/^xaxis[3-9]/.test(key)) delete layout[key];
      Object.assign(layout, plot.narrow.layout);
    }
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis/.test(key)) layout[key] = Object.assign({}, axis, layout[key], plot.layout.images ? {} : { title: Object.assign({ standoff: 6 }, layout[key].title) });
    }
    if (narrow()) {
      layout.margin = Object.assign({}, layout.margin, { l: 52, r: 8 });
      layout.font = Object.assign({}, font, { size: 11 });
    }
    return layout;
  }

  // One after the other, so that the page can be read and scrolled meanwhile.
  async function inTurn(items, work) {
    for (const item of items) {
      await work(item);
      await new Promise(done => setTimeout(done, 0));
    }
  }
  // A printed page is narrower than most windows: plots shrink as they are, they are not drawn anew.
  const paper = 686, frames = 84;
  function shrink() {
    const width = document.getElementById("main").clientWidth - frames;
    document.documentElement.style.setProperty("--printed", String(Math.min(1, paper / width)));
    // As many columns as in the window: a browser may lay a page out wider than its paper.
    for (const grid of document.querySelectorAll(".grid, .lanes")) {
      const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").filter(v => v !== "0px");
      grid.style.setProperty("--columns", String(columns.length));
    }
  }
  function ready() {
    shrink();
    window.addEventListener("resize", shrink);
    document.documentElement.dataset.ready = "yes";
  }

  return { content, config, narrow, layoutOf, inTurn, ready };
})();
