// What people do with the web face of their client. face_test.go starts this with a
// plan on standard input:
//
//	{"chromium": PATH, "shots": DIR or "", "people": [{"name", "url"}…]}
//
// Each person has a program and a browser of their own; the checks go on from each
// other, as a day does.
import { accessible, ask, equal, is, launch, readLine, run } from "./harness.mjs";

const plan = await readLine();
const browser = await launch(plan.chromium, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
const checks = [];
const check = (name, f) => checks.push([name, f]);
const trouble = [];

// A person, as far as their screen goes.
const people = [];
for (const { name, url } of plan.people) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "zh-TW", timezoneId: "Asia/Taipei", reducedMotion: "reduce", permissions: ["microphone", "clipboard-read", "clipboard-write"] });
	context.setDefaultTimeout(60_000); // machines that run tests are busy
	const page = await context.newPage();
	page.on("console", (m) => ["error", "warning"].includes(m.type()) && !/WebSocket connection/.test(m.text()) && trouble.push(`${name}: ${m.text()}`));
	page.on("pageerror", (e) => trouble.push(`${name}: ${e.message}\n${e.stack}`));
	page.on("request", (r) => !r.url().startsWith("blob:") && new URL(r.url()).host !== new URL(url).host && trouble.push(`${name} asks ${r.url()}`));
	people.push({ name, url, page, context });
}
const [ming, mei, carol] = people;

const shot = async (who, name) => { if (plan.shots) await who.page.screenshot({ path: `${plan.shots}/face-${name}.png` }); };
const box = (who) => who.page.locator(".composer textarea");
const say = async (who, text) => { await box(who).fill(text); await box(who).press("Enter"); };
const bubble = (who, text) => who.page.locator(".bubble", { hasText: text }).last();
const chat = (who, name, secure = false) => who.page.locator(secure ? ".row.secure" : ".row:not(.secure)", { hasText: name }).first();
const menu = async (who, text, item) => { await bubble(who, text).click({ button: "right" }); await who.page.getByRole("menuitem", { name: item, exact: true }).click(); };
const panel = (who) => who.page.locator(".head .icon-button").last();

check("a new person makes an account without reading anything", async () => {
	for (const who of people) {
		await who.page.goto(who.url);
		await who.page.getByRole("button", { name: "建立新帳號" }).click();
		await who.page.getByLabel("你的名字").fill(who.name);
		await who.page.getByLabel("不設密碼").check();
		await who.page.locator(".server").first().waitFor();
		is(await who.page.locator(".server").count() >= 2, "servers to choose from");
		if (who === ming) { await accessible(who.page); await shot(who, "setup"); }
		await who.page.locator("form button.primary").click();
		await who.page.getByRole("button", { name: "晚一點" }).click();
		who.link = await who.page.locator(".mylink code").innerText();
		await who.page.getByRole("button", { name: "先逛逛" }).click();
	}
	is(!(await ming.page.evaluate(() => location.href)).includes("#"), "the token is still in the address");
});

check("a first contact: a link, a greeting, and who gets it decides", async () => {
	await ming.page.getByRole("button", { name: "新聊天" }).click();
	await ming.page.getByLabel("連結或指紋").fill(mei.link);
	await ming.page.locator("dialog form button.primary").click();
	await say(ming, "早安，我是阿明 https://omega.example/");
	await mei.page.getByRole("tab", { name: /陌生訊息/ }).click();
	await chat(mei, "阿明").click();
	await mei.page.getByText("不是你的聯絡人").waitFor();
	equal(await mei.page.locator(".bubble a").count(), 0, "links that work before the sender was accepted");
	await accessible(mei.page);
	await shot(mei, "first-contact");
	await mei.page.getByRole("button", { name: "接受" }).click();
	await mei.page.locator(".bubble a").waitFor();
	await mei.page.getByRole("tab", { name: "全部" }).click();
	await say(mei, "你好啊，**幾點**見？");
	await bubble(ming, "幾點見").locator("strong").waitFor();
	await bubble(ming, "早安").locator(".ticks.read").waitFor();
});

check("reply, edit, react, take back", async () => {
	await menu(ming, "幾點見", "回覆");
	await say(ming, "十二點，老地方");
	await bubble(mei, "老地方").locator(".reply", { hasText: "幾點" }).waitFor();
	await menu(ming, "老地方", "編輯");
	await say(ming, "一點，老地方");
	await bubble(mei, "一點，老地方").getByText("已編輯").waitFor();
	await bubble(mei, "一點，老地方").click({ button: "right" });
	await mei.page.getByRole("menuitem", { name: "回應 👍" }).click();
	await bubble(ming, "老地方").locator(".reactions", { hasText: "👍" }).waitFor();
	await say(ming, "打錯字");
	await bubble(mei, "打錯字").waitFor();
	await menu(ming, "打錯字", "收回");
	await mei.page.locator(".bubble.gone", { hasText: "訊息已收回" }).waitFor();
	equal(await mei.page.getByText("打錯字").count(), 0, "what was taken back");
});

check("an input method composes, and nothing is sent before it is done", async () => {
	const cdp = await ming.context.newCDPSession(ming.page);
	const sent = await ming.page.locator(".bubble").count();
	await box(ming).focus();
	for (const text of ["ㄋ", "ㄋㄧ", "ㄋㄧˇ"]) await cdp.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
	await cdp.send("Input.dispatchKeyEvent", { type: "rawKeyDown", windowsVirtualKeyCode: 229, key: "Process", code: "Enter" });
	equal(await box(ming).inputValue(), "ㄋㄧˇ", "while composing");
	equal(await ming.page.locator(".bubble").count(), sent, "messages while composing");
	await cdp.send("Input.insertText", { text: "你好" });
	equal(await box(ming).inputValue(), "你好", "what was composed");
	// Safari ends a composition before its last key, which has only the code.
	await box(ming).evaluate((f) => f.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true, cancelable: true })));
	equal(await ming.page.locator(".bubble").count(), sent, "messages after a key of the input method");
	await box(ming).press("Enter");
	await bubble(mei, "你好").waitFor();
	await box(ming).fill("／");
	await ming.page.locator(".choices li").first().waitFor();
	await shot(ming, "commands");
	await ming.page.keyboard.press("Escape");
	equal(await box(ming).inputValue(), "／", "Esc takes the menu away and nothing else");
	await box(ming).fill("");
});

check("a photo, a file and a voice note", async () => {
	const png = await ming.page.evaluate(async () => {
		const c = new OffscreenCanvas(640, 480), x = c.getContext("2d");
		x.fillStyle = "#2a5da8"; x.fillRect(0, 0, 640, 480); x.fillStyle = "#f7c52d"; x.fillRect(200, 120, 240, 240);
		return [...new Uint8Array(await (await c.convertToBlob()).arrayBuffer())];
	});
	const files = ming.page.locator(".composer input[type=file]").first();
	await files.setInputFiles({ name: "山.png", mimeType: "image/png", buffer: Buffer.from(png) });
	const picture = mei.page.locator(".picture img").last();
	await picture.waitFor();
	await mei.page.waitForFunction(() => { const i = [...document.querySelectorAll(".picture img")].at(-1); return i?.complete && i.naturalWidth > 0; });
	await picture.click();
	await mei.page.locator(".viewer img").waitFor();
	await mei.page.keyboard.press("Escape");
	await files.setInputFiles({ name: "計畫.html", mimeType: "text/html", buffer: Buffer.from("<script>alert(1)</script>") });
	const [download] = await Promise.all([mei.page.waitForEvent("download"), mei.page.locator("a.file", { hasText: "計畫.html" }).click()]);
	equal(download.suggestedFilename(), "計畫.html", "name of what was saved");
	await ming.page.getByLabel("錄音").click();
	await ming.page.waitForFunction(() => document.querySelector(".recording time")?.textContent !== "0:00");
	await ming.page.getByLabel("傳送").click();
	await mei.page.locator(".bubble audio").waitFor();
	await shot(mei, "media");
});

check("a secure chat looks like no other", async () => {
	await panel(ming).click();
	await ming.page.getByRole("button", { name: "開始安全聊天" }).click();
	await ming.page.locator(".conversation.secure").waitFor();
	await say(ming, "只有我們看得到");
	await chat(mei, "阿明", true).click();
	await bubble(mei, "只有我們看得到").waitFor();
	await say(mei, "收到");
	await bubble(ming, "收到").waitFor();
	await accessible(ming.page);
	await shot(ming, "secure");
	await ming.page.waitForFunction(() => localStorage.getItem("omega.snapshot.1")?.includes("阿明"));
	is(!(await ming.page.evaluate(() => JSON.stringify(localStorage))).includes("收到"), "a text of a secure chat is kept in the browser");
	await ming.page.keyboard.press("Escape");
});

check("a group of three", async () => {
	await mei.page.getByRole("button", { name: "新聊天" }).click();
	await mei.page.getByLabel("連結或指紋").fill(carol.link);
	await mei.page.locator("dialog form button.primary").click();
	await say(mei, "哈囉 Carol");
	await carol.page.getByRole("tab", { name: /陌生訊息/ }).click();
	await chat(carol, "小美").click();
	await carol.page.getByRole("button", { name: "接受" }).click();
	await carol.page.getByRole("tab", { name: "全部" }).click();
	await mei.page.getByRole("button", { name: "新聊天" }).click();
	await mei.page.getByRole("tab", { name: "建立群組" }).click();
	await mei.page.getByLabel("群組名稱").fill("登山社");
	for (const name of ["阿明", "Carol"]) await mei.page.locator("dialog .people button", { hasText: name }).click();
	await mei.page.locator("dialog form button.primary").click();
	await mei.page.locator(".head h1", { hasText: "登山社" }).waitFor();
	for (const who of [ming, carol]) {
		await chat(who, "小美").click();
		await who.page.locator(".card button", { hasText: "接受" }).last().click();
		await chat(who, "登山社").click();
	}
	await panel(mei).click();
	await mei.page.getByText("3 位成員").waitFor();
	await say(mei, "週日合歡山，誰要去？");
	for (const who of [ming, carol]) await bubble(who, "合歡山").waitFor();
	await say(carol, "me!");
	await bubble(mei, "me!").waitFor();
	await shot(mei, "group");
});

check("what was written is found, and jumped to", async () => {
	await mei.page.getByPlaceholder("搜尋聊天與訊息").fill("老地方");
	await mei.page.locator(".hit", { hasText: "老地方" }).first().click();
	await mei.page.locator(".bubble-line.target", { hasText: "老地方" }).waitFor();
	await mei.page.getByPlaceholder("搜尋聊天與訊息").fill("");
});

check("hostile texts do nothing", async () => {
	await chat(ming, "小美").click();
	for (const text of ["<img src=x onerror=document.title=1><script>document.title=2</script>", "\u202Egpj.exe 這不是照片", "Z" + "\u0301".repeat(400), "好".repeat(20000)]) await say(ming, text);
	await say(ming, "到這裡");
	await chat(mei, "阿明").click();
	await bubble(mei, "到這裡").waitFor();
	equal(await mei.page.title(), "ω IM", "title");
	is(await mei.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page is wider than the screen");
	is(await mei.page.evaluate(() => [...document.querySelectorAll(".bubble")].every((b) => b.getBoundingClientRect().height < 12000)), "a bubble without an end");
});

check("a server dies under it, and nothing is lost", async () => {
	await ask("stop");
	await say(ming, "伺服器不見了也要到");
	await bubble(mei, "伺服器不見了也要到").waitFor();
	await ask("start");
	await say(mei, "到了");
	await bubble(ming, "到了").waitFor();
});

check("a page that is opened again shows what there was at once", async () => {
	await mei.page.reload();
	await chat(mei, "登山社").waitFor();
	await chat(mei, "阿明").click();
	await bubble(mei, "到了").waitFor();
});

check("phone, dark, large text, English", async () => {
	const { page } = ming;
	await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
	await accessible(page);
	await shot(ming, "dark");
	await page.setViewportSize({ width: 390, height: 800 });
	await accessible(page);
	is(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "wider than a phone");
	await shot(ming, "phone-chat");
	await page.getByRole("button", { name: "返回" }).click();
	await shot(ming, "phone-list");
	await page.getByRole("button", { name: "設定" }).click();
	await page.getByLabel("大字").check();
	await page.getByLabel("English").check();
	await page.getByRole("heading", { name: "Settings" }).waitFor();
	await accessible(page);
	await shot(ming, "phone-settings-en");
	is(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "wider than a phone in large letters");
});

check("nothing went wrong on the way", async () => equal(trouble, [], "trouble"));

for (const c of checks) if (!(await run(c))) break; // the others go on from it
await browser.close();
process.exit(0);
