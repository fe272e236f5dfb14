import { Match, onMount, Switch, type JSX } from "solid-js";
import { dialog, setDialog } from "../state/dialog";
import { useLayer } from "../state/layers";
import { t } from "../words";
import { Icon } from "./icons";
import { NewChat } from "./NewChat";
import { Settings } from "./Settings";
import { Forward, Keys, Reach } from "./small";

export const closeDialog = () => setDialog(undefined);

/** A dialog: nothing behind it can be reached until it is closed. */
export function Dialog(p: { title: string; children: JSX.Element }): JSX.Element {
  let box!: HTMLDialogElement;
  const before = document.activeElement as HTMLElement | null;
  useLayer(() => { closeDialog(); before?.focus?.(); });
  onMount(() => box.showModal());
  return (
    <dialog ref={box} aria-label={p.title} onClose={closeDialog} onPointerDown={(e) => { if (e.target === box) closeDialog(); }}>
      <header><h2>{p.title}</h2><button class="icon-button" aria-label={t("close")} onClick={closeDialog}><Icon name="close" /></button></header>
      <div class="inside">{p.children}</div>
    </dialog>
  );
}

/** The dialog that is open, if one is. */
export function DialogLayer(): JSX.Element {
  const of = <K extends NonNullable<ReturnType<typeof dialog>>["kind"]>(kind: K) => (dialog()?.kind === kind ? (dialog() as Extract<ReturnType<typeof dialog>, { kind: K }>) : undefined);
  return (
    <Switch>
      <Match when={of("new")}><Dialog title={t("chat.new")}><NewChat /></Dialog></Match>
      <Match when={of("settings")}><Dialog title={t("settings")}><Settings /></Dialog></Match>
      <Match when={of("keys")}><Dialog title={t("keys")}><Keys /></Dialog></Match>
      <Match when={of("forward")}>{(d) => <Dialog title={t("message.forward")}><Forward message={d().message} /></Dialog>}</Match>
      <Match when={of("reach")}>{(d) => <Dialog title={t("message.info")}><Reach message={d().message} /></Dialog>}</Match>
    </Switch>
  );
}
