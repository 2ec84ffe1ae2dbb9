"""The FSC Peer: Manager, Directory, Inway, Outway, transaction log and their administration."""
