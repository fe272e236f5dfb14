// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from "vitest";
import type { Message } from "@rpc";
import { setLang } from "../src/words";
import { line } from "../src/ui/line";

const person = (name: string, mine = false) => ({ fingerprint: "0123456789ABCDEF", name, this: mine });
const noted = (m: object) => ({ service: true, text: "", from: "0123456789ABCDEF", device: "D", ...m }) as unknown as Message;

// The cases of clientrpc, TestLine.
const cases: [object, zh: string, en: string][] = [
  [{ kind: "group-joined", about: [person("小美")], about_count: 1 }, "小美 加入了群組", "小美 joined the group"],
  [{ kind: "group-joined", about: [person("小美"), person("小明")], about_count: 2 }, "小美、小明 加入了群組", "小美 and 小明 joined the group"],
  [{ kind: "group-joined", about: [person("小美"), person("小明")], about_count: 13 }, "小美 和其他 12 人 加入了群組", "小美 and 12 more joined the group"],
  [{ kind: "group-removed", name: "小華", about: [person("x", true)], about_count: 1 }, "小華 請你離開了群組", "小華 removed you from the group"],
  [{ kind: "group-left", channel: true, about: [person("小美")], about_count: 1 }, "小美 離開了頻道", "小美 left the channel"],
  [{ kind: "group-dissolved", channel: true, mine: true }, "你解散了頻道", "You ended the channel"],
  [{ kind: "channel-created", channel: true, mine: true, text: "日報" }, "你建立了頻道「日報」", "You made the channel “日報”"],
  [{ kind: "group-renamed", mine: true, text: "登山社" }, "你把群組改名為「登山社」", "You named the group “登山社”"],
  [{ kind: "group-joined", about: [{ ...person("阿文"), self_named: true }], about_count: 1 }, "阿文（自稱，89ABCDEF） 加入了群組", "阿文 (self-chosen, 89ABCDEF) joined the group"],
  [{ kind: "group-left", about: [person("")], about_count: 1 }, "89ABCDEF 離開了群組", "89ABCDEF left the group"],
  [{ kind: "name-changed", name: "新", was: "舊", text: "新" }, "「舊」把自己的名字改成「新」，金鑰末 8 碼 89ABCDEF", "“舊” goes by the name “新” now; its key ends in 89ABCDEF"],
  [{ kind: "name-changed", name: "媽", was: "舊", text: "新" }, "媽 把自己的名字從「舊」改成「新」", "媽 changed their own name from “舊” to “新”"],
  [{ kind: "name-changed", name: "新", self_named: true, was: "舊", text: "新", about: [person("小美")], about_count: 1 }, "「舊」把自己的名字改成「新」，金鑰末 8 碼 89ABCDEF。⚠ 新名字和小美的名字相似，先確認是不是同一個人", "“舊” goes by the name “新” now; its key ends in 89ABCDEF. ⚠ The new name looks like that of 小美: make sure who it is"],
  [{ kind: "device-added", text: "手機" }, "多了一部裝置「手機」，指紋 D", "One more device, “手機”, fingerprint D"],
];

describe("lines about a group", () => {
  beforeEach(() => localStorage.clear());
  it("say what happened in both languages", async () => {
    for (const [m, zh, en] of cases) {
      setLang("zh-TW");
      expect(line(noted(m))).toBe(zh);
      await setLang("en");
      expect(line(noted(m))).toBe(en);
    }
  });
});
