-- Servers that this device may attach to, as they announced themselves.
CREATE TABLE server (
	fingerprint  BLOB NOT NULL PRIMARY KEY,
	announcement BLOB NOT NULL,             -- verified with certificate
	certificate  BLOB NOT NULL,
	took         INTEGER NOT NULL DEFAULT 0, -- ms that the last connection took to make; 0: there was none
	failed       INTEGER NOT NULL DEFAULT 0  -- when it was dialled in vain, ms since 1970; 0: not since the last connection
) STRICT, WITHOUT ROWID;
