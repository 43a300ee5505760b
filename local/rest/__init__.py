"""The `/rest/v1` of the stand-in: tables and functions over HTTP, as PostgREST serves them."""
