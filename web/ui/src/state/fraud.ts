// Signs of fraud in texts, as they are common in Taiwan: asking for a verification code,
// by which accounts are stolen; asking a stranger for money. They warn and hinder nothing.

export type Fraud = "code" | "money";

// 認證碼 may be written apart, or in full width.
const squeeze = (s: string) => s.normalize("NFKC").toLowerCase().replace(/[\s\p{P}\u200b]/gu, "");

const code = /(?:驗證|認證|簡訊|安全|確認|驗証|认证|验证)碼|(?:驗證|認證)號碼|otp|(?:verification|security|login|sms)code/;
const wanted = /給我|告訴我|傳給|發給|傳來|念給|截圖|回傳|提供|跟我說|報給|代收|幫(?:我|忙)(?:收|接|看)|sendme|giveme|tellme|forward/;
const money = [
  /匯款|轉帳|轉賬|匯給|入金|出金|代墊|借(?:我|點|個)?[\d一二三四五六七八九十兩幾]+(?:千|萬|元|塊)|借(?:點|些|我)?錢|急用錢|周轉/,
  /點數卡|遊戲點數|禮物卡|giftcard|儲值卡|mycard|gash|比特幣|usdt|虛擬貨幣|加密貨幣/,
  /解除分期|重複扣款|提款機|atm操作|網銀|帳戶(?:異常|凍結|警示)|監管帳戶|保證金|洗錢|檢察官|偵查不公開/,
  /飆股|穩賺|保證獲利|投資群|老師帶|內線|高報酬|日賺|兼職.*(?:日領|日薪)|中獎|領獎|包裹.*(?:費|付)/,
];

/** What a text that came in asks for. Money is asked for by friends as well: only of a stranger it is a sign. */
export function asksFor(text: string, stranger: boolean): Fraud | undefined {
  const s = squeeze(text.slice(0, 2000));
  if (code.test(s) && wanted.test(s)) return "code";
  if (stranger && money.some((m) => m.test(s))) return "money";
  return undefined;
}

/** Whether a text that is about to be sent gives away what nobody should have. */
export function givesAway(text: string, asked?: Fraud): "code" | "link" | undefined {
  if (/omega-link:/i.test(text)) return "link";
  const s = squeeze(text);
  if (/(?:驗證|認證|簡訊|安全|確認)碼\D{0,6}\d{4,8}(?!\d)/.test(s) || /(?:otp|code)\D{0,6}\d{4,8}(?!\d)/.test(s)) return "code";
  if (asked === "code" && /(?<!\d)\d{4,8}(?!\d)/.test(s)) return "code";
  return undefined;
}
