// One picture or film, large.
import { createSignal, onMount, Show, type JSX } from "solid-js";
import type { Message } from "@rpc";
import { useLayer } from "../state/layers";
import { t } from "../words";
import { Icon } from "./icons";
import { mediaURL } from "./Media";
import { clean } from "./text";
import { Told } from "./Told";

const [shown, show] = createSignal<{ message: Message; item: number }>();
export { show as view };

export function ViewerLayer(): JSX.Element {
  return <Show when={shown()} keyed>{(x) => <Viewer message={x.message} item={x.item} />}</Show>;
}

function Viewer(p: { message: Message; item: number }) {
  let box!: HTMLDialogElement;
  const before = document.activeElement as HTMLElement | null;
  const close = () => { show(undefined); before?.focus?.(); };
  useLayer(close);
  onMount(() => box.showModal());
  const list = () => p.message.media ?? [];
  const medium = () => list()[p.item]!;
  const go = (by: number) => { const i = p.item + by; if (list()[i]) show({ message: p.message, item: i }); };
  const key = (e: KeyboardEvent) => { if (e.key === "ArrowLeft") go(-1); else if (e.key === "ArrowRight") go(1); };
  return (
    <dialog ref={box} class="viewer" aria-label={clean(medium().name ?? "") || t("message.kind.photo")} onClose={close} onKeyDown={key} onClick={(e) => { if (e.target === box) close(); }}>
      <header><span>{clean(medium().name ?? "")}</span><a class="icon-button" href={mediaURL(p.message, p.item, "?save")} download={clean(medium().name ?? "") || "photo"} aria-label={t("viewer.save")}><Icon name="down" /></a><button class="icon-button" aria-label={t("close")} onClick={close}><Icon name="close" /></button></header>
      <Show when={medium().what === "video"} fallback={<img src={mediaURL(p.message, p.item)} alt={clean(medium().name ?? "") || t("message.kind.photo")} />}><video src={mediaURL(p.message, p.item)} controls autoplay /></Show>
      <Told />
    </dialog>
  );
}
