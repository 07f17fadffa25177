"use strict";
// The live page: netsim/live/page.py says what a run is, events say how far it is (netsim/live/board.py), and buttons
// wish for what should fail. What is wished for happens when the run says so, not when the button is pressed.
(() => {
  const { el, number, quantity } = netsim;

  const SHOWN = 300; // blocks in the chart
  const WIDE = 10; // the longest finality by the median, from which on the scale is logarithmic
  const LATE_MS = 250; // behind the wall, from which on it is said
  const PHASES = {
    connecting: "connecting …",
    starting: "starting the processes …",
    running: "running",
    checking: "done; its twin is being simulated, to compare …",
    over: "over",
    lost: "the run has ended, or cannot be reached any more",
  };
  const seconds = (value) => `${value.toFixed(1)} s`;
  const last = (list, count) => list.slice(-count);

  function middle(values) {
    const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
    return sorted.length ? sorted[(sorted.length - 1) >> 1] : null;
  }

  netsim.pages.live = (main, run) => {
    const blocks = new Map(); // by number
    let phase = "connecting";
    let told = null; // the last event
    const over = () => phase === "over" || phase === "lost";

    // ---- what may be wished for

    const said = el("p", { role: "status", class: "soft", id: "said" });
    async function wish(kind, what) {
      said.textContent = "asked …";
      try {
        const answer = await fetch("wish", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ kind, what }) });
        const { taken, refused } = await answer.json();
        said.textContent = taken ? `asked: ${taken}` : `refused: ${refused}`;
      } catch {
        said.textContent = "refused: the run cannot be reached";
      }
    }

    // ---- the head: what it is, how far it is

    const state = el("b", { id: "phase", role: "status" });
    const bar = el("progress", { max: run.duration_s, value: 0, "aria-label": "how much of the scenario has passed", style: "width:100%" });
    const card = (id, says) => {
      const value = el("b", { id }, "–");
      return { value, element: el("div", { class: "card" }, el("span", { class: "soft" }, says), value) };
    };
    const cards = {
      time: card("time", `scenario time, of ${number(run.duration_s)} s`),
      final: card("final", "blocks final"),
      quorum: card("quorum", "median finality at a quorum, last 20 blocks"),
      all: card("all", "… at all validators"),
      late: card("late", "behind the wall's clock"),
    };
    const end = el("section", { id: "end" });
    main.append(
      el("h1", {}, run.name),
      run.description ? el("p", {}, run.description) : "",
      el("p", { class: "soft" }, `${run.nodes.length} nodes in ${run.sites.length} ${run.sites.length === 1 ? "city" : "cities"}, ${run.protocol}, quorum ${run.quorum}; ${run.how}, ${number(run.speed)}× real time at most`),
      state,
      bar,
      el("div", { class: "cards" }, Object.values(cards).map((each) => each.element)),
      end,
    );

    // ---- the map: a node that lacks a block which is final elsewhere is behind

    main.append(el("h2", {}, "Where it happens"));
    const map = netsim.map(main, run.map);
    function tellMap(down, cut) {
      const most = Math.max(...told.finals);
      const newest = [...blocks.values()].reduce((latest, block) => (block.proposed_s > (latest?.proposed_s ?? -1) ? block : latest), null);
      const state = (node) => {
        if (down.has(node)) return "down";
        if (cut.has(node)) return "cut off";
        if (!told.finals[node]) return null;
        return told.finals[node] < most ? "behind" : "finalise";
      };
      map.tell(run.nodes.map((_, node) => state(node)), newest?.proposer);
    }

    // ---- the cities, with buttons

    const dots = run.nodes.map(({ name }, node) =>
      el("button", { type: "button", class: "node", "data-node": node, onclick: () => wish("kill", name) }, `● ${name}`),
    );
    const cities = run.sites.map((name, site) => {
      const here = run.nodes.flatMap((node, place) => (node.site === site ? [place] : []));
      const value = el("span", { class: "soft" });
      const cut = el("button", { type: "button", "data-cut": name, disabled: here.length === run.nodes.length || here.length === 0, onclick: () => wish("cut", name) }, "Cut off");
      const element = el(
        "div",
        { class: "card" },
        el("div", { class: "foot" }, el("h3", {}, name), cut),
        value,
        el("details", { open: here.length <= 16 }, el("summary", {}, `${here.length} ${here.length === 1 ? "node" : "nodes"}; press one to kill it`), el("div", { class: "nodes" }, here.map((node) => dots[node]))),
      );
      return { element, value, cut };
    });
    const faults = el("ol", { id: "faults" });
    const log = el("ul", { id: "log", class: "soft" });
    main.append(
      el("h2", {}, "Cities"),
      el("div", { class: "cards cities" }, cities.map((each) => each.element)),
      el("h2", {}, "What fails"),
      said,
      faults,
      log,
    );

    // ---- finality as it happens

    const chart = () => {
      const shown = last([...blocks.values()].filter((block) => block.proposed_s !== null), SHOWN).sort((a, b) => a.proposed_s - b.proposed_s);
      const series = [
        ["first_ms", "at the first validator"],
        ["quorum_ms", "at a quorum"],
        ["all_ms", "at all validators"],
      ].map(([key, name]) => ({ name, points: shown.filter((block) => block[key] !== null).map((block) => [block.proposed_s, block[key]]) }));
      const values = series.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => value > 0);
      const wide = Math.max(...values) > WIDE * (middle(values) ?? 1);
      const from = shown.length ? shown[0].proposed_s : 0;
      const shades = (told?.faults ?? []).filter((fault) => fault.shaded && fault.to_s > from && fault.from_s <= told.now_s);
      return {
        id: "finality",
        title: "Finality, block by block",
        says: "How long each block took from its proposal until it was final at the first validator, at a quorum of them and at all; stretches with a fault are shaded.",
        kind: "lines",
        still: true,
        x: { name: "proposed at", unit: "s", zero: false },
        y: { name: "finality", unit: "ms", scale: wide ? "log" : "linear" },
        series,
        shades: shades.map((fault) => ({ from: Math.max(fault.from_s, from), to: Math.min(fault.to_s, told.now_s), says: fault.says })),
      };
    };
    main.append(el("h2", {}, "Finality as it happens"));
    const figure = netsim.figure(main, chart());
    const list = el("section", { id: "blocks" });
    main.append(el("h2", {}, "The last blocks"), list);

    // ---- an event

    let failing = ""; // what is shown of that
    function show() {
      state.textContent = PHASES[phase];
      document.documentElement.dataset.phase = phase;
      document.querySelectorAll("button[data-cut], button[data-node], #faults button").forEach((button) => over() && (button.disabled = true));
      if (!told) return;
      bar.value = told.now_s;
      cards.time.value.textContent = seconds(told.now_s);
      cards.final.value.textContent = number(told.blocks_final);
      const recent = last([...blocks.values()], 20);
      cards.quorum.value.textContent = quantity(middle(recent.map((block) => block.quorum_ms)), "ms");
      cards.all.value.textContent = quantity(middle(recent.map((block) => block.all_ms)), "ms");
      cards.late.value.textContent = quantity(told.late_ms, "ms");
      cards.late.value.className = told.late_ms > LATE_MS ? "warn" : "";
      const down = new Set(told.down);
      const cut = new Set(told.cut);
      tellMap(down, cut);
      dots.forEach((dot, node) => {
        const is = down.has(node) ? "down" : cut.has(node) ? "cut off" : "up";
        const sign = { down: "✕", "cut off": "⌿", up: "●" }[is];
        dot.dataset.state = is;
        const text = `${sign} ${run.nodes[node].name}`;
        if (dot.textContent !== text) dot.textContent = text;
        dot.title = `${is}; ${number(told.finals[node])} blocks final here${is === "down" ? "" : "; press to kill it"}`;
        dot.disabled = over() || phase === "checking" || is === "down";
      });
      cities.forEach(({ value, cut: button }, site) => {
        const median = told.medians_ms[site];
        value.textContent = median === null ? "nothing final yet" : `median finality ${quantity(median, "ms")}`;
        const own = run.nodes.flatMap((node, place) => (node.site === site ? [place] : []));
        button.disabled = over() || phase === "checking" || own.length === 0 || own.length === run.nodes.length || own.every((node) => cut.has(node));
      });
      const fails = JSON.stringify([phase, told.faults, told.answers]);
      if (fails === failing) return; // a button that is being pressed has to stay where it is
      failing = fails;
      faults.replaceChildren(
        ...told.faults.map((fault) => {
          const until = fault.until_end ? "the end" : seconds(fault.to_s);
          const heal = fault.heals && phase === "running" ? el("button", { type: "button", "data-heal": fault.number, onclick: () => wish("heal", fault.number) }, "Heal") : "";
          return el("li", { "data-state": fault.state }, `${fault.says}, ${seconds(fault.from_s)} to ${until} (${fault.state}) `, heal);
        }),
        ...(told.faults.length ? [] : [el("li", { class: "soft" }, "nothing yet")]),
      );
      log.replaceChildren(...told.answers.map((answer) => el("li", {}, answer.at_s === null ? `refused: ${answer.says}` : `${answer.says}: from ${answer.at_s.toFixed(3)} s on`)));
    }

    let stale = true; // the chart and the table
    function draw() {
      if (!stale) return;
      stale = false;
      figure.show(chart());
      const rows = last([...blocks.values()], 12).reverse();
      list.replaceChildren(
        netsim.table(
          ["block", "proposed by", "at (s)", "first (ms)", "quorum (ms)", "all (ms)"],
          rows.map((block) => [block.number, run.nodes[block.proposer]?.name ?? "–", block.proposed_s, block.first_ms, block.quorum_ms, block.all_ms]),
        ),
      );
    }
    const drawing = setInterval(draw, 500);

    async function finish() {
      const came = told.end;
      const good = came.exit_code === 0;
      const words = [
        (came.says && `${came.says[0].toUpperCase()}${came.says.slice(1)}.`) || (good ? "All went well." : "Something did not go as expected."),
        came.verdict ? `Verdict: ${came.verdict}${came.twin === "skipped" ? "" : `; twin: ${came.twin}`}.` : "",
        came.finality_ms ? `Median finality: ${quantity(came.finality_ms.first, "ms")} at the first validator, ${quantity(came.finality_ms.quorum, "ms")} at a quorum, ${quantity(came.finality_ms.all, "ms")} at all.` : "",
      ];
      end.replaceChildren(el("h2", {}, "How it ended"), el("p", { id: "verdict", class: good ? "good" : "bad" }, words.filter(Boolean).join(" ")), came.folder ? el("p", { class: "soft" }, `Everything is in ${came.folder}.`) : "");
      if (!came.report) return;
      // The server ends with the run: what is to be looked at later has to be here by then.
      const report = await (await fetch("report")).text();
      const frame = el("iframe", { src: "report", id: "report", title: "The report of this run", style: "width:100%;height:90vh;border:1px solid var(--line);border-radius:8px" });
      const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
      end.append(el("p", {}, el("button", { type: "button", onclick: () => netsim.download("report.html", report, "text/html") }, "Save the report")), frame);
      await loaded;
    }

    const events = new EventSource("events");
    events.addEventListener("message", async (event) => {
      told = JSON.parse(event.data);
      phase = told.phase;
      for (const block of told.blocks) {
        blocks.set(block.number, block);
        stale = true;
      }
      for (const key of blocks.keys()) {
        if (blocks.size <= 2 * SHOWN) break;
        blocks.delete(key);
      }
      show();
      if (phase !== "over") return;
      clearInterval(drawing);
      stale = true;
      draw();
      await finish().catch(() => {});
      events.close(); // only now may the server go
    });
    events.addEventListener("error", () => {
      if (phase === "over") return;
      phase = "lost";
      show();
      if (events.readyState !== EventSource.CLOSED) phase = "connecting"; // it tries again by itself
    });
    show();
  };
})();
