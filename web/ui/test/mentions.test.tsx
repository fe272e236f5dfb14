import { render } from "@solidjs/testing-library";
import { expect, it, vi } from "vitest";
import type { Method } from "@rpc";
import { core } from "../src/state/app";
import { Mentions } from "../src/ui/Mentions";

it("a chat of which nothing is to be had hides no message of others", async () => {
  const message = (id: string, chat: string, text: string) => ({ id, chat, from: "F".repeat(40), name: "阿哲", time: "2026-11-22T08:00:00Z", kind: "text", text, verified: true });
  vi.spyOn(core, "call").mockImplementation((async (method: Method, p: { chat: string }) => {
    if (method === "mentions") return { messages: [message("1", "gone", "第一則"), message("2", "here", "第二則")] };
    if (p.chat === "gone") throw new Error("gone");
    return { chat: p.chat, kind: "group", peer: "", name: "登山社", unread: 0 };
  }) as never);
  const { container } = render(() => <Mentions />);
  await vi.waitFor(() => expect(container.textContent).toContain("登山社"));
  expect([...container.querySelectorAll(".said")].map((x) => x.textContent)).toEqual(["第二則", "第一則"]);
});
