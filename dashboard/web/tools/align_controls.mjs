// @ts-check
/** The part of the scale menu that chooses the alignment of depths: how, with one fit for what, and to what. */

import { KIND_TITLES, KINDS } from "../drawing/alignment.mjs";
import { element } from "../ui/dom.mjs";
import { alignmentReferences, chosenAlignment, isDepth } from "./aligning.mjs";

/** @param {import("../player/context.mjs").Context} context */
export function alignControls(context) {
  const kind = element("select", { "aria-label": "alignment of depth" });
  const per = element("select", { "aria-label": "one alignment for each" });
  const to = element("select", { "aria-label": "aligned to" });
  kind.replaceChildren(...KINDS.map((value) => element("option", { value, text: KIND_TITLES[value] })));
  per.replaceChildren(...["clip", "frame"].map((value) => element("option", { value, text: `per ${value}` })));
  const second = element("div", { class: "group" }, element("span", { class: "muted", text: "to" }), to, per);
  const root = element(
    "div",
    { class: "scale-align", role: "group", "aria-label": "alignment" },
    element("label", { class: "group" }, element("span", { class: "muted", text: "align by" }), kind),
    second,
  );
  const change = () => {
    const align = /** @type {import("../player/context.mjs").ViewState["align"]} */ ({
      kind: kind.value,
      per: per.value,
      to: to.value,
    });
    context.view.change({ align });
    second.hidden = align.kind === "none";
  };
  for (const menu of [kind, per, to]) menu.addEventListener("change", change, { signal: context.signal });

  /** Offer what fits a domain; nothing where its values cannot be aligned. @param {import("../player/context.mjs").Domain} domain */
  const show = (domain) => {
    const { panes, aligner } = context.stage;
    const references = alignmentReferences(panes, domain.name);
    root.hidden = !aligner || !isDepth(domain) || references.size < 2;
    if (root.hidden) return;
    const align = chosenAlignment(context);
    const usual = references.has("truth") ? "ground truth" : "A";
    const options = [
      ["auto", usual],
      ...[...references].filter(([value, name]) => value !== "truth" && name !== usual),
    ];
    // A choice that holds again once its configuration is shown again.
    if (align.to !== "auto" && !references.has(align.to)) options.push([align.to, `${align.to} (not shown)`]);
    to.replaceChildren(...options.map(([value, text]) => element("option", { value, text })));
    kind.value = align.kind;
    per.value = align.per;
    to.value = options.some(([value]) => value === align.to) ? align.to : "auto";
    second.hidden = align.kind === "none";
  };
  return { root, show };
}
