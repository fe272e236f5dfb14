-- Sticker packs of this account whose blob was here: what is in them. Their blobs
-- stand in named and held under the number below zero.
CREATE TABLE pack (
	number  INTEGER PRIMARY KEY AUTOINCREMENT,
	name    BLOB    NOT NULL UNIQUE,
	content BLOB    NOT NULL
) STRICT;
