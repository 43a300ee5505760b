"""Realtime of the local stand-in: channels over WebSocket, fed by the database's own log."""
