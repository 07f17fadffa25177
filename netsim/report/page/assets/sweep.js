"use strict";
// The report of a sweep, and of a comparison: what it says, then any figure over any key, then the tables.
(() => {
  const { el } = netsim;

  const choice = (label, options, chosen, changed) => {
    const select = el("select", { onchange: () => changed(select.value) }, options.map(([value, words]) => el("option", { value, selected: value === chosen }, words)));
    return el("label", { class: "choice" }, `${label} `, select);
  };

  // What the lines and bands of rows, each with its number of runs last, are made of.
  function restsOn(rows) {
    const runs = rows.map((row) => row[row.length - 1]);
    if (!runs.length) return "No run has this figure.";
    const least = Math.min(...runs);
    const most = Math.max(...runs);
    if (most === 1) return "One run each, so that nothing is known of how far they vary.";
    return `Means over ${least === most ? most : `${least} to ${most}`} seeds; the bands hold the true mean with 95 % confidence (Student's).`;
  }

  // The chart of what is chosen: a line for each value of one key over the values of another, the rest held.
  function curves(data, state) {
    const figure = data.figures[state.figure];
    const along = data.factors.findIndex((factor) => factor.key === state.x);
    const lines = data.factors.findIndex((factor) => factor.key === state.lines);
    const x = data.factors[along];
    const kept = data.points.filter((point) => point.at.every((value, number) => number === along || number === lines || value === state.held[number]));
    const names = lines < 0 ? ["all"] : data.factors[lines].words;
    const rows = [];
    const series = names.map((name, number) => {
      const own = kept.filter((point) => lines < 0 || point.at[lines] === number).filter((point) => point.values[state.figure] !== null);
      own.sort((one, other) => one.at[along] - other.at[along]);
      const place = (point) => (x.numbers ? x.numbers[point.at[along]] : x.words[point.at[along]]);
      own.forEach((point) => rows.push([name, x.words[point.at[along]], ...point.values[state.figure]]));
      const found = own.map((point) => [place(point), ...point.values[state.figure]]);
      return { name, points: found.map(([at, mean]) => [at, mean]), band: found.map(([at, , low, high]) => [at, low, high]) };
    });
    const held = data.factors.filter((_, number) => number !== along && number !== lines).map((factor) => `${factor.key} = ${factor.words[state.held[data.factors.indexOf(factor)]]}`);
    return {
      id: "curves",
      title: `${figure.name} by ${x.key}`,
      says: `${restsOn(rows)}${held.length ? ` With ${held.join(", ")}.` : ""}`,
      kind: "lines",
      height: 420,
      x: { name: x.key, unit: x.unit, ...(x.numbers ? {} : { scale: "category", values: x.words }) },
      y: { name: figure.name, unit: figure.unit },
      series: series.filter((each) => each.points.length),
      columns: [lines < 0 ? "" : data.factors[lines].key, x.key, `${figure.name}${figure.unit ? ` (${figure.unit})` : ""}`, "low", "high", "runs"],
      rows,
    };
  }

  function explorer(parent, data) {
    const keys = data.factors.map((factor) => factor.key);
    const state = { figure: 0, x: data.x, lines: data.lines, held: data.factors.map(() => 0) };
    const controls = el("div", { class: "choices" });
    const grid = el("div", { class: "charts" });
    parent.append(controls, grid);
    const figure = netsim.figure(grid, curves(data, state));
    figure.element.classList.add("wide");
    const title = figure.element.querySelector("h3");
    const show = () => {
      const chart = curves(data, state);
      title.textContent = chart.title;
      figure.show(chart);
      controls.replaceChildren(
        choice("figure", data.figures.map((each, number) => [String(number), each.name]), String(state.figure), (value) => { state.figure = Number(value); show(); }),
        choice("along", keys.map((key) => [key, key]), state.x, (value) => {
          if (state.lines === value) state.lines = state.x;
          state.x = value;
          show();
        }),
        ...(keys.length > 1 ? [choice("a line for each", keys.filter((key) => key !== state.x).map((key) => [key, key]), state.lines, (value) => { state.lines = value; show(); })] : []),
        ...data.factors.flatMap((factor, number) => (factor.key === state.x || factor.key === state.lines ? [] : [choice(factor.key, factor.words.map((word, place) => [String(place), word]), String(state.held[number]), (value) => { state.held[number] = Number(value); show(); })])),
      );
    };
    show();
  }

  function headline(parent, data) {
    const picture = data.picture ? el("img", { src: data.picture, alt: data.sentences.join(" "), class: "picture" }) : null;
    parent.append(el("figure", { id: "headline", class: "wide" }, el("h2", {}, data.title), el("ul", {}, data.sentences.map((sentence) => el("li", {}, sentence))), picture));
  }

  function tables(parent, data) {
    for (const given of data.tables) {
      const apart = given.apart?.length ? netsim.table(given.sides, given.apart, "What differs in the scenarios") : null;
      const says = given.says ? el("p", { class: "soft" }, given.says) : null;
      const save = el("button", { type: "button", onclick: () => netsim.download("table.csv", netsim.csv(given.columns, given.rows)) }, "Download CSV");
      parent.append(el("details", { class: "table", open: given.open }, el("summary", {}, given.title), apart, netsim.table(given.columns, given.rows), says, save));
    }
    const copied = el("span", { class: "soft", role: "status" });
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(data.latex);
        copied.textContent = "copied";
      } catch {
        copied.textContent = "this browser does not let a page copy: mark the text";
      }
    };
    parent.append(
      el("details", { class: "table", id: "latex" }, el("summary", {}, "LaTeX, with booktabs"), el("pre", { tabindex: 0 }, data.latex), el("div", { class: "foot" }, el("button", { type: "button", onclick: copy }, "Copy"), copied, el("button", { type: "button", onclick: () => netsim.download("table.tex", data.latex, "text/x-tex") }, "Download .tex"))),
    );
  }

  netsim.pages.sweep = (main, data) => {
    main.append(el("header", {}, el("h1", {}, data.title), el("p", { class: "soft" }, data.says.join(" · "))));
    if (data.headline) headline(main, data.headline);
    if (data.notes.length) main.append(el("ul", { id: "notes" }, data.notes.map((note) => el("li", {}, note))));
    if (data.explore) {
      const section = el("section", { id: "explore" }, el("h2", {}, "Any figure over what varies"));
      main.append(section);
      explorer(section, data.explore);
    }
    if (data.charts.length) {
      const grid = el("div", { class: "charts" });
      main.append(el("section", {}, grid));
      data.charts.forEach((chart) => netsim.figure(grid, chart));
    }
    const section = el("section", { id: "tables" }, el("h2", {}, "Tables"));
    main.append(section);
    tables(section, data);
    if (data.scenario) main.append(el("section", {}, el("h2", {}, "The first point's scenario"), el("pre", { tabindex: 0 }, data.scenario)));
  };
})();
