"""Files that anybody may have written or may be writing: read, written, locked, hashed and named with care."""
