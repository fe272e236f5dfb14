import { beforeEach, expect, it } from "vitest";
import { forget, returned, turn } from "../src/state/returned";

beforeEach(() => ["a", "b"].forEach(forget));

it("several texts come back in the order in which they were written", () => {
  const texts = ["一", "二", "三"].map((text) => ({ turn: turn(), text }));
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]]) {
    forget("a");
    let field = "後來寫的";
    for (const i of order) field = returned("a", texts[i]!, field);
    expect(field, order.join()).toBe("一\n二\n三\n後來寫的");
  }
});

it("texts of several lines stay whole", () => {
  const one = { turn: turn(), text: "上\n下" }, two = { turn: turn(), text: "左\n右" };
  expect(returned("a", one, returned("a", two, ""))).toBe("上\n下\n左\n右");
});

it("what the person changed meanwhile is left as it is, and each chat has its own", () => {
  const one = { turn: turn(), text: "一" }, two = { turn: turn(), text: "二" };
  const field = returned("a", two, "");
  expect(returned("a", one, field.replace("二", "兩"))).toBe("一\n兩");
  expect(returned("b", one, "")).toBe("一");
  forget("a"); // it was sent
  expect(returned("a", two, "")).toBe("二");
});
