-- What mail about groups asks of this account, and was not done yet: requests for
-- operations, requests to join, and accepts that were told to this device.
CREATE TABLE group_chore (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  account BLOB    NOT NULL,               -- whose message it was
  device  BLOB    NOT NULL,
  time    INTEGER NOT NULL DEFAULT 0,     -- by the sender's clock
  content BLOB    NOT NULL,
  tries   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX group_chore_account ON group_chore (account);

-- What others were asked for, how often, and when they are asked again: so a program
-- that runs for a moment goes on where the last one ended.
CREATE TABLE pursuit (
  key   TEXT    NOT NULL PRIMARY KEY,
  times INTEGER NOT NULL DEFAULT 0,
  next  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- By whose link this account asked to join, and who said no, when.
ALTER TABLE known_group ADD COLUMN maker BLOB NOT NULL DEFAULT x'';
ALTER TABLE known_group ADD COLUMN refuser BLOB NOT NULL DEFAULT x'';
ALTER TABLE known_group ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_request ADD COLUMN ticket BLOB NOT NULL DEFAULT x'';
