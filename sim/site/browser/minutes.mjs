// A new person's first minutes, and their second device.
import { statSync } from "node:fs";
import { accessible, equal, is } from "./harness.mjs";
import { box, bubble, camera, carol, chat, enter, escape, lineMenu, mei, ming, openDialog, people, pictureOf, plan, say, shot } from "./stage.mjs";

const passphrase = "黃山雀只住在台灣，牠一年四季都在"; // of a backup

/** The form in which an account begins: a name, no passphrase, the nearest server or the one that is named. */
async function begin(who, server) {
	const { page } = who;
	await page.getByLabel("你的名字").fill(who.name);
	await page.getByLabel("不設密碼").check();
	await page.locator(".server .took").first().waitFor();
	const took = (await page.locator(".server .took").allInnerTexts()).map((x) => parseInt(x));
	is(took.length >= 2, "servers to choose from");
	equal(took, [...took].sort((a, b) => a - b), "how near the servers are, in order");
	is(await page.locator(".server:has(.took) input").first().isChecked(), "the nearest server is not the one that is offered");
	if (server) await page.locator(".server", { hasText: server }).getByRole("radio").check();
}

export function firstMinutes(check) {
	check("a new person makes an account without reading anything", async () => {
		await mei.page.goto(mei.url);
		await mei.page.getByRole("button", { name: "建立新帳號" }).click();
		await begin(mei);
		await mei.page.locator("form button.primary").click();
		await mei.page.getByRole("button", { name: "晚一點" }).click();
		mei.code = await pictureOf(mei.page.locator(".mylink img.qr"));
		await mei.page.getByRole("button", { name: "先逛逛" }).click();
	});

	check("a person who has a key of GnuPG goes on with it", async () => {
		await carol.page.goto(carol.url);
		await carol.page.getByRole("button", { name: "使用我的 GnuPG 金鑰" }).click();
		await carol.page.locator(".server", { hasText: "carol@example.org" }).getByRole("radio").check();
		await begin(carol);
		await shot(carol, "adopt");
		await carol.page.locator("form button.primary").click();
		await carol.page.getByRole("button", { name: "晚一點" }).click();
		is((await carol.page.locator(".mylink code").innerText()).includes(plan.key), "the account is not the key that was adopted");
		carol.code = await pictureOf(carol.page.locator(".mylink img.qr"));
		await carol.page.getByRole("button", { name: "先逛逛" }).click();
	});

	check("account, backup, and a first contact by camera", async () => {
		const { page } = ming;
		await page.goto(ming.url);
		await page.getByRole("button", { name: "建立新帳號" }).click();
		await begin(ming, plan.mortal); // it is stopped below
		await accessible(page);
		await shot(ming, "setup");
		await page.locator("form button.primary").click();
		await page.getByLabel("備份的密碼").fill(passphrase);
		is(await page.getByRole("button", { name: "下載備份" }).isDisabled(), "a backup whose password was typed once");
		await page.getByLabel("再輸入一次").fill(passphrase);
		const [backup] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "下載備份" }).click()]);
		is(statSync(await backup.path()).size > 1000, "the backup is empty");
		await page.locator(".backup input[type=file]").setInputFiles(await backup.path());
		await page.getByText("讀得到：阿明").waitFor();
		await page.getByRole("button", { name: "下一步" }).click();
		await camera(mei.code);
		await page.getByRole("button", { name: "掃描行動條碼" }).click();
		await page.waitForFunction(() => /^omega:contact\//i.test(document.querySelector("form input[type=text]").value));
		is(await page.locator("video").count() === 0, "the camera is still on");
		await accessible(page);
		await shot(ming, "scanned");
		await page.locator("form button.primary").click();
		await box(ming).waitFor();
		is(!(await page.evaluate(() => location.href)).includes("#"), "the token is still in the address");
	});

	check("what is no code, and who has no camera", async () => {
		const { page } = carol;
		await openDialog(carol, "新聊天");
		const files = page.locator("dialog .scan input[type=file]");
		await files.setInputFiles({ name: "山.png", mimeType: "image/png", buffer: await pictureOf(page.locator("dialog header")) });
		await page.locator(".toast", { hasText: "沒有讀得到的行動條碼" }).waitFor();
		is(await page.evaluate(() => document.querySelector(".toasts").matches(":popover-open")), "what is told lies under the dialog");
		await files.setInputFiles({ name: "壞.png", mimeType: "image/png", buffer: Buffer.from("89504e470d0a1a0a", "hex") });
		await page.locator(".toast", { hasText: "沒有讀得到的行動條碼" }).nth(1).waitFor();
		await page.evaluate(() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError")); });
		await page.getByRole("button", { name: "掃描行動條碼" }).click();
		await page.locator(".toast", { hasText: "不讓這一頁使用攝影機" }).waitFor();
		// A code of something else, and then one that is pasted.
		const paste = (png) => page.locator("dialog form").evaluate((form, base64) => {
			const all = new DataTransfer();
			all.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "a.png", { type: "image/png" }));
			form.dispatchEvent(new ClipboardEvent("paste", { clipboardData: all, bubbles: true, cancelable: true }));
		}, png.toString("base64"));
		await paste(await foreign(carol));
		await page.locator(".toast", { hasText: "不是這裡要的" }).waitFor();
		await paste(mei.code);
		await page.waitForFunction(() => /^omega:contact\//i.test(document.querySelector("dialog form input").value));
		await shot(carol, "scan-dialog");
		await escape(carol);
	});
}

/** A picture of a code that leads somewhere else. */
async function foreign(who) {
	const base64 = await who.page.evaluate(async () => {
		const svg = await (await fetch("/qr.svg?text=" + encodeURIComponent("https://omega.example/"), { headers: { "X-Omega-Key": localStorage.getItem("omega.key") } })).text();
		const img = new Image();
		img.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
		await img.decode();
		const c = new OffscreenCanvas(300, 300), pen = c.getContext("2d");
		pen.fillStyle = "#fff";
		pen.fillRect(0, 0, 300, 300);
		pen.drawImage(img, 0, 0, 300, 300);
		const bytes = new Uint8Array(await (await c.convertToBlob()).arrayBuffer());
		return btoa(String.fromCharCode(...bytes));
	});
	return Buffer.from(base64, "base64");
}

export function secondDevice(check) {
	check("a second device, by the code that it shows", async () => {
		const phone = await enter({ name: "手機", url: plan.second });
		people.push(phone);
		await phone.page.setViewportSize({ width: 390, height: 844 });
		await phone.page.goto(plan.second);
		await phone.page.getByRole("button", { name: "連結到我的另一部裝置" }).click();
		await phone.page.locator(".server .took").first().waitFor();
		await phone.page.getByLabel("不設密碼").check();
		await phone.page.getByRole("button", { name: "下一步" }).click();
		await phone.page.getByText("等另一部裝置核准").waitFor();
		await phone.page.waitForFunction(() => [...document.images].every((i) => i.complete && i.naturalWidth > 0));
		await shot(phone, "link");
		await camera(await pictureOf(phone.page.locator("img.qr")));
		const { page } = ming;
		await openDialog(ming, "設定");
		await page.locator("dialog").getByRole("button", { name: "加入裝置" }).click();
		await page.locator("dialog .scan").getByRole("button", { name: "掃描行動條碼" }).click();
		await page.waitForFunction(() => document.querySelector("dialog textarea").value.startsWith("omega-link:"));
		await page.locator("dialog form").getByRole("button", { name: "加入裝置" }).click();
		await page.locator("dialog").getByText("請到新裝置確認").waitFor();
		await phone.page.getByText("這是你的帳號嗎").waitFor();
		await accessible(phone.page);
		await phone.page.getByRole("button", { name: "是我的帳號" }).click();
		await page.locator("dialog .people .line").nth(1).waitFor();
		await escape(ming);
		// What was written before is there, and what is written there is here.
		await chat(phone, "小美").click();
		await bubble(phone, "到了").waitFor();
		await say(phone, "從手機說的");
		await chat(ming, "小美").click();
		await bubble(ming, "從手機說的").waitFor();
		await chat(mei, "阿明").click();
		await bubble(mei, "從手機說的").waitFor();
		await shot(phone, "second-device");
		equal(await phone.page.evaluate(() => [...document.querySelectorAll(".picture")].filter((x) => x.getBoundingClientRect().right > x.closest(".bubble").getBoundingClientRect().right).length), 0, "pictures that stick out of their bubbles");
		// One device asks the other for what it has, and is given it by the person there.
		await phone.page.locator(".head .back").click();
		await openDialog(phone, "設定");
		await lineMenu(phone, phone.page.locator("dialog .devices li").filter({ hasNotText: "這部裝置" }).first(), "向它要訊息紀錄");
		const taking = phone.page.locator("dialog p", { hasText: "取得紀錄" });
		await taking.waitFor();
		await openDialog(ming, "設定");
		await page.locator("dialog").getByRole("button", { name: "給它", exact: true }).click();
		await taking.waitFor({ state: "detached" });
		await escape(ming);
		people.splice(people.indexOf(phone), 1);
		await phone.context.close();
	});
}
