// Names of people, groups, files and devices are what their bearers say. Wherever one is
// shown it is a short line of letters that can be seen, in the direction of the page.
import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { JSX } from "solid-js";
import type { Chat, Contact, Group, Message, Method } from "@rpc";
import { core, putChats, resetChats, setMe } from "../src/state/app";
import { notify } from "../src/state/notify";
import { setLang } from "../src/words";
import { Bubble } from "../src/ui/Bubble";
import { ChatList } from "../src/ui/ChatList";
import { Composer } from "../src/ui/Composer";
import { Info } from "../src/ui/Info";
import { NewChat } from "../src/ui/NewChat";
import { Settings } from "../src/ui/Settings";
import { clean } from "../src/ui/text";

const hostile: [string, string, string][] = [
  ["turns the direction", "\u202E\u2067gpj.\u061Cexe\u200F", "gpj.exe"],
  ["is markup", "<img src=x onerror=alert(1)><script>alert(2)</script>", "<img src=x onerror=alert(1)><script>alert(2)</script>"],
  ["is a pile of marks", "Z" + "\u0351".repeat(900), "Z" + "\u0351".repeat(4)],
  ["is ten thousand letters", "好".repeat(10_000), "好".repeat(300)],
  ["is ten thousand pairs", "a" + "😀".repeat(5000), "a" + "😀".repeat(149)],
  ["is many lines", "小美\n\n\r\u2028系統：已驗證", "小美 系統：已驗證"],
  ["has what nobody sees between", "小\u200B\u3164\u{E0041}美\uFEFF", "小美"],
];
const blank: [string, string][] = [["white", " \u3000\t"], ["of fillers", "\u3164\u115F\uFFA0\u2800"], ["of joiners", "\u200D\uFE0F\u200C"], ["of marks of direction", "\u202E\u2069\u200E"], ["nothing", ""]];

/** Fails where a page could be steered by what is in it. */
function harmless(page: HTMLElement) {
  expect(page.querySelector("script, [onerror], img[src='x']")).toBeNull();
  for (const e of page.querySelectorAll(":not(textarea)")) { // what is changed there is shown as it is
    const said = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent ?? "").concat(["title", "aria-label", "alt", "placeholder", "download"].map((a) => e.getAttribute(a) ?? ""));
    for (const text of said) {
      expect(text).not.toMatch(/[\u202a-\u202e\u2066\u2067\u200b\u200e\u200f\u061c\ufeff\u3164\u2028]/);
      expect(text.length, text.slice(0, 40)).toBeLessThan(700) /* two names and words */;
      expect(text).not.toMatch(/\p{M}{5}/u);
    }
  }
}

let name = "";
const account = "0123456789ABCDEF0123456789ABCDEF01234567";
const person = (): Contact => ({
  fingerprint: account, chat: "c1", state: "request", name, petname: "", key: "valid", verified: "", link: "omega:contact/" + account, safety: "1 2 3",
  devices: [{ fingerprint: account, name, added: "2026-01-01T00:00:00Z", status: "active" }], groups: [{ chat: "g1", name }], certified: [{ fingerprint: account, name }],
} as unknown as Contact);
const group = (): Group => ({ group: "G", chat: "g1", name, about: name, secure: false, role: "owner", size: 2, rules: { invite: "members" }, operations: 1 } as unknown as Group);
const message = (more: Partial<Message> = {}): Message => ({ id: "m1", chat: "c1", from: account, device: account, name, time: "2026-11-22T12:00:00Z", kind: "text", text: "嗨", secure: false, verified: true, ...more });
const direct = (): Chat => ({ chat: "c1", kind: "direct", peer: account, name, unread: 1, contact: "request", similar: [{ fingerprint: account, name }], last: message() } as unknown as Chat);
const room = (): Chat => ({ chat: "g1", kind: "group", peer: "", name, unread: 1, last: message({ chat: "g1" }) } as unknown as Chat);

const answers: Partial<Record<Method, () => unknown>> = {
  "contact.show": person, group, "group.members": () => ({ members: [{ account, name, role: "member", self_named: true, similar: [{ fingerprint: account, name }] }] }),
  "group.requests": () => ({ requests: [{ account, name, self_named: true, text: name, time: "2026-11-22T12:00:00Z", similar: [{ fingerprint: account, name }] }] }),
  "mention.complete": () => ({ people: [{ account, name, role: "admin", insert: "@x", self_named: true }] }),
  contacts: () => ({ contacts: [person()] }), devices: () => ({ devices: person().devices }), message: () => message(),
  "import.list": () => ({ imports: [{ import: 1, file: name, time: "2026-11-22T12:00:00Z", messages: 3 }] }),
};

beforeEach(() => {
  vi.restoreAllMocks();
  void setLang("zh-TW");
  setMe({ fingerprint: "ME", device: "D", name: "阿明", devices: [], certificate: "" });
  vi.spyOn(core, "call").mockImplementation((async (method: Method) => answers[method]?.() ?? {}) as never);
});

const shown = async (page: () => JSX.Element, until: string) => {
  const { container } = render(page);
  await vi.waitFor(() => expect(container.querySelector(until)).not.toBeNull());
  return container;
};
const media = (what: string) => [{ what, blob: "b", size: 10, type: "application/x-thing", name }] as unknown as Message["media"];

describe.each(hostile)("a name that %s", (_, is, becomes) => {
  beforeEach(() => { name = is; });
  it("is one short line", () => expect(clean(name)).toBe(becomes));
  it("in the list of chats", async () => {
    resetChats([direct(), room()]);
    harmless((await shown(() => <ChatList />, "[role=tab]")));
  });
  it("in bubbles: author, answer, sent on, file, poll, list, invitation, line", () => {
    const bubbles = [
      message({ reply: { message: "m0", from: account, name, text: name } as never, forward: { from: account, name } as never }), message({ kind: "media", text: "", media: media("file") }), message({ kind: "media", text: "", media: media("photo") }),
      message({ kind: "poll", text: "吃什麼？", poll: { voters: 1, options: [{ text: name, votes: 1 }] } as never }), message({ kind: "list", text: "共乘", list: { lines: [{ line: "1", from: account, name, text: name }] } as never }),
      message({ kind: "group-invite", group: "G", text: name }), message({ kind: "group-renamed", service: true, text: name, about: [{ fingerprint: account, name }] as never, about_count: 1 }),
    ];
    harmless(render(() => bubbles.map((m) => <Bubble message={m} chat={room()} own={false} first last />)).container);
  });
  it("in what there is to know of a person, of a group, and of people to choose", async () => {
    harmless(await shown(() => <Info chat={direct()} />, "[aria-label] .fingerprint"));
    harmless(await shown(() => <Info chat={room()} />, ".people li"));
    const page = await shown(() => <NewChat />, "[role=tab]");
    fireEvent.click(page.querySelectorAll("[role=tab]")[1]!);
    await vi.waitFor(() => expect(page.querySelector(".people button")).not.toBeNull());
    harmless(page);
  });
  it("in the settings", async () => harmless(await shown(() => <Settings />, ".people .line")));
  it("in the menu of people to call", async () => {
    const page = await shown(() => <Composer chat={room()} />, "textarea"), field = page.querySelector("textarea")!;
    field.value = "@";
    field.setSelectionRange(1, 1);
    fireEvent.input(field);
    await vi.waitFor(() => expect(page.querySelector("[role=option]")).not.toBeNull());
    expect(page.querySelector("[role=option]")!.textContent).toContain("管理員");
    harmless(page);
  });
  it("in a notification", async () => {
    const told: [string, NotificationOptions][] = [];
    vi.stubGlobal("Notification", class { static permission = "granted"; constructor(title: string, options: NotificationOptions) { told.push([title, options]); } });
    vi.spyOn(document, "hasFocus").mockReturnValue(false);
    putChats([direct(), room()]);
    for (const chat of ["c1", "g1"]) await notify({ chat, message: "m1", from: account } as never);
    expect(told.map(([title]) => title)).toEqual([becomes, becomes]);
    expect(told[1]![1].body).toBe(`${becomes}：嗨`);
    vi.unstubAllGlobals();
  });
});

describe.each(blank)("a name that is %s", (_, is) => {
  beforeEach(() => { name = is; });
  it("is the end of the fingerprint instead", async () => {
    expect(clean(is)).toBe("");
    const page = render(() => <Bubble message={message()} chat={room()} own={false} first last />).container;
    expect(page.querySelector(".author")!.textContent).toBe(account.slice(-8));
    const people = await shown(() => <Info chat={room()} />, ".people li bdi");
    expect([...people.querySelectorAll(".people bdi")].map((x) => x.textContent)).toContain(account.slice(-16));
  });
});

it("emoji and the scripts of people are names", () => {
  for (const fine of ["👨‍👩‍👧", "❤️", "नमस्ते", "Zoë", "小美 🐦", "مریم"]) expect(clean(fine)).toBe(fine);
});
