import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Method } from "@rpc";
import { core, me, setMe } from "../src/state/app";
import { setLang, t } from "../src/words";
import { OwnName } from "../src/ui/OwnName";
import { Succession } from "../src/ui/Succession";

let yes = true, asked = "";
vi.mock("../src/state/sure", () => ({ sure: async (q: { text: string }) => { asked = q.text; return yes; }, question: () => undefined }));

const other = "BB".repeat(20);
const call = vi.spyOn(core, "call").mockImplementation((async (method: Method, params: { name?: string }): Promise<unknown> => {
  if (method === "account.name") return { name: params.name };
  if (method === "contact.show") return { fingerprint: other, name: "阿明二號" };
  if (method === "account.succeed") return { told: 3 };
  return {};
}) as never);

beforeEach(() => {
  setLang("zh-TW");
  setMe({ fingerprint: "AA".repeat(20), device: "D", name: "阿明", devices: [], certificate: "" });
  yes = true;
  call.mockClear();
});

it("the own name is changed, and shown", async () => {
  const page = render(() => <OwnName />);
  fireEvent.click(page.getByText(t("account.rename")));
  const field = page.getByLabelText(t("account.rename.field")) as HTMLInputElement;
  expect(field.value).toBe("阿明");
  fireEvent.input(field, { target: { value: " 阿安 " } });
  fireEvent.click(page.getByText(t("save")));
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("account.name", { name: "阿安" }));
  await page.findByText("阿安");
  expect(me()!.name).toBe("阿安");
});

it("an account goes on as another, or for it, once the person has seen which", async () => {
  for (const [side, method] of [["old", "account.succeed"], ["new", "account.inherit"]] as const) {
    for (yes of [false, true]) {
      const page = render(() => <Succession />);
      fireEvent.input(page.getByLabelText(t(`succession.${side}`)), { target: { value: " 阿明二號 " } });
      call.mockClear();
      fireEvent.click(page.getByText(t(`succession.${side}.do`)));
      await vi.waitFor(() => expect(asked).toContain("BBBB BBBB"));
      if (yes) await vi.waitFor(() => expect(call).toHaveBeenCalledWith(method, { account: other }));
      else expect(call.mock.calls.map((c) => c[0])).toEqual(["contact.show"]);
      page.unmount();
      asked = "";
    }
  }
});
