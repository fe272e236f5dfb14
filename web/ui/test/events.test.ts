import { beforeEach, expect, it, vi } from "vitest";
import type { Calls, Chat, Happening, Message, Method } from "@rpc";
import { Refused } from "../src/rpc";
import { chats, core, resetChats, setOpen, toasts } from "../src/state/app";
import { below, conversation, put, refresh, setReading, show } from "../src/state/conversation";
import { follow } from "../src/state/events";
import { presence } from "../src/state/presence";

const chat = "c".repeat(32), other = "d".repeat(32);
const id = (n: number) => n.toString(16).padStart(32, "0");
const message = (n: number, more: Partial<Message> = {}): Message => ({ id: id(n), chat, from: "AB", device: "CD", time: new Date(1.7e12 + n * 60_000).toISOString(), kind: "text", text: `訊息 ${n}`, secure: false, verified: true, sequence: n, ...more });
const row = (c: string): Chat => ({ chat: c, kind: "direct", peer: "AB", name: "小美", unread: 0 });

// A core with one long chat. What happens in it is told by tell().
let all: Message[] = [], refuse: Record<string, string> = {}, number = 0;
let told: ((r: Calls["events"]["result"]) => void) | undefined;
const asked: string[] = [];
const answers: { [M in Method]?: (p: Calls[M]["params"]) => unknown } = {
  events: (p) => (p.run ? new Promise((done) => { told = done as typeof told; }) : { run: "r", last: 0, events: [], reset: "start" }),
  "device.news": (p) => (p.timeout ? new Promise(() => {}) : { news: [] }),
  account: () => ({ fingerprint: "ME", device: "DE", name: "阿明", devices: [], certificate: "" }), status: () => ({ online: true }), folders: () => ({ folders: [] }),
  chats: () => ({ chats: [row(chat), row(other)] }), chat: (p) => row(p.chat),
  message: (p) => all.find((m) => m.id === p.message) ?? Promise.reject(new Refused({ code: "not_found" } as never)),
  history: (p) => {
    const at = (x?: string) => all.findIndex((m) => m.id === x), n = p.count ?? 50;
    if (p.after) return { messages: all.slice(at(p.after) + 1, at(p.after) + 1 + n) };
    return { messages: at(p.before) < 0 ? all.slice(-n) : all.slice(Math.max(0, at(p.before) - n), at(p.before)) };
  },
};
vi.spyOn(core, "call").mockImplementation((async (method: Method, params: never) => {
  asked.push(method);
  if (refuse[method]) throw new Refused({ code: refuse[method] } as never);
  return structuredClone(await answers[method]!(params));
}) as never);

const settled = async () => { for (let i = 0; i < 6; i++) await new Promise((done) => requestAnimationFrame(done)); };
async function tell(...events: Partial<Happening>[]) {
  await vi.waitFor(() => expect(told).toBeTruthy());
  const done = told!;
  told = undefined;
  done({ run: "r", last: (number += events.length), events: events as never });
  await settled();
}
const about = (event: Happening["event"], n: number, more: object = {}) => ({ event, data: { chat, message: id(n), from: "AB", ...more } }) as Partial<Happening>;
const shown = () => conversation.list.map((m) => m.id);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => id(from + i));

let following = false;
beforeEach(async () => {
  all = Array.from({ length: 300 }, (_, n) => message(n + 1));
  refuse = {};
  if (!following) void follow();
  following = true;
  resetChats([row(chat), row(other)]);
  setOpen(chat);
  await show(chat, 0);
  await settled();
  asked.length = 0;
});

it("an old message that changes stays where it is, and does not come to the end", async () => {
  expect(shown()).toEqual(range(241, 300));
  all[250] = message(251, { text: "改過" });
  await tell(about("message.changed", 251), about("message.state", 5), about("message.changed", 6), about("message.deleted", 7));
  expect(shown()).toEqual(range(241, 300));
  expect(conversation.list[10]!.text).toBe("改過");
});

it("a new one comes to the end, also when more is heard of it at once", async () => {
  all.push(message(301));
  await tell(about("message.state", 301), about("message.new", 301), about("message.changed", 301));
  expect(shown()).toEqual(range(241, 301));
  expect(below()).toBe(1);
  all.push(message(302));
  await tell(about("message.new", 302));
  await tell(about("message.new", 302), about("message.state", 302));
  expect(shown()).toEqual(range(241, 302));
});

it("only what is not there any more goes; other refusals are told", async () => {
  all.splice(259, 1);
  await tell(about("message.deleted", 260));
  expect(shown()).not.toContain(id(260));
  refuse = { message: "internal", chat: "internal" };
  await tell(about("message.changed", 261), { event: "chat", data: { chat: other } } as never);
  expect(shown()).toContain(id(261));
  expect(chats.by[other]).toBeTruthy();
  expect(toasts().length).toBeGreaterThan(0);
  refuse = { chat: "not_found" };
  await tell({ event: "chat", data: { chat: other } } as never);
  expect(chats.by[other]).toBeUndefined();
});

it("an event that nobody understands holds up no other", async () => {
  all.push(message(301));
  await tell({ event: "message.new" } as never, { event: "a newer one", data: 1 } as never, about("message.new", 301));
  expect(shown()).toEqual(range(241, 301));
});

it("how far messages are is asked again when nobody says of which", async () => {
  all[290] = message(291, { read_by: 4 });
  await tell({ event: "message.state", data: { chat } } as never);
  expect(conversation.list.find((m) => m.id === id(291))!.read_by).toBe(4);
});

it("who reads further up stays there when all is fetched anew", async () => {
  setReading(id(250));
  for (let n = 301; n <= 380; n++) all.push(message(n));
  all[241] = message(242, { text: "改過" });
  all.splice(244, 1);
  await refresh();
  expect(shown()).toEqual(range(241, 380).filter((x) => x !== id(245)));
  expect(conversation.list[1]!.text).toBe("改過");
  expect([conversation.before, conversation.atEnd]).toEqual([id(241), true]);
  setReading(undefined);
  await refresh();
  expect(shown()).toEqual(range(321, 380));
});

it("what is very far behind who reads is fetched when it is near", async () => {
  setReading(id(250));
  for (let n = 301; n <= 2000; n++) all.push(message(n));
  await refresh();
  expect(shown()).toEqual(range(241, 850));
  expect(conversation.atEnd).toBe(false);
});

it("a new beginning of the events leaves who reads further up in place", async () => {
  setReading(id(250));
  all.push(message(301));
  await vi.waitFor(() => expect(told).toBeTruthy());
  const done = told!;
  told = undefined;
  done({ run: "r", last: number, events: [], reset: "late" } as never);
  await settled();
  expect(shown()).toEqual(range(241, 301));
});

it("presence that nobody says the end of ends", async () => {
  vi.useFakeTimers();
  try {
    const { setPresence } = await import("../src/state/presence");
    setPresence({ chat, account: "AB", online: true });
    expect(presence[chat]?.online).toBe(true);
    vi.advanceTimersByTime(50_000);
    setPresence({ chat, account: "AB", online: true, until: new Date(Date.now() + 60_000).toISOString() });
    vi.advanceTimersByTime(30_000); // the end that was thought of first is over
    expect(presence[chat]?.online).toBe(true);
    vi.advanceTimersByTime(40_000);
    expect(presence[chat]?.online).toBe(false);
  } finally { vi.useRealTimers(); }
});

it("a notice about an account is seen in its chats without a reload", async () => {
  const before = answers.chat!;
  answers.notices = () => ({ notices: [] });
  answers.chat = (p) => ({ ...row(p.chat), notice: "succeeded" });
  try {
    await tell({ event: "notice", data: { account: "AB" } } as Partial<Happening>);
    await vi.waitFor(() => expect(chats.by[chat]?.notice).toBe("succeeded"));
    await tell({ event: "notice", data: { account: "ZZ" } } as Partial<Happening>);
  } finally { answers.chat = before; }
});

it("who calls themselves something else is called so wherever the page names them", async () => {
  const list = (name: string) => ({ kind: "list", from: "ME", list: { lines: [{ line: "1", from: "AB", name, text: "排骨" }] } }) as Partial<Message>;
  const names = (name: string) => [message(1, { name }), message(2, { from: "ZZ", name: "別人" }), message(3, list(name)), message(4, { from: "ZZ", reply: { from: "AB", name } })];
  all = names("小美");
  await show(chat, 0);
  all = names("小麗");
  await tell({ event: "contact", data: { account: "AB" } } as Partial<Happening>);
  const now = conversation.list;
  expect([now[0]!.name, now[2]!.list!.lines![0]!.name, now[3]!.reply!.name]).toEqual(["小麗", "小麗", "小麗"]);
  expect(asked.filter((x) => x === "message").length).toBe(3); // and nothing that names others
});

it("what comes late stands where it was written, and what it moves behind itself goes there", async () => {
  all = [message(1, { place: 10 }), message(2, { place: 20 })];
  await show(chat, 0);
  // The third of a device comes before its second; when that comes, its home had it later.
  all.push(message(4, { place: 30 }));
  await tell(about("message.new", 4));
  all.push(message(5, { place: 35 }));
  await tell(about("message.new", 5));
  expect(shown()).toEqual([id(1), id(2), id(4), id(5)]);
  all = [...all.slice(0, 2), message(5, { place: 35 }), message(3, { place: 40 }), message(4, { place: 41 }), message(7, { place: 41 })];
  await tell(about("message.new", 3), { event: "message.order", data: { chat } } as never, about("message.new", 7));
  expect(shown()).toEqual([id(1), id(2), id(5), id(3), id(4), id(7)]);
  // A text that is being sent, of which the core has said nothing, stays at the end.
  put({ ...message(9), sequence: undefined, state: "queued" });
  all.splice(3, 0, message(6, { place: 36 }));
  await tell(about("message.new", 6));
  expect(shown()).toEqual([id(1), id(2), id(5), id(6), id(3), id(4), id(7), id(9)]);
});

it("what comes late of an earlier page comes with that", async () => {
  all = all.map((m, i) => ({ ...m, place: 10 * (i + 1) }));
  await show(chat, 0);
  all.splice(100, 0, message(400, { place: 1005 }));
  await tell(about("message.new", 400));
  expect(shown()).toEqual(range(241, 300));
  expect(below()).toBe(0);
});

it("who reads further up stays there when messages move, and has each of them once", async () => {
  all = all.map((m, i) => ({ ...m, place: 10 * (i + 1) }));
  await show(chat, 0);
  setReading(id(270));
  // The first one at hand goes behind others, and one that was of an earlier page to the end.
  const first = all[240]!, old = all[100]!;
  all = [...all.filter((m) => m !== first && m !== old).slice(0, 280), { ...first, place: 2805 }, ...all.filter((m) => m !== first && m !== old).slice(280), { ...old, place: 3005 }];
  await tell({ event: "message.order", data: { chat } } as never);
  const now = shown(), core = all.map((m) => m.id);
  expect(new Set(now).size).toBe(now.length);
  expect(core.slice(core.indexOf(now[0]!), core.indexOf(now[0]!) + now.length)).toEqual(now);
  expect(now).toContain(id(270));
  expect(now.at(-1)).toBe(id(101));
});
