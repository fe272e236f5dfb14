-- Secure chats (spec/secure.md). Keys in these tables are overwritten when they are
-- deleted or replaced, and are in no backup. Their rows of chat have kind 4.
CREATE TABLE secure_chat (
  chat    BLOB    NOT NULL PRIMARY KEY,     -- 16 octets
  peer    BLOB    NOT NULL,
  opened  INTEGER NOT NULL DEFAULT 0,       -- when this device opened an epoch last; 0: never
  ahead   BLOB    NOT NULL DEFAULT x'',     -- counts of epochs that have not come: secure.MarshalTold
  classic INTEGER NOT NULL DEFAULT 0,       -- 1: the user agreed to wraps that are not safe against a quantum computer
  asked   INTEGER NOT NULL DEFAULT 0,       -- when a device was found to have no key; 0: all had one
  ended   INTEGER NOT NULL DEFAULT 0        -- when this account or the other one ended it; 0: it goes on
) STRICT, WITHOUT ROWID;

CREATE TABLE secure_epoch (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  name    BLOB    NOT NULL UNIQUE,          -- 32 octets
  chat    BLOB    NOT NULL,
  locator BLOB    NOT NULL,                 -- 8 octets
  expires INTEGER NOT NULL,
  gone    INTEGER NOT NULL DEFAULT 0,       -- 1: destroyed; state is its record
  shut    INTEGER NOT NULL DEFAULT 0,       -- 1: this device does not send in it any more
  state   BLOB    NOT NULL,                 -- Epoch.Marshal; of a destroyed one Record.Marshal
  record  BLOB    NOT NULL DEFAULT x'',     -- payloads that this device sent as its opener: record,
  theirs  BLOB    NOT NULL DEFAULT x'',     -- wraps for the other account,
  ours    BLOB    NOT NULL DEFAULT x''      -- and for this one
) STRICT;

CREATE INDEX secure_epoch_chat ON secure_epoch (chat, number);
CREATE INDEX secure_epoch_locator ON secure_epoch (locator);

-- Prekeys that devices told in a chat, for its next epoch: public.
CREATE TABLE secure_told (
  chat   BLOB    NOT NULL,
  device BLOB    NOT NULL,
  made   INTEGER NOT NULL,
  prekey BLOB    NOT NULL,
  used   INTEGER NOT NULL DEFAULT 0,        -- 1: this device wrapped for it
  PRIMARY KEY (chat, device)
) STRICT, WITHOUT ROWID;

-- Payloads that wait: wraps for their record, records for their wrap, messages for
-- their epoch.
CREATE TABLE secure_waiting (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  kind     INTEGER NOT NULL,                -- first octet of the payload
  locator  BLOB    NOT NULL,                -- of wraps and records; empty: of a message
  account  BLOB    NOT NULL,                -- that sent it, as the server said
  id       BLOB    NOT NULL,
  digest   BLOB    NOT NULL,                -- first 16 octets of the payload's SHA-256
  payload  BLOB    NOT NULL,
  received INTEGER NOT NULL DEFAULT 0,
  lost     INTEGER NOT NULL DEFAULT 0,      -- 1: wraps of which none opens
  UNIQUE (id, digest)
) STRICT;

CREATE INDEX secure_waiting_locator ON secure_waiting (locator, kind) WHERE locator <> x'';
CREATE INDEX secure_waiting_account ON secure_waiting (account, kind, position);

-- Messages that were opened: first 16 octets of their payloads' SHA-256. They come again
-- from other homes.
CREATE TABLE secure_seen (
  digest   BLOB    NOT NULL PRIMARY KEY,
  received INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX secure_seen_received ON secure_seen (received);

-- Own prekeys that were told in a chat.
ALTER TABLE prekey ADD COLUMN chat BLOB NOT NULL DEFAULT x'';  -- it opens wraps of this chat only; empty: of any
ALTER TABLE prekey ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- when it opened one; 0: it has not

CREATE INDEX prekey_used ON prekey (used) WHERE used > 0;
