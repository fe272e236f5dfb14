import { render } from "solid-js/web";
import "./style/app.css";
import { core, failed, setPhase, setSetup } from "./state/app";
import { follow } from "./state/events";
import { paint } from "./state/snapshot";
import { enter } from "./rpc";
import { lang, setLang } from "./words";
import { App } from "./ui/App";
import { createEffect, createRoot } from "solid-js";
import { phase } from "./state/app";

async function begin() {
  setLang(lang());
  const token = location.hash.slice(1);
  if (token) history.replaceState(null, "", "/"); // it is worth nothing any more, and nobody has to see it
  if (!token && paint()) setPhase("ready"); // before the program has answered
  if (!(await enter(token))) return setPhase("denied");
  core.start();
  const s = await core.call("setup", {});
  setSetup(s);
  setPhase(s.state === "ready" ? "ready" : "setup");
}

render(() => <App />, document.getElementById("app")!);
createRoot(() => {
  let following = false;
  createEffect(() => {
    if (phase() !== "ready" || following) return;
    following = true;
    void follow();
  });
});
begin().catch(failed);
