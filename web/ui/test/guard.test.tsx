import { fireEvent, render } from "@solidjs/testing-library";
import { createSignal } from "solid-js";
import { expect, it, vi } from "vitest";
import { Refused } from "../src/rpc";
import { core, toasts } from "../src/state/app";
import { asked } from "../src/state/asked";
import { Guard } from "../src/ui/Guard";
import { t } from "../src/words";

const refused = () => Promise.reject(new Refused({ code: "internal" } as never));

it("a call that is refused leaves what was there, and is told", async () => {
  const [about, setAbout] = createSignal(1), answers: Record<number, () => Promise<string>> = { 1: async () => "一", 2: refused };
  let again!: () => void;
  const page = render(() => {
    const [answer, { refetch }] = asked(about, (n) => answers[n]!());
    again = () => void refetch();
    return <p>{answer.latest ?? "沒有"}</p>;
  });
  await vi.waitFor(() => expect(page.container.textContent).toBe("一"));
  const before = toasts().length;
  answers[1] = refused;
  again();
  await vi.waitFor(() => expect(toasts().length).toBe(before + 1));
  expect(page.container.textContent).toBe("一");
  setAbout(2);
  await vi.waitFor(() => expect(page.container.textContent).toBe("沒有"));
});

it("a part that fails leaves the others, and comes back", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const [bad, setBad] = createSignal(true), [about, setAbout] = createSignal("a");
  const Part = () => { if (bad()) throw new Error("壞了"); return <i>好</i>; };
  const page = render(() => <><b>其他</b><Guard about={about}><Part /></Guard></>);
  expect(page.getByRole("alert").textContent).toContain("壞了");
  expect(page.container.querySelector("b")).toBeTruthy();
  fireEvent.click(page.getByText(t("again")));
  expect(page.getByRole("alert")).toBeTruthy();
  setBad(false);
  setAbout("b"); // what it shows is something else
  expect(page.container.textContent).toBe("其他好");
});

it("a panel of a group of which nothing can be asked is still a panel", async () => {
  vi.spyOn(core, "call").mockImplementation(refused as never);
  const { Info } = await import("../src/ui/Info");
  const page = render(() => <Info chat={{ chat: "c1", kind: "group", peer: "AA", name: "登山社", unread: 0 }} />);
  await vi.waitFor(() => expect(toasts().length).toBeGreaterThan(0));
  expect(page.container.textContent).toContain("登山社");
});
