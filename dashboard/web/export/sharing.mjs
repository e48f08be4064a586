// @ts-check
/** Saving and sharing as a part of the player: its button, keys and commands. The dialog is imported when it is first used. */

import { onDemand } from "../commands/on_demand.mjs";
import { copyLink } from "../controls/copy_link.mjs";
import { button } from "../ui/dom.mjs";

/** @param {import("../player/context.mjs").Context} context @returns {import("../player/context.mjs").Part} */
export function sharing(context) {
  const part = onDemand(context, ["share", "save"], async () =>
    (await import("./share_dialog.mjs")).shareDialog(context),
  );
  const { share, save } = part.actions;
  const opener = button("save and share (Shift S)", "save");
  opener.addEventListener("click", () => share());
  return {
    ...part,
    buttons: [opener],
    actions: {
      share: () => share(),
      copyLink: () => {
        if (context.data.isFile) context.ui.announce("this page is a file: send the file itself");
        else copyLink(context);
      },
    },
    commands: () => {
      const { isFile } = context.data;
      return [
        { help: "save this view as a picture (PNG)", run: () => save("picture") },
        { help: "save the series as a table (CSV)", run: () => save("table") },
        ...(isFile ? [] : [{ help: "save the series as Parquet", run: () => save("parquet") }]),
        { help: "save a video (WebM)", run: () => share("video") },
        { help: "save the bookmarks as a report (HTML)", run: () => save("report") },
        ...(isFile ? [] : [{ help: "save a page that opens offline (HTML)", run: () => share("page") }]),
      ];
    },
  };
}
