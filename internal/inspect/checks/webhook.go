package checks

func webhookChecks() []Check { return nil }
