"""The sign-in service of the stand-in: the part of GoTrue that its clients and we use."""
