// The files of a core in a worker: what Go's package os asks of Node's fs (syscall/fs_js.go),
// over the origin private file system of a browser. It has to be there before wasm_exec.js
// is, which puts a file system that holds nothing in its place.
//
// A file that is open has one access handle, which nobody else can have: a second worker is
// refused a file that a first one holds. Reads and writes answer within the call, whatever
// needs a promise later. There are no links, no owners and no modes; directories cannot be
// renamed, and a file that is open can be neither removed nor renamed.
const O = { O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128, O_TRUNC: 512, O_APPEND: 1024, O_DIRECTORY: 65536 };
const fail = (code) => { throw Object.assign(new Error(code), { code }); };
const codes = { NotFoundError: "ENOENT", TypeMismatchError: "ENOTDIR", NoModificationAllowedError: "EBUSY", InvalidModificationError: "ENOTEMPTY", QuotaExceededError: "ENOSPC" };
const coded = (e) => (typeof e.code === "string" ? e : Object.assign(new Error(e.message), { code: codes[e.name] ?? "EIO" }));

const held = new Map(); // by path: {access (a promise), ready (the handle), users} of files that are open
const open = new Map(); // by number: {path, file: of held, at, append} or {path, dir: true}
const numbers = new Map(); // what stat calls a file, by path
let next = 3, inode = 1;

const split = (path) => path.split("/").filter((part) => part && part !== ".");
const clean = (path) => "/" + split(path).join("/");
const folder = async (parts) => {
	let dir = await navigator.storage.getDirectory();
	for (const part of parts) dir = await dir.getDirectoryHandle(part);
	return dir;
};
// place is the directory of a path, and its name there.
const place = async (path) => { const parts = split(path), name = parts.pop(); return { dir: await folder(parts), name }; };
const isFolder = (path) => folder(split(path)).then(() => true, (e) => (e.name === "TypeMismatchError" || e.name === "NotFoundError" ? false : Promise.reject(e)));

const told = (path, mode, size, time) => {
	if (!numbers.has(path)) numbers.set(path, inode++);
	return {
		dev: 1, ino: numbers.get(path), mode, nlink: 1, uid: 0, gid: 0, rdev: 0, size, blksize: 4096, blocks: Math.ceil(size / 512), atimeMs: time, mtimeMs: time, ctimeMs: time,
		isDirectory: () => mode >> 12 === 4,
	};
};
const stat = async (path) => {
	path = clean(path);
	const file = held.get(path);
	if (file) return told(path, 0o100600, (await file.access).getSize(), file.time);
	if (await isFolder(path)) return told(path, 0o040700, 0, 0);
	const { dir, name } = await place(path);
	const f = await (await dir.getFileHandle(name)).getFile();
	return told(path, 0o100600, f.size, f.lastModified);
};

const hold = async (path, flags) => {
	const { dir, name } = await place(path);
	if (flags & O.O_CREAT && flags & O.O_EXCL && (held.has(path) || await dir.getFileHandle(name).then(() => true, () => false))) fail("EEXIST");
	let file = held.get(path);
	if (!file) {
		file = { users: 0, time: Date.now(), access: dir.getFileHandle(name, { create: !!(flags & O.O_CREAT) }).then((h) => h.createSyncAccessHandle()) };
		held.set(path, file);
	}
	file.users++;
	try {
		file.ready = await file.access;
	} catch (e) {
		release(path, file);
		throw e;
	}
	if (flags & O.O_TRUNC) file.ready.truncate(0);
	return file;
};
const release = (path, file) => {
	if (--file.users > 0) return;
	held.delete(path);
	file.ready?.close();
};
const opened = (fd) => open.get(fd) ?? fail("EBADF");
const handle = (fd) => opened(fd).file?.ready ?? fail("EISDIR");

// What answers within the call.
const now = {
	read(fd, buffer, offset, length, position) {
		const f = opened(fd), n = handle(fd).read(buffer.subarray(offset, offset + length), { at: position ?? f.at });
		if (position === null) f.at += n;
		return n;
	},
	write(fd, buffer, offset, length, position) {
		const part = buffer.subarray(offset, offset + length);
		if (fd === 1 || fd === 2) { postMessage({ said: new TextDecoder().decode(part) }); return length; }
		const f = opened(fd), to = handle(fd), n = to.write(part, { at: f.append ? to.getSize() : position ?? f.at });
		f.file.time = Date.now();
		if (position === null) f.at += n;
		return n;
	},
	fsync(fd) { if (!opened(fd).dir) handle(fd).flush(); },
	ftruncate(fd, length) { handle(fd).truncate(length); },
	close(fd) { const f = opened(fd); open.delete(fd); if (f.file) release(f.path, f.file); },
	chmod() {}, fchmod() {}, chown() {}, fchown() {}, lchown() {}, utimes() {},
	link() { fail("ENOSYS"); }, symlink() { fail("ENOSYS"); }, readlink() { fail("EINVAL"); },
};

// What answers later.
const later = {
	stat, lstat: stat,
	fstat: async (fd) => stat(opened(fd).path),
	async open(path, flags) {
		path = clean(path);
		const fd = next++;
		if (!held.has(path) && await isFolder(path)) {
			if (flags & (O.O_WRONLY | O.O_RDWR)) fail("EISDIR");
			open.set(fd, { path, dir: true });
			return fd;
		}
		if (flags & O.O_DIRECTORY) fail("ENOTDIR");
		open.set(fd, { path, file: await hold(path, flags), at: 0, append: !!(flags & O.O_APPEND) });
		return fd;
	},
	async mkdir(path) {
		const { dir, name } = await place(path);
		if (await stat(path).then(() => true, () => false)) fail("EEXIST");
		await dir.getDirectoryHandle(name, { create: true });
	},
	async readdir(path) {
		const names = [];
		for await (const name of (await folder(split(path))).keys()) names.push(name);
		return names;
	},
	async unlink(path) {
		if (await isFolder(path)) fail("EISDIR");
		const { dir, name } = await place(path);
		await dir.removeEntry(name);
		numbers.delete(clean(path));
	},
	async rmdir(path) {
		await folder(split(path));
		const { dir, name } = await place(path);
		await dir.removeEntry(name);
		numbers.delete(clean(path));
	},
	async rename(from, to) {
		const a = await place(from), b = await place(to);
		if (await isFolder(from)) fail("ENOSYS");
		await (await a.dir.getFileHandle(a.name)).move(b.dir, b.name);
		numbers.set(clean(to), numbers.get(clean(from)) ?? inode++);
		numbers.delete(clean(from));
	},
	async truncate(path, length) {
		const fd = await later.open(path, O.O_RDWR);
		try { now.ftruncate(fd, length); } finally { now.close(fd); }
	},
};

globalThis.fs = { constants: O };
for (const [name, f] of Object.entries(now)) {
	globalThis.fs[name] = (...args) => {
		const done = args.pop();
		let result;
		try { result = f(...args); } catch (e) { return done(coded(e)); }
		done(null, result);
	};
}
for (const [name, f] of Object.entries(later)) {
	globalThis.fs[name] = (...args) => { const done = args.pop(); f(...args).then((result) => done(null, result), (e) => done(coded(e))); };
}
