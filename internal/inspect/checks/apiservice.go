package checks

func apiServiceChecks() []Check { return nil }
