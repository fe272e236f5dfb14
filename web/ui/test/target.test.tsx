// The message that somebody goes to is marked for its own time.
import { render } from "@solidjs/testing-library";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Chat, HistoryParams, Message, Method } from "@rpc";
import { core, putChats, setMe, setOpen } from "../src/state/app";
import { jump, target } from "../src/state/conversation";
import { Conversation } from "../src/ui/Conversation";
import { setLang } from "../src/words";

const chat: Chat = { chat: "d1", kind: "direct", peer: "AB", name: "小美", unread: 0 };
const message = (id: string) => ({ id, chat: "d1", from: "AB", kind: "text", text: id, time: "2026-11-22T12:00:00Z" }) as Message;

beforeEach(async () => {
  await setLang("zh-TW");
  vi.useFakeTimers();
  setMe({ fingerprint: "ME", device: "D", name: "阿明", devices: [], certificate: "" });
  putChats([chat]);
  vi.spyOn(core, "call").mockImplementation((async (method: Method, p: HistoryParams & { message?: string }) => (method === "message" ? message(p.message!) : {})) as never);
});
afterEach(() => vi.useRealTimers());

it("also where somebody goes from one to the next before the first one's time is over", async () => {
  render(() => <Conversation />);
  setOpen("d1");
  await vi.advanceTimersByTimeAsync(100);
  await jump("d1", { message: "m1" });
  await vi.advanceTimersByTimeAsync(1400);
  expect(target()).toBe("m1");
  await jump("d1", { message: "m2" });
  await vi.advanceTimersByTimeAsync(1400);
  expect(target()).toBe("m2");
  await vi.advanceTimersByTimeAsync(300);
  expect(target()).toBeUndefined();
});
