// A voice note: recorded here, sent when the button is let go of or pressed again.
import { createSignal, onCleanup, Show, type JSX } from "solid-js";
import type { Chat } from "@rpc";
import { newID, seconds } from "../ids";
import { toNewest } from "../state/conversation";
import { lifetime } from "../state/lifetime";
import { hold, keepNote, noteIn, takeNote, type Note } from "../state/notes";
import { upload } from "../rpc";
import { core, failed } from "../state/app";
import { addressee } from "../state/send";
import { t } from "../words";
import { chatName } from "./ChatList";
import { Icon } from "./icons";

const bars = 64; // of the waveform
const longest = 10 * 60_000; // ms
const slice = 200; // ms of sound that come at a time

const types = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];

/** The button that records, and what is shown meanwhile. What is recorded is for the chat in which that began, and waits there if it was not sent. */
export function Voice(p: { chat: Chat; busy: (recording: boolean) => void }): JSX.Element {
  const [whose, setWhose] = createSignal<Chat>();
  const [heard, setHeard] = createSignal(false); // there is sound: on a busy machine it comes later than the clock says
  const [since, setSince] = createSignal<number>(), [now, setNow] = createSignal(0);
  let recorder: MediaRecorder | undefined, stream: MediaStream | undefined, timer: number | undefined, audio: AudioContext | undefined;
  let end: "send" | "drop" | "keep" = "keep", asking = false, release: (() => void) | undefined;
  const stop = () => {
    clearInterval(timer);
    stream?.getTracks().forEach((x) => x.stop());
    void audio?.close();
    recorder = stream = audio = undefined;
    setSince(undefined);
    setWhose(undefined);
    setHeard(false);
    p.busy(false);
    release?.();
    release = undefined;
  };
  let over = false;
  onCleanup(() => { over = true; if (!recorder) stop(); else if (recorder.state === "recording") recorder.stop(); });
  const begin = async () => {
    if (asking) return; // one microphone is enough
    const chat = p.chat;
    asking = true;
    try {
      const mic = await navigator.mediaDevices.getUserMedia({ audio: true });
      if (over) return mic.getTracks().forEach((x) => x.stop());
      stream = mic;
      release = hold();
      setWhose(chat);
      p.busy(true);
      const type = types.find((x) => MediaRecorder.isTypeSupported(x));
      recorder = new MediaRecorder(mic, { mimeType: type, audioBitsPerSecond: 32_000 });
      audio = new AudioContext();
      const meter = audio.createAnalyser();
      audio.createMediaStreamSource(mic).connect(meter);
      const samples = new Uint8Array(meter.fftSize);
      const loud: number[] = [], parts: Blob[] = [], made = recorder;
      end = "keep";
      made.ondataavailable = (e) => { if (e.data.size) parts.push(e.data); };
      made.onstop = () => { // when told to, or since the microphone went away
        if (recorder !== made) return;
        const note = { chat, sound: new Blob(parts, { type: made.mimeType }), shape: squeeze(loud), long: Date.now() - since()! }, whole = heard();
        stop();
        if (!whole || end === "drop") return;
        if (end === "send") void send(note);
        else keepNote(note);
      };
      // That sound comes is heard by a second one, which gives parts: what is made of parts has no duration.
      const ear = new MediaRecorder(mic, { mimeType: type });
      ear.ondataavailable = (e) => {
        if (e.data.size === 0 || ear.state !== "recording") return;
        if (recorder === made) setHeard(true);
        ear.stop();
      };
      setSince(Date.now());
      setNow(Date.now());
      timer = window.setInterval(() => {
        meter.getByteTimeDomainData(samples);
        loud.push(Math.max(...samples.map((x) => Math.abs(x - 128))) * 2);
        setNow(Date.now());
        if (Date.now() - since()! > longest) finish();
      }, 100);
      recorder.start();
      ear.start(slice);
      void core.call("chat.typing", { chat: chat.chat, what: "voice" }).catch(() => {});
    } catch (e) { stop(); failed(e); } finally { asking = false; }
  };
  const send = async (n: Note) => {
    const to = addressee(n.chat.chat), sent = hold();
    try {
      if (!(await takeNote(n))) return;
      const name = `voice.${/ogg|webm|mp4/.exec(n.sound.type)?.[0] ?? "ogg"}`;
      toNewest(n.chat.chat);
      await core.call("file.send", { id: newID(), to: to.to, secure: !!to.secure, paths: [await upload(n.sound, name)], caption: "", as: "voice", emoji: "", keep: false, unsigned: false, poster: "", waveform: btoa(String.fromCharCode(...n.shape)), expire: seconds(lifetime(n.chat.chat)), wait: "none", timeout: 0 });
    } catch (x) { failed(x); keepNote({ ...n, key: undefined }); } finally { sent(); }
  };
  const ended = (how: "send" | "drop") => { if (recorder?.state === "recording") { end = how; recorder.stop(); } };
  const finish = () => ended(heard() ? "send" : "drop");
  const drop = () => ended("drop");
  const clock = (ms: number) => { const s = Math.floor(ms / 1000); return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`; };
  return (
    <Show when={since()} fallback={<Show when={noteIn(p.chat.chat)} fallback={<button class="icon-button" aria-label={t("voice.record")} onClick={begin}><Icon name="mic" /></button>}>{(n) => (
      <>
        <span class="recording">{t("message.kind.voice")} <time>{clock(n().long)}</time><button class="link danger" onClick={() => void takeNote(n())}>{t("cancel")}</button></span>
        <button class="icon-button send" aria-label={t("message.send")} onClick={() => void send(n())}><Icon name="send" /></button>
      </>
    )}</Show>}>
      <span class="recording"><b class="dot" aria-hidden="true" /><time>{clock(now() - since()!)}</time><Show when={whose()?.chat !== p.chat.chat}><bdi class="dim">{t("voice.to", chatName(whose()!))}</bdi></Show><button class="link danger" onClick={drop}>{t("cancel")}</button></span>
      <button class="icon-button send" aria-label={t("message.send")} disabled={!heard()} onClick={finish}><Icon name="send" /></button>
    </Show>
  );
}

/** As many bars as there may be, each the loudest of its part. */
function squeeze(list: number[]): number[] {
  if (list.length <= bars) return list.map((x) => Math.min(255, x));
  return Array.from({ length: bars }, (_, i) => Math.min(255, Math.max(...list.slice(Math.floor((i * list.length) / bars), Math.floor(((i + 1) * list.length) / bars)))));
}
