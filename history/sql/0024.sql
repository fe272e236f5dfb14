-- Secure chats of groups (spec/secure.md, SEC-21 and following). Their rows of chat
-- have kind 5.
ALTER TABLE secure_chat ADD COLUMN grp BLOB NOT NULL DEFAULT x'';     -- 32 octets; empty: of two accounts
ALTER TABLE secure_waiting ADD COLUMN room BLOB NOT NULL DEFAULT x''; -- chat of a group whose operations it waits for; empty: for none

CREATE INDEX secure_waiting_room ON secure_waiting (room, kind) WHERE room <> x'';

-- Wraps that this device sent as the opener of an epoch, by account; empty: its own.
CREATE TABLE secure_wrap (
  epoch   BLOB NOT NULL,
  account BLOB NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (epoch, account)
) STRICT, WITHOUT ROWID;

INSERT INTO secure_wrap SELECT e.name, s.peer, e.theirs FROM secure_epoch e JOIN secure_chat s ON s.chat = e.chat WHERE e.theirs <> x'';
INSERT INTO secure_wrap SELECT name, x'', ours FROM secure_epoch WHERE ours <> x'';
ALTER TABLE secure_epoch DROP COLUMN theirs;
ALTER TABLE secure_epoch DROP COLUMN ours;
