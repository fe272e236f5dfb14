import { fireEvent, render } from "@solidjs/testing-library";
import { expect, it, vi } from "vitest";
import { core } from "../src/state/app";
import { SearchIn } from "../src/ui/SearchIn";
import { setLang, t } from "../src/words";

it("a date leads to the first message of that day, in the zone of the person", () => {
  setLang("zh-TW");
  const call = vi.spyOn(core, "call").mockResolvedValue({ messages: [] } as never);
  const page = render(() => <SearchIn chat={{ chat: "c1", kind: "direct", peer: "AB", name: "小美", unread: 0 }} close={() => {}} />);
  const field = page.getByLabelText(t("search.date")) as HTMLInputElement;
  field.value = "2026-03-01";
  fireEvent.change(field);
  expect(call).toHaveBeenCalledWith("history", expect.objectContaining({ chat: "c1", at: "2026-02-28T16:00:00.000Z" }));
});
