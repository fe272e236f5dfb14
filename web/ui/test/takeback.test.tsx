import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, Message } from "@rpc";
import { core } from "../src/state/app";
import { question } from "../src/state/sure";
import { menuFor } from "../src/ui/menu";

const chat: Chat = { chat: "c1", kind: "direct", peer: "AB", name: "小美", unread: 0 };
const message: Message = { id: "m1", chat: "c1", from: "ME", device: "CD", time: "2026-11-22T12:00:00Z", kind: "text", text: "打錯字", secure: false, verified: true };
const call = vi.spyOn(core, "call").mockImplementation((async () => ({})) as never);
const act = (key: string) => menuFor(message, chat, true).find((a) => a.key === key)!.run();
const taken = () => call.mock.calls.filter(([m]) => m === "message.delete").map(([, p]) => (p as { for_me: boolean }).for_me);
const settled = () => new Promise((done) => setTimeout(done));

beforeEach(() => call.mockClear());

it("one message is taken back from everybody only when that was asked", async () => {
  act("delete");
  expect([taken(), question()?.danger]).toEqual([[], true]);
  question()!.answer(false);
  await settled();
  expect(taken()).toEqual([]);
  act("delete");
  question()!.answer(true);
  await vi.waitFor(() => expect(taken()).toEqual([false]));
});

it("what is deleted here alone is not asked", () => {
  act("forget");
  expect([question(), taken()]).toEqual([undefined, [true]]);
});
