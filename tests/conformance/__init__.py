"""The real Supabase clients against the stand-in, or any other Supabase."""
