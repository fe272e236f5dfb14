import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Calls, DeviceNews, Method, Notice } from "@rpc";
import { core, setMe } from "../src/state/app";
import { fetchNews } from "../src/state/news";
import { fetchNotices } from "../src/state/notices";
import { setLang, t } from "../src/words";
import { News } from "../src/ui/News";

vi.mock("../src/state/sure", () => ({ sure: async () => true, question: () => undefined }));

const me = "AA".repeat(20), heir = "BB".repeat(20), phone = "CC".repeat(20);
let notices: Notice[] = [], news: DeviceNews[] = [];
const call = vi.spyOn(core, "call").mockImplementation((async (method: Method, params: { after?: number }): Promise<unknown> => {
  if (method === "notices") return { notices: notices.filter((n) => n.number > params.after!) } satisfies Calls["notices"]["result"];
  if (method === "device.news") return { news };
  return {};
}) as never);
const notice = (number: number, kind: string, account = me): Notice => ({ number, kind, account, time: "2026-11-22T12:00:00Z" });

beforeEach(() => {
  setLang("zh-TW");
  setMe({ fingerprint: me, device: "D", name: "阿明", devices: [], certificate: "" });
  notices = [];
  news = [];
  call.mockClear();
});

it("notices of the own account are shown until they were seen, and those of others are not", async () => {
  notices = [notice(1, "copied"), notice(2, "rollback", "DD".repeat(20)), { ...notice(3, "heir", heir), name: "阿明二號" }];
  await fetchNotices();
  const page = render(() => <News />), shown = () => [...page.container.querySelectorAll(".news p")].map((e) => e.textContent);
  expect(shown()).toHaveLength(2);
  expect(shown()[0]).toContain(t("own.copied"));
  expect(shown()[1]).toContain("「阿明二號」說要接續你的帳號");
  expect(shown()[1]).toContain("BBBB BBBB");
  fireEvent.click(page.getAllByText(t("news.seen"))[0]!);
  expect(shown()).toHaveLength(1);
  notices = [notices[0]!, notice(7, "overtaken")];
  await fetchNotices();
  expect(shown()).toEqual([expect.stringContaining(t("own.overtaken"))]);
});

it("a dispute can be contested where it is said", async () => {
  notices = [notice(20, "disputed")];
  await fetchNotices();
  const page = render(() => <News />);
  fireEvent.click(page.getByText(t("news.contest")));
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("device.contest", {}));
});

it("a contest names the device that removed another one", async () => {
  news = [{ number: 1, kind: "device-revoked", account: me, own: true, device: "EE", device_name: "筆電", by: phone, time: "2026-11-22T12:00:00Z" }];
  await fetchNotices();
  await fetchNews();
  const page = render(() => <News />);
  fireEvent.click(page.getByText(t("news.contest")));
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("device.contest", { device: phone }));
});
