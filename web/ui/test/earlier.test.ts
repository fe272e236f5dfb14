// What is before all that is here of a group: asked for once, again when the person says so,
// and never without an end (spec/group.md, GROUP-48).
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, HistoryParams, Message, MessagesResult } from "@rpc";
import { core, putChats } from "../src/state/app";
import { conversation, earlier, gap, refresh, setReading, show } from "../src/state/conversation";

const message = (n: number): Message => ({ id: `m${n}`, chat: "g1", from: "AB", kind: "text", text: String(n), time: "2026-11-22T12:00:00Z" } as Message);
const group: Chat = { chat: "g1", kind: "group", peer: "", name: "登山社", unread: 0 }, direct: Chat = { ...group, chat: "d1", kind: "direct" };
const noID = "0".repeat(32);
let before: (p: HistoryParams) => Promise<MessagesResult>, asked: string[];

beforeEach(() => {
  asked = [];
  putChats([group, direct]);
  vi.spyOn(core, "call").mockReset().mockImplementation((async (method: string, p: HistoryParams) => {
    if (method !== "history") return message(0);
    if (p.before === noID && !p.after) return { messages: [10, 11, 12].map(message) };
    if (p.after) return { messages: [] };
    asked.push(`${p.before} ${p.count}`);
    return before(p);
  }) as never);
});

it("says that it is asked for, that it may be asked again, and what came", async () => {
  let give!: (r: MessagesResult) => void;
  before = () => new Promise((done) => { give = done; });
  await show("g1", 0);
  const first = earlier();
  expect(gap()).toBe("asking");
  give({ messages: [], earlier: "missing" } as never);
  await first;
  expect(gap()).toBe("missing");
  await earlier(); // scrolling asks no more
  expect(asked).toEqual(["m10 60"]);
  const second = earlier(true);
  give({ messages: [message(9)] } as never);
  await second;
  expect([gap(), conversation.list.map((m) => m.id)]).toEqual(["whole", ["m9", "m10", "m11", "m12"]]);
});

it("says when nobody has it, and that a call was refused is no end", async () => {
  before = async () => ({ messages: [], earlier: "lost" } as never);
  await show("g1", 0);
  await earlier();
  expect(gap()).toBe("lost");
  before = () => Promise.reject(new Error("no"));
  await show("g1", 0);
  expect(gap()).toBeUndefined();
  await earlier();
  expect(gap()).toBe("missing");
});

it("a chat of two asks nobody", async () => {
  before = async () => { throw new Error("asked"); };
  await show("d1", 0);
  await earlier();
  expect([asked, gap()]).toEqual([[], undefined]);
});

it("what a chat that was left is given goes nowhere, and hinders nothing", async () => {
  let give!: (r: MessagesResult) => void;
  before = () => new Promise((done) => { give = done; });
  await show("g1", 0);
  const slow = earlier();
  await show("d1", 0);
  give({ messages: [message(9)] } as never);
  await slow;
  expect([conversation.chat, conversation.list.length, gap()]).toEqual(["d1", 3, undefined]);
});

it("looking again asks for no more than is here", async () => {
  before = async (p) => ({ messages: [10, 11].slice(-p.count).map(message) } as never);
  await show("g1", 0);
  setReading("m12");
  await refresh();
  expect(asked).toEqual(["m12 2"]);
});
