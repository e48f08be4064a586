// @ts-check
/** Which frame is on the screen? The player writes it here, for components of the page that are no part of the player. */

export const screen = { frame: 0 };
