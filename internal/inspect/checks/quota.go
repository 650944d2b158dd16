package checks

func quotaChecks() []Check { return nil }
