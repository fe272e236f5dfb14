// The Chinese of the pages and of the core is that of Taiwan: brought to the mainland's
// words and back by OpenCC it is the same (research: correct strings are left alone,
// 視頻默認網絡軟件 becomes 影片預設網路軟體).
import * as OpenCC from "opencc-js";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { rare } from "../src/words/rare";
import { said } from "../src/words/core";
import { zh as first } from "../src/words/zh";

const zh = { ...first, ...rare };

const away = OpenCC.Converter({ from: "twp", to: "cn" }), back = OpenCC.Converter({ from: "cn", to: "twp" });
const there = (s: string) => back(away(s));

// What OpenCC changes although it is right here: words of both, and characters of which
// Taiwan writes both.
const fine: [string, string][] = [
  ["銷毀", "銷燬"], ["位址", "地址"], ["回覆", "回復"], ["週", "周"], ["查看", "檢視"], ["打開", "開啟"], ["連接埠", "連線埠"], ["用戶端", "使用者端"], ["傳送", "發送"], ["代碼", "程式碼"], ["權限", "許可權"], ["台", "臺"], ["簽", "籤"], ["個中", "箇中"], ["雲端", "云端"], ["裡", "里"], ["參數", "引數"], ["不准", "不準"],
];

const lint = (s: string) => {
  let text = there(s);
  for (const [ours, its] of fine) if (s.includes(ours)) text = text.replaceAll(its, ours);
  return text;
};

const ours = Object.entries(said).map(([k, v]) => [k, v[0]] as const);
const core = JSON.parse(readFileSync("src/gen/core.json", "utf8")) as Record<string, [string, string]>;

it("words of the mainland are noticed", () => {
  for (const wrong of ["視頻默認網絡軟件", "點擊鏈接登錄賬號", "發送信息"]) expect(lint(wrong), wrong).not.toBe(wrong);
});

for (const [name, words] of [["pages", [...Object.entries(zh), ...ours]], ["core", Object.entries(core).map(([k, v]) => [k, v[0]] as const)]] as const)
  it(`words of the ${name} are those of Taiwan`, () => {
    const bad = words.filter(([, form]) => lint(form) !== form).map(([key, form]) => `${key}: ${form} → ${lint(form)}`);
    expect(bad).toEqual([]);
  });

it("each emoji has a label, and flags are called as people in Taiwan call them", () => {
  const all = (JSON.parse(readFileSync("src/gen/emoji.json", "utf8")) as [string, string, string][][]).flat();
  expect(all.length).toBeGreaterThan(1800);
  expect(all.filter(([, label]) => !/\p{Script=Han}|[A-Za-z0-9]/u.test(label))).toEqual([]);
  const flag = (of: string) => all.find(([emoji]) => emoji === of)?.[1];
  expect([flag("🇹🇼"), flag("🇭🇰"), flag("🇲🇴")]).toEqual(["旗子：台灣", "旗子：香港", "旗子：澳門"]);
});
