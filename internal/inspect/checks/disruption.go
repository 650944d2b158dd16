package checks

func disruptionChecks() []Check { return nil }
