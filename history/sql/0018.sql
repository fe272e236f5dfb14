-- Lines that nobody said: what this program noted in a chat. They prove nothing
-- by themselves, are sent to nobody and answered by nothing; printed says that a
-- person has seen them.
ALTER TABLE message ADD COLUMN service INTEGER NOT NULL DEFAULT 0;

CREATE INDEX message_service ON message (position) WHERE service = 1 AND printed = 0;
