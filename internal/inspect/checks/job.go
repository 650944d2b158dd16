package checks

func jobChecks() []Check { return nil }
