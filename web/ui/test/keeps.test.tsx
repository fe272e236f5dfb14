// What belongs to one thing is not shown with another, and not lost on the way.
import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import { createSignal } from "solid-js";
import type { Chat, Method } from "@rpc";
import { core, putChats, setMe } from "../src/state/app";
import { setLang } from "../src/words";
import { Info } from "../src/ui/Info";
import { Schedule } from "../src/ui/Make";

const account = "AA".repeat(20);
const chat = (id: string): Chat => ({ chat: id, kind: "group", peer: "", name: id, unread: 0 });
const call = vi.spyOn(core, "call");
beforeEach(async () => {
  await setLang("zh-TW");
  setMe({ fingerprint: "ME", device: "D", name: "阿明", devices: [], certificate: "" });
  putChats([chat("登山社"), chat("讀書會")]);
});

it("the panel of a group shows nothing of the one before, however long the core takes", async () => {
  call.mockReset().mockImplementation((async (method: Method, p: { group: string }) => {
    if (method === "group" && p.group === "讀書會") return new Promise(() => {});
    return method === "group" ? { group: "G", chat: p.group, name: p.group, about: "每月一山", role: "member", size: 15, rules: {} } : {};
  }) as never);
  const [now, set] = createSignal(chat("登山社")), page = render(() => <Info chat={now()} />).container;
  await vi.waitFor(() => expect(page.textContent).toContain("每月一山"));
  set(chat("讀書會"));
  expect(page.textContent).toContain("讀書會");
  expect(page.textContent).not.toContain("每月一山");
  expect(page.textContent).not.toContain("15");
});

it("who was chosen in a text that is put off is called by it, also when it was changed there", async () => {
  call.mockReset().mockImplementation((async () => ({})) as never);
  const page = render(() => <Schedule chat={chat("登山社")} text="@小明 早" chosen={[{ at: 0, name: "@小明", account }]} sent={() => {}} />).container;
  const field = page.querySelector("textarea")!;
  fireEvent.input(field, { target: { value: "嗨 @小明 早" } });
  fireEvent.submit(page.querySelector("form")!);
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("send", expect.objectContaining({ text: `嗨 @[小明](${account}) 早`, markup: true }), undefined, expect.any(String)));
});
