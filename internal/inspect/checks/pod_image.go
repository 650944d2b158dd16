package checks

func imageChecks() []Check { return nil }
