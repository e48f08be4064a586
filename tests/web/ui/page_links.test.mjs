import assert from "node:assert/strict";
import { test } from "node:test";
import { leadingOn } from "../../../dashboard/web/ui/page_links.mjs";

test("a link leads to its own page, with what means the same on every page", () => {
  const from = "http://h/sub/gallery?clip=0a1b&frame=7&a=mini%2Fbaseline&category=film";
  const carried = ["clip", "frame", "a"];
  assert.equal(
    leadingOn("http://h/sub/about", from, carried),
    "http://h/sub/about?clip=0a1b&frame=7&a=mini%2Fbaseline",
  );
  assert.equal(
    leadingOn("http://h/sub/?clip=old&frame=1&zoom=2", from, carried),
    "http://h/sub/?clip=0a1b&frame=7&a=mini%2Fbaseline",
  );
  assert.equal(leadingOn("http://h/about?clip=old", "http://h/", carried), "http://h/about");
});
