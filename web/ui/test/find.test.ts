import { expect, it } from "vitest";
import { byRank, rank } from "../src/state/find";

it("whoever is called so comes first, then who begins so, then a word of the name, then the rest in their order", () => {
  const names = ["王小明的媽媽", "登山 小明", "小明明", "大小明", "小明", "阿小明"];
  expect(byRank(names, (n) => rank(n, "小明"))).toEqual(["小明", "小明明", "登山 小明", "王小明的媽媽", "大小明", "阿小明"]);
  expect(rank("臺北社", "台北社")).toBe(0);
});
