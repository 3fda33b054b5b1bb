"""Files of others, unchanged; `manifest.json` names what they are, and a test compares."""
