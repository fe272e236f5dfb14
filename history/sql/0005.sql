-- What is known of a peer's records beside the newest one.
ALTER TABLE peer ADD COLUMN chained INTEGER NOT NULL DEFAULT 0;   -- from this sequence on each record names the one before; u64, same bits
ALTER TABLE peer ADD COLUMN stated INTEGER NOT NULL DEFAULT 0;    -- highest sequence that a signed message spoke of; u64, same bits
ALTER TABLE peer ADD COLUMN stated_hash BLOB NOT NULL DEFAULT x'';   -- 16 octets
ALTER TABLE peer ADD COLUMN stated_device BLOB NOT NULL DEFAULT x''; -- that signed it
ALTER TABLE peer ADD COLUMN stated_proof BLOB NOT NULL DEFAULT x'';  -- 64 signature, transcript
ALTER TABLE peer ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;      -- when this was learned; 0: it was not
ALTER TABLE peer ADD COLUMN tombstone BLOB NOT NULL DEFAULT x'';     -- the certificate of a deleted account; certificate stays as it was

-- What a person should know about an account, with what proves it.
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
