-- Messages that call this account, by what was known when they came.
ALTER TABLE message ADD COLUMN mentioned INTEGER NOT NULL DEFAULT 0;

CREATE INDEX message_mention ON message (chat, position) WHERE mentioned = 1 AND printed = 0 AND read = 0;
