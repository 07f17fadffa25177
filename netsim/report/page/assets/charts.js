"use strict";
// A chart from its document, plain JSON that netsim/report/page/ writes:
//
//   {id, title, says,                 what it is called; one sentence that says what it shows
//    kind,                            "lines", "scatter", "bars", "heat", "tree", "chain" or "waterfall"
//    x: {name, unit, scale}, y: …     scale: "linear" (if not given), "log" or "category" (then with `values`: the
//                                     names); zero: false lets a linear axis begin elsewhere
//    series: [{name, points, band}]   lines, scatter: [[x, y], …], band: [[x, low, high], …]; bars: a number per category;
//                                     heat: [[column, row, value], …] with value: {name, unit}; step: "end" for stairs
//    stacked, across,                 bars: upon each other; from left to right
//    root,                            tree: {name, value, children: […]}
//    blocks,                          chain: [{id, height, lane, state, parent, proposer, proposed_s}]; lane 0 is the chain
//    rows, causes,                    waterfall: [{name, begin, parts: {cause: length}}], [{name, colour, says}]
//    shades: [{from, to, says}],      stretches of the x axis behind it all
//    marks: [{at, says}]}             upright lines
//
// `netsim.figure(parent, chart)` puts heading, sentence, picture, table and download there. Pictures are drawn when they
// come into view, and anew when the page turns dark, light or to paper.
(() => {
  const { el, css, palette } = netsim;

  const unit = (axis) => (axis.unit ? `${axis.name} (${axis.unit})` : axis.name);
  const dashes = ["solid", "dashed", "dotted"];
  const symbols = ["circle", "rect", "triangle", "diamond"];

  function axis(given, place) {
    const scale = given.scale ?? "linear";
    const common = {
      name: unit(given),
      nameLocation: "middle",
      nameGap: place === "x" ? 30 : 48,
      nameTextStyle: { color: css("--text") },
      axisLabel: { color: css("--soft"), hideOverlap: true, ...(scale === "category" ? {} : { formatter: (value) => netsim.number(value) }) },
      axisLine: { show: true, lineStyle: { color: css("--line") } },
      splitLine: { show: scale !== "category", lineStyle: { color: css("--line"), opacity: 0.5 } },
      min: given.min,
      max: given.max,
    };
    if (scale === "category") return { ...common, type: "category", data: given.values };
    if (scale === "log") return { ...common, type: "log", logBase: 10 };
    return { ...common, type: "value", scale: given.zero === false }; // lengths are read from zero
  }

  // A place in the palette, or a colour.
  const colourOf = (given) => (typeof given === "number" ? palette[given % palette.length] : given);

  // Behind the first series: stretches and marks, each with its words.
  function behind(chart) {
    const colour = css("--text");
    return {
      markArea: chart.shades?.length && {
        silent: true,
        itemStyle: { color: css("--shade") },
        label: { color: css("--text"), position: "insideTop", fontSize: 11, width: Math.min(420, innerWidth - 140), overflow: "truncate" },
        data: chart.shades.map((shade, number) => [{ name: shade.says, xAxis: shade.from, label: { offset: [0, 14 * (number % 5)] } }, { xAxis: shade.to }]), // words of those that overlap stand below each other
      },
      markLine: chart.marks?.length && {
        silent: true,
        symbol: "none",
        lineStyle: { color: colour, type: "dashed", opacity: 0.6 },
        label: { color: colour, formatter: (mark) => mark.name, fontSize: 11 },
        data: chart.marks.map((mark) => ({ name: mark.says, xAxis: mark.at })),
      },
    };
  }

  // The width of a band is a second line piled upon an invisible first one.
  function band(series, colour) {
    const quiet = { type: "line", stack: `band ${series.name}`, symbol: "none", silent: true, lineStyle: { opacity: 0 }, tooltip: { show: false } };
    return [
      { ...quiet, data: series.band.map(([x, low]) => [x, low]) },
      { ...quiet, data: series.band.map(([x, low, high]) => [x, high - low]), areaStyle: { color: colour, opacity: 0.2 } },
    ];
  }

  const legend = (series, kind) => (series.length > 1 ? { top: 0, type: "scroll", itemWidth: kind === "scatter" ? 12 : 25, itemHeight: 12, textStyle: { color: css("--text") }, data: series.map((given) => given.name) } : undefined);

  // Long names stand on the left, cut where there is no room; the first row is on top.
  function across(chart) {
    const longest = Math.max(...chart.x.values.map((name) => name.length));
    const room = Math.min(innerWidth < 600 ? 110 : 250, 7 * longest + 10);
    const names = axis({ ...chart.x, scale: "category", name: "" }, "y");
    return {
      grid: { left: room + 8, right: 20, top: 40, bottom: 44 },
      legend: legend(chart.series),
      xAxis: axis(chart.y, "x"),
      yAxis: { ...names, inverse: true, axisLabel: { ...names.axisLabel, interval: 0, width: room, overflow: "truncate" } },
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: (value) => netsim.quantity(value, chart.y.unit) },
      aria: { decal: { show: chart.series.length > 1 } },
    };
  }

  // Each row is a bar that begins where the one above it ended: the causes are piled upon an invisible first one.
  function waterfall(chart) {
    const rows = chart.rows;
    const names = rows.map((row) => row.name);
    const series = chart.causes.map((cause) => ({
      name: cause.name,
      type: "bar",
      stack: "all",
      barMaxWidth: 20,
      itemStyle: { color: colourOf(cause.colour) },
      data: rows.map((row) => row.parts[cause.name] ?? 0),
    }));
    const drawn = across({ ...chart, series, x: { name: "", values: names.map((name, at) => `${at + 1} ${name}`) }, y: chart.x });
    return {
      ...drawn,
      tooltip: {
        ...drawn.tooltip,
        formatter: ([{ dataIndex }]) => {
          const row = rows[dataIndex];
          const parts = Object.entries(row.parts).map(([cause, length]) => `${cause}: ${netsim.quantity(length, chart.x.unit)}`);
          return [row.name, `from ${netsim.quantity(row.begin, chart.x.unit)} on`, ...parts].join("\n");
        },
      },
      series: [{ type: "bar", stack: "all", silent: true, itemStyle: { opacity: 0, decal: { symbol: "none" } }, data: rows.map((row) => row.begin), tooltip: { show: false } }, ...series],
    };
  }

  const MOST_HEIGHTS = 60; // in view at first

  // Blocks by height: the chain on the line below, what lost above it, each joined to what it stands upon.
  function chain(chart) {
    const looks = { final: [palette[0], "circle"], stale: [palette[5], "diamond"], open: [palette[7], "triangle"] };
    const states = Object.fromEntries(Object.entries(looks).filter(([state]) => chart.blocks.some((block) => block.state === state)));
    const there = new Map(chart.blocks.map((block) => [block.id, block]));
    const final = chart.blocks.filter((block) => block.state === "final").sort((a, b) => a.height - b.height);
    const ways = chart.blocks.filter((block) => block.state !== "final" && there.has(block.parent)).map((block) => [there.get(block.parent), block]);
    const first = Math.min(...chart.blocks.filter((block) => block.lane > 0).map((block) => block.height)) - 3;
    const place = (block) => [block.height, block.lane];
    const quiet = { type: "line", symbol: "none", silent: true, lineStyle: { color: css("--soft"), width: 1 }, tooltip: { show: false } };
    return {
      grid: { left: 20, right: 20, top: 40, bottom: 90 },
      legend: { top: 0, itemWidth: 12, itemHeight: 12, textStyle: { color: css("--text") }, data: Object.keys(states) },
      xAxis: { ...axis(chart.x, "x"), minInterval: 1, min: "dataMin", max: "dataMax" },
      yAxis: { type: "value", show: false, min: -0.5, max: Math.max(...chart.blocks.map((block) => block.lane)) + 0.5 },
      dataZoom: [{ type: "slider", startValue: first, endValue: first + MOST_HEIGHTS, bottom: 8, height: 22, showDetail: false, textStyle: { color: css("--text") } }],
      tooltip: {
        trigger: "item",
        formatter: ({ data: { block } }) => `${block.id.slice(0, 8)}, ${block.state}\nheight ${block.height}\nproposed by ${block.proposer} at ${netsim.quantity(block.proposed_s, "s")}`,
      },
      series: [
        { ...quiet, data: final.map(place) },
        { ...quiet, data: ways.flatMap(([parent, block]) => [place(parent), place(block), [null, null]]) },
        ...Object.entries(states).map(([state, [colour, symbol]]) => ({
          name: state,
          type: "scatter",
          symbol,
          symbolSize: state === "final" ? 8 : 11,
          itemStyle: { color: colour },
          data: chart.blocks.filter((block) => block.state === state).map((block) => ({ value: place(block), block })),
        })),
      ],
    };
  }

  function cartesian(chart) {
    const series = chart.series.flatMap((given, number) => {
      const colour = colourOf(given.colour ?? number);
      const shared = { name: given.name, data: given.points, itemStyle: { color: colour }, ...(number === 0 ? behind(chart) : {}) };
      if (chart.kind === "bars") return [{ ...shared, type: "bar", stack: chart.stacked ? "all" : undefined, barMaxWidth: 36 }];
      const symbol = symbols[number % symbols.length];
      if (chart.kind === "scatter") return [{ ...shared, type: "scatter", symbol, symbolSize: 7, large: given.points.length > 5000 }];
      const few = given.points.length <= 40 && !given.step;
      const line = {
        ...shared,
        type: "line",
        step: given.step,
        symbol,
        showSymbol: few,
        symbolSize: 6,
        sampling: given.points.length > 3000 ? "lttb" : undefined,
        lineStyle: { color: colour, width: 2, type: dashes[number % dashes.length] },
      };
      return given.band ? [...band(given, colour), line] : [line];
    });
    if (chart.across) return { ...across(chart), series };
    return {
      grid: { left: 64, right: 20, top: chart.series.length > 1 ? 40 : 20, bottom: 48 },
      legend: legend(chart.series, chart.kind),
      xAxis: axis(chart.x, "x"),
      yAxis: axis(chart.y, "y"),
      tooltip: { trigger: chart.kind === "scatter" ? "item" : "axis", valueFormatter: (value) => netsim.quantity(Array.isArray(value) ? value[1] : value, chart.y.unit) },
      series,
    };
  }

  function heat(chart) {
    const values = chart.series[0].points.map(([, , value]) => value).filter((value) => value !== null);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const across = axis({ ...chart.x, scale: "category" }, "x");
    const down = axis({ ...chart.y, scale: "category" }, "y");
    // Names that have no room beside each other stand aslant.
    const room = (innerWidth < 1100 ? innerWidth - 190 : 400) / chart.x.values.length;
    const slant = Math.max(...chart.x.values.map((name) => name.length)) * 7 > room ? 44 : 0;
    const few = chart.x.values.length * chart.y.values.length <= 150 && (innerWidth >= 600 || chart.x.values.length <= 4);
    return {
      grid: { left: 110, right: 20, top: 16, bottom: 110 + slant },
      xAxis: { ...across, nameGap: 30 + slant, axisLabel: { ...across.axisLabel, ...(slant ? { interval: 0, rotate: 40, width: 80, overflow: "truncate" } : {}) } },
      yAxis: { ...down, nameGap: 90, inverse: true, axisLabel: { ...down.axisLabel, width: 102, overflow: "truncate" } },
      visualMap: {
        min: least,
        max: most,
        orient: "horizontal",
        left: "center",
        bottom: 4,
        calculable: true,
        text: [unit(chart.value), ""],
        textStyle: { color: css("--text") },
        formatter: (value) => netsim.number(value),
        inRange: { color: netsim.ramp },
      },
      tooltip: { formatter: ({ value }) => `${chart.y.values[value[1]]}, ${chart.x.values[value[0]]}: ${netsim.quantity(value[2], chart.value.unit)}` },
      series: [
        {
          type: "heatmap",
          data: chart.series[0].points
            .filter(([, , value]) => value !== null)
            .map((value) => ({ value, label: { color: value[2] - least > 0.55 * (most - least) ? "#000" : "#fff" } })),
          label: { show: few, formatter: ({ value }) => netsim.number(value[2]) },
          itemStyle: { borderColor: css("--paper"), borderWidth: 1 },
        },
      ],
    };
  }

  function tree(chart) {
    return {
      tooltip: { formatter: ({ data }) => (data.says ? `${data.name}\n${data.says}` : data.name) },
      series: [
        {
          type: "tree",
          data: [chart.root],
          orient: "LR",
          initialTreeDepth: -1,
          roam: true,
          left: 40,
          right: 80,
          top: 10,
          bottom: 10,
          symbolSize: 9,
          label: { position: "top", color: css("--text"), fontSize: 11 },
          lineStyle: { color: css("--soft") },
        },
      ],
    };
  }

  netsim.kinds = { lines: cartesian, scatter: cartesian, bars: cartesian, heat, tree, chain, waterfall };

  // The rows that a chart was drawn from: for the table and the download.
  netsim.rowsOf = (chart) => {
    const x = chart.x && unit(chart.x);
    const y = chart.y && unit(chart.y);
    if (chart.columns) return [chart.columns, chart.rows];
    if (chart.kind === "tree") {
      const rows = [];
      const walk = (node, parent) => {
        rows.push([node.name, parent, node.says ?? ""]);
        for (const child of node.children ?? []) walk(child, node.name);
      };
      walk(chart.root, "");
      return [["name", "parent", "what"], rows];
    }
    if (chart.kind === "chain") return [["block", "height", "state", "parent", "proposer", "proposed (s)"], chart.blocks.map((block) => [block.id, block.height, block.state, block.parent, block.proposer, block.proposed_s])];
    if (chart.kind === "waterfall") return [["step", `from (${chart.x.unit})`, "cause", `takes (${chart.x.unit})`], chart.rows.flatMap((row) => Object.entries(row.parts).map(([cause, length]) => [row.name, row.begin, cause, length]))];
    if (chart.kind === "heat") return [[x, y, unit(chart.value)], chart.series[0].points.map(([column, row, value]) => [chart.x.values[column], chart.y.values[row], value])];
    if (chart.kind === "bars") return [[x, ...chart.series.map((given) => given.name)], chart.x.values.map((name, at) => [name, ...chart.series.map((given) => given.points[at])])];
    return [["series", x, y], chart.series.flatMap((given) => given.points.map(([at, value]) => [given.name, at, value]))];
  };

  const drawn = new Map(); // element → [ECharts instance, chart]

  function draw(canvas, chart) {
    const option = netsim.kinds[chart.kind](chart);
    const old = drawn.get(canvas);
    const instance = old ? old[0] : echarts.init(canvas, null, { renderer: "canvas" });
    drawn.set(canvas, [instance, chart]);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches || chart.still || document.documentElement.dataset.paper;
    instance.setOption(
      {
        animation: !calm,
        animationDuration: 300,
        textStyle: { fontFamily: "inherit" },
        ...option,
        aria: { enabled: true, label: { description: `${chart.title}. ${chart.says}` }, ...option.aria },
        // Rich text is drawn, not parsed: a node called <img …> stays a name.
        tooltip: { confine: true, renderMode: "richText", backgroundColor: css("--paper"), borderColor: css("--line"), textStyle: { color: css("--text") }, ...option.tooltip },
      },
      true,
    );
    canvas.dataset.drawn = "true";
  }

  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((each) => each.isIntersecting)) {
        seen.unobserve(entry.target);
        draw(entry.target, entry.target.chart);
      }
    },
    { rootMargin: "400px" },
  );
  const sized = new ResizeObserver((entries) => entries.forEach((entry) => drawn.get(entry.target)?.[0].resize()));
  const again = () => drawn.forEach(([, chart], canvas) => draw(canvas, chart));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  // Pictures do not reflow by themselves: before a page is printed all are drawn in the colours and width of paper.
  const fit = () => drawn.forEach(([instance]) => instance.resize());
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.paper = "true";
    document.querySelectorAll(".canvas").forEach((canvas) => draw(canvas, canvas.chart));
    fit();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.paper;
    again();
    fit();
  });

  const MOST_ROWS = 300; // in the table; the download has them all

  // Put a chart there; what comes back can be told of new data: `figure.show(chart)`.
  netsim.figure = (parent, chart) => {
    const canvas = el("div", { class: "canvas", role: "img", "aria-label": `${chart.title}. ${chart.says}`, style: chart.height ? `height:${Number(chart.height)}px` : null });
    canvas.chart = chart;
    const details = el("details", {}, el("summary", {}, "Data as a table"));
    details.addEventListener("toggle", () => {
      if (!details.open || details.children.length > 1) return;
      const [columns, rows] = netsim.rowsOf(canvas.chart);
      details.append(netsim.table(columns, rows.slice(0, MOST_ROWS)));
      if (rows.length > MOST_ROWS) details.append(el("p", {}, `The first ${MOST_ROWS} of ${netsim.number(rows.length)} rows; the download has all.`));
    });
    const save = el("button", { type: "button", onclick: () => netsim.download(`${chart.id}.csv`, netsim.csv(...netsim.rowsOf(canvas.chart))) }, "Download CSV");
    const says = el("p", {}, chart.says);
    const element = el("figure", { id: chart.id }, el("figcaption", {}, el("h3", {}, chart.title), says), canvas, el("div", { class: "foot" }, details, save));
    parent.append(element);
    seen.observe(canvas);
    sized.observe(canvas);
    return {
      element,
      show: (fresh) => {
        canvas.chart = fresh;
        says.textContent = fresh.says;
        if (drawn.has(canvas)) draw(canvas, fresh);
      },
    };
  };
})();
