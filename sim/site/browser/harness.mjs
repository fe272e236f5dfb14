// What the scripts of this folder share. Each is started by a test in Go, reads a plan
// on standard input, and writes one JSON line per check: {"name", "ms", "error"}. A line
// {"ask"} is a request to the test, which answers with a line; one {"tell"} a figure.
import { chromium } from "playwright-core";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export const readLine = async () => JSON.parse((await lines.next()).value);
const say = (v) => process.stdout.write(JSON.stringify(v) + "\n");
export const ask = async (what) => { say({ ask: what }); return readLine(); };

export const tell = (what) => say({ tell: what });

export const flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"];
export const launch = (executablePath, ...more) => chromium.launch({ executablePath, args: [...flags, ...more] });

export const is = (ok, message) => { if (!ok) throw new Error(message); };
export const equal = (got, want, what) => is(JSON.stringify(got) === JSON.stringify(want), `${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);

// accessible runs axe on a page as it stands. (bypassing the page's policy is
// right here: the tool is no part of the page)
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const accessible = async (page) => {
	const session = await page.context().newCDPSession(page);
	await session.send("Runtime.evaluate", { expression: axe });
	const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
		expression: "axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(' | '))))",
		awaitPromise: true, returnByValue: true,
	});
	is(!exceptionDetails, "axe failed: " + JSON.stringify(exceptionDetails));
	equal(JSON.parse(result.value), [], "axe");
};

export const run = async ([name, f]) => {
	const begun = Date.now();
	let error = "";
	try {
		await f();
	} catch (e) {
		error = e.stack || String(e);
	}
	say({ name, ms: Date.now() - begun, error });
	return !error;
};
