-- What operations make of messages. The text that was signed stays as it is;
-- what took its place stands beside it.
ALTER TABLE message ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;      -- 1: its author took it back; 2: deleted for this account only
ALTER TABLE message ADD COLUMN edited BLOB NOT NULL DEFAULT x'';     -- encoded content that is shown in its place; empty: none
ALTER TABLE message ADD COLUMN edit_time INTEGER NOT NULL DEFAULT 0; -- of that
ALTER TABLE message ADD COLUMN marks INTEGER NOT NULL DEFAULT 0;     -- 1: somebody reacted; 2: it is pinned; 4: there are votes or lines, or it is closed
ALTER TABLE message ADD COLUMN about BLOB NOT NULL DEFAULT x'';      -- of an edit: link of the message that it changes

ALTER TABLE message ADD COLUMN read INTEGER NOT NULL DEFAULT 0;      -- by others: this account read it on another device
ALTER TABLE message ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;   -- when it is to be erased; 0: never

CREATE INDEX message_expires ON message (expires) WHERE expires > 0;
CREATE INDEX message_about ON message (chat, about) WHERE about <> x'';

-- shown is 2 for operations: readers are told of them, and pages leave them out.
DROP INDEX message_unprinted;
CREATE INDEX message_unprinted ON message (position) WHERE printed = 0 AND own = 0 AND shown > 0;

-- One place for what is said of a message: chat.Mark.
CREATE TABLE mark (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  chat    INTEGER NOT NULL REFERENCES chat (number),
  target  BLOB    NOT NULL,              -- link of the message
  kind    INTEGER NOT NULL,              -- chat.MarkKind
  account BLOB    NOT NULL DEFAULT x'',  -- whose place it is; empty: everybody's
  slot    BLOB    NOT NULL DEFAULT x'',  -- which line of a list; 8 octets
  author  BLOB    NOT NULL DEFAULT x'',  -- who said it
  version INTEGER NOT NULL DEFAULT 0,    -- these three are the stamp
  time    INTEGER NOT NULL DEFAULT 0,
  device  BLOB    NOT NULL DEFAULT x'',
  value   BLOB    NOT NULL DEFAULT x'',
  waiting INTEGER NOT NULL DEFAULT 0,    -- 1: the message is not here
  UNIQUE (chat, target, kind, account, slot)
) STRICT;

CREATE INDEX mark_waiting ON mark (chat, author, number) WHERE waiting = 1;
CREATE INDEX mark_pinned ON mark (chat, time) WHERE kind = 4 AND value <> x'';

-- Messages to be sealed that are more than their text.
ALTER TABLE unsealed ADD COLUMN content BLOB NOT NULL DEFAULT x''; -- encoded; empty: only text
ALTER TABLE unsealed ADD COLUMN due INTEGER NOT NULL DEFAULT 0;    -- not to be sent before this; 0: at once

CREATE INDEX unsealed_due ON unsealed (due);

-- What the devices of the account agree on: chat.Setting.
CREATE TABLE register (
  name    TEXT    NOT NULL,
  subject BLOB    NOT NULL,
  value   BLOB    NOT NULL DEFAULT x'',
  version INTEGER NOT NULL DEFAULT 0,
  time    INTEGER NOT NULL DEFAULT 0,
  device  BLOB    NOT NULL DEFAULT x'',
  PRIMARY KEY (name, subject)
) STRICT, WITHOUT ROWID;
