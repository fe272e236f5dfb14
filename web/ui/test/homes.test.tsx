import { fireEvent, render } from "@solidjs/testing-library";
import { beforeEach, expect, it, vi } from "vitest";
import type { Method } from "@rpc";
import { Refused } from "../src/rpc";
import { core, toasts } from "../src/state/app";
import { coreText, coreWords, setLang, t } from "../src/words";
import { Homes } from "../src/ui/Homes";

const fpr = (n: number) => String(n).padStart(40, "0");
const home = (n: number, more: object = {}) => ({ server: fpr(n), name: `站${n}`, operator: `op-${n}`, site: "台北", attached: true, ...more });
let at = fpr(1), chosen = false, homes: object[] = [], want: object = {}, moved: string[][] = [], preferred: object[] = [], refuse: unknown;

beforeEach(async () => {
  vi.restoreAllMocks();
  await setLang("zh-TW");
  chosen = false;
  at = fpr(1);
  homes = [home(1), home(2, { attached: false, code: "unavailable" }), home(3, { former: true, attached: true })];
  want = {};
  moved = [];
  preferred = [];
  refuse = undefined;
  vi.spyOn(core, "call").mockImplementation((async (method: Method, p: { homes: string[] }) => {
    switch (method) {
      case "homes": return { chosen, homes, ...want };
      case "homes.set": moved.push(p.homes); chosen = p.homes.length > 0; return { chosen, homes };
      case "quota": return { homes: [{ server: fpr(1), used: 1_500_000, most: 2_000_000_000 }, { server: fpr(2), used: 0, most: 0, problem: { code: "offline", why: { key: "why.homedown" } } }] };
      case "status": return { online: true, server: "a.example:7000#" + at, server_name: "站" + Number(at), proxy: at };
      case "server.prefer": preferred.push(p); if (refuse) throw refuse; at = fpr(Number((p as unknown as { server: string }).server.match(/^s(\d)|#0*(\d)$/)!.slice(1).find(Boolean))); return {};
      case "setup.servers": return { servers: [1, 4, 5, 6, 7, 8, 9].map((n) => ({ address: `s${n}:1`, fingerprint: fpr(n), name: `站${n}`, registration: n === 9 ? "closed" : n === 8 ? "invite" : "open", took: n * 1e6 })) };
      default: return {};
    }
  }) as never);
});

const shown = async () => {
  const { container } = render(() => <Homes />);
  const box = container.querySelector("details")!;
  expect(core.call).not.toHaveBeenCalled(); // nobody looked yet
  box.open = true;
  fireEvent(box, new Event("toggle"));
  await vi.waitFor(() => expect(container.textContent).toContain("1.5 MB"));
  return container;
};
const button = (c: HTMLElement, label: string) => [...c.querySelectorAll("button")].find((b) => b.textContent === label)!;

it("says which servers keep what, how they stand and how full they are", async () => {
  const c = await shown();
  const lines = [...c.querySelectorAll(".people .line")].map((x) => x.textContent);
  expect(lines[0]).toContain(t("homes.attached"));
  expect(lines[0]).toContain(t("homes.room", "1.5 MB", "2.0 GB"));
  await vi.waitFor(() => expect(c.querySelectorAll(".people .line")[1]!.textContent!.split(coreText({ key: "why.homedown" })).length).toBe(2)); // once, though its room is not known for the same reason
  expect(lines[2]).toContain(t("homes.former"));
  const room = c.querySelector("meter")!;
  expect([room.getAttribute("max"), room.getAttribute("aria-label")]).toEqual(["2000000000", t("homes.room", "1.5 MB", "2.0 GB")]);
  expect(c.querySelectorAll("meter").length).toBe(1); // who did not say has none
  expect(button(c, t("homes.leave"))).toBeUndefined();
});

it("says why there are fewer than there should be", async () => {
  want = { want: 3, passed: [{ server: fpr(9), name: "站9", why: "young" }] };
  const c = await shown();
  expect(c.textContent).toContain(t("homes.few", 2, 3));
  await vi.waitFor(() => expect(c.textContent).toContain("加入雲端還不夠久"));
});

it("moves to others: no more than five, and none that takes nobody", async () => {
  const c = await shown();
  fireEvent.click(button(c, t("homes.choose")));
  await vi.waitFor(() => expect(c.querySelectorAll(".server").length).toBe(7));
  const boxes = () => [...c.querySelectorAll<HTMLInputElement>(".server input")];
  expect(boxes().map((b) => [b.checked, b.disabled])).toEqual([[true, false], [false, false], [false, false], [false, false], [false, false], [false, true], [false, true]]);
  for (const i of [1, 2, 3]) fireEvent.click(boxes()[i]!); // with 1 and 2, of which the list does not tell, five
  expect(boxes()[4]!.disabled).toBe(true);
  fireEvent.click(boxes()[1]!);
  expect(boxes()[4]!.disabled).toBe(false);
  fireEvent.click(button(c, t("homes.move")));
  await vi.waitFor(() => expect(moved).toEqual([[fpr(1), fpr(2), fpr(5), fpr(6)]]));
  await vi.waitFor(() => expect(button(c, t("homes.leave"))).toBeDefined());
  fireEvent.click(button(c, t("homes.leave")));
  await vi.waitFor(() => expect(moved[1]).toEqual([]));
});

it("connects to another server, which is then the one that is chosen", async () => {
  const c = await shown();
  await vi.waitFor(() => expect(c.textContent).toContain(t("homes.now", "站1", "a.example:7000")));
  expect(c.textContent).not.toContain("#"); // nobody reads its fingerprint here
  fireEvent.click(button(c, t("homes.prefer")));
  await vi.waitFor(() => expect(c.querySelectorAll(".server").length).toBe(7));
  const radios = () => [...c.querySelectorAll<HTMLInputElement>(".server input")];
  expect(radios().map((r) => r.checked).indexOf(true)).toBe(0);
  fireEvent.click(radios()[2]!);
  await vi.waitFor(() => expect(c.textContent).toContain(t("homes.now", "站5", "a.example:7000")));
  expect(c.querySelectorAll(".server").length).toBe(0);
});

it("connects to a server whose address is typed, and says what is wrong with one", async () => {
  const c = await shown();
  fireEvent.click(button(c, t("homes.prefer")));
  await vi.waitFor(() => expect(c.querySelectorAll(".server").length).toBe(7));
  const field = c.querySelector<HTMLInputElement>(".servers .field input")!, connect = () => button(c, t("homes.connect"));
  expect(connect().disabled).toBe(true);
  fireEvent.input(field, { target: { value: "不是位址" } });
  refuse = new Refused({ code: "usage", doing: { key: "doing.connect", args: ["不是位址"] }, why: { key: "why.address", args: ["不是位址"] }, next: { key: "next.address" } } as never);
  await coreWords();
  fireEvent.submit(field.form!);
  await vi.waitFor(() => expect(toasts().map((x) => x.text).join()).toContain("「不是位址」不是伺服器位址"));
  expect([field.value, connect().disabled]).toEqual(["不是位址", false]); // to be mended
  refuse = undefined;
  fireEvent.input(field, { target: { value: ` １９２.168.1.20：7000＃${fpr(5)} ` } });
  fireEvent.submit(field.form!);
  await vi.waitFor(() => expect(c.textContent).toContain(t("homes.now", "站5", "a.example:7000")));
  expect(preferred.at(-1)).toEqual({ server: `192.168.1.20:7000#${fpr(5)}` }); // its owner's word, not a list's
});
