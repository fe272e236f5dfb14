-- What has waited for too long is found without reading it.
CREATE INDEX secure_waiting_received ON secure_waiting (received);
