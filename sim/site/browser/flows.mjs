// What people do with the web face of their client. face_test.go starts this with a
// plan on standard input:
//
//	{"chromium": PATH, "shots": DIR or "", "people": [{"name", "url"}…], "second": URL, "third": URL, "fourth": URL, "mortal": NAME, "camera": PATH,
//	 "stranger": {"program", "home", "server", "env", "dir"}}
//
// mortal is the server that can be stopped; second a device that the first one of the people will have, third one of the stranger, fourth of a person to be; camera the film that every
// camera shows; a stranger has no browser. Each person has a program and a browser of their own; the checks go on from each
// other, as a day does.
import { accessible, ask, equal, is, run, tell } from "./harness.mjs";
import { agree, box, browser, bubble, carol, chat, confirmDialog, hugePicture, mei, menu, ming, panel, people, plan, said, say, shot, trouble, vanishes } from "./stage.mjs";
import { firstMinutes, secondDevice } from "./minutes.mjs";
import { everyday, hostileNames } from "./everyday.mjs";
import { fuller } from "./fuller.mjs";
import { rarer } from "./rarer.mjs";
import { ownName, succession } from "./selves.mjs";

const checks = [];
const check = (name, f) => checks.push([name, f]);

firstMinutes(check);

check("a first contact: a greeting, and who gets it decides", async () => {
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
	await ming.page.locator("dialog.sure", { hasText: "大家都看不到" }).waitFor();
	await bubble(mei, "打錯字").waitFor(); // nothing is taken back before that
	await agree(ming);
	await mei.page.locator(".bubble.gone", { hasText: "訊息已收回" }).waitFor();
	await vanishes(mei, "打錯字");
});

check("an input method composes, and nothing is sent before it is done", async () => {
	const cdp = await ming.context.newCDPSession(ming.page);
	const sent = await ming.page.locator(".bubble").count();
	await box(ming).focus();
	for (const text of ["ㄇ", "ㄇㄧ", "ㄇㄧㄠ"]) await cdp.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
	await cdp.send("Input.dispatchKeyEvent", { type: "rawKeyDown", windowsVirtualKeyCode: 229, key: "Process", code: "Enter" });
	equal(await box(ming).inputValue(), "ㄇㄧㄠ", "while composing");
	equal(await ming.page.locator(".bubble").count(), sent, "messages while composing");
	await cdp.send("Input.insertText", { text: "喵嗚" });
	equal(await box(ming).inputValue(), "喵嗚", "what was composed");
	// Safari ends a composition before its last key, which has only the code.
	await box(ming).evaluate((f) => f.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true, cancelable: true })));
	equal(await ming.page.locator(".bubble").count(), sent, "messages after a key of the input method");
	await box(ming).press("Enter");
	await bubble(mei, "喵嗚").waitFor();
	equal(await ming.page.locator(".bubble").count(), sent + 1, "messages after Enter");
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
	const sendFile = async (...list) => { await files.setInputFiles(list); await confirmDialog(ming); };
	await sendFile({ name: "山.png", mimeType: "image/png", buffer: Buffer.from(png) });
	const picture = mei.page.locator(".picture img").last();
	await picture.waitFor();
	await mei.page.waitForFunction(() => { const i = [...document.querySelectorAll(".picture img")].at(-1); return i?.complete && i.naturalWidth > 0; });
	await picture.click();
	await mei.page.locator(".viewer img").waitFor();
	await mei.page.keyboard.press("Escape");
	await sendFile({ name: "計畫.html", mimeType: "text/html", buffer: Buffer.from("<script>alert(1)</script>") });
	const [download] = await Promise.all([mei.page.waitForEvent("download"), mei.page.locator("a.file", { hasText: "計畫.html" }).click()]);
	equal(download.suggestedFilename(), "計畫.html", "name of what was saved");
	await ming.page.getByLabel("錄音").click();
	await ming.page.waitForFunction(() => document.querySelector(".recording time")?.textContent !== "0:00");
	await ming.page.getByRole("button", { name: "傳送", exact: true }).click();
	await mei.page.locator(".bubble .voice").waitFor();
	await sendFile(...[1, 2, 3].map((n) => ({ name: `相簿${n}.png`, mimeType: "image/png", buffer: Buffer.from(png) })));
	await mei.page.locator(".media.album .picture").nth(2).waitFor();
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
	await mei.page.locator("dialog .scan input[type=file]").setInputFiles({ name: "Carol.png", mimeType: "image/png", buffer: carol.code });
	await mei.page.waitForFunction(() => document.querySelector("dialog form input").value);
	await confirmDialog(mei);
	await say(mei, "哈囉 Carol");
	await carol.page.getByRole("tab", { name: /陌生訊息/ }).click();
	await chat(carol, "小美").click();
	await carol.page.getByRole("button", { name: "接受" }).click();
	await carol.page.getByRole("tab", { name: "全部" }).click();
	await mei.page.getByRole("button", { name: "新聊天" }).click();
	await mei.page.getByRole("tab", { name: "建立群組" }).click();
	await mei.page.getByLabel("群組名稱").fill("登山社");
	for (const name of ["阿明", "Carol"]) await mei.page.locator("dialog .people button", { hasText: name }).click();
	await confirmDialog(mei);
	await mei.page.locator(".head h1", { hasText: "登山社" }).waitFor();
	for (const who of [ming, carol]) {
		await chat(who, "小美").click();
		await who.page.locator(".card", { hasText: "登山社" }).getByRole("button", { name: "接受" }).click();
		await who.page.locator(".card").getByRole("button", { name: "開啟群組" }).click();
		await who.page.locator(".head h1", { hasText: "登山社" }).waitFor();
	}
	await panel(mei).click();
	await mei.page.locator(".head .there", { hasText: "3 位成員" }).waitFor();
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

check("a note to oneself, a folder, a text for later, several at once", async () => {
	await ming.page.getByRole("button", { name: "新聊天" }).click();
	await ming.page.getByRole("button", { name: "收藏訊息", exact: true }).click();
	await ming.page.locator(".head h1", { hasText: "收藏訊息" }).waitFor();
	await say(ming, "停車位 B2-117");
	await chat(ming, "收藏訊息").locator(".preview", { hasText: "停車位" }).waitFor();
	equal(await ming.page.locator(".ticks.failed").count(), 0, "notes that were not kept");
	await chat(ming, "登山社").click();
	await panel(ming).click();
	await ming.page.getByRole("button", { name: "資料夾" }).click();
	await ming.page.getByLabel("新資料夾").fill("週末");
	await ming.page.locator("dialog form button").last().click();
	await ming.page.locator("dialog .people").getByText("週末").waitFor();
	await ming.page.keyboard.press("Escape");
	await ming.page.getByRole("tab", { name: "週末" }).click();
	await chat(ming, "登山社").waitFor();
	equal(await ming.page.locator(".row").count(), 1, "chats in the folder");
	await ming.page.getByRole("tab", { name: "全部" }).click();
	await ming.page.keyboard.press("Escape");
	await box(ming).fill("明天見");
	await ming.page.getByRole("button", { name: "傳送", exact: true }).click({ button: "right" });
	await ming.page.getByRole("menuitem", { name: "預約傳送" }).click();
	await confirmDialog(ming);
	await ming.page.getByRole("button", { name: "附加" }).click();
	await ming.page.getByRole("menuitem", { name: "預約傳送" }).click();
	await ming.page.locator("dialog li", { hasText: "明天見" }).getByRole("button", { name: "取消" }).click();
	await ming.page.locator("dialog li", { hasText: "明天見" }).waitFor({ state: "detached" });
	await ming.page.keyboard.press("Escape");
	await ming.page.getByRole("button", { name: "附加" }).click();
	await ming.page.getByRole("menuitem", { name: "建立投票" }).click();
	await ming.page.getByLabel("問題").fill("吃什麼？");
	await ming.page.getByLabel("選項 1").fill("滷肉飯");
	await ming.page.getByLabel("選項 2").fill("牛肉麵");
	await confirmDialog(ming);
	await chat(carol, "登山社").click();
	await carol.page.locator(".option", { hasText: "牛肉麵" }).click();
	await ming.page.locator(".option", { hasText: "牛肉麵" }).locator(".n", { hasText: "1" }).waitFor();
	await bubble(ming, "吃什麼？").getByRole("button", { name: "1 人投票" }).click();
	await ming.page.locator("dialog", { hasText: "牛肉麵" }).locator(".people", { hasText: "Carol" }).waitFor();
	await ming.page.keyboard.press("Escape");
	await ming.page.locator("dialog").waitFor({ state: "detached" });
	await say(ming, "第一則");
	await say(ming, "第二則");
	await bubble(carol, "第二則").waitFor();
	await menu(ming, "第一則", "選取");
	await bubble(ming, "第二則").click();
	await ming.page.locator(".selected").getByText("已選 2 則").waitFor();
	await accessible(ming.page);
	const take = ming.page.locator(".selected").getByRole("button", { name: "收回" });
	await take.click();
	await accessible(ming.page);
	await ming.page.keyboard.press("Escape"); // no, and what was chosen stays
	await ming.page.locator("dialog.sure").waitFor({ state: "detached" });
	is(await take.evaluate((b) => b === document.activeElement), "the focus is not back where it was");
	await take.click();
	await agree(ming);
	await carol.page.locator(".bubble.gone").nth(1).waitFor();
	await vanishes(carol, "第二則");
});

everyday(check);

check("hostile texts do nothing", async () => {
	await chat(ming, "小美").click();
	await chat(mei, "阿明").click(); // who looks at the end goes on doing so
	for (const text of ["<img src=x onerror=document.title=1><script>document.title=2</script>", "\u202Egpj.exe 這不是照片", "Z" + "\u0301".repeat(400), "好".repeat(20000)]) await say(ming, text);
	await say(ming, "到這裡");
	await bubble(mei, "到這裡").waitFor();
	// A picture that is none, and one of a size that nobody has memory for.
	const files = ming.page.locator(".composer input[type=file]").first();
	for (const file of [{ name: "壞掉.png", mimeType: "image/png", buffer: Buffer.concat([Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"), Buffer.alloc(500, 7)]) }, { name: "很大.png", mimeType: "image/png", buffer: hugePicture(11_000) }]) {
		await ming.page.locator(".toasts:not(:has(.toast))").waitFor({ state: "attached" }); // none of what was before
		await files.setInputFiles([file]);
		await ming.page.locator("dialog form button.primary").click();
		await ming.page.locator(".toast").or(ming.page.locator("#app:not(:has(dialog))")).first().waitFor(); // refused, or sent
		if (await ming.page.locator("dialog").count()) await ming.page.keyboard.press("Escape");
	}
	await say(ming, "檔案之後");
	await bubble(mei, "檔案之後").waitFor();
	equal(await mei.page.title(), "ω IM", "title");
	is(await mei.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page is wider than the screen");
	is(await mei.page.evaluate(() => [...document.querySelectorAll(".bubble")].every((b) => b.getBoundingClientRect().height < 12000)), "a bubble without an end");
});

hostileNames(check);
fuller(check);
rarer(check);
ownName(check);
succession(check);

check("a server dies under it, and nothing is lost", async () => {
	const { name } = await ask("stop");
	equal(name, plan.mortal, "server that is stopped");
	await chat(ming, "小美").click();
	await chat(mei, "阿明").click();
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

secondDevice(check);

check("phone, dark, large text, English", async () => {
	const { page } = ming;
	if (await page.locator(".info").count()) await page.locator(".info header button").click();
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

for (const c of checks) if (!(await run(c))) { // the others go on from it
	tell(`trouble: ${JSON.stringify(trouble)}; said: ${JSON.stringify(said)}`);
	for (const [i, who] of people.entries()) await shot(who, `failed-${i + 1}`);
	break;
}
await browser.close();
process.exit(0);
