import { expect, it, vi } from "vitest";
import { Core } from "../src/rpc";

/** A socket that keeps what it is sent, and is answered by hand. */
class Socket {
  static OPEN = 1;
  static last: Socket;
  readyState = 1;
  sent: { id: number; method: string; params: { text?: string } }[] = [];
  onopen = () => {};
  onmessage = (_: { data: string }) => {};
  onclose = () => {};
  constructor() { Socket.last = this; }
  send(text: string) { this.sent.push(JSON.parse(text)); }
  close() { this.onclose(); }
  answer(id: number, error?: object) { this.onmessage({ data: JSON.stringify({ id, result: error ? undefined : {}, error }) }); }
  texts() { return this.sent.map((c) => c.params.text ?? c.method); }
}
vi.stubGlobal("WebSocket", Socket);
vi.useFakeTimers();

const begin = () => {
  const core = new Core("ws://here/rpc", () => {});
  core.start();
  Socket.last.onopen();
  const say = (to: string, text: string) => void core.call("send", { to: `peer of ${to}`, text } as never, undefined, to).catch(() => {});
  return { core, say };
};

it("what is written into a chat reaches the core in its order; other calls wait for nothing", () => {
  const { core, say } = begin();
  say("A", "一");
  say("A", "二");
  say("B", "別的聊天");
  void core.call("command.run", { chat: "A", text: "/mute" } as never, undefined, "A");
  void core.call("stickers.send", { to: "peer of A" } as never); // may wait for the network, and holds up no text
  void core.call("chats", {} as never);
  expect(Socket.last.texts()).toEqual(["一", "別的聊天", "stickers.send", "chats"]);
  Socket.last.answer(1);
  expect(Socket.last.texts()).toEqual(["一", "別的聊天", "stickers.send", "chats", "二"]);
  Socket.last.answer(2, { code: "refused" }); // what was refused holds nobody up
  expect(Socket.last.texts().at(-1)).toBe("/mute");
});

it("what was under way when the core went away comes first when it is back", () => {
  const { say } = begin();
  say("A", "一");
  say("A", "二");
  const before = Socket.last;
  before.close();
  vi.advanceTimersByTime(200);
  expect(Socket.last).not.toBe(before);
  Socket.last.onopen();
  expect(Socket.last.texts()).toEqual(["一"]);
  Socket.last.answer(1);
  expect(Socket.last.texts()).toEqual(["一", "二"]);
});
