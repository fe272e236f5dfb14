import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import { createSignal, Show } from "solid-js";
import type { Chat, Message, Method } from "@rpc";
import { Refused } from "../src/rpc";
import { core, putChats, setMe } from "../src/state/app";
import { conversation, show } from "../src/state/conversation";
import { editOf, nothing, tasks } from "../src/state/compose";
import { Composer } from "../src/ui/Composer";

it("what somebody composes is left alone when the chat stands otherwise in the list", () => {
  const base: Chat = { chat: "c1", kind: "direct", peer: "AB", name: "小美", unread: 0, draft: "" };
  const [chat, setChat] = createSignal(base);
  const { container } = render(() => <Composer chat={chat()} />);
  const field = container.querySelector("textarea")!;
  field.value = "ㄋㄧˇ";
  fireEvent(field, new InputEvent("input", { bubbles: true, isComposing: true } as InputEventInit));
  setChat({ ...base, unread: 3 });
  expect(field.value).toBe("ㄋㄧˇ");
  setChat({ ...base, chat: "c2" });
  expect(field.value).toBe("");
});

// What the core refuses comes back.
const one: Chat = { chat: "c1", kind: "direct", peer: "AB", name: "小美", unread: 0 }, two: Chat = { ...one, chat: "c2", name: "媽" };
let refuse: ((e: Refused) => void)[] = [];
beforeEach(() => {
  vi.restoreAllMocks();
  refuse = [];
  nothing("c1");
  setMe({ fingerprint: "ME", device: "D", name: "阿明", devices: [], certificate: "" });
  putChats([one, two]);
  vi.spyOn(core, "call").mockImplementation(((method: Method) => (["command.run", "message.edit", "send"].includes(method) ? new Promise((_, no) => refuse.push(no)) : Promise.resolve({}))) as never);
});
const begin = () => {
  const [chat, setChat] = createSignal(one);
  const field = render(() => <Composer chat={chat()} />).container.querySelector("textarea")!;
  const enter = (text: string) => { field.value = text; fireEvent.input(field); fireEvent.keyDown(field, { key: "Enter" }); };
  const no = async () => { refuse.forEach((f) => f(new Refused({ code: "refused" } as never))); refuse = []; await new Promise((done) => setTimeout(done)); };
  return { field, enter, no, setChat };
};

it("a command that is refused is in the field again", async () => {
  const { field, enter, no } = begin();
  enter("/預約 昨天 太晚了");
  expect(field.value).toBe("");
  await no();
  expect(field.value).toBe("/預約 昨天 太晚了");
});

it("an edit that is refused goes on where it was", async () => {
  const { field, enter, no } = begin();
  const m = { id: "m1", chat: "c1", text: "早安", kind: "text" } as Message;
  editOf(m);
  expect(field.value).toBe("早安");
  enter("午安");
  expect([field.value, tasks["c1"]]).toEqual(["", undefined]);
  await no();
  expect([field.value, tasks["c1"]?.edit?.id]).toEqual(["午安", "m1"]);
});

it("what was written since stays, and what somebody composes is not touched", async () => {
  const { field, enter, no } = begin();
  enter("/一");
  field.value = "ㄋ";
  fireEvent(field, new CompositionEvent("compositionstart"));
  await no();
  expect(field.value).toBe("ㄋ");
  field.value = "你";
  fireEvent(field, new CompositionEvent("compositionend"));
  await vi.waitFor(() => expect(field.value).toBe("/一\n你"));
});

it("it comes back to the chat where it was written", async () => {
  const { field, enter, no, setChat } = begin();
  enter("/二");
  setChat(two);
  await no();
  expect(field.value).toBe("");
  expect(core.call).toHaveBeenCalledWith("chat.set", { chat: "c1", draft: "/二" }, undefined, "set c1");
});

it("a text that is refused is in the field again, and no message", async () => {
  const { field, enter, no } = begin();
  await show("c1", 0);
  enter("晚安");
  expect(conversation.list.map((m) => m.text)).toEqual(["晚安"]);
  await no();
  expect([field.value, conversation.list.length]).toEqual(["晚安", 0]);
});

it("it comes back where its chat was closed meanwhile, or opened again", async () => {
  const [there, setThere] = createSignal(true);
  const page = render(() => <Show when={there()}><Composer chat={one} /></Show>);
  const field = () => page.container.querySelector("textarea")!;
  const write = (text: string) => { field().value = text; fireEvent.input(field()); fireEvent.keyDown(field(), { key: "Enter" }); };
  const no = async () => { refuse.forEach((f) => f(new Refused({ code: "refused" } as never))); refuse = []; await new Promise((done) => setTimeout(done)); };
  write("/三");
  setThere(false);
  await no();
  expect(core.call).toHaveBeenLastCalledWith("chat.set", { chat: "c1", draft: "/三" }, undefined, "set c1");
  setThere(true);
  write("/四");
  setThere(false);
  setThere(true);
  await no();
  expect(field().value).toBe("/四");
});

it("several that are refused come back in the order in which they were written", async () => {
  const { field, enter } = begin();
  for (const text of ["/一", "/二", "/三"]) enter(text);
  fireEvent.input(Object.assign(field, { value: "後來" }));
  for (const i of [2, 0, 1]) { refuse[i]!(new Refused({ code: "refused" } as never)); await new Promise((done) => setTimeout(done)); }
  expect(field.value).toBe("/一\n/二\n/三\n後來");
});

it("Enter chooses from the menu, and sends what is written whole", async () => {
  const commands = ["mute", "members"].map((name) => ({ name, typed: name, aliases: [], text: { key: "slash." + name }, where: [] }));
  const call = vi.spyOn(core, "call").mockImplementation((async (method: Method) => (method === "commands" ? { commands } : {})) as never);
  const { field } = begin();
  const type = async (text: string) => {
    field.value = text;
    field.setSelectionRange(text.length, text.length);
    fireEvent.input(field);
    await vi.waitFor(() => expect(document.querySelectorAll("[role=option]").length).toBeGreaterThan(0));
    fireEvent.keyDown(field, { key: "Enter" });
  };
  await type("/m");
  expect(field.value).toBe("/mute ");
  await type("/mute");
  expect(field.value).toBe("");
  expect(call).toHaveBeenCalledWith("command.run", expect.objectContaining({ text: "/mute" }), undefined, expect.any(String));
});

it("one of two who are called alike is called by account, once", async () => {
  const people = ["AA", "BB"].map((account) => ({ account, name: "小美", insert: "@小美", ambiguous: true }));
  const call = vi.spyOn(core, "call").mockImplementation((async (method: Method) => (method === "mention.complete" ? { people } : {})) as never);
  const { container } = render(() => <Composer chat={{ ...one, chat: "g1", kind: "group" }} />);
  const field = container.querySelector("textarea")!;
  field.value = "@小";
  field.setSelectionRange(2, 2);
  fireEvent.input(field);
  await vi.waitFor(() => expect(container.querySelectorAll("[role=option]").length).toBe(2));
  fireEvent.mouseDown(container.querySelectorAll("[role=option]")[1]!);
  field.value += "你看";
  fireEvent.input(field);
  fireEvent.keyDown(field, { key: "Enter" });
  expect(call).toHaveBeenCalledWith("send", expect.objectContaining({ text: "@[小美](BB) 你看", markup: true }), undefined, expect.any(String));
  Object.assign(field, { value: "@小美 好" });
  fireEvent.input(field);
  fireEvent.keyDown(field, { key: "Enter" });
  expect(call).toHaveBeenLastCalledWith("send", expect.objectContaining({ text: "@小美 好", markup: true }), undefined, expect.any(String));
});

it("who was chosen is called where they were chosen, and Enter chooses where names are alike", async () => {
  const people = [["AA", "小明明", false], ["CC", "小明", true], ["DD", "小明", true]].map(([account, name, ambiguous]) => ({ account, name, insert: `@${name}`, ambiguous }));
  let answer = people;
  const call = vi.spyOn(core, "call").mockImplementation((async (method: Method) => (method === "mention.complete" ? { people: answer } : {})) as never);
  const { container } = render(() => <Composer chat={{ ...one, chat: "g1", kind: "group" }} />);
  const field = container.querySelector("textarea")!;
  const type = async (text: string, key?: string) => {
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    fireEvent.input(field);
    if (key) await vi.waitFor(() => expect(container.querySelectorAll("[role=option]").length).toBe(answer.length));
  };
  await type("@小", "menu");
  fireEvent.mouseDown(container.querySelectorAll("[role=option]")[0]!);
  await type("先，@小", "menu");
  fireEvent.mouseDown(container.querySelectorAll("[role=option]")[2]!);
  await type("**後** @");
  answer = people.slice(1);
  await type("小明", "menu");
  fireEvent.keyDown(field, { key: "Enter" }); // the first of those who are called alike
  expect(field.value).toBe("@小明明 先，@小明 **後** @小明 ");
  field.setSelectionRange(0, 0);
  await type("  嗨 ");
  expect(call).not.toHaveBeenCalledWith("send", expect.anything(), undefined, expect.any(String));
  fireEvent.keyDown(field, { key: "Enter" });
  expect(call).toHaveBeenCalledWith("send", expect.objectContaining({ text: "嗨 @小明明 先，@[小明](DD) **後** @[小明](CC)", markup: true }), undefined, expect.any(String));
});

// Who was chosen of two that are called alike is still who is called, wherever the text goes.
const mention = [{ type: "mention", offset: 0, length: 3, account: "AA".repeat(20) }];
const called = (method: Method) => vi.mocked(core.call).mock.calls.filter(([m]) => m === method).map(([, p]) => (p as { text: string }).text);

it("an edit of a text that calls somebody calls them still", async () => {
  const { field, enter } = begin();
  editOf({ id: "m1", chat: "c1", text: "@小明 早", kind: "text", entities: mention } as Message);
  enter("@小明 早安");
  expect(field.value).toBe("");
  expect(called("message.edit")).toEqual([`@[小明](${"AA".repeat(20)}) 早安`]);
});

it("who was chosen in a text that was refused is chosen in it again, here and in a chat that was left", async () => {
  const { enter, no, setChat } = begin();
  editOf({ id: "m1", chat: "c1", text: "@小明 早", kind: "text", entities: mention } as Message);
  enter("@小明 早安");
  await no();
  enter("@小明 早安");
  expect(called("message.edit")).toEqual(Array(2).fill(`@[小明](${"AA".repeat(20)}) 早安`));
  await no();
  setChat(two);
  setChat(one);
  expect(tasks["c1"]?.edit?.id).toBe("m1");
});

it("a draft that was not known when the page began is in the field, if nobody touched it", () => {
  const base = { chat: "late-draft", kind: "direct", draft: undefined } as unknown as Chat;
  const [chat, setChat] = createSignal(base);
  const field = render(() => <Composer chat={chat()} />).container.querySelector("textarea")!;
  setChat({ ...base, draft: "寫到一半" });
  expect(field.value).toBe("寫到一半");
  fireEvent.input(field, { target: { value: "寫完了" } });
  setChat({ ...base, draft: "別的" });
  expect(field.value).toBe("寫完了");
});
