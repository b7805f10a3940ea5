"""Rules of ours that no ready-made linter knows: where SQL may stand, whose rows it names, what no file may hold."""
