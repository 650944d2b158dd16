package checks

func storageChecks() []Check { return nil }
