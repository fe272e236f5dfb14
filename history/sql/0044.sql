-- Where messages stand in their chat (spec/chat.md, CHAT-96): milliseconds since 1970,
-- messages of one place by position. Those that were here before stay in the order in
-- which they were seen; none stands in a time that has not come, by which later ones would
-- stand before it.
ALTER TABLE message ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN follows BLOB NOT NULL DEFAULT x''; -- link of the message that it answers

UPDATE message SET place = min(p.place, 1000 * unixepoch()) FROM (
  SELECT position, max(iif(received > 0, min(time, received), time)) OVER (PARTITION BY chat ORDER BY position) AS place FROM message
) AS p WHERE p.position = message.position;

CREATE INDEX message_place ON message (chat, place, position) WHERE shown = 1;
CREATE INDEX message_follows ON message (chat, follows) WHERE follows <> x'';
