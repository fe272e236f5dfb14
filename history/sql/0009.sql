-- Messages with media that wait until their blobs are at the servers, in order.
CREATE TABLE pending (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	id       BLOB    NOT NULL UNIQUE,         -- of the message
	peer     BLOB    NOT NULL DEFAULT x'',
	content  BLOB    NOT NULL DEFAULT x'',    -- encoded, without servers
	time     INTEGER NOT NULL DEFAULT 0,
	attempts INTEGER NOT NULL DEFAULT 0,
	next     INTEGER NOT NULL DEFAULT 0,      -- when it is tried again; 0: now
	why      TEXT    NOT NULL DEFAULT ''      -- code of the last failure
) STRICT;

-- Where blobs are that this device uploaded.
CREATE TABLE uploaded (
	name   BLOB    NOT NULL,
	server BLOB    NOT NULL,
	until  INTEGER NOT NULL DEFAULT 0, -- as claimed
	PRIMARY KEY (name, server)
) STRICT, WITHOUT ROWID;

-- Blobs in the cache of this home: files named by their name.
CREATE TABLE cached (
	name BLOB    NOT NULL PRIMARY KEY,
	size INTEGER NOT NULL DEFAULT 0,
	used INTEGER NOT NULL DEFAULT 0  -- when somebody wanted it last
) STRICT, WITHOUT ROWID;

CREATE INDEX cached_used ON cached (used);
