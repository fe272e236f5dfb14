import { render } from "@solidjs/testing-library";
import { expect, it, vi } from "vitest";
import { core, setServer } from "../src/state/app";
import { Settings } from "../src/ui/Settings";
import { reveal } from "../src/ui/reveal";

it("what was opened is brought into view, with the cursor in its field", async () => {
  const page = render(() => <form ref={reveal}><textarea aria-label="here" /></form>);
  const seen = vi.spyOn(page.container.querySelector("form")!, "scrollIntoView");
  await vi.waitFor(() => expect(document.activeElement).toBe(page.getByLabelText("here")));
  expect(seen).toHaveBeenCalled();
});

it("the settings name the server of now", async () => {
  let name = "玉山";
  vi.spyOn(core, "call").mockImplementation((async (method: string): Promise<unknown> => (method === "status" ? { online: true, server: "a#b", server_name: name } : {})) as never);
  const page = render(() => <Settings />);
  await page.findByText(/玉山/);
  name = "阿里山";
  setServer("c#d");
  await page.findByText(/阿里山/);
});
