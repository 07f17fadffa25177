"use strict";
// A run's map, from the document that netsim/report/page/map.py writes, on a canvas.
//
// `netsim.map(parent, map)` puts it there: cities on their coast, links with their delay, and the journey of one block
// after the other, to be played back. What comes back: `{element, block(number), seek(µs), tell(states), redraw()}`.
// With `map.blocks` empty there is nothing to play back, but `tell` shows what becomes of the nodes: each is "down", or
// at a stage ("have", …, "finalise"), or null while it waits; and who has made the newest block.
(() => {
  const { el, css, palette, number } = netsim;

  const GAP = 10; // pixels between panels
  const NARROW = 640; // a map narrower than that has its panels upon each other
  const SECONDS = 10; // that a journey takes at speed 1
  const FLATTEST = 70; // degrees, as in map.py
  const PULSE = 0.05; // of a journey: how long the ring around a node that is final, and the cross of a loss, stand
  const CROWDED = 60; // sites: more of them have no names on the map
  const MOST_ROWS = 300; // of a table; the download has them all
  const STAGES = ["#56b4e9", "#e69f00", "#cc79a7", "#8a7f00"]; // has the block, and the protocol's own
  const FINAL = "#009e73";
  const SAYS = { have: "has the block", finalise: "final" };

  const said = (stage) => SAYS[stage] ?? stage;
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  const ms = (us) => {
    const value = us / 1000;
    if (Math.abs(value) >= 10000) return `${(value / 1000).toFixed(2)} s`;
    return `${value.toFixed(Math.abs(value) < 10 ? 2 : 1)} ms`;
  };
  const plural = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;
  const delay = (value) => (value >= 10000 ? `${number(value / 1000)} s` : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);

  // ---- where things stand ------------------------------------------------------------------------------------------

  // Boxes of the panels: the one that shows all to the right, those that enlarge to its left; or upon each other.
  function boxes(panels, width) {
    if (panels.length === 1) return { height: clamp(width * 0.62, 260, 600), boxes: [[0, 0, width, clamp(width * 0.62, 260, 600)]] };
    if (width < NARROW) {
      let top = -GAP;
      const stacked = panels.map(({ window }) => {
        const high = window ? clamp((width * 0.9) / Math.max(1, wider(window)), 230, 420) : 180;
        const box = [0, top + GAP, width, high];
        top += GAP + high;
        return box;
      });
      return { height: top, boxes: stacked };
    }
    if (wider(panels[0].window) > 1.3) {
      const [first, second] = [clamp(width / wider(panels[0].window), 260, 560), clamp(width * 0.26, 200, 300)];
      const each = (width - GAP * (panels.length - 2)) / (panels.length - 1);
      return { height: first + GAP + second, boxes: panels.map((_, place) => (place === 0 ? [0, 0, width, first] : [(place - 1) * (each + GAP), first + GAP, each, second])) };
    }
    const high = clamp(width * 0.56, 380, 600);
    const others = panels.length - 1;
    const left = (width - GAP) * 0.52;
    const each = (high - GAP * (others - 1)) / others;
    return { height: high, boxes: panels.map((_, place) => (place === 0 ? [left + GAP, 0, width - left - GAP, high] : [0, (place - 1) * (each + GAP), left, each])) };
  }

  const squeezed = ([, south, , north]) => Math.cos((Math.min(Math.abs(south + north) / 2, FLATTEST) * Math.PI) / 180);
  const wider = (window) => (window ? ((window[2] - window[0]) * squeezed(window)) / (window[3] - window[1]) : 1);

  // From degrees to pixels within a box: equirectangular, true to scale at the window's middle.
  function projection([west, south, east, north], [x, y, width, height]) {
    const middle = (south + north) / 2;
    const squeeze = squeezed([west, south, east, north]);
    const scale = Math.min(width / ((east - west) * squeeze), height / (north - south));
    return {
      x: (longitude) => x + width / 2 + (longitude - (west + east) / 2) * squeeze * scale,
      y: (latitude) => y + height / 2 - (latitude - middle) * scale,
      kilometre: scale / 111.2,
    };
  }

  // The nodes of a city, around its middle: a ring while they are few, then a sunflower's head (Vogel 1979).
  function arrange(count, room, crowded, alone) {
    if (count === 1 && crowded) return { node: 3.5, radius: 5, at: [[0, 0]] };
    if (count === 1) return { node: Math.min(7, room), radius: 9, at: [[0, 0]] };
    if (count <= 20) {
      const ring = Math.max(clamp(count * 3.4, 15, 34), alone);
      const turn = (place) => (2 * Math.PI * place) / count;
      return { node: clamp((Math.PI * ring) / count - 1.5, 3, alone ? 9 : 7.5), radius: ring + 9, at: Array.from({ length: count }, (_, place) => [ring * Math.sin(turn(place)), -ring * Math.cos(turn(place))]) };
    }
    const step = Math.min(5.2, (room * 0.9) / Math.sqrt(count));
    const golden = Math.PI * (3 - Math.sqrt(5));
    return { node: Math.max(1.4, step * 0.75), radius: step * Math.sqrt(count) + 5, at: Array.from({ length: count }, (_, place) => [step * Math.sqrt(place + 0.5) * Math.cos(place * golden), step * Math.sqrt(place + 0.5) * Math.sin(place * golden)]) };
  }

  // Cities that overlap are pushed apart and stay within their box.
  function apart(discs, [x, y, width, height]) {
    for (let again = 0; again < 200; again++) {
      let moved = false;
      for (let i = 0; i < discs.length; i++) {
        for (let j = i + 1; j < discs.length; j++) {
          const [a, b] = [discs[i], discs[j]];
          const [dx, dy] = [b.x - a.x, b.y - a.y];
          const distance = Math.hypot(dx, dy);
          const overlap = a.radius + b.radius + 8 - distance;
          if (overlap <= 0.5) continue;
          const [ux, uy] = distance ? [dx / distance, dy / distance] : [Math.cos(i + j), Math.sin(i + j)];
          a.x -= (ux * overlap) / 2;
          a.y -= (uy * overlap) / 2;
          b.x += (ux * overlap) / 2;
          b.y += (uy * overlap) / 2;
          moved = true;
        }
      }
      for (const disc of discs) {
        const [mx, my] = [Math.min(disc.radius + 4, width / 2), Math.min(disc.radius + 4, height / 2)];
        disc.x = clamp(disc.x, x + mx, x + width - mx);
        disc.y = clamp(disc.y, y + my, y + height - my);
      }
      if (!moved) return;
    }
  }

  // Everything that depends on the width alone.
  function layOut(map, width) {
    const { height, boxes: places } = boxes(map.panels, width);
    const home = []; // per site, the last panel that has it
    map.panels.forEach((panel, place) => panel.sites.forEach((site) => (home[site] = place)));
    const members = map.sites.map(() => []);
    map.node_sites.forEach((site, node) => members[site].push(node));
    const discs = [];
    const panels = map.panels.map((panel, place) => {
      const box = places[place];
      const [x, y, wide, high] = box;
      const onMap = panel.window && projection(panel.window, box);
      const here = panel.sites.filter((site) => home[site] === place);
      const most = Math.max(1, ...here.map((site) => members[site].length));
      const points = panel.sites.map((site, order) => {
        const turn = (2 * Math.PI * order) / panel.sites.length;
        const ring = panel.sites.length > 1 ? 0.34 : 0;
        return onMap ? [onMap.x(panel.longitudes[order]), onMap.y(map.sites[site].place[0])] : [x + wide * (0.5 + ring * Math.sin(turn)), y + high * (0.5 - ring * Math.cos(turn))];
      });
      const mine = panel.sites.flatMap((site, order) => {
        if (home[site] !== place) return [];
        const [cx, cy] = points[order];
        const nearest = Math.min(...points.flatMap(([px, py], other) => (other === order ? [] : [Math.hypot(px - cx, py - cy)])), Infinity);
        const share = Math.sqrt(members[site].length / most);
        const room = Math.min(Math.sqrt((wide * high * 0.1) / Math.max(1, here.length)), Math.max(26, nearest * 0.45), Math.min(wide, high) * 0.3);
        return [{ site, panel: place, x: cx, y: cy, trueX: cx, trueY: cy, ...arrange(members[site].length, room * share, map.sites.length > CROWDED, map.sites.length === 1 ? Math.min(wide, high) * 0.26 : 0) }];
      });
      if (mine.length <= 2 * CROWDED) apart(mine, box);
      for (const disc of mine) discs[disc.site] = disc;
      return { box, onMap, land: panel.land, sites: panel.sites, enlarged: place > 0 && Boolean(onMap) };
    });
    const nodes = [];
    members.forEach((list, site) => list.forEach((node, place) => (nodes[node] = { x: discs[site].x + discs[site].at[place][0], y: discs[site].y + discs[site].at[place][1], r: discs[site].node, site })));
    return { width, height, panels, discs, nodes, members };
  }

  // The middle handle of a link's curve; there and back bend to different sides.
  const handle = (a, b, bend = 0.09) => [(a.x + b.x) / 2 - (b.y - a.y) * bend, (a.y + b.y) / 2 + (b.x - a.x) * bend];
  const along = (a, [hx, hy], b, share) => {
    const rest = 1 - share;
    return [rest * rest * a.x + 2 * rest * share * hx + share * share * b.x, rest * rest * a.y + 2 * rest * share * hy + share * share * b.y];
  };

  // ---- a block's journey -------------------------------------------------------------------------------------------

  // Numbers of the document to lists of times; `time` and `place` translate between µs and the slider's 0 … 1, on which
  // long waits in which nothing happens are short.
  function journey(map, block) {
    const messages = [];
    let left = 0;
    for (let at = 0; at < block.messages.length; at += 5) {
      const [type, from, to, step, took] = block.messages.slice(at, at + 5);
      left += step;
      messages.push({ type, from, to, left, end: left + (took < 0 ? -1 - took : took), lost: took < 0 });
    }
    const happened = []; // [µs, stage, node], and when each stage was reached, for counting
    block.moments.forEach((times, stage) => times.forEach((time, node) => time !== null && happened.push([time, stage, node])));
    happened.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
    const sorted = block.moments.map((times) => times.filter((time) => time !== null).sort((a, b) => a - b));
    const ends = map.types.map((_, type) => messages.filter((each) => each.type === type).map((each) => each.end).sort((a, b) => a - b));
    const begins = map.types.map((_, type) => messages.filter((each) => each.type === type).map((each) => each.left).sort((a, b) => a - b));

    const busy = [[0, 0], ...messages.map((each) => [each.left, each.end]), ...happened.map(([time]) => [time, time])].sort((a, b) => a[0] - b[0]);
    const total = Math.max(1, ...busy.map(([, end]) => end));
    const spans = [];
    for (const [begin, end] of busy) {
      const last = spans.at(-1);
      if (last && begin - last[1] <= total * 0.04) last[1] = Math.max(last[1], end);
      else spans.push([begin, end]);
    }
    const work = Math.max(1, spans.reduce((sum, [begin, end]) => sum + end - begin, 0));
    const knots = [[0, 0]]; // [µs, length on the slider]
    let length = 0;
    spans.forEach(([begin, end], place) => {
      if (place > 0) length += Math.min(begin - spans[place - 1][1], work * 0.1);
      knots.push([begin, length]);
      length += end - begin;
      knots.push([end, length]);
    });
    const hurried = length < total * 0.9;
    length += work * 0.06; // the last moments are seen to the end
    knots.push([total + work * 0.06, length]);
    const between = (value, from, to) => {
      const found = knots.findIndex((knot) => knot[from] >= value);
      const next = found < 0 ? knots.length - 1 : Math.max(1, found);
      const [a, b] = [knots[next - 1] ?? knots[0], knots[next] ?? knots.at(-1)];
      return b[from] === a[from] ? b[to] : a[to] + ((clamp(value, a[from], b[from]) - a[from]) / (b[from] - a[from])) * (b[to] - a[to]);
    };
    const moments = [...new Set([0, ...happened.map(([time]) => time)])];
    const when = happened.map(([time]) => time);
    return { block, messages, happened, when, hurried, sorted, begins, ends, moments, length, total, time: (place) => between(place * length, 1, 0), place: (time) => between(time, 0, 1) / length, work };
  }

  // How many of an ascending list are not after a moment.
  function until(list, time) {
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // ---- the map -----------------------------------------------------------------------------------------------------

  // The map as a page of its own.
  netsim.pages.map = (main, data) => {
    main.append(el("h1", {}, data.title));
    netsim.map(main, data.map);
  };

  netsim.map = (parent, map) => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const canvas = el("canvas", { role: "img", style: "display:block;width:100%;border-radius:6px;touch-action:manipulation" });
    const line = el("p", { class: "map-now", role: "status", "aria-live": "polite", style: "min-height:3em;color:var(--text);font-variant-numeric:tabular-nums" });
    const about = el("span", { class: "soft" });
    const hover = el("p", { class: "soft map-node", style: "min-height:1.5em;font-size:0.85rem" });
    const counts = el("div", { class: "scroll" });
    const legend = el("div", { class: "map-legend", style: "display:flex;flex-wrap:wrap;gap:4px 16px;font-size:0.85rem;margin:8px 0" });
    const slider = el("input", { type: "range", min: 0, max: 1000, step: 1, value: 0, "aria-label": "Time since the proposal", style: "flex:1 1 160px;padding:0;min-width:80px" });
    const play = el("button", { type: "button", "aria-label": "Play" }, "▶ Play");
    const speed = el("select", { "aria-label": "Speed" }, [0.25, 0.5, 1, 2, 4].map((each) => el("option", { value: each, selected: each === 1 }, `${each} ×`)));
    const slowest = Math.max(...map.blocks.map((block) => block.quorum_us ?? 0));
    const known = (block) => (block.why.includes("median") ? " · median" : block.quorum_us === slowest ? " · slowest" : "");
    const choice = el(
      "select",
      { "aria-label": "Block", style: "flex:1 1 auto;min-width:0" },
      map.blocks.map((block, place) => el("option", { value: place }, `Block ${block.height} · ${block.quorum_us === null ? "not final" : ms(block.quorum_us)}${known(block)}`)),
    );
    const previous = el("button", { type: "button", "aria-label": "Previous block", title: "Previous block" }, "‹");
    const next = el("button", { type: "button", "aria-label": "Next block", title: "Next block" }, "›");
    const controls = el("div", { class: "map-controls", style: "display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:10px 0 6px" }, play, slider, speed, el("span", { style: "display:flex;gap:8px;min-width:0" }, previous, choice, next));
    const stage = el("div", { tabindex: 0, role: "group", "aria-label": "Map of the run. Space plays and pauses, left and right step through the moments, page up and page down change the block.", style: "border-radius:6px" }, canvas);
    const nodesOf = el("div", { style: "display:contents" });
    const element = el(
      "figure",
      { class: "wide map" },
      el("figcaption", {}, el("h3", {}, map.blocks.length ? "The map: how a block travels" : "The map"), el("p", {}, says(map))),
      stage,
      map.blocks.length ? [controls, el("div", {}, about), line, legend, counts] : [line, legend],
      hover,
      map.blocks.length ? el("div", { class: "foot" }, nodesOf) : null,
      el("div", { class: "foot" }, delays(map)),
      (map.notes ?? []).map((note) => el("p", { class: "soft", style: "font-size:0.85rem" }, note)),
    );
    parent.append(element);

    let layout = null;
    let back = null; // the land and the links, drawn once for each size and colour scheme
    let colours = {};
    let current = Math.max(0, map.blocks.findIndex((block) => block.why.includes("median")));
    let shown = map.blocks.length ? journey(map, map.blocks[current]) : null;
    let place = 0; // on the slider, 0 … 1
    let playing = false;
    let before = 0; // when the last picture was drawn, ms
    let told = []; // by node, without a journey
    let leading = -1; // who has made the newest block, as far as was told

    const hidden = new Set(); // types of messages that are not drawn

    function says(of) {
      const measured = (of.ways ?? []).some((way) => way.count);
      const what = of.blocks.length ? "Each dot is a message about the block, from the moment it has left its sender's uplink until its receiver takes it up; a node fills as it gets on with the block. " : of.says ? `${of.says} ` : "";
      if (of.sites.length < 2) return what;
      return `${what}The numbers on the links are median delays one way, ${measured ? "measured from uplink to receiver, over all messages of the run" : "as commanded"}.`;
    }

    function delays(of) {
      const columns = ["from", "to", "median delay (ms)", "messages"];
      const rows = (of.ways ?? []).map((way) => [of.sites[way.from].name, of.sites[way.to].name, way.ms, way.count ?? "commanded"]);
      if (!rows.length) return null;
      const details = el("details", {}, el("summary", {}, "Delays between the cities as a table"), netsim.table(columns, rows));
      return [details, el("button", { type: "button", onclick: () => netsim.download("delays.csv", netsim.csv(columns, rows)) }, "Download CSV")];
    }

    // The block in words and figures: when each node had what, and every message that is shown.
    function inFigures() {
      const of = shown.block;
      const columns = ["node", "city", ...map.stages.map((each) => `${said(each)} (ms)`)];
      const rows = () => map.nodes.map((name, node) => [name, map.sites[map.node_sites[node]].name, ...of.moments.map((times) => (times[node] === null ? null : times[node] / 1000))]);
      const details = el("details", {}, el("summary", {}, `Block ${of.height}, node by node, as a table`));
      details.addEventListener("toggle", () => {
        if (!details.open || details.children.length > 1) return;
        details.append(netsim.table(columns, rows().slice(0, MOST_ROWS)));
        if (map.nodes.length > MOST_ROWS) details.append(el("p", {}, `The first ${MOST_ROWS} of ${number(map.nodes.length)} nodes; the download has all.`));
      });
      const save = (name, ...table) => netsim.download(`block-${of.height}-${name}.csv`, netsim.csv(...table));
      const messages = () => shown.messages.map((each) => [map.types[each.type], map.nodes[each.from], map.nodes[each.to], each.left / 1000, each.end / 1000, each.lost ? "lost" : ""]);
      nodesOf.replaceChildren(
        details,
        el("button", { type: "button", onclick: () => save("nodes", columns, rows()) }, "Nodes CSV"),
        shown.messages.length ? el("button", { type: "button", onclick: () => save("messages", ["message", "from", "to", "left (ms)", "taken up (ms)", "lost"], messages()) }, "Messages CSV") : "",
      );
    }

    // -- pictures

    function fresh() {
      const width = stage.clientWidth;
      if (!width) return;
      const ratio = Math.min(devicePixelRatio || 1, 2);
      layout = layOut(map, width);
      canvas.style.height = `${layout.height}px`;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(layout.height * ratio);
      colours = { text: css("--text"), soft: css("--soft"), line: css("--line"), land: css("--land"), sea: css("--sea"), paper: css("--paper") };
      back = el("canvas", { width: canvas.width, height: canvas.height });
      const pen = back.getContext("2d");
      pen.scale(ratio, ratio);
      drawLand(pen);
      drawLinks(pen);
      drawCities(pen);
      draw();
    }

    function drawLand(pen) {
      for (const { box, onMap, land, enlarged } of layout.panels) {
        const [x, y, width, height] = box;
        pen.save();
        pen.beginPath();
        pen.roundRect(x, y, width, height, 6);
        pen.clip();
        pen.fillStyle = onMap ? colours.sea : colours.paper;
        pen.fillRect(x, y, width, height);
        if (onMap) {
          pen.beginPath();
          for (const ring of land) {
            for (let at = 0; at < ring.length; at += 2) pen[at ? "lineTo" : "moveTo"](onMap.x(ring[at]), onMap.y(ring[at + 1]));
            pen.closePath();
          }
          pen.fillStyle = colours.land;
          pen.fill("evenodd");
          pen.strokeStyle = colours.line;
          pen.lineWidth = 1;
          pen.stroke();
          drawScale(pen, box, onMap);
        }
        pen.restore();
        pen.beginPath();
        pen.roundRect(x + 0.5, y + 0.5, width - 1, height - 1, 6);
        pen.strokeStyle = enlarged ? colours.soft : colours.line;
        pen.stroke();
      }
      // Where in the whole an enlarged panel lies.
      const [whole] = layout.panels;
      for (const panel of layout.panels.filter((each) => each.enlarged)) {
        const [west, south, east, north] = map.panels[layout.panels.indexOf(panel)].window;
        const [x0, y0, x1, y1] = [whole.onMap.x(west), whole.onMap.y(north), whole.onMap.x(east), whole.onMap.y(south)];
        pen.strokeStyle = colours.soft;
        pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
        pen.font = "11px system-ui, sans-serif";
        pen.fillStyle = colours.soft;
        pen.textAlign = "center";
        pen.textBaseline = "top";
        pen.fillText("enlarged", (x0 + x1) / 2, y1 + 3);
      }
    }

    function drawScale(pen, [x, y, , height], { kilometre }) {
      const long = [2000, 1000, 500, 200, 100, 50, 20, 10].find((each) => each * kilometre < 110) ?? 10;
      const [left, bottom] = [x + 12, y + height - 12];
      pen.strokeStyle = pen.fillStyle = colours.soft;
      pen.beginPath();
      pen.moveTo(left, bottom - 4);
      pen.lineTo(left, bottom);
      pen.lineTo(left + long * kilometre, bottom);
      pen.lineTo(left + long * kilometre, bottom - 4);
      pen.stroke();
      pen.font = "11px system-ui, sans-serif";
      pen.textAlign = "left";
      pen.textBaseline = "bottom";
      pen.fillText(`${long} km`, left + 4, bottom - 3);
    }

    function drawLinks(pen) {
      const ways = (map.ways ?? []).filter((way) => way.from !== way.to);
      const few = map.sites.length <= 5;
      pen.lineWidth = 1.2;
      for (const way of ways) {
        const [a, b] = [layout.discs[way.from], layout.discs[way.to]];
        const middle = handle(a, b);
        pen.strokeStyle = colours.soft;
        pen.globalAlpha = few ? 0.55 : 0.25;
        pen.beginPath();
        pen.moveTo(a.x, a.y);
        pen.quadraticCurveTo(...middle, b.x, b.y);
        pen.stroke();
      }
      pen.globalAlpha = 1;
      if (!few) return;
      for (const way of ways.filter((each) => each.from < each.to || !ways.some((other) => other.from === each.to && other.to === each.from))) {
        const [a, b] = [layout.discs[way.from], layout.discs[way.to]];
        const back = ways.find((other) => other.from === way.to && other.to === way.from) ?? way;
        const texts = [delay(Math.min(way.ms, back.ms)), delay(Math.max(way.ms, back.ms))];
        // In the middle of what is seen between the two cities.
        const [distance, ends] = [Math.hypot(b.x - a.x, b.y - a.y), a.radius - b.radius];
        const share = distance ? clamp(0.5 + ends / (2 * distance), 0.2, 0.8) : 0.5;
        // Beside them where there is no room between.
        const aside = distance - a.radius - b.radius < 26 ? 14 + Math.max(a.radius, b.radius) : 0;
        const text = texts[0] === texts[1] ? texts[0] : `${texts[0].replace(/ ms$/, "")}–${texts[1]}`;
        tag(pen, text, a.x + (b.x - a.x) * share + aside, a.y + (b.y - a.y) * share, { align: aside ? "left" : "center" });
      }
    }

    // A word on the map, legible on land, sea and lines.
    function tag(pen, text, x, y, { align = "center", bold = false, size = 12 } = {}) {
      pen.font = `${bold ? "600 " : ""}${size}px system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif`;
      pen.textAlign = align;
      pen.textBaseline = "middle";
      pen.lineJoin = "round";
      pen.lineWidth = 4;
      pen.strokeStyle = colours.paper;
      pen.strokeText(text, x, y);
      pen.fillStyle = colours.text;
      pen.fillText(text, x, y);
    }

    function drawCities(pen) {
      for (const disc of layout.discs) {
        if (Math.hypot(disc.x - disc.trueX, disc.y - disc.trueY) > 3) {
          pen.strokeStyle = colours.soft;
          pen.lineWidth = 1;
          pen.beginPath();
          pen.moveTo(disc.x, disc.y);
          pen.lineTo(disc.trueX, disc.trueY);
          pen.stroke();
        }
        pen.beginPath();
        pen.arc(disc.x, disc.y, disc.radius, 0, 2 * Math.PI);
        pen.globalAlpha = 0.75;
        pen.fillStyle = colours.paper;
        pen.fill();
        pen.globalAlpha = 1;
        pen.strokeStyle = colours.line;
        pen.lineWidth = 1;
        pen.stroke();
      }
      for (const disc of map.sites.length > CROWDED ? [] : layout.discs) {
        const [, top, , height] = layout.panels[disc.panel].box;
        const [left, , width] = layout.panels[disc.panel].box;
        // Away from the nearest other city of the panel: above or below.
        const others = layout.discs.filter((other) => other !== disc && other.panel === disc.panel);
        const nearest = others.sort((a, b) => Math.hypot(a.x - disc.x, a.y - disc.y) - Math.hypot(b.x - disc.x, b.y - disc.y))[0];
        const wished = nearest && nearest.y < disc.y ? 1 : -1;
        const up = disc.y - disc.radius - 20 < top ? 1 : disc.y + disc.radius + 20 > top + height ? -1 : wished;
        const name = short(map.sites[disc.site].name);
        pen.font = '600 13px system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif';
        const half = pen.measureText(name).width / 2 + 4;
        tag(pen, name, clamp(disc.x, left + half, Math.max(left + half, left + width - half)), disc.y + up * (disc.radius + 11), { bold: true, size: 13 });
      }
    }

    const short = (name) => (name.length > 28 ? `${name.slice(0, 27)}…` : name);

    function draw() {
      if (!layout) return;
      const ratio = canvas.width / layout.width;
      const pen = canvas.getContext("2d");
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, canvas.width, canvas.height); // between the panels there is nothing but what moves
      pen.drawImage(back, 0, 0);
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      const time = shown ? shown.time(place) : 0;
      drawNodes(pen, time);
      if (shown) drawMessages(pen, time);
      canvas.dataset.drawn = "true";
    }

    // The last stage that a node has reached, −1 for none.
    function reached(node, time) {
      if (!shown) return map.stages.indexOf(told[node] ?? "");
      let last = -1;
      shown.block.moments.forEach((times, each) => times[node] !== null && times[node] <= time && (last = each));
      return last;
    }

    const fill = (each) => (each < 0 ? colours.paper : map.stages[each] === "finalise" ? FINAL : STAGES[Math.min(each, STAGES.length - 1)]);

    function mark(pen, x, y, r, each, { byzantine = false, down = false } = {}) {
      pen.beginPath();
      if (byzantine) pen.rect(x - r, y - r, 2 * r, 2 * r);
      else pen.arc(x, y, r, 0, 2 * Math.PI);
      pen.fillStyle = fill(each);
      pen.fill();
      pen.lineWidth = r < 3 ? 0.6 : 1.2;
      pen.strokeStyle = each < 0 ? colours.soft : colours.text;
      pen.stroke();
      if (r < 4) return;
      if (down) stroke(pen, [[x - r, y - r, x + r, y + r], [x - r, y + r, x + r, y - r]], colours.text);
      else if (map.stages[each] === "finalise") stroke(pen, [[x - r * 0.5, y, x - r * 0.1, y + r * 0.4], [x - r * 0.1, y + r * 0.4, x + r * 0.55, y - r * 0.4]], "#ffffff", 1.7);
    }

    function stroke(pen, lines, colour, width = 1.5) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      for (const [x0, y0, x1, y1] of lines) {
        pen.moveTo(x0, y0);
        pen.lineTo(x1, y1);
      }
      pen.stroke();
    }

    const traitors = new Set(map.byzantine ?? []);
    const isDown = (node) => (shown ? shown.block.down.includes(node) : told[node] === "down");

    // A picture of many nodes is drawn in a few strokes: all small ones that look the same are one path.
    function drawNodes(pen, time) {
      const last = map.stages.indexOf("finalise");
      const same = new Map();
      layout.nodes.forEach((node, name) => {
        const each = reached(name, time);
        const way = { byzantine: traitors.has(name), down: isDown(name) };
        if (node.r >= 4 || way.byzantine || way.down) mark(pen, node.x, node.y, node.r, each, way);
        else if (same.has(each)) same.get(each).push(node);
        else same.set(each, [node]);
        const final = shown && last >= 0 ? shown.block.moments[last][name] : null;
        const since = final === null ? -1 : (time - final) / (shown.work * PULSE);
        if (since >= 0 && since < 1) ring(pen, node, node.r + 2 + since * 9, FINAL, 1 - since);
      });
      same.forEach((nodes, each) => {
        dots(pen, nodes, each < 0 ? colours.soft : colours.text, 0.6, fill(each));
      });
      const proposer = layout.nodes[shown ? shown.block.proposer : leading];
      if (proposer) ring(pen, proposer, proposer.r + 3, colours.text, 1);
    }

    function ring(pen, { x, y }, radius, colour, alpha) {
      pen.globalAlpha = alpha;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.strokeStyle = colour;
      pen.lineWidth = 1.8;
      pen.stroke();
      pen.globalAlpha = 1;
    }

    function dots(pen, points, edge, width, inside) {
      pen.beginPath();
      for (const { x, y, r } of points) {
        pen.moveTo(x + r, y);
        pen.arc(x, y, r, 0, 2 * Math.PI);
      }
      pen.fillStyle = inside;
      pen.fill();
      if (!width) return;
      pen.strokeStyle = edge;
      pen.lineWidth = width;
      pen.stroke();
    }

    function drawMessages(pen, time) {
      const linger = shown.work * PULSE;
      const r = shown.messages.length > 1500 ? 2 : 3.2;
      const heads = map.types.map(() => []);
      const tails = map.types.map(() => []);
      const crosses = [];
      for (const message of shown.messages) {
        if (message.left > time) break;
        if (hidden.has(message.type) || message.end + (message.lost ? linger : 0) < time) continue;
        const [a, b] = [layout.nodes[message.from], layout.nodes[message.to]];
        const middle = handle(a, b);
        const share = message.end > message.left ? Math.min(1, (time - message.left) / (message.end - message.left)) : 1;
        const [x, y] = along(a, middle, b, message.lost ? share * 0.85 : share); // what is lost does not arrive
        if (message.lost && share >= 1) {
          crosses.push([x - 4, y - 4, x + 4, y + 4], [x - 4, y + 4, x + 4, y - 4]);
          continue;
        }
        heads[message.type].push({ x, y, r });
        tails[message.type].push([...along(a, middle, b, Math.max(0, (message.lost ? share * 0.85 : share) - 0.07)), x, y]);
      }
      map.types.forEach((_, type) => {
        const colour = palette[type % palette.length];
        pen.globalAlpha = 0.45;
        stroke(pen, tails[type], colour, r * 0.8);
        pen.globalAlpha = 1;
        dots(pen, heads[type], dark.matches ? colours.text : colours.paper, r > 2 ? 0.8 : 0, colour);
      });
      stroke(pen, crosses, css("--bad"), 2);
    }

    // -- words

    // "+43.2 ms: suzhou-1 is final, 9 of 13 nodes (1 of 4 in suzhou). Under way: 12 Commit."
    function now(time) {
      const nodes = map.nodes.length;
      const event = shown.happened[until(shown.when, time) - 1];
      let what = `block ${shown.block.height} is proposed by ${map.nodes[shown.block.proposer]}`;
      if (event && event[0] > 0) {
        const [, each, node] = event;
        const site = map.node_sites[node];
        const here = layout.members[site];
        const times = shown.block.moments[each];
        const local = here.filter((other) => times[other] !== null && times[other] <= time).length;
        what = `${local} of ${here.length} ${phrase(each)} in ${map.sites[site].name}, ${until(shown.sorted[each], time)} of ${nodes} in all (last: ${map.nodes[node]})`;
        const count = until(shown.sorted[each], time);
        if (map.stages[each] === "finalise" && shown.block.quorum_us !== null && time >= shown.block.quorum_us) what += count === nodes ? "" : "; a quorum has it final";
      }
      const flying = map.types.flatMap((type, name) => {
        const count = until(shown.begins[name], time) - until(shown.ends[name], time);
        return count > 0 ? [`${number(count)} ${type}`] : [];
      });
      return `+${ms(time)}: ${what}.${flying.length ? ` Under way: ${flying.join(", ")}.` : ""}`;
    }

    // "9 of 13 nodes final, 4 cut off."
    function counted() {
      const counts = ["finalise", ...map.stages.filter((each) => each !== "finalise"), "down"].map((each) => [each, told.filter((state) => state === each).length]);
      return `${counts.filter(([each, count]) => count || each === "finalise").map(([each, count], place) => `${count}${place ? "" : ` of ${plural(map.nodes.length, "node")}`} ${said(each)}`).join(", ")}.`;
    }

    const phrase = (each) => ({ have: "have the block", finalise: "final" })[map.stages[each]] ?? map.stages[each];

    const many = map.sites.length > 12;
    let cells = [];

    function table() {
      if (many || !shown) return;
      cells = map.sites.map(() => map.stages.map(() => el("td", {}, "")));
      counts.replaceChildren(
        el(
          "table",
          {},
          el("caption", { class: "soft", style: "text-align:left;font-size:0.85rem" }, "Nodes that have got so far"),
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "city"), map.stages.map((each) => el("th", { scope: "col" }, said(each))))),
          el("tbody", {}, map.sites.map((site, at) => el("tr", {}, el("th", { scope: "row" }, site.name), cells[at]))),
        ),
      );
    }

    function tell() {
      if (!shown || !layout) return;
      const time = shown.time(place);
      line.setAttribute("aria-live", playing ? "off" : "polite"); // a reader that is read to is not told ten times a second
      line.textContent = now(time);
      slider.value = String(Math.round(place * 1000));
      slider.setAttribute("aria-valuetext", `+${ms(time)}`);
      cells.forEach((row, site) =>
        row.forEach((cell, each) => {
          const times = shown.block.moments[each];
          const here = layout.members[site];
          const text = `${here.filter((node) => times[node] !== null && times[node] <= time).length} of ${here.length}`;
          if (cell.textContent !== text) cell.textContent = text;
        }),
      );
    }

    function describe() {
      canvas.setAttribute("aria-label", `${plural(map.nodes.length, "node")} in ${map.sites.map((site) => site.name).slice(0, 12).join(", ")}${map.sites.length > 12 ? " and more" : ""}, on a map.`);
      const key = (draws, ...words) => {
        const sample = el("canvas", { width: 32, height: 32, style: "width:16px;height:16px;vertical-align:-3px;margin-right:4px", "aria-hidden": "true" });
        const pen = sample.getContext("2d");
        pen.scale(2, 2);
        draws(pen);
        return el("span", {}, sample, ...words);
      };
      const items = [key((pen) => mark(pen, 8, 8, 5.5, -1), "waits"), ...map.stages.map((each, at) => key((pen) => mark(pen, 8, 8, 5.5, at), said(each)))];
      if (!shown || shown.block.down.length) items.push(key((pen) => mark(pen, 8, 8, 5.5, -1, { down: true }), "down"));
      if (traitors.size) items.push(key((pen) => mark(pen, 8, 8, 5, -1, { byzantine: true }), "Byzantine"));
      items.push(key((pen) => { mark(pen, 8, 8, 4, -1); pen.beginPath(); pen.arc(8, 8, 7, 0, 2 * Math.PI); pen.strokeStyle = colours.text; pen.stroke(); }, "proposer"));
      if (shown) {
        const used = new Set(shown.messages.map((each) => each.type));
        map.types.forEach((type, name) => {
          if (!used.has(name)) return;
          const box = el("input", { type: "checkbox", checked: !hidden.has(name), style: "margin:0 4px 0 0;vertical-align:-2px" });
          box.addEventListener("change", () => {
            hidden[box.checked ? "delete" : "add"](name);
            draw();
          });
          const dot = key((pen) => { pen.beginPath(); pen.arc(8, 8, 4.5, 0, 2 * Math.PI); pen.fillStyle = palette[name % palette.length]; pen.fill(); }, type);
          items.push(el("label", {}, box, dot));
        });
        if (shown.messages.some((each) => each.lost)) items.push(key((pen) => stroke(pen, [[4, 4, 12, 12], [4, 12, 12, 4]], css("--bad"), 2), "lost"));
        const block = shown.block;
        about.textContent = `Block ${block.height} (${block.name.slice(0, 8)}), ${plural(block.transactions, "transaction")}, proposed by ${map.nodes[block.proposer]} at ${number(block.proposed_ms / 1000)} s; ${block.quorum_us === null ? "not final at a quorum before the end" : `final at a quorum after ${ms(block.quorum_us)}`}.${block.faults.length ? ` Meanwhile: ${block.faults.join("; ")}.` : ""}${shown.hurried ? " Waits in which nothing happens pass faster." : ""}`;
      }
      if (shown) inFigures();
      legend.replaceChildren(...items);
      choice.value = String(current);
    }

    // -- playing

    function at(fresh) {
      place = clamp(fresh, 0, 1);
      draw();
      tell();
    }

    function pause() {
      playing = false;
      play.textContent = "▶ Play";
      play.setAttribute("aria-label", "Play");
      tell();
    }

    function begin() {
      if (place >= 1) place = 0;
      playing = true;
      play.textContent = "❚❚ Pause";
      play.setAttribute("aria-label", "Pause");
      before = performance.now();
      requestAnimationFrame(frame);
    }

    function frame(moment) {
      if (!playing || !element.isConnected) return;
      const passed = Math.max(0, moment - before) / 1000;
      const rate = Number(speed.value) / SECONDS;
      if (calm.matches) {
        // Without motion: from one moment to the next, slowly.
        if (passed * Number(speed.value) < 0.8) return void requestAnimationFrame(frame);
        before = moment;
        step(1);
      } else {
        before = moment;
        at(place + Math.min(passed, 0.25) * rate);
      }
      if (place >= 1) pause();
      else requestAnimationFrame(frame);
    }

    // To the next or the previous moment at which something became of a node.
    function step(direction) {
      const time = shown.time(place);
      const places = shown.moments.map(shown.place);
      const next = direction > 0 ? shown.moments.findIndex((each, name) => each > time + 0.5 && places[name] > place + 1e-9) : shown.moments.findLastIndex((each, name) => each < time - 0.5 && places[name] < place - 1e-9);
      at(next >= 0 ? places[next] : direction > 0 ? 1 : 0);
    }

    function block(name) {
      current = (name + map.blocks.length) % map.blocks.length;
      shown = journey(map, map.blocks[current]);
      describe();
      at(0);
    }

    if (shown) {
      play.addEventListener("click", () => (playing ? pause() : begin()));
      slider.addEventListener("input", () => {
        if (playing) pause();
        at(Number(slider.value) / 1000);
      });
      previous.addEventListener("click", () => block(current - 1));
      next.addEventListener("click", () => block(current + 1));
      choice.addEventListener("change", () => block(Number(choice.value)));
      const keys = {
        " ": () => (playing ? pause() : begin()),
        ArrowRight: () => (pause(), step(1)),
        ArrowLeft: () => (pause(), step(-1)),
        Home: () => at(0),
        End: () => at(1),
        PageDown: () => block(current + 1),
        PageUp: () => block(current - 1),
        ArrowDown: () => block(current + 1),
        ArrowUp: () => block(current - 1),
      };
      stage.addEventListener("keydown", (event) => {
        if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        keys[event.key]();
      });
    }

    // What a link is, there and back.
    function link(x, y) {
      let [best, nearest] = [null, 8];
      for (const way of (map.ways ?? []).filter((each) => each.from !== each.to)) {
        const [a, b] = [layout.discs[way.from], layout.discs[way.to]];
        const middle = handle(a, b);
        for (let share = 0.04; share < 1; share += 0.04) {
          const [lx, ly] = along(a, middle, b, share);
          if (Math.hypot(lx - x, ly - y) < nearest) [best, nearest] = [way, Math.hypot(lx - x, ly - y)];
        }
      }
      if (!best) return;
      const count = best.count ? `median of ${plural(best.count, "message")}` : "as commanded";
      hover.textContent = `${map.sites[best.from].name} → ${map.sites[best.to].name}: ${netsim.quantity(best.ms, "ms")} (${count})`;
    }

    // What a node is, under the pointer or the finger.
    function ask(event) {
      if (!layout) return;
      const box = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      let [best, nearest] = [-1, event.pointerType === "touch" ? 22 : 12];
      layout.nodes.forEach((node, name) => {
        const distance = Math.hypot(node.x - x, node.y - y);
        if (distance < nearest) [best, nearest] = [name, distance];
      });
      if (best < 0) return void link(x, y);
      const roles = [map.validators && !map.validators.includes(best) ? "follower" : "", traitors.has(best) ? "Byzantine" : "", isDown(best) ? "down" : ""].filter(Boolean);
      const moments = shown ? map.stages.map((each, at) => `${said(each)} ${shown.block.moments[at][best] === null ? "never" : `+${ms(shown.block.moments[at][best])}`}`) : [said(told[best] ?? "waits")];
      hover.textContent = `${map.nodes[best]}${roles.length ? ` (${roles.join(", ")})` : ""}, ${map.sites[map.node_sites[best]].name}: ${moments.join(", ")}`;
    }
    canvas.addEventListener("pointermove", ask);
    canvas.addEventListener("pointerdown", ask);

    const redraw = () => {
      fresh();
      describe();
      tell();
    };
    new ResizeObserver(() => layout?.width !== stage.clientWidth && redraw()).observe(stage);
    dark.addEventListener("change", redraw);
    // On paper there is the picture of the moment, and nothing to be pressed.
    const paper = (printed) => {
      controls.style.display = printed ? "none" : "flex";
      redraw();
    };
    addEventListener("beforeprint", () => paper(true));
    addEventListener("afterprint", () => paper(false));
    redraw();
    table();
    tell();
    const handles = {
      element,
      redraw,
      block: (name) => map.blocks.length && block(name),
      seek: (time) => shown && at(shown.place(time)),
      tell: (states, proposer = -1) => {
        if (shown || (proposer === leading && states.every((state, node) => state === (told[node] ?? null)))) return;
        told = [...states];
        leading = proposer;
        line.textContent = counted();
        draw();
      },
    };
    element.map = handles;
    return handles;
  };
})();
