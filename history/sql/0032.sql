-- Lines about groups have service = 2. accounts: u32 how many they are about, and
-- the first of them as on the wire.
ALTER TABLE message ADD COLUMN accounts BLOB NOT NULL DEFAULT x'';
