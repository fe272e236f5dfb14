import { render } from "@solidjs/testing-library";
import { expect, it, vi } from "vitest";
import type { Message } from "@rpc";
import { toast } from "../src/state/app";
import { setDialog } from "../src/state/dialog";
import { DialogLayer } from "../src/ui/Dialog";
import { view, ViewerLayer } from "../src/ui/Viewer";

const heard = (page: HTMLElement) => [...page.querySelectorAll("dialog [role=status]")].map((x) => x.textContent);

it("what is told while a dialog is open is heard in it, once, and not what was told before", async () => {
  toast("之前");
  const page = render(() => <DialogLayer />).container;
  setDialog({ kind: "keys" });
  await vi.waitFor(() => expect(heard(page)).toEqual([""]));
  const place = page.querySelector("dialog [role=status]");
  toast("已複製");
  expect(heard(page)).toEqual(["已複製"]);
  expect(page.querySelector("dialog [role=status]")).toBe(place); // one that was there before
  setDialog(undefined);
  expect(heard(page)).toEqual([]);
});

it("and beside a picture", () => {
  const page = render(() => <ViewerLayer />).container;
  view({ message: { id: "m", media: [{ what: "photo" }] } as unknown as Message, item: 0 });
  toast("已儲存");
  expect(heard(page)).toEqual(["已儲存"]);
  view(undefined);
});
