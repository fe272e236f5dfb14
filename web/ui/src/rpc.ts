// The way to the core: calls of clientrpc over one WebSocket, which is opened again
// when it breaks. Calls may be repeated (clientrpc says which how), so what was under
// way then is asked again.
import type { Calls, Error as CoreError, Method, Text } from "@rpc";

/** What a call that the core refused rejects with. */
export class Refused extends Error {
  code: string;
  doing?: Text;
  why?: Text;
  next?: Text;
  constructor(e: CoreError) {
    super(e.cause || e.why?.key || e.code);
    this.code = e.code;
    this.doing = e.doing;
    this.why = e.why;
    this.next = e.next;
  }
}

/** Whether a call was refused because what it asks for is not, or no longer, there. */
export const gone = (e: unknown) => e instanceof Refused && e.code === "not_found";

interface Waiting {
  lane?: string; // of calls that are answered one by one
  text: string;
  done: (result: unknown) => void;
  failed: (why: unknown) => void;
}

type Answer = { id: number; result?: unknown; error?: CoreError };

const again = "again"; // the core went away before it answered, or had too much to do
const most = 48; // calls at once; others wait their turn

const firstPause = 100, longestPause = 5000;

export class Core {
  private socket?: WebSocket;
  private waiting = new Map<number, Waiting>(); // in the order of their calls; the first ones are under way
  private sent = new Set<number>();
  private last = 0;
  private pause = firstPause;
  private over = false;

  /** told is called when the connection comes or goes. */
  constructor(private url: string, private told: (up: boolean) => void) {}

  /** Connects, once this browser may. What was called before waits for it. */
  start() {
    if (!this.socket) this.open();
  }

  /** Calls a method. A signal ends it early. Calls of one lane are answered one by one: those that the core has at once may overtake each other. */
  call<M extends Method>(method: M, params: Calls[M]["params"], signal?: AbortSignal, lane?: string): Promise<Calls[M]["result"]> {
    const id = ++this.last;
    return new Promise((done, failed) => {
      if (signal?.aborted) return failed(signal.reason);
      const text = JSON.stringify({ id, method, params });
      this.waiting.set(id, { lane, text, done: done as (r: unknown) => void, failed });
      signal?.addEventListener("abort", () => {
        if (!this.waiting.delete(id)) return;
        if (this.sent.delete(id)) this.say(JSON.stringify({ id, cancel: true }));
        failed(signal.reason);
        this.next();
      }, { once: true });
      this.next();
    });
  }

  /** Sends what waits, as far as there is room. */
  private next() {
    if (this.socket?.readyState !== WebSocket.OPEN || this.sent.size >= most) return;
    const ahead = new Set<string>();
    for (const [id, w] of this.waiting) {
      const waits = w.lane !== undefined && ahead.has(w.lane);
      if (w.lane !== undefined) ahead.add(w.lane);
      if (waits || this.sent.has(id)) continue;
      if (this.sent.size >= most) return;
      this.sent.add(id);
      this.socket.send(w.text);
    }
  }

  close() {
    this.over = true;
    this.socket?.close();
  }

  private say(text: string) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(text);
  }

  private open() {
    const s = new WebSocket(this.url, ["omega.v1", "key." + key]);
    this.socket = s;
    s.onopen = () => {
      this.pause = firstPause;
      this.sent.clear();
      this.next();
      this.told(true);
    };
    s.onmessage = (e) => this.take(JSON.parse(e.data as string) as Answer);
    s.onclose = () => {
      this.told(false);
      if (this.over) return;
      setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(this.pause * 2, longestPause);
    };
  }

  private take(a: Answer) {
    const w = this.waiting.get(a.id);
    if (!w) return;
    this.sent.delete(a.id);
    if (a.error?.code === again) {
      setTimeout(() => this.next(), firstPause);
      return;
    }
    this.waiting.delete(a.id);
    this.next();
    if (a.error) w.failed(new Refused(a.error));
    else w.done(a.result);
  }
}

// What shows, beside the cookie, that this page was let in. Cookies go to every port of
// this machine; this is in the storage of our origin only.
const keyName = "omega.key";
let key = localStorage.getItem(keyName) ?? "";

/** An address of the program on this machine, for pictures and downloads. */
export const at = (path: string) => path + (path.includes("?") ? "&" : "?") + "k=" + key;

/** Trades the token of the address for a cookie and a key; says whether this browser may ask. */
export async function enter(token: string): Promise<boolean> {
  const r = await fetch("/session", { method: "POST", headers: { "X-Omega-Key": key }, body: JSON.stringify({ token }) });
  if (!r.ok) return false;
  key = ((await r.json()) as { key: string }).key;
  localStorage.setItem(keyName, key);
  return true;
}

/** The database of what this browser keeps. */
export const database = "omega";

/** Signs out in every browser of this home, and forgets what this one kept. */
export async function leave(): Promise<void> {
  await fetch("/leave", { method: "POST", headers: { "X-Omega-Key": key } });
  localStorage.clear();
  indexedDB.deleteDatabase(database);
  location.reload();
}

/** Brings a file to the program on this machine; its name is what clientrpc calls take. */
export function upload(file: Blob, name: string, progress?: (part: number) => void): Promise<string> {
  return new Promise((done, failed) => {
    const q = new XMLHttpRequest(); // fetch does not tell how far it is
    q.open("POST", "/upload?name=" + encodeURIComponent(name));
    q.setRequestHeader("X-Omega-Key", key);
    q.responseType = "json";
    if (progress) q.upload.onprogress = (e) => progress(e.loaded / Math.max(e.total, 1));
    q.onload = () => (q.status === 200 ? done(q.response.upload) : failed(new Error(`HTTP ${q.status}`)));
    q.onerror = () => failed(new Error("the program does not answer"));
    q.send(file);
  });
}
