-- Contacts (spec/chat.md, CHAT-46) are settings of the account. Whom it wrote to
-- before there were any is one.
INSERT OR IGNORE INTO register (name, subject, value, version, time, device)
SELECT 'contact', c.peer, x'01', 1, 0, m.device FROM chat c JOIN message m ON m.position =
  (SELECT min(position) FROM message WHERE chat = c.number AND own = 1 AND shown = 1 AND account <> c.peer)
WHERE c.kind = 1 AND length(c.peer) > 0 AND length(m.device) > 0;
