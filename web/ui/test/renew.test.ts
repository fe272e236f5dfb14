// A page of a newer program waits for what is kept nowhere.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Message } from "@rpc";
import { core } from "../src/state/app";
import { editOf, nothing } from "../src/state/compose";
import { setDialog } from "../src/state/dialog";
import { question, sure } from "../src/state/sure";

const reload = vi.fn();
let renew: () => void;
beforeEach(async () => {
  vi.useFakeTimers();
  sessionStorage.clear();
  reload.mockReset();
  vi.spyOn(core, "call").mockResolvedValue({} as never);
  vi.stubGlobal("location", { ...location, reload });
  ({ renew } = await import("../src/state/renew"));
  document.body.innerHTML = "";
});
afterEach(() => { vi.useRealTimers(); vi.unstubAllGlobals(); });
const later = () => vi.advanceTimersByTime(1000);

const held: [string, () => void, () => void][] = [
  ["a dialog", () => void setDialog({ kind: "keys" }), () => void setDialog(undefined)],
  ["a question", () => void sure({ text: "?", yes: "!" }), () => question()!.answer(false)],
  ["an edit", () => editOf({ id: "m", chat: "c", text: "x" } as Message), () => nothing("c")],
  ["a field with something in it", () => { document.body.innerHTML = `<input value="小美">`; document.querySelector("input")!.focus(); }, () => document.querySelector("input")!.blur()],
];
for (const [what, begin, end] of held) it(`${what} is waited for`, () => {
  begin();
  renew();
  later();
  expect(reload).not.toHaveBeenCalled();
  end();
  later();
  expect(reload).toHaveBeenCalledOnce();
});

it("a dialog whose own part did not come is not", () => {
  document.body.innerHTML = `<dialog><p class="broken"></p></dialog>`;
  setDialog({ kind: "keys" });
  renew();
  expect(reload).toHaveBeenCalledOnce();
  setDialog(undefined);
});
