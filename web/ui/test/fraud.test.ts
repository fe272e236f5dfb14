import { expect, it } from "vitest";
import { asksFor, givesAway } from "../src/state/fraud";

// As the police and LINE describe them.
const codes = ["可以幫我收一下簡訊，把驗證碼給我嗎？", "我手機壞了，等等你會收到認證碼，截圖傳給我", "請提供您的 OTP 給我，以便解除鎖定", "客服人員需要您的驗 證 碼，請告訴我", "認證號碼念給我聽一下", "Please send me the verification code you just got"];
const moneys = ["您好，您的帳戶異常，請到提款機解除分期", "可以先借我三千嗎？明天還", "加入投資群，老師帶你，穩賺不賠", "幫我買遊戲點數，拍照傳過來", "請匯款到監管帳戶", "恭喜中獎，先付包裹運費", "我在國外急用錢，先幫我匯款"];
const harmless = [
  "早安", "晚餐吃了沒", "明天幾點集合？", "我到了", "好的，沒問題", "哈哈哈", "生日快樂！", "會議改到下午三點", "記得帶傘", "這張照片好美", "週日合歡山，誰要去？", "車票多少錢", "一個人 350，到時候再收", "密碼我改了，晚點跟你說",
  "地址是台中市西區公益路 68 號", "電話 04-23289460", "我的號碼換成 0912345678", "明天 8:30 台中火車站", "報告第 3 章要重寫", "程式碼我推上去了", "錯誤碼 500", "條碼掃不到", "郵遞區號 403", "請問圖書館幾點開", "謝謝老師", "作業寫完了嗎", "爸說週末回來",
  "媽，我今天不回家吃飯", "那家店要排隊一小時", "颱風假！", "要不要團購蛋糕", "共乘的人填一下", "下雨就改室內", "我在第二月台", "幫我收一下包裹，謝謝", "幫我接小孩", "等我五分鐘", "他說他轉帳了", "房租記得轉帳", "午餐我先付，一人 120", "看一下行事曆",
  "系統會寄驗證碼到你的信箱", "驗證碼收到了嗎", "我收到驗證碼了，登入成功", "密碼錯三次會鎖", "The code review is done", "Can you send me the slides?", "See you at 7", "ok", "👍", "1234", "2026", "3 位成員", "版本 1.4.0 出了",
];

it("fraud is told from daily talk", () => {
  for (const x of codes) expect(asksFor(x, true), x).toBe("code");
  for (const x of codes) expect(asksFor(x, false), x).toBe("code"); // friends' accounts are stolen as well
  for (const x of moneys) expect(asksFor(x, true), x).toBe("money");
  for (const x of moneys) expect(asksFor(x, false), x).toBeUndefined();
  for (const x of harmless) expect(asksFor(x, false), x).toBeUndefined();
  // What friends say of money and codes is no stranger's first text.
  for (const x of harmless.filter((x) => !/轉帳/.test(x))) expect(asksFor(x, true), x).toBeUndefined();
});

it("what nobody should have is not sent unasked", () => {
  for (const x of ["驗證碼 483920", "認證碼是 1234", "your code: 483920"]) expect(givesAway(x), x).toBe("code");
  expect(givesAway("483920", "code")).toBe("code");
  expect(givesAway("483920")).toBeUndefined();
  for (const x of harmless) expect(givesAway(x), x).toBeUndefined();
  expect(givesAway("omega-link:ABC")).toBe("link");
});
