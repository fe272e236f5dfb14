// A voice note: how loud it is from begin to end, and where it is played.
import { createSignal, For, onCleanup, type JSX } from "solid-js";
import type { Medium } from "@rpc";
import { t } from "../words";
import { Icon } from "./icons";

const bars = 40, high = 28; // px
const speeds = [1, 1.5, 2];

let playing: HTMLAudioElement | undefined; // one at a time

export function VoiceNote(p: { medium: Medium; src: string }): JSX.Element {
  const audio = new Audio();
  audio.preload = "none";
  const [at, setAt] = createSignal(0), [on, setOn] = createSignal(false), [speed, setSpeed] = createSignal(0);
  const whole = () => (p.medium.duration_ms ?? 0) / 1000 || (Number.isFinite(audio.duration) ? audio.duration : 0);
  const loud = () => squeeze(p.medium.waveform ? Array.from(atob(p.medium.waveform), (c) => c.charCodeAt(0)) : []);
  audio.ontimeupdate = () => setAt(audio.currentTime);
  audio.onplay = () => setOn(true);
  audio.onpause = () => setOn(false);
  audio.onended = () => { setAt(0); setOn(false); };
  onCleanup(() => { audio.pause(); if (playing === audio) playing = undefined; });
  const toggle = () => {
    if (on()) return audio.pause();
    if (!audio.src) audio.src = p.src;
    if (playing !== audio) playing?.pause();
    playing = audio;
    audio.playbackRate = speeds[speed()]!;
    void audio.play().catch(() => setOn(false));
  };
  const seek = (e: MouseEvent & { currentTarget: Element }) => {
    const box = e.currentTarget.getBoundingClientRect();
    if (!audio.src) audio.src = p.src;
    audio.currentTime = ((e.clientX - box.left) / box.width) * whole();
    setAt(audio.currentTime);
  };
  const part = () => (whole() ? at() / whole() : 0);
  return (
    <div class="voice">
      <button class="icon-button play" aria-label={t(on() ? "voice.pause" : "voice.play")} onClick={toggle}><Icon name={on() ? "pause" : "play"} /></button>
      <svg class="wave" viewBox={`0 0 ${bars * 5} ${high}`} width={bars * 5} height={high} aria-hidden="true" onClick={seek}>
        <For each={loud()}>{(x, i) => <rect x={i() * 5} y={(high - x) / 2} width="3" height={x} rx="1.5" class={i() / bars < part() ? "played" : ""} />}</For>
      </svg>
      <time>{clock(on() || at() ? at() : whole())}</time>
      <button class="speed" aria-label={`${speeds[speed()]}× ${t("voice.speed")}`} onClick={() => { setSpeed((speed() + 1) % speeds.length); audio.playbackRate = speeds[speed()]!; }}>{speeds[speed()]}×</button>
    </div>
  );
}

const clock = (s: number) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

/** As many bars as are shown, each in px. */
function squeeze(list: number[]): number[] {
  if (list.length === 0) return Array.from({ length: bars }, () => 4);
  return Array.from({ length: bars }, (_, i) => {
    const from = Math.floor((i * list.length) / bars), to = Math.max(from + 1, Math.floor(((i + 1) * list.length) / bars));
    return Math.max(3, Math.round((Math.max(...list.slice(from, to)) / 255) * high));
  });
}
