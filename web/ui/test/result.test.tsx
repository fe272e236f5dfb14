import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, CommandResult, Message, Method } from "@rpc";
import { core, putChats, setMe, toasts } from "../src/state/app";
import { dialog, setDialog } from "../src/state/dialog";
import { send } from "../src/state/send";
import { setLang } from "../src/words";
import { Result } from "../src/ui/Result";

const chat: Chat = { chat: "c1", kind: "group", peer: "", name: "登山社", unread: 0 };
const found: Message = { id: "m1", chat: "c1", from: "AB", device: "CD", name: "小美", time: "2026-11-22T12:00:00Z", kind: "text", text: "老地方\u202E見", secure: false, verified: true };
let answer: Partial<CommandResult> = {};
const call = vi.spyOn(core, "call");

beforeEach(async () => {
  await setLang("zh-TW");
  setDialog(undefined);
  setMe({ fingerprint: "ME", device: "D", name: "阿明", devices: [], certificate: "" });
  putChats([chat]);
  call.mockReset().mockImplementation((async (method: Method) => (method === "command.run" ? answer : method === "message" ? found : { messages: [found] })) as never);
});

/** What is on the screen after a command. */
const run = async (text: string, r: Partial<CommandResult>) => {
  answer = r;
  expect(await send("c1", text)).toBe(true);
  const d = dialog();
  return d?.kind === "result" ? render(() => <Result chat={d.chat} result={d.result} />).container : undefined;
};

it("/help shows the commands in the language of the person", async () => {
  const page = (await run("/help", { command: "help", commands: [{ name: "mute", typed: "mute", aliases: ["靜音"], arg: { key: "slash.arg.duration" }, text: { key: "slash.mute" }, where: ["direct"] }] }))!;
  expect(page.querySelector("kbd")!.textContent).toBe("/靜音");
  await vi.waitFor(() => expect(page.querySelector("td")!.textContent).not.toBe(""));
});

it("messages that were found lead to where they stand", async () => {
  const page = (await run("/搜尋 老地方", { command: "search", messages: [found] }))!;
  expect(page.textContent).toContain("小美");
  expect(page.textContent).not.toContain("\u202E");
  fireEvent.click(page.querySelector("button")!);
  expect(dialog()).toBeUndefined();
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("message", { chat: "c1", message: "m1" }));
});

it("members and a link", async () => {
  const members = (await run("/members", { command: "members", members: [{ account: "AB", name: "小美", role: "admin" } as never] }))!;
  expect(members.textContent).toBe("小美管理員");
  expect((await run("/link", { command: "link", link: "omega:group/X" }))!.querySelector("code")!.textContent).toBe("omega:group/X");
});

it("what only says that it is done takes no screen", async () => {
  expect(await run("/mute", { command: "mute", done: { key: "slash.done.mute" } })).toBeUndefined();
  expect(toasts().length).toBeGreaterThan(0);
});
