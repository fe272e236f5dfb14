// What is said above a chat about its other side, and the way on from there.
import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, Method } from "@rpc";
import { core } from "../src/state/app";
import { setLang, t } from "../src/words";
import { Noted } from "../src/ui/Noted";

vi.mock("../src/state/sure", () => ({ sure: async () => true, question: () => undefined }));

const old = "AA".repeat(20), next = "BB".repeat(20);
const chat: Chat = { chat: "c".repeat(32), kind: "direct", peer: old, name: "阿南", unread: 0 };
const call = vi.spyOn(core, "call").mockImplementation((async (method: Method) => (method === "contact.show" ? { fingerprint: old, successor: next, key: "succeeded" } : new Promise(() => {}))) as never);

beforeEach(() => { setLang("zh-TW"); call.mockClear(); });

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
