"""What the command lines share: flags, overrides of a config, how a command ends."""
