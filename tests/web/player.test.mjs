// Tests of the player's pure modules, run inside the browser by test_player.py: each entry is one test, given all
// modules and small assertions; a sentence names it.

export const tests = {
  "the frame at a time is the last that has begun": ({ clock, equal }) => {
    const pts = [0, 0.1, 0.4, 0.5];
    const times = [-1, 0, 0.05, 0.1, 0.39, 0.4, 0.5, 9];
    equal(
      times.map((time) => clock.frameAt(pts, time)),
      [0, 0, 0, 1, 1, 2, 3, 3],
    );
  },
  "play follows presentation time also where the rate varies": ({ clock, equal }) => {
    const pts = [0, 0.1, 0.4, 0.5];
    const play = new clock.PlayClock(pts, { frames: clock.span(0, 3), speed: 1, direction: 1, frame: 0, now: 1000 });
    equal(
      [0, 99, 101, 399, 401, 501].map((ms) => play.at(1000 + ms)),
      [0, 0, 1, 1, 2, 3],
    );
  },
  "play goes round after the last frame has had its time": ({ clock, equal }) => {
    const pts = [0, 0.1, 0.2];
    const play = new clock.PlayClock(pts, { frames: clock.span(0, 2), speed: 2, direction: 1, frame: 1, now: 0 });
    equal(
      [0, 49, 51, 99, 101, 151].map((ms) => play.at(ms)),
      [1, 1, 2, 2, 0, 1],
    );
  },
  "play goes round inside the loop range only": ({ clock, equal }) => {
    const pts = Array.from({ length: 10 }, (_, i) => i / 10);
    const play = new clock.PlayClock(pts, { frames: clock.span(3, 5), speed: 1, direction: 1, frame: 3, now: 0 });
    equal(
      [50, 150, 250, 350, 650].map((ms) => play.at(ms)),
      [3, 4, 5, 3, 3],
    );
  },
  "play through chosen frames gives each its own time and the others none": ({ clock, equal }) => {
    const pts = [0, 0.1, 0.2, 0.5, 0.6, 0.7];
    const frames = [1, 2, 4];
    const options = { frames, speed: 1, frame: 1, now: 0 };
    const play = new clock.PlayClock(pts, { ...options, direction: 1 });
    equal(
      [0, 99, 101, 399, 401, 499, 501].map((ms) => play.at(ms)),
      [1, 1, 2, 2, 4, 4, 1],
    );
    const back = new clock.PlayClock(pts, { ...options, direction: -1, frame: 4 });
    equal(
      [1, 101, 399, 401, 501].map((ms) => back.at(ms)),
      [4, 2, 2, 1, 4],
    );
    equal(Math.round(10 * play.fps), 60);
    equal(
      [0, 1, 3, 9].map((frame) => frames[play.indexOf(frame)]),
      [1, 1, 2, 4],
    );
  },
  "play backwards is play forwards in the mirror": ({ clock, equal }) => {
    const pts = [0, 0.1, 0.2, 0.3];
    const play = new clock.PlayClock(pts, { frames: clock.span(0, 3), speed: 1, direction: -1, frame: 2, now: 0 });
    equal(
      [1, 150, 250, 350].map((ms) => play.at(ms)),
      [2, 1, 0, 3],
    );
  },
  "what is under the pointer stays there while zooming": ({ zoom, near }) => {
    let view = null;
    for (const [u, v, factor] of [
      [0.2, 0.7, 2],
      [0.9, 0.1, 1.7],
      [0.5, 0.5, 0.6],
    ]) {
      const before = zoom.visiblePart(view);
      view = zoom.zoomAt(view, factor, u, v, 32);
      const after = zoom.visiblePart(view);
      near(before.left + u * before.side, after.left + u * after.side);
      near(before.top + v * before.side, after.top + v * after.side);
    }
  },
  "a view never leaves the picture, and a scale of 1 is the whole of it": ({ zoom, equal }) => {
    const corner = zoom.panBy({ scale: 4, x: 0.5, y: 0.5 }, 9, -9, 32);
    equal(corner, { scale: 4, x: 0.125, y: 0.875 });
    equal(zoom.zoomAt(corner, 0.1, 0, 0, 32), null);
    equal(zoom.zoomAt(null, 1000, 0.5, 0.5, 32).scale, 32);
    equal(zoom.panBy(null, 0.3, 0.3, 32), null);
  },
  "a point is brought into view with room around it, and one in view moves nothing": ({ zoom, equal }) => {
    const view = { scale: 4, x: 0.5, y: 0.5 };
    equal(zoom.showing(view, 0.55, 0.45, 32), view);
    equal(zoom.showing(view, 0.9, 0.5, 32), { scale: 4, x: 0.8, y: 0.5 });
    equal(zoom.showing(null, 0.9, 0.5, 32), null);
  },
  "the look of the panes comes back from its spellings, which a link can hold": ({ look, equal }) => {
    const facts = { ids: ["input", "A", "B"], nFrames: 50 };
    const chosen = {
      ...look.initialViewState(),
      zoom: { scale: 4.5, x: 0.25, y: 0.125 },
      wipe: { first: "A", second: "B", at: 0.25, isUpright: false },
      diff: "truth",
      reach: { normal: 45, energy: 0.02 },
      overlay: { opacity: 0.6, from: -1.5 },
      maps: {
        depth: { map: "magma", lo: null, hi: 8 },
        energy: { map: null, lo: -2, hi: 12.5 },
        edge2d: { map: "grey", lo: null, hi: null },
      },
      probe: [12, 255],
      size: 61.5,
    };
    const texts = look.writeViewState(chosen);
    equal(
      Object.values(texts).every((text) => /^[A-Za-z0-9.,~_-]{1,100}$/.test(text)),
      true,
    );
    equal(look.readViewState(texts, facts), chosen);
  },
  "spellings of the panes' look that make no sense leave the default": ({ look, equal }) => {
    const facts = { ids: ["input", "A", "B"], nFrames: 50 };
    const nonsense = {
      zoom: ["1~0.5~0.5", "4~2~0.5", "4~0.5", "a~b~c", "4e3~0.5~0.5", "-4~0~0"],
      wipe: ["A~A~0.5~v", "A~C~0.5~v", "A~B~2~v", "A~B~0.5~x", "A~B", "A~B~0.5~v~v"],
      diff: ["<b>", "a b"],
      reach: ["normal~0", "normal~-3", "normal", "normal~4~5", "~3", "__proto__~3"],
      overlay: ["2~0", "0.5", "x~y"],
      maps: ["depth~rainbow", "depth~magma~x", "~magma", "__proto__~magma"],
      probe: ["1", "-1~2", "1~2~3"],
      size: ["1", "200", "x"],
    };
    for (const [name, texts] of Object.entries(nonsense)) {
      for (const text of texts)
        equal([name, text, look.readViewState({ [name]: text }, facts)[name]], [name, text, look.initialViewState()[name]]);
    }
  },
  "a spelling that would be too long leaves out the oldest": ({ look, equal }) => {
    const reach = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`domain${i}`, 5]));
    const text = look.writeViewState({ ...look.initialViewState(), reach }).reach;
    equal([text.length <= 100, text.includes("domain29"), text.includes("domain0~")], [true, true, false]);
  },
  "angles, percents and differences are those of the values": ({ compose, near, equal }) => {
    const word = (r, g, b) => (r | (g << 8) | (b << 16)) >>> 0;
    const normal = { name: "normal", channels: 3, meaning: "direction", lo: -1, hi: 1, scale: "linear", unit: "" };
    near(compose.differenceOf(normal, word(255, 128, 128), word(128, 128, 255)), 90, 1);
    near(compose.differenceOf(normal, word(10, 20, 200), word(10, 20, 200)), 0);
    equal(compose.differenceOf(normal, word(128, 128, 128), word(255, 0, 0)), NaN);
    const depth = { name: "depth", channels: 1, meaning: "scalar", lo: 0.1, hi: 16, scale: "log", unit: "m" };
    near(compose.differenceOf(depth, 100, 100), 0);
    near(compose.differenceOf(depth, 101, 100), 100 * (160 ** (1 / 255) - 1));
    const shade = { ...depth, scale: "linear", lo: 0, hi: 1, unit: "" };
    near(compose.differenceOf(shade, 0, 51), -0.2);
    const rgb = { ...normal, meaning: "colour", lo: 0 };
    near(compose.differenceOf(rgb, word(255, 0, 0), word(0, 0, 0)), 1 / 3);
  },
  "what is drawn of a difference is the colour of its value, and nothing where one is unknown": ({
    compose,
    colour,
    equal,
  }) => {
    const word = (r, g, b) => (r | (g << 8) | (b << 16) | 0xff000000) >>> 0;
    const pane = (role, letter, domain) => ({ id: letter || role, role, letter, domain });
    const shade = {
      name: "shade",
      channels: 1,
      meaning: "scalar",
      lo: 0,
      hi: 1,
      scale: "linear",
      unit: "",
      colour_map: "grey",
      invalid: 13 / 255,
    };
    const panes = [
      pane("truth", "", shade),
      pane("prediction", "A", shade),
      pane("input", "", { ...shade, name: "rgb", channels: 3 }),
    ];
    const look = { diff: "auto", reach: { shade: 0.2 }, maps: {} };
    const plans = compose.plansOf(panes, look);
    equal(
      plans.map(({ role, reference }) => [role, reference]),
      [
        ["reference", -1],
        ["compared", 0],
        ["apart", -1],
      ],
    );
    const to = new Uint32Array(3);
    const grey = (code) => word(code, code, code);
    compose.drawPlan(
      plans[1],
      Uint32Array.of(grey(100), grey(202), grey(9)),
      Uint32Array.of(grey(100), grey(100), grey(13)),
      plans[0].unknown,
      to,
    );
    const at = (position) => {
      const [r, g, b] = colour.colourAt("diverging", position);
      return word(r, g, b);
    };
    equal([Math.abs((to[0] & 255) - (at(0.5) & 255)) <= 2, to[1], to[2]], [true, at(1), 0]);
  },
  "angles are drawn as finely as they are told apart": ({ compose, colour, equal }) => {
    const word = (r, g, b) => (r | (g << 8) | (b << 16) | 0xff000000) >>> 0;
    const normal = {
      name: "normal",
      channels: 3,
      meaning: "direction",
      lo: -1,
      hi: 1,
      scale: "linear",
      unit: "",
      colour_map: "none",
      invalid: 0.502,
    };
    const panes = [
      { id: "A", letter: "A", domain: normal },
      { id: "B", letter: "B", domain: normal },
    ];
    const [, plan] = compose.plansOf(panes, { diff: "auto", reach: { normal: 40 }, maps: {} });
    const to = new Uint32Array(1);
    for (const [own, other] of [
      [word(128, 10, 140), word(120, 8, 160)],
      [word(30, 60, 200), word(60, 60, 200)],
      [word(1, 128, 128), word(255, 128, 128)],
    ]) {
      compose.drawPlan(plan, Uint32Array.of(own), Uint32Array.of(other), -1, to);
      const [r, g, b] = colour.colourAt("magma", compose.differenceOf(normal, own, other) / 40);
      equal(
        [0, 8, 16].map((shift, i) => Math.abs(((to[0] >>> shift) & 255) - [r, g, b][i]) <= 3),
        [true, true, true],
      );
    }
  },
  "a reference is truth where there is one, else A, and one of another domain compares nothing": ({
    compose,
    equal,
  }) => {
    const pane = (role, letter, name) => ({ role, letter, domain: { name } });
    const panes = [
      pane("input", "", "rgb"),
      pane("prediction", "A", "normal"),
      pane("prediction", "B", "normal"),
      pane("readout", "A", "depth"),
      pane("truth", "", "depth"),
    ];
    const references = (wish) => panes.map((_, index) => compose.referenceOf(panes, index, wish));
    equal(references("auto"), [-1, 1, 1, 4, 4]);
    equal(references("B"), [-1, 2, 2, -1, -1]);
    equal(references("truth"), [-1, -1, -1, 4, 4]);
  },
  "values are said in the unit of their domain with half a step": ({ probe, equal }) => {
    const depth = { channels: 1, meaning: "scalar", lo: 0.1, hi: 16, scale: "log", unit: "m" };
    equal(
      [0, 128, 255].map((code) => probe.valueText(depth, code)),
      ["0.100 ±0.001 m", "1.28 ±0.01 m", "16.0 ±0.2 m"],
    );
    const energy = { channels: 1, meaning: "scalar", lo: -8, hi: 24, scale: "linear", unit: "σ" };
    equal(probe.valueText(energy, 64), "0.03 ±0.06 σ");
    const normal = { channels: 3, meaning: "direction", lo: -1, hi: 1, scale: "linear", unit: "" };
    equal(probe.valueText(normal, 255 | (128 << 8) | (128 << 16)), "1.000 0.004 0.004 ±0.004");
    equal(probe.valueText(normal, 128 | (128 << 8) | (128 << 16)), "no direction");
  },
  "the range of a frame holds nearly all of its values": ({ scales, equal }) => {
    const domain = { lo: 0, hi: 255, scale: "linear" };
    const words = Uint32Array.from({ length: 1000 }, (_, i) => (i < 5 ? 0 : i < 995 ? 50 + (i % 101) : 255));
    equal(scales.rangeOf(domain, [{ words, unknown: -1 }]), { lo: 50, hi: 150 });
    equal(scales.rangeOf(domain, [{ words: new Uint32Array(9), unknown: -1 }]), null);
    equal(scales.rangeOf(domain, []), null);
  },
  "pixels without a value stretch neither a range nor the end of the differences": ({ scales, compose, equal }) => {
    const domain = { lo: 0, hi: 255, scale: "linear", channels: 1, unit: "" };
    const truth = Uint32Array.from({ length: 1000 }, (_, i) => (i < 200 ? 255 : 50 + (i % 101)));
    const own = { words: truth.map((word) => (word === 255 ? 100 : word + 3)), unknown: -1 };
    equal(scales.rangeOf(domain, [{ words: truth, unknown: 255 }]), { lo: 51, hi: 150 });
    equal(compose.reachOf(domain, own, { words: truth, unknown: 255 }), 3);
    equal(compose.reachOf(domain, { words: truth, unknown: 255 }, own), 3);
  },
  "what is drawn over is mixed channel by channel": ({ compose, equal }) => {
    const word = (r, g, b, a) => (r | (g << 8) | (b << 16) | (a << 24)) >>> 0;
    const to = Uint32Array.of(word(200, 0, 100, 255), word(1, 2, 3, 255), 0, word(9, 9, 9, 255));
    const table = Uint32Array.of(0, word(0, 255, 200, 128), word(7, 8, 9, 255));
    compose.drawOver(table, Uint32Array.of(1, 0, 1, 2), to);
    equal([...to], [word(99, 128, 150, 255), word(1, 2, 3, 255), word(0, 255, 200, 128), word(7, 8, 9, 255)]);
  },
  "an overlay is nothing below its threshold": ({ compose, equal }) => {
    const domain = { lo: -8, hi: 24, scale: "linear", unit: "σ", colour_map: "inferno" };
    const table = compose.overlayTable(domain, { ...domain, lo: 0, hi: 8 }, { opacity: 0.5, from: 2 });
    const code = Math.ceil((255 * 10) / 32);
    equal([table[code - 1], table[code] >>> 24, table[255] >>> 24], [0, 128, 128]);
  },
  "in one row where rows would make pictures small": ({ layout, equal }) => {
    const panes = [
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 1],
      [1, 2],
    ].map(([row, column]) => ({ row, column }));
    const low = layout.gridLayout(panes, { width: 1240, height: 340, aspect: 1 });
    equal([new Set(low.rects.map(({ y }) => y)).size, low.rects[0].width > 230, low.height <= 340], [1, true, true]);
    equal(new Set(layout.gridLayout(panes, { width: 1240, height: 900, aspect: 1 }).rects.map(({ y }) => y)).size, 2);
  },
  "a look is what its spellings say, and the default has none": ({ look, equal }) => {
    const facts = { ids: ["input", "A", "B"], nFrames: 50 };
    const more = {
      span: [3, 20],
      hide: "AC",
      gap: { of: "error2", against: "D" },
      region: [1, 0, 7, 1],
      panel: "worst",
      rank: { by: "energy", pane: "A2" },
      paths: "C",
      brush: { plot: "pair", box: [-1.5, 2, 1e-7, 3] },
    };
    const chosen = { ...look.initialViewState(), loop: [3, 49], solo: "B", ...more };
    equal(look.readViewState(look.writeViewState(chosen), facts), chosen);
    equal(look.writeViewState(look.initialViewState()), {});
    equal(look.readViewState({}, facts), look.initialViewState());
  },
  "spellings that make no sense for this clip leave the default": ({ look, equal }) => {
    const facts = { ids: ["input", "A"], nFrames: 50 };
    for (const loop of ["3-50", "9-3", "4-4", "-1-3", "a", "", "1-2-3", null, 7, ["1-2"]]) {
      equal(look.readViewState({ loop }, facts).loop, null);
    }
    const nonsense = {
      region: ["1-2-0-4", "1-2-3", "a"],
      panel: ["nope"],
      rank: ["energy", "a.b.c"],
      paths: ["AB", "Z"],
      brush: ["pair~1~2~3", "pair~2~1~0~1", "all~0~1~0~1", "pair~a~1~0~1"],
      hide: ["Z"],
      gap: ["energy.A"],
      span: ["9-3"],
    };
    for (const [name, texts] of Object.entries(nonsense)) {
      for (const text of texts) equal(look.readViewState({ [name]: text }, facts), look.initialViewState());
    }
    equal(look.readViewState({ solo: "B", constructor: "x", toString: "1" }, facts), look.initialViewState());
  },
  "a clip of one frame has a duration": ({ clock, equal }) => {
    const play = new clock.PlayClock([5], { frames: clock.span(0, 0), speed: 4, direction: 1, frame: 0, now: 0 });
    equal(
      [0, 10, 1000].map((ms) => play.at(ms)),
      [0, 0, 0],
    );
  },
  "a rate is known after a second and forgets after another": ({ clock, equal }) => {
    const meter = new clock.RateMeter();
    meter.reset(0);
    for (let ms = 50; ms <= 1000; ms += 50) meter.add(ms);
    equal([meter.rate(500), meter.rate(1000), meter.rate(3000)], [null, 20, 0]);
  },
  "frames ahead go round in the direction of play": ({ clock, equal }) => {
    const frames = clock.span(0, 9);
    equal(clock.framesToPlay(8, { frames, direction: 1, count: 4 }), [9, 0, 1, 2]);
    equal(clock.framesToPlay(1, { frames, direction: -1, count: 3 }), [0, 9, 8]);
    equal(clock.framesToPlay(5, { frames: [2, 5, 9], direction: 1, count: 9 }), [9, 2]);
    equal(clock.framesToPlay(0, { frames: [0], direction: 1, count: 5 }), []);
    equal(clock.framesAround(1, { first: 0, last: 9, count: 5 }), [2, 0, 3, 4, 5]);
    equal(clock.framesAround(0, { first: 0, last: 0, count: 5 }), []);
  },
  "peaks are local, high and apart": ({ clock, equal }) => {
    const curve = Array.from({ length: 60 }, (_, i) => Math.sin((2 * Math.PI * i) / 20));
    equal(clock.findPeaks(curve), [5, 25, 45]);
    equal(clock.findPeaks([1, 1, 1, 1]), []);
    equal(clock.findPeaks([NaN, NaN]), []);
  },
  "times are written with minutes once there are some": ({ clock, equal }) => {
    equal([0, 1.5, 83.5, NaN].map(clock.formatTime), ["0.000 s", "1.500 s", "1:23.500", ""]);
  },
  "a header names every image by its bytes": ({ pack, equal }) => {
    const text = JSON.stringify({
      codec: "png",
      width: 2,
      height: 1,
      channels: 3,
      n: 3,
      sizes: [5, 7, 2],
      columns: {},
    });
    const bytes = new Uint8Array(12 + text.length);
    bytes.set(new TextEncoder().encode("XCPACK01"));
    new DataView(bytes.buffer).setUint32(8, text.length, true);
    bytes.set(new TextEncoder().encode(text), 12);
    const end = bytes.length;
    equal(pack.headerEnd(bytes), end);
    equal(pack.parseHeader(bytes).offsets, [end, end + 5, end + 12, end + 14]);
    equal(pack.blockRange(pack.parseHeader(bytes), 0), { first: 0, stop: 3, start: end, end: end + 14 });
  },
  "a column is the numbers of its bytes, halves included": ({ pack, equal }) => {
    const columns = { a: { dtype: "<f2", shape: [1, 6], offset: 9 }, b: { dtype: "<f8", shape: [1], offset: 21 } };
    const header = { codec: "png", width: 1, height: 1, channels: 1, offsets: [100, 109], columns };
    const { start, end } = pack.columnRange(header, "a");
    equal([start, end], [109, 121]);
    const halves = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7bff, 0x0000, 0x3555]);
    const values = pack.readColumn(new Uint8Array(halves.buffer), pack.columnRange(header, "a"));
    equal([...values], [1, -2, 2 ** -24, 65504, 0, 0.333251953125]);
    const whole = new Uint8Array(new Float64Array([-0.1]).buffer);
    equal([...pack.readColumn(whole, pack.columnRange(header, "b"))], [-0.1]);
  },
  "a damaged column is refused in words": ({ pack, throws }) => {
    const good = { dtype: "<f4", shape: [1, 2], offset: 9 };
    const header = (column) => ({
      codec: "png",
      width: 1,
      height: 1,
      channels: 1,
      offsets: [0, 9],
      columns: { c: column },
    });
    pack.columnRange(header(good), "c");
    throws(() => pack.columnRange(header(good), "toString"), "no column");
    throws(() => pack.columnRange({ ...header(good), columns: undefined }, "c"), "no column");
    for (const wrong of [
      { dtype: "<i4" },
      { shape: [2, 2] },
      { shape: [1, -2] },
      { shape: 3 },
      { offset: 8 },
      { shape: [1, 2e9] },
    ]) {
      throws(() => pack.columnRange(header({ ...good, ...wrong }), "c"), "damaged");
    }
    throws(() => pack.columnRange(header(null), "c"), "damaged");
    throws(() => pack.readColumn(new Uint8Array(7), pack.columnRange(header(good), "c")), "less than");
  },
  "what is no pack is refused in words": ({ pack, throws }) => {
    throws(() => pack.headerEnd(new TextEncoder().encode("GIF89a, surely")), "not a pack");
    throws(() => pack.headerEnd(new Uint8Array(3)), "not a pack");
    const huge = new Uint8Array(12);
    huge.set(new TextEncoder().encode("XCPACK01"));
    huge.fill(255, 8);
    throws(() => pack.headerEnd(huge), "damaged");
    huge.set([4, 0, 0, 0], 8);
    throws(() => pack.parseHeader(Uint8Array.from([...huge, 123, 123, 123, 123])), "damaged");
  },
  "previews stand where the header says, and ones that do not fit are none": ({ pack, equal }) => {
    const header = (previews) => {
      const text = JSON.stringify({
        codec: "png",
        width: 2,
        height: 2,
        channels: 3,
        sizes: [5, 7],
        columns: {},
        previews,
      });
      return [
        pack.parseHeader(
          new Uint8Array([...bytesOf("XCPACK01"), text.length, text.length >> 8, 0, 0, ...bytesOf(text)]),
        ),
        12 + text.length,
      ];
    };
    const [found, end] = header({ codec: "jpeg", sizes: [2, 3], offset: 20 });
    equal(found.previews, { codec: "jpeg", offsets: [end + 20, end + 22, end + 25] });
    equal(pack.blockRange(found.previews, 0), { first: 0, stop: 2, start: end + 20, end: end + 25 });
    const good = { codec: "jpeg", sizes: [2, 3], offset: 20 };
    for (const bad of [
      { codec: "gif" },
      { sizes: [2] },
      { sizes: [2, 0] },
      { sizes: null },
      { offset: 11 },
      { offset: 20.5 },
    ]) {
      equal(header({ ...good, ...bad })[0].previews, null);
    }
    equal([header(undefined)[0].previews, header(null)[0].previews, header([])[0].previews], [null, null, null]);
  },
  "a line is as fast as what it brings while it is asked, however many ask at once": ({ tiers, equal, near }) => {
    let now = 0;
    const line = new tiers.Bandwidth(() => now);
    equal(line.bytesPerSecond, null);
    line.begin();
    line.begin();
    now = 200;
    line.add(1000);
    equal(line.bytesPerSecond, null);
    for (let i = 0; i < 100; i += 1) {
      now += 10;
      line.add(2000);
      line.add(2000);
    }
    near(line.bytesPerSecond, 400_000, 20_000);
    line.end();
    line.end();
    const known = line.bytesPerSecond;
    now += 60_000; // nobody asked
    equal(line.bytesPerSecond, known);
    line.begin();
    now += 1000; // nothing came
    equal(line.bytesPerSecond < known / 10, true);
  },
  "a line that changes is known by what it brought of late, also after a fast start": ({ tiers, near }) => {
    let now = 0;
    const line = new tiers.Bandwidth(() => now);
    line.begin();
    for (const [rate, ms] of [
      [5e7, 100],
      [1e6, 1500],
      [1e5, 1500],
      [1e6, 1500],
    ]) {
      for (let passed = 0; passed < ms; passed += 10) {
        now += 10;
        line.add(rate / 100);
      }
      near(line.bytesPerSecond, rate, rate / 2);
    }
  },
  "play asks for what the line can bring, and does not go to and fro": ({ tiers, equal }) => {
    const facts = { bytesPerSecond: 1e6, frameBytes: 30_000, fps: 30, before: "exact" };
    equal(tiers.tierOfPlay(facts), "exact");
    equal(tiers.tierOfPlay({ ...facts, before: "preview" }), "preview");
    equal(tiers.tierOfPlay({ ...facts, before: "preview", bytesPerSecond: 1.5e6 }), "exact");
    equal(tiers.tierOfPlay({ ...facts, frameBytes: 35_000 }), "preview");
    equal(tiers.tierOfPlay({ ...facts, fps: 60 }), "preview");
    for (const before of ["exact", "preview"]) {
      equal(tiers.tierOfPlay({ ...facts, before, bytesPerSecond: null }), before);
      equal(tiers.tierOfPlay({ ...facts, before, frameBytes: null }), before);
    }
  },
  "one waits long for a block that takes longer than a moment": ({ tiers, equal }) => {
    const facts = { bytesPerSecond: 1e6, frameBytes: 25_000, blockFrames: 16 };
    equal(tiers.isLongWait(facts), true);
    equal(tiers.isLongWait({ ...facts, bytesPerSecond: 2e6 }), false);
    equal(tiers.isLongWait({ ...facts, bytesPerSecond: null }), false);
    equal(tiers.isLongWait({ ...facts, frameBytes: null }), false);
  },
  "play is late where a tenth of what was due is missing, whatever the rate": ({ clock, equal }) => {
    const judge = (fps, isShown, seconds = 10, screen = 60) => {
      const play = new clock.Punctuality();
      play.reset(0);
      let [due, verdicts, shownBefore] = [-1, 0, -1];
      for (let tick = 0; tick <= seconds * screen; tick += 1) {
        const now = Math.floor((tick / screen) * fps);
        const shown = isShown(now) ? now : shownBefore;
        verdicts += play.tick((1000 * tick) / screen, now !== due, shown !== shownBefore) ? 1 : 0;
        [due, shownBefore] = [now, shown];
      }
      return verdicts;
    };
    for (const fps of [0.5, 1, 3, 7.5, 30, 60, 120]) equal([fps, judge(fps, () => true)], [fps, 0]);
    equal(
      judge(30, () => true, 10, 25),
      0,
    ); // a slow screen
    equal(
      judge(30, (frame) => frame % 15 !== 0),
      0,
    );
    equal(judge(30, (frame) => frame % 2 === 0) >= 9, true);
  },
  "a window that was hidden was not late": ({ clock, equal }) => {
    const play = new clock.Punctuality();
    play.reset(0);
    for (let tick = 0; tick < 20; tick += 1) play.tick(16 * tick, true, false);
    equal([play.tick(60_000, true, true), play.tick(60_016, true, true)], [false, false]);
  },
  "the pack of a frame is found at its edges": ({ pack, equal }) => {
    const packs = [
      { start: 0, n_frames: 10 },
      { start: 10, n_frames: 3 },
      { start: 13, n_frames: 1 },
    ];
    equal(
      [-1, 0, 9, 10, 12, 13, 14].map((frame) => pack.packOf(packs, frame)),
      [-1, 0, 0, 1, 1, 2, -1],
    );
  },
  "the least recently used goes first, the newest never": ({ pack, equal }) => {
    const dropped = [];
    const lru = new pack.ByteLru(10, (value) => dropped.push(value));
    lru.set("a", "A", 4);
    lru.set("b", "B", 4);
    lru.get("a");
    lru.set("c", "C", 4);
    equal([dropped, lru.bytes], [["B"], 8]);
    lru.set("d", "D", 99);
    equal([dropped, lru.bytes, lru.get("d")], [["B", "A", "C"], 99, "D"]);
    lru.clear();
    equal(lru.bytes, 0);
  },
  "codes become the physical values of their domain": ({ colour, near }) => {
    near(colour.physicalValue({ lo: 0.1, hi: 16, scale: "log" }, 0), 0.1);
    near(colour.physicalValue({ lo: 0.1, hi: 16, scale: "log" }, 1), 16);
    near(colour.physicalValue({ lo: -1, hi: 1, scale: "linear" }, 0.5), 0);
  },
  "a logarithmic scale without a logarithm has no ticks and no values": ({ colour, equal }) => {
    for (const [lo, hi] of [
      [0, 1],
      [-1, 1],
      [NaN, 1],
      [1, NaN],
      [null, 1],
      [1, Infinity],
      [2, 1],
      [1, 1],
    ]) {
      equal(colour.legendTicks({ lo, hi, scale: "log" }), []);
      equal(colour.formatValue(colour.physicalValue({ lo, hi, scale: "log" }, 0.5)), "–");
    }
  },
  "a diverging map has its middle at zero whatever the range": ({ colour, near }) => {
    const scale = { lo: -8, hi: 24, scale: "linear", unit: "", colour_map: "diverging" };
    near(colour.mapPosition(scale, 0.25), 0.5);
    near(colour.mapPosition(scale, 1), 1);
    near(colour.mapPosition(scale, 0), 0.5 - 8 / 48);
  },
  "a grey domain is shown as it is stored, an unknown map as viridis": ({ colour, equal }) => {
    equal(colour.lookupTable({ lo: 0, hi: 1, scale: "linear", unit: "", colour_map: "grey" }), null);
    equal(colour.mapName("no such map"), "viridis");
    equal(colour.mapName("constructor"), "viridis");
  },
  "legends mark powers of ten and zero": ({ colour, equal }) => {
    equal(
      colour.legendTicks({ lo: 0.1, hi: 16, scale: "log" }).map(({ value }) => value),
      [1, 10],
    );
    equal(colour.legendTicks({ lo: -8, hi: 24, scale: "linear" }), [{ position: 0.25, value: 0 }]);
    equal(colour.legendTicks({ lo: 0, hi: 1, scale: "linear" }), []);
  },
  "values keep three digits": ({ colour, equal }) => {
    equal([0, 1.23456, 0.5, 1234, NaN, 1e-7].map(colour.formatValue), ["0", "1.23", "0.5", "1230", "–", "1.0e-7"]);
  },
  "panes stand where they are asked to, in rows of one height": ({ layout, equal }) => {
    const panes = [
      { row: 0, column: 0 },
      { row: 0, column: 2 },
      { row: 3, column: 2 },
    ];
    const { rects, headingPx } = layout.gridLayout(panes, { width: 810, height: 5000, aspect: 2 });
    equal(
      rects.map(({ x }) => x),
      [0, 410, 410],
    );
    equal(
      rects.map(({ width, height }) => [width, height]),
      Array(3).fill([400, 200]),
    );
    equal(rects[2].y - rects[1].y, 200 + headingPx + layout.GAP_PX);
  },
  "a low window makes panes smaller, but never too small to see": ({ layout, equal }) => {
    const panes = [
      { row: 0, column: 0 },
      { row: 1, column: 0 },
    ];
    const low = layout.gridLayout(panes, { width: 1000, height: 700, aspect: 1 });
    equal(low.height <= 700 && low.rects[0].width > 250, true);
    equal(layout.gridLayout(panes, { width: 1000, height: 50, aspect: 1 }).rects[0].width, layout.MIN_PANE_PX);
  },
  "on a narrow screen the grid wraps in reading order": ({ layout, equal }) => {
    const panes = [0, 1, 2, 3].map((column) => ({ row: 0, column }));
    const { rects, width } = layout.gridLayout(panes, { width: 340, height: 400, aspect: 1 });
    equal(
      rects.every(({ x, width: own }) => x >= 0 && x + own <= width),
      true,
    );
    equal([rects[0].y === rects[1].y, rects[2].y > rects[1].y, rects[2].y === rects[3].y], [true, true, true]);
  },
  "one pane alone has the room of all": ({ layout, equal }) => {
    const panes = [0, 1, 2, 3].map((column) => ({ row: 0, column }));
    const { rects } = layout.gridLayout(panes, { width: 800, height: 2000, aspect: 1, solo: 2 });
    equal([rects[0], rects[1], rects[3], rects[2].width], [null, null, null, 800]);
  },
  "keys are found with Shift, without Alt, and never r or c": ({ keys, equal }) => {
    const press = (key, more = {}) =>
      keys.bindingOf({ key, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more });
    const does = (binding) => binding && [binding.action, binding.value];
    equal(does(press(" ")), ["toggle", undefined]);
    equal(does(press("N", { shiftKey: true })), ["peak", -1]);
    equal(does(press("N")), ["peak", 1]); // Caps Lock
    equal(does(press("?", { shiftKey: true })), ["help", undefined]);
    equal(does(press("ArrowLeft", { shiftKey: true })), ["step", -10]);
    equal([press("ArrowLeft", { altKey: true }), press("r"), press("c"), press("Tab")], [null, null, null, null]);
  },
  "brackets are found where a keyboard has them behind Alt or AltGr": ({ keys, equal }) => {
    const press = (key, more) =>
      keys.bindingOf({ key, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more })?.action;
    equal(press("[", { altKey: true }), "loopIn"); // Option + 5, a German Mac
    equal(press("]", { altKey: true, ctrlKey: true }), "loopOut"); // AltGr + 9, German Windows
    equal(press("\\", { altKey: true, shiftKey: true }), "loopClear");
    const ofTheBrowser = [{ ctrlKey: true }, { metaKey: true }, { metaKey: true, altKey: true }];
    equal(
      ofTheBrowser.map((more) => press("[", more)),
      [undefined, undefined, undefined],
    );
    equal(press("n", { altKey: true }), undefined);
  },
  "where no Latin letter can be typed, keys are found by their place": ({ keys, equal }) => {
    const press = (key, code, shiftKey = false) =>
      keys.bindingOf({ key, code, shiftKey, altKey: false, ctrlKey: false, metaKey: false })?.action;
    const latin = (key, shiftKey = false) => press(shiftKey ? key.toUpperCase() : key, "", shiftKey);
    equal(
      [press("т", "KeyN"), press("Т", "KeyN", true), press("ν", "KeyN")],
      [latin("n"), latin("n", true), latin("n")],
    );
    equal([press("ü", "KeyN"), press("ł", "KeyN")], [undefined, undefined]);
  },
  "a slider has the keys of a slider, and only a slider": ({ keys, equal }) => {
    const press = (key, isOnSlider) =>
      keys.bindingOf({ key, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false }, isOnSlider)?.value;
    const names = ["ArrowUp", "ArrowDown", "PageUp", "PageDown", "ArrowLeft"];
    equal(
      names.map((key) => press(key, true)),
      [1, -1, 10, -10, -1],
    );
    equal(
      names.map((key) => press(key, false)),
      [undefined, undefined, undefined, undefined, -1],
    );
  },
  "no key has two meanings and every line of the help has one": ({ keys, equal }) => {
    const all = keys.BINDINGS.flatMap((binding) => binding.keys);
    equal(new Set(all).size, all.length);
    equal(
      keys.helpLines().every(({ label, help }) => label && help),
      true,
    );
  },
  "who is lower is counted over the range, where both are known": ({ curves, equal }) => {
    const a = [1, 2, 3, NaN, 5];
    const b = [2, 1, 2, 0, 5];
    equal(curves.wins(a, b, [0, 4]), { a: 1, b: 2, frames: 4 });
    equal(curves.wins(a, b, [0, 0]), { a: 1, b: 0, frames: 1 });
    const words = (range) => curves.winsSentence(["A", "B"], curves.wins(a, b, range));
    equal(words([0, 4]), "B lower on 50 % of 4 frames");
    equal(words([0, 0]), "A lower on 100 % of 1 frames");
    equal(words([0, 1]), "Each lower on 50 % of 2 frames");
    equal([words([4, 4]), words([3, 3])], ["Both equal on all 1 frames", "No frame has a value for both"]);
  },
  "percent are whole, and 0 and 100 only where they are exact": ({ curves, equal }) => {
    const shares = [
      [0, 7],
      [7, 7],
      [1, 8],
      [3, 8],
      [1, 1000],
      [999, 1000],
      [1, 10000],
      [9999, 10000],
    ];
    const words = ["0 %", "100 %", "12 %", "38 %", "0.1 %", "99.9 %", "< 0.1 %", "> 99.9 %"];
    equal(
      shares.map(([count, whole]) => curves.percent(count, whole)),
      words,
    );
  },
  "the two sides of a curve meet where it crosses 0": ({ curves, equal }) => {
    const { x, above, below } = curves.sides([1, -3, NaN, 2]);
    equal(x, [0, 0.25, 1, 2, 3]);
    equal(above, [1, 0, 0, null, 2]);
    equal(below, [0, 0, -3, null, 0]);
  },
  "the highest frames are apart and in the range": ({ curves, equal }) => {
    const values = [0, 9, 8, 1, 2, 7, NaN, 3];
    equal(curves.highest(values, 3, [0, 7], 2), [1, 5, 7]);
    equal(curves.highest(values, 2, [2, 4], 1), [2, 4]);
    equal(curves.highest([NaN], 2, [0, 0]), []);
  },
  "a cell has the highest of the frames that share it": ({ curves, equal }) => {
    equal([...curves.cellMaxima([1, 5, 2, 3, NaN, 0], 3)], [5, 3, 0]);
    equal([...curves.cellMaxima([1, 2], 4)], [1, 1, 2, 2]);
    // No frame is lost where cells and frames do not fit.
    equal([...curves.cellMaxima([0, 0, 9, 0, 0], 2)], [9, 9]);
  },
  "a zoomed axis keeps the frame in its place and never leaves the clip": ({ curves, equal }) => {
    equal(curves.zoomSpan(null, 0.5, 50, 101), [25, 75]);
    equal(curves.zoomSpan(null, 0.5, 0, 100), [0, 49]);
    equal(curves.zoomSpan(null, 0.5, 99, 100), [50, 99]);
    equal(curves.zoomSpan([10, 29], 0.001, 20, 100), [16, 23]);
    equal(curves.zoomSpan([10, 29], 100, 20, 100), null);
    equal(curves.zoomSpan(null, 0.5, 2, 5), null);
    equal(curves.moveSpan([10, 19], -30, 100), [0, 9]);
  },
  "a zoomed axis follows the frame and keeps its length": ({ curves, equal }) => {
    const span = [10, 29];
    equal(curves.followSpan(span, 15, 100) === span, true);
    for (const frame of [0, 9, 30, 31, 99]) {
      const [first, last] = curves.followSpan(span, frame, 100);
      equal([last - first, first <= frame && frame <= last, first >= 0 && last <= 99], [19, true, true]);
    }
  },
  "energies of a region stand in for those of the frame, and go again": ({ curves, equal }) => {
    const model = new curves.Curves();
    let told = 0;
    model.onChange(() => (told += 1));
    const trace = (letter, y) => ({ y, meta: { letter, unit: "σ" } });
    model.set([{ id: "energy", title: "Energy", figure: { data: [trace("A", [1, 2]), trace("B", [3, 4])] } }], 2);
    model.setRegion({ byLetter: new Map([["B", new Float64Array([7, 8])]]), note: "region" });
    equal(
      [...model.main().byLetter].map(([letter, y]) => [letter, ...y]),
      [
        ["A", 1, 2],
        ["B", 7, 8],
      ],
    );
    model.setRegion(null);
    equal([...model.main().byLetter.get("B")], [3, 4]);
    equal(told, 3);
  },
  "shares of paths sum to the energy, and a band is found above and below 0": ({ paths, equal }) => {
    const track = { mu: [1, 10, 0], sigma: [1, 10, 0.5] };
    const shares = paths.sharesOf([4, 20, -1.5, 1, 10, 0], 3, track);
    equal(
      shares.map((own) => [...own]),
      [
        [1, 0],
        [1 / 3, 0],
        [-1, 0],
      ],
    );
    equal(
      paths.sharesOf([3, 6], 2, null).map((own) => [...own]),
      [[1.5], [3]],
    );
    const here = [2, -1, 1, -3];
    equal(
      [1, 1.9, 2.5, 3.1, -0.5, -2, -4.5].map((value) => paths.bandAt(here, value)),
      [0, 0, 2, -1, 1, 3, -1],
    );
  },
  "a box of a scatter plot holds the frames of any of its points": ({ scatter, equal }) => {
    const points = [
      { letter: "A", x: [0, 1, 2, NaN], y: [0, 1, 2, 1] },
      { letter: "B", x: [5, 5, 1, 1], y: [5, 5, 5, 1] },
    ];
    equal(scatter.framesInside({ points }, [0.5, 1.5, 0.5, 1.5]), [1, 3]);
    equal(scatter.limits({ points: [{ letter: "", x: [NaN], y: [1] }], isSquare: false }), null);
    const [x0, x1, y0, y1] = scatter.limits({ points, isSquare: true });
    equal([x0 === y0, x1 === y1, x0 < 0, x1 > 5], [true, true, true, true]);
    equal(scatter.roundTicks(-0.13, 0.42, 5), [0, 0.2, 0.4]);
  },
  "blocks count by the part of the box that they are": ({ region, near, equal }) => {
    const size = { width: 8, height: 4 };
    const whole = region.blockWeights([0, 0, 8, 4], size, [2, 2]);
    equal(
      whole,
      [0, 1, 2, 3].map((index) => ({ index, weight: 0.25 })),
    );
    equal(region.blockWeights([0, 0, 1, 1], size, [2, 2]), [{ index: 0, weight: 1 }]);
    equal(region.blockWeights([3, 0, 4, 2], size, [2, 2]), [
      { index: 0, weight: 0.25 },
      { index: 1, weight: 0.75 },
    ]);
    // Blocks of no whole number of pixels: 32 over a side of 37.
    const odd = region.blockWeights([5, 7, 11, 20], { width: 37, height: 50 }, [32, 32]);
    near(
      odd.reduce((sum, { weight }) => sum + weight, 0),
      1,
    );
  },
  "energies of blocks are standardised by path, and their mean is that of the frame": ({ region, near, equal }) => {
    const values = [1, 2, 3, 4, 10, 20, 30, 40]; // 1 frame, 2 paths, 2 x 2 blocks
    const cells = region.blockEnergies(values, [1, 2, 2, 2], { mu: [1, 10], sigma: [1, 10] });
    equal([...cells], [0, 1, 2, 3]);
    equal([...region.blockEnergies(values, [1, 2, 2, 2], null)], [5.5, 11, 16.5, 22]);
  },
  "means inside a box are those of its pixels alone": ({ region, near }) => {
    const codes = new ImageData(3, 2);
    [0, 51, 102, 153, 204, 255].forEach((code, i) => (codes.data[4 * i] = code));
    near(region.meanInside(codes, [1, 0, 2, 2], { lo: -1, hi: 4 }), (0 + 1 + 3 + 4) / 4);
    near(region.meanInside(codes, [0, 1, 1, 1], { lo: -1, hi: 4 }), 2);
  },
  "a box is between two points in any order, whole pixels, inside": ({ region, equal }) => {
    const size = { width: 10, height: 8 };
    equal(region.boxBetween({ x: 6.2, y: 3.9 }, { x: 2.5, y: 1.1 }, size), [2, 1, 5, 3]);
    equal(region.boxBetween({ x: 4.9, y: 4.9 }, { x: 4.1, y: 4.1 }, size), [4, 4, 1, 1]);
    equal(region.boxBetween({ x: -5, y: 2 }, { x: 50, y: 70 }, size), [0, 2, 10, 6]);
    equal(region.insideOf([8, -3, 5, 99], size), [5, 0, 5, 8]);
    equal([region.boxName([3, 4, 1, 1]), region.boxName([3, 4, 2, 1])], ["pixel 3, 4", "region 3, 4 to 4, 4"]);
  },
  "figure arrays are read plain and packed, by their x": ({ curves, equal }) => {
    const packed = {
      dtype: "f4",
      bdata: btoa(String.fromCharCode(...new Uint8Array(new Float32Array([1, 2]).buffer))),
    };
    equal(Array.from(curves.decodeArray(packed)), [1, 2]);
    equal(Array.from(curves.byFrame({ y: packed, x: [2, 0] }, 3)).map(String), ["2", "NaN", "1"]);
    equal(Array.from(curves.byFrame({ y: [1, null, 3] }, 3)).map(String), ["1", "NaN", "3"]);
  },
  "a frame is loaded of every track, and known from then on": async ({ frames, equal }) => {
    await withServer(async ({ tracks, asked }) => {
      const loader = new frames.FrameLoader();
      loader.setTracks(tracks("a", "b"));
      equal(loader.peek(3), null);
      const pictures = await loader.load(3);
      equal(
        pictures.map(({ codes, error }) => [codes.width, error]),
        [
          [2, null],
          [2, null],
        ],
      );
      equal(
        loader.peek(3).map((picture, index) => picture === pictures[index]),
        [true, true],
      );
      equal(asked.length, 4); // a header and a block of each
      equal(loader.loadedSpans(20), [[0, 16]]);
      loader.close();
      equal(loader.peek(3), null);
    });
  },
  "a whole file where a part was asked for is not kept whole": async ({ frames, equal }) => {
    await withServer(async ({ tracks, server }) => {
      server.hasRanges = false;
      const loader = new frames.FrameLoader();
      loader.setTracks(tracks("a"));
      await loader.load(3);
      const [{ value }] = [...loader.blocks.entries.values()];
      equal(value.bytes.buffer.byteLength, value.bytes.length);
      loader.close();
    });
  },
  "a failure is told, remembered for a while, and then asked again": async ({ frames, equal }) => {
    await withServer(async ({ tracks, asked, server }) => {
      const loader = new frames.FrameLoader();
      loader.setTracks(tracks("a"));
      server.isAway = true;
      equal((await loader.load(3))[0].error, frames.UNREACHABLE);
      const nAsked = asked.length;
      server.isAway = false;
      equal((await loader.load(3))[0].error, frames.UNREACHABLE);
      equal(asked.length, nAsked);
      for (const failure of loader.failures.values()) failure.until = 0;
      equal((await loader.load(3))[0].error, null);
      loader.close();
    });
  },
  "a new aim calls off what was fetched for another place, but no seek": async ({ frames, equal }) => {
    await withServer(async ({ tracks, server }) => {
      const loader = new frames.FrameLoader();
      loader.setTracks(tracks("a", "b"));
      await loader.load(0);
      server.isHolding = true;
      loader.prefetch(0, { frames: [20], direction: 0, last: 199 });
      const sought = loader.load(40);
      await server.held(4);
      loader.prefetch(150, { frames: [], direction: 0, last: 199 });
      equal(
        server.aborted().map(({ start }) => start > 0),
        [true, true],
      );
      server.release();
      equal(
        (await sought).map(({ error }) => error),
        [null, null],
      );
      loader.close();
    });
  },
  "what is fetched ahead leaves room for the block that is looked at": ({ frames, equal }) => {
    const loader = new frames.FrameLoader();
    loader.tracks = [{ key: "a", packs: [{ url: "a", start: 0, n_frames: 256 }] }];
    const steps = (bytes) => {
      loader.frameBytes = () => bytes;
      return loader.nearBlocks(100, 0, 255, "exact").steps.map(([{ block }]) => block);
    };
    equal([steps(null).length, steps(1000).length], [9, 9]);
    equal(steps(loader.blocks.budget / 16 / 3.5), [6, 7, 5]);
    equal(steps(loader.blocks.budget), [6]);
  },
  "a seek that joins a prefetch which is called off still gets its frame": async ({ frames, equal }) => {
    await withServer(async ({ tracks, server }) => {
      const loader = new frames.FrameLoader();
      loader.setTracks(tracks("a"));
      await loader.load(0);
      server.isHolding = true;
      loader.prefetch(0, { frames: [20], direction: 0, last: 199 });
      await server.held(1);
      loader.prefetch(150, { frames: [], direction: 0, last: 199 });
      const sought = loader.load(20);
      await server.held(3); // the one called off, one around 150, and the one asked for again
      server.release();
      equal((await sought)[0].error, null);
      loader.close();
    });
  },
  "tracks that go take what they fetch with them, also what a seek waits for": async ({ frames, equal }) => {
    await withServer(async ({ tracks, server }) => {
      const loader = new frames.FrameLoader();
      loader.setTracks(tracks("a", "b"));
      await loader.load(0);
      server.isHolding = true;
      const old = loader.load(40);
      await server.held(2);
      const [b] = tracks("b");
      loader.setTracks([b]);
      equal(
        server.aborted().map(({ url }) => url),
        ["test:a"],
      );
      const sought = loader.load(40);
      server.release();
      equal((await sought)[0].error, null);
      equal((await old)[0].codes, null);
      equal(server.asked.filter(({ url, start }) => url === "test:a" && start > 0).length, 2); // not asked again
      loader.close();
    });
  },
  "a picture that no longer fits in memory is still whole for who has it": async ({ frames, equal }) => {
    await withServer(async ({ tracks }) => {
      const loader = new frames.FrameLoader();
      loader.pictures.budget = 1;
      loader.setTracks(tracks("a", "b", "c"));
      const pictures = [...(await loader.load(3)), ...(await loader.load(4))];
      equal(
        pictures.map(({ codes }) => codes.data.length),
        Array(6).fill(16),
      );
      equal(loader.pictures.entries.size, 1);
      loader.close();
    });
  },
  "on a slow line previews come first, of all tracks, and the exact frame alone after them": async ({
    frames,
    equal,
  }) => {
    await withServer(
      async ({ tracks, asked }) => {
        const loader = new frames.FrameLoader();
        loader.setTracks(tracks("a", "b"));
        await loader.load(0);
        equal(
          loader.peek(0).map(({ isExact }) => isExact),
          [true, true],
        );
        loader.bandwidth = { begin() {}, add() {}, end() {}, bytesPerSecond: 1 };
        asked.length = 0;
        equal(
          (await loader.load(100)).map(({ isExact, codes }) => [isExact, codes.width]),
          [
            [false, 1],
            [false, 1],
          ],
        );
        equal(asked.length, 2);
        equal(loader.peek(101), null);
        const exact = await loader.loadAlone(100);
        equal(
          exact.map(({ isExact, codes }) => [isExact, codes.width]),
          [
            [true, 2],
            [true, 2],
          ],
        );
        equal([asked.length, asked[2].length, asked[3].length], [4, asked[2].length, asked[2].length]);
        equal(asked[2].length < asked[0].length / 5, true);
        equal(
          loader.peek(100).map((picture, index) => picture === exact[index]),
          [true, true],
        );
        loader.isExactOnly = true;
        equal(
          (await loader.load(120)).map(({ isExact }) => isExact),
          [true, true],
        );
        loader.close();
      },
      { hasPreviews: true },
    );
  },
  "frames that were looked at alone are called off when another is": async ({ frames, equal }) => {
    await withServer(async ({ tracks, server }) => {
      const loader = new frames.FrameLoader();
      loader.setTracks(tracks("a"));
      await loader.load(0);
      loader.bandwidth = { begin() {}, add() {}, end() {}, bytesPerSecond: 1 };
      server.isHolding = true;
      const first = loader.loadAlone(100);
      await server.held(1);
      loader.prefetch(150, { frames: [], direction: 0, last: 199 });
      equal([await first, server.aborted().length], [null, 1]);
      server.release();
      equal((await loader.loadAlone(100))[0].isExact, true);
      loader.close();
    });
  },
  "a preview that fails is not asked for again at once, and the exact frame comes": async ({ frames, equal }) => {
    await withServer(
      async ({ tracks, asked, server }) => {
        const loader = new frames.FrameLoader();
        loader.setTracks(tracks("a"));
        await loader.load(0);
        loader.bandwidth = { begin() {}, add() {}, end() {}, bytesPerSecond: 1 };
        server.isAway = true;
        equal((await loader.load(100))[0].error, frames.UNREACHABLE);
        const count = asked.length;
        equal((await loader.load(100))[0].error, frames.UNREACHABLE);
        equal(asked.length, count);
        loader.close();
      },
      { hasPreviews: true },
    );
  },
  "where one track has no previews, all pictures are exact": async ({ frames, equal }) => {
    await withServer(
      async ({ tracks }) => {
        const loader = new frames.FrameLoader();
        loader.setTracks(tracks("a", "b without"));
        loader.bandwidth = { begin() {}, add() {}, end() {}, bytesPerSecond: 1 };
        await loader.load(0);
        equal(
          (await loader.load(100)).map(({ isExact }) => isExact),
          [true, true],
        );
        loader.close();
      },
      { hasPreviews: true },
    );
  },
  "exact frames that do not come are overtaken by previews": async ({ frames, equal }) => {
    await withServer(
      async ({ tracks, server }) => {
        const loader = new frames.FrameLoader();
        loader.setTracks(tracks("a"));
        await loader.load(0);
        server.isHolding = true;
        const sought = loader.load(100);
        await server.held(2); // the exact block, then that of the previews
        const [, previews] = server.asked.filter(({ go }) => go);
        previews.go();
        equal(
          (await sought).map(({ isExact }) => isExact),
          [false],
        );
        server.release();
        loader.close();
      },
      { hasPreviews: true },
    );
  },
};

/** @param {string} text ASCII */
function bytesOf(text) {
  return [...text].map((letter) => letter.charCodeAt(0));
}

/**
 * Runs `test` with a `fetch` that serves packs of 200 frames of 2 x 2 pixels under "test:NAME".
 * `hasPreviews`: those whose name has no "without" hold previews of 1 x 1 pixel. `server.asked`: all requests; `isAway`: none is answered; `isHolding`: they wait for `release`; `hasRanges`: by parts.
 */
async function withServer(test, { hasPreviews = false } = {}) {
  const packs = { plain: await makePack(200), previewed: await makePack(200, hasPreviews) };
  const server = {
    asked: [],
    isAway: false,
    isHolding: false,
    hasRanges: true,
    aborted: () => server.asked.filter(({ signal }) => signal?.aborted),
    release: () => {
      server.isHolding = false;
      for (const { go } of server.asked) go?.();
    },
    held: async (count) => {
      while (server.asked.filter(({ go }) => go).length < count) await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
  const own = globalThis.fetch;
  globalThis.fetch = async (url, { headers, signal }) => {
    const [start, last] = headers.Range.match(/\d+/g).map(Number);
    const pack = String(url).includes("without") ? packs.plain : packs.previewed;
    const request = { url, start, length: last + 1 - start, signal, go: null };
    server.asked.push(request);
    if (server.isAway) throw new TypeError("away");
    if (server.isHolding) {
      await new Promise((resolve, reject) => {
        request.go = resolve;
        if (signal?.aborted) reject(signal.reason);
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
    }
    signal?.throwIfAborted();
    return server.hasRanges
      ? new Response(pack.slice(start, last + 1), { status: 206 })
      : new Response(pack.slice(), { status: 200 });
  };
  const tracks = (...names) => names.map((key) => ({ key, packs: [{ url: `test:${key}`, start: 0, n_frames: 200 }] }));
  try {
    await test({ tracks, asked: server.asked, server });
  } finally {
    globalThis.fetch = own;
  }
}

/** A pack of that many equal images, longer than the first request. */
async function makePack(nFrames, hasPreviews = false) {
  const png = await anImage(2, "image/png");
  const jpeg = await anImage(1, "image/jpeg");
  const sizes = Array(nFrames).fill(png.length);
  const previews = { codec: "jpeg", sizes: Array(nFrames).fill(jpeg.length), offset: nFrames * png.length };
  const about = { codec: "png", width: 2, height: 2, channels: 3, n: nFrames, sizes, columns: {} };
  const header = JSON.stringify(hasPreviews ? { ...about, previews } : about);
  const lengthBytes = new Uint8Array(new Uint32Array([header.length]).buffer);
  const images = [...sizes.map(() => png), ...(hasPreviews ? sizes.map(() => jpeg) : [])];
  const blob = new Blob(["XCPACK01", lengthBytes, header, ...images]);
  return new Uint8Array(await blob.arrayBuffer());
}

/** A coded image of that side, in pixels. */
async function anImage(side, type) {
  const canvas = new OffscreenCanvas(side, side);
  canvas.getContext("2d").fillRect(0, 0, 1, 1);
  return new Uint8Array(await (await canvas.convertToBlob({ type })).arrayBuffer());
}

/** Runs all; the messages of those that fail, by name. */
export async function run(modules) {
  const text = (value) => JSON.stringify(value);
  const check = {
    equal: (got, expected) => {
      if (text(got) !== text(expected)) throw new Error(`got ${text(got)}, expected ${text(expected)}`);
    },
    near: (got, expected, within = 1e-9) => {
      if (!(Math.abs(got - expected) < within)) throw new Error(`got ${got}, expected ${expected}`);
    },
    throws: (act, words) => {
      try {
        act();
      } catch (error) {
        if (!error.message.includes(words)) throw new Error(`said "${error.message}", expected "${words}"`);
        return;
      }
      throw new Error(`did not throw "${words}"`);
    },
  };
  const failures = {};
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test({ ...modules, ...check });
    } catch (error) {
      failures[name] = error.message;
    }
  }
  return { count: Object.keys(tests).length, failures };
}
