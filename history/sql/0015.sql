-- What is missing of a group, as far as it is known by name: 32 octets each. Whoever
-- brings it, it is not asked for any more.
ALTER TABLE group_want ADD COLUMN lacks BLOB NOT NULL DEFAULT x'';

-- Who brought a group here that this account is not in: the latest few are kept.
ALTER TABLE known_group ADD COLUMN bearer BLOB NOT NULL DEFAULT x'';
CREATE INDEX known_group_bearer ON known_group (bearer);
