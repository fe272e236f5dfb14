import { fireEvent, render } from "@solidjs/testing-library";
import { expect, it, vi } from "vitest";
import { createSignal, Show } from "solid-js";
import type { Chat } from "@rpc";
import { core, putChats } from "../src/state/app";
import { setLang, t } from "../src/words";
import { Voice } from "../src/ui/Voice";

vi.mock("../src/rpc", async (real) => ({ ...(await real<object>()), upload: async (b: Blob) => { if (broken) throw new Error("full"); uploaded.push(await b.text()); return "u1"; } }));

const uploaded: string[] = [];
let broken = false;
const stopped = vi.fn();
const stream = { getTracks: () => [{ stop: stopped }] };
let grant = async () => stream;
let last: Recorder, ear: Recorder; // what records, and what hears whether sound comes
class Recorder {
  static isTypeSupported = () => true;
  state = "inactive";
  stream = stream;
  mimeType = "audio/ogg";
  ondataavailable?: (e: { data: Blob }) => void;
  onstop?: () => void;
  give = (text: string) => this.ondataavailable?.({ data: new Blob([text]) });
  start(slice?: number) { this.state = "recording"; if (slice) ear = this; else last = this; }
  stop() { this.state = "inactive"; this.give("end"); this.onstop?.(); }
}
class Meter { createAnalyser = () => ({ fftSize: 8, getByteTimeDomainData: () => {} }); createMediaStreamSource = () => ({ connect: () => {} }); close = async () => {}; }
vi.stubGlobal("MediaRecorder", Recorder);
vi.stubGlobal("AudioContext", Meter);
Object.defineProperty(navigator, "mediaDevices", { value: { getUserMedia: () => grant() } });
const call = vi.spyOn(core, "call").mockResolvedValue({} as never);

const chat = (id: string, peer: string, name: string): Chat => ({ chat: id, kind: "direct", peer, name, unread: 0 });
const one = chat("c1", "AA", "小美"), two = chat("c2", "BB", "媽");
setLang("zh-TW");
putChats([one, two]);

it("a voice note goes to the chat in which it began", async () => {
  const [open, setOpen] = createSignal(one), [busy, setBusy] = createSignal(false);
  const page = render(() => <Voice chat={open()} busy={setBusy} />);
  fireEvent.click(page.getByLabelText(t("voice.record")));
  await vi.waitFor(() => page.getByLabelText(t("message.send")));
  expect(busy()).toBe(true);
  expect(page.container.textContent).not.toContain("小美");
  ear.give("some");
  expect(ear.state).toBe("inactive");
  setOpen(two);
  expect(page.container.textContent).toContain("給小美");
  fireEvent.click(page.getByLabelText(t("message.send")));
  await vi.waitFor(() => expect(call.mock.calls.find(([m]) => m === "file.send")?.[1]).toMatchObject({ to: "AA", as: "voice", paths: ["u1"] }));
  expect(uploaded).toEqual(["end"]);
  expect(busy()).toBe(false);
});

it("nothing is sent before there is sound, and what was dropped is in no other note", async () => {
  const page = render(() => <Voice chat={one} busy={() => {}} />);
  const begin = async () => { fireEvent.click(page.getByLabelText(t("voice.record"))); await vi.waitFor(() => page.getByLabelText(t("message.send"))); };
  await begin();
  const send = () => page.getByLabelText(t("message.send")) as HTMLButtonElement;
  expect(send().disabled).toBe(true);
  ear.give("");
  expect(send().disabled).toBe(true);
  const early = ear, dropped = last;
  fireEvent.click(page.getByText(t("cancel")));
  await begin();
  early.give("late");
  dropped.give("late");
  expect(send().disabled).toBe(true);
  ear.give("some");
  expect(send().disabled).toBe(false);
  uploaded.length = 0;
  fireEvent.click(send());
  await vi.waitFor(() => expect(uploaded).toEqual(["end"]));
});

it("a microphone that is given after the button has gone is let go of", async () => {
  let given!: (s: typeof stream) => void;
  grant = () => new Promise((done) => { given = done; });
  const [there, setThere] = createSignal(true);
  const page = render(() => <Show when={there()}><Voice chat={one} busy={() => {}} /></Show>);
  fireEvent.click(page.getByLabelText(t("voice.record")));
  setThere(false);
  stopped.mockClear();
  given(stream);
  await vi.waitFor(() => expect(stopped).toHaveBeenCalled());
});

it("a note whose chat was closed waits there, and one that was refused waits again", async () => {
  grant = async () => stream;
  const [open, setOpen] = createSignal<Chat | undefined>(one);
  const page = render(() => <Show when={open()}>{(c) => <Voice chat={c()} busy={() => {}} />}</Show>);
  fireEvent.click(page.getByLabelText(t("voice.record")));
  await vi.waitFor(() => page.getByLabelText(t("message.send")));
  ear.give("some");
  stopped.mockClear();
  setOpen(undefined);
  expect(last.state).toBe("inactive");
  expect(stopped).toHaveBeenCalled(); // nothing listens on
  setOpen(two);
  expect(page.queryByLabelText(t("message.send"))).toBeNull();
  setOpen(one);
  expect(page.container.textContent).toContain(t("message.kind.voice"));
  uploaded.length = 0;
  broken = true;
  fireEvent.click(page.getByLabelText(t("message.send")));
  await vi.waitFor(() => page.getByLabelText(t("message.send")));
  broken = false;
  fireEvent.click(page.getByLabelText(t("message.send")));
  await vi.waitFor(() => expect(uploaded).toEqual(["end"]));
  expect(page.queryByLabelText(t("message.send"))).toBeNull();
});

it("one press more while the microphone is asked for asks for no second one", async () => {
  const asked = vi.fn(async () => stream);
  grant = asked;
  const page = render(() => <Voice chat={two} busy={() => {}} />);
  const mic = page.getByLabelText(t("voice.record"));
  fireEvent.click(mic);
  fireEvent.click(mic);
  await vi.waitFor(() => page.getByLabelText(t("message.send")));
  expect(asked).toHaveBeenCalledTimes(1);
});
