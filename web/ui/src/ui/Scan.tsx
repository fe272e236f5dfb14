// A code to be scanned, by the camera, from a picture file, or one that is pasted. What
// the camera sees stays on the page.
import { createSignal, onCleanup, onMount, Show, type JSX } from "solid-js";
import "../style/scan.css";
import { part } from "../part";
import { failed, toast } from "../state/app";
import { useLayer } from "../state/layers";
import { t } from "../words";
import "../words/rare";
import { Icon } from "./icons";

const look = 120; // ms from one look at the picture of the camera to the next

/** Codes of ω: contacts and keys, groups. */
export const contactCode = /^(omega:(contact|group)\/|[0-9a-f]{40}$)/i;

interface Props { wants: RegExp; take: (text: string, picture: boolean) => void } // picture: of a file, which may be from anybody

/** Buttons that read a code. What is read is given to take if it is what is wanted; of others the person is told. */
export function Scan(p: Props): JSX.Element {
  let picker!: HTMLInputElement, root!: HTMLDivElement;
  const [camera, setCamera] = createSignal<MediaStream>();
  let asking = false, over = false;
  const stop = () => { camera()?.getTracks().forEach((x) => x.stop()); setCamera(undefined); };
  onCleanup(() => { over = true; stop(); });
  const begin = async () => {
    if (asking) return;
    asking = true;
    try {
      const got = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
      if (over) return got.getTracks().forEach((x) => x.stop());
      setCamera(got);
      for (const x of got.getTracks()) x.onended = () => { if (camera() === got) stop(); }; // it was unplugged
    } catch (e) { toast(t(e instanceof DOMException && e.name === "NotAllowedError" ? "scan.denied" : "scan.nocamera")); } finally { asking = false; }
  };
  let last = ""; // told of already
  const found = (text: string, picture = false) => {
    if (p.wants.test(text)) { stop(); return p.take(text, picture); }
    if (text !== last) toast(t("scan.other"));
    last = text;
  };
  const file = async (f?: Blob | null) => {
    if (!f) return;
    try {
      const text = await (await part(() => import("../scan/pictures"))).readFile(f);
      if (over) return;
      last = "";
      if (text) found(text, true); else toast(t("scan.nothing"));
    } catch (e) { failed(e); }
  };
  // In a dialog, or in the first minutes, what is pasted is for here.
  onMount(() => {
    const paste = (e: Event) => {
      const f = [...((e as ClipboardEvent).clipboardData?.files ?? [])].find((x) => x.type.startsWith("image/"));
      if (!f) return;
      e.preventDefault();
      void file(f);
    };
    const around = root.closest("dialog, form");
    around?.addEventListener("paste", paste);
    onCleanup(() => around?.removeEventListener("paste", paste));
  });
  return (
    <div class="scan" ref={root}>
      <div class="actions">
        <button type="button" aria-pressed={!!camera()} onClick={() => (camera() ? stop() : void begin())}><Icon name="scan" size={18} />{t("scan.camera")}</button>
        <button type="button" onClick={() => picker.click()}>{t("scan.file")}</button>
        <input ref={picker} type="file" hidden accept="image/*" aria-label={t("scan.file")} onChange={() => { void file(picker.files?.[0]); picker.value = ""; }} />
      </div>
      <Show when={camera()}>{(c) => <View camera={c()} found={found} close={stop} />}</Show>
    </div>
  );
}

/** What the camera sees, looked at again and again. */
function View(p: { camera: MediaStream; found: (text: string) => void; close: () => void }) {
  let video!: HTMLVideoElement;
  useLayer(p.close);
  onMount(async () => {
    video.srcObject = p.camera;
    let over = false;
    onCleanup(() => { over = true; });
    const reader = await part(() => import("../scan/pictures")).catch(failed);
    if (!reader) return p.close();
    const next = () => {
      if (over) return;
      const text = reader.seen(video);
      if (text) p.found(text);
      if (!over) setTimeout(next, look);
    };
    next();
  });
  return <figure><video ref={video} autoplay muted playsinline aria-label={t("scan.camera")} /><figcaption role="status">{t("scan.hold")}</figcaption></figure>;
}
