-- Messages of another device of the account come in front of those that are here:
-- there is room below.
INSERT INTO sqlite_sequence (name, seq) SELECT 'message', 1099511627776 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'message');

-- Histories that go to another device of the account, or come from one.
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
