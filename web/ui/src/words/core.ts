// What the core says to all faces, and how the pages say it, which know where on the screen
// a person finds it.
export const said: Record<string, [zh: string, en: string]> = {
  "next.picture": ["要原封不動傳送，請勾選「當成檔案傳送，不縮小」與「保留拍攝地點與時間」", "To send it as it is, tick “Send as files, as they are” and “Keep where and when it was taken”"],
  "next.notverified": ["不要繼續：對方可能不是你想的那個人，或有人冒充。請兩邊打開「資訊」，再看一次安全碼", "Stop here: that may not be who you think, or somebody is pretending. Look at the safety number again on both sides"],
  "next.homes": ["到設定的「伺服器與空間」看有哪些伺服器", "“Servers and room” in the settings lists the servers"],
  "next.quota": ["收回不要的檔案，或到設定換伺服器", "take back files you do not need, or choose other servers in the settings"],
  "next.unban": ["先在成員名單解除封鎖", "unban them in the list of members first"],
  "next.unblock": ["先在「資訊」解除封鎖", "unblock them in “Info” first"],
  "next.verify": ["先在「資訊」當面比對安全碼", "compare the safety number in “Info” first"],
  "next.compare": ["在「資訊」比對安全碼，或掃描對方的行動條碼", "compare the safety number in “Info”, or scan the other side's code"],
  "next.lastowner": ["先在成員名單把別人設為擁有者，或解散群組", "make somebody else an owner in the list of members first, or dissolve the group"],
  "next.endgroup": ["在「資訊」離開群組，或由擁有者解散", "leave the group in “Info”, or have an owner dissolve it"],
  "next.otherdevice": ["請在另一部持有主金鑰的裝置上做", "do it on the device that has the primary key"],
  "next.younger": ["請在比較早加入的那部裝置上做", "do it on a device that was added earlier"],
  "next.hasaccount": ["請選「連結到我的另一部裝置」", "choose “Link to my other device”"],
  "next.fingerprint": ["請用對方的連結，或 40 位的指紋", "use the other side's link, or its fingerprint of 40 digits"],
  "next.othersfpr": ["請用對方的連結或指紋，不是你自己的", "use the other side's link or fingerprint, not your own"],
  "next.contacts": ["請從聯絡人裡選，或用指紋", "choose a contact, or use a fingerprint"],
  "next.securestart": ["在「資訊」開始安全聊天", "begin a secure chat in “Info”"],
  "next.grouprequests": ["在「資訊」看誰申請了", "“Info” lists who asked"],
};
