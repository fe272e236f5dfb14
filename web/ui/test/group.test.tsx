import { cleanup, fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, Group, Message, Method } from "@rpc";
import { core, open, setMe } from "../src/state/app";
import { answered, fetchGroups, pictureOf, putGroups, refreshGroups, roleIn } from "../src/state/groups";
import { setLang, t } from "../src/words";
import { Bubble } from "../src/ui/Bubble";
import { GroupLinks } from "../src/ui/GroupLinks";
import { Info } from "../src/ui/Info";
import { NewChat } from "../src/ui/NewChat";
import { Voters } from "../src/ui/small";

const chat: Chat = { chat: "c1", kind: "direct", peer: "AB", name: "小美", unread: 0 };
const group = (more: Partial<Group>): Group => ({ group: "G1", chat: "g1", name: "登山社", secure: false, role: "invited", size: 3, rules: {} as never, operations: 1, ...more });
const message = (more: Partial<Message>): Message => ({ id: "m1", chat: "c1", from: "AB", device: "CD", time: "2026-11-22T12:00:00Z", kind: "group-invite", group: "G1", text: "登山社", secure: false, verified: true, ...more });
let known: Group[] = [];
const call = vi.spyOn(core, "call").mockImplementation((async (method: Method) => {
  if (method === "groups") return { groups: known };
  if (method === "group.accept") return group({ role: "member" });
  if (method === "group.create") return group({ role: "owner", chat: "g2", group: "G2" });
  return {};
}) as never);
const shown = (m: Message, own = false) => render(() => <Bubble message={m} chat={chat} own={own} first last />).container;
const button = (c: HTMLElement) => c.querySelector<HTMLButtonElement>(".card button")?.textContent;

beforeEach(() => {
  setLang("zh-TW");
  setMe({ fingerprint: "ME", device: "D", name: "阿明", devices: [], certificate: "" });
  call.mockClear();
});

it("an invitation says to which group, and is accepted once", async () => {
  known = [];
  await fetchGroups();
  putGroups([group({})]);
  const c = shown(message({}));
  expect(c.querySelector(".card")!.textContent).toContain("登山社");
  expect(button(c)).toBe(t("chat.accept"));
  fireEvent.click(c.querySelector(".card button")!);
  await vi.waitFor(() => expect(button(c)).toBe(t("group.open", t("group"))));
  expect(call).toHaveBeenCalledWith("group.accept", { group: "G1" });
  fireEvent.click(c.querySelector(".card button")!);
  expect(open()).toBe("g1");
  putGroups([group({ role: "" })]); // left
  expect(button(c)).toBeUndefined();
  putGroups([group({ role: "invited", dissolved: true })]);
  expect(c.querySelector(".card")!.textContent).toContain(t("group.dissolved", t("group")));
});

it("who invited has nothing to accept", () => {
  putGroups([group({ role: "owner" })]);
  expect(button(shown(message({ from: "ME" }), true))).toBeUndefined();
});

it("a name that only its bearer says is marked", () => {
  const author = (self_named: boolean) => render(() => <Bubble message={message({ kind: "text", text: "嗨", name: "阿文", self_named, from: "0123456789ABCDEF" })} chat={{ ...chat, kind: "group" }} own={false} first last />).container.querySelector(".author")!.textContent;
  expect([author(false), author(true)]).toEqual(["阿文", "阿文（自稱，89ABCDEF）"]);
});

it("a list that is closed says so, and takes no lines", () => {
  const list = (closed?: string) => shown(message({ kind: "list", text: "共乘", group: undefined, list: { lines: [{ line: "1", from: "ME", name: "阿明", text: "台中", time: "" }], closed } as never }));
  const open = list(), over = list("2026-11-22T12:00:00Z");
  expect([!!open.querySelector("form"), open.querySelector(".kind")!.textContent]).toEqual([true, "接龍"]);
  expect([!!over.querySelector("form"), over.querySelector(".kind")!.textContent, !!over.querySelector("li button")]).toEqual([false, "接龍已結束", false]);
});

it("a line of one's own can be written anew", async () => {
  const c = shown(message({ kind: "list", text: "共乘", group: undefined, list: { lines: [{ line: "7", from: "ME", name: "阿明", text: "台中", time: "" }, { line: "8", from: "AB", name: "小美", text: "台北", time: "" }] } as never }));
  const pens = c.querySelectorAll<HTMLButtonElement>(`button[aria-label^="${t("list.edit")}"]`), field = c.querySelector("input")!;
  expect(pens.length).toBe(1); // of nobody else's
  fireEvent.click(pens[0]!);
  expect(field.value).toBe("台中");
  field.value = "朝馬";
  fireEvent.submit(c.querySelector("form")!);
  expect(call).toHaveBeenLastCalledWith("list.line", expect.objectContaining({ line: "7", text: "朝馬" }));
  field.value = "新竹";
  fireEvent.submit(c.querySelector("form")!);
  expect(call).toHaveBeenLastCalledWith("list.line", expect.objectContaining({ line: undefined, text: "新竹" }));
});

it("a change that is given up leaves the line, and what was being written", async () => {
  const page = render(() => <Bubble message={message({ kind: "list", text: "共乘", group: undefined, list: { lines: [{ line: "7", from: "ME", name: "阿明", text: "台中", time: "" }] } as never })} chat={chat} own={false} first last />);
  const field = page.container.querySelector("input")!;
  field.value = "高雄";
  fireEvent.click(page.container.querySelector(`button[aria-label^="${t("list.edit")}"]`)!);
  fireEvent.click(page.getByLabelText(t("cancel")));
  expect(field.value).toBe("高雄");
  fireEvent.submit(page.container.querySelector("form")!);
  expect(call).toHaveBeenLastCalledWith("list.line", expect.objectContaining({ line: undefined, text: "高雄" }));
});

it("the picture of a group is had where it is here", () => {
  expect(pictureOf("g1")).toBeUndefined();
  putGroups([group({ role: "member", picture: { id: "m9", item: 0, name: "", here: true } as never })]);
  expect(pictureOf("g1")).toContain("/media/m9/0");
  putGroups([group({ role: "member" })]); // it was taken away
  expect(pictureOf("g1")).toBeUndefined();
});

it("a secure group can be made", async () => {
  const page = render(() => <NewChat />);
  fireEvent.click(page.getByText(t("group.new")));
  fireEvent.input(page.getByLabelText(t("group.name", t("group"))), { target: { value: "家人" } });
  fireEvent.click(page.getByLabelText(t("group.secure")));
  fireEvent.click(page.getByText(t("group.make")));
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("group.create", expect.objectContaining({ name: "家人", secure: true })));
});

it("who asks to join is shown with what they wrote, and with whom they may be taken for", async () => {
  const asks = { group: "G1", account: "0123456789ABCDEF", name: "小美", self_named: true, text: "我是\u202E登山社的", similar: [{ fingerprint: "AB", name: "小美" }], time: "2026-11-22T12:00:00Z" };
  call.mockImplementation((async (method: Method) => (method === "group" ? group({ role: "admin" }) : method === "group.requests" ? { requests: [asks, { ...asks, account: "1123456789ABCDEF", name: "阿德", text: "", similar: null }] } : {})) as never);
  const { container } = render(() => <Info chat={{ ...chat, kind: "group", chat: "g1", requests: 2 }} />);
  const lines = () => [...container.querySelectorAll(".people .line")].filter((x) => x.textContent!.includes(t("chat.decline"))).map((x) => x.textContent!);
  await vi.waitFor(() => expect(lines().length).toBe(2));
  expect(lines()[0]).toContain("我是登山社的");
  expect(lines()[0]).toContain(t("chat.similar", "小美"));
  expect(lines()[1]).not.toContain("⚠");
});

it("the panel shows who is in it now", async () => {
  let members = [{ account: "ME", name: "阿明", role: "owner" }];
  const answer = call.getMockImplementation()!;
  call.mockImplementation((async (method: Method) => {
    if (method === "group") return group({ role: "owner", size: members.length });
    if (method === "group.members") return { members };
    return {};
  }) as never);
  const c = render(() => <Info chat={{ ...chat, chat: "g1", kind: "group" }} />).container;
  await vi.waitFor(() => expect(c.textContent).toContain(t("chat.members", 1)));
  members = [...members, { account: "AB", name: "小美", role: "member" }];
  await refreshGroups(["g1"]); // as when the core tells of it
  await vi.waitFor(() => expect(c.textContent).toContain("小美"));
  expect(c.textContent).toContain(t("chat.members", 2));
  call.mockImplementation(answer);
});

it("what subscribers said is added to what is known, and it is said whose word that is", () => {
  const c = shown(message({ kind: "text", text: "公告", group: undefined, reactions: [{ from: "ME", emoji: ["👍"], time: "2026-11-22T12:00:00Z" }], counted: { by: "AB", name: "小美", emoji: [{ emoji: "👍", count: 40 }, { emoji: "噓", count: 2 }] } }));
  expect([...c.querySelectorAll(".reactions button")].map((b) => b.textContent)).toEqual(["👍 41", "噓 2"]);
  expect(c.querySelector(".reactions .mine")!.textContent).toBe("👍 41");
  expect(c.textContent).toContain("其中 42 個由「小美」統計，沒有證明");
  const p = shown(message({ kind: "poll", text: "？", group: undefined, poll: { options: [{ text: "飯", votes: 1, counted: 8 }, { text: "麵", votes: 0 }], voters: 1, counted: 8 }, counted: { by: "AB", name: "小美" } }));
  expect([...p.querySelectorAll(".option .n")].map((b) => b.textContent)).toEqual(["9 票", "0 票"]);
  expect(p.textContent).toContain("9 人投票");
  expect(p.textContent).toContain("其中 8 個由「小美」統計，沒有證明");
});

it("what a group answered before the call did is not undone by the answer", async () => {
  const g = (role: string) => ({ group: "G", chat: "g1", name: "賞鳥", role, rules: { write: "admins" }, size: 2, channel: true }) as never;
  vi.spyOn(core, "call").mockResolvedValue(g("subscriber"));
  await refreshGroups(["g1"]);
  answered(g("asking"));
  await vi.waitFor(() => expect(roleIn("g1")).toBe("subscriber"));
});

const panelOf = (g: Group) => {
  call.mockImplementation((async (method: Method) => (method === "group" ? g : {})) as never);
  return render(() => <Info chat={{ ...chat, chat: "g1", kind: "group" }} />).container;
};
const buttons = (c: HTMLElement) => [...c.querySelectorAll("button")].map((b) => b.textContent);

it("the panel offers what the rules of the group let this account do", async () => {
  const rules = (invite: string) => ({ invite, pin: "admins", profile: "admins", write: "admins", mention_all: "admins", history: "50" });
  for (const [role, invite, may] of [["subscriber", "members", false], ["member", "admins", false], ["member", "members", true], ["owner", "admins", true]] as const) {
    const c = panelOf(group({ role, channel: true, rules: rules(invite) }));
    const leave = role === "subscriber" ? t("group.unsubscribe") : t("group.leave", t("channel"));
    await vi.waitFor(() => expect(buttons(c)).toContain(leave));
    expect([role, invite, buttons(c).includes(t("group.invite")), buttons(c).includes(t("group.link"))]).toEqual([role, invite, may, may]);
    if (role === "subscriber") expect(buttons(c)).not.toContain(t("group.leave", t("channel")));
  }
});

it("who voted is said as far as it can be seen, and nothing stands where nobody is", async () => {
  call.mockImplementation((async (method: Method, p: { option: number }) => (method === "poll.voters" ? { voters: p.option ? [] : [{ account: "AB", name: "小美" }] } : {})) as never);
  const m = message({ kind: "poll", text: "？", group: undefined, poll: { options: [{ text: "飯", votes: 1 }, { text: "麵", votes: 0, counted: 2 }], voters: 1, counted: 2 }, counted: { by: "AB", name: "小美", known: true } });
  const c = render(() => <Voters message={m} />).container;
  await vi.waitFor(() => expect(c.textContent).toBe(`飯小美麵${t("people.unseen", 2)}`));
});

it("a subscriber is told who will see it before voting", () => {
  const poll = (role: string, closed = false) => {
    putGroups([group({ role, channel: true })]);
    return shown(message({ chat: "g1", kind: "poll", text: "？", group: undefined, poll: { options: [{ text: "飯", votes: 0 }], voters: 0, closed: closed ? "2026-11-22T12:00:00Z" : undefined } as never })).textContent!.includes(t("channel.seen"));
  };
  expect([poll("subscriber"), poll("subscriber", true), poll("owner")]).toEqual([true, false, false]);
});

it("who makes a channel is told what becomes of those who are chosen, and each kind of link what it does", async () => {
  const page = render(() => <NewChat />), said = () => page.container.querySelector("form p.dim")?.textContent;
  fireEvent.click(page.getByText(t("group.new")));
  expect(said()).toBeUndefined();
  fireEvent.click(page.getByLabelText(t("group.channel")));
  expect(said()).toBe(t("group.channel.text"));
  fireEvent.click(page.getByLabelText(t("group.secure")));
  expect(said()).toBe(t("group.channel.secure"));
  const kinds = (role: string) => render(() => <GroupLinks group={group({ role, channel: true, rules: { invite: "members", write: "admins" } as never })} />);
  expect(kinds("member").queryByLabelText(t("link.subscribe"))).toBeNull(); // whoever may not write takes no subscribers
  cleanup();
  const c = kinds("owner");
  for (const kind of ["ask", "open", "subscribe"] as const) {
    fireEvent.click(c.getByLabelText(t(`link.${kind}`)));
    expect(c.container.querySelector("p.dim")!.textContent).toBe(t(`link.${kind}.text`));
  }
});
