"""The local stand-in for `supabase start`, without Docker. For development only."""
