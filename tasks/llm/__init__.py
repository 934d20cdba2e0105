"""The language-model server and its clients."""
