import { beforeEach, expect, it, vi } from "vitest";
import type { Group, Method } from "@rpc";
import { core, open, setOpen, setToasts, toasts } from "../src/state/app";
import { setLang, t } from "../src/words";
import { goTo, leadsToGroup } from "../src/ui/joining";

let role = "";
const group = () => ({ group: "G1", chat: "g1", name: "登山社", channel: true, role, size: 3, rules: {} }) as unknown as Group;
const call = vi.spyOn(core, "call").mockImplementation((async (method: Method) => (method === "contact.add" ? { chat: "c1", fingerprint: "AB", name: "小美", state: "contact" } : group())) as never);

beforeEach(() => {
  setLang("zh-TW");
  setOpen(undefined);
  setToasts([]);
  call.mockClear();
});

it("a link leads where it says, and what is told is so", async () => {
  expect([" OMEGA:GROUP/abc", "omega:contact/abc"].map(leadsToGroup)).toEqual([true, false]);
  for (const [is, said] of [["asking", []], ["subscriber", [t("group.subscribed")]], ["member", [t("group.inside", t("channel"))]]] as const) {
    role = is;
    setToasts([]);
    await goTo(" omega:group/abc ");
    expect([is, open(), toasts().map((x) => x.text)]).toEqual([is, "g1", said]);
  }
  expect(call).toHaveBeenCalledWith("group.join", { link: "omega:group/abc" });
  await goTo("omega:contact/x", " 小美 ");
  expect(call).toHaveBeenCalledWith("contact.add", { account: "omega:contact/x", petname: "小美" });
  expect(open()).toBe("c1");
});
