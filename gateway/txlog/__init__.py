"""The transaction log: one record per direction, durable before anything is sent on (FSC Logging)."""
