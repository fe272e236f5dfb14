import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { en } from "../src/words/en";
import { zh } from "../src/words/zh";

it("English is complete, and takes what the source takes", () => {
  for (const [key, form] of Object.entries(zh)) {
    const other = en[key as keyof typeof en];
    expect(other, key).toBeTruthy();
    const holes = (s: string) => [...s.matchAll(/\{\d\}/g)].map((m) => m[0]).sort().join();
    expect(holes(other), key).toBe(holes(form));
  }
});

// Words of the mainland, and what is said in Taiwan instead (research on wording).
const wrong = ["消息", "發送", "屏幕", "視頻", "網絡", "默認", "設置", "登錄", "賬號", "帳戶", "文件夾", "二維碼", "軟件", "信息", "用戶", "服務器", "鏈接", "搜索", "打印", "保存", "數據", "刷新", "程序", "緩存", "置頂聊天"];
it("words are those of Taiwan", () => {
  for (const [key, form] of Object.entries(zh)) for (const w of wrong) expect(form.includes(w), `${key}: ${form} has ${w}`).toBe(false);
});

it("punctuation beside Han is full width", () => {
  for (const [key, form] of Object.entries(zh)) expect(/\p{Script=Han}[,;:?!]|[,;:?!]\p{Script=Han}/u.test(form), `${key}: ${form}`).toBe(false);
});

it("every word is used, and none is said in the code", () => {
  const files = ["src/ui", "src/state", "src/words", "src"].flatMap((d) => readdirSync(d).filter((f) => /\.tsx?$/.test(f) && !/^(zh|en)\.ts$/.test(f)).map((f) => [f, readFileSync(`${d}/${f}`, "utf8")] as const));
  const all = files.map((f) => f[1]).join("\n");
  const made = [...all.matchAll(/t\(`([a-z.]+\.)\$\{/g)].map((m) => m[1]!).concat("state.", "message.kind.", "role.", "device.", "key.", "chats.", "panel.", "line.");
  for (const key of Object.keys(zh)) expect(all.includes(`"${key}"`) || made.some((p) => key.startsWith(p)), `${key} is used nowhere`).toBe(true);
  for (const [name, text] of files) if (name !== "small.tsx") {
    const code = text.split("\n").filter((l) => !/^\s*(\/\/|\*|\/\*)/.test(l)).map((l) => l.replace(/\/\/.*$|\/\*.*?\*\//g, "")).join("\n");
    expect([...code.matchAll(/["`>][^"`<>\n]*\p{Script=Han}{2,}[^"`<\n]*/gu)].map((m) => m[0]).filter((x) => !x.includes("接龍")), name).toEqual([]);
  }
});
