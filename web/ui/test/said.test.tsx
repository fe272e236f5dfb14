import { render } from "@solidjs/testing-library";
import { expect, it, vi } from "vitest";
import type { Message, Method } from "@rpc";
import { core } from "../src/state/app";
import { Voters } from "../src/ui/small";

const from = "F".repeat(40), by = "A".repeat(40);
const message = (known: boolean) => ({ id: "1", chat: "2", from, time: "2026-11-22T08:00:00Z", kind: "text", text: "公告", verified: true, reactions: [{ from, emoji: ["👍"], time: "2026-11-22T08:00:00Z" }], counted: { by, name: "林大山", emoji: [{ emoji: "👍", count: 40 }], known } }) as unknown as Message;

it("who may write sees who reacted; a reader sees whom it can know, and whose word the rest is", async () => {
  vi.spyOn(core, "call").mockImplementation((async (method: Method) => (method === "message.reactors" ? { reactors: [{ account: from, name: "阿哲", emoji: ["👍", "推"] }], next: "x" } : {})) as never);
  const writer = render(() => <Voters message={message(true)} />);
  await vi.waitFor(() => expect(writer.container.textContent).toContain("阿哲👍 推"));
  expect(writer.container.textContent).toContain("只列前 200 個");
  expect(writer.container.textContent).not.toContain("沒有證明");
  const reader = render(() => <Voters message={message(false)} />);
  await vi.waitFor(() => expect(reader.container.textContent).toContain("阿哲👍 推"));
  expect(reader.container.textContent).toContain("其中 40 個由「林大山」統計，沒有證明");
});
