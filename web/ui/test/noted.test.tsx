// What is said above a chat about its other side, and the way on from there.
import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, Message, Method, Notice } from "@rpc";
import { chats, core, open } from "../src/state/app";
import { hear, setNoted, wentOn } from "../src/state/beside";
import { setLang, t } from "../src/words";
import { Beside, Noted, Onward } from "../src/ui/Noted";

vi.mock("../src/state/sure", () => ({ sure: async () => true, question: () => undefined }));

const old = "AA".repeat(20), next = "BB".repeat(20);
const chat: Chat = { chat: "c".repeat(32), kind: "direct", peer: old, name: "阿南", unread: 0 };
const call = vi.spyOn(core, "call").mockImplementation((async (method: Method) => (method === "contact.show" ? { fingerprint: old, successor: next, key: "succeeded" } : new Promise(() => {}))) as never);

beforeEach(() => { setLang("zh-TW"); setNoted(undefined); call.mockClear(); });

it("who goes on as another account is agreed to where it is said, and the account is named", async () => {
  const page = render(() => <Noted chat={{ ...chat, notice: "succeeded" }} />);
  expect(page.getByRole("alert").textContent).toContain(t("notice.succeeded"));
  fireEvent.click(await page.findByText(t("succeed.do")));
  expect(page.container.textContent).toContain("BBBB BBBB");
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("contact.succeed", { account: old }));
});

it("of anything else it is only said", () => {
  const page = render(() => <Noted chat={{ ...chat, notice: "revoked" }} />);
  expect(page.getByRole("alert").textContent).toContain(t("notice.revoked"));
  expect(page.container.querySelector("button")).toBeNull();
  expect(call).not.toHaveBeenCalled();
});

// What came up stands between the messages.
const said = (time: string, received?: string) => ({ id: time, time, received }) as Message;
const notice = (number: number, kind: string, time: string, more: Partial<Notice> = {}): Notice => ({ number, account: old, kind, time, name: "阿南", ...more }) as Notice;
const lines = (page: { container: HTMLElement }) => [...page.container.querySelectorAll(".service")].map((x) => x.textContent);

it("each stands once, where it came up, whether it is over or not", () => {
  hear([notice(1, "expired", "2026-11-01T10:00:00Z"), notice(2, "revoked", "2026-11-03T10:00:00Z")]);
  hear([notice(1, "expired", "2026-11-01T10:00:00Z", { settled: "2026-11-02T10:00:00Z" }), notice(3, "deleted", "2026-11-03T11:00:00Z", { account: next })]);
  const at = (from?: Message, to?: Message) => lines(render(() => <Beside chat={chat} from={from} to={to} />));
  const one = said("2026-11-01T09:00:00Z", "2026-11-01T12:00:00Z"), two = said("2026-11-02T09:00:00Z");
  expect(at(undefined, one)).toEqual([expect.stringContaining(t("notice.expired"))]); // it came after that
  expect(at(one, two)).toEqual([]);
  expect(at(two)).toEqual([expect.stringContaining(t("notice.revoked"))]);
});

it("an account and the one that it goes on as lead to each other, once that was agreed to", async () => {
  const gone = notice(1, "succeeded", "2026-11-01T10:00:00Z", { successor: next }), other: Chat = { ...chat, chat: "d".repeat(32), peer: next };
  hear([gone]);
  expect(render(() => <Beside chat={chat} />).queryByRole("button")).toBeNull(); // the question stands above
  expect(wentOn(chat)).toBeTruthy();
  expect(wentOn(other)).toBeUndefined();
  hear([{ ...gone, settled: "2026-11-02T10:00:00Z" }]);
  call.mockImplementation((async (_: Method, p: { account: string }) => ({ fingerprint: p.account, chat: p.account === next ? other.chat : chat.chat, state: "contact" })) as never);
  const here = render(() => <Beside chat={chat} />), there = render(() => <Beside chat={other} />);
  expect(lines(there)[0]).toContain(t("succeed.here", "阿南"));
  fireEvent.click(here.getByText(t("succeed.open")));
  await vi.waitFor(() => expect(open()).toBe(other.chat));
  fireEvent.click(there.getByText(t("succeed.before")));
  await vi.waitFor(() => expect(open()).toBe(chat.chat));
  fireEvent.click(render(() => <Onward notice={wentOn(chat)!} />).getByText(t("succeed.open")));
  await vi.waitFor(() => expect(open()).toBe(other.chat));
  expect(chats.by[other.chat]?.peer).toBe(next);
});
