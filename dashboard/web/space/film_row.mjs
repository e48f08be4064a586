// @ts-check
/** The rows of a Ken Burns film under the panes: playing it, its path, and saving it. */

import { whyNoFilm } from "../export/film.mjs";
import { element, fill, icon, listener } from "../ui/dom.mjs";
import { fields, labelled } from "../ui/fields.mjs";
import { withUnit } from "../ui/numbers.mjs";
import { save, slug } from "../ui/save.mjs";
import { ZOOM_LIMITS } from "../view/camera_path_terms.mjs";
import { SECONDS_LIMITS } from "../view/space_view_state.mjs";

/** @type {[import("../view/camera_path_terms.mjs").Kind, string][]} */
export const KIND_TEXTS = [
  ["auto", "Autozoom"],
  ["zoom", "By hand"],
  ["orbit", "Orbit"],
  ["dolly", "Dolly zoom"],
];
/** @type {[string, string][]} */
const MOTION_TEXTS = [
  ["pingpong", "There and back"],
  ["loop", "Loop"],
  ["once", "Once"],
];
/** @type {[string, string][]} */
const EASE_TEXTS = [
  ["smooth", "Smooth"],
  ["linear", "Steady"],
];
/** Heights of a picture, px, and frames a second. */
const HEIGHTS = [256, 360, 480, 720, 1080];
const RATES = [24, 25, 30, 50, 60];
/** The focus is chosen from this many times nearer than the middle depth to as many times farther, on a logarithmic scale. */
const FOCUS_REACH = 4;

/** @param {import("../player/context.mjs").Context} context @param {import("./ken_burns.mjs").KenBurns} kenBurns */
export function filmRow(context, kenBurns) {
  const { signal } = context;
  const { painter } = kenBurns;
  const { menu, slider } = fields({ signal, done: () => context.ui.focus() });

  const play = element("button", { type: "button" });
  listener(play, signal)("click", () => (kenBurns.isPlaying ? kenBurns.pause() : kenBurns.play()));
  const time = slider("time in the film", [0, 1], 0.001, (value) => kenBurns.scrub(value));
  time.root.classList.add("film-time");
  const ends = element("div", { class: "group", role: "group", "aria-label": "ends of the path" });
  for (const [end, word] of /** @type {["from" | "to", string][]} */ ([
    ["from", "Start"],
    ["to", "End"],
  ])) {
    const label = `${word.toLowerCase()} of the path: drag and wheel over the picture place it`;
    const made = element("button", { type: "button", text: word, title: label, "aria-label": label });
    listener(made, signal)("click", () => kenBurns.show(end));
    ends.append(made);
  }
  const kind = menu("path of the camera", (value) => kenBurns.change({ kind: /** @type {"auto"} */ (value) }));
  const motion = menu("order in time", (value) => kenBurns.change({ motion: /** @type {"once"} */ (value) }));
  const ease = menu("speed along the path", (value) => kenBurns.change({ ease: /** @type {"smooth"} */ (value) }));
  const zoom = slider("zoom at this end", ZOOM_LIMITS, 0.05, (value) => {
    kenBurns.edit(([u, v]) => [u, v, value]);
    kenBurns.settle();
  });
  const depth = slider("parallax: how much of the movement is the camera's", [0, 1], 0.05, (value) =>
    kenBurns.change({ depth: value }),
  );
  const focus = slider(
    "depth of the focus, which only pans and zooms",
    [-Math.log(FOCUS_REACH), Math.log(FOCUS_REACH)],
    0.02,
    (value) => kenBurns.change({ focus: painter.sceneScale * Math.exp(value) }),
  );
  const seconds = element("input", {
    type: "number",
    class: "number",
    min: String(SECONDS_LIMITS[0]),
    max: String(SECONDS_LIMITS[1]),
    step: "0.5",
    "aria-label": "length of the film, seconds",
  });
  listener(seconds, signal)("change", () => {
    const wanted = Number(seconds.value) || SECONDS_LIMITS[0];
    kenBurns.change({ seconds: Math.min(Math.max(wanted, SECONDS_LIMITS[0]), SECONDS_LIMITS[1]) });
  });

  // Saving

  const height = menu("size of each picture in the film", () => show());
  const rate = menu("frames a second of the film", () => show());
  fill(
    height,
    HEIGHTS.map((px) => [
      String(px),
      `${Math.round((px * context.stage.size.width) / context.stage.size.height)} × ${px}`,
    ]),
    "480",
  );
  fill(
    rate,
    RATES.map((fps) => [String(fps), `${fps}\u00a0fps`]),
    "30",
  );
  const saving = element("button", { type: "button", text: "Save film" });
  const progress = element("progress", { "aria-label": "progress of the film" });
  const cancel = element("button", { type: "button", text: "Cancel" });
  const status = element("span", { class: "muted", role: "status" });
  /** @type {AbortController | null} */
  let work = null;
  listener(saving, signal)("click", () => saveFilm());
  listener(cancel, signal)("click", () => work?.abort());
  signal.addEventListener("abort", () => work?.abort(), { once: true });

  async function saveFilm() {
    const reason = whyNoFilm();
    if (reason || work || !kenBurns.film) {
      if (reason) status.textContent = reason;
      return;
    }
    work = new AbortController();
    const { title } = context.data;
    kenBurns.pause();
    show();
    try {
      const { savedFilm } = await import("./film_frames.mjs").catch((error) => {
        throw new Error(`The film cannot be made (${error.message}). Reload the page.`); // browsers keep such a failure
      });
      const { blob, extension } = await savedFilm(painter, {
        height: Number(height.value),
        fps: Number(rate.value),
        signal: work.signal,
        onProgress: (done, count) => {
          Object.assign(progress, { value: done, max: count });
          status.textContent = `${done} of ${count} frames`;
        },
      });
      work.signal.throwIfAborted(); // the file was being finished when Cancel was pressed
      const name = `crosscheck_${slug(title)}_ken-burns.${extension}`;
      save(blob, name);
      status.textContent = `saved ${name}, ${(blob.size / 1e6).toFixed(2)} MB`;
    } catch (error) {
      status.textContent = work.signal.aborted ? "cancelled" : error instanceof Error ? error.message : String(error);
    } finally {
      work = null;
      show();
    }
  }

  const row = element(
    "div",
    { class: "transport space-row film-row", role: "group", "aria-label": "Ken Burns film" },
    play,
    time.root,
    labelled("of", seconds, element("span", { class: "muted", text: "s" })),
    ends,
    labelled("path", kind),
    motion,
    ease,
  );
  const saves = element(
    "div",
    { class: "transport space-row film-row", role: "group", "aria-label": "lens and file of the film" },
    zoom.root,
    depth.root,
    focus.root,
    labelled("each picture", height),
    rate,
    saving,
    progress,
    cancel,
    status,
  );

  /** What changes with the time. */
  const showTime = () => {
    const { film } = kenBurns;
    if (!film) return;
    if (play.dataset.isPlaying !== String(kenBurns.isPlaying)) {
      play.dataset.isPlaying = String(kenBurns.isPlaying);
      const label = kenBurns.isPlaying ? "pause the film (Shift J)" : "play the film (Shift J)";
      play.title = label;
      play.setAttribute("aria-label", label);
      play.replaceChildren(icon(kenBurns.isPlaying ? "pause" : "play"));
    }
    time.input.value = String(painter.filmTime);
    time.value.textContent = `${(film.seconds * painter.filmTime).toFixed(1)} s`;
    zoom.input.value = String(kenBurns.window[2]);
    zoom.name.textContent =
      film.kind === "zoom" ? `zoom at ${kenBurns.editedEnd === "from" ? "start" : "end"}` : "zoom";
    zoom.value.textContent = `${kenBurns.window[2].toFixed(2)}×`;
  };

  const show = () => {
    const { film } = kenBurns;
    row.hidden = saves.hidden = !film;
    if (!film) return;
    fill(kind, KIND_TEXTS, film.kind);
    fill(motion, MOTION_TEXTS, film.motion);
    fill(ease, EASE_TEXTS, film.ease);
    ease.disabled = film.motion === "loop";
    ends.hidden = film.kind === "orbit" || film.kind === "dolly";
    depth.name.textContent = "parallax";
    depth.input.value = String(film.depth);
    depth.value.textContent = `${Math.round(100 * film.depth)}\u00a0%`;
    focus.name.textContent = "focus";
    focus.input.value = String(Math.log(film.focus / painter.sceneScale));
    const isMetric = context.stage.panes.some((_, pane) => painter.covers(pane) && painter.isMetric(pane));
    focus.value.textContent = withUnit(film.focus, isMetric ? "m" : "");
    seconds.value = String(film.seconds);
    const reason = whyNoFilm();
    saving.disabled = work !== null || reason !== null;
    saving.title = `save a film of ${film.seconds} s with ${Math.max(Math.round(film.seconds * Number(rate.value)), 1)} frames`;
    progress.hidden = cancel.hidden = work === null;
    if (reason) status.textContent = reason;
    showTime();
  };
  return { rows: [row, saves], show, showTime, saveFilm };
}
