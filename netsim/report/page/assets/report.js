"use strict";
// A run's report: the answer first, then the charts that it rests on, then the scenario.
(() => {
  const { el, number, quantity } = netsim;
  const VERDICTS = {
    exact: ["good", "Every event was handled once, in order, at its own time."],
    valid: ["good", "What the clock moved stays within the scenario's bounds."],
    degraded: ["warn", "The clock moved more than the scenario allows."],
    invalid: ["bad", "These figures say nothing about the protocol."],
  };
  const MARKS = { true: ["good", "✓ passed"], false: ["bad", "✗ failed"], null: ["warn", "? too few samples"] };

  const about = (dist, key) => (dist.doubtful.includes(key) ? "~" : "") + quantity(dist[key], "ms");

  const headline = (dist) =>
    el("div", { class: `card${dist.name === "quorum" ? " main" : ""}` }, `final at ${dist.name === "quorum" ? "a quorum" : dist.name === "first validator" ? "the first" : "all"}`, el("b", {}, about(dist, "p50")), el("span", { class: "soft" }, `p99 ${about(dist, "p99")} · ${number(dist.count)} ${dist.count === 1 ? "block" : "blocks"}`));

  function verdict(data) {
    const [style, says] = VERDICTS[data.verdict.word];
    const twin = { equal: "The twin is equal. ", differs: "The twin differs. ", skipped: "" }[data.verdict.twin];
    return el("div", { class: "card" }, "can it be trusted?", el("b", { class: style }, data.verdict.word), el("span", { class: "soft" }, `${says} ${twin}(${data.verdict.says.join(", ")})`));
  }

  function expectations(data) {
    const passed = data.expectations.filter((each) => each.passed === true).length;
    const failed = data.expectations.filter((each) => each.passed === false).length;
    const open = data.expectations.length - passed - failed;
    const style = failed ? "bad" : open || !passed ? "" : "good";
    const words = data.expectations.length ? `${passed} of ${data.expectations.length}` : "none";
    const rest = data.expectations.length ? [failed ? `${failed} failed` : "none failed", ...(open ? [`${open} with too few samples`] : [])].join(", ") : "the scenario has no expect section";
    return el("div", { class: "card" }, "expectations passed", el("b", { class: style }, words), el("span", { class: "soft" }, rest));
  }

  function safety(data) {
    const holds = data.agreement === "holds";
    const proven = data.accused.length ? `Contradicted themselves: ${data.accused.slice(0, 5).join(", ")}${data.accused.length > 5 ? ` and ${data.accused.length - 5} more` : ""}.` : `${number(data.blocks.finalised)} blocks final, ${number(data.blocks.open)} open, ${number(data.blocks.stale)} stale.`;
    const words = [data.conflicts, proven].filter(Boolean).join(" ");
    return el("div", { class: "card" }, "agreement", el("b", { class: holds ? "good" : "bad" }, holds ? "holds" : "violated"), el("span", { class: "soft" }, words));
  }

  function judged(data) {
    if (!data.expectations.length) return null;
    const rows = data.expectations.map((each) => {
      const [style, mark] = MARKS[each.passed];
      const shown = each.passed === null && each.value === null ? "? no value" : mark;
      return el("tr", {}, el("td", { class: style }, shown), el("td", {}, each.key), el("td", {}, each.bound), el("td", {}, typeof each.value === "number" ? number(each.value) : each.value ?? "–"));
    });
    const table = el("div", { class: "scroll", tabindex: 0 }, el("table", {}, el("thead", {}, el("tr", {}, ["", "expected", "bound", "found"].map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, rows)));
    return el("figure", {}, el("h2", { class: "small" }, "What was expected"), table);
  }

  function recovered(data) {
    if (!data.recoveries.length) return null;
    const rows = data.recoveries.map((each) => [each.fault, each.ms === null ? "never" : quantity(each.ms, "ms")]);
    return el("figure", {}, el("h2", { class: "small" }, "Recovery from faults"), netsim.table(["fault", "final again after"], rows));
  }

  function part(given, grid) {
    if (given.chart) {
      const { element } = netsim.figure(grid, given.chart);
      if (given.chart.wide) element.classList.add("wide");
    } else if (given.missing) {
      grid.append(el("p", { class: "missing wide" }, el("b", {}, `${given.missing.title}: `), given.missing.says));
    } else {
      grid.append(el("figure", { class: "wide words" }, el("h3", {}, given.words.title), el("ul", {}, given.words.says.map((sentence) => el("li", {}, sentence)))));
    }
  }

  netsim.pages.report = (main, data) => {
    main.append(
      el("header", {}, el("h1", {}, el("bdi", {}, data.name), ": when is a block final, and can you trust the number?"), data.description ? el("p", {}, data.description) : null, el("p", { class: "soft" }, data.facts.join(" · "))),
      el("div", { class: "cards" }, data.finality.map(headline), verdict(data), expectations(data), safety(data)),
    );
    if (data.doubt) main.append(el("p", { class: "soft" }, data.doubt));
    const tables = [judged(data), recovered(data)].filter(Boolean);
    if (tables.length) main.append(el("div", { class: "charts" }, tables));
    if (netsim.map && data.map) {
      const section = el("section", { id: "map" });
      section.append(el("h2", {}, "How does a block travel?"));
      main.append(section);
      netsim.map(section, data.map);
    }
    for (const section of data.sections) {
      const grid = el("div", { class: "charts" });
      main.append(el("section", {}, el("h2", {}, section.title), grid));
      section.parts.forEach((each) => part(each, grid));
    }
    main.append(
      el("section", {}, el("h2", {}, "The scenario"), el("p", { class: "soft" }, "With every default written out: this text gives this run again."), el("pre", { tabindex: 0 }, data.scenario), el("div", { class: "foot" }, el("span", {}, `trace digest ${data.digest} · netsim ${data.version}`), el("button", { type: "button", onclick: () => netsim.download("scenario.yaml", data.scenario, "text/yaml") }, "Download YAML"))),
    );
  };
})();
