import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, Message } from "@rpc";
import { core } from "../src/state/app";
import { setPinned } from "../src/state/conversation";
import { setLang, t } from "../src/words";
import { Backup } from "../src/ui/Backup";
import { menuFor } from "../src/ui/menu";

beforeEach(async () => {
  vi.restoreAllMocks();
  await setLang("zh-TW");
  vi.spyOn(core, "call").mockResolvedValue({ download: "x" } as never);
  vi.spyOn(location, "assign").mockImplementation(() => {});
});

it("a password counts by its octets, and a backup that was made is tried in the same place", async () => {
  const told: boolean[] = [];
  const { container: c } = render(() => <Backup made={(is) => told.push(is)} />);
  const type = (text: string) => c.querySelectorAll("input").forEach((f) => fireEvent.input(f, { target: { value: text } }));
  const make = () => c.querySelector<HTMLButtonElement>("button.primary")!;
  for (const [text, fine] of [["黃山雀", false], ["11 letters.", false], ["黃山雀鳥", true], ["12 letters..", true]] as const) {
    type(text);
    expect(make().disabled, text).toBe(!fine);
  }
  fireEvent.submit(c.querySelector("form")!);
  await vi.waitFor(() => expect(c.textContent).toContain(t("backup.made")));
  expect(c.querySelector("form")).toBeNull();
  expect(told).toEqual([true]);
  fireEvent.click([...c.querySelectorAll("button")].find((b) => b.textContent === t("backup.again"))!);
  expect(c.querySelector("form")).not.toBeNull();
  expect(told).toEqual([true, false]);
});

it("what is pinned can be taken down, and what is not can be pinned", () => {
  const m = { id: "01", chat: "c", kind: "text", text: "x", verified: true } as Message, chat = { chat: "c", kind: "direct" } as Chat;
  const pins = () => menuFor(m, chat, false).filter((a) => a.key === "pin").map((a) => a.label);
  setPinned(new Set<string>());
  expect(pins()).toEqual([t("message.pin")]);
  setPinned(new Set(["01"]));
  expect(pins()).toEqual([t("message.unpin")]);
});
