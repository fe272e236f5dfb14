-- The first schema. Fingerprints are in wire form, ids are blobs of 16 octets,
-- times are milliseconds since 1970. A column never changes its meaning: what
-- has to mean something else gets a new column in a later file.

-- Small facts by name: location record, tickets, counters.
CREATE TABLE setting (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL DEFAULT x''
) STRICT, WITHOUT ROWID;

-- Accounts whose certificate or name is known.
CREATE TABLE peer (
  number      INTEGER PRIMARY KEY,
  fingerprint BLOB    NOT NULL UNIQUE,
  name        TEXT    NOT NULL DEFAULT '',
  certificate BLOB    NOT NULL DEFAULT x'', -- canonical
  record      BLOB    NOT NULL DEFAULT x'', -- newest location record
  sequence    INTEGER NOT NULL DEFAULT 0,   -- of the record: u64, same bits
  checked     INTEGER NOT NULL DEFAULT 0    -- when the cloud was last asked
) STRICT;

CREATE TABLE chat (
  number INTEGER PRIMARY KEY,
  id     BLOB    NOT NULL UNIQUE,
  kind   INTEGER NOT NULL DEFAULT 1,   -- 1 direct
  peer   BLOB    NOT NULL DEFAULT x'', -- the other account of a direct chat
  title  TEXT    NOT NULL DEFAULT '',  -- empty: the peer's name
  last   INTEGER NOT NULL DEFAULT 0,   -- position of the newest shown message; 0 none
  unread INTEGER NOT NULL DEFAULT 0    -- shown messages of others that were not printed
) STRICT;

CREATE INDEX chat_last ON chat (last);

-- Messages of every kind, in the order in which this device learnt of them.
CREATE TABLE message (
  position  INTEGER PRIMARY KEY AUTOINCREMENT,
  chat      INTEGER NOT NULL REFERENCES chat (number),
  id        BLOB    NOT NULL,              -- of the envelope
  link      BLOB    NOT NULL,              -- 16 octets: what the next message names this one by
  account   BLOB    NOT NULL DEFAULT x'',  -- sender
  device    BLOB    NOT NULL DEFAULT x'',
  epoch     INTEGER NOT NULL DEFAULT 0,
  sequence  INTEGER NOT NULL DEFAULT 0,
  time      INTEGER NOT NULL DEFAULT 0,    -- by the sender's clock
  received  INTEGER NOT NULL DEFAULT 0,    -- by the home's clock; 0 unknown
  kind      TEXT    NOT NULL DEFAULT 'text',
  text      TEXT    NOT NULL DEFAULT '',
  content   BLOB    NOT NULL DEFAULT x'',  -- encoded; empty if there is nothing but text
  head      BLOB    NOT NULL DEFAULT x'',  -- transcript before the text
  signature BLOB    NOT NULL DEFAULT x'',  -- 64 octets
  verified  INTEGER NOT NULL DEFAULT 0,
  problem   TEXT    NOT NULL DEFAULT '',
  differs   INTEGER NOT NULL DEFAULT 0,    -- written for another list of devices than this one knew
  shown     INTEGER NOT NULL DEFAULT 1,    -- 0: between clients only
  own       INTEGER NOT NULL DEFAULT 0,    -- by this account
  state     INTEGER NOT NULL DEFAULT 0,    -- own: 1 failed, 2 queued, 3 stored, 4 delivered, 5 read; others: 0
  why       TEXT    NOT NULL DEFAULT '',   -- code of the last failure
  printed   INTEGER NOT NULL DEFAULT 0     -- confirmed by a reader on this home
) STRICT;

CREATE UNIQUE INDEX message_link ON message (chat, link);
CREATE INDEX message_id ON message (id);
CREATE INDEX message_sequence ON message (chat, sequence);
CREATE INDEX message_page ON message (chat, position) WHERE shown = 1;
CREATE INDEX message_state ON message (chat, state, sequence) WHERE own = 1;
CREATE INDEX message_unprinted ON message (position) WHERE printed = 0 AND own = 0 AND shown = 1;

-- Words of the shown texts by position: folded, CJK as pairs of characters.
CREATE VIRTUAL TABLE word USING fts5 (
  body, tokenize = "unicode61 categories 'L* N* Co So Sk Sc Sm'", content = '', contentless_delete = 1
);

-- What this device sends with, per chat: chat.SenderState.
CREATE TABLE sender (
  chat  BLOB NOT NULL PRIMARY KEY,
  state BLOB NOT NULL DEFAULT x''
) STRICT, WITHOUT ROWID;

-- Sending keys of others and of this device: chat.Key.
CREATE TABLE sending_key (
  locator    BLOB NOT NULL,
  device     BLOB NOT NULL,
  commitment BLOB NOT NULL,
  chat       BLOB NOT NULL DEFAULT x'',
  state      BLOB NOT NULL DEFAULT x'',
  PRIMARY KEY (locator, device, commitment)
) STRICT, WITHOUT ROWID;

-- One device in one chat, and what is known of its messages: chat.Track.
CREATE TABLE lane (
  number  INTEGER PRIMARY KEY,
  chat    BLOB    NOT NULL,
  device  BLOB    NOT NULL,
  track   BLOB    NOT NULL DEFAULT x'',
  missing INTEGER NOT NULL DEFAULT 0, -- number of gaps
  UNIQUE (chat, device)
) STRICT;

CREATE INDEX lane_missing ON lane (number) WHERE missing > 0;

-- Every message that counted, for ever: chat.Sighting.
CREATE TABLE seen (
  lane      INTEGER NOT NULL REFERENCES lane (number),
  sequence  INTEGER NOT NULL,
  link      BLOB    NOT NULL DEFAULT x'',
  previous  BLOB    NOT NULL DEFAULT x'',
  time      INTEGER NOT NULL DEFAULT 0,
  signature BLOB    NOT NULL DEFAULT x'', -- first 16 octets
  PRIMARY KEY (lane, sequence)
) STRICT, WITHOUT ROWID;

-- Envelopes on their way out, in order.
CREATE TABLE outgoing (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  message  BLOB    NOT NULL DEFAULT x'', -- id of the message whose state it moves; empty: none
  envelope BLOB    NOT NULL DEFAULT x'',
  attempts INTEGER NOT NULL DEFAULT 0,
  next     INTEGER NOT NULL DEFAULT 0,
  why      TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX outgoing_next ON outgoing (next, position);

-- Messages that wait for the peer's certificate before they can be sealed.
CREATE TABLE unsealed (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id       BLOB    NOT NULL UNIQUE,
  peer     BLOB    NOT NULL DEFAULT x'',
  text     TEXT    NOT NULL DEFAULT '',
  time     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- How far each home was read.
CREATE TABLE cursor (
  home        BLOB    NOT NULL PRIMARY KEY,
  incarnation BLOB    NOT NULL DEFAULT x'', -- 8 octets
  sequence    INTEGER NOT NULL DEFAULT 0    -- u64, same bits
) STRICT, WITHOUT ROWID;

-- Envelopes that wait for a sending key.
CREATE TABLE parked (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id       BLOB    NOT NULL,
  digest   BLOB    NOT NULL,              -- first 16 octets of the payload's SHA-256
  locator  BLOB    NOT NULL,
  sequence INTEGER NOT NULL DEFAULT 0,
  sender   BLOB    NOT NULL DEFAULT x'',  -- as the server said
  payload  BLOB    NOT NULL DEFAULT x'',
  size     INTEGER NOT NULL DEFAULT 0,    -- of payload
  received INTEGER NOT NULL DEFAULT 0,
  UNIQUE (id, digest)
) STRICT;

CREATE INDEX parked_locator ON parked (locator, position);

-- How much is parked, kept by the triggers: counting it each time would make
-- parking slow just when somebody sends a flood.
CREATE TABLE parked_total (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  count INTEGER NOT NULL DEFAULT 0,
  size  INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO parked_total (one) VALUES (1);

CREATE TRIGGER parked_insert AFTER INSERT ON parked BEGIN
  UPDATE parked_total SET count = count + 1, size = size + new.size;
END;

CREATE TRIGGER parked_delete AFTER DELETE ON parked BEGIN
  UPDATE parked_total SET count = count - 1, size = size - old.size;
END;
