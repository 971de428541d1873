"""What is for MkDocs alone: the hook, what it patches, and what makes its builds fast and its index small."""
