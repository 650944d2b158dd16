package checks

func nodeChecks() []Check { return nil }
