package checks

func ingressChecks() []Check { return nil }
