// Where the flows of flows.mjs play: people with a program and a browser of their own,
// and what each of them does again and again.
import { crc32, deflateSync } from "node:zlib";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { launch, readLine } from "./harness.mjs";

export const plan = await readLine();

// What the camera of every browser sees: a film of one picture, written by camera below.
const film = (luma, width = 640, height = 480) => {
	const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, Buffer.alloc(width * height / 2, 128)]); // no colours
	writeFileSync(plan.camera, Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`), frame, frame]));
};
film(Buffer.alloc(640 * 480, 160));

export const browser = await launch(plan.chromium, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-video-capture=${plan.camera}`);
export const trouble = [], said = []; // what the pages told people in passing

// A person, as far as their screen goes.
export const people = [];
export async function enter({ name, url }) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "zh-TW", timezoneId: "Asia/Taipei", reducedMotion: "reduce", permissions: ["camera", "microphone", "clipboard-read", "clipboard-write", "notifications"] });
	context.setDefaultTimeout(90_000); // machines that run tests are busy
	const page = await context.newPage();
	page.on("console", (m) => ["error", "warning"].includes(m.type()) && !/WebSocket connection/.test(m.text()) && trouble.push(`${name}: ${m.text()}`));
	page.on("response", async (r) => { if (r.status() >= 400) said.push(`${name}: ${r.status()} ${new URL(r.url()).pathname} ${await r.text().catch(() => "")}`); });
	page.on("pageerror", (e) => trouble.push(`${name}: ${e.message}\n${e.stack}`));
	page.on("request", (r) => !r.url().startsWith("blob:") && new URL(r.url()).host !== new URL(url).host && trouble.push(`${name} asks ${r.url()}`));
	await page.exposeFunction("noteToast", (text) => said.push(`${name}: ${text}`));
	await page.addInitScript(() => new MutationObserver((list) => list.forEach((m) => m.addedNodes.forEach((n) => n.classList?.contains("toast") && noteToast(n.textContent)))).observe(document, { childList: true, subtree: true }));
	return { name, url, page, context };
}
for (const p of plan.people) people.push(await enter(p));
export const [ming, mei, carol] = people;

export const shot = async (who, name) => { if (plan.shots) await who.page.screenshot({ path: `${plan.shots}/face-${name}.png` }); };
export const box = (who) => who.page.locator(".composer textarea");
export const say = async (who, text) => { await box(who).fill(text); await box(who).press("Enter"); };
export const bubble = (who, text) => who.page.locator(".bubble", { hasText: text }).last();
export const chat = (who, name, secure = false) => who.page.locator(secure ? ".row.secure" : ".row:not(.secure)").filter({ has: who.page.locator(".name", { hasText: name }) }).first();
export const menu = async (who, text, item) => { await bubble(who, text).click({ button: "right" }); await who.page.getByRole("menuitem", { name: item, exact: true }).click(); };
// What is confirmed is done when the dialog has gone: what is written before goes into the chat that was open.
export const confirmDialog = async (who) => { await who.page.locator("dialog form button.primary").click(); await who.page.locator("dialog").waitFor({ state: "detached" }); };
// What is asked before something that cannot be undone, and the answer.
export const agree = async (who) => { await who.page.locator("dialog.sure button.primary").click(); await who.page.locator("dialog.sure").waitFor({ state: "detached" }); };
// What can be done with one line of a list.
export const lineMenu = async (who, line, item) => { await line.locator("button[aria-haspopup=menu]").click(); await who.page.getByRole("menuitem", { name: item, exact: true }).click(); };
// A picture of some ten thousand octets that is n by n points large.
export const hugePicture = (n) => {
	const chunk = (name, data) => { const body = Buffer.concat([Buffer.from(name), data]), size = Buffer.alloc(4), sum = Buffer.alloc(4); size.writeUInt32BE(data.length); sum.writeUInt32BE(crc32(body)); return Buffer.concat([size, body, sum]); };
	const head = Buffer.alloc(13);
	head.writeUInt32BE(n, 0);
	head.writeUInt32BE(n, 4);
	head[8] = 1; // one bit of grey
	return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.alloc(n * (1 + Math.ceil(n / 8))))), chunk("IEND", Buffer.alloc(0))]);
};
export const vanishes = (who, text) => who.page.waitForFunction((x) => !document.body.textContent.includes(x), text);
export const panel = (who) => who.page.locator(".head .icon-button").last();
// Whatever opens has gone.
export const escape = async (who) => { await who.page.keyboard.press("Escape"); await who.page.locator("dialog").waitFor({ state: "detached" }); };
export const openDialog = async (who, name) => { await who.page.getByRole("button", { name, exact: true }).click(); await who.page.locator("dialog").waitFor(); };
// A picture of what somebody's screen shows, and the same before every camera.
export const pictureOf = async (locator) => {
	await locator.evaluate((e) => (e.tagName === "IMG" ? e.decode() : undefined)); // it may still be under way
	return locator.screenshot();
};
export const camera = async (png) => {
	const luma = await ming.page.evaluate(async (base64) => {
		const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]));
		const pen = new OffscreenCanvas(640, 480).getContext("2d");
		pen.fillStyle = "#999";
		pen.fillRect(0, 0, 640, 480);
		pen.translate(320, 240);
		pen.rotate(0.1); // nobody holds it straight
		pen.drawImage(picture, -170, -170, 340, 340);
		const { data } = pen.getImageData(0, 0, 640, 480);
		let text = "";
		for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(Math.round(0.3 * data[i] + 0.59 * data[i + 1] + 0.11 * data[i + 2]));
		return btoa(text);
	}, png.toString("base64"));
	film(Buffer.from(luma, "base64"));
};
// A command of the program, of somebody who uses no browser: what it says, as JSON.
export const command = async (...args) => {
	const { stdout } = await promisify(execFile)(plan.stranger.program, ["--home", plan.stranger.home, "--json", ...args], { env: { ...process.env, ...plan.stranger.env } });
	return stdout.trim() ? JSON.parse(stdout.trim().split("\n").at(-1)) : undefined;
};
