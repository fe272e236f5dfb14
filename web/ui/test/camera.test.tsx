import { fireEvent, render } from "@solidjs/testing-library";
import { createSignal } from "solid-js";
import { beforeEach, expect, it, vi } from "vitest";
import type { Chat, Method } from "@rpc";
import { core, setMe } from "../src/state/app";
import { t } from "../src/words";
import { Info } from "../src/ui/Info";

vi.mock("../src/scan/pictures", () => ({ readFile: async () => undefined, seen: () => undefined }));

const track = () => ({ stop: vi.fn(), onended: undefined as (() => void) | undefined });
let tracks: ReturnType<typeof track>[] = [];
Object.defineProperty(navigator, "mediaDevices", { value: { getUserMedia: async () => { const x = track(); tracks.push(x); return Object.assign(new MediaStream(), { getTracks: () => [x] }); } } });
const chat = (peer: string): Chat => ({ chat: "c" + peer, kind: "direct", peer, name: peer, unread: 0 });
beforeEach(() => {
  tracks = [];
  setMe({ fingerprint: "ME", device: "D", name: "阿明", devices: [], certificate: "" });
  vi.spyOn(core, "call").mockImplementation((async (method: Method, q: { account: string }) => (method === "contact.show" ? { fingerprint: q.account, chat: "c" + q.account, state: "contact", name: q.account, key: "valid", verified: "", safety: "1 2 3" } : {})) as never);
});
const begin = async () => {
  const [of, setOf] = createSignal(chat("AA"));
  const page = render(() => <Info chat={of()} />);
  fireEvent.click(await page.findByText(t("scan.camera")));
  await vi.waitFor(() => expect(page.container.querySelector("video")).not.toBeNull());
  return { page, setOf };
};

it("the camera goes with the chat for which it looked", async () => {
  const { page, setOf } = await begin();
  setOf({ ...chat("AA"), unread: 1 }); // the same, otherwise in the list
  expect(tracks[0]!.stop).not.toHaveBeenCalled();
  fireEvent.input(page.container.querySelector(".inline input")!, { target: { value: "寫到一半" } });
  setOf(chat("BB"));
  expect(tracks[0]!.stop).toHaveBeenCalled();
  await vi.waitFor(() => expect(page.container.querySelector(".fingerprint")?.textContent).toContain("BB"));
  expect(page.container.querySelector("video")).toBeNull();
  expect(page.container.querySelector<HTMLInputElement>(".inline input")!.value).toBe("");
});

it("a camera that is unplugged is not looked through any more", async () => {
  const { page } = await begin();
  tracks[0]!.onended!();
  expect(page.container.querySelector("video")).toBeNull();
});
