-- The name of a group in the link by which this account asked to join. (spec/group.md,
-- GROUP-37)
ALTER TABLE known_group ADD COLUMN title TEXT NOT NULL DEFAULT '';

-- What who asks to join calls itself, by the word of who passed that on.
ALTER TABLE group_request ADD COLUMN called TEXT NOT NULL DEFAULT '';
