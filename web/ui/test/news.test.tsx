import { fireEvent, render, screen } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Calls, Device, DeviceNews, Method, Notice } from "@rpc";
import { core, setMe } from "../src/state/app";
import { fetchNews } from "../src/state/news";
import { fetchNotices } from "../src/state/notices";
import { setLang, t } from "../src/words";
import { News } from "../src/ui/News";
import { MenuLayer } from "../src/ui/menu";

vi.mock("../src/state/sure", () => ({ sure: async () => true, question: () => undefined }));

const me = "AA".repeat(20), heir = "BB".repeat(20), phone = "CC".repeat(20);
let notices: Notice[] = [], news: DeviceNews[] = [], devices: Device[] = [];
const wait = { timeout: 20_000 }; // for a part that comes with what is done
const device = (fingerprint: string, name: string, ...removed: string[]): Device => ({ fingerprint, name, added: "2026-11-22T12:00:00Z", status: "active", removed });
const call = vi.spyOn(core, "call").mockImplementation((async (method: Method, params: { after?: number }): Promise<unknown> => {
  if (method === "notices") return { notices: notices.filter((n) => n.number > params.after!) } satisfies Calls["notices"]["result"];
  if (method === "device.news") return { news };
  if (method === "devices") return { devices } satisfies Calls["devices"]["result"];
  return {};
}) as never);
const notice = (number: number, kind: string, account = me): Notice => ({ number, kind, account, time: "2026-11-22T12:00:00Z" });

beforeEach(() => {
  setLang("zh-TW");
  setMe({ fingerprint: me, device: "D", name: "阿明", devices: [], certificate: "" });
  notices = [];
  news = [];
  devices = [];
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
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("device.contest", {}), wait);
});

it("where several devices removed others the person says which is contested", async () => {
  notices = [notice(21, "disputed")];
  devices = [device("P1", "手機", "EE", "FF"), device("P2", "電視", "EE"), device("EE", "筆電"), device("FF", "平板")];
  await fetchNotices();
  const page = render(() => <><News /><MenuLayer /></>);
  fireEvent.click(page.getByText(t("news.contest")));
  await screen.findByText(t("contest.one", "手機", "筆電、平板"), {}, wait);
  expect(call).not.toHaveBeenCalledWith("device.contest", expect.anything());
  fireEvent.click(screen.getByText(t("contest.one", "電視", "筆電")));
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("device.contest", { device: "P2" }), wait);
});

it("who says to go on for this account is agreed to where it is said", async () => {
  notices = [{ ...notice(22, "heir", heir), name: "阿明二號" }];
  await fetchNotices();
  const page = render(() => <News />);
  fireEvent.click(page.getByText(t("news.heir")));
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("account.succeed", { account: heir }), wait);
});

it("a contest names the device that removed another one", async () => {
  devices = [device(phone, "手機", "EE"), device("P2", "電視", "FF")];
  news = [{ number: 1, kind: "device-revoked", account: me, own: true, device: "EE", device_name: "筆電", by: phone, time: "2026-11-22T12:00:00Z" }];
  await fetchNotices();
  await fetchNews();
  const page = render(() => <News />);
  fireEvent.click(page.getByText(t("news.contest")));
  await vi.waitFor(() => expect(call).toHaveBeenCalledWith("device.contest", { device: phone }), wait);
});
