// What the core costs where browsers run it. core_test.go starts this with a plan on standard
// input:
//
//	{"chromium": PATH, "url": URL, "program": PATH, "files": [NAME], "messages": N, "server": ADDRESS, "profile": DIRECTORY, "whole": BOOLEAN}
//
// url is of an empty page beside worker.mjs, what it runs, and /home/ with the files of a home
// that has so many messages in one chat; server takes new accounts by WebSocket. Times are
// those of the clock, since nobody tells what a worker took of a processor, and the least of
// some: whatever else the machine does is added, and never taken away. They and the size are
// bounded where all is measured: by their budgets, and what misses its budget by what was seen
// (docs/benchmarks.md), so that what gets worse is noticed.
import { chromium } from "playwright-core";
import { flags, is, readLine, run, tell } from "./harness.mjs";
import { brotliCompressSync, constants } from "node:zlib";
import { readFileSync } from "node:fs";

const plan = await readLine();
// With a profile on the disk: without one files are held by another process, and what was compiled is not kept.
const context = await chromium.launchPersistentContext(plan.profile, { executablePath: plan.chromium, args: flags, locale: "zh-TW" });
context.setDefaultTimeout(300_000);
const page = await context.newPage();
await page.goto(plan.url);
const show = (n) => (n < 10 ? n.toFixed(2) : Math.round(n));
const rounds = plan.whole ? 4 : 1, home = plan.whole ? "/home" : "/made";
const most = (what, got, bound, unit) => { tell(`${what}: ${show(got)} ${unit} (bound ${bound})`); is(!plan.whole || got <= bound, `${what}: ${got} ${unit}, bound ${bound}`); };
const checks = [];
const check = (name, f) => checks.push([name, f]);

// In the page: window.core starts a worker on arguments, and gives {call, ended, said, stop}.
await page.evaluate(() => {
	window.core = (program, ...args) => {
		const worker = new Worker("/worker.mjs", { type: "module" }), { port1: port, port2 } = new MessageChannel(), waiting = new Map();
		let last = 0, said = "", over, broken;
		const ended = new Promise((done) => { over = done; }), failed = new Promise((_, fail) => { broken = fail; });
		failed.catch(() => {});
		worker.onmessage = ({ data }) => { said += data.said ?? ""; if ("ended" in data) { over({ code: data.ended, said }); broken(new Error(`it ended: ${said}`)); } };
		worker.onerror = (e) => broken(new Error(e.message ?? "the worker cannot be started"));
		port.onmessage = ({ data }) => { const answer = JSON.parse(data); waiting.get(answer.id)(answer); waiting.delete(answer.id); };
		worker.postMessage({ program, args, port: port2 }, [port2]);
		const call = (method, params = {}) => Promise.race([failed, new Promise((done, fail) => {
			waiting.set(++last, (a) => (a.error ? fail(new Error(`${method}: ${JSON.stringify(a.error)}`)) : done(a.result)));
			port.postMessage(JSON.stringify({ id: last, method, params }));
		})]);
		return { call, ended, stop: () => worker.terminate() };
	};
});
// start is how long it takes from nothing to the answer of a first call, and that answer.
const start = (...args) => page.evaluate(async (args) => {
	const begun = performance.now();
	window.running = window.core("/core.wasm", ...args);
	const account = await window.running.call("account");
	return { took: performance.now() - begun, account };
}, args);
const stop = () => page.evaluate(() => window.running.stop());
const times = (method, list) => page.evaluate(async ({ method, list }) => {
	const took = [];
	let result;
	for (const params of list) {
		const begun = performance.now();
		result = await window.running.call(method, params);
		took.push(performance.now() - begun);
	}
	return { took: took.sort((a, b) => a - b), result };
}, { method, list });
const half = (list) => list[Math.floor(list.length / 2)];
// least starts it in each round, and leaves the last.
const least = async (...args) => {
	const all = [];
	for (let left = rounds; left > 0; left--) {
		all.push((await start(...args)).took);
		if (left > 1) await stop();
	}
	tell(`starts: ${all.map((ms) => Math.round(ms)).join(", ")} ms`);
	return Math.min(...all);
};
// bench runs benchmarks of a package in each round, and gives the least of their milliseconds by name.
const bench = async (program, which, count) => {
	const { code, said } = await page.evaluate(async ([program, ...args]) => {
		const root = await navigator.storage.getDirectory();
		await root.getDirectoryHandle("tmp", { create: true });
		const core = window.core(program, ...args), end = await core.ended;
		core.stop();
		return end;
	}, [program, "-test.run=^$", `-test.bench=^Benchmark(${which})$`, `-test.benchtime=${count}x`, `-test.count=${rounds}`]);
	is(code === 0, `${program} ended with ${code}: ${said}`);
	const found = {};
	for (const [, name, ns] of said.matchAll(/^Benchmark(\w+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns\/op/gm)) found[name] = Math.min(found[name] ?? Infinity, ns / 1e6);
	is(Object.keys(found).length === which.split("|").length, `${which}: ${said}`);
	return found;
};

const measure = (name, f) => plan.whole && check(name, f);
measure("how large it is", async () => {
	const bytes = readFileSync(plan.program);
	const size = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length;
	tell(`core: ${(bytes.length / 1e6).toFixed(1)} MB`);
	most("core, brotli", size / 1e6, 7.2, "MB");
});

check("an account is made in a worker, and its home is there again", async () => {
	const made = await start("/made", plan.server, "小明");
	tell(`a new account, with its registration: ${show(made.took)} ms`);
	await stop();
	most("ready on a home that is new", await least("/made"), 4000, "ms");
	const { result } = await times("account", [{}]);
	is(result.fingerprint === made.account.fingerprint, `another account: ${JSON.stringify(result)}`);
	await stop();
});

measure("it starts on a home with messages", async () => {
	await page.evaluate(async (files) => {
		const root = await navigator.storage.getDirectory(), home = await root.getDirectoryHandle("home", { create: true });
		for (const name of files) await (await fetch(`/home/${name}`)).body.pipeTo(await (await home.getFileHandle(name, { create: true })).createWritable());
	}, plan.files);
	most("ready on a home with messages", await least("/home"), 1200, "ms");
	const { result } = await times("chats", [{}]);
	is(result.chats.length === 20, `chats: ${JSON.stringify(result).slice(0, 300)}`);
});

measure("a search, a page of chats, and a call", async () => {
	const common = await times("search", Array(20).fill({ text: "合歡山", count: 30 })), rare = await times("search", Array(20).fill({ text: `第${Math.floor(plan.messages / 3)}句`, count: 30 })), calls = await times("account.presence", Array(50).fill({}));
	is(common.result.messages.length === 30, `hits: ${JSON.stringify(common.result).slice(0, 300)}`);
	is(rare.result.messages.some((m) => m.text.includes("句")), `hits: ${JSON.stringify(rare.result).slice(0, 300)}`);
	tell(`half of them within: a common word ${show(half(common.took))}, a rare one ${show(half(rare.took))}, a call ${show(half(calls.took))} ms`);
	most(`a search of ${plan.messages} messages for a common word`, common.took[0], 20, "ms");
	most("a search for a rare one", rare.took[0], 20, "ms");
	most("a call and its answer", calls.took[0], 1, "ms");
	await stop();
});

check("messages are written, and are there after the worker was ended", async () => {
	const me = (await start(home)).account.fingerprint, id = (n) => `${n}`.padStart(32, "0");
	const sent = await times("send", Array.from({ length: 10 * rounds }, (_, n) => ({ id: id(n + 1), to: me, text: `在台北車站見面 ${n}`, wait: "none" })));
	tell(`half of them within: a message sent ${show(half(sent.took))} ms`);
	most("a message sent: sealed, indexed and on storage", sent.took[0], 20, "ms");
	await stop(); // without a word: as when a page is closed
	await start(home);
	const { result } = await times("search", [{ text: "台北車站見面 9", count: 5 }]);
	is(result.messages.some((m) => m.text === "在台北車站見面 9"), `what was sent is not there: ${JSON.stringify(result).slice(0, 300)}`);
	await stop();
});

measure("what a message costs by its seals alone", async () => {
	const found = await bench("/chat.wasm", "OpenVerify|Send", 200);
	most("opening and verifying a text", found.OpenVerify, 1, "ms");
	most("sealing and signing one", found.Send, 1, "ms");
});

measure("what it costs to store", async () => {
	const one = await bench("/history.wasm", "Commit", 10 * rounds), many = await bench("/history.wasm", "PutMessage", 128 * rounds);
	most("a message that came, in a commit of its own", one.Commit, 60, "ms");
	most("a message of 128 in one commit", many.PutMessage, 15, "ms");
});

for (const c of checks) await run(c);
await context.close();
process.exit(0);
