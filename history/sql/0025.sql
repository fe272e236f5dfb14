-- Which messages of anybody name a blob, and so have its file kept.
CREATE TABLE held (
	name     BLOB    NOT NULL,
	position INTEGER NOT NULL,
	PRIMARY KEY (name, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX held_position ON held (position);

-- Blobs that no message names any more: their files go.
CREATE TABLE dropped (
	name BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
