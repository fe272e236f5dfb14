-- Votes, and texts of a line, that a later one of the same place outdid: once a poll
-- or list is closed, the last one before that counts. (spec/chat.md, CHAT-83)
CREATE TABLE outdone (
  mark    INTEGER NOT NULL REFERENCES mark (number) ON DELETE CASCADE, -- what outdid it
  version INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  device  BLOB    NOT NULL,
  value   BLOB    NOT NULL,
  PRIMARY KEY (mark, version, time, device, value)
) STRICT, WITHOUT ROWID;
