import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { en } from "../src/words/en";
import { coreWords, explain, lang, setLang, t } from "../src/words";
import { said } from "../src/words/core";
import { Refused } from "../src/rpc";
import { rare } from "../src/words/rare";
import { zh as first } from "../src/words/zh";

const zh = { ...first, ...rare };

it("English is complete, and takes what the source takes", () => {
  for (const [key, form] of Object.entries(zh)) {
    const other = en[key as keyof typeof en];
    expect(other, key).toBeTruthy();
    const holes = (s: string) => [...new Set([...s.matchAll(/\{(\d)[^}]*\}/g)].map((m) => m[1]))].sort().join();
    expect(holes(other), key).toBe(holes(form));
  }
});

it("the language that was asked for last is the one, however late the words of another come", async () => {
  await Promise.all([setLang("en"), setLang("zh-TW")]); // English is not here yet
  expect([lang(), document.documentElement.lang, localStorage.getItem("omega.lang")]).toEqual(["zh-TW", "zh-Hant-TW", "zh-TW"]);
});

it("that the program was told to end is said in words", () => {
  for (const cause of ["terminated signal received", "interrupt signal received", "context canceled"]) expect(explain(new Refused({ code: "internal", cause } as never))).toBe(t("error.ended"));
  expect(explain(new Refused({ code: "internal", cause: "a fault" } as never))).toContain("a fault");
});

it("English has one and many", async () => {
  await setLang("en");
  expect([1, 2].map((n) => t("group.waiting", n))).toEqual(["1 asks to join", "2 ask to join"]);
  expect([1, 3].map((n) => t("history.gives", "{0 a|b}", n))).toEqual(["Giving “{0 a|b}” the history (1 message)", "Giving “{0 a|b}” the history (3 messages)"]);
  await setLang("zh-TW");
  expect(t("group.waiting", 1)).toBe("1 人申請加入");
});

it("each kind of notices is said, of others and of the own account", () => {
  const kinds = [...readFileSync("../../clientrpc/clientrpc.go", "utf8").matchAll(/^\tNotice\w+\s+= "(\w+)"/gm)].map((m) => m[1]!);
  expect(kinds.length).toBeGreaterThan(8);
  for (const kind of kinds) {
    expect(zh, kind).toHaveProperty([`own.${kind}`]);
    if (!["overtaken", "copied"].includes(kind)) expect(zh, kind).toHaveProperty([`notice.${kind}`]); // only the own account hears of these
  }
});

it("what the pages say in the place of a command of the terminal is something that the core says", () => {
  const core = JSON.parse(readFileSync("src/gen/core.json", "utf8")) as Record<string, unknown>;
  for (const key of Object.keys(said)) expect(core, key).toHaveProperty([key]);
});

it("no command of the terminal is advised", async () => {
  await coreWords();
  const core = JSON.parse(readFileSync("src/gen/core.json", "utf8")) as Record<string, string[]>;
  const advice = Object.keys(core).filter((k) => k.startsWith("next."));
  expect(advice.length).toBeGreaterThan(50);
  for (const key of advice) expect(explain(new Refused({ code: "refused", why: { key: "why.text" }, next: { key } } as never)), key).not.toMatch(/omega [a-z-]/);
  expect(explain(new Refused({ code: "refused", why: { key: "why.text" }, next: { key: "next.unblock" } } as never))).toContain("資訊");
});

it("each role in a group has a word", () => {
  const roles = [...readFileSync("../../clientrpc/groups.go", "utf8").matchAll(/\bRole[A-Z]\w+\s+= "(\w+)"/g)].map((m) => m[1]!);
  expect(roles).toContain("member");
  for (const role of roles) expect(zh, role).toHaveProperty([`role.${role}`]);
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
  const files = ["src/ui", "src/state", "src/words", "src"].flatMap((d) => readdirSync(d).filter((f) => /\.tsx?$/.test(f) && !/^(zh|en|rare|core)\.ts$/.test(f)).map((f) => [f, readFileSync(`${d}/${f}`, "utf8")] as const));
  const all = files.map((f) => f[1]).join("\n");
  const made = [...all.matchAll(/t\(`([a-z.]+\.)\$\{/g)].map((m) => m[1]!).concat("state.", "message.kind.", "role.", "device.", "key.", "chats.", "panel.", "line.", "own.");
  for (const key of Object.keys(zh)) expect(all.includes(`"${key}"`) || made.some((p) => key.startsWith(p)), `${key} is used nowhere`).toBe(true);
  for (const [name, text] of files) if (name !== "small.tsx") {
    const code = text.split("\n").filter((l) => !/^\s*(\/\/|\*|\/\*)/.test(l)).map((l) => l.replace(/\/\/.*$|\/\*.*?\*\//g, "")).join("\n");
    expect([...code.matchAll(/["`>][^"`<>\n]*\p{Script=Han}{2,}[^"`<\n]*/gu)].map((m) => m[0]).filter((x) => !x.includes("接龍")), name).toEqual([]);
  }
});
