package checks

func schedulingChecks() []Check { return nil }
