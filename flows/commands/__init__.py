"""The command line: a module for each group of commands, gathered in `command_line`."""
