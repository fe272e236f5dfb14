import { lazy, Match, onMount, Switch, type JSX } from "solid-js";
import { part } from "../part";
import { dialog, setDialog } from "../state/dialog";
import { useFocus, useLayer } from "../state/layers";
import { t } from "../words";
import { Guard } from "./Guard";
import { Icon } from "./icons";
import { Told } from "./Told";

// What is behind a dialog comes when it is opened first.
const NewChat = lazy(() => part(() => import("./NewChat")).then((m) => ({ default: m.NewChat })));
const Settings = lazy(() => part(() => import("./Settings")).then((m) => ({ default: m.Settings })));
const Forward = lazy(() => part(() => import("./small")).then((m) => ({ default: m.Forward })));
const Keys = lazy(() => part(() => import("./small")).then((m) => ({ default: m.Keys })));
const Reach = lazy(() => part(() => import("./small")).then((m) => ({ default: m.Reach })));
const Voters = lazy(() => part(() => import("./small")).then((m) => ({ default: m.Voters })));
const Result = lazy(() => part(() => import("./Result")).then((m) => ({ default: m.Result })));
const SendFiles = lazy(() => part(() => import("./Make")).then((m) => ({ default: m.SendFiles })));
const PollForm = lazy(() => part(() => import("./Make")).then((m) => ({ default: m.PollForm })));
const ListForm = lazy(() => part(() => import("./Make")).then((m) => ({ default: m.ListForm })));
const Schedule = lazy(() => part(() => import("./Make")).then((m) => ({ default: m.Schedule })));
const Mentions = lazy(() => part(() => import("./Mentions")).then((m) => ({ default: m.Mentions })));
const RenamePack = lazy(() => part(() => import("./Packs")).then((m) => ({ default: m.RenamePack })));
const AddPack = lazy(() => part(() => import("./Packs")).then((m) => ({ default: m.AddPack })));
const ChatFolders = lazy(() => part(() => import("./Folders")).then((m) => ({ default: m.ChatFolders })));

export const closeDialog = () => setDialog(undefined);

/** A dialog: nothing behind it can be reached until it is closed. */
export function Dialog(p: { title: string; children: JSX.Element }): JSX.Element {
  let box!: HTMLDialogElement;
  useFocus();
  useLayer(closeDialog);
  onMount(() => box.showModal());
  return (
    <dialog ref={box} aria-label={p.title} onClose={closeDialog} onPointerDown={(e) => { if (e.target === box) closeDialog(); }}>
      <header><h2>{p.title}</h2><button class="icon-button" aria-label={t("close")} onClick={closeDialog}><Icon name="close" /></button></header>
      <div class="inside" tabindex="0"><Guard>{p.children}</Guard></div>
      <Told />
    </dialog>
  );
}

/** The dialog that is open, if one is. Keyed: what a dialog still does when it was closed goes by what it was opened with. */
export function DialogLayer(): JSX.Element {
  const of = <K extends NonNullable<ReturnType<typeof dialog>>["kind"]>(kind: K) => (dialog()?.kind === kind ? (dialog() as Extract<ReturnType<typeof dialog>, { kind: K }>) : undefined);
  return (
    <Switch>
      <Match when={of("new")}><Dialog title={t("chat.new")}><NewChat /></Dialog></Match>
      <Match when={of("settings")}><Dialog title={t("settings")}><Settings /></Dialog></Match>
      <Match when={of("keys")}><Dialog title={t("keys")}><Keys /></Dialog></Match>
      <Match when={of("forward")} keyed>{(d) => <Dialog title={t("message.forward")}><Forward messages={d.messages} /></Dialog>}</Match>
      <Match when={of("files")} keyed>{(d) => <Dialog title={t("message.attach")}><SendFiles chat={d.chat} files={d.files} caption={d.caption} chosen={d.chosen} sent={d.sent} /></Dialog>}</Match>
      <Match when={of("poll")} keyed>{(d) => <Dialog title={t("poll.make")}><PollForm chat={d.chat} /></Dialog>}</Match>
      <Match when={of("list")} keyed>{(d) => <Dialog title={t("list.make")}><ListForm chat={d.chat} /></Dialog>}</Match>
      <Match when={of("schedule")} keyed>{(d) => <Dialog title={t("schedule.do")}><Schedule chat={d.chat} text={d.text} chosen={d.chosen} sent={d.sent} /></Dialog>}</Match>
      <Match when={of("mentions")}><Dialog title={t("mentions")}><Mentions /></Dialog></Match>
      <Match when={of("pack")} keyed>{(d) => <Dialog title={t("message.stickers")}><RenamePack pack={d.pack} done={d.done} /></Dialog>}</Match>
      <Match when={of("packlink")} keyed>{(d) => <Dialog title={t("message.stickers")}><AddPack done={d.done} /></Dialog>}</Match>
      <Match when={of("folders")} keyed>{(d) => <Dialog title={t("folder.of")}><ChatFolders chat={d.chat} /></Dialog>}</Match>
      <Match when={of("result")} keyed>{(d) => <Dialog title={d.title}><Result chat={d.chat} result={d.result} /></Dialog>}</Match>
      <Match when={of("voters")} keyed>{(d) => <Dialog title={t("poll.who")}><Voters message={d.message} /></Dialog>}</Match>
      <Match when={of("reach")} keyed>{(d) => <Dialog title={t("message.info")}><Reach message={d.message} /></Dialog>}</Match>
    </Switch>
  );
}
