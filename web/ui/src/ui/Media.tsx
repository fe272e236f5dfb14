import { For, Match, Show, Switch, createSignal, type JSX } from "solid-js";
import type { Medium, Message } from "@rpc";
import { seconds } from "../ids";
import { at } from "../rpc";
import { core, failed, toast } from "../state/app";
import { t } from "../words";
import { clean } from "./text";
import { Icon } from "./icons";
import { Animated } from "./Animated";
import { view } from "./Viewer";
import { VoiceNote } from "./VoiceNote";

/** Where a file of a message is had: from the program on this machine, which has checked it. */
export const mediaURL = (m: Message, item: number, how = "") => at(`/media/${m.id}/${item}${how}`);

const tgs = "application/x-tgsticker";
const pack = "application/x-omega-stickers";
const largest = 360, sticker = 200; // px, the longer side of a picture in a bubble

/** How large a picture is on the screen, known before it is here. */
function box(x: Medium) {
  const w = x.width || 240, h = x.height || 240, scale = Math.min(1, (x.what === "sticker" ? sticker : largest) / Math.max(w, h));
  return { width: `${Math.max(80, Math.round(w * scale))}px`, "aspect-ratio": `${w} / ${h}` };
}

const units = ["B", "kB", "MB", "GB"];
export function bytes(n: number): string {
  const i = n < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(n) / 3));
  return `${(n / 1000 ** i).toFixed(i && n / 1000 ** i < 10 ? 1 : 0)} ${units[i]}`;
}

/** The files of a message. */
export function Media(p: { message: Message }): JSX.Element {
  return <div class="media" classList={{ album: (p.message.media?.length ?? 0) > 1 }}><For each={p.message.media ?? []}>{(x, i) => <One message={p.message} item={i()} medium={x} />}</For></div>;
}

function One(p: { message: Message; item: number; medium: Medium }) {
  const [wanted, want] = createSignal(!p.message.inert);
  return (
    <Show when={wanted()} fallback={<button class="file" onClick={() => want(true)}><Icon name="clip" /><span>{clean(p.medium.name ?? "") || p.medium.type}<small>{bytes(p.medium.size)}</small></span></button>}>
      <Switch fallback={<FileLink {...p} />}>
        <Match when={p.medium.type === pack}><button class="file" onClick={() => addPack(p.message)}><Icon name="smile" /><span>{clean(p.medium.name ?? "").replace(/\.stickers$/, "")}<small>{t("panel.add")}</small></span></button></Match>
        <Match when={p.medium.type === tgs}><Animated src={mediaURL(p.message, p.item)} label={p.medium.emoji ?? ""} /></Match>
        <Match when={p.medium.what === "sticker" && p.medium.type.startsWith("video/")}>
          <video class="picture" style={box(p.medium)} src={mediaURL(p.message, p.item)} aria-label={clean(p.medium.emoji ?? "") || t("message.kind.sticker")} autoplay={!matchMedia("(prefers-reduced-motion: reduce)").matches} loop muted playsinline />
        </Match>
        <Match when={p.medium.what === "photo" || p.medium.what === "sticker"}>
          <button class="picture" style={box(p.medium)} onClick={() => p.medium.what === "photo" && view({ message: p.message, item: p.item })}><img src={mediaURL(p.message, p.item, p.medium.what === "photo" && p.medium.thumb ? "?thumb" : "")} alt={clean(p.medium.name ?? "") || t("message.kind.photo")} loading="lazy" decoding="async" onError={(e) => e.currentTarget.parentElement?.classList.add("broken")} /></button>
        </Match>
        <Match when={p.medium.what === "video"}>
          <video class="picture" style={box(p.medium)} controls preload="none" poster={p.medium.thumb ? mediaURL(p.message, p.item, "?thumb") : undefined} src={mediaURL(p.message, p.item)} />
        </Match>
        <Match when={p.medium.what === "voice"}><VoiceNote medium={p.medium} src={mediaURL(p.message, p.item)} /></Match>
      </Switch>
    </Show>
  );
}

/** Takes a sticker pack that somebody shared. */
const addPack = (m: Message) => void core.call("stickers.add", { link: "", message: m.id, timeout: seconds(60) }).then((k) => toast(t("panel.added", clean(k.title))), failed);

function FileLink(p: { message: Message; item: number; medium: Medium }) {
  return (
    <a class="file" href={mediaURL(p.message, p.item, "?save")} download={clean(p.medium.name ?? "") || "file"}>
      <Icon name="clip" /><span>{clean(p.medium.name ?? "") || p.medium.type}<small>{bytes(p.medium.size)}</small></span>
    </a>
  );
}
