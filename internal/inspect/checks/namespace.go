package checks

func namespaceChecks() []Check { return nil }
