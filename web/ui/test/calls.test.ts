import { expect, it } from "vitest";
import { calls, marked, moved, type Chosen } from "../src/state/calls";

const at = (text: string, ...chosen: [number, string, string][]) => calls(text, chosen.map(([at, name, account]) => ({ at, name, account })))?.map((e) => [e.offset, e.length, e.account]);
const one = (at: number): Chosen[] => [{ at, name: "@小明", account: "DD" }];
const places = (chosen: Chosen[]) => chosen.map((c) => c.at);

it("whoever was chosen is called where they were chosen", () => {
  expect(at("@小美 你看", [0, "@小美", "AA"])).toEqual([[0, 3, "AA"]]);
  expect(at("😀 @小美 和 @小美", [9, "@小美", "BB"], [3, "@小美", "AA"])).toEqual([[3, 3, "AA"], [9, 3, "BB"]]);
  expect(at("@小明明 和 @小明", [7, "@小明", "DD"])).toEqual([[7, 3, "DD"]]);
  expect(at("你看", [0, "@小美", "AA"])).toBeUndefined();
  expect(at("@小美")).toBeUndefined();
});

it("the head of a longer name calls nobody", () => {
  expect(calls("@小明明", one(0), ["@小明明", "@小明"])).toBeUndefined();
  expect(calls("@小明你看", one(0), ["@小明明", "@小明"])).toHaveLength(1);
  expect(at("@Mingo", [0, "@Ming", "DD"])).toBeUndefined();
  expect(at("@Ming你看", [0, "@Ming", "DD"])).toEqual([[0, 5, "DD"]]);
});

it("edits before, behind and inside of whom was chosen", () => {
  expect(places(moved(one(3), "嗨，@小明 你看", "嗨，你好，@小明 你看", 5))).toEqual([6]);
  expect(places(moved(one(2), "嗨 @小明 你", "嗨 @小明 你看", 8))).toEqual([2]);
  expect(places(moved(one(2), "嗨 @小明 你", "@小明 你", 0))).toEqual([0]);
  expect(moved(one(2), "嗨 @小明 你", "嗨 @小 你", 4)).toEqual([]);
  expect(moved(one(2), "嗨 @小明 你", "", 0)).toEqual([]);
  // of two alike the one that was taken out is gone: the caret says which
  const two: Chosen[] = [{ at: 0, name: "@小明", account: "CC" }, { at: 4, name: "@小明", account: "DD" }];
  expect(moved(two, "@小明 @小明 ", "@小明 ", 0)).toEqual([{ at: 0, name: "@小明", account: "DD" }]);
  expect(moved(two, "@小明 @小明 ", "@小明 ", 4)).toEqual([{ at: 0, name: "@小明", account: "CC" }]);
});

it("an edit anywhere, with the caret anywhere, leaves nobody where the text does not name them", () => {
  const text = "甲 @小明 乙 @小明 丙";
  for (let from = 0; from <= text.length; from++) for (let to = from; to <= text.length; to++) for (const put of ["", "明", "@小明"]) {
    const after = text.slice(0, from) + put + text.slice(to);
    for (let caret = 0; caret <= after.length; caret++) for (const c of moved([...one(2), ...one(8)], text, after, caret)) expect(after.startsWith(c.name, c.at), `${after} ${caret}`).toBe(true);
  }
});

it("marks call by account, where other marks cannot hide that", () => {
  const called = calls("**@小明**", one(2))!;
  expect(marked("**@小明**", called)).toBe("**@[小明](DD)**");
  for (const text of ["`@小明", "[@小明](x)", "\\@小明"]) expect(marked(text, calls(text, one(1))!), text).toBeUndefined();
  expect(marked("@a*b", calls("@a*b", [{ at: 0, name: "@a*b", account: "DD" }])!)).toBeUndefined();
});
