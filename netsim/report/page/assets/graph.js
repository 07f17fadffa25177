"use strict";
// The page of a network: two canvases upon each other, the lower with all that there is, the upper with what is pointed
// at, found or chosen. Positions come with the data; nothing is laid out here. While a picture that takes long to draw is
// moved or zoomed, its last drawing is, and it is drawn anew when it comes to rest.
(() => {
  const { el, css } = netsim;

  const CLASSES = 24; // colours of links: each is one path, which is what makes thousands of links quick to draw
  const QUICK = 30; // ms that a drawing may take and still be made anew for every movement
  const MARK = { least: 2.2, most: 13, share: 0.36 }; // radius of a node: px, px, of the distance to the next one
  const [NAMED, SPACIOUS] = [30, 78]; // px between nodes from which on they have a name, and a whole one
  const LEAST = 0.3; // px per unit
  const SHOWN = 300; // rows of a table

  // Marks of radius 1, for canvases and the legend alike.
  const shapes = [
    "M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z",
    "M-.86 -.86H.86V.86H-.86Z",
    "M0 -1.15L1.05 .72H-1.05Z",
    "M0 -1.25L1.05 0L0 1.25L-1.05 0Z",
  ];
  const paths = shapes.map((shape) => new Path2D(shape));
  // The n-th of several kinds: eight colours in four shapes, then grey for all others.
  const look = (kind) => (kind < 32 ? { colour: netsim.palette[kind % 8], shape: (kind + (kind >> 3)) % 4 } : { colour: "#8a8a8a", shape: 0 });

  const bytes = (value) => {
    if (value === null || value === undefined) return "–";
    const power = value < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(value) / 3));
    return `${netsim.number(power ? Number((value / 1000 ** power).toPrecision(3)) : value)} ${["B", "kB", "MB", "GB"][power]}`;
  };
  const delay = (value) => netsim.quantity(value, "ms");
  const plural = (count, what) => `${netsim.number(count)} ${what}${count === 1 ? "" : "s"}`;

  // A colour of the ramp, 0 to 1; its palest end is left out on white, its darkest on black.
  function rampColour(share) {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
    const at = (dark ? 0.28 + 0.72 * share : 0.86 * (1 - share)) * (netsim.ramp.length - 1);
    const low = Math.min(Math.floor(at), netsim.ramp.length - 2);
    const part = (place, number) => parseInt(netsim.ramp[place].slice(1 + 2 * number, 3 + 2 * number), 16);
    const mix = [0, 1, 2].map((number) => Math.round(part(low, number) + (at - low) * (part(low + 1, number) - part(low, number))));
    return `rgb(${mix.join(",")})`;
  }

  // What links are coloured by: a value each, how it is written, and the share of the ramp it has.
  function measures(links) {
    const back = (there, and) => (and === null || and === undefined ? there : (there + and) / 2);
    const delays = links.delays.map((kind) => (kind.median_ms === null ? null : back(kind.median_ms, kind.median_back_ms)));
    const all = [];
    if (delays.some((value) => value !== null))
      all.push(measure("delay", "median one-way delay, mean of both directions", links.kind.map((kind) => delays[kind]), delay, false));
    if (links.bytes) {
      const values = links.bytes.map((there, at) => there + links.bytes_back[at]);
      all.push(measure("traffic", "bytes over the whole run, both directions together", values, bytes, true));
    }
    return all;
  }

  function measure(name, says, values, write, mayBeLog) {
    let most = 0;
    let least = Infinity; // above nought
    for (const value of values) {
      if (value > most) most = value;
      if (value > 0 && value < least) least = value;
    }
    const log = mayBeLog && most > 30 * least;
    const share = (value) => (most === 0 ? 0 : log ? Math.log(value / least) / Math.log(most / least) : value / most);
    const at = (part) => (log ? least * (most / least) ** part : most * part);
    return { name, says: log ? `${says}; logarithmic` : says, values, write, share, at, none: log };
  }

  netsim.pages.graph = (main, data) => {
    const { nodes, links } = data;
    const count = nodes.name.length;
    const names = nodes.name.map((name) => name.toLowerCase());
    const siteOf = (node) => data.sites[nodes.site[node]].name;
    const accessOf = (node) => data.accesses[nodes.access[node]];
    const cut = new Set(nodes.cut);
    const ways = measures(links); // links' colours to choose from
    const traffic = ways.find((way) => way.name === "traffic");
    const delays = ways.find((way) => way.name === "delay");
    const kinds = {
      site: { of: nodes.site, names: data.sites.map((site) => site.name || "(no site)") },
      access: { of: nodes.access, names: data.accesses.map((name) => name || "(no access)") },
      cluster: { of: nodes.cluster, names: [...new Set(nodes.cluster)].sort((a, b) => a - b).map((number) => `cluster ${number + 1}`) },
    };
    const incident = nodes.name.map(() => []);
    links.from.forEach((from, link) => {
      incident[from].push(link);
      incident[links.to[link]].push(link);
    });

    const state = { layout: null, way: null, kind: "site", found: new Set(), chosen: null, over: null, link: null };
    const view = { zoom: 1, x: 0, y: 0 }; // px per unit, and where the layout's origin is, px
    const across = (node) => state.layout.x[node] * view.zoom + view.x;
    const down = (node) => view.y - state.layout.y[node] * view.zoom;
    const radius = () => Math.min(MARK.most, Math.max(MARK.least, MARK.share * view.zoom));

    // ---- the page ----
    const select = (label, choices, chosen, then) =>
      el(
        "label",
        {},
        label,
        el("select", { name: label.toLowerCase().replaceAll(" ", "-"), onchange: (event) => then(event.target.value) }, choices.map((choice) => el("option", { value: choice, selected: choice === chosen }, choice))),
      );
    // A sign is called by its title, words by themselves.
    const button = (text, title, then) => el("button", { type: "button", title, "aria-label": text.length > 1 ? null : title, onclick: then }, text);

    const search = el("input", { type: "search", name: "search", placeholder: "name or site", autocomplete: "off", oninput: () => find(search.value), onkeydown: (event) => event.key === "Enter" && goTo() });
    const hits = el("output", { name: "hits" });
    const lower = el("canvas", {});
    const upper = el("canvas", { tabindex: 0, role: "img", "aria-label": `The network: ${plural(count, "node")}, ${plural(links.from.length, "link")}. Arrows move, plus and minus zoom, 0 fits; the tables below hold the same in words.` });
    const tip = el("div", { class: "tip", role: "status", hidden: true });
    const stage = el("div", { class: "stage" }, lower, upper, tip);
    const says = el("p", { class: "soft" });
    const legend = el("div", { class: "legend" });
    const detail = el("section", { class: "detail", "aria-live": "polite" });

    const colours = ways.map((way) => way.name);
    main.append(
      el("h1", {}, data.title),
      el("p", { class: "soft" }, "The network: who talks to whom."),
      el("div", { class: "cards" }, [...data.figures, ...(traffic ? [["traffic", bytes(traffic.values.reduce((sum, value) => sum + value, 0))]] : [])].map(([name, value]) => el("div", { class: "card" }, el("span", { class: "soft" }, name), el("b", { class: value.length > 12 ? "long" : null }, value)))),
      el(
        "div",
        { class: "tools" },
        select("Layout", data.layouts.map((layout) => layout.by), data.first.layout, (by) => lay(by)),
        colours.length ? select("Links by", colours, data.first.colour, (name) => paint(name)) : null,
        select("Nodes by", Object.keys(kinds), "site", (kind) => mark(kind)),
        el("label", {}, "Find", search),
        hits,
        el("span", { class: "zoom" }, button("+", "Zoom in", () => zoom(1.4)), button("−", "Zoom out", () => zoom(1 / 1.4)), button("Fit", "Show all of it", () => fit())),
      ),
      el("figure", { class: "wide" }, stage, says, legend),
      ...data.without.map((why) => el("p", { class: "soft" }, why)),
      ...(traffic ? [] : [el("p", { class: "soft" }, "Traffic is known of a run that kept its messages (trace: full), not of a scenario.")]),
      ...(links.beside ? [el("p", { class: "soft" }, `Not drawn: ${bytes(links.beside)} between nodes that no link joins.`)] : []),
      detail,
      el(
        "div",
        { class: "tools" },
        button("Download GraphML", "The network for Gephi, networkx, igraph …", () => netsim.download("network.graphml", graphml(), "application/xml")),
        button("Download nodes", "As CSV", () => netsim.download("nodes.csv", netsim.csv(...nodeRows()))),
        button("Download links", "As CSV", () => netsim.download("links.csv", netsim.csv(...linkRows()))),
        button("Download picture", "What is to be seen, as PNG", () => picture()),
      ),
      folded("Nodes as a table", nodeRows),
      folded("Links as a table", linkRows),
    );

    function folded(title, rows) {
      const details = el("details", {}, el("summary", {}, title));
      details.addEventListener("toggle", () => {
        if (!details.open || details.children.length > 1) return;
        const [columns, all] = rows();
        details.append(netsim.table(columns, all.slice(0, SHOWN)));
        if (all.length > SHOWN) details.append(el("p", {}, `The first ${SHOWN} of ${netsim.number(all.length)} rows; the download has all.`));
      });
      return details;
    }

    // ---- what is shown ----
    function lay(by) {
      state.layout = data.layouts.find((layout) => layout.by === by);
      says.textContent = state.layout.says;
      fit();
    }

    function paint(name) {
      state.way = ways.find((way) => way.name === name) ?? null;
      const way = state.way;
      state.classes = Array.from({ length: CLASSES }, () => []);
      state.plain = []; // links whose value is not known, or nought on a logarithmic scale
      for (let link = 0; link < links.from.length; link++) {
        const value = way?.values[link] ?? null;
        if (value === null || (way.none && !value)) state.plain.push(link);
        else state.classes[Math.min(CLASSES - 1, Math.floor(way.share(value) * CLASSES))].push(link);
      }
      explain();
      draw();
    }

    function mark(kind) {
      state.kind = kind;
      explain();
      draw();
    }

    function explain() {
      const way = state.way;
      const { of, names: words } = kinds[state.kind];
      const sizes = words.map(() => 0);
      for (const kind of of) sizes[kind] += 1;
      const swatch = (kind) => {
        const { colour, shape } = look(kind);
        return el("svg", { svg: true, viewBox: "-1.5 -1.5 3 3", width: 14, height: 14, "aria-hidden": "true" }, el("path", { svg: true, d: shapes[shape], fill: colour }));
      };
      const ring = el("svg", { svg: true, viewBox: "-2 -2 4 4", width: 18, height: 18, "aria-hidden": "true" }, el("circle", { svg: true, r: 0.9, fill: css("--soft") }), el("circle", { svg: true, r: 1.6, fill: "none", stroke: css("--bad"), "stroke-width": 0.5 }));
      const stops = Array.from({ length: 9 }, (_, at) => rampColour(at / 8)).join(",");
      legend.replaceChildren(
        ...[
          way && el("div", { class: "scale" }, el("span", {}, `Links: ${way.says}`), el("div", { class: "bar", style: `background:linear-gradient(to right,${stops})` }), el("div", { class: "ticks" }, [0, 0.5, 1].map((part) => el("span", {}, way.write(way.at(part))))), state.plain.length ? el("span", { class: "soft" }, `${plural(state.plain.length, "link")} without any: grey`) : null),
          el(
            "div",
            { class: "marks" },
            words.slice(0, 32).map((word, kind) => el("button", { type: "button", title: "Point these nodes out", onclick: () => pointOut(of, kind) }, swatch(kind), `${word} (${netsim.number(sizes[kind])})`)),
            words.length > 32 ? el("span", {}, swatch(32), `${words.length - 32} more, not told apart`) : null,
            cut.size ? el("span", { class: "cut" }, ring, `cut node (${netsim.number(cut.size)}): without it the rest falls apart`) : el("span", { class: "soft" }, "no cut nodes"),
          ),
        ].filter(Boolean),
      );
    }

    function pointOut(of, kind) {
      search.value = "";
      state.found = new Set(of.flatMap((each, node) => (each === kind ? [node] : [])));
      hits.textContent = `${netsim.number(state.found.size)} of ${netsim.number(count)}`;
      over();
    }

    function find(text) {
      const wanted = text.trim().toLowerCase();
      const matches = wanted ? names.flatMap((name, node) => (name.includes(wanted) || siteOf(node).toLowerCase().includes(wanted) ? [node] : [])) : [];
      state.found = new Set(matches);
      hits.textContent = wanted ? (matches.length ? `${netsim.number(matches.length)} of ${netsim.number(count)}` : "none found") : "";
      over();
    }

    // To what was found: the node that is called so, else all of them.
    function goTo() {
      const all = [...state.found];
      if (!all.length) return;
      const exact = all.find((node) => names[node] === search.value.trim().toLowerCase()) ?? (all.length === 1 ? all[0] : null);
      if (exact === null) return fit(all);
      choose(exact);
      fitted = false;
      view.zoom = Math.max(view.zoom, 40);
      view.x = stage.clientWidth / 2 - state.layout.x[exact] * view.zoom;
      view.y = stage.clientHeight / 2 + state.layout.y[exact] * view.zoom;
      moved();
    }

    // ---- where one looks ----
    function fit(some) {
      const { layout } = state;
      let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
      const hold = (x, y, margin) => {
        left = Math.min(left, x - margin);
        right = Math.max(right, x + margin);
        bottom = Math.min(bottom, y - margin);
        top = Math.max(top, y + margin);
      };
      for (const node of some ?? nodes.name.keys()) hold(layout.x[node], layout.y[node], 1);
      if (!some) for (const disc of layout.discs) hold(disc.x, disc.y, disc.radius);
      const margin = some || !layout.discs.length ? 20 : 44; // the names of discs stand outside
      const [wide, high] = [stage.clientWidth, stage.clientHeight];
      fitted = !some;
      view.zoom = Math.min((wide - 2 * margin) / (right - left), (high - 2 * margin) / (top - bottom), 60);
      view.zoom = Math.max(view.zoom, LEAST); // however small the window is
      view.x = wide / 2 - (view.zoom * (left + right)) / 2;
      view.y = high / 2 + (view.zoom * (bottom + top)) / 2;
      moved();
    }

    function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
      const to = Math.min(400, Math.max(LEAST, view.zoom * factor));
      fitted = false;
      const by = to / view.zoom;
      view.x = x + (view.x - x) * by;
      view.y = y + (view.y - y) * by;
      view.zoom = to;
      moved();
    }

    function move(x, y) {
      fitted = false;
      view.x += x;
      view.y += y;
      moved();
    }

    // ---- drawing ----
    let fitted = true; // all of it is shown, also when the window changes
    let took = 0; // ms, the last whole drawing
    let drawnAt = null; // the view then
    let rest = 0;
    let asked = false;

    function moved() {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        if (took < QUICK || !drawnAt) draw();
        else {
          // As a map does: what is there is moved by the browser, and made anew at rest.
          const by = view.zoom / drawnAt.zoom;
          lower.style.transform = `translate(${view.x - drawnAt.x * by}px,${view.y - drawnAt.y * by}px) scale(${by})`;
          clearTimeout(rest);
          rest = setTimeout(draw, 120);
          over();
        }
      });
    }

    function begin(canvas) {
      const ratio = devicePixelRatio || 1;
      const [wide, high] = [stage.clientWidth, stage.clientHeight];
      if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
        canvas.width = Math.round(wide * ratio);
        canvas.height = Math.round(high * ratio);
      }
      const pen = canvas.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, wide, high);
      pen.textBaseline = "middle";
      return pen;
    }

    function draw() {
      if (!state.layout || !state.classes) return;
      const started = performance.now();
      clearTimeout(rest);
      const pen = begin(lower);
      lower.style.transform = "";
      drawDiscs(pen);
      drawLinks(pen);
      drawNodes(pen);
      drawNames(pen);
      drawScale(pen);
      drawnAt = { ...view };
      took = performance.now() - started;
      stage.dataset.drawn = state.layout.by;
      over();
    }

    function drawDiscs(pen) {
      pen.fillStyle = css("--ground");
      pen.strokeStyle = css("--line");
      pen.lineWidth = 1;
      for (const disc of state.layout.discs) {
        pen.beginPath();
        pen.arc(disc.x * view.zoom + view.x, view.y - disc.y * view.zoom, disc.radius * view.zoom, 0, 2 * Math.PI);
        pen.fill();
        pen.stroke();
      }
    }

    function drawLinks(pen) {
      const many = Math.min(1, 400 / Math.max(1, links.from.length)); // many are drawn finer, so that they do not become a wall
      pen.lineWidth = 0.5 + 0.9 * many;
      pen.globalAlpha = 0.3 + 0.6 * many;
      stroke(pen, state.plain, css("--line"));
      state.classes.forEach((some, at) => stroke(pen, some, rampColour(at / (CLASSES - 1))));
      pen.globalAlpha = 1;
    }

    function stroke(pen, some, colour) {
      const [wide, high] = [stage.clientWidth, stage.clientHeight];
      pen.strokeStyle = colour;
      pen.beginPath();
      for (const link of some) {
        const [x, y, toX, toY] = [across(links.from[link]), down(links.from[link]), across(links.to[link]), down(links.to[link])];
        if ((x < 0 && toX < 0) || (y < 0 && toY < 0) || (x > wide && toX > wide) || (y > high && toY > high)) continue;
        pen.moveTo(x, y);
        pen.lineTo(toX, toY);
      }
      pen.stroke();
    }

    function visible(node, margin = 20) {
      const [x, y] = [across(node), down(node)];
      return x > -margin && y > -margin && x < stage.clientWidth + margin && y < stage.clientHeight + margin;
    }

    function drawNodes(pen) {
      const size = radius();
      const { of } = kinds[state.kind];
      const edge = css("--paper");
      const bad = css("--bad");
      const { a, d, e, f } = pen.getTransform();
      for (let node = 0; node < count; node++) {
        if (!visible(node)) continue;
        const { colour, shape } = look(of[node]);
        pen.setTransform(a * size, 0, 0, d * size, e + a * across(node), f + d * down(node));
        pen.fillStyle = colour;
        pen.fill(paths[shape]);
        if (size > 3) {
          pen.strokeStyle = edge;
          pen.lineWidth = 1 / size;
          pen.stroke(paths[shape]);
        }
      }
      pen.setTransform(a, 0, 0, d, e, f);
      pen.strokeStyle = bad;
      pen.lineWidth = Math.max(1.5, size / 5);
      for (const node of cut) ring(pen, node, 1.6 * size);
    }

    function ring(pen, node, size) {
      pen.beginPath();
      pen.arc(across(node), down(node), size, 0, 2 * Math.PI);
      pen.stroke();
    }

    // Names of discs, and of nodes where there is room for them.
    function drawNames(pen) {
      pen.lineJoin = "round";
      pen.font = `600 13px ${getComputedStyle(document.body).fontFamily}`;
      for (const disc of state.layout.discs) {
        const few = state.layout.discs.length <= 8; // many names would cover each other's discs: they stand above their own
        const [east, north] = few ? [Math.cos(disc.outward), Math.sin(disc.outward)] : [0, 1];
        const x = (disc.x + disc.radius * east) * view.zoom + view.x + 6 * east;
        const y = view.y - (disc.y + disc.radius * north) * view.zoom - 12 * north;
        pen.textAlign = east > 0.3 ? "left" : east < -0.3 ? "right" : "center";
        // A name that would leave the picture stays at its edge.
        const words = few ? `${disc.name || "no site"} · ${plural(disc.nodes, "node")}` : disc.name;
        const wide = pen.measureText(words).width;
        const left = pen.textAlign === "left" ? x : pen.textAlign === "right" ? x - wide : x - wide / 2;
        pen.textAlign = "left";
        const seen = left + wide > 0 && left < stage.clientWidth;
        write(pen, words, seen ? Math.max(4, Math.min(left, stage.clientWidth - wide - 4)) : left, y);
      }
      if (view.zoom < NAMED) return;
      pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
      pen.textAlign = "center";
      for (let node = 0; node < count; node++) if (visible(node)) write(pen, label(node), across(node), down(node) + radius() + 9);
    }

    // Where there is little room, what the name of the disc leaves open.
    const label = (node) => {
      const site = `${siteOf(node)}-`;
      const whole = view.zoom >= SPACIOUS || state.layout.by !== "geography" || !nodes.name[node].startsWith(site);
      return short(whole ? nodes.name[node] : nodes.name[node].slice(site.length));
    };
    const short = (name) => (name.length > 28 ? `${name.slice(0, 27)}…` : name);

    function write(pen, words, x, y) {
      pen.strokeStyle = css("--paper");
      pen.lineWidth = 3;
      pen.strokeText(words, x, y);
      pen.fillStyle = css("--text");
      pen.fillText(words, x, y);
    }

    // By latency, how much delay a length is.
    function drawScale(pen) {
      const { ms_per_unit: unit } = state.layout;
      if (!unit) return;
      const wanted = (110 / view.zoom) * unit;
      const power = 10 ** Math.floor(Math.log10(wanted));
      const ms = [5, 2, 1].map((step) => step * power).find((step) => step <= wanted);
      const [x, y, wide] = [14, stage.clientHeight - 14, (ms / unit) * view.zoom];
      pen.strokeStyle = css("--text");
      pen.lineWidth = 2;
      pen.beginPath();
      pen.moveTo(x, y - 5);
      pen.lineTo(x, y);
      pen.lineTo(x + wide, y);
      pen.lineTo(x + wide, y - 5);
      pen.stroke();
      pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
      pen.textAlign = "left";
      write(pen, delay(ms), x + 5, y - 11);
    }

    // What is pointed at, chosen or found, with its links and neighbours.
    function over() {
      const pen = begin(upper);
      const size = radius();
      const centre = state.over ?? state.chosen;
      pen.strokeStyle = css("--accent");
      if (centre !== null) {
        pen.lineWidth = 2;
        pen.beginPath();
        for (const link of incident[centre]) {
          pen.moveTo(across(links.from[link]), down(links.from[link]));
          pen.lineTo(across(links.to[link]), down(links.to[link]));
        }
        pen.stroke();
        pen.lineWidth = 1.5;
        for (const link of incident[centre]) ring(pen, links.from[link] === centre ? links.to[link] : links.from[link], size + 2);
        pen.lineWidth = 3;
        ring(pen, centre, size + 4);
      }
      if (state.link !== null) {
        pen.lineWidth = 3;
        pen.beginPath();
        pen.moveTo(across(links.from[state.link]), down(links.from[state.link]));
        pen.lineTo(across(links.to[state.link]), down(links.to[state.link]));
        pen.stroke();
      }
      pen.strokeStyle = css("--text");
      pen.lineWidth = 2;
      for (const node of state.found) if (visible(node)) ring(pen, node, size + 4);
      pen.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
      pen.textAlign = "center";
      const named = state.found.size <= 5 ? [...state.found] : [];
      if (state.chosen !== null) named.push(state.chosen);
      for (const node of new Set(named)) if (view.zoom < NAMED || label(node) !== nodes.name[node]) write(pen, short(nodes.name[node]), across(node), down(node) - size - 12);
    }

    // ---- pointing ----
    function nearestNode(x, y) {
      const reach = Math.max(radius() + 3, 8);
      let [best, least] = [null, reach * reach];
      for (let node = 0; node < count; node++) {
        const away = (across(node) - x) ** 2 + (down(node) - y) ** 2;
        if (away < least) [best, least] = [node, away];
      }
      return best;
    }

    function nearestLink(x, y) {
      if (links.from.length > 50000) return null;
      let [best, least] = [null, 16];
      for (let link = 0; link < links.from.length; link++) {
        const [fromX, fromY] = [across(links.from[link]), down(links.from[link])];
        const [wide, high] = [across(links.to[link]) - fromX, down(links.to[link]) - fromY];
        const length = wide * wide + high * high;
        const part = length ? Math.max(0, Math.min(1, ((x - fromX) * wide + (y - fromY) * high) / length)) : 0;
        const away = (fromX + part * wide - x) ** 2 + (fromY + part * high - y) ** 2;
        if (away < least) [best, least] = [link, away];
      }
      return best;
    }

    function carried(node) {
      return incident[node].reduce((sum, link) => sum + traffic.values[link], 0);
    }

    const line = (words) => el("div", {}, words);

    function nodeLines(node) {
      return [
        el("b", {}, nodes.name[node]),
        line([siteOf(node), accessOf(node) && `${accessOf(node)} access`].filter(Boolean).join(", ")),
        line(`${plural(incident[node].length, "link")}, cluster ${nodes.cluster[node] + 1}`),
        traffic && line(`${bytes(carried(node))} over its links`),
        cut.has(node) && line("cut node: without it the rest falls apart"),
      ].filter(Boolean);
    }

    function linkLines(link) {
      const kind = links.delays[links.kind[link]];
      const [a, b] = [nodes.name[links.from[link]], nodes.name[links.to[link]]];
      const both = (there, back, write) => `→ ${write(there)}, ← ${write(back)}`;
      return [
        el("b", {}, `${a} – ${b}`),
        kind.median_ms !== null && line(`median delay ${both(kind.median_ms, kind.median_back_ms, delay)}`),
        kind.minimum_ms !== null && line(`least delay ${both(kind.minimum_ms, kind.minimum_back_ms, delay)}`),
        traffic && line(`traffic ${both(links.bytes[link], links.bytes_back[link], bytes)}`),
      ].filter(Boolean);
    }

    function pointAt(x, y) {
      const node = nearestNode(x, y);
      const link = node === null ? nearestLink(x, y) : null;
      if (node !== state.over || link !== state.link) {
        [state.over, state.link] = [node, link];
        tip.replaceChildren(...(node !== null ? nodeLines(node) : link !== null ? linkLines(link) : []));
        over();
      }
      tip.hidden = node === null && link === null;
      upper.style.cursor = tip.hidden ? "grab" : "pointer";
      if (tip.hidden) return;
      tip.style.left = `${Math.max(4, Math.min(x + 14, stage.clientWidth - tip.offsetWidth - 4))}px`;
      tip.style.top = `${y + 18 + tip.offsetHeight > stage.clientHeight ? Math.max(4, y - 12 - tip.offsetHeight) : y + 18}px`;
    }

    function pointAway() {
      [state.over, state.link] = [null, null];
      tip.hidden = true;
      over();
    }

    function choose(node) {
      state.chosen = node;
      detail.replaceChildren();
      over();
      if (node === null) return;
      const rows = incident[node].map((link) => {
        const there = links.from[link] === node;
        const other = there ? links.to[link] : links.from[link];
        const kind = links.delays[links.kind[link]];
        return [nodes.name[other], siteOf(other), there ? kind.median_ms : kind.median_back_ms, there ? kind.median_back_ms : kind.median_ms, ...(traffic ? [there ? links.bytes[link] : links.bytes_back[link], there ? links.bytes_back[link] : links.bytes[link]] : [])];
      });
      rows.sort((one, other) => (one[2] ?? 0) - (other[2] ?? 0));
      const columns = ["neighbour", "site", "median there, ms", "median back, ms", ...(traffic ? ["sent there, B", "sent back, B"] : [])];
      detail.append(el("h2", {}, nodes.name[node]), ...nodeLines(node).slice(1), netsim.table(columns, rows.slice(0, SHOWN), "Its links"));
      if (rows.length > SHOWN) detail.append(el("p", {}, `The first ${SHOWN} of ${netsim.number(rows.length)}.`));
    }

    const fingers = new Map();
    let far = 0; // px that the pointer went since it was put down
    const spot = (event) => {
      const box = upper.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    upper.addEventListener("pointerdown", (event) => {
      upper.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, spot(event));
      far = 0;
    });
    upper.addEventListener("pointermove", (event) => {
      const [x, y] = spot(event);
      const before = fingers.get(event.pointerId);
      if (!before) return pointAt(x, y);
      far += Math.hypot(x - before[0], y - before[1]);
      const others = [...fingers].filter(([id]) => id !== event.pointerId);
      if (others.length) {
        const [otherX, otherY] = others[0][1];
        const was = Math.hypot(before[0] - otherX, before[1] - otherY);
        if (was > 0) zoom(Math.hypot(x - otherX, y - otherY) / was, (x + otherX) / 2, (y + otherY) / 2);
      } else if (far > 3) move(x - before[0], y - before[1]);
      fingers.set(event.pointerId, [x, y]);
    });
    const lift = (event) => {
      if (fingers.delete(event.pointerId) && event.type === "pointerup" && far <= 3) {
        pointAt(...spot(event));
        choose(state.over);
      }
    };
    upper.addEventListener("pointerup", lift);
    upper.addEventListener("pointercancel", lift);
    upper.addEventListener("pointerleave", pointAway);
    upper.addEventListener("dblclick", (event) => zoom(2, ...spot(event)));
    upper.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)), ...spot(event));
    }, { passive: false });
    upper.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
      if (steps[event.key]) move(...steps[event.key]);
      else if (event.key === "+" || event.key === "=") zoom(1.4);
      else if (event.key === "-") zoom(1 / 1.4);
      else if (event.key === "0") fit();
      else if (event.key === "Escape") choose(null);
      else return;
      event.preventDefault();
    });

    // ---- data to take along ----
    function nodeRows() {
      const columns = ["name", "site", "access", "links", "cluster", "cut node", ...(traffic ? ["traffic, B"] : [])];
      return [columns, nodes.name.map((name, node) => [name, siteOf(node), accessOf(node), incident[node].length, nodes.cluster[node] + 1, cut.has(node) ? "yes" : "no", ...(traffic ? [carried(node)] : [])])];
    }

    function linkRows() {
      const columns = ["from", "to", "least, ms", "median, ms", "least back, ms", "median back, ms", ...(traffic ? ["bytes", "bytes back"] : [])];
      const rows = links.from.map((from, link) => [nodes.name[from], nodes.name[links.to[link]], ...Object.values(links.delays[links.kind[link]]), ...(traffic ? [links.bytes[link], links.bytes_back[link]] : [])]);
      return [columns, rows];
    }

    // The attributes are those that `netsim graph --output net.graphml` writes.
    function graphml() {
      // What XML 1.0 cannot hold, not even escaped, becomes a replacement character.
      const clean = (text) => text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
      const xml = (text) => clean(String(text)).replace(/[&<>"\t\n\r]/g, (sign) => `&#${sign.charCodeAt(0)};`);
      const keys = [];
      const key = (of, name, type) => {
        keys.push(`  <key id="${of}-${name}" for="${of}" attr.name="${name}" attr.type="${type}"/>`);
        return (value) => (value === null || value === undefined ? "" : `<data key="${of}-${name}">${xml(value)}</data>`);
      };
      const told = { name: key("node", "name", "string"), site: key("node", "site", "string"), access: key("node", "access", "string"), lat: key("node", "lat", "double"), lon: key("node", "lon", "double") };
      const delayed = Object.fromEntries(Object.keys(links.delays[0] ?? {}).map((name) => [name, key("edge", name, "double")]));
      const weighed = traffic ? { bytes: key("edge", "bytes", "long"), bytes_back: key("edge", "bytes_back", "long") } : {};
      const title = key("graph", "title", "string");
      const beside = traffic ? key("graph", "bytes_beside", "long") : () => "";
      const rows = nodes.name.map((name, node) => {
        const site = data.sites[nodes.site[node]];
        return `    <node id="${node}">${told.name(name)}${told.site(site.name)}${told.access(accessOf(node))}${told.lat(site.lat)}${told.lon(site.lon)}</node>`;
      });
      links.from.forEach((from, link) => {
        const kind = links.delays[links.kind[link]];
        const values = [...Object.entries(delayed).map(([name, write]) => write(kind[name])), ...Object.entries(weighed).map(([name, write]) => write(links[name][link]))];
        rows.push(`    <edge source="${from}" target="${links.to[link]}">${values.join("")}</edge>`);
      });
      const head = ['<?xml version="1.0" encoding="UTF-8"?>', '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">', ...keys, `  <graph edgedefault="undirected">${title(data.title)}${beside(links.beside)}`];
      return [...head, ...rows, "  </graph>", "</graphml>", ""].join("\n");
    }

    function picture() {
      const sheet = el("canvas", { width: lower.width, height: lower.height });
      const pen = sheet.getContext("2d");
      pen.fillStyle = css("--paper");
      pen.fillRect(0, 0, sheet.width, sheet.height);
      pen.drawImage(lower, 0, 0);
      pen.drawImage(upper, 0, 0);
      sheet.toBlob((blob) => netsim.download("network.png", blob, "image/png"));
    }

    // ---- begin ----
    const again = () => {
      explain();
      draw();
    };
    lay(data.first.layout);
    paint(colours.includes(data.first.colour) ? data.first.colour : colours[0]);
    let size = [stage.clientWidth, stage.clientHeight];
    new ResizeObserver(() => {
      const now = [stage.clientWidth, stage.clientHeight];
      if (now[0] === size[0] && now[1] === size[1]) return;
      view.x += (now[0] - size[0]) / 2;
      view.y += (now[1] - size[1]) / 2;
      size = now;
      if (fitted) fit();
      draw();
    }).observe(stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    addEventListener("beforeprint", again);
    addEventListener("afterprint", again);
  };
})();
