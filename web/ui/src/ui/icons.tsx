import type { JSX } from "solid-js";

const paths = {
  lock: "M6 10V8a6 6 0 0 1 12 0v2h1a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1h1zm2 0h8V8a4 4 0 0 0-8 0v2z",
  send: "M3 20.5 22 12 3 3.5v6.6l11 1.9-11 1.9z",
  clip: "M16.5 6v10.5a4.5 4.5 0 0 1-9 0V5.5a3 3 0 0 1 6 0V15a1.5 1.5 0 0 1-3 0V6H9v9a3 3 0 0 0 6 0V5.5a4.5 4.5 0 0 0-9 0v11a6 6 0 0 0 12 0V6z",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 9a1.3 1.3 0 1 1 0 2.6 1.3 1.3 0 0 1 0-2.6zm7 0a1.3 1.3 0 1 1 0 2.6 1.3 1.3 0 0 1 0-2.6zM7.5 14h9a4.7 4.7 0 0 1-9 0z",
  back: "M15.4 5.4 14 4l-8 8 8 8 1.4-1.4L8.8 12z",
  down: "M12 16.6 5.4 10 4 11.4l8 8 8-8L18.6 10z",
  search: "M10.5 4a6.5 6.5 0 1 0 4.1 11.6l5 5 1.4-1.4-5-5A6.5 6.5 0 0 0 10.5 4zm0 2a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  pen: "M4 16.5V20h3.5L18 9.5 14.5 6zM20.3 7.2a1 1 0 0 0 0-1.4l-2.1-2.1a1 1 0 0 0-1.4 0L15.2 5.3l3.5 3.5z",
  more: "M12 5.5a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zm0 8.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zm0 8.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4z",
  close: "M18.3 5.7 12 12l6.3 6.3-1.4 1.4L10.6 13.4 4.3 19.7l-1.4-1.4L9.2 12 2.9 5.7l1.4-1.4 6.3 6.3 6.3-6.3z",
  pin: "M16 3H8v2l1 1v5l-2 2v2h4v6h2v-6h4v-2l-2-2V6l1-1z",
  mute: "M12 3 7 8H3v8h4l5 5zM22 9.400 20.600 8 18 10.600 15.400 8 14 9.400l2.600 2.600L14 14.600l1.400 1.400 2.600-2.600 2.600 2.600 1.400-1.400-2.600-2.600z",
  menu: "M3 6h18v2H3zm0 5h18v2H3zm0 5h18v2H3z",
  reply: "M10 8V4L2 12l8 8v-4.5c5 0 9 1.5 11 5.5 0-7-4-13-11-13z",
  mic: "M12 14a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zm5-3a5 5 0 0 1-10 0H5a7 7 0 0 0 6 6.9V21h2v-3.100A7 7 0 0 0 19 11z",
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zm8 0h4v16h-4z",
  clock: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 2a8 8 0 1 1 0 16 8 8 0 0 1 0-16zm-1 3v6l5 3 1-1.600-4-2.400V7z",
  check: "M9 16.2 4.8 12l-1.4 1.4L9 19 21 7l-1.4-1.4z",
  person: "M12 12a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zm0 2c-5 0-9 2.5-9 6v1h18v-1c0-3.5-4-6-9-6z",
  channel: "M18 11v2h4v-2zM16 17.6l3.2 2.4 1.2-1.6-3.2-2.4zM20.4 5.6 19.2 4 16 6.4 17.2 8zM4 9a2 2 0 0 0-2 2v2c0 1.1.9 2 2 2h1v4h2v-4h1l5 3V6L8 9zm11.5 3c0-1.3-.6-2.5-1.5-3.4v6.7c.9-.8 1.5-2 1.5-3.3z",
  group: "M9 11.5a3.8 3.8 0 1 0 0-7.6 3.8 3.8 0 0 0 0 7.6zm7.5.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM9 13.5c-4 0-7 2-7 5V20h14v-1.5c0-3-3-5-7-5zm7.5.5c-.6 0-1.2.1-1.8.2 2 1 3.3 2.6 3.3 4.5V20H22v-1c0-2.8-2.4-5-5.5-5z",
  star: "m12 3 2.7 5.8 6.3.7-4.7 4.3 1.3 6.2-5.6-3.2-5.6 3.2 1.3-6.2L3 9.5l6.3-.7z",
  gear: "M12 8.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6zm8.7 5.4.1-1.6-.1-1.6 2-1.5-2-3.5-2.4 1a8 8 0 0 0-2.7-1.6L15.2 2h-4l-.4 2.8A8 8 0 0 0 8 6.4l-2.4-1-2 3.5 2 1.5-.1 1.6.1 1.6-2 1.5 2 3.5 2.4-1a8 8 0 0 0 2.7 1.6l.4 2.8h4l.4-2.8a8 8 0 0 0 2.7-1.6l2.4 1 2-3.5z",
  scan: "M4 4h6v2H6v4H4zm10 0h6v6h-2V6h-4zM4 14h2v4h4v2H4zm14 0h2v6h-6v-2h4zM8 8h8v8H8zm2 2v4h4v-4z",
} as const;

export type IconName = keyof typeof paths;

/** A picture beside words, or one whose button says what it is. */
export function Icon(p: { name: IconName; size?: number }): JSX.Element {
  return <svg class="icon" width={p.size ?? 22} height={p.size ?? 22} viewBox="0 0 24 24" aria-hidden="true"><path d={paths[p.name]} fill="currentColor" /></svg>;
}

/** How far a message of one's own is. */
export function Ticks(p: { state?: string; title: string }): JSX.Element {
  const path = () => ({
    queued: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm.6 2.5v3.3l2.3 1.4-.6 1-2.9-1.8V4.500z",
    scheduled: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm.6 2.5v3.3l2.3 1.4-.6 1-2.9-1.8V4.500z",
    stored: "m6.500 11.300-3-3 .9-.9 2.100 2.100 5.300-5.300.9.9z",
    delivered: "m5 11.300-3-3 .9-.9L5 9.500l5.300-5.300.9.9zm3.500 0-.9-.9.7-.7.2.2 5.300-5.300.9.9z",
    read: "m5 11.300-3-3 .9-.9L5 9.500l5.300-5.300.9.9zm3.500 0-.9-.9.7-.7.2.2 5.300-5.300.9.9z",
    failed: "M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM7.300 4.500h1.400v5H7.300zm0 6h1.400V12H7.300z",
  })[p.state ?? ""] ?? "";
  return <svg class={`ticks ${p.state ?? ""}`} width="16" height="16" viewBox="0 0 16 16" role="img" aria-label={p.title}><title>{p.title}</title><path d={path()} fill="currentColor" /></svg>;
}

const hues = [4, 28, 45, 150, 175, 205, 225, 265, 320];
const letters = new Intl.Segmenter("zh-TW");
const firstLetter = (name: string) => letters.segment(name.trim())[Symbol.iterator]().next().value?.segment ?? "?";

/** A round picture; where there is none the first letter, in a colour that belongs to the id. */
export function Avatar(p: { name: string; id: string; size?: number; icon?: IconName; picture?: string }): JSX.Element {
  const size = () => p.size ?? 48;
  const hue = () => hues[parseInt(p.id.slice(0, 4) || "0", 16) % hues.length];
  return (
    <span class="avatar" style={{ width: `${size()}px`, height: `${size()}px`, "font-size": `${size() * 0.44}px`, background: `hsl(${hue()} 55% 45%)` }} aria-hidden="true">
      {p.picture ? <img src={p.picture} alt="" width={size()} height={size()} /> : p.icon ? <Icon name={p.icon} size={Math.round(size() * 0.58)} /> : firstLetter(p.name)}
    </span>
  );
}
