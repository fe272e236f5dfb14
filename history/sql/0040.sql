-- Messages that called this account, read ones too.
CREATE INDEX message_called ON message (position, chat) WHERE mentioned = 1;
