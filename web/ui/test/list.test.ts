import { expect, it } from "vitest";
import type { Chat } from "@rpc";
import { chats, dropChat, putChats, resetChats } from "../src/state/app";
import { inPart, partsOf } from "../src/state/folders";

const id = (n: number) => n.toString(16).padStart(32, "0");
const chat = (n: number, minutes: number, more: Partial<Chat> = {}): Chat => ({
  chat: id(n), kind: "direct", peer: "AB", name: `聊天 ${n}`, unread: 0, contact: "contact", ...more,
  last: { id: id(n), chat: id(n), from: "AB", device: "CD", time: new Date(1.7e12 + minutes * 60_000).toISOString(), kind: "text", text: "x", secure: false, verified: true },
});

// As the core orders them: on top first, then the newest, then by id.
const sorted = (list: Chat[]) => [...list].sort((a, b) => Number(!!b.top) - Number(!!a.top) || Date.parse(b.last!.time) - Date.parse(a.last!.time) || (a.chat < b.chat ? -1 : 1)).map((c) => c.chat);

it("chats stand where they belong, whatever changes in which order", () => {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const all = new Map(Array.from({ length: 60 }, (_, n) => [n, chat(n, random(500))] as const));
  resetChats([...all.values()]);
  expect(chats.order).toEqual(sorted([...all.values()]));
  for (let round = 0; round < 80; round++) {
    const some = Array.from({ length: 1 + random(4) }, () => random(70)).map((n) => chat(n, random(500), { top: random(9) === 0 || undefined }));
    for (const c of some) all.set(parseInt(c.chat, 16), c);
    putChats(some.filter((c, i) => some.findLastIndex((x) => x.chat === c.chat) === i));
    if (random(5) === 0) {
      const [n] = [...all.keys()];
      all.delete(n!);
      dropChat(id(n!));
    }
    expect(chats.order).toEqual(sorted([...all.values()]));
    expect(inPart().get("all")).toEqual(chats.order);
  }
});

it("a chat stands in its parts", () => {
  expect(partsOf(chat(1, 1))).toEqual(["all"]);
  expect(partsOf(chat(1, 1, { unread: 2, kind: "group" }), ["aa"])).toEqual(["all", "unread", "groups", "folder:aa"]);
  const muted = new Date(Date.now() + 3_600_000).toISOString();
  expect(partsOf(chat(1, 1, { unread: 2, muted }))).toEqual(["all"]);
  expect(partsOf(chat(1, 1, { unread: 2, muted, mentions: 1 }))).toEqual(["all", "unread"]);
  expect(partsOf(chat(1, 1, { marked: true, muted }))).toEqual(["all", "unread"]);
  expect(partsOf(chat(1, 1, { unread: 2, muted: new Date(Date.now() - 1000).toISOString() }))).toEqual(["all", "unread"]);
  expect(partsOf(chat(1, 1, { archived: true, unread: 2 }))).toEqual(["archive"]);
  expect(partsOf(chat(1, 1, { contact: "request" }))).toEqual(["requests"]);
  expect(partsOf(chat(1, 1, { contact: "request", blocked: true }))).toEqual(["all"]);
});
