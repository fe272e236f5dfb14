-- What is missing of a group, as far as it is known by name: 32 octets each. Whoever
-- brings it, it is not asked for any more.
ALTER TABLE group_want ADD COLUMN lacks BLOB NOT NULL DEFAULT x'';
