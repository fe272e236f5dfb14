import { expect, it } from "vitest";
import { composing } from "../src/ime";

it("keys of an input method are none of ours", () => {
  expect(composing(new KeyboardEvent("keydown", { key: "Enter", isComposing: true }))).toBe(true);
  expect(composing(Object.assign(new KeyboardEvent("keydown", { key: "Enter" }), {}))).toBe(false);
  expect(composing(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229 } as KeyboardEventInit))).toBe(true); // Safari
});
