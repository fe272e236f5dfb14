-- Groups. Their chats are rows of chat with kind 3, without a peer, titled by the
-- group's name.
CREATE TABLE known_group (
  id       BLOB    NOT NULL PRIMARY KEY,   -- 32 octets: name of the genesis
  chat     BLOB    NOT NULL UNIQUE,        -- 16 octets
  inviter  BLOB    NOT NULL DEFAULT x'',   -- account whose invitation was last; empty: none came
  ticket   BLOB    NOT NULL DEFAULT x'',   -- of the link by which this account asked to join; empty: by none
  accepted INTEGER NOT NULL DEFAULT 0      -- when this account accepted and no group key had come; 0: nothing is waited for
) STRICT, WITHOUT ROWID;

-- Their operations, in an order in which each comes after its past; verified.
CREATE TABLE operation (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  grp    BLOB    NOT NULL,
  hash   BLOB    NOT NULL UNIQUE,
  data   BLOB    NOT NULL,                 -- as it travels
  taken  INTEGER NOT NULL DEFAULT 0        -- when a home had it first
) STRICT;

CREATE INDEX operation_grp ON operation (grp, number);

-- Group keys: chat.GroupKey.
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

-- Group records of this device, as they were sent.
CREATE TABLE group_record (
  locator BLOB NOT NULL PRIMARY KEY,
  grp     BLOB NOT NULL,
  payload BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Who is to be asked for operations of a group that are missing.
CREATE TABLE group_want (
  grp     BLOB    NOT NULL,
  account BLOB    NOT NULL,
  since   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;

-- Who asks to join by a link of this account, and was not answered.
CREATE TABLE group_request (
  grp     BLOB    NOT NULL,
  account BLOB    NOT NULL,
  text    TEXT    NOT NULL DEFAULT '',     -- what they say
  time    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;

-- How far the messages of a device of this account have come with each account
-- of a group.
CREATE TABLE reach (
  chat      BLOB    NOT NULL,
  device    BLOB    NOT NULL,
  account   BLOB    NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0,    -- up to this sequence
  read      INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (chat, device, account)
) STRICT, WITHOUT ROWID;

-- And single messages beyond that.
CREATE TABLE reach_one (
  message BLOB    NOT NULL,                -- id
  account BLOB    NOT NULL,
  state   INTEGER NOT NULL DEFAULT 0,      -- 4 delivered, 5 read
  PRIMARY KEY (message, account)
) STRICT, WITHOUT ROWID;

-- What an envelope waits for: operations of this group; empty: its key.
ALTER TABLE parked ADD COLUMN grp BLOB NOT NULL DEFAULT x'';

CREATE INDEX parked_grp ON parked (grp, position) WHERE grp <> x'';

-- Messages to a group that wait to be sealed: its chat; empty: it is to peer.
ALTER TABLE unsealed ADD COLUMN chat BLOB NOT NULL DEFAULT x'';
ALTER TABLE pending ADD COLUMN chat BLOB NOT NULL DEFAULT x'';
