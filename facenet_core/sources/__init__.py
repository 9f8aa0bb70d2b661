"""Pictures from outside: searched for by a word, kept with their licence, fetched with restraint."""
