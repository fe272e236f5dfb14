-- What the files in sql make, one after the other. Written by TestNewest -renew.
CREATE TABLE setting (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL DEFAULT x''
) STRICT, WITHOUT ROWID;
CREATE TABLE peer (
  number      INTEGER PRIMARY KEY,
  fingerprint BLOB    NOT NULL UNIQUE,
  name        TEXT    NOT NULL DEFAULT '',
  certificate BLOB    NOT NULL DEFAULT x'', -- canonical
  record      BLOB    NOT NULL DEFAULT x'', -- newest location record
  sequence    INTEGER NOT NULL DEFAULT 0,   -- of the record: u64, same bits
  checked     INTEGER NOT NULL DEFAULT 0    -- when the cloud was last asked
, chained INTEGER NOT NULL DEFAULT 0, stated INTEGER NOT NULL DEFAULT 0, stated_hash BLOB NOT NULL DEFAULT x'', stated_device BLOB NOT NULL DEFAULT x'', stated_proof BLOB NOT NULL DEFAULT x'', deleted INTEGER NOT NULL DEFAULT 0, tombstone BLOB NOT NULL DEFAULT x'', lost INTEGER NOT NULL DEFAULT -1, named INTEGER NOT NULL DEFAULT 0) STRICT;
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
, gone INTEGER NOT NULL DEFAULT 0, edited BLOB NOT NULL DEFAULT x'', edit_time INTEGER NOT NULL DEFAULT 0, marks INTEGER NOT NULL DEFAULT 0, about BLOB NOT NULL DEFAULT x'', read INTEGER NOT NULL DEFAULT 0, expires INTEGER NOT NULL DEFAULT 0, import INTEGER NOT NULL DEFAULT 0, author TEXT NOT NULL DEFAULT '', service INTEGER NOT NULL DEFAULT 0, mentioned INTEGER NOT NULL DEFAULT 0, accounts BLOB NOT NULL DEFAULT x'', place INTEGER NOT NULL DEFAULT 0, follows BLOB NOT NULL DEFAULT x'') STRICT;
CREATE UNIQUE INDEX message_link ON message (chat, link);
CREATE INDEX message_id ON message (id);
CREATE INDEX message_sequence ON message (chat, sequence);
CREATE INDEX message_page ON message (chat, position) WHERE shown = 1;
CREATE INDEX message_state ON message (chat, state, sequence) WHERE own = 1;
CREATE TABLE sender (
  chat  BLOB NOT NULL PRIMARY KEY,
  state BLOB NOT NULL DEFAULT x''
) STRICT, WITHOUT ROWID;
CREATE TABLE sending_key (
  locator    BLOB NOT NULL,
  device     BLOB NOT NULL,
  commitment BLOB NOT NULL,
  chat       BLOB NOT NULL DEFAULT x'',
  state      BLOB NOT NULL DEFAULT x'',
  PRIMARY KEY (locator, device, commitment)
) STRICT, WITHOUT ROWID;
CREATE TABLE lane (
  number  INTEGER PRIMARY KEY,
  chat    BLOB    NOT NULL,
  device  BLOB    NOT NULL,
  track   BLOB    NOT NULL DEFAULT x'',
  missing INTEGER NOT NULL DEFAULT 0, until INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0, -- number of gaps
  UNIQUE (chat, device)
) STRICT;
CREATE INDEX lane_missing ON lane (number) WHERE missing > 0;
CREATE TABLE seen (
  lane      INTEGER NOT NULL REFERENCES lane (number),
  sequence  INTEGER NOT NULL,
  link      BLOB    NOT NULL DEFAULT x'',
  previous  BLOB    NOT NULL DEFAULT x'',
  time      INTEGER NOT NULL DEFAULT 0,
  signature BLOB    NOT NULL DEFAULT x'', -- first 16 octets
  PRIMARY KEY (lane, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE outgoing (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  message  BLOB    NOT NULL DEFAULT x'', -- id of the message whose state it moves; empty: none
  envelope BLOB    NOT NULL DEFAULT x'',
  attempts INTEGER NOT NULL DEFAULT 0,
  next     INTEGER NOT NULL DEFAULT 0,
  why      TEXT    NOT NULL DEFAULT ''
, peer BLOB NOT NULL DEFAULT x'') STRICT;
CREATE INDEX outgoing_next ON outgoing (next, position);
CREATE TABLE unsealed (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id       BLOB    NOT NULL UNIQUE,
  peer     BLOB    NOT NULL DEFAULT x'',
  text     TEXT    NOT NULL DEFAULT '',
  time     INTEGER NOT NULL DEFAULT 0
, content BLOB NOT NULL DEFAULT x'', due INTEGER NOT NULL DEFAULT 0, chat BLOB NOT NULL DEFAULT x'') STRICT;
CREATE TABLE cursor (
  home        BLOB    NOT NULL PRIMARY KEY,
  incarnation BLOB    NOT NULL DEFAULT x'', -- 8 octets
  sequence    INTEGER NOT NULL DEFAULT 0    -- u64, same bits
) STRICT, WITHOUT ROWID;
CREATE TABLE parked (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id       BLOB    NOT NULL,
  digest   BLOB    NOT NULL,              -- first 16 octets of the payload's SHA-256
  locator  BLOB    NOT NULL,
  sequence INTEGER NOT NULL DEFAULT 0,
  sender   BLOB    NOT NULL DEFAULT x'',  -- as the server said
  payload  BLOB    NOT NULL DEFAULT x'',
  size     INTEGER NOT NULL DEFAULT 0,    -- of payload
  received INTEGER NOT NULL DEFAULT 0, grp BLOB NOT NULL DEFAULT x'',
  UNIQUE (id, digest)
) STRICT;
CREATE INDEX parked_locator ON parked (locator, position);
CREATE TABLE parked_total (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  count INTEGER NOT NULL DEFAULT 0,
  size  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TRIGGER parked_insert AFTER INSERT ON parked BEGIN
  UPDATE parked_total SET count = count + 1, size = size + new.size;
END;
CREATE TRIGGER parked_delete AFTER DELETE ON parked BEGIN
  UPDATE parked_total SET count = count - 1, size = size - old.size;
END;
CREATE INDEX outgoing_peer ON outgoing (peer, position) WHERE peer <> x'';
CREATE TABLE server (
	fingerprint  BLOB NOT NULL PRIMARY KEY,
	announcement BLOB NOT NULL,             -- verified with certificate
	certificate  BLOB NOT NULL,
	took         INTEGER NOT NULL DEFAULT 0, -- ms that the last connection took to make; 0: there was none
	failed       INTEGER NOT NULL DEFAULT 0  -- when it was dialled in vain, ms since 1970; 0: not since the last connection
) STRICT, WITHOUT ROWID;
CREATE TABLE notice (
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  account  BLOB    NOT NULL,
  kind     TEXT    NOT NULL,             -- deleted, withheld, conflict, fork
  sequence INTEGER NOT NULL DEFAULT 0,   -- of the record that it is about; u64, same bits
  time     INTEGER NOT NULL DEFAULT 0,
  settled  INTEGER NOT NULL DEFAULT 0,   -- when it was over; 0: it stands
  served   BLOB    NOT NULL DEFAULT x'', -- the record that a server showed
  other    BLOB    NOT NULL DEFAULT x'', -- what speaks against it: a record, or 64 signature and transcript
  UNIQUE (account, kind, sequence)
) STRICT;
CREATE INDEX notice_standing ON notice (account) WHERE settled = 0;
CREATE INDEX peer_behind ON peer (number) WHERE stated > sequence;
CREATE INDEX message_expires ON message (expires) WHERE expires > 0;
CREATE INDEX message_about ON message (chat, about) WHERE about <> x'';
CREATE INDEX message_unprinted ON message (position) WHERE printed = 0 AND own = 0 AND shown > 0;
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
CREATE INDEX unsealed_due ON unsealed (due);
CREATE TABLE register (
  name    TEXT    NOT NULL,
  subject BLOB    NOT NULL,
  value   BLOB    NOT NULL DEFAULT x'',
  version INTEGER NOT NULL DEFAULT 0,
  time    INTEGER NOT NULL DEFAULT 0,
  device  BLOB    NOT NULL DEFAULT x'',
  PRIMARY KEY (name, subject)
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE word USING fts5 (
  body, facet, tokenize = "unicode61 categories 'L* N* Co So Sk Sc Sm'", content = '', contentless_delete = 1
);
CREATE INDEX message_time ON message (chat, time, position) WHERE shown = 1;
CREATE TABLE import (
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  source   TEXT    NOT NULL DEFAULT '',   -- line, telegram
  file     TEXT    NOT NULL DEFAULT '',   -- its name
  time     INTEGER NOT NULL DEFAULT 0,
  messages INTEGER NOT NULL DEFAULT 0     -- that it added
) STRICT;
CREATE INDEX message_import ON message (import) WHERE import > 0;
CREATE TABLE pending (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	id       BLOB    NOT NULL UNIQUE,         -- of the message
	peer     BLOB    NOT NULL DEFAULT x'',
	content  BLOB    NOT NULL DEFAULT x'',    -- encoded, without servers
	time     INTEGER NOT NULL DEFAULT 0,
	attempts INTEGER NOT NULL DEFAULT 0,
	next     INTEGER NOT NULL DEFAULT 0,      -- when it is tried again; 0: now
	why      TEXT    NOT NULL DEFAULT ''      -- code of the last failure
, chat BLOB NOT NULL DEFAULT x'') STRICT;
CREATE TABLE uploaded (
	name   BLOB    NOT NULL,
	server BLOB    NOT NULL,
	until  INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0, here INTEGER NOT NULL DEFAULT 1, -- as claimed
	PRIMARY KEY (name, server)
) STRICT, WITHOUT ROWID;
CREATE TABLE cached (
	name BLOB    NOT NULL PRIMARY KEY,
	size INTEGER NOT NULL DEFAULT 0,
	used INTEGER NOT NULL DEFAULT 0  -- when somebody wanted it last
) STRICT, WITHOUT ROWID;
CREATE INDEX cached_used ON cached (used);
CREATE TABLE known_group (
  id       BLOB    NOT NULL PRIMARY KEY,   -- 32 octets: name of the genesis
  chat     BLOB    NOT NULL UNIQUE,        -- 16 octets
  inviter  BLOB    NOT NULL DEFAULT x'',   -- account whose invitation was last; empty: none came
  ticket   BLOB    NOT NULL DEFAULT x'',   -- of the link by which this account asked to join; empty: by none
  accepted INTEGER NOT NULL DEFAULT 0      -- when this account accepted and no group key had come; 0: nothing is waited for
, bearer BLOB NOT NULL DEFAULT x'', maker BLOB NOT NULL DEFAULT x'', refuser BLOB NOT NULL DEFAULT x'', refused INTEGER NOT NULL DEFAULT 0, title TEXT NOT NULL DEFAULT '', subscribed INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE TABLE operation (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  grp    BLOB    NOT NULL,
  hash   BLOB    NOT NULL UNIQUE,
  data   BLOB    NOT NULL,                 -- as it travels
  taken  INTEGER NOT NULL DEFAULT 0        -- when a home had it first
) STRICT;
CREATE INDEX operation_grp ON operation (grp, number);
CREATE TABLE group_key (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  locator    BLOB    NOT NULL,
  device     BLOB    NOT NULL,
  commitment BLOB    NOT NULL,
  grp        BLOB    NOT NULL,
  time       INTEGER NOT NULL DEFAULT 0,   -- by the maker's clock
  state      BLOB    NOT NULL DEFAULT x'',
  UNIQUE (locator, device, commitment)
) STRICT;
CREATE INDEX group_key_grp ON group_key (grp, time);
CREATE TABLE group_record (
  locator BLOB NOT NULL PRIMARY KEY,
  grp     BLOB NOT NULL,
  payload BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE group_want (
  grp     BLOB    NOT NULL,
  account BLOB    NOT NULL,
  since   INTEGER NOT NULL DEFAULT 0, lacks BLOB NOT NULL DEFAULT x'',
  PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE group_request (
  grp     BLOB    NOT NULL,
  account BLOB    NOT NULL,
  text    TEXT    NOT NULL DEFAULT '',     -- what they say
  time    INTEGER NOT NULL DEFAULT 0, ticket BLOB NOT NULL DEFAULT x'', called TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE reach (
  chat      BLOB    NOT NULL,
  device    BLOB    NOT NULL,
  account   BLOB    NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0,    -- up to this sequence
  read      INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (chat, device, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE reach_one (
  message BLOB    NOT NULL,                -- id
  account BLOB    NOT NULL,
  state   INTEGER NOT NULL DEFAULT 0,      -- 4 delivered, 5 read
  PRIMARY KEY (message, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX parked_grp ON parked (grp, position) WHERE grp <> x'';
CREATE TABLE named (
	name     BLOB    NOT NULL,
	position INTEGER NOT NULL,
	PRIMARY KEY (name, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX named_position ON named (position);
CREATE INDEX uploaded_until ON uploaded (until);
CREATE TABLE aside (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	needs    BLOB    NOT NULL,              -- the account whose certificate is wanted
	sender   BLOB    NOT NULL DEFAULT x'',  -- as the server said
	id       BLOB    NOT NULL,
	digest   BLOB    NOT NULL,              -- first 16 octets of the payload's SHA-256
	payload  BLOB    NOT NULL DEFAULT x'',
	size     INTEGER NOT NULL DEFAULT 0,    -- of payload
	received INTEGER NOT NULL DEFAULT 0,
	UNIQUE (id, digest)
) STRICT;
CREATE INDEX aside_needs ON aside (needs, position);
CREATE INDEX aside_sender ON aside (sender, size);
CREATE INDEX aside_received ON aside (received);
CREATE TABLE prekey (
	hash     BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of the public packet
	key      BLOB    NOT NULL,             -- id that wraps name it by
	home     BLOB    NOT NULL,             -- where it was put
	use      INTEGER NOT NULL,
	made     INTEGER NOT NULL,
	replaced INTEGER NOT NULL DEFAULT 0,   -- when a newer stock took its place; 0: it stands
	secret   BLOB    NOT NULL
, chat BLOB NOT NULL DEFAULT x'', used INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX prekey_key ON prekey (key);
CREATE INDEX prekey_home ON prekey (home, made);
CREATE INDEX known_group_bearer ON known_group (bearer);
CREATE TABLE secure_chat (
  chat    BLOB    NOT NULL PRIMARY KEY,     -- 16 octets
  peer    BLOB    NOT NULL,
  opened  INTEGER NOT NULL DEFAULT 0,       -- when this device opened an epoch last; 0: never
  ahead   BLOB    NOT NULL DEFAULT x'',     -- counts of epochs that have not come: secure.MarshalTold
  classic INTEGER NOT NULL DEFAULT 0,       -- 1: the user agreed to wraps that are not safe against a quantum computer
  asked   INTEGER NOT NULL DEFAULT 0,       -- when a device was found to have no key; 0: all had one
  ended   INTEGER NOT NULL DEFAULT 0        -- when this account or the other one ended it; 0: it goes on
, grp BLOB NOT NULL DEFAULT x'') STRICT, WITHOUT ROWID;
CREATE TABLE secure_epoch (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  name    BLOB    NOT NULL UNIQUE,          -- 32 octets
  chat    BLOB    NOT NULL,
  locator BLOB    NOT NULL,                 -- 8 octets
  expires INTEGER NOT NULL,
  gone    INTEGER NOT NULL DEFAULT 0,       -- 1: destroyed; state is its record
  shut    INTEGER NOT NULL DEFAULT 0,       -- 1: this device does not send in it any more
  state   BLOB    NOT NULL,                 -- Epoch.Marshal; of a destroyed one Record.Marshal
  record  BLOB    NOT NULL DEFAULT x'') STRICT;
CREATE INDEX secure_epoch_chat ON secure_epoch (chat, number);
CREATE INDEX secure_epoch_locator ON secure_epoch (locator);
CREATE TABLE secure_told (
  chat   BLOB    NOT NULL,
  device BLOB    NOT NULL,
  made   INTEGER NOT NULL,
  prekey BLOB    NOT NULL,
  used   INTEGER NOT NULL DEFAULT 0,        -- 1: this device wrapped for it
  PRIMARY KEY (chat, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE secure_waiting (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  kind     INTEGER NOT NULL,                -- first octet of the payload
  locator  BLOB    NOT NULL,                -- of wraps and records; empty: of a message
  account  BLOB    NOT NULL,                -- that sent it, as the server said
  id       BLOB    NOT NULL,
  digest   BLOB    NOT NULL,                -- first 16 octets of the payload's SHA-256
  payload  BLOB    NOT NULL,
  received INTEGER NOT NULL DEFAULT 0,
  lost     INTEGER NOT NULL DEFAULT 0, room BLOB NOT NULL DEFAULT x'',      -- 1: wraps of which none opens
  UNIQUE (id, digest)
) STRICT;
CREATE INDEX secure_waiting_locator ON secure_waiting (locator, kind) WHERE locator <> x'';
CREATE INDEX secure_waiting_account ON secure_waiting (account, kind, position);
CREATE TABLE secure_seen (
  digest   BLOB    NOT NULL PRIMARY KEY,
  received INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX secure_seen_received ON secure_seen (received);
CREATE INDEX prekey_used ON prekey (used) WHERE used > 0;
CREATE INDEX message_service ON message (position) WHERE service = 1 AND printed = 0;
CREATE TABLE handover (
  device  BLOB    NOT NULL,               -- the other one
  gives   INTEGER NOT NULL,               -- 1: this device gives; 0: it takes
  state   TEXT    NOT NULL DEFAULT '',    -- asked, offered, done, expired
  since   INTEGER NOT NULL DEFAULT 0,     -- when it began
  name    BLOB    NOT NULL DEFAULT x'',   -- of the blob; empty: it is not made yet
  size    INTEGER NOT NULL DEFAULT 0,
  root    BLOB    NOT NULL DEFAULT x'',
  servers BLOB    NOT NULL DEFAULT x'',   -- fingerprints in wire form, one after the other
  total   INTEGER NOT NULL DEFAULT 0,     -- messages in it
  taken   INTEGER NOT NULL DEFAULT 0,     -- lines that were taken in
  base    INTEGER NOT NULL DEFAULT 0,     -- position behind the last of its messages; 0: there is no room in front
  why     TEXT    NOT NULL DEFAULT '',    -- code of the last failure
  PRIMARY KEY (device, gives)
) STRICT, WITHOUT ROWID;
CREATE TABLE certification (
  subject BLOB    NOT NULL,           -- account that is certified
  issuer  BLOB    NOT NULL,           -- account that claims to have made it
  packet  BLOB    NOT NULL,
  time    INTEGER NOT NULL DEFAULT 0, -- when it came
  PRIMARY KEY (subject, issuer)
) STRICT, WITHOUT ROWID;
CREATE TABLE succession (
  old       BLOB    NOT NULL,
  successor BLOB    NOT NULL,
  statement BLOB    NOT NULL DEFAULT x'', -- of the old key
  answer    BLOB    NOT NULL DEFAULT x'', -- of the new key
  time      INTEGER NOT NULL DEFAULT 0,   -- when it came
  proven    INTEGER NOT NULL DEFAULT 0,   -- when both were verified; 0: they were not
  PRIMARY KEY (old, successor)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_mention ON message (chat, position) WHERE mentioned = 1 AND printed = 0 AND read = 0;
CREATE INDEX secure_waiting_received ON secure_waiting (received);
CREATE INDEX secure_waiting_room ON secure_waiting (room, kind) WHERE room <> x'';
CREATE TABLE secure_wrap (
  epoch   BLOB NOT NULL,
  account BLOB NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (epoch, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE held (
	name     BLOB    NOT NULL,
	position INTEGER NOT NULL,
	PRIMARY KEY (name, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_position ON held (position);
CREATE TABLE dropped (
	name BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE delivery_token (
  account BLOB    NOT NULL PRIMARY KEY,
  token   BLOB    NOT NULL,
  time    INTEGER NOT NULL DEFAULT 0 -- of the message that told it
, passing INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE INDEX peer_lost ON peer (lost) WHERE lost <> 0;
CREATE INDEX unsealed_peer ON unsealed (peer, position);
CREATE INDEX unsealed_chat ON unsealed (chat, position);
CREATE TABLE pack (
	number  INTEGER PRIMARY KEY AUTOINCREMENT,
	name    BLOB    NOT NULL UNIQUE,
	content BLOB    NOT NULL
) STRICT;
CREATE TABLE stranger_try (
  account BLOB    NOT NULL PRIMARY KEY,
  since   INTEGER NOT NULL,
  tries   INTEGER NOT NULL,
  octets  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stranger_try_since ON stranger_try (since);
CREATE TABLE delivery_token_mark (
  one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  mark INTEGER NOT NULL
) STRICT;
CREATE TRIGGER delivery_token_insert AFTER INSERT ON delivery_token BEGIN
  UPDATE delivery_token_mark SET mark = random();
END;
CREATE TRIGGER delivery_token_update AFTER UPDATE OF account, token ON delivery_token
WHEN old.account <> new.account OR old.token <> new.token BEGIN
  UPDATE delivery_token_mark SET mark = random();
END;
CREATE TRIGGER delivery_token_delete AFTER DELETE ON delivery_token BEGIN
  UPDATE delivery_token_mark SET mark = random();
END;
CREATE TABLE token_told (
  account BLOB NOT NULL PRIMARY KEY,
  token   BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stranger_place (
  account BLOB    NOT NULL PRIMARY KEY,
  home    BLOB    NOT NULL, -- empty: it named none
  since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stranger_place_since ON stranger_place (since);
CREATE TABLE group_chore (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  account BLOB    NOT NULL,               -- whose message it was
  device  BLOB    NOT NULL,
  time    INTEGER NOT NULL DEFAULT 0,     -- by the sender's clock
  content BLOB    NOT NULL,
  tries   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX group_chore_account ON group_chore (account);
CREATE TABLE pursuit (
  key   TEXT    NOT NULL PRIMARY KEY,
  times INTEGER NOT NULL DEFAULT 0,
  next  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE outdone (
  mark    INTEGER NOT NULL REFERENCES mark (number) ON DELETE CASCADE, -- what outdid it
  version INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  device  BLOB    NOT NULL,
  value   BLOB    NOT NULL,
  PRIMARY KEY (mark, version, time, device, value)
) STRICT, WITHOUT ROWID;
CREATE TABLE subscriber (
  grp     BLOB    NOT NULL,
  account BLOB    NOT NULL,
  state   INTEGER NOT NULL, -- 0 subscribes, 1 does no more, 2 is kept out
  time    INTEGER NOT NULL, bearer BLOB NOT NULL DEFAULT x'', ended INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_called ON message (position, chat) WHERE mentioned = 1;
CREATE TABLE guest (
  account BLOB    NOT NULL PRIMARY KEY,
  since   INTEGER NOT NULL -- it was invited last
) STRICT, WITHOUT ROWID;
CREATE INDEX guest_since ON guest (since);
CREATE TRIGGER delivery_token_passing AFTER UPDATE OF time, passing ON delivery_token
WHEN old.time <> new.time OR old.passing <> new.passing BEGIN
  UPDATE delivery_token_mark SET mark = random();
END;
CREATE INDEX subscriber_bearer ON subscriber (grp, bearer);
CREATE TABLE subscriber_untold (
  grp     BLOB    NOT NULL,
  account BLOB    NOT NULL,
  state   INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  tries   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_place ON message (chat, place, position) WHERE shown = 1;
CREATE INDEX message_follows ON message (chat, follows) WHERE follows <> x'';
CREATE TABLE earlier (
  grp     BLOB    NOT NULL PRIMARY KEY,
  link    BLOB    NOT NULL, -- of the message before which the next page is asked for; zeros: of none
  time    INTEGER NOT NULL, -- of that message
  giver   BLOB    NOT NULL, -- who gave the last page; empty: nobody
  whole   INTEGER NOT NULL DEFAULT 0, -- there is nothing before it, or nothing that the rules allow
  without BLOB    NOT NULL DEFAULT x'' -- accounts that have nothing before it
) STRICT, WITHOUT ROWID;
CREATE INDEX mark_said ON mark (chat, account) WHERE kind IN (9, 10);
CREATE TABLE word_untold (
  number  INTEGER PRIMARY KEY AUTOINCREMENT, -- another one when there is a later word
  grp     BLOB    NOT NULL,
  target  BLOB    NOT NULL,
  kind    INTEGER NOT NULL, -- of the mark
  account BLOB    NOT NULL,
  tries   INTEGER NOT NULL DEFAULT 0,
  UNIQUE (grp, target, kind, account)
) STRICT;
CREATE INDEX word_untold_tries ON word_untold (tries, number);
CREATE TABLE word_due (
  grp    BLOB    NOT NULL,
  target BLOB    NOT NULL,
  since  INTEGER NOT NULL,
  PRIMARY KEY (grp, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX word_due_since ON word_due (grp, since);
CREATE TABLE word_told (
  grp  BLOB    NOT NULL PRIMARY KEY,
  time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX succession_successor ON succession (successor, proven, old) WHERE proven <> 0;
INSERT INTO parked_total (one, count, size) VALUES (1, 0, 0);
INSERT INTO delivery_token_mark (one, mark) VALUES (1, random());
INSERT INTO sqlite_sequence (name, seq) VALUES ('message', 1099511627776);
