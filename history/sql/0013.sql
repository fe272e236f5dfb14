-- Envelopes whose signer's certificate is not here and could not be had when
-- they came. They are opened when it is known, in the order of their positions.
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
