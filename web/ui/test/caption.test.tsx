// Who is called in a caption, from the menu that the composer has.
import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, Method } from "@rpc";
import { core, putChats } from "../src/state/app";
import { setLang } from "../src/words";
import { SendFiles } from "../src/ui/Make";

vi.mock("../src/rpc", async (real) => ({ ...(await real<object>()), upload: async () => "upload-1" }));

const group: Chat = { chat: "登山社", kind: "group", peer: "", name: "登山社", unread: 0 }, direct: Chat = { ...group, chat: "小美", kind: "direct", peer: "AA" };
const twins = ["AA", "BB"].map((account) => ({ account, name: "小美", insert: "@小美", ambiguous: true }));
const call = vi.spyOn(core, "call");
beforeEach(async () => {
  await setLang("zh-TW");
  putChats([group, direct]);
  call.mockReset().mockImplementation((async (method: Method) => (method === "mention.complete" ? { people: twins } : {})) as never);
});
const begin = (chat = group) => {
  const page = render(() => <SendFiles chat={chat} files={[new File(["x"], "a.txt")]} caption="" chosen={[]} sent={() => {}} />).container;
  const field = page.querySelector<HTMLInputElement>("label.field input")!;
  const write = (value: string, how: InputEventInit = {}) => { field.value = value; fireEvent(field, new InputEvent("input", { bubbles: true, ...how })); };
  return { page, field, write, items: () => page.querySelectorAll(".choices li"), settled: () => new Promise((done) => setTimeout(done)) };
};

it("members are offered where one is called, and the arrows and Enter choose", async () => {
  const { page, field, write, items } = begin();
  write("看，@小");
  await vi.waitFor(() => expect(items()).toHaveLength(2));
  expect(call).toHaveBeenCalledWith("mention.complete", { group: "登山社", typed: "@小", count: 8 });
  expect(field.getAttribute("aria-activedescendant")).toBe(items()[0]!.id);
  fireEvent.keyDown(field, { key: "ArrowDown" });
  expect(field.getAttribute("aria-activedescendant")).toBe(items()[1]!.id);
  expect(fireEvent.keyDown(field, { key: "Enter" })).toBe(false); // and the form is not sent
  expect([field.value, items().length, field.hasAttribute("aria-controls")]).toEqual(["看，@小美 ", 0, false]);
  fireEvent.submit(page.querySelector("form")!);
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("file.send", expect.objectContaining({ paths: ["upload-1"], caption: "看，@[小美](BB)", markup: true })));
});

it("Esc takes the menu away and nothing else, and what was asked for does not come after it", async () => {
  const { field, write, items, settled } = begin(), outside = vi.fn();
  window.addEventListener("keydown", outside);
  write("@");
  await vi.waitFor(() => expect(items()).toHaveLength(2));
  expect(fireEvent.keyDown(field, { key: "Escape" })).toBe(false);
  expect([items().length, field.value, outside.mock.calls.length]).toEqual([0, "@", 0]);
  write("@小");
  fireEvent.blur(field);
  await settled();
  expect(items()).toHaveLength(0);
  fireEvent.keyDown(field, { key: "Escape" });
  expect(outside).toHaveBeenCalledTimes(1); // now it is for the dialog
  window.removeEventListener("keydown", outside);
});

it("nothing is offered or chosen while an input method composes", async () => {
  const { field, write, items, settled } = begin();
  write("@ㄒ", { isComposing: true });
  await settled();
  expect([items().length, call.mock.calls.length]).toEqual([0, 0]);
  write("@小");
  await vi.waitFor(() => expect(items()).toHaveLength(2));
  for (const how of [{ isComposing: true }, { keyCode: 229 }]) expect(fireEvent.keyDown(field, { key: "Enter", ...how })).toBe(true);
  expect(field.value).toBe("@小");
  fireEvent(field, new CompositionEvent("compositionend"));
  await settled();
  expect(items()).toHaveLength(2);
});

it("there is nobody to call in a chat of two", async () => {
  const { write, items, settled } = begin(direct);
  write("@小");
  await settled();
  expect([items().length, call.mock.calls.length]).toEqual([0, 0]);
});
