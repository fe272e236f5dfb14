-- Whose envelopes leave in their order: one that has to be tried again holds up
-- those behind it. Empty: it holds up nothing.
ALTER TABLE outgoing ADD COLUMN peer BLOB NOT NULL DEFAULT x'';

CREATE INDEX outgoing_peer ON outgoing (peer, position) WHERE peer <> x'';
