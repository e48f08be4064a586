// @ts-check
/** The tools for the pictures: buttons in the toolbar, and a line with the settings of the active ones. */

import { defaultReach, differenceScale, reachOf } from "../drawing/compose.mjs";
import { energyScale } from "../drawing/energy_scale.mjs";
import { colourBar } from "../drawing/pane_heading.mjs";
import { rgba32Of } from "../drawing/tile.mjs";
import { sourceOf } from "../player/context.mjs";
import { button, DRAG_ENDS, element, worded } from "../ui/dom.mjs";
import { parseable, rangeText, scaleMarks, unitAfter, withUnit } from "../ui/numbers.mjs";

/** How an energy is drawn at first: above the threshold that a tenth of the pixels of usual frames reaches. */
const FIRST_OVERLAY = { opacity: 0.7, from: 2 };

/**
 * @param {import("../player/context.mjs").Context} context
 * @returns {import("../player/context.mjs").Part}
 */
export function tools(context) {
  const { signal, commands } = context;
  const { toolbar } = context.ui;
  const act = (/** @type {string} */ name) => () => {
    commands.run(name);
    context.ui.focus();
  };
  const zoom = button("fit the pictures (F)", null, "1×");
  const probe = worded("probe: read values at a pixel (P)", "probe", "Probe");
  const wipe = worded("wipe: two pictures divided by an edge (W)", "wipe", "Wipe");
  const difference = worded("show the difference to a reference (D)", "difference", "Difference");
  const energy = worded("overlay the energy on the pictures (E)", "energy", "Energy");
  const flicker = worded("hold to alternate between A and B (Q)", "flicker", "Flicker");
  const toggles = { probe, wipe, difference, energy };
  zoom.classList.add("number", "zoom");
  toolbar.addTools(zoom, probe, wipe, difference, energy, flicker);
  zoom.addEventListener("click", act("fit"), { signal });
  for (const [name, made] of Object.entries(toggles)) {
    if (name !== "probe") made.addEventListener("click", act(name), { signal });
  }
  // The crosshair takes the focus, so that keys move it.
  probe.addEventListener("click", () => commands.run(context.view.state.probe ? "probeOff" : "probe"), { signal });
  const hold = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    flicker.setPointerCapture(event.pointerId);
    commands.run("flicker");
  };
  flicker.addEventListener("pointerdown", hold, { signal });
  for (const name of [...DRAG_ENDS, "blur"])
    flicker.addEventListener(name, () => commands.run("flickerEnd"), { signal });
  flicker.addEventListener("contextmenu", (event) => event.preventDefault(), { signal }); // a long touch is a hold
  const isPress = (/** @type {KeyboardEvent} */ { key }) => key === " " || key === "Enter";
  flicker.addEventListener("keydown", (event) => isPress(event) && commands.run("flicker"), { signal });
  flicker.addEventListener("keyup", (event) => isPress(event) && commands.run("flickerEnd"), { signal });

  const lines = { wipe: wipeLine(context), diff: differenceLine(context), overlay: overlayLine(context) };
  toolbar.options.append(...Object.values(lines).map(({ root }) => root));

  const show = () => {
    const { state } = context.view;
    const pressed = { probe: state.probe, wipe: state.wipe, difference: state.diff, energy: state.overlay };
    for (const [name, made] of Object.entries(toggles)) {
      made.setAttribute("aria-pressed", String(pressed[/** @type {keyof typeof pressed} */ (name)] !== null));
    }
    zoom.textContent = `${Number((state.zoom?.scale ?? 1).toPrecision(2))}×`;
    for (const [name, line] of Object.entries(lines)) {
      line.root.hidden = state[/** @type {keyof typeof lines} */ (name)] === null;
      if (!line.root.hidden) line.show();
    }
    toolbar.options.hidden = Object.values(lines).every(({ root }) => root.hidden);
  };
  const hasEnergies = () => Object.keys(context.data.energies ?? {}).length > 0;
  return {
    actions: {
      difference: () => context.view.change({ diff: context.view.state.diff === null ? "auto" : null }),
      energy: () => {
        if (context.view.state.overlay === null && !hasEnergies())
          return context.ui.announce("no energy is stored for these configurations");
        context.view.change({ overlay: context.view.state.overlay === null ? FIRST_OVERLAY : null });
      },
    },
    view: show,
    update: ({ charts }) => {
      // Where nothing is plotted, energies are panes of their own.
      energy.hidden = charts.length === 0 && !hasEnergies();
      show();
    },
  };
}

/** A menu of panes. @param {string} label @param {(id: string) => void} choose */
function paneMenu(label, choose) {
  const menu = element("select", { "aria-label": label, title: label });
  menu.addEventListener("change", () => choose(menu.value));
  let text = "";
  /** @param {{value: string, name: string}[]} options @param {string} value */
  const show = (options, value) => {
    if (text !== JSON.stringify(options)) {
      text = JSON.stringify(options);
      menu.replaceChildren(...options.map((one) => element("option", { value: one.value, text: one.name })));
    }
    menu.value = value;
  };
  return { menu, show };
}

/** @param {import("../player/context.mjs").Context} context */
function wipeLine(context) {
  const choose = (/** @type {"first" | "second"} */ side) => (/** @type {string} */ id) => {
    const { wipe } = context.view.state;
    if (!wipe) return;
    const other = side === "first" ? "second" : "first";
    // Choosing the other one's picture swaps the two.
    context.view.change({ wipe: { ...wipe, [side]: id, [other]: wipe[other] === id ? wipe[side] : wipe[other] } });
  };
  const first = paneMenu("left or upper picture", choose("first"));
  const second = paneMenu("right or lower picture", choose("second"));
  const turn = button("rotate the edge (Shift W)", "turn");
  turn.addEventListener("click", () => context.commands.run("turnWipe"));
  const root = element(
    "span",
    { class: "option" },
    element("span", { class: "muted", text: "wipe" }),
    first.menu,
    turn,
    second.menu,
  );
  const show = () => {
    const { panes } = context.stage;
    const { wipe } = context.view.state;
    const options = panes.map(({ id, letter, title, role, detail }) => ({
      value: id,
      name: [letter, title, role === "readout" ? detail : ""].filter(Boolean).join(" "),
    }));
    first.show(options, wipe?.first ?? "");
    second.show(options, wipe?.second ?? "");
  };
  return { root, show };
}

/** @param {import("../player/context.mjs").Context} context */
function differenceLine(context) {
  const reference = paneMenu("reference of the difference", (id) => context.view.change({ diff: id }));
  const reach = element("input", {
    type: "text",
    inputmode: "decimal",
    class: "number range",
    "aria-label": "strongest colour at",
  });
  const unit = element("span", { class: "number" });
  const fromFrame = button("fit the range to this frame (all but the largest 2 % of the differences)", null, "auto");
  const root = element(
    "span",
    { class: "option" },
    element("span", { class: "muted", text: "difference to" }),
    reference.menu,
    element("label", { class: "group" }, element("span", { class: "muted", text: "full scale" }), reach, unit),
    fromFrame,
  );
  /** The domain that the field is about: that of the first pane compared. */
  const compared = () => {
    const index = context.stage.plans.findIndex(({ role }) => role === "compared");
    return index < 0 ? null : { index, domain: context.stage.panes[index].domain };
  };
  const set = (/** @type {import("../player/context.mjs").Domain} */ domain, /** @type {number} */ value) =>
    context.view.change({ reach: { ...context.view.state.reach, [domain.name]: value } });
  const take = () => {
    const found = compared();
    const value = Number(reach.value.trim().replace(",", "."));
    if (found && value > 0 && value < 1e9) set(found.domain, value);
    else context.ui.announce("enter a number above 0");
    show();
  };
  reach.addEventListener("change", take);
  reach.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Escape") context.ui.focus();
  });
  fromFrame.addEventListener("click", async () => {
    await context.position.settle();
    const { plans, panes } = context.stage;
    const chosen = { ...context.view.state.reach };
    const found = new Map();
    plans.forEach((plan, index) => {
      const [own, other] = [context.position.pictures[index]?.codes, context.position.pictures[plan.reference]?.codes];
      if (plan.role !== "compared" || !own || !other) return;
      const [from, to] = [
        { rgba32: rgba32Of(own), ...plan },
        { rgba32: rgba32Of(other), ...plans[plan.reference] },
      ];
      const largest = reachOf(plan.domain, from, to, to.domain);
      if (largest !== null)
        found.set(panes[index].domain.name, Math.max(largest, found.get(panes[index].domain.name) ?? 0));
    });
    context.view.change({ reach: { ...chosen, ...Object.fromEntries(found) } });
  });
  const show = () => {
    const { panes } = context.stage;
    const usual = panes.some(({ role }) => role === "truth") ? "ground truth" : "A";
    // A choice holds for the readouts too, so each configuration, and truth, is offered once.
    const sources = new Map(
      panes
        .filter(({ role }) => !["input", "difference", "energy", "stability", "confidence"].includes(role))
        .map((pane) => [sourceOf(pane), pane.letter || pane.title]),
    );
    reference.show(
      [{ value: "auto", name: usual }, ...[...sources].map(([value, name]) => ({ value, name }))],
      context.view.state.diff ?? "auto",
    );
    const found = compared();
    reach.disabled = fromFrame.disabled = !found;
    if (!found) return;
    const value = context.view.state.reach[found.domain.name] ?? defaultReach(found.domain);
    const scale = differenceScale(found.domain, value);
    reach.value = parseable(value);
    unit.textContent = scale.unit;
  };
  return { root, show };
}

/** @param {import("../player/context.mjs").Context} context */
function overlayLine(context) {
  const legend = element("button", { type: "button", class: "legend", "aria-haspopup": "dialog" });
  const strength = element("input", {
    type: "range",
    min: "0",
    max: "100",
    step: "5",
    "aria-label": "opacity of the energy",
  });
  const from = element("input", { type: "range", step: "0.25", "aria-label": "hide energies below" });
  const value = element("output", { class: "number" });
  const root = element(
    "span",
    { class: "option" },
    element("span", { class: "muted", text: "energy" }),
    legend,
    element("label", { class: "group" }, element("span", { class: "muted", text: "opacity" }), strength),
    element("label", { class: "group" }, element("span", { class: "muted", text: "hide below" }), from, value),
  );
  const domain = () => Object.values(context.data.energies ?? {})[0]?.domain;
  const change = () =>
    context.view.change({ overlay: { opacity: Number(strength.value) / 100, from: Number(from.value) } });
  for (const input of [strength, from]) {
    input.addEventListener("input", change);
    input.addEventListener("pointerup", () => context.ui.focus());
    input.addEventListener("keydown", (event) => event.key === "Escape" && context.ui.focus());
  }
  legend.addEventListener("click", () =>
    context.commands.run("scaleMenu", { domain: domain(), kind: "energy" }, legend),
  );
  const show = () => {
    const own = domain();
    const { overlay } = context.view.state;
    if (!own || !overlay) return;
    const scale = energyScale(own, context.view.state);
    const { opacity, from: least } = overlay;
    const [low, high] = scaleMarks([scale.lo, scale.hi], scale.unit);
    legend.replaceChildren(
      element("span", { class: "number", text: low }),
      colourBar(scale),
      element("span", { class: "number", text: high + unitAfter(scale.unit) }),
    );
    legend.title = `energy from ${rangeText(scale, scale.unit)}. Press to change colours and range.`;
    legend.setAttribute("aria-label", legend.title);
    strength.value = String(Math.round(100 * opacity));
    from.min = String(own.lo);
    from.max = String(Math.min(own.hi, 12));
    from.value = String(least);
    value.textContent = withUnit(least, scale.unit);
  };
  return { root, show };
}
