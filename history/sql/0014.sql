-- Prekeys of this device (spec/secure.md, SEC-1): secrets, which are overwritten
-- when they are deleted and are in no backup.
CREATE TABLE prekey (
	hash     BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of the public packet
	key      BLOB    NOT NULL,             -- id that wraps name it by
	home     BLOB    NOT NULL,             -- where it was put
	use      INTEGER NOT NULL,
	made     INTEGER NOT NULL,
	replaced INTEGER NOT NULL DEFAULT 0,   -- when a newer stock took its place; 0: it stands
	secret   BLOB    NOT NULL
) STRICT;

CREATE INDEX prekey_key ON prekey (key);
CREATE INDEX prekey_home ON prekey (home, made);
