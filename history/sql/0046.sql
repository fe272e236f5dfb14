-- When an account said how it calls itself, milliseconds since 1970 (spec/chat.md, CHAT-98);
-- 0: that is not known, and whatever is told counts before it.
ALTER TABLE peer ADD COLUMN named INTEGER NOT NULL DEFAULT 0;
