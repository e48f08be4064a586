// @ts-check
/** Which tools has the viewer for the pictures? Buttons in the transport's row, and a line of what the active ones ask. */

import { cssGradient, formatValue } from "../drawing/colour.mjs";
import { defaultReach, differenceScale, energyScale, reachOf } from "../drawing/compose.mjs";
import { button, element } from "../ui/dom.mjs";
import { rgba32Of } from "../drawing/tile.mjs";
import { nameOf } from "./wipe.mjs";

/** How an energy is drawn at first: from the threshold on that a tenth of the pixels of usual frames reaches. */
const FIRST_OVERLAY = { opacity: 0.7, from: 2 };

/**
 * @param {any} player
 * @returns {import("../player/player.mjs").Part}
 */
export function tools(player) {
  const { signal } = player.abort;
  const { stage, transport } = player;
  const act = (/** @type {string} */ name) => () => {
    player.actions[name]();
    player.root.focus({ preventScroll: true });
  };
  const zoom = button("fit the pictures (F)", null, "1×");
  const probe = button("values at a pixel (P)", "probe");
  const wipe = button("wipe: two pictures in one (W)", "wipe");
  const difference = button("difference to a reference (D)", "difference");
  const energy = button("energy over the pictures (E)", "energy");
  const flicker = button("hold to alternate A and B in place (Q)", "flicker");
  const toggles = { probe, wipe, difference, energy };
  zoom.classList.add("number", "zoom");
  transport.tools.append(zoom, probe, wipe, difference, energy, flicker);
  const listen = (/** @type {any} */ target, /** @type {string} */ name, /** @type {(event: any) => void} */ heard) =>
    target.addEventListener(name, heard, { signal });
  listen(zoom, "click", act("fit"));
  for (const [name, made] of Object.entries(toggles)) {
    if (name !== "probe") listen(made, "click", act(name));
  }
  // The crosshair takes the focus, so that keys move it.
  listen(probe, "click", () => (player.look.probe ? player.actions.probeOff() : player.actions.probe()));
  listen(
    flicker,
    "pointerdown",
    (event) => event.button === 0 && (flicker.setPointerCapture(event.pointerId), player.actions.flicker()),
  );
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
    listen(flicker, name, () => player.actions.flickerEnd());
  listen(flicker, "contextmenu", (event) => event.preventDefault()); // a long touch is a hold
  for (const [name, action] of [
    ["keydown", "flicker"],
    ["keyup", "flickerEnd"],
  ]) {
    listen(flicker, name, (event) => (event.key === " " || event.key === "Enter") && player.actions[action]());
  }

  const lines = { wipe: wipeLine(player), diff: differenceLine(player), overlay: overlayLine(player) };
  transport.options.append(...Object.values(lines).map(({ root }) => root));

  const show = () => {
    const { look } = player;
    const pressed = { probe: look.probe, wipe: look.wipe, difference: look.diff, energy: look.overlay };
    for (const [name, made] of Object.entries(toggles)) {
      made.setAttribute("aria-pressed", String(pressed[/** @type {keyof typeof pressed} */ (name)] !== null));
    }
    zoom.firstChild.textContent = `${Number((look.zoom?.scale ?? 1).toPrecision(2))}×`;
    for (const [name, line] of Object.entries(lines)) {
      line.root.hidden = look[name] === null;
      if (look[name] !== null) line.show();
    }
    transport.options.hidden = Object.values(lines).every(({ root }) => root.hidden);
  };
  const hasEnergies = () => Object.keys(player.data?.energies ?? {}).length > 0;
  return {
    actions: {
      difference: () => player.change({ diff: player.look.diff === null ? "auto" : null }),
      energy: () => {
        if (player.look.overlay === null && !hasEnergies())
          return player.say("there is no energy of these configurations");
        player.change({ overlay: player.look.overlay === null ? FIRST_OVERLAY : null });
      },
    },
    look: show,
    update: show,
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

/** @param {any} player */
function wipeLine(player) {
  const choose = (/** @type {"first" | "second"} */ side) => (/** @type {string} */ id) => {
    const { wipe } = player.look;
    const other = side === "first" ? "second" : "first";
    // Choosing the other one's picture swaps the two.
    player.change({ wipe: { ...wipe, [side]: id, [other]: wipe[other] === id ? wipe[side] : wipe[other] } });
  };
  const first = paneMenu("picture before the edge", choose("first"));
  const second = paneMenu("picture behind the edge", choose("second"));
  const turn = button("turn the edge (Shift W)", "turn");
  turn.addEventListener("click", () => player.actions.turnWipe());
  const root = element(
    "span",
    { class: "option" },
    element("span", { class: "muted", text: "wipe" }),
    first.menu,
    turn,
    second.menu,
  );
  const show = () => {
    const { panes } = player.stage;
    const options = panes.map((/** @type {any} */ pane) => ({
      value: pane.id,
      name: [pane.letter, pane.title, pane.id.endsWith("2") ? pane.detail : ""].filter(Boolean).join(" "),
    }));
    first.show(options, player.look.wipe.first);
    second.show(options, player.look.wipe.second);
  };
  return { root, show };
}

/** @param {any} player */
function differenceLine(player) {
  const reference = paneMenu("reference of the difference", (id) => player.change({ diff: id }));
  const reach = element("input", {
    type: "text",
    inputmode: "decimal",
    class: "number range",
    "aria-label": "strongest colour at",
  });
  const unit = element("span", { class: "number" });
  const fromFrame = button("range of this frame: all but the largest 2 % of the differences", null, "auto");
  const root = element(
    "span",
    { class: "option" },
    element("span", { class: "muted", text: "difference to" }),
    reference.menu,
    element("label", { class: "group" }, element("span", { class: "muted", text: "colours up to" }), reach, unit),
    fromFrame,
  );
  /** The domain that the field is about: that of the first pane compared. */
  const compared = () => {
    const index = player.stage.plans.findIndex(({ role }) => role === "compared");
    return index < 0 ? null : { index, domain: player.stage.panes[index].domain };
  };
  const set = (/** @type {any} */ domain, /** @type {number} */ value) =>
    player.change({ reach: { ...player.look.reach, [domain.name]: value } });
  const take = () => {
    const found = compared();
    const value = Number(reach.value.trim().replace(",", "."));
    if (found && value > 0 && value < 1e9) set(found.domain, value);
    else player.say("the range is a number above 0");
    show();
  };
  reach.addEventListener("change", take);
  reach.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" || event.key === "Escape") player.root.focus({ preventScroll: true });
  });
  fromFrame.addEventListener("click", async () => {
    await player.settle();
    const { plans, panes } = player.stage;
    const chosen = { ...player.look.reach };
    const found = new Map();
    plans.forEach((/** @type {any} */ plan, /** @type {number} */ index) => {
      const [own, other] = [player.pictures[index]?.codes, player.pictures[plan.reference]?.codes];
      if (plan.role !== "compared" || !own || !other) return;
      const [from, to] = [
        { rgba32: rgba32Of(own), ...plan },
        { rgba32: rgba32Of(other), ...plans[plan.reference] },
      ];
      const largest = reachOf(panes[index].domain, from, to);
      if (largest !== null)
        found.set(panes[index].domain.name, Math.max(largest, found.get(panes[index].domain.name) ?? 0));
    });
    player.change({ reach: { ...chosen, ...Object.fromEntries(found) } });
  });
  const show = () => {
    const { panes } = player.stage;
    const stems = new Map(
      panes
        .filter((/** @type {any} */ pane) => !pane.id.endsWith("2") && pane.id !== "input")
        .map((/** @type {any} */ pane) => [pane.id, nameOf(pane)]),
    );
    const usual = panes.some((/** @type {any} */ { id }) => id.startsWith("truth")) ? "truth, else A" : "A";
    reference.show(
      [{ value: "auto", name: usual }, ...[...stems].map(([value, name]) => ({ value, name }))],
      player.look.diff,
    );
    const found = compared();
    reach.disabled = fromFrame.disabled = !found;
    if (!found) return;
    const value = player.look.reach[found.domain.name] ?? defaultReach(found.domain);
    const scale = differenceScale(found.domain, value);
    reach.value = `${formatValue(value)}`;
    unit.textContent = scale.unit;
  };
  return { root, show };
}

/** @param {any} player */
function overlayLine(player) {
  const bar = element("span", { class: "bar" });
  const ends = [element("span", { class: "number" }), element("span", { class: "number" })];
  const legend = element(
    "button",
    { type: "button", class: "legend", "aria-haspopup": "dialog" },
    ends[0],
    bar,
    ends[1],
  );
  const strength = element("input", {
    type: "range",
    min: "0",
    max: "100",
    step: "5",
    "aria-label": "opacity of the energy",
  });
  const from = element("input", { type: "range", step: "0.25", "aria-label": "energy from which on it is drawn" });
  const value = element("output", { class: "number" });
  const root = element(
    "span",
    { class: "option" },
    element("span", { class: "muted", text: "energy" }),
    legend,
    element("label", { class: "group" }, element("span", { class: "muted", text: "opacity" }), strength),
    element("label", { class: "group" }, element("span", { class: "muted", text: "from" }), from, value),
  );
  const domain = () => /** @type {any} */ (Object.values(player.data?.energies ?? {})[0])?.domain;
  const change = () => player.change({ overlay: { opacity: Number(strength.value) / 100, from: Number(from.value) } });
  for (const input of [strength, from]) {
    input.addEventListener("input", change);
    input.addEventListener("pointerup", () => player.root.focus({ preventScroll: true }));
    input.addEventListener(
      "keydown",
      (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && player.root.focus({ preventScroll: true }),
    );
  }
  legend.addEventListener("click", () => player.actions.scaleMenu({ domain: domain(), kind: "energy" }, legend));
  const show = () => {
    const own = domain();
    if (!own) return;
    const scale = energyScale(own, player.look);
    const { opacity, from: least } = player.look.overlay;
    bar.style.background = cssGradient(scale);
    ends[0].textContent = formatValue(scale.lo);
    ends[1].textContent = `${formatValue(scale.hi)} ${scale.unit}`;
    legend.title = `energy from ${formatValue(scale.lo)} to ${formatValue(scale.hi)} ${scale.unit}. Press to change colours and range.`;
    legend.setAttribute("aria-label", legend.title);
    strength.value = String(Math.round(100 * opacity));
    from.min = String(own.lo);
    from.max = String(Math.min(own.hi, 12));
    from.value = String(least);
    value.textContent = `${formatValue(least)} ${scale.unit}`;
  };
  return { root, show };
}
