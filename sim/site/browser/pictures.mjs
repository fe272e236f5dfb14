// What the web face looks like over a core whose people do not exist (fixture_test.go).
// pictures_test.go starts this with a plan on standard input:
//
//	{"chromium": PATH, "shots": DIR, "url": URL, "now": ms}
//
// and compares the pictures that it leaves.
import { accessible, equal, is, launch, readLine, run } from "./harness.mjs";

const plan = await readLine();
const browser = await launch(plan.chromium, "--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--hide-scrollbars");
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "zh-TW", timezoneId: "Asia/Taipei", reducedMotion: "reduce" });
context.setDefaultTimeout(60_000);
const page = await context.newPage();
await page.clock.setFixedTime(plan.now);
const trouble = [];
page.on("console", (m) => ["error", "warning"].includes(m.type()) && trouble.push(m.text()));
page.on("pageerror", (e) => trouble.push(`${e.message}\n${e.stack}`));
page.on("request", (r) => !/^(blob|data):/.test(r.url()) && new URL(r.url()).host !== new URL(plan.url).host && trouble.push(`asks ${r.url()}`));

const desktop = { width: 1280, height: 800 }, phone = { width: 390, height: 844 };
const row = (name) => page.locator(".row:not(.secure)").filter({ has: page.locator(".name", { hasText: name }) }).first();
// still waits until nothing is under way that a picture would show half.
const still = async () => {
	await page.waitForFunction(() => [...document.images].every((i) => i.complete && i.naturalWidth > 0));
	await page.evaluate(async () => { await document.fonts.ready; document.activeElement?.blur?.(); });
	await page.mouse.move(0, 0);
	for (let before; ; ) {
		await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
		const now = (await page.screenshot({ caret: "hide", animations: "disabled" })).toString("base64");
		if (now === before) return;
		before = now;
	}
};
const picture = async (name) => {
	await still();
	await page.screenshot({ path: `${plan.shots}/${name}.png`, caret: "hide", animations: "disabled" });
	is(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} is wider than the screen`);
	equal(await page.evaluate(() => [...document.querySelectorAll(".bubble")].filter((b) => [...b.querySelectorAll("*")].some((e) => e.getBoundingClientRect().right > b.getBoundingClientRect().right + 1)).map((b) => b.textContent.slice(0, 20))), [], `${name}: bubbles from which something sticks out`);
	await accessible(page);
};
const checks = [];
const check = (name, f) => checks.push([name, f]);

check("a group on a desktop", async () => {
	await page.goto(plan.url);
	await row("登山社").click();
	await page.locator(".bubble", { hasText: "頭燈" }).waitFor();
	await picture("desktop-light");
	await page.emulateMedia({ colorScheme: "dark" });
	await picture("desktop-dark");
});

check("a phone", async () => {
	await page.setViewportSize(phone);
	await page.getByRole("button", { name: "返回" }).click();
	await picture("phone-dark");
	await page.emulateMedia({ colorScheme: "light" });
	await row("登山社").click();
	await page.locator(".bubble", { hasText: "頭燈" }).waitFor();
	await picture("phone-light");
	await page.setViewportSize(desktop);
});

check("the other screens", async () => {
	await page.getByRole("button", { name: "資訊", exact: true }).click();
	await page.getByText("每月一山").waitFor();
	await picture("screen-group");
	await page.keyboard.press("Escape");
	await page.locator(".row.secure").click();
	await page.locator(".conversation.secure .bubble").first().waitFor();
	await page.getByRole("button", { name: "資訊", exact: true }).click();
	await page.getByText("安全碼").waitFor();
	await picture("screen-secure");
	await page.keyboard.press("Escape");
	await page.getByRole("tab", { name: /陌生訊息/ }).click();
	await page.locator(".row").first().click();
	await page.getByText("不是你的聯絡人").waitFor();
	await picture("screen-stranger");
	equal(await page.locator(".bubble a").count(), 0, "links that work before the sender was accepted");
	await page.getByRole("button", { name: "設定" }).click();
	await page.getByText("書桌電腦").waitFor();
	await picture("screen-settings");
	await page.locator("dialog summary", { hasText: "哪些伺服器" }).click();
	await page.locator("dialog meter").nth(1).waitFor();
	await page.locator("dialog meter").nth(1).scrollIntoViewIfNeeded();
	await picture("screen-homes");
	await page.keyboard.press("Escape");
	await page.getByRole("button", { name: "新聊天" }).click();
	await picture("screen-new");
	await page.keyboard.press("Escape");
	await page.keyboard.press("Control+/");
	await page.getByText("Shift Enter").waitFor();
	await picture("screen-keys");
	await page.keyboard.press("Escape");
	await page.getByPlaceholder("搜尋聊天與訊息").fill("合歡");
	await page.locator(".hit").first().waitFor();
	await picture("screen-search");
	await page.keyboard.press("Escape");
	await page.getByRole("tab", { name: "全部" }).click();
	await row("登山社").click();
	await page.getByLabel("貼圖與表情").click();
	await page.getByRole("tab", { name: "表情" }).click();
	await page.locator(".grid button").first().waitFor();
	await picture("screen-emoji");
	await page.keyboard.press("Escape");
});

check("an animated sticker is drawn, and fetches nothing", async () => {
	await row("小美").click();
	await page.waitForFunction(() => {
		const c = document.querySelector(".animated canvas");
		return c && c.width > 0 && [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data].some((x) => x > 0);
	});
	await picture("screen-sticker");
});

check("invitations, a list that is closed, going to a date", async () => {
	await row("王大同").click();
	await page.locator(".card", { hasText: "讀書會" }).waitFor();
	await page.getByRole("button", { name: "在這個聊天裡搜尋" }).click();
	equal(await page.locator(".card button").allInnerTexts(), ["接受"], "what can be done with invitations");
	await picture("screen-invitations");
	await page.keyboard.press("Escape");
});

check("large letters, and English", async () => {
	await page.setViewportSize(phone);
	await page.evaluate(() => { localStorage.setItem("omega.look", '{"theme":"light","big":true}'); localStorage.setItem("omega.lang", "en"); });
	await page.reload();
	await row("登山社").click();
	await page.locator(".bubble", { hasText: "頭燈" }).waitFor();
	equal(await page.evaluate(() => [getComputedStyle(document.body).fontSize, document.documentElement.dataset.theme]), ["20px", "light"], "how large the letters are after a reload, and the look");
	await picture("screen-large");
});

check("nothing went wrong on the way", async () => equal(trouble, [], "trouble"));

for (const c of checks) if (!(await run(c))) break; // the others go on from it
await browser.close();
process.exit(0);
