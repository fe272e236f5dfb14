// Voice notes in the database of the browser: they are too large for its other storage.
// It is opened for each thing that is done, so that signing out can delete it.
import type { Note } from "./notes";
import { database } from "../rpc";

const store = "notes", most = 16; // notes: of ten minutes each some 40 MB

async function run<T>(mode: IDBTransactionMode, what: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await answer(opened());
  try {
    return await answer(what(db.transaction(store, mode).objectStore(store)));
  } finally {
    db.close(); // once what is under way is done
  }
}

function opened() {
  const r = indexedDB.open(database, 1);
  r.onupgradeneeded = () => r.result.createObjectStore(store);
  return r;
}

const answer = <T>(r: IDBRequest<T>) => new Promise<T>((done, failed) => { r.onsuccess = () => done(r.result); r.onerror = () => failed(r.error); });

/** Keeps a note, if there are not too many; says whether. Of its chat no more is kept than who that is. */
export async function put(key: string, n: Note): Promise<boolean> {
  if ((await run("readonly", (s) => s.count())) >= most) return false;
  const { chat, kind, peer, name } = n.chat;
  await run("readwrite", (s) => s.put({ key, chat: { chat, kind, peer, name, unread: 0 }, sound: n.sound, shape: [...n.shape], long: n.long } satisfies Note, key));
  return true;
}

/** Every note, the oldest first. */
export const all = () => run<Note[]>("readonly", (s) => s.getAll());

/** Deletes a note; says whether it was there, to one asker only. */
export async function take(key: string): Promise<boolean> {
  const db = await answer(opened());
  try {
    const s = db.transaction(store, "readwrite").objectStore(store), there = (await answer(s.count(key))) > 0;
    if (there) await answer(s.delete(key));
    return there;
  } finally { db.close(); }
}
