// A voice note: recorded here, sent when the button is let go of or pressed again.
import { createSignal, onCleanup, Show, type JSX } from "solid-js";
import type { Chat } from "@rpc";
import { newID } from "../ids";
import { upload } from "../rpc";
import { core, failed } from "../state/app";
import { addressee } from "../state/send";
import { t } from "../words";
import { Icon } from "./icons";

const bars = 64; // of the waveform
const longest = 10 * 60_000; // ms

const types = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];

export function Voice(p: { chat: Chat }): JSX.Element {
  const [since, setSince] = createSignal<number>(), [now, setNow] = createSignal(0);
  let recorder: MediaRecorder | undefined, loud: number[] = [], timer: number | undefined, audio: AudioContext | undefined;
  const stop = () => {
    clearInterval(timer);
    recorder?.stream.getTracks().forEach((x) => x.stop());
    void audio?.close();
    recorder = audio = undefined;
    setSince(undefined);
  };
  onCleanup(() => { recorder?.state === "recording" && recorder.stop(); stop(); });
  const begin = async () => {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const type = types.find((x) => MediaRecorder.isTypeSupported(x));
      recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: 32_000 });
      audio = new AudioContext();
      const meter = audio.createAnalyser();
      audio.createMediaStreamSource(stream).connect(meter);
      const samples = new Uint8Array(meter.fftSize);
      loud = [];
      setSince(Date.now());
      setNow(Date.now());
      timer = window.setInterval(() => {
        meter.getByteTimeDomainData(samples);
        loud.push(Math.max(...samples.map((x) => Math.abs(x - 128))) * 2);
        setNow(Date.now());
        if (Date.now() - since()! > longest) finish();
      }, 100);
      recorder.start();
      void core.call("chat.typing", { chat: p.chat.chat, what: "voice" }).catch(() => {});
    } catch (e) { stop(); failed(e); }
  };
  const finish = () => {
    const r = recorder;
    if (!r || r.state !== "recording") return;
    r.ondataavailable = async (e) => {
      const to = addressee(p.chat.chat), shape = squeeze(loud);
      stop();
      try {
        const name = `voice.${/ogg|webm|mp4/.exec(r.mimeType)?.[0] ?? "ogg"}`;
        await core.call("file.send", { id: newID(), to: to.to, secure: !!to.secure, paths: [await upload(e.data, name)], caption: "", as: "voice", emoji: "", keep: false, unsigned: false, poster: "", waveform: btoa(String.fromCharCode(...shape)), expire: 0, wait: "none", timeout: 0 });
      } catch (x) { failed(x); }
    };
    r.stop();
  };
  const drop = () => { recorder?.state === "recording" && recorder.stop(); stop(); };
  const clock = () => { const s = Math.floor((now() - since()!) / 1000); return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`; };
  return (
    <Show when={since()} fallback={<button class="icon-button" aria-label={t("voice.record")} onClick={begin}><Icon name="mic" /></button>}>
      <span class="recording"><b class="dot" aria-hidden="true" /><time>{clock()}</time><button class="link danger" onClick={drop}>{t("cancel")}</button></span>
      <button class="icon-button send" aria-label={t("message.send")} onClick={finish}><Icon name="send" /></button>
    </Show>
  );
}

/** As many bars as there may be, each the loudest of its part. */
function squeeze(list: number[]): number[] {
  if (list.length <= bars) return list.map((x) => Math.min(255, x));
  return Array.from({ length: bars }, (_, i) => Math.min(255, Math.max(...list.slice(Math.floor((i * list.length) / bars), Math.floor(((i + 1) * list.length) / bars)))));
}
