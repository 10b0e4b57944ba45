"""What the command lines share: flags, overrides of a config, exit codes."""
