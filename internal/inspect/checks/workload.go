package checks

func workloadChecks() []Check { return nil }
