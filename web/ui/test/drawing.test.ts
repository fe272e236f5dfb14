import { expect, it } from "vitest";
import { drawing } from "../src/ui/drawing";

const fine = () => ({ w: 512, h: 512, fr: 60, layers: [{ ty: 4, shapes: [{ ty: "gr", it: [{ ty: "el" }] }] }], assets: [] as unknown[] });

it("what would fetch something is left out", () => {
  const made = drawing({ ...fine(), assets: [{ id: "a", p: "https://omega.example/x.png", u: "" }, { id: "b", layers: [] }], fonts: { list: [1] } });
  expect(made["assets"]).toEqual([{ id: "b", layers: [] }]);
  expect(made["fonts"]).toBeUndefined();
  expect(made["layers"]).toEqual(fine().layers);
});

// The same that chat/sticker refuses.
const bad: [string, () => unknown][] = [
  ["a repeater", () => ({ ...fine(), layers: [{ ty: 4, shapes: [{ ty: "gr", it: [{ ty: "el" }, { ty: "rp", c: { k: 1e9 } }] }] }] })],
  ["a repeater of an asset", () => ({ ...fine(), assets: [{ id: "a", layers: [{ shapes: [{ ty: "rp" }] }] }] })],
  ["a program", () => ({ ...fine(), layers: [{ ks: { p: { x: "while(1);" } } }] })],
  ["no layers", () => ({ ...fine(), layers: undefined })],
  ["no rate", () => ({ ...fine(), fr: 0 })],
  ["a size without an end", () => ({ ...fine(), w: 1e6 })],
  ["no size", () => ({ ...fine(), h: "512" })],
  ["a list", () => []],
  ["nothing", () => null],
];
it.each(bad)("%s is not given to the player", (_, make) => expect(() => drawing(make())).toThrow());

it("depth costs no stack", () => {
  let deep: unknown = { ty: "el" };
  for (let i = 0; i < 100_000; i++) deep = { it: [deep] };
  expect(() => drawing({ ...fine(), layers: [deep] })).not.toThrow();
});
