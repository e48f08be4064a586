// @ts-check
/** The menu that a legend opens: colour map and range of a domain. */

import { codeOf, cssGradient, mapName, physicalValue } from "../drawing/colour.mjs";
import { defaultReach, differenceScale, isSky, isUnknown, reachOf, shownScale } from "../drawing/compose.mjs";
import { energyScale } from "../drawing/energy_scale.mjs";
import { rgba32Of } from "../drawing/tile.mjs";
import { button, element } from "../ui/dom.mjs";
import { parseable } from "../ui/numbers.mjs";
import { alignControls } from "./align_controls.mjs";

/** Perceptually uniform; the diverging one is offered where values have a sign. */
const MAPS = ["viridis", "magma", "inferno", "cividis", "grey"];
/** The share of a frame's codes that its range leaves out at either end. */
const LEFT_OUT = 0.01;
const WIDTH_PX = 300;

/**
 * @typedef {import("../player/context.mjs").Domain} Domain
 * @typedef {{domain: Domain, kind: "map" | "energy" | "difference", pane?: string}} Subject domain: as it is stored; pane: the
 *   id of the one whose legend it is, which may show it aligned
 */

/**
 * What the values mean as they are shown now: an alignment may come, go or change while the menu is open.
 * @param {Subject} subject
 * @param {{panes: {id: string, domain: Domain}[], plans: {domain: Domain}[]}} stage
 */
export function domainNow({ domain, pane }, { panes, plans }) {
  const at = panes.findIndex((one) => one.id === pane && one.domain.name === domain.name);
  return plans[at]?.domain ?? domain;
}

/**
 * The range of nearly all values of some images; null: there are none, or all are one.
 * @param {import("../drawing/colour.mjs").Values} domain
 * @param {(import("../drawing/compose.mjs").Pixels & {domain?: import("../drawing/colour.mjs").Values})[]} images domain: where
 *   an image has another scale
 * @returns {{lo: number, hi: number} | null}
 */
export function rangeOf(domain, images) {
  const values = images.flatMap(({ rgba32, unknown, domain: own = domain }) => {
    const counts = new Float64Array(256); // of 16 bits the nearest of 8 will do for the ends of a range
    for (let i = 0; i < rgba32.length; i += 1) {
      const isValue = !isUnknown({ unknown }, { channels: 1, ...own }, rgba32[i]) && !isSky(own, rgba32[i]);
      if (isValue) counts[Math.round(codeOf(own, rgba32[i]))] += 1;
    }
    return Array.from(counts, (count, code) => ({ count, value: physicalValue(own, code / 255) }));
  });
  const seen = values.filter(({ count }) => count > 0).sort((a, b) => a.value - b.value);
  const total = seen.reduce((sum, { count }) => sum + count, 0);
  const valueAt = (/** @type {number} */ share) => {
    let sum = 0;
    const found = seen.find(({ count }) => {
      sum += count;
      return sum > share * total;
    });
    return found ? Number(parseable(found.value)) : NaN;
  };
  const [lo, hi] = [valueAt(LEFT_OUT), valueAt(1 - LEFT_OUT)];
  return lo < hi ? { lo, hi } : null;
}

/**
 * @param {import("../player/context.mjs").Context} context
 * @returns {import("../player/context.mjs").Part}
 */
export function scaling(context) {
  const { stage, signal } = context;
  const menu = element("div", { class: "scale-menu", role: "dialog", tabindex: "-1" });
  menu.hidden = true;
  /** @type {Subject | null} */
  let subject = null;
  /** @type {HTMLElement | null} */
  let anchor = null;
  /** The domain that the menu states, as text. */
  let shown = "";

  const title = element("strong");
  const maps = element("div", { class: "scale-maps", role: "radiogroup", "aria-label": "colour map" });
  const low = element("input", { type: "text", inputmode: "decimal", class: "number", "aria-label": "lowest value" });
  const high = element("input", { type: "text", inputmode: "decimal", class: "number", "aria-label": "highest value" });
  const unit = element("span", { class: "number" });
  const fromFrame = button("fit the range to this frame", null, "this frame");
  const full = button("show the full range of the domain", null, "full range");
  const align = alignControls(context);
  const reset = button("return to the default colours and range", null, "reset");
  const done = button("close (Esc)", null, "close");
  const to = element("span", { class: "muted" });
  menu.append(
    title,
    maps,
    element("div", { class: "group" }, low, to, high, unit),
    element("div", { class: "group" }, fromFrame, full, reset, done),
    align.root,
  );

  const scaleOf = (/** @type {Subject} */ { domain, kind }) => {
    const { state } = context.view;
    if (kind === "difference") return differenceScale(domain, state.reach[domain.name] ?? defaultReach(domain));
    return kind === "energy" ? energyScale(domain, state) : shownScale(domain, state.maps[domain.name]);
  };

  /** @param {{map?: string | null, lo?: number | null, hi?: number | null} | null} changes null: the domain's own */
  const set = (changes) => {
    const { name } = /** @type {Subject} */ (subject).domain;
    const { [name]: before, ...others } = context.view.state.maps;
    const own = { ...(before ?? { map: null, lo: null, hi: null }), ...changes };
    context.view.change({ maps: changes ? { ...others, [name]: own } : others });
  };

  const setReach = (/** @type {number | null} */ value) => {
    const { name } = /** @type {Subject} */ (subject).domain;
    const { [name]: _before, ...others } = context.view.state.reach;
    context.view.change({ reach: value === null ? others : { ...others, [name]: value } });
  };

  const show = () => {
    if (!subject || menu.hidden) return;
    const { kind } = subject;
    const domain = domainNow(subject, stage);
    shown = JSON.stringify(domain);
    const scale = scaleOf({ domain, kind });
    const isDifference = kind === "difference";
    title.textContent = isDifference ? `Difference of ${domain.title ?? domain.name}` : (domain.title ?? domain.name);
    menu.setAttribute("aria-label", `colours and range: ${title.textContent}`);
    align.show(subject.domain);
    maps.hidden = low.hidden = isDifference;
    full.hidden = kind !== "map" || (scale.lo === domain.lo && scale.hi === domain.hi);
    to.textContent = isDifference ? "full scale" : "to";
    const signed = domain.lo < 0 && domain.hi > 0 ? ["diverging"] : [];
    const names = [...(kind === "energy" ? ["energy"] : []), ...MAPS, ...signed];
    if (maps.childElementCount !== names.length || maps.dataset.of !== domain.name) {
      maps.dataset.of = domain.name;
      maps.replaceChildren(...names.map((name) => choice(name)));
    }
    for (const input of maps.querySelectorAll("input")) {
      input.checked = input.value === mapName(scale.colour_map);
      const bar = /** @type {HTMLElement} */ (input.nextElementSibling);
      bar.style.background = cssGradient({ ...scale, colour_map: input.value });
    }
    if (!low.matches(":focus")) low.value = parseable(scale.lo);
    if (!high.matches(":focus")) high.value = parseable(scale.hi);
    unit.textContent = scale.unit;
  };

  const choice = (/** @type {string} */ name) => {
    const input = element("input", { type: "radio", name: "map", value: name });
    input.addEventListener("change", () => set({ map: name }));
    return element("label", {}, input, element("span", { class: "bar" }), element("span", { text: name }));
  };

  const take = () => {
    if (!subject) return;
    const [lo, hi] = [low, high].map((field) => Number(field.value.trim().replace(",", ".").replace("−", "-")));
    const isLog = domainNow(subject, stage).scale === "log" && subject.kind === "map";
    if (subject.kind === "difference") {
      if (hi > 0 && hi < 1e9) setReach(hi);
      else context.ui.announce("enter a number above 0");
    } else if (lo < hi && Math.abs(lo) < 1e9 && Math.abs(hi) < 1e9 && (!isLog || lo > 0)) set({ lo, hi });
    else
      context.ui.announce(
        isLog ? "enter two numbers above 0, the lower one first" : "enter two numbers, the lower one first",
      );
    show();
  };

  const close = () => {
    if (menu.hidden) return;
    menu.hidden = true;
    const hadFocus = menu.matches(":focus-within");
    if (hadFocus) (anchor?.isConnected ? anchor : context.ui.root).focus({ preventScroll: true });
  };

  const open = (/** @type {Subject} */ wanted, /** @type {HTMLElement} */ from) => {
    const isSame = !menu.hidden && subject?.domain.name === wanted.domain.name && subject?.kind === wanted.kind;
    if (isSame) return close();
    subject = wanted;
    anchor = from;
    menu.hidden = false;
    show();
    const [root, box] = [context.ui.root.getBoundingClientRect(), from.getBoundingClientRect()];
    const left = Math.min(Math.max(box.right - root.left - WIDTH_PX, 4), Math.max(root.width - WIDTH_PX - 4, 4));
    const isLow = box.bottom + menu.offsetHeight + 8 > window.innerHeight && box.top - menu.offsetHeight > 0;
    menu.style.left = `${left}px`;
    menu.style.top = `${(isLow ? box.top - menu.offsetHeight - 4 : box.bottom + 4) - root.top}px`;
    /** @type {HTMLElement} */ (maps.querySelector("input:checked") ?? high).focus({ preventScroll: true });
  };

  for (const field of [low, high]) field.addEventListener("change", take, { signal });
  reset.addEventListener(
    "click",
    () => {
      if (subject?.kind === "difference") setReach(null);
      else set(null);
      show();
    },
    { signal },
  );
  full.addEventListener(
    "click",
    () => {
      if (subject) {
        const { lo, hi } = domainNow(subject, stage);
        set({ lo, hi });
      }
      show();
    },
    { signal },
  );
  done.addEventListener("click", close, { signal });
  fromFrame.addEventListener(
    "click",
    async () => {
      await context.position.settle();
      const found = subject && ofFrame(subject);
      if (!found) context.ui.announce("this frame has no range of values");
      else if (subject?.kind === "difference") setReach(found.hi);
      else set(found);
      show();
    },
    { signal },
  );
  menu.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" && !(event.key === "Enter" && /** @type {Element} */ (event.target).closest("input")))
        return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "Enter") take();
      close();
    },
    { signal },
  );
  window.addEventListener(
    "pointerdown",
    (event) => {
      const path = event.composedPath();
      if (!path.includes(menu) && !(anchor && path.includes(anchor))) close();
    },
    { signal },
  );

  /** @param {Subject} wanted */
  const ofFrame = ({ domain, kind }) => {
    const { panes, plans } = stage;
    if (kind === "energy") {
      // Those over the pictures, whose pictures follow those of the panes, and those that are panes.
      const isShown = (/** @type {number} */ index) => index >= panes.length || panes[index].role === "energy";
      const codes = context.position.pictures.flatMap((picture, index) =>
        picture?.codes && isShown(index) ? [picture.codes] : [],
      );
      return rangeOf(
        domain,
        codes.map((own) => ({ rgba32: rgba32Of(own), unknown: -1 })),
      );
    }
    const own = panes.flatMap((pane, index) => {
      const codes = context.position.pictures[index]?.codes;
      return pane.domain.name === domain.name && codes ? [{ rgba32: rgba32Of(codes), ...plans[index] }] : [];
    });
    if (kind === "map") return rangeOf(domain, own);
    const largest = own.map((image) => {
      const codes = context.position.pictures[image.reference]?.codes;
      const other = codes && { rgba32: rgba32Of(codes), ...plans[image.reference] };
      return other ? (reachOf(image.domain, image, other, other.domain) ?? 0) : 0;
    });
    return Math.max(0, ...largest) > 0 ? { lo: 0, hi: Math.max(...largest) } : null;
  };

  return {
    element: menu,
    actions: {
      legend: (index, from) => {
        const { domain, role, id } = stage.panes[index];
        const kind = stage.plans[index].role === "compared" ? "difference" : role === "energy" ? "energy" : "map";
        open({ domain, kind, pane: id }, from);
      },
      scaleMenu: open,
    },
    view: show,
    paint: () => {
      if (subject && !menu.hidden && JSON.stringify(domainNow(subject, stage)) !== shown) show();
    },
    update: (_data, isNewClip) => {
      if (isNewClip) close();
    },
  };
}
