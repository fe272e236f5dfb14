-- What waits to be sealed, by whom it is for and by its chat.
CREATE INDEX unsealed_peer ON unsealed (peer, position);
CREATE INDEX unsealed_chat ON unsealed (chat, position);
