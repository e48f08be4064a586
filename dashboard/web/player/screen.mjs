// @ts-check
/** The frame on the screen: the player writes it here for other components of the page. */

export const screen = { frame: 0 };
