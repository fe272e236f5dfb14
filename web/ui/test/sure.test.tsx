// What is asked before something that cannot be undone.
import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it } from "vitest";
import { setOpen } from "../src/state/app";
import { question, sure } from "../src/state/sure";
import { unwind } from "../src/state/layers";
import { setLang, t } from "../src/words";
import { Sure } from "../src/ui/Sure";

beforeEach(() => setLang("zh-TW"));
const page = () => render(() => <><button id="behind">behind</button><Sure /></>);
const press = (p: ReturnType<typeof page>, name: string) => fireEvent.click(p.getByText(name));

it("a question is answered once, by its buttons", async () => {
  const p = page(), yes = sure({ text: "要嗎？", yes: "要" });
  expect(p.getByText("要嗎？")).toBeTruthy();
  press(p, "要");
  expect(await yes).toBe(true);
  expect(question()).toBeUndefined();
  const no = sure({ text: "要嗎？", yes: "要", danger: true });
  expect(document.activeElement?.textContent).toBe(t("cancel")); // Enter does nothing that cannot be undone
  press(p, t("cancel"));
  expect(await no).toBe(false);
});

it("Esc says no, and the focus is back where it was", async () => {
  const p = page(), behind = p.container.querySelector<HTMLElement>("#behind")!;
  behind.focus();
  const asked = sure({ text: "要嗎？", yes: "要" });
  expect(document.activeElement).not.toBe(behind);
  expect(unwind()).toBe(true);
  expect(await asked).toBe(false);
  await Promise.resolve();
  expect(document.activeElement).toBe(behind);
  expect(unwind()).toBe(false);
});

it("what has to be typed has to be right, in any letter case and with gaps", async () => {
  const p = page(), asked = sure({ text: "刪除？", yes: "刪除", danger: true, typed: "847ED5CD", hint: "輸入" });
  const yes = p.getByText("刪除") as HTMLButtonElement, field = p.container.ownerDocument.querySelector<HTMLInputElement>("dialog.sure input")!;
  for (const wrong of ["", "847ED5C", "847ED5CE"]) {
    fireEvent.input(field, { target: { value: wrong } });
    expect(yes.disabled, wrong).toBe(true);
    fireEvent.submit(field.form!); // Enter in the field
    expect(question()).toBeTruthy();
  }
  fireEvent.input(field, { target: { value: "847e d5cd" } });
  fireEvent.submit(field.form!);
  expect(await asked).toBe(true);
});

it("a question that comes meanwhile answers the one before with no", async () => {
  const first = sure({ text: "一？", yes: "要" }), second = sure({ text: "二？", yes: "要" });
  expect(await first).toBe(false);
  expect(question()?.text).toBe("二？");
  question()!.answer(true);
  expect(await second).toBe(true);
});

it("a question about a chat is over with the chat: what it would do is done to no other", async () => {
  setOpen("family");
  page();
  const asked = sure({ text: "解散？", yes: "解散", danger: true });
  setOpen("work");
  expect(await asked).toBe(false);
  expect(question()).toBeUndefined();
});

it("a key that is held down answers nothing", () => {
  const p = page();
  void sure({ text: "要嗎？", yes: "要" });
  const yes = p.getByText("要");
  expect(fireEvent.keyDown(yes, { key: "Enter", repeat: true })).toBe(false);
  expect(fireEvent.keyDown(yes, { key: "Enter" })).toBe(true);
  question()!.answer(false);
});
