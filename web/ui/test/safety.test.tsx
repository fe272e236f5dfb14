// Two people who hold each other's screens before their cameras: each shows the own code.
import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, Contact, Method } from "@rpc";
import { core, setMe } from "../src/state/app";
import { setLang, t } from "../src/words";
import { Info } from "../src/ui/Info";

const sure = vi.hoisted(() => vi.fn(async (_: unknown) => false));
vi.mock("../src/state/sure", () => ({ sure, question: () => undefined }));
vi.mock("../src/scan/pictures", () => ({ readFile: async (f: Blob) => f.text(), seen: () => undefined }));

const link = (of: string) => `omega:contact/${of.repeat(20)}`;
const her: Contact = { fingerprint: "AB".repeat(20), chat: "c1", state: "contact", name: "小美", key: "valid", verified: "", link: link("AB"), safety: "1 2 3" } as unknown as Contact;
const chat: Chat = { chat: "c1", kind: "direct", peer: her.fingerprint, name: "小美", unread: 0 };
const call = vi.spyOn(core, "call");

beforeEach(async () => {
  await setLang("zh-TW");
  setMe({ fingerprint: "CD".repeat(20), device: "D", name: "阿明", devices: [], certificate: "" });
  call.mockReset().mockImplementation((async (method: Method) => (method === "contact.show" ? her : method === "contact.card" ? { fingerprint: "CD".repeat(20), name: "阿明", link: link("CD") } : method === "contact.verify" ? { ...her, verified: "verified" } : {})) as never);
});

const panel = async () => {
  const page = render(() => <Info chat={chat} />).container;
  await vi.waitFor(() => expect(page.querySelector("img.qr")).not.toBeNull());
  return page;
};
const verified = () => call.mock.calls.filter(([method]) => method === "contact.verify").map(([, params]) => params);
const give = (page: HTMLElement, text: string) => {
  const input = page.querySelector<HTMLInputElement>(".scan input[type=file]")!;
  Object.defineProperty(input, "files", { value: [new File([text], "code.png")], configurable: true });
  fireEvent.change(input);
};

it("the panel of another person shows the own code, and says so", async () => {
  const page = await panel(), shown = new URL(page.querySelector("img.qr")!.getAttribute("src")!, "http://x").searchParams.get("text")!;
  expect(shown).toBe(link("CD").toUpperCase());
  expect(page.textContent).toContain(t("safety.mine"));
});

it("a code of a picture is asked about before it proves anything; what is scanned goes to the core", async () => {
  const page = await panel();
  give(page, link("AB"));
  await vi.waitFor(() => expect(sure).toHaveBeenCalledWith(expect.objectContaining({ text: t("safety.sure") })));
  expect(verified()).toEqual([]);
  sure.mockResolvedValue(true);
  give(page, link("AB"));
  await vi.waitFor(() => expect(verified()).toEqual([{ account: her.fingerprint, scan: link("AB") }]));
  await vi.waitFor(() => expect(page.querySelector(".safe")).not.toBeNull());
});
